"""Expected improvement of a known function of several modelled outcomes, by quasi-random samples.

The outcomes are independent normal variables of means μ (m,) and standard deviations σ (m,). Of S quasi-random normal
vectors z_s, the merits f_s = f(μ + σ z_s) are samples of the merit. A plain mean of (f_s − best)₊ is 0, and without a
gradient, where no sample improves. So each sample stands for a normal distribution about it, h = `SHARE` × the standard
deviation of all samples wide:

    log E(F − best)₊ ≈ log Σ_s E(N(f_s, h²) − best)₊ − log S

Source: Astudillo and Frazier, Bayesian Optimization of Composite Functions, ICML 2019; Wand and Jones, Kernel
Smoothing, 1995, for h.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np
import torch
from scipy.special import ndtri
from scipy.stats import qmc
from torch import Tensor

from alloygrad.acquisition.analytic import log_expected_improvement

SAMPLES = 64
SHARE = 0.25
LEAST = 1e-9
"""Least width, in units of the merit."""


@dataclass(frozen=True, eq=False)
class MeritImprovement:
    """log E(F − best)₊ of mean and std (..., m) of the outcomes."""

    merit: Callable[[Tensor], Tensor]  # outcomes as modelled (..., m) → merits (...)
    best: float
    normal: Tensor  # (S, m)

    def __call__(self, mean: Tensor, std: Tensor) -> Tensor:
        """Return the logarithm of the expectation (...), differentiable."""
        merits = sampled(self.merit, mean, std, self.normal)
        width = (SHARE * merits.std(-1, keepdim=True)).clamp_min(LEAST).expand_as(merits)
        return torch.logsumexp(log_expected_improvement(merits, width, self.best), -1) - log(len(self.normal))


def normals(m: int, samples: int = SAMPLES) -> Tensor:
    """Return quasi-random normal vectors (samples, m), always the same."""
    drawn = qmc.Sobol(m, rng=np.random.default_rng(0)).random(samples)
    return torch.from_numpy(ndtri(np.clip(drawn, 1e-6, 1 - 1e-6)))


def sampled(merit: Callable[[Tensor], Tensor], mean: Tensor, std: Tensor, normal: Tensor) -> Tensor:
    """Return samples (..., S) of the merit of outcomes of mean and std (..., m)."""
    return merit(mean[..., None, :] + std[..., None, :] * normal)
