"""Projection onto the limits against active-set brute force, SLSQP, and the optimality inequality by linear programmes.

The nearest point x to y in a convex set is the one with (y − x)ᵀ(z − x) ≤ 0 for all z of the set.
"""

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import linprog

from alloygrad.maximisers.projection import Projection
from alloygrad.spaces.composition import CompositionSpace, Group

GROUPS = {
    "none": [],
    "disjoint": [(0, 1), (2, 3)],
    "nested": [(0, 1, 2), (1, 2)],
    "single": [(2,), (0, 2)],
    "twice": [(0, 1), (1, 0)],
    "all": [(0, 1, 2, 3), (1, 3)],
}


def random_space(seed: int, n_elements: int, groups=(), step: float = 0.001) -> CompositionSpace:
    """Random limits around a random composition; some are met by it, some fix an element."""
    rng = np.random.default_rng([seed, n_elements])
    total = round(1 / step)
    centre = rng.multinomial(total, rng.dirichlet(np.ones(n_elements))) / total
    below, above = rng.choice([0, 0.02, 0.2, 1], size=(2, n_elements), p=[0.15, 0.25, 0.4, 0.2])
    names = tuple(f"E{i}" for i in range(n_elements))
    limits = []
    for members in groups:
        share, (less, more) = centre[list(members)].sum(), rng.choice([0, 0.01, 0.1, 1], size=2)
        lower, upper = max(0, share - less), min(1, share + more)
        limits.append(Group([names[i] for i in members], upper=upper, lower=lower))
    box = (np.maximum(0, centre - below), np.minimum(1, centre + above))
    return CompositionSpace.from_fractions(names, *box, step=step, groups=tuple(limits))


def random_tree(rng, n_elements: int) -> list[tuple[int, ...]]:
    """Some nested or disjoint groups: intervals of a shuffled order, each cut again."""

    def cut(members):
        if len(members) < 2 or rng.random() < 0.2:
            return []
        at = rng.integers(1, len(members))
        halves = [members[:at], members[at:]]
        return [h for h in halves if rng.random() < 0.6] + [group for h in halves for group in cut(h)]

    return [tuple(group) for group in cut(rng.permutation(n_elements).tolist())]


def row_bounds(space, n: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """Bounds (n, n_elements) each, tighter than the space's, every row around a composition of its own."""
    limits, inner = space.polytope(), space.sample_continuous(n, rng)
    tight = rng.choice([0, 0.3, 1], size=(2, *inner.shape))
    return inner - tight[0] * (inner - limits.lower), inner + tight[1] * (limits.upper - inner)


def targets(space, n: int, rng) -> np.ndarray:
    """Points near and far, with any sum."""
    scale = 10 ** rng.uniform(-3, 1, size=(n, 1))
    return space.sample_continuous(n, rng) + scale * rng.normal(size=(n, len(space.elements)))


def drawn(rng, seed: int, most: int, rows: int) -> tuple:
    """A space of 2 to `most` elements with groups, bounds for every row, points (rows, n_elements)."""
    n_elements = int(rng.integers(2, most + 1))
    space = random_space(seed, n_elements, random_tree(rng, n_elements))
    lower, upper = row_bounds(space, rows, rng)
    return space, lower, upper, targets(space, rows, rng)


def project(space, points, lower=None, upper=None) -> np.ndarray:
    limits = space.polytope()
    lower, upper = limits.lower if lower is None else lower, limits.upper if upper is None else upper
    return Projection(space)(points, np.broadcast_to(lower, points.shape), np.broadcast_to(upper, points.shape))


def half_spaces(space, lower, upper) -> tuple[np.ndarray, np.ndarray]:
    """All limits but the sum as A x ≤ b."""
    limits, unit = space.polytope(), np.eye(len(space.elements))
    normals = np.concatenate([unit, -unit, limits.masks, -limits.masks])
    return normals, np.concatenate([upper, -lower, limits.group_upper, -limits.group_lower])


def by_active_sets(space, point, lower, upper) -> np.ndarray:
    """The nearest feasible one of the projections onto all intersections of limits, taken as equalities."""
    normals, offsets = half_spaces(space, lower, upper)
    best, distance = None, np.inf
    for size in range(len(point)):
        for active in combinations(range(len(offsets)), size):
            a = np.concatenate([np.ones((1, len(point))), normals[list(active)]])
            b = np.append(1, offsets[list(active)])
            x = point + np.linalg.pinv(a) @ (b - a @ point)
            feasible = (normals @ x <= offsets + 1e-9).all() and abs(x.sum() - 1) < 1e-9
            if feasible and np.linalg.norm(x - point) < distance:
                best, distance = x, np.linalg.norm(x - point)
    return best


def assert_feasible(space, x, lower, upper):
    limits, shares = space.polytope(), x @ space.polytope().masks.T
    assert (x >= lower).all() and (x <= upper).all()
    assert np.abs(x.sum(1) - 1).max() <= 1e-12
    assert (shares >= limits.group_lower - 1e-12).all() and (shares <= limits.group_upper + 1e-12).all()


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("seed", range(2))
def test_projection_is_the_active_set_optimum(groups, seed):
    space, rng = random_space(seed, 4, GROUPS[groups]), np.random.default_rng(seed)
    lower, upper = row_bounds(space, 4, rng)
    points = targets(space, 4, rng)
    found = project(space, points, lower, upper)
    for row in range(len(points)):
        expected = by_active_sets(space, points[row], lower[row], upper[row])
        assert found[row] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", range(30))
def test_no_composition_lies_in_the_direction_of_the_point(seed):
    """(y − x)ᵀ(z − x) ≤ 0 for all z within the limits: the largest is found by a linear programme."""
    space, lower, upper, points = drawn(np.random.default_rng(seed), seed, most=30, rows=5)
    found = project(space, points, lower, upper)
    assert_feasible(space, found, lower, upper)
    for row in range(len(points)):
        normals, offsets = half_spaces(space, lower[row], upper[row])
        pull = points[row] - found[row]
        within = dict(A_ub=normals, b_ub=offsets, A_eq=np.ones_like(pull)[None], b_eq=[1], bounds=(None, None))
        furthest = linprog(-pull, **within)
        assert furthest.success
        assert pull @ (furthest.x - found[row]) <= 1e-8 * max(1, np.abs(pull).max())


@pytest.mark.parametrize("seed", range(10))
def test_what_lies_within_the_limits_stays(seed):
    """So a second projection changes nothing."""
    rng = np.random.default_rng(seed)
    space, lower, upper, points = drawn(rng, seed, most=12, rows=50)
    inside = project(space, points, lower, upper)
    assert project(space, inside, lower, upper) == pytest.approx(inside, abs=1e-13)
    inside = space.fractions(space.sample(50, rng))
    assert project(space, inside) == pytest.approx(inside, abs=1e-13)


def test_rows_do_not_know_of_each_other():
    rng = np.random.default_rng(0)
    space = random_space(1, 9, random_tree(rng, 9))
    points, (lower, upper) = targets(space, 40, rng), row_bounds(space, 40, rng)
    before = points.copy(), lower.copy(), upper.copy()
    together = project(space, points, lower, upper)
    for row in range(40):
        here = slice(row, row + 1)
        assert project(space, points[here], lower[here], upper[here]) == pytest.approx(together[here], abs=1e-13)
    for now, then in zip((points, lower, upper), before, strict=True):
        assert (now == then).all()  # nothing of what was passed is written to
    assert project(space, points[:0], lower[:0], upper[:0]).shape == (0, 9)


def test_one_composition_alone_is_everyones_nearest():
    space = CompositionSpace.from_fractions(
        ("A", "B", "C"), (0.2, 0.3, 0), (0.2, 1, 1), step=0.1, groups=(Group(("C",), 0.5, 0.5),)
    )
    points = np.random.default_rng(0).normal(size=(20, 3)) * 100
    assert project(space, points) == pytest.approx(np.tile([0.2, 0.3, 0.5], (20, 1)), abs=1e-12)


def test_bounds_are_kept_where_a_sum_of_1_is_out_of_reach():
    space = CompositionSpace.from_fractions(("A", "B", "C"), (0, 0, 0), (1, 1, 1), groups=(Group(("A", "B"), 0.6),))
    points = np.random.default_rng(0).normal(size=(20, 3))
    lower, upper = np.full((20, 3), 0.05), np.full((20, 3), 0.2)
    found = project(space, points, lower, upper)
    assert (found >= lower).all() and (found <= upper).all()
    assert found == pytest.approx(upper)  # as near to 1 as they let it
