"""Verdicts on numbers made up: outcomes of parts, of groups and of claims, and their p values by hand."""

from math import inf, nan

import numpy as np
import pytest
from scipy.stats import norm

from compendium.judging import verdicts
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
        assert part.outcome() == outcome and part.p() == 0


@pytest.mark.parametrize("distance", [-3, -1.2, -0.99, 0.99, 1.2, 3])
def test_p_is_that_of_the_normal_distribution_and_below_5_percent_just_where_the_interval_excludes_the_bound(distance):
    part = Part("x", distance, distance - 1, distance + 1, 20, least=0)  # a half-width of 1 is 1.96 standard errors
    assert (part.outcome() != "open") == (abs(distance) > 1)
    if abs(distance) > 1:
        assert part.p() == pytest.approx(2 * norm.sf(1.96 * abs(distance)), rel=1e-3)
        assert part.p() < 0.05


def test_the_side_of_the_interval_that_faces_the_bound_counts():
    wide_below, wide_above = Part("x", 2, 0.5, 2.1, 9, least=0), Part("x", 2, 1.9, 3.5, 9, least=0)
    assert wide_below.p() > wide_above.p()
    both = Part("x", 0, -0.5, 0.9, 9, least=-1, most=1)
    assert both.p() == pytest.approx(max(2 * norm.sf(verdicts.Z / 0.5), 2 * norm.sf(verdicts.Z / 0.9)))


QUANTILES = {0.04: 2.053749, 0.03: 2.170090, 0.02: 2.326348, 0.01: 2.575829, 0.002: 3.090232}
"""Two-sided p → z, from a table of the normal distribution."""


def made_of(spec: list[float | str], group: str = "meant") -> list[Part]:
    """Parts that hold with p > 0, fail with −p < 0, or are "open", "lacking" (an interval), "nothing" (is recorded)."""
    others = {"open": dict(value=0.5, low=-0.5, high=1.5, n=9), "lacking": dict(value=5.0, n=4), "nothing": {}}
    found = []
    for one in spec:
        if isinstance(one, str):
            own = others[one]
        else:
            x = np.sign(one) * QUANTILES[abs(one)] / 1.959964  # in half-widths of a 95 % interval
            own = dict(value=x, low=x - 1, high=x + 1, n=9)
        found.append(Part("x", **own, least=0, group=group))
    return found


@pytest.mark.parametrize(
    ("spec", "outcome", "p"),
    [
        ([0.02, 0.03, 0.01], "holds", 0.03),
        ([-0.01, 0.03, 0.02], "fails", 0.03),  # one of three fails, any of them might have
        ([-0.01, -0.002, 0.02], "fails", 0.006),
        ([-0.01, "open", "nothing"], "fails", 0.03),
        ([-0.04] + 29 * [0.002], "fails", 1.0),  # and no more than that
        ([0.02, "open", 0.01], "open", 1.0),
        ([0.02, "open", "lacking"], "lacking", 1.0),
        ([], "lacking", 1.0),
    ],
)
def test_p_of_a_group_by_hand(spec, outcome, p):
    found = verdicts.together(made_of(spec))
    assert found[0] == outcome and found[1] == pytest.approx(p, rel=1e-5)


@pytest.mark.parametrize(
    ("meant", "published", "stronger", "verdict", "p"),
    [
        ([0.01, 0.03], [0.04], [], "reproduced", 0.03),
        ([0.01, 0.03], ["open", 0.04], ["open"], "reproduced", 0.03),
        ([0.01], [], [0.02, 0.002], "stronger than claimed", 0.02),
        ([0.03], [-0.04], [0.02], "stronger than claimed", 0.03),
        ([0.01], [-0.02], [], "only as meant", 0.02),
        ([0.01], [-0.01, 0.002, 0.04], [], "only as meant", 0.03),
        ([0.03, 0.002], [-0.01, 0.04], [-0.01], "only as meant", 0.03),
        ([-0.01], [0.03, 0.02], [], "only as published", 0.03),
        ([-0.01, 0.03, 0.03], [0.02], [], "only as published", 0.03),
        ([-0.01, 0.04], [], [], "not reproduced", 0.02),
        ([-0.01, 0.04], [-0.002], [], "not reproduced", 0.02),
        ([-0.01], [0.02, -0.01], [], "not reproduced", 0.01),
        ([-0.01], [0.02, "open"], [], "not reproduced", 0.01),
        ([-0.01, "open", "nothing"], ["open"], [0.04], "not reproduced", 0.03),
        ([-0.01], ["lacking"], [], "inconclusive", 1.0),
        ([-0.01], [0.02, "lacking"], [], "inconclusive", 1.0),
        ([0.01, "nothing"], [], [], "inconclusive", 1.0),
        ([0.01, "lacking"], [0.01], [], "inconclusive", 1.0),
        ([0.01, "open"], [0.01], [0.01], "inconclusive", 1.0),
        (["nothing"], ["nothing"], [], "not tested", 1.0),
    ],
)
def test_a_verdict_and_its_p_by_hand(meant, published, stronger, verdict, p):
    groups = {"meant": meant, "published": published, "stronger": stronger}
    found = verdicts.judge([part for group, spec in groups.items() for part in made_of(spec, group)])
    assert found[0] == verdict and found[1] == pytest.approx(p, rel=1e-5)


def test_what_holm_does_not_keep_becomes_inconclusive_and_counts_are_left_alone():
    alone = [("reproduced", 0.03), ("not reproduced", 0.04), ("inconclusive", 1.0), ("reproduced", 0.0)]
    together = verdicts.keep(alone, [True, True, True, False])
    assert [verdict for verdict, _ in together] == ["inconclusive", "inconclusive", "inconclusive", "reproduced"]
    kept = verdicts.keep([("reproduced", 0.01), ("not reproduced", 0.04)], [True, True])
    assert [verdict for verdict, _ in kept] == ["reproduced", "not reproduced"]


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
