"""What the oracle knows of ten elements, and in which alloys it may be asked.

Apparent volumes. The volume of an atom in an fcc alloy is not that of its own crystal: it is the one that, weighted by
fractions, gives the lattice parameter of the alloy (Vegard's law). The sources, by key:

    varvenne  Ni, Co, Cr, Fe, Mn: Varvenne, Luque and Curtin, Acta Mater. 118 (2016) 164, from the lattice parameters
              of their alloys
    caron     Al, Ti, Mo: from the slope k of the lattice parameter of nickel, a = 3.524 Å + Σ k c, of Caron,
              Superalloys 2000 (TMS), 737:  V = V_Ni + ¾ a_Ni² k
    crystal   Cu: an fcc metal, its own crystal (VA in `alloygrad.features.elements`)
    sohn      V: from the lattice parameter of equiatomic VCoNi, 3.601 Å, in Sohn et al., Adv. Mater. 31 (2019)
              1807142:  V = ¾ a³ − V_Co − V_Ni

Magnetic valence Z_m = 2 N_d↑ − Z: Z valence electrons, N_d↑ = 5 filled majority d states for Fe, Co, Ni, Cu and (in
small amounts) Mn, none for Al and the early transition metals. Source: Williams, Moruzzi, Malozemoff and Terakura, IEEE
Trans. Magn. 19 (1983) 1983; Malozemoff, Williams and Moruzzi, Phys. Rev. B 29 (1984) 1620.

Limits of the space, in at.%:

    solubility  Al, Ti, Mo, V, Cr: half of the largest solubility in nickel, which is 21, 13, 28, 43 and 50 (Massalski
                (ed.), Binary Alloy Phase Diagrams, 2nd ed., ASM 1990), since several solutes share the crystal
    invar       Fe: beyond 65 % fcc iron–nickel loses part of its moment, and the crystal (Crangle and Hallam, Proc. R.
                Soc. A 272 (1963) 119)
    moments     Mn: its moments oppose each other where there are many; Fe and Mn together keep the limit of Fe
    our choice  Ni: at least 30, because iron–nickel with less and most of Fe–Co are bcc at room temperature; Co: what
                this leaves; Cu: 10, because it hardly dissolves in iron and cobalt
    all         at least eight valence electrons per atom: fcc according to Guo et al., J. Appl. Phys. 109 (2011)
                103505

Shear and Young's moduli, relative atomic masses and valence electron counts are those of
`alloygrad.features.elements`, where each value has its source. No element has a price here: we found no dated table of
all ten that can be cited.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from alloygrad.features import elements as table
from alloygrad.spaces import CompositionSpace, Restricted

NICKEL_A = 3.524
"""Lattice parameter of nickel, Å, in Caron's formula."""

SLOPES_A = {"Co": 0.0196, "Cr": 0.110, "Mo": 0.478, "Al": 0.179, "Ti": 0.422}
"""Caron's slopes of the lattice parameter of nickel, Å per atomic fraction; those of Co and Cr are a check."""

VCONI_A = 3.601
"""Measured lattice parameter of equiatomic VCoNi, Å."""

LEAST_VEC = 8.0
"""Valence electrons per atom from which on alloys are fcc."""


@dataclass(frozen=True)
class Element:
    """An element in fcc alloys: apparent volume in Å³ and its source, magnetic valence, limits in at.% and why."""

    volume: float
    source: str
    magnetic_valence: int
    bounds: tuple[float, float]
    limit: str


def from_slope(slope: float) -> float:
    """Return the apparent volume, Å³, that follows from a slope of nickel's lattice parameter, Å per fraction."""
    return _NI + 0.75 * NICKEL_A**2 * slope


_NI, _CO = 10.94, 11.12

ELEMENTS = {
    "Ni": Element(_NI, "varvenne", 0, (30, 100), "our choice"),
    "Co": Element(_CO, "varvenne", 1, (0, 70), "our choice"),
    "Fe": Element(12.09, "varvenne", 2, (0, 65), "invar"),
    "Cr": Element(12.27, "varvenne", -6, (0, 25), "solubility"),
    "Mn": Element(12.60, "varvenne", 3, (0, 10), "moments"),
    "Cu": Element(11.81, "crystal", -1, (0, 10), "our choice"),
    "Al": Element(from_slope(SLOPES_A["Al"]), "caron", -3, (0, 10), "solubility"),
    "Ti": Element(from_slope(SLOPES_A["Ti"]), "caron", -4, (0, 6), "solubility"),
    "Mo": Element(from_slope(SLOPES_A["Mo"]), "caron", -6, (0, 14), "solubility"),
    "V": Element(0.75 * VCONI_A**3 - _CO - _NI, "sohn", -5, (0, 21), "solubility"),
}
"""The ten elements by symbol."""

SYMBOLS = tuple(ELEMENTS)


@cache
def space() -> Restricted:
    """Return the alloys in which the oracle may be asked, on a grid of 1 at.%."""
    bounds = {name: one.bounds for name, one in ELEMENTS.items()}
    alloys = CompositionSpace(bounds, step=1, groups=[(("Fe", "Mn"), *ELEMENTS["Fe"].bounds)])
    return Restricted(alloys, limits=[(dict(zip(SYMBOLS, properties()["VEC"].tolist(), strict=True)), LEAST_VEC, None)])


@cache
def properties() -> dict[str, np.ndarray]:
    """Return arrays (10,) in the order of `SYMBOLS`: volume, magnetic_valence, and G, E, RAM, VEC of the library."""
    names = ("G", "E", "RAM", "VEC")
    found = dict(zip(names, table.matrix(SYMBOLS, names).T, strict=True))
    own = {name: [getattr(one, name) for one in ELEMENTS.values()] for name in ("volume", "magnetic_valence")}
    return found | {name: np.array(values, dtype=float) for name, values in own.items()}
