"""Figures of campaigns on alloys that differ in what is modelled: tables in, matplotlib figures out."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.plotting.style import PAGE, PALETTE
from compendium.figures import save, style
from compendium.fusion import merit
from compendium.fusion.figures import RANDOM, nothing, panels, with_error

__all__ = ["cell_named", "ends", "merit_against_experiments", "modelled", "one_step", "save", "tried"]

SEES = {
    "paper": dict(color=style.COLOURS["ascent"], marker="o", label="merit on four features, as published"),
    "features": dict(color=PALETTE[9], marker="D", label="merit on four features"),
    "fractions": dict(color=PALETTE[4], marker="P", label="merit on fractions"),
    "both": dict(color=PALETTE[3], marker="s", label="merit on features and fractions"),
    "outcomes": dict(color=PALETTE[0], marker="v", label="properties on fractions"),
    "outcomes_no_margin": dict(color="0.45", marker="X", label="properties on fractions, no margin"),
}
"""Colour, marker and label of what is modelled in a campaign on alloys; the first paper's arm keeps its own."""


def cell_named(cell: str) -> str:
    """Return the alloy and the number of elements of a cell such as "sma_n10_ascent"."""
    alloy, elements, *_ = cell.split("_")
    return f"{style.TABLES.get(alloy, alloy)}, N = {elements.removeprefix('n')}"


def merit_against_experiments(runs: pd.DataFrame) -> Figure:
    """Draw one panel per landscape: the mean of the largest merit so far, one line per arm, and its standard error.

    runs: as `merit.compute` returns them, of one number of elements. Titles have the numbers of seeds, in the order of
    the legend; dotted is the best merit known.
    """
    table = merit.curves(runs)
    if table.empty:
        return nothing()
    names = list(dict.fromkeys(table["landscape"]))
    figure, axes = panels(names, height=2.0)
    for axis, landscape in zip(axes.flat, names, strict=False):
        own = table[table["landscape"] == landscape]
        counts = own.groupby("arm")["seed"].nunique()
        for arm, look in SEES.items():
            with_error(axis, own[own["arm"] == arm].groupby("experiments")["merit"], look, markevery=10)
        (n_elements,) = own["n_elements"].unique()
        axis.axhline(merit.best_known(landscape, n_elements), color="0.3", ls=":", lw=1)
        seeds = ", ".join(str(counts[arm]) for arm in SEES if arm in counts)
        axis.set(title=f"{landscape} (n = {seeds})", xlabel="experiments")
        axis.grid(axis="y", lw=0.4)
    for axis in axes[:, 0]:
        axis.set_ylabel("largest merit so far")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def modelled(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose labels say in words what is modelled."""
    return style.worded(table, {arm: str(look["label"]) for arm, look in SEES.items()})


def ends(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per landscape, arm and seed: what is modelled, in words, and the merit after all experiments."""
    last = runs["best"].str.split().str[-1].astype(float)
    words = {arm: str(look["label"]).removesuffix(", as published") for arm, look in SEES.items()}
    table = runs[["landscape", "arm", "seed"]].assign(merit=last)
    return table.assign(modelled=[words.get(arm, f"merit, {arm}") for arm in table["arm"]])


def tried(runs: pd.DataFrame) -> Figure:
    """Draw one panel per landscape: a dot for the final merit of each seed, a line for the mean, a row per arm.

    runs: as `merit.compute` returns them.
    """
    if runs.empty:
        return nothing()
    table = ends(runs)
    names, rows = list(dict.fromkeys(table["landscape"])), list(dict.fromkeys(table["modelled"]))
    figure, axes = plt.subplots(1, len(names), figsize=(PAGE, 0.2 * len(rows) + 0.8), sharey=True, squeeze=False)
    for axis, landscape in zip(axes[0], names, strict=True):
        own = table[table["landscape"] == landscape]
        for place, row in enumerate(rows):
            values = own.loc[own["modelled"] == row, "merit"]
            colour = "0.35" if row.startswith("merit") else SEES[merit.OUTCOMES]["color"]
            axis.plot(values, [place] * len(values), "o", ms=3, color=colour, alpha=0.6, mew=0)
            axis.plot([values.mean()] * 2, [place - 0.35, place + 0.35], color=colour, lw=1.6)
        axis.set(title=f"{landscape} (n = {own['seed'].nunique()})", xlabel="merit after 60 experiments")
        axis.grid(axis="x", lw=0.4)
    axes[0, 0].set(yticks=range(len(rows)), yticklabels=rows)
    axes[0, 0].invert_yaxis()
    return figure


def one_step(table: pd.DataFrame) -> Figure:
    """Draw one panel per cell: the mean share of hits of each model with its standard error, and that of random picks.

    table: as `one_step.table` returns it.
    """
    if table.empty:
        return nothing()
    names = list(dict.fromkeys(table["cell"]))
    figure, axes = plt.subplots(1, len(names), figsize=(PAGE, 2.6), sharey=True, squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        own = table[table["cell"] == name]
        hits = own.groupby("model", sort=False)["hits"]
        axis.errorbar(hits.mean(), list(hits.groups), xerr=hits.sem().fillna(0), fmt="o", color="0.2", ms=4)
        axis.axvline(own["share"].mean(), **{key: RANDOM[key] for key in ("color", "ls", "lw")})
        axis.set(
            title=f"{cell_named(name)} (n = {own['seed'].nunique()})", xlim=(0, 1.05), xlabel="share of eight picks"
        )
        axis.grid(axis="x", lw=0.4)
    axes[0, 0].invert_yaxis()
    return figure
