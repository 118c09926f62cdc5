"""The best of some random compositions: what remains of a gradient search whose starts do not move.

With `draws=1` the acquisition function has no effect, and a campaign is a series of random experiments.
"""

import numpy as np

from alloygrad.maximisers.options import RandomOptions
from alloygrad.maximisers.suggestion import Suggestion, best_of
from alloygrad.protocols import Acquisition, Space


def random_search(
    acquire: Acquisition,
    space: Space,
    *,
    exclude: np.ndarray,
    rng: np.random.Generator,
    options: RandomOptions,
) -> Suggestion:
    """The best of `draws` compositions, uniform over the grid; drawn again if all of them are measured."""
    draws = options.draws or 20 * len(space.names)  # the paper's number of starts
    top, evaluated = -1, 0
    while top < 0:
        counts = space.sample(draws, rng)
        top, values = best_of(acquire, space, counts, exclude)
        evaluated += len(counts)
    best = counts[top]
    return Suggestion(best, space.coordinates(best), float(values[top]), evaluations=evaluated)
