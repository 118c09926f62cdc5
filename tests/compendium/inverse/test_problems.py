"""The problems have the solution that they claim, and what is checked beside the misfit is what it says."""

import json
import runpy

import numpy as np
import pandas as pd
import pytest

from alloygrad.inverse import recover
from alloygrad.inverse.simulators.iv_curves import IVCurves, r_pendry
from compendium import DATA
from compendium.inverse import checks, diffraction, prediction, race, surface
from compendium.inverse.case import r_factor
from compendium.inverse.surface import Experiment

ENERGIES = np.arange(60.0, 450.5)
STRUCTURE = {"d12": 2.0, "delta_V0": 0.0}


def wave(beam, phase=0.0):
    return 1.2 + np.sin(ENERGIES / (6 + beam[0]) + beam[1] + phase)


class Waves:
    """A setup whose curves are waves; every beam is shifted by the same phase from what was 'measured'."""

    def curves(self, most_eV, **structure):
        assert "delta_V0" not in structure and most_eV == ENERGIES[-1]
        return IVCurves(ENERGIES, [], np.empty((len(ENERGIES), 0)))

    def at(self, curves, energies, beams, delta_V0):
        return {beam: np.interp(energies, ENERGIES, wave(beam, 0.3)) for beam in beams}


def measured(beams, low, high):
    """Curves of which the second half of the beams begins late, as where a beam leaves the crystal late."""
    energies = np.arange(low, high + 0.5)
    late = {beam: low + 30 * sum(beam) for beam in beams}
    return Experiment(
        energies, {b: np.where(energies < late[b], np.nan, np.interp(energies, ENERGIES, wave(b))) for b in beams}
    )


@pytest.fixture(scope="module")
def twin():
    return race.case("xrd_synthetic", 0)


@pytest.fixture(scope="module")
def fitted(twin):
    return recover(twin.problem, budget=twin.budget, seed=0, progress=False)


# -- powder patterns ---------------------------------------------------------------------------------------------------


def test_the_truth_explains_the_synthetic_pattern_as_well_as_the_noise_allows(twin):
    fit = twin.problem.fit(twin.problem.run(twin.truth), "fine")
    assert twin.judge(twin.truth, fit) == 0
    # Only the width is not the model's own: the twin mixes two profiles.
    assert 0.8 < fit.misfit / len(twin.problem.measured) < 1.5


def test_a_shift_of_one_tolerance_is_judged_as_one(twin):
    most = twin.judge.tolerances
    assert set(most) == set(diffraction.TITANATE) and most["a"] == pytest.approx(0.002)
    for name, tolerance in most.items():
        assert twin.judge({**twin.truth, name: twin.truth[name] - tolerance}, None) == pytest.approx(1)


def test_a_recovered_pattern_is_compared_with_the_truth_and_with_the_noise(twin, fitted):
    table = checks.against_reference(twin, fitted)
    off = ((table["value"] - table["reference"]).abs() / table["tolerance"]).max()
    assert off == pytest.approx(twin.judge(fitted.values, None)) and off <= 1
    factors = checks.profile_r(fitted)
    assert (factors["R_wp"] / factors["R_exp"]) ** 2 == pytest.approx(fitted.reduced)
    data, curve = twin.problem.measured, fitted.curve
    weighted = (((data.values - curve) / data.sigma) ** 2).sum() / ((data.values / data.sigma) ** 2).sum()
    assert factors["R_wp"] == pytest.approx(np.sqrt(weighted), rel=1e-6)


def test_a_part_of_a_pattern_has_its_points_and_a_box_about_the_result(twin, fitted):
    inside = twin.problem.measured.x < 50
    part = checks.part(fitted, inside, share=0.05)
    assert len(part.measured) == inside.sum() and (part.measured.x < 50).all()
    raw = twin.problem.run(fitted.values)
    assert (part.curve(raw, {}) == raw[inside]).all()
    for each, whole in zip(part.parameters, twin.problem.parameters, strict=True):
        assert whole.lower <= each.lower <= fitted.values[each.name] <= each.upper <= whole.upper
        assert each.upper - each.lower <= 0.1001 * (whole.upper - whole.lower)


def test_the_misfits_along_a_parameter_are_least_at_the_truth_and_the_blur_widens_the_valley(twin):
    points = np.linspace(3.80, 4.00, 41)
    table = checks.misfits_along(twin.problem, twin.truth, "a", points)
    for which in ("coarse", "fine"):
        assert table[which].min() == 0 and table[which].max() == 1
        assert abs(table["a"][table[which].idxmin()] - twin.truth["a"]) < 0.01
    assert (table["coarse"] < 0.5).sum() > (table["fine"] < 0.5).sum()


@pytest.mark.parametrize(("values", "count"), [([3, 2, 1], 1), ([1, 2, 1], 2), ([2, 1, 2, 0, 3], 2), ([1, 3, 2], 2)])
def test_minima_are_counted_with_the_ends(values, count):
    assert checks.minima(np.array(values)) == count


def test_counts_are_read_in_columns_of_eight_and_a_short_file_is_refused(tmp_path):
    path, counts = tmp_path / "pattern.xra", np.arange(7) * 111.0
    rows = ["".join(f"{count:8.0f}" for count in part) for part in (counts[:4], counts[4:])]
    path.write_text("\n".join(["  10.0   0.5   13.0", "a title", *rows]))
    angles, read = diffraction.read_counts(path)
    assert read.tolist() == counts.tolist() and angles.tolist() == [10, 10.5, 11, 11.5, 12, 12.5, 13]
    path.write_text("\n".join(["  10.0   0.5   13.5", "a title", *rows]))
    with pytest.raises(ValueError, match=r"Expected 8 counts from 10 to 13\.5.*got 7"):
        diffraction.read_counts(path)


def test_bins_hold_the_mean_of_their_counts_and_its_error():
    angles, counts = np.arange(10.0, 20.0, 0.5), np.arange(20.0)
    values, sigma, middle = diffraction.binned(angles, counts, 12.0, 17.0, 2)
    assert values.tolist() == [4.5, 6.5, 8.5, 10.5, 12.5] and middle[0] == 12.25  # the eleventh point has no partner
    assert sigma * 2 == pytest.approx(np.sqrt(2 * values))  # of the sum of two counts
    assert diffraction.binned(angles, counts * 0, 12.0, 17.0, 2)[1].min() == pytest.approx(np.sqrt(0.5))


# -- low-energy electron diffraction -----------------------------------------------------------------------------------


def test_r_factors_of_a_table_are_those_of_pendry():
    experiment = measured(surface.BEAMS, 60, 450)
    table = checks.compared(Waves(), STRUCTURE, experiment)
    flat = {of: table.pivot(index="energy_eV", columns="beam", values=of) for of in ("measured", "computed")}
    names, energies = flat["measured"].columns, flat["measured"].index
    pair = (flat["measured"].to_numpy(), flat["computed"].to_numpy())
    expected = r_pendry(energies, *pair, surface.V0I_EV, smoothing_eV=surface.SMOOTHING_EV)
    found = checks.r_factors(table).set_index("beam")
    assert found.loc["all", "r_p"] == pytest.approx(expected.total, rel=1e-9)
    assert found.loc[names, "r_p"].to_numpy() == pytest.approx(expected.beams, rel=1e-9)
    assert found.loc["all", "points"] == len(table) == found.drop("all")["points"].sum()
    assert table.groupby("beam")[["measured", "computed"]].mean().to_numpy() == pytest.approx(1)


def test_what_is_held_out_and_what_was_fitted_are_all_points_and_share_none(monkeypatch):
    monkeypatch.setattr(surface, "silver_setup", lambda **settings: Waves())
    monkeypatch.setattr(surface, "silver_experiment", measured)
    curves = checks.silver_curves(STRUCTURE)
    whole = measured(checks.MEASURED_BEAMS, 60, 450)
    assert len(curves) == sum(np.isfinite(curve).sum() for curve in whole.intensities.values())
    assert not curves.duplicated(["beam", "energy_eV"]).any()
    seen = curves[curves["fitted"]]
    assert set(seen["beam"]) == {"({},{})".format(*beam) for beam in surface.BEAMS} and seen["energy_eV"].max() == 250
    table = checks.held_out(curves)
    apart = checks.compared(Waves(), STRUCTURE, measured(surface.BEAMS, 60, 450))
    own = checks.r_factors(seen).set_index("beam")
    assert table[table["fitted"]].set_index("beam")["r_p"].to_dict() == own["r_p"].to_dict()
    assert (table.loc[~table["fitted"] & table["beam"].isin(apart["beam"]), "low_eV"] == 251).all()
    assert table.groupby("fitted")["points"].apply(lambda points: points.iloc[:-1].sum() == points.iloc[-1]).all()


def test_the_twin_of_a_surface_is_solved_by_its_truth_and_scored_alike_by_both_routes():
    pytest.importorskip("cleedpy")
    twin = race.case("leed_cu100", 0)
    raw = twin.problem.run(twin.truth)
    fit = twin.problem.fit(raw, "fine")
    assert twin.judge(twin.truth, fit) <= 1
    assert abs(fit.cheap["delta_V0"] - twin.truth["delta_V0"]) < 0.5
    experiment = checks.fitted_experiment(twin)
    assert (experiment.flat(experiment.intensities) == twin.problem.measured.values).all()
    table = checks.r_factors(checks.compared(surface.copper_setup(), twin.truth | fit.cheap, experiment))
    assert table.iloc[-1]["r_p"] == pytest.approx(r_factor(fit), rel=1e-6)


# -- the example of notebook 50 ----------------------------------------------------------------------------------------


def test_the_example_spectrum_is_what_its_script_builds():
    built = runpy.run_path(str(DATA / "examples" / "build_my_spectrum.py"))["table"]()
    pd.testing.assert_frame_equal(built, pd.read_csv(DATA / "examples" / "my_spectrum.csv"))


@pytest.mark.skipif(not race.available("leed_ag100"), reason="no measured curves of Ag(100)")
def test_a_prediction_counts_every_point_that_was_not_fitted(monkeypatch):
    for name, value in {"L_MAX": 5, "STEP_EV": 8.0, "MOST_EV": 320.0}.items():
        monkeypatch.setattr(prediction, name, value)
    values = {"d12": 2.02, "d23": 2.07, "d34": 2.05, "u_surface": 0.09, "u_bulk": 0.07, "V_i": 3.4, "delta_V0": 2.5}
    found = prediction.judged({"values": json.dumps(values), "off": 0.5})
    curves = checks.silver_curves(values, 5, 8.0, 320.0)
    unseen = curves[~curves["fitted"]]
    assert found["fit"] == pytest.approx(0.5 * surface.MOST_R_FACTOR)
    squares = ((unseen["y_computed"] - unseen["y_measured"]) ** 2).sum()
    assert found["unseen"] == pytest.approx(squares / (unseen["y_computed"] ** 2 + unseen["y_measured"] ** 2).sum())
    assert set(prediction.SEVEN_BEAMS) <= set(curves["beam"]) and 0 < found["seven"] < 1
