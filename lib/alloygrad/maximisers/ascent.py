"""Multi-start constrained ascent on the acquisition value a, then a search on the grid.

    screen     random compositions: uniform ones, sparse ones, and ones around the best measured
    ascend     from the best that lie apart, and from as many others: projected gradient, all starts in each evaluation;
               then further from the best ends
    elsewhere  many elements: a few exchanges from the ends, then from the best with one element replaced
    exchange   from the rounded ends and the best of the screen: steps between elements until none improves
    nearby     the same in small, from compositions around the best so far, until such rounds bring no gain
    follow     many elements: along ridges through the best that are narrower than a grid step (`ridges`)

Every other start keeps its support while it ascends: present elements keep at least one step and absent ones stay
absent. All features are then smooth, also those that jump when an element appears. The other starts may leave a face,
which is right where nothing jumps. Sparse draws begin on many supports, and the exchanges change them.

The acquisition function should not underflow: take log EI, UCB or log PI. Every random number comes from the generator
passed in. The search knows nothing of the surrogate, nor which measured composition is best; among these, a is largest
where the posterior mean is. `AscentOptions` describes every number that tunes the search.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from alloygrad.maximisers.candidates import around, rounded, sparse, spread
from alloygrad.maximisers.enumeration import LARGEST, enumeration
from alloygrad.maximisers.exchange import distinct, exchange, unmeasured
from alloygrad.maximisers.options import FEW, AscentOptions, LatticeOptions
from alloygrad.maximisers.projection import Projection, support
from alloygrad.maximisers.ridges import follow
from alloygrad.maximisers.spectral import Ends, spectral
from alloygrad.maximisers.suggestion import Suggestion, score
from alloygrad.protocols import Acquisition
from alloygrad.spaces.composition import CompositionSpace


def ascent(
    acquire: Acquisition,
    space: CompositionSpace,
    *,
    exclude: np.ndarray,
    rng: np.random.Generator,
    options: AscentOptions,
) -> Suggestion:
    """The best grid composition that ascents and exchanges reach.

    A grid no larger than the screen, and a list of rows, are enumerated instead. Raises ValueError for a certificate of
    more than `LARGEST` compositions.
    """
    if options.certificate and space.size > LARGEST:
        raise ValueError(f"No certificate: the grid has {space.size} compositions, {LARGEST} can be enumerated.")
    options, many = options.resolved(len(space.elements)), len(space.elements) > FEW
    if is_enumerated(space, options, measured=len(exclude)):
        return enumeration(acquire, space, exclude=exclude)
    project = Projection(space)
    candidates, centres = screened(acquire, space, project, exclude, rng, options)
    if not len(candidates) and 2 * len(exclude) > space.size:  # nearly everything is measured
        return enumeration(acquire, space, exclude=exclude)
    candidates = _or_random(candidates, space, exclude, rng, options)  # a screen of one or two can be empty
    values = score(acquire, space, candidates)
    n_starts = max(options.least_starts, round(options.starts_per_element * len(space.elements)))
    near = candidates[:0]
    if many:  # the maximum can be a spike next to a measured composition, which no other draw hits
        near = beside(space, centres, exclude, n_starts // options.beside_one_in, rng, options)
    others = chosen(space, candidates, values, n_starts - len(near), rng, options)
    starts = np.concatenate([near, others])
    ends, moved, gradients = ascend(acquire, space, project, starts, options, kept=len(near))
    best = candidates[spread(space.fractions(candidates), values, options.climbers, 2 * space.step)]
    counts, tried, climbed = np.concatenate([rounded(space, ends.points), best]), 0, 0
    if many:
        counts, tried, climbed = elsewhere(acquire, space, project, counts, exclude, rng, options)
    found = finish(acquire, space, counts, exclude, rng, options)
    found = replace(
        found,
        evaluations=found.evaluations + len(candidates) + len(exclude) + gradients + tried,
        gradients=found.gradients + gradients + climbed,
        starts=len(starts),
        moved=float(moved.mean()),
        warning="" if moved.mean() >= 0.5 else f"{1 - moved.mean():.0%} of {len(starts)} starts did not move.",
    )
    return certified(found, acquire, space, exclude) if options.certificate else found


def is_enumerated(space: CompositionSpace, options: AscentOptions | LatticeOptions, *, measured: int = 0) -> bool:
    """Return whether `ascent` and `lattice` enumerate instead.

    They do so on a grid no larger than the screen and the number of measured compositions together.
    """
    return space.size <= options.resolved(len(space.elements)).screen + measured


def screened(
    acquire: Acquisition,
    space: CompositionSpace,
    project: Projection,
    exclude: np.ndarray,
    rng: np.random.Generator,
    options: AscentOptions,
) -> tuple[np.ndarray, np.ndarray]:
    """About `screen` distinct counts (rows, n_elements), none measured, and the best measured ones, at most `centres`.

    options: resolved, as everywhere below.
    """
    n, reach = options.screen, options.reach
    best = exclude[np.argsort(-score(acquire, space, exclude), kind="stable")[: options.centres]]
    drawn = [space.sample(n // 4, rng), sparse(space, project, n // 2, rng)]
    if len(exclude):
        drawn += [around(space, centres, n // 8, rng, reach) for centres in (best, exclude)]
    return _fresh(np.concatenate(drawn), exclude), best


def beside(
    space: CompositionSpace,
    centres: np.ndarray,
    exclude: np.ndarray,
    n: int,
    rng: np.random.Generator,
    options: AscentOptions,
) -> np.ndarray:
    """At most `n` distinct counts (rows, n_elements), none measured, around `centres` (rows, n_elements)."""
    if not len(centres):
        return centres
    drawn = around(space, centres, 2 * n, rng, options.reach)  # some of them leave the limits
    return _fresh(drawn, exclude)[:n]


def _fresh(counts: np.ndarray, exclude: np.ndarray) -> np.ndarray:
    """The distinct rows of counts (rows, n_elements) that are not measured."""
    counts = distinct(counts)
    return counts[unmeasured(counts, exclude)]


def _or_random(
    counts: np.ndarray, space: CompositionSpace, exclude: np.ndarray, rng: np.random.Generator, options: AscentOptions
) -> np.ndarray:
    """`counts` (rows, n_elements), or random ones that are not measured if there are none."""
    while not len(counts):
        counts = _fresh(space.sample(options.nearby_draws, rng), exclude)
    return counts


def chosen(
    space: CompositionSpace,
    candidates: np.ndarray,
    values: np.ndarray,
    n: int,
    rng: np.random.Generator,
    options: AscentOptions,
) -> np.ndarray:
    """Counts (≤ n, n_elements) to start from: half for their value, apart from each other, half whatever their value.

    The basin of the maximum can be so small that no candidate in it stands out before it has climbed.
    """
    top = spread(space.fractions(candidates), values, n // 2, options.min_distance)
    others = np.setdiff1d(np.arange(len(candidates)), top)
    others = rng.choice(others, size=min(n - n // 2, len(others)), replace=False)
    return candidates[np.concatenate([top, others])]


def ascend(
    acquire: Acquisition,
    space: CompositionSpace,
    project: Projection,
    starts: np.ndarray,
    options: AscentOptions,
    *,
    kept: int = 0,
) -> tuple[Ends, np.ndarray, int]:
    """(ends of the best and of the first `kept`, which of all moved, gradients) from counts (rows, n_elements)."""
    points, limits, free = space.fractions(starts), space.polytope(), np.arange(len(starts))[:, None] % 2 == 0
    lower, upper = support(space, starts)
    lower, upper = np.where(free, limits.lower, lower), np.where(free, limits.upper, upper)
    how: dict[str, Any] = dict(tolerance=space.step / 10, options=options)
    first = spectral(acquire, project, points, lower, upper, batches=options.batches, **how)
    moved = np.abs(first.points - points).max(1) > space.step / 2
    most = max(options.least_best, len(starts) // options.best_one_in)
    best = spread(first.points, first.values, most, 5 * space.step)
    best = np.concatenate([best, np.setdiff1d(np.arange(kept), best)])
    last = spectral(acquire, project, first.points[best], lower[best], upper[best], batches=options.best_batches, **how)
    return last, moved, first.gradients + last.gradients


def elsewhere(
    acquire: Acquisition,
    space: CompositionSpace,
    project: Projection,
    counts: np.ndarray,
    exclude: np.ndarray,
    rng: np.random.Generator,
    options: AscentOptions,
) -> tuple[np.ndarray, int, int]:
    """What short climbs reach from `counts` (rows, n_elements), and from the best of them with one element replaced.

    Returns counts, the number of compositions evaluated, and of these with a gradient. On the way from one support to
    another all compositions can be worse, and right after the replacement they still are: so ascents come first.
    """
    known, values, evaluations, gradients = _climbed(
        acquire, space, counts, exclude, rng, options, options.short_climbs
    )
    centres = known[spread(space.fractions(known), values, options.replaced, options.min_distance)]
    rows = replacements(space, centres)
    rows = rows[rng.permutation(len(rows))[: options.replacements]]
    if not len(rows):
        return known, evaluations, gradients
    how: dict[str, Any] = dict(tolerance=space.step / 10, batches=options.replacement_batches, options=options)
    ends = spectral(acquire, project, space.fractions(rows), *support(space, rows), **how)
    more, _, tried, climbed = _climbed(
        acquire, space, rounded(space, ends.points), exclude, rng, options, options.replacement_climbs
    )
    spent = np.array([evaluations + tried, gradients + climbed]) + ends.gradients
    return np.concatenate([known, more]), *spent.tolist()


def replacements(space: CompositionSpace, centres: np.ndarray) -> np.ndarray:
    """Distinct counts (rows, n_elements): `centres`, all of one present element given to an absent one."""
    swaps = np.eye(len(space.elements), dtype=np.int64)
    swaps = swaps - swaps[:, None]  # (gives, takes, n_elements)
    rows = centres[:, None, None] + centres[:, :, None, None] * swaps
    rows = rows[(centres[:, :, None] > 0) & (centres[:, None] == 0)]
    return distinct(rows[space.contains(rows)])


def _climbed(
    acquire: Acquisition,
    space: CompositionSpace,
    counts: np.ndarray,
    exclude: np.ndarray,
    rng: np.random.Generator,
    options: AscentOptions,
    most: int,
) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Short climbs from at most `most` of `counts`; returns as `exchange`, the evaluations to choose them included."""
    counts = _fresh(counts, exclude)
    values = score(acquire, space, counts)
    rows = spread(space.fractions(counts), values, most, 0)
    reached, heights, tried, climbed = exchange(
        acquire, space, counts[rows], values[rows], exclude, rng, options, rounds=options.short_rounds
    )
    return reached, heights, tried + len(counts), climbed


def finish(
    acquire: Acquisition,
    space: CompositionSpace,
    counts: np.ndarray,
    exclude: np.ndarray,
    rng: np.random.Generator,
    options: AscentOptions,
) -> Suggestion:
    """Climb the grid from `counts` (rows, n_elements), then repeatedly from around the best reached.

    Where all of `counts` are measured, random ones are taken.
    """
    many = len(space.elements) > FEW
    known = _or_random(_fresh(counts, exclude), space, exclude, rng, options)
    values, evaluations, gradients, calm = score(acquire, space, known), len(known), 0, 0
    near, scores = known, values
    for again in range(options.nearby_rounds + 1):
        if again:
            near, scores, spent = _nearby(acquire, space, known, values, exclude, rng, options)
            evaluations, gradients = evaluations + spent + len(near), gradients + spent
        most, distance = (options.climbers // 2, space.step) if again else (options.climbers, 0)
        rows = spread(space.fractions(near), scores, most, distance)
        reached, heights, tried, climbed = exchange(acquire, space, near[rows], scores[rows], exclude, rng, options)
        calm = 0 if len(heights) and heights.max() > values.max() else calm + 1
        known, values = np.concatenate([known, reached]), np.concatenate([values, heights])
        evaluations, gradients = evaluations + tried, gradients + climbed
        if again and calm >= options.patience:
            break
    if many:
        known, values, tried, climbed = follow(acquire, space, known, values, exclude, rng, options)
        evaluations, gradients = evaluations + tried, gradients + climbed
    top = int(np.argmax(values))
    return Suggestion(known[top], space.fractions(known[top]), float(values[top]), evaluations, gradients)


def _nearby(
    acquire: Acquisition,
    space: CompositionSpace,
    known: np.ndarray,
    values: np.ndarray,
    exclude: np.ndarray,
    rng: np.random.Generator,
    options: AscentOptions,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Counts around the best of `known`, their values, and gradients spent.

    Among many elements some ascend a little before they are rounded. On a ridge narrower than a step, each gives
    another rounding of nearly the same features.
    """
    best = known[spread(space.fractions(known), values, options.centres, 0)]
    near, spent = _fresh(around(space, best, options.nearby_draws, rng, options.reach), exclude), 0
    scores = score(acquire, space, near)
    if len(space.elements) > FEW and len(near):
        rows = near[spread(space.fractions(near), scores, options.polished, 0)]
        how: dict[str, Any] = dict(tolerance=space.step / 20, batches=options.polish_batches, options=options)
        ends = spectral(acquire, Projection(space), space.fractions(rows), *support(space, rows), **how)
        more, spent = _fresh(rounded(space, ends.points), exclude), ends.gradients
        near, scores = np.concatenate([near, more]), np.concatenate([scores, score(acquire, space, more)])
    return near, scores, spent


def certified(found: Suggestion, acquire: Acquisition, space: CompositionSpace, exclude: np.ndarray) -> Suggestion:
    """`found` with its gap to the exhaustive maximum, and a warning if that is larger."""
    best = enumeration(acquire, space, exclude=exclude)
    gap = max(0.0, best.value - found.value)
    there = dict(zip(space.elements, best.composition.tolist(), strict=True))
    warning = f"{found.warning} Enumeration finds {gap:.3g} more, at {there}." if gap else found.warning
    return replace(found, gap=gap, warning=warning.strip(), evaluations=found.evaluations + best.evaluations)
