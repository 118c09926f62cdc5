"""What is searched: functions on a grid whose global minimum is known, and alloys of ten elements.

Ackley's and Rastrigin's functions, moved off the centre. Each of D dimensions has 51 levels. With
x = (level − best level) × 10/50, both are 0 at the best levels and positive elsewhere; the best levels are drawn from
the seed, so that no method can profit from a minimum at the centre or edge:

    ackley     −20 exp(−0.2 √(Σ x²/D)) − exp(Σ cos 2πx/D) + 20 + e
    rastrigin  10 D + Σ (x² − 10 cos 2πx)

Alloys: the trained high-entropy laboratory (`environments`), ten elements in steps of 2 at.%, which again are 51 levels
an element; what is measured is the physical form of its merit, negative. The global minimum is not known: long ascents
on the laboratory itself stand in for it.

Sources: Ackley, A Connectionist Machine for Genetic Hillclimbing, 1987; Rastrigin, Systems of Extremal Control, 1974
(in Russian).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Protocol

import numpy as np

from alloygrad.maximisers import maximise
from alloygrad.spaces import Box, CompositionSpace, Restricted
from compendium.environments import trained
from compendium.environments.alloys import HEA
from compendium.learning.dqn import Builder

LEVELS = 51
WIDTH = 10.0
"""Range of x from the first level to the last."""

EDGE = 3
"""The best level is at least so far from the first and the last."""

START = 15
"""Level of a dimension that is not set yet."""

ALLOYS = "alloys"
ELEMENTS, STEP = 10, 0.02
"""Number of elements, and step of the fractions: 50 steps make an alloy."""


class Task(Builder, Protocol):
    """A space of points with integer levels (n, D), what is measured there, and how a point is built."""

    seed: int

    @property
    def space(self) -> Box | Restricted:
        """All points."""

    def measure(self, points: np.ndarray) -> np.ndarray:
        """Return what is measured (n,) at points (n, D), the lower the better."""

    def drawn(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return random points (n, D) that need not be on the grid."""

    def limits(self) -> np.ndarray:
        """Return the lowest and the highest value of each dimension: (2, D)."""

    def inside(self, values: np.ndarray) -> np.ndarray:
        """Return the points (n, D) that are meant by values (n, D) within the limits."""

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """Return the points of the grid (m, D) that values (n, D) are rounded to."""


def ackley(x: np.ndarray) -> np.ndarray:
    """Return Ackley's function (...) of x (..., D)."""
    ridges = np.cos(2 * np.pi * x).mean(-1)
    return -20 * np.exp(-0.2 * np.sqrt((x**2).mean(-1))) - np.exp(ridges) + 20 + np.e


def rastrigin(x: np.ndarray) -> np.ndarray:
    """Return Rastrigin's function (...) of x (..., D)."""
    return 10 * x.shape[-1] + (x**2 - 10 * np.cos(2 * np.pi * x)).sum(-1)


FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"ackley": ackley, "rastrigin": rastrigin}


class Levels:
    """Points of which one level after the other is set; a part of every task."""

    actions, scale = LEVELS, LEVELS - 1.0
    dimensions: int

    @property
    def turns(self) -> int:
        """A choice for each dimension."""
        return self.dimensions

    def begin(self, n: int) -> np.ndarray:
        """All levels 0."""
        return np.zeros((n, self.dimensions), dtype=np.int64)

    def taken(self, points: np.ndarray, turn: int, action: np.ndarray) -> np.ndarray:
        """The action is the level."""
        points = points.copy()
        points[:, turn] = action
        return points


@dataclass(frozen=True)
class Minimum(Levels):
    """A function by name, the number of its dimensions, and the seed of its best levels."""

    function: str
    dimensions: int
    seed: int

    @cached_property
    def best(self) -> np.ndarray:
        """The levels (D,) of the global minimum, 0."""
        rng = np.random.default_rng([self.seed, self.dimensions])
        return rng.integers(EDGE, LEVELS - EDGE, size=self.dimensions)

    @cached_property
    def space(self) -> Box:
        """All points: a level, 0 … 50, in each dimension."""
        names = [f"x{i}" for i in range(self.dimensions)]
        return Box({name: (0, LEVELS - 1) for name in names}, integers=names)

    def measure(self, points: np.ndarray) -> np.ndarray:
        """Return the function (n,) of levels (n, D)."""
        return FUNCTIONS[self.function]((points - self.best) * WIDTH / (LEVELS - 1))

    def allowed(self, points: np.ndarray, turn: int) -> np.ndarray:
        """All levels, always."""
        return np.ones((len(points), LEVELS), dtype=bool)

    def filled(self, points: np.ndarray, turn: int) -> np.ndarray:
        """The level `START` stands in."""
        return np.where(np.arange(self.dimensions) < turn, points, START)

    def drawn(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Between the levels, too."""
        return rng.uniform(0, LEVELS - 1, size=(n, self.dimensions))

    def limits(self) -> np.ndarray:
        """The first and the last level."""
        return np.repeat([[0.0], [LEVELS - 1.0]], self.dimensions, axis=1)

    def inside(self, values: np.ndarray) -> np.ndarray:
        """The values themselves."""
        return values

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """Down, up, and to the nearest."""
        return np.concatenate([to_grid(values) for to_grid in (np.floor, np.ceil, np.rint)]).astype(np.int64)


@dataclass(frozen=True)
class Alloys(Levels):
    """Alloys of ten elements; the seed draws nothing here but the initial alloys of a run."""

    seed: int
    dimensions: int = ELEMENTS

    @property
    def space(self) -> Restricted:
        """All compositions within the bounds, as counts of steps."""
        return _alloys()

    def measure(self, points: np.ndarray) -> np.ndarray:
        """Return the negative merit (n,) of counts (n, 10)."""
        return -_laboratory()(self.space.fractions(points))["merit"]

    def allowed(self, points: np.ndarray, turn: int) -> np.ndarray:
        """What the bounds of the element and of the later ones leave."""
        low, high = self.limits()
        left = self.space.total - points[:, :turn].sum(1, keepdims=True)
        least = np.maximum(low[turn], left - high[turn + 1 :].sum())
        most = np.minimum(high[turn], left - low[turn + 1 :].sum())
        return (least <= np.arange(LEVELS)) & (np.arange(LEVELS) <= most)

    def filled(self, points: np.ndarray, turn: int) -> np.ndarray:
        """The later elements share the rest equally."""
        left = self.space.total - points[:, :turn].sum(1, keepdims=True)
        return np.where(np.arange(self.dimensions) < turn, points, left / max(1, self.dimensions - turn))

    def drawn(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Points of the space."""
        return self.space.sample(n, rng).astype(float)

    def limits(self) -> np.ndarray:
        """The bounds, in steps."""
        return _limits()

    def inside(self, values: np.ndarray) -> np.ndarray:
        """Amounts, brought to the sum of an alloy."""
        return values * (self.space.total / np.maximum(values.sum(-1, keepdims=True), 1e-9))

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """The nearest composition; none where the bounds rule it out."""
        found = self.space.nearest(self.inside(values) / self.space.total)
        return found[self.space.contains(found)]


def task_of(function: str, dimensions: int, seed: int) -> Task:
    """Return a task by what names it."""
    return Alloys(seed) if function == ALLOYS else Minimum(function, dimensions, seed)


def best_found(seed: int) -> float:
    """Return the lowest measurement of alloys that a long ascent on the laboratory itself ends at."""
    space = _alloys().composition
    found = maximise(_laboratory().value, space, "ascent", rng=np.random.default_rng(seed))
    return float(Alloys(seed).measure(found.point[None])[0])


@cache
def _limits() -> np.ndarray:
    bounds = _alloys().composition.polytope()
    return np.rint(np.array([bounds.lower, bounds.upper]) * _alloys().total)


@cache
def _alloys() -> Restricted:
    composition = HEA.space(ELEMENTS, STEP)
    assert isinstance(composition, CompositionSpace)
    return Restricted(composition)


@cache
def _laboratory() -> trained.Environment:
    return trained.load(HEA, _alloys().composition.elements, merit="physical")
