"""What a model sees of a point: material features of its composition, or its coordinates as they are."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alloygrad.checks import require_known
from alloygrad.features.elements import available
from alloygrad.features.feature_map import FeatureMap, doubles, raw_fractions
from alloygrad.features.selection import genetic
from alloygrad.protocols import Space
from alloygrad.spaces.composition import composition_of, require_elements

SELECTION_ROWS = 100
"""Features are chosen on at most so many rows, drawn at random: the time grows with the cube of their number."""


class Coordinates:
    """The coordinates (..., k) as they are, as float64."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)

    def __call__(self, points: Tensor | ArrayLike) -> Tensor:
        """Return `points` (..., k) as a tensor."""
        return doubles(points)


class Joined:
    """Features of the composition in the first columns of coordinates, then all other coordinates as they are."""

    def __init__(self, features: FeatureMap, names: Sequence[str]) -> None:
        self.features, self.n_elements = features, len(features.elements)
        self.names = [*features.names, *names[self.n_elements :]]

    def __call__(self, points: Tensor | ArrayLike) -> Tensor:
        """Return the inputs (..., n_features + k − n_elements) of `points` (..., k)."""
        points = doubles(points)
        return torch.cat([self.features(points[..., : self.n_elements]), points[..., self.n_elements :]], dim=-1)


def with_fractions(features: FeatureMap, resolution: float = 0.0) -> FeatureMap:
    """Return the map to these features and then the fractions of all elements, whose resolution is given."""
    fractions = raw_fractions(features.elements).selected
    each = torch.tensor([0.0] * len(features.selected) + [resolution] * len(fractions), dtype=torch.float64)
    return FeatureMap(features.elements, (*features.selected, *fractions), features.table, each)


def given_inputs(space: Space, inputs: str | Callable | None) -> Callable | None:
    """Return the map that `inputs` is, or None where it says how to choose one; refuse what cannot work later.

    Raises:
        ValueError: An unknown name, features where there is no composition, or of what is no element.
    """
    if callable(inputs):
        return choose_inputs(space, inputs)
    if isinstance(inputs, list | tuple) or (isinstance(inputs, str) and ":" in inputs):
        listed = [inputs] if isinstance(inputs, str) else list(inputs)
        raise ValueError(
            f"Expected inputs as 'features', 'fractions' or a FeatureMap; got {inputs!r}. Make a map: "
            f"inputs=ag.FeatureMap(space.elements, {listed})."
        )
    if inputs is not None:
        require_known("inputs", inputs, ("features", "fractions", "both"))
    if inputs in ("features", "both") and not space.elements:
        raise ValueError(
            f"Expected a space with a composition for the inputs {inputs!r}; got a {type(space).__name__} without one. "
            "Take 'fractions' here."
        )
    if inputs != "fractions" and space.elements:
        available(space.elements)
    return None


def choose_inputs(
    space: Space,
    inputs: str | Callable | None,
    coordinates: np.ndarray | None = None,
    utilities: np.ndarray | None = None,
    *,
    rng: np.random.Generator | None = None,
    **selection: Any,
) -> Callable:
    """Return the map of coordinates (n, k) → (n, F) that a model of this space sees.

    Args:
        space: Where the coordinates come from; `space.elements` are its first columns.
        inputs: "features": material features, chosen by cross-validation on these rows; "fractions": coordinates as
            they are; "both": such features and the fractions; a map is taken as it is; None: features where there is a
            composition, else the coordinates.
        coordinates: (n, k).
        utilities: (n,), the larger the better.
        rng: Generator of the search for features.
        selection: Arguments of `features.selection.genetic`.

    Raises:
        ValueError: A FeatureMap of other elements than the space's, or features where there is no composition.
    """
    n_elements = len(space.elements)
    if isinstance(inputs, FeatureMap):
        require_elements(space, inputs, "a FeatureMap")
        return inputs if n_elements == len(space.names) else Joined(inputs, space.names)
    if callable(inputs):
        return inputs
    if not n_elements:
        return Coordinates(space.names)
    alloys = composition_of(space)
    resolution = alloys.step / 2 if alloys else 0.0
    if inputs == "fractions":
        chosen = raw_fractions(space.elements, resolution)
    else:
        if coordinates is None or utilities is None or rng is None:
            raise ValueError("Expected coordinates, utilities and a generator to choose features by; some are missing.")
        rows = rng.permutation(len(utilities))[:SELECTION_ROWS]
        compositions = coordinates[:, :n_elements]
        if np.ptp(utilities[rows]) == 0 or np.ptp(compositions[rows], axis=0).max() <= 1e-9:
            rows = np.arange(len(utilities))
        found = genetic(space.elements, compositions[rows], utilities[rows], rng=rng, **selection)
        chosen = FeatureMap(space.elements, found.features)
        if inputs == "both":
            chosen = with_fractions(chosen, resolution)
    return chosen if n_elements == len(space.names) else Joined(chosen, space.names)
