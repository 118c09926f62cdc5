"""Log EHVI, scalarisations and limits against Monte Carlo, BoTorch, high precision and finite differences."""

from itertools import combinations
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
import torch

from alloygrad import protocols
from alloygrad.acquisition.analytic import log_ei
from alloygrad.acquisition.boxes import non_dominated_boxes
from alloygrad.acquisition.gains import gain, log_gain, log_survival, log_within
from alloygrad.acquisition.several import (
    ChebyshevImprovement,
    HypervolumeImprovement,
    Several,
    chebyshev,
    log_ehvi,
    random_direction,
)
from alloygrad.objectives import hypervolume, non_dominated
from alloygrad.surrogates.gp import fit_gp
from alloygrad.surrogates.model import Plain

NONE3 = (None, None, None)


def tensors(*values):
    return [torch.tensor(value, dtype=torch.float64) for value in values]


def front_of(m, n=12, seed=0):
    """A front of utilities (≤ n, m) around 0 … 1, and a reference point below it."""
    y = np.random.default_rng(seed).random((40 * n, m))
    y = y / np.linalg.norm(y, axis=1)[:, None] if m > 1 else y
    return y[non_dominated(y)][:n], np.full(m, -0.1)


# One objective


@pytest.mark.parametrize("mean", [0.5, -2.0, 3.0])
@pytest.mark.parametrize("std", [0.02, 0.7, 30.0])
@pytest.mark.parametrize("width", [1e-5, 0.3, 5.0])
def test_gains_near_a_target_equal_integrals_in_high_precision(mean, std, width):
    mpmath.mp.dps = 60
    z, delta = (mpmath.mpf(x) / mpmath.mpf(std) for x in (abs(mean - mpmath.mpf(0.4)), width))
    h = [mpmath.npdf(u) + u * mpmath.ncdf(u) for u in (delta - z, -z, -delta - z)]
    x = std * (h[0] - 2 * h[1] + h[2])
    if std > 0.5:  # the formula itself, against the integral
        edges = [mpmath.mpf(0.4) + side * mpmath.mpf(width) for side in (-1, 0, 1)]
        integral = mpmath.quad(lambda y: (edges[2] - edges[1] - abs(y - edges[1])) * mpmath.npdf(y, mean, std), edges)
        assert mpmath.almosteq(x, integral, rel_eps=1e-9)
    found = log_gain(*tensors(mean, std, -width), 0.4).item()
    assert found == pytest.approx(float(mpmath.log(x)), rel=1e-9, abs=1e-9)
    if x > 1e-60:
        value, _, _ = gain(np.array(mean), np.array(std), np.array(-width), 0.4)
        assert value == pytest.approx(float(x), rel=1e-6)
    inside = mpmath.ncdf((0.4 + width - mean) / std) - mpmath.ncdf((0.4 - width - mean) / std)
    if inside > 1e-25:
        for probability in (
            log_survival(*tensors(mean, std, -width), 0.4),
            log_within(*tensors(mean, std), 0.4 - width, 0.4 + width),
        ):
            assert probability.item() == pytest.approx(float(mpmath.log(inside)), rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("target", [None, 0.4])
def test_gains_and_their_slopes_agree_with_logarithms(target):
    rng = np.random.default_rng(0)
    mean, std = torch.tensor(rng.normal(size=4000)), torch.tensor(10 ** rng.uniform(-1, 1, size=4000))
    level = torch.tensor(-(10 ** rng.uniform(-5, 1, size=4000)))
    mean.requires_grad_(), std.requires_grad_()
    logs = log_gain(mean, std, level, target)
    slopes = torch.autograd.grad(logs.sum(), (mean, std))
    with torch.no_grad():
        value, *by = gain(mean.numpy(), std.numpy(), level.numpy(), target)
        usual = value > 1e-60
        np.testing.assert_allclose(np.log(value[usual]), logs.numpy()[usual], rtol=1e-7, atol=1e-7)
        for slope, one in zip(by, slopes, strict=True):
            np.testing.assert_allclose((slope / value)[usual], one.numpy()[usual], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("target", [None, 0.0])
def test_gains_are_finite_where_they_underflow(target):
    mean = torch.tensor([-1e3, -1e30, -1e99, 0.0], dtype=torch.float64, requires_grad=True)
    std = torch.full_like(mean, 1e-1)
    for function in (log_gain, log_survival):
        value = function(mean, std, *tensors(-1e-3 if target is not None else 0.0), target)
        (slope,) = torch.autograd.grad(value.sum(), mean)
        assert torch.isfinite(value).all() and torch.isfinite(slope).all()
        assert (value[:-1].diff() < 0).all() and (slope[:3] > 0).all()


def test_nothing_is_nearer_than_a_hit():
    assert log_gain(*tensors(0.3, 1.0, 0.0), 0.0) == -torch.inf
    assert gain(*(np.array(x) for x in (0.3, 1.0, 0.0)), 0.0)[0] == 0


# Boxes


@pytest.mark.parametrize("m", [1, 2, 3])
def test_boxes_are_disjoint_and_fill_what_is_not_dominated(m):
    for n in (0, 1, 5, 30):
        y, r = front_of(m, max(n, 1))
        y = np.concatenate([y[:n], y[:n] - 0.2])  # dominated rows have no effect
        lower, upper = non_dominated_boxes(y, r)
        assert len(lower) <= 2 * len(y[:n]) + 1 and (lower < upper).all() and (lower >= r).all()
        cap = np.full(m, 2.0)
        volume = np.prod(np.minimum(upper, cap) - np.minimum(lower, cap), axis=1).sum()
        assert volume + hypervolume(y.reshape(-1, m), r) == pytest.approx(np.prod(cap - r), rel=1e-12)
        drawn = np.random.default_rng(1).uniform(r, cap, size=(2000, m))
        inside = ((drawn[:, None] > lower) & (drawn[:, None] < upper)).all(-1).sum(1)
        dominated = (y[None] >= drawn[:, None]).all(-1).any(1) if len(y) else np.zeros(2000, dtype=bool)
        assert np.array_equal(inside, (~dominated).astype(int))


def test_boxes_of_four_objectives_are_refused():
    with pytest.raises(ValueError, match="at most 3 objectives; got 4"):
        non_dominated_boxes(np.ones((1, 4)), np.zeros(4))


# Several objectives


def improvements(samples, front, r):
    """Hypervolume improvement of samples (n, m), each alone: what it dominates, less what the front does within."""
    parts = (front[list(rows)] for k in range(1, len(front) + 1) for rows in combinations(range(len(front)), k))
    both = sum(
        (-1) ** (len(part) + 1) * np.prod(np.maximum(np.minimum(samples, part.min(0)) - r, 0), axis=1) for part in parts
    )
    return np.prod(np.maximum(samples - r, 0), axis=1) - both


@pytest.mark.parametrize("m", [2, 3])
def test_log_ehvi_is_the_mean_of_a_million_improvements(m):
    front, r = front_of(m, 4)
    rng = np.random.default_rng(7)
    improvement = HypervolumeImprovement(*non_dominated_boxes(front, r), NONE3[:m])
    for centre, spread in ((0.5, 0.3), (0.2, 0.6)):
        mean, std = centre + 0.1 * rng.random(m), spread * (0.5 + rng.random(m))
        found = improvements(mean + std * rng.normal(size=(10**6, m)), front, r)
        error = found.std() / 1e3
        assert abs(improvement(*tensors(mean, std)).exp().item() - found.mean()) < 3 * error
        assert error < 0.02 * found.mean()


@pytest.mark.parametrize("m", [2, 3])
def test_log_ehvi_equals_botorch(m):
    from botorch.acquisition.multi_objective.analytic import ExpectedHypervolumeImprovement
    from botorch.models.model import Model
    from botorch.utils.multi_objective.box_decompositions.non_dominated import FastNondominatedPartitioning

    front, r = front_of(m, 20)
    rng = np.random.default_rng(3)
    mean, std = torch.tensor(rng.random((50, m))), torch.tensor(0.05 + 0.4 * rng.random((50, m)))

    class Known(Model):
        num_outputs = m

        def posterior(self, X, **options):
            return SimpleNamespace(mean=mean[:, None], variance=std[:, None] ** 2)

    parts = FastNondominatedPartitioning(torch.tensor(r), torch.tensor(front))
    theirs = ExpectedHypervolumeImprovement(Known(), r, parts)(torch.zeros(50, 1, 1, dtype=torch.float64))
    ours = HypervolumeImprovement(*non_dominated_boxes(front, r), NONE3[:m])(mean, std)
    torch.testing.assert_close(ours.exp(), theirs, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("targets", [NONE3, (None, 0.6, None), (0.5, 0.6), (None,)])
def test_products_and_logarithms_agree_with_each_other_and_with_finite_differences(targets):
    m = len(targets)
    front, r = front_of(m, 10)
    shift = np.array([0.0 if target is None else 1.2 for target in targets])
    front, r = front - shift, r - shift  # utilities of targets are negative
    improvement = HypervolumeImprovement(*non_dominated_boxes(front, r), targets)
    rng = np.random.default_rng(0)
    mean, std = torch.tensor(rng.random((30, m))), torch.tensor(0.05 + 0.3 * rng.random((30, m)))
    mean.requires_grad_(), std.requires_grad_()
    value, logs = improvement(mean, std), improvement.from_logarithms(mean, std)
    torch.testing.assert_close(value, logs, rtol=1e-8, atol=1e-8)
    ours, theirs = (torch.autograd.grad(one.sum(), (mean, std)) for one in (value, logs))
    for slope, other, column in zip(ours, theirs, (mean, std), strict=True):
        torch.testing.assert_close(slope, other, rtol=1e-6, atol=1e-6)
        for j in range(m):
            step = torch.zeros_like(column)
            step[:, j] = 1e-5
            ends = [improvement(*(x + s * step if x is column else x for x in (mean, std))).detach() for s in (1, -1)]
            torch.testing.assert_close(slope[:, j], (ends[0] - ends[1]) / 2e-5, rtol=1e-6, atol=1e-6)


def test_the_gradient_in_coordinates_equals_finite_differences():
    x = np.random.default_rng(0).random((14, 2))
    models = [fit_gp(torch.as_tensor, x, y, noise=1e-4) for y in (np.sin(5 * x[:, 0]), x[:, 1], -((x.sum(1) - 1) ** 2))]
    y = np.column_stack([model.targets for model in models])
    acquire = log_ehvi(models, y, y.min(0) - 0.1)
    points = torch.tensor(np.random.default_rng(1).random((6, 2)), requires_grad=True)
    (slope,) = torch.autograd.grad(acquire(points).sum(), points)
    for j in range(2):
        step = torch.eye(2, dtype=torch.float64)[j] * 1e-6
        with torch.no_grad():
            difference = (acquire(points + step) - acquire(points - step)) / 2e-6
        torch.testing.assert_close(slope[:, j], difference, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_log_ehvi_is_finite_and_rises_where_ehvi_underflows(m):
    front, r = front_of(m, 8)
    improvement = HypervolumeImprovement(*non_dominated_boxes(front, r), NONE3[:m])
    far = -(10.0 ** torch.tensor([1, 3, 10, 50], dtype=torch.float64))
    mean = far[:, None].repeat(1, m).requires_grad_()
    value = improvement(mean, torch.full((4, m), 0.1, dtype=torch.float64))
    (slope,) = torch.autograd.grad(value.sum(), mean)
    assert (value < -1000).all() and torch.isfinite(value).all() and (value.diff() < 0).all()
    assert torch.isfinite(slope).all() and (slope > 0).all()


def test_with_one_objective_it_is_log_ei():
    model = Plain(lambda x: (x[..., 0], 0.1 + x[..., 1]))
    x = torch.tensor(np.random.default_rng(0).random((40, 2)))
    torch.testing.assert_close(log_ehvi([model], [[0.3], [0.7]], [0.0])(x), log_ei(model, 0.7)(x))


def test_it_does_not_depend_on_the_order_of_objectives():
    front, r = front_of(3, 15)
    rng = np.random.default_rng(2)
    mean, std = torch.tensor(rng.random((20, 3))), torch.tensor(0.1 + rng.random((20, 3)))
    value = HypervolumeImprovement(*non_dominated_boxes(front, r), NONE3)(mean, std)
    for order in ([1, 0, 2], [2, 1, 0], [1, 2, 0]):
        turned = HypervolumeImprovement(*non_dominated_boxes(front[:, order], r[order]), NONE3)
        torch.testing.assert_close(turned(mean[:, order], std[:, order]), value, rtol=1e-10, atol=1e-12)


# Scalarisations


@pytest.mark.parametrize("targets", [(None,) * 5, (None, 0.5, None, 0.2)])
def test_a_scalarisation_is_the_mean_of_a_million_improvements(targets):
    m, rng = len(targets), np.random.default_rng(0)
    direction, r = random_direction(m, rng), np.full(m, -0.3)
    for best in (0.02, 0.2):
        improvement = ChebyshevImprovement(direction, r, best, targets)
        mean, std = rng.random(m), 0.1 + 0.5 * rng.random(m)
        samples = mean + std * rng.normal(size=(10**6, m))
        for j, target in enumerate(targets):
            samples[:, j] = samples[:, j] if target is None else -np.abs(samples[:, j] - target)
        found = np.maximum(chebyshev(samples, direction, r) - best, 0)
        value = improvement(*tensors(mean, std)).exp().item()
        assert abs(value - found.mean()) < 3 * found.std() / 1e3 + 1e-12


def test_a_scalarisation_is_finite_far_away_and_differentiable():
    direction, r = random_direction(4, np.random.default_rng(0)), np.zeros(4)
    improvement = ChebyshevImprovement(direction, r, 0.5, (None,) * 4)
    mean = torch.tensor([[0.3] * 4, [-50.0] * 4, [-1e20] * 4], dtype=torch.float64, requires_grad=True)
    value = improvement(mean, torch.full((3, 4), 0.2, dtype=torch.float64))
    (slope,) = torch.autograd.grad(value.sum(), mean)
    assert torch.isfinite(value).all() and torch.isfinite(slope).all() and (slope > 0).all()
    with torch.no_grad():
        step = torch.tensor([1e-6, 0, 0, 0], dtype=torch.float64)
        std = torch.full((4,), 0.2, dtype=torch.float64)
        ends = [improvement(mean[0] + s * step, std).item() for s in (1, -1)]
    assert slope[0, 0].item() == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5)


def test_the_mean_over_directions_is_the_hypervolume():
    front, r = front_of(3, 8)
    rng = np.random.default_rng(0)
    drawn = np.array([chebyshev(front, random_direction(3, rng), r).max() for _ in range(40_000)])
    constant = np.pi / 6  # volume of the positive part of the unit ball
    assert constant * (drawn**3).mean() == pytest.approx(hypervolume(front, r), rel=0.02)


# Limits


def test_limits_multiply_the_expectation():
    mean, std = Plain(lambda x: (x[..., 0], 0.5 + 0 * x[..., 0])), Plain(lambda x: (x[..., 1], 0.3 + 0 * x[..., 0]))
    x = torch.tensor(np.random.default_rng(0).normal(size=(50, 2)))
    improvement = HypervolumeImprovement(np.array([[0.1]]), np.array([[np.inf]]), (None,))
    both = Several((mean,), improvement, (std, mean), ((-0.2, np.inf), (-1.0, 1.0)))
    normal = torch.distributions.Normal(0.0, 1.0)
    kept = 1 - normal.cdf((-0.2 - x[:, 1]) / 0.3)
    kept = kept * (normal.cdf((1 - x[:, 0]) / 0.5) - normal.cdf((-1 - x[:, 0]) / 0.5))
    torch.testing.assert_close(both(x), log_ei(mean, 0.1)(x) + kept.log(), rtol=1e-6, atol=1e-6)
    alone = Several((mean,), None, (std,), ((-0.2, np.inf),))
    torch.testing.assert_close(alone(x), (1 - normal.cdf((-0.2 - x[:, 1]) / 0.3)).log(), rtol=1e-6, atol=1e-6)
    assert isinstance(both, protocols.Acquisition) and both.logarithmic
    assert torch.equal(both.exceeding(x, 0.0), both(x))


def test_log_ehvi_by_hand_refuses_shapes_that_do_not_match():
    model = Plain(lambda x: (x[..., 0], x[..., 0]))
    for front, reference, targets in (
        ([[0.0, 0.0]], [0.0], None),
        ([[0.0]], [0.0, 0.0], None),
        ([[0.0, 0.0]], [0.0, 0.0], [None]),
    ):
        with pytest.raises(ValueError, match="for 2 models"):
            log_ehvi([model, model], front, reference, targets=targets)
