"""Cuts through a model: slopes against differences, sections inside the limits, figures that are drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from alloygrad.campaigns.campaign import Campaign
from alloygrad.objectives import Minimise
from alloygrad.plotting import sections
from alloygrad.spaces.composition import CompositionSpace, Group
from alloygrad.tables import validation
from compendium.feature_gradient import figures

ELEMENTS = ("Al", "Cu", "Mg", "Zn", "Si")
SPACE = CompositionSpace.from_fractions(
    ELEMENTS, (0.7, 0, 0, 0, 0), (1, 0.2, 0.1, 0.1, 0), step=0.005, groups=(Group(("Cu", "Mg"), 0.2),)
)
RNG = np.random.default_rng


def begun(space, c, y):
    campaign = Campaign(space, Minimise("y"), inputs="fractions")
    campaign.tell(pd.DataFrame(100 * np.asarray(c), columns=space.names), y)
    return campaign


def told(space=SPACE, n=40):
    c = space.sample_continuous(n, RNG(0))
    return begun(space, c, 200 + 900 * c[:, 1] - 3000 * (c[:, -3 % c.shape[1]] - 0.05) ** 2 + RNG(1).normal(size=n))


@pytest.fixture(scope="module")
def campaign():
    return told()


def test_relevance_is_the_root_mean_square_change_along_the_lines(campaign):
    points, h = SPACE.fractions(SPACE.sample(512, RNG(5))), 1e-5
    found = sections.relevance(campaign, RNG(5))
    for i, element in enumerate(ELEMENTS):
        moved = []
        for x in (points[:, i] + h, points[:, i] - h):
            path = points * ((1 - x) / (1 - points[:, i]))[:, None]
            path[:, i] = x
            moved.append(campaign.posterior(torch.from_numpy(path))[0])  # a step below 0 is no composition
        slopes = ((moved[0] - moved[1]) / (2 * h))[points[:, i] < 1]
        expected = np.sqrt((slopes**2).mean()) * (SPACE.upper[i] - SPACE.lower[i])
        assert found[element] == pytest.approx(expected, rel=0.02, abs=1e-9)
    assert found["Si"] == 0 and found.is_monotonic_decreasing and found["Cu"] > 5 * found["Zn"]


def test_triples_are_of_elements_that_may_vary(campaign):
    four = sections.triples(campaign, RNG(0))
    assert len(four) == 4 and len(set(four)) == 4 and not any("Si" in three for three in four)
    assert all(list(three) == sorted(three, key=ELEMENTS.index) for three in four)
    two = CompositionSpace.from_fractions(("Al", "Cu"), (0, 0), (1, 1), step=0.1)
    assert sections.triples(told(two, 10), RNG(0)) == []
    three = CompositionSpace.from_fractions(("Al", "Cu", "Mg"), (0, 0, 0), (1, 1, 1), step=0.1)
    assert sections.triples(told(three, 10), RNG(0)) == [("Al", "Cu", "Mg")]


def test_a_section_holds_the_rest_and_the_limits(campaign):
    composition = np.array([0.8, 0.1, 0.05, 0.05, 0])
    table = sections.ternary(campaign, ("Al", "Cu", "Mg"), composition)
    shares = table[["Al", "Cu", "Mg"]].to_numpy()
    np.testing.assert_allclose(shares.sum(1), 95, rtol=1e-12)
    full = np.insert(shares / 100, [3, 3], [0.05, 0.0], axis=1)
    assert not any(SPACE.violations(row) for row in full)
    extremes = [(0.75, 0.95), (0, 0.2), (0, 0.1)]  # Al at least 0.95 − 0.2; all reached exactly
    assert [(low, high) for low, high in zip(full[:, :3].min(0), full[:, :3].max(0), strict=True)] == [
        pytest.approx(pair, abs=1e-12) for pair in extremes
    ]
    mean, std = campaign.posterior(full)
    np.testing.assert_allclose(table["mean"], mean)
    np.testing.assert_allclose(table["std"], std)
    np.testing.assert_allclose(table["log_ei"], campaign.acquire()(full).detach())


def test_measured_alloys_of_a_section_are_found():
    near, far = [0.8, 0.1, 0.05, 0.05, 0], [0.8, 0.1, 0.0, 0.1, 0]
    campaign = begun(SPACE, [near, far, [0.79, 0.1, 0.05, 0.06, 0]], [1.0, 2.0, 3.0])
    found = sections.nearby(campaign, ("Al", "Cu", "Mg"), np.array(near))
    np.testing.assert_allclose(found, [[80, 10, 5], np.array([79, 10, 5]) * 95 / 94], rtol=1e-12)


def test_an_alloy_without_any_of_the_three_is_in_no_section():
    """Though no more than `NEAR` of it is other: the section itself has little of them."""
    campaign = begun(SPACE, [[0.9, 0.1, 0, 0, 0], [0.89, 0.1, 0, 0.01, 0]], [1.0, 2.0])
    found = sections.nearby(campaign, ("Mg", "Zn", "Si"), np.array([0.9, 0.09, 0.01, 0, 0]))
    np.testing.assert_allclose(found, [[0, 1, 0]], atol=1e-12)


@pytest.mark.parametrize(
    "composition, drawn",
    [([0.8, 0.1, 0.05, 0.05, 0], {"Al", "Cu", "Mg", "Zn"}), ([1, 0, 0, 0, 0], {"Cu", "Mg", "Zn"})],
    ids=["alloy", "pure"],
)
def test_lines_pass_through_the_alloy_and_stay_inside(campaign, monkeypatch, composition, drawn):
    composition, evaluated, predict = np.array(composition), [], campaign.posterior
    monkeypatch.setattr(campaign, "posterior", lambda points: evaluated.append(points) or predict(points))
    table = sections.lines(campaign, composition)
    assert set(table["element"]) == drawn
    np.testing.assert_allclose(np.concatenate(evaluated).sum(1), 1, rtol=1e-12)
    for element, rows in table.groupby("element"):
        i = ELEMENTS.index(element)
        assert rows["at_percent"].is_monotonic_increasing and np.isclose(rows["at_percent"], 100 * composition[i]).any()
        path = np.outer((1 - rows["at_percent"] / 100) / (1 - composition[i]), composition)
        path[:, i] = rows["at_percent"] / 100
        assert not any(SPACE.violations(row) for row in path)
        np.testing.assert_allclose(rows["mean"], campaign.posterior(path)[0])


def test_where_limits_leave_a_line_there_is_no_section():
    """Two sublattices, each with a fixed sum."""
    space = CompositionSpace.from_fractions(
        ELEMENTS[:4], (0, 0, 0, 0), (0.5,) * 4, 0.05, (Group(("Al", "Cu"), 0.5, 0.5), Group(("Mg", "Zn"), 0.5, 0.5))
    )
    campaign = told(space)
    composition = np.array([0.25, 0.25, 0.25, 0.25])
    assert sections.cut(campaign, composition, RNG(0)) == ({}, {})
    lines = sections.lines(campaign, composition)
    assert list(lines.columns) == ["element", "at_percent", "mean", "std"] and lines.empty
    plt.close(figures.what_if(lines, dict(zip(space.elements, 100 * composition, strict=True)), "y"))


def test_the_figures_are_drawn(campaign, tmp_path):
    composition = np.array([0.8, 0.1, 0.05, 0.05, 0])
    tables, marks = sections.cut(campaign, composition, RNG(0))
    assert list(tables) == list(marks) and len(tables) == 4
    assert "Al Cu Mg\nZn 5, Si 0 at.%" in tables
    figure = figures.section_maps(tables, marks, {"mean": "mean", "log_ei": "log EI"})
    assert [axis.name for axis in figure.axes].count("ternary") == 8 and len(figure.axes) == 8 + 2
    plt.close(figure)
    one = dict([next(iter(tables.items()))])
    figure = figures.section_maps(one, marks, {"mean": "mean"})
    figure.savefig(tmp_path / "maps.png", dpi=40)
    points = one[next(iter(one))].iloc[:, :3].to_numpy()
    assert figure.axes[0].get_rlim()[0] == pytest.approx(points[:, 0].min())
    plt.close(figure)


def test_other_figures_are_drawn():
    table = pd.DataFrame({"measured": [1.0, 2, 3], "predicted": [1.1, 2, 2.8], "std": 0.1})
    figure = figures.trust({"folds": table}, {"folds": validation.coverage(table)}, "y")
    assert figure.axes[0].get_title() == "folds (n = 3)"
    plt.close(figure)
    curve = pd.DataFrame({"experiment": [-1, 0], "mean": [0.0, 1], "low": [0.0, 0.5], "high": [0.0, 1.5], "n": 4})
    figure = figures.races({"rows": curve.assign(method="ascent"), "model": curve.assign(method="random")})
    assert [axis.get_title() for axis in figure.axes] == ["rows (n = 4)", "model (n = 4)"]
    plt.close(figure)
