"""Three-dimensional reconstruction from one image: the number of atoms in each column of a crystal.

One loop between simulation and inference:

1. *Library.* Images of slabs of every thickness. Tilt and lens are those with which each inner column looks like some
   slab; every column then has a cost for each count.
2. *Labelling.* The cheapest counts of which neighbours differ by at most one atom: see `columns.label`.
3. *Multislice of the whole crystal.* Gauss and Newton's steps of tilt, lens and column positions. Columns far apart are
   moved in one pass, since each changes the image near itself only.
4. *Correction.* Each column is tried with one atom more and one fewer, in the same way; the labelling decides. All
   columns together are tried with one more and one fewer. Steps 3 and 4 are repeated until no count changes.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from alloygrad.inverse.simulators.multislice import Multislice
from compendium import store
from compendium.inverse import columns, images
from compendium.inverse.columns import FEWEST, GLOBALS, HALF_A, LAYER_A, MOST, PIXELS, Lattice, State
from compendium.threads import one_thread

RECORD = store.RESULTS / "hrtem_columns.csv"
BEHAVIOUR = 1
"""Raised when a change of the code changes what a reconstruction gives."""

LOW_DOSE = 500.0
"""Electrons per Å² at which one atom more or fewer changes χ² by some 20, not by hundreds."""

PLANNED = [(images.DOSE, True, 20), (images.DOSE, False, 4), (LOW_DOSE, True, 6), (LOW_DOSE, False, 6)]
"""Dose, whether neighbours are constrained, and seeds."""

FIRST_SEED = 200
"""Seeds below it served to tune the search and the grid."""

COLUMNS = [
    "dose", "constrained", "seed", "exact", "largest_error", "library_exact", "reduced", "truth_reduced", "passes",
    "seconds", "counts", "true_counts", "shared", "true_shared", "shift_error_A", "behaviour", "code",
]  # fmt: skip

REACH_A = 2.7
"""A column is held to change the image up to so far from itself."""

PATCH = 8
"""Pixels to each side of a column that are compared with the library."""

TILTS, FOCI = np.linspace(-4, 4, 5), np.linspace(0, 12, 13)
"""Of the library, in mrad and nm."""

STARTS = 2
"""So many points of the library are followed."""

STEPS = np.array([0.02, 0.02, 0.01, 0.01, 0.01, 0.002])
SHIFT_STEP_A = 0.005
"""Steps of the difference quotients, in units of the parameters."""

PRIOR_A = 0.1
"""Standard deviation of the prior on displacements: wide, but a column hardly seen stays where the lattice has it."""

NEVER = 1e9
"""Cost of a count that is not tried."""

LOW, HIGH = np.array([limits[1:] for limits in GLOBALS.values()]).T


@dataclass(frozen=True, eq=False)
class Fit:
    """A state, its image (nx, ny), its beams and its misfit: χ² and the prior on displacements."""

    state: State
    image: np.ndarray
    beams: np.ndarray
    misfit: float


class Reconstruction:
    """The search for the counts behind one image.

    Args:
        lattice: Where columns stand.
        image: The image (nx, ny), in units of the incident intensity.
        sigma: Its standard errors.
        step: How much neighbours may differ; None for no constraint.
    """

    def __init__(self, lattice: Lattice, image: np.ndarray, sigma: np.ndarray, step: int | None = columns.STEP) -> None:
        self.lattice, self.image, self.sigma, self.step = lattice, image, sigma, step
        self.grid, self.passes = lattice.grid(), 0
        self.windows = np.array([lattice.window(c, REACH_A) for c in range(len(lattice.places))])

    def run(self, *, library_calls: int = 300, rounds: int = 8) -> Fit:
        """Return the best fit; `guesses` then holds the states of the library.

        Args:
            library_calls: Most comparisons with the library in each of its searches.
            rounds: Most rounds of descent and correction.
        """
        self.guesses = self.library(library_calls)
        begun = [self.settled(self.fit(state), rounds=1) for state in self.guesses]
        best = min(begun, key=lambda fit: fit.misfit)
        return self.settled(best, rounds=rounds, moving=True)

    # -- the library -----------------------------------------------------------------------------------------------

    @cached_property
    def slab(self) -> Multislice:
        """A slab, periodic across the beam: one rectangle, two layers to each atom of a column."""
        shape = (2 * PIXELS[0], 2 * PIXELS[1])
        return Multislice(tuple(2 * HALF_A), shape, [LAYER_A] * 2, absorption=self.grid.absorption)

    def slab_beams(self, tilt: tuple[float, float]) -> np.ndarray:
        """Return the beams of slabs of every count, (counts, nx, ny), where the thickest one ends."""
        atoms = [
            columns.Atom("Au", (0.0, 0.0, 0.0), columns.B_ISO),
            columns.Atom("Au", (*HALF_A.tolist(), LAYER_A), columns.B_ISO),
        ]
        beams = self.slab.beams(atoms, MOST, tilt_mrad=tilt)[FEWEST - 1 :]
        vacuum = self.slab.beams([], MOST, tilt_mrad=tilt, entering=np.ones(self.slab.shape))
        for behind in range(1, len(beams)):
            beams[-1 - behind] *= vacuum[behind - 1]
        return beams

    @cached_property
    def patches(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights and weighted values of the image about each column, each (n, pixels)."""
        off = np.arange(-PATCH, PATCH + 1)
        x, y = (at[:, None] + off for at in self.lattice.pixels.T)
        values = self.image[x[:, :, None], y[:, None, :]].reshape(len(x), -1)
        weights = self.sigma[x[:, :, None], y[:, None, :]].reshape(len(x), -1) ** -2
        return weights, weights * values

    def costs(self, beams: np.ndarray, shared: np.ndarray) -> np.ndarray:
        """Return χ² of each column's surroundings for each count, (n, counts), less a constant."""
        slabs = self.slab.image(beams, columns.lens(shared))
        off, found = np.arange(-PATCH, PATCH + 1), np.empty((len(self.lattice.places), len(beams)))
        weights, values = self.patches
        for odd in (0, 1):
            own = self.lattice.places[:, 0] % 2 == odd
            x, y = ((odd * n + off) % (2 * n) for n in PIXELS)
            patch = slabs[:, x[:, None], y].reshape(len(beams), -1)
            found[own] = weights[own] @ (patch**2).T - 2 * values[own] @ patch.T
        return found

    def library(self, calls: int) -> list[State]:
        """Return states whose columns look like slabs, the best first; each search makes so many comparisons."""
        inner = np.bincount(self.lattice.neighbours.ravel(), minlength=len(self.windows)) == 6
        middle = (LOW + HIGH) / 2

        def score(shared, beams=None):
            beams = self.slab_beams(tuple(shared[:2])) if beams is None else beams
            return self.costs(beams, shared)[inner].min(1).sum()

        tried = []
        for tilt in product(TILTS, TILTS):
            beams = self.slab_beams(tilt)
            for focus in FOCI:
                shared = np.array([*tilt, focus, *middle[3:]])
                tried.append((score(shared, beams), shared))
        tried.sort(key=lambda pair: pair[0])
        starts = []
        for _, shared in tried:
            if all(abs(shared[2] - other[2]) > 1.5 for other in starts):
                starts.append(shared)
        states = []
        for start in starts[:STARTS]:
            simplex = np.vstack([start, start + np.diag([1, 1, 0.7, 0.7, 0.7, 0.04])])
            options = dict(maxfev=calls, initial_simplex=np.clip(simplex, LOW, HIGH))
            found = minimize(
                score, start, method="Nelder-Mead", bounds=list(zip(LOW, HIGH, strict=True)), options=options
            )
            costs = self.costs(self.slab_beams(tuple(found.x[:2])), found.x)
            counts = FEWEST + columns.label(costs, self.lattice.neighbours, self.step)
            if all((counts != state.counts).any() for state in states):
                states.append(State(counts, np.zeros((len(counts), 2)), found.x))
        return states

    # -- multislice of the whole crystal ---------------------------------------------------------------------------

    def beams(self, state: State) -> np.ndarray:
        """Return the beams (nx, ny) of a state: one pass."""
        self.passes += 1
        atoms = self.lattice.atoms(state.counts, state.shifts)
        return self.grid.beams(atoms, tilt_mrad=tuple(state.shared[:2]))[-1]

    def fit(self, state: State, beams: np.ndarray | None = None) -> Fit:
        """Return the fit of a state, its factor solved for."""
        beams = self.beams(state) if beams is None else beams
        image = self.grid.image(beams, columns.lens(state.shared))
        seen, data = image / self.sigma, self.image / self.sigma
        factor = float((seen * data).sum() / (seen**2).sum())
        misfit = ((factor * seen - data) ** 2).sum() + ((state.shifts / PRIOR_A) ** 2).sum()
        return Fit(replace(state, factor=factor), image, beams, float(misfit))

    def slopes(self, fit: Fit, moving: bool) -> np.ndarray:
        """Return the Jacobian of the image in standard errors, (pixels, 7 or 7 + 2n)."""
        state, found = fit.state, []
        for i, step in enumerate(STEPS):
            shared = state.shared + step * np.eye(len(STEPS))[i] * np.where(state.shared + STEPS > HIGH, -1, 1)
            beams = self.beams(replace(state, shared=shared)) if i < 2 else fit.beams
            found.append((self.grid.image(beams, columns.lens(shared)) - fit.image) / (shared - state.shared)[i])
        found = [state.factor * each for each in found] + [fit.image]
        near = np.empty((len(self.windows), 2, *self.image.shape)) if moving else None
        for axis in range(2 if moving else 0):
            for some in self.lattice.classes:
                shifts = state.shifts.copy()
                shifts[some, axis] += SHIFT_STEP_A
                image = self.grid.image(self.beams(replace(state, shifts=shifts)), columns.lens(state.shared))
                near[some, axis] = self.windows[some] * (image - fit.image) * state.factor / SHIFT_STEP_A
        rows = np.array(found) if near is None else np.concatenate([found, near.reshape(-1, *self.image.shape)])
        return (rows / self.sigma).reshape(len(rows), -1).T

    def descended(self, fit: Fit, moving: bool, steps: int) -> Fit:
        """Return the fit after steps of Levenberg and Marquardt of tilt and lens; of column positions if `moving`."""
        damping = 1e-2
        for _ in range(steps):
            slopes, state = self.slopes(fit, moving), fit.state
            residual = ((state.factor * fit.image - self.image) / self.sigma).ravel()
            matrix, right = slopes.T @ slopes, -slopes.T @ residual
            if moving:
                matrix[7:, 7:] += np.eye(len(matrix) - 7) / PRIOR_A**2
                right[7:] -= state.shifts.ravel() / PRIOR_A**2
            before = fit.misfit
            for _ in range(4):
                step = np.linalg.solve(matrix + damping * np.diag(np.diag(matrix)), right)
                shared = np.clip(state.shared + step[:6], LOW, HIGH)
                shifts = state.shifts + step[7:].reshape(-1, 2) if moving else state.shifts
                trial = self.fit(State(state.counts, shifts, shared))
                if trial.misfit < fit.misfit:
                    fit, damping = trial, damping / 5
                    break
                damping *= 8
            if before - fit.misfit < 1e-4 * before:
                break
        return fit

    # -- corrections -----------------------------------------------------------------------------------------------

    def changes(self, fit: Fit) -> np.ndarray:
        """Return the change of χ² near each column for each count, (n, counts); 0 for its present one."""
        state = fit.state
        found = np.full((len(state.counts), MOST - FEWEST + 1), NEVER)
        found[np.arange(len(found)), state.counts - FEWEST] = 0
        here = ((state.factor * fit.image - self.image) / self.sigma) ** 2
        for more in (-1, 1):
            for some in self.lattice.classes:
                some = some[(state.counts[some] + more >= FEWEST) & (state.counts[some] + more <= MOST)]
                counts = state.counts.copy()
                counts[some] += more
                image = self.grid.image(self.beams(replace(state, counts=counts)), columns.lens(state.shared))
                change = ((state.factor * image - self.image) / self.sigma) ** 2 - here
                found[some, counts[some] - FEWEST] = (self.windows[some] * change).sum((1, 2))
        return found

    def corrected(self, fit: Fit, moving: bool) -> Fit:
        """Return the fit with other counts where that is better, or the same fit."""
        costs = self.changes(fit)
        counts = FEWEST + columns.label(costs, self.lattice.neighbours, self.step)
        if (counts == fit.state.counts).all():
            return fit
        trial = self.descended(self.fit(replace(fit.state, counts=counts)), moving, 1)
        return trial if trial.misfit < fit.misfit else fit

    def offset(self, fit: Fit, moving: bool) -> Fit:
        """Return the best of a fit and of those with one atom more or fewer in all columns."""
        tried = [fit]
        for more in (-1, 1):
            counts = np.clip(fit.state.counts + more, FEWEST, MOST)
            tried.append(self.descended(self.fit(replace(fit.state, counts=counts)), False, 3))
        return min(tried, key=lambda each: each.misfit)

    def settled(self, fit: Fit, rounds: int, moving: bool = False) -> Fit:
        """Return the fit after rounds of descent and correction, at most so many."""
        for _ in range(rounds):
            fit = self.descended(fit, moving, 2 if moving else 3)
            better = self.corrected(self.offset(fit, moving), moving)
            if better is fit:
                break
            fit = better
        return self.descended(fit, moving, 1)


# -- runs on record ----------------------------------------------------------------------------------------------------


@one_thread()
def run(dose: float, constrained: bool, seed: int, lattice: Lattice = columns.CRYSTAL) -> dict:
    """Reconstruct the crystal of a seed; the row of the record."""
    twin, started = columns.twin(seed, lattice, dose), time.process_time()
    search = Reconstruction(twin.lattice, twin.image, twin.sigma, columns.STEP if constrained else None)
    fit = search.run()
    seconds, passes = time.process_time() - started, search.passes
    errors = fit.state.counts - twin.truth.counts
    return {
        "dose": dose,
        "constrained": constrained,
        "seed": seed,
        "exact": float((errors == 0).mean()),
        "largest_error": int(np.abs(errors).max()),
        "library_exact": float((search.guesses[0].counts == twin.truth.counts).mean()),
        "reduced": fit.misfit / twin.image.size,
        "truth_reduced": search.fit(twin.truth).misfit / twin.image.size,
        "passes": passes,
        "seconds": seconds,
        "counts": " ".join(map(str, fit.state.counts)),
        "true_counts": " ".join(map(str, twin.truth.counts)),
        "shared": json.dumps({name: round(value, 4) for name, value in fit.state.values().items()}),
        "true_shared": json.dumps({name: round(value, 4) for name, value in twin.truth.values().items()}),
        "shift_error_A": float(np.sqrt(((fit.state.shifts - twin.truth.shifts) ** 2).mean())),
        "behaviour": BEHAVIOUR,
        "code": store.code_version(),
    }


def runs(planned: Iterable[tuple[float, bool, int]] = PLANNED, *, compute: bool = True) -> pd.DataFrame:
    """Return runs from the record and the working store, and compute what neither holds.

    A run is one file, written when it ends; an interrupted series goes on where it stopped.

    Args:
        planned: Dose, whether neighbours are constrained, and how many seeds.
        compute: Whether to compute what is missing.
    """
    known = recorded()
    known = known[known["behaviour"] == BEHAVIOUR].set_index(["dose", "constrained", "seed"], drop=False)
    rows = []
    for dose, constrained, count in planned:
        for seed in range(FIRST_SEED, FIRST_SEED + count):
            path = folder() / f"{dose:g}-{constrained}-{seed}-{BEHAVIOUR}.json"
            row = store.read_json(path) if path.exists() else None
            if row is None and (key := (dose, constrained, seed)) in known.index:
                row = known.loc[[key]].iloc[0].to_dict()
            if row is None and compute:
                row = run(dose, constrained, seed)
                store.write_json(path, row)
            rows += [row] if row is not None else []
    return pd.DataFrame(rows, columns=COLUMNS)


def recorded() -> pd.DataFrame:
    """Return the recorded runs; empty where there are none."""
    return pd.read_csv(RECORD) if RECORD.exists() else pd.DataFrame(columns=COLUMNS)


def record() -> pd.DataFrame:
    """Pack finished runs into the record; return it."""
    table = runs(compute=False)
    store.write(RECORD, lambda path: table.to_csv(path, index=False, float_format="%.6g"))
    return table


def folder() -> Path:
    """Return the folder of finished runs in the working store."""
    return store.working() / "hrtem_columns"


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per dose and arm: seeds, solved ones, columns exact and off by more than one, passes, seconds.

    Solved: every column within one atom, and 90 % exact.
    """
    rows = []
    for (dose, constrained), own in table.groupby(["dose", "constrained"], sort=False):
        solved = (own["largest_error"] <= 1) & (own["exact"] >= 0.9)
        rows.append(
            {
                "dose (e/Å²)": dose,
                "neighbours constrained": constrained,
                "seeds": len(own),
                "solved": int(solved.sum()),
                "within one atom": int((own["largest_error"] <= 1).sum()),
                "columns exact (%)": 100 * own["exact"].mean(),
                "exact after the library (%)": 100 * own["library_exact"].mean(),
                "passes": own["passes"].median(),
                "seconds": own["seconds"].median(),
            }
        )
    return pd.DataFrame(rows)
