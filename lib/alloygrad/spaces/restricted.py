"""Limits that are no box: few elements at a time, least amounts of those present, other quantities, a distance.

A composition with at most k elements, each of at least some amount where it is present, has one set of elements that
are present, its support. Each support is a `CompositionSpace` of its own, and they have no composition in common: their
sizes add up, and a support drawn by size with a uniform composition in it is a uniform composition. Limits on other
quantities, a price or a material feature, and a distance from what was measured are kept by rejection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import combinations
from math import inf, isfinite
from numbers import Real
from typing import Any, NamedTuple, Never

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from alloygrad.checks import (
    explained,
    is_number,
    numbers,
    require_fractions,
    require_generator,
    require_whole,
    shown,
)
from alloygrad.spaces.composition import ON_GRID, CompositionSpace

MOST_SUPPORTS = 20_000
"""Sets of elements that are looked at, at most."""

MOST_COUNTED = 200_000
"""Compositions that are counted one by one, at most, where limits are kept by rejection."""

AT_ONCE = 10_000_000
"""Differences of fractions that are held at once."""

TRIES, PATIENCE, MOST_DRAWN = 200, 20, 32_768
"""Rounds of rejection, in which hardly anything was found, before a space is said to be empty; those in which about as
many are drawn as are missing; and how many are drawn at most in a later round."""


class Limited(NamedTuple):
    """A quantity of a composition, between two values."""

    what: Mapping[str, float] | Callable
    weights: np.ndarray | None  # (n_elements,) of a sum
    low: float
    high: float
    label: str | None  # of its column in tables; "": none

    def of(self, fractions: np.ndarray) -> np.ndarray:
        """Return the quantity (...) of fractions (..., n_elements)."""
        if self.weights is not None:
            return fractions @ self.weights
        function: Any = self.what
        rows = fractions.reshape(-1, fractions.shape[-1])
        found = np.asarray(function(rows), dtype=float)
        if found.size != len(rows):
            raise ValueError(
                f"Expected one number for each composition from what is limited, {shown(self.what)}; got values of "
                f"shape {found.shape} for {len(rows)} compositions. Limit one feature at a time."
            )
        return found.reshape(fractions.shape[:-1])

    @property
    def words(self) -> str:
        """What is limited, for messages."""
        if self.label is not None:
            return self.label or "a limit in wt.%, or on the price,"
        if isinstance(self.what, Mapping):
            return " + ".join(f"{weight:g} × {name}" for name, weight in self.what.items())
        return ", ".join(getattr(self.what, "names", [shown(self.what)]))

    @property
    def asked(self) -> str:
        """The two values, for messages."""
        if isfinite(self.low) and isfinite(self.high):
            return f"{self.low:g} … {self.high:g}"
        return f"{self.low:g} at least" if isfinite(self.low) else f"{self.high:g} at most"

    def kept(self, values: np.ndarray) -> np.ndarray:
        """Return whether values (...) lie between the two."""
        return (values >= self.low - ON_GRID) & (values <= self.high + ON_GRID)


@explained("ag.Restricted(alloys, max_elements=4)")
class Restricted:
    """The compositions of a space that keep further limits.

    Points and coordinates are those of the composition space.

    Args:
        composition: Bounds, step and groups.
        max_elements: So many elements may be present at once.
        least: {element: least amount where it is present, at.%}, or one number for all.
        limits: [(what, least, most), …], None for no limit. What is limited is {element: weight}, for Σ weight ×
            at.%/100, or a function of fractions (n, n_elements) → (n,) or (n, 1), such as a FeatureMap. A fourth entry
            names its column in tables, "" for none.
        near: (compositions (n, n_elements) in fractions, distance): no composition is further, in at.%, from all these.

    Raises:
        ValueError: Limits that are none, or that no composition keeps.

    Example:
        >>> alloys = CompositionSpace({"Co": (0, 40), "Cr": (0, 40), "Fe": (0, 40), "Ni": (0, 40)}, step=10)
        >>> space = Restricted(alloys, max_elements=3, least=20)
        >>> space.size, space.contains([[4, 4, 2, 0], [3, 3, 3, 1]]).tolist()
        (24, [True, False])
    """

    maximiser = "exchange"

    def __init__(
        self,
        composition: CompositionSpace,
        *,
        max_elements: int | None = None,
        least: float | Mapping[str, float] = 0.0,
        limits: Sequence[tuple] = (),
        near: tuple[ArrayLike, float] | None = None,
    ) -> None:
        if not isinstance(composition, CompositionSpace):
            raise TypeError(
                f"Expected a CompositionSpace to restrict; got {shown(composition)}. Make one with "
                "ag.CompositionSpace(…)."
            )
        self.composition, n = composition, len(composition.elements)
        self.elements = self.names = self.keys = composition.elements
        self.max_elements = n if max_elements is None else max_elements
        require_whole(1, 4, max_elements=self.max_elements)
        amounts = least if isinstance(least, Mapping) else dict.fromkeys(self.elements, least)
        if set(amounts) - set(self.elements) or not all(is_number(x) and 0 <= x <= 100 for x in amounts.values()):
            raise ValueError(
                f"Expected least amounts from 0 to 100 at.% of elements among {list(self.elements)}; got "
                f"{shown(least)}. Write for example least=5, or least={{{self.elements[0]!r}: 5}}."
            )
        self.least = tuple(max(amounts.get(name, 0.0) / 100, composition.step) for name in self.elements)
        self.limits = tuple(self._limit(one) for one in (limits if isinstance(limits, list | tuple) else [limits]))
        self.near = self._nearest(near)
        _ = self._sizes
        self.sample(1, np.random.default_rng(0))  # refuses an empty space here, where the limits are declared

    def _nearest(self, near: Any) -> tuple[np.ndarray, float] | None:
        """The compositions (n, n_elements) to stay near to, and the farthest distance as a share."""
        if near is None:
            return None
        if not isinstance(near, list | tuple) or len(near) != 2 or not is_number(near[1]) or near[1] < 0:
            raise ValueError(
                f"Expected near as (compositions in fractions, distance in at.%); got {shown(near)}. Write for example "
                "near=(campaign.coordinates, 10)."
            )
        compositions = np.atleast_2d(numbers(near[0], "near"))
        if compositions.ndim != 2 or compositions.shape[1] != len(self.elements):
            raise ValueError(
                f"Expected compositions (n, {len(self.elements)}) in near; got shape {compositions.shape}. Give one "
                f"fraction for each of {' '.join(self.elements)}."
            )
        require_fractions(compositions)
        return compositions, near[1] / 100

    def _limit(self, given: Any) -> Limited:
        sound = isinstance(given, tuple | list) and len(given) in (3, 4) and isinstance((*given, "")[3], str)
        what = given[0] if sound else None
        if isinstance(what, Mapping):
            sound = not set(what) - set(self.elements) and all(map(is_number, what.values()))
        if not sound or not (isinstance(what, Mapping) or callable(what)):
            raise ValueError(
                f"Expected limits as [({{element: weight}}, least, most), …], of elements among "
                f"{', '.join(self.elements)}; got {shown(given)}. Write for example ({{{self.elements[0]!r}: 30.0}}, "
                "None, 12), or a FeatureMap in place of the weights."
            )
        low, high = -inf if given[1] is None else given[1], inf if given[2] is None else given[2]
        if not (isinstance(low, Real) and isinstance(high, Real) and low <= high):
            raise ValueError(f"Expected numbers with least ≤ most in a limit; got {shown(given)}. Correct them.")
        weights = np.array([what.get(name, 0.0) for name in self.elements]) if isinstance(what, Mapping) else None
        return Limited(what, weights, float(low), float(high), given[3] if len(given) == 4 else None)

    @cached_property
    def _supports(self) -> list[CompositionSpace]:
        """A space for each set of elements that may be present together."""
        inner = self.composition
        always = [i for i, low in enumerate(inner.lower) if low > 0]
        free = [i for i in range(len(self.elements)) if i not in always and inner.upper[i] >= self.least[i] - ON_GRID]
        if not self._by_support:
            return [inner]
        found: list[CompositionSpace] = []
        tried = 0
        for k in range(min(self.max_elements - len(always), len(free)) + 1):
            for some in combinations(free, k):
                tried += 1
                if tried > MOST_SUPPORTS:
                    raise ValueError(
                        f"Expected at most {MOST_SUPPORTS} sets of elements; got more. Lower max_elements, or bound "
                        "some elements to 0."
                    )
                present = {*always, *some}
                lower = [max(inner.lower[i], self.least[i]) if i in present else 0.0 for i in range(len(self.elements))]
                upper = [inner.upper[i] if i in present else 0.0 for i in range(len(self.elements))]
                try:
                    found.append(CompositionSpace.from_fractions(self.elements, lower, upper, inner.step, inner.groups))
                except ValueError:  # these elements alone cannot make an alloy
                    continue
        if not found:
            raise ValueError(
                f"No feasible composition with at most {self.max_elements} elements and these least amounts. Raise "
                "max_elements or the bounds, or lower the least amounts."
            )
        return found

    @property
    def _by_support(self) -> bool:
        """Whether elements that are absent matter."""
        return self.max_elements < len(self.elements) or max(self.least) > self.composition.step + ON_GRID

    @cached_property
    def _sizes(self) -> np.ndarray:
        return np.array([float(space.size) for space in self._supports])

    @property
    def _rejects(self) -> bool:
        return len(self.limits) > 0 or self.near is not None

    @cached_property
    def size(self) -> float:
        """The number of compositions; with linear limits or a distance, of a large space, an upper bound."""
        total = sum(space.size for space in self._supports)
        if not self._rejects or total > MOST_COUNTED:
            return total
        return sum(int(self._kept(part).sum()) for space in self._supports for part in space.enumerate())

    @property
    def spacing(self) -> float:
        """Default distance of two suggestions: the composition's."""
        return self.composition.spacing

    def __repr__(self) -> str:
        """Return the declaration."""
        return f"<Restricted: at most {self.max_elements} elements of {self.composition!r}, {len(self.limits)} limits>"

    def describe(self) -> dict:
        """Return plain values for a digest."""
        near = None if self.near is None else [self.near[0].tolist(), self.near[1]]
        limits = [[dict(o.what) if isinstance(o.what, Mapping) else repr(o.what), o.low, o.high] for o in self.limits]
        own = {"max_elements": self.max_elements, "least": list(self.least), "limits": limits, "near": near}
        return {"composition": self.composition.describe(), **own}

    def contains(self, counts: ArrayLike) -> np.ndarray:
        """Check whether counts (..., n_elements) are compositions that keep all limits: bool (...)."""
        counts = np.asarray(counts)
        steps = np.array(self.least) * self.composition.total - 1e-6
        few = (counts > 0).sum(-1) <= self.max_elements
        enough = ((counts == 0) | (counts >= steps)).all(-1)
        return self.composition.contains(counts) & few & enough & self._kept(counts)

    def violations(self, fractions: ArrayLike) -> list[str]:
        """List the limits that fractions (n_elements,) break, one text for each."""
        found, shares = self.composition.violations(fractions), np.asarray(fractions, dtype=float)
        if (n := int((shares > ON_GRID).sum())) > self.max_elements:
            found.append(f"{n} elements are present, and at most {self.max_elements} may be")
        for name, share, least in zip(self.elements, shares, self.least, strict=True):
            if ON_GRID < share < least - ON_GRID:
                found.append(f"{name} = {100 * share:.8g} at.% is below {100 * least:.8g}, its least where present")
        for one in self.limits:
            if not one.kept(value := one.of(shares)):
                found.append(f"{one.words} = {value:.6g} breaks its limit, {one.asked}")
        if self.near is not None and (away := self.composition.distance(shares, self.near[0]).min()) > self.near[1]:
            found.append(f"it is {100 * away:.4g} at.% from all of `near`, and may be {100 * self.near[1]:g} at most")
        return found

    def _kept(self, counts: np.ndarray) -> np.ndarray:
        """Whether counts (..., n_elements) keep the linear limits and the distance."""
        fractions = self.composition.fractions(counts)
        kept = np.ones(fractions.shape[:-1], dtype=bool)
        for one in self.limits:
            kept &= one.kept(one.of(fractions))
        if self.near is not None:
            kept[kept] = self._is_near(fractions[kept])
        return kept

    def _is_near(self, fractions: np.ndarray) -> np.ndarray:
        """Whether fractions (rows, n_elements) lie near to one of `near`; rows by rows, for memory."""
        measured, farthest = self.near or (fractions, inf)
        parts = np.array_split(fractions, 1 + fractions.size * len(measured) // AT_ONCE)
        nearest = [self.composition.distance(some[:, None], measured).min(1) for some in parts]
        return np.concatenate(nearest) <= farthest + ON_GRID

    @explained("space.sample(3, np.random.default_rng(0))")
    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n counts (n, n_elements), uniform over all that keep the limits.

        Raises ValueError where hardly any composition keeps the linear limits and the distance.
        """
        require_whole(0, n=n)
        require_generator(rng)
        share = self._sizes / self._sizes.sum()
        found, tried = np.empty((0, len(self.elements)), dtype=np.int64), 0
        for number in range(TRIES):
            wanted = max(n - len(found), 1) if not self._rejects else max(256, 2 * (n - len(found)))
            if number >= PATIENCE and len(found):  # few are kept: more are drawn at once
                wanted = min(MOST_DRAWN, wanted * (tried // len(found)))
            tried += wanted
            drawn = rng.multinomial(wanted, share)
            parts = [self._supports[i].sample(int(drawn[i]), rng) for i in np.flatnonzero(drawn)]
            points = rng.permutation(np.concatenate(parts))
            found = np.concatenate([found, points[self._kept(points)]])
            if len(found) >= n:
                return found[:n]
        self._refuse(points)

    def _refuse(self, points: np.ndarray) -> Never:
        """Raise ValueError with the limits that none of some random counts (m, n_elements) keeps."""
        fractions, faults = self.composition.fractions(points), []
        for one in self.limits:
            values = one.of(fractions)
            if not one.kept(values).any():
                span = f" is {values.min():.4g} … {values.max():.4g} within the bounds, and" if one.label != "" else ""
                asked = f" should be {one.asked}" if span else " excludes all within the bounds"
                faults.append(f"{one.words}{span}{asked}")
        if self.near is not None and self.composition.distance(fractions[:, None], self.near[0]).min() > self.near[1]:
            faults.append(f"all within the bounds are further than {100 * self.near[1]:g} at.% from `near`")
        raise ValueError(
            "No feasible composition was found: "
            f"{'; '.join(faults) or 'hardly any within the bounds keeps all limits together'}. Relax the limits, or "
            "change the bounds of the elements."
        )

    def nearest(self, coordinates: ArrayLike) -> np.ndarray:
        """Return counts near fractions (n, n_elements): of the largest elements, else among random ones."""
        asked = np.atleast_2d(np.asarray(coordinates, dtype=float))
        found = self.composition.snap(asked)
        if (rows := np.flatnonzero(~self.contains(found))).size:
            some = self.sample(256, np.random.default_rng(0))
            found[rows] = [self._near_one(asked[row], some) for row in rows]
        return found

    def _near_one(self, fractions: np.ndarray, some: np.ndarray) -> np.ndarray:
        """The nearest to fractions (n_elements,) of `some` counts (m, n_elements) and those of its main elements."""
        drawn = [some]
        if self._by_support:
            kept = sorted(self._supports, key=lambda s: -fractions[np.array(s.upper) > 0].sum())[:8]
            drawn += [space.snap(fractions[None]) for space in kept]
        points = np.concatenate(drawn)
        points = points[self.contains(points)]
        return points[((self.composition.fractions(points) - fractions) ** 2).sum(1).argmin()]

    def coordinates(self, points: ArrayLike) -> np.ndarray:
        """Return the atomic fractions (..., n_elements) of counts (..., n_elements)."""
        return self.composition.fractions(points)

    fractions = coordinates

    @property
    def total(self) -> int:
        """Number of steps in a whole composition."""
        return self.composition.total

    def table(self, points: ArrayLike) -> pd.DataFrame:
        """Return counts (n, n_elements) as a table: formula, each element in at.%, and the sums that are limited."""
        table = self.composition.table(points)
        for number, one in enumerate(self.limits, start=1):
            if one.label != "":
                table[one.label or f"limit {number}"] = one.of(self.composition.fractions(points))
        return table

    def read(self, table: pd.DataFrame) -> np.ndarray:
        """Return fractions (n, n_elements) of a table in at.%; errors as of the composition space."""
        return self.composition.read(table)

    def covers(self, points: ArrayLike, coordinates: ArrayLike) -> np.ndarray:
        """Return whether measured fractions are less than a step from counts (n, n_elements)."""
        return self.composition.covers(points, coordinates)

    def distance(self, one: ArrayLike, other: ArrayLike) -> np.ndarray:
        """Return ½ Σ_i |c_i − c'_i| (...)."""
        return self.composition.distance(one, other)
