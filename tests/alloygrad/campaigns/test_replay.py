"""Finished tables and anybody's callables run through the campaign code of the three alloys."""

import numpy as np
import pandas as pd
import pytest

from alloygrad.acquisition.analytic import log_ei
from alloygrad.campaigns import noisy
from alloygrad.campaigns.replay import replay
from alloygrad.campaigns.trajectory import Settings, trajectory
from alloygrad.features.feature_map import FeatureMap, raw_fractions
from alloygrad.maximisers.options import DEFAULTS
from alloygrad.spaces.composition import CompositionSpace
from alloygrad.surrogates.gp import fit

ELEMENTS = ("Al", "Cu", "Mg", "Zn", "Si")


def table(n=500, seed=0):
    """Compositions off any grid, as by weight, and a hardness."""
    rng = np.random.default_rng(seed)
    c = rng.dirichlet((30, 2, 2, 2, 1), size=n)
    return c, 100 + 900 * c[:, 1] + 500 * c[:, 2] - 4000 * (c[:, 3] - 0.06) ** 2 + 5 * rng.normal(size=n)


@pytest.mark.parametrize("maximiser", ["ascent", "enumeration"])
def test_500_rows_are_replayed_by_the_campaign_code(maximiser):
    c, y = table()
    space, environment = replay(ELEMENTS, c, y)
    assert space.size == 500
    settings = Settings(maximiser, n_initial=20, n_experiments=12)
    rows = pd.DataFrame(trajectory(settings, space, environment, 0))
    counts = rows[list(ELEMENTS)].to_numpy()
    assert space.contains(counts).all() and len(np.unique(counts, axis=0)) == 32
    at = [np.abs(c - one).max(1).argmin() for one in space.fractions(counts)]
    assert np.abs(c[at] - space.fractions(counts)).max() <= 5e-7
    assert rows["measured"].tolist() == y[at].tolist()
    np.testing.assert_allclose(rows["merit"], (y[at] - y.mean()) / y.std(), rtol=1e-9)
    assert rows["measured"].max() > np.quantile(y, 0.98) > rows["measured"][:20].max()


@pytest.mark.parametrize("maximiser", ["ascent", "lattice"])
def test_a_table_longer_than_a_screen_is_enumerated_too(maximiser):
    c, y = table(DEFAULTS.resolved(len(ELEMENTS)).screen + 104)
    space, environment = replay(ELEMENTS, c, y)
    rows = list(trajectory(Settings(maximiser, n_initial=10, n_experiments=2), space, environment, 0))
    same = list(trajectory(Settings("enumeration", n_initial=10, n_experiments=2), space, environment, 0))
    assert [row["measured"] for row in rows] == [row["measured"] for row in same] and len(rows) == 12


def test_every_pick_is_the_best_unmeasured_row():
    c, y = table(60)
    space, environment = replay(ELEMENTS, c, y)
    whole = list(trajectory(Settings("enumeration", n_initial=10, n_experiments=4), space, environment, 1))
    again = list(
        trajectory(Settings("enumeration", n_initial=10, n_experiments=4), space, environment, 1, done=whole[:12])
    )
    assert [row["value"] for row in again] == [row["value"] for row in whole[12:]]
    known, picked = pd.DataFrame(whole[:13]), whole[13]
    counts, merits = known[list(ELEMENTS)].to_numpy(), np.array(known["merit"])
    surrogate = fit(FeatureMap(ELEMENTS, picked["features"].split()), space.fractions(counts), merits)
    values = log_ei(surrogate, merits.max())(space.fractions(space.table)).numpy()
    free = [not (counts == row).all(1).any() for row in space.table]
    assert space.table[free][values[free].argmax()].tolist() == [picked[e] for e in ELEMENTS]


def test_a_noisy_loop_starts_from_the_same_and_picks_by_learned_noise_and_the_best_it_believes_in():
    c, y = table(60)
    y = y + 60 * np.random.default_rng(1).normal(size=60)  # as much as the alloys differ
    space, environment = replay(ELEMENTS, c, y)
    settings = Settings(n_initial=20, n_experiments=5)
    exact, rows = (list(run(settings, space, environment, 1)) for run in (trajectory, noisy.trajectory))
    assert rows[:20] == exact[:20] and [row["experiment"] for row in rows] == list(range(-20, 5))
    assert [row["value"] for row in rows[20:]] != [row["value"] for row in exact[20:]]
    features = FeatureMap(ELEMENTS, exact[20]["features"].split())
    for n in range(20, 25):
        known = pd.DataFrame(rows[:n])
        counts, merits = known[list(ELEMENTS)].to_numpy(), np.array(known["merit"])
        scaled = (merits - merits.mean()) / merits.std()
        surrogate = fit(features, space.fractions(counts), scaled, noise=None)
        believed = surrogate(space.fractions(counts))[0].max()
        assert believed < scaled.max() - 0.1 and surrogate.noise > 0.01
        values = log_ei(surrogate, believed)(space.fractions(space.table)).numpy()
        free = [not (counts == row).all(1).any() for row in space.table]
        assert space.table[free][values[free].argmax()].tolist() == [rows[n][e] for e in ELEMENTS]
        assert rows[n]["value"] == pytest.approx(values[free].max(), abs=1e-9) and "warning" in rows[n]
        at = np.abs(c - space.fractions([rows[n][e] for e in ELEMENTS])).max(1).argmin()
        assert rows[n]["measured"] == y[at]


def test_a_noisy_loop_gives_out_each_measurement_before_the_next_is_made():
    space, environment = replay(ELEMENTS, *table(30))
    made = []

    def failing(c):
        if len(made) == 3:
            raise RuntimeError("the furnace is out")
        made.append(c)
        return environment(c)

    rows = noisy.trajectory(Settings(n_features=2, n_initial=12, n_experiments=1), space, failing, 0)
    assert [next(rows)["experiment"] for _ in range(3)] == [-12, -11, -10]
    with pytest.raises(RuntimeError, match="furnace"):
        next(rows)


def test_a_noisy_campaign_on_rows_suggests_rows_and_takes_nothing_else():
    c, y = table(30)
    space, environment = replay(ELEMENTS, c, y)
    assert space.lower.tolist() == c.min(0).round(6).tolist() and space.upper.tolist() == c.max(0).round(6).tolist()
    begun = noisy.NoisyCampaign(space, raw_fractions(ELEMENTS))
    begun.tell(space.table[:10], environment(space.fractions(space.table[:10]))["merit"])
    picks = begun.ask_batch(3, np.random.default_rng(0))
    asked = np.array([pick.counts for pick in picks])
    assert space.contains(asked).all() and len(np.unique(np.concatenate([asked, space.table[:10]]), axis=0)) == 13
    with pytest.raises(ValueError, match="The space is a list of rows"):
        begun.tell_fractions(c[20], 1.0)
    with pytest.raises(ValueError, match="surrogate is 'forest'; expected 'gp'"):
        next(noisy.trajectory(Settings("enumeration", surrogate="forest"), space, environment, 0))
    with pytest.raises(ValueError, match="0 compositions of the space are not measured"):
        list(noisy.trajectory(Settings(n_features=2, n_initial=26, n_experiments=5), space, environment, 0))


def test_all_rows_are_found_and_then_there_is_an_end():
    c, y = table(12)
    space, environment = replay(ELEMENTS, c, y)
    rows = []
    with pytest.raises(ValueError, match="All 12 compositions of the space are measured"):
        for row in trajectory(Settings(n_features=2, n_initial=6, n_experiments=20), space, environment, 0):
            rows.append(row)
    assert sorted(row["measured"] for row in rows) == sorted(y)


def test_repeated_rows_become_their_mean():
    space, environment = replay(("Ti", "Ni"), [[0.5, 0.5], [0.4, 0.6], [0.5, 0.5]], [1.0, 5.0, 3.0])
    assert space.size == 2 and environment([0.5, 0.5])["measured"] == 2.0
    answer = environment(space.fractions(space.table))
    assert answer["merit"].tolist() == [1.0, -1.0] and answer["measured"].tolist() == [5.0, 2.0]
    assert environment(np.full((2, 3, 2), 0.5))["merit"].shape == (2, 3)


def test_a_table_is_not_asked_for_its_elements_in_another_order():
    """Where both orders of a composition stand in the table, its rows would answer for one another."""
    space, environment = replay(ELEMENTS, *table(12))
    other = (ELEMENTS[1], ELEMENTS[0], *ELEMENTS[2:])
    with pytest.raises(ValueError, match=r"elements of the environment .* same order"):
        next(trajectory(Settings(n_initial=6), replay(other, *table(12))[0], environment, 0))
    assert environment.elements == space.elements == tuple(ELEMENTS)


def test_what_is_not_in_the_table_is_refused():
    space, environment = replay(("Ti", "Ni"), [[0.5, 0.5], [0.4, 0.6]], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"\[0.45, 0.55\] is no row of the table"):
        environment([0.45, 0.55])
    assert space.violations([0.45, 0.55]) == ["no row of the table has this composition"]
    assert space.violations([0.5, 0.5]) == [] and not space.contains([450000, 550000])
    with pytest.raises(ValueError, match="nothing between its rows"):
        list(
            trajectory(
                Settings("slsqp", acquisition="ei", n_features=1, n_initial=20), *replay(ELEMENTS, *table(30)), 0
            )
        )
    for c, y, message in (
        ([[0.5, 0.5]], [1.0, 2.0], "shape"),
        ([[0.5, np.nan]], [1.0], "finite"),
        ([[1.0]], [1.0], "shape"),
        ([[0.5, 0.5], [50, 50]], [1.0, 2.0], r"Row 1 .* \[50.0, 50.0\], its sum 100; expected .* Divide at.% by 100"),
        ([[1.1, -0.1]], [1.0], "Row 0 .* its sum 1; expected fractions from 0 on"),
        ([[0.5, 0.499998]], [1.0], "its sum 0.999998; expected .* rounded rows by their sum"),
    ):
        with pytest.raises(ValueError, match=message):
            replay(("Ti", "Ni"), c, y)
    assert replay(("Ti", "Ni", "Cu"), [[0.333333] * 3], [1.0])[0].size == 1  # thirds to six digits


@pytest.mark.parametrize("maximiser, acquisition", [("ascent", "log_ei"), ("slsqp", "ei"), ("enumeration", "log_ei")])
def test_a_user_s_own_callable_runs_through_every_inner_loop(maximiser, acquisition):
    space = CompositionSpace(ELEMENTS, (0.8, 0, 0, 0, 0), (1, 0.1, 0.1, 0.1, 0.05), step=0.02)
    options = {"starts_per_element": 2} if maximiser == "slsqp" else {}
    settings = Settings(
        maximiser, acquisition=acquisition, n_features=3, n_initial=10, n_experiments=3, options=options
    )
    rows = pd.DataFrame(trajectory(settings, space, lambda c: 5 * c[..., 1] - c[..., 2] ** 2, 0))
    counts = rows[list(ELEMENTS)].to_numpy()
    assert space.contains(counts).all() and len(rows) == 13
    assert rows["merit"].tolist() == (5 * space.fractions(counts)[:, 1] - space.fractions(counts)[:, 2] ** 2).tolist()
