"""Three elements at a glance: axes cut to the compositions of a table, and maps on them.

Of three elements the first grows to the right, the second to the left, the last upwards; all in at.%. The axes show
what the table reaches, so bounds and group limits are the frame: a triangle, a parallelogram, up to a hexagon.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import mpltern  # noqa: F401  registers the projection "ternary"
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import TriMesh
from matplotlib.figure import Figure
from matplotlib.tri import TriContourSet

from alloygrad.plotting.style import PAGE, PALETTE

AXES = dict(projection="ternary", ternary_sum=100)

MARKS = {
    "measured": dict(s=14, marker="o", facecolor="w", edgecolor="0.1", lw=0.6, zorder=4),
    "pick": dict(s=80, marker="*", facecolor=PALETTE[3], edgecolor="w", lw=0.6, zorder=6),
    "optimum": dict(s=75, marker="o", facecolor="none", edgecolor="w", lw=1.3, zorder=5),
}
"""How compositions are marked on every map: what is measured, what is measured next, the true optimum."""

LIMITS = 1e-9  # at.%; a tick this far outside a limit lies on it


def window(axis: Axes, table: pd.DataFrame, elements: Sequence[str], *, ticks: float | None = 5) -> Axes:
    """Cut an axis made with `AXES` to the compositions in `table`; name its sides.

    ticks: at.% between two of them; None for a bare frame.
    """
    axis.set_title("", y=1)  # titles stay there: to place one, even an empty one, mpltern lays out all labels anew
    ranges = [(column.min(), column.max()) for column in at(table, elements)]
    axis.set_ternary_lim(*(limit for limits in ranges for limit in limits))
    for (low, high), side in zip(ranges, (axis.taxis, axis.laxis, axis.raxis), strict=True):
        first = np.ceil((low - LIMITS) / (ticks or 1)) * (ticks or 1)
        side.set_ticks([] if ticks is None else np.arange(first, high + LIMITS, ticks))
    axis.tick_params(labelsize=6, length=2, pad=2)
    if ticks is not None:
        corners = axis.patch.get_xy()  # of a hexagon, counterclockwise from the upper right; some coincide
        for name, side, offset in zip(
            elements, ((3, 4), (1, 2, 3), (4, 5, 0)), ((0, -24), (-24, 0), (26, 0)), strict=True
        ):
            place = dict(xycoords="axes fraction", textcoords="offset points", ha="center", va="center")
            axis.annotate(name, _middle(corners[list(side)]), offset, **place)
    return axis


def at(table: pd.DataFrame, elements: Sequence[str]) -> list[np.ndarray]:
    """The columns of `table` (at.%) as arguments of a ternary axis: top, left, right.

    Raises ValueError for another number of elements than three.
    """
    if len(elements) != 3:
        raise ValueError(f"A ternary map has three elements; got {list(elements)}.")
    right, left, top = elements
    return [table[element].to_numpy(float) for element in (top, left, right)]


def _middle(corners: np.ndarray) -> np.ndarray:
    """Half way along the line through corners (n, 2)."""
    way = np.append(0, np.hypot(*np.diff(corners, axis=0).T).cumsum())
    return np.array([np.interp(way[-1] / 2, way, column) for column in corners.T])


def shade(axis: Axes, table: pd.DataFrame, elements: Sequence[str], column: str, **style: Any) -> TriMesh:
    """Colour every composition of `table` by `column`, smoothly in between."""
    return axis.tripcolor(*at(table, elements), table[column].to_numpy(), shading="gouraud", rasterized=True, **style)


def contours(axis: Axes, table: pd.DataFrame, elements: Sequence[str], column: str, **style: Any) -> TriContourSet:
    """Draw lines of equal `column`."""
    style = dict(colors="w", linewidths=0.5, alpha=0.7, linestyles="-") | style
    return axis.tricontour(*at(table, elements), table[column].to_numpy(), **style)


def mark(axis: Axes, elements: Sequence[str], **marks: pd.DataFrame) -> None:
    """Mark compositions in the way of `MARKS`; keywords are its names."""
    for name, table in marks.items():
        axis.scatter(*at(table, elements), clip_on=False, label=name, **MARKS[name])


def ternary_maps(
    table: pd.DataFrame,
    elements: Sequence[str],
    shown: Mapping[str, Mapping],
    *,
    height: float = 2.75,
    **marks: pd.DataFrame,
) -> Figure:
    """A row of maps, one for each column in `shown`, with the same marks (see `mark`) on each.

    table: a composition a row, at.% under the names of `elements`. shown: column → title, label of the colour bar,
    and options of `shade`; "lines" adds contours at these levels.
    """
    figure, axes = plt.subplots(1, len(shown), figsize=(PAGE, height), subplot_kw=AXES, squeeze=False)
    figure.get_layout_engine().set(rect=(0, 0, 1, 0.98))  # the titles' height is underrated
    for axis, (column, options) in zip(axes[0], shown.items(), strict=True):
        options = dict(options)
        title, label, lines = (options.pop(key, None) for key in ("title", "label", "lines"))
        drawn = shade(window(axis, table, elements), table, elements, column, **options)
        if lines is not None:
            contours(axis, table, elements, column, levels=lines)
        mark(axis, elements, **marks)
        axis.set_title(title or column, pad=16)  # clear of the ticks' labels
        clipped = "min" if options.get("vmin", -np.inf) > table[column].min() else "neither"
        figure.colorbar(drawn, ax=axis, orientation="horizontal", shrink=0.55, aspect=22, label=label, extend=clipped)
    figure.draw_without_rendering()  # the titles have their places from the second layout on
    return figure
