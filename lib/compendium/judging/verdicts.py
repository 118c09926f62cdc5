"""Measured numbers held against a claim, and what becomes of the claim.

A part of a claim holds where a number x lies within bounds fixed beforehand, least ≤ x ≤ most. Of a sample, x has an
interval [low, high]; the part

    holds  where the interval lies within the bounds,
    fails  where it lies wholly beyond one of them,
    open   where it straddles one, or where there is none (fewer than 8 repeats, or nothing recorded).

Many numbers are judged at once, and among so many 95 % intervals some miss the truth. So the intervals are widened
until all of them together hold the truth with some 95 % (`widening`): with m of them, each half-width is multiplied by
√(n/(n − 1)) t(0.05/m; n − 1)/z(0.05), where t and z are the two-sided quantiles of Student's and of the normal
distribution (Bonferroni). The bootstrap of n repeats takes their spread for known, and divides squares by n: hence t
in place of z, and the root.

Parts come in three groups. `meant`: the claim as the paper states it, on a method that does what the paper says and a
test that does not see its answers; `published`: the same with the loop, the data or the protocol as published;
`stronger`: a bound beyond what is claimed.

    reproduced             all of `meant` hold, and none of `published` fails
    stronger than claimed  all of `meant` hold, and so do all of `stronger`
    only as meant          all of `meant` hold, but one of `published` fails
    only as published      one of `meant` fails, but all of `published` hold
    not reproduced         one of `meant` fails, and `published`, if it applies, has been measured and does not hold
    not tested             nothing is recorded, or it cannot be
    inconclusive           anything else
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf, isnan, nan, sqrt

from scipy.stats import norm, t

from compendium.judging import statistics

GROUPS = ("meant", "published", "stronger")

REPRODUCED, STRONGER = "reproduced", "stronger than claimed"
AS_MEANT, AS_PUBLISHED = "only as meant", "only as published"
NOT_REPRODUCED, INCONCLUSIVE, NOT_TESTED = "not reproduced", "inconclusive", "not tested"
VERDICTS = (REPRODUCED, STRONGER, AS_MEANT, AS_PUBLISHED, NOT_REPRODUCED, INCONCLUSIVE, NOT_TESTED)


@dataclass(frozen=True)
class Part:
    """One number of a claim. n: repeats in the interval, 0 where nothing is recorded, None for a count without chance.

    slack: how far beyond a bound it must lie to fail, where no number could lie within.
    """

    name: str
    value: float = nan
    low: float = nan
    high: float = nan
    n: int | None = 0
    least: float = -inf
    most: float = inf
    group: str = "meant"
    source: str = ""  # cells or files
    slack: float = 0.0

    def outcome(self) -> str:
        """ "holds", "fails" or "open", by the rule above."""
        low, high = (self.value, self.value) if self.n is None else (self.low, self.high)
        if isnan(low) or isnan(high):
            return "open"
        if self.least <= low and high <= self.most:
            return "holds"
        return "fails" if high < self.least - self.slack or low > self.most + self.slack else "open"

    def is_lacking(self) -> bool:
        """Whether there is nothing to judge by."""
        return isnan(self.value if self.n is None else self.low)

    def has_interval(self) -> bool:
        """Whether chance has a say in it."""
        return self.n is not None and not isnan(self.low)

    def widened(self, m: int) -> "Part":
        """The part with the interval that it needs as one of m; without one, the part as it is."""
        if not self.has_interval():
            return self
        factor = widening(m, self.n)
        low, high = (self.value + factor * (end - self.value) for end in (self.low, self.high))
        return replace(self, low=low, high=high)

    def __str__(self) -> str:
        if self.n == 0:
            return f"{self.name}: nothing recorded"
        if self.n is None:
            return f"{self.name} {self.value:.4g}"
        interval = "" if isnan(self.low) else f" [{self.low:.3g}, {self.high:.3g}]"
        return f"{self.name} {self.value:.3g}{interval}, n = {self.n}"


def intervals(parts: Iterable[Part]) -> int:
    """How many intervals these parts have, at least 1: so many must hold the truth together."""
    return max(1, sum(part.has_interval() for part in parts))


def widening(m: int, n: int) -> float:
    """Factor on half-widths of 95 % intervals of n repeats with which m such intervals together hold the truth."""
    return float(sqrt(n / (n - 1)) * t.isf(statistics.LEVEL / m / 2, n - 1) / norm.isf(statistics.LEVEL / 2))


def together(parts: Sequence[Part]) -> str:
    """Outcome of a group: fails where one does, holds where all do, else open; lacking where a number is missing."""
    outcomes = {part.outcome() for part in parts}
    if "fails" in outcomes:
        return "fails"
    if outcomes == {"holds"}:
        return "holds"
    return "open" if parts and not any(part.is_lacking() for part in parts) else "lacking"


def judge(parts: Sequence[Part]) -> str:
    """Verdict on a claim, from its parts."""
    if all(part.n == 0 for part in parts):
        return NOT_TESTED
    meant, published, stronger = (together([part for part in parts if part.group == group]) for group in GROUPS)
    if meant == "holds":
        return STRONGER if stronger == "holds" else AS_MEANT if published == "fails" else REPRODUCED
    if meant == "fails" and published == "holds":
        return AS_PUBLISHED
    applies = any(part.group == "published" for part in parts)
    return NOT_REPRODUCED if meant == "fails" and not (applies and published == "lacking") else INCONCLUSIVE


MEASURES: dict[str, Callable] = {}
"""Name in data/claims.toml → function of (results, numbers of the claim) that gives the parts."""


def measure(name: str) -> Callable:
    """Register a measurement under a name."""

    def register(function: Callable) -> Callable:
        if name in MEASURES:
            raise ValueError(f"A measurement {name!r} is registered already; names are unique.")
        MEASURES[name] = function
        return function

    return register


def standardised(part: Part) -> tuple[float, float, float]:
    """(x, low, high) from the bound that matters, in half-widths of the interval: positive where the claim holds.

    For drawing: a part holds where low ≥ 0 and fails where high < 0. Without an interval: ±inf, or NaN if n = 0. What
    its slack leaves open is drawn on the bound.
    """
    room = {"least": part.value - part.least, "most": part.most - part.value}
    side = min(room, key=lambda name: room[name] if not isnan(room[name]) else inf)
    if part.n is not None and (isnan(part.low) or isnan(part.value)):
        return nan, nan, nan
    half = 0 if part.n is None else (part.high - part.low) / 2
    if part.slack and part.outcome() == "open":
        return 0.0, -1.0, 1.0
    if half <= 0:
        far = inf if room[side] >= 0 else -inf
        return far, far, far
    down, up = (part.value - part.low) / half, (part.high - part.value) / half
    down, up = (down, up) if side == "least" else (up, down)
    return room[side] / half, room[side] / half - down, room[side] / half + up
