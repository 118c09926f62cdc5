"""Measurements on the simulated laboratories, and on features against raw fractions: claims of section 3 and Fig. 6."""

from functools import partial

import numpy as np
import pandas as pd

from compendium.feature_gradient import comparisons
from compendium.feature_gradient.results import Results
from compendium.judging import statistics
from compendium.judging.verdicts import Part, measure

HALF, END = 500, 1000  # epochs
CURVES = "data/environments/*/curves.csv"


def _networks(results: Results):
    """(alloy, property, entry of the card) of every trained network."""
    for alloy, card in results.cards.items():
        for name, entry in card["properties"].items():
            yield alloy, name, entry


def score_interval(parity: pd.DataFrame, score: str, value: float) -> tuple[float, float]:
    """95 % interval of an R² or MAE over measurements, from their binned histogram, centred on the exact `value`."""
    pairs = np.repeat(parity[["measured", "predicted"]].to_numpy(), parity["count"], axis=0)
    # sklearn.metrics scores one sample at a time, an interval needs 5000.
    scores = {
        "r2": lambda v: 1 - ((v[..., 0] - v[..., 1]) ** 2).mean(-1) / v[..., 0].var(-1),
        "mae": lambda v: np.abs(v[..., 0] - v[..., 1]).mean(-1),
    }
    binned, low, high = statistics.interval(pairs, scores[score])
    return value + low - binned, value + high - binned


def _near(low: float, high: float, margin: float, alloy: str) -> dict:
    """Bounds and source of a part about the networks of an alloy."""
    return {"least": low - margin, "most": high + margin, "source": f"data/environments/{alloy}"}


@measure("network_scores")
def network_scores(results: Results, score: str, lowest: float, highest: float, margin: float) -> list[Part]:
    """R² or MAE of each network in random folds, within the paper's range widened by a margin."""
    parts = []
    for alloy, name, entry in _networks(results):
        value = entry["random"][score]
        parity = results.parity[alloy].query("property == @name and scheme == 'random'")
        low, high = results.once((alloy, name, score), partial(score_interval, parity, score, value))
        parts.append(Part(f"{alloy} {name}", value, low, high, entry["rows"], **_near(lowest, highest, margin, alloy)))
    return parts


@measure("own_scores")
def own_scores(results: Results, alloy: str, margin: float, **r2: float) -> list[Part]:
    """R² of networks in random folds, each within a margin of the paper's own number.

    The rows are the paper's except for those that cleaning removed. So there is no chance in them, and that of training
    and folds is not measured.
    """
    scores = {name: results.cards[alloy]["properties"][name]["random"]["r2"] for name in r2}
    return [Part(f"{alloy} {name}", scores[name], n=None, **_near(x, x, margin, alloy)) for name, x in r2.items()]


@measure("worst_network")
def worst_network(results: Results, network: tuple[str, str], r2: float, margin: float) -> list[Part]:
    """R² of one network near the paper's: over several partitions on mended data; once, on the values as published."""
    alloy, name = network
    bounds, table = _near(r2, r2, margin, alloy), results.partitions[alloy]
    values = table.loc[table["property"] == name, "r2"] if len(table) else table
    as_published = results.cards[alloy]["properties"][name].get("as_published", {}).get("r2", np.nan)
    return [
        _mean("one cell mended", values.to_numpy(), **bounds),
        Part("values as published", as_published, n=None, group="published", **bounds),
    ]


def _mean(name: str, values: np.ndarray, **about) -> Part:
    found = [float(x) for x in statistics.mean_interval(values)] if len(values) else []
    return Part(name, *found, n=len(values), **about)


def _late(curves: pd.DataFrame, end: int) -> pd.DataFrame:
    """Median validation and test R² over the last fifth of the epochs up to `end`, by property."""
    late = curves[(curves["epoch"] > 0.8 * end) & (curves["epoch"] <= end)]
    return late.groupby("property")[["validation_r2", "test_r2"]].median()


@measure("late_epochs")
def late_epochs(results: Results, margin: float) -> list[Part]:
    """What 500 more epochs add to the validation R², mean over the networks."""
    gains = [(_late(c, END) - _late(c, HALF))["validation_r2"] for c in results.curves.values()]
    return [_mean("mean of nine", pd.concat(gains).to_numpy(), source=CURVES, most=margin)]


@measure("validation_like_test")
def validation_like_test(results: Results, margin: float) -> list[Part]:
    """|test R² − validation R²| at 500 epochs, mean over the networks."""
    late = pd.concat([_late(curves, HALF) for curves in results.curves.values()])
    apart = (late["test_r2"] - late["validation_r2"]).abs()
    return [_mean("mean of nine", apart.to_numpy(), source=CURVES, most=margin)]


@measure("rows")
def rows(results: Results, **stated: int) -> list[Part]:
    """Rows that train each network, and rows of the largest raw table of each alloy, against the numbers stated."""
    parts = []
    for alloy, number in stated.items():
        entries = {name: entry for owner, name, entry in _networks(results) if owner == alloy}
        bounds = {"n": None, "least": number, "most": number, "source": "data/registry.toml"}
        parts += [Part(f"{alloy} {name}", entry["rows"], **bounds) for name, entry in entries.items()]
        raw = max(results.datasets[entry["dataset"]]["rows_raw"] for entry in entries.values())
        parts.append(Part(f"{alloy} raw", raw, group="published", **bounds))
    return parts


PREDICTED = {
    "meant": ("features inside", "process == 'held' and restarts == 0"),
    "published": ("features outside", f"restarts == {comparisons.RESTARTS}"),
    "stronger": ("features inside", "process == 'any' and restarts == 0"),
}
"""Group → (features, comparisons) of `features_or_fractions`."""


@measure("features_or_fractions")
def features_or_fractions(results: Results) -> list[Part]:
    """Error of raw fractions − of features, in % of the former; positive where features predict better."""
    parts = []
    for group, (inputs, those) in PREDICTED.items():
        tests = statistics.in_percent(statistics.paired_scores(results.scores, "fractions", inputs).query(those))
        options = {"least": 0.0, "group": group, "source": "data/results/features_or_fractions.csv"}
        for (dataset, target, *_), test in tests.iterrows():
            own = [float(test[key]) for key in ("mean", "low", "high")]
            parts.append(Part(f"{dataset.split('_')[0]} {target}", *own, int(test["n"]), **options))
    return parts or [Part("nine properties", source="data/results/features_or_fractions.csv")]
