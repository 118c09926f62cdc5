"""What the claims on the ensemble measure, on the recorded campaigns on pools: functions (runs, numbers) → parts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from compendium.fusion import discovery, merit, pools, several, twenty
from compendium.judging.statistics import holm, mean_interval
from compendium.judging.verdicts import Part, measure

OURS = "ensemble"
PEERS = ("gp_ei", "forest_ei", "mean")
SOURCE = "data/results/fusion_discovery.csv"
SEVERAL_SOURCE = "data/results/fusion_several.csv"
TWENTY_SOURCE = "data/results/fusion_twenty.csv"
MERIT_SOURCE = "data/results/alloy_merit.csv"


def complete(runs: pd.DataFrame, pools: Sequence[str], arms: Sequence[str]) -> bool:
    """Return whether every arm has all planned seeds on every pool."""
    counts = runs.groupby(["pool", "arm"])["seed"].nunique()
    return all(counts.get((pool, arm), 0) >= discovery.SEEDS for pool in pools for arm in arms)


@measure("pools_met")
def pools_met(runs: pd.DataFrame, share: float, tasks: int, first: float) -> list[Part]:
    """On how many pools enough seeds meet one of the ten best in fewer than ten batches; the mean first hit."""
    names = ("pools", "mean first hit")
    pools = (*discovery.TUNING, *discovery.JUDGED)
    if not complete(runs, pools, [OURS]):
        return [Part(name, source=SOURCE) for name in names]
    own = discovery.summary(runs[(runs["arm"] == OURS) & runs["pool"].isin(pools)])
    met = float((own["share"] >= share).sum())
    return [
        Part(f"pools where {share:.0%} of seeds meet one", met, n=None, least=tasks, source=SOURCE),
        Part(names[1], float(own["first"].mean()), n=None, most=first, source=SOURCE),
    ]


@measure("pools_found")
def pools_found(runs: pd.DataFrame, behind: float, level: float) -> list[Part]:
    """The ensemble against each peer: mean ranks of what is found, Holm's largest p, the largest lag on one pool."""
    pools = (*discovery.TUNING, *discovery.JUDGED)
    arms = (OURS, *PEERS)
    if not complete(runs, pools, arms):
        return [Part(name, source=SOURCE) for name in ("rank", "p", "lag")]
    wide = discovery.last(runs[runs["pool"].isin(pools)])[list(arms)]
    ranks = wide.rank(axis=1, ascending=False).mean()
    lead = float(ranks[list(PEERS)].min() - ranks[OURS])
    means = wide.groupby(level="pool").mean()
    lag = float((means[list(PEERS)].max(axis=1) - means[OURS]).max())
    p = holm(np.array([greater(wide[OURS] - wide[peer]) for peer in PEERS]))
    return [
        Part("mean rank, best peer's − ours", lead, n=None, least=0, source=SOURCE),
        Part("largest p of the three peers (Wilcoxon, Holm)", max(p), n=None, most=level, source=SOURCE),
        Part("largest lag behind the best peer on a pool", lag, n=None, most=behind, source=SOURCE),
    ]


def greater(differences: pd.Series) -> float:
    """Return the one-sided p of Wilcoxon's signed-rank test that differences are positive; 1 where all are zero."""
    values = differences.to_numpy()
    return float(wilcoxon(values, alternative="greater").pvalue) if np.any(values) else 1.0


@measure("pools_front")
def pools_front(runs: pd.DataFrame, behind: float, but: int) -> list[Part]:
    """On how many pools of several targets the ensemble finds less of the front than BoTorch; the mean lead.

    Judged are pools with all seeds. While some lack seeds there is no mean, and the number of pools counts only where
    it is too large already.
    """
    table = several.leads(runs)
    own = table[(table["over"] == "qlognehvi") & (table["n"] >= several.SEEDS)]
    lost, whole = float((own["mean"] < -behind).sum()), set(own["pool"]) == set(pools.SEVERAL)
    counted = dict(value=lost, n=None) if whole or lost > but else {}
    lead = dict(value=float(own["mean"].mean()), n=None) if whole else {}
    label = f"pools more than {behind} behind" + ("" if whole else f", of {len(own)} decided")
    return [
        Part(label, **counted, most=but, source=SEVERAL_SOURCE),
        Part("mean lead", **lead, least=0, source=SEVERAL_SOURCE),
    ]


@measure("twenty_dimensions")
def twenty_dimensions(runs: pd.DataFrame, functions: int) -> list[Part]:
    """On how many functions the ensemble ends below each of its peers, and on how many it ends last of the rivals."""
    wide = twenty.last(runs).reindex(columns=list(twenty.RIVALS)).dropna()
    counts = wide.groupby(level="function").size().reindex(list(twenty.FUNCTIONS), fill_value=0)
    names = ("functions where it is below TuRBO and log EI", "functions where it is the last of four")
    if counts.min() < twenty.SEEDS:
        return [Part(name, source=TWENTY_SOURCE) for name in names]
    table = twenty.leads(runs)
    better = table[table["over"].isin(twenty.PEERS)].groupby("function")["low"].min() > 0
    last = wide.groupby(level="function").mean().idxmax(axis=1) == twenty.OURS
    return [
        Part(names[0], float(better.sum()), n=None, least=functions, source=TWENTY_SOURCE),
        Part(names[1], float(last.sum()), n=None, most=0, source=TWENTY_SOURCE),
    ]


@measure("merit_of_outcomes")
def merit_of_outcomes(
    runs: pd.DataFrame,
    sma: float,
    hea: float,
    ti: float,
    eight: float,
    soon: int,
    sooner: int,
    less: float,
    frozen: float,
    cost: float,
) -> list[Part]:
    """Mean final merits where the properties are modelled, when they pass those of four features, and at what cost.

    There is no verdict before all planned seeds of all landscapes are on record.
    """
    ten = dict(zip(merit.AMONG_TEN, (sma, hea, ti), strict=True))
    bounds = {(name, 10): bound for name, bound in ten.items()} | {("SMA", 8): eight}
    named = {key: f"{key[0]}, N = {key[1]}" for key in bounds}
    within = dict(zip(merit.AMONG_TEN, (soon, sooner, soon), strict=True))
    passed = {name: f"experiments, {name}" for name in within}
    table = merit.gains(runs).query("arm == @merit.OUTCOMES").set_index(["landscape", "n_elements"])
    again = table[table.index.isin(merit.RETRAINED, level="landscape")]
    others = {
        "least gain, N = 4 and 5": {"least": -less},
        "least upper end of a gain, trained again": {"least": 0},
        "largest share frozen": {"most": frozen},
        "largest cost": {"most": cost},
    }
    if any(table["n"].get(key, 0) < seeds for key, seeds in merit.PLANNED.items()):
        return [Part(name, source=MERIT_SOURCE) for name in (*named.values(), *passed.values(), *others)]
    own = runs[runs["arm"] == merit.OUTCOMES].set_index(["landscape", "n_elements"])["best"]
    parts = []
    for key, bound in bounds.items():
        mean, low, high = map(float, mean_interval(own.loc[[key]].str.split().str[-1].to_numpy(dtype=float)))
        parts.append(Part(named[key], mean, low, high, merit.PLANNED[key], least=bound, source=MERIT_SOURCE))
    reached = table["reached"].fillna(np.inf)
    parts += [
        Part(passed[name], float(reached[name, 10]), n=None, most=most, source=MERIT_SOURCE)
        for name, most in within.items()
    ]
    few = table[table.index.isin(merit.FEW, level="n_elements")]
    stands = merit.frozen(runs).query("arm == @merit.OUTCOMES and n_elements in @merit.FEW")["frozen"].max()
    measured = (few["gain"].min(), again["high"].min(), stands, table["cost"].max())
    return parts + [
        Part(name, float(value), n=None, **limit, source=MERIT_SOURCE)
        for (name, limit), value in zip(others.items(), measured, strict=True)
    ]
