"""The suggestions of one batch: which search finds them, each at its distance from the earlier ones, as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from alloygrad.campaigns.beliefs import Beliefs
from alloygrad.campaigns.cautions import remote
from alloygrad.checks import require_callable, require_known, require_protocol, warn
from alloygrad.maximisers import Suggestion, method_for
from alloygrad.maximisers.options import Options
from alloygrad.objectives import Limit
from alloygrad.protocols import Acquisition, Model, OfModel, Searched, Space, Surrogate
from alloygrad.surrogates import SURROGATES

if TYPE_CHECKING:
    from alloygrad.campaigns.campaign import Campaign

Cost = Callable[[Tensor], Tensor]
"""Coordinates (..., k) → costs (...), above 0, by operations of torch."""

PENALTY = 1e10
"""Subtracted from the acquisition value too near an earlier pick; no acquisition function spans as much."""

HOPELESS = -20.0
"""Below this log acquisition value, some six standard deviations short, no improvement is to be expected."""

WITHOUT_GRADIENT = {"ascent": "lattice"}
"""A space's search → the one in its place, where a surrogate has no gradient and names none (`protocols.Searched`)."""

LEAST_SUGGESTED = 3
"""Of so many suggestions, or more, it is said where most lie outside what was measured: one alone often does."""


def searcher(
    space: Space,
    surrogate: str | Surrogate,
    maximiser: str | None,
    options: Options | Mapping | None,
) -> tuple[str, Options]:
    """Return the name of the maximiser that searches a space with this surrogate, and its options.

    Raises:
        ValueError: An unknown name or option, or a maximiser that asks for gradients that the surrogate does not have.
    """
    if isinstance(surrogate, str):
        require_known("surrogate", surrogate, SURROGATES)
    else:
        require_protocol(surrogate, Surrogate, "GaussianProcess")
    kind = SURROGATES[surrogate] if isinstance(surrogate, str) else surrogate
    searches = kind.searches if isinstance(kind, Searched) else {} if kind.differentiable else WITHOUT_GRADIENT
    name = maximiser or searches.get(space.maximiser, space.maximiser)
    method = method_for(space, name)
    built = method.build(options)
    if method.gradients(space, built) and not kind.differentiable:
        raise ValueError(
            f"Expected a maximiser without gradients, as the surrogate {surrogate!r} has none; {name!r} follows them "
            "here. Take 'lattice' (up to five elements), 'random_search', or 'enumeration'."
        )
    return name, built


def require_cost(cost: Any, acquisition: str | None, space: Space) -> Cost | None:
    """Return a cost, or None. Raises ValueError for what is none, or an acquisition that is not logarithmic."""
    if cost is not None:
        require_callable("cost", cost, "a function of coordinates (..., k) → costs (...)")
        if acquisition is not None and not acquisition.startswith("log_"):
            raise ValueError(
                f"Expected a logarithmic acquisition next to `cost`; got {acquisition!r}. Leave it out, or take "
                "'log_ei'."
            )
        at = torch.from_numpy(np.array(space.coordinates(space.sample(8, np.random.default_rng(0)))))
        found = cost(at)
        if not isinstance(found, Tensor) or found.shape != at.shape[:-1] or not (found > 0).all():
            got = f"a {type(found).__name__}"
            if isinstance(found, Tensor):
                got = f"shape {tuple(found.shape)}" if found.shape != at.shape[:-1] else f"{found.min().item():.4g}"
            raise ValueError(
                f"Expected cost to return a torch tensor with one number above 0 for each point, here (8,); got {got}. "
                f"Compute it with torch along the last axis, {', '.join(space.names)}, as in 1 + points[..., 0]."
            )
    return cost


def batch(
    beliefs: Beliefs,
    name: str,
    space: Space,
    search: Callable[..., Suggestion],
    q: int,
    *,
    exclude: np.ndarray,
    waiting: np.ndarray,
    apart: float,
    rng: np.random.Generator,
    cost: Cost | None = None,
) -> list[Suggestion]:
    """Return q suggestions.

    Args:
        beliefs: What is known at first; each pick is added as a fantasy.
        name: Of the acquisition function.
        space: What may be tried.
        search: (acquire, exclude=…) → Suggestion.
        q: How many.
        exclude: Points (m, d) that are not suggested.
        waiting: Coordinates (w, k) of experiments under way, which are among the beliefs.
        apart: Least distance of two picks, and of a pick from what is under way, as a share.
        rng: Draws what the acquisition function draws.
        cost: What an experiment costs: then the gain for this cost is maximised.
    """
    picks: list[Suggestion] = []
    for _ in range(q):
        plain = beliefs.acquisition(name, rng)
        acquire: Acquisition = plain if cost is None else _PerCost(plain, cost)
        taken = np.array([*waiting, *(space.coordinates(pick.point) for pick in picks)])
        if len(taken):
            acquire = _Apart(acquire, taken, space.distance, apart - 1e-9)
        pick = search(acquire, exclude=exclude)
        at = space.coordinates(pick.point)
        if cost is not None:  # told is the gain itself
            pick = replace(pick, value=plain(torch.from_numpy(at)).item())
        said = [pick.warning]
        if isinstance(acquire, _Apart) and acquire.near(torch.from_numpy(at)):
            pick = replace(pick, value=plain(torch.from_numpy(at)).item())
            said.append(f"No point is {100 * apart:.3g} % away from what is under way or suggested.")
        if plain.logarithmic and pick.value < HOPELESS:
            said.append("No improvement is expected: stop, or try other inputs if you doubt the model.")
        picks.append(replace(pick, warning=" ".join(filter(None, said))))
        exclude = np.concatenate([exclude, pick.point[None]])
        if len(picks) < q:
            beliefs = beliefs.fantasised(at)
    return picks


def described(campaign: Campaign, picks: Sequence[Suggestion]) -> pd.DataFrame:
    """Return suggestions as the table that `Campaign.suggest` describes."""
    space, points = campaign.space, np.array([pick.point for pick in picks])
    coordinates = space.coordinates(points)
    distances = space.distance(coordinates[:, None], campaign.coordinates[None])
    table, predicted = space.table(points), campaign.predict(coordinates)
    table[predicted.columns] = predicted.to_numpy()
    if any(isinstance(one, Limit) for one in campaign.objectives):
        table["feasible"] = campaign.beliefs.feasibility(coordinates)
    table[campaign.acquisition] = [pick.value for pick in picks]
    table["distance"] = 100 * distances.min(1)
    table["nearest_row"] = pd.array([campaign.rows[i] for i in distances.argmin(1)], dtype="object")
    far = remote(space, campaign.coordinates, coordinates)
    said = [[pick.warning, text] for pick, text in zip(picks, far, strict=True)]
    said[0] = [*campaign.serious, *said[0], *campaign.mild]
    guesses = sum(map(bool, far))
    grave = [
        f"{guesses} of {len(picks)} suggestions lie outside what was measured: take their predictions for guesses, or "
        "narrow the limits. The column 'warning' says where."
    ]
    for text in [*campaign.serious, *(grave if 2 * guesses > len(picks) >= LEAST_SUGGESTED else [])]:
        warn(text)
    table["warning"] = [" ".join(filter(None, texts)) for texts in said]
    return table.set_axis(pd.RangeIndex(1, len(picks) + 1, name="suggestion"))


@dataclass(frozen=True)
class _PerCost:
    """A logarithmic acquisition function less the logarithm of a cost: the logarithm of the gain for a cost of 1."""

    acquire: Acquisition
    cost: Cost

    @property
    def surrogate(self) -> Model | None:
        return self.acquire.surrogate if isinstance(self.acquire, OfModel) else None

    @property
    def logarithmic(self) -> bool:
        return True

    @property
    def differentiable(self) -> bool:
        return self.acquire.differentiable

    def __call__(self, points: Tensor) -> Tensor:
        return self.acquire(points) - self.cost(points).log()

    def exceeding(self, points: Tensor, floor: float) -> Tensor:
        with torch.no_grad():
            return self(points)


@dataclass(frozen=True)
class _Apart:
    """An acquisition function, less `PENALTY` nearer than `least` to one of the coordinates `picks` (m, k)."""

    acquire: Acquisition
    picks: np.ndarray
    distance: Callable
    least: float

    def near(self, points: Tensor) -> Tensor:
        apart = self.distance(points.detach().numpy()[..., None, :], self.picks)
        return torch.from_numpy(np.asarray(apart.min(-1) < self.least))

    @property
    def surrogate(self) -> Model | None:
        return self.acquire.surrogate if isinstance(self.acquire, OfModel) else None

    @property
    def logarithmic(self) -> bool:
        return self.acquire.logarithmic

    @property
    def differentiable(self) -> bool:
        return self.acquire.differentiable

    def __call__(self, points: Tensor) -> Tensor:
        return self.acquire(points) - PENALTY * self.near(points)

    def exceeding(self, points: Tensor, floor: float) -> Tensor:
        with torch.no_grad():
            return self(points)
