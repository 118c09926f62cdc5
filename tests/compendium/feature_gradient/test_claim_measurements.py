"""What the claims measure, on trajectories and tables made up; most as they are declared in data/claims.toml."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from made_up import arms, results, rows
from scipy.stats import norm

from compendium.feature_gradient import diversity
from compendium.feature_gradient.cells import CELLS
from compendium.feature_gradient.measurements import declared, networks
from compendium.feature_gradient.results import gather
from compendium.judging import claims, statistics

CLAIMS = {claim.id: claim for claim in claims.load()}


def measured(claim: str, made, **numbers) -> list:
    """The parts of a claim of which anything is recorded; numbers: in place of the claim's."""
    return [part for part in replace(CLAIMS[claim], numbers=CLAIMS[claim].numbers | numbers).parts(made) if part.n != 0]


def of_arms(final: dict) -> dict:
    """Trajectories at SMA, N = 4, by cell, that end with the merits given by arm."""
    return {f"sma_n4_{arm}": rows(f"sma_n4_{arm}", len(values), final=values) for arm, values in final.items()}


# How claims are declared.


def test_an_entry_is_expanded_over_its_lists_and_over_declared_cells_alone():
    entry = {
        "name": "{arm} {alloy} N={n}", "over": {"n": [3, 4], "arm": ["ascent", "slsqp_log_ei", "slsqp_ei"]},
        "cells": ["{alloy}_n{n}_{arm}", "{alloy}_n{n}_enumeration"], "quantity": "best", "done": "few", "most": "-few",
    }  # fmt: skip
    found = list(declared.expanded(entry, {"few": 5}))
    names = [about["name"] for about, _ in found]
    assert names[:6] == [f"{arm} {alloy} N=3" for arm in ("ascent", "slsqp_ei") for alloy in ("SMA", "Ti", "HEA")]
    assert len(names) == 2 * 3 + 3 * 3  # on log EI the paper's loop is declared at N = 4 alone
    about, options = found[-1]
    source = "hea_n4_slsqp_ei − hea_n4_enumeration"
    assert about == {"name": "slsqp_ei HEA N=4", "group": "published", "source": source, "most": -5}
    assert options == {"quantity": "best", "done": 5, "cells": source.split(" − ")}


@pytest.mark.parametrize(
    ("value", "meant"),
    [("x", 0.5), ("-x", -0.5), ("1 - x", 0.5), ("1 + x", 1.5), ("log x", np.log(0.5)), ("best", "best"), (0.0, 0.0)],
)
def test_names_of_numbers_stand_for_them(value, meant):
    assert declared.number(value, {"x": 0.5}) == meant


def test_an_entry_without_a_declared_cell_is_refused():
    entry = {"name": "x", "cells": ["sma_n4_ascend"], "quantity": "best"}
    with pytest.raises(ValueError, match=r"sma_n4_ascend.*is declared"):
        replace(CLAIMS["af"], compare=[*CLAIMS["af"].compare, entry]).parts(results({}))


# Campaigns.


def test_a_difference_is_that_of_statistics():
    cells = {f"sma_n4_{arm}": rows(f"sma_n4_{arm}", 12, shift=x) for arm, x in (("slsqp_ei", -0.3), ("enumeration", 0))}
    (part,) = measured("negligible-loss", results(cells))
    expected = statistics.paired_difference(*cells.values(), experiments=[12]).iloc[0]
    assert [part.value, part.low, part.high] == pytest.approx(list(expected[["mean", "low", "high"]]))
    assert (part.n, part.least, part.outcome(), part.group) == (12, -0.005, "fails", "published")


def test_spread_and_slope_are_numpys():
    rng = np.random.default_rng(0)
    final = {"slsqp_log_ei": rng.normal(0, 0.01, 40), "enumeration": rng.normal(0, 0.1, 40)}
    made = results(of_arms(final))
    (spread,), (slope,) = measured("stability", made), measured("initial-data", made)
    assert spread.value == pytest.approx(final["slsqp_log_ei"].std(ddof=1) - final["enumeration"].std(ddof=1))
    assert spread.outcome() == "holds" and spread.low < spread.value < spread.high
    start = made.best("sma_n4_slsqp_log_ei", 0)
    fits = [np.polyfit(start, final[arm], 1)[0] for arm in ("slsqp_log_ei", "enumeration")]
    assert slope.value == pytest.approx(fits[0] - fits[1])


@pytest.mark.parametrize(("own", "outcome"), [(1e-4, "open"), (3e-4, "open"), (0.02, "fails"), (None, "fails")])
def test_nothing_is_below_what_has_no_room_below(own, outcome):
    """Enumeration that always ends alike: less spread cannot be shown, more can; with room, as little less fails."""
    rng = np.random.default_rng(0)
    exact = rng.normal(0, 1e-4 if own else 0.02, 40)
    final = {"slsqp_log_ei": rng.normal(0, own, 40) if own else exact * 0.999, "enumeration": exact}
    (spread,) = measured("stability", results(of_arms(final)))
    assert spread.outcome() == outcome and not spread.is_lacking()


def test_starts_are_judged_by_slope_and_bend():
    steps = {10: 0.0, 20: 0.4, 40: 0.6, 80: 0.7}
    noise = np.random.default_rng(0).normal(0, 1e-3, (4, 20))
    final = {
        "slsqp_log_ei" + (f"_starts{n}" if n < 80 else ""): own + steps[n] for own, n in zip(noise, steps, strict=True)
    }
    made = results(of_arms(final))
    (rise,), (saturate,) = measured("starts", made), measured("starts-saturate", made)
    means = np.array(list(steps.values())) + noise.mean(1)
    assert rise.value == pytest.approx(np.polyfit(range(4), means, 1)[0])
    assert saturate.value == pytest.approx((means[1] - means[0]) - (means[3] - means[2]))
    assert rise.outcome() == saturate.outcome() == "holds"


def test_titanium_is_compared_by_the_rise_from_three_to_ten_elements():
    final = {("ti", 3): 0.1, ("ti", 10): 0.9, ("sma", 3): 0.2, ("sma", 10): 0.5}
    cells = {f"{a}_n{n}_ascent": rows(f"{a}_n{n}_ascent", 9, final=[top] * 9) for (a, n), top in final.items()}
    (part,) = measured("bigger-ti", results(cells))
    assert part.value == pytest.approx(0.8 - 0.3) and part.name == "Ti − SMA" and part.n == 9


@pytest.mark.parametrize("done", [4, 12])
def test_entropy_is_that_of_all_points_after_so_many_experiments(done):
    cell = CELLS["sma_n4_ascent"]
    table = rows(cell.name, 3, reach=6)
    curves = diversity.entropy_curves(table, cell.space().elements, cell.step).query("done == @done")
    found = results({cell.name: table}).entropy(cell.name, done)
    assert found.to_dict() == pytest.approx(curves.set_index("seed")["simple"].to_dict())


def test_entropy_counts_the_papers_loop_on_log_ei_and_as_published():
    made = arms(enumeration=4, ascent=4, slsqp_log_ei=4, slsqp_ei=0)
    found = [(part.name, part.outcome(), part.group) for part in measured("entropy", made)]
    assert found == [("slsqp_log_ei SMA N=4", "fails", "meant"), ("slsqp_ei SMA N=4", "holds", "published")]


def test_the_decay_of_entropy_is_its_change_in_the_second_half_less_enumerations():
    made = arms(enumeration=4, slsqp_log_ei=20)
    (part,) = measured("entropy-decay", made, half=5)
    cells = ("sma_n4_slsqp_log_ei", "sma_n4_enumeration")
    change = [made.entropy(cell, 12) - made.entropy(cell, 5) for cell in cells]
    assert part.value == pytest.approx((change[0] - change[1]).mean())


@pytest.mark.parametrize(
    ("claim", "other", "done"), [("features-search", "fractions", 12), ("formulas", "ascent_formulas8", 3)]
)
def test_searches_are_compared_by_their_mean_best_merit(claim, other, done):
    cells = {name: rows(name, 9, reach=reach) for name, reach in (("sma_n4_ascent", 0), (f"sma_n4_{other}", 3))}
    raised = cells["sma_n4_ascent"]["experiment"].between(1, 10) & (cells["sma_n4_ascent"]["seed"] != 0)
    cells["sma_n4_ascent"].loc[raised, "merit"] += 20
    (part,) = measured(claim, results(cells))
    one, other = (
        np.mean([own[own["experiment"] < last].groupby("seed")["merit"].max() for last in range(1, done + 1)])
        for own in cells.values()
    )
    assert part.n == 9 and part.value == pytest.approx(one - other if claim == "features-search" else other - one)


def test_starts_that_move_are_averaged_over_the_later_experiments():
    table = rows("sma_n4_slsqp_ei", 9)
    table["moved"] = np.where(table["experiment"] < 4, 1.0, np.where(table["experiment"] % 2, 0.2, 0.4))
    (part,) = measured("routes-ascend", results({"sma_n4_slsqp_ei": table}), after=4)
    assert part.value == pytest.approx(0.3) and part.outcome() == "fails"


def test_the_first_loop_is_that_of_the_first_experiment_and_seconds_are_of_the_processor():
    table = rows("sma_n4_slsqp_ei", 9).assign(cpu_seconds=7.0, maximise_seconds=9.0, gradients=1000.0, starts=80.0)
    first = table["experiment"] == 0
    table.loc[first, ["cpu_seconds", "gradients"]] = 0.5, 240.0
    table.loc[first & (table["seed"] == 0), "cpu_seconds"] = np.nan  # not kept at first
    made = results({"sma_n4_slsqp_ei": table})
    (seconds,), (gradients,) = measured("cost-grad", made), measured("ten-gradients", made)
    assert (seconds.value, seconds.n, seconds.group, gradients.value) == (0.5, 8, "published", 3)


def picks(table: pd.DataFrame, name: str) -> np.ndarray:
    """(seeds, 12, 4) fractions of the proposed compositions."""
    space = CELLS[name].space()
    new = table[table["experiment"] >= 0]
    return space.fractions(new[list(space.elements)].to_numpy()).reshape(-1, 12, len(space.elements))


def test_steps_between_picks_are_the_distances_of_each_to_the_one_before():
    reaches = {"enumeration": 4, "random": 0, "slsqp_ei": 0}
    cells = {f"sma_n4_{arm}": rows(f"sma_n4_{arm}", 9, reach=reach) for arm, reach in reaches.items()}
    steps = {
        name: np.mean([np.log(np.linalg.norm(b - a)) for own in picks(table, name) for a, b in pairwise(own)])
        for name, table in cells.items()
    }
    random, published = measured("similar-picks", results(cells))
    assert random.value == pytest.approx(steps["sma_n4_enumeration"] - steps["sma_n4_random"])
    assert published.value == pytest.approx(steps["sma_n4_enumeration"] - steps["sma_n4_slsqp_ei"])
    assert (random.group, random.most) == ("meant", pytest.approx(np.log(0.5)))
    assert (published.group, published.most, published.outcome()) == ("published", 0, "holds")


def test_flatness_counts_the_bins_that_each_element_fills():
    reaches = {"slsqp_log_ei": 0, "enumeration": 40}
    cells = {f"sma_n4_{arm}": rows(f"sma_n4_{arm}", 9, reach=reach) for arm, reach in reaches.items()}
    (part,) = measured("flat-elements", results(cells), width=0.05)

    def by_hand(points):
        logs = []
        for column in points.T:
            _, filled = np.unique(np.floor(column / 0.05 + 1e-9), return_counts=True)
            share = filled / len(points)
            logs.append(-(share * np.log(share)).sum())
        return np.mean(logs)

    each = [np.mean([by_hand(own) for own in picks(table, name)]) for name, table in cells.items()]
    assert part.value == pytest.approx(each[0] - each[1])


def test_ei_is_followed_from_the_first_experiments_to_the_last():
    table = rows("sma_n4_enumeration", 9)
    table = table[table["experiment"] >= 0].assign(log_ei=0.0)
    table = pd.concat([table, table.assign(experiment=table["experiment"] + 48)])  # 0 … 11 and 48 … 59
    early, late = table["experiment"] < 5, table["experiment"] >= 55
    table.loc[early, "log_ei"], table.loc[late, "log_ei"] = np.log(1e-2), np.log(1e-7)
    change, last = measured("ei-vanishes", results({"sma_n4_enumeration": table}), few=5)
    assert [change.value, last.value] == pytest.approx([-5, -7])
    assert (change.most, change.group, last.group) == (-1, "meant", "stronger")


# Inner loops and grids.


def test_an_exponent_is_found_and_a_share_of_nothing_but_hits_has_an_interval():
    size = np.repeat([10.0, 100, 1000], 10)
    noise = np.random.default_rng(0).normal(0, 0.01, 30)
    table = pd.DataFrame({"maximiser": "exhaustive", "n_elements": 4, "evaluations": size, "regret": 0.0})
    table["cpu_s"] = 3e-6 * size * np.exp(noise)
    (exponent,) = measured("cost-enum", results({}, benchmark=table))
    assert exponent.value == pytest.approx(1, abs=0.01) and (exponent.least, exponent.most) == (0.9, 1.1)
    (share,) = measured("near-optimal", results({}, benchmark=table.assign(maximiser="slsqp_log_ei")))
    assert (share.value, share.high) == (1, 1) and 0.8 < share.low < 1


def test_the_exponent_of_seconds_is_that_within_each_kind_of_state():
    n = np.tile([3, 4, 5, 6], 6)
    kind = np.repeat(["mean", "all"], 12)
    table = pd.DataFrame({"n_elements": n, "formulas": kind, "alloy": "SMA", "experiment": 0, "maximiser": "slsqp_ei"})
    table["cpu_s"] = np.where(kind == "all", 9.0, 1.0) * n**1.25
    table = table.drop(index=[0, 4, 8])  # the cheap kind lacks what is small: its level must not tilt the slope
    (part,) = measured("cost-linear", results({}, benchmark=table))
    assert part.value == pytest.approx(1.25) and (part.group, part.outcome()) == ("published", "holds")


def test_hours_and_crossover_follow_from_seconds_per_composition():
    many = pd.DataFrame({"maximiser": "exhaustive", "n_elements": 4, "evaluations": np.geomspace(1e3, 1e5, 9)})
    many["cpu_s"] = 2e-6 * many["evaluations"]
    loop = pd.DataFrame({"maximiser": "slsqp_log_ei", "n_elements": 5, "evaluations": 80.0, "cpu_s": [20.0] * 9})
    stalled = loop.assign(maximiser="slsqp_ei", cpu_s=0.02)
    grids = pd.DataFrame({"alloy": ["SMA", "SMA", "HEA"], "n_elements": 5, "compositions": [1e6, 1e8, 1e9]})
    grids["step"] = [0.0025, 0.001, 0.0025]
    made = results({}, benchmark=pd.concat([many, loop, stalled]), grids=grids)
    hours = measured("six-in-an-hour", made, n=5, most=0.01)
    assert [part.value for part in hours] == pytest.approx([2e-6 * 1e6 / 3600, 2e-6 * 1e8 / 3600])
    assert [(part.group, part.outcome()) for part in hours] == [("meant", "holds"), ("stronger", "fails")]
    found = measured("crossover", made, as_published=[5])
    # 20 s and 0.02 s against 2 s: ten times, and a hundredth
    assert [part.value for part in found] == pytest.approx([1, -2])
    assert [part.outcome() for part in found] == ["fails", "holds"]


def test_the_largest_grid_is_counted_on_both_steps():
    sizes = {("SMA", 5, 0.0025): 7, ("SMA", 4, 0.0025): 3, ("SMA", 6, 0.0025): 99, ("SMA", 5, 0.001): 12}
    grids = pd.DataFrame([[*key, n] for key, n in sizes.items()])
    grids.columns = ["alloy", "n_elements", "step", "compositions"]
    found = [
        (part.value, part.group, part.outcome()) for part in measured("grid-sizes", results({}, grids=grids), most=10)
    ]
    assert found == [(7, "meant", "holds"), (12, "stronger", "fails")]


def test_twenty_n_starts_solve_as_the_loop_did_or_with_the_chance_that_not_all_of_them_miss():
    starts = pd.DataFrame({"n_elements": [4] * 9 + [8] * 9, "experiment": 0, "hits": [0.01] * 9 + [0.02] * 9})
    late = starts.assign(experiment=50, hits=0.0)
    loop = pd.DataFrame({"n_elements": 4, "experiment": 0, "regret": [0.0] * 6 + [np.log(1.02)] * 3})
    loops = pd.concat([loop.assign(maximiser=name) for name in ("slsqp_ei", "slsqp_log_ei")])
    loops = pd.concat([loops, loops.assign(experiment=50)])
    made = results({}, starts=pd.concat([starts, late]), benchmark=loops)
    found = {part.name: (part.value, part.n) for part in measured("linear", made, experiments=[0])}
    assert found["ascents N=6–10"] == (pytest.approx(1 - 0.98**160), 9)
    assert found["slsqp_log_ei N=3–5"] == found["slsqp_ei N=3–5"] == (pytest.approx(2 / 3), 9)
    assert len(found) == 3


# Networks and their inputs.


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


def test_scores_of_one_alloy_are_held_against_the_papers_own():
    entries = {"a": {"random": {"r2": 0.5}}, "b": {"random": {"r2": 0.7}}}
    made = results({}, cards={"SMA": {"properties": entries}})
    found = networks.own_scores(made, "SMA", 0.05, a=0.54, b=0.76)
    assert [part.outcome() for part in found] == ["holds", "fails"]


def test_epochs_are_compared_over_the_last_fifth_of_each_half_and_validation_with_test_at_500():
    epoch = np.arange(1, 1001)
    scores = {"validation_r2": np.where(epoch <= 500, 0.5, 0.6), "test_r2": np.where(epoch <= 500, 0.47, 0.8)}
    early = epoch <= 400  # not yet settled: no part of the last fifth
    curves = pd.DataFrame({name: np.where(early, -3.0, values) for name, values in scores.items()})
    curves = pd.concat([curves.assign(epoch=epoch, property=name) for name in ("a", "b")])
    made = results({}, curves={alloy: curves for alloy in ("SMA", "Ti", "HEA")})
    (gain,), (apart,) = measured("nets-epochs", made), measured("test-as-val", made)
    assert [gain.value, apart.value] == pytest.approx([0.1, 0.03]) and gain.n == apart.n == 6


@pytest.mark.parametrize(
    ("process", "restarts", "group"), [("held", 0, "meant"), ("held", 5, "published"), ("any", 0, "stronger")]
)
def test_features_are_judged_by_rows_and_protocol_in_percent_of_the_error_of_fractions(process, restarts, group):
    draws = np.arange(16)
    better = 0.5 + 0.1 * np.sin(draws)  # mean ½ of 5: 10 %
    errors = {"fractions": np.full(16, 5.0), "features inside": 5 - better, "features outside": 5 + better}
    about = dict(draw=draws, dataset="Ti_yield", target="y", process=process, restarts=restarts, rows=100, of=500)
    scores = pd.concat([pd.DataFrame({"input": name, "mae": mae, **about}) for name, mae in errors.items()])
    (part,) = measured("features", results({}, scores=scores))
    sign = -1 if group == "published" else 1
    assert part.name == "Ti y" and part.group == group and part.n == 16
    assert part.value == pytest.approx(sign * 20 * better.mean()) and part.outcome() == (
        "holds" if sign > 0 else "fails"
    )


# Too little.


def test_with_nothing_recorded_nothing_is_tested_and_nothing_fails():
    recorded = gather()
    kept = ("cards", "curves", "parity", "partitions", "datasets", "grids")  # these are never missing
    for own in claims.judged(results({}, **{name: getattr(recorded, name) for name in kept})):
        if own.claim.place.startswith("section 3") or own.claim.id in ("grid-sizes", "grid-growth"):
            assert own.verdict != "not tested" and not any(part.is_lacking() for part in own.parts), own.claim.id
        else:
            assert own.verdict == "not tested", own.claim.id
        assert own.measured()


def test_few_trajectories_are_inconclusive():
    few = arms(seeds=7, enumeration=4, ascent=4, slsqp_log_ei=4, slsqp_ei=0, random=0)
    chosen = [CLAIMS[name] for name in ("entropy", "negligible-loss", "tsne", "stability", "similar-picks")]
    assert {own.verdict for own in claims.judged(few, chosen)} == {"inconclusive"}
