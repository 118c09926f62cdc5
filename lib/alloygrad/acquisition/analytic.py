"""Acquisition functions: a in a(g(e(c))), of the surrogate's mean μ, std σ and the best target so far y*.

With u = (μ − y*)/σ, φ and Φ the standard normal density and distribution, and h(u) = φ(u) + u Φ(u):

    ei      σ h(u)                 ucb     μ + κ σ  (κ = 1.96)
    log_ei  log σ + log h(u)       pi      Φ(u)
                                   log_pi  log Φ(u)

EI and PI are written as in the textbook (ξ = 0) and underflow to 0 with their gradients as u falls (EI below
u ≈ −38); the published inner loop uses them so. The logarithms stay finite, with finite growing gradients, to
u = ±1e100, and have the same maximiser. log h is taken in three pieces:

    u > −1           log(φ(u) + u Φ(u))
    −50 < u ≤ −1     log φ(u) + log(1 + u R(u)),   R(u) = Φ(u)/φ(u) = sqrt(π/2) erfcx(−u/√2)
    u ≤ −50          log φ(u) + log w + log(1 − 3w + 15w² − 105w³ + 945w⁴),   w = 1/u²

The last is the asymptotic series of 1 + u R(u), which is all rounding there. log Φ is taken
likewise: log1p(−Φ(−u)), log φ(u) + log R(u), and the series of R(u).

All are maximised. σ must be positive (the surrogate's has a floor).

Source: Jones, Schonlau and Welch, J. Global Optimization 13 (1998) 455; log EI: Ament et al., NeurIPS 2023.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import log, sqrt
from math import pi as PI

import numpy as np
import torch
from scipy import special
from torch import Tensor
from torch.autograd.function import once_differentiable

from alloygrad.surrogates.gp import LARGEST, MIN_VARIANCE

KAPPA = 1.96
"""Weight of σ in the upper confidence bound."""

HALF_LOG_2PI = 0.5 * log(2 * PI)


def expected_improvement(mean: Tensor, std: Tensor, best: float) -> Tensor:
    """σ (φ(u) + u Φ(u)), raw: underflows. mean, std: (...)."""
    u = (mean - best) / std
    return std * (torch.exp(-0.5 * u**2 - HALF_LOG_2PI) + u * ndtr(u))


def log_expected_improvement(mean: Tensor, std: Tensor, best: float) -> Tensor:
    """log of the expected improvement, finite where EI underflows. mean, std: (...)."""
    return log_h((mean - best) / std) + std.log()


def upper_confidence_bound(mean: Tensor, std: Tensor, best: float | None = None, kappa: float = KAPPA) -> Tensor:
    """μ + κ σ; ``best`` is not used. mean, std: (...)."""
    return mean + kappa * std


def probability_of_improvement(mean: Tensor, std: Tensor, best: float) -> Tensor:
    """Φ(u), raw: underflows. mean, std: (...)."""
    return ndtr((mean - best) / std)


def log_probability_of_improvement(mean: Tensor, std: Tensor, best: float) -> Tensor:
    """log Φ(u), finite where PI underflows. mean, std: (...)."""
    return log_ndtr((mean - best) / std)


def ndtr(u: Tensor) -> Tensor:
    """Φ(u), every digit in the lower tail too (torch.special.ndtr forms 1 + erf there and loses them)."""
    return 0.5 * torch.erfc(-u / sqrt(2))


def log_h(u: Tensor) -> Tensor:
    """log(φ(u) + u Φ(u)), with its slope Φ(u)/h(u), for |u| ≤ 1e100."""
    return _Written.apply(u, _log_h)


def log_ndtr(u: Tensor) -> Tensor:
    """log Φ(u), with its slope 1/R(u), for |u| ≤ 1e100 (torch.special.log_ndtr: wrong slopes from −1e50 down)."""
    return _Written.apply(u, _log_ndtr)


class _Written(torch.autograd.Function):
    """A function of each entry whose slope is written out: `both` gives NumPy arrays (value, slope) of (n,)."""

    @staticmethod
    def forward(ctx, u: Tensor, both: Callable) -> Tensor:
        value, slope = both(u.detach().numpy().ravel())
        ctx.slope = torch.from_numpy(slope).view(u.shape)
        return torch.from_numpy(value).view(u.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
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
    """log φ(u)."""
    return -0.5 * u**2 - HALF_LOG_2PI


def _pieces(u: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The pieces that hold entries of u, and where; NaN goes to the upper one and stays NaN."""
    lower, middle = u <= -50, (u > -50) & (u <= -1)
    for name, here in (("upper", ~(lower | middle)), ("middle", middle), ("lower", lower)):
        if here.any():
            yield name, here


def _ratio(u: np.ndarray) -> np.ndarray:
    """R(u) = Φ(u)/φ(u) for u < 0."""
    return sqrt(PI / 2) * special.erfcx(-u / sqrt(2))


@dataclass(frozen=True)
class Acquisition:
    """Callable a: compositions (..., n_elements) → values (...), float64; ``name`` is for records.

    ``surrogate`` is any callable compositions → (mean, std), each (...).
    """

    name: str
    formula: Callable[..., Tensor]  # of (mean, std, best)
    surrogate: Callable[[Tensor], tuple[Tensor, Tensor]]
    best: float | None

    def __call__(self, compositions: Tensor | np.ndarray) -> Tensor:
        mean, std = self.surrogate(compositions)
        return self.formula(mean, std, self.best)

    def exceeding(self, compositions: Tensor | np.ndarray, floor: float) -> Tensor:
        """Values (rows,) of (rows, n_elements), −inf for those that are certainly below `floor`; no gradient.

        Every formula grows with μ, and at given μ is monotone in σ; so up to bounds on both it is largest at the bound
        of μ and at one end of σ, its bound or the surrogate's floor. Where that is below `floor`, μ and σ are not
        worked out. For surrogates with `posterior_where`; others are evaluated everywhere.
        """
        if not hasattr(self.surrogate, "posterior_where"):
            with torch.no_grad():
                return self(compositions)
        least = torch.tensor(sqrt(MIN_VARIANCE), dtype=torch.float64)

        def worth(mean: Tensor, std: Tensor) -> Tensor:
            return torch.maximum(self.formula(mean, std, self.best), self.formula(mean, least, self.best)) >= floor

        rows, mean, std = self.surrogate.posterior_where(compositions, worth)
        values = torch.full((len(compositions),), -torch.inf, dtype=torch.float64)
        values[rows] = self.formula(mean, std, self.best)
        return values


def _incumbent(best: float) -> float:
    if not abs(best := float(best)) <= LARGEST:  # true for NaN too
        raise ValueError(f"best is {best}; expected the best target so far, finite and {LARGEST:.0e} at most.")
    return best


def ei(surrogate: Callable, best: float) -> Acquisition:
    """Expected improvement over ``best``, raw."""
    return Acquisition("ei", expected_improvement, surrogate, _incumbent(best))


def log_ei(surrogate: Callable, best: float) -> Acquisition:
    """Logarithm of the expected improvement over ``best``."""
    return Acquisition("log_ei", log_expected_improvement, surrogate, _incumbent(best))


def ucb(surrogate: Callable, best: float | None = None, *, kappa: float = KAPPA) -> Acquisition:
    """Upper confidence bound; ``best`` is accepted for a common signature and not used."""
    return Acquisition("ucb", partial(upper_confidence_bound, kappa=kappa), surrogate, best)


def pi(surrogate: Callable, best: float) -> Acquisition:
    """Probability of improvement over ``best``, raw."""
    return Acquisition("pi", probability_of_improvement, surrogate, _incumbent(best))


def log_pi(surrogate: Callable, best: float) -> Acquisition:
    """Logarithm of the probability of improvement over ``best``."""
    return Acquisition("log_pi", log_probability_of_improvement, surrogate, _incumbent(best))


ACQUISITIONS = {"ei": ei, "log_ei": log_ei, "ucb": ucb, "pi": pi, "log_pi": log_pi}
"""Constructors of signature (surrogate, best) → Acquisition."""
