"""Verdicts on numbers made up: outcomes of parts, of groups and of claims, by hand."""

from math import inf, nan

import numpy as np
import pytest

from compendium.judging import statistics, verdicts
from compendium.judging.verdicts import Part


@pytest.mark.parametrize(
    ("value", "low", "high", "least", "most", "outcome"),
    [
        (2, 1, 3, 0, inf, "holds"),
        (2, 1, 3, 1, 3, "holds"),
        (2, 1, 3, 2.5, inf, "open"),
        (2, 1, 3, 3.5, inf, "fails"),
        (2, 1, 3, -inf, 0.5, "fails"),
        (2, 1, 3, -1, 1.5, "open"),
        (2, nan, nan, 0, inf, "open"),
    ],
)
def test_a_part_holds_fails_or_is_open_by_its_interval(value, low, high, least, most, outcome):
    assert Part("x", value, low, high, 9, least, most).outcome() == outcome


def test_counts_have_no_interval_and_no_chance():
    for value, outcome in ((295, "holds"), (291, "fails")):
        part = Part("rows", value, n=None, least=295, most=295)
        assert part.outcome() == outcome and not part.has_interval()


@pytest.mark.parametrize("n", [8, 96])
def test_intervals_are_widened_until_all_of_them_hold_the_truth_with_95_percent(n):
    """By simulation: of 60 means of n normal numbers with mean 0, some interval misses 0 in one of twenty repeats.

    Intervals are the bootstrap's: a few are drawn, and the half-widths of many follow from their ratio to the spread.
    """
    drawn = np.random.default_rng(0).normal(size=(4000, 60, n))
    mean, spread = drawn.mean(-1), drawn.std(-1, ddof=1) / np.sqrt(n)
    _, low, high = statistics.mean_interval(drawn[:5].reshape(-1, n).T)
    half = ((high - low) / 2 / spread[:5].ravel()).mean() * spread
    missed = np.abs(mean) > verdicts.widening(60, n) * half
    assert 0.035 < missed.any(axis=1).mean() < 0.06
    assert verdicts.widening(1, 10**6) == pytest.approx(1, abs=1e-4)


def test_only_intervals_are_counted_and_widened():
    one = Part("x", 2.0, 1.0, 4.0, 9, least=0.5)
    others = [Part("count", 3, n=None, least=3, most=3), Part("nothing"), Part("few", 1.0, n=4)]
    assert verdicts.intervals([one, one, *others]) == 2 and verdicts.intervals([]) == 1
    for part in others:
        assert part.widened(60) is part
    factor = verdicts.widening(60, 9)
    wide = one.widened(60)
    assert (wide.value, wide.low, wide.high) == pytest.approx((2.0, 2 - factor, 2 + 2 * factor))
    assert one.outcome() == "holds" and wide.outcome() == "open"


def test_slack_keeps_a_part_open_that_no_number_could_meet():
    """The bound is −1 and the number cannot be below −0.5: it fails only above +1."""
    about = dict(n=9, most=-1.0, slack=2.0)
    assert Part("x", 0.2, 0.0, 0.4, **about).outcome() == "open"
    assert Part("x", 1.4, 1.2, 1.6, **about).outcome() == "fails"
    assert verdicts.standardised(Part("x", 0.2, 0.0, 0.4, **about)) == (0, -1, 1)
    assert verdicts.standardised(Part("x", 1.4, 1.2, 1.6, **about))[2] < 0


def made_of(spec: list[str], group: str = "meant") -> list[Part]:
    """Parts that hold (+), fail (−), are open (o), lack an interval (l), or of which nothing is recorded (n)."""
    kinds = {
        "+": dict(value=2.0, low=1.0, high=3.0, n=9),
        "-": dict(value=-2.0, low=-3.0, high=-1.0, n=9),
        "o": dict(value=0.5, low=-0.5, high=1.5, n=9),
        "l": dict(value=5.0, n=4),
        "n": {},
    }
    return [Part("x", **kinds[kind], least=0, group=group) for kind in spec]


@pytest.mark.parametrize(
    ("spec", "outcome"),
    [("+++", "holds"), ("-++", "fails"), ("-on", "fails"), ("+o+", "open"), ("+ol", "lacking"), ("", "lacking")],
)
def test_outcome_of_a_group_by_hand(spec, outcome):
    assert verdicts.together(made_of(spec)) == outcome


@pytest.mark.parametrize(
    ("meant", "published", "stronger", "verdict"),
    [
        ("++", "+", "", "reproduced"),
        ("++", "o+", "o", "reproduced"),
        ("+", "", "++", "stronger than claimed"),
        ("+", "-", "+", "stronger than claimed"),
        ("+", "-", "", "only as meant"),
        ("+", "-++", "", "only as meant"),
        ("++", "-+", "-", "only as meant"),
        ("-", "++", "", "only as published"),
        ("-++", "+", "", "only as published"),
        ("-+", "", "", "not reproduced"),
        ("-+", "-", "", "not reproduced"),
        ("-", "+-", "", "not reproduced"),
        ("-", "+o", "", "not reproduced"),
        ("-on", "o", "+", "not reproduced"),
        ("-", "l", "", "inconclusive"),
        ("-", "+l", "", "inconclusive"),
        ("+n", "", "", "inconclusive"),
        ("+l", "+", "", "inconclusive"),
        ("+o", "+", "+", "inconclusive"),
        ("n", "n", "", "not tested"),
    ],
)
def test_a_verdict_by_hand(meant, published, stronger, verdict):
    groups = {"meant": meant, "published": published, "stronger": stronger}
    assert verdicts.judge([part for group, spec in groups.items() for part in made_of(spec, group)]) == verdict


def test_the_place_in_the_figure_agrees_with_the_outcome():
    rng = np.random.default_rng(0)
    for _ in range(300):
        low, value, high = np.sort(rng.normal(size=3))
        least, most = np.sort(rng.normal(size=2)) * rng.choice([1, 3])
        part = Part("x", value, low, high, 9, *((least, inf) if rng.random() < 0.5 else (least, most)))
        _, x_low, x_high = verdicts.standardised(part)
        if part.most == inf:
            assert part.outcome() == ("holds" if x_low >= 0 else "fails" if x_high < 0 else "open")
        elif part.outcome() == "fails":
            assert x_high < 0
    assert np.isnan(verdicts.standardised(Part("x"))).all()
