"""The benchmark's own parts: peers that do what they say, states and references that are what they say."""

from dataclasses import replace
from functools import partial

import collected
import inner_loop
import numpy as np
import pandas as pd
import peers
import pytest
import stall
import states
import torch
from toys import redeclared

from alloygrad.acquisition.analytic import ei, log_ei
from alloygrad.features.feature_map import FeatureMap, all_features
from alloygrad.kernel import matern52
from alloygrad.maximisers import maximise
from alloygrad.spaces.composition import CompositionSpace, Group
from alloygrad.surrogates.gp import fit_paper, with_hyperparameters

ELEMENTS = ("Ti", "Ni", "Cu", "Hf", "Zr")
GROUPS = (Group(("Ti", "Hf"), upper=0.55), Group(("Ti", "Hf", "Zr"), upper=0.6, lower=0.3), Group(("Ni", "Cu"), 0.6))
SPACE = CompositionSpace.from_fractions(
    ELEMENTS, (0.2, 0.2, 0, 0, 0), (0.5, 0.55, 0.2, 0.2, 0.3), step=0.02, groups=GROUPS
)
SMALL = {"random_search": {"evaluations": 200}, "cmaes": {"evaluations": 200}, **inner_loop.TINY}


@pytest.fixture(scope="module")
def state():
    """Log EI of 25 random compositions with a smooth target, and their counts."""
    rng = np.random.default_rng(0)
    counts = np.unique(SPACE.sample(25, rng), axis=0)
    features = FeatureMap(ELEMENTS, ["mean:VEC", "mean:MT", "mismatch:R"])
    targets = np.sin(8 * SPACE.fractions(counts) @ rng.normal(size=(5, 2))).sum(1)
    return log_ei(fit_paper(features, SPACE.fractions(counts), targets), targets.max()), counts


@pytest.mark.parametrize("name", peers.PEERS)
def test_a_peer_gives_a_feasible_new_composition_and_its_value_always_the_same(state, name):
    acquire, counts = state
    best = maximise(acquire, SPACE, "enumeration", exclude=counts)
    exclude = np.concatenate([counts, best.counts[None]])
    second = maximise(acquire, SPACE, "enumeration", exclude=exclude)
    ask = dict(exclude=exclude, **SMALL[name])
    one, two = (peers.PEERS[name](acquire, SPACE, rng=np.random.default_rng(1), **ask) for _ in range(2))
    assert SPACE.contains(one.counts) and not (exclude == one.counts).all(1).any()
    assert one.value == pytest.approx(acquire(SPACE.fractions(one.counts)).item(), rel=1e-9)
    assert one.evaluations > 0 and (one.starts == 0 or 0 <= one.moved <= 1)
    assert two.counts.tolist() == one.counts.tolist() and two.evaluations == one.evaluations
    if not name.startswith("slsqp"):  # on a grid this small the common end alone leads to the maximum
        assert one.counts.tolist() == second.counts.tolist()


def seen(monkeypatch, name, acquire, space, counts, **options) -> dict:
    """Starts and ends of a gradient peer."""
    found, original = {}, peers._ended
    with monkeypatch.context() as patch:
        patch.setattr(peers, "_ended", lambda *a, **k: found.update(k) or original(*a, **k))
        peers.PEERS[name](acquire, space, exclude=counts, rng=np.random.default_rng(2), **options)
    return found


@pytest.mark.parametrize("name", ["scipy_botorch", "botorch_joint", "botorch_batched", "box"])
def test_ends_of_the_gradient_peers_lie_in_the_limits_and_above_their_starts(state, name, monkeypatch):
    acquire, counts = state
    found = seen(monkeypatch, name, acquire, SPACE, counts, **SMALL[name])
    for end in found["ends"]:
        assert not [v for v in SPACE.violations(np.clip(end, 0, 1).round(7)) if "the sum" not in v]
        assert end.sum() == pytest.approx(1, abs=1e-7)
    assert peers._values(acquire, found["ends"]).mean() > peers._values(acquire, found["starts"]).mean() + 1e-3


@pytest.mark.parametrize("name", ["scipy_botorch", "botorch_joint", "botorch_batched"])
def test_group_limits_reach_the_solver_of_a_peer(name, monkeypatch):
    """More and more of the elements of one group is better."""

    def most(space):
        counts = space.sample(20, np.random.default_rng(8))
        fractions = space.fractions(counts)
        targets = fractions[:, [0, 3]].sum(1) - 0.1 * (fractions**2).sum(1)
        acquire = log_ei(fit_paper(lambda c: torch.as_tensor(c)[..., :4], fractions, targets), targets.max())
        return seen(monkeypatch, name, acquire, space, counts, restarts=4)["ends"][:, [0, 3]].sum(1).max()

    assert most(SPACE) <= 0.55 + 1e-6 < 0.58 < most(redeclared(SPACE, groups=()))


def test_log_ei_through_botorch_is_the_same_function(state):
    acquire, _ = state
    points = torch.from_numpy(SPACE.sample_continuous(50, np.random.default_rng(3)))
    through = peers.Through(acquire)
    torch.testing.assert_close(through(points[:, None]), acquire(points), rtol=1e-7, atol=1e-7)
    assert through.evaluated == 50


def test_sticks_map_the_unit_box_onto_the_limits_and_back():
    points = SPACE.sample_continuous(300, np.random.default_rng(4))
    points[::5] = redeclared(SPACE, upper=(0.5, 0.55, 0, 0.2, 0.3)).sample_continuous(60, np.random.default_rng(5))
    lower, upper = (np.tile(limit, (300, 1)) for limit in SPACE.polytope()[:2])
    lower[::3], upper[::3] = np.maximum(lower[::3], points[::3] - 0.05), np.minimum(upper[::3], points[::3] + 0.05)
    upper[::5, 2] = 0  # an element without a choice
    sticks = peers.Sticks(SPACE, lower, upper)
    back = sticks.fractions(sticks.shares(torch.from_numpy(points))).numpy()
    np.testing.assert_allclose(back, points, atol=1e-14)
    shares = torch.rand(300, 4, dtype=torch.float64, generator=torch.manual_seed(0))
    placed = sticks.fractions(shares).numpy()
    assert all(not SPACE.violations(point) for point in placed)
    assert (placed >= lower - 1e-12).all() and (placed <= upper + 1e-12).all()
    few = peers.Sticks(SPACE, lower[:8], upper[:8])
    assert torch.autograd.gradcheck(few.fractions, shares[:8].requires_grad_())


def test_cmaes_climbs_a_sharp_ridge():
    target = torch.tensor([0.31, 0.33, 0.12, 0.1, 0.14], dtype=torch.float64)
    scales = torch.tensor([1.0, 30.0, 1.0, 30.0, 1.0], dtype=torch.float64)
    ridge = lambda c: -((scales * (c - target)) ** 2).sum(-1)  # noqa: E731
    runs = list(peers.evolve(ridge, redeclared(SPACE, step=0.001), 8, 3000, np.random.default_rng(6)))
    points, values = max(runs, key=lambda run: run[1].max())
    assert values.max() > -1e-6 and np.abs(points[values.argmax()] - target.numpy()).max() < 1e-3
    assert sum(len(values) for _, values in runs) < 3000  # it stopped by itself


def test_drawn_landscapes_have_the_covariance_of_matern52():
    space, candidates = states.wide_space(6), all_features(["mean"])
    points, products, expected = space.fractions(space.sample(40, np.random.default_rng(7))), [], []
    for seed in range(80):
        merits = states.drawn(space, seed)(points)["merit"]
        assert seed or merits.tolist() == states.drawn(space, seed)(points)["merit"].tolist()
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(6,)))  # as `drawn` chooses its features
        e = FeatureMap(space.elements, [candidates[i] for i in rng.choice(len(candidates), 4, replace=False)])
        seen = e(space.fractions(space.sample(500, rng)))
        x = (e(points) - seen.min(0).values) / (seen.max(0).values - seen.min(0).values) / 0.5
        products.append(np.outer(merits, merits))
        expected.append(matern52(x, x)[-1].numpy())
    products, expected = np.array(products), np.array(expected)
    for low in (0.1, 0.3, 0.5, 0.7):
        here = (expected > low) & (expected <= low + 0.2)
        assert products[here].mean() == pytest.approx(expected[here].mean(), abs=0.1)


def test_a_run_is_complete_and_a_second_one_computes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path))
    walks = [walk for walk in states.declare() if (walk.alloy, walk.formulas) == ("SMA", "mean")]
    cuts = {3: (0, 1), 6: (0,)}
    walks = [replace(w, experiments=cuts[w.n_elements]) for w in walks if w.n_elements in cuts and w.seed == 0]
    found, stations, _ = inner_loop.run(walks, workers=1, budgets=inner_loop.TINY, tiny=True)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    again, stations_again, _ = inner_loop.run(walks, workers=1, budgets=inner_loop.TINY, tiny=True)
    pd.testing.assert_frame_equal(found, again)
    pd.testing.assert_frame_equal(stations, stations_again)
    assert files == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert len(list(tmp_path.rglob("maximisers/*.json"))) == len(found)

    small, large = found[found["n_elements"] == 3], found[found["n_elements"] == 6]
    assert set(small["maximiser"]) == {"ascent", "enumeration", "exhaustive", *peers.PEERS}
    assert set(large["maximiser"]) == {"ascent", "ascent_x20", *peers.PEERS} - {"slsqp_log_ei"}
    assert (small["regret"] > -1e-9).all() and (large.groupby("experiment")["regret"].min() == 0).all()
    assert (found.loc[found["maximiser"] == "ascent", "ratio_to_ascent"] == 1).all()
    assert (stations["difference"] > -1e-3).all() and (stations["here_s"] > 0).all()
    assert set(collected.verdicts(found, stations)["line"]) == {1, 2, 3, 4, 5}


def test_states_are_what_a_trajectory_knew(tmp_path):
    walk = replace(states.declare()[0], alloy="drawn", n_elements=4, experiments=(0, 2))
    first, last = states.taken(walk, tmp_path / "rows.parquet")
    rows = pd.read_parquet(tmp_path / "rows.parquet")
    assert (len(first.counts), len(last.counts)) == (40, 42)
    assert last.counts.tolist() == rows[list(walk.space.elements)].to_numpy()[:42].tolist()
    assert last.merits == pytest.approx(walk.environment()(walk.space.fractions(last.counts))["merit"])
    assert first.name != last.name
    cut = states.some(states.declare(), 5)
    assert pd.Series([walk.n_elements for walk in cut for _ in walk.experiments]).value_counts().eq(5).all()


def test_regrets_and_verdicts_on_numbers_made_up():
    state = {"alloy": "SMA", "formulas": "mean", "experiment": 0, "seed": 0, "moved": 1.0, "evaluations": 1}
    values = {
        3: {"ascent": (-2, 1), "enumeration": (-1.9, 50), "scipy_botorch": (-2.5, 30), "botorch_batched": (-1, 10)},
        30: {"ascent": (-1, 10), "ascent_x20": (-1, 99), "scipy_botorch": (-1.2, 300), "botorch_batched": (-3, 90)},
    }
    rows = [
        {"maximiser": name, "n_elements": n, **state, "log_value": value, "cpu_s": seconds}
        for n, by_name in values.items()
        for name, (value, seconds) in by_name.items()
    ]
    found = collected.table(pd.DataFrame(rows)).set_index(["n_elements", "maximiser"])
    assert found.loc[(3, "ascent"), "regret"] == pytest.approx(0.1)
    assert found.loc[(3, "botorch_batched"), "regret"] == pytest.approx(-0.9)  # never the reference of a small grid
    assert found.loc[(30, "scipy_botorch"), ["regret", "ratio_to_ascent"]].tolist() == pytest.approx([0.2, 30.0])
    whats, differences = ["fit", "fit", "fit", "experiment", "enumeration"], [0.0, 1e-4, -1.0, 0.0, 0.0]
    stations = pd.DataFrame({"what": whats, "ratio": 0.1, "difference": differences})
    lines = collected.verdicts(found.reset_index(), stations)
    met = [line["met"] for line in lines.to_dict("records")]
    assert met == [False, True, True, True, False, True, True, True, False, False, True, True, True]
    assert lines["measured"][7:9].tolist() == pytest.approx([0, 2 / 3])
    assert lines["measured"].iloc[-1] == pytest.approx(1.0)


def test_the_paper_s_fit_and_masked_ei_agree_with_the_closed_form_at_the_same_hyperparameters(monkeypatch):
    """The posterior is that of this library's GP at the hyperparameters that Adam found, here in its first steps."""
    monkeypatch.setattr(stall, "fit_gpytorch_mll_torch", partial(stall.fit_gpytorch_mll_torch, step_limit=300))
    rng = np.random.default_rng(0)
    counts = np.unique(SPACE.sample(25, rng), axis=0)
    features, fractions = FeatureMap(ELEMENTS, ["mean:VEC", "mean:MT"]), SPACE.fractions(counts)
    merits = np.sin(8 * fractions @ rng.normal(size=5))
    model = stall.fit_theirs(features, fractions, merits)
    kernel = model.covar_module
    own = with_hyperparameters(
        features,
        fractions,
        merits,
        kernel.base_kernel.lengthscale.detach().numpy().ravel(),
        kernel.outputscale.item(),
        model.mean_module.constant.item(),
    )
    assert fit_paper(features, fractions, merits).log_posterior >= own.log_posterior - 1e-3
    points = torch.from_numpy(SPACE.sample_continuous(9, rng))
    theirs = stall.masked_ei(model, merits.max() - 0.5)
    with torch.no_grad():
        assert theirs(points).numpy() == pytest.approx(ei(own, merits.max() - 0.5)(points).numpy(), rel=1e-4, abs=1e-9)
        monkeypatch.setattr(stall, "LEAST_STD", 1e9)
        assert not theirs(points).any()


def test_starts_move_where_ei_is_large_and_stand_still_where_it_is_below_the_tolerance(state):
    acquire, _ = state
    starts = SPACE.sample_continuous(6, np.random.default_rng(3))
    assert stall.moved(acquire, SPACE, starts) > 0.8
    assert stall.moved(lambda c: 1e-9 * acquire(c), SPACE, starts) == 0
