"""The best known front of strength and magnetisation, and what share of it a set of alloys reaches.

The space has 3 × 10¹⁰ alloys, too many to enumerate. The best known front is what is left of three searches on the
oracle: four million random alloys; NSGA-II; and exchanges of 1, 2, 4 and 8 steps between two elements of every alloy
of the front, repeated until none of them adds an alloy. It is a lower bound of the true front, which a campaign may
exceed.

Hypervolumes are shares of the front's. Both objectives are scaled so that the front spans 0 … 1; the reference point
lies a tenth below.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from alloygrad.maximisers.exchange import pairs
from alloygrad.objectives import Maximise, hypervolume, non_dominated
from compendium import store
from compendium.pareto import genetic
from compendium.physics import elements, oracle

OBJECTIVES = (Maximise("strength_MPa"), Maximise("magnetisation_T"))

REFERENCE = np.full(2, -0.1)
"""The reference point: a tenth of the front's range below its worst."""

BEHAVIOUR = 1
"""Raised when the oracle's answers, or the search for the front, change."""

CHUNK = 2**17
EXCHANGES = (1, 2, 4, 8)
OUTSIDE = -1e6
"""Utility of a composition that is not in the space."""


@dataclass(frozen=True)
class Search:
    """How long the best known front is searched for, and the seed."""

    samples: int = 4_000_000
    population: int = 200
    generations: int = 200
    seed: int = 0


PAPER = Search()


def utilities(counts: np.ndarray) -> np.ndarray:
    """Return strength, MPa, and magnetisation, T, (n, 2) of counts (n, 10)."""
    at = elements.space().fractions(counts)
    return np.column_stack([oracle.strength(at), oracle.magnetisation(at)])


def best_known(search: Search = PAPER) -> pd.DataFrame:
    """Return the best known front, strongest first: at.% of each element, objectives, the search and the code version.

    It is read where it was kept or recorded; else it is searched for, and kept.
    """
    for path in (_kept(search), record_path(search)):
        if path.exists():
            return pd.read_csv(path)
    table = find(search).assign(**asdict(search), code=store.code_version())
    store.write(_kept(search), lambda path: table.to_csv(path, index=False, float_format="%.6g"))
    return table


def find(search: Search) -> pd.DataFrame:
    """Search for the front, as the head of this module says."""
    space, rng = elements.space(), np.random.default_rng(search.seed)
    front = np.empty((0, len(elements.SYMBOLS)), dtype=np.int64)
    for start in range(0, search.samples, CHUNK):
        front = _best(front, space.sample(min(CHUNK, search.samples - start), rng))
    evolved = genetic.evolve(
        space.composition, _penalised, rng, population=search.population, generations=search.generations
    )
    return _table(closed(_best(front, evolved[space.contains(evolved)])))


def closed(front: np.ndarray) -> np.ndarray:
    """Return a front (m, 10) to which no exchange of steps between two elements adds an alloy, from counts (n, 10)."""
    space, moves = elements.space(), pairs(len(elements.SYMBOLS))
    moves, tried = np.concatenate([size * moves for size in EXCHANGES]), set()
    while len(fresh := np.array([row for row in front if tuple(row) not in tried])):
        tried.update(map(tuple, fresh.tolist()))
        near = (fresh[:, None] + moves).reshape(-1, front.shape[1])
        near = near[space.composition.contains(near)]
        front = _best(front, near[space.contains(near)])
    return front


@dataclass(frozen=True, eq=False)
class Yardstick:
    """A front's range, and its hypervolume above the reference point."""

    low: np.ndarray
    width: np.ndarray
    whole: float

    @classmethod
    def of(cls, front: pd.DataFrame) -> "Yardstick":
        """Return the yardstick of a table with the columns of the objectives."""
        known = front[[one.name for one in OBJECTIVES]].to_numpy(dtype=float)
        low, width = known.min(0), np.ptp(known, axis=0)
        return cls(low, width, hypervolume((known - low) / width, REFERENCE))

    def share(self, values: np.ndarray) -> float:
        """Return the hypervolume of utilities (n, 2) as a share of the front's."""
        return hypervolume((values - self.low) / self.width, REFERENCE) / self.whole


def describe() -> Mapping:
    """Return plain values that fix the space, the oracle and the objectives, for a digest."""
    volumes = {name: one.volume for name, one in elements.ELEMENTS.items()}
    limits = {**elements.space().composition.describe(), "least_vec": elements.LEAST_VEC}
    aims = [one.name for one in OBJECTIVES]
    return {"limits": limits, "volumes": volumes, "aims": aims, "behaviour": BEHAVIOUR}


def record_path(search: Search = PAPER) -> Path:
    """Return where the front of a search is recorded."""
    return store.RESULTS / "physics" / _name(search)


def _kept(search: Search) -> Path:
    return store.working() / "physics" / _name(search)


@cache
def _name(search: Search) -> str:
    return f"front-{store.digest({**describe(), **asdict(search)})}.csv"


def _penalised(counts: np.ndarray) -> np.ndarray:
    return np.where(elements.space().contains(counts)[:, None], utilities(counts), OUTSIDE)


def _best(front: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The non-dominated of both, each once."""
    counts = np.unique(np.concatenate([front, others]), axis=0)
    return counts[non_dominated(utilities(counts))]


def _table(counts: np.ndarray) -> pd.DataFrame:
    values = pd.DataFrame(utilities(counts), columns=[one.name for one in OBJECTIVES])
    table = pd.concat([pd.DataFrame(counts, columns=elements.SYMBOLS), values], axis=1)
    return table.sort_values(OBJECTIVES[0].name, ascending=False, ignore_index=True)
