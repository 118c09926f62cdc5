"""What every kind of space has in common."""

import numpy as np
from numpy.typing import ArrayLike

from alloygrad.checks import numbers
from alloygrad.protocols import Space


def no_points(space: Space) -> np.ndarray:
    """Return the points of a space before there is any: (0, d), of the type that its points have."""
    return space.sample(1, np.random.default_rng(0))[:0]


def require_points(space: Space, points: ArrayLike, name: str = "points") -> np.ndarray:
    """Return points (m, d) as an array, whole numbers as they are. Raises ValueError for another shape, or for text."""
    values, given = numbers(points, name), np.asarray(points)
    values = np.atleast_2d(given if given.dtype.kind in "iu" else values)
    if values.ndim != 2 or values.shape[1] != len(space.keys):
        raise ValueError(
            f"Expected {name} of shape (m, {len(space.keys)}): {', '.join(space.keys)}; got {values.shape}. Give one "
            "row for each point, or pass a table with named columns where one is accepted."
        )
    return values


def widths(least: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Return the ranges (k,) by which differences of coordinates are divided; 1 where nothing can change."""
    return np.where(most > least, most - least, 1.0)


def largest_share(one: ArrayLike, other: ArrayLike, width: np.ndarray) -> np.ndarray:
    """Return the largest difference (...) of coordinates (..., k), as a share of the ranges `width` (k,)."""
    return (np.abs(np.asarray(one) - other) / width).max(-1)
