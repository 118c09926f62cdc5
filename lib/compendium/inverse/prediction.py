"""What recovered surfaces of Ag(100) predict of the measurement that was not fitted: one row a run, computed once."""

import json
from collections.abc import Mapping

import pandas as pd
from tqdm import tqdm

from compendium import store
from compendium.inverse import checks, race, surface
from compendium.running.kept import Kept

SEVEN_BEAMS = ("(1,0)", "(1,1)", "(2,0)", "(2,1)", "(2,2)", "(3,0)", "(3,1)")
"""Beams of the criterion; of the first four the energies up to 250 eV were fitted."""

L_MAX, STEP_EV, MOST_EV = 10, 4.0, 450.0

KEPT = Kept(
    "inverse_leed_predictions",
    ("problem", "seed", "behaviour"),
    ("problem", "seed", "fit", "seven", "unseen", "behaviour", "code"),
)


def predicted(problem: str, seeds: int, *, compute: bool = True) -> pd.DataFrame:
    """Return how well each structure that the default searcher found predicts, one row per seed.

    Args:
        problem: "leed_ag100", or "leed_ag100_converged".
        seeds: How many searches.
        compute: Whether to compute what is missing.

    Returns:
        Columns: problem, seed; R factors fit (of the fit itself), seven (seven beams to 450 eV) and unseen
        (every point that was not fitted), both with l_max = 10; behaviour and code.
    """
    runs = race.race([problem], ["hybrid"], seeds=seeds, compute=compute)
    rows = []
    for run in tqdm(list(runs.to_dict("records")), desc="predictions", disable=None):
        key = {name: run[name] for name in KEPT.keys}
        if compute and race.available(problem):
            rows.append(KEPT.get(lambda run=run: judged(run), **key))
        elif (row := KEPT.find(**key)) is not None:
            rows.append(row)
    return pd.DataFrame(rows, columns=list(KEPT.columns))


def judged(run: Mapping) -> dict:
    """Return the R factors of a run of the race."""
    curves = checks.silver_curves(json.loads(run["values"]), L_MAX, STEP_EV, MOST_EV)
    seven = checks.r_factors(curves[curves["beam"].isin(SEVEN_BEAMS)])
    unseen = checks.r_factors(curves[~curves["fitted"]])
    return {
        "fit": run["off"] * surface.MOST_R_FACTOR,
        "seven": float(seven["r_p"].iloc[-1]),
        "unseen": float(unseen["r_p"].iloc[-1]),
        "code": store.code_version(),
    }
