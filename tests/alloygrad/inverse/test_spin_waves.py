"""Spin waves agree with textbook chains, sum rules, a route through 2n bosons, and with another program."""

import numpy as np
import pytest

from alloygrad.inverse.simulators.spin_waves import FORM_FACTORS, Bond, Modes, Spin, SpinWaves, form_factor

H = np.linspace(-0.7, 1.3, 41)
ALONG = np.column_stack([H, 0 * H, 0 * H])
LAYER_CELL = np.array([[3.5, 0, 0], [0.6, 4.7, 0], [0.3, 0.2, 7.9]])
LAYER_BONDS = [
    Bond("J1", 0, 0, (1, 0, 0)), Bond("J1", 1, 1, (1, 0, 0)), Bond("J2", 0, 1), Bond("J2", 0, 1, (-1, 0, 0)),
    Bond("J3", 0, 1, (0, -1, 0)), Bond("J4", 1, 1, (0, 1, 1)),
]  # fmt: skip


def ferro_chain(hkl, **changes):
    return SpinWaves((3, 9, 9), [Spin((0, 0, 0), 1.5)], [Bond("J", 0, 0, (1, 0, 0))], hkl, **changes)


def antiferro_chain(hkl, spin=1.5, **changes):
    bonds = [Bond("J", 0, 1), Bond("J", 1, 0, (1, 0, 0))]
    return SpinWaves((6, 9, 9), [Spin((0, 0, 0), spin), Spin((0.5, 0, 0), -spin)], bonds, hkl, **changes)


def layer(hkl, signs=(1, 1), **changes):
    """Two different spins in an oblique cell, with couplings of both kinds."""
    spins = [Spin((0, 0, 0.13), 1.5 * signs[0], "Cr3+"), Spin((0.45, 0.5, -0.1), 2.0 * signs[1], "Fe2+")]
    return SpinWaves(LAYER_CELL, spins, LAYER_BONDS, hkl, **changes)


def anywhere(n=30, seed=0):
    return np.random.default_rng(seed).uniform(-2, 2, (n, 3))


def zone(n):
    """An even mesh of the zone that avoids its centre."""
    axes = [(np.arange(n) + 0.5) / n - 0.5] * 3
    return np.stack(np.meshgrid(*axes), -1).reshape(-1, 3)


def by_2n_bosons(waves, couplings, hkl, cell, axis):
    """Energies and neutron intensities by all 2n Bose operators and all nine correlations, straight from the bonds.

    Another route than the module's: it does not use the conservation of spin along the axis.
    """
    spins, n = waves.spins, len(waves.spins)
    value = dict(zip(waves.names, couplings, strict=True))
    axis = np.asarray(axis) / np.linalg.norm(axis)
    one = np.cross(axis, [0.3, 0.5, 0.7])
    one /= np.linalg.norm(one)
    v = np.array([np.sign(s.spin) * axis for s in spins])
    u = np.array([one + 1j * np.cross(direction, one) for direction in v])
    S = np.array([abs(s.spin) for s in spins])
    A, B = np.diag(2 * value["D"] * S).astype(complex), np.zeros((n, n), complex)
    minus = A.copy()  # A at −q
    for bond in LAYER_BONDS:
        i, j, J = bond.first, bond.second, value[bond.coupling]
        d = np.array(spins[j].xyz) + bond.cells - np.array(spins[i].xyz)
        phase, size = np.exp(2j * np.pi * hkl @ d), J * np.sqrt(S[i] * S[j]) / 2
        for matrix, turn in ((A, phase), (minus, phase.conj())):
            matrix[i, j] += size * (u[i] @ u[j].conj()) * turn
            matrix[j, i] += size * (u[j] @ u[i].conj()) * turn.conj()
            matrix[i, i] -= J * S[j] * (v[i] @ v[j])
            matrix[j, j] -= J * S[i] * (v[i] @ v[j])
        B[i, j] += size * (u[i] @ u[j]) * phase
        B[j, i] += size * (u[i] @ u[j]) * phase.conj()
    metric = np.diag([1.0] * n + [-1.0] * n)
    values, vectors = np.linalg.eig(metric @ np.block([[A, B], [B.conj().T, minus.conj()]]))
    Q = 2 * np.pi * hkl @ np.linalg.inv(cell).T
    form = np.array([form_factor(s.ion, np.linalg.norm(Q)) for s in spins])
    transverse = np.eye(3) - np.outer(Q, Q) / (Q @ Q)
    found = []
    for energy, t in zip(values, vectors.T, strict=True):
        norm = (t.conj() @ metric @ t).real
        if norm > 0:
            t = t / np.sqrt(norm)
            weights = np.sqrt(S / 2) * form
            M = (weights[:, None] * (u.conj() * t[:n, None] + u * t[n:, None])).sum(0)
            found.append((energy.real, (M.conj() @ transverse @ M).real))
    return np.array(sorted(found)).T


# -- closed forms ------------------------------------------------------------------------------------------------------


def test_a_ferromagnetic_chain_has_the_energies_of_the_textbook():
    energy = ferro_chain(ALONG).modes([-2.0, 0.1]).energy[:, 0]
    assert energy == pytest.approx(2 * 2 * 1.5 * (1 - np.cos(2 * np.pi * H)) + 2 * 0.1 * 1.5, abs=1e-12)


def test_an_antiferromagnetic_chain_has_the_energies_and_intensities_of_the_textbook():
    J, S, D = 3.0, 1.5, 0.2
    hkl = np.column_stack([H + 0.003, 0 * H, 0 * H])  # beside the Goldstone modes
    for anisotropy in (0.0, D):
        modes = antiferro_chain(hkl, axis=(0, 0, 1)).modes([J, anisotropy])
        local, off = 2 * J * S + 2 * anisotropy * S, 2 * J * S * np.cos(np.pi * hkl[:, 0])
        expected = np.sqrt(local**2 - off**2)
        assert modes.energy == pytest.approx(np.column_stack([expected, expected]), rel=2e-5)
        # S⊥ of two degenerate modes, Q ⊥ n: S (local − off)/ω for two spins of the cell (hcc, h parallel to the chain).
        assert modes.intensity.sum(1) == pytest.approx(S * (local - off) / expected, rel=5e-5)


@pytest.mark.parametrize("case", ["chain", "layer"])
def test_a_goldstone_mode_of_a_ferromagnet_has_exactly_no_energy(case):
    if case == "chain":
        assert ferro_chain([[0, 0, 0], [1, 0, 0]]).modes([-1.3, 0]).energy.max() < 1e-12
    else:
        assert layer([[0, 0, 0]]).modes([-1.3, -0.7, -0.4, -0.2, 0]).energy[0, 0] < 1e-12
    assert antiferro_chain([[0, 0, 0]]).modes([1.0, 0]).energy.max() < 1e-3  # √SOFTEST


def test_at_zero_momentum_the_whole_moment_of_a_ferromagnet_scatters_in_the_acoustic_mode():
    across = np.cross(np.linalg.inv(LAYER_CELL)[:, 0], [0, 0, 1])  # at right angles to Q
    near = layer([[1e-6, 0, 0]], axis=across).modes([-1.3, -0.7, -0.4, -0.2, 0])
    assert near.intensity[0] == pytest.approx([(1.5 + 2.0) / 2, 0], abs=3e-4)  # the tables give f(0) = 1.0001


# -- sum rules and symmetry --------------------------------------------------------------------------------------------


def test_the_intensity_of_a_ferromagnet_sums_to_half_its_spin_and_the_polarisation_factor():
    plain = SpinWaves((3, 4, 5), [Spin((0, 0, 0), 1.5), Spin((0.4, 0.3, 0.2), 2)], LAYER_BONDS, zone(6), axis=(0, 1, 0))
    total = plain.modes([-1.3, -0.7, -0.4, -0.2, 0.1]).intensity.sum(1)
    Q = 2 * np.pi * plain.hkl / [3, 4, 5]
    factor = 1 + Q[:, 1] ** 2 / (Q**2).sum(1)
    assert total == pytest.approx(factor * (1.5 + 2) / 2, rel=1e-12)  # at each Q: the modes are complete


def test_the_intensity_of_an_antiferromagnet_sums_to_its_spin_with_the_zero_point_motion():
    J, S = 1.0, 1.5
    q = (np.arange(400) + 0.5) / 400
    hkl = np.column_stack([np.concatenate([q, q + 1]), np.zeros((800, 2))])  # both zones of the chain of one spin
    total = antiferro_chain(hkl, spin=S, axis=(0, 0, 1)).modes([J, 0.05]).intensity.sum(1).mean()
    off = np.cos(np.pi * hkl[:, 0]) / (1 + 0.05 / J)
    zero_point = ((1 / np.sqrt(1 - off**2) - 1) / 2).mean()  # ⟨a†a⟩ of each spin
    assert total == pytest.approx(2 * S / 2 * (1 + 2 * zero_point), rel=1e-6)


@pytest.mark.parametrize(
    ("signs", "couplings"),
    [
        ((1, 1), (-1.3, -0.7, -0.4, -0.2, 0.1)),
        ((-1, -1), (-1.3, 0.2, -0.9, -0.1, 0.3)),
        ((1, -1), (-1, 0.7, 0.9, -0.2, 0.1)),
    ],
)
def test_all_2n_bosons_give_the_same_energies_and_intensities(signs, couplings):
    axis, hkl = (0.2, 1.0, 0.4), anywhere()
    waves = layer(hkl, signs, axis=axis)
    assert waves.stable(couplings)
    modes = waves.modes(couplings)
    for number, q in enumerate(hkl):
        energy, intensity = by_2n_bosons(waves, couplings, q, LAYER_CELL, axis)
        assert modes.energy[number] == pytest.approx(energy, rel=1e-6)
        assert modes.intensity[number] == pytest.approx(intensity, rel=1e-5, abs=1e-9)


def test_a_spectrum_keeps_its_area_and_many_couplings_are_computed_as_one_by_one():
    waves = layer(anywhere(5))
    couplings = np.array([[-1.3, -0.7, -0.4, -0.2, 0.1], [-1.0, -0.9, 0.1, -0.1, 0.3]])
    both = waves.modes(couplings)
    energy = np.linspace(-10, 60, 2001)
    maps = both.spectrum(energy, lambda modes: 1 + 0.02 * modes)
    assert maps.shape == (2, 5, 2001)
    assert maps.sum(-1) * (energy[1] - energy[0]) == pytest.approx(both.intensity.sum(-1), rel=1e-9)
    for number, one in enumerate(couplings):
        assert waves.modes(one).energy == pytest.approx(both.energy[number], rel=1e-12)
        assert waves.modes(one).spectrum(energy, 1.0) == pytest.approx(both.spectrum(energy, 1.0)[number], rel=1e-9)
    line = Modes(np.array([[5.0]]), np.array([[2.0]])).spectrum(np.array([5.0, 5.5]), 1.0)[0]
    assert line[1] == pytest.approx(line[0] / 2) and line[0] == pytest.approx(2 * 2 * np.sqrt(np.log(2) / np.pi))
    own = both.spectrum(np.tile(energy[:7], (5, 1)) + np.arange(5)[:, None], 1.0)
    assert own[1, 3] == pytest.approx(both.spectrum(energy[:7] + 3, 1.0)[1, 3])


# -- stability and errors ----------------------------------------------------------------------------------------------


def test_a_structure_that_is_not_the_ground_state_is_not_stable_and_does_not_scatter():
    chain = ferro_chain(ALONG)
    assert chain.stable([-1.0, 0.0]) and not chain.stable([1.0, 0.0]) and chain.stable([0.1, 2.0])
    assert chain.stable(np.array([[-1.0, 0.0], [1.0, 0.0]])).tolist() == [True, False]
    modes = chain.modes([0.1, 0.15])  # 2S(D − J(1 − cos)): negative at some q only
    unstable = np.isnan(modes.energy[:, 0])
    assert unstable.any() and not unstable.all() and (modes.intensity[unstable] == 0).all()
    assert (modes.spectrum(np.linspace(0, 5, 9), 0.3)[unstable] == 0).all()
    other = antiferro_chain(ALONG)
    assert other.stable([1.0, 0.0]) and not other.stable([-1.0, 0.0])
    assert np.isnan(other.modes([-1.0, 0.0]).energy).all()


@pytest.mark.parametrize("ion", FORM_FACTORS)
def test_a_form_factor_is_one_at_zero_and_falls(ion):
    values = form_factor(ion, np.linspace(0, 6, 40))
    assert values[0] == pytest.approx(1, abs=2e-3) and (np.diff(values) < 0).all()


def test_form_factors_enter_squared():
    hkl = [[2, 0, 0]]
    spins = [[Spin((0, 0, 0), 1, ion)] for ion in (None, "V2+")]
    plain, real = (SpinWaves((3, 4, 5), one, [], hkl).modes([1.0]).intensity for one in spins)
    assert real == pytest.approx(plain * form_factor("V2+", 4 * np.pi / 3) ** 2)


def test_errors_say_what_was_expected():
    one = [Spin((0, 0, 0), 1)]
    with pytest.raises(ValueError, match=r"couplings \('J', 'D'\) in this order.*got shape \(3,\)"):
        ferro_chain(ALONG).modes([1, 2, 3])
    with pytest.raises(ValueError, match="joins a spin to itself"):
        SpinWaves((3, 3, 3), one, [Bond("J", 0, 0)], ALONG)
    with pytest.raises(ValueError, match="bonds of spins 0 to 0"):
        SpinWaves((3, 3, 3), one, [Bond("J", 0, 1)], ALONG)
    with pytest.raises(ValueError, match="other names than D"):
        SpinWaves((3, 3, 3), one, [Bond("D", 0, 0, (1, 0, 0))], ALONG)
    with pytest.raises(ValueError, match="ion of spin 0"):
        SpinWaves((3, 3, 3), [Spin((0, 0, 0), 1, "Cr")], [], ALONG)
    with pytest.raises(ValueError, match="spin 0 as S or −S; got 0"):
        SpinWaves((3, 3, 3), [Spin((0, 0, 0), 0)], [], ALONG)
    with pytest.raises(ValueError, match="an axis other than 0"):
        SpinWaves((3, 3, 3), one, [], ALONG, axis=(0, 0, 0))
    with pytest.raises(ValueError, match="with a volume"):
        SpinWaves((3, 3, 0), one, [], ALONG)


# -- another program ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signs", "couplings"), [((1, 1), (-1.3, -0.7, -0.4, -0.2, 0.1)), ((1, -1), (-1, 0.7, 0.9, -0.2, 0.1))]
)
def test_pyspinw_agrees(signs, couplings):
    """Measured once with version 1.1.0b2: energies to 2e-9, intensities to 1e-9.

    Both spins are of one size. With sizes 1.5 and 2, that version lets the optical mode of a ferromagnet scatter at
    Q = 0, where the total spin is conserved; the sizes look exchanged in its mean field.
    """
    pyspinw = pytest.importorskip("pyspinw", reason="GPL, and brings 0.6 GB: an oracle, no dependency")
    from pyspinw.anisotropy import AxisMagnitudeAnisotropy

    cell, hkl, axis = (3.5, 4.7, 7.9), anywhere(12, 5), np.array([0, 1.0, 0])
    spins = [Spin((0, 0, 0.13), 2.0 * signs[0]), Spin((0.45, 0.5, 0.9), 2.0 * signs[1])]
    waves = SpinWaves(cell, spins, LAYER_BONDS, hkl, axis=axis)
    sites = [pyspinw.Site(*s.xyz, *(s.spin * axis), name=f"S{i}") for i, s in enumerate(spins)]
    value = dict(zip(waves.names, couplings, strict=True))
    exchanges = [
        pyspinw.HeisenbergExchange(sites[b.first], sites[b.second], j=value[b.coupling], cell_offset=b.cells)
        for b in LAYER_BONDS
    ]
    easy = [AxisMagnitudeAnisotropy(site, a=-value["D"], direction=axis) for site in sites]
    theirs = pyspinw.Hamiltonian(pyspinw.Structure(sites, pyspinw.UnitCell(*cell)), exchanges, easy)
    energy, intensity = (np.real(part)[:, 2:] for part in theirs._energies_and_intensities(hkl))  # energy loss
    modes = waves.modes(couplings)
    assert modes.energy == pytest.approx(energy, rel=1e-6)
    assert modes.intensity == pytest.approx(intensity, rel=1e-6)
