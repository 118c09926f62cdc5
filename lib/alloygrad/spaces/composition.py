"""The compositions that may be made: a grid of whole steps inside element bounds and group limits.

A grid composition is a vector of integers, the *counts* n_i of a step (step 0.001: one count is 0.1 at.%):

    l_i ≤ n_i ≤ u_i ,   L_g ≤ Σ_{i∈g} n_i ≤ U_g  for every group g ,   Σ_i n_i = total = 1/step .

Fractions n_i/total appear only at the edge. Groups are disjoint or nested, so elements and groups form a
tree, and one recursion over it counts everything in exact integers: an element is the polynomial
x^l + … + x^u, a group the product of its children cut to the powers L…U, and the coefficient of x^total at
the root is the size of the grid. With A(k) the ways to make k in a child and S(r) those to make r in all
children after it,

    A(k) · S(r − k)   compositions give this child k out of r.

Laying these blocks side by side numbers the compositions 0, 1, 2, … (`rank`, `unrank`); a uniform number is a
uniform composition (`sample`), consecutive numbers are the whole grid (`enumerate`). For an element A = 1 and
its blocks are differences of one vector, the running sum of S, whatever r. Such ranking by block weights is
textbook combinatorics: A. Nijenhuis and H. S. Wilf, *Combinatorial Algorithms* (Academic Press, 1978).
"""

import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np

from alloygrad.spaces.counting import Node, random_below

ON_GRID = 1e-9  # a fraction this close to a grid value or a limit counts as lying on it


@dataclass(frozen=True)
class Group:
    """A limit on a summed fraction: lower ≤ Σ_{i∈elements} c_i ≤ upper (fractions)."""

    elements: tuple[str, ...]
    upper: float = 1.0
    lower: float = 0.0

    def __post_init__(self):
        object.__setattr__(self, "elements", _names(self.elements, "a group"))

    def __str__(self):
        return "group {" + " ".join(self.elements) + "}"


class Polytope(NamedTuple):
    """Limits as float64 arrays: lower ≤ c ≤ upper, group_lower ≤ masks @ c ≤ group_upper (and Σ c = 1)."""

    lower: np.ndarray  # (n_elements,)
    upper: np.ndarray
    masks: np.ndarray  # (n_groups, n_elements), 1 where the element belongs to the group
    group_lower: np.ndarray  # (n_groups,)
    group_upper: np.ndarray

    def holds(self, points: np.ndarray, slack: float = 0) -> np.ndarray:
        """Whether points (..., n_elements), in the unit of the limits, break none by more than `slack`: bool (...)."""
        sums = points @ self.masks.T
        inside = ((points >= self.lower - slack) & (points <= self.upper + slack)).all(-1)
        return inside & ((sums >= self.group_lower - slack) & (sums <= self.group_upper + slack)).all(-1)


@dataclass(frozen=True)
class CompositionSpace:
    """All grid compositions of `elements` within the bounds and group limits (all numbers are fractions).

    lower, upper: a mapping by element name, or a sequence in the order of `elements`; kept as tuples.
    step: grid spacing; 1/step must be a whole number. groups: disjoint or nested.
    Limits between two grid values are rounded inwards, and what is kept in the fields are the rounded ones.
    Raises ValueError for contradictory or overlapping limits, naming the one to change.
    """

    elements: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    step: float = 0.001
    groups: tuple[Group, ...] = ()
    listed = False  # a space of rows (`replay`) is: it has no limits to walk within, and is enumerated

    def __post_init__(self):
        elements = _names(self.elements, "the space")
        total = round(1 / self.step) if 1e-6 <= self.step <= 1 else 0
        if not abs(total * self.step - 1) <= ON_GRID:  # also true for NaN
            raise ValueError(f"step is {self.step}; 1/step must be a whole number up to 1e6, as for 0.005.")
        lower = _by_element(self.lower, elements, "lower")
        upper = _by_element(self.upper, elements, "upper")
        box = [_round_inwards(*limits, total) for limits in zip(elements, lower, upper, strict=True)]
        groups = []
        for group in self.groups:
            if unknown := set(group.elements) - set(elements):
                raise ValueError(f"{group} names {sorted(unknown)}; the space has {list(elements)}.")
            low, high = _round_inwards(str(group), group.lower, group.upper, total)
            groups.append(Group(group.elements, upper=high, lower=low))
        for a, b in combinations(groups, 2):
            one, two = set(a.elements), set(b.elements)
            if one & two and not (one <= two or two <= one):
                raise ValueError(f"{a} and {b} overlap in {sorted(one & two)}; make them disjoint or nested.")
        kept = (elements, *zip(*box, strict=True), 1 / total, tuple(groups))
        for field, value in zip(fields(self), kept, strict=True):
            object.__setattr__(self, field.name, value)
        _ = self._tree  # refuses an empty grid here, where the limits are declared

    @cached_property
    def total(self) -> int:
        """The number of steps in a whole composition, 1/step."""
        return round(1 / self.step)

    @cached_property
    def size(self) -> int:
        """The exact number of grid compositions."""
        return int(self._tree.ways[self.total])

    @cached_property
    def _tree(self) -> "Node":
        limits = self._limits
        bounds = zip(self.elements, limits.lower, limits.upper, strict=True)
        tops = [Node(name, low, high, columns=[i]) for i, (name, low, high) in enumerate(bounds)]
        groups = zip(self.groups, limits.group_lower, limits.group_upper, strict=True)
        for group, low, high in sorted(groups, key=lambda g: len(g[0].elements)):
            inside = [top for top in tops if {self.elements[c] for c in top.columns} <= set(group.elements)]
            tops = [top for top in tops if top not in inside] + [Node(str(group), low, high, inside)]
        tree = Node("the composition", self.total, self.total, tops)
        if tree.largest() <= np.iinfo(np.int64).max:
            tree.hold(np.int64)
        return tree

    def describe(self) -> dict:
        """Plain values for a digest: elements, lower, upper, step, and groups as [elements, lower, upper]."""
        return {
            "elements": list(self.elements),
            "lower": list(self.lower),
            "upper": list(self.upper),
            "step": self.step,
            "groups": [[list(group.elements), group.lower, group.upper] for group in self.groups],
        }

    def polytope(self) -> Polytope:
        """The limits for continuous optimisers; every corner of the polytope is a grid composition."""
        masks = np.array([[float(e in g.elements) for e in self.elements] for g in self.groups])
        sums = np.array([(g.lower, g.upper) for g in self.groups]).reshape(-1, 2)
        masks = masks.reshape(-1, len(self.elements))  # also without groups
        return Polytope(np.array(self.lower), np.array(self.upper), masks, *sums.T)

    @cached_property
    def _limits(self) -> Polytope:
        """The polytope in whole steps, for exact comparison."""
        limits = self.polytope()
        steps = Polytope(*(np.rint(a * self.total).astype(np.int64) for a in limits))
        return steps._replace(masks=limits.masks.astype(np.int64))

    def fractions(self, counts) -> np.ndarray:
        """Counts (..., n_elements) → fractions (..., n_elements)."""
        return self._counts_checked(counts) / self.total

    def counts(self, fractions) -> np.ndarray:
        """Fractions (..., n_elements) → int64 counts; raises ValueError where a fraction is off the grid."""
        fractions = self._fractions_checked(fractions)
        counts = np.rint(fractions * self.total)
        off = np.argwhere(np.abs(fractions - counts / self.total) > ON_GRID)
        if len(off):
            where = tuple(off[0])
            what = f"{self.elements[where[-1]]} = {fractions[where]} is no multiple of the step {self.step}"
            raise ValueError(f"{what}; `snap` gives the nearest grid composition.")
        return counts.astype(np.int64)

    def contains(self, counts) -> np.ndarray:
        """Whether counts (..., n_elements) are grid compositions of this space: bool (...)."""
        counts = self._counts_checked(counts)
        return self._limits.holds(counts) & (counts.sum(-1) == self.total)

    def violations(self, fractions) -> list[str]:
        """The limits that one composition (n_elements,) breaks, as readable text; on the grid or not."""
        fractions = self._fractions_checked(fractions, one=True)
        limits = [(e, (e,), lo, hi) for e, lo, hi in zip(self.elements, self.lower, self.upper, strict=True)]
        limits += [(str(g), g.elements, g.lower, g.upper) for g in self.groups]
        limits.append(("the sum", self.elements, 1.0, 1.0))
        found = []
        for name, members, low, high in limits:
            value = sum(fractions[self.elements.index(e)] for e in members)
            if value < low - ON_GRID:
                found.append(f"{name} = {value:.10g} is below {low:.10g}")
            if value > high + ON_GRID:
                found.append(f"{name} = {value:.10g} is above {high:.10g}")
        return found

    def rank(self, counts):
        """The number of each composition (..., n_elements): an int, or an array of int64 or Python integers.

        Raises ValueError for a composition outside the space.
        """
        counts = self._counts_checked(counts)
        outside = counts[~self.contains(counts)]
        if len(outside):
            bad = outside[0] / self.total
            raise ValueError(
                f"{dict(zip(self.elements, bad.tolist(), strict=True))} is not in the space: "
                f"{'; '.join(self.violations(bad))}. `space.snap` gives the nearest composition inside."
            )
        _, ranks = self._tree.rank(counts.reshape(-1, len(self.elements)))
        return int(ranks[0]) if counts.ndim == 1 else ranks.reshape(counts.shape[:-1])

    def unrank(self, ranks) -> np.ndarray:
        """The compositions (..., n_elements) numbered `ranks` (...), integers from 0 to size − 1.

        Lexicographic in the elements outside all groups, then group by group, the smallest group first.
        """
        ranks = np.asarray(ranks, dtype=None if isinstance(ranks, np.ndarray) else object)
        if ranks.dtype.kind not in "iu":
            ranks = np.asarray(np.frompyfunc(operator.index, 1, 1)(ranks), dtype=object)
        if np.any((ranks < 0) | (ranks >= self.size)):
            raise ValueError(f"ranks must lie in 0 … {self.size - 1}; got {ranks.min()} … {ranks.max()}.")
        counts = np.empty((ranks.size, len(self.elements)), dtype=np.int64)
        totals = np.full(ranks.size, self.total)
        self._tree.unrank(totals, ranks.reshape(-1).astype(self._tree.dtype), counts)
        return counts.reshape(*ranks.shape, len(self.elements))

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n counts (n, n_elements), each exactly uniform over the grid, group limits included."""
        small = self._tree.dtype == np.int64
        return self.unrank(rng.integers(self.size, size=n) if small else random_below(self.size, n, rng))

    def sample_continuous(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n fractions (n, n_elements), all but uniform over the polytope; most lie off the grid.

        Precisely: exactly uniform over the ten times finer grid within the same limits, or over the grid itself where
        that has more than 1e5 steps.
        """
        return self._finer.fractions(self._finer.sample(n, rng))

    @cached_property
    def _finer(self) -> "CompositionSpace":
        return replace(self, step=self.step / 10) if self.total <= 10**5 else self

    def enumerate(self, chunk: int = 2**18) -> Iterator[np.ndarray]:
        """Stream the whole grid in the order of rank, as counts of shape (≤ chunk, n_elements)."""
        for start in range(0, self.size, chunk):
            stop = min(start + chunk, self.size)
            yield self.unrank(np.arange(start, stop) if self._tree.dtype == np.int64 else range(start, stop))

    def neighbours(self, counts) -> np.ndarray:
        """All compositions of the space that differ from `counts` by one step exchanged: (m, n_elements)."""
        unit = np.eye(len(self.elements), dtype=np.int64)
        moves = unit[:, None] - unit
        moved = self._counts_checked(counts, one=True) + moves[moves.any(-1)]
        return moved[self.contains(moved)]

    def snap(self, fractions) -> np.ndarray:
        """The feasible counts nearest (Euclidean) to fractions (..., n_elements), which need not be feasible.

        Exact. One more unit on an element with k changes the squared distance to the target y (in steps)
        by 2(k − y) + 1, which grows with k. So the cheapest way to v units in a group is to climb the unit
        costs of its children in ascending order, and the group's own unit costs ascend again; its limits only
        fix where the climb begins and ends, and the argument repeats upwards. (When such a climb is optimal:
        A. Federgruen and H. Groenevelt, Oper. Res. 34, 909, 1986.) Equally near: always the same one.
        """
        fractions = self._fractions_checked(fractions)
        targets = fractions.reshape(-1, len(self.elements)) * self.total
        nearest = [self._tree.climb(target)[0] for target in targets]
        return np.array(nearest, dtype=np.int64).reshape(fractions.shape)

    def roundings(self, fractions) -> np.ndarray:
        """Every floor/ceil rounding of fractions (n_elements,) within the space: counts (m, n_elements)."""
        steps = self._fractions_checked(fractions, one=True) * self.total
        steps = np.where(np.abs(steps - np.rint(steps)) <= ON_GRID * self.total, np.rint(steps), steps)
        floor = np.floor(steps).astype(np.int64)
        loose, missing = np.flatnonzero(steps > floor), self.total - floor.sum()
        if not 0 <= missing <= len(loose):
            return np.empty((0, len(self.elements)), dtype=np.int64)
        if math.comb(len(loose), missing) > 10**6:
            raise ValueError(f"{math.comb(len(loose), missing)} roundings are too many to list; use `snap`.")
        raised = np.array(list(combinations(loose, missing)), dtype=int)
        rounded = np.repeat(floor[None], len(raised), axis=0)
        np.put_along_axis(rounded, raised, floor[raised] + 1, axis=1)
        return rounded[self.contains(rounded)]

    def embed(self, values, elements: Sequence[str]) -> np.ndarray:
        """Place values (..., n_elements) by name among `elements`, else zeros: (..., len(elements))."""
        values = self._columns_checked(values)
        if missing := set(self.elements) - set(elements):
            raise ValueError(f"{sorted(missing)} of the space are not among {list(elements)}.")
        placed = np.zeros((*values.shape[:-1], len(elements)), dtype=values.dtype)
        placed[..., [list(elements).index(e) for e in self.elements]] = values
        return placed

    def _columns_checked(self, values, one=False):
        values = np.asarray(values)
        if values.shape[-1:] != (len(self.elements),) or (one and values.ndim != 1):
            expected = "(n,)" if one else "(..., n)"
            raise ValueError(f"got shape {values.shape}, expected {expected} for n = {len(self.elements)} elements")
        return values

    def _fractions_checked(self, fractions, one=False):
        fractions = self._columns_checked(fractions, one).astype(float)
        if not np.isfinite(fractions).all():
            raise ValueError(f"fractions must be finite; got {fractions[~np.isfinite(fractions)][0]}.")
        return fractions

    def _counts_checked(self, counts, one=False):
        counts = self._columns_checked(counts, one)
        if counts.dtype.kind not in "iu":
            raise ValueError(f"counts are whole steps, got {counts.dtype}; convert with `counts(fractions)`.")
        return counts.astype(np.int64, copy=False)


def require_elements(space, **named) -> None:
    """Raise ValueError, by name, where a value has `elements` that are not those of `space`, in its order.

    A plain callable has none and passes: what it takes its columns for cannot be known.
    """
    for name, value in named.items():
        elements = tuple(getattr(value, "elements", None) or space.elements)
        if elements != tuple(space.elements):
            what = f"Elements of the {name} are {' '.join(elements)}, of the space {' '.join(space.elements)}"
            raise ValueError(f"{what}: make both with the same ones in the same order, best from `space.elements`.")


def _names(values, owner):
    if isinstance(values, str) or not len(values) or len(set(values)) < len(values):
        raise ValueError(f"{owner} needs a list of distinct element names, got {values!r}.")
    return tuple(values)


def _by_element(values, elements, what):
    if isinstance(values, Mapping):
        if wrong := set(values) ^ set(elements):
            raise ValueError(f"{what} must name exactly {list(elements)}; missing or unknown: {sorted(wrong)}.")
        values = [values[e] for e in elements]
    if len(values) != len(elements):
        raise ValueError(f"{what} has {len(values)} values for {len(elements)} elements {list(elements)}.")
    return values


def _round_inwards(name, lower, upper, total):
    if not 0 <= lower <= upper <= 1:  # false for NaN too
        raise ValueError(f"{name}: limits {lower} … {upper}, expected fractions with 0 ≤ lower ≤ upper ≤ 1.")
    low, high = math.ceil((lower - ON_GRID) * total), math.floor((upper + ON_GRID) * total)
    if low > high:
        raise ValueError(f"empty space: {name} has no multiple of {1 / total} within {lower} … {upper}.")
    return low / total, high / total
