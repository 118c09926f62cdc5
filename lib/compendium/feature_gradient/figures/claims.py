"""The scoreboard as a picture: how many claims of each topic hold."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.plotting.style import PAGE
from compendium.judging.board import COLOURS


def verdicts_by_topic(board: pd.DataFrame) -> Figure:
    """One bar for each topic, its claims in the colours of their verdicts, with their number.

    board: columns topic, verdict; topics in the order in which they stand, from the top.
    """
    counts = board.groupby(["topic", "verdict"], sort=False).size().unstack(fill_value=0)
    counts = counts.reindex(index=dict.fromkeys(board["topic"]), columns=[v for v in COLOURS if v in counts])
    figure, axis = plt.subplots(figsize=(PAGE, 0.9 + 0.28 * len(counts)))
    ends = counts.cumsum(axis=1)
    for verdict in counts:
        own, end = counts[verdict].to_numpy(), ends[verdict].to_numpy()
        bars = axis.barh(range(len(counts)), own, left=end - own, color=COLOURS[verdict], height=0.72, label=verdict)
        axis.bar_label(bars, [str(n) if n else "" for n in own], label_type="center", color="w", fontsize=7)
    axis.set_yticks(range(len(counts)), counts.index)
    axis.set(ylim=(len(counts) - 0.5, -0.5), xlabel="claims")
    axis.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper center", ncols=4, handlelength=1.0, columnspacing=1.2)
    return figure
