"""Weights learnt from choices: against a direct search, known limits, and who is asked of what."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import approx_fprime, minimize

from alloygrad.objectives import Maximise, learn_weights
from alloygrad.objectives.choices import expected_gain

RNG = np.random.default_rng(0)
ALLOYS = pd.DataFrame(RNG.normal(size=(60, 3)) * [1.0, 50.0, 0.01], columns=["a", "b", "c"])
TRUE = np.array([1.0, -0.5, 0.2])
UTILITY = ALLOYS.to_numpy() / ALLOYS.to_numpy().std(0) @ TRUE


def answers(n, noise=0.0):
    pairs = RNG.integers(60, size=(n, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    first = UTILITY[pairs[:, 0]] - UTILITY[pairs[:, 1]] + noise * RNG.logistic(size=len(pairs)) > 0
    return [tuple(pair if better else pair[::-1]) for pair, better in zip(pairs.tolist(), first, strict=True)]


def test_the_weights_maximise_the_posterior_and_their_covariance_is_its_curvature():
    given = answers(40, noise=0.5)
    found, z = learn_weights(ALLOYS, given, prior=2.0), ALLOYS.to_numpy() / ALLOYS.to_numpy().std(0)

    def loss(w):
        return sum(np.log1p(np.exp((z[worse] - z[better]) @ w)) for better, worse in given) + w @ w / 8

    direct = minimize(loss, np.zeros(3), method="Nelder-Mead", options=dict(xatol=1e-8, fatol=1e-12)).x
    np.testing.assert_allclose(found.mean, direct, atol=1e-5)
    curvature = [approx_fprime(direct, lambda w, i=i: approx_fprime(w, loss, 1e-5)[i], 1e-4) for i in range(3)]
    np.testing.assert_allclose(found.covariance @ np.array(curvature), np.eye(3), atol=0.02)


def test_many_choices_tell_the_direction_whatever_the_units():
    found = learn_weights(ALLOYS, answers(400), prior=30.0)
    assert found.mean @ TRUE / np.linalg.norm(found.mean) / np.linalg.norm(TRUE) > 0.99
    assert isinstance(found.objective, type(Maximise("a"))) and found.objective.outputs == ("a", "b", "c")
    np.testing.assert_allclose(
        found.utility(ALLOYS), found.objective.value({name: ALLOYS[name].to_numpy() for name in ALLOYS})
    )
    scaled = learn_weights(ALLOYS * [7.0, 1e-3, 5.0], [(0, 1), (5, 2)])
    np.testing.assert_allclose(scaled.mean, learn_weights(ALLOYS, [(0, 1), (5, 2)]).mean, rtol=1e-6)


def test_the_next_question_is_the_best_against_what_promises_most_and_was_not_asked():
    given = answers(20)
    given.append(learn_weights(ALLOYS, given).question())
    found = learn_weights(ALLOYS, given)
    best, other = found.question()
    asked = [sum(pair) - best for pair in given if best in pair]
    assert best == found.utility(ALLOYS).argmax() and asked and other not in [best, *asked]
    z = ALLOYS.to_numpy() / found.spread
    w = np.random.default_rng(1).multivariate_normal(found.mean, found.covariance, size=100_000)
    gain = np.maximum((z - z[best]) @ w.T, 0).mean(1)
    gain[asked] = 0.0
    assert gain[other] > 0.97 * gain.max()


def test_expected_gains_are_those_of_normal_draws():
    mean, std = np.array([-0.4, 0.0, 1.0]), np.array([0.5, 0.0, 2.0])
    drawn = mean[:, None] + std[:, None] * np.random.default_rng(0).normal(size=400_000)
    np.testing.assert_allclose(expected_gain(mean, std), np.maximum(drawn, 0).mean(1), rtol=0.02)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((ALLOYS, [(0, 60)]), "row numbers from 0 to 59; got 60"),
        ((ALLOYS.assign(b=1.0), [(0, 1)]), "'b' does not"),
        ((ALLOYS, [(0, 1)], 0), "prior > 0"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(arguments, said):
    table, given, *prior = arguments
    with pytest.raises(ValueError, match=said):
        learn_weights(table, given, **({"prior": prior[0]} if prior else {}))


def test_nothing_is_maximised_before_a_choice():
    with pytest.raises(ValueError, match="at least one answer; got none"):
        _ = learn_weights(ALLOYS, []).objective
