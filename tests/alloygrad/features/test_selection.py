"""Feature selection: the score against refits of every fold, what the search guarantees, planted problems."""

from itertools import combinations

import numpy as np
import pytest
import torch

from alloygrad.features import selection
from alloygrad.features.elements import available
from alloygrad.features.feature_map import FeatureMap, all_features
from alloygrad.features.formulas import FORMULAS
from alloygrad.features.selection import closed_form, deal_folds, random_search, roulette, score
from alloygrad.surrogates.gp import NOISE, with_hyperparameters

ELEMENTS = ("Ti", "Ni", "Cu", "Hf", "Co", "Zr")
SEARCHES = {"genetic": {"population": 12, "generations": 6}, "random": {"draws": 20}}


def problem(n: int = 24, seed: int = 0):
    """Compositions (n, 6), many of which lack elements, and targets (n,) in tens, smooth in composition."""
    rng = np.random.default_rng(seed)
    c = rng.dirichlet(np.ones(len(ELEMENTS)), n)
    c[c < 0.08] = 0
    c /= c.sum(1, keepdims=True)
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
            part = with_hyperparameters(features, c[~out], y[~out], lengthscales, NOISE / noise)
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
    together = closed_form(FeatureMap(ELEMENTS, candidates)(c), torch.tensor(y), folds)(sets)
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
def test_a_selection_names_its_score_and_repeats_with_its_seed(name):
    c, y = problem()
    folds = deal_folds(len(y), np.random.default_rng(3))
    for n_features in (1, 4):
        found = search(name, c, y, formulas=("mean", "mismatch"), n_features=n_features, folds=folds)
        assert len(set(found.features)) == n_features and set(found.features) <= set(all_features(("mean", "mismatch")))
        again = score(ELEMENTS, found.features, c, y, folds=folds)
        assert found.score == found.history[-1] == pytest.approx(again, abs=1e-11)
    one, again, *others = (search(name, c, y, seed) for seed in (0, 0, 1, 2, 3))
    assert one == again and any(other.features != one.features for other in others)


@pytest.mark.parametrize("options", [{}, {"mutation": 1.0}, {"mutation": 0.0}, {"crossover": 0.0}, {"n_features": 29}])
def test_every_set_has_distinct_features_and_is_scored_once(options):
    scored = []

    def noted(values, targets, folds):
        evaluate = closed_form(values, targets, folds)
        return lambda sets: scored.extend(sets.tolist()) or evaluate(sets)

    found = search("genetic", *problem(), fitness=noted, **options)
    assert all(len(set(s)) == len(found.features) == options.get("n_features", 4) for s in scored)
    assert len({frozenset(s) for s in scored}) == len(scored) == found.evaluations


def test_the_best_set_survives():
    c, y = problem()
    for options in ({}, {"mutation": 1.0}, {"crossover": 0.0, "mutation": 0.5}):
        history = search("genetic", c, y, population=8, generations=15, patience=None, **options).history
        assert len(history) == 16 and (np.diff(history) >= 0).all() and (options or history[-1] > history[0])


def test_without_mutation_children_have_what_their_parents_have():
    scored = []

    def fitness(*_):
        return lambda sets: scored.append(sets) or sets.sum(1) * 1.0

    search("genetic", *problem(), population=4, generations=20, mutation=0.0, patience=None, fitness=fitness)
    assert len(scored) > 1 and set(np.concatenate(scored[1:]).ravel()) <= set(scored[0].ravel())
    found = search("genetic", *problem(), population=30, crossover=0.0, mutation=0.0)
    assert found.evaluations <= 30 and len(set(found.history)) == 1


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


def test_pressure_finds_planted_members():
    """Score: how many of 4 planted among 240 a set holds. By chance 1000 sets of 4 hold 2 at most, nearly always."""
    planted = np.array([3, 70, 120, 200])
    c, y = problem()
    options = dict(formulas=FORMULAS, fitness=lambda *_: lambda sets: np.isin(sets, planted).sum(1) * 1.0)
    found = [search("genetic", c, y, seed, population=96, generations=30, **options).score for seed in range(8)]
    random = [search("random", c, y, seed, draws=96 * 30, **options).score for seed in range(8)]
    assert np.mean(found) > 3.7 and np.mean(random) < 3.2


def test_planted_features_are_found(monkeypatch):
    """Targets of 3 of 240 independent features and noise; real features are too alike for one set to be the answer."""
    candidates, planted = all_features(FORMULAS), [11, 90, 201]
    hits = {"genetic": [], "random": []}
    for seed in range(4):
        rng = np.random.default_rng(seed)
        values = torch.tensor(rng.random((60, 240)))
        monkeypatch.setattr(selection, "FeatureMap", lambda *_, values=values: lambda c: values)
        x = values[:, planted].numpy()
        y = np.sin(4 * x[:, 0]) + x[:, 1] + x[:, 1] * x[:, 2] + x[:, 2] ** 2 + 0.05 * rng.normal(size=60)
        for name, options in {"genetic": dict(population=96, generations=40), "random": dict(draws=1000)}.items():
            found = search(name, np.zeros((60, 6)), y, seed, formulas=FORMULAS, n_features=3, **options)
            hits[name].append(len(set(found.features) & {candidates[i] for i in planted}))
    assert np.mean(hits["genetic"]) > 2.7 and np.mean(hits["random"]) < 2.3, hits


def test_random_search_keeps_the_best_of_its_draws():
    c, y = problem()
    folds = deal_folds(len(y), np.random.default_rng(5))
    scores = [search("random", c, y, draws=draws, folds=folds).score for draws in (1, 2, 4, 8, 16)]
    assert scores == sorted(scores) and scores[-1] > scores[0]  # draws of one generator are a sequence
    found = search("random", c, y, n_features=1, draws=2000, folds=folds)
    assert found.evaluations == 30
    assert found.score == pytest.approx(max(score(ELEMENTS, [f], c, y, folds=folds) for f in all_features(["mean"])))


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
    with pytest.raises(ValueError, match=rf"at least {len(varying) + 1} features.* got {len(varying)} of 30\. Measure"):
        choose(len(varying) + 1)


def test_properties_that_an_element_lacks_are_no_candidates():
    elements, c = ("Yb", "Ti", "Ni"), np.random.default_rng(1).dirichlet(np.ones(3), 20)
    lacking = set(all_features(["mean"])) - {("mean", s) for s in available(elements)}
    assert ("mean", "R") in lacking
    found = random_search(elements, c, c[:, 0] ** 2, rng=np.random.default_rng(0), draws=200, n_features=3)
    assert not lacking & set(found.features)


def test_errors():
    c, y = problem()
    with pytest.raises(ValueError, match=r"shape \(24,\); got \(23,\)"):
        search("genetic", c, y[:-1])
    with pytest.raises(ValueError, match="got nan in row 3"):
        search("genetic", c, np.where(y == y[3], np.nan, y))
    with pytest.raises(ValueError, match="two different measured values to choose features by; got 24 equal ones"):
        search("genetic", c, np.full(24, 2.0))
    with pytest.raises(ValueError, match=r"folds of shape \(repeats, 24\); got \(2, 5\)"):
        search("genetic", c, y, folds=np.zeros((2, 5), int))
