"""Functions on a grid whose global minimum is known: Ackley's and Rastrigin's, moved off the centre.

Each of D dimensions has 51 levels. With x = (level − best level) × 10/50, both are 0 at the best levels and positive
elsewhere; the best levels are drawn from the seed, so that no method can profit from a minimum at the centre or edge:

    ackley     −20 exp(−0.2 √(Σ x²/D)) − exp(Σ cos 2πx/D) + 20 + e
    rastrigin  10 D + Σ (x² − 10 cos 2πx)

Sources: Ackley, A Connectionist Machine for Genetic Hillclimbing, 1987; Rastrigin, Systems of Extremal Control, 1974
(in Russian).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alloygrad.spaces import Box

LEVELS = 51
WIDTH = 10.0
"""Range of x from the first level to the last."""

EDGE = 3
"""The best level is at least so far from the first and the last."""


def ackley(x: np.ndarray) -> np.ndarray:
    """Return Ackley's function (...) of x (..., D)."""
    ridges = np.cos(2 * np.pi * x).mean(-1)
    return -20 * np.exp(-0.2 * np.sqrt((x**2).mean(-1))) - np.exp(ridges) + 20 + np.e


def rastrigin(x: np.ndarray) -> np.ndarray:
    """Return Rastrigin's function (...) of x (..., D)."""
    return 10 * x.shape[-1] + (x**2 - 10 * np.cos(2 * np.pi * x)).sum(-1)


FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"ackley": ackley, "rastrigin": rastrigin}


@dataclass(frozen=True)
class Task:
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
