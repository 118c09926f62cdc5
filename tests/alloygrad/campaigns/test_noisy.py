"""Campaigns on noisy measurements off the grid, batches of suggestions, and the believer behind them."""

import dataclasses

import numpy as np
import pytest
import torch

from alloygrad.acquisition.analytic import log_ei
from alloygrad.campaigns.campaign import Campaign
from alloygrad.campaigns.noisy import APART, NoisyCampaign, believe, exchanged
from alloygrad.features.feature_map import FeatureMap, raw_fractions
from alloygrad.kernel import matern52
from alloygrad.spaces.composition import CompositionSpace, Group
from alloygrad.surrogates import gp as S

ELEMENTS = ("Ti", "Ni", "Cu", "Hf")
SPACE = CompositionSpace(
    ELEMENTS,
    (0.2, 0.2, 0, 0),
    (0.55, 0.55, 0.2, 0.2),
    step=0.005,
    groups=(Group(("Ti", "Hf"), 0.55), Group(("Ni", "Cu"), 0.55)),
)
FEATURES = FeatureMap(ELEMENTS, ["mean:VEC", "mean:MT", "mean:XP"])


def hills(c):
    return 300 + 40 * np.sin(7 * c[..., 0]) + 80 * c[..., 2] + 20 * np.cos(15 * c[..., 3])


def campaign(n=30, seed=0, noise=3.0, features=FEATURES, space=SPACE, **options):
    rng = np.random.default_rng(seed)
    c = space.sample_continuous(n, rng)
    begun = NoisyCampaign(space, features, **options)
    begun.tell_fractions(c, hills(c) + noise * rng.normal(size=n))
    return begun


# The surrogate's unit and the incumbent


def test_predictions_follow_the_unit_of_the_targets():
    one = campaign()
    other = NoisyCampaign(SPACE, FEATURES)
    other.tell_fractions(one.compositions, 1000 * one.targets - 7)
    c = SPACE.sample_continuous(20, np.random.default_rng(1))
    for a, b, shift in zip(one.predict(c), other.predict(c), (7, 0), strict=True):
        np.testing.assert_allclose(1000 * a - shift, b, rtol=1e-6)
    assert other.noise_std() == pytest.approx(1000 * one.noise_std(), rel=1e-5)
    assert one.ask(np.random.default_rng(2)).counts.tolist() == other.ask(np.random.default_rng(2)).counts.tolist()


def test_learned_noise_is_about_that_of_the_measurements():
    assert campaign(n=120, noise=5.0, features=raw_fractions(ELEMENTS)).noise_std() == pytest.approx(5, rel=0.35)


def test_the_best_so_far_is_not_a_lucky_measurement():
    """One measurement far off raises the mark by far less than itself, and an alloy outside the limits sets none."""
    begun = campaign(n=60, noise=1.0)
    before, (centre, spread) = begun.best(), (begun.targets.mean(), begun.targets.std())
    middle = SPACE.fractions(SPACE.snap(begun.compositions.mean(0)))
    lucky = NoisyCampaign(SPACE, FEATURES)
    lucky.tell_fractions(begun.compositions, begun.targets)
    lucky.tell_fractions(np.repeat(middle[None], 5, 0), begun.predict(middle)[0] + [0, 0, 0, 0, 6 * spread])
    assert lucky.targets.max() > centre + 5 * spread
    best = lucky.targets.mean() + lucky.targets.std() * lucky.best()
    assert best < centre + (before + 3) * spread
    outside = np.array([0.0, 0.1, 0.2, 0.7])
    begun.tell_fractions(outside, begun.targets.max() + 20 * spread)
    at = begun.predict(outside)[0]
    assert begun.targets.mean() + begun.targets.std() * begun.best() < at - spread


def test_told_on_the_grid_both_ways_are_one():
    counts = SPACE.sample(20, np.random.default_rng(0))
    one, other = NoisyCampaign(SPACE, FEATURES), NoisyCampaign(SPACE, FEATURES)
    one.tell(counts, hills(SPACE.fractions(counts)))
    other.tell_fractions(SPACE.fractions(counts), hills(SPACE.fractions(counts)))
    assert one.counts.tolist() == other.counts.tolist() and torch.equal(one.fit().weights, other.fit().weights)
    with pytest.raises(ValueError, match="above"):
        one.tell(np.array([200, 0, 0, 0]), 1.0)
    assert len(one.counts) == len(one.compositions) == len(one.targets) == 20


@pytest.mark.parametrize(
    "fractions, targets, message",
    [
        ([0.5, 0.5, 0, 0], np.nan, "finite target"),
        ([50, 50, 0, 0], 1.0, "fractions from 0 on"),
        ([0.6, 0.5, -0.1, 0], 1.0, "fractions from 0 on"),
        ([0.5, np.nan, 0, 0.5], 1.0, "fractions from 0 on"),
        ([[0.5, 0.5, 0, 0]] * 2, 1.0, "shape"),
        ([0.5, 0.5, 0], 1.0, "shape"),
    ],
)
def test_a_refused_tell_leaves_everything_as_it_was(fractions, targets, message):
    begun = campaign()
    before = begun.fit()
    with pytest.raises(ValueError, match=message):
        begun.tell_fractions(fractions, targets)
    assert len(begun.counts) == len(begun.compositions) == len(begun.targets) == 30 and begun.fit() is before


# The believer


def test_believing_is_conditioning_on_the_mean():
    begun = campaign()
    fitted, c = begun.fit(), SPACE.sample_continuous(40, np.random.default_rng(3))
    new = c[0]
    mean, std = fitted(c)
    believed = believe(believe(fitted, new), c[1])
    # The same by `condition`, which would rescale the features of the points it gets: undone in the lengthscales.
    inputs = torch.cat([fitted.inputs, (FEATURES(c[:2]) - fitted.low) / fitted.width])
    width = inputs.max(0).values - inputs.min(0).values
    direct = S.condition(
        lambda x: x, inputs, torch.cat([fitted.targets, mean[:2]]), fitted.lengthscales / width,
        fitted.outputscale, fitted.mean, noise=fitted.noise,
    )  # fmt: skip
    here = believed(c)
    there = direct((FEATURES(c) - fitted.low) / fitted.width)
    torch.testing.assert_close(here[0], mean, rtol=0, atol=1e-10)
    for a, b in zip(here, there, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)
    assert (here[1] <= std + 1e-12).all() and here[1][0] < 0.9 * std[0]


def test_believing_takes_from_the_variance_what_the_docstring_says():
    fitted, c = campaign().fit(), SPACE.sample_continuous(2, np.random.default_rng(4))
    x, y = c
    (_, at_x), (_, at_y) = fitted(x), fitted(y)
    a, b = ((FEATURES(point[None]) - fitted.low) / fitted.width for point in c)
    ell = fitted.lengthscales
    prior = matern52(a / ell, b / ell, fitted.outputscale)[2][0, 0]
    rows = [matern52(p / ell, fitted.inputs / ell, fitted.outputscale)[2] for p in (a, b)]
    covariance = prior - (rows[0] @ torch.cholesky_solve(rows[1].mT, fitted.cholesky))[0, 0]
    expected = at_x**2 - covariance**2 / (at_y**2 + fitted.noise)
    assert believe(fitted, y)(x)[1].item() ** 2 == pytest.approx(expected.item(), rel=1e-9)


# Batches


@pytest.mark.parametrize("acquisition", ["log_ei", "ucb", "ei"])
@pytest.mark.parametrize(("seed", "apart"), [(0, None), (1, None), (0, 0.0374)])  # the last one between two steps
def test_a_batch_is_feasible_new_distinct_and_apart(acquisition, seed, apart):
    begun = campaign(seed=seed, noise=10.0, acquisition=acquisition)
    picks = begun.ask_batch(4, np.random.default_rng(seed), apart=apart)
    counts = np.array([pick.counts for pick in picks])
    assert counts.dtype == np.int64 and SPACE.contains(counts).all()
    assert all(pick.composition.tolist() == SPACE.fractions(pick.counts).tolist() for pick in picks)
    fractions = SPACE.fractions(counts)
    distances = exchanged(fractions[:, None], fractions[None])[np.triu_indices(4, 1)]
    assert distances.min() >= (APART * 0.35 if apart is None else apart) - 1e-9
    assert not any((begun.counts == one).all(1).any() for one in counts)
    assert all(np.isfinite(pick.value) and pick.value < 1e3 and pick.value > -1e3 for pick in picks)
    assert len(begun.targets) == 30 and begun.fit().targets.shape == (30,)  # nothing was told
    again = begun.ask_batch(4, np.random.default_rng(seed), apart=apart)
    assert [pick.counts.tolist() for pick in again] == counts.tolist()
    assert begun.ask(np.random.default_rng(seed)).counts.tolist() == counts[0].tolist()


def test_the_first_pick_is_the_grid_s_maximum_and_each_next_one_of_what_is_then_believed():
    """On a grid small enough to enumerate by hand."""
    space = dataclasses.replace(SPACE, step=0.05)
    begun = campaign(space=space, n=12)
    picks = begun.ask_batch(3, np.random.default_rng(0), apart=0.1)
    grid = np.concatenate(list(space.enumerate()))
    fitted, best, taken = begun.fit(), begun.best(), []
    for pick in picks:
        values = log_ei(fitted, best)(space.fractions(grid)).numpy()
        free = ~np.array([(begun.counts[begun._measured()] == row).all(1).any() for row in grid])
        for other in taken:
            free &= exchanged(space.fractions(grid), other.composition) > 0.1 - 1e-9
        top = np.flatnonzero(free)[values[free].argmax()]
        assert grid[top].tolist() == pick.counts.tolist() and values[top] == pytest.approx(pick.value, abs=1e-9)
        best = max(best, fitted(pick.composition)[0].item())
        fitted, taken = believe(fitted, pick.composition), [*taken, pick]


def test_a_crowded_space_gives_distinct_ones_and_says_so():
    tight = CompositionSpace(ELEMENTS[:3], (0.4, 0.4, 0), (0.5, 0.5, 0.1), step=0.05)
    begun = NoisyCampaign(tight, raw_fractions(tight.elements))
    begun.tell_fractions([[0.5, 0.5, 0], [0.4, 0.5, 0.1], [0.3, 0.6, 0.1]], [1.0, 2.0, 1.5])
    assert tight.size == 6
    picks = begun.ask_batch(4, np.random.default_rng(0), apart=0.5)
    assert (
        len({tuple(pick.counts) for pick in picks}) == 4 and tight.contains(np.array([p.counts for p in picks])).all()
    )
    left = {tuple(counts) for block in tight.enumerate() for counts in block} - {(10, 10, 0), (8, 10, 2)}
    assert {tuple(pick.counts) for pick in picks} == left
    assert [bool(pick.warning) for pick in picks] == [False, True, True, True]
    assert "No composition is 50 at.% from the earlier picks" in picks[1].warning
    assert all(abs(pick.value) < 1e3 for pick in picks)
    with pytest.raises(ValueError, match="5 experiments asked for; 4 compositions of the space are not measured"):
        begun.ask_batch(5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="q is 0"):
        begun.ask_batch(0)


@pytest.mark.parametrize("acquisition", ["log_ei", "log_pi", "ei"])
def test_where_no_improvement_is_expected_it_says_so(acquisition):
    """A slope of which the top is still to be measured, one alloy amid the others, and the lowest."""
    tight = CompositionSpace(ELEMENTS[:2], (0.4, 0.4), (0.6, 0.6), step=0.01)
    titanium = np.delete(np.arange(0.43, 0.605, 0.01), [-1, -9])
    begun = NoisyCampaign(tight, raw_fractions(tight.elements), acquisition=acquisition)
    begun.tell_fractions(np.stack([titanium, 1 - titanium], 1), 1000 * titanium)
    picks = begun.ask_batch(5, np.random.default_rng(0), apart=0)
    said = [pick.warning.startswith("No improvement expected: ask for fewer, or stop.") for pick in picks]
    assert said == [acquisition != "ei" and i > 0 for i in range(5)]


# What is to be said against the fit


def test_a_fit_that_stopped_is_doubted_as_in_every_campaign():
    begun = campaign()
    assert begun.doubts() == "" and not any(pick.warning for pick in begun.ask_batch(2, np.random.default_rng(0)))
    plain = Campaign(SPACE, FEATURES)
    plain.tell(begun.counts, begun.targets / 100)
    begun.surrogate = dataclasses.replace(begun.fit(), diagnosis="stopped: ABNORMAL", jitter=1e-8)
    plain.surrogate = dataclasses.replace(plain.fit(), diagnosis="stopped: ABNORMAL", jitter=1e-8)
    expected = "GP fit stopped: ABNORMAL."
    assert plain.ask(np.random.default_rng(0)).warning == expected == begun.doubts()
    assert [pick.warning for pick in begun.ask_batch(3, np.random.default_rng(0))] == [expected] * 3
    begun.targets = 1000 * begun.targets  # rescaled by the campaign itself: no cause for doubt
    assert begun.ask(np.random.default_rng(0)).warning == expected


def test_doubts_join_what_is_said_of_a_pick():
    begun = campaign()
    begun.surrogate = dataclasses.replace(begun.fit(), jitter=1e-8)
    first, second = begun.ask_batch(2, np.random.default_rng(0), apart=0.9)
    assert first.warning == "GP fit converged."
    assert second.warning == "No composition is 90 at.% from the earlier picks. GP fit converged."


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_noise_at_its_bound_is_told_in_the_unit_of_the_targets(unit):
    """A straight line without scatter: no noise is small enough for it."""
    titanium = np.linspace(0.4, 0.6, 15)
    tight = CompositionSpace(ELEMENTS[:2], (0.4, 0.4), (0.6, 0.6), step=0.01)
    begun = NoisyCampaign(tight, raw_fractions(tight.elements))
    begun.tell_fractions(np.stack([titanium, 1 - titanium], 1), unit * titanium)
    assert "'noise'" in begun.fit().diagnosis and begun.fit().noise == pytest.approx(S.BOUNDS["noise"][0])
    least = 0.01 * unit * titanium.std()
    said = begun.doubts()
    assert f"repeats agree to {least:.2g} or better" in said and "larger errors" in said
    assert all(pick.warning.endswith(said) for pick in begun.ask_batch(2, np.random.default_rng(0)))
    begun.tell_fractions(np.stack([titanium, 1 - titanium], 1), unit * (titanium + 0.05 * (-1) ** np.arange(15)))
    assert "'noise'" not in begun.fit().diagnosis and begun.doubts() == ""


def test_an_alloy_measured_a_little_off_the_grid_is_not_suggested_again():
    """Suggestions come back as weighed in or analysed, rounded in another unit."""
    begun = campaign(noise=1.0)
    for _ in range(3):
        pick = begun.ask(np.random.default_rng(0))
        assert not (begun.counts == pick.counts).all(1).any()
        off = pick.composition + np.array([1, -1, 0, 0]) * 4e-4
        begun.tell_fractions(off, hills(off))
        assert begun.counts[-1].tolist() == pick.counts.tolist()


def test_it_continues_towards_the_optimum():
    """Three weeks of four noisy experiments come close to the best of the grid."""
    begun, rng = campaign(n=15, noise=2.0, features=raw_fractions(ELEMENTS)), np.random.default_rng(5)
    for _ in range(3):
        picks = np.array([pick.composition for pick in begun.ask_batch(4, rng)])
        begun.tell_fractions(picks, hills(picks) + 2 * rng.normal(size=4))
    values = hills(SPACE.fractions(SPACE.sample(20000, rng)))
    assert hills(begun.compositions).max() > np.quantile(values, 0.995)


def test_it_is_a_campaign():
    assert issubclass(NoisyCampaign, Campaign)
    with pytest.raises(ValueError, match="known are"):
        NoisyCampaign(SPACE, FEATURES, maximiser="annealing")
