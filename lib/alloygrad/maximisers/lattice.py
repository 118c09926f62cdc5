"""A search on the grid alone, for acquisition functions without a gradient: `ascent` without its ascents.

    screen     random compositions: uniform ones, sparse ones, and ones around the best measured
    exchange   from the best of them: steps between elements until none improves, then again from around the best

Up to `FEW` elements no gradient is needed. Among more elements the exchanges ask for gradients to choose among pairs.
"""

import numpy as np

from alloygrad.maximisers.ascent import finish, is_enumerated, screened
from alloygrad.maximisers.candidates import spread
from alloygrad.maximisers.enumeration import enumeration
from alloygrad.maximisers.options import LatticeOptions
from alloygrad.maximisers.projection import Projection
from alloygrad.maximisers.suggestion import Suggestion, score
from alloygrad.protocols import Acquisition
from alloygrad.spaces.composition import CompositionSpace


def lattice(
    acquire: Acquisition,
    space: CompositionSpace,
    *,
    exclude: np.ndarray,
    rng: np.random.Generator,
    options: LatticeOptions,
) -> Suggestion:
    """The best grid composition that the exchanges reach.

    A grid no larger than the screen, and a list of rows, are enumerated instead.
    """
    options = options.resolved(len(space.elements))
    if is_enumerated(space, options, measured=len(exclude)):
        return enumeration(acquire, space, exclude=exclude)
    candidates, _ = screened(acquire, space, Projection(space), exclude, rng, options)
    values = score(acquire, space, candidates)
    best = candidates[spread(space.fractions(candidates), values, options.climbers, 2 * space.step)]
    return finish(acquire, space, best, exclude, rng, options)
