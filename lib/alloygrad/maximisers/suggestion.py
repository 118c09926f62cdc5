"""What a maximiser returns: a point and the diagnosis of how it was found."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alloygrad.checks import require_callable
from alloygrad.protocols import Space


@dataclass(frozen=True)
class Suggestion:
    """A point of a space and its diagnosis."""

    point: np.ndarray  # (d,), for a composition the counts
    coordinates: np.ndarray  # (k,), for a composition the fractions
    value: float  # of the acquisition function there
    evaluations: int  # points evaluated, or ruled out by a bound
    gradients: int = 0  # of these, with a gradient
    starts: int = 0  # gradient searches begun
    moved: float = float("nan")  # share of them that ended more than half a step away; NaN without starts
    gap: float = float("nan")  # by how much the exhaustive maximum is larger; NaN if that is not known
    warning: str = ""
    method: str = ""
    seconds: float = float("nan")

    @property
    def counts(self) -> np.ndarray:
        """The point, in the word of compositions."""
        return self.point

    @property
    def composition(self) -> np.ndarray:
        """The coordinates, in the word of compositions."""
        return self.coordinates


@dataclass(frozen=True)
class Plain:
    """Any callable coordinates → values as an acquisition function (`protocols.Acquisition`)."""

    function: Callable[[Tensor], Tensor]
    logarithmic: bool = False
    differentiable: bool = True

    def __post_init__(self) -> None:
        require_callable("acquire", self.function, "an acquisition function, such as ag.log_ei(model, best)")

    def __call__(self, points: Tensor) -> Tensor:
        """Return values (...) of coordinates (..., k). Raises ValueError where the function returns anything else."""
        model = "wrap a model that returns (mean, std) as in `ag.log_ei(model, best)`"
        advice = f"Compute with torch, along the last axis of the points, as in `-points[..., 0]`; {model}."
        try:
            values = self.function(points)
        except (TypeError, AttributeError) as error:  # as NumPy's functions raise of a tensor
            got = f"{type(error).__name__}: {error}"
            raise ValueError(f"Expected acquire to take a torch tensor (n, k); it raised {got}. {advice}") from error
        if not isinstance(values, Tensor) or values.shape != points.shape[:-1]:
            got, n = f"a {type(values).__name__}", len(points)  # n: 0 where a function is tried before a search
            if isinstance(values, Tensor):
                got = f"shape {tuple(values.shape)}".replace(f"({n},", "(n,")
            raise ValueError(
                f"Expected acquire to return a torch tensor of shape (n,), one value for each point; got {got}. "
                f"{advice}"
            )
        return values

    def exceeding(self, points: Tensor, floor: float) -> Tensor:
        """Return all values (n,): without bounds none can be left out."""
        with torch.no_grad():
            return self(points)


def score(acquire: Callable[[Tensor], Tensor], space: Space, points: np.ndarray) -> np.ndarray:
    """Return values (rows,) of points (rows, d). Raises FloatingPointError where one is NaN."""
    with torch.no_grad():
        values = acquire(torch.from_numpy(space.coordinates(points))).numpy()
    if np.isnan(values).any():
        where = space.coordinates(points[np.isnan(values)][:1])[0]
        raise FloatingPointError(
            f"Expected a number from the acquisition function; it is NaN at "
            f"{dict(zip(space.names, where.tolist(), strict=True))}. Check the model's inputs there."
        )
    return values


def best_of(
    acquire: Callable[[Tensor], Tensor], space: Space, points: np.ndarray, exclude: np.ndarray
) -> tuple[int, np.ndarray]:
    """Return (row of the largest value among points not in `exclude`, or −1 if none is left; values of all rows).

    Equal values go to the first row. Raises FloatingPointError where a value is NaN.
    """
    values = score(acquire, space, points)
    rows = np.arange(len(points))
    while len(rows):  # one round more for each excluded point that would have won
        top = int(rows[np.argmax(values[rows])])
        if not (exclude == points[top]).all(1).any():
            return top, values
        rows = rows[rows != top]
    return -1, values
