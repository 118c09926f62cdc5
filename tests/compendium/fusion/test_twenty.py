"""Searches in twenty dimensions: the functions, what is kept of a run, and how the claim is judged."""

import numpy as np
import pandas as pd
import pytest

from compendium.fusion import figures, measurements, searches, twenty


@pytest.mark.parametrize("name", twenty.FUNCTIONS)
def test_the_minimum_is_0_within_the_box_and_moves_with_the_seed(name):
    one, other = twenty.landscape(name, 3), twenty.landscape(name, 4)
    assert one.space.contains(one.optimum) and not np.allclose(one.optimum, other.optimum)
    assert one(one.optimum[None]).item() == pytest.approx(0, abs=1e-9)
    near = one.optimum + np.random.default_rng(0).normal(size=(200, 20)) * 1e-3 * one.function.limit
    assert (one(near) > 0).all()
    assert one(one.at(np.random.default_rng(1).random((200, 20)))).min() > one(near).max()


def test_values_are_those_of_the_formulas_in_one_dimension():
    assert twenty.ackley(np.array([[1.0]])).item() == pytest.approx(20 * (1 - np.exp(-0.2)))
    assert twenty.rastrigin(np.array([[0.5]])).item() == pytest.approx(20.25)
    assert twenty.schwefel(np.array([[0.0]])).item() == pytest.approx(418.9828872724338)
    assert twenty.schwefel(np.array([[510.0], [500.0]])) @ [1, -1] == pytest.approx(1)


@pytest.mark.parametrize("name, additive", [("ackley", False), ("rastrigin", True), ("schwefel", True)])
def test_two_functions_are_sums_over_coordinates(name, additive):
    ground = twenty.landscape(name, 0)
    base, both = np.zeros((4, 20)), ground.function.limit / 3
    base[[1, 3], 0] = base[[2, 3], 1] = both
    one, first, second, two = ground(base)
    assert (abs(two - first - second + one) < 1e-6 * abs(two)) == additive


def centre(rng, batch):
    """Move half-way from the best point to the centre."""
    return lambda shares, utilities: (
        np.repeat((shares[utilities.argmax()][None] + 0.5) / 2, batch, 0) + [[0.01 * k] for k in range(batch)]
    )


def test_a_run_is_a_pure_function_of_its_seed_and_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("compendium.store.working", lambda: tmp_path)
    monkeypatch.setitem(searches.ARMS, "centre", centre)
    runs = twenty.compute(["ackley"], ["centre", "random"], seeds=2)
    monkeypatch.setattr(twenty, "run", None)
    pd.testing.assert_frame_equal(runs, twenty.compute(["ackley"], ["centre", "random"], seeds=2))
    assert runs["seed"].unique().tolist() == [100, 101]
    table = twenty.curves(runs)
    assert sorted(table["evaluations"].unique()) == list(range(20, 221, 8))
    wide = table.pivot(index=["arm", "seed"], columns="evaluations", values="best")
    assert (wide.diff(axis=1).iloc[:, 1:] <= 0).all(axis=None)
    assert wide.loc["centre", 20].tolist() == wide.loc["random", 20].tolist()
    assert (twenty.last(runs)["centre"] < twenty.last(runs)["random"]).all()


def made_up(**means: tuple[float, float, float]) -> pd.DataFrame:
    """Runs of all functions and seeds that end at these means; values of a seed differ by half at most."""
    rows = [
        {"function": function, "arm": arm, "seed": 100 + seed, "best": " ".join(["9"] * 25 + [str(mean + noise)])}
        for arm, own in means.items()
        for function, mean in zip(twenty.FUNCTIONS, own, strict=True)
        for seed, noise in enumerate(np.linspace(-0.5, 0.5, twenty.SEEDS))
    ]
    return pd.DataFrame(rows)


def test_a_claim_needs_two_functions_and_no_last_place():
    others = {"turbo": (5, 5, 5), "log_ei": (6, 6, 4), "cma_es": (8, 8, 8)}
    met = measurements.twenty_dimensions(made_up(ensemble=(3, 4, 7), **others), functions=2)
    assert [(part.value, part.outcome()) for part in met] == [(2, "holds"), (0, "holds")]
    worse = measurements.twenty_dimensions(made_up(ensemble=(3, 5.5, 9), **others), functions=2)
    assert [(part.value, part.outcome()) for part in worse] == [(1, "fails"), (1, "fails")]
    lacking = made_up(ensemble=(3, 4, 7), **others).iloc[:-1]
    assert all(part.n == 0 for part in measurements.twenty_dimensions(lacking, functions=2))


def test_leads_are_paired_by_seed():
    table = twenty.leads(made_up(ensemble=(3, 4, 7), turbo=(5, 5, 5))).set_index("function")
    assert table["mean"].to_dict() == pytest.approx({"ackley": 2, "rastrigin": 1, "schwefel": -2})
    np.testing.assert_allclose(table["low"], table["high"])  # the noise is that of the seed


def test_a_line_for_each_arm():
    figure = figures.minima_against_evaluations(twenty.curves(made_up(ensemble=(3, 4, 7), random=(5, 5, 5))))
    assert [len(axis.lines) for axis in figure.axes] == [2, 2, 2]
    assert figure.axes[0].get_title() == "Ackley, n = 10"
    assert "no campaign" in figures.minima_against_evaluations(twenty.curves(made_up())).texts[0].get_text()
