"""Whole campaigns: what has been found after so many experiments."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.figures.style import COLOURS, LABELS, PAGE, SURROGATES


def best_so_far(table: pd.DataFrame, optimum: float) -> Figure:
    """Best merit so far (left) and what it lacks to the optimum (right): means over trajectories, 95 % intervals.

    table: columns method (an inner loop or a surrogate), experiment (−1 = before the first), mean, low, high, n.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 2.5))
    for method, rows in table.groupby("method", sort=False):
        done, colour = rows["experiment"] + 1, (COLOURS | SURROGATES)[method]
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
