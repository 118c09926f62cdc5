"""Log posterior of a Gaussian process's hyperparameters, and its gradient.

For scaled features X (n, F), targets y, Matérn-5/2 kernel k with lengthscales ℓ and output scale s (see `gp`):

    log p(θ | y) = −½ (y − m)ᵀ K⁻¹ (y − m) − ½ log |K| − ½ n log 2π + log p(θ),   K = k(X, X) + σ² I

The mean m is profiled out: for given ℓ and s the best one is m = 1ᵀK⁻¹y / 1ᵀK⁻¹1. There the gradient in ℓ and s equals
that of the joint problem. The gradient of the likelihood is the sum of P ∘ dK, P = ½ (K⁻¹(y − m)(y − m)ᵀK⁻¹ − K⁻¹).
K is symmetric, so only the n(n − 1)/2 pairs below the diagonal are computed and summed.

Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 5.4.
"""

from dataclasses import dataclass
from math import lgamma, log, pi

import numpy as np
from scipy.linalg import lapack

from alloygrad.surrogates.repeats import Repeats

NOISE = 1e-6
"""Noise variance, in squared units of the target."""

LENGTHSCALE_PRIOR = (3.0, 6.0)
OUTPUTSCALE_PRIOR = (2.0, 0.15)
NOISE_PRIOR = (1.1, 0.05)
"""Gamma priors (shape, rate); the one on the noise applies if the noise is learned."""

JITTERS = (0.0, 1e-12, 1e-10, 1e-8)
"""Added to the diagonal in turn, in units of the output scale, until K is positive definite in floats."""

LARGEST = 1e50
"""Larger targets are refused, because products of their squares overflow."""

EPSILON = np.finfo(float).eps


@dataclass(frozen=True, eq=False)
class Pairs:
    """The P = n(n − 1)/2 pairs of n points: rows and columns (P,), squared differences of each feature (F, P)."""

    n: int
    row: np.ndarray
    column: np.ndarray
    flat: np.ndarray  # (P,): index into the flattened (n, n) matrix
    squares: np.ndarray


def pairs(x: np.ndarray) -> Pairs:
    """Return all pairs of the scaled features x (n, F)."""
    row, column = np.tril_indices(len(x), -1)
    squares = np.ascontiguousarray(((x[row] - x[column]) ** 2).T)
    return Pairs(len(x), row, column, row * len(x) + column, squares)


def log_posterior(
    theta: np.ndarray,
    points: Pairs,
    targets: np.ndarray,
    mean: float | None = None,
    noise: float | None = NOISE,
    rate: float = LENGTHSCALE_PRIOR[1],
    repeats: Repeats | None = None,
    stated: np.ndarray | float = 0.0,
) -> tuple[float, np.ndarray, float, np.ndarray, float]:
    """Compute the log posterior and its gradient.

    Args:
        theta: log ℓ_1 … log ℓ_F, log s, and log σ² if noise is None.
        points: pairs of scaled features.
        targets: values (n,).
        mean: the constant mean m; None to profile it out.
        noise: σ² if it is fixed, else None.
        rate: of the Gamma prior on lengthscales.
        repeats: where the targets are means of repeated measurements.
        stated: variances (n,) known of each measurement, added to σ² on the diagonal.

    Returns:
        Value in nats, gradient in theta, mean, lower Cholesky factor (n, n), jitter.

    Raises:
        ValueError: if K is not positive definite in floats.
    """
    n, n_features = points.n, len(points.squares)
    lengthscales, outputscale = np.exp(theta[:n_features]), np.exp(theta[n_features])
    variance = np.exp(theta[-1]) if noise is None else noise
    r = np.sqrt((5 / lengthscales**2) @ points.squares)
    slope = outputscale * np.exp(-r)
    kernel = slope * r * r / 3
    slope *= 1 + r  # s (1 + r) exp(−r), to which dk/dlog ℓ is proportional
    kernel += slope
    counts = 1.0 if repeats is None else repeats.counts
    upper, jitter = _factorise(kernel, points, outputscale, variance / counts + stated)

    known = np.array([np.ones(n), targets]).T
    solved = lapack.dpotrs(upper, known)[0]
    if mean is None:
        mean = solved[:, 0] @ targets / solved[:, 0].sum()
    weights = solved[:, 1] - mean * solved[:, 0]
    log_determinant = 2 * np.log(upper.diagonal()).sum()
    likelihood = -0.5 * ((targets - mean) @ weights + log_determinant + n * log(2 * pi))

    inverse = lapack.dpotri(upper)[0].T.ravel()  # the lower triangle of K⁻¹; LAPACK computes no more
    pull = weights[points.row] * weights[points.column] - inverse[points.flat]  # 2 P: a pair stands for two entries
    by_diagonal = 0.5 * (weights @ weights - inverse[:: n + 1].sum())
    # dk/dlog ℓ_j = (5/3) s (1 + r) exp(−r) (x_j − x'_j)²/ℓ_j²;  dk/dlog s = k, dK/dlog σ² = σ² I
    gradient = np.empty(len(theta))
    gradient[:n_features] = points.squares @ (pull * slope) * (5 / 3) / lengthscales**2
    gradient[n_features] = pull @ kernel + outputscale * by_diagonal
    priors: list[tuple[np.ndarray | float, tuple[float, float], slice | int]] = [
        (lengthscales, (LENGTHSCALE_PRIOR[0], rate), slice(n_features)),
        (outputscale, OUTPUTSCALE_PRIOR, n_features),
    ]
    if repeats is not None:
        beyond, by_noise = repeats.evidence(variance)
        likelihood += beyond
        by_diagonal = 0.5 * ((weights * weights - inverse[:: n + 1]) / counts).sum()
    if noise is None:
        gradient[-1] = variance * by_diagonal + (0.0 if repeats is None else by_noise)
        priors.append((variance, NOISE_PRIOR, -1))

    prior = 0.0
    for value, (shape, rate), slots in priors:
        prior += np.sum(shape * log(rate) - lgamma(shape) + (shape - 1) * np.log(value) - rate * value)
        gradient[slots] += shape - 1 - rate * value
    return likelihood + prior, gradient, mean, upper.T, jitter


def _factorise(
    kernel: np.ndarray, points: Pairs, outputscale: float, noise: float | np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the upper factor of K (Fortran order) and the least jitter of `JITTERS` with which it exists."""
    for jitter in (outputscale * share for share in JITTERS):
        lower = np.empty((points.n, points.n))
        flat = lower.ravel()
        flat[points.flat] = kernel
        flat[:: points.n + 1] = outputscale + noise + jitter
        upper, failed = lapack.dpotrf(lower.T, overwrite_a=1, clean=1)
        if not failed and upper.diagonal().min() ** 2 > points.n * EPSILON * outputscale:
            return upper, jitter
    raise ValueError(
        f"Expected a positive definite covariance; got a singular one of {points.n} points at output scale "
        f"{outputscale:.3g}, even with jitter {jitter:.1e}. Rescale the targets to order 1."
    )
