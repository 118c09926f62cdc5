"""How near the default comes to the maximum of log EHVI: states of finished runs, against enumeration.

A state is what a run of the default knew after some experiments. The whole grid is enumerated there, which takes
seconds; the default's pick must have at least 99 % of the largest expected hypervolume improvement.
"""

import time

import numpy as np
import pandas as pd
from tqdm import tqdm

from alloygrad.campaigns.campaign import Campaign
from alloygrad.maximisers import maximise
from compendium import store
from compendium.pareto import runs
from compendium.pareto.arms import DEFAULT
from compendium.pareto.landscapes import LANDSCAPES, Landscape
from compendium.threads import one_thread

AFTER = (0, 25, 50, 75)
"""Experiments after which a state is taken."""

SEEDS = 9
"""Seeds of each landscape whose states are taken: 3 × 9 × 4 = 108 states."""

NEAR_ENOUGH = 0.99
"""Share of the largest expected improvement."""


def state(landscape: Landscape, seed: int, after: int) -> Campaign:
    """Return the campaign of a finished run of the default after some experiments.

    Raises:
        ValueError: The run is not finished.
    """
    table, space = runs.known(landscape.name, DEFAULT, seed), landscape.space()
    if table is None:
        raise ValueError(
            f"Expected a finished run of {DEFAULT!r} on {landscape.name!r} with seed {seed}; there is none. Compute it "
            "with runs.run_all."
        )
    counts = table[list(space.elements)].to_numpy(dtype=np.int64)[:after]
    points = np.concatenate([runs.initial_points(landscape, seed), counts])
    campaign = Campaign(space, list(landscape.objectives), inputs="fractions", seed=seed)
    campaign.tell(points, landscape.measure(space.fractions(points)))
    return campaign


def gap(landscape: Landscape, seed: int, after: int) -> dict:
    """Return one state: the pick's log EHVI, the largest of the grid, their ratio of EHVI, CPU seconds of the pick."""
    campaign = state(landscape, seed, after)
    rng, acquire = np.random.default_rng([seed, after]), campaign.acquire()
    began = time.process_time()
    pick = maximise(acquire, campaign.space, exclude=campaign.points, rng=rng, options=campaign.options)
    seconds = time.process_time() - began
    best = maximise(acquire, campaign.space, "enumeration", exclude=campaign.points)
    return {
        "landscape": landscape.name,
        "seed": seed,
        "after": after,
        "log_ehvi": pick.value,
        "largest": best.value,
        "share": float(np.exp(min(pick.value - best.value, 0.0))),
        "cpu_seconds": round(seconds, 3),
        "code": store.code_version(),
    }


def gaps(*, compute: bool = True) -> pd.DataFrame:
    """Return all states, from the working store where they are kept; states of runs that are missing are left out."""
    wanted = [(name, runs.FIRST_SEED + seed, after) for seed in range(SEEDS) for name in LANDSCAPES for after in AFTER]
    rows = []
    for name, seed, after in tqdm(wanted, unit="state", disable=not compute):
        path = store.working() / "pareto_states" / f"{name}-{runs.digest(name)}-{seed}-{after}.json"
        row = store.read_json(path) if path.exists() else None
        if row is None and compute and runs.known(name, DEFAULT, seed) is not None:
            with one_thread():
                row = gap(LANDSCAPES[name], seed, after)
            store.write_json(path, row)
        rows += [row] if row is not None else []
    return pd.DataFrame(rows)
