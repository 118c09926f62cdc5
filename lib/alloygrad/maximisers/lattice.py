"""A search on the grid alone, for acquisition functions without a gradient: `ascent` without its ascents.

    screen     random compositions: uniform ones, sparse ones, and ones around what is measured
    exchange   from the best of them: steps between elements until none improves, then again from around the best

Up to `FEW` elements nothing asks for a gradient; among more the exchanges do (`exchange`), to choose among pairs.
"""

import numpy as np

from alloygrad.maximisers.ascent import CLIMBERS, FEW, SCREEN, finish, is_enumerated, screened
from alloygrad.maximisers.candidates import spread
from alloygrad.maximisers.enumeration import enumeration
from alloygrad.maximisers.projection import Projection
from alloygrad.maximisers.suggestion import Suggestion, score
from alloygrad.spaces.composition import CompositionSpace


def lattice(acquire, space: CompositionSpace, *, exclude: np.ndarray, rng: np.random.Generator) -> Suggestion:
    """The best grid composition that the exchanges reach.

    A grid smaller than the screen, or a list of rows, is enumerated instead.
    """
    if rng is None:
        raise ValueError("`lattice` draws compositions; pass rng=np.random.default_rng(seed).")
    many = len(space.elements) > FEW
    if is_enumerated(space, measured=len(exclude)):
        return enumeration(acquire, space, exclude=exclude)
    candidates, _ = screened(acquire, space, Projection(space), exclude, SCREEN[many], rng)
    values = score(acquire, space, candidates)
    best = candidates[spread(space.fractions(candidates), values, CLIMBERS[many], 2 * space.step)]
    return finish(acquire, space, best, exclude, rng)
