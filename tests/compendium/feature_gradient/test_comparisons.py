"""Features or fractions: the same draws again, stored, recorded, read where the dataset cannot be had."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from compendium.environments import datasets
from compendium.feature_gradient import comparisons
from compendium.feature_gradient.comparisons import (
    COLUMNS,
    COMPARISONS,
    HELD,
    PUBLISHED,
    Comparison,
    draw_rows,
    kinds,
    obtain,
    take,
)
from compendium.feature_gradient.predictions import INPUTS, predict

ELEMENTS = ("Ti", "Ni", "Cu", "Hf", "Zr")
TOY = Comparison("toy", "hardness", rows=20, folds=4, n_features=2, population=8, generations=3)


def made_up(n: int = 30) -> datasets.Dataset:
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.dirichlet(np.ones(5), n), columns=ELEMENTS)
    table["hardness"] = 300 + 100 * np.sin(5 * table["Ti"]) + 40 * table["Hf"] + 5 * rng.normal(size=n)
    table["annealing"] = np.where(np.arange(n) % 5 == 0, 0, 900 + np.arange(n))
    return datasets.Dataset("toy", table, ELEMENTS, ("annealing",), ("hardness",), {"hardness": "HV"}, "")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """The made-up dataset declared and at hand, an empty store and no record; returns how often it was loaded."""
    entry = {"sha256": "0" * 64, "elements": list(ELEMENTS), "rows_used": 30}
    entry["targets"] = [{"name": "hardness", "header": "HV", "unit": "HV"}]
    loads = []
    monkeypatch.setitem(datasets.REGISTRY, "toy", entry)
    monkeypatch.setitem(HELD, "toy", comparisons.Held(24, lambda process: process[:, 0] > 0))
    monkeypatch.setattr(datasets, "load", lambda name: loads.append(name) or made_up())
    monkeypatch.setattr(datasets, "available", lambda name: True)
    monkeypatch.setattr(comparisons, "RECORD", tmp_path / "results" / "scores.csv")
    monkeypatch.setattr(comparisons, "declared", lambda: {TOY: kinds(2, 1)})
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path / "store"))
    for cached in (comparisons._fixed, comparisons._load):
        cached.cache_clear()
    yield loads
    for cached in (comparisons._fixed, comparisons._load):
        cached.cache_clear()


def test_draws_are_seeded_by_dataset_target_and_number_and_without_replacement():
    rows, folds = draw_rows(TOY, 30, 3)
    again = draw_rows(replace(TOY, generations=9), 30, 3)
    assert np.array_equal(rows, again[0]) and np.array_equal(folds, again[1])
    assert len(set(rows)) == 20 and rows.max() < 30
    for other, draw in ((TOY, 4), (replace(TOY, target="x"), 3), (replace(TOY, dataset="x"), 3)):
        assert set(draw_rows(other, 30, draw)[0]) != set(rows)
    with pytest.raises(ValueError, match=r"at most 30 rows per draw.*got 31"):
        draw_rows(replace(TOY, rows=31), 30, 0)


def test_a_draw_of_a_held_process_has_these_rows_alone_and_their_conditions(toy):
    free, held = take(TOY, 0), take(replace(TOY, process="held"), 0)
    assert free.process.shape == (20, 0) and held.process.shape == (20, 1) and (held.process > 0).all()
    table = made_up().table.set_index("hardness")
    assert (table.loc[held.targets, "annealing"].to_numpy() == held.process[:, 0]).all()
    with pytest.raises(AssertionError, match="24 rows of toy, expected 23"):
        HELD["toy"] = replace(HELD["toy"], rows=23)
        take(replace(TOY, process="held"), 0)


def test_scores_are_computed_once_and_continue(toy):
    first, line = obtain(TOY, 1, 1, workers=1)
    assert line == "toy, hardness, any process: 3 scores computed." and len(toy) == 1
    both, line = obtain(TOY, 2, 2, workers=1)
    assert "3 scores computed" in line and len(toy) == 1  # the table is read once
    pd.testing.assert_frame_equal(both[both["draw"] == 0], first, check_exact=True)
    again, line = obtain(TOY, 2, 2, workers=1)
    assert "nothing computed" in line
    pd.testing.assert_frame_equal(again, both, check_exact=True)
    assert sorted(both["input"]) == sorted([*INPUTS] * 2) and set(both["unit"]) == {"HV"}
    assert (both[["rows", "of"]] == [20, 30]).all(axis=None)

    draw = take(TOY, 1)
    for _, row in both[both["draw"] == 1].iterrows():
        off = np.abs(predict(draw, row["input"]) - draw.targets)
        assert row["mae"] == pytest.approx(off.mean(), rel=1e-5)
        assert row["mape"] == pytest.approx((off / draw.targets).mean(), rel=1e-5)
    for path in (comparisons.store.working() / "comparisons").iterdir():  # files hold scores, no rows
        entry = json.loads(path.read_text())
        assert set(entry) == {"comparison", "code", "draw", "input", "mae", "mape"}


def test_features_are_selected_inside_the_folds_for_some_draws_only(toy):
    table, _ = obtain(TOY, 3, 1, workers=1)
    assert table.groupby("input")["draw"].agg(list).to_dict() == {
        "fractions": [0, 1, 2],
        "features inside": [0],
        "features outside": [0, 1, 2],
    }


def test_the_paper_s_surrogate_is_asked_for_by_its_restarts(toy):
    own, _ = obtain(TOY, 1, workers=1)
    theirs, _ = obtain(replace(TOY, restarts=2), 1, workers=1)
    assert (own["mae"] != theirs["mae"]).all() and set(theirs["restarts"]) == {2}


def test_compute_goes_on_where_it_stopped_and_takes_all_comparisons_draw_by_draw(toy):
    assert comparisons.compute(0) == 5
    order, run = [], comparisons.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparisons, "run", lambda c, draw, kind: order.append((draw, kind)) or run(c, draw, kind))
        assert comparisons.compute(1) == 0 and comparisons.compute(1) == 0
    assert [draw for draw, _ in order] == [0, 0, 0, 1, 1] and len(set(order)) == 5
    assert len(comparisons.scores()) == 5


def test_the_name_is_that_of_data_cleaning_settings_and_properties(toy, monkeypatch):
    names = {TOY.name(0, "x"), TOY.name(1, "x"), TOY.name(0, "y"), replace(TOY, rows=19).name(0, "x")}
    names |= {replace(TOY, formulas=("mean", "max")).name(0, "x"), replace(TOY, process="held").name(0, "x")}
    for key, value in (("sha256", "1" * 64), ("removed", {"why": 2}), ("elements", [*ELEMENTS, "Co"])):
        with monkeypatch.context() as patch:
            patch.setitem(datasets.REGISTRY["toy"], key, value)
            comparisons._fixed.cache_clear()
            names.add(TOY.name(0, "x"))
    with monkeypatch.context() as patch:
        patch.setattr(comparisons, "BEHAVIOUR", 0)
        comparisons._fixed.cache_clear()
        names.add(TOY.name(0, "x"))
    assert len(names) == 10


def test_records_serve_where_the_dataset_cannot_be_had(toy, monkeypatch, tmp_path):
    before, _ = obtain(TOY, 2, 1, workers=1)
    assert comparisons.record().groupby("input")["draws"].sum().tolist() == [1, 2, 2]
    packed = comparisons.RECORD.read_bytes()
    about = ["dataset", "target", "process", "restarts"]
    assert list(pd.read_csv(comparisons.RECORD)) == [*about, *COLUMNS]
    monkeypatch.setattr(datasets, "available", lambda name: False)
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path / "elsewhere"))
    assert comparisons.record()["draws"].sum() == 5  # nothing gets lost from another store
    assert comparisons.RECORD.read_bytes() == packed
    table, line = obtain(TOY, 2, 1)
    assert table.empty and "dataset cannot be had: nothing can be shown" in line  # and records are not its

    monkeypatch.setattr(comparisons.store, "is_default", lambda: True)
    read, line = obtain(TOY, 2, 1)
    pd.testing.assert_frame_equal(read, before, check_exact=True)
    assert "read, nothing computed" in line
    assert "the 2 draws on record can be shown" in obtain(TOY, 3, 1)[1]
    table, line = obtain(replace(TOY, rows=9), 2)  # other numbers fall back to the recorded ones
    assert set(table["rows"]) == {20} and "the 2 draws on record" in line


def test_the_declared_comparisons_are_of_nine_targets_twice_and_the_paper_s_three():
    assert len({(each.dataset, each.target) for each in COMPARISONS}) == 9 and len(COMPARISONS) == 18
    for each in COMPARISONS:
        assert each.folds == 10 and each.rows == min(100, int(0.8 * each.of)) and each.restarts == 0
        assert len(each.name(0, "fractions")) == 16
    theirs = [("martensite_peak", 100), ("hardness", 68), ("yield_strength", 299)]
    assert [(each.target, each.rows) for each in PUBLISHED] == theirs


@pytest.mark.dataset
def test_one_small_draw_of_each_published_dataset(tmp_path, monkeypatch):
    if missing := [name for name in HELD if not datasets.available(name)]:
        pytest.skip(f"datasets {', '.join(missing)} cannot be had")
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path))
    small = dict(rows=30, folds=2, generations=2)
    for each in [c for c in COMPARISONS if c.process == "held" and c.target != "enthalpy"] + [*PUBLISHED]:
        table, _ = obtain(replace(each, **small), 1, workers=1)  # counts the rows of the held process too
        assert (table[["mae", "mape"]] > 0).all(axis=None)
