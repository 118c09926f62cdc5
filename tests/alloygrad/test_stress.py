"""Where researchers will push: targets of any scale, equal, few or many, repeats, limits of lengthscales, far tails.

Every case ends in finite values and gradients, or in an error that says what came, what was expected and what to do.
"""

import csv
import re

import mpmath
import numpy as np
import pytest
import torch
from scipy import special

from alloygrad.acquisition import analytic as A
from alloygrad.campaigns.campaign import SURROGATES, Campaign
from alloygrad.campaigns.noisy import NoisyCampaign, believe, exchanged
from alloygrad.features.feature_map import FeatureMap, raw_fractions
from alloygrad.spaces.composition import CompositionSpace
from alloygrad.surrogates import deep_kernel, forest
from alloygrad.surrogates import gp as S
from alloygrad.tables import advice
from alloygrad.tables import measurements as own
from alloygrad.tables.reading import TableError

SPACE = CompositionSpace(("Ti", "Ni", "Cu", "Hf"), (0.2, 0.2, 0, 0), (0.55, 0.55, 0.2, 0.2), step=0.01)
FEATURES = FeatureMap(SPACE.elements, ["mean:VEC", "mean:MT", "mean:XP"])
FITS = {
    "gp": S.fit,
    "gp with learned noise": lambda *data: S.fit(*data, noise=None),
    "deep kernel": deep_kernel.fit,
    "forest": forest.fit,
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
            x = torch.tensor(compositions, requires_grad=not isinstance(surrogate, forest.Forest))
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
    one = S.condition(FEATURES, c, y, [0.5, 0.7, 1.0], 1.0, noise=1e-4)
    other = S.condition(FEATURES, c, scale * y, [0.5, 0.7, 1.0], scale**2, noise=1e-4 * scale**2)
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
    surrogate = S.condition(FEATURES, c, y, lengthscales, outputscale, noise=noise)
    assert surrogate.jitter <= 1e-8 * outputscale and ("jitter" in surrogate.diagnosis) == (surrogate.jitter > 0)
    probes = np.concatenate([SPACE.fractions(measurements(200, seed=1)[0]), c[:3]])
    assert_sound(surrogate, probes, bests=(y.max(), 1e12))
    assert_sound(believe(surrogate, probes[0]), probes)
    assert all(part.isfinite().all() for part in surrogate.leave_one_out())
    # What `enumeration` skips is never what it looks for.
    for name in A.ACQUISITIONS:
        with torch.no_grad():
            acquire = A.ACQUISITIONS[name](surrogate, y.max())
            values = acquire(probes)
            floor = values.topk(10).values.min().item()
            torch.testing.assert_close(acquire.exceeding(probes, floor)[values >= floor], values[values >= floor])


# The tails


def precise(u: float) -> tuple[float, float, float]:
    """log h, Φ/h and φ/h at u, h = φ(u) + u Φ(u), with digits enough for what cancels."""
    with mpmath.workdps(60 + 4 * int(mpmath.log10(abs(u)))):
        x = mpmath.mpf(u)
        density, lower_tail = mpmath.npdf(x), mpmath.erfc(-x / mpmath.sqrt(2)) / 2
        h = density + x * lower_tail
        return float(mpmath.log(h)), float(lower_tail / h), float(density / h)


@pytest.mark.parametrize("std", [1e-5, 1.0, 1e5])  # the floor, ordinary, as large as an output scale may be
@pytest.mark.parametrize("u", [-5.0, -26.0, -36.9, -37.1, -38.5, -49.9, -50.1, -1e2, -1e3, -1e5, -1e8, -1e15])
def test_log_ei_and_its_gradient_in_the_tail_are_those_of_high_precision(u, std):
    """From where EI is 1e-7 to where it would be 1e-(2e29): 1e-300 at u = −37.0, 0 in floats from −38.6 down."""
    mean = torch.tensor([u * std], dtype=torch.float64, requires_grad=True)
    spread = torch.tensor([std], dtype=torch.float64, requires_grad=True)
    value = A.log_expected_improvement(mean, spread, 0.0)
    by_mean, by_std = torch.autograd.grad(value, (mean, spread))
    log_h, lower_tail, density = precise(u)
    assert value.item() == pytest.approx(log_h + np.log(std), rel=1e-12)
    assert std * by_mean.item() == pytest.approx(lower_tail, rel=1e-11)
    assert std * by_std.item() == pytest.approx(density, rel=1e-11)
    raw = A.expected_improvement(mean, spread, 0.0)
    slopes = torch.autograd.grad(raw, (mean, spread))
    assert raw.isfinite() and all(slope.isfinite() for slope in slopes)
    if u >= -26:  # below, the raw value has no digit left
        assert raw.log().item() == pytest.approx(log_h + np.log(std), abs=1e-9)
    if u < -39:
        assert raw.item() == 0


def test_slope_value_and_density_of_log_ei_belong_together():
    """h' = Φ, so log of the slope of log h plus log h is log Φ: SciPy's, down to where rounding of u² hides it."""
    u = torch.linspace(-1e3, 30, 20001, dtype=torch.float64).requires_grad_()
    value = A.log_h(u)
    (slope,) = torch.autograd.grad(value.sum(), u)
    found, wanted = (slope.log() + value).detach().numpy(), special.log_ndtr(u.detach().numpy())
    np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-11)


@pytest.mark.parametrize("name", ["ei", "log_ei", "pi", "log_pi"])
@pytest.mark.parametrize("best", [np.inf, -np.inf, np.nan, 1e51])
def test_an_incumbent_that_no_number_reaches_is_refused(name, best):
    with pytest.raises(ValueError, match=r"best is .*; expected the best target so far, finite and 1e\+50 at most"):
        A.ACQUISITIONS[name](lambda c: c, best)


# Ask and tell


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("case", CASES)
def test_a_campaign_suggests_something_new_and_feasible_whatever_it_was_told(case, surrogate):
    counts, targets = CASES[case]
    maximiser = "grid_search" if surrogate == "forest" else "ascent"
    campaign = Campaign(SPACE, FEATURES, maximiser=maximiser, surrogate=surrogate)
    campaign.tell(counts, targets)
    assert_suggested(campaign, [campaign.ask(np.random.default_rng(0))])


@pytest.mark.parametrize("acquisition", ["log_ei", "ucb"])
@pytest.mark.parametrize("case", CASES)
def test_a_noisy_campaign_suggests_a_batch_whatever_it_was_told(case, acquisition):
    counts, targets = CASES[case]
    campaign = NoisyCampaign(SPACE, FEATURES, acquisition=acquisition)
    campaign.tell(counts, targets)
    assert_suggested(campaign, campaign.ask_batch(2, np.random.default_rng(0)))
    mean, std = campaign.predict(SPACE.fractions(counts))
    reach = np.abs(targets).max() + np.ptp(targets)
    assert (np.abs(mean) <= reach + 1e-9).all() and np.isfinite(std).all() and np.isfinite(campaign.noise_std())


def assert_suggested(campaign, suggestions) -> None:
    counts = np.array([suggestion.counts for suggestion in suggestions])
    assert SPACE.contains(counts).all() and np.isfinite([suggestion.value for suggestion in suggestions]).all()
    known, both = (np.unique(rows, axis=0) for rows in (campaign.counts, np.concatenate([campaign.counts, counts])))
    assert len(both) == len(known) + len(counts)


def test_targets_of_any_scale_give_a_noisy_campaign_the_same_suggestions():
    counts, targets = measurements(30)
    asked = []
    for scale in (1.0, *SCALES, 1e-100, 1e49):
        campaign = NoisyCampaign(SPACE, FEATURES)
        campaign.tell(counts, scale * targets)
        asked.append([pick.counts.tolist() for pick in campaign.ask_batch(2, np.random.default_rng(0))])
    assert asked == [asked[0]] * len(asked)


def test_equal_targets_have_no_spread_of_rounding_errors():
    """The mean of thirty times 0.1 is not 0.1; the difference is no scale for predictions."""
    counts, _ = measurements(30)
    campaign = NoisyCampaign(SPACE, FEATURES)
    campaign.tell(counts, np.full(30, 0.1))
    assert campaign.targets.std() > 0 and campaign.noise_std() == pytest.approx(0.01)


def test_a_batch_keeps_its_distance_however_bad_what_lies_there_is():
    """On 510 exact measurements of a line log EI falls to −1e6 at its other end; it is asked for nevertheless."""
    space = CompositionSpace(("Ti", "Ni"), (0, 0), (1, 1), step=0.01)
    measured = np.repeat([[i, 100 - i] for i in range(0, 101, 2)], 10, 0)
    campaign = NoisyCampaign(space, raw_fractions(space.elements))
    campaign.tell(measured, measured[:, 0].astype(float))
    first, second = campaign.ask_batch(2, np.random.default_rng(0), apart=0.6)
    assert second.value < -1e6 and exchanged(first.composition, second.composition) > 0.59
    assert second.warning.startswith("No improvement expected: ask for fewer, or stop.")
    assert "No composition" not in second.warning  # nothing of the distance


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e51, -1e300])
def test_targets_beyond_all_measure_are_refused_by_name(value):
    counts, targets = measurements(6)
    targets[3] = value
    wanted = r"finite.*1e\+50 at most.*rescale"
    for fit in FITS.values():
        with pytest.raises(ValueError, match=re.escape(f"target {value} in row 3") + f".*{wanted}"):
            fit(FEATURES, SPACE.fractions(counts), targets)
    for campaign in (Campaign(SPACE, FEATURES), NoisyCampaign(SPACE, FEATURES)):
        with pytest.raises(ValueError, match=wanted):
            campaign.tell(counts, targets)
    with pytest.raises(ValueError, match=rf"Row 3.*{wanted}"):
        campaign.tell_fractions(SPACE.fractions(counts), targets)
    assert not len(campaign.targets)


# A table of one's own


def write(path, counts, targets):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*SPACE.elements, "y"])
        writer.writerows([*row, value] for row, value in zip(counts.tolist(), targets.tolist(), strict=True))
    return path


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.startswith(("all", "one", "two"))] + ["500 points"]
)
def test_a_table_of_ones_own_becomes_finite_suggestions(tmp_path, case):
    counts, targets = CASES.get(case) or measurements(500)
    measured = own.read(write(tmp_path / "t.csv", counts, targets), SPACE, unit="at.%", target="y")
    rng = np.random.default_rng(0)
    campaign = advice.begin(measured, SPACE, rng=rng, inputs="fractions")
    table = advice.suggest(campaign, measured, q=2, rng=rng)
    assert np.isfinite(table.select_dtypes("number").to_numpy(float)).all()


@pytest.mark.parametrize("case", ["all 0.1", "two points", "one composition twice"])
def test_a_table_that_teaches_nothing_says_so(tmp_path, case):
    with pytest.raises(TableError, match="What to do"):
        own.read(write(tmp_path / "t.csv", *CASES[case]), SPACE, unit="at.%", target="y")


@pytest.mark.filterwarnings("ignore:overflow")  # by the reader's own function
@pytest.mark.parametrize("target", ["y", {"y": 1e10}, lambda c: 1e10 * c["y"]])
def test_a_target_that_overflows_is_set_aside_by_its_row(tmp_path, target):
    counts, targets = measurements(8)
    targets[2] = 1e305
    measured = own.read(write(tmp_path / "t.csv", counts, targets), SPACE, unit="at.%", target=target)
    assert len(measured.targets) == 7 and np.isfinite(measured.targets).all()
    said = measured.report.iloc[-1]
    assert said["row"] == 4 and said["done"] == "set aside" and "finite number, 1e+50 at most" in said["finding"]
