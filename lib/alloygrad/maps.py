"""Figures of one alloy's model: predictions against measurements, ternary sections, lines of one element.

Tables in, figures out, in the style of `figures`.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import mpltern  # noqa: F401  registers the projection "ternary"
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.ticker import MaxNLocator

from alloygrad.figures import COLOURS, COLUMN, LABELS, PAGE, PALETTE

MARK = dict(marker="*", s=90, color=PALETTE[3], edgecolor="k", lw=0.6, zorder=5, clip_on=False)
"""The first suggestion, in every figure."""

MAPS = ("viridis", "magma", "cividis")

LOG_SPAN = 10
"""A hundred-thousandth of the largest expected improvement is as good as none."""


def validation(predictions: Mapping[str, pd.DataFrame], coverages: Mapping[str, pd.DataFrame], label: str) -> Figure:
    """Left: predicted against measured with one standard deviation, of the first entry. Right: coverage of all.

    predictions: name → columns measured, predicted, std. coverages: name → columns nominal, observed, low, high. label:
    of the target.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 2.9), width_ratios=(1.4, 1))
    name, table = next(iter(predictions.items()))
    span = [table[["measured", "predicted"]].min(axis=None), table[["measured", "predicted"]].max(axis=None)]
    left.plot(span, span, color="0.6", lw=0.7, zorder=0)
    bars = dict(fmt="o", ms=3, lw=0.6, color=PALETTE[0], ecolor="0.6")
    left.errorbar(table["measured"], table["predicted"], yerr=table["std"], **bars)
    left.set(xlabel=f"measured {label}", ylabel=f"predicted {label}", title=f"{name} (n = {len(table)})")
    for (name, table), colour, marker in zip(coverages.items(), PALETTE, "osD^v", strict=False):
        right.plot(table["nominal"], table["observed"], color=colour, marker=marker, ms=3, label=name)
    band = next(iter(coverages.values()))
    right.fill_between(band["nominal"], band["low"], band["high"], color="0.9", lw=0, label="chance (95 %)", zorder=0)
    right.plot([0, 1], [0, 1], color="0.6", lw=0.7, zorder=0)
    right.set(xlabel="stated share of measurements", ylabel="share within the interval", xlim=(0, 1), ylim=(0, 1))
    right.set(title="calibration", aspect="equal")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def ternaries(sections: Mapping[str, pd.DataFrame], marks: Mapping[str, Sequence], labels: Mapping[str, str]) -> Figure:
    """One row per section, one map per quantity; the star is the first suggestion, circles are measured alloys.

    sections: title → a table of `sections.ternary`. marks: title → (suggestion (3,), measured (m, 3)) in at.%. labels:
    column → its name in the figure, in the order of the maps. A quantity has one colour scale in all rows; that of a
    logarithm ends `LOG_SPAN` below its maximum.
    """
    row_height, foot = 1.95, 0.75  # inches
    height = row_height * len(sections) + foot
    figure = plt.figure(figsize=(PAGE, height))
    figure.set_layout_engine(PlaceHolderLayoutEngine(True, True))  # placed by hand: ternary axes are slow to fit
    side = 0.66 * PAGE / len(labels)
    for place, (column, label) in enumerate(labels.items()):
        values = pd.concat([table[column] for table in sections.values()])
        top, bottom = values.max(), max(values.min(), values.max() - LOG_SPAN if column.startswith("log") else -np.inf)
        levels = np.linspace(bottom, top if top > bottom else bottom + 1, 16)
        left = (place + 0.17) * PAGE / len(labels)
        for row, (title, table) in enumerate(sections.items()):
            base = foot + (len(sections) - 1 - row) * row_height + 0.22
            box = [left / PAGE, base / height, side / PAGE, side * np.sqrt(0.75) / height]
            drawn = _ternary(figure, box, table, table[column], levels, MAPS[place % len(MAPS)], *marks[title])
            if place == 0:
                figure.text(0.01, (base + side) / height, title, fontsize=7, va="top")
        bar = figure.add_axes([left / PAGE, 0.42 / height, side / PAGE, 0.08 / height])
        figure.colorbar(drawn, cax=bar, orientation="horizontal", label=label, ticks=MaxNLocator(4))
    return figure


def _ternary(figure: Figure, box, table: pd.DataFrame, values: pd.Series, levels, colours: str, suggestion, measured):
    """One map at `box` of the figure: filled contours of `values`, the suggestion (3,) and the measured (m, 3)."""
    three, points = list(table.columns[:3]), table.iloc[:, :3].to_numpy()
    axis = figure.add_axes(box, projection="ternary", ternary_sum=points[0].sum())
    axis.set_ternary_min(*points.min(0))
    drawn = axis.tricontourf(*points.T, values.clip(levels[0], levels[-1]), levels=levels, cmap=colours)
    dots = dict(marker="o", s=8, facecolor="w", edgecolor="k", lw=0.5, zorder=4, clip_on=False)
    axis.scatter(*np.reshape(measured, (-1, 3)).T, **dots)
    axis.scatter(*np.reshape(suggestion, (1, 3)).T, **MARK)
    for side, name in zip("tlr", three, strict=True):
        getattr(axis, f"set_{side}label")(name, fontsize=7)
        getattr(axis, f"{side}axis").set_label_position("corner")
        getattr(axis, f"{side}axis").set_major_locator(MaxNLocator(4))
    axis.tick_params(labelsize=5.5, length=2, pad=1)
    return drawn


def what_if(lines: pd.DataFrame, composition: Mapping[str, float], label: str) -> Figure:
    """Prediction along each element at the cost of all others in proportion, a panel for each: mean, ± one and two std.

    lines: a table of `sections.lines`. composition: element → at.% of the alloy through which the lines run.
    """
    names = list(lines["element"].unique())
    across = min(4, max(1, len(names)))
    down = max(1, -(-len(names) // across))
    size = (max(COLUMN, PAGE * across / 4), 1.9 * down)
    figure, axes = plt.subplots(down, across, figsize=size, sharey=True, squeeze=False)
    for axis, name in zip(axes.flat, names, strict=False):
        rows = lines[lines["element"] == name]
        for times, alpha in ((2, 0.15), (1, 0.25)):
            low, high = rows["mean"] - times * rows["std"], rows["mean"] + times * rows["std"]
            axis.fill_between(rows["at_percent"], low, high, color=PALETTE[0], alpha=alpha, lw=0)
        axis.plot(rows["at_percent"], rows["mean"], color=PALETTE[0])
        here = np.interp(composition[name], rows["at_percent"], rows["mean"])
        axis.scatter(composition[name], here, **MARK)
        axis.set_xlabel(f"{name} (at.%)")
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    for axis in axes[:, 0]:
        axis.set_ylabel(label)
    return figure


def races(raced: Mapping[str, pd.DataFrame]) -> Figure:
    """Best merit so far against experiments, one panel per landscape: means over campaigns; intervals from eight on.

    raced: title → columns method, experiment (−1 = before the first), mean, low, high, n.
    """
    figure, axes = plt.subplots(1, len(raced), figsize=(PAGE, 2.5), squeeze=False)
    for axis, (title, table) in zip(axes[0], raced.items(), strict=True):
        for method, rows in table.groupby("method", sort=False):
            done, colour = rows["experiment"] + 1, COLOURS[method]
            label = "random order" if method == "random" else LABELS.get(method, method)
            axis.plot(done, rows["mean"], color=colour, label=label)
            if rows["n"].iloc[0] >= 8:
                axis.fill_between(done, rows["low"], rows["high"], color=colour, alpha=0.2, lw=0)
        axis.set(title=f"{title} (n = {table['n'].iloc[0]})", xlabel="experiments", ylabel="best so far (standardised)")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.legend(loc="lower right")
    return figure
