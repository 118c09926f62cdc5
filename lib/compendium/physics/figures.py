"""Figures of hard and soft alloys: oracle against measurements, the front and its alloys, what campaigns find."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.plotting.style import COLUMN, PAGE, PALETTE
from compendium.figures import save, style
from compendium.judging import statistics
from compendium.physics.elements import SYMBOLS
from compendium.physics.measured import WITHIN

__all__ = ["compositions", "potential", "save", "shares", "strengths", "trade_off"]

COLOURS = {"campaign": style.COLOURS["ascent"], "random": style.COLOURS["random"]}
LABELS = {"campaign": "campaign (log EHVI)", "random": "random alloys"}

STRENGTH, MAGNETISATION = "friction stress (MPa)", "saturation magnetisation at 0 K (T)"


def strengths(table: pd.DataFrame) -> Figure:
    """Draw measured and computed friction stress of each alloy; table: of `measured.strengths`."""
    figure, axis = plt.subplots(figsize=(COLUMN, 3.0))
    rows = table.sort_values("measured_MPa", ignore_index=True)
    value, at = rows["measured_MPa"], rows.index
    band = f"±{100 * WITHIN:.0f} %"
    axis.barh(at, 2 * WITHIN * value, left=(1 - WITHIN) * value, height=0.6, color="0.88", label=band)
    axis.plot(value, at, "|", color="0.3", ms=9, label="measured")
    for within, face in ((True, PALETTE[0]), (False, "none")):
        own = rows[rows["within"] == within]
        label = f"computed, {'within' if within else 'beyond'}"
        axis.plot(own["computed_MPa"], own.index, "o", mec=PALETTE[0], mfc=face, ms=4, label=label)
    axis.set(xlabel=STRENGTH, xlim=(0, None))
    axis.set_yticks(at, rows["alloy"])
    axis.legend(loc="lower right")
    return figure


def trade_off(front: pd.DataFrame, drawn: pd.DataFrame, found: pd.DataFrame) -> Figure:
    """Draw the best known front over random alloys, with the alloys that one campaign measured.

    Each table has the columns strength_MPa and magnetisation_T.
    """
    figure, axis = plt.subplots(figsize=(COLUMN, 2.8))
    x, y = "magnetisation_T", "strength_MPa"
    axis.plot(drawn[x], drawn[y], ".", color="0.8", ms=2, label=f"{len(drawn)} random alloys")
    axis.plot(found[x], found[y], "o", color=COLOURS["campaign"], mfc="none", ms=3, label="one campaign")
    axis.plot(front[x], front[y], "-", color="0.1", label="best known front")
    axis.set(xlabel=MAGNETISATION, ylabel=STRENGTH)
    figure.legend(loc="outside upper center", ncols=3, columnspacing=1.0, handlelength=1.2)
    return figure


def compositions(front: pd.DataFrame) -> Figure:
    """Draw the alloys of the front as stacked shares of the elements, against their magnetisation."""
    figure, axis = plt.subplots(figsize=(PAGE, 2.6))
    rows = front.sort_values("magnetisation_T")
    present = [name for name in SYMBOLS if rows[name].max() > 0]
    colours = [PALETTE[SYMBOLS.index(name)] for name in present]
    axis.stackplot(rows["magnetisation_T"], rows[present].T, labels=present, colors=colours, lw=0)
    axis.set(xlabel=MAGNETISATION, ylabel="at.%", ylim=(0, 100), xlim=rows["magnetisation_T"].iloc[[0, -1]])
    figure.legend(loc="outside right center", reverse=True)
    return figure


def shares(curves: pd.DataFrame, initial: int, least: float) -> Figure:
    """Draw the share of the front's hypervolume against evaluations, with 95 % intervals; curves: of `runs.gather`."""
    figure, axis = plt.subplots(figsize=(COLUMN, 2.4))
    steps = [name for name in curves if isinstance(name, int)]
    for arm, own in curves.groupby("arm", sort=False):
        mean, low, high = statistics.mean_interval(own[steps].to_numpy(dtype=float))
        at = initial + np.array(steps)
        axis.plot(at, mean, color=COLOURS[arm], label=f"{LABELS[arm]}, n = {len(own)}")
        axis.fill_between(at, low, high, color=COLOURS[arm], alpha=0.2, lw=0)
    axis.axhline(least, color="0.4", lw=0.8, ls=":")
    axis.set(xlabel="alloys evaluated", ylabel="share of the front's hypervolume", ylim=(None, 1.01))
    if curves.empty:
        axis.text(0.5, 0.5, "no run on record", transform=axis.transAxes, ha="center")
    else:
        axis.legend(loc="center right")
    return figure


def potential(parity: pd.DataFrame, best: pd.DataFrame) -> Figure:
    """Draw the potential's bulk moduli of metals against the handbook's, and what campaigns on it reach.

    parity: of `atomistic.parity`; best: of `atomistic.best_so_far`.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 2.5))
    left.axline((100, 100), slope=1, color="0.6", lw=0.8)
    for crystal, marker in (("bcc", "o"), ("fcc", "s")):
        own = parity[parity["crystal"] == crystal]
        left.plot(own["handbook_GPa"], own["modulus_GPa"], marker, color=PALETTE[0], ms=4, label=crystal)
        for row in own.itertuples():
            above = row.modulus_GPa > row.handbook_GPa  # the label stands on the far side of the line
            where = dict(xytext=(-5, 2), ha="right") if above else dict(xytext=(5, -7), ha="left")
            left.annotate(row.metal, (row.handbook_GPa, row.modulus_GPa), textcoords="offset points", **where)
    left.set(xlabel="handbook, bulk modulus (GPa)", ylabel="potential (GPa)")
    left.margins(0.1)
    left.legend()
    for (arm, seed), own in best.groupby(["arm", "seed"], sort=False):
        label = LABELS[arm].split(" (")[0] if seed == best["seed"].min() else None
        right.plot(own["experiment"] + 1, own["best_GPa"], color=COLOURS[arm], lw=0.8, label=label)
    right.set(xlabel="alloys after the first eight", ylabel="largest bulk modulus (GPa)")
    if len(best):
        right.legend()
    return figure
