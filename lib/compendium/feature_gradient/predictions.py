"""Predict each row of a draw from the rows outside its fold, with fractions or with features as inputs.

Two surrogates. This library's: a Matérn-5/2 GP whose noise is learned, on targets standardised over the training rows.
The paper's, as its scripts for Fig. 6 have it: an isotropic Matérn-3/2 kernel with white noise on raw targets, its
inputs centred by the median and divided by the interquartile range of all rows, the held-out ones included.

Process conditions that vary are inputs next to either; features are selected in their company.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.metrics import mean_absolute_error, mean_absolute_percentage_error
from sklearn.preprocessing import RobustScaler
from torch import Tensor

from alloygrad.features.feature_map import FeatureMap
from alloygrad.features.selection import Fitness, closed_form, genetic
from alloygrad.surrogates.gp import fit_gp

INPUTS = ("fractions", "features inside", "features outside")
ZERO_CELSIUS = 273.15  # K
START, BOUNDS = 10.0, (1e-5, 1e8)
"""Of every parameter of the paper's kernel."""


@dataclass(frozen=True, eq=False)
class Draw:
    """n rows of a table, dealt into folds.

    compositions (n, n_elements): fractions of `symbols`. process (n, k): conditions, k may be 0. targets (n,).
    folds (n,): numbers. rng: number of a search → its random numbers. options: arguments of ``selection.genetic``.
    """

    symbols: Sequence[str]
    compositions: np.ndarray
    process: np.ndarray
    targets: np.ndarray
    folds: np.ndarray
    rng: Callable[[int], np.random.Generator]
    options: dict

    @cached_property
    def points(self) -> np.ndarray:
        """Compositions and process conditions, (n, n_elements + k)."""
        return np.hstack([self.compositions, self.process])

    def select(self, rows: np.ndarray, search: int) -> FeatureMap:
        """Return the features selected on some rows, bool (n,)."""
        process = self.process[rows]
        fitness = next_to(torch.as_tensor(process[:, np.ptp(process, axis=0) > 0]))
        compositions, targets = self.compositions[rows], self.targets[rows]
        options = {**self.options, "fitness": fitness, "rng": self.rng(search)}
        return FeatureMap(self.symbols, genetic(self.symbols, compositions, targets, **options).features)

    @cached_property
    def outside(self) -> FeatureMap:
        """The features selected on all rows."""
        return self.select(np.ones(len(self.targets), dtype=bool), 0)

    def inputs(self, kind: str, known: np.ndarray) -> Callable[[Tensor], Tensor]:
        """Return points (m, n_elements + k) → inputs (m, F) of one kind, without columns constant over known rows."""
        varying = np.ptp(self.points[known], axis=0) > 0
        if kind == "fractions":
            return lambda x: x[:, varying]
        n = len(self.symbols)
        features = self.outside if kind == "features outside" else self.select(known, self._fold(known) + 1)
        process = n + np.flatnonzero(varying[n:])
        return lambda x: torch.cat([features(x[:, :n]), x[:, process]], dim=1)

    def _fold(self, known: np.ndarray) -> int:
        """Return the number of the fold that is not known."""
        return int(self.folds[~known][0])


def next_to(columns: Tensor) -> Fitness:
    """Return ``selection.closed_form`` with these columns (n, k) as inputs next to every set of features."""

    def fitness(values: Tensor, targets: Tensor, folds: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        evaluate = closed_form(torch.cat([values, columns], dim=1), targets, folds)
        own = values.shape[1] + np.arange(columns.shape[1])
        return lambda sets: evaluate(np.hstack([sets, np.tile(own, (len(sets), 1))]))

    return fitness


def predict(draw: Draw, kind: str) -> np.ndarray:
    """Return predictions (n,) by this library's surrogate."""
    found = np.full(len(draw.targets), np.nan)
    for fold in np.unique(draw.folds):
        held, known = draw.folds == fold, draw.folds != fold
        targets = draw.targets[known]
        centre, scale = targets.mean(), targets.std()
        standardised = (targets - centre) / scale
        model = fit_gp(draw.inputs(kind, known), draw.points[known], standardised, noise=None, scaled_prior=False)
        found[held] = centre + scale * model(draw.points[held])[0].numpy()
    return found


def predict_as_published(draw: Draw, kind: str, restarts: int) -> np.ndarray:
    """Return predictions (n,) by the paper's surrogate, fitted from `START` and `restarts` random starts."""
    everything = np.ones(len(draw.targets), dtype=bool)
    columns = draw.inputs(kind, everything)(torch.as_tensor(draw.points))
    x, found = RobustScaler().fit_transform(columns), np.full(len(draw.targets), np.nan)
    kernel = ConstantKernel(START, BOUNDS) * Matern(START, BOUNDS, nu=1.5) + WhiteKernel(START, BOUNDS)
    for fold in np.unique(draw.folds):
        held, known = draw.folds == fold, draw.folds != fold
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a parameter at its bound
            model = GaussianProcessRegressor(kernel, n_restarts_optimizer=restarts, random_state=int(fold))
            model.fit(x[known], draw.targets[known])
        found[held] = model.predict(x[held])
    return found


def errors(measured: np.ndarray, predicted: np.ndarray, unit: str) -> dict[str, float | None]:
    """MAE in the unit of the target, and MAPE as a fraction, of K for °C (None where a target is not positive)."""
    zero = ZERO_CELSIUS if unit == "°C" else 0.0
    positive = bool((measured + zero > 0).all())
    mape = mean_absolute_percentage_error(measured + zero, predicted + zero) if positive else None
    return {"mae": mean_absolute_error(measured, predicted), "mape": mape}
