"""Build `my_spectrum.csv`, the example data of notebook 50: python data/examples/build_my_spectrum.py

Two Gaussian peaks on a sloping background, counted once: each value is a Poisson number. Nothing here was measured.
"""

from pathlib import Path

import numpy as np
import pandas as pd

SEED = 50
TRUTH = {"c1": 4.2, "w1": 0.35, "c2": 5.6, "w2": 0.6, "h": 0.5}
"""Centres and widths (standard deviations) in eV; height of the second peak over that of the first."""


def table() -> pd.DataFrame:
    """Return the spectrum: energies in eV, counts and their standard errors."""
    energies = np.linspace(0, 10, 201)
    peaks = [np.exp(-(((energies - TRUTH[f"c{i}"]) / TRUTH[f"w{i}"]) ** 2) / 2) for i in (1, 2)]
    expected = 200 * (peaks[0] + TRUTH["h"] * peaks[1]) + 30 + 4 * energies
    counts = np.random.default_rng(SEED).poisson(expected)
    sigma = np.sqrt(np.maximum(counts, 1)).round(3)
    return pd.DataFrame({"energy_eV": energies.round(2), "counts": counts, "sigma": sigma})


if __name__ == "__main__":
    table().to_csv(Path(__file__).with_name("my_spectrum.csv"), index=False)
