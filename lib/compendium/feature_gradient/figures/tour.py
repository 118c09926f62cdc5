"""The pictures of the tour: one ternary alloy, station by station."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alloygrad.plotting.style import PAGE
from alloygrad.plotting.ternary import AXES, MARKS, at, contours, mark, shade, window
from compendium.figures.style import COLOURS, MAPS, line_of

DEPTH = 30
"""Maps of log EI are drawn this far below their largest value."""

PITCH = 0.156
"""Share of the page from one station of the line to the next: parallelograms, all leaning the same way, interlock."""

WHERE = MARKS["pick"]["facecolor"]

STATIONS = ("composition", "features", "surrogate", "acquisition", "ascent", "experiment")
FORMULAS = ("$c$", "$e(c)$", "$g(e(c))$", "$a(g(e(c)))$", r"$\arg\max_c\,a$", "$y$")


def composition_space(table: pd.DataFrame, measured: pd.DataFrame, elements: Sequence[str]) -> Figure:
    """Where the alloys of `table` lie among all mixtures of three elements (left), and enlarged with `measured`.

    Both tables hold at.% under the names of `elements`; `measured` has a column merit too.
    """
    figure = plt.figure(figsize=(PAGE, 3.0))
    whole, near = figure.add_subplot(1, 2, 1, **AXES), figure.add_subplot(1, 2, 2, **AXES)
    pure = pd.DataFrame(100 * np.eye(3), columns=list(elements))
    window(whole, pure, elements, ticks=20)
    whole.grid(lw=0.3, color="0.85")
    window(near, table, elements)
    whole.scatter(*at(table, elements), s=0.5, lw=0, color=COLOURS["enumeration"], rasterized=True)
    percent = table[list(elements)]
    points = percent[np.isclose(percent, percent.round()).all(axis=1)]
    near.scatter(*at(points, elements), s=1.5, lw=0, color=COLOURS["enumeration"], clip_on=False)
    drawn = near.scatter(*at(measured, elements), c=measured["merit"], s=42, edgecolor="0.1", lw=0.6, clip_on=False)
    figure.colorbar(drawn, ax=near, label="measured figure of merit", shrink=0.7, aspect=22)
    return figure


def acquisition_cut(
    maps: pd.DataFrame, cut: pd.DataFrame, elements: Sequence[str], *, least: float, **marks: pd.DataFrame
) -> Figure:
    """EI and log EI as maps, and along a line of alloys on which the first element varies.

    maps, cut: compositions (at.%) with columns ei and log_ei. least: an EI below which optimisers stop.
    """
    figure = plt.figure(figsize=(PAGE, 2.75))
    panels = figure.subfigures(1, 3, width_ratios=(1, 1, 1.15))
    deep = dict(vmin=maps["log_ei"].max() - DEPTH)
    for panel, column, title, scale in zip(panels, ("ei", "log_ei"), ("EI", "log EI"), ({}, deep), strict=False):
        axis = window(panel.add_subplot(**AXES), maps, elements)
        drawn = shade(axis, maps, elements, column, cmap=MAPS["log_ei"], **scale)
        axis.plot(*at(cut, elements), color="w", lw=0.9, ls=(0, (4, 3)))
        mark(axis, elements, **marks)
        bar = dict(orientation="horizontal", shrink=0.6, aspect=22, extend="min" if scale else "neither")
        panel.colorbar(drawn, ax=axis, label=title, **bar)
    axes = panels[2].subplots(2, sharex=True)
    for axis, column, label in zip(axes, ("ei", "log_ei"), ("EI", "log EI"), strict=True):
        axis.plot(cut[elements[0]], cut[column], color="0.15")
        axis.set(ylabel=label)
    axes[1].axhline(np.log(least), color="0.5", lw=0.8, ls=":")
    place = dict(transform=axes[1].get_yaxis_transform(), fontsize=6, va="bottom", color="0.35")
    axes[1].text(0.01, np.log(least), f"EI = $10^{{{np.log10(least):.0f}}}$", **place)
    axes[1].set(xlabel=f"{elements[0]} (at.%), along the dashed line", ylim=(maps["log_ei"].max() - DEPTH, None))
    return figure


def ascent_paths(
    maps: pd.DataFrame, near: pd.DataFrame, paths: pd.DataFrame, climbs: pd.DataFrame, elements: Sequence[str], **marks
) -> Figure:
    """Ways of the ascents over log EI (left); exchanges on the grid around the pick (right).

    maps, near: compositions (at.%) with log_ei, `near` those of the grid around the pick. paths: a column start
    and at.%, what each ascent had reached after one evaluation, two, …, in this order. climbs: the same for rounds.
    """
    figure = plt.figure(figsize=(PAGE, 2.75))
    panels = figure.subfigures(1, 2, width_ratios=(1, 1.7))
    left, right = (panel.add_subplot(**AXES) for panel in panels)
    bar = dict(label="log EI", orientation="horizontal", shrink=0.6, aspect=22)
    window(left, maps, elements)
    drawn = shade(left, maps, elements, "log_ei", cmap=MAPS["log_ei"], vmin=maps["log_ei"].max() - DEPTH)
    ways(left, paths, elements)
    mark(left, elements, **marks)
    panels[0].colorbar(drawn, ax=left, extend="min", **bar)
    window(right, near, elements, ticks=0.5)
    drawn = shade(right, near, elements, "log_ei", cmap=MAPS["log_ei"])
    right.scatter(*at(near, elements), s=2, lw=0, color="w", alpha=0.7)
    ways(right, climbs, elements, marker="o", ms=2.5)
    mark(right, elements, **marks)
    panels[1].colorbar(drawn, ax=right, **bar)
    return figure


def ways(axis: Axes, paths: pd.DataFrame, elements: Sequence[str], **style) -> None:
    """One line for each start in `paths`: from a white dot to a filled one."""
    edge = [patheffects.withStroke(linewidth=1.4, foreground="0.15")]
    for _, way in paths.groupby("start"):
        axis.plot(*at(way, elements), **(dict(color="w", lw=0.7, path_effects=edge, solid_capstyle="round") | style))
    by_start = paths.groupby("start")
    axis.scatter(*at(by_start.first(), elements), s=8, color="w", edgecolor="0.15", lw=0.5, zorder=3)
    axis.scatter(*at(by_start.last(), elements), s=9, color=WHERE, edgecolor="0.15", lw=0.4, zorder=4)


def ten_experiments(
    maps: pd.DataFrame, rows: pd.DataFrame, progress: pd.DataFrame, elements: Sequence[str], **marks: pd.DataFrame
) -> Figure:
    """Where the experiments went on the true landscape (left), and what each of them and the best so far gave (right).

    rows: one experiment each, in order, at.%. progress: columns experiments, measured (NaN before the first), campaign,
    random, optimum. marks: as of `mark`.
    """
    figure = plt.figure(figsize=(PAGE, 2.75))
    panels = figure.subfigures(1, 2, width_ratios=(1, 1.25))
    axis = window(panels[0].add_subplot(**AXES), maps, elements)
    drawn = shade(axis, maps, elements, "merit", cmap=MAPS["mean"])
    panels[0].colorbar(drawn, ax=axis, label="true figure of merit", orientation="horizontal", shrink=0.6, aspect=22)
    mark(axis, elements, **marks)
    axis.scatter(*at(rows, elements), s=14, color=WHERE, edgecolor="w", lw=0.5, zorder=6, clip_on=False)
    axis = panels[1].subplots()
    done = progress["experiments"]
    axis.axhline(progress["optimum"].iloc[0], color="0.2", lw=0.8, ls="--", label="true optimum")
    axis.step(done, progress["campaign"], where="post", color=COLOURS["ascent"], label="best so far, this campaign")
    axis.plot(done, progress["measured"], "o", ms=4, color=WHERE, label="each experiment")
    axis.plot(done, progress["random"], **line_of("random") | dict(label="random alloys, on average"))
    axis.set(xlabel="experiments", ylabel="figure of merit")
    panels[1].legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def line(
    maps: pd.DataFrame, elements: Sequence[str], *, feature: str, paths: pd.DataFrame, notes: Sequence[str],
    measured: pd.DataFrame, pick: pd.DataFrame, optimum: pd.DataFrame,
) -> Figure:  # fmt: skip
    """The line in one strip: six maps of the same alloys, one for each of `STATIONS`, with a note below each.

    maps: at.% and columns `feature`, mean, log_ei, merit.
    """
    figure = plt.figure(figsize=(PAGE, 2.05))
    figure.set_layout_engine("none")
    merit = dict(cmap="viridis", vmin=maps["merit"].min(), vmax=maps["merit"].max())
    chance = dict(cmap=MAPS["log_ei"], vmin=maps["log_ei"].max() - DEPTH)
    shown = {1: (feature, dict(cmap="crest")), 2: ("mean", merit), 3: ("log_ei", chance), 4: ("log_ei", chance)}
    shown[5] = ("merit", merit)
    axes = [figure.add_axes((0.005 + PITCH * i, 0.24, 0.215, 0.6), **AXES) for i in range(6)]
    for i, axis in enumerate(axes):
        window(axis, maps, elements, ticks=None)
        if i in shown:
            shade(axis, maps, elements, shown[i][0], **shown[i][1])
        top, base = axis.patch.get_xy()[[0, 1]].mean(0), axis.patch.get_xy()[[3, 4]].mean(0)
        style = dict(xycoords="axes fraction", textcoords="offset points", ha="center")
        axis.annotate(STATIONS[i], top, (0, 5), va="bottom", **style)
        axis.annotate(FORMULAS[i], base, (0, -5), va="top", fontsize=9, **style)
        if i:
            axis.annotate("→", (0.25, 0.5), (-11, 0), va="center", color="0.35", **style)
        axis.annotate(notes[i], base, (0, -24), va="top", fontsize=6, color="0.35", **style)
    percent = maps[list(elements)]
    grid = percent[np.isclose(percent, percent.round()).all(axis=1)]
    axes[0].scatter(*at(grid, elements), s=1.2, lw=0, color=COLOURS["enumeration"], clip_on=False)
    mark(axes[0], elements, measured=measured)
    contours(axes[1], maps, elements, feature, levels=8)
    mark(axes[2], elements, measured=measured)
    ways(axes[4], paths, elements)
    mark(axes[4], elements, pick=pick)
    mark(axes[5], elements, pick=pick, optimum=optimum)
    return figure
