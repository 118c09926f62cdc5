"""A campaign against an environment, from random compositions on: a pure function of its configuration and a seed.

Every random number comes from a generator named by the seed, its purpose and the experiment's number. So a trajectory
can stop after any experiment and go on from its recorded rows as if it had not, and two trajectories of one seed start
from the same compositions and the same features, whatever their inner loop is.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from alloygrad.acquisition.analytic import log_ei
from alloygrad.campaigns.campaign import Campaign, require_known, require_runnable
from alloygrad.checks import require_whole
from alloygrad.features.feature_map import Feature, FeatureMap, parse_feature
from alloygrad.features.formulas import FORMULAS
from alloygrad.features.selection import SELECTIONS
from alloygrad.spaces.composition import CompositionSpace, require_elements

INITIAL, SELECTION, INNER_LOOP = range(3)  # purposes of random numbers

SECONDS = ("fit_seconds", "maximise_seconds", "seconds", "cpu_seconds")
"""Columns of a trajectory that differ from run to run; all others are the same bit for bit."""


@dataclass(frozen=True)
class Settings:
    """How a campaign is run; a plain record.

    Raises ValueError for a name or an option that is not known, and for what `Campaign` refuses.
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

    def __post_init__(self):
        require_whole(1, n_features=self.n_features, n_initial=self.n_initial)
        require_whole(0, n_experiments=self.n_experiments)
        require_known("selection", self.selection, SELECTIONS)
        require_runnable(self.maximiser, self.acquisition, self.surrogate, self.options)
        names = self.formulas if isinstance(self.formulas, Sequence) and not isinstance(self.formulas, str) else ()
        if not names or any(name not in FORMULAS for name in names):
            raise ValueError(
                f"formulas are {self.formulas!r}; expected a tuple of names, as ('mean', 'mismatch'): known are "
                f"{list(FORMULAS)}."
            )


def trajectory(
    settings: Settings,
    space: CompositionSpace,
    environment: Callable,
    seed: int,
    *,
    done: Sequence[Mapping] = (),
    choose: Callable | None = None,
) -> Iterator[dict]:
    """Yield the rows of a trajectory that follow those in `done`, one experiment at a time, the initial ones as well.

    Rows of `done` are kept as they are: nothing in them is measured again, and their merits are the ones modelled.
    environment: fractions (..., n_elements) → {property: (...), "merit": (...)}, or the merit alone; merits that differ
    by about 1, see `Campaign`. choose: called as
    `choose_features` and in its place, by those who keep what it gave; not called where rows name their features.
    Row: seed, experiment (−n_initial … −1 random, then 0 …), counts per element, properties, merit, and for proposed
    ones the acquisition value, log EI, diagnosis, GP hyperparameters, seconds. NaN where a column does not apply.
    Raises ValueError where a property has the name of another column, and, before anything is measured, for an
    environment of other elements than the space's or of another order.
    """
    require_elements(space, environment=environment)
    require_runnable(settings.maximiser, settings.acquisition, settings.surrogate, settings.options, space)
    rows = list(done)
    if len(rows) < settings.n_initial:
        for row in initial_measurements(settings, space, environment, seed, begun=len(rows)):
            rows.append(row)
            yield row
    counts = np.array([[row[element] for element in space.elements] for row in rows], dtype=np.int64)
    merits = np.array([row["merit"] for row in rows])
    if "features" in rows[-1] and isinstance(rows[-1]["features"], str):
        features = rows[-1]["features"].split()
    else:
        initial = slice(settings.n_initial)
        features = (choose or choose_features)(settings, space, counts[initial], merits[initial], seed)
    features = FeatureMap(space.elements, [parse_feature(feature) for feature in features])
    campaign = Campaign(
        space,
        features,
        maximiser=settings.maximiser,
        acquisition=settings.acquisition,
        options=settings.options,
        surrogate=settings.surrogate,
    )
    campaign.tell(counts, merits)
    for experiment in range(len(rows) - settings.n_initial, settings.n_experiments):
        started, worked = time.perf_counter(), time.process_time()
        model = campaign.fit()
        fitted = time.perf_counter()
        suggestion = campaign.ask(generator(seed, INNER_LOOP, experiment))
        row = measured_row(environment, space, suggestion.counts.tolist(), seed, experiment)
        improvement = log_ei(model, campaign.targets.max())(suggestion.composition).item()
        campaign.tell(suggestion.counts, row["merit"])
        found = {
            "value": suggestion.value,
            "log_ei": improvement,
            "evaluations": suggestion.evaluations,
            "gradients": suggestion.gradients,
            "starts": suggestion.starts,
            "moved": suggestion.moved,
            "warning": suggestion.warning,
            "features": " ".join(features.names),
            **hyperparameters(model, len(features.names)),
            "fit_seconds": fitted - started,
            "maximise_seconds": suggestion.seconds,
            "seconds": time.perf_counter() - started,
            "cpu_seconds": time.process_time() - worked,
        }
        yield joined(row, found)


def hyperparameters(model: Callable, n_features: int) -> dict[str, float]:
    """Columns of a row: those of a GP, as many lengthscales as features; NaN for what a surrogate does not have."""
    lengthscales = [float(value) for value in getattr(model, "lengthscales", ())]
    lengthscales += [np.nan] * (n_features - len(lengthscales))
    others = {name: float(getattr(model, name, np.nan)) for name in ("outputscale", "mean", "log_posterior")}
    return {**{f"lengthscale_{i}": value for i, value in enumerate(lengthscales)}, **others}


def generator(seed: int, purpose: int, experiment: int = 0) -> np.random.Generator:
    """The generator of one purpose in one experiment of one trajectory."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, experiment)))


def initial_rows(settings: Settings, space: CompositionSpace, environment: Callable, seed: int) -> list[dict]:
    """`n_initial` distinct compositions, uniform over the grid, and their outcomes.

    The compositions depend on nothing but the space, their number and the seed. Errors as of `trajectory`.
    """
    return list(initial_measurements(settings, space, environment, seed))


def initial_measurements(
    settings: Settings, space: CompositionSpace, environment: Callable, seed: int, *, begun: int = 0
) -> Iterator[dict]:
    """`initial_rows` one by one, each as soon as it is measured, from row `begun` on; experiments −n_initial … −1."""
    require_elements(space, environment=environment)
    if space.size <= settings.n_initial:
        raise ValueError(
            f"The space has {space.size} compositions; more than n_initial = {settings.n_initial} are needed."
        )
    rng, distinct = generator(seed, INITIAL), {}
    while len(distinct) < settings.n_initial:
        distinct.update(dict.fromkeys(map(tuple, space.sample(settings.n_initial, rng).tolist())))
    numbered = enumerate(list(distinct)[: settings.n_initial], start=-settings.n_initial)
    for number, counts in list(numbered)[begun:]:
        yield measured_row(environment, space, counts, seed, number)


def measured_row(environment: Callable, space: CompositionSpace, counts: Sequence[int], seed: int, experiment: int):
    """The row of a measurement as far as any has it; an error of the environment's is told where it happened."""
    composition = space.fractions(counts)
    try:
        outcome = measure(environment, composition)
    except Exception as error:
        where = dict(zip(space.elements, composition.tolist(), strict=True))
        error.add_note(f"Measuring {where}, experiment {experiment}.")
        raise
    row = {"seed": seed, "experiment": experiment, **dict(zip(space.elements, counts, strict=True))}
    return joined(row, outcome)


def joined(row: dict, more: dict) -> dict:
    """Both as one row. Raises ValueError where one would replace a column of the other."""
    if both := sorted(row.keys() & more.keys()):
        raise ValueError(f"The environment gave {both}, which name other columns of a row; rename these properties.")
    return {**row, **more}


def choose_features(
    settings: Settings, space: CompositionSpace, counts: np.ndarray, merits: np.ndarray, seed: int
) -> Sequence[Feature]:
    """The features of a trajectory, from its initial data alone."""
    return SELECTIONS[settings.selection](
        space.elements,
        space.fractions(counts),
        merits,
        rng=generator(seed, SELECTION),
        formulas=settings.formulas,
        n_features=settings.n_features,
    ).features


def measure(environment: Callable, composition: np.ndarray) -> dict[str, float]:
    """One experiment: properties and merit as plain floats, each one number or an array that holds one.

    Raises ValueError for anything else, and where there is no finite merit.
    """
    outcome = environment(composition)
    outcome = outcome if isinstance(outcome, Mapping) else {"merit": outcome}
    if "merit" not in outcome:
        raise ValueError(
            f"The environment gave {sorted(outcome)}; it must give a number, or a mapping that holds 'merit'."
        )
    outcome = {name: _number(name, value) for name, value in outcome.items()}
    if not np.isfinite(outcome["merit"]):
        raise ValueError(f"The environment gave the merit {outcome['merit']}; only finite targets can be modelled.")
    return outcome


def _number(name: str, value) -> float:
    try:
        (number,) = np.asarray(value).ravel().tolist()
        return float(number)
    except (TypeError, ValueError):
        shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
        raise ValueError(
            f"The environment gave {name!r} as {' '.join(repr(value).split())[:80]}{shape}; expected one number per "
            "composition. Leave out properties that are none."
        ) from None


def best_so_far(rows: pd.DataFrame) -> pd.DataFrame:
    """Largest merit up to each experiment: index experiment (−1: the initial data, then 0 …), columns seeds."""
    merits = rows.pivot(index="experiment", columns="seed", values="merit").sort_index().cummax()
    return merits.loc[-1:]
