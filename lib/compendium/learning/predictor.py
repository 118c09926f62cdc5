"""A Gaussian process that is asked millions of times: the library's, of its most probable lengthscale and noise alone.

With the standardised and scaled features z of the library's `Isotropic`, its kernel k, noise λ, scale q and mean m,

    mean(x) = m + k(z, Z) (K + λ I)⁻¹ (y − m),    var(x) = q (1 − k(z, Z) (K + λ I)⁻¹ k(Z, z)).

The inverse is multiplied out once, and points go through NumPy: a call costs 20 µs. Lengthscale, noise, scale, mean and
the standardisation are found anew on every `REFITTED`-th measurement; in between, the model is conditioned.
"""

from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import torch
from torch import Tensor

from alloygrad.surrogates.isotropic import LEAST_VARIANCE, IsotropicModel, fit_isotropic

REFITTED = 4


@dataclass(frozen=True, eq=False)
class Predictor:
    """Predicts standardised values: (value − shift)/spread.

    best: the largest standardised value so far; fitted: the number of measurements at the last fit.
    """

    model: IsotropicModel
    shift: float
    spread: float
    fitted: int
    best: float
    low: np.ndarray  # (D,)
    factor: np.ndarray  # (D,): with √5 over the lengthscale in it
    inputs: np.ndarray  # (n, D)
    inverse: np.ndarray  # (n, n)
    weights: np.ndarray  # (n,)

    def mean(self, points: np.ndarray) -> np.ndarray:
        """Return the mean (m,) at points (m, D)."""
        return self.model.parts[0].mean + self._kernel(points) @ self.weights

    def both(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation, each (m,), at points (m, D)."""
        part, near = self.model.parts[0], self._kernel(points)
        share = 1 - np.einsum("ij,ij->i", near @ self.inverse, near)
        return part.mean + near @ self.weights, np.sqrt(part.scale * np.maximum(share, LEAST_VARIANCE))

    def scaled(self, points: np.ndarray) -> np.ndarray:
        """Return points (m, D) in the units of `inputs`."""
        return (points - self.low) * self.factor

    def _kernel(self, points: np.ndarray) -> np.ndarray:
        return kernel(self.scaled(points), self.inputs)


def kernel(z: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Return k (m, n) of scaled points (m, D) and (n, D): (1 + r + r²/3) exp(−r), with r their distance."""
    squares = z @ (-2 * inputs.T)
    squares += (inputs**2).sum(1)
    squares += np.einsum("ij,ij->i", z, z)[:, None]
    r = np.sqrt(np.maximum(squares, 0, out=squares))
    squares /= 3  # r²/3
    squares += r
    squares += 1
    return np.multiply(squares, np.exp(np.negative(r, out=r), out=r), out=squares)


def predictor(points: np.ndarray, values: np.ndarray, before: Predictor | None = None) -> Predictor:
    """Return the predictor of values (n,) at points (n, D).

    before: the predictor of the first of these points, whose hyperparameters are kept until they are due.
    """
    if before is None or len(points) - before.fitted >= REFITTED:
        shift, spread = float(values.mean()), float(values.std()) or 1.0
        model = fit_isotropic(_as_they_are, points.astype(float), (values - shift) / spread)
        model = replace(model, parts=(replace(model.parts[0], weight=1.0),))
        return _of(model, shift, spread, fitted=len(points))
    new = slice(len(before.model.targets), None)
    model = before.model.condition(points[new].astype(float), (values[new] - before.shift) / before.spread)
    return _of(model, before.shift, before.spread, fitted=before.fitted)


def _of(model: IsotropicModel, shift: float, spread: float, fitted: int) -> Predictor:
    part = model.parts[0]
    scale = sqrt(5) / part.lengthscale
    inverse = torch.cholesky_inverse(part.cholesky)
    return Predictor(
        model,
        shift,
        spread,
        fitted,
        best=float(model.targets.max()),
        low=model.low.numpy(),
        factor=scale * model.factor.numpy(),
        inputs=scale * model.inputs.numpy(),
        inverse=inverse.numpy(),
        weights=part.weights.numpy(),
    )


def _as_they_are(points: Tensor) -> Tensor:
    return points
