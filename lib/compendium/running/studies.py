"""Expensive work: the store of trajectories, and running what it lacks.

A study cell (`cells`) is one curve of one figure. The store keeps one file per trajectory. It is named by the digest of
all that makes the trajectory and its seed, and rewritten whole after every experiment. Finished trajectories are
recorded below `data/results/` (`compact`). So a killed study loses at most one experiment, nothing is computed twice,
and asking for more experiments continues what is there. A trajectory that fails does not stop the others: they are
finished first, then `StudyFailed` names it.

Trajectories run in parallel, in processes of this machine (joblib) or on a Dask cluster (`clusters`). They are the same
bit for bit wherever they run.

The environment variable ALLOYGRAD_STORE names another store than `data/runs/`; recorded results are then not read.
"""

import fnmatch
import threading
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from joblib import cpu_count
from tqdm import tqdm

from alloygrad.campaigns.trajectory import Settings, choose_features, trajectory
from alloygrad.checks import require_whole
from compendium import store
from compendium.running import clusters, compact, description
from compendium.running.cells import FULL, Cell, declared, fixed
from compendium.threads import one_thread


class StudyFailed(RuntimeError):
    """Some trajectories are not finished; the message names them. All others are finished and stored."""


def trajectories(
    cell: Cell,
    n: int,
    *,
    experiments: int | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    compute: bool = True,
) -> pd.DataFrame:
    """Return the rows of the first n trajectories (seeds 0 … n − 1), from store and records; run missing planned ones.

    Args:
        cell: What is run.
        n: Number of trajectories. No more are run than the cell plans; those beyond are returned where they are there.
        experiments: Number of experiments of each (default: the cell's).
        workers: Processes of this machine (default: one per processor).
        cluster: A Dask cluster in their place, see `clusters.connect` (default: what ALLOYGRAD_CLUSTER names).
        compute: False returns what is there.

    Raises:
        StudyFailed: Some trajectories could not be finished. One that another process has computed meanwhile is none.
        PermissionError: The store is read-only.
    """
    require_whole(1, n=n)
    if experiments is not None:
        cell = replace(cell, settings=replace(cell.settings, n_experiments=experiments))
    found = _read(cell, range(n))
    missing = [seed for seed, rows in found.items() if seed < cell.planned and not is_complete(cell, rows)]
    if compute and missing:
        _run_all(cell, {seed: found[seed] for seed in missing}, workers, clusters.named(cluster))
        found = _read(cell, range(n))
        if lost := [seed for seed in missing if not is_complete(cell, found[seed])]:
            raise StudyFailed(
                f"Trajectories of {cell.name} were finished, but their files cannot be read here: seeds {lost}. Either "
                f"they broke since, or workers write elsewhere than {folder(cell)}. The same call continues them."
            )
    complete = [rows for rows in found.values() if is_complete(cell, rows)]
    if not complete:
        return pd.DataFrame()
    table = pd.concat(complete, ignore_index=True)
    return table[table["experiment"] < cell.settings.n_experiments].reset_index(drop=True)


def run_planned(pattern: str = "*", *, wave: int = 8, upto: int = FULL, cluster: str | None = None) -> None:
    """Compute what the planned trajectories of the cells named by `pattern` lack: the first `wave` of each, and so on.

    Whenever it is stopped, every curve has about the same number of trajectories. A wave should be no smaller than the
    number of workers.

    Raises:
        ValueError: No cell fits the pattern.
        StudyFailed: Raised at the end, for all trajectories that failed.
    """
    require_whole(1, wave=wave, upto=upto)
    _run_in_waves([declared()[name] for name in _named(pattern)], upto, wave, cluster)


def run_listed(entries: Iterable[tuple[str, int]], *, wave: int = 8, cluster: str | None = None) -> None:
    """Compute, entry by entry, trajectories beyond the planned ones: `n` of all cells named by `pattern`.

    Raises:
        ValueError: No cell fits a pattern.
        StudyFailed: Raised after the entry in which trajectories failed.
    """
    for pattern, n in entries:
        _run_in_waves([replace(declared()[name], planned=n) for name in _named(pattern)], n, wave, cluster)


def _named(pattern: str) -> list[str]:
    if names := fnmatch.filter(declared(), pattern):
        return names
    first = next(iter(declared()))
    raise ValueError(f"Expected the name of study cells, or a pattern, as {first!r}; {pattern!r} fits none.")


def _run_in_waves(cells: Collection[Cell], upto: int, wave: int, cluster: str | None) -> None:
    """Compute what is missing of the first `wave` trajectories of each cell, then of the next, up to `upto`."""
    failed = {}
    for n in range(wave, upto + wave, wave):
        for cell in cells:
            try:
                trajectories(cell, min(n, upto), cluster=cluster)
            except StudyFailed as error:
                failed[cell.name] = str(error)  # that of the last wave names all that are still missing
    if failed:
        raise StudyFailed("\n".join(failed.values()))


def is_complete(cell: Cell, rows: pd.DataFrame) -> bool:
    """Whether a trajectory's rows reach the cell's last experiment."""
    return len(rows) >= _whole(cell)


def _whole(cell: Cell) -> int:
    return cell.settings.n_initial + cell.settings.n_experiments


def folder(cell: Cell) -> Path:
    """Where the working files of a cell's trajectories are."""
    return store.working() / "trajectories" / cell.name


def _path(cell: Cell, seed: int) -> Path:
    return folder(cell) / f"{cell.trajectory_name(seed)}.parquet"


def _read(cell: Cell, seeds: Collection[int]) -> dict[int, pd.DataFrame]:
    """Rows of each seed's trajectory, the longest of records and working file; empty if there are none."""
    recorded, found = _recorded(cell), {}
    for seed, name in zip(seeds, cell.trajectory_names(seeds), strict=True):
        rows = _working_rows(folder(cell) / f"{name}.parquet")
        found[seed] = max(rows, recorded.get(name, rows), key=len).reset_index(drop=True)
    return found


def _recorded(cell: Cell) -> dict[str, pd.DataFrame]:
    """The recorded rows of a cell by trajectory, from both kinds of record.

    A compact record shorter than the cell is not returned: its digits would not let a trajectory go on as it began.
    """
    if not store.is_default():
        return {}
    full, packed = map(store.read_parquet, compact.files(cell))
    found = {} if full is None else _by_trajectory(full)
    compacted = {} if packed is None else _by_trajectory(compact.unpack(cell, packed))
    for name, rows in compacted.items():
        if len(rows) >= _whole(cell) and len(rows) > len(found.get(name, ())):
            found[name] = rows
    return found


def _by_trajectory(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return dict(iter(rows.drop(columns="trajectory").groupby(rows["trajectory"])))


def _working_rows(path: Path) -> pd.DataFrame:
    return pd.DataFrame() if (rows := store.read_parquet(path)) is None else rows


def _count(path: Path) -> int:
    """Rows of a working file, from its end alone; 0 where there is none or it cannot be read."""
    try:
        return pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowException):
        return 0


def run(cell: Cell, seed: int, found: pd.DataFrame, path: Path) -> None:
    """Run one trajectory to its end from the rows found, or those at `path`, which is rewritten after each experiment.

    Rows and path are passed in, since a worker may have been started under another ALLOYGRAD_STORE. Another process may
    run the same trajectory: a file is never replaced by one with fewer rows.
    """
    rows, code = max(found, _working_rows(path), key=len).to_dict("records"), store.code_version()
    choose = partial(_chosen, cell, path.parents[2] / "selections")
    try:
        with one_thread():
            for row in trajectory(cell.settings, cell.space(), cell.environment(), seed, done=rows, choose=choose):
                rows.append({**row, "code": code})
                if row["experiment"] >= -1 and len(_working_rows(path)) < len(rows):
                    store.write_parquet(path, pd.DataFrame(rows))
    except Exception as error:
        last = rows[-1]["experiment"] if rows and rows[-1]["experiment"] >= -1 else "none"  # the last that is written
        error.add_note(f"Cell {cell.name}, seed {seed}; last experiment finished: {last}.")
        raise


def _attempt(cell: Cell, seed: int, found: pd.DataFrame, path: Path) -> str:
    """`run`; return what went wrong, or "". The traceback goes to the worker's stderr."""
    try:
        run(cell, seed, found, path)
    except Exception as error:
        traceback.print_exc()
        return " ".join("".join(traceback.format_exception_only(error)).split())
    return ""


def _choice(cell: Cell, seed: int) -> tuple[str, dict]:
    """(name of the file in `selections`, its configuration) of the features that a trajectory begins with."""
    chosen = {name: getattr(cell.settings, name) for name in ("selection", "formulas", "n_features", "n_initial")}
    made_by = {"behaviour": description.BEHAVIOUR, **chosen, "seed": seed}
    return f"{store.digest({**fixed(cell), **made_by})}.json", made_by


def _chosen(cell: Cell, folder: Path, settings: Settings, space, counts, merits, seed: int) -> list[str]:
    """`choose_features`, stored in `folder` for all cells that share landscape, initial data and selection."""
    name, made_by = _choice(cell, seed)
    if (entry := store.read_json(folder / name)) is None:
        features = [":".join(feature) for feature in choose_features(settings, space, counts, merits, seed)]
        entry = {"cell": cell.name, **made_by, "features": features, "code": store.code_version()}
        store.write_json(folder / name, entry)
    return entry["features"]


def _keep_recorded_choices(cell: Cell, seeds: Iterable[int]) -> None:
    """Enter in `selections` the features that recorded trajectories of other cells chose from the same initial data.

    Features that are equal up to scale score the same but for rounding, and the processor decides between them. So arms
    that are compared share their features, wherever each was run.
    """
    if not store.is_default():
        return
    place = store.working() / "selections"
    lacking = {seed: path for seed in seeds if not (path := place / _choice(cell, seed)[0]).exists()}
    for other in declared().values() if lacking else ():
        alike = (other.alloy, other.n_elements) == (cell.alloy, cell.n_elements)  # the rest takes longer to compare
        if not alike or _choice(other, 0) != _choice(cell, 0):
            continue
        tables = [table for table in map(store.read_parquet, compact.files(other)) if table is not None]
        if not tables:
            continue
        chosen = pd.concat(table[["trajectory", "features", "code"]] for table in tables).dropna(subset="features")
        first = chosen.drop_duplicates("trajectory").set_index("trajectory")
        for seed in [seed for seed in lacking if other.trajectory_name(seed) in first.index]:
            row = first.loc[other.trajectory_name(seed)]
            entry = {"cell": other.name, **_choice(cell, seed)[1], "features": row["features"].split()}
            store.write_json(lacking.pop(seed), {**entry, "code": row["code"]})


def _run_all(cell: Cell, found: dict[int, pd.DataFrame], workers: int | None, cluster: str | None) -> None:
    """Run trajectories in parallel, each to its end or its failure; then raise `StudyFailed` if any failed."""
    store.require_writable(folder(cell))
    _keep_recorded_choices(cell, found)
    paths = {seed: _path(cell, seed) for seed in found}
    calls = {seed: (cell, seed, rows, paths[seed]) for seed, rows in found.items()}
    client = clusters.connect(cluster, workers) if cluster else None
    workers = min(workers or cpu_count(), len(found))
    failed: dict[int, str] = {}

    def count(seed: int) -> int:
        return max(_count(paths[seed]), len(found[seed]))

    outcomes = clusters.outcomes(_attempt, calls, count, workers=workers, client=client)
    with _progress(cell, calls, count, failed, lambda: clusters.size(client) if client else workers):
        try:
            for seed, failure in outcomes:
                if failure:
                    failed[seed] = failure
        except clusters.WorkersLost as error:
            left = [seed for seed in calls if seed not in failed and count(seed) < _whole(cell)]
            failed.update(dict.fromkeys(left, str(error)))
    if failed:
        reasons = "\n".join(f"  seed {seed}: {reason}" for seed, reason in sorted(failed.items()))
        raise StudyFailed(
            f"{len(failed)} of {len(calls)} trajectories of {cell.name} are not finished, the others are. Nothing that "
            f"was finished is lost: the same call continues after the last experiment of each.\n{reasons}"
        )


@contextmanager
def _progress(
    cell: Cell, seeds: Collection[int], count: Callable[[int], int], failed: Collection[int], slots: Callable[[], int]
) -> Iterator[None]:
    """A bar that counts experiments, with the numbers of trajectories done, running and failed.

    It counts the rows of the files, `count(seed)`, so that it is the same wherever they are run. `slots` run at once.
    """
    over = threading.Event()

    def experiments(rows: list[int]) -> int:
        return sum(min(max(n - cell.settings.n_initial, 0), cell.settings.n_experiments) for n in rows)

    def show() -> None:
        rows = [count(seed) for seed in seeds]
        done = sum(n >= _whole(cell) for n in rows)
        running = min(slots(), len(rows) - done - len(failed))
        bar.set_postfix_str(f"trajectories: {done} done, {running} running, {len(failed)} failed", refresh=False)
        bar.update(experiments(rows) - bar.n)

    def watch() -> None:
        while not over.wait(1.0):
            show()

    total, begun = len(seeds) * cell.settings.n_experiments, experiments([count(seed) for seed in seeds])
    with tqdm(total=total, initial=begun, desc=cell.name, unit="experiment") as bar:
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            show()
            bar.refresh()


def costs(found: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return what the trajectories `found` of each cell took, and what 96 of each would take: one row per cell.

    Columns: alloy, arm, n_elements, step, trajectories, planned, cpu_seconds (of one trajectory, without choosing
    features; wall clock in the oldest rows, which hold nothing else), hours_done and hours_full, on two cores. NaN
    where nothing was run.
    """
    table = []
    for name, rows in found.items():
        cell, n = declared()[name], rows["seed"].nunique() if len(rows) else 0
        times = [rows[column] for column in ("cpu_seconds", "seconds") if column in rows]  # a compact record has one
        spent = times[0].fillna(times[-1]).sum() if n else np.nan
        seconds = spent / n if n else np.nan
        about = {"cell": name, "alloy": cell.alloy, "arm": name.split("_", 2)[2], "n_elements": cell.n_elements}
        about |= {"step": cell.step, "trajectories": n, "planned": cell.planned, "cpu_seconds": seconds}
        table.append({**about, "hours_done": spent / 7200, "hours_full": FULL * seconds / 7200})
    return pd.DataFrame(table)
