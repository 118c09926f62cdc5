"""The averaged Gaussian process: its posterior, evidence and left-out predictions by second routes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from alloygrad.features.feature_map import doubles
from alloygrad.surrogates.gp import fit_gp, with_hyperparameters
from alloygrad.surrogates.isotropic import NOISES, fit_isotropic, kernel_of, nearness
from alloygrad.surrogates.process import process

RNG = np.random.default_rng(0)
X = RNG.random((24, 3)) * [1, 10, 100]
Y = np.sin(4 * X[:, 0]) + X[:, 1] / 10 + 0.05 * RNG.normal(size=24)
ASKED = torch.from_numpy(RNG.random((7, 3)) * [1, 10, 100])


def test_one_part_is_the_gaussian_process_of_gp_with_its_hyperparameters():
    model = fit_isotropic(doubles, X, Y)
    best = model.parts[0]
    alone = replace(model, parts=(replace(best, weight=1.0),))
    low, width = X.min(0), np.ptp(X, axis=0)
    lengthscales = best.lengthscale / (model.factor.numpy() * width)
    twin = with_hyperparameters(doubles, X, Y, lengthscales, best.scale, best.mean, noise=best.scale * best.noise)
    assert np.allclose(twin.low, low)
    for mine, theirs in zip(alone.posterior(ASKED), twin.posterior(ASKED), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-6)
    for mine, theirs in zip(alone.leave_one_out(), twin.leave_one_out(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-7, rtol=1e-7)


def test_weights_are_the_evidence_of_the_pairs():
    model = fit_isotropic(doubles, X, Y)
    assert sum(part.weight for part in model.parts) == pytest.approx(1)
    near, n = nearness("matern", model.inputs, model.inputs), len(Y)
    for part in model.parts:
        gram = (kernel_of("matern", near, part.lengthscale) + part.noise * torch.eye(n)).numpy() * part.scale
        rest = Y - part.mean
        whole = -0.5 * rest @ np.linalg.solve(gram, rest) - 0.5 * np.linalg.slogdet(gram)[1]
        assert whole + n / 2 == pytest.approx(part.evidence, abs=1e-6)
        assert part.weight / model.parts[0].weight == pytest.approx(np.exp(part.evidence - model.evidence))


def test_units_and_shifts_of_features_have_no_effect_and_constant_ones_are_left_out():
    moved = np.column_stack([X * [1e-3, 7, 1] + [5, 0, -2], np.full(24, 3.0)])
    one, other = fit_isotropic(doubles, X, Y), fit_isotropic(doubles, moved, Y)
    asked = torch.cat([ASKED * torch.tensor([1e-3, 7, 1]) + torch.tensor([5, 0, -2]), torch.full((7, 1), 9.0)], 1)
    torch.testing.assert_close(one.posterior(ASKED)[0], other.posterior(asked.double())[0], atol=1e-6, rtol=1e-6)


def test_the_tanimoto_kernel_is_the_share_of_common_bits():
    bits = torch.tensor([[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]], dtype=torch.float64)
    found = nearness("tanimoto", bits, bits)
    expected = torch.tensor([[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 1]], dtype=torch.float64)
    torch.testing.assert_close(found, expected)
    rng = np.random.default_rng(1)
    drawn = (rng.random((30, 12)) < 0.4).astype(float)
    model = fit_isotropic(doubles, drawn, drawn[:, :4].sum(1), kernel="tanimoto")
    assert np.corrcoef(model.leave_one_out()[0], drawn[:, :4].sum(1))[0, 1] > 0.5


def test_fixed_noise_takes_the_place_of_the_grid():
    model = fit_isotropic(doubles, X, Y, noise=0.01)
    assert all(part.noise == pytest.approx(0.01 / Y.var()) for part in model.parts)
    assert {part.noise for part in fit_isotropic(doubles, X, Y).parts} <= set(NOISES)


@pytest.mark.parametrize("fit", [fit_gp, fit_isotropic])
def test_a_process_has_the_covariances_of_its_model_and_its_rough_posterior_is_near(fit):
    model = fit(doubles, X, Y)
    if fit is fit_isotropic:
        model = replace(model, parts=(replace(model.parts[0], weight=1.0),))
    own = process(model)
    mean, std = model.posterior(ASKED)
    known = own.whitened(ASKED)
    torch.testing.assert_close(own.variance(known).sqrt(), std, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(own.covariance(known, known).diagonal(), std.square(), atol=1e-6, rtol=1e-5)
    joint = model.sample(ASKED, 20000, np.random.default_rng(0))
    torch.testing.assert_close(torch.cov(joint.mT), own.covariance(known, known), atol=0.02, rtol=0.1)
    rough_mean, rough_variance = own.rough(ASKED)
    assert (rough_mean - mean).abs().max() < 5e-3 * Y.std()
    assert (rough_variance - std.square()).abs().max() < 5e-3 * own.scale


def test_no_process_is_made_of_trees():
    with pytest.raises(TypeError, match="Gaussian process"):
        process(object())
