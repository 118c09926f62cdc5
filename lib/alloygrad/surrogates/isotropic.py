"""Gaussian processes of one lengthscale, averaged over lengthscale and noise: robust where measurements are few.

With standardised features z (constant ones left out) and D² the median squared distance of two measurements,

    matern     k(x, x') = (1 + r + r²/3) exp(−r),  r² = 5 ‖z − z'‖²/(ℓ D)²
    tanimoto   k(x, x') = ⟨x, x'⟩ / (‖x‖² + ‖x'‖² − ⟨x, x'⟩),  for features that are 0 or 1
    y ~ N(m 1, q (K + λ I))

The mean m and the scale q are the best ones for each ℓ and λ of a grid; each pair is weighted by its evidence

    log p = −½ n log q − ½ log |K + λ I|.

One eigendecomposition of K serves all λ. Mean and variance are averaged over the pairs. The variance leaves out that
their means differ, so that a fantasy always lowers it.

Distances are computed from |a|² + |b|² − 2ab: far faster in many dimensions, and exact enough above the least λ.

Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 5.4; Griffiths et al., NeurIPS
2023, for the Tanimoto kernel of fingerprints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import exp, log, sqrt
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alloygrad import protocols
from alloygrad.checks import require_known
from alloygrad.features.feature_map import doubles, given
from alloygrad.surrogates.gp import in_blocks, prepare
from alloygrad.surrogates.model import Model, fit_columns

LENGTHSCALES = (0.3, 0.5, 0.8, 1.2, 2.0, 4.0)
"""In units of the median distance of two measurements."""

NOISES = (1e-3, 1e-2, 0.05, 0.2, 0.6)
"""Noise variances in units of the scale q."""

LEAST_WEIGHT = 0.02
"""Pairs with less evidence than this share of the best one's are left out."""

LEAST_VARIANCE = 1e-9
"""Floor of the variance, in units of the scale."""

BLOCK = 4096
"""Points evaluated at once."""

KERNELS = ("matern", "tanimoto")


Pair = tuple[float, float, float, float, float]
"""Evidence, lengthscale, noise, scale and mean of a pair that was tried."""


@dataclass(frozen=True, eq=False)
class Part:
    """One pair of lengthscale and noise: K + λ I = L Lᵀ."""

    weight: float
    lengthscale: float
    noise: float  # λ
    scale: float  # q
    mean: float
    evidence: float
    cholesky: Tensor  # (n, n): L
    weights: Tensor  # (n,): (K + λ I)⁻¹(y − m)


@dataclass(frozen=True, eq=False)
class IsotropicModel(Model):
    """A fitted average of n measurements."""

    features: Callable[[Tensor], Tensor]
    coordinates: Tensor  # (n, k)
    targets: Tensor  # (n,)
    kernel: str
    low: Tensor  # (F,)
    factor: Tensor  # (F,): by which features are multiplied
    inputs: Tensor  # (n, F)
    parts: tuple[Part, ...] = field(repr=False)  # best first

    differentiable = False

    @property
    def noise(self) -> float:
        """Variance of a measurement, averaged over the pairs."""
        return sum(part.weight * part.scale * part.noise for part in self.parts)

    @property
    def evidence(self) -> float:
        """Log evidence of the best pair, without constants."""
        return self.parts[0].evidence

    def hyperparameters(self) -> dict[str, float]:
        """Return those of the best pair."""
        best = self.parts[0]
        return {"lengthscale": best.lengthscale, "noise": best.noise, "outputscale": best.scale, "mean": best.mean}

    def scaled(self, points: Tensor | ArrayLike) -> Tensor:
        """Return the scaled features (..., F) of coordinates (..., k)."""
        return (self.features(given(self.features, points)) - self.low) * self.factor

    def posterior(self, points: Tensor | ArrayLike) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (...), of coordinates (..., k); ValueError if a gradient is needed."""
        points = given(self.features, points)
        require_no_gradient(points)
        return in_blocks(lambda rows: self.posterior_scaled(self.scaled(rows)), points, BLOCK)

    def expected(self, points: Tensor | ArrayLike) -> Tensor:
        """Return the mean (rows,) alone of coordinates (rows, k): no triangular system is solved."""
        near = nearness(self.kernel, self.scaled(points), self.inputs)
        mean = torch.zeros(len(near), dtype=near.dtype)
        for length in {part.lengthscale for part in self.parts}:
            alike = [part for part in self.parts if part.lengthscale == length]
            weights = torch.stack([part.weight * part.weights for part in alike]).sum(0)
            mean += kernel_of(self.kernel, near, length) @ weights + sum(part.weight * part.mean for part in alike)
        return mean

    def posterior_scaled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (rows,), of scaled features (rows, F)."""
        near = nearness(self.kernel, x, self.inputs)
        kernels = {one.lengthscale: kernel_of(self.kernel, near, one.lengthscale) for one in self.parts}
        mean, variance = torch.zeros(len(x), dtype=x.dtype), torch.zeros(len(x), dtype=x.dtype)
        for part in self.parts:
            k = kernels[part.lengthscale]
            solved = torch.linalg.solve_triangular(part.cholesky, k.mT, upper=False)
            mean += part.weight * (part.mean + k @ part.weights)
            variance += part.weight * part.scale * (1 - solved.square().sum(0)).clamp_min(LEAST_VARIANCE)
        return mean, variance.sqrt()

    def sample(self, points: Tensor | ArrayLike, n: int, rng: np.random.Generator) -> Tensor:
        """Draw n joint samples (n, rows): the mean, and deviations by a pair drawn by its weight."""
        x, mean = self.scaled(points), self.posterior(points)[0]
        prior, known = nearness(self.kernel, x, x), nearness(self.kernel, self.inputs, x)
        drawn = torch.empty((n, len(mean)), dtype=torch.float64)
        chosen = rng.choice(len(self.parts), size=n, p=[part.weight for part in self.parts])
        for number in np.unique(chosen):
            part, rows = self.parts[number], np.flatnonzero(chosen == number)
            white = torch.linalg.solve_triangular(
                part.cholesky, kernel_of(self.kernel, known, part.lengthscale), upper=False
            )
            covariance = kernel_of(self.kernel, prior, part.lengthscale) - white.mT @ white
            factor = _factor(part.scale * covariance, 1e-8 * part.scale)
            drawn[rows] = mean + torch.from_numpy(rng.normal(size=(len(rows), len(mean)))) @ factor.mT
        return drawn

    def condition(self, points: Tensor | ArrayLike, values: Tensor | ArrayLike) -> IsotropicModel:
        """Return the model as if `values` (m,) had been measured at coordinates (m, k); pairs are kept."""
        points = given(self.features, points)
        coordinates = torch.cat([self.coordinates, points])
        targets = torch.cat([self.targets, doubles(values).reshape(-1)])
        inputs = torch.cat([self.inputs, self.scaled(points)])
        near = nearness(self.kernel, inputs, inputs)
        parts = []
        for part in self.parts:
            gram = kernel_of(self.kernel, near, part.lengthscale)
            gram.diagonal().add_(part.noise)
            factor = torch.linalg.cholesky(gram)
            weights = torch.cholesky_solve((targets - part.mean)[:, None], factor)[:, 0]
            parts.append(replace(part, cholesky=factor, weights=weights))
        return replace(self, coordinates=coordinates, targets=targets, inputs=inputs, parts=tuple(parts))

    def leave_one_out(self) -> tuple[Tensor, Tensor]:
        """Predict each measurement from all others, hyperparameters and weights kept: (mean, std), noise included."""
        mean, variance = torch.zeros_like(self.targets), torch.zeros_like(self.targets)
        for part in self.parts:
            inverse = 1 / torch.cholesky_inverse(part.cholesky).diagonal()
            mean += part.weight * (self.targets - part.weights * inverse)
            variance += part.weight * part.scale * inverse
        return mean, variance.sqrt()


@dataclass(frozen=True)
class Isotropic:
    """An averaged Gaussian process over `features` of coordinates, fitted by `fit_isotropic`."""

    features: Callable[[Tensor], Tensor]
    scaled_prior: bool = True  # of no effect: lengthscales are in units of the median distance
    kernel: str = "matern"
    differentiable: ClassVar[bool] = False

    def fit(
        self, points: Tensor | ArrayLike, targets: Tensor | ArrayLike, *, noise: float | None = None
    ) -> protocols.Model:
        """Fit coordinates (n, k) and targets (n,) or (n, m); noise: its variance, None to average over it."""
        return fit_columns(
            lambda one: fit_isotropic(self.features, points, one, noise=noise, kernel=self.kernel), targets
        )


def fit_isotropic(
    features: Callable[[Tensor], Tensor],
    points: Tensor | ArrayLike,
    targets: Tensor | ArrayLike,
    *,
    noise: float | None = None,
    kernel: str = "matern",
) -> IsotropicModel:
    """Fit the average; `features`, `points`, `targets` and errors as in `gp.fit_gp`.

    Args:
        features: Coordinates (n, k) → (n, F).
        points: (n, k).
        targets: (n,).
        noise: Variance of a measurement, which stands in for the grid of λ in units of the targets' variance.
        kernel: "matern" or "tanimoto".

    Example:
        >>> x = np.linspace(0, 1, 9)[:, None]
        >>> model = fit_isotropic(doubles, x, np.sin(6 * x[:, 0]))
        >>> bool(abs(model.posterior([[0.55]])[0].item() - np.sin(3.3)) < 0.05)
        True
    """
    require_known("kernel", kernel, KERNELS)
    data = prepare(features, points, targets)
    raw, y = features(data["coordinates"]), data["targets"]
    low, factor_of = torch.zeros(raw.shape[1], dtype=raw.dtype), torch.ones(raw.shape[1], dtype=raw.dtype)
    if kernel == "matern":
        low, factor_of = _standardisation(raw)
    inputs = (raw - low) * factor_of
    near = nearness(kernel, inputs, inputs)
    spread = y.var(correction=0).item() or 1.0
    noises = NOISES if noise is None else (min(max(noise / spread, 1e-6), 1.0),)
    lengths = LENGTHSCALES if kernel == "matern" else (1.0,)
    grams = [kernel_of(kernel, near, length) for length in lengths]
    tried = [pair for gram, length in zip(grams, lengths, strict=True) for pair in _pairs(gram, y, length, noises)]
    best = max(evidence for evidence, *_ in tried)
    kept = sorted((pair for pair in tried if pair[0] >= best + log(LEAST_WEIGHT)), key=lambda pair: -pair[0])
    whole = sum(exp(evidence - best) for evidence, *_ in kept)
    parts = []
    for evidence, length, noise, scale, mean in kept:
        factor = torch.linalg.cholesky(grams[lengths.index(length)] + noise * torch.eye(len(y), dtype=y.dtype))
        weights = torch.cholesky_solve((y - mean)[:, None], factor)[:, 0]
        parts.append(Part(exp(evidence - best) / whole, length, noise, scale, mean, evidence, factor, weights))
    return IsotropicModel(features, data["coordinates"], y, kernel, low, factor_of, inputs, tuple(parts))


def _standardisation(raw: Tensor) -> tuple[Tensor, Tensor]:
    """Return (low, factor), each (F,): standard deviations are 1 after it, and the median squared distance is 1."""
    mean, std = raw.mean(0), raw.std(0, correction=0)
    varies = std > 1e-9 * raw.abs().amax(0).clamp_min(1e-300)
    factor = torch.where(varies, 1 / torch.where(varies, std, 1.0), 0.0)
    if are_bits(raw):  # a rare bit says no more than a common one
        factor = torch.ones_like(factor)
    z = (raw - mean) * factor
    distances = torch.nn.functional.pdist(z).square()
    median = distances.median().item() if len(distances) else 1.0
    return mean, factor / sqrt(median or 1.0)


def are_bits(features: Tensor) -> bool:
    """Return whether all features are 0 or 1."""
    return bool(((features == 0) | (features == 1)).all())


def nearness(kernel: str, x: Tensor, z: Tensor) -> Tensor:
    """Return squared distances (rows, n) of scaled features (rows, F) and (n, F), or their Tanimoto similarity."""
    product = x @ z.mT
    squares = x.square().sum(-1, keepdim=True) + z.square().sum(-1)
    if kernel == "matern":
        return (squares - 2 * product).clamp_min(0)
    return torch.where(squares > 0, product / (squares - product).clamp_min(1e-30), 1.0)


def kernel_of(kernel: str, near: Tensor, lengthscale: float = 1.0) -> Tensor:
    """Return the kernel (rows, n) of what `nearness` returns."""
    if kernel == "tanimoto":
        return near.clone()
    r = (near * (5 / lengthscale**2)).sqrt_()
    return (r / 3 + 1).mul_(r).add_(1).mul_(r.neg_().exp_())


def _pairs(gram: Tensor, y: Tensor, lengthscale: float, noises: tuple[float, ...]) -> list[Pair]:
    """A pair for each noise; mean and scale are the best ones."""
    values, vectors = torch.linalg.eigh(gram)
    values, ones, rotated = values.clamp_min(0), vectors.sum(0), vectors.mT @ y
    pairs = []
    for noise in noises:
        e = values + noise
        mean = ((ones * rotated / e).sum() / (ones.square() / e).sum()).item()
        scale = max(((rotated - mean * ones).square() / e).mean().item(), 1e-12)
        evidence = -0.5 * len(y) * log(scale) - 0.5 * e.log().sum().item()
        pairs.append((evidence, lengthscale, noise, scale, mean))
    return pairs


def _factor(covariance: Tensor, jitter: float) -> Tensor:
    """Lower Cholesky factor of a posterior covariance, which rounding may leave indefinite."""
    for more in (1, 1e2, 1e4):
        nudge = more * jitter * torch.eye(len(covariance), dtype=covariance.dtype)
        factor, failed = torch.linalg.cholesky_ex(covariance + nudge)
        if not failed:
            return factor
    raise ValueError("Expected a positive definite covariance; got a singular one. Ask for fewer or other points.")


def require_no_gradient(points: Tensor) -> None:
    """Raise ValueError where coordinates ask for a gradient that a model does not have."""
    if points.requires_grad and torch.is_grad_enabled():
        raise ValueError(
            "Expected coordinates without requires_grad; got some with it, but this model has no gradient. "
            "Take a maximiser that only evaluates: 'cascade', 'lattice', 'random_search' or 'enumeration'."
        )
