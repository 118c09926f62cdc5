"""What every fitted model shares, and models of several targets."""

from collections.abc import Callable

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


def as_model(model: Model | protocols.Model | Callable) -> Model | protocols.Model:
    """Return a model as it is, or a callable coordinates → (mean, std) as a `Plain` one.

    Raises TypeError for anything else.
    """
    if isinstance(model, Model | protocols.Model):
        return model
    require_callable("the model", model, EXAMPLE)
    return Plain(model)


def fit_columns(fit: Callable[[Tensor | ArrayLike], protocols.Model], targets: Tensor | ArrayLike) -> protocols.Model:
    """Return `fit` of targets (n,), or of each column of targets (n, m) as one model, `several.Several`."""
    from alloygrad.surrogates.several import Several  # it is made of models

    if np.ndim(targets) < 2:
        return fit(targets)
    columns = doubles(targets)
    return Several(tuple(fit(columns[:, column]) for column in range(columns.shape[1])))
