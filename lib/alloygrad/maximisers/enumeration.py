"""Exhaustive enumeration: evaluate the acquisition function on the whole grid, streamed, and take the largest.

The reference of every other maximiser: exact, and as slow as the grid is large.
"""

import numpy as np

from alloygrad.maximisers.suggestion import Suggestion, best_of
from alloygrad.space import CompositionSpace


def enumeration(acquire, space: CompositionSpace, *, exclude: np.ndarray, rng=None, chunk: int = 2**14) -> Suggestion:
    """The grid maximum; the first in the order of the space's ranks wins a tie. Draws nothing from `rng`."""
    best, value = None, -np.inf
    for counts in space.enumerate(chunk):
        top, values = best_of(acquire, space, counts, exclude)
        if top >= 0 and (best is None or values[top] > value):
            best, value = counts[top], float(values[top])
    return Suggestion(best, space.fractions(best), value, evaluations=space.size, gap=0.0)
