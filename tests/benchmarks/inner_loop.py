"""Which inner loop finds the maximum, and at what cost? Every maximiser on every state, one thread each.

    python tests/benchmarks/inner_loop.py [--states K] [--thin K] [--workers 2] [--collect] [--smoke]

A state is what a trajectory knows before an experiment: measured compositions, merits, features. From it everything
follows: the fitted GP, log EI, and the seed of every maximiser (box and ascent start from the same compositions).

    3–5 elements    216 states on the grids of `cells.WORKING_STEP`; 3 alloys × weighted averages or all formulas ×
                    (6 experiments of an ascent trajectory, 6 of a `slsqp` one); the reference is enumeration,
                    `exhaustive` the same without skipping
    6–10 elements   48 states each, ascent trajectories of 3 alloys
    15–30 elements  48 states each, ascent trajectories in `drawn` landscapes; the reference is the best of all
                    maximisers and of `ascent_x20`, the best of twenty further ascents

The three peers that take tens of seconds (`SLOW`) come last, and with --thin K only on each K-th state.

regret = reference − value, in log EI: exp(regret) is the ratio of the EIs. Times are CPU seconds. Written are
figures/05_inner_loop.csv, one row for each state and maximiser; 05_stations.csv, the other stations against BoTorch on
the same states; 05_starts.csv, how often a single ascent finds the reference; and 05_verdicts.csv. Finished work stands
in the working store's `benchmark` folder: a killed run goes on, a repeated one only prints. Times compare within one
run on one machine; for new ones delete that folder.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import peers
import torch
from collected import ENUMERABLE, table, verdicts
from joblib import Parallel, delayed
from states import KEY, State, Walk, declare, kept, some, taken, walk_name
from stations import asked, cpu_seconds, station_rows
from tqdm import tqdm

from alloygrad.acquisition.analytic import Acquisition, log_ei
from alloygrad.maximisers import Suggestion
from alloygrad.maximisers.projection import Projection
from alloygrad.maximisers.spectral import spectral
from alloygrad.maximisers.suggestion import Plain
from alloygrad.surrogates.gp import fit_paper
from compendium import ROOT, store

SLOW = ("scipy_botorch", "botorch_joint", "botorch_batched")
"""Peers that take longer than all else together."""

PER_STATE = 256
"""Ascents from random compositions of which the share that find the reference is counted."""

TINY = {
    "ascent": {"starts_per_element": 2, "screen": 256},
    "ascent_x20": {"times": 2, "starts_per_element": 2, "screen": 256},
    "box": {"starts_per_element": 2, "screen": 256},
    "slsqp_ei": {"starts_per_element": 1},
    "slsqp_log_ei": {"starts_per_element": 1},
    **{name: {"restarts": 2} for name in SLOW},
}
"""Options of the maximisers in a trial of the code itself."""


def maximisers(state: State, budgets: dict, slow: bool) -> Iterator[tuple[str, Callable, dict]]:
    """(name, maximiser, options) of all that run on a state, ascent first, with the slow peers or without.

    budgets: options by name, for trials.
    """
    n = len(state.space.elements)
    yield "ascent", partial(peers.library, "ascent"), budgets.get("ascent", {})
    if n <= ENUMERABLE:
        yield "enumeration", partial(peers.library, "enumeration"), {}
        yield "exhaustive", exhaustive, {}
    else:
        yield "ascent_x20", peers.again, budgets.get("ascent_x20", {"times": 20})
    for name, peer in peers.PEERS.items():
        if n <= peers.UPTO.get(name, n) and (slow or name not in SLOW):
            yield name, peer, budgets.get(name, {})


def exhaustive(acquire: Acquisition, space, **options) -> Suggestion:
    """Enumeration that evaluates every composition, as the paper's does: no bound rules any out."""
    return peers.library("enumeration", Plain(acquire), space, **options)


def examine(state: State, place: Path, budgets: dict, slow: bool, collect: bool) -> list[dict]:
    """One row for each maximiser, read from `place` or measured; read only, if `collect`."""
    rows, acquire = [], cache(partial(prepared, state))
    for name, maximiser, options in maximisers(state, budgets, slow):
        if name in ("random_search", "cmaes"):
            options = {"evaluations": rows[0]["evaluations"]} if rows else {}
        path = state.path(place / "maximisers", name, options)
        if found := kept(path, partial(suggested, state, acquire, name, maximiser, options), collect):
            rows.append({"maximiser": name, **state.columns(), **found})
    return rows


def suggested(state: State, acquire: Callable[[], Acquisition], name: str, maximiser: Callable, options: dict) -> dict:
    """What is kept of one maximiser on one state."""
    a, rng = acquire(), state.rng(20) if name == "ascent_x20" else state.rng()
    seconds, found = cpu_seconds(lambda: maximiser(a, state.space, exclude=state.counts, rng=rng, **options))
    return {
        "log_value": found.value,
        "moved": None if np.isnan(found.moved) else found.moved,
        "evaluations": found.evaluations,
        "counts": found.counts.tolist(),
        "cpu_s": seconds,
    }


def prepared(state: State) -> Acquisition:
    """Log EI of the fitted state; what any maximiser may need is built once, before the clock starts."""
    acquire = log_ei(fit_paper(*state.data()), state.merits.max())
    warm = torch.tensor(state.space.sample_continuous(2, state.rng()), requires_grad=True)
    for function, points in ((acquire, warm), (peers.Through(acquire), warm[:, None])):
        function(points).sum().backward()
    return acquire


def hits(state: State, place: Path, rows: list[dict], ascents: int, collect: bool) -> list[dict]:
    """Share of ascents on log EI from uniform random compositions that end within 1 % of the reference EI; one row.

    rows: of `examine`. Counted is where the continuous end is as good as the best grid composition that ascent or the
    reference found; no search on the grid follows.
    """
    known = [row["log_value"] for row in rows if row["maximiser"] in ("ascent", "ascent_x20", "enumeration")]
    path = state.path(place / "hits", "hits", {"ascents": ascents})
    found = kept(path, lambda: tried(state, max(known), ascents), collect)
    return [{**state.columns(), **found}] if found else []


def tried(state: State, reference: float, ascents: int) -> dict:
    """What is kept of the ascents on one state."""
    acquire, limits = log_ei(fit_paper(*state.data()), state.merits.max()), state.space.polytope()
    starts = state.space.sample_continuous(ascents, state.rng(1))
    lower, upper = (np.broadcast_to(limit, starts.shape) for limit in (limits.lower, limits.upper))
    ends = spectral(
        acquire, Projection(state.space), starts, lower, upper, tolerance=state.space.step / 10, batches=100
    )
    return {"hits": float((ends.values >= reference - np.log(1.01)).mean()), "starts": ascents}


def work(state: State, place: Path, budgets: dict, tiny: bool, slow: bool, collect: bool) -> tuple[list[dict], ...]:
    """All that is asked of one state, in one process: its ratios are of one processor."""
    rows = examine(state, place, budgets, slow, collect)
    stations = station_rows(state, place, ("fit",) if tiny else asked(state), collect)
    return rows, stations, [] if tiny else hits(state, place, rows, PER_STATE, collect)


def run(walks: list[Walk], *, workers=2, budgets: dict | None = None, tiny=False, thin=1, collect=False) -> tuple:
    """(table of maximisers, of stations, of hits) over the states of all walks; computes what is not yet there.

    The states come in random order, so that what is finished at any time is like the whole. collect: only gather that.
    """
    place, budgets = store.working() / "benchmark", budgets or {}
    paths = [place / "trajectories" / f"{walk_name(walk)}.parquet" for walk in walks]
    side_by_side = Parallel(n_jobs=workers, return_as="generator_unordered")
    order = sorted(zip(walks, paths, strict=True), key=lambda pair: -pair[0].n_elements)  # the long ones first
    found = list(tqdm(side_by_side(delayed(taken)(*pair) for pair in order), total=len(walks), desc="trajectories"))
    found = sorted((state for group in found for state in group), key=lambda state: state.name)
    rows = []
    for slow, some_states in ((False, found), (True, found[::thin])):
        calls = (delayed(work)(state, place, budgets, tiny, slow, collect) for state in some_states)
        what = "slow peers" if slow else "states"
        rows += list(tqdm(side_by_side(calls), total=len(some_states), desc=what))
    rows = [[row for parts in rows for row in parts[i]] for i in range(3)]
    maximised = pd.DataFrame(rows[0]).drop_duplicates(["maximiser", *KEY])
    whole = maximised.groupby(KEY)["maximiser"].transform(lambda names: {"random_search", "cmaes", "box"} <= set(names))
    stations = pd.DataFrame(rows[1]).drop_duplicates(["what", *KEY])
    started = pd.DataFrame(rows[2], columns=[*KEY, "hits", "starts"]).drop_duplicates(KEY)
    stations = stations.sort_values(["what", *KEY], ignore_index=True)
    return table(maximised[whole]), stations, started.sort_values(KEY, ignore_index=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--states", type=int, help="at most so many states for each number of elements")
    parser.add_argument("--thin", type=int, default=1, help="the slow peers on each K-th state only")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--collect", action="store_true", help="write the tables of what is finished, compute nothing")
    parser.add_argument("--smoke", action="store_true", help="two states with tiny budgets, to figures/smoke")
    given = parser.parse_args()
    walks = declare()
    if given.smoke:
        walks = [replace(walk, experiments=(0,)) for walk in walks if walk.n_elements in (3, 6)][::2][:2]
    elif given.states:
        walks = some(walks, given.states)
    budgets = TINY if given.smoke else None
    how = dict(workers=given.workers, budgets=budgets, tiny=given.smoke, thin=given.thin, collect=given.collect)
    found, stations, started = run(walks, **how)
    target, lines = ROOT / "figures" / ("smoke" if given.smoke else ""), verdicts(found, stations)
    written = {"inner_loop": found, "stations": stations, "starts": started, "verdicts": lines}
    for name, rows in ((f"05_{name}", rows.assign(code=store.code_version())) for name, rows in written.items()):
        store.write(target / f"{name}.csv", lambda path, rows=rows: rows.to_csv(path, index=False, float_format="%.6g"))
    summary = found.groupby(["n_elements", "maximiser"])[["regret", "moved", "evaluations", "cpu_s", "ratio_to_ascent"]]
    print(summary.median().round(4).to_string(), end="\n\n")
    print(lines.round(4).to_string(index=False))


if __name__ == "__main__":
    import inner_loop  # under this name workers can import it

    inner_loop.main()
