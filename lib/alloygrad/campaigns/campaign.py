"""A campaign: measurements in, the next experiments out, on any space.

    campaign = Campaign(space, Maximise("enthalpy_J_per_g"))
    campaign.tell(read_table("my.csv", space, unit="at.%"))
    campaign.suggest(q=4)

The campaign owns its data, their unit and direction, the noise and the experiments under way. How it models them is one
of two settings:

    safe    noise is learned, targets are standardised, and the prior on lengthscales grows with the square root of the
            number of inputs. Improvement counts over the best value that the model believes in at a measured point: the
            largest of many noisy measurements is large by luck as well.
    paper   what the published loop does: noise variance 1e-6, targets as they are, one prior for any number of inputs,
            improvement over the largest measurement. All recorded trajectories rest on it.

A batch is put together one by one. Each pick is fantasised: the model is conditioned on its own mean there (the kriging
believer), which leaves every mean as it is and takes from the variance

    σ²(x) ← σ²(x) − k(x, x* | X)² / (σ²(x*) + σ_n²),

so that the next pick goes elsewhere. Experiments under way (`pending`) are fantasised in the same way.

Source: Ginsbourger, Le Riche and Carraro 2010, doi 10.1007/978-3-642-10701-6_6, for the believer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from math import sqrt
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alloygrad.acquisition.analytic import ACQUISITIONS
from alloygrad.campaigns.cautions import MOST_SAID, doubtful, ignored, left_out, repeated, slipped
from alloygrad.campaigns.inputs import choose_inputs, given_inputs
from alloygrad.checks import (
    LEAST_ROWS,
    numbers,
    require_generator,
    require_known,
    require_number,
    require_outcomes,
    require_protocol,
    require_whole,
    row_name,
    row_numbers,
)
from alloygrad.features.selection import require_options
from alloygrad.maximisers import Suggestion, maximise, method_for
from alloygrad.maximisers.options import Options
from alloygrad.objectives import Maximise
from alloygrad.protocols import Acquisition, Model, Objective, Space, Surrogate
from alloygrad.spaces import Box, Pool
from alloygrad.spaces.points import no_points, require_coordinates, require_points
from alloygrad.surrogates import SURROGATES
from alloygrad.surrogates.gp import BOUNDS, LARGEST, NOISE, standardisation

SPREADS = (0.01, 100.0)
"""In the setting `paper`, targets whose range lies outside draw a warning: its noise and priors expect about 1."""

PENALTY = 1e10
"""Subtracted from the acquisition value too near an earlier pick; no acquisition function spans as much."""

HOPELESS = -20.0
"""Below this log acquisition value, some six standard deviations short, no improvement is to be expected."""

SUGGESTED = ("predicted", "std", "std_measurement", *ACQUISITIONS, "distance", "nearest_row", "warning", "suggestion")
"""Columns that `suggest` adds to those of the space; none of them is an outcome."""

LEAST_NOISE = BOUNDS["noise"][0] * (1 + 1e-9)
"""Learned noise at its lower bound, with room for the rounding of its logarithm."""


@dataclass(frozen=True)
class Setting:
    """How measurements are modelled."""

    noise: float | None  # variance of one measurement; None: learned
    standardised: bool  # targets, before they are fitted
    scaled_prior: bool  # on lengthscales, with the number of inputs
    modelled_best: bool  # improvement over the model's best measured point, not over the largest measurement


SETTINGS = {"safe": Setting(None, True, True, True), "paper": Setting(NOISE, False, False, False)}


class _Table(Protocol):
    """What `read_table` returns."""

    def measured(self, space: Space, objective: Objective) -> tuple[np.ndarray, np.ndarray, list, list[str]]: ...


Outcomes: TypeAlias = ArrayLike | Mapping[str, ArrayLike] | pd.DataFrame


class Campaign:
    """Measurements of one space and the experiments that should follow.

    Args:
        space: What may be tried: a CompositionSpace, a Pool, a Box or a Product.
        objective: `Maximise(...)` or `Minimise(...)`; a name alone is maximised.
        inputs: What the model sees. "features": material features chosen on the first measurements; "fractions": the
            coordinates as they are; or a map of coordinates (n, k) → (n, F), such as a FeatureMap. Unless given:
            features where the space holds compositions, else the coordinates.
        surrogate: "gp", "forest", "deep_kernel", or an object with `fit`.
        acquisition: "log_ei", "ei", "ucb", "pi" or "log_pi".
        maximiser: Search for the best acquisition value; the space's own unless given.
        options: Of the maximiser: its dataclass, or a mapping of its fields.
        setting: "safe" or "paper", see the module.
        seed: Everything random follows from it and from the measurements.
        selection: Arguments of `features.selection.genetic`.

    Raises:
        ValueError: An unknown name or option, or a maximiser that cannot search this space or asks for gradients that
            the surrogate does not have.

    Example:
        >>> import alloygrad as ag
        >>> campaign = ag.Campaign(ag.Box({"x": (0, 1)}), ag.Minimise("y"), seed=0)
        >>> for x in (0.0, 0.4, 0.6, 1.0):
        ...     campaign.tell([[x]], (x - 0.5) ** 2)
        >>> round(float(campaign.suggest()["x"].iloc[0]), 1)
        0.5
    """

    def __init__(
        self,
        space: Space,
        objective: Objective | str,
        *,
        inputs: str | Callable | None = None,
        surrogate: str | Surrogate = "gp",
        acquisition: str = "log_ei",
        maximiser: str | None = None,
        options: Options | Mapping | None = None,
        setting: str = "safe",
        seed: int = 0,
        **selection: Any,
    ) -> None:
        require_known("setting", setting, SETTINGS)
        require_known("acquisition", acquisition, ACQUISITIONS)
        require_whole(0, seed=seed)
        self.space = space
        self.objective: Objective = Maximise(objective) if isinstance(objective, str) else objective
        if isinstance(space, pd.DataFrame):
            raise TypeError("Expected a space; got a DataFrame. Wrap it: ag.Pool(table).")
        require_protocol(space, Space, "ag.CompositionSpace")
        require_protocol(self.objective, Objective, "ag.Maximise")
        require_options(others=list(Campaign.__init__.__kwdefaults__ or ()), **selection)
        self.setting, self.acquisition, self.seed = SETTINGS[setting], acquisition, seed
        self.inputs, self.selection, self._surrogate = inputs, selection, surrogate
        self._features: Callable | None = given_inputs(space, inputs)
        if isinstance(surrogate, str):
            require_known("surrogate", surrogate, SURROGATES)
        else:
            require_protocol(surrogate, Surrogate, "GaussianProcess")
        kind = SURROGATES[surrogate] if isinstance(surrogate, str) else surrogate
        own = space.maximiser if kind.differentiable or space.maximiser != "ascent" else "lattice"
        self.maximiser = maximiser or own
        method = method_for(space, self.maximiser)
        self.options = method.build(options)
        if method.gradients(space, self.options) and not kind.differentiable:
            raise ValueError(
                f"Expected a maximiser without gradients, as the surrogate {surrogate!r} has none; {self.maximiser!r} "
                "follows them here. Take 'lattice' (up to five elements), 'random_search', or 'enumeration'."
            )
        self.points = no_points(space)
        self.coordinates = np.empty((0, len(space.names)))
        self.values = np.empty(0)
        self.rows: list = []
        self._said: tuple[str, ...] = ()  # of the tables
        self._model: Model | None = None

    def __repr__(self) -> str:
        """Return the objective, the space and how much is measured."""
        return f"<Campaign: {self.objective.name} in a {type(self.space).__name__}, {len(self.values)} measurements>"

    # -- measurements ----------------------------------------------------------------------------------------------

    def tell(self, data: _Table | pd.DataFrame | ArrayLike, outcomes: Outcomes | None = None) -> None:
        """Add measurements.

        Args:
            data: A table as `read_table` gives it; a DataFrame with the space's columns; or points (m, d) of the space.
            outcomes: What was measured there: numbers (m,), or {outcome: (m,)}. Unless given, columns of `data`.

        Raises:
            ValueError: Points outside the space, outcomes that are missing, not finite or of another number. Nothing is
                added then. Rows of a table may lie between the grid's points and outside the limits.
        """
        said: list[str] = []
        place: Callable[[int], str] = "row {}".format
        if isinstance(outcomes, str):
            raise ValueError(
                f"Expected outcomes as numbers; got the text {outcomes!r}. The column {self.objective.name!r} of a "
                "table is found by itself: leave outcomes out."
            )
        if hasattr(data, "measured"):
            if outcomes is not None:
                got = "a mapping" if isinstance(outcomes, Mapping) else f"{np.size(outcomes)} numbers"
                raise ValueError(
                    f"Expected no outcomes next to a table of `read_table`: its column {self.objective.name!r} is "
                    f"used; got {got}. Leave them out, or pass a DataFrame with them."
                )
            coordinates, values, rows, said = data.measured(self.space, self.objective)
        elif isinstance(data, pd.DataFrame):
            coordinates = self.space.read(data)
            values, rows = self._values(data if outcomes is None else outcomes), [None] * len(data)
            said = ignored(data, [*self.space.names, *self.objective.outputs]) if self.space.elements else []
            place = partial(row_name, data)
        else:
            points = self._points(data)
            coordinates, values, rows = self.space.coordinates(points), self._values(outcomes), [None] * len(points)
        self._require_sound(coordinates, values, place)
        said += repeated(np.column_stack([self.coordinates, self.values]), np.column_stack([coordinates, values]))
        self.points = np.concatenate([self.points, self.space.nearest(coordinates)], dtype=self.points.dtype)
        self.coordinates = np.concatenate([self.coordinates, coordinates])
        self.values = np.concatenate([self.values, values])
        self.rows += list(rows)
        self._said = tuple(dict.fromkeys([*self._said, *said]))
        self._model = None

    def _values(self, outcomes: Outcomes | None) -> np.ndarray:
        if outcomes is None:
            raise ValueError(
                f"Expected outcomes for these points; got None. Pass numbers, or {{{self.objective.name!r}: numbers}}."
            )
        if isinstance(outcomes, Mapping | pd.DataFrame):
            others = (*self.space.names, getattr(self.space, "label", "formula"), *SUGGESTED)
            require_outcomes(self.objective.outputs, outcomes, others)
            known = {name: numbers(outcomes[name], name) for name in self.objective.outputs}
            return np.atleast_1d(self.objective.value(known))
        return np.atleast_1d(numbers(outcomes, self.objective.name))

    def _points(self, data: ArrayLike) -> np.ndarray:
        _require_points_or_table(data)
        points = require_points(self.space, data)
        inside = self.space.contains(points)
        if not inside.all():
            bad = points[np.flatnonzero(~inside)[0]]
            own = (
                "whole steps of a composition" if self.space.elements else "values within limits, whole where declared"
            )
            mend = "Pass a DataFrame with values in their units; it may also hold what was measured outside the limits."
            if isinstance(self.space, Pool):
                own = f"row numbers from 0 to {self.space.size - 1}"
                mend = f"Name the candidates in a DataFrame with the column {self.space.label!r}."
            raise ValueError(
                f"Expected points of the space; {dict(zip(self.space.keys, bad.tolist(), strict=True))} is none. "
                f"Numbers without column names are the space's own: {own}. {mend}"
            )
        return points

    def _require_sound(self, coordinates: np.ndarray, values: np.ndarray, place: Callable[[int], str]) -> None:
        if values.shape != coordinates.shape[:1]:
            raise ValueError(
                f"Expected one outcome for each of {len(coordinates)} points; got shape {values.shape}. Give "
                "as many outcomes as points."
            )
        if not len(values):
            raise ValueError("Expected at least one measurement; got a table without rows. Add a row for each.")
        sound = np.abs(values) <= LARGEST  # false for NaN too
        if not sound.all():
            bad = int(np.flatnonzero(~sound)[0])
            raise ValueError(
                f"Expected finite outcomes, {LARGEST:.0e} at most; got {values[bad]} for {self.objective.name!r} in "
                f"{place(bad)}. Leave the row out, or repeat the measurement."
            )

    # -- the model -------------------------------------------------------------------------------------------------

    @property
    def features(self) -> Callable:
        """What the model sees: a map of coordinates (n, k) → (n, F), chosen when first used."""
        if self._features is None:
            rng = np.random.default_rng([self.seed, 0])
            utilities = self._utilities
            self._features = choose_inputs(
                self.space, self.inputs, self.coordinates, utilities, rng=rng, **self.selection
            )
        return self._features

    @property
    def _utilities(self) -> np.ndarray:
        if not len(self.values):
            raise ValueError("Expected measurements to learn from; there are none yet. `tell` the campaign some.")
        return self.objective.utility(self.values)

    @property
    def model(self) -> Model:
        """The model of all measurements, fitted once per state. Raises ValueError where nothing is measured."""
        utilities = self._utilities
        if self._model is None:
            surrogate = self._surrogate
            if isinstance(surrogate, str):
                surrogate = SURROGATES[surrogate](self.features, scaled_prior=self.setting.scaled_prior)
            centre, spread = self.scale
            targets = (utilities - centre) / spread
            self._model = surrogate.fit(self.coordinates, targets, noise=self.setting.noise)
        return self._model

    @property
    def scale(self) -> tuple[float, float]:
        """Centre and spread by which utilities are standardised before they are fitted."""
        if not self.setting.standardised:
            return 0.0, 1.0
        return standardisation(self._utilities)

    def posterior(self, coordinates: pd.DataFrame | ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return (mean, std), each (...), of coordinates (..., k): of the value itself, in the objective's unit."""
        if isinstance(coordinates, pd.DataFrame):
            coordinates = self.space.read(coordinates)
        with torch.no_grad():
            mean, std = self.model.posterior(coordinates)
        centre, spread = self.scale
        return self.objective.utility(centre + spread * mean.numpy()), spread * std.numpy()

    def predict(self, data: pd.DataFrame | ArrayLike) -> pd.DataFrame:
        """Return what the model expects, in the objective's unit: columns predicted, std, std_measurement.

        Args:
            data: A DataFrame with the space's columns, or coordinates (n, k): fractions, features, values.

        Raises:
            ValueError: Nothing is measured, or coordinates of another shape, not finite, or not fractions.
        """
        _require_points_or_table(data)
        frame = isinstance(data, pd.DataFrame)
        coordinates = self.space.read(data) if frame else require_coordinates(self.space, data)
        mean, std = self.posterior(coordinates)
        return pd.DataFrame({"predicted": mean, "std": std, "std_measurement": np.hypot(std, self.noise_std)})

    @property
    def noise_std(self) -> float:
        """Standard deviation of one measurement about the truth, in the objective's unit."""
        return self.scale[1] * sqrt(self.model.noise)

    @property
    def warnings(self) -> list[str]:
        """What a user should know about the fit, each with what to do about it."""
        found, spread = [*self._said, *self.model.warnings], np.ptp(self.values)
        labels = [f"Measurement {i + 1}" if row is None else f"Row {row}" for i, row in enumerate(self.rows)]
        if slip := slipped(self.values, labels, self.objective.name):
            found += slip
        elif self.setting.noise is None:  # a fixed noise says nothing of the scatter
            found += doubtful(left_out(self), labels)[:MOST_SAID]
        if not spread and len(self.values) > 1:
            found.append(
                f"All {len(self.values)} outcomes are {self.values[0]:g}: a model needs outcomes that differ. Check "
                f"that {self.objective.name!r} is what was measured."
            )
        if (n := len(np.unique(self.coordinates, axis=0))) < LEAST_ROWS:
            found.append(
                f"Expected at least {LEAST_ROWS} different points, since a model of one input has four numbers to "
                f"learn; {n} measured. Measure more before you trust a suggestion."
            )
        if not self.setting.standardised and spread and not SPREADS[0] <= spread <= SPREADS[1]:
            found.append(f"Targets range over {spread:.3g}, the setting 'paper' expects about 1: rescale them.")
        process = getattr(self.space, "process", self.space)
        if isinstance(process, Box):
            made = self.coordinates[:, -len(process.names) :]
            found += process.far_outside(made) + process.not_whole(made)
        if self.setting.noise is None and self.model.noise <= LEAST_NOISE:
            found.append(
                f"The model takes repeated measurements to agree within {self.noise_std:.2g} (its least noise). If "
                "yours do not, expect larger errors than stated."
            )
        return found

    def subset(
        self, rows: ArrayLike | slice, *, inputs: str | Callable | None = None, seed: int | None = None
    ) -> Campaign:
        """Return a campaign with the same settings on some of the measurements; inputs are chosen anew.

        Args:
            rows: Which measurements: bool (n,), or their numbers.
            inputs: As of `Campaign`; this campaign's own unless given.
            seed: Another seed.
        """
        rows, other = row_numbers(rows, len(self.values)), copy(self)
        other.inputs = self.inputs if inputs is None else inputs
        other._features = given_inputs(self.space, other.inputs)
        other.seed, other._model = self.seed if seed is None else seed, None
        require_whole(0, seed=other.seed)
        other.points, other.coordinates, other.values = self.points[rows], self.coordinates[rows], self.values[rows]
        other.rows = [self.rows[row] for row in rows]
        return other

    # -- suggestions -----------------------------------------------------------------------------------------------

    @property
    def best(self) -> float:
        """What improvement counts from, as the model sees targets: see the settings."""
        if not self.setting.modelled_best:
            return float(self._utilities.max())
        with torch.no_grad():
            return self.model.posterior(self.space.coordinates(self.points))[0].max().item()

    def acquire(self) -> Acquisition:
        """Return the acquisition function of the present state."""
        return ACQUISITIONS[self.acquisition](self.model, self.best)

    def ask(
        self,
        q: int = 1,
        *,
        rng: np.random.Generator | None = None,
        pending: pd.DataFrame | ArrayLike | None = None,
        min_distance: float | None = None,
    ) -> list[Suggestion]:
        """Return the next q points with their diagnosis; arguments and errors as of `suggest`.

        rng: A generator; unless given it follows from the seed and the number of measurements.
        """
        require_whole(1, q=q)
        if min_distance is not None:
            require_number(0, 100, " per cent", min_distance=min_distance)
        if rng is not None:
            require_generator(rng)
        apart = self.space.spacing if min_distance is None else min_distance / 100
        waiting = self._pending(pending)
        rng = np.random.default_rng([self.seed, 1, len(self.values), len(waiting)]) if rng is None else rng
        model, best, exclude = self.model, self.best, self._measured()
        for one in waiting:
            model, best = self._fantasised(model, best, one)
        exclude = np.concatenate([exclude, self.space.nearest(waiting)]) if len(waiting) else exclude
        left = self.space.size - len(np.unique(exclude, axis=0))
        if q > left:
            raise ValueError(
                f"Expected q of at most {left:.0f}, the points that are neither measured nor pending; got {q}. "
                + ("Ask for fewer." if left else "Nothing is left to try in this space.")
            )
        picks: list[Suggestion] = []
        for _ in range(q):
            plain = ACQUISITIONS[self.acquisition](model, best)
            acquire: Acquisition = plain
            if picks:
                taken = self.space.coordinates(np.array([pick.point for pick in picks]))
                acquire = _Apart(plain, taken, self.space.distance, apart - 1e-9)
            pick = maximise(acquire, self.space, self.maximiser, exclude=exclude, rng=rng, options=self.options)
            at = self.space.coordinates(pick.point)
            said = [pick.warning]
            if isinstance(acquire, _Apart) and acquire.near(torch.from_numpy(at)):
                pick = replace(pick, value=plain(torch.from_numpy(at)).item())
                said.append(f"No point is {100 * apart:.3g} % away from the earlier suggestions.")
            if plain.logarithmic and pick.value < HOPELESS:
                said.append("No improvement is expected: stop, or try other inputs if you doubt the model.")
            picks.append(replace(pick, warning=" ".join(filter(None, said))))
            exclude = np.concatenate([exclude, pick.point[None]])
            if len(picks) < q:
                model, best = self._fantasised(model, best, at)
        return picks

    def _fantasised(self, model: Model, best: float, at: np.ndarray) -> tuple[Model, float]:
        """The model as if its own mean had been measured at one point, and what improvement then counts from."""
        with torch.no_grad():
            mean = model.posterior(at[None])[0]
        return model.condition(at[None], mean), max(best, mean.item())

    def _pending(self, pending: pd.DataFrame | ArrayLike | None) -> np.ndarray:
        if pending is None or (isinstance(pending, list | tuple | pd.DataFrame) and not len(pending)):
            return np.empty((0, len(self.space.names)))
        try:
            frame = isinstance(pending, pd.DataFrame)
            return self.space.read(pending) if frame else self.space.coordinates(self._points(pending))
        except ValueError as error:
            raise ValueError(str(error).replace("Expected", "Expected in `pending`", 1)) from None

    def _measured(self) -> np.ndarray:
        """The points that a measurement takes: it lies on them, or less than a step away."""
        return self.points[self.space.covers(self.points, self.coordinates)]

    def suggest(
        self, q: int = 1, *, pending: pd.DataFrame | ArrayLike | None = None, min_distance: float | None = None
    ) -> pd.DataFrame:
        """Return the next experiments, one row each, numbered from 1; the campaign is left as it is.

        Args:
            q: How many.
            pending: Experiments under way or failed: a DataFrame with the space's columns, or points. They are not
                suggested again, and the suggestions reckon with their outcome.
            min_distance: Least distance of two suggestions in per cent: of the alloy (at.%) for compositions, else of
                the parameters' ranges. Unless given, a tenth of the widest range.

        Returns:
            The space's columns; predicted, std and std_measurement in the objective's unit (std: how well the model
            knows the value itself; std_measurement: one measurement of it, noise included); the acquisition value, of
            standardised utilities, each counting the rows above as measured; distance to the nearest measured point in
            per cent, and nearest_row, its row in the table it was read from; warning.

        Raises:
            ValueError: Nothing is measured, or fewer than q points are left.
        """
        picks = self.ask(q, pending=pending, min_distance=min_distance)
        points = np.array([pick.point for pick in picks])
        coordinates = self.space.coordinates(points)
        distances = self.space.distance(coordinates[:, None], self.coordinates[None])
        table = self.space.table(points)
        table[["predicted", "std", "std_measurement"]] = self.predict(coordinates).to_numpy()
        table[self.acquisition] = [pick.value for pick in picks]
        table["distance"] = 100 * distances.min(1)
        table["nearest_row"] = pd.array([self.rows[i] for i in distances.argmin(1)], dtype="object")
        table["warning"] = [pick.warning for pick in picks]
        table.loc[0, "warning"] = " ".join(filter(None, [table.loc[0, "warning"], *self.warnings]))
        return table.set_axis(pd.RangeIndex(1, q + 1, name="suggestion"))


def _require_points_or_table(data: Any) -> None:
    if data is None or isinstance(data, str | Path | Mapping | pd.Series):
        text = f"the text {str(data)!r}" if isinstance(data, str | Path) else f"a {type(data).__name__}"
        raise ValueError(
            f"Expected a table or points; got {text}. Read a file with `read_table`, or make a pd.DataFrame of it."
        )


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
