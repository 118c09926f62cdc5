"""What the claims on several objectives measure, on the curves of the runs: functions (curves, numbers) → parts.

Curves are a table with columns landscape, arm, seed, below (the reference point) and the share of the true front's
hypervolume after 0, 1, … experiments, as `runs.gather` makes it.

The criteria of the study, set before any of its runs (32 paired seeds, 50 initial and 100 further experiments; the
reference point a tenth of the front's range below its worst; seeds below 100 served to choose defaults):

1. The default's median share after 100 experiments is at least 0.97 on HEA, 0.93 on Ti and 0.93 on SMA.
2. It is larger than that of the weighted sum and of random experiments, on each (95 % interval of the mean of paired
   differences above 0).
3. It is not smaller than that of annealed Monte Carlo, NSGA-II, ParEGO and the policy by more than 0.005, on any.

The same numbers with the far reference point are shown next to them, and are not judged.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from compendium.judging import statistics
from compendium.judging.verdicts import Part, measure
from compendium.pareto.arms import DEFAULT

RUNS = "data/results/pareto_{}.parquet"


def reached(curves: pd.DataFrame, landscape: str, arm: str, below: float, after: int) -> pd.Series:
    """Return the share that each seed of an inner loop has reached after some experiments, by seed."""
    own = (curves["landscape"] == landscape) & (curves["arm"] == arm) & (curves["below"] == below)
    return curves[own].set_index("seed")[after].dropna()


@measure("front_share")
def front_share(
    curves: pd.DataFrame, landscapes: Sequence[str], least: Sequence[float], below: float, after: int
) -> list[Part]:
    """The median share of the front's hypervolume that the default reaches, on each landscape."""
    parts = []
    for landscape, bound in zip(landscapes, least, strict=True):
        values = reached(curves, landscape, DEFAULT, below, after).to_numpy()
        about = {"name": landscape, "least": bound, "source": RUNS.format(landscape)}
        if not len(values):
            parts.append(Part(**about))
            continue
        value, low, high = statistics.interval(values[:, None], lambda rows: np.median(rows[..., 0], axis=-1))
        parts.append(Part(value=value, low=low, high=high, n=len(values), **about))
    return parts


@measure("front_gain")
def front_gain(
    curves: pd.DataFrame, landscapes: Sequence[str], others: Sequence[str], margin: float, below: float, after: int
) -> list[Part]:
    """The share of the default less that of each other inner loop, seed by seed; at least −margin."""
    parts = []
    for landscape in landscapes:
        ours = reached(curves, landscape, DEFAULT, below, after)
        for other in others:
            theirs = reached(curves, landscape, other, below, after)
            about = {"name": f"{landscape}, − {other}", "least": -margin, "source": RUNS.format(landscape)}
            if not len(ours.index.intersection(theirs.index)):
                parts.append(Part(**about))
                continue
            found = statistics.paired(ours, theirs)
            parts.append(Part(value=found["mean"], low=found["low"], high=found["high"], n=found["n"], **about))
    return parts
