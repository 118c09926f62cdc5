"""What the claims on reinforcement learning measure: functions (results, numbers) → parts.

The criterion stands in `runs`. Differences are shares of what random experiments are left with, in the mean over seeds
of the same function and number of dimensions, so that functions of different height can be compared.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from compendium.judging import statistics
from compendium.judging.verdicts import Part, measure
from compendium.learning import runs

Pair = Sequence[str]


def gather() -> pd.DataFrame:
    """Return all runs that are recorded or stored; compute none."""
    return runs.compute(compute_missing=False)


def lowest(table: pd.DataFrame, function: str, dimensions: int, pair: Pair) -> pd.Series:
    """Return the lowest value that each seed of a pair has reached in the end, by seed."""
    own = (table["function"] == function) & (table["dimensions"] == dimensions)
    own &= (table["acquisition"] == pair[0]) & (table["search"] == pair[1])
    return table[own].set_index("seed")[runs.EXPERIMENTS].astype(float)


@measure("learning_gain")
def learning_gain(
    results: pd.DataFrame,
    functions: Sequence[str],
    dimensions: Sequence[int],
    one: Pair,
    other: Pair,
    margin: float,
    seeds: int,
) -> list[Part]:
    """By how much a pair ends lower than another, as a share of what random experiments are left with.

    At least −margin; no interval before all seeds are in.
    """
    parts = []
    for function in functions:
        for size in dimensions:
            ours, theirs, random = (lowest(results, function, size, pair) for pair in (one, other, runs.RANDOM))
            common = ours.index.intersection(theirs.index).intersection(random.index)
            scale = float(random.loc[common].mean()) if len(common) else np.nan
            gain = (theirs - ours).loc[common] / scale
            about = {"name": f"{function}, D = {size}", "least": -margin, "source": runs.KEPT.path.name}
            if len(common) < seeds:
                parts.append(Part(value=float(gain.mean()), n=len(common), **about))
                continue
            mean, low, high = statistics.mean_interval(gain.to_numpy())
            parts.append(Part(value=float(mean), low=float(low), high=float(high), n=len(common), **about))
    return parts
