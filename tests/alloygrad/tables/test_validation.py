"""Held-out predictions by two routes each, and coverage that is right for a model that is right."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binom, norm

from alloygrad.campaigns.campaign import Campaign
from alloygrad.features.feature_map import FeatureMap, raw_fractions
from alloygrad.spaces.composition import CompositionSpace
from alloygrad.surrogates import gp as S
from alloygrad.tables.validation import NOMINAL, by_folds, coverage, doubtful, left_out, scores, verdict

SPACE = CompositionSpace({"Ti": (20, 60), "Ni": (20, 60), "Cu": (0, 30)}, step=1)
QUICK = dict(n_features=2, generations=2, population=8)


def begun(c, y, inputs=None, **selection):
    campaign = Campaign(SPACE, "y", inputs=inputs, **selection)
    campaign.tell(pd.DataFrame(100 * c, columns=SPACE.names), y)
    return campaign


def data(n=25, seed=0):
    rng = np.random.default_rng(seed)
    c = SPACE.fractions(SPACE.sample(n, rng))
    return c, 500 + 90 * np.sin(6 * c[:, 0]) - 60 * c[:, 2] + 2 * rng.normal(size=n)


def test_leaving_out_in_closed_form_is_refitting_without_each_row():
    """At fixed hyperparameters, in the unit of the targets, on features whose range every row's absence may change."""
    c, y = data()
    campaign = begun(c, y, FeatureMap(SPACE.elements, ["mean:VEC", "mean:MT"]))
    fitted, table = campaign.model, left_out(campaign)
    centre, spread = y.mean(), y.std()
    for i in range(len(y)):
        keep = np.arange(len(y)) != i
        inputs = fitted.inputs[keep]
        width = inputs.max(0).values - inputs.min(0).values
        part = S.with_hyperparameters(
            lambda x: x, inputs, fitted.targets[keep], fitted.lengthscales / width, fitted.outputscale,
            fitted.mean, noise=fitted.noise,
        )  # fmt: skip
        mean, std = part(fitted.inputs[i])
        assert table["predicted"][i] == pytest.approx(centre + spread * mean.item(), abs=1e-6 * spread)
        assert table["std"][i] == pytest.approx(spread * np.sqrt(std.item() ** 2 + fitted.noise), rel=1e-6)
    assert table["measured"].tolist() == y.tolist()


def test_a_number_typed_ten_times_too_large_is_named():
    c, y = data()
    rows, typed = np.arange(2, 27), np.where(np.arange(25) == 7, 10 * y, y)
    for targets, expected in ((y, []), (typed, [f"Row 9: {10 * y[7]:.4g}"])):
        found = doubtful(left_out(begun(c, targets, FeatureMap(SPACE.elements, ["mean:VEC", "mean:MT"]))), rows)
        assert [line.partition(", ")[0] for line in found] == expected
        assert all(line.endswith(": check this number.") for line in found)


def test_the_limit_of_doubt():
    table = pd.DataFrame({"measured": [4.1, -4.1, 3.9, 8.2], "predicted": 0.0, "std": [1.0, 1.0, 1.0, 2.1]})
    assert doubtful(table, [2, 3, 5, 9]) == [
        f"Row {row}: {y}, from all others 0 ± 1: check this number." for row, y in ((2, 4.1), (3, -4.1))
    ]


def test_folds_are_fits_on_the_other_rows_and_repeats_stay_together():
    c, y = data()
    again = 0.999 * c[:3]  # written down with sums of 99.9
    again /= again.sum(1, keepdims=True)
    assert (again != c[:3]).any()
    c, y = np.concatenate([c, again]), np.concatenate([y, y[:3] + 5])
    one = by_folds(begun(c, y), rng=np.random.default_rng(1), inputs="fractions", n_folds=40)
    for i in (0, 7, 26):  # as many folds as compositions: each without its repeats
        keep = (abs(c - c[i]) > 1e-6).any(1)
        centre, spread = y[keep].mean(), y[keep].std()
        part = S.fit_gp(raw_fractions(SPACE.elements), c[keep], (y[keep] - centre) / spread)
        mean, std = part(torch.from_numpy(c[i]))
        assert one["predicted"][i] == pytest.approx(centre + spread * mean.item(), rel=1e-6)
        assert one["std"][i] == pytest.approx(spread * np.sqrt(std.item() ** 2 + part.noise), rel=1e-5)


def test_no_target_of_a_fold_is_seen_when_it_is_predicted():
    """Changing one row's target changes no prediction of its own fold, features included."""
    c, y = data(20)
    changed = y.copy()
    changed[4] += 1000
    one, other = (
        by_folds(begun(c, values, **QUICK), rng=np.random.default_rng(2), n_folds=5) for values in (y, changed)
    )
    same = np.isclose(one["predicted"], other["predicted"], rtol=1e-9)
    assert same[4] and 1 <= same.sum() <= 6
    assert other["measured"][4] == changed[4]


def test_few_rows_and_folds_without_contrast():
    c, y = data(5)
    table = by_folds(begun(c, y, **QUICK), rng=np.random.default_rng(0))
    assert np.isfinite(table).all(axis=None)
    table = by_folds(begun(c, np.array([1.0, 1, 1, 1, 2]), **QUICK), rng=np.random.default_rng(0))
    assert table["predicted"][4] == 1 and np.isfinite(table["predicted"]).all()
    curve = coverage(table)
    assert np.isfinite(curve).all(axis=None)


@pytest.mark.parametrize("inputs", ["features", "fractions"])
def test_of_two_compositions_each_is_predicted_as_the_mean_of_the_other(inputs):
    c = np.repeat([[0.5, 0.5, 0], [0.4, 0.5, 0.1]], 3, axis=0)
    y = np.array([1.0, 2, 3, 10, 10, 16])
    table = by_folds(begun(c, y, **QUICK), rng=np.random.default_rng(0), inputs=inputs)
    assert table["predicted"].tolist() == [12, 12, 12, 2, 2, 2]
    assert table["std"].tolist() == pytest.approx([np.sqrt(8)] * 3 + [np.sqrt(2 / 3)] * 3)
    assert np.isfinite(list(scores(table).values())).all()


def test_scores_by_hand():
    table = pd.DataFrame({"measured": [1.0, 2, 3, 6], "predicted": [1.0, 3, 3, 4], "std": [1.0, 1, 2, 4]})
    found = scores(table)
    assert found["R²"] == pytest.approx(1 - 5 / 14) and found["MAE"] == 0.75 and found["MAE of the mean"] == 1.5
    z = np.array([0, -1, 0, 0.5])
    assert (found["mean z"], found["std z"]) == pytest.approx((z.mean(), z.std()))


def test_coverage_of_a_true_model_lies_in_its_band_and_of_a_boastful_one_below():
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(200):
        std = rng.uniform(0.5, 2, size=40)
        table = pd.DataFrame({"measured": std * rng.normal(size=40), "predicted": 0.0, "std": std})
        curve = coverage(table)
        inside.append(((curve["low"] <= curve["observed"]) & (curve["observed"] <= curve["high"])).mean())
    assert 0.93 < np.mean(inside) <= 0.99  # at least 95 % for each nominal share: the binomial is discrete
    boast = coverage(table.assign(std=table["std"] / 3))
    assert (boast["observed"] < boast["low"])[boast["nominal"].between(0.5, 0.9)].all()
    assert coverage(table, [0.6827])["observed"].item() == ((table["measured"] / table["std"]).abs() <= 1).mean()


def test_the_verdict_follows_the_numbers():
    rng = np.random.default_rng(0)
    y = rng.normal(size=60)
    good = pd.DataFrame({"measured": y, "predicted": y + 0.1 * rng.normal(size=60), "std": 0.1})
    poor = pd.DataFrame({"measured": y, "predicted": rng.normal(size=60), "std": np.sqrt(2)})
    assert "is better than their mean (MAE 0.0" in verdict(good, poor, "fractions")
    assert "calibrated as far as 60 rows can tell." in verdict(good, poor, "fractions")
    assert "not clearly better than their mean" in verdict(poor, good, "fractions")
    assert "Inputs 'fractions' do better (MAE 0.0" in verdict(poor, good, "fractions")
    assert "Inputs 'x' do worse" in verdict(good, good.assign(predicted=good["predicted"][::-1].to_numpy()), "x")
    assert "Inputs 'x' are not told apart" in verdict(good, good, "x")
    assert "too sure of itself" in verdict(good.assign(std=0.03), poor, "x")
    assert "too cautious" in verdict(good.assign(std=0.4), poor, "x")
    within = np.quantile((good["measured"] - good["predicted"]).abs() / 0.03, 0.6827)
    # What is bad, and that alone, comes with what to do.
    for table, other, remedies in (
        (good, poor, None),
        (good, good, None),
        (poor, good, "take suggestions for guesses until more alloys are measured; set inputs to 'x'."),
        (good.assign(std=0.03), poor, f"reckon with errors {within:.2g} times those stated."),
        (good.assign(std=0.4), poor, "look for single numbers far off, which make it so."),
    ):
        said = verdict(table, other, "x").partition(" What to do: ")
        assert said[2] == (remedies or "") and said[0].endswith(").")


@pytest.mark.parametrize("factor", [1.03, 1.5, 4.0])
def test_among_thousands_of_rows_only_what_matters_is_said_and_how_much(factor):
    """Three per cent are outside of what chance allows 5000 rows, and no fault; nor are some 18 rows with |z| > 3."""
    z = factor * norm.ppf((np.arange(5000) + 0.5) / 5000)
    table = pd.DataFrame({"measured": np.linspace(0, 900, 5000), "std": 5.0})
    table["predicted"] = table["measured"] - z * table["std"]
    assert scores(table)["std z"] > 1.02 and (coverage(table)["observed"] < coverage(table)["low"]).sum() > 3
    said = verdict(table, table, "x")
    if factor == 1.03:
        assert "and calibrated as far as 5000 rows can tell." in said and "What to do" not in said
    else:
        assert f"What to do: reckon with errors {factor:.2g} times those stated." in said


@pytest.mark.parametrize("n", [30, 100])
@pytest.mark.parametrize(
    ("below", "above", "said"),
    [
        (0, 0, "calibrated"),
        (3, 0, "calibrated"),
        (4, 0, "too sure of itself"),
        (0, 3, "calibrated"),
        (0, 4, "too cautious"),
        (3, 3, "calibrated"),  # a third of the shares, but on either side less than a fifth
    ],
)
def test_a_fifth_of_the_shares_outside_is_what_decides(n, below, above, said):
    """Of 18 shares 3 are less than a fifth and 4 more; all others lie on the edge of the band, which is within."""
    low, high = (binom.ppf(side, n, NOMINAL).astype(int) for side in (0.025, 0.975))
    share = np.arange(len(NOMINAL))
    counts = np.where(share < 9, low, high) if below and above else high if above else low  # within each interval
    counts = counts - ((share >= 3) & (share < 3 + below)) + ((share >= 12) & (share < 12 + above))
    edges = np.array([0, *NOMINAL, 1])
    within = np.diff([0, *counts, n])  # between the intervals of neighbouring shares
    z = np.repeat(norm.ppf((1 + (edges[1:] + edges[:-1]) / 2) / 2), within) * (-1) ** np.arange(n)
    table = pd.DataFrame({"measured": z, "predicted": 0.0, "std": 1.0})
    curve = coverage(table)
    assert len(NOMINAL) == 18 and (within >= 0).all()
    assert (curve["observed"] < curve["low"]).sum() == below and (curve["observed"] > curve["high"]).sum() == above
    assert f", and {said} as far as {n} rows can tell." in verdict(table, table, "x")


@pytest.mark.parametrize(("quiet", "far"), [(0.5, 2), (0.8, 3), (0.3, 1)])
def test_the_verdict_agrees_with_the_spread_of_z_where_few_rows_lie_far_off(quiet, far):
    """Many rows with small errors and a few with huge ones: the table says 1.4, so the words must not say cautious."""
    z = quiet * np.random.default_rng(0).normal(size=40)
    z[:far] = 6 * (-1) ** np.arange(far) + (far == 1) * 4
    table = pd.DataFrame({"measured": np.linspace(0, 200, 40), "std": 5.0})
    table["predicted"] = table["measured"] - z * table["std"]
    spread, said = scores(table)["std z"], verdict(table, table, "fractions")
    assert spread > 1.3 and f"far too sure for {far} row{'s' * (far > 1)} with |z| > 3" in said
    assert f"the spread of z {spread:.2g}" in said and "check row " in said


def test_rows_that_are_far_off_are_named_as_in_their_table():
    z = 0.3 * np.random.default_rng(0).normal(size=40)
    z[4] = 10
    table = pd.DataFrame({"measured": np.full(40, 12.0) + z, "std": 1.0, "predicted": 12.0})
    rows = [f"Row {i + 2}" for i in range(40)]
    assert "check row 6 (22): a few numbers far off" in verdict(table, table, "fractions", rows)


def test_where_all_other_rows_agree_no_error_is_stated_as_zero():
    c = np.repeat([[0.5, 0.5, 0], [0.4, 0.5, 0.1]], 3, axis=0)
    table = by_folds(begun(c, np.array([1.0, 1, 1, 4, 4, 4]), **QUICK), rng=np.random.default_rng(0))
    assert table["std"].tolist() == [1.5] * 6 and np.isfinite(list(scores(table).values())).all()
