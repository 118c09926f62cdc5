"""Merged repeats give the model of all measurements: the same posterior, the same predictions left out."""

import numpy as np
import pytest
import torch

from alloygrad.features.feature_map import doubles
from alloygrad.surrogates import repeats
from alloygrad.surrogates.evidence import log_posterior, pairs
from alloygrad.surrogates.gp import fit_gp


def noisy(n_points=7, n=30, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.random((n_points, 2))
    rows = np.concatenate([np.arange(n_points), rng.integers(n_points, size=n - n_points)])
    return x[rows], np.sin(4 * x[rows, 0]) + x[rows, 1] + 0.2 * rng.normal(size=n)


@pytest.mark.parametrize("seed", range(3))
def test_the_evidence_of_means_is_that_of_all_measurements(seed):
    """At any hyperparameters: the value, and the gradient by finite differences of the long way."""
    x, y = noisy(seed=seed)
    found = repeats.find(x, y)
    theta = np.random.default_rng(seed).normal(size=4) * 0.3
    short = log_posterior(theta, pairs(x[found.first]), found.means, None, None, 6.0, found)
    long = log_posterior(theta, pairs(x), y, None, None, 6.0)
    assert short[0] == pytest.approx(long[0], rel=1e-10) and short[2] == pytest.approx(long[2], rel=1e-9)
    np.testing.assert_allclose(short[1], long[1], rtol=1e-7, atol=1e-9)


def test_a_merged_model_predicts_as_the_long_one():
    x, y = noisy()
    short, long = (fit_gp(doubles, x, y, merge=merge) for merge in (True, False))
    assert len(short.targets) == 7 and len(long.targets) == 30
    assert short.noise == pytest.approx(long.noise, rel=1e-3)
    at = np.random.default_rng(1).random((20, 2))
    for one, other in zip(short.posterior(at), long.posterior(at), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_one_measurement_left_out_of_a_merged_model():
    """At the same hyperparameters as the long model: the closed form for all n measurements."""
    x, y = noisy()
    short = fit_gp(doubles, x, y, merge=True)
    theta = np.log([*short.lengthscales, short.outputscale, short.noise])
    scaled = (x - short.low.numpy()) / short.width.numpy()
    _, _, _, factor, _ = log_posterior(theta, pairs(scaled), y, short.mean, None, 1.0)
    inverse = np.linalg.inv(factor @ factor.T)
    variance = 1 / inverse.diagonal()
    mean, std = short.leave_one_out()
    np.testing.assert_allclose(mean, y - inverse @ (y - short.mean) * variance, rtol=1e-8)
    np.testing.assert_allclose(std, np.sqrt(variance), rtol=1e-8)


def test_nothing_is_merged_where_all_inputs_differ_or_the_noise_is_given():
    x, y = noisy(n_points=12, n=12)
    assert repeats.find(x, y) is None
    same = [fit_gp(doubles, x, y, merge=merge) for merge in (True, False)]
    assert torch.equal(same[0].weights, same[1].weights)
    x, y = noisy()
    assert fit_gp(doubles, x, y, noise=0.01, merge=True).repeats is None
