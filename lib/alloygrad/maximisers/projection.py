"""The nearest composition within the limits: exact Euclidean projection of a batch of points, each with its own bounds.

    minimise ‖x − y‖²   over   l ≤ x ≤ u,   L_g ≤ Σ_{i∈g} x_i ≤ U_g,   Σ x_i = 1

Groups are disjoint or nested, so elements and groups form a tree. With one multiplier λ for the sum, an element takes
clip(y_i − λ, l_i, u_i) and a group clip(Σ of its children at λ, L_g, U_g): both fall piecewise linearly in λ. So does
their total; Newton's method on it, kept in a bracket, ends in a few steps on the exact λ. Where a group is at a limit,
its children have a multiplier of their own, found the same way for that limit as their total.

Source: the conditions of Karush, Kuhn and Tucker; for a box and one sum: P. Brucker, Oper. Res. Lett. 3 (1984) 163.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from alloygrad.spaces.composition import CompositionSpace

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

    def __init__(self, space: CompositionSpace) -> None:
        limits = space.polytope()
        parts = [_Part([i]) for i in range(len(space.elements))]
        for group in np.argsort(limits.masks.sum(1), kind="stable"):
            columns = np.flatnonzero(limits.masks[group]).tolist()
            inside = tuple(part for part in parts if set(part.columns) <= set(columns))
            parts = [part for part in parts if part not in inside]
            parts.append(_Part(columns, limits.group_lower[group], limits.group_upper[group], inside))
        self._parts = tuple(parts)

    def __call__(self, points: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
        """Return the nearest points (rows, n_elements) within limits of the same shape."""
        y, low, high = (np.ascontiguousarray(array.T) for array in (points, lower, upper))
        nearest = np.empty(y.shape)
        _place(self._parts, _given(self._parts, y, low, high), np.ones(len(points)), y, low, high, nearest)
        return np.ascontiguousarray(nearest.T)


class _Given(NamedTuple):
    """Parts: (m, rows) points and bounds of those that are elements; each group with what is given of its children."""

    points: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    groups: list[tuple[_Part, "_Given"]]

    def rows(self, kept: np.ndarray) -> "_Given":
        groups = [(part, inside.rows(kept)) for part, inside in self.groups]
        points, lower, upper = (np.compress(kept, array, axis=1) for array in (self.points, self.lower, self.upper))
        return _Given(points, lower, upper, groups)


def _given(parts: Sequence[_Part], points: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> _Given:
    """Of arrays (n_elements, rows), once for all multipliers that are tried."""
    leaves = [part.columns[0] for part in parts if not part.children]
    groups = [(part, _given(part.children, points, lower, upper)) for part in parts if part.children]
    return _Given(points[leaves], lower[leaves], upper[leaves], groups)


def _place(
    parts: Sequence[_Part],
    given: _Given,
    total: np.ndarray,
    points: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    nearest: np.ndarray,
) -> None:
    """Write the nearest amounts of these parts, which sum to `total` (rows,), into `nearest` (n_elements, rows)."""
    columns = [column for part in parts for column in part.columns]
    shift = _shift(given, total, points[columns], lower[columns], upper[columns])
    leaves = [part.columns[0] for part in parts if not part.children]
    nearest[leaves] = np.minimum(np.maximum(given.points - shift, given.lower), given.upper)
    for part, inside in given.groups:
        amount = np.clip(_sum(inside, shift)[0], part.lower, part.upper)
        _place(part.children, inside, amount, points, lower, upper, nearest)


def _sum(given: _Given, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the parts take together at multiplier `shift` (rows,), and minus its slope there."""
    amount = given.points - shift
    free = (amount > given.lower) & (amount < given.upper)
    total, slope = np.minimum(np.maximum(amount, given.lower), given.upper).sum(0), free.sum(0)
    for part, inside in given.groups:
        inner, inner_slope = _sum(inside, shift)
        total = total + np.clip(inner, part.lower, part.upper)
        slope = slope + np.where((inner > part.lower) & (inner < part.upper), inner_slope, 0)
    return total, slope


def _shift(given: _Given, total: np.ndarray, y: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The multiplier (rows,) at which the parts, of elements with points `y` (m, rows) and bounds, take `total`."""
    least, most = (y - upper).min(0), (y - lower).max(0)
    shift = np.clip((y.sum(0) - total) / len(y), least, most)
    live, found_shift = np.arange(len(shift)), shift.copy()
    for _ in range(100):
        found, slope = _sum(given, shift)
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
            given = given.rows(rest)
    return found_shift


def support(space: CompositionSpace, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds (rows, n_elements) each that keep the elements present in `counts` present, and the absent ones absent."""
    limits, present = space.polytope(), counts > 0
    return np.where(present, np.maximum(limits.lower, space.step), 0.0), np.where(present, limits.upper, 0.0)
