"""Figures of spin waves: maps, dispersion of the chain, and which points to measure. Measured maps are pixels."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alloygrad.inverse import Recovery
from alloygrad.inverse.simulators.spin_waves import SpinWaves
from alloygrad.plotting.style import COLUMN, PAGE, PALETTE
from compendium.inverse import magnons
from compendium.inverse.figures import FIT, TRUTH

ARMS = {
    "deflated": dict(color=PALETTE[0], marker="o", label="chosen, deflated"),
    "unconstrained": dict(color=PALETTE[4], marker="v", label="chosen, stability not known"),
    "variance": dict(color=PALETTE[1], marker="s", label="largest predictive variance"),
    "uniform": dict(color=PALETTE[2], marker="D", label="uniform scans"),
    "random": dict(color=PALETTE[7], marker="*", label="random points"),
}
"""Colour, marker and label of a way to choose."""

PANELS = ("measured", "recovered", "residual (σ)")


def bromide_maps(found: Recovery, lines: Sequence[str] = ("Γ–X", "Γ–Y", "Γ–S", "X–S")) -> Figure:
    """Draw the measured and the recovered map along the path and their difference in standard errors.

    Args:
        found: A recovery of a synthetic map of CrSBr.
        lines: Names of the lines of the path, of equal length.
    """
    measured = found.problem.measured
    shape = (-1, len(magnons.ENERGIES))
    parts = [measured.values, found.curve, (measured.values - found.curve) / measured.sigma]
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.5), sharey=True)
    for axis, title, part in zip(axes, PANELS, parts, strict=True):
        image = part.reshape(shape).T
        edges = np.arange(image.shape[1] + 1) - 0.5
        heights = np.append(magnons.ENERGIES, magnons.ENERGIES[-1] + 1) - 0.5
        _panel(
            figure,
            axis,
            title,
            axis.pcolormesh(edges, heights, image, rasterized=True, **_limits(title, measured.values)),
        )
        each = image.shape[1] // len(lines)
        for border in range(each, image.shape[1], each):
            axis.axvline(border - 0.5, color="w" if "σ" not in title else "0.6", lw=0.7)
        axis.set_xticks(each * (np.arange(len(lines)) + 0.5) - 0.5, lines)
        axis.tick_params(bottom=False)
    axes[0].set_ylabel("energy transfer (meV)")
    return figure


def chain_maps(table: pd.DataFrame, found: Recovery, waves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Draw the map of a chain as measured, as recovered, and their difference in standard errors.

    Args:
        table: As from `chains.measured_map`.
        found: Its recovery.
        waves: Label → (L, energy) of lines to draw on the measured map.
    """
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.5), sharey=True)
    parts = [table["value"], found.curve, (table["value"] - found.curve) / table["sigma"]]
    for axis, title, part in zip(axes, PANELS, parts, strict=True):
        image = table.assign(part=part, L=table["L"].round(4)).pivot_table(index="energy", columns="L", values="part")
        L, energy = image.columns.to_numpy(), image.index.to_numpy()
        drawn = axis.pcolormesh(L, energy, image, shading="nearest", rasterized=True, **_limits(title, table["value"]))
        _panel(figure, axis, title, drawn)
        axis.set_xlabel("L (2π/c)")
    edge = [patheffects.withStroke(linewidth=2.2, foreground="0.2")]  # so that the white line shows in the legend, too
    for (name, (L, energy)), style in zip(waves.items(), ("-", "--"), strict=False):
        axes[0].plot(L, energy, style, color="w", lw=0.9, label=name, path_effects=edge)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left")
    axes[0].set(ylabel="energy transfer (meV)", ylim=(table["energy"].min(), table["energy"].max()))
    return figure


def _limits(title: str, values: np.ndarray) -> dict:
    if "σ" in title:
        return dict(cmap="RdBu_r", vmin=-5, vmax=5)
    return dict(vmin=float(np.min(values)), vmax=float(np.quantile(values, 0.99)))


def _panel(figure: Figure, axis: Axes, title: str, drawn) -> None:
    figure.colorbar(drawn, ax=axis, pad=0.02)
    axis.set_title(title)


def chain_dispersion(kept: pd.DataFrame, fits: Mapping[str, tuple[float, float]]) -> Figure:
    """Draw peak positions of constant-energy cuts and dispersion curves.

    Args:
        kept: As the first of `chains.dispersion`.
        fits: Label → (energy at the zone boundary, gap) in meV.
    """
    figure, axis = plt.subplots(figsize=(COLUMN, 2.5))
    axis.errorbar(
        kept["distance"],
        kept["energy"],
        xerr=kept["standard_error"],
        fmt=".",
        ms=3,
        lw=0.6,
        color="0.45",
        label="peaks of cuts",
    )
    distance = np.linspace(0, 0.5, 200)
    for (name, (top, gap)), colour, dash in zip(fits.items(), (FIT, TRUTH), ("-", "--"), strict=False):
        energy = np.sqrt(gap**2 + (top**2 - gap**2) * np.sin(np.pi * distance) ** 2)
        axis.plot(distance, energy, dash, color=colour, label=name)
    axis.set(xlabel="distance from L = 1 (2π/c)", ylabel="energy transfer (meV)", xlim=(0, 0.5), ylim=(0, None))
    axis.legend(loc="lower right")
    return figure


def chosen(
    points: Sequence[int], waves: SpinWaves, couplings: Sequence[float], shown: Sequence[int] = (15, 30, 60)
) -> Figure:
    """Draw which candidates were measured, in the order of choice, over the true modes.

    Args:
        points: Numbers of candidates in the order of measuring.
        waves: The model at the candidates' wave vectors.
        couplings: The true ones, D included.
        shown: Ends of the parts that get a colour of their own.
    """
    figure, axis = plt.subplots(figsize=(PAGE, 2.3))
    which, energy, _ = magnons.candidates()
    modes = waves.modes(couplings)
    for mode in range(modes.energy.shape[1]):
        own = modes.energy[:, mode].reshape(4, -1)
        for line, part in enumerate(own):
            axis.plot(line * len(part) + np.arange(len(part)), part, color="0.75", lw=1.2, zorder=0)
    begins = (0, *shown[:-1])
    for begin, end, colour, marker in zip(begins, shown, (PALETTE[3], PALETTE[1], PALETTE[0]), "osD", strict=False):
        part = np.asarray(points)[begin:end]
        axis.plot(
            which[part],
            energy[part],
            marker,
            ls="",
            ms=3.4,
            mec="none",
            color=colour,
            label=f"points {begin + 1} to {end}",
        )
    count = len(modes.energy) // 4
    for border in range(count, 4 * count, count):
        axis.axvline(border - 0.5, color="0.85", lw=0.7)
    axis.set_xticks(count * (np.arange(4) + 0.5) - 0.5, ("Γ–X", "Γ–Y", "Γ–S", "X–S"))
    axis.tick_params(bottom=False)
    axis.set(ylabel="energy transfer (meV)", xlim=(-1, 4 * count), ylim=(0, 58))
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def points_needed(runs: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw, for each prior, the largest error against the points measured: median and middle half over seeds.

    Args:
        runs: Title → rows of `magnons.points_study`.
    """
    figure, axes = plt.subplots(1, len(runs), figsize=(PAGE, 2.8), sharey=True, squeeze=False)
    for axis, (title, table) in zip(axes[0], runs.items(), strict=True):
        for arm, look in ARMS.items():
            own = table[table["arm"] == arm]
            if not len(own):
                continue
            off = own.groupby("points")["off"]
            axis.fill_between(
                off.median().index, off.quantile(0.25), off.quantile(0.75), color=look["color"], alpha=0.15, lw=0
            )
            axis.plot(off.median().index, off.median(), ms=3, lw=1.1, **look)
        axis.axhline(1, color="0.4", lw=0.8, ls=":")
        axis.set(title=f"{title}, {table['seed'].nunique()} seeds", xlabel="points measured", yscale="log")
    axes[0, 0].set_ylabel("largest error (tolerances)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure
