"""The highest merit of a study cell's landscape: the true optimum, or the best known. Its curves are read against it.

It is computed once, stored below `optima` in store and records under a digest of the landscape, and measured again
whenever it is read.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from alloygrad.maximisers import maximise
from alloygrad.spaces.composition import CompositionSpace, require_elements
from compendium import store
from compendium.running.cells import Cell
from compendium.threads import one_thread

ENUMERABLE = 10**7
"""Grids of up to so many compositions are enumerated for their optimum, which takes minutes on one core."""

SEARCH = {"screen": 65536, "starts_per_element": 100}
"""Options of an ascent on an environment: much longer than one in a campaign."""

SEARCHES = 16
"""So many ascents are run where the grid is too large to enumerate."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best composition of a space: counts (n_elements,) in steps, its merit, and how many were compared.

    exact: all were compared; otherwise it is the best that is known.
    """

    counts: np.ndarray
    merit: float
    compared: int
    exact: bool = True


def true_optimum(environment: Callable, space: CompositionSpace, *, progress: bool = True) -> Optimum:
    """Return the exhaustive maximum of an environment's merit over the whole grid of `space`; the first wins a tie.

    Args:
        environment: Fractions (rows, n_elements) → {"merit": (rows,)}, or the merits alone.
        space: The grid.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: A merit is not finite, or the environment has other elements than the space.
    """
    require_elements(space, environment)
    best, merit = None, -np.inf
    with tqdm(total=space.size, unit="compositions", unit_scale=True, disable=not progress, desc="true optimum") as bar:
        for counts in space.enumerate():
            outcome = environment(space.fractions(counts))
            merits = outcome["merit"] if isinstance(outcome, Mapping) else outcome
            if not np.isfinite(merits).all():
                bad = int(np.flatnonzero(~np.isfinite(merits))[0])
                where = dict(zip(space.elements, space.fractions(counts[bad]).tolist(), strict=True))
                raise ValueError(
                    f"The merit at {where} is {merits[bad]}, which cannot be ranked: mend the environment."
                )
            top = int(np.argmax(merits))
            if merits[top] > merit:
                best, merit = counts[top], float(merits[top])
            bar.update(len(counts))
    return Optimum(best, merit, space.size)


def optimum(cell: Cell) -> Optimum:
    """Return the true optimum of a cell's landscape over its whole grid, from store or record if it is there."""
    name = _optimum_name(cell)
    return _kept(name, cell) or _keep(name, cell, true_optimum(cell.environment(), cell.space()))


def best_known(cell: Cell, rows: Iterable[pd.DataFrame] = ()) -> Optimum:
    """Return the true optimum if it is known or the grid is `ENUMERABLE`, otherwise the best composition ever found.

    That is the best of long ascents on the environment itself, stored like an optimum, and of the experiments in
    `rows`: trajectories of any cells of the same landscape.
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


def top(cell: Cell, rows: Iterable[pd.DataFrame] = ()) -> dict[str, Any]:
    """Return `best_known` as a row of a table: alloy, n_elements, step, merit, exact, composition (in at.%)."""
    best, space = best_known(cell, rows), cell.space()
    shares = zip(space.elements, 100 * space.fractions(best.counts), strict=True)
    composition = " ".join(f"{element}{share:.4g}" for element, share in shares if share > 0)
    about = {"alloy": cell.alloy, "n_elements": cell.n_elements, "step": cell.step}
    return {**about, "merit": best.merit, "exact": best.exact, "composition": composition}


def _climb(cell: Cell) -> Optimum:
    """The best of `SEARCHES` long ascents on the merit; ascent k has the seed k."""
    space, environment = cell.space(), cell.environment()
    with one_thread():
        found = [
            maximise(environment.value, space, "ascent", rng=np.random.default_rng(seed), options=SEARCH)
            for seed in range(SEARCHES)
        ]
    best = max(found, key=lambda suggestion: suggestion.value)
    merit = float(environment(best.composition)["merit"])
    return Optimum(best.counts, merit, sum(each.evaluations for each in found), exact=False)


def _optimum_name(cell: Cell) -> str:
    return f"optimum-{store.digest(cell.landscape())}.json"


def _kept(file: str, cell: Cell) -> Optimum | None:
    """The optimum that store or record hold in this file, if the environment still gives its merit there."""
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
