"""A laboratory's table: read, checked row by row, and ready for a campaign.

    table = read_table("my.csv", space, unit="wt.%")
    table.report(objective)         # what was found, row by row
    campaign.tell(table)

Nothing is guessed and nothing is lost. A fault of the whole table (no such column, a unit that fits no row, no usable
row) is one `TableError` with its remedy. A faulty row is set aside, and the report names row, column and
remedy. The report also lists what is used although it is unusual: compositions off the grid, outside the limits, or
measured twice. Columns that are not asked for are ignored, except one named like an element: rows that contain some of
it are set aside. Such a column is ignored too if it contains text, negative values or values above 100 % (unless the
element is often given in ppm). The file is only ever read.

Weight shares w_i become atomic fractions c_i, and back, by the atomic masses A_i:

    c_i = (w_i/A_i) / Σ_j (w_j/A_j),    w_i = c_i A_i / Σ_j c_j A_j
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alloygrad.campaigns.cautions import slipped
from alloygrad.checks import by_symbol, is_number, require_protocol, shown
from alloygrad.features import elements
from alloygrad.objectives import Maximise
from alloygrad.protocols import Objective, Space
from alloygrad.spaces.box import Box
from alloygrad.spaces.pool import Pool
from alloygrad.surrogates.evidence import LARGEST
from alloygrad.tables import findings, reading
from alloygrad.tables.reading import Problems

UNITS = ("at.%", "wt.%", "fraction")

MOST_BYTES = 50_000_000

MOST_NAMED = 3
"""So many rows that were set aside are named in the warning."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What a table holds for one objective: n usable rows, each by its number in a spreadsheet program."""

    rows: np.ndarray  # (n,)
    coordinates: np.ndarray  # (n, k)
    values: np.ndarray  # (n,) in the table's unit
    report: pd.DataFrame  # row (0: the table), finding, done, remedy


@dataclass(frozen=True, eq=False, repr=False)
class Measurements:
    """A table read for one space; outcomes are looked up when an objective names them."""

    file: Path
    space: Space
    unit: str
    table: pd.DataFrame  # raw cells, index: row numbers
    coordinates: np.ndarray  # (rows, k); compositions as atomic fractions, or by weight where the unit is wt.%
    further: tuple[str, ...]  # columns named like elements that the space does not have
    faults: tuple  # (row, finding, remedy)
    others: tuple  # (row, finding, done, remedy): measured under another process

    def __repr__(self) -> str:
        """Return where the rows come from and what they hold."""
        unit = f" in {self.unit}" if self.unit else ""
        return f"<Measurements: {len(self.table)} rows of {self.file.name}, {' '.join(self.space.names)}{unit}>"

    def of(self, objective: Objective | str) -> Measured:
        """Return the usable rows with the value of an objective, or of a column, and the report on all rows.

        Raises:
            TableError: A column is missing, or no row is usable.
        """
        found, faults = self._found(objective)
        findings.check_usable(len(found.rows), faults, self.file)
        return found

    def _found(self, objective: Objective | str) -> tuple[Measured, list[tuple]]:
        """The same and the faults, however few rows are usable."""
        objective = Maximise(objective) if isinstance(objective, str) else objective
        require_protocol(objective, Objective, "ag.Maximise")
        problems = Problems(self.file)
        names, n = list(self.space.elements), len(self.space.elements)
        reading.require_columns(self.table, objective.outputs, self.file, problems=problems, elements=names)
        problems.check()
        problems.found += self.faults
        known, undeclared = elements.load().index, [name for name in self.further if name not in objective.outputs]
        whole = max(reading.TOTALS.get(self.unit, (0,)))
        findings.undeclared(self.table, undeclared, self.file, problems, known=known, whole=whole)
        values = self._values(objective, problems)
        faults = [(row, what, "set aside", remedy) for row, what, remedy in problems.found] + list(self.others)
        usable = ~self.table.index.isin({row for row, *_ in faults})
        rows, values, coordinates = self.table.index.to_numpy()[usable], values[usable], self.coordinates[usable]
        if self.unit == "wt.%":
            coordinates = coordinates.copy()
            coordinates[:, :n] = to_atomic(coordinates[:, :n], names)
        said = faults + findings.repeats(rows, coordinates, values)
        for line in slipped(values, [f"row {row}" for row in rows], objective.name):
            what, mark, remedy = line.rpartition("? ")
            said.append((int(line[4 : line.index(":")]), what + mark.strip(), "used as it is", remedy))
        if n:
            said += findings.sums(self.table, names, self.unit, usable)
            composition: Any = getattr(self.space, "composition", self.space)
            said += findings.unusual(rows, coordinates[:, :n], composition)
        if isinstance(box := getattr(self.space, "process", self.space), Box):
            said += findings.beyond_box(rows, coordinates[:, n:], box)
        report = pd.DataFrame(sorted(said, key=lambda one: one[0]), columns=["row", "finding", "done", "remedy"])
        return Measured(rows, coordinates, values, report), faults

    def report(self, objective: Objective | str) -> pd.DataFrame:
        """Return what was found, row by row: columns row (0: the whole table), finding, done, remedy.

        Raises TableError where a column is missing.
        """
        return self._found(objective)[0].report

    def measured(self, space: Space, objective: Objective) -> tuple[np.ndarray, np.ndarray, list, list[str]]:
        """Return (coordinates (n, k), values (n,), row numbers, warnings) for a campaign; errors as `of`.

        Raises:
            ValueError: The table was read for another space.
        """
        if space.names != self.space.names:
            raise ValueError(
                f"Expected a table read for {' '.join(space.names)}; this one was read for "
                f"{' '.join(self.space.names)}. Read it again with the campaign's space."
            )
        found = self.of(objective)
        n, aside, said = len(self.table), len(self.table) - len(found.rows), []
        if aside:
            dropped = found.report[found.report["done"] == "set aside"].drop_duplicates("row")["finding"]
            named = "; ".join(dropped[:MOST_NAMED]) + ("; …" if aside > MOST_NAMED else "")
            said = [f"{aside} of {n} rows were set aside: {named}. See `table.report(objective)`."]
        return found.coordinates, found.values, found.rows.tolist(), said

    def _values(self, objective: Objective, problems: Problems) -> np.ndarray:
        """Values (rows,), NaN where a cell has a fault."""
        columns = reading.numeric(self.table, objective.outputs, self.file, problems=problems)
        with np.errstate(over="ignore", invalid="ignore"):  # reported below, by row
            values = objective.value(dict(zip(objective.outputs, columns.T, strict=True)))
        known = {row for row, *_ in problems.found} | {row for row, *_ in self.others}
        for row, value in zip(self.table.index, values, strict=True):
            if row not in known and not abs(value) <= LARGEST:  # true for NaN too
                what = f"row {row}: the objective is {value}, expected a finite number, {LARGEST:.0e} at most"
                problems.add(int(row), what, "Correct the row, or the weights of the objective.")
        return values


def read_table(
    path: str | Path,
    space: Space,
    *,
    unit: str | None = None,
    process: Mapping[str, float | str] | None = None,
    sheet: str | int = 0,
) -> Measurements:
    r"""Read a .csv or .xlsx table of measurements.

    Args:
        path: The file. Element columns are named by their symbols, "Ti" or "Ti at.%", parameters as in the space.
        space: What may be tried: a CompositionSpace, a Box or a Product.
        unit: Of the element columns: "at.%", "wt.%" or "fraction" (atomic, with a sum of 1). Never guessed.
        process: {column: value} of conditions held fixed, text or numbers; rows measured under others are set aside.
        sheet: Of a workbook: its name, or its place, 0 for the first.

    Returns:
        The table; pass it to `Campaign.tell`.

    Raises:
        TableError: Nothing can be made of the table; the message names rows, columns and remedies.
        ValueError: An unknown unit, or a process that is not as above.

    Example:
        >>> import tempfile, pathlib
        >>> from alloygrad import CompositionSpace, Maximise
        >>> file = pathlib.Path(tempfile.mkdtemp(), "my.csv")
        >>> lines = ["Ni,Ti,HV", *(f"{50 + i},{50 - i},{200 + 10 * i}" for i in range(6))]
        >>> _ = file.write_text("\n".join(lines))
        >>> table = read_table(file, CompositionSpace({"Ni": (40, 60), "Ti": (40, 60)}, step=1), unit="at.%")
        >>> len(table.of(Maximise("HV")).rows)
        6
    """
    if not isinstance(path, str | Path):
        raise ValueError(
            f"Expected the path of a .csv or .xlsx table; got {shown(path)}. Pass its "
            "name; a DataFrame goes to `Campaign.tell` as it is."
        )
    require_protocol(space, Space, "ag.CompositionSpace")
    if isinstance(space, Pool):
        raise TypeError(
            f"Expected a CompositionSpace, a Box or a Product; got a Pool. Tell its measurements as a DataFrame with "
            f"the column {space.label!r}."
        )
    path, process, names = Path(path).expanduser(), _held(process), list(space.elements)
    if names and unit not in UNITS:
        raise ValueError(
            f"Expected the unit of the element columns, one of {list(UNITS)}; got {unit!r}. Pass "
            f"for example unit={UNITS[0]!r}."
        )
    if unit is not None and not names:
        raise ValueError(f"Expected no unit for a {type(space).__name__} without elements; got {unit!r}. Leave it out.")
    if sheet != 0 and path.suffix.lower() == ".csv":
        raise ValueError(f"Expected no sheet for a .csv file; got {sheet!r}. Leave it out, or name the workbook.")
    unit, problems = unit or "", Problems(path)
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        size = f"the file has {path.stat().st_size / 1e6:.0f} MB"
        problems.add(0, size, f"Keep the rows and columns that matter: {MOST_BYTES / 1e6:.0f} MB at most.")
        problems.check()
    table = reading.read_table(path, sheet=sheet)
    table = by_symbol(table, names, unit)
    columns = [column for name in elements.PRIMORDIAL for column in (name, f"{name} {unit}")]
    further = [name for name in columns if name in table and name not in {*space.names, *process}]
    wanted = [*space.names, *(further if names else [])]
    reading.require_columns(table, wanted, path, problems=problems, elements=names, unit=unit)
    remedy = "Name it as in the table, or leave it out of `process` ({} where nothing is held)."
    kind = "process column"
    reading.require_columns(table, process, path, problems=problems, kind=kind, remedy=remedy, elements=names)
    problems.check()

    parts = []
    if names:
        parts.append(reading.fractions(table, names, unit, path, problems=problems))
    if others := list(space.names[len(names) :]):
        parts.append(reading.numeric(table, others, path, problems=problems))
    other_process = findings.other_process(table, process, path, problems)
    coordinates = np.concatenate(parts, axis=1)
    further = tuple(further) if names else ()
    return Measurements(path, space, unit, table, coordinates, further, tuple(problems.found), tuple(other_process))


def _held(process: Mapping[str, float | str] | None) -> dict[str, float | str]:
    process = {} if process is None else process
    if not isinstance(process, Mapping) or not all(
        isinstance(column, str) and (isinstance(value, str) or is_number(value, LARGEST))
        for column, value in process.items()
    ):
        raise ValueError(
            f"Expected process as {{column: value, …}}, each value one text or one finite number; got {process!r}. "
            "Leave out columns that are not held."
        )
    return dict(process)


def to_atomic(weights: np.ndarray, symbols: Sequence[str]) -> np.ndarray:
    """Return atomic fractions (..., n_elements) of shares by weight (..., n_elements), in any unit."""
    moles = np.asarray(weights) / _masses(symbols)
    return moles / moles.sum(-1, keepdims=True)


def to_weight(fractions: np.ndarray, symbols: Sequence[str]) -> np.ndarray:
    """Return fractions by weight (..., n_elements) of atomic fractions (..., n_elements)."""
    masses = np.asarray(fractions) * _masses(symbols)
    return masses / masses.sum(-1, keepdims=True)


def _masses(symbols: Sequence[str]) -> np.ndarray:
    return elements.matrix(symbols, ["RAM"])[:, 0]
