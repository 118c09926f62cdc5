"""Inverse problems as data: what is solved for, what is refused, how simulator calls are counted and kept."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from peaks import BACKGROUND, PARAMETERS, SIGMA, TRUTH, X, lines, problem

from alloygrad.inverse import InverseProblem, Measured, Parameter, SimulationError, blur, cumulative, recover
from alloygrad.inverse.calls import Calls, feasible_points

# Nuisances and cheap parameters


def test_scale_and_background_are_those_of_least_squares():
    one = problem()
    fitted = one.fit(lines(**TRUTH), "fine")
    seen = np.column_stack([lines(**TRUTH), BACKGROUND]) / SIGMA
    solved, (expected,), *_ = np.linalg.lstsq(seen, one.measured.values / SIGMA, rcond=None)
    assert fitted.misfit == pytest.approx(expected, rel=1e-10)
    assert solved[0] == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize("misfit", [blur(4, np.full(150, SIGMA)), cumulative(np.full(150, SIGMA))])
def test_nuisances_are_solved_in_the_space_of_the_misfit(misfit):
    one = problem(misfits={"coarse": misfit})
    seen = np.array([misfit(curve) for curve in (lines(**TRUTH), *BACKGROUND.T)]).T
    (expected,) = np.linalg.lstsq(seen, misfit(one.measured.values), rcond=None)[1]
    assert one.fit(lines(**TRUTH), "coarse").misfit == pytest.approx(expected, rel=1e-9)


def test_a_scale_below_zero_is_none():
    fitted = problem().fit(-lines(**TRUTH), "fine")
    assert not fitted.model.any()
    basis = np.linalg.lstsq(BACKGROUND, problem().measured.values, rcond=None)[1] / SIGMA**2
    assert fitted.misfit == pytest.approx(basis[0], rel=1e-9)


def test_cheap_parameters_are_fitted_to_every_result():
    def observe(raw, shift, power):
        return np.interp(X, X + shift, raw) ** power

    parameters = [*PARAMETERS, Parameter("shift", "eV", -1, 1, cheap=True), Parameter("power", "", 1, 3, True, True)]
    values = observe(lines(**TRUTH), shift=0.37, power=2)
    one = InverseProblem(parameters, lines, Measured(values, 0.01), observe)
    fitted = one.fit(lines(**TRUTH), "fine")
    assert fitted.cheap["power"] == 2 and fitted.cheap["shift"] == pytest.approx(0.37, abs=1e-4)
    assert fitted.misfit < 1e-3 * len(X)
    calls = Calls(one, 5, [])
    calls(one.shares(TRUTH))
    assert len(calls) == 1


def test_running_sums_begin_anew_in_each_scan():
    sigma, groups = np.array([1.0, 2.0, 2.0, 3.0, 4.0]), [7, 7, 7, 2, 2]
    found = cumulative(sigma, groups)(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    np.testing.assert_allclose(found, [1 / 3, 1, 2, 4 / 5, 9 / 5])


# Counting


def test_no_call_is_made_twice_and_the_budget_holds():
    seen = []

    def counted(**values):
        seen.append(tuple(values.values()))
        return lines(**values)

    done = []
    for method in ("hybrid", "least_squares"):
        found = recover(replace(problem(), simulate=counted), method, budget=40, done=done, progress=False)
        assert len(found.calls) <= 40
    assert len(seen) == len(set(seen)) == len(done) < 80  # the second one starts from the same screen


def test_whole_numbers_stay_whole_and_the_infeasible_is_never_simulated():
    def simulate(n, a, b):
        assert n == int(n) and a > b
        return a * np.cos(n * X) + b

    parameters = [Parameter("n", "", 1, 6, integer=True), Parameter("a", "", 0, 4), Parameter("b", "", 0, 4)]
    one = InverseProblem(parameters, simulate, Measured(simulate(3, 2.5, 0.7), 0.01), feasible=lambda n, a, b: a > b)
    for method in ("hybrid", "trust_region", "least_squares", "random"):
        found = recover(one, method, budget=50, progress=False)
        assert method in ("trust_region", "random") or found.misfit < 1
    assert found.standard_errors["a"] > 0 and np.isnan(found.standard_errors["n"])
    with pytest.raises(ValueError, match="Narrow the box"):
        feasible_points(replace(one, feasible=lambda n, a, b: False), 4, 0)


# Interruptions


@pytest.mark.parametrize("method", ["hybrid", "scalar"])
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(method):
    whole = recover(problem(), method, budget=40, seed=3, progress=False)
    runs = []

    def breaking(**values):
        runs.append(values)
        if len(runs) == 23:
            raise KeyboardInterrupt
        return lines(**values)

    done = []
    with pytest.raises(KeyboardInterrupt):
        recover(replace(problem(), simulate=breaking), method, budget=40, seed=3, done=done, progress=False)
    assert len(done) == 22
    again = recover(replace(problem(), simulate=breaking), method, budget=40, seed=3, done=done, progress=False)
    assert len(runs) == len(whole.calls) + 1
    pd.testing.assert_frame_equal(again.trajectory.drop(columns="seconds"), whole.trajectory.drop(columns="seconds"))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda **values: 1 / 0, "raised ZeroDivisionError"),
        (lambda **values: X[:-1], r"curve of 150 finite numbers.*\(149,\)"),
        (lambda **values: np.where(X > 5, np.nan, 1), "75 that are not finite"),
        (lambda **values: "spectrum", "Expected"),
    ],
)
def test_a_broken_simulator_gets_one_error_that_holds_what_was_computed(broken, message):
    made = []

    def late(**values):
        made.append(values)
        return lines(**values) if len(made) <= 12 else broken(**values)

    done = []
    with pytest.raises(SimulationError, match=message) as caught:
        recover(replace(problem(), simulate=late), done=done, progress=False)
    assert len(done) == 12 and caught.value.calls is done


# What is refused


def made(**changed):
    return replace(problem(), **changed)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: made(parameters=[Parameter("a", "Å", 4.0, 3.8)]), "'a'; got 4 … 3.8"),
        (lambda: made(parameters=PARAMETERS + PARAMETERS[:1]), "different names"),
        (lambda: made(parameters=[Parameter("a", "", 0, 1, cheap=True)]), "not cheap"),
        (lambda: made(background=np.ones((3, 2))), r"\(150, k\).*\(3, 2\)"),
        (lambda: made(misfits={"rough": np.sqrt}), "'rough'"),
        (lambda: made(misfits={"coarse": np.abs}, measured=Measured(X - 5, 1.0)), "linear coarse misfit"),
        (lambda: Measured([1.0, np.nan, 2.0]), "number 1 is nan"),
        (lambda: Measured([1.0, 2.0], [0.1, 0.0]), "number 1 is 0"),
        (lambda: Measured([1.0, 2.0], [0.1, 0.1, 0.1]), "2 values; got 3"),
        (lambda: Measured([[1.0, 2.0]]), r"\(1, 2\)"),
        (lambda: Measured(["a", "b"]), "as numbers"),
        (lambda: Measured([1.0, 2.0], x=[1.0]), "length 2"),
        (lambda: recover(problem(), "hybird", progress=False), "'hybrid'"),
        (lambda: recover(problem(), budget=6, progress=False), "budget = 6"),
    ],
)
def test_what_cannot_be_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_file_is_read_by_its_columns(tmp_path):
    path = tmp_path / "scan.csv"
    pd.DataFrame({"E_eV": X, "I": X + 1, "err": 0.1}).to_csv(path, index=False)
    read = Measured.read(path, x="E_eV", value="I", sigma="err")
    np.testing.assert_allclose([read.x, read.values - 1, read.sigma + X - 0.1], [X] * 3)
    with pytest.raises(ValueError, match=r"\['counts'\] are not among \['E_eV', 'I', 'err'\]"):
        Measured.read(path, x="E_eV", value="counts")
    path.write_text("E_eV,I\n1,2\n2,none\n")
    with pytest.raises(ValueError, match="number 1 is nan"):
        Measured.read(path, x="E_eV", value="I")
