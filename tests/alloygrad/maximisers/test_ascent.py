"""`ascent` against brute force on small grids, what each of its stages is needed for, and its diagnosis.

Grids here are larger than the `screen` that is passed, so that nothing is enumerated on the sly.
"""

import random
from importlib import import_module
from itertools import product

import numpy as np
import pytest
import torch
from hills import (
    JUMPING,
    METALS,
    SEVEN,
    SMOOTH,
    SPACE,
    TWELVE,
    Recorder,
    descending,
    grid,
    log_ei_state,
    on,
    peak,
    rng,
    rows,
    state,
    values,
    whole,
)
from toys import redeclared

from alloygrad.acquisition.analytic import ei, log_ei, ucb
from alloygrad.maximisers import Suggestion, maximise
from alloygrad.maximisers.candidates import around
from alloygrad.maximisers.exchange import distinct, unmeasured
from alloygrad.maximisers.options import DEFAULTS
from alloygrad.maximisers.projection import Projection, support
from alloygrad.maximisers.spectral import spectral
from alloygrad.maximisers.suggestion import score
from alloygrad.spaces.composition import CompositionSpace, Group

module = import_module("alloygrad.maximisers.ascent")  # its name in the package is the function

SIX = CompositionSpace.from_fractions(METALS[:6], [0] * 6, [0.5, 0.5, 0.4, 0.3, 0.3, 0.2], step=0.05)
STATES = (
    (CompositionSpace.from_fractions(METALS[:3], [0] * 3, [0.7, 0.6, 0.5], step=0.005), JUMPING[1:]),
    (SPACE, JUMPING),
    (SPACE, SMOOTH),
    (CompositionSpace.from_fractions(METALS[:4], [0] * 4, [0.6, 0.6, 0.4, 0.4], step=0.025), JUMPING),
    (CompositionSpace.from_fractions(METALS[:5], [0] * 5, [0.6, 0.6, 0.4, 0.4, 0.3], step=0.05), JUMPING),
)


def search(acquire, space=SPACE, seed: int = 0, exclude=None, **options) -> Suggestion:
    """An ascent from a screen that no grid here is smaller than."""
    return maximise(acquire, space, exclude=exclude, rng=rng(seed), options={"screen": 256, **options})


# Against brute force


@pytest.mark.parametrize(
    ("some", "options", "seeds"),
    [(STATES, {"starts_per_element": 16}, 50), ([(SIX, JUMPING), (SIX, SMOOTH)], {}, 16)],
    ids=["few elements", "six elements"],
)
def test_ascent_finds_the_enumerated_maximum(some, options, seeds):
    """Random states, formulas that jump, the measured left out. One miss would be forgiven."""
    missed = []
    for seed in range(seeds):
        space, features = some[seed % len(some)]
        measured, acquire = log_ei_state(seed, space, features)
        counts, heights = descending(acquire, space)
        best = heights[unmeasured(counts, measured)][0]
        found = search(acquire, space, seed, measured, **options)
        assert found.starts > 0 and space.contains(found.counts) and not rows(measured) & rows([found.counts])
        assert found.value <= best + 1e-9
        if found.value < best - (1e-9 if options else np.log(1.01)):
            missed.append((seed, found.value, best))
    assert len(missed) <= 1, missed


# What it says of itself


@pytest.mark.parametrize("space", [SPACE, SEVEN])
def test_the_generator_passed_in_is_the_only_one(space):
    measured, acquire = log_ei_state(7, space)

    def globally():
        return str((np.random.get_state(), torch.get_rng_state().tolist(), random.getstate()))  # noqa: NPY002

    first, before = search(acquire, space, 3, measured), globally()
    second = search(acquire, space, 3, measured)
    assert globally() == before
    for name in ("value", "evaluations", "gradients", "starts", "moved", "warning", "method"):
        assert getattr(first, name) == getattr(second, name)
    assert first.counts.tolist() == second.counts.tolist()
    assert search(acquire, space, 4, measured).evaluations != first.evaluations  # the seed does matter


@pytest.mark.parametrize("space", [SPACE, SEVEN, whole(8)])
def test_the_record_counts_what_was_evaluated(space):
    measured, acquire = log_ei_state(8, space)
    recorder = Recorder(acquire)
    found = search(recorder, space, 0, measured, screen=300, starts_per_element=5)
    assert found.evaluations == len(recorder.points)
    assert found.starts == 5 * len(space.elements) < found.gradients == recorder.with_gradient
    assert (found.moved >= 0.5) == (found.warning == "") and found.method == "ascent" and np.isnan(found.gap)
    limits = space.polytope()
    assert (recorder.points >= limits.lower - 1e-12).all() and (recorder.points <= limits.upper + 1e-12).all()
    assert np.abs(recorder.points.sum(1) - 1).max() < 1e-12


FRUGAL = {
    **{"screen": 120, "least_starts": 30, "starts_per_element": 3, "batches": 4, "best_batches": 4, "least_best": 9},
    **{"best_one_in": 9, "climbers": 5, "rounds": 2, "short_climbs": 8, "short_rounds": 2, "replaced": 1},
    **{"replacements": 6, "replacement_batches": 3, "replacement_climbs": 4, "nearby_rounds": 3, "nearby_draws": 40},
    **{"patience": 1, "polished": 4, "polish_batches": 2, "ridge_rounds": 1, "ridge_batches": 3, "ridge_sums": 50},
    **{"ridge_climbers": 1, "ridge_depth": 2, "ridge_given": 6, "ridge_beam": 2},
}
"""So little that every limit binds."""

OTHERS = {
    **{"screen": 160, "starts_per_element": 9, "certificate": None, "min_distance": 0.3, "best_one_in": 2, "memory": 1},
    **{"longest_step": 0.01, "exchange_sizes": (1, 3), "all_pairs": 8, "nearby_rounds": 0, "patience": 3},
    "ridge_sizes": (1, 3),
}
"""In place of one more."""


def test_every_option_makes_another_search():
    space, waves = whole(8, 0.002), torch.tensor(rng().normal(size=(8, 5)) * 6)

    def spent(**options):
        found = search(lambda c: torch.sin(c @ waves).sum(-1), space, exclude=space.sample(9, rng()), **options)
        return found.evaluations, found.gradients, found.counts.tolist()

    plain, without_effect = spent(**FRUGAL), []
    for name, default in vars(DEFAULTS).items():
        value = OTHERS[name] if name in OTHERS else FRUGAL.get(name, default) + 1
        if value is not None and spent(**FRUGAL | {name: value}) == plain:
            without_effect.append(name)
    assert not without_effect


def test_small_grids_are_enumerated():
    acquire = peak((0.371, 0.402, 0.118, 0.109))
    for screen in (SPACE.size - 1, SPACE.size):
        found = search(acquire, screen=screen)
        assert (found.starts == 0) == (screen >= SPACE.size)
        assert found.composition == pytest.approx([0.37, 0.4, 0.12, 0.11])
    assert found.gap == 0 and found.evaluations == SPACE.size
    measured = SPACE.sample(50, rng())
    left = SPACE.size - len(distinct(measured))
    assert search(acquire, exclude=measured, screen=left).starts == 0
    assert search(acquire, exclude=measured, screen=left - 1).starts > 0


@pytest.mark.parametrize("screen", [1, 2, 3])
@pytest.mark.parametrize("n_elements", [5, 10])
def test_a_screen_of_next_to_none_is_no_reason_to_enumerate(n_elements, screen):
    target = np.arange(n_elements) / sum(range(n_elements))
    recorder, space = Recorder(peak(target)), whole(n_elements)
    found = search(recorder, space, screen=screen)
    assert len(recorder.points) == found.evaluations < space.size / 10
    assert np.abs(found.composition - target).max() < space.step


@pytest.mark.parametrize("space", [SPACE, SEVEN])
def test_no_gradient_is_needed(space):
    """A staircase, in numbers that torch does not follow: exchanges alone reach its highest stair."""
    target = np.array([0.37, 0.36, 0.14, 0.13] if space is SPACE else [0.21, 0.2, 0.15, 0.14, 0.1, 0.1, 0.1])

    def stairs(c):
        return torch.as_tensor(-np.floor(np.abs(c.detach().numpy() - target).sum(-1) * 20))

    found = search(stairs, space)
    assert space.contains(found.counts) and found.value == stairs(torch.from_numpy(target)).item() == 0
    assert found.moved == 0 and found.warning == f"100% of {found.starts} starts did not move."


def test_raw_improvement_far_below_the_best_is_warned_of():
    """EI underflows to 0 and its gradient with it. The same state in log EI moves, as does a hill 1e-200 high."""
    _, surrogate = state(2, n=40)
    far = surrogate.targets.max() + 100
    raw = search(ei(surrogate, far))
    assert raw.value == 0 and raw.moved < 0.5 and raw.warning == f"{1 - raw.moved:.0%} of 32 starts did not move."
    for acquire in (log_ei(surrogate, far), ucb(surrogate), lambda c: 1e-200 * ucb(surrogate)(c)):
        moving = search(acquire)
        assert moving.moved > 0.5 and moving.warning == ""


def test_the_unit_of_the_values_does_not_matter():
    """Powers of two scale floating-point numbers exactly: the same search to the last bit."""
    measured, acquire = log_ei_state(9)
    plain = search(acquire, exclude=measured)
    for power in (-100, 60):
        scaled = search(lambda c, p=power: acquire(c) * 2.0**p, exclude=measured)
        assert scaled.counts.tolist() == plain.counts.tolist() and scaled.value == plain.value * 2.0**power
        assert (scaled.moved, scaled.evaluations) == (plain.moved, plain.evaluations)


# Jumps


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
    space, hill = redeclared(SPACE, groups=()), peak(target)
    acquire = lambda c: hill(c) + bonus(c)  # noqa: E731
    counts = grid(space)
    on_hill = counts[values(hill, space, counts).argmax()]
    best = counts[values(acquire, space, counts).argmax()]
    assert ((best > 0) != (on_hill > 0)).any()  # or the test shows nothing
    for seed in range(5):
        assert search(acquire, space, seed).counts.tolist() == best.tolist()


def test_every_other_start_keeps_its_support():
    space, hill = whole(4, upper=0.7), peak((0.2, 0.4, 0.0, 0.4))
    project, options = Projection(space), DEFAULTS.resolved(4)
    starts = np.array([[50, 50, 0, 0], [50, 50, 0, 0], [0, 30, 70, 0], [0, 30, 70, 0]])
    lower, upper = support(space, starts)
    assert ((lower > 0) == (starts > 0)).all() and ((upper > 0) == (starts > 0)).all() and (upper <= 0.7).all()
    assert (lower <= starts / 100).all() and (starts / 100 <= upper).all()
    ends, moved, _ = module.ascend(hill, space, project, starts, options)
    supports = rows(ends.points > 1e-9)
    assert moved.all() and {(True, True, False, False), (False, True, True, False)} <= supports
    assert ends.points[0] == pytest.approx([0.2, 0.4, 0, 0.4], abs=1e-3)  # a free one reaches the summit's face
    start = np.array([[1, 1, 28, 70]])
    (kept,) = spectral(hill, project, start / 100, *support(space, start), tolerance=1e-9, batches=3000).points
    assert kept == pytest.approx(np.array([0.2, 0.4, 0.0, 0.4]) + np.array([-1, -1, 3, -1]) / 300)  # keeps a step


# Among many elements


def test_starts_beside_the_best_measured_ascend_to_the_end():
    """Also those that end below all others: they come after these."""
    options, project = DEFAULTS.resolved(12), Projection(TWELVE)
    measured, centres = SIX.sample(200, rng()), SIX.sample(5, rng(1))
    near = module.beside(SIX, centres, measured, 400, rng(2), options)  # so many that some repeat or are measured
    drawn = around(SIX, centres, 800, rng(2))
    assert rows(near) == rows(drawn) - rows(measured) and len(near) == len(rows(near)) < len(drawn)
    far = np.array([[0, 0, 0, 500, 500] + [0] * 7])
    low_plain = lambda c: torch.where(c[..., 3] + c[..., 4] > 0.9, -1.0, 0.0)  # noqa: E731
    starts = np.concatenate([far, TWELVE.sample(40, rng(2))])
    without, _, _ = module.ascend(low_plain, TWELVE, project, starts, options)
    ends, _, _ = module.ascend(low_plain, TWELVE, project, starts, options, kept=1)
    assert without.values.min() == 0
    assert ends.values.tolist() == [*without.values, -1] and (ends.points[-1] == far / 1000).all()


@pytest.mark.parametrize("groups", [(), (Group(METALS[:3], upper=0.6, lower=0.3),)])
def test_replacements_are_all_swaps_of_a_present_and_an_absent_element(groups):
    space = CompositionSpace.from_fractions(
        METALS[:6], [0, 0, 0, 0, 0.1, 0], [0.5, 0.5, 0.5, 0.2, 0.5, 0.5], step=0.1, groups=groups
    )
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

    space = whole(10, upper=0.6)
    swapped = space.counts(first[[0, 1, 2, 3, 7, 5, 6, 4, 8, 9]].numpy())
    assert values(acquire, space, swapped[None]) < -1  # or the test shows nothing
    found = maximise(acquire, space, rng=rng(seed))
    assert found.value == 1 and found.counts.tolist() == space.counts(second.numpy()).tolist()
    monkeypatch.setattr(module, "elsewhere", lambda acquire, space, project, counts, *_: (counts, 0, 0))
    assert maximise(acquire, space, rng=rng(seed)).value < 0.5


@pytest.mark.parametrize("seed", range(2))
def test_ascent_needs_to_follow_a_ridge_that_is_narrower_than_a_step(seed):
    """0 at a grid composition; beside the ridge through it the function bends down 1e4 times as much as along it."""
    space = whole(8, 0.02, 0.6)
    summit, across = space.sample(1, rng(100 + seed))[0], torch.tensor(rng(seed).normal(size=(2, 8)))
    top = torch.tensor(space.fractions(summit))

    def acquire(c):
        return -1e4 * ((c - top) @ across.T).square().sum(-1) - (c - top).square().sum(-1)

    found = max((maximise(acquire, space, rng=rng(draw)) for draw in range(3)), key=lambda one: one.value)
    assert found.value == 0 and found.counts.tolist() == summit.tolist()
    without = [maximise(acquire, space, rng=rng(draw), options={"ridge_rounds": 0}).value for draw in range(3)]
    assert max(without) < -0.01


def test_ascent_needs_to_draw_around_the_best_where_no_exchange_leads_on():
    """A hill, 2 lower but where three elements have multiples of 17 steps: no exchange leads from one of these to the
    next, and neither does the gradient."""
    space, summit = whole(4, 0.001), np.array([304, 255, 213, 228])
    top = torch.tensor(space.fractions(summit))

    def acquire(c):
        steps = (c[..., :3] * space.total).round()
        return -(c - top).square().sum(-1) - 2 * (steps % 17 != 0).any(-1)

    beside = np.array(list(product(*([17 * (n // 17), 17 * (n // 17) + 17] for n in summit[:3]))))
    best = values(acquire, space, np.column_stack([beside, space.total - beside.sum(1)])).max()
    reached = [maximise(acquire, space, rng=rng(seed)).value for seed in range(8)]
    assert reached == pytest.approx([best] * 8, abs=1e-12)
    without = [maximise(acquire, space, rng=rng(seed), options={"nearby_rounds": 0}).value for seed in range(8)]
    assert sum(value < best - 1e-4 for value in without) >= 3


# Certificates


def test_a_certificate_compares_with_enumeration():
    for seed in range(3):
        measured, acquire = log_ei_state(seed)
        found = search(acquire, SPACE, seed, measured, certificate=True)
        plain = search(acquire, SPACE, seed, measured)
        assert found.gap == 0 and found.warning == "" and np.isnan(plain.gap)
        assert found.counts.tolist() == plain.counts.tolist() and found.value == plain.value
        assert found.evaluations == plain.evaluations + SPACE.size and found.gradients == plain.gradients


def test_a_crippled_search_is_found_out(monkeypatch):
    def idle(acquire, space, counts, *_):
        return Suggestion(counts[-1], space.fractions(counts[-1]), score(acquire, space, counts[-1:])[0], 1)

    monkeypatch.setattr(module, "finish", idle)
    measured, acquire = log_ei_state(1)
    best = maximise(acquire, SPACE, "enumeration", exclude=measured)
    found = search(acquire, exclude=measured, certificate=True)
    assert found.gap == best.value - found.value > 0
    there = dict(zip(SPACE.elements, best.composition.tolist(), strict=True))
    assert found.warning == f"Enumeration finds {found.gap:.3g} more, at {there}."
    hill = peak((0.371, 0.402, 0.118, 0.109))
    stuck = search(lambda c: hill(c.detach()), certificate=True)
    assert stuck.gap > 0
    assert stuck.warning.startswith("100% of 32 starts did not move. Enumeration finds ")


# Nothing to begin with


def test_where_all_that_is_climbed_from_is_measured_there_is_nothing_elsewhere():
    start, project = TWELVE.sample(3, rng()), Projection(TWELVE)
    reached, *spent = module.elsewhere(peak([0.1] * 12), TWELVE, project, start, start, rng(), DEFAULTS)
    assert (len(reached), *spent) == (0, 0, 0)


def test_the_finish_starts_afresh_where_everything_it_gets_is_measured():
    measured, acquire = log_ei_state(3)
    found = module.finish(acquire, SPACE, measured, measured, rng(), DEFAULTS.resolved(4))
    best = maximise(acquire, SPACE, "enumeration", exclude=measured)
    assert found.counts.tolist() == best.counts.tolist() and found.value == pytest.approx(best.value, rel=1e-9)
