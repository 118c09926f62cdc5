"""Whom to trust: gains of several predictors, computed from their errors on measurements that they have not seen.

With y_i the targets (larger is better), p_ci what predictor c says of measurement i from all others, and weights
ω_i ∝ ¼ + r_i² that grow with the rank r_i (0 … 1) of a target,

    e_c² = Σ_i ω_i (p_ci − y_i)²                   error, mostly near the top
    I_c  = ½ log(v / e_c²),  v = Σ_i ω_i (y_i − ȳ)²  information on the targets, in nats; at least `LEAST_INFORMATION`
    R_c  = 1 + Σ_{d≠c} max(0, ρ_cd)                redundancy: correlations ρ of errors of different predictors
    g_c  ∝ tanh(3 I_c) / (e_c² R_c),  Σ_c g_c = 1   gains

The consensus of predictions m_c(x) is M(x) = Σ g_c m_c(x), their disagreement D(x) = Σ g_c (m_c(x) − M(x))². As in a
Kalman filter, each predictor is weighed by the inverse of its error variance; errors made in common count once.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_INFORMATION = 0.02
"""In nats. A predictor no better than the mean keeps a small gain: its errors are estimated from few measurements."""

LEAST_ERROR = 1e-3
"""Floor of e², as a share of the variance of the targets."""

CLEAR = 3.0
"""Factor in tanh: a third of a nat is enough for most of the gain."""


@dataclass(frozen=True, eq=False)
class Gains:
    """How much each of C predictors is trusted: each (C,)."""

    information: Tensor  # nats
    error: Tensor  # mean squared, weighted towards the top
    redundancy: Tensor
    weights: Tensor  # the gains: ≥ 0, sum 1


def top_weights(targets: Tensor) -> Tensor:
    """Return ω (n,), which sums to 1 and grows with the rank of a target; equal targets share their rank."""
    below = (targets[:, None] > targets).double().sum(1)
    same = (targets[:, None] == targets).double().sum(1)
    ranks = (below + 0.5 * (same - 1)) / max(len(targets) - 1, 1)
    raw = 0.25 + ranks.square()
    return raw / raw.sum()


def gains(left_out: Tensor, targets: Tensor) -> Gains:
    """Return the gains of predictors whose left-out predictions are `left_out` (C, n), for targets (n,).

    Example:
        >>> y = torch.tensor([0.0, 1.0, 2.0, 3.0], dtype=torch.float64)
        >>> found = gains(torch.stack([y + 0.1, y.flip(0)]), y)
        >>> bool(found.weights[0] > 0.9)
        True
    """
    weights = top_weights(targets)
    variance = (weights @ (targets - weights @ targets).square()).clamp_min(1e-300)
    errors = left_out - targets
    product = (errors * weights) @ errors.mT
    squares = product.diagonal()
    error = squares.clamp_min(LEAST_ERROR * variance)
    information = (0.5 * (variance / error).log()).clamp_min(LEAST_INFORMATION)
    size = squares.clamp_min(1e-300).sqrt()
    correlation = product / size / size[:, None]
    redundancy = 1 + (correlation.clamp_min(0).sum(1) - correlation.diagonal().clamp_min(0))
    raw = torch.tanh(CLEAR * information) / (error * redundancy)
    return Gains(information, error, redundancy, raw / raw.sum())


def fuse(predictions: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return consensus and disagreement, each (rows,), of predictions (C, rows) by gains (C,)."""
    mean = weights @ predictions
    return mean, weights @ (predictions - mean).square()


def entropy_of_best(samples: Tensor) -> float:
    """Return the entropy in nats of where the best candidate is, of joint samples (n, rows) of candidates' values."""
    _, counts = samples.argmax(1).unique(return_counts=True)
    shares = counts.double() / len(samples)
    return float(-(shares * shares.log()).sum())
