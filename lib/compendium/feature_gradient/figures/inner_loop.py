"""The inner loop: where its starts go on one state, what it reaches on many, at what cost."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.plotting.style import COLUMN, PAGE
from compendium.feature_gradient.figures.panels import alloy_panels
from compendium.feature_gradient.results import WORDS
from compendium.figures.style import COLOURS, LABELS, MAPS, MARKERS, line_of

MANY_STATES = 24
"""Fewer are open in the figure of time and success."""

BEHIND = {"exhaustive": (7, 2.1), "enumeration": (5, 2.2)}
"""Of those that others may hide: the size of their markers, larger than others', and where they lie, below these."""

TOLERANCE = 1e-6
"""SLSQP stops where EI changes by less: SciPy's default, the paper's."""

RESOLVED = 250
"""Starts: more cannot be counted with 256 ascents in a state to better than a factor of two."""


def inner_loop_map(grid: pd.DataFrame, starts: pd.DataFrame, picks: pd.DataFrame, x: str, y: str) -> Figure:
    """log EI over two elements (largest over the others), the published loop's starts and ends, and every pick.

    grid: columns x, y, log_ei. starts: x, y, and their ends "x_end", "y_end". picks: method, x, y. All in at.%.
    """
    figure, axis = plt.subplots(figsize=(COLUMN, 3.0))
    table = grid.pivot(index=y, columns=x, values="log_ei")
    span = dict(vmin=table.max(axis=None) - 100, vmax=table.max(axis=None))
    drawn = axis.pcolormesh(
        table.columns, table.index, table, **span, shading="nearest", rasterized=True, cmap=MAPS["log_ei"]
    )
    for _, row in starts.iterrows():
        axis.plot([row[x], row[f"{x}_end"]], [row[y], row[f"{y}_end"]], color=COLOURS["slsqp_ei"], lw=0.7)
    dots = dict(s=8, color=COLOURS["slsqp_ei"], edgecolor="k", lw=0.3, clip_on=False)
    axis.scatter(starts[x], starts[y], **dots, label="starts")
    for method, size in (("slsqp_ei", 60), ("enumeration", 60), ("ascent", 22)):
        pick = picks[picks["method"] == method].iloc[0]
        style = dict(
            s=size, marker=MARKERS[method], color=COLOURS[method], edgecolor="k", lw=0.6, zorder=3, clip_on=False
        )
        axis.scatter(pick[x], pick[y], **style, label=f"pick, {LABELS[method]}")
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
        wide = dict(lw=3.5, ms=7) if method == "enumeration" else {}  # others may lie on it
        top.plot(rows["experiment"], rows["log_ei"], **line_of(method) | wide)
    moved = table.dropna(subset=["moved"])
    for method, rows in moved.groupby("method", sort=False):
        bottom.plot(rows["experiment"], 100 * rows["moved"], **line_of(method))
    top.axhline(np.log(TOLERANCE), color="0.4", lw=0.8, ls="--")
    place = dict(xytext=(0, -2), textcoords="offset points", ha="right", va="top", fontsize=7, color="0.4")
    top.annotate("SLSQP's tolerance", (1, np.log(TOLERANCE)), xycoords=top.get_yaxis_transform(), **place)
    top.set(ylabel="ln EI of the pick")
    top.legend(handlelength=2.8)
    bottom.set(xlabel="experiments already done", ylabel="starts that\nmoved (%)", ylim=(-3, 103))
    return figure


FITS = {
    "theirs": ("EI, the paper's fit", line_of("slsqp_ei") | dict(ms=6, mfc="w", lw=0)),
    "ours": ("EI, this library's fit", line_of("slsqp_ei")),
    "log EI": ("log EI, this library's fit", line_of("slsqp_log_ei")),
}
"""What SLSQP climbs → its name and line."""


def moved_by_fit(table: pd.DataFrame) -> Figure:
    """Share of starts that move along a trajectory, by what SLSQP climbs; a panel per alloy.

    table: columns alloy, experiment and `FITS`, shares.
    """
    figure, panels = alloy_panels(table, 2.2, sharey=True)
    for alloy, axis in panels.items():
        rows = table[table["alloy"] == alloy].groupby("experiment")[list(FITS)].mean()
        for name, (label, line) in FITS.items():
            axis.plot(rows.index, 100 * rows[name], **line | dict(label=label, clip_on=False))
        axis.set(title=WORDS[alloy], xlabel="experiments already done", ylim=(-3, 103))
        axis.set_xscale("symlog", linthresh=10)
        axis.set_xticks([0, 5, 10, 20, 40], ["0", "5", "10", "20", "40"])
        axis.minorticks_off()
    first = next(iter(panels.values()))
    first.set_ylabel("starts that moved (%)")
    figure.legend(*first.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


SHOWN = ("ascent", "box", "slsqp_ei", "exhaustive")
"""Of all maximisers the four whose costs are compared: ours, its strongest peer, the paper's two."""


def inner_loop_costs(table: pd.DataFrame, grids: pd.DataFrame) -> Figure:
    """CPU seconds, evaluations and share of states within 1 % of the reference EI, against the number of elements.

    Lines, those of `SHOWN`, break where the landscape is another one. table: columns maximiser, landscape, n_elements,
    cpu_s, evaluations, within. grids: columns alloy, n_elements, seconds, compositions of exhaustive enumeration at the
    paper's step, extrapolated.
    """
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.8))
    columns = {"cpu_s": "CPU seconds", "evaluations": "compositions evaluated", "within": "states within 1 % (%)"}
    table = table[table["maximiser"].isin(SHOWN)].assign(within=lambda t: 100 * t["within"])
    for (maximiser, _), rows in table.groupby(["maximiser", "landscape"], sort=False):
        for axis, column in zip(axes, columns, strict=True):
            axis.plot(rows["n_elements"], rows[column], **_line_of(maximiser), clip_on=False)
    dotted = dict(color=COLOURS["exhaustive"], lw=1.0, ls=":", zorder=1)
    for _, rows in grids.groupby("alloy"):
        for axis, column in zip(axes, ("seconds", "compositions"), strict=False):
            axis.plot(rows["n_elements"], rows[column], **dotted)
    numbers = sorted(table["n_elements"].unique())
    for axis, (column, label) in zip(axes, columns.items(), strict=True):
        axis.set(xscale="log", xlabel="elements", ylabel=label)
        axis.set_xticks(numbers, [str(n) for n in numbers], fontsize=6)
        if column != "within":
            axis.set(yscale="log", ylim=(table[column].min() / 2, 20 * table[column].max()))
        axis.minorticks_off()
    axes[2].set_ylim(-3, 104)
    handles = [plt.Line2D([], [], **_line_of(m), label=LABELS[m]) for m in SHOWN]
    handles.append(plt.Line2D([], [], **dotted, label="the same at 0.1 at.%"))
    figure.legend(handles=handles, loc="outside upper center", ncols=5, columnspacing=1.2, handlelength=1.6)
    return figure


def time_and_success(table: pd.DataFrame) -> Figure:
    """Share of states in which a maximiser finds the maximum, against its CPU time; a panel per range of elements.

    table: columns elements (a label, in order), maximiser, cpu_s, within, low, high, states. Open: fewer than
    `MANY_STATES` states. Up and to the left is better.
    """
    ranges = list(dict.fromkeys(table["elements"]))
    figure, axes = plt.subplots(1, len(ranges), figsize=(PAGE, 2.9), sharey=True, squeeze=False)
    for axis, name in zip(axes[0], ranges, strict=True):
        for row in table[table["elements"] == name].itertuples():
            line, few = _line_of(row.maximiser), row.states < MANY_STATES
            axis.vlines(row.cpu_s, 100 * row.low, 100 * row.high, color=line["color"], lw=0.8, zorder=1)
            face = dict(mfc="w", mew=0.9) if few else {}
            axis.plot(row.cpu_s, 100 * row.within, **line | dict(lw=0, ms=5, mec=line["color"]) | face)
        axis.set(xscale="log", title=f"{name} elements", xlabel="CPU seconds, median", ylim=(None, 104))
    axes[0, 0].set_ylabel("states within 1 % (%)")
    handles = [
        plt.Line2D([], [], **_line_of(name) | dict(lw=0, ms=5), label=LABELS[name])
        for name in table["maximiser"].unique()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, columnspacing=1.0, handlelength=1.0)
    return figure


def _line_of(maximiser: str) -> dict:
    strong = maximiser == "ascent"
    size, order = BEHIND.get(maximiser, (3.2, 2.5))
    style = dict(color=COLOURS[maximiser], marker=MARKERS[maximiser], ms=size, zorder=3 if strong else order)
    return style | dict(lw=1.5 if strong else 0.7)


def starts_needed(table: pd.DataFrame) -> Figure:
    """Starts that find the reference with 95 % certainty, against the number of elements: states and their medians.

    table: columns landscape, n_elements, needed (inf where no start found it). More than `RESOLVED` stand in one row at
    the top, their medians open.
    """
    figure, axis = plt.subplots(figsize=(COLUMN, 2.8))
    top, rng = 12 * RESOLVED, np.random.default_rng(0)
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
    axis.plot(n, 20 * n, ls="--", lw=0.8, color=COLOURS["slsqp_ei"], label="20 N, the paper's")
    axis.axhline(top / 1.7, color="0.8", lw=0.6)
    axis.set(xscale="log", yscale="log", xlabel="elements", ylabel="starts needed", ylim=(None, 1.6 * top))
    axis.set_xticks(n, [str(k) for k in n])
    axis.set_yticks([1, 10, 100, 1000, top], ["1", "10", "100", "1000", "not\nresolved"])
    axis.minorticks_off()
    figure.legend(loc="outside upper center", ncols=3)
    return figure
