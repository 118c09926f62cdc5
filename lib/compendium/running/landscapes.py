"""The highest merit of a study cell's landscape: the true optimum, or the best known. Each curve is read against it.

Computed once; kept below `optima` in the store and the record, under a digest of the landscape, and measured again
whenever it is read.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from tqdm import tqdm

from alloygrad.maximisers import maximise
from alloygrad.spaces.composition import CompositionSpace, require_elements
from compendium import store
from compendium.running.cells import Cell
from compendium.running.threads import one_thread

ENUMERABLE = 10**7
"""Grids up to so many compositions are enumerated for their optimum: some minutes of one core."""

SEARCH = {"screen": 65536, "starts_per_element": 100}
"""Of an ascent on an environment: much longer than one in a campaign."""

SEARCHES = 16
"""So many are run where the grid is too large."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best composition of a space: counts (n_elements,) in steps, its merit, and how many were compared.

    exact: all were; otherwise it is the best that is known.
    """

    counts: np.ndarray
    merit: float
    compared: int
    exact: bool = True


def true_optimum(environment: Callable, space: CompositionSpace, *, progress: bool = True) -> Optimum:
    """Exhaustive maximum of an environment's merit over the whole grid of `space`; the first wins a tie.

    environment: fractions (rows, n_elements) → {"merit": (rows,)} or the merits alone. Raises ValueError at a merit
    that is not finite, which no comparison could rank, and for an environment of other elements than the space's.
    """
    require_elements(space, environment=environment)
    best, merit = None, -np.inf
    with tqdm(total=space.size, unit="compositions", unit_scale=True, disable=not progress, desc="true optimum") as bar:
        for counts in space.enumerate():
            outcome = environment(space.fractions(counts))
            merits = outcome["merit"] if isinstance(outcome, Mapping) else outcome
            if not np.isfinite(merits).all():
                bad = int(np.flatnonzero(~np.isfinite(merits))[0])
                where = dict(zip(space.elements, space.fractions(counts[bad]).tolist(), strict=True))
                raise ValueError(f"The merit at {where} is {merits[bad]}; mend the environment there or leave it out.")
            top = int(np.argmax(merits))
            if merits[top] > merit:
                best, merit = counts[top], float(merits[top])
            bar.update(len(counts))
    return Optimum(best, merit, space.size)


def optimum(cell: Cell) -> Optimum:
    """True optimum of a cell's landscape over its whole grid, computed once; a recorded one is measured again."""
    name = _optimum_name(cell)
    return _kept(name, cell) or _keep(name, cell, true_optimum(cell.environment(), cell.space()))


def best_known(cell: Cell, rows: Iterable[pd.DataFrame] = ()) -> Optimum:
    """The true optimum where it is known or the grid has at most `ENUMERABLE` compositions, else the best ever found.

    That is the best of long ascents on the environment itself, computed once and kept like an optimum, and of the
    experiments in `rows`, trajectories of any cells of the same landscape.
    """
    if (known := _kept(_optimum_name(cell), cell)) or cell.space().size <= ENUMERABLE:
        return known or optimum(cell)
    name = f"best-{store.digest({**cell.landscape(), 'searches': SEARCHES, **SEARCH})}.json"
    best = _kept(name, cell) or _keep(name, cell, _climb(cell))
    for table in rows:
        if len(table) and table["merit"].max() > best.merit:
            top = table.loc[table["merit"].idxmax()]
            counts = top[list(cell.space().elements)].to_numpy(np.int64)
            best = replace(best, counts=counts, merit=float(top["merit"]))
    return best


def _climb(cell: Cell) -> Optimum:
    """The best of `SEARCHES` long ascents on the merit; search k draws from a generator of seed k."""
    space, environment = cell.space(), cell.environment()
    with one_thread():
        found = [
            maximise(environment.value, space, "ascent", rng=np.random.default_rng(seed), **SEARCH)
            for seed in range(SEARCHES)
        ]
    best = max(found, key=lambda suggestion: suggestion.value)
    merit = float(environment(best.composition)["merit"])
    return Optimum(best.counts, merit, sum(each.evaluations for each in found), exact=False)


def _optimum_name(cell: Cell) -> str:
    return f"optimum-{store.digest(cell.landscape())}.json"


def _kept(file: str, cell: Cell) -> Optimum | None:
    """What store or record hold under this name, if the environment still gives its merit."""
    for folder in (store.working(), *([store.RESULTS] if store.is_default() else [])):
        if (entry := store.read_json(folder / "optima" / file)) is not None:
            counts = np.array(entry["counts"])
            if abs(cell.environment()(cell.space().fractions(counts))["merit"] - entry["merit"]) < 1e-9:
                return Optimum(counts, entry["merit"], entry["compared"], file.startswith("optimum"))
    return None


def _keep(file: str, cell: Cell, best: Optimum) -> Optimum:
    content = {"cell": cell.name, "counts": best.counts.tolist(), "merit": best.merit, "compared": best.compared}
    content |= {"code": store.code_version(), "landscape": cell.landscape()}
    store.write_json(store.working() / "optima" / file, content)
    return best
