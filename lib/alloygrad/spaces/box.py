"""Parameters of a process: continuous or whole numbers within limits, in their units, or one of some words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from alloygrad.checks import (
    distinct_names,
    explained,
    finite_cells,
    nearest,
    numbers,
    require_columns,
    require_frame,
    require_generator,
    require_whole,
    row_name,
    shown_cell,
)
from alloygrad.spaces.points import largest_share, widths
from alloygrad.symbols import CHEMICAL_SYMBOLS

FAR = 0.25
"""A measurement further outside the limits than this share of their range may be a slip, and draws a warning."""


@explained("ag.Box({'anneal_K': (700, 1100, 'K')})")
class Box:
    """All values of some parameters between their limits.

    A point is a row of values (..., k) in the parameters' units, and so are its coordinates. A parameter of words has a
    column for each word, "route=rolled", which is 1 for the word taken and 0 for the others.

    Args:
        parameters: Name → (least, most), or (least, most, unit); or a list of words, such as ["cast", "rolled"].
        integers: Names of the parameters that take whole numbers only.

    Raises:
        ValueError: Limits that are no numbers or in the wrong order, or a whole-number parameter without a whole number
            between its limits.

    Example:
        >>> box = Box({"anneal": (700, 1100, "K"), "passes": (1, 4)}, integers=["passes"])
        >>> box.contains([[900, 2], [900, 2.5]]).tolist()
        [True, False]
        >>> Box({"route": ["cast", "rolled"]}).table([[0, 1]])["route"].item()
        'rolled'
    """

    maximiser = "multistart"
    elements = ()
    spacing = 0.1

    def __init__(self, parameters: Mapping[str, Sequence], *, integers: Collection[str] = ()) -> None:
        if not isinstance(parameters, Mapping) or not parameters:
            raise ValueError(
                f"Expected parameters as {{name: (least, most), …}}; got {parameters!r}. Write for example "
                "{'anneal_K': (700, 1100)}."
            )
        self.parameters = distinct_names(parameters, "names of parameters", "{'anneal_K': (700, 1100)}")
        self.words = {name: values for name, given in parameters.items() if (values := _words(name, given))}
        numeric = [name for name in self.parameters if name not in self.words]
        if not isinstance(integers, list | tuple) or integers:
            integers = distinct_names(integers, "names of whole-number parameters", "['passes']")
        if unknown := set(integers) - set(numeric):
            raise ValueError(
                f"Expected whole-number parameters among {numeric}; got {sorted(unknown)}."
                f"{nearest(sorted(unknown)[0], numeric)} Correct the names."
            )
        self._declared = f"Box({dict(parameters)}, integers={list(integers)})"
        columns: list[tuple[str, float, float, str, bool]] = []  # name, limits, unit, whether whole
        self.choices: dict[str, slice] = {}  # columns of each parameter of words
        for name, values in parameters.items():
            if words := self.words.get(name):
                self.choices[name] = slice(len(columns), len(columns) + len(words))
                columns += [(f"{name}={word}", 0.0, 1.0, "", True) for word in words]
            else:
                limits = _limits(name, values)
                columns.append((name, *limits, values[2] if len(values) > 2 else "", name in integers))
        self.names, lower, upper, self.units, whole = (tuple(column) for column in zip(*columns, strict=True))
        self.lower, self.upper, self.whole = np.array(lower), np.array(upper), np.array(whole)
        self._numeric = np.array([name in self.parameters for name in self.names])
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
        return float(counts[self._numeric].prod()) * prod(map(len, self.words.values()))

    def describe(self) -> dict:
        """Return plain values for a digest."""
        limits = {"lower": self.lower.tolist(), "upper": self.upper.tolist(), "whole": self.whole.tolist()}
        return {"names": list(self.names), "units": list(self.units), **limits}

    def contains(self, points: ArrayLike) -> np.ndarray:
        """Return whether points (..., k) lie within the limits, whole where they must be, one word each: bool (...)."""
        points = require_columns(numbers(points, "points"), self.names)
        whole = ~self.whole | (points == np.rint(points))
        found = ((points >= self.lower) & (points <= self.upper) & whole).all(-1)
        for columns in self.choices.values():
            found &= points[..., columns].sum(-1) == 1
        return found

    @explained("box.sample(3, np.random.default_rng(0))")
    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n points (n, k), uniform."""
        require_whole(0, n=n)
        require_generator(rng)
        share = rng.random((n, len(self.names)))
        whole = self.lower + np.floor(share * (self.upper - self.lower + 1))
        drawn = np.where(self.whole, np.minimum(whole, self.upper), self.lower + share * (self.upper - self.lower))
        for columns in self.choices.values():  # the largest of equal shares is each word equally often
            drawn[:, columns] = _chosen(share[:, columns])
        return drawn

    def coordinates(self, points: ArrayLike) -> np.ndarray:
        """Return what models see of points (..., k): the same values."""
        return np.asarray(points, dtype=float)

    def nearest(self, coordinates: ArrayLike) -> np.ndarray:
        """Return the points nearest to coordinates (..., k): clipped, rounded where whole, the word of the largest."""
        inside = np.clip(require_columns(np.asarray(coordinates, dtype=float), self.names), self.lower, self.upper)
        inside = np.where(self.whole, np.rint(inside), inside)
        for columns in self.choices.values():
            inside[..., columns] = _chosen(np.asarray(coordinates, dtype=float)[..., columns])
        return inside

    def neighbours(self, point: np.ndarray) -> np.ndarray:
        """Return points (m, k): the nearest to a point (k,), and those one whole step or one other word from it."""
        start = self.nearest(point)
        found = [start]
        for columns in self.choices.values():
            for word in range(columns.start, columns.stop):
                other = start.copy()
                other[columns], other[word] = 0.0, 1.0
                found.append(other)
        for i in np.flatnonzero(self.whole & self._numeric):
            found += [start + step * (np.arange(len(start)) == i) for step in (-1, 1)]
        return np.array(found)

    def table(self, points: ArrayLike) -> pd.DataFrame:
        """Return points (n, k) as a table, one column per parameter, in its unit or in words."""
        points, columns = require_columns(np.atleast_2d(np.asarray(points, dtype=float)), self.names), {}
        for name in self.parameters:
            if name in self.choices:
                columns[name] = np.array(self.words[name], dtype=object)[points[:, self.choices[name]].argmax(1)]
            else:
                columns[name] = points[:, self.names.index(name)]
        return pd.DataFrame(columns)

    def read(self, table: pd.DataFrame) -> np.ndarray:
        """Return coordinates (n, k) of a table with a column per parameter; numbers may leave the limits.

        Raises:
            ValueError: A column is missing, a value is not a finite number, or a word none of the parameter's.
        """
        require_frame(table, self.parameters)
        if missing := [name for name in self.parameters if name not in table]:
            columns = [str(name) for name in table if name not in self.parameters and name not in CHEMICAL_SYMBOLS]
            mends = [
                f"{near} Rename it to {name!r}." if (near := nearest(name, columns)) else f" Add a column {name!r}."
                for name in missing
            ]
            raise ValueError(
                f"Expected the columns {list(self.parameters)}; the table lacks {missing} among {list(table.columns)}."
                f"{''.join(mends)}"
            )
        found = np.empty((len(table), len(self.names)))
        for name in self.parameters:
            if name not in self.choices:
                found[:, [self.names.index(name)]] = finite_cells(table, [name])
                continue
            found[:, self.choices[name]] = self.worded(name, table[name])
            for row in np.flatnonzero(np.isnan(found[:, self.choices[name]]).any(1))[:1]:
                raise ValueError(
                    f"Expected one of {list(self.words[name])} for {name!r}; {row_name(table, row)} is "
                    f"{shown_cell(table[name].iloc[row])}.{nearest(table[name].iloc[row], self.words[name])} Correct "
                    "the word, or declare it in the Box."
                )
        return found

    def worded(self, name: str, cells: Iterable) -> np.ndarray:
        """Return the columns (n, n_words) of a parameter of words for cells (n,); NaN where a cell is none of them."""
        words = {word: number for number, word in enumerate(self.words[name])}
        rows = np.vstack([np.eye(len(words)), np.full(len(words), np.nan)])
        return rows[[words.get(str(cell).strip(), -1) for cell in cells]]

    def violations(self, values: ArrayLike) -> list[str]:
        """List the limits that values (k,) break, one text for each."""
        found, values = [], require_columns(numbers(values, "values"), self.names, one=True)
        for i in np.flatnonzero(self._numeric).tolist():
            if not self.lower[i] <= values[i] <= self.upper[i]:
                found.append(f"{self.names[i]} = {values[i]:g}{self._unit(i)} lies outside {self._limits(i)}")
            elif self.whole[i] and values[i] != np.rint(values[i]):
                found.append(f"{self.names[i]} = {values[i]:g} is no whole number")
        for name, columns in self.choices.items():
            if sorted(values[columns]) != [0.0] * (columns.stop - columns.start - 1) + [1.0]:
                words = ", ".join(self.words[name])
                found.append(f"{name} is none of {words} (1 for the word taken, 0 for the others)")
        return found

    def _unit(self, i: int) -> str:
        return f" {self.units[i]}" if self.units[i] else ""

    def _limits(self, i: int) -> str:
        return f"{self.lower[i]:g} … {self.upper[i]:g}{self._unit(i)}"

    def far_outside(self, coordinates: np.ndarray) -> list[str]:
        """Return a warning for each parameter of coordinates (n, k) with a value far outside its limits."""
        width = np.where(self.upper > self.lower, self.upper - self.lower, np.abs(self.upper))
        beyond = np.maximum(self.lower - coordinates, coordinates - self.upper)
        return [
            f"{name} was measured at {coordinates[row, i]:g}{self._unit(i)}, far outside its limits {self._limits(i)}. "
            "Correct the value if it is a slip (another unit?); otherwise widen the limits, or leave the row out."
            for i, name in enumerate(self.names)
            if len(coordinates) and beyond[row := beyond[:, i].argmax(), i] > FAR * width[i]
        ]

    def not_whole(self, coordinates: np.ndarray) -> list[str]:
        """Return a warning for each whole-number parameter of coordinates (n, k) with another value."""
        off = self.whole & (coordinates != np.rint(coordinates))
        return [
            f"{self.names[i]} takes whole numbers but was measured at {coordinates[off[:, i].argmax(), i]:g}. "
            "Correct the value if it is a slip; otherwise take the parameter out of `integers`."
            for i in np.flatnonzero(off.any(0))
        ]

    def covers(self, points: ArrayLike, coordinates: ArrayLike) -> np.ndarray:
        """Return whether a measurement at coordinates (n, k) takes its point: it lies on it."""
        return (np.asarray(points) == coordinates).all(-1)

    def distance(self, one: ArrayLike, other: ArrayLike) -> np.ndarray:
        """Return the distance (...) of coordinates (..., n_parameters): the largest difference, in ranges."""
        return largest_share(one, other, widths(self.lower, self.upper))


def _words(name: str, given: Any) -> tuple[str, ...]:
    """The words of a parameter that takes one of them; () for limits."""
    texts = isinstance(given, list | tuple) and len(given) > 0 and all(isinstance(one, str) for one in given)
    if not texts or any(re.fullmatch(r"\s*[-+.,\d]+\s*", one) for one in given):  # numbers in quotation marks
        return ()
    if len({one.strip() for one in given}) < max(len(given), 2) or not all(one.strip() for one in given):
        raise ValueError(
            f"Expected two different words or more for {name!r}; got {list(given)}. Write for example "
            f"{{{name!r}: ['cast', 'rolled']}}."
        )
    return tuple(one.strip() for one in given)


def _chosen(shares: np.ndarray) -> np.ndarray:
    """1 for the largest of shares (..., n_words), 0 for the others."""
    return np.eye(shares.shape[-1])[shares.argmax(-1)]


def _limits(name: str, values: Sequence) -> tuple[float, float]:
    try:
        if isinstance(values, str) or len(values) not in (2, 3) or any(isinstance(one, str) for one in values[:2]):
            raise ValueError
        low, high = float(values[0]), float(values[1])
    except (TypeError, ValueError, KeyError):
        raise ValueError(
            f"Expected (least, most), (least, most, unit) or a list of words for {name!r}; got {values!r}. Write for "
            "example (700, 1100), without quotation marks, or ['cast', 'rolled']."
        ) from None
    if len(values) == 3 and not isinstance(values[2], str):
        raise ValueError(f"Expected a text as the unit of {name!r}; got {values[2]!r}. Write ({low:g}, {high:g}, 'K').")
    if not -np.inf < low <= high < np.inf:  # false for NaN too
        raise ValueError(
            f"Expected finite limits with least ≤ most for {name!r}; got {low:g} … {high:g}. Correct them."
        )
    return low, high
