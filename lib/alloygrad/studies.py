"""Expensive work: the store of trajectories, and running what it lacks.

A study cell (`cells`) is one curve of one figure. The store keeps
one file per trajectory, named by the digest of all that makes it and its seed and rewritten whole after every
experiment; finished cells are packed into `data/results/`, one file each. So a killed study loses at most one
experiment, nothing is computed twice, and asking for more experiments continues what is there.

The environment variable ALLOYGRAD_STORE names another store than `data/runs/`; recorded results are then not read.
"""

import fnmatch
import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from alloygrad import DATA, environments, store
from alloygrad.campaign import BEHAVIOUR, Settings, choose_features, trajectory
from alloygrad.cells import CELLS, FULL, Cell, fixed
from alloygrad.maximisers import maximise
from alloygrad.threads import one_thread

RESULTS = DATA / "results"

ENUMERABLE = 10**7
"""Grids up to so many compositions are enumerated for their optimum: some minutes of one core."""

SEARCH = {"screen": 65536, "starts_per_element": 100}
"""Of an ascent on an environment: much longer than one in a campaign."""

SEARCHES = 16
"""So many are run where the grid is too large."""


def trajectories(
    cell: Cell, n: int, *, experiments: int | None = None, workers: int | None = None, compute: bool = True
) -> pd.DataFrame:
    """Rows of the first n trajectories (seeds 0 … n − 1), read from the store and the records; missing ones are run.

    n: at most as many as the cell plans. experiments: how many of each (default: the cell's). compute=False returns
    what is there. Raises no error for a trajectory that exists already, whoever computed it.
    """
    if experiments is not None:
        cell = replace(cell, settings=replace(cell.settings, n_experiments=experiments))
    seeds = range(min(n, cell.planned))
    found = _read(cell, seeds)
    missing = [seed for seed, rows in found.items() if not is_complete(cell, rows)]
    if compute and missing:
        _run_all(cell, {seed: found[seed] for seed in missing}, workers or cpu_count())
        found = _read(cell, seeds)
    complete = [
        rows[rows["experiment"] < cell.settings.n_experiments] for rows in found.values() if is_complete(cell, rows)
    ]
    return pd.concat(complete, ignore_index=True) if complete else pd.DataFrame()


def run_planned(pattern: str = "*", *, wave: int = 8, upto: int = FULL) -> None:
    """Compute what the planned trajectories of the cells named by `pattern` lack: the first `wave` of each, and so on.

    So that, whenever it is stopped, every curve has been given about as many trajectories.
    """
    for n in range(wave, upto + wave, wave):
        for name in fnmatch.filter(CELLS, pattern):
            trajectories(CELLS[name], min(n, upto))


def is_complete(cell: Cell, rows: pd.DataFrame) -> bool:
    """Whether a trajectory's rows reach the cell's last experiment."""
    return len(rows) >= cell.settings.n_initial + cell.settings.n_experiments


def folder(cell: Cell) -> Path:
    """Where the working files of a cell's trajectories stand."""
    return store.working() / "trajectories" / cell.name


def _path(cell: Cell, seed: int) -> Path:
    return folder(cell) / f"{cell.trajectory_name(seed)}.parquet"


def _read(cell: Cell, seeds: Iterable[int]) -> dict[int, pd.DataFrame]:
    """Rows of each seed's trajectory, the longer of record and working file; empty if there is neither."""
    recorded, packed = {}, RESULTS / f"{cell.name}.parquet"
    if store.is_default() and packed.exists():
        recorded = dict(iter(pd.read_parquet(packed).groupby("trajectory")))
    found = {}
    for seed in seeds:
        rows = pd.read_parquet(path) if (path := _path(cell, seed)).exists() else pd.DataFrame()
        other = recorded.get(cell.trajectory_name(seed), rows).drop(columns="trajectory", errors="ignore")
        found[seed] = (other if len(other) > len(rows) else rows).reset_index(drop=True)
    return found


def run(cell: Cell, seed: int, found: pd.DataFrame, path: Path) -> None:
    """Run one trajectory to its end from the rows found on; `path` is rewritten after every experiment.

    Rows and path come from outside: a worker may have been started under another ALLOYGRAD_STORE.
    """
    rows, code = found.to_dict("records"), store.code_version()
    with one_thread():
        choose = partial(_chosen, cell, path.parents[2] / "selections")
        for row in trajectory(cell.settings, cell.space(), cell.environment(), seed, done=rows, choose=choose):
            rows.append({**row, "code": code})
            if row["experiment"] >= -1:
                store.write(path, pd.DataFrame(rows).to_parquet)


def _chosen(cell: Cell, folder: Path, settings: Settings, space, counts, merits, seed: int) -> list[str]:
    """`choose_features`, kept in `folder` for all cells that share landscape, initial data and selection."""
    made_by = {"behaviour": BEHAVIOUR, "selection": settings.selection, "formulas": settings.formulas}
    made_by |= {"n_features": settings.n_features, "n_initial": settings.n_initial, "seed": seed}
    name = store.digest({**fixed(replace(cell, settings=None)), **made_by})
    path = folder / f"{name}.json"
    if not path.exists():
        features = [":".join(feature) for feature in choose_features(settings, space, counts, merits, seed)]
        store.write_json(path, {"cell": cell.name, **made_by, "features": features, "code": store.code_version()})
    return json.loads(path.read_text())["features"]


def _run_all(cell: Cell, found: dict[int, pd.DataFrame], workers: int) -> None:
    """Run trajectories side by side; the bar counts experiments, read from the files' row counts."""
    paths = {seed: _path(cell, seed) for seed in found}
    per_trajectory = cell.settings.n_experiments

    def finished() -> int:
        rows = (pq.read_metadata(path).num_rows for path in paths.values() if path.exists())
        return sum(min(n - cell.settings.n_initial, per_trajectory) for n in rows)

    with tqdm(total=len(found) * per_trajectory, initial=finished(), desc=cell.name, unit="experiment") as bar:
        done = threading.Event()

        def watch():
            while not done.wait(1.0):
                bar.update(finished() - bar.n)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            Parallel(n_jobs=min(workers, len(found)))(
                delayed(run)(cell, seed, rows, paths[seed]) for seed, rows in found.items()
            )
        finally:
            done.set()
            watcher.join()
        bar.update(finished() - bar.n)


def optimum(cell: Cell) -> environments.Optimum:
    """True optimum of a cell's landscape over its whole grid, computed once; a recorded one is measured again."""
    name = _optimum_name(cell)
    return _kept(name, cell) or _keep(name, cell, environments.true_optimum(cell.environment(), cell.space()))


def best_known(cell: Cell, rows: Iterable[pd.DataFrame] = ()) -> environments.Optimum:
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


def _climb(cell: Cell) -> environments.Optimum:
    """The best of `SEARCHES` long ascents on the merit; search k draws from a generator of seed k."""
    space, environment = cell.space(), cell.environment()
    with one_thread():
        found = [
            maximise(environment.value, space, "ascent", rng=np.random.default_rng(seed), **SEARCH)
            for seed in range(SEARCHES)
        ]
    best = max(found, key=lambda suggestion: suggestion.value)
    merit = float(environment(best.composition)["merit"])
    return environments.Optimum(best.counts, merit, sum(each.evaluations for each in found), exact=False)


def _optimum_name(cell: Cell) -> str:
    return f"optimum-{store.digest(cell.landscape())}.json"


def _kept(file: str, cell: Cell) -> environments.Optimum | None:
    """What store or record hold under this name, if the environment still gives its merit."""
    for folder in (store.working(), *([RESULTS] if store.is_default() else [])):
        if (path := folder / "optima" / file).exists():
            entry = json.loads(path.read_text())
            counts = np.array(entry["counts"])
            if abs(cell.environment()(cell.space().fractions(counts))["merit"] - entry["merit"]) < 1e-9:
                return environments.Optimum(counts, entry["merit"], entry["compared"], file.startswith("optimum"))
    return None


def _keep(file: str, cell: Cell, best: environments.Optimum) -> environments.Optimum:
    content = {"cell": cell.name, "counts": best.counts.tolist(), "merit": best.merit, "compared": best.compared}
    content |= {"code": store.code_version(), "landscape": cell.landscape()}
    store.write_json(store.working() / "optima" / file, content)
    return best


def costs(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What the trajectories `found` of cells took, and what 96 of each would: one row per cell.

    Columns alloy, arm, n_elements, step, trajectories, planned, cpu_seconds (of one; choosing features not counted;
    by the wall clock where nothing else was kept), hours_done and hours_full, of two cores. NaN where nothing was run.
    """
    table = []
    for name, rows in found.items():
        cell, n = CELLS[name], rows["seed"].nunique() if len(rows) else 0
        times = [rows[column] for column in ("cpu_seconds", "seconds") if column in rows]
        spent = (times[0] if len(times) == 1 else times[0].fillna(times[1])).sum() if times else np.nan
        arm = name.split("_", 2)[2]
        about = {"cell": name, "alloy": cell.alloy, "arm": arm, "n_elements": cell.n_elements, "step": cell.step}
        seconds = spent / n if n else np.nan
        hours = {"hours_done": spent / 7200, "hours_full": FULL * seconds / 7200}
        table.append({**about, "trajectories": n, "planned": cell.planned, "cpu_seconds": seconds, **hours})
    return pd.DataFrame(table)
