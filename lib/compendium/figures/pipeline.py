"""The way of the fusion from measurements to the next batch, as a drawing: what each station does, and its module."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from alloygrad.plotting.style import PAGE, PALETTE

STATIONS = {
    "data": (("candidates", "outcomes"), "campaigns.telling"),
    "reservoir\nof learners": (
        ("Gaussian process,\none lengthscale", "Gaussian process,\nTanimoto", "Gaussian process,\nall lengthscales",
         "extra trees"), "surrogates.ensemble",
    ),
    "out-of-sample errors\nand information": (
        ("error near the top\n$e_c^2$", "information\n$I_c = \\frac{1}{2}\\,\\log(v/e_c^2)$", "gain\n$g_c$, sum 1"),
        "surrogates.fusion",
    ),
    "fused state": (
        ("consensus\n$M = \\Sigma\\,g_c\\,p_c$", "disagreement\n$D$", "covariance\n$C$, calibrated"),
        "surrogates.process",
    ),
    "batch choice": (("log EI of\nthe state", "each pick fantasised\nbefore the next"), "campaigns.batches"),
    "measurement": (("a laboratory,\nor rows of a pool",), "campaigns.campaign"),
}  # fmt: skip
"""Station → (what it holds, its module in `alloygrad`), in order."""

HEIGHT, ROW = 2.35, 0.33
"""Of the drawing and of an entry in a box, in inches."""

SAID = dict(ha="center", fontsize=7, color="0.35")


def table() -> pd.DataFrame:
    """Return one row per station: station, holds, module."""
    rows = [(name, "; ".join(holds), module) for name, (holds, module) in STATIONS.items()]
    return pd.DataFrame(rows, columns=["station", "holds", "module"]).replace("\n", " ", regex=True)


def pipeline() -> Figure:
    """Draw the stations from left to right, and the way of new measurements back to the data."""
    figure = plt.figure(figsize=(PAGE, HEIGHT))
    figure.set_layout_engine("none")
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, PAGE), ylim=(0, HEIGHT))
    axis.set_axis_off()
    widths = [0.78, 1.02, 1.17, 0.98, 1.02, 0.92]
    gap, middle = (PAGE - 0.1 - sum(widths)) / (len(widths) - 1), 1.3
    left = 0.05
    arrow = dict(arrowstyle="-|>", mutation_scale=9, lw=1.1, color="0.35", shrinkA=0, shrinkB=0)
    for place, ((name, (holds, module)), width) in enumerate(zip(STATIONS.items(), widths, strict=True)):
        _station(axis, left, middle, width, (name, holds, module), lab=place == len(STATIONS) - 1)
        if place:
            axis.add_patch(FancyArrowPatch((left - gap, middle), (left - 0.01, middle), **arrow))
        left += width + gap
    first, last, low, high = 0.05 + widths[0] / 2, PAGE - 0.05 - widths[-1] / 2, 0.25, 0.74
    axis.plot([last, last, first, first], [high, low, low, high - 0.1], color="0.35", lw=1.1, solid_joinstyle="miter")
    axis.add_patch(FancyArrowPatch((first, high - 0.15), (first, high), **arrow))
    axis.text(PAGE / 2, low - 0.05, "new measurements: all learners are fitted again", va="top", **SAID)
    return figure


def _station(axis: Axes, left: float, middle: float, width: float, said: tuple, *, lab: bool) -> None:
    """Draw one station: its name above, a box with an entry for each thing it holds, its module below."""
    name, holds, module = said
    height = max(2, len(holds)) * ROW
    box = dict(boxstyle="round,pad=0,rounding_size=0.06", lw=0.8)
    colour = PALETTE[1] if lab else PALETTE[0]
    axis.add_patch(FancyBboxPatch((left, middle - height / 2), width, height, fc=(*colour, 0.1), ec=colour, **box))
    style = dict(ha="center", fontsize=6.5, linespacing=1.1)
    centre = left + width / 2
    for row, text in enumerate(holds):
        axis.text(centre, middle + height * (0.5 - (row + 0.5) / len(holds)), text, va="center", **style)
    axis.text(centre, middle + height / 2 + 0.07, name, va="bottom", ha="center", fontsize=7, weight="bold")
    below = dict(va="top", ha="center", fontsize=5.5, color="0.3", family="monospace")
    axis.text(centre, middle - height / 2 - 0.06, module, **below)
