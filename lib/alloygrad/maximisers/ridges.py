"""Grid compositions along a ridge that is narrower than a step.

Around the top x of an ascent the acquisition value is about a + gᵀd + ½ dᵀHd, with H from differences of gradients and
its positive curvatures set to 0. On a narrow ridge every exchange between two elements steps off, but some of the
thousands of sums of two exchanges nearly follow it. The model ranks these by a matrix product, again and again from the
best. Only the few dozen with the highest values are evaluated.

Coordinates z (m,) are counts of the present elements except the most abundant one, which takes the rest.
"""

from typing import Any

import numpy as np

from alloygrad.maximisers.candidates import spread
from alloygrad.maximisers.exchange import distinct, exchange, pairs, unmeasured
from alloygrad.maximisers.options import DEFAULTS, AscentOptions
from alloygrad.maximisers.projection import Projection, support
from alloygrad.maximisers.spectral import evaluate, spectral
from alloygrad.maximisers.suggestion import score
from alloygrad.protocols import Acquisition
from alloygrad.spaces.composition import CompositionSpace


def follow(
    acquire: Acquisition,
    space: CompositionSpace,
    known: np.ndarray,
    values: np.ndarray,
    exclude: np.ndarray,
    rng: np.random.Generator,
    options: AscentOptions = DEFAULTS,
) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Go on from counts `known` (rows, n_elements) with `values` (rows,) until the best ridges lead no higher.

    Returns both with what was found, the number of compositions evaluated, and of these with a gradient.
    """
    evaluations, gradients = 0, 0
    for _ in range(options.ridge_rounds):
        centres = known[spread(space.fractions(known), values, options.ridge_centres, 0)]
        near, spent = ridges(acquire, space, centres, rng, options)
        near = near[unmeasured(near, exclude)]
        heights = score(acquire, space, near)
        evaluations, gradients = evaluations + len(near) + spent, gradients + spent
        better = len(near) > 0 and heights.max() > values.max()
        known, values = np.concatenate([known, near]), np.concatenate([values, heights])
        if not better:
            break
        rows = spread(space.fractions(near), heights, options.ridge_climbers, 0)
        reached, heights, tried, climbed = exchange(acquire, space, near[rows], heights[rows], exclude, rng, options)
        evaluations, gradients = evaluations + tried, gradients + climbed
        known, values = np.concatenate([known, reached]), np.concatenate([values, heights])
    return known, values, evaluations, gradients


def ridges(
    acquire: Acquisition,
    space: CompositionSpace,
    centres: np.ndarray,
    rng: np.random.Generator,
    options: AscentOptions = DEFAULTS,
) -> tuple[np.ndarray, int]:
    """Distinct compositions (rows, n_elements) along the ridges through `centres` (m, n_elements), gradients spent."""
    centres = centres[(centres > 0).sum(1) > 2]  # two elements allow one exchange only
    if not len(centres):
        return centres, 0
    bounds, project = support(space, centres), Projection(space)
    how: dict[str, Any] = dict(tolerance=space.step / 50, batches=options.ridge_batches, options=options)
    tops = spectral(acquire, project, space.fractions(centres), *bounds, **how)
    each = zip(centres, tops.points, strict=True)
    found, spent = zip(*(_ridge(acquire, space, *pair, rng, options) for pair in each), strict=True)
    return distinct(np.concatenate(found)), tops.gradients + sum(spent)


def _ridge(
    acquire: Acquisition,
    space: CompositionSpace,
    counts: np.ndarray,
    top: np.ndarray,
    rng: np.random.Generator,
    options: AscentOptions,
) -> tuple[np.ndarray, int]:
    """Return the best compositions of the model around a continuous maximum, and the gradients spent.

    They are the `ridge_given` compositions (rows, n_elements) with the highest values in the model around `top`
    (n_elements,), all on the support of `counts` (n_elements,).
    """
    present = counts > 0
    slope, curvature, free, rest, spent = _model(acquire, space, top, present)
    if not len(free):
        return counts[None], spent
    peak = (top / space.step - counts)[free]

    def height(z: np.ndarray) -> np.ndarray:
        return (z - peak) @ slope + 0.5 * ((z - peak) @ curvature * (z - peak)).sum(1)

    def whole(z: np.ndarray) -> np.ndarray:
        filled = np.tile(counts, (len(z), 1))
        filled[:, free] += z
        filled[:, rest] -= z.sum(1)
        return filled

    moves, given = _moves(len(free) + 1, rng, options), options.ridge_given
    floats = moves.astype(float)
    bent = floats @ curvature
    gain = floats @ slope + 0.5 * (bent * floats).sum(1)
    best = np.zeros((1, len(free)), dtype=np.int64)
    for _ in range(options.ridge_depth):
        beam = best[: options.ridge_beam]
        promised = height(beam)[:, None] + gain
        promised += (beam - peak) @ bent.T
        lacking = np.negative(promised, out=promised).ravel()
        highest = np.argpartition(lacking, min(8 * given, lacking.size) - 1)[: 8 * given]
        row, move = np.divmod(highest, len(moves))
        z = _sorted(np.concatenate([best, beam[row] + moves[move]]))
        filled = whole(z)
        z = z[space.contains(filled) & (filled[:, present] > 0).all(1)]
        best = z[np.argsort(-height(z), kind="stable")[:given]]
        if np.array_equal(best[: options.ridge_beam], beam):
            break
    return whole(best), spent


def _model(
    acquire: Acquisition, space: CompositionSpace, point: np.ndarray, present: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, int]:
    """Return slope (m,) and curvature (m, m) for steps from `point`, `free`, `rest` and the gradients spent.

    The elements `free` (m,) are exchanged with `rest`, the largest. Differences to one side, within the limits.
    """
    rest, unit, width = int(np.argmax(np.where(present, point, -1))), np.eye(len(point)), space.step / 10
    free = np.flatnonzero(present & (np.arange(len(point)) != rest))
    steps = width * (unit[free] - unit[rest])
    there, back = (space.polytope().holds(point + side, 1e-12) for side in (steps, -steps))
    free, steps = free[there | back], np.where(there[:, None], steps, -steps)[there | back]
    _, slopes = evaluate(acquire, np.concatenate([point[None], point + steps]))
    directions = unit[free] - unit[rest]
    sides = (steps * directions).sum(1, keepdims=True) / 2  # ± width
    curvature = (slopes[1:] - slopes[0]) @ directions.T / sides
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    curvature = vectors * np.minimum(values, 0) @ vectors.T
    return slopes[0] @ directions.T * space.step, curvature * space.step**2, free, rest, len(slopes)


def _sorted(z: np.ndarray) -> np.ndarray:
    """The distinct rows of z (rows, m) in ascending order: `np.unique`, but faster, since one byte holds each value."""
    keys = np.ascontiguousarray(z + 128, dtype=np.uint8).view(f"V{z.shape[1]}").ravel()
    return z[np.unique(keys, return_index=True)[1]]


def _moves(n_elements: int, rng: np.random.Generator, options: AscentOptions = DEFAULTS) -> np.ndarray:
    """Changes of z (m, n_elements − 1): exchanges and sums of two; the element left out is the last."""
    single = np.concatenate([size * pairs(n_elements)[:, :-1] for size in options.ridge_sizes]).astype(np.int8)
    both, most = len(single) ** 2, options.ridge_sums
    first, second = np.divmod(np.arange(both) if both <= most else rng.integers(both, size=most), len(single))
    moves = np.concatenate([single, single[first] + single[second]])
    return moves[moves.any(1)]
