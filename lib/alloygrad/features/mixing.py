"""The enthalpy of mixing of an alloy, by which high-entropy alloys and glasses are screened.

    ΔH_mix = 4 Σ_{i<j} ΔH_ij c_i c_j        kJ/mol

ΔH_ij is the enthalpy of mixing of the equimolar liquid of two elements by Miedema's model (`mixing_enthalpies.csv`). It
is a quantity to limit, as `Restricted(alloys, limits=[(mixing_enthalpy(alloys.elements), -15, 5)])` does, and no
feature of a model: it has no elemental property.

Source: Takeuchi and Inoue, Mater. Trans. 46, 2817 (2005), doi 10.2320/matertrans.46.2817.
"""

from collections.abc import Sequence
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from alloygrad.checks import distinct_names, numbers

TABLE = Path(__file__).with_name("mixing_enthalpies.csv")
"""Path of the table of pairs."""

NAME = "mixing_enthalpy"
"""What it is called in requests and in tables."""


class MixingEnthalpy:
    """ΔH_mix of fractions (..., n_elements) of given elements, in kJ/mol; made by `mixing_enthalpy`."""

    names = (NAME,)

    def __init__(self, elements: tuple[str, ...], pairs: np.ndarray) -> None:
        self.elements, self.pairs = elements, pairs  # (n_elements, n_elements): ΔH_ij, 0 on the diagonal

    def __repr__(self) -> str:
        """Return the call that makes it."""
        return f"mixing_enthalpy({list(self.elements)})"

    def __call__(self, fractions: ArrayLike) -> np.ndarray:
        """Return ΔH_mix (...) of fractions (..., n_elements)."""
        c = numbers(fractions, "fractions")
        return 2 * ((c @ self.pairs) * c).sum(-1)


def mixing_enthalpy(elements: Sequence[str]) -> MixingEnthalpy:
    """Return ΔH_mix as a function of atomic fractions of these elements.

    Raises:
        ValueError: A pair of elements that is not tabulated.

    Example:
        >>> of = mixing_enthalpy(["Co", "Cr", "Fe", "Ni"])
        >>> of([0.25, 0.25, 0.25, 0.25]).item()
        -3.75
    """
    elements = distinct_names(elements, "element symbols")
    known = _pairs()
    if missing := [pair for pair in combinations(elements, 2) if frozenset(pair) not in known]:
        raise ValueError(
            f"Expected elements whose pairs have a tabulated enthalpy of mixing; got {'–'.join(missing[0])}, which has "
            "none. Leave the limit on it out, or one of the two elements."
        )
    pairs = [[known.get(frozenset((a, b)), 0.0) if a != b else 0.0 for b in elements] for a in elements]
    return MixingEnthalpy(tuple(elements), np.array(pairs))


@cache
def _pairs() -> dict[frozenset, float]:
    table = pd.read_csv(TABLE, comment="#", keep_default_na=False)  # the symbol of sodium is no missing value
    return {frozenset((a, b)): float(value) for a, b, value in table.itertuples(index=False)}
