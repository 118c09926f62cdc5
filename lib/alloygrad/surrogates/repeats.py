"""Repeated measurements of a Gaussian process, merged without loss.

n measurements at m different inputs, n_g of them at input g with mean ȳ_g, have the likelihood

    Π_i N(y_i; f_g(i), σ²) = Π_g N(ȳ_g; f_g, σ²/n_g) · (2πσ²)^(−(n_g − 1)/2) n_g^(−1/2) exp(−S_g/2σ²),

S_g = Σ_i (y_i − ȳ_g)². So a fit to m means with the noise σ²/n_g, plus the last three factors, is the fit to all n, in
(m/n)³ of the time. Leaving one measurement out changes a mean: with μ, v of input g predicted from all other inputs,
and the other n_g − 1 measurements there, of mean ȳ',

    1/v' = 1/v + (n_g − 1)/σ²,   μ' = v' (μ/v + (n_g − 1) ȳ'/σ²),   y_i ~ N(μ', v' + σ²).

Source: Ankenman, Nelson and Staum, Oper. Res. 58, 371 (2010); Binois, Gramacy and Ludkovski, J. Comput. Graph. Stat.
27, 808 (2018), for the likelihood of means.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Repeats:
    """Which of n measurements belong to which of m different inputs."""

    first: np.ndarray  # (m,): row of the first measurement of each input
    group: np.ndarray  # (n,): number of the input
    counts: np.ndarray  # (m,): n_g
    targets: np.ndarray  # (n,)
    means: np.ndarray  # (m,): ȳ_g
    scatter: float  # Σ_g S_g

    @property
    def most(self) -> int:
        """The largest number of measurements at one input."""
        return int(self.counts.max())

    def evidence(self, noise: float) -> tuple[float, float]:
        """Return the logarithm of the last three factors at the noise variance σ², and its derivative by log σ²."""
        beyond = len(self.targets) - len(self.counts)
        value = -0.5 * (beyond * log(2 * pi * noise) + np.log(self.counts).sum() + self.scatter / noise)
        return value, 0.5 * (self.scatter / noise - beyond)

    def left_out(self, mean: Tensor, variance: Tensor, noise: float) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (n,), of every measurement predicted from all others.

        Args:
            mean: (m,): of each input's measurements' mean, predicted from all other inputs.
            variance: (m,): of that prediction, with the noise σ²/n_g.
            noise: σ².
        """
        counts, group = torch.from_numpy(self.counts)[self.group], self.group
        of_value = (variance[group] - noise / counts).clamp_min(1e-300)
        rest = counts - 1
        others = (counts * torch.from_numpy(self.means)[group] - torch.from_numpy(self.targets)) / rest.clamp_min(1)
        precision = 1 / of_value + rest / noise
        return (mean[group] / of_value + rest * others / noise) / precision, (1 / precision + noise).sqrt()


def find(inputs: np.ndarray, targets: np.ndarray) -> Repeats | None:
    """Return the repeats among inputs (n, F) with targets (n,), or None where all inputs differ."""
    _, first, group = np.unique(inputs, axis=0, return_index=True, return_inverse=True)
    if len(first) == len(inputs):
        return None
    order = np.argsort(first)  # inputs in the order in which they were first measured
    first, group = first[order], np.argsort(order)[group.ravel()]
    counts = np.bincount(group).astype(float)
    means = np.bincount(group, targets) / counts
    return Repeats(first, group, counts, targets, means, float(((targets - means[group]) ** 2).sum()))
