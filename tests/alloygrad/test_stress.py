"""Extreme inputs: targets of any scale, equal, few or many, repeats, limits of hyperparameters.

Every case ends in finite values and gradients, or in an error that says what was expected, what came and what to do.
"""

import re

import numpy as np
import pandas as pd
import pytest
import torch

from alloygrad.acquisition import analytic as A
from alloygrad.campaigns.campaign import Campaign
from alloygrad.features.feature_map import FeatureMap
from alloygrad.spaces.composition import CompositionSpace
from alloygrad.surrogates import SURROGATES, deep_kernel, forest
from alloygrad.surrogates import gp as S
from alloygrad.tables.measurements import read_table

SPACE = CompositionSpace.from_fractions(("Ti", "Ni", "Cu", "Hf"), (0.2, 0.2, 0, 0), (0.55, 0.55, 0.2, 0.2), step=0.01)
FEATURES = FeatureMap(SPACE.elements, ["mean:VEC", "mean:MT", "mean:XP"])
FITS = {
    "gp": S.fit_paper,
    "gp with learned noise": lambda *data: S.fit_gp(*data, noise=None, scaled_prior=False),
    "deep kernel": deep_kernel.fit_deep_kernel,
    "forest": forest.fit_forest,
}
SCALES = [1e-12, 1e-6, 1e-3, 1e3, 1e6, 1e12]


def measurements(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Counts (n, 4), repeats by chance only, and targets (n,) of mean 0 and variance 1 (if n > 1)."""
    counts = SPACE.sample(n, np.random.default_rng(seed))
    c = SPACE.fractions(counts)
    y = np.sin(8 * c[:, 0]) + 3 * c[:, 2] ** 2 - c[:, 3]
    return counts, (y - y.mean()) / y.std()


def cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng, (counts, y) = np.random.default_rng(9), measurements(30)
    outlier = np.where(np.arange(30) == 3, 1e12, y)
    repeated = np.repeat(counts[:6], 5, 0), np.repeat(y[:6], 5)
    scattered = repeated[1] + 0.3 * rng.normal(size=30)
    found = {f"scaled by {scale:g}": (counts, scale * y) for scale in SCALES}
    found |= {f"shifted by {shift:g}": (counts, y + shift) for shift in (1e6, 1e12)}
    found |= {f"all {value:g}": (counts, np.full(30, value)) for value in (0.0, 0.1, -1e-12, 1e12)}
    found |= {"one point": (counts[:1], y[:1]), "two points": (counts[:2], y[:2])}
    found |= {"two equal targets": (counts[:2], np.ones(2)), "one composition twice": (counts[[0, 0]], np.arange(2.0))}
    found |= {"repeats without scatter": repeated, "repeats with scatter": (repeated[0], scattered)}
    return found | {"repeats with scatter of 3e5": (repeated[0], 1e6 * scattered), "far incumbent": (counts, outlier)}


CASES = cases()


def assert_sound(surrogate, compositions: np.ndarray, bests=(), names=tuple(A.ACQUISITIONS)) -> None:
    """Posterior and acquisition values are finite, std is positive, and so are gradients finite where there are any."""
    mean, std = surrogate(compositions)
    assert mean.isfinite().all() and std.isfinite().all() and (std > 0).all()
    for best in bests:
        for name in names:
            x = torch.tensor(compositions, requires_grad=not isinstance(surrogate, forest.ForestModel))
            value = A.ACQUISITIONS[name](surrogate, best)(x)
            assert value.isfinite().all(), (name, best)
            if x.requires_grad:
                (slope,) = torch.autograd.grad(value.sum(), x)
                assert slope.isfinite().all(), (name, best)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("case", CASES)
def test_surrogates_and_acquisition_values_stay_finite(case, fit):
    counts, targets = CASES[case]
    surrogate = FITS[fit](FEATURES, SPACE.fractions(counts), targets)
    probes = np.concatenate([SPACE.fractions(measurements(40, seed=1)[0]), SPACE.fractions(counts[:3])])
    assert_sound(surrogate, probes, bests=(targets.max(), 1e12, -1e12))


@pytest.mark.parametrize("fit", FITS)
def test_500_points(fit):
    counts, targets = measurements(500)
    surrogate = FITS[fit](FEATURES, SPACE.fractions(counts), targets)
    fresh, wanted = measurements(200, seed=1)
    assert_sound(surrogate, SPACE.fractions(fresh), bests=(targets.max(), 1e12))
    with torch.no_grad():  # and they know what they have seen so much of
        assert np.corrcoef(surrogate(SPACE.fractions(fresh))[0].numpy(), wanted)[0, 1] > 0.98


@pytest.mark.parametrize("scale", SCALES)
def test_a_surrogate_of_scaled_targets_is_the_scaled_one(scale):
    """Hyperparameters given and scaled along, an exact identity: the posterior scales by the same number."""
    counts, y = measurements(30)
    c, probes = SPACE.fractions(counts), SPACE.fractions(measurements(40, seed=1)[0])
    one = S.with_hyperparameters(FEATURES, c, y, [0.5, 0.7, 1.0], 1.0, noise=1e-4)
    other = S.with_hyperparameters(FEATURES, c, scale * y, [0.5, 0.7, 1.0], scale**2, noise=1e-4 * scale**2)
    mean, std = one(probes)
    torch.testing.assert_close(other(probes)[0], scale * mean, rtol=1e-9, atol=1e-9 * scale)
    if scale >= 1e-3:  # below, the floor of std² is above it
        torch.testing.assert_close(other(probes)[1], scale * std, rtol=1e-6, atol=0)


@pytest.mark.parametrize("repeats", [1, 4])
@pytest.mark.parametrize("noise", [S.NOISE, *S.BOUNDS["noise"]])
@pytest.mark.parametrize("outputscale", [1e-10, 1.0, 1e10])
@pytest.mark.parametrize("lengthscales", [[1e-6] * 3, [1e3] * 3, [1e-6, 1e3, 1.0], [1e3, 1e3, 0.01]])
def test_hyperparameters_at_their_limits(lengthscales, outputscale, noise, repeats):
    """Also with repeats, whose kernel is singular in floats where the noise is 1e-16 of it."""
    counts, y = measurements(40)
    c = SPACE.fractions(np.repeat(counts[: 40 // repeats], repeats, 0))
    surrogate = S.with_hyperparameters(FEATURES, c, y, lengthscales, outputscale, noise=noise)
    assert surrogate.jitter <= 1e-8 * outputscale and ("jitter" in surrogate.diagnosis) == (surrogate.jitter > 0)
    probes = np.concatenate([SPACE.fractions(measurements(200, seed=1)[0]), c[:3]])
    assert_sound(surrogate, probes, bests=(y.max(), 1e12))
    assert_sound(surrogate.condition(probes[:1], surrogate(probes[:1])[0]), probes)
    assert all(part.isfinite().all() for part in surrogate.leave_one_out())
    # What `enumeration` skips is never what it looks for.
    for name in A.ACQUISITIONS:
        with torch.no_grad():
            acquire = A.ACQUISITIONS[name](surrogate, y.max())
            values = acquire(probes)
            floor = values.topk(10).values.min().item()
            torch.testing.assert_close(acquire.exceeding(probes, floor)[values >= floor], values[values >= floor])


# Ask and tell


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("case", CASES)
def test_a_campaign_suggests_something_new_and_feasible_whatever_it_was_told(case, surrogate):
    counts, targets = CASES[case]
    campaign = Campaign(SPACE, "y", inputs=FEATURES, surrogate=surrogate, setting="paper")
    campaign.tell(counts, targets)
    assert_suggested(campaign, campaign.ask())


@pytest.mark.parametrize("acquisition", ["log_ei", "ucb"])
@pytest.mark.parametrize("case", CASES)
def test_a_safe_campaign_suggests_a_batch_whatever_it_was_told(case, acquisition):
    counts, targets = CASES[case]
    campaign = Campaign(SPACE, "y", inputs=FEATURES, acquisition=acquisition)
    campaign.tell(counts, targets)
    assert_suggested(campaign, campaign.ask(2))
    mean, std = campaign.posterior(SPACE.fractions(counts))
    reach = np.abs(targets).max() + np.ptp(targets)
    assert (np.abs(mean) <= reach + 1e-9).all() and np.isfinite(std).all() and np.isfinite(campaign.noise_std)


def assert_suggested(campaign, suggestions) -> None:
    counts = np.array([suggestion.point for suggestion in suggestions])
    assert SPACE.contains(counts).all() and np.isfinite([suggestion.value for suggestion in suggestions]).all()
    known, both = (np.unique(rows, axis=0) for rows in (campaign.points, np.concatenate([campaign.points, counts])))
    assert len(both) == len(known) + len(counts)


def test_targets_of_any_scale_give_a_safe_campaign_the_same_suggestions():
    counts, targets = measurements(30)
    asked = []
    for scale in (1.0, 1e-100, 1e-12, 1e12, 1e49):
        campaign = Campaign(SPACE, "y", inputs=FEATURES)
        campaign.tell(counts, scale * targets)
        asked.append([pick.point.tolist() for pick in campaign.ask(2)])
    assert asked == [asked[0]] * len(asked)


def test_equal_targets_have_no_spread_of_rounding_errors():
    """The mean of thirty times 0.1 is not 0.1; the difference is no scale for predictions."""
    counts, _ = measurements(30)
    campaign = Campaign(SPACE, "y", inputs=FEATURES)
    campaign.tell(counts, np.full(30, 0.1))
    assert campaign.values.std() > 0 and campaign.noise_std == pytest.approx(0.01)


def test_a_batch_keeps_its_distance_however_bad_what_lies_there_is():
    """On 510 exact measurements of a line log EI falls to −1e6 at its other end; it is asked for nevertheless."""
    space = CompositionSpace.from_fractions(("Ti", "Ni"), (0, 0), (1, 1), step=0.01)
    measured = np.repeat([[i, 100 - i] for i in range(0, 101, 2)], 10, 0)
    campaign = Campaign(space, "y", inputs="fractions")
    campaign.tell(measured, measured[:, 0].astype(float))
    first, second = campaign.ask(2, min_distance=60)
    assert second.value < -1e6 and space.distance(first.coordinates, second.coordinates) > 0.59
    assert second.warning.startswith("No improvement is expected")
    assert "No point" not in second.warning  # nothing of the distance


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e51, -1e300])
def test_targets_beyond_all_measure_are_refused_by_name(value):
    counts, targets = measurements(6)
    targets[3] = value
    for fit in FITS.values():
        with pytest.raises(ValueError, match=re.escape(f"at most; got {value} in row 3.")):
            fit(FEATURES, SPACE.fractions(counts), targets)
    campaign = Campaign(SPACE, "y", inputs=FEATURES)
    with pytest.raises(ValueError, match=r"finite outcomes, 1e\+50 at most"):
        campaign.tell(counts, targets)
    assert not len(campaign.values)


# User tables


def write(path, counts, targets):
    pd.DataFrame(counts, columns=list(SPACE.elements)).assign(y=targets).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    "case", [*(case for case in CASES if not case.startswith(("all", "one", "two"))), "500 points"]
)
def test_a_user_table_becomes_finite_suggestions(tmp_path, case):
    counts, targets = CASES.get(case) or measurements(500)
    campaign = Campaign(SPACE, "y", inputs="fractions")
    campaign.tell(read_table(write(tmp_path / "t.csv", counts, targets), SPACE, unit="at.%"))
    table = campaign.suggest(2)
    assert np.isfinite(table.select_dtypes("number").to_numpy(float)).all()
