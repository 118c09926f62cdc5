"""Features or fractions: nothing leaks, scores by hand, the same draws again, stored and recorded."""

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
    INPUTS,
    Comparison,
    draw_rows,
    errors,
    obtain,
    predictions,
)

ELEMENTS = ("Ti", "Ni", "Cu", "Hf", "Zr")
TOY = Comparison("toy", "hardness", rows=20, folds=4, n_features=2, population=8, generations=3)


def made_up(n: int = 30) -> datasets.Dataset:
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.dirichlet(np.ones(5), n), columns=ELEMENTS)
    table["hardness"] = 300 + 100 * np.sin(5 * table["Ti"]) + 40 * table["Hf"] + 5 * rng.normal(size=n)
    return datasets.Dataset("toy", table, ELEMENTS, (), ("hardness",), {"hardness": "HV"}, "")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """The made-up dataset declared and at hand, an empty store and no record; returns how often it was loaded."""
    entry = {"sha256": "0" * 64, "elements": list(ELEMENTS), "rows_used": 30}
    entry["targets"] = [{"name": "hardness", "header": "HV", "unit": "HV"}]
    loads = []
    monkeypatch.setitem(datasets.REGISTRY, "toy", entry)
    monkeypatch.setattr(datasets, "load", lambda name: loads.append(name) or made_up())
    monkeypatch.setattr(datasets, "available", lambda name: True)
    monkeypatch.setattr(comparisons, "RECORD", tmp_path / "results" / "scores.csv")
    monkeypatch.setattr(comparisons, "COMPARISONS", {"toy": TOY})
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path / "store"))
    comparisons._fixed.cache_clear()
    yield loads
    comparisons._fixed.cache_clear()


def data(draw: int = 0):
    """Compositions (20, 5), targets (20,), folds (20,) of a draw."""
    rows, folds = draw_rows(TOY, 30, draw)
    table = made_up().table
    return table[list(ELEMENTS)].to_numpy()[rows], table["hardness"].to_numpy()[rows], folds


def test_selection_inside_never_sees_the_held_out_rows():
    """Whatever is planted in the targets of a fold, what is predicted there from the others stays the same."""
    compositions, targets, folds = data()
    before = predictions(TOY, ELEMENTS, compositions, targets, folds)
    changed = {name: [] for name in INPUTS}
    for fold in range(4):
        planted = np.where(folds == fold, 1e4 * compositions[:, 1], targets)
        after = predictions(TOY, ELEMENTS, compositions, planted, folds)
        for name in INPUTS:
            changed[name].append((after[name] != before[name])[folds == fold].any())
            assert (after[name] != before[name])[folds != fold].all()  # it is seen from the other folds
    assert not any(changed["features inside"]) and not any(changed["fractions"])
    assert any(changed["features outside"])  # the leak that was published


def test_selections_and_fits_get_the_rows_they_should_and_folds_cover_each_row_once(monkeypatch):
    compositions, targets, folds = data()
    selected, fits, select, fit = [], [], comparisons.genetic, comparisons.fit_gp
    monkeypatch.setattr(comparisons, "genetic", lambda s, c, y, **kw: selected.append(set(y)) or select(s, c, y, **kw))
    monkeypatch.setattr(comparisons, "fit_gp", lambda f, c, y, **kw: fits.append((c, y, kw)) or fit(f, c, y, **kw))
    found = predictions(TOY, ELEMENTS, compositions, targets, folds)
    assert selected == [set(targets), *({*targets[folds != fold]} for fold in range(4))]
    assert all(np.isfinite(found[name]).all() for name in INPUTS)
    assert np.bincount(folds).tolist() == [5] * 4 and len(fits) == 4 * len(INPUTS)
    for i, (c, y, options) in enumerate(fits):
        fold = i // len(INPUTS)
        assert np.array_equal(c, compositions[folds != fold]) and options == {"noise": None, "scaled_prior": False}
        assert y.mean() == pytest.approx(0, abs=1e-12) and y.std() == pytest.approx(1)


def test_fractions_that_do_not_vary_in_training_are_left_out():
    """An element of a single row: absent where that row is held out, and the prediction is finite all the same."""
    compositions, targets, folds = data()
    compositions[:, 4] = 0
    compositions[0, 4] = 0.3
    compositions /= compositions.sum(1, keepdims=True)
    found = predictions(TOY, ELEMENTS, compositions, targets, folds)["fractions"]
    gone = np.delete(compositions, 4, axis=1)
    held, known = folds == folds[0], folds != folds[0]
    centre, scale = targets[known].mean(), targets[known].std()
    alone = comparisons.fit_gp(
        lambda c: c, gone[known], (targets[known] - centre) / scale, noise=None, scaled_prior=False
    )
    np.testing.assert_allclose(found[held], centre + scale * alone(gone[held])[0].numpy(), rtol=1e-12)


def test_predictions_do_not_depend_on_the_unit():
    compositions, targets, folds = data()
    one = predictions(TOY, ELEMENTS, compositions, targets, folds)
    other = predictions(TOY, ELEMENTS, compositions, 0.001 * targets - 3, folds)
    for name in INPUTS:
        np.testing.assert_allclose(other[name], 0.001 * one[name] - 3, rtol=1e-3)


def test_errors_by_hand():
    found = errors(np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.0, 1.0]), positive=True)
    assert found == {"mae": pytest.approx(4 / 3), "mape": pytest.approx((1 + 0 + 0.75) / 3)}
    assert errors(np.array([-1.0, 2.0]), np.array([1.0, 2.0]), positive=False) == {"mae": 1.0, "mape": None}


def test_draws_are_seeded_by_dataset_target_and_number_and_without_replacement():
    rows, folds = draw_rows(TOY, 30, 3)
    again = draw_rows(replace(TOY, generations=9), 30, 3)
    assert np.array_equal(rows, again[0]) and np.array_equal(folds, again[1])
    assert len(set(rows)) == 20 and rows.max() < 30
    for other, draw in ((TOY, 4), (replace(TOY, target="x"), 3), (replace(TOY, dataset="x"), 3)):
        assert set(draw_rows(other, 30, draw)[0]) != set(rows)
    with pytest.raises(ValueError, match="31 rows of toy asked for, which has 30"):
        draw_rows(replace(TOY, rows=31), 30, 0)


def test_scores_are_computed_once_and_continue(toy):
    first, line = obtain(TOY, 1, workers=1)
    assert line == "toy: 1 draws computed." and len(toy) == 1
    both, line = obtain(TOY, 2, workers=1)
    assert line == "toy: 1 draws computed." and len(toy) == 2
    pd.testing.assert_frame_equal(both[both["draw"] == 0], first, check_exact=True)
    again, line = obtain(TOY, 2, workers=1)
    assert "read" in line and len(toy) == 2
    pd.testing.assert_frame_equal(again, both, check_exact=True)
    assert both["input"].tolist() == [*INPUTS] * 2 and set(both["unit"]) == {"HV"}
    assert (both[["rows", "of"]] == [20, 30]).all(axis=None)

    compositions, targets, folds = data(1)
    found = predictions(TOY, ELEMENTS, compositions, targets, folds, 1)
    for (_, row), name in zip(both[both["draw"] == 1].iterrows(), INPUTS, strict=True):
        assert row["mae"] == pytest.approx(np.abs(found[name] - targets).mean(), rel=1e-9)
        assert row["mape"] == pytest.approx((np.abs(found[name] - targets) / targets).mean(), rel=1e-9)
    for path in comparisons.folder().iterdir():  # files hold scores, no rows
        entry = json.loads(path.read_text())
        assert set(entry) == {"comparison", "code", "scores"}
        assert [set(row) for row in entry["scores"]] == [{"draw", "input", "mae", "mape"}] * 3


def test_the_name_is_that_of_data_cleaning_settings_and_properties(toy, monkeypatch):
    names = {TOY.name(0), TOY.name(1), replace(TOY, rows=19).name(0), replace(TOY, formulas=("mean", "max")).name(0)}
    for key, value in (("sha256", "1" * 64), ("removed", {"why": 2}), ("elements", [*ELEMENTS, "Co"])):
        with monkeypatch.context() as patch:
            patch.setitem(datasets.REGISTRY["toy"], key, value)
            comparisons._fixed.cache_clear()
            names.add(TOY.name(0))
    with monkeypatch.context() as patch:
        patch.setattr(comparisons, "BEHAVIOUR", 0)
        comparisons._fixed.cache_clear()
        names.add(TOY.name(0))
    assert len(names) == 8


def test_records_serve_where_the_dataset_cannot_be_had(toy, monkeypatch, tmp_path):
    before, _ = obtain(TOY, 2, workers=1)
    assert comparisons.record()["draws"].tolist() == [2]
    packed = comparisons.RECORD.read_bytes()
    assert list(pd.read_csv(comparisons.RECORD)) == ["dataset", "target", "formulas", *COLUMNS]
    monkeypatch.setattr(datasets, "available", lambda name: False)
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path / "elsewhere"))
    assert comparisons.record()["draws"].tolist() == [2]  # nothing gets lost from another store
    assert comparisons.RECORD.read_bytes() == packed
    table, line = obtain(TOY, 2)
    assert table.empty and line == "Dataset toy cannot be had: nothing can be shown."  # and records are not its

    monkeypatch.setattr(comparisons.store, "is_default", lambda: True)
    read, line = obtain(TOY, 2)
    pd.testing.assert_frame_equal(read, before, check_exact=True)
    assert line == "toy: read, nothing computed."
    assert obtain(TOY, 3)[1] == "Dataset toy cannot be had: the 2 draws of 20 rows on record can be shown."


def test_other_numbers_without_the_dataset_fall_back_to_the_recorded_ones(toy, monkeypatch):
    obtain(TOY, 2, workers=1)
    monkeypatch.setattr(datasets, "available", lambda name: False)
    monkeypatch.setattr(comparisons, "Comparison", lambda *about, **formulas: TOY)  # the default, as if recorded
    table, line = obtain(replace(TOY, rows=9), 1)
    assert set(table["rows"]) == {20} and line.endswith("the 1 draws of 20 rows on record can be shown.")


def test_mape_is_missing_where_a_target_is_not_positive(toy, monkeypatch):
    shifted = made_up()
    shifted.table["hardness"] -= shifted.table["hardness"].min()  # one zero, drawn or not
    monkeypatch.setattr(datasets, "load", lambda name: shifted)
    table, _ = obtain(TOY, 1, workers=1)
    assert table["mape"].isna().all() and table["mae"].notna().all()


def test_the_declared_comparisons_are_of_the_registry():
    for name, comparison in COMPARISONS.items():
        entry = datasets.REGISTRY[name]
        assert comparison.dataset == name and (comparison.rows, comparison.folds) == (100, 10)
        assert comparison.target in [column["name"] for column in entry["targets"]]
        assert entry["rows_used"] > comparison.rows and len(comparison.name(0)) == 16


@pytest.mark.dataset
def test_one_small_draw_of_each_published_dataset(tmp_path, monkeypatch):
    if missing := [name for name in COMPARISONS if not datasets.available(name)]:
        pytest.skip(f"datasets {', '.join(missing)} cannot be had")
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path))
    for comparison in COMPARISONS.values():
        table, _ = obtain(replace(comparison, rows=30, folds=2, generations=2), 1, workers=1)
        assert (table[["mae", "mape"]] > 0).all(axis=None)
