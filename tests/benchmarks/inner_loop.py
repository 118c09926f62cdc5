"""Which inner loop finds the maximum, and at what cost? Every maximiser on every state, one thread each.

    python tests/benchmarks/inner_loop.py [--states K] [--thin K] [--workers 2] [--collect] [--smoke]

A state is what a trajectory knows before an experiment: measured compositions, merits, features. From it everything
follows: the fitted GP, log EI, and the seed of every maximiser (box and ascent start from the same compositions).

    3–5 elements    216 states on the grids of `cells.WORKING_STEP`; 3 alloys × weighted averages or all formulas ×
                    (6 experiments of an ascent trajectory, 6 of a published one); the reference is enumeration
    6–10 elements   24 states each, ascent trajectories of 3 alloys
    15–30 elements  24 states each, ascent trajectories in `drawn` landscapes; the reference is the best of all
                    maximisers and of `ascent_x20`, an independent ascent with 20 times the screen and the starts

The three peers that take tens of seconds (`SLOW`) come last, and with --thin K only on each K-th state.

regret = reference − value, in log EI: exp(regret) is the ratio of the EIs. Times are CPU seconds. Written are
figures/05_inner_loop.csv, one row for each state and maximiser; 05_stations.csv, the other stations against BoTorch on
the same states; 05_starts.csv, how often a single ascent finds the reference; and 05_verdicts.csv. Finished work stands
in the working store's `benchmark` folder: a killed run goes on, a repeated one only prints. Times compare within one
run on one machine; for new ones delete that folder.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import peers
import torch
from botorch.acquisition.analytic import ExpectedImprovement, LogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.optim.fit import fit_gpytorch_mll_torch
from gpytorch.mlls import ExactMarginalLogLikelihood
from joblib import Parallel, delayed
from tqdm import tqdm

from alloygrad import ROOT, elements, environments, store
from alloygrad.acquisition import Acquisition, log_ei
from alloygrad.campaign import BEHAVIOUR, Settings, measure, trajectory
from alloygrad.cells import WORKING_STEP
from alloygrad.features import FORMULAS, FeatureMap, all_features
from alloygrad.maximisers import METHODS, Suggestion, maximise
from alloygrad.maximisers.projection import Projection
from alloygrad.maximisers.published import published
from alloygrad.maximisers.spectral import spectral
from alloygrad.space import CompositionSpace, Group
from alloygrad.surrogate import STARTS, Surrogate, condition, fit, to_botorch
from alloygrad.threads import one_thread

VERSION = 1
"""Raised when a change here changes a row: recorded ones then no longer match."""

ENUMERABLE = 5
"""Elements up to which the reference is enumeration."""

NAMES = {"mean": ("mean",), "all": tuple(FORMULAS)}
"""The values of the column `formulas`."""

KEY = ["alloy", "n_elements", "formulas", "experiment", "seed"]
"""Columns that name a state."""

ENUMERATED = (0, 30, 59)
"""Experiments of SMA, 4 elements, before which enumeration is timed against BoTorch."""

SLOW = ("slsqp", "botorch_joint", "botorch_batched")
"""Peers that take longer than all else together."""

PER_STATE = 256
"""Ascents from random compositions of which the share that find the reference is counted."""

TINY = {
    "ascent": {"starts_per_element": 2, "screen": 256},
    "ascent_x20": {"starts_per_element": 4, "screen": 512},
    "box": {"starts_per_element": 2, "screen": 256},
    "published": {"starts_per_element": 1},
    **{name: {"restarts": 2} for name in peers.CAPS},
}
"""Options of the maximisers in a trial of the code itself."""


@dataclass(frozen=True)
class Walk:
    """A trajectory and the experiments before which a state is taken from it."""

    alloy: str  # or "drawn"
    n_elements: int
    formulas: str
    seed: int
    maximiser: str
    acquisition: str
    experiments: tuple[int, ...]

    @cached_property
    def space(self) -> CompositionSpace:
        if self.alloy == "drawn":
            return wide_space(self.n_elements)
        return environments.ALLOYS[self.alloy].space(
            self.n_elements, WORKING_STEP.get((self.alloy, self.n_elements), 0.001)
        )

    def environment(self) -> Callable:
        if self.alloy == "drawn":
            return drawn(self.space, self.seed)
        return environments.load(environments.ALLOYS[self.alloy], self.space.elements)

    def settings(self) -> Settings:
        return Settings(
            maximiser=self.maximiser,
            acquisition=self.acquisition,
            formulas=NAMES[self.formulas],
            n_experiments=max(1, *self.experiments),  # the first tells the features
        )


def declare() -> list[Walk]:
    """All trajectories of the benchmark."""
    walks = []
    for formulas in NAMES:
        for alloy in environments.ALLOYS:
            for n in (3, 4, 5):
                walks.append(Walk(alloy, n, formulas, 0, "ascent", "log_ei", (0, 10, 20, 30, 40, 50)))
                walks.append(Walk(alloy, n, formulas, 1, "published", "ei", (5, 15, 25, 35, 45, 59)))
            for n in (6, 8, 10):
                walks.append(Walk(alloy, n, formulas, 0, "ascent", "log_ei", (0, 5, 15, 30)))
        for n in (15, 20, 30):
            for seed in range(3):
                walks.append(Walk("drawn", n, formulas, seed, "ascent", "log_ei", (0, 5, 15, 30)))
    return walks


def wide_space(n_elements: int) -> CompositionSpace:
    """Metals with all 30 properties, each up to .35, the first third of them to .6 in sum and the second to .7."""
    table = elements.load()
    known = table.index[table[list(elements.SYMBOLS)].notna().all(axis=1)]
    chosen = [element for element in known if element not in ("C", "Li", "Be", "B", "Na", "K", "Ca")][:n_elements]
    third = n_elements // 3
    groups = (Group(tuple(chosen[:third]), 0.6), Group(tuple(chosen[third : 2 * third]), 0.7))
    return CompositionSpace(tuple(chosen), [0.0] * n_elements, [0.35] * n_elements, 0.001, groups)


def drawn(space: CompositionSpace, seed: int, features: int = 4, waves: int = 256) -> Callable:
    """A landscape drawn from a GP over weighted averages x: √(2/waves) Σ_k a_k cos(w_k·x/ℓ + b_k), a ~ N(0, 1).

    The spectral density of Matérn 5/2 is a Student t of 5 degrees of freedom, which w follows. ℓ = .5 on features
    scaled to 0 … 1 over 500 random compositions. Source: Rahimi and Recht, NeurIPS 2007.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(len(space.elements),)))
    candidates = all_features(["mean"])
    chosen = [candidates[i] for i in rng.choice(len(candidates), features, replace=False)]
    e = FeatureMap(space.elements, chosen)
    seen = e(space.fractions(space.sample(500, rng))).numpy()
    low, width = seen.min(0), np.ptp(seen, axis=0)
    w = rng.normal(size=(features, waves)) / np.sqrt(rng.chisquare(5, waves) / 5) / 0.5
    a, b = rng.normal(size=waves) * np.sqrt(2 / waves), rng.uniform(0, 2 * np.pi, waves)
    return lambda fractions: {"merit": np.cos((e(fractions).numpy() - low) / width @ w + b) @ a}


@dataclass(frozen=True, eq=False)
class State:
    """What is known before one experiment."""

    walk: Walk
    experiment: int
    counts: np.ndarray
    merits: np.ndarray
    features: tuple[str, ...]

    @property
    def space(self) -> CompositionSpace:
        return self.walk.space

    @cached_property
    def name(self) -> str:
        """Digest of what makes it, and of the code that is measured on it."""
        known = {"counts": self.counts.tolist(), "merits": self.merits.tolist(), "features": self.features}
        return store.digest({**self.space.describe(), **known, "code": [BEHAVIOUR, VERSION, peers.VERSION]})

    def data(self) -> tuple[FeatureMap, np.ndarray, np.ndarray]:
        """The arguments of `surrogate.fit`."""
        return FeatureMap(self.space.elements, self.features), self.space.fractions(self.counts), self.merits

    def rng(self, *more: int) -> np.random.Generator:
        return np.random.default_rng([int(self.name, 16), *more])

    def columns(self) -> dict:
        return {key: self.experiment if key == "experiment" else getattr(self.walk, key) for key in KEY}


def states(walk: Walk, path: Path) -> list[State]:
    """Run the trajectory as far as it is not in `path`, and take the states from it."""
    rows = pd.read_parquet(path).to_dict("records") if path.exists() else []
    with one_thread():
        for row in trajectory(walk.settings(), walk.space, walk.environment(), walk.seed, done=rows):
            rows.append(row)
            if row["experiment"] >= -1:
                store.write(path, pd.DataFrame(rows).to_parquet)
    rows = pd.DataFrame(rows)
    counts = np.array(rows[list(walk.space.elements)], dtype=np.int64)
    merits, features = np.array(rows["merit"]), tuple(rows["features"].dropna().iloc[0].split())
    known = [(e, int((rows["experiment"] < e).sum())) for e in walk.experiments]
    return [State(walk, e, counts[:n], merits[:n], features) for e, n in known]


def walk_name(walk: Walk) -> str:
    """Digest of what makes the trajectory."""
    made_by = {"landscape": "drawn" if walk.alloy == "drawn" else environments.digest(environments.FOLDER / walk.alloy)}
    made_by |= {**walk.space.describe(), "settings": walk.settings().describe(), "seed": walk.seed, "code": VERSION}
    return store.digest(made_by)


# The maximisers


def maximisers(state: State, budgets: dict, slow: bool) -> Iterator[tuple[str, Callable, dict]]:
    """(name, maximiser, options) of all that run on a state, ascent first, with the slow peers or without.

    budgets: options by name, for trials.
    """
    n = len(state.space.elements)
    yield "ascent", METHODS["ascent"], budgets.get("ascent", {})
    if n <= ENUMERABLE:
        yield "enumeration", METHODS["enumeration"], {}
    else:
        yield "ascent_x20", METHODS["ascent"], budgets.get("ascent_x20", {"starts_per_element": 320, "screen": 81920})
    for name, peer in peers.PEERS.items():
        if (name != "published" or n <= peers.ROUNDABLE) and (slow or name not in SLOW):
            yield name, peer, budgets.get(name, {})


def examine(state: State, place: Path, budgets: dict, slow: bool, collect: bool) -> list[dict]:
    """One row for each maximiser, read from `place` or measured; read only, if `collect`."""
    rows, acquire = [], None
    for name, maximiser, options in maximisers(state, budgets, slow):
        if name in ("random_search", "cmaes"):
            options = {"evaluations": rows[0]["evaluations"]} if rows else {}
        path = place / "maximisers" / f"{_named(state, name, options)}.json"
        if collect and not path.exists():
            continue
        if not path.exists():
            with one_thread():
                acquire = acquire or prepared(state)
                rng = state.rng(20) if name == "ascent_x20" else state.rng()
                started = time.process_time()
                found = maximiser(acquire, state.space, exclude=state.counts, rng=rng, **options)
                store.write_json(path, {**_plain(found), "cpu_s": time.process_time() - started})
        rows.append({"maximiser": name, **state.columns(), **json.loads(path.read_text())})
    return rows


def prepared(state: State) -> Acquisition:
    """Log EI of the fitted state; what any maximiser may need is built once, before the clock starts."""
    acquire = log_ei(fit(*state.data()), state.merits.max())
    warm = torch.tensor(state.space.sample_continuous(2, state.rng()), requires_grad=True)
    for function, points in ((acquire, warm), (peers.Through(acquire), warm[:, None])):
        function(points).sum().backward()
    return acquire


def _named(state: State, what: str, options: dict) -> str:
    return store.digest({"state": state.name, "what": what, "options": options})


def _plain(found: Suggestion) -> dict:
    moved = None if np.isnan(found.moved) else found.moved
    return {"log_value": found.value, "moved": moved, "evaluations": found.evaluations, "counts": found.counts.tolist()}


def table(found: pd.DataFrame) -> pd.DataFrame:
    """The tidy table: regret against the reference of each state, and times against those of ascent."""
    reference = found["maximiser"].eq("enumeration") | (found["n_elements"] > ENUMERABLE)
    best = found[reference].groupby(KEY)["log_value"].max().rename("reference")
    own = found[found["maximiser"] == "ascent"].set_index(KEY)["cpu_s"].rename("ascent_s")
    found = found.join(best, on=KEY).join(own, on=KEY)
    found["regret"] = found["reference"] - found["log_value"]
    found["ratio_to_ascent"] = found["cpu_s"] / found["ascent_s"]
    columns = ["maximiser", *KEY, "log_value", "regret", "moved", "evaluations", "cpu_s", "ratio_to_ascent"]
    return found[columns].sort_values(["n_elements", *KEY, "maximiser"], ignore_index=True)


# The other stations


def station_rows(state: State, place: Path, names: tuple[str, ...], collect: bool) -> list[dict]:
    """One row for each station that is measured on a state, read from `place` or measured; read only, if `collect`."""
    rows = []
    for name in names:
        path = place / "stations" / f"{_named(state, name, {})}.json"
        if collect and not path.exists():
            continue
        if not path.exists():
            with one_thread(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                here, other, difference = globals()[f"time_{name}"](state, path)
            store.write_json(path, {"here_s": here, "other_s": other, "ratio": here / other, "difference": difference})
        rows.append({"what": name, **state.columns(), **json.loads(path.read_text())})
    return rows


def time_fit(state: State, path: Path) -> tuple[float, float, float]:
    """`fit` against `fit_gpytorch_mll` from the same starts; difference of the log posteriors reached, ours − theirs.

    BoTorch gets ready features, and the construction of its model is not counted.
    """
    here, ours = cpu_seconds(lambda: fit(*state.data()), 3)
    other, reached = 0.0, []
    for lengthscale, outputscale in STARTS:
        model = _model(ours, lengthscale, outputscale or state.merits.var())
        spent, _ = cpu_seconds(lambda m=model: fit_gpytorch_mll(ExactMarginalLogLikelihood(m.likelihood, m)))
        other += spent
        reached.append(_at(ours, model).log_posterior)
    return here, other, ours.log_posterior - max(reached)


def time_experiment(state: State, path: Path) -> tuple[float, float, None]:
    """Fit, ascent, measurement and record of one row against the published fit and inner loop alone.

    Adam as BoTorch runs it, from GPyTorch's initial values, then `published` on EI through a BoTorch posterior. The
    two work with different hyperparameters, so their values do not compare: no difference.
    """
    features, compositions, merits = state.data()
    environment = state.walk.environment()

    def ours():
        acquire = log_ei(fit(features, compositions, merits), merits.max())
        found = maximise(acquire, state.space, "ascent", exclude=state.counts, rng=state.rng())
        row = {**dict(zip(state.space.elements, found.counts.tolist(), strict=True))}
        row |= measure(environment, found.composition) | {"value": found.value}
        store.write(path.with_suffix(".parquet"), pd.DataFrame([row]).to_parquet)

    def theirs():
        model = _model(start, float(np.log(2)), float(np.log(2)))
        mll = ExactMarginalLogLikelihood(model.likelihood, model)
        fit_gpytorch_mll(mll, optimizer=fit_gpytorch_mll_torch)
        whole = to_botorch(_at(start, model, features, compositions))
        improvement = ExpectedImprovement(whole, torch.tensor(merits.max()))
        acquire = lambda c: improvement(c.reshape(-1, 1, c.shape[-1])).reshape(c.shape[:-1])  # noqa: E731
        published(acquire, state.space, exclude=state.counts, rng=state.rng())

    start = fit(features, compositions, merits)
    here, _ = cpu_seconds(ours, 3)
    path.with_suffix(".parquet").unlink()
    return here, cpu_seconds(theirs)[0], None


def time_enumeration(state: State, path: Path, rows: int = 100_000) -> tuple[float, float, float]:
    """The whole grid against BoTorch in chunks, timed on `rows` random compositions and scaled to the grid.

    Difference of the log EIs that both give at BoTorch's arg max of the sample minus at ours: 0 where they agree.
    """
    surrogate, best = fit(*state.data()), state.merits.max()
    ours = log_ei(surrogate, best)
    theirs = LogExpectedImprovement(to_botorch(surrogate), torch.tensor(best))
    sample = torch.from_numpy(state.space.fractions(state.space.sample(rows, state.rng())))

    def chunked():
        with torch.no_grad():
            return torch.cat([theirs(block[:, None]) for block in sample.split(2048)])

    here, _ = cpu_seconds(lambda: maximise(ours, state.space, "enumeration", exclude=state.counts))
    other, values = cpu_seconds(chunked)
    with torch.no_grad():
        own = ours(sample)
    return here, other * state.space.size / rows, (own[values.argmax()] - own.max()).item()


def cpu_seconds(function: Callable, repeats: int = 1):
    """(median CPU seconds of `function()`, what it returned last)."""
    spent = []
    for _ in range(repeats):
        started = time.process_time()
        result = function()
        spent.append(time.process_time() - started)
    return float(np.median(spent)), result


def _model(surrogate: Surrogate, lengthscale: float, outputscale: float):
    """BoTorch's model of the same data on features already scaled, at initial hyperparameters, ready to be fitted."""
    start = condition(
        lambda x: x, surrogate.inputs, surrogate.targets, [lengthscale] * surrogate.inputs.shape[1], outputscale
    )
    return to_botorch(start).train()


def _at(surrogate: Surrogate, model, features=None, compositions=None) -> Surrogate:
    """Our GP at a BoTorch model's hyperparameters, on scaled features unless others are given."""
    scales = model.covar_module.base_kernel.lengthscale.detach().numpy().ravel()
    outputscale, mean = model.covar_module.outputscale.item(), model.mean_module.constant.item()
    features, compositions = features or (lambda x: x), surrogate.inputs if compositions is None else compositions
    return condition(features, compositions, surrogate.targets, scales, outputscale, mean)


# What was asked


def verdicts(found: pd.DataFrame, stations: pd.DataFrame) -> pd.DataFrame:
    """The lines of acceptance: what was measured, the bound, whether it is met. Medians are over states."""
    own, lines = found[found["maximiser"] == "ascent"], []
    few = own["n_elements"] <= ENUMERABLE

    def line(number: int, what: str, measured: float, bound: str, met: bool):
        lines.append({"line": number, "what": what, "measured": measured, "bound": bound, "met": bool(met)})

    for what, rows in (("3–5 elements", own[few]), ("6–30 elements", own[~few])):
        share = (rows["regret"] <= np.log(1.01)).mean()
        line(1, f"states with reference EI ≤ 1.01 × ascent's, {what} (n = {len(rows)})", share, "≥ .99", share >= 0.99)
    for name in ("slsqp", "botorch_batched"):
        other = found[found["maximiser"] == name]
        ratio = (1 / other["ratio_to_ascent"]).median()
        line(2, f"CPU of ascent / {name}, median", ratio, "≤ 1/20", ratio <= 1 / 20)
        pair = other.merge(own, on=KEY)
        share = (pair["log_value_y"] >= pair["log_value_x"] - 1e-9).mean()
        line(2, f"ascent's value no less than {name}'s, share of states", share, "≥ .5", share >= 0.5)
    for what, bound, where in (("fit", 8, 3), ("experiment", 40, 3), ("enumeration", 5, 4)):
        rows = stations[stations["what"] == what]
        ratio = rows["ratio"].median()
        line(where, f"CPU of {what}, here / other, median (n = {len(rows)})", ratio, f"≤ 1/{bound}", ratio <= 1 / bound)
        if what == "fit":
            worst = rows["difference"].min()
            line(3, "log posterior, ours − BoTorch's, least", worst, "≥ −.001", worst >= -1e-3)
        if what == "enumeration":
            worst = rows["difference"].abs().max()
            line(4, "log EI at BoTorch's arg max − at ours, largest", worst, "0", worst == 0)
    times = own.groupby("n_elements")["cpu_s"].median()
    exponent = np.polyfit(np.log(times.index), np.log(times), 1)[0] if len(times) > 1 else np.nan
    line(
        5,
        f"exponent of ascent's CPU time, {times.index[0]}–{times.index[-1]} elements",
        exponent,
        "≤ 1.3",
        exponent <= 1.3,
    )
    return pd.DataFrame(lines)


# The run


def some(walks: list[Walk], most: int) -> list[Walk]:
    """Walks cut to at most `most` states for each number of elements, spread evenly."""
    kept = []
    for n in sorted({walk.n_elements for walk in walks}):
        places = [(walk, experiment) for walk in walks if walk.n_elements == n for experiment in walk.experiments]
        chosen = {places[i] for i in np.linspace(0, len(places) - 1, min(most, len(places))).round().astype(int)}
        for walk in dict.fromkeys(walk for walk, _ in places):
            if experiments := tuple(experiment for experiment in walk.experiments if (walk, experiment) in chosen):
                kept.append(replace(walk, experiments=experiments))
    return kept


def stations_of(state: State) -> tuple[str, ...]:
    """The stations that are measured on a state."""
    walk = state.walk
    enumerated = walk.alloy == "SMA" and walk.n_elements == 4 and state.experiment in ENUMERATED
    return ("fit", *["experiment"] * (walk.n_elements == 4), *["enumeration"] * enumerated)


def hits(state: State, place: Path, ascents: int, collect: bool) -> list[dict]:
    """Share of ascents on log EI from uniform random compositions that end within 1 % of the reference EI; one row.

    Where the continuous end is as good as the best grid composition found; no search on the grid follows.
    """
    path = place / "hits" / f"{_named(state, 'hits', {'ascents': ascents})}.json"
    if collect and not path.exists():
        return []
    if not path.exists():
        known = [
            json.loads((place / "maximisers" / f"{_named(state, name, options)}.json").read_text())["log_value"]
            for name, _, options in maximisers(state, {}, False)
            if name in ("ascent", "ascent_x20", "enumeration")
        ]
        with one_thread():
            acquire, limits = log_ei(fit(*state.data()), state.merits.max()), state.space.polytope()
            starts = state.space.sample_continuous(ascents, state.rng(1))
            lower, upper = (np.broadcast_to(limit, starts.shape) for limit in (limits.lower, limits.upper))
            ends = spectral(
                acquire, Projection(state.space), starts, lower, upper, tolerance=state.space.step / 10, batches=100
            )
        store.write_json(path, {"hits": float((ends.values >= max(known) - np.log(1.01)).mean()), "starts": ascents})
    return [{**state.columns(), **json.loads(path.read_text())}]


def work(state: State, place: Path, budgets: dict, tiny: bool, slow: bool, collect: bool) -> tuple[list[dict], ...]:
    """All that is asked of one state, in one process: its ratios are of one processor."""
    rows = examine(state, place, budgets, slow, collect)
    stations = station_rows(state, place, ("fit",) if tiny else stations_of(state), collect)
    return rows, stations, [] if tiny else hits(state, place, PER_STATE, collect)


def run(walks: list[Walk], *, workers=2, budgets: dict | None = None, tiny=False, thin=1, collect=False) -> tuple:
    """(table of maximisers, of stations, of hits) over the states of all walks; computes what is not yet there.

    The states come in random order, so that what is finished at any time is like the whole. collect: only gather that.
    """
    place, budgets = store.working() / "benchmark", budgets or {}
    paths = [place / "trajectories" / f"{walk_name(walk)}.parquet" for walk in walks]
    side_by_side = Parallel(n_jobs=workers, return_as="generator_unordered")
    order = sorted(zip(walks, paths, strict=True), key=lambda pair: -pair[0].n_elements)  # the long ones first
    found = list(tqdm(side_by_side(delayed(states)(*pair) for pair in order), total=len(walks), desc="trajectories"))
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
