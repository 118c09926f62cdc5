"""The Matérn 5/2 kernel of features in lengthscales: k = s (1 + r + r²/3) exp(−r), r² = 5 ‖x − z‖²."""

from math import sqrt

import torch
from torch import Tensor

DIRECT = "donot_use_mm_for_euclid_dist"
"""Distances from differences, not from |a|² + |b|² − 2ab, which loses the small ones."""


ROUNDING = 1e-9
"""Relative range of a feature below which its differences are rounding."""


def matern52(x: Tensor, z: Tensor, outputscale: float | Tensor = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """r, s exp(−r) and the kernel, each (..., B, n), of x (..., B, F) and z (..., n, F) in lengthscales.

    The kernel's gradient where x = z is 0.
    """
    r = sqrt(5) * torch.cdist(x, z, compute_mode=DIRECT)
    decay = outputscale * torch.exp(-r)
    return r, decay, (1 + r * (1 + r / 3)) * decay


def scaling(values: Tensor, resolution: float | Tensor = 0.0) -> tuple[Tensor, Tensor]:
    """Return (low, width), each (F,), by which values (n, F) are scaled to 0 … 1.

    A feature that varies by rounding alone is constant, and has the width 1: its range is at most `ROUNDING` of its
    largest value, or below the `resolution` to which values are known.
    """
    low, high = values.amin(0), values.amax(0)
    width = high - low
    rounding = (ROUNDING * torch.maximum(low.abs(), high.abs())).clamp_min(resolution)
    return low, torch.where(width > rounding, width, 1.0)
