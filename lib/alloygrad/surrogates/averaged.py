"""Several differentiable models of the same measurements, averaged: for example features and raw fractions.

Model c predicts measurement i, without having seen it, as N(p_ci, s_ci²). Its weight is its share of the predictive
density, tempered by the number of measurements n:

    w_c ∝ exp(T⁻¹ Σ_i log N(y_i; p_ci, s_ci²)),   T = √n,   Σ_c w_c = 1

Errors of left-out predictions have much in common, so T = 1 would give nearly all weight to one model by chance. The
posterior has the moments of the mixture,

    μ = Σ_c w_c μ_c,   σ² = Σ_c w_c (σ_c² + (μ_c − μ)²),

and where the models disagree σ grows. No single set of inputs suits every landscape; this asks each campaign's own
data.

Source: Yao et al., Bayesian Analysis 13 (2018) 917, doi 10.1214/17-BA1091 (pseudo-Bayesian model averaging).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alloygrad import protocols
from alloygrad.checks import require_protocol
from alloygrad.features.feature_map import doubles
from alloygrad.surrogates.model import Model, fit_columns


@dataclass(frozen=True, eq=False)
class AveragedModel(Model):
    """C fitted models and their weights (C,)."""

    models: tuple[protocols.Model, ...]
    weights: Tensor

    @property
    def differentiable(self) -> bool:
        """Whether all of them are."""
        return all(model.differentiable for model in self.models)

    @property
    def noise(self) -> float:
        """Variance of a measurement, averaged."""
        return sum(w * model.noise for w, model in zip(self.weights.tolist(), self.models, strict=True))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of all models."""
        return tuple(dict.fromkeys(text for model in self.models for text in model.warnings))

    def hyperparameters(self) -> dict[str, float]:
        """Return the weight of each model."""
        return {f"weight_{i}": weight for i, weight in enumerate(self.weights.tolist())}

    def posterior(self, points: Tensor | ArrayLike) -> tuple[Tensor, Tensor]:
        """Return the differentiable (mean, std), each (...), of coordinates (..., k)."""
        return self._mixed([model.posterior(points) for model in self.models])

    def _mixed(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        means, stds = (torch.stack(parts, -1) for parts in zip(*pairs, strict=True))
        mean = means @ self.weights
        return mean, ((stds.square() + (means - mean[..., None]).square()) @ self.weights).sqrt()

    def sample(self, points: Tensor | ArrayLike, n: int, rng: np.random.Generator) -> Tensor:
        """Draw n joint samples (n, rows) at coordinates (rows, k), each from a model drawn by its weight."""
        chosen = rng.choice(len(self.models), size=n, p=self.weights.numpy())
        parts = [model.sample(points, int((chosen == i).sum()), rng) for i, model in enumerate(self.models)]
        drawn = torch.empty((n, parts[0].shape[1]), dtype=torch.float64)
        for i, part in enumerate(parts):
            drawn[np.flatnonzero(chosen == i)] = part
        return drawn

    def condition(self, points: Tensor | ArrayLike, values: Tensor | ArrayLike) -> AveragedModel:
        """Return the models as if `values` (m,) had been measured at coordinates (m, k); weights are kept."""
        return replace(self, models=tuple(model.condition(points, values) for model in self.models))

    def leave_one_out(self) -> tuple[Tensor, Tensor]:
        """Predict each measurement from all others, weights kept: (mean, std), each (n,), noise included."""
        return self._mixed([model.leave_one_out() for model in self.models])


@dataclass(frozen=True)
class Averaged:
    """Surrogates whose models are averaged; each owns its map of coordinates.

    Raises:
        ValueError: No surrogate, or one that predicts on another scale than that of the targets.

    Example:
        >>> from alloygrad.features.feature_map import raw_fractions, FeatureMap
        >>> from alloygrad.surrogates import GaussianProcess
        >>> elements = ("Ni", "Ti")
        >>> maps = raw_fractions(elements), FeatureMap(elements, ["mean:VEC"])
        >>> surrogate = Averaged([GaussianProcess(one) for one in maps])
        >>> x = np.linspace(0.2, 0.8, 7)
        >>> model = surrogate.fit(np.column_stack([x, 1 - x]), x**2)
        >>> round(model.weights.sum().item(), 6)
        1.0
    """

    surrogates: Sequence[protocols.Surrogate]

    def __post_init__(self) -> None:
        if not len(self.surrogates):
            raise ValueError("Expected at least one surrogate to average; got none. Pass a list of them.")
        for surrogate in self.surrogates:
            require_protocol(surrogate, protocols.Surrogate, "GaussianProcess")
            if getattr(surrogate, "compressed", False):
                raise ValueError(
                    "Expected surrogates that predict targets as they are; got an Ensemble, which compresses those "
                    "below the median. Write Ensemble(features, compressed=False)."
                )

    @property
    def differentiable(self) -> bool:
        """Whether all of them are."""
        return all(surrogate.differentiable for surrogate in self.surrogates)

    def fit(
        self, points: Tensor | ArrayLike, targets: Tensor | ArrayLike, *, noise: float | None = None
    ) -> protocols.Model:
        """Fit coordinates (n, k) and targets (n,) or (n, m); noise: its variance, None to learn it."""
        return fit_columns(lambda one: self._fit(points, one, noise), targets)

    def _fit(self, points: Tensor | ArrayLike, targets: Tensor | ArrayLike, noise: float | None) -> AveragedModel:
        models = tuple(surrogate.fit(points, targets, noise=noise) for surrogate in self.surrogates)
        return AveragedModel(models, predictive_weights([model.leave_one_out() for model in models], doubles(targets)))


def predictive_weights(left_out: Sequence[tuple[Tensor, Tensor]], targets: Tensor) -> Tensor:
    """Return w (C,) of left-out predictions (mean, std), each (n,), of targets (n,)."""
    scores = [torch.distributions.Normal(mean, std).log_prob(targets).sum() for mean, std in left_out]
    return torch.softmax(torch.stack(scores) / sqrt(len(targets)), 0)
