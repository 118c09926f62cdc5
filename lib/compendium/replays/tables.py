"""Finished tables as lists of candidates: four published ones, read as a laboratory would, and three of our own.

    task = load("steel_strength")      # fractions (n, n_elements), values (n,), larger is better
    task = load("own_hea")             # a thousand alloys whose merit the shipped networks predict

The published files are declared in `data/registry.toml`, with the numbers of rows and of compositions that `load`
asserts, and of the best. Rows of one composition are averaged.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

import alloygrad as ag
from alloygrad.tables.findings import alike
from compendium.environments import datasets, trained
from compendium.environments.alloys import HEA, SMA, TI

DECLARED: dict[str, dict] = datasets.declared("table")

OWN = {"own_sma": (SMA, 4), "own_ti": (TI, 6), "own_hea": (HEA, 8)}
"""Our own lists: alloys, and the number of elements."""

OWN_SIZE = 1000
SHARE = 0.01
"""The best: this share of a table."""

NAMES = (*DECLARED, *OWN)


@dataclass(frozen=True, eq=False)
class Task:
    """n candidates, all measured."""

    name: str
    elements: tuple[str, ...]
    fractions: np.ndarray  # (n, n_elements)
    values: np.ndarray  # (n,), the larger the better

    def best(self, share: float) -> np.ndarray:
        """Return the numbers of the best candidates: this share of all, at least one, and those that tie with them."""
        least = np.sort(self.values)[-max(1, round(share * len(self.values)))]
        return np.flatnonzero(self.values >= least)


def load(name: str) -> Task:
    """Return a table as a list of candidates.

    Raises:
        KeyError: No table of this name is declared.
        datasets.DatasetUnavailable: Its file cannot be had.
    """
    if name in OWN:
        return _own(name)
    if name not in DECLARED:
        raise KeyError(f"Expected one of {', '.join(NAMES)} (data/registry.toml); got {name!r}.")
    entry = DECLARED[name]
    elements = tuple(entry["elements"])
    space = ag.CompositionSpace(dict.fromkeys(elements, (0, 100)), step=0.01)
    with tempfile.TemporaryDirectory() as folder:
        table = ag.read_table(
            _utf8(datasets.fetch(name), entry.get("encoding"), folder),
            space,
            unit=entry["unit"],
            columns=_columns(entry),
            balance=entry.get("balance"),
        )
    found = table.of(entry["outcome"]["column"])
    got = (len(table.table), len(found.rows))
    assert got == (entry["rows"], entry["used"]), f"{name}: {got} rows and used rows"
    fractions, values = averaged(found.coordinates, entry["outcome"]["direction"] * found.values)
    task = Task(name, elements, fractions, values)
    got = (len(values), len(task.best(SHARE)))
    assert got == numbers(name), f"{name}: {got} compositions, and best ones"
    return task


def numbers(name: str) -> tuple[int, int]:
    """Return how many candidates a table has, and how many are the best of them, also where its file is missing."""
    if name in OWN:
        own = _own(name)
        return len(own.values), len(own.best(SHARE))
    return DECLARED[name]["compositions"], DECLARED[name]["best"]


def available(name: str) -> bool:
    """Return whether the file of a table can be had; our own lists need none."""
    return name in OWN or datasets.available(name)


def averaged(fractions: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return distinct compositions, in order of appearance, and the means of their values."""
    group = alike(fractions)
    _, first = np.unique(group, return_index=True)
    means = np.bincount(group, values) / np.bincount(group)
    order = np.sort(first)
    return fractions[order], means[group[order]]


def _columns(entry: Mapping) -> dict[str, str] | None:
    """The table's own names of the columns of elements, where they differ."""
    heading, written = entry.get("heading"), [one for one in entry["elements"] if one != entry.get("balance")]
    if heading is None:
        return None
    return {one: one.lower() if heading == "lower case" else heading.format(one) for one in written}


def _utf8(path: Path, encoding: str | None, folder: str) -> Path:
    """The file itself, or a copy of it in UTF-8."""
    if encoding is None:
        return path
    copy = Path(folder, path.name)
    copy.write_text(path.read_text(encoding=encoding), encoding="utf-8")
    return copy


@cache
def _own(name: str) -> Task:
    alloy, n_elements = OWN[name]
    space = alloy.space(n_elements)
    points = np.unique(space.sample(2 * OWN_SIZE, np.random.default_rng(0)), axis=0)
    points = np.random.default_rng(1).permutation(points)[:OWN_SIZE]
    fractions = space.fractions(points)
    merit = np.asarray(trained.load(alloy, space.elements)(fractions)["merit"], dtype=float)
    return Task(name, tuple(space.elements), fractions, merit)
