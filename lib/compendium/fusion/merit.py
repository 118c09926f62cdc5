"""More merit per experiment among many elements: campaigns on alloys that differ in what their model sees.

    merit.compute(["HEA"], ["both"], seeds=8)    # what is neither recorded nor stored
    merit.KEPT.record()                          # the coordinator, at the end

    paper       four features, exact targets, one prior: the arm `ascent` of the first paper, from its records
    features    the same four features in the setting "safe": noise learned, targets standardised, a prior on
                lengthscales that grows with the square root of the number of inputs
    fractions   raw fractions, "safe"
    both        the four features and the fractions, "safe"
    outcomes    each measured property has a model of its own, on raw fractions, "safe"; the merit is computed from
                what these expect (`alloygrad.Merit`). It needs the properties of every alloy, not its merit alone.
                Every second suggestion has to beat the best by a margin; "outcomes_no_margin" goes without.

All arms of a seed begin with the same 40 random alloys. What the model sees was chosen on SMA and Ti (`TUNING`), mostly
by `one_step`; "outcomes" on three or four seeds of these from `TUNING_SEED` on. The other landscapes judge it, and the
seeds from 0 on.

Criterion of "outcomes", written before its judged runs; means after 60 experiments, over 96 seeds at N = 10 and 32
elsewhere:

    N = 10           SMA ≥ .90 (accepted from .84 on if the 95 % interval of the gain lies above 0), HEA ≥ .592,
                     Ti ≥ 1.035; the mean passes what "paper" has after 60 after at most 20, on HEA 10
    N = 8            SMA ≥ .89
    N = 4 and 5      no mean more than .002 below that of "paper"; at most 10 % of campaigns frozen: the same merit
                     from experiment 20 to 60, more than .002 below the best known
    retrained        no 95 % interval of the gain lies below 0
    cost             at most 3 × the CPU time of an experiment of "paper"
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from alloygrad import Campaign, Merit
from alloygrad.campaigns.trajectory import (
    INNER_LOOP,
    Settings,
    choose_features,
    generator,
    initial_measurements,
    measured_row,
    trajectory,
)
from alloygrad.features.feature_map import FRACTION, Feature
from alloygrad.objectives.merit import MARGIN
from compendium import store
from compendium.environments import trained
from compendium.environments.alloys import ALLOYS
from compendium.fusion import tried
from compendium.judging.statistics import paired
from compendium.running import studies
from compendium.running.cells import Cell, declared
from compendium.running.kept import Kept, unrolled
from compendium.running.landscapes import top
from compendium.threads import one_thread

TUNING = ("SMA", "Ti")
"""Landscapes on which the inputs were chosen, named before."""

EXPERIMENTS, STEP = 60, 0.001
SINCE, SHORT = 20, 0.002
"""A campaign is frozen where its merit stays as it is from experiment 20 on, more than .002 below the best known."""

TUNING_SEED = 1000

AMONG_TEN = ("SMA", "HEA", "Ti")
RETRAINED = tuple(f"{landscape}_retrained" for landscape in AMONG_TEN)
FEW = (4, 5)
"""What the criterion speaks of: alloys of ten elements, the same trained again, and numbers of few elements."""

PLANNED = (
    {(landscape, 10): 96 for landscape in AMONG_TEN}
    | {("SMA", 8): 32}
    | {(landscape, n): 32 for landscape in AMONG_TEN for n in FEW}
    | {(landscape, 10): 32 for landscape in RETRAINED}
)
"""Seeds of the criterion, by landscape and number of elements."""

BEHAVIOUR = 1
"""Raised when a change of the code changes what a run gives."""

KEYS = ("landscape", "n_elements", "arm", "seed", "behaviour")
KEPT = Kept("alloy_merit", KEYS, (*KEYS, "best", "log_ei", "seconds", "code"))
"""best: the largest merit after 0 … 60 experiments; log_ei: the median of the last ten; seconds: of the processor for
an experiment."""


def sees(*kinds: str) -> Callable[..., list[Feature]]:
    """Return a function that chooses the inputs of a trajectory: features, fractions, or the one and the other."""

    def choose(settings: Settings, space: Any, points: np.ndarray, merits: np.ndarray, seed: int) -> list[Feature]:
        chosen = list(choose_features(settings, space, points, merits, seed)) if "features" in kinds else []
        return chosen + [(FRACTION, element) for element in space.elements if "fractions" in kinds]

    return choose


SEARCH = {
    "screen": 1024, "starts_per_element": 2, "batches": 12, "best_batches": 10, "climbers": 8, "short_climbs": 24,
    "short_rounds": 3, "replacements": 0, "nearby_rounds": 2, "nearby_draws": 256, "polished": 16, "ridge_rounds": 0,
    "rounds": 30,
}  # fmt: skip
"""How `ascent` searches in all arms but "paper": with less than half of its default effort, so that more campaigns fit
in an hour. That can only cost these arms merit."""

SAFE = Settings(setting="safe", options=SEARCH)

ARMS: dict[str, tuple[Settings, Callable]] = {
    "paper": (Settings(), sees("features")),
    "features": (SAFE, sees("features")),
    "fractions": (SAFE, sees("fractions")),
    "both": (SAFE, sees("features", "fractions")),
}
"""Settings and choice of inputs of the arms that model the merit."""

OUTCOMES = "outcomes"
MARGINS = {OUTCOMES: MARGIN, "outcomes_no_margin": 0.0}
"""The arms that model the properties, and the margin of each."""


def on_outcomes(
    settings: Settings, space: Any, environment: trained.Environment, seed: int, margin: float = MARGIN
) -> Iterator[dict]:
    """Yield the rows of a campaign whose models are those of the measured properties, as `trajectory` yields them."""
    properties = list(environment.alloy.properties)
    campaign = Campaign(
        space,
        Merit(environment.merit, properties, margin),
        inputs="fractions",
        setting=settings.setting,
        options=settings.options,
        seed=seed,
    )
    rows = list(initial_measurements(settings, space, environment, seed))
    yield from rows
    campaign.tell(*_measured(space, properties, rows))
    for experiment in range(settings.n_experiments):
        worked = time.process_time()
        (pick,) = campaign.ask(rng=generator(seed, INNER_LOOP, experiment))
        spent = time.process_time() - worked
        row = measured_row(environment, space, pick.point, seed, experiment)
        campaign.tell(*_measured(space, properties, [row]))
        yield row | {"log_ei": pick.value, "cpu_seconds": spent}


def _measured(space: Any, properties: Sequence[str], rows: Sequence[dict]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Points (n, n_elements) and outcomes, each (n,), of rows."""
    points = np.array([[row[key] for key in space.keys] for row in rows])
    return points, {name: np.array([row[name] for row in rows]) for name in properties}


def run(landscape: str, n_elements: int, arm: str, seed: int) -> dict:
    """Run one campaign; the columns of its row beyond the keys."""
    alloy = ALLOYS[landscape.partition("_")[0]]
    space = alloy.space(n_elements, step_of(landscape, n_elements))
    environment = trained.load(alloy, space.elements, folder=trained.FOLDER / landscape)
    started = time.process_time()
    if arm in tried.MODELS:
        rows = pd.DataFrame(tried.campaign(arm, SAFE, space, environment, seed))
        rows["cpu_seconds"] = (time.process_time() - started) / EXPERIMENTS
    elif arm in MARGINS:
        rows = pd.DataFrame(on_outcomes(SAFE, space, environment, seed, MARGINS[arm]))
    else:
        settings, choose = ARMS[arm]
        rows = pd.DataFrame(trajectory(settings, space, environment, seed, choose=choose))
    return summarised(rows) | {"code": store.code_version()}


def summarised(rows: pd.DataFrame) -> dict:
    """Return best, log_ei and seconds of the rows of one trajectory."""
    proposed = rows[rows["experiment"] >= 0]
    best = rows.sort_values("experiment")["merit"].cummax().to_numpy()[-len(proposed) - 1 :]
    return {
        "best": " ".join(f"{value:.5g}" for value in best),
        "log_ei": round(float(proposed["log_ei"].tail(10).median()), 2),
        "seconds": round(float(proposed["cpu_seconds"].mean()), 3),
    }


def _published(landscape: str, n_elements: int) -> Cell | None:
    """The first paper's cell of the arm "paper"."""
    return declared().get(f"{landscape.lower()}_n{n_elements}_ascent")


def step_of(landscape: str, n_elements: int) -> float:
    """Return the grid's step: that of the first paper's cell, so that a seed begins with the same alloys."""
    cell = _published(landscape.partition("_")[0], n_elements)
    return STEP if cell is None else cell.step


@cache
def best_known(landscape: str, n_elements: int) -> float:
    """Return the largest merit that long searches of the landscape itself found; NaN where none is on record."""
    cell = _published(landscape, n_elements)
    return float("nan") if cell is None else top(cell)["merit"]


@cache
def recorded(landscape: str, n_elements: int) -> dict[int, dict]:
    """Return the recorded trajectories of the arm "paper" by seed; empty where there are none."""
    cell = _published(landscape, n_elements)
    if cell is None:
        return {}
    rows = studies.trajectories(cell, cell.planned, compute=False)
    return (
        {seed: summarised(own) | {"code": own["code"].iloc[0]} for seed, own in rows.groupby("seed")}
        if len(rows)
        else {}
    )


def compute(
    landscapes: Iterable[str],
    arms: Sequence[str],
    *,
    seeds: int,
    first: int = 0,
    n_elements: int = 10,
    compute_missing: bool = True,
) -> pd.DataFrame:
    """Return the rows of all runs, seed by seed, computing what is missing.

    Args:
        landscapes: Names of trained networks.
        arms: Names in `ARMS`, `MARGINS` or `tried.MODELS`.
        seeds: How many, from the seed `first` on.
        n_elements: Of the alloys.
        compute_missing: Whether to compute; otherwise only what is recorded or stored is returned.
    """
    wanted = [
        dict(zip(KEYS, (landscape, n_elements, arm, first + seed, BEHAVIOUR), strict=True))
        for seed in range(seeds)
        for landscape in landscapes
        for arm in arms
    ]
    rows = []
    with one_thread():
        for key in tqdm(wanted, desc="campaigns", disable=not compute_missing):
            row = KEPT.find(**key)
            if (
                row is None
                and key["arm"] == "paper"
                and key["seed"] in (known := recorded(key["landscape"], n_elements))
            ):
                row = key | known[key["seed"]]
            if row is None and compute_missing:
                row = KEPT.get(lambda key=key: run(*(key[name] for name in KEYS[:4])), **key)
            rows += [row] if row is not None else []
    return pd.DataFrame(rows, columns=list(KEPT.columns))


def curves(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per landscape, number of elements, arm, seed and experiment: the largest merit so far."""
    table = unrolled(runs, ["landscape", "n_elements", "arm", "seed"], "best", float)
    return table.rename(columns={"batch": "experiments", "best": "merit"})


def gains(runs: pd.DataFrame, over: str = "paper") -> pd.DataFrame:
    """Return what each arm gains over another on the same seeds, after all experiments.

    Columns: landscape, n_elements, arm, n (seeds), merit and that of the other, gain with its 95 % interval (NaN below
    eight seeds), `reached`: after how many experiments the mean passes the other arm's final mean, NaN if it does not,
    and `cost`: CPU time of an experiment over the other arm's.
    """
    rows = []
    for (landscape, n_elements), own in runs.groupby(["landscape", "n_elements"], sort=False):
        wide = curves(own).pivot(index=["arm", "seed"], columns="experiments", values="merit")
        seconds = own.set_index(["arm", "seed"])["seconds"].sort_index()
        known = wide.loc[over] if over in wide.index else wide.iloc[:0]
        for arm in dict.fromkeys(own["arm"]):
            both = wide.loc[arm].index.intersection(known.index)
            if arm == over or not len(both):
                continue
            mine, theirs = wide.loc[arm].loc[both], known.loc[both]
            last = mine.columns[-1]
            found = paired(mine[last], theirs[last])
            passed = (mine.mean() >= theirs[last].mean()).to_numpy()
            rows.append({
                "landscape": landscape, "n_elements": n_elements, "arm": arm, "n": found["n"],
                "merit": mine[last].mean(), over: theirs[last].mean(), "gain": found["mean"],
                "low": found["low"], "high": found["high"],
                "reached": float(passed.argmax()) if passed.any() else np.nan,
                "cost": seconds[arm][both].mean() / seconds[over][both].mean(),
            })  # fmt: skip
    columns = ["landscape", "n_elements", "arm", "n", "merit", over, "gain", "low", "high", "reached", "cost"]
    return pd.DataFrame(rows, columns=columns)


def frozen(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the share of campaigns with one merit from experiment `SINCE` to the last, `SHORT` below the best known.

    The best known of a landscape and a number of elements is on record, or the largest merit of all runs given.
    Columns: landscape, n_elements, arm, n, frozen.
    """
    rows = []
    for (landscape, n_elements), own in runs.groupby(["landscape", "n_elements"], sort=False):
        wide = curves(own).pivot(index=["arm", "seed"], columns="experiments", values="merit")
        last = wide[wide.columns[-1]]
        known = np.fmax(last.max(), best_known(landscape, n_elements))
        stands = (wide[SINCE] == last) & (last < known - SHORT)
        rows += [
            {"landscape": landscape, "n_elements": n_elements, "arm": arm, "n": len(mine), "frozen": mine.mean()}
            for arm, mine in stands.groupby(level="arm", sort=False)
        ]
    return pd.DataFrame(rows, columns=["landscape", "n_elements", "arm", "n", "frozen"])
