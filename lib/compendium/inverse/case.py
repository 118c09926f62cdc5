"""An inverse problem with a known or a cited answer, and what counts as solved."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alloygrad.inverse import InverseProblem
from alloygrad.inverse.problem import Fitted


@dataclass(frozen=True, eq=False)
class Case:
    """A problem and its judgement, fixed before the first run.

    Args:
        name: As in records.
        problem: The problem.
        truth: The true values, or those of the literature.
        judge: (values of all parameters, fine fit) → how far off, 1 at most where the problem is solved.
        budget: Calls of the simulator.
        unit: Of the data.
        axis: Label of x.
    """

    name: str
    problem: InverseProblem
    truth: Mapping[str, float]
    judge: Callable[[Mapping[str, float], Fitted], float]
    budget: int
    unit: str = ""
    axis: str = ""


@dataclass(frozen=True)
class Within:
    """Judge by the largest error of some parameters, in tolerances.

    Args:
        truth: The true values, or those of the literature.
        tolerances: The largest error of each parameter that is judged.
    """

    truth: Mapping[str, float]
    tolerances: Mapping[str, float]

    def __call__(self, values: Mapping[str, float], fitted: Fitted) -> float:
        """Return the largest error in tolerances."""
        return max(abs(values[name] - self.truth[name]) / most for name, most in self.tolerances.items())


def r_factor(fitted: Fitted) -> float:
    """Return Pendry's R factor of a fit whose misfit compares two functions Y."""
    return pendry_ratio(fitted.model, fitted.model - fitted.residual)


def pendry_ratio(one: np.ndarray, other: np.ndarray) -> float:
    """Return Σ(Y₁ − Y₂)² / Σ(Y₁² + Y₂²) of two functions Y (n,) on the same even grid."""
    return float(((one - other) ** 2).sum() / (one**2 + other**2).sum())


def within_r_factor(most: float) -> Callable[[Mapping, Fitted], float]:
    """Judge by the R factor, in units of the largest that counts as solved."""
    return lambda values, fitted: r_factor(fitted) / most


def within_from(rows: pd.DataFrame, column: str) -> float:
    """Return the number of `points` from which on a column is at most 1, to the end; NaN where it is not."""
    outside = rows["points"][rows[column] > 1].max()  # NaN where none is
    later = rows["points"][~(rows["points"] <= outside)]
    return float(later.min())
