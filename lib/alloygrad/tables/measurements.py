"""Your own measurements: a table is read, checked row by row, and becomes what a campaign starts from.

    space = declare(elements, bounds, step=0.5, groups=groups)      # everything in at.%
    measured = read("my.csv", space, unit="wt.%", target="hardness_HV")

Nothing is guessed and nothing is lost. A fault of the whole table (no such column, a unit that fits no row, fewer than
`LEAST_ROWS` usable rows …) is one `TableError` with its remedy. A faulty row is set aside, and `measured.report` names
row, column and remedy; there, too, stands what was used although it is unusual: compositions off the grid or outside
the limits, the same composition measured twice. Columns beyond those declared are ignored, but not one named as an
element, with properties here or without: rows that have some of it are set aside. A column of words is no element's,
nor is one with amounts below 0 or above the whole alloy's (K, V), but for elements that are given in ppm. The file is
only ever read.

Weight shares w_i become atomic fractions c_i, and back, by the atomic masses A_i:

    c_i = (w_i/A_i) / Σ_j (w_j/A_j),    w_i = c_i A_i / Σ_j c_j A_j
"""

import difflib
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd

from alloygrad.features import elements
from alloygrad.spaces.composition import ON_GRID, CompositionSpace, Group
from alloygrad.surrogates.evidence import LARGEST
from alloygrad.tables import findings
from alloygrad.tables import reading as tables
from alloygrad.tables.reading import Problems

UNITS = ("at.%", "wt.%", "fraction")

MOST_BYTES = 50_000_000

Target = str | Mapping[str, float] | Callable[[Mapping[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True, eq=False)
class Measurements:
    """What a table holds for a campaign: n usable rows, each by its number in a spreadsheet program."""

    file: Path
    elements: tuple[str, ...]
    rows: np.ndarray  # (n,)
    compositions: np.ndarray  # (n, n_elements) atomic fractions, in the order of `elements`
    targets: np.ndarray  # (n,) in the table's unit
    target: str
    maximise: bool
    report: pd.DataFrame  # row (0: the table), finding, done, remedy

    @property
    def sign(self) -> int:
        """By which targets become merits, the larger the better."""
        return 1 if self.maximise else -1

    @property
    def merits(self) -> np.ndarray:
        return self.sign * self.targets

    def require(self, space: CompositionSpace) -> None:
        """Raises ValueError where `space` has other elements, or another order of them."""
        if self.elements != space.elements:  # the remedy is another than `space.require_elements` has
            raise ValueError(
                f"The table was read for {' '.join(self.elements)}, the space has {' '.join(space.elements)}: read the "
                "table with that space."
            )


def declare(symbols: Sequence[str], bounds: Mapping, *, step: float, groups: Sequence | None = ()) -> CompositionSpace:
    """The space of what may be made, all numbers in at.%.

    bounds: element → (least, most). step: of the grid; 100/step is a whole number. groups: (elements, least, most) of
    their sum; disjoint or nested. Limits between two grid values are rounded inwards.
    Raises ValueError for an unknown element, limits that contradict each other, and an empty space.
    """
    if not isinstance(step, Real):
        raise ValueError(f"step is {step!r}; expected a number, in at.%.")
    names, known = list(symbols), list(elements.load().index)
    if isinstance(symbols, str) or len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"elements are {symbols!r}; expected a list of at least two different symbols.")
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name).capitalize(), known, n=1, cutoff=0.5)
            hint = f" Is {near[0]!r} meant?" if near else ""
            raise ValueError(f"{name!r} is no element that properties are known of.{hint} Known are {' '.join(known)}.")
    if not isinstance(bounds, Mapping):
        raise ValueError(f"bounds are {bounds!r}; expected {{element: (least, most), …}}, in at.%.")
    if wrong := set(names) ^ set(bounds):
        raise ValueError(f"bounds must name exactly the elements {names}; missing or unknown: {sorted(wrong)}.")
    box = {name: _pair(bounds[name], f"bounds of {name}") for name in names}
    limits = [(name, (name,), *box[name]) for name in names]
    for group in () if groups is None else groups:
        if len(group) != 3 or isinstance(group[0], str):
            raise ValueError(f"group {group!r}: expected (list of elements, least, most), in at.%.")
        limits.append((f"the sum of {' '.join(group[0])}", tuple(group[0]), *_pair(group[1:], f"group {group[0]}")))
    hint = " Bounds are in at.%: were fractions given?" if max(most for *_, most in limits[: len(names)]) <= 1 else ""
    for what, members, least, most in [*limits[len(names) :], ("the composition", tuple(names), 100.0, 100.0)]:
        if unknown := set(members) - set(names):
            remedy = "Take the group out, or declare them."
            raise ValueError(f"{what} names {sorted(unknown)}; the elements are {names}. {remedy}")
        low, high = (sum(box[name][side] for name in members) for side in (0, 1))
        if low > most + ON_GRID:
            raise ValueError(f"empty space: least amounts make {low:g} at.%, {what} may have {most:g}. Lower some.")
        if high < least - ON_GRID:
            raise ValueError(f"empty space: most amounts make {high:g} at.%, {what} needs {least:g}. Raise some.{hint}")
    lower, upper = ([entry[side] / 100 for entry in limits[: len(names)]] for side in (2, 3))
    try:
        sums = tuple(Group(members, most / 100, least / 100) for _, members, least, most in limits[len(names) :])
        return CompositionSpace(tuple(names), tuple(lower), tuple(upper), step / 100, sums)
    except ValueError as error:
        raise ValueError(f"{error} (There in fractions, or in steps of {step} at.%; declared in at.%.)") from None


def _pair(values, what: str) -> tuple[float, float]:
    try:
        least, most = map(float, values)
    except (TypeError, ValueError):
        raise ValueError(f"{what}: {values!r}; expected two numbers, least and most, in at.%.") from None
    if not 0 <= least <= most <= 100:  # false for NaN too
        raise ValueError(f"{what}: {least:g} … {most:g}; expected 0 ≤ least ≤ most ≤ 100, in at.%.")
    return least, most


def read(
    path,
    space: CompositionSpace,
    *,
    unit: str,
    target: Target,
    maximise: bool = True,
    process: Mapping[str, float | str] | None = None,
    sheet: str | int = 0,
) -> Measurements:
    """Read a .csv or .xlsx table whose element columns are named by their symbols.

    Args:
        unit: of the element columns: "at.%", "wt.%" or "fraction" (atomic, with a sum of 1). Never guessed.
        target: a column; or {column: weight}, the weighted sum; or a function of columns, {name: (rows,)} → (rows,),
            which is given the rows that are not set aside.
        maximise: whether a larger target is better.
        process: {column: value} of conditions held fixed, texts or numbers; rows measured under others are set aside.
        sheet: of a workbook, by its name or its place from 0 on.

    Raises:
        TableError: nothing can be made of the table; the message names rows, columns and remedies.
        ValueError: an unknown unit, or a target or process that is none of the above.
    """
    if not isinstance(path, str | Path):
        raise ValueError(f"The file is {path!r}; expected the path of a .csv or .xlsx table.")
    path, process, target = Path(path).expanduser(), _held(process), _weighed(target)
    names = list(space.elements)
    if not isinstance(maximise, bool | np.bool_):
        raise ValueError(f"maximise is {maximise!r}; expected True, or False where smaller is better.")
    _require_unit(unit, "the element columns")
    problems = Problems(path)
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        size = f"the file has {path.stat().st_size / 1e6:.0f} MB"
        problems.add(0, size, f"Keep the rows and columns that matter: {MOST_BYTES / 1e6:.0f} MB at most.")
        problems.check()
    table = tables.read_table(path, sheet=sheet)
    wanted = [target] if isinstance(target, str) else list(target) if isinstance(target, Mapping) else []
    declared = {*names, *process, *wanted}
    further = [symbol for symbol in elements.PRIMORDIAL if symbol in table and symbol not in declared]
    tables.require_columns(table, [*names, *wanted, *further], path, problems=problems)
    remedy = "Name it as in the table, or leave it out of `process` ({} where nothing is held)."
    tables.require_columns(table, process, path, problems=problems, kind="process column", remedy=remedy)
    problems.check()

    compositions = tables.fractions(table, names, unit, path, problems=problems)
    known, whole = elements.load().index, max(tables.TOTALS[unit])
    findings.undeclared(table, further, path, problems, known=known, whole=whole)
    others = findings.other_process(table, process, path, problems)
    targets = _targets(table, target, path, problems, {row for row, *_ in others})
    faults = [(row, what, "set aside", remedy) for row, what, remedy in problems.found] + others
    bad = {row for row, *_ in faults}
    usable = ~table.index.isin(bad)
    rows, compositions, targets = table.index.to_numpy()[usable], compositions[usable], targets[usable]
    if unit == "wt.%":
        compositions = to_atomic(compositions, names)
    findings.check_enough(rows, compositions, targets, faults, path, target)
    said = faults + findings.sums(table, names, unit, usable) + findings.repeats(rows, compositions, targets)
    said += findings.unusual(rows, compositions, space)
    report = pd.DataFrame(sorted(said, key=lambda finding: finding[0]), columns=["row", "finding", "done", "remedy"])
    named = target if isinstance(target, str) else _described(target)
    return Measurements(path, space.elements, rows, compositions, targets, named, bool(maximise), report)


def atomic(shares, symbols: Sequence[str], *, unit: str) -> np.ndarray:
    """Atomic fractions (m, n_elements) of shares (m, n_elements), or of one row, in a unit of `UNITS`.

    Raises ValueError for another unit or shape, and for rows that are no compositions in it, as `read` would.
    """
    names, given = list(symbols), shares
    try:
        shares = np.atleast_2d(np.asarray(given, dtype=float))
    except (TypeError, ValueError):
        what = f"Shares are {repr(given)[:80]}; expected numbers (m, {len(names)})"
        raise ValueError(f"{what}: {', '.join(names)}, one row for each alloy.") from None
    _require_unit(unit, "the shares")
    if shares.ndim != 2 or shares.shape[1] != len(names):
        raise ValueError(f"Shares have shape {shares.shape}; expected (m, {len(names)}): {', '.join(names)}.")
    fractions = tables.fractions(pd.DataFrame(shares, columns=names), names, unit, "what was told")
    return to_atomic(fractions, names) if unit == "wt.%" else fractions


def _held(process) -> dict[str, float | str]:
    """The conditions of `read`; raises ValueError for what are none."""
    process = {} if process is None else process
    if not isinstance(process, Mapping) or not all(
        isinstance(column, str) and (isinstance(value, str) or _is_finite(value)) for column, value in process.items()
    ):
        raise ValueError(
            f"process is {process!r}; expected {{column: value, …}}, each value one text or one finite number. Leave "
            "columns out that are not held; give other conditions a table of their own."
        )
    return dict(process)


def _weighed(target: Target) -> Target:
    """The target of `read`, weights as floats; raises ValueError for what are none."""
    if not isinstance(target, Mapping):
        return target
    if not target or not all(isinstance(column, str) and _is_finite(weight) for column, weight in target.items()):
        raise ValueError(f"target is {dict(target)}; expected {{column: weight, …}} with finite weights.")
    return {column: float(weight) for column, weight in target.items()}


def _is_finite(value) -> bool:
    """Whether `value` is a real number, also one of NumPy's, and not beyond `LARGEST`; truth values are none."""
    value = value.item() if isinstance(value, np.generic) else value
    return isinstance(value, Real) and not isinstance(value, bool) and abs(value) <= LARGEST


def _require_unit(unit: str, what: str) -> None:
    if unit not in UNITS:
        raise ValueError(f"unit is {unit!r}; declare in what {what} are written: one of {list(UNITS)}.")


def to_atomic(weights: np.ndarray, symbols: Sequence[str]) -> np.ndarray:
    """Atomic fractions (..., n_elements) of shares by weight (..., n_elements), in any unit."""
    moles = np.asarray(weights) / _masses(symbols)
    return moles / moles.sum(-1, keepdims=True)


def to_weight(fractions: np.ndarray, symbols: Sequence[str]) -> np.ndarray:
    """Fractions by weight (..., n_elements) of atomic fractions (..., n_elements)."""
    masses = np.asarray(fractions) * _masses(symbols)
    return masses / masses.sum(-1, keepdims=True)


def _masses(symbols: Sequence[str]) -> np.ndarray:
    return elements.matrix(symbols, ["RAM"])[:, 0]


class _Columns(Mapping):
    """Columns of a table as numbers, read when they are asked for; faults go to `problems`."""

    def __init__(self, table: pd.DataFrame, path: Path, problems: Problems):
        self.table, self.path, self.problems, self.numbers = table, path, problems, {}

    def __getitem__(self, column: str) -> np.ndarray:
        if column not in self.numbers:
            tables.require_columns(self.table, [column], self.path)
            self.numbers[column] = tables.numeric(self.table, [column], self.path, problems=self.problems)[:, 0]
        return self.numbers[column]

    def get(self, column: str, default=None):
        return self[column] if column in self else default  # a missing one raises no KeyError but a TableError

    def __contains__(self, column) -> bool:
        return column in self.table

    def __iter__(self):
        return iter(self.table)

    def __len__(self) -> int:
        return len(self.table.columns)


def _targets(table, target: Target, path, problems: Problems, others: Set[int]) -> np.ndarray:
    """Targets (n,) of all rows; NaN in those of `others` and in rows with faults where a function was not asked."""
    if callable(target):
        targets = _of_function(table, target, path, problems, others)
    elif isinstance(target, str):
        targets = _Columns(table, path, problems)[target]
    elif isinstance(target, Mapping):
        columns = _Columns(table, path, problems)
        with np.errstate(over="ignore", invalid="ignore"):  # told below, by row
            targets = sum(weight * columns[column] for column, weight in target.items())
    else:
        raise ValueError(f"target is {target!r}; expected a column, {{column: weight, …}} or a function of columns.")
    told, remedy = {row for row, *_ in problems.found} | others, "Mend the row, or the target's weights or function."
    for row, value in zip(table.index, targets, strict=True):
        if row not in told and not abs(value) <= LARGEST:  # true for NaN too
            what = f"row {row}: the target is {value}, expected a finite number, {LARGEST:.0e} at most"
            problems.add(int(row), what, remedy)
    return targets


def _of_function(table, target: Callable, path, problems: Problems, others: Set[int]) -> np.ndarray:
    """A function's targets. A row that it should not see could change all others, as by a column's maximum."""

    def left() -> pd.DataFrame:
        return table[~table.index.isin(others | {row for row, *_ in problems.found})]

    targets, seen = pd.Series(dtype=float), 0
    while len(rows := left()) not in (0, seen):  # again, where the columns that it read had faults
        seen = len(rows)
        with np.errstate(over="ignore", invalid="ignore"):  # told by row
            values = np.asarray(target(_Columns(rows, path, problems)), dtype=float)
        if values.shape != (seen,):
            raise ValueError(f"The target's function gave shape {values.shape}; expected ({seen},), one per row.")
        targets = pd.Series(values, rows.index)
    return targets.reindex(table.index).to_numpy()


def _described(target) -> str:
    if isinstance(target, Mapping):
        return " + ".join(f"{weight:g} × {column}" for column, weight in target.items()).replace("+ -", "− ")
    return getattr(target, "__name__", "figure of merit")
