"""The nearest composition within the limits: exact Euclidean projection of a batch of points, each with its own bounds.

    minimise ‖x − y‖²   over   l ≤ x ≤ u,   L_g ≤ Σ_{i∈g} x_i ≤ U_g,   Σ x_i = 1

Groups are disjoint or nested, so elements and groups form a tree. With one multiplier λ for the sum, an element takes
clip(y_i − λ, l_i, u_i) and a group clip(Σ of its children at λ, L_g, U_g): both fall piecewise linearly in λ. So does
their total; Newton's method on it, kept in a bracket, ends in a few steps on the exact λ. Where a group is at a limit,
its children have a multiplier of their own, found the same way for that limit as their total.

Source: the conditions of Karush, Kuhn and Tucker; for a box and one sum: P. Brucker, Oper. Res. Lett. 3 (1984) 163.
"""

from typing import NamedTuple

import numpy as np

from alloygrad.space import CompositionSpace

TOLERANCE = 1e-14
"""Of a sum of fractions."""


class _Part(NamedTuple):
    """An element (no children), or a group with limits on its sum."""

    columns: list[int]
    lower: float = 0.0
    upper: float = 1.0
    children: tuple["_Part", ...] = ()


class Projection:
    """Callable: points (rows, n_elements) and bounds (rows, n_elements) each → the nearest fractions in the limits.

    The bounds may be tighter than the space's, but must leave every group its limits and the whole a sum of 1; where
    they do not, what comes out keeps the bounds alone.
    """

    def __init__(self, space: CompositionSpace):
        limits = space.polytope()
        parts = [_Part([i]) for i in range(len(space.elements))]
        for group in np.argsort(limits.masks.sum(1), kind="stable"):
            columns = np.flatnonzero(limits.masks[group]).tolist()
            inside = tuple(part for part in parts if set(part.columns) <= set(columns))
            parts = [part for part in parts if part not in inside]
            parts.append(_Part(columns, limits.group_lower[group], limits.group_upper[group], inside))
        self._parts = tuple(parts)

    def __call__(self, points: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
        nearest = np.empty_like(points)
        _place(self._parts, np.ones(len(points)), points, lower, upper, nearest)
        return nearest


def _place(parts, total, points, lower, upper, nearest) -> None:
    """Write the nearest amounts of these parts, which sum to `total` (rows,), into `nearest`."""
    shift = _shift(parts, total, points, lower, upper)
    for part in parts:
        if part.children:
            amount = np.clip(_sum(part.children, shift, points, lower, upper)[0], part.lower, part.upper)
            _place(part.children, amount, points, lower, upper, nearest)
        else:
            i = part.columns[0]
            nearest[:, i] = np.minimum(np.maximum(points[:, i] - shift, lower[:, i]), upper[:, i])


def _sum(parts, shift, points, lower, upper) -> tuple[np.ndarray, np.ndarray]:
    """What the parts take together at multiplier `shift` (rows,), and minus its slope there."""
    leaves = [part.columns[0] for part in parts if not part.children]
    low, high = lower[:, leaves], upper[:, leaves]
    amount = points[:, leaves] - shift[:, None]
    free = (amount > low) & (amount < high)
    total, slope = np.minimum(np.maximum(amount, low), high).sum(1), free.sum(1)
    for part in (part for part in parts if part.children):
        inner, inner_slope = _sum(part.children, shift, points, lower, upper)
        total = total + np.clip(inner, part.lower, part.upper)
        slope = slope + np.where((inner > part.lower) & (inner < part.upper), inner_slope, 0)
    return total, slope


def _shift(parts, total, points, lower, upper) -> np.ndarray:
    """The multiplier (rows,) at which the parts take `total`."""
    columns = [column for part in parts for column in part.columns]
    y = points[:, columns]
    least, most = (y - upper[:, columns]).min(1), (y - lower[:, columns]).max(1)
    shift = np.clip((y.sum(1) - total) / len(columns), least, most)
    live, found_shift = np.arange(len(shift)), shift.copy()
    for _ in range(100):
        found, slope = _sum(parts, shift, points, lower, upper)
        excess = found - total
        done = (np.abs(excess) <= TOLERANCE) | (most - least <= TOLERANCE * np.maximum(1, np.abs(shift)))
        found_shift[live] = shift
        if done.all():
            break
        least, most = np.where(excess > 0, shift, least), np.where(excess > 0, most, shift)
        newton = shift + excess / np.maximum(slope, 1)
        inside = (slope > 0) & (newton > least) & (newton < most)
        shift = np.where(inside, newton, (least + most) / 2)
        if done.any():  # these need no more
            rest = ~done
            live, shift, least, most, total = live[rest], shift[rest], least[rest], most[rest], total[rest]
            points, lower, upper = points[rest], lower[rest], upper[rest]
    return found_shift


def support(space: CompositionSpace, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds (rows, n_elements) each that keep the elements present in `counts` present, and the absent ones absent."""
    limits, present = space.polytope(), counts > 0
    return np.where(present, np.maximum(limits.lower, space.step), 0.0), np.where(present, limits.upper, 0.0)
