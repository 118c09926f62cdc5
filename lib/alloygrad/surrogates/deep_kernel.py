"""Deep-kernel Gaussian process as a surrogate: the Gaussian process of `gp` on the outputs of a small neural network.

The network φ maps the scaled features x to latent features, between which the same kernel measures distance:

    k_deep(x, x') = k(φ(x), φ(x')),    φ(x) = scale(W₃ tanh(W₂ tanh(W₁ x + b₁) + b₂) + b₃),    k: Matérn 5/2, ARD

`scale` is min–max scaling over the measured set, so that only the lengthscales set the scale. Network and
hyperparameters are trained together towards the maximum of

    log N(y; m, K) + log p(ℓ) + log p(s) − ½ ‖w‖²

with m profiled out and w all weights and biases. Their prior is N(0, 1), and each layer divides its weights by the
square root of its number of inputs. Training stops long before the maximum, where the network would overfit.

Without a network, φ(x) = x, this is the Gaussian process of `gp`. With one it is a Gaussian process over the features
φ(e(c)), so its posterior is that of `gp`, and gradients pass through the network by the chain rule.

Source: Wilson et al., AISTATS 2016 (PMLR 51, 370), "Deep kernel learning". On overfitting of the marginal likelihood:
Ober et al., UAI 2021 (PMLR 161, 1206).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import lgamma, log, pi, sqrt
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alloygrad import protocols
from alloygrad.kernel import matern52
from alloygrad.surrogates.evidence import JITTERS, LENGTHSCALE_PRIOR, NOISE, OUTPUTSCALE_PRIOR
from alloygrad.surrogates.gp import BOUNDS, GPModel, prepare, with_hyperparameters
from alloygrad.surrogates.model import fit_columns

SIZES = (16, 16, 4)
"""Outputs of the layers; the last ones are the latent features. Chosen on campaigns of Ti alloys; two are too few."""

ITERATIONS = 30
"""Iterations of L-BFGS-B; stopping early keeps std from being too small. Chosen on campaigns of Ti alloys."""


@dataclass(frozen=True, eq=False)
class Latent:
    """Map compositions (..., n_elements) through features and a trained network to latent features (..., L)."""

    features: Callable[[Tensor], Tensor]
    low: Tensor  # (F,)
    width: Tensor  # (F,)
    layers: Sequence[tuple[Tensor, Tensor]]

    def __call__(self, compositions: Tensor) -> Tensor:
        """Return the network's outputs (..., n_outputs) of compositions (..., n_elements)."""
        return network((self.features(compositions) - self.low) / self.width, self.layers)


def network(x: Tensor, layers: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Apply layers of weights (out, in) and biases (out,) to x (..., F): (..., L). Without layers, return x."""
    for number, (weights, biases) in enumerate(layers, start=1):
        x = x @ weights.mT / sqrt(weights.shape[1]) + biases
        x = torch.tanh(x) if number < len(layers) else x
    return x


def unpack(theta: Tensor, n_features: int, sizes: Sequence[int]) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
    """Split the vector of all parameters into layers and (log ℓ_1 … log ℓ_L, log s)."""
    layers, into = [], n_features
    for out in sizes:
        rows = theta[: out * (into + 1)].reshape(out, into + 1)
        layers.append((rows[:, :-1], rows[:, -1]))
        theta, into = theta[rows.numel() :], out
    return layers, theta


def log_posterior(
    theta: Tensor, x: Tensor, targets: Tensor, sizes: Sequence[int] = SIZES, noise: float = NOISE
) -> Tensor:
    """Compute the differentiable log posterior in nats, up to the constant of the prior on w.

    theta: weights and biases, layer by layer, then log ℓ (L,) and log s. x: scaled features (n, F). targets (n,).
    Raises ValueError if K is not positive definite in floats.
    """
    layers, logs = unpack(theta, x.shape[1], sizes)
    z, (lengthscales, outputscale) = network(x, layers), (logs[:-1].exp(), logs[-1].exp())
    width = z.amax(0) - z.amin(0)
    z = (z - z.amin(0)) / torch.where(width > 0, width, 1.0) / lengthscales
    factor = _factorise(matern52(z, z, outputscale)[-1], outputscale, noise)
    known = torch.stack([torch.ones_like(targets), targets], 1)
    ones, solved = torch.linalg.solve_triangular(factor, known, upper=False).T  # L⁻¹1, L⁻¹y
    rest = solved - ones * (ones @ solved) / ones.square().sum()
    value = -0.5 * (rest.square().sum() + len(z) * log(2 * pi)) - factor.diagonal().log().sum()
    for values, (shape, rate) in ((logs[:-1], LENGTHSCALE_PRIOR), (logs[-1:], OUTPUTSCALE_PRIOR)):
        constant = len(values) * (shape * log(rate) - lgamma(shape))
        value = value + constant + ((shape - 1) * values - rate * values.exp()).sum()
    return value - 0.5 * theta[: -len(logs)].square().sum()


def _factorise(kernel: Tensor, outputscale: Tensor, noise: float) -> Tensor:
    for jitter in JITTERS:
        diagonal = (noise + jitter * outputscale) * torch.eye(len(kernel), dtype=kernel.dtype)
        factor, failed = torch.linalg.cholesky_ex(kernel + diagonal)
        if not failed:
            return factor
    raise ValueError(
        f"Expected a positive definite covariance; got a singular one of {len(kernel)} points at output scale "
        f"{outputscale.item():.3g}. Rescale the targets to order 1."
    )


@dataclass(frozen=True)
class DeepKernel:
    """A deep-kernel Gaussian process over `features` of coordinates, trained by `fit_deep_kernel`."""

    features: Callable[[Tensor], Tensor]
    scaled_prior: bool = False  # of no effect: lengthscales are of latent features, whose number is fixed
    differentiable: ClassVar[bool] = True

    def fit(
        self, points: Tensor | ArrayLike, targets: Tensor | ArrayLike, *, noise: float | None = None
    ) -> protocols.Model:
        """Fit coordinates (n, k) and targets (n,) or (n, m); noise: its variance, None for that of the paper."""
        return fit_columns(lambda one: fit_deep_kernel(self.features, points, one, noise=noise or NOISE), targets)


def fit_deep_kernel(
    features: Callable[[Tensor], Tensor],
    points: Tensor | ArrayLike,
    targets: Tensor | ArrayLike,
    *,
    noise: float = NOISE,
    sizes: Sequence[int] = SIZES,
    iterations: int = ITERATIONS,
    seed: int = 0,
) -> GPModel:
    """Train a deep-kernel Gaussian process; `features`, `points`, `targets` and errors as in `gp.fit_gp`.

    Args:
        features: Coordinates (n, k) → (n, F).
        points: (n, k).
        targets: (n,).
        noise: Variance of a measurement.
        sizes: Outputs of the layers; () for the Gaussian process without a network.
        iterations: Of L-BFGS-B, after which training stops.
        seed: Of the initial weights, drawn from their prior.

    Returns:
        A GPModel over the latent features: they have its `lengthscales`. Its `log_posterior` leaves out the constant of
        the prior on w.
    """
    from scipy.optimize import minimize  # late, since it is slow to import

    data = prepare(features, points, targets)
    x, y = data["inputs"], data["targets"]
    latent = sizes[-1] if sizes else x.shape[1]
    weights = sum(out * (into + 1) for into, out in pairwise((x.shape[1], *sizes)))

    @torch.enable_grad()
    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = torch.tensor(theta, requires_grad=True)
        value = -log_posterior(parameters, x, y, sizes, noise)
        (slope,) = torch.autograd.grad(value, parameters)
        return value.item(), slope.numpy()

    start = np.random.default_rng(seed).normal(size=weights)
    start = np.concatenate([start, np.zeros(latent), [log(max(y.var(correction=0).item(), NOISE))]])
    limits = [(None, None)] * weights + [np.log(BOUNDS["lengthscale"])] * latent + [np.log(BOUNDS["outputscale"])]
    options = dict(maxiter=iterations, ftol=1e-9, gtol=1e-4)
    run = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits, options=options)
    layers, logs = unpack(torch.from_numpy(run.x), x.shape[1], sizes)
    latent_features = Latent(features, data["low"], data["width"], layers)
    lengthscales, outputscale = logs[:-1].exp().numpy(), logs[-1].exp().item()
    found = with_hyperparameters(latent_features, data["coordinates"], y, lengthscales, outputscale, noise=noise)
    diagnosis = "converged" if run.success else f"stopped: {run.message}"
    return replace(found, log_posterior=-float(run.fun), evaluations=run.nfev, diagnosis=diagnosis)
