"""Maximisers (the inner loop): find the point with the largest acquisition value.

    suggestion = maximise(acquire, space, exclude=measured, rng=rng)

A maximiser sees a space and a callable `acquire`: coordinates (..., k) → (...), float64 torch tensors. The callable
must be differentiable where the maximiser asks for gradients. Every maximiser returns a feasible point that is not
measured, and reports how far its starts moved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from torch import Tensor

from alloygrad.checks import explained, require_generator, require_known, require_protocol
from alloygrad.features.feature_map import FeatureMap
from alloygrad.maximisers.ascent import ascent, is_enumerated
from alloygrad.maximisers.cascade import cascade
from alloygrad.maximisers.enumeration import enumeration
from alloygrad.maximisers.exchanges import exchanges
from alloygrad.maximisers.lattice import lattice
from alloygrad.maximisers.multistart import multistart
from alloygrad.maximisers.options import (
    FEW,
    AscentOptions,
    CascadeOptions,
    EnumerationOptions,
    ExchangeOptions,
    LatticeOptions,
    MultistartOptions,
    Options,
    RandomOptions,
    SlsqpOptions,
    build,
)
from alloygrad.maximisers.random_search import random_search
from alloygrad.maximisers.slsqp import slsqp
from alloygrad.maximisers.suggestion import Plain, Suggestion
from alloygrad.protocols import Acquisition, Space
from alloygrad.spaces import Box, CompositionSpace, Pool, Product, Restricted
from alloygrad.spaces.composition import require_elements
from alloygrad.spaces.points import no_points, require_points, require_steps


@dataclass(frozen=True)
class Method:
    """A maximiser and what a campaign has to know before it runs."""

    run: Callable[..., Suggestion]  # (acquire, space, *, exclude, rng, options) → Suggestion
    options: type[Options]
    searches: Callable[[Space], bool]  # whether it can search a space
    gradients: Callable[..., bool] = lambda space, options: False  # whether it asks for them there
    draws: bool = True  # whether it needs a random generator

    def build(self, options: Options | Mapping | None) -> Options:
        """Return the options as an instance of its class. Raises ValueError for what they cannot be."""
        return build(self.options, options)


def _has_grid(space: Space) -> bool:
    return isinstance(space, CompositionSpace)


def _has_box(space: Space) -> bool:
    return isinstance(space, Box | Product)


def _is_listed(space: Space) -> bool:
    return isinstance(space, CompositionSpace | Pool)


def _ascends(space: CompositionSpace, options: AscentOptions | LatticeOptions) -> bool:
    return not is_enumerated(space, options)


def _chooses_pairs(space: CompositionSpace, options: LatticeOptions) -> bool:
    return _ascends(space, options) and len(space.elements) > FEW


METHODS = {
    "ascent": Method(ascent, AscentOptions, _has_grid, _ascends),
    "cascade": Method(cascade, CascadeOptions, _is_listed),
    "enumeration": Method(enumeration, EnumerationOptions, _is_listed, draws=False),
    "exchange": Method(exchanges, ExchangeOptions, lambda space: isinstance(space, Restricted)),
    "lattice": Method(lattice, LatticeOptions, _has_grid, _chooses_pairs),
    "multistart": Method(multistart, MultistartOptions, _has_box),
    "slsqp": Method(slsqp, SlsqpOptions, _has_grid, lambda space, options: True),
    "random_search": Method(random_search, RandomOptions, lambda space: True),
}
"""All maximisers by name."""


def names_for(space: Space) -> list[str]:
    """Return the names of all maximisers that can search a space."""
    return [name for name, method in METHODS.items() if method.searches(space)]


def method_for(space: Space, name: str) -> Method:
    """Return the maximiser of this name. Raises ValueError where there is none, or it cannot search the space."""
    require_known("maximiser", name, METHODS)
    if name not in (possible := names_for(space)):
        raise ValueError(
            f"Expected a maximiser that searches a {type(space).__name__}, one of {possible}; got {name!r}. "
            "Choose one of these, or leave it out."
        )
    return METHODS[name]


@explained("ag.maximise(ag.log_ei(model, best), space, rng=np.random.default_rng(0))")
def maximise(
    acquire: Callable[[Tensor], Tensor],
    space: Space,
    method: str | None = None,
    *,
    exclude: pd.DataFrame | ArrayLike | None = None,
    rng: np.random.Generator | None = None,
    options: Options | Mapping | None = None,
) -> Suggestion:
    """Find the point of a space with the largest acquisition value.

    Args:
        acquire: The acquisition function, coordinates (..., k) → (...).
        space: What is searched.
        method: A name in `METHODS`; the space's own search unless given.
        exclude: What is measured and never suggested again: points (m, d), or a DataFrame with the space's columns.
            What lies outside the space has no effect.
        rng: The source of all random numbers; every method except enumeration needs it.
        options: An instance of the method's options class, a mapping of its fields, or None for the defaults.

    Returns:
        The point, its acquisition value and a diagnosis of the search.

    Raises:
        ValueError: An unknown method, a wrong option, a missing generator, or every point is measured.
        FloatingPointError: An acquisition value is NaN.

    Example:
        >>> space = CompositionSpace({"Ni": (40, 60), "Ti": (40, 60)}, step=1)
        >>> found = maximise(lambda c: -(c[..., 0] - 0.5) ** 2, space, "enumeration")
        >>> found.coordinates.tolist()
        [0.5, 0.5]
    """
    require_protocol(space, Space, "ag.CompositionSpace")
    name = method or space.maximiser
    chosen = method_for(space, name)
    options = chosen.build(options)
    if chosen.draws and rng is None:
        raise ValueError(
            f"Expected a random generator for {name!r}; got rng=None. Pass rng=np.random.default_rng(seed)."
        )
    if rng is not None:
        require_generator(rng)
    exclude = _excluded(space, exclude)
    if len(exclude) >= space.size:
        mends = {"Pool": "Add candidates.", "Box": "Widen its limits."}
        raise ValueError(
            f"Expected points that are not measured yet; all {space.size:.0f} of the space are. "
            f"{mends.get(type(space).__name__, 'Widen the space, or refine its step.')}"
        )
    features = getattr(getattr(acquire, "surrogate", None), "features", None)
    if isinstance(features, FeatureMap):
        require_elements(space, features, "an acquisition function")
    acquire = acquire if isinstance(acquire, Acquisition) else Plain(acquire)
    started = time.perf_counter()
    suggestion = chosen.run(acquire, space, exclude=exclude, rng=rng, options=options)
    return replace(suggestion, method=name, seconds=time.perf_counter() - started)


def _excluded(space: Space, exclude: pd.DataFrame | ArrayLike | None) -> np.ndarray:
    """Return the distinct points (m, d) of the space among those to exclude. Raises ValueError for what is none."""
    if exclude is None or np.shape(exclude) == (0,):  # [] as well
        return no_points(space)
    if isinstance(exclude, pd.DataFrame):
        coordinates = space.read(exclude)
        points = space.nearest(coordinates)
        points = points[space.covers(points, coordinates)]
    else:
        points = require_points(space, exclude, "exclude")
    require_steps(space, points, "exclude")
    return np.unique(points[space.contains(points)], axis=0)


__all__ = ["METHODS", "AscentOptions", "Method", "Suggestion", "maximise", "method_for", "names_for"]
