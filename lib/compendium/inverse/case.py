"""An inverse problem with a known or a cited answer, and what counts as solved."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

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


def within(truth: Mapping[str, float], tolerances: Mapping[str, float]) -> Callable[[Mapping, Fitted], float]:
    """Judge by the largest error of some parameters, in tolerances."""
    return lambda values, fitted: max(abs(values[name] - truth[name]) / most for name, most in tolerances.items())


def r_factor(fitted: Fitted) -> float:
    """Return Σ(Y_t − Y_e)² / Σ(Y_t² + Y_e²), where the misfit compares two functions Y."""
    data = fitted.model - fitted.residual
    return fitted.misfit / float(fitted.model @ fitted.model + data @ data)


def within_r_factor(most: float) -> Callable[[Mapping, Fitted], float]:
    """Judge by the R factor, in units of the largest that counts as solved."""
    return lambda values, fitted: r_factor(fitted) / most
