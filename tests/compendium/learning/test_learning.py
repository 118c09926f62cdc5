"""Tasks with known minima, the network, and the six pairs of acquisition function and search."""

import numpy as np
import pandas as pd
import pytest
import torch

from alloygrad.surrogates.isotropic import fit_isotropic
from compendium.judging.verdicts import judge
from compendium.learning import arms, dqn, measurements, runs
from compendium.learning.predictor import predictor
from compendium.learning.tasks import FUNCTIONS, LEVELS, Alloys, Minimum

SMALL = Minimum("ackley", 3, 7)
ALLOYS = Alloys(7)


def begun(task, n: int = 15) -> arms.State:
    points = task.space.sample(n, np.random.default_rng(0)).astype(np.int64)
    return arms.State(task, points, -task.measure(points))


# Tasks


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_minimum_is_0_at_levels_that_the_seed_draws_and_positive_elsewhere(function):
    task, rng = Minimum(function, 4, 1), np.random.default_rng(0)
    assert task.measure(task.best[None]) == pytest.approx(0, abs=1e-12)
    others = rng.integers(LEVELS, size=(2000, 4))
    others = others[(others != task.best).any(1)]
    assert task.measure(others).min() > 0.1 and task.space.contains(others).all()
    assert (task.best != Minimum(function, 4, 2).best).any()


def test_functions_by_hand():
    one = np.array([[1.0, -2.0]])  # whole numbers: all cosines are 1
    assert FUNCTIONS["rastrigin"](one) == pytest.approx(5)
    assert FUNCTIONS["ackley"](one) == pytest.approx(20 - 20 * np.exp(-0.2 * np.sqrt(2.5)))


def test_whatever_is_chosen_among_what_is_allowed_makes_an_alloy():
    rng, points = np.random.default_rng(0), ALLOYS.begin(200)
    for turn in range(ALLOYS.turns):
        allowed = ALLOYS.allowed(points, turn)
        assert allowed.any(1).all()
        assert ALLOYS.filled(points, turn).sum(1) == pytest.approx(ALLOYS.space.total)
        points = ALLOYS.taken(points, turn, (rng.random(allowed.shape) * allowed).argmax(1))
    assert ALLOYS.space.contains(points).all()


@pytest.mark.parametrize("task", [SMALL, ALLOYS], ids=["grid", "alloys"])
def test_values_of_a_gradient_search_are_rounded_to_points_of_the_space(task):
    low, high = task.limits()
    values = np.random.default_rng(0).uniform(low, high, size=(50, len(low)))
    points = task.rounded(values)
    assert len(points) and task.space.contains(points).all()
    shown = task.inside(values)
    assert (np.abs(points[:, None] - shown).max(-1).min(1) < 4).all()  # near one of them, within bounds


# The model


def test_the_predictor_is_the_librarys_process_with_its_most_probable_hyperparameters():
    state = begun(SMALL, 20)
    found = predictor(state.points, state.values)
    z = (state.values - state.values.mean()) / state.values.std()
    best = fit_isotropic(lambda at: at, state.points.astype(float), z).parts[0]
    points = torch.from_numpy(SMALL.drawn(30, np.random.default_rng(1)))
    mean, std = found.model.posterior(points)
    assert (found.model.parts[0].lengthscale, found.model.parts[0].noise) == (best.lengthscale, best.noise)
    np.testing.assert_allclose(found.mean(points.numpy()), mean, atol=1e-9)
    np.testing.assert_allclose(np.array(found.both(points.numpy())), np.array([mean, std]), atol=1e-9)


def test_between_two_fits_a_predictor_is_conditioned_and_keeps_its_hyperparameters():
    state = begun(SMALL, 21)
    first = predictor(state.points[:17], state.values[:17])
    second = predictor(state.points[:19], state.values[:19], first)
    third = predictor(state.points[:21], state.values[:21], first)
    assert second.fitted == 17 and second.spread == first.spread and len(second.inputs) == 19
    np.testing.assert_allclose(second.mean(state.points[17:19].astype(float)), second.model.targets[17:], atol=0.5)
    assert third.fitted == 21


# The network


def test_the_gradient_is_that_of_automatic_differentiation():
    rng = np.random.default_rng(0)
    network = dqn.Network((4, 6, 5, 3), rng, np.float64)
    state, action, target = rng.normal(size=(20, 4)), rng.integers(3, size=20), rng.normal(size=20)
    weights = [torch.tensor(part, requires_grad=True) for part in network.weights]
    at = torch.tensor(state)
    for part in weights[:-1]:
        at = torch.relu(at @ part[:-1] + part[-1])
    values = at @ weights[-1][:-1] + weights[-1][-1]
    ((values[np.arange(20), action] - torch.tensor(target)) ** 2).mean().backward()
    np.testing.assert_allclose(network(state), values.detach(), atol=1e-12)
    expected = np.concatenate([part.grad.numpy().ravel() for part in weights])
    np.testing.assert_allclose(network.gradient(state, action, target), expected, atol=1e-12)


def test_a_step_is_that_of_adam():
    network, rng = dqn.Network((3, 4, 2), np.random.default_rng(0), np.float64), np.random.default_rng(1)
    flat = torch.tensor(network.flat, requires_grad=True)
    adam = torch.optim.Adam([flat], dqn.RATE)
    for _ in range(5):
        gradient = rng.normal(size=len(network.flat))
        network.step(gradient)
        flat.grad = torch.tensor(gradient.clip(-1, 1))
        adam.step()
    np.testing.assert_allclose(network.flat, flat.detach(), atol=1e-12)
    assert network.weights[0][0, 0] == network.flat[0]  # layers are views of it


def test_a_network_learns_to_build_the_best_point_of_a_simple_score():
    task, aim = Minimum("ackley", 2, 0), np.array([40, 10])

    def score(points: np.ndarray) -> np.ndarray:
        return -np.abs(points - aim).sum(-1) / LEVELS

    network, rng = dqn.DQN(task, seed=0), np.random.default_rng(0)
    finished = network.train(score, rng, batches=25)
    random = score(rng.integers(LEVELS, size=(250, 2)))
    greedy = score(network.propose(1, 0.0, rng))[0]
    assert finished.shape == (250, 2)
    assert greedy > np.quantile(random, 0.9)


@pytest.mark.parametrize("task", [Minimum("ackley", 2, 0), ALLOYS], ids=["grid", "alloys"])
def test_the_double_target_is_that_of_the_formula(task, monkeypatch):
    network, rng = dqn.DQN(task, seed=0), np.random.default_rng(0)
    points, transitions = network._episodes(lambda at: (at**2).sum(-1).astype(float), 1.0, rng)
    rewards = np.sum([one.reward for one in transitions], axis=0)
    start = task.filled(task.begin(1), 0)
    np.testing.assert_allclose(rewards, (points**2).sum(1) - (start**2).sum(), rtol=1e-4)  # the rises add up
    seen = []
    monkeypatch.setattr(network.fast, "gradient", lambda state, action, target: seen.append(target) or 0)
    monkeypatch.setattr(network.fast, "step", lambda gradient: None)
    network._learn(transitions, np.random.default_rng(1), updates=1)
    state, _, reward, following, closed, ended = map(np.concatenate, zip(*transitions, strict=True))
    fast, slow = network.fast(following), network.slow(following)
    for row, target in zip(np.random.default_rng(1).integers(len(state), size=5), seen[0][:5], strict=True):
        best = np.where(np.isfinite(closed[row]), fast[row], -np.inf).argmax()
        assert target == pytest.approx(float(reward[row] + (1 - ended[row]) * slow[row, best]), rel=1e-5)


# Searches


@pytest.mark.parametrize("acquisition", arms.ACQUISITIONS)
@pytest.mark.parametrize("task", [SMALL, ALLOYS], ids=["grid", "alloys"])
def test_a_good_search_is_no_worse_than_many_random_points(task, acquisition):
    state, rng = begun(task), np.random.default_rng(1)
    point = arms.search(state, acquisition, rng)
    score = state.score(acquisition)
    drawn = task.space.sample(2000, rng)
    assert state.is_new(point[None]).all() and score(point[None])[0] >= score(drawn).max() - 1e-9


def test_a_climb_ends_where_no_single_level_is_better():
    aim = np.array([3, 40, 20])

    def score(points: np.ndarray) -> np.ndarray:
        return -((points - aim) ** 2).sum(-1).astype(float)

    tried = arms.climbed(np.zeros((2, 3), dtype=np.int64), score, np.random.default_rng(0))
    assert (tried[score(tried).argmax()] == aim).all()


def test_numerical_gradients_are_those_of_the_function_also_at_the_limits():
    both = arms._with_numerical_gradient(lambda at: (at**2).sum(-1), np.array([2.0, 2.0]))
    value, slope = both(np.array([1.0, 2.0]))
    assert value == 5 and slope == pytest.approx([2, 4], abs=1e-4)


@pytest.mark.parametrize("search", ["weak", "dqn"])
@pytest.mark.parametrize("task", [SMALL, ALLOYS], ids=["grid", "alloys"])
def test_a_search_proposes_a_new_point_and_a_seed_names_it(task, search, monkeypatch):
    monkeypatch.setattr(arms, "RANDOM_POINTS", 50)
    monkeypatch.setattr(arms, "STARTS_PER_DIMENSION", 1)
    monkeypatch.setattr(arms, "BATCHES", 2)
    state, found = begun(task), []
    for _ in range(2):
        state.network, state.asked = None, 0
        found.append(arms.METHODS[search](state, "ei", np.random.default_rng(3)))
    assert (found[0] == found[1]).all() and state.is_new(found[0][None]).all() and task.space.contains(found[0])


def test_where_all_proposals_are_known_a_new_point_is_drawn():
    state = begun(SMALL)
    point = arms._best_new(state, state.points, lambda points: np.zeros(len(points)), np.random.default_rng(0))
    assert state.is_new(point[None]).all()


# Runs


def test_the_record_is_repeated_by_the_present_code():
    key = dict(zip(runs.KEYS, ("ackley", 3, runs.FIRST_SEED, *runs.RANDOM, runs.BEHAVIOUR), strict=True))
    recorded = runs.KEPT.find(**key)
    assert recorded and recorded["lowest"] == runs._row(key)["lowest"]


def test_a_run_never_rises_and_all_pairs_begin_alike(monkeypatch, tmp_path):
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path))
    monkeypatch.setattr(runs, "FIRST_SEED", 900)  # not on record
    monkeypatch.setattr(runs, "EXPERIMENTS", 2)
    monkeypatch.setattr(runs, "METHODS", {name: lambda state, acquisition, rng: SMALL.best for name in arms.SEARCHES})
    table = runs.compute([("ackley", 3)], seeds=1)
    assert len(table) == 7 and table[0].nunique() == 1
    assert (table[1] <= table[0]).all() and (table[2] <= table[1]).all()
    again = runs.compute([("ackley", 3)], seeds=1, compute_missing=False)
    assert again.equals(table)


def test_alloys_are_read_against_the_lowest_of_long_ascents_and_all_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path))
    monkeypatch.setattr(runs, "FIRST_SEED", 900)
    monkeypatch.setattr(runs, "EXPERIMENTS", 1)
    some = ALLOYS.space.sample(1, np.random.default_rng(5))[0]
    monkeypatch.setattr(runs, "METHODS", {name: lambda state, acquisition, rng: some for name in arms.SEARCHES})
    monkeypatch.setattr(runs, "best_found", lambda seed: -3.0)
    table = runs.compute([(runs.ALLOYS, runs.ELEMENTS)], seeds=1)
    assert len(table) == 7
    lowest = runs.run(Alloys(runs.FIRST_SEED), *runs.RANDOM, experiments=1)
    own = table[table["search"] == "random"][[0, 1]].to_numpy()[0]
    assert own == pytest.approx(lowest + 3.0, rel=1e-4)


# Claims


def made_up(ends_of_dqn: float, n: int) -> measurements.Results:
    ends = {("mean", "dqn"): ends_of_dqn, ("mean", "search"): 2.0, runs.RANDOM: 10.0}
    rows = [
        (function, size, 100 + seed, *pair, 1, *np.full(runs.EXPERIMENTS + 1, end + 0.1 * (seed % 2)))
        for function, size in runs.TASKS
        for pair, end in ends.items()
        for seed in range(n)
    ]
    return measurements.Results(pd.DataFrame(rows, columns=[*runs.KEYS, *range(runs.EXPERIMENTS + 1)]), pd.DataFrame())


@pytest.mark.parametrize(
    ("ends", "n", "margin", "verdict"),
    [
        (1.0, 24, 0.05, "reproduced"),
        (2.5, 24, 0.05, "not reproduced"),
        (2.0, 24, 0.05, "not reproduced"),  # as good is no help
        (2.5, 24, -0.1, "reproduced"),  # no worse than by a tenth of what random experiments are left with
        (1.0, 23, 0.05, "inconclusive"),
        (1.0, 0, 0.05, "not tested"),
    ],
)
def test_a_pair_is_judged_against_another_on_the_scale_of_random_experiments(ends, n, margin, verdict):
    pairs = dict(one=("mean", "dqn"), other=("mean", "search"))
    parts = measurements.learning_gain(made_up(ends, n), **pairs, margin=margin, seeds=24)
    assert judge(parts) == verdict and len(parts) == len(runs.TASKS)
    if n:
        assert parts[0].value == pytest.approx((2.0 - ends) / 10.05, rel=0.01, abs=1e-9)
