"""Whole campaigns: what has been found after so many experiments, with which inner loop, how much it cost."""

from collections.abc import Mapping

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alloygrad.plotting.style import COLUMN, PAGE
from compendium.feature_gradient.figures.panels import (
    ARMS,
    SHORT,
    alloy_panels,
    arms_legend,
    arms_of,
    band,
    band_as_bars,
    filled_and_open,
    interval,
    on_fewer,
    regret_axis,
    rows_of_arms,
    titled,
)
from compendium.feature_gradient.results import WORDS
from compendium.figures.style import COLOURS, LABELS, MARKERS, curve_of, line_of


def best_so_far(table: pd.DataFrame, optimum: float) -> Figure:
    """Best merit so far (left) and what it lacks to the optimum (right): means over trajectories, 95 % intervals.

    table: columns method (an inner loop or a surrogate), experiment (−1 = before the first), mean, low, high, n.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 2.5))
    for method, rows in table.groupby("method", sort=False):
        done, style = rows["experiment"] + 1, curve_of(method)
        style["label"] += f" (n = {rows['n'].iloc[0]})"
        band(left, done, rows, **style)
        band(right, done, rows, less=optimum, **style)
    left.axhline(optimum, color="0.2", lw=0.8, ls="--")
    left.text(0.99, optimum, "true optimum", ha="right", va="bottom", fontsize=7, transform=left.get_yaxis_transform())
    left.set(xlabel="experiments", ylabel="best figure of merit so far")
    left.legend(loc="lower right", handlelength=2.8)
    right.set(xlabel="experiments", ylabel="simple regret")
    regret_axis(right)
    return figure


def best_so_far_by_elements(table: pd.DataFrame, known: pd.DataFrame, margin: float) -> Figure:
    """One alloy, a panel for each number of elements: best merit so far and the best there is, or that is known.

    table: columns n_elements, method, experiment, mean, low, high, n. known: columns n_elements, step, merit, exact,
    composition (its name), alloy; one row a panel, also where the table has nothing. margin: of merit, shaded below the
    best.
    """
    down = -(-len(known) // 3)
    size = dict(figsize=(PAGE, 0.7 + 1.8 * down), sharex=True, squeeze=False)
    figure, axes = plt.subplots(down, min(3, len(known)), **size)
    for axis in axes.flat[len(known) :]:
        axis.remove()
    for axis in axes.flat[max(0, len(known) - axes.shape[1]) : len(known)]:
        axis.tick_params(labelbottom=True)  # also above a place that stays empty
    for axis, panel in zip(axes.flat, known.itertuples(), strict=False):
        rows = table[table["n_elements"] == panel.n_elements]
        for arm, own in arms_of(rows):
            band(axis, own["experiment"] + 1, own, **curve_of(arm, thin=on_fewer(own, rows)))
        axis.axhspan(panel.merit - margin, panel.merit, color="0.88", lw=0, zorder=0)
        axis.axhline(panel.merit, color="0.2", lw=0.8, ls="--" if panel.exact else ":")
        _leave_out_the_rise(axis, rows, panel.merit)
        numbers = ", ".join(str(own["n"].iloc[0]) for _, own in arms_of(rows))
        axis.set_title(f"N = {panel.n_elements}, step {100 * panel.step:g} at.%", pad=11)
        below = dict(ha="center", va="bottom", fontsize=5.5, color="0.3", transform=axis.transAxes)
        axis.text(0.5, 1.02, panel.composition, **below)
        if len(rows):
            axis.text(0.98, 0.03, f"n = {numbers}", ha="right", va="bottom", fontsize=6, transform=axis.transAxes)
        else:
            axis.set_yticks([])
            axis.text(0.5, 0.5, "not yet computed", ha="center", va="center", color="0.5", transform=axis.transAxes)
    figure.supxlabel("experiments", fontsize=8)
    figure.supylabel("best figure of merit so far", fontsize=8)
    handles = [mpl.lines.Line2D([], [], **line_of(arm)) for arm in ARMS if (table["method"] == arm).any()]
    for exact, label in ((True, "true optimum"), (False, "best known")):
        if (known["exact"] == exact).any():
            handles.append(mpl.lines.Line2D([], [], color="0.2", lw=0.8, ls="--" if exact else ":", label=label))
    alloy = dict(title=WORDS[str(known["alloy"].iloc[0]).lower()], title_fontsize=8)
    figure.legend(handles=handles, loc="outside upper center", ncols=5, handlelength=2.8, **alloy)
    return figure


RISE = 3
"""Experiments after which the panels of many curves begin to matter: the first rise would flatten all that follows."""


def _leave_out_the_rise(axis: Axes, rows: pd.DataFrame, top: float) -> None:
    """Let the y axis begin below the lowest mean after `RISE` experiments."""
    lowest = rows.loc[rows["experiment"] >= min(RISE - 1, rows["experiment"].max()), "mean"].min()
    if lowest < top:  # also false where there are no rows
        axis.set_ylim(lowest - 0.15 * (top - lowest), top + 0.08 * (top - lowest))


def more_elements(table: pd.DataFrame, known: pd.DataFrame) -> Figure:
    """Final merit against the number of elements, all on one grid spacing, and the best known.

    table: columns alloy, n_elements, experiments, mean, low, high, n. known: columns alloy, n_elements, merit. Open:
    fewer trajectories than the largest n.
    """
    figure, axes = alloy_panels(known, 2.3)
    for alloy, axis in axes.items():
        own, best = (rows[rows["alloy"] == alloy] for rows in (table, known))
        if (off := _off_scale(best)) is not None:
            merit = f"{best.loc[best['n_elements'] == off, 'merit'].item():.3f}".replace("-", "−")
            axis.text(
                0.03, 0.03, f"N = {off}: {merit}, off the scale", fontsize=6, color="0.4", transform=axis.transAxes
            )
            own, best = (rows[rows["n_elements"] != off] for rows in (own, best))
        for last, rows in own.groupby("experiments"):
            strong = last == own["experiments"].max()
            style = line_of("ascent") | dict(alpha=1 if strong else 0.5, label=f"ascent, {last} experiments")
            place = rows["n_elements"] + (0.08 if strong else -0.08)
            band_as_bars(axis, place, rows, most=table["n"].max(), **style)
        axis.plot(best["n_elements"], best["merit"], "k:", lw=0.9, marker="_", ms=5, label="best known")
        axis.set(xlabel="elements", title=WORDS[alloy], xticks=sorted(best["n_elements"].unique()))
    next(iter(axes.values())).set_ylabel("figure of merit")
    handles, labels = next(iter(axes.values())).get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _off_scale(best: pd.DataFrame) -> int | None:
    """The number of elements whose best known merit lies far below all others, if there is one."""
    best = best.sort_values("merit")
    merits = best["merit"].to_numpy()
    far = len(merits) > 2 and merits[1] - merits[0] > 3 * (merits[-1] - merits[1])
    return int(best["n_elements"].iloc[0]) if far else None


def trajectory_costs(table: pd.DataFrame) -> Figure:
    """CPU seconds of one trajectory against the number of elements: a colour for each arm, a mark for each alloy.

    table: columns alloy (SMA, Ti, HEA), arm, n_elements, cpu_seconds; arms that have no colour are left out.
    """
    figure, axis = plt.subplots(figsize=(COLUMN, 2.8))
    marks = dict(zip(("SMA", "Ti", "HEA"), "osD", strict=True))
    for arm, rows in arms_of(table.rename(columns={"arm": "method"})):
        shift, style = 0.07 * (ARMS.index(arm) - 2.5), line_of(arm) | dict(lw=0.8, alpha=1)
        axis.plot([], [], **style | dict(marker=""))
        for alloy, own in rows.groupby("alloy", sort=False):
            axis.plot(
                own["n_elements"] + shift, own["cpu_seconds"], **style | dict(marker=marks[alloy], ms=3, label=None)
            )
    axis.set(yscale="log", xlabel="elements", ylabel="CPU seconds of one trajectory")
    arms_legend(figure, [axis], ncols=2)
    alloys = [mpl.lines.Line2D([], [], ls="", marker=m, ms=3, color="0.3", label=a) for a, m in marks.items()]
    axis.legend(handles=alloys, loc="lower right")
    return figure


def arms(curves: pd.DataFrame, optima: dict[str, float], gaps: pd.DataFrame, than: str) -> Figure:
    """The arms at N = 4, alloys across: simple regret along the campaign (top); paired differences at the end (bottom).

    curves: columns alloy, method, experiment, mean, low, high, n. gaps: columns alloy, method, mean, low, high, of
    the final merit less that of the arm `than`.
    """
    figure, axes = alloy_panels(curves, 4.4, rows=2)
    shown = [arm for arm in ARMS if arm in set(gaps["method"])][::-1]
    for alloy, (top, bottom) in axes.items():
        rows = curves[curves["alloy"] == alloy]
        for arm, own in arms_of(rows):
            band(top, own["experiment"] + 1, own, less=optima[alloy], **curve_of(arm, thin=on_fewer(own, rows)))
        top.set(xlabel="experiments", title=titled(alloy, rows))
        regret_axis(top)
        bottom.axvline(0, color=COLOURS[than], lw=1.0)
        for arm, own in arms_of(gaps[gaps["alloy"] == alloy]):
            place = [shown.index(arm)] * len(own)
            bottom.hlines(place, own["low"].astype(float), own["high"].astype(float), color=COLOURS[arm], lw=1.5)
            bottom.plot(own["mean"], place, MARKERS[arm], ms=4.5, color=COLOURS[arm])
        bottom.set(xlabel=f"Δ final merit to\n{' '.join(SHORT.get(than, than).split())}")
        rows_of_arms(bottom, shown, named=alloy == next(iter(axes)))
        bottom.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
    next(iter(axes.values()))[0].set_ylabel("simple regret")
    arms_legend(figure, [top for top, _ in axes.values()])
    return figure


def other_trainings(table: pd.DataFrame, than: str) -> Figure:
    """Paired differences to the arm `than`, on several trainings of the networks: final merit (top), state entropy.

    table: columns alloy, method, training (the shipped one first), quantity, mean, low, high, n.
    """
    figure, axes = alloy_panels(table, 3.3, rows=2)
    arms, trainings = ([*dict.fromkeys(table[column])] for column in ("method", "training"))
    arms = [arm for arm in ARMS if arm in arms][::-1]
    for alloy, panels in axes.items():
        rows = table[table["alloy"] == alloy]
        for axis, (quantity, own) in zip(panels, rows.groupby("quantity", sort=False), strict=True):
            axis.axvline(0, color=COLOURS[than], lw=1.0)
            for row in own.itertuples():
                second = trainings.index(row.training)
                height = arms.index(row.method) + (-0.16 if second else 0.16)
                interval(axis, row, height, row.method, filled=not second)
            axis.set(xlabel=f"Δ {quantity} to {than}")
            rows_of_arms(axis, arms, named=alloy == next(iter(axes)))
            axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
        first = rows["training"] == trainings[0]
        numbers = {"filled": rows.loc[first, "n"], "open": rows.loc[~first, "n"]}
        said = [f"{' or '.join(map(str, sorted(set(n))))} {which}" for which, n in numbers.items() if len(n)]
        panels[0].set_title(f"{WORDS[alloy]}\n(n = {', '.join(said)})")
    filled_and_open(figure, [f"networks of {training}" for training in trainings])
    return figure


def races(raced: Mapping[str, pd.DataFrame]) -> Figure:
    """Best merit so far against experiments, one panel per landscape: means over campaigns; intervals from eight on.

    raced: title → columns method, experiment (−1 = before the first), mean, low, high, n.
    """
    figure, axes = plt.subplots(1, len(raced), figsize=(PAGE, 2.7), squeeze=False)
    for axis, (title, table) in zip(axes[0], raced.items(), strict=True):
        for method, rows in table.groupby("method", sort=False):
            done, colour = rows["experiment"] + 1, COLOURS[method]
            label = "random order" if method == "random" else LABELS[method]
            axis.plot(done, rows["mean"], **curve_of(method) | dict(label=label))
            if rows["n"].iloc[0] >= 8:
                axis.fill_between(done, rows["low"], rows["high"], color=colour, alpha=0.2, lw=0)
        axis.set(title=f"{title} (n = {table['n'].iloc[0]})", xlabel="experiments", ylabel="best so far (standardised)")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    named = {label: line for axis in axes[0] for line, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=3, handlelength=2.8)
    return figure
