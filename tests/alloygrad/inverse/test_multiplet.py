"""L2,3 multiplets agree with two other programs, with closed forms of atomic theory, and with sum rules."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import voigt_profile

from alloygrad.inverse.simulators.determinants import (
    SPIN,
    Configuration,
    angular_momentum,
    coulomb,
    in_shell,
    spin_orbit,
    tensor,
    three_j,
)
from alloygrad.inverse.simulators.multiplet import (
    IONS,
    Lines,
    Multiplet,
    absorption,
    crystal_field,
    octahedral,
    trigonal,
)

COBALT, NICKEL = IONS["Co2+"], IONS["Ni2+"]
WITHOUT_SPIN_ORBIT = dict(zeta_d=0.0, zeta_d_excited=0.0)
NINE = replace(NICKEL, name="d9", n=9)


@pytest.fixture(scope="module")
def cobalt():
    return Multiplet(COBALT)


def degeneracies(energies, tolerance=1e-8):
    return np.diff(np.flatnonzero(np.concatenate([[True], np.diff(energies) > tolerance, [True]]))).tolist()


# -- between orbitals


def test_3j_symbols_agree_with_sympy():
    wigner = pytest.importorskip("sympy.physics.wigner", reason="sympy computes them independently")
    for j1, j2, j3 in ((2, 4, 2), (2, 1, 1), (2, 3, 1), (1, 2, 1)):
        for m1 in range(-j1, j1 + 1):
            for m2 in range(-j2, j2 + 1):
                expected = float(wigner.wigner_3j(j1, j2, j3, m1, m2, -m1 - m2))
                assert three_j(j1, j2, j3, m1, m2, -m1 - m2) == pytest.approx(expected, abs=1e-14)


def test_tensors_of_one_rank_add_up_to_a_multiple_of_unity():
    """Σ_q C^k_q† C^k_q is a scalar, by Unsöld's theorem: from d, C¹ leads to p with 2/5, C² to d with 2/7."""
    dipole = sum(tensor(1, q)[5:, :5].T @ tensor(1, q)[5:, :5] for q in (-1, 0, 1))
    np.testing.assert_allclose(dipole, 2 / 5 * np.eye(5), atol=1e-14)
    quadrupole = sum(tensor(2, q)[:5, :5].T @ tensor(2, q)[:5, :5] for q in range(-2, 3))
    np.testing.assert_allclose(quadrupole, 2 / 7 * np.eye(5), atol=1e-14)


@pytest.mark.parametrize(("ell", "n"), [(2, 10), (1, 6)])
def test_spin_orbit_coupling_splits_a_shell_into_two(ell, n):
    energies = np.linalg.eigvalsh(spin_orbit(ell))
    levels = {-(ell + 1) / 2: 2 * ell, ell / 2: 2 * ell + 2}
    expected = sorted([e for e, count in levels.items() for _ in range(count)] + [0.0] * (16 - n))
    np.testing.assert_allclose(energies, expected, atol=1e-12)


def test_trigonal_orbitals_lie_where_the_closed_form_has_them():
    Dq, Ds, Dt = 0.28, 0.07, 0.12
    field = trigonal(Dq, Ds, Dt)
    assert field[2, 2] == pytest.approx(-4 * Dq - 2 * Ds - 6 * Dt)  # a₁, exactly
    cubic = np.linalg.eigvalsh(trigonal(Dq))
    np.testing.assert_allclose(cubic, [-4 * Dq] * 3 + [6 * Dq] * 2, atol=1e-12)
    small = np.linalg.eigvalsh(trigonal(Dq, 1e-5, 1e-5)) - cubic
    np.testing.assert_allclose(small / 1e-5, [-8, 5 / 3, 5 / 3, 7 / 3, 7 / 3], atol=1e-3)


# -- terms of free ions


def test_the_lowest_term_is_that_of_hund_and_all_are_as_degenerate_as_they_must_be():
    free = Multiplet(replace(COBALT, **WITHOUT_SPIN_ORBIT))
    energies = free.levels([0.0])
    # d⁷ has the terms ⁴F ⁴P ²H ²G ²F ²D ²D ²P; ²H and ²P coincide for any F², F⁴.
    assert degeneracies(energies)[0] == 28
    assert sorted(degeneracies(energies)) == sorted([28, 12, 22 + 6, 18, 14, 10, 10])


def test_the_two_terms_of_largest_spin_differ_by_15_racah_b():
    f2, f4 = COBALT.dd
    b = f2 / 49 - 5 / 441 * f4
    energies = Multiplet(replace(COBALT, **WITHOUT_SPIN_ORBIT)).levels([0.0], beta_dd=0.9)
    # ²G lies between ⁴F and ⁴P or above both: the level of 12 states is ⁴P.
    levels, counts = np.unique(energies.round(9), return_counts=True)
    assert levels[counts == 12][0] - levels[0] == pytest.approx(0.9 * 15 * b, rel=1e-8)


def test_total_spin_and_angular_momentum_of_the_ground_term():
    config = Configuration(6, 7)
    repulsion = config.two_body(11.6 * coulomb(2, "dd", "dd") + 7.2 * coulomb(4, "dd", "dd"))
    states = np.linalg.eigh(repulsion).eigenvectors
    for one, squared in (
        ([np.kron(each, np.eye(2)) for each in angular_momentum(2)], 3 * 4),
        ([np.kron(np.eye(5), each) for each in SPIN], 1.5 * 2.5),
    ):
        parts = [config.one_body(in_shell(each, 2)) for each in one]
        total = sum(part @ part for part in parts)
        np.testing.assert_allclose(states[:, :28].conj().T @ total @ states[:, :28], squared * np.eye(28), atol=1e-9)


@pytest.mark.parametrize("n", [1, 9])
def test_one_electron_or_hole_is_split_by_10dq(n):
    energies = Multiplet(replace(COBALT, name="", n=n, **WITHOUT_SPIN_ORBIT)).levels([1.3])
    assert degeneracies(energies) == ([6, 4] if n == 1 else [4, 6])
    assert np.ptp(energies) == pytest.approx(1.3)


def test_nickel_in_an_octahedron_is_excited_by_exactly_10dq():
    energies = Multiplet(replace(NICKEL, **WITHOUT_SPIN_ORBIT)).levels([0.9])
    assert degeneracies(energies)[:2] == [3, 9]  # ³A₂g, ³T₂g
    assert energies[3] - energies[0] == pytest.approx(0.9, abs=1e-10)


def test_terms_are_centred_on_the_configuration_average(cobalt):
    assert cobalt.levels([1.2], beta_dd=0.7, exchange_eV=0.1).mean() == pytest.approx(0, abs=1e-12)


# -- spectra


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9])
def test_the_isotropic_intensity_counts_holes(n):
    lines = Multiplet(replace(COBALT, name="", n=n))([1.1], exchange_eV=0.2, temperature_K=40)
    assert lines.intensity.sum() == pytest.approx(2 / 15 * (10 - n), rel=1e-10)


def test_a_single_hole_without_3d_spin_orbit_coupling_absorbs_two_to_one():
    lines = Multiplet(replace(NINE, **WITHOUT_SPIN_ORBIT))([1.0])
    early = lines.energy_eV < lines.boundary_eV
    assert lines.intensity[early].sum() / lines.intensity[~early].sum() == pytest.approx(2, rel=1e-10)
    centres = [np.average(lines.energy_eV[e], weights=lines.intensity[e]) for e in (early, ~early)]
    assert np.diff(centres)[0] == pytest.approx(1.5 * NINE.zeta_p, rel=1e-10)


def test_a_free_hole_with_j_five_halves_cannot_be_filled_from_2p_one_half():
    lines = Multiplet(NINE)([0.0], temperature_K=1)
    assert lines.intensity[lines.energy_eV > lines.boundary_eV].sum() < 1e-12


@pytest.mark.parametrize(("strength", "direction"), [(1.1, (1, 0, 0)), (1.1, (0, 1, 0)), (0.0, (1, -2, 0.5))])
def test_equivalent_directions_of_the_exchange_field_give_the_same_spectrum(cobalt, strength, direction):
    """In an octahedron x, y and z are alike; without a crystal field all directions are."""
    grid, widths = np.arange(-12, 18, 0.1), dict(half_width_eV=(0.2, 0.3), sigma_eV=0.15)
    turned = Multiplet(COBALT, exchange=direction)
    curves = [absorption(grid, each([strength], exchange_eV=0.2), **widths) for each in (cobalt, turned)]
    np.testing.assert_allclose(curves[0], curves[1], atol=1e-9 * curves[0].max())


def test_three_polarisations_average_to_the_isotropic_spectrum(cobalt):
    settings = dict(beta_dd=0.7, exchange_eV=0.2)
    isotropic = cobalt([1.1], **settings).intensity
    for axes in (np.eye(3), [[1, 1j, 0], [1, -1j, 0], [0, 0, 1]]):
        parts = [cobalt([1.1], polarisation=axis, **settings).intensity for axis in axes]
        np.testing.assert_allclose(np.mean(parts, 0), isotropic, atol=1e-12)
    left, right = (cobalt([1.1], polarisation=(1, s * 1j, 0), **settings).intensity for s in (1, -1))
    assert np.abs(left - right).max() > 0.01 * isotropic.max()  # dichroism in an exchange field


def test_a_turned_ion_absorbs_turned_light_alike(cobalt):
    """Field and light along x give what both along z give; with the field along z, x and y are alike."""
    grid, widths = np.arange(-12, 18, 0.1), dict(half_width_eV=(0.2, 0.3), sigma_eV=0.15)
    along_x = Multiplet(COBALT, exchange=(1, 0, 0))
    pairs = [((cobalt, (0, 0, 1)), (along_x, (1, 0, 0))), ((cobalt, (1, 0, 0)), (along_x, (0, 1, 0)))]
    for pair in pairs:
        one, other = (
            absorption(grid, ion([1.1], exchange_eV=0.2, polarisation=light), **widths) for ion, light in pair
        )
        np.testing.assert_allclose(one, other, atol=1e-9 * one.max())


def test_a_line_becomes_a_voigt_profile_wherever_it_lies():
    grid = np.arange(-30, 30, 0.2)
    for place in (0.0, 0.0371, 3.333):
        lines = Lines(np.array([place, place + 8]), np.array([1.0, 0.5]), boundary_eV=5.0)
        curve = absorption(grid, lines, half_width_eV=(0.25, 0.6), sigma_eV=0.15, shift_eV=0.517)
        expected = voigt_profile(grid - place - 0.517, 0.15, 0.25) + 0.5 * voigt_profile(
            grid - place - 8.517, 0.15, 0.6
        )
        np.testing.assert_allclose(curve, expected, atol=1e-4 * expected.max())


# -- another program; tests/compendium/inverse/test_absorption.py compares with TTMult


def test_levels_and_intensities_of_cobalt_agree_with_edrixs(cobalt):
    """Measured with edrixs 0.2.0: levels within 1e-9 eV, the spectrum within 2e-7 of its maximum."""
    edrixs = pytest.importorskip("edrixs", reason="edrixs (GPL) is an oracle, which is not among the requirements")
    ten_dq, dd, pd, h = 1.1, 0.8, 0.75, 0.12
    (f2, f4), (f2n, f4n), (f2p, g1, g3) = (
        np.array(each) * beta for each, beta in ((COBALT.dd, dd), (COBALT.dd_excited, dd), (COBALT.pd, pd))
    )
    slater = [0.0, f2, f4], [0.0, f2n, f4n, 0.0, f2p, g1, g3]
    initial, final, operators = edrixs.ed_1v1c_py(
        ("d", "p"), v_soc=(COBALT.zeta_d, COBALT.zeta_d_excited), c_soc=COBALT.zeta_p, v_noccu=7, slater=slater,
        ext_B=(0.0, 0.0, h / 2), on_which="spin", v_cfmat=edrixs.cf_cubic_d(ten_dq),  # it adds 2 B·S
    )  # fmt: skip
    energies = cobalt.levels([ten_dq], beta_dd=dd, exchange_eV=h)
    np.testing.assert_allclose(energies - energies[0], np.sort(initial) - initial.min(), atol=1e-9)

    lines = cobalt([ten_dq], beta_dd=dd, beta_pd=pd, exchange_eV=h, temperature_K=300)
    weights = np.exp((initial.min() - initial) / (8.617333262e-5 * 300))
    theirs = (np.abs(operators) ** 2).sum(0) * weights / weights.sum()
    grid, widths = np.arange(-12, 18, 0.1), dict(half_width_eV=(0.25, 0.25), sigma_eV=0.15)
    offset = np.average(final[:, None] - initial, weights=theirs) - np.average(lines.energy_eV, weights=lines.intensity)
    other = Lines((final[:, None] - initial - offset).ravel(), theirs.ravel(), lines.boundary_eV)
    ours, theirs = (absorption(grid, each, **widths) for each in (lines, other))
    np.testing.assert_allclose(ours / ours.sum(), theirs / theirs.sum(), atol=1e-6 * (ours / ours.sum()).max())


# -- errors


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Multiplet(replace(COBALT, n=10)), "Expected n from 1 to 9; got 10"),
        (lambda: Multiplet(COBALT, [np.eye(3)]), r"Hermitian matrices \(5, 5\)"),
        (lambda: Multiplet(COBALT, exchange=(0, 0, 0)), "direction of the exchange field"),
        (lambda: crystal_field({(4, 3): 1.0}), "A_k−q"),
        (lambda: Multiplet("Co2+"), "Expected ion of type Ion"),
    ],
)
def test_what_cannot_be_built_is_refused(build, message):
    with pytest.raises((ValueError, TypeError), match=message):
        build()


def test_what_cannot_be_computed_is_refused(cobalt):
    with pytest.raises(ValueError, match="temperature_K"):
        cobalt([1.0], temperature_K=0)
    with pytest.raises(ValueError, match="strengths"):
        cobalt([1.0, 2.0])
    with pytest.raises(ValueError, match="polarisation"):
        cobalt([1.0], polarisation=(0, 0, 0))
    with pytest.raises(ValueError, match="even steps"):
        absorption(np.array([0.0, 1.0, 3.0]), cobalt([1.0]), half_width_eV=(0.2, 0.2), sigma_eV=0.1)


def test_the_octahedral_field_has_its_axes_along_x_y_and_z():
    """Turned by 90° about z, the field is the same."""
    turn = np.diag(np.exp(-0.5j * np.pi * np.arange(-2, 3)))
    np.testing.assert_allclose(turn @ octahedral() @ turn.conj().T, octahedral(), atol=1e-12)
