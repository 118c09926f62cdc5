"""The published measurements: declared, fetched, checked, cleaned, and their known slips flagged.

`data/registry.toml` declares every file: its place, sha256, licence, units, rows before and after cleaning.
`fetch` looks into a mirror folder (environment variable ALLOYGRAD_DATASETS), then into the cache `data/raw/`,
then downloads; `load` cleans. The number of rows removed by each rule is asserted.

Rules of cleaning, read from the published code at the commit in the registry:
    SMA   rows without annealing (temperature = time = 0) go
    Ti    rows with Bi, O, N or Si go; the sum of the 11 elements must be in [99.9, 100.1] or (0.998, 1.02]
    HEA   all rows stay
Each composition is then divided by its sum.
"""

import os
import threading
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd

from alloygrad.tables.reading import Problems, fractions, numeric, read_table, require_columns
from compendium import DATA, ROOT, store

MIRROR_VARIABLE = "ALLOYGRAD_DATASETS"
CACHE = DATA / "raw"
TIMEOUT_S = (3, 5)  # to connect, to wait for the next bytes
DEADLINE_S = 8.0  # of one download in all: name look-up and hosts with many addresses escape TIMEOUT_S
GROUP_TOLERANCE = 1e-6  # fraction; compositions that differ by no more are one

_declared = tomllib.loads((DATA / "registry.toml").read_text(encoding="utf-8"))
UPSTREAM: dict = _declared["upstream"]
REGISTRY: dict[str, dict] = _declared["dataset"]

_failed: dict[str, str] = {}  # base address or whole URL → why it failed in this process


class DatasetUnavailable(RuntimeError):
    """A published file that can neither be found nor downloaded; the message says what was tried."""


class ChecksumMismatch(ValueError):
    """A file in the mirror folder that is not the published one."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Cleaned measurements.

    `table` holds, one row per measurement: atomic fractions (a column per element, summing to 1), the process
    columns, the target columns, `row` (number in the published file as a spreadsheet program shows it, header
    included), `suspect` (why the row is doubtful, or "") and, for Ti, the published `alloy_proc_id`.
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
    def process_values(self) -> np.ndarray:
        """Process conditions in `units`, shape (rows, n_process)."""
        return self.table[list(self.process)].to_numpy(dtype=float)

    @property
    def groups(self) -> np.ndarray:
        """Integer label of each row's composition, shape (rows,), numbered in order of appearance."""
        return _label(self.compositions)


# -- fetching ------------------------------------------------------------------------------------------------


def fetch(name: str) -> Path:
    """Path of a published file whose sha256 was just verified.

    Order: mirror folder, cache, download. Nothing but a complete, verified file ever gets the final name.

    Raises:
        ChecksumMismatch: the mirror holds another file under this name.
        DatasetUnavailable: it cannot be had; a failed download is not tried again within the process.
    """
    entry = _entry(name)
    tried = []

    if mirror := os.environ.get(MIRROR_VARIABLE):
        # a relative folder counts from the compendium's top folder, wherever a notebook runs
        folder = (ROOT / Path(mirror).expanduser()).resolve()
        path = folder / entry["path"]
        if path.is_file():
            if (found := store.file_digest(path)) != entry["sha256"]:
                raise ChecksumMismatch(
                    f"{path} is not the published file of dataset {name}.\n"
                    f"  sha256 found    {found}\n  sha256 expected {entry['sha256']}\n"
                    f"Copy the file anew from {UPSTREAM['repository']} at commit {UPSTREAM['commit']}, "
                    f"or unset {MIRROR_VARIABLE}."
                )
            return path
        tried.append(f"mirror folder {folder}: no such file in it")
    else:
        tried.append(f"mirror folder: {MIRROR_VARIABLE} is not set")

    path = CACHE / entry["path"]
    if path.is_file() and store.file_digest(path) == entry["sha256"]:
        return path
    state = "damaged (wrong sha256), wants a new download" if path.is_file() else "no such file"
    tried.append(f"cache {path}: {state}")

    url = UPSTREAM["base_url"] + quote(entry["path"])
    if reason := _download(url, path, entry["sha256"]):
        tried.append(f"download {url}: {reason}")
        raise DatasetUnavailable(
            "\n  ".join([f"dataset {name} ({entry['path']}) cannot be had. Tried:", *tried]) + "\n"
            f"Connect to the network, or set {MIRROR_VARIABLE} to a folder laid out like the published "
            "repository that holds this file."
        )
    return path


def available(name: str) -> bool:
    """Whether all files that `load(name)` reads can be had; a failed download is not repeated."""
    try:
        for file in filter(None, (name, _entry(name).get("paired_with"))):
            fetch(file)
    except DatasetUnavailable:
        return False
    return True


def summary() -> str:
    """One line: are the published files at hand, and what happens where they are not?"""
    missing = [name for name in REGISTRY if not available(name)]
    if not missing:
        return f"Published datasets: all {len(REGISTRY)} files are at hand."
    return (
        f"Published datasets: {', '.join(missing)} cannot be had (no network, no {MIRROR_VARIABLE}): "
        "shipped weights and recorded training aggregates are used instead."
    )


def _entry(name: str) -> dict:
    if name not in REGISTRY:
        raise KeyError(f"no dataset {name!r} in data/registry.toml; declared are {', '.join(REGISTRY)}")
    return REGISTRY[name]


def _download(url: str, path: Path, sha256: str) -> str:
    """Download by pooch into `path`; return "" or the reason why not, remembered within the process."""
    import pooch  # pooch and requests are slow to import and needed here only
    import requests

    base = UPSTREAM["base_url"]
    if before := _failed.get(base) or _failed.get(url):
        return f"{before} (remembered from an earlier attempt)"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(f"{path.parent} is read-only")
    except OSError as error:
        return f"not attempted, the cache folder cannot be written ({error})"

    outcome: list[Exception | None] = []

    def work():
        get = pooch.HTTPDownloader(timeout=TIMEOUT_S, progressbar=False)
        try:  # pooch writes to a temporary file beside `path` and renames it once its hash is right
            pooch.retrieve(url, f"sha256:{sha256}", fname=path.name, path=path.parent, downloader=get)
            outcome.append(None)
        except Exception as error:  # whatever it is, it is reported below
            outcome.append(error)

    pooch.get_logger().setLevel("ERROR")
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(DEADLINE_S)

    match outcome:
        case [None]:
            return ""
        case []:
            _failed[base] = reason = f"gave up after {DEADLINE_S:g} s"
        case [(requests.ConnectionError() | requests.Timeout()) as error]:
            _failed[base] = reason = f"no connection ({type(error).__name__})"
        case [requests.HTTPError() as error]:
            _failed[url] = reason = f"the server answered {error.response.status_code}"
        case [requests.RequestException() | OSError() as error]:
            _failed[url] = reason = f"{type(error).__name__}: {error}"
        case [error]:  # ValueError is how pooch reports a wrong hash
            _failed[url] = reason = f"not the published file, nothing kept ({error})"
    return reason


# -- cleaning ------------------------------------------------------------------------------------------------


def load(name: str, *, as_published: bool = False) -> Dataset:
    """Fetch and clean a dataset: "SMA", "Ti_yield", "Ti_ultimate", "Ti_hardness" or "HEA".

    Args:
        as_published: leave values as published that are corrected otherwise (one cell of Ti_ultimate).

    Raises:
        DatasetUnavailable, ChecksumMismatch: see `fetch`.
        TableError: the file is not the table that the registry declares.
    """
    entry = _entry(name)
    if "rows_used" not in entry:
        raise ValueError(f"{name} is a table of elemental properties, no measurements: use fetch({name!r})")
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


def _sum_accepted(sums: np.ndarray) -> np.ndarray:
    e = 1e-9  # room for binary rounding of decimal shares
    return ((sums >= 99.9 - e) & (sums <= 100.1 + e)) | ((sums > 0.998 + e) & (sums <= 1.02 + e))


RULES = {  # reason given in the registry → rows that it removes
    "no annealing recorded (temperature and time both zero)": lambda table, foreign, sums: (
        (table["annealing_temperature"] == 0) & (table["annealing_time"] == 0)
    ),
    "contains Bi, O, N or Si": lambda table, foreign, sums: (foreign != 0).any(axis=1),
    "the 11 elements sum neither to 1 nor to 100": lambda table, foreign, sums: ~_sum_accepted(sums),
}


def _clean(name: str, as_published: bool) -> pd.DataFrame:
    """The rows used, under our column names, with `row`, the id if any, and `published_sum` (a fraction)."""
    entry, file = REGISTRY[name], fetch(name)
    raw = read_table(file, header_rows=entry.get("header_rows", 1))
    assert len(raw) == entry["rows_raw"], f"{name}: {len(raw)} raw rows, expected {entry['rows_raw']}"

    headers = [entry.get("element_header", "{}").format(element) for element in entry["elements"]]
    absent = entry.get("absent", [])
    renamed = {column["header"]: column["name"] for column in entry["process"] + entry["targets"]}
    if "id" in entry:
        renamed[entry["id"]] = entry["id"]
    problems = Problems(file)
    require_columns(raw, [*headers, *absent, *renamed], file)
    shares = numeric(raw, headers, file, problems=problems)
    foreign = numeric(raw, absent, file, problems=problems)
    table = pd.DataFrame(numeric(raw, renamed, file, problems=problems), columns=list(renamed.values()))
    problems.check()
    sums = shares.sum(axis=1)
    table["row"] = raw.index.to_numpy()
    table["published_sum"] = sums / np.where(sums < 10, 1, 100)

    keep = np.ones(len(raw), dtype=bool)
    for reason, expected in entry["removed"].items():
        drop = keep & np.asarray(RULES[reason](table, foreign, sums))
        assert drop.sum() == expected, f"{name}: {drop.sum()} rows removed ({reason}), expected {expected}"
        keep &= ~drop
    assert keep.sum() == entry["rows_used"], f"{name}: {keep.sum()} rows used, expected {entry['rows_used']}"

    unit = entry["composition_unit"]
    tolerance = 0.02 if unit == "mixed" else 0.001  # the rule for Ti lets alloy 182 pass, which sums to 1.02
    composition = fractions(raw[keep], entry["elements"], unit, file, columns=headers, tolerance=tolerance)
    table = table[keep].reset_index(drop=True)
    if "id" in entry:
        table[entry["id"]] = table[entry["id"]].astype(int)
    for slip in [] if as_published else entry.get("corrections", []):
        where = table["row"] == slip["row"]
        assert table.loc[where, slip["column"]].tolist() == [slip["published"]], f"{name}: no {slip}"
        table.loc[where, slip["column"]] = slip["used"]
    return pd.concat([pd.DataFrame(composition, columns=entry["elements"]), table], axis=1)


def _suspects(name: str, table: pd.DataFrame, as_published: bool) -> list[str]:
    """Why each row is doubtful, reasons joined by "; "; empty where nothing is known against it."""
    entry = REGISTRY[name]
    reasons = [[] for _ in range(len(table))]

    def flag(mask, why):
        for i in np.flatnonzero(mask):
            reasons[i].append(why)

    for slip in entry.get("suspect", []):
        assert (table["row"] == slip["row"]).sum() == 1, f"{name}: no row {slip['row']} to flag"
        flag(table["row"] == slip["row"], slip["why"])
    for slip in entry.get("corrections", []):
        state = "left as published" if as_published else f"corrected from {slip['published']:g}"
        flag(table["row"] == slip["row"], f"{slip['column']} {state}: {slip['why']}")
    flag(abs(table["published_sum"] - 1) > 0.005, "shares published with a sum off by more than 0.5 %")

    strengths = table
    if partner := entry.get("paired_with"):  # the same specimen in the other file
        other = _clean(partner, as_published)
        strengths = table.merge(other, how="left", on=entry["id"], suffixes=("", "_pair"), validate="1:1")
    if {"yield_strength", "ultimate_strength"} <= set(strengths):
        below = strengths["ultimate_strength"] < strengths["yield_strength"]
        flag(below, "ultimate strength below yield strength")

    alike = table[_names(entry, "process")].assign(composition=_label(table[entry["elements"]].to_numpy()))
    values = table[_names(entry, "targets")].groupby([alike[column] for column in alike])
    differ = (values.transform("max") > values.transform("min")).any(axis=1)
    flag(differ, "same composition and process as another row, different value")
    return ["; ".join(why) for why in reasons]


def _label(compositions: np.ndarray) -> np.ndarray:
    """Label of each row of (rows, n): equal for rows that nowhere differ by more than GROUP_TOLERANCE."""
    from scipy.sparse.csgraph import connected_components

    near = np.abs(compositions[:, None] - compositions[None, :]).max(axis=-1) <= GROUP_TOLERANCE
    return connected_components(near, directed=False)[1]
