"""A merit that is a known function of outcomes: its score against closed forms, and campaigns that look for it."""

import numpy as np
import pytest
import torch

import alloygrad as ag
from alloygrad.acquisition import merit
from alloygrad.acquisition.analytic import log_expected_improvement
from alloygrad.acquisition.merit import MeritImprovement, normals

BOX = ag.Box({"x": (0, 1), "y": (0, 1)})
OUTCOMES = ["strength", "peak"]


def kinked(p):
    return p["strength"] / 2 - abs(p["peak"] - 1)


def measure(points):
    return {"strength": points[:, 0] ** 2, "peak": 2 * points[:, 1] + points[:, 0]}


def told(objective, n=12, **settings):
    campaign = ag.Campaign(BOX, objective, seed=0, **settings)
    points = np.random.default_rng(1).random((n, 2))
    campaign.tell(points, measure(points))
    return campaign


def moments(rows=20):
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(size=(rows, 2))), torch.from_numpy(rng.uniform(0.5, 1.5, (rows, 2)))


@pytest.mark.parametrize("best", [-1.0, 0.0, 2.0])
def test_the_score_of_a_sum_is_the_expected_improvement_of_a_normal(best):
    mean, std = moments()
    score = MeritImprovement(lambda f: 2 * f[..., 0] - f[..., 1], best, normals(2, 4096))(mean, std)
    spread = (4 * std[:, 0] ** 2 + std[:, 1] ** 2).sqrt()
    wider = spread * (1 + 0.25**2) ** 0.5  # each sample is a normal distribution of a quarter of the width
    exact = log_expected_improvement(2 * mean[:, 0] - mean[:, 1], wider, best)
    assert torch.allclose(score, exact, atol=0.02)


def test_the_score_of_a_kink_is_an_integral(monkeypatch):
    monkeypatch.setattr(merit, "SHARE", 0.01)
    mean, std = (part[:, :1] for part in moments(6))
    score = MeritImprovement(lambda f: -f[..., 0].abs(), -0.3, normals(1, 65536))(mean, std)
    f = torch.linspace(-0.3, 0.3, 20001, dtype=torch.float64)
    density = torch.distributions.Normal(mean, std).log_prob(f).exp()
    assert torch.allclose(score.exp(), torch.trapezoid(density * (0.3 - f.abs()), f), rtol=0.01)


def test_the_score_has_a_gradient_far_from_any_improvement():
    mean, std = (part.requires_grad_() for part in moments(4))
    improvement = MeritImprovement(lambda f: f[..., 0] - f[..., 1].abs(), 12.0, normals(2))
    assert torch.autograd.gradcheck(improvement, (mean, std))
    (slope,) = torch.autograd.grad(improvement(mean, std).sum(), mean)
    assert (slope[:, 0] > 0).all()


def test_a_campaign_finds_the_best_of_a_kinked_merit():
    campaign = told(ag.Merit(kinked, OUTCOMES))
    for _ in range(2):
        points = campaign.suggest()[["x", "y"]].to_numpy()
        campaign.tell(points, measure(points))
    best = campaign.front()
    assert len(best) == 1 and kinked(best).item() > 0.45  # 0.5 at x = 1, y = 0
    assert campaign.values.shape == (14, 2)


def test_what_a_merit_is_expected_to_be_follows_from_its_outcomes():
    campaign = told(ag.Merit(kinked, OUTCOMES))
    table = campaign.predict(np.random.default_rng(3).random((5, 2)))
    a, b = (torch.tensor(table[f"{name} predicted"]) for name in OUTCOMES)
    sa, sb = (torch.tensor(table[f"{name} std"]) for name in OUTCOMES)
    drawn = np.random.default_rng(0).normal(size=(2, 5, 20000))
    merits = kinked(
        {
            "strength": a.numpy()[:, None] + sa.numpy()[:, None] * drawn[0],
            "peak": b.numpy()[:, None] + sb.numpy()[:, None] * drawn[1],
        }
    )
    np.testing.assert_allclose(table["merit predicted"], merits.mean(1), atol=0.02 * merits.std())
    np.testing.assert_allclose(table["merit std"], merits.std(1), rtol=0.1)


def test_a_merit_of_one_outcome_is_maximised_as_this_outcome_is():
    one, same = told(ag.Merit(lambda p: p["strength"], ["strength"])), told(ag.Maximise("strength"))
    at = torch.from_numpy(np.random.default_rng(4).random((30, 2)))
    with torch.no_grad():
        scores, exact = one.acquire()(at), same.acquire()(at)
    likely = exact > -6
    assert likely.sum() > 3 and torch.allclose(scores[likely], exact[likely], atol=0.3)


def test_every_second_suggestion_has_to_beat_the_best_by_the_margin():
    at = torch.from_numpy(np.random.default_rng(4).random((9, 2)))
    for n, share in ((12, 0.0), (13, 0.2)):
        campaign, plain = told(ag.Merit(kinked, OUTCOMES, margin=0.2), n), told(ag.Merit(kinked, OUTCOMES, margin=0), n)
        known = plain.beliefs.goals.utilities(plain.beliefs.known)
        level = campaign.best + share * (campaign.best - np.median(known))
        assert campaign.acquire().improvement.best == pytest.approx(level)
        assert plain.acquire().improvement.best == plain.best == campaign.best
        with torch.no_grad():
            assert (campaign.acquire()(at) <= plain.acquire()(at)).all()


def test_a_repeated_measurement_does_not_count_for_the_margin():
    points = np.random.default_rng(1).random((7, 2))
    levels = []
    for rows in (points, np.repeat(points, 2, axis=0)):
        campaign = ag.Campaign(BOX, ag.Merit(kinked, OUTCOMES, margin=0.2), seed=0)
        campaign.tell(rows, measure(rows))
        levels.append(campaign.acquire().improvement.best - campaign.best)
    assert levels[0] > 0 and levels[1] > 0


def test_the_score_does_not_depend_on_the_unit_of_the_merit():
    at = torch.from_numpy(np.random.default_rng(4).random((9, 2)))
    with torch.no_grad():
        one, small = (told(ag.Merit(lambda p, u=unit: u * kinked(p), OUTCOMES)).acquire()(at) for unit in (1.0, 1e-12))
    assert torch.allclose(one, small, atol=1e-6)


def test_a_merit_that_is_not_finite_is_named_with_its_row():
    campaign = ag.Campaign(BOX, ag.Merit(lambda p: (p["strength"] - 0.3) ** 0.5, ["strength"]), seed=0)
    with pytest.raises(ValueError, match=r"strength = 0\.04, in row 2\. Keep what is under a root"):
        campaign.tell([[0.9, 0.1], [0.2, 0.1]], {"strength": [0.81, 0.04]})
    assert not len(campaign.outcomes)
    with pytest.raises(ValueError, match="finite for every outcome which the models hold possible"):
        told(ag.Merit(lambda p: (p["strength"] - 0.0001) ** 0.5, ["strength"])).suggest()


def test_a_campaign_of_a_merit_of_one_outcome_is_not_one_of_this_outcome():
    campaign = told(ag.Merit(lambda p: -abs(p["peak"] - 1), ["peak"]))
    with pytest.raises(ValueError, match=r"has a merit of peak. Ask for its outcome, as in campaign.only\('peak'\)"):
        _ = campaign.objective
    assert campaign.only("peak").objective == ag.Maximise("peak")


def test_limits_hold_beside_a_merit_and_its_parts_can_be_looked_at():
    campaign = ag.Campaign(BOX, [ag.Limit("load", at_most=0.6), ag.Merit(kinked, OUTCOMES)], seed=0)
    points = np.random.default_rng(1).random((12, 2))
    campaign.tell(points, measure(points) | {"load": points[:, 0]})
    assert repr(campaign).startswith("<Campaign: maximise merit of strength, peak; load ≤ 0.6;")
    table = campaign.suggest()
    assert table["feasible"].item() > 0.4 and table["x"].item() < 0.7 and np.isfinite(table["merit predicted"]).all()
    kept = np.where(points[:, 0] <= 0.6, kinked(measure(points)), -np.inf)
    assert campaign.front().index.tolist() == [kept.argmax()]
    assert campaign.only("peak").merit is None and campaign.only("peak").acquisition == "log_ei"
    assert campaign.subset(range(8)).merit is campaign.merit


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: ag.Merit(lambda p: p["a"], ["a"], margin=-1), "Expected margin as one number from 0"),
        (lambda: ag.Merit(3, ["a"]), "Expected function as a function"),
        (lambda: ag.Merit(lambda p: p["a"], []), "Expected a list of distinct names"),
        (lambda: ag.Merit(lambda p: p["a"] + p["b"], ["a"]), "it asks for 'b' as well"),
        (lambda: ag.Merit(lambda p: np.abs(p["a"]), ["a"]), "not with functions of NumPy|it fails"),
        (lambda: ag.Merit(lambda p: 0 * p["a"] + (p["b"] > 1), ["merit", "a", "b"]), "other than 'merit'"),
        (lambda: ag.Merit(lambda p: (p["a"] > 1) * 1.0, ["a"]), "changes with its outcomes"),
        (lambda: ag.Campaign(BOX, [ag.Merit(kinked, OUTCOMES)] * 2), "Expected a Merit as the only aim"),
        (lambda: ag.Campaign(BOX, [ag.Merit(kinked, OUTCOMES), ag.Limit("peak", at_most=1)]), "Make it part"),
        (lambda: ag.Merit(lambda p: np.float64(p["a"][0]), ["a"]), "one for each value"),
        (lambda: ag.Merit(lambda p: float(p["a"]), ["a"]), "Write it with"),
        (lambda: ag.Merit(lambda p: max(p["a"], 0), ["a"]), "Write it with"),
        (lambda: ag.Campaign(BOX, [ag.Merit(kinked, OUTCOMES), "cost"]), "Expected a Merit as the only aim"),
        (lambda: ag.Campaign(BOX, ag.Merit(kinked, OUTCOMES), acquisition="ucb"), "Expected for a merit one of"),
        (lambda: ag.Campaign(BOX, ag.Merit(kinked, OUTCOMES), reference={"peak": 1.0}), "Expected no reference"),
    ],
)
def test_what_is_no_merit_is_refused_with_what_to_do(wrong, message):
    with pytest.raises((ValueError, TypeError), match=message):
        wrong()
