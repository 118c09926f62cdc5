"""Replays on finished tables: tables as declared, random experiments by enumeration, every arm on a made-up table."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from alloygrad.tables import designations
from compendium.environments import datasets
from compendium.replays import figures, runs, tables


def made_up(n=40):
    rng = np.random.default_rng(0)
    fractions = rng.dirichlet(np.ones(3), size=n)
    return tables.Task("made up", ("Ni", "Ti", "Cu"), fractions, fractions[:, 0] - (fractions[:, 2] - 0.3) ** 2)


@pytest.mark.dataset
@pytest.mark.parametrize("name", tables.DECLARED)
def test_a_published_table_is_read_as_declared(name):
    if not tables.available(name):
        pytest.skip(f"{name} cannot be had")
    own = tables.load(name)  # which asserts the numbers of rows and compositions
    np.testing.assert_allclose(own.fractions.sum(1), 1, atol=1e-9)
    assert np.isfinite(own.values).all() and 1 <= len(own.best(0.01)) <= 0.03 * len(own.values)


@pytest.mark.dataset
def test_weights_of_the_steels_are_the_formulas_beside_them():
    """The file gives each composition twice: in wt.%, and as a formula of atomic fractions with three digits."""
    if not tables.available("steel_strength"):
        pytest.skip("steel_strength cannot be had")
    own, raw = tables.load("steel_strength"), pd.read_csv(datasets.fetch("steel_strength"))
    for row in range(0, 312, 40):
        written = designations.parse(raw["formula"][row]).amounts
        found = dict(zip(own.elements, own.fractions[row], strict=True))
        for element, share in written.items():
            assert found[element] == pytest.approx(share / sum(written.values()), abs=1e-3)


def test_our_own_lists_are_distinct_alloys_of_the_grid():
    own = tables.load("own_ti")
    assert len(np.unique(own.fractions, axis=0)) == len(own.values) == tables.OWN_SIZE
    assert np.array_equal(own.values, tables.load("own_ti").values)
    with pytest.raises(KeyError, match="Expected one of steel_strength"):
        tables.load("none")


def test_rows_of_one_composition_are_averaged_and_ties_are_all_best():
    fractions = np.array([[0.5, 0.5], [0.2, 0.8], [0.5, 0.5], [0.1, 0.9]])
    distinct, means = tables.averaged(fractions, np.array([1.0, 5.0, 3.0, 5.0]))
    assert distinct.tolist() == [[0.5, 0.5], [0.2, 0.8], [0.1, 0.9]] and means.tolist() == [2, 5, 5]
    assert tables.Task("t", ("A", "B"), distinct, means).best(0.01).tolist() == [1, 2]


@pytest.mark.parametrize(("left", "best", "most"), [(6, 2, 60), (6, 1, 3), (5, 3, 2)])
def test_random_experiments_are_expected_as_in_all_orders(monkeypatch, left, best, most):
    monkeypatch.setattr(runs, "MOST", most)
    first = [min(order.index(row) for row in range(best)) + 1 for order in permutations(range(left))]
    assert runs.expected(left + runs.INITIAL, best) == pytest.approx(np.exp(np.log(np.minimum(first, most + 1)).mean()))


@pytest.mark.parametrize("arm", runs.ARMS)
def test_every_arm_meets_one_of_the_best_and_repeats(monkeypatch, arm):
    monkeypatch.setattr(runs, "task", lambda name: made_up())
    monkeypatch.setattr(runs, "MOST", 8)
    found = [runs.run("made up", arm, seed=3)["experiments"] for _ in range(2)]
    assert found[0] == found[1] <= 8
    own = made_up()
    assert not set(runs.first_rows(own, 3)) & set(own.best(tables.SHARE))
    assert runs.first_rows(own, 3) != runs.first_rows(own, 4)


def test_the_verdict_follows_paired_differences():
    rng = np.random.default_rng(0)
    rows = []
    for table, factor in (("level", 1.0), ("ahead", 0.25), ("behind", 3.0)):
        for seed in range(20):
            peer = rng.integers(8, 30)
            ours = max(1, round(peer * factor * rng.uniform(0.7, 1.3)))
            rows += [
                dict(table=table, seed=seed, arm=arm, experiments=n)
                for arm, n in (("campaign", ours), ("botorch", peer))
            ]
    found = runs.differences(pd.DataFrame(rows)).set_index("table")
    assert found["behind"].to_dict() == {"level": False, "ahead": False, "behind": True}
    assert found.loc["ahead", "ratio"] == pytest.approx(0.25, rel=0.15) and (found["n"] == 20).all()
    text = runs.verdict(found.reset_index())
    assert "behind by more than noise on behind" in text and "and ahead on the mean" in text
    assert "on no table, and ahead" in runs.verdict(found.drop("behind").reset_index())


def test_the_interval_of_the_mean_over_tables_is_that_of_independent_tables():
    rng, n, sd = np.random.default_rng(0), 20, np.array([0.3, 0.6, 1.2])
    rows = []
    for table, own in enumerate(sd):
        for seed, log_ratio in enumerate(own * rng.normal(size=n)):
            rows += [dict(table=table, seed=seed, arm="campaign", experiments=10 * np.exp(log_ratio))]
            rows += [dict(table=table, seed=seed, arm="botorch", experiments=10.0)]
    drawn = pd.DataFrame(rows)
    mean, low, high = runs.overall(runs.differences(drawn))
    logs = np.log(drawn[drawn["arm"] == "campaign"].pivot(index="seed", columns="table", values="experiments") / 10)
    error = np.sqrt((logs.var() / n).sum()) / 3
    assert np.log(mean) == pytest.approx(logs.mean().mean())
    assert np.log(high / low) == pytest.approx(2 * 1.96 * error, rel=1e-3)


def test_the_record_holds_every_arm_on_the_same_seeds():
    table = runs.KEPT.table()
    seeds = table.groupby(["table", "arm"])["seed"].agg(lambda own: sorted(own))
    assert set(seeds.index) == {(name, arm) for name in tables.NAMES for arm in runs.ARMS}
    assert all(own == list(range(runs.FIRST_SEED, runs.FIRST_SEED + runs.SEEDS)) for own in seeds)
    assert table["experiments"].between(1, runs.MOST + 1).all() and not table["code"].str.contains("dirty").any()


def test_the_figure_draws_every_table_and_arm(monkeypatch):
    monkeypatch.setattr(tables, "numbers", lambda name: (100, 2))
    table = runs.KEPT.table()
    figure = figures.experiments(runs.summary(table), runs.differences(table))
    left, right = figure.axes
    assert [one.get_text() for one in left.get_yticklabels()] == list(figures.TABLES.values())
    assert len(left.containers) == len(runs.ARMS) and len(right.containers) == 1
    figures.plt.close(figure)
