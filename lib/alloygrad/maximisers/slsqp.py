"""The paper's inner loop: SLSQP from random starts, then roundings to the grid (Xian et al. 2025, Table 1).

    for each of 20 N random feasible starts c₀:
        c' ← SLSQP on −a(c), gradient ∇_c a, tolerances as SciPy ships them (ftol = 1e-6), bounds, Σ c = 1, group limits
        candidates ← candidates ∪ {floor/ceil roundings of c' and of c₀ that are feasible}
    c* ← the candidate with the largest a that is not yet measured

It is kept as published on purpose, ftol included. Where |a| and its gradient are below 1e-6, SLSQP stops at its start
and reports success. The expected improvement is that small at more and more starts as a campaign goes on. A start that
does not move contributes only its own roundings. `moved` is the share of starts that do move.
"""

from math import comb

import numpy as np
import torch

from alloygrad.maximisers.options import SlsqpOptions
from alloygrad.maximisers.suggestion import Suggestion, best_of
from alloygrad.protocols import Acquisition
from alloygrad.spaces.composition import CompositionSpace

ROUNDINGS = 10**7
"""Largest number of roundings of all starts and ends: with 20 starts per element, that of 16 elements."""


def slsqp(
    acquire: Acquisition,
    space: CompositionSpace,
    *,
    exclude: np.ndarray,
    rng: np.random.Generator,
    options: SlsqpOptions,
) -> Suggestion:
    """The best rounding of `starts_per_element` × n_elements SLSQP searches and of their starts.

    If every rounding is measured or infeasible, random starts are rounded until one is new, and the warning says so
    (the published code does not handle this case). Raises ValueError if there is no start, or if there may be more than
    `ROUNDINGS`: with n elements free to change, a point has up to n!/((n/2)!)².
    """
    n_starts = round(options.starts_per_element * len(space.elements))
    if n_starts < 1:
        raise ValueError(
            f"Expected starts_per_element × {len(space.elements)} elements to round to at least 1 start; "
            f"got starts_per_element {options.starts_per_element}. Raise it."
        )
    starts = space.sample_continuous(n_starts, rng)
    limits = space.polytope()
    free = int((limits.lower < limits.upper).sum())
    if (most := 2 * n_starts * comb(free, free // 2)) > ROUNDINGS:
        raise ValueError(
            f"Starts and ends of {n_starts} searches among {free} elements may have {most} roundings to the grid, "
            f"{ROUNDINGS} at most are scored; take fewer starts per element, or the method 'ascent', which rounds each "
            "end once."
        )
    ends, gradients = zip(*(climb(acquire, space, start) for start in starts), strict=True)
    moved = float(np.mean(np.abs(np.array(ends) - starts).max(1) > space.step / 2))
    warning = "" if moved >= 0.5 else f"{1 - moved:.0%} of {len(starts)} starts did not move."

    top, evaluated = -1, 0
    points = np.concatenate([ends, starts])
    while top < 0:
        candidates = np.unique(np.concatenate([space.roundings(point) for point in points]), axis=0)
        if len(candidates):
            top, values = best_of(acquire, space, candidates, exclude)
            evaluated += len(candidates)
        if top < 0:
            points = space.sample_continuous(len(starts), rng)
            warning = f"{warning} No rounding was new and feasible; fresh random ones were scored.".strip()
    best = candidates[top]
    return Suggestion(
        best,
        space.fractions(best),
        float(values[top]),
        evaluations=evaluated + sum(gradients),
        gradients=sum(gradients),
        starts=len(starts),
        moved=moved,
        warning=warning,
    )


def climb(acquire: Acquisition, space: CompositionSpace, start: np.ndarray) -> tuple[np.ndarray, int]:
    """One SLSQP search: its end (the start if that is NaN) and the values, each with its gradient, that it took."""
    from scipy.optimize import minimize  # late, since it is slow to import

    limits = space.polytope()
    constraints = [{"type": "eq", "fun": lambda c: c.sum() - 1, "jac": lambda c: np.ones_like(c)}]
    if len(limits.masks):
        normals = np.concatenate([-limits.masks, limits.masks])
        offsets = np.concatenate([limits.group_upper, -limits.group_lower])
        constraints.append({"type": "ineq", "fun": lambda c: normals @ c + offsets, "jac": lambda c: normals})

    def negative(fractions: np.ndarray) -> tuple[float, np.ndarray]:
        point = torch.tensor(fractions, requires_grad=True)
        value = acquire(point)
        (gradient,) = torch.autograd.grad(value, point)
        return -value.item(), -gradient.numpy()

    bounds = list(zip(limits.lower, limits.upper, strict=True))
    found = minimize(negative, start, jac=True, method="SLSQP", bounds=bounds, constraints=constraints)
    end = found.x if np.isfinite(found.x).all() else start
    return end, found.nfev  # not njev: with jac=True a gradient comes with every value, line searches included
