"""Independent models of several targets, behind the protocol of one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alloygrad import protocols
from alloygrad.features.feature_map import doubles
from alloygrad.surrogates.model import Model


@dataclass(frozen=True, eq=False)
class Several(Model):
    """m models of the same measurements: all results have one more dimension, (..., m)."""

    models: tuple[protocols.Model, ...]

    @property
    def differentiable(self) -> bool:
        """Whether all of them are."""
        return all(model.differentiable for model in self.models)

    @property
    def noise(self) -> Any:
        """Variance of a measurement of each target: a tuple (m,), where the protocol has one number."""
        return tuple(model.noise for model in self.models)

    @property
    def warnings(self) -> tuple[str, ...]:
        """All warnings, each with the number of its target."""
        return tuple(f"Target {i}: {text}" for i, model in enumerate(self.models) for text in model.warnings)

    def posterior(self, points: Tensor | ArrayLike) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (..., m), of coordinates (..., k)."""
        return _stacked(model.posterior(points) for model in self.models)

    def sample(self, points: Tensor | ArrayLike, n: int, rng: np.random.Generator) -> Tensor:
        """Draw n joint samples (n, rows, m) at coordinates (rows, k); targets are independent."""
        return torch.stack([model.sample(points, n, rng) for model in self.models], -1)

    def condition(self, points: Tensor | ArrayLike, values: Tensor | ArrayLike) -> "Several":
        """Return the models as if `values` (rows, m) had been measured at coordinates (rows, k)."""
        values = doubles(values)
        return Several(tuple(model.condition(points, values[:, i]) for i, model in enumerate(self.models)))

    def leave_one_out(self) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (n, m)."""
        return _stacked(model.leave_one_out() for model in self.models)


def _stacked(pairs: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    means, stds = zip(*pairs, strict=True)
    return torch.stack(means, -1), torch.stack(stds, -1)
