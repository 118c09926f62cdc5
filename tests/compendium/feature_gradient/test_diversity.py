"""Entropies against closed forms, loops over points and each other; the other measures against plain Python."""

import math

import numpy as np
import pandas as pd
import pytest

from alloygrad.spaces.composition import CompositionSpace
from compendium.feature_gradient import diversity

ELEMENTS = ("Ti", "Ni", "Cu", "Hf")


def simplex(n: int, n_elements: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n_elements), n)


def plane(points: np.ndarray) -> np.ndarray:
    """Points (..., q) laid into the plane of compositions, (..., q + 1): sums are 1, distances as they were."""
    q = points.shape[-1]
    basis = np.linalg.svd(np.ones((1, q + 1)))[2][1:]
    return points @ basis + 1 / (q + 1)


def by_hand(points, k: int) -> float:
    """State entropy in a loop over points, with nothing but sorted distances."""
    logs = []
    for i, point in enumerate(points):
        others = sorted(math.dist(point, other) for j, other in enumerate(points) if j != i)
        logs.append(math.log(others[k - 1]))
    return sum(logs) / len(logs)


def full(points: np.ndarray, k: int) -> float:
    return diversity.full_entropy(diversity.state_entropy(points, k), points.shape[-2], points.shape[-1], k).mean()


def campaign(seed: int, counts, n_initial: int, merits=None) -> pd.DataFrame:
    table = pd.DataFrame(counts, columns=list(ELEMENTS))
    merits = np.random.default_rng(seed).normal(size=len(table)) if merits is None else merits
    return table.assign(seed=seed, experiment=np.arange(len(table)) - n_initial, merit=merits)


def trajectories(n: int = 3, n_initial: int = 5, n_experiments: int = 7) -> pd.DataFrame:
    space = CompositionSpace.from_fractions(ELEMENTS, [0, 0, 0, 0], [1, 1, 1, 1], step=0.01)
    drawn = [space.sample(n_initial + n_experiments, np.random.default_rng(seed)) for seed in range(n)]
    return pd.concat([campaign(seed, counts, n_initial) for seed, counts in enumerate(drawn)], ignore_index=True)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_state_entropy_is_that_of_a_loop_over_points(k):
    batch = np.array([simplex(30, 4, seed) for seed in range(3)])
    assert diversity.state_entropy(batch, k) == pytest.approx([by_hand(points, k) for points in batch], abs=1e-12)


def test_the_published_k_is_the_third_when_the_point_itself_counts():
    points = simplex(25, 4)
    with_itself = np.sort(np.linalg.norm(points[:, None] - points[None], axis=-1), axis=1)
    assert diversity.state_entropy(points) == pytest.approx(np.log(with_itself[:, 3 - 1]).mean(), abs=1e-12)
    assert diversity.state_entropy(points, diversity.TRUE_K) > diversity.state_entropy(points)


def test_entropies_do_not_change_with_the_order_of_points_and_elements_or_a_shift():
    points, rng = simplex(40, 5), np.random.default_rng(1)
    shift = rng.normal(size=5)
    for same in (points[rng.permutation(40)], points[:, rng.permutation(5)], points + shift - shift.mean()):
        assert diversity.state_entropy(same) == pytest.approx(diversity.state_entropy(points), abs=1e-12)


@pytest.mark.parametrize("factor", [0.1, 3.0])
def test_scaling_by_s_adds_log_s_to_the_simple_and_q_log_s_to_the_full(factor):
    points = simplex(40, 5)
    simple = diversity.state_entropy(factor * points) - diversity.state_entropy(points)
    assert simple == pytest.approx(math.log(factor), abs=1e-12)
    assert full(factor * points, 3) - full(points, 3) == pytest.approx(4 * math.log(factor), abs=1e-12)


def test_full_is_the_formula_of_the_paper_term_by_term():
    points, k, q, n = simplex(50, 4), 3, 3, 50
    apart = np.sort(np.linalg.norm(points[:, None] - points[None], axis=-1), axis=1)[:, k]
    ball = math.pi ** (q / 2) / math.gamma(q / 2 + 1)
    harmonic = -0.5772156649015329 + 1 + 1 / 2  # ψ(3)
    expected = np.mean(np.log(n * apart**q * ball / k)) + math.log(k) - harmonic
    assert full(points, k) == pytest.approx(expected, abs=1e-12)


CLOSED = {
    # A uniform distribution has the log of its content: a segment √2 long, a triangle √3/2, a tetrahedron 1/3.
    "segment": (lambda rng: rng.dirichlet([1, 1], 800), math.log(math.sqrt(2)), 0.05),
    "triangle": (lambda rng: rng.dirichlet([1, 1, 1], 800), math.log(math.sqrt(3) / 2), 0.08),
    "tetrahedron": (lambda rng: rng.dirichlet([1, 1, 1, 1], 800), math.log(1 / 3), 0.25),
    "unit cube": (lambda rng: plane(rng.uniform(size=(800, 3))), 0.0, 0.25),
    # No edge, so no bias from balls that reach over it.
    "normal": (lambda rng: plane(rng.normal(size=(800, 3)) * [1, 2, 0.5]), 1.5 * math.log(2 * math.pi * math.e), 0.05),
}


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("name", CLOSED)
def test_full_finds_known_entropies(name, k):
    draw, known, tolerance = CLOSED[name]
    rng = np.random.default_rng(5)
    assert np.mean([full(draw(rng), k) for _ in range(6)]) == pytest.approx(known, abs=tolerance)


def test_simple_falls_for_uniform_points_and_full_does_not():
    few, many = (np.array([simplex(n, 4, seed) for seed in range(6)]) for n in (100, 800))
    fall = diversity.state_entropy(many).mean() - diversity.state_entropy(few).mean()
    assert fall == pytest.approx(-math.log(8) / 3, abs=0.1)  # n^(−1/q)
    assert abs(full(many, 2) - full(few, 2)) < 0.3


@pytest.mark.parametrize("new_only", [False, True])
def test_curves_are_the_entropies_of_the_tables_rows(new_only):
    rows = trajectories()
    curves = diversity.entropy_curves(rows.sample(frac=1, random_state=0), ELEMENTS, 0.01, k=2, new_only=new_only)
    assert list(curves.columns) == ["seed", "done", "simple", "full"]
    assert curves.groupby("seed")["done"].agg(list).tolist() == [list(range(1 if new_only else 0, 8))] * 3
    for row in curves.itertuples():
        own = rows[(rows["seed"] == row.seed) & (rows["experiment"] < row.done)]
        own = own[own["experiment"] >= (0 if new_only else -5)]
        if len(own) <= 2:
            assert np.isnan(row.simple) and np.isnan(row.full)
        else:
            points = 0.01 * own[list(ELEMENTS)].to_numpy()
            assert row.simple == pytest.approx(by_hand(points, 2), abs=1e-12)
            assert row.full == pytest.approx(full(points, 2), abs=1e-12)


def test_what_has_no_entropy_is_refused():
    points = simplex(6, 4)
    with pytest.raises(ValueError, match="Points 1 and 4 coincide"):
        diversity.state_entropy(np.concatenate([points[:4], points[1:2]]))
    for k in (0, 6):
        with pytest.raises(ValueError, match=f"k is {k} with 6 points"):
            diversity.state_entropy(points, k)
    with pytest.raises(ValueError, match=r"Trajectories of \[11, 12\] points"):
        diversity.stack(trajectories()[:-1], ELEMENTS, 0.01)


def test_distances_of_picks_worked_by_hand():
    counts = [[50, 50, 0, 0], [40, 40, 20, 0], [49, 51, 0, 0], [40, 40, 19, 1], [39, 41, 19, 1]]
    table = diversity.pick_distances(campaign(3, counts, 2, merits=[0.5, 0.1, 0.4, 0.9, 0.2]), ELEMENTS, 0.01)
    root = math.sqrt(2) / 100  # one exchange of a step
    far = math.sqrt(9**2 + 11**2 + 19**2 + 1) / 100
    expected = [
        [3, 0, np.nan, root, root],  # the incumbent is the first
        [3, 1, far, root, math.sqrt(10**2 + 10**2 + 19**2 + 1) / 100],
        [3, 2, root, root, root],  # and now the one just found
    ]
    assert list(table.columns) == ["seed", "experiment", "last", "nearest", "best"]
    np.testing.assert_allclose(table.to_numpy(), expected, atol=1e-12)
    rows = trajectories()
    several = diversity.pick_distances(rows, ELEMENTS, 0.01)
    alone = [diversity.pick_distances(own, ELEMENTS, 0.01) for _, own in rows.groupby("seed")]
    pd.testing.assert_frame_equal(several, pd.concat(alone, ignore_index=True))
    assert (several["nearest"] <= several[["last", "best"]].min(axis=1)).all()


def test_mean_distance_and_coverage_against_loops():
    points, reference = simplex(12, 4), simplex(30, 4, seed=1)
    pairs = [math.dist(a, b) for i, a in enumerate(points) for b in points[:i]]
    assert diversity.mean_distance(points) == pytest.approx(np.mean(pairs), abs=1e-12)
    gap = np.mean([min(math.dist(r, p) for p in points) for r in reference])
    assert diversity.coverage_gap(points, reference) == pytest.approx(gap, abs=1e-12)
    crowd = points[:1] + 1e-4 * (simplex(50, 4) - 0.25)  # fifty more of the same say nothing
    assert diversity.coverage_gap(np.concatenate([points, crowd]), reference) == pytest.approx(gap, abs=1e-3)


def test_effective_bins_count_what_is_filled_evenly():
    grid = np.arange(0, 0.2, 0.01)[:, None]
    assert diversity.effective_bins(grid) == pytest.approx(10)  # two in each of ten, edges included
    assert diversity.effective_bins(grid[:2]) == pytest.approx(1)
    assert diversity.effective_bins(np.concatenate([grid, grid])) == pytest.approx(10)
    peaked = np.concatenate([grid, np.full((60, 1), 0.105)])
    assert 1 < diversity.effective_bins(peaked) < 10
    pairs = np.array([[a, b] for a in grid[:, 0] for b in grid[:, 0]])
    assert diversity.effective_bins(pairs) == pytest.approx(100)
    with pytest.raises(ValueError, match="one column per element"):
        diversity.effective_bins(grid[:, 0])


def test_scatter_is_each_measure_of_each_trajectory():
    rows, reference = trajectories(), simplex(50, 4)
    table = diversity.scatter(rows, ELEMENTS, 0.01, reference)
    assert table.index.tolist() == [0, 1, 2]
    for seed, own in rows[rows["experiment"] >= 0].groupby("seed"):
        points = 0.01 * own[list(ELEMENTS)].to_numpy()
        assert table.loc[seed, "distance"] == pytest.approx(diversity.mean_distance(points))
        assert math.log(table.loc[seed, "third"]) == pytest.approx(by_hand(points, 3))
        assert table.loc[seed, "coverage_gap"] == pytest.approx(diversity.coverage_gap(points, reference))
        assert len(diversity.scatter(own[:3], ELEMENTS, 0.01, reference)) == 1  # too few for a third other
        bins = [diversity.effective_bins(points[:, [i]]) for i in range(4)]
        assert table.loc[seed, "bins"] == pytest.approx(np.mean(bins))


def test_the_pair_nearest_both_medians_is_found_among_common_seeds():
    def arm(finals):
        return pd.DataFrame({"seed": list(finals), "experiment": 0, "merit": list(finals.values())})

    one, other = arm({0: 1.0, 1: 2.0, 2: 3.0, 9: 2.0}), arm({0: 5.0, 1: 7.0, 2: 6.0, 8: 6.0})
    assert diversity.median_pair(one, other) == 1  # |2 − 2| + |7 − 6| = 1, against 2 and 1: the first of the two
    assert diversity.median_pair(one, arm({0: 5.0, 1: 9.0, 2: 6.0})) == 2
    with pytest.raises(ValueError, match="no seed in common"):
        diversity.median_pair(one, arm({7: 1.0}))


def test_embedding_is_repeatable_and_keeps_neighbours():
    rng = np.random.default_rng(0)
    centres = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    points = np.concatenate([centre + 0.01 * rng.normal(size=(20, 3)) for centre in centres])
    one, same = (diversity.embed(points, perplexity=10) for _ in range(2))
    assert one.shape == (60, 2) and one.tolist() == same.tolist()
    nearest = diversity.distances(one).argmin(axis=1)
    assert (nearest // 20 == np.arange(60) // 20).all()
    assert diversity.embed(points[:8]).shape == (8, 2)  # fewer points than the perplexity asks for


def test_ends():
    both = pd.concat([campaign(1, np.eye(4), 2, [3, 1, 2, 0]), campaign(0, np.eye(4), 2, range(4))])
    assert diversity.ends(both).to_dict("index") == {0: {"initial": 1, "final": 3}, 1: {"initial": 3, "final": 3}}


def test_correlation_and_slope_are_numpys_one_by_one_and_none_where_nothing_varies():
    values = np.random.default_rng(0).normal(size=(4, 30, 2)) * [1, 100] + [5, 0]
    expected = [np.corrcoef(one.T)[0, 1] for one in values]
    assert diversity.correlation(values) == pytest.approx(expected, abs=1e-12)
    slopes = [np.polyfit(one[:, 0], one[:, 1], 1)[0] for one in values]
    assert diversity.slope(values) == pytest.approx(slopes, abs=1e-9)
    values[2, :, 1] = 7
    assert np.isnan(diversity.correlation(values)).tolist() == [False, False, True, False]
    assert diversity.slope(values)[2] == pytest.approx(0, abs=1e-12)
    assert np.isnan(diversity.slope(values[2, :, ::-1]))


def test_variance_components_are_found_and_do_not_depend_on_the_arms_means():
    rng = np.random.default_rng(0)
    values = rng.normal(0, 2, (4000, 1)) + rng.normal(0, 1, (4000, 3)) + [0.0, 5.0, 9.0]
    found = diversity.variance_components(values)
    assert found["between"] == pytest.approx(4, rel=0.08) and found["within"] == pytest.approx(1, rel=0.05)
    assert found["share"] == pytest.approx(0.8, abs=0.02)
    assert diversity.variance_components(values - values.mean(axis=0)) == pytest.approx(found)
    # Two arms: the covariance of the arms, as in any textbook.
    two = values[:50, :2]
    assert diversity.variance_components(two)["between"] == pytest.approx(np.cov(two.T)[0, 1])
    assert math.isnan(diversity.variance_components(values[:1])["share"])
    assert math.isnan(diversity.variance_components(np.ones((5, 2)))["share"])
