"""The published measurements: declared, fetched, checked, cleaned, and their known slips flagged.

`data/registry.toml` declares every file: where it is, its sha256, licence, units, rows before and after cleaning.
`fetch` looks into a mirror folder (environment variable ALLOYGRAD_DATASETS), then into the cache `data/raw/`, and
then downloads; `load` cleans. The number of rows removed by each rule is asserted.

Rules of cleaning (from the published code and its data, commit in the registry):
    SMA   rows without annealing (temperature = time = 0) go
    Ti    rows with Bi, O, N or Si go; the 11 elements must sum to [99.9, 100.1] or (0.998, 1.02]; divide by the sum
    HEA   all rows stay
"""

import hashlib
import os
import threading
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd

from alloygrad import DATA, ROOT
from alloygrad.tables import Problems, fractions, numeric, read_table, require_columns

MIRROR_VARIABLE = "ALLOYGRAD_DATASETS"
CACHE = DATA / "raw"
TIMEOUT_S = (3, 5)  # to connect, to wait for the next bytes
DEADLINE_S = 8.0  # for one download in all: name look-up and a host with many addresses escape TIMEOUT_S
GROUP_TOLERANCE = 1e-6  # fraction; compositions closer than this are one

with open(DATA / "registry.toml", "rb") as _file:
    _declared = tomllib.load(_file)
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

    `table` holds, one row per measurement: atomic fractions (one column per element, summing to 1), the process
    columns, the target columns, `row` (number in the published file as a spreadsheet program shows it, header
    included), `suspect` (why the row is doubtful, or "") and, for Ti, `alloy_proc_id`.
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
        return _label(self.compositions, GROUP_TOLERANCE)


# -- fetching ----------------------------------------------------------------------------------------------------


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
        path = (
            ROOT / mirror / entry["path"]
        )  # a relative mirror folder counts from the compendium's top folder
        if path.is_file():
            if (came := _sha256(path)) != entry["sha256"]:
                raise ChecksumMismatch(
                    f"{path} is not the published file of dataset {name}.\n"
                    f"  sha256 found    {came}\n  sha256 expected {entry['sha256']}\n"
                    f"Copy the file anew from {UPSTREAM['repository']} at commit {UPSTREAM['commit']}, "
                    f"or unset {MIRROR_VARIABLE}."
                )
            return path
        tried.append(f"mirror folder {ROOT / mirror}: no file {entry['path']}")
    else:
        tried.append(f"mirror folder: {MIRROR_VARIABLE} is not set")

    path = CACHE / entry["path"]
    if path.is_file() and _sha256(path) == entry["sha256"]:
        return path
    tried.append(f"cache {path}: {'damaged (wrong sha256)' if path.is_file() else 'not there'}")

    if reason := _download(_url(entry), path, entry["sha256"]):
        tried.append(f"download {_url(entry)}: {reason}")
        raise DatasetUnavailable(
            f"dataset {name} cannot be had. Tried:\n  " + "\n  ".join(tried) + "\n"
            f"Connect to the network, or set {MIRROR_VARIABLE} to a folder that holds {entry['path']} "
            f"(the published repository's own layout)."
        )
    return path


def available(name: str) -> bool:
    """Whether all files that `load(name)` reads can be had; quick to ask again, also after a failed download."""
    try:
        for file in filter(None, (name, _entry(name).get("paired_with"))):
            fetch(file)
    except DatasetUnavailable:
        return False
    return True


def _entry(name: str) -> dict:
    if name not in REGISTRY:
        raise KeyError(f"no dataset {name!r} in data/registry.toml; declared are {', '.join(REGISTRY)}")
    return REGISTRY[name]


def _url(entry: dict) -> str:
    return UPSTREAM["base_url"] + quote(entry["path"])


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _download(url: str, path: Path, sha256: str) -> str:
    """Download by pooch into `path`; return "" or the reason why not. Remembers failures within the process."""
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
        case [requests.ConnectionError() | requests.Timeout()]:
            _failed[base] = reason = "no connection"
        case [requests.HTTPError() as error]:
            _failed[url] = reason = f"the server answered {error.response.status_code}"
        case [ValueError()]:
            _failed[url] = reason = "what came is not the published file (wrong sha256); nothing was kept"
        case [error]:
            _failed[url] = reason = f"{type(error).__name__}: {error}"
    return reason


# -- cleaning ----------------------------------------------------------------------------------------------------


def load(name: str, *, as_published: bool = False) -> Dataset:
    """Fetch and clean a dataset: "SMA", "Ti_yield", "Ti_ultimate", "Ti_hardness" or "HEA".

    Args:
        as_published: leave values as published that are corrected otherwise (one cell of Ti_ultimate).

    Raises:
        DatasetUnavailable, ChecksumMismatch: see `fetch`.
        tables.TableError: the file is not the table that the registry declares.
    """
    entry = _entry(name)
    if "rows_used" not in entry:
        raise ValueError(f"{name} is a table of elemental properties, no measurements: use fetch({name!r})")
    table = _clean(name, as_published)
    table["suspect"] = _suspects(name, table, as_published)
    columns = entry["process"] + entry["targets"]
    return Dataset(
        name=name,
        table=table.drop(columns="published_sum"),
        elements=tuple(entry["elements"]),
        process=tuple(column["name"] for column in entry["process"]),
        targets=tuple(column["name"] for column in entry["targets"]),
        units={column["name"]: column["unit"] for column in columns},
        note=entry["note"],
    )


def _clean(name: str, as_published: bool) -> pd.DataFrame:
    """The rows used, under our column names, with `row`, `published_sum` (as a fraction) and the id, if any."""
    entry, file = REGISTRY[name], fetch(name)
    raw = read_table(file, header_rows=entry.get("header_rows", 1))
    assert len(raw) == entry["rows_raw"], f"{name}: {len(raw)} raw rows, expected {entry['rows_raw']}"

    elements = entry["elements"]
    headers = [entry.get("element_header", "{}").format(element) for element in elements]
    columns = {column["header"]: column["name"] for column in entry["process"] + entry["targets"]}
    if identifier := entry.get("id"):
        columns[identifier] = identifier
    problems = Problems(file)
    absent = entry.get("absent", [])
    require_columns(raw, [*headers, *absent, *columns], file)
    foreign = numeric(raw, absent, file, problems=problems)
    shares = numeric(raw, headers, file, problems=problems)
    table = pd.DataFrame(numeric(raw, columns, file, problems=problems), columns=list(columns.values()))
    problems.check()
    table.insert(0, "row", raw.index.to_numpy())

    keep = np.ones(len(raw), dtype=bool)
    sums = shares.sum(axis=1)
    rules = {
        "no annealing recorded (temperature and time both zero)": lambda: (
            (table["annealing_temperature"] == 0) & (table["annealing_time"] == 0)
        ),
        "contains Bi, O, N or Si": lambda: (foreign != 0).any(axis=1),
        "the 11 elements sum neither to 1 nor to 100": lambda: ~_sums_accepted(sums),
    }
    for reason, expected in entry["removed"].items():
        drop = keep & np.asarray(rules[reason]())
        assert drop.sum() == expected, f"{name}: {drop.sum()} rows removed ({reason}), expected {expected}"
        keep &= ~drop
    assert keep.sum() == entry["rows_used"], f"{name}: {keep.sum()} rows used, expected {entry['rows_used']}"

    # Ti alloy 182 sums to 1.02, which the rule above lets pass
    tolerance = 0.02 if entry["composition_unit"] == "mixed" else 0.001
    unit = entry["composition_unit"]
    composition = fractions(raw[keep], elements, unit, file, columns=headers, tolerance=tolerance)
    table = table[keep].reset_index(drop=True)
    table["published_sum"] = sums[keep] / np.where(sums[keep] < 10, 1, 100)
    if identifier:
        table[identifier] = table[identifier].astype(int)
    if not as_published:
        for slip in entry.get("corrections", []):
            where = table["row"] == slip["row"]
            assert table.loc[where, slip["column"]].tolist() == [slip["published"]], (
                f"{name}: {slip} not found"
            )
            table.loc[where, slip["column"]] = slip["used"]
    return pd.concat([pd.DataFrame(composition, columns=elements), table], axis=1)


def _sums_accepted(sums: np.ndarray) -> np.ndarray:
    """The published rule for Ti, with room for binary rounding: [99.9, 100.1] or (0.998, 1.02]."""
    e = 1e-9
    return ((sums >= 99.9 - e) & (sums <= 100.1 + e)) | ((sums > 0.998 + e) & (sums <= 1.02 + e))


def _suspects(name: str, table: pd.DataFrame, as_published: bool) -> list[str]:
    """Why each row is doubtful, reasons joined by "; "; empty where nothing is known against it."""
    entry = REGISTRY[name]
    reasons = [[] for _ in range(len(table))]

    def flag(mask, why):
        for i in np.flatnonzero(mask):
            reasons[i].append(why)

    for slip in entry.get("suspect", []):
        flag(table["row"] == slip["row"], slip["why"])
    for slip in entry.get("corrections", []):
        state = (
            f"{slip['published']:g} as published" if as_published else f"corrected from {slip['published']:g}"
        )
        flag(table["row"] == slip["row"], f"{state}: {slip['why']}")
    flag(
        abs(table["published_sum"] - 1) > 0.005,
        "composition off by more than 0.5 % before division by its sum",
    )

    strengths = table
    if partner := entry.get("paired_with"):
        strengths = table.merge(
            _clean(partner, as_published), how="left", on=entry["id"], suffixes=("", "_pair")
        )
    if {"yield_strength", "ultimate_strength"} <= set(strengths):
        below = strengths["ultimate_strength"] < strengths["yield_strength"]
        flag(below, "ultimate strength below yield strength")

    process = [column["name"] for column in entry["process"]]
    targets = [column["name"] for column in entry["targets"]]
    same = table[process].assign(composition=_label(table[entry["elements"]].to_numpy(), GROUP_TOLERANCE))
    spread = table.groupby([same[column] for column in same])[targets].transform(np.ptp)
    flag((spread > 0).any(axis=1), "same composition and process as another row, different value")
    return ["; ".join(why) for why in reasons]


def _label(points: np.ndarray, tolerance: float) -> np.ndarray:
    """Label of each row of (rows, n): the same for rows no coordinate of which differs by more than `tolerance`."""
    from scipy.sparse.csgraph import connected_components

    near = np.abs(points[:, None, :] - points[None, :, :]).max(axis=-1) <= tolerance
    return connected_components(near, directed=False)[1]
