"""Two acquisition functions, three searches: what is proposed next, of the same measurements with the same model.

    ei, mean    expected improvement, and the model's mean: what the reward of reinforcement learning is made of
    weak        as Bayesian optimisation was run for comparison: 10,000 random points, and L-BFGS-B with numerical
                gradients from 4 D random starts; the ends are rounded to levels in three ways, and the best one is kept
    search      the library's maximiser of the space
    dqn         a double deep Q-network on the model (`dqn`), trained on every `RETRAINED`-th model

All searches see the same score: of "ei" its logarithm from `FLOOR` on, for "weak" the plain value, as published. The
published comparison is of (ei, weak) with (mean, dqn), which differ in both.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from alloygrad.acquisition.analytic import expected_improvement, log_expected_improvement
from alloygrad.maximisers import maximise
from alloygrad.maximisers.suggestion import Plain
from alloygrad.surrogates import Isotropic
from compendium.learning.dqn import DQN
from compendium.learning.tasks import LEVELS, Task

ACQUISITIONS, SEARCHES = ("ei", "mean"), ("weak", "search", "dqn")

FLOOR = -20.0
"""Least log EI that counts, in nats."""

RANDOM_POINTS, STARTS_PER_DIMENSION = 10_000, 4
RETRAINED, BATCHES = 4, 20
"""A network is trained on every fourth model, with so many batches of episodes."""

TRIED, EXPLORED = 64, 0.1
"""Points that a network proposes at once, and the share of random actions among them."""


@dataclass
class State:
    """What was measured of a task, the larger the better, and the network that learns along."""

    task: Task
    points: np.ndarray  # (n, D)
    values: np.ndarray  # (n,)
    network: DQN | None = field(default=None, repr=False)
    asked: int = 0

    def score(self, acquisition: str, *, plain: bool = False) -> Callable[[Tensor], Tensor]:
        """Return the acquisition function, points (n, D) → (n,), of a model of all that was measured."""
        z = (self.values - self.values.mean()) / (self.values.std() or 1.0)
        model, best = Isotropic(_levels).fit(self.points.astype(float), z), float(z.max())

        def mean(points: Tensor) -> Tensor:
            return model.posterior(points)[0]

        def improvement(points: Tensor) -> Tensor:
            mean, std = model.posterior(points)
            if plain:
                return expected_improvement(mean, std, best)
            return log_expected_improvement(mean, std, best).clamp(min=FLOOR)

        return {"ei": improvement, "mean": mean}[acquisition]

    def is_new(self, points: np.ndarray) -> np.ndarray:
        """Return whether points (n, D) are not measured yet: bool (n,)."""
        return ~(points[:, None] == self.points).all(-1).any(-1)

    def tell(self, point: np.ndarray) -> None:
        """Measure a point (D,)."""
        self.points = np.concatenate([self.points, point[None]])
        self.values = np.append(self.values, -self.task.measure(point[None]))


def weak(state: State, acquisition: str, rng: np.random.Generator) -> np.ndarray:
    """Return the best of random points and of rounded ends of L-BFGS-B."""
    values, size = _on_arrays(state.score(acquisition, plain=True)), state.task.dimensions
    drawn = rng.uniform(0, LEVELS - 1, size=(RANDOM_POINTS, size))
    ends = [drawn[values(drawn).argmax()]]
    for start in rng.uniform(0, LEVELS - 1, size=(STARTS_PER_DIMENSION * size, size)):
        found = minimize(
            lambda x: -float(values(x[None])[0]), start, method="L-BFGS-B", bounds=[(0, LEVELS - 1)] * size
        )
        ends.append(found.x)
    rounded = np.concatenate([to_grid(np.array(ends)) for to_grid in (np.floor, np.ceil, np.rint)]).astype(np.int64)
    return _best_new(state, rounded, values, rng)


def search(state: State, acquisition: str, rng: np.random.Generator) -> np.ndarray:
    """Return what the library's maximiser of the space finds."""
    acquire = Plain(state.score(acquisition), logarithmic=acquisition == "ei", differentiable=False)
    return maximise(acquire, state.task.space, exclude=state.points, rng=rng).point.astype(np.int64)


def dqn(state: State, acquisition: str, rng: np.random.Generator) -> np.ndarray:
    """Return the best of the points that a network proposes, trained on the present model or one a little older."""
    values = _on_arrays(state.score(acquisition))
    if state.network is None:
        state.network = DQN(state.task.dimensions, int(rng.integers(2**31)))
    if state.asked % RETRAINED == 0:
        state.network.train(values, rng, batches=BATCHES)
    state.asked += 1
    return _best_new(state, state.network.propose(TRIED, EXPLORED, rng), values, rng)


METHODS = {"weak": weak, "search": search, "dqn": dqn}


def _levels(points: Tensor) -> Tensor:
    return points


def _on_arrays(score: Callable[[Tensor], Tensor]) -> Callable[[np.ndarray], np.ndarray]:
    def values(points: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return score(torch.from_numpy(points.astype(float))).numpy()

    return values


def _best_new(
    state: State, points: np.ndarray, values: Callable[[np.ndarray], np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """The point of largest value that is not measured; a random one where all are."""
    points = np.unique(points, axis=0)
    points = points[state.is_new(points)]
    while not len(points):
        points = state.task.space.sample(TRIED, rng).astype(np.int64)
        points = points[state.is_new(points)]
    return points[values(points).argmax()]
