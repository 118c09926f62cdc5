"""Landscapes with three objectives: the alloys of the first paper, what is wanted of them, and their exact fronts.

The networks extrapolate: some alloys come out with a yield strength above the ultimate one, or a negative elongation.
No alloy may gain a place on the front by such an answer, so each property counts up to what is physical:

    SMA   enthalpy max(0, ΔH);      hysteresis |Ap − Mp|, twice that where Mp > Ap
    HEA   yield min(σ_Y, σ_U);      elongation max(0, ε)
    Ti    yield min(σ_Y, σ_U)

Hypervolumes are shares of the front's. Utilities are scaled so that the front spans 0 … 1 in each objective; the
reference point lies below by `NEAR` or by `FAR`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from alloygrad.objectives import Maximise, Minimise, Target, hypervolume, true_front
from alloygrad.protocols import Objective
from alloygrad.spaces.composition import CompositionSpace
from compendium import store
from compendium.environments import trained
from compendium.environments.alloys import ALLOYS
from compendium.running import description

Properties = Mapping[str, np.ndarray]

NEAR, FAR = 0.1, 1.0
"""How far below the front's worst the two reference points lie, in ranges of the front."""

WORKING_C = 300.0
"""The working temperature to hit, °C, as in the published figure of merit."""


@dataclass(frozen=True)
class Landscape:
    """An alloy's grid, its objectives, and their outcomes as the trained networks give them."""

    name: str
    alloy: str
    n_elements: int
    step: float  # of fractions
    objectives: tuple[Objective, ...]
    outcomes: Callable[[Properties], dict[str, np.ndarray]]

    def space(self) -> CompositionSpace:
        """Return the grid that is searched."""
        return ALLOYS[self.alloy].space(self.n_elements, self.step)

    def measure(self, fractions: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outcomes of the objectives and the published figure of merit, made physical, as "merit"."""
        found = _environment(self)(fractions)
        return {**self.outcomes(found), "merit": found["merit"]}

    def utilities(self, outcomes: Properties) -> np.ndarray:
        """Return utilities (n, 3) of outcomes (n,), scaled so that the true front spans 0 … 1."""
        low, width = _span(self)
        return (_raw(self, outcomes) - low) / width

    def share(self, outcomes: Properties, below: float = NEAR) -> float:
        """Return the hypervolume of outcomes (n,), as a share of the true front's."""
        return self.share_of(self.utilities(outcomes), below)

    def share_of(self, utilities: np.ndarray, below: float = NEAR) -> float:
        """Return the hypervolume of scaled utilities (n, 3), as a share of the true front's."""
        return hypervolume(utilities, np.full(3, -below)) / _whole(self, below)

    def describe(self) -> dict:
        """Return plain values that fix the landscape, for a digest."""
        return {
            **description.of_space(self.space()),
            "environment": trained.digest(trained.FOLDER / self.alloy),
            "process": dict(ALLOYS[self.alloy].process),
            "objectives": [repr(one) for one in self.objectives],
            "behaviour": BEHAVIOUR,
        }

    def front(self) -> pd.DataFrame:
        """Return the true front: whole steps of each element and the value of each objective."""
        return _front(self)

    def kept_front(self) -> pd.DataFrame:
        """Return the counts of the true front and the code version: kept, or enumerated now and kept."""
        for folder in (store.working(), *([store.RESULTS] if store.is_default() else [])):
            if (table := store.read_parquet(folder / "fronts" / front_file(self))) is not None:
                return table
        counts = true_front(self.measure, self.space(), self.objectives)[list(self.space().elements)]
        table = counts.astype(np.int16).assign(code=store.code_version())
        store.write_parquet(store.working() / "fronts" / front_file(self), table, small=True)
        return table


BEHAVIOUR = 1
"""Raised when the outcomes of a composition change."""


def _positive(values: np.ndarray) -> np.ndarray:
    return np.maximum(values, 0)


def _shape_memory(p: Properties) -> dict[str, np.ndarray]:
    austenite, martensite = p["austenite_peak"], p["martensite_peak"]
    return {
        "enthalpy": _positive(p["enthalpy"]),
        "hysteresis": abs(austenite - martensite) + _positive(martensite - austenite),
        "working_temperature": (austenite + martensite) / 2,
    }


def _strong_yield(p: Properties) -> np.ndarray:
    return np.minimum(p["yield_strength"], p["ultimate_strength"])


def _titanium(p: Properties) -> dict[str, np.ndarray]:
    return {"yield_strength": _strong_yield(p), "ultimate_strength": p["ultimate_strength"], "hardness": p["hardness"]}


def _high_entropy(p: Properties) -> dict[str, np.ndarray]:
    return {
        "yield_strength": _strong_yield(p),
        "ultimate_strength": p["ultimate_strength"],
        "elongation": _positive(p["elongation"]),
    }


SMA = (Maximise("enthalpy"), Minimise("hysteresis"), Target("working_temperature", WORKING_C))
HEA = (Maximise("yield_strength"), Maximise("ultimate_strength"), Maximise("elongation"))
TI = (Maximise("yield_strength"), Maximise("ultimate_strength"), Maximise("hardness"))

LANDSCAPES = {
    one.name: one
    for one in (
        Landscape("sma_n4", "SMA", 4, 0.005, SMA, _shape_memory),
        Landscape("hea_n5", "HEA", 5, 0.02, HEA, _high_entropy),
        Landscape("ti_n5", "Ti", 5, 0.01, TI, _titanium),
    )
}
"""The landscapes of the study, by name."""


@cache
def _environment(one: Landscape) -> trained.Environment:
    return trained.load(ALLOYS[one.alloy], one.space().elements, merit="physical")


def _raw(one: Landscape, outcomes: Properties) -> np.ndarray:
    return np.column_stack([aim.utility(aim.value(outcomes)) for aim in one.objectives])


def front_file(one: Landscape) -> str:
    """Return the file, below `fronts` in store and records, that keeps the front of a landscape."""
    return f"{one.name}-{store.digest(one.describe())}.parquet"


@cache
def _front(one: Landscape) -> pd.DataFrame:
    space, counts = one.space(), one.kept_front()[list(one.space().elements)].to_numpy(dtype=np.int64)
    outcomes = one.measure(space.fractions(counts))
    values = {aim.name: aim.value(outcomes) for aim in one.objectives}
    return pd.DataFrame(counts, columns=space.elements).assign(**values)


@cache
def _span(one: Landscape) -> tuple[np.ndarray, np.ndarray]:
    raw = _raw(one, one.front())
    return raw.min(0), np.ptp(raw, axis=0)


@cache
def _whole(one: Landscape, below: float) -> float:
    return hypervolume(one.utilities(one.front()), np.full(3, -below))
