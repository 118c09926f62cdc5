"""Campaigns on pools: they repeat, measure no candidate twice, and are judged as the criteria say."""

import numpy as np
import pandas as pd
import pytest
import torch

from alloygrad import Pool
from alloygrad.surrogates import GaussianProcess
from compendium.fusion import arms, discovery, measurements

RNG = np.random.default_rng(0)
SPACE = Pool(pd.DataFrame(RNG.random((300, 3)), columns=list("abc")))
VALUES = np.sin(4 * SPACE.features[:, 0]) - ((SPACE.features[:, 1:] - 0.4) ** 2).sum(1)


@pytest.fixture
def hill(monkeypatch):
    monkeypatch.setattr(discovery, "space", lambda pool: (SPACE, VALUES))
    monkeypatch.setattr(discovery, "BATCHES", 2)


@pytest.mark.parametrize("arm", arms.ARMS)
def test_a_campaign_is_a_pure_function_of_its_seed_and_finds_more_than_it_had(hill, arm):
    row = discovery.run("hill", arm, 3)
    found = list(map(int, row["found"].split()))
    assert len(found) == 3 and found == sorted(found)
    assert row["found"] == discovery.run("hill", arm, 3)["found"]
    assert arm == "query" or found[-1] > found[0]


def test_the_mean_exploits_and_the_query_asks_where_learners_disagree(monkeypatch):
    rows, middle, apart = np.arange(20), RNG.random(300), RNG.random(300)
    monkeypatch.setattr(arms, "_predictions", lambda *state: np.stack([middle - apart, middle + apart]))
    for arm, by in ((arms.mean, middle), (arms.query, apart)):
        picked = arm(SPACE, rows, VALUES[rows], rng=RNG).rows
        np.testing.assert_array_equal(picked, 20 + np.argsort(-by[20:])[: arms.BATCH])


def test_a_forest_improves_on_the_largest_value_as_the_model_sees_it(monkeypatch):
    rows, seen = np.arange(20), []
    monkeypatch.setattr(arms, "log_ei", lambda model, best: seen.append(best) or (lambda features: features[:, 0]))
    picked = arms.forest_ei(SPACE, rows, VALUES[rows], rng=RNG).rows
    y = VALUES[rows]
    assert seen == [pytest.approx((y.max() - y.mean()) / y.std())]
    np.testing.assert_array_equal(picked, 20 + np.argsort(-SPACE.features[20:, 0])[: arms.BATCH])


@pytest.mark.parametrize("again", [3, 1000])
def test_scores_from_before_are_bounds_so_that_few_are_scored_anew(monkeypatch, again):
    monkeypatch.setattr(arms, "AGAIN", again)
    rows = np.arange(0, 300, 15)
    model = arms.fitted(GaussianProcess(arms.plain), SPACE, rows, VALUES[rows])
    whole = arms.believed(model, SPACE, rows, "enumeration", RNG)
    np.testing.assert_array_equal(arms.enumerated(model, SPACE, rows), whole)


def test_candidates_that_tie_with_the_tenth_count_and_ten_at_most():
    utilities = np.r_[np.full(15, 1.0), np.zeros(10)]
    assert discovery.among_best(utilities, range(25)) == 10
    assert discovery.among_best(utilities, [0, 14, 20]) == 2


def test_the_expectation_of_random_experiments_is_that_of_many_draws():
    rng, found, first = np.random.default_rng(1), [], []
    for _ in range(4000):
        order = rng.permutation(300)[:100] < 10
        found.append(order.sum())
        hits = np.flatnonzero(order)
        first.append(11 if not len(hits) else max(0, (hits[0] - 20) // 8 + 1))
    expected = discovery.expected(300)
    assert expected["found"] == pytest.approx(np.mean(found), abs=0.1)
    assert expected["first"] == pytest.approx(np.mean(first), abs=0.1)
    assert expected["share"] == pytest.approx(np.mean(np.array(first) < 10), abs=0.02)
    assert expected["half"] == pytest.approx(np.mean(np.array(found) >= 5), abs=0.02)


def test_rows_are_kept_and_found_again(hill, tmp_path, monkeypatch):
    monkeypatch.setattr("compendium.store.working", lambda: tmp_path)
    monkeypatch.setattr(discovery.pools, "available", lambda name: True)
    one = discovery.compute(["hill"], ["mean"], seeds=2)
    monkeypatch.setattr(discovery, "run", None)
    again = discovery.compute(["hill"], ["mean"], seeds=2)
    pd.testing.assert_frame_equal(one, again)
    assert discovery.compute(["hill"], ["gp_ei"], seeds=1, compute_missing=False).empty


def made_up(**found: str) -> pd.DataFrame:
    """Runs of all pools and seeds, the same for each pool and seed."""
    pools = (*discovery.TUNING, *discovery.JUDGED)
    rows = [
        {"pool": pool, "arm": arm, "seed": seed, "found": text}
        for pool in pools
        for arm, text in found.items()
        for seed in range(discovery.SEEDS)
    ]
    return pd.DataFrame(rows)


def test_a_claim_is_judged_on_all_pools_and_seeds_or_not_at_all():
    numbers = dict(share=0.8, tasks=10, first=3.5)
    good = made_up(ensemble="0 0 1 2 3 4 5 6 7 8 9")
    met, first = measurements.pools_met(good, **numbers)
    assert (met.value, met.outcome()) == (12, "holds") and (first.value, first.outcome()) == (2, "holds")
    late = made_up(ensemble="0 0 0 0 0 0 0 0 0 0 1")
    assert [part.outcome() for part in measurements.pools_met(late, **numbers)] == ["fails", "fails"]
    assert all(part.n == 0 for part in measurements.pools_met(good.iloc[1:], **numbers))


def test_the_peers_are_compared_seed_by_seed():
    numbers = dict(behind=2, level=0.05)
    better = made_up(ensemble="0 7", gp_ei="0 6", forest_ei="0 5", mean="0 4")
    lead, p, lag = measurements.pools_found(better, **numbers)
    assert (lead.value, lag.value) == (1, -1) and p.value < 1e-9
    assert [part.outcome() for part in (lead, p, lag)] == ["holds"] * 3
    worse = made_up(ensemble="0 3", gp_ei="0 6", forest_ei="0 5", mean="0 3")
    assert [part.outcome() for part in measurements.pools_found(worse, **numbers)] == ["fails"] * 3


def test_the_summary_counts_seeds_and_batches():
    runs = pd.DataFrame({
        "pool": "hill", "arm": "mean", "seed": [1, 2],
        "found": ["0 1 5 5 5 5 5 5 5 5 10", "0 0 0 0 0 0 0 0 0 0 0"],
    })  # fmt: skip
    row = discovery.summary(runs).iloc[0]
    assert (row["found"], row["share"], row["half"], row["all"], row["first"]) == (5, 0.5, 0.5, 0.5, 6)


@pytest.mark.parametrize("name", arms.ABLATED)
def test_an_ablation_changes_what_the_ensemble_believes(name):
    x = (RNG.random((40, 12)) < 0.5).astype(float) if name == "without_tanimoto" else SPACE.features[:40]
    y = x[:, 0] - np.exp(x[:, 1]) * x[:, 2]
    whole, part = (
        torch.stack(arms.Ensemble(arms.plain, **settings).fit(x[:30], y[:30]).posterior(x[30:]))
        for settings in ({}, arms.ABLATED[name])
    )
    assert (whole - part).abs().max() > 1e-3 * y.std()


def test_an_ablation_is_compared_seed_by_seed():
    assert set(arms.CHOOSERS) == set(arms.ARMS) | set(arms.ABLATED)
    runs = made_up(**{"ensemble": "0 7", "equal_gains": "0 6", "without_gp": "0 8"})
    table = discovery.lost(runs).set_index("arm")
    assert table["lost"].round(9).to_dict() == {"equal_gains": 1, "without_gp": -1}
    assert (table["n"] == 12 * discovery.SEEDS).all() and np.allclose(table["low"], table["high"])
