"""What the claims on reinforcement learning measure: functions (results, numbers) → parts.

The criteria stand in `runs` and `suggestions`. What runs are left with is a share of what random experiments are left
with, in the mean over seeds of the same task, so that tasks of different height can be compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from compendium.judging import statistics
from compendium.judging.verdicts import Part, measure
from compendium.learning import runs, suggestions

Pair = Sequence[str]


@dataclass(frozen=True)
class Results:
    """The tables that claims are judged by.

    minima: of `runs.compute`; errors: of `suggestions.compute`; each empty where nothing is recorded.
    """

    minima: pd.DataFrame
    errors: pd.DataFrame


def gather() -> Results:
    """Return all runs that are recorded or stored; compute none."""
    return Results(runs.compute(compute_missing=False), suggestions.compute(compute_missing=False))


def left(table: pd.DataFrame, function: str, dimensions: int, pair: Pair) -> pd.Series:
    """Return what each seed of a pair is left with in the end, by seed."""
    own = (table["function"] == function) & (table["dimensions"] == dimensions)
    own &= (table["acquisition"] == pair[0]) & (table["search"] == pair[1])
    return table[own].set_index("seed")[runs.EXPERIMENTS].astype(float)


def gain(table: pd.DataFrame, function: str, dimensions: int, one: Pair, other: Pair) -> pd.Series:
    """Return by how much less one pair is left with than another, as a share of what random runs are left with."""
    ours, theirs, random = (left(table, function, dimensions, pair) for pair in (one, other, runs.RANDOM))
    common = ours.index.intersection(theirs.index).intersection(random.index)
    return (theirs - ours).loc[common] / random.loc[common].mean()


def task_name(function: str, dimensions: int) -> str:
    """Return what a task is called: "Ackley, D = 3", or "alloys"."""
    return function if function == runs.ALLOYS else f"{function.capitalize()}, D = {dimensions}"


@measure("learning_gain")
def learning_gain(results: Results, one: Pair, other: Pair, margin: float, seeds: int) -> list[Part]:
    """By how much less one pair is left with than another in each task, at least `margin`."""
    parts = []
    for function, size in runs.TASKS:
        found = gain(results.minima, function, size, one, other)
        about = {"name": task_name(function, size), "least": margin, "source": runs.KEPT.path.name}
        parts.append(_part(found, seeds, about))
    return parts


@measure("learning_error")
def learning_error(results: Results, one: str, others: Sequence[str], margin: float, seeds: int) -> list[Part]:
    """By which share the error of one arm is below that of others after all additions, at least `margin`."""
    last = suggestions.ADDED // suggestions.ROUND
    ends = {arm: own.set_index("seed")[last].astype(float) for arm, own in results.errors.groupby("arm")}
    nothing = pd.Series(dtype=float)
    parts = []
    for other in others:
        found = (1 - ends.get(one, nothing) / ends.get(other, nothing)).dropna()
        about = {"name": f"− {other}", "least": margin, "source": suggestions.KEPT.path.name}
        parts.append(_part(found, seeds, about))
    return parts


def _part(found: pd.Series, seeds: int, about: dict) -> Part:
    """The mean over seeds with its 95 % interval; no interval before all seeds are in."""
    if len(found) < seeds:
        return Part(value=float(found.mean()) if len(found) else np.nan, n=len(found), **about)
    mean, low, high = statistics.mean_interval(found.to_numpy())
    return Part(value=float(mean), low=float(low), high=float(high), n=len(found), **about)
