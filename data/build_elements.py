# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "mendeleev==1.3.0",
#     "pymatgen==2026.10.24",
#     "pymatgen-core==2026.10.16",
#     "matminer==0.10.1",
#     "CBFV==1.1.0",
#     "pandas==2.3.3",
# ]
# ///
"""Build lib/alloygrad/features/elements.csv from the pinned packages above: `uv run data/build_elements.py`.

The table has one row for each property and element. For each property, `RULES` lists the fields to read, in order of
preference. The value is the first one that a field has and `REJECTED` does not name. No value is typed by hand: if no
field has one, it stays empty.

The crystal properties of carbon (volume, density, the three moduli) are those of diamond, because no source has all
three moduli of graphite. Its temperatures and enthalpies are those of graphite, which is the form that is heated. The
two forms differ by 0.3 % in the enthalpy of atomisation. The volume and the moduli of mercury are those of the solid,
its density is that of the liquid.

Elements without a standard atomic weight (no stable isotope, as Tc, Pm and Pu) and noble gases are left out. Non-metals
such as N, O and P have properties of their atoms only: their elements consist of molecules, chains or layers, whose
volume, moduli, temperatures and enthalpies of melting and boiling say nothing about an alloy (`MOLECULAR`).
"""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import mendeleev
import pandas as pd
from pymatgen.core import Element

FIRST = "Ti Ni Cu Hf Co Zr Fe Pd Ta Nb V Mo Cr Mn Sn Al C"  # of the published alloys; recorded results depend on them
FURTHER = """
    H Li Be B N O F Na Mg Si P S Cl K Ca Sc Zn Ga Ge As Se Br Rb Sr Y Ru Rh Ag Cd In Sb Te I Cs Ba
    La Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu W Re Os Ir Pt Au Hg Tl Pb Bi Th U
"""  # by atomic number
ELEMENTS = FIRST.split() + FURTHER.split()
MOLECULAR = "H N O F P S Cl As Se Br Te I".split()
OF_THE_ELEMENT = "VA R G E MT TB EV EM MC D".split()  # left empty for these
LANTHANIDES = "Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu"
AVOGADRO_A3_PER_CM3 = 0.602214076  # N_A × 1e-24: g/mol ÷ (Å^3 × this) = g/cm^3

REFERENCES = {
    "ciaaw": "Meija et al., Pure Appl. Chem. 88, 265 (2016), doi 10.1515/pac-2015-0305; IUPAC CIAAW updates",
    "crc95": "Haynes (ed.), CRC Handbook of Chemistry and Physics, 95th ed., CRC Press (2014)",
    "crc97": "Haynes (ed.), CRC Handbook of Chemistry and Physics, 97th ed., CRC Press (2016)",
    "kayelaby": "Kaye & Laby Tables of Physical & Chemical Constants, section 3.7.5 Atomic radii, NPL",
    "mann": "Mann et al., J. Am. Chem. Soc. 122, 2780 (2000), doi 10.1021/ja992866e; "
    "122, 5132 (2000), doi 10.1021/ja9928677",
    "nist": "Kramida, Ralchenko, Reader and NIST ASD Team, NIST Atomic Spectra Database, ver. 5.11 (2023)",
    "slater": "Slater, Phys. Rev. 36, 57 (1930), doi 10.1103/PhysRev.36.57",
    "clementi": "Clementi & Raimondi, J. Chem. Phys. 38, 2686 (1963), doi 10.1063/1.1733573; "
    "with Reinhardt, 47, 1300 (1967), doi 10.1063/1.1712084",
    "deboer": "de Boer, Boom, Mattens, Miedema & Niessen, Cohesion in Metals, North-Holland (1988)",
    "zhang": "Zhang et al., Comput. Phys. Commun. 209, 58 (2016), doi 10.1016/j.cpc.2016.08.013",
    "villars": "Villars et al., J. Alloys Compd. 367, 167 (2004), doi 10.1016/j.jallcom.2003.08.060",
    "kittel": "Kittel, Introduction to Solid State Physics, 8th ed., Wiley (2005), ISBN 978-0-471-41526-8",
    "zunger": "Zunger, Phys. Rev. B 22, 5839 (1980), doi 10.1103/PhysRevB.22.5839",
    "oliynyk": "Oliynyk et al., Chem. Mater. 28, 7324 (2016), doi 10.1021/acs.chemmater.6b02724",
    "magpie": "Ward et al., npj Comput. Mater. 2, 16028 (2016), doi 10.1038/npjcompumats.2016.28",
    "jarvis": "Choudhary, DeCost & Tavazza, Phys. Rev. Mater. 2, 083801 (2018), "
    "doi 10.1103/PhysRevMaterials.2.083801 (computed, Voigt average)",
    "icsd": "Inorganic Crystal Structure Database, volume per atom at ambient conditions, in magpie",
    "pymatgen": "Ong et al., Comput. Mater. Sci. 68, 314 (2013), doi 10.1016/j.commatsci.2012.10.028",
    "mendeleev": "Mentel, mendeleev 1.3.0, https://github.com/lmmentel/mendeleev (no origin given there)",
    "table": "position in the periodic table (IUPAC, groups 1-18)",
}

# Fields with a wrong value for some elements, and the reason; the next field is read instead.
REJECTED = {
    ("mendeleev", "density", "C"): "2.2 g/cm^3 is graphite",
    ("matminer", "ICSDVolume", "Rh"): "11.58 Å^3 gives 14.8 g/cm^3, its density is 12.4",
    ("matminer", "ICSDVolume", "Cs"): "67.55 Å^3 gives 3.3 g/cm^3, its density is 1.87",
    ("mendeleev", "metallic_radius_c12", "In"): "158 pm fill 0.63 of a nearly close-packed crystal",
    ("mendeleev", "metallic_radius_c12", "Tl"): "160 pm fill 0.60 of a close-packed crystal",
    (
        "pymatgen-core",
        "Metallic radius",
        "Eu Yb",
    ): "of a trivalent atom; fills 0.5 to 0.6 of the divalent metal's crystal",
    ("matminer", "Column", "Th U"): "3 is the column of rare earths; actinides follow no group",
    ("mendeleev", "nvalence", LANTHANIDES): "counts the 4f electrons, which do not bond",
    ("mendeleev", "en_pauling", "Lu"): "1.0 breaks the series 1.22 (Dy) to 1.25 (Tm); three other tables have 1.27",
    ("CBFV", "MB_electonegativity", "Th U"): "repeats Pauling's electronegativity",
    ("CBFV", "Mulliken_EN", "Ca Sr"): "implies an electron affinity of -1.7 eV; both bind an electron weakly",
    ("CBFV", "Mulliken_EN", "Bi"): "implies an electron affinity of 2.1 eV, measured 0.94 eV",
    ("mendeleev", "zeff clementi", "La Ce Nd"): "1.5 to 3 above the even rise from Ba (7.6) over Pr (7.7) to Lu (8.8)",
    ("pymatgen-core", "Rigidity modulus", "Mo"): "20 GPa with E = 329 GPa: E/G = 16, isotropic solids have 2 to 3",
    ("pymatgen-core", "Rigidity modulus", "U"): "111 GPa with E = 208 GPa: E/G = 1.87, isotropic solids have 2 to 3",
    ("pymatgen-core", "Youngs modulus", "U"): "208 GPa with G = 111 GPa: E/G = 1.87, isotropic solids have 2 to 3",
    (
        "pymatgen-core",
        "Youngs modulus",
        "Zr",
    ): "68 GPa with G = 33 GPa: Poisson's ratio 0.03, its own table says 0.34",
    ("pymatgen-core", "Youngs modulus", "Li"): "4.9 GPa with G = 4.2 GPa: E/G = 1.17",
    ("pymatgen-core", "Youngs modulus", "Na"): "10 GPa with G = 3.3 GPa: E/G = 3.03",
    ("pymatgen-core", "Youngs modulus", "Si"): "47 GPa; its crystal has 130 to 188 GPa, according to direction",
    ("pymatgen-core", "Youngs modulus", "Rh"): "275 GPa with G = 150 GPa: E/G = 1.83",
    ("matminer", "shear_modulus", "Si"): "39.7 GPa; its crystal has 51 to 80 GPa, according to direction",
    ("matminer", "shear_modulus", "Ge"): "39.2 GPa; its crystal has 40 to 67 GPa, according to direction",
    ("matminer", "9KG/(3K+G)", "Si Ge"): "from the rejected shear modulus",
    ("matminer", "9KG/(3K+G)", "Sr"): "13.6 GPa belongs to another shear modulus, 5.2 GPa, than the 6.1 GPa taken",
    ("pymatgen-core", "Bulk modulus", "C"): "33 GPa is graphite",
    ("pymatgen-core", "Bulk modulus", "B"): "320 GPa gives E = 503 GPa with the G taken, 14 % above the E taken",
    ("pymatgen-core", "Bulk modulus", "Ru"): "220 GPa; its own E and G give 358 GPa, the next table 321 GPa",
    ("pymatgen-core", "Bulk modulus", "Rh"): "380 GPa; its own E and Poisson's ratio give 191 GPa",
    ("pymatgen-core", "Bulk modulus", "Yb"): "31 GPa; its own E and G give 14 GPa",
    ("mendeleev", "evaporation_heat", "K"): "2.33 kJ/mol is its heat of fusion",
    ("mendeleev", "evaporation_heat", "Cd"): "59.1 kJ/mol is mercury's: 57 J/mol/K at the boiling point",
    ("mendeleev", "evaporation_heat", "Ga Eu Gd Tb Dy Ho Er Tm Yb"): "the heat of sublimation at 298 K",
    ("CBFV", "heat_of_vaporization_(kJ/mol)_", "C"): "355.8 kJ/mol is half the heat of sublimation",
    ("mendeleev", "fusion_heat", "K"): "102.5 kJ/mol, 300 J/mol/K at the melting point; metals have about 10",
    ("mendeleev", "fusion_heat", "Be"): "12.21 kJ/mol; two tables have 7.9",
    ("mendeleev", "fusion_heat", "B"): "23.6 kJ/mol; two tables have 50.2, 21 J/mol/K as covalent solids have",
    ("mendeleev", "fusion_heat", "Pr"): "11.3 kJ/mol; two tables have 6.89, nearer to Ce and Nd",
    ("mendeleev", "fusion_heat", "Yb"): "3.35 kJ/mol, 3 J/mol/K at the melting point; two tables have 7.66",
}
SKIP = {(package, field, symbol) for package, field, symbols in REJECTED for symbol in symbols.split()}

# symbol, unit, decimals, then (package, field, reference) in order of preference
RULES = [
    ("AN", "1", 0, ("mendeleev", "atomic_number", "table")),
    ("QN", "1", 0, ("mendeleev", "period", "table")),
    ("C", "1", 0, ("mendeleev", "group_id", "table"), ("matminer", "Column", "magpie")),
    ("RAM", "g/mol", 6, ("mendeleev", "atomic_weight", "ciaaw")),
    ("VA", "Å^3", 3, ("matminer", "ICSDVolume", "icsd"), ("pymatgen-core", "Molar volume/N_A", "pymatgen")),
    ("R", "pm", 1, ("mendeleev", "metallic_radius_c12", "kayelaby"), ("pymatgen-core", "Metallic radius", "pymatgen")),
    ("MN", "1", 0, ("mendeleev", "mendeleev_number", "villars")),
    ("VEC", "1", 0, ("mendeleev", "nvalence", "table"), ("CBFV", "number_of_valence_electrons", "oliynyk")),
    ("XMB", "1", 3, ("CBFV", "MB_electonegativity", "oliynyk")),
    ("XP", "1", 3, ("mendeleev", "en_pauling", "crc95"), ("CBFV", "Pauling_Electronegativity", "oliynyk")),
    ("XA", "eV", 3, ("mendeleev", "en_allen", "mann")),
    (
        "G",
        "GPa",
        3,
        ("pymatgen-core", "Rigidity modulus", "pymatgen"),
        ("matminer", "shear_modulus", "zhang"),
        ("CBFV", "jarvis GV", "jarvis"),
    ),
    (
        "E",
        "GPa",
        1,
        ("pymatgen-core", "Youngs modulus", "pymatgen"),
        ("matminer", "9KG/(3K+G)", "zhang"),
        ("pymatgen-core", "2G(1+ν)", "pymatgen"),
        ("CBFV", "jarvis 9KV GV/(3KV+GV)", "jarvis"),
    ),
    ("FIE", "eV", 5, ("mendeleev", "ionenergies 1", "nist")),
    ("SIE", "eV", 5, ("mendeleev", "ionenergies 2", "nist")),
    ("TIE", "eV", 5, ("mendeleev", "ionenergies 3", "nist")),
    ("CPM", "V", 3, ("mendeleev", "en_miedema", "deboer")),
    ("XM", "eV", 3, ("CBFV", "Mulliken_EN", "oliynyk"), ("mendeleev", "(FIE + electron_affinity)/2", "nist")),
    ("NCE", "1", 3, ("mendeleev", "zeff slater", "slater")),
    ("CNE", "1", 4, ("mendeleev", "zeff clementi", "clementi")),
    (
        "MT",
        "K",
        3,
        ("mendeleev", "melting_point", "crc97"),
        ("mendeleev", "triple_point_temperature", "crc97"),
    ),
    ("TB", "K", 3, ("mendeleev", "boiling_point", "crc97")),
    (
        "EV",
        "kJ/mol",
        2,
        ("mendeleev", "evaporation_heat", "mendeleev"),
        ("CBFV", "heat_of_vaporization_(kJ/mol)_", "oliynyk"),
        ("matminer", "HeatVaporization", "magpie"),
    ),
    ("EM", "kJ/mol", 2, ("mendeleev", "fusion_heat", "mendeleev"), ("matminer", "HeatFusion", "magpie")),
    ("EA", "kJ/mol", 2, ("mendeleev", "heat_of_formation", "crc95")),
    ("CE", "eV", 3, ("matminer", "cohesive_energies", "kittel")),
    ("MC", "GPa", 3, ("pymatgen-core", "Bulk modulus", "pymatgen"), ("matminer", "compressibility", "zhang")),
    ("NWS", "d.u.^(1/3)", 3, ("matminer", "n_ws^third", "deboer")),
    ("RPS", "bohr", 3, ("matminer", "ZungerPP-r_sigma", "zunger")),
    ("D", "g/cm^3", 3, ("mendeleev", "density", "crc95"), ("matminer", "RAM/(N_A ICSDVolume)", "icsd")),
]

MATMINER = Path(find_spec("matminer").submodule_search_locations[0]) / "utils" / "data_files"
MIEDEMA = pd.read_csv(MATMINER / "Miedema.csv", index_col="element")
COHESIVE = pd.read_json(MATMINER / "cohesive_energies.json", typ="series")
CBFV = Path(find_spec("CBFV").submodule_search_locations[0]) / "element_properties"
OLIYNYK = pd.read_csv(CBFV / "oliynyk.csv", index_col="element")
JARVIS = pd.read_csv(CBFV / "jarvis.csv", index_col="element", usecols=["element", "KV", "GV"])
ATOMS = {symbol: mendeleev.element(symbol) for symbol in ELEMENTS}


def read_mendeleev(symbol, field):
    atom = ATOMS[symbol]
    if field == "nvalence":
        return atom.nvalence()
    if field.startswith("ionenergies"):
        return atom.ionenergies.get(int(field.split()[1]))  # hydrogen has one electron
    if field.startswith("zeff"):  # outermost shell, its highest orbital: 4s in Ti, 5p in Sn, 4d in Pd
        return atom.zeff(method=field.split()[1])
    if field in ("melting_point", "boiling_point", "triple_point_temperature"):
        # of several allotropes the one that melts: white tin, not the transition of grey tin
        phase = next(p for p in atom.phase_transitions if not p.is_transition)
        return getattr(phase, field)
    if field == "(FIE + electron_affinity)/2":
        return None if atom.electron_affinity is None else (atom.ionenergies[1] + atom.electron_affinity) / 2
    return getattr(atom, field)


def read_matminer(symbol, field):
    if field in MIEDEMA:
        return MIEDEMA.at[symbol, field]
    if field == "cohesive_energies":
        return COHESIVE.get(symbol)
    if field == "9KG/(3K+G)":  # Young's modulus of an isotropic solid
        bulk, shear = MIEDEMA.at[symbol, "compressibility"], MIEDEMA.at[symbol, "shear_modulus"]
        return 9 * bulk * shear / (3 * bulk + shear)
    if field == "RAM/(N_A ICSDVolume)":
        return ATOMS[symbol].atomic_weight / (AVOGADRO_A3_PER_CM3 * float(read_matminer(symbol, "ICSDVolume")))
    lines = (MATMINER / "magpie_elementdata" / f"{field}.table").read_text().splitlines()
    return lines[ATOMS[symbol].atomic_number - 1]  # one line per atomic number; "Missing" where unknown


def read_pymatgen(symbol, field):
    data = Element(symbol).data
    if field == "Molar volume/N_A":  # cm^3/mol → Å^3
        return data["Molar volume"] / AVOGADRO_A3_PER_CM3
    if field == "Metallic radius":  # Å → pm
        return None if data.get(field) is None else 100 * data[field]
    if field == "2G(1+ν)":  # Young's modulus of an isotropic solid
        shear, poisson = data.get("Rigidity modulus"), data.get("Poissons ratio")
        return None if shear is None or poisson is None else 2 * shear * (1 + poisson)
    return data.get(field)


def read_cbfv(symbol, field):
    if not field.startswith("jarvis"):
        return OLIYNYK.at[symbol, field]
    bulk, shear = JARVIS.loc[symbol, ["KV", "GV"]]
    return shear if field == "jarvis GV" else 9 * bulk * shear / (3 * bulk + shear)


READ = {
    "mendeleev": read_mendeleev,
    "matminer": read_matminer,
    "pymatgen-core": read_pymatgen,
    "CBFV": read_cbfv,
}
PACKAGE = {name: f"{name} {version(name)}" for name in READ}


def choose(symbol, candidates):
    """Return (value, source, reference) of the first usable candidate field, or empty strings."""
    for package, field, reference in candidates:
        if (package, field, symbol) in SKIP:
            continue
        value = pd.to_numeric(READ[package](symbol, field), errors="coerce")
        if pd.notna(value):
            return float(value), f"{PACKAGE[package]}: {field}", reference
    return "", "", ""


def build():
    """Return the text of elements.csv: references and rejections as comments, then the table."""
    rows = []
    for name, unit, decimals, *candidates in RULES:
        for symbol in ELEMENTS:
            empty = symbol in MOLECULAR and name in OF_THE_ELEMENT
            value, source, reference = ("", "", "") if empty else choose(symbol, candidates)
            text = value if value == "" else f"{round(value, decimals):.{decimals}f}"
            text = text.rstrip("0").rstrip(".") if "." in str(text) else text
            rows.append((name, symbol, text, unit, source, reference))
    head = ["# The 30 elemental properties, one row per property and element; built by build_elements.py."]
    head += [f"# reference {key}: {text}" for key, text in REFERENCES.items()]
    head += [f"# rejected {package} {field} of {symbols}: {why}" for (package, field, symbols), why in REJECTED.items()]
    head += [f"# left empty {' '.join(OF_THE_ELEMENT)} of {' '.join(MOLECULAR)}: of molecules, chains or layers"]
    table = pd.DataFrame(rows, columns=["symbol", "element", "value", "unit", "source", "reference"])
    return "\n".join(head) + "\n" + table.to_csv(index=False, lineterminator="\n")


if __name__ == "__main__":
    target = Path(__file__).resolve().parents[1] / "lib" / "alloygrad" / "features" / "elements.csv"
    scratch = target.with_suffix(".tmp")
    scratch.write_text(build(), encoding="utf-8")
    scratch.rename(target)
