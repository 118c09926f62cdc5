"""High-resolution electron microscopy: a synthetic image of BaTiO3 along [110], and an image of the reader's own."""

from functools import cache
from pathlib import Path

import numpy as np
from scipy import fft

from alloygrad.inverse import InverseProblem, Measured, Parameter
from alloygrad.inverse.simulators.multislice import Atom, Lens, Multislice
from compendium.inverse.case import Case, Within

A_A, C_A = 3.992, 4.036
"""Cell of tetragonal BaTiO3 in Å (room temperature; rounded)."""

SIDES_A = (C_A, A_A * np.sqrt(2))
"""The cell seen along [110]: x along c, y along [1-10]. Along the beam it repeats after a√2, as along y."""

SITES = (
    ("Ba", 0.0, 0.0, 0.0),
    ("Ti", 0.5, 0.5, 0.5),
    ("O", 0.5, 0.5, -0.005),
    ("O", 0.5, 0.0, 0.495),
    ("O", 0.0, 0.5, 0.495),
)
"""Element and coordinates along a, a and c; oxygen is displaced against barium by half a percent of c (chosen)."""

B_ISO = {"Ba": 0.5, "Ti": 0.5, "O": 0.7}
"""Displacement parameters of the model in Å² (rounded)."""

SHAPE, SLICES = (40, 56), 4
"""Pixels of 0.1 Å and slices of one cell: the image is that of a grid twice as fine, within the noise."""

THINNEST, THICKEST = 3, 14
DOSE = 2e4
"""Electrons per Å²."""

CELLS = (2, 2)
"""So many cells along x and y are in the image; the fit compares their average."""

LENS = dict(Cs_um=-15.0, C5_mm=4.0, focal_spread_nm=2.0)
"""Of an aberration-corrected microscope with negative C_s (chosen; usual orders of size)."""

ABSORPTION = 0.03

BOX = {
    "tilt_x": ("mrad", -8.0, 8.0), "tilt_y": ("mrad", -8.0, 8.0), "C1": ("nm", 0.0, 12.0), "A1_x": ("nm", -4.0, 4.0),
    "A1_y": ("nm", -4.0, 4.0), "ti_shift": ("Å", -0.25, 0.25), "spread": ("Å", 0.10, 0.40),
}  # fmt: skip
"""Unit and limits of what is sought next to the thickness."""

TOLERANCES = {"thickness": 1.0, "C1": 1.0, "tilt_x": 1.0, "tilt_y": 1.0, "ti_shift": 0.05}


def titanate_atoms(ti_shift: float, b_iso: dict[str, float]) -> list[Atom]:
    """Return the atoms of one cell along [110], titanium displaced along c by so many Å."""
    atoms, side = [], SIDES_A[1]
    for element, u, v, w in SITES:
        x = C_A * w + (ti_shift if element == "Ti" else 0.0)
        for y, z in sorted({((u + i - v) / 2 % 1, (u + i + v) / 2 % 1) for i in (0, 1)}):
            atoms.append(Atom(element, (x, y * side, z * side), b_iso[element]))
    return atoms


def problem(measured: Measured, energy_keV: float = 300.0, *, placed: bool = True) -> InverseProblem:
    """Return the problem of finding structure, thickness and lens behind one cell of an image.

    A pass through the thickest crystal gives the beams behind every thinner one, so the thickness costs no call.

    Args:
        measured: The cell (40 · 56,), row by row, in units of the intensity without a specimen up to a factor.
        energy_keV: Energy of the electrons.
        placed: Whether the image begins where the barium column enters the crystal. Else every simulated image is
            shifted to where it fits best.
    """
    grid, target = _grid(SHAPE, SLICES, ABSORPTION, energy_keV), measured.values.reshape(SHAPE)

    def simulate(tilt_x, tilt_y, C1, A1_x, A1_y, ti_shift, spread):
        beams = grid.beams(titanate_atoms(ti_shift, B_ISO), THICKEST, tilt_mrad=(tilt_x, tilt_y))
        return grid.image(beams[THINNEST - 1 :], Lens(C1, (A1_x, A1_y), image_spread_A=spread, **LENS))

    def observe(images, thickness):
        image = images[round(thickness) - THINNEST]
        return (image if placed else registered(image, target)).ravel()

    parameters = [Parameter(name, *limits) for name, limits in BOX.items()]
    return InverseProblem(
        [Parameter("thickness", "cells", THINNEST, THICKEST, integer=True, cheap=True), *parameters],
        simulate,
        measured,
        observe=observe,
        scale=True,
        step=1e-3,
    )


def titanate(seed: int) -> Case:
    """Return the synthetic image of a seed: one cell, the average of those of `picture`.

    What the model does not know: a grid twice as fine, eight slices, pixels of finite width, other displacement
    parameters, more absorption, another C_s and focal spread, a source of finite size, and counting noise.
    """
    shown, electrons = picture(seed)
    values = shown.reshape(CELLS[0], SHAPE[0], CELLS[1], SHAPE[1]).mean((0, 2)).ravel()
    measured = Measured(values, np.sqrt(np.maximum(values, 1 / electrons) / (electrons * np.prod(CELLS))))
    true = truth(seed)
    return Case("hrtem_batio3", problem(measured), true, Within(true, TOLERANCES), 100, "intensity", "pixel")


def truth(seed: int) -> dict[str, float]:
    """Return the true values of a seed, from the middle 80 % of the box; the thickness from all of it."""
    rng = np.random.default_rng([3000, seed])
    drawn = {name: low + (high - low) * rng.uniform(0.1, 0.9) for name, (_, low, high) in BOX.items()}
    return {"thickness": float(rng.integers(THINNEST, THICKEST + 1)), **drawn}


@cache
def picture(seed: int, cells: tuple[int, int] = CELLS) -> tuple[np.ndarray, float]:
    """Return the image of a seed, 40 · 56 pixels a cell, in units of the incident intensity; electrons per pixel."""
    true = truth(seed)
    grid = _grid((2 * SHAPE[0], 2 * SHAPE[1]), 2 * SLICES, 0.035, 300.0)
    atoms = titanate_atoms(true["ti_shift"], {"Ba": 0.48, "Ti": 0.48, "O": 0.67})
    beams = grid.beams(atoms, int(true["thickness"]), tilt_mrad=(true["tilt_x"], true["tilt_y"]))[-1]
    lens = dict(Cs_um=-15.1, C5_mm=4.0, focal_spread_nm=2.1, convergence_mrad=0.1, image_spread_A=true["spread"])
    image = in_pixels(grid, grid.image(beams, Lens(true["C1"], (true["A1_x"], true["A1_y"]), **lens)))
    electrons = DOSE * np.prod(SIDES_A) / np.prod(SHAPE)
    rng = np.random.default_rng([3001, seed])
    return rng.poisson(np.tile(image, cells) * electrons) / electrons, electrons


def in_pixels(grid: Multislice, image: np.ndarray) -> np.ndarray:
    """Return the mean of an image over pixels twice as wide, each about every second point."""
    x, y = grid.frequencies
    wide, high = (2 * side / n for side, n in zip(grid.sides_A, grid.shape, strict=True))
    return fft.ifft2(fft.fft2(image) * np.sinc(x * wide) * np.sinc(y * high)).real[::2, ::2]


def registered(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return a periodic image (nx, ny) shifted to where its correlation with another is largest, to parts of a pixel.

    A parabola through the largest value and its neighbours gives the part of a pixel.
    """
    spectrum = fft.fft2(image)
    found = fft.ifft2(fft.fft2(target) * spectrum.conj()).real
    peak = np.unravel_index(found.argmax(), found.shape)
    phase = np.ones(1)
    for axis, (n, at) in enumerate(zip(image.shape, peak, strict=True)):
        line = np.take(found, peak[1 - axis], axis=1 - axis)
        before, here, after = line[at - 1], line[at], line[(at + 1) % n]
        curvature = before - 2 * here + after
        shift = at + ((before - after) / (2 * curvature) if curvature else 0.0)
        turned = np.exp(-2j * np.pi * fft.fftfreq(n) * shift)
        phase = phase * np.expand_dims(turned, 1 - axis)
    return fft.ifft2(spectrum * phase).real


# -- an image of the reader's own --------------------------------------------------------------------------------------


def read(path: str | Path) -> np.ndarray:
    """Read a grey image (rows, columns) as float64: .npy, or .tif and .png by Pillow.

    Raises:
        ValueError: The file holds something else than one grey image.
    """
    path = Path(path)
    if path.suffix == ".npy":
        with path.open("rb") as file:
            found = np.lib.format.read_array(file, allow_pickle=False)
    else:
        from PIL import Image  # late: few need it

        with Image.open(path) as opened:
            found = np.asarray(opened)
    if found.ndim != 2 or found.dtype.kind not in "iuf" or not np.isfinite(found).all():
        raise ValueError(
            f"Expected one grey image of finite numbers in {path.name}; got shape {found.shape} of {found.dtype}. "
            "Export one frame without colours."
        )
    return found.astype(float)


def folded(image: np.ndarray, pixel_A: float, rotation_deg: float = 0.0) -> Measured:
    """Average an image over the cells of BaTiO3 along [110]: one cell, with standard errors from their scatter.

    Args:
        image: Grey values (rows, columns); c runs down, along the rows' numbers.
        pixel_A: Side of a pixel in Å.
        rotation_deg: How far c is turned from the first axis towards the second.

    Raises:
        ValueError: Fewer than four pixels for some point of the cell: the image is too small, or its pixels too large.
    """
    turn = np.radians(rotation_deg)
    down, across = pixel_A * np.indices(image.shape).reshape(2, -1)
    places = down * np.cos(turn) + across * np.sin(turn), across * np.cos(turn) - down * np.sin(turn)
    x, y = (np.rint(p / side * n).astype(int) % n for p, side, n in zip(places, SIDES_A, SHAPE, strict=True))
    at, size = x * SHAPE[1] + y, np.prod(SHAPE)
    count = np.bincount(at, minlength=size)
    if count.min() < 4:
        raise ValueError(
            f"Expected at least 4 pixels for each of {size} points of the cell; got {count.min()} somewhere. Pass a "
            "larger image: with pixels of 0.1 Å some 10 nm².",
        )
    values = image.ravel() / image.mean()
    mean = np.bincount(at, values, size) / count
    scatter = np.bincount(at, (values - mean[at]) ** 2, size) / (count - 1)
    # One scatter for all points of similar intensity is steadier than one for each: √ of a fit linear in the mean.
    slope, constant = np.polyfit(mean, scatter, 1)
    variance = np.maximum(constant + slope * mean, 0.1 * scatter.mean())
    return Measured(mean, np.sqrt(variance / count))


@cache
def _grid(shape: tuple[int, int], slices: int, absorption: float, energy_keV: float) -> Multislice:
    return Multislice(SIDES_A, shape, [SIDES_A[1] / slices] * slices, energy_keV, absorption)
