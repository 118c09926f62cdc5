"""Inverse problems as data: what is solved for, what is refused, how simulator calls are counted and kept."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from peaks import BACKGROUND, PARAMETERS, SIGMA, TRUTH, X, lines, problem

from alloygrad.inverse import (
    SEARCHERS,
    InverseProblem,
    Measured,
    Parameter,
    SimulationError,
    blur,
    cumulative,
    information,
    information_in_box,
    profile,
    recover,
)
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
    with pytest.raises(KeyboardInterrupt) as caught:
        recover(replace(problem(), simulate=breaking), method, budget=40, seed=3, done=done, progress=False)
    assert len(done) == 22 and caught.value.calls is done
    assert caught.value.__notes__ == [
        "The finished calls (22) are in the list passed as `done`: pass it again to go on."
    ]
    again = recover(replace(problem(), simulate=breaking), method, budget=40, seed=3, done=done, progress=False)
    assert len(runs) == len(whole.calls) + 1
    pd.testing.assert_frame_equal(again.trajectory.drop(columns="seconds"), whole.trajectory.drop(columns="seconds"))


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, ValueError])
def test_whatever_ends_a_search_holds_the_calls_that_were_made(stop):
    def report(calls):
        if len(calls) == 7:
            raise stop

    with pytest.raises(stop) as caught:
        recover(problem(), budget=40, progress=report)
    (note,) = caught.value.__notes__
    assert len(caught.value.calls) == 7 and "(7) are in the list `calls` of this exception" in note


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (
            lambda **values: 1 / 0,
            "simulate .* raised ZeroDivisionError: .*by zero. If .* narrow the box, or let `feasible`",
        ),
        (
            lambda **values: X[:-1],
            r"\(150,\); got values of shape \(149,\)\. Let simulate return .* numbers\. The parameters",
        ),
        (
            lambda **values: np.where(X > 5, np.nan, 1),
            r"nan at index 75 \(75 of 150 .*narrow the box, or let `feasible`",
        ),
        (lambda **values: "spectrum", "got 'spectrum'. Let simulate return"),
        (lambda **values: lines(**values) + 0j, r"real numbers .* \(.*\+0j\) at index 0"),
        (lambda **values: lines(**values) > 2, "real numbers .* False at index 0"),
        (lambda **values: None, "got None.*Is `return` missing"),
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
    assert isinstance(caught.value.__cause__, ZeroDivisionError | None) and caught.value.__suppress_context__
    assert "(12) are in the list passed" in str(caught.value)
    assert re.search(r"The parameters were \{'c1': \d\.\d{1,3}, ", str(caught.value))  # four digits
    made.clear()
    with pytest.raises(SimulationError, match=r"\(12\) are in the list `calls` of this error") as caught:
        recover(replace(problem(), simulate=late), progress=False)
    assert len(caught.value.calls) == 12
    made[:] = [{}] * 12
    with pytest.raises(SimulationError) as caught:
        recover(replace(problem(), simulate=late), progress=False)
    assert "finished calls" not in str(caught.value)  # there are none


def broken_later(value, times):
    """Return a function that returns its argument, and fails or returns `value` after so many calls."""
    count = iter(range(times))
    return lambda raw=True, **values: raw if next(count, None) is not None else 1 / 0 if value is None else value


@pytest.mark.parametrize(
    ("changed", "message", "kept"),
    [
        (lambda: {"feasible": broken_later(None, 13)}, "feasible .* ZeroDivisionError.*'c1'", 0),
        (lambda: {"feasible": broken_later("yes", 40)}, "feasible to return a bool; got 'yes'. Let .*'c1'", 10),
        (lambda: {"observe": broken_later(None, 8)}, "observe .* ZeroDivisionError.*'c1'", 8 + 1),
        (lambda: {"misfits": {"fine": broken_later(None, 20)}}, "the fine misfit .* ZeroDivisionError", 1),
        (lambda: {"misfits": {"fine": broken_later(X[1:], 20)}}, r"fine misfit .*\(150,\); got .*\(149,\).*'c1'", 1),
    ],
)
def test_an_error_in_another_function_is_named_and_loses_no_call(changed, message, kept):
    with pytest.raises(SimulationError, match=message) as caught:
        recover(replace(problem(), **changed()), progress=False)
    assert len(caught.value.calls) >= kept
    done = caught.value.calls
    known = len(done)
    recover(problem(), done=done, budget=40, progress=False)  # they serve once it is mended
    assert len(done) <= 40 and done[:known] == caught.value.calls[:known]


def test_earlier_calls_are_matched_by_name_and_those_of_another_problem_refused():
    done = []
    found = recover(problem(), "random", budget=12, done=done, progress=False)
    turned = Calls(replace(problem(), parameters=PARAMETERS[::-1]), 12, done)
    turned(found.calls.shares[0][::-1])
    assert turned.calls[0] is done[0] and len(done) == 12
    other = InverseProblem([Parameter("a", "", 0, 1)], lambda a: a * X, Measured(X, 0.1))
    with pytest.raises(ValueError, match=r"\['a'\]; entry 0 has \['c1', .*Pass an empty list"):
        recover(other, done=done, progress=False)
    shorter = InverseProblem(PARAMETERS, lambda **v: lines(**v)[1:], Measured(X[1:], 0.1))
    with pytest.raises(
        SimulationError, match=r"\(149,\); got .*\(150,\).*is from `done`: pass an empty list"
    ) as caught:
        recover(shorter, "random", budget=12, done=done, progress=False)
    assert "to go on" not in str(caught.value)
    for wrong in (tuple(done), found, [found], [1]):
        with pytest.raises(TypeError, match=r"done of type (list|Call); got .*Pass done=\[\]"):
            recover(problem(), done=wrong, progress=False)


@pytest.mark.parametrize("method", SEARCHERS)
def test_equal_limits_fix_a_parameter(method):
    fixed = [replace(each, lower=TRUTH[each.name], upper=TRUTH[each.name]) for each in PARAMETERS]
    found = recover(replace(problem(), parameters=[fixed[0], *PARAMETERS[1:]]), method, budget=24, progress=False)
    assert found.values["c1"] == TRUTH["c1"] and np.isnan(found.standard_errors["c1"])
    alone = recover(replace(problem(), parameters=fixed), method, budget=5, progress=False)
    assert alone.values == TRUTH and len(alone.calls) == 1 and "c1 = 3.1 (fixed) eV" in repr(alone)


# What is refused


def made(**changed):
    return replace(problem(), **changed)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Parameter("a", "Å", 4.0, 3.8), "lower ≤ upper; got .*lower=4.0, upper=3.8"),
        (lambda: Parameter("a", 3.8, 4, "Å"), r"Expected Parameter\(name, unit, lower, upper\)"),
        (lambda: Parameter("a", "", "0", 1), "finite lower ≤ upper"),
        (lambda: Parameter("a", "", np.nan, 1), "finite lower ≤ upper"),
        (lambda: Parameter("a", "", 0, np.inf), "finite lower ≤ upper"),
        (lambda: Parameter("", "", 0, 1), "finite lower ≤ upper"),
        (lambda: Parameter("a", "", 0, 1, "yes"), "finite lower ≤ upper"),
        (lambda: Parameter("a", "", 1.2, 1.8, integer=True), "whole number between the limits"),
        (lambda: made(parameters=PARAMETERS + PARAMETERS[:1]), "different names.*Rename one"),
        (lambda: made(parameters=[Parameter("a", "", 0, 1, cheap=True)]), "not cheap; got .*Add one"),
        (lambda: made(parameters=[]), "not cheap; got .*Add one"),
        *((lambda v=v: made(independent=v), "independent as one number above 8") for v in (1e9, 0, -3, 8, "x", np.nan)),
        *((lambda v=v: made(step=v), "step as one number from 1e-09 to 0.1") for v in (0, -1e-4, 0.2, "x")),
        *((lambda v=v: made(scale=v), "scale as True or False") for v in (2.5, "yes", None)),
        (lambda: made(background=X), r"\(150, k\); got values of shape \(150,\).*background\[:, None\]"),
        (lambda: made(background=np.full((150, 2), np.nan)), r"nan at index \(0, 0\) \(300 of 300 values"),
        (lambda: made(misfits={"fine": lambda curve: np.nan * curve}), "the fine misfit .*nan at index 0"),
        (lambda: made(misfits={"coarse": np.sum}), r"the coarse misfit .*shape \(m,\)"),
        (lambda: made(misfits={"coarse": lambda curve: curve[None]}), r"the coarse misfit .*\(1, 150\)"),
        (lambda: made(misfits={"coarse": lambda curve: 1 / 0}), "the coarse misfit .*ZeroDivisionError"),
        (lambda: made(background=np.ones((3, 2))), r"\(150, k\).*\(3, 2\)"),
        (lambda: made(misfits={"rough": np.sqrt}), "'rough'.*Rename"),
        (lambda: made(misfits={"coarse": np.abs}, measured=Measured(X - 5, 1.0)), "linear coarse misfit"),
        (lambda: made(misfits={"fine": np.square}), "linear fine misfit"),
        (lambda: problem().run({"c1": 1}), r"values of \['c1', .*got \['c1'\]. Add \['w1', "),
        (lambda: problem().fit(X, "best"), "misfit to be one of .*'fine'.*got 'best'"),
        (lambda: Measured(X, np.exp(-(X**2))), r"within six decades; got 3.72e-44 to 1. Was x passed first\?"),
        (lambda: Measured([1.0, np.nan, 2.0]), "nan at index 1"),
        (lambda: Measured([1.0, 2.0], [0.1, 0.0]), "number 1 is 0"),
        (lambda: Measured([1.0, 2.0], [0.1, 0.1, 0.1]), "2 values; got 3"),
        (lambda: Measured([[1.0, 2.0]]), r"\(1, 2\)"),
        (lambda: Measured(["a", "b"]), r"'a' at index 0 \(2 of 2 .*Pass one column"),
        (lambda: Measured([1.0, None]), "None at index 1"),
        (lambda: Measured([1.0, 2.0j]), r"\+0j\) at index 0"),
        (lambda: Measured([True, False]), "True at index 0"),
        (lambda: Measured([]), "no values of shape"),
        (lambda: Measured(pd.DataFrame({"x": [1, 2], "I": [3, 4]})), r"\(2, 2\). Pass one column of a table"),
        (lambda: Measured([1.0, 2.0], x=[1.0]), r"x as .*\(2,\); got .*\(1,\). Pass one x"),
        (lambda: blur(np.full(150, SIGMA), 4), r"blur\(width, sigma\).*width first"),
        (lambda: blur(-1, np.full(150, SIGMA)), "width ≥ 0, in points; got -1"),
        (lambda: blur(4, [0.1, -0.1]), "number 1 is -0.1"),
        (lambda: cumulative([0.1, -0.1]), "number 1 is -0.1"),
        (lambda: cumulative([0.1, 0.1], [1, 2, 3]), r"groups as 2 labels.*\(3,\)"),
        (lambda: cumulative([0.1, 0.1, 0.1], [1, 2, 1]), "equal ones adjacent"),
        (lambda: information(problem(), {"c1": 1, "c3": 2}), r"'h'\] are missing, \['c3'\] unknown"),
        (lambda: information(problem(), TRUTH | {"c3": 2}), r"\['c3'\] unknown"),
        (lambda: information(problem(), TRUTH | {"c1": 11}), "c1 from 0 to 10 eV; got 11"),
        (lambda: information(problem(), TRUTH | {"c1": "x"}), "c1 from 0 to 10 eV; got 'x'"),
        (lambda: information_in_box(problem(), points=0), "points = 0"),
        (lambda: information_in_box(problem(), seed=-1), "seed = -1"),
        (lambda: recover(problem(), seed="x", progress=False), "seed = 'x'"),
        (lambda: recover(problem(), "hybird", progress=False), "'hybrid'"),
        (lambda: recover(problem(), lambda calls, seed: None, progress=False), "at least once; it made no call. Let"),
        (lambda: recover(problem(), budget=6, progress=False), "budget = 6. Pass for example budget=50"),
    ],
)
def test_what_cannot_be_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


CHEAP = [*PARAMETERS, Parameter("shift", "eV", -1, 1, cheap=True)]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: made(measured=X), "measured of type Measured; got array"),
        (lambda: made(parameters={"a": (0, 1)}), "parameters of type list; got {'a'"),
        (lambda: made(parameters=PARAMETERS[0]), "parameters of type list; got Parameter"),
        (lambda: made(parameters=["a"]), "entry 0 of parameters of type Parameter; got 'a'"),
        (lambda: InverseProblem(lines, PARAMETERS, Measured(X)), "parameters of type list; got the function lines"),
        (lambda: InverseProblem(PARAMETERS, Measured(X), lines), "measured of type Measured; got the function lines"),
        (lambda: made(simulate=lambda c1, w1, c2, w2, height: X), r"simulate to take .* h\); it takes \(.* height\)"),
        (
            lambda: made(simulate=lambda c1, w1, c2, w2, h, T: X),
            r"T\)\. 'T' has no parameter: add Parameter\('T', …\), or",
        ),
        (
            lambda: made(simulate=lambda c1, w1, c2, w2: X),
            "w2\\). Let it take 'h' as well, or leave this parameter out",
        ),
        (
            lambda: made(parameters=CHEAP, simulate=lambda c1, w1, c2, w2, h, shift: X, observe=lambda raw, shift: raw),
            "'shift' is cheap: take it in `observe`, or leave cheap=True out",
        ),
        (lambda: made(feasible=lambda a: True), r"feasible to take \(c1, .*it takes \(a\)"),
        (lambda: made(parameters=CHEAP), r"observe, since \['shift'\] are cheap.*Pass a function of \(raw, shift\)"),
        (lambda: made(parameters=CHEAP, observe=lambda raw: raw), r"observe to take \(raw, shift\); it takes \(raw\)"),
        (lambda: made(simulate=X), "simulate as a function"),
        (lambda: made(observe="fit"), "observe as a function"),
        (lambda: made(feasible=True), "feasible as a function"),
        (lambda: made(misfits={"fine": X}), "the fine misfit as a function"),
        (lambda: made(misfits={"fine": lambda: X}), r"the fine misfit to take \(curve\)"),
        (lambda: made(misfits=blur(4, [0.1])), "misfits of type dict"),
        (lambda: recover(lines), "problem of type InverseProblem; got the function lines"),
        (lambda: recover(problem(), lambda calls: None), r"method to take \(calls, seed\)"),
        (lambda: recover(problem(), progress="no"), "progress as a function"),
        (lambda: information(lines, TRUTH), "problem of type InverseProblem"),
        (lambda: information(problem(), list(TRUTH)), "values of type dict"),
        (lambda: information_in_box(lines), "problem of type InverseProblem"),
        (lambda: profile(problem(), "c1"), "found of type Recovery"),
    ],
)
def test_arguments_of_another_kind_are_refused(build, message):
    with pytest.raises(TypeError, match=message):
        build()


def test_functions_that_do_not_say_what_they_take_are_accepted():
    made(misfits={"fine": np.negative}, simulate=lambda **values: lines(**values), feasible=lambda **values: True)
    made(independent=9)  # one more than is fitted


def test_a_file_is_read_by_its_columns(tmp_path):
    path = tmp_path / "scan.csv"
    pd.DataFrame({"E_eV": X, "I": X + 1, "err": 0.1}).to_csv(path, index=False)
    read = Measured.read(path, x="E_eV", value="I", sigma="err")
    np.testing.assert_allclose([read.x, read.values - 1, read.sigma + X - 0.1], [X] * 3)
    with pytest.raises(ValueError, match=r"\['counts'\] are not among \['E_eV', 'I', 'err'\]"):
        Measured.read(path, x="E_eV", value="counts")
    for text, message in {
        "E_eV,I\n1,2\n2,x\n": "column 'I' of scan.csv; got 'x' in row 3",
        "E_eV,I\n1,\n2,3\n": "got an empty cell in row 2",
        'E_eV,I\n1,2\n"2,1",3\n': "got '2,1' .*decimal point.* in row 3",
        "E_eV;I\n1;2\n": r"not among \['E_eV;I'\]. Put commas in place of ';'",
        "": "scan.csv cannot be read",
    }.items():
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            Measured.read(path, x="E_eV", value="I")
    path.write_bytes(b"PK\x03\x04\xff\xfe")  # as a workbook begins
    with pytest.raises(ValueError, match=r"cannot be read .*Save the sheet as CSV"):
        Measured.read(path, x="E_eV", value="I")
    with pytest.raises(FileNotFoundError, match=r"absent\.csv"):
        Measured.read(tmp_path / "absent.csv", x="E_eV", value="I")
