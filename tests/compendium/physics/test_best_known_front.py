"""The best known front, shares of it, campaigns that are kept, and claims on made-up tables."""

import numpy as np
import pandas as pd
import pytest

from compendium import store
from compendium.judging.verdicts import judge
from compendium.physics import elements, fronts, measured, measurements, runs

SMALL = fronts.Search(samples=2000, population=12, generations=3)


@pytest.fixture(scope="module")
def front() -> pd.DataFrame:
    return fronts.find(SMALL)


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """A store and a record of their own."""
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path / "runs"))
    monkeypatch.setattr(store, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(store, "is_default", lambda: True)


# The front


def test_no_random_alloy_and_no_exchange_beats_the_front(front):
    space, rng = elements.space(), np.random.default_rng(7)
    counts, values = front[list(elements.SYMBOLS)].to_numpy(), front[[one.name for one in fronts.OBJECTIVES]].to_numpy()
    assert space.contains(counts).all()
    near = counts[rng.integers(len(counts), size=3000)]
    near[np.arange(3000), rng.integers(10, size=3000)] += 1
    near[np.arange(3000), rng.integers(10, size=3000)] -= 1
    near = near[space.contains(near)]
    others = fronts.utilities(np.concatenate([near, space.sample(500, rng)]))
    beaten = (others[:, None] >= values).all(-1) & (others[:, None] > values).any(-1)
    assert len(near) > 500 and not beaten.any()


def test_a_closed_front_stays_as_it_is(front):
    counts = front[list(elements.SYMBOLS)].to_numpy()
    np.testing.assert_array_equal(np.unique(fronts.closed(counts), axis=0), np.unique(counts, axis=0))


def test_shares_are_areas_under_a_staircase(front):
    names = [one.name for one in fronts.OBJECTIVES]
    yardstick, values = fronts.Yardstick.of(front), front[names].to_numpy()
    assert yardstick.share(values) == pytest.approx(1)
    z = (values - values.min(0)) / np.ptp(values, axis=0) + 0.1  # strongest first: magnetisation rises
    steps = z[:, 0] @ np.diff(z[:, 1], prepend=0)
    assert yardstick.whole == pytest.approx(steps)
    corner = np.array([[values[:, 0].min(), values[:, 1].min()]])
    assert yardstick.share(corner) == pytest.approx(0.1**2 / steps)


def test_the_front_is_searched_once_and_the_record_is_read(front, kept, monkeypatch):
    asked = []
    monkeypatch.setattr(fronts, "find", lambda search: asked.append(search) or front)
    first = fronts.best_known(SMALL)
    again = fronts.best_known(SMALL)
    pd.testing.assert_frame_equal(first.drop(columns="code"), again.drop(columns="code"), rtol=1e-5)
    assert asked == [SMALL] and again["samples"].eq(2000).all()
    store.write(fronts.record_path(SMALL), lambda path: again.to_csv(path, index=False))
    fronts._kept(SMALL).unlink()
    fronts.best_known(SMALL)
    assert len(asked) == 1


# Runs


def test_a_run_is_a_pure_function_of_its_seed_and_measures_no_alloy_twice():
    one, again = (runs.run("campaign", 3, initial=12, experiments=2) for _ in range(2))
    names = list(elements.SYMBOLS)
    pd.testing.assert_frame_equal(one[names], again[names])
    counts = np.concatenate([runs.initial_alloys(3, 12), one[names]])
    assert elements.space().contains(counts).all() and len(np.unique(counts, axis=0)) == 14


def test_runs_are_kept_recorded_and_paired(front, kept, monkeypatch):
    asked = []

    def made(arm: str, seed: int) -> pd.DataFrame:
        asked.append((arm, seed))
        table = pd.DataFrame(elements.space().sample(2, np.random.default_rng(seed)), columns=elements.SYMBOLS)
        return table.assign(experiment=range(2), cpu_seconds=0.5)

    monkeypatch.setattr(runs, "run", made)
    monkeypatch.setattr(runs, "EXPERIMENTS", 2)
    monkeypatch.setattr(fronts, "best_known", lambda search=None: front)
    runs.run_all(1, progress=False)
    before = runs.gather()
    assert runs.record().to_dict() == {"campaign": 1, "random": 1}
    for path in (store.working() / "physics").rglob("*.parquet"):
        path.unlink()
    runs.run_all(1, progress=False)
    after = runs.gather()
    assert asked == [("campaign", 100), ("random", 100)]
    pd.testing.assert_frame_equal(before, after)
    assert after[0].nunique() == 1 and (after[[1, 2]].to_numpy() >= after[[0, 1]].to_numpy()).all()


# Claims


def made_up(campaign: float, n: int = 24) -> measurements.Results:
    rows = [
        (arm, 100 + seed, *np.linspace(0.5, end + 0.002 * (seed % 3), runs.EXPERIMENTS + 1))
        for arm, end in (("campaign", campaign), ("random", 0.6))
        for seed in range(n)
    ]
    return measurements.Results(curves=pd.DataFrame(rows, columns=["arm", "seed", *range(runs.EXPERIMENTS + 1)]))


ALL = dict(after=100, seeds=24)


@pytest.mark.parametrize(("reached", "verdict"), [(0.97, "reproduced"), (0.9, "not reproduced")])
def test_a_campaign_is_judged_by_the_share_that_it_reaches(reached, verdict):
    results = made_up(reached)
    assert judge(measurements.oracle_front(results, least=0.95, **ALL)) == verdict
    assert judge(measurements.oracle_gain(results, margin=0.2, **ALL)) == "reproduced"


@pytest.mark.parametrize("n", [0, 8, 23])
def test_there_is_no_verdict_before_all_seeds_are_in(n):
    results = made_up(0.97, n)
    for parts in (
        measurements.oracle_front(results, least=0.95, **ALL),
        measurements.oracle_gain(results, margin=0.2, **ALL),
    ):
        assert [(part.n, part.outcome()) for part in parts] == [(n, "open")]
        assert judge(parts) == ("not tested" if n == 0 else "inconclusive")


def test_strengths_are_judged_by_the_share_of_alloys_within_the_bound():
    found = measured.strengths().assign(deviation=[0.2] * 8 + [0.3] * 3)
    results = measurements.Results(strengths=found)
    assert judge(measurements.oracle_strength(results, within=0.25, least=0.75)) == "not reproduced"
    assert judge(measurements.oracle_strength(results, within=0.25, least=0.72)) == "reproduced"
