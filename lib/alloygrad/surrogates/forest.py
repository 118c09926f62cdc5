"""Random forest as a surrogate: mean and spread of the predictions of its trees.

T regression trees are grown in full, each on a bootstrap sample of the measurements (n drawn with replacement). With
t_k(e(c)) the prediction of tree k,

    mean(c) = (1/T) Σ_k t_k(e(c)),    std(c)² = (1/T) Σ_k (t_k(e(c)) − mean(c))².

A tree is constant between its thresholds. So mean and std are step functions without a gradient, and many compositions
tie. Far from all measurements most trees predict the same value, so std is small there.

Source: Breiman, Machine Learning 45 (2001) 5, doi 10.1023/A:1010933404324.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alloygrad.features.feature_map import doubles
from alloygrad.surrogates.gp import MIN_VARIANCE, in_blocks, prepare

TREES = 100

BLOCK = 4096
"""Compositions evaluated at once."""


@dataclass(frozen=True, eq=False)
class Forest:
    """A fitted forest; a call returns (mean, std). n measured points."""

    features: Callable[[Tensor], Tensor]
    compositions: Tensor  # (n, n_elements)
    targets: Tensor  # (n,)
    trees: tuple  # of scikit-learn, grown on unscaled features

    def __call__(self, compositions: Tensor | np.ndarray) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (...), at compositions (..., n_elements); ValueError if a gradient is needed."""
        compositions = doubles(compositions)
        if compositions.requires_grad and torch.is_grad_enabled():
            raise ValueError(
                "Expected compositions without requires_grad; got some with it, but a random forest has no gradient. "
                "Take a maximiser that only evaluates: 'lattice', 'random_search' or 'enumeration'."
            )
        return in_blocks(self._block, compositions, BLOCK)

    def _block(self, compositions: Tensor) -> tuple[Tensor, Tensor]:
        x = self.features(compositions).numpy().astype(np.float32)  # the precision in which the trees were grown
        predicted = torch.from_numpy(np.stack([tree.predict(x)[:, 0] for tree in self.trees]))
        variance, mean = torch.var_mean(predicted, 0, correction=0)
        return mean, variance.clamp_min(MIN_VARIANCE).sqrt()


def fit(features: Callable[[Tensor], Tensor], compositions, targets, *, trees: int = TREES, seed: int = 0) -> Forest:
    """Fit a random forest; `features`, `compositions`, `targets` and errors as in `gp.fit`.

    seed: of the bootstrap samples, so that the same measurements give the same forest.
    """
    from sklearn.ensemble import RandomForestRegressor  # late, since it is slow to import

    data = prepare(features, compositions, targets)
    model = RandomForestRegressor(n_estimators=trees, random_state=seed)
    model.fit(features(data["compositions"]).numpy(), data["targets"].numpy())
    grown = tuple(tree.tree_ for tree in model.estimators_)
    return Forest(features, data["compositions"], data["targets"], grown)
