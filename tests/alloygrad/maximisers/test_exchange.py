"""Climbing on the grid: ends are local maxima, and global ones where the function is concave."""

from itertools import product

import numpy as np
import pytest
from hills import (
    BOX,
    GROUPS,
    JUMPING,
    METALS,
    SEVEN,
    SPACE,
    TWELVE,
    Recorder,
    grid,
    log_ei_state,
    peak,
    rng,
    rows,
    values,
    whole,
)

from alloygrad.maximisers.exchange import distinct, exchange, unmeasured
from alloygrad.maximisers.options import DEFAULTS
from alloygrad.maximisers.suggestion import score
from alloygrad.spaces.composition import CompositionSpace, Group

SIZES, ALL_PAIRS = DEFAULTS.exchange_sizes, DEFAULTS.all_pairs


def climb(acquire, space, starts, exclude=None, rounds=300):
    exclude = starts[:0] if exclude is None else exclude
    return exchange(acquire, space, starts, score(acquire, space, starts), exclude, rng(), rounds=rounds)


def neighbours(space, row) -> np.ndarray:
    """What a climber on `row` must beat: exchanges of SIZES (of every other size among many), small changes of few."""
    n, few = len(row), len(row) <= ALL_PAIRS
    unit = np.eye(n, dtype=int)
    sizes = SIZES if few else SIZES[::2]
    moves = [size * (unit[take] - unit[give]) for size in sizes for give, take in product(range(n), repeat=2)]
    if few:
        reach = range(-2, 3) if n <= 4 else range(-1, 2)
        moves += [m for m in product(reach, repeat=n) if sum(m) == 0]
    near = np.asarray(row) + np.array(moves)
    return near[space.contains(near) & (near != row).any(1)]


@pytest.mark.parametrize(
    ("space", "features"),
    [
        (CompositionSpace.from_fractions(METALS[:3], [0] * 3, [0.7, 0.6, 0.5], step=0.005), JUMPING[1:]),
        (SPACE, JUMPING),
        (CompositionSpace.from_fractions(METALS[:5], [0] * 5, [0.6, 0.6, 0.4, 0.4, 0.3], step=0.05), JUMPING),
        (CompositionSpace.from_fractions(METALS[:6], [0] * 6, [0.5, 0.5, 0.4, 0.3, 0.3, 0.2], step=0.05), JUMPING),
    ],
)
def test_a_climber_ends_on_a_local_maximum(space, features):
    """Also where many are measured."""
    measured, acquire = log_ei_state(2, space, features)
    for seed in range(6):
        start = space.sample(1, rng(seed))
        exclude = np.concatenate([measured, space.sample(500, rng(seed + 100))])
        exclude = exclude[(exclude != start).any(1)]
        ends, reached, *_ = climb(acquire, space, start, exclude)
        assert space.contains(ends).all() and not rows(ends) & rows(exclude)
        assert reached == pytest.approx(values(acquire, space, ends), rel=1e-9)
        assert reached >= values(acquire, space, start)
        near = neighbours(space, ends[0])
        near = near[unmeasured(near, exclude)]
        assert len(near) and values(acquire, space, near).max() <= reached[0] + 1e-9


def test_climbers_together_reach_what_they_reach_alone():
    """One that arrives where another has been stops there; the other goes on to the same end."""
    measured, acquire = log_ei_state(3)
    starts = distinct(SPACE.sample(30, rng()))
    starts = starts[unmeasured(starts, measured)]
    before = starts.copy()
    together, reached, evaluations, *_ = climb(acquire, SPACE, starts, measured)
    alone = [climb(acquire, SPACE, start[None], measured) for start in starts]
    assert {tuple(end) for (end,), *_ in alone} <= rows(together)
    assert reached.max() == max(top for _, (top,), *_ in alone)
    assert evaluations < sum(spent for _, _, spent, *_ in alone)
    assert (starts == before).all()


@pytest.mark.parametrize(
    "space",
    [
        whole(3, 0.05, 0.7),
        CompositionSpace.from_fractions(METALS[:4], **BOX, step=0.05, groups=GROUPS),
        CompositionSpace.from_fractions(
            METALS[:4], [0] * 4, [0.6] * 4, step=0.1, groups=(Group(METALS[:3], 0.8), Group(METALS[:2], 0.5))
        ),
        CompositionSpace.from_fractions(
            METALS[:7], [0] * 7, [0.4] * 7, step=0.2, groups=(Group(METALS[:3], 0.6, 0.2),)
        ),
    ],
)
@pytest.mark.parametrize("target", range(2))
def test_every_start_leads_to_the_top_of_a_concave_function(space, target):
    """Separable and concave, under nested sums: no local maximum of single exchanges but the global one."""
    n = len(space.elements)
    acquire = peak(rng(target).dirichlet(np.ones(n)) * 1.2, weights=rng(target + 9).uniform(0.2, 3, size=n))
    counts = grid(space)
    best = values(acquire, space, counts).max()
    for start in counts[:: 1 + len(counts) // 150]:
        assert climb(acquire, space, start[None])[1][0] == pytest.approx(best, abs=1e-12)


def test_pairs_that_the_limits_forbid_promise_nothing():
    """Less of eight absent elements is wanted, and more of a full one; the way up is between three others."""
    space = CompositionSpace.from_fractions(METALS, [0] * 12, [0.25] + [1] * 11, step=0.01)
    acquire = peak([3.0, 0.45, 0.1, 0.2] + [-2.0 * k for k in range(1, 9)])  # 63 pairs promise more than any that fit
    for some in ([25, 5, 60, 10], [25, 0, 0, 75]):
        end, *_ = climb(acquire, space, np.array([some + [0] * 8]))
        assert end.tolist() == [[25, 45, 10, 20] + [0] * 8]


def test_an_element_goes_at_once_where_each_step_of_it_costs():
    """Thirteen steps down before the jump up; no power of two leads there."""
    start = np.array([[40, 30, 17, 13] + [0] * 8])
    hill = peak(start[0] / 100)
    end, height, *_ = climb(lambda c: hill(c) + 9.0 * (c[..., 3] < 1e-5), whole(12, upper=0.6), start)
    assert end[0, 3] == 0 and height[0] > 6


def test_exchanges_end_after_their_rounds_and_count_what_they_evaluate():
    for space in (SPACE, SEVEN, TWELVE):
        acquire = peak([0.1] * len(space.elements))
        starts = space.sample(6, rng())
        for rounds in (0, 1, 3, 500):
            recorder = Recorder(acquire)
            _, _, spent, gradients = exchange(
                recorder, space, starts, score(acquire, space, starts), starts[:0], rng(), rounds=rounds
            )
            assert spent == sum(map(len, recorder.batches)) <= rounds * 6 * 10**3
            assert gradients == recorder.with_gradient


def test_sets_of_compositions_are_python_sets():
    generator = rng()
    for n in (1, 3, 9):
        counts, exclude = generator.integers(3, size=(200, n)), generator.integers(3, size=(30, n))
        expected = [tuple(row) not in rows(exclude) for row in counts.tolist()]
        assert unmeasured(counts, exclude).tolist() == expected
        assert unmeasured(np.asfortranarray(counts)[:, ::-1], exclude[:, ::-1]).tolist() == expected
        assert distinct(counts).tolist() == [list(row) for row in dict.fromkeys(map(tuple, counts.tolist()))]
        assert unmeasured(counts, exclude[:0]).all() and unmeasured(counts[:0], exclude).shape == (0,)
        assert not unmeasured(counts.astype(np.int32), counts).any()
        assert distinct(counts[:0]).shape == (0, n)
