"""From composition to material features: e(c) in a(g(e(c))).

A feature is one formula (see `formulas`) applied to one elemental property, written ``mean:VEC``. To compare with
them, a fraction itself can stand among the features: ``fraction:Ti``.

Source: Xian et al., Digital Discovery 2025, doi 10.1039/d5dd00080g, Table S1.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from alloygrad.features import elements as elemental
from alloygrad.features.formulas import FORMULAS

FRACTION = "fraction"
"""In a formula's place: the fraction of one element, and no material feature."""

Feature = tuple[str, str]
"""(formula, property symbol), for example ("mean", "VEC"); or ("fraction", element)."""


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


def doubles(values: Tensor | np.ndarray) -> Tensor:
    """A float64 tensor, in its graph; of an array a copy, since torch warns of read-only ones, which pandas gives."""
    return values.double() if isinstance(values, Tensor) else torch.from_numpy(np.array(values, dtype=float))


def raw_fractions(elements: Iterable[str]) -> FeatureMap:
    """The map of compositions to themselves, for comparison with material features."""
    return FeatureMap(tuple(elements), tuple((FRACTION, element) for element in elements))
