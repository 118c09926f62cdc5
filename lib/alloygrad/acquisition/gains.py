"""What one objective may gain: expectations of one normal variable, as logarithms.

With Y ~ N(μ, σ²), h(u) = φ(u) + u Φ(u), and a level v of the utility that improvement counts from:

    as much as possible     E (Y − v)₊                = σ h((μ − v)/σ)
    as near to t as it can  E (w − |Y − t|)₊, w = −v  = σ [h(δ − z) − 2 h(−z) + h(−δ − z)],   δ = w/σ,  z = |μ − t|/σ
    between two limits      P(a ≤ Y ≤ b)              = Φ(δ − z) − Φ(−δ − z),   t = (a + b)/2,  w = (b − a)/2

The second difference of h loses its digits where δ is small and δz too. There it is the integral

    2 δ² φ(z) ∫₀¹ (1 − s) cosh(δ z s) exp(−δ² s²/2) ds

by Gauss and Legendre. The logarithms are differentiable, and finite where the expectation underflows. `gain` is the
expectation itself, with its slopes: a tenth of the time, for all that does not underflow.
"""

from math import inf, pi, sqrt

import numpy as np
import torch
from scipy import special
from torch import Tensor

from alloygrad.acquisition.analytic import HALF_LOG_2PI, log_expected_improvement, log_h, log_ndtr

NODES, WEIGHTS = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(20))
NODES, WEIGHTS = (NODES + 1) / 2, WEIGHTS / 2  # on 0 … 1

NARROW, NEAR = 1.0, 8.0
"""The integral is used where δ and δz are below these; there it is exact to 1e-13, elsewhere the difference is."""

FAR = 1e6
"""Beyond this z, h(−δ − z) is exp(−2δz) h(δ − z) but for δ/z and 1/z²."""

TINY = 3e-3
"""Below this δ, `gain` has 2 δ² φ(z) times the first terms of the integral's series in δ."""


def gain(
    mean: np.ndarray, std: np.ndarray, level: np.ndarray, target: float | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return E(U − level)₊ and its slopes in mean and std, each (...); arguments as of `log_gain`."""
    if target is None:
        u = (mean - level) / std
        density, below = np.exp(-0.5 * u * u) / sqrt(2 * pi), special.ndtr(u)
        return std * (density + u * below), below, density
    side = np.where(mean > target, -1.0, 1.0)  # of −Y, where Y lies above the target: the tail, not its complement
    x = side * (mean - target)
    above, at, below = (gain(x, std, shift) for shift in (-level, np.zeros_like(level), level))
    value, by_mean, by_std = (a - 2 * b + c for a, b, c in zip(above, at, below, strict=True))
    z, delta = x / std, np.maximum(-level, 0) / std
    series = std * delta**2 * np.exp(-0.5 * z * z) / sqrt(2 * pi) * (1 + delta**2 * (z * z - 1) / 12)
    tiny = delta < TINY
    value = np.where(tiny, series, value)
    by_mean = side * np.where(tiny, -series * z / std, by_mean)
    return value, by_mean, np.where(tiny, series * (z * z - 1) / std, by_std)


def log_gain(mean: Tensor, std: Tensor, level: Tensor, target: float | None = None) -> Tensor:
    """Return log E(U − level)₊ (...) of the utility U: Y itself, or −|Y − target|.

    Args:
        mean: μ (...).
        std: σ (...).
        level: Of the utility (...), what improvement counts from; below 0 where there is a target, else −∞ is returned.
        target: The value to hit, None where more is better.
    """
    if target is None:
        return log_expected_improvement(mean, std, level)  # type: ignore[arg-type]  # a tensor in place of a number
    possible = (level < 0).expand(torch.broadcast_shapes(mean.shape, level.shape))
    delta, z = torch.where(possible, -level, 1.0) / std, (mean - target).abs() / std
    near = (delta < NARROW) & (delta * z < NEAR)
    found = torch.where(near, _integral(delta, z), _difference(torch.where(near, NARROW, delta), z)) + std.log()
    return torch.where(possible, found, -inf)


def log_survival(mean: Tensor, std: Tensor, level: Tensor, target: float | None = None) -> Tensor:
    """Return log P(U > level) (...) of the utility U; arguments as of `log_gain`."""
    if target is None:
        return log_ndtr((mean - level) / std)
    possible = (level < 0).expand(torch.broadcast_shapes(mean.shape, level.shape))
    width = torch.where(possible, -level, 1.0)
    return torch.where(possible, _log_between((mean - target).abs() / std, width / std), -inf)


def log_within(mean: Tensor, std: Tensor, low: float = -inf, high: float = inf) -> Tensor:
    """Return log P(low ≤ Y ≤ high) (...) of mean and std (...)."""
    if high == inf:
        return log_ndtr((mean - low) / std)
    if low == -inf:
        return log_ndtr((high - mean) / std)
    return _log_between((mean - (low + high) / 2).abs() / std, (high - low) / 2 / std)


def _log_between(z: Tensor, delta: Tensor) -> Tensor:
    """Return log [Φ(δ − z) − Φ(−δ − z)] for z ≥ 0 and δ > 0."""
    upper, lower = log_ndtr(delta - z), log_ndtr(-delta - z)
    return upper + log_1mexp(lower - upper)


def log_1mexp(x: Tensor) -> Tensor:
    """Return log(1 − eˣ) for x < 0; of 0, which rounding may leave, that of its last digit."""
    return torch.log(-torch.expm1(x.clamp_max(-1e-16)))


def _integral(delta: Tensor, z: Tensor) -> Tensor:
    delta = delta.clamp_max(NARROW)
    a, s = (delta * z).clamp_max(NEAR)[..., None], NODES
    shape = ((1 - s) * torch.cosh(a * s) * torch.exp(-0.5 * (delta[..., None] * s) ** 2)) @ WEIGHTS
    return torch.log(2 * shape) + 2 * delta.log() - 0.5 * z**2 - HALF_LOG_2PI


def _difference(delta: Tensor, z: Tensor) -> Tensor:
    first = log_h(delta - z)
    far = (z > FAR) & (delta < 1e-3 * z)  # h falls as φ; the difference of its logarithms would be rounding
    second = torch.where(far, -delta * z, log_h(-z) - first).exp()
    third = torch.where(far, -2 * delta * z, log_h(-delta - z) - first).exp()
    return first + torch.log1p(third - 2 * second)
