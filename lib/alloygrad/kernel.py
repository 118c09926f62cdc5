"""The Matérn 5/2 kernel of features in lengthscales: k = s (1 + r + r²/3) exp(−r), r² = 5 ‖x − z‖²."""

from math import sqrt

import torch
from torch import Tensor

DIRECT = "donot_use_mm_for_euclid_dist"
"""Distances from differences, not from |a|² + |b|² − 2ab, which loses the small ones."""


def matern52(x: Tensor, z: Tensor, outputscale: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """r, s exp(−r) and the kernel, each (..., B, n), of x (..., B, F) and z (..., n, F) in lengthscales.

    The kernel's gradient where x = z is 0.
    """
    r = sqrt(5) * torch.cdist(x, z, compute_mode=DIRECT)
    decay = outputscale * torch.exp(-r)
    return r, decay, (1 + r * (1 + r / 3)) * decay
