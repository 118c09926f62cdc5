"""All equimolar alloys of five out of thirty metals, and an oracle that answers for them in closed form.

The oracle is not physics: it is a function of elemental properties that is as uneven as a property of alloys may be,
and known everywhere. With means ⟨·⟩ over the elements of an alloy, shear moduli G (GPa), volumes V, valence electrons
n, Miedema's chemical potentials φ and electron densities w,

    y = ⟨G⟩ (1 + 4 δ) (1 − 0.3 tanh(2 (⟨n⟩ − 7.5))) + 60 (⟨(φ − ⟨φ⟩)²⟩ − 9.4 ⟨(w − ⟨w⟩)²⟩),   δ² = ⟨(V/⟨V⟩ − 1)²⟩.

The four parts stand for stiffness, hardening by misfit, a change of crystal structure at 7.5 valence electrons, and
attraction between unlike atoms; 9.4 is Miedema's ratio of the two terms (de Boer et al., Cohesion in Metals, 1988), all
other coefficients are ours.

A surrogate sees mean and standard deviation of eight elemental properties. Tables: `alloygrad.features.elements`.
"""

from functools import cache
from itertools import combinations

import numpy as np

from alloygrad.features import elements as table

METALS = tuple("Mg Al Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Y Zr Nb Mo Ru Rh Pd Ag In Sn Hf Ta W Re Ir Pt Au".split())
SIZE = 5
"""Elements of an alloy."""

PROPERTIES = ("VA", "G", "VEC", "XP", "CPM", "NWS", "MT", "CE")


@cache
def alloys() -> np.ndarray:
    """Return which metals each alloy has: bool (142506, 30)."""
    rows = np.array(list(combinations(range(len(METALS)), SIZE)))
    found = np.zeros((len(rows), len(METALS)), dtype=bool)
    np.put_along_axis(found, rows, True, axis=1)
    return found


def shares(present: np.ndarray) -> np.ndarray:
    """Return equal fractions (n, 30) of the metals that are present, bool (n, 30); of all where none is."""
    present = np.where(present.any(1, keepdims=True), present, True)
    return present / present.sum(1, keepdims=True)


def oracle(fractions: np.ndarray) -> np.ndarray:
    """Return y, GPa (n,), of fractions (n, 30)."""
    p = _properties()
    means = {name: fractions @ values for name, values in p.items()}
    spread = {name: fractions @ values**2 - means[name] ** 2 for name, values in p.items()}
    misfit = np.sqrt(spread["VA"]) / means["VA"]
    crystal = 1 - 0.3 * np.tanh(2 * (means["VEC"] - 7.5))
    return means["G"] * (1 + 4 * misfit) * crystal + 60 * (spread["CPM"] - 9.4 * spread["NWS"])


def features(fractions: np.ndarray) -> np.ndarray:
    """Return mean and standard deviation of the properties (n, 16) of fractions (n, 30)."""
    values = np.stack(list(_properties().values()), axis=1)  # (30, 8)
    mean = fractions @ values
    return np.concatenate([mean, np.sqrt(np.maximum(fractions @ values**2 - mean**2, 0))], axis=1)


@cache
def _properties() -> dict[str, np.ndarray]:
    return dict(zip(PROPERTIES, table.matrix(METALS, PROPERTIES).T, strict=True))


class Choices:
    """How an alloy is built: one metal after the other (`dqn.Builder`); points are bool (n, 30)."""

    turns, actions, scale = SIZE, len(METALS), 1.0

    def begin(self, n: int) -> np.ndarray:
        """No metal is present."""
        return np.zeros((n, len(METALS)), dtype=bool)

    def allowed(self, points: np.ndarray, turn: int) -> np.ndarray:
        """A metal that is not present."""
        return ~points

    def taken(self, points: np.ndarray, turn: int, action: np.ndarray) -> np.ndarray:
        """The action is the metal."""
        points = points.copy()
        points[np.arange(len(points)), action] = True
        return points

    def filled(self, points: np.ndarray, turn: int) -> np.ndarray:
        """Equal fractions of what is present."""
        return shares(points)
