"""One property of a campaign: its objective, what was measured of it, and the model of that.

How a property is modelled is one of two settings:

    safe    noise is learned, targets are standardised, and the prior on lengthscales grows with the square root of the
            number of inputs. Improvement counts over the best value that the model believes in at a measured point: the
            largest of many noisy measurements is large by luck as well. Of more than five elements, the model sees
            material features and fractions.
    paper   what the published loop does: noise variance 1e-6, targets as they are, one prior for any number of inputs,
            improvement over the largest measurement, material features alone. All recorded trajectories rest on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from math import hypot, sqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from alloygrad.campaigns.cautions import MOST_SAID, doubtful, equal, left_out, one_alloy, slipped
from alloygrad.campaigns.inputs import choose_inputs, given_inputs
from alloygrad.checks import LEAST_ROWS
from alloygrad.maximisers.options import FEW
from alloygrad.objectives import Limit, Target
from alloygrad.protocols import Model, Objective, Space, Surrogate
from alloygrad.surrogates import SURROGATES, Ensemble
from alloygrad.surrogates.ensemble import EnsembleModel
from alloygrad.surrogates.gp import BOUNDS, NOISE, GaussianProcess, standardisation

SPREADS = (0.01, 100.0)
"""In the setting `paper`, targets whose range lies outside draw a warning: its noise and priors expect about 1."""

START = f"Measure what `alloygrad.spaces.starting_design(space, {LEAST_ROWS})` proposes"
"""What to do while there is too little to learn from."""

LEAST_NOISE = BOUNDS["noise"][0] * (1 + 1e-9)
"""Learned noise at its lower bound, with room for the rounding of its logarithm."""


@dataclass(frozen=True)
class Setting:
    """How measurements are modelled."""

    noise: float | None  # variance of one measurement; None: learned
    standardised: bool  # targets, before they are fitted
    scaled_prior: bool  # on lengthscales, with the number of inputs
    modelled_best: bool  # improvement over the model's best measured point, not over the largest measurement
    many: str  # inputs for compositions of more than `FEW` elements, unless given


SETTINGS = {
    "safe": Setting(None, True, True, True, many="both"),
    "paper": Setting(NOISE, False, False, False, many="features"),
}


class Property:
    """An objective, n measurements of it, and their model, which is fitted when first asked for.

    Args:
        space: Where the measurements lie.
        objective: What is wanted; models see its value times its sign.
        setting: How it is modelled.
        surrogate: As of `Campaign`.
        inputs: As of `Campaign`.
        selection: Arguments of `features.selection.genetic`.
        seed: That of the campaign, and the number of the objective: they name the generator that chooses inputs.
        everywhere: Whether the model must be right for small values as well as for large ones. For limits and targets
            it must in any case. An ensemble then fits what was measured, and compresses nothing.
    """

    def __init__(
        self,
        space: Space,
        objective: Objective,
        *,
        setting: Setting,
        surrogate: str | Surrogate,
        inputs: str | Callable | None,
        selection: Mapping[str, Any],
        seed: tuple[int, int],
        everywhere: bool = False,
    ) -> None:
        if inputs is None and len(space.elements) > FEW:
            inputs = setting.many
        self.space, self.objective, self.setting, self.surrogate = space, objective, setting, surrogate
        self.inputs, self.selection, self.seed = inputs, selection, seed
        self.everywhere = everywhere or isinstance(objective, Limit | Target)
        self.coordinates, self.values, self.stds = np.empty((0, len(space.names))), np.empty(0), np.empty(0)
        self.labels: Sequence[str] = ()
        self._features: Callable | None = given_inputs(space, inputs)

    def holding(self, coordinates: np.ndarray, values: np.ndarray, stds: np.ndarray, labels: Sequence[str]) -> Property:
        """Return this property with other measurements; inputs that were chosen are kept.

        Args:
            coordinates: (n, k).
            values: (n,).
            stds: (n,), their stated standard deviations, NaN where none is.
            labels: A name for each row.
        """
        other = copy(self)
        for name in ("model", "scale"):  # of the measurements before
            other.__dict__.pop(name, None)
        other.coordinates, other.values, other.stds, other.labels = coordinates, values, stds, labels
        return other

    def anew(self, inputs: str | Callable | None, seed: tuple[int, int]) -> Property:
        """Return this property with inputs that are chosen anew."""
        other = self.holding(self.coordinates, self.values, self.stds, self.labels)
        other.inputs, other.seed, other._features = inputs, seed, given_inputs(self.space, inputs)
        return other

    @property
    def modelled(self) -> np.ndarray:
        """The measurements as models see them, but for `scale`: (n,). Raises ValueError where there are none."""
        if not len(self.values):
            raise ValueError(f"Expected measurements to learn from; there are none yet. {START}, then `tell` it.")
        return self.objective.sign * self.values

    @property
    def features(self) -> Callable:
        """What the model sees: a map of coordinates (n, k) → (n, F), chosen when first used."""
        if self._features is None:
            modelled, (seed, number) = self.modelled, self.seed
            if self.space.elements and self.inputs != "fractions" and not np.ptp(modelled):
                n, name = len(modelled), self.objective.name
                mend = f"{START}, or write Campaign(…, inputs='fractions')."
                if n > 2:
                    mend = f"{' '.join(equal(self.values, name))} Or write Campaign(…, inputs='fractions')."
                raise ValueError(
                    f"Expected at least two measurements with different values of {name!r}, by which features are "
                    f"chosen; got {f'{n} equal ones' if n > 1 else n}. {mend}"
                )
            if self.space.elements and self.inputs != "fractions":
                for line in one_alloy(self.space, self.coordinates):
                    raise ValueError(line)
            rng = np.random.default_rng([seed, 0, number] if number else [seed, 0])
            self._features = choose_inputs(
                self.space, self.inputs, self.coordinates, modelled, rng=rng, **self.selection
            )
        return self._features

    @cached_property
    def scale(self) -> tuple[float, float]:
        """Centre and spread by which measurements are standardised before they are fitted."""
        return standardisation(self.modelled) if self.setting.standardised else (0.0, 1.0)

    @cached_property
    def model(self) -> Model:
        """The model of all measurements. Raises ValueError where nothing is measured."""
        targets, surrogate = self.modelled, self.surrogate
        if isinstance(surrogate, str):
            surrogate = SURROGATES[surrogate](self.features, scaled_prior=self.setting.scaled_prior)
        if self.everywhere and isinstance(surrogate, Ensemble):
            surrogate = replace(surrogate, compressed=False)
        centre, spread = self.scale
        how: dict[str, Any] = {"noise": self.setting.noise}
        if self._uses_stated:
            how["stated"] = np.nan_to_num(self.stds / spread) ** 2
        return surrogate.fit(self.coordinates, (targets - centre) / spread, **how)

    @property
    def _uses_stated(self) -> bool:
        """Whether the model knows how uncertain each measurement is."""
        takes = self.surrogate == "gp" or isinstance(self.surrogate, GaussianProcess)
        return takes and self.setting.noise is None and bool((self.stds > 0).any())

    def in_units(self, modelled: np.ndarray) -> np.ndarray:
        """Return values (...) in the objective's unit of what the model says (...)."""
        centre, spread = self.scale
        return self.objective.sign * (centre + spread * modelled)

    def as_modelled(self, value: Any) -> Any:
        """Return what the model sees of a value, or of values (...), in the objective's unit."""
        centre, spread = self.scale
        return (self.objective.sign * value - centre) / spread

    def posterior(self, coordinates: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return (mean, std), each (...), of coordinates (..., k), in the objective's unit."""
        with torch.no_grad():
            mean, std = self.model.posterior(coordinates)
            if isinstance(self.model, EnsembleModel):
                mean, std = self.model.in_targets(mean, std)
        return self.in_units(mean.numpy()), self.scale[1] * std.numpy()

    @property
    def noise_std(self) -> float:
        """Standard deviation of one measurement about the truth, in the objective's unit.

        Where uncertainties were stated, that of a measurement of the usual one (their median), and the noise beyond.
        """
        stated = float(np.median(np.nan_to_num(self.stds))) if self._uses_stated else 0.0
        return hypot(self.scale[1] * sqrt(self.model.noise), stated)

    @property
    def warnings(self) -> list[str]:
        """What a user should know about the fit, each with what to do about it."""
        found, spread, name = [*self.model.warnings], np.ptp(self.values), self.objective.name
        if slip := slipped(self.values, self.labels, name):
            found += slip
        elif self.setting.noise is None:  # a fixed noise says nothing of the scatter
            found += doubtful(left_out(self), self.labels)[:MOST_SAID]
        if (self.stds > 0).any() and not self._uses_stated:
            found.append(
                f"The stated uncertainties of {name!r} are not used. Take the surrogate 'gp' in the setting 'safe', "
                "which uses them."
            )
        if not self.setting.standardised and spread and not SPREADS[0] <= spread <= SPREADS[1]:
            found.append(f"Measured values range over {spread:.3g}, the setting 'paper' expects about 1: rescale them.")
        if self.setting.noise is None and self.model.noise <= LEAST_NOISE:
            found.append(
                f"The model takes repeated measurements to agree within {self.noise_std:.2g} (its least noise). If "
                "yours do not, expect larger errors than stated."
            )
        return found
