"""The headline comparison over made-up landscapes: gains by hand, the landscape as the unit, laboratory units."""

import numpy as np
import pandas as pd
import pytest
from made_up import results, rows
from scipy import stats

from compendium.environments.alloys import ALLOYS
from compendium.feature_gradient import headline
from compendium.feature_gradient.cells import CELLS
from compendium.feature_gradient.headline import BEHIND, STATISTICS, WIDER, Statistic

REACHES = {"enumeration": 4, "ascent": 5, "slsqp_ei": 0, "best_of_random": 60, "random": 0}
LOWER = {"slsqp_ei": -0.5, "random": -2.0}


def made(alloy="sma", **endings) -> dict:
    """Cells of an alloy at four elements: ending → arms, each with its reach."""
    found = {}
    for ending, arms in endings.items():
        for arm, reach in arms.items():
            name = f"{alloy}_n4_{arm}{ending.removeprefix('shipped')}"
            found[name] = rows(name, 12, reach=reach, shift=LOWER.get(arm, 0.0))
    return found


def test_gains_are_differences_to_the_exact_arm_by_seed():
    without = {arm: reach for arm, reach in REACHES.items() if arm != "enumeration"}
    cells = made(shipped=REACHES, _retrained=without, _retrained_2={"ascent": 4, "random": 0})
    cells["sma_n4_enumeration_retrained"] = rows("sma_n4_enumeration_retrained", 7, reach=4)  # too few to be used
    cells["sma_n4_slsqp_ei"] = cells["sma_n4_slsqp_ei"].query("seed < 10")
    whole = results(cells)
    first, second = headline.landscapes(whole)  # the third has no published loop
    assert (first.exact, second.exact, len(first.gains), len(second.gains)) == ("enumeration", "ascent", 12, 12)
    assert (first.alloy, first.name, second.name) == ("SMA", "seed 0, shipped", "seed 1")
    for arm in ("slsqp_ei", "best_of_random", "random", "ascent"):
        gained = whole.entropy(f"sma_n4_{arm}") - whole.entropy("sma_n4_enumeration")
        np.testing.assert_allclose(first.gains["entropy", arm].dropna(), gained.dropna())
    assert first.gains["entropy", "slsqp_ei"].count() == 10
    lower = whole.best("sma_n4_slsqp_ei_retrained") - whole.best("sma_n4_ascent_retrained")
    np.testing.assert_allclose(second.gains["merit", "slsqp_ei"], lower)
    assert not any(arm == "slsqp_log_ei" for _, arm in first.gains)


def test_an_arm_with_fewer_seeds_than_the_published_loop_does_not_cut_those_of_the_others():
    cells = made(shipped=REACHES)
    whole = headline.by_landscape(headline.landscapes(results(cells))).set_index("statistic")
    few = {f"sma_n4_{arm}": rows(f"sma_n4_{arm}", 8, reach=30) for arm in ("slsqp_log_ei", "enumeration")}
    (landscape,) = of = headline.landscapes(results(cells | few))
    table = headline.by_landscape(of).set_index("statistic")
    short = table.index[table["seeds"] == 8]
    assert set(short) == {name for name in STATISTICS if "log EI" in name or "enumeration" in name}
    assert set(table.drop(short)["seeds"]) == {12} and landscape.exact == "ascent"  # enumeration has fewer
    assert set(whole["exact arm"]) == {"enumeration"} and set(whole["seeds"]) == {12}
    enumerated = results(cells | few).best("sma_n4_enumeration") - results(cells).best("sma_n4_ascent")
    assert table.loc["final merit of enumeration", "value"] == pytest.approx(enumerated.dropna().mean())
    over = headline.over_landscapes(of).query("alloy == 'all'").set_index("statistic")
    pd.testing.assert_series_equal(over["value"], table["value"].loc[over.index])


def test_the_table_of_a_landscape_holds_the_statistics_of_its_means():
    (landscape,) = of = headline.landscapes(results(made(shipped=REACHES)))
    table = headline.by_landscape(of).set_index("statistic")
    assert list(table.index) == [name for name in STATISTICS if "log EI" not in name and "enumeration" not in name]
    means = landscape.gains.mean()
    share = means["entropy", "best_of_random"] / means["entropy", "slsqp_ei"]
    assert table.loc["share of the best of random", "value"] == pytest.approx(share)
    assert (table["low"] <= table["value"]).all() and (table["value"] <= table["high"]).all()
    assert set(table["seeds"]) == {12} and set(table["exact arm"]) == {"enumeration"}


def groups_of(values) -> list[list[pd.Series]]:
    """Mean gains of landscapes, in groups, whose one quantity has these values; the other is 2."""
    return [[pd.Series({WIDER: value, BEHIND: 2.0}) for value in group] for group in values]


def test_one_alloys_interval_is_students():
    values = [0.3, 0.5, 0.1, 0.9, 0.4]
    found = headline.stratified(groups_of([values]), Statistic(WIDER))
    expected = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    np.testing.assert_allclose(found, [np.mean(values), *expected])


def test_several_alloys_are_a_stratified_sample():
    values = [[0.3, 0.5, 0.1], [1.0, 1.4], [2.0, 2.1, 1.8, 2.2]]
    found = headline.stratified(groups_of(values), Statistic(WIDER))
    half = stats.t.ppf(0.975, 2 + 1 + 3) * np.sqrt(sum(stats.sem(group) ** 2 for group in values)) / 3
    value = np.mean([np.mean(group) for group in values])
    np.testing.assert_allclose(found, [value, value - half, value + half])
    ratio = headline.stratified(groups_of(values), Statistic(WIDER, BEHIND))
    np.testing.assert_allclose(ratio, np.array(found) / 2)


def test_a_ratio_of_proportional_gains_is_certain():
    groups = [[pd.Series({WIDER: 3 * x, BEHIND: 2 * x}) for x in group] for group in ([1.0, 4.0, 2.0], [5.0, 7.0])]
    np.testing.assert_allclose(headline.stratified(groups, Statistic(WIDER, BEHIND)), 1.5)


def test_a_single_landscape_has_no_interval_over_landscapes():
    value, low, high = headline.stratified(groups_of([[0.3, 0.5], [0.7]]), Statistic(WIDER))
    assert value == pytest.approx(0.55) and np.isnan(low) and np.isnan(high)
    table = headline.over_landscapes(headline.landscapes(results(made(shipped=REACHES))))
    assert set(table["alloy"]) == {"all", "SMA"} and table["low"].isna().all() and (table["landscapes"] == 1).all()


def test_nothing_recorded_gives_empty_tables():
    assert headline.landscapes(results({})) == []
    for table in (headline.by_landscape([]), headline.over_landscapes([])):
        assert table.empty and {"alloy", "statistic", "value"} <= set(table)
    assert headline.in_units(results({})).empty and headline.unphysical(results({}), {"": "default"}).empty


def test_over_landscapes_is_the_mean_with_its_range():
    of = headline.landscapes(results(made(shipped=REACHES, _retrained=REACHES | {"slsqp_ei": 30})))
    table = headline.over_landscapes(of).set_index(["alloy", "statistic"])
    single = [landscape.gains.mean()[WIDER] for landscape in of]
    row = table.loc[("all", "state entropy of the published loop (nats)")]
    assert row["value"] == pytest.approx(np.mean(single)) and row["landscapes"] == 2
    assert [row["least"], row["most"]] == pytest.approx(sorted(single))
    assert row["low"] < row["least"] and row["high"] > row["most"]  # two landscapes say little


def test_the_sentences_wait_for_two_landscapes_of_every_alloy():
    endings = {"shipped": REACHES, "_retrained": REACHES | {"slsqp_ei": 30}}
    cells = made(**endings)
    assert headline.in_words(results(cells)) == ""
    whole = results(cells | made("ti", **endings) | made("hea", **endings))
    table = headline.over_landscapes(headline.landscapes(whole)).set_index(["alloy", "statistic"])
    row = table.loc[("all", "state entropy of the published loop (nats)")]
    said = headline.in_words(whole).replace("−", "-")
    assert said.startswith("Over 6 trainings of the simulators, 2 for each kind of alloy, the published search adds")
    third = results(cells | made("ti", **endings) | made("hea", **endings, _retrained_2=REACHES))
    assert headline.in_words(third).startswith("Over 7 trainings of the simulators, at least 2 for each kind")
    assert f"adds {row['value']:.2f} nats [{row['low']:.2f}, {row['high']:.2f}], and the best" in said


# Laboratory units


def with_properties(cell: str, change: float) -> pd.DataFrame:
    """Two trajectories whose second composition is the best, with strengths that differ by `change` MPa."""
    made = [
        {"seed": seed, "experiment": experiment, "merit": merit, "hardness": 300.0 + seed, "yield_strength": 700.0}
        | {"ultimate_strength": 700.0 + merit * change}
        for seed in (0, 1)
        for experiment, merit in ((-1, 0.5), (0, 1.0), (60, 9.0))  # the last is beyond the paper's experiments
    ]
    return pd.DataFrame(made)


def test_best_alloys_and_their_differences_in_units():
    changes = {"ti_n4_ascent": 20.0, "ti_n4_slsqp_ei": -30.0}
    whole = results({cell: with_properties(cell, change) for cell, change in changes.items()})
    best = headline.best_alloys(whole, "ti_n4_slsqp_ei")
    assert best["merit"].tolist() == [1.0, 1.0] and best["ultimate_strength"].tolist() == [670.0, 670.0]
    assert best["unphysical"].all() and not headline.best_alloys(whole, "ti_n4_ascent")["unphysical"].any()
    table = headline.in_units(whole).set_index("property")
    assert table.loc["ultimate_strength", ["exact", "mean", "unit", "n"]].tolist() == [720.0, -50.0, "MPa", 2]
    assert table.loc[["yield_strength", "hardness", "merit"], "mean"].tolist() == [0.0, 0.0, 0.0]
    shares = headline.unphysical(whole, {"": "default"})
    assert shares.loc[("Ti", "default")].to_dict() == {"ascent": 0.0, "slsqp_ei": 1.0}


def test_derived_properties_of_shape_memory_alloys():
    peaks = {"enthalpy": 30.0, "martensite_peak": 280.0, "austenite_peak": 300.0}
    table = pd.DataFrame([{"seed": 0, "experiment": 0, "merit": 1.0, **peaks}])
    best = headline.best_alloys(results({"sma_n4_ascent": table}), "sma_n4_ascent").iloc[0]
    assert (best["hysteresis"], best["mean peak"], best["unphysical"]) == (20.0, 290.0, False)


def test_every_property_has_a_unit():
    for name, alloy in ALLOYS.items():
        assert set(headline.units(name)) == set(alloy.properties)
    assert headline.units("HEA") == {"yield_strength": "MPa", "ultimate_strength": "MPa", "elongation": "%"}


def test_trainings_are_those_of_the_cells():
    named = {cell.networks for cell in CELLS.values() if cell.networks and not cell.merit}
    endings = {network.removeprefix(alloy) for network in named for alloy in ALLOYS if network.startswith(alloy)}
    assert endings <= set(headline.TRAININGS)
