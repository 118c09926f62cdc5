"""An ensemble that knows whom to trust: learners of several families, fused by what they know.

    isotropic    Gaussian process of one lengthscale, averaged over lengthscale and noise
    tanimoto     the same with the Tanimoto kernel; of fingerprints only
    gp           Gaussian process with a lengthscale for each feature; of at most `MOST_LENGTHSCALES` features
    extra_trees  extremely randomised trees

Each learner predicts every measurement from all others. Trees have not seen it; a Gaussian process has, in as much as
its lengthscales were fitted to all: among many features its errors come out too small. From these errors follow gains
(see `fusion`), and with them a consensus M and a disagreement D. The state of knowledge is a Gaussian process of the
mean M and the covariance

    C(x, x') = s(x) s(x') ρ(x, x'),   s² = c² v + λ D,

where v and ρ are variance and correlation of the Gaussian process with the least error near the top, and c² is the mean
squared error of the consensus over the variance that this process expected. Fantasies condition this state, as a Kalman
filter does; no learner is fitted again.

A target below the median is compressed before the fit, because how bad a bad candidate is says little about the best:

    y → m − w log(1 + (m − y)/w) for y < m,   m: median,   w: 90 % quantile − median

Predictions are on this scale, which above the median is that of the targets. `in_targets` maps them back, and
`leave_one_out` is in units of the targets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alloygrad import protocols
from alloygrad.checks import distinct_names, require_known, require_number
from alloygrad.features.feature_map import doubles, given
from alloygrad.surrogates.forest import ExtraTrees, RandomForest
from alloygrad.surrogates.fusion import Gains, entropy_of_best, fuse, gains, top_weights
from alloygrad.surrogates.gp import MIN_VARIANCE, GaussianProcess, GPModel, prepare
from alloygrad.surrogates.isotropic import Isotropic, IsotropicModel, are_bits, require_no_gradient
from alloygrad.surrogates.model import Model, fit_columns
from alloygrad.surrogates.process import Known, Process, expected, process

MEMBERS = ("isotropic", "tanimoto", "gp", "extra_trees")
"""Learners of the default. Chosen on the tuning pools of the fusion study."""

MOST_LENGTHSCALES = 128
"""With more features the learner "gp" is left out: its fit takes seconds and does not pay."""

DISAGREEMENT = 0.5
"""λ: weight of the disagreement in the variance. Chosen on the tuning pools of the fusion study."""

CALIBRATION = (0.25, 4.0)
"""Limits of c²: it is estimated from few errors."""

REMEMBERED, MANY = 2, 512
"""The consensus of so many sets of at least so many points is kept, so that the picks of a batch compute it once."""

LEARNERS: dict[str, Callable[[Callable, bool], protocols.Surrogate]] = {
    "isotropic": lambda features, scaled: Isotropic(features),
    "tanimoto": lambda features, scaled: Isotropic(features, kernel="tanimoto"),
    "gp": GaussianProcess,
    "extra_trees": lambda features, scaled: ExtraTrees(features),
    "forest": lambda features, scaled: RandomForest(features),
}
"""Learners by name: (features, scaled_prior) → surrogate."""

PROCESSES = ("isotropic", "tanimoto", "gp")
"""Learners that are Gaussian processes."""


@dataclass(frozen=True, eq=False)
class Compression:
    """The monotone map of targets that compresses what lies below `median`."""

    median: float
    width: float  # 0: leave targets as they are

    def __call__(self, targets: Tensor) -> Tensor:
        """Return targets (...) on the compressed scale."""
        if not self.width:
            return targets
        below = (self.median - targets).clamp_min(0) / self.width
        return torch.where(targets < self.median, self.median - self.width * torch.log1p(below), targets)

    def inverse(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return targets (...) of values on the compressed scale, and the slope (...) of this map."""
        if not self.width:
            return values, torch.ones_like(values)
        below = (self.median - values).clamp_min(0) / self.width
        return torch.where(below > 0, self.median - self.width * torch.expm1(below), values), below.exp()


@dataclass(frozen=True, eq=False)
class Fantasies:
    """m supposed measurements: their values, and mean, std (m,) and what covariances need of the state without them."""

    values: Tensor
    mean: Tensor
    std: Tensor
    known: Known

    def and_(self, other: Fantasies) -> Fantasies:
        """Return these and others."""
        values, mean = torch.cat([self.values, other.values]), torch.cat([self.mean, other.mean])
        known = torch.cat([self.known[0], other.known[0]]), torch.cat([self.known[1], other.known[1]], 1)
        return Fantasies(values, mean, torch.cat([self.std, other.std]), known)


@dataclass(frozen=True, eq=False)
class EnsembleModel(Model):
    """A fitted ensemble of C learners and n measurements."""

    features: Callable[[Tensor], Tensor]
    coordinates: Tensor  # (n, k)
    targets: Tensor  # (n,)
    names: tuple[str, ...]
    models: tuple[protocols.Model, ...]
    left_out: Tensor  # (C, n), on the compressed scale
    gains: Gains
    base: Process  # gives variance and correlation
    compression: Compression
    inflation: float  # c²
    disagreement: float  # λ
    fantasies: Fantasies | None
    memory: dict = field(default_factory=dict, repr=False)  # shared by all fantasies of one fit

    differentiable = False

    @property
    def noise(self) -> float:
        """Variance of a measurement, as the Gaussian process of the base sees it."""
        return self.base.noise

    @property
    def warnings(self) -> tuple[str, ...]:
        """Those of the learners that have a share."""
        return tuple(dict.fromkeys(text for model in self.models for text in model.warnings))

    def hyperparameters(self) -> dict[str, float]:
        """Return the gain and the information of each learner, and the calibration of the variance."""
        found = {"inflation": self.inflation}
        for name, gain, information in zip(self.names, self.gains.weights, self.gains.information, strict=True):
            found |= {f"gain_{name}": gain.item(), f"information_{name}": information.item()}
        return found

    def posterior(self, points: Tensor | ArrayLike) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (...), of coordinates (..., k); ValueError if a gradient is needed."""
        points = given(self.features, points)
        require_no_gradient(points)
        rows = points.reshape(-1, points.shape[-1])
        with torch.no_grad():
            mean, std = self._conditioned(rows)[:2]
        return mean.reshape(points.shape[:-1]), std.reshape(points.shape[:-1])

    def in_targets(self, mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
        """Return (mean, std), each (...), in units of the targets of those on the compressed scale, to first order."""
        mean, slope = self.compression.inverse(mean)
        return mean, std * slope

    def _fused(self, points: Tensor) -> tuple[Tensor, Tensor, Known]:
        """Mean and std (rows,) of coordinates (rows, k) without fantasies, and what covariances need."""
        if len(points) < MANY:
            return self._compute(points)
        kept = self.memory.setdefault("fused", [])
        for known, found in kept:
            if torch.equal(known, points):
                return found
        found = self._compute(points)
        kept[:] = [*kept, (points.clone(), found)][-REMEMBERED:]
        return found

    def _compute(self, points: Tensor) -> tuple[Tensor, Tensor, Known]:
        mean, differ = fuse(torch.stack([expected(model, points) for model in self.models]), self.gains.weights)
        known = self.base.whitened(self.features(points))
        variance = self.inflation * self.base.variance(known) + self.disagreement * differ
        return mean, variance.clamp_min(MIN_VARIANCE).sqrt(), known

    def _conditioned(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and std (rows,), and the Kalman gain's whitened covariance (m, rows) with the fantasies."""
        mean, std, white = self._fused(points)
        told = self.fantasies
        if told is None:
            return mean, std, torch.empty((0, len(points)), dtype=mean.dtype)
        there = (told.std, told.known)
        own = self._covariance(there, there)
        own.diagonal().add_(self.noise + 1e-9 * told.std.square().max())
        factor = torch.linalg.cholesky(own)
        solved = torch.linalg.solve_triangular(factor, self._covariance(there, (std, white)), upper=False)
        shift = torch.linalg.solve_triangular(factor, (told.values - told.mean)[:, None], upper=False)[:, 0]
        variance = (std.square() - solved.square().sum(0)).clamp_min(MIN_VARIANCE)
        return mean + shift @ solved, variance.sqrt(), solved

    def _covariance(self, one: tuple, other: tuple) -> Tensor:
        """C (rows, others) of two sets of points, each (std, whitened), before fantasies."""
        correlation = self.base.covariance(one[1], other[1])
        correlation /= self.base.variance(one[1]).sqrt()[:, None] * self.base.variance(other[1]).sqrt()
        return correlation.clamp(-1, 1) * one[0][:, None] * other[0]

    def screen(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return a rough (mean, std), each (rows,), in single precision, of coordinates (rows, k), without fantasies.

        The mean is that of the Gaussian processes alone, the variance that of the base and of their disagreement.
        """
        features = self.features(points)
        smooth = [i for i, model in enumerate(self.models) if isinstance(model, GPModel | IsotropicModel)]
        own, variance = self.base.rough(features)
        if not smooth:
            return own, variance.sqrt()
        weights = self.gains.weights[smooth].float()
        means = [process(self.models[i]).rough_mean(features)[0] for i in smooth]
        mean, differ = fuse(torch.stack(means), weights / weights.sum())
        return mean, (self.inflation * variance + self.disagreement * differ).sqrt()

    def sample(self, points: Tensor | ArrayLike, n: int, rng: np.random.Generator) -> Tensor:
        """Draw n joint samples (n, rows) at coordinates (rows, k)."""
        points = given(self.features, points)
        with torch.no_grad():
            mean, std, solved = self._conditioned(points)
            alone, white = self._fused(points)[1:]
            covariance = self._covariance((alone, white), (alone, white)) - solved.mT @ solved
            covariance.diagonal().copy_(std.square() * (1 + 1e-6))
            values, vectors = torch.linalg.eigh(covariance)
            drawn = torch.from_numpy(rng.normal(size=(n, len(mean))))
            return mean + drawn @ (vectors * values.clamp_min(0).sqrt()).mT

    def entropy(
        self, points: Tensor | ArrayLike, rng: np.random.Generator, *, samples: int = 256, most: int = 400
    ) -> float:
        """Return the entropy in nats of where the best of coordinates (rows, k) is, by joint samples.

        Only the `most` rows with the largest mean + 2 std are sampled.
        """
        points = given(self.features, points)
        mean, std = self.posterior(points)
        promising = (mean + 2 * std).topk(min(most, len(points))).indices
        return entropy_of_best(self.sample(points[promising], samples, rng))

    def condition(self, points: Tensor | ArrayLike, values: Tensor | ArrayLike) -> EnsembleModel:
        """Return the model as if `values` (m,), on the compressed scale, had been found at coordinates (m, k)."""
        with torch.no_grad():
            new = Fantasies(doubles(values).reshape(-1), *self._fused(given(self.features, points)))
        return replace(self, fantasies=new if self.fantasies is None else self.fantasies.and_(new))

    def leave_one_out(self) -> tuple[Tensor, Tensor]:
        """Predict each measurement from all others: (mean, std), each (n,), noise included, in units of the targets."""
        mean, differ = fuse(self.left_out, self.gains.weights)
        variance = self.inflation * self.base.left_out() + self.disagreement * differ
        return self.in_targets(mean, variance.sqrt())


@dataclass(frozen=True)
class Ensemble:
    """Learners over `features` of coordinates, fused by what they know.

    Args:
        features: Coordinates (n, k) → (n, F).
        scaled_prior: As of `gp.GaussianProcess`, for the learner "gp".
        members: Names in `LEARNERS`; where no Gaussian process is among them, "isotropic" gives the variance.
        disagreement: λ.
        compressed: Whether targets below the median are compressed.
        equal: Whether all learners have the same gain, for comparison.
    """

    features: Callable[[Tensor], Tensor]
    scaled_prior: bool = True
    members: Sequence[str] = MEMBERS
    disagreement: float = DISAGREEMENT
    compressed: bool = True
    equal: bool = False
    differentiable: ClassVar[bool] = False
    searches: ClassVar[Mapping[str, str]] = {"ascent": "lattice", "enumeration": "cascade"}

    def __post_init__(self) -> None:
        for name in distinct_names(self.members, "learners", "['isotropic', 'extra_trees']"):
            require_known("learner", name, LEARNERS)
        require_number(0, 100, disagreement=self.disagreement)

    def fit(
        self, points: Tensor | ArrayLike, targets: Tensor | ArrayLike, *, noise: float | None = None
    ) -> protocols.Model:
        """Fit coordinates (n, k) and targets (n,) or (n, m), the larger the better; noise: its variance, or learned."""
        return fit_columns(lambda one: self._fit(points, one, noise), targets)

    def _learner(self, name: str) -> protocols.Surrogate:
        return LEARNERS[name](self.features, self.scaled_prior)

    def _fit(self, points: Tensor | ArrayLike, targets: Tensor | ArrayLike, noise: float | None) -> EnsembleModel:
        data = prepare(self.features, points, targets)
        coordinates, y = data["coordinates"], data["targets"]
        compression = compress(y) if self.compressed else Compression(0.0, 0.0)
        t = compression(y)
        names = fitting(self.members, self.features(coordinates))
        fitted = {name: self._learner(name).fit(coordinates, t, noise=noise) for name in names}
        left_out = torch.stack([model.leave_one_out()[0] for model in fitted.values()])
        found = gains(left_out, t)
        errors = dict(zip(names, found.error.tolist(), strict=True))
        bases = sorted((name for name in names if name in PROCESSES), key=lambda name: errors[name])
        smooth = fitted[bases[0]] if bases else self._learner("isotropic").fit(coordinates, t, noise=noise)
        base = process(smooth)
        if self.equal:
            found = replace(found, weights=torch.full_like(found.weights, 1 / len(names)))
        return EnsembleModel(
            self.features, coordinates, y, names, tuple(fitted.values()), left_out, found, base, compression,
            inflation=calibration(found.weights @ left_out, base.left_out(), t),
            disagreement=self.disagreement,
            fantasies=None,
        )  # fmt: skip


def fitting(members: Sequence[str], features: Tensor) -> tuple[str, ...]:
    """Return those learners that suit features (n, F): "tanimoto" needs bits, "gp" not too many columns."""
    unsuited = set()
    if not are_bits(features):
        unsuited.add("tanimoto")
    if features.shape[1] > MOST_LENGTHSCALES:
        unsuited.add("gp")
    return tuple(name for name in members if name not in unsuited) or ("isotropic",)


def compress(targets: Tensor) -> Compression:
    """Return the compression of targets (n,) below their median."""
    median, high = torch.quantile(targets, torch.tensor([0.5, 0.9], dtype=targets.dtype)).tolist()
    return Compression(median, high - median)


def calibration(left_out: Tensor, variance: Tensor, targets: Tensor) -> float:
    """Return c²: squared errors of left-out predictions (n,) over the expected variance (n,), near the top."""
    weights = top_weights(targets)
    ratio = (weights @ (left_out - targets).square()) / (weights @ variance).clamp_min(1e-300)
    return float(ratio.clamp(*CALIBRATION))
