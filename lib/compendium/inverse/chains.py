"""The measured map of CsVCl3, a chain of spins S = 3/2, fitted by spin waves; and the same from constant-energy cuts.

The file holds intensities by L, the wave vector along the chain in units of 2π/c, and energy transfer, at 20 K with
neutrons of 102 meV. It has no counts: intensities are in units of their mean here.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import least_squares

from alloygrad.inverse import InverseProblem, Measured, Parameter
from alloygrad.inverse.simulators.spin_waves import FWHM, Bond, Spin, SpinWaves, form_factor
from compendium.environments import datasets

CELL_A = (7.23, 7.23, 6.03)
"""Cell of CsVCl3 (rounded); two V to a cell along c."""

SPIN = 1.5
WINDOW = (0.55, 1.45, 12.0, 80.0)
"""L from and to, energy in meV from and to: one magnetic zone about L = 1. Below 12 meV lies the elastic line."""

INCIDENT_MEV = 102.0
MEV_PER_SQUARED_WAVE_VECTOR = 2.0721  # ħ²/2m of the neutron, in meV Å²

SHADOW = (0.0935, 0.835, 0.03)
"""Where detectors begin: L = 0.0935 k′ + 0.835 within 0.03, with the final wave vector k′ in Å⁻¹. Intensities there are
too large at all energies, as a detector that is partly covered gives them. Read off the map; left out."""

SYSTEMATIC = 0.03
"""Share of an intensity that is added to its standard error (chosen): counting alone would allow 1 %."""

STEP_L = 0.01
"""Of the grid on which the map is blurred along L."""

TWIN = {"J": 26.0, "gap": 5.0, "width": 15.0, "blur": 0.1}
"""Parameters of the synthetic map that stands in where the measured one is not available."""

MOST_ERROR_L = 0.05
"""Cuts whose peaks are less certain than this are left out of the dispersion."""


def measured_map(window: tuple[float, float, float, float] = WINDOW) -> pd.DataFrame:
    """Return the measured points of a window: columns L, energy, value, sigma."""
    table = pd.read_csv(datasets.fetch("csvcl3"), sep=r"\s+", names=["L", "energy", "value", "sigma"])
    table = table[table["sigma"] > 0]  # −1 where no detector is
    low_L, high_L, low, high = window
    inside = table["L"].between(low_L, high_L) & table["energy"].between(low, high)
    slope, start, half = SHADOW
    inside &= (table["L"] - start - slope * _wave_vector(INCIDENT_MEV - table["energy"])).abs() > half
    return _with_systematic(table[inside].reset_index(drop=True))


def _wave_vector(energy):
    return np.sqrt(np.maximum(energy, 0) / MEV_PER_SQUARED_WAVE_VECTOR)  # of neutrons, in Å⁻¹


def synthetic_map(seed: int) -> pd.DataFrame:
    """Return a map of the model with 3 % noise, in the form of `measured_map`."""
    low_L, high_L, low, high = WINDOW
    L, energy = np.meshgrid(np.arange(low_L, high_L, 0.02), np.arange(low + 0.5, high), indexing="ij")
    table = pd.DataFrame({"L": L.ravel(), "energy": energy.ravel()})
    mean = 1 + 0.3 * table["L"] ** 2 + 20 * _simulator(table)(**TWIN)
    noise = np.random.default_rng([5500, seed]).normal(size=len(mean))
    return _with_systematic(table.assign(value=mean * (1 + SYSTEMATIC * noise), sigma=1e-3))


def _with_systematic(table: pd.DataFrame) -> pd.DataFrame:
    size = table["value"].mean()
    sigma = np.hypot(table["sigma"], SYSTEMATIC * table["value"].abs())
    return table.assign(value=table["value"] / size, sigma=sigma / size)


def chain_problem(table: pd.DataFrame) -> InverseProblem:
    """Return the problem of a map: exchange, gap, and two widths; the background of each energy is a + b L²."""
    energy, L2 = table["energy"].to_numpy(), table["L"].to_numpy() ** 2
    slices = energy[:, None] == np.unique(energy)
    return InverseProblem(
        [
            Parameter("J", "meV", 10, 45),
            Parameter("gap", "meV", 0, 15),
            Parameter("width", "meV", 3, 30),
            Parameter("blur", "2π/c", 0.02, 0.25),
        ],
        _simulator(table),
        Measured(table["value"], table["sigma"], energy),
        scale=True,
        background=np.hstack([slices, slices * (L2[:, None] - 1)]).astype(float),
    )


def _simulator(table: pd.DataFrame):
    L, energy = table["L"].to_numpy(), table["energy"].to_numpy()
    grid = np.arange(L.min() - 0.35, L.max() + 0.35, STEP_L)
    energies, slot = np.unique(energy, return_inverse=True)
    place = (L - grid[0]) / STEP_L
    left = place.astype(int)
    share = place - left
    spins = [Spin((0, 0, 0), SPIN), Spin((0, 0, 0.5), -SPIN)]
    bonds = [Bond("J", 0, 1), Bond("J", 1, 0, (0, 0, 1))]
    waves = SpinWaves(CELL_A, spins, bonds, np.column_stack([0 * grid, 0 * grid, grid]), axis=(1, 0, 0))
    # The crystal stands with the chain across the beam: what remains of Q lies along it.
    Q = np.hypot(2 * np.pi * L / CELL_A[2], _wave_vector(INCIDENT_MEV) - _wave_vector(INCIDENT_MEV - energy))
    form2 = form_factor("V2+", Q) ** 2

    def simulate(J: float, gap: float, width: float, blur: float) -> np.ndarray:
        anisotropy = np.sqrt(J**2 + (gap / (2 * SPIN)) ** 2) - J
        lines = waves.modes([J, anisotropy]).spectrum(energies, width)
        lines = gaussian_filter1d(lines, blur / FWHM / STEP_L, axis=0)
        return form2 * ((1 - share) * lines[left, slot] + share * lines[left + 1, slot])

    return simulate


def zone_boundary(values: Mapping[str, float], errors: Mapping[str, float]) -> tuple[float, float]:
    """Return the energy at the zone boundary, √((2JS)² + gap²), and its standard error, in meV."""
    top = 2 * SPIN * values["J"]
    energy = np.hypot(top, values["gap"])
    return float(energy), float(np.hypot(top * 2 * SPIN * errors["J"], values["gap"] * errors["gap"]) / energy)


def cuts(table: pd.DataFrame) -> pd.DataFrame:
    """Return how far from L = 1 the two peaks of each constant-energy cut lie, by two equal Gaussians on a + b L².

    Columns: energy, distance, standard_error, height. It knows nothing of spin waves.
    """
    rows = []
    for energy, cut in table.groupby("energy"):
        L, y, sigma = (cut[name].to_numpy() for name in ("L", "value", "sigma"))

        def fitted(at, L=L, y=y, sigma=sigma):
            peaks = sum(np.exp(-(((L - 1 - side * at[0]) / at[1]) ** 2) / 2) for side in (-1, 1))
            columns = np.column_stack([peaks, np.ones(len(L)), L**2]) / sigma[:, None]
            solved = np.linalg.lstsq(columns, y / sigma, rcond=None)[0]
            return columns @ solved - y / sigma, solved[0]

        starts = [(distance, 0.06) for distance in (0.08, 0.22)]
        runs = [least_squares(lambda at: fitted(at)[0], s, bounds=([0, 0.02], [0.45, 0.15])) for s in starts]
        best = min(runs, key=lambda run: run.cost)
        spread = np.linalg.pinv(best.jac.T @ best.jac) * max(1.0, 2 * best.cost / (len(L) - 5))
        rows.append((energy, best.x[0], np.sqrt(spread[0, 0]), fitted(best.x)[1]))
    return pd.DataFrame(rows, columns=["energy", "distance", "standard_error", "height"])


def dispersion(found: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, tuple[float, float]]]:
    """Return the cuts with clear peaks, and gap and zone boundary in meV with their errors.

    The peaks lie at E² = gap² + top² sin²(π distance); the zone boundary is at √(top² + gap²).

    Args:
        found: As from `cuts`.
    """
    clear = (found["standard_error"] < MOST_ERROR_L) & (found["height"] > 0) & found["distance"].between(0.02, 0.44)
    kept = found[clear & (found["energy"] > 15)]
    energy, distance, error = (kept[name].to_numpy() for name in ("energy", "distance", "standard_error"))

    def residual(at):
        sine = np.sqrt(np.maximum(energy**2 - at[1] ** 2, 0)) / at[0]
        return (distance - np.arcsin(np.clip(sine, 0, 1)) / np.pi) / error

    best = least_squares(residual, [75.0, 5.0], bounds=([40, 0], [120, 12]))
    spread = np.linalg.pinv(best.jac.T @ best.jac) * max(1.0, 2 * best.cost / (len(kept) - 2))
    top, gap = best.x
    top_error, gap_error = np.sqrt(np.diag(spread))
    boundary = zone_boundary({"J": top / (2 * SPIN), "gap": gap}, {"J": top_error / (2 * SPIN), "gap": gap_error})
    return kept, {"boundary": boundary, "gap": (float(gap), float(gap_error))}
