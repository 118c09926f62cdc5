"""Choice of the features that a campaign works with, once, from its initial data.

For now a seeded random search: of `draws` random subsets the one whose GP predicts best, each measured composition
being left out in turn (closed form, hyperparameters fitted once per subset).
"""

from collections.abc import Sequence

import numpy as np
import torch

from alloygrad.features import Feature, FeatureMap, all_features
from alloygrad.surrogate import fit


def random_search(
    elements: Sequence[str],
    compositions: np.ndarray,
    targets: np.ndarray,
    *,
    rng: np.random.Generator,
    formulas: Sequence[str] = ("mean",),
    n_features: int = 4,
    draws: int = 32,
) -> list[Feature]:
    """The best of `draws` random sets of `n_features` features, by leave-one-out error of the mean.

    compositions (m, n_elements), targets (m,). Ties go to the earlier draw. Features that do not vary over the
    measured set are not candidates. Raises ValueError where fewer than `n_features` vary.
    """
    candidates = all_features(formulas)
    values = FeatureMap(elements, candidates)(compositions)
    spread = values.amax(0) - values.amin(0)
    # A mean of equal properties differs by rounding; scaled to 0 … 1 that would be a feature of pure noise.
    varying = np.flatnonzero((spread > 1e-9 * values.abs().amax(0)).numpy())
    if len(varying) < n_features:
        raise ValueError(
            f"{len(varying)} of {len(candidates)} features vary over the measured set; {n_features} asked for."
        )
    targets = torch.as_tensor(targets, dtype=torch.float64)
    best, error = None, np.inf
    for _ in range(draws):
        subset = [candidates[i] for i in np.sort(rng.choice(varying, n_features, replace=False))]
        mean, _ = fit(FeatureMap(elements, subset), compositions, targets).leave_one_out()
        found = float(((mean - targets) ** 2).mean())
        if found < error:
            best, error = subset, found
    return best
