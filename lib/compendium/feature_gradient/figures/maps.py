"""Where campaigns search: t-SNE maps of compositions, and distributions over pairs of elements."""

from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from alloygrad.plotting.style import PAGE
from compendium.feature_gradient.figures.panels import arms_of
from compendium.figures.style import COLOURS, LABELS, curve_of

RARE = 0.02
"""Per cent of all picks: what fewer fall into has the lightest shade."""


def _map(axis, own: pd.DataFrame, norm):
    """Picks of one arm on a t-SNE map, coloured by merit; initial data as rings."""
    begun, picks = own[own["experiment"] < 0], own[own["experiment"] >= 0].sort_values("merit")
    axis.scatter(begun["x"], begun["y"], s=14, facecolor="none", edgecolor="0.65", lw=0.6)
    drawn = axis.scatter(picks["x"], picks["y"], s=14, c=picks["merit"], norm=norm, cmap="viridis", lw=0)
    axis.set(xticks=[], yticks=[])
    for side in ("top", "right"):
        axis.spines[side].set_visible(True)
    axis.spines[:].set_color("0.7")
    return drawn


def _limits(table: pd.DataFrame) -> dict:
    """The same for every arm on a map."""
    sides = {c: (table[c].min(), table[c].max()) for c in "xy"}
    return {f"{c}lim": (low - 0.06 * (high - low), high + 0.06 * (high - low)) for c, (low, high) in sides.items()}


def _merits(table: pd.DataFrame) -> mpl.colors.Normalize:
    picks = table.loc[table["experiment"] >= 0, "merit"]
    return mpl.colors.Normalize(picks.quantile(0.1), picks.max())


def pair_of_maps(table: pd.DataFrame) -> Figure:
    """One pair of trajectories: best merit so far, and each arm's compositions on the t-SNE map of both.

    table: columns method, experiment, merit, x, y; initial data under each method.
    """
    arms = [arm for arm, _ in arms_of(table)]
    figure, axes = plt.subplots(1, 1 + len(arms), figsize=(PAGE, 2.35), width_ratios=[1.15] + [1] * len(arms))
    norm = _merits(table)
    for axis, (arm, own) in zip(axes[1:], arms_of(table), strict=True):
        best = own.sort_values("experiment").assign(best=lambda t: t["merit"].cummax()).query("experiment >= -1")
        axes[0].plot(best["experiment"] + 1, best["best"], **curve_of(arm))
        drawn = _map(axis, own, norm)
        axis.set(**_limits(table))
        axis.set_title(LABELS[arm], color=COLOURS[arm])
    axes[0].set(xlabel="experiments", ylabel="best merit so far")
    axes[0].legend(loc="lower right", handlelength=2.8)
    figure.colorbar(drawn, ax=axes[-1], label="figure of merit", aspect=25, pad=0.02, extend="min")
    return figure


def perplexities(table: pd.DataFrame) -> Figure:
    """The maps of `pair_of_maps` for several perplexities (across) and the arms (down).

    table: columns perplexity, method, experiment, merit, x, y.
    """
    arms, values = [arm for arm, _ in arms_of(table)], sorted(table["perplexity"].unique())
    figure, axes = plt.subplots(len(arms), len(values), figsize=(PAGE, 1.75 * len(arms)), squeeze=False)
    norm = _merits(table)
    for column, value in enumerate(values):
        rows = table[table["perplexity"] == value]
        for row, (_, own) in enumerate(arms_of(rows)):
            drawn = _map(axes[row, column], own, norm)
            axes[row, column].set(**_limits(rows))
        axes[0, column].set_title(f"perplexity {value:g}")
    for row, arm in enumerate(arms):
        axes[row, 0].set_ylabel(LABELS[arm], color=COLOURS[arm])
    figure.colorbar(drawn, ax=axes, label="figure of merit", aspect=30, pad=0.01, extend="min")
    return figure


def pair_distributions(table: pd.DataFrame, elements: Sequence[str], bins: int = 20) -> Figure:
    """Picks of two arms by pairs of elements: the first arm below the diagonal, the second above, both on it.

    table: columns method, seed and one per element, at.%; the shades of all panels share one logarithmic scale, from
    `RARE` on; where nothing was picked is white.
    """
    elements, arms = list(elements), [arm for arm, _ in arms_of(table)]
    figure, axes = plt.subplots(len(elements), len(elements), figsize=(PAGE, 6.6), sharex="col")
    shades = {
        arm: sns.blend_palette([sns.light_palette(COLOURS[arm])[1], COLOURS[arm], "k"], as_cmap=True) for arm in arms
    }
    norm, drawn = mpl.colors.LogNorm(RARE, 15, clip=True), {}
    edges = {e: np.linspace(table[e].min(), table[e].max() + 1e-9, bins + 1) for e in elements}
    for i, one in enumerate(elements):
        for j, other in enumerate(elements):
            axis = axes[i, j]
            if i == j:
                for arm, own in arms_of(table):
                    share = np.histogram(own[one], edges[one])[0] / len(own)
                    axis.stairs(100 * share, edges[one], color=COLOURS[arm], lw=1.1)
                    axis.stairs(100 * share, edges[one], color=COLOURS[arm], fill=True, alpha=0.2)
                axis.set_title(one, y=0.82, fontweight="bold")
                axis.yaxis.tick_right()
                axis.spines["right"].set_visible(True)
                axis.spines["left"].set_visible(False)
                continue
            arm = arms[0] if i > j else arms[-1]
            own = table[table["method"] == arm]
            share = 100 * np.histogram2d(own[other], own[one], [edges[other], edges[one]])[0] / len(own)
            share = np.ma.masked_equal(share.T, 0)
            style = dict(cmap=shades[arm], norm=norm, rasterized=True)
            drawn[arm] = axis.pcolormesh(edges[other], edges[one], share, **style)
            if i == 0 and j == len(elements) - 1:  # to its left stands a histogram, with a scale of its own
                axis.yaxis.tick_right()
                axis.yaxis.set_label_position("right")
                axis.set_ylabel(f"{one} (at.%)")
            elif j:
                axis.set_yticklabels([])
            for side in ("top", "right"):
                axis.spines[side].set_visible(True)
    for k, element in enumerate(elements):
        axes[-1, k].set_xlabel(f"{element} (at.%)")
        if k:
            axes[k, 0].set_ylabel(f"{element} (at.%)")
    axes[0, 0].yaxis.set_label_position("right")
    axes[0, 0].set_ylabel("% of picks")
    for arm, half in zip(arms, np.array_split(np.arange(len(elements)), len(arms)), strict=True):
        bar = dict(
            location="bottom", shrink=0.8, aspect=40, extend="both", format="%g", label=f"% of picks, {LABELS[arm]}"
        )
        figure.colorbar(drawn[arm], ax=list(axes[:, half].flat), **bar)
    places = ["below the diagonal", "above it"] if len(arms) > 1 else [""]
    handles = [mpl.patches.Patch(color=COLOURS[arm], alpha=0.7) for arm in arms]
    n = table.groupby("method")["seed"].nunique()
    labels = [f"{LABELS[arm]}, {place} (n = {n[arm]})" for arm, place in zip(arms, places, strict=True)]
    figure.legend(handles, labels, loc="outside upper center", ncols=len(arms))
    return figure
