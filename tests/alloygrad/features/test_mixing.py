"""Enthalpies of mixing: published values of alloys, the pair formula by hand, symmetry, and what is not tabulated."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from alloygrad.features import elements
from alloygrad.features.mixing import TABLE, mixing_enthalpy
from alloygrad.spaces import CompositionSpace, Restricted

PUBLISHED = {  # kJ/mol, of equimolar alloys: Zhang et al., Prog. Mater. Sci. 61, 1 (2014), and works cited there
    "Co Cr Fe Ni": -3.75,
    "Co Cr Fe Mn Ni": -4.16,
    "Al Co Cr Fe Ni": -12.32,
    "Mo Nb Ta W": -6.5,
}


@pytest.mark.parametrize("alloy", PUBLISHED)
def test_published_enthalpies_are_met(alloy):
    names = alloy.split()
    found = mixing_enthalpy(names)(np.full(len(names), 1 / len(names)))
    assert found == pytest.approx(PUBLISHED[alloy], abs=0.02)


def test_it_is_the_sum_over_pairs_in_any_order_of_the_elements():
    table = pd.read_csv(TABLE, comment="#", keep_default_na=False).set_index(["A", "B"])["kJ_per_mol"]
    names, rng = ["Zr", "Ti", "Cu", "Ni", "Be"], np.random.default_rng(0)
    c = rng.dirichlet(np.ones(5), size=7)
    by_hand = sum(
        4 * table[tuple(sorted((names[i], names[j])))] * c[:, i] * c[:, j] for i, j in combinations(range(5), 2)
    )
    np.testing.assert_allclose(mixing_enthalpy(names)(c), by_hand, rtol=1e-12)
    order = rng.permutation(5)
    np.testing.assert_allclose(mixing_enthalpy([names[i] for i in order])(c[:, order]), by_hand, rtol=1e-12)
    assert mixing_enthalpy(names)(np.eye(5)).tolist() == [0] * 5


def test_every_pair_is_of_elements_of_the_table_and_stands_once():
    table = pd.read_csv(TABLE, comment="#", keep_default_na=False)
    assert set(table["A"]) | set(table["B"]) <= set(elements.load().index)
    assert (table["A"] < table["B"]).all() and not table.duplicated(["A", "B"]).any()


def test_a_limit_on_it_is_kept_and_a_pair_that_is_missing_is_named():
    names = ("Al", "Co", "Cr", "Fe", "Ni")
    alloys = CompositionSpace(dict.fromkeys(names, (5, 60)), step=5)
    of = mixing_enthalpy(names)
    space = Restricted(alloys, limits=[(of, -8, 2, "kJ/mol")])
    every = np.concatenate(list(alloys.enumerate()))
    assert (
        space.contains(every).sum() == ((of(alloys.fractions(every)) >= -8) & (of(alloys.fractions(every)) <= 2)).sum()
    )
    assert (space.table(every[space.contains(every)][:5])["kJ/mol"] >= -8).all()
    with pytest.raises(ValueError, match="got Ti–O, which has none"):
        mixing_enthalpy(["Ti", "Al", "O"])
