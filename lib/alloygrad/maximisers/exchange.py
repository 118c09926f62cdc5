"""Climbing on the grid: steps exchanged between elements until no exchange improves.

A grid composition's neighbours are exchanges of 1, 2, 4, … steps between two elements; among few elements also all
small changes of several at once, for ridges that no single exchange follows. Exchanges reach other supports by
themselves: the last steps of an element can go, and an absent one can get its first. Among many elements the number
of pairs is kept in bounds: those whose exchange the gradient at the composition promises most, and some at random;
there an element can also go at once, all its steps to another.

All climbers take their best improvement in each batched evaluation, and stop where nothing tried improves, or where
another climber has been.
"""

from functools import cache
from itertools import product

import numpy as np

from alloygrad.maximisers.spectral import evaluate
from alloygrad.maximisers.suggestion import score
from alloygrad.spaces.composition import CompositionSpace

SIZES = (1, 2, 4, 8, 16, 32)
"""Steps exchanged between two elements."""

ALL_PAIRS = 7
"""Up to so many elements all pairs are tried, and all small changes of several elements."""

PAIRS, RANDOM_PAIRS = 24, 8
"""Pairs tried among more elements: by the gradient's promise, and at random."""

TAKERS = (3, 2)
"""Elements that are tried for all of a dropped one: those of steepest ascent, and the largest."""


def exchange(
    acquire, space: CompositionSpace, counts: np.ndarray, values: np.ndarray, exclude: np.ndarray, rng, *, rounds: int
) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Climb from `counts` (rows, n_elements) with `values` (rows,): counts and values reached, compositions evaluated,
    of these with a gradient.

    Never steps on `exclude`. Ends after `rounds` batched evaluations at the latest.
    """
    counts, values, evaluations, gradients = counts.copy(), values.copy(), 0, 0
    live, visited = np.arange(len(counts)), set(_keys(counts))
    for _ in range(rounds):
        if not len(live):
            break
        if len(space.elements) <= ALL_PAIRS:
            changes = neighbourhood(len(space.elements))[None]
        else:
            _, slopes = evaluate(acquire, space.fractions(counts[live]))
            changes, gradients = _promising(slopes, space, counts[live], rng), gradients + len(live)
        tried = counts[live, None] + changes
        flat = tried.reshape(-1, tried.shape[-1])
        fit = space.contains(flat) & np.broadcast_to(changes.any(-1), tried.shape[:2]).ravel()
        fit[fit] = unmeasured(flat[fit], exclude)
        found = np.full(len(flat), -np.inf)
        found[fit] = score(acquire, space, flat[fit])
        evaluations += int(fit.sum())
        found = found.reshape(tried.shape[:2])
        top = found.argmax(1)
        best = found[np.arange(len(live)), top]
        improved = best > values[live]
        rows = live[improved]
        counts[rows], values[rows] = tried[improved, top[improved]], best[improved]
        fresh = [key not in visited and not visited.add(key) for key in _keys(counts[rows])]
        live = rows[fresh]
    return counts, values, evaluations + gradients, gradients


@cache
def neighbourhood(n_elements: int) -> np.ndarray:
    """All changes of counts (m, n_elements) tried among few elements; every row sums to 0."""
    reach = 2 if n_elements <= 4 else 1
    changes = [c for c in product(range(-reach, reach + 1), repeat=n_elements) if sum(c) == 0 and any(c)]
    return np.unique(np.concatenate([changes, *(size * pairs(n_elements) for size in SIZES)]), axis=0)


@cache
def pairs(n_elements: int) -> np.ndarray:
    """One step from one element to another, for all pairs: (n (n − 1), n_elements)."""
    unit = np.eye(n_elements, dtype=np.int64)
    moves = unit[:, None] - unit
    return moves[moves.any(-1)]


def _promising(slopes: np.ndarray, space: CompositionSpace, counts: np.ndarray, rng) -> np.ndarray:
    """Changes (rows, m, n_elements) for each composition: the pairs of largest first-order gain, random ones, drops."""
    limits, swaps = space.polytope(), pairs(counts.shape[1])
    takes, gives = swaps.argmax(1), swaps.argmin(1)
    gain = slopes[:, takes] - slopes[:, gives]
    full, empty = counts >= space.counts(limits.upper), counts <= space.counts(limits.lower)
    gain[full[:, takes] | empty[:, gives]] = -np.inf
    top = np.argpartition(-gain, min(PAIRS, gain.shape[1]) - 1, axis=1)[:, :PAIRS]
    some = rng.integers(len(swaps), size=(len(counts), RANDOM_PAIRS))
    chosen = swaps[np.concatenate([top, some], axis=1)]
    return np.concatenate([*(size * chosen for size in SIZES[::2]), _drops(slopes, counts)], axis=1)


def _drops(slopes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Changes (rows, m, n_elements): all of one element to another, one of the steepest or of the largest.

    A formula that jumps when an element is gone does not show it on the way.
    """
    n_elements = counts.shape[1]
    order = [np.argsort(-which, axis=1, kind="stable") for which in (slopes, counts)]
    takers = np.concatenate([ranked[:, :most] for ranked, most in zip(order, TAKERS, strict=True)], axis=1)
    unit = np.eye(n_elements, dtype=np.int64)
    changes = counts[:, :, None, None] * (unit[takers][:, None] - unit[:, None])  # (rows, giver, taker, n_elements)
    return changes.reshape(len(counts), -1, n_elements)


def unmeasured(counts: np.ndarray, exclude: np.ndarray) -> np.ndarray:
    """(rows,): whether counts (rows, n_elements) are none of `exclude` (m, n_elements)."""
    measured = set(_keys(exclude))
    return np.array([key not in measured for key in _keys(counts)], dtype=bool)


def distinct(counts: np.ndarray) -> np.ndarray:
    """The rows of counts (rows, n_elements), each once, in order of first appearance."""
    first = {}
    for row, key in enumerate(_keys(counts)):
        first.setdefault(key, row)
    return counts[list(first.values())]


def _keys(counts: np.ndarray) -> list[bytes]:
    """Each row of counts as bytes: exact, hashable, and quick to compare."""
    counts = np.ascontiguousarray(counts, dtype=np.int64)
    return counts.view(f"V{counts.itemsize * counts.shape[1]}").ravel().tolist()
