"""Measurements on the recorded inner loops and on the sizes of the grids: claims of Fig. 4 and of the abstract."""

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from alloygrad import diversity, statistics
from alloygrad.claims.parts import Part, measure
from alloygrad.claims.results import Results

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


@measure("largest_grid")
def largest_grid(results: Results, upto: int, most: float) -> list[Part]:
    """Compositions of the largest grid of so many elements, alloy by alloy, counted exactly."""
    found = results.grids.query("n_elements <= @upto").groupby("alloy", sort=False)["compositions"].max()
    return [Part(alloy, float(size), n=None, most=most, source="environments.ALLOYS") for alloy, size in found.items()]


@measure("grid_growth")
def grid_growth(results: Results, most: float) -> list[Part]:
    """Least factor from one element to the next, and d log compositions / d log N from nine to ten elements − from
    three to four: 0 for a power of N."""
    parts = []
    for alloy, own in results.grids.groupby("alloy", sort=False):
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
    rows = _rows(results, "published")
    return [_exponent(rows, "evaluations", "n_elements", "exponent", most=most)]


def _rate(results: Results) -> np.ndarray:
    """log CPU seconds per composition of enumeration, (states, 1)."""
    rows = _rows(results, "exhaustive")
    return np.log((rows["cpu_s"] / rows["evaluations"]).to_numpy())[:, None] if len(rows) else np.empty((0, 1))


@measure("enumeration_hours")
def enumeration_hours(results: Results, n: int, most: float) -> list[Part]:
    """Hours of one enumeration of the SMA grid of n elements at 0.1 at.%, from the CPU seconds per composition."""
    size = float(results.grids.query("alloy == 'SMA' and n_elements == @n")["compositions"].iloc[0])
    return [_part(f"SMA N={n}", _rate(results), lambda v: np.exp(_mean(v)) * size / 3600, most=most)]


@measure("crossover")
def crossover(results: Results, beyond: list[int], already: list[int]) -> list[Part]:
    """log10 of CPU time, published loop / enumeration of the SMA grid at 0.1 at.%; below 0 the loop is cheaper."""
    rows, rate = _rows(results, "published"), _rate(results)
    parts = []
    for n in [*beyond, *already]:
        own = np.log(rows.loc[rows["n_elements"] == n, "cpu_s"].to_numpy()) if len(rows) else np.empty(0)
        grid = results.grids.query("alloy == 'SMA' and n_elements == @n")["compositions"]
        group = "stronger" if n in already else "meant"
        if not len(own) or not len(rate):
            parts.append(Part(f"N={n}", most=0, group=group))
            continue
        # The states of the two differ; what varies is the loop, whose spread is the wider one.
        enumerated = float(rate.mean() + np.log(float(grid.iloc[0])))
        values = ((own - enumerated) / np.log(10))[:, None]
        parts.append(_part(f"N={n}", values, _mean, most=0, group=group))
    return parts


@measure("starts_solve")
def starts_solve(results: Results, per_element: int, experiments: list[int], least: float) -> list[Part]:
    """Chance that 20 N starts come within 1 % of the best known EI, on log EI, mean over states; and as published.

    Over states before the same experiments for every number of elements: late ones are harder. A share p of ascents
    from random compositions gets there, so 20 N of them do with 1 − (1 − p)^(20 N).
    """
    ranges = {"3–5": (3, 5), "6–10": (6, 10)}
    parts = []
    for name, (low, high) in ranges.items():
        own = results.starts
        if len(own):
            own = own[own["n_elements"].between(low, high) & own["experiment"].isin(experiments)]
        chance = 1 - (1 - own["hits"]) ** (per_element * own["n_elements"]) if len(own) else own
        found = _part(f"N={name}", np.asarray(chance, float).reshape(-1, 1), _mean, least=least)
        parts.append(Part(**{**vars(found), "source": STARTS}))
    for name, (low, high) in ranges.items():
        rows = _rows(results, "published")
        if len(rows):
            rows = rows[rows["n_elements"].between(low, high) & rows["experiment"].isin(experiments)]
        near = (rows["regret"] <= np.log(1.01)).to_numpy() if len(rows) else np.empty(0)
        parts.append(_share(f"published N={name}", near, least=least, group="published"))
    return parts


@measure("near_optimal")
def near_optimal(results: Results, upto: int, least: float) -> list[Part]:
    """Share of states in which a loop's pick has at least half of the largest EI; enumerated grids."""
    parts = []
    for maximiser, group in (("published_log_ei", "meant"), ("published", "published")):
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
