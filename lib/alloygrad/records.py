"""What is kept of finished work: trajectories and scores packed into `data/results/`, some trajectories repeated.

`versions.csv` there says what they ran with, and `data/SHA256SUMS` seals them, the trained weights and the element
table: a file that is no longer what was recorded is found, whoever changed it.
"""

import platform
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from scipy.optimize import linear_sum_assignment
from tqdm import tqdm

from alloygrad import DATA, comparisons, store, studies
from alloygrad.acquisition import log_ei
from alloygrad.campaign import choose_features, initial_rows, measure, trajectory
from alloygrad.cells import Cell
from alloygrad.features import FeatureMap, parse_feature
from alloygrad.surrogate import condition
from alloygrad.threads import one_thread

SEALED = ("elements.csv", "environments/**/*.*", "results/**/*.*")
"""Patterns of files below `data/` that are sealed."""

DECISIVE = ("numpy", "scipy", "scikit-learn", "torch")
"""Packages whose version, beside Python's, may change the last digits of a result."""


def record() -> pd.DataFrame:
    """Pack the complete trajectories of the working store into `data/results/`; returns what is recorded now.

    Only trajectories that the present code would name so are kept: those of earlier behaviour go. Raises SystemExit
    where a record was found broken: packing what is left would pass for the whole of it.
    """
    summary = []
    for cell in studies.CELLS.values():
        packed, tables = store.RESULTS / f"{cell.name}.parquet", {}
        table = store.read_parquet(packed)
        if (broken := store.set_aside(packed)).exists():
            raise SystemExit(
                f"{packed} was broken and stands aside as {broken.name}. Restore it (`git checkout {packed}`) and "
                f"delete {broken.name}, or delete both to record what has been computed since; then record again."
            )
        if table is not None:
            tables = {name: rows for name, rows in table.groupby("trajectory", sort=False)}
        before = {name: len(rows) for name, rows in tables.items()}
        for path in sorted(studies.folder(cell).glob("*.parquet")):
            rows = store.read_parquet(path)
            if rows is not None and studies.is_complete(cell, rows) and len(rows) > before.get(path.stem, 0):
                tables[path.stem] = rows.assign(trajectory=path.stem)
        tables = {
            name: rows for name, rows in tables.items() if name == cell.trajectory_name(int(rows["seed"].iloc[0]))
        }
        lengths = {name: len(rows) for name, rows in tables.items()}
        if before and not tables:
            packed.unlink()
        elif lengths != before:
            table = pd.concat(tables.values()).sort_values(["seed", "experiment"])
            store.write_parquet(packed, table)
        if tables:
            size = packed.stat().st_size // 1000
            summary.append(
                {"cell": cell.name, "trajectories": len(tables), "new": len(set(tables) - set(before)), "kB": size}
            )
    for path in (store.working() / "optima").glob("*.json"):
        store.write(store.RESULTS / "optima" / path.name, lambda p, path=path: p.write_bytes(path.read_bytes()))
    return pd.DataFrame(summary)


def record_comparisons(draws: int = 64) -> pd.DataFrame:
    """Pack the scores of the declared comparisons that working store and record hold; returns what is recorded now.

    As for trajectories, only draws that the present code would name so are kept.
    """
    tables = [
        comparisons.stored(comparison, draws, recorded=True).assign(
            dataset=comparison.dataset, target=comparison.target, formulas=len(comparison.formulas)
        )
        for comparison in comparisons.COMPARISONS.values()
    ]
    table = pd.concat(tables)[["dataset", "target", "formulas", *comparisons.COLUMNS]]
    if len(table):
        store.write(comparisons.RECORD, lambda path: table.to_csv(path, index=False))
    counts = table.groupby(["dataset", "target", "formulas"], sort=False)["draw"].nunique()
    return counts.rename("draws").reset_index()


def record_versions() -> pd.DataFrame:
    """Write down what every code version of the records ran with: `versions.csv`, columns code, python, ``DECISIVE``.

    Rows that stand are kept; codes that are new are taken to have run with what is installed now, since one records
    where one computes. Codes of which nothing is recorded any more go.
    """
    known, codes = recorded_versions(), recorded_codes()
    new = [{"code": code, **installed_versions()} for code in sorted(codes - set(known["code"]))]
    if new or set(known["code"]) - codes:
        table = pd.concat([known[known["code"].isin(codes)], pd.DataFrame(new, columns=known.columns)])
        store.write(store.RESULTS / "versions.csv", lambda path: table.to_csv(path, index=False))
    return recorded_versions()


def recorded_codes() -> set[str]:
    """The code versions that anything recorded was computed with."""
    codes = {store.read_json(best)["code"] for best in (store.RESULTS / "optima").glob("*.json")}
    for packed in store.RESULTS.glob("*.parquet"):
        codes |= set(pq.read_table(packed, columns=["code"])["code"].to_pylist())
    scores = store.RESULTS / comparisons.RECORD.name
    return codes | (set(pd.read_csv(scores)["code"]) if scores.exists() else set())


def installed_versions() -> dict[str, str]:
    """Python and ``DECISIVE`` as they run now, without builds (+cpu)."""
    return {"python": platform.python_version()} | {name: version(name).split("+")[0] for name in DECISIVE}


def recorded_versions() -> pd.DataFrame:
    """The table of `record_versions`, all text; empty where nothing is recorded."""
    path = store.RESULTS / "versions.csv"
    return pd.read_csv(path, dtype=str) if path.exists() else pd.DataFrame(columns=["code", "python", *DECISIVE])


def other_versions() -> str:
    """How what is installed differs from what the records ran with, in a sentence; "" where it does not."""
    recorded = recorded_versions()
    differences = [
        f"{name} {' and '.join(others)} (installed: {now})"
        for name, now in installed_versions().items()
        if (others := sorted(set(recorded[name]) - {now}))
    ]
    return f"Recorded results were computed with {', '.join(differences)}." if differences else ""


def seal() -> None:
    """Write the SHA-256 of every file of ``SEALED`` into `data/SHA256SUMS`, as `sha256sum --check` reads it."""
    text = "".join(f"{value}  {name}\n" for name, value in _seals().items())
    store.write(DATA / "SHA256SUMS", lambda path: path.write_text(text, encoding="utf-8"))


def broken_seals() -> list[str]:
    """Files of ``SEALED`` that are not what `seal` saw, each with what is the matter."""
    lines = (DATA / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sealed, found = dict(line.split("  ")[::-1] for line in lines), _seals()
    what = {name: "changed" if name in found else "missing" for name in sealed if found.get(name) != sealed[name]}
    return [f"{name} ({why})" for name, why in (what | dict.fromkeys(set(found) - set(sealed), "new")).items()]


def _seals() -> dict[str, str]:
    files = sorted(path for pattern in SEALED for path in DATA.glob(pattern) if path.is_file() and path.name[0] != ".")
    return {path.relative_to(DATA).as_posix(): store.file_digest(path) for path in files}


def audit(states: int = 6, seed: int = 0) -> pd.DataFrame:
    """Repeat recorded experiments from the rows before them: one at random of each recorded cell, in random order.

    States beyond their number begin anew with the first. Cells with another surrogate than the GP are left out: what
    their fits give depends on the processor.

    One row per state: do its trajectory's initial compositions come out the same, and its features (see `_alike`), was
    the same composition suggested, and by how much do these differ now: merit and log EI of the recorded composition,
    at the recorded hyperparameters; log posterior of a new fit; value (of the acquisition function; log EI in place of
    EI) where it is maximised anew?
    """
    rng, found = np.random.default_rng(seed), []
    recorded = {
        cell.name: _recorded(cell)
        for cell in studies.CELLS.values()
        if cell.settings.surrogate == "gp" and (store.RESULTS / f"{cell.name}.parquet").exists()
    }
    order = list(rng.permutation(sorted(recorded)))
    for state in tqdm(range(states if recorded else 0), desc="audit", unit="state"):
        name = order[state % len(order)]
        cell, rows = studies.CELLS[name], recorded[name]
        then = int(rng.choice(rows["seed"].unique()))
        rows = rows[rows["seed"] == then]
        experiment = int(rng.integers(rows["experiment"].max() + 1))
        before = rows[rows["experiment"] < experiment].to_dict("records")
        was = rows[rows["experiment"] == experiment].iloc[0]
        settings = replace(cell.settings, n_experiments=experiment + 1)  # a record may be longer than the cell asks
        with one_thread():
            start = pd.DataFrame(initial_rows(settings, cell.space(), cell.environment(), then))
            counts = start[list(cell.space().elements)].to_numpy(np.int64)
            chosen = choose_features(settings, cell.space(), counts, start["merit"].to_numpy(), then)
            now = next(trajectory(settings, cell.space(), cell.environment(), then, done=before))
        elements = list(cell.space().elements)
        composition = cell.space().fractions(was[elements].to_numpy(np.int64))
        value = "log_ei" if settings.acquisition == "ei" else "value"
        differences = {
            "merit": measure(cell.environment(), composition)["merit"] - was["merit"],
            "log_ei": _log_ei(cell, before, was, composition) - was["log_ei"],
            "log_posterior": now["log_posterior"] - was["log_posterior"],
            "value": now[value] - was[value],
        }
        same = {
            "same_start": np.array_equal(counts, rows.loc[rows["experiment"] < 0, elements].to_numpy()),
            "same_features": _alike(cell, chosen, was["features"].split(), counts),
            "same_composition": bool((was[elements] == pd.Series(now)[elements]).all()),
        }
        found.append({"cell": name, "seed": then, "experiment": experiment, **same, **differences})
    return pd.DataFrame(found)


def _alike(cell: Cell, chosen: Sequence, recorded: Sequence, counts: np.ndarray) -> bool:
    """Whether two sets of features tell `counts` (rows, n_elements) apart alike, each feature as one of the other set.

    Among an alloy's elements two properties can be one up to scale and sign: atomic number and valence electrons of
    V Cr Mn Fe. Sets that differ in these alone score the same but for rounding, so that the processor decides.
    """

    def distances(features: Sequence) -> np.ndarray:
        """(rows, rows, n_features), each feature scaled to 0 … 1."""
        values = FeatureMap(cell.space().elements, features)(cell.space().fractions(counts)).numpy()
        width = np.ptp(values, axis=0)
        values = values / np.where(width > 0, width, 1.0)
        return np.abs(values[:, None] - values)

    apart = np.abs(distances(chosen)[..., None] - distances(recorded)[..., None, :]).max((0, 1))
    one = apart <= 1e-6  # (chosen, recorded)
    return len(chosen) == len(recorded) and bool(one[linear_sum_assignment(one, maximize=True)].all())


def _log_ei(cell: Cell, before: list[dict], was: pd.Series, composition: np.ndarray) -> float:
    """Log EI of `composition` (n_elements,) after the rows `before`, at the hyperparameters of the row `was`."""
    rows, space = pd.DataFrame(before), cell.space()
    features = FeatureMap(space.elements, [parse_feature(feature) for feature in was["features"].split()])
    lengthscales = was[[f"lengthscale_{i}" for i in range(len(features.names))]].to_numpy(float)
    measured, merits = space.fractions(rows[list(space.elements)].to_numpy(np.int64)), np.array(rows["merit"])
    surrogate = condition(features, measured, merits, lengthscales, was["outputscale"], was["mean"])
    return log_ei(surrogate, merits.max())(composition).item()


def _recorded(cell: Cell) -> pd.DataFrame:
    return pd.read_parquet(store.RESULTS / f"{cell.name}.parquet").drop(columns="trajectory")


def report_audit(states: int = 50) -> None:
    """`audit`, printed; raises SystemExit where a recorded result no longer comes out of the code.

    Bounds: the same initial compositions, features that are alike; merit and log EI, at recorded hyperparameters, to
    1e-6; log posterior no worse by 1e-3; value of the new maximum no lower by 1e-3, but for the paper's loop: SLSQP
    turns the last bit of another processor into another end. What is sealed must be as it was sealed.
    """
    if broken := broken_seals():
        raise SystemExit(
            f"Not as recorded in data/: {', '.join(broken)}. Restore them by `git checkout`; "
            "if the change is meant, seal it: `make record`."
        )
    table = audit(states)
    if table.empty:
        print("Audit: nothing is recorded.")
        return
    print(table.to_string(index=False))
    sound = table["same_start"] & table["same_features"]
    sound &= (table["merit"].abs() <= 1e-6) & (table["log_ei"].abs() <= 1e-6)  # false for NaN
    slsqp = table["cell"].map(lambda name: studies.CELLS[name].settings.maximiser == "published")
    sound &= (table["log_posterior"] >= -1e-3) & (slsqp | (table["value"] >= -1e-3))
    print(f"{len(table)} recorded experiments repeated: {table['same_composition'].mean():.0%} identical suggestions.")
    if others := other_versions():
        print(others)
    if not sound.all():
        raise SystemExit(f"Audit failed for {(~sound).sum()} of them: find the change, or recompute and record anew.")
