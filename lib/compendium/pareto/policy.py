"""A policy that builds compositions element by element and learns which are worth most (REINFORCE).

The state is what has been placed so far and whose turn it is; the action is the share, of what this element can still
take, in `LEVELS` equal steps; the last element takes the rest. The reward of a finished composition is its value,
standardised over the batch, and the policy follows

    ∇ E[reward] = E[reward ∇ log π],    plus a small bonus for the entropy of π.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from alloygrad.spaces.composition import CompositionSpace

LEVELS, HIDDEN, RATE, ENTROPY, EXPLORED = 21, 64, 3e-3, 0.01, 0.1
"""Actions, units of both layers, step of Adam, weight of the entropy, share of actions at random."""

WORST = -50.0
"""Least reward, before it is standardised; also of what breaks a limit on a group of elements."""


def explore(
    space: CompositionSpace,
    value: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    *,
    batches: int,
    batch: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return all compositions that a new policy builds while it learns, as counts (n, n_elements), and values (n,)."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    network = _network(len(space.elements), generator)
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    visited, heights = [], []
    for _ in range(batches):
        counts, log_probability, entropy = _built(space, network, batch, generator)
        inside = space.contains(counts)
        found = np.full(batch, WORST)
        if inside.any():
            found[inside] = value(counts[inside])
            visited.append(counts[inside])
            heights.append(found[inside])
        reward = np.maximum(found, WORST)
        reward = torch.from_numpy((reward - reward.mean()) / (reward.std() + 1e-6))
        loss = -(reward * log_probability).mean() - ENTROPY * entropy.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    none = np.empty((0, len(space.elements)), dtype=np.int64)
    return np.concatenate([none, *visited]), np.concatenate([np.empty(0), *heights])


def _network(n_elements: int, generator: torch.Generator) -> nn.Sequential:
    sizes = [2 * n_elements, HIDDEN, HIDDEN, LEVELS]
    layers: list[nn.Module] = []
    for into, out in pairwise(sizes):
        layer = nn.Linear(into, out, dtype=torch.float64)
        with torch.no_grad():
            bound = into**-0.5
            for part in (layer.weight, layer.bias):
                part.uniform_(-bound, bound, generator=generator)
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def _built(
    space: CompositionSpace, network: nn.Sequential, batch: int, generator: torch.Generator
) -> tuple[np.ndarray, Tensor, Tensor]:
    """Return counts (batch, n_elements), log π and entropy (batch,) of the actions that made them."""
    limits, n = space.polytope(), len(space.elements)
    low, high = (np.rint(side * space.total).astype(np.int64) for side in (limits.lower, limits.upper))
    counts = np.zeros((batch, n), dtype=np.int64)
    log_probability, entropy = torch.zeros(batch, dtype=torch.float64), torch.zeros(batch, dtype=torch.float64)
    for i in range(n - 1):
        rest = space.total - counts.sum(1)
        least = np.maximum(low[i], rest - high[i + 1 :].sum())
        most = np.minimum(high[i], rest - low[i + 1 :].sum())
        turn = np.broadcast_to(np.eye(n)[i], (batch, n))
        state = torch.from_numpy(np.concatenate([counts / space.total, turn], axis=1))
        logs = torch.log_softmax(network(state), dim=1)
        odds = (1 - EXPLORED) * logs.detach().exp() + EXPLORED / LEVELS
        action = torch.multinomial(odds, 1, generator=generator)
        log_probability = log_probability + logs.gather(1, action)[:, 0]
        entropy = entropy - (logs.exp() * logs).sum(1)
        counts[:, i] = np.rint(least + (most - least) * action[:, 0].numpy() / (LEVELS - 1))
    counts[:, -1] = space.total - counts[:, :-1].sum(1)
    return counts, log_probability, entropy
