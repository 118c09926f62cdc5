"""NSGA-II on the grid of compositions: a population that spreads along a front.

Each generation makes as many children as there are parents: of two parents that won a tournament, each element's share
lies between theirs or a little beyond, rounded to the grid; then some steps are exchanged between two elements. Of both
generations the better half stays: first by the number of fronts above, then by how far apart its neighbours are.
"""

from collections.abc import Callable

import numpy as np

from alloygrad.maximisers.projection import Projection
from alloygrad.objectives import non_dominated
from alloygrad.spaces.composition import CompositionSpace

BEYOND = 0.25
"""Children lie on the line through their parents, beyond either by at most this share of their distance."""


def evolve(
    space: CompositionSpace,
    utilities: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    *,
    population: int,
    generations: int,
) -> np.ndarray:
    """Return the last population (≤ population, n_elements), as counts.

    utilities: counts (n, n_elements) → (n, m), the larger the better; asked for population × generations values.
    """
    counts = space.sample(population, rng)
    values = utilities(counts)
    for _ in range(generations - 1):
        rank, distance = ranked(values)
        children = _children(space, counts, rank, distance, rng)
        counts, values = np.concatenate([counts, children]), np.concatenate([values, utilities(children)])
        counts, first = np.unique(counts, axis=0, return_index=True)
        values = values[first]
        rank, distance = ranked(values)
        kept = np.lexsort([-distance, rank])[:population]
        counts, values = counts[kept], values[kept]
    return counts


def ranked(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of fronts above each row of values (n, m), and its crowding distance in its own front."""
    rank, distance = np.zeros(len(values), dtype=int), np.zeros(len(values))
    left, level = np.arange(len(values)), 0
    while len(left):
        front = non_dominated(values[left])
        rows = left[front]
        rank[rows], distance[rows] = level, _crowding(values[rows])
        left, level = left[~front], level + 1
    return rank, distance


def _crowding(values: np.ndarray) -> np.ndarray:
    """The sum over objectives of the distance (n,) between both neighbours, in ranges; ∞ at the ends."""
    found = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        width = np.ptp(column) or 1.0
        found[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / width
        found[order[[0, -1]]] = np.inf
    return found


def _children(
    space: CompositionSpace, counts: np.ndarray, rank: np.ndarray, distance: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    n = len(counts)
    place = np.empty(n, dtype=int)
    place[np.lexsort([-distance, rank])] = np.arange(n)
    pairs = rng.integers(n, size=(2, n, 2))
    one, other = (pair[np.arange(n), place[pair].argmin(1)] for pair in pairs)
    share = rng.uniform(-BEYOND, 1 + BEYOND, size=(n, 1))
    points = space.fractions(counts[one]) + share * space.fractions(counts[other] - counts[one])
    limits = space.polytope()
    low, high = (np.broadcast_to(side, points.shape) for side in (limits.lower, limits.upper))
    children = space.nearest(Projection(space)(points, low, high))
    moved = exchanged(space, children, rng)
    return np.where(space.contains(moved)[:, None], moved, children)


def exchanged(space: CompositionSpace, counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return counts (n, n_elements) with 1, 2, 4, … up to a quarter of all steps given from one element to another."""
    n, n_elements = counts.shape
    gives = rng.integers(n_elements, size=n)
    takes = (gives + rng.integers(1, n_elements, size=n)) % n_elements
    steps = np.floor(2 ** rng.uniform(0, np.log2(max(space.total / 4, 2)), size=n)).astype(np.int64)
    found, rows = counts.copy(), np.arange(n)
    found[rows, takes] += steps
    found[rows, gives] -= steps
    return found
