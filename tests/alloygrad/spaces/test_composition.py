"""The space against brute force: whatever the counting recursion says, itertools.product says too."""

import json
import math
import pickle
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import beta, chisquare, kstest

from alloygrad.spaces.composition import CompositionSpace, Group
from alloygrad.spaces.counting import multiply, random_below

BOUNDS = {
    "SMA": "Ti .20 .55 Ni .20 .55 Cu 0 .20 Hf 0 .20 Co 0 .10 Zr 0 .20 Fe 0 .10 Pd 0 .33 Ta 0 .05 Nb 0 .20 V 0 .10",
    "Ti": "Ti .60 .80 Mo 0 .20 V 0 .15 Ta 0 .20 Nb 0 .20 Cr 0 .10 Mn 0 .10 Fe 0 .10 Sn 0 .10 Al 0 .10 Zr 0 .20",
    "HEA": "V 0 .33 Cr 0 .40 Mn 0 .50 Fe 0 .60 Ni 0 .60 Cu 0 .36 Mo 0 .10 Co 0 .50 Al 0 .16 C 0 .06",
}
SITES = "Ti Hf Zr Ta Nb V".split(), "Ni Cu Co Fe Pd".split()


def alloy_space(name, n, step=0.001):
    """The first n elements of an alloy with the study's bounds and, for SMA, its two site limits."""
    words = BOUNDS[name].split()[: 3 * n]
    elements, lower, upper = words[::3], list(map(float, words[1::3])), list(map(float, words[2::3]))
    groups = [Group([e for e in elements if e in site], 0.55) for site in SITES] if name == "SMA" else []
    return CompositionSpace(elements, lower, upper, step, groups)


def brute_force(total, lower, upper, groups):
    """Every feasible count vector by trying all: groups are (columns, lower, upper), everything in steps."""
    boxes = (range(lo, hi + 1) for lo, hi in zip(lower, upper, strict=True))
    rows = np.array([c for c in product(*boxes) if sum(c) == total], dtype=int).reshape(-1, len(lower))
    for columns, low, high in groups:
        sums = rows[:, columns].sum(1)
        rows = rows[(low <= sums) & (sums <= high)]
    return rows


def random_problem(rng):
    """Random bounds in steps and random disjoint and nested groups, some of them with lower limits."""
    n, total = int(rng.integers(1, 6)), int(rng.integers(4, 11))
    lower = rng.integers(0, 3, n) * (rng.random(n) < 0.4)
    upper = np.minimum(lower + rng.integers(0, total + 1, n), total)
    order, groups = rng.permutation(n), []
    a = rng.integers(1, n + 1)
    b = rng.integers(1, a + 1)
    for columns in (order[:a], order[:b], order[a:])[: rng.integers(0, 4)]:
        if len(columns):
            low = int(rng.integers(0, 4) * (rng.random() < 0.4))
            groups.append((columns, low, int(min(total, low + rng.integers(0, total)))))
    return total, lower.tolist(), upper.tolist(), groups


def declare(total, lower, upper, groups):
    names = [f"E{i}" for i in range(len(lower))]
    named = [Group([names[c] for c in columns], high / total, low / total) for columns, low, high in groups]
    return CompositionSpace(names, [v / total for v in lower], [v / total for v in upper], 1 / total, named[::-1])


def small_spaces(n_spaces=80, seed=7):
    """Random small spaces, each with the list of its points found by brute force."""
    rng, found = np.random.default_rng(seed), []
    while len(found) < n_spaces:
        problem = random_problem(rng)
        rows = brute_force(*problem)
        if len(rows):
            found.append((declare(*problem), rows))
    return found


SMALL = small_spaces()
NESTED = CompositionSpace(
    list("ABCDE"),
    (0, 0, 0.1, 0, 0),
    (1, 0.5, 0.6, 1, 0.4),
    0.1,
    (Group("A B C".split(), 0.7, 0.2), Group("B C".split(), 0.5), Group("D E".split(), 0.6)),
)
TWO_NESTED = CompositionSpace(  # two groups and a free element inside a third group
    list("ABCDEFG"),
    [0] * 7,
    [0.5] * 7,
    0.125,
    (Group(list("ABCDE"), 0.75, 0.25), Group(list("AB"), 0.5), Group(list("CD"), 0.5, 0.125)),
)


def as_set(rows):
    return set(map(tuple, np.asarray(rows).tolist()))


def all_points(space, chunk=2**18):
    return np.concatenate(list(space.enumerate(chunk)))


def big_integer_copy(space):
    copy = replace(space)
    copy._tree.hold(object)
    return copy


# ---- counting ----

GRID_SIZES = {  # number of points as printed by the study's own table, n = 3, 4, …
    (0.001, "SMA"): "20301 4080501 4.077e8 7.076e10 6.452e12 7.370e14 3.416e16 3.447e18",
    (0.001, "Ti"): "11476 4194176 6.532e8 4.898e10 3.262e12 1.941e14 1.037e16 5.002e17",
    (0.001, "HEA"): "26796 53754226 2.362e10 5.354e12 4.564e14 8.495e16 8.990e18 4.597e20",
    (0.002, "HEA"): "6786 6768476 1.491e9",
    (0.005, "SMA"): "861 35301 732301",
    (0.005, "Ti"): "496 35836 1145016",
    (0.005, "HEA"): "1128 442726 39276886",
    (0.01, "SMA"): "231 4851 52626",
    (0.01, "Ti"): "136 4856 79996",
    (0.01, "HEA"): "300 57370 2574295",
}
SIZES = [(*key, n, size) for key, row in GRID_SIZES.items() for n, size in enumerate(row.split(), start=3)]


@pytest.mark.parametrize("step, alloy, n, size", [*SIZES, (0.002, "Ti", 4, "533026")])
def test_size_of_the_study_grids(step, alloy, n, size):
    found = alloy_space(alloy, n, step).size
    assert (f"{found:.3e}" == f"{float(size):.3e}") if "e" in size else found == int(size)


def test_size_of_a_whole_simplex_is_a_binomial():
    for n, total in ((2, 5), (4, 100), (10, 1000), (30, 1000)):
        space = CompositionSpace([f"E{i}" for i in range(n)], [0] * n, [1] * n, 1 / total)
        assert space.size == math.comb(total + n - 1, n - 1)


def test_size_and_enumeration_equal_brute_force():
    for space, rows in SMALL:
        points = all_points(space, chunk=7)
        assert space.size == len(points) == len(rows)
        assert as_set(points) == as_set(rows)


def test_emptiness_equals_brute_force():
    rng, empty = np.random.default_rng(11), 0
    for problem in (random_problem(rng) for _ in range(300)):
        if len(brute_force(*problem)):
            declare(*problem)
        else:
            empty += 1
            with pytest.raises(ValueError, match="empty space"):
                declare(*problem)
    assert empty > 30


def test_enumeration_is_lexicographic_without_groups_and_streams_a_large_grid():
    points = all_points(alloy_space("Ti", 4, 0.01))
    assert points.tolist() == sorted(points.tolist())
    space, seen = alloy_space("SMA", 4), 0
    for chunk in space.enumerate(2**20):
        assert chunk.dtype == np.int64 and len(chunk) <= 2**20 and space.contains(chunk).all()
        seen += len(np.unique(chunk @ [1, 1000, 10**6, 10**9]))
    assert seen == space.size


def test_products_of_polynomials_are_exact():
    rng = np.random.default_rng(3)
    a, b = ([int(x) ** 9 for x in rng.integers(0, 10**4, n)] for n in (6, 9))
    plain = [sum(a[i] * b[k - i] for i in range(k + 1) if i < 6 and k - i < 9) for k in range(20)]
    assert multiply(a, b, 20).tolist() == plain


# ---- rank and unrank ----


def test_rank_inverts_unrank_on_every_small_point():
    for space, _ in [*SMALL, (NESTED, None), (TWO_NESTED, None)]:
        ranks = np.arange(space.size)
        assert (space.rank(space.unrank(ranks)) == ranks).all()


@pytest.mark.parametrize("alloy, n", [("SMA", 4), ("SMA", 10), ("SMA", 11), ("Ti", 11), ("HEA", 9), ("HEA", 10)])
def test_rank_inverts_unrank_on_huge_spaces(alloy, n):
    space = alloy_space(alloy, n)
    counts = space.sample(500, np.random.default_rng(5))
    assert space.contains(counts).all()
    assert (space.unrank(space.rank(counts)) == counts).all()
    for rank in (0, space.size // 3, space.size - 1):
        assert space.rank(space.unrank(rank)) == rank
    assert space.unrank([[0, space.size - 1]]).shape == (1, 2, n)


def test_small_and_big_integers_give_the_same_compositions():
    for space in (NESTED, TWO_NESTED, alloy_space("SMA", 6), alloy_space("HEA", 5, 0.01)):
        big = big_integer_copy(space)
        assert (space._tree.dtype, big._tree.dtype) == (np.int64, object)
        ranks = np.random.default_rng(1).integers(space.size, size=1000)
        counts = space.unrank(ranks)
        assert (big.unrank(ranks) == counts).all()
        assert (big.rank(counts) == space.rank(counts)).all()
        assert (next(big.enumerate(100)) == next(space.enumerate(100))).all()


def test_thirty_elements_with_nested_groups():
    names = [f"E{i}" for i in range(30)]
    groups = (
        Group(names[:10], 0.5),
        Group(names[2:5], 0.2, 0.1),
        Group(names[10:25], 0.6),
        Group(names[12:17], 0.2),
    )
    space = CompositionSpace(names, [0] * 30, [0.1] * 30, groups=groups)
    counts = space.sample(300, np.random.default_rng(2))
    assert space.size > 10**50 and space.contains(counts).all()
    assert (space.unrank(space.rank(counts)) == counts).all()


# ---- sampling ----


def uniformity(space, counts):
    """p-value of 'every point of the space is equally likely'."""
    places = {point: i for i, point in enumerate(map(tuple, all_points(space).tolist()))}
    drawn = [places[point] for point in map(tuple, counts.tolist())]
    return chisquare(np.bincount(drawn, minlength=space.size)).pvalue


CHI_SQUARE = {
    "no groups": CompositionSpace(list("ABCD"), (0, 0.1, 0, 0.2), (1, 0.7, 0.5, 0.5), 0.1),
    "SMA": alloy_space("SMA", 5, 0.05),
    "nested": NESTED,
    "two nested": TWO_NESTED,
}


@pytest.mark.parametrize("name", CHI_SQUARE)
@pytest.mark.parametrize("big", [False, True])
def test_samples_are_uniform(name, big):
    space = big_integer_copy(CHI_SQUARE[name]) if big else CHI_SQUARE[name]
    counts = space.sample(40 * space.size, np.random.default_rng(20 + big))
    assert uniformity(space, counts) > 1e-3


@pytest.mark.parametrize("name", CHI_SQUARE)
def test_the_uniformity_test_refuses_a_sampler_that_is_not(name):
    space, rng = CHI_SQUARE[name], np.random.default_rng(4)
    points = all_points(space)

    def one_element_after_another():  # each value equally likely among those still possible
        left = points
        for column in range(left.shape[1]):
            left = left[left[:, column] == rng.choice(np.unique(left[:, column]))]
        return left[0]

    counts = np.array([one_element_after_another() for _ in range(10 * space.size)])
    assert uniformity(space, counts) < 1e-6


def test_big_random_integers_are_uniform_and_below_their_bound():
    rng, bound = np.random.default_rng(6), 5 * 2**70
    draws = random_below(bound, 20_000, rng)
    assert max(draws) < bound and len(set(draws)) == len(draws)
    assert chisquare(np.bincount([d * 50 // bound for d in draws], minlength=50)).pvalue > 1e-3
    assert chisquare(np.bincount([d % 7 for d in draws], minlength=7)).pvalue > 1e-3
    assert set(random_below(3, 100, rng)) == {0, 1, 2}


def test_samples_repeat_with_the_seed_and_may_be_none():
    for space in (NESTED, alloy_space("HEA", 10)):
        one, other = (space.sample(20, np.random.default_rng(8)) for _ in range(2))
        assert (one == other).all() and one.shape == (20, len(space.elements))
        assert space.sample(0, np.random.default_rng(8)).shape == (0, len(space.elements))


def test_continuous_samples_are_feasible_and_mostly_off_the_grid():
    for space in (alloy_space("SMA", 4), alloy_space("SMA", 10), alloy_space("HEA", 4, 0.005), NESTED):
        points = space.sample_continuous(200, np.random.default_rng(9))
        assert not any(space.violations(point) for point in points)
        steps = points * space.total
        assert (np.abs(steps - np.rint(steps)) > 1e-6).any(-1).mean() > 0.9


def test_continuous_samples_of_the_whole_simplex_have_beta_marginals():
    n = 5
    space = CompositionSpace([f"E{i}" for i in range(n)], [0] * n, [1] * n)
    points = space.sample_continuous(2000, np.random.default_rng(10))
    for column in points.T:  # Dirichlet(1, …, 1)
        assert kstest(column, beta(1, n - 1).cdf).pvalue > 1e-3


# ---- membership, neighbours, snap, roundings ----


def test_contains_and_violations_agree_with_brute_force():
    for space, rows in SMALL[:30]:
        n, inside = len(space.elements), as_set(rows)
        nearby = np.unique(rows[:20, None] + np.random.default_rng(12).integers(-1, 2, (1, 30, n)), axis=0)
        counts = nearby.reshape(-1, n)
        expected = [tuple(c) in inside for c in counts.tolist()]
        assert space.contains(nearby).reshape(-1).tolist() == expected
        assert [not space.violations(f) for f in counts / space.total] == expected


def test_violations_say_which_limit():
    space = alloy_space("SMA", 4)
    assert space.violations([0.5, 0.4, 0.1, 0]) == []
    assert space.violations([0.50003, 0.39997, 0.1, 0]) == []  # off the grid, but within the limits
    assert space.violations([0.45, 0.25, 0.1, 0.2]) == ["group {Ti Hf} = 0.65 is above 0.55"]
    assert space.violations([0.1, 0.5, 0, 0.2]) == ["Ti = 0.1 is below 0.2", "the sum = 0.8 is below 1"]


def test_neighbours_equal_brute_force():
    for space, rows in SMALL:
        for row in rows[:: max(1, len(rows) // 10)]:
            near = rows[np.abs(rows - row).sum(1) == 2]
            found = space.neighbours(row)
            assert as_set(found) == as_set(near) and len(found) == len(near)
    assert space.neighbours(row).dtype == np.int64


def test_an_inner_composition_has_n_times_n_minus_1_neighbours():
    space = alloy_space("SMA", 4)
    found = space.neighbours([400, 400, 90, 110])
    assert len(as_set(found)) == 4 * 3
    assert len(space.neighbours([440, 450, 100, 110])) < 12  # both groups at their limit


def test_snap_is_the_nearest_of_all():
    rng = np.random.default_rng(13)
    for space, rows in [*SMALL, (NESTED, all_points(NESTED)), (TWO_NESTED, all_points(TWO_NESTED))]:
        targets = rng.normal(1 / rows.shape[1], 0.4, (6, rows.shape[1]))
        snapped = space.snap(targets)
        distances = ((targets[:, None] - rows / space.total) ** 2).sum(-1)
        assert space.contains(snapped).all()
        assert np.allclose(((targets - snapped / space.total) ** 2).sum(-1), distances.min(1), rtol=0, atol=1e-12)


def test_snap_keeps_feasible_grid_compositions():
    for space in (NESTED, alloy_space("SMA", 10), alloy_space("HEA", 10)):
        counts = space.sample(20, np.random.default_rng(14))
        assert (space.snap(space.fractions(counts)) == counts).all()
        assert (space.snap(space.fractions(counts) + 1e-13) == counts).all()


def test_roundings_equal_brute_force():
    rng = np.random.default_rng(15)
    for space, rows in SMALL:
        for _ in range(5):
            weights = rng.dirichlet(np.ones(min(3, len(rows))))
            steps = weights @ rows[rng.integers(len(rows), size=len(weights))]
            steps[0] = rng.choice([steps[0], np.rint(steps[0]) + rng.choice([-1e-10, 0, 1e-10])])
            exact = np.where(np.abs(steps - np.rint(steps)) < 1e-9, np.rint(steps), steps)
            corners = set(product(*({math.floor(s), math.ceil(s)} for s in exact)))
            found = space.roundings(steps / space.total)
            assert as_set(found) == corners & as_set(rows) and len(as_set(found)) == len(found)


def test_roundings_of_grid_points_and_of_nonsense():
    space = alloy_space("SMA", 4)
    assert space.roundings([0.1 + 0.2, 0.4, 0.1, 0.2]).tolist() == [[300, 400, 100, 200]]
    assert len(space.roundings([0.3005, 0.3995, 0.1003, 0.1997])) == math.comb(4, 2)
    assert space.roundings([0.5, 0.5, 0.5, 0.5]).shape == (0, 4)
    thirty = CompositionSpace([f"E{i}" for i in range(30)], [0] * 30, [1] * 30)
    with pytest.raises(ValueError, match="too many to list"):
        thirty.roundings(np.full(30, 1 / 30) + np.tile([1e-4, -1e-4], 15))


# ---- edges ----


def test_fractions_and_counts_invert_each_other():
    space = alloy_space("HEA", 10)
    counts = space.sample(50, np.random.default_rng(16)).reshape(5, 10, 10)
    assert (space.counts(space.fractions(counts)) == counts).all()
    assert np.allclose(space.fractions(counts).sum(-1), 1)
    with pytest.raises(ValueError, match=r"Cr = 0\.2505 is no multiple of the step 0\.001; `snap`"):
        alloy_space("HEA", 3).counts([[0.25, 0.25, 0.5], [0.25, 0.2505, 0.4995]])


def test_corners_of_the_polytope_are_grid_compositions():
    rng = np.random.default_rng(17)
    for space, rows in SMALL[:30]:
        lower, upper, masks, group_lower, group_upper = space.polytope()
        sums = rows / space.total @ masks.T
        assert masks.shape == (len(space.groups), len(space.elements))
        assert (sums >= group_lower - 1e-12).all() and (sums <= group_upper + 1e-12).all()
        for cost in rng.normal(size=(5, rows.shape[1])):
            best = linprog(
                cost,
                np.vstack([masks, -masks]),
                np.concatenate([group_upper, -group_lower]),
                np.ones((1, rows.shape[1])),
                [1],
                np.stack([lower, upper], axis=1),
            )
            assert np.isclose(best.fun, (rows / space.total @ cost).min())


def test_embedding_goes_by_name():
    space = alloy_space("Ti", 4)  # Ti Mo V Ta
    longer = "Ti Al Zr Mo V Ta Nb".split()
    assert space.embed([[0.7, 0.1, 0.15, 0.05]], longer).tolist() == [[0.7, 0, 0, 0.1, 0.15, 0.05, 0]]
    with pytest.raises(ValueError, match="'V'"):
        space.embed([0.7, 0.1, 0.15, 0.05], ["Ti", "Mo", "Ta"])


def test_bounds_by_name_equal_bounds_in_order():
    by_order = CompositionSpace(["Ti", "Ni"], [0.2, 0.3], [0.7, 0.8], 0.01)
    by_name = CompositionSpace(("Ti", "Ni"), {"Ni": 0.3, "Ti": 0.2}, {"Ti": 0.7, "Ni": 0.8}, 0.01)
    assert by_order == by_name and hash(by_order) == hash(by_name)
    assert pickle.loads(pickle.dumps(by_name)) == by_name
    assert by_name.lower == (0.2, 0.3) and by_name.upper == (0.7, 0.8)  # unchanged to the last bit


def test_limits_between_grid_values_are_rounded_inwards():
    space = CompositionSpace(["A", "B"], [0.11, 0], [0.69, 1], 0.05, [Group(["B"], 0.74, 0.43)])
    assert (space.lower, space.upper) == ((0.15, 0), (0.65, 1))
    assert (space.groups[0].lower, space.groups[0].upper) == (0.45, 0.7)
    assert sorted(all_points(space)[:, 1].tolist()) == list(range(9, 15))


def test_a_description_is_plain_and_declares_the_same_space():
    space = replace(alloy_space("SMA", 6), groups=(Group(("Ti", "Hf"), 0.55, 0.3), Group(("Hf",), 0.15)))
    described = json.loads(json.dumps(space.describe()))
    assert described == space.describe()  # lists, no tuples
    groups = [Group(elements, upper, lower) for elements, lower, upper in described["groups"]]
    assert CompositionSpace(**{**described, "groups": groups}) == space


def test_the_order_of_elements_does_not_matter():
    space = alloy_space("SMA", 6, 0.01)
    order = np.random.default_rng(18).permutation(6)
    lower, upper = (dict(zip(space.elements, b, strict=True)) for b in (space.lower, space.upper))
    shuffled = replace(space, elements=[space.elements[i] for i in order], lower=lower, upper=upper)
    assert shuffled.size == space.size
    assert shuffled.contains(space.sample(100, np.random.default_rng(19))[:, order]).all()


AB = ["A", "B"]
REFUSED = [
    (dict(elements=["A", "A"]), "distinct element names"),
    (dict(elements="AB"), "distinct element names"),
    (dict(elements=[], lower=[], upper=[]), "distinct element names"),
    (dict(lower=[0.6, 0], upper=[0.5, 1]), r"A: limits 0\.6 … 0\.5"),
    (dict(lower=[float("nan"), 0]), "A: limits nan"),
    (dict(lower=[-0.1, 0]), r"A: limits -0\.1"),
    (dict(upper=[1, 55]), r"B: limits 0 … 55, expected fractions"),
    (dict(lower=[0]), "lower has 1 values for 2 elements"),
    (dict(lower={"A": 0, "C": 0}), r"lower must name exactly .* \['B', 'C'\]"),
    (dict(step=0.3), r"step is 0\.3; 1/step must be a whole number"),
    (dict(step=0), "step is 0"),
    (dict(step=float("nan")), "step is nan"),
    (dict(groups=[Group(["A", "C"])]), r"group \{A C\} names \['C'\]"),
    (dict(groups=[Group(AB, float("nan"))]), r"group \{A B\}: limits 0\.0 … nan"),
    (dict(groups=[Group(AB, 0.2, 0.4)]), r"group \{A B\}: limits 0\.4 … 0\.2"),
    (dict(lower=[0.101, 0], upper=[0.109, 1], step=0.01), r"empty space: A has no multiple of 0\.01"),
    (dict(lower=[0.6, 0.5]), r"the composition ≤ 100 steps, .* at least \{'A': 60, 'B': 50\}"),
    (dict(upper=[0.4, 0.5]), r"the composition ≥ 100 steps, .* at most \{'A': 40, 'B': 50\}"),
    (dict(lower=[0.3, 0], groups=[Group(["A"], 0.2)]), r"group \{A\} ≤ 20 steps, .* at least \{'A': 30\}"),
    (dict(upper=[0.3, 1], groups=[Group(["A"], 1, 0.4)]), r"group \{A\} ≥ 40 steps, .* at most \{'A': 30\}"),
    (
        dict(groups=[Group(["A"], 0.3), Group(["B"], 0.3)]),
        r"at most \{'group \{A\}': 30, 'group \{B\}': 30\}",
    ),
]


@pytest.mark.parametrize("change, message", REFUSED)
def test_bad_declarations_are_refused(change, message):
    good = dict(elements=AB, lower=[0, 0], upper=[1, 1], step=0.01)
    with pytest.raises(ValueError, match=message):
        CompositionSpace(**(good | change))


def test_overlapping_groups_are_refused():
    with pytest.raises(ValueError, match=r"\{A B\} and group \{B C\} overlap in \['B'\]"):
        CompositionSpace(list("ABC"), [0] * 3, [1] * 3, 0.01, [Group(["A", "B"]), Group(["B", "C"])])


def test_bad_compositions_and_ranks_are_refused():
    space = alloy_space("SMA", 4)
    for call in (space.contains, space.rank, space.fractions, space.neighbours):
        with pytest.raises(ValueError, match="counts are whole steps, got float64"):
            call([0.4, 0.4, 0.1, 0.1])
    with pytest.raises(ValueError, match=r"shape \(3,\), expected \(\.\.\., n\) for n = 4"):
        space.contains([500, 400, 100])
    with pytest.raises(ValueError, match=r"shape \(1, 4\), expected \(n,\)"):
        space.neighbours([[400, 400, 100, 100]])
    with pytest.raises(ValueError, match="finite; got nan"):
        space.snap([0.4, 0.4, 0.1, np.nan])
    with pytest.raises(ValueError, match=r"not in the space: group \{Ti Hf\} = 0\.65 is above"):
        space.rank([450, 250, 100, 200])
    for bad in (-1, space.size, [0, space.size]):
        with pytest.raises(ValueError, match=f"0 … {space.size - 1}"):
            space.unrank(bad)
    with pytest.raises(TypeError):
        space.unrank([0.5])


@pytest.mark.parametrize("total", [10**5, 150_000, 10**6])
def test_the_finest_grids_have_continuous_samples_too(total):
    space = CompositionSpace(("A", "B"), (0.1, 0), (0.4, 0.8), 1 / total)
    drawn = space.sample_continuous(50, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.sum(1), 1, rtol=1e-15)
    assert (0.2 <= drawn[:, 0]).all() and (drawn[:, 0] <= 0.4).all() and len(np.unique(drawn[:, 0])) > 40
