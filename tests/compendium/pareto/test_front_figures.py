"""Figures of several objectives: drawn from made-up tables, and from empty ones; what they say in words."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from alloygrad import Limit, Maximise, Minimise, Target
from compendium.pareto import choices, figures, measurements, runs, starts, states
from compendium.pareto.limits import Truth

EMPTY = measurements.Results()


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def curves():
    rng = np.random.default_rng(0)
    rows = [
        ("hea_n5", arm, seed, 0.1, *np.sort(rng.random(runs.EXPERIMENTS + 1)))
        for arm in figures.LABELS
        for seed in range(8)
    ]
    return pd.DataFrame(rows, columns=EMPTY.curves.columns)


def test_shares_and_gains_have_a_line_and_an_interval_for_each_inner_loop():
    table = curves()
    (axis,) = figures.share_against(figures.mean_curves(table)).axes
    assert len(axis.lines) == len(axis.collections) == len(figures.LABELS)
    others = [arm for arm in figures.LABELS if arm != "ascent"]
    parts = measurements.front_gain(measurements.Results(table), ["hea_n5"], others, 0.005, 0.1, runs.EXPERIMENTS)
    (axis,) = figures.gains(parts, 0.005).axes
    drawn = [float(line.get_xdata()[0]) for line in axis.lines[1:-1:2]]  # intervals and marks, then the line at 0
    assert sorted(drawn) == pytest.approx(sorted(part.value for part in parts))
    ran = measurements.Results(table[table["arm"].isin(["ascent", "random"])])
    few = measurements.front_gain(ran, ["hea_n5"], others, 0.005, 0.1, runs.EXPERIMENTS)
    (axis,) = figures.gains(few, 0.005).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == [figures.LABELS["random"]]


def test_a_lead_is_the_mean_difference_of_the_seeds_that_both_have():
    table = curves()
    lacking = table[~((table["arm"] == "random") & (table["seed"] > 1))]
    leads = figures.leads(lacking)
    assert set(leads["arm"]) == set(figures.LABELS) - {"ascent"}
    own, other = (table[table["arm"] == arm].set_index("seed")[100] for arm in ("ascent", "random"))
    last = leads[(leads["arm"] == "random") & (leads["experiment"] == 100)].iloc[0]
    assert last["n"] == 2 and last["mean"] == pytest.approx((own - other)[:2].mean())
    (axis,) = figures.share_against(leads, label="more").axes
    assert axis.get_ylabel() == "more"
    assert "no campaign" in figures.share_against(figures.leads(table.iloc[:0])).texts[0].get_text()


def test_states_limits_choices_and_starts_are_drawn():
    table = pd.DataFrame({"largest": 0.0, "log_ehvi": [0.0, -0.1], "cpu_seconds": 0.3, "peer": [0.0, np.nan]})
    left, _ = figures.shortfalls(table.assign(peer_seconds=3.0)).axes
    assert [len(line.get_xdata()) for line in left.lines] == [2, 1]
    arrived = pd.DataFrame({"landscape": "hea_n5", "arrived": [3.0, np.nan]})
    (axis,) = figures.arrivals(arrived, {"hea_n5": Truth(1000, 50, 1.0, 2)}, 30).axes
    assert axis.lines[0].get_ydata()[[2, 3, 30]].tolist() == [0, 0.5, 0.5]
    rows = [(kind, person, "gp", *[0.5] * 13) for kind in choices.KINDS for person in range(2)]
    asked = pd.DataFrame(rows, columns=["kind", "person", "method", *range(13)])
    assert len(figures.regrets(asked).axes) == 2
    table = pd.DataFrame({"starts": "random", "number": [4, 16, 0], "missed": 0.5, "cpu_seconds": [0.1, 0.2, 0.3]})
    (axis,) = figures.missed(table).axes
    assert [text.get_text() for text in axis.texts] == ["4", "16"]


def test_nothing_on_record_is_drawn_as_well():
    figures.share_against(figures.mean_curves(EMPTY.curves))
    figures.gains(measurements.front_gain(EMPTY, ["hea_n5"], ["random"], 0.0, 0.1, 100), 0.0)
    figures.shortfalls(EMPTY.states)
    figures.arrivals(EMPTY.limits, {"hea_n5": Truth(1000, 50, 1.0, 2)}, 30)
    figures.regrets(pd.DataFrame(columns=[*choices.KEYS, *range(13)]))
    figures.missed(starts.summary(EMPTY.starts))
    assert set(states.KEPT.columns) <= set(EMPTY.states)


def test_aims_and_limits_in_words():
    assert figures.in_words(Minimise("hysteresis")) == "hysteresis (K) as small as possible"
    assert figures.in_words(Maximise("cost")) == "cost as large as possible"
    assert figures.in_words(Target("x", 3)) == "x as near to 3 as possible"
    assert figures.in_words(Limit("elongation", at_least=5)) == "elongation (%) at least 5"
    assert figures.in_words(Limit("elongation", at_least=5, at_most=9)) == "elongation (%) at least 5 and at most 9"


def test_a_front_is_drawn_by_who_comes_near_it():
    table = pd.DataFrame({"yield_strength": [900.0, 1000], "elongation": [40.0, 30], "covered": [0.0, 1.0]})
    figure = figures.coverage({"hea_n5": table})
    (drawn,) = figure.axes[0].collections
    assert drawn.get_offsets()[-1].tolist() == [900, 40] and drawn.get_array().tolist() == [1, 0]
