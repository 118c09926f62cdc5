"""Model the whole curve, not its misfit: Gaussian processes of its principal components, and log EI through them.

The curves f(x) (m,) of all calls, as the coarse misfit sees them, are reduced to K principal components. Each component
is a Gaussian process; all share one Matérn 5/2 correlation with a lengthscale for each parameter, and mean and variance
of each are those of largest likelihood. With K components z ~ N(μ(x), σ²(x)) and the data at z°, the misfit is
q = ‖z − z°‖² + floor, and the score is the expected improvement of log q, by quasi-random samples.

A misfit is a sum of squares: it has ridges and many minima where the curve itself is smooth in the parameters.

Source: Astudillo and Frazier, Bayesian Optimization of Composite Functions, ICML 2019.
"""

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import ndtri
from scipy.stats import qmc

from alloygrad.inverse.calls import Calls

MOST_COMPONENTS = 10
EXPLAINED = 0.9995
"""As many components as explain this share of the variance of the curves."""

SAMPLES = 16
"""Quasi-random samples of the components; 64 did no better on the synthetic patterns."""

PERIOD = 6
"""Components and lengthscales are fitted anew after as many calls."""

NUGGET = 1e-6
"""Added to the diagonal of the correlation: the simulator is exact."""

PRIOR = (np.log(0.5), 1.0)
"""Mean and standard deviation of the normal prior on the logarithm of a lengthscale, in ranges."""

LIMITS = (np.log(0.03), np.log(20.0))


class Composite:
    """The model of the curves of some calls; a call of it scores shares (n, d)."""

    def __init__(self, calls: Calls) -> None:
        self.calls, self.logs, self.fitted_at = calls, np.full(calls.d, PRIOR[0]), -PERIOD

    def update(self) -> None:
        """Take in the calls made since the last update."""
        curves = np.array([fitted.model for fitted in self.calls.coarse])
        x = np.array(self.calls.shares)
        if len(x) - self.fitted_at >= PERIOD:
            self.centre = curves.mean(0)
            _, sizes, axes = np.linalg.svd(curves - self.centre, full_matrices=False)
            explained = np.cumsum(sizes**2) / max((sizes**2).sum(), 1e-300)
            count = min(MOST_COMPONENTS, int(np.searchsorted(explained, EXPLAINED)) + 1, max(1, len(x) - 2))
            self.axes = axes[:count]
        scores = (curves - self.centre) @ self.axes.T
        target = self.axes @ (self.calls.problem.targets["coarse"] - self.centre)
        self.scale = scores.std(0) + 1e-12
        if len(x) - self.fitted_at >= PERIOD:
            self.logs, self.fitted_at = fit_lengthscales(x, scores / self.scale, self.logs), len(x)
            drawn = qmc.Sobol(len(self.axes), rng=np.random.default_rng(1)).random(SAMPLES)
            self.normal = ndtri(np.clip(drawn, 1e-6, 1 - 1e-6))
        self.x, self.target = x, target
        self.factor = cholesky(correlation(x, x, self.logs) + NUGGET * np.eye(len(x)), lower=True)
        self.mean, self.weights, self.variance = concentrate(self.factor, scores / self.scale)
        self.floor = 0.5 * len(self.axes)  # the noise of the data in these components
        self.best = np.log(((scores - target) ** 2).sum(1).min() + self.floor)

    def predict(self, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation, each (n, K), of the components at shares (n, d)."""
        kernel = correlation(shares, self.x, self.logs)
        left = 1 - (solve_triangular(self.factor, kernel.T, lower=True) ** 2).sum(0)
        std = np.sqrt(np.maximum(left, 1e-9)[:, None] * self.variance)
        return (self.mean + kernel @ self.weights) * self.scale, std * self.scale

    def __call__(self, shares: np.ndarray) -> np.ndarray:
        """Return the scores (n,) of shares (n, d)."""
        mean, std = self.predict(shares)
        drawn = mean[:, None] + std[:, None] * self.normal
        logs = np.log(((drawn - self.target) ** 2).sum(-1) + self.floor)
        # The mean decides where no sample improves.
        return np.maximum(self.best - logs, 0).mean(1) - 1e-6 * logs.mean(1)


def correlation(one: np.ndarray, other: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Return the Matérn 5/2 correlation (n, m) of points (n, d) and (m, d) at the logarithms (d,) of lengthscales."""
    one, other = one / np.exp(logs), other / np.exp(logs)
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    r = np.sqrt(5 * np.maximum(squares, 0))
    return (1 + r + r**2 / 3) * np.exp(-r)


def concentrate(factor: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return means (K,), weights (n, K) and variances (K,) of largest likelihood of outputs y (n, K)."""
    ones = cho_solve((factor, True), np.ones(len(y)))
    mean = ones @ y / ones.sum()
    weights = cho_solve((factor, True), y - mean)
    return mean, weights, np.maximum(((y - mean) * weights).sum(0) / len(y), 1e-12)


def loss(logs: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the negative log posterior of lengthscales and its gradient (d,), outputs y (n, K) concentrated.

    Σ_k ½ [n log s_k + log|R|] − log p(ℓ), with s_k the variance of largest likelihood of output k; its derivative by
    R is ½ [K R⁻¹ − Σ_k w_k w_kᵀ/s_k], w_k = R⁻¹(y_k − m_k).
    """
    squares = ((x[:, None] - x) / np.exp(logs)) ** 2
    r = np.sqrt(5 * squares.sum(-1))
    decay = np.exp(-r)
    factor = cholesky((1 + r + r**2 / 3) * decay + NUGGET * np.eye(len(x)), lower=True)
    _, weights, variance = concentrate(factor, y)
    offset = (logs - PRIOR[0]) / PRIOR[1]
    value = 0.5 * len(x) * np.log(variance).sum() + y.shape[1] * np.log(factor.diagonal()).sum() + 0.5 * offset @ offset
    inverse = cho_solve((factor, True), np.eye(len(x)))
    pull = y.shape[1] * inverse - (weights / variance) @ weights.T
    slope = 0.5 * 5 / 3 * np.einsum("ij,ijk->k", pull * (1 + r) * decay, squares)
    return value, slope + offset / PRIOR[1]


def fit_lengthscales(x: np.ndarray, y: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the logarithms (d,) of the lengthscales of largest posterior, from `start` and from a short one."""
    runs = [
        minimize(
            loss, begun, args=(x, y), jac=True, method="L-BFGS-B", bounds=[LIMITS] * len(start), options={"maxiter": 30}
        )
        for begun in (start, np.full(len(start), np.log(0.3)))
    ]
    return min(runs, key=lambda run: run.fun).x
