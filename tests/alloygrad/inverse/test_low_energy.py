"""LEED: intensities against CLEED's published example and symmetries; Pendry's R factor against its identities."""

import importlib.util
import os
import pickle
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import spherical_jn, spherical_yn

from alloygrad.inverse.simulators.iv_curves import IVCurves, inner_potential, pendry_y, r_pendry, shift
from alloygrad.inverse.simulators.low_energy import Atom, LeedCalculator, PhaseShifts, Surface, read_phase_shifts

EXAMPLE = Path(__file__).parents[3] / "data" / "cleed"  # cleedpy's own example
HARTREE, BOHR = 27.2113962, 0.529177249
needs_cleed = pytest.mark.skipif(importlib.util.find_spec("cleedpy") is None, reason="cleedpy is not installed")


def hard_spheres(radius: float = 1.4, l_max: int = 7, strength: float = 1.0) -> PhaseShifts:
    """tan δ_l = j_l(k r) / y_l(k r), of a radius in Å."""
    energies = np.linspace(20, 320, 301)
    x = np.sqrt(2 * energies / HARTREE) / BOHR * radius
    order = np.arange(l_max + 1)[:, None]
    return PhaseShifts(energies, strength * np.arctan(spherical_jn(order, x) / spherical_yn(order, x)).T)


A, D = 2.88, 2.03
SPHERES = hard_spheres()


def square(shift_xy=(0.0, 0.0), n_over=1, top=0.05, **options) -> Surface:
    """A (100) surface with an expanded top layer."""
    x, y = shift_xy
    layer = [Atom("X", (A / 2 * (i % 2) + x, A / 2 * (i % 2) + y, D * i), 0.1) for i in range(n_over + 1)]
    layer[-1] = replace(layer[-1], position_A=(*layer[-1].position_A[:2], D * n_over + top))
    settings = {"damping_eV": 4.0, **options}
    return Surface((A, 0), (0, A), (A / 2, A / 2, -D), layer[1:], layer[:1], {"X": SPHERES}, **settings)


ENERGIES = np.arange(60.0, 141.0, 20.0)


@pytest.fixture(scope="module")
def calculator():
    with LeedCalculator(l_max=6) as leed:
        yield leed


# Intensities


def nickel(acute: bool = False) -> Surface:
    """cleedpy's example: Cu on Ni(111). Displacements per direction there, √3 times as large here."""
    shifts = {name: read_phase_shifts(EXAMPLE / f"{name}.phs")[0] for name in ("Ni", "Cu")}
    ni, cu = (u * 3**0.5 for u in (0.025, 0.032))
    over = [Atom("Cu", (0, 0, 6.09), cu), Atom("Ni", (1.245, -0.7188, 4.06), ni), Atom("Ni", (1.245, 0.7188, 2.03), ni)]
    bulk = [
        Atom("Ni", (0, 0, 0), ni),
        Atom("Ni", (1.245, -0.7188, -2.033), ni),
        Atom("Ni", (1.245, 0.7188, -4.066), ni),
    ]
    a1, a2 = (1.245, 2.1564), (1.245, -2.1564)
    if acute:
        a2 = (2.49, 0.0)
    return Surface(a1, a2, (0, 0, -6.099), over, bulk, shifts, damping_eV=4.0, inner_potential_eV=8.0)


@needs_cleed
def test_published_example_of_cleed(calculator, monkeypatch):
    with open(EXAMPLE / "ni111_cu.csv") as file:
        printed = [tuple(map(int, name.split("|"))) for name in file.readline().split(",")[1:]]
        published = np.loadtxt(file, delimiter=",")
    energies, published = published[:, 0], published[:, 1:]
    monkeypatch.setattr(calculator, "l_max", 9)
    found = calculator(nickel(), energies).select([(k, h) for h, k in printed]).intensities  # CLEED exchanges a1 and a2
    assert (np.abs(found - published) <= 6e-7 * published).all()  # seven digits are printed
    # with a2' = a1 + a2, h' = h and k' = h + k
    acute = calculator(nickel(acute=True), energies[:2]).select([(k, h + k) for h, k in printed[:7]]).intensities
    np.testing.assert_allclose(acute, published[:2, :7], rtol=1e-3)


@needs_cleed
def test_sideways_translation_changes_nothing(calculator):
    still, moved = (calculator(square(xy), ENERGIES) for xy in ((0, 0), (0.37, -4.1)))
    assert still.beams == moved.beams
    np.testing.assert_allclose(moved.intensities, still.intensities, rtol=1e-9, atol=1e-15)


@needs_cleed
def test_equivalent_beams_are_equal(calculator):
    curves = calculator(square(), ENERGIES)
    for h, k in [(1, 0), (1, 1), (2, 1)]:
        star = [(h, k), (-h, k), (h, -k), (-h, -k), (k, h), (-k, h), (k, -h), (-k, -h)]
        equal = curves.select(star).intensities
        assert equal[-1, 0] > 0
        np.testing.assert_allclose(equal, equal[:, :1] * np.ones(8), rtol=1e-6)


@needs_cleed
def test_the_crystal_may_be_divided_at_any_layer(calculator):
    one, three = (calculator(square(n_over=n, top=0.0), ENERGIES) for n in (1, 3))
    np.testing.assert_allclose(three.intensities, one.intensities, rtol=2e-3, atol=1e-9)


@needs_cleed
def test_weak_scatterers_obey_twice_the_debye_waller_exponent(calculator):
    """One layer deep, in single scattering: I ∝ exp(−2 · (4/3) · 2 E ⟨r²⟩) for (0, 0), E and r in atomic units."""
    weak, u = PhaseShifts(SPHERES.energies_eV, SPHERES.values * [1e-2, *[0] * 7]), 0.1
    surface = replace(square(damping_eV=40.0), phase_shifts={"X": weak})
    atoms = [replace(atom, vibration_A=0.0) for atom in (*surface.overlayers, *surface.bulk)]
    still = calculator(replace(surface, overlayers=atoms[:1], bulk=atoms[1:]), [100.0])
    ratio = calculator(surface, [100.0]).intensities[0, 0] / still.intensities[0, 0]
    expected = np.exp(-2 * 2 * 8 / 6 * (110 / HARTREE) * (u / BOHR) ** 2)
    assert ratio == pytest.approx(expected, rel=0.03)


@needs_cleed
def test_a_constant_inner_potential_is_a_shift(calculator):
    deep, flat = (calculator(square(inner_potential_eV=v), np.arange(60.0, 101.0, 2.0)) for v in (12.0, 8.0))
    moved = shift(flat.select([(1, 0)]), [70.0, 80.0, 90.0], 4.0)  # the waves' exit differs by a smooth factor
    np.testing.assert_allclose(deep.select([(1, 0)]).intensities[[5, 10, 15]] / moved, 1, atol=0.1)


@needs_cleed
def test_calls_do_not_depend_on_earlier_calls(calculator):
    first = calculator(square(), ENERGIES).intensities
    calculator(square(top=0.2, damping_eV=6.0), ENERGIES[1:])
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(calculator(square(), ENERGIES).intensities)) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and all(np.array_equal(first, again) for again in found)
    copy = pickle.loads(pickle.dumps(calculator))
    assert copy.l_max == calculator.l_max and copy._process._process is None


@needs_cleed
def test_a_lost_process_is_replaced(calculator, monkeypatch):
    before = calculator(square(), ENERGIES).intensities
    os.kill(calculator._process._process.pid, signal.SIGKILL)
    try:
        after = calculator(square(), ENERGIES).intensities
    except RuntimeError as error:  # the signal came between two looks at the process
        assert "starts a new process" in str(error)
        after = calculator(square(), ENERGIES).intensities
    assert np.array_equal(before, after)
    monkeypatch.setattr(calculator, "timeout_s", 0.01)
    with pytest.raises(RuntimeError, match=r"none within 0\.01 s"):
        calculator(square(), np.arange(60.0, 300.0, 0.5))
    assert calculator._process._process is None


@needs_cleed
def test_an_error_of_cleed_is_told_once_and_the_next_call_works(calculator):
    flat = square()  # layers of 0.9 Å cannot be stacked
    flat = replace(flat, bulk_repeat=(0, 0, -0.9))
    with pytest.raises(RuntimeError, match="too close"):
        calculator(flat, ENERGIES)
    assert calculator(square(), ENERGIES).intensities.max() > 0


@needs_cleed
def test_a_forked_copy_starts_its_own_process_nothing_is_printed_or_left(calculator, capfd):
    before = calculator(square(), ENERGIES).intensities
    process = calculator._process._process
    if (child := os.fork()) == 0:
        equal = np.array_equal(calculator(square(), ENERGIES).intensities, before)
        calculator.close()
        os._exit(0 if equal else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert np.array_equal(calculator(square(), ENERGIES).intensities, before)
    assert calculator._process._process is process
    process.stdin.close()  # as at the end of the parent
    assert process.wait(timeout=20) == 0
    assert capfd.readouterr() == ("", "")


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    (tmp_path / "cleedpy.py").write_text("raise ImportError('absent')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ImportError, match=r'pip install "alloygrad\[inverse\]"'):
        LeedCalculator()(square(), ENERGIES)


# Input


SITES_IN_A_FILE = (SPHERES, SPHERES)  # as read_phase_shifts returns them
WRONG_SURFACES = [
    ("at least one atom in overlayers", {"overlayers": []}),
    ("bulk of type list; got Atom", {"bulk": Atom("X", (0, 0, 0))}),
    (r"entry 0 of bulk of type Atom; got \('X'", {"bulk": [("X", (0, 0, 0))]}),
    ("a species among", {"bulk": [Atom("Y", (0, 0, 0))]}),
    ("z < 0", {"bulk_repeat": (0, 0, 2.0)}),
    ("within one repeat", {"bulk": [Atom("X", (0, 0, 0)), Atom("X", (0, 0, -2.5))]}),
    ("above the bulk", {"overlayers": [Atom("X", (0, 0, 0.5))]}),
    ("whole numbers", {"superstructure": ((1, 0.5), (0, 1))}),
    (r"superstructure as .*got 'p2x2'. Write for example \(\(2, 0\)", {"superstructure": "p2x2"}),
    ("damping_eV = 0.0. Pass", {"damping_eV": 0.0}),
    ("inner_potential_eV = -1. Pass", {"inner_potential_eV": -1}),
    (r"a1 as .*\(2,\); got 2.8. Write \(x, y\) in Å", {"a1": 2.8}),
    (r"bulk_repeat as .*\(3,\)", {"bulk_repeat": (0, 0)}),
    ("incidence_deg as .*got 5. Write", {"incidence_deg": 5}),
    ("below 90°; got 120. Turn", {"incidence_deg": (120, 0)}),
    ("below 90°; got -5. Turn", {"incidence_deg": (-5, 0)}),
    (r"phase_shifts\['X'\] of type PhaseShifts; got 'Ni.phs'. Write", {"phase_shifts": {"X": "Ni.phs"}}),
    (r"phase_shifts\['X'\] of .*Write read_phase_shifts\(path\)\[0\]", {"phase_shifts": {"X": SITES_IN_A_FILE}}),
    ("phase_shifts of type dict", {"phase_shifts": SPHERES}),
]


@pytest.mark.parametrize(("message", "change"), WRONG_SURFACES)
def test_a_wrong_surface_is_an_error(message, change):
    good = square()
    with pytest.raises((ValueError, TypeError), match=message):
        replace(good, **change)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Atom("X", (0, 0)), r"position_A of X .*\(3,\); got values of shape \(2,\). Write"),
        (lambda: Atom("X", (0, np.nan, 0)), "position_A of X .*nan at index 1"),
        (lambda: Atom("X", (0, 0, 0), -0.1), "vibration_A = -0.1"),
        (lambda: Atom((0, 0, 0), "X"), "species of type str; got .0, 0, 0."),
        (lambda: PhaseShifts([20.0, 10.0], [[0.1], [0.2]]), r"ascending .*got \[20.0, 10.0\] …. Sort"),
        (lambda: PhaseShifts([20.0], [[0.1]]), "two ascending energies or more"),
        (lambda: PhaseShifts([20.0, 30.0], [0.1, 0.2]), r"phase shifts as .*\(2, l_max \+ 1\)"),
        (lambda: PhaseShifts("Ni.phs", "Ni"), "got 'Ni.phs'. .*read a file with read_phase_shifts"),
        (lambda: LeedCalculator()(SPHERES, ENERGIES), "surface of type Surface; got PhaseShifts"),
        (lambda: LeedCalculator()(square(), [100.0, 80.0]), "ascending energies"),
        (lambda: LeedCalculator()(square(), [6.0, 7.0]), "from 16 to"),
        (lambda: LeedCalculator()(square(), [0.06, 0.1]), "from 1 eV; got 0.06. Multiply those in keV by 1000"),
        (lambda: LeedCalculator()(square(), np.arange(100.0, 401.0, 50.0)), "to 410 eV"),
        (lambda: LeedCalculator()(square(), [np.inf]), "energies_eV as finite .*inf at index 0"),
        (lambda: LeedCalculator()(square(), "60-100"), "got '60-100'. Pass for example numpy"),
        (lambda: LeedCalculator(l_max=9)(square(), ENERGIES), "up to l_max = 9"),
        (lambda: LeedCalculator(l_max=99), "l_max as one number from 2 to 18 .*got l_max = 99"),
        (lambda: LeedCalculator(l_max=1), "l_max as a whole number ≥ 2 .*; got l_max = 1"),
        (lambda: LeedCalculator(tolerance=0), "tolerance = 0. Pass"),
        (lambda: LeedCalculator(timeout_s="x"), "timeout_s = 'x'. Pass"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_a_remedy(build, message):
    with pytest.raises((ValueError, TypeError), match=message):
        build()


def test_phase_shift_files(tmp_path):
    copper = read_phase_shifts(EXAMPLE / "Cu.phs")[0]
    assert copper.values.shape == (100, 10) and copper.values[0, :3].tolist() == [-0.4004, -0.0443, 0.0230]
    assert copper.energies_eV[-1] == pytest.approx(20 * HARTREE)
    block = "-0.4909-0.0832" + " 0.0223" * 8 + "\n" + " 0.0001 0.0000\n"
    site = tmp_path / "PHASESHIFTS"
    site.write_text("  2   -10.85    0.00  -67.83   13.72   name\n 0.5512\n" + 2 * block + " 0.6615\n" + 2 * block)
    first, second = read_phase_shifts(site)
    assert first.inner_potential == (-10.85, 0.0, -67.83, 13.72) and second.values.shape == (2, 12)
    assert first.values[1].tolist() == [-0.4909, -0.0832, *[0.0223] * 8, 0.0001, 0.0]
    for text in ("", "E;I\n1;2\n", "3 2 eV\n1.0\n0.1 0.1 0.1\n", "2 -10.85 0.0 -67.83 13.72\n 0.5\n 0.1\n"):
        site.write_text(text)
        with pytest.raises(ValueError, match="a file of phase shifts"):
            read_phase_shifts(site)


# Comparison

AXIS = np.arange(50.0, 250.0, 0.5)
CURVES = 1.2 + np.sin(AXIS[:, None] / [5, 7, 9]) * np.exp(-AXIS[:, None] / 300)


def test_r_factor_of_equal_shapes_is_zero():
    assert r_pendry(AXIS, CURVES, CURVES, 5.0).total == 0
    assert r_pendry(AXIS, CURVES, CURVES * [3, 1e-4, 1e5], 5.0, smoothing_eV=2.0).total < 1e-25


def test_y_of_known_curves():
    np.testing.assert_allclose(pendry_y(AXIS, np.exp(AXIS / 20), 5.0), 0.05 / (1 + (5 * 0.05) ** 2), rtol=1e-3)
    x, v = AXIS - 150.25, 5.0
    slope = -2 * x / (x**2 + v**2)  # of a Lorentzian of half width v: |Y| ≤ 1 / (2 v)
    y = pendry_y(AXIS, 1 / (x**2 + v**2), v)
    np.testing.assert_allclose(y, slope / (1 + (v * slope) ** 2), atol=1e-3)
    assert np.abs(y).max() == pytest.approx(1 / (2 * v), rel=1e-3)
    assert (pendry_y(AXIS, np.zeros(len(AXIS)), v) == 0).all()


def test_r_factor_of_unrelated_curves_is_about_one():
    rng = np.random.default_rng(0)
    spectra = 5 + np.abs(np.fft.irfft(rng.normal(size=(3, 40)) + 1j * rng.normal(size=(3, 40)), 400)).T * 40
    other = 5 + np.abs(np.fft.irfft(rng.normal(size=(3, 40)) + 1j * rng.normal(size=(3, 40)), 400)).T * 40
    assert 0.7 < r_pendry(AXIS, spectra, other, 5.0).total < 1.3


def test_masking_equals_dropping():
    theory = CURVES[:, ::-1] + 0.1
    gaps = CURVES.copy()
    gaps[:60, 0] = gaps[300:, 0] = np.nan
    gaps[:, 2] = np.nan
    found = r_pendry(AXIS, gaps, theory, 5.0, smoothing_eV=1.0)
    dropped = r_pendry(AXIS[60:300], CURVES[60:300, :1], theory[60:300, :1], 5.0, smoothing_eV=1.0)
    assert found.beams[0] == pytest.approx(dropped.total, rel=1e-12)
    assert np.isnan(found.beams[2]) and np.isfinite(found.total)
    with pytest.raises(ValueError, match="three neighbouring energies"):
        r_pendry(AXIS, np.full_like(CURVES, np.nan), theory, 5.0)
    for build, message in {
        lambda: r_pendry(AXIS, CURVES, theory[:, :2], 5.0): r"of one shape; .*\[:, None\]",
        lambda: r_pendry(AXIS, CURVES - 3, CURVES, 5.0): "intensities ≥ 0, .*Subtract less background",
        lambda: r_pendry(AXIS, CURVES, CURVES, 0): "v0i = 0. Pass",
        lambda: r_pendry(AXIS, CURVES, CURVES, 5.0, smoothing_eV=-1): "smoothing_eV = -1. Pass",
        lambda: r_pendry(AXIS[1:], CURVES, CURVES, 5.0): r"at 399 energies; got \(400, 3\). Pass one row",
        lambda: pendry_y(AXIS[::-1], CURVES, 5.0): "ascending energies",
        lambda: pendry_y("x", CURVES, 5.0): "energies_eV as .*got 'x'. Pass for example numpy",
        lambda: pendry_y(AXIS, ["a"] * len(AXIS), 5.0): "numbers for 'intensities'; got 'a' in row 0",
    }.items():
        with pytest.raises(ValueError, match=message):
            build()


def test_shift_moves_peaks_and_leaves_gaps():
    coarse = np.arange(40.0, 260.0, 3.0)
    beams = [(1, 0), (0, 1)]
    values = np.stack([2 + np.sin(coarse / 8), np.where(coarse < 100, 0, 2 + np.sin(coarse / 8))], axis=1)
    moved = shift(IVCurves(coarse, beams, values), AXIS, 4.0)
    np.testing.assert_allclose(moved[:, 0], 2 + np.sin((AXIS + 4) / 8), atol=2e-3)
    assert np.isnan(moved[AXIS + 4 < 100, 1]).all() and np.isfinite(moved[AXIS + 4 >= 103, 1]).all()
    assert inner_potential(1e9, (-10.85, 0.0, -67.83, 13.72)) == pytest.approx(0, abs=3e-3)
    assert inner_potential(5.0, (-10.85, 0.0, -67.83, 13.72)) == -10.85
    curves = IVCurves(coarse, beams, values)
    for build, message in {
        lambda: curves.select([(9, 9)]): r"\(9, 9\)",
        lambda: curves.select((1, 0)): r"beams as .*Write for example \[\(1, 0\)",
        lambda: shift(curves, "60-100", 4.0): "energies_eV as .*got '60-100'",
        lambda: shift(curves, AXIS, "4"): "got delta_eV = '4'. Pass a number",
        lambda: shift(curves, AXIS, [1.0, 2.0]): r"delta_eV as .*\(400,\); got .*\(2,\)",
        lambda: inner_potential(5.0, (-10.85, 0.0, -67.83)): r"coefficients as .*\(4,\).*Pass c0, c1, c2, c3",
        lambda: inner_potential("x", (-10.85, 0.0, -67.83, 13.72)): "numbers for 'energies_eV'; got 'x'",
    }.items():
        with pytest.raises(ValueError, match=message):
            build()
