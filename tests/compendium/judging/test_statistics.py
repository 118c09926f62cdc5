"""Intervals and tests against SciPy, normal theory and numbers constructed to be known."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, norm, ttest_1samp, ttest_rel

from compendium.judging.statistics import (
    MIN_PAIRS,
    RESAMPLES,
    best_so_far_curve,
    best_so_far_curves,
    contrast,
    differences,
    equivalence,
    gains_by_movement,
    holm,
    in_percent,
    in_words,
    interval,
    judged,
    mean_interval,
    paired,
    paired_curve,
    paired_difference,
    paired_scores,
    paired_test,
    prediction_scores,
    share_interval,
)


def rows(merits: dict[int, list[float]], n_initial: int = 2) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"seed": seed, "experiment": number, "merit": merit}
            for seed, values in merits.items()
            for number, merit in enumerate(values, start=-n_initial)
        ]
    )


def noisy(shift: float, n: int, seed: int) -> pd.DataFrame:
    """Trajectories of one course by seed, with noise of their own, shifted."""
    own = np.random.default_rng(seed)
    courses = {k: np.random.default_rng(k).normal(size=6) for k in range(n)}
    return rows({k: (values + shift + 0.3 * own.normal(size=6)).tolist() for k, values in courses.items()})


# Intervals.


def test_interval_of_a_mean_is_that_of_scipy():
    values = np.random.default_rng(5).exponential(size=(17, 4))
    theirs = bootstrap((values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(0))
    mean, *ours = mean_interval(values)
    assert mean.tolist() == values.mean(0).tolist()
    for own, expected in zip(ours, theirs.confidence_interval, strict=True):
        assert own == pytest.approx(expected, rel=1e-12)
    alone = interval(values, lambda v: v[..., 0].mean(axis=-1))
    assert alone == pytest.approx([mean[0], *(own[0] for own in ours)], rel=1e-12)


def test_pairs_stay_pairs():
    values = np.random.default_rng(3).normal(size=60)
    shifted = np.column_stack([values, values + 1])  # every row differs by 1, whatever is drawn
    assert interval(shifted, lambda v: (v[..., 1] - v[..., 0]).mean(-1)) == pytest.approx((1, 1, 1))


def test_few_rows_or_no_number_have_no_interval():
    few = interval(np.arange(MIN_PAIRS - 1.0)[:, None], lambda v: v[..., 0].mean(-1))
    assert few[0] == 3 and np.isnan(few[1:]).all()
    assert np.isnan(interval(np.ones((20, 1)), lambda v: np.nan * v[..., 0].mean(-1))).all()
    mean, low, high = mean_interval(np.array([[1.0, 2.0]]))
    assert mean.tolist() == [1, 2] and np.isnan(low).all() and np.isnan(high).all()
    assert np.ravel(mean_interval(np.full((MIN_PAIRS, 1), 0.7))) == pytest.approx([0.7] * 3)


def test_contrast_of_independent_samples():
    rng = np.random.default_rng(0)
    a, b = rng.normal(3, 1, 200), rng.normal(1, 2, 100)
    value, low, high = contrast([(1, a), (-1, b)])
    assert value == pytest.approx(a.mean() - b.mean())
    half = 1.96 * np.sqrt(a.var() / 200 + b.var() / 100)
    assert (high - value, value - low) == (pytest.approx(half, rel=0.06), pytest.approx(half, rel=0.06))
    _, low, high = contrast([(1, a), (-1, a.copy())])  # equal numbers, drawn independently
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(2 * a.var() / 200), rel=0.06)
    assert np.isnan(contrast([(1, a), (-1, b[: MIN_PAIRS - 1])])[1:]).all()


# Curves of the best so far.


def test_curves_are_of_the_best_up_to_each_experiment():
    merits = {seed: np.random.default_rng(seed).normal(size=8).tolist() for seed in range(9)}
    curve = best_so_far_curve(rows(merits))
    assert curve["experiment"].tolist() == list(range(-1, 6)) and (curve["n"] == 9).all()
    expected = [np.mean([max(m[: done + 3]) for m in merits.values()]) for done in range(-1, 6)]
    assert curve["mean"].tolist() == pytest.approx(expected)
    assert (curve["low"] <= curve["mean"]).all() and (curve["mean"] <= curve["high"]).all()
    some = {"a": noisy(0, 5, 1), "none": pd.DataFrame(), "b": rows(merits)}
    table = best_so_far_curves(some, "arm")
    assert table["arm"].drop_duplicates().tolist() == ["a", "b"]
    own = table.query("arm == 'b'").drop(columns="arm").reset_index(drop=True)
    pd.testing.assert_frame_equal(own, curve, check_exact=True)
    assert best_so_far_curves({"none": pd.DataFrame()}, "arm").empty


def test_a_paired_curve_is_the_paired_difference_after_every_experiment():
    one, other = noisy(1, 12, 1), noisy(0, 10, 2)
    curve = paired_curve(one, other)
    assert curve["experiment"].tolist() == list(range(-1, 4)) and (curve["n"] == 10).all()
    table = paired_difference(one, other, [0, 1, 2, 3, 4])
    for column in ("mean", "low", "high"):
        assert curve[column].to_numpy() == pytest.approx(table[column].to_numpy())


def test_gains_fall_to_the_experiments_in_which_a_start_moved():
    table = rows({0: [1.0, 1.0, 3.0, 2.0, 4.0], 1: [0.0, 0.0, 0.0, 1.0, 0.5]})
    table["moved"] = [np.nan, np.nan, 0.5, 0.0, 0.0, np.nan, np.nan, 0.0, 0.1, 0.0]
    found = gains_by_movement(table.assign(log_ei=np.log(10.0) * table["merit"]))
    assert found.loc["one moved"].to_dict() == pytest.approx(
        {"experiments": 2, "better": 1, "gained": 3, "share_of_gain": 0.75, "log10_ei": 2}
    )
    assert found.loc["none moved", ["experiments", "better", "gained"]].tolist() == pytest.approx([4, 0.25, 1])


# Paired differences.


def test_difference_of_constructed_curves():
    """Shifts 1, 2, 3 in turn between nine paired seeds on a common course that varies much more."""
    course = {seed: np.random.default_rng(seed).normal(0, 100, size=6) for seed in range(9)}
    one = rows({seed: (values + seed % 3 + 1).tolist() for seed, values in course.items()})
    other = rows({seed: values.tolist() for seed, values in course.items()} | {99: [1e6] * 6})  # 99 has no partner
    table = paired_difference(one, other, [0, 2, 4])
    assert table["experiments"].tolist() == [0, 2, 4] and (table["n"] == 9).all()
    assert table["mean"].to_numpy() == pytest.approx(2)
    assert table["effect_size"].to_numpy() == pytest.approx(2 / np.sqrt(6 / 8))  # of three times 1, 2, 3
    half = 1.96 * np.sqrt(6 / 9) / 3  # the bootstrap's spread is that of the sample, without the correction
    assert (2 - table["low"]).to_numpy() == pytest.approx(half, rel=0.12)
    assert (table["high"] - 2).to_numpy() == pytest.approx(half, rel=0.12)


def test_a_difference_takes_the_seeds_that_both_have_and_few_have_no_interval():
    one, other = pd.Series({s: s + 1.0 for s in range(12)}), pd.Series({s: s * 1.0 for s in range(4, 20)})
    found = paired(one, other)
    assert found["n"] == MIN_PAIRS and [found["mean"], found["low"], found["high"]] == pytest.approx([1, 1, 1])
    few = paired(one[:-1] ** 2, other)
    assert few["n"] == MIN_PAIRS - 1 and np.isnan([few["low"], few["high"]]).all() and few["effect_size"] > 0
    assert np.isnan(paired(one[:5], other)["effect_size"])  # one pair
    with pytest.raises(ValueError, match="no seed in common"):
        paired(one[:2], other)


def test_what_differs_by_rounding_alone_is_equal():
    """Regression: one merit computed on two processors, one bit apart in most seeds, was a significant difference."""
    one = pd.Series(np.linspace(0.2, 0.9, 32))
    other = one.where(one.index % 4 == 0, np.nextafter(one, 1))
    found = judged(pd.DataFrame([paired(one, other)]))
    assert found.loc[0, ["mean", "low", "high"]].tolist() == [0, 0, 0] and found.loc[0, "verdict"] == "inconclusive"
    apart = paired(one, one * (1 + 1e-9 * (1 + one.index % 2)))
    assert apart["high"] < 0 and apart["mean"] == pytest.approx(-1.5e-9 * one.mean(), rel=0.1)


@pytest.mark.parametrize("base", [np.full(12, 0.7), np.linspace(0.2, 0.9, 12)])
def test_a_difference_that_is_the_same_in_every_seed_is_clear(base):
    """Regression: without spread there was no effect size, no p and no verdict. In the second, subtraction rounds."""
    one, other = pd.Series(base + 0.02), pd.Series(base)
    noise = pd.Series(np.random.default_rng(0).normal(size=12))
    found = judged(pd.DataFrame([paired(one, other), paired(other, one), paired(noise, -noise), paired(one, one)]))
    assert found["mean"].iloc[:2].to_numpy() == pytest.approx([0.02, -0.02])
    assert found["effect_size"].iloc[:2].tolist() == [np.inf, -np.inf]
    assert found["p_holm"].iloc[:2].tolist() == [0, 0] and np.isnan(found["p_holm"].iloc[3])
    assert found["p_holm"].iloc[2] == pytest.approx(ttest_1samp(2 * noise, 0).pvalue)  # the last of three tests
    assert found["verdict"].tolist() == ["higher", "lower", "inconclusive", "inconclusive"]


def test_differences_are_paired_t_tests_of_one_family():
    some = {"a": noisy(0.0, 20, 1), "b": noisy(0.0, 20, 6), "c": noisy(1.0, 20, 3), "few": noisy(1, 3, 4)}
    some["none"] = pd.DataFrame()
    pairs = [("b", "a"), ("c", "a"), ("a", "c"), ("few", "a"), ("none", "a"), ("unknown", "a")]
    table = differences(some, pairs, [2, 4])
    assert list(zip(table["one"], table["other"], strict=True)) == [pair for pair in pairs[:4] for _ in (2, 4)]
    plain = []
    for own in table.itertuples():
        known = [some[name][some[name]["experiment"] < own.experiments] for name in (own.one, own.other)]
        best = [table.groupby("seed")["merit"].max() for table in known]
        gap = (best[0] - best[1]).dropna()
        assert own.mean == pytest.approx(gap.mean()) and own.n == len(gap)
        plain.append(ttest_1samp(gap, 0).pvalue if len(gap) >= MIN_PAIRS else np.nan)
    assert table["p_holm"].to_numpy() == pytest.approx(holm(np.array(plain)), nan_ok=True)
    last = table[table["experiments"] == 4]
    assert last["verdict"].tolist() == ["inconclusive", "higher", "lower", "inconclusive"]
    assert list(differences({}, pairs, [4])) == list(table) and differences({}, pairs, [4]).empty


def test_holm_by_hand():
    """Of four tests the smallest counts fourfold, the next threefold, …, and never less than the one before."""
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.5, np.nan, 0.9, 0.02])) == pytest.approx([1.0, np.nan, 1.0, 0.06], nan_ok=True)
    assert holm(np.array([0.02, 0.0, 0.0])) == pytest.approx([0.02, 0.0, 0.0])
    assert holm(np.array([])).size == 0 and holm(np.array([0.3])) == pytest.approx([0.3])


def test_holm_keeps_the_chance_of_any_false_verdict():
    p = np.random.default_rng(0).uniform(size=(2000, 5))
    assert (np.array([holm(row) for row in p]) < 0.05).any(1).mean() == pytest.approx(0.05, abs=0.015)


def test_equivalence():
    within = [(-0.004, 0.004), (0.001, 0.004)]  # the second is a difference, but too small to matter
    assert {equivalence(*ends, 0.005) for ends in within} == {"equivalent"}
    assert {equivalence(*ends, 0.005) for ends in [(0.006, 0.02), (-0.02, -0.006)]} == {"not equivalent"}
    straddling = [(-0.004, 0.005), (0.001, 0.02), (np.nan, np.nan)]
    assert {equivalence(*ends, 0.005) for ends in straddling} == {"inconclusive"}


def test_in_words():
    assert in_words({"mean": 0.01, "low": -0.02, "high": 0.04, "n": 9}) == "+0.0100 [-0.0200, +0.0400] (n = 9)"
    assert in_words({"mean": 0.01, "low": np.nan, "high": np.nan}) == "+0.0100, too few for an interval"


# Draws that share rows, and predictions.


def test_paired_test_is_the_t_test_where_draws_do_not_overlap():
    one, other = np.random.default_rng(3).normal([[0.3], [0.0]], 1, (2, 40))
    found = paired_test(one - other, overlap=0)
    assert found["p"] == pytest.approx(ttest_rel(one, other).pvalue) and found["p_corrected"] == found["p"]
    assert found["n"] == found["effective"] == 40 and found["low"] < found["mean"] < found["high"]
    assert found["effect_size"] == pytest.approx((one - other).mean() / (one - other).std(ddof=1))


def test_corrected_variance_by_hand():
    """d = 1, 3: d̄ = 2, s² = 2, ρ = ¼: v = 2 (1/2 + 1/3) = 5/3; t of one degree of freedom is Cauchy."""
    found = paired_test(np.array([1.0, 3.0]), overlap=0.25)
    assert found["effective"] == pytest.approx(1.2) and found["effect_size"] == pytest.approx(2**0.5)
    for p, v in (("p", 1), ("p_corrected", 5 / 3)):
        assert found[p] == pytest.approx(1 - 2 / np.pi * np.arctan(2 / v**0.5))


def test_corrected_test_holds_its_level_where_the_plain_one_does_not():
    """Means over draws of 30 from 90 rows whose differences have mean zero; fresh rows each time."""
    rng, p = np.random.default_rng(0), []
    for rows in rng.normal(size=(300, 90)):
        draws = np.array([rng.permutation(rows)[:30].mean() for _ in range(20)])
        found = paired_test(draws, overlap=30 / 90)
        p.append([found["p"], found["p_corrected"]])
    plain, corrected = (np.array(p) < 0.05).mean(0)
    assert plain > 0.3 and 0.02 < corrected < 0.09


def test_paired_test_of_one_draw_of_equal_ones_and_of_everything():
    assert np.isnan(paired_test(np.array([1.0]), overlap=0.1)["p"])
    assert np.isnan(paired_test(np.zeros(3), overlap=0.1)["p_corrected"])
    same = paired_test(np.full(9, -0.3), overlap=0.1)
    assert (same["effect_size"], same["p"], same["p_corrected"]) == (-np.inf, 0, 0)
    everything = paired_test(np.array([1.0, 2.0, 4.0]), overlap=1)  # nothing is known of other rows
    assert everything["p_corrected"] == 1 and everything["effective"] == 0 and everything["p"] < 0.2
    with pytest.raises(ValueError, match=r"overlap from 0 to 1.*got 1\.1"):
        paired_test(np.ones(3), overlap=1.1)


def test_paired_scores_are_the_tests_of_each_comparison_over_draws_that_have_both_inputs():
    rng = np.random.default_rng(6)
    about = dict(target="t", process="held", restarts=0, rows=10, mape=np.nan)
    scores = pd.DataFrame(
        {"dataset": name, "draw": draw, "of": of, "input": i, "mae": rng.normal(5), **about}
        for name, of in (("b", 40), ("a", 20))
        for draw in range(9)
        for i in ("x", "y")
        if (draw, i) != (8, "y")
    )
    found = paired_scores(scores.sample(frac=1, random_state=0), "x", "y")
    for name, overlap in (("b", 0.25), ("a", 0.5)):
        x, y = scores.query("dataset == @name and draw < 8")["mae"].to_numpy().reshape(8, 2).T
        own = found.loc[name, "t", "held", 0]
        for key, value in paired_test(x - y, overlap=overlap).items():
            assert own[key] == pytest.approx(value)
        assert own["percent"] == pytest.approx(100 * (x.mean() - y.mean()) / x.mean())
        percent = in_percent(found).loc[name, "t", "held", 0]
        assert percent["mean"] == pytest.approx(own["percent"]) and percent["n"] == 8
        assert percent["low"] / percent["mean"] == pytest.approx(own["low"] / own["mean"])
    same = paired_scores(scores.assign(mae=np.where(scores["input"] == "x", 5.0, np.nextafter(5.0, 6))), "x", "y")
    assert (same["mean"] == 0).all() and same["p"].isna().all()
    assert paired_scores(scores, "x", "y", "mape").empty and paired_scores(scores, "x", "z").empty
    assert list(paired_scores(scores[:0], "x", "y")) == list(found)


def test_the_interval_of_a_share_solves_its_own_equation():
    """|p − hits/n| = z √(p (1 − p)/n) at both ends; all of n leave room below alone."""
    low, high = share_interval(7, 20)
    for p in (low, high):
        assert abs(p - 0.35) == pytest.approx(1.959964 * np.sqrt(p * (1 - p) / 20), rel=1e-6)
    assert low < 0.35 < high and share_interval(15, 15) == pytest.approx((15 / (15 + 1.959964**2), 1))


def test_scores_of_predictions_agree_with_scipy_and_a_right_model_is_calibrated():
    rng = np.random.default_rng(0)
    mean, std = rng.normal(size=(2, 20_000))
    std = np.exp(std)
    truth = rng.normal(mean, std)
    scores = prediction_scores(truth, mean, std)
    assert scores["nlpd"] == pytest.approx(-norm(mean, std).logpdf(truth).mean())
    assert scores["rmse"] ** 2 == pytest.approx(np.var(truth - mean) + (truth - mean).mean() ** 2)
    assert scores["coverage"] == pytest.approx(0.95, abs=0.005)
    for wrong in (0.5, 2):  # NLPD is least, and coverage right, for the true spread
        other = prediction_scores(truth, mean, wrong * std)
        assert other["nlpd"] > scores["nlpd"] and (other["coverage"] > 0.95) == (wrong > 1)
        assert other["coverage"] == pytest.approx(1 - 2 * norm.sf(1.96 * wrong), abs=0.01)
