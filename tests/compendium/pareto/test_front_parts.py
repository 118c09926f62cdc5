"""States, limits and starts: each truth by a second route, runs that are kept, and claims on made-up tables."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from alloygrad import CompositionSpace
from alloygrad.campaigns.campaign import Campaign
from alloygrad.maximisers import maximise
from alloygrad.maximisers.suggestion import Plain
from compendium import ROOT
from compendium.judging.verdicts import judge
from compendium.pareto import choices, limits, measurements, peer, runs, starts, states
from compendium.pareto.landscapes import LANDSCAPES

COARSE = replace(LANDSCAPES["hea_n5"], name="coarse", step=0.1)
POINTS = runs.initial_points(COARSE, 3, 20)


@pytest.fixture
def coarse(monkeypatch, tmp_path):
    """A small landscape with limits, and a store of its own."""
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path))
    monkeypatch.setitem(LANDSCAPES, "coarse", COARSE)
    monkeypatch.setitem(limits.CASES, "coarse", limits.CASES["hea_n5"])
    monkeypatch.setattr(limits, "EXPERIMENTS", 2)


@pytest.fixture(scope="module")
def campaign():
    made = Campaign(COARSE.space(), list(COARSE.objectives), inputs="fractions", seed=0)
    made.tell(POINTS, COARSE.measure(COARSE.space().fractions(POINTS)))
    return made


# Limits


def test_the_best_alloy_within_limits_is_that_of_all_alloys(coarse):
    space = COARSE.space()
    found = COARSE.measure(space.fractions(np.concatenate(list(space.enumerate()))))
    kept = (found["yield_strength"] >= 1100) & (found["ultimate_strength"] >= 1300)
    truth = limits.truth("coarse")
    assert (truth.size, truth.kept, truth.best) == (len(kept), kept.sum(), found["elongation"][kept].max())
    assert truth.by_chance(1) == pytest.approx(truth.near / truth.size)


def test_a_campaign_within_limits_is_kept_and_ends_where_it_arrives(coarse, monkeypatch):
    asked, space = [], COARSE.space()
    everything = np.concatenate(list(space.enumerate()))
    optimum = everything[limits.values(COARSE, space.fractions(everything)).argmax()]
    answers = [everything[0], optimum]
    monkeypatch.setattr(Campaign, "ask", lambda self: asked.append(1) or [_Pick(answers[len(asked) - 1])])
    monkeypatch.setattr(runs, "initial_points", lambda *given: POINTS[:5])
    row = limits.compute(["coarse"], seeds=1).iloc[0]
    assert (row["arrived"], row["share"], len(asked)) == (2, 1.0, 2)
    again = limits.compute(["coarse"], seeds=1, compute_missing=False)
    assert len(asked) == 2 and again.iloc[0]["arrived"] == 2


class _Pick:
    def __init__(self, point):
        self.point = point


# States


def test_the_peer_has_the_same_posterior(campaign):
    at = torch.tensor(COARSE.space().fractions(COARSE.space().sample(7, np.random.default_rng(0))))
    for model in campaign.beliefs.models:
        theirs = peer.twin(model).posterior(at)
        mean, std = model.posterior(at)
        torch.testing.assert_close(theirs.mean[:, 0], mean, rtol=1e-6, atol=1e-8)
        torch.testing.assert_close(theirs.variance[:, 0].sqrt(), std, rtol=1e-4, atol=1e-6)


def test_a_state_is_compared_with_the_enumerated_maximum(campaign):
    row = states.gap(campaign, np.random.default_rng(0))
    acquire, space = campaign.acquire(), campaign.space
    counts = np.concatenate(list(space.enumerate()))
    values = acquire(torch.from_numpy(space.fractions(counts))).numpy()
    measured = (counts[:, None] == campaign.points).all(-1).any(1)
    assert row["largest"] == pytest.approx(values[~measured].max(), abs=1e-6) and row["log_ehvi"] <= row["largest"]


# Starts


@pytest.fixture
def hill():
    """Two hills of which the lower one is wide."""
    space = CompositionSpace({"Ti": (0, 100), "Ni": (0, 100), "Cu": (0, 100)}, step=1)
    tops = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7]], dtype=torch.float64)

    def value(points):
        heights = -((points[..., None, :] - tops) ** 2).sum(-1) * torch.tensor([90.0, 5.0]) + torch.tensor([1.0, 0.0])
        return heights.logsumexp(-1)

    return starts.State(space, Plain(value), np.array([[34, 33, 33]]))


def test_the_farthest_points_follow_each_other_by_hand():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.1, 0.0], [0.4, 0.0]])
    assert starts.farthest(points, 3, first=0).tolist() == [0, 1, 3]


@pytest.mark.parametrize("arm", starts.ARMS)
def test_ascents_reach_a_hill_and_use_no_more_starts_than_given(hill, arm):
    value, used = starts.ARMS[arm](hill, np.random.default_rng(0))
    assert -0.01 < value < 1.1 and (used == arm[1] if arm[1] else 8 < used <= starts.MOST)


def test_states_of_the_benchmark_are_those_of_recorded_trajectories(monkeypatch):
    monkeypatch.delenv("ALLOYGRAD_STORE", raising=False)
    recorded = pd.read_csv(ROOT / "figures" / "05_inner_loop.csv")
    recorded = recorded[(recorded["maximiser"] == "enumeration") & (recorded["formulas"] == "mean")]
    key = next(key for key in starts.keys() if key["n_elements"] == 3 and key["experiment"])
    state = starts.state(**key)
    best = maximise(state.acquire, state.space, "enumeration", exclude=state.measured)
    (known,) = recorded.merge(pd.DataFrame([key]))["log_value"]
    assert len(state.measured) == 40 + key["experiment"] and best.value == pytest.approx(known, abs=1e-3)


# Claims


def test_measurements_judge_made_up_tables():
    arrived = [("hea_n5", 9.0)] * 19 + [("hea_n5", np.nan)]
    table = pd.DataFrame(arrived, columns=["landscape", "arrived"])
    (part,) = measurements.front_limits(measurements.Results(limits=table), ["hea_n5"], 0.9, 30, 20)
    assert part.value == 0.95 and judge([part]) == "reproduced"
    (part,) = measurements.front_limits(measurements.Results(limits=table), ["hea_n5"], 0.9, 30, 32)
    assert judge([part]) == "inconclusive"  # seeds are missing
    late = measurements.front_limits(measurements.Results(limits=table), ["hea_n5"], 0.9, 5, 32)
    assert judge(late) == "not reproduced"
    table = pd.DataFrame({"largest": 0.0, "log_ehvi": [0.0] * 39 + [-1.0], "peer": -0.5, "cpu_seconds": 0.1})
    found = measurements.Results(states=table.assign(peer_seconds=2.0))
    assert judge(measurements.front_maximum(found, 0.97, 0.99, 40)) == "reproduced"
    faster = measurements.front_faster(found, 10, 0.95, 0.99, 30)
    assert faster[0].value == pytest.approx(20) and faster[1].value == pytest.approx(39 / 40)
    measured = measurements.Results(states=table.assign(peer_seconds=2.0, peer=5.0))  # above the largest: no pick
    assert measurements.front_faster(measured, 10, 0.95, 0.99, 30)[1].value == pytest.approx(39 / 40)
    rows = [
        {**dict.fromkeys(starts.STATE, place), "starts": kind, "number": n, "used": n, "short": short,
         "cpu_seconds": seconds}
        for place in range(40)
        for kind, n, short, seconds in (
            ("random", 16, float(place % 2), 0.2), ("diverse", 16, float(place % 4 == 1), 0.2), ("apart", 16, 0.0, 0.2),
            ("random", 64, 0.0, 0.8), ("random", 0, 0.0, 0.3),
        )
    ]  # fmt: skip
    found = measurements.Results(starts=pd.DataFrame(rows))
    fewer, than_ours = measurements.starts_diverse(found, 16)
    assert fewer.outcome() == "holds" and fewer.value == pytest.approx(0.25) and than_ours.outcome() == "fails"
    assert judge(measurements.starts_adaptive(found, ["random"], 64, 0.02)) == "reproduced"
    assert starts.summary(found.starts).set_index(["starts", "number"]).loc[("random", 16), "missed"] == 0.5
    assert judge(measurements.starts_adaptive(measurements.Results(), ["random"], 64, 0.02)) == "not tested"


# Choices


@pytest.mark.parametrize("kind", choices.KINDS)
def test_persons_prefer_what_no_other_alloy_dominates(kind):
    z = np.random.default_rng(0).random((40, 3))
    u = choices.person(kind, np.vstack([z, np.ones(3), np.zeros(3)]), np.random.default_rng(1))
    assert u.max() == u[-2] == 1 and u.min() == u[-1] == 0
    assert (u[:, None] >= u)[(np.vstack([z, np.ones(3), np.zeros(3)])[:, None] >= [*z, [1] * 3, [0] * 3]).all(-1)].all()


def test_questions_lower_the_regret_and_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path))
    monkeypatch.setattr(choices, "LANDSCAPES", {"hea_n5": _Front()})
    monkeypatch.setattr(choices, "METHODS", {"linear": choices.linear, "gp": choices.at_random})
    monkeypatch.setattr(choices, "QUESTIONS", 6)
    table = choices.compute(persons=3)
    assert len(table) == 3 * 2 * 2 and table[6].mean() < 0.7 * table[0].mean()
    monkeypatch.setattr(choices, "ask", None)
    pd.testing.assert_frame_equal(choices.compute(persons=3), table)
    found = choices.verdict(table)
    weigh = table[(table["kind"] == "weights") & (table["method"] == "linear")][6]
    assert found["mean"].iloc[0] == pytest.approx(weigh.mean(), abs=1e-4)


class _Front:
    """A front of 200 alloys on a sphere."""

    def front(self):
        y = np.abs(np.random.default_rng(0).normal(size=(200, 3)))
        return pd.DataFrame(y / np.linalg.norm(y, axis=1)[:, None], columns=list("abc"))

    def utilities(self, outcomes):
        return np.column_stack(list(outcomes.values()))


def test_the_peer_learns_what_is_preferred():
    z = np.linspace(0, 1, 8)[:, None]
    mean, covariance = peer.preferences(z, [(7, 0), (5, 2), (6, 1)], seed=0)
    assert mean[7] > mean[4] > mean[0] and covariance.shape == (8, 8)
