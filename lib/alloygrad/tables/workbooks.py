"""Reading a sheet of a workbook: merged cells hold their value in every row, formulas need a stored value.

A spreadsheet program shows the value of a merged cell once, beside all its rows; in the file, only the first of them
has it. And a formula's value is stored only by a program that computes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from alloygrad.tables.cells import Unstored

if TYPE_CHECKING:
    from alloygrad.tables.reading import Problems


def read_sheet(path: Path, sheet: str | int, problems: Problems) -> tuple[list[list], list[str], dict]:
    """Read a sheet.

    Returns:
        Rows of the sheet asked for; the names of the others; {(row, column), from 0: row of the merged cell that gave
        the value}. Raises a `TableError` through `problems`.
    """
    names, worksheet = _worksheet(path, sheet, problems, stored=True)
    rows = [list(row) for row in worksheet.iter_rows(values_only=True)]
    if any(cell is None for row in rows for cell in row):
        formulas = _worksheet(path, sheet, problems, stored=False)[1]
        for row, written in zip(rows, formulas.iter_rows(values_only=True), strict=False):
            for column, text in enumerate(written[: len(row)]):
                if row[column] is None and isinstance(text, str) and text.startswith("="):
                    row[column] = Unstored(text)
    merged = {}
    for cells in worksheet.merged_cells.ranges:
        first, column = cells.min_row - 1, cells.min_col - 1
        for row in range(first + 1, cells.max_row):
            if first and row < len(rows) and rows[first][column] is not None:  # not the names of columns
                rows[row][column] = rows[first][column]
                merged[row, column] = first
    return rows, [name for name in names if name != worksheet.title], merged


def unnamed(cell: Any, row: int, column: int) -> tuple[str, str]:
    """Return fault and remedy of a workbook's cell beyond the columns (from 0) that are named."""
    from openpyxl.utils import get_column_letter

    letter = get_column_letter(column + 1)
    fault = f"row {row}: {repr(cell)[:40]} in cell {letter}{row}, in a column without a name"
    return fault, f"Name column {letter} in row 1, or clear its cells."


def _worksheet(path: Path, sheet: str | int, problems: Problems, *, stored: bool) -> tuple[list[str], Any]:
    from openpyxl import load_workbook  # slow to import and needed here only

    try:
        workbook = load_workbook(path, data_only=stored)
    except Exception as error:  # a damaged workbook fails in as many ways as a zip archive of XML can
        problems.add(0, f"not a readable workbook ({error})", "Save it again from a spreadsheet program.")
        problems.check()
    names = [worksheet.title for worksheet in workbook.worksheets]
    if sheet not in names and not (isinstance(sheet, int) and 0 <= sheet < len(names)):
        problems.add(0, f"no sheet {sheet!r}", f"Name one of its sheets: {', '.join(names)}.")
        problems.check()
    return names, workbook.worksheets[sheet if isinstance(sheet, int) else names.index(sheet)]
