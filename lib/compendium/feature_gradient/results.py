"""The recorded tables that claims are measured on, gathered once; the only file here that knows where they stand."""

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from compendium import ROOT
from compendium.environments import alloys, datasets, trained
from compendium.feature_gradient import comparisons, diversity
from compendium.feature_gradient.cells import CELLS, FULL
from compendium.running import studies

COLUMNS = ["seed", "experiment", "merit", "log_ei", "moved", "gradients", "starts", "cpu_seconds"]
"""Of a trajectory, beside the counts of its elements and its properties."""

LAST = 60
"""Experiments of a full trajectory."""

FINEST = 0.001
"""Step of the published trajectories (SMA, N = 4), as a fraction."""
STEPS = (FINEST, 0.0025)
"""Of the grids that are counted; the second is the one that the times of Fig. 4 imply."""

ALLOYS = {name.lower(): name for name in alloys.ALLOYS}
"""What names of cells begin with, and how tables name it."""
WORDS = {"sma": "shape-memory alloys", "ti": "titanium alloys", "hea": "high-entropy alloys"}
"""How sentences and titles name it."""


@dataclass(frozen=True, eq=False)
class Results:
    """Tables in; nothing here runs a campaign or trains a network.

    read: the trajectories of a cell by its name, empty where there are none. cards, curves, parity, partitions: the
    trained networks' records by alloy. datasets: the registry. scores: features against fractions. benchmark, starts:
    the recorded inner loops. grids: columns alloy, n_elements, step (fraction), compositions.
    """

    read: Callable[[str], pd.DataFrame]
    cards: Mapping[str, dict]
    curves: Mapping[str, pd.DataFrame]
    parity: Mapping[str, pd.DataFrame]
    partitions: Mapping[str, pd.DataFrame]
    datasets: Mapping[str, dict]
    scores: pd.DataFrame
    benchmark: pd.DataFrame
    starts: pd.DataFrame
    grids: pd.DataFrame

    def by_seed(self, cell: str, quantity: Callable[[pd.DataFrame], pd.Series]) -> pd.Series:
        """`quantity` of a cell's rows, a number per seed; empty where the cell has none."""
        rows = self.read(cell)
        return quantity(rows) if len(rows) else pd.Series(dtype=float)

    def best(self, cell: str, done: int = LAST) -> pd.Series:
        """Best merit after so many experiments, by seed; 0: of the initial data."""

        def best(rows):
            return rows[rows["experiment"] < done].groupby("seed")["merit"].max()

        return self.once(("best", cell, done), lambda: self.by_seed(cell, best))

    def entropy(self, cell: str, done: int = LAST) -> pd.Series:
        """State entropy of all points after so many experiments, in the published form (nats), by seed."""
        key = ("entropy", cell, done)
        return self.once(key, lambda: self.by_seed(cell, lambda rows: self._entropy(cell, rows, done)))

    def once(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What `compute` returns, computed at the first call with this key: several claims ask for the same number."""
        if key not in self._found:
            self._found[key] = compute()
        return self._found[key]

    @cached_property
    def _found(self) -> dict:
        return {}

    def _entropy(self, cell: str, rows: pd.DataFrame, done: int) -> pd.Series:
        rows = rows[rows["experiment"] < done]
        return pd.Series(diversity.state_entropy(diversity.stack(rows, *_place(cell))), rows["seed"].unique())

    def new_picks(self, cell: str, measured: Callable[[np.ndarray], float]) -> pd.Series:
        """`measured` of the proposed compositions of a trajectory, fractions (60, n_elements), by seed."""

        def each(rows):
            rows = rows[rows["experiment"] >= 0]
            points = diversity.stack(rows, *_place(cell))
            return pd.Series([measured(own) for own in points], rows["seed"].unique())

        return self.by_seed(cell, each)


def _place(cell: str) -> tuple[list[str], float]:
    """(elements, step) of a cell: what its counts mean."""
    return list(CELLS[cell].space().elements), CELLS[cell].step


@cache
def _trajectories(cell: str) -> pd.DataFrame:
    """What record and working store hold of a cell; the columns that claims need, by seed and experiment."""
    rows = studies.trajectories(CELLS[cell], FULL, compute=False)
    properties = alloys.ALLOYS[CELLS[cell].alloy].properties
    kept = [name for name in [*COLUMNS, *_place(cell)[0], *properties] if name in rows]
    return rows[kept].sort_values(["seed", "experiment"], ignore_index=True) if len(rows) else rows


def gather() -> Results:
    """All that is recorded, and what the working store adds to it; whatever is missing is simply not there.

    Trajectories are read when they are asked for.
    """
    _trajectories.cache_clear()
    folders = {name: trained.FOLDER / name for name in alloys.ALLOYS}
    cards = {name: (folder / "card.json").read_text(encoding="utf-8") for name, folder in folders.items()}
    grids = [
        {"alloy": alloy.name, "n_elements": n, "step": step, "compositions": alloy.space(n, step).size}
        for alloy in alloys.ALLOYS.values()
        for n in range(3, min(10, len(alloy.order)) + 1)
        for step in STEPS
    ]
    return Results(
        _trajectories,
        cards={name: json.loads(card) for name, card in cards.items()},
        curves={name: pd.read_csv(folder / "curves.csv") for name, folder in folders.items()},
        parity={name: pd.read_csv(folder / "parity.csv") for name, folder in folders.items()},
        partitions={name: _table(folder / "partitions.csv") for name, folder in folders.items()},
        datasets=datasets.REGISTRY,
        scores=comparisons.scores(),
        benchmark=inner_loops(),
        starts=_table(ROOT / "figures" / "05_starts.csv"),
        grids=pd.DataFrame(grids),
    )


RENAMED = {"published": "slsqp_ei", "published_log_ei": "slsqp_log_ei", "slsqp": "scipy_botorch"}
"""Maximisers as the recorded benchmark names them → as they are called now."""


def inner_loops() -> pd.DataFrame:
    """The recorded benchmark of inner loops, a row per state and maximiser; empty where there is none."""
    table = _table(ROOT / "figures" / "05_inner_loop.csv")
    return table.assign(maximiser=table["maximiser"].replace(RENAMED)) if len(table) else table


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path) if path.exists() else pd.DataFrame()
