"""What a maximiser answers with: a composition and the diagnosis of how it was found."""

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Suggestion:
    """A grid composition and its diagnosis.

    counts (n_elements,) in steps, composition (n_elements,) in fractions, value of the acquisition function there;
    evaluations: compositions evaluated, or ruled out by a bound; gradients: of these, with a gradient;
    starts: gradient searches begun; moved: share of them that ended more than half a step away (NaN without starts);
    gap: by how much the exhaustive maximum is larger (NaN where nobody looked); warning: "" if all is well.
    """

    counts: np.ndarray
    composition: np.ndarray
    value: float
    evaluations: int
    gradients: int = 0
    starts: int = 0
    moved: float = float("nan")
    gap: float = float("nan")
    warning: str = ""
    method: str = ""
    seconds: float = float("nan")


def score(acquire, space, counts: np.ndarray) -> np.ndarray:
    """Values (rows,) of counts (rows, n_elements). Raises FloatingPointError where one is NaN."""
    with torch.no_grad():
        values = acquire(torch.from_numpy(space.fractions(counts))).numpy()
    if np.isnan(values).any():
        where = space.fractions(counts[np.isnan(values)][0])
        raise FloatingPointError(
            f"The acquisition value is NaN at {dict(zip(space.elements, where.tolist(), strict=True))}."
        )
    return values


def best_of(acquire, space, counts: np.ndarray, exclude: np.ndarray) -> tuple[int, np.ndarray]:
    """(row of the largest value among those not excluded, or −1 if none is left; values of all rows).

    Equal values go to the first row. Raises FloatingPointError where a value is NaN.
    """
    values = score(acquire, space, counts)
    rows = np.arange(len(counts))
    while len(rows):  # one round more for each excluded composition that would have won
        top = int(rows[np.argmax(values[rows])])
        if not (exclude == counts[top]).all(1).any():
            return top, values
        rows = rows[rows != top]
    return -1, values
