"""The race of searchers: a run is kept and never made twice; how success is counted and compared."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from alloygrad.inverse import InverseProblem, Measured, Parameter, recover
from compendium import store
from compendium.inverse import measurements, race
from compendium.inverse.case import Case, Within, r_factor
from compendium.judging import claims
from compendium.running.kept import Kept

X = np.linspace(0, 1, 40)


def toy(seed: int) -> Case:
    rng = np.random.default_rng(seed)

    def simulate(a, b):
        return np.sin(a * X) + b

    measured = Measured(simulate(3.0, 0.5) + 0.01 * rng.normal(size=len(X)), 0.01)
    problem = InverseProblem([Parameter("a", "", 1, 5), Parameter("b", "", 0, 1)], simulate, measured)
    return Case("toy", problem, {"a": 3.0, "b": 0.5}, Within({"a": 3.0, "b": 0.5}, {"a": 0.1, "b": 0.1}), 30)


@pytest.fixture
def toys(monkeypatch, tmp_path):
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path))
    monkeypatch.setitem(race.PROBLEMS, "toy", toy)
    monkeypatch.setitem(race.SEEDS, "toy", 2)
    monkeypatch.setattr(race, "RECORD", tmp_path / "record.csv")
    race.case.cache_clear()
    race._recorded_rows.cache_clear()
    yield
    race.case.cache_clear()
    race._recorded_rows.cache_clear()


def test_a_run_is_a_pure_function_of_its_seed_and_kept(toys, monkeypatch):
    found = race.race(["toy"], ["hybrid", "random"], workers=1)
    assert len(found) == 4 and (found["calls"] <= 30).all() and found["code"].notna().all()
    again = race.run("toy", "hybrid", race.FIRST_SEED)
    for column in ("solved_at", "off", "reduced", "values", "standard_errors", "calls"):
        assert again[column] == found[column].iloc[0]
    monkeypatch.setattr(race, "run", lambda *key: pytest.fail("computed again"))
    pd.testing.assert_frame_equal(race.race(["toy"], ["hybrid", "random"], workers=1), found)
    recorded = race.record()
    for path in race.folder().glob("*.json"):
        path.unlink()
    assert len(recorded) == 4
    pd.testing.assert_frame_equal(
        race.race(["toy"], ["random", "hybrid"], workers=1)[["seed", "method", "calls"]],
        found.iloc[[2, 3, 0, 1]].reset_index(drop=True)[["seed", "method", "calls"]],
    )


def test_solved_means_solved_for_good():
    one = toy(0)
    found = recover(one.problem, "least_squares", budget=30, progress=False)
    at = race.solved_at(one, found)
    table = found.trajectory
    best = [int(np.argmin(table["fine"][: i + 1])) for i in range(len(table))]
    off = [one.judge(table.loc[i, ["a", "b"]], found.calls.fine[i]) for i in best]
    assert at is not None and max(off[at - 1 :]) <= 1 and (at == 1 or off[at - 2] > 1)
    assert race.solved_at(Case("never", one.problem, {}, lambda values, fit: 2.0, 30), found) is None


def test_mcnemar_is_the_binomial_test_of_discordant_pairs():
    one = pd.Series([True] * 9 + [False] * 3, index=range(12))
    other = pd.Series([True] * 2 + [False] * 8 + [True] * 2, index=range(12))
    more, fewer = 7, 2  # seeds that only the one, only the other solves
    expected = 2 * binom.cdf(min(more, fewer), more + fewer, 0.5)
    assert measurements.mcnemar(one, other) == pytest.approx(expected)
    assert measurements.mcnemar(one, one) == 1.0
    assert measurements.mcnemar(one, other.iloc[:1]) == 1.0  # common seeds only


def test_the_summary_counts_what_failed_as_never():
    ends = {"hybrid": [9, 11, None], "random": [None, None, 40]}
    rows = [("p", method, seed, 50, at, 1.0, 0.5) for method, own in ends.items() for seed, at in enumerate(own)]
    columns = ["problem", "method", "seed", "budget", "solved_at", "seconds", "simulator_seconds"]
    runs = pd.DataFrame(rows, columns=columns)
    table = measurements.summary(runs).set_index("method")
    assert table.loc["hybrid", ["solved", "seeds", "calls"]].tolist() == [2, 3, 11]
    assert table.loc["random", "solved"] == 1 and np.isnan(table.loc["random", "calls"])
    assert not table["better"].any()


def test_the_r_factor_is_pendrys_sum():
    one = toy(0)
    fit = one.problem.fit(one.problem.run({"a": 3.2, "b": 0.4}), "fine")
    data = one.problem.targets["fine"]
    assert r_factor(fit) == pytest.approx(((fit.model - data) ** 2).sum() / (fit.model**2 + data**2).sum())


def test_claims_of_the_second_document_are_judged_apart():
    own = claims.load("inverse")
    assert {"inverse-xrd", "inverse-leed"} <= {claim.id for claim in own}
    assert not {claim.id for claim in own} & {claim.id for claim in claims.load()}
    runs = race.recorded()
    if len(runs):
        found = claims.scoreboard(claims.judged(runs, own))
        assert found["verdict"].notna().all()


def test_a_kept_row_is_made_once_and_survives_packing_and_damage(toys, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "RESULTS", tmp_path)
    table = Kept("rows", ("name", "seed"), ("name", "seed", "value"))
    assert table.find(name="a", seed=1) is None and len(table.table()) == 0
    assert table.get(lambda: {"value": 0.5}, name="a", seed=1) == {"name": "a", "seed": 1, "value": 0.5}
    assert table.get(lambda: pytest.fail("made again"), name="a", seed=1)["value"] == 0.5
    table.record()
    (row,) = table.folder.glob("*.json")
    row.write_text(row.read_text()[:10])  # a file cut short falls back on the record
    with pytest.warns(UserWarning, match="broken"):
        assert table.get(lambda: pytest.fail("made again"), name="a", seed=1)["value"] == 0.5
    table.get(lambda: {"value": 0.7}, name="a", seed=2)
    assert table.record()["value"].tolist() == [0.5, 0.7]
