"""Does the genetic selection beat random sets, in its own score and on fresh compositions, and what does it cost?

    OMP_NUM_THREADS=1 python tests/benchmarks/selection.py [trials]

Each trial takes 40 compositions of the SMA environment. It runs the genetic selection of the campaigns and the best of
1000 random sets, by the same score on the same folds. "held out" is R² on 500 fresh compositions of the GP that
campaigns fit to the 40. The last table also runs all 200 generations. The last line times the published fitness, a
random forest, on one set. CPU seconds of one run compare only with each other.
"""

import sys
import time

import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import PredefinedSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler

from alloygrad.features.feature_map import FeatureMap
from alloygrad.features.formulas import FORMULAS
from alloygrad.features.selection import deal_folds, genetic, random_search, score
from alloygrad.surrogates.gp import fit_paper
from compendium.environments import alloys, trained

CASES = [(n, formulas) for n in (4, 8) for formulas in (("mean",), tuple(FORMULAS))]


def forest(values, targets, folds):
    """The published fitness; arguments as in `selection.closed_form`.

    −MAE (unit of the targets) of a random forest of 100 trees on robust-scaled features, mean over folds and repeats.
    """
    model = make_pipeline(RobustScaler(), RandomForestRegressor(n_estimators=100, random_state=0))

    def one(columns: np.ndarray) -> float:
        x, y = values[:, columns].numpy(), targets.numpy()
        splits = [PredefinedSplit(partition) for partition in folds]
        return np.mean([cross_val_score(model, x, y, cv=s, scoring="neg_mean_absolute_error") for s in splits])

    return lambda sets: np.array([one(columns) for columns in sets])


def data(n_elements: int, seed: int, n: int):
    """Elements, n measured and 500 fresh compositions with their merits, a generator."""
    space = alloys.SMA.space(n_elements, 0.001)
    environment = trained.load(alloys.SMA, space.elements)
    rng = np.random.default_rng([seed, n_elements])
    measured, fresh = (space.fractions(space.sample(size, rng)) for size in (n, 500))
    return space.elements, (measured, environment(measured)["merit"]), (fresh, environment(fresh)["merit"]), rng


def held_out(elements, features, measured, fresh) -> float:
    """R² of the campaigns' GP on fresh compositions."""
    mean, _ = fit_paper(FeatureMap(elements, features), *measured)(fresh[0])
    return 1 - ((mean.numpy() - fresh[1]) ** 2).sum() / ((fresh[1] - fresh[1].mean()) ** 2).sum()


def compare(n_elements: int, formulas, seed: int) -> dict:
    elements, measured, fresh, rng = data(n_elements, seed, 40)
    options = dict(formulas=formulas, folds=deal_folds(40, rng))
    started = time.process_time()
    chosen = genetic(elements, *measured, rng=rng, **options)
    seconds = time.process_time() - started
    random = random_search(elements, *measured, rng=rng, draws=1000, **options)
    one = random_search(elements, *measured, rng=rng, draws=1, **options)
    return {
        "elements": n_elements,
        "candidates": 30 * len(formulas),
        "CV genetic": chosen.score,
        "CV best of 1000": random.score,
        "won": chosen.score > random.score,
        "held out genetic": held_out(elements, chosen.features, measured, fresh),
        "held out best of 1000": held_out(elements, random.features, measured, fresh),
        "held out one random": held_out(elements, one.features, measured, fresh),
        "CPU s": seconds,
        "generations": len(chosen.history) - 1,
        "sets": chosen.evaluations,
    }


def cost(n: int, formulas, patience) -> dict:
    elements, measured, _, rng = data(4, 0, n)
    started = time.process_time()
    chosen = genetic(elements, *measured, rng=rng, formulas=formulas, patience=patience)
    seconds = time.process_time() - started
    return {
        "rows": n,
        "candidates": 30 * len(formulas),
        "patience": patience or "none",
        "generations": len(chosen.history) - 1,
        "sets": chosen.evaluations,
        "CPU s": seconds,
        "ms per set": 1e3 * seconds / chosen.evaluations,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    table = pd.DataFrame([compare(*CASES[i % 4], i) for i in range(trials)])
    table["held out won"] = table["held out genetic"] > table["held out best of 1000"]
    print(table.groupby(["elements", "candidates"]).mean().round(3).T.to_string())
    gain = (table["held out genetic"] - table["held out best of 1000"]).to_numpy()
    print(f"\nCV score: genetic above the best of 1000 random sets in {table['won'].sum()} of {trials} trials")
    print(f"held out: genetic above it in {(gain > 0).sum()}, median difference in R² {np.median(gain):+.3f}\n")
    rows = [cost(n, f, p) for n in (40, 90) for f in (("mean",), tuple(FORMULAS)) for p in (40, None)]
    print(pd.DataFrame(rows).round(3).to_string(index=False))
    elements, measured, _, rng = data(4, 0, 40)
    features, folds, started = ["mean:VEC", "mean:XP"], deal_folds(40, rng, repeats=4), time.process_time()
    score(elements, features, *measured, folds=folds, fitness=forest)
    print(f"\nthe published fitness takes {time.process_time() - started:.1f} CPU s for one set")
