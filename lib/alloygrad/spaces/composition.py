"""Composition spaces: grids of atomic fractions within element bounds and group limits.

A grid composition is a vector of integers, the *counts* n_i of a step (step 0.001: one count is 0.1 at.%):

    l_i ≤ n_i ≤ u_i ,   L_g ≤ Σ_{i∈g} n_i ≤ U_g  for every group g ,   Σ_i n_i = total = 1/step .

Fractions n_i/total appear only at the edge. Groups are disjoint or nested, so elements and groups form a tree. One
recursion over the tree counts compositions in exact integers. An element is the polynomial x^l + … + x^u. A group is
the product of its children's polynomials, cut to the powers L…U. The coefficient of x^total at the root is the size of
the grid. Let A(k) be the number of ways to reach the sum k in a child, and S(r) to reach r in all children after it:

    A(k) · S(r − k)   compositions give this child k out of r.

Laid side by side, these blocks number the compositions 0, 1, 2, … (`unrank`). A uniform number is a uniform composition
(`sample`), and consecutive numbers are the whole grid (`enumerate`). An element has A = 1, so for every r its blocks
are differences of one vector, the running sum of S.

Source: A. Nijenhuis and H. S. Wilf, *Combinatorial Algorithms* (Academic Press, 1978).
"""

import math
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np

from alloygrad.spaces.counting import Node, random_below

ON_GRID = 1e-9  # a fraction closer than this to a grid value or a limit lies on it


@dataclass(frozen=True)
class Group:
    """Limit the sum of some atomic fractions: lower ≤ Σ_{i∈elements} c_i ≤ upper."""

    elements: tuple[str, ...]
    upper: float = 1.0
    lower: float = 0.0

    def __post_init__(self):
        object.__setattr__(self, "elements", _names(self.elements, "a group"))

    def __str__(self):
        return "group {" + " ".join(self.elements) + "}"


class Polytope(NamedTuple):
    """The limits as float64 arrays: lower ≤ c ≤ upper, group_lower ≤ masks @ c ≤ group_upper (and Σ c = 1)."""

    lower: np.ndarray  # (n_elements,)
    upper: np.ndarray
    masks: np.ndarray  # (n_groups, n_elements), 1 where the element belongs to the group
    group_lower: np.ndarray  # (n_groups,)
    group_upper: np.ndarray

    def holds(self, points: np.ndarray, slack: float = 0) -> np.ndarray:
        """Check that points (..., n_elements) break no limit by more than `slack`, all in one unit: bool (...)."""
        sums = points @ self.masks.T
        inside = ((points >= self.lower - slack) & (points <= self.upper + slack)).all(-1)
        return inside & ((sums >= self.group_lower - slack) & (sums <= self.group_upper + slack)).all(-1)


@dataclass(frozen=True)
class CompositionSpace:
    """All grid compositions of `elements` within the bounds and group limits, as atomic fractions.

    Limits between two grid values are rounded inwards, and the fields hold the rounded limits.

    Args:
        elements: distinct names.
        lower, upper: a mapping by element, or a sequence in the order of `elements`.
        step: grid spacing; 1/step must be a whole number.
        groups: limits on sums, disjoint or nested.

    Raises:
        ValueError: if limits contradict each other or groups overlap; the message names the limit to change.
    """

    elements: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    step: float = 0.001
    groups: tuple[Group, ...] = ()
    listed = False  # a listed space, as in `campaigns.replay`, has no limits to walk within and is always enumerated

    def __post_init__(self):
        elements = _names(self.elements, "the space")
        total = round(1 / self.step) if 1e-6 <= self.step <= 1 else 0
        if not abs(total * self.step - 1) <= ON_GRID:  # also true for NaN
            raise ValueError(
                f"Expected a step of which 1/step is a whole number up to 1e6; got {self.step}. Take for example 0.005."
            )
        lower = _by_element(self.lower, elements, "lower")
        upper = _by_element(self.upper, elements, "upper")
        box = [_round_inwards(*limits, total) for limits in zip(elements, lower, upper, strict=True)]
        groups = []
        for group in self.groups:
            if unknown := set(group.elements) - set(elements):
                raise ValueError(
                    f"Expected elements of the space, {list(elements)}, in {group}; got {sorted(unknown)}. "
                    "Correct the names, or add the elements to the space."
                )
            low, high = _round_inwards(str(group), group.lower, group.upper, total)
            groups.append(Group(group.elements, upper=high, lower=low))
        for a, b in combinations(groups, 2):
            one, two = set(a.elements), set(b.elements)
            if one & two and not (one <= two or two <= one):
                raise ValueError(
                    f"Expected disjoint or nested groups; got {a} and {b}, which overlap in {sorted(one & two)}. "
                    "Take these elements out of one, or put one group into the other."
                )
        kept = (elements, *zip(*box, strict=True), 1 / total, tuple(groups))
        for field, value in zip(fields(self), kept, strict=True):
            object.__setattr__(self, field.name, value)
        _ = self._tree  # refuses an empty grid here, where the limits are declared

    @cached_property
    def total(self) -> int:
        """Number of steps in a whole composition, 1/step."""
        return round(1 / self.step)

    @cached_property
    def size(self) -> int:
        """Exact number of grid compositions."""
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
        """Return plain values, ready for JSON: elements, lower, upper, step, and groups as [elements, lower, upper]."""
        return {
            "elements": list(self.elements),
            "lower": list(self.lower),
            "upper": list(self.upper),
            "step": self.step,
            "groups": [[list(group.elements), group.lower, group.upper] for group in self.groups],
        }

    def polytope(self) -> Polytope:
        """Return the limits for continuous optimisers; every corner of the polytope is a grid composition."""
        masks = np.array([[float(e in g.elements) for e in self.elements] for g in self.groups])
        sums = np.array([(g.lower, g.upper) for g in self.groups]).reshape(-1, 2)
        masks = masks.reshape(-1, len(self.elements))  # also without groups
        return Polytope(np.array(self.lower), np.array(self.upper), masks, *sums.T)

    @cached_property
    def _limits(self) -> Polytope:
        """The polytope in whole steps, for exact comparisons."""
        limits = self.polytope()
        steps = Polytope(*(np.rint(a * self.total).astype(np.int64) for a in limits))
        return steps._replace(masks=limits.masks.astype(np.int64))

    def fractions(self, counts) -> np.ndarray:
        """Convert counts (..., n_elements) to atomic fractions (..., n_elements)."""
        return self._counts_checked(counts) / self.total

    def counts(self, fractions) -> np.ndarray:
        """Convert fractions (..., n_elements) to int64 counts. Raises ValueError if a fraction lies off the grid."""
        fractions = self._fractions_checked(fractions)
        counts = np.rint(fractions * self.total)
        off = np.argwhere(np.abs(fractions - counts / self.total) > ON_GRID)
        if len(off):
            where = tuple(off[0])
            raise ValueError(
                f"Expected multiples of the step {self.step}; got {self.elements[where[-1]]} = {fractions[where]}. "
                "`snap` gives the nearest grid composition."
            )
        return counts.astype(np.int64)

    def contains(self, counts) -> np.ndarray:
        """Check whether counts (..., n_elements) are compositions of this space: bool (...)."""
        counts = self._counts_checked(counts)
        return self._limits.holds(counts) & (counts.sum(-1) == self.total)

    def violations(self, fractions) -> list[str]:
        """List the limits that fractions (n_elements,), on the grid or not, break, one text for each."""
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

    def unrank(self, ranks) -> np.ndarray:
        """Return the compositions (..., n_elements) with the numbers `ranks` (...), integers from 0 to size − 1.

        The order is lexicographic: first the elements outside all groups, then group by group, the smallest group
        first. A group is ordered by its sum, then by its parts.
        """
        ranks = np.asarray(ranks, dtype=None if isinstance(ranks, np.ndarray) else object)
        if ranks.dtype.kind not in "iu":
            ranks = np.asarray(np.frompyfunc(operator.index, 1, 1)(ranks), dtype=object)
        if np.any((ranks < 0) | (ranks >= self.size)):
            raise ValueError(
                f"Expected ranks in 0 … {self.size - 1}; got {ranks.min()} … {ranks.max()}. Drop the others."
            )
        counts = np.empty((ranks.size, len(self.elements)), dtype=np.int64)
        totals = np.full(ranks.size, self.total)
        self._tree.unrank(totals, ranks.reshape(-1).astype(self._tree.dtype), counts)
        return counts.reshape(*ranks.shape, len(self.elements))

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n counts (n, n_elements), each exactly uniform over the grid within all limits."""
        small = self._tree.dtype == np.int64
        return self.unrank(rng.integers(self.size, size=n) if small else random_below(self.size, n, rng))

    def sample_continuous(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n fractions (n, n_elements), nearly uniform over the polytope; most lie off the grid.

        They are exactly uniform over the ten times finer grid within the same limits, or over the grid itself if
        1/step > 1e5.
        """
        return self._finer.fractions(self._finer.sample(n, rng))

    @cached_property
    def _finer(self) -> "CompositionSpace":
        return replace(self, step=self.step / 10) if self.total <= 10**5 else self

    def enumerate(self, chunk: int = 2**18) -> Iterator[np.ndarray]:
        """Yield the whole grid in the order of `unrank`, as counts of shape (≤ chunk, n_elements)."""
        for start in range(0, self.size, chunk):
            stop = min(start + chunk, self.size)
            yield self.unrank(np.arange(start, stop) if self._tree.dtype == np.int64 else range(start, stop))

    def snap(self, fractions) -> np.ndarray:
        """Return the feasible counts nearest (Euclidean) to fractions (..., n_elements), which need not be feasible.

        The result is exact. One more step of an element with k steps changes the squared distance to the target y, in
        steps, by 2(k − y) + 1. This cost grows with k. So a group is filled optimally by taking the cheapest step among
        its children again and again, and the costs of the group then ascend as well. Its limits only fix where the
        filling begins and ends. Among equally near compositions the choice is always the same.

        Source: A. Federgruen and H. Groenevelt, Oper. Res. 34, 909 (1986).
        """
        fractions = self._fractions_checked(fractions)
        targets = fractions.reshape(-1, len(self.elements)) * self.total
        nearest = [self._tree.climb(target)[0] for target in targets]
        return np.array(nearest, dtype=np.int64).reshape(fractions.shape)

    def roundings(self, fractions) -> np.ndarray:
        """Return every floor/ceil rounding of fractions (n_elements,) in the space, as counts (m, n_elements)."""
        steps = self._fractions_checked(fractions, one=True) * self.total
        steps = np.where(np.abs(steps - np.rint(steps)) <= ON_GRID * self.total, np.rint(steps), steps)
        floor = np.floor(steps).astype(np.int64)
        loose, missing = np.flatnonzero(steps > floor), self.total - floor.sum()
        if not 0 <= missing <= len(loose):
            return np.empty((0, len(self.elements)), dtype=np.int64)
        if math.comb(len(loose), missing) > 10**6:
            raise ValueError(
                f"Expected at most 1e6 roundings; got {math.comb(len(loose), missing)}. Use `snap`, which returns one."
            )
        raised = np.array(list(combinations(loose, missing)), dtype=int)
        rounded = np.repeat(floor[None], len(raised), axis=0)
        np.put_along_axis(rounded, raised, floor[raised] + 1, axis=1)
        return rounded[self.contains(rounded)]

    def _columns_checked(self, values, one=False):
        values = np.asarray(values)
        if values.shape[-1:] != (len(self.elements),) or (one and values.ndim != 1):
            expected = "(n,)" if one else "(..., n)"
            raise ValueError(
                f"Expected an array of shape {expected} for n = {len(self.elements)} elements; got {values.shape}. "
                f"Give one number for each of {list(self.elements)}."
            )
        return values

    def _fractions_checked(self, fractions, one=False):
        fractions = self._columns_checked(fractions, one).astype(float)
        if not np.isfinite(fractions).all():
            raise ValueError(
                f"Expected finite fractions; got {fractions[~np.isfinite(fractions)][0]}. Leave this composition out."
            )
        return fractions

    def _counts_checked(self, counts):
        counts = self._columns_checked(counts)
        if counts.dtype.kind not in "iu":
            raise ValueError(
                f"Expected counts, integers of whole steps; got {counts.dtype}. Convert fractions with `counts`."
            )
        return counts.astype(np.int64, copy=False)


def require_elements(space, **named) -> None:
    """Raise ValueError, by name, if a value has `elements` other than those of `space`, or in another order.

    A plain callable has no `elements` and passes: the meaning of its columns cannot be checked.
    """
    for name, value in named.items():
        elements = tuple(getattr(value, "elements", None) or space.elements)
        if elements != tuple(space.elements):
            raise ValueError(
                f"Expected the elements of the {name} to be those of the space, in the same order: "
                f"{' '.join(space.elements)}; got {' '.join(elements)}. Make both from `space.elements`."
            )


def _names(values, owner):
    if isinstance(values, str) or not len(values) or len(set(values)) < len(values):
        raise ValueError(
            f"Expected a list of distinct element names for {owner}; got {values!r}. Write for example ['Ti', 'Ni']."
        )
    return tuple(values)


def _by_element(values, elements, what):
    if isinstance(values, Mapping):
        if wrong := set(values) ^ set(elements):
            raise ValueError(
                f"Expected `{what}` to name exactly {list(elements)}; got {sorted(values)}. Correct {sorted(wrong)}."
            )
        values = [values[e] for e in elements]
    if len(values) != len(elements):
        raise ValueError(
            f"Expected {len(elements)} values in `{what}`; got {len(values)}. Give one for each of {list(elements)}."
        )
    return values


def _round_inwards(name, lower, upper, total):
    if not 0 <= lower <= upper <= 1:  # false for NaN too
        raise ValueError(
            f"Expected limits of {name} as fractions with 0 ≤ lower ≤ upper ≤ 1; got {lower} … {upper}. "
            "Divide percentages by 100."
        )
    low, high = math.ceil((lower - ON_GRID) * total), math.floor((upper + ON_GRID) * total)
    if low > high:
        raise ValueError(
            f"No feasible composition: {name} has no multiple of {1 / total} within its limits {lower} … {upper}. "
            "Widen them, or refine the step."
        )
    return low / total, high / total
