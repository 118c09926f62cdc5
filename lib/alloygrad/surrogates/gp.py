"""Gaussian-process surrogate: g in a(g(e(c))), with gradients in closed form.

Features are min–max scaled over the measured set, x = (e − low)/width (width 1 for a constant feature):

    k(x, x') = s (1 + r + r²/3) exp(−r),   r² = 5 Σ_j (x_j − x'_j)²/ℓ_j²      Matérn 5/2 with ARD
    y ~ N(m 1, K),   K = k(X, X) + σ² I,   σ² = 1e-6,   targets raw
    ℓ_j ~ Gamma(3, rate 6),   s ~ Gamma(2, rate 0.15),   m flat;   σ² ~ Gamma(1.1, rate 0.05) if learned

`fit_gp` maximises log N(y; m, K) + log p(ℓ) + log p(s), the maximum a posteriori of BoTorch 0.11's defaults, with
priors on ℓ and s themselves (no Jacobian). With `noise=None`, it maximises over σ² too and adds its prior; see
`evidence`. The posterior of the noise-free function is

    mean(x) = m + k(x, X) K⁻¹(y − m),   std(x)² = s − ‖L⁻¹ k(X, x)‖²,   K = LLᵀ.

Near measured points std² is a small difference of large numbers. So distances are computed from differences (not from
|a|² + |b|² − 2ab), and triangular systems in L are solved (K⁻¹ is never applied).

Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, sections 2.2, 4.2;
settings: Xian et al. 2025, doi 10.1039/d5dd00080g, section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import sqrt
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.linalg import lapack
from torch import Tensor

from alloygrad import protocols
from alloygrad.checks import explained, is_number, real_numbers, require_callable, require_fractions
from alloygrad.features.feature_map import FeatureMap, doubles, given
from alloygrad.kernel import matern52, scaling
from alloygrad.surrogates.bounds import worthwhile
from alloygrad.surrogates.evidence import LARGEST, LENGTHSCALE_PRIOR, NOISE, log_posterior, pairs
from alloygrad.surrogates.model import Model, fit_columns
from alloygrad.surrogates.posterior import MIN_VARIANCE, Posterior, in_blocks
from alloygrad.surrogates.repeats import Repeats, find

STARTS = ((0.2, None), (2.0, 0.7))
"""Starts (ℓ, s) of the fit, where s = None is the variance of the targets; the best result is kept.

The posterior can have several maxima. Tested on 100 random sets (40–100 points, 4 features, many of them rugged or
clustered), these two starts reach the best of 28 starts in 92 sets; one start does in 84, four do in 97.
"""

NOISE_START = 0.1
"""Start of a learned noise variance, for standardised targets."""

BOUNDS = dict(lengthscale=(1e-6, 1e3), outputscale=(1e-10, 1e10), noise=(1e-4, 1e3))
"""Search limits; the lower limit of the noise is that of BoTorch."""

BLOCK = 512
"""Compositions evaluated at once; the (BLOCK, n) kernel then stays in cache."""


@explained("ag.fit_gp(features, points, targets)")
@dataclass(frozen=True, eq=False)
class GPModel(Model):
    """A Gaussian process with fixed hyperparameters; a call returns (mean, std). n points, F features, float64."""

    features: Callable[[Tensor], Tensor]
    coordinates: Tensor  # (n, k)
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
    prior_rate: float = LENGTHSCALE_PRIOR[1]  # of the Gamma prior on lengthscales
    repeats: Repeats | None = None  # where the points are those of merged measurements

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know about the fit, each with what to do about it."""
        found = []
        if self.diagnosis.startswith("stopped"):
            found.append(
                f"The fit of the Gaussian process did not converge ({self.diagnosis.removeprefix('stopped: ')}): its "
                "predictions may be poor. Add measurements, or choose other inputs."
            )
        if self.jitter:
            found.append(
                f"Some measurements cannot be told apart by their inputs (jitter {self.jitter:.1e} was needed). Choose "
                "more inputs, or average repeated measurements."
            )
        return tuple(found)

    def hyperparameters(self) -> dict[str, float]:
        """Return lengthscale_0, …, outputscale, mean and log_posterior."""
        found = {f"lengthscale_{i}": float(value) for i, value in enumerate(self.lengthscales)}
        return found | {"outputscale": self.outputscale, "mean": self.mean, "log_posterior": self.log_posterior}

    def posterior(self, compositions: Tensor | ArrayLike) -> tuple[Tensor, Tensor]:
        """Return the differentiable (mean, std), each (...), at compositions (..., n_elements)."""
        compositions = given(self.features, compositions)
        if not compositions.ndim:
            k = self.coordinates.shape[1]
            mend = f"Write [[{compositions.item():g}]]." if k == 1 else f"Give {k} numbers for each point."
            raise ValueError(f"Expected coordinates (..., {k}); got one number. {mend}")
        return in_blocks(lambda rows: self.posterior_features(self.features(rows)), compositions, BLOCK)

    def posterior_features(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (B,), at unscaled features (B, F)."""
        return Posterior.apply((features - self.low) * self._scale, self)

    def posterior_where(self, compositions: Tensor | ArrayLike, worth: Callable) -> tuple[Tensor, Tensor, Tensor]:
        """Return (rows, mean, std), each (m,), for the compositions (n, n_elements) that matter; no gradient.

        Args:
            compositions: atomic fractions (n, n_elements).
            worth: takes upper bounds on mean and std, each (k,); returns where the values are wanted, bool (k,). The
                bounds (see `alloygrad.surrogates.bounds`) are cheap if many compositions have similar features.
        """

        def above_floor(mean: Tensor, std: Tensor) -> Tensor:
            return worth(mean, std.clamp_min(sqrt(MIN_VARIANCE)))

        with torch.no_grad():
            features = self.features(doubles(compositions))
            rows = worthwhile(self, (features - self.low) * self._scale, above_floor)
            return rows, *in_blocks(self.posterior_features, features[rows], BLOCK)

    @property
    def least_noise(self) -> float:
        """Smallest variance on the diagonal: of the mean of the most repeated point."""
        return self.noise / (1 if self.repeats is None else self.repeats.most) + self.jitter

    @cached_property
    def _scale(self) -> Tensor:
        return 1 / (self.width * self.lengthscales)

    @cached_property
    def points(self) -> Tensor:
        """The measured features in lengthscales, (n, F)."""
        return self.inputs / self.lengthscales

    def sample(self, points: Tensor | ArrayLike, n: int, rng: np.random.Generator) -> Tensor:
        """Draw n joint samples (n, rows) of the noise-free function at coordinates (rows, k)."""
        with torch.no_grad():
            x = (self.features(given(self.features, points)) - self.low) * self._scale
            prior = matern52(x, x, self.outputscale)[-1]
            kernel = matern52(x, self.points, self.outputscale)[-1]
            solved = torch.linalg.solve_triangular(self.cholesky, kernel.mT, upper=False)
            covariance = prior - solved.mT @ solved
            covariance.diagonal().add_(MIN_VARIANCE + 1e-9 * self.outputscale)
            factor = torch.linalg.cholesky(covariance)
            drawn = torch.from_numpy(rng.normal(size=(n, len(x))))
            return self.mean + kernel @ self.weights + drawn @ factor.mT

    def condition(self, points: Tensor | ArrayLike, values: Tensor | ArrayLike) -> GPModel:
        """Return the model as if `values` (m,) had been measured at coordinates (m, k), hyperparameters kept.

        m more rows of the Cholesky factor are computed; the scaling of features stays that of the fit.
        """
        points, values = given(self.features, points), doubles(values, "values").reshape(-1)
        if points.ndim != 2 or len(points) != len(values):
            raise ValueError(
                f"Expected one value for each of m points (m, k); got shapes {tuple(values.shape)} and "
                f"{tuple(points.shape)}. Give as many values as points."
            )
        with torch.no_grad():
            x = (self.features(points) - self.low) / self.width
            new = x / self.lengthscales
            kernel = matern52(new, self.points, self.outputscale)[-1]
            block = torch.linalg.solve_triangular(self.cholesky, kernel.mT, upper=False).mT  # (m, n)
            rest = matern52(new, new, self.outputscale)[-1] - block @ block.mT
            noise = self.noise + self.jitter
            rest.diagonal().add_(noise)
            corner, failed = torch.linalg.cholesky_ex(rest)
            if failed:  # the points coincide with measured ones within rounding
                corner = torch.diag(rest.diagonal().clamp_min(noise).sqrt())
            n, m = len(self.targets), len(values)
            factor = torch.zeros((n + m, n + m), dtype=torch.float64)
            factor[:n, :n], factor[n:, :n], factor[n:, n:] = self.cholesky, block, corner
            targets = torch.cat([self.targets, values])
            weights = torch.cholesky_solve((targets - self.mean)[:, None], factor)[:, 0]
        return replace(
            self,
            coordinates=torch.cat([self.coordinates, points]),
            targets=targets,
            inputs=torch.cat([self.inputs, x]),
            cholesky=factor,
            weights=weights,
            log_posterior=float("nan"),
            diagnosis="conditioned",
            repeats=None,
        )

    def leave_one_out(self) -> tuple[Tensor, Tensor]:
        """Predict each measurement from all others, with the same hyperparameters: (mean, std), each (n,).

        μ_i = y_i − [K⁻¹(y − m)]_i / [K⁻¹]_ii; the variance 1/[K⁻¹]_ii includes the noise.
        """
        mean, variance = self._left_out()
        return (mean, variance.sqrt()) if self.repeats is None else self.repeats.left_out(mean, variance, self.noise)

    def _left_out(self) -> tuple[Tensor, Tensor]:
        """Mean and variance (n,) of each different point, predicted from all others."""
        variance = 1 / torch.cholesky_inverse(self.cholesky).diagonal()
        return self.targets - self.weights * variance, variance


@dataclass(frozen=True)
class GaussianProcess:
    """A Gaussian process over `features` of coordinates, fitted by `fit_gp`."""

    features: Callable[[Tensor], Tensor]
    scaled_prior: bool = True
    differentiable: ClassVar[bool] = True

    def fit(
        self,
        points: Tensor | ArrayLike,
        targets: Tensor | ArrayLike,
        *,
        noise: float | None = None,
        stated: ArrayLike | None = None,
    ) -> protocols.Model:
        """Fit coordinates (n, k) and targets (n,) or (n, m); noise, stated: as of `fit_gp`."""
        from alloygrad.surrogates.sparse import fit_any  # it builds on this module

        how: dict[str, Any] = {"noise": noise, "stated": stated, "scaled_prior": self.scaled_prior}
        return fit_columns(lambda one: fit_any(self.features, points, one, **how), targets)


def fit_paper(features: Callable[[Tensor], Tensor], points: Tensor | ArrayLike, targets: Tensor | ArrayLike) -> GPModel:
    """Fit as the published loop does: noise variance 1e-6, one prior for any number of features."""
    return fit_gp(features, points, targets, noise=NOISE, scaled_prior=False)


@explained("ag.fit_gp(features, points, targets)")
def fit_gp(
    features: Callable[[Tensor], Tensor],
    points: Tensor | ArrayLike,
    targets: Tensor | ArrayLike,
    *,
    noise: float | None = None,
    stated: ArrayLike | None = None,
    scaled_prior: bool = True,
    merge: bool = False,
) -> GPModel:
    """Fit a Gaussian process by maximum a posteriori, with L-BFGS-B from `STARTS`; the result is deterministic.

    Args:
        features: A FeatureMap, or any callable coordinates (n, k) → (n, F).
        points: Coordinates (n, k): atomic fractions, features or values.
        targets: Values (n,) of order 1.
        noise: Fixed noise variance in squared units of the targets; None to learn it.
        stated: Variances (n,) that are known of each measurement, in addition to the noise; 0 where none is.
        scaled_prior: Whether the prior on lengthscales grows with √F: in F dimensions points are √F times as far apart.
        merge: Whether repeated measurements become one point each where the noise is learned: the same model, sooner.

    Returns:
        The fitted model.

    Raises:
        ValueError: A wrong shape, a value that is not finite, noise ≤ 0, or a singular covariance.

    Example:
        >>> x = np.linspace(0, 1, 8)[:, None]
        >>> model = fit_gp(doubles, x, np.sin(6 * x[:, 0]), noise=1e-6)
        >>> mean, std = model.posterior([[0.5]])
        >>> bool(abs(mean.item() - np.sin(3)) < 0.01)
        True
    """
    from scipy.optimize import minimize  # late, since it is slow to import

    _require_positive(NOISE if noise is None else noise)
    data = prepare(features, points, targets)
    merged = merge and noise is None and stated is None
    repeats = find(data["inputs"].numpy(), data["targets"].numpy()) if merged else None
    if repeats is not None:
        data |= {name: data[name][repeats.first] for name in ("coordinates", "inputs")}
        data |= {"targets": torch.from_numpy(repeats.means), "repeats": repeats}
    x, y = data["inputs"].numpy(), data["targets"].numpy()
    apart, rate = pairs(x), LENGTHSCALE_PRIOR[1] / (sqrt(x.shape[1]) if scaled_prior else 1)
    spread = y.var() if repeats is None else repeats.targets.var()
    limits = [np.log(BOUNDS["lengthscale"])] * x.shape[1] + [np.log(BOUNDS["outputscale"])]
    limits += [np.log(BOUNDS["noise"])] * (noise is None)
    known = 0.0 if stated is None else real_numbers("stated variances", stated, y.shape, "Give one for each target.")
    runs = [
        minimize(
            lambda theta: tuple(
                -part for part in log_posterior(theta, apart, y, None, noise, rate, repeats, known)[:2]
            ),
            np.log([lengthscale] * x.shape[1] + [outputscale or max(spread, NOISE)] + [NOISE_START] * (noise is None)),
            jac=True,
            method="L-BFGS-B",
            bounds=limits,
            options=dict(maxiter=200, ftol=1e-9, gtol=1e-4),
        )
        for lengthscale, outputscale in STARTS
    ]
    best, names = min(runs, key=lambda run: run.fun), [*range(x.shape[1]), "s", "noise"][: len(limits)]
    bound = [name for name, (a, b), t in zip(names, limits, best.x, strict=True) if not a < t < b]
    diagnosis = "converged" if best.success else f"stopped: {best.message}"
    if bound:
        diagnosis += f"; at its bound: {bound}"
    evaluations = sum(run.nfev for run in runs)
    return _build(data, np.exp(best.x), None, noise, rate, known, evaluations=evaluations, diagnosis=diagnosis)


def with_hyperparameters(
    features: Callable[[Tensor], Tensor],
    points: Tensor | ArrayLike,
    targets: Tensor | ArrayLike,
    lengthscales: ArrayLike,
    outputscale: float,
    mean: float | None = None,
    *,
    noise: float = NOISE,
) -> GPModel:
    """Return the Gaussian process of measurements at given hyperparameters; arguments and errors as in `fit_gp`.

    lengthscales (F,) are on scaled features. With mean = None, the constant mean is the best one.
    """
    _require_positive(noise)
    return _build(prepare(features, points, targets), np.append(lengthscales, outputscale), mean, noise)


def standardisation(targets: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation of targets (n,), by which to standardise them; 1 if all are equal."""
    # The standard deviation of equal targets may be a rounding error, that of tiny ones may underflow to 0.
    return targets.mean(), (targets.std() if np.ptp(targets) else 0.0) or 1.0


def prepare(features: Callable[[Tensor], Tensor], points: Tensor | ArrayLike, targets: Tensor | ArrayLike) -> dict:
    """Check and copy the measurements and scale their features: the first six fields of `GPModel`, by name."""
    require_callable("features", features, "a FeatureMap, or a function of coordinates (n, k)")
    coordinates = given(features, points, "points").detach().clone()
    targets = doubles(targets, "targets").detach().clone()
    if coordinates.ndim != 2 or targets.shape != coordinates.shape[:1] or not len(targets):
        mends = ["Pass points as `points[:, None]`."] if coordinates.ndim == 1 else []
        mends += ["Pass targets as `targets.ravel()`."] if targets.ndim == 2 and 1 in targets.shape else []
        raise ValueError(
            "Expected coordinates (n, k) and targets (n,) with n ≥ 1; got shapes "
            f"{tuple(coordinates.shape)} and {tuple(targets.shape)}. "
            f"{' '.join(mends) or 'Give one target for each point.'}"
        )
    if isinstance(features, FeatureMap) and coordinates.shape[1] == len(features.elements):
        require_fractions(coordinates.numpy())
    raw = features(coordinates)
    if not isinstance(raw, Tensor) or raw.ndim != 2 or len(raw) != len(targets) or not raw.shape[1]:
        got = f"shape {tuple(raw.shape)}" if isinstance(raw, Tensor) else f"a {type(raw).__name__}"
        raise ValueError(
            f"Expected features as a torch tensor of shape ({len(targets)}, F) with F ≥ 1, one row for each point; got "
            f"{got}. Compute them with torch, or pass a FeatureMap."
        )
    for name, values in (("target", targets[:, None]), ("feature", raw)):
        for row, column in (~(values.abs() <= LARGEST)).nonzero()[:1].tolist():  # true for NaN too
            raise ValueError(
                f"Expected finite {name}s, {LARGEST:.0e} at most; got {values[row, column].item()} in row {row}"
                f"{f', column {column}' if name == 'feature' else ''}. Drop the row, or "
                f"{'select another feature' if name == 'feature' else 'rescale them'}."
            )
    low, width = scaling(raw, features.resolution if isinstance(features, FeatureMap) else 0.0)
    inputs = (raw - low) / width
    return dict(features=features, coordinates=coordinates, targets=targets, low=low, width=width, inputs=inputs)


def _require_positive(noise: float | None) -> None:
    if not is_number(noise) or noise <= 0:
        raise ValueError(f"Expected a positive noise variance; got {noise!r}. Pass {NOISE}, or None to learn it.")


def _build(
    data: dict,
    values: np.ndarray,
    mean: float | None,
    noise: float | None,
    rate: float = LENGTHSCALE_PRIOR[1],
    stated: np.ndarray | float = 0.0,
    **record: Any,
) -> GPModel:
    """Build a GPModel from `prepare`d data and values = (ℓ_1 … ℓ_F, s, and σ² if noise is None)."""
    x, y = data["inputs"].numpy(), data["targets"].numpy()
    log_value, _, mean, factor, jitter = log_posterior(
        np.log(values), pairs(x), y, mean, noise, rate, data.get("repeats"), stated
    )
    weights = lapack.dpotrs(factor, y - mean, lower=1)[0]
    if jitter:
        record["diagnosis"] = f"{record.get('diagnosis', 'not fitted')}; jitter {jitter:.1e} on the diagonal"
    return GPModel(
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
        prior_rate=rate,
        **record,
    )
