"""Many measurements: the exact model where all points carry it, the dense formulas where some do, held-out points."""

import numpy as np
import pytest
import torch

from alloygrad.features.feature_map import doubles
from alloygrad.kernel import matern52
from alloygrad.surrogates import GaussianProcess, sparse
from alloygrad.surrogates.gp import fit_gp


def data(n, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    x = rng.random((n, 2))
    return x, np.sin(5 * x[:, 0]) + x[:, 1] ** 2 + noise * rng.normal(size=n)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(sparse, "MOST_POINTS", 60)
    monkeypatch.setattr(sparse, "LEARNT_ON", 40)


def test_where_all_points_carry_the_model_it_is_the_exact_one(monkeypatch):
    x, y = data(50)
    exact = fit_gp(doubles, x, y)
    monkeypatch.setattr(sparse, "MOST_POINTS", 50)
    monkeypatch.setattr(sparse, "LEARNT_ON", 50)
    data_of = dict(coordinates=exact.coordinates, targets=exact.targets, inputs=exact.inputs)
    model = sparse._carried(exact, data_of, None, np.arange(50))
    at = np.random.default_rng(1).random((30, 2))
    for one, other in zip(model.posterior(at), exact.posterior(at), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    for one, other in zip(model.leave_one_out(), exact.leave_one_out(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_what_all_say_at_some_points_is_the_dense_formula():
    """Posterior and left-out rows by the covariance of all n measurements, which is never formed in the code."""
    x, y = (torch.from_numpy(part) for part in data(70))
    x, u, s = 3 * x, 3 * x[:25], 1.7
    variances = 0.01 + 0.1 * torch.rand(70, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = sparse.condensed(x, u, y, variances, s)
    prior, to_all = matern52(u, u, s)[-1] + sparse.JITTER * s * torch.eye(25), matern52(u, x, s)[-1]
    shared = to_all.mT @ torch.linalg.solve(prior, to_all)
    dense = shared + torch.diag(variances + s - shared.diagonal())
    at = 3 * torch.rand((9, 2), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    near = matern52(at, u, s)[-1]
    across = near @ torch.linalg.solve(prior, to_all)  # covariance of the points and the measurements
    mean = across @ torch.linalg.solve(dense, y)
    variance = s - (across * torch.linalg.solve(dense, across.mT).mT).sum(1)
    ours = near @ torch.cholesky_solve(found.targets[:, None], found.cholesky)[:, 0]
    torch.testing.assert_close(ours, mean, rtol=1e-6, atol=1e-8)
    solved = torch.linalg.solve_triangular(found.cholesky, near.mT, upper=False)
    torch.testing.assert_close(s - solved.square().sum(0), variance, rtol=1e-5, atol=1e-7)
    for row in (0, 40):  # inducing, and not
        others = torch.arange(70) != row
        weights = torch.linalg.solve(dense[others][:, others], dense[others, row])
        torch.testing.assert_close(found.mean[row], weights @ y[others], rtol=1e-6, atol=1e-8)
        left = dense[row, row] - weights @ dense[others, row]
        torch.testing.assert_close(found.variance[row], left, rtol=1e-6, atol=1e-8)
    added = found.cholesky @ found.cholesky.mT - prior
    assert 0 < found.least <= torch.linalg.eigvalsh(added).min().item()


def test_many_points_are_predicted_as_by_the_exact_model(small):
    x, y = data(300)
    at, truth = data(200, seed=5, noise=0)
    model, exact = GaussianProcess(doubles).fit(x, y), fit_gp(doubles, x, y)
    assert isinstance(model, sparse.SparseModel) and len(model.targets) == 60 and model.different == 300
    errors = [float(np.sqrt(np.mean((one.posterior(at)[0].numpy() - truth) ** 2))) for one in (model, exact)]
    assert errors[0] < 1.3 * errors[1] and errors[0] < 0.04
    alone = fit_gp(doubles, x[:60], y[:60])  # as many points, but no others that count
    assert errors[0] < 0.8 * np.sqrt(np.mean((alone.posterior(at)[0].numpy() - truth) ** 2))
    mean, std = (part.numpy() for part in model.leave_one_out())
    assert len(mean) == 300 and 0.85 < ((y - mean) / std).std() < 1.15
    again = GaussianProcess(doubles).fit(x, y)
    assert torch.equal(again.weights, model.weights) and "The model of 300 different points" in model.warnings[-1]


def test_repeats_and_stated_uncertainties_count_by_their_noise(small):
    x, y = data(100)
    x, rng = np.repeat(x, 3, axis=0), np.random.default_rng(2)
    y = np.repeat(y, 3) + 0.05 * rng.normal(size=300)
    merged = GaussianProcess(doubles).fit(x, y)
    assert merged.different == 100 and len(merged.leave_one_out()[0]) == 300
    stated = np.where(np.arange(300) < 150, 4.0, 0.0)
    blind = y + np.where(stated > 0, 20.0, 0.0)  # rows known to be uncertain may be far off
    aware = GaussianProcess(doubles).fit(x, blind, stated=stated * 100)
    sure = x[150:]
    assert np.abs(aware.posterior(sure)[0].numpy() - y[150:]).mean() < 0.3


def test_a_fantasy_lowers_the_variance_there_and_leaves_the_mean(small):
    x, y = data(120)
    model, at = GaussianProcess(doubles).fit(x, y, noise=0.01), np.array([[0.37, 0.61]])
    mean, std = model.posterior(at)
    later = model.condition(at, mean)
    torch.testing.assert_close(later.posterior(at)[0], mean)
    assert later.posterior(at)[1] < std
    with pytest.raises(ValueError, match="Ask the model before `condition`"):
        later.leave_one_out()


@pytest.mark.parametrize("noise", [None, 1e-6])
@pytest.mark.parametrize("shape", ["a line", "a line with a gap", "a lattice", "a cluster"])
def test_inducing_points_closer_than_any_lengthscale_do_no_harm(small, shape, noise):
    """Sixty points on a smooth curve say nearly the same: K_uu is singular in floats, the model is not."""
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.random(300), np.zeros(300)])
    if shape == "a line with a gap":
        x[:, 0] = np.where(x[:, 0] < 0.5, 0.4 * x[:, 0], 0.6 + 0.4 * x[:, 0])
    if shape == "a lattice":
        x = np.stack(np.meshgrid(np.linspace(0, 1, 30), np.linspace(0, 1, 10)), -1).reshape(-1, 2)
    if shape == "a cluster":
        x[:290, 0] = 0.5 + 1e-6 * rng.random(290)
    y = np.sin(4 * x[:, 0]) + x[:, 1] + (0.02 * rng.normal(size=300) if noise is None else 0)
    model, at = GaussianProcess(doubles).fit(x, y, noise=noise), x[::7] + 1e-4
    mean, std = model.posterior(at)
    assert torch.isfinite(mean).all() and (std > 0).all() and (std < 0.5).all()
    np.testing.assert_allclose(mean, np.sin(4 * at[:, 0]) + at[:, 1], atol=0.05)
    assert all(torch.isfinite(part).all() for part in model.leave_one_out())
    later = model.condition(at[:1], mean[:1])
    torch.testing.assert_close(later.posterior(at)[0], mean, atol=1e-3, rtol=0)
    assert (later.posterior(at)[1] <= std + 1e-4).all()
