"""Figures of several objectives: how much of a front an inner loop has found, and what the front looks like."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.objectives import Limit, Target
from alloygrad.plotting.style import COLUMN, PAGE, PALETTE
from alloygrad.protocols import Objective
from compendium.figures import style
from compendium.judging import statistics
from compendium.judging.verdicts import Part
from compendium.pareto.landscapes import Landscape
from compendium.pareto.limits import Truth

COLOURS = {
    "ascent": style.COLOURS["ascent"], "best_of_random": style.COLOURS["best_of_random"], "annealing": PALETTE[3],
    "policy": PALETTE[4], "nsga2": PALETTE[5], "scalarisation": PALETTE[6], "parego": PALETTE[8],
    "weighted_sum": style.COLOURS["slsqp_ei"], "random": style.COLOURS["random"],
}  # fmt: skip
"""One colour per inner loop; those of the first paper keep theirs."""

MARKERS = dict(zip(COLOURS, "oDs^vP*dX", strict=True))

LABELS = {
    "ascent": "ascent on log EHVI (default)",
    "best_of_random": "best of 1024 random",
    "annealing": "annealed Monte Carlo",
    "policy": "policy (REINFORCE)",
    "nsga2": "NSGA-II on the means",
    "scalarisation": "random scalarisation, ascent",
    "parego": "ParEGO, ascent",
    "weighted_sum": "weighted sum, ascent",
    "random": "random experiments",
}

TITLES = {"sma_n4": "SMA, N = 4", "hea_n5": "HEA, N = 5", "ti_n5": "Ti, N = 5"}

WORDS = {
    "enthalpy": "enthalpy (J/g)",
    "hysteresis": "hysteresis (K)",
    "working_temperature": "working temperature (°C)",
    "yield_strength": "yield strength (MPa)",
    "ultimate_strength": "ultimate strength (MPa)",
    "elongation": "elongation (%)",
    "hardness": "Vickers hardness",
}


def worded(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with landscapes, inner loops and objectives in words."""
    words = {name: label.partition(" (")[0] for name, label in WORDS.items()}
    return style.worded(table, LABELS | TITLES | words)


def in_words(one: Objective) -> str:
    """Return an aim or a limit in words, with its unit."""
    name = WORDS.get(one.name, one.name)
    if isinstance(one, Limit):
        sides = {"at least": one.at_least, "at most": one.at_most}
        return f"{name} {' and '.join(f'{word} {value:g}' for word, value in sides.items() if np.isfinite(value))}"
    if isinstance(one, Target):
        return f"{name} as near to {one.wanted:g} as possible"
    return f"{name} as {'large' if one.sign > 0 else 'small'} as possible"


def mean_curves(curves: pd.DataFrame) -> pd.DataFrame:
    """Return means over seeds with 95 % intervals: landscape, arm, below, experiment, mean, low, high, n."""
    rows = [pd.DataFrame(columns=["landscape", "arm", "below", "n", "experiment", "mean", "low", "high"])]
    steps = [column for column in curves if isinstance(column, int)]
    for (landscape, arm, below), own in curves.groupby(["landscape", "arm", "below"], sort=False):
        mean, low, high = statistics.mean_interval(own[steps].to_numpy(dtype=float))
        about = {"landscape": landscape, "arm": arm, "below": below, "n": len(own)}
        rows.append(pd.DataFrame({**about, "experiment": steps, "mean": mean, "low": low, "high": high}))
    return pd.concat(rows[1:] or rows, ignore_index=True)


def nothing() -> Figure:
    """Draw a line that says why there is nothing to draw."""
    figure = plt.figure(figsize=(PAGE, 0.8))
    figure.text(0.5, 0.5, "no campaign on record", ha="center", va="center")
    return figure


def share_against(
    table: pd.DataFrame, x: str = "experiment", label: str = "share of the front's hypervolume"
) -> Figure:
    """Draw the share of the front's hypervolume against experiments or CPU seconds: a panel for each landscape.

    table: columns landscape, arm, mean, low, high, n and x. label: what the shares are.
    """
    if table.empty:
        return nothing()
    names = list(table["landscape"].unique())
    figure, axes = plt.subplots(1, len(names), figsize=(PAGE, 2.6), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        rows = table[table["landscape"] == name]
        for place, (arm, own) in enumerate(rows.groupby("arm", sort=False)):
            look = dict(color=COLOURS[arm], marker=MARKERS[arm], ms=3, markevery=(0.02 * place, 0.2))
            axis.plot(own[x], own["mean"], **look)
            axis.fill_between(own[x], own["low"], own["high"], color=COLOURS[arm], alpha=0.2, lw=0)
        axis.set_title(f"{TITLES.get(name, name)} (n = {rows['n'].min()})", pad=3)
        if x != "experiment":
            axis.set_xscale("log")
        if table["low"].min() < 0:
            axis.axhline(0, color="0.4", lw=0.6, zorder=0)
    axes[0, 0].set_ylabel(label)
    figure.supxlabel("experiments" if x == "experiment" else "CPU seconds of the inner loop", fontsize=8)
    arms = table["arm"].unique()
    handles = [mpl.lines.Line2D([], [], color=COLOURS[a], marker=MARKERS[a], ms=3, label=LABELS[a]) for a in arms]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, handlelength=2.5)
    return figure


def projections(landscape: Landscape, found: Mapping[str, pd.DataFrame], drawn: pd.DataFrame) -> Figure:
    """Draw a front in each pair of objectives, with what inner loops measured, over random alloys.

    found: inner loop → outcomes of its experiments. drawn: outcomes of random alloys.
    """
    names = [aim.name for aim in landscape.objectives]
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.5))
    front = landscape.front()
    for axis, (one, other) in zip(axes, [(0, 1), (0, 2), (1, 2)], strict=True):
        x, y = names[one], names[other]
        axis.plot(drawn[x], drawn[y], ".", color="0.85", ms=2, zorder=0, label="random alloys")
        axis.plot(front[x], front[y], "o", mfc="none", mec="0.3", mew=0.5, ms=3, label="true front")
        for arm, rows in found.items():
            axis.plot(rows[x], rows[y], MARKERS[arm], color=COLOURS[arm], ms=3, label=LABELS[arm])
        axis.set(xlabel=WORDS.get(x, x), ylabel=WORDS.get(y, y))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def parallel(landscape: Landscape) -> Figure:
    """Draw the compositions of a front in parallel coordinates, coloured by the first objective."""
    front, elements = landscape.front(), list(landscape.space().elements)
    shares, first = 100 * landscape.space().step * front[elements].to_numpy(), landscape.objectives[0].name
    figure, axis = plt.subplots(figsize=(COLUMN, 2.4))
    scale = mpl.colors.Normalize(front[first].min(), front[first].max())
    colours = mpl.colormaps["viridis"](scale(front[first].to_numpy()))
    for row in np.argsort(front[first].to_numpy()):
        axis.plot(elements, shares[row], color=colours[row], lw=0.6, alpha=0.6)
    axis.set(ylabel="at.%", title=TITLES.get(landscape.name, landscape.name))
    figure.colorbar(mpl.cm.ScalarMappable(scale, "viridis"), ax=axis, label=WORDS.get(first, first))
    return figure


def leads(curves: pd.DataFrame, of: str = "ascent") -> pd.DataFrame:
    """Return by how much one inner loop finds more than each other one: as `mean_curves`, over paired seeds.

    curves: as `runs.gather` returns them.
    """
    steps, keys = [column for column in curves if isinstance(column, int)], ["landscape", "below", "seed"]
    first, rows = curves[curves["arm"] == of].set_index(keys)[steps], []
    for _, own in curves[curves["arm"] != of].groupby("arm", sort=False):
        other = own.set_index(keys)
        rows.append((first - other[steps]).dropna().join(other["arm"]).reset_index())
    return mean_curves(pd.concat(rows) if rows else curves.iloc[:0])


def gains(parts: Sequence[Part], margin: float) -> Figure:
    """Draw how much more of a front the default reaches than each other inner loop, with intervals where there are any.

    parts: as `measurements.front_gain` returns them, named "landscape, − inner loop"; those without seeds are left out.
    """
    ran = {part.name.partition(", − ")[2] for part in parts if part.n}
    parts = [part for part in parts if part.name.partition(", − ")[2] in ran]
    if not parts:
        return nothing()
    names = list(dict.fromkeys(part.name.partition(", − ")[0] for part in parts))
    size = (PAGE, 0.8 + 0.22 * len(ran))
    figure, axes = plt.subplots(1, len(names), figsize=size, sharey=True, squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        own = [part for part in parts if part.name.startswith(f"{name}, ")]
        for row, part in enumerate(reversed(own)):
            arm = part.name.partition(", − ")[2]
            axis.plot([part.low, part.high], [row, row], color=COLOURS[arm], lw=1.5)
            axis.plot(part.value, row, MARKERS[arm], color=COLOURS[arm], ms=4)
        axis.axvspan(-margin, margin, color="0.9", zorder=0)
        axis.axvline(0, color="0.4", lw=0.6)
        axis.set_title(f"{TITLES.get(name, name)} (n = {max((part.n or 0) for part in own)})", pad=3)
        axis.set_ylim(-0.5, len(own) - 0.5)
        axis.set_yticks(range(len(own)), [LABELS[part.name.partition(", − ")[2]] for part in reversed(own)])
    figure.supxlabel("share of the front's hypervolume: default less other", fontsize=8)
    return figure


def arrivals(table: pd.DataFrame, truths: Mapping[str, Truth], experiments: int) -> Figure:
    """Draw the share of campaigns that have found the best alloy within limits, against experiments.

    table: rows of `limits.compute`. truths: what enumeration says of each landscape; random experiments follow from it.
    """
    figure, axes = plt.subplots(1, len(truths), figsize=(PAGE, 2.1), sharey=True, squeeze=False)
    steps = np.arange(experiments + 1)
    for axis, (name, truth) in zip(axes[0], truths.items(), strict=True):
        arrived = table.loc[table["landscape"] == name, "arrived"].to_numpy(dtype=float)
        if len(arrived):
            axis.step(
                steps, (arrived[:, None] <= steps).mean(0), where="post", color=COLOURS["ascent"], label="campaign"
            )
        chance = [truth.by_chance(int(n)) for n in steps]
        axis.plot(steps, chance, ":", color="0.4", label="random experiments (expected)")
        axis.set_title(f"{TITLES.get(name, name)} (n = {len(arrived)})", pad=3)
        axis.axhline(0.9, color="0.8", lw=0.6, zorder=0)
        axis.set(ylim=(-0.03, 1.03))
    axes[0, 0].set_ylabel("share of seeds that arrived")
    figure.supxlabel("experiments after the first 50", fontsize=8)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


PREFERENCES = {
    "linear": dict(color=PALETTE[0], marker="o", label="weights learnt, best question"),
    "at random": dict(color="0.5", marker="s", label="weights learnt, random questions"),
    "gp": dict(color=PALETTE[3], marker="^", label="PairwiseGP (BoTorch), best question"),
}


PERSONS = {"weights": "weigh the properties", "desirability": "want enough of each property"}


def regrets(table: pd.DataFrame) -> Figure:
    """Draw the mean regret of what is recommended against the number of questions, a panel for each kind of person.

    table: rows of `choices.compute`.
    """
    questions = [column for column in table if isinstance(column, int)]
    kinds = list(dict.fromkeys(table["kind"]))
    figure, axes = plt.subplots(1, max(1, len(kinds)), figsize=(PAGE, 2.3), sharey=True, squeeze=False)
    for axis, kind in zip(axes[0], kinds, strict=False):
        for method, look in PREFERENCES.items():
            own = table[(table["kind"] == kind) & (table["method"] == method)]
            if len(own):
                mean, low, high = statistics.mean_interval(own[questions].to_numpy(dtype=float))
                axis.plot(questions, mean, ms=3, **look)
                axis.fill_between(questions, low, high, color=look["color"], alpha=0.15, lw=0)
        n = table.loc[table["kind"] == kind, "person"].nunique()
        axis.set_title(f"persons who {PERSONS.get(kind, kind)} (n = {n})", pad=3)
    axes[0, 0].set(ylabel="regret, share of the range", ylim=(0, None))
    figure.supxlabel("questions answered", fontsize=8)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


STARTS = {
    "random": dict(color=style.COLOURS["random"], marker="X", label="random"),
    "diverse": dict(color=PALETTE[4], marker="D", label="diverse (farthest first)"),
    "screened": dict(color=PALETTE[5], marker="v", label="best of a screen"),
    "apart": dict(color=style.COLOURS["ascent"], marker="o", label="best that lie apart, and others"),
}


def missed(table: pd.DataFrame) -> Figure:
    """Draw the share of states in which ascents miss the maximum against their CPU time, by kind and number of starts.

    table: as `starts.summary` returns it; an adaptive number is an open marker.
    """
    figure, axis = plt.subplots(figsize=(COLUMN, 2.6))
    for kind, look in STARTS.items():
        own = table[table["starts"] == kind]
        given, free = own[own["number"] > 0], own[own["number"] == 0]
        axis.plot(given["cpu_seconds"], given["missed"], ms=4, lw=0.8, **look)
        axis.plot(free["cpu_seconds"], free["missed"], look["marker"], mfc="w", color=look["color"], ms=6)
        for row in given.itertuples():
            axis.annotate(
                row.number, (row.cpu_seconds, row.missed), fontsize=6, xytext=(3, 3), textcoords="offset points"
            )
    axis.set(xscale="log", xlabel="CPU seconds for a state", ylabel="share of states missed", ylim=(0, None))
    axis.xaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 1.5, 2, 3, 4)))
    axis.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


SHOWN = {"sma_n4": ("hysteresis", "enthalpy"), "hea_n5": ("yield_strength", "elongation")}
"""Two objectives in which a front is drawn."""


def coverage(fronts: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw fronts in two of their objectives, each alloy coloured by the share of campaigns that come near it.

    fronts: tables as `runs.covered` returns them, by names in `SHOWN`.
    """
    figure, axes = plt.subplots(1, len(fronts), figsize=(PAGE, 2.4), squeeze=False)
    for axis, (name, table) in zip(axes[0], fronts.items(), strict=True):
        first, second = SHOWN[name]
        own = table.sort_values("covered", ascending=False)  # what is missed lies on top
        shown = axis.scatter(own[first], own[second], c=own["covered"], s=9, cmap="viridis", vmin=0, vmax=1)
        axis.set(title=TITLES[name], xlabel=WORDS[first], ylabel=WORDS[second])
    figure.colorbar(shown, ax=list(axes[0]), label="share of campaigns that come near")
    return figure


def shortfalls(table: pd.DataFrame) -> Figure:
    """Draw what share of the largest expected improvement picks have, sorted, and the CPU seconds of their search.

    table: as `states.gaps` returns it.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 2.2))
    looks = {
        ("log_ehvi", "cpu_seconds"): dict(color=COLOURS["ascent"], marker="o", label="ascent (default)"),
        ("peer", "peer_seconds"): dict(color=PALETTE[3], marker="^", label="qLogNEHVI, optimize_acqf (BoTorch)"),
    }
    for (value, seconds), look in looks.items():
        if (own := table.dropna(subset=[value])).empty:
            continue
        short = np.exp(np.minimum(own[value] - own["largest"], 0).to_numpy(dtype=float))
        left.plot(np.linspace(0, 1, len(short)), np.sort(short), ms=2.5, lw=0.8, **look)
        right.plot(np.linspace(0, 1, len(short)), np.sort(own[seconds].to_numpy(dtype=float)), ms=2.5, lw=0.8, **look)
    left.set(xlabel="share of states", ylabel="share of the largest EHVI", ylim=(-0.03, 1.03))
    right.set(xlabel="share of states", ylabel="CPU seconds", yscale="log")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure
