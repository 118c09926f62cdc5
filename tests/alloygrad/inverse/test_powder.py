"""Powder patterns agree with two other programs, and with what symmetry and normalisation demand."""

import ast
import pickle
import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from alloygrad.inverse.simulators.powder import CU_K_ALPHA, Powder, Reflections, Site, pattern

gemmi = pytest.importorskip("gemmi", reason="form factors and symmetry come from gemmi")

GRID = np.arange(15, 90, 0.05)
CELLS = {
    "P n m a": (8.48, 5.398, 6.958),
    "P 4 m m": (3.904, 3.904, 4.152),
    "P 31 2 1": (4.91, 4.91, 5.40, 90, 90, 120),
    "C 1 2 1": (9.1, 5.2, 7.3, 90, 101, 90),
    "P -1": (5.1, 6.2, 7.3, 82, 95, 104),
    "F m -3 m": (5.64, 5.64, 5.64),
    "R -3 m:H": (4.76, 4.76, 12.99, 90, 90, 120),
}
SITES = {
    "P n m a": [
        Site("Pb", (0.1882, 0.25, 0.167)),
        Site("S", (0.063, 0.25, 0.686)),
        Site("O", (-0.095, 0.25, 0.600)),
        Site("O", (0.181, 0.25, 0.543)),
        Site("O", (0.085, 0.026, 0.806)),
    ],
    "P 4 m m": [
        Site("Pb", (0, 0, 0)),
        Site("Ti", (0.5, 0.5, 0.54)),
        Site("O", (0.5, 0.5, 0.11)),
        Site("O", (0.5, 0, 0.62)),
    ],
    "P 31 2 1": [Site("Si", (0.47, 0, 1 / 3)), Site("O", (0.413, 0.267, 0.452), 0.9, 1.1)],
    "C 1 2 1": [Site("Fe", (0.11, 0.22, 0.33)), Site("Cu", (0, 0.6, 0.5)), Site("O", (0.31, 0.05, 0.12), 0.7, 0.2)],
    "P -1": [Site("Ba", (0.1, 0.2, 0.3)), Site("Cl", (0.5, 0, 0), 1, 1.5)],
    "F m -3 m": [Site("Na", (0, 0, 0)), Site("Cl", (0.5, 0.5, 0.5))],
    "R -3 m:H": [Site("Bi", (0, 0, 0.2)), Site("Te", (0, 0, 0))],
}
every_group = pytest.mark.parametrize("group", CELLS)


def strengths(found: Reflections, digits: int = 9) -> dict:
    """Return the summed intensity at each d, whatever the order and the grouping."""
    total = {}
    for d, value in zip(found.d_A.round(digits), found.intensity, strict=True):
        total[d] = total.get(d, 0) + value
    return {d: value for d, value in total.items() if value > 1e-12 * max(total.values())}


def in_p1(group: str) -> list[Site]:
    """Return all atoms of the cell, found by brute force."""
    atoms = []
    for site in SITES[group]:
        images = [np.mod(op.apply_to_xyz(list(site.xyz)), 1) for op in gemmi.SpaceGroup(group).operations()]
        different = []
        for image in images:
            if all(np.abs((image - other + 0.5) % 1 - 0.5).max() > 1e-6 for other in different):
                different.append(image)
        atoms += [replace(site, xyz=tuple(image)) for image in different]
    return atoms


def plain(sites, **changes):
    return [replace(site, **changes) for site in sites]


@pytest.mark.parametrize(("group", "percent"), [("P n m a", 0.23), ("P 4 m m", 0.22)])
def test_lines_agree_with_pymatgen(group, percent):
    """Both programs parametrise form factors on their own: 0.2 % of the strongest line is the whole difference."""
    xrd = pytest.importorskip("pymatgen.analysis.diffraction.xrd", reason="the oracle is in pymatgen, not its core")
    from pymatgen.core import Lattice, Structure

    wavelength, cell, sites = 1.5405929, CELLS[group], plain(SITES[group], b_iso=0)
    found = Powder(group, sites, GRID, lines=[(wavelength, 1)], anomalous=False).reflections(cell)
    theta = np.arcsin(wavelength / 2 / found.d_A)
    intensity = found.intensity * (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))

    lattice = Lattice.from_parameters(*cell, 90, 90, 90)
    crystal = Structure.from_spacegroup(group, lattice, [s.element for s in sites], [s.xyz for s in sites])
    oracle = xrd.XRDCalculator(wavelength).get_pattern(crystal, scaled=False, two_theta_range=(0, GRID[-1]))
    d = np.array(oracle.d_hkls)
    nearest = np.abs(np.log(d[:, None] / found.d_A)).argmin(1)
    np.testing.assert_allclose(found.d_A[nearest], d, rtol=1e-6)
    here = np.abs(np.log(d[:, None] / found.d_A)) < 1e-6  # the oracle merges lines that coincide, drops the weakest
    got = here @ intensity
    assert np.abs(got / got.max() - oracle.y / oracle.y.max()).max() < percent / 100
    assert got.max() == pytest.approx(oracle.y.max(), rel=0.003)
    assert intensity[~here.any(0)].sum() < 1e-4 * got.max()


@every_group
def test_structure_factors_agree_with_those_of_gemmi(group):
    """Without f″, which its calculator does not know."""
    powder = Powder(group, SITES[group], GRID)
    powder._dispersion[1] = 0
    structure = gemmi.SmallStructure()
    structure.cell = gemmi.UnitCell(*CELLS[group], *(90, 90, 90)[: 6 - len(CELLS[group])])
    structure.spacegroup = gemmi.SpaceGroup(group)
    for site in SITES[group]:
        entry = gemmi.SmallStructure.Site()
        entry.element, entry.fract = gemmi.Element(site.element), gemmi.Fractional(*site.xyz)
        entry.occ, entry.u_iso = site.occupancy, site.b_iso / (8 * np.pi**2)
        structure.add_site(entry)
    structure.setup_cell_images()
    structure.change_occupancies_to_crystallographic()
    calculator = gemmi.StructureFactorCalculatorX(structure.cell)
    for element in {site.element for site in SITES[group]}:
        z = gemmi.Element(element).atomic_number
        calculator.addends.set(gemmi.Element(element), gemmi.cromer_liberman(z, gemmi.hc / CU_K_ALPHA[0][0])[0])
    found = powder.reflections(CELLS[group])
    expected = [abs(calculator.calculate_sf_from_small_structure(structure, list(map(int, h)))) ** 2 for h in found.hkl]
    np.testing.assert_allclose(found.intensity / found.multiplicity, expected, rtol=1e-5, atol=1e-5 * max(expected))


@every_group
def test_absorption_counts_as_the_mean_of_h_and_minus_h(group):
    """The definition, atom by atom with complex form factors, against the sum of two squares."""
    found = Powder(group, SITES[group], GRID).reflections(CELLS[group])
    s2 = 1 / (2 * found.d_A) ** 2
    forward, backward = np.zeros((2, len(s2)), dtype=complex)
    for atom in in_p1(group):
        element = gemmi.Element(atom.element)
        real, imaginary = gemmi.cromer_liberman(element.atomic_number, gemmi.hc / CU_K_ALPHA[0][0])
        factor = np.array([element.it92.calculate_sf(s) for s in s2]) + real + 1j * imaginary
        factor *= atom.occupancy * np.exp(-atom.b_iso * s2)
        wave = np.exp(2j * np.pi * (found.hkl @ atom.xyz))
        forward, backward = forward + factor * wave, backward + factor * wave.conj()
    expected = (np.abs(forward) ** 2 + np.abs(backward) ** 2) / 2
    np.testing.assert_allclose(found.intensity / found.multiplicity, expected, rtol=1e-5, atol=1e-9 * expected.max())


@every_group
def test_the_crystal_written_out_in_p1_gives_the_same_lines(group):
    """Operations, multiplicities, absences and special positions are right."""
    found = strengths(Powder(group, SITES[group], GRID).reflections(CELLS[group]))
    other = strengths(Powder("P 1", in_p1(group), GRID).reflections(CELLS[group]))
    assert found.keys() == other.keys()
    np.testing.assert_allclose(
        [found[d] for d in other], list(other.values()), rtol=1e-9, atol=1e-9 * max(other.values())
    )


def test_the_pattern_of_p1_is_the_same():
    width = (0.01, 0.0, 0.02)
    one = Powder("P n m a", SITES["P n m a"], GRID)(CELLS["P n m a"], width=width)
    other = Powder("P 1", in_p1("P n m a"), GRID)(CELLS["P n m a"], width=width)
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * one.max())


@pytest.mark.parametrize("march", [0.6, 1.4])
@every_group
def test_texture_is_the_mean_over_the_form(group, march):
    """In P1, the mean over the axes that the point group makes of one gives the lines that symmetry gives."""
    axis = np.array([1, 0, 2])
    grid = GRID[GRID < 60]
    found = strengths(Powder(group, SITES[group], grid, texture_axis=axis).reflections(CELLS[group], march=march))
    axes = {
        tuple(int(i) for i in op.apply_to_hkl(axis.tolist())) for op in gemmi.SpaceGroup(group).operations().sym_ops
    }
    atoms, others = in_p1(group), []
    for image in axes:
        powder = Powder("P 1", atoms, grid, texture_axis=image)
        others.append(strengths(powder.reflections(CELLS[group], march=march)))
    expected = [np.mean([other[d] for other in others]) for d in found]
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-9, atol=1e-9 * max(expected))


def test_texture_keeps_the_number_of_crystallites():
    """The mean of March and Dollase's function over all directions is 1, and r = 1 changes nothing."""
    powder = Powder("P 1", [Site("C", (0, 0, 0), b_iso=0)], [60.0], texture_axis=(0, 0, 1))
    cell = (40, 40, 40)
    flat, needles, plates = (powder.reflections(cell, march=r, two_theta_max_deg=50) for r in (1, 1.3, 0.8))
    outer = flat.d_A < 2.5
    assert outer.sum() > 5000  # directions
    for textured in (needles, plates):
        assert (textured.intensity / flat.intensity)[outer].mean() == pytest.approx(1, abs=0.005)
    along = (flat.hkl[:, :2] == 0).all(1) & outer
    np.testing.assert_allclose((plates.intensity / flat.intensity)[along], 0.8**-3)
    np.testing.assert_array_equal(powder.reflections(cell, two_theta_max_deg=50).intensity, flat.intensity)


def test_salt_has_no_mixed_reflections():
    found = Powder("F m -3 m", SITES["F m -3 m"], GRID).reflections(CELLS["F m -3 m"])
    assert (found.hkl % 2 == found.hkl[:, :1] % 2).all()
    assert found.multiplicity[:4].tolist() == [8, 6, 12, 24]  # 111, 200, 220, 311
    assert (np.diff(found.d_A) <= 0).all()


@every_group
def test_a_shift_of_the_origin_changes_nothing(group):
    atoms = in_p1(group)
    moved = [replace(atom, xyz=tuple(np.add(atom.xyz, (0.13, -0.41, 0.77)))) for atom in atoms]
    one, other = (Powder("P 1", sites, GRID).reflections(CELLS[group]).intensity for sites in (atoms, moved))
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9 * one.max())


def test_a_crystal_and_its_mirror_image_have_the_same_lines():
    """Friedel: a powder shows h and −h together, even where f″ makes their structure factors differ."""
    atoms = in_p1("C 1 2 1")
    mirror = [replace(atom, xyz=tuple(np.negative(atom.xyz))) for atom in atoms]
    one, other = (Powder("P 1", sites, GRID).reflections(CELLS["C 1 2 1"]).intensity for sites in (atoms, mirror))
    np.testing.assert_allclose(one, other, rtol=1e-9)


@every_group
def test_half_the_occupancies_give_a_quarter_of_the_intensities(group):
    powder = Powder(group, SITES[group], GRID)
    half = [replace(site, occupancy=site.occupancy / 2) for site in SITES[group]]
    one, other = (powder.reflections(CELLS[group], sites=sites).intensity for sites in (SITES[group], half))
    np.testing.assert_allclose(other, one / 4)


def test_the_displacement_parameter_enters_as_debye_and_waller_say():
    powder = Powder("F m -3 m", plain(SITES["F m -3 m"], b_iso=0), GRID)
    cold = powder.reflections(CELLS["F m -3 m"])
    warm = powder.reflections(CELLS["F m -3 m"], sites=plain(SITES["F m -3 m"], b_iso=2))
    np.testing.assert_allclose(warm.intensity, cold.intensity * np.exp(-2 * 2 / (2 * cold.d_A) ** 2))


def test_a_special_position_keeps_its_number_of_atoms():
    """Titanium leaves the fourfold axis in eight parts of one eighth each: no jump."""
    powder, sites = Powder("P 4 m m", SITES["P 4 m m"], GRID), SITES["P 4 m m"]
    moved = [*sites[:1], replace(sites[1], xyz=(0.5 + 1e-6, 0.5, 0.54)), *sites[2:]]
    one, other = (powder.reflections(CELLS["P 4 m m"], sites=s).intensity for s in (sites, moved))
    np.testing.assert_allclose(one, other, rtol=1e-6)
    up = powder.reflections(CELLS["P 4 m m"], sites=[replace(s, xyz=tuple(np.add(s.xyz, (0, 0, 0.1)))) for s in sites])
    np.testing.assert_allclose(up.intensity, one)


@every_group
def test_a_used_powder_equals_a_new_one(group):
    """The list of Miller indices serves other cells, longer and shorter, and a copy in another process."""
    used = Powder(group, SITES[group], GRID)
    for factor in (1, 0.9, 1.25, 0.5, 1.1):
        cell = (*(factor * np.array(CELLS[group][:3])), *CELLS[group][3:])
        got, expected = used(cell), Powder(group, SITES[group], GRID)(cell)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12 * expected.max())
        used = pickle.loads(pickle.dumps(used))


def one_line(d=3.0):
    return Reflections(np.array([[1, 0, 0]]), np.array([2]), np.array([d]), np.array([1.0]))


@pytest.mark.parametrize("mixing", [0, 0.4, 1])
@pytest.mark.parametrize("fwhm", [0.05, 0.2, 0.5])
def test_the_area_of_a_peak_does_not_depend_on_its_width(fwhm, mixing):
    grid = np.arange(10, 60, 0.01)
    theta = np.arcsin(1.5 / 6)
    expected = (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
    y = pattern(grid, one_line(), [(1.5, 1)], width=(0, 0, fwhm**2), mixing=mixing)
    assert y.sum() * 0.01 == pytest.approx(expected, rel=1e-4)
    wide = grid[y > y.max() / 2]
    assert wide[-1] - wide[0] == pytest.approx(fwhm, abs=0.02)
    assert grid[y.argmax()] == pytest.approx(np.degrees(2 * theta), abs=0.006)


def test_zero_shift_lines_and_monochromator():
    grid = np.arange(10, 60, 0.01)
    y = pattern(grid, one_line(), [(1.5, 1)], zero_deg=0.3)
    assert grid[y.argmax()] == pytest.approx(np.degrees(2 * np.arcsin(0.25)) + 0.3, abs=0.006)
    parts = [pattern(grid, one_line(), [line]) for line in CU_K_ALPHA]
    np.testing.assert_allclose(pattern(grid, one_line(), CU_K_ALPHA), sum(parts))
    ratio = (
        pattern(grid, one_line(), [(1.5, 1)], monochromator_deg=90).sum() / pattern(grid, one_line(), [(1.5, 1)]).sum()
    )
    assert ratio == pytest.approx(1 / (1 + np.cos(2 * np.arcsin(0.25)) ** 2))
    assert (pattern(grid, one_line(0.7), [(1.5, 1)]) == 0).all()  # sin θ > 1


def test_a_pattern_moves_smoothly():
    """Central differences with two steps agree: peaks and the ends of their tails come and go without a jump."""
    powder = Powder("P n m a", SITES["P n m a"], GRID)
    slopes = []
    for step in (1e-5, 1e-6):
        high, low = (powder((8.48 + sign * step, 5.398, 6.958), mixing=1.0) for sign in (1, -1))
        slopes.append((high - low) / (2 * step))
    assert np.abs(slopes[0] - slopes[1]).max() < 1e-3 * np.abs(slopes[0]).max()


def wrong(message, **changes):
    return pytest.param(message, changes, id=message)


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        wrong("Expected a space group.*got 'P 4 x x'", space_group="P 4 x x"),
        wrong("got 'Fm3m-'. Is 'F m -3 m' meant", space_group="Fm3m-"),
        wrong("space_group of type str; got 99.*in quotation marks", space_group=99),
        wrong("Expected a symbol from H to Cf.*got \"?'?Qq", sites=[Site("Qq", (0, 0, 0))]),
        wrong("Expected a symbol.*got 'Pb2\\+'.*charges", sites=[Site("Pb2+", (0, 0, 0))]),
        wrong("Expected at least one site", sites=[]),
        wrong("sites of type list; got Site.*Write for example", sites=Site("Pb", (0, 0, 0))),
        wrong("site 0 of type Site; got .'Pb'", sites=[("Pb", (0, 0, 0))]),
        wrong(
            "sum to 2 at .* 0 .Na., 1 .Cl.. Correct",
            sites=[Site("Na", (0.1, 0.2, 0.3)), Site("Cl", (-0.2, 1.1, 0.3))],  # turned by 90°
        ),
        wrong("2θ between 0 and 180°; got 0 to 20", two_theta_deg=[0, 20]),
        wrong("2θ between 0 and 180°; got 20 to 180", two_theta_deg=[20, 180]),
        wrong("increasing order; got 20 before 20 at index 1", two_theta_deg=[10, 20, 20, 30]),
        wrong("angles 2θ as .*no values", two_theta_deg=[]),
        wrong("angles 2θ as .*got '20-60'. Pass for example numpy", two_theta_deg="20-60"),
        *(
            wrong(r"lines as .*\(n, 2\).*Write for example \[\(1.5406, 1.0\)\]", lines=lines)
            for lines in (1.5406, [1.54, 1.54], (1.5406, 1.0), [])
        ),
        *(wrong("wavelengths and weights above 0", lines=[line]) for line in ((-1, 1), (1.54, 0))),
        wrong("texture_axis as .*got '001'. Write for example", texture_axis="001"),
        wrong("texture_axis with a direction", texture_axis=(0, 0, 0)),
    ],
)
def test_a_wrong_crystal_is_an_error(message, changes):
    with pytest.raises((ValueError, TypeError), match=message):
        Powder(**{"space_group": "P 4 m m", "sites": SITES["P 4 m m"], "two_theta_deg": GRID} | changes)


@pytest.mark.parametrize(
    "arguments",
    [
        ("Pb", (0, np.nan, 0)),
        ("Pb", (0, 0)),
        ("Pb", 0.5),
        ("Pb", ("0", "0", "0")),
        ((0, 0, 0), "Pb"),
        (82, (0, 0, 0)),
        ("Pb", (0, 0, 0), 50),
        ("Pb", (0, 0, 0), -1),
        ("Pb", (0, 0, 0), 1, -5),
        ("Pb", (0, 0, 0), 1, "a"),
        ("Pb", (0, 0, 0), 1, np.inf),
    ],
)
def test_a_wrong_site_is_an_error(arguments):
    with pytest.raises(ValueError, match=r"occupancy from 0 to 1 and b_iso ≥ 0 Å²; got Site.*Write for example Site"):
        Site(*arguments)


def test_parts_of_atoms_may_share_a_place():
    Powder("P 4 m m", [Site("Na", (0, 0, 0), 0.4), Site("Cl", (0, 0, 0), 0.6)], GRID)


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        wrong("Expected a cell .*positive.*-4.*Pass", cell=(4, 4, -4)),
        wrong("cell as .*inf at index 2.*Pass .a, b, c.", cell=(4, 4, np.inf)),
        wrong("Expected a cell .*got .4.0, 4.0.. Pass three or six", cell=(4, 4)),
        wrong("cell as .*got 5.64. Pass .a, b, c.", cell=5.64),
        wrong("cell as .*got '5,64' .*decimal point.* at index 0", cell=("5,64",) * 3),
        wrong("Expected angles that three axes can have.*smaller than the sum", cell=(4, 4, 4, 10, 10, 170)),
        wrong("the cell's angles in degrees; got .1.57", cell=(4, 4, 4.1, 1.57, 1.57, 1.57)),
        wrong("up to 2θ = .*; the cell .0.39.* has none. Is the cell in Å", cell=(0.39, 0.39, 0.415)),
        wrong("at most 1000000 reflections.* in Å", cell=(390.4, 390.4, 415.2)),
        wrong("Expected sites of .'Pb', 'Ti'.*dataclasses.replace", sites=SITES["P 4 m m"][:2]),
        wrong("sites of type list; got Site", sites=SITES["P 4 m m"][0]),
        *(wrong(f"march as one number from 0.01 to 100 .*got march = {v!r}", march=v) for v in (0, "a", np.inf)),
        wrong("FWHM² > 0 at some angle", width=(0, 0, -0.1)),
        wrong(r"width as .*\(3,\); got 0.1. Write \(U, V, W\)", width=0.1),
        wrong("width as .*nan at index 2", width=(0, 0, np.nan)),
        *(
            wrong(f"zero_deg as one number from -10 to 10°; got zero_deg = {v!r}", zero_deg=v)
            for v in (np.nan, "a", 100)
        ),
        *(wrong("mixing as one number from 0 to 1", mixing=v) for v in (2, -0.1, "a")),
        *(wrong("monochromator_deg as one number from 0 to 180", monochromator_deg=v) for v in (400, "a")),
    ],
)
def test_a_wrong_call_is_an_error(message, changes):
    powder = Powder("P 4 m m", SITES["P 4 m m"], GRID)
    with pytest.raises((ValueError, TypeError), match=message):
        powder(**{"cell": CELLS["P 4 m m"]} | changes)


def test_angles_in_radians_are_noticed():
    with pytest.raises(ValueError, match="are the angles of the pattern in degrees"):
        Powder("P 4 m m", SITES["P 4 m m"], np.radians(GRID))(CELLS["P 4 m m"])


@pytest.mark.parametrize(
    ("group", "cell", "system", "nearest"),
    [
        ("F m -3 m", (5.64, 5.64, 5.70), "a = b = c and α = β = γ = 90°", None),
        ("P 4 m m", (4, 4.1, 4.2), "a = b and", None),
        ("P n m a", (8.48, 5.398, 6.958, 90, 91, 90), "α = β = γ = 90°", (8.48, 5.398, 6.958, 90, 90, 90)),
        ("P 31 2 1", (4.91, 4.91, 5.40), "γ = 120°", None),
        ("R -3 m:H", (4.76, 4.80, 12.99, 90, 90, 120), "γ = 120°", None),
        ("C 1 2 1", (9.1, 5.2, 7.3, 91, 101, 90), "two angles of 90°", (9.1, 5.2, 7.3, 90, 101, 90)),
    ],
)
def test_a_cell_without_the_symmetry_gets_one_with_it(group, cell, system, nearest):
    """What the error proposes is accepted, and close by."""
    powder = Powder(group, SITES[group], GRID)
    with pytest.raises(ValueError, match=f"{system}.* Pass for example") as caught:
        powder(cell)
    proposed = ast.literal_eval(re.search(r"Pass for example (\(.*\))\.", str(caught.value))[1])
    powder(proposed)
    if nearest:
        np.testing.assert_allclose(proposed, nearest, rtol=1e-2)


def test_without_gemmi_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gemmi", None)
    with pytest.raises(ImportError, match=r'pip install "alloygrad\[inverse\]"'):
        Powder("P 4 m m", SITES["P 4 m m"], GRID)
