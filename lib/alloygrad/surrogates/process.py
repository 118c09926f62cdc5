"""A Gaussian process with fixed hyperparameters, as the ensemble uses it: covariances, and a rough posterior.

With a = L⁻¹ k(X, x), the covariance of two points given the measurements is k(x, x') − a·a'. So `whitened` is computed
once for a set of points, and all covariances follow by products.

`rough` works in single precision, with the variance s − |L⁻¹ k|²: a product with the inverse of L in place of a
triangular system. Its errors matter only for the choice of which candidates deserve more. (K⁻¹ in place of L⁻¹ would
square the condition number: with little noise the variance would be rounding errors.)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from alloygrad.protocols import Model
from alloygrad.surrogates.gp import GPModel
from alloygrad.surrogates.isotropic import IsotropicModel, kernel_of, nearness

LEAST_VARIANCE = 1e-9
"""Floor of the variance, in units of the scale."""

Known = tuple[Tensor, Tensor]
"""Scaled features (rows, F) and a (n, rows) of points."""


@dataclass(frozen=True, eq=False)
class Process:
    """y ~ N(mean, s K + noise), of n measurements."""

    kernel: str  # of `isotropic.KERNELS`
    low: Tensor  # (F,)
    factor: Tensor  # (F,): features are (e − low) · factor, in lengthscales
    inputs: Tensor  # (n, F)
    scale: float  # s
    noise: float
    mean: float
    cholesky: Tensor  # (n, n)
    weights: Tensor  # (n,)

    def prior(self, x: Tensor, z: Tensor) -> Tensor:
        """Return s K (rows, others) of scaled features."""
        return self.scale * kernel_of(self.kernel, nearness(self.kernel, x, z))

    def whitened(self, features: Tensor) -> Known:
        """Return what `covariance` and `variance` need of features (rows, F)."""
        x = (features - self.low) * self.factor
        return x, torch.linalg.solve_triangular(self.cholesky, self.prior(self.inputs, x), upper=False)

    def covariance(self, one: Known, other: Known) -> Tensor:
        """Return the posterior covariance (rows, others)."""
        return self.prior(one[0], other[0]) - one[1].mT @ other[1]

    def variance(self, known: Known) -> Tensor:
        """Return the posterior variance (rows,)."""
        return (self.scale - known[1].square().sum(0)).clamp_min(LEAST_VARIANCE * self.scale)

    def left_out(self) -> Tensor:
        """Return the variance (n,) of each measurement given all others, noise included."""
        return 1 / torch.cholesky_inverse(self.cholesky).diagonal()

    def rough_mean(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean (rows,) and the prior covariance (rows, n), in single precision, of features (rows, F)."""
        x, z = ((features - self.low) * self.factor).float(), self.inputs.float()
        k = self.scale * kernel_of(self.kernel, nearness(self.kernel, x, z))
        return self.mean + k @ self.weights.float(), k

    def rough(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return (mean, variance), each (rows,) in single precision, of features (rows, F)."""
        mean, k = self.rough_mean(features)
        eye = torch.eye(len(self.cholesky), dtype=self.cholesky.dtype)
        inverse = torch.linalg.solve_triangular(self.cholesky, eye, upper=False).float()
        return mean, (self.scale - (k @ inverse.mT).square().sum(1)).clamp_min(1e-6 * self.scale)


def expected(model: Model, points: Tensor) -> Tensor:
    """Return the mean (rows,) alone of coordinates (rows, k), where that saves the time of the std."""
    if isinstance(model, IsotropicModel):
        return model.expected(points)
    if isinstance(model, GPModel):
        own = process(model)
        return own.mean + own.prior((model.features(points) - own.low) * own.factor, own.inputs) @ own.weights
    return model.posterior(points)[0]


def process(model: Model) -> Process:
    """Return the process of a fitted Gaussian process; of an average, that of its best part.

    Raises TypeError for any other model.
    """
    if isinstance(model, GPModel):
        factor, noise = 1 / (model.width * model.lengthscales), model.noise + model.jitter
        own = (model.points, model.outputscale, noise, model.mean, model.cholesky, model.weights)
        return Process("matern", model.low, factor, *own)
    if not isinstance(model, IsotropicModel):
        raise TypeError(f"Expected a Gaussian process; got a {type(model).__name__}. Fit 'gp' or 'isotropic'.")
    best = model.parts[0]
    inputs, factor = (values / best.lengthscale for values in (model.inputs, model.factor))
    scaled = (
        best.scale,
        best.scale * best.noise,
        best.mean,
        best.scale**0.5 * best.cholesky,
        best.weights / best.scale,
    )
    return Process(model.kernel, model.low, factor, inputs, *scaled)
