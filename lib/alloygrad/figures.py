"""Figures: tables in, matplotlib figures out, one style.

Print at column width (85 mm, or 175 mm across both): 8 pt text, colour-blind safe colours that mean the same thing in
every figure. `save` writes a figure and the numbers it plots under one name.
"""

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from alloygrad import ROOT, store

COLUMN, PAGE = 3.35, 6.9  # inches

PALETTE = sns.color_palette("colorblind")
COLOURS = {
    "enumeration": PALETTE[0], "published": PALETTE[1], "ascent": PALETTE[2], "random": PALETTE[7],
    "slsqp": PALETTE[3], "botorch_joint": PALETTE[5], "botorch_batched": PALETTE[4], "random_search": PALETTE[6],
    "cmaes": PALETTE[8], "box": PALETTE[9],
}  # fmt: skip
"""One colour per inner loop, in every figure."""

INPUTS = {"fractions": PALETTE[4], "features inside": PALETTE[9], "features outside": PALETTE[1]}
"""One colour per input of a comparison."""

LABELS = {
    "enthalpy": "enthalpy ΔH",
    "martensite_peak": "martensite peak Mp",
    "austenite_peak": "austenite peak Ap",
    "yield_strength": "yield strength",
    "ultimate_strength": "ultimate strength",
    "fractions": "raw\nfractions",
    "features inside": "features,\ninside",
    "features outside": "features,\noutside",
    "hardness": "Vickers hardness",
    "elongation": "elongation",
    "enumeration": "enumeration",
    "published": "published gradient loop",
    "ascent": "ascent",
    "slsqp": "SLSQP per start, log EI",
    "botorch_joint": "optimize_acqf",
    "botorch_batched": "optimize_acqf, batch_limit 5",
    "random_search": "random search and exchanges",
    "cmaes": "CMA-ES",
    "box": "map to a box, L-BFGS-B",
}

mpl.rcParams.update(
    {
        **sns.axes_style("ticks"),
        "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "legend.fontsize": 7, "xtick.labelsize": 7,
        "ytick.labelsize": 7, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
        "xtick.major.width": 0.6, "ytick.major.width": 0.6, "lines.linewidth": 1.2, "legend.frameon": False,
        "figure.dpi": 120, "savefig.dpi": 300, "figure.constrained_layout.use": True, "pdf.fonttype": 42,
        "axes.prop_cycle": mpl.cycler(color=PALETTE), "image.cmap": "viridis",
    }
)  # fmt: skip


def save(figure: Figure, name: str, *, data: pd.DataFrame, profile: str = "paper") -> Figure:
    """Write `name`.pdf, .png and .csv (the numbers it plots): below figures/ for `paper`, else figures/<profile>/."""
    pdf, png, csv = paths(name, profile)
    # Without a creation date the same figure gives the same bytes.
    store.write(pdf, lambda path: figure.savefig(path, metadata={"CreationDate": None}))
    store.write(png, figure.savefig)
    store.write(csv, lambda path: data.to_csv(path, index=False, float_format="%.6g"))
    plt.close(figure)
    return figure


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
        axis.text(
            0.04,
            0.96,
            f"R² = {r2:.3f}\nMAE = {mae:.3f}",
            transform=axis.transAxes,
            va="top",
            fontsize=7,
            bbox=dict(color="w", pad=1),
        )
        axis.set(xlim=(-4.1, 4.1), ylim=(-4.1, 4.1), aspect="equal")
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


def best_so_far(table: pd.DataFrame, optimum: float) -> Figure:
    """Best merit so far (left) and what it lacks to the optimum (right): means over trajectories, 95 % intervals.

    table: columns method, experiment (−1 = before the first), mean, low, high, n.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 2.5))
    for method, rows in table.groupby("method", sort=False):
        done, colour = rows["experiment"] + 1, COLOURS[method]
        left.plot(done, rows["mean"], color=colour, label=f"{LABELS.get(method, method)} (n = {rows['n'].iloc[0]})")
        left.fill_between(done, rows["low"], rows["high"], color=colour, alpha=0.2, lw=0)
        right.plot(done, optimum - rows["mean"], color=colour)
        right.fill_between(done, optimum - rows["high"], optimum - rows["low"], color=colour, alpha=0.2, lw=0)
    left.axhline(optimum, color="0.2", lw=0.8, ls="--")
    left.text(0.99, optimum, "true optimum", ha="right", va="bottom", fontsize=7, transform=left.get_yaxis_transform())
    left.set(xlabel="experiments", ylabel="best figure of merit so far")
    left.legend(loc="lower right")
    right.set(xlabel="experiments", ylabel="simple regret", yscale="log")
    return figure


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

    table: columns maximiser, n_elements, cpu_s, evaluations, within. grids: columns alloy, n_elements, seconds,
    compositions of exhaustive enumeration at the paper's step, extrapolated.
    """
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.9))
    for maximiser, rows in table.groupby("maximiser", sort=False):
        strong = maximiser == "ascent"
        style = dict(color=COLOURS[maximiser], marker="o", ms=3.5 if strong else 2.5, lw=1.8 if strong else 0.9)
        style |= dict(zorder=3 if strong else 2, label=LABELS.get(maximiser, maximiser))
        for axis, column in zip(axes, ("cpu_s", "evaluations", "within"), strict=True):
            axis.plot(rows["n_elements"], rows[column] * (100 if column == "within" else 1), **style)
    for _, rows in grids.groupby("alloy"):
        for axis, column in ((axes[0], "seconds"), (axes[1], "compositions")):
            axis.plot(rows["n_elements"], rows[column], color=COLOURS["enumeration"], lw=0.6, ls=":")
    numbers = sorted(table["n_elements"].unique())
    for axis, label in zip(axes, ("CPU seconds", "compositions evaluated", "states within 1 % (%)"), strict=True):
        axis.set(xscale="log", xlabel="elements", ylabel=label)
        axis.set_xticks(numbers, [str(n) if n not in (5, 8) else "" for n in numbers])
        axis.minorticks_off()
    top = table[["cpu_s", "evaluations"]].max()
    axes[0].set(yscale="log", ylim=(None, 10 * top["cpu_s"]))
    axes[1].set(yscale="log", ylim=(None, 10 * top["evaluations"]))
    axes[2].set(ylim=(-3, 103))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)
    return figure


def starts_needed(table: pd.DataFrame) -> Figure:
    """Starts that find the reference with 95 % certainty, against the number of elements: states and their medians.

    table: columns n_elements, formulas, needed (inf where no start found it).
    """
    figure, axis = plt.subplots(figsize=(COLUMN, 2.6))
    most = table.loc[np.isfinite(table["needed"]), "needed"].max()
    shown = table.assign(needed=table["needed"].clip(upper=3 * most))
    jitter = np.random.default_rng(0).uniform(0.96, 1.04, len(shown))
    axis.scatter(shown["n_elements"] * jitter, shown["needed"], s=5, color="0.6", lw=0, label="states")
    median = shown.groupby("n_elements")["needed"].median()
    axis.plot(median.index, median, marker="o", ms=4, color=COLOURS["ascent"], label="median")
    axis.plot(median.index, 20 * median.index, ls="--", lw=0.8, color=COLOURS["published"], label="20 N, the paper's")
    axis.set(xscale="log", yscale="log", xlabel="elements", ylabel="starts needed")
    axis.set_xticks(median.index, [str(n) if n not in (5, 8) else "" for n in median.index])
    axis.minorticks_off()
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def paired_errors(scores: pd.DataFrame) -> Figure:
    """MAE of every draw by input: boxes, dots, and a line per draw. One panel per dataset.

    scores: columns dataset, target, unit, draw, input, mae.
    """
    datasets = list(scores["dataset"].unique())
    figure, axes = plt.subplots(1, max(1, len(datasets)), figsize=(PAGE, 2.4), squeeze=False)
    for axis, name in zip(axes[0], datasets, strict=False):
        rows = scores[scores["dataset"] == name]
        wide = rows.pivot(index="draw", columns="input", values="mae")[list(INPUTS)]
        axis.plot(range(len(INPUTS)), wide.T, color="0.6", lw=0.4, alpha=0.6, zorder=1)
        boxes = dict(widths=0.35, showfliers=False, patch_artist=True, zorder=2, medianprops=dict(color="k"))
        boxes |= dict(whiskerprops=dict(lw=0.6), capprops=dict(lw=0.6))
        drawn = axis.boxplot(wide, positions=range(len(INPUTS)), **boxes)
        for position, (box, colour) in enumerate(zip(drawn["boxes"], INPUTS.values(), strict=True)):
            box.set(facecolor=colour, alpha=0.55, lw=0.6)
            axis.plot([position] * len(wide), wide.iloc[:, position], ".", ms=2.5, color=colour, zorder=3)
        target, unit = rows["target"].iloc[0], rows["unit"].iloc[0]
        axis.set_xticks(range(len(INPUTS)), [LABELS[key] for key in INPUTS])
        axis.set(title=f"{name.split('_')[0]}, {LABELS.get(target, target)}", ylabel=f"MAE ({unit})")
    if not datasets:
        axes[0, 0].set_axis_off()
        axes[0, 0].text(0.5, 0.5, "no scores: neither dataset nor record", ha="center")
    return figure


def paths(name: str, profile: str = "paper") -> list[Path]:
    """The three files that `save` writes."""
    folder = ROOT / "figures" / ("" if profile == "paper" else profile)
    return [folder / f"{name}.{suffix}" for suffix in ("pdf", "png", "csv")]
