"""Measured friction stresses and magnetic moments of fcc alloys, against which the oracle is held.

A friction stress is the yield strength without grain boundaries, at room temperature. Where a work gives the
Hall–Petch line σ₀ + k/√d, it is σ₀. Where a work gives a yield strength at one grain size d, σ₀ = σ_y − k/√d with k of
CoCrFeMnNi, 494 MPa √µm (Otto et al., Acta Mater. 61 (2013) 5743).

The table has all fcc alloys of the ten elements of which we could trace a number; it was fixed before the strengths
were computed. Yield strengths of Wu et al. are quoted as compiled by Borg et al., Sci. Data 7 (2020) 430. Alloys rich
in manganese lie outside the space of the oracle, but its limit on Mn is one of magnetism, not of strength.

Measurements of one alloy scatter. CoCrNi yields at 300 MPa with grains of 41 µm (Wu et al.), which leaves 223 MPa. Its
single crystals slip at 78 MPa (Abuzaid and Patriarca, Intermetallics 117 (2020) 106682), times Taylor's factor 239 MPa.
Between CoCrFeNi (173 MPa) and the same with a tenth of aluminium (83 MPa) lie two laboratories.

The criterion, written before the strengths were computed: within 25 % for at least three quarters of the alloys.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from compendium.physics import oracle

HALL_PETCH = 494.0
"""k of CoCrFeMnNi, MPa √µm."""

WITHIN, LEAST = 0.25, 0.75
"""The criterion: largest relative deviation, and the share of alloys that must keep it."""


@dataclass(frozen=True)
class Measured:
    """An alloy, amounts of its elements, a measured value and its source."""

    alloy: str
    amounts: Mapping[str, float]
    value: float
    source: str


def _equal(*names: str) -> dict[str, float]:
    return dict.fromkeys(names, 1.0)


def _wu(alloy: str, names: str, yield_MPa: float, grain_um: float) -> Measured:
    stress = yield_MPa - HALL_PETCH / np.sqrt(grain_um)
    return Measured(alloy, _equal(*names.split()), stress, f"Wu 2014: {yield_MPa:g} MPa at {grain_um:g} µm")


STRENGTHS = (
    Measured("CoCrFeMnNi", _equal("Co", "Cr", "Fe", "Mn", "Ni"), 125, "Otto 2013: Hall–Petch"),
    Measured("CoCrNi", _equal("Co", "Cr", "Ni"), 218, "Yoshida 2017: Hall–Petch"),
    Measured("VCoNi", _equal("V", "Co", "Ni"), 383, "Sohn 2019: Hall–Petch"),
    Measured("Al0.1CoCrFeNi", {**_equal("Co", "Cr", "Fe", "Ni"), "Al": 0.1}, 83, "Yang 2019: Hall–Petch"),
    Measured("Al0.3CoCrFeNi", {**_equal("Co", "Cr", "Fe", "Ni"), "Al": 0.3}, 95, "Gwalani 2017: Hall–Petch"),
    _wu("CoCrFeNi", "Co Cr Fe Ni", 274, 24),
    _wu("CoFeNi", "Co Fe Ni", 211, 28),
    _wu("CoCrMnNi", "Co Cr Mn Ni", 282, 36),
    _wu("CoFeMnNi", "Co Fe Mn Ni", 170, 48),
    _wu("CoMnNi", "Co Mn Ni", 231, 32),
    _wu("FeMnNi", "Fe Mn Ni", 221, 30),
)
"""Friction stresses, MPa: Otto et al., Acta Mater. 61 (2013) 5743; Yoshida et al., Mater. Sci. Eng. A 690 (2017) 122;
Sohn et al., Adv. Mater. 31 (2019) 1807142; Yang et al., J. Alloys Compd. 795 (2019) 269; Gwalani et al., Mater. Des.
121 (2017) 254; Wu et al., Acta Mater. 81 (2014) 428."""

MOMENTS = (
    Measured("Ni", {"Ni": 1}, 0.616, "pure"),
    Measured("Co", {"Co": 1}, 1.72, "pure, hcp"),
    Measured("Fe", {"Fe": 1}, 2.22, "pure, bcc: outside the space"),
)
"""Moments at 0 K, μ_B per atom: Kittel, Introduction to Solid State Physics, 8th ed. (2005), chapter 12."""


def strengths() -> pd.DataFrame:
    """Return one row per alloy: measured and computed friction stress, MPa, relative deviation, within, source."""
    computed = oracle.strength(_fractions(STRENGTHS))
    found = pd.DataFrame({"alloy": [one.alloy for one in STRENGTHS], "measured_MPa": [one.value for one in STRENGTHS]})
    found["computed_MPa"] = computed
    found["deviation"] = computed / found["measured_MPa"] - 1
    found["within"] = found["deviation"].abs() <= WITHIN
    return found.assign(source=[one.source for one in STRENGTHS])


def moments() -> pd.DataFrame:
    """Return one row per metal: measured and computed moment at 0 K, μ_B per atom, and a note."""
    columns = {"measured": [one.value for one in MOMENTS], "computed": oracle.moment(_fractions(MOMENTS))}
    return pd.DataFrame({"metal": [one.alloy for one in MOMENTS], **columns, "note": [one.source for one in MOMENTS]})


def _fractions(rows: tuple[Measured, ...]) -> np.ndarray:
    return np.array([oracle.fractions_of(**one.amounts) for one in rows])
