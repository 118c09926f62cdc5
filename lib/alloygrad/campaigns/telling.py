"""Measurements on their way into a campaign: tables, frames and points are checked, and become rows of numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from alloygrad.acquisition.analytic import ACQUISITIONS
from alloygrad.acquisition.several import JOINT
from alloygrad.campaigns.cautions import ignored, mostly_outside
from alloygrad.checks import numbers, require_outcomes, row_name, shown, warn
from alloygrad.protocols import Objective, Space
from alloygrad.spaces import Box
from alloygrad.spaces.points import frame_of, require_points, require_steps
from alloygrad.surrogates.gp import LARGEST

PREDICTED = ("predicted", "std", "std_measurement")
"""What `predict` says of a property."""

SUGGESTED = (*PREDICTED, *ACQUISITIONS, *JOINT, "feasible", "distance", "nearest_row", "warning", "suggestion")
"""Columns that `suggest` adds to those of the space; none of them is an outcome."""

FAILED = (
    "Leave the row out. Where the experiment failed, pass it as `pending` of `suggest`: then it is not suggested again."
)


class Table(Protocol):
    """What `read_table` returns."""

    def measured(
        self, space: Space, objective: Objective
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, list, list[str]]:
        """Return (coordinates (n, k), values (n,), stds (n,), row numbers, warnings) for one objective."""


Data: TypeAlias = Table | pd.DataFrame | ArrayLike
Outcomes: TypeAlias = ArrayLike | Mapping[str, ArrayLike] | pd.DataFrame
Objectives: TypeAlias = Sequence[Objective]


@dataclass(frozen=True, eq=False)
class Told:
    """n measurements of m objectives, as a campaign keeps them."""

    coordinates: np.ndarray  # (n, k)
    values: np.ndarray  # (n, m), NaN where one of several is missing
    stds: np.ndarray  # (n, m): stated standard deviations of the values, NaN where none is
    rows: list  # numbers in the table, or None
    said: list[str]  # warnings
    waiting: np.ndarray  # coordinates (w, k) of rows without any outcome
    outside: tuple[str, ...] = ()  # a warning where many rows lie outside the limits


def read(
    space: Space,
    objectives: Objectives,
    data: Data,
    outcomes: Outcomes | None,
    std: Outcomes | None = None,
) -> Told:
    """Return measurements for a campaign; arguments and errors as of `Campaign.tell`."""
    names = " and ".join(repr(one.name) for one in objectives)
    if isinstance(outcomes, str):
        raise ValueError(
            f"Expected outcomes as numbers; got the text {outcomes!r}. The column {names} of a table is found by "
            "itself: leave outcomes out."
        )
    if hasattr(data, "measured") and not isinstance(data, pd.DataFrame):  # which may have a column of this name
        if outcomes is not None:
            got = "a mapping" if isinstance(outcomes, Mapping) else f"{np.size(outcomes)} numbers"
            raise ValueError(
                f"Expected no outcomes next to a table of `read_table`: its column {names} is used; got {got}. Leave "
                "them out, or pass a DataFrame with them."
            )
        if std is not None:
            raise ValueError(
                f"Expected no std next to a table of `read_table`; got {shown(std)}. Name the column of uncertainties "
                "there: uncertainty={outcome: column}."
            )
        told = _of_table(space, objectives, data)
        _require_sound(objectives, told, "row {}".format)
        outputs = list(dict.fromkeys(name for one in objectives for name in one.outputs))
        told = replace(told, outside=getattr(data, "outside", ()))
        return replace(told, waiting=data.waiting(outputs)) if hasattr(data, "waiting") else told
    place: Callable[[int], str] = "row {}".format
    said: list[str] = []
    outside: list[str] = []
    if isinstance(data, pd.DataFrame):
        coordinates = space.read(data)
        columns = values_of(space, objectives, data if outcomes is None else outcomes)
        if space.elements:
            said = ignored(data, [*space.names, *(name for one in objectives for name in one.outputs)])
        unit = "at.%" if space.elements else ""
        outside = mostly_outside(space, coordinates, unit, "`read_table(…, unit={!r})`")
        place = partial(row_name, data)
    else:
        coordinates = space.coordinates(points_of(space, data))
        columns = values_of(space, objectives, outcomes)
    for column in columns:
        if column.shape != coordinates.shape[:1]:
            raise ValueError(
                f"Expected one outcome for each of {len(coordinates)} points; got "
                f"{len(column) if column.ndim == 1 else f'an array of shape {column.shape}'}. Give as many outcomes as "
                "points."
            )
    stds = _stated(objectives, std, len(coordinates))
    rows: list = [None] * len(coordinates)
    told = Told(coordinates, np.column_stack(columns), stds, rows, said, coordinates[:0], tuple(outside))
    _require_sound(objectives, told, place)
    for text in outside:
        warn(text)
    return told


def _of_table(space: Space, objectives: Objectives, data: Any) -> Told:
    """Join what a table holds of each objective, row by row; rows with a fault in one may be sound in another."""
    parts = [data.measured(space, one) for one in objectives]
    if len(objectives) == 1:
        coordinates, values, stds, rows, said = parts[0]
        return Told(coordinates, values[:, None], stds[:, None], list(rows), said, coordinates[:0])
    where = {row: at for coordinates, _, _, rows, _ in parts for row, at in zip(rows, coordinates, strict=True)}
    place = {row: number for number, row in enumerate(sorted(where))}
    values, stds = np.full((2, len(place), len(parts)), np.nan)
    for column, (_, found, std, rows, _) in enumerate(parts):
        here = [place[row] for row in rows]
        values[here, column], stds[here, column] = found, std
    every = [set(said) for *_, said in parts]
    common = set.intersection(*every)
    said = [
        text if text in common else f"{one.name}: {text}"
        for one, (*_, texts) in zip(objectives, parts, strict=True)
        for text in texts
    ]
    coordinates = np.array([where[row] for row in place])
    return Told(coordinates, values, stds, list(place), list(dict.fromkeys(said)), coordinates[:0])


def values_of(space: Space, objectives: Objectives, outcomes: Outcomes | None) -> list[np.ndarray]:
    """Return the values (n,) of each objective."""
    names = ", ".join(f"{one.name!r}: numbers" for one in objectives)
    if outcomes is None:
        raise ValueError(f"Expected outcomes for these points; got None. Pass numbers, or {{{names}}}.")
    if isinstance(outcomes, Mapping | pd.DataFrame):
        process = getattr(space, "process", space)
        words = process.parameters if isinstance(process, Box) else ()
        others = (*space.names, *words, getattr(space, "label", "formula"), *SUGGESTED)
        others += tuple(name for one in objectives for name in one.outputs)
        found = []
        for one in objectives:
            require_outcomes(one.outputs, outcomes, others)
            known = {name: numbers(outcomes[name], name, _texts_only(outcomes, name, others)) for name in one.outputs}
            found.append(np.atleast_1d(one.value(known)))
        return found
    if len(objectives) > 1:
        raise ValueError(
            f"Expected the outcomes of {len(objectives)} objectives by name; got numbers of shape "
            f"{np.shape(outcomes)}. Pass {{{names}}}."
        )
    return [np.atleast_1d(numbers(outcomes, objectives[0].name))]


def _texts_only(outcomes: Mapping[str, ArrayLike] | pd.DataFrame, name: str, others: Sequence[str]) -> str:
    """What to do where no value of an outcome is a number; "" where one is."""

    def none(column: Any) -> bool:
        return bool(pd.to_numeric(pd.Series(outcomes[column]), errors="coerce").isna().all())

    if np.ndim(outcomes[name]) != 1 or not none(name):
        return ""
    left = [str(one) for one in outcomes if one not in others and np.ndim(outcomes[one]) == 1 and not none(one)]
    return f"None of its {np.size(outcomes[name])} values is a number. Columns of numbers: {', '.join(left) or 'none'}."


def _stated(objectives: Objectives, std: Outcomes | None, n: int) -> np.ndarray:
    """Return the stated standard deviations (n, m) of outcomes, NaN where none is stated."""
    found, names = np.full((n, len(objectives)), np.nan), [one.name for one in objectives]
    if std is None:
        return found
    if not isinstance(std, Mapping | pd.DataFrame) and len(names) == 1:
        std = {names[0]: std}
    if not isinstance(std, Mapping | pd.DataFrame) or set(std) - set(names):
        raise ValueError(f"Expected std as {{objective: numbers}} of {names}; got {shown(std)}. Name the objectives.")
    for name, given in std.items():
        values = numbers(given, f"std of {name}")
        if values.shape not in ((), (n,)) or (values < 0).any() or np.isinf(values).any():
            raise ValueError(
                f"Expected one std ≥ 0 for each of {n} outcomes {name!r}, in their unit; got {shown(given)}. Write NaN "
                "where none is known."
            )
        found[:, names.index(str(name))] = values
    return found


def points_of(space: Space, data: ArrayLike) -> np.ndarray:
    """Return points (n, d) of the space. Raises ValueError for what is none."""
    require_points_or_table(data)
    points = require_points(space, data)
    require_steps(space, points)
    for row in np.flatnonzero(~space.contains(points))[:1]:
        at = space.coordinates(points[row])  # a pool says here which rows it has
        why = space.violations(at)[0] if hasattr(space, "violations") else f"{at.tolist()} is none"
        raise ValueError(
            f"Expected points within the limits of the space; in row {row}, {why}. Correct it, or pass "
            f"{frame_of(space)}, which may hold what was measured outside the limits."
        )
    return points


def pending_of(space: Space, pending: pd.DataFrame | ArrayLike | None) -> np.ndarray:
    """Return the coordinates (n, k) of experiments under way: points, or rows of a DataFrame. Errors say so."""
    if pending is None or (isinstance(pending, list | tuple | pd.DataFrame) and not len(pending)):
        return np.empty((0, len(space.names)))
    listed = pending if isinstance(pending, list | tuple | pd.Series | np.ndarray) else [pending]
    if texts := [one for one in listed if isinstance(one, str)]:
        raise ValueError(
            f"Expected `pending` as rows of the suggestions; got the text {texts[0]!r}. Pass rows of what `suggest` "
            f"returned, pending=suggested, or {frame_of(space)}."
        )
    try:
        frame = isinstance(pending, pd.DataFrame)
        return space.read(pending) if frame else space.coordinates(points_of(space, pending))
    except ValueError as error:
        raise ValueError(str(error).replace("Expected", "Expected in `pending`", 1)) from None


def still_waiting(space: Space, waiting: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return those of some coordinates (w, k), one for each point, of which the point is not measured, (m, d)."""
    if not len(waiting):
        return waiting
    known = set(map(tuple, measured.tolist()))
    first = {tuple(point): row for row, point in reversed(list(enumerate(space.nearest(waiting).tolist())))}
    return waiting[sorted(row for point, row in first.items() if point not in known)]


def require_points_or_table(data: Any) -> None:
    """Raise ValueError for a text, a path, a mapping or a series in place of points or a table."""
    if data is None or isinstance(data, str | Path | Mapping | pd.Series):
        text = f"the text {str(data)!r}" if isinstance(data, str | Path) else f"a {type(data).__name__}"
        raise ValueError(
            f"Expected a table or points; got {text}. Read a file with `read_table`, or make a pd.DataFrame of it."
        )


def _require_sound(objectives: Objectives, told: Told, place: Callable[[int], str]) -> None:
    values, several = told.values, len(objectives) > 1
    if not len(values):
        raise ValueError("Expected at least one measurement; got a table without rows. Add a row for each.")
    for one, column in zip(objectives, values.T, strict=True):
        sound = (np.abs(column) <= LARGEST) | (several & np.isnan(column))  # NaN: this property was not measured
        if not sound.all():
            bad = int(np.flatnonzero(~sound)[0])
            raise ValueError(
                f"Expected finite outcomes, {LARGEST:.0e} at most; got {column[bad]} for {one.name!r} in "
                f"{place(bad)}. {FAILED if np.isnan(column[bad]) else 'Leave the row out, or repeat the measurement.'}"
            )
    for bad in np.flatnonzero(np.isnan(values).all(1))[:1]:
        raise ValueError(
            f"Expected at least one outcome in every row; all of {[one.name for one in objectives]} are missing in "
            f"{place(int(bad))}. {FAILED}"
        )
