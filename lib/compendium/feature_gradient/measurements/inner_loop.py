"""Measurements on the recorded inner loops and on the sizes of the grids: claims of Fig. 4 and of the abstract."""

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from compendium.feature_gradient import diversity
from compendium.feature_gradient.results import FINEST, Results
from compendium.judging import statistics
from compendium.judging.verdicts import Part, measure

BENCHMARK, STARTS = "figures/05_inner_loop.csv", "figures/05_starts.csv"


def _rows(results: Results, maximiser: str, upto: int = 10) -> pd.DataFrame:
    """A maximiser's recorded states of at most so many elements; empty where nothing is recorded."""
    table = results.benchmark
    if table.empty:
        return table
    return table[(table["maximiser"] == maximiser) & (table["n_elements"] <= upto)]


def _part(name: str, values: np.ndarray, statistic, **options) -> Part:
    """A statistic over states, resampled whole; an empty part without any."""
    found = statistics.interval(values, statistic) if len(values) else ()
    return Part(name, *found, len(values), source=BENCHMARK, **options)


def _mean(values):
    return values[..., 0].mean(axis=-1)


def _share(name: str, hits: np.ndarray, **options) -> Part:
    """Share of states that are hits, with Wilson's interval: a bootstrap of nothing but hits has none."""
    n = len(hits)
    if n < statistics.MIN_PAIRS:
        return Part(name, float(np.mean(hits)) if n else np.nan, n=n, source=BENCHMARK, **options)
    found = binomtest(int(np.sum(hits)), n).proportion_ci(method="wilson")
    return Part(name, float(np.mean(hits)), float(found.low), float(found.high), n, source=BENCHMARK, **options)


def _exponent(rows: pd.DataFrame, y: str, x: str, name: str, **options) -> Part:
    """Slope of log y on log x over states."""
    values = np.log(rows[[x, y]].to_numpy(float)) if len(rows) else np.empty((0, 2))
    return _part(name, values, diversity.slope, **options)


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


@measure("enumeration_exponent")
def enumeration_exponent(results: Results, margin: float) -> list[Part]:
    """Exponent of the CPU time in the number of compositions, of an enumeration that evaluates all of them."""
    rows = _rows(results, "exhaustive")
    return [_exponent(rows, "cpu_s", "evaluations", "exponent", least=1 - margin, most=1 + margin)]


@measure("evaluations_exponent")
def evaluations_exponent(results: Results, most: float) -> list[Part]:
    """Exponent in N of the compositions that the published loop evaluates, roundings included."""
    rows = _rows(results, "slsqp_ei")
    return [_exponent(rows, "evaluations", "n_elements", "exponent", most=most)]


def _rate(results: Results) -> np.ndarray:
    """log CPU seconds per composition of enumeration, (states, 1)."""
    rows = _rows(results, "exhaustive")
    return np.log((rows["cpu_s"] / rows["evaluations"]).to_numpy())[:, None] if len(rows) else np.empty((0, 1))


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
        own = np.log(rows.loc[rows["n_elements"] == n, "cpu_s"].to_numpy()) if len(rows) else np.empty(0)
        if not len(own) or not len(rate):
            parts.append(Part(f"{maximiser} N={n}", most=0, group=group, source=BENCHMARK))
            continue
        # The states of the two differ; what varies is the loop, whose spread is the wider one.
        enumerated = float(rate.mean() + np.log(_size(results, step, n)))
        values = ((own - enumerated) / np.log(10))[:, None]
        parts.append(_part(f"{maximiser} N={n}", values, _mean, most=0, group=group))
    return parts


@measure("seconds_exponent")
def seconds_exponent(results: Results, most: float) -> list[Part]:
    """Exponent in N of the CPU time of one inner loop, over states of the same alloy, formulas and experiment."""
    parts = []
    for maximiser, group in (("slsqp_log_ei", "meant"), ("slsqp_ei", "published")):
        rows = _rows(results, maximiser)
        if rows.empty:
            parts.append(Part(maximiser, most=most, group=group, source=BENCHMARK))
            continue
        logs = np.log(rows[["n_elements", "cpu_s"]])
        centred = logs - logs.groupby([rows["alloy"], rows["formulas"], rows["experiment"]]).transform("mean")
        parts.append(_part(maximiser, centred.to_numpy(), diversity.slope, most=most, group=group))
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
        if table.empty:
            return table
        return table[table["n_elements"].between(low, high) & table["experiment"].isin(experiments)]

    def share(maximiser, low, high, group):
        rows = within(_rows(results, maximiser), low, high)
        near = (rows["regret"] <= np.log(1.01)).to_numpy() if len(rows) else np.empty(0)
        return _share(f"{maximiser} N={low}–{high}", near, least=least, group=group)

    own = within(results.starts, *many)
    chance = 1 - (1 - own["hits"]) ** (per_element * own["n_elements"]) if len(own) else own
    climbs = _part("ascents N=6–10", np.asarray(chance, float).reshape(-1, 1), _mean, least=least)
    loops = [share("slsqp_ei", *numbers, "published") for numbers in (few, many)]
    return [share("slsqp_log_ei", *few, "meant"), Part(**{**vars(climbs), "source": STARTS}), *loops]


@measure("near_optimal")
def near_optimal(results: Results, upto: int, least: float) -> list[Part]:
    """Share of states in which a loop's pick has at least half of the largest EI; enumerated grids."""
    parts = []
    for maximiser, group in (("slsqp_log_ei", "meant"), ("slsqp_ei", "published")):
        rows = _rows(results, maximiser, upto)
        near = (rows["regret"] <= np.log(2)).to_numpy() if len(rows) else np.empty(0)
        parts.append(_share(maximiser, near, least=least, group=group))
    return parts


@measure("formulas_cost")
def formulas_cost(results: Results, least: float) -> list[Part]:
    """CPU seconds per composition of enumeration, eight formulas / weighted averages, at the same alloy and N."""
    rows = _rows(results, "exhaustive")
    if rows.empty:
        return [Part("ratio", least=least)]
    logs = np.log(rows["cpu_s"] / rows["evaluations"])
    centred = logs - logs.groupby([rows["alloy"], rows["n_elements"]]).transform("mean")
    eight = (rows["formulas"] == "all").astype(float)
    eight = eight - eight.groupby([rows["alloy"], rows["n_elements"]]).transform("mean")
    values = np.column_stack([eight, centred])
    return [_part("ratio", values, lambda v: np.exp(diversity.slope(v)), least=least)]
