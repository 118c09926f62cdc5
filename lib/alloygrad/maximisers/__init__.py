"""Inner loops: find the grid composition with the largest acquisition value.

    suggestion = maximise(acquire, space, exclude=measured, rng=rng)

A maximiser sees a callable `acquire`: fractions (..., n_elements) → (...) (float64 torch tensors, differentiable where
it follows gradients), and a space; nothing else. All of them return grid compositions that are feasible and not among
the measured ones, and all of them say how far their starts moved.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from torch import Tensor

from alloygrad.maximisers.ascent import FEW, ascent, is_enumerated
from alloygrad.maximisers.enumeration import enumeration
from alloygrad.maximisers.lattice import lattice
from alloygrad.maximisers.random_search import random_search
from alloygrad.maximisers.slsqp import slsqp
from alloygrad.maximisers.suggestion import Suggestion
from alloygrad.spaces.composition import CompositionSpace

METHODS = {
    "ascent": ascent,
    "enumeration": enumeration,
    "lattice": lattice,
    "slsqp": slsqp,
    "random_search": random_search,
}


def maximise(
    acquire: Callable[[Tensor], Tensor],
    space: CompositionSpace,
    method: str = "ascent",
    *,
    exclude: np.ndarray | None = None,
    rng: np.random.Generator | None = None,
    **options,
) -> Suggestion:
    """Suggest the next composition.

    exclude: counts (m, n_elements) of measured compositions, never suggested again; of no effect outside the space.
    rng: drawn from by methods with random starts; required by them.
    options: of the method, see METHODS[method].
    Raises ValueError for an unknown method or where every composition of the space has been measured.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; known are {sorted(METHODS)}.")
    if exclude is None or np.shape(exclude) == (0,):  # [] as well
        exclude = np.empty((0, len(space.elements)), dtype=np.int64)
    exclude = np.atleast_2d(exclude)
    exclude = np.unique(exclude[space.contains(exclude)], axis=0)
    if len(exclude) >= space.size:
        raise ValueError(
            f"All {space.size} compositions of the space are measured; widen the space or refine its step."
        )
    started = time.perf_counter()
    suggestion = METHODS[method](acquire, space, exclude=exclude, rng=rng, **options)
    return replace(suggestion, method=method, seconds=time.perf_counter() - started)


def follows_gradients(method: str, space: CompositionSpace | None = None, *, screen: int | None = None) -> bool:
    """Whether `method` asks for gradients in `space`, of which nothing is measured; None: in whatever space.

    screen: the option of `ascent`.
    """
    if method == "slsqp":
        return True
    if method == "ascent":
        return space is not None and not is_enumerated(space, screen=screen)
    return method == "lattice" and space is not None and len(space.elements) > FEW and not is_enumerated(space)


__all__ = ["METHODS", "Suggestion", "follows_gradients", "maximise"]
