"""The 30 elemental properties from which composition features are computed.

In `elements.csv`, next to this file, every value has its unit, the package field it was read from and the work that the
field cites. 26 of the 30 are the properties of Xian et al., *Digital Discovery* 2025, doi 10.1039/d5dd00080g, under the
same symbols. Four of their properties have no independent open source. Related ones, with other symbols, replace them
(`Property.replaces`):

    AEN atomic-environment number      → MN   Mendeleev number, Villars' predictor of atomic environments
    WF  work function                  → XM   Mulliken electronegativity, its counterpart in the free atom
    DVE distance of valence electrons  → NWS  Miedema's n_ws^(1/3), an inverse electron spacing
    DCE distance of core electrons     → RPS  Zunger's pseudopotential radius r_s + r_p, a core size

Properties of the crystal (VA, D, G, E, MC) are those of diamond for carbon, properties of heating (MT, TB, EV, EM, EA,
CE) those of graphite. Its TB is the sublimation point, its MT the triple point at 10 MPa, its EV the heat of
sublimation. The published table combines the volume of graphite with the moduli of diamond.

The table has 78 elements, first the 17 of the published alloys. A value is missing (NaN) if no source has it or every
source contradicts physics; the head of the file lists the rejected values and the reasons. 50 elements have all 30
properties. H, N, O, F, P, S, Cl, As, Se, Br, Te and I have properties of their atoms only, since the elements are made
of molecules, chains or layers; CPM and NWS are those of hypothetical metals, where Miedema gives them. XA is missing
for Tl, Th, U, La and the lanthanides except Lu; also missing are R of Eu and Yb, CNE of La, Ce and Nd, and C, XMB and
CNE of Th and U. `available` lists the properties that a set of elements shares. Lanthanides are in group 3 with three
valence electrons, because their 4f electrons do not bond.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from alloygrad.checks import UnknownName, distinct_names, nearest, shown
from alloygrad.symbols import CHEMICAL_SYMBOLS

TABLE = Path(__file__).with_name("elements.csv")
"""Path of the table."""


@dataclass(frozen=True)
class Property:
    """An elemental property; `replaces` is the published symbol it replaces, if any."""

    symbol: str
    name: str
    unit: str
    replaces: str = ""
    note: str = ""


PROPERTIES = (
    Property("AN", "atomic number", "1"),
    Property("QN", "period", "1"),
    Property("C", "group", "1", note="equals VEC for every transition metal"),
    Property("RAM", "relative atomic mass", "g/mol"),
    Property("VA", "atomic volume in the crystal", "Å^3"),
    Property("R", "metallic radius, coordination 12", "pm"),
    Property("MN", "Mendeleev number (Villars)", "1", replaces="AEN"),
    Property("VEC", "valence electron count", "1"),
    Property("XMB", "electronegativity, Martynov–Batsanov", "1", note="0.39 √(mean ionisation energy / eV)"),
    Property("XP", "electronegativity, Pauling", "1"),
    Property("XA", "electronegativity, Allen configuration energy", "eV"),
    Property("G", "shear modulus", "GPa"),
    Property("E", "Young's modulus", "GPa", note="9KG/(3K+G) or 2G(1+ν) where none was measured"),
    Property("FIE", "first ionisation energy", "eV"),
    Property("SIE", "second ionisation energy", "eV"),
    Property("TIE", "third ionisation energy", "eV"),
    Property("CPM", "Miedema chemical potential φ*", "V"),
    Property("XM", "electronegativity, Mulliken", "eV", replaces="WF"),
    Property("NCE", "effective nuclear charge, Slater", "1", note="highest orbital of the outermost shell"),
    Property("CNE", "effective nuclear charge, Clementi", "1", note="highest orbital of the outermost shell"),
    Property("MT", "melting point", "K"),
    Property("TB", "boiling point", "K"),
    Property("EV", "enthalpy of vaporisation", "kJ/mol"),
    Property("EM", "enthalpy of melting", "kJ/mol"),
    Property("EA", "enthalpy of atomisation at 298 K", "kJ/mol"),
    Property("CE", "cohesive energy at 0 K", "eV", note="EA in other units, to a few per cent"),
    Property("MC", "bulk modulus", "GPa"),
    Property("NWS", "Miedema electron density n_ws^(1/3)", "d.u.^(1/3)", replaces="DVE"),
    Property("RPS", "Zunger pseudopotential radius r_s + r_p", "bohr", replaces="DCE"),
    Property("D", "density", "g/cm^3"),
)
SYMBOLS = tuple(p.symbol for p in PROPERTIES)

PRIMORDIAL = tuple(s for z, s in enumerate(CHEMICAL_SYMBOLS, 1) if z in (90, 92) or (z <= 83 and z not in (43, 61)))
"""Symbols of the elements with isotopes as old as the Earth: those that an alloy may contain."""


def load() -> pd.DataFrame:
    """Load the table: elements × the 30 properties, float64, in the units of `PROPERTIES`; a missing value is NaN."""
    return _table().copy()


@lru_cache
def _table() -> pd.DataFrame:
    rows = pd.read_csv(TABLE, comment="#", dtype={"value": np.float64})
    table = rows.pivot(index="element", columns="symbol", values="value")
    return table.loc[rows["element"].unique(), list(SYMBOLS)].rename_axis(columns=None)


def matrix(
    elements: Sequence[str], symbols: Sequence[str] | None = None, table: pd.DataFrame | None = None
) -> np.ndarray:
    """Look up properties by name: (n_elements, n_properties), float64, in the order of the names.

    Args:
        elements: rows of the table.
        symbols: columns of the table; None for all.
        table: elements × property symbols; None for the table of this module.

    Raises:
        ValueError: for an unknown element or property (an `UnknownName`, which is a KeyError too), or a missing value.
    """
    table = load() if table is None else table
    symbols = list(table.columns) if symbols is None else list(symbols)
    _check_elements(elements, table)
    for symbol in symbols:
        if symbol not in table.columns:
            raise UnknownName(
                f"Expected symbols of properties; got {symbol!r}.{_meant(symbol, table.columns)} Known are "
                f"{' '.join(map(str, table.columns))}; `alloygrad.features.elements.PROPERTIES` says what each is."
            )
    cells = table.loc[list(elements), symbols]
    try:
        values = cells.to_numpy(dtype=np.float64)
    except ValueError:
        i, j = np.argwhere((cells.apply(pd.to_numeric, errors="coerce").isna() & cells.notna()).to_numpy())[0]
        raise ValueError(
            f"Expected numbers in the table; got {shown(cells.iloc[i, j])} for {symbols[j]} of {elements[i]}. Write it "
            "as a number with a decimal point."
        ) from None
    if missing := [f"{symbols[j]} of {elements[i]}" for i, j in np.argwhere(np.isnan(values))]:
        raise ValueError(
            f"Expected a value of every property; got no value for {', '.join(missing)}. Leave the property or the "
            "element out (`available(elements)` lists the shared properties), or pass a table that has the value."
        )
    return values


def _meant(symbol: object, known: Sequence[str]) -> str:
    """Return " Is … meant?" with the properties whose symbol or name is like `symbol`; "" if none is."""
    wanted = str(symbol).lower()
    like = [p for p in PROPERTIES if p.symbol in known and wanted in p.name.lower()]
    listed = " or ".join(f"{p.symbol!r} ({p.name}, {p.unit})" for p in like)
    return nearest(symbol, known) or (f" Is {listed} meant?" if listed and len(wanted) > 1 else "")


def available(elements: Sequence[str], table: pd.DataFrame | None = None) -> tuple[str, ...]:
    """List the properties for which all `elements` have a value, in the order of the table (None: that of this module).

    Raises ValueError for an unknown element (an `UnknownName`, which is a KeyError too).
    """
    table = load() if table is None else table
    _check_elements(elements, table)
    return tuple(table.columns[table.loc[list(elements)].notna().all()])


def to_atomic(weights: np.ndarray, symbols: Sequence[str]) -> np.ndarray:
    """Return atomic fractions (..., n_elements) of shares by weight (..., n_elements), in any unit."""
    moles = np.asarray(weights) / matrix(symbols, ["RAM"])[:, 0]
    return moles / moles.sum(-1, keepdims=True)


def to_weight(fractions: np.ndarray, symbols: Sequence[str]) -> np.ndarray:
    """Return fractions by weight (..., n_elements) of atomic fractions (..., n_elements)."""
    masses = np.asarray(fractions) * matrix(symbols, ["RAM"])[:, 0]
    return masses / masses.sum(-1, keepdims=True)


def _check_elements(elements: Sequence[str], table: pd.DataFrame) -> None:
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"Expected the table as a DataFrame, elements × properties; got {table!r}. Pass None, or one.")
    for name in distinct_names(elements, "element symbols"):
        if name not in table.index:
            lacking = f"Of {name} no properties are known here." if name in CHEMICAL_SYMBOLS else ""
            near = [symbol for symbol in table.index if len(str(symbol)) >= min(len(name), 2)]  # not N for Nl
            alike = [symbol for symbol in near if str(symbol)[:1] == name[0].upper()]
            hint = nearest(name, near) or nearest(alike[0] if alike else "", alike)
            raise UnknownName(
                f"Expected elements with known properties; got {name!r}. "
                + (lacking or f"{name!r} is no element symbol.{hint}")
                + " Correct the symbol, pass a table that has this element, or choose the inputs 'fractions', which "
                f"need no properties. Known are {' '.join(map(str, table.index))}."
            )
