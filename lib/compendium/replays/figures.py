"""Figures of replays: tables in, matplotlib figures out."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.plotting.style import PAGE, PALETTE
from compendium.figures import paths, save, style

__all__ = ["ARMS", "TABLES", "paths", "save", "style"]

ARMS = {
    "campaign": dict(color=PALETTE[0], marker="o", label="campaign, defaults"),
    "fractions": dict(color=PALETTE[9], marker="D", label="campaign, fractions"),
    "botorch": dict(color=PALETTE[1], marker="s", label="BoTorch, fractions"),
    "forest": dict(color=PALETTE[2], marker="^", label="random forest, fractions"),
}
"""Colour, marker and label of who chooses."""

TABLES = {
    "steel_strength": "steels, yield strength",
    "bainite_start": "steels, bainite start",
    "invar": "Invar, thermal expansion",
    "nitihf": "NiTiHf, austenite finish",
    "own_sma": "own: 4 elements (SMA)",
    "own_ti": "own: 6 elements (Ti)",
    "own_hea": "own: 8 elements (HEA)",
}
"""What each table is called."""


def experiments(summary: pd.DataFrame, differences: pd.DataFrame) -> Figure:
    """Draw experiments until one of the best is measured, and their ratio of the campaign to BoTorch.

    Args:
        summary: As `runs.summary` returns it.
        differences: As `runs.differences` returns it.
    """
    names = [name for name in TABLES if name in set(summary["table"])]
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(PAGE, 0.42 * len(names) + 1.3), sharey=True, width_ratios=[2.2, 1], layout="constrained"
    )
    place = {name: number for number, name in enumerate(names)}
    for shift, (arm, look) in zip(np.linspace(-0.27, 0.27, len(ARMS)), ARMS.items(), strict=True):
        own = summary[summary["arm"] == arm]
        at = own["table"].map(place) + shift
        errors = [own["experiments"] - own["low"], own["high"] - own["experiments"]]
        left.errorbar(own["experiments"], at, xerr=errors, ls="", ms=4, lw=1, **look)
    random = summary[summary["arm"] == "random"]
    left.plot(random["experiments"], random["table"].map(place), ls="", marker="|", ms=16, color="0.45", label="random")
    left.set(xscale="log", xlabel="experiments until one of the best", yticks=range(len(names)))
    left.set_yticklabels([TABLES[name] for name in names])
    left.invert_yaxis()
    left.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    errors = [differences["ratio"] - differences["low"], differences["high"] - differences["ratio"]]
    look = dict(fmt="o", color="0.2", ms=4, lw=1)
    right.errorbar(differences["ratio"], differences["table"].map(place), xerr=errors, **look)
    right.axvline(1, color="0.45", lw=1)
    right.set(xscale="log", xlabel="campaign / BoTorch", xticks=[0.25, 0.5, 1, 2, 4])
    right.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    right.xaxis.set_minor_formatter(lambda *_: "")
    for axis in (left, right):
        axis.grid(axis="x", lw=0.4)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure
