"""What is found in a user's table beyond cells that cannot be read: each finding says what was done, and a remedy.

A finding is (row in a spreadsheet program, 0 for the whole table; what; what was done; remedy).
"""

import re
from collections.abc import Collection, Container, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from alloygrad.checks import TOLERANCE
from alloygrad.features import elements
from alloygrad.spaces.box import Box
from alloygrad.spaces.composition import ON_GRID, CompositionSpace
from alloygrad.tables import reading as tables
from alloygrad.tables.reading import Notes, Problems

MOST_ROWS = 20_000
"""So many different points fit into 2 GB with all their models; of more than a thousand, models are approximate."""

ROUNDED = 5e-4
"""A sum this far from the total is more than the rounding of decimal shares, and said."""

SAME = 1e-6
"""Fractions that differ by less are the same composition."""


MOST_NAMED = 3
"""So many rows with the same fault, or that were set aside, are named one by one."""

SLIP = "Correct the value if it is a slip (another unit?); otherwise widen the limits, or leave the row out."


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
        first = "declare it among the elements," if column.split()[0] in known else cannot
        remedy = f"Rename the column {column!r} if it is no element's. Otherwise {first} hold it in `process`, or take "
        remedy += "the rows out; where it is absent, write 0."
        values = tables.numeric(table, [column], path, problems=Problems(path))[:, 0]
        words = not any(character.isdigit() for cell in table[column] for character in str(cell))
        beyond = bool((values > whole).any()) and column.split()[0] not in IN_PPM
        if words or beyond or (values < 0).any() or (table[column].isna() | (values == 0)).all():
            continue
        for row, cell, value in zip(table.index, table[column], values, strict=True):
            if value != 0:  # true for NaN too
                held = "empty cell" if cell is None else str(cell)[:40]
                problems.add(int(row), f"row {row}, column '{column}': {held}, an element that is not declared", remedy)


UNDECLARED = re.compile(r"row \d+, column '([^']+)': .*, an element that is not declared")


def grouped(faults: Sequence[tuple]) -> list[tuple]:
    """Return findings with one in place of many rows that hold the same element, which the space does not have.

    It comes first; its row is 0.
    """
    columns = [match[1] if (match := UNDECLARED.fullmatch(fault[1])) else "" for fault in faults]
    many = [name for name in dict.fromkeys(columns) if name and columns.count(name) > MOST_NAMED]
    found: list[tuple] = []
    for name in many:
        symbol = name.split()[0]
        what = f"column {name!r} ({columns.count(name)} rows above 0) is an element that the space does not have"
        what += f": add {symbol!r}: (0, …) to it" if symbol in elements.load().index else ""
        found.append((0, what, *faults[columns.index(name)][2:]))
    return found + [fault for fault, column in zip(faults, columns, strict=True) if column not in many]


def explained_sums(
    table: pd.DataFrame, names: Sequence[str], further: Sequence[str], unit: str, problems: Problems
) -> None:
    """Name the element that the space does not have where just its amount is lacking in the sum of a row."""
    whole = tables.TOTALS[unit][0]
    for column in further if any(": sums to " in what for _, what, _ in problems.found) else ():
        shares = tables.numeric(table, [*names, column], "", shares=True, problems=Problems(""), notes={})
        close = np.abs(shares.sum(1) / whole - 1) <= TOLERANCE
        rows = set(table.index[close & (shares[:, -1] > 0)])
        for i, (row, what, _) in enumerate(problems.found):
            if row in rows and ": sums to " in what:
                held = str(table[column].loc[row])[:40]
                fault = f"row {row}, column '{column}': {held}, an element that is not declared"
                mend = f"Add {column.split()[0]!r}: (0, …) to the space, or take the rows out."
                problems.found[i] = (row, fault, mend)


def seen(outcome: str) -> str:
    """The call that prints what was found in a table, for an outcome, "" where none is known."""
    what = repr(outcome) if outcome else "objective"
    return f"`print(table.report({what}).to_string())`, with `table = ag.read_table(…)`"


def check_usable(n: int, different: int, faults: Sequence[tuple], path: Path, outcome: str) -> None:
    """Raise a `TableError`, with all faults of rows, where none of n is usable, or too many `different` points are.

    Few rows are accepted, as from a DataFrame: they may add to others. The campaign warns where all are too few.
    """
    problems = Problems(path, rest=f": see {seen(outcome)}")
    if not n:
        problems.add(0, "0 usable rows, expected 1 or more", "Mend the rows that are named.")
    elif different > MOST_ROWS:
        remedy = "Keep the rows nearest to what you want to make, or those of one `process`."
        problems.add(0, f"{different} different points in {n} usable rows, expected {MOST_ROWS} at most", remedy)
    if problems.found:
        for row, what, _, remedy in grouped(faults):
            problems.add(row, what, remedy)
        problems.check()


def noted(notes: Notes, rows: Collection[int]) -> list[tuple]:
    """Findings on cells of `rows` that hold more than a plain number."""
    return [
        (row, f"row {row}, column '{column}': '{cell[:40]}'", content.used, "Nothing, or write the number.")
        for (row, column), (cell, content) in notes.items()
        if row in rows
    ]


def merged(table: pd.DataFrame, columns: Collection[str]) -> list[tuple]:
    """Findings on cells of a workbook that are merged with one further up."""
    blocks: dict[tuple[str, int], list[int]] = {}
    for (row, column), first in table.attrs.get("merged", {}).items():
        if column in columns:
            blocks.setdefault((column, first), []).append(row)
    return [
        (first, f"rows {min(rows)} to {max(rows)}, column '{column}': merged with row {first}",
         "its value is used for all of them", "Nothing.")
        for (column, first), rows in blocks.items()
    ]  # fmt: skip


def sums(table: pd.DataFrame, names: Sequence[str], unit: str, usable: np.ndarray) -> list[tuple]:
    """Findings on rows whose shares do not quite make the total."""
    total = tables.TOTALS[unit][0]
    sums = tables.numeric(table[usable], names, "", shares=True, notes={}).sum(1)
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
        where, values = tables.listed(rows[these]), tables.listed(f"{v:g}" for v in targets[these])
        copies = len(set(targets[these])) < these.sum()
        remedy = "Take copies out; true repeats may stay." if copies else "Nothing: the model learns the noise."
        if not copies:
            remedy += " If another column (an anneal, a dopant) tells them apart, hold it in `process`."
        what = f"rows {where}: one composition, measured {values}"
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
    """Findings on values (n, n_parameters) outside the limits of a box, or between its whole numbers."""
    outside = (values < box.lower) | (values > box.upper)
    found = _beyond(rows, outside, box.names, values, (box.lower, box.upper), box.units)
    far = {int(row) for row, one in zip(rows, values, strict=True) if box.far_outside(one[None])}
    found = [(*one[:-1], SLIP if one[0] in far else one[-1]) for one in found]
    for row, one in zip(rows, values, strict=True):
        for text in box.not_whole(one[None]):
            what, _, remedy = text.partition(". ")
            found.append((int(row), f"row {row}: {what}", "used for the model, never suggested", remedy))
    return found


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
