"""Search of compositions under any limits: the best of a uniform screen climb by exchanging steps between elements.

Needs no gradient and no shape of the space, only whether it contains a composition. An exchange moves 1, 2, 4, … steps
from one element to another, or all that one has, which changes the set of elements. Where limits let none of them pass,
other starts stand on the other side.
"""

import numpy as np

from alloygrad.maximisers.exchange import best_changes, pairs, unmeasured
from alloygrad.maximisers.options import ExchangeOptions
from alloygrad.maximisers.suggestion import Suggestion, score
from alloygrad.protocols import Acquisition
from alloygrad.spaces.restricted import Restricted


def exchanges(
    acquire: Acquisition,
    space: Restricted,
    *,
    exclude: np.ndarray,
    rng: np.random.Generator,
    options: ExchangeOptions,
) -> Suggestion:
    """Return the best composition that the climbs reach, never one of `exclude` (m, n_elements)."""
    for n in (options.screen, 50 * options.screen):  # more where nearly all is measured
        drawn = np.unique(space.sample(n, rng), axis=0)
        drawn = drawn[unmeasured(drawn, exclude)]
        if len(drawn):
            break
    else:
        raise ValueError("Expected compositions that are not measured yet; none was found. Widen the limits.")
    values = score(acquire, space, drawn)
    starts = np.argsort(-values, kind="stable")[: options.starts]
    counts, reached, evaluations = _climbed(acquire, space, drawn[starts], values[starts], exclude, options.rounds)
    best = int(reached.argmax())
    return Suggestion(
        counts[best],
        space.coordinates(counts[best]),
        float(reached[best]),
        evaluations=len(drawn) + evaluations,
        starts=len(starts),
        moved=float((counts != drawn[starts]).any(1).mean()),
    )


def _climbed(
    acquire: Acquisition, space: Restricted, counts: np.ndarray, values: np.ndarray, exclude: np.ndarray, rounds: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Counts and values at the ends of climbs from counts (rows, n_elements), and how many were evaluated."""
    counts, values, evaluations = counts.copy(), values.copy(), 0
    moves = pairs(counts.shape[1])  # (m, n_elements)
    sizes = 2 ** np.arange(int(np.log2(space.total)) + 1)
    fixed = (sizes[:, None, None] * moves).reshape(-1, counts.shape[1])
    live = np.arange(len(counts))
    for _ in range(rounds):
        if not len(live):
            break
        gives = np.einsum("rn,mn->rm", counts[live], moves < 0)  # all that the giving element has
        tried = np.concatenate([counts[live, None] + fixed, counts[live, None] + gives[..., None] * moves], axis=1)
        flat = tried.reshape(-1, counts.shape[1])
        fit: np.ndarray = np.all(flat >= 0, axis=1)
        fit[fit] = space.contains(flat[fit])
        fit[fit] = unmeasured(flat[fit], exclude)
        evaluations += int(fit.sum())
        top, best = best_changes(acquire, space, tried, fit)
        better = best > values[live]
        counts[live[better]], values[live[better]] = tried[better, top[better]], best[better]
        live = live[better]
    return counts, values, evaluations
