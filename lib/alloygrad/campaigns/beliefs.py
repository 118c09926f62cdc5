"""What a campaign wants of its models, and what it believes while it makes suggestions.

`Goals` says which objectives are aims and which are limits, in the models' units; `Beliefs` are the models, what they
say of measured points, and the acquisition function that follows.

A batch is put together one by one. Each pick is fantasised: the models are conditioned on their own means there (the
kriging believer), which leaves every mean as it is and takes from the variance

    σ²(x) ← σ²(x) − k(x, x* | X)² / (σ²(x*) + σ_n²),

so that the next pick goes elsewhere. Experiments under way are fantasised in the same way.

Improvement counts over the best measured point that keeps all limits; with several aims, over the front of these. What
lies below the reference point in one aim is worth nothing. Unless given, it lies below the front's worst value in each
aim, by a share of the range that the front spans.

Each outcome of a `Merit` has a model, and their merit is the one utility. Where the number of different points,
measured or fantasised, is odd, improvement counts from the merit's margin above the best.

Source: Ginsbourger, Le Riche and Carraro 2010, doi 10.1007/978-3-642-10701-6_6, for the believer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alloygrad.acquisition.analytic import ACQUISITIONS
from alloygrad.acquisition.boxes import MOST, non_dominated_boxes
from alloygrad.acquisition.merit import MeritImprovement, normals, sampled
from alloygrad.acquisition.several import (
    JOINT,
    ChebyshevImprovement,
    HypervolumeImprovement,
    Improvement,
    Several,
    chebyshev,
    random_direction,
)
from alloygrad.campaigns.properties import Property
from alloygrad.checks import is_number, require_known, require_protocol
from alloygrad.objectives import Limit, Maximise, Merit, Target, non_dominated
from alloygrad.objectives.merit import RESERVED
from alloygrad.protocols import Acquisition, Model, Objective

BELOW = 0.3
"""How far below the front's worst the reference point lies, in ranges of the front. At a tenth, the usual choice,
campaigns of two aims that began with eight points never looked for the ends of a front; on fronts of three aims that
began with fifty, a tenth is ahead by a hundredth. Tried on a formula, SMA and HEA, with seeds that no study uses."""


@dataclass(frozen=True, eq=False)
class Goals:
    """m objectives in the units of their models: which are aims, which are limits."""

    aims: tuple[int, ...]
    limited: tuple[int, ...]
    targets: tuple[float | None, ...]  # of the aims: the value to hit, None where more is better
    limits: tuple[tuple[float, float], ...]
    reference: np.ndarray | None  # (n_aims,) utilities; None: from the front
    merit: Callable[[Tensor], Tensor] | None = None  # of the aims (..., n_aims)
    margin: float = 0.0  # of the merit: see `Merit`

    @classmethod
    def of(
        cls, properties: Sequence[Property], reference: Mapping[str, float] | None, merit: Merit | None = None
    ) -> Goals:
        """Return what the objectives of properties want of their models; those of a merit are its outcomes."""
        aims = tuple(i for i, one in enumerate(properties) if not isinstance(one.objective, Limit))
        limited = tuple(i for i in range(len(properties)) if i not in aims)
        point = None
        if reference is not None:
            point = np.array([_least(properties[i], reference[properties[i].objective.name]) for i in aims])
        return cls(
            aims,
            limited,
            tuple(_target(properties[i]) for i in aims),
            tuple(_bounds(properties[i]) for i in limited),
            point,
            None if merit is None else _merit(merit, [properties[i] for i in aims]),
            0.0 if merit is None else merit.margin,
        )

    def utilities(self, known: np.ndarray) -> np.ndarray:
        """Return utilities (n, n_aims), the larger the better, of modelled values (n, m); (n, 1) of a merit."""
        if self.merit is not None:
            return self.merit(torch.from_numpy(known[:, list(self.aims)])).numpy()[:, None]
        columns = [
            known[:, i] if target is None else -np.abs(known[:, i] - target)
            for i, target in zip(self.aims, self.targets, strict=True)
        ]
        return np.column_stack(columns)

    def kept(self, known: np.ndarray) -> np.ndarray:
        """Return whether modelled values (n, m) keep all limits: bool (n,)."""
        found = np.ones(len(known), dtype=bool)
        for i, (low, high) in zip(self.limited, self.limits, strict=True):
            found &= (known[:, i] >= low) & (known[:, i] <= high)
        return found


def _merit(merit: Merit, properties: Sequence[Property]) -> Callable[[Tensor], Tensor]:
    """The merit as a function of what models of its outcomes say."""
    centre, spread = torch.tensor([one.scale for one in properties], dtype=torch.float64).T
    return lambda modelled: merit.of(centre + spread * modelled)


def _target(one: Property) -> float | None:
    return one.as_modelled(one.objective.wanted) if isinstance(one.objective, Target) else None


def _bounds(one: Property) -> tuple[float, float]:
    limit: Any = one.objective
    return one.as_modelled(limit.at_least), one.as_modelled(limit.at_most)


def _least(one: Property, value: float) -> float:
    """The utility of a reference value: for a target, of the largest distance that counts."""
    return -value / one.scale[1] if isinstance(one.objective, Target) else one.as_modelled(value)


@dataclass(frozen=True, eq=False)
class Beliefs:
    """Models of m properties, and what is believed of n measured points, as modelled."""

    models: tuple[Model, ...]
    known: np.ndarray  # (n, m)
    goals: Goals
    points: int = 0  # how many of the n are different

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
        return cls(models, known, goals, len(np.unique(at, axis=0)))

    def fantasised(self, at: np.ndarray) -> Beliefs:
        """Return the beliefs as if all models' own means had been measured at coordinates (k,)."""
        with torch.no_grad():
            means = [model.posterior(at[None])[0] for model in self.models]
        models = tuple(model.condition(at[None], mean) for model, mean in zip(self.models, means, strict=True))
        known = np.concatenate([self.known, torch.stack(means, 1).numpy()])
        return replace(self, models=models, known=known, points=self.points + 1)

    @property
    def best(self) -> float:
        """The largest utility of the one aim at points that keep all limits; −∞ where none does."""
        return float(self.goals.utilities(self.known[self.goals.kept(self.known)])[:, 0].max(initial=-np.inf))

    def acquisition(self, name: str, rng: np.random.Generator) -> Acquisition:
        """Return the acquisition function of this name; rng draws a direction for `log_chebyshev`."""
        goals = self.goals
        if name in ACQUISITIONS and not goals.limited and goals.targets == (None,) and goals.merit is None:
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
        if goals.merit is not None:
            merits = goals.utilities(self.known)
            height = max(0.0, self.best - float(np.median(merits)))
            level = self.best + goals.margin * height * (self.points % 2)
            return MeritImprovement(goals.merit, level, normals(len(goals.aims)), float(merits.std()) or 1.0)
        utilities = goals.utilities(self.known[kept])
        if len(goals.aims) == 1:
            return HypervolumeImprovement(np.array([[self.best]]), np.array([[np.inf]]), goals.targets)
        reference = reference_point(utilities) if goals.reference is None else goals.reference
        if name == "log_ehvi":
            return HypervolumeImprovement(*non_dominated_boxes(utilities, reference), goals.targets)
        direction = random_direction(len(goals.aims), rng)
        best = chebyshev(utilities, direction, reference).max()
        return ChebyshevImprovement(direction, reference, float(best), goals.targets)

    def merits(self, coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation, each (n,), of the merit at coordinates (n, k). ValueError without one."""
        merit = self.goals.merit
        if merit is None:
            raise ValueError("Expected goals with a merit; got none. Make the campaign's objective an ag.Merit.")
        with torch.no_grad():
            found = zip(*(self.models[i].posterior(coordinates) for i in self.goals.aims), strict=True)
            mean, std = (torch.stack(parts, -1) for parts in found)
            drawn = sampled(merit, mean, std, normals(len(self.goals.aims)))
        return drawn.mean(-1).numpy(), drawn.std(-1).numpy()

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


def objectives_of(given: Any) -> tuple[tuple[Objective, ...], Merit | None]:
    """Return one objective, or a list of several, as a tuple, and the merit among them, if any.

    A name alone is maximised. In place of a merit stand its outcomes.

    Raises:
        ValueError: No aim among them, one outcome twice, a merit next to other aims. TypeError for what is no
            objective.
    """
    listed = list(given) if isinstance(given, list | tuple) else [given]
    merit = next((one for one in listed if isinstance(one, Merit)), None)
    if merit is not None:
        at = listed.index(merit)
        rest = [*listed[:at], *listed[at + 1 :]]
        if others := [getattr(one, "name", str(one)) for one in rest if not isinstance(one, Limit)]:
            raise ValueError(
                f"Expected a Merit as the only aim, with limits or alone; got {', '.join(others)} beside it. Make the "
                "merit's function of these as well, or look for the front of its outcomes: "
                f"[{', '.join(f'ag.Maximise({name!r})' for name in merit.outputs)}]."
            )
        for one in rest:
            if one.name in (*merit.outputs, RESERVED):
                raise ValueError(
                    f"Expected limits on outcomes that the merit is not made of, and not called {RESERVED!r}; got one "
                    f"on {one.name!r}. Make it part of the merit's function: − 10 * (p[{one.name!r}] − 1).clip(0)."
                )
        listed = [*merit.outputs, *rest]
    objectives = tuple(Maximise(one) if isinstance(one, str) else one for one in listed)
    for one in objectives:
        require_protocol(one, Objective, "ag.Maximise")
    names = [one.name for one in objectives]
    if len(set(names)) < len(names):
        raise ValueError(f"Expected objectives of different outcomes; got {names}. Keep one of each.")
    if all(isinstance(one, Limit) for one in objectives):
        raise ValueError(
            f"Expected at least one aim; got {'limits on ' + ', '.join(names) if names else 'an empty list'}. Add what "
            "should be as large as possible: ag.Maximise('name')."
        )
    return objectives, merit


def default_acquisition(objectives: Sequence[Objective], name: str | None, merit: Merit | None = None) -> str:
    """Return the acquisition function to take for these objectives. Raises ValueError for one that cannot be taken."""
    aims = [one for one in objectives if not isinstance(one, Limit)]
    plain = len(objectives) == 1 and not isinstance(aims[0], Target) and merit is None
    if plain:
        possible = tuple(ACQUISITIONS)
    else:
        one = len(aims) == 1 or merit is not None
        possible = ("log_ei",) if one else JOINT if len(aims) <= MOST else JOINT[1:]
    if name is None:
        return "log_ei" if plain else possible[0]
    if name not in possible and name in (*ACQUISITIONS, *JOINT):
        what = f"{len(aims)} aims and {len(objectives) - len(aims)} limits" if len(objectives) > 1 else "a target"
        what = what if merit is None else "a merit"
        raise ValueError(f"Expected for {what} one of {list(possible)} as acquisition; got {name!r}. Leave it out.")
    require_known("acquisition", name, possible)
    return name


def require_reference(
    objectives: Sequence[Objective], reference: Mapping[str, float] | None, merit: Merit | None = None
) -> None:
    """Raise ValueError unless a reference point names all of several aims, with a finite number each."""
    aims = [one.name for one in objectives if not isinstance(one, Limit)] if merit is None else [merit.name]
    sound = isinstance(reference, Mapping) and set(reference) == set(aims) and all(map(is_number, reference.values()))
    if reference is not None and len(aims) == 1:
        raise ValueError(f"Expected no reference, since {aims[0]!r} is the only aim; got {reference!r}. Leave it out.")
    if reference is not None and not sound:
        raise ValueError(
            f"Expected a reference as {{name: number}} for each of several aims, here {aims}; got {reference!r}. Give "
            "the worst value that counts of each, for a target the largest distance; or leave it out."
        )


def best_rows(objectives: Sequence[Objective], outcomes: np.ndarray, merit: Merit | None = None) -> np.ndarray:
    """Return the rows of outcomes (n, m) that keep all limits and that no other one of these beats in every aim.

    A row in which an outcome is missing is none of them.
    """
    kept, aims = ~np.isnan(outcomes).any(1), []
    for one, values in zip(objectives, outcomes.T, strict=True):
        if isinstance(one, Limit):
            kept &= one.kept(values)
        else:
            aims.append(one.utility(values))
    if merit is not None:
        aims = [merit.value(dict(zip(merit.outputs, aims, strict=True)))]
    rows = np.flatnonzero(kept)
    return rows[non_dominated(np.column_stack(aims)[rows])]
