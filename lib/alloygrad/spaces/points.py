"""What every kind of space has in common."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from alloygrad.checks import numbers, require_fractions
from alloygrad.protocols import Space


def no_points(space: Space) -> np.ndarray:
    """Return the points of a space before there is any: (0, d), of the type that its points have."""
    return space.sample(1, np.random.default_rng(0))[:0]


def require_points(space: Space, points: ArrayLike, name: str = "points") -> np.ndarray:
    """Return points (m, d) as an array, whole numbers as they are. Raises ValueError for another shape, or for text."""
    label: Any = getattr(space, "label", None)  # of a pool
    remedy = (f"Name candidates in a DataFrame with the column {label!r}.",) if label else ()
    values, given = numbers(points, name, *remedy), np.asarray(points)
    values = np.atleast_2d(given if given.dtype.kind in "iu" else values)
    if values.ndim != 2 or values.shape[1] != len(space.keys):
        raise ValueError(
            f"Expected {name} of shape (m, {len(space.keys)}): {', '.join(space.keys)}; got {values.shape}. Give one "
            "row for each point, or pass a table with named columns where one is accepted."
        )
    return values


def require_coordinates(space: Space, data: ArrayLike) -> np.ndarray:
    """Return coordinates (n, k). Raises ValueError for another shape, or for what is not finite, or no fractions."""
    coordinates, names = np.atleast_2d(numbers(data, "coordinates")), space.names
    if coordinates.ndim != 2 or coordinates.shape[1] != len(names):
        raise ValueError(
            f"Expected coordinates of shape (n, {len(names)}): {', '.join(names)}; got an array of shape "
            f"{coordinates.shape}. Pass a DataFrame with the space's columns."
        )
    for row, column in np.argwhere(~np.isfinite(coordinates))[:1]:
        raise ValueError(
            f"Expected finite coordinates; {names[column]!r} in row {row} is {coordinates[row, column]}. Correct it, "
            "or leave the row out."
        )
    if space.elements:
        require_fractions(coordinates[:, : len(space.elements)], remedy=" A DataFrame may be in at.%.")
    return coordinates


def widths(least: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Return the ranges (k,) by which differences of coordinates are divided; 1 where nothing can change."""
    return np.where(most > least, most - least, 1.0)


def largest_share(one: ArrayLike, other: ArrayLike, width: np.ndarray) -> np.ndarray:
    """Return the largest difference (...) of coordinates (..., k), as a share of the ranges `width` (k,)."""
    return (np.abs(np.asarray(one) - other) / width).max(-1)
