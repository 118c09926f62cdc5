"""The 30 elemental properties every composition feature is made of.

Each value of `elements.csv`, next to this file, carries its unit, the package field it was read from and the work
that field cites; `data/build_elements.py` rebuilds the file. 26 of the 30 are the properties of Xian et al., *Digital
Discovery* 2025, doi 10.1039/d5dd00080g, under their symbols. Four of theirs have no independent open source
and give way to a related property with a symbol of its own (`Property.replaces`):

    AEN atomic-environment number      → MN   Mendeleev number, Villars' predictor of atomic environments
    WF  work function                  → XM   Mulliken electronegativity, its counterpart in the free atom
    DVE distance of valence electrons  → NWS  Miedema's n_ws^(1/3), an inverse electron spacing
    DCE distance of core electrons     → RPS  Zunger's pseudopotential radius r_s + r_p, a core size

Carbon is diamond where the crystal decides (VA, D, G, E, MC) and graphite where it is heated (MT, TB, EV, EM,
EA, CE): its TB is the sublimation point, its MT the triple point at 10 MPa, its EV the heat of sublimation.
The published table mixes the volume of graphite with the moduli of diamond.

The table has 66 metals and alloying elements, the 17 of the published alloys first. A value that no source gives,
or none that agrees with physics, is missing (NaN), never invented; the head of the file says what was rejected and
why. 50 elements have all 30 properties. The rest lack at least XA: La and the lanthanides but Lu, Tl, Th, U; Eu and
Yb lack R too, La, Ce and Nd CNE, Th and U their C, XMB and CNE. ``available`` says what a set of elements shares:
``features.all_features(symbols=available(["Ti", "Gd"]))``.

Lanthanides stand in group 3 with three valence electrons: their 4f electrons do not bond.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

TABLE = Path(__file__).with_name("elements.csv")
"""The project's own table."""


@dataclass(frozen=True)
class Property:
    """One elemental property: `replaces` holds the published symbol it stands in for, or ""."""

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

CHEMICAL_SYMBOLS = tuple(
    """
    H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
    Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe
    Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn
    Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
    """.split()
)
"""All of them, with properties here or without, in the order of atomic numbers from 1 on (IUPAC)."""

PRIMORDIAL = tuple(s for z, s in enumerate(CHEMICAL_SYMBOLS, 1) if z in (90, 92) or (z <= 83 and z not in (43, 61)))
"""Those with isotopes as old as the Earth: what a table of alloys may hold."""


def load(path: Path | str = TABLE) -> pd.DataFrame:
    """Elements × the 30 properties, float64, index `element`, in the units of `PROPERTIES`; missing is NaN.

    Raises ValueError for an unknown or absent property, a unit other than declared, or a value given twice.
    """
    return _wide(Path(path)).copy()


def matrix(
    elements: Sequence[str], symbols: Sequence[str] | None = None, table: pd.DataFrame | None = None
) -> np.ndarray:
    """Property matrix (n_elements, n_properties), float64, rows and columns in the order named.

    `symbols` defaults to all columns of `table`, and `table` to the project's own.
    Raises KeyError for an unknown element or property, ValueError for a missing value.
    """
    table = load() if table is None else table
    symbols = list(table.columns) if symbols is None else list(symbols)
    _check_elements(elements, table)
    for symbol in symbols:
        if symbol not in table.columns:
            raise KeyError(f"property {symbol!r} is not in the table, which has {' '.join(table.columns)}")
    values = table.loc[list(elements), symbols].to_numpy(dtype=np.float64)
    if missing := [f"{symbols[j]} of {elements[i]}" for i, j in np.argwhere(np.isnan(values))]:
        raise ValueError(
            f"no value for {', '.join(missing)}: choose `symbols` without it (available(elements) lists the rest), "
            "drop the element, or add a sourced value to the table"
        )
    return values


def available(elements: Sequence[str], table: pd.DataFrame | None = None) -> tuple[str, ...]:
    """The symbols of which every one of `elements` has a value, in the order of the table (by default our own).

    Raises KeyError for an unknown element.
    """
    table = load() if table is None else table
    _check_elements(elements, table)
    return tuple(table.columns[table.loc[list(elements)].notna().all()])


def sources(path: Path | str = TABLE) -> pd.DataFrame:
    """One row per property and element: element, symbol, name, value, unit, source (package: field), reference in full.

    Where the value is missing, so are source and reference.
    """
    text = Path(path).read_text(encoding="utf-8").splitlines()
    marked = [line.removeprefix("# reference ") for line in text if line.startswith("# reference ")]
    references = dict(line.split(": ", 1) for line in marked)
    table = _long(Path(path))
    table["reference"] = table["reference"].map(references)
    table.insert(2, "name", table["symbol"].map({p.symbol: p.name for p in PROPERTIES}))
    return table[["element", "symbol", "name", "value", "unit", "source", "reference"]]


def _check_elements(elements: Sequence[str], table: pd.DataFrame) -> None:
    for name in elements:
        if name not in table.index:
            raise KeyError(
                f"element {name!r} is not in the table, which has {' '.join(table.index)}: add its rows "
                "(data/build_elements.py) or pass a table that has it"
            )


def _long(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, comment="#", dtype={"value": np.float64})


@lru_cache
def _wide(path: Path) -> pd.DataFrame:
    table = _long(path)
    declared = {p.symbol: p.unit for p in PROPERTIES}
    if set(table["symbol"]) != set(declared):
        odd = sorted(set(table["symbol"]) ^ set(declared))
        raise ValueError(
            f"{path}: {', '.join(odd)} stand in the file or in PROPERTIES, not in both; declare or add them"
        )
    for row in table.itertuples():
        if row.unit != declared[row.symbol]:
            raise ValueError(
                f"{path}: {row.symbol} of {row.element} in {row.unit}, expected {declared[row.symbol]}; "
                "convert the value or change PROPERTIES"
            )
    twice = table[table.duplicated(["element", "symbol"])]
    if len(twice):
        raise ValueError(f"{path}: {twice.symbol.iloc[0]} of {twice.element.iloc[0]} is given twice; keep one row")
    order = table["element"].unique()
    return (
        table.pivot(index="element", columns="symbol", values="value")
        .loc[order, list(SYMBOLS)]
        .rename_axis(columns=None)
    )
