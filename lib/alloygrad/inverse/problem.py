"""An inverse problem as data: what is sought, a simulator, what was measured, and how their difference is scored.

A call of the simulator is what costs. What follows it is free: `observe` turns its result into a curve, in which cheap
parameters (a thickness, an energy shift) are fitted anew for every call, and linear nuisances (a scale factor, a
background) are solved by least squares. So a search sees the expensive parameters only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from scipy.stats import qmc

from alloygrad.checks import (
    explained,
    is_number,
    real_numbers,
    require_arguments,
    require_kind,
    require_known,
    require_number,
)
from alloygrad.inverse.measured import Measured
from alloygrad.spaces.box import Box

MISFITS = ("coarse", "fine")
"""A smooth misfit that leads to the right basin, and the statistical one that decides."""

MOST_CHEAP = 200
"""Largest number of starts of the fit of cheap parameters."""

SOME = "If this happens for some parameters only, narrow the box, or let `feasible` refuse them."
"""What to do about a simulator that fails here and there."""


class SimulationError(RuntimeError, ValueError):
    """The simulator, or another function of the problem, failed.

    `calls` holds all calls that were finished before: pass them as `done` to go on.
    """

    def __init__(self, message: str, calls: list | None = None) -> None:
        super().__init__(message)
        self.calls = [] if calls is None else calls


@explained("ag.Parameter('a', 'Å', 3.8, 4.0)")
@dataclass(frozen=True)
class Parameter:
    """A number that is sought, between two limits.

    Args:
        name: As the simulator calls it.
        unit: "" where it has none.
        lower: Least value.
        upper: Largest value; the same as `lower` fixes the parameter.
        integer: Whether it is a whole number.
        cheap: Whether `observe` takes it, so that another value costs no call of the simulator.

    Raises:
        ValueError: Limits in the wrong order or without a whole number between them, or arguments of another kind.

    Example:
        >>> Parameter("a", "Å", 3.80, 4.00).cheap
        False
    """

    name: str
    unit: str
    lower: float
    upper: float
    integer: bool = False
    cheap: bool = False

    def __post_init__(self) -> None:
        texts = isinstance(self.name, str) and self.name and isinstance(self.unit, str)
        limits = is_number(self.lower) and is_number(self.upper) and self.lower <= self.upper
        if not (texts and limits and _is_bool(self.integer) and _is_bool(self.cheap)):
            raise ValueError(
                f"Expected Parameter(name, unit, lower, upper) with finite lower ≤ upper; got {self}. Write for "
                "example Parameter('a', 'Å', 3.8, 4.0), and '' as the unit of a plain number."
            )
        if self.integer and np.ceil(self.lower) > self.upper:
            raise ValueError(f"Expected a whole number between the limits; got {self}. Widen them.")


@dataclass(frozen=True)
class Fitted:
    """What one result of the simulator says about the data, once cheap parameters and nuisances are fitted."""

    model: np.ndarray  # (m,): as the misfit sees it
    residual: np.ndarray  # (m,): model less data
    cheap: dict[str, float]

    @property
    def misfit(self) -> float:
        """The sum of squared residuals."""
        return float(self.residual @ self.residual)


@explained("ag.InverseProblem([ag.Parameter('a', 'Å', 3.8, 4.0)], simulate, measured)")
@dataclass(frozen=True, eq=False)
class InverseProblem:
    """Find the parameters of a simulator that explain what was measured.

    Args:
        parameters: What is sought. At least one is not cheap.
        simulate: The simulator: called with the expensive parameters by name; returns a curve (n,), or whatever
            `observe` understands. The same parameters must give the same result every time: a simulator that draws
            random numbers has to start from the same seed in each call.
        measured: The data.
        observe: (result of the simulator, cheap parameters by name) → curve (n,). The result itself unless given.
        scale: Whether the curve may be multiplied by a factor ≥ 0.
        background: Curves (n, k) of which any sum may be added.
        misfits: "fine" and "coarse": functions of a curve (n,) → (m,); the residual is the difference of the two, to
            be of order 1 where the fit is right. Fine unless given: the curve in standard errors; coarse: as fine. With
            a scale or a background they must be linear.
        feasible: Called as `simulate`; whether the parameters are physical. Others are never simulated.
        independent: How many independent values the data hold, where neighbours are correlated; n unless given. More
            than are fitted, n at most.
        step: Difference quotients take steps of this share of a parameter's range; larger ones suit a simulator that
            rounds its results, which a recovery's warnings then ask for.

    Raises:
        TypeError: An argument of another kind, or a function that does not take the parameters by their names.
        ValueError: Names that occur twice, no expensive parameter, a background of another length, an unknown misfit,
            or one that is not linear although it must be.

    Example:
        >>> x = np.linspace(0, 1, 50)
        >>> problem = InverseProblem(
        ...     [Parameter("centre", "eV", 0.2, 0.8), Parameter("width", "eV", 0.02, 0.2)],
        ...     simulate=lambda centre, width: np.exp(-(((x - centre) / width) ** 2)),
        ...     measured=Measured(np.exp(-(((x - 0.4) / 0.1) ** 2)), sigma=0.01, x=x),
        ... )
        >>> problem.fit(problem.run({"centre": 0.4, "width": 0.1}), "fine").misfit
        0.0
    """

    parameters: Sequence[Parameter]
    simulate: Callable
    measured: Measured
    observe: Callable | None = None
    scale: bool = False
    background: np.ndarray | None = None
    misfits: Mapping[str, Callable] = field(default_factory=dict)
    feasible: Callable | None = None
    independent: float | None = None
    step: float = 1e-4

    def __post_init__(self) -> None:
        listed = "Write for example [Parameter('a', 'Å', 3.8, 4.0)]."
        require_kind("parameters", self.parameters, Sequence, listed)
        for number, each in enumerate(self.parameters):
            require_kind(f"entry {number} of parameters", each, Parameter, listed)
        require_kind("measured", self.measured, Measured, "Write for example Measured(values, sigma).")
        require_kind("misfits", self.misfits, Mapping, "Write for example {'coarse': blur(4, sigma)}.")
        names = [each.name for each in self.parameters]
        if len(set(names)) < len(names):
            raise ValueError(f"Expected different names of parameters; got {names}. Rename one, or leave it out.")
        if not self.expensive:
            raise ValueError(
                f"Expected at least one parameter that is not cheap; got {names}. Add one, or leave cheap=True out "
                "where `simulate` takes the parameter."
            )
        if unknown := [name for name in self.misfits if name not in MISFITS]:
            raise ValueError(
                f"Expected misfits among {list(MISFITS)}; got {unknown}. Rename them: coarse leads the search to the "
                "right basin, fine decides."
            )
        self._require_functions()
        if not _is_bool(self.scale):
            raise ValueError(f"Expected scale as True or False; got {self.scale!r}. Pass True to fit a factor.")
        require_number(1e-9, 0.1, step=self.step)
        n, fitted = len(self.measured), sum(not each.integer and each.lower < each.upper for each in self.parameters)
        if self.background is not None:
            advice = "Pass one curve a column; of a single curve background[:, None]."
            fitted += real_numbers("background", self.background, (n, "k"), advice).shape[1]
        most, count = self.independent, fitted + bool(self.scale)
        if most is not None and not (is_number(most) and count < most <= n):
            raise ValueError(
                f"Expected independent as one number above {count} (what is fitted) and at most {n} (the data); got "
                f"{most!r}. Pass n divided by the number of neighbours that vary together, or leave it out."
            )
        self.targets  # noqa: B018  says at once what is wrong with the misfits
        if not self._plain:
            values = self.measured.values
            for name in self.misfits:
                whole = self.transform(name, values)
                parts = self.transform(name, 0.75 * values + 1) + self.transform(name, 0.25 * values - 1)
                if not np.allclose(whole, parts, rtol=1e-6, atol=1e-6 * np.abs(whole).max()):
                    raise ValueError(
                        f"Expected a linear {name} misfit, since a scale or a background is solved for in it. Make it "
                        "linear, or let `observe` scale the curve."
                    )

    def _require_functions(self) -> None:
        """Raise TypeError unless all functions can be called as they will be."""
        expensive, cheap = ([each.name for each in some] for some in (self.expensive, self.cheap))
        require_arguments("simulate", self.simulate, expensive, elsewhere=cheap)
        if self.feasible is not None:
            require_arguments("feasible", self.feasible, expensive, elsewhere=cheap)
        if self.observe is None and cheap:
            raise TypeError(
                f"Expected observe, since {cheap} are cheap: it makes the curve of the simulator's result and of "
                f"them; got None. Pass a function of ({', '.join(['raw', *cheap])}), or leave cheap=True out where "
                "`simulate` takes the parameter."
            )
        if self.observe is not None:
            require_arguments("observe", self.observe, cheap, ["raw"])
        for name, function in self.misfits.items():
            require_arguments(f"the {name} misfit", function, [], ["curve"])

    # -- what is sought --------------------------------------------------------------------------------------------

    @property
    def expensive(self) -> list[Parameter]:
        """The parameters that the simulator takes."""
        return [each for each in self.parameters if not each.cheap]

    @property
    def cheap(self) -> list[Parameter]:
        """The parameters that are fitted to every result of the simulator."""
        return [each for each in self.parameters if each.cheap]

    @cached_property
    def box(self) -> Box:
        """The space of the expensive parameters."""
        return _box(self.expensive)

    def values(self, shares: np.ndarray) -> dict[str, float]:
        """Return the expensive parameters by name, of shares (d,) of their ranges; whole numbers rounded."""
        point = self.box.nearest(self.box.lower + np.asarray(shares) * (self.box.upper - self.box.lower))
        return dict(zip(self.box.names, point.tolist(), strict=True))

    def shares(self, values: Mapping[str, float]) -> np.ndarray:
        """Return where expensive parameters lie in their ranges, (d,)."""
        point = np.array([values[name] for name in self.box.names], dtype=float)
        width = self.box.upper - self.box.lower
        return (point - self.box.lower) / np.where(width > 0, width, 1)

    def stride(self, share: float) -> float:
        """Return the step of a difference quotient at a share of a range, to the side where there is room."""
        return self.step if share + self.step <= 1 else -self.step

    def allows(self, shares: np.ndarray) -> bool:
        """Return whether the parameters at shares (d,) of their ranges are physical."""
        if self.feasible is None:
            return True
        values, advice = self.values(shares), "Let it return True or False, for example bool(…)."
        at = f"The parameters were {rounded(values)}."
        allowed = _asked("feasible", f"{advice} {at}", None, self.feasible, **values)
        if not _is_bool(allowed):
            raise SimulationError(f"Expected feasible to return a bool; got {allowed!r:.60}. {advice} {at}")
        return bool(allowed)

    # -- from the simulator to a misfit ----------------------------------------------------------------------------

    def run(self, values: Mapping[str, float]) -> Any:
        """Call the simulator with the expensive parameters among `values`.

        Raises:
            ValueError: A parameter is missing.
            SimulationError: The simulator fails.
        """
        names = list(self.box.names)
        require_kind("values", values, Mapping, f"Write for example {{{names[0]!r}: {self.box.lower[0]:g}}}.")
        if missing := [name for name in names if name not in values]:
            raise ValueError(f"Expected values of {names}; got {list(values)}. Add {missing}.")
        return _asked("simulate", "", None, self.simulate, **{name: values[name] for name in names})

    def curve(self, raw: object, cheap: Mapping[str, float]) -> np.ndarray:
        """Return the curve (n,) of a result of the simulator. Raises SimulationError for another length or NaN."""
        what, function = ("simulate", lambda raw: raw) if self.observe is None else ("observe", self.observe)
        given = f"; the cheap parameters were {cheap}" if cheap else ""
        advice = f"Let {what} return the curve on the points of the data, as real numbers{given}."
        return _asked(what, advice, self.measured.values.shape, function, raw, **cheap)

    def transform(self, which: str, curve: np.ndarray) -> np.ndarray:
        """Return a curve (n,) as a misfit sees it (m,)."""
        name = which if which in self.misfits else "fine"
        if name not in self.misfits:
            return curve / self.measured.sigma
        known = self.__dict__.get("targets")  # the data, which are the first curve
        shape = ("m",) if known is None else known[which].shape
        advice = "Let it return the same number of real numbers (m,) for each curve (n,)."
        return _asked(f"the {name} misfit", advice, shape, self.misfits[name], curve)

    @property
    def _plain(self) -> bool:
        return not self.scale and self.background is None

    @cached_property
    def targets(self) -> dict[str, np.ndarray]:
        """The data as each misfit sees them, less what the background explains."""
        return {which: self._rest(which, self.transform(which, self.measured.values)) for which in MISFITS}

    @cached_property
    def _bases(self) -> dict[str, np.ndarray]:
        if self.background is None:
            return {}
        curves = np.asarray(self.background, dtype=float).T
        return {which: np.linalg.qr(np.array([self.transform(which, c) for c in curves]).T)[0] for which in MISFITS}

    def _rest(self, which: str, seen: np.ndarray) -> np.ndarray:
        basis = self._bases.get(which)
        return seen if basis is None else seen - basis @ (basis.T @ seen)

    def compare(self, which: str, raw: object, cheap: dict[str, float]) -> Fitted:
        """Score a result of the simulator at given cheap parameters; scale and background are solved for."""
        model, target = self._rest(which, self.transform(which, self.curve(raw, cheap))), self.targets[which]
        if self.scale:
            power = model @ model
            model = model * (max(model @ target / power, 0.0) if power > 0 else 0.0)
        return Fitted(model, model - target, cheap)

    def fit(self, raw: object, which: str) -> Fitted:
        """Fit cheap parameters and linear nuisances to the data, by one misfit.

        Args:
            raw: A result of the simulator.
            which: "coarse" or "fine".

        Raises:
            ValueError: An unknown misfit.
            SimulationError: The curve has another length than the data, or numbers that are not finite; or `observe`
                or a misfit failed.
        """
        require_known("misfit", which, MISFITS)
        if not self.cheap:
            return self.compare(which, raw, {})
        names = [each.name for each in self.cheap]
        trials = [self.compare(which, raw, dict(zip(names, start, strict=True))) for start in self._starts]
        best = min(trials, key=lambda trial: trial.misfit)
        free = [each for each in self.cheap if not each.integer and each.lower < each.upper]
        if not free:
            return best
        from scipy.optimize import least_squares  # late, since it is slow to import

        low, high = (np.array([getattr(each, side) for each in free]) for side in ("lower", "upper"))

        def there(share: np.ndarray) -> Fitted:
            values = low + share * (high - low)
            return self.compare(
                which, raw, best.cheap | dict(zip([e.name for e in free], values.tolist(), strict=True))
            )

        begun = np.clip((np.array([best.cheap[each.name] for each in free]) - low) / (high - low), 1e-6, 1 - 1e-6)
        found = least_squares(lambda share: there(share).residual, begun, bounds=(0, 1), diff_step=1e-5, max_nfev=20)
        return min(best, there(found.x), key=lambda trial: trial.misfit)

    @cached_property
    def _starts(self) -> list[tuple[float, ...]]:
        """Starts of the cheap parameters: all whole numbers, and a grid of the others."""
        axes, others = [], [each for each in self.cheap if not each.integer]
        points = {0: 1, 1: 15, 2: 6}.get(len(others), 4)
        for each in self.cheap:
            if each.integer:
                axes.append(np.arange(np.ceil(each.lower), np.floor(each.upper) + 1))
            else:
                axes.append(each.lower + (np.arange(points) + 0.5) / points * (each.upper - each.lower))
        if np.prod([len(axis) for axis in axes]) <= MOST_CHEAP:
            return [tuple(float(value) for value in start) for start in product(*axes)]
        box = _box(self.cheap)
        drawn = qmc.Sobol(len(axes), rng=np.random.default_rng(0)).random_base2(7)
        return [tuple(row) for row in box.nearest(box.lower + drawn * (box.upper - box.lower)).tolist()]


def _box(parameters: Sequence[Parameter]) -> Box:
    limits = {each.name: (each.lower, each.upper, each.unit) for each in parameters}
    return Box(limits, integers=tuple(each.name for each in parameters if each.integer))


def rounded(values: Mapping[str, float]) -> dict[str, float]:
    """Return parameters with four digits, as messages show them."""
    return {name: float(f"{value:.4g}") for name, value in values.items()}


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _asked(what: str, advice: str, shape: tuple | None, function: Callable, *given: Any, **named: Any) -> Any:
    """Return what a function of the problem returns, as float64 where a shape is given.

    Raises:
        SimulationError: It raised an error, or returned something else.
    """
    some = f" {SOME}" if what in ("simulate", "observe") else ""  # not of a wrong length, which all results have
    try:
        found = function(*given, **named)
    except Exception as error:
        got = f"{type(error).__name__}: {error}".rstrip(".")
        advice = f"{advice}{some}".strip()
        raise SimulationError(f"Expected {what} to return a result; it raised {got}. {advice}") from error
    try:
        return found if shape is None else real_numbers(f"the result of {what}", found, shape, advice)
    except ValueError as error:
        hint = " Is `return` missing?" if found is None else some if " at index " in str(error) else ""
        raise SimulationError(f"{error}{hint}") from None
