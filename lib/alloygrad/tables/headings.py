"""Names of columns as laboratories write them: units behind the symbols, a row of units, names of their own.

A heading such as "Ni (at.%)", "C / wt.%" or "at.% Ti" names its element and unit. Other headings are mapped by hand:
`columns={"Ni": "nickel content"}`. A row of units below the names is recognised where it holds no number in any column
of numbers.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from alloygrad.checks import nearest, shown
from alloygrad.symbols import CHEMICAL_SYMBOLS
from alloygrad.tables import cells
from alloygrad.tables.reading import Problems

UNIT = r"(at|atomic|mol|wt|weight|mass)\.?[\s-]*(?:%|pct|percent)"
BEHIND = re.compile(rf"([A-Z][a-z]?)[\s_,/(\[]*{UNIT}[\s)\]]*", re.IGNORECASE)
BEFORE = re.compile(rf"{UNIT}[\s_,]*([A-Z][a-z]?)", re.IGNORECASE)
BALANCE = re.compile(r"([A-Z][a-z]?)[\s_,/(\[]*(bal(ance)?|rem(ainder)?|rest|base)\.?[\s)\]]*", re.IGNORECASE)
ATOMIC = ("at", "atomic", "mol")
LOOKED_AT = 200
"""So many rows are looked at to tell columns of numbers from columns of text."""


def of_element(heading: str) -> tuple[str, str]:
    """Return (symbol, unit) of a heading such as "Ni (at.%)"; ("", "") for any other.

    Example:
        >>> of_element("C / wt.%"), of_element("at% Ti"), of_element("Ni")
        (('C', 'wt.%'), ('Ti', 'at.%'), ('', ''))
    """
    if match := BEHIND.fullmatch(heading):
        symbol, unit = match.groups()
    elif match := BEFORE.fullmatch(heading):
        unit, symbol = match.groups()
    else:
        return "", ""
    if symbol not in CHEMICAL_SYMBOLS:
        return "", ""
    return symbol, "at.%" if unit.lower() in ATOMIC else "wt.%"


def renamed(
    table: pd.DataFrame,
    columns: Mapping[str, str] | None,
    problems: Problems,
    unit: str = "",
    elements: Collection[str] = CHEMICAL_SYMBOLS,
) -> tuple[pd.DataFrame, dict]:
    """Return a table with its columns named as the space has them, and {old name: new name}.

    Empty cells below a heading such as "Fe (bal.)" become "bal.".

    Args:
        table: Raw cells.
        columns: {name in the space, or of an outcome: column of the table}.
        problems: What is wrong with `columns` is added there, and headings that contradict the unit.
        unit: That is declared; "" where none is.
        elements: Whose columns are in this unit.

    Raises:
        ValueError: `columns` is no mapping of texts.
    """
    columns = {} if columns is None else columns
    if not isinstance(columns, Mapping) or not all(isinstance(t, str) for pair in columns.items() for t in pair):
        raise ValueError(
            f"Expected columns as {{name: column of the table, …}}; got {shown(columns)}. Write for example "
            "{'Ni': 'nickel (at.%)'}."
        )
    names, renaming = [str(name) for name in table.columns], {}
    turned = {column: name for name, column in columns.items() if name in names and column not in names}
    if turned:
        problems.add(1, "row 1: `columns` is the wrong way round", f"Write columns={turned}.")
    for name, column in columns.items():
        if column in turned:
            continue
        if column not in names:
            mend = f"Correct the name.{nearest(column, names)} Found: {', '.join(names)}."
            problems.add(1, f"row 1: no column {column!r}, which `columns` gives for {name!r}", mend)
        elif name in names and name != column:
            fault = f"row 1: a column {name!r}, next to {column!r} that `columns` gives for it"
            problems.add(1, fault, "Take one of them out, or leave it out of `columns`.")
        else:
            renaming[column] = name
    if unit:
        _require_unit(names, {name: heading for heading, name in renaming.items()}, unit, elements, problems)
    for heading in names:
        symbol, stated = of_element(heading)
        if symbol and heading not in renaming and (new := f"{symbol} {stated}") not in names:
            renaming[heading] = new
        elif (rest := BALANCE.fullmatch(heading)) and rest[1] in CHEMICAL_SYMBOLS and rest[1] not in names:
            renaming[heading] = rest[1]
            filled = ["bal." if cell is None else cell for cell in table[heading]]
            table = table.assign(**{heading: pd.Series(filled, index=table.index, dtype=object)})
    attrs = table.attrs
    table = table.rename(columns=renaming)
    table.attrs = attrs
    return table, renaming


def _require_unit(
    names: Sequence[str], mapped: Mapping[str, str], unit: str, elements: Collection[str], problems: Problems
) -> None:
    """Add to `problems` the headings of elements in another unit than the declared one.

    A heading counts if {element: heading} of the user maps it, or if the element has no other column.
    """
    for heading in names:
        symbol, stated = of_element(heading)
        if not symbol or symbol not in elements or stated == unit:
            continue
        others = [name for name in names if name == symbol or of_element(name) == (symbol, unit)]
        if mapped.get(symbol) == heading or (symbol not in mapped and not others):
            fault = f"row 1: the column {heading!r} is in {stated}, declared is {unit!r}"
            problems.add(1, fault, f"Pass unit={stated!r}, or correct the headings.")


def without_units(table: pd.DataFrame, unit: str, problems: Problems) -> tuple[pd.DataFrame, list[tuple]]:
    """Return a table without a row of units below the names, and what was found.

    A unit in it that contradicts the declared one, in a column of an element, is added to `problems`.
    """
    rows = table.iloc[1 : 1 + LOOKED_AT]
    if len(rows) < 2:
        return table, []
    numbers = [j for j in range(table.shape[1]) if mostly_numbers(rows.iloc[:, j])]
    first = [table.iloc[0, j] for j in numbers]
    texts = [cell for cell in first if cell is not None]
    if not texts or any(not isinstance(cell, str) or any(map(str.isdigit, cell)) for cell in texts):
        return table, []
    if any(cells.is_rest(cell) for cell in texts) or not any(map(_is_unit, texts)):
        return table, []
    row = int(table.index[0])
    for j, cell in zip(numbers, first, strict=True):
        name = str(table.columns[j])
        match = re.fullmatch(rf"\W*{UNIT}\W*", cell or "", re.IGNORECASE)
        stated = "" if not match else "at.%" if match[1].lower() in ATOMIC else "wt.%"
        if name.partition(" ")[0] in CHEMICAL_SYMBOLS and stated and stated != unit.replace("fraction", "at.%"):
            fault = f"row {row}, column '{name}': the unit {cell!r}, declared is {unit!r}"
            problems.add(row, fault, f"Pass unit={stated!r}, or correct the row of units.")
    said = f"row {row}: {', '.join(map(repr, texts[:4]))}{', …' if len(texts) > 4 else ''}: a row of units"
    return table.iloc[1:], [(row, said, "left out", "Nothing.")]


UNITS = re.compile(
    r"[(\[]?\s*(?:[-–—]|%|(?:at|wt|mass|mol|atomic|weight)\.?[\s-]*(?:%|pct|percent|fraction)|fraction|°?\s*[CKF]|"
    r"[munkMG]?(?:Pa|A|V|W|J|N|m|g|s|T|eV|Oe|Hz|S)|HV|HB|HRC|HV\s*\w*|h|min|hours?|K|ppm|nm|µm|μm|[a-zA-Zµμ°Å%]+"
    r"\s*[/·*^]\s*.+)\s*[)\]]?"
)


def _is_unit(cell: str) -> bool:
    return bool(UNITS.fullmatch(cell.strip()))


def mostly_numbers(column: pd.Series) -> bool:
    """Return whether most filled cells of a column hold numbers."""
    filled: list[Any] = [cell for cell in column if cell is not None]
    return bool(filled) and 2 * sum(not cells.read(cell, share=True).fault for cell in filled) > len(filled)
