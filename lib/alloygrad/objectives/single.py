"""As much or as little as possible of one outcome, or of a weighted sum of outcomes.

    Maximise("enthalpy_J_per_g")
    Minimise("hysteresis_K")
    Maximise({"enthalpy_J_per_g": 0.03, "austenite_peak_C": 0.01})    # a weighted sum

An objective is data. Predictions and suggestions stay in the unit of its outcomes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from alloygrad.checks import explained, is_number, numbers, require_outcomes

Weights: TypeAlias = tuple[tuple[str, float], ...]


class Weighted:
    """What an objective models: one outcome, or a weighted sum of outcomes, given by its `weights`."""

    weights: Weights

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outcomes that it needs."""
        return tuple(name for name, _ in self.weights)

    @property
    def name(self) -> str:
        """What is optimised, in words: the outcome's name, or the sum written out."""
        return written(self.weights)

    def value(self, outcomes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the weighted sum (...) of outcomes, each (...), in their unit."""
        return weighted(self.weights, outcomes)


@dataclass(frozen=True)
class Objective(Weighted):
    """A weighted sum of outcomes, and whether more of it is better. Made by `Maximise` and `Minimise`."""

    weights: Weights
    sign: int

    def __str__(self) -> str:
        """Return what is wanted, in words."""
        return f"{'maximise' if self.sign > 0 else 'minimise'} {self.name}"

    def utility(self, value: ArrayLike) -> np.ndarray:
        """Return the larger-is-better form (...) of a value (...), or the value of a utility: they differ in sign."""
        return self.sign * np.asarray(value)


@explained("ag.Maximise('hardness_HV')")
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
    return Objective(weights_of(outcome), 1)


@explained("ag.Minimise('cost_per_kg')")
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
    return Objective(weights_of(outcome), -1)


def written(weights: Weights) -> str:
    """Return a weighted sum in words: the outcome's name alone, or the sum written out."""
    if len(weights) == 1 and weights[0][1] == 1:
        return weights[0][0]
    return " + ".join(f"{weight:g} × {name}" for name, weight in weights).replace("+ -", "− ")


def weighted(weights: Weights, outcomes: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the weighted sum (...) of outcomes, each (...)."""
    require_outcomes([name for name, _ in weights], outcomes)
    parts = (weight * numbers(outcomes[name], name) for name, weight in weights)
    return sum(parts, start=np.zeros(()))


def weights_of(outcome: Any) -> Weights:
    """Return the weights of a name, or of {name: weight}. Raises ValueError for anything else."""
    if isinstance(outcome, str) and outcome:
        return ((outcome, 1.0),)
    sound = isinstance(outcome, Mapping) and all(isinstance(n, str) and n and is_number(w) for n, w in outcome.items())
    if not sound or not any(outcome.values()):
        mend = "Write for example 'hardness_HV', or {'hardness_HV': 1, 'cost': -2}."
        if isinstance(outcome, list | tuple):
            mend = "Write a list of objectives instead: [ag.Maximise('hardness_HV'), ag.Minimise('cost')]."
        raise ValueError(
            f"Expected the name of an outcome or {{name: weight, …}} with finite weights, not all 0; got {outcome!r}. "
            f"{mend}"
        )
    return tuple((name, float(weight)) for name, weight in outcome.items())
