"""I(V) curves of low-energy electron diffraction, and how they are compared with an experiment: Pendry's R factor.

Pendry's Y function compares the positions of peaks rather than their heights:

    Y = L / (1 + V_i² L²), L = (dI/dE) / I,    R_P = Σ ∫(Y_t − Y_e)² dE / Σ ∫(Y_t² + Y_e²) dE.

Sources: J. B. Pendry, J. Phys. C 13, 937 (1980); inner potential: J. Rundgren, Phys. Rev. B 68, 125405 (2003), eq. A8.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from alloygrad.checks import numbers, real_numbers, require_number

ENERGIES = "Pass for example numpy.arange(60, 250, 1)."


class IVCurves(NamedTuple):
    """Intensities (n, n_beams) at energies_eV (n,); beams are indices (h, k) in the reciprocal lattice of a1 and a2."""

    energies_eV: np.ndarray
    beams: list[tuple[float, float]]
    intensities: np.ndarray

    def select(self, beams: Sequence[tuple[float, float]]) -> "IVCurves":
        """Return the curves of some beams, in their order.

        Raises:
            ValueError: A beam was not computed, or is no pair of indices.
        """
        real_numbers("beams", beams, ("n", 2), "Write for example [(1, 0), (1, 1)].")
        if missing := [beam for beam in beams if tuple(beam) not in self.beams]:
            raise ValueError(
                f"Expected beams among the {len(self.beams)} that leave the crystal up to {self.energies_eV[-1]:g} eV; "
                f"got {missing}. Raise the energy or drop them."
            )
        wanted = [(beam[0], beam[1]) for beam in beams]
        columns = [self.beams.index(beam) for beam in wanted]
        return IVCurves(self.energies_eV, wanted, self.intensities[:, columns])


def inner_potential(energies_eV: Sequence[float] | np.ndarray, coefficients: Sequence[float]) -> np.ndarray:
    """Return the real part of the inner potential, V(E) = max(c0, c1 + c2 / √(E + c3)).

    Args:
        energies_eV: Energies (n,) in vacuum.
        coefficients: c0 … c3 in eV, eV, eV^1.5 and eV.

    Returns:
        V (n,) in eV, negative inside a solid.

    Raises:
        ValueError: Not four coefficients, or no numbers.

    Example:
        >>> inner_potential([50.0, 300.0], (-10.85, 0.0, -67.83, 13.72)).round(2).tolist()
        [-8.5, -3.83]
    """
    advice = "Pass c0, c1, c2, c3: those of a file are in PhaseShifts.inner_potential."
    c0, c1, c2, c3 = real_numbers("coefficients", coefficients, (4,), advice)
    return np.maximum(c0, c1 + c2 / np.sqrt(numbers(energies_eV, "energies_eV", ENERGIES) + c3))


def shift(curves: IVCurves, energies_eV: Sequence[float] | np.ndarray, delta_eV: float | np.ndarray) -> np.ndarray:
    """Return the intensities at energies_eV + delta_eV by cubic splines, so that peaks move down by delta_eV.

    A computation with the constant inner potential `Surface.inner_potential_eV` = V₀ becomes one with V(E) by
    delta_eV = −V(E) − V₀: the energy inside the crystal is the same. At normal incidence only the smooth factor of the
    waves' exit is then approximate.

    Args:
        curves: n computed energies and n_beams beams.
        energies_eV: The energies (m,) of the result.
        delta_eV: One shift or one per energy (m,).

    Returns:
        Intensities (m, n_beams) ≥ 0; NaN outside the computed energies and where a beam does not leave the crystal.

    Raises:
        ValueError: Energies or shifts that are no numbers, or shifts of another length.

    Example:
        >>> energies = np.arange(0.0, 50.0, 5.0)
        >>> curves = IVCurves(energies, [(1, 0)], energies[:, None] ** 2 + 1)
        >>> shift(curves, [10.0, 99.0], 1.0)[:, 0].round(6).tolist()
        [122.0, nan]
    """
    wanted = real_numbers("energies_eV", energies_eV, ("n",), ENERGIES)
    if np.ndim(delta_eV):
        wanted += real_numbers("delta_eV", delta_eV, wanted.shape, "Pass one shift, or one for each energy.")
    else:
        require_number(-1e3, 1e3, " eV", delta_eV=delta_eV)
        wanted += delta_eV
    result = np.full((len(wanted), len(curves.beams)), np.nan)
    for column, intensities in enumerate(curves.intensities.T):
        start = np.argmax(intensities > 0)  # zero below the energy at which the beam leaves the crystal
        known = curves.energies_eV[start:]
        if len(known) > 3 and intensities[start] > 0:
            inside = (wanted >= known[0]) & (wanted <= known[-1])
            result[inside, column] = np.maximum(CubicSpline(known, intensities[start:])(wanted[inside]), 0)
    return result


def pendry_y(
    energies_eV: Sequence[float] | np.ndarray, intensities: np.ndarray, v0i: float, *, smoothing_eV: float = 0.0
) -> np.ndarray:
    """Return Pendry's Y function, I I′ / (I² + V_i² I′²).

    Args:
        energies_eV: Ascending energies (n,), evenly spaced where smoothing_eV > 0.
        intensities: (n,) or (n, n_beams); NaN where nothing was measured. Every run of numbers is treated by itself.
        v0i: Imaginary part V_i of the inner potential in eV; half the width of single peaks.
        smoothing_eV: Standard deviation of a Gaussian that smooths the intensities first.

    Returns:
        Y in 1/eV, between ±1/(2 V_i), of the shape of intensities; NaN in runs shorter than three.

    Raises:
        ValueError: Shapes that do not match, energies that do not ascend, or intensities below 0.

    Example:
        >>> energies = np.linspace(90, 110, 2001)
        >>> peak = 1 / ((energies - 100) ** 2 + 4.0**2)  # L = −2 (E − E₀) / ((E − E₀)² + V_i²)
        >>> pendry_y(energies, peak, 4.0)[[500, 1000, 1500]].round(4).tolist()
        [0.125, 0.0, -0.125]
    """
    energies = real_numbers("energies_eV", energies_eV, ("n",), ENERGIES)
    intensities = numbers(intensities, "intensities", "Correct it, or pass NaN where nothing was measured.")
    require_number(1e-3, 1e3, " eV", v0i=v0i)
    require_number(0, 1e3, " eV", smoothing_eV=smoothing_eV)
    steps = np.diff(energies)
    if intensities.ndim not in (1, 2) or len(intensities) != len(energies):
        raise ValueError(
            f"Expected intensities (n,) or (n, n_beams) at {len(energies)} energies; got {intensities.shape}. Pass one "
            "row for each energy."
        )
    if (below := intensities < 0).any():
        raise ValueError(
            f"Expected intensities ≥ 0, as Y takes their logarithm; got {intensities[below].min():.3g} ({below.sum()} "
            "below 0). Subtract less background, or pass NaN there."
        )
    if not (steps > 0).all() or (smoothing_eV > 0 and np.ptp(steps) > 1e-6 * steps.mean()):
        raise ValueError("Expected ascending energies, evenly spaced for smoothing; got others. Interpolate first.")
    y = np.full(intensities.shape, np.nan)
    columns, results = (intensities[:, None], y[:, None]) if y.ndim == 1 else (intensities, y)
    for column in range(columns.shape[1]):
        for run in np.ma.clump_unmasked(np.ma.masked_invalid(columns[:, column])):
            if run.stop - run.start < 3:
                continue
            values = columns[run, column]
            if smoothing_eV > 0:
                values = gaussian_filter1d(values, smoothing_eV / steps[0], mode="nearest")
            slope = np.gradient(values, energies[run], edge_order=2)
            below = values**2 + (v0i * slope) ** 2
            results[run, column] = values * slope / np.where(below > 0, below, 1)
    return y


class RFactors(NamedTuple):
    """Pendry's R factor of all beams together, and of each (n_beams,): NaN for a beam without common energies."""

    total: float
    beams: np.ndarray


def r_pendry(
    energies_eV: Sequence[float] | np.ndarray,
    experiment: np.ndarray,
    theory: np.ndarray,
    v0i: float,
    *,
    smoothing_eV: float = 0.0,
) -> RFactors:
    """Return Pendry's R factor of two sets of curves: 0 for the same peaks, about 1 for unrelated curves.

    Args:
        energies_eV: Ascending energies (n,) of both.
        experiment: Intensities (n, n_beams) in any unit per beam; energies where either set is NaN do not count.
        theory: Intensities (n, n_beams).
        v0i: Imaginary part of the inner potential in eV, as in `pendry_y`.
        smoothing_eV: As in `pendry_y`, for both sets.

    Returns:
        The total and one value per beam.

    Raises:
        ValueError: Shapes that do not match, sets without a common energy, or intensities below 0.

    Example:
        >>> energies = np.arange(50.0, 150.0)
        >>> wave = 1.1 + np.sin(energies / 6)[:, None]
        >>> round(r_pendry(energies, wave, 7 * wave, 5.0).total, 12)
        0.0
    """
    experiment, theory = numbers(experiment, "experiment"), numbers(theory, "theory")
    if experiment.ndim != 2 or experiment.shape != theory.shape:
        raise ValueError(
            f"Expected two sets (n, n_beams) of one shape; got {experiment.shape} and {theory.shape}. Interpolate both "
            "to the same energies, and pass the same beams; of one beam intensities[:, None]."
        )
    gap = np.isnan(experiment) | np.isnan(theory)
    y_e, y_t = (
        pendry_y(energies_eV, np.where(gap, np.nan, values), v0i, smoothing_eV=smoothing_eV)
        for values in (experiment, theory)
    )
    weights = np.gradient(np.asarray(energies_eV, dtype=float))[:, None]
    numerator, denominator = (np.nansum(weights * part, axis=0) for part in ((y_t - y_e) ** 2, y_t**2 + y_e**2))
    if not denominator.sum() > 0:
        raise ValueError("Expected at least three neighbouring energies in both sets; got none. Check their ranges.")
    beams = np.divide(numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator > 0)
    return RFactors(float(numerator.sum() / denominator.sum()), beams)
