"""Replays: from 20 random alloys of a finished table, one experiment after another until one of the best is measured.

    runs.compute(["steel_strength"], ["campaign", "botorch"], seeds=4)   # what is neither recorded nor stored
    runs.KEPT.record()                                                   # the coordinator, at the end

    campaign    `ag.Campaign` on the list of candidates, with nothing chosen but the objective
    fractions   the same with `inputs="fractions"`
    botorch     `SingleTaskGP` on raw fractions, its defaults, and log EI over the list (fractions scaled to 0 … 1,
                values standardised, improvement over the largest value measured)
    forest      a random forest on raw fractions, log EI over the list
    random      the exact expectation

The best are the top 1 % of the table: this share of all candidates, at least one, and those that tie with them. The
first 20 are drawn from all others. A run ends after `MOST` experiments; one without success counts as `MOST` + 1.

Criteria, written before any judged run: (1) on no table is `campaign` behind `botorch` by more than noise, that is, the
95 % interval of the mean paired difference of log experiments does not lie above 0; (2) the mean of these differences
over all tables is below 0. Seeds below `FIRST_SEED` served to try things out and are not judged.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np
import pandas as pd
import torch
from scipy.stats import norm
from scipy.stats import t as student

import alloygrad as ag
from compendium import store
from compendium.replays import tables
from compendium.running.kept import Kept

INITIAL, MOST = 20, 60
SEEDS, FIRST_SEED = 20, 100
BEHAVIOUR = 1
"""Raised when a change of the code changes what a run gives."""

KEYS = ("table", "arm", "seed", "behaviour")
KEPT = Kept("replays", KEYS, (*KEYS, "experiments", "seconds", "code"))
"""experiments: until one of the best is measured, `MOST` + 1 where none is; seconds: of the processor for one."""

Choose = Callable[[list[int]], int]
"""Rows that are measured → the next one."""


@cache
def task(name: str) -> tables.Task:
    """Return a table, read once."""
    return tables.load(name)


def first_rows(own: tables.Task, seed: int) -> list[int]:
    """Return the rows with which a run begins: none of the best is among them."""
    others = np.setdiff1d(np.arange(len(own.values)), own.best(tables.SHARE))
    return np.random.default_rng([2000, seed]).choice(others, INITIAL, replace=False).tolist()


def campaign(own: tables.Task, seed: int, **options) -> Choose:
    """Return a chooser by the library's campaign; options: of `ag.Campaign`."""
    pool = ag.Pool(pd.DataFrame(own.fractions, columns=list(own.elements)), elements=own.elements)
    ours = ag.Campaign(pool, ag.Maximise("value"), seed=seed, **options)
    known = 0

    def choose(rows: list[int]) -> int:
        nonlocal known
        ours.tell(np.array(rows[known:])[:, None], own.values[rows[known:]])
        known = len(rows)
        return int(ours.ask()[0].point[0])

    return choose


def botorch(own: tables.Task, seed: int) -> Choose:
    """Return a chooser by BoTorch's Gaussian process with its defaults."""
    from botorch import fit_gpytorch_mll
    from botorch.acquisition import LogExpectedImprovement
    from botorch.models import SingleTaskGP
    from botorch.models.transforms import Normalize, Standardize
    from gpytorch.mlls import ExactMarginalLogLikelihood

    every, values = torch.from_numpy(own.fractions), torch.from_numpy(own.values)[:, None]
    torch.manual_seed(seed)

    def choose(rows: list[int]) -> int:
        model = SingleTaskGP(
            every[rows],
            values[rows],
            input_transform=Normalize(every.shape[1]),
            outcome_transform=Standardize(1),
        )
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        with torch.no_grad():
            gain = LogExpectedImprovement(model, best_f=values[rows].max())(every[:, None])
        gain[rows] = -torch.inf
        return int(gain.argmax())

    return choose


ARMS: dict[str, Callable[[tables.Task, int], Choose]] = {
    "campaign": campaign,
    "fractions": lambda own, seed: campaign(own, seed, inputs="fractions"),
    "botorch": botorch,
    "forest": lambda own, seed: campaign(own, seed, inputs="fractions", surrogate="forest"),
}
"""Who chooses, but for random experiments."""


def run(name: str, arm: str, seed: int) -> dict:
    """Run one replay; the columns of its row beyond the keys."""
    own, started = task(name), time.process_time()
    choose, rows, best = ARMS[arm](own, seed), first_rows(own, seed), set(own.best(tables.SHARE).tolist())
    while not best & set(rows) and len(rows) < INITIAL + MOST:
        rows.append(choose(rows))
    assert len(set(rows)) == len(rows), f"{arm} measured an alloy of {name} twice"
    done, met = len(rows) - INITIAL, bool(best & set(rows))
    return {
        "experiments": done if met else MOST + 1,
        "seconds": round((time.process_time() - started) / done, 3),
        "code": store.code_version(),
    }


def compute(
    names: Iterable[str], arms: Sequence[str], *, seeds: int = SEEDS, first: int = FIRST_SEED,
    compute_missing: bool = True,
) -> pd.DataFrame:  # fmt: skip
    """Return the rows of all runs, seed by seed, computing what is missing where its table can be had."""
    wanted = [
        dict(zip(KEYS, (name, arm, first + seed, BEHAVIOUR), strict=True))
        for seed in range(seeds)
        for name in names
        for arm in arms
    ]

    def make(key):
        return run(key["table"], key["arm"], key["seed"]) if tables.available(key["table"]) else None

    return pd.DataFrame(KEPT.rows(wanted, make, compute_missing=compute_missing), columns=list(KEPT.columns))


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per table and arm, and one for random experiments.

    Columns: table, arm, n (runs), experiments (geometric mean), low, high (95 %, Student's t), met (share of runs with
    success). Of random experiments, the exact mean.
    """
    rows = []
    for (name, arm), own in runs.groupby(["table", "arm"], sort=False):
        mean, low, high = _interval(np.log(own["experiments"].astype(float)))
        met = (own["experiments"] <= MOST).mean()
        rows.append(
            {"table": name, "arm": arm, "n": len(own), "experiments": mean, "low": low, "high": high, "met": met}
        )
    for name in dict.fromkeys(runs["table"]):
        rows.append({"table": name, "arm": "random", "experiments": expected(*tables.numbers(name))})
    return pd.DataFrame(rows, columns=["table", "arm", "n", "experiments", "low", "high", "met"])


def _interval(logarithms: pd.Series) -> tuple[float, float, float]:
    """Return the geometric mean of numbers and its 95 % interval, given their logarithms (n,)."""
    n, mean = len(logarithms), logarithms.mean()
    half = student.ppf(0.975, n - 1) * logarithms.sem() if n > 1 else np.inf
    return float(np.exp(mean)), float(np.exp(mean - half)), float(np.exp(mean + half))


def expected(candidates: int, best: int) -> float:
    """Return the geometric mean of the number of random experiments until one of the best is measured, exactly.

    They are drawn without repeats, and runs end as all others do. With s_k = P(none among the first k), it is
    exp Σ s_k log((k + 1)/k), k = 1 … `MOST`.
    """
    left = candidates - INITIAL
    k = np.arange(min(MOST, left - best + 1))
    missed = np.cumprod(1 - best / (left - k))
    return float(np.exp(missed @ np.log((k + 2) / (k + 1))))


def differences(runs: pd.DataFrame, one: str = "campaign", other: str = "botorch") -> pd.DataFrame:
    """Return by how much one arm needs more experiments than another, on the same seeds: one row per table.

    Columns: table, n, ratio (geometric mean of the ratios; below 1: fewer), low, high (95 %, Student's t), behind: the
    interval lies above 1.
    """
    wide = np.log(runs.pivot(index=["table", "seed"], columns="arm", values="experiments").astype(float))
    rows = []
    for name in dict.fromkeys(runs["table"]):
        d = (wide.loc[name][one] - wide.loc[name][other]).dropna()
        ratio, low, high = _interval(d)
        rows.append({"table": name, "n": len(d), "ratio": ratio, "low": low, "high": high, "behind": low > 1})
    return pd.DataFrame(rows, columns=["table", "n", "ratio", "low", "high", "behind"])


def overall(found: pd.DataFrame) -> tuple[float, float, float]:
    """Return the geometric mean over tables of the ratios of `differences`, and its 95 % interval (normal)."""
    logarithms = np.log(found["ratio"])
    errors = np.log(found["high"] / found["low"]) / 2 / student.ppf(0.975, np.maximum(found["n"] - 1, 1))
    half = norm.ppf(0.975) * np.sqrt((errors**2).sum()) / len(found)
    low, mean, high = np.exp(logarithms.mean() + np.array([-half, 0, half]))
    return float(mean), float(low), float(high)


def verdict(found: pd.DataFrame) -> str:
    """Return in words whether both criteria hold, of a table of `differences`."""
    behind = found.loc[found["behind"], "table"].tolist()
    mean, low, high = overall(found)
    first = f"behind by more than noise on {', '.join(behind)}" if behind else "behind by more than noise on no table"
    second = "ahead" if mean < 1 else "not ahead"
    return (
        f"The campaign is {first}, and {second} on the mean: it needs {mean:.2f} times as many experiments (95 %: "
        f"{low:.2f} to {high:.2f})."
    )
