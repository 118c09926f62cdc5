"""What every kind of space has in common, and experiments to begin with."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from alloygrad.checks import (
    explained,
    numbers,
    require_fractions,
    require_protocol,
    require_whole,
)
from alloygrad.protocols import Space
from alloygrad.spaces.composition import composition_of


def no_points(space: Space) -> np.ndarray:
    """Return the points of a space before there is any: (0, d), of the type that its points have."""
    return space.sample(1, np.random.default_rng(0))[:0]


SCREENED = 64
"""For each point of a starting design so many random ones are looked at, and 512 at least."""


@explained("starting_design(space, 5)")
def starting_design(space: Space, n: int, seed: int = 0) -> pd.DataFrame:
    """Return n experiments to begin with, where nothing is measured yet: points far from each other.

    The first lies nearest to the middle of many random points, each further one farthest from all before it.

    Args:
        space: What may be tried.
        n: How many; four to eight for each parameter or element that varies are usual.
        seed: Of the random points.

    Returns:
        The points as a table of the space, numbered from 1.

    Raises:
        ValueError: The space has fewer points.

    Example:
        >>> from alloygrad.spaces import Box
        >>> starting_design(Box({"x": (0, 1)}), 3)["x"].round(1).tolist()
        [0.5, 0.0, 1.0]
    """
    require_protocol(space, Space, "ag.CompositionSpace")
    require_whole(1, n=n)
    require_whole(0, seed=seed)
    drawn = np.unique(space.sample(max(512, SCREENED * n), np.random.default_rng(seed)), axis=0)
    if len(drawn) < n:
        raise ValueError(f"Expected n of at most {len(drawn)} points of this space; got {n}. Ask for fewer.")
    at = space.coordinates(drawn)
    chosen = [int(space.distance(at, at.mean(0)).argmin())]
    nearest = space.distance(at, at[chosen[0]])
    while len(chosen) < n:
        nearest[chosen] = -1.0
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, space.distance(at, at[chosen[-1]]))
    return space.table(drawn[chosen]).set_axis(pd.RangeIndex(1, n + 1, name="experiment"))


def require_points(space: Space, points: ArrayLike, name: str = "points") -> np.ndarray:
    """Return points (m, d) as an array, whole numbers as they are. Raises ValueError for another shape, or for text."""
    frame = f"pass {frame_of(space)}"
    values, given = numbers(points, name, f"Write numbers, or {frame}."), np.asarray(points)
    values = np.atleast_2d(given if given.dtype.kind in "iu" else values)
    if values.ndim != 2 or values.shape[1] != len(space.keys):
        got = f"rows of {values.shape[1]}" if values.ndim == 2 else f"an array of shape {values.shape}"
        held = ", ".join(space.keys) if len(space.keys) > 1 else f"one number, {space.keys[0]}"
        raise ValueError(
            f"Expected {name} of shape (m, {len(space.keys)}), each a row of {held}; got {got}. Write such rows, or "
            f"{frame}."
        )
    rounding = 1e-9 if len(space.elements) == len(space.keys) else 0.0  # of whole steps of a composition
    whole = np.rint(values)
    return whole.astype(np.int64) if (np.abs(whole - values) <= rounding).all() else values


def frame_of(space: Space) -> str:
    """Say which DataFrame holds points of a space."""
    label: Any = getattr(space, "label", None)  # of a pool
    parameters = getattr(getattr(space, "process", space), "parameters", ())
    columns = [label] if label else [*space.elements, *parameters] or space.names
    unit = " (at.%)" if space.elements and not label else ""
    named = f"column {columns[0]!r}" if len(columns) == 1 else f"columns {', '.join(columns)}"
    return f"a DataFrame with the {named}{unit}"


def require_steps(space: Space, points: np.ndarray, name: str = "points") -> None:
    """Raise ValueError unless compositions in points (m, d) are whole steps with the right sum; says what it is like.

    Points of a space without a composition pass.
    """
    if (alloys := composition_of(space)) is None:
        return
    counts = points[:, : len(alloys.elements)]
    sums, whole, step = counts.sum(1), (np.rint(counts) == counts).all(1), f"{100 * alloys.step:g}"
    for row in np.flatnonzero((sums != alloys.total) | ~whole)[:1]:
        like = {1.0: ", as fractions do", 100.0: ", as at.% do"}.get(round(float(sums[row]), 2), "")
        mend = {
            ", as fractions do": "Use `space.counts(fractions)`, or {}. A file is read with unit='fraction'.",
            ", as at.% do": "Divide them by the step, or {}. A file is read with unit='at.%'.",
        }.get(like if alloys.total != 100 or like != ", as at.% do" else "", "Correct the row, or {}.")
        got = f"row {row} sums to {sums[row]:g}{like}"
        if sums[row] == alloys.total:
            got = f"row {row} is {counts[row].tolist()}, which lies between two steps"
        raise ValueError(
            f"Expected {name} as whole steps of {step} at.% that sum to {alloys.total}; {got}. "
            f"{mend.format(f'pass {frame_of(space)}')}"
        )


def require_coordinates(space: Space, data: ArrayLike) -> np.ndarray:
    """Return coordinates (n, k). Raises ValueError for another shape, or for what is not finite, or no fractions."""
    remedy = f"Write numbers, or pass {frame_of(space)}."
    coordinates, names = np.atleast_2d(numbers(data, "coordinates", remedy)), space.names
    if coordinates.ndim != 2 or coordinates.shape[1] != len(names):
        raise ValueError(
            f"Expected coordinates of shape (n, {len(names)}), each a row of {', '.join(names)}; got an array of shape "
            f"{coordinates.shape}. Write such rows, or pass {frame_of(space)}."
        )
    for row, column in np.argwhere(~np.isfinite(coordinates))[:1]:
        raise ValueError(
            f"Expected finite coordinates; {names[column]!r} in row {row} is {coordinates[row, column]}. Correct it, "
            "or leave the row out."
        )
    if space.elements:
        require_fractions(coordinates[:, : len(space.elements)], remedy=f" Or pass {frame_of(space)}.")
    return coordinates


def widths(least: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Return the ranges (k,) by which differences of coordinates are divided; 1 where nothing can change."""
    return np.where(most > least, most - least, 1.0)


def largest_share(one: ArrayLike, other: ArrayLike, width: np.ndarray) -> np.ndarray:
    """Return the largest difference (...) of coordinates (..., k), as a share of the ranges `width` (k,)."""
    return (np.abs(np.asarray(one) - other) / width).max(-1)
