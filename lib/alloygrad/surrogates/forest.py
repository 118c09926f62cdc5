"""Random forest as a surrogate: what its trees say on average, and how far they disagree.

T regression trees, each grown to the end on a bootstrap sample of the measurements (n drawn with replacement). With
t_k(e(c)) the prediction of tree k,

    mean(c) = (1/T) Σ_k t_k(e(c)),    std(c)² = (1/T) Σ_k (t_k(e(c)) − mean(c))².

A tree is constant between its thresholds, so both are steps: there is no gradient to follow, and whole boxes of
compositions tie. Far from all measurements the trees agree on what the nearest box holds, and std is small there.

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
    """A fitted forest; calling it gives (mean, std). n measured points."""

    features: Callable[[Tensor], Tensor]
    compositions: Tensor  # (n, n_elements)
    targets: Tensor  # (n,)
    trees: tuple  # scikit-learn's, grown on unscaled features: thresholds do not care

    def __call__(self, compositions: Tensor | np.ndarray) -> tuple[Tensor, Tensor]:
        """(mean, std), each (...), of (..., n_elements) fractions. Raises ValueError where a gradient is asked for."""
        compositions = doubles(compositions)
        if compositions.requires_grad and torch.is_grad_enabled():
            raise ValueError(
                "a gradient of a random forest was asked for; it is constant between the thresholds of its trees: "
                "take a maximiser that only evaluates ('lattice', 'random_search', 'enumeration')"
            )
        return in_blocks(self._block, compositions, BLOCK)

    def _block(self, compositions: Tensor) -> tuple[Tensor, Tensor]:
        x = self.features(compositions).numpy().astype(np.float32)  # as trained
        said = torch.from_numpy(np.stack([tree.predict(x)[:, 0] for tree in self.trees]))
        variance, mean = torch.var_mean(said, 0, correction=0)
        return mean, variance.clamp_min(MIN_VARIANCE).sqrt()


def fit(features: Callable[[Tensor], Tensor], compositions, targets, *, trees: int = TREES, seed: int = 0) -> Forest:
    """Forest of ``targets`` (n,) over ``features`` of ``compositions`` (n, n_elements); arguments as `surrogate.fit`.

    seed: of the bootstrap samples; fixed, so that the same measurements give the same forest. Raises ValueError for
    input of the wrong shape or not finite.
    """
    from sklearn.ensemble import RandomForestRegressor  # late: campaigns with a GP do without

    data = prepare(features, compositions, targets)
    model = RandomForestRegressor(n_estimators=trees, random_state=seed)
    model.fit(features(data["compositions"]).numpy(), data["targets"].numpy())
    grown = tuple(tree.tree_ for tree in model.estimators_)
    return Forest(features, data["compositions"], data["targets"], grown)
