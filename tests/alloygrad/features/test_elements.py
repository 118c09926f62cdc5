"""Elemental properties: complete, sourced, and consistent with physics."""

import numpy as np
import pandas as pd
import pytest

from alloygrad.features import elements
from alloygrad.features.feature_map import FeatureMap, all_features

TABLE = elements.load()
NON_METALS = "H N O F P S Cl As Se Br Te I".split()
CONDENSED = TABLE.drop(index=NON_METALS)
METALS = CONDENSED.drop(index="C")
AVOGADRO = 0.602214076  # 1e24 / mol: Å^3 per atom → cm^3 per mol
KJ_PER_MOL_PER_EV = 96.48533212
SEVENTEEN = "Ti Ni Cu Hf Co Zr Fe Pd Ta Nb V Mo Cr Mn Sn Al C".split()
LANTHANIDES = "Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu".split()
OPEN = ["B", "Si", "Ga", "Ge", "Sb"]  # covalent or open crystals: they pack loosely and melt with much disorder
MISSING = {
    **{name: {"XA"} for name in "Pr Sm Gd Tb Dy Ho Er Tm Tl".split()},
    **{name: {"XA", "CNE"} for name in ("La", "Ce", "Nd")},
    **{name: {"XA", "R"} for name in ("Eu", "Yb")},
    **{name: {"C", "XMB", "XA", "CNE"} for name in ("Th", "U")},
    **{name: set("VA R G E MT TB EV EM MC D".split()) for name in NON_METALS},
}
for one in "O F S Cl Se Br Te I".split():
    MISSING[one] |= {"CPM", "NWS"}
MISSING["H"] |= {"SIE", "TIE", "CE"}


def test_elements_properties_and_missing_values_are_these():
    assert tuple(TABLE.columns) == tuple(p.symbol for p in elements.PROPERTIES) and TABLE.shape == (78, 30)
    assert list(TABLE.index[:17]) == SEVENTEEN  # first, since recorded results depend on their order
    assert TABLE["AN"].iloc[17:].is_monotonic_increasing and TABLE["AN"].is_unique
    holes = {name: set(row.index[row.isna()]) for name, row in TABLE.iterrows() if row.isna().any()}
    assert holes == MISSING
    assert (TABLE.dtypes == np.float64).all() and not np.isinf(TABLE.to_numpy()).any()
    assert not (TABLE <= 0).any(axis=None)  # the formulas divide by weighted means


def test_every_value_has_the_declared_unit_a_source_and_a_reference():
    lines = elements.TABLE.read_text(encoding="utf-8").splitlines()
    references = {line.split()[2].removesuffix(":") for line in lines if line.startswith("# reference ")}
    rows = pd.read_csv(elements.TABLE, comment="#")
    assert len(rows) == 78 * 30 and not rows.duplicated(["element", "symbol"]).any()
    assert (rows["unit"] == rows["symbol"].map({p.symbol: p.unit for p in elements.PROPERTIES})).all()
    given, empty = rows.dropna(subset="value"), rows[rows["value"].isna()]
    assert given["source"].str.match(r"^[\w-]+ \d[\d.]*: \S").all()  # package, pinned version, field
    assert set(given["reference"]) <= references
    assert empty[["source", "reference"]].isna().all(axis=None)


def test_chemical_symbols_stand_at_their_atomic_number():
    symbols = elements.CHEMICAL_SYMBOLS
    assert len(symbols) == len(set(symbols)) == 118
    assert [symbols.index(name) + 1 for name in TABLE.index] == TABLE["AN"].tolist()
    noble = [symbols.index(name) + 1 for name in "He Ne Ar Kr Xe Rn Og".split()]
    assert np.diff([0, *noble]).tolist() == [2, 8, 8, 18, 18, 32, 32]
    assert len(elements.PRIMORDIAL) == 83 and not {"Tc", "Ra", "Po"} & set(elements.PRIMORDIAL) >= {"Bi", "U"}


def test_golden_values():
    """CRC Handbook 97th ed. (MT, TB), Kittel 8th ed. (CE), NIST (FIE), Mann 2000 (XA), IUPAC (RAM)."""
    golden = {
        ("Ti", "FIE"): 6.82812,
        ("Pd", "XA"): 9.402,
        ("Nb", "RAM"): 92.90637,
        ("Ni", "CE"): 4.44,
        ("Sn", "MT"): 505.078,  # white tin, not the grey form's transition at 286 K
        ("Hf", "TB"): 4873.15,
    }
    for (element, symbol), value in golden.items():
        assert TABLE.at[element, symbol] == value


def test_density_is_mass_over_crystal_volume():
    """D from a handbook, VA from crystal structures. C is left out: its D is computed this way."""
    ratio = METALS["RAM"] / (AVOGADRO * METALS["VA"]) / METALS["D"]
    np.testing.assert_allclose(ratio, 1, atol=0.04)
    assert np.median(np.abs(ratio - 1)) < 0.005


def test_metallic_radius_fills_the_crystal_volume():
    """Close packing fills π/√18 = 0.74 of space; bcc radii are brought to 12 neighbours too."""
    filled = 4 / 3 * np.pi * (METALS["R"] / 100) ** 3 / METALS["VA"]
    # white tin, Bi and Hg pack loosely, Zn and Cd have a long axis, the radii of Rb, Cs and Pb are short by 3 %
    loose = ["Sn", "Bi", "Hg", "Zn", "Cd", "Rb", "Cs", "Pb"]
    assert filled.drop([*OPEN, *loose]).dropna().between(0.70, 0.76).all()
    assert filled[loose].between(0.60, 0.70).all() and filled[OPEN].between(0.50, 0.64).all()


def test_moduli_obey_isotropic_elasticity():
    """E = 2G(1+ν) with 0 ≤ ν ≤ 1/2, and E = 9KG/(3K+G) (by which some E were computed)."""
    assert (CONDENSED["E"] / CONDENSED["G"]).between(2.1, 3.0).all()
    assert (TABLE.loc[SEVENTEEN, "E"] / TABLE.loc[SEVENTEEN, "G"]).between(2.2, 3.0).all()
    young = 9 * CONDENSED["MC"] * CONDENSED["G"] / (3 * CONDENSED["MC"] + CONDENSED["G"])
    np.testing.assert_allclose((young / CONDENSED["E"]).drop("Rb"), 1, atol=0.10)
    assert young["Rb"] / TABLE.at["Rb", "E"] == pytest.approx(1.10, abs=0.01)  # of soft metals, two digits


def test_ionisation_energies_rise_and_give_two_electronegativities():
    ions = TABLE.drop(index="H")  # which has one electron
    assert (ions["FIE"] < ions["SIE"]).all() and (ions["SIE"] < ions["TIE"]).all()
    affinity = 2 * TABLE["XM"] - TABLE["FIE"]  # Mulliken: (I + A)/2
    strong, unbound = ["Ru", "Ir", "Pt", "Au"], ["Mg", "Zn", "Cd", "Hg", "Ba", "Yb"]  # closed shells bind none
    measured = {"N": -0.07, "O": 1.46, "F": 3.40, "P": 0.75, "S": 2.08, "Cl": 3.61, "Br": 3.36, "Te": 1.97, "I": 3.06}
    assert affinity[list(measured)].to_dict() == pytest.approx(measured, abs=0.15)
    assert affinity.drop([*strong, *unbound, *measured, "Se"]).between(0, 1.4).all()
    assert affinity[strong].between(1.4, 2.4).all() and affinity[unbound].between(-0.7, 0).all()
    # Martynov–Batsanov: 0.39 √(mean I) over the valence electrons, as far as three of them go
    counts = {1: "Cu Ag Au Li Na K Rb Cs", 2: "Be Mg Ca Sr Ba Zn Cd Hg", 3: "Al Fe Co Ni B Sc Y La Ga In Tl"}
    for count, names in counts.items():
        rows = TABLE.loc[names.split()]
        mean = rows[["FIE", "SIE", "TIE"]].iloc[:, :count].mean(axis=1)
        np.testing.assert_allclose(0.39 * np.sqrt(mean), rows["XMB"], rtol=0.03)
    pairs = TABLE.loc[LANTHANIDES, ["FIE", "SIE"]].mean(axis=1)  # their table counts two, to one decimal
    np.testing.assert_allclose(0.39 * np.sqrt(pairs), TABLE.loc[LANTHANIDES, "XMB"], rtol=0.08)


def test_electron_counts():
    grouped = TABLE.query("C <= 12")
    assert (grouped["C"] == grouped["VEC"]).all() and len(grouped) == 53
    beyond = TABLE.query("C > 12")
    assert (beyond["VEC"] == beyond["C"] - 10).all() and len(beyond) == 23
    assert (TABLE[["NCE", "CNE"]].max(axis=1) <= TABLE["AN"]).all()
    six_s = TABLE.loc[["Cs", "Ba", "La", *LANTHANIDES, "Hf"], "CNE"].dropna()  # nuclear charge outruns the screening
    assert six_s.is_monotonic_increasing


def test_thermochemistry():
    ev_per_atom = CONDENSED["EA"] / KJ_PER_MOL_PER_EV
    of_molecules = (TABLE["EA"] / KJ_PER_MOL_PER_EV / TABLE["CE"])[NON_METALS].dropna()
    np.testing.assert_allclose(of_molecules, 1, atol=0.11)  # a gas or another form at 298 K, a solid at 0 K
    # Hg is liquid at 298 K, soft Rb has taken up more heat by then than its vapour; Ba: two compilations
    odd = ["Hg", "Ba", "Rb"]
    np.testing.assert_allclose(ev_per_atom.drop(odd), CONDENSED["CE"].drop(odd), rtol=0.015)  # 298 K against 0 K
    np.testing.assert_allclose(ev_per_atom[odd], TABLE["CE"][odd], atol=0.05)
    assert (METALS["MT"] < METALS["TB"]).all()
    assert TABLE.at["C", "MT"] > TABLE.at["C", "TB"]  # graphite sublimes
    trouton = 1e3 * METALS["EV"] / METALS["TB"]  # J/mol/K; below 90 in s metals, lanthanides and lead
    assert trouton.between(60, 142).all() and trouton[SEVENTEEN[:-1]].between(90, 140).all()
    richards = 1e3 * METALS["EM"] / METALS["MT"]  # J/mol/K; light lanthanides have spent theirs in solid transitions
    assert richards.drop([*OPEN, "Bi"]).between(4.8, 15).all() and richards[[*OPEN, "Bi"]].between(18, 31).all()
    assert richards[SEVENTEEN[:-1]].between(7, 15).all()
    assert (METALS["EM"] + METALS["EV"]).div(METALS["EA"]).between(0.8, 1.05).all()  # Hess, heat contents aside
    boiled = METALS.drop(["Pd", "Sn"])  # a vapour takes up less heat than its metal: vaporising costs less when hot
    assert (boiled["EV"] < 0.98 * boiled["EA"]).all()


def test_miedema_density_follows_the_bulk_modulus():
    """Miedema's rule: n_ws ∝ √(K/V), near 1 in his units for metals; it says nothing about diamond.

    His parameters of f metals, semimetals and mercury lie up to 1.7 times above it.
    """
    rule = np.sqrt(METALS["MC"] / (AVOGADRO * METALS["VA"]))
    ratio = METALS["NWS"] ** 3 / rule
    moved = ["La", *LANTHANIDES, "Th", "U", "Hg", "Sb", "Bi"]
    assert ratio.drop(moved).between(0.7, 1.25).all() and ratio[moved].between(0.7, 1.7).all()
    assert np.corrcoef(METALS["NWS"] ** 3, rule)[0, 1] > 0.95


def test_matrix_follows_the_names():
    rng = np.random.default_rng(0)
    full = elements.matrix(SEVENTEEN)
    assert full.shape == (17, 30) and full.dtype == np.float64
    rows, columns = rng.permutation(17), rng.permutation(30)
    shuffled = elements.matrix([SEVENTEEN[i] for i in rows], [TABLE.columns[j] for j in columns])
    np.testing.assert_array_equal(shuffled, full[np.ix_(rows, columns)])
    np.testing.assert_array_equal(elements.matrix(["V", "Ti"], ["AN"]), [[23], [22]])
    copy = elements.load()
    copy.loc["Ti", "AN"] = -1
    assert elements.load().at["Ti", "AN"] == 22
    assert elements.matrix(["Ti"], ["AN"], copy) == -1


def test_available_names_what_all_elements_have():
    assert elements.available(SEVENTEEN) == elements.SYMBOLS
    assert set(elements.SYMBOLS) - set(elements.available(["Ti", "Yb", "Th"])) == MISSING["Yb"] | MISSING["Th"]
    everywhere = elements.available(list(TABLE.index))
    assert set(elements.SYMBOLS) - set(everywhere) == set.union(*MISSING.values())
    assert np.isfinite(elements.matrix(list(TABLE.index), everywhere)).all()
    chosen = all_features(symbols=elements.available(["Mg", "Gd", "Y"]))
    assert len(chosen) == 8 * 29
    FeatureMap(["Mg", "Gd", "Y"], chosen)


def test_errors_name_element_property_and_remedy():
    for call in (elements.matrix, elements.available):
        with pytest.raises(KeyError, match=r"Expected elements .*; got 'Xx'\. .*Correct the symbol.* Ti "):
            call(["Ti", "Xx"])
    with pytest.raises(KeyError, match=r"Expected symbols of properties; got 'WF'.* AN "):
        elements.matrix(["Ti"], ["WF"])
    with pytest.raises(ValueError, match=r"got no value for XA of Gd\. Leave.*available"):
        elements.matrix(["Ti", "Gd"])
