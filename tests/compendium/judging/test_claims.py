"""Verdicts on numbers made up, measurements on trajectories made up, and the committed scoreboard on recorded ones."""

import ast
import tomllib
from dataclasses import replace
from itertools import pairwise
from math import inf, nan

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from compendium import ROOT, store
from compendium.feature_gradient import diversity, question
from compendium.feature_gradient.cells import CELLS
from compendium.feature_gradient.measurements import ablations, campaigns, inner_loop, networks
from compendium.judging import claims, statistics
from compendium.judging.claims import parts
from compendium.judging.verdicts import Part

NAMED = {
    "nets-r2", "nets-mae", "nets-epochs", "parity", "bigger-better", "cost-enum", "cost-grad", "crossover", "entropy",
    "stability", "tsne", "features", "starts", "af", "formulas", "linear", "grid-sizes", "test-as-val", "n-rows",
    "similar-picks", "initial-data", "negligible-loss",
}  # fmt: skip
"""The claims that this compendium set out to judge; others may join them."""


# Parts and verdicts.


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
    assert both.p() == pytest.approx(max(2 * norm.sf(parts.Z / 0.5), 2 * norm.sf(parts.Z / 0.9)))


HOLDS, FAILS, OPEN = (dict(value=x, low=x - 1, high=x + 1, n=9, least=0) for x in (5, -5, 0.5))
LACKING, NOTHING = dict(value=5.0, n=4, least=0), dict(least=0)


@pytest.mark.parametrize(
    ("meant", "slsqp_ei", "stronger", "verdict"),
    [
        ([HOLDS, HOLDS], [], [], "reproduced"),
        ([HOLDS], [FAILS], [], "only as meant"),
        ([HOLDS, HOLDS], [HOLDS, FAILS], [OPEN], "only as meant"),
        ([HOLDS], [OPEN], [], "reproduced"),
        ([HOLDS], [FAILS], [HOLDS], "stronger than claimed"),
        ([HOLDS], [], [HOLDS], "stronger than claimed"),
        ([HOLDS], [], [OPEN], "reproduced"),
        ([FAILS, HOLDS], [HOLDS, HOLDS], [], "only as published"),
        ([FAILS], [HOLDS, FAILS], [], "not reproduced"),
        ([FAILS], [HOLDS, OPEN], [], "not reproduced"),
        ([FAILS], [HOLDS, LACKING], [], "inconclusive"),
        ([FAILS, NOTHING], [], [], "not reproduced"),
        ([HOLDS, NOTHING], [], [], "inconclusive"),
        ([HOLDS, LACKING], [HOLDS], [], "inconclusive"),
        ([OPEN], [HOLDS], [HOLDS], "inconclusive"),
        ([NOTHING], [NOTHING], [], "not tested"),
    ],
)
def test_verdict(meant, published, stronger, verdict):
    groups = {"meant": meant, "slsqp_ei": published, "stronger": stronger}
    assert parts.judge([Part("x", **own, group=g) for g, all_own in groups.items() for own in all_own])[0] == verdict


def test_one_failure_among_many_parts_is_worth_less_and_all_must_hold():
    failing, holding = Part("x", **FAILS), Part("x", **HOLDS)
    assert parts.together([failing])[1] * 3 == pytest.approx(parts.together([failing, holding, holding])[1])
    weak = Part("x", 1.1, 0.1, 2.1, 9, least=0)
    assert parts.together([holding, weak]) == ("holds", weak.p())


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
    found = parts.together(made_of(spec))
    assert found[0] == outcome and found[1] == pytest.approx(p, rel=1e-5)


@pytest.mark.parametrize(
    ("meant", "slsqp_ei", "stronger", "verdict", "p"),
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
        ([-0.01, "open", "nothing"], ["open"], [0.04], "not reproduced", 0.03),
        ([-0.01], ["lacking"], [], "inconclusive", 1.0),
        ([0.01, "open"], [0.01], [0.01], "inconclusive", 1.0),
        (["nothing"], ["nothing"], [], "not tested", 1.0),
    ],
)
def test_p_of_a_verdict_by_hand(meant, published, stronger, verdict, p):
    groups = {"meant": meant, "slsqp_ei": published, "stronger": stronger}
    found = parts.judge([part for group, spec in groups.items() for part in made_of(spec, group)])
    assert found[0] == verdict and found[1] == pytest.approx(p, rel=1e-5)


def test_what_holm_does_not_keep_becomes_inconclusive_and_counts_are_left_alone():
    alone = [("reproduced", 0.03), ("not reproduced", 0.04), ("inconclusive", 1.0), ("reproduced", 0.0)]
    together = parts.keep(alone, [True, True, True, False])
    assert [verdict for verdict, _ in together] == ["inconclusive", "inconclusive", "inconclusive", "reproduced"]
    assert [v for v, _ in parts.keep([("reproduced", 0.01), ("not reproduced", 0.04)], [True] * 2)] == [
        "reproduced",
        "not reproduced",
    ]


def test_the_place_in_the_figure_agrees_with_the_outcome():
    rng = np.random.default_rng(0)
    for _ in range(300):
        low, value, high = np.sort(rng.normal(size=3))
        least, most = np.sort(rng.normal(size=2)) * rng.choice([1, 3])
        part = Part("x", value, low, high, 9, *((least, inf) if rng.random() < 0.5 else (least, most)))
        _, x_low, x_high = parts.standardised(part)
        if part.most == inf:
            assert part.outcome() == ("holds" if x_low >= 0 else "fails" if x_high < 0 else "open")
        elif part.outcome() == "fails":
            assert x_high < 0
    assert np.isnan(parts.standardised(Part("x"))).all()


# Measurements on trajectories made up.


def made(cells: dict[str, pd.DataFrame]) -> claims.Results:
    """Results that hold these trajectories and nothing else."""
    none = pd.DataFrame()
    about = dict(cards={}, curves={}, parity={}, partitions={}, datasets={}, benchmark=none, starts=none)
    grids = pd.DataFrame(columns=["alloy", "n_elements", "step", "compositions"])
    scores = pd.DataFrame(columns=["dataset", "draw", "input", "mae", "rows", "of"])
    return claims.Results(lambda name: cells.get(name, none), **about, scores=scores, grids=grids)


def rows(cell: str, seeds: int, *, reach: int = 0, shift: float = 0.0, spread: float = 1.0, final=None) -> pd.DataFrame:
    """Trajectories of 8 + 12 compositions; picks lie within `reach` steps of a corner (0: anywhere)."""
    space, tables = CELLS[cell].space(), []
    for seed in range(seeds):
        rng = np.random.default_rng([seed, reach])
        counts = space.sample(8, np.random.default_rng(seed)).tolist()
        near = space.sample(1, np.random.default_rng([seed, 1]))[0]
        while len(counts) < 20:
            pick = space.sample(1, rng)[0] if not reach else _near(space, near, reach, rng)
            if pick.tolist() not in counts:
                counts.append(pick.tolist())
        table = pd.DataFrame(counts, columns=space.elements).assign(seed=seed, experiment=range(-8, 12))
        merit = np.random.default_rng([seed, 2]).normal(size=20) - 5
        merit[-1] = (np.random.default_rng([seed, 3]).normal() * spread + shift) if final is None else final[seed]
        tables.append(table.assign(merit=merit))
    return pd.concat(tables, ignore_index=True)


def _near(space, corner, reach, rng):
    while True:
        pick = corner + rng.integers(-reach, reach + 1, len(corner))
        pick[-1] += space.total - pick.sum()
        if space.contains(pick[None])[0]:
            return pick


def arms_made(alloys=("sma",), seeds=12, **reaches) -> claims.Results:
    """Arms at N = 4 whose picks lie within so many steps of a corner, by alloy; two of them end lower."""
    lower = {"random": -2.0, "slsqp_ei": -0.5}
    cells = {f"{alloy}_n4_{arm}": (reach, lower.get(arm, 0.0)) for alloy in alloys for arm, reach in reaches.items()}
    return made({name: rows(name, seeds, reach=reach, shift=shift) for name, (reach, shift) in cells.items()})


def test_a_difference_is_that_of_statistics():
    shifts = {"slsqp_ei": -0.3, "enumeration": 0}
    cells = {f"sma_n4_{arm}": rows(f"sma_n4_{arm}", 12, shift=shift) for arm, shift in shifts.items()}
    results = made(cells)
    measured = only(campaigns.loss_to_enumeration(results, margin=0.005))
    expected = statistics.paired_difference(*cells.values(), experiments=[12]).iloc[0]
    assert [measured.value, measured.low, measured.high] == pytest.approx(list(expected[["mean", "low", "high"]]))
    assert (measured.n, measured.least, measured.outcome()) == (12, -0.005, "fails") and measured.group == "published"
    assert results.best("sma_n4_slsqp_ei", 0).max() < results.best("sma_n4_slsqp_ei", 12).min() + 10


def test_spread_and_slope_are_numpys():
    rng = np.random.default_rng(0)
    final = {"slsqp_log_ei": rng.normal(0, 0.01, 40), "enumeration": rng.normal(0, 0.1, 40)}
    results = made({f"sma_n4_{arm}": rows(f"sma_n4_{arm}", 40, final=values) for arm, values in final.items()})
    (spread,) = [part for part in campaigns.spread(results, margin=0.001) if part.name == "slsqp SMA N=4"]
    assert spread.value == pytest.approx(final["slsqp_log_ei"].std(ddof=1) - final["enumeration"].std(ddof=1))
    assert spread.outcome() == "holds" and spread.low < spread.value < spread.high
    (slope,) = [part for part in campaigns.slope_on_start(results, margin=0.01) if part.name == "slsqp SMA N=4"]
    start = results.best("sma_n4_slsqp_log_ei", 0)
    fits = [np.polyfit(start, final[arm], 1)[0] for arm in ("slsqp_log_ei", "enumeration")]
    assert slope.value == pytest.approx(fits[0] - fits[1])


@pytest.mark.parametrize(("own", "outcome"), [(1e-4, "open"), (3e-4, "open"), (0.02, "fails"), (None, "fails")])
def test_nothing_is_below_what_has_no_room_below(own, outcome):
    """Enumeration that always ends alike: less spread cannot be shown, more can; with room, as little less fails."""
    rng = np.random.default_rng(0)
    exact = rng.normal(0, 1e-4 if own else 0.02, 40)
    final = {"slsqp_log_ei": rng.normal(0, own, 40) if own else exact * 0.999, "enumeration": exact}
    results = made({f"sma_n4_{arm}": rows(f"sma_n4_{arm}", 40, final=values) for arm, values in final.items()})
    (spread,) = [part for part in campaigns.spread(results, margin=0.001) if part.name == "slsqp SMA N=4"]
    assert spread.outcome() == outcome and not spread.is_lacking()


def test_starts_are_judged_by_slope_and_bend():
    steps = {10: 0.0, 20: 0.4, 40: 0.6, 80: 0.7}
    noise = np.random.default_rng(0).normal(0, 1e-3, (4, 20))
    names = {n: "sma_n4_slsqp_log_ei" + (f"_starts{n}" if n < 80 else "") for n in steps}
    merits = {names[n]: own + top for own, (n, top) in zip(noise, steps.items(), strict=True)}
    results = made({name: rows(name, 20, final=final) for name, final in merits.items()})
    rise, saturate = ablations.starts_rise(results, least=0.001)[0], ablations.starts_saturate(results, least=0.0)[0]
    means = np.array(list(steps.values())) + noise.mean(1)
    assert rise.value == pytest.approx(np.polyfit(range(4), means, 1)[0])
    assert saturate.value == pytest.approx((means[1] - means[0]) - (means[3] - means[2]))
    assert rise.outcome() == saturate.outcome() == "holds"


@pytest.mark.parametrize("done", [4, 12])
def test_entropy_is_that_of_all_points_after_so_many_experiments(done):
    cell = CELLS["sma_n4_ascent"]
    table = rows(cell.name, 3, reach=6)
    curves = diversity.entropy_curves(table, cell.space().elements, cell.step).query("done == @done")
    found = made({cell.name: table}).entropy(cell.name, done)
    assert found.to_dict() == pytest.approx(curves.set_index("seed")["simple"].to_dict())


def test_a_search_is_judged_by_its_mean_best_merit():
    arms = {arm: rows(f"sma_n4_{arm}", 9, reach=reach) for arm, reach in (("ascent", 0), ("fractions", 3))}
    late = arms["ascent"]["experiment"].between(5, 10) & (arms["ascent"]["seed"] != 0)
    arms["ascent"].loc[late, "merit"] += 20  # the best so far rises when half of the experiments are done
    results = made({f"sma_n4_{arm}": table for arm, table in arms.items()})
    (part,) = [part for part in campaigns.features_in_search(results, least=0.0) if part.n]

    def by_hand(table):
        return np.mean([table[table["experiment"] <= last].groupby("seed")["merit"].max() for last in range(12)])

    assert part.value == pytest.approx(by_hand(arms["ascent"]) - by_hand(arms["fractions"]))
    assert (part.n, part.outcome()) == (9, "holds")


def test_entropy_counts_the_papers_loop_on_log_ei_and_as_published():
    results = arms_made(enumeration=4, ascent=4, slsqp=4, published=0)
    found = {part.name: part for part in campaigns.entropy(results, margin=0.1) if part.n}
    assert {name: part.outcome() for name, part in found.items()} == {
        "slsqp SMA N=4": "fails",
        "published SMA N=4": "holds",
    }
    assert found["published SMA N=4"].group == "published"


def test_an_exponent_is_found_and_a_share_of_nothing_but_hits_has_an_interval():
    size = np.repeat([10.0, 100, 1000], 10)
    noise = np.random.default_rng(0).normal(0, 0.01, 30)
    table = pd.DataFrame({"maximiser": "exhaustive", "n_elements": 4, "evaluations": size, "regret": 0.0})
    table["cpu_s"] = 3e-6 * size * np.exp(noise)
    results = made({})
    object.__setattr__(results, "benchmark", table)
    assert inner_loop.enumeration_exponent(results, margin=0.1)[0].value == pytest.approx(1, abs=0.01)
    object.__setattr__(results, "benchmark", table.assign(maximiser="slsqp_log_ei"))
    share = inner_loop.near_optimal(results, upto=5, least=0.5)[0]
    assert (share.value, share.high) == (1, 1) and 0.8 < share.low < 1


def test_the_binned_interval_is_that_of_the_rows():
    rng = np.random.default_rng(0)
    measured = rng.normal(size=400)
    predicted = 0.9 * measured + rng.normal(0, 0.3, 400)
    error = measured - predicted
    r2, mae = 1 - (error**2).mean() / measured.var(), abs(error).mean()
    binned = (np.round(np.stack([measured, predicted], 1) / 0.25 - 0.5) + 0.5) * 0.25
    table = pd.DataFrame(binned, columns=["measured", "predicted"]).value_counts().reset_index()
    halves = [norm.isf(0.025) * abs(error).std() / 20]
    low, high = networks.score_interval(table, "mae", mae)
    assert [mae - low, high - mae] == pytest.approx(halves * 2, rel=0.15)
    low, high = networks.score_interval(table, "r2", r2)
    assert low < r2 < high and high - low < 0.1


def test_features_follow_the_rule_of_notebook_04():
    rng = np.random.default_rng(0)
    draws = np.arange(64)

    def scores(inside, outside):
        noise = rng.normal(0, 0.3, (2, 64))
        errors = {
            "fractions": np.full(64, 5.0),
            "features inside": 5.0 - inside + noise[0],
            "features outside": 5.0 - outside + noise[1],
        }
        tables = [pd.DataFrame({"draw": draws, "input": name, "mae": mae}) for name, mae in errors.items()]
        tables = [pd.concat(tables).assign(dataset=dataset) for dataset in networks.COMPARED]
        return pd.concat(tables).assign(rows=100, of=500)

    results = made({})
    assert parts.judge(networks.features_or_fractions(results, p=0.01, none=0.05))[0] == "not tested"
    for inside, outside, verdict in ((1, 1, "reproduced"), (-1, 1, "only as published"), (-1, -1, "not reproduced")):
        object.__setattr__(results, "scores", scores(inside, outside))
        assert parts.judge(networks.features_or_fractions(results, p=0.01, none=0.05))[0] == verdict


@pytest.mark.parametrize(
    (
        "d",
        "meant",
        "slsqp_ei",
    ),  # in standard deviations: t = 8 d over 64 draws, p < .05 from |d| = .25, < .01 from .33
    [
        (2.0, "holds", "holds"),
        (0.5, "open", "holds"),  # as draws that overlap, t is 1.9 d: p = .34
        (0.3, "open", "open"),
        (0.07, "fails", "fails"),  # no better, by the rule, where p ≥ .05
        (-0.07, "fails", "fails"),
        (-2.0, "fails", "fails"),
    ],
)
def test_features_are_drawn_on_the_side_of_their_outcome(d, meant, published):
    noise = norm.ppf((np.arange(64) + 0.5) / 64)
    noise /= noise.std(ddof=1)
    errors = {"fractions": 5 + d + noise, "features inside": np.full(64, 5.0), "features outside": np.full(64, 5.0)}
    draws = dict(draw=np.arange(64), dataset="SMA", rows=100, of=500)
    results = made({})
    tables = [pd.DataFrame({"input": name, "mae": mae, **draws}) for name, mae in errors.items()]
    object.__setattr__(results, "scores", pd.concat(tables))
    found = [part for part in networks.features_or_fractions(results, p=0.01, none=0.05) if part.name == "SMA"]
    assert [part.outcome() for part in found] == [meant, published]
    for part in found:
        x, low, high = parts.standardised(part)
        assert part.outcome() == ("holds" if low >= 0 else "fails" if high <= 0 else "open") and low <= x <= high


def only(parts_found):
    """The one part that was measured."""
    (part,) = [part for part in parts_found if part.n]
    return part


def test_starts_that_move_are_averaged_over_the_later_experiments():
    table = rows("sma_n4_slsqp_ei", 9)
    table["moved"] = np.where(table["experiment"] < 4, 1.0, np.where(table["experiment"] % 2, 0.2, 0.4))
    part = only(ablations.starts_move(made({"sma_n4_slsqp_ei": table}), after=4, least=0.5))
    assert part.value == pytest.approx(0.3) and part.outcome() == "fails"


def test_the_first_loop_is_that_of_the_first_experiment_and_seconds_are_of_the_processor():
    table = rows("sma_n4_slsqp_ei", 9).assign(cpu_seconds=7.0, maximise_seconds=9.0, gradients=1000.0, starts=80.0)
    first = table["experiment"] == 0
    table.loc[first, ["cpu_seconds", "gradients"]] = 0.5, 240.0
    table.loc[first & (table["seed"] == 0), "cpu_seconds"] = np.nan  # not kept at first
    results = made({"sma_n4_slsqp_ei": table})
    seconds = only(ablations.seconds_per_loop(results, most=1.2))
    assert (seconds.value, seconds.n, seconds.group) == (0.5, 8, "slsqp_ei")
    assert only(ablations.gradients_per_start(results, least=5, most=20)).value == 3


def test_formulas_are_compared_by_their_mean_best_merit_of_the_first_experiments():
    cells = {name: rows(name, 9, reach=reach) for name, reach in (("sma_n4_ascent_formulas8", 0), ("sma_n4_ascent", 5))}
    cells["sma_n4_ascent_formulas8"].loc[lambda table: table["experiment"] == 1, "merit"] += 9
    part = only(ablations.formulas_early(made(cells), experiments=3, least=0.0))

    def by_hand(table):
        return np.mean([table[table["experiment"] < done].groupby("seed")["merit"].max() for done in (1, 2, 3)])

    assert part.value == pytest.approx(by_hand(cells["sma_n4_ascent_formulas8"]) - by_hand(cells["sma_n4_ascent"]))


def picks(table: pd.DataFrame, name: str) -> np.ndarray:
    """(seeds, 12, 4) fractions of the proposed compositions."""
    space = CELLS[name].space()
    new = table[table["experiment"] >= 0]
    return space.fractions(new[list(space.elements)].to_numpy()).reshape(-1, 12, len(space.elements))


def test_steps_between_picks_are_the_distances_of_each_to_the_one_before():
    cells = {
        f"sma_n4_{arm}": rows(f"sma_n4_{arm}", 9, reach=reach) for arm, reach in (("enumeration", 4), ("random", 0))
    }
    part = only(campaigns.consecutive_picks(made(cells), share=0.5))
    each = [
        np.mean([np.log(np.sqrt(((b - a) ** 2).sum())) for own in picks(t, name) for a, b in pairwise(own)])
        for name, t in cells.items()
    ]
    assert part.value == pytest.approx(each[0] - each[1]) and part.most == pytest.approx(np.log(0.5))
    cells["sma_n4_slsqp_ei"] = rows("sma_n4_slsqp_ei", 9)
    random, published = (part for part in campaigns.consecutive_picks(made(cells), share=0.5) if part.n)
    assert (random.group, published.group, published.most, published.outcome()) == ("meant", "slsqp_ei", 0, "holds")


def test_flatness_counts_the_bins_that_each_element_fills():
    cells = {
        f"sma_n4_{arm}": rows(f"sma_n4_{arm}", 9, reach=r) for arm, r in (("slsqp_log_ei", 0), ("enumeration", 40))
    }
    part = only(campaigns.flatness(made(cells), width=0.05, margin=0.1))

    def by_hand(points):
        logs = []
        for column in points.T:
            _, filled = np.unique(np.floor(column / 0.05 + 1e-9), return_counts=True)
            share = filled / len(points)
            logs.append(-(share * np.log(share)).sum())
        return np.mean(logs)

    each = [np.mean([by_hand(own) for own in picks(table, name)]) for name, table in cells.items()]
    assert part.value == pytest.approx(each[0] - each[1])


def test_the_decay_of_entropy_is_its_change_in_the_second_half_less_enumerations():
    results = arms_made(enumeration=4, slsqp=20)
    part = only(campaigns.entropy_decay(results, half=5, margin=0.1))
    change = {
        arm: results.entropy(f"sma_n4_{arm}", 12) - results.entropy(f"sma_n4_{arm}", 5)
        for arm in ("slsqp_log_ei", "enumeration")
    }
    assert part.value == pytest.approx((change["slsqp_log_ei"] - change["enumeration"]).mean())


def with_tables(**tables) -> claims.Results:
    return replace(made({}), **tables)


def test_hours_and_crossover_follow_from_seconds_per_composition():
    many = pd.DataFrame({"maximiser": "exhaustive", "n_elements": 4, "evaluations": np.geomspace(1e3, 1e5, 9)})
    many["cpu_s"] = 2e-6 * many["evaluations"]
    loop = pd.DataFrame({"maximiser": "slsqp_log_ei", "n_elements": 5, "evaluations": 80.0, "cpu_s": [20.0] * 9})
    stalled = loop.assign(maximiser="slsqp", cpu_s=0.02)
    grids = pd.DataFrame({"alloy": ["SMA", "SMA", "HEA"], "n_elements": 5, "compositions": [1e6, 1e8, 1e9]})
    grids["step"] = [0.0025, 0.001, 0.0025]
    results = with_tables(benchmark=pd.concat([many, loop, stalled]), grids=grids)
    hours = inner_loop.enumeration_hours(results, n=5, most=0.01, step=0.0025, finer=0.001)
    assert [part.value for part in hours] == pytest.approx([2e-6 * 1e6 / 3600, 2e-6 * 1e8 / 3600])
    assert [(part.group, part.outcome()) for part in hours] == [("meant", "holds"), ("stronger", "fails")]
    found = inner_loop.crossover(results, beyond=5, as_published=[5], already=4, step=0.0025)
    # 20 s and 0.02 s against 2 s: ten times, and a hundredth
    assert [part.value for part in found[:2]] == pytest.approx([1, -2]) and found[2].n == 0
    assert [part.outcome() for part in found] == ["fails", "holds", "open"]


def test_the_largest_grid_is_counted_on_both_steps():
    sizes = {("SMA", 5, 0.0025): 7, ("SMA", 4, 0.0025): 3, ("SMA", 6, 0.0025): 99, ("SMA", 5, 0.001): 12}
    grids = pd.DataFrame([[*key, n] for key, n in sizes.items()])
    grids.columns = ["alloy", "n_elements", "step", "compositions"]
    found = inner_loop.largest_grid(with_tables(grids=grids), upto=5, most=10, step=0.0025, finer=0.001)
    assert [(part.value, part.group, part.outcome()) for part in found] == [
        (7, "meant", "holds"),
        (12, "stronger", "fails"),
    ]


def test_the_exponent_of_seconds_is_that_within_each_kind_of_state():
    n = np.tile([3, 4, 5, 6], 6)
    kind = np.repeat(["mean", "all"], 12)
    table = pd.DataFrame({"n_elements": n, "formulas": kind, "alloy": "SMA", "experiment": 0, "maximiser": "slsqp"})
    table["cpu_s"] = np.where(kind == "all", 9.0, 1.0) * n**1.25
    table = table.drop(index=[0, 4, 8])  # the cheap kind lacks what is small: its level must not tilt the slope
    found = inner_loop.seconds_exponent(with_tables(benchmark=table), most=1.5)
    assert found[0].n == 0 and found[1].value == pytest.approx(1.25) and found[1].outcome() == "holds"


def test_twenty_n_starts_solve_as_the_loop_did_or_with_the_chance_that_not_all_of_them_miss():
    starts = pd.DataFrame({"n_elements": [4] * 9 + [8] * 9, "experiment": 0, "hits": [0.01] * 9 + [0.02] * 9})
    late = starts.assign(experiment=50, hits=0.0)
    loop = pd.DataFrame({"n_elements": 4, "experiment": 0, "regret": [0.0] * 6 + [np.log(1.02)] * 3})
    loops = pd.concat([loop.assign(maximiser=name) for name in ("slsqp_ei", "slsqp_log_ei")])
    results = with_tables(starts=pd.concat([starts, late]), benchmark=pd.concat([loops, loops.assign(experiment=50)]))
    found = {part.name: part for part in inner_loop.starts_solve(results, 20, [0], least=0.9)}
    assert found["ascents N=6–10"].value == pytest.approx(1 - 0.98**160)
    assert found["published_log_ei N=3–5"].value == found["published N=3–5"].value == pytest.approx(2 / 3)
    assert found["published_log_ei N=3–5"].n == 9 and found["published N=6–10"].n == 0


def test_ei_is_followed_from_the_first_experiments_to_the_last():
    table = rows("sma_n4_enumeration", 9)
    experiment = table["experiment"].to_numpy()
    table = table[experiment >= 0].assign(log_ei=0.0)
    table = pd.concat([table, table.assign(experiment=table["experiment"] + 48)])  # 0 … 11 and 48 … 59
    early, late = table["experiment"] < 5, table["experiment"] >= 55
    table.loc[early, "log_ei"], table.loc[late, "log_ei"] = np.log(1e-2), np.log(1e-7)
    parts_found = ablations.largest_ei(made({"sma_n4_enumeration": table}), few=5, fall=1, most=-6)
    change, last = (part for part in parts_found if part.n)
    assert [change.value, last.value] == pytest.approx([-5, -7])
    assert (change.most, change.group, last.group) == (-1, "meant", "stronger")


def test_scores_of_one_alloy_are_held_against_the_papers_own():
    entries = {"a": {"random": {"r2": 0.5}}, "b": {"random": {"r2": 0.7}}}
    found = networks.own_scores(with_tables(cards={"SMA": {"properties": entries}}), "SMA", 0.05, a=0.54, b=0.76)
    assert [part.outcome() for part in found] == ["holds", "fails"]


def test_epochs_are_compared_over_the_last_fifth_of_each_half_and_validation_with_test_at_500():
    epoch = np.arange(1, 1001)
    scores = {"validation_r2": np.where(epoch <= 500, 0.5, 0.6), "test_r2": np.where(epoch <= 500, 0.47, 0.8)}
    early = epoch <= 400  # not yet settled: no part of the last fifth
    curves = pd.DataFrame({name: np.where(early, -3.0, values) for name, values in scores.items()})
    curves = pd.concat([curves.assign(epoch=epoch, property=name) for name in ("a", "b")])
    results = with_tables(curves={alloy: curves for alloy in ("SMA", "Ti", "HEA")})
    (gain,), (apart,) = networks.late_epochs(results, most=0.01), networks.validation_like_test(results, most=0.1)
    assert [gain.value, apart.value] == pytest.approx([0.1, 0.03]) and gain.n == apart.n == 6


# The one question.


def test_wide_for_want_of_following_is_told_from_wide_by_the_gradient():
    blind = arms_made(enumeration=4, ascent=4, published=0, scored=0, random=0)
    assert question.virtue(question.table(blind, "entropy")) == "not following"
    gradient = arms_made(enumeration=4, ascent=0, published=0, scored=4, random=0)
    assert question.virtue(question.table(gradient, "entropy")) == "the gradient"
    nothing = arms_made(enumeration=4, ascent=4, published=4, scored=0, random=0)
    assert question.virtue(question.table(nothing, "entropy")) == "nothing"
    all_wide = arms_made(enumeration=4, ascent=0, published=0, scored=0, random=0)
    assert question.virtue(question.table(all_wide, "entropy")) == "undecided"


def test_shares_and_differences_are_those_of_the_means():
    results = arms_made(("sma", "ti"), enumeration=4, ascent=20, slsqp=8, published=0, scored=60, random=0)
    wide = question.table(results, "entropy")
    means = wide.mean().unstack()
    for arm in ("ascent", "best_of_random", "slsqp_log_ei"):
        differences = (means[arm] - means["enumeration"]).mean(), (means["slsqp_ei"] - means["enumeration"]).mean()
        assert question.against_enumeration(wide, arm)[0] == pytest.approx(differences[0])
        assert question.share(wide, arm)[0] == pytest.approx(differences[0] / differences[1])
    extra = means.sub(means["enumeration"], axis=0)["slsqp_log_ei"] / (means["slsqp_ei"] - means["enumeration"])
    answer = claims.heart(results)
    assert "over 12 seeds in each of SMA and Ti at four elements" in answer and answer.count(". ") == 2
    best = question.table(results, "best").mean().unstack()
    loss = (best["slsqp_ei"] - best["enumeration"]) / (best["random"] - best["enumeration"])
    assert (
        f": {100 * loss['sma']:.0f} % [".replace("-", "−") in answer
        and "of what exact maximisation gains over random" in answer
    )
    told = f"log EI (its starts do move) has {100 * question.share(wide, 'slsqp_log_ei')[0]:.0f} % ["
    assert told.replace("-", "−") in answer
    assert f"(SMA {100 * extra['sma']:.0f}, Ti {100 * extra['ti']:.0f})".replace("-", "−") in answer


def test_the_answer_waits_for_the_arms_and_does_without_slsqp():
    reaches = dict(enumeration=4, ascent=4, published=0, scored=0, random=0)
    assert claims.heart(arms_made(seeds=7, **reaches)).startswith("Not answered")
    assert claims.heart(made({})).startswith("Not answered")
    assert "log EI" not in claims.heart(arms_made(**reaches))


def test_the_answer_is_put_between_the_markers_and_nowhere_else(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{question.BEGIN}\nold\n{question.END}\nafter\n", encoding="utf-8")
    claims.write_answer(made({}), path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert claims.answer_in(text) == claims.answer(made({})) == claims.heart(made({}))
    results = arms_made(("sma", "ti"), enumeration=4, ascent=20, published=0, scored=60, random=0)
    claims.write_answer(results, path)
    said, _, numbers = claims.answer_in(path.read_text(encoding="utf-8")).partition("\n\n")
    assert said == claims.heart(results) and len(numbers.splitlines()) == 2 + 4  # head, rule, arms but enumeration
    expected = question.against_enumeration(question.table(results, "best")[["ti"]], "best_of_random")[0]
    assert f"{expected:+.4f}".replace("-", "−") in numbers.splitlines()[3].split("|")[4]


# What is declared, and what is committed.


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """What is recorded, without the working store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ALLOYGRAD_STORE", raising=False)
        empty = tmp_path_factory.mktemp("store")
        patch.setattr(store, "working", lambda: empty)
        results = claims.gather()
        yield results, claims.judged(results)


def test_every_claim_is_declared_once_with_its_criterion_and_without_a_verdict():
    declared = claims.load()
    names = [claim.id for claim in declared]
    assert NAMED <= set(names) and len(names) == len(set(names)) >= 20
    for claim in declared:
        assert claim.statement and claim.place and claim.criterion and claim.figure and claim.notebook, claim.id
        assert claim.figure[:2] == claim.notebook[:2], claim.id
        assert bool(claim.quantity) == bool(claim.measure), claim.id
    entries = tomllib.loads((ROOT / "data" / "claims.toml").read_text(encoding="utf-8"))["claim"]
    assert not any("verdict" in entry for entry in entries)
    assert {claim.measure for claim in declared} - {""} == set(claims.MEASURES)


def test_a_claim_without_measurement_or_reason_is_refused(tmp_path, monkeypatch):
    entry = 'id = "x"\nstatement = "s"\nplace = "p"\npaper = ""\ncriterion = "c"\n'
    for more in ("", 'measure = "entropy"\nreason = "r"', 'measure = "unheard of"'):
        (tmp_path / "claims.toml").write_text(f"[[claim]]\n{entry}{more}\n", encoding="utf-8")
        monkeypatch.setattr(claims, "FILE", tmp_path / "claims.toml")
        with pytest.raises(ValueError, match="'x'"):
            claims.load()


def test_numbers_of_a_criterion_are_those_that_the_measurement_uses():
    for claim in claims.load():
        for name, value in claim.numbers.items():
            if isinstance(value, float) and value not in (0, 1e10) and "{" + name not in claim.criterion:
                assert str(value) in claim.criterion or f"{value:.0%}" in claim.criterion, (claim.id, name)


def test_with_nothing_recorded_nothing_is_tested_and_nothing_fails(recorded):
    results = made({})
    for name in ("cards", "curves", "parity", "partitions", "datasets", "grids"):  # these are never missing
        object.__setattr__(results, name, getattr(recorded[0], name))
    for own in claims.judged(results):
        if own.claim.place.startswith("section 3") or own.claim.id in ("grid-sizes", "grid-growth"):
            assert own.verdict not in ("not tested", "inconclusive"), own.claim.id
        else:
            assert own.verdict == "not tested", own.claim.id
        assert own.measured()


def test_few_trajectories_are_inconclusive(recorded):
    results = arms_made(seeds=7, enumeration=4, ascent=4, slsqp=4, published=0, random=0)
    chosen = [c for c in claims.load() if c.id in ("entropy", "negligible-loss", "tsne", "stability", "similar-picks")]
    assert {own.verdict for own in claims.judged(results, chosen)} == {"inconclusive"}


def test_every_recorded_claim_is_judged_and_traced(recorded):
    _, found = recorded
    assert {own.verdict for own in found} <= set(claims.VERDICTS)
    numbers = claims.strips(found)
    assert (numbers["source"] != "").all()
    assert set(numbers["claim"]) == {own.claim.id for own in found if own.claim.measure}


def test_the_committed_scoreboard_is_what_the_records_give(recorded):
    board = claims.scoreboard(recorded[1])
    committed = pd.read_csv(ROOT / "figures" / "13_claims.csv", keep_default_na=False)
    assert list(committed) == list(board) == claims.COLUMNS
    for column in ("claim", "verdict", "statement", "place", "criterion", "figure", "test"):
        differ = committed.loc[committed[column] != board[column], ["claim", column]]
        assert differ.empty, f"committed {differ.to_dict('records')}: execute notebook 13 anew at `paper`"


def test_the_committed_numbers_are_what_the_records_give(recorded):
    found, told = claims.strips(recorded[1]), ["claim", "verdict", "group", "name", "outcome", "source"]
    committed = pd.read_csv(ROOT / "figures" / "13_numbers.csv", keep_default_na=False, na_values=[""])
    assert committed[told].equals(found[told].reset_index(drop=True)), "execute notebook 13 anew at `paper`"
    for column in ("value", "low", "high", "n", "least", "most"):
        given, made_now = (table[column].to_numpy(dtype=float) for table in (committed, found))
        np.testing.assert_allclose(given, made_now, rtol=1e-4, atol=1e-9, err_msg=column)


def test_readme_holds_the_answer_that_the_records_give(recorded):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert claims.answer_in(text) == claims.answer(recorded[0]), "write it: claims.write_answer(claims.gather())"
    assert text.index(question.END) < 4500  # the first screen


@pytest.mark.parametrize("claim", claims.load(), ids=lambda claim: claim.id)
def test_every_figure_notebook_and_test_named_exists(claim):
    if claim.test:
        file, name = claim.test.split("::")
        functions = [n.name for n in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(n, ast.FunctionDef)]
        assert name in functions
    executed = ROOT / "papermill_runs" / "paper"
    if (executed / "13_claims.ipynb").exists():  # then all others have been, and their figures are committed
        assert (ROOT / "notebooks" / f"{claim.notebook}.ipynb").exists()
        assert (ROOT / "figures" / f"{claim.figure}.png").exists()
