"""Campaigns of every inner loop on every landscape, seed by seed: run, kept, recorded.

    runs.run_all(32)         # computes what neither the record nor the working store holds
    runs.record()            # packs finished runs into data/results

A run is one small file: the compositions proposed after the initial ones, in order, and the CPU seconds that each took.
Outcomes, fronts and hypervolumes are computed again from these. All runs of one seed begin with the same compositions.
"""

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from alloygrad.campaigns.campaign import Campaign
from compendium import store
from compendium.pareto.arms import ARMS
from compendium.pareto.landscapes import FAR, LANDSCAPES, NEAR, Landscape
from compendium.threads import one_thread

BEHAVIOUR = 1
"""Raised when a change of the code changes what a run gives."""

INITIAL, EXPERIMENTS, SEEDS = 50, 100, 32

FIRST_SEED = 100
"""Seeds below it served to choose the defaults."""

INITIAL_POINTS, INNER_LOOP = range(2)  # purposes of random numbers


def run(
    landscape: Landscape, arm: str, seed: int, *, initial: int = INITIAL, experiments: int = EXPERIMENTS
) -> pd.DataFrame:
    """Return a run: experiment, counts of each element, CPU seconds; one row for each proposed composition."""
    space, propose = landscape.space(), ARMS[arm]
    campaign = Campaign(space, list(landscape.objectives), inputs="fractions", seed=seed)
    points = initial_points(landscape, seed, initial)
    campaign.tell(points, landscape.measure(space.fractions(points)))
    rows = []
    for experiment in range(experiments):
        rng = np.random.default_rng([seed, INNER_LOOP, experiment])
        began = time.process_time()
        point = propose(landscape, campaign, rng)
        seconds = time.process_time() - began
        campaign.tell(point[None], landscape.measure(space.fractions(point[None])))
        rows.append((experiment, *point.tolist(), round(seconds, 3)))
    return pd.DataFrame(rows, columns=["experiment", *space.elements, "cpu_seconds"])


def initial_points(landscape: Landscape, seed: int, n: int = INITIAL) -> np.ndarray:
    """Return the first n distinct compositions (n, n_elements) of a seed, the same for all inner loops."""
    rng = np.random.default_rng([seed, INITIAL_POINTS])
    found: dict[tuple, None] = {}
    while len(found) < n:
        found.update(dict.fromkeys(map(tuple, landscape.space().sample(n, rng).tolist())))
    return np.array(list(found)[:n])


def curve(
    landscape: Landscape, table: pd.DataFrame, seed: int, *, below: float = NEAR, initial: int = INITIAL
) -> np.ndarray:
    """Return the share of the true front's hypervolume before the first experiment and after each: (n + 1,)."""
    space = landscape.space()
    counts = np.concatenate([initial_points(landscape, seed, initial), table[list(space.elements)].to_numpy()])
    outcomes = landscape.measure(space.fractions(counts))
    return np.array(
        [
            landscape.share({name: values[:known] for name, values in outcomes.items()}, below)
            for known in range(initial, len(counts) + 1)
        ]
    )


def run_all(
    seeds: int = SEEDS, landscapes: Iterable[str] = LANDSCAPES, arms: Iterable[str] = ARMS, *, progress: bool = True
) -> None:
    """Compute the runs that are missing, seed by seed, so that what is there is paired."""
    wanted = [(name, arm, FIRST_SEED + seed) for seed in range(seeds) for name in landscapes for arm in arms]
    missing = [one for one in wanted if known(*one) is None]
    for name, arm, seed in tqdm(missing, unit="run", disable=not progress):
        with one_thread():
            table = run(LANDSCAPES[name], arm, seed)
        store.write_parquet(_path(name, arm, seed), table.assign(code=store.code_version()), small=True)


def known(landscape: str, arm: str, seed: int) -> pd.DataFrame | None:
    """Return a finished run of the working store or the record, None where there is none."""
    path = _path(landscape, arm, seed)
    if path.exists() and (table := store.read_parquet(path)) is not None:
        return table
    table = recorded(landscape)
    own = table[(table["arm"] == arm) & (table["seed"] == seed)]
    return own.drop(columns=["arm", "seed"]).reset_index(drop=True) if len(own) else None


def recorded(landscape: str) -> pd.DataFrame:
    """Return the recorded runs of a landscape, with columns arm and seed."""
    path = store.RESULTS / f"pareto_{landscape}.parquet"
    if store.is_default() and path.exists() and (table := store.read_parquet(path)) is not None:
        if (table["digest"] == digest(landscape)).all():
            return table.drop(columns="digest")
    return pd.DataFrame(columns=["arm", "seed", "experiment", *LANDSCAPES[landscape].space().elements, "cpu_seconds"])


def record() -> pd.DataFrame:
    """Pack finished runs into `data/results/pareto_*.parquet`; return how many of each."""
    found = []
    for name in LANDSCAPES:
        tables = [recorded(name).assign(digest=digest(name))]
        for path in sorted(folder(name).glob("*.parquet")):
            arm, seed = path.stem.rsplit("-", 1)
            if (table := store.read_parquet(path)) is not None:
                tables.append(table.assign(arm=arm, seed=int(seed), digest=digest(name)))
        table = pd.concat(tables, ignore_index=True)
        table = table.drop_duplicates(["arm", "seed", "experiment"], keep="last")
        table = table.sort_values(["arm", "seed", "experiment"], ignore_index=True)
        store.write_parquet(store.RESULTS / f"pareto_{name}.parquet", table, small=True)
        found.append(table.groupby("arm")["seed"].nunique().rename(name))
    return pd.concat(found, axis=1)


def gather(landscapes: Iterable[str] = LANDSCAPES, *, references: Iterable[float] = (NEAR, FAR)) -> pd.DataFrame:
    """Return the curves of all finished runs: landscape, arm, seed, below, and the share after 0, 1, … experiments."""
    rows = []
    for name in landscapes:
        for arm in ARMS:
            for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
                if (table := known(name, arm, seed)) is not None:
                    rows += [
                        (name, arm, seed, below, *curve(LANDSCAPES[name], table, seed, below=below))
                        for below in references
                    ]
    return pd.DataFrame(rows, columns=["landscape", "arm", "seed", "below", *range(EXPERIMENTS + 1)])


def digest(landscape: str) -> str:
    """Return what names the runs of a landscape."""
    fixed = {"landscape": LANDSCAPES[landscape].describe(), "initial": INITIAL, "experiments": EXPERIMENTS}
    return store.digest({**fixed, "behaviour": BEHAVIOUR})


def folder(landscape: str) -> Path:
    """Return the folder of a landscape's finished runs in the working store."""
    return store.working() / "pareto" / f"{landscape}-{digest(landscape)}"


def _path(landscape: str, arm: str, seed: int) -> Path:
    return folder(landscape) / f"{arm}-{seed}.parquet"
