"""Means over trajectories and their intervals: seeded bootstrap, percentile method, 95 %."""

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from alloygrad.campaign import best_so_far

RESAMPLES = 5000

MIN_PAIRS = 8
"""Below this the percentile bootstrap of a mean is far too narrow to judge by: no interval is given."""


def mean_interval(values: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(mean, low, high), each (...), of values (n, ...) over their first axis; low = high = NaN for n = 1."""
    mean = values.mean(0)
    if len(values) < 2:
        return mean, np.nan * mean, np.nan * mean
    interval = bootstrap(
        (values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(seed)
    )
    return mean, *interval.confidence_interval


def best_so_far_curve(rows: pd.DataFrame) -> pd.DataFrame:
    """Best merit so far over trajectories: columns experiment (−1 = before the first), mean, low, high, n."""
    curves = best_so_far(rows)
    mean, low, high = mean_interval(curves.to_numpy().T)
    return pd.DataFrame({"experiment": curves.index, "mean": mean, "low": low, "high": high, "n": curves.shape[1]})


def paired_difference(one: pd.DataFrame, other: pd.DataFrame, experiments: list[int]) -> pd.DataFrame:
    """Best merit of `one` − best of `other` after so many experiments, paired by seed.

    Columns: experiments, n, mean, low, high (95 %; NaN below `MIN_PAIRS`), effect_size (mean over the standard
    deviation of the differences).
    """
    table = []
    for done in experiments:
        difference = (best_so_far(one).loc[done - 1] - best_so_far(other).loc[done - 1]).dropna().to_numpy()
        if not len(difference):
            raise ValueError("The two sets of trajectories have no seed in common; a paired difference needs some.")
        mean, low, high = mean_interval(difference)
        if len(difference) < MIN_PAIRS:
            low = high = np.nan
        spread = difference.std(ddof=1) if len(difference) > 1 else np.nan
        table.append(
            {
                "experiments": done,
                "n": len(difference),
                "mean": mean,
                "low": low,
                "high": high,
                "effect_size": mean / spread if spread > 0 else np.nan,
            }
        )
    return pd.DataFrame(table)
