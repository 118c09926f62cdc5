"""Campaigns on pools: 20 random candidates, then ten batches of eight; how many of the ten best are found.

    discovery.compute(["crossed_barrel"], ["ensemble", "gp_ei"], seeds=4)    # what is neither recorded nor stored
    discovery.KEPT.record()                                                  # the coordinator, at the end

A run is one row of `data/results/fusion_discovery.csv`. Seeds below `FIRST_SEED` served to tune the ensemble, and on
the pools in `TUNING` alone; they are not used here.

The criterion of the ablation, written before its runs, over all its pools and seeds: a learner or a term earns its
place where the ensemble finds less of the ten best without it, and one that was left out would earn it where the
ensemble finds more with it, each by a 95 % interval of the mean of paired differences.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import hypergeom

from alloygrad import Pool
from compendium import store
from compendium.fusion import arms, pools
from compendium.judging.statistics import paired
from compendium.running.kept import Kept, by_seed, unrolled

TUNING = ("crossed_barrel", "oer_plate_3496", "mmli_opv", "jdft2d", "dielectric", "esol")
"""Pools on which the ensemble was tuned, named before."""

JUDGED = ("oer_plate_4098", "hplc", "perovskites", "stability", "buchwald", "alloys_sma")
"""The other pools of the criterion."""

INITIAL, BATCHES, BATCH, TOP = 20, 10, 8, 10
SEEDS, FIRST_SEED = 20, 100
BEHAVIOUR = 2
"""Raised when a change of the code changes what a run gives."""

KEYS = ("pool", "arm", "seed", "behaviour")
KEPT = Kept("fusion_discovery", KEYS, (*KEYS, "found", "entropy", "gains", "seconds", "code"))
"""found: of the ten best, after 0 … 10 batches; entropy: of where the best is, in nats, before each batch; gains: of
the learners at the end; seconds: of processor time for a batch."""


@cache
def space(pool: str) -> tuple[Pool, np.ndarray]:
    """Return a pool as a space, and the utilities (n,) of its candidates."""
    task = pools.load(pool)
    return Pool(task.candidates), task.utilities[:, 0]


def among_best(utilities: np.ndarray, rows: Sequence[int] | np.ndarray) -> int:
    """Return how many of the ten best candidates are among rows; candidates that tie with the tenth count up to ten."""
    tenth = np.partition(utilities, -TOP)[-TOP]
    return min(TOP, int((utilities[np.asarray(rows)] >= tenth).sum()))


def run(pool: str, arm: str, seed: int) -> dict:
    """Run one campaign; the columns of its row beyond the keys."""
    candidates, utilities = space(pool)
    rows = list(np.random.default_rng([1000, seed]).choice(candidates.size, INITIAL, replace=False))
    found, entropies, gains, started = [among_best(utilities, rows)], [], {}, time.process_time()
    for number in range(BATCHES):
        chosen = arms.CHOOSERS[arm](
            candidates, np.array(rows), utilities[rows], rng=np.random.default_rng([seed, number])
        )
        rows += [int(row) for row in chosen.rows]
        found.append(among_best(utilities, rows))
        entropies.append(round(chosen.entropy, 3))
        gains = {name: round(gain, 3) for name, gain in chosen.gains.items()}
    assert len(set(rows)) == INITIAL + BATCHES * BATCH, f"{arm} measured a candidate of {pool} twice"
    return {
        "found": " ".join(map(str, found)),
        "entropy": " ".join(map(str, entropies)),
        "gains": " ".join(f"{name}:{gain}" for name, gain in gains.items()),
        "seconds": round((time.process_time() - started) / BATCHES, 3),
        "code": store.code_version(),
    }


def compute(
    names: Iterable[str], chosen: Sequence[str], *, seeds: int = SEEDS, compute_missing: bool = True
) -> pd.DataFrame:
    """Return the rows of all runs, seed by seed, computing what is missing where its files can be had.

    Args:
        names: Pools with one target.
        chosen: Names in `arms.CHOOSERS`.
        seeds: How many.
        compute_missing: Whether to compute; otherwise only what is recorded or stored is returned.
    """

    def make(key):
        return run(key["pool"], key["arm"], key["seed"]) if pools.available(key["pool"]) else None

    numbers = range(FIRST_SEED, FIRST_SEED + seeds)
    return by_seed(KEPT, names, chosen, numbers, BEHAVIOUR, make, compute_missing=compute_missing)


def curves(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per pool, arm, seed and batch: found of the ten best, and `met` whether any was."""
    table = unrolled(runs, ["pool", "arm", "seed"], "found", int)
    return table.assign(met=table["found"] > 0)


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per pool and arm: found, shares of seeds that met any, ≥ 5 and all of the ten best, first hit.

    first: the mean number of the batch in which one of the ten best is met; 11 where none is. share: of seeds that met
    one in fewer than ten batches.
    """
    table = curves(runs)
    rows = []
    for (pool, arm), own in table.groupby(["pool", "arm"], sort=False):
        wide = own.pivot(index="seed", columns="batch", values="found")
        hit = (wide > 0).to_numpy()
        first = np.where(hit.any(1), hit.argmax(1), BATCHES + 1)
        last = wide[BATCHES]
        rows.append({
            "pool": pool, "arm": arm, "seeds": len(wide), "found": last.mean(), "share": (first < BATCHES).mean(),
            "half": (last >= TOP // 2).mean(), "all": (last == TOP).mean(), "first": first.mean(),
        })  # fmt: skip
    columns = ["pool", "arm", "seeds", "found", "share", "half", "all", "first"]
    return pd.DataFrame(rows, columns=columns)


def last(runs: pd.DataFrame) -> pd.DataFrame:
    """Return how many of the ten best are found in the end: pools and seeds × arms, NaN where an arm lacks a seed."""
    found = runs.assign(found=runs["found"].str.split().str[-1].astype(float))
    return found.pivot(index=["pool", "seed"], columns="arm", values="found")


def lost(runs: pd.DataFrame, whole: str = "ensemble") -> pd.DataFrame:
    """Return what each arm finds less than the whole ensemble on the same pools and seeds.

    Columns: arm, n (campaigns), lost (of the ten best, mean) with its 95 % interval, low and high.
    """
    wide = last(runs)
    rows = [
        {"arm": arm, "lost": test["mean"]} | {name: test[name] for name in ("low", "high", "n")}
        for arm in dict.fromkeys(runs["arm"])
        if arm != whole and (wide[whole] - wide[arm]).notna().any() and (test := paired(wide[whole], wide[arm]))
    ]
    return pd.DataFrame(rows, columns=["arm", "n", "lost", "low", "high"])


def expected(size: int) -> Mapping[str, float]:
    """Return what random experiments find, exactly: the columns of `summary` for a pool of `size` candidates.

    After n experiments the number found is hypergeometric. Candidates that tie with the tenth are not reckoned with.
    """
    numbers = INITIAL + BATCH * np.arange(BATCHES + 1)
    missed = hypergeom(size, TOP, numbers).pmf(0)
    last = hypergeom(size, TOP, numbers[-1])
    # the mean of the first batch is the sum of the chances that it is later
    return {
        "found": float(last.mean()), "share": float(1 - missed[BATCHES - 1]), "half": float(last.sf(TOP // 2 - 1)),
        "all": float(last.pmf(TOP)), "first": float(missed.sum()),
    }  # fmt: skip
