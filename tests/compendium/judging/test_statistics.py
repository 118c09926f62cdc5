"""Intervals against normal theory, and differences constructed to be known."""

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
    holm,
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
)


def rows(merits: dict[int, list[float]], n_initial: int = 2) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"seed": seed, "experiment": number, "merit": merit}
            for seed, values in merits.items()
            for number, merit in enumerate(values, start=-n_initial)
        ]
    )


def test_interval_agrees_with_normal_theory():
    values = np.random.default_rng(0).normal(3, [1, 10], (400, 2))
    mean, low, high = mean_interval(values)
    half = 1.96 * values.std(0, ddof=1) / np.sqrt(400)
    assert mean.tolist() == values.mean(0).tolist()
    assert mean - low == pytest.approx(half, rel=0.06) and high - mean == pytest.approx(half, rel=0.06)


def test_interval_is_that_of_scipy():
    values = np.random.default_rng(5).exponential(size=(17, 4))
    theirs = bootstrap((values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(0))
    for ours, expected in zip(mean_interval(values)[1:], theirs.confidence_interval, strict=True):
        assert ours == pytest.approx(expected, rel=1e-12)


def test_interval_covers_the_mean_of_most_samples():
    values = np.random.default_rng(1).exponential(size=(30, 150))  # 150 samples of 30, side by side
    _, low, high = mean_interval(values)
    assert 0.88 < ((low < 1) & (high > 1)).mean() < 0.97


def test_interval_is_seeded_and_scales():
    values = np.random.default_rng(2).normal(size=(20, 3))
    one, same, other = mean_interval(values), mean_interval(values), mean_interval(values, seed=1)
    for a, b in zip(one, same, strict=True):
        assert a.tolist() == b.tolist()
    assert one[1].tolist() != other[1].tolist() and one[1] == pytest.approx(other[1], abs=0.05)
    for a, b in zip(one, mean_interval(10 * values + 5), strict=True):
        assert b == pytest.approx(10 * a + 5)


def test_one_trajectory_has_a_mean_and_no_interval():
    mean, low, high = mean_interval(np.array([[1.0, 2.0]]))
    assert mean.tolist() == [1, 2] and np.isnan(low).all() and np.isnan(high).all()
    constant = mean_interval(np.full((8, 1), 0.7))
    assert np.ravel(constant) == pytest.approx([0.7] * 3)


def test_curve():
    merits = {seed: np.random.default_rng(seed).normal(size=8).tolist() for seed in range(9)}
    curve = best_so_far_curve(rows(merits))
    assert curve["experiment"].tolist() == list(range(-1, 6)) and (curve["n"] == 9).all()
    expected = [np.mean([max(m[: done + 3]) for m in merits.values()]) for done in range(-1, 6)]
    assert curve["mean"].tolist() == pytest.approx(expected)
    assert curve["mean"].is_monotonic_increasing
    assert (curve["low"] <= curve["mean"]).all() and (curve["mean"] <= curve["high"]).all()
    assert set(best_so_far_curve(rows({4: [1.0, 2, 3]})).dtypes[1:4]) == {np.dtype(float)}


def test_difference_of_constructed_curves():
    """Shifts 1, 2, 3 in turn between nine paired seeds on a common course that varies much more."""
    course = {seed: np.random.default_rng(seed).normal(0, 100, size=6) for seed in range(9)}
    one = rows({seed: (values + seed % 3 + 1).tolist() for seed, values in course.items()})
    other = rows({seed: values.tolist() for seed, values in course.items()} | {99: [1e6] * 6})  # 99 has no partner
    table = paired_difference(one, other, [0, 2, 4])
    assert table["experiments"].tolist() == [0, 2, 4] and (table["n"] == 9).all()
    spread = np.sqrt(6 / 8)  # of three times 1, 2, 3
    assert table["mean"].to_numpy() == pytest.approx(2)
    assert table["effect_size"].to_numpy() == pytest.approx(2 / spread)
    half = 1.96 * np.sqrt(6 / 9) / 3  # the bootstrap's spread is that of the sample, without the correction
    assert (2 - table["low"]).to_numpy() == pytest.approx(half, rel=0.12)
    assert (table["high"] - 2).to_numpy() == pytest.approx(half, rel=0.12)
    swapped = paired_difference(other, one, [0, 2, 4])
    assert swapped["mean"].tolist() == (-table["mean"]).tolist()


def test_few_pairs_have_no_interval():
    """Below MIN_PAIRS the mean and effect size stay, the interval does not; pairs count, not trajectories."""
    one = {seed: np.random.default_rng(seed).normal(size=4).tolist() for seed in range(MIN_PAIRS + 4)}
    for pairs in (MIN_PAIRS - 1, MIN_PAIRS):
        other = {seed: [0.0] * 4 for seed in range(pairs)}
        table = paired_difference(rows(one), rows(other), [1])
        assert table.loc[0, "n"] == pairs and table.loc[0, ["mean", "effect_size"]].notna().all()
        assert table.loc[0, ["low", "high"]].notna().tolist() == [pairs == MIN_PAIRS] * 2
        assert table["low"].dtype == table["high"].dtype == float


def test_difference_counts_the_best_up_to_then():
    one, other = rows({0: [0, 1, 5, 2, 9]}), rows({0: [0, 1, 2, 4, 4]})
    assert paired_difference(one, other, [0, 1, 2, 3])["mean"].tolist() == [0, 3, 1, 5]


def test_difference_of_one_pair_and_of_equal_curves():
    one = rows({0: [0.0, 1.0, 2.0]})
    table = paired_difference(one, rows({0: [0.0, 0.5, 0.5]}), [0, 1])
    assert table["mean"].tolist() == [0.5, 1.5]
    for column in ("low", "high", "effect_size"):
        assert table[column].isna().all() and table[column].dtype == float  # plain numbers, not objects
    same = rows({seed: [seed % 3, 1.0, 2.0] for seed in range(MIN_PAIRS)})
    table = paired_difference(same, same, [1])
    assert table.loc[0, ["mean", "low", "high"]].tolist() == [0, 0, 0] and np.isnan(table.loc[0, "effect_size"])


def test_difference_without_common_seeds_is_refused():
    with pytest.raises(ValueError, match="no seed in common"):
        paired_difference(rows({0: [1.0, 2.0, 3.0]}), rows({1: [1.0, 2.0, 3.0]}), [1])


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
        p.append([paired_test(draws, overlap=30 / 90)[key] for key in ("p", "p_corrected")])
    plain, corrected = (np.array(p) < 0.05).mean(0)
    assert plain > 0.3 and 0.02 < corrected < 0.09


def test_paired_test_of_one_draw_of_equal_ones_and_of_everything():
    assert np.isnan(paired_test(np.array([1.0]), overlap=0.1)["p"])
    assert np.isnan(paired_test(np.zeros(3), overlap=0.1)["p_corrected"])
    same = paired_test(np.full(9, -0.3), overlap=0.1)
    assert (same["effect_size"], same["p"], same["p_corrected"]) == (-np.inf, 0, 0)
    with pytest.raises(ValueError, match=r"overlap 1.*expected"):
        paired_test(np.ones(3), overlap=1)


def test_paired_scores_are_the_tests_of_each_dataset_by_draw():
    rng = np.random.default_rng(6)
    rows = [
        {"dataset": name, "draw": draw, "rows": 10, "of": of, "input": i, "mae": rng.normal(5), "mape": np.nan}
        for name, of in (("b", 40), ("a", 20))
        for draw in range(8)
        for i in ("x", "y")
    ]
    scores = pd.DataFrame(rows)
    found = paired_scores(scores.sample(frac=1, random_state=0), "x", "y")
    for name, overlap in (("b", 0.25), ("a", 0.5)):
        own = scores[scores["dataset"] == name]
        x, y = (own.loc[own["input"] == i, "mae"].to_numpy() for i in ("x", "y"))
        for key, value in paired_test(x - y, overlap=overlap).items():
            assert found.loc[name, key] == pytest.approx(value)
        assert found.loc[name, "percent"] == pytest.approx(100 * (x.mean() - y.mean()) / x.mean())
    same = pd.DataFrame([{**row, "mae": 5.0 if row["input"] == "x" else np.nextafter(5.0, 6)} for row in rows])
    assert (paired_scores(same, "x", "y")["mean"] == 0).all() and paired_scores(same, "x", "y")["p"].isna().all()
    assert paired_scores(scores, "x", "y", "mape").empty and list(paired_scores(scores[:0], "x", "y")) == list(found)


def test_interval_of_a_mean_is_that_of_mean_interval_and_pairs_stay_pairs():
    values = np.random.default_rng(3).normal(size=(60, 2))
    mean, low, high = interval(values[:, :1], lambda v: v[..., 0].mean(-1))
    assert mean == pytest.approx(values[:, 0].mean())
    assert [low, high] == pytest.approx(np.ravel(mean_interval(values[:, :1])[1:]), abs=0.02)
    shifted = np.column_stack([values[:, 0], values[:, 0] + 1])  # every row differs by 1, whatever is drawn
    assert interval(shifted, lambda v: (v[..., 1] - v[..., 0]).mean(-1)) == pytest.approx((1, 1, 1))
    assert interval(values, lambda v: v.std(axis=-2).sum(-1)) == interval(values, lambda v: v.std(axis=-2).sum(-1))


def test_interval_of_few_rows_or_of_no_number_is_none():
    few = interval(np.arange(MIN_PAIRS - 1.0)[:, None], lambda v: v[..., 0].mean(-1))
    assert few[0] == 3 and np.isnan(few[1:]).all()
    assert np.isnan(interval(np.ones((20, 1)), lambda v: np.nan * v[..., 0].mean(-1))).all()


def test_paired_takes_the_seeds_that_both_have():
    one, other = pd.Series({s: s + 1.0 for s in range(12)}), pd.Series({s: s * 1.0 for s in range(4, 20)})
    found = paired(one, other)
    assert found["n"] == 8 and [found["mean"], found["low"], found["high"]] == pytest.approx([1, 1, 1])
    few = paired(one[:5], other)
    assert few["n"] == 1 and np.isnan([few["low"], few["high"], few["effect_size"]]).all()
    with pytest.raises(ValueError, match="no seed in common"):
        paired(one[:2], other)


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


def noisy(shift: float, n: int, seed: int) -> pd.DataFrame:
    """Trajectories of one course by seed, with noise of their own, shifted."""
    own = np.random.default_rng(seed)
    courses = {k: np.random.default_rng(k).normal(size=6) for k in range(n)}
    return rows({k: (values + shift + 0.3 * own.normal(size=6)).tolist() for k, values in courses.items()})


def test_curves_of_many_and_of_none():
    some = {"a": noisy(0, 5, 1), "none": pd.DataFrame(), "b": noisy(1, 9, 2)}
    table = best_so_far_curves(some, "arm")
    assert table["arm"].drop_duplicates().tolist() == ["a", "b"]
    for name, own in table.groupby("arm"):
        pd.testing.assert_frame_equal(
            own.drop(columns="arm").reset_index(drop=True), best_so_far_curve(some[name]), check_exact=True
        )
    assert best_so_far_curves({"none": pd.DataFrame()}, "arm").empty


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
    rng = np.random.default_rng(0)
    noise = pd.Series(rng.normal(size=12))
    found = judged(pd.DataFrame([paired(one, other), paired(other, one), paired(noise, -noise), paired(one, one)]))
    assert found["mean"].iloc[:2].to_numpy() == pytest.approx([0.02, -0.02])
    assert found["effect_size"].iloc[:2].tolist() == [np.inf, -np.inf]
    assert found["p_holm"].iloc[:2].tolist() == [0, 0] and np.isnan(found["p_holm"].iloc[3])
    assert found["p_holm"].iloc[2] == pytest.approx(
        ttest_1samp(2 * noise, 0).pvalue
    )  # the last of three tests that there are
    assert found["verdict"].tolist() == ["higher", "lower", "inconclusive", "inconclusive"]
    alone = paired(one[:1], other[:1])
    assert np.isnan(alone["effect_size"]) and judged(pd.DataFrame([alone])).loc[0, "verdict"] == "inconclusive"


def test_a_paired_curve_is_the_paired_difference_after_every_experiment():
    one, other = noisy(1, 12, 1), noisy(0, 10, 2)
    curve = paired_curve(one, other)
    assert curve["experiment"].tolist() == list(range(-1, 4)) and (curve["n"] == 10).all()
    table = paired_difference(one, other, [0, 1, 2, 3, 4])
    for column in ("mean", "low", "high"):
        assert curve[column].to_numpy() == pytest.approx(table[column].to_numpy())
    few = paired_curve(noisy(1, MIN_PAIRS - 1, 1), other)
    assert few[["low", "high"]].isna().all(axis=None) and few["mean"].notna().all()


def test_holm_by_hand():
    """Of four tests the smallest counts fourfold, the next threefold, …, and never less than the one before."""
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.5, np.nan, 0.9, 0.02])) == pytest.approx([1.0, np.nan, 1.0, 0.06], nan_ok=True)
    assert holm(np.array([0.02, 0.0, 0.0])) == pytest.approx([0.02, 0.0, 0.0])
    assert holm(np.array([])).size == 0 and holm(np.array([0.3])) == pytest.approx([0.3])


def test_holm_keeps_the_chance_of_any_false_verdict():
    p = np.random.default_rng(0).uniform(size=(2000, 5))
    assert (np.array([holm(row) for row in p]) < 0.05).any(1).mean() == pytest.approx(0.05, abs=0.015)


def test_differences_are_paired_t_tests_of_one_family():
    some = {"a": noisy(0.0, 20, 1), "b": noisy(0.0, 20, 6), "c": noisy(1.0, 20, 3), "few": noisy(1, 3, 4)}
    some["none"] = pd.DataFrame()
    pairs = [("b", "a"), ("c", "a"), ("a", "c"), ("few", "a"), ("none", "a"), ("unknown", "a")]
    table = differences(some, pairs, [2, 4])
    assert list(zip(table["one"], table["other"], strict=True)) == [pair for pair in pairs[:4] for _ in (2, 4)]
    merits = {k: own[own["experiment"] < 4].groupby("seed")["merit"].max() for k, own in some.items() if len(own)}
    last = table[table["experiments"] == 4].set_index(["one", "other"])
    plain = []
    for own in table.itertuples():
        best = [
            some[k][some[k]["experiment"] < own.experiments].groupby("seed")["merit"].max()
            for k in (own.one, own.other)
        ]
        gap = (best[0] - best[1]).dropna()
        plain.append(ttest_1samp(gap, 0).pvalue if len(gap) >= MIN_PAIRS else np.nan)
    assert table["p_holm"].to_numpy() == pytest.approx(holm(np.array(plain)), nan_ok=True)
    assert last.loc[("c", "a"), "mean"] == pytest.approx((merits["c"] - merits["a"]).mean())
    assert last["verdict"].tolist() == ["inconclusive", "higher", "lower", "inconclusive"]
    assert np.isnan(last.loc[("few", "a"), "p_holm"]) and last.loc[("few", "a"), "n"] == 3
    assert list(differences({}, pairs, [4])) == list(table) and differences({}, pairs, [4]).empty


def test_equal_arms_are_inconclusive():
    same = noisy(0, MIN_PAIRS, 1)
    (row,) = differences({"a": same, "b": same}, [("a", "b")], [4]).itertuples()
    assert row.mean == 0 and row.verdict == "inconclusive" and np.isnan(row.p_holm)


@pytest.mark.parametrize(
    "low, high, verdict",
    [
        (-0.004, 0.004, "equivalent"),
        (0.001, 0.004, "equivalent"),  # a difference, but too small to matter
        (-0.004, 0.005, "inconclusive"),
        (0.001, 0.02, "inconclusive"),
        (0.006, 0.02, "not equivalent"),
        (-0.02, -0.006, "not equivalent"),
        (np.nan, np.nan, "inconclusive"),
    ],
)
def test_equivalence(low, high, verdict):
    assert equivalence(low, high, 0.005) == verdict


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


def test_in_words():
    assert in_words({"mean": 0.01, "low": -0.02, "high": 0.04, "n": 9}) == "+0.0100 [-0.0200, +0.0400] (n = 9)"
    assert in_words({"mean": 0.01, "low": np.nan, "high": np.nan}) == "+0.0100, too few for an interval"
