"""Measurements on the simulated laboratories, and on features against raw fractions: claims of section 3 and Fig. 6."""

import numpy as np
import pandas as pd

from compendium.feature_gradient.results import Results
from compendium.judging import statistics
from compendium.judging.verdicts import Part, measure

HALF, END = 500, 1000  # epochs

COMPARED = {"SMA": "SMA", "Ti_yield": "Ti", "HEA": "HEA"}
"""Datasets on which features are compared with fractions."""


def _networks(results: Results):
    """(alloy, property, entry of the card) of every trained network."""
    for alloy, card in results.cards.items():
        for name, entry in card["properties"].items():
            yield alloy, name, entry


def score_interval(parity: pd.DataFrame, score: str, value: float) -> tuple[float, float]:
    """95 % interval of an R² or MAE over measurements, from their binned histogram, centred on the exact `value`."""
    pairs = np.repeat(parity[["measured", "predicted"]].to_numpy(), parity["count"], axis=0)

    def r2(rows):
        measured, predicted = np.moveaxis(rows, -1, 0)
        return 1 - ((measured - predicted) ** 2).mean(-1) / measured.var(-1)

    def mae(rows):
        return np.abs(rows[..., 0] - rows[..., 1]).mean(-1)

    binned, low, high = statistics.interval(pairs, {"r2": r2, "mae": mae}[score])
    return value + low - binned, value + high - binned


@measure("network_scores")
def network_scores(results: Results, score: str, lowest: float, highest: float, margin: float) -> list[Part]:
    """R² or MAE of each network in random folds, within the paper's range widened by a margin."""
    parts = []
    for alloy, name, entry in _networks(results):
        value = entry["random"][score]
        parity = results.parity[alloy].query("property == @name and scheme == 'random'")
        low, high = score_interval(parity, score, value)
        bounds = {"least": lowest - margin, "most": highest + margin, "source": f"data/environments/{alloy}"}
        parts.append(Part(f"{alloy} {name}", value, low, high, entry["rows"], **bounds))
    return parts


@measure("own_scores")
def own_scores(results: Results, alloy: str, margin: float, **r2: float) -> list[Part]:
    """R² of networks in random folds, each within a margin of the paper's own number. The rows are the paper's but for
    what cleaning took, so that there is no chance in them, and none is told of what training and folds bring in."""
    parts = []
    for name, number in r2.items():
        value = results.cards[alloy]["properties"][name]["random"]["r2"]
        bounds = {"least": number - margin, "most": number + margin, "source": f"data/environments/{alloy}"}
        parts.append(Part(f"{alloy} {name}", value, n=None, **bounds))
    return parts


@measure("worst_network")
def worst_network(results: Results, network: tuple[str, str], r2: float, margin: float) -> list[Part]:
    """R² of one network near the paper's: over several partitions on mended data; once, on the values as published."""
    alloy, name = network
    bounds = {"least": r2 - margin, "most": r2 + margin, "source": f"data/environments/{alloy}"}
    table = results.partitions[alloy]
    values = table.loc[table["property"] == name, "r2"] if len(table) else table
    part = Part("one cell mended", **bounds)
    if len(values):
        mean, low, high = (float(x) for x in statistics.mean_interval(values.to_numpy()))
        part = Part("one cell mended", mean, low, high, len(values), **bounds)
    as_published = results.cards[alloy]["properties"][name].get("as_published", {}).get("r2", np.nan)
    return [part, Part("values as published", as_published, n=None, group="published", **bounds)]


def _late(curves: pd.DataFrame, end: int) -> pd.DataFrame:
    """Median validation and test R² over the last fifth of the epochs up to `end`, by property."""
    late = curves[(curves["epoch"] > 0.8 * end) & (curves["epoch"] <= end)]
    return late.groupby("property")[["validation_r2", "test_r2"]].median()


def _over_networks(results: Results, name: str, value, **bounds) -> list[Part]:
    values = pd.concat([value(curves) for curves in results.curves.values()]).to_numpy()
    mean, low, high = (float(x) for x in statistics.mean_interval(values))
    return [Part(name, mean, low, high, len(values), source="data/environments/*/curves.csv", **bounds)]


@measure("late_epochs")
def late_epochs(results: Results, most: float) -> list[Part]:
    """What 500 more epochs add to the validation R², mean over the networks."""

    def gain(curves):
        return _late(curves, END)["validation_r2"] - _late(curves, HALF)["validation_r2"]

    return _over_networks(results, "mean of nine", gain, most=most)


@measure("validation_like_test")
def validation_like_test(results: Results, most: float) -> list[Part]:
    """|test R² − validation R²| at 500 epochs, mean over the networks."""

    def apart(curves):
        late = _late(curves, HALF)
        return (late["test_r2"] - late["validation_r2"]).abs()

    return _over_networks(results, "mean of nine", apart, most=most)


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


@measure("features_or_fractions")
def features_or_fractions(results: Results, p: float, none: float) -> list[Part]:
    """The rule of notebook 04 on the mean absolute error; d = error of raw fractions − error of features.

    meant: selected within the folds, d > 0 with p corrected for draws that overlap; published: selected with the test
    rows in view, ordinary p. It fails where d ≤ 0 or the ordinary p exceeds `none`.
    """
    parts = []
    for group, inputs, column in (("meant", "features inside", "p_corrected"), ("published", "features outside", "p")):
        options = {"least": 0.0, "group": group, "source": "data/results/features_or_fractions.csv"}
        tests = statistics.paired_scores(results.scores, "fractions", inputs)
        for dataset, name in COMPARED.items():
            if dataset not in tests.index:
                parts.append(Part(name, **options))
                continue
            test = tests.loc[dataset]
            better, worse = test["mean"] > 0 and test[column] < p, test["mean"] <= 0 or test["p"] >= none
            told = ("holds" if better else "fails" if worse else "open"), float(test[column if better else "p"])
            interval = [float(test[key]) for key in ("mean", "low", "high")]
            parts.append(Part(name, *interval, int(test["n"]), told=told, **options))
    return parts
