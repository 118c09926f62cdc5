"""Climbing on the grid: steps exchanged between elements until no exchange improves.

The neighbours of a grid composition are exchanges of 1, 2, 4, … steps between two elements. Up to `all_pairs` elements
they also include all small changes of several elements at once, for ridges that no single exchange follows. Exchanges
change the support: the last steps of an element can go, and an absent element can get its first. Among more elements
only some pairs are tried: those whose exchange the gradient promises most, and some at random. There, an element can
also give all its steps to another one at once.

All climbers take their best improvement in each batched evaluation. A climber stops where nothing tried improves, or
where another climber has been.
"""

from functools import cache
from itertools import product

import numpy as np

from alloygrad.maximisers.options import DEFAULTS, AscentOptions
from alloygrad.maximisers.spectral import evaluate
from alloygrad.maximisers.suggestion import score
from alloygrad.protocols import Acquisition, Space
from alloygrad.spaces.composition import CompositionSpace


def exchange(
    acquire: Acquisition,
    space: CompositionSpace,
    counts: np.ndarray,
    values: np.ndarray,
    exclude: np.ndarray,
    rng: np.random.Generator,
    options: AscentOptions = DEFAULTS,
    *,
    rounds: int | None = None,
) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Climb from `counts` (rows, n_elements) with `values` (rows,), at most `rounds` batches; None: `options.rounds`.

    Returns the counts and values reached, the number of compositions evaluated, and of these with a gradient. Never
    steps on `exclude`.
    """
    counts, values, evaluations, gradients = counts.copy(), values.copy(), 0, 0
    live, visited = np.arange(len(counts)), set(_keys(counts))
    for _ in range(options.rounds if rounds is None else rounds):
        if not len(live):
            break
        if len(space.elements) <= options.all_pairs:
            changes = neighbourhood(len(space.elements), options.exchange_sizes)[None]
        else:
            _, slopes = evaluate(acquire, space.fractions(counts[live]))
            changes, gradients = _promising(slopes, space, counts[live], rng, options), gradients + len(live)
        tried = counts[live, None] + changes
        flat = tried.reshape(-1, tried.shape[-1])
        fit = space.contains(flat) & np.broadcast_to(changes.any(-1), tried.shape[:2]).ravel()
        fit[fit] = unmeasured(flat[fit], exclude)
        evaluations += int(fit.sum())
        top, best = best_changes(acquire, space, tried, fit)
        improved = best > values[live]
        rows = live[improved]
        counts[rows], values[rows] = tried[improved, top[improved]], best[improved]
        fresh = []
        for key in _keys(counts[rows]):
            fresh.append(key not in visited)
            visited.add(key)
        live = rows[fresh]
    return counts, values, evaluations + gradients, gradients


def best_changes(
    acquire: Acquisition, space: Space, tried: np.ndarray, fit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Number and value (rows,) of the best of the compositions tried (rows, m, n_elements); fit: which count."""
    found = np.full(fit.shape, -np.inf)
    if fit.any():
        found[fit] = score(acquire, space, tried.reshape(len(fit), -1)[fit])
    found = found.reshape(tried.shape[:2])
    top = found.argmax(1)
    return top, found[np.arange(len(found)), top]


@cache
def neighbourhood(n_elements: int, sizes: tuple[int, ...] = DEFAULTS.exchange_sizes) -> np.ndarray:
    """All changes of counts (m, n_elements) tried up to `all_pairs` elements; every row sums to 0."""
    reach = 2 if n_elements <= 4 else 1
    changes = [c for c in product(range(-reach, reach + 1), repeat=n_elements) if sum(c) == 0 and any(c)]
    return np.unique(np.concatenate([changes, *(size * pairs(n_elements) for size in sizes)]), axis=0)


@cache
def pairs(n_elements: int) -> np.ndarray:
    """One step from one element to another, for all pairs: (n (n − 1), n_elements)."""
    unit = np.eye(n_elements, dtype=np.int64)
    moves = unit[:, None] - unit
    return moves[moves.any(-1)]


def _promising(
    slopes: np.ndarray,
    space: CompositionSpace,
    counts: np.ndarray,
    rng: np.random.Generator,
    options: AscentOptions,
) -> np.ndarray:
    """Changes (rows, m, n_elements) for each composition: the pairs of largest first-order gain, random ones, drops."""
    limits, swaps = space.polytope(), pairs(counts.shape[1])
    takes, gives = swaps.argmax(1), swaps.argmin(1)
    gain = slopes[:, takes] - slopes[:, gives]
    full, empty = counts >= space.counts(limits.upper), counts <= space.counts(limits.lower)
    gain[full[:, takes] | empty[:, gives]] = -np.inf
    most = min(options.promising_pairs, gain.shape[1])
    top = np.argpartition(-gain, most - 1, axis=1)[:, :most]
    some = rng.integers(len(swaps), size=(len(counts), options.random_pairs))
    chosen = swaps[np.concatenate([top, some], axis=1)]
    takers = options.steepest_takers, options.largest_takers
    return np.concatenate([*(size * chosen for size in options.exchange_sizes[::2]), _drops(slopes, counts, takers)], 1)


def _drops(slopes: np.ndarray, counts: np.ndarray, takers: tuple[int, int]) -> np.ndarray:
    """Changes (rows, m, n_elements): all of one element to another, one of the steepest or of the largest.

    A formula that jumps when an element is gone does not show it on the way.
    """
    n_elements = counts.shape[1]
    order = [np.argsort(-which, axis=1, kind="stable") for which in (slopes, counts)]
    takes = np.concatenate([ranked[:, :most] for ranked, most in zip(order, takers, strict=True)], axis=1)
    unit = np.eye(n_elements, dtype=np.int64)
    changes = counts[:, :, None, None] * (unit[takes][:, None] - unit[:, None])  # (rows, giver, taker, n_elements)
    return changes.reshape(len(counts), -1, n_elements)


def unmeasured(counts: np.ndarray, exclude: np.ndarray) -> np.ndarray:
    """(rows,): whether counts (rows, n_elements) are none of `exclude` (m, n_elements)."""
    measured = set(_keys(exclude))
    return np.array([key not in measured for key in _keys(counts)], dtype=bool)


def distinct(counts: np.ndarray) -> np.ndarray:
    """The rows of counts (rows, n_elements), each once, in order of first appearance."""
    first: dict[bytes, int] = {}
    for row, key in enumerate(_keys(counts)):
        first.setdefault(key, row)
    return counts[list(first.values())]


def _keys(counts: np.ndarray) -> list[bytes]:
    """Each row of counts as bytes: exact, hashable, and quick to compare."""
    counts = np.ascontiguousarray(counts, dtype=np.int64)
    return counts.view(f"V{counts.itemsize * counts.shape[1]}").ravel().tolist()
