"""Where the ascents of the inner loop should start: spread out, or where the acquisition value is large; how many?

The first paper leaves two ideas for later: starts that are chosen for their diversity, and a number of starts that
follows from how the search goes. Here the gradient stage alone climbs log EI, as in the published campaigns, from

    random     uniform compositions
    diverse    of a screen, each the farthest from those before it (greedy maximin distance of fractions)
    screened   of the same screen, those of largest value
    apart      those of largest value that lie apart, and as many others of the screen: the library's starts
    adaptive   ascents from `random` or `apart` starts in groups of `GROUP`, until `PATIENCE` groups bring no gain

A state counts as missed where the best end is more than 1 % below the best end of all these ascents there, several
hundred of them, in EI. States are those of the benchmark of inner loops that lie on recorded trajectories of weighted
averages. Ends are not rounded to the grid: what follows the ascents in the library is judged in notebook 05. (The
reference was to be that notebook's, of the grid; in three trial states ends between its compositions lay up to 3 nats
above it.)

The criteria, set before any of these ascents was run, on the share of states that are missed, paired by state:

    diverse starts help     16 of them miss less than 16 random ones and no more than 16 `apart`, by 95 % intervals
    an adaptive number      misses no more than 64 starts of the same kind, by more than 0.02, and takes less CPU time
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial

import numpy as np
import pandas as pd
from tqdm import tqdm

from alloygrad.acquisition.analytic import Acquisition, log_ei
from alloygrad.features.feature_map import FeatureMap
from alloygrad.maximisers.ascent import chosen, screened
from alloygrad.maximisers.options import FEW, AscentOptions
from alloygrad.maximisers.projection import Projection, support
from alloygrad.maximisers.spectral import spectral
from alloygrad.maximisers.suggestion import score
from alloygrad.spaces.composition import CompositionSpace
from alloygrad.surrogates.gp import fit_paper
from compendium import ROOT, store
from compendium.running import studies
from compendium.running.cells import declared
from compendium.running.kept import Kept
from compendium.threads import one_thread

NUMBERS = (4, 16, 64)
"""Starts of a fixed number."""

GROUP, PATIENCE, MOST = 8, 2, 64
"""Starts of a group, groups without gain that end the search, and starts at most, of an adaptive number."""

BATCHES = 40
"""Batched gradients of each ascent, those of both stages of the library's."""

SHORT = float(np.log(1.01))
"""Nats of log EI below the best end from which on a state is missed."""

BEHAVIOUR = 1
"""Raised when a change of the code changes a row."""

STATE = ("alloy", "n_elements", "experiment", "seed")
KEPT = Kept("front_starts", (*STATE, "starts", "number", "behaviour"), (
    *STATE, "starts", "number", "behaviour", "used", "value", "cpu_seconds", "code",
))  # fmt: skip
"""number: of starts, 0 where it is adaptive; used: starts ascended; value: log EI of the best end."""


@dataclass(frozen=True, eq=False)
class State:
    """A campaign before one experiment."""

    space: CompositionSpace
    acquire: Acquisition
    measured: np.ndarray  # (n, n_elements): counts

    @cached_property
    def screen(self) -> tuple[np.ndarray, np.ndarray, float]:
        """The library's screen, the same for all kinds of starts: counts, log EI, and the CPU seconds that it takes."""
        rng, options = np.random.default_rng(len(self.measured)), AscentOptions().resolved(len(self.space.elements))
        began = time.process_time()
        counts, _ = screened(self.acquire, self.space, Projection(self.space), self.measured, rng, options)
        values = score(self.acquire, self.space, counts)
        return counts, values, time.process_time() - began


def keys() -> list[dict]:
    """Return the benchmark's states that may lie on recorded trajectories; the first half is like the whole."""
    table = pd.read_csv(ROOT / "figures" / "05_inner_loop.csv")
    table = table[(table["maximiser"] == "ascent") & (table["formulas"] == "mean") & (table["alloy"] != "drawn")]
    return pd.concat([table[::2], table[1::2]])[list(STATE)].to_dict("records")


def state(alloy: str, n_elements: int, experiment: int, seed: int) -> State | None:
    """Return a state of the benchmark, None where its trajectory is not recorded."""
    loop = "slsqp_ei" if n_elements <= FEW and seed == 1 else "ascent"
    cell = declared()[f"{alloy.lower()}_n{n_elements}_{loop}"]
    run, space = _run(cell.name, seed), cell.space()
    known = run[run["experiment"] < experiment] if len(run) else run
    if not len(known):
        return None
    counts, merits = known[list(space.elements)].to_numpy(np.int64), known["merit"].to_numpy()
    features = FeatureMap(space.elements, run["features"].dropna().iloc[0].split())
    model = fit_paper(features, space.fractions(counts), merits)
    return State(space, log_ei(model, merits.max()), counts)


@cache
def _run(name: str, seed: int) -> pd.DataFrame:
    rows = studies.trajectories(declared()[name], seed + 1, compute=False)
    return rows[rows["seed"] == seed] if len(rows) else rows


def farthest(points: np.ndarray, n: int, first: int) -> np.ndarray:
    """Return the numbers of n rows of points (m, k): the first, then each the farthest from all before it."""
    rows, apart = [first], np.linalg.norm(points - points[first], axis=1)
    while len(rows) < n:
        rows.append(int(apart.argmax()))
        apart = np.minimum(apart, np.linalg.norm(points - points[rows[-1]], axis=1))
    return np.array(rows)


def starts(state: State, kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return counts (n, n_elements) of this kind of starts."""
    if kind == "random":
        return state.space.sample(n, rng)
    counts, values, _ = state.screen
    if kind == "diverse":
        return counts[farthest(state.space.fractions(counts), n, int(rng.integers(len(counts))))]
    if kind == "apart":
        options = AscentOptions().resolved(len(state.space.elements))
        return chosen(state.space, counts, values, n, rng, options)
    return counts[np.argsort(-values, kind="stable")[:n]]


def climb(state: State, counts: np.ndarray) -> float:
    """Return the largest log EI at the ends of ascents from counts (n, n_elements)."""
    space, limits = state.space, state.space.polytope()
    free = np.arange(len(counts))[:, None] % 2 == 0  # every other start keeps its elements, as in `ascent`
    lower, upper = support(space, counts)
    lower, upper = np.where(free, limits.lower, lower), np.where(free, limits.upper, upper)
    how = dict(tolerance=space.step / 10, batches=BATCHES)
    return float(spectral(state.acquire, Projection(space), space.fractions(counts), lower, upper, **how).values.max())


def fixed(state: State, kind: str, n: int, rng: np.random.Generator) -> tuple[float, int]:
    """Return the largest log EI that ascents from n starts reach, and n."""
    return climb(state, starts(state, kind, n, rng)), n


def adaptive(state: State, kind: str, rng: np.random.Generator) -> tuple[float, int]:
    """Return the largest log EI that ascents in groups reach, and how many starts they took."""
    counts = starts(state, kind, MOST, rng)
    if kind == "apart":  # its better half comes first: each group takes of both halves
        half = len(counts) // 2
        place = np.concatenate([np.arange(half), np.arange(len(counts) - half)]) // (GROUP // 2)
        counts = counts[np.argsort(place, kind="stable")]
    best, calm, used = -np.inf, 0, 0
    for group in np.array_split(counts, range(GROUP, len(counts), GROUP)):
        value, used = climb(state, group), used + len(group)
        calm = 0 if value > best + SHORT else calm + 1
        best = max(best, value)
        if calm == PATIENCE:
            break
    return best, used


ARMS: dict[tuple[str, int], Callable[[State, np.random.Generator], tuple[float, int]]] = {
    **{
        (kind, n): lambda state, rng, kind=kind, n=n: fixed(state, kind, n, rng)
        for kind in ("random", "diverse", "screened", "apart")
        for n in NUMBERS
    },
    **{(kind, 0): lambda state, rng, kind=kind: adaptive(state, kind, rng) for kind in ("random", "apart")},
}
"""All kinds and numbers of starts; 0: an adaptive number."""


def compute(*, compute_missing: bool = True) -> pd.DataFrame:
    """Return the rows of all states of which every arm is recorded or stored; compute what is missing, if asked for.

    Further column, short: nats of log EI below the best end in the state.
    """
    rows = []
    for key in tqdm(keys(), unit="state", disable=not compute_missing):
        with one_thread():
            own = _rows(key, cache(partial(state, **key)) if compute_missing else lambda: None)
        best = max((row["value"] for row in own), default=np.nan)
        rows += [{**row, "short": best - row["value"]} for row in own if len(own) == len(ARMS)]
    return pd.DataFrame(rows, columns=[*KEPT.columns, "short"])


def _rows(key: Mapping, make: Callable[[], State | None]) -> list[dict]:
    """What is kept of all arms on one state; make: gives the state, or None where nothing is to be computed."""
    rows = []
    for place, ((kind, n), arm) in enumerate(ARMS.items()):
        whole = {**key, "starts": kind, "number": n, "behaviour": BEHAVIOUR}
        row = KEPT.find(**whole)
        if row is None and (here := make()) is not None:
            rng = np.random.default_rng([key["n_elements"], key["experiment"], key["seed"], place])
            row = KEPT.get(partial(_measured, here, arm, kind, rng), **whole)
        rows += [row] if row is not None else []
    return rows


def _measured(state: State, arm: Callable, kind: str, rng: np.random.Generator) -> dict:
    screening = 0.0 if kind == "random" else state.screen[2]
    began = time.process_time()
    value, used = arm(state, rng)
    seconds = screening + time.process_time() - began
    return {
        "used": used,
        "value": round(value, 6),
        "cpu_seconds": round(seconds, 4),
        "code": store.code_version(),
    }


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each kind and number of starts: states, the share missed, mean starts and CPU seconds."""
    groups = rows.assign(missed=rows["short"] > SHORT).groupby(["starts", "number"], sort=False)
    return groups.agg(
        states=("missed", "size"), missed=("missed", "mean"), used=("used", "mean"), cpu_seconds=("cpu_seconds", "mean")
    ).reset_index()


def of(rows: pd.DataFrame, kind: str, number: int) -> pd.DataFrame:
    """Return the rows of one kind and number of starts, by state."""
    return rows[(rows["starts"] == kind) & (rows["number"] == number)].set_index(list(STATE))
