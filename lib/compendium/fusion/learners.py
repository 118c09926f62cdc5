"""Learners that the document names and the library's ensemble does without: a linear regression and a neural network.

Each is bagged: estimators of scikit-learn on bootstrap samples of standardised features, so that every measurement is
predicted by those that have not seen it, as a forest's are.

    ridge    linear, its penalty chosen by generalised cross-validation
    network  one hidden layer of 32 units

Importing this module adds them to `alloygrad.surrogates.ensemble.LEARNERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alloygrad import protocols
from alloygrad.features.feature_map import doubles, given
from alloygrad.surrogates.ensemble import LEARNERS
from alloygrad.surrogates.evidence import NOISE
from alloygrad.surrogates.forest import out_of_bag
from alloygrad.surrogates.gp import MIN_VARIANCE, prepare
from alloygrad.surrogates.model import Model, fit_columns

BAGS = 20
"""Bootstrap samples."""

HIDDEN, PENALTY, ITERATIONS = 32, 0.1, 200
"""Units of the network, weight of its squared weights, iterations of L-BFGS at most."""


def ridge(seed: int) -> Any:
    """Return a linear regression that is not fitted yet."""
    from sklearn.linear_model import RidgeCV

    return RidgeCV(np.logspace(-3, 3, 13))


def network(seed: int) -> Any:
    """Return a neural network that is not fitted yet."""
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor(
        hidden_layer_sizes=(HIDDEN,), alpha=PENALTY, solver="lbfgs", max_iter=ITERATIONS, random_state=seed
    )


@dataclass(frozen=True, eq=False)
class BaggedModel(Model):
    """Estimators fitted on bootstrap samples of n measurements."""

    features: Callable[[Tensor], Tensor]
    coordinates: Tensor  # (n, k)
    targets: Tensor  # (n,)
    low: Tensor  # (F,)
    width: Tensor  # (F,)
    fitted: tuple
    drawn: tuple  # of each estimator, the rows (n,) of its sample
    make: Callable[[int], Any]

    differentiable = False
    noise = NOISE

    def _predictions(self, points: Tensor) -> np.ndarray:
        x = ((self.features(points) - self.low) / self.width).numpy()
        return np.stack([one.predict(x) for one in self.fitted])

    def posterior(self, points: Tensor | ArrayLike) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (...), of coordinates (..., k)."""
        points = given(self.features, points)
        found = torch.from_numpy(self._predictions(points.reshape(-1, points.shape[-1])))
        variance, mean = torch.var_mean(found, 0, correction=0)
        return mean.reshape(points.shape[:-1]), variance.clamp_min(MIN_VARIANCE).sqrt().reshape(points.shape[:-1])

    def condition(self, points: Tensor | ArrayLike, values: Tensor | ArrayLike) -> protocols.Model:
        """Return a model fitted anew with `values` (m,) at coordinates (m, k) among the measurements."""
        coordinates = torch.cat([self.coordinates, given(self.features, points)])
        return Bagged(self.features, self.make).fit(coordinates, torch.cat([self.targets, doubles(values).reshape(-1)]))

    def leave_one_out(self) -> tuple[Tensor, Tensor]:
        """Predict each measurement by the estimators that have not seen it: (mean, std), each (n,)."""
        mean, variance = out_of_bag(self._predictions(self.coordinates), self.drawn)
        return torch.from_numpy(mean), torch.from_numpy(np.sqrt(variance + self.noise))


@dataclass(frozen=True)
class Bagged:
    """Bagged estimators over `features` of coordinates; make: seed → an estimator of scikit-learn."""

    features: Callable[[Tensor], Tensor]
    make: Callable[[int], Any]
    differentiable: ClassVar[bool] = False

    def fit(
        self, points: Tensor | ArrayLike, targets: Tensor | ArrayLike, *, noise: float | None = None
    ) -> protocols.Model:
        """Fit coordinates (n, k) and targets (n,) or (n, m); noise is not used."""
        return fit_columns(lambda one: self._fit(points, one), targets)

    def _fit(self, points: Tensor | ArrayLike, targets: Tensor | ArrayLike) -> BaggedModel:
        data = prepare(self.features, points, targets)
        raw, y = self.features(data["coordinates"]), data["targets"].numpy()
        low, width = raw.mean(0), raw.std(0, correction=0)
        width = torch.where(width > 1e-9 * raw.abs().amax(0).clamp_min(1e-300), width, torch.inf)  # constant: no say
        x, rng = ((raw - low) / width).numpy(), np.random.default_rng(0)
        drawn = tuple(rng.integers(len(y), size=len(y)) for _ in range(BAGS))
        fitted = tuple(self.make(seed).fit(x[rows], y[rows]) for seed, rows in enumerate(drawn))
        return BaggedModel(self.features, data["coordinates"], data["targets"], low, width, fitted, drawn, self.make)


LEARNERS |= {
    "ridge": lambda features, scaled: Bagged(features, ridge),
    "network": lambda features, scaled: Bagged(features, network),
}
