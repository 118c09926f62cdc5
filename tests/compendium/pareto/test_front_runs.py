"""Inner loops on one front: paired starts, pure runs, kept once; landscapes and their fronts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from alloygrad.objectives import hypervolume, non_dominated
from compendium import store
from compendium.judging.verdicts import judge
from compendium.pareto import genetic, landscapes, measurements, policy, runs
from compendium.pareto.arms import ARMS, DEFAULT
from compendium.pareto.landscapes import LANDSCAPES

COARSE = replace(LANDSCAPES["hea_n5"], name="coarse", step=0.05)


@pytest.fixture(autouse=True)
def coarse(monkeypatch, tmp_path):
    """A small landscape in place of the study's, and a store of its own."""
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path))
    monkeypatch.setitem(LANDSCAPES, "coarse", COARSE)
    monkeypatch.setattr(runs, "INITIAL", 20)
    monkeypatch.setattr(runs, "EXPERIMENTS", 2)


# Landscapes


@pytest.mark.parametrize("name", ["sma_n4", "hea_n5", "ti_n5"])
def test_outcomes_are_physical(name):
    one = LANDSCAPES[name]
    c = one.space().fractions(one.space().sample(500, np.random.default_rng(0)))
    found, plain = one.measure(c), landscapes._environment(one)(c)
    assert set(found) == {aim.name for aim in one.objectives} | {"merit"}
    if name == "sma_n4":
        wrong = plain["martensite_peak"] > plain["austenite_peak"]
        assert (found["hysteresis"] >= abs(plain["austenite_peak"] - plain["martensite_peak"])).all()
        assert (found["hysteresis"][wrong] == 2 * (plain["martensite_peak"] - plain["austenite_peak"])[wrong]).all()
    else:
        np.testing.assert_allclose(
            found["yield_strength"], np.minimum(plain["yield_strength"], plain["ultimate_strength"])
        )
        assert (found.get("elongation", np.zeros(1)) >= 0).all()


def test_the_front_is_that_of_all_compositions_and_kept_as_counts(tmp_path):
    front, space = COARSE.front(), COARSE.space()
    counts = np.concatenate(list(space.enumerate()))
    y = COARSE.utilities(COARSE.measure(space.fractions(counts)))
    assert np.array_equal(front[list(space.elements)].to_numpy(), counts[non_dominated(y)])
    assert len(list((tmp_path / "fronts").glob("coarse-*.parquet"))) == 1
    whole = COARSE.measure(space.fractions(counts))
    assert COARSE.share(whole) == pytest.approx(1, abs=1e-12) == COARSE.share(whole, landscapes.FAR)
    assert y[non_dominated(y)].min(0) == pytest.approx([0, 0, 0]) and y.max(0) == pytest.approx([1, 1, 1])


# Inner loops


@pytest.mark.parametrize("arm", ARMS)
def test_a_run_is_a_pure_function_of_its_seed(arm):
    one, other = (runs.run(COARSE, arm, 3, initial=20, experiments=1) for _ in range(2))
    elements = list(COARSE.space().elements)
    assert one[elements].equals(other[elements]) and (one["cpu_seconds"] >= 0).all()
    points = np.concatenate([runs.initial_points(COARSE, 3, 20), one[elements].to_numpy()])
    assert COARSE.space().contains(points).all() and len(np.unique(points, axis=0)) == 21
    curve = runs.curve(COARSE, one, 3, initial=20)
    assert curve.shape == (2,) and (np.diff(curve) >= 0).all() and 0 < curve[0] < 1


def test_all_inner_loops_start_from_the_same_compositions():
    first = runs.initial_points(COARSE, 5, 20)
    assert np.array_equal(first, runs.initial_points(COARSE, 5, 20)) and len(np.unique(first, axis=0)) == 20
    assert not np.array_equal(first, runs.initial_points(COARSE, 6, 20))


def test_a_population_spreads_along_a_known_front():
    space = COARSE.space()

    def utilities(counts):
        c = space.fractions(counts)
        return np.column_stack([-((c - 0.1) ** 2).sum(1), c[:, 0]])

    asked = []
    found = genetic.evolve(
        space, lambda counts: asked.append(len(counts)) or utilities(counts), np.random.default_rng(0),
        population=32, generations=12,
    )  # fmt: skip
    assert sum(asked) <= 32 * 12 and space.contains(found).all()
    everything, start = np.concatenate(list(space.enumerate())), space.sample(32, np.random.default_rng(0))
    first, last, most = (hypervolume(utilities(counts), [-0.3, 0.0]) for counts in (start, found, everything))
    assert first < 0.95 * most < last


def test_ranks_and_crowding_of_a_front_by_hand():
    values = np.array([[0.0, 4.0], [1.0, 3.0], [4.0, 0.0], [0.0, 3.0], [0.0, 0.0]])
    rank, distance = genetic.ranked(values)
    assert rank.tolist() == [0, 0, 0, 1, 2]
    assert distance[1] == pytest.approx(1 + 1) and np.isinf(distance[[0, 2, 3, 4]]).all()


def test_a_policy_learns_to_build_what_is_rewarded():
    space = COARSE.space()
    counts, values = policy.explore(
        space, lambda counts: 20.0 * space.fractions(counts)[:, 2], np.random.default_rng(0), batches=60, batch=64
    )
    assert space.contains(counts).all() and len(counts) == len(values)
    assert values[-512:].mean() > values[:512].mean() + 1.0


# Kept and recorded


def test_a_run_is_computed_once_and_recorded(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "RESULTS", tmp_path / "results")
    calls = []
    monkeypatch.setattr(runs, "run", lambda *a, **k: calls.append(a) or _table(*a))
    for _ in range(2):
        runs.run_all(2, ["coarse"], ["random", DEFAULT], progress=False)
    assert len(calls) == 4
    monkeypatch.setattr(runs, "LANDSCAPES", {"coarse": COARSE})
    before = runs.gather(["coarse"])
    assert len(before) == 8 and before.notna().all(axis=None)
    assert runs.record()["coarse"].to_dict() == {"ascent": 2, "random": 2}
    monkeypatch.setattr(store, "is_default", lambda: True)
    for path in [*runs.folder("coarse").glob("*.parquet"), *(tmp_path / "fronts").glob("*.parquet")]:
        path.unlink()
    kept = runs.known("coarse", "random", 101)
    elements = list(COARSE.space().elements)
    assert kept[elements].astype(int).equals(_table(COARSE, "random", 101)[elements])
    assert runs.known("coarse", "random", 102) is None
    pd.testing.assert_frame_equal(runs.gather(["coarse"]), before, rtol=1e-6)
    assert COARSE.kept_front()[elements].astype(int).equals(COARSE.front()[elements])
    assert not list((tmp_path / "fronts").glob("*.parquet"))  # it was read, not enumerated again
    monkeypatch.setattr(runs, "BEHAVIOUR", 99)
    assert runs.known("coarse", "random", 101) is None


def test_shares_along_a_run_are_those_of_all_that_is_known():
    table = _table(COARSE, "random", 7)
    space = COARSE.space()
    counts = np.concatenate([runs.initial_points(COARSE, 7, 20), table[list(space.elements)].to_numpy()])
    outcomes = COARSE.measure(space.fractions(counts))
    found = runs.curve(COARSE, table, 7, below=landscapes.FAR, initial=20)
    for place, n in enumerate((20, 21, 22)):
        known = {name: values[:n] for name, values in outcomes.items()}
        assert found[place] == pytest.approx(COARSE.share(known, landscapes.FAR), rel=1e-12)


def _table(landscape, arm, seed):
    counts = landscape.space().sample(2, np.random.default_rng([seed, len(arm)]))
    table = pd.DataFrame(counts, columns=landscape.space().elements)
    return table.assign(experiment=[0, 1], cpu_seconds=0.1)


# Measurements


def test_measurements_judge_made_up_curves():
    rng = np.random.default_rng(0)
    rows = [
        ("hea_n5", arm, seed, 0.1, 0.95 + shift + 0.001 * rng.normal())
        for arm, shift in ((DEFAULT, 0.02), ("random", -0.2), ("nsga2", 0.02))
        for seed in range(20)
    ]
    curves = pd.DataFrame(rows, columns=["landscape", "arm", "seed", "below", 100])
    how, curves = dict(below=0.1, after=100), measurements.Results(curves)
    share = measurements.front_share(curves, ["hea_n5"], [0.96], **how)
    assert share[0].n == 20 and share[0].value == pytest.approx(0.97, abs=1e-3) and judge(share) == "reproduced"
    beats = measurements.front_gain(curves, ["hea_n5"], ["random"], 0.0, **how)
    assert beats[0].value == pytest.approx(0.22, abs=1e-3) and judge(beats) == "reproduced"
    assert judge(measurements.front_gain(curves, ["hea_n5"], ["nsga2"], 0.005, **how)) == "reproduced"
    lacking = measurements.front_gain(curves, ["ti_n5"], ["nsga2"], 0.005, **how)
    assert lacking[0].n == 0 and judge(lacking) == "not tested"


def test_what_runs_come_near_is_counted_alloy_by_alloy(monkeypatch):
    landscape = COARSE
    space, front = landscape.space(), landscape.front()
    counts = front[list(space.elements)].to_numpy()
    whole = pd.DataFrame(counts, columns=space.elements)
    monkeypatch.setattr(runs, "initial_points", lambda landscape, seed: counts[:1])
    monkeypatch.setattr(
        runs, "finished", lambda name: {("ascent", 0): whole, ("ascent", 1): whole[:1], ("random", 0): whole}
    )
    table = runs.covered(landscape, "ascent", within=1e-5)
    assert table["covered"].iloc[0] == 1 and set(table["covered"].iloc[1:]) == {0.5}
    assert (runs.covered(landscape, "ascent", within=2.0)["covered"] == 1).all()
    assert runs.covered(landscape, "policy")["covered"].isna().all()
