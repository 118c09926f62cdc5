"""What every fitted model shares, and models of several targets."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alloygrad import protocols
from alloygrad.checks import require_callable
from alloygrad.features.feature_map import doubles


class Model:
    """Base of the fitted models (`protocols.Model`): what they need not say themselves."""

    differentiable = True
    noise: float = 0.0
    warnings: tuple[str, ...] = ()

    def __call__(self, points: Tensor | ArrayLike) -> tuple[Tensor, Tensor]:
        """Return `posterior`."""
        return self.posterior(points)

    def posterior(self, points: Tensor | ArrayLike) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (...), of coordinates (..., k)."""
        raise NotImplementedError

    def posterior_where(self, points: Tensor | ArrayLike, worth: Callable) -> tuple[Tensor, Tensor, Tensor]:
        """Return (rows, mean, std) of all coordinates (n, k): without bounds none can be left out; no gradient."""
        with torch.no_grad():
            mean, std = self.posterior(points)
        return torch.arange(len(mean)), mean, std

    def hyperparameters(self) -> dict[str, float]:
        """Return what was fitted, by name, for records."""
        return {}


EXAMPLE = "what `fit_gp` returns, a campaign's `model`, or a function coordinates → (mean, std)"


class Plain(Model):
    """Any callable coordinates → (mean, std) as a model that can only be evaluated."""

    def __init__(self, function: Callable) -> None:
        self.function = function

    def posterior(self, points: Tensor | ArrayLike) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (...)."""
        found = self.function(points)
        if not isinstance(found, tuple) or len(found) != 2:
            raise ValueError(
                f"Expected the model to return (mean, std); got a {type(found).__name__}. Return a tuple of two "
                "tensors."
            )
        return found


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


def as_model(model: Model | protocols.Model | Callable) -> Model | protocols.Model:
    """Return a model as it is, or a callable coordinates → (mean, std) as a `Plain` one.

    Raises TypeError for anything else.
    """
    if isinstance(model, Model | protocols.Model):
        return model
    require_callable("the model", model, EXAMPLE)
    return Plain(model)


def fit_columns(fit: Callable[[Tensor | ArrayLike], protocols.Model], targets: Tensor | ArrayLike) -> protocols.Model:
    """Return `fit` of targets (n,), or of each column of targets (n, m) as one model, `Several`."""
    if np.ndim(targets) < 2:
        return fit(targets)
    columns = doubles(targets)
    return Several(tuple(fit(columns[:, column]) for column in range(columns.shape[1])))
