"""Campaigns of every inner loop on every landscape, seed by seed: run, kept, recorded.

    runs.run_all(32)         # computes what neither the record nor the working store holds
    runs.record()            # packs finished runs into data/results

A run is one small file: the compositions proposed after the initial ones, in order, and the CPU seconds that each took.
Outcomes and hypervolumes follow from these; the record holds the latter too, because they take longer to compute than
to read. All runs of one seed begin with the same compositions.
"""

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from alloygrad.campaigns.campaign import Campaign
from alloygrad.objectives import non_dominated
from compendium import store
from compendium.pareto.arms import ARMS
from compendium.pareto.landscapes import FAR, LANDSCAPES, NEAR, Landscape, front_file
from compendium.threads import one_thread

BEHAVIOUR = 2
"""Raised when a change of the code changes what a run gives."""

INITIAL, EXPERIMENTS, SEEDS = 50, 100, 32

FIRST_SEED = 100
"""Seeds below it served to choose the defaults."""

SHARES = {"near": NEAR, "far": FAR}
"""Columns of a recorded run, the share of the front's hypervolume after each experiment, and their reference points."""

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
    y = landscape.utilities(landscape.measure(space.fractions(counts)))
    front = y[:initial][non_dominated(y[:initial])]
    shares = [landscape.share_of(front, below)]
    for row in y[initial:]:
        if (front >= row).all(1).any():  # adds nothing
            shares.append(shares[-1])
            continue
        front = np.concatenate([front[~(row >= front).all(1)], row[None]])
        shares.append(landscape.share_of(front, below))
    return np.array(shares)


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
    if (table := store.read_parquet(_path(landscape, arm, seed))) is not None:
        return table
    return recorded(landscape).get((arm, seed))


def finished(landscape: str) -> dict[tuple[str, int], pd.DataFrame]:
    """Return all finished runs of the working store and the record, by inner loop and seed."""
    found = recorded(landscape)
    for path in sorted(folder(landscape).glob("*.parquet")):
        arm, seed = path.stem.rsplit("-", 1)
        if (arm, int(seed)) not in found and (table := store.read_parquet(path)) is not None:
            found[arm, int(seed)] = table
    return found


def recorded(landscape: str) -> dict[tuple[str, int], pd.DataFrame]:
    """Return the recorded runs of a landscape by inner loop and seed; they have the columns of `SHARES` too."""
    table = store.read_parquet(_record(landscape)) if store.is_default() and _record(landscape).exists() else None
    groups = [] if table is None else table.groupby(["arm", "seed"], sort=False)
    return {key: own.reset_index(drop=True) for key, own in groups}


def record() -> pd.DataFrame:
    """Pack finished runs and the fronts into `data/results/fronts`; return how many seeds of each inner loop."""
    counts = {}
    for name, landscape in LANDSCAPES.items():
        store.write_parquet(store.RESULTS / "fronts" / front_file(landscape), landscape.kept_front(), small=True)
        packed = [_packed(landscape, *key, table) for key, table in sorted(finished(name).items())]
        if packed:
            table = pd.concat(packed, ignore_index=True)
            store.write_parquet(_record(name), table, small=True)
            counts[name] = table.groupby("arm")["seed"].nunique()
    return pd.DataFrame(counts)


def _packed(landscape: Landscape, arm: str, seed: int, table: pd.DataFrame) -> pd.DataFrame:
    """A run as it is recorded: with its shares, few digits, and what names it."""
    shares = {name: table[name] if name in table else _shares(landscape, table, seed, name)[1:] for name in SHARES}
    kinds: dict[str, type] = dict.fromkeys(["experiment", *landscape.space().elements], np.int16)
    kinds |= dict.fromkeys(["cpu_seconds", *SHARES], np.float32)
    return table.assign(**shares).astype(kinds).assign(arm=arm, seed=np.int16(seed))


def _shares(landscape: Landscape, table: pd.DataFrame, seed: int, name: str) -> np.ndarray:
    """The curve (n + 1,) of a run; of a recorded one only its first value is computed."""
    if name not in table:
        return curve(landscape, table, seed, below=SHARES[name])
    return np.append(curve(landscape, table[:0], seed, below=SHARES[name]), table[name])


def gather(landscapes: Iterable[str] = LANDSCAPES, *, references: Iterable[str] = SHARES) -> pd.DataFrame:
    """Return the curves of all finished runs: landscape, arm, seed, below, and the share after 0, 1, … experiments."""
    rows = []
    for landscape in landscapes:
        found = finished(landscape)
        order = [(arm, FIRST_SEED + seed) for arm in ARMS for seed in range(SEEDS)]
        for arm, seed in filter(found.__contains__, order):
            for name in references:
                shares = _shares(LANDSCAPES[landscape], found[arm, seed], seed, name)
                rows.append((landscape, arm, seed, SHARES[name], *shares))
    return pd.DataFrame(rows, columns=["landscape", "arm", "seed", "below", *range(EXPERIMENTS + 1)])


def covered(landscape: Landscape, arm: str, within: float = 0.03) -> pd.DataFrame:
    """Return the true front, and of each of its alloys the share of an inner loop's finished runs that come near it.

    A run comes near an alloy with one of its own, the initial ones included, that is at most `within` of the front's
    range worse in every objective. Further column: covered.
    """
    front, space, near = landscape.front(), landscape.space(), []
    best = landscape.utilities({name: front[name].to_numpy() for name in front})
    for (own, seed), table in finished(landscape.name).items():
        if own == arm:
            counts = np.concatenate([initial_points(landscape, seed), table[list(space.elements)].to_numpy()])
            y = landscape.utilities(landscape.measure(space.fractions(counts)))
            near.append((y >= best[:, None] - within).all(-1).any(1))
    return front.assign(covered=np.mean(near, axis=0) if near else np.nan)


def seconds(landscapes: Iterable[str] = LANDSCAPES) -> pd.DataFrame:
    """Return the mean CPU seconds of an experiment of all finished runs: landscape, arm, cpu_seconds, n."""
    rows = [
        (landscape, arm, float(table["cpu_seconds"].mean()))
        for landscape in landscapes
        for (arm, _), table in finished(landscape).items()
    ]
    table = pd.DataFrame(rows, columns=["landscape", "arm", "cpu_seconds"]).groupby(["landscape", "arm"], sort=False)
    return table.agg(cpu_seconds=("cpu_seconds", "mean"), n=("cpu_seconds", "size")).reset_index()


def digest(landscape: str) -> str:
    """Return what names the runs of a landscape."""
    fixed = {"landscape": LANDSCAPES[landscape].describe(), "initial": INITIAL, "experiments": EXPERIMENTS}
    return store.digest({**fixed, "behaviour": BEHAVIOUR})


def folder(landscape: str) -> Path:
    """Return the folder of a landscape's finished runs in the working store."""
    return store.working() / "pareto" / f"{landscape}-{digest(landscape)}"


def _path(landscape: str, arm: str, seed: int) -> Path:
    return folder(landscape) / f"{arm}-{seed}.parquet"


def _record(landscape: str) -> Path:
    return store.RESULTS / "fronts" / f"runs-{landscape}-{digest(landscape)}.parquet"
