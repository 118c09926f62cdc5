"""Pools: declared sizes, cleaning rules on made-up tables, features against loops."""

import numpy as np
import pandas as pd
import pytest

from alloygrad.features import elements as elemental
from compendium.environments import datasets
from compendium.fusion import alloy_pools, pools

SMALL = ("crossed_barrel", "oer_plate_3496", "oer_plate_4098", "hplc", "mmli_opv", "jdft2d", "lnp3", "dispersants")


@pytest.mark.dataset
@pytest.mark.parametrize("name", SMALL)
def test_a_pool_has_the_declared_candidates_and_targets(name):
    if not pools.available(name):
        pytest.skip("needs published files")
    task = pools.load(name)  # asserts the size
    assert np.isfinite(task.candidates.to_numpy()).all() and np.isfinite(task.utilities).all()
    assert name == "dispersants" or not task.candidates.duplicated().any()  # distinct polymers may share features
    assert list(task.outcomes) == [target["name"] for target in pools.DECLARED[name]["targets"]]


def test_every_declared_pool_has_a_loader_and_declared_files():
    assert set(pools.LOADERS) == set(pools.DECLARED)
    for entry in pools.DECLARED.values():
        assert set(entry["files"]) <= set(datasets.FILES)
        assert {target["direction"] for target in entry["targets"]} <= {1, -1}


def test_an_unknown_pool_names_those_that_there_are():
    with pytest.raises(KeyError, match="crossed_barrel"):
        pools.load("barrels")


def test_repeats_are_one_candidate_in_order_of_appearance():
    features = pd.DataFrame({"a": [2.0, 1.0, 2.0]})
    outcomes = pd.DataFrame({"y": [1.0, 5.0, 3.0]})
    distinct, mean = pools.averaged(features, outcomes)
    assert distinct["a"].tolist() == [2.0, 1.0] and mean["y"].tolist() == [2.0, 5.0]
    assert pools.averaged(features, outcomes, "min")[1]["y"].tolist() == [1.0, 5.0]


def test_formulas_that_differ_in_order_or_multiple_are_the_same():
    assert pools.reduced("As4") == pools.reduced("As2") == pools.reduced("As")
    assert pools.reduced("Ti1Ni1") == pools.reduced("Ni2Ti2") != pools.reduced("Ni2Ti1")
    assert pools.parse_formula("Ba1H2O2H1") == {"Ba": 1 / 6, "H": 0.5, "O": 1 / 3}


def test_composition_features_are_those_of_a_loop(monkeypatch):
    table = pd.DataFrame({"element": ["Ti", "Ni"], "Row": [4.0, np.nan], "Radius": [160.0, 124.0]})
    monkeypatch.setattr(pools, "_csv", lambda name, index_col: table.set_index(index_col))
    found = pools.composition_features(pd.Series(["Ti1Ni3", "Ni1"])).iloc[0]
    radii, c = np.array([160.0, 124.0]), np.array([0.25, 0.75])
    assert found["mean Radius"] == pytest.approx(133.0)
    assert found["deviation Radius"] == pytest.approx((c * abs(radii - 133)).sum())
    assert (found["min Radius"], found["max Radius"]) == (124.0, 160.0)
    assert found["mean Row"] == 4.0 and found["elements"] == 2 and found["largest fraction"] == 0.75
    assert found["entropy"] == pytest.approx(-(c * np.log(c)).sum())


def test_descriptors_of_alloys_are_those_of_a_loop():
    c, elements = np.array([[0.5, 0.3, 0.2]]), ("Ti", "Ni", "Hf")
    found = alloy_pools.descriptors(c, elements).iloc[0]
    p = elemental.matrix(elements, ["XP"])[:, 0]
    assert found["mean electronegativity"] == pytest.approx(c[0] @ p)
    assert found["deviation electronegativity"] == pytest.approx(sum(c[0] * abs(p - c[0] @ p)))


def test_a_pool_of_alloys_is_the_networks_on_the_whole_grid():
    task = pools.load("alloys_hea")
    assert task.candidates.shape == (12764, 235) and task.directions == (1,)
    assert 0.3 < task.utilities.max() < 1.2
