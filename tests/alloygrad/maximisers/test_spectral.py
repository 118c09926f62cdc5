"""Projected spectral gradient against analytic summits and linear programmes."""

import numpy as np
import pytest
import torch
from hills import SPACE, Recorder, log_ei_state, peak, random_space, rng, whole
from scipy.optimize import linprog

from alloygrad.maximisers.projection import Projection
from alloygrad.maximisers.spectral import evaluate, spectral


def climb(acquire, space, starts, lower=None, upper=None, *, tolerance=1e-9, batches=3000):
    limits = space.polytope()
    lower, upper = limits.lower if lower is None else lower, limits.upper if upper is None else upper
    bounds = np.broadcast_to(lower, starts.shape), np.broadcast_to(upper, starts.shape)
    return spectral(acquire, Projection(space), starts, *bounds, tolerance=tolerance, batches=batches)


def quadratic(n: int, condition: float, *, seed: int = 0, target=None):
    """A, t and a(c) = −½ (c − t)ᵀA(c − t), eigenvalues of A from 1 to `condition`; t random unless given."""
    generator = rng(seed)
    turn = np.linalg.qr(generator.normal(size=(n, n)))[0]
    a = turn @ np.diag(np.geomspace(1, condition, n)) @ turn.T
    target = generator.dirichlet(np.ones(n)) + generator.normal(size=n) * 0.1 if target is None else target
    a_, t_ = torch.tensor(a), torch.tensor(target)
    return a, target, lambda c: -0.5 * (((c - t_) @ a_) * (c - t_)).sum(-1)


@pytest.mark.parametrize("condition", [1, 100, 1e4])
@pytest.mark.parametrize("seed", range(4))
def test_spectral_finds_the_constrained_summit(seed, condition):
    """A concave function lies below its tangent: a* − a(c) ≤ max ∇a(c)ᵀ(z − c), a linear programme."""
    n_elements = 3 + 2 * seed
    space = random_space(seed, n_elements, 0.001)
    a, target, acquire = quadratic(n_elements, condition, seed=seed)
    ends = climb(acquire, space, space.sample_continuous(6, rng(seed)))
    limits = space.polytope()
    normals = np.concatenate([limits.masks, -limits.masks])
    offsets = np.concatenate([limits.group_upper, -limits.group_lower])
    box = list(zip(space.lower, space.upper, strict=True))
    for c in ends.points:
        slope, ones = -a @ (c - target), np.ones((1, n_elements))
        z = linprog(-slope, A_ub=normals, b_ub=offsets, A_eq=ones, b_eq=[1], bounds=box).x
        assert slope @ (z - c) < 1e-6 * condition**0.5
    assert np.ptp(ends.values) < 1e-6 * condition**0.5


def test_twenty_batches_leave_little_to_climb():
    """Medians of what is left of the way up, on hills that are 1, 100 and 10 000 times as steep across as along."""
    space = whole(8, 0.001)
    starts = space.sample_continuous(50, rng(1))
    for condition, left in ((1, 1e-12), (100, 8e-4), (1e4, 5e-3)):
        _, _, acquire = quadratic(8, condition, target=np.full(8, 1 / 8))  # 0 at its top, within the space
        ends = climb(acquire, space, starts, batches=20)
        assert np.median(ends.values / acquire(torch.from_numpy(starts)).numpy()) < left


def test_spectral_stays_within_all_limits_and_reports_its_best():
    _, acquire = log_ei_state(1)
    recorder, starts, generator = Recorder(acquire), SPACE.sample_continuous(40, rng()), rng(3)
    limits = SPACE.polytope()
    lower = starts - generator.choice([0, 1], size=starts.shape) * (starts - limits.lower)
    upper = starts + generator.choice([0, 1], size=starts.shape) * (limits.upper - starts)
    before = starts.copy()
    ends = climb(recorder, SPACE, starts, lower=lower, upper=upper, tolerance=1e-5, batches=30)
    shares = recorder.points @ limits.masks.T
    assert np.abs(recorder.points.sum(1) - 1).max() < 1e-12
    assert (shares >= limits.group_lower - 1e-12).all() and (shares <= limits.group_upper + 1e-12).all()
    assert (recorder.points >= limits.lower - 1e-12).all() and (recorder.points <= limits.upper + 1e-12).all()
    assert (ends.points >= lower - 1e-12).all() and (ends.points <= upper + 1e-12).all()
    assert (starts == before).all()
    assert ends.gradients == recorder.with_gradient == len(recorder.points)
    assert ends.batches == len(recorder.batches) <= 30
    assert ends.values == pytest.approx(acquire(ends.points).numpy(), rel=1e-9)
    assert (ends.values >= acquire(starts).numpy() - 1e-9).all()


def test_spectral_reports_the_best_of_each_path_not_its_last():
    """Values may fall on the way; more batches extend the same paths, so the best never falls."""
    starts, fell = SPACE.sample_continuous(20, rng()), 0
    for seed in range(3):
        _, acquire = log_ei_state(seed)
        best = np.array([climb(acquire, SPACE, starts, batches=k).values for k in range(1, 15)])
        assert (np.diff(best, axis=0) >= 0).all() and (best[-1] > best[0]).mean() > 0.9
        recorder = Recorder(acquire)
        ends = climb(recorder, SPACE, starts[:1], batches=15)
        path = acquire(recorder.points).numpy()
        assert ends.values[0] == pytest.approx(path.max(), rel=1e-9)
        fell += (np.diff(path) < 0).any()
    assert fell  # or the test shows nothing


def test_rows_climb_alone_as_they_do_together():
    starts, (_, acquire) = SPACE.sample_continuous(12, rng(5)), log_ei_state(4)
    together = climb(acquire, SPACE, starts, batches=8)
    for row in range(len(starts)):
        alone = climb(acquire, SPACE, starts[row : row + 1], batches=8)
        assert alone.points[0] == pytest.approx(together.points[row], abs=1e-7)
        assert alone.values[0] == pytest.approx(together.values[row], abs=1e-7)


@pytest.mark.parametrize(
    "flat",
    [
        lambda c: c.sum(-1) * 0,
        lambda c: c.sum(-1),  # the sum is fixed
        lambda c: (0.1 * c).sum(-1),
        lambda c: torch.full(c.shape[:-1], 3.0, dtype=torch.float64),  # no gradient at all
        lambda c: torch.where(c.sum(-1) > 0, 0.0, c.sum(-1) * torch.nan),  # a gradient of NaN
        lambda c: c.sum(-1) * 0 - torch.inf,
    ],
)
def test_nothing_moves_on_a_flat_function(flat):
    starts = SPACE.sample_continuous(9, rng())
    ends = climb(flat, SPACE, starts)
    assert (ends.points == starts).all()
    assert (ends.batches, ends.gradients) == (1, 9)


def test_evaluation_gives_autograd_gradients_and_zeros_where_there_are_none():
    """Of gradients only differences between elements count: the sum is fixed."""
    points = SPACE.sample_continuous(5, rng())
    found, slopes = evaluate(peak((0.4, 0.4, 0.1, 0.1)), points)
    expected = -200 * (points - [0.4, 0.4, 0.1, 0.1])
    assert slopes - slopes[:, :1] == pytest.approx(expected - expected[:, :1], abs=1e-12)
    assert found == pytest.approx(-100 * ((points - [0.4, 0.4, 0.1, 0.1]) ** 2).sum(1))
    middle = float(np.median(points[:, 2]))
    _, slopes = evaluate(lambda c: (c[:, 2] - middle).clamp_min(0).sqrt() + c[:, 0], points)  # 0 · ∞ left of middle
    broken = points[:, 2] <= middle
    slopes = slopes - slopes[:, 1:2]
    assert (slopes[broken, 2] == 0).all() and (slopes[:, 0] == 1).all() and (slopes[~broken, 2] > 0).all()
