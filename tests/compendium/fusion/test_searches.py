"""Choosers on a box: batches within it, and the parts of the ensemble's own search."""

import numpy as np
import pytest

from compendium.fusion import searches

BOX = np.array([[0.0] * 3, [1.0] * 3])


def bowl(shares: np.ndarray) -> np.ndarray:
    return -np.square(shares - 0.6).sum(1)


@pytest.mark.parametrize("arm", ["ensemble", "turbo", "log_ei", "cma_es", "random"])
def test_a_batch_lies_in_the_box_repeats_and_moves_on(arm):
    found, batch = [], 4 if arm == "ensemble" else 2
    for _ in range(2):
        shares = np.random.default_rng(0).random((12, 3))
        ask = searches.ARMS[arm](np.random.default_rng(1), batch, **{"turbo": {"candidates": 200}}.get(arm, {}))
        for _ in range(2):
            new = ask(shares, bowl(shares))
            assert new.shape == (batch, 3) and (new >= 0).all() and (new <= 1).all()
            shares = np.concatenate([shares, new])
        found.append(shares)
    np.testing.assert_array_equal(*found)
    assert len(np.unique(found[0], axis=0)) == 12 + 2 * batch
    assert arm == "random" or bowl(shares[12:]).mean() > bowl(shares[:12]).mean() + 0.05


def test_far_picks_keep_their_distance_and_stay_in_the_region():
    shares, rng = np.random.default_rng(2).random((15, 3)), np.random.default_rng(3)
    model = searches.Ensemble(searches.plain, members=("isotropic",)).fit(shares, searches.standardised(bowl(shares)))
    limits = np.array([[0.2] * 3, [0.9] * 3])
    _, known = searches.picked(model, shares, shares[:4], 4, limits, 0.1, 8, rng)
    new = known[15:]
    assert (new >= 0.2).all() and (new <= 0.9).all()
    for k in range(4):
        assert searches.nearest(new[k : k + 1], known[: 15 + k]).item() >= 0.1


def test_evolution_finds_a_maximum_that_its_candidates_lack():
    rng = np.random.default_rng(4)
    start = 0.2 * rng.random((50, 3))
    best = searches.evolved(start, bowl, BOX, 20, rng)[0]
    assert abs(best - 0.6).max() < 0.02 < abs(start - 0.6).min()


def test_offspring_stay_within_limits_and_inherit():
    parents = np.random.default_rng(5).random((6, 3))
    children = searches.offspring(parents, 400, BOX, np.random.default_rng(6))
    assert (children >= 0).all() and (children <= 1).all()
    kept = (children[:, None] == parents).any(1)  # coordinates taken from a parent as they are
    assert 0.2 < kept.mean() < 0.8


def test_the_distance_is_that_to_the_nearest():
    known = np.array([[0.0, 0.0], [1.0, 1.0]])
    assert searches.nearest(np.array([[0.0, 0.3], [1.0, 1.0]]), known) == pytest.approx([0.3, 0])


def test_a_region_grows_with_success_shrinks_with_failure_and_begins_again():
    region = searches.Region(length=0.4, longest=1.0, shortest=0.1, grows=2.0, successes=2, failures=2)
    values = [1.0, 2.0, 3.0]  # the first is the start, then two successes
    for number in range(3):
        region.learn(np.array(values[: number + 1]), 1)
    assert region.length == 0.8
    for _ in range(4):
        values.append(0.0)
        region.learn(np.array(values), 1)
    assert region.length == 0.2
    for _ in range(4):
        values.append(0.0)
        region.learn(np.array(values), 1)
    assert region.length == searches.Region.length  # 0.1, then below the shortest
    np.testing.assert_allclose(region.limits(np.array([0.1, 0.5])), [[0, 0.1], [0.5, 0.9]])


def test_the_way_that_improves_the_best_gets_more_picks():
    credit = searches.Credit(4)
    credit.learn(np.array([1.0, 3, 0, 0, 0, 0, 0, 0, 0]), 8)  # a near pick improves
    assert credit.near == 6
    for _ in range(8):
        credit.learn(np.array([1.0, 0, 0, 0, 0, 0, 0, 0, 3]), 8)
    assert credit.near == 2


def test_far_picks_alone_are_apart_and_near_ones_gather():
    shares = np.random.default_rng(0).random((12, 3))
    least = {}
    for arm in ("near_only", "far_only"):
        new = searches.ARMS[arm](np.random.default_rng(1), 4)(shares, bowl(shares))
        least[arm] = min(searches.nearest(new[k : k + 1], np.concatenate([shares, new[:k]])).item() for k in range(4))
    assert least["near_only"] < searches.APART * searches.Region.length <= least["far_only"] + 1e-9
