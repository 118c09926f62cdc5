"""A value to hit, limits to keep, and the desirability of several outcomes.

    Target("martensite_peak_C", 60)                       as near to 60 as possible
    Limit("hysteresis_K", at_most=10)                     a condition, not an aim
    Limit("density_g_per_cm3", at_least=4, at_most=8)
    Desirability({"hardness_HV": (300, 600), "cost": (90, 20)})

For a target and for limits the outcome itself is modelled. What is made of it, the distance |y − t| or the probability
of keeping the limits, follows from the model in closed form; a model of |y − t| would have to learn its kink.

A desirability grows from 0 to 1 between the two values of each outcome, the worst and the best that matter, in any
order; several are joined by their geometric mean, so that one outcome at its worst spoils the whole. It is modelled as
one quantity. Where it is 0 nothing tells the model which way is up: use a `Limit` for a condition that few fulfil.

Source: Derringer and Suich, J. Quality Technology 12 (1980) 214, for the desirability.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from alloygrad.checks import explained, is_number, numbers, require_outcomes
from alloygrad.objectives.single import Weighted, Weights, weights_of


@explained("ag.Target('martensite_peak_C', 60)")
@dataclass(frozen=True)
class Target(Weighted):
    """The objective "as near to a value as possible".

    Args:
        outcome: The name of an outcome, or {name: weight} for a weighted sum.
        wanted: The value to hit, in the outcome's unit.

    Raises:
        ValueError: No name, or no finite number.

    Example:
        >>> Target("martensite_peak_C", 60).utility([50.0, 65.0]).tolist()
        [-10.0, -5.0]
    """

    outcome: str | Mapping[str, float]
    wanted: float
    sign: ClassVar[int] = 1

    def __str__(self) -> str:
        """Return what is wanted, in words."""
        return f"{self.name} near {self.wanted:g}"

    def __post_init__(self) -> None:
        weights_of(self.outcome)
        if not is_number(self.wanted):
            text = f"Write ag.Target({self.outcome!r}, 60)"
            pair = self.wanted if isinstance(self.wanted, tuple | list) and len(self.wanted) == 2 else ()
            if pair and all(map(is_number, pair)) and pair[0] < pair[1]:
                a, b = pair
                limit = f"ag.Limit({self.outcome!r}, at_least={a:g}, at_most={b:g})"
                text += f"; if anything from {a:g} to {b:g} will do, write {limit} beside an aim"
            raise ValueError(
                f"Expected the value to hit as one finite number; got {self.wanted!r} for {self.outcome!r}. {text}."
            )

    @property
    def weights(self) -> Weights:  # type: ignore[override]  # follows from `outcome`
        """The weights of the sum, one of 1 for a name."""
        return weights_of(self.outcome)

    def utility(self, value: ArrayLike) -> np.ndarray:
        """Return minus the distance of a value (...) from the one wanted."""
        return -np.abs(np.asarray(value) - self.wanted)


@explained(
    "ag.Limit('hysteresis_K', at_most=10)",
    surplus="Expected Limit(name, at_least=… or at_most=…); got {1} without a side. Write ag.Limit({0}, at_most={1}).",
)
@dataclass(frozen=True)
class Limit(Weighted):
    """The condition that an outcome lies on one side of a value, or between two; joined to objectives, it is none.

    Args:
        outcome: The name of an outcome, or {name: weight} for a weighted sum.
        at_least: The least value allowed, in the outcome's unit.
        at_most: The largest value allowed.

    Raises:
        ValueError: No name, no limit, limits that are not numbers, or the least above the largest.

    Example:
        >>> Limit("hysteresis_K", at_most=10).kept([8.0, 12.0]).tolist()
        [True, False]
    """

    outcome: str | Mapping[str, float]
    at_least: float = field(default=-inf, kw_only=True)
    at_most: float = field(default=inf, kw_only=True)
    sign: ClassVar[int] = 1

    def __str__(self) -> str:
        """Return the condition, in words."""
        sides = [(self.at_least, "≥"), (self.at_most, "≤")]
        return f"{self.name} {' and '.join(f'{sign} {limit:g}' for limit, sign in sides if isfinite(limit))}"

    def __post_init__(self) -> None:
        weights_of(self.outcome)
        given = [limit for limit in (self.at_least, self.at_most) if limit not in (-inf, inf)]
        if not given or not all(is_number(limit) for limit in given) or not self.at_least < self.at_most:
            got = f"at_least = {self.at_least!r} and at_most = {self.at_most!r}" if given else "neither"
            raise ValueError(
                f"Expected a number as at_least, as at_most, or both with at_least < at_most, for {self.outcome!r}; "
                f"got {got}. For example: ag.Limit('hysteresis_K', at_most=10)."
            )

    @property
    def weights(self) -> Weights:  # type: ignore[override]  # follows from `outcome`
        """The weights of the sum, one of 1 for a name."""
        return weights_of(self.outcome)

    def utility(self, value: ArrayLike) -> np.ndarray:
        """Return how far inside the limits a value (...) lies, negative outside."""
        value = np.asarray(value)
        return np.minimum(value - self.at_least, self.at_most - value)

    def kept(self, value: ArrayLike) -> np.ndarray:
        """Return whether values (...) keep the limits."""
        return self.utility(value) >= 0


@explained("ag.Desirability({'hardness_HV': (300, 600)})")
@dataclass(frozen=True)
class Desirability:
    """The objective "as desirable as possible", a number from 0 to 1 made of several outcomes.

    Args:
        ramps: {outcome: (worst, best)}, each in the outcome's unit: 0 at and beyond the worst, 1 at and beyond the
            best. The worst may be the larger one.

    Raises:
        ValueError: No outcome, or two values that are not different finite numbers.

    Example:
        >>> wish = Desirability({"hardness_HV": (300, 600), "cost": (90, 20)})
        >>> round(wish.value({"hardness_HV": 450.0, "cost": 20.0}).item(), 3)  # √(0.5 × 1)
        0.707
    """

    ramps: Mapping[str, tuple[float, float]]
    sign: ClassVar[int] = 1

    def __str__(self) -> str:
        """Return what is wanted, in words."""
        ramps = ", ".join(f"{name} {worst:g} … {best:g}" for name, (worst, best) in self.ramps.items())
        return f"maximise desirability ({ramps})"

    def __post_init__(self) -> None:
        sound = isinstance(self.ramps, Mapping) and len(self.ramps) > 0
        for name, ramp in self.ramps.items() if sound else ():
            pair = isinstance(ramp, tuple | list) and len(ramp) == 2 and all(map(is_number, ramp))
            sound &= isinstance(name, str) and name != "" and pair and ramp[0] != ramp[1]
        if not sound:
            raise ValueError(
                f"Expected {{outcome: (worst, best), …}} with two different finite numbers each; got {self.ramps!r}. "
                "Write for example ag.Desirability({'hardness_HV': (300, 600)})."
            )

    @property
    def name(self) -> str:
        """What is optimised, in words."""
        return f"desirability of {', '.join(self.ramps)}"

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outcomes."""
        return tuple(self.ramps)

    def value(self, outcomes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the desirability (...) of outcomes, each (...)."""
        require_outcomes(self.outputs, outcomes)
        shares = [
            np.clip((numbers(outcomes[name], name) - worst) / (best - worst), 0, 1)
            for name, (worst, best) in self.ramps.items()
        ]
        return np.prod(np.broadcast_arrays(*shares), axis=0) ** (1 / len(shares))

    def utility(self, value: ArrayLike) -> np.ndarray:
        """Return the desirability (...) as it is."""
        return np.asarray(value)
