"""Stated uncertainties are noise of their row: by the formula, in a campaign, and as a table states them."""

import numpy as np
import pandas as pd
import pytest

import alloygrad as ag
from alloygrad.features.feature_map import doubles
from alloygrad.surrogates.evidence import log_posterior, pairs
from alloygrad.tables.reading import TableError

X = np.linspace(0, 1, 9)[:, None]
Y = np.sin(5 * X[:, 0])
S = np.where(np.arange(9) == 4, 0.8, 0.05)
BOX = ag.Box({"x": (0, 1)})
ALLOYS = ag.CompositionSpace({"Ni": (40, 60), "Ti": (40, 60)}, step=1)


def kernel(model, a, b):
    r = np.sqrt(5) * np.abs(a[:, None, 0] - b[None, :, 0]) / (model.width * model.lengthscales).item()
    return model.outputscale * (1 + r + r**2 / 3) * np.exp(-r)


def test_the_posterior_is_that_of_the_formula():
    """K + diag(s² + σ²), written out; and each row left out is predicted with its own noise."""
    model, at = ag.fit_gp(doubles, X, Y, stated=S**2), np.array([[0.13], [0.5], [0.81]])
    k = kernel(model, X, X) + np.diag(S**2 + model.noise)
    inverse = np.linalg.inv(k)
    mean, std = model.posterior(at)
    near = kernel(model, at, X)
    np.testing.assert_allclose(mean, model.mean + near @ inverse @ (Y - model.mean), rtol=1e-6)
    np.testing.assert_allclose(std**2, model.outputscale - np.einsum("ij,jk,ik->i", near, inverse, near), rtol=1e-6)
    np.testing.assert_allclose(model.leave_one_out()[1] ** 2, 1 / inverse.diagonal(), rtol=1e-6)


def test_the_gradient_of_the_evidence_is_its_difference_quotient():
    theta, step = np.log([0.4, 1.3, 0.02]), 1e-5
    value, gradient, *_ = log_posterior(theta, pairs(X), Y, noise=None, stated=S**2)
    for i in range(3):
        up, down = (
            log_posterior(theta + s * step * np.eye(3)[i], pairs(X), Y, noise=None, stated=S**2)[0] for s in (1, -1)
        )
        assert gradient[i] == pytest.approx((up - down) / (2 * step), rel=1e-5)
    assert value != log_posterior(theta, pairs(X), Y, noise=None)[0]


def begun(values, std=None):
    campaign = ag.Campaign(BOX, "y", seed=0)
    campaign.tell(X, values, std=std)
    return campaign


def test_a_value_that_is_stated_to_be_uncertain_hardly_counts():
    off = np.where(np.arange(9) == 4, 3.0, Y)
    plain, told = (
        begun(off, std).predict([[0.5]])["predicted"].item() for std in (None, {"y": np.where(S > 0.5, 3, 0)})
    )
    assert abs(told - np.sin(2.5)) < 0.1 < abs(plain - np.sin(2.5))
    part = begun(off, S).subset(np.arange(9) != 4)
    assert part.stds.shape == (8, 1) and part.only("y").stds.max() == 0.05
    usual = begun(Y, np.full(9, 0.3))
    assert usual.noise_std >= 0.3  # of a measurement of the usual uncertainty


def test_who_cannot_use_them_says_so():
    campaign = ag.Campaign(BOX, "y", surrogate="isotropic", seed=0)
    campaign.tell(X, Y, std=S)
    assert any("The stated uncertainties of 'y' are not used" in text for text in campaign.warnings)
    assert not any("stated" in text for text in begun(Y, S).warnings)


def test_a_table_states_them_in_cells_or_in_a_column(tmp_path):
    cells = [f"{50 + i},{50 - i},{200 + 10 * i} ± {i + 1}" for i in range(6)]
    columns = [f"{50 + i},{50 - i},{200 + 10 * i},{i + 1 if i else ''},2" for i in range(6)]
    (tmp_path / "cells.csv").write_text("\n".join(["Ni,Ti,HV", *cells]))
    (tmp_path / "columns.csv").write_text("\n".join(["Ni,Ti,HV,dHV,cost", *columns]))
    one = ag.read_table(tmp_path / "cells.csv", ALLOYS, unit="at.%")
    two = ag.read_table(tmp_path / "columns.csv", ALLOYS, unit="at.%", uncertainty={"HV": "dHV"})
    assert one.of("HV").stds.tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(two.of("HV").stds, [np.nan, 2, 3, 4, 5, 6])
    weighted = two.of(ag.Minimise({"HV": 0.5, "cost": 1.0}))  # the cost is exact
    np.testing.assert_array_equal(weighted.stds, [np.nan, 1, 1.5, 2, 2.5, 3])
    assert np.isnan(two.of("cost").stds).all()
    campaign = ag.Campaign(ALLOYS, [ag.Maximise("HV"), ag.Limit("cost", at_most=3)], inputs="fractions")
    campaign.tell(two)
    np.testing.assert_array_equal(campaign.stds, np.column_stack([two.of("HV").stds, [np.nan] * 6]))
    with pytest.raises(TableError, match=r"no column 'HV_std'; is 'HV' meant"):
        ag.read_table(tmp_path / "columns.csv", ALLOYS, unit="at.%", uncertainty={"HV": "HV_std"})
    with pytest.raises(ValueError, match="Expected no std next to a table"):
        campaign.tell(two, std=1)
    assert pd.isna(campaign.stds[0, 0])
