"""Pools of alloys on a grid, whose targets are what the shipped networks predict: they need no download.

alloys_sma   all 4,080,501 alloys of Ti, Ni, Cu and Hf on the 0.1 at.% grid; the merit
alloys_ti    a coarser grid of six elements; both strengths, hardness and density
alloys_hea   a coarser grid of five elements, 240 material features; the merit
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from alloygrad import FeatureMap
from alloygrad.features import elements as elemental
from alloygrad.features.feature_map import all_features
from alloygrad.spaces.composition import CompositionSpace
from compendium.environments import trained
from compendium.environments.alloys import HEA, SMA, TI, Alloy

COVALENT_RADIUS_PM = {
    "Ti": 160, "Ni": 124, "Cu": 132, "Hf": 175, "Mo": 154, "V": 153, "Ta": 170, "Nb": 164, "Cr": 139,
}  # fmt: skip
"""Source: Cordero et al., Dalton Trans. 2008, 2832, doi 10.1039/b801115j."""

GRAMS_PER_CM3 = 1.66053907
"""One atomic mass unit per cubic ångström."""

Loaded = tuple[pd.DataFrame, pd.DataFrame]


def grid(space: CompositionSpace) -> np.ndarray:
    """Return the fractions (n, n_elements) of all compositions of a space."""
    return np.concatenate([space.fractions(counts) for counts in space.enumerate()])


def descriptors(fractions: np.ndarray, elements: Sequence[str]) -> pd.DataFrame:
    """Return mean and average deviation Σ c_i |p_i − p̄| of three elemental properties of fractions (n, n_elements)."""
    radii = np.array([COVALENT_RADIUS_PM[element] for element in elements], dtype=float)
    properties = np.column_stack([elemental.matrix(elements, ["XP", "VEC"]), radii])
    mean = fractions @ properties
    spread = np.zeros_like(mean)
    for c, p in zip(fractions.T, properties, strict=True):
        spread += c[:, None] * abs(p - mean)
    of = ("electronegativity", "valence electrons", "covalent radius")
    names = [f"{how} {name}" for how in ("mean", "deviation") for name in of]
    return pd.DataFrame(np.concatenate([mean, spread], axis=1), columns=names)


def outcomes(alloy: Alloy, space: CompositionSpace, fractions: np.ndarray) -> pd.DataFrame:
    """Return properties and merit (n,) that the networks predict."""
    environment = trained.load(alloy, space.elements)
    blocks = np.array_split(fractions, max(1, len(fractions) // 100_000))
    return pd.concat([pd.DataFrame(environment(block)) for block in blocks], ignore_index=True)


def _sma() -> Loaded:
    space = SMA.space(4)
    fractions = grid(space)
    features = pd.DataFrame(fractions, columns=space.elements)
    features = features.join(descriptors(fractions, space.elements))
    return features, outcomes(SMA, space, fractions)[["merit"]]


def _ti() -> Loaded:
    space = TI.space(6, step=0.02)
    fractions = grid(space)
    features = pd.DataFrame(fractions, columns=space.elements)
    features = features.join(descriptors(fractions, space.elements))
    found = outcomes(TI, space, fractions)[["yield_strength", "ultimate_strength", "hardness"]]
    mass, volume = (fractions @ elemental.matrix(space.elements, ["RAM", "VA"])).T
    return features, found.assign(density=GRAMS_PER_CM3 * mass / volume)


def _hea() -> Loaded:
    space = HEA.space(5, step=0.04)
    fractions = grid(space)
    features = FeatureMap(space.elements, tuple(all_features()))
    return pd.DataFrame(features(fractions).numpy(), columns=features.names), outcomes(HEA, space, fractions)[["merit"]]


LOADERS: dict[str, Callable[[], Loaded]] = {"alloys_sma": _sma, "alloys_ti": _ti, "alloys_hea": _hea}
"""How each pool of alloys is made."""
