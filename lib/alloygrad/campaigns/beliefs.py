"""What a campaign believes while it makes suggestions: its models, what they say of measured points, and what follows.

A batch is put together one by one. Each pick is fantasised: the models are conditioned on their own means there (the
kriging believer), which leaves every mean as it is and takes from the variance

    σ²(x) ← σ²(x) − k(x, x* | X)² / (σ²(x*) + σ_n²),

so that the next pick goes elsewhere. Experiments under way are fantasised in the same way.

Improvement counts over the best measured point that keeps all limits; with several aims, over the front of these. What
lies below the reference point in one aim is worth nothing. Unless given, it lies below the front's worst value in each
aim, by a share of the range that the front spans.

Source: Ginsbourger, Le Riche and Carraro 2010, doi 10.1007/978-3-642-10701-6_6, for the believer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from alloygrad.acquisition.analytic import ACQUISITIONS
from alloygrad.acquisition.boxes import non_dominated_boxes
from alloygrad.acquisition.several import (
    ChebyshevImprovement,
    HypervolumeImprovement,
    Improvement,
    Several,
    chebyshev,
    random_direction,
)
from alloygrad.campaigns.goals import Goals
from alloygrad.campaigns.properties import Property
from alloygrad.objectives import non_dominated
from alloygrad.protocols import Acquisition, Model

BELOW = 0.3
"""How far below the front's worst the reference point lies, in ranges of the front. At a tenth, the usual choice,
campaigns of two aims that began with eight points never looked for the ends of a front; on fronts of three aims that
began with fifty, a tenth is ahead by a hundredth. Tried on a formula, SMA and HEA, with seeds that no study uses."""


@dataclass(frozen=True, eq=False)
class Beliefs:
    """Models of m properties, and what is believed of n measured points, as modelled."""

    models: tuple[Model, ...]
    known: np.ndarray  # (n, m)
    goals: Goals

    @classmethod
    def of(cls, properties: Sequence[Property], outcomes: np.ndarray, at: np.ndarray, goals: Goals) -> Beliefs:
        """Return what properties say of measured points.

        Args:
            properties: m of them, of one setting.
            outcomes: What was measured (n, m), in their units; NaN where something is missing.
            at: The coordinates (n, k) of the measured points, on the space.
            goals: What is wanted of them.
        """
        models, modelled_best = tuple(one.model for one in properties), properties[0].setting.modelled_best
        known = np.column_stack([one.as_modelled(values) for one, values in zip(properties, outcomes.T, strict=True)])
        missing = np.isnan(known) | modelled_best
        if missing.any():
            with torch.no_grad():
                believed = torch.stack([model.posterior(at)[0] for model in models], dim=1).numpy()
            known = np.where(missing, believed, known)
        return cls(models, known, goals)

    def fantasised(self, at: np.ndarray) -> Beliefs:
        """Return the beliefs as if all models' own means had been measured at coordinates (k,)."""
        with torch.no_grad():
            means = [model.posterior(at[None])[0] for model in self.models]
        models = tuple(model.condition(at[None], mean) for model, mean in zip(self.models, means, strict=True))
        return replace(self, models=models, known=np.concatenate([self.known, torch.stack(means, 1).numpy()]))

    @property
    def best(self) -> float:
        """The largest utility of the one aim at points that keep all limits; −∞ where none does."""
        return float(self.goals.utilities(self.known[self.goals.kept(self.known)])[:, 0].max(initial=-np.inf))

    def acquisition(self, name: str, rng: np.random.Generator) -> Acquisition:
        """Return the acquisition function of this name; rng draws a direction for `log_chebyshev`."""
        goals = self.goals
        if name in ACQUISITIONS and not goals.limited and goals.targets == (None,):
            return ACQUISITIONS[name](self.models[0], self.best)
        return Several(
            tuple(self.models[i] for i in goals.aims),
            self._improvement(name, rng),
            tuple(self.models[i] for i in goals.limited),
            goals.limits,
        )

    def _improvement(self, name: str, rng: np.random.Generator) -> Improvement | None:
        """What is gained over the points that keep all limits, None where none does."""
        goals, kept = self.goals, self.goals.kept(self.known)
        if not kept.any():
            return None
        utilities = goals.utilities(self.known[kept])
        if len(goals.aims) == 1:
            return HypervolumeImprovement(np.array([[self.best]]), np.array([[np.inf]]), goals.targets)
        reference = reference_point(utilities) if goals.reference is None else goals.reference
        if name == "log_ehvi":
            return HypervolumeImprovement(*non_dominated_boxes(utilities, reference), goals.targets)
        direction = random_direction(len(goals.aims), rng)
        best = chebyshev(utilities, direction, reference).max()
        return ChebyshevImprovement(direction, reference, float(best), goals.targets)

    def feasibility(self, coordinates: np.ndarray) -> np.ndarray:
        """Return the probability (n,) that all limits are kept at coordinates (n, k)."""
        limited = tuple(self.models[i] for i in self.goals.limited)
        with torch.no_grad():
            value = Several((), None, limited, self.goals.limits)(torch.from_numpy(coordinates))
        return value.exp().expand(len(coordinates)).numpy()


def reference_point(utilities: np.ndarray) -> np.ndarray:
    """Return a reference point (m,) below the front of utilities (n, m), by `BELOW` of its range in each aim."""
    front = utilities[non_dominated(utilities)]
    span = np.ptp(front, axis=0)
    span = np.where(span > 0, span, np.ptp(utilities, axis=0))
    return front.min(0) - BELOW * np.where(span > 0, span, 1.0)
