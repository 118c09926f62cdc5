"""Variants of campaigns: numbers of starts, acquisition functions, formulas of the features, inputs of the model."""

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from alloygrad.plotting.style import COLUMN, PAGE
from compendium.feature_gradient.figures.panels import (
    alloy_panels,
    arms_legend,
    arms_of,
    band,
    band_as_bars,
    regret_axis,
)
from compendium.feature_gradient.results import WORDS
from compendium.figures.style import COLOURS, INPUTS, LABELS, MARKERS, curve_of, line_of

VARIANT_DASHES = ((None, None), (4, 1.2), (1.2, 1), (6, 1.2, 1.2, 1.2))
"""Of the variants of one arm, in order: they differ without colours, too."""


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


def _variants_of(table: pd.DataFrame, arm: str) -> Iterator[tuple[dict, pd.DataFrame]]:
    """(style, rows) of each variant of an arm: shades from light to dark, and dashes."""
    rows = table[table["method"] == arm]
    names = list(dict.fromkeys(table["variant"]))
    light, dark = sns.light_palette(COLOURS[arm], 5)[2], sns.dark_palette(COLOURS[arm], 5)[2]
    shades = sns.blend_palette([light, COLOURS[arm], dark], len(names)) if len(names) > 1 else [COLOURS[arm]]
    for i, name in enumerate(names):
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
    arms_legend(figure, [axis], ncols=2)
    return figure


def searched_inputs(curves: pd.DataFrame, gaps: pd.DataFrame, optima: dict[str, float]) -> Figure:
    """Campaigns on different inputs of the model, alloys across: simple regret (top); what features bring (bottom).

    curves: columns alloy, input ("features" or "fractions"), experiment, mean, low, high, n. gaps: columns alloy,
    experiment, mean, low, high, n, of the best merit so far with features less that with fractions.
    """
    figure, axes = alloy_panels(curves, 4.0, rows=2, sharex=True)
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
        top.set_title(f"{WORDS[alloy]} (n = {own['n'].min()})")
    top, bottom = next(iter(axes.values()))
    top.set_ylabel("simple regret")
    bottom.set_ylabel("Δ best merit so far")
    figure.legend(*top.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def moved_shares(table: pd.DataFrame) -> Figure:
    """Share of starts that moved along the campaign, a panel for each inner loop: means over trajectories.

    table: columns method, variant, experiment, mean, low, high, n.
    """
    table = table.assign(**{column: 100 * table[column] for column in ("mean", "low", "high")})
    arms = list(dict.fromkeys(table["method"]))
    figure, axes = plt.subplots(1, len(arms), figsize=(PAGE, 2.5), sharey=True, squeeze=False)
    for axis, arm in zip(axes.flat, arms, strict=True):
        for style, rows in _variants_of(table, arm):
            band(axis, rows["experiment"] + 1, rows, **style)
        axis.set(xlabel="experiments", title=LABELS[arm], ylim=(-3, 103))
        axis.legend(loc="center right")
    axes[0, 0].set_ylabel("starts moved (%)")
    return figure
