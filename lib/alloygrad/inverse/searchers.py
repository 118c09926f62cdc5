"""Ways to search the box of an inverse problem, all of one form: (calls, seed) → nothing, until the calls are spent.

    least_squares          SciPy's least squares from the best of a screen, then from others
    secant                 the same with secant updates of the Jacobian
    least_squares_random   SciPy's least squares from random starts
    composite              Bayesian optimisation through the curve: see `alloygrad.inverse.composite`
    hybrid                 composite on the coarse misfit, then secant least squares on the fine one (the default)
    scalar                 Bayesian optimisation of the logarithm of the coarse misfit
    trust_region           the same within a box that shrinks and grows (Eriksson et al. 2019, TuRBO)
    random                 a Sobol sequence

All but `least_squares_random` and `random` begin with the same screen, so that they can be compared in pairs.
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import least_squares as scipy_least_squares
from scipy.optimize import lsq_linear

from alloygrad.acquisition.analytic import log_ei
from alloygrad.features.feature_map import doubles
from alloygrad.inverse.calls import Calls
from alloygrad.inverse.candidates import climb
from alloygrad.inverse.composite import Composite
from alloygrad.surrogates.gp import fit_gp, standardisation

COMPOSITE_SHARE = 0.4
"""Share of the calls that `hybrid` spends before it polishes; .4 and .5 did equally well on the synthetic patterns."""

LEAST_GAIN = 0.1
"""`hybrid` polishes once the expected improvement of the log misfit is below this: of .02, .1 and .3 the best median
number of calls on 20 synthetic powder patterns."""

PATIENCE = 3
"""That many proposals in a row must expect less than `LEAST_GAIN`: a model of few curves can be sure and wrong."""

APART = 0.1
"""Least distance of two starts of least squares, times √d, in shares of the ranges."""

REFIT = 5
"""Bayesian optimisation of the misfit fits its hyperparameters anew after as many calls."""

LEAST_FALL = 1e-6
"""Relative fall of the fine misfit at which a descent ends."""

SHORTEST_STEP = 1e-7
"""Step at which a descent ends, in shares of the ranges."""

MOST_STEPS = 60


def screen_size(calls: Calls) -> int:
    """Return how many points the screen takes: two for each parameter, ten at least, half of the calls at most."""
    return max(1, min(max(10, 2 * calls.d), calls.budget // 2))


def random(calls: Calls, seed: int) -> None:
    """Simulate a Sobol sequence."""
    calls.screen(calls.budget, seed)


def least_squares(calls: Calls, seed: int) -> None:
    """Start from the best of a screen, then from the best points far from all earlier starts and ends."""
    calls.screen(screen_size(calls), seed)
    polish(calls, seed, descend_scipy)


def secant(calls: Calls, seed: int) -> None:
    """As `least_squares`, with secant updates of the Jacobian: `hybrid` without its Bayesian part."""
    calls.screen(screen_size(calls), seed)
    polish(calls, seed, descend_secant)


def least_squares_random(calls: Calls, seed: int) -> None:
    """Start from random points."""
    rng, calls.stage = np.random.default_rng(seed), "least squares"
    while True:
        calls.restart(rng)
        descend_scipy(calls, calls.shares[-1])


def composite(calls: Calls, seed: int, until: int | None = None, least_gain: float = -np.inf) -> None:
    """Model the principal components of the curve, propose where the misfit is expected to improve most.

    Stops after `until` calls, or where the improvement that `PATIENCE` proposals in a row expect is below `least_gain`.
    """
    calls.screen(screen_size(calls), seed)
    rng, calls.stage, model = np.random.default_rng([seed, 1]), "composite", Composite(calls)
    low = 0  # proposals in a row of which little is expected
    while low < PATIENCE and (until is None or len(calls) < until):
        model.update()
        low = low + 1 if propose(calls, model, rng) < least_gain else 0


def hybrid(calls: Calls, seed: int) -> None:
    """Run `composite` on the coarse misfit until little more is expected of it, then least squares on the fine one."""
    until = max(round(COMPOSITE_SHARE * calls.budget), screen_size(calls) + calls.d)
    composite(calls, seed, until, LEAST_GAIN)
    polish(calls, seed, descend_secant)


def scalar(calls: Calls, seed: int) -> None:
    """Model the logarithm of the coarse misfit by one Gaussian process, propose by log EI."""
    calls.screen(screen_size(calls), seed)
    rng, calls.stage, model = np.random.default_rng([seed, 1]), "scalar", None
    while True:
        model = fit_misfit(calls, slice(None), model if len(calls) % REFIT else None)
        propose(calls, model, rng)


def trust_region(calls: Calls, seed: int) -> None:
    """As `scalar`, within a box about the best point; a new screen once the box has become too small.

    The box doubles after 3 successes in a row and halves after max(4, d) failures (settings of the paper).
    """
    calls.screen(screen_size(calls), seed)
    rng, calls.stage = np.random.default_rng([seed, 1]), "trust region"
    begun, length, successes, failures, model = 0, 0.8, 0, 0, None
    while True:
        model = fit_misfit(calls, slice(begun, None), model if len(calls) % REFIT else None)
        local = calls.misfits("coarse")[begun:]
        centre = calls.shares[begun + int(np.argmin(local))]
        lengths = model.model.lengthscales.numpy()
        half = length / 2 * lengths / np.exp(np.log(lengths).mean())
        propose(calls, model, rng, np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1))
        if calls.coarse[-1].misfit < local.min() * (1 - 1e-3):
            successes, failures = successes + 1, 0
        else:
            successes, failures = 0, failures + 1
        if successes == 3:
            length, successes = min(1.6, 2 * length), 0
        if failures >= max(4, calls.d):
            length, failures = length / 2, 0
        if length < 2**-7:
            begun, length, successes, failures, model = len(calls), 0.8, 0, 0, None
            for _ in range(screen_size(calls)):
                calls.restart(rng)


SEARCHERS: dict[str, Callable[[Calls, int], None]] = {
    "hybrid": hybrid,
    "composite": composite,
    "least_squares": least_squares,
    "secant": secant,
    "least_squares_random": least_squares_random,
    "trust_region": trust_region,
    "scalar": scalar,
    "random": random,
}
"""All searchers by name."""


# -- least squares -----------------------------------------------------------------------------------------------------


def polish(calls: Calls, seed: int, descend: Callable[[Calls, np.ndarray], np.ndarray]) -> None:
    """Descend on the fine misfit from the best point, then from others, until the calls are spent."""
    rng, calls.stage = np.random.default_rng([seed, 2]), "least squares"
    used: list[np.ndarray] = []
    while True:
        order = np.argsort(calls.misfits("fine"), kind="stable")
        far = [i for i in order if all(np.linalg.norm(calls.shares[i] - u) > APART * np.sqrt(calls.d) for u in used)]
        if far:
            start = calls.shares[far[0]]
        else:
            calls.restart(rng)
            start = calls.shares[-1]
        used += [start, descend(calls, start)]


class Residual:
    """The fine residual as a function of those parameters that are no whole numbers, in shares (p,) of their ranges.

    Parameters that are not physical get three times the residual of the start, and cost no call.
    """

    def __init__(self, calls: Calls, start: np.ndarray) -> None:
        self.calls, self.start = calls, start
        self.free = ~calls.integer & (calls.problem.box.upper > calls.problem.box.lower)
        self.wall = 3 * calls.fine[calls(start)].residual

    def point(self, shares: np.ndarray) -> np.ndarray:
        """Return the point (d,) at shares (p,)."""
        point = self.start.copy()
        point[self.free] = shares
        return point

    def __call__(self, shares: np.ndarray) -> np.ndarray:
        """Return the residual (m,)."""
        point = self.point(shares)
        return self.calls.fine[self.calls(point)].residual if self.calls.problem.allows(point) else self.wall

    def slopes(self, shares: np.ndarray) -> np.ndarray:
        """Return the Jacobian (m, p) by difference quotients: p calls."""
        here, columns = self(shares), []
        for i in range(len(shares)):
            step = self.calls.problem.stride(shares[i])
            there = shares.copy()
            there[i] += step
            columns.append((self(there) - here) / step)
        return np.array(columns).T


def descend_scipy(calls: Calls, start: np.ndarray) -> np.ndarray:
    """Follow SciPy's least squares from shares (d,) to its end; a full Jacobian at each accepted step."""
    residual = Residual(calls, start)
    if not residual.free.any():
        return start
    begun = np.clip(start[residual.free], 1e-9, 1 - 1e-9)
    found = scipy_least_squares(
        residual, begun, residual.slopes, bounds=(0, 1), xtol=1e-7, ftol=LEAST_FALL, max_nfev=MOST_STEPS
    )
    return residual.point(found.x)


def descend_secant(calls: Calls, start: np.ndarray) -> np.ndarray:
    """Follow Levenberg and Marquardt from shares (d,) to the end, with secant updates of the Jacobian.

    A step s that changes the residual r by y changes the Jacobian by (y − J s) sᵀ / sᵀs (Broyden): one call a step in
    place of p + 1. Where two steps in a row disappoint, or little more is predicted, the Jacobian is computed anew. A
    fresh one is kept as it is until a step is accepted; steps that are not are shortened. The descent ends where a
    fresh Jacobian predicts no fall.
    """
    residual = Residual(calls, start)
    if not residual.free.any():
        return start
    at = start[residual.free].copy()
    here, slopes, fresh, damping, poor = residual(at), residual.slopes(at), True, 1e-3, 0
    for _ in range(MOST_STEPS):
        step = bounded_step(slopes, here, damping, at)
        predicted = here + slopes @ step
        fall = here @ here - predicted @ predicted
        if fall > LEAST_FALL * (here @ here) and np.abs(step).max() > SHORTEST_STEP:
            there = residual(at + step)
            gained = here @ here - there @ there
            good = gained / fall
            damping = damping * 8 if good < 0.25 else damping / 4 if good > 0.75 else damping
            poor = 0 if good > 0.25 else poor + 1
            if gained > 0 or not fresh:
                slopes = slopes + np.outer(there - predicted, step) / (step @ step)
            if gained > 0:
                at, here, fresh = at + step, there, False
            if fresh or poor < 2:
                continue
        elif fresh:
            break
        slopes, fresh, poor = residual.slopes(at), True, 0
        damping = min(damping, 1.0)
    return residual.point(at)


def bounded_step(slopes: np.ndarray, residual: np.ndarray, damping: float, at: np.ndarray) -> np.ndarray:
    """Return the step (p,) of least |J s + r|² + damping · Σ |J_j|² s_j² that stays between 0 and 1."""
    triangle = np.asarray(np.linalg.qr(np.column_stack([slopes, residual]), mode="r"))
    p = len(at)
    size = np.sqrt(damping) * np.maximum(np.linalg.norm(slopes, axis=0), 1e-12)
    matrix, right = np.vstack([triangle[:p, :p], np.diag(size)]), np.concatenate([-triangle[:p, p], np.zeros(p)])
    low, high = np.minimum(-at, -1e-12), np.maximum(1 - at, 1e-12)
    step = lsq_linear(matrix, right, bounds=(low, high), method="bvls").x
    return np.clip(at + step, 0, 1) - at


# -- Bayesian optimisation ---------------------------------------------------------------------------------------------


def propose(
    calls: Calls,
    score: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
) -> float:
    """Simulate the point with the largest score, or a random one where it is known already; return the score."""
    known = len(calls)
    point, value = climb(calls, score, rng, low, high)
    calls(point)
    if len(calls) == known:
        calls.restart(rng)
    return value


class fit_misfit:
    """Log EI of the logarithm of the coarse misfit of some calls, by a Gaussian process over the shares."""

    def __init__(self, calls: Calls, rows: slice, before: "fit_misfit | None") -> None:
        shares, values = np.array(calls.shares[rows]), np.log(calls.misfits("coarse")[rows] + 1e-300)
        if before is None:
            self.centre, self.spread = standardisation(values)
            self.model = fit_gp(doubles, shares, -(values - self.centre) / self.spread)
        else:
            self.centre, self.spread, n = before.centre, before.spread, len(before.model.targets)
            self.model = before.model.condition(shares[n:], -(values[n:] - self.centre) / self.spread)
        self.best = float(self.model.targets.max())

    def __call__(self, shares: np.ndarray) -> np.ndarray:
        """Return scores (n,) of shares (n, d)."""
        with torch.no_grad():
            return log_ei(self.model, self.best)(torch.from_numpy(shares)).numpy()
