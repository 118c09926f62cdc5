"""Bulk moduli of refractory alloys from an interatomic potential, on the fly. It needs the extra `atomistic`.

    atomistic.parity()      # metals: potential against handbook
    atomistic.compute()     # campaigns and random alloys, those that are not recorded
    atomistic.record()

The potential is CHGNet, a graph network trained on density-functional calculations (Deng et al., Nature Machine
Intelligence 5 (2023) 1031). It is an interatomic potential, not a first-principles method, and it is used at 0 K.

An alloy is `CELLS` cubic cells of 16 sites of a bcc crystal, on which its atoms are placed at random, the same for each
alloy; atoms are not relaxed. The energy E (eV per atom) at seven volumes within ±5 % is fitted by a cubic in
x = v/v₀ − 1. About the minimum, which takes two rounds to find,

    B = E''(0)/v₀.

Handbook values are MC of `alloygrad.features.elements`.

A campaign looks for the alloy of largest bulk modulus at no more than `MOST_DENSE` g/cm³, from five metals of 6.25 to
37.5 at.% each. Random alloys begin alike. The space has 735 alloys: nobody needs a campaign to search it with this
potential, but a calculation that takes hours for an alloy would be put in its place by one function.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pandas as pd
from scipy.constants import N_A, physical_constants

from alloygrad.campaigns.campaign import Campaign
from alloygrad.features import elements as table
from alloygrad.objectives import Limit, Maximise
from alloygrad.spaces import CompositionSpace
from compendium import store
from compendium.running.kept import Kept

METALS = {"V": "bcc", "Nb": "bcc", "Ta": "bcc", "Cr": "bcc", "Mo": "bcc", "W": "bcc", "Al": "fcc", "Cu": "fcc"}
"""Metals that the potential is compared for, and their crystals."""

REFRACTORY = ("Mo", "Nb", "Ta", "V", "W")
SITES, CELLS = 16, 3
MOST_DENSE = 12.0

INITIAL, EXPERIMENTS, SEEDS = 8, 16, 4
ARMS = ("campaign", "random")

STRAINS = np.linspace(-0.05, 0.05, 7)
ROUNDS = 2
GPA = 1e21 * physical_constants["electron volt"][0]
"""1 eV/Å³ in GPa."""

BASES = {"bcc": [[0, 0, 0], [0.5, 0.5, 0.5]], "fcc": [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]}
REPEATS = {"bcc": 2, "fcc": 1}

BEHAVIOUR = 1
"""Raised when a change of the code changes what is computed."""

KEYS, RUN_KEYS = ("metal", "behaviour"), ("arm", "seed", "behaviour")
PARITY = Kept("atomistic_metals", KEYS, (*KEYS, "modulus_GPa", "volume_A3", "code"))
RUNS = Kept("atomistic_runs", RUN_KEYS, (*RUN_KEYS, "alloys", "moduli", "code"))
"""alloys: atoms of each metal in a cell, alloys separated by semicolons; moduli, GPa, in the same order."""

Potential = Callable[[Sequence[str], str, np.ndarray], np.ndarray]
"""(elements of the sites, crystal, volumes Å³ per atom (n,)) → energies, eV per atom (n,)."""


@cache
def chgnet() -> Potential:
    """Return CHGNet as a potential. Raises ModuleNotFoundError where the extra `atomistic` is not installed."""
    import torch
    from chgnet.model import CHGNet
    from pymatgen.core import Lattice, Structure

    torch.set_num_threads(1)
    model = CHGNet.load(verbose=False)

    def energies(sites: Sequence[str], crystal: str, volumes: np.ndarray) -> np.ndarray:
        base, times = BASES[crystal], REPEATS[crystal]
        shifts = np.stack(np.meshgrid(*[np.arange(times)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
        places = ((np.array(base) + shifts) / times).reshape(-1, 3)
        edges = times * (len(base) * volumes) ** (1 / 3)
        cells = [Structure(Lattice.cubic(edge), list(sites), places) for edge in edges]
        return np.array([float(one["e"]) for one in model.predict_structure(cells, task="e", batch_size=len(cells))])

    return energies


def bulk_modulus(
    sites: Sequence[str], crystal: str = "bcc", volume: float | None = None, *, potential: Potential | None = None
) -> tuple[float, float]:
    """Return the bulk modulus, GPa, and the volume at the minimum, Å³ per atom, of a cell.

    volume: where the search for the minimum begins; the mean of the metals' own volumes unless given.
    """
    potential = potential or chgnet()
    volumes = table.load()["VA"]
    at = volume or float(volumes[list(sites)].mean())
    for _ in range(ROUNDS):
        energies = potential(sites, crystal, at * (1 + STRAINS))
        _, slope, half, third = np.polynomial.Polynomial.fit(STRAINS, energies, 3).convert().coef
        root = np.sqrt(half**2 - 3 * third * slope)  # half the curvature at the minimum
        lowest = -slope / (half + root)
        at, curvature = at * (1 + lowest), 2 * root * (1 + lowest) ** 2
    return float(GPA * curvature / at), float(at)


def modulus_of(counts: np.ndarray, *, potential: Potential | None = None) -> float:
    """Return the mean bulk modulus, GPa, of `CELLS` random cells of an alloy; counts: atoms of each metal (5,)."""
    sites, rng = np.repeat(REFRACTORY, counts), np.random.default_rng(counts.tolist())
    found = [bulk_modulus(rng.permutation(sites).tolist(), potential=potential)[0] for _ in range(CELLS)]
    return float(np.mean(found))


def density(fractions: np.ndarray) -> np.ndarray:
    """Return the density, g/cm³ (n,), of fractions (n, 5) by the metals' own volumes."""
    mass, volume = table.matrix(REFRACTORY, ["RAM", "VA"]).T
    return fractions @ mass / (N_A * fractions @ volume * 1e-24)


def parity(*, compute_missing: bool = True) -> pd.DataFrame:
    """Return metal, crystal, modulus_GPa and handbook_GPa of the metals that are recorded, or of all."""
    keys = [{"metal": metal, "behaviour": BEHAVIOUR} for metal in METALS]
    rows = PARITY.rows(keys, lambda key: _metal(key["metal"]), compute_missing=compute_missing)
    found = pd.DataFrame(rows, columns=["metal", "modulus_GPa"])
    found.insert(1, "crystal", found["metal"].map(METALS))
    return found.assign(handbook_GPa=table.matrix(found["metal"].tolist(), ["MC"])[:, 0] if len(found) else [])


def _metal(metal: str) -> dict:
    crystal = METALS[metal]
    modulus, volume = bulk_modulus([metal] * len(BASES[crystal]) * REPEATS[crystal] ** 3, crystal)
    return {"modulus_GPa": round(modulus, 2), "volume_A3": round(volume, 3), "code": store.code_version()}


@cache
def space() -> CompositionSpace:
    """Return the alloys of `SITES` atoms."""
    step = 100 / SITES
    return CompositionSpace({metal: (step, 6 * step) for metal in REFRACTORY}, step=step)


def run(
    arm: str, seed: int, *, experiments: int = EXPERIMENTS, measure: Callable[[np.ndarray], float] = modulus_of
) -> tuple[np.ndarray, np.ndarray]:
    """Return the alloys of a run, as counts (n, 5), and their bulk moduli, GPa (n,); initial ones first."""
    counts = np.unique(space().sample(4 * INITIAL, np.random.default_rng([seed, 0])), axis=0)
    counts = np.random.default_rng([seed, 1]).permutation(counts)[:INITIAL]
    moduli = np.array([measure(one) for one in counts])
    aims = [Maximise("modulus_GPa"), Limit("density", at_most=MOST_DENSE)]
    campaign, rng = Campaign(space(), aims, inputs="fractions", seed=seed), np.random.default_rng([seed, 2])
    for experiment in range(experiments):
        if arm == "random":
            point = space().sample(1, rng)[0]
        else:
            new = slice(0, None) if not experiment else slice(-1, None)
            outcomes = {"modulus_GPa": moduli[new], "density": density(space().fractions(counts[new]))}
            campaign.tell(counts[new], outcomes)
            point = campaign.ask()[0].point
        counts, moduli = np.concatenate([counts, point[None]]), np.append(moduli, measure(point))
    return counts, moduli


def compute(*, seeds: int = SEEDS, compute_missing: bool = True) -> pd.DataFrame:
    """Return arm, seed, experiment, at.% of each metal, modulus_GPa and density_g_per_cm3 of all alloys of all runs.

    Initial alloys have negative experiments.
    """
    keys = [{"arm": arm, "seed": seed, "behaviour": BEHAVIOUR} for seed in range(seeds) for arm in ARMS]
    tables = [pd.DataFrame(columns=["arm", "seed", "experiment", *REFRACTORY, "modulus_GPa", "density_g_per_cm3"])]
    for row in RUNS.rows(keys, _row, compute_missing=compute_missing):
        counts = np.array([one.split() for one in row["alloys"].split(";")], dtype=np.int64)
        at = space().fractions(counts)
        about = {"arm": row["arm"], "seed": row["seed"], "experiment": np.arange(len(counts)) - INITIAL}
        about |= dict(zip(REFRACTORY, 100 * at.T, strict=True))
        moduli = np.array(row["moduli"].split(), dtype=float)
        tables.append(pd.DataFrame({**about, "modulus_GPa": moduli, "density_g_per_cm3": density(at)}))
    return pd.concat(tables[1:] or tables, ignore_index=True)


def _row(key: dict) -> dict:
    counts, moduli = run(key["arm"], key["seed"])
    alloys = ";".join(" ".join(map(str, one)) for one in counts.tolist())
    return {"alloys": alloys, "moduli": " ".join(f"{one:.2f}" for one in moduli), "code": store.code_version()}


def best_so_far(runs: pd.DataFrame) -> pd.DataFrame:
    """Return arm, seed, experiment and best_GPa: the largest modulus so far among alloys that keep the limit."""
    kept = runs["modulus_GPa"].where(runs["density_g_per_cm3"] <= MOST_DENSE)
    best = kept.groupby([runs["arm"], runs["seed"]]).cummax().groupby([runs["arm"], runs["seed"]]).ffill()
    found = runs[["arm", "seed", "experiment"]].assign(best_GPa=best)
    return found[found["experiment"] >= -1].reset_index(drop=True)


def record() -> None:
    """Pack what was computed into data/results."""
    PARITY.record()
    RUNS.record()
