"""A finished table as space and environment: campaigns are replayed on what somebody has already measured.

    space, environment = replay(elements, compositions, merits)
    rows = list(noisy.trajectory(Settings(n_initial=20), space, environment, seed=0))

What was measured scatters, and `noisy.trajectory` learns by how much, as suggestions from the table do.
`campaign.trajectory` takes the same arguments and every measurement for exact: its model passes through them all, and
improvement counts from the luckiest.

`RowSpace` is a finite set of compositions with the part of `CompositionSpace` that campaigns and enumeration need.
`ascent` and `lattice` hand it to enumeration, however many rows it has; inner loops that walk between compositions
(`slsqp`) have nowhere to walk.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alloygrad.surrogates.gp import standardisation

RESOLUTION = 1e-6
"""Fractions of a table are kept as whole multiples of this; closer ones are the same composition."""


@dataclass(frozen=True, eq=False)
class RowSpace:
    """The compositions of a table: `table` (size, n_elements) of distinct counts of `step`."""

    elements: tuple[str, ...]
    table: np.ndarray
    step: float = RESOLUTION
    listed = True  # maximisers enumerate it, whatever its size

    @property
    def total(self) -> int:
        return round(1 / self.step)

    @property
    def size(self) -> int:
        return len(self.table)

    @cached_property
    def place(self) -> dict[tuple[int, ...], int]:
        """Counts → row of `table`."""
        return {tuple(counts): row for row, counts in enumerate(self.table.tolist())}

    @property
    def lower(self) -> np.ndarray:
        """Least fraction of each element in any row: (n_elements,)."""
        return self.fractions(self.table.min(0))

    @property
    def upper(self) -> np.ndarray:
        """Largest fraction of each element in any row: (n_elements,)."""
        return self.fractions(self.table.max(0))

    def fractions(self, counts) -> np.ndarray:
        """Counts (..., n_elements) → fractions (..., n_elements)."""
        return np.asarray(counts) / self.total

    def contains(self, counts) -> np.ndarray:
        """Whether counts (..., n_elements) are rows of the table: bool (...)."""
        counts = np.asarray(counts)
        inside = [tuple(row) in self.place for row in counts.reshape(-1, len(self.elements)).tolist()]
        return np.array(inside, dtype=bool).reshape(counts.shape[:-1])

    def violations(self, fractions) -> list[str]:
        """Why one composition (n_elements,) is not in the space."""
        inside = self.contains(np.rint(np.asarray(fractions) * self.total).astype(np.int64))
        return [] if inside else ["no row of the table has this composition"]

    def unrank(self, ranks) -> np.ndarray:
        """The rows numbered `ranks` (...)."""
        return self.table[np.asarray(ranks)]

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n rows, each uniform."""
        return self.table[rng.integers(self.size, size=n)]

    def enumerate(self, chunk: int = 2**14) -> Iterator[np.ndarray]:
        """All rows in turn, in blocks of at most `chunk`."""
        for start in range(0, self.size, chunk):
            yield self.table[start : start + chunk]

    def sample_continuous(self, n: int, rng: np.random.Generator):
        """Raises ValueError: between the rows nothing is known."""
        raise ValueError("A table has nothing between its rows; choose the maximiser 'enumeration' or 'ascent'.")


def replay(elements: Sequence[str], compositions: np.ndarray, merits: np.ndarray) -> tuple[RowSpace, Callable]:
    """(space, environment) of measured fractions (n, n_elements) and merits (n,), the larger the better.

    Repeated compositions become one, with the mean of their merits. The environment answers {"measured": as in the
    table, "merit": standardised over it}: trajectories fit raw merits, for which the surrogate wants order 1.
    Raises ValueError for shapes that do not match, values that are not finite, rows that are no fractions with a sum
    of 1, and a composition not in the table.
    """
    compositions, merits = np.asarray(compositions, float), np.asarray(merits, float)
    if compositions.shape != (len(merits), len(elements)) or merits.ndim != 1:
        raise ValueError(
            f"compositions have shape {compositions.shape}, merits {merits.shape}; expected (n, {len(elements)}), (n,)."
        )
    if not (np.isfinite(compositions).all() and np.isfinite(merits).all()):
        raise ValueError("Compositions and merits must be finite; leave the other rows out.")
    sums = compositions.sum(1)
    off = np.abs(sums - 1) > RESOLUTION * (1 + 1e-9)  # with room for binary rounding
    for row in np.flatnonzero(off | (compositions < 0).any(1))[:1]:
        raise ValueError(
            f"Row {row} of the compositions is {compositions[row].tolist()}, its sum {sums[row]:.7g}; expected "
            f"fractions from 0 on with a sum of 1 ± {RESOLUTION:g}. Divide at.% by 100, and rounded rows by their sum."
        )
    counts, group = np.unique(np.rint(compositions / RESOLUTION).astype(np.int64), axis=0, return_inverse=True)
    means = np.bincount(group.ravel(), merits) / np.bincount(group.ravel())
    space, (centre, spread) = RowSpace(tuple(elements), counts), standardisation(means)
    scaled = (means - centre) / spread

    def environment(asked: np.ndarray) -> dict[str, np.ndarray]:
        """{"measured", "merit"} (...) of fractions (..., n_elements) that are rows of the table."""
        asked = np.rint(np.asarray(asked, float) * space.total).astype(np.int64)
        keys = [tuple(row) for row in asked.reshape(-1, len(elements)).tolist()]
        if missing := [key for key in keys if key not in space.place]:
            raise ValueError(f"{space.fractions(missing[0]).tolist()} is no row of the table; only those can be asked.")
        rows = np.array([space.place[key] for key in keys], dtype=int).reshape(asked.shape[:-1])
        return {"measured": means[rows], "merit": scaled[rows]}

    environment.elements = space.elements  # by which it is held against the space that it is asked about
    return space, environment
