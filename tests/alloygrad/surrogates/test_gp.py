"""The GP against GPyTorch and BoTorch, finite differences, refits; hard inputs."""

import warnings

import mpmath
import numpy as np
import pytest
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models.utils.gpytorch_modules import get_gaussian_likelihood_with_gamma_prior
from botorch_twin import to_botorch
from gpytorch.mlls import ExactMarginalLogLikelihood
from scipy.optimize import minimize
from scipy.stats import gamma as scipy_gamma

from alloygrad.features.feature_map import FeatureMap
from alloygrad.surrogates import gp as S
from alloygrad.surrogates.evidence import NOISE_PRIOR

ELEMENTS = ("Ti", "Ni", "Cu", "Hf")
SELECTED = ["mean:VEC", "mean:XP", "mismatch:R", "mean:MT"]


def problem(seed: int, n: int = 40, selected=SELECTED):
    """FeatureMap, compositions (n, 4), targets (n,) of order 1, smooth in composition."""
    rng = np.random.default_rng(seed)
    c = rng.dirichlet(np.ones(4), n)
    return FeatureMap(ELEMENTS, selected), c, np.sin(c @ rng.normal(size=(4, 3)) * 3).sum(1)


def fresh(n: int) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(99).dirichlet(np.ones(4), n))


def objective(surrogate) -> float:
    """GPyTorch's own log posterior at the same hyperparameters, times n."""
    model = to_botorch(surrogate)
    mll = ExactMarginalLogLikelihood(model.likelihood, model).train()
    with torch.no_grad():
        return mll(model(*model.train_inputs), model.train_targets).item() * len(surrogate.targets)


@pytest.mark.parametrize("seed", range(8))
def test_log_posterior_equals_gpytorch_at_random_hyperparameters(seed):
    rng = np.random.default_rng(seed)
    features, c, y = problem(seed)
    ours = S.with_hyperparameters(features, c, y, rng.uniform(0.1, 2, 4), rng.uniform(0.1, 5), rng.normal())
    # GPyTorch divides by n. Relative, since a GP that these targets do not suit has yᵀK⁻¹y in the thousands.
    assert ours.log_posterior / len(y) == pytest.approx(objective(ours) / len(y), rel=1e-8, abs=1e-8)


def noisy(seed: int, n: int = 60):
    """As `problem`, but variance 1, then scatter of variance 0.25, and each third composition measured twice."""
    features, c, y = problem(seed, n)
    c, y = np.concatenate([c, c[::3]]), np.concatenate([y, y[::3]]) / y.std()
    return features, c, y + 0.5 * np.random.default_rng([seed, 1]).normal(size=len(y))


@pytest.mark.parametrize("noise", [S.NOISE, None])
@pytest.mark.parametrize("seed", range(4))
def test_log_posterior_and_posterior_equal_gpytorch(seed, noise):
    """mean and std to 1e-9 (targets of order 1), away from and on measured points."""
    surrogate = S.fit_gp(*(problem if noise else noisy)(seed, n=60), noise=noise, scaled_prior=False)
    model = to_botorch(surrogate)
    assert surrogate.log_posterior == pytest.approx(objective(surrogate), rel=1e-9)
    x = torch.cat([fresh(50), surrogate.coordinates[:10]])
    with torch.no_grad():
        theirs = model.posterior(x)
    mean, std = surrogate(x)
    torch.testing.assert_close(mean, theirs.mean[:, 0], rtol=0, atol=1e-9)
    torch.testing.assert_close(std, theirs.variance[:, 0].sqrt(), rtol=0, atol=1e-9)


def test_learned_noise_has_the_prior_and_the_limit_of_botorch():
    model = to_botorch(surrogate := S.fit_gp(*noisy(0), noise=None, scaled_prior=False))
    assert "likelihood.noise_covar.noise_prior" in [named[0] for named in model.named_priors()]
    assert model.likelihood.noise.item() == pytest.approx(surrogate.noise, rel=1e-12)
    default = get_gaussian_likelihood_with_gamma_prior().noise_covar
    prior, bound = default.noise_prior, default.raw_noise_constraint.lower_bound
    assert (prior.concentration.item(), prior.rate.item()) == pytest.approx(NOISE_PRIOR)
    assert bound.item() == pytest.approx(S.BOUNDS["noise"][0])


def test_gradient_of_log_posterior_by_finite_differences_and_fixed_noise_is_its_slice():
    features, c, y = noisy(0)
    points, theta = S.pairs(S.prepare(features, c, y)["inputs"].numpy()), np.log([0.3, 0.6, 1.1, 0.8, 1.7, 0.2])
    value, gradient, *_ = S.log_posterior(theta, points, y, noise=None)
    for j, step in enumerate(1e-5 * np.eye(6)):
        up, down = (S.log_posterior(theta + sign * step, points, y, noise=None)[0] for sign in (1, -1))
        assert gradient[j] == pytest.approx((up - down) / 2e-5, rel=1e-5, abs=1e-4)
    fixed, part, *_ = S.log_posterior(theta[:-1], points, y, noise=0.2)
    np.testing.assert_allclose(part, gradient[:-1], rtol=1e-10)
    assert value - fixed == pytest.approx(scipy_gamma(1.1, scale=1 / 0.05).logpdf(0.2))


def test_learned_noise_is_the_scatter_of_the_measurements_and_a_maximum():
    found = []
    for seed in range(4):
        features, c, y = noisy(seed, 120)
        surrogate = S.fit_gp(features, c, y, noise=None, scaled_prior=False)
        found.append(surrogate.noise)
        at = [
            S.fit_gp(features, c, y, noise=surrogate.noise * factor, scaled_prior=False) for factor in (0.8, 1.0, 1.25)
        ]
        prior = [scipy_gamma(1.1, scale=20).logpdf(part.noise) for part in at]
        values = [part.log_posterior + p for part, p in zip(at, prior, strict=True)]
        assert surrogate.diagnosis == "converged" and max(values) < surrogate.log_posterior + 1e-3
        assert values[1] == pytest.approx(surrogate.log_posterior, abs=1e-3)
        assert not at[0].noise_learned and surrogate.noise_learned
    assert 0.2 < np.mean(found) < 0.3


def test_profiled_mean_is_the_joint_optimum():
    """Optimising (log ℓ, log s, m) together ends at the same place, and no other m is better."""
    features, c, y = problem(1)
    surrogate = S.fit_paper(features, c, y)
    points = S.pairs(surrogate.inputs.numpy())
    best = np.log([*surrogate.lengthscales, surrogate.outputscale])
    for shift in (-1e-2, 1e-2):
        assert S.log_posterior(best, points, y, surrogate.mean + shift)[0] < surrogate.log_posterior
    joint = minimize(
        lambda t: -S.log_posterior(t[:-1], points, y, t[-1])[0],
        np.append(best + 0.1, surrogate.mean + 0.5),
        method="L-BFGS-B",
        options=dict(maxiter=2000, maxfun=20000, ftol=1e-13),
    )
    assert -joint.fun == pytest.approx(surrogate.log_posterior, abs=1e-3)
    assert joint.x[-1] == pytest.approx(surrogate.mean, abs=0.05)


@pytest.mark.parametrize("seed", range(6))
def test_fit_is_no_worse_than_botorch(seed):
    features, c, y = problem(seed, n=[40, 70, 100][seed % 3])
    surrogate = S.fit_paper(features, c, y)
    model = to_botorch(surrogate)
    model.covar_module.base_kernel.lengthscale = model.covar_module.outputscale = np.log(2)  # GPyTorch's start
    model.mean_module.constant.data.fill_(0.0)
    mll = ExactMarginalLogLikelihood(model.likelihood, model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit_gpytorch_mll(mll)
        mll.train()
        with torch.no_grad():
            theirs = mll(model(*model.train_inputs), model.train_targets).item() * len(y)
    assert surrogate.diagnosis == "converged"
    assert surrogate.log_posterior > theirs - 1e-3


def test_posterior_and_log_posterior_in_forty_digits():
    """The formulas once more, in mpmath: ours are good to 1e-11 even on measured points."""
    mpmath.mp.dps = 40
    surrogate = S.fit_paper(*problem(0, n=20))
    x = torch.cat([fresh(3), surrogate.coordinates[:2]])
    scaled = [[mpmath.mpf(v) for v in row] for row in surrogate.inputs.tolist()]
    lengthscales = [mpmath.mpf(v) for v in surrogate.lengthscales.tolist()]
    s, m, n = mpmath.mpf(surrogate.outputscale), mpmath.mpf(surrogate.mean), len(scaled)

    def kernel(a, b):
        r = mpmath.sqrt(5 * sum(((p - q) / ell) ** 2 for p, q, ell in zip(a, b, lengthscales, strict=True)))
        return s * (1 + r + r**2 / 3) * mpmath.exp(-r)

    covariance = mpmath.matrix([[kernel(a, b) for b in scaled] for a in scaled]) + mpmath.eye(n) * S.NOISE
    inverse = covariance**-1
    residual = mpmath.matrix([t - m for t in surrogate.targets.tolist()])
    means, stds = surrogate.posterior(x)
    points = (surrogate.features(x) - surrogate.low) / surrogate.width
    for point, mean, std in zip(points, means, stds, strict=True):
        k = mpmath.matrix([kernel([mpmath.mpf(v) for v in point.tolist()], b) for b in scaled])
        assert abs(mean.item() - (m + (k.T * inverse * residual)[0])) < 1e-11
        assert abs(std.item() - mpmath.sqrt(s - (k.T * inverse * k)[0])) < 1e-11

    def log_gamma_density(v, shape, rate):
        return shape * mpmath.log(rate) - mpmath.loggamma(shape) + (shape - 1) * mpmath.log(v) - rate * v

    log_posterior = -(residual.T * inverse * residual)[0] / 2 - mpmath.log(mpmath.det(covariance)) / 2
    log_posterior += -n * mpmath.log(2 * mpmath.pi) / 2 + log_gamma_density(s, 2, 0.15)
    log_posterior += sum(log_gamma_density(ell, 3, 6) for ell in lengthscales)
    assert abs(surrogate.log_posterior - log_posterior) < 1e-9


def test_gradient_in_composition():
    surrogate = S.fit_paper(*problem(2))
    x = fresh(6)
    model = to_botorch(surrogate)

    def gradients(f):
        at = x.clone().requires_grad_()
        return [torch.autograd.grad(part.sum(), at, retain_graph=True)[0] for part in f(at)]

    ours = gradients(surrogate.posterior)
    theirs = gradients(lambda at: (model.posterior(at).mean, model.posterior(at).variance.sqrt()))
    assert all(gradient.abs().max() > 0.1 for gradient in ours)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-8)
    for j in range(4):
        step = 1e-6 * torch.eye(4, dtype=torch.float64)[j]
        up, down = surrogate.posterior(x + step), surrogate.posterior(x - step)
        for gradient, a, b in zip(ours, up, down, strict=True):
            torch.testing.assert_close(gradient[:, j], (a - b) / 2e-6, rtol=1e-3, atol=1e-4)


def test_gradient_at_measured_points_is_finite_and_zero_on_the_floor_of_std():
    surrogate = S.fit_paper(*problem(3))
    x = surrogate.coordinates.clone().requires_grad_()
    mean, std = surrogate.posterior(x)
    assert (std >= S.MIN_VARIANCE**0.5).all() and (std < 2e-3).all()
    assert (mean - surrogate.targets).abs().max() < 1e-2
    assert torch.autograd.grad((mean + std).sum(), x)[0].isfinite().all()
    _, std = S.with_hyperparameters(*problem(3), [1.0] * 4, outputscale=1e-11)(x)
    assert (std == S.MIN_VARIANCE**0.5).all() and (torch.autograd.grad(std.sum(), x)[0] == 0).all()


def test_shapes_chunks_and_calls():
    surrogate = S.fit_paper(*problem(4))
    x = fresh(3 * S.BLOCK + 6)
    mean, std = surrogate(x.numpy())
    assert mean.dtype == std.dtype == torch.float64 and mean.shape == (len(x),)
    once = surrogate.posterior_features(surrogate.features(x))
    torch.testing.assert_close(mean, once[0], rtol=0, atol=1e-9)
    torch.testing.assert_close(std, once[1], rtol=0, atol=1e-9)
    assert surrogate.posterior(x[:6].reshape(1, 2, 3, 4))[0].shape == (1, 2, 3)
    assert surrogate.posterior(x[0])[1].shape == ()
    assert surrogate.posterior(x[:0])[0].shape == (0,)


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_a_fit_keeps_copies_and_takes_read_only_arrays(kind):
    """Columns of pandas are read-only; and what the caller does to his arrays later must not reach the fit."""
    features, c, y = problem(3)
    again, frozen = (kind(c), kind(y)), [np.array(values) for values in (c, y)]
    for values in frozen:
        values.setflags(write=False)
    surrogate = S.fit_paper(features, *again)
    for values in again:
        values *= 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same = S.fit_paper(features, *frozen)
        mean, std = same(frozen[0])
    assert same.log_posterior == surrogate.log_posterior
    torch.testing.assert_close(surrogate.targets, torch.tensor(y), rtol=0, atol=0)
    torch.testing.assert_close(torch.stack(surrogate(c)), torch.stack([mean, std]), rtol=0, atol=0)


def test_leave_one_out_equals_conditioning_without_each_point():
    features, c, y = problem(5, n=20)
    surrogate = S.fit_paper(features, c, y)
    mean, variance = surrogate.leave_one_out()
    variance = variance.square()
    scaled = surrogate.inputs

    def identity(x):
        return x

    for i in range(len(y)):
        keep = np.arange(len(y)) != i
        # `condition` rescales the features of the points left: undo it in the lengthscales.
        lengthscales = surrogate.lengthscales / (scaled[keep].amax(0) - scaled[keep].amin(0))
        part = S.with_hyperparameters(
            identity, scaled[keep], y[keep], lengthscales, surrogate.outputscale, surrogate.mean
        )
        left_mean, left_std = part.posterior(scaled[i : i + 1])
        assert mean[i].item() == pytest.approx(left_mean.item(), abs=1e-6)
        assert variance[i].item() == pytest.approx(left_std.item() ** 2 + S.NOISE, rel=1e-4)


def test_fit_is_deterministic_and_ignores_order():
    features, c, y = problem(6)
    one, two = S.fit_paper(features, c, y), S.fit_paper(features, c, y)
    assert one.log_posterior == two.log_posterior and torch.equal(one.lengthscales, two.lengthscales)
    order = np.random.default_rng(0).permutation(len(y))
    assert S.fit_paper(features, c[order], y[order]).log_posterior == pytest.approx(one.log_posterior, abs=1e-4)


@pytest.mark.parametrize("case", ["duplicates", "clashing duplicates", "constant targets", "constant feature"])
def test_hard_inputs_give_finite_answers(case):  # more of them: `test_stress`
    features, c, y = problem(7)
    if case == "duplicates":
        c, y = np.repeat(c, 3, 0), np.repeat(y, 3)
    elif case == "clashing duplicates":
        c, y = np.repeat(c, 2, 0), np.repeat(y, 2) + np.tile([0.0, 0.3], len(y))
    elif case == "constant targets":
        y = np.full(len(y), 0.7)
    elif case == "constant feature":
        features = FeatureMap(ELEMENTS, ["max:VEC", "mean:VEC"])
    surrogate = S.fit_paper(features, c, y)
    x = torch.cat([fresh(20), surrogate.coordinates]).requires_grad_()
    mean, std = surrogate(x)
    assert mean.isfinite().all() and std.isfinite().all() and (std > 0).all()
    assert torch.autograd.grad((mean + std).sum(), x)[0].isfinite().all()
    if case == "constant targets":
        torch.testing.assert_close(mean, torch.full_like(mean, 0.7))


def test_jitter_is_reported_and_failure_is_clear():
    """Coincident points at a huge output scale: noise 1e-6 is below rounding."""
    x, y = np.zeros((3, 1)), np.array([0.0, 1.0, 2.0])
    surrogate = S.with_hyperparameters(lambda c: c, x, y, [1.0], 1e12)
    assert surrogate.jitter > 0 and "jitter" in surrogate.diagnosis
    with pytest.raises(ValueError, match=r"positive definite covariance; got a singular one of 2 points.*Rescale"):
        S.with_hyperparameters(lambda c: c, x[:2], y[:2], [np.nan], 1.0)


def test_errors_name_what_was_expected_and_what_came():
    features, c, y = problem(8)
    with pytest.raises(ValueError, match=r"n ≥ 1; got shapes \(40, 4\) and \(39,\)"):
        S.fit_paper(features, c, y[:-1])
    with pytest.raises(ValueError, match="n ≥ 1"):
        S.fit_paper(features, c[:0], y[:0])
    with pytest.raises(ValueError, match=r"finite targets, 1e\+50 at most; got nan in row 3"):
        S.fit_paper(features, c, np.where(np.arange(40) == 3, np.nan, y))
    with pytest.raises(ValueError, match=r"got inf in row 0, column 1"):
        S.fit_paper(lambda x: torch.stack([x[:, 0], x[:, 1] / 0], -1), c, y)
    for noise in (-1.0, 0.0, np.nan):
        with pytest.raises(ValueError, match=rf"positive noise variance; got {noise}"):
            S.fit_gp(features, c, y, noise=noise, scaled_prior=False)
