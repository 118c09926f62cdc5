"""Trajectories that stop and go on, campaigns by hand, environments of every allowed kind."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch

from alloygrad.campaigns.campaign import SURROGATES, Campaign
from alloygrad.campaigns.noisy import NoisyCampaign
from alloygrad.campaigns.trajectory import (
    INNER_LOOP,
    SECONDS,
    Settings,
    best_so_far,
    choose_features,
    generator,
    hyperparameters,
    initial_rows,
    measure,
    trajectory,
)
from alloygrad.features.feature_map import FeatureMap, parse_feature
from alloygrad.maximisers import METHODS, Method, Suggestion
from alloygrad.spaces.composition import CompositionSpace, Group
from compendium.environments import alloys
from compendium.feature_gradient.cells import CELLS

ELEMENTS = ("Ti", "Ni", "Cu", "Hf")
SPACE = CompositionSpace(
    ELEMENTS,
    (0.2, 0.2, 0, 0),
    (0.55, 0.55, 0.2, 0.2),
    step=0.025,
    groups=(Group(("Ti", "Hf"), 0.55), Group(("Ni", "Cu"), 0.55)),
)
SMALL = dict(n_features=2, n_initial=7, n_experiments=4)
SETTINGS = {
    "enumeration": Settings("enumeration", **SMALL),
    "slsqp_ei": Settings("slsqp", acquisition="ei", options={"starts_per_element": 1}, **SMALL),
}


def hills(c) -> dict:
    """Two properties and a merit of (..., 4) fractions."""
    c = np.asarray(c)
    soft, hard = np.sin(7 * c[..., 0]) + c[..., 2], np.cos(5 * c[..., 3])
    return {"soft": soft, "hard": hard, "merit": 0.5 * soft + 0.3 * hard}


def run(settings, environment=hills, seed=3, done=()) -> list[dict]:
    return list(trajectory(settings, SPACE, environment, seed, done=done))


def without_seconds(rows) -> pd.DataFrame:
    return pd.DataFrame(rows).drop(columns=list(SECONDS))


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, list[dict]]:
    return {name: run(settings) for name, settings in SETTINGS.items()}


def assert_same(rows, expected):
    """Equal bit for bit in every column but the seconds."""
    pd.testing.assert_frame_equal(without_seconds(rows), without_seconds(expected), check_exact=True)


# Trajectories


@pytest.mark.parametrize("name", SETTINGS)
def test_resumed_anywhere_it_is_the_undisturbed_one(name, undisturbed, tmp_path):
    """Through the file of a study too; also from part of the initial rows (regression)."""
    whole = undisturbed[name]
    assert len(whole) == 11
    pd.DataFrame(whole).to_parquet(tmp_path / "whole.parquet")
    for kept in range(1, len(whole) + 1) if name == "enumeration" else (3, 9):
        pd.DataFrame(whole[:kept]).to_parquet(tmp_path / "part.parquet")
        done = pd.read_parquet(tmp_path / "part.parquet").to_dict("records")
        rows = done + run(SETTINGS[name], done=done)
        pd.DataFrame(rows).to_parquet(tmp_path / "rows.parquet")
        assert_same(pd.read_parquet(tmp_path / "rows.parquet"), pd.read_parquet(tmp_path / "whole.parquet"))


def test_repeated_it_is_the_same_and_longer_it_continues(undisturbed):
    settings = SETTINGS["enumeration"]
    longer = Settings(**{**vars(settings), "n_experiments": 5})
    assert_same(run(longer)[:-1], undisturbed["enumeration"])
    assert run(settings, done=undisturbed["enumeration"]) == []


def test_an_environment_that_fails_takes_no_measurement_along():
    """Regression: initial rows were given out only once all were measured."""
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
def test_what_is_recorded_is_what_is_modelled(kept):
    """Regression: initial rows were measured again, so that another outcome was modelled where results scatter."""
    settings, rng = SETTINGS["enumeration"], np.random.default_rng(0)

    def environment(c):
        return hills(c)["merit"] + 0.2 * rng.normal()

    done = run(settings, environment)[:kept]
    rows = pd.DataFrame(done + run(settings, environment, done=done))
    assert rows["experiment"].tolist() == list(range(-7, 4))
    counts, merits = rows[list(ELEMENTS)].to_numpy(), rows["merit"].to_numpy()
    for experiment in range(max(0, kept - 7), settings.n_experiments):
        known, row = 7 + experiment, rows.iloc[7 + experiment]
        campaign = Campaign(SPACE, FeatureMap(ELEMENTS, row["features"].split()), maximiser="enumeration")
        campaign.tell(counts[:known], merits[:known])
        assert campaign.fit().log_posterior == row["log_posterior"]
        assert campaign.ask().counts.tolist() == counts[known].tolist()
    chosen = choose_features(settings, SPACE, counts[:7], merits[:7], 3)
    assert rows["features"].iloc[-1] == " ".join(":".join(feature) for feature in chosen)


@pytest.mark.parametrize("name", SETTINGS)
def test_resumed_it_keeps_the_features_that_its_rows_name(name, undisturbed):
    """Recorded ones need not be those that would be chosen now; then nothing is chosen."""
    settings, others = SETTINGS[name], "max:MT fraction:Cu"
    assert undisturbed[name][-1]["features"] != others
    done = [{**row, "features": others} if row["experiment"] >= 0 else row for row in undisturbed[name][:9]]

    def choose(*_):
        raise AssertionError("features are named already")

    for known in (done, pd.DataFrame(done).to_dict("records")):  # as given out, and as a table holds them
        rows = list(trajectory(settings, SPACE, hills, 3, done=known, choose=choose))
        assert [row["features"] for row in rows] == [others] * 2
        campaign = Campaign(SPACE, FeatureMap(ELEMENTS, others.split()))
        campaign.tell(np.array([[row[e] for e in ELEMENTS] for row in done]), [row["merit"] for row in done])
        assert campaign.fit().log_posterior == rows[0]["log_posterior"]
    begun = pd.DataFrame(done)[:7].to_dict("records")  # NaN in place of features names none
    with pytest.raises(AssertionError, match="named already"):
        next(trajectory(settings, SPACE, hills, 3, done=begun, choose=choose))


def test_both_inner_loops_start_from_the_same_data_and_features(undisturbed):
    one, other = (pd.DataFrame(rows) for rows in undisturbed.values())
    initial = [*ELEMENTS, "seed", "experiment", "merit"]
    pd.testing.assert_frame_equal(one.loc[:6, initial], other.loc[:6, initial])
    assert one["features"].dropna().unique().tolist() == other["features"].dropna().unique().tolist()
    # The first fit sees the same data, so it is the same; what follows differs by the inner loop alone.
    fitted = ["lengthscale_0", "lengthscale_1", "outputscale", "mean", "log_posterior"]
    assert one.loc[7, fitted].tolist() == other.loc[7, fitted].tolist()
    assert one.loc[7, "log_ei"] >= other.loc[7, "log_ei"]


def test_seeds_differ():
    starts = [
        pd.DataFrame(initial_rows(SETTINGS["enumeration"], SPACE, hills, seed))[list(ELEMENTS)] for seed in (0, 1)
    ]
    assert not starts[0].equals(starts[1])


def test_rows_hold_what_was_measured(undisturbed):
    for name, rows in undisturbed.items():
        table = pd.DataFrame(rows)
        assert table["experiment"].tolist() == list(range(-7, 4)) and (table["seed"] == 3).all()
        counts = table[list(ELEMENTS)].to_numpy()
        assert SPACE.contains(counts).all() and len(np.unique(counts, axis=0)) == len(counts)
        for column, values in hills(SPACE.fractions(counts)).items():
            assert table[column].tolist() == values.tolist()
        proposed = table[table["experiment"] >= 0]
        assert table[table["experiment"] < 0].drop(columns=["seed", "experiment", *ELEMENTS, "soft", "hard", "merit"])\
            .isna().all(axis=None)  # fmt: skip
        finite = ["value", "log_ei", "evaluations", "gradients", "starts", "lengthscale_1", "log_posterior", *SECONDS]
        assert np.isfinite(proposed[finite].astype(float)).all(axis=None)
        if name == "enumeration":
            assert proposed["value"].to_numpy() == pytest.approx(proposed["log_ei"].to_numpy(), rel=1e-9)
            assert (proposed["evaluations"] == SPACE.size).all()
        else:
            assert proposed["moved"].between(0, 1).all() and (proposed["starts"] == 4).all()


def test_initial_compositions_are_distinct_and_those_of_any_environment():
    tight = CompositionSpace(ELEMENTS[:3], (0, 0, 0), (0.4, 0.4, 0.4), step=0.1)
    settings = Settings("enumeration", n_initial=tight.size - 1)
    rows = initial_rows(settings, tight, lambda c: c[0], seed=0)
    counts = [tuple(row[e] for e in tight.elements) for row in rows]
    assert len(set(counts)) == len(counts) == tight.size - 1
    other = initial_rows(settings, tight, lambda c: -c[1], seed=0)
    assert counts == [tuple(row[e] for e in tight.elements) for row in other]
    with pytest.raises(ValueError, match=f"The space has {tight.size} compositions; more than n_initial"):
        initial_rows(Settings("enumeration", n_initial=tight.size), tight, lambda c: 0.0, seed=0)


@pytest.mark.parametrize("method", METHODS)
def test_no_composition_is_measured_twice_until_all_are(method):
    tight = CompositionSpace(ELEMENTS[:3], (0, 0, 0), (0.4, 0.4, 0.4), step=0.1)
    options = {"starts_per_element": 1} if method == "slsqp" else {}
    settings = Settings(method, n_features=2, n_initial=4, n_experiments=tight.size, options=options)
    measured = []
    with pytest.raises(ValueError, match="are measured"):
        for row in trajectory(settings, tight, lambda c: c[0] - c[1] ** 2, 0):
            measured.append(tuple(row[e] for e in tight.elements))
    assert len(set(measured)) == len(measured) == tight.size


# By hand


@pytest.mark.parametrize("name", SETTINGS)
def test_ask_and_tell_by_hand_is_the_trajectory(name, undisturbed):
    settings, seed = SETTINGS[name], 3
    rows = initial_rows(settings, SPACE, hills, seed)
    counts = np.array([[row[e] for e in ELEMENTS] for row in rows])
    merits = np.array([row["merit"] for row in rows])
    chosen = choose_features(settings, SPACE, counts, merits, seed)
    campaign = Campaign(
        SPACE,
        FeatureMap(ELEMENTS, [parse_feature(f) for f in chosen]),
        maximiser=settings.maximiser,
        acquisition=settings.acquisition,
        options=settings.options,
    )
    for one, merit in zip(counts, merits, strict=True):  # one at a time here, all at once there
        campaign.tell(one, merit)
    for experiment in range(settings.n_experiments):
        suggestion = campaign.ask(generator(seed, INNER_LOOP, experiment))
        assert campaign.ask(generator(seed, INNER_LOOP, experiment)).counts.tolist() == suggestion.counts.tolist()
        merit = hills(suggestion.composition)["merit"]
        row = undisturbed[name][settings.n_initial + experiment]
        assert suggestion.counts.tolist() == [row[e] for e in ELEMENTS]
        assert (suggestion.value, merit) == (row["value"], row["merit"])
        assert campaign.fit().log_posterior == row["log_posterior"] and campaign.fit() is campaign.fit()
        campaign.tell(suggestion.counts, merit)
        assert campaign.fit().targets.tolist() == campaign.targets.tolist()  # what is told is modelled
    assert len(campaign.counts) == len(campaign.targets) == 11 and campaign.counts.dtype == np.int64


INSIDE = SPACE.sample(2, np.random.default_rng(0))


@pytest.mark.parametrize(
    "counts, targets, message",
    [
        (INSIDE[0], np.nan, r"target at \{'Ti': .* is nan"),
        (INSIDE, [0.5, np.inf], "is inf"),
        (INSIDE[0] + [1, -1, 0, 40], 0.5, "Hf = .* is above"),
        (
            [INSIDE[0], [40, 0, 0, 0]],
            [0.5, 0.5],
            r"\{'Ti': 1.0, .* is not in the space: Ti = 1 is above 0.55; Ni = 0 is below 0.2.* Leave it out",
        ),
        (INSIDE, 0.5, r"\(2, 4\) came with targets of shape \(1,\)"),
        (INSIDE[0], [0.5, 0.5], r"targets of shape \(2,\)"),
        (INSIDE[None], [0.5], r"\(1, 2, 4\)"),
        (INSIDE[:, :3], [0.5, 0.5], "shape"),
        (INSIDE / 40, [0.5, 0.5], "whole steps"),
    ],
)
def test_a_refused_tell_leaves_everything_as_it_was(counts, targets, message):
    campaign = Campaign(SPACE, FeatureMap(ELEMENTS, ["mean:VEC", "mean:MT"]), maximiser="enumeration")
    start = SPACE.sample(5, np.random.default_rng(1))
    campaign.tell(start, hills(SPACE.fractions(start))["merit"])
    surrogate = campaign.fit()
    with pytest.raises(ValueError, match=message):
        campaign.tell(counts, targets)
    assert campaign.counts.tolist() == start.tolist() and len(campaign.targets) == 5
    assert campaign.fit() is surrogate


@pytest.mark.parametrize("kind", [Campaign, NoisyCampaign])
def test_asking_before_telling_is_refused(kind):
    campaign = kind(SPACE, FeatureMap(ELEMENTS, ["mean:VEC"]))
    for ask in (lambda: campaign.ask(np.random.default_rng(0)), campaign.fit):
        with pytest.raises(ValueError, match="Nothing is measured yet; `tell`"):
            ask()
    campaign.tell(INSIDE[0], 0.1)
    assert SPACE.contains(campaign.ask(np.random.default_rng(0)).counts)


def test_counts_of_any_integer_type_stay_whole_numbers():
    """NumPy joins int64 and uint64 to float64."""
    campaign = Campaign(SPACE, FeatureMap(ELEMENTS, ["mean:VEC"]), maximiser="enumeration")
    campaign.tell(INSIDE.astype(np.uint64), [0.1, 0.2])
    assert campaign.counts.dtype == np.int64 and campaign.counts.tolist() == INSIDE.tolist()


def test_told_arrays_may_change_afterwards():
    campaign = Campaign(SPACE, FeatureMap(ELEMENTS, ["mean:VEC"]), maximiser="enumeration")
    counts, targets = INSIDE.copy(), np.array([0.1, 0.2])
    campaign.tell(counts, targets)
    counts[:], targets[:] = 0, 9
    assert campaign.counts.tolist() == INSIDE.tolist() and campaign.targets.tolist() == [0.1, 0.2]


REFUSED = [
    ({"maximiser": "ascnt"}, r"maximiser is 'ascnt'; known are \['ascent', 'enumeration'"),
    ({"maximiser": ["ascent"]}, r"maximiser is \['ascent'\]; known are"),
    ({"acquisition": "lei"}, r"acquisition is 'lei'; known are \['ei', 'log_ei'"),
    ({"surrogate": "oracle"}, r"surrogate is 'oracle'; known are \['deep_kernel', 'forest', 'gp'\]"),
    ({"options": {"strats_per_element": 3}}, "AscentOptions; got 'strats_per_element'.* Use .*starts_per_element"),
    ({"options": {"screen": 0}}, "whole number ≥ 1, or None, for the option 'screen' of AscentOptions; got 0"),
    ({"maximiser": "slsqp", "options": {"screen": 9}}, "SlsqpOptions; got 'screen'.* Use .*starts_per_element"),
    ({"options": "screen"}, "an instance of AscentOptions, a mapping .*; got 'screen'"),
    ({"surrogate": "forest", "maximiser": "slsqp"}, "'slsqp' follows gradients"),
]


@pytest.mark.parametrize(("wrong", "message"), REFUSED)
@pytest.mark.parametrize("kind", [Settings, lambda **options: Campaign(SPACE, lambda c: c, **options)])
def test_what_cannot_be_run_is_refused_before_anything_is_measured(kind, wrong, message):
    """Regression: much of it failed with a bare error once all initial compositions were measured."""
    with pytest.raises(ValueError, match=message):
        kind(**wrong)


@pytest.mark.parametrize(("n", "maximiser"), [(4, "ascent"), (6, "ascent"), (6, "lattice")])
def test_a_surrogate_without_gradients_is_refused_where_one_would_be_asked_for(n, maximiser):
    space, calls = alloys.SMA.space(n), []
    settings = Settings(maximiser, surrogate="forest", n_initial=3)
    with pytest.raises(ValueError, match=f"'{maximiser}' follows gradients here, .*'forest' has none"):
        next(trajectory(settings, space, calls.append, 0))
    with pytest.raises(ValueError, match="follows gradients here"):
        Campaign(space, lambda c: c, maximiser=maximiser, surrogate="forest")
    assert not calls
    small = alloys.SMA.space(3, 0.02)  # enumerated
    if maximiser == "ascent":
        with pytest.raises(ValueError, match="follows gradients here"):
            Campaign(small, lambda c: c, surrogate="forest", options={"screen": 1})
        with pytest.raises(ValueError, match="follows gradients here"):
            next(trajectory(Settings(surrogate="forest", options={"screen": 1}), small, calls.append, 0))
        assert not calls
    rows = list(
        trajectory(
            Settings(maximiser, surrogate="forest", n_initial=6, n_experiments=2, n_features=2),
            small,
            lambda c: c[0],
            0,
        )
    )
    assert len(rows) == 8


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"selection": "gen"}, r"selection is 'gen'; known are \['fractions', 'genetic', 'random'\]"),
        ({"formulas": "mean"}, r"formulas are 'mean'; expected .* as \('mean', 'mismatch'\)"),
        ({"formulas": ("mean", "median")}, r"formulas are \('mean', 'median'\); .* known are .*'weighted_range'"),
        ({"formulas": ("fraction",)}, "known are"),
        ({"formulas": ()}, "expected"),
        ({"formulas": 3}, "expected"),
    ],
)
def test_settings_name_selections_and_formulas_that_are_known(wrong, message):
    with pytest.raises(ValueError, match=message):
        Settings(**wrong)


def test_a_maximiser_of_one_s_own_runs_with_its_options(monkeypatch):
    @dataclass(frozen=True)
    class Options:
        temperature: float = 1.0

    def run(acquire, space, *, exclude, rng, options):
        return Suggestion(INSIDE[0], space.fractions(INSIDE[0]), options.temperature, 1)

    monkeypatch.setitem(METHODS, "mine", Method(run, Options, draws=False))
    campaign = Campaign(SPACE, FeatureMap(ELEMENTS, ["mean:VEC"]), maximiser="mine", options={"temperature": 3})
    campaign.tell(INSIDE[1], 0.1)
    assert campaign.ask().value == 3


def swapped(elements):
    """The same elements, two of them exchanged: what no shape can tell."""
    return (elements[0], elements[2], elements[1], *elements[3:])


@pytest.mark.parametrize("kind", [Campaign, NoisyCampaign])
def test_features_of_other_elements_or_another_order_are_refused(kind):
    with pytest.raises(ValueError, match=r"features .* same order: Ti Ni Cu Hf; got Ti Cu Ni Hf.*`space\.elements`"):
        kind(SPACE, FeatureMap(swapped(ELEMENTS), ["mean:VEC"]))
    plain = FeatureMap(ELEMENTS, ["mean:VEC"])
    assert kind(SPACE, lambda c: plain(c)).space is SPACE  # a plain callable says nothing of elements


# Environments


@pytest.mark.parametrize("begin", [initial_rows, lambda *args: next(trajectory(*args))])
def test_an_environment_of_other_elements_or_another_order_is_refused_before_it_is_asked(begin):
    """Regression: the fractions of one element were taken for those of another."""
    asked = []

    def environment(c):
        asked.append(c)
        return hills(c)

    environment.elements = swapped(ELEMENTS)
    with pytest.raises(ValueError, match=r"environment .* same order: Ti Ni Cu Hf; got Ti Cu Ni Hf"):
        begin(SETTINGS["enumeration"], SPACE, environment, 3)
    assert not asked
    environment.elements = list(ELEMENTS)  # a list or a tuple, all the same
    begin(SETTINGS["enumeration"], SPACE, environment, 3)
    assert asked


def test_a_plain_callable_is_an_environment(undisturbed):
    plain = pd.DataFrame(run(SETTINGS["enumeration"], lambda c: hills(c)["merit"]))
    assert "soft" not in plain
    full = pd.DataFrame(undisturbed["enumeration"])
    pd.testing.assert_frame_equal(plain[[*ELEMENTS, "merit", "log_ei"]], full[[*ELEMENTS, "merit", "log_ei"]])


def test_measure():
    assert measure(lambda c: 2, np.zeros(4)) == {"merit": 2.0}
    assert measure(lambda c: {"merit": np.float32(0.5), "a": np.array(1)}, np.zeros(4)) == {"merit": 0.5, "a": 1.0}
    with pytest.raises(ValueError, match=r"gave \['soft'\]; it must give a number, or a mapping that holds 'merit'"):
        measure(lambda c: {"soft": 1.0}, np.zeros(4))  # regression


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64, torch.tensor, list])
def test_one_number_is_taken_from_whatever_holds_it(kind, shape):
    """`model.predict(c[None])` gives shape (1,)."""
    value = np.reshape(2, shape).tolist() if kind is list else kind(np.reshape(2, shape))
    outcome = measure(lambda c: value, np.zeros(4))
    assert outcome == {"merit": 2.0} and type(outcome["merit"]) is float
    assert measure(lambda c: {"merit": 0.1, "hardness": value}, np.zeros(4)) == {"merit": 0.1, "hardness": 2.0}


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        ({"merit": 0.1, "phase": "B2"}, r"gave 'phase' as 'B2'; expected one number per composition"),
        ({"merit": 0.1, "phase": None}, "gave 'phase' as None; expected one number"),
        ({"merit": 0.1, "phase": {"B2": 1}}, r"gave 'phase' as \{'B2': 1\}; expected"),
        ({"merit": 0.1, "phase": 1j}, "gave 'phase' as 1j; expected"),
        (None, "gave 'merit' as None; expected one number"),
        ((0.1, 0.2), r"gave 'merit' as \(0.1, 0.2\); expected one number per composition"),
        (np.zeros((40, 1)), r"gave 'merit' as array\(\[\[0.* of shape \(40, 1\); expected one"),
        ([], r"'merit' as \[\]; expected one"),
        ([[1, 2], [3]], r"'merit' as \[\[1, 2\], \[3\]\]; expected one"),
    ],
)
def test_what_is_not_one_number_is_refused_by_name(outcome, message):
    """Regression: "only 0-dimensional arrays can be converted to Python scalars"."""
    with pytest.raises(ValueError, match=message) as caught:
        measure(lambda c: outcome, np.zeros(4))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


@pytest.mark.parametrize("name", ["Ti", "experiment", "mean", "starts"])
def test_no_property_takes_the_place_of_another_column(name):
    """Regression: a property named V, for a volume, replaced the counts of vanadium."""
    with pytest.raises(ValueError, match=rf"gave \['{name}'\], which name other columns"):
        run(SETTINGS["enumeration"], lambda c: {**hills(c), name: 7.0})


def test_an_environment_that_gives_nan_stops_the_trajectory():
    with pytest.raises(ValueError, match=r"merit nan"):
        run(SETTINGS["enumeration"], lambda c: np.nan if c[0] > 0.3 else 1.0)


def test_settings_describe_all_but_the_number_of_experiments():
    settings = SETTINGS["slsqp_ei"]
    assert set(settings.describe()) == {"behaviour", *vars(settings)} - {"n_experiments", "surrogate"}
    assert settings.describe()["options"] == {"starts_per_element": 1}


def test_the_surrogate_is_described_where_it_is_not_the_gp():
    """Golden name: a trajectory recorded before other surrogates were known."""
    assert CELLS["sma_n4_enumeration"].trajectory_name(0) == "bc84b8fa779eeeb1"
    assert replace(SETTINGS["enumeration"], surrogate="forest").describe()["surrogate"] == "forest"


@pytest.mark.parametrize(("scale", "warned"), [(1.0, False), (1e3, True), (1e-3, True)])
def test_targets_of_another_order_are_warned_of(scale, warned):
    rows = run(SETTINGS["enumeration"], lambda c: scale * hills(c)["merit"])[7:]
    assert all(("rescale them" in row["warning"]) == warned for row in rows)


@pytest.mark.parametrize("name", set(SURROGATES) - {"gp"})
def test_another_surrogate_starts_from_the_same_and_goes_on_where_it_stopped(name, undisturbed):
    settings = replace(SETTINGS["enumeration"], surrogate=name)
    whole = pd.DataFrame(run(settings))
    initial = whole["experiment"] < 0
    plain = pd.DataFrame(undisturbed["enumeration"])
    pd.testing.assert_frame_equal(whole.loc[initial, [*ELEMENTS, "merit"]], plain.loc[initial, [*ELEMENTS, "merit"]])
    assert whole["features"].dropna().unique().tolist() == plain["features"].dropna().unique().tolist()
    done = whole[:9].to_dict("records")
    assert_same(done + run(settings, done=done), whole)
    assert not (whole["value"] == plain["value"]).any()
    known = ["outputscale", "mean", "log_posterior"]
    assert whole.loc[~initial, known].isna().all(axis=None) == (name == "forest")
    assert whole["lengthscale_1"].isna().all() == (name == "forest")


def test_hyperparameters_that_a_surrogate_lacks_are_nan():
    class Bare:
        lengthscales, mean = np.array([0.5]), 2

    found = hyperparameters(Bare(), 2)
    assert list(found) == ["lengthscale_0", "lengthscale_1", "outputscale", "mean", "log_posterior"]
    np.testing.assert_equal(list(found.values()), [0.5, np.nan, np.nan, 2.0, np.nan])


def test_best_so_far():
    rows = pd.DataFrame(
        [{"seed": s, "experiment": e, "merit": m} for s, ms in ((0, [3, 1, 2, 5]), (1, [0, 1, 4, 2]))
         for e, m in zip(range(-2, 2), ms, strict=True)]
    )  # fmt: skip
    curves = best_so_far(rows.sample(frac=1, random_state=0))
    assert curves.index.tolist() == [-1, 0, 1] and curves.columns.tolist() == [0, 1]
    assert curves[0].tolist() == [3, 3, 5] and curves[1].tolist() == [1, 4, 4]
