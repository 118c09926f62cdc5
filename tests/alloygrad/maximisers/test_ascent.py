"""`ascent` from its parts to the whole: gradients, candidates and exchanges, each against brute force on small grids.

Grids here are larger than the `screen` that is passed, so that nothing is enumerated on the sly.
"""

import random
import warnings
from dataclasses import replace
from importlib import import_module
from itertools import combinations, product

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from alloygrad.acquisition.analytic import ei, log_ei, ucb
from alloygrad.features.feature_map import FeatureMap
from alloygrad.maximisers import Suggestion, maximise
from alloygrad.maximisers.candidates import REACH, around, rounded, sparse, spread
from alloygrad.maximisers.exchange import ALL_PAIRS, SIZES, distinct, exchange, neighbourhood, score, unmeasured
from alloygrad.maximisers.projection import Projection
from alloygrad.maximisers.spectral import evaluate, spectral
from alloygrad.spaces.composition import CompositionSpace, Group
from alloygrad.surrogates.gp import fit

module = import_module("alloygrad.maximisers.ascent")  # its name in the package is the function

METALS = ("Ti", "Ni", "Cu", "Hf", "Zr", "Nb", "Co", "Fe", "Al", "Cr", "V", "Mo")
BOX = dict(lower=(0.2, 0.2, 0, 0), upper=(0.55, 0.55, 0.2, 0.2))
GROUPS = (Group(("Ti", "Hf"), upper=0.55), Group(("Ni", "Cu"), upper=0.55, lower=0.3))
SPACE = CompositionSpace(METALS[:4], **BOX, step=0.01, groups=GROUPS)
SEVEN = CompositionSpace(METALS[:7], [0] * 7, [0.4] * 7, step=0.01, groups=(Group(("Ti", "Ni", "Cu"), 0.7, 0.2),))
JUMPING = ("mean:VEC", "max:R", "min:MT", "weighted_range:XP")
STATES = (
    (CompositionSpace(METALS[:3], [0] * 3, [0.7, 0.6, 0.5], step=0.005), JUMPING[1:]),
    (SPACE, JUMPING),
    (SPACE, ("mean:VEC", "mismatch:R", "mean:MT")),
    (CompositionSpace(METALS[:4], [0] * 4, [0.6, 0.6, 0.4, 0.4], step=0.025), JUMPING),
    (CompositionSpace(METALS[:5], [0] * 5, [0.6, 0.6, 0.4, 0.4, 0.3], step=0.05), JUMPING),
    (CompositionSpace(METALS[:6], [0] * 6, [0.5, 0.5, 0.4, 0.3, 0.3, 0.2], step=0.05), JUMPING),
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def state(seed: int, space=SPACE, features=JUMPING, n: int | None = None):
    """Measured counts and a surrogate of random smooth targets over them."""
    generator = rng(seed)
    counts = distinct(space.sample(n or int(generator.integers(6, 40)), generator))
    targets = np.sin(space.fractions(counts) @ generator.normal(size=(len(space.elements), 3)) * 5).sum(1)
    return counts, fit(FeatureMap(space.elements, features), space.fractions(counts), targets)


def log_ei_state(seed: int, space=SPACE, features=JUMPING, n: int | None = None):
    measured, surrogate = state(seed, space, features, n)
    return measured, log_ei(surrogate, surrogate.targets.max())


def grid(space) -> np.ndarray:
    """All compositions by nested loops over the box, nothing of the space's own counting."""
    ranges = [np.arange(round(a * space.total), round(b * space.total) + 1) for a, b in box(space)[:-1]]
    counts = np.stack(np.meshgrid(*ranges, indexing="ij"), -1).reshape(-1, len(ranges))
    counts = np.column_stack([counts, space.total - counts.sum(1)])
    low, high = (round(limit * space.total) for limit in box(space)[-1])
    counts = counts[(counts[:, -1] >= low) & (counts[:, -1] <= high)]
    for group in space.groups:
        share = counts[:, [space.elements.index(e) for e in group.elements]].sum(1)
        counts = counts[(share >= round(group.lower * space.total)) & (share <= round(group.upper * space.total))]
    return counts


def box(space) -> list[tuple[float, float]]:
    return list(zip(space.lower, space.upper, strict=True))


def rows(counts) -> set[tuple[int, ...]]:
    return {tuple(row) for row in np.asarray(counts).tolist()}


def values(acquire, space, counts) -> np.ndarray:
    return acquire(torch.from_numpy(counts / space.total)).detach().numpy()


def peak(target, sharpness: float = 100.0, weights=1.0):
    """A separable concave function with its maximum, were there no limits, at `target`."""
    target, weights = torch.tensor(target, dtype=torch.float64), torch.as_tensor(weights, dtype=torch.float64)
    return lambda c: -sharpness * (weights * (c - target) ** 2).sum(-1)


def random_space(seed: int, n_elements: int, step: float) -> CompositionSpace:
    """Limits around a random composition, with two disjoint groups and one nested where there is room."""
    generator, total = rng(seed), round(1 / step)
    centre = generator.multinomial(total, generator.dirichlet(np.ones(n_elements))) / total
    below, above = generator.choice([0.05, 0.3, 1], size=(2, n_elements))
    names, groups = METALS[:n_elements], []
    for members in ([0, 1], [0, 1, 2], [3, 4, 5]):
        if members[-1] < n_elements - 1:
            share, (less, more) = centre[members].sum(), generator.choice([0.02, 0.1, 1], size=2)
            groups.append(Group([names[i] for i in members], upper=min(1, share + more), lower=max(0, share - less)))
    limits = np.maximum(0, centre - below), np.minimum(1, centre + above)
    return CompositionSpace(names, *limits, step=step, groups=tuple(groups))


class Recorder:
    """Counts what passes through an acquisition function, and keeps all points."""

    def __init__(self, acquire):
        self.acquire, self.batches, self.with_gradient = acquire, [], 0

    def __call__(self, c):
        self.batches.append(c.detach().numpy().copy())
        self.with_gradient += len(c) if c.requires_grad else 0
        return self.acquire(c)

    @property
    def points(self):
        return np.concatenate(self.batches)


# Projected spectral gradient


def climb(acquire, space, starts, lower=None, upper=None, *, tolerance=1e-9, batches=3000):
    limits = space.polytope()
    lower, upper = limits.lower if lower is None else lower, limits.upper if upper is None else upper
    bounds = np.broadcast_to(lower, starts.shape), np.broadcast_to(upper, starts.shape)
    return spectral(acquire, Projection(space), starts, *bounds, tolerance=tolerance, batches=batches)


def quadratic(n: int, condition: float, *, seed: int = 0, target=None):
    """A, t and a(c) = −½ (c − t)ᵀA(c − t), eigenvalues of A from 1 to `condition`; t random unless given."""
    generator = rng(seed)
    turn = np.linalg.qr(generator.normal(size=(n, n)))[0]
    a = turn @ np.diag(np.geomspace(1, condition, n)) @ turn.T
    target = generator.dirichlet(np.ones(n)) + generator.normal(size=n) * 0.1 if target is None else target
    a_, t_ = torch.tensor(a), torch.tensor(target)
    return a, target, lambda c: -0.5 * (((c - t_) @ a_) * (c - t_)).sum(-1)


@pytest.mark.parametrize(("n_elements", "condition"), [(3, 1), (3, 100), (3, 1e4), (8, 1), (8, 100)])
def test_spectral_finds_the_summit_inside(n_elements, condition):
    """With Σ c = 1 the only limit that matters: c* = t + A⁻¹1 (1 − 1ᵀt)/1ᵀA⁻¹1."""
    space = CompositionSpace(METALS[:n_elements], [0] * n_elements, [1] * n_elements)
    a, target, acquire = quadratic(n_elements, condition, target=np.full(n_elements, 0.99 / n_elements))
    pull = np.linalg.solve(a, np.ones(n_elements))
    summit = target + pull * (1 - target.sum()) / pull.sum()
    assert (summit > 0).all() and np.abs(summit - target).max() > 1e-3
    ends = climb(acquire, space, space.sample_continuous(10, rng()), batches=1000)
    assert np.abs(ends.points - summit).max() < 1e-5


def test_twenty_batches_leave_little_to_climb():
    """Medians of what is left of the way up, on hills that are 1, 100 and 10 000 times as steep across as along."""
    space = CompositionSpace(METALS[:8], [0] * 8, [1] * 8)
    starts = space.sample_continuous(50, rng(1))
    for condition, left in ((1, 1e-12), (100, 8e-4), (1e4, 5e-3)):
        _, _, acquire = quadratic(8, condition, target=np.full(8, 1 / 8))  # 0 at its top, within the space
        ends = climb(acquire, space, starts, batches=20)
        assert np.median(ends.values / acquire(torch.from_numpy(starts)).numpy()) < left


@pytest.mark.parametrize("condition", [1, 100, 1e4])
@pytest.mark.parametrize("seed", range(4))
def test_spectral_finds_the_constrained_summit(seed, condition):
    """A concave function lies below its tangent: a* − a(c) ≤ max ∇a(c)ᵀ(z − c), a linear programme."""
    n_elements = 3 + 2 * seed
    space = random_space(seed, n_elements, 0.001)
    a, target, acquire = quadratic(n_elements, condition, seed=seed)
    ends = climb(acquire, space, space.sample_continuous(6, rng(seed)))
    limits = space.polytope()
    normals = np.concatenate([limits.masks, -limits.masks])
    offsets = np.concatenate([limits.group_upper, -limits.group_lower])
    for c in ends.points:
        slope, ones = -a @ (c - target), np.ones((1, n_elements))
        z = linprog(-slope, A_ub=normals, b_ub=offsets, A_eq=ones, b_eq=[1], bounds=box(space)).x
        assert slope @ (z - c) < 1e-6 * condition**0.5
    assert np.ptp(ends.values) < 1e-6 * condition**0.5


def test_spectral_stays_within_all_limits_and_reports_its_best():
    _, acquire = log_ei_state(1)
    recorder, starts, generator = Recorder(acquire), SPACE.sample_continuous(40, rng()), rng(3)
    limits = SPACE.polytope()
    lower = starts - generator.choice([0, 1], size=starts.shape) * (starts - limits.lower)
    upper = starts + generator.choice([0, 1], size=starts.shape) * (limits.upper - starts)
    before = starts.copy()
    ends = climb(recorder, SPACE, starts, lower=lower, upper=upper, tolerance=1e-5, batches=30)
    shares = recorder.points @ limits.masks.T
    assert np.abs(recorder.points.sum(1) - 1).max() < 1e-12
    assert (shares >= limits.group_lower - 1e-12).all() and (shares <= limits.group_upper + 1e-12).all()
    assert (recorder.points >= limits.lower - 1e-12).all() and (recorder.points <= limits.upper + 1e-12).all()
    assert (ends.points >= lower - 1e-12).all() and (ends.points <= upper + 1e-12).all()
    assert (starts == before).all()
    assert ends.gradients == recorder.with_gradient == len(recorder.points)
    assert ends.batches == len(recorder.batches) <= 30
    assert ends.values == pytest.approx(acquire(ends.points).numpy(), rel=1e-9)
    assert (ends.values >= acquire(starts).numpy() - 1e-9).all()


def test_spectral_reports_the_best_of_each_path_not_its_last():
    """Values may fall on the way; more batches extend the same paths, so the best never falls."""
    starts, fell = SPACE.sample_continuous(20, rng()), 0
    for seed in range(3):
        _, acquire = log_ei_state(seed)
        best = np.array([climb(acquire, SPACE, starts, batches=k).values for k in range(1, 15)])
        assert (np.diff(best, axis=0) >= 0).all() and (best[-1] > best[0]).mean() > 0.9
        recorder = Recorder(acquire)
        ends = climb(recorder, SPACE, starts[:1], batches=15)
        path = acquire(recorder.points).numpy()
        assert ends.values[0] == pytest.approx(path.max(), rel=1e-9)
        fell += (np.diff(path) < 0).any()
    assert fell  # or the test shows nothing


def test_rows_climb_alone_as_they_do_together():
    starts, (_, acquire) = SPACE.sample_continuous(12, rng(5)), log_ei_state(4)
    together = climb(acquire, SPACE, starts, batches=8)
    for row in range(len(starts)):
        alone = climb(acquire, SPACE, starts[row : row + 1], batches=8)
        assert alone.points[0] == pytest.approx(together.points[row], abs=1e-7)
        assert alone.values[0] == pytest.approx(together.values[row], abs=1e-7)


@pytest.mark.parametrize(
    "flat",
    [
        lambda c: c.sum(-1) * 0,
        lambda c: torch.full(c.shape[:-1], 3.0, dtype=torch.float64),  # no gradient at all
        lambda c: torch.where(c.sum(-1) > 0, 0.0, c.sum(-1) * torch.nan),  # a gradient of NaN
        lambda c: c.sum(-1) * 0 - torch.inf,
    ],
)
def test_nothing_moves_on_a_flat_function(flat):
    starts = SPACE.sample_continuous(9, rng())
    ends = climb(flat, SPACE, starts)
    assert (ends.points == starts).all()
    assert (ends.batches, ends.gradients) == (1, 9)


def test_steps_do_not_depend_on_the_unit_of_the_values():
    """Powers of two scale floating-point numbers exactly: the same path to the last bit."""
    _, acquire = log_ei_state(6)
    starts = SPACE.sample_continuous(10, rng())
    plain = climb(acquire, SPACE, starts, batches=20)
    for power in (-200, -40, 40):
        scaled = climb(lambda c, p=power: acquire(c) * 2.0**p, SPACE, starts, batches=20)
        assert (scaled.points == plain.points).all() and (scaled.values == plain.values * 2.0**power).all()


def test_evaluation_gives_autograd_gradients_and_zeros_where_there_are_none():
    """Of gradients only differences between elements count: the sum is fixed."""
    points = SPACE.sample_continuous(5, rng())
    found, slopes = evaluate(peak((0.4, 0.4, 0.1, 0.1)), points)
    expected = -200 * (points - [0.4, 0.4, 0.1, 0.1])
    assert slopes - slopes[:, :1] == pytest.approx(expected - expected[:, :1], abs=1e-12)
    assert found == pytest.approx(-100 * ((points - [0.4, 0.4, 0.1, 0.1]) ** 2).sum(1))
    middle = float(np.median(points[:, 2]))
    _, slopes = evaluate(lambda c: (c[:, 2] - middle).clamp_min(0).sqrt() + c[:, 0], points)  # 0 · ∞ left of middle
    broken = points[:, 2] <= middle
    slopes = slopes - slopes[:, 1:2]
    assert (slopes[broken, 2] == 0).all() and (slopes[:, 0] == 1).all() and (slopes[~broken, 2] > 0).all()


# Candidates


@pytest.mark.parametrize("n_elements", [2, 3, 6, 12])
@pytest.mark.parametrize("seed", range(3))
def test_candidates_are_feasible_and_on_the_grid(n_elements, seed):
    space, generator = random_space(seed, n_elements, 0.01), rng(seed)
    centres = space.sample(5, generator)
    drawn = (
        sparse(space, Projection(space), 500, generator),
        around(space, centres, 500, generator),
        rounded(space, space.sample_continuous(500, generator)),
    )
    for counts in drawn:
        assert counts.dtype == np.int64 and space.contains(counts).all() and 0 < len(counts) <= 500
    changes = drawn[1][:, None] - centres
    exchanged = np.abs(changes).sum(2).min(1) / 2
    assert exchanged.max() <= 3 * 2**REACH and (exchanged > 0).any()
    measured = drawn[1][:20]
    screened, _ = module.screened(peak([0.1] * n_elements), space, Projection(space), measured, 400, generator)
    assert space.contains(screened).all() and len(rows(screened)) == len(screened) <= 400
    assert not rows(screened) & rows(measured)


def corners(space) -> set[tuple[int, ...]]:
    """Counts where n_elements − 1 independent limits meet, of all choices of so many limits."""
    limits, unit, found = space.polytope(), np.eye(len(space.elements)), []
    normals = np.concatenate([unit, unit, limits.masks, limits.masks])
    offsets = np.concatenate([limits.lower, limits.upper, limits.group_lower, limits.group_upper])
    for active in combinations(range(len(offsets)), len(unit) - 1):
        a = np.concatenate([np.ones((1, len(unit))), normals[list(active)]])
        if abs(np.linalg.det(a)) > 1e-9:
            counts = np.linalg.solve(a, np.append(1, offsets[list(active)])) * space.total
            assert np.abs(counts - np.rint(counts)).max() < 1e-6  # the space promises grid corners
            found.append(np.rint(counts).astype(np.int64))
    return rows(np.array(found)[space.contains(np.array(found))])


@pytest.mark.parametrize(
    "space",
    [
        CompositionSpace(METALS[:3], [0] * 3, [1] * 3, step=0.01),
        CompositionSpace(METALS[:3], [0.1, 0, 0], [0.6, 0.5, 0.7], step=0.05),
        SPACE,
        CompositionSpace(METALS[:5], [0] * 5, [1] * 5, step=0.005),
        CompositionSpace(
            METALS[:4], [0] * 4, [0.6] * 4, step=0.05, groups=(Group(METALS[:3], 0.7), Group(METALS[:2], 0.5))
        ),
    ],
)
def test_sparse_draws_reach_every_corner(space):
    drawn, all_corners = rows(sparse(space, Projection(space), 4096, rng())), corners(space)
    assert len(all_corners) >= len(space.elements) and all_corners <= drawn
    assert len(drawn) > 3 * len(all_corners)  # and not only corners


def test_sparse_draws_begin_on_all_supports():
    space = CompositionSpace(METALS[:5], [0] * 5, [1] * 5, step=0.005)
    supports = rows(sparse(space, Projection(space), 4096, rng()) > 0)
    assert len(supports) == 2**5 - 1


def test_rounding_is_the_nearest_where_only_the_sum_matters():
    space = CompositionSpace(METALS[:6], [0] * 6, [1] * 6, step=0.02)
    points = space.sample_continuous(200, rng())
    counts = rounded(space, points)
    assert len(counts) == 200 and (counts.sum(1) == space.total).all()
    assert np.abs(counts - points * space.total).max() < 1
    far, nearest = (np.linalg.norm(c - points * space.total, axis=1) for c in (counts, space.snap(points)))
    assert far == pytest.approx(nearest, abs=1e-9)
    assert rounded(space, counts / space.total).tolist() == counts.tolist()


def test_rounding_drops_what_lands_outside():
    points = np.concatenate([SPACE.sample_continuous(300, rng()), [[0.9, 0.1, 0, 0], [0.3, 0.3, 0, 0]]])
    counts = rounded(SPACE, points)
    assert SPACE.contains(counts).all() and 200 < len(counts) <= 300
    steps = points * SPACE.total
    assert all((np.abs(steps - row).max(1) < 1).any() for row in counts)


@pytest.mark.parametrize("distance", [0, 0.03, 0.2])
@pytest.mark.parametrize("n", [1, 7, 60])
def test_spread_points_lie_apart_and_nothing_better_was_passed_over(n, distance):
    points = SPACE.fractions(SPACE.sample(400, rng()))
    heights = rng(1).integers(30, size=400).astype(float)  # with ties
    chosen = spread(points, heights, n, distance)
    assert 0 < len(chosen) <= n and chosen[0] == heights.argmax() and (np.diff(heights[chosen]) <= 0).all()
    apart = np.abs(points[chosen][:, None] - points[chosen]).max(2) + np.eye(len(chosen))
    assert (apart > distance).all()
    looked_at = np.argsort(-heights, kind="stable")[: 16 * n]
    stop = len(looked_at) if len(chosen) < n else looked_at.tolist().index(chosen[-1])
    for row in set(looked_at[:stop].tolist()) - set(chosen.tolist()):
        better = chosen[heights[chosen] >= heights[row]]
        assert (np.abs(points[better] - points[row]).max(1) <= distance).any()


def test_nothing_to_spread():
    assert spread(np.empty((0, 4)), np.empty(0), 5, 0.1).tolist() == []


# Exchanges on the grid


def neighbours(space, row) -> np.ndarray:
    """What a climber on `row` must beat: exchanges of SIZES (of every other size among many), small changes of few."""
    n, few = len(row), len(row) <= ALL_PAIRS
    moves = []
    for size in SIZES if few else SIZES[::2]:
        for give, take in product(range(n), repeat=2):
            if give != take:
                moves.append([size * ((i == take) - (i == give)) for i in range(n)])
    if few:
        reach = range(-2, 3) if n <= 4 else range(-1, 2)
        moves += [m for m in product(reach, repeat=n) if sum(m) == 0]
    near = np.asarray(row) + np.array(moves)
    return near[space.contains(near) & (near != row).any(1)]


@pytest.mark.parametrize(("space", "features"), STATES)
def test_a_climber_ends_on_a_local_maximum(space, features):
    """Also where many are measured; with six elements all pairs fit among those that are tried."""
    measured, acquire = log_ei_state(2, space, features)
    for seed in range(6):
        start = space.sample(1, rng(seed))
        exclude = np.concatenate([measured, space.sample(500, rng(seed + 100))])
        exclude = exclude[(exclude != start).any(1)]
        heights = score(acquire, space, start)
        ends, reached, *_ = exchange(acquire, space, start, heights, exclude, rng(), rounds=200)
        assert space.contains(ends).all() and not rows(ends) & rows(exclude)
        assert reached == pytest.approx(values(acquire, space, ends), rel=1e-9) and reached >= heights
        near = neighbours(space, ends[0])
        near = near[[tuple(row) not in rows(exclude) for row in near.tolist()]]
        assert len(near) and values(acquire, space, near).max() <= reached[0] + 1e-9


def test_the_neighbourhood_of_few_elements_is_all_of_it():
    for n in range(2, ALL_PAIRS + 1):
        space = CompositionSpace(METALS[:n], [0] * n, [1] * n, step=0.001)
        middle = space.snap(np.full(n, 1 / n))
        assert rows(middle + neighbourhood(n)) == rows(neighbours(space, middle))


def test_climbers_together_reach_what_they_reach_alone():
    """One that arrives where another has been stops there; the other goes on to the same end."""
    measured, acquire = log_ei_state(3)
    starts = distinct(SPACE.sample(30, rng()))
    starts = starts[unmeasured(starts, measured)]
    heights, before = score(acquire, SPACE, starts), starts.copy()
    together, reached, evaluations, *_ = exchange(acquire, SPACE, starts, heights, measured, rng(), rounds=200)
    alone = [exchange(acquire, SPACE, *one, measured, rng(), rounds=200) for one in singles(starts, heights)]
    tops = {tuple(end) for (end,), *_ in alone}
    assert tops <= rows(together)
    assert reached.max() == max(top for _, (top,), *_ in alone)
    assert evaluations < sum(spent for _, _, spent, *_ in alone)
    assert (starts == before).all()


def singles(starts, heights):
    return zip(starts[:, None], heights[:, None], strict=True)


@pytest.mark.parametrize(
    "space",
    [
        CompositionSpace(METALS[:3], [0] * 3, [0.7] * 3, step=0.05),
        CompositionSpace(METALS[:4], **BOX, step=0.05, groups=GROUPS),
        CompositionSpace(
            METALS[:4], [0] * 4, [0.6] * 4, step=0.1, groups=(Group(METALS[:3], 0.8), Group(METALS[:2], 0.5))
        ),
        CompositionSpace(METALS[:7], [0] * 7, [0.4] * 7, step=0.2, groups=(Group(METALS[:3], 0.6, 0.2),)),
    ],
)
@pytest.mark.parametrize("target", range(2))
def test_every_start_leads_to_the_top_of_a_concave_function(space, target):
    """Separable and concave, under nested sums: no local maximum of single exchanges but the global one."""
    n = len(space.elements)
    acquire = peak(rng(target).dirichlet(np.ones(n)) * 1.2, weights=rng(target + 9).uniform(0.2, 3, size=n))
    counts = grid(space)
    heights = values(acquire, space, counts)
    nothing = np.empty((0, n), dtype=np.int64)
    for row in range(0, len(counts), 1 + len(counts) // 150):
        one = counts[row : row + 1], heights[row : row + 1]
        _, top, *_ = exchange(acquire, space, *one, nothing, rng(), rounds=100)
        assert top[0] == pytest.approx(heights.max(), abs=1e-12)


def test_promising_pairs_suffice_among_many_elements():
    """More pairs than are tried: those of the largest gain lead up a concave hill to its analytic top."""
    space = CompositionSpace(METALS, [0] * 12, [0.3] * 12, step=0.01)
    target = space.fractions(space.sample(1, rng(4)))[0]
    starts = space.sample(5, rng(5))
    acquire = peak(target)
    ends, heights, *_ = exchange(
        acquire, space, starts, score(acquire, space, starts), space.sample(3, rng()), rng(), rounds=300
    )
    assert space.fractions(ends[heights.argmax()]) == pytest.approx(target) and heights.max() == pytest.approx(0)


def test_pairs_that_the_limits_forbid_promise_nothing():
    """Less of eight absent elements is wanted, and more of a full one; the way up is between three others."""
    space = CompositionSpace(METALS, [0] * 12, [0.25] + [1] * 11, step=0.01)
    acquire = peak([3.0, 0.45, 0.1, 0.2] + [-2.0 * k for k in range(1, 9)])  # 63 pairs promise more than any that fit
    for some in ([25, 5, 60, 10], [25, 0, 0, 75]):
        start = np.array([some + [0] * 8])
        end, *_ = exchange(acquire, space, start, score(acquire, space, start), start[:0], rng(), rounds=300)
        assert end.tolist() == [[25, 45, 10, 20] + [0] * 8]


def test_exchanges_end_after_their_rounds_and_count_what_they_evaluate():
    for space in (SPACE, SEVEN):
        recorder = Recorder(peak([0.1] * len(space.elements)))
        starts = space.sample(6, rng())
        heights = score(recorder.acquire, space, starts)
        for rounds in (0, 1, 3, 500):
            recorder.batches.clear()
            _, _, spent, *_ = exchange(recorder, space, starts, heights, starts[:0], rng(), rounds=rounds)
            assert spent == sum(map(len, recorder.batches)) <= rounds * 6 * 10**3


def test_sets_of_compositions_are_python_sets():
    generator = rng()
    for n in (1, 3, 9):
        counts, exclude = generator.integers(3, size=(200, n)), generator.integers(3, size=(30, n))
        assert unmeasured(counts, exclude).tolist() == [tuple(row) not in rows(exclude) for row in counts.tolist()]
        once = distinct(counts)
        assert once.tolist() == [list(row) for row in dict.fromkeys(map(tuple, counts.tolist()))]
        assert unmeasured(np.asfortranarray(counts)[:, ::-1], exclude[:, ::-1]).tolist() == (
            unmeasured(counts, exclude).tolist()
        )
        assert unmeasured(counts, exclude[:0]).all() and unmeasured(counts[:0], exclude).shape == (0,)
        assert unmeasured(counts.astype(np.int32), counts).any() == False  # noqa: E712
        assert distinct(counts[:0]).shape == (0, n)


# The whole


def test_ascent_finds_the_enumerated_maximum():
    """Random states, formulas that jump, the measured left out. One miss in 50 would be forgiven; there is none yet."""
    missed = []
    for seed in range(50):
        space, features = STATES[seed % 5]
        measured, acquire = log_ei_state(seed, space, features)
        counts = grid(space)
        heights = np.where(unmeasured(counts, measured), values(acquire, space, counts), -np.inf)
        found = maximise(acquire, space, exclude=measured, rng=rng(seed), screen=256, starts_per_element=16)
        assert len(counts) == space.size > 256 + len(measured) and found.starts == 16 * len(space.elements)
        assert space.contains(found.counts) and not rows(measured) & rows([found.counts])
        assert found.value <= heights.max() + 1e-9
        if found.value < heights.max() - 1e-9:
            missed.append((seed, found.value, heights.max()))
    assert len(missed) <= 1, missed


@pytest.mark.parametrize("k", [1, 5, 40])
def test_excluding_the_best_k_gives_the_next(k):
    _, acquire = log_ei_state(5)
    counts = grid(SPACE)
    heights = values(acquire, SPACE, counts)
    best = np.argsort(-heights, kind="stable")
    found = maximise(acquire, SPACE, exclude=counts[best[:k]], rng=rng(), screen=256)
    assert found.value == pytest.approx(heights[best[k]], rel=1e-9)
    assert found.counts.tolist() == counts[best[k]].tolist()


@pytest.mark.parametrize("space", [SPACE, SEVEN])
def test_one_suggestion_after_another_never_repeats(space):
    """Down a hill whose top is measured already: each is no better than the one before."""
    acquire, exclude, before = peak(np.full(len(space.elements), 1 / len(space.elements))), space.sample(5, rng()), 0.0
    for seed in range(8):
        found = maximise(acquire, space, exclude=exclude, rng=rng(seed), screen=256)
        assert not rows(exclude) & rows([found.counts]) and found.value <= before + 1e-12
        exclude, before = np.concatenate([exclude, found.counts[None]]), found.value


@pytest.mark.parametrize("space", [SPACE, SEVEN])
def test_the_generator_passed_in_is_the_only_one(space):
    measured, acquire = log_ei_state(7, space)
    ask = dict(exclude=measured, screen=256)
    first = maximise(acquire, space, rng=rng(3), **ask)
    np.random.seed(99)  # noqa: NPY002
    torch.manual_seed(99)
    random.seed(99)
    before = np.random.get_state(), torch.get_rng_state(), random.getstate()  # noqa: NPY002
    second = maximise(acquire, space, rng=rng(3), **ask)
    after = np.random.get_state(), torch.get_rng_state(), random.getstate()  # noqa: NPY002
    assert str(before) == str(after) and (before[0][1] == after[0][1]).all() and (before[1] == after[1]).all()
    for name in ("value", "evaluations", "gradients", "starts", "moved", "warning", "method"):
        assert getattr(first, name) == getattr(second, name)
    assert first.counts.tolist() == second.counts.tolist()
    other = maximise(acquire, space, rng=rng(4), **ask)
    assert other.evaluations != first.evaluations  # the seed does matter
    with pytest.raises(ValueError, match=r"rng=np\.random\.default_rng"):
        maximise(acquire, space, **ask)


def test_fresh_entropy_is_never_asked_for(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a generator of its own")

    for name in ("default_rng", "rand", "randn", "randint", "random", "choice", "permutation", "shuffle"):
        monkeypatch.setattr(np.random, name, refuse)
    for name in ("rand", "randn", "randint", "randperm", "rand_like", "randn_like", "multinomial"):
        monkeypatch.setattr(torch, name, refuse)
    generator = np.random.Generator(np.random.PCG64(0))
    assert SEVEN.contains(maximise(peak([0.1] * 7), SEVEN, rng=generator, screen=256).counts)


@pytest.mark.parametrize("space", [SPACE, SEVEN])
def test_the_record_counts_what_was_evaluated(space):
    measured, acquire = log_ei_state(8, space)
    recorder = Recorder(acquire)
    found = maximise(recorder, space, exclude=measured, rng=rng(), screen=300, starts_per_element=5)
    assert found.evaluations == len(recorder.points)
    assert found.starts == 5 * len(space.elements) < found.gradients <= recorder.with_gradient
    if len(space.elements) <= ALL_PAIRS:
        assert found.gradients == recorder.with_gradient
    assert found.moved > 0.5 and found.warning == "" and found.method == "ascent" and np.isnan(found.gap)
    assert found.composition.tolist() == space.fractions(found.counts).tolist()
    assert found.value == pytest.approx(acquire(found.composition).item(), rel=1e-9)
    limits = space.polytope()
    assert (recorder.points >= limits.lower - 1e-12).all() and (recorder.points <= limits.upper + 1e-12).all()
    assert np.abs(recorder.points.sum(1) - 1).max() < 1e-12


def test_small_grids_are_enumerated():
    acquire = peak((0.371, 0.402, 0.118, 0.109))
    for screen in (SPACE.size - 1, SPACE.size):
        found = maximise(acquire, SPACE, rng=rng(), screen=screen)
        assert (found.starts == 0) == (screen >= SPACE.size)
        assert found.composition == pytest.approx([0.37, 0.4, 0.12, 0.11])
    assert found.gap == 0 and found.evaluations == SPACE.size
    measured = SPACE.sample(50, rng())
    exclude = distinct(measured)
    assert maximise(acquire, SPACE, exclude=measured, rng=rng(), screen=SPACE.size - len(exclude)).starts == 0
    assert maximise(acquire, SPACE, exclude=measured, rng=rng(), screen=SPACE.size - len(exclude) - 1).starts > 0


@pytest.mark.parametrize("n_elements", range(2, 13))
def test_suggestions_are_feasible_and_new_in_any_space(n_elements):
    tried = 0
    for seed in range(3):
        space = random_space(seed, n_elements, 0.001)
        if space.size <= 200:
            continue
        tried += 1
        measured, acquire = log_ei_state(seed, space, ("mean:VEC", "max:R"), n=15)
        found = maximise(acquire, space, exclude=measured, rng=rng(seed), screen=100, starts_per_element=2)
        assert found.starts and space.contains(found.counts) and not rows(measured) & rows([found.counts])
        assert found.value >= values(acquire, space, space.sample(200, rng(seed + 50))).max() - 1e-9
    assert tried


@pytest.mark.parametrize("space", [SPACE, SEVEN])
def test_no_gradient_is_needed(space):
    """A staircase, in numbers that torch does not follow: exchanges alone reach its highest stair."""
    target = np.array([0.37, 0.36, 0.14, 0.13] if space is SPACE else [0.21, 0.2, 0.15, 0.14, 0.1, 0.1, 0.1])

    def stairs(c):
        return torch.as_tensor(-np.floor(np.abs(c.detach().numpy() - target).sum(-1) * 20))

    found = maximise(stairs, space, rng=rng(), screen=256)
    assert space.contains(found.counts) and found.value == stairs(torch.from_numpy(target)).item() == 0
    assert found.moved == 0 and found.warning == f"100% of {found.starts} starts did not move."


@pytest.mark.parametrize("height", [-np.inf, 0.0, 7.0])
def test_any_new_composition_will_do_on_a_plain(height):
    measured = SPACE.sample(20, rng())
    for space in (SPACE, SEVEN):
        exclude = measured if space is SPACE else space.sample(20, rng())
        found = maximise(lambda c: c.sum(-1) * 0 + height, space, exclude=exclude, rng=rng(), screen=256)
        assert space.contains(found.counts) and not rows(exclude) & rows([found.counts])
        assert found.value == height and found.moved == 0 and found.warning.startswith("100% of")


def test_raw_improvement_far_below_the_best_is_warned_of():
    """EI underflows to 0 and its gradient with it. The same state in log EI moves, as does a hill 1e-200 high."""
    _, surrogate = state(2, n=40)
    far = surrogate.targets.max() + 100
    raw = maximise(ei(surrogate, far), SPACE, rng=rng(), screen=256)
    assert raw.value == 0 and raw.moved < 0.5 and raw.warning == f"{1 - raw.moved:.0%} of 32 starts did not move."
    for acquire in (log_ei(surrogate, far), ucb(surrogate), lambda c: 1e-200 * ucb(surrogate)(c)):
        moving = maximise(acquire, SPACE, rng=rng(), screen=256)
        assert moving.moved > 0.5 and moving.warning == ""


def test_the_unit_of_the_values_does_not_matter():
    measured, acquire = log_ei_state(9)
    plain = maximise(acquire, SPACE, exclude=measured, rng=rng(), screen=256)
    for power in (-100, 60):
        scaled = maximise(lambda c, p=power: acquire(c) * 2.0**p, SPACE, exclude=measured, rng=rng(), screen=256)
        assert scaled.counts.tolist() == plain.counts.tolist() and scaled.value == plain.value * 2.0**power
        assert (scaled.moved, scaled.evaluations) == (plain.moved, plain.evaluations)


# Jumps


def on(support, n: int):
    """Whether exactly the elements of `support` are present: (...) of (..., n)."""
    wanted = torch.tensor([i in support for i in range(n)])
    return lambda c: ((c > 1e-5) == wanted).all(-1)


@pytest.mark.parametrize(
    ("target", "bonus"),
    [
        ((0.453, 0.449, 0.098, 0.0), lambda c: 0.5 * (c[..., 3] > 1e-5)),  # its first step pays, all others cost
        ((0.45, 0.42, 0.05, 0.08), lambda c: 0.8 * (c[..., 2] < 1e-5)),  # five steps down before the jump up
        ((0.38, 0.38, 0.12, 0.12), lambda c: 9.0 * on((0, 1), 4)(c)),  # only an edge, far from the hill
        ((0.38, 0.38, 0.12, 0.12), lambda c: 9.0 * on((0, 1, 2), 4)(c)),
    ],
)
def test_the_maximum_on_another_face_is_found(target, bonus):
    space = replace(SPACE, groups=())
    hill = peak(target)

    def acquire(c):
        return hill(c) + bonus(c)

    counts = grid(space)
    heights = values(acquire, space, counts)
    on_hill = counts[values(hill, space, counts).argmax()]
    best = counts[heights.argmax()]
    assert ((best > 0) != (on_hill > 0)).any()  # or the test shows nothing
    for seed in range(5):
        assert maximise(acquire, space, rng=rng(seed), screen=256).counts.tolist() == best.tolist()


def test_a_face_of_eight_elements_is_found_by_its_support():
    """Only alloys of just these three gain; the hill for all the others lies in the middle of the space."""
    space = CompositionSpace(METALS[:8], [0] * 8, [0.6] * 8, step=0.01)
    target = (0.28, 0.02, 0.05, 0.31, 0.08, 0.16, 0.05, 0.05)
    acquire = lambda c: peak(target)(c) + 20.0 * on((0, 3, 5), 8)(c)  # noqa: E731
    face = CompositionSpace([METALS[i] for i in (0, 3, 5)], [0.01] * 3, [0.6] * 3, step=0.01)
    expected = values(peak([target[i] for i in (0, 3, 5)]), face, grid(face)).max()
    expected += 20 - 100 * sum(target[i] ** 2 for i in (1, 2, 4, 6, 7))
    for seed in range(3):
        found = maximise(acquire, space, rng=rng(seed))
        assert found.value == pytest.approx(expected, rel=1e-9)


def test_every_other_start_keeps_its_support():
    space = CompositionSpace(METALS[:4], [0] * 4, [0.7] * 4, step=0.01)
    starts = np.array([[50, 50, 0, 0], [50, 50, 0, 0], [0, 30, 70, 0], [0, 30, 70, 0]])
    limits, (lower, upper) = space.polytope(), module.support(space, starts)
    assert ((lower > 0) == (starts > 0)).all() and ((upper > 0) == (starts > 0)).all()
    assert (lower >= limits.lower).all() and (upper <= limits.upper).all()
    assert (lower <= starts / 100).all() and (starts / 100 <= upper).all()
    ends, moved, _ = module.ascend(peak((0.2, 0.4, 0.0, 0.4)), space, Projection(space), starts)
    supports = rows(ends.points > 1e-9)
    assert moved.all() and {(True, True, False, False), (False, True, True, False)} <= supports
    assert ends.points[0] == pytest.approx([0.2, 0.4, 0, 0.4], abs=1e-3)  # a free one reaches the summit's face
    bounds = module.support(space, np.array([[1, 1, 28, 70]]))
    (kept,) = climb(peak((0.2, 0.4, 0.0, 0.4)), space, np.array([[0.01, 0.01, 0.28, 0.7]]), *bounds).points
    assert kept == pytest.approx(np.array([0.2, 0.4, 0.0, 0.4]) + np.array([-1, -1, 3, -1]) / 300)  # keeps a step


# Among many elements

SIX = STATES[5][0]
TWELVE = CompositionSpace(METALS, [0] * 12, [0.5] * 12, step=0.001)


def test_starts_beside_the_best_measured_ascend_to_the_end():
    """Also those that end below all others: they come after these."""
    measured, centres = SIX.sample(200, rng()), SIX.sample(5, rng(1))
    near = module.beside(SIX, centres, measured, 400, rng(2))  # so many draws that some repeat or are measured
    drawn = around(SIX, centres, 800, rng(2))
    assert rows(near) == rows(drawn) - rows(measured) and len(near) == len(rows(near)) < len(drawn)
    assert len(module.beside(TWELVE, TWELVE.sample(5, rng()), np.empty((0, 12), dtype=np.int64), 7, rng(2))) <= 7
    assert len(module.beside(SIX, centres[:0], measured, 7, rng(2))) == 0

    far = np.array([[0, 0, 0, 500, 500] + [0] * 7])
    low_plain = lambda c: torch.where(c[..., 3] + c[..., 4] > 0.9, -1.0, 0.0)  # noqa: E731
    starts = np.concatenate([far, TWELVE.sample(40, rng(2))])
    without, _, _ = module.ascend(low_plain, TWELVE, Projection(TWELVE), starts)
    ends, _, _ = module.ascend(low_plain, TWELVE, Projection(TWELVE), starts, kept=1)
    assert without.values.min() == 0
    assert ends.values.tolist() == [*without.values, -1] and (ends.points[-1] == far / 1000).all()


@pytest.mark.parametrize("groups", [(), (Group(METALS[:3], upper=0.6, lower=0.3),)])
def test_replacements_are_all_swaps_of_a_present_and_an_absent_element(groups):
    space = CompositionSpace(METALS[:6], [0, 0, 0, 0, 0.1, 0], [0.5, 0.5, 0.5, 0.2, 0.5, 0.5], step=0.1, groups=groups)
    centres = np.array([[3, 0, 2, 0, 2, 3], [4, 0, 1, 0, 5, 0], [3, 2, 1, 1, 2, 1]])
    expected = set()
    for row in centres[space.contains(centres)]:
        for gives, takes in product(range(6), repeat=2):
            if row[gives] > 0 and row[takes] == 0:
                swapped = row.copy()
                swapped[takes], swapped[gives] = row[gives], 0
                expected |= rows(swapped[None]) if space.contains(swapped) else set()
    found = module.replacements(space, centres)
    assert expected and rows(found) == expected and len(found) == len(expected)
    assert len(module.replacements(space, centres[2:])) == 0  # nothing is absent


def test_a_maximum_behind_a_swap_is_found():
    """Two elements do not go together, and the one that is absent is the better one: no exchange of a part pays."""
    target = torch.tensor([0.3, 0.3, 0.1, 0.3] + [0.0] * 8, dtype=torch.float64)

    def acquire(c):
        merged = torch.cat([c[..., :3], c[..., 3:4] + c[..., 4:5], torch.zeros_like(c[..., :1]), c[..., 5:]], -1)
        return -30 * (merged - target).pow(2).sum(-1) - 200 * c[..., 3] * c[..., 4] + c[..., 4]

    start = np.array([[300, 300, 100, 300] + [0] * 8])
    counts, heights, _, _ = exchange(
        acquire, TWELVE, start, values(acquire, TWELVE, start), start[:0], rng(), rounds=60
    )
    assert heights.max() < 0.01 and counts[0, 4] == 0  # or the test shows nothing
    reached, evaluations, gradients = module.elsewhere(acquire, TWELVE, Projection(TWELVE), start, start[:0], rng())
    assert values(acquire, TWELVE, reached).max() > 0.29 and evaluations > gradients > 0
    recorder = Recorder(acquire)
    spent = module.elsewhere(recorder, TWELVE, Projection(TWELVE), start, start[:0], rng())[1:]
    assert spent == (len(recorder.points), recorder.with_gradient)
    found = maximise(acquire, TWELVE, rng=rng())
    assert found.counts[3] == 0 and found.value > 0.3


def nowhere(acquire, space, project, counts, exclude, rng):
    """In place of `elsewhere`: nothing."""
    return counts, 0, 0


@pytest.mark.parametrize("seed", range(4))
def test_ascent_needs_replacements_where_a_swap_pays_only_after_a_climb(monkeypatch, seed):
    """A hill all over the space, 0 on its top, and one of height 1 for the alloys of just five elements: those of the
    top but one. Right after the swap all is worse; random compositions have just these five hardly ever."""
    first = torch.tensor([0.3, 0.25, 0.2, 0.15, 0.1, 0, 0, 0, 0, 0], dtype=torch.float64)
    second = torch.tensor([0.15, 0.15, 0.2, 0.2, 0, 0, 0, 0.3, 0, 0], dtype=torch.float64)
    only = on((0, 1, 2, 3, 7), 10)

    def acquire(c):
        hill = -10 * (c - first).square().sum(-1)
        return torch.where(only(c), 1 - 60 * (c - second).square().sum(-1), hill)

    space = CompositionSpace(METALS[:10], [0] * 10, [0.6] * 10, step=0.01)
    swapped = space.counts(first[[0, 1, 2, 3, 7, 5, 6, 4, 8, 9]].numpy())
    assert values(acquire, space, swapped[None]) < -1  # or the test shows nothing
    found = maximise(acquire, space, rng=rng(seed))
    assert found.value == 1 and found.counts.tolist() == space.counts(second.numpy()).tolist()
    monkeypatch.setattr(module, "elsewhere", nowhere)
    assert maximise(acquire, space, rng=rng(seed)).value < 0.5


@pytest.mark.parametrize("seed", range(2))
def test_ascent_needs_to_follow_a_ridge_that_is_narrower_than_a_step(monkeypatch, seed):
    """0 at a grid composition; beside the ridge through it the function bends down 1e4 times as much as along it."""
    space = CompositionSpace(METALS[:8], [0] * 8, [0.6] * 8, step=0.02)
    summit, across = space.sample(1, rng(100 + seed))[0], torch.tensor(rng(seed).normal(size=(2, 8)))
    top = torch.tensor(space.fractions(summit))

    def acquire(c):
        return -1e4 * ((c - top) @ across.T).square().sum(-1) - (c - top).square().sum(-1)

    found = max((maximise(acquire, space, rng=rng(draw)) for draw in range(3)), key=lambda one: one.value)
    assert found.value == 0 and found.counts.tolist() == summit.tolist()
    monkeypatch.setattr(module, "follow", lambda acquire, space, known, values, *_, rounds: (known, values, 0, 0))
    assert max(maximise(acquire, space, rng=rng(draw)).value for draw in range(3)) < -0.01


def test_ascent_needs_to_draw_around_the_best_where_no_exchange_leads_on(monkeypatch):
    """A hill, 2 lower but where three elements have multiples of 17 steps: no exchange leads from one of these to the
    next, and neither does the gradient."""
    space = CompositionSpace(METALS[:4], [0] * 4, [1] * 4, step=0.001)
    summit = np.array([304, 255, 213, 228])
    top = torch.tensor(space.fractions(summit))

    def acquire(c):
        steps = (c[..., :3] * space.total).round()
        return -(c - top).square().sum(-1) - 2 * (steps % 17 != 0).any(-1)

    beside = np.array(list(product(*([17 * (n // 17), 17 * (n // 17) + 17] for n in summit[:3]))))
    best = values(acquire, space, np.column_stack([beside, space.total - beside.sum(1)])).max()
    reached = [maximise(acquire, space, rng=rng(seed)).value for seed in range(8)]
    assert reached == pytest.approx([best] * 8, abs=1e-12)
    monkeypatch.setattr(module, "AGAIN", 0)
    assert sum(maximise(acquire, space, rng=rng(seed)).value < best - 1e-4 for seed in range(8)) >= 3


def test_elsewhere_of_nothing_is_nothing():
    start = TWELVE.sample(3, rng())
    reached, evaluations, gradients = module.elsewhere(
        peak([0.1] * 12), TWELVE, Projection(TWELVE), start, start, rng()
    )
    assert (len(reached), evaluations, gradients) == (0, 0, 0)


# Certificates


def test_a_certificate_compares_with_enumeration():
    for seed in range(3):
        measured, acquire = log_ei_state(seed)
        ask = dict(exclude=measured, screen=256)
        found = maximise(acquire, SPACE, rng=rng(seed), certificate=True, **ask)
        plain = maximise(acquire, SPACE, rng=rng(seed), **ask)
        assert found.gap == 0 and found.warning == "" and np.isnan(plain.gap)
        assert found.counts.tolist() == plain.counts.tolist() and found.value == plain.value
        assert found.evaluations == plain.evaluations + SPACE.size and found.gradients == plain.gradients


def test_a_crippled_search_is_found_out(monkeypatch):
    def idle(acquire, space, counts, exclude, rng):
        return Suggestion(counts[-1], space.fractions(counts[-1]), score(acquire, space, counts[-1:])[0], 1)

    monkeypatch.setattr(module, "finish", idle)
    measured, acquire = log_ei_state(1)
    best = maximise(acquire, SPACE, "enumeration", exclude=measured)
    found = maximise(acquire, SPACE, exclude=measured, rng=rng(), screen=256, certificate=True)
    assert found.gap == best.value - found.value > 0
    there = dict(zip(SPACE.elements, best.composition.tolist(), strict=True))
    assert found.warning == f"Enumeration finds {found.gap:.3g} more, at {there}."

    hill = peak((0.371, 0.402, 0.118, 0.109))
    stuck = maximise(lambda c: hill(c.detach()), SPACE, rng=rng(), screen=256, certificate=True)
    assert stuck.gap > 0
    assert stuck.warning.startswith("100% of 32 starts did not move. Enumeration finds ")


def test_huge_grids_get_no_certificate():
    space = CompositionSpace(METALS, [0] * 12, [0.5] * 12)
    calls = []
    with pytest.raises(ValueError, match=rf"No certificate: the grid has {space.size} compositions, 100000000 can"):
        maximise(calls.append, space, rng=rng(), certificate=True)
    assert not calls  # refused before any work


# The finish, shared with peers


def test_the_finish_starts_afresh_where_everything_it_gets_is_measured():
    measured, acquire = log_ei_state(3)
    found = module.finish(acquire, SPACE, measured, measured, rng())
    best = maximise(acquire, SPACE, "enumeration", exclude=measured)
    assert found.counts.tolist() == best.counts.tolist() and found.value == pytest.approx(best.value, rel=1e-9)


@pytest.mark.parametrize("space", [SPACE, SEVEN])
def test_the_finish_never_ends_below_what_it_was_given(space):
    measured, acquire = log_ei_state(4, space)
    for seed in range(3):
        given = space.sample(5, rng(seed))
        given = given[unmeasured(given, measured)]
        recorder = Recorder(acquire)
        found = module.finish(recorder, space, given, measured, rng(seed))
        assert found.value >= values(acquire, space, given).max() - 1e-12
        assert found.evaluations == len(recorder.points)
        assert space.contains(found.counts) and not rows(measured) & rows([found.counts])


# Found by testing


@pytest.mark.parametrize("features", [JUMPING, ("mean:VEC", "mismatch:R", "mean:MT")])
def test_ascent_finds_the_enumerated_maximum_among_six_elements(features):
    missed = []
    for seed in range(30):
        measured, acquire = log_ei_state(seed, SIX, features)
        best = maximise(acquire, SIX, "enumeration", exclude=measured)
        found = maximise(acquire, SIX, exclude=measured, rng=rng(seed))
        if found.value < best.value - np.log(1.01):
            missed.append((seed, found.value, best.value))
    assert len(missed) <= 1, missed


def test_nan_is_refused_by_ascent_itself():
    def broken(c):
        return torch.where(c[..., 0] > 0.4, c.sum(-1) * torch.nan, c.sum(-1))

    with pytest.raises(FloatingPointError, match=r"NaN at \{'Ti'"):
        maximise(broken, SPACE, rng=rng(), screen=256)


def test_all_gradients_are_counted_among_many_elements():
    recorder = Recorder(log_ei_state(8, SEVEN)[1])
    found = maximise(recorder, SEVEN, rng=rng(), screen=300)
    assert found.gradients == recorder.with_gradient


@pytest.mark.parametrize("flat", [lambda c: c.sum(-1), lambda c: (0.1 * c).sum(-1)])
def test_a_function_of_the_sum_is_flat(flat):
    starts = SPACE.sample_continuous(9, rng())
    ends = climb(flat, SPACE, starts)
    assert (ends.batches, ends.gradients) == (1, 9) and (ends.points == starts).all()


def test_a_multiple_of_the_sum_changes_no_path():
    hill, starts = peak((0.4, 0.4, 0.1, 0.1)), SPACE.sample_continuous(9, rng())
    recorder = Recorder(lambda c: hill(c) + 1e8 * c.sum(-1))
    climb(recorder, SPACE, starts, batches=20)
    assert np.abs(recorder.points.sum(1) - 1).max() < 1e-12


def test_a_screen_of_measured_compositions_only():
    counts = rng(1).permutation(grid(SPACE))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(3):
            left = counts[-12:]
            found = maximise(peak([0.25] * 4), SPACE, exclude=counts[:-12], rng=rng(seed), screen=8)
            assert rows([found.counts]) <= rows(left) and "nan" not in found.warning
            assert found.value == values(peak([0.25] * 4), SPACE, left).max()


@pytest.mark.parametrize("screen", [1, 2, 3])
@pytest.mark.parametrize("n_elements", [5, 10])
def test_a_screen_of_next_to_none_is_no_reason_to_enumerate(n_elements, screen):
    space = CompositionSpace(METALS[:n_elements], [0] * n_elements, [1] * n_elements, step=0.01)
    target = np.arange(n_elements) / sum(range(n_elements))
    recorder = Recorder(peak(target))
    found = maximise(recorder, space, rng=rng(), screen=screen)
    assert len(recorder.points) == found.evaluations < space.size / 10
    assert np.abs(found.composition - target).max() < space.step
