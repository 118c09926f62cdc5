"""How widely campaigns search: state entropy, distances of picks, scatter in composition space, stability.

The arms stand in one order in every figure, that of `ARMS`: from those that follow the acquisition function
exactly to the one that does not follow it at all.
"""

from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alloygrad.plotting.style import PAGE
from compendium.figures.style import COLOURS, LABELS, MARKERS, curve_of, line_of

ARMS = ("enumeration", "ascent", "slsqp_log_ei", "slsqp_ei", "best_of_random", "random")

SHORT = {
    "slsqp_log_ei": "published loop\non log EI", "slsqp_ei": "published\nloop",
    "best_of_random": "best of 20 N\nrandom",
    "random": "random\nexperiments",
}  # fmt: skip
"""What does not fit its place as it stands in ``style.LABELS``."""

ALLOYS = {"sma": "shape-memory alloys", "ti": "titanium alloys", "hea": "high-entropy alloys"}

MEASURES = {
    "all points": "state entropy, all points\nas published (nats)",
    "new picks": "entropy of new picks\nfull estimator (nats)",
    "last": "to the pick\nbefore (at.%)",
    "nearest": "to the nearest\nmeasured (at.%)",
    "best": "to the\nincumbent (at.%)",
}


def _panels(table: pd.DataFrame, down: Sequence[str], height: float, **options) -> tuple[Figure, dict]:
    """Page-wide panels: alloys of the table across, with their n, rows named `down`; {(row, alloy): axis}."""
    across = [alloy for alloy in ALLOYS if alloy in set(table["alloy"])]
    figure, axes = plt.subplots(len(down), len(across), figsize=(PAGE, height), squeeze=False, **options)
    for column, alloy in enumerate(across):
        axes[0, column].set_title(f"{ALLOYS[alloy]}\n({numbers_of(table[table['alloy'] == alloy])})")
    return figure, {(row, alloy): axes[i, j] for i, row in enumerate(down) for j, alloy in enumerate(across)}


def numbers_of(rows: pd.DataFrame) -> str:
    """ "n = 96; ascent: 8": of most arms, and of those that have another. rows: columns method, n."""
    numbers = pd.Series({arm: own["n"].max() for arm, own in arms_of(rows)})
    usual = numbers.mode().max()
    return "; ".join([f"n = {usual}", *(f"{LABELS[arm]}: {n}" for arm, n in numbers[numbers != usual].items())])


def arms_of(rows: pd.DataFrame):
    """The arms that a table has, in their order, each with its rows."""
    return [(arm, rows[rows["method"] == arm]) for arm in ARMS if (rows["method"] == arm).any()]


def on_fewer(own: pd.DataFrame, rows: pd.DataFrame) -> bool:
    """Whether an arm's rows rest on fewer trajectories than some other of the same panel."""
    return bool(own["n"].max() < rows["n"].max())


def _legend(figure: Figure, axes, **options) -> None:
    """One legend for the arms of all panels, in their order."""
    found = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    labels = [LABELS[arm] for arm in ARMS if LABELS[arm] in found]
    columns = len(labels) if len(labels) < 6 else 3
    figure.legend([found[label] for label in labels], labels, loc="outside upper center", ncols=columns, **options)


def entropy_curves(table: pd.DataFrame) -> Figure:
    """State entropy against experiments done, alloys across and measures down: means and 95 % intervals.

    table: columns alloy, method, measure ("all points" or "new picks"), done, mean, low, high, n.
    """
    down = [measure for measure in MEASURES if measure in set(table["measure"])]
    figure, axes = _panels(table, down, 0.4 + 1.9 * len(down), sharex=True)
    for (measure, alloy), axis in axes.items():
        rows = table[(table["measure"] == measure) & (table["alloy"] == alloy)]
        for arm, own in arms_of(rows):
            axis.plot(own["done"], own["mean"], **curve_of(arm, thin=on_fewer(own, rows)))
            axis.fill_between(own["done"], own["low"], own["high"], color=COLOURS[arm], alpha=0.18, lw=0)
        if measure == down[-1]:
            axis.set_xlabel("experiments")
    for measure in down:
        next(axis for (row, _), axis in axes.items() if row == measure).set_ylabel(MEASURES[measure])
    _legend(figure, axes.values(), columnspacing=1.2, handlelength=2.8)
    return figure


def entropy_differences(table: pd.DataFrame, margin: float) -> Figure:
    """State entropy of each arm − that of enumeration, paired by seed: filled, all points; open, new picks alone.

    table: columns alloy, method, measure, mean, low, high, n. margin: half the width of the band around no difference.
    """
    figure, axes = _panels(table, ["difference"], 2.5, sharey=True)
    shown = [arm for arm in ARMS if arm in set(table["method"])][::-1]
    for (_, alloy), axis in axes.items():
        rows = table[table["alloy"] == alloy]
        axis.axvspan(-margin, margin, color="0.92", lw=0)
        axis.axvline(0, color=COLOURS["enumeration"], lw=1.0)
        for arm, own in arms_of(rows):
            for measure, shift, filled in (("all points", 0.16, True), ("new picks", -0.16, False)):
                for row in own[own["measure"] == measure].itertuples():
                    height = shown.index(arm) + shift
                    interval(axis, row, height, arm, filled=filled)
        axis.set(xlabel="Δ entropy (nats)")
        rows_of_arms(axis, shown)
    filled_and_open(
        figure, ["all points, second other point (as published)", "newly proposed points, third other point"]
    )
    return figure


def interval(axis: Axes, row, height: float, arm: str, *, filled: bool) -> None:
    """One difference, a `row` with mean, low and high: the arm's marker on its interval."""
    axis.plot([row.low, row.high], [height] * 2, color=COLOURS[arm], lw=1.4)
    axis.plot(row.mean, height, MARKERS[arm], ms=4.5, mfc=COLOURS[arm] if filled else "w", mec=COLOURS[arm], mew=1.1)


def filled_and_open(figure: Figure, labels: Sequence[str]) -> None:
    """The legend of filled and open dots."""
    marker = dict(ls="", marker="o", ms=4.5, mec="0.3", mew=1.1)
    handles = [mpl.lines.Line2D([], [], mfc=fill, **marker) for fill in ("0.3", "w")[: len(labels)]]
    figure.legend(handles, labels, loc="outside upper center", ncols=2)


def rows_of_arms(axis: Axes, shown: Sequence[str], *, named: bool = True) -> None:
    """A row for each arm of `shown`, from below; without their names where a panel to the left has them."""
    axis.set_ylim(-0.6, len(shown) - 0.4)
    axis.set_yticks(range(len(shown)), [SHORT.get(arm, arm) if named else "" for arm in shown])
    axis.tick_params(axis="y", length=0)


def pick_distances(table: pd.DataFrame, floors: dict[str, float]) -> Figure:
    """Geometric mean distances of a pick to what came before it, along the campaign, and 95 % intervals.

    table: columns alloy, method, measure ("last", "nearest", "best"), experiments (text: a stretch of the campaign, in
    order), mean, low, high, n, in at.%. floors: by alloy, the least distance between two grid compositions, in at.%.
    """
    down = [measure for measure in ("last", "nearest", "best") if measure in set(table["measure"])]
    figure, axes = _panels(table, down, 0.5 + 1.45 * len(down), sharex=True, sharey="row")
    stretches = list(dict.fromkeys(table["experiments"]))
    for (measure, alloy), axis in axes.items():
        rows = table[(table["measure"] == measure) & (table["alloy"] == alloy)]
        for arm, own in arms_of(rows):
            place = [stretches.index(stretch) for stretch in own["experiments"]]
            axis.plot(place, own["mean"], **line_of(arm, thin=on_fewer(own, rows)))
            axis.fill_between(place, own["low"], own["high"], color=COLOURS[arm], alpha=0.18, lw=0)
        axis.axhline(floors[alloy], color="0.6", lw=0.7, ls=":")
        axis.set(yscale="log", xticks=range(len(stretches)))
        axis.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 3)))  # two labels in a row of one decade
        axis.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
        axis.yaxis.set_minor_locator(mpl.ticker.NullLocator())
        axis.set_xticklabels(stretches, rotation=45)
        if measure == down[-1]:
            axis.set_xlabel("experiments")
    for measure in down:
        axis = next(axis for (row, _), axis in axes.items() if row == measure)
        axis.set_ylabel(MEASURES[measure])
    _legend(figure, axes.values(), columnspacing=1.2, handlelength=2.8)
    return figure


def final_merits(finals: pd.DataFrame, correlations: pd.DataFrame) -> Figure:
    """Final merits of all trajectories by arm with medians (top); their correlation with the start, 95 % (bottom).

    finals: columns alloy, method, final, n. correlations: columns alloy, method, mean, low, high.
    """
    figure, axes = _panels(finals, ["final", "correlation"], 4.0, sharex="col", height_ratios=(3, 2))
    rng = np.random.default_rng(0)
    for (row, alloy), axis in axes.items():
        arms = arms_of(finals[finals["alloy"] == alloy])
        shown = [arm for arm, _ in arms]
        if row == "final":
            for arm, own in arms:
                place, quartiles = shown.index(arm), own["final"].quantile([0.25, 0.5, 0.75])
                jitter = place + rng.uniform(-0.28, 0.28, len(own))
                axis.scatter(jitter, own["final"], s=4, color=COLOURS[arm], alpha=0.55, lw=0)
                axis.plot([place] * 2, quartiles.iloc[[0, 2]], color="0.15", lw=1.0)
                axis.plot([place - 0.3, place + 0.3], [quartiles.iloc[1]] * 2, color="0.15", lw=1.4)
        else:
            axis.axhline(0, color="0.6", lw=0.7)
            for arm, own in arms_of(correlations[correlations["alloy"] == alloy].dropna(subset=["mean"])):
                for value in own.itertuples():
                    axis.plot([shown.index(arm)] * 2, [value.low, value.high], color=COLOURS[arm], lw=1.4)
                    axis.plot(shown.index(arm), value.mean, MARKERS[arm], ms=4.5, color=COLOURS[arm])
            axis.set(ylim=(-1.05, 1.05))
            axis.set_xticks(range(len(shown)), [SHORT.get(arm, arm) for arm in shown], rotation=90)
            axis.set_xlim(-0.6, len(shown) - 0.4)
    for row, label in (("final", "final merit"), ("correlation", "correlation of final\nwith best initial merit")):
        next(axis for (name, _), axis in axes.items() if name == row).set_ylabel(label)
    return figure


def scatter_measures(table: pd.DataFrame) -> Figure:
    """Measures of scatter in composition space by arm, relative to uniformly random compositions (1): 95 % intervals.

    table: columns alloy, method, measure, mean, low, high.
    """
    measures = list(dict.fromkeys(table["measure"]))
    figure, axes = plt.subplots(1, len(measures), figsize=(PAGE, 2.7), sharey=True, squeeze=False)
    shown = [arm for arm in ARMS if arm in set(table["method"])][::-1]
    marks = {alloy: mark for alloy, mark in zip(ALLOYS, "osD", strict=True) if alloy in set(table["alloy"])}
    for axis, measure in zip(axes[0], measures, strict=True):
        axis.axvline(1, color=COLOURS["random"], lw=0.8, ls=":")
        for arm, own in arms_of(table[table["measure"] == measure]):
            for row in own.itertuples():
                height = shown.index(arm) + 0.22 * (1 - list(ALLOYS).index(row.alloy))
                axis.plot([row.low, row.high], [height] * 2, color=COLOURS[arm], lw=1.3)
                axis.plot(row.mean, height, marks[row.alloy], ms=3.8, color=COLOURS[arm])
        axis.set(xlabel=measure)
        rows_of_arms(axis, shown)
    handles = [mpl.lines.Line2D([], [], ls="", marker=mark, ms=4, color="0.3") for mark in marks.values()]
    figure.legend(handles, [ALLOYS[alloy] for alloy in marks], loc="outside upper center", ncols=3)
    return figure
