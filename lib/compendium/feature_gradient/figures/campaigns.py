"""Whole campaigns: what has been found after so many experiments, with which inner loop, how much it cost."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alloygrad.plotting.style import COLUMN, PAGE
from compendium.feature_gradient.figures.diversity import (
    ALLOYS,
    ARMS,
    SHORT,
    arms_of,
    filled_and_open,
    interval,
    numbers_of,
    on_fewer,
    rows_of_arms,
)
from compendium.figures.style import COLOURS, INPUTS, LABELS, MARKERS, curve_of, line_of

VARIANT_DASHES = ((None, None), (4, 1.2), (1.2, 1), (6, 1.2, 1.2, 1.2))
"""Of the variants of one arm, in order, beside their shades: they can be told apart without colours."""

LEAST_REGRET = 1e-5
"""Below this a regret axis is linear, so that 0 has a place on it."""


def missing(axis: Axes, text: str = "not yet computed") -> None:
    """An empty panel says why it is empty."""
    axis.set_yticks([])
    axis.text(0.5, 0.5, text, ha="center", va="center", color="0.5", transform=axis.transAxes)


def regret_axis(axis: Axes) -> None:
    axis.set_yscale("symlog", linthresh=LEAST_REGRET, linscale=0.5)
    axis.yaxis.set_minor_locator(mpl.ticker.NullLocator())
    axis.set_ylim(0, None)


def band(axis: Axes, x, rows: pd.DataFrame, *, less: float | None = None, **style) -> None:
    """Mean and interval of `rows` over x; with `less`, what they lack to it."""
    mean, low, high = rows["mean"], rows["low"], rows["high"]
    if less is not None:
        mean, low, high = less - mean, less - high, less - low
    axis.plot(x, mean, **style)
    axis.fill_between(x, low.astype(float), high.astype(float), color=style["color"], alpha=0.18, lw=0)


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


def best_so_far_by_elements(table: pd.DataFrame, known: pd.DataFrame) -> Figure:
    """One alloy, a panel for each number of elements: best merit so far and the best there is, or that is known.

    table: columns n_elements, method, experiment, mean, low, high, n. known: columns n_elements, step, merit, exact;
    one row a panel, also where the table has nothing.
    """
    down = -(-len(known) // 4)
    size = dict(figsize=(PAGE, 0.5 + 1.65 * down), sharex=True, squeeze=False)
    figure, axes = plt.subplots(down, min(4, len(known)), **size)
    for axis in axes.flat[len(known) :]:
        axis.remove()
    for axis, panel in zip(axes.flat, known.itertuples(), strict=False):
        rows = table[table["n_elements"] == panel.n_elements]
        for arm, own in arms_of(rows):
            band(axis, own["experiment"] + 1, own, **curve_of(arm, thin=on_fewer(own, rows)))
        axis.axhline(panel.merit, color="0.2", lw=0.8, ls="--" if panel.exact else ":")
        _leave_out_the_rise(axis, rows, panel.merit)
        numbers = ", ".join(str(own["n"].iloc[0]) for _, own in arms_of(rows))
        axis.set_title(f"N = {panel.n_elements}, step {100 * panel.step:g} at.%", pad=3)
        if len(rows):
            axis.text(0.97, 0.04, f"n = {numbers}", ha="right", fontsize=6, transform=axis.transAxes)
        else:
            missing(axis)
    figure.supxlabel("experiments", fontsize=8)
    figure.supylabel("best figure of merit so far", fontsize=8)
    handles = [mpl.lines.Line2D([], [], **line_of(arm)) for arm in ARMS if (table["method"] == arm).any()]
    for exact, label in ((True, "true optimum"), (False, "best known")):
        if (known["exact"] == exact).any():
            handles.append(mpl.lines.Line2D([], [], color="0.2", lw=0.8, ls="--" if exact else ":", label=label))
    figure.legend(handles=handles, loc="outside upper center", ncols=5, handlelength=2.8)
    return figure


RISE = 3
"""Experiments after which the panels of many curves begin to matter: the first rise would flatten all that follows."""


def _leave_out_the_rise(axis: Axes, rows: pd.DataFrame, top: float) -> None:
    """Let the y axis begin below the lowest mean after `RISE` experiments."""
    lowest = rows.loc[rows["experiment"] >= min(RISE - 1, rows["experiment"].max()), "mean"].min()
    if lowest < top:  # also false where there are no rows
        axis.set_ylim(lowest - 0.15 * (top - lowest), top + 0.08 * (top - lowest))


def regret_by_elements(table: pd.DataFrame) -> Figure:
    """What is lacking to the best known merit after the last experiment, against the number of elements.

    table: columns alloy, n_elements, method, mean, low, high (of the regret), n. Open: fewer than the largest n.
    """
    figure, axes = _alloys(table, 2.3, sharey=True)
    for alloy, axis in axes.items():
        for arm, own in arms_of(table[table["alloy"] == alloy]):
            place = own["n_elements"] + 0.1 * (ARMS.index(arm) - 1.5)
            band_as_bars(axis, place, own, most=table["n"].max(), **line_of(arm))
        axis.set(xlabel="elements", title=ALLOYS[alloy])
        regret_axis(axis)
    next(iter(axes.values())).set_ylabel("simple regret at the end")
    _arms_legend(figure, axes.values())
    return figure


def more_elements(table: pd.DataFrame, known: pd.DataFrame) -> Figure:
    """Final merit against the number of elements, all on one grid spacing, and the best known.

    table: columns alloy, n_elements, experiments, mean, low, high, n. known: columns alloy, n_elements, merit. Open:
    fewer trajectories than the largest n.
    """
    figure, axes = _alloys(known, 2.3)
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
        axis.set(xlabel="elements", title=ALLOYS[alloy], xticks=sorted(best["n_elements"].unique()))
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


def band_as_bars(axis: Axes, x, rows: pd.DataFrame, *, most: int | None = None, **style) -> None:
    """Means joined by a line, their intervals as bars: for few places on x. Open: fewer than `most` trajectories."""
    few = np.zeros(len(rows), bool) if most is None else (rows["n"] < most).to_numpy()
    axis.plot(x, rows["mean"], **style, markevery=np.flatnonzero(~few).tolist(), clip_on=False)
    axis.vlines(x, rows["low"].astype(float), rows["high"].astype(float), color=style["color"], lw=0.9)
    if few.any():
        hollow = style | dict(lw=0, mfc="w", mec=style["color"], mew=0.8, label=None, clip_on=False)
        axis.plot(x[few], rows.loc[few, "mean"], **hollow)


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
    _arms_legend(figure, [axis], ncols=2)
    alloys = [mpl.lines.Line2D([], [], ls="", marker=m, ms=3, color="0.3", label=a) for a, m in marks.items()]
    axis.legend(handles=alloys, loc="lower right")
    return figure


def variants(table: pd.DataFrame, optimum: float, reference: pd.DataFrame | None = None) -> Figure:
    """Variants of each inner loop: best merit so far (top), simple regret (bottom), a column for each loop.

    table: columns method (the loop), variant (text, in order), experiment, mean, low, high, n. reference: a curve of
    enumeration, same columns, drawn thin in every panel.
    """
    arms = list(dict.fromkeys(table["method"]))
    figure, axes = plt.subplots(2, max(1, len(arms)), figsize=(PAGE, 4.3), sharex=True, sharey="row", squeeze=False)
    for (top, bottom), arm in zip(axes.T, arms, strict=False):
        for style, rows in _variants_of(table, arm):
            band(top, rows["experiment"] + 1, rows, **style)
            band(bottom, rows["experiment"] + 1, rows, less=optimum, **style)
        if reference is not None and len(reference):
            style = curve_of("enumeration") | dict(lw=0.8, ms=3, alpha=1, label=None)
            n = reference["n"].iloc[0]
            top.plot(reference["experiment"] + 1, reference["mean"], **style | dict(label=f"enumeration (n = {n})"))
            bottom.plot(reference["experiment"] + 1, optimum - reference["mean"], **style)
        top.axhline(optimum, color="0.2", lw=0.8, ls="--")
        top.set_title(LABELS[arm])
        top.legend(loc="lower right")
        bottom.set(xlabel="experiments")
        regret_axis(bottom)
    axes[0, 0].set_ylabel("best figure of merit so far")
    axes[1, 0].set_ylabel("simple regret")
    return figure


def _variants_of(table: pd.DataFrame, arm: str, shades_of: Sequence[str] = ()):
    """(style, rows) of each variant of an arm: shades from light to dark, and dashes; see `difference_curves`."""
    rows = table[table["method"] == arm]
    variants = list(dict.fromkeys(table["variant"]))
    names = list(shades_of) or variants
    light, dark = sns.light_palette(COLOURS[arm], 5)[2], sns.dark_palette(COLOURS[arm], 5)[2]
    shades = sns.blend_palette([light, COLOURS[arm], dark], len(names)) if len(names) > 1 else [COLOURS[arm]]
    for name in variants:
        i = names.index(name.split(" − ")[0] if shades_of else name)
        own = rows[rows["variant"] == name]
        if len(own):
            n = f" (n = {own['n'].iloc[0]})"
            yield dict(color=shades[i], dashes=VARIANT_DASHES[len(names) - 1 - i], label=name + n), own


def regret_by_starts(table: pd.DataFrame, reference: tuple[float, float, float] | None = None) -> Figure:
    """Regret at the end against the number of starts, a line for each inner loop; a band for enumeration.

    table: columns method, starts, mean, low, high (of the regret). reference: mean, low, high.
    """
    figure, axis = plt.subplots(figsize=(COLUMN, 2.6))
    if reference is not None:
        mean, low, high = reference
        axis.axhline(mean, color=COLOURS["enumeration"], lw=1.0, label=LABELS["enumeration"])
        axis.axhspan(low, high, color=COLOURS["enumeration"], alpha=0.18, lw=0)
    drawn = list(arms_of(table))
    for i, (arm, own) in enumerate(drawn):
        beside = 1.04 ** (i - (len(drawn) - 1) / 2)
        band_as_bars(axis, beside * own["starts"], own, **line_of(arm))
    axis.set(xscale="log", xlabel="starts of the inner loop", ylabel="simple regret at the end")
    regret_axis(axis)
    axis.set_xticks(sorted(set(table["starts"])), [str(n) for n in sorted(set(table["starts"]))])
    axis.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    _arms_legend(figure, [axis], ncols=2)
    return figure


def difference_curves(table: pd.DataFrame, ylabel: str, early: int = 0, shades_of: Sequence[str] = ()) -> Figure:
    """Paired differences of the best merit so far along the campaign, a panel for each inner loop; 95 % intervals.

    table: columns method, variant, experiment, mean, low, high, n. early: experiments that are shaded, from the start.
    shades_of: the variants of another figure, in its order; "a − b" is drawn here as a is there.
    """
    arms = list(dict.fromkeys(table["method"]))
    figure, axes = plt.subplots(1, max(1, len(arms)), figsize=(PAGE, 2.5), sharey=True, squeeze=False)
    for axis, arm in zip(axes.flat, arms, strict=False):
        axis.axhline(0, color="0.5", lw=0.7)
        if early:
            axis.axvspan(0, early, color="0.92", lw=0)
        for style, rows in _variants_of(table, arm, shades_of):
            band(axis, rows["experiment"] + 1, rows, **style)
        axis.set(xlabel="experiments", title=LABELS[arm])
        axis.legend()
    axes[0, 0].set_ylabel(ylabel)
    return figure


def searched_inputs(curves: pd.DataFrame, gaps: pd.DataFrame, optima: dict[str, float]) -> Figure:
    """Campaigns on different inputs of the model, alloys across: simple regret (top); what features bring (bottom).

    curves: columns alloy, input ("features" or "fractions"), experiment, mean, low, high, n. gaps: columns alloy,
    experiment, mean, low, high, n, of the best merit so far with features less that with fractions.
    """
    figure, axes = _alloys(curves, 4.0, rows=2, sharex=True)
    styles = {"features": curve_of("ascent") | dict(label="material features")}
    styles["fractions"] = dict(color=INPUTS["fractions"], dashes=VARIANT_DASHES[1], label="raw fractions")
    styles["fractions"] |= dict(marker=MARKERS["fractions"], ms=3, markevery=(0.09, 0.18))
    for alloy, (top, bottom) in axes.items():
        for name, rows in curves[curves["alloy"] == alloy].groupby("input"):
            band(top, rows["experiment"] + 1, rows, less=optima[alloy], **styles[name])
        regret_axis(top)
        bottom.axhline(0, color="0.5", lw=0.7)
        own = gaps[gaps["alloy"] == alloy]
        band(bottom, own["experiment"] + 1, own, color=COLOURS["ascent"])
        bottom.set(xlabel="experiments")
        top.set_title(f"{ALLOYS[alloy]} (n = {own['n'].min()})")
    top, bottom = next(iter(axes.values()))
    top.set_ylabel("simple regret")
    bottom.set_ylabel("Δ best merit so far")
    figure.legend(*top.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def moved_shares(table: pd.DataFrame) -> Figure:
    """Share of starts that moved along the campaign, a panel for each inner loop: means over trajectories.

    table: columns method, variant, experiment, mean, low, high, n.
    """
    figure = difference_curves(table.assign(**{c: 100 * table[c] for c in ("mean", "low", "high")}), "starts moved (%)")
    for axis in figure.axes:
        axis.set_ylim(-3, 103)
        axis.legend(loc="center right")
    return figure


def arms(curves: pd.DataFrame, optima: dict[str, float], gaps: pd.DataFrame, than: str) -> Figure:
    """The arms at N = 4, alloys across: simple regret along the campaign (top); paired differences at the end (bottom).

    curves: columns alloy, method, experiment, mean, low, high, n. gaps: columns alloy, method, mean, low, high, of
    the final merit less that of the arm `than`.
    """
    figure, axes = _alloys(curves, 4.4, rows=2)
    shown = [arm for arm in ARMS if arm in set(gaps["method"])][::-1]
    for alloy, (top, bottom) in axes.items():
        rows = curves[curves["alloy"] == alloy]
        for arm, own in arms_of(rows):
            band(top, own["experiment"] + 1, own, less=optima[alloy], **curve_of(arm, thin=on_fewer(own, rows)))
        numbers = numbers_of(rows)
        top.set(xlabel="experiments", title=f"{ALLOYS[alloy]}\n({numbers})")
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
    _arms_legend(figure, [top for top, _ in axes.values()])
    return figure


def other_trainings(table: pd.DataFrame, than: str) -> Figure:
    """Paired differences to the arm `than`, on several trainings of the networks: final merit (top), state entropy.

    table: columns alloy, method, training (the shipped one first), quantity, mean, low, high, n.
    """
    figure, axes = _alloys(table, 3.3, rows=2)
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
        panels[0].set_title(f"{ALLOYS[alloy]}\n(n = {', '.join(said)})")
    filled_and_open(figure, [f"networks of {training}" for training in trainings])
    return figure


def _alloys(table: pd.DataFrame, height: float, rows: int = 1, **options) -> tuple[Figure, dict]:
    """A page-wide figure and its panels by alloy, those of the table: an axis, or `rows` of them."""
    names: Sequence[str] = [alloy for alloy in ALLOYS if alloy in set(table["alloy"])]
    figure, axes = plt.subplots(rows, max(1, len(names)), figsize=(PAGE, height), squeeze=False, **options)
    columns = axes.T if rows > 1 else axes[0]
    return figure, dict(zip(names, columns, strict=False))


def _arms_legend(figure: Figure, axes, ncols: int = 6) -> None:
    """One legend for the arms of all panels, in their order."""
    found = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    labels = [LABELS[arm] for arm in ARMS if LABELS[arm] in found]
    columns = min(ncols, 3 if len(labels) > 5 else len(labels)) or 1
    narrow = dict(handlelength=1.8, handletextpad=0.5, columnspacing=0.8) if columns < 3 else dict(handlelength=2.8)
    figure.legend([found[label] for label in labels], labels, loc="outside upper center", ncols=columns, **narrow)


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
