"""The problems of spin waves have the solution that they claim; points are chosen and judged as they say."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from alloygrad.inverse import recover
from compendium.inverse import chains, magnon_figures, magnons, race

J = np.array(list(magnons.BROMIDE.values()))


@pytest.fixture(scope="module")
def twin():
    return race.case("ins_crsbr", 0)


# -- the map -----------------------------------------------------------------------------------------------------------


def test_the_bonds_are_those_of_the_crystal():
    waves = magnons.bromide(np.array([[0.3, 0.2, 0.0], [1.3, 0.2, 0.0], [0.0, 0.0, 0.0]]))
    assert waves.names == (*magnons.BROMIDE, "D")
    h, k, S = 0.3, 0.2, 1.5
    cos = np.cos
    own = 2 * J[0] * cos(2 * np.pi * h) + 2 * J[2] * cos(2 * np.pi * k) + 2 * J[5] * cos(4 * np.pi * h)
    own += 4 * J[3] * cos(2 * np.pi * h) * cos(2 * np.pi * k)
    other = 4 * J[1] * cos(np.pi * h) * cos(np.pi * k)
    other += 4 * J[4] * cos(3 * np.pi * h) * cos(np.pi * k) + 4 * J[6] * cos(np.pi * h) * cos(3 * np.pi * k)
    total = 2 * J[0] + 2 * J[2] + 2 * J[5] + 4 * (J[3] + J[1] + J[4] + J[6])
    energy = waves.modes([*J, 0.1]).energy
    expected = np.sort(S * (own - total + np.array([1, -1]) * other) + 2 * 0.1 * S)
    assert energy[0] == pytest.approx(expected) and energy[1] == pytest.approx(expected)
    assert energy[2, 0] == pytest.approx(0.3)


def test_the_truth_explains_the_map_nearly_as_well_as_the_noise_allows(twin):
    fit = twin.problem.fit(twin.problem.run(twin.truth), "fine")
    assert twin.judge(twin.truth, fit) == pytest.approx(1 / 1.05)
    plain = twin.problem.__class__(
        twin.problem.parameters, twin.problem.simulate, twin.problem.measured, scale=True,
        background=twin.problem.background,
    )  # fmt: skip
    assert 0.9 < plain.fit(twin.problem.run(twin.truth), "fine").misfit / len(plain.measured) < 1.5
    assert twin.problem.allows(twin.problem.shares(twin.truth))
    assert not twin.problem.allows(twin.problem.shares({**twin.truth, "J6": 1.0, "J1": 0.0}))


def test_a_short_search_finds_couplings_that_explain_the_map(twin):
    found = recover(twin.problem, "secant", budget=80, seed=2, progress=False)
    assert found.misfit < 20 * twin.problem.fit(twin.problem.run(twin.truth), "fine").misfit


# -- which points ------------------------------------------------------------------------------------------------------


def test_predictions_are_those_of_the_map_with_scale_and_background():
    which, energy, waves = magnons.candidates()
    points = np.array([5, 1000, 1001, 4000])
    values = np.array([[*J, 1.2, 0.9], [*(1.1 * J), 0.8, 1.1]])
    found = magnons.predict(values, points)
    for row, expected in zip(values, found, strict=True):
        lines = waves.modes([*row[:7], magnons.ANISOTROPY]).spectrum(magnons.ENERGIES, magnons.resolution).ravel()
        level = 16 + 0.2 * (56 - energy)
        counts = magnons.COUNTED * (row[7] * magnons.COUNTS * lines + row[8] * level)
        assert counts[points] == pytest.approx(expected)
    assert (which[points] == points // 53).all() and (magnons.ENERGIES[points % 53] == energy[points]).all()
    scans = magnons.scans(0)
    assert len(set(scans.tolist())) == 150 and len(np.unique(which[scans])) == 10


def test_chosen_points_teach_more_than_as_many_random_ones():
    runs = {arm: pd.DataFrame(magnons.measure_points("informed", arm, 3, most=30)) for arm in ("deflated", "random")}
    assert runs["deflated"]["points"].tolist() == [15, 20, 25, 30]
    assert runs["deflated"]["spread"].iloc[-1] < 0.6 * runs["random"]["spread"].iloc[-1]
    again = pd.DataFrame(magnons.measure_points("informed", "random", 3, most=30))
    pd.testing.assert_frame_equal(again, runs["random"])


def test_a_run_reaches_the_tolerance_only_where_it_stays_within():
    def rows(off, spread):
        return pd.DataFrame({"points": [15, 20, 25, 30], "off": off, "spread": spread})

    assert magnons.reached(rows([2, 0.5, 0.4, 0.3], [1, 1, 1, 1])) == 20
    assert magnons.reached(rows([0.5, 0.5, 1.4, 0.3], [1, 1, 1, 1])) == 30
    assert np.isnan(magnons.reached(rows([0.5, 0.5, 0.4, 1.3], [1, 1, 1, 1])))
    assert magnons.reached(rows([0.5, 0.5, 0.4, 0.3], [1, 1, 1, 1])) == 15
    assert magnons.stopped(rows([9, 9, 9, 9], [1, 0.6, 0.4, 0.6])) == 25
    assert np.isnan(magnons.stopped(rows([0, 0, 0, 0], [1, 1, 1, 1])))


def test_runs_are_kept_taken_from_the_store_and_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(magnons, "_points_folder", lambda: tmp_path)
    monkeypatch.setattr(magnons, "POINTS_RECORD", tmp_path / "record.csv")
    monkeypatch.setattr(magnons, "CHECKPOINTS", (15,))
    first = magnons.points_study("box", ["random"], seeds=1, most=15)
    assert list(first.columns) == magnons.POINTS_COLUMNS and len(first) == 1
    monkeypatch.setattr(magnons, "measure_points", None)  # not called again
    pd.testing.assert_frame_equal(magnons.points_study("box", ["random"], seeds=1, most=15), first)
    assert not len(magnons.points_study("box", ["uniform"], seeds=1, most=15, compute=False))


# -- the chain ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chain():
    table = chains.synthetic_map(0)
    return table, recover(chains.chain_problem(table), budget=60, seed=0, progress=False)


def test_the_synthetic_chain_is_solved_within_its_errors(chain):
    _, found = chain
    for name in ("J", "width", "blur"):
        assert abs(found.values[name] - chains.TWIN[name]) < 4 * found.standard_errors[name]
    assert found.reduced == pytest.approx(1, abs=0.15)
    top, error = chains.zone_boundary(found.values, found.standard_errors)
    assert top == pytest.approx(np.hypot(3 * found.values["J"], found.values["gap"])) and 0 < error < 1


def test_cuts_find_the_same_zone_boundary_without_spin_waves(chain):
    table, found = chain
    kept, fit = chains.dispersion(chains.cuts(table[table["energy"] % 4 < 1]))
    assert len(kept) > 8
    assert fit["boundary"][0] == pytest.approx(chains.zone_boundary(found.values, found.standard_errors)[0], abs=2)


# -- figures -----------------------------------------------------------------------------------------------------------


def test_every_figure_is_drawn(twin, chain):
    table, found = chain
    short = recover(twin.problem, "random", budget=12, seed=0, progress=False)
    kept = pd.DataFrame({"distance": [0.1, 0.2], "energy": [20.0, 45.0], "standard_error": [0.01, 0.01]})
    runs = pd.DataFrame(
        {"arm": ["deflated", "uniform"] * 2, "seed": 1, "points": [15, 15, 20, 20], "off": [2, 3, 0.5, 2]}
    )
    waves = magnons.candidates()[2]
    line = np.linspace(0.6, 1.4, 5)
    drawn = [
        magnon_figures.bromide_maps(short),
        magnon_figures.chain_maps(table, found, {"line": (line, 40 * np.ones(5))}),
        magnon_figures.chain_dispersion(kept, {"map": (78.0, 5.0)}),
        magnon_figures.chosen(np.arange(0, 4000, 100), waves, [*J, 0.1], (15, 30)),
        magnon_figures.points_needed({"prior": runs}),
    ]
    residual = drawn[0].axes[2].collections[0].get_array()
    measured = short.problem.measured
    assert np.ravel(residual).std() == pytest.approx(((measured.values - short.curve) / measured.sigma).std())
    for figure in drawn:
        plt.close(figure)
