"""Study cells whose environment is a formula, and how the tests run, break and compare them."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from alloygrad.campaigns.trajectory import SECONDS, Settings
from alloygrad.spaces.composition import CompositionSpace, Group
from compendium import store
from compendium.running import audit, records, studies
from compendium.running.cells import Cell

ELEMENTS = ("Ti", "Ni", "Cu")


def respond(c) -> dict:
    """Compositions (..., 3) → a property and a merit, each (...)."""
    return {"a": np.sin(9 * c[..., 0]), "merit": np.sin(9 * c[..., 0]) + c[..., 1]}


@dataclass(frozen=True)
class Toy(Cell):
    """A cell that counts its measurements in a file, since workers are processes."""

    version: int = 1
    pause: float = 0.0

    def space(self):
        return CompositionSpace.from_fractions(ELEMENTS, (0.1,) * 3, (0.6,) * 3, self.step, (Group(ELEMENTS[:2], 0.9),))

    def environment(self):
        def measure(c):
            time.sleep(self.pause)
            with open(store.working().parent / "measured", "a") as file:
                file.write(".")
            return respond(c)

        return measure

    def landscape(self):
        return {"step": self.step, "environment": f"toy {self.version}"}


SETTINGS = Settings("enumeration", n_features=2, n_initial=6, n_experiments=3)
TOY = Toy("toy", "SMA", 3, 0.05, SETTINGS)


def changed(**settings) -> Toy:
    return replace(TOY, settings=replace(SETTINGS, **settings))


def measured(folder: Path) -> int:
    """Measurements of toys whose store is in `folder`."""
    return len((folder / "measured").read_text())


@dataclass(frozen=True)
class Faulty(Toy):
    """A toy that does what the file `switch` says when it measures the composition `at`; neither is in its name."""

    switch: str = ""
    at: tuple[float, ...] = ()

    def environment(self):
        def measure(c):
            time.sleep(self.pause)
            switch = Path(self.switch)
            with open(f"{self.switch}.measured" if self.switch else os.devnull, "a") as file:
                file.write(".")
            fault = switch.read_text() if switch.is_file() and np.allclose(c, self.at) else ""
            if fault == "once":
                switch.unlink()
            while fault == "waits" and switch.exists():
                time.sleep(0.01)
            if fault in ("once", "killed"):
                os.kill(os.getpid(), signal.SIGKILL)
            if fault == "raises":
                raise OSError("the furnace is cold")
            return respond(c) | ({"merit": np.nan} if fault == "nan" else {})

        return measure


PLAIN = Faulty("plain", "SMA", 3, 0.05, replace(SETTINGS, selection="random", n_experiments=4))

WHOLE = 6 + 4
"""Rows of a finished trajectory of `PLAIN`: initial ones and experiments."""


def declare(monkeypatch, *cells: Cell) -> None:
    """Let these be the only study cells."""
    for module in (studies, records, audit):
        monkeypatch.setattr(module, "declared", lambda: {cell.name: cell for cell in cells})


def read_records(monkeypatch, folder: Path) -> None:
    """Let `folder` stand for the compendium's data: store and records are there, and records are read."""
    monkeypatch.delenv("ALLOYGRAD_STORE", raising=False)
    monkeypatch.setattr(store, "DATA", folder)
    monkeypatch.setattr(store, "RESULTS", folder / "results")


def working_file(cell: Cell, seed: int) -> Path:
    return studies.folder(cell) / f"{cell.trajectory_name(seed)}.parquet"


def lengths(cell: Cell = PLAIN, n: int = 3) -> list[int]:
    """Rows that the working store holds of seeds 0 … n − 1."""
    paths = [working_file(cell, seed) for seed in range(n)]
    return [pq.read_metadata(path).num_rows if path.exists() else 0 for path in paths]


def assert_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Equal bit for bit, but for what differs from run to run."""
    drop = list(SECONDS)
    pd.testing.assert_frame_equal(one.drop(columns=drop), other.drop(columns=drop), check_exact=True)


def assert_recorded(read: pd.DataFrame, rows: pd.DataFrame) -> None:
    """`read` is what a compact record gives back of `rows`: exact, or to the digits kept; warnings are left out."""
    rows = rows.drop(columns=["warning", *(name for name in SECONDS if name != "cpu_seconds")])
    assert set(read) == set(rows)
    three = [name for name in rows if name.startswith("lengthscale_")] + ["outputscale", "mean", "cpu_seconds"]
    seven = ["value", "log_ei", "log_posterior"]
    exact = [name for name in rows if name not in {*three, *seven}]
    pd.testing.assert_frame_equal(read[exact], rows[exact], rtol=1e-12)
    pd.testing.assert_frame_equal(read[seven], rows[seven], rtol=1e-6)  # atol 1e-8: of EI far below 1
    pd.testing.assert_frame_equal(read[three], rows[three], rtol=5e-4)


def fails(cell: Cell, n: int = 3, **how) -> str:
    """The message with which a study fails."""
    with pytest.raises(studies.StudyFailed) as caught:
        studies.trajectories(cell, n, **how)
    return str(caught.value)


def elsewhere(code: str, *arguments, **options) -> subprocess.Popen:
    """A process that runs `code` with the names of this module and of `studies`."""
    prelude = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from toys import *\n"
    return subprocess.Popen([sys.executable, "-c", prelude + code, *map(str, arguments)], **options)


def wait_for(happened: Callable[[], bool], process=None, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert process is None or process.poll() is None, "it ended too early"
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.01)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes, place: int = 500, bit: int = 0) -> bytes:
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


# Records of `TOY`


FULL, COMPACT = "results/toy.parquet", "results/compact/toy.parquet"


def packed(folder: Path) -> pd.DataFrame:
    return pd.read_parquet(folder / COMPACT)


def record_in_full(folder: Path, cell: Cell = TOY) -> None:
    """Record the working files of a toy as was done before there was a compact record."""
    tables = [pd.read_parquet(path).assign(trajectory=path.stem) for path in studies.folder(cell).glob("*.parquet")]
    store.write_parquet(folder / FULL, pd.concat(tables).sort_values(["seed", "experiment"]))


def remove_working_files(folder: Path) -> None:
    for path in folder.glob("runs/**/*.*"):
        path.unlink()


def first_features(table: pd.DataFrame) -> dict:
    """Seed → the features of its trajectory."""
    return table.dropna(subset="features").groupby("seed")["features"].first().to_dict()


def other_features(text: pd.Series) -> str:
    """The first one gives way to one that is not among them."""
    names = text.iloc[0].split()
    other = next(name for name in ("mean:R", "mean:MT", "mean:AN", "mean:XP") if name not in names)
    return " ".join([other, *names[1:]])


def edit(columns, change, *, proposed: bool = True) -> Callable[[pd.DataFrame], None]:
    """An edit of a record: what `change` makes of these columns in all proposed, or else all initial, rows."""

    def apply(table):
        rows = (table["experiment"] >= 0) == proposed
        table.loc[rows, columns] = change(table.loc[rows, columns])

    return apply


def tamper(folder: Path, apply: Callable[[pd.DataFrame], None], file: str = COMPACT) -> None:
    table = pd.read_parquet(folder / file)
    apply(table)
    table.to_parquet(folder / file, index=False)


def redeclared(space, **fields):
    """The composition space with some of its fields, in fractions, declared otherwise."""
    return type(space).from_fractions(
        **{field.name: getattr(space, field.name) for field in dataclasses.fields(space)} | fields
    )
