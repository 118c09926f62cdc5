"""An inverse problem as data: what is sought, a simulator, what was measured, and how their difference is scored.

A call of the simulator is what costs. What follows it is free: `observe` turns its result into a curve, in which cheap
parameters (a thickness, an energy shift) are fitted anew for every call, and linear nuisances (a scale factor, a
background) are solved by least squares. So a search sees the expensive parameters only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import qmc

from alloygrad.spaces.box import Box

MISFITS = ("coarse", "fine")
"""A smooth misfit that leads to the right basin, and the statistical one that decides."""

MOST_CHEAP = 200
"""Largest number of starts of the fit of cheap parameters."""


@dataclass(frozen=True)
class Parameter:
    """A number that is sought, between two limits.

    Args:
        name: As the simulator calls it.
        unit: "" where it has none.
        lower: Least value.
        upper: Largest value.
        integer: Whether it is a whole number.
        cheap: Whether `observe` takes it, so that another value costs no call of the simulator.
    """

    name: str
    unit: str
    lower: float
    upper: float
    integer: bool = False
    cheap: bool = False


class Measured:
    """Measured values with their standard errors.

    Args:
        values: Numbers (n,).
        sigma: Standard errors (n,), or one for all. None if they are not known: every value then has the same weight,
            and the errors of parameters come from the scatter about the fit.
        x: Where they were measured (n,): angle, energy …; only drawn.

    Raises:
        ValueError: Values that are not finite, standard errors that are not positive, or of another length.

    Example:
        >>> Measured([1.0, 2.0, 4.0], sigma=0.1).sigma
        array([0.1, 0.1, 0.1])
    """

    def __init__(self, values: Sequence, sigma: Sequence | float | None = None, x: Sequence | None = None) -> None:
        self.values = _numbers("measured values", values)
        self.known = sigma is not None
        given = np.ones(1) if sigma is None else _numbers("standard errors", np.atleast_1d(sigma))
        if len(given) not in (1, len(self.values)):
            raise ValueError(
                f"Expected one standard error for each of {len(self.values)} values; got {len(given)}. Pass one for "
                "all, or as many as values."
            )
        self.sigma = np.broadcast_to(given, self.values.shape).copy()
        if (bad := np.flatnonzero(~(self.sigma > 0))).size:
            raise ValueError(
                f"Expected standard errors above 0; number {bad[0]} is {self.sigma[bad[0]]:g}. Leave the value out, or "
                "give the error that the instrument has there (of counts: √max(count, 1))."
            )
        self.x = np.arange(len(self.values), dtype=float) if x is None else _numbers("x", x)
        if len(self.x) != len(self.values):
            raise ValueError(f"Expected x of length {len(self.values)}, as the values; got {len(self.x)}.")

    @classmethod
    def read(cls, path: str | Path, *, x: str, value: str, sigma: str | None = None) -> "Measured":
        """Read a CSV file by the names of its columns.

        Raises:
            ValueError: A column is missing or holds something else than numbers.
        """
        table = pd.read_csv(path)
        wanted = [name for name in (x, value, sigma) if name is not None]
        if missing := [name for name in wanted if name not in table]:
            raise ValueError(
                f"Expected the columns {wanted} in {Path(path).name}; {missing} are not among {list(table)}. Rename "
                "them, or say which columns are meant."
            )
        columns = {name: pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float) for name in wanted}
        return cls(columns[value], None if sigma is None else columns[sigma], columns[x])

    def __len__(self) -> int:
        return len(self.values)


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


@dataclass(frozen=True, eq=False)
class InverseProblem:
    """Find the parameters of a simulator that explain what was measured.

    Args:
        parameters: What is sought. At least one is not cheap.
        simulate: The simulator: called with the expensive parameters by name; returns a curve (n,), or whatever
            `observe` understands.
        measured: The data.
        observe: (result of the simulator, cheap parameters by name) → curve (n,). The result itself unless given.
        scale: Whether the curve may be multiplied by a factor ≥ 0.
        background: Curves (n, k) of which any sum may be added.
        misfits: "fine" and "coarse": functions of a curve (n,) → (m,); the residual is the difference of the two, to
            be of order 1 where the fit is right. Fine unless given: the curve in standard errors; coarse: as fine. With
            a scale or a background they must be linear.
        feasible: Called as `simulate`; whether the parameters are physical. Others are never simulated.
        independent: How many independent values the data hold, where neighbours are correlated; n unless given.
        step: Difference quotients take steps of this share of a parameter's range.

    Raises:
        ValueError: Limits in the wrong order, names that occur twice, no expensive parameter, a background of another
            length, an unknown misfit, or one that is not linear although it must be.

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
        if len({each.name for each in self.parameters}) < len(self.parameters):
            raise ValueError(f"Expected different names of parameters; got {[each.name for each in self.parameters]}.")
        if not self.expensive:
            raise ValueError("Expected a parameter that is not cheap; a fit without calls needs no search.")
        if unknown := set(self.misfits) - set(MISFITS):
            raise ValueError(f"Expected misfits among {list(MISFITS)}; got {sorted(unknown)}.")
        if self.background is not None and np.shape(self.background)[:1] != (len(self.measured),):
            raise ValueError(
                f"Expected a background of shape ({len(self.measured)}, k), one curve a column; got "
                f"{np.shape(self.background)}."
            )
        if not self._plain:
            values = self.measured.values
            for name in MISFITS:
                whole = self.transform(name, values)
                parts = self.transform(name, 0.75 * values + 1) + self.transform(name, 0.25 * values - 1)
                if not np.allclose(whole, parts, rtol=1e-6, atol=1e-6 * np.abs(whole).max()):
                    raise ValueError(
                        f"Expected a linear {name} misfit, since a scale or a background is solved for in it. Make it "
                        "linear, or let `observe` scale the curve."
                    )
        self.box  # noqa: B018  says at once what is wrong with the limits

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

    def allows(self, shares: np.ndarray) -> bool:
        """Return whether the parameters at shares (d,) of their ranges are physical."""
        return self.feasible is None or bool(self.feasible(**self.values(shares)))

    # -- from the simulator to a misfit ----------------------------------------------------------------------------

    def run(self, values: Mapping[str, float]) -> Any:
        """Call the simulator with the expensive parameters among `values`."""
        return self.simulate(**{name: values[name] for name in self.box.names})

    def curve(self, raw: object, cheap: Mapping[str, float]) -> np.ndarray:
        """Return the curve (n,) of a result of the simulator. Raises ValueError for another length or NaN."""
        seen = raw if self.observe is None else self.observe(raw, **cheap)
        try:
            curve = np.asarray(seen, dtype=float)
        except (TypeError, ValueError):
            raise ValueError(f"Expected a curve of {len(self.measured)} numbers; got {seen!r:.60}.") from None
        if curve.shape != self.measured.values.shape or not np.isfinite(curve).all():
            raise ValueError(
                f"Expected a curve of {len(self.measured)} finite numbers, as measured; got shape {curve.shape}"
                + (f" with {int((~np.isfinite(curve)).sum())} that are not finite" if curve.size else "")
                + ". Let the simulator return the curve on the points of the data."
            )
        return curve

    def transform(self, which: str, curve: np.ndarray) -> np.ndarray:
        """Return a curve (n,) as a misfit sees it (m,)."""
        function = self.misfits.get(which) or self.misfits.get("fine")
        return curve / self.measured.sigma if function is None else np.asarray(function(curve), dtype=float)

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
            ValueError: The curve has another length than the data, or numbers that are not finite.
        """
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


def _numbers(what: str, values: Any) -> np.ndarray:
    """Return values (n,) as float64. Raises ValueError unless they are a row of finite numbers."""
    try:
        found = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"Expected {what} as numbers (n,); got {values!r:.60}.") from None
    if found.ndim != 1 or not len(found):
        raise ValueError(f"Expected {what} of shape (n,); got {found.shape}. Flatten an image first.")
    if (bad := np.flatnonzero(~np.isfinite(found))).size:
        raise ValueError(
            f"Expected finite {what}; number {bad[0]} is {found[bad[0]]} ({bad.size} in all). Leave these points out, "
            "also of what the simulator returns."
        )
    return found
