"""The three alloys: the elements and properties of their networks, their limits, and their figures of merit.

An alloy is data: elements of the networks, the order in which elements join as N grows, bounds, group limits, the fixed
process, properties, and figures of merit.

The networks also predict properties that no alloy can have. Each alloy therefore has a second form of its default
figure of merit, "physical". It subtracts the distance to a physical answer, in units of the merit's own scales:

    SMA    max(0, Mp − Ap)/50 + max(0, −ΔH)/35
    Ti     max(0, σ_Y − σ_U)/1230.32
    HEA    max(0, σ_Y − σ_U)/3016.873 + max(0, −ε)/71.23679

In the merit itself a property is divided by three times its scale. So 1 MPa of yield strength beyond the ultimate
strength costs three times what it gains. The form is continuous, and equals the default merit wherever all limits
hold. At N = 4 its optimum satisfies them in every landscape (enumerated in `tests/…/environments/test_physical.py`).

Sources: Xian et al., Digital Discovery 2025, section 3; bounds of the supplement's Tables S6–S8.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from alloygrad.spaces.composition import CompositionSpace, Group

Properties = Mapping[str, np.ndarray]
Merit = Callable[[Properties], np.ndarray]


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
    shortfall: Merit | None = field(default=None, compare=False)  # of the properties to a physical answer

    def space(self, n_elements: int, step: float = 0.001) -> CompositionSpace:
        """Return the compositions of the first `n_elements` of `order`, with the limits of these and their groups."""
        if not 2 <= n_elements <= len(self.order):
            raise ValueError(f"{self.name} has 2 to {len(self.order)} elements; {n_elements} asked for.")
        chosen = self.order[:n_elements]
        present = ((tuple(e for e in group.elements if e in chosen), group) for group in self.groups)
        groups = tuple(Group(names, group.upper, group.lower) for names, group in present if names)
        lower, upper = zip(*(self.bounds[element] for element in chosen), strict=True)
        return CompositionSpace.from_fractions(chosen, lower, upper, step, groups)


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


def sma_shortfall(p: Properties) -> np.ndarray:
    """max(0, Mp − Ap)/50 + max(0, −ΔH)/35: peaks in °C, enthalpy in J/g; 0 where the answer is physical."""
    return _positive(p["martensite_peak"] - p["austenite_peak"]) / 50 + _positive(-p["enthalpy"]) / 35


def titanium_shortfall(p: Properties) -> np.ndarray:
    """max(0, σ_Y − σ_U)/1230.32, strengths in MPa; 0 where the answer is physical."""
    return _positive(p["yield_strength"] - p["ultimate_strength"]) / 1230.32


def hea_shortfall(p: Properties) -> np.ndarray:
    """max(0, σ_Y − σ_U)/3016.873 + max(0, −ε)/71.23679, strengths in MPa, elongation in %; 0 where physical."""
    strength = _positive(p["yield_strength"] - p["ultimate_strength"]) / 3016.873
    return strength + _positive(-p["elongation"]) / 71.23679


def physical(merit: Merit, shortfall: Merit) -> Merit:
    """Return merit − shortfall: what is missing to a physical answer is subtracted in full."""
    return lambda p: merit(p) - shortfall(p)


def _positive(values: np.ndarray) -> np.ndarray:
    """max(0, values), of arrays, tensors and columns of a table."""
    return values.clip(0)


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
    merits={
        "300 degC": sma_merit(300.0),
        "300 K": sma_merit(300.0 - 273.15),
        "physical": physical(sma_merit(300.0), sma_shortfall),
    },
    shortfall=sma_shortfall,
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
    merits={
        "paper": titanium_merit,
        "code": titanium_merit_of_code,
        "physical": physical(titanium_merit, titanium_shortfall),
    },
    shortfall=titanium_shortfall,
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
    merits={"paper": hea_merit, "physical": physical(hea_merit, hea_shortfall)},
    shortfall=hea_shortfall,
)

ALLOYS = {alloy.name: alloy for alloy in (SMA, TI, HEA)}
