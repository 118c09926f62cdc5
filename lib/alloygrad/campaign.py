"""A campaign: measure, model, ask for the next composition, measure it, tell.

    campaign = Campaign(space, features)
    campaign.tell(counts, merits)                # what is measured so far
    suggestion = campaign.ask(rng)               # fit, acquire, maximise
    campaign.tell(suggestion.counts, environment(suggestion.composition)["merit"])

`trajectory` runs one against an environment from 40 random compositions on. It is a pure function of (settings, space,
environment, seed): every random number comes from a generator named by the seed, its purpose and the experiment's
number, so a trajectory can stop after any experiment and go on from its recorded rows as if it had not, and two
trajectories of one seed start from the same compositions and the same features whatever their inner loop is.
"""

import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pandas as pd

from alloygrad import deep_kernel, forest, require_whole, surrogate
from alloygrad.acquisition import ACQUISITIONS, log_ei
from alloygrad.features import FORMULAS, Feature, FeatureMap, parse_feature
from alloygrad.maximisers import METHODS, Suggestion, follows_gradients, maximise
from alloygrad.maximisers.ascent import FEW
from alloygrad.selection import SELECTIONS
from alloygrad.space import CompositionSpace, require_elements
from alloygrad.surrogate import LARGEST

SURROGATES = {"gp": surrogate.fit, "forest": forest.fit, "deep_kernel": deep_kernel.fit}
"""What models the measurements: (features, compositions, targets) → a callable compositions → (mean, std)."""

WITHOUT_GRADIENT = ("forest",)
"""Surrogates that no gradient can be asked of."""

BEHAVIOUR = 2
"""Raised when a change anywhere on the line changes what a trajectory gives: recorded ones then no longer match."""

INITIAL, SELECTION, INNER_LOOP = range(3)  # purposes of random numbers

SECONDS = ("fit_seconds", "maximise_seconds", "seconds", "cpu_seconds")
"""Columns of a trajectory that differ from run to run; all others are the same bit for bit."""

SPREADS = (0.01, 100.0)
"""Targets whose range lies beyond are warned of: noise and priors of the GP are made for about 1."""


@dataclass(frozen=True)
class Settings:
    """How a campaign is run; every field enters the name of a recorded trajectory.

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
        _require_known("selection", self.selection, SELECTIONS)
        _require_runnable(self.maximiser, self.acquisition, self.surrogate, self.options)
        names = self.formulas if isinstance(self.formulas, Sequence) and not isinstance(self.formulas, str) else ()
        if not names or any(name not in FORMULAS for name in names):
            raise ValueError(
                f"formulas are {self.formulas!r}; expected a tuple of names, as ('mean', 'mismatch'): known are "
                f"{list(FORMULAS)}."
            )

    def describe(self) -> dict:
        """Plain values for a digest. The number of experiments is left out: a longer run continues a shorter one.

        So is the surrogate where it is the GP: trajectories were named, and recorded, before there was another.
        """
        values = {"behaviour": BEHAVIOUR, **asdict(self)}
        del values["n_experiments"]
        if self.surrogate == "gp":
            del values["surrogate"]
        return values


def _require_known(what: str, name: str, known: Mapping) -> None:
    """Raises ValueError where `name` is none of `known`."""
    if name not in list(known):
        raise ValueError(f"{what} is {name!r}; known are {sorted(known)}.")


def _require_runnable(
    maximiser: str,
    acquisition: str,
    surrogate: str,
    options: Mapping | None,
    space: CompositionSpace | None = None,
) -> None:
    """Raises ValueError for an unknown name or option, and as `_require_no_gradient`."""
    _require_known("maximiser", maximiser, METHODS)
    _require_known("acquisition", acquisition, ACQUISITIONS)
    _require_known("surrogate", surrogate, SURROGATES)
    if not isinstance(options, Mapping | None):
        raise ValueError(f"options are {options!r}; expected a mapping, as {{'starts_per_element': 4}}.")
    parameters = inspect.signature(METHODS[maximiser]).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in ("exclude", "rng")]
    unknown = [name for name in options or () if name not in known]
    if unknown and not any(p.kind is p.VAR_KEYWORD for p in parameters):
        raise ValueError(f"options name {unknown}; those of {maximiser!r} are {known}.")
    _require_no_gradient(maximiser, surrogate, options, space)


def _require_no_gradient(
    maximiser: str, surrogate: str, options: Mapping | None, space: CompositionSpace | None
) -> None:
    """Raises ValueError where the maximiser follows gradients, in the space if there is one or else in every space, and
    the surrogate has none."""
    screen = (options or {}).get("screen")
    if surrogate in WITHOUT_GRADIENT and follows_gradients(maximiser, space, screen=screen):
        raise ValueError(
            f"maximiser {maximiser!r} follows gradients here, and surrogate {surrogate!r} has none: take "
            f"'random_search', on small grids 'enumeration', up to {FEW} elements 'grid_search'."
        )


class Campaign:
    """The measured compositions of one space and the next suggestion; knows nothing of where targets come from.

    Targets are fitted as they are and should differ by about 1: megapascals are to be rescaled. `noisy.NoisyCampaign`
    does that itself. Raises ValueError for an unknown name or option, for a maximiser that follows gradients where the
    surrogate has none, and for features of other elements than the space's or of another order.
    """

    def __init__(
        self,
        space: CompositionSpace,
        features: FeatureMap,
        *,
        maximiser: str = "ascent",
        acquisition: str = "log_ei",
        options: Mapping | None = None,
        surrogate: str = "gp",
    ):
        _require_runnable(maximiser, acquisition, surrogate, options, space)
        require_elements(space, features=features)
        self.space, self.features = space, features
        self.maximiser, self.acquisition, self.options = maximiser, acquisition, dict(options or {})
        self.counts = np.empty((0, len(space.elements)), dtype=np.int64)
        self.targets = np.empty(0)
        self.fit_surrogate = SURROGATES[surrogate]
        self.surrogate: Callable | None = None

    def tell(self, counts: np.ndarray, targets: np.ndarray) -> None:
        """Add measured compositions: counts (m, n_elements) with finite targets (m,), or one of each; larger is better.

        Raises ValueError for a target that is not finite and a composition outside the space; nothing is added then.
        """
        counts = np.atleast_2d(counts)
        targets = np.atleast_1d(np.asarray(targets, dtype=float))
        if counts.ndim != 2 or targets.shape != counts.shape[:1]:
            raise ValueError(
                f"Counts of shape {counts.shape} came with targets of shape {targets.shape}; "
                f"expected (m, {len(self.space.elements)}) and (m,)."
            )
        if not (sound := np.abs(targets) <= LARGEST).all():  # false for NaN too
            bad = int(np.flatnonzero(~sound)[0])
            where = dict(zip(self.space.elements, self.space.fractions(counts[bad]).tolist(), strict=True))
            raise ValueError(
                f"The target at {where} is {targets[bad]}; only finite ones, {LARGEST:.0e} at most, can be modelled. "
                "Leave it out, repeat it, or rescale all targets."
            )
        if not (inside := self.space.contains(counts)).all():
            bad = counts[np.flatnonzero(~inside)[0]] / self.space.total
            raise ValueError(
                f"{dict(zip(self.space.elements, bad.tolist(), strict=True))} is not in the space: "
                f"{'; '.join(self.space.violations(bad))}. Leave it out, or widen the limits."
            )
        self.counts = np.concatenate([self.counts, counts], dtype=np.int64)
        self.targets = np.concatenate([self.targets, targets])
        self.surrogate = None

    def fit(self) -> Callable:
        """The surrogate of all that is measured; fitted once per state. Raises ValueError where nothing is."""
        self.require_measured()
        if self.surrogate is None:
            self.surrogate = self.fit_surrogate(self.features, self.space.fractions(self.counts), self.targets)
        return self.surrogate

    def ask(self, rng: np.random.Generator | None = None) -> Suggestion:
        """The next composition; the campaign is left as it is until `tell`. Enumeration needs no rng.

        Raises ValueError where nothing has been told yet. What is to be said against the fit joins the warning.
        """
        model = self.fit()
        acquire = ACQUISITIONS[self.acquisition](model, self.targets.max())
        found = maximise(acquire, self.space, self.maximiser, exclude=self.counts, rng=rng, **self.options)
        return replace(found, warning=" ".join(filter(None, [found.warning, self.doubts()])))

    def require_measured(self) -> None:
        """Raises ValueError where nothing has been told yet."""
        if not len(self.targets):
            raise ValueError("Nothing is measured yet; `tell` the campaign some compositions and their targets first.")

    def doubts(self) -> str:
        """What is to be said against the fit, or "": as `_of_fit`, and of targets that its priors do not expect."""
        said, spread = self._of_fit(), np.ptp(self.targets)
        if getattr(self.surrogate, "diagnosis", "") and spread and not SPREADS[0] <= spread <= SPREADS[1]:
            said.append(f"Targets differ by {spread:.3g}; the fit expects about 1: rescale them.")
        return " ".join(said)

    def _of_fit(self) -> list[str]:
        """A search that did not converge, a kernel singular in floats."""
        model = self.fit()
        diagnosis = getattr(model, "diagnosis", "")
        doubtful = getattr(model, "jitter", 0.0) or diagnosis.startswith("stopped")
        return [f"GP fit {diagnosis}."] if doubtful else []


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
    _require_no_gradient(settings.maximiser, settings.surrogate, settings.options, space)
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
