"""Features or raw fractions: the same GP, on the same measurements, with different inputs.

One draw takes some rows of a dataset at random, without replacement, and deals them into folds. Each fold is predicted
from the others by a Matérn-5/2 GP whose noise is learned (measurements scatter, and compositions repeat), on targets
standardised over the training rows. Over all held-out rows of the draw

    MAE = mean |y − ŷ|,    MAPE = mean |y − ŷ| / y    (only where every target of the dataset is positive).

Inputs, all of them on the same rows and folds:
    fractions          atomic fractions of the elements that vary over the training rows
    features inside    features selected on the training rows of each fold
    features outside   features selected once, on all rows of the draw, those later held out included, as published
Process conditions are no input of any, as published. A draw's scores are one file, named by all that makes them;
rows are never stored. Draws of one dataset share rows: see ``statistics.paired_test``.

Source: Xian et al. 2025, doi 10.1039/d5dd00080g, Figures 6 and S3.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from sklearn.metrics import mean_absolute_error, mean_absolute_percentage_error
from tqdm import tqdm

from alloygrad.checks import require_whole
from alloygrad.features import elements
from alloygrad.features.feature_map import FeatureMap
from alloygrad.features.selection import deal_folds, genetic
from alloygrad.surrogates.gp import fit_gp
from compendium import DATA, store
from compendium.environments import datasets
from compendium.threads import one_thread

RECORD = DATA / "results" / "features_or_fractions.csv"
BEHAVIOUR = 1
"""Raised when a change here, in selection or surrogate changes the scores of a draw."""

INPUTS = ("fractions", "features inside", "features outside")
COLUMNS = ["draw", "input", "mae", "mape", "name", "code"]
ROWS, FOLDS, SELECT = range(3)  # purposes of random numbers


@dataclass(frozen=True)
class Comparison:
    """What is predicted, and how features are selected for it (arguments of ``selection.genetic``)."""

    dataset: str
    target: str
    rows: int = 100  # per draw
    folds: int = 10
    n_features: int = 4
    formulas: tuple[str, ...] = ("mean",)
    population: int = 96
    generations: int = 200
    patience: int = 40

    def __post_init__(self):
        require_whole(2, rows=self.rows, folds=self.folds)
        require_whole(1, n_features=self.n_features, population=self.population, generations=self.generations)

    def name(self, draw: int) -> str:
        """Digest of all that makes the scores of a draw."""
        return store.digest({**_fixed(self), "draw": draw})


@cache
def _fixed(comparison: Comparison) -> dict:
    """The part of a draw's name that its number does not change: settings, data and their cleaning, properties."""
    entry = datasets.REGISTRY[comparison.dataset]
    data = {
        key: entry.get(key) for key in ("sha256", "elements", "composition_unit", "removed", "rows_used", "targets")
    }
    data["corrections"] = [[slip["row"], slip["column"], slip["used"]] for slip in entry.get("corrections", [])]
    symbols = elements.available(entry["elements"])
    table = {"symbols": symbols, "values": elements.matrix(entry["elements"], symbols).tolist()}
    tables = {"dataset_entry": store.digest(data), "elements_table": store.digest(table)}
    return {"behaviour": BEHAVIOUR, **tables, **asdict(comparison)}


COMPARISONS = {
    dataset: Comparison(dataset, target)
    for dataset, target in {"SMA": "enthalpy", "Ti_yield": "yield_strength", "HEA": "yield_strength"}.items()
}
"""One for each alloy, at the paper's numbers; features are weighted averages."""


def _rng(comparison: Comparison, draw: int, *purpose: int) -> np.random.Generator:
    named = int(store.digest({"dataset": comparison.dataset, "target": comparison.target}), 16)
    return np.random.default_rng([named, draw, *purpose])


def draw_rows(comparison: Comparison, n: int, draw: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows of a dataset of n, fold number of each), both (comparison.rows,)."""
    if comparison.rows > n:
        raise ValueError(f"{comparison.rows} rows of {comparison.dataset} asked for, which has {n}: ask for fewer.")
    rows = _rng(comparison, draw, ROWS).permutation(n)[: comparison.rows]
    return rows, deal_folds(len(rows), _rng(comparison, draw, FOLDS), n_folds=comparison.folds)[0]


def predictions(comparison, symbols: Sequence[str], compositions, targets, folds, draw: int = 0) -> dict:
    """Input → predictions (n,), each row's from the rows outside its fold.

    compositions (n, n_elements) of the elements `symbols`, targets (n,) of any unit, folds (n,) fold numbers.
    """
    asked = ("formulas", "n_features", "population", "generations", "patience")
    options = {key: getattr(comparison, key) for key in asked}

    def select(rows, fold: int) -> FeatureMap:
        rng = _rng(comparison, draw, SELECT, fold)
        return FeatureMap(symbols, genetic(symbols, compositions[rows], targets[rows], rng=rng, **options).features)

    outside = select(np.ones(len(targets), bool), 0)
    found = {name: np.full(len(targets), np.nan) for name in INPUTS}
    for fold in np.unique(folds):
        held, known = folds == fold, folds != fold
        varying = np.ptp(compositions[known], axis=0) > 0
        inputs = (lambda c, varying=varying: c[:, varying], select(known, int(fold) + 1), outside)
        centre, scale = targets[known].mean(), targets[known].std()
        for name, features in zip(INPUTS, inputs, strict=True):
            surrogate = fit_gp(
                features, compositions[known], (targets[known] - centre) / scale, noise=None, scaled_prior=False
            )
            found[name][held] = centre + scale * surrogate(compositions[held])[0].numpy()
    return found


def errors(measured: np.ndarray, predicted: np.ndarray, positive: bool) -> dict[str, float | None]:
    """MAE in the unit of the target, and MAPE as a fraction (None unless positive)."""
    mape = mean_absolute_percentage_error(measured, predicted) if positive else None
    return {"mae": mean_absolute_error(measured, predicted), "mape": mape}


def run(comparison: Comparison, draw: int, path: Path) -> None:
    """Score one draw and write it to `path`. Raises `datasets.DatasetUnavailable`."""
    data = datasets.load(comparison.dataset)
    measured = data.table[comparison.target].to_numpy(float)
    rows, folds = draw_rows(comparison, len(measured), draw)
    with one_thread():
        found = predictions(comparison, data.elements, data.compositions[rows], measured[rows], folds, draw)
    positive = bool((measured > 0).all())
    scores = [{"draw": draw, "input": k, **errors(measured[rows], p, positive)} for k, p in found.items()]
    store.write_json(path, {"comparison": asdict(comparison), "code": store.code_version(), "scores": scores})


def stored(comparison: Comparison, draws: int, *, recorded: bool | None = None) -> pd.DataFrame:
    """What record (None: if the store is the default one) and store hold of draws 0 … draws − 1: ``COLUMNS``."""
    recorded = store.is_default() if recorded is None else recorded
    found = pd.read_csv(RECORD) if recorded and RECORD.exists() else pd.DataFrame(columns=COLUMNS)
    tables = []
    for name in (comparison.name(draw) for draw in range(draws)):
        table = found.loc[found["name"] == name, COLUMNS]
        if table.empty and (entry := store.read_json(folder() / f"{name}.json")) is not None:
            table = pd.DataFrame(entry["scores"]).assign(name=name, code=entry["code"])
        tables.append(table)
    return pd.concat([t for t in tables if len(t)] or [found[COLUMNS][:0]], ignore_index=True)


def folder() -> Path:
    """Where the working files of all comparisons stand."""
    return store.working() / "comparisons"


def obtain(comparison: Comparison, draws: int, *, workers: int | None = None) -> tuple[pd.DataFrame, str]:
    """(scores of draws 0 … draws − 1, one line on where they are from); what is missing is computed.

    One row per draw and input: dataset, target, unit, draw, rows (per draw), of (rows in the dataset), input, mae,
    mape. Of a dataset that cannot be had, what is stored is returned, at the numbers asked for or else at the paper's.
    """
    require_whole(1, draws=draws)
    known = {name: [c["name"] for c in entry.get("targets", [])] for name, entry in datasets.REGISTRY.items()}
    if comparison.target not in known.get(comparison.dataset, []):
        what = f"The comparison is of {comparison.target!r} in dataset {comparison.dataset!r}"
        raise ValueError(f"{what}; expected a target of one of { ({name: t for name, t in known.items() if t}) }.")
    table, line = stored(comparison, draws), f"{comparison.dataset}: read, nothing computed."
    if missing := sorted(set(range(draws)) - set(table["draw"])):
        if datasets.available(comparison.dataset):
            jobs = [delayed(run)(comparison, draw, folder() / f"{comparison.name(draw)}.json") for draw in missing]
            work = Parallel(n_jobs=min(workers or cpu_count(), len(jobs)), return_as="generator_unordered")(jobs)
            for _ in tqdm(work, total=len(jobs), desc=comparison.dataset, unit="draw"):
                pass
            table, line = stored(comparison, draws), f"{comparison.dataset}: {len(missing)} draws computed."
        else:
            if table.empty:
                comparison = Comparison(comparison.dataset, comparison.target, formulas=comparison.formulas)
                table = stored(comparison, draws)
            what = (
                f"the {table['draw'].nunique()} draws of {comparison.rows} rows on record" if len(table) else "nothing"
            )
            line = f"Dataset {comparison.dataset} cannot be had: {what} can be shown."
    entry = datasets.REGISTRY[comparison.dataset]
    unit = next(column["unit"] for column in entry["targets"] if column["name"] == comparison.target)
    about = {"dataset": comparison.dataset, "target": comparison.target, "unit": unit}
    table = table.drop(columns=["name", "code"]).assign(**about, rows=comparison.rows, of=entry["rows_used"])
    return table.astype({"draw": int, "mae": float, "mape": float}), line


def record(draws: int = 64) -> pd.DataFrame:
    """Pack the scores of the declared comparisons that working store and record hold; returns what is recorded now.

    As for trajectories, only draws that the present code would name so are kept.
    """
    tables = [
        stored(comparison, draws, recorded=True).assign(
            dataset=comparison.dataset, target=comparison.target, formulas=len(comparison.formulas)
        )
        for comparison in COMPARISONS.values()
    ]
    table = pd.concat(tables)[["dataset", "target", "formulas", *COLUMNS]]
    if len(table):
        store.write(RECORD, lambda path: table.to_csv(path, index=False))
    counts = table.groupby(["dataset", "target", "formulas"], sort=False)["draw"].nunique()
    return counts.rename("draws").reset_index()
