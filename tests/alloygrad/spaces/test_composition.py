"""Composition spaces against closed forms and independent counting; brute force on random spaces: `test_properties`."""

import json
import math
import pickle

import numpy as np
import pytest
from scipy.stats import beta, chisquare, kstest
from toys import redeclared

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
    return CompositionSpace.from_fractions(elements, lower, upper, step, groups)


def simplex(n, total):
    return CompositionSpace.from_fractions([f"E{i}" for i in range(n)], [0] * n, [1] * n, 1 / total)


NO_GROUPS = CompositionSpace.from_fractions(list("ABCD"), (0, 0.1, 0, 0.2), (1, 0.7, 0.5, 0.5), 0.1)
NESTED = CompositionSpace.from_fractions(
    list("ABCDE"),
    (0, 0, 0.1, 0, 0),
    (1, 0.5, 0.6, 1, 0.4),
    0.1,
    (Group("A B C".split(), 0.7, 0.2), Group("B C".split(), 0.5), Group("D E".split(), 0.6)),
)
TWO_NESTED = CompositionSpace.from_fractions(  # two groups and a free element inside a third group
    list("ABCDEFG"),
    [0] * 7,
    [0.5] * 7,
    0.125,
    (Group(list("ABCDE"), 0.75, 0.25), Group(list("AB"), 0.5), Group(list("CD"), 0.5, 0.125)),
)


def all_points(space):
    return np.concatenate(list(space.enumerate()))


def with_big_integers(space):
    copy = redeclared(space)
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


@pytest.mark.parametrize("step, alloy", GRID_SIZES)
def test_size_of_the_study_grids(step, alloy):
    for n, size in enumerate(GRID_SIZES[step, alloy].split(), start=3):
        found = alloy_space(alloy, n, step).size
        assert (f"{found:.3e}" == f"{float(size):.3e}") if "e" in size else found == int(size)


def test_size_of_a_whole_simplex_is_a_binomial():
    for n, total in ((2, 5), (4, 100), (10, 1000), (30, 1000)):
        assert simplex(n, total).size == math.comb(total + n - 1, n - 1)


def test_products_of_polynomials_are_exact():
    rng = np.random.default_rng(3)
    a, b = ([int(x) ** 9 for x in rng.integers(0, 10**4, n)] for n in (6, 9))
    plain = [sum(a[i] * b[k - i] for i in range(k + 1) if i < 6 and k - i < 9) for k in range(20)]
    assert multiply(a, b, 20).tolist() == plain


def test_enumeration_streams_a_large_grid():
    space, seen = alloy_space("Ti", 4, 0.002), 0
    for chunk in space.enumerate(2**17):
        assert chunk.dtype == np.int64 and len(chunk) <= 2**17 and space.contains(chunk).all()
        seen += len(np.unique(chunk @ [1, 1000, 10**6, 10**9]))
    assert seen == space.size == 533026


def before(space, coordinates, counts):
    """How many compositions come before `counts`: sizes of spaces that agree with it up to some coordinate."""
    found, agreed = 0, []
    for members in map(tuple, coordinates):
        value = int(sum(counts[space.elements.index(e)] for e in members))
        try:
            less = Group(members, max(0, value - 1) / space.total)
            found += redeclared(space, groups=(*space.groups, *agreed, less)).size if value else 0
        except ValueError as error:
            assert "No feasible composition" in str(error)
        agreed.append(Group(members, value / space.total, value / space.total))
    return found


THIRTY = [f"E{i}" for i in range(30)]
THIRTY_GROUPS = Group(THIRTY[:10], 0.5), Group(THIRTY[2:5], 0.2, 0.1), Group(THIRTY[10:25], 0.6)
ORDERED = {  # free elements, then groups, the smallest first; a group by its sum, then by its parts
    "no groups": (NO_GROUPS, list("ABCD")),
    "nested": (NESTED, "DE D ABC A BC B".split()),
    "two nested": (TWO_NESTED, "F G ABCDE E AB A CD C".split()),
    "ten elements": (alloy_space("Ti", 10), [[e] for e in alloy_space("Ti", 10).elements]),
    "beyond int64": (simplex(10, 1000), [[e] for e in THIRTY[:10]]),
    "thirty elements": (
        CompositionSpace.from_fractions(THIRTY, [0] * 30, [0.1] * 30, 0.01, THIRTY_GROUPS),
        [*([e] for e in THIRTY[25:]), THIRTY[:10], *([e] for e in (*THIRTY[:2], *THIRTY[5:10])), THIRTY[2:5],
         *([e] for e in THIRTY[2:5]), THIRTY[10:25], *([e] for e in THIRTY[10:25])],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERED)
def test_unrank_gives_the_composition_with_so_many_before_it(name):
    space, coordinates = ORDERED[name]
    small = space.size < 10**4
    rng = np.random.default_rng(5)
    inner = [int(share * space.size) for share in rng.random(40 if small else 2)]
    for rank in (0, *inner, space.size - 1):
        counts = space.unrank(rank)
        assert space.contains(counts) and before(space, coordinates, counts) == rank
    assert space.unrank([[0, space.size - 1]]).shape == (1, 2, len(space.elements))


def test_small_and_big_integers_give_the_same_compositions():
    for space in (NESTED, TWO_NESTED, alloy_space("SMA", 6), alloy_space("HEA", 5, 0.01)):
        big = with_big_integers(space)
        assert (space._tree.dtype, big._tree.dtype) == (np.int64, object)
        ranks = np.random.default_rng(1).integers(space.size, size=1000)
        assert (big.unrank(ranks) == space.unrank(ranks)).all()
        assert (next(big.enumerate(100)) == next(space.enumerate(100))).all()


# ---- sampling ----


def uniformity(space, counts):
    """p-value of 'every point of the space is equally likely'."""
    places = {point: i for i, point in enumerate(map(tuple, all_points(space).tolist()))}
    drawn = [places[point] for point in map(tuple, counts.tolist())]
    return chisquare(np.bincount(drawn, minlength=space.size)).pvalue


@pytest.mark.parametrize("space", [NO_GROUPS, alloy_space("SMA", 5, 0.05), NESTED, TWO_NESTED])
@pytest.mark.parametrize("big", [False, True])
def test_samples_are_uniform(space, big):
    counts = (with_big_integers(space) if big else space).sample(40 * space.size, np.random.default_rng(20 + big))
    assert uniformity(space, counts) > 1e-3


def test_the_uniformity_test_refuses_a_sampler_that_draws_one_element_after_another():
    points, rng = all_points(NO_GROUPS), np.random.default_rng(4)

    def draw():
        left = points
        for column in range(left.shape[1]):
            left = left[left[:, column] == rng.choice(np.unique(left[:, column]))]
        return left[0]

    assert uniformity(NO_GROUPS, np.array([draw() for _ in range(10 * NO_GROUPS.size)])) < 1e-6


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
    for column in simplex(5, 1000).sample_continuous(2000, np.random.default_rng(10)).T:  # Dirichlet(1, …, 1)
        assert kstest(column, beta(1, 4).cdf).pvalue > 1e-3


@pytest.mark.parametrize("total", [10**5, 150_000])
def test_the_finest_grids_have_continuous_samples_too(total):
    space = CompositionSpace.from_fractions(("A", "B"), (0.1, 0), (0.4, 0.8), 1 / total)
    drawn = space.sample_continuous(50, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.sum(1), 1, rtol=1e-15)
    assert (0.2 <= drawn[:, 0]).all() and (drawn[:, 0] <= 0.4).all() and len(np.unique(drawn[:, 0])) > 40


# ---- limits, roundings, conversions ----


def test_violations_say_which_limit():
    space = alloy_space("SMA", 4)
    assert space.violations([0.5, 0.4, 0.1, 0]) == []
    assert space.violations([0.50003, 0.39997, 0.1, 0]) == []  # off the grid, but within the limits
    assert space.violations([0.45, 0.25, 0.1, 0.2]) == ["group {Ti Hf} = 65 at.% is above 55"]
    assert space.violations([0.1, 0.5, 0, 0.2]) == ["Ti = 10 at.% is below 20", "the sum = 80 at.% is below 100"]


def test_roundings_of_grid_points_and_of_nonsense():
    space = alloy_space("SMA", 4)
    assert space.roundings([0.1 + 0.2, 0.4, 0.1, 0.2]).tolist() == [[300, 400, 100, 200]]
    assert len(space.roundings([0.3005, 0.3995, 0.1003, 0.1997])) == math.comb(4, 2)
    assert space.roundings([0.5, 0.5, 0.5, 0.5]).shape == (0, 4)
    with pytest.raises(ValueError, match=r"at most 1e6 roundings; got .*Use `snap`"):
        simplex(30, 1000).roundings(np.full(30, 1 / 30) + np.tile([1e-4, -1e-4], 15))


def test_snap_forgives_rounding_errors():
    for space in (NESTED, alloy_space("SMA", 10), alloy_space("HEA", 10)):
        counts = space.sample(20, np.random.default_rng(14))
        assert (space.snap(space.fractions(counts) + 1e-13) == counts).all()


def test_bounds_by_name_equal_bounds_in_order():
    by_order = CompositionSpace.from_fractions(["Ti", "Ni"], [0.2, 0.3], [0.7, 0.8], 0.01)
    by_name = CompositionSpace.from_fractions(("Ti", "Ni"), {"Ni": 0.3, "Ti": 0.2}, {"Ti": 0.7, "Ni": 0.8}, 0.01)
    assert by_order == by_name and hash(by_order) == hash(by_name)
    assert pickle.loads(pickle.dumps(by_name)) == by_name
    assert by_name.lower == (0.2, 0.3) and by_name.upper == (0.7, 0.8)  # unchanged to the last bit


def test_limits_between_grid_values_are_rounded_inwards():
    space = CompositionSpace.from_fractions(["A", "B"], [0.11, 0], [0.69, 1], 0.05, [Group(["B"], 0.74, 0.43)])
    assert (space.lower, space.upper) == ((0.15, 0), (0.65, 1))
    assert (space.groups[0].lower, space.groups[0].upper) == (0.45, 0.7)
    assert sorted(all_points(space)[:, 1].tolist()) == list(range(9, 15))


def test_a_description_is_plain_and_declares_the_same_space():
    space = redeclared(alloy_space("SMA", 6), groups=(Group(("Ti", "Hf"), 0.55, 0.3), Group(("Hf",), 0.15)))
    described = json.loads(json.dumps(space.describe()))
    assert described == space.describe()  # lists, no tuples
    groups = [Group(elements, upper, lower) for elements, lower, upper in described["groups"]]
    assert CompositionSpace.from_fractions(**{**described, "groups": groups}) == space


# ---- errors ----

AB = ["A", "B"]
REFUSED = [
    (dict(elements=["A", "A"]), "distinct element names for the space; got"),
    (dict(elements="AB"), "distinct element names for the space; got 'AB'"),
    (dict(elements=[], lower=[], upper=[]), r"distinct element names for the space; got \[\]"),
    (dict(lower=[0.6, 0], upper=[0.5, 1]), r"limits of A .* got 0\.6 … 0\.5"),
    (dict(lower=[float("nan"), 0]), "limits of A .* got nan"),
    (dict(lower=[-0.1, 0]), r"limits of A .* got -0\.1"),
    (dict(upper=[1, 55]), r"limits of B .* got 0 … 55\. Divide percentages by 100"),
    (dict(lower=[0]), r"Expected 2 values in `lower`; got 1"),
    (dict(lower={"A": 0, "C": 0}), r"`lower` to name exactly .*; got \['A', 'C'\]\. Correct \['B', 'C'\]"),
    (dict(step=0.3), r"divides 100 at.% into whole steps, a million at most; got 30 at\.%\. Take"),
    (dict(step=0), r"got 0 at\.%\. Take"),
    (dict(step=float("nan")), r"got nan at\.%\. Take"),
    (dict(groups=[Group(["A", "C"])]), r"in group \{A C\}; got \['C'\]"),
    (dict(groups=[Group(AB, float("nan"))]), r"limits of group \{A B\} .* got 0\.0 … nan"),
    (dict(groups=[Group(AB, 0.2, 0.4)]), r"limits of group \{A B\} .* got 0\.4 … 0\.2"),
    (
        dict(lower=[0.101, 0], upper=[0.109, 1], step=0.01),
        r"A has no multiple of 1 at.% within its limits 10\.1 … 10\.9 at",
    ),
    (dict(lower=[0.6, 0.5]), r"\(A 60, B 50\) sum to 110 at.%, but the composition must sum to 100 at.*Lower"),
    (dict(upper=[0.4, 0.5]), r"\(A 40, B 50\) sum to 90 at.%, but the composition must sum to 100 at.*Raise"),
    (dict(lower=[0.3, 0], groups=[Group(["A"], 0.2)]), r"\(A 30\) .* group \{A\} must have at most 20"),
    (dict(upper=[0.3, 1], groups=[Group(["A"], 1, 0.4)]), r"\(A 30\) .* group \{A\} must have at least 40"),
    (dict(groups=[Group(["A"], 0.3), Group(["B"], 0.3)]), r"\(group \{A\} 30, group \{B\} 30\) sum to 60"),
]


@pytest.mark.parametrize("change, message", REFUSED)
def test_bad_declarations_are_refused(change, message):
    good = dict(elements=AB, lower=[0, 0], upper=[1, 1], step=0.01)
    with pytest.raises(ValueError, match=message):
        CompositionSpace.from_fractions(**(good | change))


def test_overlapping_groups_are_refused():
    with pytest.raises(ValueError, match=r"\{A B\} and group \{B C\}, which overlap in \['B'\]"):
        CompositionSpace.from_fractions(list("ABC"), [0] * 3, [1] * 3, 0.01, [Group(["A", "B"]), Group(["B", "C"])])


def test_bad_compositions_and_ranks_are_refused():
    space = alloy_space("SMA", 4)
    for call in (space.contains, space.fractions):
        with pytest.raises(ValueError, match=r"whole numbers of steps of 0\.1 at\.%; got 0\.4"):
            call([0.4, 0.4, 0.1, 0.1])
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 4\), one number for each .*; got an array of shape \(3,\)"):
        space.contains([500, 400, 100])
    with pytest.raises(ValueError, match=r"shape \(4,\), one number for each of .*; got an array of shape \(1, 4\)"):
        space.roundings([[0.4, 0.4, 0.1, 0.1]])
    with pytest.raises(ValueError, match="finite fractions; got nan"):
        space.snap([0.4, 0.4, 0.1, np.nan])
    with pytest.raises(ValueError, match=r"multiples of the step, 0\.1 at\.%; got Ni = 25\.05 at\.%\. `snap`"):
        space.counts([[0.25, 0.25, 0.5, 0], [0.25, 0.2505, 0.4995, 0]])
    for bad in (-1, space.size, [0, space.size]):
        with pytest.raises(ValueError, match=f"ranks in 0 … {space.size - 1}; got"):
            space.unrank(bad)
    with pytest.raises(TypeError):
        space.unrank([0.5])
