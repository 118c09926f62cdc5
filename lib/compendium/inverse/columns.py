"""Columns of atoms in a stepped gold crystal along [110], its synthetic image, and the labelling of columns.

All columns begin at the flat entrance face; the exit face is stepped. `reconstruction` finds the number of atoms in
each column from one image.
"""

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from alloygrad.inverse.simulators.multislice import Atom, Lens, Multislice
from compendium.inverse import images

A_A = 4.078
"""Cell of gold in Å (rounded)."""

HALF_A = np.array([A_A / 2, A_A / np.sqrt(8)])
"""Half the rectangle across the beam, along [001] and [1-10]; columns stand at its corners and in its middle."""

PIXELS = (16, 12)
"""Pixels of half a rectangle, of 0.13 and 0.12 Å: columns stand on pixels. With 0.17 Å the model missed the image of a
crystal of known counts by more than the noise (reduced χ² up to 1.6), and one crystal came out too thin."""

LAYER_A = A_A / np.sqrt(8)
"""Distance of atomic layers along [110]; a column has an atom in every second one."""

FEWEST, MOST = 2, 10
STEP = 1
"""Neighbours differ by at most so many atoms."""

GLOBALS = {
    "tilt_x": ("mrad", -4.0, 4.0), "tilt_y": ("mrad", -4.0, 4.0), "C1": ("nm", 0.0, 12.0), "A1_x": ("nm", -2.0, 2.0),
    "A1_y": ("nm", -2.0, 2.0), "spread": ("Å", 0.10, 0.30),
}  # fmt: skip
"""Unit and limits of what all columns share."""

SHIFT_A = 0.05
"""Standard deviation of the displacements of columns along each axis."""

B_ISO = 0.6


@dataclass(frozen=True)
class Lattice:
    """Columns of a crystal of `rows` along [001] and `across` along [1-10], in vacuum.

    Args:
        rows: Columns along x.
        across: Columns along y.
    """

    rows: int = 6
    across: int = 6

    @cached_property
    def places(self) -> np.ndarray:
        """Column positions (n, 2) in half rectangles; x + y is even."""
        i, m = np.indices((self.rows, self.across)).reshape(2, -1)
        return np.stack([i, 2 * m + i % 2], -1)

    @cached_property
    def pixels(self) -> np.ndarray:
        """Column positions (n, 2) in pixels."""
        return (self.places + 2) * PIXELS

    @cached_property
    def neighbours(self) -> np.ndarray:
        """Pairs (m, 2) of nearest columns, 2.5 and 2.9 Å apart."""
        gaps = self.places[:, None] - self.places
        near = ((gaps * HALF_A) ** 2).sum(-1) < 3.0**2
        return np.argwhere(np.triu(near, 1))

    @cached_property
    def classes(self) -> list[np.ndarray]:
        """Columns at least 5.7 Å apart from each other, as lists of numbers."""
        i, y = self.places.T
        label = 2 * (i % 3) + y // 2 % 2
        return [np.flatnonzero(label == each) for each in np.unique(label)]

    @property
    def halves(self) -> tuple[int, int]:
        """Half rectangles of the simulated cell along each side, vacuum of 4 Å around the crystal included."""
        return self.rows + 3, 2 * self.across + 4

    def grid(self, finer: int = 1, absorption: float = images.ABSORPTION) -> Multislice:
        """Return the cell for multislice, with a grid so many times as fine."""
        sides, shape = self.halves * HALF_A, np.array(self.halves) * PIXELS * finer
        slices = [LAYER_A] * (2 * MOST)
        return Multislice(tuple(sides), tuple(map(int, shape)), slices, absorption=absorption, single=finer == 1)

    def window(self, column: int, reach_A: float) -> np.ndarray:
        """Return which pixels (nx, ny) lie near a column."""
        x, y = (np.arange(half * n) for half, n in zip(self.halves, PIXELS, strict=True))
        off_x, off_y = (np.stack(np.meshgrid(x, y, indexing="ij"), -1) - self.pixels[column]).T * (HALF_A / PIXELS)[
            :, None, None
        ]
        return (off_x**2 + off_y**2).T < reach_A**2

    def atoms(self, counts: np.ndarray, shifts: np.ndarray, b_iso: float = B_ISO) -> list[Atom]:
        """Return the atoms of columns with these counts (n,), displaced by shifts (n, 2) in Å."""
        at = (self.places + 2) * HALF_A + shifts
        return [
            Atom("Au", (x, y, (2 * k + i % 2) * LAYER_A), b_iso)
            for (x, y), (i, _), count in zip(at.tolist(), self.places.tolist(), counts, strict=True)
            for k in range(int(count))
        ]


CRYSTAL = Lattice()
"""36 columns."""


@dataclass(frozen=True, eq=False)
class State:
    """Counts (n,), shifts (n, 2) in Å and shared parameters (6,) of a crystal; the factor of its image."""

    counts: np.ndarray
    shifts: np.ndarray
    shared: np.ndarray
    factor: float = 1.0

    def values(self) -> dict[str, float]:
        """Return the shared parameters by name."""
        return dict(zip(GLOBALS, self.shared.tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class Twin:
    """A synthetic image (nx, ny) with its standard errors, and what it was made of."""

    lattice: Lattice
    image: np.ndarray
    sigma: np.ndarray
    truth: State


def lens(shared: np.ndarray, **options: float) -> Lens:
    """Return the lens of shared parameters (6,)."""
    _, _, C1, A1_x, A1_y, spread = shared.tolist()
    return Lens(C1, (A1_x, A1_y), image_spread_A=spread, **(images.LENS | options))


def surface(lattice: Lattice, rng: np.random.Generator) -> np.ndarray:
    """Return counts (n,) of a rough wedge: a random plane and noise, cut to steps of at most `STEP`."""
    at = lattice.places * HALF_A
    slope = rng.uniform(-0.35, 0.35, 2)
    level = rng.uniform(FEWEST + 1.5, MOST - 1.5) + (at - at.mean(0)) @ slope + rng.normal(0, 1, len(at))
    counts = np.clip(np.rint(level), FEWEST, MOST).astype(int)
    for _ in range(MOST):
        for one, other in np.concatenate([lattice.neighbours, lattice.neighbours[:, ::-1]]):
            counts[one] = min(counts[one], counts[other] + STEP)
    return counts


@cache
def twin(seed: int, lattice: Lattice = CRYSTAL, dose: float = images.DOSE) -> Twin:
    """Return the synthetic image of a seed.

    What the model does not know: as in `images.titanate`.

    Args:
        seed: Names the surface, the displacements, tilt and lens, and the noise.
        lattice: Where columns stand.
        dose: Electrons per Å².
    """
    rng = np.random.default_rng([3100, seed])
    counts = surface(lattice, rng)
    shifts = SHIFT_A * np.clip(rng.normal(size=(len(counts), 2)), -2, 2)
    low, high = np.array([limits[1:] for limits in GLOBALS.values()]).T
    truth = State(counts, shifts, low + (high - low) * rng.uniform(0.1, 0.9, len(low)))
    fine = lattice.grid(2, 0.035)
    beams = fine.beams(lattice.atoms(counts, shifts, 0.57), tilt_mrad=tuple(truth.shared[:2]))[-1]
    other = dict(Cs_um=-15.1, focal_spread_nm=2.1, convergence_mrad=0.1)
    image = images.in_pixels(fine, fine.image(beams, lens(truth.shared, **other)))
    electrons = dose * np.prod(HALF_A / PIXELS)
    counted = rng.poisson(image * electrons) / electrons
    return Twin(lattice, counted, np.sqrt(np.maximum(counted, 1 / electrons) / electrons), truth)


# -- labelling ---------------------------------------------------------------------------------------------------------


def label(costs: np.ndarray, neighbours: np.ndarray, step: int | None = STEP) -> np.ndarray:
    """Return the labels (n,) of least total cost of which neighbours differ by at most `step`.

    The unknowns say whether column c has a label of at least k, k = 1 … K − 1. Each constraint says that one of them is
    at most another, so that the vertices of the linear programme are whole.

    Args:
        costs: Cost (n, K) of each label.
        neighbours: Pairs (m, 2).
        step: None for no constraint.

    Raises:
        ValueError: No labels satisfy the constraint.
    """
    if step is None:
        return costs.argmin(1)
    n, size = costs.shape
    number = np.arange(n * (size - 1)).reshape(n, size - 1)
    lower = [number[:, 1:].ravel()]
    upper = [number[:, :-1].ravel()]
    for one, other in (neighbours.T, neighbours[:, ::-1].T):
        lower.append(number[one, step:].ravel())  # at least k + step here …
        upper.append(number[other, : size - 1 - step].ravel())  # … means at least k there
    lower, upper = np.concatenate(lower), np.concatenate(upper)
    row = np.arange(len(lower))
    matrix = coo_array(
        (np.repeat([1.0, -1.0], len(row)), (np.tile(row, 2), np.concatenate([lower, upper]))), (len(row), number.size)
    )
    found = linprog(np.diff(costs).ravel(), matrix, np.zeros(len(row)), bounds=(0, 1), method="highs-ds")
    if found.x is None:
        raise ValueError(f"Expected labels of which neighbours differ by at most {step}; there are none.")
    return np.rint(found.x).reshape(n, size - 1).sum(1).astype(int)
