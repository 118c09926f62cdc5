"""The closed-form score against refits of every fold; the search's promises; pressure on planted problems."""

import json
from itertools import combinations

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestRegressor
from sklearn.preprocessing import RobustScaler

from alloygrad.campaigns import campaign
from alloygrad.features import selection
from alloygrad.features.elements import available
from alloygrad.features.feature_map import FeatureMap, all_features
from alloygrad.features.formulas import FORMULAS
from alloygrad.features.selection import deal_folds, random_search, roulette, score
from alloygrad.surrogates.gp import NOISE, condition
from compendium.running import studies
from compendium.running.threads import one_thread

ELEMENTS = ("Ti", "Ni", "Cu", "Hf", "Co", "Zr")
SMALL = dict(population=12, generations=6)
SEARCHES = {"genetic": SMALL, "random": {"draws": 20}}


def compositions(n: int, rng) -> np.ndarray:
    c = rng.dirichlet(np.ones(len(ELEMENTS)), n)
    c[c < 0.08] = 0
    return c / c.sum(1, keepdims=True)


def problem(n: int = 24, seed: int = 0):
    """Compositions (n, 6), many of which lack elements, and targets (n,) in tens, smooth in composition."""
    rng = np.random.default_rng(seed)
    c = compositions(n, rng)
    return c, 30 + 10 * np.sin(c @ rng.normal(size=(len(ELEMENTS), 2)) * 3).sum(1)


def search(name: str, c, y, seed: int = 0, **options):
    options = {**SEARCHES[name], **options}
    return selection.SELECTIONS[name](ELEMENTS, c, y, rng=np.random.default_rng(seed), **options)


def refitted(features, c, y, folds, lengthscale, noise) -> float:
    """R², each fold predicted by the campaigns' GP of the other rows, scaled as over all rows."""
    features = FeatureMap(ELEMENTS, features)
    width = np.ptp(features(c).numpy(), axis=0)
    squares = []
    for partition in np.atleast_2d(folds):
        for fold in np.unique(partition):
            out = partition == fold
            lengthscales = lengthscale * width / np.ptp(features(c[~out]).numpy(), axis=0)
            part = condition(features, c[~out], y[~out], lengthscales, NOISE / noise)
            squares.append(((part(c[out])[0].numpy() - y[out]) ** 2).sum())
    return 1 - sum(squares) / len(np.atleast_2d(folds)) / ((y - y.mean()) ** 2).sum()


@pytest.mark.parametrize(("n", "repeats"), [(20, 1), (23, 2), (7, 1)])
def test_score_is_that_of_refits_without_each_fold(n, repeats):
    c, y = problem(n)
    folds = deal_folds(n, np.random.default_rng(n), repeats=repeats)
    for features in (["mean:VEC", "mean:XP", "mismatch:R"], ["mean:MT", "weighted_range:G"]):
        best = max(refitted(features, c, y, folds, *pair) for pair in selection.GRID)
        assert score(ELEMENTS, features, c, y, folds=folds) == pytest.approx(best, abs=1e-9)


def test_all_sets_at_once_score_as_one_by_one():
    c, y = problem()
    candidates = all_features(["mean"])
    folds = deal_folds(len(y), np.random.default_rng(1))
    sets = np.array(list(combinations(range(0, 30, 4), 2)))
    assert len(sets) > selection.CHUNK and len(sets) % selection.CHUNK
    together = selection.closed_form(FeatureMap(ELEMENTS, candidates)(c), torch.tensor(y), folds)(sets)
    alone = [score(ELEMENTS, [candidates[i] for i in s], c, y, folds=folds) for s in sets]
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-11)


def test_score_does_not_depend_on_orders_units_or_numbers_of_folds():
    c, y = problem(23)
    features, folds = ["mean:VEC", "mismatch:R", "max:G"], deal_folds(23, np.random.default_rng(0))
    expected = score(ELEMENTS, features, c, y, folds=folds)
    rows = np.random.default_rng(2).permutation(23)
    same = [
        score(ELEMENTS, features, c[rows], y[rows], folds=folds[:, rows]),
        score(ELEMENTS, features[::-1], c, y, folds=folds),
        score(ELEMENTS, features, c, 5 - 300 * y, folds=folds),
        score(ELEMENTS, features, c, y, folds=9 - folds),
        score(ELEMENTS, features, c, y, folds=np.concatenate([folds, folds])),
    ]
    np.testing.assert_allclose(same, expected, rtol=0, atol=1e-10)
    assert abs(score(ELEMENTS, features, c, y, folds=folds[:, rows]) - expected) > 1e-4


@pytest.mark.parametrize("n", [4, 10, 37])
def test_folds_are_partitions_of_even_size(n):
    folds = deal_folds(n, np.random.default_rng(0), repeats=3)
    assert folds.shape == (3, n) and len({tuple(p) for p in folds.tolist()}) == 3
    for partition in folds:
        assert np.ptp(np.bincount(partition, minlength=min(n, 10))) <= 1 and partition.max() < 10


@pytest.mark.parametrize("name", SEARCHES)
def test_a_selection_names_its_score(name):
    c, y = problem()
    folds = deal_folds(len(y), np.random.default_rng(3))
    for n_features in (1, 4):
        found = search(name, c, y, formulas=("mean", "mismatch"), n_features=n_features, folds=folds)
        assert len(set(found.features)) == n_features and set(found.features) <= set(all_features(("mean", "mismatch")))
        assert (
            found.score
            == found.history[-1]
            == pytest.approx(score(ELEMENTS, found.features, c, y, folds=folds), abs=1e-11)
        )


@pytest.mark.parametrize("name", SEARCHES)
def test_one_seed_one_selection(name):
    c, y = problem()
    one, again, *others = (search(name, c, y, seed) for seed in (0, 0, 1, 2, 3))
    assert one == again and any(other.features != one.features for other in others)


@pytest.mark.parametrize("options", [{}, {"mutation": 1.0}, {"mutation": 0.0}, {"crossover": 0.0}, {"n_features": 29}])
def test_every_set_has_distinct_features_and_is_scored_once(monkeypatch, options):
    scored = []

    def noted(values, targets, folds):
        evaluate = selection.closed_form(values, targets, folds)
        return lambda sets: scored.extend(sets.tolist()) or evaluate(sets)

    monkeypatch.setitem(selection.FITNESS, "gp", noted)
    found = search("genetic", *problem(), **options)
    assert all(len(set(s)) == len(found.features) == options.get("n_features", 4) for s in scored)
    assert len({frozenset(s) for s in scored}) == len(scored) == found.evaluations


def test_the_best_set_survives():
    c, y = problem()
    for options in ({}, {"mutation": 1.0}, {"crossover": 0.0, "mutation": 0.5}):
        history = search("genetic", c, y, population=8, generations=15, patience=None, **options).history
        assert len(history) == 16 and (np.diff(history) >= 0).all() and (options or history[-1] > history[0])


def test_without_crossover_and_mutation_nothing_new_appears():
    found = search("genetic", *problem(), population=30, crossover=0.0, mutation=0.0)
    assert found.evaluations <= 30 and len(set(found.history)) == 1


def test_without_mutation_children_hold_what_their_parents_hold(monkeypatch):
    scored = []
    monkeypatch.setitem(selection.FITNESS, "gp", lambda *_: lambda sets: scored.append(sets) or sets.sum(1) * 1.0)
    search("genetic", *problem(), population=4, generations=20, mutation=0.0, patience=None)
    assert len(scored) > 1 and set(np.concatenate(scored[1:]).ravel()) <= set(scored[0].ravel())


def test_patience_stops_the_same_search_earlier():
    c, y = problem()
    whole = search("genetic", c, y, generations=60, patience=None).history
    early = search("genetic", c, y, generations=60, patience=5).history
    assert len(early) < len(whole) == 61 and early == whole[: len(early)]
    assert early[-1] == early[-6] and all(early[i] > early[i - 5] for i in range(5, len(early) - 1))


def test_roulette_prefers_better_sets_whatever_the_scale():
    scores = np.random.default_rng(0).normal(size=50)
    chances = roulette(scores)
    assert chances.sum() == pytest.approx(1) and (np.argsort(chances) == np.argsort(scores)).all()
    np.testing.assert_allclose(roulette(1e6 + 1e-3 * scores), chances, rtol=1e-5)
    z = (scores[0] - scores[1]) / scores.std()
    assert chances[0] / chances[1] == pytest.approx(np.exp(selection.PRESSURE * z))
    assert (roulette(np.full(4, -0.3)) == 0.25).all()


def test_pressure_finds_planted_members(monkeypatch):
    """Score: how many of 4 planted among 240 a set holds. By chance 1000 sets of 4 hold 2 at most, nearly always."""
    planted = np.array([3, 70, 120, 200])
    monkeypatch.setitem(selection.FITNESS, "gp", lambda *_: lambda sets: np.isin(sets, planted).sum(1) * 1.0)
    c, y = problem()
    found = [
        search("genetic", c, y, seed, formulas=FORMULAS, population=96, generations=30).history[-1] for seed in range(8)
    ]
    random = [search("random", c, y, seed, formulas=FORMULAS, draws=96 * 30).score for seed in range(8)]
    assert np.mean(found) > 3.7 and np.mean(random) < 3.2


def test_planted_features_are_found(monkeypatch):
    """Targets of 3 of 240 independent features and noise; real features are too alike for one set to be the answer."""
    candidates = all_features(FORMULAS)
    planted = [candidates[i] for i in (11, 90, 201)]
    genetic_hits, random_hits = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        values = torch.tensor(rng.random((60, 240)))
        monkeypatch.setattr(
            selection, "FeatureMap", lambda _, f, v=values: lambda c: v[:, [candidates.index(i) for i in f]]
        )
        x = values[:, [11, 90, 201]].numpy()
        y = np.sin(4 * x[:, 0]) + x[:, 1] + x[:, 1] * x[:, 2] + x[:, 2] ** 2 + 0.05 * rng.normal(size=60)
        options = dict(formulas=FORMULAS, n_features=3)
        found = search("genetic", np.zeros((60, 6)), y, seed, population=96, generations=40, **options)
        chance = search("random", np.zeros((60, 6)), y, seed, draws=1000, **options)
        genetic_hits.append(len(set(found.features) & set(planted)))
        random_hits.append(len(set(chance.features) & set(planted)))
    assert np.mean(genetic_hits) > 2.7 and np.mean(random_hits) < 2.3, (genetic_hits, random_hits)


def test_random_search_keeps_the_best_of_its_draws():
    c, y = problem()
    folds = deal_folds(len(y), np.random.default_rng(5))
    scores = [search("random", c, y, draws=draws, folds=folds).score for draws in (1, 2, 4, 8, 16)]
    assert scores == sorted(scores) and scores[-1] > scores[0]  # draws of one generator are a sequence
    found = search("random", c, y, n_features=1, draws=2000, folds=folds)
    assert found.evaluations == 30
    assert found.score == pytest.approx(max(score(ELEMENTS, [f], c, y, folds=folds) for f in all_features(["mean"])))


def test_forest_is_the_published_fitness():
    c, y = problem(12)
    folds = deal_folds(12, np.random.default_rng(0), n_folds=2, repeats=2)
    features = ["mean:VEC", "mismatch:R"]
    x, errors = FeatureMap(ELEMENTS, features)(c).numpy(), []
    for partition in folds:
        for fold in (0, 1):
            out = partition == fold
            scaler = RobustScaler().fit(x[~out])
            trees = RandomForestRegressor(100, random_state=0).fit(scaler.transform(x[~out]), y[~out])
            errors.append(np.abs(trees.predict(scaler.transform(x[out])) - y[out]).mean())
    assert score(ELEMENTS, features, c, y, folds=folds, fitness="forest") == pytest.approx(-np.mean(errors), abs=1e-9)
    found = search("genetic", c, y, population=3, generations=1, fitness="forest", folds=folds[:1])
    assert len(found.features) == 4 and found.score == found.history[-1] < 0


@pytest.mark.parametrize("name", SEARCHES)
def test_features_without_variation_are_no_candidates(name):
    """Ti, Zr and Hf share group and valence electrons: such means vary by rounding at most (regression)."""
    group, c = ("Ti", "Zr", "Hf"), np.random.default_rng(1).dirichlet(np.ones(3), 12)
    values = FeatureMap(group, all_features(("mean",)))(c)
    spread = (values.amax(0) - values.amin(0)) / values.abs().amax(0)
    noise = {f for f, s in zip(all_features(("mean",)), spread.tolist(), strict=True) if s < 1e-12}
    assert ("mean", "VEC") in noise and ((spread > 0) & (spread < 1e-12)).any()
    varying = set(all_features(("mean",))) - noise

    def choose(n_features):
        rng, options = np.random.default_rng(0), SEARCHES[name]
        return selection.SELECTIONS[name](group, c, c[:, 0], rng=rng, n_features=n_features, **options)

    assert set(choose(len(varying)).features) == varying
    with pytest.raises(ValueError, match=f"{len(varying)} of 30 features vary.*; {len(varying) + 1} asked for"):
        choose(len(varying) + 1)


def test_properties_that_an_element_lacks_are_no_candidates():
    elements, c = ("Yb", "Ti", "Ni"), np.random.default_rng(1).dirichlet(np.ones(3), 20)
    lacking = set(all_features(["mean"])) - {("mean", s) for s in available(elements)}
    assert ("mean", "R") in lacking
    found = random_search(elements, c, c[:, 0] ** 2, rng=np.random.default_rng(0), draws=200, n_features=3)
    assert not lacking & set(found.features)


def test_errors():
    c, y = problem()
    with pytest.raises(ValueError, match=r"24 compositions .*\(23,\); expected one each"):
        search("genetic", c, y[:-1])
    with pytest.raises(ValueError, match="row 3 is nan"):
        search("genetic", c, np.where(y == y[3], np.nan, y))
    with pytest.raises(ValueError, match="All 24 targets are equal"):
        search("genetic", c, np.full(24, 2.0))
    with pytest.raises(ValueError, match=r"'trees'.*gp.*forest"):
        search("genetic", c, y, fitness="trees")
    with pytest.raises(ValueError, match=r"folds.*\(2, 5\)"):
        search("genetic", c, y, folds=np.zeros((2, 5), int))


def test_inner_loops_share_a_stored_selection(tmp_path, monkeypatch):
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path))
    loops = {
        "enumeration": {},
        "published": {"acquisition": "ei", "options": {"starts_per_element": 1}},
    }
    cells = [
        studies.Cell(name, "SMA", 3, 0.05, campaign.Settings(name, n_experiments=1, n_initial=12, **options))
        for name, options in loops.items()
    ]
    chosen, real = [], studies.choose_features
    monkeypatch.setattr(studies, "choose_features", lambda *data: chosen.append(real(*data)) or chosen[-1])
    for seed in (0, 1):
        for cell in cells:
            studies.trajectories(cell, seed + 1, workers=1)
    assert len(chosen) == 2 == len(list((tmp_path / "selections").iterdir()))  # one for each seed
    for path in (tmp_path / "selections").iterdir():
        entry = json.loads(path.read_text())
        for cell in cells:
            with one_thread():
                alone = list(campaign.trajectory(cell.settings, cell.space(), cell.environment(), entry["seed"]))[-1]
            rows = studies.trajectories(cell, 2, compute=False)
            stored = rows[(rows["seed"] == entry["seed"]) & (rows["experiment"] == 0)].iloc[0]
            assert stored["features"] == alone["features"] == " ".join(entry["features"])
