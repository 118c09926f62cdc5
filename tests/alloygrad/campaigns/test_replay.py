"""Finished tables run through the campaign code of the alloys."""

import numpy as np
import pandas as pd
import pytest

from alloygrad.acquisition.analytic import log_ei
from alloygrad.campaigns.replay import RESOLUTION, replay
from alloygrad.campaigns.trajectory import Settings, trajectory
from alloygrad.features.feature_map import FeatureMap
from alloygrad.surrogates.gp import fit_gp, fit_paper

ELEMENTS = ("Al", "Cu", "Mg", "Zn", "Si")


def table(n=500, seed=0):
    """Compositions off any grid, as by weight, and a hardness."""
    rng = np.random.default_rng(seed)
    c = rng.dirichlet((30, 2, 2, 2, 1), size=n)
    return c, 100 + 900 * c[:, 1] + 500 * c[:, 2] - 4000 * (c[:, 3] - 0.06) ** 2 + 5 * rng.normal(size=n)


def settings(**options) -> Settings:
    return Settings("enumeration", **options)


def test_500_rows_are_replayed_by_the_campaign_code():
    c, y = table()
    space, environment = replay(ELEMENTS, c, y)
    rows = pd.DataFrame(trajectory(settings(n_initial=20, n_experiments=12), space, environment, 0))
    picked = rows["row"].to_numpy()
    assert space.size == 500 and len(set(picked)) == 32
    at = [np.abs(c - one).max(1).argmin() for one in space.features[picked]]
    assert np.abs(c[at] - space.features[picked]).max() <= RESOLUTION / 2 + 1e-12
    assert rows["measured"].tolist() == y[at].tolist()
    np.testing.assert_allclose(rows["merit"], (y[at] - y.mean()) / y.std(), rtol=1e-9)
    assert rows["measured"].max() > np.quantile(y, 0.98) > rows["measured"][:20].max()


@pytest.mark.parametrize("setting", ["paper", "safe"])
def test_every_pick_is_the_best_row_that_is_not_measured(setting):
    """The model of each setting, rebuilt by hand: noise known or learned, improvement over what it believes."""
    c, y = table(60)
    y = y + 60 * np.random.default_rng(1).normal(size=60)  # as much as the alloys differ
    space, environment = replay(ELEMENTS, c, y)
    rows = list(trajectory(settings(n_initial=20, n_experiments=4, setting=setting), space, environment, 1))
    features = FeatureMap(ELEMENTS, rows[20]["features"].split())
    for n in range(20, 24):
        known = pd.DataFrame(rows[:n])
        picked, merits = known["row"].to_numpy(), known["merit"].to_numpy()
        if setting == "paper":
            model, best = fit_paper(features, space.features[picked], merits), merits.max()
        else:
            scaled = (merits - merits.mean()) / merits.std()
            model = fit_gp(features, space.features[picked], scaled)
            best = model(space.features[picked])[0].max().item()
            assert best < scaled.max() - 0.1 and model.noise > 0.01
        values = log_ei(model, best)(space.features).numpy()
        values[picked] = -np.inf
        assert values.argmax() == rows[n]["row"] and rows[n]["value"] == pytest.approx(values.max(), abs=1e-9)


def test_all_rows_are_found_and_then_there_is_an_end():
    c, y = table(12)
    space, environment = replay(ELEMENTS, c, y)
    rows = []
    with pytest.raises(ValueError, match="at most 0"):
        for row in trajectory(settings(n_features=2, n_initial=6, n_experiments=20), space, environment, 0):
            rows.append(row)
    assert sorted(row["measured"] for row in rows) == sorted(y)


def test_repeated_rows_become_their_mean():
    space, environment = replay(("Ti", "Ni"), [[0.5, 0.5], [0.4, 0.6], [0.5, 0.5]], [1.0, 5.0, 3.0])
    assert space.size == 2 and environment([0.5, 0.5])["measured"] == 2.0
    answer = environment(space.features)
    assert answer["merit"].tolist() == [1.0, -1.0] and answer["measured"].tolist() == [5.0, 2.0]
    assert environment(np.full((2, 3, 2), 0.5))["merit"].shape == (2, 3)


def test_what_is_not_in_the_table_is_refused():
    _, environment = replay(("Ti", "Ni"), [[0.5, 0.5], [0.4, 0.6]], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"0\.45.* is none"):
        environment([0.45, 0.55])
    for c, y, message in (
        ([[0.5, 0.5]], [1.0, 2.0], "got"),
        ([[0.5, np.nan]], [1.0], "finite"),
        ([[1.0]], [1.0], "got"),
        ([[0.5, 0.5], [50, 50]], [1.0, 2.0], r"row 1 is \[50.0, 50.0\] \(sum 100\). Divide percentages by 100"),
        ([[1.1, -0.1]], [1.0], "fractions ≥ 0"),
        ([[0.5, 0.499998]], [1.0], "divide it by its sum"),
    ):
        with pytest.raises(ValueError, match=message):
            replay(("Ti", "Ni"), c, y)
    assert replay(("Ti", "Ni", "Cu"), [[0.333333] * 3], [1.0])[0].size == 1  # thirds to six digits
