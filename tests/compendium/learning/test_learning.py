"""Tasks with known minima, the network, and the six pairs of acquisition function and search."""

import numpy as np
import pandas as pd
import pytest
import torch

from compendium.judging.verdicts import judge
from compendium.learning import arms, dqn, measurements, runs
from compendium.learning.tasks import FUNCTIONS, LEVELS, Task

SMALL = Task("ackley", 3, 7)


@pytest.fixture
def state() -> arms.State:
    points = SMALL.space.sample(15, np.random.default_rng(0)).astype(np.int64)
    return arms.State(SMALL, points, -SMALL.measure(points))


# Tasks


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_minimum_is_0_at_levels_that_the_seed_draws_and_positive_elsewhere(function):
    task, rng = Task(function, 4, 1), np.random.default_rng(0)
    assert task.measure(task.best[None]) == pytest.approx(0, abs=1e-12)
    others = rng.integers(LEVELS, size=(2000, 4))
    others = others[(others != task.best).any(1)]
    assert task.measure(others).min() > 0.1 and task.space.contains(others).all()
    assert (task.best != Task(function, 4, 2).best).any()


def test_functions_by_hand():
    one = np.array([[1.0, -2.0]])  # whole numbers: all cosines are 1
    assert FUNCTIONS["rastrigin"](one) == pytest.approx(5)
    assert FUNCTIONS["ackley"](one) == pytest.approx(20 - 20 * np.exp(-0.2 * np.sqrt(2.5)))


# The network


def test_a_network_learns_to_build_the_best_point_of_a_simple_score():
    aim = np.array([40, 10])

    def score(points: np.ndarray) -> np.ndarray:
        return -np.abs(points - aim).sum(-1) / LEVELS

    network, rng = dqn.DQN(2, seed=0), np.random.default_rng(0)
    finished = network.train(score, rng, batches=25)
    random = score(rng.integers(LEVELS, size=(250, 2)))
    greedy = score(network.propose(1, 0.0, rng))[0]
    assert finished.shape == (250, 2)
    assert greedy > np.quantile(random, 0.9)


def test_the_double_target_is_that_of_the_formula(monkeypatch):
    network, rng = dqn.DQN(2, seed=0), np.random.default_rng(0)
    points, transitions = network._episodes(lambda at: at.sum(-1).astype(float), 1.0, rng)
    rewards = torch.stack([reward for _, _, reward, _, _ in transitions]).sum(0)
    np.testing.assert_allclose(rewards, points.sum(1) - 2 * dqn.START)  # the rises add up to the score
    seen = []
    monkeypatch.setattr(dqn.nn.functional, "mse_loss", lambda value, target: seen.append(target) or value.sum() * 0)
    state, _, reward, following, ended = (torch.cat(parts) for parts in zip(*transitions, strict=True))
    network._learn(transitions, np.random.default_rng(1), updates=1)
    rows = torch.from_numpy(np.random.default_rng(1).integers(len(state), size=dqn.MINIBATCH))
    with torch.no_grad():
        fast, slow = network.fast(following), network.slow(following)
    for row, target in zip(rows.tolist()[:5], seen[0][:5].tolist(), strict=True):
        later = slow[row, fast[row].argmax()]
        assert target == pytest.approx(float(reward[row] + (1 - ended[row]) * later), rel=1e-5)


# Searches


@pytest.mark.parametrize("acquisition", arms.ACQUISITIONS)
def test_the_librarys_search_is_no_worse_than_many_random_points(state, acquisition):
    rng = np.random.default_rng(1)
    point = arms.search(state, acquisition, rng)
    values = arms._on_arrays(state.score(acquisition))
    drawn = rng.integers(LEVELS, size=(3000, 3))
    assert state.is_new(point[None]).all() and values(point[None])[0] >= values(drawn).max() - 1e-9


@pytest.mark.parametrize("search", ["weak", "dqn"])
def test_a_search_proposes_a_new_point_and_a_seed_names_it(state, search, monkeypatch):
    monkeypatch.setattr(arms, "RANDOM_POINTS", 50)
    monkeypatch.setattr(arms, "STARTS_PER_DIMENSION", 1)
    monkeypatch.setattr(arms, "BATCHES", 2)
    found = []
    for _ in range(2):
        state.network, state.asked = None, 0
        found.append(arms.METHODS[search](state, "ei", np.random.default_rng(3)))
    assert (found[0] == found[1]).all() and state.is_new(found[0][None]).all() and SMALL.space.contains(found[0])


def test_where_all_proposals_are_known_a_new_point_is_drawn(state):
    point = arms._best_new(state, state.points, lambda points: np.zeros(len(points)), np.random.default_rng(0))
    assert state.is_new(point[None]).all()


# Runs


def test_a_run_never_rises_and_all_pairs_begin_alike(monkeypatch, tmp_path):
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path))
    monkeypatch.setattr(runs, "EXPERIMENTS", 2)
    monkeypatch.setattr(runs, "METHODS", {name: lambda state, acquisition, rng: SMALL.best for name in arms.SEARCHES})
    table = runs.compute(["ackley"], [3], seeds=1)
    assert len(table) == 7 and table[0].nunique() == 1
    assert (table[1] <= table[0]).all() and (table[2] <= table[1]).all()
    again = runs.compute(["ackley"], [3], seeds=1, compute_missing=False)
    assert again.equals(table)


# Claims


def made_up(dqn_ends: float, n: int) -> pd.DataFrame:
    ends = {("mean", "dqn"): dqn_ends, ("mean", "search"): 2.0, runs.RANDOM: 10.0}
    rows = [
        ("ackley", 3, 100 + seed, *pair, 1, *np.full(runs.EXPERIMENTS + 1, end + 0.1 * (seed % 2)))
        for pair, end in ends.items()
        for seed in range(n)
    ]
    return pd.DataFrame(rows, columns=[*runs.KEYS, *range(runs.EXPERIMENTS + 1)])


@pytest.mark.parametrize(
    ("ends", "n", "margin", "verdict"),
    [
        (1.0, 24, 0.0, "reproduced"),
        (2.5, 24, 0.0, "not reproduced"),
        (2.5, 24, 0.1, "reproduced"),  # no worse than by a tenth of what random experiments are left with
        (1.0, 23, 0.0, "inconclusive"),
        (1.0, 0, 0.0, "not tested"),
    ],
)
def test_a_pair_is_judged_against_another_on_the_scale_of_random_experiments(ends, n, margin, verdict):
    pairs = dict(one=("mean", "dqn"), other=("mean", "search"))
    parts = measurements.learning_gain(made_up(ends, n), ["ackley"], [3], **pairs, margin=margin, seeds=24)
    assert judge(parts) == verdict
    if n:
        assert parts[0].value == pytest.approx((2.0 - ends) / 10.05, rel=0.01)
