"""Reading a table, with errors that name file, row, column and remedy.

Published tables and users' own go through the same few functions. Nothing is guessed: the unit of a
composition is declared, a comma is never taken for a decimal point, an empty cell is never taken for zero.
Nothing is written, so a faulty table costs an error message and no data.

A table is a DataFrame whose index is the row number that a spreadsheet program shows. All faults found are
gathered into one `TableError`:

    alloys.csv: 2 problems
      row 4, column 'Ni': text '12,5' where a number belongs
      row 9: sums to 1 in a table declared in at.%: fractions and percent are mixed
    What to do:
      …
"""

import csv
import io
import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from alloygrad.checks import element_column, near_names
from alloygrad.tables import workbooks
from alloygrad.tables.cells import EMPTY, Content, plain, read

SHOWN = 20  # problems spelled out in one message
SEPARATORS = {";": "semicolons", "\t": "tabs"}  # that other programs, or other countries' put where commas belong
NO_UTF8 = re.compile("[\udc80-\udcff]")
NO_AMOUNT = re.compile(r"\s*([-–—/]+|n\.?\s*[dam]\.?|na|tr(ace)?s?\.?|nil|none)\s*", re.IGNORECASE)
TOTALS = {"fraction": (1.0,), "at.%": (100.0,), "wt.%": (100.0,), "mixed": (1.0, 100.0)}  # of a row, by unit
MOST_LISTED = 6  # rows named in one line
SUMS_OTHERWISE = {  # what to do, by the unit declared, where all rows have the other total
    "fraction": "Pass unit='at.%', or unit='wt.%' if the shares are by weight.",
    "at.%": "Pass unit='fraction' (atomic).",
    "wt.%": "Multiply all shares by 100: shares by weight are read in wt.% only.",
}


Notes: TypeAlias = dict[tuple[int, str], tuple[str, Content]]
"""(row, column) → (the cell, what was made of it), of cells that hold more than a plain number."""


class TableError(ValueError):
    """A table that cannot be used as it is; the message lists every fault by row, and the remedies."""


class Problems:
    """Collects the faults of one file, so that they are reported together: `add(...)`, then `check()`."""

    def __init__(self, file: str | Path, rest: str = "") -> None:
        self.file, self.rest = Path(file), rest  # where the problems beyond `SHOWN` are listed
        self.found: list[tuple[int, str, str]] = []  # (row or 0 for the whole table, fault, remedy)

    def add(self, row: int, fault: str, remedy: str) -> None:
        """Note a fault of `row`, counted from 1; 0 is the whole table."""
        self.found.append((row, fault, remedy))

    def check(self) -> None:
        """Raise one `TableError` naming everything that was found, if anything."""
        if not self.found:
            return
        found = sorted(self.found, key=lambda problem: problem[0])
        lines = [f"{self.file}: {len(found)} problem{'s' if len(found) > 1 else ''}"]
        lines += [f"  {fault}" for _, fault, _ in found[:SHOWN]]
        if len(found) > SHOWN:
            lines.append(f"  … and {len(found) - SHOWN} more{self.rest}")
        remedies = dict.fromkeys(remedy for _, _, remedy in found)
        raise TableError("\n".join([*lines, "What to do:", *(f"  {remedy}" for remedy in remedies)]))


def read_table(path: str | Path, *, sheet: str | int = 0, header_rows: int = 1) -> pd.DataFrame:
    """Read a .csv (UTF-8, commas) or .xlsx file.

    Args:
        path: the file.
        sheet: name or position of the sheet in a workbook; ignored for CSV.
        header_rows: lines above the data. The first holds the names; further ones (units …) are skipped.

    Returns:
        DataFrame of raw cells (None where empty), columns named by the header, index = the row's number in a
        spreadsheet program; empty rows are left out without shifting the numbers of the others. Its `attrs` hold the
        names of a workbook's "further sheets".

    Raises:
        TableError: the file is missing, of another kind, not UTF-8, damaged or empty, or a row is longer than
            the header.
    """
    path = Path(path)
    problems = Problems(path)
    if path.is_dir():
        problems.add(0, "this is a folder, not a table", "Name a .csv or .xlsx file in it.")
    elif not path.is_file():
        problems.add(0, "there is no such file", f"Check the path; it was looked for at {path.resolve()}.")
    elif path.suffix.lower() not in (".csv", ".xlsx"):
        problems.add(0, f"its name ends in {path.suffix!r}", "Save it as .csv (UTF-8) or .xlsx.")
    problems.check()

    is_csv = path.suffix.lower() == ".csv"
    further: list[str] = []
    merged: dict[tuple[int, int], int] = {}
    if is_csv:
        cells = _read_csv(path, problems)
    else:
        cells, further, merged = workbooks.read_sheet(path, sheet, problems)
    rows = [[_empty_to_none(cell) for cell in row] for row in cells]
    header = list(rows[0]) if rows else []
    while header and header[-1] is None:
        header.pop()
    if not header:
        problems.add(1, "row 1 holds no column names", "Put the column names into the first row.")
    elif len(header) == 1 and (named := next((n for s, n in SEPARATORS.items() if s in str(header[0])), "")):
        problems.add(1, *_separated(named))
    elif header_rows == 1 and (number := _row_of_names(rows)) > 1:
        fault = f"row 1 is no row of column names: row {number} has more cells, and all of them are text"
        problems.add(1, fault, "Take the lines above the column names out.")
    problems.check()
    names = [f"unnamed {i + 1}" if name is None else str(name) for i, name in enumerate(header)]
    data, numbers = [], []
    for number, row in enumerate(rows[header_rows:], start=header_rows + 1):
        beyond = [column for column in range(len(names), len(row)) if row[column] is not None]
        if beyond and is_csv:
            problems.add(
                number,
                f"row {number}: more cells than the {len(names)} columns named in row 1",
                "Look for a comma inside a cell: write 12.5 instead of 12,5; quote texts with commas.",
            )
        elif beyond:
            for column in beyond:
                problems.add(number, *workbooks.unnamed(row[column], number, column))
        elif any(cell is not None for cell in row):
            data.append((row + [None] * len(names))[: len(names)])
            numbers.append(number)
    if not data and not problems.found:
        problems.add(0, "no row of data below the column names", "Add at least one row of data.")
    problems.check()
    table = pd.DataFrame(data, columns=names, index=pd.Index(numbers, name="row"), dtype=object)
    table.attrs["further sheets"] = further
    table.attrs["merged"] = {(i + 1, names[j]): first + 1 for (i, j), first in merged.items() if j < len(names)}
    return table


def listed(names: Iterable) -> str:
    """Return names with commas, of more than `MOST_LISTED` only the first and how many there are."""
    texts = list(map(str, names))
    return ", ".join(texts[:MOST_LISTED]) + (f", … ({len(texts)} in all)" if len(texts) > MOST_LISTED else "")


def _row_of_names(rows: list[list]) -> int:
    """Where a line of fewer cells, a title, stands above the column names: the number of their row; else 1."""
    filled = [[cell for cell in row if cell is not None] for row in rows]
    below = next((i for i, cells in enumerate(filled) if i and cells), 0)
    texts = all(isinstance(cell, str) and plain(cell).fault for cell in filled[below])
    return below + 1 if texts and len(filled[below]) > len(filled[0]) else 1


def _read_csv(path: Path, problems: Problems) -> list[list]:
    raw = path.read_bytes()
    rows = []
    # Spreadsheet programs put a byte-order mark in front. Bytes that are no UTF-8 come out as lone surrogates.
    text = raw.decode("utf-8-sig", "surrogateescape")
    try:
        for row in csv.reader(io.StringIO(text, newline=""), strict=True):
            rows.append(row)
            if NO_UTF8.search("".join(row)):
                fault = f"row {len(rows)}: not UTF-8 text"
                problems.add(len(rows), fault, "Save it as .xlsx, or as 'CSV UTF-8 (comma delimited)'.")
                break
    except csv.Error as error:
        row, names = len(rows) + 1, text.splitlines()[0]
        named = next((n for s, n in SEPARATORS.items() if f'"{s}' in names or (s in names and "," not in names)), "")
        if named:  # then quotation marks stand in the middle of what is no cell
            problems.add(1, *_separated(named))
        else:
            problems.add(row, f"row {row}: {error}", "Look for a quotation mark that is not closed.")
    problems.check()
    return rows


def _separated(named: str) -> tuple[str, str]:
    """Fault and remedy of a table whose columns are separated otherwise."""
    remedy = "Save it as .xlsx, or with commas between the columns and points in decimal numbers."
    return f"row 1: all column names stand in one cell, with {named} between them", remedy


def _empty_to_none(cell: Any) -> Any:
    if type(cell) is str:  # not a formula without its value
        cell = cell.strip()
    return None if cell == "" else cell


def require_columns(
    table: pd.DataFrame,
    columns: Iterable[str],
    file: str | Path,
    *,
    problems: Problems | None = None,
    kind: str = "column",
    remedy: str = "Correct the name, or rename the column of the table.",
    elements: Collection[str] = (),
    unit: str = "",
) -> bool:
    """Make sure that each of `columns` is there exactly once; True if so. Raises, or adds to `problems`.

    kind, remedy: what a missing one is called, and what to do about it.
    elements, unit: columns that hold elements, in this unit; none of them is proposed for another name.
    """
    own = problems or Problems(file)
    names = [str(name) for name in table.columns]
    wrong = [column for column in columns if names.count(column) != 1]
    found = f"Found: {', '.join(names)}."
    if further := table.attrs.get("further sheets"):
        found += f" Or name another `sheet`: {', '.join(further)}."
    faults, mends = [], []
    for column in wrong:
        if column in names:
            own.add(1, f"row 1: column '{column}' occurs twice or more", "Keep one column of each name.")
            continue
        if column in elements:
            like, mend = element_column(column, column, names, unit)
            mends.append(mend)
        else:
            like = next(iter(near_names(column, [name for name in names if name not in elements])), "")
        hint = f"; is '{like}' meant?" if like else ""
        faults.append(f"row 1: no {kind} '{column}'{hint}")
    for fault in faults:
        none = len(mends) == len(elements) and all(
            mend.startswith("Add ") for mend in mends
        )  # they are named otherwise
        own.add(1, fault, " ".join(dict.fromkeys([remedy, *([] if none else mends), found])))
    if problems is None:
        own.check()
    return not wrong


def numeric(
    table: pd.DataFrame,
    columns: Iterable[str],
    file: str | Path,
    *,
    problems: Problems | None = None,
    shares: bool = False,
    notes: Notes | None = None,
    empty: str = "",
) -> np.ndarray:
    """The named columns as finite float64, shape (rows, columns).

    Text, an empty cell, NaN or an infinity is a fault. With `problems` given, faults are added there and the
    faulty cells come back as NaN; without, they raise one `TableError`. shares: whether the columns are of elements.
    notes: if given, cells may also hold uncertainties, ranges and limits (see `cells`), and what was made of them is
    added there.
    empty: the remedy for an empty cell, in place of the usual one.
    """
    own = problems or Problems(file)
    columns, absent = list(columns), "; where an element is absent, write 0." if shares else "."
    values = np.full((len(table), len(columns)), np.nan)
    for j, column in enumerate(columns):
        if not require_columns(table, [column], file, problems=own):
            continue
        for i, (row, cell) in enumerate(zip(table.index, table[column], strict=True)):
            found = plain(cell) if notes is None else read(cell, share=shares)
            values[i, j] = found.value
            if found.fault:
                remedy = found.remedy + absent if found.remedy is EMPTY else found.remedy
                remedy = empty if empty and cell is None else remedy
                fault = f"row {row}, column '{column}': {found.fault}"
                if shares and isinstance(cell, str) and NO_AMOUNT.fullmatch(cell):
                    remedy = "Write 0 where an element is absent, a limit such as <0.01 for a trace, bal. for the base."
                    fault += ": write 0 where an element is absent, a limit such as <0.01 for a trace"
                own.add(int(row), fault, remedy)
            elif found.used and notes is not None:
                notes[int(row), column] = (str(cell), found)
    if problems is None:
        own.check()
    return values


def _halved(row: int, columns: Sequence[str], notes: Notes | None) -> str:
    """Say which cells of a row are limits, of which half is counted; "" where none is."""
    held = [(name, *found) for name in columns if (found := (notes or {}).get((row, name)))]
    limits = [f"{cell!r} in {name} counted as {content.value:g}" for name, cell, content in held if "<" in cell]
    return f" ({', '.join(limits)})" if limits else ""


def fractions(
    table: pd.DataFrame,
    elements: Sequence[str],
    unit: str,
    file: str | Path,
    *,
    columns: Sequence[str] | None = None,
    tolerance: float = 0.002,
    problems: Problems | None = None,
    notes: Notes | None = None,
) -> np.ndarray:
    """The compositions of a table as fractions, shape (rows, n_elements), each row summing to one.

    Atomic fractions, but by weight where the unit is "wt.%": `shares.to_atomic` converts them.

    Args:
        table: With a column for each element.
        elements: The symbols, in the order of the result.
        unit: "fraction" (rows sum to 1), "at.%" or "wt.%" (rows sum to 100) or "mixed" (each row is atomic, in one or
            the other, told apart by its sum). Declared by whoever knows the table, never guessed.
        file: Named in the errors.
        columns: Column names, if they differ from the elements' symbols.
        tolerance: How far, relative to the total, a row's sum may be off before it is a fault; within it, the
            row is divided by its sum.
        problems: See `numeric`; faulty rows come back as they are.
        notes: See `numeric`.
    """
    if unit not in TOTALS:
        raise ValueError(f"unknown unit {unit!r} of compositions in {file}: declare one of {list(TOTALS)}")
    own = problems or Problems(file)
    columns = list(columns or elements)
    values = numeric(table, columns, file, problems=own, shares=True, notes=notes)
    for i, j in np.argwhere(values < 0):
        fault = f"row {table.index[i]}, column '{columns[j]}': negative share {values[i, j]:g}"
        own.add(int(table.index[i]), fault, "Shares of elements are zero or more: correct them.")

    with np.errstate(over="ignore"):  # finite shares may have no finite sum; it is told below
        sums = values.sum(axis=1)
    total = np.where(sums < 10, 1.0, 100.0)  # the one that the row's sum comes nearer to, as a ratio
    close = np.abs(sums / total - 1) <= tolerance + 1e-9  # with room for binary rounding of decimal shares
    declared = np.isin(total, TOTALS[unit])
    good = close & declared
    sound = (values >= 0).all(axis=1)  # a row with a faulty cell has no sum to judge
    fits, others = table.index[sound & declared & (sums > 0)], total[sound & close & ~declared]
    if len(others) > len(fits):  # said once, not for each row
        rows = f"row{'s' * (len(fits) > 1)} {listed(fits)}"
        only, mend = (f"only {rows} to about", f" Then correct {rows}.") if len(fits) else ("none to", "")
        fault = f"{len(others)} of {len(table)} rows sum to {others[0]:g}, and {only} {TOTALS[unit][0]:g}"
        whole = Problems(file)
        whole.add(0, f"{fault}: the unit is probably not {unit!r}", SUMS_OTHERWISE[unit] + mend)
        whole.check()
    for i in np.flatnonzero(sound & ~good):
        row = int(table.index[i])
        if close[i]:
            fault = f"sums to {sums[i]:.6g} in a table declared in {unit}"
            fault += ": fractions and percent are mixed"
            remedy = f"Write every row in {unit}."
        else:
            wanted = " or ".join(f"{t:g} ± {t * tolerance:g}" for t in TOTALS[unit])
            fault = f"sums to {sums[i]:.6g}{_halved(row, columns, notes)}, expected {wanted} ({unit})"
            remedy = f"Correct the shares of {', '.join(columns)}, or add the element that is missing."
        own.add(row, f"row {row}: {fault}", remedy)
    if problems is None:
        own.check()
    return np.divide(values, sums[:, None], out=values, where=good[:, None])
