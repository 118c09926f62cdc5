"""Rows that are computed once: one JSON file each in the working store, packed into one CSV file of the records."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from compendium import store
from compendium.threads import one_thread


@dataclass(frozen=True)
class Kept:
    """A table whose rows are computed once.

    Args:
        name: Of the folder in the working store, and of the record in `data/results/`.
        keys: Columns that name a row.
        columns: All columns, the keys among them.
    """

    name: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The record."""
        return store.RESULTS / f"{self.name}.csv"

    @property
    def folder(self) -> Path:
        """The folder of rows that are not packed yet."""
        return store.working() / self.name

    def get(self, make: Callable[[], Mapping[str, Any]], **key: Hashable) -> dict[str, Any]:
        """Return a row by its key: from the working store, from the record, or made now and kept."""
        if (row := self.find(**key)) is None:
            row = {**key, **make()}
            store.write_json(self._file(key), row)
        return row

    def find(self, **key: Hashable) -> dict[str, Any] | None:
        """Return a row by its key, or None where it was never computed."""
        path = self._file(key)
        if path.exists() and (row := store.read_json(path)) is not None:
            return row
        return _rows(self).get(tuple(key[name] for name in self.keys))

    def rows(
        self,
        keys: Sequence[Mapping[str, Hashable]],
        make: Callable[[Mapping[str, Hashable]], Mapping[str, Any] | None],
        *,
        compute_missing: bool = True,
    ) -> list[dict[str, Any]]:
        """Return the rows that there are of `keys`, in their order; compute what is missing, in one thread, if asked.

        make: gives what a row holds beside its key, or None where it cannot be computed here; it is not kept then.
        """
        found = []
        with one_thread():
            for key in tqdm(keys, desc=self.name, unit="row", disable=not compute_missing):
                row = self.find(**key)
                if row is None and compute_missing and (made := make(key)) is not None:
                    row = self.get(lambda made=made: made, **key)
                found += [] if row is None else [row]
        return found

    def table(self) -> pd.DataFrame:
        """Return the record; empty where there is none."""
        return pd.read_csv(self.path) if self.path.exists() else pd.DataFrame(columns=list(self.columns))

    def record(self) -> pd.DataFrame:
        """Pack the rows of the working store into the record; return it."""
        rows = [store.read_json(path) for path in sorted(self.folder.glob("*.json"))]
        new = pd.DataFrame([row for row in rows if row is not None], columns=list(self.columns))
        table = pd.concat([self.table(), new], ignore_index=True) if len(new) else self.table()
        table = table.drop_duplicates(list(self.keys), keep="last").sort_values(list(self.keys))
        store.write(self.path, lambda path: table.to_csv(path, index=False, float_format="%.6g"))
        _rows.cache_clear()
        return table

    def _file(self, key: Mapping[str, Hashable]) -> Path:
        return self.folder / ("-".join(str(key[name]) for name in self.keys) + ".json")


def by_seed(
    kept: Kept,
    names: Iterable[Hashable],
    arms: Iterable[str],
    seeds: Iterable[int],
    behaviour: int,
    make: Callable[[Mapping[str, Hashable]], Mapping[str, Any] | None],
    *,
    compute_missing: bool = True,
) -> pd.DataFrame:
    """Return the rows that there are of every arm on every task, seed by seed, so that what is there is paired.

    Args:
        kept: Its keys are a task's name, an arm, a seed and the behaviour.
        names: Of the tasks.
        arms: Names.
        seeds: Numbers.
        behaviour: Of the code that runs them.
        make: As of `Kept.rows`.
        compute_missing: Whether to compute; otherwise only what is recorded or stored is returned.
    """
    names, arms = list(names), list(arms)
    wanted = [
        dict(zip(kept.keys, (name, arm, seed, behaviour), strict=True))
        for seed in seeds
        for name in names
        for arm in arms
    ]
    return pd.DataFrame(kept.rows(wanted, make, compute_missing=compute_missing), columns=list(kept.columns))


def unrolled(runs: pd.DataFrame, keys: Sequence[str], column: str, kind: type, number: str = "batch") -> pd.DataFrame:
    """Return one row for each value that a column of runs holds as text: the keys, its number 0, 1, … and the value."""
    rows = [
        {**{name: row[name] for name in keys}, number: place, column: kind(value)}
        for row in runs.to_dict("records")
        for place, value in enumerate(row[column].split())
    ]
    return pd.DataFrame(rows, columns=[*keys, number, column])


def spread(rows: Iterable[Mapping[str, Any]], keys: Sequence[str], column: str, n: int) -> pd.DataFrame:
    """Return the keys of rows and the n numbers that a column holds as text, in columns 0, 1, …"""
    wide = [{name: row[name] for name in keys} | dict(enumerate(map(float, row[column].split()))) for row in rows]
    return pd.DataFrame(wide, columns=[*keys, *range(n)])


@cache
def _rows(kept: Kept) -> dict[tuple, dict[str, Any]]:
    return {tuple(row[name] for name in kept.keys): row for row in kept.table().to_dict("records")}
