"""Equimolar alloys of five metals: the oracle, what a measurement takes away, and which alloys are suggested."""

from math import comb

import numpy as np
import pandas as pd
import pytest

from compendium.judging.verdicts import judge
from compendium.learning import measurements, quinaries, suggestions
from compendium.learning.predictor import kernel, predictor


def test_every_set_of_five_metals_is_an_alloy_once():
    pool = quinaries.alloys()
    assert len(quinaries.METALS) == len(set(quinaries.METALS)) == 30
    assert len(pool) == comb(30, 5) == 142_506 and (pool.sum(1) == 5).all()
    assert len(np.unique(suggestions._names(pool))) == len(pool)


def test_the_oracle_by_hand_and_of_pure_metals():
    p = quinaries._properties()
    pure = quinaries.oracle(np.eye(30))  # no misfit, no attraction
    np.testing.assert_allclose(pure, p["G"] * (1 - 0.3 * np.tanh(2 * (p["VEC"] - 7.5))))
    five = quinaries.alloys()[1234]
    mean = {name: values[five].mean() for name, values in p.items()}
    variance = {name: values[five].var() for name, values in p.items()}
    expected = mean["G"] * (1 + 4 * variance["VA"] ** 0.5 / mean["VA"]) * (1 - 0.3 * np.tanh(2 * mean["VEC"] - 15))
    expected += 60 * (variance["CPM"] - 9.4 * variance["NWS"])
    assert quinaries.oracle(quinaries.shares(five[None]))[0] == pytest.approx(expected)


def test_built_alloys_have_five_metals():
    choices, rng = quinaries.Choices(), np.random.default_rng(0)
    points = choices.begin(50)
    for turn in range(choices.turns):
        allowed = choices.allowed(points, turn)
        points = choices.taken(points, turn, (rng.random(allowed.shape) * allowed).argmax(1))
        assert choices.filled(points, turn + 1).sum(1) == pytest.approx(1)
    assert (points.sum(1) == 5).all()


@pytest.fixture
def known() -> tuple[suggestions.Known, np.ndarray]:
    pool = quinaries.alloys()[np.random.default_rng(0).choice(142_506, 60, replace=False)]
    at = suggestions._features(pool)
    model = predictor(at[:20], quinaries.oracle(quinaries.shares(pool[:20])))
    return suggestions.Known(model, at[40:]), at


def test_a_variance_is_that_of_the_model(known):
    known, at = known
    _, std = known.model.both(at[20:30])
    np.testing.assert_allclose(known.model.model.parts[0].scale * known.variance(at[20:30]), std**2, rtol=1e-6)


def test_a_gain_is_by_how_much_the_mean_variance_falls_when_the_alloy_is_added(known):
    known, at = known
    before, expected = known.variance(at[40:]), known.gain(at[20:22])
    known.add(at[20])
    assert before.mean() - known.variance(at[40:]).mean() == pytest.approx(expected[0], rel=1e-6)
    gram = kernel(known.inputs, known.inputs) + known.noise * np.eye(21)
    np.testing.assert_allclose(known.inverse @ gram, np.eye(21), atol=1e-6)


@pytest.mark.parametrize("arm", suggestions.ARMS)
def test_a_run_adds_new_alloys_that_are_not_tested_on_and_repeats(arm, monkeypatch):
    for name, value in dict(TESTED=300, REFERENCE=20, CANDIDATES=50, BATCHES=1, ROUND=3).items():
        monkeypatch.setattr(suggestions, name, value)
    suggestions._test.cache_clear()
    seen, extended = [], suggestions._extended
    monkeypatch.setattr(suggestions, "_extended", lambda *a: seen.append(extended(*a)) or seen[-1])
    one, again = (suggestions.run(arm, 0, added=6) for _ in range(2))
    suggestions_made = suggestions._names(seen[1])
    tested = suggestions._names(quinaries.alloys()[suggestions._test()])
    suggestions._test.cache_clear()
    assert (one == again).all() and len(one) == 3 and 0 < one[0] < 2
    assert len(set(suggestions_made)) == suggestions.INITIAL + 6 and not set(suggestions_made) & set(tested)


def test_runs_are_kept_and_read_again(monkeypatch, tmp_path):
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path))
    monkeypatch.setattr(suggestions, "FIRST_SEED", 900)  # not on record
    monkeypatch.setattr(suggestions, "ADDED", 10)
    monkeypatch.setattr(suggestions, "run", lambda arm, seed: np.array([0.5, 0.4]))
    table = suggestions.compute(seeds=2)
    assert len(table) == 2 * len(suggestions.ARMS)
    assert suggestions.compute(seeds=2, compute_missing=False).equals(table)


@pytest.mark.parametrize(
    ("ends", "n", "verdict"),
    [(0.5, 20, "reproduced"), (0.98, 20, "not reproduced"), (0.5, 19, "inconclusive"), (0.5, 0, "not tested")],
)
def test_an_arm_is_judged_by_its_error_against_each_other(ends, n, verdict):
    last = suggestions.ADDED // suggestions.ROUND
    rows = [
        (100 + seed, arm, 1, *np.full(last + 1, end + 0.001 * (seed % 2)))
        for arm, end in {"dqn": ends, "variance": 1.0, "random": 1.1}.items()
        for seed in range(n)
    ]
    errors = pd.DataFrame(rows, columns=[*suggestions.KEYS, *range(last + 1)])
    results = measurements.Results(pd.DataFrame(), errors)
    parts = measurements.learning_error(results, "dqn", ["variance", "random"], margin=0.05, seeds=20)
    assert judge(parts) == verdict
    if n:
        assert parts[0].value == pytest.approx(1 - ends, abs=0.01)
