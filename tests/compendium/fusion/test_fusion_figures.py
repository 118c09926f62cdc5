"""Figures of pools draw every arm, state and pool that the tables hold, and say so where there is nothing."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from alloygrad import Pool
from compendium.fusion import alloy_figures, discovery, figures, learning, pools


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def runs() -> pd.DataFrame:
    found = {"ensemble": "0 1 2 3 4 5 6 7 8 9 10", "gp_ei": "0 0 0 1 1 1 2 2 2 3 3"}
    rows = [
        {"pool": pool, "arm": arm, "seed": seed, "found": text}
        for pool in ("hplc", "jdft2d")
        for arm, text in found.items()
        for seed in (100, 101)
    ]
    return pd.DataFrame(rows)


def test_a_line_for_each_arm_and_one_for_random_experiments():
    figure = figures.found_against_batches(runs())
    axes = figure.axes
    assert [axis.get_title() for axis in axes] == ["chromatography, n = 2", "two-dimensional crystals, n = 2"]
    assert all(len(axis.lines) == 3 for axis in axes)
    assert axes[0].lines[0].get_ydata().tolist() == list(range(11))
    assert axes[0].lines[2].get_ydata()[-1] == pytest.approx(1000 / 1007)


def test_the_matrix_prints_what_is_found():
    figure = figures.matrix(discovery.summary(runs()))
    assert sorted(text.get_text() for text in figure.axes[0].texts) == ["10.0", "10.0", "3.0", "3.0"]


def test_every_pool_has_a_name_in_words():
    assert set(figures.TITLES) == set(pools.DECLARED)


def test_nothing_on_record_is_said():
    empty = discovery.compute(["hplc"], [], seeds=1)
    for figure in (figures.found_against_batches(empty), figures.matrix(discovery.summary(empty))):
        assert "no campaign" in figure.texts[0].get_text()


def test_a_trace_is_a_row_for_each_state_and_is_drawn(monkeypatch):
    rng = np.random.default_rng(0)
    space = Pool(pd.DataFrame(rng.random((200, 3)), columns=list("abc")))
    monkeypatch.setattr(discovery, "space", lambda pool: (space, -((space.features - 0.5) ** 2).sum(1)))
    table = learning.trace("any", batches=2)
    assert table["batch"].tolist() == [0, 1, 2] and table["found"].is_monotonic_increasing
    shares = table[[name for name in table if name.startswith("gain_")]]
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert table["entropy"].iloc[-1] < table["entropy"].iloc[0] < np.log(200)
    assert len(figures.trust(table).axes[0].lines) == 3


def test_the_ten_best_are_marked_on_the_side_that_is_better():
    values = pd.DataFrame({"cost": np.arange(50.0)})
    task = pools.Task("toy", values.rename(columns={"cost": "x"}), values, (-1,))
    axis = figures.distributions([task]).axes[0]
    (shaded,) = [patch for patch in axis.patches if patch.get_alpha() == 0.3]
    low, high = shaded.get_extents().transformed(axis.transData.inverted()).intervalx
    assert low < 0 and high == pytest.approx(9)
    assert "smaller is better" in axis.get_xlabel()


def test_steps_and_ablations_are_a_point_for_each_model():
    steps = pd.DataFrame({
        "cell": ["sma_n10_ascent"] * 2 + ["ti_n4_ascent"] * 2, "seed": 0, "model": ["one", "other"] * 2,
        "hits": [0.5, 1, 0, 0.25], "gain": 0.0, "share": 0.3,
    })  # fmt: skip
    figure = alloy_figures.one_step(steps)
    assert [axis.get_title() for axis in figure.axes] == ["SMA, N = 10 (n = 1)", "Ti, N = 4 (n = 1)"]
    assert figure.axes[0].lines[0].get_xdata().tolist() == [0.5, 1]
    lost = figures.ablation(
        pd.DataFrame({"arm": ["equal_gains", "with_ridge"], "n": 2, "lost": [1.0, -1.0], "low": -2.0, "high": 2.0})
    )
    assert lost.axes[0].lines[0].get_xdata().tolist() == [1, -1]
    for empty in (
        alloy_figures.one_step(steps.iloc[:0]),
        figures.ablation(pd.DataFrame(columns=["arm", "n", "lost", "low", "high"])),
    ):
        assert "no campaign" in empty.texts[0].get_text()
