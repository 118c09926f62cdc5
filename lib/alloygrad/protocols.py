"""The protocols on which spaces, models, objectives, searches and experiments meet, each written down once.

A campaign goes round: a `Space` says what may be tried, an environment measures it, a `Surrogate` fits a `Model` to the
measurements, an acquisition function scores what the model expects, a maximiser finds the best score. One test suite
(`tests/alloygrad/test_protocols.py`) runs every implementation; a new one is an entry in its lists.

Points are a space's own (whole steps, row numbers, values). Coordinates are what models and experiments see of them:
fractions, features, values in units.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from torch import Tensor


@runtime_checkable
class Space(Protocol):
    """What may be tried. Points (..., d), coordinates (..., k)."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates: columns of a table."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of a point's entries."""

    @property
    def elements(self) -> tuple[str, ...]:
        """Names of the first coordinates that are atomic fractions of a composition; empty where there is none."""

    @property
    def spacing(self) -> float:
        """Default least distance of two suggestions of a batch."""

    @property
    def maximiser(self) -> str:
        """The search that a campaign takes unless told otherwise."""

    @property
    def size(self) -> float:
        """The number of points, infinite for continuous ones. A finite space also has `enumerate` and `unrank`."""

    def describe(self) -> dict:
        """Return plain values that fix the space, for a digest."""

    def contains(self, points: ArrayLike) -> np.ndarray:
        """Return whether points (..., d) belong to the space: bool (...)."""

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw n uniform points (n, d)."""

    def coordinates(self, points: ArrayLike) -> np.ndarray:
        """Return the coordinates (..., k) of points (..., d)."""

    def nearest(self, coordinates: ArrayLike) -> np.ndarray:
        """Return the points (n, d) of the space nearest to coordinates (n, k), which may lie outside or between."""

    def table(self, points: ArrayLike) -> pd.DataFrame:
        """Return points (n, d) as a table with units, for people."""

    def read(self, table: pd.DataFrame) -> np.ndarray:
        """Return coordinates (n, k) of such a table; what was measured may lie outside the limits."""

    def covers(self, points: ArrayLike, coordinates: ArrayLike) -> np.ndarray:
        """Return whether a measurement at coordinates (n, k) takes the point (n, d) nearest to it: bool (n,)."""

    def distance(self, one: ArrayLike, other: ArrayLike) -> np.ndarray:
        """Return the distance (...) of coordinates (..., k), as a share of what can change (0 … 1)."""


@runtime_checkable
class Model(Protocol):
    """A fitted surrogate of one target, or of m targets: then (...) below is (..., m)."""

    @property
    def noise(self) -> float:
        """Variance of one measurement about what is modelled, in squared units of the targets."""

    @property
    def differentiable(self) -> bool:
        """Whether `posterior` has a gradient."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know about the fit, and what to do about it."""

    def posterior(self, points: Tensor | ArrayLike) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (...), of coordinates (..., k); without the noise of a measurement."""

    def posterior_where(
        self, points: Tensor | ArrayLike, worth: Callable[[Tensor, Tensor], Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return (rows, mean, std) of those rows of coordinates (n, k) for which `worth` of bounds on both may hold."""

    def sample(self, points: Tensor | ArrayLike, n: int, rng: np.random.Generator) -> Tensor:
        """Draw n joint samples (n, rows) of the modelled values at coordinates (rows, k)."""

    def condition(self, points: Tensor | ArrayLike, values: Tensor | ArrayLike) -> "Model":
        """Return the model as if `values` (m,) had been measured at coordinates (m, k); hyperparameters are kept."""

    def hyperparameters(self) -> Mapping[str, float]:
        """Return what was fitted, by name, for records."""

    def leave_one_out(self) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (n,): every measurement predicted from all the others, noise included."""


@runtime_checkable
class Surrogate(Protocol):
    """A kind of model with its settings; it owns its feature maps."""

    @property
    def differentiable(self) -> bool:
        """Whether its models have a gradient."""

    def fit(self, points: Tensor | ArrayLike, targets: Tensor | ArrayLike, *, noise: float | None = None) -> Model:
        """Fit coordinates (n, k) and targets (n,) or (n, m); noise: its variance, None to learn it."""


@runtime_checkable
class Searched(Protocol):
    """A surrogate whose models are better served by another search than a space's own; no surrogate needs this."""

    @property
    def searches(self) -> Mapping[str, str]:
        """Names of maximisers: a space's own → the one to take in its place."""


@runtime_checkable
class Screened(Protocol):
    """A model that also has a cheap, rough posterior, by which a search among millions drops most of them."""

    @property
    def memory(self) -> dict:
        """What belongs to this fit, and is shared by all that `condition` returns."""

    def screen(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return a rough (mean, std), each (rows,), of coordinates (rows, k)."""


@runtime_checkable
class Objective(Protocol):
    """What is wanted of the outcomes of a measurement."""

    @property
    def name(self) -> str:
        """What is optimised, in words."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outcomes that it needs."""

    @property
    def sign(self) -> int:
        """−1 where models see the negative of the value, so that more is better for them; else 1."""

    def value(self, outcomes: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return what is modelled (...), in its unit, of outcomes, each (...)."""

    def utility(self, value: ArrayLike) -> np.ndarray:
        """Return the larger-is-better form (...) of a value (...)."""


@runtime_checkable
class Acquisition(Protocol):
    """A score of coordinates, to be maximised."""

    @property
    def logarithmic(self) -> bool:
        """Whether values are logarithms of an improvement or a probability."""

    @property
    def differentiable(self) -> bool:
        """Whether values have a gradient."""

    def __call__(self, points: Tensor, /) -> Tensor:
        """Return values (...) of coordinates (..., k); differentiable where the model is."""

    def exceeding(self, points: Tensor, /, floor: float) -> Tensor:
        """Return values (n,) of coordinates (n, k), −inf for those that are certainly below `floor`; no gradient."""


@runtime_checkable
class OfModel(Protocol):
    """An acquisition function that scores what a model expects."""

    @property
    def surrogate(self) -> Model | None:
        """The model, or None where there are several."""


Environment = Callable[[np.ndarray], float | Mapping[str, float]]
"""An experiment: coordinates (k,) of one point → a number, or {outcome: number}."""
