"""A composition and process variables together: which alloy, and how it is made."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from alloygrad.checks import explained
from alloygrad.spaces.box import Box
from alloygrad.spaces.composition import CompositionSpace
from alloygrad.spaces.restricted import Restricted


@explained("ag.Product(alloys, ag.Box({'anneal_K': (700, 1100)}))")
class Product:
    """Every pair of a composition and a point of a box.

    A point is a row (..., n_elements + n_parameters): the composition's whole steps, then the values of the parameters.
    Its coordinates are the fractions, then the values. Distances are in ranges of the parameters, and for alloys in
    units of the widest range of an element, so that the one and the other count alike.

    Args:
        composition: What may be melted: a CompositionSpace, or one with further limits.
        process: How it may be treated.

    Raises:
        ValueError: A parameter has the name of an element.

    Example:
        >>> alloys = CompositionSpace({"Ni": (40, 60), "Ti": (40, 60)}, step=1)
        >>> space = Product(alloys, Box({"anneal_K": (700, 1100)}))
        >>> space.names
        ('Ni', 'Ti', 'anneal_K')
    """

    maximiser = "multistart"

    def __init__(self, composition: CompositionSpace | Restricted, process: Box) -> None:
        if not (isinstance(composition, CompositionSpace | Restricted) and isinstance(process, Box)):
            raise TypeError(
                "Expected a CompositionSpace, then a Box; got "
                f"{type(composition).__name__}, then {type(process).__name__}. Write Product(composition, box)."
            )
        if shared := set(composition.names) & {*process.names, *process.parameters}:
            raise ValueError(
                f"Expected other names for parameters than for elements; both have {sorted(shared)}. "
                "Rename the parameters."
            )
        self.composition, self.process = composition, process
        self.names = self.keys = (*composition.names, *process.names)
        self.elements = composition.elements

    spacing = 0.1
    """Default distance of two suggestions: a tenth of the widest range of an element, or of a parameter's."""

    @property
    def size(self) -> float:
        """The number of points, infinite where a parameter is continuous."""
        return self.composition.size * self.process.size

    def describe(self) -> dict:
        """Return plain values for a digest."""
        return {"composition": self.composition.describe(), "process": self.process.describe()}

    def split(self, values: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return points or coordinates in two: the composition (..., n_elements), the process (..., n_parameters)."""
        alloy, made = np.split(np.asarray(values), [len(self.composition.names)], axis=-1)
        return alloy, made

    def contains(self, points: ArrayLike) -> np.ndarray:
        """Return whether points are a grid composition and a point of the box: bool (...)."""
        counts, values = self.split(points)
        whole = (counts == np.rint(counts)).all(-1)
        return whole & self.composition.contains(np.rint(counts).astype(np.int64)) & self.process.contains(values)

    def violations(self, coordinates: ArrayLike) -> list[str]:
        """List the limits that coordinates (k,) break, one text for each."""
        alloy, made = self.split(coordinates)
        return self.composition.violations(alloy) + self.process.violations(made)

    @explained("space.sample(3, np.random.default_rng(0))")
    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n points, composition and process uniform and independent."""
        return np.concatenate([self.composition.sample(n, rng), self.process.sample(n, rng)], axis=-1)

    def coordinates(self, points: ArrayLike) -> np.ndarray:
        """Return fractions and parameter values of points, side by side."""
        counts, values = self.split(points)
        fractions = self.composition.coordinates(np.rint(counts).astype(np.int64))
        return np.concatenate([fractions, self.process.coordinates(values)], axis=-1)

    def nearest(self, coordinates: ArrayLike) -> np.ndarray:
        """Return the points nearest to coordinates, composition and process each for itself."""
        fractions, values = self.split(coordinates)
        return np.concatenate([self.composition.nearest(fractions), self.process.nearest(values)], axis=-1)

    def table(self, points: ArrayLike) -> pd.DataFrame:
        """Return points as a table: the composition's columns, then the parameters'."""
        counts, values = self.split(points)
        parts = [self.composition.table(np.rint(counts).astype(np.int64)), self.process.table(values)]
        return pd.concat(parts, axis=1)

    def read(self, table: pd.DataFrame) -> np.ndarray:
        """Return coordinates of a table with the columns of both; errors as theirs."""
        return np.concatenate([self.composition.read(table), self.process.read(table)], axis=-1)

    def covers(self, points: ArrayLike, coordinates: ArrayLike) -> np.ndarray:
        """Return whether a measurement at coordinates takes its point, in composition and process."""
        (counts, values), (fractions, made) = self.split(points), self.split(coordinates)
        near = self.composition.covers(np.rint(counts).astype(np.int64), fractions)
        return near & self.process.covers(values, made)

    def distance(self, one: ArrayLike, other: ArrayLike) -> np.ndarray:
        """Return the larger of both distances (...) of coordinates (..., k), each in ranges (see the class)."""
        (alloy, made), (alloy_other, made_other) = self.split(one), self.split(other)
        widest = 10 * self.composition.spacing or 1.0  # of one alloy alone there is no range
        exchanged = self.composition.distance(alloy, alloy_other) / widest
        return np.maximum(exchanged, self.process.distance(made, made_other))
