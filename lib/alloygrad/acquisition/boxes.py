"""The part of objective space that a front does not dominate, cut into boxes without overlap.

Three objectives are swept from the top of the last one. Where no point lies above yet, one strip covers all: first
objective from r₁ to ∞, second above r₂. Each point raises the floor of the strips to its left that are below it: these
end there, each as a box, and one strip takes their place, with what remains of the last one to its right:

        second │    ┊           second │    ┊
               │────┐┄┄┄┄ new          │────┐────┐ new
               │    │                  │    │    ├────
               └────┴────┴──           └────┴────┴──── first

n points make at most 2n + 1 boxes. With two objectives, the strips themselves are the boxes.

Source: Yang, Emmerich, Deutz and Bäck, J. Global Optimization 75 (2019) 3, who cut the same region.
"""

from math import inf
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from alloygrad.objectives.front import non_dominated

MOST = 3
"""Objectives for which boxes are cut."""


class _Strip(NamedTuple):
    left: float
    right: float
    floor: float
    top: float  # of the third objective


def non_dominated_boxes(front: ArrayLike, reference: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return (lower, upper), each (K, m), of disjoint boxes that cover what is above `reference` and not dominated.

    Args:
        front: Utilities (n, m), all the larger the better, n ≥ 0 and m from 1 to 3; dominated rows have no effect.
        reference: (m,).

    Returns:
        Corners; those of upper may be ∞.

    Raises:
        ValueError: More than three objectives.
    """
    r = np.asarray(reference, dtype=float)
    y = np.asarray(front, dtype=float).reshape(-1, len(r))
    y = y[(y > r).all(1)]
    if len(r) > MOST:
        raise ValueError(f"Expected at most {MOST} objectives; got {len(r)}. Use random scalarisations for more.")
    if len(r) == 1:
        return np.append(y[:, 0], r[0]).max()[None, None], np.array([[inf]])
    if len(r) == 2:
        strips, _ = _swept(np.column_stack([y, np.zeros(len(y))]), r)
        return np.array([(s.left, s.floor) for s in strips]), np.array([(s.right, inf) for s in strips])
    strips, boxes = _swept(y, r)
    boxes += [_box(strip, r[2]) for strip in strips]
    return np.array([low for low, _ in boxes]), np.array([high for _, high in boxes])


def _swept(y: np.ndarray, r: np.ndarray) -> tuple[list[_Strip], list[tuple]]:
    """Return the strips left below all points (n, 3), and the boxes (lower, upper) of those that ended above."""
    strips, boxes = [_Strip(r[0], inf, r[1], inf)], []
    y = np.unique(y[non_dominated(y)], axis=0)
    for first, second, third in y[np.argsort(-y[:, 2], kind="stable")].tolist():
        ended = [strip for strip in strips if strip.left < first and strip.floor < second]
        if not ended:  # a point as high, further to the right, covers this one
            continue
        raised = [_Strip(ended[0].left, first, second, third)]
        if ended[-1].right > first:
            raised.append(ended[-1]._replace(left=first, top=third))
        place = strips.index(ended[0])
        strips[place : place + len(ended)] = raised
        boxes += [_box(strip, third) for strip in ended if strip.top > third]
    return strips, boxes


def _box(strip: _Strip, bottom: float) -> tuple[tuple, tuple]:
    return (strip.left, strip.floor, bottom), (strip.right, inf, strip.top)
