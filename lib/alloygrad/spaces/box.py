"""Continuous and whole-number parameters within limits, each in its own unit."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from alloygrad.checks import (
    distinct_names,
    finite_cells,
    nearest,
    numbers,
    require_frame,
    require_generator,
    require_whole,
)
from alloygrad.spaces.points import largest_share, widths
from alloygrad.symbols import CHEMICAL_SYMBOLS

FAR = 0.25
"""A measurement further outside the limits than this share of their range may be a slip, and draws a warning."""


class Box:
    """All values of some parameters between their limits.

    A point is a row of values (..., n_parameters) in the parameters' units, and so are its coordinates.

    Args:
        parameters: Name → (least, most), or (least, most, unit).
        integers: Names of the parameters that take whole numbers only.

    Raises:
        ValueError: Limits that are no numbers or in the wrong order, or a whole-number parameter without a whole number
            between its limits.

    Example:
        >>> box = Box({"anneal": (700, 1100, "K"), "passes": (1, 4)}, integers=["passes"])
        >>> box.contains([[900, 2], [900, 2.5]]).tolist()
        [True, False]
    """

    maximiser = "multistart"
    elements = ()
    spacing = 0.1

    def __init__(self, parameters: Mapping[str, tuple], *, integers: Collection[str] = ()) -> None:
        if not isinstance(parameters, Mapping) or not parameters:
            raise ValueError(
                f"Expected parameters as {{name: (least, most), …}}; got {parameters!r}. Write for example "
                "{'anneal_K': (700, 1100)}."
            )
        self.names = distinct_names(parameters, "names of parameters", "{'anneal_K': (700, 1100)}")
        integers = distinct_names(integers, "names of whole-number parameters", "['passes']") if integers != () else ()
        if unknown := set(integers) - set(parameters):
            raise ValueError(
                f"Expected whole-number parameters among {list(parameters)}; got {sorted(unknown)}. Correct the names."
            )
        self._declared = f"Box({dict(parameters)}, integers={list(integers)})"
        limits = [_limits(name, values) for name, values in parameters.items()]
        self.units = tuple(values[2] if len(values) > 2 else "" for values in parameters.values())
        self.lower, self.upper = np.array(limits).T
        self.whole = np.array([name in integers for name in self.names])
        self.lower = np.where(self.whole, np.ceil(self.lower), self.lower)
        self.upper = np.where(self.whole, np.floor(self.upper), self.upper)
        for name, low, high in zip(self.names, self.lower, self.upper, strict=True):
            if low > high:
                raise ValueError(f"Expected a whole number between the limits of {name!r}; there is none. Widen them.")

    def __repr__(self) -> str:
        """Return the declaration."""
        return self._declared

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of a point's entries."""
        return self.names

    @property
    def size(self) -> float:
        """The number of points: infinite unless every parameter takes whole numbers only or one value."""
        counts = np.where(self.whole, self.upper - self.lower + 1, np.where(self.upper > self.lower, np.inf, 1))
        return float(counts.prod())

    def describe(self) -> dict:
        """Return plain values for a digest."""
        limits = {"lower": self.lower.tolist(), "upper": self.upper.tolist(), "whole": self.whole.tolist()}
        return {"names": list(self.names), "units": list(self.units), **limits}

    def contains(self, points: ArrayLike) -> np.ndarray:
        """Return whether points (..., n_parameters) lie within the limits, whole where they must be: bool (...)."""
        points = numbers(points, "points")
        whole = ~self.whole | (points == np.rint(points))
        return ((points >= self.lower) & (points <= self.upper) & whole).all(-1)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n points (n, n_parameters), uniform."""
        require_whole(0, n=n)
        require_generator(rng)
        share = rng.random((n, len(self.names)))
        whole = self.lower + np.floor(share * (self.upper - self.lower + 1))
        return np.where(self.whole, np.minimum(whole, self.upper), self.lower + share * (self.upper - self.lower))

    def coordinates(self, points: ArrayLike) -> np.ndarray:
        """Return what models see of points (..., n_parameters): the same values."""
        return np.asarray(points, dtype=float)

    def nearest(self, coordinates: ArrayLike) -> np.ndarray:
        """Return the points of the box nearest to coordinates (..., n_parameters): clipped, rounded where whole."""
        inside = np.clip(np.asarray(coordinates, dtype=float), self.lower, self.upper)
        return np.where(self.whole, np.rint(inside), inside)

    def table(self, points: ArrayLike) -> pd.DataFrame:
        """Return points (n, n_parameters) as a table, one column per parameter, in its unit."""
        return pd.DataFrame(np.asarray(points, dtype=float), columns=list(self.names))

    def read(self, table: pd.DataFrame) -> np.ndarray:
        """Return coordinates (n, n_parameters) of a table with a column per parameter; values may leave the limits.

        Raises:
            ValueError: A column is missing, or a value is not a finite number.
        """
        require_frame(table, self.names)
        if missing := [name for name in self.names if name not in table]:
            columns = [str(name) for name in table if name not in self.names and name not in CHEMICAL_SYMBOLS]
            mends = [
                f"{near} Rename it to {name!r}." if (near := nearest(name, columns)) else f" Add a column {name!r}."
                for name in missing
            ]
            raise ValueError(
                f"Expected the columns {list(self.names)}; the table lacks {missing} among {list(table.columns)}."
                f"{''.join(mends)}"
            )
        return finite_cells(table, self.names)

    def far_outside(self, coordinates: np.ndarray) -> list[str]:
        """Return a warning for each parameter of coordinates (n, n_parameters) with a value far outside its limits."""
        width = np.where(self.upper > self.lower, self.upper - self.lower, np.abs(self.upper))
        beyond = np.maximum(self.lower - coordinates, coordinates - self.upper)
        return [
            f"{name} was measured at {coordinates[row, i]:g}, far outside its limits {self.lower[i]:g} … "
            f"{self.upper[i]:g}. Correct the value if it is a slip; otherwise widen the limits, or leave the row out."
            for i, name in enumerate(self.names)
            if len(coordinates) and beyond[row := beyond[:, i].argmax(), i] > FAR * width[i]
        ]

    def not_whole(self, coordinates: np.ndarray) -> list[str]:
        """Return a warning for each whole-number parameter of coordinates (n, n_parameters) with another value."""
        off = self.whole & (coordinates != np.rint(coordinates))
        return [
            f"{self.names[i]} takes whole numbers but was measured at {coordinates[off[:, i].argmax(), i]:g}. "
            "Correct the value if it is a slip; otherwise take the parameter out of `integers`."
            for i in np.flatnonzero(off.any(0))
        ]

    def covers(self, points: ArrayLike, coordinates: ArrayLike) -> np.ndarray:
        """Return whether a measurement at coordinates (n, n_parameters) takes its point: it lies on it."""
        return (np.asarray(points) == coordinates).all(-1)

    def distance(self, one: ArrayLike, other: ArrayLike) -> np.ndarray:
        """Return the distance (...) of coordinates (..., n_parameters): the largest difference, in ranges."""
        return largest_share(one, other, widths(self.lower, self.upper))


def _limits(name: str, values: tuple) -> tuple[float, float]:
    try:
        if isinstance(values, str) or len(values) not in (2, 3) or any(isinstance(one, str) for one in values[:2]):
            raise ValueError
        low, high = float(values[0]), float(values[1])
    except (TypeError, ValueError, KeyError):
        raise ValueError(
            f"Expected (least, most) or (least, most, unit) for {name!r}; got {values!r}. Write numbers without "
            "quotation marks, for example (700, 1100)."
        ) from None
    if len(values) == 3 and not isinstance(values[2], str):
        raise ValueError(f"Expected a text as the unit of {name!r}; got {values[2]!r}. Write ({low:g}, {high:g}, 'K').")
    if not -np.inf < low <= high < np.inf:  # false for NaN too
        raise ValueError(
            f"Expected finite limits with least ≤ most for {name!r}; got {low:g} … {high:g}. Correct them."
        )
    return low, high
