"""Inelastic neutron scattering by spin waves: a synthetic CrSBr map and the measured map of the chain CsVCl3."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from alloygrad.inverse import CHOOSERS, InverseProblem, Measured, Parameter, Particles, Prior, cumulative
from alloygrad.inverse.problem import Fitted
from alloygrad.inverse.simulators.spin_waves import FWHM, Bond, Modes, Spin, SpinWaves
from compendium import store
from compendium.inverse.case import Case, within_from

BROMIDE = {"J1": -1.90, "J2": -3.38, "J3": -1.67, "J4": -0.09, "J5": -0.09, "J6": 0.37, "J7": -0.29}
"""In-plane exchanges of CrSBr in meV. The source is Scheie et al. 2022, Adv. Sci. 9, 2202467 (arXiv:2204.12461), whose
table was not at hand: the values are from memory and serve as the truth of a synthetic map, not as a reference."""

BROMIDE_CELL_A = (3.50, 4.74, 7.96)
"""Cell of CrSBr (rounded). The two Cr of a layer lie 2.0 Å apart along c (rounded), so that both modes scatter."""

ANISOTROPY = 0.1
"""Easy-axis anisotropy D of the model in meV (chosen): a gap of 0.3 meV, far below the resolution."""

ENERGIES = np.arange(4.0, 56.5)
TOLERANCES = {"J1": 0.095, "J2": 0.169, "J3": 0.0835, "J4": 0.1, "J5": 0.1, "J6": 0.1, "J7": 0.1}
"""In meV: 5 % of J1 to J3."""

MOST_MISFIT = 1.05
"""A fit is solved at this multiple of the misfit that the truth has."""

COUNTS = 1600.0
"""Counts for an intensity of 1 per cell and meV (chosen): a line of the strongest mode has some 200."""


def bromide(hkl: np.ndarray) -> SpinWaves:
    """Return the spin waves of one layer of CrSBr, S = 3/2 along b, at wave vectors (m, 3)."""
    share = 1.0 / BROMIDE_CELL_A[2]  # half the distance of the two Cr along c
    spins = [Spin((0, 0, share), 1.5, "Cr3+"), Spin((0.5, 0.5, -share), 1.5, "Cr3+")]
    same = {"J1": [(1, 0, 0)], "J3": [(0, 1, 0)], "J4": [(1, 1, 0), (1, -1, 0)], "J6": [(2, 0, 0)]}
    # From the first Cr to the second, in half cells along a and b.
    other = {
        "J2": [(a, b) for a in (-1, 1) for b in (-1, 1)],
        "J5": [(a, b) for a in (-3, 3) for b in (-1, 1)],
        "J7": [(a, b) for a in (-1, 1) for b in (-3, 3)],
    }
    bonds = [Bond(name, i, i, cells) for name, many in same.items() for cells in many for i in (0, 1)]
    bonds += [Bond(n, 0, 1, ((a - 1) // 2, (b - 1) // 2, 0)) for n, many in other.items() for a, b in many]
    bonds.sort(key=lambda bond: bond.coupling)
    return SpinWaves(BROMIDE_CELL_A, spins, bonds, hkl, axis=(0, 1, 0))


def bromide_path(points: int = 16) -> np.ndarray:
    """Return wave vectors (4 points, 3) along four lines of the zone, at l = 1, where both modes scatter."""
    t = np.linspace(0, 1, points)
    one, two, half, zero = np.full(points, 1.0), np.full(points, 2.0), np.full(points, 2.5), np.zeros(points)
    lines = [(2 + t, zero), (two, t), (2 + t, t), (half, t)]
    return np.concatenate([np.column_stack([h, k, one]) for h, k in lines])


def resolution(energy: np.ndarray) -> np.ndarray:
    """Return the full width at half maximum in meV at an energy transfer: narrower the larger it is (chosen)."""
    return FWHM * 1.2 * (1 - 0.4 * np.clip(energy, 0, 60) / 60)


def bromide_map(hkl: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Return the expected counts (m, e) without background as an experiment has them.

    What the model does not know: bins of finite size in h, k and energy, another resolution, another anisotropy.
    """
    fine = (energies[:, None] + np.array([-0.375, -0.125, 0.125, 0.375])).ravel()
    total = np.zeros((len(hkl), len(energies)))
    for h in (-0.015, 0, 0.015):
        for k in (-0.015, 0, 0.015):
            modes = bromide(hkl + np.array([h, k, 0])).modes([*BROMIDE.values(), 0.35 / 3])
            lines = modes.spectrum(fine, lambda energy: 1.04 * resolution(energy))
            total += lines.reshape(len(hkl), len(energies), 4).mean(-1) / 9
    return COUNTS * total


@cache
def _bromide_expected() -> np.ndarray:
    return bromide_map(bromide_path(), ENERGIES)


@cache
def bromide_zone() -> SpinWaves:
    """Return the spin waves on a mesh of a quarter of the zone, by symmetry all of it."""
    mesh = np.stack(np.meshgrid(np.arange(5) / 8, np.arange(5) / 8, [0.0]), -1).reshape(-1, 3)
    return bromide(mesh)


def bromide_stable(couplings: np.ndarray) -> np.ndarray:
    """Return whether the ferromagnet of couplings J1 to J7 (..., 7) is stable, (...)."""
    couplings = np.asarray(couplings)
    return bromide_zone().stable(np.concatenate([couplings, np.full((*couplings.shape[:-1], 1), ANISOTROPY)], -1))


def within_misfit(truth: float) -> Callable[[Mapping, Fitted], float]:
    """Judge by the misfit, in units of the largest that counts as solved: 1.05 times that of the truth."""
    return lambda values, fitted: fitted.misfit / (MOST_MISFIT * truth)


def bromide_case(seed: int) -> Case:
    """Return the synthetic map of a seed: counts at 64 wave vectors and 53 energies, on a sloping background.

    The misfit is that of the running sums in energy. On the counts themselves a line that is off by more than its width
    says nothing of where it should be: of four searches on them (seeds 0 to 3) one found the couplings.
    """
    rng = np.random.default_rng([5000, seed])
    hkl = bromide_path()
    scale = rng.uniform(0.75, 1.25)
    mean = scale * _bromide_expected() + 16 + 0.2 * (56 - ENERGIES)
    values = rng.poisson(mean).astype(float).ravel()
    sigma = np.sqrt(np.maximum(values, 1))
    waves = bromide(hkl)

    def simulate(J1, J2, J3, J4, J5, J6, J7):
        modes = waves.modes([J1, J2, J3, J4, J5, J6, J7, ANISOTROPY])
        return (COUNTS * modes.spectrum(ENERGIES, resolution)).ravel()

    def feasible(**couplings):
        return bool(bromide_stable(np.array([couplings[name] for name in BROMIDE])))

    slope = np.tile((ENERGIES - ENERGIES.mean()) / 26, len(hkl))
    problem = InverseProblem(
        bromide_parameters(),
        simulate,
        Measured(values, sigma, np.tile(ENERGIES, len(hkl))),
        scale=True,
        background=np.column_stack([np.ones(len(slope)), slope]),
        misfits={"fine": cumulative(sigma, np.repeat(np.arange(len(hkl)), len(ENERGIES)))},
        feasible=feasible,
    )
    truth = problem.fit(problem.run(BROMIDE), "fine")
    return Case("ins_crsbr", problem, BROMIDE, within_misfit(truth.misfit), 150, "counts", "energy transfer (meV)")


def bromide_parameters() -> list[Parameter]:
    """Return the couplings in their boxes."""
    wide = {"J1": (-4.0, 0.0), "J2": (-6.0, 0.0), "J3": (-4.0, 0.0)}
    return [Parameter(name, "meV", *wide.get(name, (-1.0, 1.0))) for name in BROMIDE]


# -- which points to measure -------------------------------------------------------------------------------------------

PRIORS = ("informed", "box")
"""What is known beforehand: exchanges near the truth, as from a first-principles computation, or their boxes alone."""

INFORMED = {name: 0.25 * abs(value) if name in ("J1", "J2", "J3") else 0.2 for name, value in BROMIDE.items()}
"""Standard deviations of the informed prior in meV."""

ARMS = ("deflated", "variance", "uniform", "random", "unconstrained")
"""Ways to choose. All but the last know that the ferromagnet must be stable; the last is deflated without that."""

COUNTED = 4.0
"""Counting time of a point, in that of the map (chosen)."""

MODEL_ERROR = 0.08
"""Share of a value that the model may be off by (chosen): lines are broader than it knows."""

CHECKPOINTS = (15, *range(20, 80, 5), 90, 105, 120, 150)
"""Numbers of points after which the posterior is looked at and the next points are chosen."""

PARTICLES = 300
POINTS_FIRST_SEED = 100
POINTS_BEHAVIOUR = 1
POINTS_COLUMNS = ["prior", "arm", "seed", "points", "off", "spread", "behaviour", "code"]
POINTS_RECORD = store.RESULTS / "ins_points.csv"


@cache
def candidates() -> tuple[np.ndarray, np.ndarray, SpinWaves]:
    """Return number of the wave vector (m,) and energy (m,) of all candidates, and the model at the wave vectors."""
    hkl = bromide_path(20)
    which, energy = np.meshgrid(np.arange(len(hkl)), ENERGIES, indexing="ij")
    return which.ravel(), energy.ravel(), bromide(hkl)


@cache
def expected_counts() -> np.ndarray:
    """Return the expected counts (m,) of all candidates at scale 1, without background."""
    return COUNTED * bromide_map(bromide_path(20), ENERGIES).ravel()


def background_counts(energy: np.ndarray) -> np.ndarray:
    """Return the background of a point; the model knows its slope, not its level."""
    return COUNTED * (16 + 0.2 * (56 - energy))


def predict(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return expected counts (n, k) of couplings, scale and level of the background (n, 9) at candidates (k,)."""
    which, energy, waves = candidates()
    seen, place = np.unique(which[points], return_inverse=True)
    anisotropy = np.full((len(values), 1), ANISOTROPY)
    modes = waves.at(seen).modes(np.hstack([values[:, :7], anisotropy]))
    taken = Modes(modes.energy[:, place], modes.intensity[:, place])
    lines = taken.spectrum(energy[points][:, None], resolution)[..., 0]
    return values[:, 7:8] * COUNTED * COUNTS * lines + values[:, 8:] * background_counts(energy[points])


def point_prior(kind: str, seed: int, *, constrained: bool = True) -> Prior:
    """Return the prior of a seed; an informed one is centred at random, as far from the truth as it says."""
    nuisances = [Parameter("scale", "", 0.5, 1.5), Parameter("background", "", 0.5, 1.5)]
    normal = {"scale": (1.0, 0.15), "background": (1.0, 0.15)}
    if kind == "informed":
        rng = np.random.default_rng([6000, seed])
        for each in bromide_parameters():
            centre = rng.normal(BROMIDE[each.name], INFORMED[each.name])
            normal[each.name] = (float(np.clip(centre, each.lower, each.upper)), INFORMED[each.name])
    feasible = (lambda values: bromide_stable(values[:, :7])) if constrained else None
    return Prior([*bromide_parameters(), *nuisances], normal, feasible)


def scans(seed: int) -> np.ndarray:
    """Return candidates in the order of a plain experiment: 15 even energies at each of 10 even wave vectors."""
    order = np.random.default_rng([7000, seed]).permutation(np.linspace(0, 79, 10).round().astype(int))
    energies = np.linspace(0, len(ENERGIES) - 1, 15).round().astype(int)
    return (order[:, None] * len(ENERGIES) + energies).ravel()


def measuring(prior: str, arm: str, seed: int, most: int) -> Iterator[Particles]:
    """Measure point after point; yield the posterior at each checkpoint."""
    rng = np.random.default_rng([8000, seed])
    mean = rng.uniform(0.75, 1.25) * expected_counts() + background_counts(candidates()[1])
    counts = rng.poisson(mean)  # the same for all arms
    known = point_prior(prior, seed, constrained=arm != "unconstrained")
    particles = Particles.draw(known, predict, n=PARTICLES, seed=seed)
    planned = scans(seed) if arm == "uniform" else np.random.default_rng([9000, seed]).permutation(len(counts))
    for number in (n for n in CHECKPOINTS if n <= most):
        done = particles.points
        if arm in ("uniform", "random"):
            chosen = planned[len(done) : number]
        else:
            rule = CHOOSERS["variance" if arm == "variance" else "deflated"]
            free = np.setdiff1d(np.arange(len(counts)), done)
            predicted = predict(particles.values[::3], free)  # a third of them is enough for a covariance
            chosen = free[rule(predicted, _error(predicted.mean(0)), number - len(done))]
        particles = particles.update(chosen, counts[chosen], _error(counts[chosen]))
        yield particles


def points_run(prior: str, arm: str, seed: int, *, most: int = CHECKPOINTS[-1]) -> Particles:
    """Return the posterior at the end of a run; its `points` are in the order of measuring."""
    return list(measuring(prior, arm, seed, most))[-1]


def measure_points(prior: str, arm: str, seed: int, *, most: int = CHECKPOINTS[-1]) -> list[dict]:
    """Measure point after point; return one row per checkpoint.

    Columns: prior, arm, seed, points, off and spread: the largest error of the posterior mean of J1 to J7, and the
    largest standard deviation, both in tolerances.
    """
    unit, truth, rows = np.array(list(TOLERANCES.values())), np.array(list(BROMIDE.values())), []
    for particles in measuring(prior, arm, seed, most):
        couplings = particles.values[:, :7]
        off = (np.abs(couplings.mean(0) - truth) / unit).max()
        spread = (couplings.std(0, ddof=1) / unit).max()
        row = {"prior": prior, "arm": arm, "seed": seed, "points": len(particles.points)}
        rows.append(row | {"off": round(float(off), 3), "spread": round(float(spread), 3)})
    return rows


def _error(counts: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(counts, 1) + (MODEL_ERROR * counts) ** 2)


def points_study(
    prior: str, arms: Sequence[str] = ARMS, *, seeds: int = 20, most: int = CHECKPOINTS[-1], compute: bool = True
) -> pd.DataFrame:
    """Return the rows of all runs: from the record, from the working store, or computed and kept there.

    Args:
        prior: One of `PRIORS`.
        arms: Names in `ARMS`.
        seeds: How many.
        most: Points in each run; other numbers than the planned one are never taken from the record.
        compute: Whether to compute what is missing.
    """
    known = recorded_points()
    known = known[(known["prior"] == prior) & (known["behaviour"] == POINTS_BEHAVIOUR)]
    parts = []
    for seed in range(POINTS_FIRST_SEED, POINTS_FIRST_SEED + seeds):
        for arm in arms:
            own = known[(known["arm"] == arm) & (known["seed"] == seed)]
            path = _points_folder() / f"{prior}-{arm}-{seed}-{most}-{POINTS_BEHAVIOUR}.json"
            rows = None if len(own) and most == CHECKPOINTS[-1] else store.read_json(path) if path.exists() else None
            if rows is None and (not len(own) or most != CHECKPOINTS[-1]) and compute:
                rows = measure_points(prior, arm, seed, most=most)
                version = {"behaviour": POINTS_BEHAVIOUR, "code": store.code_version()}
                store.write_json(path, [row | version for row in rows])
                rows = store.read_json(path)
            parts.append(own if rows is None else pd.DataFrame(rows))
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True)[POINTS_COLUMNS] if filled else known


def recorded_points() -> pd.DataFrame:
    """Return the recorded rows; empty where there are none."""
    return pd.read_csv(POINTS_RECORD) if POINTS_RECORD.exists() else pd.DataFrame(columns=POINTS_COLUMNS)


def record_points() -> pd.DataFrame:
    """Pack whole runs of the working store into the record; return it."""
    paths = sorted(_points_folder().glob(f"*-{CHECKPOINTS[-1]}-{POINTS_BEHAVIOUR}.json"))
    new = [pd.DataFrame(rows) for path in paths if (rows := store.read_json(path)) is not None]
    table = pd.concat([part for part in (recorded_points(), *new) if len(part)], ignore_index=True)[POINTS_COLUMNS]
    table = table[table["behaviour"] == POINTS_BEHAVIOUR].drop_duplicates(POINTS_COLUMNS[:4], keep="last")
    table = table.sort_values(POINTS_COLUMNS[:4])
    store.write(POINTS_RECORD, lambda path: table.to_csv(path, index=False))
    return table


def _points_folder() -> Path:
    return store.working() / "ins_points"


def reached(rows: pd.DataFrame) -> float:
    """Return the points after which the mean stays within the tolerances to the end of a run; NaN if it does not."""
    return within_from(rows, "off")


def stopped(rows: pd.DataFrame) -> float:
    """Return the points after which an experimenter would stop: all standard deviations below half a tolerance."""
    enough = rows["points"][rows["spread"] <= 0.5]
    return float(enough.min()) if len(enough) else float("nan")
