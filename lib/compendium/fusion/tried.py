"""What else was tried for more merit per experiment among ten elements, where the merit itself is modelled.

    features anew       four features, chosen again every five experiments on all measurements
    eight features      eight in place of four
    averaged            a Gaussian process on features and one on fractions, averaged by what they foresee
    in turns            the one and the other, experiment by experiment
    changed when stuck  the one until its best log EI falls below `STUCK`, then the other, and so on
    trust region        fractions, within a window about the best alloy: it doubles after three gains in a row, and
                        halves after five experiments without one
    … compressed        low merits compressed as the ensemble does

All in the setting "safe", with the search of `merit.SEARCH`. They were run on the landscapes and seeds that are kept
for tuning alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch

from alloygrad import CompositionSpace, log_ei, maximise
from alloygrad.campaigns.inputs import with_fractions
from alloygrad.campaigns.trajectory import (
    INNER_LOOP,
    SELECTION,
    Settings,
    generator,
    initial_measurements,
    measured_row,
)
from alloygrad.features.feature_map import FeatureMap, raw_fractions
from alloygrad.features.selection import genetic
from alloygrad.protocols import Environment, Model
from alloygrad.surrogates import GaussianProcess
from alloygrad.surrogates.averaged import Averaged
from alloygrad.surrogates.ensemble import compress
from alloygrad.surrogates.gp import standardisation

ANEW = 5
"""Features are chosen again after so many experiments."""

STUCK = -4.0
"""Below this largest log EI, of standardised merits, a model is changed."""

WIDTH, NARROWEST, WIDEST, GAINS, LOSSES = 0.1, 0.01, 0.4, 3, 5
"""Half the window of the trust region at first, at least and at most, in fractions; gains in a row that double it, and
losses that halve it."""


@dataclass
class State:
    """A campaign between two experiments."""

    space: CompositionSpace
    seed: int
    points: np.ndarray  # (n, n_elements), whole steps
    merits: np.ndarray  # (n,)
    begun: int  # how many of them are random
    turn: int = 0  # how often it was stuck
    width: float = WIDTH
    runs: tuple[int, int] = (0, 0)  # gains and losses in a row
    chosen: dict = field(default_factory=dict)  # features by (number, when)

    @property
    def experiment(self) -> int:
        """Number of the experiment to come."""
        return len(self.merits) - self.begun

    def features(self, number: int = 4, anew: bool = False) -> FeatureMap:
        """Return features chosen on the random alloys, or on all every `ANEW` experiments."""
        when = self.experiment // ANEW if anew else 0
        if (number, when) not in self.chosen:
            n = len(self.merits) if anew else self.begun
            found = genetic(
                self.space.elements,
                self.space.fractions(self.points[:n]),
                self.merits[:n],
                rng=generator(self.seed, SELECTION, when),
                n_features=number,
            )
            self.chosen[number, when] = FeatureMap(self.space.elements, found.features)
        return self.chosen[number, when]

    @property
    def fractions(self) -> FeatureMap:
        """The raw fractions."""
        return raw_fractions(self.space.elements, self.space.step / 2)

    def targets(self, compressed: bool) -> np.ndarray:
        """Return standardised merits (n,)."""
        values = torch.from_numpy(self.merits)
        y = (compress(values)(values) if compressed else values).numpy()
        centre, spread = standardisation(y)
        return (y - centre) / spread

    def window(self) -> CompositionSpace:
        """Return the part of the space about the best alloy."""
        best = self.space.fractions(self.points[self.merits.argmax()])
        near = (np.maximum(self.space.lower, best - self.width), np.minimum(self.space.upper, best + self.width))
        lower, upper = (np.rint(part / self.space.step) * self.space.step for part in near)
        return CompositionSpace.from_fractions(
            self.space.elements, lower.tolist(), upper.tolist(), self.space.step, self.space.groups
        )

    def learn(self, point: np.ndarray, merit: float, value: float) -> None:
        """Take in an experiment and what was expected of it."""
        gained = merit > self.merits.max()
        self.runs = (self.runs[0] + 1, 0) if gained else (0, self.runs[1] + 1)
        if self.runs[0] == GAINS:
            self.width, self.runs = min(WIDEST, 2 * self.width), (0, 0)
        if self.runs[1] == LOSSES:
            self.width, self.runs = max(NARROWEST, self.width / 2), (0, 0)
        self.turn += value < STUCK
        self.points, self.merits = np.vstack([self.points, point]), np.append(self.merits, merit)


Fit = Callable[[State, np.ndarray], Model]
"""State, targets (n,) → a model of them."""


def on(inputs: Callable[[State], FeatureMap]) -> Fit:
    """Return the fit of a Gaussian process on some inputs."""
    return lambda state, y: GaussianProcess(inputs(state)).fit(state.space.fractions(state.points), y)


def _averaged(state: State, y: np.ndarray) -> Model:
    both = [GaussianProcess(one) for one in (state.features(), state.fractions)]
    return Averaged(both).fit(state.space.fractions(state.points), y)


FEATURES, FRACTIONS = on(lambda state: state.features()), on(lambda state: state.fractions)
BOTH = on(lambda state: with_fractions(state.features(), state.space.step / 2))


def _in_turns(state: State, y: np.ndarray) -> Model:
    return (FEATURES, FRACTIONS)[state.experiment % 2](state, y)


def _when_stuck(state: State, y: np.ndarray) -> Model:
    return (FEATURES, FRACTIONS)[state.turn % 2](state, y)


MODELS: dict[str, tuple[Fit, bool, bool]] = {
    "features anew": (on(lambda state: state.features(anew=True)), False, False),
    "eight features": (on(lambda state: state.features(8)), False, False),
    "averaged": (_averaged, False, False),
    "in turns": (_in_turns, False, False),
    "changed when stuck": (_when_stuck, False, False),
    "trust region": (FRACTIONS, False, True),
    "features, compressed": (FEATURES, True, False),
    "fractions, compressed": (FRACTIONS, True, False),
    "both, compressed": (BOTH, True, False),
    "eight features, compressed": (on(lambda state: state.features(8)), True, False),
    "in turns, compressed": (_in_turns, True, False),
}
"""By name: the fit, whether low merits are compressed, whether the search keeps to a window."""


def campaign(
    name: str, settings: Settings, space: CompositionSpace, environment: Environment, seed: int
) -> Iterator[dict]:
    """Yield the rows of a campaign, as `trajectory` does."""
    fit, compressed, windowed = MODELS[name]
    rows = list(initial_measurements(settings, space, environment, seed))
    yield from rows
    points = np.array([[row[key] for key in space.keys] for row in rows])
    state = State(space, seed, points, np.array([row["merit"] for row in rows]), len(rows))
    for experiment in range(settings.n_experiments):
        model = fit(state, state.targets(compressed))
        with torch.no_grad():
            best = model.posterior(space.fractions(state.points))[0].max().item()
        where = state.window() if windowed else space
        within = state.points[where.contains(state.points)]
        rng = generator(seed, INNER_LOOP, experiment)
        pick = maximise(log_ei(model, best), where, "ascent", exclude=within, rng=rng, options=settings.options)
        row = measured_row(environment, space, pick.point, seed, experiment)
        state.learn(pick.point, row["merit"], pick.value)
        yield row | {"log_ei": pick.value}
