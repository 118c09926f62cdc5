"""Does a campaign that begins with few measurements end higher when its features are chosen anew as they double?

    OMP_NUM_THREADS=1 python tests/benchmarks/few_rows.py [seeds] [elements] [step]

A campaign in its usual settings begins with five random alloys and makes 30 experiments, in the environment of each
alloy. "kept": features are those chosen on the first five; "anew": also on 10 and on 20. Both begin with the same
alloys. "left" is how far below the environment's best merit a campaign ends, as a share of how far below it began.
Criterion, written before the run: over all pairs the 95 % interval of the mean of kept − anew lies above 0.
"""

import sys
import time
from functools import cache

import numpy as np
import pandas as pd

from alloygrad import Campaign, CompositionSpace, Maximise
from compendium.environments import trained
from compendium.environments.alloys import ALLOYS
from compendium.judging.statistics import mean_interval

FIRST, EXPERIMENTS = 5, 30
ARMS = {"kept": (), "anew": (10, 20)}
"""Arm → numbers of measurements at which features are chosen anew."""


@cache
def landscape(name: str, n_elements: int, step: float) -> tuple[CompositionSpace, trained.Environment, float]:
    """The space of an alloy, its environment and the best merit there."""
    space = ALLOYS[name].space(n_elements, step)
    measure = trained.load(ALLOYS[name], space.elements)
    return space, measure, max(measure(space.fractions(some))["merit"].max() for some in space.enumerate())


def left(name: str, n_elements: int, step: float, anew: tuple[int, ...], seed: int) -> float:
    """What a campaign leaves of the way up."""
    space, measure, best = landscape(name, n_elements, step)
    points = space.sample(FIRST, np.random.default_rng([7, seed]))
    campaign = Campaign(space, Maximise("merit"), seed=seed)
    campaign.tell(points, measure(space.fractions(points))["merit"])
    began = campaign.values.max()
    for _ in range(EXPERIMENTS):
        if len(campaign.values) in anew:
            campaign = campaign.subset(slice(None))
        point = campaign.ask()[0].point[None]
        campaign.tell(point, measure(space.fractions(point))["merit"])
    return (best - campaign.values.max()) / (best - began)


def main(seeds: int = 12, n_elements: int = 4, step: float = 0.01) -> None:
    """Print a line for each pair, then means by alloy and over all."""
    rows = []
    for seed in range(seeds):
        for name in ALLOYS:
            row = {"alloy": name, "seed": seed}
            for arm, anew in ARMS.items():
                started = time.process_time()
                row |= {arm: left(name, n_elements, step, anew, seed), f"seconds {arm}": time.process_time() - started}
            rows.append(row)
            print(*(f"{value:.4f}" if isinstance(value, float) else value for value in row.values()), flush=True)
    table = pd.DataFrame(rows)
    table["gain"] = table["kept"] - table["anew"]
    print(table.groupby("alloy")[["kept", "anew", "gain", "seconds kept", "seconds anew"]].mean().round(4))
    mean, low, high = mean_interval(table["gain"].to_numpy())
    print(f"kept − anew: {mean:.4f} [{low:.4f}, {high:.4f}], {(table['gain'] > 0).sum()} of {len(table)} pairs")


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((int, int, float), sys.argv[1:], strict=False)))
