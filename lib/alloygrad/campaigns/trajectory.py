"""A campaign against an environment, from random points on: a pure function of its configuration and a seed.

Every random number comes from a generator named by the seed, its purpose and the experiment's number. So a trajectory
can stop after any experiment and go on from its recorded rows as if it had not, and two trajectories of one seed start
from the same points and the same features, whatever their inner loop is.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from alloygrad.acquisition.analytic import ACQUISITIONS, log_ei
from alloygrad.campaigns.campaign import Campaign
from alloygrad.campaigns.properties import SETTINGS
from alloygrad.checks import numbers, require_known, require_whole, shown
from alloygrad.features.feature_map import Feature, FeatureMap, parse_feature
from alloygrad.features.formulas import require_formulas
from alloygrad.features.selection import SELECTIONS
from alloygrad.maximisers import METHODS
from alloygrad.objectives import Maximise
from alloygrad.protocols import Environment, Space
from alloygrad.spaces.composition import require_elements
from alloygrad.spaces.points import no_points
from alloygrad.surrogates import SURROGATES

INITIAL, SELECTION, INNER_LOOP = range(3)  # purposes of random numbers

SECONDS = ("fit_seconds", "maximise_seconds", "seconds", "cpu_seconds")
"""Columns of a trajectory that differ from run to run; all others are the same bit for bit."""


@dataclass(frozen=True)
class Settings:
    """How the campaigns of trajectories are run.

    Raises:
        ValueError: A name or an option that is not known.
    """

    maximiser: str = "ascent"
    acquisition: str = "log_ei"
    formulas: tuple[str, ...] = ("mean",)
    n_features: int = 4
    selection: str = "genetic"
    n_initial: int = 40
    n_experiments: int = 60
    options: Mapping = field(default_factory=dict)  # of the maximiser
    surrogate: str = "gp"
    setting: str = "paper"

    def __post_init__(self) -> None:
        require_whole(1, n_features=self.n_features, n_initial=self.n_initial)
        require_whole(0, n_experiments=self.n_experiments)
        require_known("selection", self.selection, SELECTIONS)
        require_known("maximiser", self.maximiser, METHODS)
        require_known("acquisition", self.acquisition, ACQUISITIONS)
        require_known("surrogate", self.surrogate, SURROGATES)
        require_known("setting", self.setting, SETTINGS)
        METHODS[self.maximiser].build(self.options)
        require_formulas(self.formulas)


def trajectory(
    settings: Settings,
    space: Space,
    environment: Environment,
    seed: int,
    *,
    done: Sequence[Mapping] | pd.DataFrame = (),
    initial: pd.DataFrame | None = None,
    choose: Callable | None = None,
) -> Iterator[dict]:
    """Yield the rows of a trajectory that follow those in `done`, one experiment at a time, the initial ones as well.

    Own measurements to start from, in place of random ones, go by `initial`; a campaign on them alone, without an
    environment, is a `Campaign` that is told them.

    Args:
        settings: How the campaign is run.
        space: What may be tried.
        environment: Called with the coordinates (k,) of one point; returns its merit, or {"merit": …, outcome: …}.
        seed: Names all random numbers.
        done: Rows of this trajectory that exist already, as this function yields them; they are kept as they are.
        initial: Own measurements: the space's columns, and `merit`. They may lie outside the space's limits. Nothing is
            drawn at random then, and `n_initial` has no effect.
        choose: In place of `choose_features`, for those who keep what it returned.

    Returns:
        Rows with seed, experiment (−n_initial … −1 random, then 0 …), the point, outcomes, merit, and for proposed ones
        the acquisition value, log EI, diagnosis, hyperparameters of a Gaussian process, seconds. NaN where a column
        does not apply.

    Raises:
        ValueError: Before anything is measured: an environment of other elements than the space's, rows in `done` that
            are not of this trajectory, `initial` without a merit. Later: outcomes that are not numbers, or named like
            another column.
    """
    if not isinstance(settings, Settings):
        raise TypeError(f"Expected settings as `Settings(…)` makes them; got {settings!r}. Pass such an object.")
    require_whole(0, seed=seed)
    require_elements(space, environment)
    n_initial = settings.n_initial if initial is None else 0
    rows = _rows_of(space, done, -n_initial)
    own = None if initial is None else _own(space, initial)
    if len(rows) < n_initial:
        for row in initial_measurements(settings, space, environment, seed, begun=len(rows)):
            rows.append(row)
            yield row
    points = np.array([[row[key] for key in space.keys] for row in rows], dtype=no_points(space).dtype)
    points = points.reshape(-1, len(space.keys))
    merits = np.array([row["merit"] for row in rows])
    features = None
    if space.elements:
        if rows and isinstance(rows[-1].get("features"), str):
            names = rows[-1]["features"].split()
        elif own is not None:
            names = _chosen(settings, space, own[0], own[1], seed)
        else:
            names = (choose or choose_features)(settings, space, points[:n_initial], merits[:n_initial], seed)
        features = FeatureMap(space.elements, tuple(parse_feature(name) for name in names))
    campaign = Campaign(
        space,
        Maximise("merit"),
        inputs=features,
        surrogate=settings.surrogate,
        acquisition=settings.acquisition,
        maximiser=settings.maximiser,
        options=settings.options,
        setting=settings.setting,
        seed=seed,
    )
    if initial is not None:
        campaign.tell(initial)
    if rows:
        campaign.tell(points, merits)
    for experiment in range(len(rows) - n_initial, settings.n_experiments):
        started, worked = time.perf_counter(), time.process_time()
        model, best = campaign.model, campaign.best
        fitted = time.perf_counter()
        (suggestion,) = campaign.ask(rng=generator(seed, INNER_LOOP, experiment))
        row = measured_row(environment, space, suggestion.point, seed, experiment)
        improvement = log_ei(model, best)(space.coordinates(suggestion.point)).item()
        warning = " ".join(filter(None, [suggestion.warning, *campaign.warnings]))
        campaign.tell(suggestion.point, row["merit"])
        inputs: Any = campaign.features  # of these three kinds all have names
        names = inputs.names
        found = {
            "value": suggestion.value,
            "log_ei": improvement,
            "evaluations": suggestion.evaluations,
            "gradients": suggestion.gradients,
            "starts": suggestion.starts,
            "moved": suggestion.moved,
            "warning": warning,
            "features": " ".join(names),
            **hyperparameters(model.hyperparameters(), len(names)),
            "fit_seconds": fitted - started,
            "maximise_seconds": suggestion.seconds,
            "seconds": time.perf_counter() - started,
            "cpu_seconds": time.process_time() - worked,
        }
        yield joined(row, found)


def _rows_of(space: Space, done: Sequence[Mapping] | pd.DataFrame, first: int) -> list[dict]:
    """Return rows of a trajectory whose experiments are numbered from `first` on. Raises ValueError for others."""
    rows = done.to_dict("records") if isinstance(done, pd.DataFrame) else list(done)
    needed = {*space.keys, "merit", "experiment"}
    for number, row in enumerate(rows, start=first):
        if not isinstance(row, Mapping) or needed - row.keys() or row["experiment"] != number:
            got = f"row {number - first}, {shown(dict(row) if isinstance(row, Mapping) else row)}"
            raise ValueError(
                f"Expected rows in `done` as `trajectory` yields them, with {', '.join([*space.keys, 'merit'])} and "
                f"experiment {first}, {first + 1}, …; got {got}. Own measurements go by `initial`, in a DataFrame."
            )
    return rows


def _own(space: Space, initial: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates (n, k) and merits (n,) of own measurements. Raises ValueError for what is none."""
    if not isinstance(initial, pd.DataFrame) or "merit" not in initial or not len(initial):
        raise ValueError(
            f"Expected `initial` as a DataFrame with the columns {', '.join(space.names)} and merit, a row for each "
            f"measurement; got {shown(initial)}. Make it one with pd.DataFrame(…)."
        )
    return space.read(initial), numbers(initial["merit"], "merit")


def hyperparameters(known: Mapping[str, float], n_features: int) -> dict[str, float]:
    """Return columns of a row: those of a Gaussian process, a lengthscale per feature; NaN for what a model lacks."""
    names = [*(f"lengthscale_{i}" for i in range(n_features)), "outputscale", "mean", "log_posterior"]
    return {name: known.get(name, np.nan) for name in names}


def generator(seed: int, purpose: int, experiment: int = 0) -> np.random.Generator:
    """Return the generator of one purpose in one experiment of one trajectory."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, experiment)))


def initial_measurements(
    settings: Settings, space: Space, environment: Environment, seed: int, *, begun: int = 0
) -> Iterator[dict]:
    """Yield rows of `n_initial` distinct random points, each as soon as it is measured, from number `begun` on.

    The points depend on the space, their number and the seed alone. Experiments −n_initial … −1. Errors as of
    `trajectory`.
    """
    require_elements(space, environment)
    if space.size <= settings.n_initial:
        raise ValueError(
            f"Expected a space of more than n_initial = {settings.n_initial} points; it has {space.size:.0f}. "
            "Lower n_initial, or widen the space."
        )
    distinct: dict[tuple, None] = {}
    rng = generator(seed, INITIAL)
    while len(distinct) < settings.n_initial:
        distinct.update(dict.fromkeys(map(tuple, space.sample(settings.n_initial, rng).tolist())))
    numbered = enumerate(list(distinct)[: settings.n_initial], start=-settings.n_initial)
    for number, point in list(numbered)[begun:]:
        yield measured_row(environment, space, np.array(point), seed, number)


def measured_row(environment: Environment, space: Space, point: np.ndarray, seed: int, experiment: int) -> dict:
    """Measure one point; an error of the environment's gets a note that says where it happened."""
    coordinates = space.coordinates(point)
    try:
        outcome = measure(environment, coordinates)
    except Exception as error:
        where = dict(zip(space.names, coordinates.tolist(), strict=True))
        error.add_note(f"Measuring {where}, experiment {experiment}.")
        raise
    row = {"seed": seed, "experiment": experiment, **dict(zip(space.keys, np.asarray(point).tolist(), strict=True))}
    return joined(row, outcome)


def joined(row: dict, more: dict) -> dict:
    """Return both as one row. Raises ValueError where one would replace a column of the other."""
    if both := sorted(row.keys() & more.keys()):
        raise ValueError(f"Expected outcomes with names of their own; {both} are other columns of a row. Rename them.")
    return {**row, **more}


def choose_features(
    settings: Settings, space: Space, points: np.ndarray, merits: np.ndarray, seed: int
) -> Sequence[Feature]:
    """Return the features of a trajectory, chosen on its initial data alone."""
    return _chosen(settings, space, space.coordinates(points), merits, seed)


def _chosen(
    settings: Settings, space: Space, coordinates: np.ndarray, merits: np.ndarray, seed: int
) -> Sequence[Feature]:
    return SELECTIONS[settings.selection](
        space.elements,
        coordinates[:, : len(space.elements)],
        merits,
        rng=generator(seed, SELECTION),
        formulas=settings.formulas,
        n_features=settings.n_features,
    ).features


def measure(environment: Environment, coordinates: np.ndarray) -> dict[str, float]:
    """Return one experiment's outcomes and merit as plain floats, each one number or an array that holds one.

    Raises:
        ValueError: Anything else, or no finite merit.
    """
    outcome = environment(coordinates)
    outcome = outcome if isinstance(outcome, Mapping) else {"merit": outcome}
    if "merit" not in outcome:
        raise ValueError(
            f"Expected a number from the environment, or a mapping with 'merit'; got {sorted(outcome)}. Return "
            "the merit under this name."
        )
    outcome = {name: _number(name, value) for name, value in outcome.items()}
    if not np.isfinite(outcome["merit"]):
        raise ValueError(
            f"Expected a finite merit from the environment; got {outcome['merit']}. Return a number, or leave such "
            "points out of the space."
        )
    return outcome


def _number(name: str, value: Any) -> float:
    try:
        (number,) = np.asarray(value).ravel().tolist()
        return float(number)
    except (TypeError, ValueError):
        shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
        raise ValueError(
            f"Expected one number per point from the environment; {name!r} came as "
            f"{' '.join(repr(value).split())[:80]}{shape}. Leave out outcomes that are not numbers."
        ) from None


def best_so_far(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the largest merit up to each experiment: index experiment (−1: the initial data), columns seeds."""
    merits = rows.pivot(index="experiment", columns="seed", values="merit").sort_index().cummax()
    return merits.loc[-1:]
