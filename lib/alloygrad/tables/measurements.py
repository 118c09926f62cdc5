"""A laboratory's table: read, checked row by row, and ready for a campaign.

    table = read_table("my.csv", space, unit="wt.%")
    table.report(objective)         # what was found, row by row
    campaign.tell(table)

Nothing is guessed and nothing is lost. A fault of the whole table (no such column, a unit that fits no row, no usable
row) is one `TableError` with its remedy. A faulty row is set aside, and the report names row, column and
remedy. The report also lists what is used although it is unusual: compositions off the grid, outside the limits, or
measured twice, ranges and limits in cells, an element that takes the rest. Columns that are not asked for are ignored,
except one named like an element: rows that contain some of it are set aside. Such a column is ignored too if it
contains text, negative values or values above 100 % (unless the element is often given in ppm). The file is only ever
read.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alloygrad.campaigns.cautions import mostly_outside, slipped, unvaried
from alloygrad.checks import LEAST_ROWS, by_symbol, explained, nearest, require_protocol, shown, shown_cell, warn
from alloygrad.features import elements
from alloygrad.features.elements import to_atomic, to_weight
from alloygrad.objectives import Maximise
from alloygrad.protocols import Objective, Space
from alloygrad.spaces.box import Box
from alloygrad.spaces.composition import composition_of
from alloygrad.spaces.pool import Pool
from alloygrad.surrogates.evidence import LARGEST
from alloygrad.tables import cells, declared, findings, headings, reading, shares
from alloygrad.tables.reading import Notes, Problems

__all__ = ["Measured", "Measurements", "read_table", "to_atomic", "to_weight"]

MOST_BYTES = 50_000_000

ONE_OUTSIDE = re.compile(": outside the limits: (?!group )")
"""A finding on one row outside the limits of an element or a parameter, not of a group alone."""

NOT_MEASURED = "Fill in the number once it is measured. Leave it empty for an alloy under way or failed: then it is "
NOT_MEASURED += "not suggested again."


@dataclass(frozen=True, eq=False)
class Measured:
    """What a table holds for one objective: n usable rows, each by its number in a spreadsheet program."""

    rows: np.ndarray  # (n,)
    coordinates: np.ndarray  # (n, k)
    values: np.ndarray  # (n,) in the table's unit
    stds: np.ndarray  # (n,) of the values, NaN where none is stated
    report: pd.DataFrame  # row (0: the table), finding, done, remedy


@explained("ag.read_table('my.csv', space, unit='at.%')")
@dataclass(frozen=True, eq=False, repr=False)
class Measurements:
    """A table read for one space; outcomes are looked up when an objective names them."""

    file: Path
    space: Space
    unit: str
    table: pd.DataFrame  # raw cells, index: row numbers
    coordinates: np.ndarray  # (rows, k), as the space has them
    further: tuple[str, ...]  # columns named like elements that the space does not have
    faults: tuple  # (row, finding, remedy)
    others: tuple  # (row, finding, done, remedy): measured under another process
    remarks: tuple = ()  # the same, of what was made of the table
    uncertainty: Mapping[str, str] = field(default_factory=dict)  # outcome → column of its standard deviations
    outside: tuple[str, ...] = ()  # a warning where many rows lie outside the limits

    def __repr__(self) -> str:
        """Return where the rows come from and what they hold."""
        unit = f" in {self.unit}" if self.unit else ""
        return f"<Measurements: {len(self.table)} rows of {self.file.name}, {' '.join(self.space.names)}{unit}>"

    @explained("table.of('hardness_HV')")
    def of(self, objective: Objective | str) -> Measured:
        """Return the usable rows with the value of an objective, or of a column, and the report on all rows.

        Raises:
            TableError: A column is missing, or no row is usable.
        """
        return self._usable(objective)[0]

    def _usable(self, objective: Objective | str) -> tuple[Measured, list[tuple]]:
        """The same and the faults. Raises TableError where no row is usable."""
        found, faults = self._found(objective)
        different = findings.alike(found.coordinates).max(initial=-1) + 1
        findings.check_usable(len(found.rows), different, faults, self.file, _outcome(objective))
        return found, faults

    def _found(self, objective: Objective | str) -> tuple[Measured, list[tuple]]:
        """The same and the faults, however few rows are usable."""
        objective = Maximise(objective) if isinstance(objective, str) else objective
        require_protocol(objective, Objective, "ag.Maximise")
        notes: Notes = {}
        problems = self._problems(objective.outputs)
        values, stds = self._values(objective, problems, notes)
        faults = [(row, what, "set aside", remedy) for row, what, remedy in problems.found] + list(self.others)
        usable = ~self.table.index.isin({row for row, *_ in faults})
        rows, values, coordinates = self.table.index.to_numpy()[usable], values[usable], self.coordinates[usable]
        said = findings.grouped(faults) + list(self.remarks) + findings.noted(notes, rows)
        said += findings.repeats(rows, coordinates, values)
        said += findings.merged(self.table, objective.outputs)
        for line in slipped(values, [f"row {row}" for row in rows], objective.name):
            what, mark, remedy = line.rpartition("? ")
            said.append((int(line[4 : line.index(":")]), what + mark.strip(), "used as it is", remedy))
        for line in unvaried(self.space, coordinates) if len(rows) >= LEAST_ROWS else []:
            what, _, remedy = line.partition(". ")
            said.append((0, what, "used as it is", remedy))
        names, n = list(self.space.elements), len(self.space.elements)
        if alloys := composition_of(self.space):
            said += findings.sums(self.table, names, self.unit, usable)
            said += findings.unusual(rows, coordinates[:, :n], alloys)
        if isinstance(box := getattr(self.space, "process", self.space), Box):
            said += findings.beyond_box(rows, coordinates[:, n:], box)
        if self.outside:
            what, _, remedy = self.outside[0].partition(". ")
            said = [one for one in said if not ONE_OUTSIDE.search(one[1])]
            said.append((0, what, "used for the model, never suggested", remedy))
        report = pd.DataFrame(sorted(said, key=lambda one: one[0]), columns=["row", "finding", "done", "remedy"])
        return Measured(rows, coordinates, values, stds[usable], report), faults

    @explained("table.report('hardness_HV')")
    def report(self, objective: Objective | str) -> pd.DataFrame:
        """Return what was found, row by row: columns row (0: the whole table), finding, done, remedy.

        Raises TableError where a column is missing.
        """
        return self._found(objective)[0].report

    def measured(
        self, space: Space, objective: Objective
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, list, list[str]]:
        """Return (coordinates (n, k), values (n,), stds (n,), row numbers, warnings) for a campaign; errors as `of`.

        Raises:
            ValueError: The table was read for another space.
        """
        self._require_space(space)
        found, faults = self._usable(objective)
        dropped = _first(faults)
        for text in self._set_aside({row: what for row, what in dropped.items() if row not in self._aside}, objective):
            warn(text)  # of the others `read_table` has warned
        said = self._set_aside(dropped, objective)
        return found.coordinates, found.values, found.stds, found.rows.tolist(), said

    def waiting(self, outputs: Sequence[str]) -> np.ndarray:
        """Return coordinates (m, k) of rows without any of these outcomes: alloys under way, or that failed.

        Raises TableError where a column is missing.
        """
        aside = {row for row, *_ in [*self._problems(outputs).found, *self.others]}
        columns = reading.numeric(self.table, outputs, self.file, problems=Problems(self.file), notes={})
        return self.coordinates[~self.table.index.isin(aside) & np.isnan(columns).all(axis=1)]

    def _problems(self, outputs: Sequence[str]) -> Problems:
        """Faults of compositions, parameters and undeclared elements; raises where a column is missing."""
        problems = Problems(self.file)
        reading.require_columns(self.table, outputs, self.file, problems=problems, elements=self.space.elements)
        problems.check()
        self._require_numbers(outputs, problems)
        undeclared = [name for name in self.further if name not in outputs]
        whole = max(reading.TOTALS.get(self.unit, (0,)))
        findings.undeclared(self.table, undeclared, self.file, problems, known=elements.load().index, whole=whole)
        explained_by = {row for row, *_ in problems.found}  # an element that is not declared is what the sum lacks
        known = re.compile(r".*: sums to .*|.*, an element that is not declared")
        problems.found += [one for one in self.faults if one[0] not in explained_by or not known.fullmatch(one[1])]
        return problems

    def _require_numbers(self, outputs: Sequence[str], problems: Problems) -> None:
        """Raise a `TableError` for an outcome whose column holds texts and not one number."""
        for name in outputs:
            column = [cell for cell in self.table[name] if cell is not None]
            texts = [cell for cell in column if isinstance(cell, str) and cells.read(cell, share=True).fault]
            if column and len(texts) == len(column):
                others = [str(one) for one in self.table if one not in self.space.names]
                known = [one for one in others if headings.mostly_numbers(self.table[one])]
                what = f"column {name!r} holds no numbers ({len(texts)} texts such as {texts[0]!r})"
                remedy = f"Columns of numbers: {', '.join(known) or 'none'}. Name one of them in the objective."
                problems.add(0, f"{what}, so it cannot be an objective", remedy)
        problems.check()

    @property
    def _aside(self) -> dict[int, str]:
        """The rows that are set aside whatever the objective: row → finding."""
        return _first([*self.faults, *self.others])

    def _require_space(self, space: Space) -> None:
        if space.names != self.space.names:
            raise ValueError(
                f"Expected a table read for {' '.join(space.names)}; this one was read for "
                f"{' '.join(self.space.names)}. Read it again with the campaign's space."
            )

    def _set_aside(self, dropped: Mapping[int, str], objective: Objective | None = None) -> list[str]:
        """One warning that names rows that were set aside, by their findings; the table's last outcome unless given."""
        if not (aside := len(dropped)):
            return []
        texts = [what for _, what in findings.grouped(list(dropped.items()))]
        named = "; ".join(texts[: findings.MOST_NAMED]) + ("; …" if len(texts) > findings.MOST_NAMED else "")
        rows = f"{aside} of {len(self.table)} rows were set aside"
        name = _outcome(objective) if objective is not None else self._last
        return [f"{self.file.name}: {rows}: {named}. See {findings.seen(name)}."]

    @property
    def _last(self) -> str:
        """The last column that may be an outcome, or ""."""
        inputs = {*self.space.names, *self.further, *self.uncertainty.values()}
        known = [str(one) for one in self.table if one not in inputs and headings.mostly_numbers(self.table[one])]
        return known[-1] if known else ""

    def _values(self, objective: Objective, problems: Problems, notes: Notes) -> tuple[np.ndarray, np.ndarray]:
        """Values (rows,), NaN where a cell has a fault, and what is stated of their standard deviations (rows,)."""
        columns = reading.numeric(
            self.table, objective.outputs, self.file, problems=problems, notes=notes, empty=NOT_MEASURED
        )
        with np.errstate(over="ignore", invalid="ignore"):  # reported below, by row
            values = objective.value(dict(zip(objective.outputs, columns.T, strict=True)))
        known = {row for row, *_ in problems.found} | {row for row, *_ in self.others}
        for row, value in zip(self.table.index, values, strict=True):
            if row not in known and not abs(value) <= LARGEST:  # true for NaN too
                what = f"row {row}: the objective is {value}, expected a finite number, {LARGEST:.0e} at most"
                problems.add(int(row), what, "Correct the row, or the weights of the objective.")
        return values, self._stds(objective, columns, notes)

    def _stds(self, objective: Objective, columns: np.ndarray, notes: Notes) -> np.ndarray:
        """Standard deviations (rows,) of an objective, by those stated of its outcomes (rows, n_outcomes)."""
        squares, stated = np.zeros(len(columns)), np.zeros(len(columns), dtype=bool)
        for i, name in enumerate(objective.outputs):
            cells = (notes.get((int(row), name)) for row in self.table.index)
            std = np.array([np.nan if one is None else one[1].std for one in cells])
            if name in self.uncertainty:
                own = reading.numeric(self.table, [self.uncertainty[name]], self.file, problems=Problems(self.file))
                std = np.where(own[:, 0] >= 0, own[:, 0], std)
            if not (known := np.isfinite(std)).any():
                continue
            up, down = columns.copy(), columns.copy()
            up[known, i], down[known, i] = columns[known, i] + std[known], columns[known, i] - std[known]
            high, low = (objective.value(dict(zip(objective.outputs, part.T, strict=True))) for part in (up, down))
            squares += np.where(known, ((high - low) / 2) ** 2, 0.0)
            stated |= known
        return np.where(stated, np.sqrt(squares), np.nan)


def _first(faults: Sequence[tuple]) -> dict[int, str]:
    """The first finding of each row, in the order of rows."""
    found: dict[int, str] = {}
    for row, what, *_ in sorted(faults, key=lambda one: one[0]):
        found.setdefault(row, what)
    return found


@explained("ag.read_table('my.csv', space, unit='at.%')")
def read_table(
    path: str | Path,
    space: Space,
    *,
    unit: str | None = None,
    process: Mapping[str, float | str] | None = None,
    sheet: str | int = 0,
    columns: Mapping[str, str] | None = None,
    formula: str | None = None,
    balance: str | None = None,
    sites: Sequence[tuple[Sequence[str], float]] | None = None,
    uncertainty: Mapping[str, str] | None = None,
) -> Measurements:
    r"""Read a .csv or .xlsx table of measurements.

    Args:
        path: The file. Element columns are named by their symbols, "Ti", "Ti at.%" or "Ti (at.%)", parameters as in the
            space.
        space: What may be tried. For a Pool the table names candidates, in the column that its index is called after
            ("candidate" unless named); or it has a column for each feature.
        unit: Of the element columns: "at.%", "wt.%" or "fraction" (atomic, with a sum of 1). Never guessed.
        process: {column: value} of conditions held fixed, text or numbers; rows measured under others are set aside.
        sheet: Of a workbook: its name, or its place, 0 for the first.
        columns: {name in the space, or of an outcome: column of the table}, where they differ.
        formula: The column that holds the composition as a text, such as Al0.5CoCrFeNi or Ti-6Al-4V. `unit` then says
            what the per cent of a designation are; a formula holds ratios of atoms.
        balance: The element that takes the rest: it has no column, or empty cells. Cells with "bal." need no `balance`.
        sites: [(elements, total), …] where shares are given for each site, as of a perovskite: [(["La", "Sr"], 1),
            (["Mn"], 1), (["O"], 3)]. Without a `unit`.
        uncertainty: {outcome: column of its standard deviations}, in the outcome's unit; empty cells state none. Cells
            such as "250 ± 5" state one without it. The campaign's model counts both as noise of their row.

    Returns:
        The table; pass it to `Campaign.tell`.

    Raises:
        TableError: Nothing can be made of the table; the message names rows, columns and remedies.
        ValueError: An unknown unit, or arguments that are not as above.

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
    path, process, names = Path(path).expanduser(), declared.held(process), list(space.elements)
    unit = declared.unit_of(space, unit, formula, sites)
    if balance is not None and (balance not in names or formula or sites):
        mend = "Declare the element in the space with its limits."
        raise ValueError(
            f"Expected balance as one of {names}, without `formula` or `sites`; got {balance!r}"
            f"{' next to one of these. Leave one out.' if balance in names else f'. {mend}'}"
        )
    if sheet != 0 and path.suffix.lower() == ".csv":
        raise ValueError(f"Expected no sheet for a .csv file; got {sheet!r}. Leave it out, or name the workbook.")
    problems = Problems(path)
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        size = f"the file has {path.stat().st_size / 1e6:.0f} MB"
        problems.add(0, size, f"Keep the rows and columns that matter: {MOST_BYTES / 1e6:.0f} MB at most.")
        problems.check()
    table, renaming = headings.renamed(
        reading.read_table(path, sheet=sheet), columns, problems, "" if formula or sites else unit, names
    )
    table.attrs["merged"] = {(row, renaming.get(old, old)): one for (row, old), one in table.attrs["merged"].items()}
    table, remarks = headings.without_units(table, unit, problems)
    problems.check()
    table = by_symbol(table, names, unit)
    parts: list[np.ndarray] = []
    notes: Notes = {}
    named = isinstance(space, Pool) and space.label in table
    if names and not named:
        declared.require_unit(unit or None, formula)
        table, unit, found = _with_shares(table, names, unit, path, problems, formula, balance, sites)
        remarks += found
    if (
        not formula
        and names
        and not named
        and not set(names) & set(table)
        and (column := declared.formula_column(table))
    ):
        fault = f"row 1: no columns of elements, but column {column!r} holds compositions as text"
        problems.add(1, fault, f"Pass formula={column!r}.")
        problems.check()
    box = inner if isinstance(inner := getattr(space, "process", space), Box) else None
    wanted = [*names, *(box.parameters if box else space.names[len(names) :])]
    if isinstance(space, Pool) and named:
        names, wanted = [], [space.label]
    further = () if formula or not names else declared.further_columns(table, unit, {*wanted, *process})
    remedy = declared.remedy_for(table, names)
    if isinstance(space, Pool) and not named:
        remedy = f"Name the candidates in a column {space.label!r}, or give each feature a column."
    reading.require_columns(
        table, [*wanted, *further], path, problems=problems, elements=names, unit=unit, remedy=remedy
    )
    uncertainty = declared.uncertainty_of(table, uncertainty, renaming, path, problems)
    remedy = "Name it as in the table, or leave it out of `process` ({} where nothing is held)."
    kind = "process column"
    reading.require_columns(table, process, path, problems=problems, kind=kind, remedy=remedy, elements=names)
    if any(row == 1 or row == 0 for row, *_ in problems.found):
        problems.found = [one for one in problems.found if one[0] in (0, 1)]
        problems.check()
    if names:
        table = shares.settled(table, names, unit, problems)
        found = reading.fractions(table, names, unit, path, problems=problems, notes=notes)
        findings.explained_sums(table, names, further, unit, problems)
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):  # rows that are set aside
            parts.append(to_atomic(found, names) if unit == "wt.%" else found)
    if isinstance(space, Pool) and named:
        parts.append(_candidates(table, space, problems))
    elif box:
        parts.append(_conditions(table, box, path, problems, notes))
    elif others := wanted[len(names) :]:
        parts.append(reading.numeric(table, others, path, problems=problems, notes=notes))
    other_process = findings.other_process(table, process, path, problems)
    remarks += findings.noted(notes, table.index)
    remarks += findings.merged(table, [*wanted, *process, formula or ""])
    faults, coordinates = tuple(problems.found), np.concatenate(parts, axis=1)
    used = ~table.index.isin({row for row, *_ in [*faults, *other_process]})
    declarable = "" if formula or sites or not names else unit
    outside = tuple(mostly_outside(space, coordinates[used], declarable))
    found = Measurements(
        path, space, unit, table, coordinates, further, faults, tuple(other_process), tuple(remarks), uncertainty,
        outside,
    )  # fmt: skip
    for text in [*found._set_aside(found._aside), *outside]:
        warn(text)
    return found


def _candidates(table: pd.DataFrame, pool: Pool, problems: Problems) -> np.ndarray:
    """Features (rows, n_features) of the candidates that a table names; other names are added to `problems`."""
    names = pool.candidates.index
    texts = pd.Index([str(name).strip() for name in names])
    cells = table[pool.label].tolist()
    rows = texts.get_indexer(["" if cell is None else str(cell).strip() for cell in cells])
    for i in np.flatnonzero(rows < 0):
        row, cell = table.index[i], cells[i]
        what = f"row {row}, column '{pool.label}': {shown_cell(cell)}, no candidate of the pool"
        problems.add(int(row), what, pool.hint(cell).strip())
    return np.where((rows >= 0)[:, None], pool.features[rows], np.nan)


def _conditions(table: pd.DataFrame, box: Box, path: Path, problems: Problems, notes: Notes) -> np.ndarray:
    """Coordinates (rows, k) of the parameters of a process; cells that are none are added to `problems`."""
    found = []
    for name in box.parameters:
        if name not in box.choices:
            found.append(reading.numeric(table, [name], path, problems=problems, notes=notes))
            continue
        found.append(box.worded(name, table[name]))
        for row in table.index[np.isnan(found[-1]).any(1)]:
            cell = table[name].loc[row]
            what = f"row {row}, column '{name}': {shown_cell(cell)}, expected one of {', '.join(box.words[name])}"
            hint = nearest(cell, box.words[name])
            problems.add(int(row), what, f"Correct the word, or declare it in the space.{hint}")
    return np.concatenate(found, axis=1)


def _with_shares(
    table: pd.DataFrame, names: list[str], unit: str, path: Path, problems: Problems,
    formula: str | None, balance: str | None, sites: Any,
) -> tuple[pd.DataFrame, str, list[tuple]]:  # fmt: skip
    """The table with a column for each element, the unit of these columns, and what was made of them."""
    if formula is not None:
        if not reading.require_columns(table, [formula], path, problems=problems, kind="column of formulas"):
            problems.check()
        made, found = shares.from_formulas(table, formula, names, unit or None, problems)
        return made, "at.%", found
    if sites is not None:
        return shares.from_sites(table, shares.checked_sites(sites, names), path, problems), "at.%", []
    if all(list(table.columns).count(name) == 1 or name == balance for name in names):
        return (made := shares.with_rest(table, names, balance, unit, problems))[0], unit, made[1]
    return table, unit, []


def _outcome(objective: Objective | str) -> str:
    """The outcome by which a report is asked for, or "" where an objective has several."""
    if isinstance(objective, str):
        return objective
    return objective.outputs[0] if len(objective.outputs) == 1 else ""
