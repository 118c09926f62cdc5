"""Build `sma_noisy.csv`, the example table of notebook 20: python data/examples/build_sma_noisy.py

The table holds no measured alloy. Compositions are random; properties are predictions of the shipped SMA networks plus
normal noise. As in real tables, some rows are wrong or unusual: text in place of a number, a wrong amount, fractions
among percentages, an empty cell, another annealing temperature, two compositions off the grid, one outside the bounds,
and one measured twice.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from compendium.environments import alloys, trained

SEED, ROWS, ELEMENTS = 20, 40, ("Ti", "Ni", "Cu", "Hf")
NOISE = {"enthalpy_J_per_g": 1.0, "martensite_peak_C": 3.0, "austenite_peak_C": 3.0}
"""Standard deviation of one measurement."""


def measure(composition: np.ndarray, rng: np.random.Generator, annealing_K: float) -> np.ndarray:
    """Return the three properties (3,) of one composition at this annealing temperature, with noise."""
    process = {**alloys.SMA.process, "annealing_temperature": annealing_K}
    environment = trained.load(replace(alloys.SMA, process=process), ELEMENTS)
    answer = environment(composition / composition.sum())
    exact = np.array([answer[name] for name in ("enthalpy", "martensite_peak", "austenite_peak")])
    return exact + rng.normal(size=exact.shape) * list(NOISE.values())


def table() -> pd.DataFrame:
    """Return the table, faulty rows included."""
    rng, symbols = np.random.default_rng(SEED), list(ELEMENTS)
    space = alloys.SMA.space(4, step=0.005)
    fractions = space.fractions(space.sample(ROWS, rng))
    rows = pd.DataFrame((100 * fractions).round(1), columns=space.elements)
    rows.loc[[5, 21], symbols] = [[49.7, 44.8, 3.3, 2.2], [50.3, 38.9, 10.6, 0.2]]  # off the grid
    rows.loc[30] = [51.0, 20.0, 22.0, 7.0]  # Cu above its limit
    rows.loc[33] = rows.loc[12]  # measured twice
    rows["annealing_K"] = 1273
    rows.loc[17, "annealing_K"] = 1073
    compositions = rows[symbols].to_numpy(float)
    values = [measure(c, rng, kelvin) for c, kelvin in zip(compositions, rows["annealing_K"], strict=True)]
    rows[list(NOISE)] = np.round(values, 1)
    rows.insert(0, "alloy", [f"A{i:02d}" for i in range(1, len(rows) + 1)])
    rows = rows.astype(object)
    rows.loc[8, "enthalpy_J_per_g"] = "12,4 (?)"
    rows.loc[14, "Ni"] -= 3
    rows.loc[25, symbols] = [x / 100 for x in rows.loc[25, symbols]]
    rows.loc[36, "austenite_peak_C"] = None
    return rows


if __name__ == "__main__":
    table().to_csv(Path(__file__).with_name("sma_noisy.csv"), index=False)
