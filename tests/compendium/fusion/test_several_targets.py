"""Pools with several targets: shares of the hypervolume, campaigns that repeat, and a paired verdict."""

import numpy as np
import pandas as pd
import pytest

from alloygrad.objectives import hypervolume
from compendium.fusion import learners, measurements, pools, several
from compendium.judging.verdicts import judge

RNG = np.random.default_rng(0)
FEATURES = pd.DataFrame(RNG.random((150, 3)), columns=list("abc"))
OUTCOMES = pd.DataFrame({"up": FEATURES["a"], "down": (FEATURES["a"] - 0.7) ** 2 + FEATURES["b"]})
TASK = pools.Task("hill", FEATURES, OUTCOMES, (1, -1))


@pytest.fixture
def hill(monkeypatch):
    several._task.cache_clear()
    several._space.cache_clear()
    monkeypatch.setattr(pools, "load", lambda name: TASK)
    for name, value in {"BATCHES": 1, "BATCH": 3, "CHOICES": 16, "SAMPLES": 16}.items():
        monkeypatch.setattr(several, name, value)
    yield
    several._task.cache_clear()
    several._space.cache_clear()


@pytest.mark.parametrize("arm", several.ARMS)
def test_a_campaign_is_a_pure_function_of_its_seed(hill, arm):
    row = several.run("hill", arm, 3)
    first, last = map(float, row["share"].split())
    assert 0 < first <= last <= 1
    assert row["share"] == several.run("hill", arm, 3)["share"]


def test_botorch_chooses_among_the_candidates_that_may_gain_most(hill, monkeypatch):
    monkeypatch.setattr(several, "CHOICES", several.BATCH)  # no choice is left
    monkeypatch.setattr(several, "gained", lambda hoped, known: hoped[:, 0])  # what may be reached in "up" alone
    rows = np.arange(20)
    picked = several.qlognehvi(TASK, rows, np.random.default_rng(0))
    best = 20 + OUTCOMES["up"][20:].to_numpy().argsort()[-10:]  # "up" is one of the features: it is predicted well
    assert set(picked) <= set(best)


def test_the_whole_pool_has_all_of_the_hypervolume_and_the_front_alone_as_well():
    yardstick = several.Yardstick(TASK.utilities)
    assert yardstick.share(TASK.utilities) == pytest.approx(1)
    best = TASK.utilities[TASK.utilities[:, 0].argmax()][None]
    scaled = (best - yardstick.low) / yardstick.width
    assert yardstick.share(best) == pytest.approx(hypervolume(scaled, [-0.1, -0.1]) / yardstick.whole)


def test_what_a_candidate_adds_is_the_difference_of_hypervolumes():
    known, values = RNG.random((6, 3)), RNG.random((40, 3))
    below = np.minimum(values.min(0), known.min(0))
    expected = [hypervolume(np.vstack([known, one]), below) - hypervolume(known, below) for one in values]
    np.testing.assert_allclose(several.gained(values, known), expected, atol=1e-12)


def made_up(**last: float) -> pd.DataFrame:
    rows = [
        {"pool": pool, "arm": arm, "seed": seed, "share": " ".join(["0.5"] * 10 + [str(value + 0.001 * seed)])}
        for pool in pools.SEVERAL
        for arm, value in last.items()
        for seed in range(several.SEEDS)
    ]
    return pd.DataFrame(rows)


def test_the_ensemble_is_judged_pool_by_pool_and_on_the_mean():
    numbers = dict(behind=0.01, but=1)
    pools_behind, lead = measurements.pools_front(made_up(ensemble=0.9, qlognehvi=0.905), **numbers)
    assert (pools_behind.value, pools_behind.outcome()) == (0, "holds")
    assert lead.value == pytest.approx(-0.005) and lead.outcome() == "fails"
    pools_behind, lead = measurements.pools_front(made_up(ensemble=0.9, qlognehvi=0.95), **numbers)
    assert (pools_behind.value, pools_behind.outcome()) == (len(pools.SEVERAL), "fails")
    assert measurements.pools_front(made_up(ensemble=0.9), **numbers)[0].n == 0


def test_pools_that_lack_seeds_leave_the_verdict_open_unless_too_many_others_are_lost():
    numbers = dict(behind=0.01, but=1)
    won, lost = (made_up(ensemble=0.9, qlognehvi=peer) for peer in (0.8, 0.95))
    assert judge(measurements.pools_front(won.iloc[:-1], **numbers)) == "not tested"
    some = [lost[lost["pool"].isin(pools.SEVERAL[:n])] for n in (1, 2)]
    assert judge(measurements.pools_front(some[0], **numbers)) == "not tested"
    pools_behind, lead = measurements.pools_front(some[1], **numbers)
    assert (pools_behind.value, pools_behind.outcome(), lead.n) == (2, "fails", 0)
    assert pools_behind.name.endswith("of 2 decided")
    assert judge([pools_behind, lead]) == "not reproduced"


@pytest.mark.parametrize("make", [learners.ridge, learners.network])
def test_a_bagged_learner_predicts_what_it_has_not_seen(make):
    x = RNG.random((60, 3))
    y = 2 * x[:, 0] - x[:, 1]
    model = learners.Bagged(several.torch.as_tensor, make).fit(x, y)
    left_out = model.leave_one_out()[0].numpy()
    assert np.sqrt(np.mean((left_out - y) ** 2)) < 0.2 * y.std()
    np.testing.assert_allclose(model.posterior(x)[0], y, atol=0.5 * y.std())
    told = model.condition(x[:1], [5.0])
    assert told.targets[-1] == 5 and len(told.targets) == 61
