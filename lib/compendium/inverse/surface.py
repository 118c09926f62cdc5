"""Low-energy electron diffraction of (100) surfaces: measured Ag, and a synthetic twin of Cu."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from alloygrad.inverse import InverseProblem, Measured, Parameter
from alloygrad.inverse.simulators.iv_curves import IVCurves, inner_potential, pendry_y, shift
from alloygrad.inverse.simulators.low_energy import Atom, LeedCalculator, PhaseShifts, Surface, read_phase_shifts
from compendium import DATA
from compendium.environments import datasets
from compendium.inverse.case import Case, within_r_factor

V0I_EV = 5.0
"""Imaginary part of the inner potential in Pendry's Y, the same for all structures."""

SMOOTHING_EV = 2.0
INNER_EV = 10.0
"""Real part with which curves are computed; the energy axis is corrected afterwards."""

BEAMS = ((1, 0), (1, 1), (2, 0), (2, 1))
MOST_R_FACTOR = 0.11

FITTED_EV = (60.0, 250.0)

CONVERGED_L_MAX, CONVERGED_STEP_EV = 9, 4.0
"""Largest angular momentum and step of energies of the converged computation; `silver` uses 8 and 5 eV."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """I(V) curves on an even grid of energies; NaN where a beam was not measured."""

    energies: np.ndarray  # (n,) in eV
    intensities: Mapping[tuple[int, int], np.ndarray]  # beam → (n,)

    def flat(self, of: Mapping[tuple[int, int], np.ndarray]) -> np.ndarray:
        """Join curves (n,) of all beams, at the energies where they were measured."""
        return np.concatenate([of[beam][np.isfinite(self.intensities[beam])] for beam in self.intensities])

    def y(self, flat: np.ndarray) -> np.ndarray:
        """Return Pendry's Y of joined curves, times 2 V_i: numbers from −1 to 1."""
        found, at = [], 0
        for measured in self.intensities.values():
            inside = np.isfinite(measured)
            part = flat[at : at + inside.sum()]
            found.append(pendry_y(self.energies[inside], part, V0I_EV, smoothing_eV=SMOOTHING_EV))
            at += inside.sum()
        return 2 * V0I_EV * np.concatenate(found)


@dataclass(frozen=True, eq=False)
class Setup:
    """A (100) surface of an fcc metal and how it is computed: three layers may move, the rest is bulk."""

    element: str
    phase_shifts: PhaseShifts
    a_A: float  # side of the surface's square
    real_part: tuple[float, ...]  # coefficients of the inner potential
    l_max: int = 8
    step_eV: float = 5.0

    def surface(self, d12, d23, d34, u_surface, u_bulk, V_i) -> Surface:
        """Return the surface with these layer distances and vibrations in Å, and damping in eV."""
        middle, spacing = (self.a_A / 2, self.a_A / 2), self.a_A / np.sqrt(2)
        heights = np.cumsum([d34, d23, d12])
        layers = [(*middle, heights[0]), (0, 0, heights[1]), (*middle, heights[2])]
        vibrations = (u_bulk, u_bulk, u_surface)
        atoms = [Atom(self.element, tuple(map(float, at)), u) for at, u in zip(layers, vibrations, strict=True)]
        below = [Atom(self.element, (0, 0, 0), u_bulk)]
        sides, repeat = ((self.a_A, 0), (0, self.a_A)), (*middle, -spacing)
        shifts = {self.element: self.phase_shifts}
        return Surface(*sides, repeat, atoms, below, shifts, damping_eV=V_i, inner_potential_eV=INNER_EV)

    def curves(self, most_eV: float, **structure) -> IVCurves:
        """Compute the curves of a structure up to an energy."""
        energies = np.arange(45.0, most_eV + 2 * self.step_eV + 8, self.step_eV)
        return calculator(self.l_max)(self.surface(**structure), energies)

    def at(self, curves: IVCurves, energies: np.ndarray, beams: Sequence, delta_V0: float) -> dict:
        """Return curves of some beams on an axis, the inner potential corrected and shifted by delta_V0."""
        correction = -inner_potential(energies, self.real_part) - INNER_EV - delta_V0
        seen = shift(curves.select(beams), energies, correction)
        # A spline may start a step above the lowest energy of a beam: the edge is repeated there.
        return {beam: _filled(column) for beam, column in zip(beams, seen.T, strict=True)}

    def problem(self, experiment: Experiment) -> InverseProblem:
        """Return the problem of finding the structure behind measured curves."""
        beams, most = list(experiment.intensities), float(experiment.energies[-1])
        spacing = self.a_A / np.sqrt(2)
        lengths = [Parameter(name, "Å", spacing - 0.2, spacing + 0.2) for name in ("d12", "d23", "d34")]
        others = [
            Parameter("u_surface", "Å", 0.05, 0.30),
            Parameter("u_bulk", "Å", 0.05, 0.25),
            Parameter("V_i", "eV", 3.0, 7.0),
            Parameter("delta_V0", "eV", -3.0, 4.0, cheap=True),
        ]
        values = experiment.flat(experiment.intensities)
        width = len(values) * float(experiment.energies[1] - experiment.energies[0])
        return InverseProblem(
            [*lengths, *others],
            lambda **structure: self.curves(most, **structure),
            Measured(values, x=np.arange(len(values))),
            observe=lambda curves, delta_V0: experiment.flat(self.at(curves, experiment.energies, beams, delta_V0)),
            misfits={"fine": experiment.y},
            # Pendry's error bars: R may rise by the share √(8 V_i / range), 7 parameters fitted.
            independent=np.sqrt(width / (8 * V0I_EV)) + 7,
            step=3e-3,
        )


def silver() -> Case:
    """Return the measured surface of Ag(100): four beams, 60 to 250 eV."""
    return Case(
        "leed_ag100",
        silver_setup().problem(silver_experiment(BEAMS, *FITTED_EV)),
        {},
        within_r_factor(MOST_R_FACTOR),
        60,
        "Y",
        "joined energies",
    )


def silver_converged() -> Case:
    """Return the same surface with a converged computation, which takes twice as long: the structure that predicts.

    Vibrations may be smaller than in `silver`, where some searches end at the limit.
    """
    setup = silver_setup(l_max=CONVERGED_L_MAX, step_eV=CONVERGED_STEP_EV)
    problem = setup.problem(silver_experiment(BEAMS, *FITTED_EV))
    wider = [replace(each, lower=0.02) if each.name.startswith("u_") else each for each in problem.parameters]
    return replace(silver(), name="leed_ag100_converged", problem=replace(problem, parameters=wider), budget=100)


@cache
def silver_setup(**settings) -> Setup:
    """Return Ag(100) with the surface's phase shifts of the registry; a from the start structure, 2.88 Å."""
    shifts = read_phase_shifts(datasets.fetch("ag_phase_shifts"))[1]
    return Setup("Ag", shifts, 2.88, shifts.inner_potential, **settings)


def silver_experiment(beams: Sequence, low: float, high: float) -> Experiment:
    """Read measured curves on a grid of 1 eV."""
    path = datasets.fetch("ag_beams")
    rows = [line.split(";") for line in Path(path).read_text().splitlines() if line.strip()]
    names = [tuple(int(part) for part in name.strip(" ()").split("|")) for name in rows[0][1:]]
    table = np.array(rows[1:], dtype=float)
    energies = np.arange(low, high + 0.5)
    at = {name: np.interp(energies, table[:, 0], table[:, 1 + i], np.nan, np.nan) for i, name in enumerate(names)}
    return Experiment(energies, {beam: at[beam] for beam in beams})


COPPER = {"d12": 1.765, "d23": 1.815, "d34": 1.805, "u_surface": 0.16, "u_bulk": 0.11, "V_i": 4.6, "delta_V0": 0.8}
"""The twin's structure: the outermost distance contracted by 2 % (bulk 1.805 Å), as usual on Cu(100)."""


def copper(seed: int) -> Case:
    """Return a synthetic twin on Cu(100): larger l_max and finer energies than the model's, noise, a drifting gain."""
    setup = copper_setup()
    energies = np.arange(60.0, 250.5)
    rng = np.random.default_rng([4000, seed])
    clean = {beam: curve for beam, curve in _copper_curves().items()}
    noisy = {}
    for number, (beam, curve) in enumerate(clean.items()):
        gain = 1 + 0.01 * np.sin(energies / 40 + number)
        noise = np.sqrt(np.maximum(curve, 0) * curve.mean() * 2e-3) + 1e-3 * curve.mean()
        noisy[beam] = np.maximum(rng.normal(gain * curve, noise), 1e-6 * curve.mean())
    problem = setup.problem(Experiment(energies, noisy))
    return Case("leed_cu100", problem, COPPER, within_r_factor(MOST_R_FACTOR), 60, "Y", "joined energies")


@cache
def copper_setup(**settings) -> Setup:
    """Return Cu(100) with the phase shifts of cleedpy's example."""
    shifts = read_phase_shifts(DATA / "cleed" / "Cu.phs")[0]
    return Setup("Cu", shifts, 2.553, (-10.0, 0.0, -60.0, 15.0), **settings)


@cache
def _copper_curves() -> dict:
    fine = copper_setup(l_max=9, step_eV=4.0)
    structure = {name: value for name, value in COPPER.items() if name != "delta_V0"}
    return fine.at(fine.curves(250, **structure), np.arange(60.0, 250.5), BEAMS, COPPER["delta_V0"])


@cache
def calculator(l_max: int) -> LeedCalculator:
    """Return the calculator of this process for an l_max."""
    return LeedCalculator(l_max=l_max)


def _filled(column: np.ndarray) -> np.ndarray:
    known = np.flatnonzero(np.isfinite(column))
    return np.interp(np.arange(len(column)), known, column[known]) if len(known) else np.zeros(len(column))
