"""What is wanted of a measurement: outcomes in, one utility out, the larger the better.

    Maximise("enthalpy_J_per_g")
    Minimise("hysteresis_K")
    Maximise({"enthalpy_J_per_g": 0.03, "austenite_peak_C": 0.01})    # a weighted sum

An objective is data. Predictions and suggestions stay in the unit of its outcomes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from numbers import Real

import numpy as np


@dataclass(frozen=True)
class Objective:
    """A weighted sum of outcomes, and whether more of it is better. Made by `Maximise` and `Minimise`."""

    weights: tuple[tuple[str, float], ...]
    sign: int

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outcomes that it needs."""
        return tuple(name for name, _ in self.weights)

    @property
    def name(self) -> str:
        """What is optimised, in words: the outcome's name, or the sum written out."""
        if len(self.weights) == 1 and self.weights[0][1] == 1:
            return self.weights[0][0]
        return " + ".join(f"{weight:g} × {name}" for name, weight in self.weights).replace("+ -", "− ")

    def value(self, outcomes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the weighted sum (...) of outcomes, each (...), in their unit."""
        return sum(weight * np.asarray(outcomes[name], dtype=float) for name, weight in self.weights)

    def utility(self, value: np.ndarray) -> np.ndarray:
        """Return the larger-is-better form (...) of a value (...), or the value of a utility: they differ in sign."""
        return self.sign * np.asarray(value)


def Maximise(outcome: str | Mapping[str, float]) -> Objective:
    """Return the objective "as large as possible".

    Args:
        outcome: The name of an outcome, or {name: weight} for a weighted sum.

    Raises:
        ValueError: No name, or weights that are not finite numbers.

    Example:
        >>> Maximise("hardness_HV").utility(350.0).item()
        350.0
    """
    return Objective(_weights(outcome), 1)


def Minimise(outcome: str | Mapping[str, float]) -> Objective:
    """Return the objective "as small as possible".

    Args:
        outcome: The name of an outcome, or {name: weight} for a weighted sum.

    Raises:
        ValueError: No name, or weights that are not finite numbers.

    Example:
        >>> Minimise("cost_per_kg").utility(12.5).item()
        -12.5
    """
    return Objective(_weights(outcome), -1)


def _weights(outcome) -> tuple[tuple[str, float], ...]:
    if isinstance(outcome, str) and outcome:
        return ((outcome, 1.0),)
    sound = isinstance(outcome, Mapping) and outcome
    if not sound or not all(isinstance(n, str) and _is_finite(w) for n, w in outcome.items()):
        raise ValueError(
            f"Expected the name of an outcome or {{name: weight, …}} with finite weights; got {outcome!r}. "
            "For example: Maximise('hardness_HV')."
        )
    return tuple((name, float(weight)) for name, weight in outcome.items())


def _is_finite(value) -> bool:
    value = value.item() if isinstance(value, np.generic) else value
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
