"""Ridges narrower than a grid step: where single exchanges stop short."""

import numpy as np
import pytest
import torch
from hills import METALS, Recorder, peak, rng, whole

from alloygrad.maximisers.exchange import distinct, exchange, unmeasured
from alloygrad.maximisers.options import AscentOptions
from alloygrad.maximisers.ridges import _model, _sorted, follow, ridges
from alloygrad.maximisers.suggestion import score
from alloygrad.spaces.composition import CompositionSpace, Group

NINE = CompositionSpace.from_fractions(
    METALS[:9], [0] * 9, [0.5] * 9, step=0.01, groups=(Group(METALS[:3], 0.7, 0.1), Group(METALS[4:6], 0.4))
)


def wall(target: np.ndarray, seed: int, directions: int = 3):
    """0 at `target` (n_elements,), hardly less along its fibre, and a step aside costs hundreds."""
    across = torch.tensor(rng(seed).normal(size=(directions, len(target))))
    top = torch.tensor(target)
    return lambda c: -1e7 * ((c - top) @ across.T).square().sum(-1) - (c - top).square().sum(-1)


@pytest.mark.parametrize("seed", range(6))
def test_a_ridge_is_followed_where_exchanges_stop(seed):
    target, start = NINE.sample(2, rng(seed))
    acquire, nothing, start = wall(NINE.fractions(target), seed), NINE.sample(1, rng())[:0], start[None]
    ends, heights, *_ = exchange(acquire, NINE, start, score(acquire, NINE, start), nothing, rng())
    known, values, *_ = follow(acquire, NINE, ends, heights, nothing, rng())
    assert values.max() > heights.max() / 4  # both are negative
    assert values == pytest.approx(score(acquire, NINE, known), rel=1e-9) and NINE.contains(known).all()


def test_the_model_of_a_quadratic_is_exact():
    generator = rng(1)
    bent, tilt = generator.normal(size=(5, 5)), torch.tensor(generator.normal(size=5))
    bent = -torch.tensor(bent @ bent.T)
    space = CompositionSpace.from_fractions(METALS[:5], [0.1, 0, 0, 0, 0], [0.4] * 4 + [0.2], step=0.01)
    point = np.array([0.1, 0.3, 0.25, 0.15, 0.2])  # one at its lower, one at its upper limit
    acquire = lambda c: 0.5 * ((c @ bent) * c).sum(-1) + c @ tilt  # noqa: E731
    slope, curvature, free, rest, spent = _model(acquire, space, point, point > 0)
    unit = np.eye(5)
    directions = (unit[free] - unit[rest]) * space.step
    assert (free.tolist(), rest, spent) == ([0, 2, 3, 4], 1, 5)
    assert slope == pytest.approx(directions @ (bent.numpy() @ point + tilt.numpy()), rel=1e-9)
    assert curvature == pytest.approx(directions @ bent.numpy() @ directions.T, rel=1e-6, abs=1e-10)


def test_a_valley_is_no_ridge():
    """Upward curvature is cut off: the model must not promise the more, the further away."""
    point = np.array([0.4, 0.3, 0.3])
    _, curvature, *_ = _model(lambda c: (c**2).sum(-1), whole(3), point, point > 0)
    assert curvature == pytest.approx(np.zeros((2, 2)), abs=1e-10)


def test_an_element_that_cannot_move_is_left_alone():
    """The sum of the first two is fixed: the largest, one of them, can exchange with the other alone."""
    group = Group(METALS[:2], 0.7, 0.7)
    space = CompositionSpace.from_fractions(METALS[:4], [0] * 4, [0.7, 0.7, 0.3, 0.3], step=0.01, groups=(group,))
    point, recorder = np.array([0.5, 0.2, 0.2, 0.1]), Recorder(peak([0] * 4))
    _, curvature, free, rest, _ = _model(recorder, space, point, point > 0)
    assert (free.tolist(), rest, curvature.shape) == ([1], 0, (1, 1))
    assert recorder.points[:, :2].sum(1) == pytest.approx(0.7)


@pytest.mark.parametrize("seed", range(4))
def test_what_a_ridge_gives_is_feasible_and_keeps_the_support(seed):
    counts = NINE.sample(1, rng(seed))
    acquire = wall(NINE.fractions(counts)[0], seed)
    for given in (64, 5):
        found, spent = ridges(acquire, NINE, counts, rng(seed), AscentOptions(ridge_given=given))
        assert 0 < len(found) <= given and spent > 0 and len(distinct(found)) == len(found)
        assert NINE.contains(found).all() and ((found > 0) == (counts > 0)).all()
    two = np.array([[50, 0, 0, 50] + [0] * 5])  # has no ridge
    found, spent = ridges(acquire, NINE, two, rng())
    assert found.shape == (0, 9) and spent == 0


def test_following_counts_evaluations_and_avoids_what_is_measured():
    target = NINE.sample(1, rng(3))
    acquire, start = wall(NINE.fractions(target)[0], 3), NINE.sample(4, rng(4))
    heights, recorder = score(acquire, NINE, start), Recorder(acquire)
    known, _, evaluations, gradients = follow(recorder, NINE, start, heights, target, rng())
    assert evaluations == len(recorder.points) and gradients == recorder.with_gradient > 0
    assert unmeasured(known, target).all() and known[:4].tolist() == start.tolist()
    free, values, *_ = follow(acquire, NINE, start, heights, start[:0], rng())
    best = free[np.argsort(-values)[:20]]
    assert unmeasured(follow(acquire, NINE, start, heights, best, rng())[0], best).all()


def test_rows_are_sorted_as_by_numpy_for_all_that_moves_can_reach():
    for seed, width in enumerate((1, 2, 5, 29)):
        z = rng(seed).integers(-127, 128, size=(300, width)) * (rng(seed).random((300, width)) < 0.3)
        z = np.concatenate([z, z[:50]])
        assert np.array_equal(_sorted(z), np.unique(z, axis=0))
    AscentOptions(ridge_depth=15)  # 2 × 15 × 4 steps in one coordinate
    with pytest.raises(ValueError, match=r"2 × ridge_depth .* ≤ 127.*; got 128\. Lower"):
        AscentOptions(ridge_depth=16)
