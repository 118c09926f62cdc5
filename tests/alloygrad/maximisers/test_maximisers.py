"""What all maximisers promise, their options, enumeration against brute force, the paper's loop, random search."""

import numpy as np
import pytest
import torch
from hills import (
    BOX,
    GROUPS,
    METALS,
    SEVEN,
    SMOOTH,
    Recorder,
    descending,
    grid,
    log_ei_state,
    peak,
    rng,
    rows,
    state,
    values,
    whole,
)

from alloygrad.acquisition.analytic import ei, log_ei, ucb
from alloygrad.features import elements
from alloygrad.maximisers import METHODS, maximise, names_for
from alloygrad.maximisers.enumeration import LARGEST
from alloygrad.maximisers.options import (
    DEFAULTS,
    AscentOptions,
    EnumerationOptions,
    LatticeOptions,
    RandomOptions,
    SlsqpOptions,
)
from alloygrad.maximisers.slsqp import ROUNDINGS, climb
from alloygrad.spaces.composition import CompositionSpace

ELEMENTS = METALS[:4]
SPACE = CompositionSpace.from_fractions(ELEMENTS, **BOX, step=0.02, groups=GROUPS)
TINY = CompositionSpace.from_fractions(ELEMENTS[:3], (0, 0, 0), (0.4, 0.4, 0.4), step=0.1)
CORNER = peak((0.4, 0.4, 0.2), 1.0)
HILL = peak((0.371, 0.402, 0.118, 0.109))
FEWER = {"ascent": {"screen": 9}, "slsqp": {"starts_per_element": 1}}
"""Options that make a search quick, and an ascent no enumeration."""

ON_GRIDS = names_for(SPACE)


def search(acquire, space, method, seed: int = 0, exclude=None, **options):
    return maximise(acquire, space, method, exclude=exclude, rng=rng(seed), options=options)


def smooth_state(seed: int, space=SPACE, n: int = 12):
    return state(seed, space, SMOOTH, n)


# All of them


@pytest.mark.parametrize("options", [{}, {"screen": 1}])
@pytest.mark.parametrize("method", ON_GRIDS)
def test_what_cannot_be_answered_is_refused(method, options):
    options, measured = options if method in ("ascent", "lattice") else {}, grid(TINY)
    with pytest.raises(ValueError, match=f"all {len(measured)} of the space are"):
        search(CORNER, TINY, method, exclude=np.repeat(measured, 2, axis=0), **options)
    broken = lambda c: torch.where(c[..., 0] > 0.25, c.sum(-1) * torch.nan, c.sum(-1))  # noqa: E731
    with pytest.raises(FloatingPointError, match=r"NaN at \{'Ti': 0\.\d+, 'Ni': .*'Cu'"):
        search(broken, TINY, method, **options)
    with pytest.raises(ValueError, match="shape"):
        search(CORNER, TINY, method, exclude=np.empty((0, 4), dtype=np.int64), **options)
    with pytest.raises(ValueError, match="whole steps"):
        search(CORNER, TINY, method, exclude=measured / 10, **options)
    if method != "enumeration":
        with pytest.raises(ValueError, match=rf"'{method}'; got rng=None\. Pass rng=np\.random\.default_rng"):
            maximise(CORNER, TINY, method, options=options)
    with pytest.raises(ValueError, match=r"one of .*'enumeration'.*; got 'annealing'"):
        maximise(CORNER, TINY, "annealing")


@pytest.mark.parametrize("method", ON_GRIDS)
def test_exclusion_counts_only_what_lies_in_the_space(method):
    """As many foreign compositions as the space has do not fill it; one composition alone is a set of one."""
    every = np.array([[a, b, 10 - a - b] for a in range(11) for b in range(11 - a)])
    many = every[~TINY.contains(every)]
    assert len(np.unique(many, axis=0)) > TINY.size
    best = search(CORNER, TINY, method, exclude=many).counts
    assert best.tolist() == [4, 4, 2]
    assert search(CORNER, TINY, method, exclude=best).counts.tolist() != [4, 4, 2]
    assert search(CORNER, TINY, method, exclude=[]).counts.tolist() == [4, 4, 2]


@pytest.mark.parametrize("method", ON_GRIDS)
@pytest.mark.parametrize("height", [-np.inf, 0.0])
def test_any_new_composition_will_do_on_a_plain(method, height):
    """Regression: nothing beats −inf by comparison alone."""
    if method == "cascade":
        spaces = (TINY,)
    else:
        spaces = (TINY, SPACE, SEVEN) if METHODS[method].draws else (TINY, SPACE)
    for space in spaces:
        options = FEWER.get(method, {}) if space is not TINY else {}
        exclude = space.sample(5, rng())
        found = search(lambda c: c.sum(-1) * 0 + height, space, method, exclude=exclude, **options)
        assert space.contains(found.counts) and not rows([found.counts]) & rows(exclude)
        assert found.value == height and (not found.starts or found.warning.startswith("100% of"))


@pytest.mark.parametrize("method", ON_GRIDS)
@pytest.mark.parametrize("seed", range(3))
def test_suggestions_are_feasible_new_and_repeatable(method, seed):
    measured, surrogate = smooth_state(seed)
    for acquisition in (log_ei, ei):
        acquire = acquisition(surrogate, surrogate.targets.max())
        found, again = (search(acquire, SPACE, method, seed, measured, **FEWER.get(method, {})) for _ in range(2))
        assert found.counts.dtype == np.int64 and SPACE.contains(found.counts)
        assert not (measured == found.counts).all(1).any()
        assert found.composition.tolist() == SPACE.fractions(found.counts).tolist()
        assert found.value == pytest.approx(acquire(found.composition).item(), rel=1e-9, abs=1e-300)
        assert again.counts.tolist() == found.counts.tolist() and again.value == found.value
        assert (again.evaluations, again.gradients) == (found.evaluations, found.gradients)
        assert (found.method, found.seconds > 0) == (method, True)


@pytest.mark.parametrize("k", [1, 5, 40])
@pytest.mark.parametrize("method", ["enumeration", "ascent", "lattice"])
def test_excluding_the_best_k_gives_the_next(method, k):
    options = {} if method == "enumeration" else {"screen": 256}
    _, acquire = log_ei_state(5, SPACE)
    counts, heights = descending(acquire, SPACE)
    exclude = rng().permutation(np.repeat(counts[:k], 2, axis=0))
    found = search(acquire, SPACE, method, exclude=exclude, **options)
    assert found.counts.tolist() == counts[k].tolist() and found.value == pytest.approx(heights[k], rel=1e-9)


@pytest.mark.parametrize("n", [3, 4, 5, 6])
@pytest.mark.parametrize("method", ON_GRIDS)
def test_a_maximiser_asks_for_gradients_where_it_says_so(method, n):
    space, entry = whole(n) if n > 3 else TINY, METHODS[method]
    small = method in ("ascent", "lattice") and n < 5
    for screen in (None, 1, space.size) if small else (None,):
        options = entry.options(**(FEWER.get(method, {}) | ({"screen": screen} if small else {})))
        recorder = Recorder(peak([1 / n] * n, 1.0))
        if method in ("enumeration", "cascade") and n > 4:  # too many to value here
            assert not entry.gradients(space, options)
            continue
        found = maximise(recorder, space, method, rng=rng(), options=options)
        assert entry.gradients(space, options) == (recorder.with_gradient > 0) == (found.gradients > 0)


# Options


@pytest.mark.parametrize("options", [{"starts_per_element": 2.5, "screen": 300}, {"nearby_rounds": 0, "reach": 2}])
def test_a_mapping_and_a_dataclass_are_the_same_options(options):
    measured, acquire = log_ei_state(3, SPACE)
    found = [
        maximise(acquire, SPACE, exclude=measured, rng=rng(), options=given)
        for given in (options, AscentOptions(**options), {**options, "climbers": None})
    ]
    told = [(one.counts.tolist(), one.value, one.evaluations, one.gradients, one.starts) for one in found]
    assert told[0] == told[1] == told[2]


def test_what_depends_on_the_number_of_elements_is_filled_in_and_nothing_else():
    for options in (DEFAULTS, AscentOptions(starts_per_element=2.5, patience=7), LatticeOptions(screen=9)):
        for n in (2, 5, 6, 40):
            resolved = options.resolved(n)
            assert None not in vars(resolved).values() and resolved.resolved(n) == resolved
            assert all(getattr(resolved, name) == value for name, value in vars(options).items() if value is not None)
    assert DEFAULTS.resolved(2) == DEFAULTS.resolved(5) != DEFAULTS.resolved(6) == DEFAULTS.resolved(40)
    assert AscentOptions(starts_per_element=1).resolved(40).least_starts == 1


REFUSED = [
    ("ascent", {"strats_per_element": 3}, r"options of the maximiser 'ascent'; got 'strats_per.* are starts_per_e"),
    ("lattice", {"rng": 0}, r"'lattice'; got 'rng'\. The nearest.* screen=None, climbers=None, nearby_rounds=6"),
    ("random_search", {"screen": 9}, r"'random_search'; got 'screen'\. The nearest.* draws=None"),
    ("ascent", "screen", r"Expected an instance of AscentOptions, a mapping .*, or None as .*; got 'screen'\. Write"),
    ("slsqp", AscentOptions(), r"Expected an instance of SlsqpOptions, .* got AscentOptions\("),
    ("ascent", {"screen": 0}, r"whole number ≥ 1, or None, for the option 'screen' of AscentOptions; got 0\. Correct"),
    ("ascent", {"screen": 2.5}, r"'screen'.*got 2\.5"),
    ("ascent", {"rounds": None}, r"whole number ≥ 1 for the option 'rounds'.*got None\. .* leave it out to use 60"),
    ("ascent", {"rounds": True}, r"'rounds'.*got True"),
    ("ascent", {"nearby_rounds": -1}, r"whole number ≥ 0 .*'nearby_rounds'.*got -1"),
    ("ascent", {"certificate": "yes"}, r"True or False .*'certificate'.*got 'yes'"),
    ("ascent", {"exchange_sizes": [1, 2]}, r"tuple of whole numbers ≥ 1.*'exchange_sizes'.*got \[1, 2\]"),
    ("ascent", {"ridge_sizes": ()}, r"'ridge_sizes'.*got \(\)"),
    ("slsqp", {"starts_per_element": 0}, r"finite number > 0 .*'starts_per_element' of SlsqpOptions; got 0"),
    ("slsqp", {"starts_per_element": np.nan}, "got nan"),
    ("slsqp", {"starts_per_element": 0.1}, r"starts_per_element × 3 elements to round to at least 1 .*got .*0\.1"),
    ("random_search", {"draws": "many"}, "'draws' of RandomOptions; got 'many'"),
    ("enumeration", {"chunk": 0}, "'chunk' of EnumerationOptions; got 0"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "options", "message"), REFUSED)
def test_wrong_options_are_refused_before_any_work(method, options, message):
    calls = []
    with pytest.raises(ValueError, match=message):
        maximise(calls.append, TINY, method, rng=rng(), options=options)
    assert not calls


def test_numbers_of_numpy_are_numbers():
    assert (
        AscentOptions(screen=np.int64(9)) == AscentOptions(screen=9) == AscentOptions(**vars(AscentOptions(screen=9)))
    )
    assert SlsqpOptions(starts_per_element=np.float64(2)).starts_per_element == 2
    assert (RandomOptions().draws, EnumerationOptions().chunk) == (None, 2**17)


# Enumeration


@pytest.mark.parametrize("groups", [(), GROUPS])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("acquisition", [log_ei, ei, ucb])
def test_enumeration_is_brute_force(groups, seed, acquisition):
    space = CompositionSpace.from_fractions(ELEMENTS, **BOX, step=0.025, groups=groups)
    _, surrogate = smooth_state(seed, space)
    acquire = acquisition(surrogate, surrogate.targets.max())
    counts, heights = descending(acquire, space)
    found = maximise(acquire, space, "enumeration")
    assert found.counts.tolist() == counts[0].tolist()
    assert found.value == pytest.approx(heights[0], rel=1e-9)
    assert found.composition == pytest.approx(counts[0] / space.total, abs=0)
    assert (found.method, found.evaluations, found.gradients, found.starts) == ("enumeration", len(counts), 0, 0)
    assert np.isnan(found.moved) and found.warning == ""


@pytest.mark.parametrize("chunk", [7, 100, SPACE.size, 10**6])
def test_enumeration_does_not_depend_on_its_chunks(chunk):
    measured, surrogate = smooth_state(4)
    acquire = log_ei(surrogate, surrogate.targets.max())
    counts, _ = descending(acquire, SPACE)
    recorder = Recorder(acquire)
    found = search(recorder, SPACE, "enumeration", exclude=np.concatenate([measured, counts[:3]]), chunk=chunk)
    assert found.counts.tolist() == next(row for row in counts[3:].tolist() if row not in measured.tolist())
    assert max(map(len, recorder.batches)) <= chunk and len(recorder.points) == SPACE.size == found.evaluations


@pytest.mark.parametrize("chunk", [1, 5, 2**14])
def test_equal_values_go_to_the_first_in_order(chunk):
    space = CompositionSpace.from_fractions(ELEMENTS, **BOX, step=0.05, groups=GROUPS)
    order = np.concatenate(list(space.enumerate()))
    equal = torch.from_numpy(space.fractions(order[3::7]))  # the 4th, 11th, 18th …
    plateau = lambda c: (c[:, None] == equal).all(-1).any(-1).double()  # noqa: E731
    assert len(equal) > 3 and search(plateau, space, "enumeration", chunk=chunk).counts.tolist() == order[3].tolist()


def symbols(n: int) -> tuple[str, ...]:
    return tuple(elements.load().index[:n])


@pytest.mark.parametrize("n", [7, 30])
def test_what_no_time_enumerates_is_refused(n):
    space, calls = CompositionSpace.from_fractions(symbols(n), [0] * n, [1] * n, step=0.01), []
    with pytest.raises(ValueError, match=rf"The grid has {space.size} compositions, {LARGEST} at most.*'ascent'"):
        maximise(calls.append, space, "enumeration")
    with pytest.raises(ValueError, match=rf"No certificate: the grid has {space.size} compositions, {LARGEST} can"):
        search(calls.append, space, "ascent", certificate=True)
    assert space.size > LARGEST and not calls


# The paper's loop


@pytest.mark.parametrize("groups", [(), GROUPS])
@pytest.mark.parametrize("target", [(0.371, 0.402, 0.118, 0.109), (0.5, 0.3, 0.05, 0.15), (0.2, 0.8, 0.0, 0.0)])
def test_slsqp_finds_the_top_of_a_well_scaled_hill(groups, target):
    """Also where it leans on bounds or group limits (the second and third target lie outside them)."""
    space = CompositionSpace.from_fractions(ELEMENTS, **BOX, step=0.005, groups=groups)
    best = maximise(peak(target), space, "enumeration")
    found = search(peak(target), space, "slsqp", 1, starts_per_element=2)
    assert np.abs(found.counts - best.counts).max() <= 1 and found.value <= best.value
    assert found.moved == 1 and found.warning == ""


def test_slsqp_stops_at_its_starts_where_the_acquisition_is_small():
    """ftol = 1e-6: a hill 1e-9 high is flat to SLSQP, and what is left are the starts' roundings."""
    recorder = Recorder(lambda c: 1e-9 * HILL(c))
    found = search(recorder, SPACE, "slsqp")
    assert found.moved == 0 and found.warning == "100% of 80 starts did not move."
    assert found.gradients == recorder.with_gradient == 80
    starts = SPACE.sample_continuous(80, rng())
    candidates = np.unique(np.concatenate([SPACE.roundings(start) for start in starts]), axis=0)
    assert found.counts.tolist() in candidates.tolist()
    assert found.value == recorder.acquire(torch.from_numpy(SPACE.fractions(candidates))).max().item()
    assert found.evaluations == 80 + len(candidates)


def test_slsqp_stops_at_its_starts_on_expected_improvement_and_says_so():
    """The paper's state: EI far below 1e-6 nearly everywhere. The same state in log EI moves."""
    _, surrogate = smooth_state(2, n=40)
    best = surrogate.targets.max() + 2
    raw, logarithm = (search(f(surrogate, best), SPACE, "slsqp", starts_per_element=5) for f in (ei, log_ei))
    assert raw.moved < 0.2 and raw.warning.endswith("of 20 starts did not move.")
    assert logarithm.moved > 0.8 and logarithm.warning == ""


def test_roundings_of_starts_are_candidates():
    """A needle on a rounding of one start, invisible to gradients, is found; it lies near no end."""
    starts = SPACE.sample_continuous(8, rng(3))
    needle = torch.from_numpy(SPACE.fractions(SPACE.roundings(starts[5])[0]))
    acquire = lambda c: HILL(c) + 1e3 * ((c - needle).abs().amax(-1) < 1e-12)  # noqa: E731
    found = search(acquire, SPACE, "slsqp", 3, starts_per_element=2)
    assert found.moved == 1 and found.composition == pytest.approx(needle.numpy(), abs=1e-12)


def test_gradients_are_the_calls_that_asked_for_one():
    """Regression: SciPy's njev counts iterations; line searches take gradients too."""
    _, surrogate = smooth_state(1)
    for acquire in (log_ei(surrogate, surrogate.targets.max()), HILL):
        recorder = Recorder(acquire)
        found = search(recorder, SPACE, "slsqp", starts_per_element=3)
        assert found.gradients == recorder.with_gradient > 2 * found.starts == 24
        assert found.evaluations == len(recorder.points)


def test_climbs_stay_within_bounds_and_groups():
    limits = SPACE.polytope()
    for start in SPACE.sample_continuous(10, rng(6)):
        end, taken = climb(peak((0.9, 0.0, 0.1, 0.0)), SPACE, start)
        assert taken > 1 and end.sum() == pytest.approx(1, abs=1e-9)
        assert (end >= limits.lower - 1e-9).all() and (end <= limits.upper + 1e-9).all()
        shares = limits.masks @ end
        assert (shares >= limits.group_lower - 1e-7).all() and (shares <= limits.group_upper + 1e-7).all()
        assert shares[0] == pytest.approx(0.54, abs=1e-6)  # the active limit, Ti + Hf ≤ 0.55, rounded inwards
        stuck, _ = climb(lambda c: (c * torch.nan).sum(), SPACE, start)
        assert stuck.tolist() == start.tolist()


@pytest.mark.parametrize("n", [17, 30])
def test_slsqp_refuses_too_many_roundings_before_it_searches(n):
    calls = []
    with pytest.raises(ValueError, match=rf"{n} elements .*{ROUNDINGS} at most.*'ascent'"):
        search(calls.append, CompositionSpace.from_fractions(symbols(n), [0] * n, [1] * n, step=0.01), "slsqp")
    assert not calls


def test_slsqp_counts_only_elements_that_can_change():
    """Of thirty elements three are free: as many roundings as of three."""
    space = CompositionSpace.from_fractions(symbols(30), [0.02] * 30, [0.02] * 27 + [0.5] * 3, step=0.01)
    target = np.array([0.02] * 27 + [0.05, 0.31, 0.1])
    found = search(peak(target), space, "slsqp", starts_per_element=0.2)
    assert found.composition == pytest.approx(target, abs=1e-9)


def test_fresh_starts_where_all_roundings_are_measured():
    space = CompositionSpace.from_fractions(ELEMENTS, **BOX, step=0.05, groups=GROUPS)
    starts = space.sample_continuous(4, rng(2))
    ends = [climb(HILL, space, start)[0] for start in starts]
    taken = np.unique(np.concatenate([space.roundings(point) for point in [*starts, *ends]]), axis=0)
    assert len(taken) < space.size
    found, again = (search(HILL, space, "slsqp", 2, taken, starts_per_element=1) for _ in range(2))
    assert space.contains(found.counts) and not rows([found.counts]) & rows(taken)
    assert found.warning == "No rounding was new and feasible; fresh random ones were scored."
    assert again.counts.tolist() == found.counts.tolist()


# Random search


def test_random_search_returns_the_best_of_what_the_generator_draws():
    drawn = SPACE.sample(30, rng(4))
    found = search(HILL, SPACE, "random_search", 4, draws=30)
    assert found.value == values(HILL, SPACE, drawn).max() and found.evaluations == 30
    assert search(HILL, SPACE, "random_search", 4).evaluations == 20 * 4
    for seed in range(5):  # one draw is a uniform experiment, whatever the acquisition function
        picks = [search(f, SPACE, "random_search", seed, draws=1) for f in (HILL, lambda c: -HILL(c))]
        assert picks[0].counts.tolist() == picks[1].counts.tolist() == SPACE.sample(1, rng(seed))[0].tolist()
