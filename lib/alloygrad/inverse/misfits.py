"""Ways to compare curves: functions of a curve (n,) → (m,), for `InverseProblem(misfits=…)`."""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter1d


def blur(width: float, sigma: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a misfit that smears narrow lines, so that those of model and data overlap before they coincide.

    Args:
        width: Standard deviation of the Gaussian, in points of the data.
        sigma: Standard errors (n,) of the data; the curve is divided by their mean.
    """
    size = float(np.mean(sigma))
    return lambda curve: gaussian_filter1d(curve, width) / size


def cumulative(sigma: np.ndarray, groups: np.ndarray | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Return a misfit of running sums: a line in the wrong place costs the more the farther it is off.

    Args:
        sigma: Standard errors (n,) of the data.
        groups: Labels (n,), equal and adjacent within one scan; each scan is summed on its own.
    """
    labels = np.zeros(len(sigma), dtype=int) if groups is None else np.asarray(groups)
    begins = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1) != 0)
    lengths = np.diff(np.append(begins, len(labels)))
    spread = np.repeat(np.sqrt(np.add.reduceat(np.asarray(sigma) ** 2, begins)), lengths)

    def running(curve: np.ndarray) -> np.ndarray:
        sums = np.cumsum(curve)
        before = np.concatenate([[0.0], sums])[begins]
        return (sums - np.repeat(before, lengths)) / spread

    return running
