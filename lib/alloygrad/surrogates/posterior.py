"""Mean and standard deviation of a Gaussian process with their derivatives, written out: see `gp`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from alloygrad.kernel import matern52

if TYPE_CHECKING:
    from alloygrad.surrogates.gp import GPModel

MIN_VARIANCE = 1e-10
"""Floor of std², as in GPyTorch, below the ~1e-6 at a measured point; on the floor, the gradient is 0."""


def in_blocks(predict: Callable, points: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return (mean, std), each (...), at points (..., d), by calls of `predict` with at most `size` rows."""
    rows = points.reshape(-1, points.shape[-1])
    if len(rows) <= size:  # splitting and joining are slow next to the posterior of a single point
        mean, std = predict(rows)
    else:
        mean, std = map(torch.cat, zip(*map(predict, rows.split(size)), strict=True))
    return mean.reshape(points.shape[:-1]), std.reshape(points.shape[:-1])


class Posterior(torch.autograd.Function):
    """(mean, std) at features x (B, F) in lengthscales, with explicit derivatives.

    Because dk_i/dx = −(5/3) s (1 + r) exp(−r) (x − x_i), the gradient of a row is one weighted sum of x − x_i.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, surrogate: "GPModel") -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (B,), and keep what the derivatives need."""
        r, decay, kernel = matern52(x, surrogate.points, surrogate.outputscale)
        v = torch.linalg.solve_triangular(surrogate.cholesky, kernel.mT, upper=False)
        variance = surrogate.outputscale - v.square().sum(0)
        std = variance.clamp_min(MIN_VARIANCE).sqrt()
        ctx.surrogate, ctx.floor = surrogate, variance < MIN_VARIANCE
        ctx.save_for_backward(x, r, decay, v, std)
        return surrogate.mean + kernel @ surrogate.weights, std

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_mean: Tensor, by_std: Tensor) -> tuple[Tensor, None]:
        """Return the gradient (B, F) in the features."""
        x, r, decay, v, std = ctx.saved_tensors
        solved = torch.linalg.solve_triangular(ctx.surrogate.cholesky.mT, v, upper=True).mT  # (B, n): K⁻¹ k(X, x)
        by_std = torch.where(ctx.floor, 0.0, by_std / std)[:, None]
        pull = (by_std * solved - by_mean[:, None] * ctx.surrogate.weights) * (1 + r) * decay * (5 / 3)
        return pull.sum(1, keepdim=True) * x - pull @ ctx.surrogate.points, None
