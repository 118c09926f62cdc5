"""Random forest as a surrogate: mean and spread of the predictions of its trees.

T regression trees are grown in full, each on a bootstrap sample of the measurements (n drawn with replacement). With
t_k(e(c)) the prediction of tree k,

    mean(c) = (1/T) Σ_k t_k(e(c)),    std(c)² = (1/T) Σ_k (t_k(e(c)) − mean(c))².

A tree is constant between its thresholds. So mean and std are step functions without a gradient, and many compositions
tie. Far from all measurements most trees predict the same value, so std is small there.

Extremely randomised trees draw the thresholds of a split at random, one per feature, and take the best of these. Their
mean is smoother, and they are grown faster.

Source: Breiman, Machine Learning 45 (2001) 5, doi 10.1023/A:1010933404324; Geurts et al., Machine Learning 63 (2006) 3,
doi 10.1007/s10994-006-6226-1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alloygrad import protocols
from alloygrad.features.feature_map import doubles, given
from alloygrad.surrogates.evidence import NOISE
from alloygrad.surrogates.gp import BOUNDS, MIN_VARIANCE, in_blocks, prepare
from alloygrad.surrogates.model import Model, fit_columns

TREES = 100

EXTRA_TREES = 40
"""Trees of `ExtraTrees`: enough for their mean, which is all that the ensemble takes from them."""

FEW_FEATURES = 20
"""With more features, each split of an extra tree tries a third of them."""

BLOCK = 4096
"""Points evaluated at once."""


@dataclass(frozen=True, eq=False)
class ForestModel(Model):
    """A fitted forest of n measured points."""

    features: Callable[[Tensor], Tensor]
    coordinates: Tensor  # (n, k)
    targets: Tensor  # (n,)
    trees: tuple  # of scikit-learn, grown on unscaled features
    drawn: tuple  # of each tree, the rows (n,) of its bootstrap sample
    noise: float
    seed: int = 0
    extra: bool = False

    differentiable = False

    def posterior(self, points: Tensor | ArrayLike) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (...), at coordinates (..., k); ValueError if a gradient is needed."""
        points = given(self.features, points)
        if points.requires_grad and torch.is_grad_enabled():
            raise ValueError(
                "Expected coordinates without requires_grad; got some with it, but a random forest has no gradient. "
                "Take a maximiser that only evaluates: 'lattice', 'random_search' or 'enumeration'."
            )
        return in_blocks(self._block, points, BLOCK)

    def _predictions(self, points: Tensor) -> np.ndarray:
        """(trees, rows): what each tree predicts."""
        x = self.features(points).numpy().astype(np.float32)  # the precision in which the trees were grown
        return np.stack([tree.predict(x)[:, 0] for tree in self.trees])

    def _block(self, points: Tensor) -> tuple[Tensor, Tensor]:
        variance, mean = torch.var_mean(torch.from_numpy(self._predictions(points)), 0, correction=0)
        return mean, variance.clamp_min(MIN_VARIANCE).sqrt()

    def sample(self, points: Tensor | ArrayLike, n: int, rng: np.random.Generator) -> Tensor:
        """Draw n joint samples (n, rows) at coordinates (rows, k): the predictions of trees drawn at random."""
        with torch.no_grad():
            predictions = self._predictions(given(self.features, points))
            return torch.from_numpy(predictions[rng.integers(len(self.trees), size=n)])

    def condition(self, points: Tensor | ArrayLike, values: Tensor | ArrayLike) -> "ForestModel":
        """Return a forest grown anew with `values` (m,) at coordinates (m, k) among the measurements."""
        coordinates = torch.cat([self.coordinates, given(self.features, points)])
        targets = torch.cat([self.targets, doubles(values).reshape(-1)])
        trees, noise = len(self.trees), self.noise
        return fit_forest(
            self.features, coordinates, targets, noise=noise, trees=trees, seed=self.seed, extra=self.extra
        )

    def leave_one_out(self) -> tuple[Tensor, Tensor]:
        """Predict each measurement by the trees that have not seen it: (mean, std), each (n,), noise included."""
        mean, variance = out_of_bag(self._predictions(self.coordinates), self.drawn)
        return torch.from_numpy(mean), torch.from_numpy(np.sqrt(variance + self.noise))


@dataclass(frozen=True)
class RandomForest:
    """A random forest over `features` of coordinates, grown by `fit_forest`."""

    features: Callable[[Tensor], Tensor]
    scaled_prior: bool = True  # of no effect: trees have no lengthscales
    differentiable: ClassVar[bool] = False

    def fit(
        self, points: Tensor | ArrayLike, targets: Tensor | ArrayLike, *, noise: float | None = None
    ) -> protocols.Model:
        """Fit coordinates (n, k) and targets (n,) or (n, m); noise: its variance, None to estimate it."""
        return fit_columns(lambda one: fit_forest(self.features, points, one, noise=noise), targets)


@dataclass(frozen=True)
class ExtraTrees:
    """Extremely randomised trees over `features` of coordinates, grown by `fit_forest`."""

    features: Callable[[Tensor], Tensor]
    scaled_prior: bool = True  # of no effect: trees have no lengthscales
    trees: int = EXTRA_TREES
    differentiable: ClassVar[bool] = False

    def fit(
        self, points: Tensor | ArrayLike, targets: Tensor | ArrayLike, *, noise: float | None = None
    ) -> protocols.Model:
        """Fit coordinates (n, k) and targets (n,) or (n, m); noise: its variance, None to estimate it."""
        return fit_columns(
            lambda one: fit_forest(self.features, points, one, noise=noise, trees=self.trees, extra=True), targets
        )


def fit_forest(
    features: Callable[[Tensor], Tensor],
    points: Tensor | ArrayLike,
    targets: Tensor | ArrayLike,
    *,
    noise: float | None = NOISE,
    trees: int = TREES,
    seed: int = 0,
    extra: bool = False,
) -> ForestModel:
    """Fit a random forest; `features`, `points`, `targets` and errors as in `gp.fit_gp`.

    Args:
        features: Coordinates (n, k) → (n, F).
        points: (n, k).
        targets: (n,).
        noise: Variance of a measurement; None: the squared out-of-bag error beyond the spread of the trees.
        trees: How many are grown.
        seed: Of the bootstrap samples, so that the same measurements in the same order give the same forest.
        extra: Whether to draw the thresholds of splits at random.
    """
    from sklearn import config_context  # late, since they are slow to import
    from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

    data = prepare(features, points, targets)
    x = features(data["coordinates"]).numpy()
    if extra:
        tried = 1.0 if x.shape[1] <= FEW_FEATURES else 1 / 3
        model = ExtraTreesRegressor(trees, bootstrap=True, max_features=tried, random_state=seed)
    else:
        model = RandomForestRegressor(n_estimators=trees, random_state=seed)
    with config_context(assume_finite=True, skip_parameter_validation=True):  # `prepare` has checked them
        model.fit(x, data["targets"].numpy())
    grown, drawn = tuple(tree.tree_ for tree in model.estimators_), tuple(model.estimators_samples_)
    fitted = ForestModel(features, data["coordinates"], data["targets"], grown, drawn, noise or 0.0, seed, extra)
    if noise is None:
        mean, variance = out_of_bag(fitted._predictions(fitted.coordinates), drawn)
        beyond = float(((mean - fitted.targets.numpy()) ** 2 - variance).mean())
        fitted = replace(fitted, noise=max(beyond, BOUNDS["noise"][0]))
    return fitted


def out_of_bag(predictions: np.ndarray, drawn: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance, each (n,), of predictions (trees, n) over the trees that have not seen a row."""
    seen = np.zeros(predictions.shape, dtype=bool)
    for tree, rows in enumerate(drawn):
        seen[tree, rows] = True
    seen[:, seen.all(0)] = False  # a row that every tree has seen is predicted by all
    kept = np.ma.masked_array(predictions, seen)
    return kept.mean(0).filled(0), kept.var(0).filled(0)
