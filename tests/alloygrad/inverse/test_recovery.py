"""Searchers, standard errors and identifiability, by known answers and by independent routes."""

from dataclasses import replace

import numpy as np
import pytest
from peaks import BACKGROUND, PARAMETERS, SIGMA, TRUTH, X, lines, problem
from scipy.optimize import approx_fprime, curve_fit

from alloygrad.inverse import (
    SEARCHERS,
    InverseProblem,
    Measured,
    Parameter,
    information,
    information_in_box,
    profile,
    recover,
)
from alloygrad.inverse.calls import Calls, feasible_points
from alloygrad.inverse.composite import Composite, loss
from alloygrad.inverse.identifiability import steps_of_rounding
from alloygrad.surrogates.gp import with_hyperparameters


@pytest.fixture(scope="module")
def found():
    return recover(problem(), budget=80, progress=False)


@pytest.mark.parametrize("method", SEARCHERS)
def test_every_searcher_is_a_pure_function_of_its_seed_and_improves_on_its_screen(method):
    one, other = (recover(problem(), method, budget=50, seed=1, progress=False) for _ in range(2))
    assert np.array_equal(one.calls.shares, other.calls.shares) and len(one.calls) <= 50
    assert one.misfit <= one.trajectory["fine"][:10].min()
    assert not np.array_equal(
        recover(problem(), method, budget=50, seed=2, progress=False).calls.shares[0], one.calls.shares[0]
    )


def test_the_default_finds_the_lines(found):
    for name, value in TRUTH.items():
        assert found.values[name] == pytest.approx(value, abs=4 * found.standard_errors[name])
    assert found.reduced == pytest.approx(1, abs=0.3) and not found.warnings
    np.testing.assert_allclose(found.coefficients, [3, 0.1, 1], atol=0.1)
    assert (((found.curve - problem().measured.values) / SIGMA) ** 2).sum() == pytest.approx(found.misfit, rel=1e-9)


def test_standard_errors_are_those_of_a_fit_of_all_parameters_at_once(found):
    """SciPy's curve_fit, with scale and background among its parameters."""

    def whole(x, c1, w1, c2, w2, h, scale, slope, offset):
        return scale * lines(c1, w1, c2, w2, h) + slope * x + offset

    start = [*found.values.values(), 3, 0.1, 1]
    best, covariance = curve_fit(
        whole, X, problem().measured.values, start, np.full(len(X), SIGMA), absolute_sigma=True
    )
    np.testing.assert_allclose(list(found.values.values()), best[:5], rtol=1e-4)
    np.testing.assert_allclose(list(found.standard_errors.values()), np.sqrt(np.diag(covariance))[:5], rtol=0.02)


def test_unknown_errors_of_the_data_come_from_the_scatter(found):
    unknown = recover(replace(problem(), measured=Measured(problem().measured.values)), budget=80, progress=False)
    for name, error in found.standard_errors.items():
        assert unknown.standard_errors[name] == pytest.approx(error * np.sqrt(found.reduced), rel=0.05)


def test_standard_errors_cover_the_truth_at_their_rate():
    """68 % of 5 × 60 errors within one standard error, 95 % within two; bounds are three binomial deviations."""
    offs = []
    for seed in range(60):
        each = recover(problem(seed), "least_squares", budget=80, seed=0, progress=False)
        if each.reduced < 2:
            offs += [(each.values[name] - TRUTH[name]) / each.standard_errors[name] for name in TRUTH]
    offs = np.abs(offs)
    assert len(offs) > 200
    for within, rate in ((1, 0.683), (2, 0.954)):
        assert (offs < within).mean() == pytest.approx(rate, abs=3 * np.sqrt(rate * (1 - rate) / len(offs)))


# Before the fit


def test_information_is_the_projected_jacobian_squared():
    def curve(values):
        return 3 * lines(*values) / SIGMA

    slopes = approx_fprime(list(TRUTH.values()), curve, 1e-7)
    basis, _ = np.linalg.qr(np.column_stack([lines(**TRUTH), BACKGROUND]))
    slopes -= basis @ (basis.T @ slopes)
    expected = np.sqrt(np.diag(np.linalg.inv(slopes.T @ slopes)))
    table = information(problem(), TRUTH).table()
    np.testing.assert_allclose(table["standard_error"], expected, rtol=0.02)
    assert (table["alone"] <= table["standard_error"] * (1 + 1e-9)).all()


def test_what_the_data_cannot_tell_is_named():
    parameters = [Parameter("a", "eV", 0.1, 5), Parameter("b", "eV", 0.1, 5), Parameter("far", "eV", 0, 1)]
    one = InverseProblem(parameters, lambda a, b, far: a * b * np.exp(-X) + 0 * far, Measured(4 * np.exp(-X), 0.01))
    before = information(one, {"a": 2, "b": 2, "far": 0.5})
    assert before.table().loc["a", "partner"] == "b" and before.table().loc["a", "correlation"] < -0.99
    unknown = before.directions().iloc[:2]  # that of "far", and a/b
    assert unknown["standard_error"].min() > 1e3 and (unknown["far"] ** 2).sum() == pytest.approx(1)
    found = recover(one, budget=30, progress=False)
    said = " ".join(found.warnings)
    assert "do not determine far" in said and "a combination of a and b only" in said
    table = found.table()
    assert "tied to b" in table.loc["a", "warning"] and "tied to a" in table.loc["b", "warning"]
    assert table.loc["far", "warning"] == "not determined"
    flat = profile(found, "far", points=3)
    assert flat["far"].iloc[[0, -1]].tolist() == [0, 1] and flat["rise"].max() < 1


@pytest.mark.parametrize("sigma", [SIGMA, None])
def test_a_search_that_stopped_too_early_says_so(sigma):
    """The step is that of linear least squares at the same point, in standard errors."""
    one = replace(problem(), measured=Measured(problem().measured.values, sigma))
    settled = recover(one, "secant", budget=80, progress=False)
    assert not settled.next_step and not settled.warnings
    for method, budget in (("hybrid", 24), ("random", 60), ("composite", 40)):
        found = recover(one, method, budget=budget, progress=False)
        assert any("had not settled" in sentence and "Raise the budget" in sentence for sentence in found.warnings)
        errors, moved = found.standard_errors, found.next_step
        slopes, residual = found.information.slopes, found.calls.fine[found.calls.best].residual
        free = np.linalg.lstsq(slopes, -residual, rcond=None)[0]
        at = found.calls.shares[found.calls.best]
        if ((at + free > 0) & (at + free < 1)).all():
            ranges = [p.upper - p.lower for p in PARAMETERS]
            np.testing.assert_allclose(list(moved.values()), free * ranges / list(errors.values()), rtol=1e-6)
        for name in TRUTH:
            assert ("not settled" in found.table().loc[name, "warning"]) == (abs(moved[name]) >= 1)


def test_exact_data_do_not_ask_for_ever_more_calls():
    exact = replace(problem(), measured=Measured(3 * lines(**TRUTH)))
    assert not recover(exact, budget=80, progress=False).next_step


def test_a_poor_fit_is_said_of_every_parameter():
    found = recover(replace(problem(), measured=Measured(np.sin(9 * X), 0.01)), budget=50, progress=False)
    assert any("stopped too early" in sentence for sentence in found.warnings)
    assert found.table()["warning"].str.contains("poor fit").all()


def test_a_better_call_that_the_search_did_not_come_by_is_named():
    done = []
    best = recover(problem(), budget=80, done=done, progress=False)
    other = recover(problem(), "random", budget=12, seed=5, done=done, progress=False)
    assert other.better == best.misfit
    assert any(f"a misfit of {best.misfit:.4g}, here" in sentence for sentence in other.warnings)
    assert recover(problem(), budget=80, done=done, progress=False).better is None
    narrow = replace(problem(), parameters=[replace(PARAMETERS[0], lower=5.0), *PARAMETERS[1:]])
    outside = [call for call in done if call.values["c1"] < 5]
    assert recover(narrow, "random", budget=12, done=outside, progress=False).better is None


def test_a_recovery_shows_its_values_and_its_warnings(found):
    assert repr(found).startswith(f"Recovery by hybrid, {len(found.calls)} calls, reduced χ² {found.reduced:.3g}\n")
    assert f"c1 = {found.values['c1']:.7g} ± {found.standard_errors['c1']:.2g} eV\n" in repr(found)
    assert "Warning" not in repr(found) and set(found.table()["warning"]) == {""}
    narrow = replace(problem(), parameters=[*PARAMETERS[:4], replace(PARAMETERS[4], upper=0.5)])
    clipped = recover(narrow, "least_squares", budget=60, progress=False)
    assert "at its limit" in clipped.table().loc["h", "warning"]
    assert all(f"Warning: {sentence}" in str(clipped) for sentence in clipped.warnings)
    unknown = recover(replace(problem(), measured=Measured(X)), "random", budget=12, progress=False)
    assert "misfit per degree of freedom" in repr(unknown)


def test_information_over_the_box_has_a_row_for_each_point_and_parameter():
    table = information_in_box(problem(), points=4)
    assert len(table) == 4 * len(PARAMETERS) and set(table["parameter"]) == set(TRUTH)
    first = problem().values(feasible_points(problem(), 4, 0)[0])
    expected = information(problem(), first).table()["standard_error"]
    np.testing.assert_allclose(table[table["point"] == 0]["standard_error"], expected)


def test_a_profile_rises_by_the_square_of_standard_errors(found):
    table = profile(found, "w2", points=5, widths=2)
    np.testing.assert_allclose(table["rise"], [4, 1, 0, 1, 4], atol=0.35)
    for wrong in ({"name": "w3"}, {"points": 1}, {"budget": 0}, {"widths": -1}):
        with pytest.raises(ValueError, match="w3" if "name" in wrong else next(iter(wrong))):
            profile(found, **{"name": "w2"} | wrong)


# The model of the curve


def test_its_lengthscales_follow_the_slope_of_their_posterior():
    rng = np.random.default_rng(0)
    x = rng.random((20, 3))
    y = np.array([np.sin(5 * x[:, 0]) + x[:, 1], x[:, 2] ** 2 * x[:, 0]]).T
    logs = np.log([0.4, 0.7, 1.2])
    np.testing.assert_allclose(loss(logs, x, y)[1], approx_fprime(logs, lambda at: loss(at, x, y)[0], 1e-6), rtol=1e-4)


def test_its_components_are_gaussian_processes():
    """Mean and standard deviation of the first component, by the library's Gaussian process."""
    calls = Calls(problem(), 30, [])
    calls.screen(24, 0)
    model = Composite(calls)
    model.update()
    asked = np.random.default_rng(1).random((7, calls.d))
    mean, std = model.predict(asked)
    curves = np.array([fitted.model for fitted in calls.coarse])
    first = (curves - model.centre) @ model.axes[0]
    x, spread = np.array(calls.shares), model.scale[0]
    width = np.ptp(x, axis=0)
    variance = model.variance[0]
    peer = with_hyperparameters(
        lambda at: at, x, first / spread, np.exp(model.logs) / width, variance, model.mean[0], noise=1e-6 * variance
    )
    their_mean, their_std = peer.posterior(asked)
    np.testing.assert_allclose(mean[:, 0], spread * their_mean.numpy(), rtol=1e-5, atol=1e-6 * spread)
    np.testing.assert_allclose(std[:, 0], spread * their_std.numpy(), rtol=1e-3)


@pytest.mark.parametrize(("decimals", "said"), [(None, False), (6, False), (4, False), (2, True)])
def test_a_simulator_that_rounds_is_named_where_its_slopes_are_rough(decimals, said):
    """A larger step, as the warning asks for, brings the standard errors of the simulator that does not round."""
    shares = (X - X[0]) / np.ptp(X)

    def exact(centre, width):
        return 100 * np.exp(-(((shares - centre) / width) ** 2))

    def written(centre, width):
        return exact(centre, width) if decimals is None else exact(centre, width).round(decimals)

    parameters = [Parameter("centre", "", 0.2, 0.8), Parameter("width", "", 0.1, 0.3)]
    truth = {"centre": 0.43, "width": 0.2}
    one = InverseProblem(parameters, written, Measured(exact(**truth), 1.0))
    sentences = [text for text in information(one, truth).warnings() if "rounds its results" in text]
    assert bool(sentences) is said
    if said:
        times = int(sentences[0].split("some ")[1].split(" times")[0])
        larger = information(replace(one, step=1e-4 * times), truth)
        errors = information(replace(one, simulate=exact), truth).table()["standard_error"]
        assert not larger.warnings()
        np.testing.assert_allclose(larger.table()["standard_error"], errors, rtol=0.03)


@pytest.mark.parametrize(
    ("change", "steps"),
    [
        (0.01 * np.tile([1, 2, -3, 0], 5), 2),
        (0.01 * np.tile([10, 20, 31, 0], 5), 0),  # of many steps
        (0.01 * np.array([1, 2, 3]), 0),  # too few to tell
        (np.linspace(0.5, 1, 20), 0),  # nothing is rounded
        (np.zeros(20), 0),
    ],
)
def test_steps_of_rounding_are_whole_multiples_of_the_least_change(change, steps):
    assert steps_of_rounding(change) == pytest.approx(steps)


def test_a_search_by_a_function_of_ones_own():
    def corners(calls, seed):
        for corner in np.eye(calls.d):
            calls(corner)

    found = recover(problem(), corners, budget=20, progress=False)
    assert found.method == "corners" and len(found.calls) == 2 * len(PARAMETERS)


def test_calls_are_reported_one_by_one():
    seen = []
    recover(problem(), "random", budget=12, progress=lambda calls: seen.append(len(calls)))
    assert seen == list(range(1, 13))


def test_a_recovery_in_an_integer_box_alone():
    parameters = [Parameter("n", "", 1, 9, integer=True)]
    one = InverseProblem(parameters, lambda n: np.cos(n * X), Measured(np.cos(4 * X), 0.1))
    assert recover(one, budget=12, progress=False).values == {"n": 4.0}
    assert replace(one, scale=True).fit(np.cos(4 * X), "fine").misfit == pytest.approx(0, abs=1e-18)
