"""Means over trajectories or draws, their 95 % intervals (seeded percentile bootstrap), and tests of differences."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.stats import binomtest, t

from alloygrad.campaigns.trajectory import best_so_far

RESAMPLES = 5000

MIN_PAIRS = 8
"""No interval is given below this number of repeats: the percentile bootstrap of a mean is then far too narrow."""

ROUNDING = 1e-12
"""Relative; sums of a hundred doubles differ by less between processors."""

LEVEL = 0.05
"""A verdict needs a p value, adjusted for the number of tests, below this."""


def mean_interval(values: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(mean, low, high), each (...), of values (n, ...) over their first axis; low = high = NaN below `MIN_PAIRS`."""
    mean = values.mean(0)
    if len(values) < MIN_PAIRS:
        return mean, np.nan * mean, np.nan * mean
    low, high = np.percentile(resampled_means(values, seed), [2.5, 97.5], axis=0)
    return mean, low, high


def resampled_means(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """Means of `RESAMPLES` bootstrap samples of values (n, ...) over their first axis: (RESAMPLES, ...)."""
    # The samples are those of scipy.stats.bootstrap, which takes ten times as long for a curve of 60 experiments.
    return np.tensordot(_weights(len(values), seed), values, 1)


@lru_cache(8)
def _weights(n: int, seed: int) -> np.ndarray:
    """Share of each row in every bootstrap sample of n rows: (RESAMPLES, n)."""
    cells = _drawn(n, seed) + n * np.arange(RESAMPLES)[:, None]
    return np.bincount(cells.ravel(), minlength=RESAMPLES * n).reshape(RESAMPLES, n) / n


@lru_cache(8)
def _drawn(n: int, seed: int) -> np.ndarray:
    """Rows of every bootstrap sample of n rows: (RESAMPLES, n)."""
    return np.random.default_rng(seed).integers(n, size=(RESAMPLES, n))


def interval(
    values: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], seed: int = 0
) -> tuple[float, float, float]:
    """(value, low, high) of any statistic of values (n, columns); rows are resampled whole, so that pairs stay pairs.

    statistic: (..., n, columns) → (...). Resamples where it is NaN do not count. low = high = NaN below `MIN_PAIRS`.
    """
    values = np.asarray(values, dtype=float)
    value = float(statistic(values))
    if len(values) < MIN_PAIRS or np.isnan(value):
        return value, np.nan, np.nan
    low, high = np.nanquantile(statistic(values[_drawn(len(values), seed)]), [0.025, 0.975])
    return value, float(low), float(high)


def share_interval(hits: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, hits of n.

    Source: E. B. Wilson, J. American Statistical Association 22 (1927) 209.
    """
    low, high = binomtest(hits, n).proportion_ci(1 - LEVEL, method="wilson")
    return float(low), float(high)


def prediction_scores(truth: np.ndarray, mean: np.ndarray, std: np.ndarray) -> dict[str, float]:
    """How right the predictions N(mean, std²) are, all (n,): RMSE in units of the truth, and

    nlpd      negative log predictive density in nats, mean of ½ log(2π std²) + (truth − mean)²/(2 std²)
    coverage  share of the truth within mean ± 1.96 std, which should be 0.95
    """
    error = truth - mean
    nlpd = 0.5 * np.log(2 * np.pi * std**2) + error**2 / (2 * std**2)
    inside = np.abs(error) <= 1.96 * std
    return {"rmse": float(np.sqrt(np.mean(error**2))), "nlpd": float(nlpd.mean()), "coverage": float(inside.mean())}


def best_so_far_curve(rows: pd.DataFrame) -> pd.DataFrame:
    """Best merit so far over trajectories: columns experiment (−1 = before the first), mean, low, high, n."""
    return _curve(best_so_far(rows))


def best_so_far_curves(rows: Mapping[str, pd.DataFrame], name: str = "method") -> pd.DataFrame:
    """`best_so_far_curve` of each of `rows` that is not empty, one below the other; column `name` holds the key."""
    curves = [best_so_far_curve(own).assign(**{name: key}) for key, own in rows.items() if len(own)]
    return pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=[name, "experiment", "n"])


def paired_curve(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """`paired` after every experiment: columns experiment (−1 = before the first), n, mean, low, high."""
    curve = _curve(_difference(best_so_far(one), best_so_far(other)).dropna(axis=1))
    return curve[["experiment", "n", "mean", "low", "high"]]


def _curve(values: pd.DataFrame) -> pd.DataFrame:
    """Mean and interval of values (experiments, seeds) over seeds."""
    mean, low, high = mean_interval(values.to_numpy().T)
    return pd.DataFrame({"experiment": values.index, "mean": mean, "low": low, "high": high, "n": values.shape[1]})


def paired(one: pd.Series, other: pd.Series) -> dict[str, float]:
    """Mean of `one` − `other`, both by seed, over the seeds that both have: n, mean, low, high, effect_size.

    low, high: NaN below `MIN_PAIRS`. effect_size: mean over standard deviation of the differences. It is ±inf where all
    differences are the same and not 0 (p is then 0), and NaN for one pair or where all are 0. Values that differ by
    `ROUNDING` alone are equal: the same merit, computed on two processors. Raises ValueError without a common seed.
    """
    difference = _difference(one, other).dropna().to_numpy(dtype=float)
    if not len(difference):
        raise ValueError("The two sets of trajectories have no seed in common; a paired difference needs some.")
    mean, low, high = mean_interval(difference)
    return {"n": len(difference), "mean": mean, "low": low, "high": high, "effect_size": _effect_size(difference)}


def _effect_size(differences: np.ndarray) -> float:
    """Mean over standard deviation of differences (n,), as `paired` defines it."""
    if len(differences) < 2:
        return np.nan
    mean, spread = differences.mean(), differences.std(ddof=1)
    if spread <= ROUNDING * abs(mean):  # false for NaN
        return np.copysign(np.inf, mean) if mean else np.nan
    return mean / spread


def _difference(one, other):
    """`one` − `other`, aligned, 0 where they differ by `ROUNDING` alone; pandas in and out."""
    difference, sizes = one - other, one.abs().add(other.abs())
    return difference.where(~(difference.abs() <= ROUNDING / 2 * sizes), 0.0)


def paired_difference(one: pd.DataFrame, other: pd.DataFrame, experiments: list[int]) -> pd.DataFrame:
    """`paired` of the best merits after so many experiments: columns experiments, n, mean, low, high, effect_size."""
    curves = best_so_far(one), best_so_far(other)
    return pd.DataFrame(
        [{"experiments": done, **paired(*(curve.loc[done - 1] for curve in curves))} for done in experiments]
    )


def differences(
    rows: Mapping[str, pd.DataFrame], pairs: Iterable[tuple[str, str]], experiments: list[int]
) -> pd.DataFrame:
    """`paired_difference` of every pair of names that has trajectories, tested together.

    Columns one, other, experiments, n, mean, low, high, effect_size, p_holm and verdict (see `judged`).
    """
    tables = [
        paired_difference(rows[one], rows[other], experiments).assign(one=one, other=other)
        for one, other in pairs
        if len(rows.get(one, ())) and len(rows.get(other, ()))
    ]
    columns = ["one", "other", "experiments", "n", "mean", "low", "high", "effect_size"]
    table = pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns, dtype=float)
    return judged(table)


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of `paired`, tested together: p_holm and verdict added.

    p_holm: of the paired t-test (t = effect_size √n), adjusted over all rows, NaN below `MIN_PAIRS`. verdict: `one` is
    "higher" or "lower", or "inconclusive".
    """
    n, effect = (table[name].to_numpy(float) for name in ("n", "effect_size"))
    p = holm(np.where(n < MIN_PAIRS, np.nan, 2 * t.sf(abs(effect) * np.sqrt(n), np.maximum(n, 2) - 1)))
    clear = p < LEVEL  # also false for NaN
    verdict = np.select([clear & (table["mean"] > 0), clear], ["higher", "lower"], "inconclusive")
    return table.assign(p_holm=p, verdict=verdict)


def holm(p: np.ndarray) -> np.ndarray:
    """p values (m,) of m tests, adjusted so that the chance of any false positive stays below the level.

    The k-th smallest is multiplied by m − k + 1, and is no less than those before it. NaN is no test and stays NaN.
    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979) 65.
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")[: np.isfinite(p).sum()]  # NaN comes last
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return adjusted


def equivalence(low: float, high: float, margin: float) -> str:
    """Of an interval of differences: inside ± margin "equivalent", outside it "not equivalent", else "inconclusive"."""
    if -margin < low and high < margin:
        return "equivalent"
    return "not equivalent" if low >= margin or high <= -margin else "inconclusive"  # also for NaN


def in_words(row: Mapping) -> str:
    """Mean, interval and n of a row of `differences`, or of any mapping with these keys."""
    n = "" if "n" not in row else f" (n = {row['n']:.0f})"
    if np.isnan(row["low"]):
        return f"{row['mean']:+.4f}{n}, too few for an interval"
    return f"{row['mean']:+.4f} [{row['low']:+.4f}, {row['high']:+.4f}]{n}"


def contrast(terms: Iterable[tuple[float, np.ndarray]]) -> tuple[float, float, float]:
    """(Σ wᵢ · mean of sample i, low, high) of independent samples (wᵢ, values (nᵢ,)); NaN below `MIN_PAIRS`."""
    terms = [(weight, np.asarray(values, dtype=float)) for weight, values in terms]
    value = float(sum(weight * values.mean() for weight, values in terms))
    if min(len(values) for _, values in terms) < MIN_PAIRS:
        return value, np.nan, np.nan
    drawn = sum(weight * resampled_means(values, seed) for seed, (weight, values) in enumerate(terms))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return value, float(low), float(high)


def gains_by_movement(rows: pd.DataFrame) -> pd.DataFrame:
    """Experiments of trajectories by whether any start of the inner loop moved: index "one moved", "none moved".

    Columns experiments; better: the share that improved on the best so far; gained: the sum of these improvements;
    share_of_gain; log10_ei: the median over the selected compositions.
    """
    rise = best_so_far(rows).diff().loc[0:].stack().rename("gain").to_frame()
    picks = rows.set_index(["experiment", "seed"])
    rise["log10_ei"] = picks["log_ei"] / np.log(10)
    kinds = picks["moved"].gt(0).map({True: "one moved", False: "none moved"}).rename("start").reindex(rise.index)
    found = rise.groupby(kinds)["gain"].agg(experiments="size", better=lambda g: (g > 0).mean(), gained="sum")
    found["share_of_gain"] = found["gained"] / found["gained"].sum()
    return found.join(rise.groupby(kinds)["log10_ei"].median())


def paired_test(differences: np.ndarray, *, overlap: float) -> dict[str, float]:
    """Is the mean of paired differences d_1 … d_J of J draws, shape (J,), other than zero?

    With their mean d̄ and standard deviation s: the effect size d_z = d̄/s, a bootstrap interval over the draws, and
    two p values of t = d̄/√v with J − 1 degrees of freedom,

        p            v = s²/J                     the ordinary paired t-test: draws taken as independent
        p_corrected  v = s² (1/J + ρ/(1 − ρ))     draws of m from the same n rows share rows: ρ = m/n = `overlap`

    Draws with a common correlation ρ have Var(d̄) = σ²(ρ + (1 − ρ)/J) and E[s²] = σ²(1 − ρ); the second v is their
    ratio times s². ρ = m/n is exact for means over the drawn rows (cov = σ₁²/n, var = σ₁²/m) and a heuristic for
    scores of models; where a draw adds chance of its own (folds, a search), ρ is smaller and p_corrected too large.
    Where every draw has all rows, ρ = 1, nothing is known about others: p_corrected = 1.
    More draws of the same rows shrink the first v without end, the second never below s²ρ/(1 − ρ): `effective` =
    1/(1/J + ρ/(1 − ρ)) independent draws. Interval and p hold for these n rows, p_corrected for the population that
    they come from.

    Source: Nadeau and Bengio, Machine Learning 52 (2003) 239, doi 10.1023/A:1024068626366, section 3, for overlapping
    training sets, where ρ is the share of the test rows.
    """
    if not 0 <= overlap <= 1:
        raise ValueError(
            f"Expected an overlap from 0 to 1, the share of all rows that one draw has; got {overlap}. Divide the rows "
            "of a draw by those of the table."
        )
    differences = np.asarray(differences, dtype=float)
    n, (mean, low, high), effect = len(differences), mean_interval(differences), _effect_size(differences)
    effective = (1 - overlap) / ((1 - overlap) / n + overlap)
    p, p_corrected = (2 * t.sf(abs(effect) * np.sqrt(size), n - 1) for size in (n, effective))
    test = {"effect_size": effect, "p": p, "effective": effective, "p_corrected": p_corrected}
    return {"n": n, "mean": float(mean), "low": float(low), "high": float(high), **test}


COMPARED = ["dataset", "target", "process", "restarts"]
"""Columns that name a comparison of inputs."""


def paired_scores(scores: pd.DataFrame, one: str, other: str, column: str = "mae") -> pd.DataFrame:
    """``paired_test`` of `one` − `other`, inputs of a comparison, over the draws that have both.

    scores: columns `COMPARED`, draw, rows, of (rows per draw and in all), input, `column`. One row per comparison that
    has both; index `COMPARED`. error: the mean of `one`; percent: the mean difference in % of it.
    """
    columns = ["error", "n", "mean", "low", "high", "percent", "effect_size", "p", "effective", "p_corrected"]
    table = {}
    for name, rows in scores.dropna(subset=[column]).groupby(COMPARED, sort=False):
        wide = rows.pivot(index="draw", columns="input", values=column).reindex(columns=[one, other]).dropna()
        if len(wide):
            overlap = (rows["rows"] / rows["of"]).iloc[0]
            test = paired_test(_difference(wide[one], wide[other]).to_numpy(), overlap=overlap)
            error = wide[one].mean()
            table[name] = {**test, "error": error, "percent": 100 * test["mean"] / error}
    names = pd.DataFrame(list(table), columns=COMPARED)
    return pd.DataFrame(list(table.values()), pd.MultiIndex.from_frame(names), columns)


def in_percent(tests: pd.DataFrame) -> pd.DataFrame:
    """Mean difference and interval of `paired_scores` in % of the first input's mean: columns mean, low, high, n."""
    return (100 * tests[["mean", "low", "high"]].div(tests["error"], axis=0)).assign(n=tests["n"])
