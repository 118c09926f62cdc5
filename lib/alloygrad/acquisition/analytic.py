"""Acquisition functions: a in a(g(e(c))), of the surrogate's mean μ and std σ and the best target so far y*.

With u = (μ − y*)/σ, φ and Φ the standard normal density and distribution, and h(u) = φ(u) + u Φ(u):

    ei      σ h(u)                 ucb     μ + κ σ  (κ = 1.96)
    log_ei  log σ + log h(u)       pi      Φ(u)
                                   log_pi  log Φ(u)

EI and PI are those of the textbook (ξ = 0), as in the published inner loop. With their gradients, they underflow to 0
as u falls (EI below u ≈ −38). The logarithms have the same maximiser, and finite values and gradients for |u| ≤ 1e100.
log h is computed in three pieces:

    u > −1           log(φ(u) + u Φ(u))
    −50 < u ≤ −1     log φ(u) + log(1 + u R(u)),   R(u) = Φ(u)/φ(u) = sqrt(π/2) erfcx(−u/√2)
    u ≤ −50          log φ(u) + log w + log(1 − 3w + 15w² − 105w³ + 945w⁴),   w = 1/u²

The last is the asymptotic series of 1 + u R(u), of which rounding would leave no digit. log Φ is computed likewise:
log1p(−Φ(−u)), log φ(u) + log R(u), and the series of R(u).

All are maximised. σ must be positive; that of a surrogate has a floor.

Source: Jones, Schonlau and Welch, J. Global Optimization 13 (1998) 455; log EI: Ament et al., NeurIPS 2023.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import log, sqrt
from math import pi as PI
from typing import Any

import numpy as np
import torch
from scipy import special
from torch import Tensor
from torch.autograd.function import once_differentiable

from alloygrad import protocols
from alloygrad.checks import explained, is_number, require_number
from alloygrad.surrogates.gp import LARGEST, MIN_VARIANCE
from alloygrad.surrogates.model import Model, as_model

KAPPA = 1.96
"""Weight of σ in the upper confidence bound."""

HALF_LOG_2PI = 0.5 * log(2 * PI)


def expected_improvement(mean: Tensor, std: Tensor, best: float) -> Tensor:
    """Return σ (φ(u) + u Φ(u)) of mean and std (...); it may underflow to 0."""
    u = (mean - best) / std
    return std * (torch.exp(-0.5 * u**2 - HALF_LOG_2PI) + u * ndtr(u))


def log_expected_improvement(mean: Tensor, std: Tensor, best: float) -> Tensor:
    """Return log EI of mean and std (...), finite where EI underflows."""
    return log_h((mean - best) / std) + std.log()


def upper_confidence_bound(mean: Tensor, std: Tensor, best: float | None = None, kappa: float = KAPPA) -> Tensor:
    """Return μ + κ σ of mean and std (...); `best` is not used."""
    return mean + kappa * std


def probability_of_improvement(mean: Tensor, std: Tensor, best: float) -> Tensor:
    """Return Φ(u) of mean and std (...); it may underflow to 0."""
    return ndtr((mean - best) / std)


def log_probability_of_improvement(mean: Tensor, std: Tensor, best: float) -> Tensor:
    """Return log Φ(u) of mean and std (...), finite where PI underflows."""
    return log_ndtr((mean - best) / std)


def ndtr(u: Tensor) -> Tensor:
    """Return Φ(u), accurate also in the lower tail, where torch.special.ndtr loses digits in 1 + erf."""
    return 0.5 * torch.erfc(-u / sqrt(2))


def log_h(u: Tensor) -> Tensor:
    """Return log(φ(u) + u Φ(u)), with the slope Φ(u)/h(u), for |u| ≤ 1e100."""
    return _Written.apply(u, _log_h)


def log_ndtr(u: Tensor) -> Tensor:
    """Return log Φ(u), with the slope 1/R(u), for |u| ≤ 1e100; torch.special.log_ndtr has wrong slopes below −1e50."""
    return _Written.apply(u, _log_ndtr)


class _Written(torch.autograd.Function):
    """An elementwise function with an explicit slope: `both` returns NumPy arrays (value, slope) of u (n,)."""

    @staticmethod
    def forward(ctx: Any, u: Tensor, both: Callable) -> Tensor:
        value, slope = both(u.detach().numpy().ravel())
        ctx.slope = torch.from_numpy(slope).view(u.shape)
        return torch.from_numpy(value).view(u.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.slope, None


def _log_h(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    value, slope = _log_density(u), np.empty_like(u)
    for piece, here in _pieces(u):
        x = u[here]
        if piece == "upper":
            h = np.exp(value[here]) + x * special.ndtr(x)
            value[here], slope[here] = np.log(h), special.ndtr(x) / h
        elif piece == "middle":
            ratio = _ratio(x)
            value[here] += np.log1p(x * ratio)
            slope[here] = ratio / (1 + x * ratio)
        else:
            w = (1 / x) ** 2
            rest, ratio = w * (-3 + w * (15 + w * (-105 + w * 945))), w * (-1 + w * (3 + w * (-15 + w * 105)))
            value[here] += np.log1p(rest) - 2 * np.log(-x)
            slope[here] = -x * (1 + ratio) / (1 + rest)
    return value, slope


def _log_ndtr(u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    value, slope = _log_density(u), np.empty_like(u)
    for piece, here in _pieces(u):
        x = u[here]
        if piece == "upper":
            value[here], slope[here] = np.log1p(-special.ndtr(-x)), np.exp(value[here]) / special.ndtr(x)
        elif piece == "middle":
            ratio = _ratio(x)
            value[here] += np.log(ratio)
            slope[here] = 1 / ratio
        else:
            w = (1 / x) ** 2
            ratio = w * (-1 + w * (3 + w * (-15 + w * 105)))
            value[here] += np.log1p(ratio) - np.log(-x)
            slope[here] = -x / (1 + ratio)
    return value, slope


def _log_density(u: np.ndarray) -> np.ndarray:
    """Return log φ(u)."""
    return -0.5 * u**2 - HALF_LOG_2PI


def _pieces(u: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each piece that holds entries of u, and their places; NaN belongs to the upper one and stays NaN."""
    lower, middle = u <= -50, (u > -50) & (u <= -1)
    for name, here in (("upper", ~(lower | middle)), ("middle", middle), ("lower", lower)):
        if here.any():
            yield name, here


def _ratio(u: np.ndarray) -> np.ndarray:
    """R(u) = Φ(u)/φ(u) for u < 0."""
    return sqrt(PI / 2) * special.erfcx(-u / sqrt(2))


@dataclass(frozen=True)
class Acquisition:
    """Map compositions (..., n_elements) to acquisition values (...), float64.

    The constructors below also take any callable compositions → (mean, std), each (...), in place of a model.
    """

    formula: Callable[..., Tensor]  # of (mean, std, best)
    surrogate: Model | protocols.Model
    best: float | None
    logarithmic: bool = False

    @property
    def differentiable(self) -> bool:
        """Whether values have a gradient."""
        return self.surrogate.differentiable

    def __call__(self, compositions: Tensor | np.ndarray) -> Tensor:
        """Return the values (...) of compositions (..., n_elements)."""
        mean, std = self.surrogate.posterior(compositions)
        return self.formula(mean, std, self.best)

    def exceeding(self, compositions: Tensor | np.ndarray, floor: float) -> Tensor:
        """Return values (n,) at compositions (n, n_elements), −inf if certainly below `floor`; no gradient.

        Every formula grows with μ and is monotone in σ. So within upper bounds on both, it is largest at the bound of μ
        and at one end of σ: its bound or the surrogate's floor. If that value is below `floor`, μ and σ are not
        computed.
        """
        least = torch.tensor(sqrt(MIN_VARIANCE), dtype=torch.float64)

        def worth(mean: Tensor, std: Tensor) -> Tensor:
            return torch.maximum(self.formula(mean, std, self.best), self.formula(mean, least, self.best)) >= floor

        rows, mean, std = self.surrogate.posterior_where(compositions, worth)
        values = torch.full((len(compositions),), -torch.inf, dtype=torch.float64)
        values[rows] = self.formula(mean, std, self.best)
        return values


def _incumbent(best: float) -> float:
    value = best.item() if isinstance(best, Tensor) and best.numel() == 1 else best
    if not is_number(value, LARGEST):
        raise ValueError(
            f"Expected the best measured value so far, finite and {LARGEST:.0e} at most; got best = {value!r}. Pass "
            "one number, such as values.max(). Drop a value that is not finite, or rescale all."
        )
    return float(value)


def ei(surrogate: Model | protocols.Model | Callable, best: float) -> Acquisition:
    """Return the expected improvement over `best`, which may underflow."""
    return Acquisition(expected_improvement, as_model(surrogate), _incumbent(best))


@explained("ag.log_ei(model, best=1.2)")
def log_ei(surrogate: Model | protocols.Model | Callable, best: float) -> Acquisition:
    """Return the logarithm of the expected improvement over `best`.

    Args:
        surrogate: Coordinates (..., k) → mean and standard deviation, each (...).
        best: What improvement counts from, in the unit of the mean.

    Example:
        >>> acquire = log_ei(lambda x: (x[..., 0], torch.ones_like(x[..., 0])), best=0.0)
        >>> round(acquire(torch.zeros(1, 1)).exp().item(), 3)  # 1/√(2π)
        0.399
    """
    return Acquisition(log_expected_improvement, as_model(surrogate), _incumbent(best), logarithmic=True)


def ucb(
    surrogate: Model | protocols.Model | Callable, best: float | None = None, *, kappa: float = KAPPA
) -> Acquisition:
    """Return the upper confidence bound μ + κ σ; `best` is not used."""
    require_number(0, LARGEST, kappa=kappa)
    return Acquisition(partial(upper_confidence_bound, kappa=kappa), as_model(surrogate), best)


def pi(surrogate: Model | protocols.Model | Callable, best: float) -> Acquisition:
    """Return the probability of improvement over `best`, which may underflow."""
    return Acquisition(probability_of_improvement, as_model(surrogate), _incumbent(best))


def log_pi(surrogate: Model | protocols.Model | Callable, best: float) -> Acquisition:
    """Return the logarithm of the probability of improvement over `best`."""
    return Acquisition(log_probability_of_improvement, as_model(surrogate), _incumbent(best), logarithmic=True)


ACQUISITIONS: dict[str, Callable[..., Acquisition]] = {
    "ei": ei,
    "log_ei": log_ei,
    "ucb": ucb,
    "pi": pi,
    "log_pi": log_pi,
}
"""Acquisition functions by name: (surrogate, best) → Acquisition."""
