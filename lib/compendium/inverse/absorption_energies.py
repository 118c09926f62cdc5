"""Which energies of an absorption spectrum to measure: ways to choose them, against the synthetic edge of Co2+.

Every campaign begins with an even scan of 12 energies and knows nothing but the box. Each energy then costs one point,
with an error of 1 % of the highest absorption: that of one quick point, not of an averaged scan. What is known is kept
as 300 particles over the six unknowns of the edge and three of the scale.

A posterior takes some 100,000 spectra. They come from an emulator: cubic radial basis functions over the Fourier
transforms of 1024 spectra all over the box. Once the particles fill less than a thirtieth of the box, another is made
of 256 spectra about them.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
from scipy.interpolate import RBFInterpolator
from scipy.stats import qmc
from tqdm import tqdm

from alloygrad.features.feature_map import doubles
from alloygrad.inverse import Parameter
from alloygrad.inverse.measuring import Particles, Prior, choose, choose_random, choose_uniform, choose_variance
from alloygrad.surrogates.gp import fit_gp
from compendium import store
from compendium.inverse import absorption
from compendium.inverse.absorption import ENERGIES, L2_BROADER, TOLERANCES, UNKNOWN
from compendium.inverse.case import within_from
from compendium.running.kept import Kept

POINT_NOISE = 0.01
"""Standard error of one point, as a share of the highest absorption: 10,000 counts there."""

FIRST, BATCH = 12, 6
SCAN_STEP = 12
"""Even scans grow by so many points: each is measured anew, and takes long to evaluate."""

SCALES = (
    Parameter("scale", "eV", 6.0, 18.0),
    Parameter("floor", "", 0.0, 0.1),
    Parameter("step", "", 0.0, 0.2),
)
"""The factor of the spectrum, a constant, and the height of both edge steps together."""

UNPHYSICAL = {"ten_dq": (0.0, 2.4), "beta_dd": (0.3, 1.3), "beta_pd": (0.3, 1.3), "exchange": (0.0, 0.6)}
"""Limits without physical knowledge: Slater integrals may exceed those of the free ion."""

MOST_PER_EV = 2.5
"""Largest frequency in 1/eV that the emulator keeps: beyond it, the narrowest line's transform is below .5 %."""

COMPONENTS = 80
"""Principal components of the transforms: the next has .06 % of the first one's standard deviation."""

SPECTRA, NEARER_SPECTRA = 1024, 256
SHRUNK = 1 / 30
"""A share of the emulator's box: where the particles fill less, a new one is made."""

PARTICLES = 300
FIRST_SEED = 200
"""Seeds below it served to set the campaigns up."""

ARMS = {
    "kalman": "chosen: most information (Kalman)",
    "uniform": "even scans",
    "random": "random energies",
    "variance": "largest predictive variance",
    "adversarial": "largest disagreement with a model-free curve",
    "unphysical": "most information, wide limits",
}
"""Ways to choose, in words."""

KEPT = Kept(
    "xas_energies",
    ("arm", "seed", "points", "spectra"),
    ("arm", "seed", "points", "spectra", *(f"{kind}_{name}" for name in TOLERANCES for kind in ("off", "sd")), "off",
     "seconds", "code"),
)  # fmt: skip


class Emulator:
    """Spectra without simulator calls, from those at points that fill a box of the four expensive parameters."""

    def __init__(self, low: np.ndarray, high: np.ndarray, spectra: int) -> None:
        self.low, self.high = low, np.maximum(high, low + 1e-6)
        shares = qmc.Sobol(len(low), rng=np.random.default_rng(0)).random(spectra)
        edge = absorption.cobalt_edge()
        broadening = edge.broadening
        # Every second frequency: half the period still is twice as long as the spectrum.
        kept = np.flatnonzero(broadening.turns < 2 * np.pi * MOST_PER_EV)[::2]
        self.turns = broadening.turns[kept]
        least = np.exp(-UNKNOWN[4].lower * self.turns)  # components are those that the narrowest lines show
        rows = [edge.simulate(*point)[:, kept] * least for point in self.low + shares * (self.high - self.low)]
        flat = np.array(rows).reshape(spectra, -1)
        self.mean, centred = flat.mean(0), flat - flat.mean(0)
        left, sizes, right = np.linalg.svd(np.hstack([centred.real, centred.imag]), full_matrices=False)
        k = min(COMPONENTS, spectra - 1)
        self.interpolator = RBFInterpolator(shares, (left * sizes)[:, :k], kernel="cubic", degree=2)
        real, imaginary = np.split(right[:k], 2, axis=1)
        self.components = real + 1j * imaginary
        # Synthesis at the grid of energies; the transform's period is halved, its spacing doubled.
        weight = np.where(self.turns > 0, 4.0, 2.0) / broadening.samples
        self.waves = weight[:, None] * np.exp(1j * np.outer(self.turns, ENERGIES - ENERGIES[0]))
        self.least = least
        self.steps = edge.steps(absorption.EDGE_WIDTH_EV) @ [2 / 3, 1 / 3]  # statistical weights of L3 and L2

    def __call__(self, values: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return absorption (n, k) at energies (k,) by number, of parameters (n, 9)."""
        shares = (values[:, :4] - self.low) / (self.high - self.low)
        edges = (self.interpolator(shares) @ self.components + self.mean).reshape(len(values), 2, -1) / self.least
        gamma, shift, scale, floor, step = values[:, 4:, None].transpose(1, 0, 2)
        narrow = np.exp(-gamma * self.turns)
        total = (edges[:, 0] * narrow + edges[:, 1] * narrow**L2_BROADER) * np.exp(-1j * shift * self.turns)
        return scale * (total @ self.waves[:, points]).real + floor + step * self.steps[points]


def prior(limits: dict[str, tuple[float, float]] | None = None) -> Prior:
    """Return uniform priors over the box of the problem and the scales, some limits replaced."""
    limits = limits or {}
    bounds = {name: dict(zip(("lower", "upper"), own, strict=True)) for name, own in limits.items()}
    return Prior([replace(each, cheap=False, **bounds.get(each.name, {})) for each in (*UNKNOWN, *SCALES)])


@cache
def emulator(wide: bool, spectra: int) -> Emulator:
    """Return the emulator of the whole box, with the limits of the problem or without physical knowledge."""
    low, high = prior(UNPHYSICAL if wide else None).limits
    return Emulator(low[:4], high[:4], spectra)


def refined(particles: Particles, spectra: int) -> Particles:
    """Return the particles with an emulator of their own surroundings, where they fill little of the present one."""
    four = particles.values[:, :4]
    reach = 0.25 * np.ptp(four, axis=0)
    low, high = four.min(0) - reach, four.max(0) + reach
    now = particles.predictor
    share = np.prod(np.minimum(high - low, now.high - now.low) / (now.high - now.low))
    return particles if share > SHRUNK else replace(particles, predictor=Emulator(low, high, spectra))


def disagreement(particles: Particles, predictions: np.ndarray, sigma: np.ndarray, q: int) -> np.ndarray:
    """Choose where a Gaussian process of the measured values and the multiplets' posterior mean differ most.

    The process knows no physics. After each choice it takes the posterior mean as measured, so that a batch spreads.
    """
    expected, axis = predictions.mean(0), ENERGIES[:, None]
    centre, spread = particles.measured.mean(), particles.measured.std()
    model = fit_gp(doubles, axis[particles.points], (particles.measured - centre) / spread, scaled_prior=True)
    chosen: list[int] = []
    for _ in range(q):
        gap = np.abs(model.posterior(axis)[0].detach().numpy() * spread + centre - expected) / sigma
        gap[chosen] = -1.0
        best = int(gap.argmax())
        chosen.append(best)
        model = model.condition(axis[[best]], (expected[[best]] - centre) / spread)
    return np.array(chosen)


def next_points(arm: str, particles: Particles, sigma: np.ndarray, q: int, seed: int) -> np.ndarray:
    """Return the numbers (q,) of the next energies."""
    predictions = particles.predict(np.arange(len(ENERGIES)))
    if arm == "adversarial":
        return disagreement(particles, predictions, sigma, q)
    chooser = {"random": choose_random, "variance": choose_variance}.get(arm, choose)
    return chooser(predictions, sigma, q, seed=seed)


def campaign(
    arm: str, seed: int, most: int, *, spectra: int = SPECTRA, follow: Callable[[Particles], None] | None = None
) -> list[dict]:
    """Measure energy after energy; return what is known after each batch.

    Args:
        arm: A name in `ARMS`. Even scans are measured anew for each number of points, in place of being extended.
        seed: Names the truth, the noise and the particles.
        most: Largest number of points.
        spectra: Of the emulator of the whole box.
        follow: Called with the particles after each batch.
    """
    true = absorption.truth(seed)
    clean = absorption.cobalt_spectrum(true)
    sigma = np.full(len(clean), POINT_NOISE * clean.max())
    rng = np.random.default_rng([6000, seed])
    wide = arm == "unphysical"
    begun = Particles.draw(prior(UNPHYSICAL if wide else None), emulator(wide, spectra), n=PARTICLES, seed=seed)
    everything = np.zeros((PARTICLES, len(ENERGIES)))
    particles, rows = begun, []
    while (n := len(particles.points)) < most:
        if arm == "uniform" or n == 0:
            particles, points = begun, choose_uniform(everything, sigma, n + (SCAN_STEP if n else FIRST))
        else:
            points = next_points(arm, particles, sigma, BATCH, seed=1000 * seed + n)
        values = rng.normal(clean[points], sigma[points])
        particles = particles.update(points, values, sigma[points])
        if arm != "uniform":
            particles = refined(particles, min(spectra, NEARER_SPECTRA))
        if follow is not None:
            follow(particles)
        rows.append(_row(particles, true))
    return rows


def _row(particles: Particles, true: dict[str, float]) -> dict:
    mean, deviation = particles.mean, particles.standard_deviation
    row = {"points": len(particles.points)}
    for name in TOLERANCES:
        row |= {f"off_{name}": mean[name] - true[name], f"sd_{name}": deviation[name]}
    return row | {"off": max(abs(row[f"off_{name}"]) / most for name, most in TOLERANCES.items())}


def campaigns(
    seeds: int, *, arms: tuple[str, ...] = tuple(ARMS), most: int = 72, spectra: int = SPECTRA, compute: bool = True
) -> pd.DataFrame:
    """Return the progress of campaigns, one row per arm, seed and number of points; computed once.

    Args:
        seeds: How many, from 200 on.
        arms: Names in `ARMS`.
        most: Largest number of points; even scans go on to twice as many.
        spectra: Of the emulator of the whole box.
        compute: Whether to compute what is missing.
    """
    wanted = [(seed, arm) for seed in range(FIRST_SEED, FIRST_SEED + seeds) for arm in arms]
    rows = []
    for seed, arm in tqdm(wanted, desc="campaigns", disable=None):
        last, step = (2 * most, SCAN_STEP) if arm == "uniform" else (most, BATCH)
        counts = range(FIRST, last + 1, step)
        found = [KEPT.find(arm=arm, seed=seed, points=n, spectra=spectra) for n in counts]
        if compute and not all(found):
            found = _kept(arm, seed, last, spectra)
        rows += [row for row in found if row]
    return pd.DataFrame(rows, columns=list(KEPT.columns))


def _kept(arm: str, seed: int, most: int, spectra: int) -> list[dict]:
    """Run a campaign and keep its rows."""
    started = time.process_time()
    made = campaign(arm, seed, most, spectra=spectra)
    end = {"seconds": time.process_time() - started, "code": store.code_version()}
    kept = []
    for row in made:
        key = {"arm": arm, "seed": seed, "points": row["points"], "spectra": spectra}
        kept.append(KEPT.get(lambda row=row: row | end, **key))
    return kept


def points_needed(table: pd.DataFrame) -> pd.DataFrame:
    """Return after how many points each campaign has the judged parameters, for good; infinite where never.

    Columns: arm, seed, points (means within tolerance of the truth), known (standard deviations of the posterior at
    half a tolerance or less), most (points that were measured in all).
    """
    deviations = pd.concat([table[f"sd_{name}"] / most for name, most in TOLERANCES.items()], axis=1).max(axis=1)
    table = table.assign(spread=2 * deviations).sort_values("points", kind="stable")
    rows = []
    for (arm, seed), own in table.groupby(["arm", "seed"], sort=False):
        rows.append((arm, seed, *(within_from(own, name) for name in ("off", "spread")), own["points"].max()))
    table = pd.DataFrame(rows, columns=["arm", "seed", "points", "known", "most"])
    return table.fillna({"points": np.inf, "known": np.inf})


def summary(needed: pd.DataFrame) -> pd.DataFrame:
    """Return one row per arm: campaigns that reached the tolerance, and numbers of points over all campaigns.

    Columns: reached, campaigns, median, least, largest (of `points`), known (median); infinite where too few got there.
    """
    arms = needed.groupby("arm", sort=False)
    points = arms["points"]
    columns = {"reached": points.agg(lambda own: int(np.isfinite(own).sum())), "campaigns": points.size()}
    columns |= {"median": points.median(), "least": points.min(), "largest": points.max()}
    return pd.DataFrame(columns | {"known": arms["known"].median()})
