"""The inner loop: where its starts go on one state, what it reaches on many, at what cost."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.figures.style import COLOURS, COLUMN, LABELS, PAGE

FEW_STATES = 8
"""Fewer are drawn as open points."""

FAMILIES = {
    "o": ("ascent",),
    "s": ("enumeration", "exhaustive"),
    "^": ("published", "published_log_ei", "slsqp"),
    "D": ("botorch_joint", "botorch_batched", "box"),
    "v": ("cmaes", "random_search"),
}
"""Marks of the maximisers: ours, the whole grid, SciPy's SLSQP, BoTorch's optimiser, no gradient."""

RESOLVED = 250
"""Starts: more cannot be counted with 256 ascents in a state to better than a factor of two."""


def inner_loop_map(grid: pd.DataFrame, starts: pd.DataFrame, picks: pd.DataFrame, x: str, y: str) -> Figure:
    """log EI over two elements (largest over the others), the published loop's starts and ends, and every pick.

    grid: columns x, y, log_ei. starts: x, y, and their ends "x_end", "y_end". picks: method, x, y. All in at.%.
    """
    figure, axis = plt.subplots(figsize=(COLUMN, 3.0))
    table = grid.pivot(index=y, columns=x, values="log_ei")
    span = dict(vmin=table.max(axis=None) - 100, vmax=table.max(axis=None))
    drawn = axis.pcolormesh(table.columns, table.index, table, **span, shading="nearest", rasterized=True, cmap="Greys")
    for _, row in starts.iterrows():
        axis.plot([row[x], row[f"{x}_end"]], [row[y], row[f"{y}_end"]], color=COLOURS["published"], lw=0.7)
    axis.scatter(starts[x], starts[y], s=6, color=COLOURS["published"], lw=0, label="starts", clip_on=False)
    for method, marker, size in (("published", "X", 70), ("enumeration", "o", 60), ("ascent", "*", 30)):
        pick = picks[picks["method"] == method].iloc[0]
        style = dict(s=size, marker=marker, color=COLOURS[method], edgecolor="k", lw=0.6, zorder=3, clip_on=False)
        axis.scatter(pick[x], pick[y], **style, label=f"pick, {method}")
    axis.set(xlabel=f"{x} (at.%)", ylabel=f"{y} (at.%)")
    figure.legend(loc="outside upper center", ncols=2, handletextpad=0.1, columnspacing=0.8)
    figure.colorbar(drawn, ax=axis, label="log EI, largest over the rest", extend="min")
    return figure


def inner_loop_values(table: pd.DataFrame) -> Figure:
    """What each inner loop reaches on the same states (top) and how many starts moved (bottom).

    table: columns experiment, method, log_ei, moved.
    """
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(COLUMN, 3.3), sharex=True, height_ratios=(2, 1))
    for method, rows in table.groupby("method", sort=False):
        wide = dict(lw=3.5, ms=7, alpha=0.5) if method == "enumeration" else dict(ms=3)  # others may lie on it
        top.plot(rows["experiment"], rows["log_ei"], marker="o", color=COLOURS[method], label=LABELS[method], **wide)
    moved = table.dropna(subset=["moved"])
    for method, rows in moved.groupby("method", sort=False):
        bottom.plot(rows["experiment"], 100 * rows["moved"], marker="o", ms=3, color=COLOURS[method])
    top.set(ylabel="log EI of the pick")
    top.legend()
    bottom.set(xlabel="experiments already done", ylabel="starts that\nmoved (%)", ylim=(-3, 103))
    return figure


def inner_loop_costs(table: pd.DataFrame, grids: pd.DataFrame) -> Figure:
    """CPU seconds, evaluations and share of states within 1 % of the reference EI, against the number of elements.

    Lines break where the landscape is another; open: fewer than `FEW_STATES` states. table: columns maximiser,
    landscape, n_elements, cpu_s, evaluations, within, states. grids: columns alloy, n_elements, seconds,
    compositions of exhaustive enumeration at the paper's step, extrapolated.
    """
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 3.2))
    marks = {maximiser: mark for mark, family in FAMILIES.items() for maximiser in family}
    for (maximiser, _), rows in table.groupby(["maximiser", "landscape"], sort=False):
        strong, few = maximiser == "ascent", rows["states"] < FEW_STATES
        style = dict(color=COLOURS[maximiser], lw=1.8 if strong else 0.9, zorder=3 if strong else 2)
        points = dict(style, marker=marks[maximiser], ms=3.8 if strong else 3.2, lw=0)
        for axis, column in zip(axes, ("cpu_s", "evaluations", "within"), strict=True):
            values = rows[column] * (100 if column == "within" else 1)
            axis.plot(rows["n_elements"], values, **style)
            axis.plot(rows.loc[~few, "n_elements"], values[~few], **points)
            axis.plot(rows.loc[few, "n_elements"], values[few], **points, mfc="w", mew=0.8)
    for maximiser in table["maximiser"].unique():
        style = dict(color=COLOURS[maximiser], marker=marks[maximiser], ms=3.2)
        axes[0].plot([], [], **style, label=LABELS.get(maximiser, maximiser))
    dotted = dict(color=COLOURS["exhaustive"], lw=1.0, ls=":")
    for _, rows in grids.groupby("alloy"):
        for axis, column in ((axes[0], "seconds"), (axes[1], "compositions")):
            axis.plot(rows["n_elements"], rows[column], **dotted)
    axes[0].plot([], [], **dotted, label="exhaustive, on 0.1 at.%")
    numbers = sorted(table["n_elements"].unique())
    for axis, label in zip(axes, ("CPU seconds", "compositions evaluated", "states within 1 % (%)"), strict=True):
        axis.set(xscale="log", xlabel="elements", ylabel=label)
        axis.set_xticks(numbers, [str(n) for n in numbers], fontsize=6)
    top = table[["cpu_s", "evaluations"]].max()
    axes[0].set(yscale="log", ylim=(None, 10 * top["cpu_s"]))
    axes[1].set(yscale="log", ylim=(None, 10 * top["evaluations"]))
    axes[2].set(ylim=(-3, 103))
    for axis in axes:
        axis.minorticks_off()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, columnspacing=1.2, handlelength=1.6)
    return figure


def starts_needed(table: pd.DataFrame) -> Figure:
    """Starts that find the reference with 95 % certainty, against the number of elements: states and their medians.

    table: columns landscape, n_elements, needed (inf where no start found it). More than `RESOLVED` stand in one row at
    the top, their medians open.
    """
    figure, axis = plt.subplots(figsize=(COLUMN, 2.8))
    top, rng = 8 * RESOLVED, np.random.default_rng(0)
    known, jitter = table["needed"] <= RESOLVED, rng.uniform(0.96, 1.04, len(table))
    heights = table["needed"].where(known, top * rng.uniform(0.8, 1.25, len(table)))
    axis.scatter(table["n_elements"] * jitter, heights, s=5, color="0.6", lw=0, label="states")
    medians = table.groupby(["landscape", "n_elements"], sort=False)["needed"].median()
    style = dict(color=COLOURS["ascent"], marker="o", ms=4)
    for landscape, own in medians.groupby(level="landscape", sort=False):
        label = "median" if landscape == table["landscape"].iloc[0] else None
        median = own.droplevel("landscape").sort_index()
        axis.plot(median.index, median.where(median <= RESOLVED), **style, label=label)
        beyond = median.index[median > RESOLVED]
        axis.plot(beyond, [top] * len(beyond), **style | dict(lw=0, mfc="w", mew=1.2))
    n = np.array(sorted(table["n_elements"].unique()))
    axis.plot(n, 20 * n, ls="--", lw=0.8, color=COLOURS["published"], label="20 N, the paper's")
    axis.axhline(top / 1.6, color="0.8", lw=0.6)
    axis.set(xscale="log", yscale="log", xlabel="elements", ylabel="starts needed", ylim=(None, 1.6 * top))
    axis.set_xticks(n, [str(k) for k in n])
    axis.set_yticks([1, 10, 100, 1000, top], ["1", "10", "100", "1000", f"> {RESOLVED}"])
    axis.minorticks_off()
    figure.legend(loc="outside upper center", ncols=3)
    return figure
