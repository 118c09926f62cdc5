"""Ridges narrower than a grid step, and elements dropped at once: where single exchanges stop short."""

import numpy as np
import pytest
import torch

from alloygrad.maximisers.exchange import distinct, exchange, pairs, unmeasured
from alloygrad.maximisers.ridges import DEPTH, GIVEN, SIZES, SUMS, _model, _moves, _sorted, follow, ridges
from alloygrad.maximisers.suggestion import score
from alloygrad.spaces.composition import CompositionSpace, Group

METALS = ("Ti", "Ni", "Cu", "Hf", "Zr", "Nb", "Co", "Fe", "Al", "Cr", "V", "Mo")
NINE = CompositionSpace(
    METALS[:9], [0] * 9, [0.5] * 9, step=0.01, groups=(Group(METALS[:3], 0.7, 0.1), Group(METALS[4:6], 0.4))
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def wall(target: np.ndarray, seed: int, directions: int = 3):
    """0 at `target` (n_elements,), hardly less along its fibre, and a step aside costs hundreds."""
    across = torch.tensor(rng(seed).normal(size=(directions, len(target))))
    top = torch.tensor(target)
    return lambda c: -1e7 * ((c - top) @ across.T).square().sum(-1) - (c - top).square().sum(-1)


@pytest.mark.parametrize("seed", range(6))
def test_a_ridge_is_followed_where_exchanges_stop(seed):
    target, start = NINE.fractions(NINE.sample(2, rng(seed)))
    acquire, nothing = wall(target, seed), NINE.sample(1, rng())[:0]
    start = NINE.counts(start)[None]
    ends, heights, *_ = exchange(acquire, NINE, start, score(acquire, NINE, start), nothing, rng(), rounds=60)
    known, values, *_ = follow(acquire, NINE, ends, heights, nothing, rng(), rounds=60)
    assert values.max() > heights.max() / 4  # both are negative
    assert values == pytest.approx(score(acquire, NINE, known), rel=1e-9) and NINE.contains(known).all()


def test_the_model_of_a_quadratic_is_exact():
    generator = rng(1)
    bent, tilt = generator.normal(size=(5, 5)), torch.tensor(generator.normal(size=5))
    bent = -torch.tensor(bent @ bent.T)
    space = CompositionSpace(METALS[:5], [0.1, 0, 0, 0, 0], [0.4] * 4 + [0.2], step=0.01)
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
    space, point = CompositionSpace(METALS[:3], [0] * 3, [1] * 3, step=0.01), np.array([0.4, 0.3, 0.3])
    _, curvature, *_ = _model(lambda c: (c**2).sum(-1), space, point, point > 0)
    assert curvature == pytest.approx(np.zeros((2, 2)), abs=1e-10)


def test_an_element_that_cannot_move_is_left_alone():
    """The sum of the first two is fixed: the largest, one of them, can exchange with the other alone."""
    group = Group(METALS[:2], 0.7, 0.7)
    space = CompositionSpace(METALS[:4], [0] * 4, [0.7, 0.7, 0.3, 0.3], step=0.01, groups=(group,))
    point, seen = np.array([0.5, 0.2, 0.2, 0.1]), []

    def acquire(c):
        seen.append(c.detach().numpy())
        return -(c**2).sum(-1)

    _, curvature, free, rest, _ = _model(acquire, space, point, point > 0)
    assert (free.tolist(), rest, curvature.shape) == ([1], 0, (1, 1))
    assert np.concatenate(seen)[:, :2].sum(1) == pytest.approx(0.7)


@pytest.mark.parametrize("n", (3, 5, 12))
def test_moves_are_exchanges_and_sums_of_two(n):
    moves = {tuple(move) for move in _moves(n, rng()).tolist()}
    single = pairs(n)[:, :-1]
    assert {tuple((size * move).tolist()) for size in (1, 2, 4) for move in single} <= moves
    assert not any(set(move) == {0} for move in moves)
    sizes = [size * move for size in (1, 2, 4) for move in single]
    sums = {tuple((a + b).tolist()) for a in sizes for b in [*sizes, 0 * single[0]]} - {(0,) * (n - 1)}
    assert moves <= sums and len(moves) > len(sizes)
    assert moves == sums or len(sizes) ** 2 > SUMS


@pytest.mark.parametrize("seed", range(4))
def test_what_a_ridge_gives_is_feasible_and_keeps_the_support(seed):
    counts = NINE.sample(1, rng(seed))
    found, spent = ridges(wall(NINE.fractions(counts)[0], seed), NINE, counts, rng(seed))
    assert 0 < len(found) <= GIVEN and spent > 0 and len(distinct(found)) == len(found)
    assert NINE.contains(found).all() and ((found > 0) == (counts > 0)).all()


def test_two_elements_have_no_ridge():
    counts = np.array([[50, 0, 0, 50] + [0] * 5])
    found, spent = ridges(wall(NINE.fractions(counts)[0], 0), NINE, counts, rng())
    assert found.shape == (0, 9) and spent == 0


def test_following_counts_evaluations_and_avoids_what_is_measured():
    target, acquire = NINE.sample(1, rng(3)), wall(NINE.fractions(NINE.sample(1, rng(3)))[0], 3)
    start, batches = NINE.sample(4, rng(4)), []

    def recorded(c):
        batches.append(c.detach().numpy().copy())
        return acquire(c)

    heights = score(acquire, NINE, start)
    known, _, evaluations, gradients = follow(recorded, NINE, start, heights, target, rng(), rounds=60)
    seen = np.concatenate(batches)
    assert evaluations == len(seen) >= gradients > 0
    assert unmeasured(known, target).all() and known[:4].tolist() == start.tolist()
    free, values, *_ = follow(acquire, NINE, start, heights, start[:0], rng(), rounds=60)
    best = free[np.argsort(-values)[:20]]
    assert unmeasured(follow(acquire, NINE, start, heights, best, rng(), rounds=60)[0], best).all()


def test_rows_are_sorted_as_by_numpy_for_all_that_moves_can_reach():
    most = DEPTH * 2 * max(SIZES)
    assert most < 128
    for seed, width in enumerate((1, 2, 5, 29)):
        z = rng(seed).integers(-most, most + 1, size=(300, width)) * (rng(seed).random((300, width)) < 0.3)
        z = np.concatenate([z, z[:50]])
        assert np.array_equal(_sorted(z), np.unique(z, axis=0))


def test_an_element_goes_at_once_where_each_step_of_it_costs():
    """Thirteen steps down before the jump up; no power of two leads there."""
    space = CompositionSpace(METALS, [0] * 12, [0.6] * 12, step=0.01)
    start = np.array([[40, 30, 17, 13] + [0] * 8])
    top = torch.tensor(space.fractions(start[0]))
    hill = lambda c: -100 * (c - top).square().sum(-1)  # noqa: E731
    acquire = lambda c: hill(c) + 9.0 * (c[..., 3] < 1e-5)  # noqa: E731
    end, height, *_ = exchange(acquire, space, start, score(acquire, space, start), start[:0], rng(), rounds=100)
    assert end[0, 3] == 0 and height[0] > 6
