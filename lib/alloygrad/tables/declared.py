"""What a user declares about a table, checked: unit, process held, uncertainties, and which columns are which."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from alloygrad.checks import is_number, nearest, shown
from alloygrad.features import elements
from alloygrad.protocols import Space
from alloygrad.spaces import Pool
from alloygrad.surrogates.evidence import LARGEST
from alloygrad.tables import designations, headings, reading
from alloygrad.tables.reading import Problems

UNITS = ("at.%", "wt.%", "fraction")


def unit_of(space: Space, unit: str | None, formula: str | None, sites: Any) -> str:
    """The unit of the element columns, "" where there are none. Raises ValueError unless it is declared once."""
    if not space.elements:
        if unit is not None or formula or sites:
            raise ValueError(
                f"Expected no unit for a {type(space).__name__} without elements; got {unit!r}. Leave it out."
            )
        return ""
    if sites is not None:
        if unit not in (None, "fraction") or formula:
            raise ValueError(f"Expected no unit and no formula next to `sites`; got {unit!r}. Leave them out.")
        return "at.%"
    if not isinstance(space, Pool):  # which may be named
        require_unit(unit, formula)
    return unit or ""


def require_unit(unit: str | None, formula: str | None) -> None:
    """Raise ValueError unless the unit of element columns is declared; formulas of ratios need none."""
    if unit not in UNITS and not (formula and unit is None):
        mend = nearest(unit, UNITS) or f" Pass for example unit={UNITS[0]!r}."
        raise ValueError(f"Expected the unit of the element columns, one of {list(UNITS)}; got {unit!r}.{mend}")


def held(process: Mapping[str, float | str] | None) -> dict[str, float | str]:
    """Return the conditions held fixed. Raises ValueError unless each is one text or one number."""
    process = {} if process is None else process
    if not isinstance(process, Mapping) or not all(
        isinstance(column, str) and (isinstance(value, str) or is_number(value, LARGEST))
        for column, value in process.items()
    ):
        raise ValueError(
            f"Expected process as {{column: value, …}}, each value one text or one finite number; got {process!r}. "
            "Write for example {'anneal_K': 900}, and leave out columns that are not held."
        )
    return dict(process)


def uncertainty_of(
    table: pd.DataFrame, given: Mapping[str, str] | None, renaming: Mapping, path: Path, problems: Problems
) -> dict[str, str]:
    """Return {outcome: column of its standard deviations}; columns that are not there are added to `problems`."""
    given = {} if given is None else given
    if not isinstance(given, Mapping) or not all(isinstance(text, str) for pair in given.items() for text in pair):
        raise ValueError(
            f"Expected uncertainty as {{outcome: column of its standard deviations}}; got {shown(given)}. Write for "
            "example {'hardness_HV': 'hardness_std'}."
        )
    found = {outcome: renaming.get(column, column) for outcome, column in given.items()}
    remedy = "Name the column of the standard deviations."
    reading.require_columns(table, [*found, *found.values()], path, problems=problems, remedy=remedy)
    return found


def further_columns(table: pd.DataFrame, unit: str, taken: set[str]) -> tuple[str, ...]:
    """Columns named like elements, beyond those `taken`."""
    columns = [column for name in elements.PRIMORDIAL for column in (name, f"{name} {unit}")]
    return tuple(name for name in columns if name in table and name not in taken)


def formula_column(table: pd.DataFrame) -> str:
    """The first column in which most cells are compositions written as text; "" if there is none."""
    for column in table.columns:
        cells = table[column].iloc[: headings.LOOKED_AT].tolist() if list(table.columns).count(column) == 1 else []
        if 2 * sum(map(designations.looks_like_one, cells)) > len(cells):
            return str(column)
    return ""


def remedy_for(table: pd.DataFrame, names: Sequence[str]) -> str:
    """What to do where columns are missing."""
    remedy = "Rename the columns of the table to these names, or pass columns={'name': 'column of the table'}."
    missing = [name for name in names if name not in table]
    if missing and (column := formula_column(table)):
        return f"{remedy} If {column!r} holds the compositions, pass formula={column!r}."
    if len(missing) == 1 and len(names) > 2:
        remedy += f" If {missing[0]} is the base that takes the rest, pass balance={missing[0]!r}; otherwise:"
    return remedy
