"""Projected spectral gradient: constrained ascent from many starts at once, one batched evaluation a step.

    d = P(x + α ∇a) − x,   x ← x + t d        P: projection onto the limits,  α = ‖Δx‖²/−Δxᵀ Δ∇a

Each row has its own α (the spectral, or Barzilai–Borwein, step), its own t, and leaves the batch when it stands still.
t begins at 1 and is shortened until a(x + t d) ≥ min(last values) + 1e-4 t ∇aᵀd: values may fall for a while, which
lets the spectral step cross ridges. What counts is the best point of each row's path.

Source: E. G. Birgin, J. M. Martínez and M. Raydan, SIAM J. Optim. 10 (2000) 1196.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alloygrad.maximisers.options import DEFAULTS, AscentOptions


@dataclass(frozen=True, eq=False)
class Ends:
    """Where the rows ended: fractions and values of the best points, compositions evaluated, batched evaluations."""

    points: np.ndarray  # (rows, n_elements)
    values: np.ndarray  # (rows,)
    gradients: int
    batches: int


def spectral(
    acquire: Callable[[Tensor], Tensor],
    project: Callable,
    starts: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    *,
    tolerance: float,
    batches: int,
    options: AscentOptions = DEFAULTS,
) -> Ends:
    """Climb from `starts` (rows, n_elements) within `lower` and `upper` of the same shape and `project`'s limits.

    A row stops once it moves less than `tolerance` (a fraction); all stop after `batches` evaluations. The options
    used are `memory` and `longest_step`.
    """
    x = starts.copy()
    value, slope = evaluate(acquire, x)
    best, best_value = x.copy(), value.copy()
    recent = np.tile(value[:, None], (1, options.memory))
    alpha = np.full(len(x), 0.1) / _steepness(slope)
    direction = project(x + alpha[:, None] * slope, lower, upper) - x
    t, live, gradients, used = np.ones(len(x)), np.arange(len(x)), len(x), 1
    while used < batches and len(live := live[np.abs(t[live, None] * direction[live]).max(1) >= tolerance]):
        trial = x[live] + t[live, None] * direction[live]
        new_value, new_slope = evaluate(acquire, trial)
        gradients, used = gradients + len(live), used + 1
        rise = (slope[live] * direction[live]).sum(1)
        accepted = new_value >= recent[live].min(1) + 1e-4 * t[live] * rise

        rows, now = live[~accepted], t[live[~accepted]]  # shorten: the top of the parabola through what is known
        curvature = 2 * (value[rows] + now * rise[~accepted] - new_value[~accepted])
        parabola = np.where(curvature > 0, now**2 * rise[~accepted] / np.where(curvature > 0, curvature, 1), 0)
        t[rows] = np.clip(parabola, 0.1 * now, 0.5 * now)

        rows = live[accepted]
        moved, bent = trial[accepted] - x[rows], slope[rows] - new_slope[accepted]
        bend = (moved * bent).sum(1)
        alpha[rows] = np.where(bend > 0, (moved**2).sum(1) / np.where(bend > 0, bend, 1), np.inf)
        x[rows], value[rows], slope[rows] = trial[accepted], new_value[accepted], new_slope[accepted]
        recent[rows] = np.column_stack([value[rows], recent[rows, :-1]])
        better = rows[value[rows] > best_value[rows]]
        best[better], best_value[better] = x[better], value[better]
        length = np.minimum(alpha[rows], options.longest_step / _steepness(slope[rows]))[:, None]
        direction[rows] = project(x[rows] + length * slope[rows], lower[rows], upper[rows]) - x[rows]
        t[rows] = 1
    return Ends(best, best_value, gradients, used)


def evaluate(acquire: Callable[[Tensor], Tensor], points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values (rows,) and slopes (rows, n_elements): gradients less their mean, since the sum of fractions is fixed.

    Rounding of the mean is set to 0, and so are slopes that are not finite.
    """
    fractions = torch.tensor(points, requires_grad=True)
    values = acquire(fractions)
    (found,) = torch.autograd.grad(values.sum(), fractions, allow_unused=True) if values.requires_grad else (None,)
    slopes = np.zeros_like(points) if found is None else np.nan_to_num(found.numpy(), posinf=0.0, neginf=0.0)
    common = slopes.mean(1, keepdims=True)
    slopes = slopes - common
    slopes[np.abs(slopes) <= 1e-14 * np.abs(common)] = 0
    return values.detach().numpy(), slopes


def _steepness(slope: np.ndarray) -> np.ndarray:
    """The largest rate at which an exchange of two elements changes the value, (rows,); never 0."""
    return np.maximum(np.abs(slope).max(1), 1e-300)
