"""What is kept of finished work: trajectories packed into `data/results/`.

`versions.csv` there says what they ran with, and `data/SHA256SUMS` seals them, the trained weights and the element
table: a file that is no longer what was recorded is found, whoever changed it.
"""

import platform
from importlib.metadata import version

import pandas as pd
import pyarrow.parquet as pq

from compendium import DATA, store
from compendium.running import studies

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
    for cell in studies.declared().values():
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
    for scores in set(store.RESULTS.glob("*.csv")) - {store.RESULTS / "versions.csv"}:
        codes |= set(pd.read_csv(scores).get("code", ()))
    return codes


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
