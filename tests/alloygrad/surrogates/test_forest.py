"""The forest against its trees walked by hand, and as a member of the line."""

import numpy as np
import pytest
import torch

from alloygrad.acquisition.analytic import log_ei
from alloygrad.features.feature_map import FeatureMap
from alloygrad.maximisers import maximise
from alloygrad.spaces.composition import CompositionSpace
from alloygrad.surrogates import forest
from alloygrad.surrogates.gp import MIN_VARIANCE

ELEMENTS = ("Ti", "Ni", "Cu", "Hf")
FEATURES = FeatureMap(ELEMENTS, ["mean:VEC", "mismatch:R"])
SPACE = CompositionSpace.from_fractions(ELEMENTS, (0.2, 0.2, 0, 0), (0.55, 0.55, 0.2, 0.2), step=0.005)


def problem(n: int = 30):
    """Measured counts (n, 4) and targets (n,)."""
    counts = SPACE.sample(n, np.random.default_rng(0))
    return counts, np.sin(9 * SPACE.fractions(counts)).sum(1)


def fitted(n: int = 30, **options):
    counts, y = problem(n)
    return forest.fit_forest(FEATURES, SPACE.fractions(counts), y, **options)


def walk(tree, x) -> float:
    """What a tree says of features x (F,): from the root down to a leaf."""
    node = 0
    while tree.children_left[node] >= 0:
        left = np.float32(x[tree.feature[node]]) <= tree.threshold[node]
        node = (tree.children_left if left else tree.children_right)[node]
    return tree.value[node].item()


def test_mean_and_std_are_those_of_the_trees_walked_by_hand():
    surrogate = fitted(trees=17)
    compositions = SPACE.fractions(SPACE.sample(12, np.random.default_rng(1)))
    mean, std = surrogate(compositions.reshape(3, 4, 4))
    assert mean.shape == std.shape == (3, 4) and mean.dtype == std.dtype == torch.float64
    for c, m, s in zip(compositions, mean.ravel(), std.ravel(), strict=True):
        said = [walk(tree, FEATURES(c[None])[0].numpy()) for tree in surrogate.trees]
        assert len(said) == 17
        assert m.item() == pytest.approx(sum(said) / 17, abs=1e-12)
        assert s.item() ** 2 == pytest.approx(max(sum((v - m.item()) ** 2 for v in said) / 17, MIN_VARIANCE), rel=1e-9)


def test_each_tree_sees_a_bootstrap_sample_and_grows_to_its_end():
    """A tree is right about the measurements that it has seen, and 1 − 1/e of them it has."""
    counts, y = problem(200)
    surrogate = forest.fit_forest(FEATURES, SPACE.fractions(counts), y)
    x = FEATURES(SPACE.fractions(counts)).numpy().astype(np.float32)
    seen = np.mean([np.abs(tree.predict(x)[:, 0] - y) < 1e-12 for tree in surrogate.trees])
    assert len(surrogate.trees) == forest.TREES and seen == pytest.approx(1 - np.exp(-1), abs=0.01)


def test_it_depends_on_the_seed_and_not_on_blocks(monkeypatch):
    c = SPACE.fractions(SPACE.sample(50, np.random.default_rng(2)))
    one, other = fitted()(c), fitted(seed=1)(c)
    monkeypatch.setattr(forest, "BLOCK", 7)
    again = fitted()(c)
    assert torch.equal(one[0], again[0]) and torch.equal(one[1], again[1]) and not torch.equal(one[0], other[0])


def test_std_is_positive_where_all_trees_agree():
    counts, y = problem()
    surrogate = forest.fit_forest(FEATURES, SPACE.fractions(counts), np.full(len(y), 0.3))
    mean, std = surrogate(SPACE.fractions(counts))
    assert mean.tolist() == pytest.approx([0.3] * len(y)) and std.tolist() == [MIN_VARIANCE**0.5] * len(y)
    assert torch.isfinite(log_ei(surrogate, 0.4)(SPACE.fractions(counts))).all()


def test_a_search_that_follows_gradients_is_refused_and_others_run():
    counts, y = problem()
    acquire = log_ei(fitted(), y.max())
    with pytest.raises(ValueError, match=r"a random forest has no gradient\. Take a maximiser that only evaluates"):
        maximise(acquire, SPACE, "ascent", exclude=counts, rng=np.random.default_rng(0))
    best = maximise(acquire, SPACE, "enumeration", exclude=counts)
    found = maximise(acquire, SPACE, "lattice", exclude=counts, rng=np.random.default_rng(0))
    assert SPACE.size > 4096 + len(counts) and best.value - 0.02 <= found.value <= best.value and not found.gradients
