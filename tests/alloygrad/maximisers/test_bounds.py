"""What enumeration skips: bounds that hold on random Gaussian processes, and the same arg max with them as without."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
import torch
from hills import BOX, GROUPS, METALS, SMOOTH, grid, rng, state

from alloygrad.acquisition.analytic import ei, log_ei, log_pi, pi, ucb
from alloygrad.features.feature_map import FeatureMap
from alloygrad.kernel import matern52
from alloygrad.maximisers import maximise
from alloygrad.maximisers.exchange import pairs
from alloygrad.spaces.composition import CompositionSpace
from alloygrad.surrogates import bounds
from alloygrad.surrogates.gp import MIN_VARIANCE, with_hyperparameters

ELEMENTS = METALS[:4]
SPACE = CompositionSpace.from_fractions(ELEMENTS, **BOX, step=0.02, groups=GROUPS)


def random_gp(seed: int):
    """A space, measured counts, and a GP of random hyperparameters: smooth and rugged, spread and clustered points."""
    generator = rng(seed)
    space = CompositionSpace.from_fractions(ELEMENTS, **BOX, step=0.05, groups=GROUPS[: seed % 3])
    counts = space.sample(int(generator.integers(1, 40)), generator)
    if seed % 2:  # neighbours of one composition, as late in a campaign
        near = counts[0] + pairs(4)
        counts = np.concatenate([counts[:2], near[space.contains(near)]])
    counts = np.unique(counts, axis=0)
    selected = [["mean:VEC", "mean:MT"], ["mean:R", "mismatch:XP", "max:MT"], ["weighted_range:E", "min:R"]][seed % 3]
    targets = generator.normal(size=len(counts)) * 10 ** generator.uniform(-3, 1)
    lengthscales = 10 ** generator.uniform(-2, 1, size=len(selected))
    outputscale = 10 ** generator.uniform(-3, (2, 5)[seed % 4 == 3])
    noise = (1e-6, 10 ** generator.uniform(-6, 0))[seed % 3 == 2]
    features = FeatureMap(ELEMENTS, selected)
    return (
        space,
        counts,
        with_hyperparameters(features, space.fractions(counts), targets, lengthscales, outputscale, noise=noise),
    )


@pytest.mark.parametrize("block", range(20))
def test_bounds_hold_on_1000_random_gps(block):
    """Of every cell and of every point in it, against the posterior; also where all the points are measured ones."""
    for seed in range(50 * block, 50 * block + 50):
        space, counts, surrogate = random_gp(seed)
        compositions = torch.from_numpy(space.fractions(grid(space) if seed % 5 else counts))
        with torch.no_grad():
            mean, std = surrogate(compositions)
            x = (surrogate.features(compositions) - surrogate.low) / (surrogate.width * surrogate.lengthscales)
        cubes = bounds.cells(x)
        apart = x - cubes.centres[cubes.cell]
        assert (apart.abs().max(1).values <= bounds.SIDE / 2 / sqrt(x.shape[1]) + 1e-12).all()
        assert (apart.norm(dim=1) <= cubes.radius[cubes.cell] + 1e-12).all()
        expansion = bounds.expand(surrogate, cubes.centres)
        here = bounds.expand(surrogate, x)  # every point a centre: nothing but the allowance for rounding
        found = here.at(torch.arange(len(x)), torch.zeros_like(x)), expansion.at(cubes.cell, apart)
        for above in (*found, (bound[cubes.cell] for bound in expansion.over_cells(cubes.radius))):
            for bound, value, floor in zip(above, (mean, std), (-torch.inf, sqrt(MIN_VARIANCE)), strict=True):
                assert (bound.clamp_min(floor) >= value).all()


def test_an_expansion_is_the_posterior_and_its_derivatives():
    """Value, slope and covariance at centres, against the posterior and against finite differences of its kernel."""
    _, surrogate = state(0, SPACE, SMOOTH, 12)
    centres = torch.from_numpy(rng(3).uniform(0, 2, (5, surrogate.inputs.shape[1])))
    raw = surrogate.low + centres * surrogate.width * surrogate.lengthscales
    found = bounds.expand(surrogate, centres)
    with torch.no_grad():
        mean, std = surrogate.posterior_features(raw)
    torch.testing.assert_close(found.mean, mean)
    torch.testing.assert_close(found.covariance[:, 0, 0].sqrt(), std, rtol=1e-6, atol=1e-8)

    def covariance(a, b):
        between, left, right = (
            matern52(p, q, surrogate.outputscale)[2] for p, q in ((a, b), (a, surrogate.points), (b, surrogate.points))
        )
        return between - left @ torch.cholesky_solve(right.mT, surrogate.cholesky)

    width = 1e-3
    for i, centre in enumerate(centres):
        steps = width * torch.eye(len(centre), dtype=torch.float64)
        ends = torch.cat([centre + steps, centre - steps])
        weights = torch.cat([torch.eye(len(centre)), -torch.eye(len(centre))]).double() / (2 * width)
        both = covariance(ends, ends)
        torch.testing.assert_close(found.covariance[i, 1:, 1:], weights.mT @ both @ weights, rtol=2e-3, atol=2e-3)
        one = covariance(centre[None], ends) @ weights
        torch.testing.assert_close(found.covariance[i, 0, 1:], one[0], rtol=1e-3, atol=1e-3)
        with torch.no_grad():
            means = surrogate.posterior_features(surrogate.low + ends * surrogate.width * surrogate.lengthscales)[0]
        torch.testing.assert_close(found.slope[i], means @ weights, rtol=1e-3, atol=1e-4)


def test_an_undefined_value_is_found_and_not_skipped(monkeypatch):
    """A surrogate that is NaN at one composition, wherever it stands."""
    monkeypatch.setattr(bounds, "CROWDED", 0)
    counts, surrogate = state(0, SPACE, SMOOTH, 12)
    bad = SPACE.unrank(np.array([SPACE.size // 3]))[0]

    def features(compositions):
        found = surrogate.features(compositions).clone()
        found[(compositions - torch.from_numpy(SPACE.fractions(bad))).abs().max(-1).values < 1e-9] = torch.nan
        return found

    broken = replace(surrogate, features=features)
    with pytest.raises(FloatingPointError):
        maximise(log_ei(broken, surrogate.targets.max()), SPACE, "enumeration", exclude=counts)


def test_bounds_that_rounding_could_undo_rule_nothing_out():
    _, surrogate = state(0, SPACE, SMOOTH, 12)
    x = surrogate.points[[0] * 100]
    assert not len(bounds.worthwhile(surrogate, x, lambda mean, std: mean > torch.inf))
    coarse = with_hyperparameters(
        surrogate.features, surrogate.coordinates, surrogate.targets, surrogate.lengthscales, 1.0, noise=1e-14
    )
    assert len(bounds.worthwhile(coarse, x, lambda mean, std: mean > torch.inf)) == 100


def test_points_without_number_are_all_evaluated():
    assert bounds.cells(torch.full((3, 2), torch.inf, dtype=torch.float64)) is None
    assert bounds.cells(torch.tensor([[0.0, 0.0], [1e12, 1e12]], dtype=torch.float64)) is None
    _, surrogate = state(0, SPACE, SMOOTH, 12)
    far = torch.tensor([[0.0], [1e12]], dtype=torch.float64).expand(2, surrogate.inputs.shape[1])
    assert bounds.worthwhile(surrogate, far, worth=None).tolist() == [0, 1]


@pytest.mark.parametrize("block", range(20))
def test_skipping_leaves_the_arg_max_on_1000_random_gps(block, monkeypatch):
    monkeypatch.setattr("alloygrad.surrogates.gp.BLOCK", 50)  # so that a grid is several blocks and a remainder
    monkeypatch.setattr(bounds, "BLOCK", 7)
    monkeypatch.setattr(bounds, "CROWDED", 0)  # so that every grid is judged by cells
    skipped = 0
    for seed in range(50 * block, 50 * block + 50):
        space, counts, surrogate = random_gp(seed)
        acquire = (log_ei, ei, ucb, pi, log_pi)[seed % 5](surrogate, surrogate.targets.max())
        naive = maximise(lambda c, acquire=acquire: acquire(c), space, "enumeration", exclude=counts)
        chunk = {"chunk": (64, 10**4)[seed % 2]}
        found = maximise(acquire, space, "enumeration", exclude=counts, options=chunk)
        assert found.value == pytest.approx(naive.value, rel=1e-8, abs=1e-12)
        if found.counts.tolist() != naive.counts.tolist():  # only where two compositions tie
            tied = acquire(torch.from_numpy(space.fractions(np.stack([found.counts, naive.counts]))))
            assert tied[0].item() == pytest.approx(tied[1].item(), rel=1e-8, abs=1e-12)
        everything = torch.from_numpy(space.fractions(grid(space)))
        with torch.no_grad():
            exact, some = acquire(everything), acquire.exceeding(everything, naive.value)
            _, std = surrogate(everything)
        kept = some > -torch.inf
        # σ² = s − ‖v‖² is rounded as s is, on one processor not as on another where rows come in other numbers.
        rounding = 1e-9 + 1e-12 * surrogate.outputscale / std**2
        assert ((some - exact).abs() <= 1e-9 + rounding * (exact.abs() + std))[kept].all()
        skipped += (~kept).sum().item() / len(kept)
    assert skipped > 0.3 * 50


def test_most_compositions_are_skipped_on_a_fine_grid():
    _, surrogate = state(1, SPACE, SMOOTH, 40)
    acquire, asked = log_ei(surrogate, surrogate.targets.max()), []
    original = type(surrogate).posterior_features

    class Counting(type(surrogate)):
        def posterior_features(self, features):
            asked.append(len(features))
            return original(self, features)

    object.__setattr__(surrogate, "__class__", Counting)
    space = CompositionSpace.from_fractions(ELEMENTS, **BOX, step=0.002, groups=GROUPS)
    maximise(acquire, space, "enumeration")
    assert sum(asked) < 0.05 * space.size
