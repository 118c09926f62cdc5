"""From composition to material features: e(c) in a(g(e(c))).

A feature is one formula (see `alloygrad.features.formulas`) applied to one elemental property, for example `mean:VEC`.
For comparison, the fraction of an element can be a feature too: `fraction:Ti`.

Source: Xian et al., Digital Discovery 2025, doi 10.1039/d5dd00080g, Table S1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alloygrad.checks import distinct_names, explained, finite_cells, nearest, numbers, require_fractions, require_frame
from alloygrad.features import elements as elemental
from alloygrad.features.formulas import FORMULAS

FRACTION = "fraction"
"""Takes the place of a formula where the feature is the fraction of one element."""

Feature = tuple[str, str]
"""(formula, property symbol), for example ("mean", "VEC"), or ("fraction", element)."""


def parse_feature(feature: str | Feature) -> Feature:
    """Convert "mean:VEC" to ("mean", "VEC"); a pair is returned as it is. Raises ValueError for an unknown formula."""
    pair = feature.partition(":")[::2] if isinstance(feature, str) else feature
    name, symbol = pair if isinstance(pair, tuple | list) and len(pair) == 2 else (None, None)
    if name not in (*FORMULAS, FRACTION) or not symbol:
        raise ValueError(
            f"Expected a feature 'formula:property' or '{FRACTION}:element'; got {feature!r}. Write for example "
            f"'mean:VEC'; the formulas are {', '.join(FORMULAS)}.{nearest(name, [*FORMULAS, FRACTION])}"
        )
    return name, symbol


def all_features(
    formulas: Iterable[str] = tuple(FORMULAS), symbols: Sequence[str] = elemental.SYMBOLS
) -> list[Feature]:
    """List the features of all formulas and properties: 30 for each formula by default."""
    return [parse_feature((name, symbol)) for name in formulas for symbol in symbols]


@explained("ag.FeatureMap(space.elements, ['mean:VEC'])")
@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Map compositions (..., n_elements) to features (..., n_selected), a float64 tensor in autograd's graph.

    Args:
        elements: the elements of the compositions, in order.
        selected: features as pairs or as texts ("mean:VEC"); the columns have this order.
        table: elements × property symbols; None for the table of `alloygrad.features.elements`.
        resolution: a feature that varies by less is constant to a model, one number for all or one for each feature;
            for fractions, half a step of their grid.

    Raises:
        ValueError: for an unknown element, property or formula, a missing value, or the fraction of an element not in
            `elements`.

    Example:
        >>> features = FeatureMap(("Ni", "Ti"), ["mean:VEC", "fraction:Ti"])
        >>> features(np.array([[0.5, 0.5]])).tolist()
        [[7.0, 0.5]]
    """

    elements: tuple[str, ...]
    selected: tuple[Feature, ...]
    table: pd.DataFrame | None = field(default=None, repr=False)
    resolution: float | Tensor = field(default=0.0, repr=False)
    groups: tuple = field(init=False, repr=False)  # (formula, properties (N, P)): each formula is evaluated once
    order: tuple[int, ...] = field(init=False, repr=False)  # brings the grouped columns into selected's order

    def __post_init__(self) -> None:
        if isinstance(self.selected, str) or not np.iterable(self.selected):
            kind = "the text " if isinstance(self.selected, str) else ""
            raise ValueError(f"Expected a list of features; got {kind}{self.selected!r}. Write ['mean:VEC'].")
        object.__setattr__(self, "elements", distinct_names(self.elements, "element symbols"))
        selected = tuple(parse_feature(f) for f in self.selected)
        if not selected:
            raise ValueError("Expected at least one feature; got none. Write for example ['mean:VEC'].")
        for twice in [":".join(f) for f in dict.fromkeys(selected) if selected.count(f) > 1][:1]:
            raise ValueError(f"Expected different features; {twice!r} occurs twice. Take one out.")
        names = list(dict.fromkeys(name for name, _ in selected))
        grouped = [i for name in names for i, f in enumerate(selected) if f[0] == name]
        object.__setattr__(self, "selected", selected)
        object.__setattr__(self, "order", tuple(np.argsort(grouped).tolist()))
        properties = [self._properties(name, [s for n, s in selected if n == name]) for name in names]
        names = ["mean" if name == FRACTION else name for name in names]
        object.__setattr__(self, "groups", tuple(zip(names, properties, strict=True)))

    def _properties(self, name: str, symbols: list[str]) -> Tensor:
        """Return the properties (N, P). A fraction is the mean of a property that is 1 for its element, else 0."""
        if name == FRACTION:
            if unknown := set(symbols) - set(self.elements):
                raise ValueError(
                    f"Expected fractions of the elements {', '.join(self.elements)}; got 'fraction:{min(unknown)}'. "
                    "Take it out, or add the element."
                )
            return torch.tensor(np.array([[e == s for s in symbols] for e in self.elements], dtype=float))
        return torch.tensor(elemental.matrix(self.elements, symbols, self.table), dtype=torch.float64)

    @property
    def names(self) -> list[str]:
        """The selected features as texts: ["mean:VEC", …]."""
        return [":".join(f) for f in self.selected]

    def __call__(self, compositions: Tensor | ArrayLike) -> Tensor:
        """Return features (..., n_selected) of compositions (..., n_elements) in atomic fractions.

        Raises:
            ValueError: A wrong shape; or, but for a tensor, which is taken as it is, rows that are not fractions.
        """
        fractions = given(self, compositions)
        if fractions.shape[-1:] != (len(self.elements),):
            raise ValueError(
                f"Expected compositions of shape (..., {len(self.elements)}); got {tuple(fractions.shape)}. "
                f"Give the fractions of {' '.join(self.elements)}."
            )
        columns = [FORMULAS[name](fractions, properties) for name, properties in self.groups]
        if len(columns) == 1:
            return columns[0]
        return torch.cat(columns, dim=-1)[..., self.order]


def doubles(values: Tensor | ArrayLike, name: str = "coordinates") -> Tensor:
    """Convert to a float64 tensor. An array is copied, since torch warns of read-only arrays (as from pandas).

    Raises ValueError, with `name` in the message, for what is no number.
    """
    return values.double() if isinstance(values, Tensor) else torch.from_numpy(np.array(numbers(values, name)))


def given(features: object, points: Tensor | ArrayLike | pd.DataFrame, name: str = "coordinates") -> Tensor:
    """Convert points (..., k) to float64; those that a FeatureMap reads are checked, unless they are a tensor.

    Of a DataFrame, a FeatureMap takes the columns of its elements, by name. Raises ValueError for what is no number or
    no atomic fraction. A search passes tensors, and is not slowed down.
    """
    if isinstance(points, Tensor) or not isinstance(features, FeatureMap):
        return doubles(points, name)
    elements = features.elements
    if isinstance(points, pd.DataFrame):
        require_frame(points, elements)
        if missing := [element for element in elements if element not in points]:
            raise ValueError(
                f"Expected columns of atomic fractions for {' '.join(elements)}; the table lacks {missing} among "
                f"{list(points.columns)}. Rename its columns, or pass `space.read(table)` of a table in at.%."
            )
        points = finite_cells(points, elements)
    values = doubles(points, name)
    if values.shape[-1:] == (len(elements),):
        require_fractions(values.reshape(-1, len(elements)).numpy())
    return values


def raw_fractions(elements: Iterable[str], resolution: float = 0.0) -> FeatureMap:
    """Return the map of compositions to themselves; a fraction that varies by less than `resolution` is constant."""
    elements = distinct_names(elements, "element symbols")
    return FeatureMap(elements, tuple((FRACTION, element) for element in elements), resolution=resolution)
