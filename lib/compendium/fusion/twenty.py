"""Minima in twenty dimensions: 20 random points, then 25 batches of eight; how low does each arm get?

    twenty.compute(["ackley"], ["ensemble", "random"], seeds=2)    # what is neither recorded nor stored
    twenty.KEPT.record()                                           # the coordinator, at the end

    ackley     20 + e − 20 exp(−0.2 √mean z²) − exp(mean cos 2πz),   |x_i| ≤ 32.768
    rastrigin  Σ z_i² + 10 − 10 cos 2πz_i,                           |x_i| ≤ 5.12
    schwefel   Σ 418.98… − c_i sin √|c_i| + 0.01 (z_i − c_i)²,       |x_i| ≤ 500,   c_i: z_i held within ±500

with z = x − s. The shift s is drawn by the seed for each coordinate: uniformly over the inner half of the box for
Ackley and Rastrigin, whose minimum lies at s. Schwefel's lies at s + 420.97; with −100 ≤ s ≤ 50 it stays in the box.
The last term of Schwefel's function continues it where the shift leads beyond its usual limits. All minima are 0.
Rastrigin's and Schwefel's functions are sums over coordinates; Ackley's is not.

The arms (`searches`) see points as shares of the box. Seeds below `FIRST_SEED` served to tune; they are not used here.

The criterion, written before any judged run: at 220 evaluations the ensemble's mean is below those of TuRBO and of log
EI on at least two of the three functions, each by a paired 95 % interval over the seeds; and on no function it is the
largest of the four arms `RIVALS`. Random points are shown as well, and do not count as an arm that one can be last of.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alloygrad import Box
from compendium import store
from compendium.fusion import searches
from compendium.judging.statistics import paired
from compendium.running.kept import Kept, by_seed, spread

DIMENSIONS, INITIAL, BATCHES, BATCH = 20, 20, 25, 8
SEEDS, FIRST_SEED = 10, 100
BEHAVIOUR = 1
"""Raised when a change of the code changes what a run gives."""

KEYS = ("function", "arm", "seed", "behaviour")
KEPT = Kept("fusion_twenty", KEYS, (*KEYS, "best", "seconds", "code"))
"""best: the least value so far, after 0 … 25 batches; seconds: of processor time for a batch."""

OURS, PEERS = "ensemble", ("turbo", "log_ei")
RIVALS = (OURS, *PEERS, "cma_es")
"""Arms of the criterion."""


def ackley(z: np.ndarray) -> np.ndarray:
    """Return Ackley's function (...) of z (..., d)."""
    bowl, ripple = -0.2 * np.sqrt(np.square(z).mean(-1)), np.cos(2 * np.pi * z).mean(-1)
    return 20 - 20 * np.exp(bowl) + np.e - np.exp(ripple)


def rastrigin(z: np.ndarray) -> np.ndarray:
    """Return Rastrigin's function (...) of z (..., d)."""
    return (np.square(z) + 10 - 10 * np.cos(2 * np.pi * z)).sum(-1)


def schwefel(z: np.ndarray) -> np.ndarray:
    """Return Schwefel's function (...) of z (..., d), continued beyond ±500."""
    held = np.clip(z, -500, 500)
    return (418.9828872724338 - held * np.sin(np.sqrt(abs(held))) + 0.01 * np.square(z - held)).sum(-1)


@dataclass(frozen=True)
class Function:
    """A function of z = x − s, where its minimum is, and the limits of x and s in each coordinate."""

    value: Callable[[np.ndarray], np.ndarray]
    optimum: float
    limit: float
    shifts: tuple[float, float]


FUNCTIONS = {
    "ackley": Function(ackley, 0.0, 32.768, (-16.384, 16.384)),
    "rastrigin": Function(rastrigin, 0.0, 5.12, (-2.56, 2.56)),
    "schwefel": Function(schwefel, 420.9687462275036, 500.0, (-100.0, 50.0)),
}
"""Functions by name."""


@dataclass(frozen=True, eq=False)
class Landscape:
    """A shifted function on a box."""

    function: Function
    space: Box
    shift: np.ndarray  # (d,)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return the values (n,) at points (n, d) of the box."""
        return self.function.value(points - self.shift)

    @property
    def optimum(self) -> np.ndarray:
        """The point (d,) of the minimum."""
        return self.shift + self.function.optimum

    def at(self, shares: np.ndarray) -> np.ndarray:
        """Return the points (n, d) at shares (n, d) of the box, 0 … 1."""
        return self.space.lower + np.clip(shares, 0, 1) * (self.space.upper - self.space.lower)


def landscape(name: str, seed: int, dimensions: int = DIMENSIONS) -> Landscape:
    """Return the function of this name, shifted by a seed."""
    function = FUNCTIONS[name]
    space = Box({f"x{i + 1}": (-function.limit, function.limit) for i in range(dimensions)})
    return Landscape(function, space, np.random.default_rng([44, seed]).uniform(*function.shifts, size=dimensions))


def run(function: str, arm: str, seed: int) -> dict:
    """Run one search; the columns of its row beyond the keys."""
    ground = landscape(function, seed)
    shares = np.random.default_rng([2000, seed]).random((INITIAL, DIMENSIONS))
    values, started = ground(ground.at(shares)), time.process_time()
    ask, best = searches.ARMS[arm](np.random.default_rng([seed, 1]), BATCH), [values.min()]
    for _ in range(BATCHES):
        new = np.clip(ask(shares, -values), 0, 1)
        shares, values = np.concatenate([shares, new]), np.concatenate([values, ground(ground.at(new))])
        best.append(values.min())
    return {
        "best": " ".join(f"{value:.5g}" for value in best),
        "seconds": round((time.process_time() - started) / BATCHES, 3),
        "code": store.code_version(),
    }


def compute(
    functions: Iterable[str], arms: Sequence[str], *, seeds: int = SEEDS, compute_missing: bool = True
) -> pd.DataFrame:
    """Return the rows of all runs, seed by seed, computing what is missing.

    Args:
        functions: Names in `FUNCTIONS`.
        arms: Names in `searches.ARMS`.
        seeds: How many.
        compute_missing: Whether to compute; otherwise only what is recorded or stored is returned.
    """

    def make(key):
        return run(key["function"], key["arm"], key["seed"])

    numbers = range(FIRST_SEED, FIRST_SEED + seeds)
    return by_seed(KEPT, functions, arms, numbers, BEHAVIOUR, make, compute_missing=compute_missing)


def curves(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per function, arm, seed and number of evaluations: the least value so far."""
    keys = ["function", "arm", "seed"]
    wide = spread(runs.to_dict("records"), keys, "best", BATCHES + 1)
    table = wide.melt(keys, var_name="evaluations", value_name="best")
    return table.assign(evaluations=INITIAL + BATCH * table["evaluations"].astype(int))


def last(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the least value after all evaluations: functions and seeds × arms, NaN where an arm lacks a seed."""
    table = curves(runs)
    table = table[table["evaluations"] == INITIAL + BATCH * BATCHES]
    return table.pivot(index=["function", "seed"], columns="arm", values="best")


def leads(runs: pd.DataFrame, ours: str = OURS) -> pd.DataFrame:
    """Return by how much an arm ends below each other one, paired by seed.

    Columns: function, over (the other arm), n (seeds), ours, theirs (means), mean, low, high: of theirs − ours.
    """
    wide, rows = last(runs), []
    for function, own in wide.groupby(level="function", sort=False):
        for other in own.columns.drop(ours, errors="ignore"):
            both = own.reindex(columns=[ours, other]).dropna()
            if len(both):
                found = paired(both[other], both[ours])
                means = {"ours": both[ours].mean(), "theirs": both[other].mean()}
                rows.append({"function": function, "over": other} | means | found)
    return pd.DataFrame(rows, columns=["function", "over", "n", "ours", "theirs", "mean", "low", "high"])
