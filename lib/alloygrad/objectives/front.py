"""Fronts: which alloys no other one beats in every objective, and how much of objective space they dominate.

With utilities y ∈ ℝᵐ, all the larger the better, one point dominates another that it equals or exceeds in every
objective and exceeds in one. The hypervolume of a set Y above a reference point r is

    HV(Y) = volume of ∪_{y ∈ Y} [r, y],

the part of objective space above r that Y dominates. Two objectives are sorted once. With more, the last objective is
swept from above: between two of its values the slice is the hypervolume of one objective fewer.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from alloygrad.checks import explained, numbers, require_kind
from alloygrad.objectives.aims import Limit
from alloygrad.protocols import Objective, Space

BLOCK = 4096
"""Points compared with a front at once."""


@explained("non_dominated(utilities)")
def non_dominated(utilities: ArrayLike) -> np.ndarray:
    """Return whether each row of utilities (n, m) is dominated by no other: bool (n,). Equal rows are all kept.

    Raises:
        ValueError: Another shape, or NaN.

    Example:
        >>> non_dominated([[1.0, 3.0], [2.0, 2.0], [1.0, 2.0]]).tolist()
        [True, True, False]
    """
    y = _utilities(utilities)
    order = np.lexsort(-y.T[::-1])  # best first: a row is dominated by rows before it only
    kept = np.empty((0, y.shape[1]))
    found = np.zeros(len(y), dtype=bool)
    for rows in np.split(order, range(BLOCK, len(order), BLOCK)):
        rows = rows[~_dominated(y[rows], kept)]
        while len(rows):  # the first of what is left is dominated by none
            found[rows[0]], kept = True, np.concatenate([kept, y[rows[:1]]])
            rows = rows[1:][~_dominated(y[rows[1:]], y[rows[:1]])]
    return found


def _dominated(y: np.ndarray, front: np.ndarray) -> np.ndarray:
    """Return whether rows of y (n, m) are dominated by a row of a front (k, m): bool (n,)."""
    found = np.zeros(len(y), dtype=bool)
    for one in front:
        found |= (one >= y).all(1) & (one > y).any(1)
    return found


@explained("hypervolume(utilities, reference)")
def hypervolume(utilities: ArrayLike, reference: ArrayLike) -> float:
    """Return the volume above the reference point that utilities (n, m) dominate.

    Args:
        utilities: (n, m), all the larger the better; rows that do not exceed the reference everywhere add nothing.
        reference: (m,).

    Raises:
        ValueError: Shapes that do not match, or NaN.

    Example:
        >>> hypervolume([[1.0, 3.0], [2.0, 2.0]], reference=[0.0, 0.0])
        5.0
    """
    r = numbers(reference, "reference")
    y = _utilities(utilities, r)
    y = y[(y > r).all(1)] - r
    return float(_volume(y[non_dominated(y)])) if len(y) else 0.0


def _volume(y: np.ndarray) -> float:
    """Return the volume above 0 of rows y (n, m) > 0."""
    if not len(y):
        return 0.0
    y = y[np.argsort(-y[:, -1], kind="stable")]
    if y.shape[1] == 1:
        return y[0, 0]
    heights = y[:, -1] - np.append(y[1:, -1], 0.0)
    if y.shape[1] == 2:
        return heights @ np.maximum.accumulate(y[:, 0])
    slices = (y[: i + 1, :-1] for i in range(len(y)))
    if y.shape[1] > 3:  # a slice of two objectives is faster with its dominated rows
        slices = (part[non_dominated(part)] for part in slices)
    return sum(height * _volume(part) for height, part in zip(heights, slices, strict=True))


def true_front(
    environment: Callable[[np.ndarray], Mapping[str, Any]],
    space: Space,
    objectives: Iterable[Objective],
    *,
    chunk: int = 2**15,
) -> pd.DataFrame:
    """Measure every point of a finite space and return the front, exact.

    Args:
        environment: Coordinates (n, k) → {outcome: (n,)}.
        space: Of finite size, with `enumerate`: a CompositionSpace or a Pool.
        objectives: Maximise, Minimise or Target are aims; points that break a Limit are left out.
        chunk: Points measured at once.

    Returns:
        The entries of each point and the values of all objectives, by name, in the order of enumeration.

    Raises:
        ValueError: A space that cannot be enumerated, or no aim.

    Example:
        >>> from alloygrad import CompositionSpace, Maximise, Minimise
        >>> space = CompositionSpace({"Ni": (40, 60), "Ti": (40, 60)}, step=5)
        >>> measure = lambda c: {"a": c[:, 0], "b": (c[:, 0] - 0.5) ** 2}
        >>> true_front(measure, space, [Maximise("a"), Minimise("b")])["Ni"].tolist()
        [10, 11, 12]
    """
    wanted = list(objectives)
    aims = [one for one in wanted if not isinstance(one, Limit)]
    if not aims:
        raise ValueError("Expected at least one aim among the objectives; got limits alone. Add ag.Maximise('name').")
    if not hasattr(space, "enumerate"):
        raise ValueError(
            f"Expected a space that can be enumerated; got a {type(space).__name__}. Take a CompositionSpace or a Pool."
        )
    points, values = np.empty((0, len(space.keys)), dtype=np.int64), np.empty((0, len(wanted)))
    for part in space.enumerate(chunk):
        outcomes = environment(space.coordinates(part))
        require_kind("what the environment returns", outcomes, Mapping, "Return {outcome: values}.")
        found = np.column_stack([np.broadcast_to(one.value(outcomes), len(part)) for one in wanted])
        allowed = np.ones(len(part), dtype=bool)
        for one, column in zip(wanted, found.T, strict=True):
            allowed &= one.kept(column) if isinstance(one, Limit) else True
        points, values = np.concatenate([points, part[allowed]]), np.concatenate([values, found[allowed]])
        utilities = np.column_stack(
            [one.utility(column) for one, column in zip(wanted, values.T, strict=True) if one in aims]
        )
        best = non_dominated(utilities)
        points, values = points[best], values[best]
    table = pd.DataFrame(points, columns=list(space.keys))
    return table.assign(**{one.name: column for one, column in zip(wanted, values.T, strict=True)})


def _utilities(utilities: ArrayLike, reference: np.ndarray | None = None) -> np.ndarray:
    """Return utilities (n, m) as float64, of as many objectives as a reference point has."""
    y = numbers(utilities, "utilities")
    m = y.shape[-1] if reference is None else np.size(reference)
    if y.ndim != 2 or y.shape[1] != m or (reference is not None and reference.ndim != 1):
        against = "" if reference is None else f" and {reference.shape}"
        raise ValueError(
            f"Expected utilities (n, m), one row for each point, and a reference point (m,); got shapes {y.shape}"
            f"{against}. Pass a list of rows, all with as many objectives as the reference."
        )
    if np.isnan(y).any() or (reference is not None and np.isnan(reference).any()):
        raise ValueError("Expected numbers; got NaN among the utilities or in the reference. Leave such rows out.")
    return y
