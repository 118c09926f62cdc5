"""X-ray powder diffraction: a synthetic PbTiO3 pattern, and the measured PbSO4 pattern of the round robin."""

from functools import cache

import numpy as np
from numpy.polynomial.chebyshev import chebvander

from alloygrad.inverse import InverseProblem, Measured, Parameter, blur
from alloygrad.inverse.simulators.powder import Powder, Site
from compendium.environments import datasets
from compendium.inverse.case import Case, Within

BLUR_DEG = 0.5
"""Width of the coarse misfit, in degrees: a line that is off by so much still overlaps its own."""

TITANATE = {"a": 3.904, "c": 4.152, "z_Ti": 0.540, "z_O1": 0.112, "z_O2": 0.617}
"""PbTiO3, P4mm, Pb at the origin: cell in Å, heights as shares of c (room temperature; rounded)."""

SULPHATE = {"a": 8.480, "b": 5.398, "c": 6.958, "x_Pb": 0.1882, "z_Pb": 0.1670}
"""PbSO4, Pnma, as distributed with the pattern; the round robin is Hill 1992, J. Appl. Cryst. 25, 589."""

SULPHATE_SITES = (
    ("S", (0.063, 0.25, 0.686)),
    ("O", (-0.095, 0.25, 0.600)),
    ("O", (0.181, 0.25, 0.543)),
    ("O", (0.085, 0.026, 0.806)),
)
"""The sites that are held, from the same file."""


def titanate_sites(z_Ti: float, z_O1: float, z_O2: float, b_iso: float) -> list[Site]:
    """Return the sites of tetragonal PbTiO3."""
    places = [("Pb", (0, 0, 0)), ("Ti", (0.5, 0.5, z_Ti)), ("O", (0.5, 0.5, z_O1)), ("O", (0.5, 0, z_O2))]
    return [Site(element, place, b_iso=b_iso) for element, place in places]


def titanate(seed: int) -> Case:
    """Return the synthetic pattern of a seed: counts of a mixture of two profiles, on a grid ten times as fine.

    What the model does not know: another displacement parameter, a mixture of two profiles, pixels of finite width, a
    background that is no polynomial, counting noise.
    """
    angles, step = np.arange(18, 100.001, 0.05), 0.05
    fine = np.arange(18 - step / 2, 100 + step / 2, step / 10) + step / 20
    heights = {name: TITANATE[name] for name in ("z_Ti", "z_O1", "z_O2")}
    true = _titanate_powder(tuple(fine))
    sites, cell = titanate_sites(**heights, b_iso=0.7), (TITANATE["a"], TITANATE["a"], TITANATE["c"])
    truth = {"width": 0.008, "zero": 0.02, "march": 0.85}
    profiles = [
        true(
            cell, sites=sites, width=(0.004, -0.002, factor * truth["width"]), mixing=mixing, zero_deg=0.02, march=0.85
        )
        for factor, mixing in ((1.0, 0.4), (1.1, 0.6))
    ]
    counts = np.mean(profiles, 0)[: len(angles) * 10].reshape(-1, 10).mean(1)
    background = 60 + 40 * np.exp(-(angles - 18) / 15)
    rng = np.random.default_rng([2000, seed])
    values = rng.poisson(6000 / counts.max() * counts + background).astype(float)
    sigma = np.sqrt(np.maximum(values, 1))
    powder = _titanate_powder(tuple(angles))

    def simulate(a, c, z_Ti, z_O1, z_O2, width, zero, march):
        sites = titanate_sites(z_Ti, z_O1, z_O2, b_iso=0.6)
        return powder((a, a, c), sites=sites, width=(0.004, -0.002, width), zero_deg=zero, march=march)

    problem = InverseProblem(
        [
            Parameter("a", "Å", 3.80, 4.00),
            Parameter("c", "Å", 4.00, 4.30),
            Parameter("z_Ti", "", 0.50, 0.58),
            Parameter("z_O1", "", 0.05, 0.18),
            Parameter("z_O2", "", 0.55, 0.70),
            Parameter("width", "deg²", 0.002, 0.03),
            Parameter("zero", "deg", -0.1, 0.1),
            Parameter("march", "", 0.6, 1.3),
        ],
        simulate,
        Measured(values, sigma, angles),
        scale=True,
        background=_polynomials(angles, 5),
        misfits={"coarse": blur(BLUR_DEG / step, sigma)},
    )
    judge = Within(TITANATE, {"a": 0.002, "c": 0.002, "z_Ti": 0.005, "z_O1": 0.01, "z_O2": 0.01})
    return Case("xrd_synthetic", problem, TITANATE | truth, judge, 120, "counts", "2θ (°)")


def sulphate() -> Case:
    """Return the measured pattern of PbSO4, 15 to 90°, two steps of the file summed into one."""
    angles, counts = read_counts(datasets.fetch("pbso4"))
    values, sigma, angles = binned(angles, counts, 15.0, 90.0, 2)
    held = [Site(element, place) for element, place in SULPHATE_SITES]
    powder = _sulphate_powder(tuple(angles))

    def simulate(a, b, c, x_Pb, z_Pb, B, width, zero):
        sites = [Site("Pb", (x_Pb, 0.25, z_Pb), b_iso=B), *(Site(s.element, s.xyz, b_iso=B) for s in held)]
        return powder((a, b, c), sites=sites, width=(0.6 * width, 0.0, width), mixing=0.7, zero_deg=zero)

    problem = InverseProblem(
        [
            Parameter("a", "Å", 8.25, 8.75),
            Parameter("b", "Å", 5.25, 5.55),
            Parameter("c", "Å", 6.75, 7.15),
            Parameter("x_Pb", "", 0.15, 0.23),
            Parameter("z_Pb", "", 0.12, 0.21),
            Parameter("B", "Å²", 0.1, 3.0),
            Parameter("width", "deg²", 0.004, 0.06),
            Parameter("zero", "deg", -0.15, 0.15),
        ],
        simulate,
        Measured(values, sigma, angles),
        scale=True,
        background=_polynomials(angles, 6),
        misfits={"coarse": blur(BLUR_DEG / 0.05, sigma)},
    )
    judge = Within(SULPHATE, {"a": 0.004, "b": 0.003, "c": 0.004, "x_Pb": 0.002, "z_Pb": 0.002})
    return Case("xrd_pbso4", problem, SULPHATE, judge, 150, "counts", "2θ (°)")


def read_counts(path) -> tuple[np.ndarray, np.ndarray]:
    """Read the pattern: angles in degrees and counts. Raises ValueError for a file of another form."""
    lines = path.read_text().splitlines()
    begin, step, end = (float(part) for part in lines[0].split()[:3])
    counts = [float(line[at : at + 8]) for line in lines[2:] for at in range(0, len(line.rstrip()), 8)]
    n = round((end - begin) / step) + 1
    if len(counts) < n:
        raise ValueError(f"Expected {n} counts from {begin:g} to {end:g}° in {path.name}; got {len(counts)}.")
    return begin + step * np.arange(n), np.array(counts[:n])


def binned(angles, counts, low: float, high: float, by: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean counts, their standard errors and mean angles of `by` neighbours between two angles."""
    inside = (angles >= low - 1e-9) & (angles <= high + 1e-9)
    n = inside.sum() // by * by
    angles, counts = (part[inside][:n].reshape(-1, by).mean(1) for part in (angles, counts))
    return counts, np.sqrt(np.maximum(counts, 1) / by), angles


def _polynomials(angles: np.ndarray, count: int) -> np.ndarray:
    middle = (angles[0] + angles[-1]) / 2
    return chebvander((angles - middle) / (angles[-1] - middle), count - 1)


@cache
def _titanate_powder(angles: tuple) -> Powder:
    return Powder("P 4 m m", titanate_sites(0.54, 0.11, 0.62, b_iso=0.6), np.array(angles))


@cache
def _sulphate_powder(angles: tuple) -> Powder:
    sites = [Site("Pb", (0.19, 0.25, 0.167)), *(Site(*site) for site in SULPHATE_SITES)]
    return Powder("P n m a", sites, np.array(angles))
