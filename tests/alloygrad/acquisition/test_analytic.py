"""Acquisition functions against BoTorch, high precision, and arguments where researchers push them."""

import math

import mpmath
import numpy as np
import pytest
import torch
from botorch.acquisition import analytic
from botorch_twin import to_botorch
from scipy import special

from alloygrad.acquisition import analytic as A
from alloygrad.features.feature_map import FeatureMap
from alloygrad.surrogates.gp import fit_paper

ELEMENTS = ("Ti", "Ni", "Cu", "Hf")


@pytest.fixture(scope="module")
def surrogate():
    rng = np.random.default_rng(3)
    c = rng.dirichlet(np.ones(4), 40)
    return fit_paper(FeatureMap(ELEMENTS, ["mean:VEC", "mean:XP", "mean:MT"]), c, np.sin(3 * c).sum(1))


def fresh(n: int) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(8).dirichlet(np.ones(4), n))


def botorch(name: str, model, best: float):
    """BoTorch's own; its numbers go in as doubles, since plain floats would be rounded to float32."""
    best, beta = torch.tensor([best, 1.96**2], dtype=torch.float64)
    return {
        "ei": lambda: analytic.ExpectedImprovement(model, best),
        "log_ei": lambda: analytic.LogExpectedImprovement(model, best),
        "ucb": lambda: analytic.UpperConfidenceBound(model, beta=beta),
        "pi": lambda: analytic.ProbabilityOfImprovement(model, best),
        "log_pi": lambda: analytic.LogProbabilityOfImprovement(model, best),
    }[name]()


@pytest.mark.filterwarnings("ignore:.*known numerical issues")
@pytest.mark.parametrize("name", A.ACQUISITIONS)
@pytest.mark.parametrize("shift", [-1.0, 0.0, 0.2])
def test_equals_botorch(surrogate, name, shift):
    best = surrogate.targets.max().item() + shift
    model, c = to_botorch(surrogate), fresh(50)

    def same_posterior(x):
        posterior = model.posterior(x[:, None, :])
        return posterior.mean[:, 0, 0], posterior.variance[:, 0, 0].sqrt()

    with torch.no_grad():
        theirs = botorch(name, model, best)(c[:, None, :])
        # On their mean and std the formulas agree to rounding; on ours, as far as the posteriors do.
        torch.testing.assert_close(A.ACQUISITIONS[name](same_posterior, best)(c), theirs, rtol=1e-10, atol=1e-14)
        torch.testing.assert_close(A.ACQUISITIONS[name](surrogate, best)(c), theirs, rtol=1e-8, atol=1e-9)


def precise(u: float) -> list[float]:
    """log h, Φ/h, φ/h, log Φ and h at u, h = φ(u) + u Φ(u), with digits enough for what cancels."""
    with mpmath.workdps(60 + 4 * int(mpmath.log10(1 + abs(u)))):
        x = mpmath.mpf(u)
        density, lower_tail = mpmath.npdf(x), mpmath.erfc(-x / mpmath.sqrt(2)) / 2
        h = density + x * lower_tail
        return list(map(float, (mpmath.log(h), lower_tail / h, density / h, mpmath.log(lower_tail), h)))


U = [-1e15, -1e8, -1e5, -1e3, -200.0, -100.0, -50.5, -50.1, -50.0, -49.9, -38.5, -37.1, -36.9, -26.0, -20.0, -5.0,
     -1.001, -1.0, -0.999, -0.3, 0.0, 0.5, 3.0, 8.0, 40.0, 1e3]  # fmt: skip


@pytest.mark.parametrize("std", [1e-5, 1.0, 1e5])  # the floor, ordinary, as large as an output scale may be
@pytest.mark.parametrize("u", U)
def test_logarithms_and_their_gradients_are_those_of_high_precision(u, std):
    """EI is 1e-7 at u = −5, 1e-300 at −37.0, 0 in floats from −38.6 down."""
    log_h, lower_tail, density, log_tail, _ = precise(u)
    mean, spread = (torch.tensor([v], dtype=torch.float64, requires_grad=True) for v in (u * std, std))
    value = A.log_expected_improvement(mean, spread, 0.0)
    by_mean, by_std = torch.autograd.grad(value, (mean, spread))
    assert value.item() == pytest.approx(log_h + math.log(std), rel=1e-12, abs=1e-14)
    assert std * by_mean.item() == pytest.approx(lower_tail, rel=1e-11, abs=0)
    assert std * by_std.item() == pytest.approx(density, rel=1e-11, abs=1e-12)
    assert A.log_probability_of_improvement(mean, spread, 0.0).item() == pytest.approx(log_tail, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("u", [u for u in U if u <= 3])
def test_raw_ei_is_the_textbook_and_underflows(u):
    mean = torch.tensor([u], dtype=torch.float64, requires_grad=True)
    value = A.expected_improvement(mean, torch.ones_like(mean), 0.0)
    (slope,) = torch.autograd.grad(value, mean)
    if u >= -30:  # φ and uΦ cancel to φ/u², and exp(−u²/2) rounds its argument: u⁴ roundings
        assert value.item() == pytest.approx(precise(u)[-1], rel=1e-15 * max(1, u**4), abs=0)
    assert value.isfinite() and slope.isfinite()
    if u < -39:
        assert value.item() == slope.item() == 0


def test_slope_value_and_density_of_log_ei_belong_together():
    """h' = Φ, so log of the slope of log h plus log h is log Φ: SciPy's, down to where rounding of u² hides it."""
    u = torch.linspace(-1e3, 30, 20001, dtype=torch.float64).requires_grad_()
    value = A.log_h(u)
    (slope,) = torch.autograd.grad(value.sum(), u)
    found, wanted = (slope.log() + value).detach().numpy(), special.log_ndtr(u.detach().numpy())
    np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-11)


@pytest.mark.parametrize("formula", [A.log_expected_improvement, A.log_probability_of_improvement])
def test_logarithms_stay_finite_and_monotone(formula):
    size = torch.logspace(-100, 100, 4001, dtype=torch.float64)
    near = torch.linspace(-60, 60, 24001, dtype=torch.float64)  # crosses both joints in small steps
    u = torch.cat([-size, size, near]).unique().requires_grad_()
    value = formula(u, torch.ones_like(u), 0.0)
    (slope,) = torch.autograd.grad(value.sum(), u)
    assert value.isfinite().all() and slope.isfinite().all()
    # A step may be lost to rounding (values near log Φ = 0 are flat) but never point the other way.
    assert (value.diff() >= -1e-12 * value[1:].abs()).all()
    assert (slope >= 0).all() and (slope.diff() <= 1e-11 * slope[1:].abs() + 1e-300).all()


@pytest.mark.parametrize("name", A.ACQUISITIONS)
def test_every_formula_grows_with_the_mean_and_is_monotone_in_std(name):
    """What `exceeding` takes for granted; a formula without it would lose maxima without a word."""
    formula = A.ACQUISITIONS[name](lambda points: (points, points), 0.3).formula
    mean, std = torch.linspace(-4, 4, 161, dtype=torch.float64), torch.logspace(-4, 1, 121, dtype=torch.float64)
    value = formula(mean[:, None], std[None], 0.3)
    lost = 1e-12 * (1 + value.abs())
    assert (value.diff(dim=0) >= -lost[1:]).all()
    along = value.diff(dim=1)
    assert ((along >= -lost[:, 1:]).all(1) | (along <= lost[:, 1:]).all(1)).all()


@pytest.mark.parametrize("name", A.ACQUISITIONS)
def test_gradcheck(name):
    mean = torch.tensor([-30.0, -3.0, -0.9, 0.4, 2.0], dtype=torch.float64, requires_grad=True)
    std = torch.tensor([0.5, 1.0, 0.8, 1.2, 0.3], dtype=torch.float64, requires_grad=True)

    def value(mean, std):
        return A.ACQUISITIONS[name](lambda _: (mean, std), 0.1)(None)

    assert torch.autograd.gradcheck(value, (mean, std))


def test_log_is_the_logarithm_of_the_raw_value(surrogate):
    c, best = fresh(100), surrogate.targets.max().item() - 0.3
    mean, std = surrogate(c)
    sound = (mean - best) / std > -5  # below, the raw value loses its digits
    assert sound.sum() > 20
    for raw, log in ((A.ei, A.log_ei), (A.pi, A.log_pi)):
        expected = raw(surrogate, best)(c)[sound].log()
        torch.testing.assert_close(log(surrogate, best)(c)[sound], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", A.ACQUISITIONS)
def test_any_callable_stands_in_for_a_surrogate(name):
    def stand_in(c):
        return c.sum(-1), torch.ones(c.shape[:-1], dtype=torch.float64)

    assert A.ACQUISITIONS[name](stand_in, torch.tensor(0.5))(torch.rand(2, 3, 4, dtype=torch.float64)).shape == (2, 3)


def test_kappa_is_the_weight_of_std():
    def stand_in(c):
        return torch.tensor([1.0]), torch.tensor([2.0])

    assert A.ucb(stand_in)(None).item() == pytest.approx(1 + 1.96 * 2)
    assert A.ucb(stand_in, kappa=0.5)(None).item() == 2


@pytest.mark.parametrize("name", ["ei", "log_ei", "pi", "log_pi"])
@pytest.mark.parametrize("best", [np.inf, -np.inf, np.nan, 1e51])
def test_an_incumbent_that_no_number_reaches_is_refused(name, best):
    with pytest.raises(ValueError, match=r"best measured value so far, finite and 1e\+50 at most; got best .*\. Drop"):
        A.ACQUISITIONS[name](lambda c: c, best)
