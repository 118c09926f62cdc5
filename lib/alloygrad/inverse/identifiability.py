"""What data can say about parameters: Fisher information, before anything is fitted or at the end of a fit.

With the residual r(θ) in standard errors and its Jacobian J, the Fisher information is JᵀJ. Its inverse bounds the
covariance of any unbiased estimate (Cramér and Rao). Linear nuisances are projected out of J, cheap parameters are
among θ; whole numbers are held.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from alloygrad.checks import explained, is_number, require_kind, require_whole
from alloygrad.inverse.calls import Calls, feasible_points
from alloygrad.inverse.problem import InverseProblem, Parameter

CANNOT_TELL = 0.25
"""A standard error above this share of the range says that the data do not determine the parameter."""

TIED = 0.98
"""Correlation beyond which two parameters are named as tied to each other."""

DISTINCT = 10
"""So many values of a curve must change for their steps to be judged."""

COARSE, FINE = 6.0, 30.0
"""A difference quotient that rests on fewer steps of a rounded result is rough; on so many it is good."""

Doubts = list[tuple[dict[str, str], str]]
"""Warnings as sentences, each with a few words for every parameter that it concerns."""

MADE = "Build it with InverseProblem(parameters, simulate, measured)."


@dataclass(frozen=True, eq=False)
class Information:
    """Fisher information at one point, p parameters that are no whole numbers."""

    parameters: tuple[Parameter, ...]
    slopes: np.ndarray  # (m, p): Jacobian of the residual by shares of the ranges
    rounded: Mapping[str, float] = field(default_factory=dict)
    """Parameter → how many steps of a rounded result its difference quotient rests on, where these are few."""

    @property
    def names(self) -> list[str]:
        """Names of the p parameters."""
        return [each.name for each in self.parameters]

    @property
    def matrix(self) -> np.ndarray:
        """The information (p, p), for parameters in shares of their ranges."""
        return self.slopes.T @ self.slopes

    @property
    def _widths(self) -> np.ndarray:
        return np.array([each.upper - each.lower for each in self.parameters])

    @property
    def covariance(self) -> pd.DataFrame:
        """The least covariance (p, p) of the parameters, in their units; infinite where nothing is known."""
        matrix, widths = self.matrix, self._widths
        size = np.sqrt(np.diag(matrix))
        seen = size > 0
        found = np.full(matrix.shape, 0.0)
        found[np.diag_indices(len(size))] = np.inf
        scaled = matrix[np.ix_(seen, seen)] / np.outer(size[seen], size[seen])
        values, vectors = np.linalg.eigh(scaled)
        inverse = (vectors / np.maximum(values, 1e-14)) @ vectors.T
        found[np.ix_(seen, seen)] = inverse / np.outer(size[seen], size[seen]) * np.outer(widths[seen], widths[seen])
        return pd.DataFrame(found, index=self.names, columns=self.names)

    def table(self) -> pd.DataFrame:
        """Return one row per parameter: its expected standard error, that with all others known, and its partner.

        Columns: standard_error and alone, in the parameter's unit; share, the standard error in ranges; partner, the
        parameter that it is most correlated with, and correlation.
        """
        covariance = self.covariance.to_numpy()
        errors = np.sqrt(np.diag(covariance))
        with np.errstate(invalid="ignore", divide="ignore"):
            alone = self._widths / np.sqrt(np.diag(self.matrix))
            correlations = np.nan_to_num(covariance / np.outer(errors, errors))
        np.fill_diagonal(correlations, 0)
        partner = np.abs(correlations).argmax(1)
        rows = np.arange(len(errors))
        return pd.DataFrame(
            {
                "unit": [each.unit for each in self.parameters],
                "standard_error": errors,
                "alone": alone,
                "share": errors / self._widths,
                "partner": [self.names[i] for i in partner],
                "correlation": correlations[rows, partner],
            },
            index=pd.Index(self.names, name="parameter"),
        )

    def directions(self) -> pd.DataFrame:
        """Return the combinations of parameters in the order of what is known of them, the worst first.

        Each row is a unit vector in shares of the ranges; `standard_error` is that of the combination.
        """
        values, vectors = np.linalg.eigh(self.matrix)
        table = pd.DataFrame(vectors.T, columns=self.names)
        table.insert(0, "standard_error", 1 / np.sqrt(np.maximum(values, 1e-300)))
        return table

    def warnings(self, covariance: pd.DataFrame | None = None) -> list[str]:
        """Return what the data cannot tell, in sentences; of another covariance where one is given."""
        return [sentence for _, sentence in self.doubts(covariance)]

    def doubts(self, covariance: pd.DataFrame | None = None) -> Doubts:
        """Return the warnings, with words for each parameter."""
        covariance = self.covariance if covariance is None else covariance
        errors, found = np.sqrt(np.diag(covariance)), Doubts()
        if self.rounded:
            least = min(self.rounded.values())
            sentence = (
                f"The simulator rounds its results: the quotients for {', '.join(self.rounded)} rest on changes of "
                f"{least:.2g} of its steps or so, and standard errors are rough, often too small. Let it write more "
                f"digits, or pass InverseProblem(…, step=…) some {FINE / least:.0f} times as large."
            )
            found.append((dict.fromkeys(self.rounded, "rounded"), sentence))
        for each, error, width in zip(self.parameters, errors, self._widths, strict=True):
            if not error <= CANNOT_TELL * width:
                sentence = (
                    f"The data do not determine {each.name}: its standard error is {error:.2g} {each.unit}, the box is "
                    f"{width:.2g} wide. Fix it, measure elsewhere, or count longer."
                )
                if np.isinf(error):
                    sentence += " If the simulator rounds its results, pass a larger step to InverseProblem as well."
                found.append(({each.name: "not determined"}, sentence))
        for i, one in enumerate(self.names):
            for j in range(i):
                tied = covariance.iloc[i, j] / (errors[i] * errors[j]) if np.isfinite(errors[[i, j]]).all() else 0
                if abs(tied) > TIED:
                    other = self.names[j]
                    sentence = (
                        f"The data determine a combination of {other} and {one} only (correlation {tied:+.3f}). Fix "
                        "one of them, or measure where they act differently."
                    )
                    found.append(({one: f"tied to {other}", other: f"tied to {one}"}, sentence))
        return found


def jacobian(calls: Calls, number: int) -> Information:
    """Return the information at a call, by difference quotients: one further call per expensive parameter."""
    problem, at = calls.problem, calls.fine[number]
    here, raw = calls.shares[number], calls.calls[number].raw
    curve = problem.curve(raw, at.cheap)
    parameters, columns, rounded = [], [], {}
    for i, each in enumerate(problem.expensive):
        if each.integer or not each.lower < each.upper:
            continue
        step = problem.stride(here[i])
        there = here.copy()
        there[i] += step
        moved = calls.calls[calls(there)].raw
        parameters.append(each)
        columns.append((problem.compare("fine", moved, at.cheap).residual - at.residual) / step)
        if steps := steps_of_rounding(problem.curve(moved, at.cheap) - curve):
            rounded[each.name] = steps
    for each in problem.cheap:
        if each.integer or not each.lower < each.upper:
            continue
        width = each.upper - each.lower
        step = problem.step if at.cheap[each.name] + problem.step * width <= each.upper else -problem.step
        cheap = at.cheap | {each.name: at.cheap[each.name] + step * width}
        parameters.append(each)
        columns.append((problem.compare("fine", raw, cheap).residual - at.residual) / step)
    slopes = np.array(columns).T if columns else np.empty((len(at.residual), 0))
    if problem.scale and (power := at.model @ at.model) > 0:
        slopes = slopes - np.outer(at.model, at.model @ slopes) / power
    return Information(tuple(parameters), slopes, rounded)


def steps_of_rounding(change: np.ndarray) -> float:
    """Return by how many steps of its rounding a curve changes (n,), in the median; 0 where they are many, or none.

    Of a rounded curve, all changes are whole multiples of the least of them. Values that do not change do not count.
    """
    sizes = np.abs(change[np.abs(change) > 1e-12 * np.abs(change).max(initial=0)])
    if len(sizes) < DISTINCT:
        return 0.0
    steps = sizes / sizes.min()
    whole = bool((np.abs(steps - steps.round()) < 1e-3 * steps).all())
    return float(np.median(steps)) if whole and np.median(steps) < COARSE else 0.0


@explained("information(problem, {'a': 3.9})")
def information(problem: InverseProblem, values: Mapping[str, float]) -> Information:
    """Return what the data would say about the parameters if `values` were true: d + 1 calls, before any fit.

    Args:
        problem: What is sought, simulated and measured; of the data only the standard errors and the scale count.
        values: The expensive parameters by name, within their limits. Those of cheap parameters are not used: they are
            fitted.

    Raises:
        TypeError: Arguments of another kind.
        ValueError: A parameter is missing, unknown, or outside its limits.
        SimulationError: The simulator failed.
    """
    require_kind("problem", problem, InverseProblem, MADE)
    require_kind("values", values, Mapping, "Write for example {'a': 3.9, 'c': 4.1}.")
    names = list(problem.box.names)
    missing = [name for name in names if name not in values]
    unknown = [name for name in values if name not in [each.name for each in problem.parameters]]
    if missing or unknown:
        raise ValueError(f"Expected values of {names}; {missing} are missing, {unknown} unknown. Correct the names.")
    for each in problem.expensive:
        if not (is_number(value := values[each.name]) and each.lower <= value <= each.upper):
            limits = f"{each.lower:g} to {each.upper:g} {each.unit}".rstrip()
            raise ValueError(
                f"Expected {each.name} from {limits}; got {value!r}. Pass a number within these limits, or widen them."
            )
    calls = Calls(problem, len(names) + 1, None)
    with calls.keeping():
        return jacobian(calls, calls(problem.shares(values)))


@explained("information_in_box(problem)")
def information_in_box(problem: InverseProblem, *, points: int = 16, seed: int = 0) -> pd.DataFrame:
    """Return expected standard errors at points all over the box: one row per point and parameter.

    Args:
        problem: As of `information`.
        points: How many (Sobol); d + 1 calls each.
        seed: Names the points.

    Returns:
        Columns point, parameter, standard_error (in the parameter's unit) and share (in ranges).

    Raises:
        TypeError: No InverseProblem.
        ValueError: `points` or `seed` is no whole number, or hardly any point of the box is feasible.
        SimulationError: The simulator failed.
    """
    require_kind("problem", problem, InverseProblem, MADE)
    require_whole(1, 16, points=points)
    require_whole(0, seed=seed)
    found = []
    for number, shares in enumerate(feasible_points(problem, points, seed)):
        table = information(problem, problem.values(shares)).table().reset_index()
        found.append(table[["parameter", "standard_error", "share"]].assign(point=number))
    return pd.concat(found, ignore_index=True)
