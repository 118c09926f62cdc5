"""Figures of reinforcement learning: drawn from made-up tables, and from empty ones; what an interval says."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from compendium.learning import figures, runs, suggestions


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def made_up(n: int = 8) -> pd.DataFrame:
    """Runs that fall by 1 a point with "search", half as fast with "dqn", and not at all else."""
    slopes = {"search": 1.0, "dqn": 0.5}
    steps = list(range(runs.EXPERIMENTS + 1))
    rows = [
        (function, size, 100 + seed, *pair, 1, *(100 + seed - slopes.get(pair[1], 0) * np.array(steps)))
        for function, size in runs.TASKS
        for pair in (*runs.PAIRS, runs.RANDOM)
        for seed in range(n)
    ]
    return pd.DataFrame(rows, columns=[*runs.KEYS, *steps])


def test_each_task_has_a_panel_with_all_pairs():
    means = figures.mean_curves(made_up())
    figure = figures.curves(means)
    drawn = [axis for axis in figure.axes if axis.lines]
    assert [axis.get_title() for axis in drawn].count("alloys") == 1 and len(drawn) == len(runs.TASKS)
    assert all(len(axis.lines) == len(runs.PAIRS) + 1 for axis in drawn)
    assert drawn[0].lines[0].get_ydata()[0] == pytest.approx(103.5)


def test_gains_are_shares_of_what_random_points_leave():
    table = figures.table_of_gains(made_up())
    own = table[table["compared"] == "mean"]
    expected = -0.5 * runs.EXPERIMENTS / 103.5
    assert own["mean"].to_numpy() == pytest.approx(np.full(len(runs.TASKS), expected))
    assert set(own["verdict"]) == {"worse"}
    assert set(table[table["compared"] == "against random"]["verdict"]) == {"helps"}
    assert len(figures.gains(table).axes) == len(figures.COMPARED)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.06, 0.2, "helps"),
        (-0.02, 0.02, "substitute"),
        (-0.02, 0.2, "substitute"),
        (-0.2, 0.02, "no help"),
        (-0.3, -0.12, "worse"),
        (-0.2, 0.2, "open"),
        (np.nan, np.nan, "open"),
    ],
)
def test_what_an_interval_says(low, high, verdict):
    assert figures._verdict(low, high) == verdict


def test_errors_are_drawn_for_each_arm():
    steps = range(suggestions.ADDED // suggestions.ROUND + 1)
    rows = [(seed, arm, 1, *np.linspace(0.3, 0.2, len(steps))) for arm in suggestions.ARMS for seed in range(8)]
    figure, data = figures.errors(pd.DataFrame(rows, columns=[*suggestions.KEYS, *steps]))
    assert len(figure.axes[0].lines) == len(suggestions.ARMS)
    assert data["added"].max() == suggestions.ADDED and set(data["n"]) == {8}


def test_nothing_on_record_is_drawn_and_said():
    minima = made_up(0)
    figures.curves(figures.mean_curves(minima))
    assert set(figures.table_of_gains(minima)["verdict"]) == {"open"}
    figures.gains(figures.table_of_gains(minima))
    figure, data = figures.errors(pd.DataFrame(columns=[*suggestions.KEYS, 0, 1]))
    assert data.empty and "no run" in figure.axes[0].texts[0].get_text()
