"""Figures of several objectives: how much of a front an inner loop has found, and what the front looks like."""

from collections.abc import Mapping

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.plotting.style import COLUMN, PAGE, PALETTE
from compendium.figures import style
from compendium.judging import statistics
from compendium.pareto.landscapes import Landscape

COLOURS = {
    "ascent": style.COLOURS["ascent"], "best_of_random": style.COLOURS["best_of_random"], "annealing": PALETTE[3],
    "policy": PALETTE[4], "nsga2": PALETTE[5], "scalarisation": PALETTE[6], "parego": PALETTE[8],
    "weighted_sum": style.COLOURS["slsqp_ei"], "random": style.COLOURS["random"],
}  # fmt: skip
"""One colour per inner loop; those of the first paper keep theirs."""

MARKERS = dict(zip(COLOURS, "oDs^vP*dX", strict=True))

LABELS = {
    "ascent": "ascent on log EHVI (default)",
    "best_of_random": "best of 1024 random",
    "annealing": "annealed Monte Carlo",
    "policy": "policy (REINFORCE)",
    "nsga2": "NSGA-II on the means",
    "scalarisation": "random scalarisation, ascent",
    "parego": "ParEGO, ascent",
    "weighted_sum": "weighted sum, ascent",
    "random": "random experiments",
}

TITLES = {"sma_n4": "SMA, N = 4", "hea_n5": "HEA, N = 5", "ti_n5": "Ti, N = 5"}

WORDS = {
    "enthalpy": "enthalpy (J/g)",
    "hysteresis": "hysteresis (K)",
    "working_temperature": "working temperature (°C)",
    "yield_strength": "yield strength (MPa)",
    "ultimate_strength": "ultimate strength (MPa)",
    "elongation": "elongation (%)",
    "hardness": "Vickers hardness",
}


def mean_curves(curves: pd.DataFrame) -> pd.DataFrame:
    """Return means over seeds with 95 % intervals: landscape, arm, below, experiment, mean, low, high, n."""
    rows = []
    steps = [column for column in curves if isinstance(column, int)]
    for (landscape, arm, below), own in curves.groupby(["landscape", "arm", "below"], sort=False):
        mean, low, high = statistics.mean_interval(own[steps].to_numpy(dtype=float))
        about = {"landscape": landscape, "arm": arm, "below": below, "n": len(own)}
        rows.append(pd.DataFrame({**about, "experiment": steps, "mean": mean, "low": low, "high": high}))
    return pd.concat(rows, ignore_index=True)


def share_against(table: pd.DataFrame, x: str = "experiment") -> Figure:
    """Draw the share of the front's hypervolume against experiments or CPU seconds: a panel for each landscape.

    table: columns landscape, arm, mean, low, high, n and x.
    """
    names = list(table["landscape"].unique())
    figure, axes = plt.subplots(1, len(names), figsize=(PAGE, 2.6), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        rows = table[table["landscape"] == name]
        for place, (arm, own) in enumerate(rows.groupby("arm", sort=False)):
            look = dict(color=COLOURS[arm], marker=MARKERS[arm], ms=3, markevery=(0.02 * place, 0.2))
            axis.plot(own[x], own["mean"], **look)
            axis.fill_between(own[x], own["low"], own["high"], color=COLOURS[arm], alpha=0.2, lw=0)
        axis.set_title(f"{TITLES.get(name, name)} (n = {rows['n'].min()})", pad=3)
        if x != "experiment":
            axis.set_xscale("log")
    axes[0, 0].set_ylabel("share of the front's hypervolume")
    figure.supxlabel("experiments" if x == "experiment" else "CPU seconds of the inner loop", fontsize=8)
    arms = table["arm"].unique()
    handles = [mpl.lines.Line2D([], [], color=COLOURS[a], marker=MARKERS[a], ms=3, label=LABELS[a]) for a in arms]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, handlelength=2.5)
    return figure


def projections(landscape: Landscape, found: Mapping[str, pd.DataFrame], drawn: pd.DataFrame) -> Figure:
    """Draw a front in each pair of objectives, with what inner loops measured, over random alloys.

    found: inner loop → outcomes of its experiments. drawn: outcomes of random alloys.
    """
    names = [aim.name for aim in landscape.objectives]
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.5))
    front = landscape.front()
    for axis, (one, other) in zip(axes, [(0, 1), (0, 2), (1, 2)], strict=True):
        x, y = names[one], names[other]
        axis.plot(drawn[x], drawn[y], ".", color="0.85", ms=2, zorder=0, label="random alloys")
        axis.plot(front[x], front[y], "o", mfc="none", mec="0.3", mew=0.5, ms=3, label="true front")
        for arm, rows in found.items():
            axis.plot(rows[x], rows[y], MARKERS[arm], color=COLOURS[arm], ms=3, label=LABELS[arm])
        axis.set(xlabel=WORDS.get(x, x), ylabel=WORDS.get(y, y))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def parallel(landscape: Landscape) -> Figure:
    """Draw the compositions of a front in parallel coordinates, coloured by the first objective."""
    front, elements = landscape.front(), list(landscape.space().elements)
    shares, first = 100 * landscape.space().step * front[elements].to_numpy(), landscape.objectives[0].name
    figure, axis = plt.subplots(figsize=(COLUMN, 2.4))
    scale = mpl.colors.Normalize(front[first].min(), front[first].max())
    colours = mpl.colormaps["viridis"](scale(front[first].to_numpy()))
    for row in np.argsort(front[first].to_numpy()):
        axis.plot(elements, shares[row], color=colours[row], lw=0.6, alpha=0.6)
    axis.set(ylabel="at.%", title=TITLES.get(landscape.name, landscape.name))
    figure.colorbar(mpl.cm.ScalarMappable(scale, "viridis"), ax=axis, label=WORDS.get(first, first))
    return figure
