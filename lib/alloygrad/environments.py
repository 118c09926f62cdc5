"""Simulated experiments: trained networks that answer for the laboratory, and what is declared to make one.

An alloy is data: the elements its networks know, the order in which elements join as N grows, bounds, group limits,
the process held fixed, the properties and their figure of merit. `Environment` turns that and the trained weights
into a callable

    environment(compositions (..., n_elements)) → {property: (...), "merit": (...)}

which is all a campaign asks for: any callable with this signature is an environment.
Sources: Xian et al., Digital Discovery 2025, section 3; bounds of the supplement's Tables S6–S8.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from alloygrad import DATA, networks, store
from alloygrad.space import CompositionSpace, Group, require_elements

Properties = Mapping[str, np.ndarray]
Merit = Callable[[Properties], np.ndarray]
FOLDER = DATA / "environments"


@dataclass(frozen=True)
class Alloy:
    """Declaration of an alloy class; fractions everywhere, `process` in the units of the dataset's columns."""

    name: str
    inputs: tuple[str, ...]  # element rows of the networks
    order: tuple[str, ...]  # how elements join as N grows
    bounds: Mapping[str, tuple[float, float]]
    groups: tuple[Group, ...]
    properties: Mapping[str, str]  # property → name of the dataset that holds it
    process: Mapping[str, float]
    merits: Mapping[str, Merit] = field(compare=False)  # the first is the default

    def space(self, n_elements: int, step: float = 0.001) -> CompositionSpace:
        """Compositions of the first `n_elements` of `order`; a group limit applies to those of its elements present."""
        if not 2 <= n_elements <= len(self.order):
            raise ValueError(f"{self.name} has 2 to {len(self.order)} elements; {n_elements} asked for.")
        chosen = self.order[:n_elements]
        present = ((tuple(e for e in group.elements if e in chosen), group) for group in self.groups)
        groups = tuple(Group(names, group.upper, group.lower) for names, group in present if names)
        lower, upper = zip(*(self.bounds[element] for element in chosen), strict=True)
        return CompositionSpace(chosen, lower, upper, step, groups)


def sma_merit(target_temperature: float = 300.0) -> Merit:
    """(ΔH/35 + (50 − |Ap − Mp|)/50 + (50 − |T − (Mp + Ap)/2|)/50)/3: enthalpy in J/g, peaks and T in °C."""

    def merit(p: Properties) -> np.ndarray:
        hysteresis = abs(p["austenite_peak"] - p["martensite_peak"])
        working = abs(target_temperature - (p["martensite_peak"] + p["austenite_peak"]) / 2)
        return (p["enthalpy"] / 35 + (50 - hysteresis) / 50 + (50 - working) / 50) / 3

    return merit


def titanium_merit(p: Properties) -> np.ndarray:
    """The paper's text: (σ_Y/1230.32 + σ_U/2824.26 + HV/540.83)/3, strengths in MPa."""
    return (p["yield_strength"] / 1230.32 + p["ultimate_strength"] / 2824.26 + p["hardness"] / 540.83) / 3


def titanium_merit_of_code(p: Properties) -> np.ndarray:
    """The published code's: ½(σ_U − σ_Y)/(2824.26 − 1230.32) + ½ HV/540.83; it penalises yield strength."""
    return 0.5 * (p["ultimate_strength"] - p["yield_strength"]) / (2824.26 - 1230.32) + 0.5 * p["hardness"] / 540.83


def hea_merit(p: Properties) -> np.ndarray:
    """(σ_Y/3016.873 + σ_U/3088.03 + ε/71.23679)/3, strengths in MPa, elongation in %."""
    return (p["yield_strength"] / 3016.873 + p["ultimate_strength"] / 3088.03 + p["elongation"] / 71.23679) / 3


SMA = Alloy(
    name="SMA",
    inputs=("Ti", "Ni", "Cu", "Hf", "Co", "Zr", "Fe", "Pd", "Ta", "Nb", "V"),
    order=("Ti", "Ni", "Cu", "Hf", "Co", "Zr", "Fe", "Pd", "Ta", "Nb", "V"),
    bounds={
        "Ti": (0.20, 0.55),
        "Ni": (0.20, 0.55),
        "Cu": (0, 0.20),
        "Hf": (0, 0.20),
        "Co": (0, 0.10),
        "Zr": (0, 0.20),
        "Fe": (0, 0.10),
        "Pd": (0, 0.33),
        "Ta": (0, 0.05),
        "Nb": (0, 0.20),
        "V": (0, 0.10),
    },
    # The paper limits Ti + Hf and Ni + Cu; here the limits follow the two lattice sites as further elements join.
    groups=(Group(("Ti", "Hf", "Zr", "Ta", "Nb", "V"), 0.55), Group(("Ni", "Cu", "Co", "Fe", "Pd"), 0.55)),
    properties={"enthalpy": "SMA", "martensite_peak": "SMA", "austenite_peak": "SMA"},
    process={"cold_rolling": 0.0, "annealing_temperature": 1273.0, "annealing_time": 1.0},
    merits={"300 degC": sma_merit(300.0), "300 K": sma_merit(300.0 - 273.15)},
)

TI = Alloy(
    name="Ti",
    inputs=("Ti", "Al", "Zr", "Mo", "V", "Ta", "Nb", "Cr", "Mn", "Fe", "Sn"),
    order=("Ti", "Mo", "V", "Ta", "Nb", "Cr", "Mn", "Fe", "Sn", "Al", "Zr"),
    bounds={
        "Ti": (0.60, 0.80),
        "Mo": (0, 0.20),
        "V": (0, 0.15),
        "Ta": (0, 0.20),
        "Nb": (0, 0.20),
        "Cr": (0, 0.10),
        "Mn": (0, 0.10),
        "Fe": (0, 0.10),
        "Sn": (0, 0.10),
        "Al": (0, 0.10),
        "Zr": (0, 0.20),
    },
    groups=(),
    properties={"yield_strength": "Ti_yield", "ultimate_strength": "Ti_ultimate", "hardness": "Ti_hardness"},
    process={
        "hold_temperature": 1000.0,
        "hold_time": 1.0,
        "deformation": 0.0,
        "hold_temperature_1": 0.0,
        "hold_time_1": 0.0,
        "deformation_1": 0.0,
        "hold_temperature_2": 0.0,
        "hold_time_2": 0.0,
    },
    merits={"paper": titanium_merit, "code": titanium_merit_of_code},
)

HEA = Alloy(
    name="HEA",
    inputs=("C", "Al", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Mo"),
    order=("V", "Cr", "Mn", "Fe", "Ni", "Cu", "Mo", "Co", "Al", "C"),
    bounds={
        "V": (0, 0.33),
        "Cr": (0, 0.40),
        "Mn": (0, 0.50),
        "Fe": (0, 0.60),
        "Ni": (0, 0.60),
        "Cu": (0, 0.36),
        "Mo": (0, 0.10),
        "Co": (0, 0.50),
        "Al": (0, 0.16),
        "C": (0, 0.06),
    },
    groups=(),
    properties={"yield_strength": "HEA", "ultimate_strength": "HEA", "elongation": "HEA"},
    process={
        "homogenisation_temperature": 1173.0,
        "cold_rolling": 50.0,
        "annealing_temperature": 973.0,
        "annealing_time": 1.0,
    },
    merits={"paper": hea_merit},
)

ALLOYS = {alloy.name: alloy for alloy in (SMA, TI, HEA)}


class Environment:
    """compositions (..., n_elements) in the order of `elements` → each property (...) and "merit" (...), float64.

    Elements are placed by name among the networks' inputs, absent ones are zero, and the process is the held one.
    `models` as `networks.load` gives them. A million compositions take seconds: they are evaluated in blocks that
    stay in cache. Raises ValueError for compositions that are not fractions with a sum of 1.
    """

    def __init__(
        self,
        alloy: Alloy,
        elements: tuple[str, ...],
        models: Mapping[str, networks.ResidualNetwork],
        merit: str | None = None,
    ):
        if unknown := [element for element in elements if element not in alloy.inputs]:
            raise ValueError(f"The {alloy.name} networks do not know {unknown}; they know {list(alloy.inputs)}.")
        if len(set(elements)) < len(elements):
            raise ValueError(f"An element is named twice in {list(elements)}.")
        merit = merit or next(iter(alloy.merits))
        if merit not in alloy.merits:
            raise ValueError(f"{alloy.name} has the figures of merit {list(alloy.merits)}; {merit!r} asked for.")
        self.alloy, self.elements, self.merit_name = alloy, tuple(elements), merit
        self.merit = alloy.merits[merit]
        slots = [alloy.inputs.index(element) for element in elements]
        process = torch.tensor(list(alloy.process.values()), dtype=torch.float64)
        self._models = {name: model.restrict(slots, process) for name, model in models.items()}

    def __call__(self, compositions: np.ndarray) -> dict[str, np.ndarray]:
        compositions = torch.tensor(np.asarray(compositions, dtype=float))
        if compositions.shape[-1:] != (len(self.elements),):
            shape, names = tuple(compositions.shape), list(self.elements)
            raise ValueError(f"Compositions have shape {shape}; expected (..., {len(names)}), columns {names}.")
        fine = ((compositions.sum(-1) - 1).abs() <= 1e-6) & (compositions >= -1e-9).all(-1)  # false for NaN
        if not fine.all():
            wrong = compositions[~fine][0].tolist()
            raise ValueError(f"{wrong} is no composition: fractions (not per cent) from 0 on with a sum of 1.")
        out = {name: values.numpy() for name, values in self._properties(compositions).items()}
        return {**out, "merit": self.merit(out)}

    def value(self, compositions: Tensor) -> Tensor:
        """The merit alone, (..., n_elements) → (...), differentiable and unchecked: what a maximiser can climb."""
        return self.merit(self._properties(compositions))

    def _properties(self, compositions: Tensor) -> dict[str, Tensor]:
        blocks = compositions.reshape(-1, len(self.elements)).split(4096)
        return {
            name: torch.cat([model(block) for block in blocks]).reshape(compositions.shape[:-1])
            for name, model in self._models.items()
        }


def load(
    alloy: Alloy, elements: tuple[str, ...], *, merit: str | None = None, folder: Path | None = None
) -> Environment:
    """The environment of the shipped weights, or of another trained `folder`, each file checked against the card.

    Raises FileNotFoundError where nothing was trained; ValueError for a file that is not the card's, or a card that is
    not this alloy's.
    """
    folder = Path(folder or FOLDER / alloy.name)
    if not (folder / "card.json").exists():
        raise FileNotFoundError(
            f"{folder} holds no trained networks (no card.json). Restore them from the repository, or train them: "
            "see CONTRIBUTING.md, add an alloy."
        )
    card, models = _read(folder, store.file_digest(folder / "card.json"))
    for what in ("inputs", "process", "properties"):
        if (trained := list(card[what])) != (declared := list(getattr(alloy, what))):
            raise ValueError(
                f"{what} of {folder} are {trained}; {alloy.name} declares {declared}. Retrain or mend the declaration."
            )
    return Environment(alloy, elements, {name: models[name] for name in alloy.properties}, merit)


@cache
def _read(folder: Path, card_digest: str) -> tuple[dict, dict[str, networks.ResidualNetwork]]:
    """Read once; a folder trained anew has another card, and is read again."""
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    models = {}
    for name, entry in card["properties"].items():
        path = folder / f"{name}.safetensors"
        if (found := store.file_digest(path)) != entry["weights_sha256"]:
            raise ValueError(
                f"{path} has sha256 {found}; its card says {entry['weights_sha256']}. Restore or retrain it."
            )
        models[name] = networks.load(path)
    return card, models


def digest(folder: Path) -> str:
    """Digest of what the networks trained in `folder` compute: how they were trained, and their weights."""
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    weights = {name: entry["weights_sha256"] for name, entry in card["properties"].items()}
    return store.digest({"training": card["digest"], "weights": weights})


def random_alloys(alloy: Alloy, n_elements: int, count: int = 5000, *, folder: Path | None = None) -> pd.DataFrame:
    """Properties and merit of `count` random compositions of the alloy's first `n_elements`, always the same ones."""
    space = alloy.space(n_elements)
    counts = space.sample(count, np.random.default_rng(n_elements))
    return pd.DataFrame(load(alloy, space.elements, folder=folder)(space.fractions(counts)))


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best composition of a space: counts (n_elements,) in steps, its merit, and how many were compared.

    exact: all were; otherwise it is the best that is known.
    """

    counts: np.ndarray
    merit: float
    compared: int
    exact: bool = True


def true_optimum(environment: Callable, space: CompositionSpace, *, progress: bool = True) -> Optimum:
    """Exhaustive maximum of an environment's merit over the whole grid of `space`; the first wins a tie.

    environment: fractions (rows, n_elements) → {"merit": (rows,)} or the merits alone. Raises ValueError at a merit
    that is not finite, which no comparison could rank, and for an environment of other elements than the space's.
    """
    require_elements(space, environment=environment)
    best, merit = None, -np.inf
    with tqdm(total=space.size, unit="compositions", unit_scale=True, disable=not progress, desc="true optimum") as bar:
        for counts in space.enumerate():
            outcome = environment(space.fractions(counts))
            merits = outcome["merit"] if isinstance(outcome, Mapping) else outcome
            if not np.isfinite(merits).all():
                bad = int(np.flatnonzero(~np.isfinite(merits))[0])
                where = dict(zip(space.elements, space.fractions(counts[bad]).tolist(), strict=True))
                raise ValueError(f"The merit at {where} is {merits[bad]}; mend the environment there or leave it out.")
            top = int(np.argmax(merits))
            if merits[top] > merit:
                best, merit = counts[top], float(merits[top])
            bar.update(len(counts))
    return Optimum(best, merit, space.size)
