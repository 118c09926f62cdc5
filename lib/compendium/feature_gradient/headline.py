"""The headline comparison at four elements: in every landscape, over landscapes, and in laboratory units.

A landscape is one training of an alloy's networks with one figure of merit. Within a landscape seeds are resampled, and
the interval says nothing about other trainings. Over landscapes the spread between trainings counts:

    θ         a statistic of mean gains, averaged over the landscapes of an alloy, then over alloys
    θ₋ᵢ       the same without landscape i
    se²       Σ_alloys (L_a − 1)/L_a Σ_i (θ₋ᵢ − mean θ₋ᵢ)²       (stratified jackknife, L_a landscapes of alloy a)
    interval  θ ± t(0.975, Σ_alloys (L_a − 1)) se

For a plain mean this is the t interval of a stratified sample. The exact arm is `enumeration` where it has as many
seeds as the published loop, else `ascent`; in the shipped landscapes the two end alike (notebook 06). Each statistic
uses the seeds that all of its arms have, at least `statistics.MIN_PAIRS`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t

from compendium.environments import alloys, datasets
from compendium.feature_gradient.cells import CELLS
from compendium.feature_gradient.results import ALLOYS, LAST, Results
from compendium.judging import statistics

TRAININGS = {
    "": "seed 0, shipped",
    "_retrained": "seed 1",
    "_retrained_2": "seed 2",
    "_retrained_3": "seed 3",
    "_retrained_4": "seed 4",
}
"""Ending of cells → training of the networks, all with the default figure of merit."""

PHYSICAL = {"_physical": "physical"}
"""Ending of cells → the shipped training with the figure of merit that penalises unphysical answers."""

ARMS = ("slsqp_ei", "slsqp_log_ei", "best_of_random", "ascent", "random")
"""Compared with the exact arm."""


@dataclass(frozen=True)
class Statistic:
    """A mean gain (quantity, arm), or its ratio to a second one."""

    gain: tuple[str, str]
    per: tuple[str, str] | None = None

    def rows(self, gains: pd.DataFrame) -> pd.DataFrame:
        """What the statistic needs of the gains of a landscape, for the seeds that have it; none where they are few."""
        found = gains.reindex(columns=[self.gain, *([self.per] if self.per else [])]).dropna()
        return found if len(found) >= statistics.MIN_PAIRS else found.iloc[:0]

    def __call__(self, means: Mapping[tuple[str, str], Any]) -> Any:
        """Value from the mean gains: numbers, or arrays of one shape."""
        return means[self.gain] / means[self.per] if self.per else means[self.gain]


WIDER, BEHIND = ("entropy", "slsqp_ei"), ("merit", "slsqp_ei")

STATISTICS = {
    "state entropy of the published loop (nats)": Statistic(WIDER),
    "share of the best of random": Statistic(("entropy", "best_of_random"), WIDER),
    "share of SLSQP on log EI": Statistic(("entropy", "slsqp_log_ei"), WIDER),
    "final merit of the published loop": Statistic(BEHIND),
    "final merit of SLSQP on log EI": Statistic(("merit", "slsqp_log_ei")),
    "share of the exact gain lost": Statistic(BEHIND, ("merit", "random")),
    "state entropy of enumeration (nats)": Statistic(("entropy", "enumeration")),
    "final merit of enumeration": Statistic(("merit", "enumeration")),
}
"""All less the exact arm. The first two shares are of the state entropy of the published loop, the last one of what
exact maximisation gains over random experiments. The last two are there where `ascent` is the exact arm."""


@dataclass(frozen=True, eq=False)
class Landscape:
    """Gains over the exact arm, by seed: columns (quantity, arm), quantities "entropy" and "merit".

    NaN where an arm lacks a seed.
    """

    alloy: str
    name: str
    exact: str
    gains: pd.DataFrame


def landscapes(results: Results, endings: Mapping[str, str] = TRAININGS) -> list[Landscape]:
    """Return every landscape with the published loop and an exact arm, `statistics.MIN_PAIRS` seeds of each or more."""
    found = []
    for alloy, title in ALLOYS.items():
        for ending, name in endings.items():
            values = _measured(results, alloy, ending)
            arms = {arm for _, arm in values}
            seeds = values["merit", "slsqp_ei"].index if "slsqp_ei" in arms else []
            fully = "enumeration" in arms and len(values["merit", "enumeration"]) >= len(seeds)
            exact = "enumeration" if fully else "ascent"
            if {exact, "slsqp_ei"} <= arms:
                table = pd.concat(values, axis=1)
                own = {key: table[key] - table[key[0], exact] for key in table if key[1] != exact}
                found.append(Landscape(title, name, exact, pd.DataFrame(own).dropna(how="all")))
    return found


def _measured(results: Results, alloy: str, ending: str) -> dict[tuple[str, str], pd.Series]:
    """(quantity, arm) → values by seed, of the arms with enough of them."""
    found: dict[tuple[str, str], pd.Series] = {}
    for arm in ("enumeration", *ARMS):
        name = f"{alloy}_n4_{arm}{ending}"
        if name in CELLS and len(merits := results.best(name)) >= statistics.MIN_PAIRS:
            found |= {("entropy", arm): results.entropy(name), ("merit", arm): merits}
    return found


def by_landscape(of: Sequence[Landscape]) -> pd.DataFrame:
    """`STATISTICS` of every landscape with 95 % intervals over its seeds: one row a landscape and statistic.

    Columns alloy, landscape, exact arm, seeds, statistic, value, low, high.
    """
    found = []
    for landscape in of:
        own = landscape.gains
        about: dict[str, Any] = {"alloy": landscape.alloy, "landscape": landscape.name}
        about |= {"exact arm": landscape.exact}
        for name, statistic in STATISTICS.items():
            if len(rows := statistic.rows(own)):
                value, low, high = statistics.interval(rows.to_numpy(), partial(_of_values, statistic, rows.columns))
                about |= {"seeds": len(rows), "statistic": name}
                found.append({**about, "value": value, "low": low, "high": high})
    return pd.DataFrame(
        found, columns=["alloy", "landscape", "exact arm", "seeds", "statistic", "value", "low", "high"]
    )


def _of_values(statistic: Statistic, columns: pd.Index, values: np.ndarray) -> np.ndarray:
    """A statistic of the means of gains (..., n, columns) → (...)."""
    return statistic(dict(zip(columns, np.moveaxis(values.mean(axis=-2), -1, 0), strict=True)))


def over_landscapes(of: Sequence[Landscape]) -> pd.DataFrame:
    """`STATISTICS` with the landscape as the unit, over all of them and over those of each alloy.

    Columns alloy ("all": the mean over alloys), statistic, landscapes, value, low, high (see the module; NaN where an
    alloy has one landscape alone), least and most (of a single landscape).
    """
    found = []
    for alloy in ("all", *dict.fromkeys(landscape.alloy for landscape in of)):
        for name, statistic in STATISTICS.items():
            groups: dict[str, list[pd.Series]] = {}
            for landscape in of:
                rows = statistic.rows(landscape.gains)
                if alloy in ("all", landscape.alloy) and len(rows):
                    groups.setdefault(landscape.alloy, []).append(rows.mean())
            if groups:
                single = [float(statistic(means)) for group in groups.values() for means in group]
                value, low, high = stratified(list(groups.values()), statistic)
                row = {"alloy": alloy, "statistic": name, "landscapes": len(single), "value": value}
                found.append({**row, "low": low, "high": high, "least": min(single), "most": max(single)})
    columns = ["alloy", "statistic", "landscapes", "value", "low", "high", "least", "most"]
    return pd.DataFrame(found, columns=columns)


def in_words(results: Results) -> str:
    """Return one sentence for README on all trainings; nothing before each alloy has two landscapes."""
    of = landscapes(results)
    counts = pd.Series([landscape.alloy for landscape in of]).value_counts()
    if len(counts) < len(ALLOYS) or counts.min() < 2:
        return ""
    table = over_landscapes(of).query("alloy == 'all'").set_index("statistic")
    gain = table.loc["state entropy of the published loop (nats)"]
    share = 100 * table.loc["share of the best of random", ["value", "low", "high"]].astype(float)
    numbers = "{value:.2f} nats [{low:.2f}, {high:.2f}]".format(**gain)
    shares = "{value:.0f} % [{low:.0f}, {high:.0f}]".format(**share)
    each = f"{'' if counts.nunique() == 1 else 'at least '}{counts.min()}"
    return (
        f"Over {len(of)} trainings of the simulators, {each} for each kind of alloy, the published "
        f"search adds {numbers}, and the best of random {shares} of that (95 % intervals)."
    ).replace("-", "−")


def stratified(groups: Sequence[Sequence[pd.Series]], statistic: Statistic) -> tuple[float, float, float]:
    """(value, low, high) of a statistic of means over the landscapes of each group, then over groups.

    Args:
        groups: For each alloy the mean gains of its landscapes.
        statistic: Of such means.
    """

    def value_of(parts: Sequence[Sequence[pd.Series]]) -> float:
        means = [sum(part[1:], start=part[0]) / len(part) for part in parts]
        return float(statistic(sum(means[1:], start=means[0]) / len(means)))

    value, variance, free = value_of(groups), 0.0, 0
    for place, group in enumerate(groups):
        if (n := len(group)) < 2:
            return value, np.nan, np.nan
        fewer = [[*group[:i], *group[i + 1 :]] for i in range(n)]
        left = np.array([value_of([*groups[:place], part, *groups[place + 1 :]]) for part in fewer])
        variance += (n - 1) / n * np.square(left - left.mean()).sum()
        free += n - 1
    half = float(t.ppf(0.975, free) * np.sqrt(variance))
    return value, value - half, value + half


DERIVED = {
    "SMA": {
        "hysteresis": (lambda p: p["austenite_peak"] - p["martensite_peak"], "°C"),
        "mean peak": (lambda p: (p["austenite_peak"] + p["martensite_peak"]) / 2, "°C"),
    }
}
"""Alloy → further properties of its alloys, each a function of the others with its unit."""


def units(alloy: str) -> dict[str, str]:
    """Property → unit of an alloy's dataset."""
    own = alloys.ALLOYS[alloy].properties
    known = {name: datasets.REGISTRY[source]["targets"] for name, source in own.items()}
    return {name: next(each["unit"] for each in targets if each["name"] == name) for name, targets in known.items()}


def best_alloys(results: Results, cell: str) -> pd.DataFrame:
    """The best alloy of each trajectory, by seed: properties (also `DERIVED`), merit, and whether it is unphysical."""
    rows = results.read(cell)
    if rows.empty:
        return rows
    rows = rows[rows["experiment"] < LAST]
    alloy = alloys.ALLOYS[CELLS[cell].alloy]
    best = rows.loc[rows.groupby("seed")["merit"].idxmax()].set_index("seed")[[*alloy.properties, "merit"]]
    for name, (of, _) in DERIVED.get(alloy.name, {}).items():
        best[name] = of(best)
    return best.assign(unphysical=alloy.shortfall(best) > 0 if alloy.shortfall else False)


def in_units(results: Results, arms: Sequence[str] = ("slsqp_ei",), ending: str = "") -> pd.DataFrame:
    """What the best alloys of each arm have less those of the exact arm, in laboratory units, paired by seed.

    Columns alloy, arm, property, unit, exact (mean of the exact arm), mean, low, high, n.
    """
    found = []
    for alloy, title in ALLOYS.items():
        tables = {arm: best_alloys(results, f"{alloy}_n4_{arm}{ending}") for arm in ("enumeration", "ascent", *arms)}
        exact = tables["enumeration"] if len(tables["enumeration"]) >= statistics.MIN_PAIRS else tables["ascent"]
        named = units(title) | {name: unit for name, (_, unit) in DERIVED.get(title, {}).items()} | {"merit": ""}
        for arm in arms:
            both = exact.index.intersection(tables[arm].index)
            for name, unit in named.items() if len(both) else ():
                pair = statistics.paired(tables[arm].loc[both, name], exact.loc[both, name])
                about = {"alloy": title, "arm": arm, "property": name, "unit": unit}
                found.append({**about, "exact": exact.loc[both, name].mean(), **pair})
    return pd.DataFrame(found).drop(columns="effect_size", errors="ignore")


def unphysical(results: Results, endings: Mapping[str, str]) -> pd.DataFrame:
    """Share of trajectories whose best alloy is unphysical: a row an alloy and figure of merit, a column an arm."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for alloy, title in ALLOYS.items():
        for ending, name in endings.items():
            for arm in ("enumeration", *ARMS):
                cell = f"{alloy}_n4_{arm}{ending}"
                if cell in CELLS and len(best := best_alloys(results, cell)):
                    found.setdefault((title, name), {})[arm] = best["unphysical"].mean()
    return pd.DataFrame.from_dict(found, orient="index")
