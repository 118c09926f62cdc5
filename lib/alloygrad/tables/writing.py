"""Suggestions for the laboratory: shares by weight, grams to weigh in, and a file that replaces no other."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from alloygrad.checks import is_number
from alloygrad.features.elements import to_weight
from alloygrad.protocols import Space
from alloygrad.tables.shares import price_of


def with_weights(table: pd.DataFrame, space: Space) -> pd.DataFrame:
    """Return a table of suggestions with each element in wt.% as well, after the columns in at.%."""
    weights = (100 * to_weight(_fractions(table, space), space.elements)).round(3)
    columns = pd.DataFrame(weights, index=table.index, columns=[f"{element} wt.%" for element in space.elements])
    last = table.columns.get_loc(f"{space.elements[-1]} at.%") + 1
    return pd.concat([table.iloc[:, :last], columns, table.iloc[:, last:]], axis=1)


def with_grams(table: pd.DataFrame, space: Space, melt: float) -> pd.DataFrame:
    """Return a table of suggestions with the grams of each element to weigh in for a melt of so many grams.

    Raises:
        ValueError: The melt is no number above 0.
    """
    if not is_number(melt) or melt <= 0:
        raise ValueError(f"Expected the mass of a melt in grams, above 0; got {melt!r}. Write for example 50.")
    grams = (melt * to_weight(_fractions(table, space), space.elements)).round(3)
    columns = pd.DataFrame(grams, index=table.index, columns=[f"{element} g" for element in space.elements])
    return pd.concat([table, columns], axis=1)


def with_price(table: pd.DataFrame, space: Space, prices: Mapping[str, float]) -> pd.DataFrame:
    """Return a table of suggestions with the price of each per kg, from {element: price per kg}."""
    return table.assign(**{"price per kg": price_of(_fractions(table, space), prices, space.elements).round(4)})


def _fractions(table: pd.DataFrame, space: Space) -> np.ndarray:
    """Atomic fractions (n, n_elements) of a table of suggestions."""
    return space.read(table)[:, : len(space.elements)]


def write_new(table: pd.DataFrame, path: str | Path) -> tuple[Path, str]:
    """Write a CSV where no other stands: (its path, one line on what was done, with the path from the working folder).

    An existing file of the same content is left alone; beside one of other content a number is put to the name. "~"
    is the user's folder. Raises ValueError for a name that ends otherwise than in .csv.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() != ".csv":
        raise ValueError(f"The name is {path.name!r}; suggestions are written as text: let it end in .csv.")
    content = table.to_csv(float_format="%.10g").encode()
    wanted, number = path, 1
    while path.exists() and path.read_bytes() != content:
        number += 1
        path = wanted.with_stem(f"{wanted.stem}-{number}")
    named = os.path.relpath(path)
    if path.exists():
        return path, f"{named} holds these suggestions already."
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise ValueError(f"Expected a folder to write to; got the file {str(path.parent)!r}. Name another.") from None
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:  # the file is whole or not there
        temporary = Path(folder, path.name)
        temporary.write_bytes(content)
        os.replace(temporary, path)
    line = f"Written to {named}."
    return path, line if path == wanted else f"{line} Earlier suggestions were kept as they are."


def write_sheet(table: pd.DataFrame, path: Path, elements: Sequence[str]) -> str:
    """Write a weighing sheet of suggestions with grams, as a new .xlsx; return one line on where it stands.

    One row for each suggestion: its formula, the grams of each element, their sum, and cells for what was weighed.
    """
    grams = [f"{element} g" for element in elements]
    sheet = table[["formula", *grams]].assign(**{"total g": table[grams].sum(axis=1).round(3)})
    sheet = sheet.assign(**{f"weighed {name}": "" for name in grams}, remarks="")
    wanted, number = path, 1
    while path.exists():
        number += 1
        path = wanted.with_stem(f"{wanted.stem}-{number}")
    sheet.to_excel(path, sheet_name="weighing")
    return f"Weighing sheet: {os.path.relpath(path)}."
