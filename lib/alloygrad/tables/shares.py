"""Compositions of a table that are not a number for each element: a base left out, one column of formulas, sites.

Each function returns the table with a column of numbers for every element of the space, as `reading.fractions` reads
them. Weight shares w_i become atomic fractions c_i, and back, by the atomic masses A_i:

    c_i = (w_i/A_i) / Σ_j (w_j/A_j),    w_i = c_i A_i / Σ_j c_j A_j
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from alloygrad.checks import is_number, require_number, shown
from alloygrad.features import elements
from alloygrad.features.elements import to_atomic, to_weight
from alloygrad.tables import cells, designations
from alloygrad.tables.reading import TOTALS, Problems

TOLERANCE = 0.002
"""Shares may differ from their total by this part of it, for rounding."""


def _masses(symbols: Sequence[str]) -> np.ndarray:
    return elements.matrix(symbols, ["RAM"])[:, 0]


def weight_limits(
    bounds: Mapping[str, Sequence[float]], names: Sequence[str]
) -> list[tuple[dict[str, float], float | None, float | None, str]]:
    """Return bounds in wt.% as linear limits on atomic fractions, for `Restricted`.

    w_i ≤ u is c_i A_i − u Σ_j c_j A_j ≤ 0: linear, though the weights are not.

    Args:
        bounds: {element: (least, most)}, wt.%.
        names: Elements of the space.

    Raises:
        ValueError: Elements that the space does not have, or bounds that are no two numbers from 0 to 100.

    Example:
        >>> weight_limits({"C": (0, 2)}, ["Fe", "C"])[0][1:]
        (None, 0.0, '')
    """
    found: list[tuple[dict[str, float], float | None, float | None, str]] = []
    masses = dict(zip(names, _masses(names).tolist(), strict=True))
    for name, pair in bounds.items():
        sound = isinstance(pair, list | tuple) and len(pair) == 2 and all(is_number(x, 100) for x in pair)
        if name not in masses or not sound or not 0 <= pair[0] <= pair[1]:
            raise ValueError(
                f"Expected bounds in wt.% as {{element: (least, most)}} of {list(names)}; got {name!r}: "
                f"{shown(pair)}. Write for example {{{names[-1]!r}: (0, 2)}}."
            )
        for share, low, high in ((pair[0] / 100, 0.0, None), (pair[1] / 100, None, 0.0)):
            if 0 < share < 1:
                weights = {other: (other == name) * masses[name] - share * masses[other] for other in names}
                found.append((weights, low, high, ""))
    return found


def atomic_bounds(bounds: Mapping[str, Sequence[float]], step: float) -> dict[str, tuple[float, float]]:
    """Return bounds in at.%, on a grid of `step`, that hold all compositions within bounds in wt.%.

    An element has its largest atomic share where the rest is of the heaviest other element, its least where it is of
    the lightest.

    Example:
        >>> atomic_bounds({"Fe": (98, 100), "C": (0, 2)}, 0.1)
        {'Fe': (91.3, 100.0), 'C': (0.0, 8.7)}
    """
    weight_limits(bounds, list(bounds))  # refuses what are no bounds
    masses = dict(zip(bounds, _masses(list(bounds)).tolist(), strict=True))
    found = {}
    for name, (least, most) in bounds.items():
        others = [mass for other, mass in masses.items() if other != name]
        ends = []
        for share, rest in ((least / 100, min(others)), (most / 100, max(others))):
            moles = share / masses[name]
            ends.append(100 * moles / (moles + (1 - share) / rest))
        low, high = np.floor(ends[0] / step + 1e-9) * step, np.ceil(ends[1] / step - 1e-9) * step
        found[name] = (round(float(low), 10), round(min(float(high), 100.0), 10))
    return found


def price_limit(
    prices: Mapping[str, float], most: float, names: Sequence[str]
) -> tuple[dict[str, float], float | None, float | None, str]:
    """Return a largest price per kg as a linear limit on atomic fractions c_i: Σ c_i A_i (p_i − P) ≤ 0.

    Args:
        prices: {element: price per kg}, of all elements.
        most: P.
        names: Elements of the space.
    """
    require_number(0, 1e9, " per kg", max_price=most)
    per_kg = _prices(prices, names)
    masses = _masses(names)
    return dict(zip(names, (masses * (per_kg - most)).tolist(), strict=True)), None, 0.0, ""


def price_of(fractions: np.ndarray, prices: Mapping[str, float], names: Sequence[str]) -> np.ndarray:
    """Return the price per kg (...) of atomic fractions (..., n_elements).

    Example:
        >>> price_of(np.array([0.5, 0.5]), {"Ni": 20.0, "Ti": 10.0}, ["Ni", "Ti"]).round(2).item()
        15.51
    """
    return to_weight(fractions, names) @ _prices(prices, names)


def price_function(prices: Mapping[str, float], names: Sequence[str]) -> Callable[[Tensor], Tensor]:
    """Return the price per kg as a function of coordinates (..., k) whose first columns are atomic fractions.

    Raises ValueError unless each element has a price above 0.
    """
    per_kg, masses = (torch.tensor(values) for values in (_prices(prices, names), _masses(names)))
    if not per_kg.min() > 0:
        raise ValueError(f"Expected prices above 0 to count the gain per price; got {shown(prices)}. Correct them.")

    def price(coordinates: Tensor) -> Tensor:
        weights = coordinates[..., : len(names)] * masses
        return weights @ per_kg / weights.sum(-1)

    return price


def _prices(prices: Any, names: Sequence[str]) -> np.ndarray:
    """Prices (n_elements,). Raises ValueError unless each element has one."""
    sound = isinstance(prices, Mapping) and all(is_number(price) and price >= 0 for price in prices.values())
    if not sound or set(prices) != set(names):
        raise ValueError(
            f"Expected prices as {{element: price per kg}} of all of {list(names)}; got {shown(prices)}. Give each "
            "element one number ≥ 0."
        )
    return np.array([prices[name] for name in names], dtype=float)


def with_rest(
    table: pd.DataFrame, names: Sequence[str], balance: str | None, unit: str, problems: Problems
) -> tuple[pd.DataFrame, list[tuple]]:
    """Fill in what the other elements leave: for `balance`, and where a cell says "bal.".

    Args:
        table: Raw cells, with columns for all `names`, except perhaps `balance`.
        names: Elements of the space.
        balance: The element that is left out of the table, or of some rows; None: only where cells say so.
        unit: Of the table.
        problems: Rows in which nothing is left, or more than one element takes the rest, are added there.

    Returns:
        The table, and a finding for each element that was filled in.
    """
    table = table.copy()
    rests: dict[str, list[int]] = {}
    if balance is not None and balance not in table:
        table[balance] = pd.Series([None] * len(table), index=table.index, dtype=object)
    whole = TOTALS[unit][0]
    for i, row in enumerate(table.index):
        open_cells = [name for name in names if _is_open(table[name].iloc[i], name == balance)]
        if not open_cells:
            continue
        if len(open_cells) > 1:
            what = f"row {row}: {' and '.join(open_cells)} both take what is left of the alloy"
            problems.add(int(row), what, "Leave one element to the rest: write numbers for the others.")
            continue
        rest, others = open_cells[0], [name for name in names if name != open_cells[0]]
        known = [cells.read(table[name].iloc[i], share=True).value for name in others]
        left = whole - float(np.sum(known))
        if left < -TOLERANCE * whole:
            remedy = f"Correct the shares of {', '.join(others)}, or the unit."
            what = f"row {row}: the other elements sum to {whole - left:.6g}, which leaves nothing for {rest}"
            problems.add(int(row), what, remedy)
        elif not np.isnan(left):  # else a fault of another cell is named
            rests.setdefault(rest, []).append(int(row))
        table.iloc[i, table.columns.get_loc(rest)] = max(left, 0.0) if np.isfinite(left) else 0.0
    found = [
        (
            0,
            f"{rest} takes what the others leave in {len(rows)} rows",
            f"used, {whole:g} less their sum",
            "Nothing.",
        )
        for rest, rows in rests.items()
    ]
    return table, found


def _is_open(cell: Any, is_balance: bool) -> bool:
    return cells.is_rest(cell) or (is_balance and cell is None)


def settled(table: pd.DataFrame, names: Sequence[str], unit: str, problems: Problems) -> pd.DataFrame:
    """Return a table with any composition in rows that `problems` names already, so that they are named once."""
    table, named = table.copy(), table.index.isin({row for row, *_ in problems.found})
    for name in names:
        table.loc[named, name] = TOTALS[unit][0] / len(names)
    return table


def from_formulas(
    table: pd.DataFrame, column: str, names: Sequence[str], unit: str | None, problems: Problems
) -> tuple[pd.DataFrame, list[tuple]]:
    """Replace a column of formulas or designations by columns in at.%, one for each element of the space.

    Args:
        table: Raw cells.
        column: Holds the texts.
        names: Elements of the space; a text with another one is a fault of its row.
        unit: Of per cent in designations, or None where the texts say it.
        problems: Faulty rows are added there.

    Returns:
        The table, without earlier columns of these elements, and findings.
    """
    atomic, percents = np.full((len(table), len(names)), np.nan), []
    for i, (row, text) in enumerate(zip(table.index, table[column], strict=True)):
        where = f"row {row}, column '{column}'"
        try:
            said = designations.parse(text)
            amounts = _atomic_percent(said, unit)
        except designations.DesignationError as error:
            shown_text = "" if text is None else f" {repr(text)[:40]}"
            problems.add(int(row), f"{where}: no composition{shown_text}: {error}", designations.REMEDY)
            continue
        if others := [name for name in amounts if name not in names and amounts[name] > 0]:
            what = f"{where}: {text} has {', '.join(others)}, which the space does not have"
            problems.add(int(row), what, f"Declare {', '.join(others)} in the space, or leave the row out.")
            continue
        atomic[i] = [amounts.get(name, 0.0) for name in names]
        if said.percent and not said.unit:
            percents.append(int(row))
    table = table.drop(columns=[name for name in names if name in table])
    for name, values in zip(names, atomic.T, strict=True):
        table[name] = values
    found = []
    if percents and len(percents) < len(table):
        what = f"{len(percents)} rows are designations such as {table[column].loc[percents[0]]!r}, the others formulas"
        found.append((0, what, f"designations were read in {unit}, formulas in at.%", "Check that this is so."))
    return table, found


def _atomic_percent(said: designations.Designation, unit: str | None) -> dict[str, float]:
    """Return amounts in at.% of what a text says; raises DesignationError where its unit is not known."""
    stated = said.unit or ((unit or "") if said.percent else unit or "at.%")
    total, symbols = sum(said.amounts.values()), list(said.amounts)
    if not stated:
        raise designations.DesignationError("per cent by atoms or by weight? Pass unit='wt.%' or 'at.%'")
    if stated == "wt.%" and len(symbols) > 1:  # an element alone is the whole alloy in any unit
        if abs(total - 100) > 100 * TOLERANCE:
            wrong = f"its amounts sum to {total:g}, expected 100 (wt.%)"
            raise designations.DesignationError(
                f"{wrong}. Write Ti-6Al-4V for per cent, or take unit='at.%' for ratios"
            )
        shares = to_atomic(np.array(list(said.amounts.values())), symbols)
    else:
        shares = np.array(list(said.amounts.values())) / total
    return dict(zip(symbols, (100 * shares).tolist(), strict=True))


def checked_sites(sites: Any, names: Sequence[str]) -> list[tuple[tuple[str, ...], float]]:
    """Return sites as [(elements, total), …]. Raises ValueError unless each element of the space is on one site."""
    found: list[tuple[tuple[str, ...], float]] = []
    for site in sites if isinstance(sites, list | tuple) else [sites]:
        sound = isinstance(site, list | tuple) and len(site) == 2 and is_number(site[1]) and site[1] > 0
        if not sound or not all(isinstance(name, str) for name in site[0]):
            raise ValueError(
                f"Expected sites as [(elements, total), …]; got {shown(sites)}. Write for example "
                "[(['La', 'Sr'], 1), (['Mn', 'Fe'], 1), (['O'], 3)]."
            )
        found.append(((site[0],) if isinstance(site[0], str) else tuple(site[0]), float(site[1])))
    placed = [name for members, _ in found for name in members]
    if sorted(placed) != sorted(names):
        raise ValueError(
            f"Expected sites that hold each element of the space, {list(names)}, once; got {placed}. Correct them."
        )
    return found


def from_sites(
    table: pd.DataFrame, sites: Sequence[tuple[tuple[str, ...], float]], file: Path, problems: Problems
) -> pd.DataFrame:
    """Turn fractions of sites, which sum to a total on each, into at.% of the whole.

    An element that has a site for itself needs no column. Rows in which a site does not sum to its total are added to
    `problems`.
    """
    table, whole = table.copy(), sum(total for _, total in sites)
    for members, total in sites:
        if len(members) == 1 and members[0] not in table:
            table[members[0]] = pd.Series([total] * len(table), index=table.index, dtype=object)
        missing = [name for name in members if name not in table]
        if missing:  # named by whoever asks for the columns
            continue
        values = [[cells.read(cell, share=True).value for cell in table[name]] for name in members]
        for row, found in zip(table.index, np.sum(values, axis=0), strict=True):
            if abs(found / total - 1) > TOLERANCE + 1e-9:
                what = f"row {row}: the site {' '.join(members)} sums to {found:.6g}, expected {total:g}"
                problems.add(int(row), what, f"Correct the shares of {', '.join(members)}.")
        for name, column in zip(members, values, strict=True):
            scaled = [100 * value / whole if np.isfinite(value) else None for value in column]
            table[name] = [cell if new is None else new for cell, new in zip(table[name], scaled, strict=True)]
    return table
