"""Search a box for the largest score without gradients: many random points, then smaller and smaller steps."""

from collections.abc import Callable

import numpy as np

from alloygrad.inverse.calls import Calls

DRAWN = 500
"""Points drawn over the box, and as many about the best calls."""

SIZES = (0.2, 0.06, 0.02, 0.006, 0.002)
"""Standard deviations of the steps away from the best calls, as shares of the box."""


def climb(
    calls: Calls,
    score: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
) -> tuple[np.ndarray, float]:
    """Return the physical point (d,) with the largest score that is found between `low` and `high`, and its score.

    Args:
        calls: The simulator and what is known of it.
        score: Shares (n, d) of the ranges → scores (n,).
        rng: The source of all random numbers.
        low: Lower limits (d,); 0 unless given.
        high: Upper limits (d,); 1 unless given.
    """
    low, high = np.zeros(calls.d) if low is None else low, np.ones(calls.d) if high is None else high
    known = np.array([calls.shares[i] for i in np.argsort(calls.misfits("coarse"))[:5]])
    points = [low + (high - low) * rng.random((DRAWN, calls.d))]
    for size in SIZES:
        n = DRAWN // len(SIZES)
        steps = size * rng.standard_normal((n, calls.d)) * (rng.random((n, calls.d)) < max(0.5, 2 / calls.d))
        points.append(known[rng.integers(len(known), size=n)] + steps * (high - low))
    points, values = _scored(calls, score, np.concatenate(points), low, high)
    for size in (0.05, 0.015, 0.005, 0.0015):
        top = points[np.argsort(-values)[:5]]
        steps = size * rng.standard_normal((40, len(top), calls.d)) * (high - low)
        more, scores = _scored(calls, score, (top + steps).reshape(-1, calls.d), low, high)
        points, values = np.concatenate([top, more]), np.concatenate([np.sort(values)[::-1][:5], scores])
    best = int(np.argmax(values))
    return points[best], float(values[best])


def _scored(
    calls: Calls, score: Callable, points: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Move points into the limits, round whole numbers, leave out what is not physical; the rest with its scores."""
    points, box = np.clip(points, low, high), calls.problem.box
    if box.whole.any():
        width = np.where(box.upper > box.lower, box.upper - box.lower, 1)
        points = (box.nearest(box.lower + points * (box.upper - box.lower)) - box.lower) / width
    if calls.problem.feasible is not None:
        points = points[[calls.problem.allows(point) for point in points]]
    return points, score(points)
