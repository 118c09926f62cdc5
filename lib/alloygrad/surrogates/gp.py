"""Gaussian-process surrogate: g in a(g(e(c))), fitted and evaluated in closed form.

Features are min–max scaled over the measured set, x = (e − low)/width (width 1 for a constant feature), and

    k(x, x') = s (1 + r + r²/3) exp(−r),   r² = 5 Σ_j (x_j − x'_j)²/ℓ_j²      Matérn 5/2 with ARD
    y ~ N(m 1, K),   K = k(X, X) + σ² I,   σ² = 1e-6,   targets raw
    ℓ_j ~ Gamma(3, rate 6),   s ~ Gamma(2, rate 0.15),   m flat;   σ² ~ Gamma(1.1, rate 0.05) if learned

``fit`` maximises log N(y; m, K) + log p(ℓ) + log p(s): the maximum a posteriori of BoTorch 0.11's defaults,
with the priors on ℓ and s themselves (no Jacobian); with ``noise=None``, for measurements that scatter, over σ²
too, its prior added (`evidence` holds the arithmetic). The posterior is

    mean(x) = m + k(x, X) K⁻¹(y − m),   std(x)² = s − ‖L⁻¹ k(X, x)‖²,   K = LLᵀ,

of the noise-free function. Near measured points std² is a small difference of large numbers, so distances are
taken from differences (not from |a|² + |b|² − 2ab) and L is solved against (K⁻¹ is never applied).

Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, sections 2.2, 4.2;
settings: Xian et al. 2025, doi 10.1039/d5dd00080g, section 2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np
import torch
from scipy.linalg import lapack
from scipy.optimize import minimize
from torch import Tensor
from torch.autograd.function import once_differentiable

from alloygrad.features.feature_map import doubles
from alloygrad.surrogates.bounds import worthwhile
from alloygrad.surrogates.evidence import (
    LARGEST,
    NOISE,
    log_posterior,
    pairs,
)
from alloygrad.surrogates.kernel import matern52

MIN_VARIANCE = 1e-10
"""Floor of std² (GPyTorch's too), below the ~1e-6 that a measured point leaves; the gradient on it is 0."""

STARTS = ((0.2, None), (2.0, 0.7))
"""(ℓ, s) from which the fit starts, s = None for the variance of the targets; the best result is kept.

The posterior can have several maxima. On 100 random sets (40–100 points, 4 features, many rugged or clustered),
drawn after the starts were chosen, these two reached the best of 28 starts in 92, one start in 84, four in 97.
"""

NOISE_START = 0.1
"""Noise variance from which it is learned: targets are then best standardised."""

BOUNDS = dict(lengthscale=(1e-6, 1e3), outputscale=(1e-10, 1e10), noise=(1e-4, 1e3))
"""The least learned noise is BoTorch's."""

BLOCK = 512
"""Compositions evaluated at once: the (BLOCK, n) kernel stays in cache."""


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A fitted GP; calling it gives (mean, std). n measured points, F features. Tensors are float64."""

    features: Callable[[Tensor], Tensor]
    compositions: Tensor  # (n, n_elements)
    targets: Tensor  # (n,)
    low: Tensor  # (F,)
    width: Tensor  # (F,)
    inputs: Tensor  # (n, F): scaled features
    lengthscales: Tensor  # (F,), on scaled features
    outputscale: float
    mean: float
    cholesky: Tensor  # (n, n): L
    weights: Tensor  # (n,): K⁻¹(y − m)
    log_posterior: float  # in nats, not divided by n
    noise: float = NOISE
    noise_learned: bool = False
    jitter: float = 0.0  # added to the diagonal, beyond the noise
    evaluations: int = 0
    diagnosis: str = "not fitted"

    def __call__(self, compositions: Tensor | np.ndarray) -> tuple[Tensor, Tensor]:
        return self.posterior(compositions)

    def posterior(self, compositions: Tensor | np.ndarray) -> tuple[Tensor, Tensor]:
        """(mean, std), each (...), of (..., n_elements) fractions; differentiable; ``BLOCK`` rows at once."""
        compositions = doubles(compositions)
        return in_blocks(lambda rows: self.posterior_features(self.features(rows)), compositions, BLOCK)

    def posterior_features(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(mean, std), each (B,), of unscaled features (B, F), all at once."""
        return _Posterior.apply((features - self.low) * self._scale, self)

    def posterior_where(self, compositions: Tensor | np.ndarray, worth: Callable) -> tuple[Tensor, Tensor, Tensor]:
        """(rows, mean, std), each (m,), of those of (rows, n_elements) that matter; no gradient.

        `worth(mean, std)` says of upper bounds of both, each (k,), for which they are wanted (bool, (k,)). The bounds,
        see `bounds`, cost little where many rows have similar features.
        """

        def above_floor(mean: Tensor, std: Tensor) -> Tensor:
            return worth(mean, std.clamp_min(sqrt(MIN_VARIANCE)))

        with torch.no_grad():
            features = self.features(doubles(compositions))
            rows = worthwhile(self, (features - self.low) * self._scale, above_floor)
            return rows, *in_blocks(self.posterior_features, features[rows], BLOCK)

    @cached_property
    def _scale(self) -> Tensor:
        return 1 / (self.width * self.lengthscales)

    @cached_property
    def points(self) -> Tensor:
        """The measured features in lengthscales, (n, F)."""
        return self.inputs / self.lengthscales

    def leave_one_out(self) -> tuple[Tensor, Tensor]:
        """(mean, variance), each (n,): every measurement predicted from all the others, hyperparameters kept.

        μ_i = y_i − [K⁻¹(y − m)]_i / [K⁻¹]_ii and variance 1/[K⁻¹]_ii, which includes the noise.
        """
        variance = 1 / torch.cholesky_inverse(self.cholesky).diagonal()
        return self.targets - self.weights * variance, variance


class _Posterior(torch.autograd.Function):
    """(mean, std) of x (B, F), features in lengthscales, with the derivative written out.

    With dk_i/dx = −(5/3) s (1 + r) exp(−r) (x − x_i), every row's gradient is one weighted sum of x − x_i.
    """

    @staticmethod
    def forward(ctx, x: Tensor, surrogate: Surrogate) -> tuple[Tensor, Tensor]:
        r, decay, kernel = matern52(x, surrogate.points, surrogate.outputscale)
        v = torch.linalg.solve_triangular(surrogate.cholesky, kernel.mT, upper=False)
        variance = surrogate.outputscale - v.square().sum(0)
        std = variance.clamp_min(MIN_VARIANCE).sqrt()
        ctx.surrogate, ctx.floor = surrogate, variance < MIN_VARIANCE
        ctx.save_for_backward(x, r, decay, v, std)
        return surrogate.mean + kernel @ surrogate.weights, std

    @staticmethod
    @once_differentiable
    def backward(ctx, by_mean: Tensor, by_std: Tensor):
        x, r, decay, v, std = ctx.saved_tensors
        solved = torch.linalg.solve_triangular(ctx.surrogate.cholesky.mT, v, upper=True).mT  # (B, n): K⁻¹ k(X, x)
        by_std = torch.where(ctx.floor, 0.0, by_std / std)[:, None]
        pull = (by_std * solved - by_mean[:, None] * ctx.surrogate.weights) * (1 + r) * decay * (5 / 3)
        return pull.sum(1, keepdim=True) * x - pull @ ctx.surrogate.points, None


def fit(features: Callable[[Tensor], Tensor], compositions, targets, *, noise: float | None = NOISE) -> Surrogate:
    """Maximum a posteriori GP of ``targets`` (n,) over ``features`` of ``compositions`` (n, n_elements).

    ``features`` is a FeatureMap, or any callable compositions → (n, F). Deterministic: L-BFGS-B with the
    analytic gradient over log ℓ and log s from ``STARTS``; no memory of earlier fits. noise: its variance, fixed,
    in squared units of the targets; None learns it, for targets of order 1. Raises ValueError for input of the
    wrong shape or not finite, for noise that is not positive, and for a covariance that cannot be factorised.
    """
    if noise is not None and not noise > 0:
        raise ValueError(f"noise variance {noise}: expected a positive one, or None to learn it")
    data = prepare(features, compositions, targets)
    x, y = data["inputs"].numpy(), data["targets"].numpy()
    points = pairs(x)
    free = ("s", "noise") if noise is None else ("s",)
    limits = [np.log(BOUNDS["lengthscale"])] * x.shape[1] + [np.log(BOUNDS["outputscale"])]
    limits += [np.log(BOUNDS["noise"])] * (noise is None)
    runs = [
        minimize(
            lambda theta: tuple(-part for part in log_posterior(theta, points, y, noise=noise)[:2]),
            np.log([lengthscale] * x.shape[1] + [outputscale or max(y.var(), NOISE)] + [NOISE_START] * (noise is None)),
            jac=True,
            method="L-BFGS-B",
            bounds=limits,
            options=dict(maxiter=200, ftol=1e-9, gtol=1e-4),
        )
        for lengthscale, outputscale in STARTS
    ]
    best = min(runs, key=lambda run: run.fun)
    bound = [name for name, (a, b), t in zip([*range(x.shape[1]), *free], limits, best.x, strict=True) if not a < t < b]
    diagnosis = "converged" if best.success else f"stopped: {best.message}"
    if bound:
        diagnosis += f"; at its bound: {bound}"
    evaluations = sum(run.nfev for run in runs)
    return _build(data, np.exp(best.x), None, noise, evaluations=evaluations, diagnosis=diagnosis)


def condition(
    features, compositions, targets, lengthscales, outputscale: float, mean: float | None = None, *, noise=NOISE
):
    """The Surrogate at given hyperparameters (mean: the best one if None): nothing is optimised.

    Raises ValueError as `fit`, and for a noise variance that is not positive.
    """
    if noise is None or not noise > 0:  # true for NaN too
        raise ValueError(f"noise variance {noise}: expected a positive one; `fit` learns it")
    return _build(prepare(features, compositions, targets), np.append(lengthscales, outputscale), mean, noise)


def in_blocks(predict: Callable, points: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """(mean, std), each (...), of points (..., d), by `predict` of `size` rows at a time."""
    rows = points.reshape(-1, points.shape[-1])
    if len(rows) <= size:  # an inner loop that asks for one at a time feels each further step
        mean, std = predict(rows)
    else:
        mean, std = map(torch.cat, zip(*map(predict, rows.split(size)), strict=True))
    return mean.reshape(points.shape[:-1]), std.reshape(points.shape[:-1])


def standardisation(targets: np.ndarray) -> tuple[float, float]:
    """Centre and spread of targets (n,) by which they are standardised; the spread of equal ones is 1."""
    # Equal targets may leave a rounding error for a spread, small ones a spread whose square is 0.
    return targets.mean(), (targets.std() if np.ptp(targets) else 0.0) or 1.0


def prepare(features, compositions, targets) -> dict:
    """Checked tensors and min–max scaled features; copies, which later changes by the caller do not reach."""
    compositions, targets = (doubles(values).detach().clone() for values in (compositions, targets))
    if compositions.ndim != 2 or targets.shape != compositions.shape[:1] or not len(targets):
        raise ValueError(
            f"compositions {tuple(compositions.shape)} and targets {tuple(targets.shape)}: "
            "expected (n, n_elements) and (n,) with n ≥ 1"
        )
    raw = features(compositions)
    for name, values in (("target", targets[:, None]), ("feature", raw)):
        for row, column in (~(values.abs() <= LARGEST)).nonzero()[:1].tolist():  # true for NaN too
            raise ValueError(
                f"{name} {values[row, column].item()} in row {row}, column {column}: expected finite numbers, "
                f"{LARGEST:.0e} at most; drop the row, rescale the targets, or select another feature"
            )
    low = raw.min(0).values
    width = raw.max(0).values - low
    width = torch.where(width > 0, width, 1.0)
    inputs = (raw - low) / width
    return dict(features=features, compositions=compositions, targets=targets, low=low, width=width, inputs=inputs)


def _build(data: dict, values, mean, noise, **record) -> Surrogate:
    """values: ℓ_1 … ℓ_F, s, and σ² if noise is None."""
    x, y = data["inputs"].numpy(), data["targets"].numpy()
    log_value, _, mean, factor, jitter = log_posterior(np.log(values), pairs(x), y, mean, noise)
    weights = lapack.dpotrs(factor, y - mean, lower=1)[0]
    if jitter:
        record["diagnosis"] = f"{record.get('diagnosis', 'not fitted')}; jitter {jitter:.1e} on the diagonal"
    return Surrogate(
        **data,
        lengthscales=torch.tensor(values[: x.shape[1]], dtype=torch.float64),
        outputscale=float(values[x.shape[1]]),
        mean=float(mean),
        cholesky=torch.from_numpy(np.ascontiguousarray(factor)),
        weights=torch.from_numpy(weights),
        log_posterior=float(log_value),
        noise=float(values[-1] if noise is None else noise),
        noise_learned=noise is None,
        jitter=float(jitter),
        **record,
    )
