"""Limits that few alloys keep: how soon does a campaign find the best of those that do?

A limit is a condition, not an aim: a campaign maximises log EI plus the log probability that all limits are kept, and
that probability alone while no measured alloy keeps them (`alloygrad.acquisition.several`).

Each case has one aim and limits on other properties, round numbers that 1 to 10 % of the alloys keep. The grid is
enumerated, so the best of these is known. A campaign begins with 50 random alloys; it has arrived with the first
experiment whose alloy keeps the limits and has at least 99 % of that best value.

The criterion, set before any of these campaigns: at least 90 % of the seeds arrive within 30 experiments, on each of
three alloys.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from alloygrad.campaigns.campaign import Campaign
from alloygrad.objectives import Limit, Maximise
from alloygrad.protocols import Objective
from compendium import store
from compendium.pareto import runs
from compendium.pareto.landscapes import LANDSCAPES, Landscape, Properties
from compendium.running.kept import Kept

CASES: dict[str, tuple[Objective, ...]] = {
    "sma_n4": (Maximise("enthalpy"), Limit("hysteresis", at_most=20), Limit("working_temperature", at_least=100)),
    "hea_n5": (
        Maximise("elongation"),
        Limit("yield_strength", at_least=1100),
        Limit("ultimate_strength", at_least=1300),
    ),
    "ti_n5": (Maximise("hardness"), Limit("yield_strength", at_least=700)),
}
"""Landscape → what is wanted of it: the first is the aim. Limits were chosen by the share of alloys that keep them."""

EXPERIMENTS, NEAR_ENOUGH = 30, 0.99
"""Experiments at most, and the share of the best value with which a campaign has arrived."""

SEEDS = 20

BEHAVIOUR = 2
"""Raised when a change of the code changes a row."""

KEYS = ("landscape", "seed", "behaviour")
KEPT = Kept("front_limits", KEYS, (*KEYS, "kept", "arrived", "share", "cpu_seconds", "code"))
"""kept: of the initial alloys, those that keep the limits; arrived: the number of the experiment, from 1, or none;
share: of the best value, at the end; cpu_seconds: of one experiment."""


@dataclass(frozen=True)
class Truth:
    """What enumeration says of a case: alloys, how many keep the limits, and the best value among these."""

    size: int
    kept: int
    best: float
    near: int  # alloys that keep the limits and have 99 % of the best value

    def by_chance(self, n: int) -> float:
        """Return the probability that one of n random alloys arrives."""
        return 1 - (1 - self.near / self.size) ** n


@cache
def truth(name: str) -> Truth:
    """Enumerate a case."""
    space = LANDSCAPES[name].space()
    parts = [values(LANDSCAPES[name], space.fractions(counts)) for counts in space.enumerate(2**15)]
    found = np.concatenate(parts)
    best = found.max()
    return Truth(len(found), int((found > -np.inf).sum()), float(best), int((found >= NEAR_ENOUGH * best).sum()))


def values(landscape: Landscape, fractions: np.ndarray) -> np.ndarray:
    """Return the aim (n,) of compositions (n, n_elements), −∞ where a limit is broken."""
    return worth(landscape.name, landscape.measure(fractions))


def worth(name: str, outcomes: Properties) -> np.ndarray:
    """Return the aim (n,) of outcomes (n,), −∞ where a limit is broken."""
    aim, *limits = CASES[name]
    kept = np.all([one.kept(one.value(outcomes)) for one in limits], axis=0)
    return np.where(kept, aim.utility(aim.value(outcomes)), -np.inf)


def run(name: str, seed: int) -> dict:
    """Run one campaign until it arrives, or to its end; the columns of its row beyond the keys."""
    landscape, wanted = LANDSCAPES[name], truth(name).best
    space, points = landscape.space(), runs.initial_points(landscape, seed)
    campaign = Campaign(space, list(CASES[name]), inputs="fractions", seed=seed)
    campaign.tell(points, landscape.measure(space.fractions(points)))
    found = values(landscape, space.fractions(points))
    kept, best, arrived, began, number = int((found > -np.inf).sum()), found.max(), None, time.process_time(), 0
    for number in range(1, EXPERIMENTS + 1):
        point = campaign.ask()[0].point[None]
        outcomes = landscape.measure(space.fractions(point))
        campaign.tell(point, outcomes)
        best = max(best, worth(name, outcomes)[0])
        if best >= NEAR_ENOUGH * wanted:
            arrived = number
            break
    seconds = (time.process_time() - began) / number
    share = best / wanted if best > -np.inf else 0.0
    return {
        "kept": kept,
        "arrived": arrived,
        "share": round(float(share), 4),
        "cpu_seconds": round(seconds, 3),
        "code": store.code_version(),
    }


def compute(names: Iterable[str] = CASES, *, seeds: int = SEEDS, compute_missing: bool = True) -> pd.DataFrame:
    """Return the rows of all campaigns that are recorded or stored, seed by seed; compute what is missing, if asked."""
    keys = [
        dict(zip(KEYS, (name, runs.FIRST_SEED + seed, BEHAVIOUR), strict=True))
        for seed in range(seeds)
        for name in names
    ]
    rows = KEPT.rows(keys, lambda key: run(key["landscape"], key["seed"]), compute_missing=compute_missing)
    return pd.DataFrame(rows, columns=list(KEPT.columns))
