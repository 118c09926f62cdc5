"""Figures of low-energy electron diffraction: tables of `checks` in, matplotlib figures out."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alloygrad.plotting.style import COLUMN, PAGE, PALETTE
from compendium.inverse.case import pendry_ratio
from compendium.inverse.figures import DATA, FIT, TRUTH, label, plus_minus


def beams(table: pd.DataFrame, across: int = 4) -> Figure:
    """Draw I(V) curves, a column for each beam: intensities above, Pendry's Y below, the R factor in the title.

    Args:
        table: As from `checks.compared`; with a column `fitted`, what was fitted is shaded.
        across: How many beams stand in one row.
    """
    names = list(dict.fromkeys(table["beam"]))
    down = -(-len(names) // across)
    figure, axes = plt.subplots(
        2 * down, across, figsize=(PAGE, 2.4 * down), height_ratios=[1.5, 1] * down, squeeze=False, sharex="col"
    )
    pairs = [(axes[2 * i, j], axes[2 * i + 1, j]) for i in range(down) for j in range(across)]
    for number, (top, bottom) in enumerate(pairs):
        if number >= len(names):
            top.set_visible(False)
            bottom.set_visible(False)
            continue
        own = table[table["beam"] == names[number]].sort_values("energy_eV")
        _beam(top, bottom, own)
        top.tick_params(labelbottom=False)
        bottom.tick_params(labelbottom=True)
        if number + across >= len(names):
            bottom.set_xlabel("energy (eV)")
        if number % across == 0:
            top.set_ylabel("intensity")
            bottom.set_ylabel("Y · 2Vᵢ")
    figure.legend(*pairs[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def _beam(top: Axes, bottom: Axes, own: pd.DataFrame) -> None:
    score = own if "fitted" not in own or own["fitted"].all() else own[~own["fitted"]]
    for axis, kind in ((top, ""), (bottom, "y_")):
        parts = [part for _, part in own.groupby("fitted")] if "fitted" in own else [own]
        for i, part in enumerate(parts):
            names = ("measured", "recovered") if i == 0 else (None, None)
            x = part["energy_eV"]
            axis.plot(x, part[kind + "measured"], color=DATA, lw=1.6, alpha=0.7, rasterized=True, label=names[0])
            axis.plot(x, part[kind + "computed"], color=FIT, lw=0.9, label=names[1])
        if "fitted" in own and own["fitted"].any():
            seen = own.loc[own["fitted"], "energy_eV"]
            axis.axvspan(seen.min(), seen.max(), color="0.92", lw=0, label="fitted" if axis is top else None)
    top.set(title=f"{own['beam'].iloc[0]}  R$_P$ = {pendry_ratio(score['y_computed'], score['y_measured']):.3f}")
    top.set_yticks([])
    bottom.set(ylim=(-1.1, 1.1), yticks=[-1, 0, 1])


def distances(
    table: pd.DataFrame, bulk_A: float, *, truth: Mapping[str, float] | None = None, others: pd.DataFrame | None = None
) -> Figure:
    """Draw distances of layers with their error bars beside that of the bulk.

    Args:
        table: As from `Recovery.table`.
        bulk_A: Distance of layers in the bulk in Å.
        truth: True values by name, where they are known.
        others: Values of other searches, one row each.
    """
    names = ["d12", "d23", "d34"]
    figure, axis = plt.subplots(figsize=(COLUMN, 2.2))
    places = np.arange(3)[::-1]
    axis.axvline(bulk_A, color="0.4", lw=0.9, ls=":", label=f"bulk, {bulk_A:.4f} Å")
    value, error = table.loc[names, "value"], table.loc[names, "standard_error"]
    axis.errorbar(value, places, xerr=error, fmt="o", ms=4.5, lw=1.2, color=FIT, label="recovered")
    if truth is not None:
        axis.plot([truth[name] for name in names], places, "|", ms=11, mew=1.6, color=TRUTH, label="truth")
    for place, name in zip(places, names, strict=True):
        if others is not None:
            x, text = others[name], "other searches" if name == "d12" else None
            axis.plot(x, np.full(len(x), place - 0.22), "|", ms=5, mew=0.8, color="0.4", label=text)
        axis.annotate(
            plus_minus(table.loc[name]), (value[name], place), (0, 5),
            textcoords="offset points", ha="center", fontsize=7, bbox=dict(fc="w", lw=0, pad=0.3),
        )  # fmt: skip
    axis.set_yticks(places, [label(name) for name in names])
    axis.set(xlabel="distance of layers (Å)", ylim=(-0.5, 2.6))
    axis.margins(x=0.15)
    axis.xaxis.set_major_locator(MaxNLocator(5))
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def r_factors(table: pd.DataFrame) -> Figure:
    """Draw the R factor of each beam, fitted and held out.

    Args:
        table: As from `checks.held_out`.
    """
    names = [name for name in dict.fromkeys(table["beam"]) if name != "all"] + ["all"]
    figure, axis = plt.subplots(figsize=(COLUMN, 0.9 + 0.22 * len(names)))
    place = {name: len(names) - 1 - i for i, name in enumerate(names)}
    axis.axhspan(-0.5, 0.5, color="0.95", lw=0)
    for fitted, colour, marker, text in ((True, PALETTE[7], "s", "fitted"), (False, FIT, "o", "held out")):
        own = table[table["fitted"] == fitted]
        axis.plot(own["r_p"], own["beam"].map(place), marker, ms=4.5, color=colour, label=text)
    for _, row in table[~table["fitted"].astype(bool)].iterrows():
        text = f"{row['low_eV']:.0f}–{row['high_eV']:.0f} eV, n = {row['points']}"
        axis.text(1.02, place[row["beam"]], text, transform=axis.get_yaxis_transform(), va="center", fontsize=7)
    axis.set_yticks(list(place.values()), list(place))
    axis.set(xlabel="Pendry's R factor", xlim=(0, max(0.3, 1.1 * table["r_p"].max())), ylim=(-0.5, len(names) - 0.5))
    figure.legend(loc="outside upper center", ncols=2)
    return figure
