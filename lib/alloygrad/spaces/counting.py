"""Exact counting on a tree of sums: number, unranking and nearest point of integer compositions.

An element is the polynomial x^l + … + x^u. A group is the product of its children's polynomials, cut to its own limits.
`Node` keeps the coefficients as exact integers; `alloygrad.spaces.composition` explains how they are used.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import DTypeLike

WHOLE = "the composition"
"""Name of the node at the root."""


class Node:
    """An element, or a sum over children (elements first, then groups), between `lower` and `upper` steps.

    `ways[k]` counts the ways to reach the sum k. `rests[j]` = (S, running sum of S) holds the same counts for the
    children after j. The arrays hold Python integers, or int64 where the whole tree fits.
    """

    columns: list[int]
    lower: int
    upper: int
    dtype: np.dtype
    ways: np.ndarray
    rests: list[tuple[np.ndarray, np.ndarray]]

    def __init__(
        self,
        name: str,
        lower: int,
        upper: int,
        children: Sequence["Node"] = (),
        columns: Sequence[int] = (),
        step: float = 1.0,  # in at.%, for messages
    ) -> None:
        self.name, self.children = name, children
        self.columns = [*columns, *(c for child in children for c in child.columns)]
        if children:
            least, most = sum(c.lower for c in children), sum(c.upper for c in children)
            if least > upper or most < lower:
                side, limit, found = ("lower", upper, least) if least > upper else ("upper", lower, most)
                within = ", ".join(f"{c.name} {step * getattr(c, side):.6g}" for c in children)
                mend = f"{'Lower' if side == 'lower' else 'Raise'} some of them; limits are in at.%."
                if side == "upper" and name == WHOLE:
                    mend = "Raise some of them, or add the base element if it is missing; limits are in at.%."
                must = "must sum to" if name == WHOLE else f"must have at {'most' if side == 'lower' else 'least'}"
                raise ValueError(
                    f"No feasible composition: the {side} limits ({within}) sum to {step * found:.6g} at.%, but {name} "
                    f"{must} {step * limit:.6g} at.%. {mend}"
                )
            lower, upper = max(lower, least), min(upper, most)
        self.lower, self.upper = int(lower), int(upper)
        self._count()

    def _count(self) -> None:
        powers = np.arange(self.upper + 1)
        self.dtype, self.rests = np.dtype(object), []
        ways = exact(powers == 0) if self.children else exact(powers >= self.lower)
        for child in reversed(self.children):
            sums = exact([0, *np.cumsum(ways)])
            self.rests.insert(0, (ways, sums))
            if child.children:
                ways = multiply(child.ways, ways, self.upper + 1)
            else:  # x^l + … + x^u times S is a window on the running sum
                start, end = powers - child.upper, powers - child.lower + 1
                ways = sums[np.maximum(end, 0)] - sums[np.maximum(start, 0)]
        self.ways = np.where(powers >= self.lower, ways, 0)

    def largest(self) -> int:
        """Return the largest number in any array of the tree."""
        own = [max(self.ways), *(sums[-1] for _, sums in self.rests)]
        return max(own + [child.largest() for child in self.children])

    def hold(self, dtype: DTypeLike) -> None:
        """Convert all arrays of the tree to `dtype`: int64 or object (Python integers)."""
        self.dtype = np.dtype(dtype)
        self.ways = self.ways.astype(dtype)
        self.rests = [(ways.astype(dtype), sums.astype(dtype)) for ways, sums in self.rests]
        for child in self.children:
            child.hold(dtype)

    def unrank(self, amount: np.ndarray, rank: np.ndarray, counts: np.ndarray) -> None:
        """Write way number `rank` (n,) to reach the sum `amount` (n,) into the columns of counts (n, n_elements)."""
        if not self.children:
            counts[:, self.columns[0]] = amount
        for j, (child, (ways, sums)) in enumerate(zip(self.children, self.rests, strict=True)):
            if j == len(self.children) - 1:  # the last child takes what is left
                given, inner = amount, rank
            elif child.children:
                given, rank = np.empty_like(amount), rank.copy()
                for r in np.unique(amount):
                    rows, choices = np.flatnonzero(amount == r), np.arange(child.lower, min(child.upper, r) + 1)
                    blocks = child.ways[choices] * ways[r - choices]
                    starts = np.cumsum(blocks) - blocks
                    place = np.searchsorted(starts, rank[rows], side="right") - 1
                    given[rows] = choices[place]
                    rank[rows] -= starts[place]
                inner, rank = rank // ways[amount - given], rank % ways[amount - given]
            else:  # choice k begins at sums[r − l + 1] − sums[r − k + 1]
                end = sums[amount - child.lower + 1]
                left = np.searchsorted(sums, end - rank) - 1
                given, inner, rank = amount - left, rank, rank - (end - sums[left + 1])  # an element needs none
            child.unrank(given, inner, counts)
            amount = amount - given

    def climb(self, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the nearest counts with the sum `lower`, then cost and column of each further unit up to `upper`."""
        if not self.children:
            units, base = np.arange(self.lower, self.upper), np.zeros(len(target), dtype=np.int64)
            base[self.columns[0]] = self.lower
            return base, 2 * (units - target[self.columns[0]]) + 1, np.full(len(units), self.columns[0])
        bases, costs, columns = zip(*(child.climb(target) for child in self.children), strict=True)
        base, costs, columns = np.sum(bases, axis=0), np.concatenate(costs), np.concatenate(columns)
        cheapest_first, start = np.argsort(costs, kind="stable"), base.sum()
        forced, free = np.split(cheapest_first[: self.upper - start], [self.lower - start])
        return base + np.bincount(columns[forced], minlength=len(target)), costs[free], columns[free]


def exact(values: Iterable[int]) -> np.ndarray:
    """Convert whole numbers to an object array of Python integers, which never overflow."""
    return np.array([int(v) for v in values], dtype=object)


def multiply(a: np.ndarray, b: np.ndarray, length: int) -> np.ndarray:
    """Return the first `length` coefficients of a product of polynomials, by one product of long integers."""
    width = (max(a).bit_length() + max(b).bit_length() + len(a).bit_length()) // 8 + 1
    one, other = (int.from_bytes(b"".join(c.to_bytes(width, "little") for c in p), "little") for p in (a, b))
    packed = (one * other).to_bytes(width * (len(a) + len(b)), "little")
    return exact(int.from_bytes(packed[i * width : (i + 1) * width], "little") for i in range(length))


def random_below(bound: int, n: int, rng: np.random.Generator) -> list[int]:
    """Draw n exactly uniform Python integers from 0 to bound − 1: random bits, rejected if ≥ bound."""
    draws: list[int] = []
    bits = bound.bit_length()
    width = bits // 8 + 1
    while len(draws) < n:
        raw = rng.bytes(width * (n - len(draws)))
        numbers = (int.from_bytes(raw[i : i + width], "little") for i in range(0, len(raw), width))
        draws += [x for x in (number >> (8 * width - bits) for number in numbers) if x < bound]
    return draws
