"""A Gaussian process of many measurements: all of them count, a thousand points carry them.

The time of an exact fit grows with the cube of the number of different points. Beyond `MOST_POINTS` of them,
hyperparameters are learnt on `LEARNT_ON` points drawn at random. The model then rests on m = `MOST_POINTS` inducing
points u: these, and the measured points farthest from all chosen so far. Measurement i counts as one of the
interpolation between the inducing points, whose error is added to its noise (FITC):

    A = K_uu⁻¹ K_uf,   y_i = m + Σ_j A_ji f(u_j) + ε_i,   ε_i ~ N(0, d_i),   d_i = σ²/n_i + s − (K_fu K_uu⁻¹ K_uf)_ii

With D = diag(d), all measurements together say as much as m measurements ỹ at u with the covariance Λ,

    Λ = (A D⁻¹ Aᵀ)⁻¹ = L S⁻¹ Lᵀ,   ỹ − m = Λ A D⁻¹ (y − m),   L Lᵀ = K_uu, W = L⁻¹ K_uf, S = W D⁻¹ Wᵀ,

so that the posterior is that of an exact process with K_uu + Λ in place of K + σ² I. Where u holds all measured points,
A = I and it is the exact one. A measurement is left out as in the exact process, with the covariance
C = K_fu K_uu⁻¹ K_uf + D: the mean is y_i − [C⁻¹(y − m)]_i/[C⁻¹]_ii, the variance 1/[C⁻¹]_ii.

Source: Snelson and Ghahramani, NeurIPS 18 (2006) 1257; Quiñonero-Candela and Rasmussen, J. Mach. Learn. Res. 6 (2005)
1939.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alloygrad.features.feature_map import doubles
from alloygrad.kernel import matern52
from alloygrad.surrogates.gp import GPModel, fit_gp, prepare
from alloygrad.surrogates.repeats import Repeats, find

MOST_POINTS = 1000
"""So many different points are fitted exactly, and carry the model where there are more."""

LEARNT_ON = 500
"""Different points on which hyperparameters are learnt where there are more than `MOST_POINTS`."""

JITTER = 1e-8
"""Added to the diagonal of K_uu, in units of the output scale."""

UNMEASURED, ROUNDING = 1e-8, 1e-13
"""The least information on a direction of the prior that is reckoned with, and its share of all information: less is
rounding where inducing points stand closer than any lengthscale. A variance is wrong by this share of the prior's."""


@dataclass(frozen=True, eq=False)
class SparseModel(GPModel):
    """A Gaussian process of which coordinates, inputs and targets are those of the inducing points."""

    left_out: tuple[Tensor, Tensor] | None = None  # mean and variance (n,) of the different points, noise included
    different: int = 0  # n, the number of different points
    least: float = 0.0  # a bound from below on the eigenvalues of Λ

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of the fit, and that it is an approximation."""
        text = (
            f"The model of {self.different} different points is an approximation: all of them count, but "
            f"{MOST_POINTS} carry it. To resolve a small region better, keep only the rows near it."
        )
        return (*super().warnings, text)

    @property
    def least_noise(self) -> float:
        """A bound from below on what is added to the kernel's eigenvalues."""
        return min(self.least, self.noise)

    def condition(self, points: Tensor | ArrayLike, values: Tensor | ArrayLike) -> GPModel:
        """Return the model as if `values` (m,) had been measured at coordinates (m, k), hyperparameters kept."""
        return replace(super().condition(points, values), left_out=None)  # type: ignore[call-arg]

    def _left_out(self) -> tuple[Tensor, Tensor]:
        if self.left_out is None:
            raise ValueError(
                "Expected a model of measurements alone to leave one out; got one with fantasies. Ask the model before "
                "`condition`."
            )
        return self.left_out


def fit_any(
    features: Callable[[Tensor], Tensor],
    points: Tensor | ArrayLike,
    targets: Tensor | ArrayLike,
    *,
    noise: float | None = None,
    stated: ArrayLike | None = None,
    scaled_prior: bool = True,
) -> GPModel:
    """Fit a Gaussian process: the exact one of up to `MOST_POINTS` different points, else its approximation.

    Arguments, errors: as of `gp.fit_gp`. The same measurements give the same model.
    """
    how: dict[str, Any] = {"noise": noise, "scaled_prior": scaled_prior, "merge": True}
    if len(np.asarray(points)) <= MOST_POINTS:
        return fit_gp(features, points, targets, stated=stated, **how)
    data = prepare(features, points, targets)
    x, y = data["inputs"].numpy(), data["targets"].numpy()
    repeats = find(x, y)
    first, group = (np.arange(len(x)),) * 2 if repeats is None else (repeats.first, repeats.group)
    if len(first) <= MOST_POINTS:
        return fit_gp(features, points, targets, stated=stated, **how)
    known = None if stated is None else np.array(stated, dtype=float)
    drawn = np.random.default_rng(0).permutation(len(first))[:LEARNT_ON]
    rows = np.flatnonzero(np.isin(group, drawn))
    part = fit_gp(features, data["coordinates"][rows], y[rows], stated=None if known is None else known[rows], **how)
    if noise is not None or known is not None:  # each measurement then has a noise of its own
        return _carried(part, data, None, first[drawn], 0.0 if known is None else known)
    return _carried(part, data, repeats, drawn)


def _carried(
    part: GPModel, data: dict, repeats: Repeats | None, drawn: np.ndarray, stated: np.ndarray | float = 0.0
) -> SparseModel:
    """Return the model of all measurements with the hyperparameters of a `part` of them.

    Args:
        part: Fitted to some of them.
        data: What `prepare` returns.
        repeats: Where measurements are merged.
        drawn: Numbers of points that carry the model anyhow, different ones.
        stated: Variances of all measurements, in addition to the noise.
    """
    coordinates, y, counts = data["coordinates"], data["targets"], 1.0
    if repeats is not None:
        coordinates, y = coordinates[repeats.first], torch.from_numpy(repeats.means)
        counts = torch.from_numpy(repeats.counts)
    inputs = (part.features(coordinates) - part.low) / part.width
    x = inputs / part.lengthscales
    variances = torch.broadcast_to(doubles(part.noise / counts + stated), y.shape)
    chosen = spread_out(x, drawn, MOST_POINTS)
    found = condensed(x, x[chosen], y - part.mean, variances, part.outputscale)
    return SparseModel(
        part.features,
        coordinates[chosen],
        part.mean + found.targets,
        part.low,
        part.width,
        inputs[chosen],
        part.lengthscales,
        part.outputscale,
        part.mean,
        found.cholesky,
        found.weights,
        part.log_posterior,
        noise=part.noise,
        noise_learned=part.noise_learned,
        evaluations=part.evaluations,
        diagnosis=part.diagnosis,
        prior_rate=part.prior_rate,
        repeats=repeats,
        left_out=(part.mean + found.mean, found.variance),
        different=len(y),
        least=found.least,
    )


def spread_out(x: Tensor, drawn: np.ndarray, most: int) -> np.ndarray:
    """Return numbers (most,) of some points (n, F): those `drawn`, then each farthest from all before it."""
    chosen = drawn.tolist()
    nearest = torch.cdist(x, x[chosen]).amin(1)
    while len(chosen) < most:
        chosen.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, (x - x[chosen[-1]]).norm(dim=1))
    return np.array(chosen)


class Condensed(NamedTuple):
    """What n measurements say at m inducing points, less the constant mean."""

    targets: Tensor  # (m,): ỹ
    cholesky: Tensor  # (m, m): of K_uu + Λ
    weights: Tensor  # (m,): (K_uu + Λ)⁻¹ ỹ
    mean: Tensor  # (n,): each measurement predicted from all others
    variance: Tensor  # (n,)
    least: float  # a bound from below on the eigenvalues of Λ


def condensed(x: Tensor, inducing: Tensor, y: Tensor, variances: Tensor, outputscale: float) -> Condensed:
    """Return what measurements say at inducing points.

    Args:
        x: Features in lengthscales, (n, F).
        inducing: The same of the inducing points, (m, F).
        y: Measurements less the constant mean, (n,).
        variances: Of their noise, (n,).
        outputscale: s.
    """
    prior = matern52(inducing, inducing, outputscale)[-1]
    prior.diagonal().add_(JITTER * outputscale)
    lower = torch.linalg.cholesky(prior)
    white = torch.linalg.solve_triangular(lower, matern52(inducing, x, outputscale)[-1], upper=False)  # (m, n): W
    d = variances + (outputscale - white.square().sum(0)).clamp_min(0)
    said, one = (white / d) @ white.mT, torch.eye(len(prior), dtype=prior.dtype)  # S
    whole = torch.linalg.cholesky(said + one)
    solved = torch.cholesky_solve((white @ (y / d))[:, None], whole)
    weights = torch.linalg.solve_triangular(lower.mT, solved, upper=True)
    # C⁻¹ = D⁻¹ − D⁻¹ Wᵀ (I + S)⁻¹ W D⁻¹
    inverse = 1 / d - torch.linalg.solve_triangular(whole, white, upper=False).square().sum(0) / d.square()
    residual = y / d - (white.mT @ solved)[:, 0] / d
    # K_uu + Λ = L (I + S⁻¹) Lᵀ; directions of which nothing is measured get the least that floats can tell
    said += max(UNMEASURED, ROUNDING * said.diagonal().sum().item()) * one
    factor = lower @ torch.linalg.cholesky(one + torch.cholesky_inverse(torch.linalg.cholesky(said)))
    pull = torch.linalg.solve_triangular(lower.mT, said, upper=True)
    precision = torch.linalg.solve_triangular(lower.mT, pull.mT, upper=True)  # Λ⁻¹
    return Condensed(
        (factor @ (factor.mT @ weights))[:, 0],
        factor,
        weights[:, 0],
        y - residual / inverse,
        1 / inverse,
        least=1 / precision.abs().sum(0).max().item(),
    )
