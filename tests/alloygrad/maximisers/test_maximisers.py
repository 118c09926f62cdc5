"""Inner loops against brute force over the materialised grid, and the published one's stall."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
import torch

from alloygrad.acquisition.analytic import ei, log_ei, log_pi, pi, ucb
from alloygrad.features import elements
from alloygrad.features.feature_map import FeatureMap
from alloygrad.maximisers import METHODS, follows_gradients, maximise
from alloygrad.maximisers.enumeration import LARGEST
from alloygrad.maximisers.slsqp import ROUNDINGS, climb
from alloygrad.spaces.composition import CompositionSpace, Group
from alloygrad.surrogates import bounds
from alloygrad.surrogates.gp import MIN_VARIANCE, condition, fit
from alloygrad.surrogates.kernel import matern52
from compendium.feature_gradient.cells import CELLS

ELEMENTS = ("Ti", "Ni", "Cu", "Hf")
BOX = dict(lower=(0.2, 0.2, 0, 0), upper=(0.55, 0.55, 0.2, 0.2))
GROUPS = (Group(("Ti", "Hf"), upper=0.55), Group(("Ni", "Cu"), upper=0.55, lower=0.3))
SPACE = CompositionSpace(ELEMENTS, **BOX, step=0.02, groups=GROUPS)
TINY = CompositionSpace(ELEMENTS[:3], (0, 0, 0), (0.4, 0.4, 0.4), step=0.1)
NOTHING = np.empty((0, 4), dtype=np.int64)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def state(seed: int, space=SPACE, n: int = 12):
    """Measured counts and a surrogate of random smooth targets over them."""
    generator = rng(seed)
    counts = np.unique(space.sample(n, generator), axis=0)
    features = FeatureMap(space.elements, ["mean:VEC", "mean:MT", "mismatch:R"])
    targets = np.sin(space.fractions(counts) @ generator.normal(size=(len(space.elements), 3)) * 5).sum(1)
    return counts, fit(features, space.fractions(counts), targets)


def grid(space) -> np.ndarray:
    """All compositions by nested loops over the box, nothing of the space's own counting."""
    total = round(1 / space.step)
    ranges = [np.arange(round(lo * total), round(hi * total) + 1) for lo, hi in zip(space.lower, space.upper)]  # noqa: B905
    counts = np.stack(np.meshgrid(*ranges, indexing="ij"), -1).reshape(-1, len(ranges))
    counts = counts[counts.sum(1) == total]
    for group in space.groups:
        share = counts[:, [space.elements.index(e) for e in group.elements]].sum(1)
        counts = counts[(share >= round(group.lower * total)) & (share <= round(group.upper * total))]
    return counts


def descending(acquire, space) -> tuple[np.ndarray, np.ndarray]:
    """The whole grid and its values, best first; equal values by rank."""
    counts = grid(space)
    values = acquire(torch.from_numpy(counts * space.step)).detach().numpy()
    order = np.lexsort((space.rank(counts), -values))
    return counts[order], values[order]


SYMBOLS = tuple(elements.load().index)


def wide(n: int) -> CompositionSpace:
    return CompositionSpace(SYMBOLS[:n], [0] * n, [1] * n, step=0.01)


def peak(target, sharpness: float = 1.0):
    """A concave acquisition function with its maximum at `target`."""
    target = torch.tensor(target, dtype=torch.float64)
    return lambda c: -sharpness * ((c - target) ** 2).sum(-1)


# Enumeration


@pytest.mark.parametrize("groups", [(), GROUPS])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("acquisition", [log_ei, ei, ucb])
def test_enumeration_is_brute_force(groups, seed, acquisition):
    space = CompositionSpace(ELEMENTS, **BOX, step=0.025, groups=groups)
    _, surrogate = state(seed, space)
    acquire = acquisition(surrogate, surrogate.targets.max())
    counts, values = descending(acquire, space)
    found = maximise(acquire, space, "enumeration")
    assert found.counts.tolist() == counts[0].tolist()
    assert found.value == pytest.approx(values[0], rel=1e-9)
    assert found.composition == pytest.approx(counts[0] / space.total, abs=0)
    assert (found.method, found.evaluations, found.gradients, found.starts) == ("enumeration", len(counts), 0, 0)
    assert np.isnan(found.moved) and found.warning == "" and found.seconds > 0


@pytest.mark.parametrize("chunk", [7, 100, SPACE.size, 10**6])
def test_enumeration_does_not_depend_on_its_chunks(chunk):
    measured, surrogate = state(4)
    acquire = log_ei(surrogate, surrogate.targets.max())
    counts, _ = descending(acquire, SPACE)
    calls = []

    def counted(c):
        calls.append(len(c))
        return acquire(c)

    found = maximise(counted, SPACE, "enumeration", chunk=chunk, exclude=np.concatenate([measured, counts[:3]]))
    left = [row for row in counts[3:].tolist() if row not in measured.tolist()]
    assert found.counts.tolist() == left[0]
    assert max(calls) <= chunk and sum(calls) == SPACE.size == found.evaluations


@pytest.mark.parametrize("k", [1, 2, 25])
def test_excluding_the_best_k_gives_the_next(k):
    _, surrogate = state(5)
    acquire = log_ei(surrogate, surrogate.targets.max())
    counts, values = descending(acquire, SPACE)
    found = maximise(acquire, SPACE, "enumeration", exclude=rng().permutation(np.repeat(counts[:k], 2, axis=0)))
    assert found.counts.tolist() == counts[k].tolist() and found.value == pytest.approx(values[k], rel=1e-9)


def test_the_last_composition_left_is_found_by_both():
    counts = grid(TINY)
    for method in METHODS:
        for left in (0, 3, len(counts) - 1):
            found = maximise(peak((0.4, 0.4, 0.2)), TINY, method, exclude=np.delete(counts, left, axis=0), rng=rng())
            assert found.counts.tolist() == counts[left].tolist()


@pytest.mark.parametrize("chunk", [1, 5, 2**14])
def test_equal_values_go_to_the_first_rank(chunk):
    space = CompositionSpace(ELEMENTS, **BOX, step=0.05, groups=GROUPS)

    def plateau(c):
        return torch.from_numpy(space.rank(space.counts(c)) % 7 == 3).double()  # ranks 3, 10, 17 … tie

    counts, values = descending(plateau, space)
    assert (values == values[0]).sum() > 3 and space.rank(counts[0]) == 3
    assert maximise(plateau, space, "enumeration", chunk=chunk).counts.tolist() == counts[0].tolist()


@pytest.mark.parametrize("n", [7, 30])
def test_what_no_time_enumerates_is_refused(n):
    space, calls = wide(n), []
    with pytest.raises(ValueError, match=rf"The grid has {space.size} compositions, {LARGEST} at most.*'ascent'"):
        maximise(calls.append, space, "enumeration")
    assert space.size > LARGEST and not calls


def test_every_declared_cell_that_enumerates_may():
    sizes = [cell.space().size for cell in CELLS.values() if cell.settings.maximiser == "enumeration"]
    assert max(sizes) == 4080501 < LARGEST  # SMA, N = 4, steps of .1 at.%


# Both


@pytest.mark.parametrize("method", METHODS)
def test_what_cannot_be_answered_is_refused(method):
    measured = grid(TINY)
    with pytest.raises(ValueError, match=f"All {len(measured)} compositions of the space are measured"):
        maximise(peak((0.4, 0.4, 0.2)), TINY, method, exclude=np.repeat(measured, 2, axis=0), rng=rng())

    def broken(c):
        return torch.where(c[..., 0] > 0.25, c.sum(-1) * torch.nan, c.sum(-1))

    with pytest.raises(FloatingPointError, match=r"NaN at \{'Ti': 0\.\d+, 'Ni': .*'Cu'"):
        maximise(broken, TINY, method, rng=rng())
    with pytest.raises(ValueError, match="shape"):
        maximise(peak((0.4, 0.4, 0.2)), TINY, method, exclude=NOTHING, rng=rng())
    with pytest.raises(ValueError, match="whole steps"):
        maximise(peak((0.4, 0.4, 0.2)), TINY, method, exclude=measured / 10, rng=rng())


def test_unknown_method_and_missing_rng():
    with pytest.raises(ValueError, match=r"'annealing'; known are .*enumeration"):
        maximise(peak((0.4, 0.4, 0.2)), TINY, "annealing")
    with pytest.raises(ValueError, match=r"rng=np\.random\.default_rng"):
        maximise(peak((0.4, 0.4, 0.2)), TINY, "slsqp")


@pytest.mark.parametrize("method", METHODS)
def test_exclusion_counts_only_what_lies_in_the_space(method):
    """As many foreign compositions as the space has do not fill it; one composition alone is a set of one."""
    foreign = np.array([[10 - k, k, 0] for k in range(7)])
    foreign = foreign[~TINY.contains(foreign)]
    many = np.concatenate([foreign * k for k in range(1, 8)])
    assert len(np.unique(many, axis=0)) > TINY.size
    best = maximise(peak((0.4, 0.4, 0.2)), TINY, method, exclude=many, rng=rng()).counts
    assert best.tolist() == [4, 4, 2]
    assert maximise(peak((0.4, 0.4, 0.2)), TINY, method, exclude=best, rng=rng()).counts.tolist() != [4, 4, 2]
    assert maximise(peak((0.4, 0.4, 0.2)), TINY, method, exclude=[], rng=rng()).counts.tolist() == [4, 4, 2]


@pytest.mark.parametrize("method", METHODS)
def test_minus_infinity_everywhere_still_gives_a_new_composition(method):
    """Regression: nothing beats −inf by comparison alone."""
    measured = grid(TINY)[:5]
    found = maximise(lambda c: c.sum(-1) * 0 - torch.inf, TINY, method, exclude=measured, rng=rng())
    assert TINY.contains(found.counts) and found.counts.tolist() not in measured.tolist()
    assert found.value == -np.inf


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(3))
def test_suggestions_are_feasible_new_and_repeatable(method, seed):
    measured, surrogate = state(seed)
    for acquisition in (log_ei, ei):
        acquire = acquisition(surrogate, surrogate.targets.max())
        found = maximise(acquire, SPACE, method, exclude=measured, rng=rng(seed), **fewer(method))
        assert found.counts.dtype == np.int64 and SPACE.contains(found.counts)
        assert not (measured == found.counts).all(1).any()
        assert found.composition.tolist() == SPACE.fractions(found.counts).tolist()
        assert found.value == pytest.approx(acquire(found.composition).item(), rel=1e-9, abs=1e-300)
        again = maximise(acquire, SPACE, method, exclude=measured, rng=rng(seed), **fewer(method))
        assert again.counts.tolist() == found.counts.tolist() and again.value == found.value
        assert (again.evaluations, again.gradients) == (found.evaluations, found.gradients)


@pytest.mark.parametrize("n", [3, 4, 5, 6])
@pytest.mark.parametrize("method", METHODS)
def test_who_is_said_to_follow_gradients_asks_for_them(method, n):
    space = wide(n) if n > 3 else TINY
    if method == "enumeration":
        assert not follows_gradients(method, space) and not follows_gradients(method)
        return
    for options in ({}, {"screen": 1}, {"screen": space.size}) if method == "ascent" and n < 5 else ({},):
        asked = []

        def acquire(c, asked=asked):
            asked.append(c.requires_grad)
            return peak([1 / n] * n)(c)

        found = maximise(acquire, space, method, rng=rng(), **fewer(method), **options)
        assert follows_gradients(method, space, **options) == any(asked) == (found.gradients > 0)
    assert follows_gradients(method) == (method == "slsqp_ei")


def fewer(method: str) -> dict:
    return {"starts_per_element": 1} if method == "slsqp_ei" else {}


# The published loop


@pytest.mark.parametrize("seed", range(3))
def test_published_never_beats_the_grid_maximum(seed):
    measured, surrogate = state(seed)
    acquire = log_ei(surrogate, surrogate.targets.max())
    best = maximise(acquire, SPACE, "enumeration", exclude=measured)
    found = maximise(acquire, SPACE, "slsqp", exclude=measured, rng=rng(), starts_per_element=2)
    assert found.value <= best.value + 1e-12
    assert found.starts == 8 and found.evaluations > found.gradients >= found.starts


@pytest.mark.parametrize("groups", [(), GROUPS])
@pytest.mark.parametrize("target", [(0.371, 0.402, 0.118, 0.109), (0.5, 0.3, 0.05, 0.15), (0.2, 0.8, 0.0, 0.0)])
def test_published_finds_the_top_of_a_well_scaled_hill(groups, target):
    """Also where it leans on bounds or group limits (the second and third target lie outside them)."""
    space = CompositionSpace(ELEMENTS, **BOX, step=0.005, groups=groups)
    acquire = peak(target, sharpness=100)
    best = maximise(acquire, space, "enumeration")
    found = maximise(acquire, space, "slsqp", rng=rng(1), starts_per_element=2)
    assert np.abs(found.counts - best.counts).max() <= 1
    assert found.moved == 1 and found.warning == ""


def test_published_follows_a_surrogate_uphill():
    _, surrogate = state(7)
    acquire = ucb(surrogate)
    best = maximise(acquire, SPACE, "enumeration")
    found = maximise(acquire, SPACE, "slsqp", rng=rng(), starts_per_element=5)
    assert found.moved > 0.9 and found.warning == ""
    _, values = descending(acquire, SPACE)
    assert found.value == pytest.approx(best.value, abs=0.02 * np.ptp(values))


def test_published_stalls_where_the_acquisition_is_small():
    """ftol = 1e-6: a hill 1e-9 high is flat to SLSQP, and what is left are the starts' roundings."""
    calls = []

    def hill(c):
        calls.append(c.requires_grad)
        return 1e-9 * peak((0.371, 0.402, 0.118, 0.109), sharpness=100)(c)

    found = maximise(hill, SPACE, "slsqp", rng=rng())
    assert found.moved == 0 and found.warning == "100% of 80 starts did not move."
    assert found.gradients == sum(calls) == 80
    starts = SPACE.sample_continuous(80, rng())
    candidates = np.unique(np.concatenate([SPACE.roundings(start) for start in starts]), axis=0)
    assert found.counts.tolist() in candidates.tolist()
    assert found.value == hill(torch.from_numpy(SPACE.fractions(candidates))).max().item()
    assert found.evaluations == 80 + len(candidates)


def test_published_stalls_on_expected_improvement_and_says_so():
    """The paper's state: EI far below 1e-6 nearly everywhere. The same state in log EI moves."""
    _, surrogate = state(2, n=40)
    best = surrogate.targets.max() + 2
    raw = maximise(ei(surrogate, best), SPACE, "slsqp", rng=rng(), starts_per_element=5)
    logarithm = maximise(log_ei(surrogate, best), SPACE, "slsqp", rng=rng(), starts_per_element=5)
    assert raw.moved < 0.2 and raw.warning.endswith("of 20 starts did not move.")
    assert logarithm.moved > 0.8 and logarithm.warning == ""


def test_roundings_of_starts_are_candidates():
    """A needle on a rounding of one start, invisible to gradients, is found; it lies near no end."""
    starts = SPACE.sample_continuous(8, rng(3))
    needle = torch.from_numpy(SPACE.fractions(SPACE.roundings(starts[5])[0]))

    def acquire(c):
        return peak((0.371, 0.402, 0.118, 0.109), 100)(c) + 1e3 * ((c - needle).abs().amax(-1) < 1e-12)

    found = maximise(acquire, SPACE, "slsqp", rng=rng(3), starts_per_element=2)
    assert found.moved == 1 and found.composition == pytest.approx(needle.numpy(), abs=1e-12)


def test_gradients_are_the_calls_that_asked_for_one():
    """Regression: SciPy's njev counts iterations; line searches take gradients too."""
    _, surrogate = state(1)
    for acquire in (log_ei(surrogate, surrogate.targets.max()), peak((0.371, 0.402, 0.118, 0.109), 100)):
        with_gradient, without = [], []

        def counted(c, acquire=acquire, with_gradient=with_gradient, without=without):
            (with_gradient if c.requires_grad else without).append(max(1, c[..., 0].numel()))
            return acquire(c)

        found = maximise(counted, SPACE, "slsqp", rng=rng(), starts_per_element=3)
        assert found.gradients == sum(with_gradient) > 2 * found.starts
        assert found.evaluations == sum(with_gradient) + sum(without)


def test_climbs_stay_within_bounds_and_groups():
    limits = SPACE.polytope()
    for start in SPACE.sample_continuous(10, rng(6)):
        end, taken = climb(peak((0.9, 0.0, 0.1, 0.0), 100), SPACE, start)
        assert taken > 1 and end.sum() == pytest.approx(1, abs=1e-9)
        assert (end >= limits.lower - 1e-9).all() and (end <= limits.upper + 1e-9).all()
        shares = limits.masks @ end
        assert (shares >= limits.group_lower - 1e-7).all() and (shares <= limits.group_upper + 1e-7).all()
        assert shares[0] == pytest.approx(0.54, abs=1e-6)  # the active limit, Ti + Hf ≤ 0.55, rounded inwards


@pytest.mark.parametrize("n", [17, 23, 30])
def test_published_refuses_more_roundings_than_can_be_best_of_random_before_it_searches(n):
    calls = []
    with pytest.raises(ValueError, match=rf"{n} elements .*{ROUNDINGS} at most.*'ascent'"):
        maximise(calls.append, wide(n), "slsqp", rng=rng())
    assert not calls


def test_published_counts_only_elements_that_can_change():
    """Of thirty elements three are free: as many roundings as of three."""
    space = CompositionSpace(SYMBOLS[:30], [0.02] * 30, [0.02] * 27 + [0.5] * 3, step=0.01)
    target = np.array([0.02] * 27 + [0.05, 0.31, 0.1])
    found = maximise(peak(target, 100), space, "slsqp", rng=rng(), starts_per_element=0.2)
    assert found.composition == pytest.approx(target, abs=1e-9)


def test_a_climb_that_ends_in_nan_returns_its_start():
    start = SPACE.sample_continuous(1, rng())[0]
    end, _ = climb(lambda c: (c * torch.nan).sum(), SPACE, start)
    assert end.tolist() == start.tolist()


def test_fresh_starts_where_all_roundings_are_measured():
    space = CompositionSpace(ELEMENTS, **BOX, step=0.05, groups=GROUPS)
    acquire = peak((0.371, 0.402, 0.118, 0.109), sharpness=100)
    starts = space.sample_continuous(4, rng(2))
    ends = [climb(acquire, space, start)[0] for start in starts]
    taken = np.unique(np.concatenate([space.roundings(point) for point in [*starts, *ends]]), axis=0)
    assert len(taken) < space.size
    found = maximise(acquire, space, "slsqp", exclude=taken, rng=rng(2), starts_per_element=1)
    assert space.contains(found.counts) and found.counts.tolist() not in taken.tolist()
    assert found.warning == "No rounding was new and feasible; fresh random ones were scored."
    again = maximise(acquire, space, "slsqp", exclude=taken, rng=rng(2), starts_per_element=1)
    assert again.counts.tolist() == found.counts.tolist()


# What enumeration skips


def random_gp(seed: int):
    """A space, measured counts, and a GP of random hyperparameters: smooth and rugged, spread and clustered points."""
    generator = rng(seed)
    space = CompositionSpace(ELEMENTS, **BOX, step=0.05, groups=GROUPS[: seed % 3])
    counts = space.sample(int(generator.integers(1, 40)), generator)
    if seed % 2:  # neighbours of one composition, as late in a campaign
        counts = np.concatenate([counts[:2], space.neighbours(counts[0])])
    counts = np.unique(counts, axis=0)
    selected = [["mean:VEC", "mean:MT"], ["mean:R", "mismatch:XP", "max:MT"], ["weighted_range:E", "min:R"]][seed % 3]
    targets = generator.normal(size=len(counts)) * 10 ** generator.uniform(-3, 1)
    lengthscales = 10 ** generator.uniform(-2, 1, size=len(selected))
    outputscale = 10 ** generator.uniform(-3, (2, 5)[seed % 4 == 3])
    noise = (1e-6, 10 ** generator.uniform(-6, 0))[seed % 3 == 2]
    features = FeatureMap(ELEMENTS, selected)
    return space, counts, condition(features, space.fractions(counts), targets, lengthscales, outputscale, noise=noise)


@pytest.mark.parametrize("block", range(20))
def test_bounds_hold_on_1000_random_gps(block):
    """Of every cell and of every point in it, against the posterior; also where all the points are measured ones."""
    for seed in range(50 * block, 50 * block + 50):
        space, counts, surrogate = random_gp(seed)
        compositions = torch.from_numpy(space.fractions(grid(space) if seed % 5 else counts))
        with torch.no_grad():
            mean, std = surrogate(compositions)
            x = (surrogate.features(compositions) - surrogate.low) / (surrogate.width * surrogate.lengthscales)
        cubes = bounds.cells(x)
        apart = x - cubes.centres[cubes.cell]
        assert (apart.abs().max(1).values <= bounds.SIDE / 2 / sqrt(x.shape[1]) + 1e-12).all()
        assert (apart.norm(dim=1) <= cubes.radius[cubes.cell] + 1e-12).all()
        expansion = bounds.expand(surrogate, cubes.centres)
        here = bounds.expand(surrogate, x)  # every point a centre: nothing but the allowance for rounding
        found = here.at(torch.arange(len(x)), torch.zeros_like(x)), expansion.at(cubes.cell, apart)
        for above in (*found, (bound[cubes.cell] for bound in expansion.over_cells(cubes.radius))):
            for bound, value, floor in zip(above, (mean, std), (-torch.inf, sqrt(MIN_VARIANCE)), strict=True):
                assert (bound.clamp_min(floor) >= value).all()


def test_an_expansion_is_the_posterior_and_its_derivatives():
    """Value, slope and covariance at centres, against the posterior and against finite differences of its kernel."""
    _, surrogate = state(0)
    centres = torch.from_numpy(rng(3).uniform(0, 2, (5, surrogate.inputs.shape[1])))
    raw = surrogate.low + centres * surrogate.width * surrogate.lengthscales
    found = bounds.expand(surrogate, centres)
    with torch.no_grad():
        mean, std = surrogate.posterior_features(raw)
    torch.testing.assert_close(found.mean, mean)
    torch.testing.assert_close(found.covariance[:, 0, 0].sqrt(), std, rtol=1e-6, atol=1e-8)

    def covariance(a, b):
        between, left, right = (
            matern52(p, q, surrogate.outputscale)[2] for p, q in ((a, b), (a, surrogate.points), (b, surrogate.points))
        )
        return between - left @ torch.cholesky_solve(right.mT, surrogate.cholesky)

    width = 1e-3
    for i, centre in enumerate(centres):
        steps = width * torch.eye(len(centre), dtype=torch.float64)
        ends = torch.cat([centre + steps, centre - steps])
        weights = torch.cat([torch.eye(len(centre)), -torch.eye(len(centre))]).double() / (2 * width)
        both = covariance(ends, ends)
        torch.testing.assert_close(found.covariance[i, 1:, 1:], weights.mT @ both @ weights, rtol=2e-3, atol=2e-3)
        one = covariance(centre[None], ends) @ weights
        torch.testing.assert_close(found.covariance[i, 0, 1:], one[0], rtol=1e-3, atol=1e-3)
        with torch.no_grad():
            means = surrogate.posterior_features(surrogate.low + ends * surrogate.width * surrogate.lengthscales)[0]
        torch.testing.assert_close(found.slope[i], means @ weights, rtol=1e-3, atol=1e-4)


def test_an_undefined_value_is_found_and_not_skipped(monkeypatch):
    """A surrogate that is NaN at one composition, wherever it stands."""
    monkeypatch.setattr(bounds, "CROWDED", 0)
    counts, surrogate = state(0)
    bad = SPACE.unrank(np.array([SPACE.size // 3]))[0]

    def features(compositions):
        found = surrogate.features(compositions).clone()
        found[(compositions - torch.from_numpy(SPACE.fractions(bad))).abs().max(-1).values < 1e-9] = torch.nan
        return found

    broken = replace(surrogate, features=features)
    with pytest.raises(FloatingPointError):
        maximise(log_ei(broken, surrogate.targets.max()), SPACE, "enumeration", exclude=counts)


def test_bounds_that_rounding_could_undo_rule_nothing_out():
    _, surrogate = state(0)
    x = surrogate.points[[0] * 100]
    assert not len(bounds.worthwhile(surrogate, x, lambda mean, std: mean > torch.inf))
    coarse = condition(
        surrogate.features, surrogate.compositions, surrogate.targets, surrogate.lengthscales, 1.0, noise=1e-14
    )
    assert len(bounds.worthwhile(coarse, x, lambda mean, std: mean > torch.inf)) == 100


def test_points_without_number_are_all_evaluated():
    assert bounds.cells(torch.full((3, 2), torch.inf, dtype=torch.float64)) is None
    assert bounds.cells(torch.tensor([[0.0, 0.0], [1e12, 1e12]], dtype=torch.float64)) is None
    _, surrogate = state(0)
    far = torch.tensor([[0.0], [1e12]], dtype=torch.float64).expand(2, surrogate.inputs.shape[1])
    assert bounds.worthwhile(surrogate, far, worth=None).tolist() == [0, 1]


@pytest.mark.parametrize("block", range(20))
def test_skipping_leaves_the_arg_max_on_1000_random_gps(block, monkeypatch):
    monkeypatch.setattr("alloygrad.surrogates.gp.BLOCK", 50)  # so that a grid is several blocks and a remainder
    monkeypatch.setattr(bounds, "BLOCK", 7)
    monkeypatch.setattr(bounds, "CROWDED", 0)  # so that every grid is judged by cells
    skipped = 0
    for seed in range(50 * block, 50 * block + 50):
        space, counts, surrogate = random_gp(seed)
        acquire = (log_ei, ei, ucb, pi, log_pi)[seed % 5](surrogate, surrogate.targets.max())
        naive = maximise(lambda c, acquire=acquire: acquire(c), space, "enumeration", exclude=counts)
        found = maximise(acquire, space, "enumeration", exclude=counts, chunk=(64, 10**4)[seed % 2])
        assert found.value == pytest.approx(naive.value, rel=1e-8, abs=1e-12)
        if found.counts.tolist() != naive.counts.tolist():  # only where two compositions tie
            tied = acquire(torch.from_numpy(space.fractions(np.stack([found.counts, naive.counts]))))
            assert tied[0].item() == pytest.approx(tied[1].item(), rel=1e-8, abs=1e-12)
        everything = torch.from_numpy(space.fractions(grid(space)))
        with torch.no_grad():
            exact, some = acquire(everything), acquire.exceeding(everything, naive.value)
            _, std = surrogate(everything)
        kept = some > -torch.inf
        # σ² = s − ‖v‖² is rounded as s is, on one processor not as on another where rows come in other numbers.
        rounding = 1e-9 + 1e-12 * surrogate.outputscale / std**2
        assert ((some - exact).abs() <= 1e-9 + rounding * (exact.abs() + std))[kept].all()
        skipped += (~kept).sum().item() / len(kept)
    assert skipped > 0.3 * 50


def test_most_compositions_are_skipped_on_a_fine_grid():
    _, surrogate = state(1, n=40)
    acquire, asked = log_ei(surrogate, surrogate.targets.max()), []
    original = type(surrogate).posterior_features

    class Counting(type(surrogate)):
        def posterior_features(self, features):
            asked.append(len(features))
            return original(self, features)

    object.__setattr__(surrogate, "__class__", Counting)
    space = CompositionSpace(ELEMENTS, **BOX, step=0.002, groups=GROUPS)
    maximise(acquire, space, "enumeration")
    assert sum(asked) < 0.05 * space.size


# Random search


def test_random_search_returns_the_best_of_what_the_generator_draws():
    drawn = SPACE.sample(30, rng(4))
    values = peak((0.3, 0.3, 0.2, 0.2))(torch.from_numpy(SPACE.fractions(drawn)))
    found = maximise(peak((0.3, 0.3, 0.2, 0.2)), SPACE, "random_search", rng=rng(4), draws=30)
    assert found.value == values.max() and found.evaluations == 30
    assert maximise(peak((0.3, 0.3, 0.2, 0.2)), SPACE, "random_search", rng=rng(4)).evaluations == 20 * len(
        SPACE.elements
    )


def test_one_draw_is_a_uniform_experiment_whatever_the_acquisition():
    hill = peak((0.3, 0.3, 0.2, 0.2))
    for seed in range(5):
        picks = [maximise(f, SPACE, "random_search", rng=rng(seed), draws=1) for f in (hill, lambda c: -hill(c))]
        assert picks[0].counts.tolist() == picks[1].counts.tolist() == SPACE.sample(1, rng(seed))[0].tolist()
