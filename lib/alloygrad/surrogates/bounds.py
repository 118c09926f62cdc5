"""Upper bounds on mean and std of a Gaussian process over small cells of feature space.

Value and gradient at the centre of a cell, and a bound on the curvature, bound mean and std in the whole cell. So one
expansion rules out, or keeps, all compositions with similar features.

The notation is that of `gp`: n measurements y at x_i, F features, output scale s, constant m, noise σ² (with any
jitter), L Lᵀ = K, w = K⁻¹(y − m). Here x is a scaled feature divided by its lengthscale.

With x = c + d and t = ‖d‖, the element k(·, x) of the kernel's Hilbert space is

    k(·, x) = k(·, c) + Σ_j d_j ∂_j k(·, c) + ρ,   ‖ρ‖ ≤ t²/2 · 5 √s = 2.5 t² √s,

because its second derivative along a unit vector has the norm (25 s)^½, the square root of the kernel's fourth
derivative at 0. The mean is m + ⟨k(·, x), g⟩ with g = Σ w_i k(·, x_i). A measurement is k(·, x_i) ⊕ σ e_i in the sum of
the Hilbert space and ℝⁿ. std(x) is the distance of k(·, x) ⊕ 0 from the span of all measurements, and a projection
makes no vector longer. Hence

    mean(x) ≤ mean(c) + d·∇mean(c) + 2.5 t² √s ‖g‖,   ‖g‖² = wᵀ k(X, X) w ≤ wᵀ(y − m),
    std(x)  ≤ ([1 d] C [1 d]ᵀ)^½ + 2.5 t² √s,         C the posterior covariance of (f, ∇f) at c,

and for all x of the cell with t ≤ T: mean(c) + T ‖∇mean(c)‖ + … and C_00^½ + T (C_11 + … + C_FF)^½ + ….

Generous allowances for rounding, with ε that of floats, are added: 40 ε s for an entry of the kernel, 2 n ε for the
relative error of a sum of n terms, n ε κ for that of a triangular solution, κ² = n (s + σ²)/σ² ≥ ‖L‖² ‖L⁻¹‖², and
2 n² ε s for an eigenvalue of L Lᵀ − K. Unless the last one is far below σ², nothing is ruled out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from alloygrad.kernel import matern52

if TYPE_CHECKING:
    from alloygrad.surrogates.gp import GPModel  # it is made with these bounds

SIDE = 0.2
"""Side of a cell times √F, in lengthscales: no point is farther than SIDE/2 from the centre of its cell."""

CROWDED = 2
"""An expansion costs about F + 2 exact values; cells are used if there are this many times more points."""

BLOCK = 128
"""Centres expanded at once."""

EPSILON = np.finfo(float).eps


class Cells(NamedTuple):
    """Points (rows, F), sorted into cubic cells."""

    centres: Tensor  # (cells, F)
    cell: Tensor  # (rows,): the cell of each point
    radius: Tensor  # (cells,): the largest distance of a point from its centre


@dataclass(frozen=True, eq=False)
class Expansion:
    """First-order expansion of a Gaussian process about the centres of cells."""

    mean: Tensor  # (cells,)
    slope: Tensor  # (cells, F)
    covariance: Tensor  # (cells, F + 1, F + 1): of value and slope
    remainder: tuple[float, float]  # of mean and std at t = 1
    slack: tuple[float, float]  # largest rounding errors of mean and variance

    def over_cells(self, radius: Tensor) -> tuple[Tensor, Tensor]:
        """Return upper bounds on mean and std, each (cells,), within `radius` (cells,) of the centres."""
        variances = self.covariance.diagonal(dim1=1, dim2=2)
        of_mean, of_std = (rest * radius.square() for rest in self.remainder)
        std = self._root(variances[:, 0]) + radius * self._root(variances[:, 1:].sum(1))
        return self.mean + radius * self.slope.norm(dim=1) + of_mean + self.slack[0], std + of_std

    def at(self, cell: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
        """Return upper bounds on mean and std, each (rows,), at d (rows, F) from the centres of `cell` (rows,)."""
        of_mean, of_std = (rest * d.square().sum(1) for rest in self.remainder)
        step = torch.cat([torch.ones_like(d[:, :1]), d], 1)[:, :, None]
        variance = (step.mT @ self.covariance[cell] @ step).flatten()
        return self.mean[cell] + (self.slope[cell] * d).sum(1) + of_mean + self.slack[0], self._root(variance) + of_std

    def _root(self, variance: Tensor) -> Tensor:
        return (variance.clamp_min(0) + self.slack[1]).sqrt()


def worthwhile(surrogate: "GPModel", x: Tensor, worth: Callable) -> Tensor:
    """Return the rows (m,) of x (rows, F), features in lengthscales, where `worth` of bounds on mean and std holds.

    All rows are returned if the points lie too far apart for cells to be useful, or if rounding errors are too large.
    """
    rows, cubes = torch.arange(len(x)), cells(x)
    if cubes is None or CROWDED * len(cubes.centres) * (x.shape[1] + 2) > len(x) or not _is_certain(surrogate):
        return rows
    expansion = expand(surrogate, cubes.centres)
    rows = rows[worth(*expansion.over_cells(cubes.radius))[cubes.cell]]
    cell = cubes.cell[rows]
    return rows[worth(*expansion.at(cell, x[rows] - cubes.centres[cell]))]


def cells(x: Tensor) -> Cells | None:
    """Sort the points x (rows, F) into cubes; None if the cubes are too many to be numbered."""
    side = SIDE / sqrt(x.shape[1])
    places = (x / side).floor()
    least = places.amin(0)
    sizes = places.amax(0) - least + 1
    if not sizes.prod() < 2**52:  # also for NaN
        return None
    numbers = (places - least) @ torch.cat([sizes.new_ones(1), sizes[:-1].cumprod(0)])
    found, cell = torch.unique(numbers, return_inverse=True)
    centres = x.new_empty(len(found), x.shape[1])
    centres[cell] = (places + 0.5) * side
    radius = x.new_zeros(len(found)).scatter_reduce_(0, cell, (x - centres[cell]).norm(dim=1), "amax")
    return Cells(centres, cell, radius)


def expand(surrogate: "GPModel", centres: Tensor) -> Expansion:
    """Expand `surrogate` about centres (cells, F), features in lengthscales."""
    mean, slope, covariance = map(torch.cat, zip(*(_jet(surrogate, c) for c in centres.split(BLOCK)), strict=True))
    n, s, w = len(surrogate.targets), surrogate.outputscale, surrogate.weights
    noise = surrogate.least_noise
    condition = sqrt(n * (s + noise) / noise)
    square = (w @ (surrogate.targets - surrogate.mean)).item() + _wrong(surrogate) * (w @ w).item()
    return Expansion(
        surrogate.mean + mean,
        slope,
        covariance,
        remainder=(2.5 * sqrt(s * max(square, 0)), 2.5 * sqrt(s)),
        slack=(
            2 * (n + 40) * EPSILON * (s * w.abs().sum().item() + abs(surrogate.mean)),
            4 * centres.shape[1] * (n + 40) * EPSILON * condition * s,
        ),
    )


def _wrong(surrogate: "GPModel") -> float:
    """Largest rounding error of an eigenvalue of K."""
    n = len(surrogate.targets)
    return (2 * n**2 + 40 * n) * EPSILON * (surrogate.outputscale + surrogate.noise + surrogate.jitter)


def _is_certain(surrogate: "GPModel") -> bool:
    return 10 * _wrong(surrogate) < surrogate.least_noise


def _jet(surrogate: "GPModel", c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean less its constant, slope and covariance at c (m, F)."""
    s = surrogate.outputscale
    r, decay, kernel = (part[..., None] for part in matern52(c, surrogate.points, s))
    kernels = torch.cat([kernel, -5 / 3 * (1 + r) * decay * (c[:, None] - surrogate.points)], -1)  # (m, n, F + 1)
    jet = kernels.mT @ surrogate.weights
    solved = torch.linalg.solve_triangular(surrogate.cholesky, kernels, upper=False)
    prior = s * torch.diag(torch.tensor([1.0] + [5 / 3] * c.shape[1], dtype=c.dtype))
    return jet[:, 0], jet[:, 1:], prior - solved.mT @ solved
