"""A finite table of candidates with given features: what may be tried is one of its rows.

A point is a row number, (..., 1) whole numbers ≥ 0; what models see of it are the candidate's features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from alloygrad.checks import (
    comma,
    distinct_names,
    explained,
    nearest,
    numbers,
    require_fractions,
    require_frame,
    require_generator,
    require_whole,
    row_name,
    shown,
    shown_cell,
)
from alloygrad.spaces.points import largest_share, widths

SAME = 1e-6
"""Features that differ by less than this share of their range are the same, for the rounding of tables."""

FEW_WORDS = 20
"""So many different words that recur in a column are taken for kinds, each of which may become a column of its own."""


@explained("ag.Pool(table)")
class Pool:
    """The rows of a table of candidates.

    Args:
        candidates: One row per candidate; the index holds their names, the columns numbers.
        features: Columns that models see; all of them unless given.
        elements: Of the features, those that are atomic fractions of a whole composition, so that material features can
            be made of them; they come first.

    Raises:
        ValueError: The table is empty, two candidates share a name, or a feature is missing or not finite.

    Example:
        >>> import pandas as pd
        >>> pool = Pool(pd.DataFrame({"gap_eV": [1.1, 1.4, 3.2]}, index=["Si", "GaAs", "GaN"]))
        >>> pool.size, pool.table([[2]]).to_dict("records")
        (3, [{'candidate': 'GaN', 'gap_eV': 3.2}])
    """

    maximiser = "enumeration"
    keys = ("row",)
    spacing = 0.0

    def __init__(
        self, candidates: pd.DataFrame, features: Sequence[str] | None = None, *, elements: Sequence[str] = ()
    ) -> None:
        if not isinstance(candidates, pd.DataFrame):
            file = isinstance(candidates, str | Path)
            mend = (
                "`alloygrad.tables.candidates.read_candidates` reads a file."
                if file
                else "Make it one: pd.DataFrame(…)."
            )
            raise TypeError(f"Expected candidates as a DataFrame, one row each; got {shown(candidates)}. {mend}")
        if not isinstance(elements, list | tuple) or elements:
            elements = distinct_names(elements, "element names for the pool")
        if features is not None and (isinstance(features, str) or not np.iterable(features)):
            mend = f"[{features!r}]" if isinstance(features, str) else "['gap_eV']"
            raise ValueError(
                f"Expected features as a list of columns; got {shown(features)}. Write for example {mend}."
            )
        names = list(candidates.columns if features is None else features)
        names = [*elements, *(name for name in names if name not in elements)]
        if missing := [name for name in names if name not in candidates]:
            raise ValueError(
                f"Expected features among the columns {list(candidates.columns)}; got {missing}."
                f"{nearest(missing[0], candidates)} Correct the names."
            )
        require_frame(candidates, names)
        if not len(candidates) or not names:
            raise ValueError(
                f"Expected at least one candidate and one feature; got a table of {candidates.shape}. Add "
                "rows and columns."
            )
        self.label = str(candidates.index.name or "candidate")
        if candidates.index.name is None and self.label in candidates:
            raise ValueError(
                f"Expected the names of the candidates as the index; got them in the column {self.label!r}. Call "
                f"`table.set_index({self.label!r})`, and pass what it returns."
            )
        if candidates.index.nlevels > 1 or candidates.index.hasnans or self.label in names:
            raise ValueError(
                f"Expected an index with one name for each candidate, and no feature called {self.label!r} as the "
                "index is; got an index of several levels, an empty name, or such a feature. Set another index, or "
                "rename it."
            )
        if not candidates.index.is_unique:
            twice = candidates.index[candidates.index.duplicated()][0]
            raise ValueError(f"Expected a name of its own for each candidate; {twice!r} occurs twice. Rename one.")
        values = candidates[names].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
        for row, column in np.argwhere(~np.isfinite(values))[:1]:
            where = f"{names[column]!r} of candidate {candidates.index[row]!r}"
            cell = candidates[names[column]].iloc[row]
            mend = "Fill it in, drop the row, or name the columns to use as `features`."
            if pd.to_numeric(candidates[names[column]], errors="coerce").isna().all() and not comma(cell):
                mend = _of_words(candidates[names[column]])
            raise ValueError(f"Expected finite features; {where} is {shown_cell(cell)}. {mend}")
        if elements:
            require_fractions(values[:, : len(elements)])
        self.candidates, self.names, self.features = candidates, tuple(names), values
        self._width = widths(values.min(0), values.max(0))
        self.elements = tuple(elements)

    @property
    def size(self) -> int:
        """The number of candidates."""
        return len(self.features)

    def describe(self) -> dict:
        """Return plain values for a digest: the names of the features and all their values."""
        return {"names": list(self.names), "features": self.features.tolist()}

    def contains(self, points: ArrayLike) -> np.ndarray:
        """Return whether points (..., 1) are row numbers of the table: bool (...)."""
        points = numbers(points, "points")
        return ((points >= 0) & (points < self.size) & (points == np.rint(points)))[..., 0]

    @explained("pool.sample(3, np.random.default_rng(0))")
    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n points (n, 1), each candidate equally likely."""
        require_whole(0, n=n)
        require_generator(rng)
        return rng.integers(self.size, size=(n, 1))

    def unrank(self, ranks: ArrayLike) -> np.ndarray:
        """Return the points (..., 1) numbered `ranks` (...)."""
        return np.asarray(ranks, dtype=np.int64)[..., None]

    def enumerate(self, chunk: int = 2**16) -> Iterator[np.ndarray]:
        """Yield all points in turn, in blocks (≤ chunk, 1)."""
        for start in range(0, self.size, chunk):
            yield self.unrank(np.arange(start, min(start + chunk, self.size)))

    def coordinates(self, points: ArrayLike) -> np.ndarray:
        """Return the features (..., n_features) of points (..., 1)."""
        return self.features[self._rows(points)]

    def _rows(self, points: ArrayLike) -> np.ndarray:
        """Row numbers (...) of points (..., 1). Raises ValueError where the pool has no such row."""
        given = np.asarray(points)[..., 0]
        rows = given.astype(np.int64)
        for off in given[(rows != given) | (rows < 0) | (rows >= self.size)][:1]:
            raise ValueError(
                f"Expected row numbers of this pool, from 0 to {self.size - 1}; got {off:g}. Count rows from 0, or "
                f"pass a DataFrame with the column {self.label!r}."
            )
        return rows

    def nearest(self, coordinates: ArrayLike) -> np.ndarray:
        """Return the points (n, 1) whose features are nearest to coordinates (n, n_features), in feature ranges."""
        ours, asked = self.features / self._width, np.atleast_2d(coordinates) / self._width
        return np.array([[((ours - one) ** 2).sum(1).argmin()] for one in asked])

    def table(self, points: ArrayLike) -> pd.DataFrame:
        """Return points (n, 1) as a table: the candidate's name, then its features."""
        rows = self.candidates.iloc[self._rows(np.atleast_2d(points))][list(self.names)]
        return rows.rename_axis(self.label).reset_index()

    def read(self, table: pd.DataFrame) -> np.ndarray:
        """Return the features (n, n_features) of the candidates that a table names.

        Raises:
            ValueError: The table has no column of names, or one of them is not a candidate.
        """
        require_frame(table, [self.label])
        if self.label not in table:
            raise ValueError(
                f"Expected a column {self.label!r} with names of candidates; got {list(table.columns)}. Rename the "
                f"column, or move the names out of the index: `table.rename_axis({self.label!r}).reset_index()`."
            )
        rows = self.candidates.index.get_indexer(table[self.label])
        if (rows < 0).any():
            row = int(np.argmin(rows))
            name = table[self.label].iloc[row]
            raise ValueError(
                f"Expected names of candidates of this pool; got {shown_cell(name)} in {row_name(table, row)}."
                f"{self.hint(name)}"
            )
        return self.features[rows]

    def hint(self, name: Any) -> str:
        """Return what to do about a name that no candidate has."""
        index = self.candidates.index
        if isinstance(name, str) and list(index) == list(range(self.size)):
            listed = [*map(str, index[:3]), *(["…"] if self.size > 4 else []), *map(str, index[3:][-1:])]
            column = next((str(one) for one in self.candidates if name in set(self.candidates[one])), "name")
            return f" The pool's candidates are {', '.join(listed)}: set the index, `stock.set_index({column!r})`."
        return f"{nearest(name, index, 3)} Correct the name, or leave the row out."

    def covers(self, points: ArrayLike, coordinates: ArrayLike) -> np.ndarray:
        """Return whether a measurement at coordinates (n, n_features) takes its point (n, 1): it has its features."""
        off = np.abs(self.coordinates(points) - np.asarray(coordinates)) / self._width
        return off.max(-1, initial=0) <= SAME

    def distance(self, one: ArrayLike, other: ArrayLike) -> np.ndarray:
        """Return the distance (...) of features (..., n_features): the largest difference, in ranges of the pool."""
        return largest_share(one, other, self._width)


def _of_words(column: pd.Series) -> str:
    """What to do about a column that holds no number."""
    if column.nunique() <= min(FEW_WORDS, len(column) - 1) and column.map(lambda cell: isinstance(cell, str)).all():
        dummies = f"`pd.get_dummies(candidates, columns=[{column.name!r}], dtype=float)`"
        return f"Name the columns to use as `features`, or make it numbers: {dummies}."
    use = f"`candidates.set_index({column.name!r})`"
    return f"If it holds the names, use {use}; otherwise name the columns to use as `features`."
