"""What a batch costs, and which covariance matrices can be factorised."""

import numpy as np
import pandas as pd
import pytest

from compendium.fusion import costs, figures, pools


def test_a_batch_is_measured_and_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("compendium.store.working", lambda: tmp_path)
    monkeypatch.setattr(costs, "WARM", 150)
    row = costs.once(200)
    assert 0 < row["seconds"] and 0 < row["wall"] and 50 < row["megabytes"] < 10_000
    assert costs.batches([200], compute_missing=False).empty


def test_the_candidates_are_those_of_the_pool():
    space, rows, merits = costs.alloys(300, np.random.default_rng(0))
    fractions = space.features[:, :4]
    assert space.size == 300 and len(set(rows)) == costs.MEASURED == len(merits)
    assert space.features.shape[1] == pools.DECLARED["alloys_sma"]["features"]
    np.testing.assert_allclose(fractions.sum(1), 1)
    expected = costs.alloy_pools.outcomes(costs.SMA, costs.SMA.space(4), fractions[rows])["merit"]
    np.testing.assert_allclose(merits, expected)


def test_the_condition_number_is_that_of_the_matrix_and_the_least_noise_bounds_it():
    table = costs.factorisations(dimensions=(2, 20), points=(30,), seeds=1)
    assert set(table["model"]) == {"fixed", "learned", "isotropic"}
    assert table.groupby("model")["jitter"].max().dropna().to_dict() == {"fixed": 0, "learned": 0}
    wide = table.pivot(index="dimensions", columns="model", values="condition")
    assert (wide["isotropic"] < 30 / 1e-3 + 1).all() and (wide["isotropic"] < wide["fixed"]).all()
    x, y = costs.gathered(30, 2, np.random.default_rng([30, 2, 0]))
    own = costs.process(costs.GaussianProcess(costs.plain).fit(x, y, noise=1e-6))
    whole = own.cholesky @ own.cholesky.mT
    assert wide.loc[2, "fixed"] == pytest.approx(np.linalg.cond(whole.numpy()), rel=1e-3)


def test_points_gather_around_the_best():
    x, y = costs.gathered(40, 5, np.random.default_rng(0))
    assert abs(x[20:] - x[20:].mean(0)).max() < 0.0021 and np.ptp(x[:20], axis=0).min() > 0.5
    assert y.mean() == pytest.approx(0) and y.std() == pytest.approx(1)


def test_a_line_for_each_model_and_two_panels_for_costs():
    figure = figures.conditioning(costs.factorisations(dimensions=(2, 3), points=(12,), seeds=1))
    assert len(figure.axes[0].lines) == 3
    table = pd.DataFrame({"candidates": [10, 100], "seconds": [0.1, 0.2], "megabytes": [300, 301]})
    assert [axis.get_xscale() for axis in figures.batch_costs(table).axes] == ["log", "log"]
    assert "no campaign" in figures.batch_costs(table.iloc[:0]).texts[0].get_text()


def test_shares_count_what_failed():
    rows = [
        {"model": "fixed", "dimensions": 2, "jitter": jitter, "single": single, "bare": False}
        for jitter, single in ((0.0, True), (1e-8, False), (1e-8, False), (1e-8, False))
    ]
    table = costs.shares(pd.DataFrame(rows)).set_index("matrices that")[2]
    assert table.tolist() == [0.75, 0.75, 1] and table.index[0] == "needed jitter"
