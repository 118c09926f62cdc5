"""Every figure draws from small tables without a warning, and what it draws is what the table says."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from alloygrad.inverse import InverseProblem, Measured, Parameter, information, information_in_box, profile, recover
from compendium.inverse import checks, figures, race, surface_figures

X = np.linspace(0, 1, 60)
RNG = np.random.default_rng(0)


def peak(centre, width, depth=0.0):
    return np.exp(-(((X - centre) / width) ** 2)) - depth * X


def toy(*more, seed=0):
    parameters = [Parameter("centre", "eV", 0.2, 0.8), Parameter("width", "eV", 0.02, 0.3), *more]
    values = peak(0.45, 0.1) + 0.02 * np.random.default_rng(seed).normal(size=len(X))
    return InverseProblem(parameters, peak, Measured(values, 0.02, X))


PROBLEM = toy()
FOUND = recover(PROBLEM, budget=30, progress=False)
GUESS = {"centre": 0.4, "width": 0.1}


def curves(fitted=None):
    """Two beams; of the second nothing was fitted."""
    energies = np.arange(60.0, 160.0)
    parts = []
    for i, beam in enumerate(["(1,0)", "(1,1)"]):
        waves = [np.sin(energies / 7 + i + phase) for phase in (0, 0.3)]
        columns = dict(measured=waves[0] + 2, computed=waves[1] + 2, y_measured=waves[0], y_computed=waves[1])
        parts.append(pd.DataFrame(dict(beam=beam, energy_eV=energies, **columns)))
        if fitted:
            parts[-1]["fitted"] = (energies < 100) & (i == 0)
    return pd.concat(parts, ignore_index=True)


def judged():
    rows = {"a": (3.9002, 0.0001, "Å", 3.9, 0.002), "z_Ti": (0.545, 0.002, "", 0.54, 0.005)}
    columns = ["value", "standard_error", "unit", "reference", "tolerance"]
    return pd.DataFrame(rows, index=columns).T.astype({c: float for c in columns if c != "unit"})


def layers():
    rows = {"d12": (1.76, 0.01, "Å"), "d23": (1.815, 0.01, "Å"), "d34": (1.805, 0.02, "Å")}
    table = pd.DataFrame(rows, index=["value", "standard_error", "unit"]).T
    return table.astype({"value": float, "standard_error": float})


def runs():
    rows = [("hybrid", 10.0), ("hybrid", 20.0), ("least_squares", 30.0), ("least_squares", np.nan)]
    return pd.DataFrame(rows, columns=["method", "solved_at"]).assign(budget=50)


def shares():
    cross = [
        (name, sigmas, share, share - 0.1, min(1, share + 0.1))
        for name in "ab"
        for sigmas, share in ((1, 0.7), (2, 0.95))
    ]
    return pd.DataFrame(cross, columns=["parameter", "sigmas", "share", "low", "high"])


def along():
    table = pd.DataFrame({"a": X, "coarse": X**2, "fine": X})
    return {"one": table, "other": table}


def two_searches():
    return {"search 1": FOUND, "search 2": recover(PROBLEM, budget=30, seed=1, progress=False)}


DRAWN = {
    "fit": lambda: figures.fit(FOUND, "energy (eV)", "counts"),
    "fit with zooms": lambda: figures.fit(FOUND, "energy (eV)", "counts", zooms=((0.2, 0.4), (0.4, 0.6))),
    "beams": lambda: surface_figures.beams(curves()),
    "beams held out": lambda: surface_figures.beams(curves(fitted=True), across=2),
    "fisher": lambda: figures.fisher(information(PROBLEM, GUESS), information_in_box(PROBLEM, points=4)),
    "fisher at one point": lambda: figures.fisher(information(PROBLEM, GUESS)),
    "profile": lambda: figures.profile(profile(FOUND, "width", points=5), FOUND, "width"),
    "coverage": lambda: figures.coverage(shares()),
    "tied": lambda: figures.tied(two_searches(), "centre", "width"),
    "search": lambda: figures.search(FOUND),
    "search by another score": lambda: figures.search(FOUND, FOUND.trajectory["fine"], "misfit"),
    "solved": lambda: figures.solved(runs()),
    "misfits": lambda: figures.misfits(along(), "a", "Å", 0.3),
    "parameters": lambda: figures.parameters(judged(), "truth"),
    "distances": lambda: surface_figures.distances(layers(), 1.805),
    "distances of a twin": lambda: surface_figures.distances(
        layers(), 1.805, truth={"d12": 1.765, "d23": 1.815, "d34": 1.805}, others=layers()["value"].to_frame().T
    ),
    "r_factors": lambda: surface_figures.r_factors(checks.held_out(curves(fitted=True))),
}  # fmt: skip


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", DRAWN)
def test_each_figure_draws_without_a_warning(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = DRAWN[name]()
        figure.draw_without_rendering()  # lays out all text and every axis
    assert all(axis.has_data() or axis.texts for axis in figure.axes if axis.get_visible())
    assert round(float(figure.get_size_inches()[0]), 2) in {3.35, 6.9}


def test_every_searcher_and_every_stage_has_a_look_of_its_own():
    assert set(figures.SEARCHERS) == set(race.METHODS)
    for looks in (figures.SEARCHERS, figures.STAGES):
        for part in ("color", "marker", "label"):
            assert len({look[part] for look in looks.values()}) == len(looks)
    for method in ("hybrid", "trust_region", "scalar"):
        stages = recover(PROBLEM, method, budget=24, progress=False).calls.stages
        assert set(stages) <= set(figures.STAGES)


def test_measured_values_are_drawn_as_pixels_and_the_fit_as_a_line():
    figure = DRAWN["fit with zooms"]()
    for axis in figure.axes[:3]:
        data, line = axis.lines
        assert data.get_rasterized() and not line.get_rasterized()
        inside = np.isin(X, data.get_xdata())
        assert line.get_ydata() == pytest.approx(FOUND.curve[inside])
    assert all(line.get_rasterized() for axis in figure.axes[3:] for line in axis.lines[1:])
    assert all(axis.lines[0].get_rasterized() for axis in DRAWN["beams"]().axes if axis.get_visible())


def test_a_beams_title_holds_the_r_factor_of_what_was_not_fitted():
    table = curves(fitted=True)
    unseen = checks.r_factors(table[~table["fitted"]]).set_index("beam")["r_p"]
    titles = [axis.get_title() for axis in DRAWN["beams held out"]().axes[:2]]
    assert [title.split()[0] for title in titles] == ["(1,0)", "(1,1)"]
    assert [float(title.split()[-1]) for title in titles] == pytest.approx(unseen.drop("all").to_numpy(), abs=5e-4)


def test_errors_are_shares_of_the_box_and_joint_ones_are_the_larger():
    table = information(PROBLEM, GUESS).table()
    left = DRAWN["fisher at one point"]().axes[0]
    alone, joint = (np.asarray(line.get_xdata()) for line in left.lines[:2])
    assert joint == pytest.approx(table["share"]) and (alone <= joint * (1 + 1e-9)).all()


def test_the_line_of_a_search_is_the_best_so_far_and_ends_at_the_reduced_misfit():
    axis = DRAWN["search"]().axes[0]
    best = axis.lines[-1].get_ydata()
    assert (np.diff(best) <= 0).all() and best[-1] == pytest.approx(FOUND.reduced)
    assert sum(len(line.get_xdata()) for line in axis.lines[:-1]) == len(FOUND.calls)


def test_a_run_that_never_solves_stays_in_the_denominator():
    lines = {line.get_label(): line for line in DRAWN["solved"]().axes[0].lines}
    for method, end in (("hybrid", 100), ("least_squares", 50)):
        line = lines[f"{figures.SEARCHERS[method]['label']} (n = 2)"]
        assert line.get_ydata()[-1] == end and line.get_xdata()[-1] == 50
        assert line.get_color() == figures.SEARCHERS[method]["color"]


def test_parameters_stand_off_by_tolerances_beside_their_numbers():
    axis, words = DRAWN["parameters"]().axes
    (bar,) = axis.containers
    assert bar[0].get_xdata() == pytest.approx([0.1, 1.0])
    shown = [text.get_text() for text in words.texts]
    assert "3.90020 ± 0.00010 Å" in shown and "0.5450 ± 0.0020" in shown and "± 0.005" in shown


def test_profiles_and_coverage_draw_their_tables():
    table = profile(FOUND, "width", points=5)
    lines = figures.profile(table, FOUND, "width").axes[0].lines
    assert lines[1].get_ydata().tolist() == table["rise"].tolist()
    assert lines[0].get_ydata()[0] == pytest.approx(9, rel=0.01)  # three standard errors away
    bars = DRAWN["coverage"]().axes[0].containers
    assert [bar[0].get_ydata().tolist() for bar in bars] == [[0.7, 0.7], [0.95, 0.95]]
