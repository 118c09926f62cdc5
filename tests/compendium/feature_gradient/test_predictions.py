"""Predictions of a draw: nothing leaks that should not, each row once, both surrogates, scores by hand."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from alloygrad.features.selection import closed_form, deal_folds
from alloygrad.surrogates.gp import fit_gp
from compendium.feature_gradient import predictions
from compendium.feature_gradient.predictions import INPUTS, Draw, errors, next_to, predict, predict_as_published

ELEMENTS = ("Ti", "Ni", "Cu", "Hf", "Zr")


def made_up(n: int = 20, process: int = 0) -> Draw:
    rng = np.random.default_rng(4)
    compositions, conditions = rng.dirichlet(np.ones(5), n), rng.uniform(300, 900, (n, process))
    targets = 300 + 100 * np.sin(5 * compositions[:, 0]) + 40 * compositions[:, 3] + 0.2 * conditions.sum(1)
    options = dict(n_features=2, population=8, generations=3, patience=3)
    folds = deal_folds(n, rng, n_folds=4)[0]
    return Draw(ELEMENTS, compositions, conditions, targets, folds, lambda k: np.random.default_rng(k), options)


def everything(draw: Draw) -> dict[str, np.ndarray]:
    return {kind: predict(draw, kind) for kind in INPUTS}


def test_selection_inside_never_sees_the_held_out_rows():
    """Whatever is planted in the targets of a fold, what is predicted there from the others stays the same."""
    draw = made_up()
    before, changed = everything(draw), {name: [] for name in INPUTS}
    for fold in range(4):
        held = draw.folds == fold
        after = everything(replace(draw, targets=np.where(held, 1e4 * draw.compositions[:, 1], draw.targets)))
        for name in INPUTS:
            changed[name].append((after[name] != before[name])[held].any())
            assert (after[name] != before[name])[~held].all()  # it is seen from the other folds
    assert not any(changed["features inside"]) and not any(changed["fractions"])
    assert any(changed["features outside"])  # the leak that was published


def test_selections_and_fits_get_the_rows_they_should(monkeypatch):
    draw, selected, fits = made_up(), [], []
    select, fit = predictions.genetic, predictions.fit_gp
    monkeypatch.setattr(predictions, "genetic", lambda s, c, y, **kw: selected.append(set(y)) or select(s, c, y, **kw))
    monkeypatch.setattr(predictions, "fit_gp", lambda f, c, y, **kw: fits.append((c, y, kw)) or fit(f, c, y, **kw))
    found = everything(draw)
    inside = [{*draw.targets[draw.folds != fold]} for fold in range(4)]
    assert selected == [*inside, {*draw.targets}]  # outside: once
    assert all(np.isfinite(found[name]).all() for name in INPUTS) and len(fits) == 4 * len(INPUTS)
    for i, (points, y, options) in enumerate(fits):
        assert np.array_equal(points, draw.points[draw.folds != i % 4])
        assert options == {"noise": None, "scaled_prior": False}
        assert y.mean() == pytest.approx(0, abs=1e-12) and y.std() == pytest.approx(1)


def test_fractions_that_do_not_vary_in_training_are_left_out():
    """An element of a single row: absent where that row is held out, and the prediction is finite all the same."""
    draw = made_up()
    draw.compositions[:, 4] = 0
    draw.compositions[0, 4] = 0.3
    draw.compositions[:] /= draw.compositions.sum(1, keepdims=True)
    held, known = draw.folds == draw.folds[0], draw.folds != draw.folds[0]
    centre, scale = draw.targets[known].mean(), draw.targets[known].std()
    gone, y = np.delete(draw.compositions, 4, axis=1), (draw.targets[known] - centre) / scale
    alone = fit_gp(lambda c: c, gone[known], y, noise=None, scaled_prior=False)
    expected = centre + scale * alone(gone[held])[0].numpy()
    np.testing.assert_allclose(predict(draw, "fractions")[held], expected, rtol=1e-12)


@pytest.mark.parametrize("kind", INPUTS)
def test_process_conditions_that_vary_are_inputs_next_to_either(kind):
    draw = made_up(process=2)
    draw.process[:, 1] = 7.0
    points = torch.as_tensor(draw.points)
    found = draw.inputs(kind, draw.folds != 0)(points)
    assert torch.equal(found[:, -1], points[:, 5]) and found.shape[1] == (6 if kind == "fractions" else 3)


def test_a_set_next_to_columns_scores_as_the_set_that_holds_them():
    rng = np.random.default_rng(0)
    values, columns, targets = (torch.as_tensor(rng.normal(size=shape)) for shape in ((20, 6), (20, 2), (20,)))
    folds, sets = deal_folds(20, rng, n_folds=4), np.array([[0, 3], [2, 5]])
    together = closed_form(torch.cat([values, columns], 1), targets, folds)(np.hstack([sets, [[6, 7]] * 2]))
    assert next_to(columns)(values, targets, folds)(sets).tolist() == together.tolist()


def test_predictions_do_not_depend_on_the_unit():
    draw = made_up()
    one, other = everything(draw), everything(replace(draw, targets=0.001 * draw.targets - 3))
    for name in INPUTS:
        np.testing.assert_allclose(other[name], 0.001 * one[name] - 3, rtol=1e-3)


def test_the_published_surrogate_is_the_best_of_a_grid_of_its_likelihood():
    """By its own formulas over length, scale and noise; inputs scaled by the quartiles of all rows."""
    draw = made_up(n=24)
    known, held = draw.folds != 0, draw.folds == 0
    low, middle, high = np.percentile(draw.compositions, [25, 50, 75], axis=0)
    x, y = (draw.compositions - middle) / (high - low), draw.targets[known]
    r = np.sqrt(3) * np.linalg.norm(x[:, None] - x[known], axis=-1)

    def fit(length, scale, noise):
        k = scale * (1 + r / length) * np.exp(-r / length)
        factor = np.linalg.cholesky(k[known] + noise * np.eye(known.sum()))
        half = np.linalg.solve(factor, y)
        return -half @ half / 2 - np.log(np.diag(factor)).sum(), k[held] @ np.linalg.solve(factor.T, half)

    grid = product(np.logspace(0, 4, 17), np.logspace(2, 8, 13), np.logspace(-3, 4, 8))
    expected = max((fit(*each) for each in grid), key=lambda found: found[0])[1]
    found = predict_as_published(draw, "fractions", 40)[held]  # with five it stays on a plateau of noise alone
    assert np.abs(found - expected).max() < 0.1 * draw.targets.std()


def test_errors_by_hand():
    found = errors(np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.0, 1.0]), "MPa")
    assert found == {"mae": pytest.approx(4 / 3), "mape": pytest.approx((1 + 0 + 0.75) / 3)}
    assert errors(np.array([-1.0, 2.0]), np.array([1.0, 2.0]), "MPa") == {"mae": 1.0, "mape": None}
    kelvin = errors(np.array([-73.15, 26.85]), np.array([-53.15, 26.85]), "°C")  # 200 and 300 K, one 20 K off
    assert kelvin == {"mae": pytest.approx(10), "mape": pytest.approx(0.05)}
