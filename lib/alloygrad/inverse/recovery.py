"""Recover the parameters of a simulator from data, and say how well the data determine them."""

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from math import sqrt

import numpy as np
import pandas as pd

from alloygrad.checks import (
    explained,
    require_arguments,
    require_callable,
    require_kind,
    require_known,
    require_number,
    require_whole,
)
from alloygrad.inverse.calls import BudgetSpent, Call, Calls
from alloygrad.inverse.identifiability import MADE, Doubts, Information, jacobian
from alloygrad.inverse.problem import InverseProblem
from alloygrad.inverse.searchers import SEARCHERS, bounded_step, descend_secant

AT_LIMIT = 1e-3
"""A parameter nearer to a limit than this share of its range is said to lie on it."""

POOR_FIT = 2.0
"""Reduced χ² above which the simulator is said to miss the data."""

UNSETTLED = 2.0
"""Fall of χ² that one more step predicts, above which a search is said to have stopped too early: one parameter off by
one standard error gives 1. Of 15 runs of `hybrid` on the problems of the race one had 1.1, the others .11 at most; toy
searches that were stopped far from the truth had 24 and more where the data determined all parameters."""

SHORTEST_MOVE = 1e-5
"""Steps shorter than this share of every range are no reason to go on: data without noise allow them for long."""


@explained("ag.recover(problem, budget=60)")
@dataclass(frozen=True, eq=False)
class Recovery:
    """What was recovered: parameters with standard errors, the fitted curve, and every call on the way."""

    problem: InverseProblem
    method: str
    seed: int
    calls: Calls
    information: Information
    """The Jacobian at the best point, and what follows from it."""
    better: float | None = None
    """The misfit of a better call in `done` that the search did not come by."""

    def __repr__(self) -> str:
        known, errors = self.problem.measured.known, self.standard_errors
        quality = f"{'reduced χ²' if known else 'misfit per degree of freedom'} {self.reduced:.3g}"
        lines = [f"Recovery by {self.method}, {len(self.calls)} calls, {quality}"]
        for p in self.problem.parameters:
            off = "(fixed)" if p.lower == p.upper else "(whole number)" if p.integer else f"± {errors[p.name]:.2g}"
            lines.append(f"  {p.name} = {self.values[p.name]:.7g} {off} {p.unit}".rstrip())
        return "\n".join(lines + [f"Warning: {sentence}" for sentence in self.warnings])

    @property
    def values(self) -> dict[str, float]:
        """The parameters of the smallest fine misfit, the cheap ones as well."""
        best = self.calls.best
        return self.calls.calls[best].values | self.calls.fine[best].cheap

    @property
    def misfit(self) -> float:
        """The smallest fine misfit."""
        return self.calls.fine[self.calls.best].misfit

    @property
    def reduced(self) -> float:
        """The misfit per degree of freedom (reduced χ²): about 1 where simulator and standard errors are right."""
        return self.misfit / max(self._left, 1.0)

    @property
    def _left(self) -> float:
        background = self.problem.background
        linear = self.problem.scale + (0 if background is None else np.shape(background)[1])
        n = len(self.problem.measured) if self.problem.independent is None else self.problem.independent
        return n - len(self.information.names) - linear

    @property
    def _factor(self) -> float:
        """What a sum of squares is divided by, to be one of standard errors."""
        if self.problem.independent is None and self.problem.measured.known:
            return max(self.reduced, 1.0)
        return self.reduced  # with `independent`, the sum over n values stands for that over the independent ones

    @cached_property
    def covariance(self) -> pd.DataFrame:
        """Covariance of the parameters that are no whole numbers, in their units.

        It is the inverse of the Fisher information. It is multiplied by the reduced χ² where this is above 1, or where
        the standard errors of the data are not known.
        """
        return self.information.covariance * self._factor

    @cached_property
    def next_step(self) -> dict[str, float]:
        """The step of each parameter, in standard errors, that least squares would take from here within the limits.

        Empty where it predicts no fall of χ² worth it: the search had settled.
        """
        parameters, slopes = self.information.parameters, self.information.slopes
        at = np.array([(self.values[p.name] - p.lower) / (p.upper - p.lower) for p in parameters])
        if not len(at):
            return {}
        residual = self.calls.fine[self.calls.best].residual
        step = bounded_step(slopes, residual, 0.0, at)
        fall = residual @ residual - ((residual + slopes @ step) ** 2).sum()
        if fall <= UNSETTLED * self._factor or np.abs(step).max() < SHORTEST_MOVE:
            return {}
        errors = self.standard_errors
        return {p.name: float(s * (p.upper - p.lower) / errors[p.name]) for p, s in zip(parameters, step, strict=True)}

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard error of each parameter in its unit; NaN for whole numbers and fixed ones."""
        found = dict(zip(self.covariance, np.sqrt(np.diag(self.covariance)), strict=True))
        return {each.name: float(found.get(each.name, np.nan)) for each in self.problem.parameters}

    @explained("found.table()")
    def table(self) -> pd.DataFrame:
        """Return one row per parameter: value, standard error, unit, limits, and in short what `warnings` say of it."""
        errors = self.standard_errors
        rows = [
            (p.name, self.values[p.name], errors[p.name], p.unit, p.lower, p.upper, self._words(p.name))
            for p in self.problem.parameters
        ]
        columns = ["parameter", "value", "standard_error", "unit", "lower", "upper", "warning"]
        return pd.DataFrame(rows, columns=columns).set_index("parameter")

    @cached_property
    def coefficients(self) -> np.ndarray:
        """Scale factor (1 where there is none) and coefficients of the background, (1 + k,)."""
        problem, best = self.problem, self.calls.best
        curve = problem.curve(self.calls.calls[best].raw, self.calls.fine[best].cheap)
        curves = [] if problem.background is None else list(np.asarray(problem.background, dtype=float).T)
        if problem.scale:
            curves = [curve, *curves]
        if not curves:
            return np.ones(1)
        seen = np.array([problem.transform("fine", one) for one in curves]).T
        target = problem.transform("fine", problem.measured.values)
        if not problem.scale:
            target = target - problem.transform("fine", curve)
        solved = np.linalg.lstsq(seen, target, rcond=None)[0]
        return solved if problem.scale else np.concatenate([[1.0], solved])

    @property
    def curve(self) -> np.ndarray:
        """The fitted curve (n,) in the unit of the data, scale and background included."""
        best, factors = self.calls.best, self.coefficients
        curve = factors[0] * self.problem.curve(self.calls.calls[best].raw, self.calls.fine[best].cheap)
        if self.problem.background is not None:
            curve = curve + np.asarray(self.problem.background) @ factors[1:]
        return curve

    @property
    def trajectory(self) -> pd.DataFrame:
        """One row per call: its stage, parameters, misfits and seconds."""
        calls = self.calls
        rows = [call.values | fit.cheap for call, fit in zip(calls.calls, calls.fine, strict=True)]
        table = pd.DataFrame(rows)
        table.insert(0, "stage", calls.stages)
        return table.assign(
            coarse=calls.misfits("coarse"), fine=calls.misfits("fine"), seconds=[call.seconds for call in calls.calls]
        ).rename_axis("call")

    @property
    def warnings(self) -> list[str]:
        """What limits the result, each with what to do about it."""
        return [sentence for _, sentence in self._doubts]

    def _words(self, name: str) -> str:
        return "; ".join(words[name] for words, _ in self._doubts if name in words)

    @property
    def _doubts(self) -> Doubts:
        found, values = Doubts(), self.values
        for each in self.problem.parameters:
            share = (values[each.name] - each.lower) / ((each.upper - each.lower) or 1)
            if each.lower < each.upper and not AT_LIMIT < share < 1 - AT_LIMIT and not each.integer:
                sentence = (
                    f"{each.name} ends at the limit of its box ({values[each.name]:.4g} {each.unit}). Widen the box, "
                    "or fix the parameter."
                )
                found.append(({each.name: "at its limit"}, sentence))
        steps = self.next_step
        if moved := [name for name in steps if abs(steps[name]) >= min(1.0, max(map(abs, steps.values())))]:
            far = ", ".join(f"{name} by {abs(steps[name]):.1f}" for name in moved)
            sentence = (
                f"The search had not settled: another step would move {far} standard errors. Raise the budget "
                f"({self.calls.budget} calls); with the same list as `done`, those made already are not repeated."
            )
            found.append((dict.fromkeys(moved, "not settled"), sentence))
        if self.better is not None:
            sentence = (
                f"`done` holds a call with a misfit of {self.better:.4g}, here it is {self.misfit:.4g}: another "
                "method, seed or budget came by it. Repeat the search with those, or raise the budget."
            )
            found.append(({}, sentence))
        if self.problem.measured.known and self.problem.independent is None and self.reduced > POOR_FIT:
            sentence = (
                f"The fit misses the data by {sqrt(self.reduced):.1f} standard errors in the mean: the search stopped "
                "too early or in a wrong minimum, or the simulator or the standard errors are incomplete. Try another "
                "`seed` or narrower limits, raise the budget, then look at the residual. Errors of parameters are "
                "widened."
            )
            found.append((dict.fromkeys(self.information.names, "poor fit"), sentence))
        return found + self.information.doubts(self.covariance)


@explained("ag.recover(problem, budget=60)")
def recover(
    problem: InverseProblem,
    method: str | Callable[[Calls, int], None] = "hybrid",
    *,
    budget: int = 80,
    seed: int = 0,
    done: list[Call] | None = None,
    progress: bool | Callable[[Calls], None] = True,
) -> Recovery:
    """Find the parameters whose simulated curve fits the data best.

    Args:
        problem: What is sought, simulated and measured.
        method: A name in `SEARCHERS`, or a function of the same form.
        budget: The largest number of calls of the simulator, those for the standard errors included.
        seed: Names all random numbers: the same seed gives the same result.
        done: Calls made earlier; new ones are appended to this list. A search that was interrupted goes on when it is
            called again with the same list, method, seed and budget. Only those calls count that the search comes by:
            another seed asks for others. A simulator that was changed needs an empty list.
        progress: Whether to print one line that counts calls; or a function that is called after each.

    Returns:
        Parameters with standard errors and the way to them.

    Raises:
        TypeError: An argument of another kind.
        ValueError: An unknown method, or one that makes no call; a budget that does not cover the standard errors and
            one call more; or calls of other parameters in `done`.
        SimulationError: The simulator, or another function of the problem, failed; what was computed is in `done`, and
            in the error's `calls`. An interrupt has `calls` as well.

    Example:
        >>> from alloygrad.inverse import InverseProblem, Measured, Parameter, recover
        >>> x = np.linspace(0, 1, 50)
        >>> def peak(centre, width):
        ...     return np.exp(-(((x - centre) / width) ** 2))
        >>> parameters = [Parameter("centre", "eV", 0.2, 0.8), Parameter("width", "eV", 0.02, 0.2)]
        >>> found = recover(InverseProblem(parameters, peak, Measured(peak(0.4, 0.1), 0.01)), budget=40, progress=False)
        >>> found.table()["value"].round(3).to_dict()
        {'centre': 0.4, 'width': 0.1}
    """
    require_kind("problem", problem, InverseProblem, MADE)
    if callable(method):
        require_arguments("method", method, [], ["calls", "seed"])
    else:
        require_known("method", method, SEARCHERS)
    if not isinstance(progress, bool):
        require_callable("progress", progress, "True, False, or a function of the calls")
    free = int((problem.box.upper > problem.box.lower).sum())
    why = "two calls to search, and one for the standard error of each parameter"
    require_whole(free + 2, 10 * len(problem.parameters), why, budget=budget)
    require_whole(0, seed=seed)
    report = (_print if progress is True else progress) or (lambda calls: None)
    calls = Calls(problem, budget - free, done, report)
    with calls.keeping():
        with suppress(BudgetSpent):
            (method if callable(method) else SEARCHERS[method])(calls, seed)
        if not len(calls):
            raise ValueError(
                "Expected the method to call the simulator at least once; it made no call. Let it call `calls(shares)`."
            )
        calls.budget, calls.stage = budget, "standard errors"
        information = jacobian(calls, calls.best)
    if progress is True:
        print(file=sys.stderr)
    name = method if isinstance(method, str) else getattr(method, "__name__", type(method).__name__)
    return Recovery(problem, name, seed, calls, information, calls.better_elsewhere())


@explained("profile(found, 'a')")
def profile(found: Recovery, name: str, *, points: int = 9, widths: float = 3.0, budget: int = 200) -> pd.DataFrame:
    """Fix one parameter at several values, fit all others anew: how the misfit rises away from the best value.

    Args:
        found: A recovery; its calls are not counted again.
        name: A parameter that is no whole number, and not fixed.
        points: How many values.
        widths: How far to go, in standard errors, within the parameter's limits.
        budget: The largest number of further calls for each value.

    Returns:
        Columns: the parameter, misfit (fine) and rise, (misfit − least)/reduced χ² where this is above 1. A rise of 1
        is one standard error of a parameter that the data determine well.

    Raises:
        TypeError: No Recovery.
        ValueError: An unknown name, or numbers that are too small.
        SimulationError: The simulator failed.
    """
    require_kind("found", found, Recovery, "Pass what `recover` returned.")
    problem = found.problem
    require_known("parameter", name, [p.name for p in problem.parameters if not p.integer and p.lower < p.upper])
    require_whole(2, 9, "one on each side of the best value", points=points)
    require_whole(1, 10 * len(problem.parameters), budget=budget)
    require_number(1e-6, 1e6, " standard errors", widths=widths)
    (which,) = (each for each in problem.parameters if each.name == name)
    best, reach = found.values[name], widths * found.standard_errors[name]
    reach = reach if np.isfinite(reach) else which.upper - which.lower  # the data say nothing of it
    rows = []
    for value in np.clip(best + reach * np.linspace(-1, 1, points), which.lower, which.upper):
        fixed = replace(which, lower=float(value), upper=float(value))
        held = replace(problem, parameters=[fixed if each is which else each for each in problem.parameters])
        calls = Calls(held, budget, None)
        start = {key: found.values[key] for key in held.box.names} | ({name: float(value)} if not which.cheap else {})
        with calls.keeping(), suppress(BudgetSpent):
            descend_secant(calls, held.shares(start))
        rows.append((value, calls.fine[calls.best].misfit))
    table = pd.DataFrame(rows, columns=[name, "misfit"])
    return table.assign(rise=(table["misfit"] - found.misfit) / max(found.reduced, 1.0))


def _print(calls: Calls) -> None:
    end = f"{calls.stage}, misfit {calls.misfits('fine').min():.4g}"
    print(f"\r{len(calls)} calls of {calls.budget}: {end:<40}", end="", file=sys.stderr, flush=True)
