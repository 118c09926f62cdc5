"""Random compositions before any gradient: feasible, on the grid, on all corners and faces."""

from itertools import combinations

import numpy as np
import pytest
from hills import BOX, GROUPS, METALS, SPACE, peak, random_space, rng, rows, whole

from alloygrad.maximisers.ascent import screened
from alloygrad.maximisers.candidates import around, rounded, sparse, spread
from alloygrad.maximisers.options import AscentOptions
from alloygrad.maximisers.projection import Projection
from alloygrad.spaces.composition import CompositionSpace, Group


@pytest.mark.parametrize("n_elements", [2, 3, 6, 12])
@pytest.mark.parametrize("seed", range(3))
def test_candidates_are_feasible_and_on_the_grid(n_elements, seed):
    space, generator, options = random_space(seed, n_elements, 0.01), rng(seed), AscentOptions(screen=400, reach=4)
    centres = space.sample(5, generator)
    drawn = (
        sparse(space, Projection(space), 500, generator),
        around(space, centres, 500, generator, options.reach),
        rounded(space, space.sample_continuous(500, generator)),
    )
    for counts in drawn:
        assert counts.dtype == np.int64 and space.contains(counts).all() and 0 < len(counts) <= 500
    changes = drawn[1][:, None] - centres
    exchanged = np.abs(changes).sum(2).min(1) / 2
    assert exchanged.max() <= 3 * 2**options.reach and (exchanged > 0).any()
    measured = drawn[1][:20]
    found, best = screened(peak([0.1] * n_elements), space, Projection(space), measured, generator, options)
    assert space.contains(found).all() and len(rows(found)) == len(found) <= 400
    assert not rows(found) & rows(measured) and rows(best) <= rows(measured)


def corners(space) -> set[tuple[int, ...]]:
    """Counts where n_elements − 1 independent limits meet, of all choices of so many limits."""
    limits, unit, found = space.polytope(), np.eye(len(space.elements)), []
    normals = np.concatenate([unit, unit, limits.masks, limits.masks])
    offsets = np.concatenate([limits.lower, limits.upper, limits.group_lower, limits.group_upper])
    for active in combinations(range(len(offsets)), len(unit) - 1):
        a = np.concatenate([np.ones((1, len(unit))), normals[list(active)]])
        if abs(np.linalg.det(a)) > 1e-9:
            counts = np.linalg.solve(a, np.append(1, offsets[list(active)])) * space.total
            assert np.abs(counts - np.rint(counts)).max() < 1e-6  # the space promises grid corners
            found.append(np.rint(counts).astype(np.int64))
    return rows(np.array(found)[space.contains(np.array(found))])


NESTED = (Group(METALS[:3], 0.7), Group(METALS[:2], 0.5))


@pytest.mark.parametrize(
    "space",
    [
        whole(3),
        CompositionSpace.from_fractions(METALS[:3], [0.1, 0, 0], [0.6, 0.5, 0.7], step=0.05),
        CompositionSpace.from_fractions(METALS[:4], **BOX, step=0.01, groups=GROUPS),
        whole(5, 0.005),
        CompositionSpace.from_fractions(METALS[:4], [0] * 4, [0.6] * 4, step=0.05, groups=NESTED),
    ],
)
def test_sparse_draws_reach_every_corner(space):
    drawn, all_corners = rows(sparse(space, Projection(space), 4096, rng())), corners(space)
    assert len(all_corners) >= len(space.elements) and all_corners <= drawn
    assert len(drawn) > 3 * len(all_corners)  # and not only corners


def test_sparse_draws_begin_on_all_supports():
    space = whole(5, 0.005)
    assert len(rows(sparse(space, Projection(space), 4096, rng()) > 0)) == 2**5 - 1


def test_rounding_is_the_nearest_where_only_the_sum_matters():
    space = whole(6, 0.02)
    points = space.sample_continuous(200, rng())
    counts = rounded(space, points)
    assert len(counts) == 200 and (counts.sum(1) == space.total).all()
    assert np.abs(counts - points * space.total).max() < 1
    far, nearest = (np.linalg.norm(c - points * space.total, axis=1) for c in (counts, space.snap(points)))
    assert far == pytest.approx(nearest, abs=1e-9)
    assert rounded(space, counts / space.total).tolist() == counts.tolist()
    points = np.concatenate([SPACE.sample_continuous(300, rng()), [[0.9, 0.1, 0, 0], [0.3, 0.3, 0, 0]]])
    counts = rounded(SPACE, points)  # others are dropped
    assert SPACE.contains(counts).all() and 200 < len(counts) <= 300


@pytest.mark.parametrize("distance", [0, 0.03, 0.2])
@pytest.mark.parametrize("n", [1, 7, 60])
def test_spread_points_lie_apart_and_nothing_better_was_passed_over(n, distance):
    points = SPACE.fractions(SPACE.sample(400, rng()))
    heights = rng(1).integers(30, size=400).astype(float)  # with ties
    chosen = spread(points, heights, n, distance)
    assert 0 < len(chosen) <= n and chosen[0] == heights.argmax() and (np.diff(heights[chosen]) <= 0).all()
    apart = np.abs(points[chosen][:, None] - points[chosen]).max(2) + np.eye(len(chosen))
    assert (apart > distance).all()
    looked_at = np.argsort(-heights, kind="stable")[: 16 * n]
    stop = len(looked_at) if len(chosen) < n else looked_at.tolist().index(chosen[-1])
    for row in set(looked_at[:stop].tolist()) - set(chosen.tolist()):
        better = chosen[heights[chosen] >= heights[row]]
        assert (np.abs(points[better] - points[row]).max(1) <= distance).any()
    assert spread(points[:0], heights[:0], n, distance).tolist() == []
