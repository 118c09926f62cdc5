"""How far a model of your measurements can be trusted: prediction of rows it has not seen, and calibration.

Two ways to hold rows back:

    left out   each row predicted from all others by the fitted model, in closed form (`leave_one_out` of the model).
               Features and hyperparameters were chosen with that row in view, so this flatters.
    folds      rows dealt into folds; for each, features are chosen and the model is fitted anew on the other folds.
               Rows of one composition stay together. This is what a new alloy must expect.

z_i = (y_i − μ_i)/s_i, with s_i² the variance of a measurement, noise included. A calibrated model has a share p of its
|z| below the normal quantile z_p; by chance alone the share of n rows scatters binomially (`coverage`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom, norm

from alloygrad.campaigns.campaign import Campaign
from alloygrad.campaigns.cautions import DOUBTFUL, MOST_SAID, doubtful, left_out
from alloygrad.campaigns.inputs import Joined, with_fractions
from alloygrad.features.selection import deal_folds
from alloygrad.tables.findings import alike

NOMINAL = tuple(np.round(np.arange(0.1, 0.96, 0.05), 2))
"""Shares at which calibration is looked at."""

__all__ = [
    "DOUBTFUL",
    "NOMINAL",
    "best_of",
    "by_folds",
    "compared",
    "coverage",
    "doubtful",
    "left_out",
    "scores",
    "verdict",
]


def by_folds(
    campaign: Campaign, *, rng: np.random.Generator, inputs: str | None = None, n_folds: int = 10
) -> pd.DataFrame:
    """Predict every measurement of a campaign from the other folds, with inputs chosen and the model fitted anew.

    Args:
        campaign: Its measurements, objective and settings are used; it is left as it is.
        rng: Deals the folds; rows of one composition stay together.
        inputs: As of `Campaign`; the campaign's own unless given.
        n_folds: At most; there are no more than compositions.

    Returns:
        Columns measured, predicted, std, in the objective's unit. Where the other folds hold one value or one
        composition, their mean is predicted, and std is
        their scatter, or that of all measurements where theirs is 0.
    """
    choose = {"": lambda rows: campaign.subset(rows, inputs=inputs, seed=int(rng.integers(2**31)))}
    return _in_folds(campaign, choose, rng, n_folds)[""]


def compared(campaign: Campaign, *, rng: np.random.Generator, n_folds: int = 5) -> dict[str, pd.DataFrame]:
    """Predict every measurement from the other folds by each kind of inputs: "fractions", "features" and "both".

    Arguments and tables are as of `by_folds`. Features are chosen once in each fold, for both kinds that use them.
    """
    latest: dict[str, Any] = {}

    def features(rows: np.ndarray) -> Campaign:
        latest["features"] = campaign.subset(rows, inputs="features", seed=int(rng.integers(2**31)))
        return latest["features"]

    def both(rows: np.ndarray) -> Campaign:
        chosen = latest["features"].features
        chosen = chosen.features if isinstance(chosen, Joined) else chosen
        return campaign.subset(rows, inputs=with_fractions(chosen))

    choose = {"fractions": lambda rows: campaign.subset(rows, inputs="fractions"), "features": features, "both": both}
    return _in_folds(campaign, choose, rng, n_folds)


def best_of(tables: Mapping[str, Sequence[pd.DataFrame]]) -> str:
    """Return which inputs predict best, given tables of predictions for each outcome.

    Errors count in ranges of their outcome. The first inputs are kept unless others are better on average by more than
    the standard error of the difference.
    """
    errors = {
        inputs: np.concatenate(
            [(one["measured"] - one["predicted"]).abs() / (np.ptp(one["measured"]) or 1.0) for one in some]
        )
        for inputs, some in tables.items()
    }
    best, *others = errors
    for other in others:
        gain = errors[best] - errors[other]
        if gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)):
            best = other
    return best


def _in_folds(
    campaign: Campaign, choose: Mapping[str, Callable[[np.ndarray], Campaign]], rng: np.random.Generator, n_folds: int
) -> dict[str, pd.DataFrame]:
    """Predictions of each fold by campaigns that are made, in the order of `choose`, of the rows of all others."""
    group = alike(campaign.coordinates)
    folds = deal_folds(group.max() + 1, rng, n_folds=min(n_folds, group.max() + 1))[0][group]
    empty = pd.DataFrame({"measured": campaign.values, "predicted": np.nan, "std": np.nan})
    found = {kind: empty.copy() for kind in choose}
    for fold in np.unique(folds):
        held, known = folds == fold, folds != fold
        values = campaign.values[known]
        scatter = values.std() if np.ptp(values) else campaign.values.std()
        for kind, make in choose.items():
            found[kind].loc[held, ["predicted", "std"]] = values.mean(), scatter
            if np.ptp(values) and np.ptp(group[known]):
                predicted = make(known).predict(campaign.coordinates[held])
                found[kind].loc[held, ["predicted", "std"]] = predicted[["predicted", "std_measurement"]].to_numpy()
    return found


def scores(table: pd.DataFrame) -> dict[str, float]:
    """Of a table of predictions: R² and MAE, the MAE of the mean in their place, mean and standard deviation of z."""
    error = table["measured"] - table["predicted"]
    deviation = table["measured"] - table["measured"].mean()
    z = error / table["std"]
    return {
        "R²": float(1 - (error**2).sum() / (deviation**2).sum()),
        "MAE": float(error.abs().mean()),
        "MAE of the mean": float(deviation.abs().mean()),
        "mean z": float(z.mean()),
        "std z": float(z.std(ddof=0)),
    }


def verdict(table: pd.DataFrame, other: pd.DataFrame, name: str, labels: Sequence | None = None) -> str:
    """What a table of predictions says of a model, and whether `other` inputs, by `name`, do better or worse; in words.

    Better: the mean difference of absolute errors exceeds twice its standard error. Not calibrated: more than a fifth
    of the nominal shares lie outside the band of `coverage`, on one side. Where the spread of z is too large all the
    same, for more far rows than chance allows, these are counted. What is bad comes with what to do.
    labels (n,): names of the rows, such as "Row 6"; numbers of the table's index unless given.
    """
    here, there, curve = scores(table), scores(other), coverage(table)
    off = curve["observed"] - curve["nominal"]
    low = (curve["observed"] < curve["low"]) & (off < -SMALL)
    high = (curve["observed"] > curve["high"]) & (off > SMALL)
    error, deviation, others = (
        (table["measured"] - prediction).abs()
        for prediction in (table["predicted"], table["measured"].mean(), other["predicted"])
    )
    worth, compared, remedies = "better than", "are not told apart", []
    if not _clearly(deviation - error):
        worth = "not clearly better than"
        remedies.append("take suggestions for guesses until more alloys are measured")
    z = ((table["measured"] - table["predicted"]) / table["std"]).abs()
    far = int((z > FAR).sum())
    tails = here["std z"] > 1 + 2 / np.sqrt(2 * len(table)) and not low.mean() > 0.2 and far > 2 * BEYOND * len(table)
    sure = "too sure of itself" if low.mean() > 0.2 else "too cautious" if high.mean() > 0.2 else "calibrated"
    if tails:
        rows = f"for {far} row{'s' if far > 1 else ''} with |z| > {FAR:g}"
        sure += f" for most rows, but far too sure {rows}, which make the spread of z {here['std z']:.2g}"
        measured = table["measured"].set_axis(table.index if labels is None else labels)
        named = _named(measured.iloc[(-z).argsort()[:far]])
        remedies.append(f"check {named}: a few numbers far off widen the errors stated for all others")
    elif low.mean() > 0.2:
        remedies.append(f"reckon with errors {z.quantile(WITHIN_ONE):.2g} times those stated")
    elif high.mean() > 0.2:
        remedies.append("look for single numbers far off, which make it so")
    if _clearly(error - others):
        compared = "do better"
        remedies.append(f"set inputs to {name!r}")
    elif _clearly(others - error):
        compared = "do worse"
    text = f"On rows it has not seen the model is {worth} their mean (MAE {here['MAE']:.3g} against "
    text += f"{here['MAE of the mean']:.3g}), and {sure} as far as {len(table)} rows can tell."
    text += f" Inputs {name!r} {compared} (MAE {there['MAE']:.3g})."
    return text + (f" What to do: {'; '.join(remedies)}." if remedies else "")


def _named(measured: pd.Series) -> str:
    """Rows, the furthest first, with what was measured there: "row 6 (170)"."""
    labels = [row[0].lower() + row[1:] if isinstance(row, str) else f"row {row}" for row in measured.index[:MOST_SAID]]
    texts = [f"{label} ({value:.4g})" for label, value in zip(labels, measured, strict=False)]
    texts += [f"{more} more"] if (more := len(measured) - len(texts)) else []
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


FAR, BEYOND = 3.0, 2 * norm.sf(3.0)
"""Of calibrated predictions, one in 370 lies beyond so many standard deviations."""

SMALL = 0.02
"""A share of rows this near to the nominal one is no fault, however many rows tell it."""

WITHIN_ONE = 1 - 2 * norm.sf(1.0)
"""Share of calibrated predictions within one standard deviation."""


def _clearly(difference: pd.Series) -> bool:
    return difference.mean() > 2 * difference.sem()


def coverage(table: pd.DataFrame, nominal: Sequence[float] = NOMINAL) -> pd.DataFrame:
    """Share of rows within the central interval of each nominal share, and what chance alone allows (95 %).

    Columns nominal, observed, low, high: a calibrated model lies between low and high nineteen times in twenty.
    """
    z = ((table["measured"] - table["predicted"]) / table["std"]).abs().to_numpy()
    stated = np.asarray(nominal)
    observed = (z[:, None] <= norm.ppf((1 + stated) / 2)).mean(0)
    low, high = (binom.ppf(side, len(z), stated) / len(z) for side in (0.025, 0.975))
    return pd.DataFrame({"nominal": stated, "observed": observed, "low": low, "high": high})
