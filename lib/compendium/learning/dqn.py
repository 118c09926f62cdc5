"""A double deep Q-network that builds a point dimension by dimension, and is trained on a model.

The state is the levels set so far, the others at `START`, and how many are set; the action is the level of the next
dimension; the reward is by how much a score of the point rises. Rewards are not discounted, so that the return of an
episode is the score of its last point less that of the first. Two networks keep the maximum from flattering itself:

    target = reward + Q_slow(s', argmax_a Q(s', a)),

where Q is trained towards the targets and Q_slow is its copy of the batch before. Training goes on where it stood when
the model changes: earlier transitions are dropped, the networks stay.

Sources: Mnih et al., Nature 518 (2015) 529; van Hasselt, Guez and Silver, AAAI 2016, for the double network. Its use on
a surrogate model is inspired by the comparison of reinforcement learning with Bayesian optimisation in npj Comput.
Mater. (2025), article s41524-025-01639-w; sizes and schedules that we do not know of it are ours.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from compendium.learning.tasks import LEVELS

START = 15
"""Level of a dimension that is not set yet."""

HIDDEN = (64, 32)
RATE, MINIBATCH, UPDATES = 5e-4, 128, 3
EPISODES = 10
"""Episodes at a time."""

EXPLORED, DECAY, LEAST_EXPLORED = 0.95, 0.9, 0.01
"""Share of random actions: at first, by which factor it falls from batch to batch, and at the end."""

Score = Callable[[np.ndarray], np.ndarray]


class DQN:
    """The two networks, and the points that they build."""

    def __init__(self, dimensions: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.dimensions = dimensions
        self.fast, self.slow = (_network(dimensions, generator) for _ in range(2))
        self.slow.load_state_dict(self.fast.state_dict())
        self.optimiser = torch.optim.Adam(self.fast.parameters(), RATE)

    def train(self, score: Score, rng: np.random.Generator, *, batches: int) -> np.ndarray:
        """Train on a score, points (n, D) → (n,); return all finished points (batches × EPISODES, D)."""
        memory: list[tuple[Tensor, ...]] = []
        finished, explored = [], EXPLORED
        for _ in range(batches):
            points, transitions = self._episodes(score, explored, rng)
            memory += transitions
            self._learn(memory, rng, updates=UPDATES * self.dimensions)
            self.slow.load_state_dict(self.fast.state_dict())
            explored = max(LEAST_EXPLORED, DECAY * explored)
            finished.append(points)
        return np.concatenate(finished)

    def propose(self, n: int, explored: float, rng: np.random.Generator) -> np.ndarray:
        """Return n points (n, D), built greedily but for a share of random actions."""
        points = np.full((n, self.dimensions), START)
        for turn in range(self.dimensions):
            points[:, turn] = self._actions(points, turn, explored, rng)
        return points

    def _episodes(
        self, score: Score, explored: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, list[tuple[Tensor, ...]]]:
        points = np.full((EPISODES, self.dimensions), START)
        before, transitions = score(points), []
        for turn in range(self.dimensions):
            state, action = self._state(points, turn), self._actions(points, turn, explored, rng)
            points = points.copy()
            points[:, turn] = action
            after = score(points)
            ended = torch.full((EPISODES,), float(turn == self.dimensions - 1))
            reward = torch.from_numpy(after - before).float()
            transitions.append((state, torch.from_numpy(action), reward, self._state(points, turn + 1), ended))
            before = after
        return points, transitions

    def _learn(self, memory: list[tuple[Tensor, ...]], rng: np.random.Generator, updates: int) -> None:
        state, action, reward, following, ended = (torch.cat(parts) for parts in zip(*memory, strict=True))
        for _ in range(updates):
            rows = torch.from_numpy(rng.integers(len(state), size=MINIBATCH))
            with torch.no_grad():
                choice = self.fast(following[rows]).argmax(1, keepdim=True)
                later = self.slow(following[rows]).gather(1, choice)[:, 0]
                target = reward[rows] + (1 - ended[rows]) * later
            value = self.fast(state[rows]).gather(1, action[rows, None])[:, 0]
            loss = nn.functional.mse_loss(value, target)
            self.optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_value_(self.fast.parameters(), 1.0)
            self.optimiser.step()

    def _actions(self, points: np.ndarray, turn: int, explored: float, rng: np.random.Generator) -> np.ndarray:
        with torch.no_grad():
            greedy = self.fast(self._state(points, turn)).argmax(1).numpy()
        return np.where(rng.random(len(points)) < explored, rng.integers(LEVELS, size=len(points)), greedy)

    def _state(self, points: np.ndarray, turn: int) -> Tensor:
        done = np.full((len(points), 1), turn / self.dimensions)
        return torch.from_numpy(np.concatenate([points / (LEVELS - 1), done], axis=1)).float()


def _network(dimensions: int, generator: torch.Generator) -> nn.Sequential:
    layers: list[nn.Module] = []
    into = dimensions + 1
    for out in (*HIDDEN, LEVELS):
        layer = nn.Linear(into, out)
        with torch.no_grad():
            for part in (layer.weight, layer.bias):
                part.uniform_(-(into**-0.5), into**-0.5, generator=generator)
        layers += [layer, nn.ReLU()]
        into = out
    return nn.Sequential(*layers[:-1])
