"""One campaign for exact and noisy data: unit and direction, the best so far, batches, experiments under way."""

import re

import numpy as np
import pandas as pd
import pytest
import torch

from alloygrad.acquisition.analytic import log_ei
from alloygrad.campaigns.campaign import Campaign
from alloygrad.campaigns.cautions import remote
from alloygrad.features.feature_map import FeatureMap, raw_fractions
from alloygrad.maximisers import maximise
from alloygrad.objectives import Maximise, Minimise
from alloygrad.spaces import Box, CompositionSpace, Pool, Product
from alloygrad.surrogates.gp import fit_gp, fit_paper
from alloygrad.tables.measurements import read_table

LIMITS = {"Ti": (20, 55), "Ni": (20, 55), "Cu": (0, 20), "Hf": (0, 20)}
SPACE = CompositionSpace(LIMITS, step=0.5, groups=[(("Ti", "Hf"), 0, 55), (("Ni", "Cu"), 0, 55)])
FEATURES = FeatureMap(SPACE.elements, ["mean:VEC", "mean:MT", "mean:XP"])


def hills(c):
    return 300 + 40 * np.sin(7 * c[..., 0]) + 80 * c[..., 2] + 20 * np.cos(15 * c[..., 3])


def table(c, **more):
    return pd.DataFrame(100 * c, columns=SPACE.names).assign(**more)


def begun(n=30, seed=0, noise=3.0, objective=None, inputs=FEATURES, scale=1.0, **options):
    rng = np.random.default_rng(seed)
    c = SPACE.sample_continuous(n, rng)
    campaign = Campaign(SPACE, objective or Maximise("y"), inputs=inputs, **options)
    campaign.tell(table(c), scale * (hills(c) + noise * rng.normal(size=n)))
    return campaign


# The setting of the paper


def test_the_papers_setting_is_the_published_line_step_by_step():
    counts = SPACE.sample(20, np.random.default_rng(0))
    merits = hills(SPACE.fractions(counts)) / 300
    campaign = Campaign(SPACE, Maximise("y"), inputs=FEATURES, setting="paper")
    campaign.tell(counts, merits)
    model = fit_paper(FEATURES, SPACE.fractions(counts), merits)
    by_hand = maximise(log_ei(model, merits.max()), SPACE, exclude=counts, rng=np.random.default_rng(1))
    (pick,) = campaign.ask(rng=np.random.default_rng(1))
    assert np.array_equal(pick.point, by_hand.point) and pick.value == by_hand.value
    assert torch.equal(campaign.model.lengthscales, model.lengthscales) and campaign.scale == (0, 1)


def test_the_papers_setting_warns_of_targets_that_its_noise_does_not_expect():
    assert any("expects about 1" in text for text in begun(setting="paper", scale=1000.0).warnings)
    assert not any("expects about 1" in text for text in begun().warnings)


# Unit and direction


def test_predictions_follow_the_unit_of_the_outcomes():
    one, other = begun(), begun(scale=1000.0)
    c = SPACE.sample_continuous(20, np.random.default_rng(1))
    np.testing.assert_allclose(1000 * one.predict(c), other.predict(c), rtol=1e-5)
    assert other.noise_std == pytest.approx(1000 * one.noise_std, rel=1e-5)
    assert one.suggest()["formula"].tolist() == other.suggest()["formula"].tolist()


def test_minimising_is_maximising_the_negative():
    one, other = begun(), begun(objective=Minimise("y"), scale=-1.0)
    first, second = one.suggest(2), other.suggest(2)
    assert first["formula"].tolist() == second["formula"].tolist()
    np.testing.assert_allclose(first["predicted"], -second["predicted"])
    np.testing.assert_allclose(first["std"], second["std"])


def test_learned_noise_is_about_that_of_the_measurements():
    assert begun(n=120, noise=5.0, inputs=raw_fractions(SPACE.elements)).noise_std == pytest.approx(5, rel=0.35)


def test_the_best_so_far_is_not_a_lucky_measurement():
    """One measurement far off raises the mark by far less than itself, and an alloy outside the limits sets none."""
    campaign = begun(n=60, noise=1.0)
    (centre, spread), before = campaign.scale, campaign.best
    middle = SPACE.fractions(SPACE.snap(campaign.coordinates.mean(0)))
    lucky = begun(n=60, noise=1.0)
    there = campaign.predict(middle)["predicted"].item()
    lucky.tell(table(np.repeat(middle[None], 5, 0)), there + np.array([0, 0, 0, 0, 6 * spread]))
    assert lucky.values.max() > centre + 5 * spread
    assert lucky.scale[0] + lucky.scale[1] * lucky.best < centre + (before + 3) * spread
    outside = np.array([[0.0, 0.1, 0.2, 0.7]])
    campaign.tell(table(outside), campaign.values.max() + 20 * spread)
    at = campaign.predict(outside)["predicted"].item()
    assert campaign.scale[0] + campaign.scale[1] * campaign.best < at - spread


# Measurements


def test_points_and_tables_are_one():
    counts = SPACE.sample(20, np.random.default_rng(0))
    values = hills(SPACE.fractions(counts))
    one, other, third = (Campaign(SPACE, Maximise("y"), inputs=FEATURES) for _ in range(3))
    one.tell(counts, values)
    other.tell(table(SPACE.fractions(counts), y=values))
    third.tell(SPACE.table(counts), {"y": values})
    for campaign in (other, third):
        assert np.array_equal(one.points, campaign.points)
        np.testing.assert_allclose(one.coordinates, campaign.coordinates, atol=1e-15)
        np.testing.assert_allclose(one.values, campaign.values)


@pytest.mark.parametrize(
    "data, outcomes, message",
    [
        ([[200, 0, 0, 0]], 1.0, "in row 0, Ti = 100 at.% is above 55"),
        ([[0.5, 0.5, 0, 0]], 1.0, "Expected"),
        ([[100, 100, 0]], 1.0, r"shape \(m, 4\)"),
        (SPACE.sample(1, np.random.default_rng(0)), np.nan, "finite outcomes"),
        (SPACE.sample(2, np.random.default_rng(0)), 1.0, "one outcome for each of 2"),
        (SPACE.sample(1, np.random.default_rng(0)), None, "Expected outcomes"),
        (
            SPACE.sample(1, np.random.default_rng(0)),
            {"z": [1.0]},
            r"outcome 'y' among the columns; got z\..*Maximise\('z'\)",
        ),
        (table(np.array([[0.5, 0.3, 0.1, 0.2]])), 1.0, "sum"),
        (pd.DataFrame({"Ti": [50.0], "Ni": [50.0]}), 1.0, "lacks"),
    ],
)
def test_a_refused_tell_leaves_everything_as_it_was(data, outcomes, message):
    campaign = begun()
    before = campaign.model
    with pytest.raises(ValueError, match=message):
        campaign.tell(data, outcomes)
    assert len(campaign.points) == len(campaign.coordinates) == len(campaign.values) == len(campaign.rows) == 30
    assert campaign.model is before


def test_without_measurements_nothing_is_suggested():
    with pytest.raises(ValueError, match="none yet"):
        Campaign(SPACE, "y").suggest()


# Batches and experiments under way


@pytest.mark.parametrize("acquisition", ["log_ei", "ucb", "ei"])
@pytest.mark.parametrize(("seed", "apart"), [(0, None), (0, 3.74)])  # the last one between two steps
def test_a_batch_is_feasible_new_distinct_and_apart(acquisition, seed, apart):
    campaign = begun(seed=seed, noise=10.0, acquisition=acquisition)
    batch = campaign.suggest(4, min_distance=apart)
    c = SPACE.read(batch)
    counts = SPACE.counts(c)
    assert SPACE.contains(counts).all()
    measured = {tuple(row) for row in campaign.points[SPACE.covers(campaign.points, campaign.coordinates)].tolist()}
    assert not measured & {tuple(row) for row in counts.tolist()}
    between = SPACE.distance(c[:, None], c[None])[np.triu_indices(4, 1)]
    assert between.min() >= (SPACE.spacing if apart is None else apart / 100) - 1e-9


def test_one_by_one_with_pending_is_the_batch():
    """Four requests for one, each telling what is under way, are the batch of four without its least distance."""
    campaign = begun(noise=10.0, maximiser="enumeration")
    batch, under_way = campaign.suggest(4, min_distance=0), None
    for number in range(4):
        one = campaign.suggest(1, pending=under_way, min_distance=0)
        assert one["formula"].item() == batch["formula"].iloc[number]
        assert one["log_ei"].item() == pytest.approx(batch["log_ei"].iloc[number], abs=1e-6)
        under_way = one if under_way is None else pd.concat([under_way, one])


def test_the_second_of_a_batch_takes_the_first_for_measured_as_predicted():
    campaign = begun(noise=10.0, maximiser="enumeration")
    first, second = campaign.ask(2, min_distance=0)
    model, at = campaign.model, torch.from_numpy(second.coordinates)
    with torch.no_grad():
        mean = model.posterior(first.coordinates[None])[0]
        alone = log_ei(model, campaign.best)(at).item()
        after = log_ei(model.condition(first.coordinates[None], mean), max(campaign.best, mean.item()))(at).item()
    assert second.value == pytest.approx(after, abs=1e-9) and after < alone - 1e-3


def test_a_fantasy_is_conditioning_on_the_mean():
    model = begun().model
    c = SPACE.sample_continuous(40, np.random.default_rng(3))
    with torch.no_grad():
        mean, std = model.posterior(c)
        once = model.condition(c[:2], mean[:2])
        twice = model.condition(c[:1], mean[:1]).condition(c[1:2], mean[1:2])
        for both in (once, twice):
            there, left = both.posterior(c)
            torch.testing.assert_close(there, mean, rtol=0, atol=1e-8)
            assert (left <= std + 1e-9).all() and left[0] < 0.9 * std[0]
        torch.testing.assert_close(once.posterior(c)[1], twice.posterior(c)[1], rtol=1e-6, atol=1e-8)


def test_a_space_that_is_used_up_says_so():
    pool = Pool(pd.DataFrame({"x": np.linspace(0, 1, 6)}))
    campaign = Campaign(pool, "y")
    campaign.tell([[i] for i in range(4)], [0.0, 1.0, 2.0, 1.5])
    assert set(campaign.suggest(2)["candidate"]) == {4, 5}
    with pytest.raises(ValueError, match="at most 2"):
        campaign.suggest(3)
    assert campaign.suggest(1, pending=[[4]])["candidate"].item() == 5


# What is refused, and what is said


def test_a_maximiser_that_needs_gradients_is_refused_for_a_forest():
    with pytest.raises(ValueError, match="without gradients"):
        Campaign(SPACE, "y", surrogate="forest", maximiser="slsqp")
    assert len(begun(surrogate="forest", maximiser="lattice").suggest()) == 1


@pytest.mark.parametrize(
    "options, message",
    [
        ({"setting": "papers"}, "setting"),
        ({"surrogate": "gpr"}, "surrogate"),
        ({"acquisition": "EI"}, "acquisition"),
        ({"maximiser": "published"}, "maximiser"),
        ({"inputs": "raw"}, "inputs"),
        ({"options": {"starts": 3}}, "starts"),
        ({"inputs": FeatureMap(("Ni", "Ti", "Cu", "Hf"), ["mean:VEC"])}, "in this order"),
    ],
)
def test_what_is_not_known_is_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        Campaign(SPACE, "y", **options)


def test_no_improvement_left_is_said():
    c = SPACE.sample(60, np.random.default_rng(0))
    campaign = Campaign(SPACE, "y", inputs=raw_fractions(SPACE.elements), maximiser="enumeration")
    campaign.tell(c, -(((SPACE.fractions(c) - SPACE.fractions(c[0])) ** 2).sum(1)))
    for _ in range(3):
        pick = campaign.suggest()
        campaign.tell(pick, [-(((SPACE.read(pick) - SPACE.fractions(c[0])) ** 2).sum())])
    assert "No improvement" in campaign.suggest()["warning"].item() or campaign.suggest()["log_ei"].item() > -20


# Two faults of the model that real tables showed


def test_a_constant_element_stays_constant_after_the_sum_is_divided_out():
    """Cr is 20 % in every row, but for the rounding of a division: no 0 … 1 noise may be made of it."""
    rng = np.random.default_rng(0)
    c = rng.dirichlet([30, 4, 4], size=24) * 0.8
    c = np.insert(c, 1, 0.2, axis=1)
    c /= c.sum(1, keepdims=True)
    limits = {"Ni": (40, 80), "Cr": (10, 30), "Al": (0, 20), "Ti": (0, 20)}
    space = CompositionSpace(limits, step=0.5)
    campaign = Campaign(space, "HV", inputs="fractions")
    campaign.tell(pd.DataFrame(100 * c, columns=space.names), 200 + 900 * c[:, 2] + 500 * c[:, 3])
    near = campaign.predict(np.array([[0.70, 0.2, 0.06, 0.04], [0.6999999, 0.2000001, 0.06, 0.04]]))
    assert np.ptp(near["predicted"]) < 0.01 and np.ptp(near["std"]) < 0.01


@pytest.mark.parametrize(("n_elements", "base", "n"), [(12, "Fe", 40), (9, "Ni", 30), (15, "Ti", 50)])
def test_many_inputs_need_longer_lengthscales(n_elements, base, n):
    """Of a smooth function of many elements, at most half as much remains unexplained as with one prior for all.
    a prior that is the same for any number of inputs."""
    others = [e for e in "Fe Ni Cr Co Mn Al Ti Mo W V Nb Cu Si Zr Hf Ta".split() if e != base]
    elements = [base, *others[: n_elements - 1]]
    space = CompositionSpace({e: (40, 80) if e == base else (0, 15) for e in elements}, step=0.1)
    rng = np.random.default_rng(0)
    w = rng.normal(size=n_elements)

    def truth(x):
        return 100 * x @ w + 300 * (x[:, 6] - 0.05) * (x[:, 7] - 0.03) / 0.01

    counts, asked = space.sample(n, rng), space.fractions(space.sample(2000, rng))
    campaign = Campaign(space, "y", inputs="fractions")
    campaign.tell(counts, truth(space.fractions(counts)))
    y, centre, spread = truth(space.fractions(counts)), *campaign.scale
    fixed = fit_gp(campaign.features, space.fractions(counts), (y - centre) / spread, scaled_prior=False)
    error = campaign.predict(asked)["predicted"] - truth(asked)
    other = centre + spread * fixed.posterior(asked)[0].numpy() - truth(asked)
    assert (error**2).mean() <= 0.5 * (other**2).mean()
    if n_elements == 12:
        assert 1 - (error**2).mean() / truth(asked).var() >= 0.95


def test_a_box_with_units_is_told_and_asked_in_them():
    box = Box({"T_K": (300, 900, "K"), "passes": (1, 5)}, integers=["passes"])
    campaign = Campaign(box, Minimise("loss"))
    rows = box.table(box.sample(8, np.random.default_rng(0)))
    campaign.tell(rows.assign(loss=(rows["T_K"] - 650) ** 2 / 1e4 + (rows["passes"] - 3) ** 2))
    asked = campaign.suggest(2)
    assert box.contains(asked[["T_K", "passes"]].to_numpy()).all() and (asked["std"] > 0).all()


@pytest.mark.parametrize("alloy", [False, True])
@pytest.mark.parametrize(("value", "warned"), [(3.0, True), (280.0, False), (2000.0, True), (600.0, False)])
def test_a_value_far_outside_the_limits_is_used_and_said(alloy, value, warned):
    box = Box({"T_K": (300, 900, "K"), "hours": (1, 5)})
    space = Product(SPACE, box) if alloy else box
    campaign = Campaign(space, "y", inputs="fractions")
    rows = space.table(space.sample(6, np.random.default_rng(0)))
    rows.loc[2, "T_K"] = value
    campaign.tell(rows.assign(y=np.arange(6.0)))
    found = [text for text in campaign.warnings if "T_K" in text]
    assert value in campaign.coordinates[:, -2] and len(found) == warned
    assert not warned or all(part in found[0] for part in (f"at {value:g}", "limits 300 … 900", "Correct the value"))


@pytest.mark.parametrize(("value", "warned"), [(1.5, True), (2.0, False)])
def test_a_whole_number_parameter_at_another_value_is_used_and_said(value, warned):
    box = Box({"T_K": (300, 900, "K"), "passes": (1, 5)}, integers=["passes"])
    campaign = Campaign(box, "y")
    rows = box.table(box.sample(6, np.random.default_rng(0)))
    rows.loc[2, "passes"] = value
    campaign.tell(rows.assign(y=np.arange(6.0)))
    found = [text for text in campaign.warnings if "passes takes whole numbers but was measured at 1.5" in text]
    assert campaign.coordinates[2, 1] == value and len(found) == warned


@pytest.mark.parametrize(("n", "repeats", "warned"), [(1, 1, True), (4, 3, True), (5, 1, False)])
def test_few_different_points_are_said(n, repeats, warned):
    counts = np.repeat(SPACE.sample(n, np.random.default_rng(0)), repeats, axis=0)
    campaign = Campaign(SPACE, "y", inputs=FEATURES)
    campaign.tell(counts, np.arange(float(len(counts))))
    found = [text for text in campaign.warnings if "at least 5 are needed" in text]
    counted = "1 alloy is" if n == 1 else f"{n} different alloys are"
    assert len(found) == warned and (not found or found[0].startswith(f"Only {counted} measured;"))
    assert not found or f"predicted and std mean nothing: measure {5 - n} more" in found[0] == campaign.warnings[0]


def test_rows_of_a_subset_are_numbers_a_mask_or_a_slice():
    campaign = begun(6)
    for rows in (slice(1, 3), [1, 2], pd.Series([False, True, True, False, False, False]), [-5, 2]):
        assert np.array_equal(campaign.subset(rows).values, campaign.values[1:3])


# What a model of many elements sees


SHORT = dict(population=8, generations=2, n_features=2)


@pytest.mark.parametrize(("n", "setting", "fractions"), [(5, "safe", 0), (6, "safe", 6), (6, "paper", 0)])
def test_of_more_than_five_elements_a_model_sees_fractions_as_well(n, setting, fractions):
    space = CompositionSpace(dict.fromkeys("Fe Ni Cr Co Mn Al".split()[:n], (0, 60)), step=1)
    counts = space.sample(20, np.random.default_rng(0))
    campaign = Campaign(space, "y", setting=setting, **SHORT)
    campaign.tell(counts, space.fractions(counts)[:, 0])
    assert len(campaign.features.names) == 2 + fractions
    assert campaign.features.names[2:] == [f"fraction:{element}" for element in space.elements[:fractions]]


def test_next_to_features_a_fraction_below_its_resolution_is_constant():
    space = CompositionSpace(dict.fromkeys("Fe Ni Cr Co Mn Al".split(), (0, 60)), step=1)
    c = np.random.default_rng(0).dirichlet(np.ones(5), size=20) * 0.8
    c = np.column_stack([c, 0.2 + 0.001 * np.sign(c[:, 0] - c[:, 1])])  # within half a step
    c[:, 0] += 1 - c.sum(1)
    campaign = Campaign(space, "y", **SHORT)
    campaign.tell(pd.DataFrame(100 * c, columns=space.names), c[:, 0])
    assert campaign.model.width[-1] == 1 and (campaign.model.width[2:-1] < 1).all()


@pytest.mark.parametrize("column", ["name", "alloy"])
def test_a_pool_without_names_says_how_to_set_them(column, tmp_path):
    stock = pd.DataFrame({"x": np.arange(7.0), "alloy": list("ABCDEFG")})
    pool, said = (
        Pool(stock, ["x"]),
        "The pool's candidates are 0, 1, 2, …, 6: set the index, `stock.set_index('alloy')`.",
    )
    with pytest.raises(ValueError, match=re.escape(said)):
        Campaign(pool, "y").tell(pd.DataFrame({"candidate": ["B"], "y": [1.0]}))
    if column == "name":
        pool, said = Pool(stock[["x"]]), said.replace("'alloy'", "'name'")
    (tmp_path / "t.csv").write_text("candidate,y\nB,1\n")
    with pytest.warns(UserWarning, match="no candidate of the pool"):
        report = read_table(tmp_path / "t.csv", pool).report("y")
    assert report["remedy"].iloc[0] == said


def test_a_batch_of_alloys_and_processes_is_apart_in_one_or_the_other():
    """A tenth of the widest range of an element counts as much as a tenth of a parameter's."""
    alloys = CompositionSpace({"Al": (92, 100), "Cu": (0, 4), "Mg": (0, 4)}, step=0.1)
    space = Product(alloys, Box({"age_C": (100, 220, "C")}))
    rng = np.random.default_rng(0)
    at = np.column_stack([alloys.coordinates(alloys.sample(30, rng)), rng.choice([120, 140, 160, 180, 200], 30)])
    campaign = Campaign(space, "HV", seed=0, inputs="fractions")
    campaign.tell(space.nearest(at), 100 + 2000 * at[:, 1] + 800 * at[:, 2] - ((at[:, 3] - 165) / 12) ** 2)
    found = space.read(campaign.suggest(4))
    shares, ages = found[:, :3], found[:, 3]
    exchanged = 0.5 * np.abs(shares[:, None] - shares[None]).sum(-1)
    apart = np.maximum(exchanged / 0.08, np.abs(ages[:, None] - ages[None]) / 120)
    np.testing.assert_allclose(space.distance(found[:, None], found[None]), apart)
    assert apart[np.triu_indices(4, 1)].min() >= space.spacing - 1e-9 == 0.1 - 1e-9
    between = np.array([*at[0, :3], at[0, 3] + 10])  # between two measured ages of the same alloy
    assert not any("nearest measured point" in text for text in remote(space, campaign.coordinates, between[None]))


def test_a_failed_experiment_is_to_be_passed_as_pending():
    campaign = Campaign(SPACE, ["y"], inputs="fractions", seed=0)
    table = SPACE.table(SPACE.sample(1, np.random.default_rng(0))).assign(y=np.nan)
    with pytest.raises(ValueError, match="pass it as `pending`"):
        campaign.tell(table)
