"""Measured numbers held against a claim, and what becomes of the claim.

A part of a claim holds where a number x lies within bounds fixed beforehand, least ≤ x ≤ most. Of a sample, x has a
95 % interval [low, high]; the part

    holds  where the interval lies within the bounds,
    fails  where it lies wholly beyond one of them,
    open   where it straddles one, or where there is none (fewer than 8 repeats, or nothing recorded).

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

Many claims are judged at once, so some would be decided by chance. What makes a verdict has a p value,
p = 2 Φ(−|x − bound|/s), with the standard error s from the side of the interval that faces the bound: the largest of
its parts where all must hold, the smallest times their number where one failure decides. Of all verdicts that
rest on samples, those that Holm's procedure (``statistics.holm``) does not keep at 5 % become inconclusive.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isnan, nan

from scipy.stats import norm

from compendium.judging import statistics

Z = norm.isf(0.025)

STRADDLING = 0.9
"""Farthest from the bound, in half-widths, that an open part is drawn if a rule of its own decides."""

GROUPS = ("meant", "published", "stronger")

REPRODUCED, STRONGER = "reproduced", "stronger than claimed"
AS_MEANT, AS_PUBLISHED = "only as meant", "only as published"
NOT_REPRODUCED, INCONCLUSIVE, NOT_TESTED = "not reproduced", "inconclusive", "not tested"
VERDICTS = (REPRODUCED, STRONGER, AS_MEANT, AS_PUBLISHED, NOT_REPRODUCED, INCONCLUSIVE, NOT_TESTED)


@dataclass(frozen=True)
class Part:
    """One number of a claim. n: repeats in the interval, 0 where nothing is recorded, None for a count without chance.

    decided: (outcome, p) where the claim has a rule of its own, as for a p value; else bounds and interval decide.
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
    decided: tuple[str, float] | None = None

    def outcome(self) -> str:
        """ "holds", "fails" or "open", by the rule above."""
        if self.decided:
            return self.decided[0]
        low, high = (self.value, self.value) if self.n is None else (self.low, self.high)
        if isnan(low) or isnan(high):
            return "open"
        if self.least <= low and high <= self.most:
            return "holds"
        return "fails" if high < self.least or low > self.most else "open"

    def is_lacking(self) -> bool:
        """Whether there is no interval to judge by."""
        return not self.decided and isnan(self.value if self.n is None else self.low)

    def p(self) -> float:
        """Of the outcome: the probability of a number so far on this side of a bound if the truth lay on the bound."""
        if self.decided:
            return self.decided[1]
        if self.n is None or self.outcome() == "open":
            return 0.0 if self.n is None else 1.0
        down, up = self.value - self.low, self.high - self.value
        if self.outcome() == "holds":
            return max(beyond(self.value - self.least, down), beyond(self.most - self.value, up))
        return min(beyond(self.least - self.value, up), beyond(self.value - self.most, down))

    def __str__(self) -> str:
        if self.n == 0:
            return f"{self.name}: nothing recorded"
        if self.n is None:
            return f"{self.name} {self.value:.4g}"
        interval = "" if isnan(self.low) else f" [{self.low:.3g}, {self.high:.3g}]"
        return f"{self.name} {self.value:.3g}{interval}, n = {self.n}"


def beyond(distance: float, half: float) -> float:
    """Two-sided p of a value `distance` beyond a bound, with `half` a 95 % interval towards it; 1 on the wrong side."""
    if distance == inf:
        return 0.0
    if half <= 0:
        return 0.0 if distance >= 0 else 1.0
    return float(2 * norm.sf(Z * distance / half)) if distance > 0 else 1.0


def together(parts: Sequence[Part]) -> tuple[str, float]:
    """(outcome, p) of a group: fails where one does, holds where all do, else open; lacking where an interval is."""
    outcomes = [part.outcome() for part in parts]
    if "fails" in outcomes:
        smallest = min(part.p() for part, outcome in zip(parts, outcomes, strict=True) if outcome == "fails")
        return "fails", min(1.0, len(parts) * smallest)
    if parts and set(outcomes) == {"holds"}:
        return "holds", max(part.p() for part in parts)
    return ("open" if parts and not any(part.is_lacking() for part in parts) else "lacking"), 1.0


def judge(parts: Sequence[Part]) -> tuple[str, float]:
    """(verdict, p) of a claim by itself, from its parts."""
    if all(part.n == 0 for part in parts):
        return NOT_TESTED, 1.0
    meant, published, stronger = (together([part for part in parts if part.group == group]) for group in GROUPS)
    if meant[0] == "holds":
        if stronger[0] == "holds":
            return STRONGER, max(meant[1], stronger[1])
        return (AS_MEANT, max(meant[1], published[1])) if published[0] == "fails" else (REPRODUCED, meant[1])
    if meant[0] == "fails" and published[0] == "holds":
        return AS_PUBLISHED, max(meant[1], published[1])
    applies = any(part.group == "published" for part in parts)
    if meant[0] == "fails" and not (applies and published[0] == "lacking"):
        return NOT_REPRODUCED, meant[1]
    return INCONCLUSIVE, 1.0


def is_sample(parts: Sequence[Part]) -> bool:
    """Whether chance has a say in any of the parts."""
    return any(part.n is not None for part in parts)


def keep(verdicts: Sequence[tuple[str, float]], sampled: Sequence[bool]) -> list[tuple[str, float]]:
    """The same claims judged together: (verdict, adjusted p); what Holm does not keep becomes inconclusive."""
    decided = [i for i, (verdict, _) in enumerate(verdicts) if sampled[i] and verdict not in (INCONCLUSIVE, NOT_TESTED)]
    adjusted = dict(zip(decided, statistics.holm([verdicts[i][1] for i in decided]).tolist(), strict=True))
    return [
        (INCONCLUSIVE if adjusted.get(i, 0.0) > statistics.LEVEL else verdict, adjusted.get(i, p))
        for i, (verdict, p) in enumerate(verdicts)
    ]


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

    For drawing: a part holds where low ≥ 0 and fails where high ≤ 0. Without an interval: ±inf, or NaN if n = 0. What a
    rule of its own decides lies as far as its p says, but on the side of its outcome; open, it straddles the bound.
    """
    if part.decided:
        outcome, p = part.decided
        far = min(beyond_inverse(p), STRADDLING) if outcome == "open" else max(beyond_inverse(p), 1.0)
        far *= {"holds": 1, "fails": -1, "open": -1 if part.value < part.least else 1}[outcome]
        return far, far - 1, far + 1
    room = {"least": part.value - part.least, "most": part.most - part.value}
    side = min(room, key=lambda name: room[name] if not isnan(room[name]) else inf)
    if part.n is not None and (isnan(part.low) or isnan(part.value)):
        return nan, nan, nan
    half = 0 if part.n is None else (part.high - part.low) / 2
    if half <= 0:
        far = inf if room[side] >= 0 else -inf
        return far, far, far
    down, up = (part.value - part.low) / half, (part.high - part.value) / half
    down, up = (down, up) if side == "least" else (up, down)
    return room[side] / half, room[side] / half - down, room[side] / half + up


def beyond_inverse(p: float) -> float:
    """Distance in half-widths of a 95 % interval that has the two-sided p."""
    return float(norm.isf(p / 2) / Z)
