"""Figures of high-resolution electron microscopy: images, what they determine, and columns of atoms."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alloygrad.inverse.identifiability import CANNOT_TELL, Information
from alloygrad.plotting.style import COLUMN, PAGE, PALETTE
from compendium.inverse.columns import FEWEST, HALF_A, MOST, PIXELS, Lattice, State

WORDS = {
    "tilt_x": "tilt along c", "tilt_y": "tilt across c", "C1": "defocus C₁", "A1_x": "astigmatism A₁, axes",
    "A1_y": "astigmatism A₁, diagonals", "ti_shift": "Ti shift", "spread": "image spread", "thickness": "thickness",
}  # fmt: skip
"""Names of parameters in words."""


def recovered(picture: np.ndarray, image: np.ndarray, residual: np.ndarray, sides_A: tuple[float, float]) -> Figure:
    """Draw a measured image, the recovered one in the same grey values, and their difference in standard errors.

    Args:
        picture: Measured intensities (nx, ny).
        image: Recovered intensities of one cell; repeated over the picture.
        residual: Recovered less measured cell, in its standard errors.
        sides_A: Sides of the cell in Å.
    """
    repeats = [n // m for n, m in zip(picture.shape, image.shape, strict=True)]
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.6))
    whole, cell = [np.array(sides_A) * repeats, np.array(sides_A)]
    low, high = np.percentile(image, [0.5, 99.5])
    _picture(axes[0], picture, whole, vmin=low, vmax=high, cmap="gray", rasterized=True)
    grey = _picture(axes[1], np.tile(image, repeats), whole, vmin=low, vmax=high, cmap="gray")
    off = _picture(axes[2], residual, cell, vmin=-4, vmax=4, cmap="RdBu_r")
    for axis, title in zip(axes, ("measured", "recovered", "residual, one cell"), strict=True):
        axis.set_title(title)
    figure.colorbar(grey, ax=axes[:2], label="intensity", shrink=0.8)
    figure.colorbar(off, ax=axes[2], label="standard errors", shrink=0.8)
    return figure


def _picture(axis: Axes, image: np.ndarray, size_A: np.ndarray, **options: object):
    shown = axis.imshow(image, extent=(0, size_A[1], size_A[0], 0), interpolation="nearest", **options)
    axis.set(xlabel="[1-10] (Å)", ylabel="[001] (Å)")
    return shown


def determined(found: Mapping[str, Information]) -> Figure:
    """Draw expected standard errors as shares of the box, one symbol for each assumption about the image.

    Args:
        found: Label → information at the same point.
    """
    names = next(iter(found.values())).names
    figure, axis = plt.subplots(figsize=(PAGE, 0.9 + 0.23 * len(names)))
    places = np.arange(len(names))[::-1]
    shares = {label: each.table()["share"] for label, each in found.items()}
    low, high = np.min(list(shares.values()), 0), np.max(list(shares.values()), 0)
    axis.hlines(places, low, high, color="0.85", lw=3)
    for (label, share), colour, marker in zip(shares.items(), (PALETTE[0], PALETTE[3]), "os", strict=True):
        axis.plot(share, places, marker, ms=4.5, color=colour, label=label)
    axis.axvline(CANNOT_TELL, color="0.4", lw=0.8, ls=":", label="not determined (25 % of the box)")
    errors = {label: each.table()["standard_error"] for label, each in found.items()}
    for place, name in zip(places, names, strict=True):
        unit = next(iter(found.values())).table()["unit"][name]
        text = " → ".join(f"{own[name]:.2g}" for own in errors.values()) + f" {unit}"
        axis.text(1.01, place, text, transform=axis.get_yaxis_transform(), va="center", fontsize=7)
    axis.set_yticks(places, [WORDS[name] for name in names])
    axis.set(xscale="log", xlabel="expected standard error (share of the box)", ylim=(-0.6, len(names) - 0.4))
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def counted(lattice: Lattice, image: np.ndarray, found: State, truth: State) -> Figure:
    """Draw an image, the recovered numbers of atoms on its columns, and recovered less true numbers.

    Args:
        lattice: Where columns stand.
        image: The measured image (nx, ny).
        found: What was recovered.
        truth: What is true.
    """
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.9))
    size = np.array(lattice.halves) * HALF_A
    low, high = np.percentile(image, [0.5, 99.5])
    grey = _picture(axes[0], image, size, vmin=low, vmax=high, cmap="gray", rasterized=True)
    x, y = (lattice.pixels * HALF_A / PIXELS).T
    height = _columns(axes[1], x, y, found.counts, vmin=FEWEST, vmax=MOST, cmap="viridis")
    errors = found.counts - truth.counts
    off = _columns(axes[2], x, y, errors, vmin=-2, vmax=2, cmap="RdBu_r")
    for axis, title in zip(axes, ("measured", "atoms, recovered", "recovered − true"), strict=True):
        axis.set(title=title, xlim=(0, size[1]), ylim=(size[0], 0), aspect="equal", xlabel="[1-10] (Å)")
        axis.set_ylabel("[001] (Å)" if axis is axes[0] else "")
    bars = zip(axes, (grey, height, off), ("intensity", "atoms", "atoms"), strict=True)
    for axis, shown, label in bars:
        figure.colorbar(shown, ax=axis, label=label, location="bottom", shrink=0.85)
    return figure


def _columns(axis: Axes, x: np.ndarray, y: np.ndarray, numbers: np.ndarray, **options: object):
    shown = axis.scatter(y, x, c=numbers, s=95, lw=0.4, edgecolor="0.4", **options)
    middle, low = (options["vmin"] + options["vmax"]) / 2, options["vmin"]
    for row, column, number in zip(x, y, numbers, strict=True):
        dark = abs(number) > 1 if low < 0 else number < middle
        axis.text(column, row, f"{number:d}", ha="center", va="center", fontsize=6, color="w" if dark else "0.1")
    return shown


def arms(table: pd.DataFrame) -> Figure:
    """Draw the share of columns that are exact, a dot for each seed, by dose and arm.

    Args:
        table: As from `reconstruction.runs`.
    """
    groups = list(table.groupby(["dose", "constrained"], sort=False))
    figure, axis = plt.subplots(figsize=(COLUMN, 0.9 + 0.36 * len(groups)))
    places = np.arange(len(groups))[::-1]
    for place, ((_, constrained), own) in zip(places, groups, strict=True):
        spread = np.linspace(-0.25, 0.25, len(own)) if len(own) > 1 else np.zeros(1)
        look = dict(color=PALETTE[0 if constrained else 3], marker="o" if constrained else "s")
        axis.plot(100 * own["exact"], place + spread, ls="", ms=3, alpha=0.8, **look)
        axis.plot([100 * own["exact"].mean()] * 2, [place - 0.33, place + 0.33], color="0.15", lw=1.2)
    words = {True: "steps ≤ 1", False: "any steps"}
    names = [f"{dose:,.0f} e/Å², {words[bool(arm)]} (n = {len(own)})" for (dose, arm), own in groups]
    axis.set_yticks(places, [name.replace(",", " ", name.split(" e")[0].count(",")) for name in names])
    axis.axvline(90, color="0.5", lw=0.8, ls=":")
    axis.set(xlabel="columns exact (%)", xlim=(min(88.0, 100 * table["exact"].min() - 3), 101))
    return figure
