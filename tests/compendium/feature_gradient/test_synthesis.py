"""The synthesis: gains, losses and shares of improvement, against plain averages."""

import numpy as np
import pandas as pd
import pytest

from compendium.feature_gradient import question, results, synthesis
from compendium.feature_gradient.cells import CELLS
from compendium.feature_gradient.figures.question import entropy_against_merit
from compendium.running import landscapes


@pytest.fixture(scope="module")
def recorded():
    return results.gather()


def test_what_is_gained_and_lost_are_differences_of_means(recorded):
    table = question.gained_and_lost(recorded).set_index(["alloy", "method"])
    for alloy, arm in [("sma", "slsqp_ei"), ("hea", "best_of_random")]:
        row = table.loc[(alloy, arm)]
        mine, exact, random = (recorded.best(f"{alloy}_n4_{name}").mean() for name in (arm, "enumeration", "random"))
        assert row["merit"] == pytest.approx(100 * (exact - mine) / (exact - random))
        entropies = [recorded.entropy(f"{alloy}_n4_{name}").mean() for name in (arm, "enumeration")]
        assert row["entropy"] == pytest.approx(entropies[0] - entropies[1])
        assert row["merit_low"] < row["merit"] < row["merit_high"]


def test_the_share_of_improvement_is_one_at_the_optimum_and_its_figure_shows_all_of_it(recorded):
    table = synthesis.improvement(recorded)
    three = table[table["n_elements"] == 3]
    assert (three["mean"] > 0.98).all() and (table["mean"] <= 1 + 1e-9).all()
    row = table[(table["alloy"] == "sma") & (table["n_elements"] == 4)].iloc[0]
    name = "sma_n4_ascent"
    final, first = recorded.best(name), recorded.best(name, 0)
    assert row["mean"] == pytest.approx(np.mean((final - first) / (landscapes.optimum(CELLS[name]).merit - first)))
    (axis,) = synthesis.improvement_by_elements(table).axes
    drawn = np.concatenate([line.get_ydata() for line in axis.lines])
    assert sorted(drawn) == pytest.approx(sorted(100 * table["mean"]))


def test_nothing_recorded_draws_an_empty_figure():
    empty = pd.DataFrame(columns=["alloy", "method", "n", "entropy", "merit"])
    assert not entropy_against_merit(empty).axes[0].lines
