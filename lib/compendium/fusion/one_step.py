"""One step instead of a whole campaign: which model ranks the alloys that others found, knowing 40 random ones?

A campaign of 60 experiments says little about a model for what it costs, since one lucky pick decides it. Here a model
learns the 40 random alloys of one recorded trajectory. Its candidates are alloys that the trajectories of other seeds
measured. Counted are those of its eight largest log EI that beat the best known alloy, and by how much the best does.

The state comes before the first choice, so that no model has shaped it. The candidates were chosen by models of four
features: that favours features.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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
from compendium.threads import one_thread

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


@dataclass(frozen=True, eq=False)
class State:
    """What one trajectory knows before its first choice, and alloys that others measured."""

    features: FeatureMap
    known: np.ndarray  # (n, k) fractions
    merits: np.ndarray  # (n,)
    candidates: np.ndarray  # (m, k)
    theirs: np.ndarray  # (m,): merits of the candidates

    def judged(self, fit: Fit) -> dict[str, float]:
        """Return hits, gain and share of one model (see `table`)."""
        centre, spread = standardisation(self.merits)
        model = fit(self.features, self.known, (self.merits - centre) / spread)
        with torch.no_grad():
            expected = model.posterior(self.known)[0].max().item()
            values = log_ei(model, expected)(torch.from_numpy(self.candidates)).numpy()
        picked, best = self.theirs[np.argsort(-values, kind="stable")[:PICKS]], self.merits.max()
        return {
            "hits": float((picked > best).mean()),
            "gain": float(max(0.0, picked.max() - best)),
            "share": float((self.theirs > best).mean()),
        }


def state(cell: Cell, trajectories: pd.DataFrame, seed: int) -> State:
    """Return the state of one seed before its first choice; its candidates are drawn from those of other seeds."""
    elements = list(cell.space().elements)
    own = trajectories[trajectories["seed"] == seed]
    others = trajectories[(trajectories["seed"] != seed) & (trajectories["experiment"] >= 0)]
    others = others.sample(min(CANDIDATES, len(others)), random_state=seed)
    start = own[own["experiment"] < 0]
    names = own["features"].dropna().iloc[0].split()
    features = FeatureMap(cell.space().elements, tuple(parse_feature(one) for one in names))
    x, shown = (cell.space().fractions(part[elements].to_numpy()) for part in (start, others))
    return State(features, x, start["merit"].to_numpy(), shown, others["merit"].to_numpy())


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
    with one_thread():
        for name in names:
            cell = declared()[name]
            trajectories = studies.trajectories(cell, cell.planned, compute=False)
            for seed in seeds if len(trajectories) else ():
                at = state(cell, trajectories, seed)
                rows += [{"cell": name, "seed": seed, "model": one} | at.judged(fit) for one, fit in models.items()]
    return pd.DataFrame(rows, columns=COLUMNS)
