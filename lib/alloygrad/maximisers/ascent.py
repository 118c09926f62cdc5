"""Multi-start constrained ascent on a, then on the grid: the maximum, not a place where the search happened to stop.

    screen     random compositions: uniform ones, sparse ones, and ones around what is measured
    ascend     from the best that lie apart, and as many others: projected gradient, all starts in each evaluation;
               then on from the best ends
    elsewhere  among many elements: a few exchanges from the ends, then from the best with one element replaced
    exchange   from the rounded ends and the best of the screen: steps between elements until none improves
    again      the same in small, from compositions around the best so far, until such rounds bring nothing new
    follow     among many elements: on from the best along ridges that are narrower than a step (`ridges`)

Every other start keeps its support while it ascends: present elements keep at least one step, absent ones stay absent,
and so all features are smooth, also those that jump when an element appears. The others are free to
leave a face, which is right where nothing jumps. Sparse draws begin on many supports and the exchanges change them.

Meant for acquisition functions that do not underflow: log EI, UCB, log PI. Every number drawn is the given
generator's. Nothing of the surrogate is known here, nor which measured composition is best: among them a is largest
where the mean is.
"""

from dataclasses import replace

import numpy as np

from alloygrad.maximisers.candidates import around, rounded, sparse, spread
from alloygrad.maximisers.enumeration import LARGEST, enumeration
from alloygrad.maximisers.exchange import distinct, exchange, unmeasured
from alloygrad.maximisers.projection import Projection, support
from alloygrad.maximisers.ridges import follow
from alloygrad.maximisers.spectral import Ends, spectral
from alloygrad.maximisers.suggestion import Suggestion, score
from alloygrad.spaces.composition import CompositionSpace

FEW = 5
"""Elements up to which a lattice search alone would do."""

VERSION = 2
"""Raised when a change alters what is found among more elements: their recorded trajectories then no longer match."""

APART = 0.03
"""Least distance of two starts that are chosen for their value, as the largest difference of a fraction."""

BATCHES = (20, 20, 8, 12)
"""Batched gradients: for all starts, for the `BEST` of them, in small ascents of the last stage, of replacements."""

BEST, BEST_LEAST = (16, 4), 8
"""One in so many of the starts ascends further: among few elements; among more. But so many at least."""

CENTRES = 5
"""Best compositions around which new ones are drawn."""

STARTS = 8
"""Ascents per element, where these are more than `LEAST`."""

LEAST = (1, 384)
"""Ascents at least, among few elements and among more: six elements make no fewer basins than twelve, or forty."""

BESIDE = 6
"""Among many elements one start in so many lies beside the best measured compositions, and is never dropped: the
maximum there can be a spike that no draw hits."""

SCREEN = (4096, 16384)
"""Compositions of the screen, likewise."""

CLIMBERS = (64, 40)
"""Climbs on the grid, likewise."""

SHORT = (160, 4)
"""Climbs among many elements before the worse are dropped, and batched exchanges in each: what an end is worth shows
only once it has climbed."""

REPLACED, REPLACEMENTS, CLIMBED = 4, 160, 80
"""Compositions in which elements are replaced, replacements tried at most, and climbs from them."""

ROUNDS = 60
"""Batched exchanges at most in one climb."""

AGAIN, DRAWS = 6, 512
"""Rounds of the last stage at most, and compositions drawn in each, or where nothing new is at hand."""

PATIENCE = (2, 1)
"""Of these rounds and the climb before them so many without gain in a row end it, likewise."""

POLISHED = 64
"""Small ascents in each of these rounds, among more than `FEW` elements."""


def ascent(
    acquire,
    space: CompositionSpace,
    *,
    exclude: np.ndarray,
    rng: np.random.Generator,
    starts_per_element: float | None = None,
    screen: int | None = None,
    certificate: bool = False,
) -> Suggestion:
    """The best grid composition that ascents and exchanges reach; a grid smaller than `screen`, or a list of rows, is
    enumerated instead.

    starts_per_element: `STARTS`, but `LEAST` ascents in all, unless given; screen: `SCREEN` unless given. certificate:
    enumerate the grid as well, and give in `gap` by how much its maximum is larger; slow. Raises ValueError without
    rng, for options that are not positive, and for a certificate of more than `LARGEST` compositions.
    """
    if rng is None:
        raise ValueError("`ascent` draws its starts; pass rng=np.random.default_rng(seed).")
    if certificate and space.size > LARGEST:
        raise ValueError(f"No certificate: the grid has {space.size} compositions, {LARGEST} can be enumerated.")
    many = len(space.elements) > FEW
    screen = SCREEN[many] if screen is None else screen
    if screen < 1 or (starts_per_element is not None and starts_per_element <= 0):
        given = f"screen is {screen}, starts_per_element {starts_per_element}"
        raise ValueError(f"{given}; they must be positive, or None for their defaults.")
    if is_enumerated(space, screen=screen, measured=len(exclude)):
        return enumeration(acquire, space, exclude=exclude)
    project = Projection(space)
    candidates, centres = screened(acquire, space, project, exclude, screen, rng)
    if not len(candidates) and 2 * len(exclude) > space.size:  # nearly everything is measured
        return enumeration(acquire, space, exclude=exclude)
    candidates = _or_random(candidates, space, exclude, rng)  # the screen was of next to none
    values = score(acquire, space, candidates)
    per_element, least = (STARTS, LEAST[many]) if starts_per_element is None else (starts_per_element, 1)
    n_starts = max(least, round(per_element * len(space.elements)))
    near = beside(space, centres, exclude, n_starts // BESIDE, rng) if many else candidates[:0]
    starts = np.concatenate([near, chosen(space, candidates, values, n_starts - len(near), rng)])
    ends, moved, gradients = ascend(acquire, space, project, starts, kept=len(near))
    best = candidates[spread(space.fractions(candidates), values, CLIMBERS[many], 2 * space.step)]
    counts, tried, climbed = np.concatenate([rounded(space, ends.points), best]), 0, 0
    if many:
        counts, tried, climbed = elsewhere(acquire, space, project, counts, exclude, rng)
    found = finish(acquire, space, counts, exclude, rng)
    found = replace(
        found,
        evaluations=found.evaluations + len(candidates) + len(exclude) + gradients + tried,
        gradients=found.gradients + gradients + climbed,
        starts=len(starts),
        moved=float(moved.mean()),
        warning="" if moved.mean() >= 0.5 else f"{1 - moved.mean():.0%} of {len(starts)} starts did not move.",
    )
    return certified(found, acquire, space, exclude) if certificate else found


def is_enumerated(space: CompositionSpace, *, screen: int | None = None, measured: int = 0) -> bool:
    """Whether `ascent` and `lattice` enumerate instead: a list of rows, a grid no larger than the screen (None: its
    default) and what is measured."""
    screen = SCREEN[len(space.elements) > FEW] if screen is None else screen
    return space.listed or space.size <= screen + measured


def screened(
    acquire, space: CompositionSpace, project: Projection, exclude: np.ndarray, n: int, rng
) -> tuple[np.ndarray, np.ndarray]:
    """About `n` distinct counts (rows, n_elements), none measured, and the `CENTRES` measured ones of largest a."""
    best = exclude[np.argsort(-score(acquire, space, exclude), kind="stable")[:CENTRES]]
    drawn = [space.sample(n // 4, rng), sparse(space, project, n // 2, rng)]
    if len(exclude):
        drawn += [around(space, centres, n // 8, rng) for centres in (best, exclude)]
    return _fresh(np.concatenate(drawn), exclude), best


def beside(space: CompositionSpace, centres: np.ndarray, exclude: np.ndarray, n: int, rng) -> np.ndarray:
    """At most `n` distinct counts (rows, n_elements), none measured, around `centres` (rows, n_elements)."""
    if not len(centres):
        return centres
    drawn = around(space, centres, 2 * n, rng)  # some of them leave the limits
    return _fresh(drawn, exclude)[:n]


def _fresh(counts: np.ndarray, exclude: np.ndarray) -> np.ndarray:
    """The distinct rows of counts (rows, n_elements) that are not measured."""
    counts = distinct(counts)
    return counts[unmeasured(counts, exclude)]


def _or_random(counts: np.ndarray, space: CompositionSpace, exclude: np.ndarray, rng) -> np.ndarray:
    """`counts` (rows, n_elements), or where there are none fresh random ones."""
    while not len(counts):
        counts = _fresh(space.sample(DRAWS, rng), exclude)
    return counts


def chosen(space: CompositionSpace, candidates: np.ndarray, values: np.ndarray, n: int, rng) -> np.ndarray:
    """Counts (≤ n, n_elements) to start from: half for their value, apart from each other, half whatever their value.

    The basin of the maximum can be so small that no candidate in it stands out before it has climbed.
    """
    top = spread(space.fractions(candidates), values, n // 2, APART)
    others = np.setdiff1d(np.arange(len(candidates)), top)
    others = rng.choice(others, size=min(n - n // 2, len(others)), replace=False)
    return candidates[np.concatenate([top, others])]


def ascend(
    acquire, space: CompositionSpace, project: Projection, starts: np.ndarray, *, kept: int = 0
) -> tuple[Ends, np.ndarray, int]:
    """(ends of the `BEST` and the first `kept`, which of all moved, gradients) from counts (rows, n_elements)."""
    points, limits, free = space.fractions(starts), space.polytope(), np.arange(len(starts))[:, None] % 2 == 0
    lower, upper = support(space, starts)
    lower, upper = np.where(free, limits.lower, lower), np.where(free, limits.upper, upper)
    tolerance = space.step / 10
    first = spectral(acquire, project, points, lower, upper, tolerance=tolerance, batches=BATCHES[0])
    moved = np.abs(first.points - points).max(1) > space.step / 2
    most = max(BEST_LEAST, len(starts) // BEST[len(space.elements) > FEW])
    best = spread(first.points, first.values, most, 5 * space.step)
    best = np.concatenate([best, np.setdiff1d(np.arange(kept), best)])
    last = spectral(
        acquire, project, first.points[best], lower[best], upper[best], tolerance=tolerance, batches=BATCHES[1]
    )
    return last, moved, first.gradients + last.gradients


def elsewhere(
    acquire, space: CompositionSpace, project: Projection, counts: np.ndarray, exclude: np.ndarray, rng
) -> tuple[np.ndarray, int, int]:
    """What `SHORT` climbs reach from `counts` (rows, n_elements), and what they reach from the best of these once an
    element gives all it has to an absent one; compositions evaluated, of these with a gradient.

    On the way from one support to another all compositions can be worse, and right after the swap still are.
    """
    known, values, evaluations, gradients = _climbed(acquire, space, counts, exclude, rng, SHORT[0])
    rows = replacements(space, known[spread(space.fractions(known), values, REPLACED, APART)])
    if not len(rows):
        return known, evaluations, gradients
    rows = rows[rng.permutation(len(rows))[:REPLACEMENTS]]
    points, bounds = space.fractions(rows), support(space, rows)
    ends = spectral(acquire, project, points, *bounds, tolerance=space.step / 10, batches=BATCHES[3])
    more, _, tried, climbed = _climbed(acquire, space, rounded(space, ends.points), exclude, rng, CLIMBED)
    spent = np.array([evaluations + tried, gradients + climbed]) + ends.gradients
    return np.concatenate([known, more]), *spent.tolist()


def replacements(space: CompositionSpace, centres: np.ndarray) -> np.ndarray:
    """Distinct counts (rows, n_elements): `centres`, all of one present element given to an absent one."""
    swaps = np.eye(len(space.elements), dtype=np.int64)
    swaps = swaps - swaps[:, None]  # (gives, takes, n_elements)
    rows = centres[:, None, None] + centres[:, :, None, None] * swaps
    rows = rows[(centres[:, :, None] > 0) & (centres[:, None] == 0)]
    return distinct(rows[space.contains(rows)])


def _climbed(acquire, space, counts, exclude, rng, most: int) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Climb `SHORT` from at most so many of `counts`: as `exchange`, with what it takes to choose them."""
    counts = _fresh(counts, exclude)
    values = score(acquire, space, counts)
    rows = spread(space.fractions(counts), values, most, 0)
    reached, heights, tried, climbed = exchange(
        acquire, space, counts[rows], values[rows], exclude, rng, rounds=SHORT[1]
    )
    return reached, heights, tried + len(counts), climbed


def finish(acquire, space: CompositionSpace, counts: np.ndarray, exclude: np.ndarray, rng) -> Suggestion:
    """Climb the grid from `counts` (rows, n_elements), then again and again from around the best reached.

    Where all of `counts` are measured, fresh random ones are taken. Peers of `ascent` end with it too.
    """
    many = len(space.elements) > FEW
    known = _or_random(_fresh(counts, exclude), space, exclude, rng)
    values, evaluations, gradients, calm = score(acquire, space, known), len(known), 0, 0
    near, scores = known, values
    for again in range(AGAIN + 1):
        if again:
            near, scores, spent = _nearby(acquire, space, known, values, exclude, rng)
            evaluations, gradients = evaluations + spent + len(near), gradients + spent
        rows = spread(space.fractions(near), scores, CLIMBERS[many] // (2 if again else 1), space.step if again else 0)
        reached, heights, tried, climbed = exchange(
            acquire, space, near[rows], scores[rows], exclude, rng, rounds=ROUNDS
        )
        calm = 0 if len(heights) and heights.max() > values.max() else calm + 1
        known, values = np.concatenate([known, reached]), np.concatenate([values, heights])
        evaluations, gradients = evaluations + tried, gradients + climbed
        if again and calm >= PATIENCE[many]:
            break
    if many:
        known, values, tried, climbed = follow(acquire, space, known, values, exclude, rng, rounds=ROUNDS)
        evaluations, gradients = evaluations + tried, gradients + climbed
    top = int(np.argmax(values))
    return Suggestion(known[top], space.fractions(known[top]), float(values[top]), evaluations, gradients)


def _nearby(acquire, space, known, values, exclude, rng) -> tuple[np.ndarray, np.ndarray, int]:
    """Counts around the best of `known`, their values, and gradients spent.

    Among many elements some ascend a little before they are rounded: on a ridge that is narrower than a step,
    each gives another rounding of about the same features.
    """
    best = known[spread(space.fractions(known), values, CENTRES, 0)]
    near, spent = _fresh(around(space, best, DRAWS, rng), exclude), 0
    scores = score(acquire, space, near)
    if len(space.elements) > FEW and len(near):
        rows = near[spread(space.fractions(near), scores, POLISHED, 0)]
        points, bounds = space.fractions(rows), support(space, rows)
        ends = spectral(acquire, Projection(space), points, *bounds, tolerance=space.step / 20, batches=BATCHES[2])
        more, spent = _fresh(rounded(space, ends.points), exclude), ends.gradients
        near, scores = np.concatenate([near, more]), np.concatenate([scores, score(acquire, space, more)])
    return near, scores, spent


def certified(found: Suggestion, acquire, space: CompositionSpace, exclude: np.ndarray) -> Suggestion:
    """`found` with its gap to the exhaustive maximum, and a warning where that is larger."""
    best = enumeration(acquire, space, exclude=exclude)
    gap = max(0.0, best.value - found.value)
    there = dict(zip(space.elements, best.composition.tolist(), strict=True))
    warning = f"{found.warning} Enumeration finds {gap:.3g} more, at {there}." if gap else found.warning
    return replace(found, gap=gap, warning=warning.strip(), evaluations=found.evaluations + best.evaluations)
