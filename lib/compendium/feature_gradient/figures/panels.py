"""What the figures of campaigns share: panels by alloy, arms in one order, curves with bands, regret axes, legends.

The arms stand in the order of `ARMS` everywhere: from those that follow the acquisition function exactly to the one
that does not follow it at all.
"""

from collections.abc import Iterable, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alloygrad.plotting.style import PAGE
from compendium.feature_gradient.results import WORDS
from compendium.figures.style import COLOURS, LABELS, MARKERS

ARMS = ("enumeration", "ascent", "slsqp_log_ei", "slsqp_ei", "best_of_random", "random")

SHORT = {
    "slsqp_log_ei": "published loop\non log EI", "slsqp_ei": "published\nloop",
    "best_of_random": "best of 20 N\nrandom",
    "random": "random\nexperiments",
}  # fmt: skip
"""Names of arms that are too long as they stand in ``style.LABELS``."""

LEAST_REGRET = 1e-5
"""Below this a regret axis is linear, so that 0 has a place on it."""


def alloy_panels(table: pd.DataFrame, height: float, rows: int = 1, **options) -> tuple[Figure, dict]:
    """A page-wide figure and its panels by alloy, those of the table: an axis, or an array of `rows` axes."""
    names = [alloy for alloy in WORDS if alloy in set(table["alloy"])]
    figure, axes = plt.subplots(rows, max(1, len(names)), figsize=(PAGE, height), squeeze=False, **options)
    return figure, dict(zip(names, axes.T if rows > 1 else axes[0], strict=False))


def arms_of(rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The arms that a table has, in their order, each with its rows."""
    return [(arm, rows[rows["method"] == arm]) for arm in ARMS if (rows["method"] == arm).any()]


def titled(alloy: str, rows: pd.DataFrame) -> str:
    """The alloy and "(n = 96; ascent: 8)": of most arms, and of those with another n. rows: columns method, n."""
    numbers = pd.Series({arm: own["n"].max() for arm, own in arms_of(rows)})
    usual = numbers.mode().max()
    others = [f"{LABELS[arm]}: {n}" for arm, n in numbers[numbers != usual].items()]
    return f"{WORDS[alloy]}\n({'; '.join([f'n = {usual}', *others])})"


def on_fewer(own: pd.DataFrame, rows: pd.DataFrame) -> bool:
    """Whether an arm's rows rest on fewer trajectories than some other of the same panel."""
    return bool(own["n"].max() < rows["n"].max())


def band(axis: Axes, x, rows: pd.DataFrame, *, less: float | None = None, **style) -> None:
    """Mean and interval of `rows` over x; with `less`, the shortfall from it."""
    mean, low, high = rows["mean"], rows["low"], rows["high"]
    if less is not None:
        mean, low, high = less - mean, less - high, less - low
    axis.plot(x, mean, **style)
    axis.fill_between(x, low.astype(float), high.astype(float), color=style["color"], alpha=0.18, lw=0)


def band_as_bars(axis: Axes, x, rows: pd.DataFrame, *, most: int | None = None, **style) -> None:
    """Means joined by a line, their intervals as bars: for few places on x. Open: fewer than `most` trajectories."""
    few = np.zeros(len(rows), bool) if most is None else (rows["n"] < most).to_numpy()
    axis.plot(x, rows["mean"], **style, markevery=np.flatnonzero(~few).tolist(), clip_on=False)
    axis.vlines(x, rows["low"].astype(float), rows["high"].astype(float), color=style["color"], lw=0.9)
    if few.any():
        hollow = style | dict(lw=0, mfc="w", mec=style["color"], mew=0.8, label=None, clip_on=False)
        axis.plot(x[few], rows.loc[few, "mean"], **hollow)


def interval(axis: Axes, row, height: float, arm: str, *, filled: bool) -> None:
    """One difference, a `row` with mean, low and high: the arm's marker on its interval."""
    axis.plot([row.low, row.high], [height] * 2, color=COLOURS[arm], lw=1.4)
    axis.plot(row.mean, height, MARKERS[arm], ms=4.5, mfc=COLOURS[arm] if filled else "w", mec=COLOURS[arm], mew=1.1)


def regret_axis(axis: Axes) -> None:
    """A logarithmic y axis that ends in 0."""
    axis.set_yscale("symlog", linthresh=LEAST_REGRET, linscale=0.5)
    axis.yaxis.set_minor_locator(mpl.ticker.NullLocator())
    axis.set_ylim(0, None)


def rows_of_arms(axis: Axes, shown: Sequence[str], *, named: bool = True) -> None:
    """A row for each arm of `shown`, from below; without names where a panel to the left has them."""
    axis.set_ylim(-0.6, len(shown) - 0.4)
    axis.set_yticks(range(len(shown)), [SHORT.get(arm, arm) if named else "" for arm in shown])
    axis.tick_params(axis="y", length=0)


def arms_legend(figure: Figure, axes: Iterable[Axes], ncols: int = 6, **options) -> None:
    """One legend for the arms of all panels, in their order."""
    found = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    labels = [LABELS[arm] for arm in ARMS if LABELS[arm] in found]
    columns = min(ncols, 3 if len(labels) > 5 else len(labels)) or 1
    narrow = dict(handlelength=1.8, handletextpad=0.5, columnspacing=0.8)
    options = options or (narrow if columns < 3 else dict(handlelength=2.8))
    figure.legend([found[label] for label in labels], labels, loc="outside upper center", ncols=columns, **options)


def filled_and_open(figure: Figure, labels: Sequence[str]) -> None:
    """The legend of filled and open dots."""
    marker = dict(ls="", marker="o", ms=4.5, mec="0.3", mew=1.1)
    handles = [mpl.lines.Line2D([], [], mfc=fill, **marker) for fill in ("0.3", "w")[: len(labels)]]
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
