"""Trajectories that stop and go on, from any surrogate and environment, on any space."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from alloygrad.campaigns.campaign import Campaign
from alloygrad.campaigns.trajectory import (
    INNER_LOOP,
    SECONDS,
    Settings,
    best_so_far,
    choose_features,
    generator,
    initial_measurements,
    measure,
    trajectory,
)
from alloygrad.features.feature_map import FeatureMap
from alloygrad.maximisers import METHODS
from alloygrad.objectives import Maximise
from alloygrad.spaces import Box, CompositionSpace
from alloygrad.surrogates import SURROGATES

LIMITS = {"Ti": (20, 55), "Ni": (20, 55), "Cu": (0, 20), "Hf": (0, 20)}
SPACE = CompositionSpace(LIMITS, step=2.5, groups=[(("Ti", "Hf"), 0, 55), (("Ni", "Cu"), 0, 55)])
ELEMENTS = list(SPACE.names)
SMALL = dict(n_features=2, n_initial=7, n_experiments=4)
SETTINGS = {
    "enumeration": Settings("enumeration", **SMALL),
    "slsqp": Settings("slsqp", acquisition="ei", options={"starts_per_element": 1}, **SMALL),
    "safe": Settings("enumeration", setting="safe", **SMALL),
}


def hills(c) -> dict:
    """Two properties and a merit of (..., 4) fractions."""
    c = np.asarray(c)
    soft, hard = np.sin(7 * c[..., 0]) + c[..., 2], np.cos(5 * c[..., 3])
    return {"soft": soft, "hard": hard, "merit": 0.5 * soft + 0.3 * hard}


def run(settings, environment=hills, seed=3, done=(), space=SPACE) -> list[dict]:
    return list(trajectory(settings, space, environment, seed, done=done))


def assert_same(rows, expected):
    """Equal bit for bit in every column but the seconds."""
    tables = [pd.DataFrame(own).drop(columns=list(SECONDS)) for own in (rows, expected)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, list[dict]]:
    return {name: run(settings) for name, settings in SETTINGS.items()}


@pytest.mark.parametrize("name", SETTINGS)
def test_resumed_anywhere_it_is_the_undisturbed_one(name, undisturbed, tmp_path):
    """Through a file, and from part of the initial rows too."""
    whole = undisturbed[name]
    assert len(whole) == 11
    pd.DataFrame(whole).to_parquet(tmp_path / "whole.parquet")
    for kept in range(1, len(whole) + 1) if name == "enumeration" else (3, 9):
        pd.DataFrame(whole[:kept]).to_parquet(tmp_path / "part.parquet")
        done = pd.read_parquet(tmp_path / "part.parquet").to_dict("records")
        pd.DataFrame(done + run(SETTINGS[name], done=done)).to_parquet(tmp_path / "rows.parquet")
        assert_same(pd.read_parquet(tmp_path / "rows.parquet"), pd.read_parquet(tmp_path / "whole.parquet"))


def test_longer_it_continues(undisturbed):
    longer = replace(SETTINGS["enumeration"], n_experiments=5)
    assert_same(run(longer)[:-1], undisturbed["enumeration"])
    assert run(SETTINGS["enumeration"], done=undisturbed["enumeration"]) == []


def test_an_environment_that_fails_takes_no_measurement_along():
    asked, given, mended = [], [], False

    def environment(c):
        if len(asked) == 5 and not mended:
            raise OSError("the furnace is cold")
        asked.append(c)
        return hills(c)

    with pytest.raises(OSError, match="furnace"):
        for row in trajectory(SETTINGS["enumeration"], SPACE, environment, 3):
            given.append(row)
    assert [row["experiment"] for row in given] == list(range(-7, -2))
    mended = True
    rows = given + run(SETTINGS["enumeration"], environment, done=given)
    assert len(asked) == len(rows) == 11  # nothing is measured twice


@pytest.mark.parametrize("kept", [0, 3, 7, 9])
@pytest.mark.parametrize("setting", ["paper", "safe"])
def test_what_is_recorded_is_what_is_modelled(kept, setting):
    """Where results scatter, a row that is done is not measured again."""
    settings, rng = replace(SETTINGS["enumeration"], setting=setting), np.random.default_rng(0)

    def environment(c):
        return hills(c)["merit"] + 0.2 * rng.normal()

    done = run(settings, environment)[:kept]
    rows = pd.DataFrame(done + run(settings, environment, done=done))
    assert rows["experiment"].tolist() == list(range(-7, 4))
    counts, merits = rows[ELEMENTS].to_numpy(), rows["merit"].to_numpy()
    for experiment in range(max(0, kept - 7), settings.n_experiments):
        known, row = 7 + experiment, rows.iloc[7 + experiment]
        features = FeatureMap(ELEMENTS, row["features"].split())
        campaign = Campaign(SPACE, Maximise("merit"), inputs=features, maximiser="enumeration", setting=setting)
        campaign.tell(counts[:known], merits[:known])
        assert campaign.model.log_posterior == row["log_posterior"]
        (pick,) = campaign.ask(rng=generator(3, INNER_LOOP, experiment))
        assert pick.point.tolist() == counts[known].tolist() and pick.value == row["value"]
    chosen = choose_features(settings, SPACE, counts[:7], merits[:7], 3)
    assert rows["features"].iloc[-1] == " ".join(":".join(feature) for feature in chosen)


def test_resumed_it_keeps_the_features_that_its_rows_name(undisturbed):
    settings, others = SETTINGS["enumeration"], "max:MT fraction:Cu"
    done = [{**row, "features": others} if row["experiment"] >= 0 else row for row in undisturbed["enumeration"][:9]]

    def choose(*_):
        raise AssertionError("features are named already")

    for known in (done, pd.DataFrame(done).to_dict("records")):  # as given out, and as a table holds them
        rows = list(trajectory(settings, SPACE, hills, 3, done=known, choose=choose))
        assert [row["features"] for row in rows] == [others] * 2
    begun = pd.DataFrame(done)[:7].to_dict("records")  # NaN in place of features names none
    with pytest.raises(AssertionError, match="named already"):
        next(trajectory(settings, SPACE, hills, 3, done=begun, choose=choose))


def test_inner_loops_of_one_seed_start_from_the_same_data_and_features(undisturbed):
    one, other = (pd.DataFrame(undisturbed[name]) for name in ("enumeration", "slsqp"))
    initial = [*ELEMENTS, "seed", "experiment", "merit"]
    pd.testing.assert_frame_equal(one.loc[:6, initial], other.loc[:6, initial])
    assert one["features"].dropna().unique().tolist() == other["features"].dropna().unique().tolist()
    fitted = ["lengthscale_0", "lengthscale_1", "outputscale", "mean", "log_posterior"]
    assert one.loc[7, fitted].tolist() == other.loc[7, fitted].tolist()
    assert one.loc[7, "log_ei"] >= other.loc[7, "log_ei"]
    again = pd.DataFrame(run(SETTINGS["enumeration"], seed=4))
    assert not again.loc[:6, ELEMENTS].equals(one.loc[:6, ELEMENTS])


@pytest.mark.parametrize("name", SETTINGS)
def test_rows_hold_what_was_measured(name, undisturbed):
    table = pd.DataFrame(undisturbed[name])
    assert table["experiment"].tolist() == list(range(-7, 4)) and (table["seed"] == 3).all()
    counts = table[ELEMENTS].to_numpy()
    assert SPACE.contains(counts).all() and len(np.unique(counts, axis=0)) == len(counts)
    for column, values in hills(SPACE.fractions(counts)).items():
        assert table[column].tolist() == values.tolist()
    proposed = table[table["experiment"] >= 0]
    measured = ["seed", "experiment", *ELEMENTS, "soft", "hard", "merit"]
    assert table[table["experiment"] < 0].drop(columns=measured).isna().all(axis=None)
    finite = ["value", "log_ei", "evaluations", "gradients", "starts", "lengthscale_1", "log_posterior", *SECONDS]
    assert np.isfinite(proposed[finite].astype(float)).all(axis=None)
    if name == "slsqp":
        assert proposed["moved"].between(0, 1).all() and (proposed["starts"] == 4).all()
    else:
        assert proposed["value"].to_numpy() == pytest.approx(proposed["log_ei"].to_numpy(), rel=1e-9)
        assert (proposed["evaluations"] == SPACE.size).all()


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"multistart", "exchange"}))
def test_no_composition_is_measured_twice_until_all_are(method):
    tight = CompositionSpace({"Ti": (0, 40), "Ni": (0, 40), "Cu": (0, 40)}, step=10)
    settings = Settings(method, n_initial=2, n_features=1, n_experiments=tight.size)
    rows = []
    with pytest.raises(ValueError, match=r"at most 0|are\. Widen"):
        for row in trajectory(settings, tight, lambda c: c[0] + 0.1 * c[1], 0):
            rows.append(tuple(row[e] for e in tight.names))
    assert len(set(rows)) == len(rows) == tight.size


def test_a_trajectory_on_a_box_needs_no_composition():
    box = Box({"T_K": (300, 900), "passes": (1, 4)}, integers=["passes"])
    settings = Settings("multistart", n_initial=6, n_experiments=6, setting="safe")
    rows = pd.DataFrame(run(settings, lambda x: -(((x[0] - 700) / 300) ** 2) - (x[1] - 2) ** 2, space=box))
    assert box.contains(rows[["T_K", "passes"]].to_numpy()).all() and rows["merit"].max() > -0.01
    done = rows[:9].to_dict("records")
    again = run(settings, lambda x: -(((x[0] - 700) / 300) ** 2) - (x[1] - 2) ** 2, space=box, done=done)
    assert [row["T_K"] for row in again] == rows["T_K"][9:].tolist()


@pytest.mark.parametrize("name", sorted(set(SURROGATES) - {"gp"}))
def test_another_surrogate_starts_from_the_same_and_goes_on_where_it_stopped(name, undisturbed):
    settings = replace(SETTINGS["enumeration"], surrogate=name)
    whole, plain = pd.DataFrame(run(settings)), pd.DataFrame(undisturbed["enumeration"])
    initial = whole["experiment"] < 0
    pd.testing.assert_frame_equal(whole.loc[initial, [*ELEMENTS, "merit"]], plain.loc[initial, [*ELEMENTS, "merit"]])
    done = whole[:9].to_dict("records")
    assert_same(done + run(settings, done=done), whole)
    assert not (whole["value"] == plain["value"]).any()
    lacking = whole.loc[~initial, ["outputscale", "mean", "log_posterior"]].isna().all(axis=None)
    assert lacking == (name in ("forest", "extra_trees", "ensemble"))


# Environments


def test_an_environment_of_another_order_of_elements_is_refused_before_it_is_asked():
    asked = []

    def environment(c):
        asked.append(c)
        return hills(c)

    environment.elements = ("Ti", "Cu", "Ni", "Hf")
    for begin in (initial_measurements, trajectory):
        with pytest.raises(ValueError, match="got one of Ti Cu Ni Hf"):
            next(begin(SETTINGS["enumeration"], SPACE, environment, 3))
    assert not asked
    environment.elements = list(ELEMENTS)
    next(trajectory(SETTINGS["enumeration"], SPACE, environment, 3))
    assert asked


def test_a_plain_callable_is_an_environment(undisturbed):
    plain = pd.DataFrame(run(SETTINGS["enumeration"], lambda c: hills(c)["merit"]))
    full = pd.DataFrame(undisturbed["enumeration"])
    pd.testing.assert_frame_equal(plain[[*ELEMENTS, "merit", "log_ei"]], full[[*ELEMENTS, "merit", "log_ei"]])


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, torch.tensor, list])
def test_one_number_is_taken_from_whatever_holds_it(kind, shape):
    value = np.reshape(2, shape).tolist() if kind is list else kind(np.reshape(2, shape))
    outcome = measure(lambda c: value, np.zeros(4))
    assert outcome == {"merit": 2.0} and type(outcome["merit"]) is float
    assert measure(lambda c: {"merit": 0.1, "hardness": value}, np.zeros(4)) == {"merit": 0.1, "hardness": 2.0}


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        ({"soft": 1.0}, r"a mapping with 'merit'; got \['soft'\]"),
        ({"merit": 0.1, "phase": "B2"}, "'phase' came as 'B2'"),
        ({"merit": 0.1, "phase": 1j}, "'phase' came as 1j"),
        (None, "'merit' came as None"),
        ((0.1, 0.2), r"'merit' came as \(0.1, 0.2\)"),
        (np.zeros((40, 1)), r"of shape \(40, 1\)"),
        (np.nan, "finite merit"),
    ],
)
def test_what_is_not_one_number_is_refused_by_name(outcome, message):
    with pytest.raises(ValueError, match=message) as caught:
        measure(lambda c: outcome, np.zeros(4))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


@pytest.mark.parametrize("name", ["Ti", "experiment", "mean", "starts"])
def test_no_outcome_takes_the_place_of_another_column(name):
    with pytest.raises(ValueError, match=rf"\['{name}'\] are other columns"):
        run(SETTINGS["enumeration"], lambda c: {**hills(c), name: 7.0})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"maximiser": "published"}, "maximiser"),
        ({"acquisition": "EI"}, "acquisition"),
        ({"surrogate": "tree"}, "surrogate"),
        ({"selection": "all"}, "selection"),
        ({"setting": "loose"}, "setting"),
        ({"formulas": "mean"}, "formulas"),
        ({"formulas": ("average",)}, "formulas"),
        ({"options": {"starts": 4}}, "starts"),
        ({"options": {"starts_per_element": -1}}, "starts_per_element"),
        ({"n_initial": 0}, "n_initial"),
        ({"n_experiments": 1.5}, "n_experiments"),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_measured(wrong, message):
    with pytest.raises(ValueError, match=message):
        Settings(**wrong)


def test_best_so_far():
    rows = pd.DataFrame(
        [
            {"seed": s, "experiment": e, "merit": m}
            for s, ms in ((0, [3, 1, 2, 5]), (1, [0, 1, 4, 2]))
            for e, m in zip(range(-2, 2), ms, strict=True)
        ]
    )
    curves = best_so_far(rows.sample(frac=1, random_state=0))
    assert curves.index.tolist() == [-1, 0, 1] and curves.columns.tolist() == [0, 1]
    assert curves[0].tolist() == [3, 3, 5] and curves[1].tolist() == [1, 4, 4]


@pytest.mark.parametrize("name", ["enumeration", "safe"])
def test_own_measurements_in_place_of_random_ones_are_the_same_campaign(name, undisturbed):
    """Given the alloys that would have been drawn, the experiments are those of the whole trajectory."""
    whole, settings = undisturbed[name], SETTINGS[name]
    own = SPACE.table(np.array([[row[key] for key in SPACE.keys] for row in whole[:7]]))
    own["merit"] = [row["merit"] for row in whole[:7]]
    others = replace(settings, n_initial=99)  # of no effect
    rows = list(trajectory(others, SPACE, hills, 3, initial=own))
    assert [row["experiment"] for row in rows] == [0, 1, 2, 3]
    assert [[row[key] for key in SPACE.keys] for row in rows] == [[row[key] for key in SPACE.keys] for row in whole[7:]]
    later = list(trajectory(others, SPACE, hills, 3, initial=own, done=pd.DataFrame(rows[:2])))
    assert [row["merit"] for row in later] == [row["merit"] for row in rows[2:]]


def test_own_measurements_may_lie_outside_the_limits():
    wide = CompositionSpace({name: (0, 70) for name in LIMITS}, step=2.5)
    points = wide.sample(20, np.random.default_rng(0))
    own = wide.table(points).assign(merit=hills(wide.fractions(points))["merit"])
    assert 0 < SPACE.contains(SPACE.counts(wide.fractions(points))).sum() < 20 or not SPACE.contains(points).all()
    settings = Settings("enumeration", setting="safe", n_features=2, n_experiments=2)
    for row in trajectory(settings, SPACE, hills, 0, initial=own):
        assert SPACE.contains([row[key] for key in SPACE.keys])


OWN = pd.DataFrame([[50.0, 50.0, 0.0, 0.0, 1.0]] * 3, columns=[*ELEMENTS, "merit"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"done": OWN}, r"Own measurements go by `initial`"),
        ({"done": [{"merit": 1.0}]}, r"experiment -7, -6, …; got row 0, \{'merit': 1.0\}"),
        ({"done": ["a"]}, "got row 0, 'a'"),
        ({"initial": OWN.drop(columns="merit")}, "the columns Ti, Ni, Cu, Hf and merit"),
        ({"initial": OWN[:0]}, "a row for each measurement"),
        ({"initial": [[0.5, 0.5, 0, 0]]}, r"Make it one with pd.DataFrame\(…\)"),
        ({"initial": OWN.assign(Ti=40)}, "sum to 100"),
    ],
)
def test_rows_that_are_none_are_refused_before_anything_is_measured(given, message):
    def never(c):
        raise AssertionError("measured")

    with pytest.raises(ValueError, match=message):
        next(trajectory(SETTINGS["enumeration"], SPACE, never, 0, **given))
