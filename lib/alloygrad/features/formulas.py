"""Formulas that turn the elemental properties of a composition into one number.

With atomic fractions c_i
(sum 1), properties p_i and p̄ = Σ c_i p_i, the eight formulas are

    mean            p̄                               max   p_M,  M = argmax p over the elements present
    mismatch        δ = sqrt(Σ c_i (1 − p_i/p̄)²)    min   p_m,  m = argmin p over the elements present
    weighted_max    c_M p_M / p̄                     range p_M − p_m
    weighted_min    c_m p_m / p̄
    weighted_range  c_M c_m (p_M − p_m)

An element is present if its fraction exceeds ``PRESENT``. The support (the set of elements present) only
decides which elements compete for M and m; sums run over all elements. So ``mean`` and ``mismatch`` are
continuous everywhere, and the other six jump where an element appears or vanishes.

Gradients are those of autograd, and exact for a fixed support. What is returned on the kinks:

- an absent element does not compete, but has its true derivative through p̄ (p_i for ``mean``);
- where δ = 0 (a pure element, or equal properties) δ has no derivative: 0 is returned, not NaN;
- where several elements share the extreme property, the first in element order is M (or m).

Source: Xian et al., Digital Discovery 2025, doi 10.1039/d5dd00080g, Table S1.
"""

from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor

PRESENT = 1e-5
"""An element counts as present above this atomic fraction."""

MISMATCH_ZERO = 1e-12
"""Mismatch below this is rounding and returned as exactly 0, with gradient 0."""

FORMULAS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {}
"""Each formula maps fractions (..., N) and properties (N,) to (...), or properties (N, P) to (..., P)."""


def formula(name: str):
    """Enter a function of fractions (..., N) and properties (N, P) in ``FORMULAS``; then (N,) works too."""

    def register(function):
        @wraps(function)
        def evaluate(fractions: Tensor, properties: Tensor) -> Tensor:
            if properties.ndim == 1:
                return function(fractions, properties[:, None])[..., 0]
            return function(fractions, properties)

        FORMULAS[name] = evaluate
        return evaluate

    return register


def _extreme(fractions: Tensor, properties: Tensor, sign: int) -> tuple[Tensor, Tensor]:
    """(c_M, p_M), both (..., P): M is the present element of largest sign·p, the first one on ties."""
    present = (fractions > PRESENT).unsqueeze(-1)
    slot = torch.where(present, sign * properties, -torch.inf).argmax(dim=-2)
    fraction = fractions.gather(-1, slot)
    # p_M does not depend on the fractions; the zero keeps it on the autograd graph, with gradient 0.
    return fraction, properties[slot, torch.arange(properties.shape[1])] + 0 * fraction


@formula("mean")
def mean(c: Tensor, p: Tensor) -> Tensor:
    """p̄ = Σ c_i p_i."""
    return c @ p


@formula("mismatch")
def mismatch(c: Tensor, p: Tensor) -> Tensor:
    """δ = sqrt(Σ c_i (1 − p_i/p̄)²); value and gradient 0 below ``MISMATCH_ZERO``."""
    square = (c.unsqueeze(-1) * (1 - p / (c @ p).unsqueeze(-2)) ** 2).sum(-2)
    mixed = square > MISMATCH_ZERO**2
    # The inner where keeps the infinite slope of sqrt(0) out of the backward pass.
    return torch.where(mixed, torch.where(mixed, square, 1.0).sqrt(), 0.0)


@formula("max")
def largest(c: Tensor, p: Tensor) -> Tensor:
    """p_M, the largest property among the elements present."""
    return _extreme(c, p, +1)[1]


@formula("min")
def smallest(c: Tensor, p: Tensor) -> Tensor:
    """p_m, the smallest property among the elements present."""
    return _extreme(c, p, -1)[1]


@formula("range")
def spread(c: Tensor, p: Tensor) -> Tensor:
    """p_M − p_m."""
    return largest(c, p) - smallest(c, p)


@formula("weighted_max")
def weighted_max(c: Tensor, p: Tensor) -> Tensor:
    """c_M p_M / p̄."""
    fraction, extreme = _extreme(c, p, +1)
    return fraction * extreme / (c @ p)


@formula("weighted_min")
def weighted_min(c: Tensor, p: Tensor) -> Tensor:
    """c_m p_m / p̄."""
    fraction, extreme = _extreme(c, p, -1)
    return fraction * extreme / (c @ p)


@formula("weighted_range")
def weighted_range(c: Tensor, p: Tensor) -> Tensor:
    """c_M c_m (p_M − p_m)."""
    (most, top), (least, bottom) = _extreme(c, p, +1), _extreme(c, p, -1)
    return most * least * (top - bottom)
