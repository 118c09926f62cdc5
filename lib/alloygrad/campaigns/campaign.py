"""A campaign: measurements in, the next experiments out, on any space.

    campaign = Campaign(space, Maximise("enthalpy_J_per_g"))
    campaign.tell(read_table("my.csv", space, unit="at.%"))
    campaign.suggest(q=4)

    Campaign(space, [Maximise("strength_MPa"), Maximise("elongation"), Limit("density", at_most=8)])
    Campaign(space, Merit(lambda p: p["strength_MPa"] / 800 - abs(p["peak_C"] - 60) / 50, ["strength_MPa", "peak_C"]))

The campaign owns its data, their unit and direction, the noise and the experiments under way. Each objective is a
property with a model of its own (`properties`, where the two settings are described); what follows from all of them
together, for one aim or for a front, and for batches, is in `beliefs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import partial
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from alloygrad.campaigns import telling
from alloygrad.campaigns.batches import Cost, batch, described, require_cost, searcher
from alloygrad.campaigns.beliefs import (
    Beliefs,
    Goals,
    best_rows,
    default_acquisition,
    objectives_of,
    require_reference,
)
from alloygrad.campaigns.cautions import equal, few, repeated, slipped, unkept, unvaried
from alloygrad.campaigns.properties import SETTINGS, Property
from alloygrad.checks import (
    explained,
    require_generator,
    require_known,
    require_number,
    require_protocol,
    require_whole,
    row_numbers,
    warn,
)
from alloygrad.features.selection import require_options
from alloygrad.maximisers import Suggestion, maximise
from alloygrad.maximisers.options import Options
from alloygrad.objectives import Limit, Maximise, Target
from alloygrad.protocols import Acquisition, Model, Objective, Space, Surrogate
from alloygrad.spaces import Box
from alloygrad.spaces.points import no_points, require_coordinates

MOST_SHOWN = 12
"""So many names of the space are shown."""


@explained("ag.Campaign(space, ag.Maximise('hardness_HV'), seed=0)")
class Campaign:
    """Measurements of one space and the experiments that should follow.

    Args:
        space: What may be tried: a CompositionSpace, a Pool, a Box or a Product.
        objective: `Maximise(...)`, `Minimise(...)`, `Target(...)` or `Desirability(...)`; a name alone is maximised.
            A list of several, and of `Limit(...)`, is looked after together: their front, within the limits. Or a
            `Merit(...)`, alone or with limits: a known function of outcomes, each of which becomes an objective here.
        inputs: What the model sees. "features": material features chosen on the first measurements; "fractions": the
            coordinates as they are; "both"; or a map of coordinates (n, k) → (n, F), such as a FeatureMap. Unless
            given: features of up to five elements, both of more, and the coordinates where there is no composition.
        surrogate: "gp", "isotropic", "forest", "extra_trees", "deep_kernel", "ensemble", or an object with `fit`.
        acquisition: For one objective "log_ei" (unless given), "ei", "ucb", "pi" or "log_pi". For several "log_ehvi"
            (two or three aims), or "log_chebyshev": a random scalarisation for each suggestion, of any number.
        maximiser: Search for the best acquisition value; the space's own unless given.
        options: Of the maximiser: its dataclass, or a mapping of its fields.
        setting: "safe" or "paper", see `alloygrad.campaigns.properties`.
        seed: Everything random follows from it and from the measurements.
        reference: With several objectives, {name: worst value that counts}, for a target the largest distance; unless
            given, it follows the front.
        cost: What an experiment costs: a function of coordinates, a tensor (..., k), that returns a tensor (...) of
            numbers above 0. Then the gain divided by the cost is maximised; suggestions still state the gain itself.
        selection: Arguments of `features.selection.genetic`.

    Raises:
        ValueError: An unknown name or option, a maximiser that cannot search this space or asks for gradients that the
            surrogate does not have, limits without an aim.

    Example:
        >>> import alloygrad as ag
        >>> campaign = ag.Campaign(ag.Box({"x": (0, 1)}), ag.Minimise("y"), seed=0)
        >>> for x in (0.0, 0.2, 0.4, 0.7, 1.0):
        ...     campaign.tell([[x]], (x - 0.5) ** 2)
        >>> round(float(campaign.suggest()["x"].iloc[0]), 1)
        0.5
    """

    def __init__(
        self,
        space: Space,
        objective: Objective | str | Sequence[Objective | str],
        *,
        inputs: str | Callable | None = None,
        surrogate: str | Surrogate = "gp",
        acquisition: str | None = None,
        maximiser: str | None = None,
        options: Options | Mapping | None = None,
        setting: str = "safe",
        seed: int = 0,
        reference: Mapping[str, float] | None = None,
        cost: Cost | None = None,
        **selection: Any,
    ) -> None:
        require_known("setting", setting, SETTINGS)
        require_whole(0, seed=seed)
        if isinstance(space, pd.DataFrame):
            raise TypeError("Expected a space; got a DataFrame. Wrap it: ag.Pool(table).")
        require_protocol(space, Space, "ag.CompositionSpace")
        objectives, self.merit = objectives_of(objective)
        require_reference(objectives, reference, self.merit)
        own = [name for name, one in signature(Campaign).parameters.items() if one.kind is not one.VAR_KEYWORD]
        require_options(who="Campaign", own=own, **selection)
        self.space, self.setting, self.seed, self.reference = space, SETTINGS[setting], seed, reference
        self.acquisition = default_acquisition(objectives, acquisition, self.merit)
        self.cost = require_cost(cost, acquisition, space)
        how: dict[str, Any] = dict(setting=self.setting, surrogate=surrogate, inputs=inputs, selection=selection)
        # a merit may be largest where an outcome is small, and a reference may lie among the worse half
        how["everywhere"] = self.merit is not None or reference is not None
        self.properties = tuple(
            Property(space, one, seed=(seed, number), **how) for number, one in enumerate(objectives)
        )
        self.maximiser, self.options = searcher(space, surrogate, maximiser, options)
        self.points = no_points(space)
        self.coordinates = np.empty((0, len(space.names)))
        self.outcomes = np.empty((0, len(objectives)))  # in the objectives' units, NaN where one is missing
        self.stds = np.empty((0, len(objectives)))  # what was stated of them, NaN where nothing was
        self.rows: list = []
        self.waiting = np.empty((0, len(space.names)))  # coordinates of rows of tables without any outcome
        self._said: tuple[str, ...] = ()  # of the tables
        self._outside: tuple[str, ...] = ()  # the same, of many rows outside the limits

    def __repr__(self) -> str:
        """Return the objectives, the space and how much is measured."""
        wanted = self.objectives if self.merit is None else [self.merit, *self.objectives[len(self.merit.outputs) :]]
        aims = "; ".join(map(str, wanted))
        names = " ".join(self.space.names[:MOST_SHOWN]) + (" …" if len(self.space.names) > MOST_SHOWN else "")
        return f"<Campaign: {aims}; in a {type(self.space).__name__} of {names}, {len(self.outcomes)} measurements>"

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """What is wanted, in the order given."""
        return tuple(one.objective for one in self.properties)

    # -- measurements ----------------------------------------------------------------------------------------------

    @explained("campaign.tell(table), or campaign.tell(points, outcomes)")
    def tell(
        self, data: telling.Data, outcomes: telling.Outcomes | None = None, *, std: telling.Outcomes | None = None
    ) -> None:
        """Add measurements.

        Args:
            data: A table as `read_table` gives it; a DataFrame with the space's columns; or points (m, d) of the space.
            outcomes: What was measured there: numbers (m,), or {outcome: (m,)}. Unless given, columns of `data`. With
                several objectives, NaN stands for an outcome that was not measured.
            std: Standard deviations of the outcomes (m,), where they are known, or {objective: (m,)}; NaN where not.
                The model adds them to the noise that it learns.

        Raises:
            ValueError: Points outside the space, outcomes that are missing, not finite or of another number. Nothing is
                added then. Rows of a table may lie between the grid's points and outside the limits.
        """
        told = telling.read(self.space, self.objectives, data, outcomes, std)
        if self.merit is not None:
            labels = [f"row {number + 1 if row is None else row}" for number, row in enumerate(told.rows)]
            self.merit.require_finite(told.values[:, : len(self.merit.outputs)], labels)
        known = (self.coordinates, self.outcomes), (told.coordinates, told.values)
        again = repeated(*(np.column_stack([at, np.nan_to_num(values, nan=np.inf)]) for at, values in known))
        self._said = tuple(dict.fromkeys([*self._said, *told.said, *again]))
        self._outside = tuple(dict.fromkeys([*self._outside, *told.outside]))
        self.points = np.concatenate([self.points, self.space.nearest(told.coordinates)], dtype=self.points.dtype)
        self.coordinates = np.concatenate([self.coordinates, told.coordinates])
        self.outcomes = np.concatenate([self.outcomes, told.values])
        self.stds = np.concatenate([self.stds, told.stds])
        self.rows += told.rows
        self.waiting = np.concatenate([self.waiting, told.waiting])
        before = {text.partition(",")[0] for text in self._slips}
        self._share_out()
        for text in self._slips:
            if text.partition(",")[0] not in before:
                warn(text)

    @property
    def _slips(self) -> list[str]:
        """Lines on values that look like slips of a decimal point, or like marks, in any outcome."""
        return [text for one in self.properties for text in slipped(one.values, one.labels, one.objective.name)]

    def _share_out(self) -> None:
        """Give each property the rows in which it was measured."""
        labels = [f"Measurement {i + 1}" if row is None else f"Row {row}" for i, row in enumerate(self.rows)]
        there = ~np.isnan(self.outcomes)
        self.properties = tuple(
            one.holding(self.coordinates[on], self.outcomes[on, i], self.stds[on, i], np.array(labels)[on].tolist())
            for i, (one, on) in enumerate(zip(self.properties, there.T, strict=True))
        )

    @property
    def values(self) -> np.ndarray:
        """What was measured, in the objectives' units: (n,), or (n, m) of several, NaN where one is missing."""
        return self.outcomes if len(self.properties) > 1 else self.outcomes[:, 0]

    @explained("campaign.front()")
    def front(self) -> pd.DataFrame:
        """Return the measured rows that no other one beats in every aim, of those that keep all limits.

        Rows without an outcome of every objective are left out. Columns: the space's, at its nearest points, and the
        outcomes; index: the number of the measurement, from 0.
        """
        rows = best_rows(self.objectives, self.outcomes, self.merit)
        outcomes = pd.DataFrame(self.outcomes, columns=[one.name for one in self.objectives])
        return pd.concat([self.space.table(self.points), outcomes], axis=1).iloc[rows]

    # -- the model -------------------------------------------------------------------------------------------------

    @property
    def _only(self) -> Property:
        """The one property. Raises ValueError where there are several."""
        if len(self.properties) > 1:
            names = [one.name for one in self.objectives]
            raise ValueError(
                f"Expected a campaign of one objective; this one has {names}. Ask for one of them, as in "
                f"campaign.only({names[0]!r}), or go through campaign.properties."
            )
        if self.merit is not None:
            name = self.merit.outputs[0]
            raise ValueError(
                f"Expected a campaign of one objective; this one has a {self.merit.name}. Ask for its outcome, as in "
                f"campaign.only({name!r}), or go through campaign.properties."
            )
        return self.properties[0]

    @property
    def objective(self) -> Objective:
        """The one objective."""
        return self._only.objective

    @property
    def features(self) -> Callable:
        """What the model of one objective sees: a map of coordinates (n, k) → (n, F), chosen when first used."""
        return self._only.features

    @property
    def model(self) -> Model:
        """The model of one objective, fitted once per state. Raises ValueError where nothing is measured."""
        return self._only.model

    @property
    def scale(self) -> tuple[float, float]:
        """Centre and spread by which utilities of one objective are standardised before they are fitted."""
        return self._only.scale

    @property
    def noise_std(self) -> float:
        """Standard deviation of one measurement of one objective about the truth, in its unit."""
        return self._only.noise_std

    @explained("campaign.posterior(table)")
    def posterior(self, coordinates: pd.DataFrame | ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return (mean, std), each (...), of coordinates (..., k): of the value itself, in the objective's unit.

        Of several objectives, (..., m).
        """
        at = self.space.read(coordinates) if isinstance(coordinates, pd.DataFrame) else coordinates
        found = [one.posterior(at) for one in self.properties]
        means, stds = zip(*found, strict=True)
        return found[0] if len(found) == 1 else (np.stack(means, -1), np.stack(stds, -1))

    @explained("campaign.predict(table)")
    def predict(self, data: pd.DataFrame | ArrayLike) -> pd.DataFrame:
        """Return what the model expects, in the objective's unit: columns predicted, std, std_measurement.

        Of several objectives, each has these columns, with its name before them. Of a merit, "merit predicted" and
        "merit std" come after them: mean and standard deviation of what the models of its outcomes make of it.

        Args:
            data: A DataFrame with the space's columns, or coordinates (n, k): fractions, features, values.

        Raises:
            ValueError: Nothing is measured, or coordinates of another shape, not finite, or not fractions.
        """
        telling.require_points_or_table(data)
        frame = isinstance(data, pd.DataFrame)
        coordinates = self.space.read(data) if frame else require_coordinates(self.space, data)
        table = pd.DataFrame(index=range(len(coordinates)))
        for one in self.properties:
            mean, std = one.posterior(coordinates)
            names = (
                telling.PREDICTED
                if len(self.properties) == 1
                else [f"{one.objective.name} {word}" for word in telling.PREDICTED]
            )
            table[list(names)] = np.column_stack([mean, std, np.hypot(std, one.noise_std)])
        if self.merit is not None:
            table["merit predicted"], table["merit std"] = self.beliefs.merits(coordinates)
        return table

    @property
    def warnings(self) -> list[str]:
        """What a user should know about the fit, each with what to do about it, the gravest first."""
        return [*self.serious, *self.mild]

    @property
    def serious(self) -> list[str]:
        """Those of the warnings without which no suggestion should be read: `suggest` issues them as well."""
        same = [text for one in self.properties for text in equal(one.values, one.objective.name)]
        box, made = self._made
        slips = box.far_outside(made) if box else []
        limits = unkept(self.objectives, self.outcomes)
        return [*few(self.space, self.coordinates), *self._outside, *same, *slips, *limits]

    @property
    def _made(self) -> tuple[Box | None, np.ndarray]:
        """The parameters of a process, if there are any, and what was measured of them (n, n_parameters)."""
        box = getattr(self.space, "process", self.space)
        return (box, self.coordinates[:, -len(box.names) :]) if isinstance(box, Box) else (None, self.coordinates)

    @property
    def mild(self) -> list[str]:
        """The other warnings: they stand in the column "warning" only."""
        found = [*self._said, *unvaried(self.space, self.coordinates)]
        names: dict[str, list[str]] = {}
        for one in self.properties:
            for text in one.warnings:
                names.setdefault(text, []).append(one.objective.name)
        several = len(self.properties) > 1
        found += [f"{', '.join(of)}: {text}" if several else text for text, of in names.items()]
        box, made = self._made
        return found + (box.not_whole(made) if box else [])

    @explained("campaign.subset([0, 1, 2])")
    def subset(
        self, rows: ArrayLike | slice, *, inputs: str | Callable | None = None, seed: int | None = None
    ) -> Campaign:
        """Return a campaign with the same settings on some of the measurements; inputs are chosen anew.

        Args:
            rows: Which measurements: bool (n,), or their numbers.
            inputs: As of `Campaign`; this campaign's own unless given.
            seed: Another seed.
        """
        other = self._with(row_numbers(rows, len(self.outcomes)))
        other.seed = self.seed if seed is None else seed
        require_whole(0, seed=other.seed)
        other.properties = tuple(
            one.anew(one.inputs if inputs is None else inputs, (other.seed, number))
            for number, one in enumerate(self.properties)
        )
        other._share_out()
        return other

    def _with(self, rows: np.ndarray) -> Campaign:
        """Return a copy with some of the measurements, whose properties are those of all."""
        other = copy(self)
        for name in ("points", "coordinates", "outcomes", "stds"):
            setattr(other, name, getattr(self, name)[rows])
        other.rows = [self.rows[row] for row in rows]
        return other

    @explained("campaign.only('hardness_HV')")
    def only(self, name: str) -> Campaign:
        """Return a campaign of one objective, with its model, on the rows in which it was measured.

        What was a target or a limit is maximised there. Raises ValueError for an unknown name.
        """
        names = [one.name for one in self.objectives]
        require_known("objective", name, names)
        number = names.index(name)
        one, other = copy(self.properties[number]), self._with(np.flatnonzero(~np.isnan(self.outcomes[:, number])))
        if isinstance(one.objective, Limit | Target):
            one.objective = Maximise(one.objective.outcome)
        other.properties, other.reference, other.merit = (one,), None, None
        other.acquisition = default_acquisition(other.objectives, None)
        other.outcomes, other.stds = other.outcomes[:, [number]], other.stds[:, [number]]
        return other

    # -- suggestions -----------------------------------------------------------------------------------------------

    @property
    def beliefs(self) -> Beliefs:
        """The models and what they say of the measured points, from which suggestions follow."""
        at = self.space.coordinates(self.points)
        return Beliefs.of(self.properties, self.outcomes, at, Goals.of(self.properties, self.reference, self.merit))

    @property
    def best(self) -> float:
        """What improvement of one aim counts from, as the model sees targets: see the settings."""
        return self.beliefs.best

    def acquire(self) -> Acquisition:
        """Return the acquisition function of the present state."""
        rng = np.random.default_rng([self.seed, 2, len(self.outcomes)])
        return self.beliefs.acquisition(self.acquisition, rng)

    @explained("campaign.ask(4)")
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
        open_rows = telling.still_waiting(self.space, self.waiting, self._measured())
        waiting = np.concatenate([telling.pending_of(self.space, pending), open_rows])
        rng = np.random.default_rng([self.seed, 1, len(self.outcomes), len(waiting)]) if rng is None else rng
        beliefs, exclude = self.beliefs, self._measured()
        for one in waiting:
            beliefs = beliefs.fantasised(one)
        exclude = np.concatenate([exclude, self.space.nearest(waiting)]) if len(waiting) else exclude
        left = self.space.size - len(np.unique(exclude, axis=0))
        if q > left:
            raise ValueError(
                f"Expected q of at most {left:.0f}, the points that are neither measured nor pending; got {q}. "
                + ("Ask for fewer." if left else "Nothing is left to try in this space.")
            )
        search = partial(maximise, space=self.space, method=self.maximiser, rng=rng, options=self.options)
        apart = self.space.spacing if min_distance is None else min_distance / 100
        near: dict[str, Any] = dict(exclude=exclude, waiting=waiting, apart=apart, cost=self.cost)
        return batch(beliefs, self.acquisition, self.space, search, q, rng=rng, **near)

    def _measured(self) -> np.ndarray:
        """The points that a measurement takes: it lies on them, or less than a step away."""
        return self.points[self.space.covers(self.points, self.coordinates)]

    @explained("campaign.suggest(q=4)")
    def suggest(
        self, q: int = 1, *, pending: pd.DataFrame | ArrayLike | None = None, min_distance: float | None = None
    ) -> pd.DataFrame:
        """Return the next experiments, one row each, numbered from 1; the campaign is left as it is.

        Args:
            q: How many.
            pending: Experiments under way or failed: a DataFrame with the space's columns, or points. They are not
                suggested again, and the suggestions reckon with their outcome. Rows without any outcome, of a table
                that was read, count among them by themselves.
            min_distance: Least distance of two suggestions in per cent: of the alloy (at.%) for compositions, else of
                the parameters' ranges; for both together, of the widest range of an element and of the parameters'.
                Unless given, a tenth of the widest range.

        Returns:
            The space's columns; predicted, std and std_measurement in the objective's unit (std: how well the model
            knows the value itself; std_measurement: one measurement of it, noise included), for each of several
            objectives with its name before them; with limits, feasible: the probability that all are kept; the
            acquisition value, of standardised utilities, each counting the rows above as measured; distance to the
            nearest measured point in per cent, and nearest_row, its row in the table it was read from; warning.
            Of the objectives [Maximise("yield_MPa"), Minimise("cost")] there are thus the columns "yield_MPa
            predicted", "yield_MPa std", "yield_MPa std_measurement", "cost predicted" and so on, and none is called
            "predicted" alone. A merit adds "merit predicted" and "merit std".

        What is serious among the warnings (too few alloys, many rows outside the limits, values that are all equal, a
        limit that no row keeps, parameters far outside theirs, most suggestions outside what was measured) is a
        `UserWarning` as well.

        Raises:
            ValueError: Nothing is measured, or fewer than q points are left.
        """
        picks = self.ask(q, pending=pending, min_distance=min_distance)
        return described(self, picks)
