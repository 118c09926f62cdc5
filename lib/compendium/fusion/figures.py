"""Figures of campaigns on pools: tables in, matplotlib figures out."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas.core.groupby import SeriesGroupBy

from alloygrad.plotting.style import PAGE, PALETTE
from compendium.figures import paths, save, style
from compendium.fusion import discovery, pools

__all__ = ["ARMS", "LEARNERS", "paths", "save", "style"]

ARMS = {
    "ensemble": dict(color=PALETTE[0], marker="o", label="ensemble, fused"),
    "gp_ei": dict(color=PALETTE[2], marker="s", label="Gaussian process, log EI"),
    "gp_ts": dict(color=PALETTE[4], marker="D", label="Gaussian process, Thompson"),
    "pca_gp": dict(color=PALETTE[5], marker="P", label="ten components, log EI"),
    "forest_ei": dict(color=PALETTE[1], marker="^", label="random forest, log EI"),
    "mean": dict(color=PALETTE[3], marker="v", label="plain mean of learners"),
    "query": dict(color=PALETTE[9], marker="X", label="largest disagreement"),
}
"""Colour, marker and label of who chooses, the same in every figure."""

LEARNERS = {
    "isotropic": dict(color=PALETTE[2], marker="s", label="Gaussian process, one lengthscale"),
    "tanimoto": dict(color=PALETTE[4], marker="D", label="Gaussian process, Tanimoto"),
    "gp": dict(color=PALETTE[9], marker="o", label="Gaussian process, all lengthscales"),
    "extra_trees": dict(color=PALETTE[1], marker="^", label="extra trees"),
}
"""Colour, marker and label of a learner."""

ABLATED = {
    "one_gp": "one lengthscale alone",
    "without_isotropic": "without one lengthscale",
    "without_tanimoto": "without Tanimoto",
    "without_gp": "without all lengthscales",
    "without_extra_trees": "without extra trees",
    "equal_gains": "equal gains",
    "raw_targets": "targets not compressed",
    "no_disagreement": "no disagreement",
    "with_forest": "with a random forest",
    "with_ridge": "with a linear regression",
    "with_network": "with a neural network",
}
"""Ensembles with a part left out, or one more."""

RANDOM = dict(color="0.45", ls=":", lw=1.2, label="random (expected)")

TITLES = {
    "crossed_barrel": "printed barrels",
    "oer_plate_3496": "OER catalysts 3496",
    "oer_plate_4098": "OER catalysts 4098",
    "hplc": "chromatography",
    "mmli_opv": "organic photovoltaics",
    "jdft2d": "two-dimensional crystals",
    "dielectric": "dielectrics",
    "perovskites": "perovskites",
    "stability": "stability of crystals",
    "esol": "solubility",
    "buchwald": "coupling reactions",
    "alloys_sma": "shape-memory alloys",
    "alloys_hea": "high-entropy alloys",
    "alloys_ti": "titanium alloys",
    "lnp3": "lipid nanoparticles",
    "dispersants": "dispersants",
    "dye_lasers": "laser dyes",
    "elastic": "elastic crystals",
}
"""Pools in words."""


def named(pool: str) -> str:
    """Return a pool in words."""
    return TITLES.get(pool, pool)


def worded(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with pools and arms in words."""
    looks = {arm: str(look["label"]) for arm, look in (MODELS | SEARCHES | ARMS | CHOOSERS).items()}
    return style.worded(table, TITLES | looks | ABLATED | PARTS)


def panels(names: Sequence, height: float = 1.7, columns: int = 3) -> tuple[Figure, np.ndarray]:
    """Return a figure with a panel for each name, `height` inches high each, and its axes (rows, columns)."""
    columns = min(columns, len(names))
    rows = -(-len(names) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(PAGE, height * rows + 0.6), squeeze=False)
    figure.get_layout_engine().set(hspace=0.07)  # a title clear of the label above it
    for axis in axes.flat[len(names) :]:
        axis.remove()
    return figure, axes


def _lines(axis: Axes, table: pd.DataFrame, looks: Mapping[str, Mapping], value: str) -> None:
    """Draw the mean of a column of `table` against batches, one line per arm; the ensemble's is thick."""
    for arm, look in looks.items():
        mine = table[table["arm"] == arm].groupby("batch")[value].mean()
        if len(mine):
            axis.plot(mine.index, mine, ms=3, **look, lw=2.2 if arm == "ensemble" else 1.0)


def with_error(axis: Axes, values: SeriesGroupBy, look: Mapping[str, Any], **style: Any) -> None:
    """Draw the mean of grouped values against their groups, and its standard error as a band; nothing of no values."""
    if len(values):
        mean, error = values.mean(), values.sem().fillna(0)
        axis.plot(mean.index, mean, ms=3, **look, **style)
        axis.fill_between(mean.index, mean - error, mean + error, color=look["color"], alpha=0.2, lw=0)


def found_against_batches(runs: pd.DataFrame) -> Figure:
    """Draw one panel per pool: the mean number of the ten best that is found, one line per arm.

    runs: as `discovery.compute` returns them.
    """
    table = discovery.curves(runs)
    if table.empty:
        return nothing()
    names = list(dict.fromkeys(table["pool"]))
    figure, axes = panels(names)
    batches = np.arange(discovery.BATCHES + 1)
    for axis, pool in zip(axes.flat, names, strict=False):
        own = table[table["pool"] == pool]
        _lines(axis, own, ARMS, "found")
        size, seeds = pools.DECLARED[pool]["size"], own["seed"].nunique()
        axis.plot(batches, discovery.TOP * (discovery.INITIAL + discovery.BATCH * batches) / size, **RANDOM)
        axis.set(title=f"{named(pool)}, n = {seeds}", ylim=(-0.3, 10.3), yticks=range(0, 11, 2), xlabel="batch of 8")
        axis.grid(axis="y", lw=0.4)
    for axis in axes[:, 0]:
        axis.set_ylabel("of the ten best, found")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def nothing() -> Figure:
    """Return a figure that says that nothing is recorded."""
    figure = plt.figure(figsize=(PAGE, 0.8))
    figure.text(0.5, 0.5, "no campaign on record", ha="center", va="center")
    return figure


CHOOSERS = {
    "ensemble": ARMS["ensemble"],
    "gp": dict(color=PALETTE[2], marker="s", label="Gaussian processes"),
    "qlognehvi": dict(color=PALETTE[6], marker="X", label="BoTorch, qLogNEHVI"),
    "random": dict(color="0.45", marker=".", label="random"),
}
"""Colour, marker and label of who chooses where there are several targets."""


def front_against_batches(table: pd.DataFrame) -> Figure:
    """Draw one panel per pool: the mean share of its hypervolume, one line per arm.

    table: as `several.curves` returns it.
    """
    if table.empty:
        return nothing()
    names = list(dict.fromkeys(table["pool"]))
    figure, axes = panels(names)
    for axis, pool in zip(axes.flat, names, strict=False):
        own = table[table["pool"] == pool]
        _lines(axis, own, CHOOSERS, "share")
        seeds = own.groupby("arm")["seed"].nunique()
        axis.set(title=f"{named(pool)}, n = {seeds.min()}", xlabel="batch of 8", xticks=range(0, 11, 2))
        axis.grid(axis="y", lw=0.4)
    for axis in axes[:, 0]:
        axis.set_ylabel("share of the\nhypervolume")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def matrix(table: pd.DataFrame) -> Figure:
    """Draw the mean number found, pools × arms, as a heat map with its numbers.

    table: as `discovery.summary` returns it.
    """
    if table.empty:
        return nothing()
    wide = table.pivot(index="pool", columns="arm", values="found")
    wide = wide.reindex(columns=[arm for arm in ARMS if arm in wide.columns]).loc[list(dict.fromkeys(table["pool"]))]
    figure, axis = plt.subplots(figsize=(PAGE, 0.22 * len(wide) + 0.7))
    axis.imshow(wide, cmap="Blues", vmin=0, vmax=10, aspect="auto")
    for row, column in np.ndindex(wide.shape):
        value = wide.iloc[row, column]
        best = value == wide.iloc[row].max()
        look = dict(color="w" if value > 6 else "0.15", weight="bold" if best else "normal")
        if np.isfinite(value):
            axis.text(column, row, f"{value:.1f}", ha="center", va="center", **look)
    axis.set_xticks(
        range(wide.shape[1]),
        [textwrap.fill(str(ARMS[arm]["label"]), 24, break_long_words=False) for arm in wide.columns],
    )
    axis.set_yticks(range(len(wide)), [named(pool) for pool in wide.index])
    axis.tick_params(length=0)
    return figure


def distributions(tasks: Sequence[pools.Task]) -> Figure:
    """Draw one panel per task: a histogram of its first target, shaded from the tenth best candidate on."""
    figure, axes = panels(tasks, height=1.7)
    for axis, task in zip(axes.flat, tasks, strict=False):
        name = task.outcomes.columns[0]
        values, direction = task.outcomes[name].to_numpy(), task.directions[0]
        axis.hist(values, bins=60, color="0.75")
        axis.set_yscale("log")
        tenth = direction * np.sort(direction * values)[-10]
        axis.axvspan(*sorted((tenth, axis.get_xlim()[direction > 0])), color=PALETTE[3], alpha=0.3, lw=0)
        better = "larger" if direction > 0 else "smaller"
        axis.set(title=f"{named(task.name)}, {len(values):,}", xlabel=f"{name.replace('_', ' ')} ({better} is better)")
    for axis in axes[:, 0]:
        axis.set_ylabel("candidates")
    return figure


def trust(table: pd.DataFrame) -> Figure:
    """Draw a campaign of the ensemble batch by batch: information, gains, and entropy with what is found.

    table: as `learning.trace` returns it.
    """
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.5))
    batches = table["batch"]
    for name, look in LEARNERS.items():
        if f"gain_{name}" in table:
            axes[0].plot(batches, table[f"information_{name}"], ms=3, **look)
            axes[1].plot(batches, table[f"gain_{name}"], ms=3, **look)
    axes[2].plot(batches, table["entropy"], color="0.15", marker="o", ms=3)
    other = axes[2].twinx()
    other.step(batches, table["found"], where="mid", color=PALETTE[3])
    other.set(ylim=(-0.3, 10.3), ylabel="of the ten best, found (step)")
    axes[0].set(title="information on the targets", ylabel="nats")
    axes[1].set(title="gain", ylim=(0, None))
    axes[2].set(title="entropy of where the best is", ylabel="nats (line)", ylim=(0, None))
    for axis in axes:
        axis.set(xlabel="batches measured", xticks=range(0, int(batches.max()) + 1, 2))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def ablation(table: pd.DataFrame) -> Figure:
    """Draw what each arm finds less than the whole ensemble, with its 95 % interval.

    table: as `discovery.lost` returns it.
    """
    if table.empty:
        return nothing()
    figure, axis = plt.subplots(figsize=(0.7 * PAGE, 0.28 * len(table) + 0.9))
    ends = np.abs(table[["low", "high"]].sub(table["lost"], axis=0)).fillna(0).T.to_numpy()
    names = [ABLATED[arm] for arm in table["arm"]]
    axis.errorbar(table["lost"], names, xerr=ends, fmt="o", color=PALETTE[0], ms=4)
    axis.axvline(0, color="0.45", lw=1)
    axis.set_xlabel("of the ten best, lost")
    axis.grid(axis="x", lw=0.4)
    axis.invert_yaxis()
    return figure


SEARCHES = {
    "ensemble": ARMS["ensemble"],
    "turbo": dict(color=PALETTE[2], marker="s", label="BoTorch, TuRBO"),
    "log_ei": dict(color=PALETTE[6], marker="X", label="BoTorch, log EI"),
    "cma_es": dict(color=PALETTE[1], marker="^", label="CMA-ES"),
    "random": dict(color="0.45", marker=".", label="random"),
}
"""Colour, marker and label of who chooses on a box."""

PARTS = {
    "near_only": "near picks alone",
    "far_only": "far picks alone",
    "one_learner": "Gaussian process alone",
}
"""The ensemble's search with a part left out."""


def minima_against_evaluations(table: pd.DataFrame) -> Figure:
    """Draw one panel per function: the mean of the least value so far, one line per arm, and its standard error.

    table: as `twenty.curves` returns it.
    """
    if table.empty:
        return nothing()
    names = list(dict.fromkeys(table["function"]))
    figure, axes = panels(names, height=2.3)
    for axis, name in zip(axes.flat, names, strict=False):
        own = table[table["function"] == name]
        for arm, look in SEARCHES.items():
            mine = own[own["arm"] == arm].groupby("evaluations")["best"]
            with_error(axis, mine, look, markevery=5, lw=2.2 if arm == "ensemble" else 1.0)
        seeds = own.groupby("arm")["seed"].nunique()
        axis.set(title=f"{name.capitalize()}, n = {seeds.min()}", xlabel="evaluations", ylim=(0, None))
        axis.grid(axis="y", lw=0.4)
    axes[0, 0].set_ylabel("least value so far")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5)
    return figure


def batch_costs(table: pd.DataFrame) -> Figure:
    """Draw processor time of a batch and peak memory against the number of candidates.

    table: as `costs.batches` returns it.
    """
    if table.empty:
        return nothing()
    figure, axes = plt.subplots(1, 2, figsize=(0.8 * PAGE, 2.3))
    for axis, column, label in zip(
        axes, ("seconds", "megabytes"), ("CPU seconds a batch", "peak memory / MB"), strict=True
    ):
        axis.plot(table["candidates"], table[column], color=PALETTE[0], marker="o", ms=4)
        axis.set(xscale="log", yscale="log", xlabel="candidates", ylabel=label)
        axis.grid(lw=0.4)
    axes[0].plot([5000, 4_080_501], [0.3, 20], ls="none", marker="_", ms=14, color="0.3", label="asked for, at most")
    axes[1].axhline(4096, color="0.3", lw=1)
    axes[0].legend()
    return figure


MODELS = {
    "fixed": dict(color=PALETTE[3], marker="v", label="Gaussian process, noise 1e-6"),
    "learned": dict(color=PALETTE[2], marker="s", label="Gaussian process, noise learned"),
    "isotropic": dict(color=PALETTE[0], marker="o", label="Gaussian process, one lengthscale"),
}
"""Colour, marker and label of whose covariance matrix is factorised."""


def conditioning(table: pd.DataFrame) -> Figure:
    """Draw one panel per number of points: the median condition number against dimensions, one line per model.

    table: as `costs.factorisations` returns it.
    """
    if table.empty:
        return nothing()
    sizes = sorted(table["points"].unique())
    figure, axes = plt.subplots(1, len(sizes), figsize=(PAGE, 2.4), sharey=True, squeeze=False)
    for axis, size in zip(axes[0], sizes, strict=True):
        own = table[table["points"] == size]
        for name, look in MODELS.items():
            mine = own[own["model"] == name].groupby("dimensions")["condition"].median()
            axis.plot(mine.index, mine, ms=4, **look)
        axis.set(xscale="log", yscale="log", xlabel="dimensions", title=f"{size} points")
        axis.set_xticks(numbers := sorted(own["dimensions"].unique()), numbers)
        axis.minorticks_off()
        axis.grid(axis="y", lw=0.4)
    axes[0, 0].set_ylabel("condition number")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure
