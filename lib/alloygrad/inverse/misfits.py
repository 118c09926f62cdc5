"""Ways to compare curves: functions of a curve (n,) → (m,), for `InverseProblem(misfits=…)`."""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter1d

from alloygrad.checks import explained, is_number
from alloygrad.inverse.measured import standard_errors


@explained("blur(4, sigma)")
def blur(width: float, sigma: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a misfit that smears narrow lines, so that those of model and data overlap before they coincide.

    Args:
        width: Standard deviation of the Gaussian, in points of the data.
        sigma: Standard errors (n,) of the data; the curve is divided by their mean.

    Raises:
        ValueError: A width below 0, or standard errors that are not positive.
    """
    if not (is_number(width) and width >= 0):
        raise ValueError(
            f"Expected blur(width, sigma) with one width ≥ 0, in points; got {np.asarray(width).tolist()!r:.60}. "
            "Pass the width first, then the standard errors (n,)."
        )
    size = float(np.mean(standard_errors(sigma if np.iterable(sigma) else [sigma])))
    return lambda curve: gaussian_filter1d(curve, width) / size


@explained("cumulative(sigma)")
def cumulative(sigma: np.ndarray, groups: np.ndarray | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Return a misfit of running sums: a line in the wrong place costs the more the farther it is off.

    Args:
        sigma: Standard errors (n,) of the data.
        groups: Labels (n,), equal and adjacent within one scan; each scan is summed on its own.

    Raises:
        ValueError: Standard errors that are not positive, or labels of another length or not adjacent.
    """
    sigma = standard_errors(sigma)
    labels = np.zeros(len(sigma), dtype=int) if groups is None else np.asarray(groups)
    alike = labels.shape == sigma.shape
    begins = np.flatnonzero(np.append(alike, labels[1:] != labels[:-1]))
    if not alike or len(begins) != len(set(labels.tolist())):
        raise ValueError(
            f"Expected groups as {len(sigma)} labels, one for each standard error and equal ones adjacent; got "
            f"{groups!r:.60} of shape {labels.shape}. Pass the number of the scan of each point, scan after scan."
        )
    lengths = np.diff(np.append(begins, len(labels)))
    spread = np.repeat(np.sqrt(np.add.reduceat(sigma**2, begins)), lengths)

    def running(curve: np.ndarray) -> np.ndarray:
        sums = np.cumsum(curve)
        before = np.concatenate([[0.0], sums])[begins]
        return (sums - np.repeat(before, lengths)) / spread

    return running
