"""Two acquisition functions, three searches: what is proposed next, of the same measurements with the same model.

    ei, mean    expected improvement, and the model's mean: what the reward of reinforcement learning is made of
    weak        as Bayesian optimisation was run for comparison: 10,000 random points, and L-BFGS-B with numerical
                gradients from 4 D random starts; the ends are rounded to levels in three ways, and the best one is kept
    search      the best of random points and of points near the best measured ones climb: on the grid by setting one
                dimension at a time to its best level, among alloys by exchanges between two elements, until nothing
                improves
    dqn         a double deep Q-network on the model (`dqn`), trained on every `RETRAINED`-th model

All searches see the same score: of "ei" its logarithm from `FLOOR` on, for "weak" the plain value, as published. The
published comparison is of (ei, weak) with (mean, dqn), which differ in both. In alloys the amounts of L-BFGS-B are
brought to the sum of an alloy, and rounded to the nearest one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.optimize import minimize

from alloygrad.acquisition.analytic import expected_improvement, log_expected_improvement
from alloygrad.maximisers import maximise
from alloygrad.maximisers.suggestion import Plain
from alloygrad.spaces import Restricted
from compendium.learning.dqn import DQN
from compendium.learning.predictor import Predictor, predictor
from compendium.learning.tasks import LEVELS, Task

ACQUISITIONS, SEARCHES = ("ei", "mean"), ("weak", "search", "dqn")

FLOOR = -20.0
"""Least log EI that counts, in nats."""

RANDOM_POINTS, STARTS_PER_DIMENSION = 10_000, 4
DIFFERENCE = 1e-6
"""Step of the numerical gradients, in levels."""

SCREEN, NEAR, CLIMBERS, SWEEPS = 1024, 256, 8, 10
"""Of the search: random points, points near the best measured ones, how many climb, and how often at most."""

RETRAINED, BATCHES = 4, 20
"""A network is trained on every fourth model, with so many batches of episodes."""

TRIED, EXPLORED = 64, 0.1
"""Points that a network proposes at once, and the share of random actions among them."""

Score = Callable[[np.ndarray], np.ndarray]


@dataclass
class State:
    """What was measured of a task, the larger the better, and the network that learns along."""

    task: Task
    points: np.ndarray  # (n, D)
    values: np.ndarray  # (n,)
    network: DQN | None = field(default=None, repr=False)
    asked: int = 0
    model: Predictor | None = field(default=None, repr=False)

    def score(self, acquisition: str, *, plain: bool = False) -> Score:
        """Return the acquisition function, points (n, D) → (n,), of a model of all that was measured."""
        if self.model is None or len(self.model.inputs) < len(self.points):
            self.model = predictor(self.points, self.values, self.model)
        model = self.model

        def improvement(points: np.ndarray) -> np.ndarray:
            mean, std = map(torch.from_numpy, model.both(points))
            if plain:
                return expected_improvement(mean, std, model.best).numpy()
            return log_expected_improvement(mean, std, model.best).numpy().clip(min=FLOOR)

        return {"ei": improvement, "mean": model.mean}[acquisition]

    def is_new(self, points: np.ndarray) -> np.ndarray:
        """Return whether points (n, D) are not measured yet: bool (n,)."""
        return ~(points[:, None] == self.points).all(-1).any(-1)

    def tell(self, point: np.ndarray) -> None:
        """Measure a point (D,)."""
        self.points = np.concatenate([self.points, point[None]])
        self.values = np.append(self.values, -self.task.measure(point[None]))


def weak(state: State, acquisition: str, rng: np.random.Generator) -> np.ndarray:
    """Return the best of random points and of rounded ends of L-BFGS-B."""
    task, score = state.task, state.score(acquisition, plain=True)
    drawn, (low, high) = task.drawn(RANDOM_POINTS, rng), task.limits()
    ends = [drawn[score(drawn).argmax()]]
    objective = _with_numerical_gradient(lambda values: -score(task.inside(values)), high)
    for start in rng.uniform(low, high, size=(STARTS_PER_DIMENSION * len(low), len(low))):
        found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=list(zip(low, high, strict=True)))
        ends.append(found.x)
    return _best_new(state, task.rounded(np.array(ends)), score, rng)


def _with_numerical_gradient(function: Score, high: np.ndarray) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """Value and forward differences of a function, (n, D) → (n,), at one point; backward ones at the upper limits."""

    def both(point: np.ndarray) -> tuple[float, np.ndarray]:
        steps = np.where(point + DIFFERENCE > high, -DIFFERENCE, DIFFERENCE)
        values = function(np.concatenate([point[None], point + np.diag(steps)]))
        return values[0], (values[1:] - values[0]) / steps

    return both


def search(state: State, acquisition: str, rng: np.random.Generator) -> np.ndarray:
    """Return the best point that the climbs reach."""
    score = state.score(acquisition)
    if isinstance(state.task.space, Restricted):
        steps = state.task.space.total
        acquire = Plain(lambda at: torch.from_numpy(score(steps * at.numpy())), acquisition == "ei", False)
        options = {"screen": SCREEN, "starts": CLIMBERS}
        found = maximise(acquire, state.task.space, exclude=state.points, rng=rng, options=options)
        return found.point.astype(np.int64)
    best = state.points[np.argsort(-state.values, kind="stable")[:5]]
    near = best[rng.integers(len(best), size=NEAR)] + rng.integers(-4, 5, size=(NEAR, best.shape[1]))
    drawn = state.task.space.sample(SCREEN, rng).astype(np.int64)
    drawn = np.concatenate([drawn, near.clip(0, LEVELS - 1)])
    starts = drawn[np.argsort(-score(drawn), kind="stable")[:CLIMBERS]]
    return _best_new(state, climbed(starts, score, rng), score, rng)


def climbed(points: np.ndarray, score: Score, rng: np.random.Generator) -> np.ndarray:
    """Return all points tried (m, D) as climbers (n, D) set one dimension at a time to its best level."""
    points, tried = points.copy(), [points]
    values = score(points)
    for _ in range(SWEEPS):
        before = values
        for turn in rng.permutation(points.shape[1]):
            line = np.repeat(points[:, None], LEVELS, axis=1)
            line[..., turn] = np.arange(LEVELS)
            found = score(line.reshape(-1, points.shape[1])).reshape(len(points), LEVELS)
            points[:, turn], values = found.argmax(1), found.max(1)
            tried.append(line[found >= np.sort(found)[:, -2:-1]])  # the best two of each line
        if not (values > before).any():
            break
    return np.concatenate(tried)


def dqn(state: State, acquisition: str, rng: np.random.Generator) -> np.ndarray:
    """Return the best of the points that a network proposes, trained on the present model or one a little older."""
    score = state.score(acquisition)
    if state.network is None:
        state.network = DQN(state.task, int(rng.integers(2**31)))
    if state.asked % RETRAINED == 0:
        state.network.train(score, rng, batches=BATCHES)
    state.asked += 1
    return _best_new(state, state.network.propose(TRIED, EXPLORED, rng), score, rng)


METHODS = {"weak": weak, "search": search, "dqn": dqn}


def _best_new(state: State, points: np.ndarray, score: Score, rng: np.random.Generator) -> np.ndarray:
    """The point of largest value that is not measured; a random one where all are."""
    points = np.unique(points, axis=0)
    points = points[state.is_new(points)]
    while not len(points):
        points = state.task.space.sample(TRIED, rng).astype(np.int64)
        points = points[state.is_new(points)]
    return points[score(points).argmax()]
