"""Strength, magnetisation and density of fcc solid solutions, each in closed form; an alloy costs less than 1 µs.

Strength (Varvenne, Luque and Curtin, Acta Mater. 118 (2016) 164). An edge dislocation bends to where the misfit volumes
ΔV_n = V_n − V of the atoms attract it. With μ, ν and b = a/√2 of the alloy and δ = Σ c_n ΔV_n²/b⁶,

    τ₀  = 0.051 α^(−1/3) μ ((1+ν)/(1−ν))^(4/3) f₁ δ^(2/3)            strength at 0 K
    ΔE  = 0.274 α^(1/3) μ b³ ((1+ν)/(1−ν))^(2/3) f₂ δ^(1/3)          barrier

with the line tension α μ b², α = 0.123, and f₁ = 0.35, f₂ = 5.70 for a dissociated dislocation. At temperature T and
strain rate ε̇, with x = (kT/ΔE) ln(ε̇₀/ε̇) and ε̇₀ = 10⁴/s,

    τ = τ₀ (1 − x^(2/3))        where that is at least τ₀/2,
    τ = τ₀ exp(−x/0.51)         beyond,

and a polycrystal yields at 3.06 τ (Taylor factor). This is the friction stress: grain boundaries add to it. The moduli
μ and E of an alloy are the means of its elements', and ν = E/2μ − 1. Local order is left out, and so are differences
between the moduli of atoms.

Magnetisation at 0 K: the generalised Slater–Pauling rule (Williams et al., Malozemoff et al.; see `elements`)

    m = max(0, 0.6 + Σ c_n Z_m,n) μ_B per atom,     J_s = μ₀ m/V,

with the mean magnetic valence and 0.6 from the s and p electrons. It holds while the majority d states are full. It
says nothing of the Curie temperature, nor of the coercive field.

Density: mean atomic mass by mean apparent volume.
"""

import numpy as np
from scipy.constants import N_A, k, mu_0, physical_constants

from compendium.physics.elements import SYMBOLS, properties

ROOM_K = 300.0
"""Temperature of the study, K."""

STRAIN_RATE, REFERENCE_RATE = 1e-3, 1e4
"""ε̇ of an ordinary tensile test and ε̇₀, 1/s."""

LINE_TENSION, F1, F2 = 0.123, 0.35, 5.70
TAYLOR = 3.06
HIGH_TEMPERATURE = 0.51
NO_BARRIER = 1e-30
"""Barrier, J, that a pure element is given: 1e-11 of an alloy's."""

SP_MOMENT = 0.6
"""Moment of s and p electrons, μ_B per atom."""

BOHR_MAGNETON = physical_constants["Bohr magneton"][0]
CUBIC_ANGSTROM = 1e-30  # m³


def measure(fractions: np.ndarray) -> dict[str, np.ndarray]:
    """Return {"strength_MPa", "magnetisation_T", "density_g_per_cm3"}, each (...), of fractions (..., 10)."""
    return {
        "strength_MPa": strength(fractions),
        "magnetisation_T": magnetisation(fractions),
        "density_g_per_cm3": density(fractions),
    }


def strength(fractions: np.ndarray, temperature_K: float = ROOM_K, *, volumes: np.ndarray | None = None) -> np.ndarray:
    """Return the friction stress of a polycrystal, MPa (...), of fractions (..., 10).

    volumes: other apparent volumes (10,), Å³, to see how much depends on them.
    """
    athermal, barrier = pinning(fractions, properties()["volume"] if volumes is None else volumes)
    x = k * temperature_K * np.log(REFERENCE_RATE / STRAIN_RATE) / np.maximum(barrier, NO_BARRIER)
    return TAYLOR * athermal * thermal(x)


def thermal(x: np.ndarray) -> np.ndarray:
    """Return the share τ/τ₀ (...) of the strength that is left at x = (kT/ΔE) ln(ε̇₀/ε̇)."""
    low = 1 - x ** (2 / 3)
    return np.where(low >= 0.5, low, np.exp(-x / HIGH_TEMPERATURE))


def pinning(fractions: np.ndarray, volumes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shear strength at 0 K, MPa, and barrier, J, each (...), of fractions (..., 10) and volumes (10,), Å³."""
    p, volume = properties(), fractions @ volumes
    shear, young = fractions @ p["G"], fractions @ p["E"]  # GPa
    poisson = young / (2 * shear) - 1
    elastic = (1 + poisson) / (1 - poisson)
    burgers = (4 * volume) ** (1 / 3) / np.sqrt(2)  # Å
    misfit = (fractions * (volumes - volume[..., None]) ** 2).sum(-1) / burgers**6
    athermal = 0.051 * LINE_TENSION ** (-1 / 3) * 1e3 * shear * elastic ** (4 / 3) * F1 * misfit ** (2 / 3)
    energy = 1e9 * shear * burgers**3 * CUBIC_ANGSTROM  # μ b³, J
    barrier = 0.274 * LINE_TENSION ** (1 / 3) * energy * elastic ** (2 / 3) * F2 * misfit ** (1 / 3)
    return athermal, barrier


def moment(fractions: np.ndarray) -> np.ndarray:
    """Return the mean magnetic moment at 0 K, μ_B per atom (...), of fractions (..., 10)."""
    return np.maximum(0, SP_MOMENT + fractions @ properties()["magnetic_valence"])


def magnetisation(fractions: np.ndarray) -> np.ndarray:
    """Return the saturation magnetisation at 0 K as J_s = μ₀ M_s, T (...), of fractions (..., 10)."""
    return mu_0 * BOHR_MAGNETON * moment(fractions) / (mean_volume(fractions) * CUBIC_ANGSTROM)


def density(fractions: np.ndarray) -> np.ndarray:
    """Return the density, g/cm³ (...), of fractions (..., 10)."""
    return fractions @ properties()["RAM"] / (N_A * mean_volume(fractions) * 1e-24)


def mean_volume(fractions: np.ndarray) -> np.ndarray:
    """Return the mean apparent volume, Å³ per atom (...), of fractions (..., 10)."""
    return fractions @ properties()["volume"]


def fractions_of(**amounts: float) -> np.ndarray:
    """Return fractions (10,) of an alloy from amounts in any unit, such as Co=1, Cr=1, Ni=1."""
    found = np.array([amounts.pop(name, 0.0) for name in SYMBOLS])
    if amounts:
        raise ValueError(f"Expected amounts of {' '.join(SYMBOLS)}; got {', '.join(amounts)}. Leave the others out.")
    return found / found.sum()
