"""Campaigns that differ in what their model sees: choice of inputs, gains over the same seeds, and one step alone."""

import numpy as np
import pandas as pd
import pytest
import torch

from alloygrad import CompositionSpace
from alloygrad.campaigns.trajectory import Settings, trajectory
from alloygrad.features.feature_map import FeatureMap
from alloygrad.surrogates.model import Model
from compendium.environments.alloys import ALLOYS
from compendium.fusion import alloy_figures, measurements, merit, one_step, tried

SPACE = CompositionSpace(dict.fromkeys("Fe Ni Cr Co Mn Al".split(), (0, 60)), step=2)


def hill(fractions):
    return -((np.asarray(fractions) - 1 / 6) ** 2).sum(-1)


@pytest.mark.parametrize(("arm", "features", "fractions"), [("paper", 4, 0), ("fractions", 0, 6), ("both", 4, 6)])
def test_an_arm_sees_what_its_name_says(arm, features, fractions, monkeypatch):
    monkeypatch.setattr(merit, "choose_features", lambda *given: [("mean", s) for s in ("VEC", "MT", "R", "XP")])
    settings, choose = merit.ARMS[arm]
    points = SPACE.sample(12, np.random.default_rng(0))
    names = choose(settings, SPACE, points, hill(SPACE.fractions(points)), 0)
    assert len(names) == features + fractions and names[features:] == [
        ("fraction", e) for e in SPACE.elements[:fractions]
    ]
    assert settings.setting == ("paper" if arm == "paper" else "safe")


def test_the_best_so_far_begins_with_the_initial_data():
    settings = Settings("random_search", n_initial=6, n_experiments=3, setting="safe")
    rows = pd.DataFrame(trajectory(settings, SPACE, hill, 0, choose=merit.sees("fractions")))
    best = np.array(merit.summarised(rows)["best"].split(), dtype=float)
    assert len(best) == 4 and (np.diff(best) >= 0).all()
    assert best[[0, -1]] == pytest.approx([rows["merit"][:6].max(), rows["merit"].max()], rel=1e-4)


@pytest.mark.parametrize("name", ["features anew", "averaged", "trust region", "in turns, compressed"])
def test_an_idea_that_was_tried_runs_and_measures_nothing_twice(name):
    settings = Settings(n_initial=12, n_experiments=2, setting="safe", options={**merit.SEARCH, "screen": 64})
    rows = pd.DataFrame(tried.campaign(name, settings, SPACE, hill, 0))
    assert len(rows) == 14 and not rows.duplicated(list(SPACE.keys)).any()
    assert rows["log_ei"].notna().sum() == 2


def test_a_window_follows_gains_and_losses():
    points = SPACE.sample(8, np.random.default_rng(0))
    state = tried.State(SPACE, 0, points, hill(SPACE.fractions(points)), 8)
    best = points[state.merits.argmax()]
    window = state.window()
    assert window.contains(best) and np.ptp([window.lower, window.upper], axis=0).max() <= 0.2 + 1e-9
    assert set(window.elements) == set(SPACE.elements) and window.size < SPACE.size
    for _ in range(tried.GAINS):
        state.learn(best, state.merits.max() + 1, 0.0)
    assert state.width == 2 * tried.WIDTH and state.turn == 0
    for _ in range(tried.LOSSES):
        state.learn(best, -9.0, tried.STUCK - 1)
    assert state.width == tried.WIDTH and state.turn == tried.LOSSES


def test_a_campaign_on_outcomes_begins_where_the_others_do():
    class Alloys:
        alloy = ALLOYS["HEA"]
        merit = staticmethod(lambda p: p["yield_strength"] - abs(p["elongation"]) + 0 * p["ultimate_strength"])

        def __call__(self, fractions):
            outcomes = {name: np.asarray(fractions)[..., i] for i, name in enumerate(self.alloy.properties)}
            return outcomes | {"merit": self.merit(outcomes)}

    settings = Settings(n_initial=12, n_experiments=4, setting="safe", options={**merit.SEARCH, "screen": 64})
    rows = pd.DataFrame(merit.on_outcomes(settings, SPACE, Alloys(), 3))
    same = pd.DataFrame(merit.initial_measurements(settings, SPACE, Alloys(), 3))
    assert rows.iloc[:12][list(SPACE.keys)].equals(same[list(SPACE.keys)].astype(rows[SPACE.keys[0]].dtype))
    assert rows["merit"].iloc[12:].max() > rows["merit"].iloc[:12].max() and rows["cpu_seconds"].notna().sum() == 4


def made_up(gain: float) -> pd.DataFrame:
    rows = [
        {
            "landscape": "HEA",
            "n_elements": 10,
            "arm": arm,
            "seed": seed,
            "best": f"{seed} {seed + 0.25} {seed + 1 + more}",
            "seconds": 1 + more,
        }
        for seed in range(8)
        for arm, more in (("paper", 0.0), ("both", gain))
    ]
    return pd.DataFrame(rows)


def test_a_gain_is_taken_seed_by_seed_and_says_when_the_other_is_passed():
    row = merit.gains(made_up(0.5)).iloc[0]
    assert (row["n"], row["gain"], row["low"], row["high"], row["reached"]) == (8, 0.5, 0.5, 0.5, 2)
    assert row["cost"] == 1.5
    assert np.isnan(merit.gains(made_up(-0.5)).iloc[0]["reached"])
    assert merit.gains(made_up(0.5).query("arm == 'both'")).empty


def test_a_frozen_campaign_stands_still_below_the_best_known():
    def best(late):
        return " ".join(["0.1", *["0.5"] * 30, *[str(late)] * 30])

    values = {("paper", 0): 0.5, ("paper", 1): 0.8, ("both", 0): 0.9, ("both", 1): 0.6}
    runs = pd.DataFrame(
        [
            {"landscape": "toy", "n_elements": 10, "arm": arm, "seed": seed, "best": best(late)}
            for (arm, seed), late in values.items()
        ]
    )
    assert merit.frozen(runs).set_index("arm")["frozen"].to_dict() == {"paper": 0.5, "both": 0.0}
    assert merit.frozen(runs[runs["seed"] == 1].assign(best="0.5 " * 61)).set_index("arm")["frozen"].eq(0).all()


def test_runs_are_drawn_with_their_number():
    figure = alloy_figures.merit_against_experiments(made_up(0.5).iloc[:-1])  # the last seed has one arm alone
    assert [axis.get_title() for axis in figure.axes] == ["HEA (n = 8, 7)"] and len(figure.axes[0].lines) == 3
    dots = alloy_figures.tried(made_up(0.5).replace({"arm": {"paper": "features anew"}})).axes[0].lines
    assert [line.get_xdata().tolist()[0] for line in dots[1::2]] == [
        4.5,
        5.0,
    ]  # means of seeds 0 … 7 and what they gain
    assert alloy_figures.ends(made_up(0.5))["modelled"].unique().tolist() == [
        "merit on four features", "merit on features and fractions",
    ]  # fmt: skip


BOUNDS = {("SMA", 10): 0.9, ("HEA", 10): 0.592, ("Ti", 10): 1.035, ("SMA", 8): 0.89}
CRITERION = {
    "sma": 0.9, "hea": 0.592, "ti": 1.035, "eight": 0.89, "soon": 20, "sooner": 10,
    "less": 0.002, "frozen": 0.1, "cost": 3,
}  # fmt: skip


def planned(lead: float, arms=(("paper", -0.1, 1.0), ("outcomes", 0.0, 2.0))) -> pd.DataFrame:
    rows = [
        {"landscape": landscape, "n_elements": n, "arm": arm, "seed": seed, "seconds": seconds,
         "best": " ".join([f"{bound - 0.2:.4f}"] * 10 + [f"{bound + more + (arm == 'outcomes') * lead:.4f}"] * 51)}
        for (landscape, n), seeds in merit.PLANNED.items()
        for bound in [BOUNDS.get((landscape, n), 0.5)]
        for arm, more, seconds in arms
        for seed in range(seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_claim_on_alloys_is_judged_on_all_planned_seeds_or_not_at_all(monkeypatch):
    monkeypatch.setattr(merit, "best_known", lambda landscape, n: np.nan)
    parts = measurements.merit_of_outcomes(planned(0.01), **CRITERION)
    assert [part.value for part in parts[:4]] == pytest.approx([0.91, 0.602, 1.045, 0.9])
    assert [part.value for part in parts[4:7]] == [10] * 3
    assert [part.value for part in parts[7:]] == pytest.approx([0.11, 0.11, 0, 2])
    assert [part.outcome() for part in parts] == ["holds"] * 11
    few = measurements.merit_of_outcomes(planned(0.01).iloc[:-1], **CRITERION)
    assert len(few) == 11 and all(part.outcome() == "open" for part in few)


def test_a_claim_on_alloys_fails_where_a_part_does(monkeypatch):
    monkeypatch.setattr(merit, "best_known", lambda landscape, n: 2.0)
    parts = measurements.merit_of_outcomes(planned(-0.15, (("paper", -0.1, 1.0), ("outcomes", 0.0, 4.0))), **CRITERION)
    assert [part.outcome() for part in parts] == ["fails"] * 11
    assert parts[9].value == 1 and parts[8].value == pytest.approx(-0.05)


def test_one_step_counts_picks_that_beat_the_best_known():
    class Known(Model):
        def posterior(self, points):
            values = torch.as_tensor(points)[..., 0]
            return values, torch.full_like(values, 1e-3)

    class Cell:
        space = staticmethod(lambda: SPACE)

    rng = np.random.default_rng(0)
    counts = SPACE.sample(60, rng)
    known = pd.DataFrame(counts, columns=list(SPACE.elements)).assign(
        merit=SPACE.fractions(counts)[:, 0], seed=np.repeat([0, 1], [20, 40]), features="mean:VEC",
        experiment=np.r_[np.arange(-20, 0), np.arange(40)],
    )  # fmt: skip
    known.loc[19, ["experiment", "features"]] = [0, "mean:VEC"]
    fit = lambda features, x, y: Known()  # noqa: E731
    found = one_step.state(Cell(), known, 0).judged(fit)
    others, best = known["merit"][20:], known["merit"][:19].max()
    assert found["hits"] == pytest.approx((others.nlargest(8) > best).mean())
    assert found["gain"] == pytest.approx(max(0, others.max() - best)) and found["share"] == (others > best).mean()


def test_every_model_that_was_tried_predicts():
    rng = np.random.default_rng(0)
    x = SPACE.fractions(SPACE.sample(16, rng))
    features = FeatureMap(SPACE.elements, ["mean:VEC", "mean:R"])
    for name, fit in one_step.MODELS.items():
        mean, std = fit(features, x, hill(x)).posterior(x)
        assert mean.shape == std.shape == (16,), name
