"""Figures of reinforcement learning: what searches are left with, by how much it helps, errors of a surrogate."""

from collections.abc import Mapping

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.plotting.style import COLUMN, PAGE, PALETTE
from compendium.figures import save, style
from compendium.judging import statistics
from compendium.learning import measurements, runs, suggestions

__all__ = ["curves", "errors", "gains", "mean_curves", "save", "table_of_gains", "worded"]

COLOURS = {"weak": PALETTE[1], "search": PALETTE[2], "dqn": PALETTE[4], "random": style.COLOURS["random"]}
LABELS = {"weak": "weak loop", "search": "good search", "dqn": "DQN", "random": "random points"}
MARKERS = {"weak": "^", "search": "o", "dqn": "s", "random": "X"}
DASHES = {"ei": (None, None), "mean": (4, 1.5), "none": (1, 1)}
NAMES = {"ei": "EI", "mean": "mean", "none": ""}

ARMS = {"dqn": PALETTE[4], "reduction": PALETTE[2], "variance": PALETTE[0], "random": style.COLOURS["random"]}
ARM_LABELS = {
    "dqn": "DQN on the reduction",
    "reduction": "largest reduction",
    "variance": "largest variance",
    "random": "random alloys",
}

COMPARED = {
    "expected improvement": (("ei", "dqn"), ("ei", "search")),
    "mean": (("mean", "dqn"), ("mean", "search")),
    "as published": (("mean", "dqn"), ("ei", "weak")),
    "against random": (("mean", "dqn"), runs.RANDOM),
}
"""Title → the two pairs that are compared."""

HELPS, SUBSTITUTES = 0.05, -0.1
"""Bounds of the criterion in `runs`."""


def worded(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with searches and acquisition functions in words."""
    return style.worded(table, LABELS | {"ei": "expected improvement"})


def mean_curves(minima: pd.DataFrame) -> pd.DataFrame:
    """Return means over seeds with 95 % intervals: function, dimensions, acquisition, search, experiment, …, n."""
    steps = [name for name in minima if isinstance(name, int)]
    keys = ["function", "dimensions", "acquisition", "search"]
    rows = [pd.DataFrame(columns=[*keys, "experiment", "mean", "low", "high", "n"])]
    for key, own in minima.groupby(keys, sort=False):
        mean, low, high = statistics.mean_interval(own[steps].to_numpy(dtype=float))
        about = dict(zip(keys, key, strict=True))
        rows.append(pd.DataFrame({**about, "experiment": steps, "mean": mean, "low": low, "high": high, "n": len(own)}))
    return pd.concat(rows[1:] or rows, ignore_index=True)


def curves(means: pd.DataFrame) -> Figure:
    """Draw what is left against proposals, a panel for each task; means: of `mean_curves`."""
    columns = [*runs.DIMENSIONS, runs.ALLOYS]
    figure, axes = plt.subplots(2, len(columns), figsize=(PAGE, 3.4), sharex=True)
    for (function, size), axis in zip(_order(), [*axes[:, :-1].T.ravel(), axes[0, -1]], strict=True):
        own = means[(means["function"] == function) & (means["dimensions"] == size)]
        for (acquisition, search), line in own.groupby(["acquisition", "search"], sort=False):
            axis.plot(line["experiment"], line["mean"], color=COLOURS[search], dashes=DASHES[acquisition], lw=1)
        axis.set_title(measurements.task_name(function, size))
        axis.set_ylim(bottom=0)
    axes[0, -1].tick_params(labelbottom=True)
    axes[1, -1].set_axis_off()
    handles = [
        mpl.lines.Line2D(
            [], [], color=COLOURS[search], dashes=DASHES[acquisition], lw=1, label=_label((acquisition, search))
        )
        for acquisition, search in (*runs.PAIRS, runs.RANDOM)
    ]
    axes[1, -1].legend(handles=handles, loc="center")
    figure.supxlabel("points proposed", fontsize=8)
    figure.supylabel("above the minimum", fontsize=8)
    return figure


def table_of_gains(minima: pd.DataFrame, compared: Mapping = COMPARED) -> pd.DataFrame:
    """Return by how much less reinforcement learning is left with, in shares of what random experiments are.

    Columns: compared, task, function, dimensions, mean, low, high (95 % over seeds), n, verdict.
    """
    rows = []
    for name, (one, other) in compared.items():
        for function, size in runs.TASKS:
            found = measurements.gain(minima, function, size, one, other).to_numpy()
            mean, low, high = statistics.mean_interval(found) if len(found) else (np.nan,) * 3
            task = measurements.task_name(function, size)
            rows.append((name, task, function, size, mean, low, high, len(found), _verdict(low, high)))
    return pd.DataFrame(
        rows, columns=["compared", "task", "function", "dimensions", "mean", "low", "high", "n", "verdict"]
    )


def _verdict(low: float, high: float) -> str:
    """What an interval says: helps, substitute, worse, no help (and perhaps no substitute), or open."""
    if low >= HELPS:
        return "helps"
    if low >= SUBSTITUTES:
        return "substitute"
    if high < SUBSTITUTES:
        return "worse"
    return "no help" if high < HELPS else "open"


def gains(table: pd.DataFrame) -> Figure:
    """Draw a table of `table_of_gains`: a panel for each comparison, a row for each task."""
    names = list(dict.fromkeys(table["compared"]))
    figure, axes = plt.subplots(1, len(names), figsize=(PAGE, 2.6), sharey=True)
    for name, axis in zip(names, axes, strict=True):
        own = table[table["compared"] == name].reset_index(drop=True)
        axis.axvline(0, color="0.5", lw=0.6)
        axis.axvspan(SUBSTITUTES, HELPS, color="0.92", lw=0)
        error = [own["mean"] - own["low"], own["high"] - own["mean"]]
        axis.errorbar(own["mean"], own.index, xerr=error, fmt="s", ms=3.5, lw=1, color=COLOURS["dqn"])
        axis.set_title(name)
        axis.set_yticks(own.index, own["task"])
    axes[0].invert_yaxis()
    figure.supxlabel("less left with DQN, in units of what random points leave", fontsize=8)
    return figure


def errors(table: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Draw the error of the surrogate against alloys added, and return the numbers drawn; table: of `suggestions`."""
    steps = [name for name in table if isinstance(name, int)]
    figure, axis = plt.subplots(figsize=(COLUMN, 2.4))
    rows = [pd.DataFrame(columns=["arm", "added", "mean", "low", "high", "n"])]
    for arm, colour in ARMS.items():
        own = table[table["arm"] == arm]
        if len(own):
            mean, low, high = statistics.mean_interval(own[steps].to_numpy(dtype=float))
            added = suggestions.ROUND * np.array(steps)
            axis.plot(added, mean, color=colour, label=f"{ARM_LABELS[arm]}, n = {len(own)}")
            axis.fill_between(added, low, high, color=colour, alpha=0.2, lw=0)
            data = {"arm": arm, "added": added, "mean": mean, "low": low, "high": high, "n": len(own)}
            rows.append(pd.DataFrame(data))
    axis.set(xlabel="alloys added to the first 50", ylabel="error (standard deviations)")
    if len(rows) > 1:
        axis.legend()
    else:
        axis.text(0.5, 0.5, "no run on record", transform=axis.transAxes, ha="center")
    return figure, pd.concat(rows[1:] or rows, ignore_index=True)


def _order() -> list[tuple[str, int]]:
    """The tasks as `curves` draws them: by columns, alloys last."""
    return list(runs.TASKS)


def _label(pair: tuple[str, str]) -> str:
    acquisition, search = pair
    return f"{LABELS[search]}, {NAMES[acquisition]}" if NAMES[acquisition] else LABELS[search]
