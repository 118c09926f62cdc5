"""What the recorded campaigns say about dimension and about physical knowledge, for the synthesis of both papers."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.plotting.style import COLUMN
from compendium.feature_gradient.cells import CELLS, N_ARMS
from compendium.feature_gradient.results import ALLOYS, WORDS, Results
from compendium.figures import style
from compendium.judging import statistics
from compendium.running import landscapes


def improvement(results: Results) -> pd.DataFrame:
    """Return the share of the possible improvement that `ascent` finds in 60 experiments, by alloy and N.

    The share of a seed is (final − initial)/(best known − initial) of the best merits. Columns alloy, n_elements, mean,
    low, high (95 %), n; without interval below `statistics.MIN_PAIRS` seeds.
    """
    rows = []
    for alloy in ALLOYS:
        for n in range(3, 11):
            names = [f"{alloy}_n{n}_{arm}" for arm in ("ascent_fine", "ascent")]
            name = next((name for name in names if name in CELLS), "")
            if not name or not len(final := results.best(name)):
                continue
            first, top = results.best(name, 0), landscapes.best_known(CELLS[name], [results.read(name)]).merit
            mean, low, high = statistics.mean_interval(((final - first) / (top - first)).to_numpy())
            rows.append((alloy, n, mean, low, high, len(final)))
    return pd.DataFrame(rows, columns=["alloy", "n_elements", "mean", "low", "high", "n"])


def improvement_by_elements(table: pd.DataFrame) -> Figure:
    """Draw the shares of `improvement` against the number of elements, one line per alloy."""
    figure, axis = plt.subplots(figsize=(COLUMN * 1.4, 2.6))
    for place, (alloy, own) in enumerate(table.groupby("alloy", sort=False)):
        look = style.ALLOYS[ALLOYS[alloy]]
        x = own["n_elements"] + 0.08 * (place - 1)
        axis.plot(x, 100 * own["mean"], **look, ms=4, label=WORDS[alloy])
        axis.vlines(x, 100 * own["low"], 100 * own["high"], color=look["color"], lw=1.1)
    axis.set(xlabel="elements", ylabel="improvement found (%)", ylim=(0, 105), xticks=range(3, 11))
    axis.legend(loc="lower left")
    return figure


def features_less_fractions(results: Results, alloy: str) -> pd.Series:
    """Return the final merit on material features less that on raw fractions, N = 4: mean, low, high (95 %), n."""
    pairs = pd.concat([results.best(f"{alloy}_n{N_ARMS}_{arm}") for arm in ("ascent", "fractions")], axis=1).dropna()
    if pairs.empty:
        return pd.Series({"mean": float("nan"), "low": float("nan"), "high": float("nan"), "n": 0})
    mean, low, high = statistics.mean_interval((pairs.iloc[:, 0] - pairs.iloc[:, 1]).to_numpy())
    return pd.Series({"mean": mean, "low": low, "high": high, "n": len(pairs)})
