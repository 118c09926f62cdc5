"""Other surrogates than the GP: what they believe along a line of alloys, and how right they are."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.plotting.style import PAGE
from compendium.figures.style import LABELS, SURROGATES, line_of

DEPTH = 60
"""Log EI is drawn this far below its largest value."""

METRICS = {
    "rmse": "RMSE,\nall",
    "rmse_top": "RMSE,\nbest 1 %",
    "nlpd": "NLPD\n(nats)",
    "coverage": "in the 95 %\nband (%)",
}
"""Columns of a table of accuracies and their labels."""

SOURCES = {"random": "random experiments", "slsqp_ei": "published loop", "ascent": "ascent"}
"""Where the measurements of a state come from."""


def surrogate_cuts(table: pd.DataFrame, x: str, best: float) -> Figure:
    """Mean and 95 % band (top) and log EI (bottom) along a line of alloys, one column per surrogate.

    table: columns surrogate, x (at.%), mean, std, truth, log_ei. best: where on x the best measured alloy lies.
    """
    names = list(table["surrogate"].unique())
    figure, axes = plt.subplots(
        2, len(names), figsize=(PAGE, 3.3), sharex=True, sharey="row", squeeze=False, height_ratios=(3, 2)
    )
    for (top, bottom), name in zip(axes.T, names, strict=True):
        rows, colour = table[table["surrogate"] == name], SURROGATES[name]
        band = rows["mean"] - 1.96 * rows["std"], rows["mean"] + 1.96 * rows["std"]
        top.fill_between(rows[x], *band, color=colour, alpha=0.25, lw=0, label="95 % band")
        top.plot(rows[x], rows["mean"], color=colour, label="mean")
        top.plot(rows[x], rows["truth"], color="0.2", lw=0.8, ls="--", label="truth")
        top.set_title(LABELS[name])
        bottom.plot(rows[x], rows["log_ei"], color=colour, lw=1)
        bottom.set(xlabel=f"{x} (at.%)")
        for axis in (top, bottom):
            axis.axvline(best, color="0.5", lw=0.6, ls=":")
    axes[0, 0].set(ylabel="figure of merit")
    highest = table["log_ei"].max()
    axes[1, 0].set(ylabel="log EI", ylim=(highest - DEPTH, highest + 0.05 * DEPTH))
    axes[0, 0].legend(loc="best")
    return figure


def surrogate_accuracy(table: pd.DataFrame) -> Figure:
    """Accuracy against the number of measurements: metrics down, where the measurements come from across.

    table: columns surrogate, source, n, metric, mean, low, high (95 % interval of the mean).
    """
    sources = [name for name in SOURCES if name in set(table["source"])]
    figure, axes = plt.subplots(
        len(METRICS), len(sources), figsize=(PAGE, 5.2), sharex=True, sharey="row", squeeze=False
    )
    for row, (metric, label) in enumerate(METRICS.items()):
        for axis, source in zip(axes[row], sources, strict=True):
            shown = table[(table["metric"] == metric) & (table["source"] == source)]
            for shift, (name, rows) in enumerate(shown.groupby("surrogate", sort=False), start=-1):
                error = rows["mean"] - rows["low"], rows["high"] - rows["mean"]
                style = line_of(name) | dict(lw=1, elinewidth=0.8)
                axis.errorbar(rows["n"] + 0.8 * shift, rows["mean"], error, **style)
        axes[row, 0].set(ylabel=label)
        if metric == "coverage":
            for axis in axes[row]:
                axis.axhline(95, color="0.5", lw=0.7, ls="--")
        if metric.startswith("rmse"):
            axes[row, 0].set(ylim=(0, None))
    for column, source in enumerate(sources):
        axes[0, column].set_title(SOURCES[source])
        axes[-1, column].set(xlabel="measured compositions", xticks=sorted(table["n"].unique()))
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, handlelength=2.8)
    return figure
