"""Figures of X-ray absorption: two programs on one input, and which energies are chosen."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from alloygrad.plotting.style import COLUMN, PAGE, PALETTE
from compendium.inverse.absorption_energies import ARMS
from compendium.inverse.figures import DATA, FIT

LOOKS = dict(zip(ARMS, [(PALETTE[0], "o"), (PALETTE[7], "s"), (PALETTE[5], "^"), (PALETTE[1], "v"), (PALETTE[4], "D"),
                        (PALETTE[3], "P")], strict=True))  # fmt: skip
"""Colour and marker of a way to choose."""


def programs(table: pd.DataFrame) -> Figure:
    """Draw two computed spectra over each other, their difference below.

    Args:
        table: As from `absorption.against_ttmult`.
    """
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(COLUMN, 2.8), sharex=True, height_ratios=(2.6, 1))
    highest = table["ttmult"].max()
    top.plot(table["energy_eV"], table["ttmult"] / highest, color=DATA, lw=2.4, alpha=0.7, label="TTMult")
    top.plot(table["energy_eV"], table["computed"] / highest, color=FIT, lw=0.9, label="this simulator")
    bottom.axhline(0, color="0.6", lw=0.6)
    off = 100 * (table["computed"] - table["ttmult"]) / highest
    bottom.plot(table["energy_eV"], off, color=DATA, lw=0.8)
    top.set(ylabel="absorption", xlim=(table["energy_eV"].min(), 732))
    bottom.set(xlabel="energy (eV)", ylabel="difference\n(% of highest)")
    top.legend(loc="upper right")
    figure.align_ylabels()
    return figure


def chosen_energies(energies: np.ndarray, clean: np.ndarray, points: Mapping[str, Sequence[int]]) -> Figure:
    """Draw a spectrum and, below it, which energies each way has measured; the height counts repeats.

    Args:
        energies: Energies (n,) in eV.
        clean: The noiseless spectrum (n,).
        points: Way to choose → numbers of the measured energies.
    """
    count = len(points)
    size, heights = (PAGE, 1.9 + 0.5 * count), [3, *[0.8] * count]
    figure, axes = plt.subplots(1 + count, 1, figsize=size, sharex=True, height_ratios=heights)
    axes[0].plot(energies, clean, color=DATA, lw=1.2)
    axes[0].set_ylabel("absorption")
    most = max(np.bincount(own).max() for own in points.values())
    for axis, (arm, own) in zip(axes[1:], points.items(), strict=True):
        counts = np.bincount(own, minlength=len(energies))
        axis.bar(energies, counts, width=0.2, color=LOOKS[arm][0], lw=0)
        axis.set(ylim=(0, most + 0.5), yticks=[0, most])
        axis.text(
            0.995, 0.9, f"{ARMS[arm]}, {len(own)} points", ha="right", va="top", fontsize=7, transform=axis.transAxes
        )
    axes[-1].set_xlabel("energy (eV)")
    axes[1].set_ylabel("repeats")
    figure.align_ylabels()
    return figure


def needed(table: pd.DataFrame, progress: pd.DataFrame) -> Figure:
    """Draw the points that each campaign needs (left), and how the median largest error falls (right).

    Args:
        table: As from `absorption_energies.points_needed`.
        progress: As from `absorption_energies.campaigns`.
    """
    arms = [arm for arm in ARMS if arm in set(table["arm"])]
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 0.9 + 0.34 * len(ARMS)), width_ratios=(1.5, 1))
    end = table["most"].max() + 24  # where those stand that never reach the tolerance
    for place, arm in enumerate(reversed(arms)):
        colour, marker = LOOKS[arm]
        own = table.loc[table["arm"] == arm, "points"]
        reached, middle = own.clip(upper=end), min(own.median(), end)
        jitter = 0.13 * (np.arange(len(own)) % 5 - 2)
        left.plot(reached, place + jitter, marker, ls="", ms=3.5, alpha=0.8, color=colour, mew=0)
        left.vlines(middle, place - 0.38, place + 0.38, color="0.1", lw=1.4)
        mine = progress[progress["arm"] == arm].groupby("points")["off"].median()
        right.plot(mine.index, mine, color=colour, marker=marker, ms=2.6, lw=1, mew=0)
    left.set_yticks(range(len(arms)), [ARMS[arm] for arm in reversed(arms)])
    ticks = [tick for tick in range(0, int(end) - 23, 24)]
    left.set_xticks([*ticks, end], [*map(str, ticks), "never"])
    left.set(xlabel="points until the tolerance is kept", xlim=(0, end + 6), ylim=(-0.6, len(arms) - 0.4))
    right.axhline(1, color="0.4", lw=0.8, ls=":")
    right.set(yscale="log", xlabel="points measured", ylabel="largest error\n(tolerances, median)")
    right.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    right.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    right.yaxis.set_minor_formatter(NullFormatter())
    return figure


def posterior(stages: Mapping[str, np.ndarray], truth: Sequence[float], labels: Sequence[str]) -> Figure:
    """Draw particles over pairs of three parameters after several numbers of points.

    Args:
        stages: Label → parameters (n, 3).
        truth: Their true values.
        labels: Their names.
    """
    pairs = [(0, 1), (0, 2), (1, 2)]
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.3))
    for axis, (i, j) in zip(axes, pairs, strict=True):
        for (label, values), colour in zip(stages.items(), (PALETTE[7], PALETTE[4], PALETTE[0]), strict=False):
            axis.plot(values[:, i], values[:, j], ".", ms=2.5, mew=0, color=colour, label=label)
        axis.plot(truth[i], truth[j], "+", ms=9, mew=1.4, color="0.1", label="truth")
        axis.set(xlabel=labels[i], ylabel=labels[j])
    handles, names = axes[0].get_legend_handles_labels()
    dots = [mpl.lines.Line2D([], [], ls="", marker="o", ms=4, mew=0, color=dot.get_color()) for dot in handles[:-1]]
    figure.legend([*dots, handles[-1]], names, loc="outside upper center", ncols=4)
    return figure
