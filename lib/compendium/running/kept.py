"""Rows that are computed once: one JSON file each in the working store, packed into one CSV file of the records."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from compendium import store


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


@cache
def _rows(kept: Kept) -> dict[tuple, dict[str, Any]]:
    return {tuple(row[name] for name in kept.keys): row for row in kept.table().to_dict("records")}
