"""Searchers on the same problems, seed by seed: who solves them, in how many calls and seconds.

    found = race(["xrd_pbso4"], seeds=20)     # computes what neither the record nor the working store holds

A run is one file, written when it ends; an interrupted race goes on where it stopped. `record` packs finished runs into
`data/results/inverse_race.csv`: one row a run, with the code version that made it.
"""

import json
import time
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import pandas as pd
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from alloygrad.inverse import SEARCHERS, Recovery, recover
from compendium import store
from compendium.environments import datasets
from compendium.inverse import absorption, diffraction, images, magnons, peers, surface
from compendium.inverse.case import Case
from compendium.threads import one_thread

RECORD = store.RESULTS / "inverse_race.csv"
BEHAVIOUR = 1
"""Raised when a change of a problem changes what a run gives."""

LATER = {"hybrid": 2, "secant": 2}
"""Searchers with a version of their own: steps that disappoint are shortened, the Bayesian part is more patient."""

PROBLEMS = {
    "xrd_synthetic": diffraction.titanate,
    "xrd_pbso4": lambda seed: diffraction.sulphate(),
    "xas_co": absorption.cobalt,
    "ins_crsbr": magnons.bromide_case,
    "hrtem_batio3": images.titanate,
    "leed_cu100": surface.copper,
    "leed_ag100": lambda seed: surface.silver(),
    "leed_ag100_converged": lambda seed: surface.silver_converged(),
}
"""Problems by name: seed → case. Of measured data the seed names the search alone."""

_SILVER = ("ag_beams", "ag_phase_shifts")
NEEDED = {"xrd_pbso4": ("pbso4",), "leed_ag100": _SILVER, "leed_ag100_converged": _SILVER}
"""Published files that a problem reads."""

METHODS = {**SEARCHERS, "botorch": peers.botorch}
"""The library's searchers, and BoTorch's log EI on the misfit as a peer."""

SEEDS = {
    "xrd_synthetic": 20,
    "xrd_pbso4": 20,
    "xas_co": 20,
    "ins_crsbr": 20,
    "hrtem_batio3": 20,
    "leed_cu100": 6,
    "leed_ag100": 6,
    "leed_ag100_converged": 0,
}
"""Seeds of every searcher on a problem."""

OTHER_SEEDS = {
    ("xrd_synthetic", "botorch"): 6,
    ("xrd_pbso4", "botorch"): 6,
    ("xas_co", "botorch"): 6,
    ("ins_crsbr", "botorch"): 6,
    ("hrtem_batio3", "botorch"): 6,
    ("leed_ag100", "hybrid"): 10,
    ("leed_ag100", "secant"): 10,
    ("leed_ag100", "least_squares"): 10,
    ("leed_ag100", "composite"): 10,
    ("leed_ag100_converged", "hybrid"): 10,
}
"""Searchers with fewer seeds, because they take long, or with more, because a claim needs them."""

FEW_RUNS = 8
"""So many runs are made in this process: others take longer to start."""

FIRST_SEED = 100
"""Seeds below it served to tune the searchers."""

COLUMNS = [
    "problem", "method", "seed", "budget", "calls", "solved_at", "off", "reduced", "seconds", "simulator_seconds",
    "values", "standard_errors", "behaviour", "code",
]  # fmt: skip


@cache
def case(problem: str, seed: int) -> Case:
    """Return a problem of the race."""
    return PROBLEMS[problem](seed)


def available(problem: str) -> bool:
    """Return whether the published files of a problem can be had."""
    return all(datasets.available(name) for name in NEEDED.get(problem, ()))


def run(problem: str, method: str, seed: int, budget: int | None = None) -> dict:
    """Run one searcher on one problem; the row of the record."""
    one = case(problem, seed)
    started = time.perf_counter()
    found = recover(one.problem, METHODS[method], budget=budget or one.budget, seed=seed, progress=False)
    seconds = time.perf_counter() - started
    simulated = sum(call.seconds for call in found.calls.calls)
    return {
        "problem": problem,
        "method": method,
        "seed": seed,
        "budget": budget or one.budget,
        "calls": len(found.calls),
        "solved_at": solved_at(one, found),
        "off": one.judge(found.values, found.calls.fine[found.calls.best]),
        "reduced": found.reduced,
        "seconds": seconds,
        "simulator_seconds": simulated,
        "values": json.dumps({name: round(value, 6) for name, value in found.values.items()}),
        "standard_errors": json.dumps({name: float(f"{e:.3g}") for name, e in found.standard_errors.items()}),
        "behaviour": behaviour(method),
        "code": store.code_version(),
    }


def solved_at(one: Case, found: Recovery) -> int | None:
    """Return the number of calls after which the best fit so far solves the problem for good; None if never."""
    calls, best, at = found.calls, 0, None
    for number, fit in enumerate(calls.fine):
        if fit.misfit < calls.fine[best].misfit or number == 0:
            best = number
        values = calls.calls[best].values | calls.fine[best].cheap
        if one.judge(values, calls.fine[best]) > 1:
            at = None
        elif at is None:
            at = number + 1
    return at


def race(
    problems: Iterable[str],
    methods: Sequence[str] = tuple(METHODS),
    *,
    seeds: int | None = None,
    budget: int | None = None,
    workers: int | None = None,
    compute: bool = True,
) -> pd.DataFrame:
    """Return the rows of all runs, computing what is missing; problems whose data cannot be had come from the record.

    Args:
        problems: Names in `PROBLEMS`.
        methods: Names in `METHODS`.
        seeds: How many; those of `SEEDS` unless given.
        budget: Calls in place of the problem's own.
        workers: Processes; one per core unless given, or one for a few runs.
        compute: Whether to compute what is missing.
    """
    wanted = [
        (problem, method, FIRST_SEED + i)
        for problem in problems
        for method in methods
        for i in range(planned(problem, method, seeds))
    ]
    found = {key: row for key in wanted if (row := _known(*key, budget)) is not None}
    missing = [key for key in wanted if key not in found and available(key[0])] if compute else []
    if missing:
        jobs = Parallel(
            n_jobs=workers or (cpu_count() if len(missing) > FEW_RUNS else 1), return_as="generator_unordered"
        )
        done = jobs(delayed(_run_and_keep)(*key, budget) for key in missing)
        for row in tqdm(done, total=len(missing), desc="runs"):
            found[row["problem"], row["method"], row["seed"]] = row
    return pd.DataFrame([found[key] for key in wanted if key in found], columns=COLUMNS)


def behaviour(method: str) -> int:
    """Return the version of what a searcher's runs give."""
    return LATER.get(method, BEHAVIOUR)


def planned(problem: str, method: str, seeds: int | None = None) -> int:
    """Return how many seeds a searcher runs on a problem."""
    most = OTHER_SEEDS.get((problem, method), SEEDS[problem])
    return min(seeds or most, most)


def recorded() -> pd.DataFrame:
    """Return the recorded runs; empty where there are none."""
    return pd.read_csv(RECORD) if RECORD.exists() else pd.DataFrame(columns=COLUMNS)


def record() -> pd.DataFrame:
    """Pack finished runs of the working store into the record; return it."""
    rows = [store.read_json(path) for path in sorted(folder().glob("*.json"))]
    whole = [row for row in rows if row is not None and row["budget"] == case(row["problem"], row["seed"]).budget]
    table = pd.concat([recorded(), pd.DataFrame(whole, columns=COLUMNS)], ignore_index=True)
    table = table[table["behaviour"] == table["method"].map(behaviour)].drop_duplicates(
        ["problem", "method", "seed"], keep="last"
    )
    table = table.sort_values(["problem", "method", "seed"])
    store.write(RECORD, lambda path: table.to_csv(path, index=False, float_format="%.6g"))
    _recorded_rows.cache_clear()
    return table


def folder() -> Path:
    """Return the folder of finished runs in the working store."""
    return store.working() / "inverse_race"


def _known(problem: str, method: str, seed: int, budget: int | None) -> dict | None:
    path = _path(problem, method, seed, budget)
    if path.exists() and (row := store.read_json(path)) is not None:
        return row
    rows = _recorded_rows() if budget is None else {}
    return rows.get((problem, method, seed))


@cache
def _recorded_rows() -> dict[tuple, dict]:
    rows = recorded()
    rows = rows[rows["behaviour"] == rows["method"].map(behaviour)]
    return {(row["problem"], row["method"], row["seed"]): row for row in rows.to_dict("records")}


def _path(problem: str, method: str, seed: int, budget: int | None) -> Path:
    return folder() / f"{problem}-{method}-{seed}-{budget or 'full'}-{behaviour(method)}.json"


@one_thread()
def _run_and_keep(problem: str, method: str, seed: int, budget: int | None) -> dict:
    row = run(problem, method, seed, budget)
    store.write_json(_path(problem, method, seed, budget), row)
    return row
