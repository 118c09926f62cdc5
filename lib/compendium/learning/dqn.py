"""A double deep Q-network that builds a point choice by choice, and is trained on a model.

The state is the point as chosen so far, with stand-ins for the rest, and how many choices are made; the action is the
next choice, among those that the task leaves it: the level of the next dimension, or one more element. The reward is by
how much a score of the point rises. Rewards are not discounted, so that the return of an episode is the score of its
last point less that of the first. Two networks keep the maximum from flattering itself:

    target = reward + Q_slow(s', argmax_a Q(s', a)),

where Q is trained towards the targets and Q_slow is its copy of the batch before. Training goes on where it stood when
the model changes: earlier transitions are dropped, the networks stay.

Sources: Mnih et al., Nature 518 (2015) 529; van Hasselt, Guez and Silver, AAAI 2016, for the double network. Its use on
a surrogate model is inspired by the comparison of reinforcement learning with Bayesian optimisation in npj Comput.
Mater. (2025), article s41524-025-01639-w; sizes and schedules that we do not know of it are ours. Adam: Kingma and Ba,
ICLR 2015. The networks are so small that NumPy trains them five times faster than a framework does.
"""

from collections.abc import Callable
from itertools import pairwise
from math import inf
from typing import NamedTuple, Protocol

import numpy as np

HIDDEN = (64, 32)
RATE, MINIBATCH, UPDATES = 6e-3, 128, 3
"""Step of Adam, the best of 0.0005, 0.002 and 0.006 on four models that no claim is judged by; transitions in an
update; updates for each choice of a batch."""

EPISODES = 10
"""Episodes at a time."""

EXPLORED, DECAY, LEAST_EXPLORED = 0.95, 0.9, 0.01
"""Share of random actions: at first, by which factor it falls from batch to batch, and at the end."""

Score = Callable[[np.ndarray], np.ndarray]


class Builder(Protocol):
    """How a point (n, D) is built."""

    turns: int  # choices that make a point
    actions: int  # what there is to choose from
    scale: float  # by which points are divided for the network

    def begin(self, n: int) -> np.ndarray:
        """Return n points (n, D) of which nothing is chosen yet."""

    def allowed(self, points: np.ndarray, turn: int) -> np.ndarray:
        """Return which actions points (n, D) can take at a turn: bool (n, actions)."""

    def taken(self, points: np.ndarray, turn: int, action: np.ndarray) -> np.ndarray:
        """Return points (n, D) after their actions (n,)."""

    def filled(self, points: np.ndarray, turn: int) -> np.ndarray:
        """Return points (n, D) with stand-ins for all that is not chosen yet, as they are scored."""


class Transitions(NamedTuple):
    """States (n, s), actions (n,), rewards (n,), following states (n, s), what is closed there, and whether they end.

    closed: 0 for an action that is allowed, −∞ for another: (n, actions); ended: 0 or 1, (n,).
    """

    state: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    following: np.ndarray
    closed: np.ndarray
    ended: np.ndarray


class DQN:
    """The two networks, and the points that they build."""

    def __init__(self, builder: Builder, seed: int) -> None:
        self.builder = builder
        sizes = (builder.begin(1).shape[1] + 1, *HIDDEN, builder.actions)
        self.fast = Network(sizes, np.random.default_rng(seed))
        self.slow = self.fast.copy()

    def train(self, score: Score, rng: np.random.Generator, *, batches: int) -> np.ndarray:
        """Train on a score, filled points (n, D) → (n,); return all finished points (batches × EPISODES, D)."""
        memory: list[Transitions] = []
        finished, explored = [], EXPLORED
        for _ in range(batches):
            points, transitions = self._episodes(score, explored, rng)
            memory += transitions
            self._learn(memory, rng, updates=UPDATES * self.builder.turns)
            self.slow = self.fast.copy()
            explored = max(LEAST_EXPLORED, DECAY * explored)
            finished.append(points)
        return np.concatenate(finished)

    def propose(self, n: int, explored: float, rng: np.random.Generator) -> np.ndarray:
        """Return n points (n, D), built greedily but for a share of random actions."""
        points = self.builder.begin(n)
        for turn in range(self.builder.turns):
            points = self.builder.taken(points, turn, self._actions(points, turn, explored, rng))
        return points

    def _episodes(
        self, score: Score, explored: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, list[Transitions]]:
        builder = self.builder
        points, transitions = builder.begin(EPISODES), []
        before, state = score(builder.filled(points, 0)), self._state(points, 0)
        for turn in range(builder.turns):
            action = self._actions(points, turn, explored, rng)
            points = builder.taken(points, turn, action)
            after, following = score(builder.filled(points, turn + 1)), self._state(points, turn + 1)
            last = turn + 1 == builder.turns
            closed = _closed(np.full((EPISODES, builder.actions), True) if last else builder.allowed(points, turn + 1))
            reward, ended = (after - before).astype(np.float32), np.full(EPISODES, np.float32(last))
            transitions.append(Transitions(state, action, reward, following, closed, ended))
            before, state = after, following
        return points, transitions

    def _learn(self, memory: list[Transitions], rng: np.random.Generator, updates: int) -> None:
        all_of = Transitions(*(np.concatenate(parts) for parts in zip(*memory, strict=True)))
        slow = self.slow(all_of.following)
        for _ in range(updates):
            rows = rng.integers(len(slow), size=MINIBATCH)
            some = Transitions(*(part[rows] for part in all_of))
            choice = (self.fast(some.following) + some.closed).argmax(1)
            target = some.reward + (1 - some.ended) * slow[rows, choice]
            self.fast.step(self.fast.gradient(some.state, some.action, target))

    def _actions(self, points: np.ndarray, turn: int, explored: float, rng: np.random.Generator) -> np.ndarray:
        allowed = self.builder.allowed(points, turn)
        greedy = (self.fast(self._state(points, turn)) + _closed(allowed)).argmax(1)
        drawn = (rng.random(allowed.shape) * allowed).argmax(1)
        return np.where(rng.random(len(points)) < explored, drawn, greedy)

    def _state(self, points: np.ndarray, turn: int) -> np.ndarray:
        done = np.full((len(points), 1), turn / self.builder.turns)
        shares = self.builder.filled(points, turn) / self.builder.scale
        return np.concatenate([shares, done], axis=1).astype(np.float32)


def _closed(allowed: np.ndarray) -> np.ndarray:
    return np.where(allowed, np.float32(0), np.float32(-inf))


class Network:
    """A value for each action: layers of rectified linear units and a linear one, trained by Adam on squared errors.

    sizes: inputs, units of each layer, actions; precision: of all numbers.
    """

    def __init__(self, sizes: tuple[int, ...], rng: np.random.Generator, precision: type = np.float32) -> None:
        self.shapes = [(into + 1, out) for into, out in pairwise(sizes)]
        parts = [rng.uniform(-(shape[0] ** -0.5), shape[0] ** -0.5, size=shape) for shape in self.shapes]
        self.flat = np.concatenate([part.ravel() for part in parts]).astype(precision)
        self.moments, self.steps = np.zeros((2, len(self.flat)), precision), 0
        self._view()

    def copy(self) -> "Network":
        """Return a network of the same weights that stays as it is."""
        other = object.__new__(Network)
        other.shapes, other.flat, other.moments, other.steps = self.shapes, self.flat.copy(), self.moments, 0
        other._view()
        return other

    def __call__(self, state: np.ndarray) -> np.ndarray:
        """Return the values (n, actions) of states (n, inputs)."""
        return self._layers(state)[-1]

    def gradient(self, state: np.ndarray, action: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Return the slope of the mean squared error of the actions' values against targets (n,)."""
        layers, rows = self._layers(state), np.arange(len(state))
        slope = np.zeros_like(layers[-1])
        slope[rows, action] = 2 * (layers[-1][rows, action] - target) / len(state)
        parts = []
        for weights, below in zip(self.weights[::-1], layers[-2::-1], strict=True):
            parts += [slope.sum(0), (below.T @ slope).ravel()]
            slope = (slope @ weights[:-1].T) * (below > 0)
        return np.concatenate(parts[::-1])

    def step(self, gradient: np.ndarray) -> None:
        """Take a step of Adam against a gradient, whose entries are clipped to ±1."""
        self.steps += 1
        gradient = gradient.clip(-1, 1)
        first, second = self.moments
        first += 0.1 * (gradient - first)
        second += 0.001 * (gradient**2 - second)
        root = np.sqrt(second) * (1 - 0.999**self.steps) ** -0.5 + 1e-8
        self.flat -= (RATE / (1 - 0.9**self.steps)) * (first / root)

    def _layers(self, state: np.ndarray) -> list[np.ndarray]:
        layers = [state]
        for weights in self.weights:
            layers.append(layers[-1] @ weights[:-1] + weights[-1])
            if weights is not self.weights[-1]:
                np.maximum(layers[-1], 0, out=layers[-1])
        return layers

    def _view(self) -> None:
        ends = np.cumsum([into * out for into, out in self.shapes])[:-1]
        self.weights = [part.reshape(shape) for part, shape in zip(np.split(self.flat, ends), self.shapes, strict=True)]
