"""Acquisition functions of several objectives and of limits, as logarithms.

The hypervolume improvement of y over a front is the volume above the reference point that y dominates and the front
does not. Of independent normal utilities U_j, its expectation is a sum over the boxes (l, u) of the non-dominated part,

    EHVI = Σ_boxes Π_j [ψ_j(l_j) − ψ_j(u_j)],    ψ_j(v) = E(U_j − v)₊      (`boxes`, `gains`)

exact for up to three objectives. With one objective there is one box, and EHVI is EI.

For more objectives, one random direction λ of the positive unit sphere makes one number of them,

    S(U) = min_j (U_j − r_j)/λ_j,    E(S − s)₊ = ∫_s^∞ Π_j P(U_j > r_j + λ_j x) dx,

by Gauss and Legendre. The mean over λ of max(S, 0)ᵐ is the hypervolume, up to a constant: so a new λ for every
suggestion spreads these along the front.

Limits multiply the expectation by the probability that they are kept. While no measured point keeps them all, that
probability alone is maximised.

Sources: Emmerich, Deutz and Klinkenberg, IEEE CEC 2011, for EHVI; Ament et al., NeurIPS 2023, for its logarithm; Zhang
and Golovin, ICML 2020, for S; Gardner et al., ICML 2014, for limits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.autograd.function import once_differentiable

from alloygrad import protocols
from alloygrad.acquisition.boxes import non_dominated_boxes
from alloygrad.acquisition.gains import gain, log_1mexp, log_gain, log_survival, log_within
from alloygrad.features.feature_map import doubles
from alloygrad.surrogates.model import Model, as_model

Targets = Sequence[float | None]
Improvement = Callable[[Tensor, Tensor], Tensor]

JOINT = ("log_ehvi", "log_chebyshev")
"""Acquisition functions of several objectives, by name."""

LEAST = 1e-100
"""A sum of products below this may have lost digits, in the tails or to underflow, and is computed from logarithms."""

BLOCK = 256
"""Rows whose products are computed at once; they then stay in cache."""

ROWS = 4096
"""Rows whose improvement is computed at once, so that memory does not grow with a grid."""

PANEL = tuple(torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(48))

NATS = 74.0
"""Twice the nats by which an integrand has fallen at the upper end of the integral."""


@dataclass(frozen=True, eq=False)
class HypervolumeImprovement:
    """log EHVI of mean and std (..., m), m ≤ 3."""

    lower: np.ndarray  # (K, m): corners of the boxes
    upper: np.ndarray  # (K, m)
    targets: Targets  # (m,): the value to hit, None where more is better

    def __call__(self, mean: Tensor, std: Tensor) -> Tensor:
        """Return log EHVI (...), with a gradient where mean and std have one."""
        rows = (part.reshape(-1, mean.shape[-1]) for part in (mean, std))
        return _LogSum.apply(*rows, self).reshape(mean.shape[:-1])

    @cached_property
    def _axes(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """For each objective: levels (V,), and the places of the corners (K,) among them; V is the place of ∞."""
        axes = []
        for low, high in zip(self.lower.T, self.upper.T, strict=True):
            levels = np.unique(np.concatenate([low, high[high < inf]]))
            axes.append((levels, np.searchsorted(levels, low), np.searchsorted(levels, high)))
        return axes

    def from_logarithms(self, mean: Tensor, std: Tensor) -> Tensor:
        """Return log EHVI (rows,) of mean and std (rows, m), however small; differentiable."""
        total = torch.zeros(len(mean), len(self.lower), dtype=mean.dtype)
        for j, (levels, low, high) in enumerate(self._axes):
            of = log_gain(mean[:, j, None], std[:, j, None], torch.from_numpy(levels), self.targets[j])
            of = torch.cat([of, torch.full_like(of[:, :1], -inf)], dim=1)
            least = of[:, low]
            total = total + least + log_1mexp(torch.where(least > -inf, of[:, high] - least, -inf))
        return torch.logsumexp(total, dim=1)

    def from_products(
        self, mean: np.ndarray, std: np.ndarray, *, slopes: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return EHVI (rows,) and, if wanted, its slopes in mean and std (rows, m); it may underflow."""
        value, by = np.empty(len(mean)), np.zeros((2, *mean.shape))
        for start in range(0, len(mean), BLOCK):
            rows = slice(start, start + BLOCK)
            sides = []
            for j, (levels, low, high) in enumerate(self._axes):
                found = gain(mean[rows, j, None], std[rows, j, None], levels, self.targets[j])
                sides.append([_between(part, low, high) for part in (found if slopes else found[:1])])
            value[rows] = _product([side[0] for side in sides]).sum(1)
            for j, side in enumerate(sides if slopes else ()):
                others = _product([other[0] for other in sides[:j] + sides[j + 1 :]])
                by[:, rows, j] = [(others * part).sum(1) for part in side[1:]]
        return value, by[0], by[1]


def _between(of_levels: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the difference (rows, K) of a function of levels (rows, V) at two corners (K,) each; it is 0 at ∞."""
    padded = np.concatenate([of_levels, np.zeros_like(of_levels[:, :1])], axis=1)
    found = padded.take(low, axis=1)
    found -= padded.take(high, axis=1)
    return found


def _product(parts: list[np.ndarray]) -> np.ndarray:
    """Return the product of arrays of one shape; 1 where there is none."""
    found = parts[0].copy() if parts else np.ones(1)
    for part in parts[1:]:
        found *= part
    return found


class _LogSum(torch.autograd.Function):
    """log EHVI (rows,) of mean and std (rows, m): from products, or where these underflow from logarithms."""

    @staticmethod
    def forward(ctx: Any, mean: Tensor, std: Tensor, improvement: HypervolumeImprovement) -> Tensor:
        slopes = any(ctx.needs_input_grad)
        value, *by = improvement.from_products(mean.detach().numpy(), std.detach().numpy(), slopes=slopes)
        small = ~(value > LEAST)  # NaN too
        value[small] = 1.0
        found = torch.from_numpy(np.log(value))
        by_mean, by_std = (torch.from_numpy(part / value[:, None]) for part in by)
        if small.any():
            rows = torch.from_numpy(small)
            with torch.set_grad_enabled(slopes):
                inputs = [part.detach()[rows].requires_grad_(slopes) for part in (mean, std)]
                again = improvement.from_logarithms(*inputs)
                if slopes:
                    by_mean[rows], by_std[rows] = torch.autograd.grad(again.sum(), inputs)
            found[rows] = again.detach()
        ctx.by = by_mean, by_std
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        return grad[:, None] * ctx.by[0], grad[:, None] * ctx.by[1], None


@dataclass(frozen=True, eq=False)
class ChebyshevImprovement:
    """log E(S − s)₊ of mean and std (..., m), for one direction λ."""

    direction: np.ndarray  # (m,): λ > 0, of length 1
    reference: np.ndarray  # (m,)
    best: float  # s: the largest S so far, or −∞
    targets: Targets

    def __call__(self, mean: Tensor, std: Tensor) -> Tensor:
        """Return the logarithm of the expectation (...), differentiable."""
        floor = [r + d * self.best for r, d in zip(self.reference, self.direction, strict=True)]
        with torch.no_grad():
            reach = torch.stack([self._reach(j, mean[..., j], std[..., j], floor[j]) for j in range(len(floor))], -1)
            length = reach.amin(-1).clamp_min(1e-300)[..., None]
        x, weights = length * (PANEL[0] + 1) / 2, PANEL[1].log() + (length / 2).log()
        total = weights
        for j, target in enumerate(self.targets):
            level = floor[j] + self.direction[j] * x
            total = total + log_survival(mean[..., j, None], std[..., j, None], level, target)
        return torch.logsumexp(total, dim=-1)

    def _reach(self, j: int, mean: Tensor, std: Tensor, floor: float) -> Tensor:
        """Return x (...) at which P(U_j > floor + λ_j x) has fallen to nothing, against its value at 0."""
        if self.targets[j] is not None:
            return torch.full_like(mean, -floor / self.direction[j])
        u = (mean - floor) / std
        root = (u.clamp_max(0) ** 2 + NATS).sqrt()
        return std / self.direction[j] * torch.where(u < 0, NATS / (root - u), u + root)


def random_direction(m: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a direction (m,) uniform on the positive part of the unit sphere."""
    drawn = np.abs(rng.normal(size=m)) + 1e-12
    return drawn / np.linalg.norm(drawn)


def chebyshev(utilities: np.ndarray, direction: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return S (...) of utilities (..., m): the least of (u_j − r_j)/λ_j."""
    return ((utilities - reference) / direction).min(-1)


@dataclass(frozen=True, eq=False)
class Several:
    """An acquisition function of models of several properties: an improvement, times the probability of the limits."""

    aims: tuple[Model | protocols.Model, ...]
    improvement: Improvement | None  # of mean and std (..., m) of the aims; None: limits alone
    limited: tuple[Model | protocols.Model, ...] = ()
    limits: tuple[tuple[float, float], ...] = ()  # (low, high) of each, in the unit of its model
    logarithmic = True

    @property
    def differentiable(self) -> bool:
        """Whether values have a gradient: all models must have one."""
        return all(model.differentiable for model in (*self.aims, *self.limited))

    def __call__(self, points: Tensor) -> Tensor:
        """Return values (...) of coordinates (..., k)."""
        points, value = doubles(points), torch.zeros((), dtype=torch.float64)
        for model, (low, high) in zip(self.limited, self.limits, strict=True):
            value = value + log_within(*model.posterior(points), low, high)
        if self.improvement is None:
            return value
        found = zip(*(model.posterior(points) for model in self.aims), strict=True)
        mean, std = (torch.stack(parts, -1).reshape(-1, len(self.aims)).split(ROWS) for parts in found)
        gained = torch.cat([self.improvement(*rows) for rows in zip(mean, std, strict=True)])
        return value + gained.reshape(points.shape[:-1])

    def exceeding(self, points: Tensor, floor: float) -> Tensor:
        """Return all values (n,): no bounds are known; no gradient."""
        with torch.no_grad():
            return self(points)


def log_ehvi(
    models: Sequence[Model | protocols.Model | Callable],
    front: ArrayLike,
    reference: ArrayLike,
    *,
    targets: Targets | None = None,
) -> Several:
    """Return the logarithm of the expected hypervolume improvement of independent models.

    Args:
        models: One for each of m ≤ 3 objectives: coordinates (..., k) → mean and standard deviation, each (...).
        front: Utilities (n, m) of what is known, all the larger the better; dominated rows have no effect.
        reference: (m,); what does not exceed it in every objective is worth nothing.
        targets: For each objective the value to hit, then −|y − t| is its utility, or None.

    Raises:
        ValueError: More than three objectives, or numbers of models, columns and entries that differ.

    Example:
        >>> flat = lambda x: (x[..., 0], torch.ones_like(x[..., 0]))
        >>> acquire = log_ehvi([flat, flat], front=[[0.0, 0.0]], reference=[-1.0, -1.0])
        >>> round(acquire(torch.zeros(1, 1)).exp().item(), 3)  # h(1)² − (h(1) − h(0))²
        0.705
    """
    r, known = np.asarray(reference, dtype=float), np.asarray(front, dtype=float)
    wanted = tuple(targets) if targets is not None else (None,) * len(models)
    if r.shape != (len(models),) or known.shape[1:] not in ((len(models),), ()) or len(wanted) != len(models):
        raise ValueError(
            f"Expected a front (n, m), a reference (m,) and m targets for {len(models)} models; got shapes "
            f"{known.shape}, {r.shape} and {len(wanted)}. Give one column, or one entry, for each model."
        )
    improvement = HypervolumeImprovement(*non_dominated_boxes(known, r), wanted)
    return Several(tuple(as_model(model) for model in models), improvement)
