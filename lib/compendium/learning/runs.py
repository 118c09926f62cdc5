"""The design: what each of six pairs of acquisition function and search finds, seed by seed.

    runs.compute(seeds=24)     # computes what neither the record nor the working store holds, and returns all
    runs.KEPT.record()         # packs finished runs into data/results

A run begins with `INITIAL` random points, the same for all pairs of a seed, and proposes `EXPERIMENTS` further ones.
What is kept is the lowest value of the function so far, after 0, 1, … of them; the global minimum is 0.

The criterion, written before any run, for each acquisition function, function and number of dimensions: reinforcement
learning helps where the lowest value of `dqn` after all experiments, of 24 paired seeds, is below that of `search`
(95 % interval of the mean difference below 0), and is a substitute where it is no higher by more than a tenth of what
random experiments are left with. The published comparison, (mean, dqn) with (ei, weak), is shown next to it.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from compendium import store
from compendium.learning.arms import ACQUISITIONS, METHODS, SEARCHES, State
from compendium.learning.tasks import FUNCTIONS, Task
from compendium.running.kept import Kept, spread

INITIAL, EXPERIMENTS, SEEDS, FIRST_SEED = 112, 80, 24, 100
DIMENSIONS = (3, 6, 8, 10)
PAIRS = tuple((acquisition, search) for acquisition in ACQUISITIONS for search in SEARCHES)
RANDOM = ("none", "random")
"""The pair that proposes random points."""

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
    functions: Sequence[str] = tuple(FUNCTIONS),
    dimensions: Sequence[int] = DIMENSIONS,
    *,
    seeds: int = SEEDS,
    compute_missing: bool = True,
) -> pd.DataFrame:
    """Return the lowest value of all runs, seed by seed, in columns 0, 1, … experiments."""
    keys = [
        dict(zip(KEYS, (function, size, FIRST_SEED + seed, *pair, BEHAVIOUR), strict=True))
        for seed in range(seeds)
        for function in functions
        for size in dimensions
        for pair in (*PAIRS, RANDOM)
    ]
    rows = KEPT.rows(keys, _row, compute_missing=compute_missing)
    return spread(rows, KEYS, "lowest", EXPERIMENTS + 1)


def _row(key: dict) -> dict:
    task = Task(key["function"], key["dimensions"], key["seed"])
    lowest = run(task, key["acquisition"], key["search"], experiments=EXPERIMENTS)
    return {"lowest": " ".join(f"{value:.6g}" for value in lowest), "code": store.code_version()}
