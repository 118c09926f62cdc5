"""The published measurements: declared in `data/registry.toml`, fetched, verified, cleaned, doubtful rows flagged.

`fetch` reads the cache `data/raw/`, into which pooch downloads what is missing. If the environment variable
ALLOYGRAD_DATASETS names a folder laid out like the published repository, it reads this folder and never writes to it.
`load` cleans, and asserts how many rows each rule removes. The rules are those of the published code:
    SMA   remove rows without annealing (temperature = time = 0)
    Ti    remove rows with Bi, O, N or Si, and rows whose 11 elements sum to neither [99.9, 100.1] nor (0.998, 1.02]
    HEA   keep all rows
Each composition is then divided by its sum.
"""

import os
import tempfile
import threading
import tomllib
import zipfile
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pooch
import requests
from scipy.sparse.csgraph import connected_components

from alloygrad.tables.reading import fractions, numeric, read_table
from compendium import DATA, ROOT, store

MIRROR_VARIABLE = "ALLOYGRAD_DATASETS"
CACHE = DATA / "raw"
TIMEOUT_S = (3, 5)  # to connect, and to wait for the next bytes
DEADLINE_S = 8.0  # for one download: TIMEOUT_S does not bound name look-ups, several addresses or a slow trickle
GROUP_TOLERANCE = 1e-6  # fraction; compositions that differ by no more are equal

_declared = tomllib.loads((DATA / "registry.toml").read_text(encoding="utf-8"))
UPSTREAM: dict = _declared["upstream"]
REGISTRY: dict[str, dict] = _declared["dataset"]
FILES: dict[str, dict] = _declared["file"]
"""Other published files, which `fetch` knows and `load` does not."""


def declared(kind: str) -> dict[str, dict]:
    """Return the registry's entries of a kind, such as "pool", by name."""
    return _declared[kind]


_failed: dict[str, str] = {}  # host or URL → why its download failed in this process
pooch.get_logger().setLevel("ERROR")


class DatasetUnavailable(RuntimeError):
    """A published file is neither on this machine nor can it be downloaded."""


class ChecksumMismatch(ValueError):
    """A file in the mirror folder is not the published one."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Cleaned measurements, one row of `table` each.

    The columns of `table` are the atomic fractions of `elements` (they sum to 1), `process`, `targets`, `row` (number
    in the published file as a spreadsheet program shows it, header included), `suspect` (why the row is doubtful, or
    "") and, for Ti, the published `alloy_proc_id`.
    """

    name: str
    table: pd.DataFrame
    elements: tuple[str, ...]
    process: tuple[str, ...]
    targets: tuple[str, ...]
    units: dict[str, str]  # of process and target columns
    note: str  # what the units do not say

    @property
    def compositions(self) -> np.ndarray:
        """Atomic fractions, shape (rows, n_elements)."""
        return self.table[list(self.elements)].to_numpy(dtype=float)

    @property
    def groups(self) -> np.ndarray:
        """Integer label of each row's composition, shape (rows,), numbered in order of appearance."""
        return _label(self.compositions)


def fetch(name: str) -> Path:
    """Return the path of a published file after verifying its SHA-256.

    Raises:
        ChecksumMismatch: the mirror folder holds another file under this name.
        DatasetUnavailable: the file is missing and cannot be downloaded. No failed download is repeated in a process.
    """
    entry = _entry(name)
    registry = {each["path"]: f"sha256:{each['sha256']}" for each in (REGISTRY | FILES).values()}
    urls = {each["path"]: each["url"] for each in FILES.values()}
    files = pooch.create(path=CACHE, base_url=UPSTREAM["base_url"], registry=registry, urls=urls, env=MIRROR_VARIABLE)
    files.path = ROOT / files.path  # a relative mirror counts from the top folder, wherever a notebook runs
    path, url = files.abspath / entry["path"], files.get_url(entry["path"])
    found = store.file_digest(path) if path.is_file() else "none (no such file)"
    if found == entry["sha256"]:
        return path
    expected = f"{path} must be the published file of dataset {name} with sha256 {entry['sha256']}; found {found}."
    if os.environ.get(MIRROR_VARIABLE):  # the user's folder: pooch would download into it
        error = ChecksumMismatch if path.is_file() else DatasetUnavailable
        raise error(f"{expected} Copy the file from {url}, or unset {MIRROR_VARIABLE} to download it.")
    if reason := _download(files, entry["path"], url, entry.get("member")):
        raise DatasetUnavailable(
            f"{expected} It could not be downloaded from {url}: {reason}. Connect to the network, or set "
            f"{MIRROR_VARIABLE} to a folder that holds it and is laid out like {UPSTREAM['repository']}."
        )
    return path


def _download(files: pooch.Pooch, path: str, url: str, member: str | None = None) -> str:
    """Let pooch download a file, of which it keeps a complete and verified one only; return why it failed, or ""."""
    host, result = urlsplit(url).netloc, Future()
    if before := _failed.get(host) or _failed.get(url):
        return f"{before} (remembered from an earlier attempt)"

    def download(url: str, output, pooch_: pooch.Pooch) -> None:
        http = pooch.HTTPDownloader(timeout=TIMEOUT_S)
        if member is None:
            return http(url, output, pooch_)
        with tempfile.TemporaryDirectory() as folder:
            http(url, archive := str(Path(folder, "archive.zip")), pooch_)
            with zipfile.ZipFile(archive) as packed:
                (name,) = [one for one in packed.namelist() if one.split("/")[-1] == member]
                Path(output).write_bytes(packed.read(name))

    def work():
        try:
            result.set_result(files.fetch(path, downloader=download))
        except Exception as error:
            result.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        result.result(DEADLINE_S)
        return ""
    except (TimeoutError, requests.ConnectionError, requests.Timeout) as error:
        reason = _failed[host] = f"no connection, or no complete answer in time ({type(error).__name__})"
    except (requests.RequestException, ValueError) as error:  # ValueError: another checksum
        reason = _failed[url] = str(error)
    except OSError as error:
        reason = f"the cache cannot be written ({error})"
    return reason


def available(name: str) -> bool:
    """Return whether `load(name)` finds all files that it reads; a failed download is not repeated."""
    try:
        for file in filter(None, (name, _entry(name).get("paired_with"))):
            fetch(file)
    except DatasetUnavailable:
        return False
    return True


def summary(group: str = "") -> str:
    """Say in one line which published files of a group are missing, and what is used instead."""
    every = [name for name, entry in (REGISTRY | FILES).items() if entry.get("group", "") == group]
    if missing := [name for name in every if not available(name)]:
        return (
            f"Published datasets: {', '.join(missing)} cannot be had (no network, or not in {MIRROR_VARIABLE}); "
            "shipped weights, synthetic twins and recorded results are used instead."
        )
    return f"Published datasets: all {len(every)} files are available."


def _entry(name: str) -> dict:
    if name not in (every := REGISTRY | FILES):
        raise KeyError(f"Expected one of {', '.join(every)} (data/registry.toml), got dataset {name!r}.")
    return every[name]


def load(name: str, *, as_published: bool = False) -> Dataset:
    """Fetch and clean a dataset: "SMA", "Ti_yield", "Ti_ultimate", "Ti_hardness" or "HEA".

    as_published: keep the published values that are corrected otherwise (one cell of Ti_ultimate). Raises the errors
    of `fetch`, and TableError for a file that is not the table that the registry declares.
    """
    entry = _entry(name)
    if "rows_used" not in entry:
        raise ValueError(f"Expected a dataset of measurements; {name} is none: use fetch({name!r}).")
    table = _clean(name, as_published)
    table["suspect"] = _suspects(name, table, as_published)
    return Dataset(
        name=name,
        table=table.drop(columns="published_sum"),
        elements=tuple(entry["elements"]),
        process=tuple(_names(entry, "process")),
        targets=tuple(_names(entry, "targets")),
        units={column["name"]: column["unit"] for column in entry["process"] + entry["targets"]},
        note=entry["note"],
    )


def _names(entry: dict, kind: str) -> list[str]:
    return [column["name"] for column in entry[kind]]


RULES = {  # reason given in the registry → rows that it removes
    "no annealing recorded (temperature and time both zero)": lambda table, foreign, sums: (
        (table["annealing_temperature"] == 0) & (table["annealing_time"] == 0)
    ),
    "contains Bi, O, N or Si": lambda table, foreign, sums: (foreign != 0).any(axis=1),
    "the 11 elements sum neither to 1 nor to 100": lambda table, foreign, sums: (
        ~(sums.round(9).between(99.9, 100.1) | sums.round(9).between(0.998, 1.02, inclusive="right"))
    ),
}


def _clean(name: str, as_published: bool) -> pd.DataFrame:
    """Return the rows used, under our column names, with `row`, the id if any, and `published_sum` (a fraction)."""
    entry, file = REGISTRY[name], fetch(name)
    raw = read_table(file, header_rows=entry.get("header_rows", 1))
    assert len(raw) == entry["rows_raw"], f"{name}: {len(raw)} raw rows, expected {entry['rows_raw']}"

    headers = [entry.get("element_header", "{}").format(element) for element in entry["elements"]]
    absent = entry.get("absent", [])
    ids = [entry["id"]] if "id" in entry else []
    renamed = {column["header"]: column["name"] for column in entry["process"] + entry["targets"]}
    columns = [*headers, *absent, *renamed, *ids]
    values = pd.DataFrame(numeric(raw, columns, file), raw.index, columns)
    sums = values[headers].sum(axis=1)
    table = values[[*renamed, *ids]].rename(columns=renamed).astype(dict.fromkeys(ids, int))
    table["row"], table["published_sum"] = raw.index, sums / np.where(sums < 10, 1, 100)

    keep = np.ones(len(raw), dtype=bool)
    for reason, expected in entry["removed"].items():
        drop = keep & RULES[reason](table, values[absent], sums)
        assert drop.sum() == expected, f"{name}: {drop.sum()} rows removed ({reason}), expected {expected}"
        keep &= ~drop
    assert keep.sum() == entry["rows_used"], f"{name}: {keep.sum()} rows used, expected {entry['rows_used']}"

    unit = entry["composition_unit"]
    tolerance = 0.02 if unit == "mixed" else 0.001  # the rule for Ti lets alloy 182 pass, which sums to 1.02
    composition = fractions(raw[keep], entry["elements"], unit, file, columns=headers, tolerance=tolerance)
    table = table[keep].reset_index(drop=True)
    for slip in [] if as_published else entry.get("corrections", []):
        where = table["row"] == slip["row"]
        assert table.loc[where, slip["column"]].tolist() == [slip["published"]], f"{name}: no {slip}"
        table.loc[where, slip["column"]] = slip["used"]
    return pd.concat([pd.DataFrame(composition, columns=entry["elements"]), table], axis=1)


def _suspects(name: str, table: pd.DataFrame, as_published: bool) -> list[str]:
    """Say why each row is doubtful, reasons joined by "; "; "" where nothing is known against it."""
    entry, flags = REGISTRY[name], []
    for slip in entry.get("suspect", []):
        assert (table["row"] == slip["row"]).sum() == 1, f"{name}: no row {slip['row']} to flag"
        flags.append((table["row"] == slip["row"], slip["why"]))
    for slip in entry.get("corrections", []):
        state = "left as published" if as_published else f"corrected from {slip['published']:g}"
        flags.append((table["row"] == slip["row"], f"{slip['column']} {state}: {slip['why']}"))
    flags.append((abs(table["published_sum"] - 1) > 0.005, "shares published with a sum off by more than 0.5 %"))

    strengths = table
    if partner := entry.get("paired_with"):  # the same specimen in the other file
        other = _clean(partner, as_published)
        strengths = table.merge(other, how="left", on=entry["id"], suffixes=("", "_pair"), validate="1:1")
    if {"yield_strength", "ultimate_strength"} <= set(strengths):
        below = strengths["ultimate_strength"] < strengths["yield_strength"]
        flags.append((below, "ultimate strength below yield strength"))

    conditions = [table[column] for column in _names(entry, "process")]
    alike = [*conditions, _label(table[entry["elements"]].to_numpy())]
    values = table[_names(entry, "targets")].groupby(alike)
    differ = (values.transform("max") > values.transform("min")).any(axis=1)
    flags.append((differ, "same composition and process as another row, different value"))
    return ["; ".join(why for mask, why in flags if mask[i]) for i in range(len(table))]


def _label(compositions: np.ndarray) -> np.ndarray:
    """Label each row of (rows, n): equal for rows that nowhere differ by more than GROUP_TOLERANCE."""
    near = np.abs(compositions[:, None] - compositions[None, :]).max(axis=-1) <= GROUP_TOLERANCE
    return connected_components(near, directed=False)[1]
