"""Fronts and hypervolumes against brute force: all pairs, inclusion and exclusion, whole spaces."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from alloygrad.objectives import Limit, Maximise, Minimise, Target, hypervolume, non_dominated, true_front
from alloygrad.spaces import Box, CompositionSpace, Pool

SPACE = CompositionSpace({"Ti": (20, 60), "Ni": (20, 60), "Cu": (0, 30)}, step=2)


def compared(y):
    """Whether each row is dominated by no other: all pairs."""
    return np.array([not any((other >= row).all() and (other > row).any() for other in y) for row in y])


def by_inclusion(y, r):
    """Volume of the union of the boxes [r, y_i], by inclusion and exclusion."""
    subsets = (y[list(rows)] for k in range(1, len(y) + 1) for rows in combinations(range(len(y)), k))
    return sum((-1) ** (len(s) + 1) * np.prod(np.maximum(s.min(0) - r, 0)) for s in subsets)


def measure(c):
    return {"a": np.sin(6 * c[..., 0]), "b": c[..., 1] ** 2 - c[..., 2], "c": c[..., 0] * c[..., 2]}


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_non_dominated_equals_all_pairs(m):
    rng = np.random.default_rng(m)
    for y in (rng.normal(size=(200, m)), rng.integers(4, size=(200, m)).astype(float)):  # ties, and equal rows
        assert np.array_equal(non_dominated(y), compared(y))


def test_non_dominated_works_in_blocks(monkeypatch):
    y = np.random.default_rng(0).normal(size=(300, 3))
    whole = non_dominated(y)
    monkeypatch.setattr("alloygrad.objectives.front.BLOCK", 7)
    assert np.array_equal(non_dominated(y), whole)


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_hypervolume_equals_inclusion_and_exclusion(m):
    rng = np.random.default_rng(m)
    for _ in range(5):
        y, r = rng.random((8, m)), rng.random(m) * 0.3
        y[0] = y[1]  # equal rows count once
        assert hypervolume(y, r) == pytest.approx(by_inclusion(y, r), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_hypervolume_equals_moocore(m):
    moocore = pytest.importorskip("moocore")
    rng = np.random.default_rng(m)
    for n in (1, 10, 60):
        y = rng.random((n, m))
        assert hypervolume(y, np.zeros(m)) == pytest.approx(moocore.hypervolume(-y, ref=np.zeros(m)), rel=1e-12)


def test_hypervolume_of_a_sphere_and_of_nothing():
    angle = np.linspace(0, np.pi / 2, 1001)
    quarter = np.column_stack([np.cos(angle), np.sin(angle)])
    assert hypervolume(quarter, [0, 0]) == pytest.approx(np.pi / 4, rel=2e-3)
    assert hypervolume([[1.0, -1.0]], [0, 0]) == 0 and hypervolume(np.empty((0, 2)), [0, 0]) == 0
    stretched = hypervolume(quarter * [3, 5] - 1, [-1, -1])
    assert stretched == pytest.approx(15 * hypervolume(quarter, [0, 0]), rel=1e-12)


@pytest.mark.parametrize("space", [SPACE, Pool(pd.DataFrame(np.random.default_rng(0).random((90, 3))))])
def test_a_true_front_equals_brute_force(space):
    if isinstance(space, Pool):
        space = Pool(space.candidates.rename(columns=str))
    wanted = [Maximise("a"), Minimise("b"), Target("c", 0.02), Limit("a", at_most=0.9)]
    found = true_front(measure, space, wanted, chunk=37)
    points = np.concatenate(list(space.enumerate()))
    o = measure(space.coordinates(points))
    points, o = points[o["a"] <= 0.9], {name: values[o["a"] <= 0.9] for name, values in o.items()}
    best = compared(np.column_stack([o["a"], -o["b"], -abs(o["c"] - 0.02)]))
    assert 1 < best.sum() < len(points)
    assert np.array_equal(found[list(space.keys)].to_numpy(), points[best])
    for name in "bc":
        assert np.array_equal(found[name], o[name][best])


def test_what_has_no_front_is_refused():
    for wrong in ([1.0, 2.0], [[1.0, np.nan]], [["a", "b"]]):
        with pytest.raises(ValueError, match="Expected"):
            non_dominated(wrong)
    for reference in ([0.0], [0.0, np.nan], 0.0):
        with pytest.raises(ValueError, match="Expected"):
            hypervolume([[1.0, 2.0]], reference)
    with pytest.raises(ValueError, match="can be enumerated; got a Box"):
        true_front(measure, Box({"x": (0, 1)}), [Maximise("a")])
    with pytest.raises(ValueError, match="at least one aim"):
        true_front(measure, SPACE, [Limit("a", at_most=1)])
    with pytest.raises(TypeError, match=r"Return .outcome: values"):
        true_front(lambda c: c[:, 0], SPACE, [Maximise("a")])
