"""The deep kernel: the plain GP where there is no network, plain NumPy where there is one, finite differences."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from alloygrad.acquisition.analytic import log_ei
from alloygrad.features.feature_map import FeatureMap
from alloygrad.surrogates import deep_kernel, evidence, gp

ELEMENTS = ("Ti", "Ni", "Cu", "Hf")
FEATURES = FeatureMap(ELEMENTS, ["mean:VEC", "mean:XP", "mismatch:R"])
SIZES = (5, 2)


def problem(seed: int = 0, n: int = 30):
    rng = np.random.default_rng(seed)
    c = rng.dirichlet(np.ones(4), n)
    return c, np.sin(c @ rng.normal(size=(4, 3)) * 3).sum(1)


def scaled(seed: int = 0):
    """Scaled features (n, F) and targets of a problem, as tensors."""
    data = gp.prepare(FEATURES, *problem(seed))
    return data["inputs"], data["targets"]


def random_theta(seed: int, n_features: int = 3, sizes=SIZES) -> torch.Tensor:
    """Random weights, ℓ and s."""
    sides = (n_features, *sizes)
    weights = sum(b * (a + 1) for a, b in pairwise(sides))
    theta = np.random.default_rng(seed).normal(size=weights + sides[-1] + 1) * 0.7
    theta[weights:-1] -= 1.5  # short lengthscales: K is far from singular, and differences lose few digits
    return torch.from_numpy(theta)


@pytest.fixture(scope="module")
def trained():
    c, y = problem()
    return deep_kernel.fit_deep_kernel(FEATURES, c, y, sizes=SIZES, iterations=60)


@pytest.mark.parametrize("seed", range(4))
def test_without_a_network_the_objective_is_that_of_the_gp(seed):
    x, y = scaled(seed)
    theta = random_theta(seed, sizes=())
    value, gradient, *_ = evidence.log_posterior(theta.numpy(), evidence.pairs(x.numpy()), y.numpy())
    theta.requires_grad_()
    ours = deep_kernel.log_posterior(theta, x, y, ())
    ours.backward()
    assert ours.item() == pytest.approx(value, rel=1e-9)
    np.testing.assert_allclose(theta.grad, gradient, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_without_a_network_it_is_fitted_to_the_gp(seed):
    c, y = problem(seed)
    plain, deep = gp.fit_paper(FEATURES, c, y), deep_kernel.fit_deep_kernel(FEATURES, c, y, sizes=(), iterations=200)
    assert deep.log_posterior == pytest.approx(plain.log_posterior, abs=1e-3)
    np.testing.assert_allclose(deep.lengthscales, plain.lengthscales, rtol=0.02)
    fresh = np.random.default_rng(9).dirichlet(np.ones(4), 20)
    for ours, theirs in zip(deep(fresh), plain(fresh), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_objective_is_the_evidence_of_the_latent_features_less_half_the_squared_weights(seed):
    """Layer by layer in NumPy, then `evidence`, which knows nothing of networks."""
    x, y = scaled(seed)
    theta = random_theta(seed)
    t = theta.numpy()
    first, second = t[:20].reshape(5, 4), t[20:32].reshape(2, 6)
    hidden = np.tanh(x.numpy() @ first[:, :3].T / np.sqrt(3) + first[:, 3])
    z = hidden @ second[:, :5].T / np.sqrt(5) + second[:, 5]
    z = (z - z.min(0)) / np.ptp(z, axis=0)
    value, *_ = evidence.log_posterior(t[32:], evidence.pairs(z), y.numpy())
    assert deep_kernel.log_posterior(theta, x, y, SIZES).item() == pytest.approx(value - 0.5 * (t[:32] ** 2).sum())


def test_gradient_of_the_objective_by_finite_differences():
    x, y = scaled()
    theta = random_theta(4).requires_grad_()
    deep_kernel.log_posterior(theta, x, y, SIZES).backward()
    with torch.no_grad():
        for j, step in enumerate(1e-5 * torch.eye(len(theta), dtype=torch.float64)):
            up, down = (deep_kernel.log_posterior(theta + sign * step, x, y, SIZES) for sign in (1, -1))
            assert theta.grad[j].item() == pytest.approx((up - down).item() / 2e-5, rel=1e-5, abs=0.01)  # of 439 nats


def test_posterior_is_that_of_the_kernel_between_network_outputs(trained):
    """K inverted in NumPy, at the trained weights."""
    c, y = problem()
    fresh = np.random.default_rng(5).dirichlet(np.ones(4), 10)
    z, at = trained.features(c).numpy(), trained.features(fresh).numpy()
    scale = np.ptp(z, axis=0) * trained.lengthscales.numpy()

    def kernel(a, b):
        r = np.sqrt(5 * (((a[:, None] - b) / scale) ** 2).sum(-1))
        return trained.outputscale * (1 + r + r**2 / 3) * np.exp(-r)

    inverse = np.linalg.inv(kernel(z, z) + evidence.NOISE * np.eye(len(z)))
    m = inverse.sum(0) @ y / inverse.sum()
    mean, std = trained(fresh)
    np.testing.assert_allclose(mean, m + kernel(at, z) @ inverse @ (y - m), atol=1e-6)
    variance = trained.outputscale - np.einsum("ij,jk,ik->i", kernel(at, z), inverse, kernel(at, z))
    np.testing.assert_allclose(std**2, variance, rtol=1e-4, atol=1e-6)


def test_gradients_in_composition_by_finite_differences(trained):
    c = torch.tensor(np.random.default_rng(3).dirichlet(np.ones(4) * 5, 4), requires_grad=True)
    assert torch.autograd.gradcheck(trained, c, atol=1e-5)
    assert torch.autograd.gradcheck(log_ei(trained, trained.targets.max().item()), c, atol=1e-4)


def test_the_features_of_the_result_are_those_it_was_trained_with(trained):
    c, y = problem()
    again = gp.with_hyperparameters(trained.features, c, y, trained.lengthscales, trained.outputscale)
    weights = sum(part.square().sum().item() for layer in trained.features.layers for part in layer)
    assert trained.log_posterior == pytest.approx(again.log_posterior - 0.5 * weights, abs=1e-6)


def test_training_raises_the_objective_repeats_and_depends_on_the_seed(trained):
    c, y = problem()
    short = deep_kernel.fit_deep_kernel(FEATURES, c, y, sizes=SIZES, iterations=3)
    assert short.log_posterior < trained.log_posterior and short.diagnosis.startswith("stopped")
    again = deep_kernel.fit_deep_kernel(FEATURES, c, y, sizes=SIZES, iterations=60)
    with torch.no_grad():  # where a caller needs no gradients, the training still does
        other = deep_kernel.fit_deep_kernel(FEATURES, c, y, sizes=SIZES, iterations=60, seed=1)
    assert again.log_posterior == trained.log_posterior != other.log_posterior
    assert trained.lengthscales.shape == (2,) and trained.targets.tolist() == y.tolist()


def test_its_default_network_interpolates_and_knows_what_it_has_seen():
    c, y = problem(2, 40)
    deep = deep_kernel.fit_deep_kernel(FEATURES, c, y)
    mean, std = deep(c)
    np.testing.assert_allclose(mean, y, atol=0.02)
    assert std.max() < 0.02 < deep(np.random.default_rng(7).dirichlet(np.ones(4), 40))[1].max()
