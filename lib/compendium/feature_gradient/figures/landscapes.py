"""The headline comparison in every landscape, and its mean over landscapes."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.plotting.style import PAGE, PALETTE
from compendium.figures.style import ALLOYS


def over_landscapes(table: pd.DataFrame, overall: pd.DataFrame, panels: dict[str, tuple[str, float]]) -> Figure:
    """A panel for each statistic in `panels`, a row for each landscape, and the mean over all of them at the bottom.

    table: columns alloy, landscape, statistic, value, low, high. overall: alloy ("all"), statistic, value, low, high.
    panels: statistic → (label, place of a dotted line).
    """
    rows = list(dict.fromkeys(zip(table["alloy"], table["landscape"], strict=True)))[::-1]
    height = 0.9 + 0.22 * (len(rows) + 1)
    figure, axes = plt.subplots(1, len(panels), figsize=(PAGE, height), sharey=True, squeeze=False)
    for axis, (statistic, (label, mark)) in zip(axes[0], panels.items(), strict=True):
        axis.axvline(0, color="0.6", lw=0.8)
        axis.axvline(mark, color="0.4", lw=0.8, ls=":")
        for row in table[table["statistic"] == statistic].itertuples():
            place, look = rows.index((row.alloy, row.landscape)), ALLOYS[row.alloy]
            axis.plot([row.low, row.high], [place] * 2, color=look["color"], lw=1.4)
            axis.plot(row.value, place, **look, ms=4)
        whole = overall[(overall["alloy"] == "all") & (overall["statistic"] == statistic)]
        for row in whole.itertuples():
            axis.plot([row.low, row.high], [-1] * 2, color=PALETTE[3], lw=1.8)
            axis.plot(row.value, -1, "*", ms=8, color=PALETTE[3])
        axis.set_xlabel(label)
        axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
        axis.set_ylim(-1.6, len(rows) - 0.4)
    axes[0, 0].set_yticks(range(-1, len(rows)), ["all landscapes", *(", ".join(row) for row in rows)])
    axes[0, 0].tick_params(axis="y", length=0)
    return figure
