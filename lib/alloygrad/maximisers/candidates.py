"""Random compositions to evaluate before any gradient: all over the space, on its faces, and around good ones."""

import numpy as np

from alloygrad.maximisers.options import DEFAULTS
from alloygrad.maximisers.projection import Projection
from alloygrad.spaces.composition import CompositionSpace


def sparse(space: CompositionSpace, project: Projection, n: int, rng: np.random.Generator) -> np.ndarray:
    """At most `n` counts (rows, n_elements) in which few elements make up most, or all; uniform draws hardly ever do.

    A Dirichlet draw, its concentration between .03 (about one element) and 1 (uniform), is projected into the limits,
    every other one after a push in a random direction, by .03 to 3: corners and faces of all dimensions come up often.
    """
    shares = rng.standard_gamma(10 ** rng.uniform(-1.5, 0, size=(n, 1)), size=(n, len(space.elements))) + 1e-300
    shares /= shares.sum(1, keepdims=True)
    shares[::2] += (rng.normal(size=shares.shape) * 10 ** rng.uniform(-1.5, 0.5, size=(n, 1)))[::2]
    limits = space.polytope()
    lower, upper = (np.broadcast_to(limit, shares.shape) for limit in (limits.lower, limits.upper))
    return rounded(space, project(shares, lower, upper))


def around(
    space: CompositionSpace, centres: np.ndarray, n: int, rng: np.random.Generator, reach: int = DEFAULTS.reach
) -> np.ndarray:
    """At most `n` counts (rows, n_elements) that differ from one of `centres` by one to three exchanges.

    Each exchange moves 1 to 2^reach grid steps between two elements.
    """
    counts, rows = centres[rng.integers(len(centres), size=n)], np.arange(n)
    for chance in (1, 0.7, 0.5):
        gives = rng.integers(len(space.elements), size=n)
        takes = (gives + rng.integers(1, max(2, len(space.elements)), size=n)) % len(space.elements)
        steps = np.floor(2 ** rng.uniform(0, reach, size=n)).astype(np.int64) * (rng.random(n) < chance)
        counts[rows, takes] += steps
        counts[rows, gives] -= steps
    return counts[space.contains(counts)]


def rounded(space: CompositionSpace, fractions: np.ndarray) -> np.ndarray:
    """Counts of fractions (rows, n_elements), the largest remainders rounded up; rows outside the limits are dropped.

    `space.snap` is exact for every row but slower; here there are many rows, and some may be lost.
    """
    steps = fractions * space.total
    floor = np.floor(steps + 1e-9).astype(np.int64)
    order = np.argsort(floor - steps, axis=1, kind="stable")
    place = np.argsort(order, axis=1)
    counts = floor + (place < (space.total - floor.sum(1))[:, None])
    return counts[space.contains(counts)]


def spread(points: np.ndarray, values: np.ndarray, n: int, distance: float) -> np.ndarray:
    """Rows of at most `n` points (rows, n_elements), best first, each further than `distance` from all better ones.

    Distances are the largest difference of a fraction. Only the best 16 n rows are looked at.
    """
    order = np.argsort(-values, kind="stable")[: 16 * n]
    if not distance:  # then only equal ones are passed over
        _, first = np.unique(points[order], axis=0, return_index=True)
        return order[np.sort(first)[:n]]
    chosen: list[int] = []
    points = points[order]
    while len(order) and len(chosen) < n:
        chosen.append(order[0])
        apart = np.abs(points - points[0]).max(1) > distance
        order, points = order[apart], points[apart]
    return np.array(chosen, dtype=int)
