"""What every fitted model shares, and models of several targets."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


class Model:
    """Base of the fitted models (`protocols.Model`): what they need not say themselves."""

    differentiable = True
    noise: float = 0.0
    warnings: tuple[str, ...] = ()

    def __call__(self, points: Tensor | np.ndarray) -> tuple[Tensor, Tensor]:
        """Return `posterior`."""
        return self.posterior(points)

    def posterior_where(self, points, worth: Callable) -> tuple[Tensor, Tensor, Tensor]:
        """Return (rows, mean, std) of all coordinates (n, k): without bounds none can be left out; no gradient."""
        with torch.no_grad():
            mean, std = self.posterior(points)
        return torch.arange(len(mean)), mean, std

    def hyperparameters(self) -> dict[str, float]:
        """Return what was fitted, by name, for records."""
        return {}


class Plain(Model):
    """Any callable coordinates → (mean, std) as a model that can only be evaluated."""

    def __init__(self, function: Callable):
        self.function = function

    def posterior(self, points) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (...)."""
        return self.function(points)


def as_model(model: Callable) -> Model:
    """Return a model as it is, or a callable coordinates → (mean, std) as a `Plain` one."""
    return model if isinstance(model, Model) else Plain(model)


def fit_columns(fit: Callable, targets) -> Model:
    """Return `fit` of targets (n,), or of each column of targets (n, m) as one model, `several.Several`."""
    from alloygrad.surrogates.several import Several  # it is made of models

    if np.ndim(targets) < 2:
        return fit(targets)
    return Several(tuple(fit(targets[:, column]) for column in range(np.shape(targets)[1])))
