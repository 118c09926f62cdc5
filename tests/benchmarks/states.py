"""The states on which inner loops are compared: what a trajectory knows before an experiment.

A state is measured compositions, merits and features. From it everything follows: the fitted GP, log EI, and the seed
of every maximiser. States come from trajectories on the alloys' grids, and beyond the alloys' elements from
trajectories in landscapes that are `drawn` from a GP. What is measured on one is `kept`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import peers

from alloygrad.campaigns.trajectory import Settings, trajectory
from alloygrad.features import elements
from alloygrad.features.feature_map import FeatureMap, all_features
from alloygrad.features.formulas import FORMULAS
from alloygrad.maximisers.options import FEW
from alloygrad.spaces.composition import CompositionSpace, Group
from compendium import store
from compendium.environments import alloys, trained
from compendium.feature_gradient.cells import WORKING_STEP
from compendium.running.description import BEHAVIOUR, of_settings, of_space
from compendium.threads import one_thread

VERSION = 1
"""Raised when a change to the benchmark changes a row: recorded ones then no longer match."""

WORDS = {"slsqp_ei": "published", "slsqp_log_ei": "published_log_ei", "scipy_botorch": "slsqp"}
"""Peer → its word in the names of recorded rows, where they differ: what is hashed does not change with the code."""

NAMES = {"mean": ("mean",), "all": tuple(FORMULAS)}
"""The values of the column `formulas`."""

KEY = ["alloy", "n_elements", "formulas", "experiment", "seed"]
"""Columns that name a state."""


@dataclass(frozen=True)
class Walk:
    """A trajectory and the experiments before which a state is taken from it."""

    alloy: str  # or "drawn"
    n_elements: int
    formulas: str
    seed: int
    maximiser: str
    acquisition: str
    experiments: tuple[int, ...]

    @cached_property
    def space(self) -> CompositionSpace:
        if self.alloy == "drawn":
            return wide_space(self.n_elements)
        return alloys.ALLOYS[self.alloy].space(self.n_elements, WORKING_STEP.get((self.alloy, self.n_elements), 0.001))

    def environment(self) -> Callable:
        if self.alloy == "drawn":
            return drawn(self.space, self.seed)
        return trained.load(alloys.ALLOYS[self.alloy], self.space.elements)

    def settings(self) -> Settings:
        return Settings(
            maximiser=self.maximiser,
            acquisition=self.acquisition,
            formulas=NAMES[self.formulas],
            n_experiments=max(1, *self.experiments),  # the first tells the features
        )


def declare() -> list[Walk]:
    """All trajectories of the benchmark."""
    walks = []
    for formulas in NAMES:
        for alloy in alloys.ALLOYS:
            for n in (3, 4, 5):
                walks.append(Walk(alloy, n, formulas, 0, "ascent", "log_ei", (0, 10, 20, 30, 40, 50)))
                walks.append(Walk(alloy, n, formulas, 1, "slsqp", "ei", (5, 15, 25, 35, 45, 59)))
            for n in (6, 8, 10):
                for seed in range(2):
                    walks.append(Walk(alloy, n, formulas, seed, "ascent", "log_ei", (0, 5, 15, 30)))
        for n in (15, 20, 30):
            for seed in range(6):
                walks.append(Walk("drawn", n, formulas, seed, "ascent", "log_ei", (0, 5, 15, 30)))
    return walks


def wide_space(n_elements: int) -> CompositionSpace:
    """Metals with all 30 properties, each up to .35, the first third of them to .6 in sum and the second to .7."""
    table = elements.load()
    known = table.index[table[list(elements.SYMBOLS)].notna().all(axis=1)]
    chosen = [element for element in known if element not in ("C", "Li", "Be", "B", "Na", "K", "Ca")][:n_elements]
    third = n_elements // 3
    groups = (Group(tuple(chosen[:third]), 0.6), Group(tuple(chosen[third : 2 * third]), 0.7))
    return CompositionSpace.from_fractions(tuple(chosen), [0.0] * n_elements, [0.35] * n_elements, 0.001, groups)


def drawn(space: CompositionSpace, seed: int, features: int = 4, waves: int = 256) -> Callable:
    """A landscape drawn from a GP over weighted averages x: √(2/waves) Σ_k a_k cos(w_k·x/ℓ + b_k), a ~ N(0, 1).

    The spectral density of Matérn 5/2 is a Student t of 5 degrees of freedom, which w follows. ℓ = .5 on features
    scaled to 0 … 1 over 500 random compositions. Source: Rahimi and Recht, NeurIPS 2007.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(len(space.elements),)))
    candidates = all_features(["mean"])
    chosen = [candidates[i] for i in rng.choice(len(candidates), features, replace=False)]
    e = FeatureMap(space.elements, chosen)
    seen = e(space.fractions(space.sample(500, rng))).numpy()
    low, width = seen.min(0), np.ptp(seen, axis=0)
    w = rng.normal(size=(features, waves)) / np.sqrt(rng.chisquare(5, waves) / 5) / 0.5
    a, b = rng.normal(size=waves) * np.sqrt(2 / waves), rng.uniform(0, 2 * np.pi, waves)
    return lambda fractions: {"merit": np.cos((e(fractions).numpy() - low) / width @ w + b) @ a}


def some(walks: list[Walk], most: int) -> list[Walk]:
    """Walks cut to at most `most` states for each number of elements, spread evenly."""
    cut = []
    for n in sorted({walk.n_elements for walk in walks}):
        places = [(walk, experiment) for walk in walks if walk.n_elements == n for experiment in walk.experiments]
        chosen = {places[i] for i in np.linspace(0, len(places) - 1, min(most, len(places))).round().astype(int)}
        for walk in dict.fromkeys(walk for walk, _ in places):
            if experiments := tuple(experiment for experiment in walk.experiments if (walk, experiment) in chosen):
                cut.append(replace(walk, experiments=experiments))
    return cut


@dataclass(frozen=True, eq=False)
class State:
    """What is known before one experiment."""

    walk: Walk
    experiment: int
    counts: np.ndarray
    merits: np.ndarray
    features: tuple[str, ...]

    @property
    def space(self) -> CompositionSpace:
        return self.walk.space

    @cached_property
    def name(self) -> str:
        """Digest of what makes it, and of the code that is measured on it."""
        known = {"counts": self.counts.tolist(), "merits": self.merits.tolist(), "features": self.features}
        return store.digest({**of_space(self.space), **known, "code": _code(len(self.space.elements))})

    def data(self) -> tuple[FeatureMap, np.ndarray, np.ndarray]:
        """The arguments of `surrogate.fit`."""
        return FeatureMap(self.space.elements, self.features), self.space.fractions(self.counts), self.merits

    def rng(self, *more: int) -> np.random.Generator:
        return np.random.default_rng([int(self.name, 16), *more])

    def path(self, folder: Path, what: str, options: dict) -> Path:
        """Where a measurement of `what` on it is kept."""
        made_by = {"state": self.name, "what": WORDS.get(what, what), "options": options}
        return folder / f"{store.digest(made_by)}.json"

    def columns(self) -> dict:
        return {key: self.experiment if key == "experiment" else getattr(self.walk, key) for key in KEY}


def taken(walk: Walk, path: Path) -> list[State]:
    """Run the trajectory as far as it is not in `path`, and take the states from it."""
    rows = pd.read_parquet(path).to_dict("records") if path.exists() else []
    with one_thread():
        for row in trajectory(walk.settings(), walk.space, walk.environment(), walk.seed, done=rows):
            rows.append(row)
            if row["experiment"] >= -1:
                store.write(path, pd.DataFrame(rows).to_parquet)
    rows = pd.DataFrame(rows)
    counts = np.array(rows[list(walk.space.elements)], dtype=np.int64)
    merits, features = np.array(rows["merit"]), tuple(rows["features"].dropna().iloc[0].split())
    known = [(e, int((rows["experiment"] < e).sum())) for e in walk.experiments]
    return [State(walk, e, counts[:n], merits[:n], features) for e, n in known]


def _code(n_elements: int) -> list[int]:
    """Versions of all code that a row, or a trajectory, follows from."""
    return [BEHAVIOUR, VERSION, peers.VERSIONS[n_elements > FEW]]


def walk_name(walk: Walk) -> str:
    """Digest of what makes the trajectory."""
    made_by = {"landscape": "drawn" if walk.alloy == "drawn" else trained.digest(trained.FOLDER / walk.alloy)}
    made_by |= {**of_space(walk.space), "settings": of_settings(walk.settings()), "seed": walk.seed}
    return store.digest(made_by | {"code": _code(walk.n_elements)})


def kept(path: Path, measure: Callable[[], dict], collect: bool) -> dict | None:
    """What stands in `path`; else what `measure()` gives on one thread, written there, or None if only to `collect`."""
    if not path.exists():
        if collect:
            return None
        with one_thread():
            store.write_json(path, measure())
    return json.loads(path.read_text())
