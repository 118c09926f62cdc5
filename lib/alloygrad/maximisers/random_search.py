"""The best of some random compositions: what is left of a gradient search whose starts do not move.

With `draws=1` the acquisition function has no say, and a campaign is a series of random experiments.
"""

import numpy as np

from alloygrad.checks import require_whole
from alloygrad.maximisers.suggestion import Suggestion, best_of
from alloygrad.spaces.composition import CompositionSpace


def random_search(
    acquire, space: CompositionSpace, *, exclude: np.ndarray, rng: np.random.Generator, draws: int | None = None
) -> Suggestion:
    """The best of `draws` compositions, uniform over the grid; drawn anew where all of them are measured.

    draws: 20 per element, the paper's number of starts, unless given.
    """
    if rng is None:
        raise ValueError("`random_search` draws compositions; pass rng=np.random.default_rng(seed).")
    draws = 20 * len(space.elements) if draws is None else draws
    require_whole(1, draws=draws)
    top, evaluated = -1, 0
    while top < 0:
        counts = space.sample(draws, rng)
        top, values = best_of(acquire, space, counts, exclude)
        evaluated += len(counts)
    best = counts[top]
    return Suggestion(best, space.fractions(best), float(values[top]), evaluations=evaluated)
