"""A list of candidates: alloys that are in the drawer, or that somebody else will make, as a pool to choose from."""

from pathlib import Path

import numpy as np
import pandas as pd

from alloygrad.checks import by_symbol
from alloygrad.features.elements import to_atomic
from alloygrad.spaces.pool import Pool
from alloygrad.symbols import CHEMICAL_SYMBOLS
from alloygrad.tables import cells, declared, designations, headings, reading, shares
from alloygrad.tables.reading import Problems


def read_candidates(path: str | Path, *, unit: str | None = None, formula: str | None = None) -> Pool:
    r"""Read the candidates of a .csv or .xlsx file.

    Args:
        path: One row for each. The first column of text holds their names; without one, they are named by their rows.
        unit: Of the columns of elements: "at.%", "wt.%" or "fraction".
        formula: The column that holds the composition as a text; it then holds the names as well.

    Returns:
        A pool of their compositions; where no column is an element's, of all columns of numbers.

    Raises:
        TableError: A cell that is no number, a row that is no composition, a name that occurs twice.
        ValueError: No unit where there are elements.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp(), "drawer.csv")
        >>> _ = file.write_text("alloy,Ni,Ti\nA1,50,50\nA2,51,49\n")
        >>> read_candidates(file, unit="at.%").table([[1]]).to_dict("records")
        [{'alloy': 'A2', 'Ni': 0.51, 'Ti': 0.49}]
    """
    path = Path(path).expanduser()
    problems = Problems(path)
    table, _ = headings.renamed(reading.read_table(path), None, problems, "" if formula is not None else unit or "")
    table, _ = headings.without_units(table, unit or "at.%", problems)
    if formula is not None:
        reading.require_columns(table, [formula], path, kind="column of formulas")
        elements = _elements_of(table[formula])
        table, label = shares.from_formulas(table, formula, elements, unit, problems)[0], formula
        unit = "at.%"
    else:
        table = by_symbol(table, CHEMICAL_SYMBOLS, unit or "at.%")
        elements = [name for name in table if name in CHEMICAL_SYMBOLS and _numeric(table[name])]
        label = next((str(name) for name in table if not _numeric(table[name])), "candidate")
    if elements:
        declared.require_unit(unit, None)
        values = reading.fractions(table, elements, str(unit), path, problems=problems, notes={})
        values = to_atomic(values, elements) if unit == "wt.%" else values
    features = elements or [str(name) for name in table if name != label and _numeric(table[name])]
    if not elements:
        values = reading.numeric(table, features, path, problems=problems, notes={})
    names = [str(cell).strip() for cell in table[label]] if label in table else [f"row {row}" for row in table.index]
    for row in table.index[pd.Index(names).duplicated()]:
        problems.add(int(row), f"row {row}: the name {names[table.index.get_loc(row)]!r} occurs twice", "Rename one.")
    problems.check()
    index = pd.Index(names, name=label)
    return Pool(pd.DataFrame(values, index=index, columns=features), elements=elements)


def _elements_of(texts: pd.Series) -> list[str]:
    """All elements of some compositions, in the order in which they first occur."""
    found: dict[str, None] = {}
    for text in texts:
        try:
            found.update(dict.fromkeys(designations.parse(text).amounts))
        except designations.DesignationError:  # named when the column is read
            continue
    return list(found)


def _numeric(column: pd.Series) -> bool:
    """Whether most filled cells of a column hold numbers."""
    filled = [cell for cell in column if cell is not None]
    good = np.array([not cells.read(cell, share=True).fault for cell in filled])
    return bool(len(good)) and bool(good.mean() > 0.5)
