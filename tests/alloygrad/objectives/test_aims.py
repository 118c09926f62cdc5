"""Objectives as data: what they say of outcomes, and how they refuse what they cannot be."""

import numpy as np
import pytest

from alloygrad.objectives import Desirability, Limit, Maximise, Minimise, Target

OUTCOMES = {"a": np.array([1.0, 2.0, 4.0]), "b": np.array([30.0, 10.0, 20.0])}


def test_a_target_models_the_outcome_and_judges_its_distance():
    aim = Target("a", 2.5)
    assert np.array_equal(aim.value(OUTCOMES), OUTCOMES["a"]) and aim.outputs == ("a",) and aim.name == "a"
    np.testing.assert_allclose(aim.utility(OUTCOMES["a"]), [-1.5, -0.5, -1.5])


def test_targets_and_limits_take_weighted_sums_as_the_others_do():
    weights = {"a": 2.0, "b": -0.5}
    for one in (Target(weights, 0.0), Limit(weights, at_least=0.0)):
        assert np.array_equal(one.value(OUTCOMES), Maximise(weights).value(OUTCOMES))
        assert one.name == Maximise(weights).name and one.outputs == ("a", "b")


def test_a_limit_is_kept_on_it_and_inside():
    assert Limit("a", at_most=2).kept(OUTCOMES["a"]).tolist() == [True, True, False]
    assert Limit("a", at_least=2).kept(OUTCOMES["a"]).tolist() == [False, True, True]
    assert Limit("a", at_least=1.5, at_most=3).kept(OUTCOMES["a"]).tolist() == [False, True, False]
    np.testing.assert_allclose(Limit("a", at_least=1.5, at_most=3).utility([1.0, 2.0, 4.0]), [-0.5, 0.5, -1.0])


def test_a_desirability_is_a_geometric_mean_of_ramps():
    wish = Desirability({"a": (1, 3), "b": (30, 10)})
    np.testing.assert_allclose(wish.value(OUTCOMES), [0.0, np.sqrt(0.5 * 1.0), np.sqrt(1.0 * 0.5)])
    assert wish.utility(0.4) == 0.4 and wish.name == "desirability of a, b"
    one = Desirability({"a": (0, 10)})
    np.testing.assert_allclose(one.value(OUTCOMES), OUTCOMES["a"] / 10)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Target("a", np.nan),
        lambda: Target("a", "60"),
        lambda: Target("", 60),
        lambda: Limit("a"),
        lambda: Limit("a", at_least=3, at_most=2),
        lambda: Limit("a", at_most="3"),
        lambda: Limit(["a"], at_most=3),
        lambda: Desirability({}),
        lambda: Desirability({"a": (1, 1)}),
        lambda: Desirability({"a": 3}),
        lambda: Desirability("a"),
        lambda: Minimise({"a": 0.0}),
    ],
)
def test_what_is_no_objective_is_refused_with_an_example(wrong):
    with pytest.raises(ValueError, match=r"(?s)Expected .*(Write|For example)"):
        wrong()
