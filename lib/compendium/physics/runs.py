"""Campaigns on the oracle: how much of the best known front is found within 150 evaluations.

    runs.run_all(24)         # computes what neither the record nor the working store holds
    runs.record()            # packs front and finished runs into data/results/physics

    campaign   `ag.Campaign` with its defaults for two aims (log EHVI), models of the fractions
    random     random alloys

Both begin with the same fifty random alloys. A run is one small file: the alloys measured after these, in order, and
the CPU seconds that each took.

The criterion, written before any run: at least 95 % of the front's hypervolume after 150 evaluations, in the median of
at least 24 seeds.
"""

import time
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from alloygrad.campaigns.campaign import Campaign
from compendium import store
from compendium.physics import elements, fronts, oracle
from compendium.threads import one_thread

INITIAL, EXPERIMENTS, SEEDS = 50, 100, 24
FIRST_SEED = 100
ARMS = ("campaign", "random")

BEHAVIOUR = 1
"""Raised when a change of the code changes what a run gives."""

INITIAL_ALLOYS, RANDOM_ALLOYS = range(2)  # purposes of random numbers


def run(arm: str, seed: int, *, initial: int = INITIAL, experiments: int = EXPERIMENTS) -> pd.DataFrame:
    """Return a run: experiment, at.% of each element, CPU seconds; one row for each alloy after the initial ones."""
    propose, rows = {"campaign": _suggested, "random": _random}[arm](seed, initial), []
    for experiment in range(experiments):
        began = time.process_time()
        point = next(propose)
        rows.append((experiment, *point.tolist(), round(time.process_time() - began, 3)))
    return pd.DataFrame(rows, columns=["experiment", *elements.SYMBOLS, "cpu_seconds"])


def initial_alloys(seed: int, n: int = INITIAL) -> np.ndarray:
    """Return the n random alloys (n, 10), as counts, that all runs of a seed begin with."""
    return elements.space().sample(n, np.random.default_rng([seed, INITIAL_ALLOYS]))


def curve(table: pd.DataFrame, seed: int, yardstick: fronts.Yardstick, *, initial: int = INITIAL) -> np.ndarray:
    """Return the share of the front's hypervolume before the first experiment of a run and after each: (n + 1,)."""
    counts = np.concatenate([initial_alloys(seed, initial), table[list(elements.SYMBOLS)].to_numpy()])
    values = fronts.utilities(counts)
    return np.array([yardstick.share(values[: initial + done]) for done in range(len(table) + 1)])


def run_all(seeds: int = SEEDS, *, progress: bool = True) -> None:
    """Compute the runs that are missing, seed by seed, so that what is there is paired."""
    wanted = [(arm, FIRST_SEED + seed) for seed in range(seeds) for arm in ARMS]
    for arm, seed in tqdm([one for one in wanted if known(*one) is None], unit="run", disable=not progress):
        with one_thread():
            table = run(arm, seed)
        store.write_parquet(_path(arm, seed), table.assign(code=store.code_version()), small=True)


def known(arm: str, seed: int) -> pd.DataFrame | None:
    """Return a finished run of the working store or the record, None where there is none."""
    if (table := store.read_parquet(_path(arm, seed))) is not None:
        return table
    if not store.is_default() or not record_path().exists():
        return None
    packed = store.read_parquet(record_path())
    own = packed[(packed["arm"] == arm) & (packed["seed"] == seed)]
    return own.drop(columns=["arm", "seed"]).reset_index(drop=True) if len(own) else None


def gather(seeds: int = SEEDS, search: fronts.Search = fronts.PAPER) -> pd.DataFrame:
    """Return arm, seed and the share after 0, 1, … experiments of all finished runs."""
    columns = ["arm", "seed", *range(EXPERIMENTS + 1)]
    found = {(arm, FIRST_SEED + seed): known(arm, FIRST_SEED + seed) for arm in ARMS for seed in range(seeds)}
    found = {key: table for key, table in found.items() if table is not None}
    yardstick = fronts.Yardstick.of(fronts.best_known(search)) if found else None
    return pd.DataFrame([(*key, *curve(table, key[1], yardstick)) for key, table in found.items()], columns=columns)


def record() -> pd.Series:
    """Pack front and finished runs into `data/results/physics`; return how many seeds of each arm."""
    front = fronts.best_known()
    store.write(fronts.record_path(), lambda path: front.to_csv(path, index=False, float_format="%.6g"))
    found = [
        table.assign(arm=arm, seed=FIRST_SEED + seed)
        for arm in ARMS
        for seed in range(SEEDS)
        if (table := known(arm, FIRST_SEED + seed)) is not None
    ]
    packed = pd.concat(found, ignore_index=True)
    store.write_parquet(record_path(), packed.astype({"cpu_seconds": np.float32}), small=True)
    return packed.groupby("arm")["seed"].nunique()


def digest() -> str:
    """Return what names the runs."""
    return store.digest({**fronts.describe(), "initial": INITIAL, "experiments": EXPERIMENTS, "runs": BEHAVIOUR})


def record_path() -> Path:
    """Return where finished runs are recorded."""
    return store.RESULTS / "physics" / f"runs-{digest()}.parquet"


def _path(arm: str, seed: int) -> Path:
    return store.working() / "physics" / f"runs-{digest()}" / f"{arm}-{seed}.parquet"


def _suggested(seed: int, initial: int):
    """Alloys that a campaign suggests, one at a time, each measured before the next."""
    space = elements.space()
    campaign = Campaign(space, list(fronts.OBJECTIVES), inputs="fractions", seed=seed)
    points = initial_alloys(seed, initial)
    while True:
        campaign.tell(points, oracle.measure(space.fractions(points)))
        points = campaign.ask()[0].point[None]
        yield points[0]


def _random(seed: int, initial: int):
    rng = np.random.default_rng([seed, RANDOM_ALLOYS])
    while True:
        yield elements.space().sample(1, rng)[0]
