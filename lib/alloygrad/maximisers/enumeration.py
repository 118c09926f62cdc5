"""Exhaustive enumeration: evaluate the acquisition function on the whole grid, streamed, and take the largest.

This is the reference for every other maximiser: exact, but the time grows with the grid. The method `exceeding` of an
acquisition function rules out compositions that are certainly below a floor, and these cost less. The floor is the best
value so far, first on a sieve of evenly spaced ranks. A large chunk has many compositions of similar features, which
`bounds` judges together. Memory holds one chunk, however large the grid.
"""

from functools import partial

import numpy as np

from alloygrad.maximisers.options import EnumerationOptions
from alloygrad.maximisers.suggestion import Plain, Suggestion, best_of
from alloygrad.protocols import Acquisition
from alloygrad.spaces.composition import CompositionSpace
from alloygrad.spaces.pool import Pool

DEFAULTS = EnumerationOptions()

LARGEST = 10**8
"""Largest number of compositions that is enumerated."""

SIEVE = 4096
"""Number of compositions in the sieve."""

ROUNDING = 1e-6
"""Relative difference that rounding can make to a value between two batches. Between chunks it does not matter: a
composition that is only as good as the best so far does not replace it."""


def enumeration(
    acquire: Acquisition,
    space: CompositionSpace | Pool,
    *,
    exclude: np.ndarray,
    rng: np.random.Generator | None = None,
    options: EnumerationOptions = DEFAULTS,
) -> Suggestion:
    """The grid maximum; the first in the order of the space's ranks wins a tie. Draws nothing from `rng`.

    Raises ValueError for more than `LARGEST` compositions.
    """
    require_countable(space)
    best, value = None, -np.inf
    floor = -np.inf
    if not isinstance(acquire, Plain):  # which rules nothing out
        sieve = space.unrank(np.unique(np.linspace(0, space.size - 1, SIEVE).astype(np.int64)))
        top, values = best_of(acquire, space, sieve, exclude)
        floor = values[top] - ROUNDING * abs(values[top]) if top >= 0 else -np.inf
    for counts in space.enumerate(options.chunk):
        evaluate = partial(acquire.exceeding, floor=max(floor, value))
        top, values = best_of(evaluate, space, counts, exclude)
        if top >= 0 and (best is None or values[top] > value):
            best, value = counts[top], float(values[top])
    if best is None:
        raise ValueError(f"Expected points that are not measured yet; all {space.size} of the space are.")
    return Suggestion(best, space.coordinates(best), value, evaluations=space.size, gap=0.0)


def require_countable(space: CompositionSpace | Pool) -> None:
    """Raise ValueError for a space of more than `LARGEST` points."""
    if space.size > LARGEST:
        raise ValueError(
            f"The grid has {space.size} compositions, {LARGEST} at most are enumerated; take a coarser step, "
            "narrower limits, or the method 'ascent' ('random_search' where there is no gradient)."
        )
