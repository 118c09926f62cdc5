"""Measured values, their standard errors, and how they are read from a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alloygrad.checks import explained, real_numbers, shown_cell

FLAT = (
    "Pass one column of a table, as table['counts'], or a flattened image. Leave points without a value out, of the "
    "simulator's curve as well."
)


MOST_SPREAD = 1e6
"""Ratio of the largest to the smallest standard error beyond which other numbers must have been passed."""


@explained("ag.Measured(values, sigma=0.1)")
class Measured:
    """Measured values with their standard errors.

    Args:
        values: Numbers (n,).
        sigma: Standard errors (n,), or one for all. None if they are not known: every value then has the same weight,
            and the errors of parameters come from the scatter about the fit.
        x: Where they were measured (n,): angle, energy …; only drawn.

    Raises:
        ValueError: Values that are not finite, standard errors that are not positive, spread over more than six
            decades, or of another length.

    Example:
        >>> Measured([1.0, 2.0, 4.0], sigma=0.1).sigma
        array([0.1, 0.1, 0.1])
    """

    def __init__(self, values: Sequence, sigma: Sequence | float | None = None, x: Sequence | None = None) -> None:
        if isinstance(values, str | Path):
            raise ValueError(
                f"Expected measured values as numbers; got the text {str(values)!r}. Read a file with "
                "Measured.read(path, x='angle', value='counts')."
            )
        self.values = real_numbers("measured values", values, ("n",), FLAT)
        self.known = sigma is not None
        if sigma is not None and np.size(sigma) not in (1, len(self.values)):
            raise ValueError(
                f"Expected one standard error for each of {len(self.values)} values; got {np.size(sigma)}. Pass one "
                "for all, or as many as values. The order is Measured(values, sigma, x)."
            )
        given = np.ones(1) if sigma is None else standard_errors(sigma if np.iterable(sigma) else [sigma])
        if given.max() > MOST_SPREAD * given.min():
            raise ValueError(
                f"Expected standard errors within six decades; got {given.min():.3g} to {given.max():.3g}. Was x "
                "passed first? The order is Measured(values, sigma, x). Leave out points that have hardly any weight."
            )
        self.sigma = np.broadcast_to(given, self.values.shape).copy()
        advice = "Pass one x for each value, or leave x out."
        self.x = real_numbers("x", np.arange(len(self.values)) if x is None else x, self.values.shape, advice)

    @classmethod
    @explained("Measured.read('my.csv', x='angle', value='counts')")
    def read(cls, path: str | Path, *, x: str, value: str, sigma: str | None = None) -> "Measured":
        """Read a CSV file (UTF-8, commas) by the names of its columns.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: A column is missing or holds something else than numbers, or the file is no CSV file.
        """
        name, where = Path(path).name, str(Path(path).resolve())
        if not Path(path).is_file():
            raise FileNotFoundError(f"Expected a CSV file; there is no {where!r}. Correct the path.")
        try:
            table = pd.read_csv(path)
        except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise ValueError(
                f"Expected a CSV file, as text with commas; {name} cannot be read ({error}). Save the sheet as "
                "CSV (UTF-8)."
            ) from None
        wanted = [column for column in (x, value, sigma) if column is not None]
        if missing := [column for column in wanted if column not in table]:
            columns = list(map(str, table))
            other = next((text for text in (";", "\t") if len(columns) == 1 and text in columns[0]), "")
            advice = f"Put commas in place of {other!r}, and points into numbers." if other else "Correct the names."
            raise ValueError(f"Expected the columns {wanted} in {name}; {missing} are not among {columns}. {advice}")
        numbers = {column: pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float) for column in wanted}
        for column, found in numbers.items():
            for row in np.flatnonzero(~np.isfinite(found))[:1]:
                raise ValueError(
                    f"Expected numbers in column {column!r} of {name}; got {shown_cell(table[column].iloc[row])} in "
                    f"row {row + 2}, the header being row 1. Correct the cell, or delete the row."
                )
        return cls(numbers[value], None if sigma is None else numbers[sigma], numbers[x])

    def __len__(self) -> int:
        return len(self.values)


def standard_errors(sigma: Any) -> np.ndarray:
    """Return standard errors (n,) as float64. Raises ValueError unless they are positive."""
    found = real_numbers("standard errors", sigma, ("n",), FLAT)
    if (bad := np.flatnonzero(found <= 0)).size:
        raise ValueError(
            f"Expected standard errors above 0; number {bad[0]} is {found[bad[0]]:g}. Leave the value out, or give the "
            "error that the instrument has there (of counts: √max(count, 1))."
        )
    return found
