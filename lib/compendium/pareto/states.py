"""How near the default comes to the maximum of log EHVI, and how soon: against enumeration, and against BoTorch.

A state is what a run of the default knew after some experiments. The whole grid is enumerated there, which takes
seconds. In some states BoTorch's `optimize_acqf` maximises qLogNEHVI, by its tutorial's numbers, on Gaussian processes
with the same kernel, hyperparameters and data; its pick is rounded to the grid and scored by the same log EHVI.

The criteria, set before any state was examined: the default's pick has at least 99 % of the largest expected
hypervolume improvement in at least 97 % of the states; where BoTorch is asked, the default takes a tenth of its CPU
time in the median, and its pick is as good or better, to one per cent, in at least 95 %.

The first 120 states left the criterion open: 116 of them, and an interval from 92 to 99 %. So 240 more were added,
once, before any of them was examined; all 360 are judged. BoTorch's pick, rounded, can be a composition that was
measured already. No search here may return one, so its value counts at most as the largest of the others.
"""

import time

import numpy as np
import pandas as pd
from tqdm import tqdm

from alloygrad.campaigns.campaign import Campaign
from alloygrad.maximisers import maximise
from alloygrad.maximisers.suggestion import score
from compendium import store
from compendium.pareto import peer, runs
from compendium.pareto.arms import DEFAULT
from compendium.pareto.landscapes import LANDSCAPES, Landscape
from compendium.running.kept import Kept
from compendium.threads import one_thread

AFTER = tuple(range(0, 100, 10))
"""Experiments after which a state is taken."""

SEEDS = 12
"""Seeds of each landscape whose states are taken: 3 × 12 × 10 = 360 states."""

ASKED, AMONG = 30, 120
"""States in which BoTorch is asked, spread evenly over so many first ones."""

BEHAVIOUR = 2
"""Raised when a change of the code changes a row."""

KEYS = ("landscape", "seed", "after", "behaviour")
KEPT = Kept("front_states", KEYS, (*KEYS, "log_ehvi", "largest", "cpu_seconds", "code"))
"""log_ehvi: of the default's pick; largest: of the grid; cpu_seconds: of the default's search, fits not counted."""

PEER = Kept("front_peer", KEYS, (*KEYS, "log_ehvi", "cpu_seconds", "code"))
"""The same of BoTorch's pick; cpu_seconds: of building its acquisition function and of `optimize_acqf`."""


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


def gap(campaign: Campaign, rng: np.random.Generator) -> dict:
    """Return log EHVI of the default's pick and the largest of the grid, and CPU seconds of the pick."""
    acquire = campaign.acquire()
    began = time.process_time()
    pick = maximise(acquire, campaign.space, exclude=campaign.points, rng=rng, options=campaign.options)
    seconds = time.process_time() - began
    best = maximise(acquire, campaign.space, "enumeration", exclude=campaign.points)
    found = {"log_ehvi": round(pick.value, 6), "largest": round(max(best.value, pick.value), 6)}
    return found | {"cpu_seconds": round(seconds, 3), "code": store.code_version()}


def asked(campaign: Campaign, rng: np.random.Generator) -> dict:
    """Return log EHVI of BoTorch's pick, rounded to the grid, and the CPU seconds that it took."""
    began = time.process_time()
    pick = peer.suggest(campaign.beliefs, campaign.space, seed=int(rng.integers(2**31)))
    seconds = time.process_time() - began
    value = score(campaign.acquire(), campaign.space, campaign.space.nearest(pick[None]))[0]
    return {"log_ehvi": round(float(value), 6), "cpu_seconds": round(seconds, 3), "code": store.code_version()}


def gaps(*, compute_missing: bool = True) -> pd.DataFrame:
    """Return the rows of all states, with those of BoTorch as columns peer and peer_seconds; of few states it has any.

    compute_missing: whether to compute what is neither recorded nor stored; states of runs that are missing are not.
    """
    wanted = [(name, runs.FIRST_SEED + seed, after) for seed in range(SEEDS) for name in LANDSCAPES for after in AFTER]
    places = set(np.linspace(0, AMONG - 1, ASKED).round().astype(int).tolist())
    rows = []
    with one_thread():
        for place, (name, seed, after) in enumerate(tqdm(wanted, unit="state", disable=not compute_missing)):
            key = dict(zip(KEYS, (name, seed, after, BEHAVIOUR), strict=True))
            found = [KEPT.find(**key), PEER.find(**key) if place in places else None]
            lacking = found[0] is None or (place in places and found[1] is None)
            if compute_missing and lacking and runs.known(name, DEFAULT, seed) is not None:
                campaign = state(LANDSCAPES[name], seed, after)
                found[0] = KEPT.get(lambda c=campaign, k=key: gap(c, _rng(k)), **key)
                if place in places:
                    found[1] = PEER.get(lambda c=campaign, k=key: asked(c, _rng(k)), **key)
            if found[0] is not None:
                theirs = found[1] or {"log_ehvi": np.nan, "cpu_seconds": np.nan}
                rows.append({**found[0], "peer": theirs["log_ehvi"], "peer_seconds": theirs["cpu_seconds"]})
    return pd.DataFrame(rows, columns=[*KEPT.columns, "peer", "peer_seconds"])


def _rng(key: dict) -> np.random.Generator:
    return np.random.default_rng([key["seed"], key["after"]])
