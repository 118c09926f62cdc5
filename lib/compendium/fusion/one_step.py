"""One step instead of a whole campaign: which model ranks the alloys that others found, knowing 40 random ones?

A campaign of 60 experiments says little about a model for what it costs, since one lucky pick decides it. Here a model
learns the 40 random alloys of one recorded trajectory. Its candidates are alloys that the trajectories of other seeds
measured. Counted are those of its eight largest log EI that beat the best known alloy, and by how much the best does.

The state comes before the first choice, so that no model has shaped it. The candidates were chosen by models of four
features: that favours features.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from alloygrad import log_ei
from alloygrad.campaigns.inputs import with_fractions
from alloygrad.features.feature_map import FeatureMap, parse_feature, raw_fractions
from alloygrad.protocols import Model
from alloygrad.surrogates import GaussianProcess, Isotropic
from alloygrad.surrogates.averaged import Averaged
from alloygrad.surrogates.ensemble import compress
from alloygrad.surrogates.evidence import NOISE
from alloygrad.surrogates.gp import standardisation
from compendium.running import studies
from compendium.running.cells import Cell, declared

PICKS, CANDIDATES = 8, 3000
COLUMNS = ["cell", "seed", "model", "hits", "gain", "share"]

Fit = Callable[[FeatureMap, np.ndarray, np.ndarray], Model]
"""Four features, fractions (n, k) and standardised merits (n,) → a model."""


def _fractions(features: FeatureMap) -> FeatureMap:
    return raw_fractions(features.elements)


def _squeezed(y: np.ndarray) -> np.ndarray:
    tensor = torch.from_numpy(y)
    return compress(tensor)(tensor).numpy()


MODELS: dict[str, Fit] = {
    "features, as published": lambda f, x, y: GaussianProcess(f, scaled_prior=False).fit(x, y, noise=NOISE),
    "features": lambda f, x, y: GaussianProcess(f).fit(x, y),
    "fractions": lambda f, x, y: GaussianProcess(_fractions(f)).fit(x, y),
    "fractions, prior not scaled": lambda f, x, y: GaussianProcess(_fractions(f), scaled_prior=False).fit(x, y),
    "both": lambda f, x, y: GaussianProcess(with_fractions(f)).fit(x, y),
    "averaged": lambda f, x, y: Averaged([GaussianProcess(f), GaussianProcess(_fractions(f))]).fit(x, y),
    "fractions, one lengthscale": lambda f, x, y: Isotropic(_fractions(f)).fit(x, y),
    "fractions, low merits compressed": lambda f, x, y: GaussianProcess(_fractions(f)).fit(x, _squeezed(y)),
    "fractions, upper half alone": lambda f, x, y: GaussianProcess(_fractions(f)).fit(*_upper(x, y)),
}
"""What was tried, by name."""


def _upper(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = y >= np.median(y)
    return x[rows], y[rows]


def table(names: Sequence[str], seeds: Sequence[int], models: Mapping[str, Fit] = MODELS) -> pd.DataFrame:
    """Return one row per cell, seed and model.

    Args:
        names: Recorded cells of the first paper with four features, such as "sma_n10_ascent".
        seeds: Of their trajectories.
        models: By name.

    Returns:
        hits: share of the eight picks that beat the best of the 40; share: that of all candidates, which random picks
        would have; gain: by how much the best pick beats it, 0 where none does. A cell without records has no rows.
    """
    rows = []
    for name in names:
        cell = declared()[name]
        known = studies.trajectories(cell, cell.planned, compute=False)
        for seed in seeds if len(known) else ():
            for model, fit in models.items():
                rows.append({"cell": name, "seed": seed, "model": model} | step(cell, known, seed, fit))
    return pd.DataFrame(rows, columns=COLUMNS)


def step(cell: Cell, known: pd.DataFrame, seed: int, fit: Fit) -> dict[str, float]:
    """Return hits, gain and share of one model on the initial alloys of one seed, among those that others measured."""
    elements = list(cell.space().elements)
    own, others = known[known["seed"] == seed], known[(known["seed"] != seed) & (known["experiment"] >= 0)]
    names = own["features"].dropna().iloc[0].split()
    features = FeatureMap(cell.space().elements, tuple(parse_feature(one) for one in names))
    start, others = own[own["experiment"] < 0], others.sample(min(CANDIDATES, len(others)), random_state=seed)
    x, shown = (cell.space().fractions(part[elements].to_numpy()) for part in (start, others))
    merits, best = others["merit"].to_numpy(), start["merit"].max()
    centre, spread = standardisation(start["merit"].to_numpy())
    model = fit(features, x, (start["merit"].to_numpy() - centre) / spread)
    with torch.no_grad():
        expected = model.posterior(x)[0].max().item()
        values = log_ei(model, expected)(torch.from_numpy(shown)).numpy()
    picked = merits[np.argsort(-values, kind="stable")[:PICKS]]
    return {
        "hits": float((picked > best).mean()),
        "gain": float(max(0.0, picked.max() - best)),
        "share": float((merits > best).mean()),
    }
