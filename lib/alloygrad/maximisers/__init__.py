"""Maximisers (the inner loop): find the grid composition with the largest acquisition value.

    suggestion = maximise(acquire, space, exclude=measured, rng=rng)

A maximiser sees a space and a callable `acquire`: fractions (..., n_elements) → (...), float64 torch tensors. The
callable must be differentiable where the maximiser asks for gradients. Every maximiser returns a feasible grid
composition that is not measured, and reports how far its starts moved.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from alloygrad.maximisers.ascent import ascent, is_enumerated
from alloygrad.maximisers.enumeration import enumeration
from alloygrad.maximisers.lattice import lattice
from alloygrad.maximisers.options import (
    FEW,
    AscentOptions,
    EnumerationOptions,
    LatticeOptions,
    Options,
    RandomOptions,
    SlsqpOptions,
    build,
)
from alloygrad.maximisers.random_search import random_search
from alloygrad.maximisers.slsqp import slsqp
from alloygrad.maximisers.suggestion import Suggestion
from alloygrad.spaces.composition import CompositionSpace


@dataclass(frozen=True)
class Method:
    """A maximiser and what one has to know before it runs.

    run: (acquire, space, *, exclude, rng, options) → Suggestion. options: its options class. gradients: (space,
    options) → whether it asks for gradients in that space when nothing is measured; with space None, whether it does in
    every space. draws: whether it needs a random generator.
    """

    run: Callable[..., Suggestion]
    options: type[Options]
    gradients: Callable[[CompositionSpace | None, Options], bool] = lambda space, options: False
    draws: bool = True


def _ascends(space: CompositionSpace | None, options: AscentOptions) -> bool:
    return space is not None and not is_enumerated(space, options)


def _chooses_pairs(space: CompositionSpace | None, options: LatticeOptions) -> bool:
    return _ascends(space, options) and len(space.elements) > FEW


METHODS = {
    "ascent": Method(ascent, AscentOptions, _ascends),
    "enumeration": Method(enumeration, EnumerationOptions, draws=False),
    "lattice": Method(lattice, LatticeOptions, _chooses_pairs),
    "slsqp": Method(slsqp, SlsqpOptions, lambda space, options: True),
    "random_search": Method(random_search, RandomOptions),
}
"""All maximisers by name."""


def maximise(
    acquire: Callable[[Tensor], Tensor],
    space: CompositionSpace,
    method: str = "ascent",
    *,
    exclude: np.ndarray | None = None,
    rng: np.random.Generator | None = None,
    options: Options | Mapping | None = None,
) -> Suggestion:
    """Suggest the next composition.

    Args:
        acquire: the acquisition function, fractions (..., n_elements) → (...).
        space: the grid to search.
        method: a name in `METHODS`.
        exclude: counts (m, n_elements) of measured compositions, never suggested again. Those outside the space have
            no effect.
        rng: the source of all random numbers; every method except enumeration needs it.
        options: an instance of the method's options class, a mapping of its fields, or None for the defaults.

    Returns:
        The composition, its acquisition value and a diagnosis of the search.

    Raises:
        ValueError: for an unknown method, a wrong option, a missing generator, or if every composition is measured.
        FloatingPointError: if an acquisition value is NaN.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; known are {sorted(METHODS)}.")
    chosen = METHODS[method]
    options = build(chosen.options, options)
    if chosen.draws and rng is None:
        raise ValueError(
            f"Expected a random generator for {method!r}; got rng=None. Pass rng=np.random.default_rng(seed)."
        )
    if exclude is None or np.shape(exclude) == (0,):  # [] as well
        exclude = np.empty((0, len(space.elements)), dtype=np.int64)
    exclude = np.atleast_2d(exclude)
    exclude = np.unique(exclude[space.contains(exclude)], axis=0)
    if len(exclude) >= space.size:
        raise ValueError(
            f"All {space.size} compositions of the space are measured; widen the space or refine its step."
        )
    started = time.perf_counter()
    suggestion = chosen.run(acquire, space, exclude=exclude, rng=rng, options=options)
    return replace(suggestion, method=method, seconds=time.perf_counter() - started)


__all__ = ["METHODS", "AscentOptions", "Method", "Suggestion", "maximise"]
