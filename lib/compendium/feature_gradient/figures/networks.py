"""Networks and what they stand for: training, cross-validation, the merits they give, the inputs they were given."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from alloygrad.plotting.style import COLUMN, PAGE
from compendium.figures.style import INPUTS, LABELS


def learning_curves(curves: pd.DataFrame, *, chosen_epochs: int) -> Figure:
    """Training loss and validation and test R² against epoch, one panel per property (columns of `training.Record`)."""
    properties = list(curves["property"].unique())
    figure, axes = plt.subplots(1, len(properties), figsize=(PAGE, 2.3), sharey=True)
    for axis, name in zip(np.atleast_1d(axes), properties, strict=True):
        rows = curves[curves["property"] == name]
        window = max(1, len(rows) // 50)
        for column, label in (
            ("train_mse", "training MSE"),
            ("validation_r2", "validation R²"),
            ("test_r2", "test R²"),
        ):
            (line,) = axis.plot(rows["epoch"], rows[column], lw=0.4, alpha=0.35)
            axis.plot(
                rows["epoch"],
                rows[column].rolling(window, center=True, min_periods=1).median(),
                color=line.get_color(),
                label=label,
            )
        axis.axvline(chosen_epochs, color="0.5", lw=0.7, ls=":")
        axis.set(title=LABELS.get(name, name), xlabel="epoch", ylim=(0, 1.02))
    np.atleast_1d(axes)[0].set_ylabel("MSE (standardised), R²")
    handles, labels = np.atleast_1d(axes)[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def parity(histogram: pd.DataFrame, metrics: pd.DataFrame) -> Figure:
    """Predicted against measured in cross-validation: properties across, random and composition-grouped folds down."""
    properties, schemes = list(metrics.index), ["random", "grouped"]
    size = PAGE / max(3, len(properties))
    figure, axes = plt.subplots(2, len(properties), figsize=(PAGE, 2 * size), sharex=True, sharey=True)
    norm = mpl.colors.LogNorm(1, histogram["count"].max())
    for (row, scheme), (column, name) in ((r, c) for r in enumerate(schemes) for c in enumerate(properties)):
        axis = axes[row, column]
        rows = histogram[(histogram["property"] == name) & (histogram["scheme"] == scheme)]
        axis.plot([-4.1, 4.1], [-4.1, 4.1], color="0.6", lw=0.7, zorder=0)
        cells = dict(s=15, marker="s", norm=norm, cmap="viridis_r", lw=0)
        drawn = axis.scatter(rows["measured"], rows["predicted"], c=rows["count"], **cells)
        r2, mae = metrics.loc[name, (scheme, "r2")], metrics.loc[name, (scheme, "mae")]
        high, low = (((s * rows["measured"] < 0.5) & (s * rows["predicted"] > 2)).sum() for s in (1, -1))
        x, y, across, up = (0.04, 0.96, "left", "top") if high <= low else (0.96, 0.04, "right", "bottom")  # emptier
        said = f"R² = {r2:.3f}\nMAE = {mae:.3f}".replace("-", "−")
        axis.text(x, y, said, transform=axis.transAxes, ha=across, va=up, fontsize=7)
        axis.set(xlim=(-4.1, 4.1), ylim=(-4.1, 4.1), aspect="equal", xticks=range(-3, 4), yticks=range(-3, 4))
        if row == 0:
            axis.set_title(LABELS.get(name, name))
        if column == 0:
            axis.set_ylabel(f"{scheme} folds\npredicted (std)")
        if row == 1:
            axis.set_xlabel("measured (std)")
    figure.colorbar(drawn, ax=axes, shrink=0.5, label="measurements", aspect=30, pad=0.01)
    return figure


def densities(merits: pd.DataFrame, bins: int = 60) -> pd.DataFrame:
    """Histogram densities of the merit for each number of elements: n_elements, merit (bin centre), density.

    merits: columns n_elements, merit. All share one set of bins.
    """
    edges = np.linspace(merits["merit"].min(), merits["merit"].max(), bins + 1)
    tables = [
        pd.DataFrame(
            {"n_elements": n, "merit": (edges[1:] + edges[:-1]) / 2, "density": np.histogram(v, edges, density=True)[0]}
        )
        for n, v in merits.groupby("n_elements")["merit"]
    ]
    return pd.concat(tables, ignore_index=True)


def merit_distributions(table: pd.DataFrame) -> Figure:
    """Density of the merit over random compositions, one curve per number of elements (a table of `densities`)."""
    figure, axis = plt.subplots(figsize=(COLUMN, 2.3))
    colours = sns.color_palette("viridis_r", table["n_elements"].nunique())
    for colour, (n, rows) in zip(colours, table.groupby("n_elements"), strict=True):
        axis.step(rows["merit"], rows["density"], where="mid", color=colour, label=f"N = {n}")
    figure.legend(loc="outside right center")
    axis.set(xlabel="figure of merit", ylabel="density", ylim=(0, None))
    return figure


PROCESSES = {"held": "rows of one process", "any": "rows of any process"}
PROTOCOLS = {
    "inside": ("features inside", dict(marker="o", filled=True)),
    "outside": ("features outside", dict(marker="o", filled=False)),
    "published": ("features outside", dict(marker="D", filled=True)),
}
"""Protocol of notebook 04 → (input, its mark)."""


def feature_gains(table: pd.DataFrame) -> Figure:
    """How much lower the error of features is than that of fractions: a row per property, a panel per choice of rows.

    table: columns dataset, target, process, protocol (keys of `PROTOCOLS`), mean, low, high (% of the error of
    fractions), n.
    """
    properties = list(dict.fromkeys(zip(table["dataset"], table["target"], strict=True)))
    figure, axes = plt.subplots(1, 2, figsize=(PAGE, 0.9 + 0.26 * len(properties)), sharex=True, sharey=True)
    for axis, (process, title) in zip(axes, PROCESSES.items(), strict=True):
        axis.axvline(0, color="0.6", lw=0.7)
        for row in table[table["process"] == process].itertuples():
            lift = 0.22 * (1 - list(PROTOCOLS).index(row.protocol))
            _gain(axis, row, len(properties) - 1 - properties.index((row.dataset, row.target)) + lift)
        axis.set(title=title, xlabel="lower error with features (%)")
    names = [f"{dataset.split('_')[0]}, {LABELS.get(target, target)}" for dataset, target in properties]
    axes[0].set_yticks(range(len(names)), names[::-1])
    axes[0].set_ylim(-0.6, max(1, len(names)) - 0.4)
    marks = [_mark(protocol) for protocol in PROTOCOLS]
    labels = ["selected inside the folds", "selected outside", "as published, reduced"]
    handles = [plt.Line2D([], [], ls="", **mark) for mark in marks]
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _mark(protocol: str) -> dict:
    """Style of a protocol's mark."""
    kind, mark = PROTOCOLS[protocol]
    colour = "0.2" if protocol == "published" else INPUTS[kind]
    return dict(marker=mark["marker"], ms=4.5, mec=colour, mfc=colour if mark["filled"] else "w", mew=1.1)


def _gain(axis, row, height: float) -> None:
    """One difference on its interval."""
    style = _mark(row.protocol)
    axis.plot([row.low, row.high], [height] * 2, color=style["mec"], lw=1.2)
    axis.plot(row.mean, height, **style)
