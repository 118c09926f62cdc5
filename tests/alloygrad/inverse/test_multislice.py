"""Multislice and lens: conservation laws, shifts and limits that hold exactly, and abtem as an independent code."""

import numpy as np
import pytest

from alloygrad.inverse.simulators import multislice
from alloygrad.inverse.simulators.multislice import Atom, Lens, Multislice, interaction, wavelength

pytest.importorskip("gemmi")

SIDES, SHAPE = (4.036, 5.6455), (40, 56)
LENS = Lens(6.0, (1.0, -2.0), Cs_um=-15, C5_mm=4, focal_spread_nm=2, convergence_mrad=0.2, image_spread_A=0.2)


def titanate(b_iso=0.5, raised=0.0):
    """BaTiO3 along [110], two layers; all atoms may be raised a little above the border of their slice."""
    side = SIDES[1]
    rows = [
        ("Ba", 0.0, 0.0, 0.0), ("Ba", 0.0, 0.5, 0.5), ("Ti", 2.1, 0.0, 0.5), ("Ti", 2.1, 0.5, 0.0),
        ("O", 4.0, 0.0, 0.5), ("O", 4.0, 0.5, 0.0), ("O", 2.0, 0.25, 0.25), ("O", 2.0, 0.75, 0.25),
        ("O", 2.0, 0.25, 0.75), ("O", 2.0, 0.75, 0.75),
    ]  # fmt: skip
    return [Atom(element, (x, y * side, z * side + raised), b_iso) for element, x, y, z in rows]


def cell(slices=4, shape=SHAPE, **options):
    return Multislice(SIDES, shape, [SIDES[1] / slices] * slices, **options)


def shifted(cell, beams, x, y):
    """Move a wave by (x, y) in Å."""
    along_x, along_y = cell.frequencies
    return beams * np.exp(-2j * np.pi * (along_x * x + along_y * y))


def correlation(one, other):
    return np.corrcoef(np.ravel(one), np.ravel(other))[0, 1]


# -- constants ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("energy", "picometres"), [(80, 4.1757), (200, 2.5079), (300, 1.9687)])
def test_wavelengths_are_those_of_textbooks_and_the_interaction_is_de_broglies(energy, picometres):
    assert 100 * wavelength(energy) == pytest.approx(picometres, abs=1e-4)
    # σ = 2π m λ / h² with the relativistic mass, in SI units.
    mass, charge, planck = 9.1093837e-31 * (1 + energy / 510.99895), 1.602176634e-19, 6.62607015e-34
    expected = 2 * np.pi * mass * charge * wavelength(energy) * 1e-10 / planck**2 * 1e-10
    assert interaction(energy) == pytest.approx(expected, rel=1e-7)


# -- the crystal -------------------------------------------------------------------------------------------------------


def test_the_mean_potential_is_the_sum_of_forward_scattering_factors():
    gemmi = pytest.importorskip("gemmi")
    total = sum(sum(gemmi.Element(atom.element).c4322.a) for atom in titanate())
    mean = cell().potentials(titanate()).sum(0).mean()
    assert mean == pytest.approx(47.87765 * total / np.prod(SIDES), rel=1e-9)


def test_atoms_move_with_their_potential_and_heavy_vibration_spreads_it():
    one = cell()
    step = SIDES[0] / SHAPE[0]
    still = one.potentials([Atom("Ti", (0, 0, 0))])[0]
    moved = one.potentials([Atom("Ti", (3 * step, 0, 0))])[0]
    assert moved == pytest.approx(np.roll(still, 3, axis=0), abs=1e-9 * still.max())
    assert one.potentials([Atom("Ti", (0, 0, 0), 1.5)]).max() < 0.8 * still.max()
    half = one.potentials([Atom("Ti", (0, 0, 0), occupancy=0.5)])[0]
    assert half == pytest.approx(still / 2)


def test_electrons_are_neither_made_nor_lost_but_by_absorption_and_the_cut():
    """A smooth potential scatters no beam beyond the cut: the flux stays, and absorption takes the expected share."""
    soft = titanate(b_iso=8.0)
    flux = (np.abs(cell().beams(soft, 6)) ** 2).sum((1, 2))
    assert flux == pytest.approx(1, abs=1e-6)
    thin, strength = Multislice(SIDES, SHAPE, [1e-3], absorption=0.05), interaction(300)
    light = [Atom("O", (0, 0, 0), 20.0, occupancy=0.01)]
    lost = 1 - (np.abs(thin.beams(light)) ** 2).sum()
    assert lost == pytest.approx(2 * strength * 0.05 * thin.potentials(light).mean(), rel=1e-3)


def test_vacuum_is_passed_in_one_step_or_two_alike():
    one, two = Multislice(SIDES, SHAPE, [7.0]), Multislice(SIDES, SHAPE, [3.0, 4.0])
    rng = np.random.default_rng(0)
    entering = one.kept * (rng.normal(size=SHAPE) + 1j * rng.normal(size=SHAPE))
    tilts = [dict(tilt_mrad=tilt, entering=entering) for tilt in ((0, 0), (4, -3))]
    for options in tilts:
        assert one.beams([], **options) == pytest.approx(two.beams([], **options), abs=1e-12)


def test_repeats_are_passes_through_a_longer_cell():
    side = SIDES[1]
    twice = [Atom(a.element, (*a.xyz_A[:2], a.xyz_A[2] + n * side), a.b_iso) for n in (0, 1) for a in titanate()]
    long = Multislice(SIDES, SHAPE, [side / 4] * 8).beams(twice, tilt_mrad=(2, 1))
    assert cell().beams(titanate(), 2, tilt_mrad=(2, 1))[1] == pytest.approx(long[0], abs=1e-12)


def test_tilt_is_a_shift_of_the_far_layers():
    """A tilted crystal is one whose slice j lies −j Δz tan τ off, seen from where the last slice ends."""
    one, tilt, thickness = cell(), (6.0, -4.0), SIDES[1] / 4
    soft = titanate(b_iso=8.0)  # else what aliases in exp(iσv) does not follow a shift of half a pixel
    slope = np.tan(1e-3 * np.array(tilt))
    sheared = []
    for atom in soft:
        layer = int(atom.xyz_A[2] / thickness + 1e-6)
        x, y = np.array(atom.xyz_A[:2]) + layer * thickness * slope
        sheared.append(Atom(atom.element, (x, y, atom.xyz_A[2]), atom.b_iso))
    straight = one.beams(sheared)[0]
    assert one.beams(soft, tilt_mrad=tilt)[0] == pytest.approx(shifted(one, straight, *(-SIDES[1] * slope)), abs=1e-7)


def test_a_mirror_of_the_crystal_mirrors_the_wave():
    one = cell()
    mirrored = [Atom(a.element, (-a.xyz_A[0], a.xyz_A[1], a.xyz_A[2]), a.b_iso) for a in titanate()]
    here = one.waves(one.beams(titanate(), 3, tilt_mrad=(5, 2))[-1])
    there = one.waves(one.beams(mirrored, 3, tilt_mrad=(-5, 2))[-1])
    assert there == pytest.approx(np.roll(here[::-1], 1, axis=0), abs=1e-12)


# -- the lens ----------------------------------------------------------------------------------------------------------


def test_a_weak_object_has_the_image_of_linear_transfer():
    """I = 1 + 2 F⁻¹[σ v(k) sin χ(k) E(k)] for a thin object without absorption."""
    thin = Multislice(SIDES, SHAPE, [1e-3])
    weak = [Atom("O", (1.0, 2.0, 0.0), occupancy=1e-3), Atom("Ti", (3.0, 4.0, 0.0), occupancy=5e-4)]
    lens = Lens(6.0, Cs_um=-15, C5_mm=4, focal_spread_nm=2, convergence_mrad=0.2)
    x, y = thin.frequencies
    k2, wave = x**2 + y**2, wavelength(300)
    chi = np.pi * wave * (60 * k2 - 15e4 * wave**2 * k2**2 / 2 + 4e7 * wave**4 * k2**3 / 3)
    slope = 2 * np.pi * wave * np.sqrt(k2) * (60 - 15e4 * wave**2 * k2 + 4e7 * wave**4 * k2**2)
    envelope = np.exp(-0.5 * (np.pi * wave * 20 * k2) ** 2 - (0.2e-3 / (2 * wave) * slope) ** 2) * thin.kept
    phase = interaction(300) * np.fft.fft2(thin.potentials(weak)[0])
    expected = 2 * np.fft.ifft2(phase * np.sin(chi) * envelope).real
    found = thin.image(thin.beams(weak)[0], lens)
    assert found - found.mean() == pytest.approx(expected - expected.mean(), abs=2e-3 * np.abs(expected).max())


def test_a_phase_object_in_focus_is_invisible_and_defocus_shows_it():
    thin = Multislice(SIDES, SHAPE, [1e-3])
    beams = thin.beams(titanate(b_iso=8.0)[:1])[0]
    assert thin.image(beams, Lens()) == pytest.approx(1, abs=1e-5)
    assert thin.image(beams, Lens(C1_nm=5)).std() > 0.02


def test_defocus_is_a_passage_through_vacuum():
    one, behind = cell(), Multislice(SIDES, SHAPE, [40.0])
    beams = one.beams(titanate(), 2)[-1]
    far = behind.beams([], entering=beams)[0]
    assert one.image(beams, Lens(C1_nm=4)) == pytest.approx(one.image(far, Lens()), abs=1e-10)


def test_astigmatism_is_a_defocus_of_its_own_along_each_axis():
    one = cell()
    x, y = one.frequencies
    along = one.transfer(Lens(C1_nm=3, A1_nm=(2, 0)))
    assert along[:, 0] == pytest.approx(one.transfer(Lens(C1_nm=5))[:, 0])
    assert along[0] == pytest.approx(one.transfer(Lens(C1_nm=1))[0])
    diagonal = one.transfer(Lens(A1_nm=(0, 2)))
    assert np.angle(diagonal) == pytest.approx(np.angle(np.exp(-2j * np.pi * wavelength(300) * 20 * x * y)))


def test_the_envelope_of_the_source_follows_the_slope_of_the_aberrations():
    one, lens = cell(), dict(C1_nm=4, A1_nm=(1, -2), Cs_um=-15, C5_mm=4)
    fine = Multislice(SIDES, SHAPE, [1.0])

    def chi(x, y):
        fine.__dict__["frequencies"], fine.__dict__["_k2"] = (x, y), x**2 + y**2
        return -np.log(fine.transfer(Lens(**lens))).imag

    x, y = np.array([[0.31]]), np.array([[0.22]])
    step = 1e-6
    slopes = [(chi(x + step, y) - chi(x - step, y)) / (2 * step), (chi(x, y + step) - chi(x, y - step)) / (2 * step)]
    expected = np.exp(-((0.5e-3 / (2 * wavelength(300))) ** 2) * (slopes[0] ** 2 + slopes[1] ** 2))
    fine.__dict__["frequencies"], fine.__dict__["_k2"] = (x, y), x**2 + y**2
    assert np.abs(fine.transfer(Lens(**lens, convergence_mrad=0.5))) == pytest.approx(expected, rel=1e-5)
    assert np.abs(one.transfer(Lens(**lens))) == pytest.approx(1)


def test_the_blur_keeps_the_mean_and_spreads_a_point_by_its_standard_deviation():
    wide = Multislice((20.0, 20.0), (200, 200), [1.0])
    point = np.zeros((200, 200))
    point[100, 100] = 1
    found = wide.blurred(point, 0.5)
    assert found.sum() == pytest.approx(1)
    offsets = (np.arange(200) - 100) * 0.1
    assert np.sqrt((found.sum(1) * offsets**2).sum()) == pytest.approx(0.5, rel=1e-6)


def test_the_image_is_real_without_a_specimen_one_and_follows_a_shift():
    one = cell()
    assert one.image(one.plane_wave(), LENS) == pytest.approx(1)
    beams = one.beams(titanate(), 3)[-1]
    step = SIDES[1] / SHAPE[1]
    assert one.image(shifted(one, beams, 0, 5 * step), LENS) == pytest.approx(
        np.roll(one.image(beams, LENS), 5, axis=1)
    )


def test_half_the_pixels_suffice():
    """The image of a grid of 0.1 Å is that of a grid of 0.05 Å, where both have points."""
    images = [each.image(each.beams(titanate(), 10)[-1], LENS) for each in (cell(), cell(shape=(80, 112)))]
    assert np.sqrt(((images[0] - images[1][::2, ::2]) ** 2).mean()) < 0.01 * images[1].std()


def test_single_precision_is_right_to_five_digits():
    exact, rough = (
        each.beams(titanate(), 10, tilt_mrad=(3, 1)) for each in (cell(), cell(single=True, absorption=0.0))
    )
    assert rough.dtype == np.complex64 and np.abs(rough - exact).max() < 1e-5
    damped = cell(single=True, absorption=0.05).beams(titanate(), 3)
    assert damped.dtype == np.complex64


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("atoms", "says"),
    [
        ([Atom("Xx", (0, 0, 0))], "symbol of an element.*'Xx'"),
        ([Atom("Ba", (0, 0, -0.1))], "z from 0 to below"),
        ([Atom("O", (0, 0, 0)), Atom("Ba", (0, 0, SIDES[1]))], "atom 1 is"),
        ([Atom("Ba", (np.nan, 0, 0))], "finite x and y"),
    ],
)
def test_wrong_atoms_are_refused(atoms, says):
    with pytest.raises(ValueError, match=says):
        cell().potentials(atoms)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (dict(slices_A=[]), "at least one slice"),
        (dict(slices_A=[0.0]), "thickness"),
        (dict(sides_A=(0, 1)), "side_x"),
        (dict(shape=(0, 8)), "nx"),
        (dict(energy_keV=-1), "energy_keV"),
        (dict(absorption=-0.1), "absorption"),
    ],
)
def test_wrong_cells_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        Multislice(**(dict(sides_A=SIDES, shape=SHAPE, slices_A=[1.0]) | options))


def test_without_gemmi_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gemmi", None)
    with pytest.raises(ImportError, match=r"alloygrad\[inverse\]"):
        multislice.load_gemmi()


# -- an independent code -----------------------------------------------------------------------------------------------


def test_potentials_waves_and_images_agree_with_abtem():
    """Both use Peng's form factors, the same grid and the same slices: measured once with abtem 1.0.11.

    Ratio of the potentials' sums 1.0003; correlation of the exit wave's intensity behind 3, 6 and 10 cells .9978, .9963
    and .9993, of its image .9999, .9992 and .9986. From the same potential both agree to .9999. What remains is the
    potential, where abtem places atoms on the grid in another way.
    """
    abtem = pytest.importorskip("abtem", reason="GPL, and not needed otherwise: install abtem to run this test")
    ase = pytest.importorskip("ase")
    atoms = titanate(b_iso=0.0, raised=1e-4)
    one = cell()
    thickness, energy_eV = SIDES[1] / 4, 3e5
    theirs = ase.Atoms(
        [atom.element for atom in atoms], [atom.xyz_A for atom in atoms], cell=(*SIDES, SIDES[1]), pbc=True
    )
    options = dict(gpts=SHAPE, slice_thickness=thickness, parametrization="peng", projection="infinite")
    total = np.asarray(abtem.Potential(theirs, **options).build().compute(progress_bar=False).array).sum()
    assert one.potentials(atoms).sum() == pytest.approx(total, rel=1e-3)
    beams = one.beams(atoms, 10)
    for cells, of_wave, of_image in ((3, 0.997, 0.9998), (6, 0.995, 0.999), (10, 0.998, 0.998)):
        potential = abtem.Potential(theirs * (1, 1, cells), **options)
        wave = np.asarray(abtem.PlaneWave(energy=energy_eV).multislice(potential).compute(progress_bar=False).array)
        assert correlation(np.abs(wave) ** 2, np.abs(one.waves(beams[cells - 1])) ** 2) > of_wave
        image = one.image(np.fft.fft2(wave, norm="forward"), LENS)
        assert correlation(image, one.image(beams[cells - 1], LENS)) > of_image
