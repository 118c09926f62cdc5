"""How widely campaigns search: state entropy, distances between picks, scatter in composition space, stability."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.plotting.style import PAGE
from compendium.feature_gradient.figures.panels import (
    ARMS,
    SHORT,
    alloy_panels,
    arms_legend,
    arms_of,
    band,
    filled_and_open,
    interval,
    on_fewer,
    rows_of_arms,
    titled,
)
from compendium.feature_gradient.results import WORDS
from compendium.figures.style import COLOURS, MARKERS, curve_of, line_of

MEASURES = {
    "all points": "state entropy, all points\nas published (nats)",
    "new picks": "entropy of new picks\nfull estimator (nats)",
    "last": "to the pick\nbefore (at.%)",
    "nearest": "to the nearest\nmeasured (at.%)",
    "best": "to the\nincumbent (at.%)",
}


def _measures(table: pd.DataFrame, base: float, height: float, **options) -> tuple[Figure, dict]:
    """Panels of alloys (across) and of the table's measures (down), labelled; {(measure, alloy): axis}."""
    down = [measure for measure in MEASURES if measure in set(table["measure"])]
    figure, panels = alloy_panels(table, base + height * len(down), len(down), sharex=True, **options)
    panels = {alloy: np.atleast_1d(axes) for alloy, axes in panels.items()}
    for axis, measure in zip(next(iter(panels.values())), down, strict=True):
        axis.set_ylabel(MEASURES[measure])
    for alloy, axes in panels.items():
        axes[0].set_title(titled(alloy, table[table["alloy"] == alloy]))
        axes[-1].set_xlabel("experiments")
    return figure, {(measure, alloy): axes[i] for i, measure in enumerate(down) for alloy, axes in panels.items()}


def entropy_curves(table: pd.DataFrame) -> Figure:
    """State entropy against experiments done, alloys across and measures down: means and 95 % intervals.

    table: columns alloy, method, measure ("all points" or "new picks"), done, mean, low, high, n.
    """
    figure, axes = _measures(table, 0.4, 1.9)
    for (measure, alloy), axis in axes.items():
        rows = table[(table["measure"] == measure) & (table["alloy"] == alloy)]
        for arm, own in arms_of(rows):
            band(axis, own["done"], own, **curve_of(arm, thin=on_fewer(own, rows)))
    arms_legend(figure, axes.values(), columnspacing=1.2, handlelength=2.8)
    return figure


def entropy_differences(table: pd.DataFrame, margin: float) -> Figure:
    """State entropy of each arm − that of enumeration, paired by seed: filled, all points; open, new picks alone.

    table: columns alloy, method, measure, mean, low, high, n. margin: half the width of the band around no difference.
    """
    figure, axes = alloy_panels(table, 2.5, sharey=True)
    shown = [arm for arm in ARMS if arm in set(table["method"])][::-1]
    for alloy, axis in axes.items():
        rows = table[table["alloy"] == alloy]
        axis.axvspan(-margin, margin, color="0.92", lw=0)
        axis.axvline(0, color=COLOURS["enumeration"], lw=1.0)
        for arm, own in arms_of(rows):
            for measure, shift, filled in (("all points", 0.16, True), ("new picks", -0.16, False)):
                for row in own[own["measure"] == measure].itertuples():
                    interval(axis, row, shown.index(arm) + shift, arm, filled=filled)
        axis.set(xlabel="Δ entropy (nats)", title=titled(alloy, rows))
        rows_of_arms(axis, shown)
    labels = ["all points, second other point (as published)", "newly proposed points, third other point"]
    filled_and_open(figure, labels)
    return figure


def pick_distances(table: pd.DataFrame, floors: dict[str, float]) -> Figure:
    """Geometric mean distances of a pick to what came before it, along the campaign, and 95 % intervals.

    table: columns alloy, method, measure ("last", "nearest", "best"), experiments (text: a stretch of the campaign, in
    order), mean, low, high, n, in at.%. floors: by alloy, the least distance between two grid compositions, in at.%.
    """
    figure, axes = _measures(table, 0.5, 1.45, sharey="row")
    stretches = list(dict.fromkeys(table["experiments"]))
    for (measure, alloy), axis in axes.items():
        rows = table[(table["measure"] == measure) & (table["alloy"] == alloy)]
        for arm, own in arms_of(rows):
            place = [stretches.index(stretch) for stretch in own["experiments"]]
            band(axis, place, own, **line_of(arm, thin=on_fewer(own, rows)))
        axis.axhline(floors[alloy], color="0.6", lw=0.7, ls=":")
        axis.set(yscale="log", xticks=range(len(stretches)))
        axis.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 3)))  # two labels in a row of one decade
        axis.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
        axis.yaxis.set_minor_locator(mpl.ticker.NullLocator())
        axis.set_xticklabels(stretches, rotation=45)
    arms_legend(figure, axes.values(), columnspacing=1.2, handlelength=2.8)
    return figure


def final_merits(finals: pd.DataFrame, correlations: pd.DataFrame) -> Figure:
    """Final merits of all trajectories by arm with medians (top); their correlation with the start, 95 % (bottom).

    finals: columns alloy, method, final, n. correlations: columns alloy, method, mean, low, high.
    """
    figure, axes = alloy_panels(finals, 4.0, 2, sharex="col", height_ratios=(3, 2))
    rng = np.random.default_rng(0)
    for alloy, (top, bottom) in axes.items():
        rows = finals[finals["alloy"] == alloy]
        shown = [arm for arm, _ in arms_of(rows)]
        for place, (arm, own) in enumerate(arms_of(rows)):
            low, median, high = own["final"].quantile([0.25, 0.5, 0.75])
            jitter = place + rng.uniform(-0.28, 0.28, len(own))
            top.scatter(jitter, own["final"], s=4, color=COLOURS[arm], alpha=0.55, lw=0)
            top.plot([place] * 2, [low, high], color="0.15", lw=1.0)
            top.plot([place - 0.3, place + 0.3], [median] * 2, color="0.15", lw=1.4)
        bottom.axhline(0, color="0.6", lw=0.7)
        for arm, own in arms_of(correlations[correlations["alloy"] == alloy].dropna(subset=["mean"])):
            for value in own.itertuples():
                bottom.plot([shown.index(arm)] * 2, [value.low, value.high], color=COLOURS[arm], lw=1.4)
                bottom.plot(shown.index(arm), value.mean, MARKERS[arm], ms=4.5, color=COLOURS[arm])
        top.set_title(titled(alloy, rows))
        bottom.set(ylim=(-1.05, 1.05))
        bottom.set_xticks(range(len(shown)), [SHORT.get(arm, arm) for arm in shown], rotation=90)
        bottom.set_xlim(-0.6, len(shown) - 0.4)
    for axis, label in zip(
        next(iter(axes.values())), ("final merit", "correlation of final\nwith best initial merit"), strict=True
    ):
        axis.set_ylabel(label)
    return figure


def scatter_measures(table: pd.DataFrame) -> Figure:
    """Measures of scatter in composition space by arm, relative to uniformly random compositions (1): 95 % intervals.

    table: columns alloy, method, measure, mean, low, high.
    """
    measures = list(dict.fromkeys(table["measure"]))
    figure, axes = plt.subplots(1, len(measures), figsize=(PAGE, 2.7), sharey=True, squeeze=False)
    shown = [arm for arm in ARMS if arm in set(table["method"])][::-1]
    marks = {alloy: mark for alloy, mark in zip(WORDS, "osD", strict=True) if alloy in set(table["alloy"])}
    for axis, measure in zip(axes[0], measures, strict=True):
        axis.axvline(1, color=COLOURS["random"], lw=0.8, ls=":")
        for arm, own in arms_of(table[table["measure"] == measure]):
            for row in own.itertuples():
                height = shown.index(arm) + 0.22 * (1 - list(WORDS).index(row.alloy))
                axis.plot([row.low, row.high], [height] * 2, color=COLOURS[arm], lw=1.3)
                axis.plot(row.mean, height, marks[row.alloy], ms=3.8, color=COLOURS[arm])
        axis.set(xlabel=measure)
        rows_of_arms(axis, shown)
    handles = [mpl.lines.Line2D([], [], ls="", marker=mark, ms=4, color="0.3") for mark in marks.values()]
    figure.legend(handles, [WORDS[alloy] for alloy in marks], loc="outside upper center", ncols=3)
    return figure
