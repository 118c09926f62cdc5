"""Parameters that take one of some words: exactly one at a time, searched with all else, and read from tables."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch

import alloygrad as ag
from alloygrad.protocols import Space

ROUTES = ["cast", "rolled", "forged"]
OVEN = ag.Box({"T": (600, 900, "K"), "route": ROUTES, "passes": (1, 3), "gas": ["air", "argon"]}, integers=["passes"])
ALLOYS = ag.CompositionSpace({"Al": (80, 100), "Cu": (0, 15), "Mg": (0, 15)}, step=1)
TREATED = ag.Product(ag.Restricted(ALLOYS, max_elements=2), OVEN)


def test_every_point_has_one_word_of_each_parameter_and_each_word_is_drawn_as_often():
    assert OVEN.names == ("T", "route=cast", "route=rolled", "route=forged", "passes", "gas=air", "gas=argon")
    assert OVEN.parameters == ("T", "route", "passes", "gas") and OVEN.size == np.inf
    assert ag.Box({"route": ROUTES, "n": (1, 4)}, integers=["n"]).size == 12
    drawn = OVEN.sample(3000, np.random.default_rng(0))
    assert OVEN.contains(drawn).all() and (drawn[:, 1:4].sum(1) == 1).all()
    assert np.abs(drawn[:, 1:4].mean(0) - 1 / 3).max() < 0.04 and abs(drawn[:, 5].mean() - 0.5) < 0.04
    two, none = drawn[0].copy(), drawn[0].copy()
    two[1:4], none[1:4] = [1, 1, 0], 0
    assert not OVEN.contains([two, none]).any()
    assert OVEN.nearest([[700, 0.2, 0.5, 0.4, 1.6, 0.9, 1.4]]).tolist() == [[700, 0, 1, 0, 2, 0, 1]]
    other = drawn[0].copy()
    other[1:4] = np.roll(other[1:4], 1)
    assert OVEN.distance(drawn[0], other) == 1


@pytest.mark.parametrize("space", [OVEN, TREATED], ids=["box", "product"])
def test_points_tables_and_coordinates_are_the_same_thing(space):
    points = space.sample(40, np.random.default_rng(0))
    coordinates = space.coordinates(points)
    assert isinstance(space, Space) and space.contains(points).all() and space.covers(points, coordinates).all()
    np.testing.assert_allclose(space.read(space.table(points)), coordinates, atol=1e-12)
    assert (space.nearest(coordinates) == points).all() and space.contains(space.nearest(coordinates + 0.3)).all()


def test_neighbours_are_one_step_or_one_word_away():
    (point,) = OVEN.read(pd.DataFrame({"T": [700], "route": ["cast"], "passes": [2], "gas": ["air"]}))
    found = OVEN.table(OVEN.neighbours(point))[["route", "passes", "gas"]]
    wanted = {("cast", 2, "air"), ("rolled", 2, "air"), ("forged", 2, "air"), ("cast", 1, "air"), ("cast", 3, "air")}
    assert set(found.itertuples(index=False, name=None)) == wanted | {("cast", 2, "argon")}


@pytest.mark.parametrize("best", list(product(ROUTES, ["air", "argon"])))
def test_the_search_finds_the_best_words_with_the_best_temperature(best):
    """A hill in T whose height depends on both words; the search starts from few points."""
    at = {name: OVEN.names.index(name) for name in (f"route={best[0]}", f"gas={best[1]}")}

    def worth(x):
        return sum(x[..., i] for i in at.values()) - ((x[..., 0] - 777) / 300) ** 2 - 0.1 * x[..., 4]

    found = ag.maximise(worth, OVEN, rng=np.random.default_rng(0), options={"screen": 8, "starts": 2})
    row = OVEN.table(found.point[None]).iloc[0]
    assert (row["route"], row["gas"], row["passes"]) == (*best, 1) and row["T"] == pytest.approx(777, abs=1e-3)


def test_a_campaign_chooses_alloy_route_and_temperature_together(tmp_path):
    points = TREATED.sample(30, np.random.default_rng(0))
    rows = TREATED.table(points).rename(columns=lambda name: name.removesuffix(" at.%")).drop(columns="formula")
    rows["HV"] = 100 + 4 * rows["Cu"] + 30 * (rows["route"] == "forged") - ((rows["T"] - 750) / 30) ** 2
    rows.loc[3, "route"] = "Forged "
    rows.to_csv(tmp_path / "my.csv", index=False)
    with pytest.warns(UserWarning, match=r"row 5, column 'route': 'Forged', expected one of cast, rolled, forged"):
        table = ag.read_table(tmp_path / "my.csv", TREATED, unit="at.%")
    campaign = ag.Campaign(TREATED, "HV", inputs="fractions", seed=0, options={"screen": 256, "starts": 3})
    campaign.tell(table)
    assert len(campaign.values) == 29 and table.report("HV")["remedy"].str.contains("Is 'forged' meant").any()
    found = campaign.suggest(2)
    assert set(found["route"]) == {"forged"} and TREATED.contains(TREATED.nearest(TREATED.read(found))).all()
    assert np.array_equal(TREATED.coordinates(TREATED.nearest(TREATED.read(found))), TREATED.read(found))
    assert ((found[["Cu at.%", "Mg at.%"]] > 0).sum(axis=1) <= 1).all()  # two elements at most, exactly
    assert torch.isfinite(campaign.model.lengthscales).all()


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: ag.Box({"route": ["cast"]}), r"Expected two different words or more for 'route'; got \['cast'\]"),
        (lambda: ag.Box({"route": ["cast", "cast "]}), "two different words"),
        (lambda: ag.Box({"route": ROUTES}, integers=["route"]), "Expected whole-number parameters among"),
        (lambda: ag.Box({"T": ("700", "900")}), "without quotation marks"),
        (
            lambda: OVEN.read(pd.DataFrame({"T": [700], "route": ["forge"], "passes": [1], "gas": ["air"]})),
            "for 'route'; row 0 is 'forge'. Is 'forged' meant. Correct the word",
        ),
        (lambda: ag.Product(ALLOYS, ag.Box({"Cu": ["a", "b"]})), "both have .'Cu'."),
    ],
)
def test_words_that_are_wrong_are_said(call, what):
    with pytest.raises(ValueError, match=what):
        call()
