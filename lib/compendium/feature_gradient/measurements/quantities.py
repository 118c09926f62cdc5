"""Numbers per trajectory that claims compare: functions (results, cell, options) → a number by seed."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from compendium.feature_gradient import diversity
from compendium.feature_gradient.results import LAST, Results


def mean_best(results: Results, cell: str, done: int = LAST) -> pd.Series:
    """Best merit so far, averaged over the first `done` experiments."""

    def average(rows):
        best = rows.groupby("seed")["merit"].cummax()
        return best[rows["experiment"].between(0, done - 1)].groupby(rows["seed"]).mean()

    return results.by_seed(cell, average)


def entropy_change(results: Results, cell: str, half: int) -> pd.Series:
    """Change of the state entropy from experiment `half` to the last one."""
    return results.entropy(cell) - results.entropy(cell, half)


def _of_picks(measured: Callable[..., float]) -> Callable:
    """A quantity measured on the proposed compositions of a trajectory, fractions (60, n_elements)."""
    return lambda results, cell, **options: results.new_picks(cell, lambda points: float(measured(points, **options)))


def _log_bins(points: np.ndarray, width: float) -> float:
    """Log effective number of bins that an element's fractions fill, mean over elements."""
    return np.mean([np.log(diversity.effective_bins(points[:, [i]], width)) for i in range(points.shape[1])])


def _log10_ei(results: Results, cell: str, first: int, last: int) -> pd.Series:
    """log10 of the EI of the picks, median over the experiments `first` … `last`."""

    def median(rows):
        return rows[rows["experiment"].between(first, last)].groupby("seed")["log_ei"].median() / np.log(10)

    return results.by_seed(cell, median)


def last_ei(results: Results, cell: str, few: int) -> pd.Series:
    """log10 of the EI of the picks, median over the last few experiments."""
    return _log10_ei(results, cell, LAST - few, LAST)


def ei_change(results: Results, cell: str, few: int) -> pd.Series:
    """`last_ei` less the same over the first few experiments."""
    return last_ei(results, cell, few) - _log10_ei(results, cell, 0, few - 1)


def moved(results: Results, cell: str, after: int) -> pd.Series:
    """Share of starts that moved, mean over the experiments ≥ `after`."""
    return results.by_seed(cell, lambda rows: rows[rows["experiment"] >= after].groupby("seed")["moved"].mean())


def _of_first(number: Callable[[pd.DataFrame], pd.Series]) -> Callable:
    """A quantity of the first experiment alone."""

    def first(rows):
        return number(rows[rows["experiment"] == 0].set_index("seed"))

    return lambda results, cell: results.by_seed(cell, first)


QUANTITIES: dict[str, Callable[..., pd.Series]] = {
    "best": Results.best,
    "mean_best": mean_best,
    "entropy": Results.entropy,
    "entropy_change": entropy_change,
    "log_mean_distance": _of_picks(lambda points: np.log(diversity.mean_distance(points))),
    "log_third_neighbour": _of_picks(lambda points: diversity.state_entropy(points, diversity.TRUE_K)),
    "log_bins": _of_picks(_log_bins),
    "log_step": _of_picks(lambda points: np.log(np.linalg.norm(np.diff(points, axis=0), axis=1)).mean()),
    "last_ei": last_ei,
    "ei_change": ei_change,
    "moved": moved,
    "first_gradients_per_start": _of_first(lambda rows: rows["gradients"] / rows["starts"]),
    "first_cpu_seconds": _of_first(lambda rows: rows["cpu_seconds"].dropna()),
}
"""Names in data/claims.toml → quantities. CPU seconds of an experiment include the fit before the inner loop."""
