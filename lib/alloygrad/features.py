"""From composition to material features: e(c) in a(g(e(c))).

A feature is one formula applied to one elemental property, written ``mean:VEC``. With atomic fractions c_i
(sum 1), properties p_i and p̄ = Σ c_i p_i, the eight formulas are

    mean            p̄                               max   p_M,  M = argmax p over the elements present
    mismatch        δ = sqrt(Σ c_i (1 − p_i/p̄)²)    min   p_m,  m = argmin p over the elements present
    weighted_max    c_M p_M / p̄                     range p_M − p_m
    weighted_min    c_m p_m / p̄
    weighted_range  c_M c_m (p_M − p_m)

To compare with them, a fraction itself can stand among the features: ``fraction:Ti``.

An element is present if its fraction exceeds ``PRESENT``. The support (the set of elements present) only
decides which elements compete for M and m; sums run over all elements. So ``mean`` and ``mismatch`` are
continuous everywhere, and the other six jump where an element appears or vanishes.

Gradients are those of autograd, and exact for a fixed support. What is returned on the kinks:

- an absent element does not compete, but has its true derivative through p̄ (p_i for ``mean``);
- where δ = 0 (a pure element, or equal properties) δ has no derivative: 0 is returned, not NaN;
- where several elements share the extreme property, the first in element order is M (or m).

Source: Xian et al., Digital Discovery 2025, doi 10.1039/d5dd00080g, Table S1.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import wraps

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from alloygrad import elements as elemental

PRESENT = 1e-5
"""An element counts as present above this atomic fraction."""

MISMATCH_ZERO = 1e-12
"""Mismatch below this is rounding and returned as exactly 0, with gradient 0."""

FRACTION = "fraction"
"""In a formula's place: the fraction of one element, and no material feature."""

Feature = tuple[str, str]
"""(formula, property symbol), for example ("mean", "VEC"); or ("fraction", element)."""

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


def parse_feature(feature: str | Feature) -> Feature:
    """("mean", "VEC") from "mean:VEC" (a pair passes through). Raises ValueError for an unknown formula."""
    name, _, symbol = feature.partition(":") if isinstance(feature, str) else (feature[0], ":", feature[1])
    if name not in (*FORMULAS, FRACTION) or not symbol:
        raise ValueError(
            f"feature {feature!r}: expected 'formula:property' with a formula among {', '.join(FORMULAS)}, "
            f"for example 'mean:VEC', or '{FRACTION}:element'"
        )
    return name, symbol


def all_features(formulas: Iterable[str] = tuple(FORMULAS), symbols: Iterable[str] | None = None) -> list[Feature]:
    """Every candidate: 30 for ``["mean"]``, 240 for all eight formulas (symbols: those of ``elements``)."""
    if symbols is None:
        symbols = [p.symbol for p in elemental.PROPERTIES]
    symbols = list(symbols)
    return [parse_feature((name, symbol)) for name in formulas for symbol in symbols]


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Callable e: compositions (..., n_elements) → features (..., n_selected), float64.

    ``selected`` holds pairs or texts ("mean:VEC"); the columns come out in that order. ``table`` (DataFrame,
    elements × property symbols) replaces the project's own elemental properties. NumPy or torch goes in,
    torch comes out. Raises ValueError for a missing value or for the fraction of an element that is not among
    ``elements``, KeyError for an unknown element or property.
    """

    elements: tuple[str, ...]
    selected: tuple[Feature, ...]
    table: pd.DataFrame | None = field(default=None, repr=False)
    groups: tuple = field(init=False, repr=False)  # (formula, properties (N, P)): each formula is evaluated once
    order: tuple[int, ...] = field(init=False, repr=False)  # brings the grouped columns into selected's order

    def __post_init__(self):
        if isinstance(self.selected, str):
            raise ValueError(f"selected is the text {self.selected!r}: expected a list, for example ['mean:VEC']")
        selected = tuple(parse_feature(f) for f in self.selected)
        if not selected:
            raise ValueError("no feature selected: expected at least one, for example ['mean:VEC']")
        names = list(dict.fromkeys(name for name, _ in selected))
        grouped = [i for name in names for i, f in enumerate(selected) if f[0] == name]
        object.__setattr__(self, "elements", tuple(self.elements))
        object.__setattr__(self, "selected", selected)
        object.__setattr__(self, "order", tuple(np.argsort(grouped).tolist()))
        properties = [self._properties(name, [s for n, s in selected if n == name]) for name in names]
        names = ["mean" if name == FRACTION else name for name in names]
        object.__setattr__(self, "groups", tuple(zip(names, properties, strict=True)))

    def _properties(self, name: str, symbols: list[str]) -> Tensor:
        """(N, P) values of these properties, none missing; a fraction is the mean of 1 for its element, else 0."""
        if name == FRACTION:
            if unknown := set(symbols) - set(self.elements):
                raise ValueError(f"no fraction of {sorted(unknown)}: the elements are {list(self.elements)}")
            return torch.tensor(np.array([[e == s for s in symbols] for e in self.elements], dtype=float))
        return torch.tensor(elemental.matrix(self.elements, symbols, self.table), dtype=torch.float64)

    @property
    def names(self) -> list[str]:
        """Text form of the selected features, for tables and records: ["mean:VEC", …]."""
        return [":".join(f) for f in self.selected]

    def __call__(self, compositions: Tensor | np.ndarray) -> Tensor:
        """Features (..., n_selected) of compositions (..., n_elements) in atomic fractions."""
        fractions = doubles(compositions)
        if fractions.shape[-1:] != (len(self.elements),):
            raise ValueError(
                f"compositions of shape {tuple(fractions.shape)}: expected (..., {len(self.elements)}), "
                f"the fractions of {' '.join(self.elements)}"
            )
        columns = [FORMULAS[name](fractions, properties) for name, properties in self.groups]
        if len(columns) == 1:
            return columns[0]
        return torch.cat(columns, dim=-1)[..., self.order]

    def to_botorch(self):
        """This map as a BoTorch ``InputTransform``, for ``SingleTaskGP(…, input_transform=…)``."""
        return as_input_transform(self)


def doubles(values: Tensor | np.ndarray) -> Tensor:
    """A float64 tensor, in its graph; of an array a copy, since torch warns of read-only ones, which pandas gives."""
    return values.double() if isinstance(values, Tensor) else torch.from_numpy(np.array(values, dtype=float))


def raw_fractions(elements: Iterable[str]) -> FeatureMap:
    """The map of compositions to themselves, for comparison with material features."""
    return FeatureMap(tuple(elements), tuple((FRACTION, element) for element in elements))


def as_input_transform(function: Callable[[Tensor], Tensor]):
    """Any compositions → features function as a BoTorch ``InputTransform``, for training and prediction."""
    from botorch.models.transforms.input import InputTransform  # late: studies need torch only

    class Transform(InputTransform):
        transform_on_train = transform_on_eval = transform_on_fantasize = True
        is_one_to_many = False

        def transform(self, X: Tensor) -> Tensor:
            return function(X)

    return Transform()
