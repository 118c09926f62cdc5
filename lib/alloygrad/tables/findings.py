"""What is found in a user's table beyond cells that cannot be read: each finding says what was done, and a remedy.

A finding is (row in a spreadsheet program, 0 for the whole table; what; what was done; remedy).
"""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from alloygrad.checks import LEAST_ROWS
from alloygrad.spaces.box import Box
from alloygrad.spaces.composition import ON_GRID, CompositionSpace
from alloygrad.tables import reading as tables
from alloygrad.tables.reading import Problems

MOST_ROWS = 1000
"""The time of a fit grows with the cube of the number of rows."""

ROUNDED = 5e-4
"""A sum this far from the total is more than the rounding of decimal shares, and said."""

SAME = 1e-6
"""Fractions that differ by less are the same composition."""


def other_process(table: pd.DataFrame, process: Mapping, path: Path, problems: Problems) -> list[tuple]:
    """Findings on rows whose process is not the one held."""
    found, remedy = [], "Compositions are compared under one process: give other conditions a table of their own."
    for column, held in process.items():
        if isinstance(held, str):
            cells = [None if cell is None else str(cell).strip() for cell in table[column]]
            other = np.array([cell != held for cell in cells])
        else:
            cells = tables.numeric(table, [column], path, problems=problems)[:, 0]
            other = np.isfinite(cells) & ~np.isclose(cells, float(held), rtol=1e-9, atol=0)
        for i in np.flatnonzero(other):
            row = int(table.index[i])
            cell = cells[i] if isinstance(held, str) else f"{cells[i]:g}"
            found.append((row, f"row {row}, column '{column}': {cell}, held is {held}", "set aside", remedy))
    return found


IN_PPM = ("H", "B", "C", "N", "O", "P", "S")
"""Elements whose amounts are often given in ppm: their numbers may be larger than the whole alloy's."""


def undeclared(
    table: pd.DataFrame,
    symbols: Sequence[str],
    path: Path,
    problems: Problems,
    *,
    known: Container[str],
    whole: float,
) -> None:
    """Add to `problems` the rows that are not zero in a column of an element that nobody declared.

    An empty cell is no zero there either, unless the column holds nothing but zeros and empty cells. A column
    of words, with no digit in any cell, is no element's, nor is one with an amount below 0 or, but for `IN_PPM`, above
    `whole`, that of the alloy. known: the elements that could be declared.
    """
    for column in symbols:
        cannot = f"{column} cannot be declared, for its properties are not known here:"
        first = "Declare it among the elements," if column in known else cannot
        remedy = f"{first} hold it in `process`, or take the rows out; where it is absent, write 0. "
        remedy += "Rename a column that is no element's."
        values = tables.numeric(table, [column], path, problems=Problems(path))[:, 0]
        words = not any(character.isdigit() for cell in table[column] for character in str(cell))
        beyond = bool((values > whole).any()) and column not in IN_PPM
        if words or beyond or (values < 0).any() or (table[column].isna() | (values == 0)).all():
            continue
        for row, cell, value in zip(table.index, table[column], values, strict=True):
            if value != 0:  # true for NaN too
                held = "empty cell" if cell is None else str(cell)[:40]
                problems.add(int(row), f"row {row}, column '{column}': {held}, an element that is not declared", remedy)


def check_enough(
    rows: np.ndarray,
    compositions: np.ndarray,
    targets: np.ndarray,
    faults: Sequence[tuple],
    path: Path,
    target: str,
) -> None:
    """Raise a `TableError`, with all faults of rows, where too little is left to learn from."""
    problems = Problems(path)
    if len(rows) < LEAST_ROWS:
        few = f"{len(rows)} usable row(s), expected {LEAST_ROWS} or more"
        problems.add(0, few, "Mend the rows that are named, or measure more alloys.")
    elif len(rows) > MOST_ROWS:
        remedy = "Keep the rows nearest to what you want to make, or those of one `process`."
        problems.add(0, f"{len(rows)} usable rows, expected {MOST_ROWS} at most", remedy)
    elif targets.min() == targets.max():
        what = f"all {len(rows)} usable rows have the target {targets[0]:g}"
        problems.add(0, what, f"Check that {target!r} is what was measured; a model needs rows that differ.")
    elif (np.ptp(compositions, axis=0) < SAME).all():
        problems.add(0, f"all {len(rows)} usable rows have one composition", "Add alloys of other compositions.")
    if problems.found:
        for row, what, _, remedy in faults:
            problems.add(row, what, remedy)
        problems.check()


def sums(table: pd.DataFrame, names: Sequence[str], unit: str, usable: np.ndarray) -> list[tuple]:
    """Findings on rows whose shares do not quite make the total."""
    total = tables.TOTALS[unit][0]
    sums = tables.numeric(table[usable], names, "").sum(1)
    return [
        (int(row), f"row {row}: shares sum to {value:.6g}", "used, divided by the sum", "Nothing, or correct it.")
        for row, value in zip(table.index[usable], sums, strict=True)
        if abs(value / total - 1) > ROUNDED
    ]


def alike(compositions: np.ndarray) -> np.ndarray:
    """Numbers (n,) from 0 on, equal where fractions (n, n_elements) are of one composition."""
    return np.unique(np.rint(compositions / SAME), axis=0, return_inverse=True)[1].ravel()


def repeats(rows: np.ndarray, compositions: np.ndarray, targets: np.ndarray) -> list[tuple]:
    """Findings on compositions that occur more than once."""
    found = []
    group = alike(compositions)
    for number in np.flatnonzero(np.bincount(group) > 1):
        these = group == number
        where, values = ", ".join(map(str, rows[these])), ", ".join(f"{v:g}" for v in targets[these])
        copies = len(set(targets[these])) < these.sum()
        remedy = "Take copies out; true repeats may stay." if copies else "Nothing: the model learns the noise."
        if not copies:
            remedy += " If another column (an anneal, a dopant) tells them apart, hold it in `process`."
        what = f"rows {where}: one composition, targets {values}"
        found.append((int(rows[these][0]), what, "all used; their scatter counts as noise", remedy))
    return found


def unusual(rows: np.ndarray, compositions: np.ndarray, space: CompositionSpace) -> list[tuple]:
    """Findings on compositions that the space does not hold."""
    found = []
    off = (np.abs(compositions - np.rint(compositions * space.total) / space.total) > ON_GRID).any(1)
    if off.any():
        what = f"{off.sum()} of {len(off)} compositions lie between the grid's, {100 * space.step:g} at.% apart"
        found.append((0, what, "used as they are; suggestions lie on the grid", "Nothing."))
    limits, names = space.polytope(), [*space.elements, *map(str, space.groups)]
    values = np.concatenate([compositions, compositions @ limits.masks.T], axis=1)
    lower, upper = np.append(limits.lower, limits.group_lower), np.append(limits.upper, limits.group_upper)
    slack = space.step / 2  # of a composition so near a limit, the grid's nearest lies on it
    outside = (values < lower - slack) | (values > upper + slack)
    return found + _beyond(rows, outside, names, 100 * values, (100 * lower, 100 * upper), ["at.%"] * len(names))


def beyond_box(rows: np.ndarray, values: np.ndarray, box: Box) -> list[tuple]:
    """Findings on values (n, n_parameters) outside the limits of a box."""
    outside = (values < box.lower) | (values > box.upper)
    return _beyond(rows, outside, box.names, values, (box.lower, box.upper), box.units)


def _beyond(
    rows: np.ndarray, outside: np.ndarray, names: Sequence, values: np.ndarray, limits: Sequence, units: Sequence
) -> list[tuple]:
    """Findings on rows with values (n, k) that are `outside` (n, k) their limits."""
    found, (lower, upper) = [], limits
    for i in np.flatnonzero(outside.any(1)):
        broken = "; ".join(
            f"{names[j]} {values[i, j]:g}, limits {lower[j]:g} … {upper[j]:g} {units[j]}".rstrip()
            for j in np.flatnonzero(outside[i]).tolist()
        )
        what = f"row {rows[i]}: outside the limits: {broken}"
        found.append((int(rows[i]), what, "used for the model, never suggested", "Nothing, or widen the limits."))
    return found
