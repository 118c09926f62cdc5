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

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import combinations
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from alloygrad.checks import (
    by_symbol,
    distinct_names,
    element_column,
    explained,
    finite_cells,
    numbers,
    require_callable,
    require_columns,
    require_frame,
    require_generator,
    require_whole,
    row_name,
    shown,
)
from alloygrad.protocols import Space
from alloygrad.spaces.counting import WHOLE, Node, random_below
from alloygrad.symbols import CHEMICAL_SYMBOLS

ON_GRID = 1e-9  # a fraction closer than this to a grid value or a limit lies on it
SLACK = 0.2 + 1e-7  # shares in at.% may sum to 100 ± this
MOST_FURTHER = 10  # columns named like further elements that are looked at


@dataclass(frozen=True)
class Group:
    """Limit the sum of some atomic fractions: lower ≤ Σ_{i∈elements} c_i ≤ upper."""

    elements: tuple[str, ...]
    upper: float = 1.0
    lower: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "elements", distinct_names(self.elements, "element names for a group"))

    def __str__(self) -> str:
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


@explained("ag.CompositionSpace({'Ni': (40, 60), 'Ti': (40, 60)}, step=0.5)")
@dataclass(frozen=True, init=False, repr=False)
class CompositionSpace:
    """All grid compositions within element bounds and limits on sums, declared in at.%.

    A point is a vector of whole steps (*counts*); its coordinates are atomic fractions. The fields hold fractions.
    Limits between two grid values are rounded inwards.

    Args:
        bounds: Element → (least, most), in at.%.
        step: Of the grid, in at.%; 100/step is a whole number.
        groups: Limits on sums: (elements, least, most), in at.%; disjoint or nested.

    Raises:
        ValueError: Limits that contradict each other, groups that overlap; the message says which limit to change.

    Example:
        >>> space = CompositionSpace({"Ti": (20, 55), "Ni": (20, 55), "Cu": (0, 20)}, step=0.5)
        >>> space.size
        1681
    """

    elements: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    step: float = 0.001
    groups: tuple[Group, ...] = ()

    maximiser = "ascent"

    def __init__(
        self,
        bounds: Mapping[str, tuple[float, float]],
        *,
        step: float = 0.1,
        groups: Sequence[tuple[Sequence[str], float, float]] = (),
    ) -> None:
        names, box, sums = _declared(bounds, step, groups)
        self._declare(
            names,
            [box[name][0] / 100 for name in names],
            [box[name][1] / 100 for name in names],
            step / 100,
            tuple(Group(members, most / 100, least / 100) for members, least, most in sums),
        )

    @classmethod
    @explained("CompositionSpace.from_fractions(['Ni', 'Ti'], lower=[0.4, 0.4], upper=[0.6, 0.6])")
    def from_fractions(
        cls,
        elements: Sequence[str],
        lower: Mapping | Sequence[float],
        upper: Mapping | Sequence[float],
        step: float = 0.001,
        groups: Sequence[Group] = (),
    ) -> CompositionSpace:
        """Return the same space declared in atomic fractions.

        Args:
            elements: Distinct names.
            lower: Least fractions, a mapping by element or a sequence in the order of `elements`.
            upper: Largest fractions, likewise.
            step: Grid spacing; 1/step is a whole number.
            groups: Limits on sums, disjoint or nested.
        """
        space = object.__new__(cls)
        space._declare(elements, lower, upper, step, groups)
        return space

    def _declare(
        self,
        elements: Sequence[str],
        lower: Mapping | Sequence[float],
        upper: Mapping | Sequence[float],
        step: float,
        groups: Sequence[Group],
    ) -> None:
        elements = distinct_names(elements, "element names for the space")
        if not isinstance(step, Real) or isinstance(step, bool):
            raise ValueError(f"Expected the step as a number; got {step!r}. Pass for example step=0.001.")
        total = round(1 / step) if 1e-6 <= step <= 1 else 0
        if not abs(total * step - 1) <= ON_GRID:  # also true for NaN
            raise ValueError(
                f"Expected a step that divides 100 at.% into whole steps, a million at most; got {100 * step:g} at.%. "
                "Take for example 0.1, 0.5 or 1 at.%."
            )
        lower, upper = _by_element(lower, elements, "lower"), _by_element(upper, elements, "upper")
        box = [_round_inwards(*limits, total) for limits in zip(elements, lower, upper, strict=True)]
        rounded = []
        for group in groups:
            if not isinstance(group, Group):
                raise TypeError(
                    f"Expected groups as `Group(elements, upper, lower)`; got {group!r}. Pass such objects."
                )
            if unknown := set(group.elements) - set(elements):
                raise ValueError(
                    f"Expected elements of the space, {list(elements)}, in {group}; got {sorted(unknown)}. "
                    "Correct the names, or add the elements to the space."
                )
            low, high = _round_inwards(str(group), group.lower, group.upper, total)
            rounded.append(Group(group.elements, upper=high, lower=low))
        for a, b in combinations(rounded, 2):
            one, two = set(a.elements), set(b.elements)
            if one & two and not (one <= two or two <= one):
                raise ValueError(
                    f"Expected disjoint or nested groups; got {a} and {b}, which overlap in {sorted(one & two)}. "
                    "Take these elements out of one, or put one group into the other."
                )
        kept = (elements, *zip(*box, strict=True), 1 / total, tuple(rounded))
        for field, value in zip(fields(self), kept, strict=True):
            object.__setattr__(self, field.name, value)
        _ = self._tree  # refuses an empty grid here, where the limits are declared

    def __repr__(self) -> str:
        """Return the declaration, in at.%."""
        limits = [
            *zip(self.elements, self.lower, self.upper, strict=True),
            *((g, g.lower, g.upper) for g in self.groups),
        ]
        listed = ", ".join(f"{name} {100 * low:.10g} … {100 * high:.10g}" for name, low, high in limits)
        return f"<CompositionSpace: {listed} at.%, step {100 * self.step:.10g}>"

    @property
    def names(self) -> tuple[str, ...]:
        """The elements: names of the coordinates."""
        return self.elements

    @property
    def keys(self) -> tuple[str, ...]:
        """The elements: names of a point's entries."""
        return self.elements

    @property
    def spacing(self) -> float:
        """Default distance of two suggestions: a tenth of the widest range of an element."""
        return 0.1 * float(np.max(np.subtract(self.upper, self.lower)))

    def coordinates(self, points: ArrayLike) -> np.ndarray:
        """Return the atomic fractions (..., n_elements) of counts (..., n_elements)."""
        return self.fractions(points)

    def nearest(self, coordinates: ArrayLike) -> np.ndarray:
        """Return the counts nearest to fractions (n, n_elements)."""
        return self.snap(coordinates)

    def covers(self, points: ArrayLike, coordinates: ArrayLike) -> np.ndarray:
        """Return whether measured fractions (n, n_elements) are less than a step from counts (n, n_elements)."""
        off = np.abs(self.fractions(points) - np.asarray(coordinates)).max(-1, initial=0)
        return off < (1 - 1e-9) * self.step

    def distance(self, one: ArrayLike, other: ArrayLike) -> np.ndarray:
        """Return ½ Σ_i |c_i − c'_i| (...): the share of one alloy (..., n_elements) to exchange for the other."""
        return 0.5 * np.abs(np.asarray(one) - np.asarray(other)).sum(-1)

    def table(self, points: ArrayLike) -> pd.DataFrame:
        """Return counts (n, n_elements) as a table: the formula, then each element in at.%."""
        fractions = self.fractions(np.atleast_2d(points))
        shares = np.round(100 * fractions, 10)  # the decimal number that is meant: 55.1, not 55.1000…01
        table = pd.DataFrame(shares, columns=[f"{element} at.%" for element in self.elements])
        table.insert(0, "formula", [formula(self.elements, row) for row in shares])
        return table

    def read(self, table: pd.DataFrame) -> np.ndarray:
        """Return fractions (n, n_elements) of a table in at.%; columns are named "Ti at.%", or "Ti".

        Raises:
            ValueError: A column is missing, a share is negative or no number, or a row does not sum to 100.
        """
        require_frame(table, [*self.elements, *(f"{element} at.%" for element in self.elements)])
        table, columns = by_symbol(table, self.elements, "at.%"), list(self.elements)
        if missing := [name for name in columns if name not in table]:
            mends = [element_column(name, f"{name} at.%", table.columns, "at.%")[1] for name in missing]
            if len(missing) == len(columns) and all(mend.startswith("Add ") for mend in mends):
                mends = ["Give each element a column. Formulas are read from a file, with `read_table(…, formula=…)`."]
            raise ValueError(
                f"Expected columns in at.% for {', '.join(self.elements)}; the table lacks {missing} "
                f"among {list(table.columns)}. {' '.join(dict.fromkeys(mends))}"
                f"{'' if '`read_table`' in ' '.join(mends) else ' Read wt.% and fractions with `read_table`.'}"
            )
        shares = finite_cells(table, columns)
        others = [name for name in table if str(name).endswith(" at.%") and name not in columns]
        if others and (table[others].apply(pd.to_numeric, errors="coerce").fillna(0) != 0).any(axis=None):
            raise ValueError(
                f"Expected elements of the space, {', '.join(self.elements)}; the table also has {others}. Declare "
                "them in the space, or leave their columns and alloys out."
            )
        sums = shares.sum(1)
        self._require_declared(table, columns, 100 - sums)
        for row in np.flatnonzero(~((shares >= 0).all(1) & (np.abs(sums - 100) <= SLACK)))[:1]:  # true for NaN
            remedy = "Correct the row. Shares in wt.% are read from a file, with unit='wt.%'."
            if abs(sums[row] - 1) <= SLACK / 10:
                remedy = "Multiply fractions by 100, or read the file with unit='fraction'."
            raise ValueError(
                f"Expected shares ≥ 0 in at.% that sum to 100 ± 0.2; {row_name(table, row)} is {shares[row].tolist()} "
                f"(sum {sums[row]:g}). {remedy}"
            )
        return shares / sums[:, None]

    def _require_declared(self, table: pd.DataFrame, columns: list[str], lacking: np.ndarray) -> None:
        """Raise ValueError where columns named like further elements hold just what a row lacks, `lacking` (n,).

        A column V may be a voltage: where a row makes a whole without it, it is no element's.
        """
        named = [name for name in table if name in CHEMICAL_SYMBOLS and name not in self.elements]
        named = [name for name in named if list(table.columns).count(name) == 1][:MOST_FURTHER]
        shares = table[named].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
        for row in np.flatnonzero(lacking > SLACK) if named else ():
            held = [(name, share) for name, share in zip(named, shares[row], strict=True) if 0 < share <= 100]
            for n in range(1, len(held) + 1):
                for some in combinations(held, n):
                    if abs(sum(share for _, share in some) - lacking[row]) <= SLACK:
                        raise ValueError(
                            f"Expected elements of the space, {', '.join(self.elements)}; the table also has "
                            f"{[name for name, _ in some]}, with which {row_name(table, row)} sums to 100. Declare "
                            "them in the space, or leave their columns and alloys out."
                        )

    @cached_property
    def total(self) -> int:
        """Number of steps in a whole composition, 1/step."""
        return round(1 / self.step)

    @cached_property
    def size(self) -> int:
        """Exact number of grid compositions."""
        return int(self._tree.ways[self.total])

    @cached_property
    def _tree(self) -> Node:
        limits, percent = self._limits, 100 / self.total
        bounds = zip(self.elements, limits.lower, limits.upper, strict=True)
        tops = [Node(name, low, high, columns=[i]) for i, (name, low, high) in enumerate(bounds)]
        groups = zip(self.groups, limits.group_lower, limits.group_upper, strict=True)
        for group, low, high in sorted(groups, key=lambda g: len(g[0].elements)):
            inside = [top for top in tops if {self.elements[c] for c in top.columns} <= set(group.elements)]
            tops = [top for top in tops if top not in inside] + [Node(str(group), low, high, inside, step=percent)]
        tree = Node(WHOLE, self.total, self.total, tops, step=percent)
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

    def fractions(self, counts: ArrayLike) -> np.ndarray:
        """Convert counts (..., n_elements) to atomic fractions (..., n_elements)."""
        return self._counts_checked(counts) / self.total

    def counts(self, fractions: ArrayLike) -> np.ndarray:
        """Convert fractions (..., n_elements) to int64 counts. Raises ValueError if a fraction lies off the grid."""
        fractions = self._at_most_one(self._fractions_checked(fractions))
        counts = np.rint(fractions * self.total)
        off = np.argwhere(np.abs(fractions - counts / self.total) > ON_GRID)
        if len(off):
            where = tuple(off[0])
            raise ValueError(
                f"Expected multiples of the step, {100 * self.step:.10g} at.%; got {self.elements[where[-1]]} = "
                f"{100 * fractions[where]:.10g} at.%. "
                "`snap` gives the nearest grid composition."
            )
        return counts.astype(np.int64)

    def contains(self, counts: ArrayLike) -> np.ndarray:
        """Check whether counts (..., n_elements) are compositions of this space: bool (...)."""
        counts = self._counts_checked(counts)
        return self._limits.holds(counts) & (counts.sum(-1) == self.total)

    def violations(self, fractions: ArrayLike) -> list[str]:
        """List the limits that fractions (n_elements,), on the grid or not, break, one text (in at.%) for each."""
        fractions = self._at_most_one(self._fractions_checked(fractions, one=True))
        bounds = zip(self.elements, self.lower, self.upper, strict=True)
        limits: list[tuple[str, tuple[str, ...], float, float]] = [(e, (e,), lo, hi) for e, lo, hi in bounds]
        limits += [(str(g), g.elements, g.lower, g.upper) for g in self.groups]
        limits.append(("the sum", self.elements, 1.0, 1.0))
        found = []
        for name, members, low, high in limits:
            value = sum(fractions[self.elements.index(e)] for e in members)
            if value < low - ON_GRID:
                found.append(f"{name} = {100 * value:.8g} at.% is below {100 * low:.8g}")
            if value > high + ON_GRID:
                found.append(f"{name} = {100 * value:.8g} at.% is above {100 * high:.8g}")
        return found

    def unrank(self, ranks: ArrayLike | range) -> np.ndarray:
        """Return the compositions (..., n_elements) with the numbers `ranks` (...), integers from 0 to size − 1.

        The order is lexicographic: first the elements outside all groups, then group by group, the smallest group
        first. A group is ordered by its sum, then by its parts.
        """
        ranks = np.asarray(ranks, dtype=None if isinstance(ranks, np.ndarray) else object)
        if ranks.dtype.kind not in "iu":
            try:
                ranks = np.asarray(np.frompyfunc(operator.index, 1, 1)(ranks), dtype=object)
            except TypeError:
                raise TypeError(f"Expected ranks as whole numbers; got {ranks.tolist()!r}. Round them.") from None
        if np.any((ranks < 0) | (ranks >= self.size)):
            raise ValueError(
                f"Expected ranks in 0 … {self.size - 1}; got {ranks.min()} … {ranks.max()}. Drop the others."
            )
        counts = np.empty((ranks.size, len(self.elements)), dtype=np.int64)
        totals = np.full(ranks.size, self.total)
        self._tree.unrank(totals, ranks.reshape(-1).astype(self._tree.dtype), counts)
        return counts.reshape(*ranks.shape, len(self.elements))

    @explained("space.sample(3, np.random.default_rng(0))")
    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n counts (n, n_elements), each exactly uniform over the grid within all limits."""
        require_whole(0, n=n)
        require_generator(rng)
        small = self._tree.dtype == np.int64
        return self.unrank(rng.integers(self.size, size=n) if small else random_below(self.size, n, rng))

    def sample_continuous(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n fractions (n, n_elements), nearly uniform over the polytope; most lie off the grid.

        They are exactly uniform over the ten times finer grid within the same limits, or over the grid itself if
        1/step > 1e5.
        """
        return self._finer.fractions(self._finer.sample(n, rng))

    @cached_property
    def _finer(self) -> CompositionSpace:
        if self.total > 10**5:
            return self
        return self.from_fractions(self.elements, self.lower, self.upper, self.step / 10, self.groups)

    def enumerate(self, chunk: int = 2**18) -> Iterator[np.ndarray]:
        """Yield the whole grid in the order of `unrank`, as counts of shape (≤ chunk, n_elements)."""
        for start in range(0, self.size, chunk):
            stop = min(start + chunk, self.size)
            yield self.unrank(np.arange(start, stop) if self._tree.dtype == np.int64 else range(start, stop))

    def snap(self, fractions: ArrayLike) -> np.ndarray:
        """Return the feasible counts nearest (Euclidean) to fractions (..., n_elements), which need not be feasible.

        The result is exact. One more step of an element with k steps changes the squared distance to the target y, in
        steps, by 2(k − y) + 1. This cost grows with k. So a group is filled optimally by taking the cheapest step among
        its children again and again, and the costs of the group then ascend as well. Its limits only fix where the
        filling begins and ends. Among equally near compositions the choice is always the same.

        Raises ValueError for percentages.

        Source: A. Federgruen and H. Groenevelt, Oper. Res. 34, 909 (1986).
        """
        fractions = self._fractions_checked(fractions)
        for row in np.atleast_2d(fractions)[np.atleast_1d(np.abs(fractions.sum(-1) - 100) <= SLACK)][:1]:
            raise ValueError(f"Expected atomic fractions; got {row.tolist()} (sum 100). Divide percentages by 100.")
        targets = fractions.reshape(-1, len(self.elements)) * self.total
        nearest = [self._tree.climb(target)[0] for target in targets]
        return np.array(nearest, dtype=np.int64).reshape(fractions.shape)

    def roundings(self, fractions: ArrayLike) -> np.ndarray:
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

    def _columns_checked(self, values: ArrayLike, one: bool = False) -> np.ndarray:
        return require_columns(np.asarray(values), self.elements, one)

    def _fractions_checked(self, fractions: ArrayLike, one: bool = False) -> np.ndarray:
        fractions = self._columns_checked(numbers(fractions, "fractions"), one)
        if not np.isfinite(fractions).all():
            raise ValueError(
                f"Expected finite fractions; got {fractions[~np.isfinite(fractions)][0]}. Leave this composition out."
            )
        return fractions

    def _at_most_one(self, fractions: np.ndarray) -> np.ndarray:
        for where in map(tuple, np.argwhere(fractions > 1 + ON_GRID)[:1]):
            raise ValueError(
                f"Expected fractions of at most 1; got {self.elements[where[-1]]} = {fractions[where]:g}. Divide "
                "percentages by 100."
            )
        return fractions

    def _counts_checked(self, counts: ArrayLike) -> np.ndarray:
        counts = self._columns_checked(counts)
        if counts.dtype.kind not in "iu":
            raise ValueError(
                f"Expected whole numbers of steps of {100 * self.step:g} at.%; got {shown(counts.flat[0])}, which is "
                "none. Convert fractions with `space.counts(fractions)`, a DataFrame in at.% with "
                "`space.nearest(space.read(table))`."
            )
        return counts.astype(np.int64, copy=False)


def composition_of(space: Space) -> CompositionSpace | None:
    """Return the grid of compositions inside a space, without further limits; None where there is none."""
    inner: Any = space
    while inner is not None and not isinstance(inner, CompositionSpace):
        inner = getattr(inner, "composition", None)
    return inner


def require_elements(space: Space, function: Callable, what: str = "an environment") -> None:
    """Raise ValueError where a function of coordinates has `elements` and they are not the space's, in its order.

    A plain callable has no `elements` and passes: the meaning of its columns cannot be checked.
    """
    require_callable(what, function, "a function of the coordinates of one point")
    elements = tuple(getattr(function, "elements", None) or space.elements)
    if elements and not space.elements:
        raise ValueError(
            f"Expected a space with the elements {' '.join(elements)} for {what} of them; got a {type(space).__name__} "
            "without any. Pass a CompositionSpace, or a function of this space's own coordinates."
        )
    if elements != tuple(space.elements):
        raise ValueError(
            f"Expected {what} of the elements {' '.join(space.elements)}, in this order; got one of "
            f"{' '.join(elements)}. Make it with `space.elements`."
        )


def formula(elements: Sequence[str], shares: Sequence[float]) -> str:
    """Return "Ti49.5Ni50.5" of shares in at.% (n_elements,); absent elements are left out."""
    return "".join(f"{e}{x:.10g}" for e, x in zip(elements, shares, strict=True) if x > 0)


def _declared(
    bounds: Mapping[str, tuple[float, float]], step: float, groups: Sequence[tuple[Sequence[str], float, float]] | None
) -> tuple[list[str], dict, list]:
    """Names, bounds and sums in at.%, checked for what a person may get wrong."""
    if not isinstance(step, Real) or isinstance(step, bool):
        raise ValueError(f"Expected the step as a number in at.%; got {step!r}. Pass for example step=0.5.")
    if not isinstance(bounds, Mapping) or len(bounds) < 2:
        raise ValueError(
            f"Expected bounds of two elements or more, {{element: (least, most), …}}; got {bounds!r}. Write for "
            "example {'Ti': (40, 60), 'Ni': (40, 60)}."
        )
    names = list(distinct_names(bounds, "element names for the space"))
    for name in names:
        if len(name) > 1 and name.islower() and name.capitalize() in CHEMICAL_SYMBOLS:
            raise ValueError(
                f"Expected symbols of elements as they are written; got {name!r}. {name!r} is no element symbol. Is "
                f"{name.capitalize()!r} meant?"
            )
    box = {name: _pair(bounds[name], f"the bounds of {name}") for name in names}
    if all(most <= 1 for _, most in box.values()):
        grid = step if step < 0.1 else step / 100  # that of a user of fractions, or one in at.%
        raise ValueError(
            "Expected limits in at.%; got none above 1, which look like fractions. Multiply them and the step by 100, "
            f"or write `CompositionSpace.from_fractions(elements, lower=[…], upper=[…], step={grid:g})`."
        )
    sums = []
    groups = () if groups is None else groups
    for group in groups if np.iterable(groups) else [groups]:
        if not isinstance(group, tuple | list) or len(group) != 3 or isinstance(group[0], str):
            raise ValueError(
                f"Expected a group as (elements, least, most) in at.%; got {group!r}. Write for example "
                "groups=[(['Ti', 'Hf'], 0, 55)]."
            )
        if unknown := set(group[0]) - set(names):
            raise ValueError(
                f"Expected elements of the space, {names}, in the group of {' '.join(group[0])}; got "
                f"{sorted(unknown)}. Correct the names, or take the group out."
            )
        sums.append((tuple(group[0]), *_pair(group[1:], f"the group of {' '.join(group[0])}")))
    return names, box, sums


def _pair(values: Iterable[float], what: str) -> tuple[float, float]:
    listed = isinstance(values, list | tuple) and any(isinstance(value, str) for value in values)
    texts = isinstance(values, str) or listed
    try:
        if texts or isinstance(values, Mapping):
            raise ValueError
        least, most = map(float, values)
    except (TypeError, ValueError):
        raise ValueError(
            f"Expected two numbers for {what}, least and most, in at.%; got {shown(values)}. Write for example "
            f"(20, 55){', without quotation marks' if texts else ''}."
        ) from None
    if not 0 <= least <= most <= 100:  # false for NaN too
        raise ValueError(
            f"Expected 0 ≤ least ≤ most ≤ 100 (at.%) for {what}; got {least:g} … {most:g}. Correct the limits."
        )
    return least, most


def _by_element(values: Any, elements: Sequence[str], what: str) -> Sequence[float]:
    if isinstance(values, Mapping):
        if wrong := set(values) ^ set(elements):
            raise ValueError(
                f"Expected `{what}` to name exactly {list(elements)}; got {sorted(values)}. Correct {sorted(wrong)}."
            )
        values = [values[e] for e in elements]
    values = list(values) if numbers(values, what).ndim else [values]
    if len(values) != len(elements):
        raise ValueError(
            f"Expected {len(elements)} values in `{what}`; got {len(values)}. Give one for each of {list(elements)}."
        )
    return values


def _round_inwards(name: str, lower: float, upper: float, total: int) -> tuple[float, float]:
    if not 0 <= lower <= upper <= 1:  # false for NaN too
        raise ValueError(
            f"Expected limits of {name} as fractions with 0 ≤ lower ≤ upper ≤ 1; got {lower} … {upper}. "
            "Divide percentages by 100."
        )
    low, high = math.ceil((lower - ON_GRID) * total), math.floor((upper + ON_GRID) * total)
    if low > high:
        raise ValueError(
            f"No feasible composition: {name} has no multiple of {100 / total:.10g} at.% within its limits "
            f"{100 * lower:.10g} … {100 * upper:.10g} at.%. Widen them, refine the step, or multiply fractions by 100."
        )
    return low / total, high / total
