"""X-ray absorption: a synthetic L2,3 edge of Co2+ in an octahedron, and spectra of the reader."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from alloygrad.inverse import InverseProblem, Measured, Parameter, blur
from alloygrad.inverse.simulators.multiplet import IONS, Broadening, Multiplet, absorption, trigonal
from compendium.environments import datasets
from compendium.inverse.case import Case, Within

STEP_EV = 0.2
ENERGIES = STEP_EV * np.arange(-60, 111)
"""From 12 eV below to 22 eV above the difference of the configuration averages."""

SIGMA_EV, L2_BROADER, EDGE_WIDTH_EV = 0.18, 1.5, 0.8
"""What the model assumes: the Gaussian of the beamline, how much broader L2 is than L3, the width of the edge steps."""

NOISE = 0.0015
"""Standard error of each point, as a share of the highest."""

BLUR_EV = 1.0

PEAK_SHARE = 0.4
"""The highest point lies about so many times ζ of the 2p shell below the configuration averages (Fe, Co and Ni)."""

UNKNOWN = (
    Parameter("ten_dq", "eV", 0.4, 1.8),
    Parameter("beta_dd", "", 0.5, 1.0),
    Parameter("beta_pd", "", 0.5, 1.0),
    Parameter("exchange", "eV", 0.0, 0.3),
    Parameter("gamma", "eV", 0.1, 0.5, cheap=True),
    Parameter("shift", "eV", -1.5, 1.5, cheap=True),
)
TOLERANCES = {"ten_dq": 0.05, "beta_dd": 0.03, "beta_pd": 0.03}


@dataclass(frozen=True, eq=False)
class Edge:
    """An L2,3 edge as it is fitted.

    Args:
        ion: A name in `IONS`.
        energies_eV: Even steps, relative to the difference of the configuration averages.
        steps_at_eV: Where absorption into free states sets in, under L3 and L2.
    """

    ion: str
    energies_eV: np.ndarray
    steps_at_eV: tuple[float, float]

    @classmethod
    def of(cls, measured: Measured, ion: str) -> "Edge":
        """Return the edge of a measured spectrum, on any scale of energies, from the place of its highest point."""
        zeta = IONS[ion].zeta_p
        peak = measured.x[measured.values.argmax()]
        return cls(ion, measured.x - peak - PEAK_SHARE * zeta, (-zeta / 2, zeta))

    @cached_property
    def multiplet(self) -> Multiplet:
        """The simulator, in an octahedral field."""
        return Multiplet(IONS[self.ion])

    @cached_property
    def broadening(self) -> Broadening:
        """The broadening on the energies."""
        return Broadening(self.energies_eV, SIGMA_EV)

    def simulate(self, ten_dq: float, beta_dd: float, beta_pd: float, exchange: float) -> np.ndarray:
        """Return the transformed lines at 300 K."""
        lines = self.multiplet([ten_dq], beta_dd=beta_dd, beta_pd=beta_pd, exchange_eV=exchange)
        return self.broadening.transform(lines)

    def observe(self, raw: np.ndarray, gamma: float, shift: float) -> np.ndarray:
        """Return the broadened spectrum."""
        return self.broadening.curve(raw, (gamma, L2_BROADER * gamma), shift)

    def steps(self, width_eV: float) -> np.ndarray:
        """Return the steps (n, 2) of absorption into free states at both edges, from 0 to 1."""
        return np.array([0.5 + np.arctan((self.energies_eV - at) / width_eV) / np.pi for at in self.steps_at_eV]).T

    def problem(self, measured: Measured) -> InverseProblem:
        """Return the problem of finding the parameters behind a measured edge."""
        step = float(self.energies_eV[1] - self.energies_eV[0])
        return InverseProblem(
            UNKNOWN,
            self.simulate,
            measured,
            observe=self.observe,
            scale=True,
            background=np.column_stack([np.ones(len(measured)), self.steps(EDGE_WIDTH_EV)]),
            misfits={"coarse": blur(BLUR_EV / step, measured.sigma)},
        )


@cache
def cobalt_edge() -> Edge:
    """Return the edge of Co2+ on the energies of the synthetic spectra."""
    return Edge("Co2+", ENERGIES, (-5.0, 9.6))


def truth(seed: int) -> dict[str, float]:
    """Return the parameters of a seed, from the middle 60 % of each range."""
    shares = np.random.default_rng([5000, seed]).uniform(0.2, 0.8, len(UNKNOWN))
    values = [p.lower + share * (p.upper - p.lower) for p, share in zip(UNKNOWN, shares, strict=True)]
    return {p.name: float(value) for p, value in zip(UNKNOWN, values, strict=True)}


def cobalt_spectrum(values: Mapping[str, float]) -> np.ndarray:
    """Return a noiseless spectrum, of more than the model knows; its lines have the maximum 1.

    It was taken at 330 K; F_dd of 2p⁵3d⁸ is 1 % smaller, and F_pd and G_pd are 1 % larger than the model's; L2 is 1.6
    times as broad as L3; the Gaussian is 0.16 eV; points are means over 0.2 eV of a grid ten times as fine; and the
    edge steps are steeper.
    """
    lines = _true_ion()(
        [values["ten_dq"]],
        beta_dd=values["beta_dd"],
        beta_pd=values["beta_pd"],
        exchange_eV=values["exchange"],
        temperature_K=330,
    )
    fine = STEP_EV / 10 * (np.arange(10 * len(ENERGIES)) - 4.5) + ENERGIES[0]
    widths, shift = (values["gamma"], 1.6 * values["gamma"]), values["shift"]
    curve = absorption(fine, lines, half_width_eV=widths, sigma_eV=0.16, shift_eV=shift)
    curve = curve.reshape(len(ENERGIES), 10).mean(1)
    return curve / curve.max() + cobalt_edge().steps(0.6) @ [0.08 * 2 / 3, 0.08 / 3] + 0.05


def cobalt(seed: int) -> Case:
    """Return the synthetic spectrum of a seed: the seed names the parameters and the noise."""
    true = truth(seed)
    clean = cobalt_spectrum(true)
    sigma = np.full(len(clean), NOISE * clean.max())
    noisy = clean + np.random.default_rng([5001, seed]).normal(0, sigma)
    problem = cobalt_edge().problem(Measured(noisy, sigma, ENERGIES))
    return Case("xas_co", problem, true, Within(true, TOLERANCES), 60, "absorption (highest line 1)", "energy (eV)")


@cache
def _true_ion() -> Multiplet:
    ion = IONS["Co2+"]
    smaller, larger = (tuple(f * each for each in own) for f, own in ((0.99, ion.dd_excited), (1.01, ion.pd)))
    return Multiplet(replace(ion, dd_excited=smaller, pd=larger))


def against_ttmult() -> pd.DataFrame:
    """Return the published spectrum of TTMult and ours of the same input; only place and height are fitted.

    The input holds Fe3+, Slater integrals at 70 %, a trigonal field, 300 K, and a field of 0.4 meV along its axis that
    acts on 2S + L; here it acts on 2S.

    Returns:
        Columns: energy_eV, ttmult, computed.
    """
    text = datasets.fetch("xas_ttmult").read_text().split("Sticks")[0]
    x, y = np.array([row.split() for row in text.splitlines() if row.strip()], dtype=float).T
    energies = np.arange(701, 739, 0.05)  # at 700 eV, where the file begins, its tails are cut
    theirs = np.interp(energies, x, y)
    iron = Multiplet(IONS["Fe3+"], [trigonal(Dq=0.28, D_sigma=0.07, D_tau=0.12)])
    lines = iron([1.0], beta_dd=0.7, beta_pd=0.7, exchange_eV=8e-4, temperature_K=300)

    def ours(place: float) -> np.ndarray:
        moved = replace(lines, energy_eV=lines.energy_eV + place, boundary_eV=720.0)
        curve = absorption(energies, moved, half_width_eV=(0.25, 0.5), sigma_eV=0.1)
        return curve * (curve @ theirs) / (curve @ curve)

    centre = np.average(energies, weights=theirs) - np.average(lines.energy_eV, weights=lines.intensity)
    best = minimize_scalar(
        lambda place: ((ours(place) - theirs) ** 2).sum(), bounds=(centre - 0.5, centre + 0.5), method="bounded"
    )
    return pd.DataFrame({"energy_eV": energies, "ttmult": theirs, "computed": ours(best.x)})


def agreement(table: pd.DataFrame) -> pd.Series:
    """Return R² of a table of `against_ttmult`, and the largest difference as a share of the highest point."""
    theirs, off = table["ttmult"], table["computed"] - table["ttmult"]
    r2 = 1 - (off**2).sum() / ((theirs - theirs.mean()) ** 2).sum()
    return pd.Series({"R²": r2, "largest difference": off.abs().max() / theirs.max()})
