"""Measurements on the recorded inner loops and on the sizes of the grids: claims of Fig. 4 and of the abstract."""

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from compendium.feature_gradient import diversity
from compendium.feature_gradient.measurements.declared import measure_each
from compendium.feature_gradient.results import FINEST, Results
from compendium.judging import statistics
from compendium.judging.verdicts import Part, measure

BENCHMARK, STARTS = "figures/05_inner_loop.csv", "figures/05_starts.csv"
LOOPS = {"slsqp_log_ei": "meant", "slsqp_ei": "published"}
"""The paper's loop on log EI, whose starts climb as the paper says, and as published → groups."""


def _rows(results: Results, maximiser: str, upto: int = 10) -> pd.DataFrame:
    """A maximiser's recorded states of at most so many elements; empty where nothing is recorded."""
    table = results.benchmark
    if table.empty:
        return pd.DataFrame(columns=["alloy", "n_elements", "formulas", "experiment", "regret", "cpu_s", "evaluations"])
    return table[(table["maximiser"] == maximiser) & (table["n_elements"] <= upto)]


def _part(name: str, values: np.ndarray, statistic, source: str = BENCHMARK, **about) -> Part:
    """A statistic over states, resampled whole; an empty part without any."""
    found = statistics.interval(values, statistic) if len(values) else ()
    return Part(name, *found, len(values), source=source, **about)


def _mean(values):
    return values[..., 0].mean(axis=-1)


def _share(name: str, rows: pd.DataFrame, times: float, **about) -> Part:
    """Share of states whose pick has the largest EI but for a factor; Wilson's interval, as there may be hits alone."""
    hits = (rows["regret"] <= np.log(times)).to_numpy()
    n, share = len(hits), float(hits.mean()) if len(hits) else np.nan
    if n < statistics.MIN_PAIRS:
        return Part(name, share, n=n, source=BENCHMARK, **about)
    found = binomtest(int(hits.sum()), n).proportion_ci(method="wilson")
    return Part(name, share, float(found.low), float(found.high), n, source=BENCHMARK, **about)


def _centred(values: pd.DataFrame, rows: pd.DataFrame, kinds: str) -> pd.DataFrame:
    """Values less their mean over the rows of the same kind; kinds: columns, separated by blanks."""
    return values - values.groupby([rows[kind] for kind in kinds.split()]).transform("mean")


def _grids(results: Results, step: float) -> pd.DataFrame:
    return results.grids[results.grids["step"] == step]


def _size(results: Results, step: float, n: int, alloy: str = "SMA") -> float:
    """Compositions of a grid."""
    grids = _grids(results, step)
    return float(grids.loc[(grids["alloy"] == alloy) & (grids["n_elements"] == n), "compositions"].iloc[0])


@measure("largest_grid")
def largest_grid(results: Results, upto: int, most: float, step: float, finer: float) -> list[Part]:
    """Compositions of the largest grid of so many elements, alloy by alloy, counted exactly; beyond: on a finer one."""
    parts, source = [], "environments.ALLOYS"
    for group, own in {"meant": step, "stronger": finer}.items():
        grids = _grids(results, own).query("n_elements <= @upto").groupby("alloy", sort=False)["compositions"].max()
        for alloy, size in grids.items():
            parts.append(Part(f"{alloy} {_shown(own)}", float(size), n=None, most=most, group=group, source=source))
    return parts


def _shown(step: float) -> str:
    return f"{100 * step:.4g} at.%"


@measure("grid_growth")
def grid_growth(results: Results, most: float) -> list[Part]:
    """Least factor from one element to the next, and d log compositions / d log N from nine to ten elements − from
    three to four: 0 for a power of N."""
    parts = []
    for alloy, own in _grids(results, FINEST).groupby("alloy", sort=False):
        size = own.set_index("n_elements")["compositions"].astype(float)
        growth, source = np.diff(np.log(size)), "environments.ALLOYS"
        exponent = growth / np.diff(np.log(size.index.to_numpy(float)))
        parts.append(Part(f"{alloy} least factor", float(np.exp(growth.min())), n=None, least=1, source=source))
        rise = float(exponent[-1] - exponent[0])
        parts.append(Part(f"{alloy} rise", rise, n=None, most=most, source=source))
    return parts


@measure_each("exponent")
def exponent(results: Results, about: dict, maximiser: str, of: str, on: str, within: str = "") -> Part:
    """Slope of log `of` on log `on` over a maximiser's states, `within` those that share these columns."""
    rows = _rows(results, maximiser)
    logs = np.log(rows[[on, of]].astype(float))
    logs = _centred(logs, rows, within) if within else logs
    return _part(values=logs.to_numpy(), statistic=diversity.slope, **about)


def _rate(results: Results) -> np.ndarray:
    """log CPU seconds per composition of enumeration, (states, 1)."""
    rows = _rows(results, "exhaustive")
    return np.log((rows["cpu_s"] / rows["evaluations"]).to_numpy(float))[:, None]


@measure("enumeration_hours")
def enumeration_hours(results: Results, n: int, most: float, step: float, finer: float) -> list[Part]:
    """Hours of one enumeration of an SMA grid of n elements, from CPU seconds per composition; beyond: a finer one."""
    parts = []
    for group, own in {"meant": step, "stronger": finer}.items():
        size, name = _size(results, own, n), f"N={n} {_shown(own)}"
        hours = _part(name, _rate(results), lambda v, size=size: np.exp(_mean(v)) * size / 3600, most=most, group=group)
        parts.append(hours)
    return parts


@measure("crossover")
def crossover(results: Results, beyond: int, as_published: list[int], already: int, step: float) -> list[Part]:
    """log10 of CPU time, a loop / enumeration of the SMA grid; below 0 the loop is cheaper."""
    asked = [("meant", "slsqp_log_ei", beyond), *(("published", "slsqp_ei", n) for n in as_published)]
    rate, parts = _rate(results), []
    for group, maximiser, n in [*asked, ("stronger", "slsqp_log_ei", already)]:
        rows = _rows(results, maximiser)
        own = np.log(rows.loc[rows["n_elements"] == n, "cpu_s"].to_numpy(float))
        if len(own):  # the states of the two differ; what varies is the loop, whose spread is the wider one
            own = (own - float(rate.mean() + np.log(_size(results, step, n)))) / np.log(10)
        parts.append(_part(f"{maximiser} N={n}", own[:, None], _mean, most=0, group=group))
    return parts


@measure("starts_solve")
def starts_solve(results: Results, per_element: int, experiments: list[int], least: float) -> list[Part]:
    """Share of states in which the paper's loop comes within 1 % of the best known EI, on log EI and as published.

    Over states before the same experiments for every number of elements: late ones are harder. On log EI the loop has
    been run up to five elements; beyond, a share p of projected ascents from random compositions gets there, so 20 N of
    them do with the chance 1 − (1 − p)^(20 N), whose mean over states is taken.
    """
    few, many = (3, 5), (6, 10)

    def within(table, low, high):
        return table[table["n_elements"].between(low, high) & table["experiment"].isin(experiments)]

    def share(maximiser, low, high):
        rows, name = within(_rows(results, maximiser), low, high), f"{maximiser} N={low}–{high}"
        return _share(name, rows, 1.01, least=least, group=LOOPS[maximiser])

    own = within(results.starts, *many) if len(results.starts) else pd.DataFrame(columns=["hits", "n_elements"])
    chance = (1 - (1 - own["hits"]) ** (per_element * own["n_elements"])).to_numpy(float)[:, None]
    climbs = _part("ascents N=6–10", chance, _mean, STARTS, least=least)
    return [share("slsqp_log_ei", *few), climbs, share("slsqp_ei", *few), share("slsqp_ei", *many)]


@measure("near_optimal")
def near_optimal(results: Results, upto: int, least: float) -> list[Part]:
    """Share of states in which a loop's pick has at least half of the largest EI; enumerated grids."""
    return [_share(loop, _rows(results, loop, upto), 2, least=least, group=group) for loop, group in LOOPS.items()]


@measure("formulas_cost")
def formulas_cost(results: Results, least: float) -> list[Part]:
    """CPU seconds per composition of enumeration, eight formulas / weighted averages, at the same alloy and N."""
    rows = _rows(results, "exhaustive")
    values = pd.DataFrame({"eight": rows["formulas"] == "all", "cpu": rows["cpu_s"] / rows["evaluations"]}, dtype=float)
    centred = _centred(values.assign(cpu=np.log(values["cpu"])), rows, "alloy n_elements")
    return [_part("ratio", centred.to_numpy(), lambda v: np.exp(diversity.slope(v)), least=least)]
