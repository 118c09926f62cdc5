"""Campaigns of several objectives: fronts, targets and limits, missing outcomes, batches, tables."""

import numpy as np
import pandas as pd
import pytest
import torch

import alloygrad as ag
from alloygrad.acquisition.several import log_ehvi
from alloygrad.campaigns.beliefs import BELOW, Beliefs, Goals, reference_point
from alloygrad.maximisers import maximise
from alloygrad.objectives import hypervolume, non_dominated, true_front
from alloygrad.tables.validation import by_folds

pytestmark = pytest.mark.filterwarnings("ignore:.*rows were set aside")

SPACE = ag.CompositionSpace({"Ti": (20, 60), "Ni": (20, 60), "Cu": (0, 30)}, step=1)
WANTED = [ag.Maximise("a"), ag.Minimise("b"), ag.Limit("c", at_most=0.3)]
SHEET = ag.Box({"T_K": (700, 1100, "K"), "passes": (1, 4)}, integers=["passes"])


def outcomes_of(u, v):
    return {"a": 300 + 50 * np.sin(5 * u) + 20 * v, "b": 2 - u**2 - v, "c": 0.5 * v, "d": u - v, "e": u * v}


def alloys(c):
    return outcomes_of(c[..., 0] / 0.6, c[..., 1] / 0.6)


def processes(x):
    return outcomes_of(x[..., 0] / 1100, x[..., 1] / 4)


def begun(wanted=WANTED, n=16, seed=0, space=SPACE, outcomes=alloys, **options):
    campaign = ag.Campaign(space, wanted, inputs=options.pop("inputs", "fractions"), seed=seed, **options)
    points = space.sample(n, np.random.default_rng(seed))
    campaign.tell(points, outcomes(space.coordinates(points)))
    return campaign


# One model per property


def test_each_property_has_the_model_that_it_has_alone():
    campaign = begun()
    for one, prop in zip(WANTED[:2], campaign.properties, strict=False):
        alone = ag.Campaign(SPACE, one, inputs="fractions")
        alone.tell(campaign.points, alloys(campaign.coordinates))
        x = SPACE.coordinates(SPACE.sample(9, np.random.default_rng(5)))
        for ours, theirs in zip(prop.posterior(x), alone.posterior(x), strict=True):
            assert np.array_equal(ours, theirs)
        only = campaign.only(one.name)
        assert only.model is prop.model and np.array_equal(only.predict(x), alone.predict(x))
        assert only.suggest().equals(alone.suggest())


def test_predictions_come_by_property_in_its_unit():
    campaign = begun()
    x = SPACE.coordinates(SPACE.sample(30, np.random.default_rng(1)))
    table, (mean, std) = campaign.predict(x), campaign.posterior(x)
    assert list(table) == [f"{name} {word}" for name in "abc" for word in ("predicted", "std", "std_measurement")]
    assert mean.shape == std.shape == (30, 3)
    for number, name in enumerate("abc"):
        assert np.array_equal(table[f"{name} predicted"], mean[:, number])
        assert np.abs(mean[:, number] - alloys(x)[name]).max() < 0.1 * np.ptp(alloys(x)[name])


def test_what_belongs_to_one_objective_says_so_where_there_are_several():
    campaign = begun()
    for name in ("model", "scale", "features", "objective", "noise_std"):
        with pytest.raises(ValueError, match=r"campaign of one objective.*campaign.only\('a'\)"):
            getattr(campaign, name)


# Suggestions


def test_the_acquisition_value_is_log_ehvi_and_the_probability_of_the_limit():
    campaign = begun([ag.Maximise("a"), ag.Minimise("b"), ag.Limit("c", at_most=0.4)])
    beliefs, x = campaign.beliefs, torch.from_numpy(SPACE.coordinates(SPACE.sample(40, np.random.default_rng(2))))
    a, b, c = campaign.properties
    bound = (0.4 - c.scale[0]) / c.scale[1]
    kept = beliefs.known[:, 2] <= bound
    assert 0 < kept.sum() < len(kept)
    known = beliefs.known[kept, :2]
    front = known[non_dominated(known)]
    by_hand = log_ehvi([a.model, b.model], front, reference_point(known))
    with torch.no_grad():
        mean, std = c.model.posterior(x)
        log_kept = torch.special.log_ndtr((bound - mean) / std)
        torch.testing.assert_close(campaign.acquire()(x), by_hand(x) + log_kept, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(beliefs.feasibility(x.numpy()), log_kept.exp(), rtol=1e-9)


def test_while_nothing_keeps_the_limit_its_probability_alone_is_maximised():
    campaign = begun([ag.Maximise("a"), ag.Minimise("b"), ag.Limit("c", at_most=0.17)], n=8)
    assert not campaign.beliefs.goals.kept(campaign.beliefs.known).any()
    suggested = campaign.suggest()
    assert suggested["log_ehvi"].item() == pytest.approx(np.log(suggested["feasible"].item()), abs=1e-12)
    everywhere = SPACE.coordinates(np.concatenate(list(SPACE.enumerate())))
    assert suggested["feasible"].item() == pytest.approx(campaign.beliefs.feasibility(everywhere).max())


def test_a_limit_on_the_way_to_one_aim_finds_the_enumerated_optimum():
    wanted = [ag.Maximise("a"), ag.Limit("c", at_most=0.2)]
    campaign = begun(wanted, n=10)
    for _ in range(8):
        row = campaign.suggest()
        campaign.tell(row, pd.DataFrame(alloys(SPACE.read(row))))
    best = true_front(alloys, SPACE, wanted)["a"].max()
    assert campaign.front()["a"].max() > best - 0.01 * 100 and (campaign.front()["c"] <= 0.2).all()


def test_a_target_is_hit():
    campaign = begun([ag.Target("a", 312.0)], n=10)
    assert campaign.acquisition == "log_ei"
    for _ in range(5):
        row = campaign.suggest()
        campaign.tell(row, pd.DataFrame(alloys(SPACE.read(row))))
    reachable = np.abs(alloys(SPACE.coordinates(np.concatenate(list(SPACE.enumerate()))))["a"] - 312).min()
    assert np.abs(campaign.values - 312).min() < reachable + 0.1


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ([ag.Maximise("a"), ag.Minimise("b")], "log_ehvi"),
        ([ag.Maximise("a"), ag.Target("d", 0.1), ag.Minimise("b")], "log_ehvi"),
        ([ag.Maximise("a"), ag.Minimise("b"), ag.Target("d", 0.1), ag.Maximise("e")], "log_chebyshev"),
        ([ag.Maximise("a"), ag.Limit("c", at_least=0.1, at_most=0.4)], "log_ei"),
    ],
)
def test_every_mixture_suggests_what_enumeration_finds(wanted, name):
    campaign = begun(wanted, options={"screen": 256})
    assert campaign.acquisition == name
    beliefs = campaign.beliefs
    (pick,) = campaign.ask()
    rng = np.random.default_rng([0, 1, 16, 0])  # that of `ask`, which also draws the direction
    best = maximise(beliefs.acquisition(name, rng), SPACE, "enumeration", exclude=campaign.points)
    assert pick.value >= best.value - 0.01 and np.isfinite(pick.value)


@pytest.mark.parametrize("kind", ["pool", "box", "product"])
def test_every_kind_of_space_serves_several_objectives(kind):
    rows = np.random.default_rng(0).random((60, 2))
    space = {
        "pool": ag.Pool(pd.DataFrame(rows, columns=["x", "y"])),
        "box": SHEET,
        "product": ag.Product(SPACE, SHEET),
    }[kind]
    options = None if kind == "pool" else {"screen": 128, "starts": 3, "rounds": 2}
    campaign = begun(space=space, outcomes=processes, options=options)
    suggested = campaign.suggest(2)
    assert len(suggested) == 2 and space.contains(space.nearest(space.read(suggested))).all()
    assert np.isfinite(suggested["log_ehvi"]).all() and suggested["feasible"].between(0, 1).all()


def test_a_front_grows_faster_than_by_random_points():
    wanted, gained = WANTED[:2], {}
    front = true_front(alloys, SPACE, wanted)
    y = np.column_stack([front["a"], -front["b"]])
    reference = y.min(0) - 0.1 * np.ptp(y, axis=0)
    for how in ("log_ehvi", "log_chebyshev", "random"):
        campaign = begun(wanted, n=8, acquisition=None if how == "random" else how)
        rng = np.random.default_rng(3)
        for _ in range(8):
            row = SPACE.table(SPACE.sample(1, rng)) if how == "random" else campaign.suggest()
            campaign.tell(row, pd.DataFrame(alloys(SPACE.read(row))))
        found = campaign.front()
        gained[how] = hypervolume(np.column_stack([found["a"], -found["b"]]), reference) / hypervolume(y, reference)
    assert gained["random"] < 0.6 < gained["log_chebyshev"] and gained["log_ehvi"] > 0.9


def test_a_batch_is_fantasised_in_every_property():
    campaign = begun()
    first, second = campaign.ask(2, min_distance=0)
    (alone,) = campaign.ask()
    assert np.array_equal(first.point, alone.point) and not np.array_equal(first.point, second.point)
    after = campaign.beliefs.fantasised(first.coordinates)
    for before, now in zip(campaign.beliefs.models, after.models, strict=True):
        with torch.no_grad():
            (mean, std), (same, less) = (model.posterior(first.coordinates[None]) for model in (before, now))
        torch.testing.assert_close(mean, same)
        assert less.item() < std.item()
    assert after.known.shape == (17, 3)
    at = torch.from_numpy(second.coordinates)
    assert after.acquisition("log_ehvi", np.random.default_rng(0))(at).item() == pytest.approx(second.value)
    pending = campaign.ask(pending=SPACE.table(first.point[None]))[0]
    assert not np.array_equal(pending.point, first.point)


def test_the_seed_and_the_measurements_decide():
    one, other = begun().suggest(2), begun().suggest(2)
    assert one.equals(other)


# Missing outcomes


def test_a_property_may_be_missing_in_a_row():
    whole = begun()
    outcomes = {name: values.copy() for name, values in alloys(whole.coordinates).items()}
    outcomes["b"][[2, 5]], outcomes["c"][5] = np.nan, np.nan
    campaign = ag.Campaign(SPACE, WANTED, inputs="fractions")
    campaign.tell(whole.points, outcomes)
    assert [len(one.values) for one in campaign.properties] == [16, 14, 15]
    assert campaign.values.shape == (16, 3) and np.isnan(campaign.values).sum() == 3
    x = SPACE.coordinates(SPACE.sample(5, np.random.default_rng(0)))
    assert np.array_equal(campaign.posterior(x)[0][:, 0], whole.posterior(x)[0][:, 0])
    rows = np.delete(np.arange(16), [2, 5])
    np.testing.assert_array_equal(campaign.posterior(x)[0][:, 1], whole.subset(rows).posterior(x)[0][:, 1])
    suggested = campaign.suggest()
    assert np.isfinite(suggested["log_ehvi"]).all()
    assert not set(campaign.front().index) & {2, 5}
    outcomes["a"][5] = np.nan
    with pytest.raises(ValueError, match=r"at least one outcome in every row.*row 5"):
        campaign.tell(whole.points, outcomes)
    with pytest.raises(ValueError, match="finite outcomes"):
        campaign.tell(whole.points, outcomes | {"a": np.full(16, np.inf)})
    alone = ag.Campaign(SPACE, WANTED[1], inputs="fractions")
    with pytest.raises(ValueError, match="finite outcomes"):
        alone.tell(whole.points, outcomes)


def test_a_table_with_empty_cells_is_read_property_by_property(tmp_path):
    points = SPACE.sample(12, np.random.default_rng(0))
    c = SPACE.coordinates(points)
    table = pd.DataFrame(100 * c, columns=SPACE.names).assign(**{k: alloys(c)[k] for k in "abc"}).astype(object)
    table.loc[3, "b"], table.loc[4, "c"], table.loc[5, "Ti"] = None, "n.d.", "much"
    table.to_csv(tmp_path / "my.csv", index=False)
    campaign = ag.Campaign(SPACE, WANTED, inputs="fractions")
    campaign.tell(ag.read_table(tmp_path / "my.csv", SPACE, unit="at.%"))
    assert campaign.rows == [row for row in range(2, 14) if row != 7]  # row 1 holds the names
    assert np.isnan(campaign.values).sum(0).tolist() == [0, 1, 1]
    np.testing.assert_allclose(campaign.coordinates, np.delete(c, 5, axis=0), atol=1e-9)
    assert [any(f"row {row}" in text for text in campaign.warnings) for row in (5, 6, 7)] == [True] * 3
    warning = campaign.suggest()["warning"].item()
    assert "b: my.csv: 2 of 12 rows were set aside" in warning and "row 5, column 'b'" in warning


def test_warnings_name_the_property():
    outcomes = alloys(SPACE.coordinates(SPACE.sample(16, np.random.default_rng(0))))
    outcomes["b"] = outcomes["b"].copy()
    outcomes["b"][7] *= 100
    campaign = ag.Campaign(SPACE, WANTED, inputs="fractions")
    campaign.tell(SPACE.sample(16, np.random.default_rng(0)), outcomes)
    assert any(text.startswith("b: Measurement 8: b = ") for text in campaign.warnings)


def test_validation_takes_one_property_at_a_time():
    campaign = begun(n=24)
    table = by_folds(campaign.only("c"), rng=np.random.default_rng(0))
    assert (table["measured"] == campaign.values[:, 2]).all() and np.isfinite(table["predicted"]).all()


# The reference point


def test_a_reference_is_given_in_units_and_decides_what_counts():
    wanted = [ag.Maximise("a"), ag.Minimise("b"), ag.Target("d", 0.1)]
    campaign = begun(wanted, reference={"a": 320.0, "b": 2.0, "d": 0.5})
    point = Goals.of(campaign.properties, campaign.reference).reference
    (a, b, d) = campaign.properties
    np.testing.assert_allclose(a.in_units(point[0]), 320.0)
    np.testing.assert_allclose(b.in_units(point[1]), 2.0)
    np.testing.assert_allclose(-point[2] * d.scale[1], 0.5)
    suggested = campaign.suggest()
    assert suggested["a predicted"].item() > 310
    for wrong in ({"a": 1.0}, {"a": 1.0, "b": "2", "d": 1.0}, 3):
        with pytest.raises(ValueError, match="Expected a reference"):
            begun(wanted, reference=wrong)
    with pytest.raises(ValueError, match="Expected no reference, since 'a' is the only aim"):
        begun([ag.Maximise("a")], reference={"a": 1.0})


def test_the_reference_follows_the_front():
    two = np.column_stack([3 * np.linspace(0, 1, 5), 1 - np.linspace(0, 1, 5)])
    np.testing.assert_allclose(reference_point(two), [-3 * BELOW, -BELOW])
    np.testing.assert_allclose(reference_point(np.concatenate([two, two - 9])), reference_point(two))
    assert np.isfinite(reference_point(np.ones((1, 3)))).all()


# What is refused


def test_objectives_that_cannot_be_joined_are_refused():
    for wrong, text in (
        ([], "at least one aim; got an empty list"),
        ([ag.Limit("c", at_most=1)], "at least one aim; got limits on c"),
        (["a", ag.Minimise("a")], "different outcomes"),
    ):
        with pytest.raises(ValueError, match=text):
            ag.Campaign(SPACE, wrong)
    with pytest.raises(TypeError, match="Expected an objective"):
        ag.Campaign(SPACE, [ag.Maximise("a"), 3])
    for wanted, name in ((["a", "b"], "ucb"), (WANTED, "ei"), (list("abcd"), "log_ehvi"), ("a", "log_ehvi")):
        with pytest.raises(ValueError, match=r"as acquisition; got|Expected acquisition"):
            ag.Campaign(SPACE, wanted, acquisition=name)
    with pytest.raises(ValueError, match="by name; got numbers"):
        ag.Campaign(SPACE, WANTED).tell(SPACE.sample(2, np.random.default_rng(0)), np.ones((2, 3)))


def test_beliefs_of_one_aim_count_from_its_best():
    campaign = begun([ag.Minimise("b")])
    assert isinstance(campaign.beliefs, Beliefs) and campaign.beliefs.best == campaign.best
    assert campaign.best == campaign.beliefs.known.max()


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ([ag.Limit("c", at_most=-1)], r"keeps c ≤ -1; the nearest is 0\.\d+"),
        ([ag.Limit("c", at_most=0.05), ag.Limit("a", at_least=365)], "keeps all limits: c ≤ 0.05, a ≥ 365"),
        ([ag.Limit("c", at_most=0.3)], None),
    ],
)
def test_limits_that_no_measurement_keeps_are_said(limits, said):
    wanted = [ag.Minimise("b"), *limits]
    points = SPACE.sample(16, np.random.default_rng(0))
    outcomes = alloys(SPACE.coordinates(points))
    outcomes["a"] = np.where(outcomes["c"] <= 0.05, 300.0, 370.0)  # so that no row keeps both limits
    outcomes["c"][0] = 0.04
    outcomes["a"][0] = 300.0
    campaign = ag.Campaign(SPACE, wanted, inputs="fractions", seed=0)
    campaign.tell(points, {one.name: outcomes[one.name] for one in wanted})
    found = [text for text in campaign.serious if text.startswith("No measurement keeps")]
    assert bool(found) == bool(said)
    if said:
        with pytest.warns(UserWarning, match=said):
            campaign.suggest()
