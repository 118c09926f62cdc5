"""The design: what each of six pairs of acquisition function and search finds, seed by seed.

    runs.compute(seeds=24)     # computes what neither the record nor the working store holds, and returns all
    runs.KEPT.record()         # packs finished runs into data/results

A run begins with `INITIAL` random points, the same for all pairs of a seed, and proposes `EXPERIMENTS` further ones.
What is kept is the lowest measurement so far, after 0, 1, … of them. Of functions the global minimum is 0; of alloys it
is the lowest that long ascents on the laboratory itself, one a seed, and all runs have found.

The criterion, written before any run, for each acquisition function and each number of dimensions, and for alloys. What
a pair of acquisition function and search is left with in the end is divided by the mean that random experiments are
left with, and averaged over the functions of a seed. Of 24 paired seeds, reinforcement learning

    helps            where `dqn` is left with less than `search` by at least 0.05 of it,
    is a substitute  where it is left with at most 0.1 more,

each by the 95 % interval of the mean difference. The published comparison, (mean, dqn) with (ei, weak), is judged like
the first of these. Schedules were set on seeds below `FIRST_SEED`, for time and for the network's own score.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from compendium import store
from compendium.learning.arms import ACQUISITIONS, METHODS, SEARCHES, State
from compendium.learning.tasks import ALLOYS, ELEMENTS, FUNCTIONS, Task, best_found, task_of
from compendium.running.kept import Kept, spread

INITIAL, EXPERIMENTS, SEEDS, FIRST_SEED = 48, 32, 24, 100
DIMENSIONS = (3, 6, 8, 10)
TASKS = (*((function, size) for size in DIMENSIONS for function in FUNCTIONS), (ALLOYS, ELEMENTS))
"""Function and number of dimensions."""

PAIRS = tuple((acquisition, search) for acquisition in ACQUISITIONS for search in SEARCHES)
RANDOM = ("none", "random")
"""The pair that proposes random points."""

KNOWN = ("none", "ascent")
"""What stands in for the minimum of alloys: a long ascent on the laboratory itself, which is no run."""

BEHAVIOUR = 1
"""Raised when a change of the code changes what a run gives."""

KEYS = ("function", "dimensions", "seed", "acquisition", "search", "behaviour")
KEPT = Kept("learning_minima", KEYS, (*KEYS, "lowest", "code"))
"""lowest: after 0, 1, … experiments."""

INITIAL_POINTS, SEARCH = range(2)  # purposes of random numbers


def run(
    task: Task, acquisition: str, search: str, *, initial: int = INITIAL, experiments: int = EXPERIMENTS
) -> np.ndarray:
    """Return the lowest value of the function before the first experiment and after each: (experiments + 1,)."""
    rng = np.random.default_rng([task.seed, INITIAL_POINTS])
    points = task.space.sample(initial, rng).astype(np.int64)
    state = State(task, points, -task.measure(points))
    for experiment in range(experiments):
        rng = np.random.default_rng([task.seed, SEARCH, experiment])
        if search == "random":
            point = task.space.sample(1, rng)[0].astype(np.int64)
        else:
            point = METHODS[search](state, acquisition, rng)
        state.tell(point)
    return -np.maximum.accumulate(state.values)[initial - 1 :]


def compute(
    tasks: Sequence[tuple[str, int]] = TASKS, *, seeds: int = SEEDS, compute_missing: bool = True
) -> pd.DataFrame:
    """Return what all runs are left with, the lowest measurement less the global minimum.

    One row a run, seed by seed: the keys, and columns 0, 1, … experiments.
    """
    keys = [
        dict(zip(KEYS, (function, size, FIRST_SEED + seed, *pair, BEHAVIOUR), strict=True))
        for seed in range(seeds)
        for function, size in tasks
        for pair in (*PAIRS, RANDOM, *([KNOWN] if function == ALLOYS else []))
    ]
    rows = KEPT.rows(keys, _row, compute_missing=compute_missing)
    table = spread(rows, KEYS, "lowest", EXPERIMENTS + 1)
    steps, alloys = list(range(EXPERIMENTS + 1)), table["function"] == ALLOYS
    table.loc[alloys, steps] -= table.loc[alloys, EXPERIMENTS].min()
    return table[table["search"] != KNOWN[1]].reset_index(drop=True)


def _row(key: dict) -> dict:
    if key["search"] == KNOWN[1]:
        lowest = np.full(EXPERIMENTS + 1, best_found(key["seed"]))
    else:
        task = task_of(key["function"], key["dimensions"], key["seed"])
        lowest = run(task, key["acquisition"], key["search"], experiments=EXPERIMENTS)
    return {"lowest": " ".join(f"{value:.6g}" for value in lowest), "code": store.code_version()}
