"""Build `hea_two_properties.csv`, the example of notebook 21: python data/examples/build_hea_two_properties.py

The table holds no measured alloy. Compositions are random, in weeks; properties are predictions of the shipped HEA
networks plus normal noise, which is stated for the yield strength: single tests scatter more than means of four. Some
rows are as laboratories write them: a note behind a formula, a limit in place of a number, two alloys under way.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from alloygrad.spaces import CompositionSpace
from alloygrad.spaces.composition import formula
from compendium.environments import alloys, trained

SEED, ROWS, ELEMENTS = 21, 30, ("Al", "Cr", "Fe", "Co", "Ni")
BOUNDS = {"Al": (0, 16), "Cr": (5, 35), "Fe": (5, 45), "Co": (5, 45), "Ni": (5, 45)}
MEAN_MPa, SINGLE_MPa, ELONGATION = 15.0, 60.0, 2.0
"""Standard deviations: of a mean of four tensile tests, of a single one, and of the elongation in per cent."""


def table() -> pd.DataFrame:
    """Return the table, unusual rows included."""
    rng = np.random.default_rng(SEED)
    space = CompositionSpace(BOUNDS, step=1)
    shares = 100 * space.fractions(space.sample(ROWS + 2, rng))
    environment = trained.load(alloys.HEA, ELEMENTS)
    found = environment(shares / 100)
    std = np.where(rng.random(ROWS + 2) < 0.3, SINGLE_MPa, MEAN_MPa)
    rows = pd.DataFrame({"alloy": [formula(ELEMENTS, row) for row in shares]}).astype(object)
    rows["week"] = np.repeat([1, 2, 3, 4], [14, 8, 8, 2])
    rows["yield_MPa"] = (found["yield_strength"] + std * rng.normal(size=len(rows))).round().astype(int)
    rows["yield_std_MPa"] = std.astype(int)
    elongation = np.maximum(found["elongation"] + ELONGATION * rng.normal(size=len(rows)), 0.2)
    rows["elongation_percent"] = elongation.round(1)
    rows = rows.astype(object)
    rows.loc[9, "alloy"] += " (as cast)"
    rows.loc[17, "elongation_percent"] = "<1"
    rows.loc[ROWS:, ["yield_MPa", "yield_std_MPa", "elongation_percent"]] = None
    return rows


if __name__ == "__main__":
    table().to_csv(Path(__file__).with_name("hea_two_properties.csv"), index=False)
