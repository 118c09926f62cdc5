"""Formulas that reduce an elemental property over a composition to one number.

With atomic fractions c_i (sum 1), properties p_i and p̄ = Σ c_i p_i, the eight formulas are

    mean            p̄                               max   p_M,  M = argmax p over the elements present
    mismatch        δ = sqrt(Σ c_i (1 − p_i/p̄)²)    min   p_m,  m = argmin p over the elements present
    weighted_max    c_M p_M / p̄                     range p_M − p_m
    weighted_min    c_m p_m / p̄
    weighted_range  c_M c_m (p_M − p_m)

An element is present if its fraction exceeds `PRESENT`. Only elements present compete for M and m; the sums run over
all elements. So `mean` and `mismatch` are continuous everywhere, and the other six jump where an element appears or
vanishes.

Autograd differentiates the formulas, exactly for a fixed set of elements present. On the kinks:

- an absent element does not compete, but keeps its derivative through p̄ (p_i for `mean`);
- where δ = 0 (a pure element, or equal properties), δ has no derivative, and 0 is returned instead of NaN;
- if several elements share the extreme property, M (or m) is the first in the order of elements.

Source: Xian et al., Digital Discovery 2025, doi 10.1039/d5dd00080g, Table S1.
"""

from collections.abc import Callable, Collection

import torch
from torch import Tensor

PRESENT = 1e-5
"""An element counts as present above this atomic fraction."""

MISMATCH_ZERO = 1e-12
"""A smaller mismatch is a rounding error: 0 is returned, with gradient 0."""

Formula = Callable[[Tensor, Tensor], Tensor]
"""Fractions (..., N) and properties (N, P) → (..., P)."""

FORMULAS: dict[str, Formula] = {}
"""The formulas by name."""


def formula(name: str) -> Callable[[Formula], Formula]:
    """Register the decorated function in `FORMULAS`."""

    def register(function: Formula) -> Formula:
        FORMULAS[name] = function
        return function

    return register


def require_formulas(names: Collection[str]) -> None:
    """Raise ValueError unless `names` is a list of names in `FORMULAS`."""
    listed = names if isinstance(names, Collection) and not isinstance(names, str) else ()
    if not listed or any(name not in FORMULAS for name in listed):
        raise ValueError(
            f"Expected formulas as a tuple of names among {list(FORMULAS)}; got {names!r}. "
            "For example: ('mean', 'mismatch')."
        )


def _extreme(fractions: Tensor, properties: Tensor, sign: int) -> tuple[Tensor, Tensor]:
    """Return (c_M, p_M), both (..., P), where M is the element present with the largest sign·p."""
    present = (fractions > PRESENT).unsqueeze(-1)
    slot = torch.where(present, sign * properties, -torch.inf).argmax(dim=-2)
    fraction = fractions.gather(-1, slot)
    # p_M does not depend on the fractions; the zero keeps it on the autograd graph, with gradient 0.
    return fraction, properties[slot, torch.arange(properties.shape[1])] + 0 * fraction


@formula("mean")
def mean(c: Tensor, p: Tensor) -> Tensor:
    """Return p̄ = Σ c_i p_i."""
    return c @ p


@formula("mismatch")
def mismatch(c: Tensor, p: Tensor) -> Tensor:
    """Return δ = sqrt(Σ c_i (1 − p_i/p̄)²)."""
    square = (c.unsqueeze(-1) * (1 - p / (c @ p).unsqueeze(-2)) ** 2).sum(-2)
    mixed = square > MISMATCH_ZERO**2
    # The inner where keeps the infinite slope of sqrt(0) out of the backward pass.
    return torch.where(mixed, torch.where(mixed, square, 1.0).sqrt(), 0.0)


@formula("max")
def largest(c: Tensor, p: Tensor) -> Tensor:
    """Return p_M, the largest property of the elements present."""
    return _extreme(c, p, +1)[1]


@formula("min")
def smallest(c: Tensor, p: Tensor) -> Tensor:
    """Return p_m, the smallest property of the elements present."""
    return _extreme(c, p, -1)[1]


@formula("range")
def spread(c: Tensor, p: Tensor) -> Tensor:
    """Return p_M − p_m."""
    return largest(c, p) - smallest(c, p)


@formula("weighted_max")
def weighted_max(c: Tensor, p: Tensor) -> Tensor:
    """Return c_M p_M / p̄."""
    fraction, extreme = _extreme(c, p, +1)
    return fraction * extreme / (c @ p)


@formula("weighted_min")
def weighted_min(c: Tensor, p: Tensor) -> Tensor:
    """Return c_m p_m / p̄."""
    fraction, extreme = _extreme(c, p, -1)
    return fraction * extreme / (c @ p)


@formula("weighted_range")
def weighted_range(c: Tensor, p: Tensor) -> Tensor:
    """Return c_M c_m (p_M − p_m)."""
    (most, top), (least, bottom) = _extreme(c, p, +1), _extreme(c, p, -1)
    return most * least * (top - bottom)
