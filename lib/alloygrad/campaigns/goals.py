"""What the objectives of a campaign ask of its models: which are aims and which are limits, in the models' units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alloygrad.acquisition.analytic import ACQUISITIONS
from alloygrad.acquisition.boxes import MOST
from alloygrad.acquisition.several import JOINT
from alloygrad.campaigns.properties import Property
from alloygrad.checks import is_number, require_known, require_protocol
from alloygrad.objectives import Limit, Maximise, Target, non_dominated
from alloygrad.protocols import Objective


@dataclass(frozen=True, eq=False)
class Goals:
    """m objectives in the units of their models: which are aims, which are limits."""

    aims: tuple[int, ...]
    limited: tuple[int, ...]
    targets: tuple[float | None, ...]  # of the aims: the value to hit, None where more is better
    limits: tuple[tuple[float, float], ...]
    reference: np.ndarray | None  # (n_aims,) utilities; None: from the front

    @classmethod
    def of(cls, properties: Sequence[Property], reference: Mapping[str, float] | None) -> Goals:
        """Return what the objectives of properties want of their models."""
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
        )

    def utilities(self, known: np.ndarray) -> np.ndarray:
        """Return utilities (n, n_aims), the larger the better, of modelled values (n, m)."""
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


def _target(one: Property) -> float | None:
    return one.as_modelled(one.objective.wanted) if isinstance(one.objective, Target) else None


def _bounds(one: Property) -> tuple[float, float]:
    limit: Any = one.objective
    return one.as_modelled(limit.at_least), one.as_modelled(limit.at_most)


def _least(one: Property, value: float) -> float:
    """The utility of a reference value: for a target, of the largest distance that counts."""
    return -value / one.scale[1] if isinstance(one.objective, Target) else one.as_modelled(value)


def objectives_of(given: Any) -> tuple[Objective, ...]:
    """Return one objective, or a list of several, as a tuple; a name alone is maximised.

    Raises:
        ValueError: No aim among them, or one outcome twice. TypeError for what is no objective.
    """
    listed = given if isinstance(given, list | tuple) else [given]
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
    return objectives


def default_acquisition(objectives: Sequence[Objective], name: str | None) -> str:
    """Return the acquisition function to take for these objectives. Raises ValueError for one that cannot be taken."""
    aims = [one for one in objectives if not isinstance(one, Limit)]
    plain = len(objectives) == 1 and not isinstance(aims[0], Target)
    if plain:
        possible = tuple(ACQUISITIONS)
    else:
        possible = ("log_ei",) if len(aims) == 1 else JOINT if len(aims) <= MOST else JOINT[1:]
    if name is None:
        return "log_ei" if plain else possible[0]
    if name not in possible and name in (*ACQUISITIONS, *JOINT):
        what = f"{len(aims)} aims and {len(objectives) - len(aims)} limits" if len(objectives) > 1 else "a target"
        raise ValueError(f"Expected for {what} one of {list(possible)} as acquisition; got {name!r}. Leave it out.")
    require_known("acquisition", name, possible)
    return name


def require_reference(objectives: Sequence[Objective], reference: Mapping[str, float] | None) -> None:
    """Raise ValueError unless a reference point names all of several aims, with a finite number each."""
    aims = [one.name for one in objectives if not isinstance(one, Limit)]
    sound = isinstance(reference, Mapping) and set(reference) == set(aims) and all(map(is_number, reference.values()))
    if reference is not None and (len(aims) == 1 or not sound):
        raise ValueError(
            f"Expected a reference as {{name: number}} for each of several aims, here {aims}; got {reference!r}. Give "
            "the worst value that counts of each, for a target the largest distance; or leave it out."
        )


def best_rows(objectives: Sequence[Objective], outcomes: np.ndarray) -> np.ndarray:
    """Return the rows of outcomes (n, m) that keep all limits and that no other one of these beats in every aim.

    A row in which an outcome is missing is none of them.
    """
    kept, aims = ~np.isnan(outcomes).any(1), []
    for one, values in zip(objectives, outcomes.T, strict=True):
        if isinstance(one, Limit):
            kept &= one.kept(values)
        else:
            aims.append(one.utility(values))
    rows = np.flatnonzero(kept)
    return rows[non_dominated(np.column_stack(aims)[rows])]
