"""A model of one's own alloy: predictions against measurements, ternary sections, lines of one element, campaigns."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.ticker import MaxNLocator

from alloygrad.plotting.style import COLUMN, PAGE, PALETTE
from alloygrad.plotting.ternary import MARKS, mark, shade, window

MAPS = ("viridis", "magma", "cividis")

LOG_SPAN = 5
"""Less than a hundredth of the largest expected improvement is as good as none."""


def trust(predictions: Mapping[str, pd.DataFrame], coverages: Mapping[str, pd.DataFrame], label: str) -> Figure:
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


def section_maps(
    sections: Mapping[str, pd.DataFrame], marks: Mapping[str, Sequence], labels: Mapping[str, str]
) -> Figure:
    """One row of maps per ternary section, one map per quantity: the first suggestion (star) and measured alloys.

    sections: title → a table of `sections.ternary`. marks: title → (suggestion (3,), measured (m, 3)) in at.%. labels:
    column → its name in the figure, in the order of the maps. A quantity has one colour scale in all rows; that of a
    logarithm ends `LOG_SPAN` below its maximum.
    """
    row_height, foot, cell = 2.1, 0.7, PAGE / len(labels)  # inches
    height = row_height * len(sections) + foot
    figure = plt.figure(figsize=(PAGE, height))
    figure.set_layout_engine(PlaceHolderLayoutEngine(True, True))  # placed by hand: ternary axes are slow to fit
    for place, (column, label) in enumerate(labels.items()):
        values = pd.concat([table[column] for table in sections.values()])
        low = max(values.min(), values.max() - LOG_SPAN) if column.startswith("log") else values.min()
        style = dict(vmin=low, vmax=values.max(), cmap=MAPS[place % len(MAPS)])
        for row, (title, table) in enumerate(sections.items()):
            base = foot + (len(sections) - 1 - row) * row_height
            three, wide, high = _frame(table.iloc[:, :3], 0.56 * cell, 1.35)
            box = [(place + 0.5) * cell - wide / 2, base + 1.05 - high / 2, wide, high]
            box = np.divide(box, [PAGE, height, PAGE, height])
            axis = figure.add_axes(box, projection="ternary", ternary_sum=table[three].iloc[0].sum())
            window(axis, table, three, ticks=_ticks(table[three]))
            drawn = shade(axis, table, three, column, **style)
            suggestion, measured = (
                pd.DataFrame(np.reshape(m, (-1, 3)), columns=table.columns[:3]) for m in marks[title]
            )
            mark(axis, three, measured=measured, pick=suggestion)
            if place == 0:
                figure.text(0.005, (base + row_height - 0.05) / height, title, fontsize=7, va="top")
        bar = figure.add_axes([(place + 0.22) * cell / PAGE, 0.42 / height, 0.56 * cell / PAGE, 0.08 / height])
        extend = "min" if low > values.min() else "neither"
        locator = MaxNLocator(4)
        figure.colorbar(drawn, cax=bar, orientation="horizontal", label=label, ticks=locator, extend=extend)
    return figure


def _frame(shares: pd.DataFrame, width: float, height: float) -> tuple[list[str], float, float]:
    """The order of the three elements (right, left, top) in which a section fills a frame best, and its size in it."""
    found = []
    for turn in range(3):
        names = [*shares.columns[turn:], *shares.columns[:turn]]
        right, _, top = (shares[name] for name in names)
        wide, high = np.ptp(right + top / 2), np.ptp(top) * np.sqrt(0.75)
        scale = min(width / wide, height / high)
        found.append((scale, names, scale * wide, scale * high))
    return max(found, key=lambda entry: entry[0])[1:]


def _ticks(shares: pd.DataFrame) -> float:
    """A step that gives about four ticks along the longest side (at.%)."""
    return float(np.diff(MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(0, np.ptp(shares, axis=0).max()))[0])


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
        axis.scatter(composition[name], here, clip_on=False, **MARKS["pick"])
        axis.set_xlabel(f"{name} (at.%)")
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    for axis in axes[:, 0]:
        axis.set_ylabel(label)
    return figure
