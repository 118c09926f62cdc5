"""What is kept of finished work: trajectories packed into `data/results/compact/`, and earlier ones in `data/results/`.

`versions.csv` there lists the package versions they were computed with. `data/SHA256SUMS` seals them, the trained
weights and the element table: a file that has changed since is found, whoever changed it.
"""

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from compendium import ROOT, store
from compendium.running import compact, studies
from compendium.running.cells import Cell, declared

SEALS = "data/SHA256SUMS"
SEALED = ("data/environments/**/*.*", "data/results/**/*.*", "lib/alloygrad/features/elements.csv")
"""Patterns of the files that are sealed; like `SEALS`, below the compendium's top folder."""

DECISIVE = ("numpy", "scipy", "scikit-learn", "torch")
"""Packages whose version, like Python's, may change the last digits of a result."""


def record() -> pd.DataFrame:
    """Pack the complete trajectories of the working store that are not recorded yet; return what is recorded now.

    They enter the compact record. Only trajectories with the name that the present code gives them are kept: those of
    earlier behaviour are dropped.

    Raises:
        SystemExit: A record was found broken. Packing what is left would pass for the whole of it.
    """
    summary = []
    for cell in declared().values():
        full, packed = (_kept(cell, path) for path in compact.files(cell))
        before = _experiments(full) | _experiments(packed)
        new = {name: compact.pack(cell, rows) for name, rows in _unrecorded(cell, before)}
        if new:
            older = [] if packed is None else [packed[~packed["trajectory"].isin(new)]]
            table = pd.concat([*older, *new.values()]).sort_values(["seed", "experiment"])
            store.write_parquet(compact.files(cell)[1], table, small=True)
        if recorded := before.keys() | new.keys():
            size = sum(path.stat().st_size for path in compact.files(cell) if path.exists()) // 1000
            added = len(new.keys() - before.keys())
            summary.append({"cell": cell.name, "trajectories": len(recorded), "new": added, "kB": size})
    for path in (store.working() / "optima").glob("*.json"):
        store.write(store.RESULTS / "optima" / path.name, lambda p, path=path: p.write_bytes(path.read_bytes()))
    return pd.DataFrame(summary)


def _kept(cell: Cell, path: Path) -> pd.DataFrame | None:
    """The recorded trajectories in this file that still have their names; the others are removed from it."""
    table = store.read_parquet(path)
    if (broken := store.set_aside(path)).exists():
        raise SystemExit(
            f"{path} was broken and stands aside as {broken.name}. Restore it (`git checkout {path}`) and "
            f"delete {broken.name}, or delete both to record what has been computed since; then record again."
        )
    if table is None:
        return None
    kept = table[table["trajectory"].isin({cell.trajectory_name(seed) for seed in table["seed"].unique().tolist()})]
    if kept.empty:
        path.unlink()
        return None
    if len(kept) < len(table):
        store.write_parquet(path, kept, small=path == compact.files(cell)[1])
    return kept


def _experiments(table: pd.DataFrame | None) -> dict[str, int]:
    """Number of the last experiment of each trajectory."""
    return {} if table is None else table.groupby("trajectory")["experiment"].max().to_dict()


def _unrecorded(cell: Cell, before: Mapping[str, int]) -> Iterator[tuple[str, pd.DataFrame]]:
    """The complete trajectories in the working store that reach beyond what is recorded, with their present names."""
    for path in sorted(studies.folder(cell).glob("*.parquet")):
        rows = store.read_parquet(path)
        if rows is None or not studies.is_complete(cell, rows):
            continue
        named = path.stem == cell.trajectory_name(int(rows["seed"].iloc[0]))
        if named and rows["experiment"].max() > before.get(path.stem, -1):
            yield path.stem, rows.assign(trajectory=path.stem)


def record_versions() -> pd.DataFrame:
    """List what every code version of the records ran with in `versions.csv`: columns code, python, `DECISIVE`.

    Existing rows are kept. New code versions are taken to have run with what is installed now, since one records where
    one computes. Rows of code versions that no record has any more are dropped.
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
    for packed in [*store.RESULTS.glob("*.parquet"), *store.RESULTS.glob("compact/*.parquet")]:
        codes |= set(pq.read_table(packed, columns=["code"])["code"].to_pylist())
    for scores in set(store.RESULTS.glob("*.csv")) - {store.RESULTS / "versions.csv"}:
        codes |= set(pd.read_csv(scores).get("code", ()))
    return codes


def installed_versions() -> dict[str, str]:
    """Python and `DECISIVE` as they run now, without builds (+cpu)."""
    return {"python": platform.python_version()} | {name: version(name).split("+")[0] for name in DECISIVE}


def recorded_versions() -> pd.DataFrame:
    """The table of `record_versions`, all text; empty where nothing is recorded."""
    path = store.RESULTS / "versions.csv"
    return pd.read_csv(path, dtype=str) if path.exists() else pd.DataFrame(columns=["code", "python", *DECISIVE])


def other_versions() -> str:
    """How the installed packages differ from those the records ran with, in a sentence; "" where they do not."""
    recorded = recorded_versions()
    differences = [
        f"{name} {' and '.join(others)} (installed: {now})"
        for name, now in installed_versions().items()
        if (others := sorted(set(recorded[name]) - {now}))
    ]
    return f"Recorded results were computed with {', '.join(differences)}." if differences else ""


def seal() -> None:
    """Write the SHA-256 of every file of `SEALED` into `SEALS`, as `sha256sum --check` reads it in the top folder."""
    text = "".join(f"{value}  {name}\n" for name, value in _seals().items())
    store.write(ROOT / SEALS, lambda path: path.write_text(text, encoding="utf-8"))


def broken_seals() -> list[str]:
    """Files of `SEALED` that are not what `seal` saw, each with its fault: changed, missing or new."""
    lines = (ROOT / SEALS).read_text(encoding="utf-8").splitlines()
    sealed, found = dict(line.split("  ")[::-1] for line in lines), _seals()
    what = {name: "changed" if name in found else "missing" for name in sealed if found.get(name) != sealed[name]}
    return [f"{name} ({why})" for name, why in (what | dict.fromkeys(found.keys() - sealed.keys(), "new")).items()]


def _seals() -> dict[str, str]:
    files = sorted(path for pattern in SEALED for path in ROOT.glob(pattern) if path.is_file() and path.name[0] != ".")
    return {path.relative_to(ROOT).as_posix(): store.file_digest(path) for path in files}
