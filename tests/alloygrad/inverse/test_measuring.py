"""Particles follow the exact posterior of a linear model, and points are chosen by their exact mutual information."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import norm, truncnorm

from alloygrad.inverse import Parameter
from alloygrad.inverse.measuring import CHOOSERS, Particles, Prior, choose, choose_variance

WIDE = [Parameter(name, "", -50, 50) for name in "abc"]
NORMAL = {"a": (1.0, 2.0), "b": (-1.0, 1.0), "c": (0.0, 0.5)}
DESIGN = np.random.default_rng(7).normal(size=(40, 3))
SIGMA = 0.7


def linear(values, points):
    return values @ DESIGN[points].T


def data(points, seed=3):
    rng = np.random.default_rng(seed)
    return DESIGN[points] @ [0.2, -2.1, 0.4] + SIGMA * rng.normal(size=len(points))


def exact(points, values):
    """Mean and covariance of the posterior, by the normal equations."""
    mean, spread = np.array(list(NORMAL.values())).T
    precision = np.diag(spread**-2) + DESIGN[points].T @ DESIGN[points] / SIGMA**2
    covariance = np.linalg.inv(precision)
    return covariance @ (mean / spread**2 + DESIGN[points].T @ values / SIGMA**2), covariance


def information(covariance, sigma, chosen):
    """Mutual information of what is predicted and what is measured at some candidates, from a determinant."""
    part = covariance[np.ix_(chosen, chosen)] / np.outer(sigma[chosen], sigma[chosen])
    return 0.5 * np.linalg.slogdet(np.eye(len(chosen)) + part)[1]


def greedy(covariance, sigma, q, cost):
    chosen = []
    for _ in range(q):
        rest = [i for i in range(len(sigma)) if i not in chosen]
        before = information(covariance, sigma, chosen) if chosen else 0.0
        gains = [(information(covariance, sigma, [*chosen, i]) - before) / cost[i] for i in rest]
        chosen.append(rest[int(np.argmax(gains))])
    return chosen


# -- the posterior -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 4])
def test_the_particles_of_a_linear_model_have_the_exact_mean_and_covariance(steps):
    points = np.arange(12)
    values = data(points)
    particles = Particles.draw(Prior(WIDE, NORMAL), linear, n=4000, seed=5)
    for part in np.array_split(points, steps):
        particles = particles.update(part, values[part], SIGMA)
    mean, covariance = exact(points, values)
    spread = np.sqrt(np.diag(covariance))
    # 4000 particles: a mean is known to 1.6 % of its standard deviation, times about 1.5 for resampling.
    assert (np.abs(particles.values.mean(0) - mean) < 0.1 * spread).all()
    found = np.cov(particles.values.T) / np.outer(spread, spread)
    assert found == pytest.approx(covariance / np.outer(spread, spread), abs=0.1)


def test_a_distribution_is_cut_at_its_limits_before_and_after_measuring():
    prior = Prior([Parameter("a", "", 0.0, 3.0)], {"a": (-0.5, 1.0)})
    particles = Particles.draw(prior, lambda values, points: values[:, [0] * len(points)], n=4000, seed=1)
    assert particles.mean["a"] == pytest.approx(truncnorm(0.5, 3.5, -0.5, 1.0).mean(), abs=0.03)
    after = particles.update([0], [-0.5], 0.5)
    narrow = truncnorm(0.5 / 0.2**0.5, 3.5 / 0.2**0.5, -0.5, 0.2**0.5)
    assert after.mean["a"] == pytest.approx(narrow.mean(), abs=0.015)
    assert after.table().loc["a", "high"] == pytest.approx(narrow.ppf(0.975), abs=0.06)
    assert after.values.min() > 0


def test_both_modes_of_a_posterior_survive_and_feasibility_removes_one():
    def square(values, points):
        assert np.all(values < 3)  # what is not feasible is never predicted
        return values[:, [0] * len(points)] ** 2

    def below(values):
        return values[:, 0] < 3

    both = Prior([Parameter("a", "", -4, 4)], feasible=below)
    particles = Particles.draw(both, square, n=2000, seed=2).update([0, 0], [1.0, 1.0], 0.1)
    assert 0.4 < (particles.values > 0).mean() < 0.6
    assert np.abs(particles.values).mean() == pytest.approx(1, abs=0.01)
    assert np.abs(particles.values).std() == pytest.approx(0.1 / np.sqrt(2) / 2, rel=0.1)
    positive = Prior([Parameter("a", "", -4, 4)], feasible=lambda values: (values[:, 0] > 0) & below(values))
    assert Particles.draw(positive, square, seed=2).update([0], [1.0], 0.1).values.min() > 0


def test_the_seed_names_all_random_numbers_and_nothing_is_changed_in_place():
    one, other, third = (Particles.draw(Prior(WIDE, NORMAL), linear, n=50, seed=seed) for seed in (4, 4, 5))
    before = one.values.copy()
    pair = [each.update([0, 1], data(np.arange(2)), SIGMA) for each in (one, other)]
    assert (pair[0].values == pair[1].values).all() and (one.values == before).all() and not len(one.points)
    assert (one.values != third.values).all()
    assert pair[0].points.tolist() == [0, 1] and pair[0].standard_deviation["a"] < one.standard_deviation["a"]


def test_the_misfit_tells_a_model_that_is_right_from_one_that_is_not():
    points = np.arange(40)
    right = Particles.draw(Prior(WIDE, NORMAL), linear, seed=0).update(points, data(points), SIGMA)
    wrong = Particles.draw(Prior(WIDE, NORMAL), linear, seed=0).update(points, data(points) + 5 * (points % 2), SIGMA)
    assert 0.6 < right.misfit < 1.5 and wrong.misfit > 5


def test_a_fixed_parameter_stays():
    parameters = [Parameter("a", "", -9, 9), Parameter("b", "", 2, 2), Parameter("c", "", -9, 9)]
    after = Particles.draw(Prior(parameters), linear, seed=0).update(np.arange(5), data(np.arange(5)), SIGMA)
    assert (after.values[:, 1] == 2).all() and after.standard_deviation["a"] > 0


# -- the choice --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def predicted():
    """Predictions of 60 particles at 25 candidates, their covariance, noise and cost."""
    rng = np.random.default_rng(11)
    predictions = rng.normal(size=(60, 4)) @ rng.normal(size=(4, 25)) + 10 * rng.normal(size=25)
    return predictions, np.cov(predictions.T), rng.uniform(0.2, 2, 25), rng.uniform(1, 3, 25)


@pytest.mark.parametrize("with_cost", [False, True])
def test_the_choice_is_the_greedy_one_of_the_exact_mutual_information(predicted, with_cost):
    predictions, covariance, sigma, cost = predicted
    cost = cost if with_cost else np.ones(25)
    found = choose(predictions, sigma, 8, cost if with_cost else None)
    assert found.tolist() == greedy(covariance, sigma, 8, cost)
    assert not with_cost or found.tolist() != choose(predictions, sigma, 8).tolist()


def test_the_choice_holds_more_information_than_the_others_and_nearly_the_best(predicted):
    predictions, covariance, sigma, _ = predicted
    told = {name: information(covariance, sigma, rule(predictions, sigma, 4)) for name, rule in CHOOSERS.items()}
    best = max(information(covariance, sigma, list(chosen)) for chosen in combinations(range(25), 4))
    assert (1 - 1 / np.e) * best <= told["deflated"] <= best and told["deflated"] > 0.95 * best
    assert all(told["deflated"] > value for name, value in told.items() if name != "deflated")


def test_the_information_is_the_fall_of_entropy_of_a_linear_model():
    prior = Particles.draw(Prior(WIDE, NORMAL), linear, n=20000, seed=9)
    chosen = choose(prior.predict(np.arange(40)), np.full(40, SIGMA), 3)
    covariance = DESIGN @ np.diag([spread**2 for _, spread in NORMAL.values()]) @ DESIGN.T
    ideal = information(covariance, np.full(40, SIGMA), greedy(covariance, np.full(40, SIGMA), 3, np.ones(40)))
    assert information(covariance, np.full(40, SIGMA), chosen) == pytest.approx(ideal, rel=0.01)  # near ties
    fall = sum(norm(scale=spread).entropy() for _, spread in NORMAL.values())
    fall -= 0.5 * np.linalg.slogdet(2 * np.pi * np.e * exact(chosen, data(chosen))[1])[1]
    assert information(covariance, np.full(40, SIGMA), chosen) == pytest.approx(fall, rel=1e-9)


def test_candidates_that_say_the_same_are_taken_once_by_the_deflated_choice_only():
    rng = np.random.default_rng(0)
    strong, weak = rng.normal(size=(2, 200, 1))
    predictions = np.hstack([3 * strong, 3 * strong, 3 * strong, weak])
    sigma = np.full(4, 0.3)
    assert set(choose(predictions, sigma, 2).tolist()) > {3}
    assert 3 not in choose_variance(predictions, sigma, 2)
    assert 0 == choose(predictions, np.array([0.3, 0.4, 0.4, 0.3]), 1)[0]  # the least noise among equals


@pytest.mark.parametrize("name", CHOOSERS)
def test_every_rule_takes_each_candidate_at_most_once(predicted, name):
    predictions, _, sigma, cost = predicted
    found = CHOOSERS[name](predictions, sigma, 25, cost, seed=3)
    assert sorted(found.tolist()) == list(range(25))
    assert CHOOSERS[name](predictions, sigma, 5, cost, seed=3).tolist() == (
        found[:5].tolist() if name != "uniform" else [0, 6, 12, 18, 24]
    )


# -- errors ------------------------------------------------------------------------------------------------------------


def test_errors_say_what_was_expected():
    one = [Parameter("a", "", -1, 1)]
    with pytest.raises(ValueError, match=r"no whole numbers; got \['n'\]"):
        Prior([Parameter("n", "", 1, 3, integer=True)])
    with pytest.raises(ValueError, match="Is 'a' meant"):
        Prior(one, {"A": (0, 1)})
    with pytest.raises(ValueError, match="standard deviation above 0 for a; got 0"):
        Prior(one, {"a": (0, 0)})
    with pytest.raises(ValueError, match="20 feasible draws; 0 were found"):
        Particles.draw(Prior(one, feasible=lambda values: values[:, 0] > 2), linear, n=20)
    with pytest.raises(ValueError, match="Let it compare whole columns"):
        Particles.draw(Prior(one, feasible=lambda values: True), linear)
    wrong = Particles.draw(Prior(one), lambda values, points: values)
    with pytest.raises(ValueError, match=r"predictions .* shape \(300, 2\); got values of shape \(300, 1\)"):
        wrong.predict([0, 1])
    good = Particles.draw(Prior(one), lambda values, points: values[:, [0] * len(points)])
    with pytest.raises(ValueError, match="Expected points as numbers"):
        good.update([0.5], [1.0], 1.0)
    with pytest.raises(ValueError, match="2 standard errors; got 3"):
        good.update([0, 1], [1.0, 1.0], [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="≥ 7 candidates; got 300 and 2"):
        choose(good.predict([0, 1]), np.ones(2), 7)
    with pytest.raises(ValueError, match="costs above 0; got 2 and a least cost of 0"):
        choose(good.predict([0, 1]), np.ones(2), 1, np.zeros(2))
