"""X-ray absorption at the L2,3 edge of a 3d ion: all multiplets of 2p⁶ 3dⁿ → 2p⁵ 3dⁿ⁺¹ in a crystal field.

The Hamiltonian acts on all Slater determinants of the 10 3d and 6 2p spin orbitals with the right electron numbers:

    H = Σ ζ l·s + β_dd · (F²_dd, F⁴_dd) + β_pd · (F²_pd, G¹_pd, G³_pd) + Σ strength · crystal field + h·S_3d

F, G are Slater integrals; β are the usual reductions of their Hartree–Fock values. Every term is a fixed matrix times
one parameter. The matrices are made once; a call adds and diagonalises them. No symmetry is assumed: blocks of
determinants that no term couples are found, and each is diagonalised on its own.

Energies are relative to the difference of the two configuration averages, which a calculation of one ion cannot give.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.fft import next_fast_len
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from alloygrad.checks import real_numbers, require_kind, require_number
from alloygrad.inverse.simulators.determinants import (
    N_D,
    N_ORBITALS,
    SPIN,
    Configuration,
    coulomb,
    in_shell,
    spin_orbit,
    tensor,
)

BOLTZMANN_EV_K = 8.617333262e-5  # CODATA 2018

LEAST_WEIGHT = 1e-7
"""Initial states of a smaller Boltzmann factor are left out."""


@dataclass(frozen=True)
class Ion:
    """An ion 3dⁿ: Slater integrals and spin–orbit constants in eV, of the free ion by Hartree–Fock.

    Args:
        name: Symbol and charge.
        n: Number of 3d electrons, 1 to 9.
        dd: F², F⁴ among 3d electrons of 2p⁶ 3dⁿ.
        dd_excited: The same of 2p⁵ 3dⁿ⁺¹.
        pd: F², G¹, G³ between 2p and 3d.
        zeta_d: Spin–orbit constant of 3d in 2p⁶ 3dⁿ.
        zeta_d_excited: The same in 2p⁵ 3dⁿ⁺¹.
        zeta_p: Spin–orbit constant of 2p.
    """

    name: str
    n: int
    dd: tuple[float, float]
    dd_excited: tuple[float, float]
    pd: tuple[float, float, float]
    zeta_d: float
    zeta_d_excited: float
    zeta_p: float


# Hartree–Fock values without any reduction, as commonly tabulated from Cowan's programs. Fe³⁺ as in the TTMult input of
# github.com/mretegan/comparison-of-multiplet-programs (CC BY 4.0); the others rounded to .001 eV as in the tables that
# multiplet programs distribute. In Ni²⁺ 2p⁵ 3d⁹ F_dd does not count: it takes two 3d holes.
IONS = {
    ion.name: ion
    for ion in (
        Ion("Fe3+", 5, (12.0431, 7.5351), (12.8181, 8.0231), (7.4463, 5.5664, 3.1664), 0.0592, 0.0742, 8.1992),
        Ion("Fe2+", 6, (10.966, 6.815), (11.779, 7.327), (6.793, 5.004, 2.844), 0.052, 0.067, 8.200),
        Ion("Co2+", 7, (11.605, 7.209), (12.396, 7.708), (7.260, 5.397, 3.069), 0.066, 0.083, 9.748),
        Ion("Ni2+", 8, (12.234, 7.598), (12.234, 7.598), (7.721, 5.787, 3.291), 0.083, 0.102, 11.507),
    )
}
"""Some ions by name."""


@dataclass(frozen=True)
class Lines:
    """The transitions of a spectrum before broadening.

    Args:
        energy_eV: Energies (m,), relative to the difference of the configuration averages.
        intensity: Intensities (m,), at a fixed temperature. Isotropic, they sum up to 2/15 for each 3d hole.
        boundary_eV: Lines below it belong to the L3 edge, the others to L2.
    """

    energy_eV: np.ndarray
    intensity: np.ndarray
    boundary_eV: float


# -- crystal fields ----------------------------------------------------------------------------------------------------


def crystal_field(coefficients: dict[tuple[int, int], complex]) -> np.ndarray:
    """Return the matrix (5, 5) of Σ A_kq C^k_q between the 3d orbitals m = −2 … 2.

    Args:
        coefficients: (k, q) → A_kq in eV, k = 2 or 4, with A_k−q = (−1)^q A_kq*.

    Raises:
        ValueError: The matrix is not Hermitian.

    Example:
        >>> import numpy as np
        >>> tetragonal = crystal_field({(2, 0): -7.0})  # Ds = 1 eV: 2, −1, −2, −1, 2
        >>> np.diag(tetragonal).round(6).tolist()
        [2.0, -1.0, -2.0, -1.0, 2.0]
    """
    found = np.asarray(sum(value * tensor(*kq)[:5, :5] for kq, value in coefficients.items()))
    if found.shape != (5, 5) or not np.allclose(found, found.conj().T):
        raise ValueError(
            f"Expected coefficients with A_k−q = (−1)^q A_kq*; got {coefficients}. Add the missing ones, or correct "
            "their signs."
        )
    return found


def octahedral() -> np.ndarray:
    """Return the cubic field (5, 5) with 10Dq = 1 eV, fourfold axis along z: e_g at 0.6 eV, t_2g at −0.4 eV.

    Example:
        >>> np.linalg.eigvalsh(octahedral()).round(6).tolist()
        [-0.4, -0.4, -0.4, 0.6, 0.6]
    """
    side = 2.1 * sqrt(5 / 14)
    return crystal_field({(4, 0): 2.1, (4, 4): side, (4, -4): side})


def trigonal(Dq: float, D_sigma: float = 0.0, D_tau: float = 0.0) -> np.ndarray:
    """Return a field of symmetry C3v (5, 5) in eV, threefold axis along z.

    The orbitals lie at −4Dq − 2Dσ − 6Dτ (a₁ of t_2g), −4Dq + Dσ + ⅔Dτ (e of t_2g) and 6Dq + 7⁄3 Dτ (e of e_g), but for
    the mixing of the two e.

    Args:
        Dq: A tenth of the cubic splitting.
        D_sigma: Trigonal distortion of rank 2.
        D_tau: Trigonal distortion of rank 4.
    """
    side = 2 * sqrt(70) * Dq
    return crystal_field({(4, 0): -14 * Dq - 21 * D_tau, (4, 3): -side, (4, -3): side, (2, 0): -7 * D_sigma})


class _Levels:
    """A Hamiltonian that is linear in its parameters, by blocks that no term couples."""

    def __init__(self, terms: Sequence[np.ndarray]) -> None:
        stacked = np.array(terms)
        coupled = csr_array(np.abs(stacked).max(0) > 1e-12)
        count, label = connected_components(coupled, directed=False)
        self.dim = len(label)
        self.blocks = [np.flatnonzero(label == number) for number in range(count)]
        self.terms = [stacked[:, block[:, None], block] for block in self.blocks]

    def __call__(self, strengths: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
        """Return energies (dim,) and states (dim, dim), by blocks."""
        energies = np.empty(self.dim)
        states = np.zeros((self.dim, self.dim), dtype=self.terms[0].dtype)
        for block, terms in zip(self.blocks, self.terms, strict=True):
            energies[block], states[block[:, None], block] = np.linalg.eigh(np.tensordot(strengths, terms, 1))
        return energies, states


class Multiplet:
    """The L2,3 spectrum of an ion, for many parameters.

    Args:
        ion: An ion, as in `IONS`.
        fields: Crystal fields (5, 5) in eV between the orbitals m = −2 … 2, each with a strength of its own.
        exchange: Direction of the exchange field; any length.

    Raises:
        TypeError: No Ion.
        ValueError: An electron number other than 1 to 9, a field that is no Hermitian matrix (5, 5), or no direction.

    Example:
        >>> nickel = Multiplet(IONS["Ni2+"])
        >>> lines = nickel([1.1], beta_dd=0.8, beta_pd=0.8)
        >>> float(lines.intensity.sum().round(6))  # 2/15 for each of two holes
        0.266667
        >>> energies = np.arange(-10, 16, 0.1)
        >>> curve = absorption(energies, lines, half_width_eV=(0.25, 0.4), sigma_eV=0.2)
        >>> bool(-7 < energies[curve.argmax()] < -4)  # L3, near −ζ/2 = −5.8 eV
        True
    """

    def __init__(
        self, ion: Ion, fields: Sequence[np.ndarray] | None = None, *, exchange: Sequence[float] = (0.0, 0.0, 1.0)
    ) -> None:
        require_kind("ion", ion, Ion, "Take one of IONS, or build it with Ion(…).")
        if ion.n not in range(1, 10):
            raise ValueError(f"Expected n from 1 to 9; got {ion.n} of {ion.name}. Without a hole nothing is absorbed.")
        self.ion = ion
        self.fields = [octahedral()] if fields is None else [np.asarray(field) for field in fields]
        for number, field in enumerate(self.fields):
            if field.shape != (5, 5) or not np.allclose(field, field.conj().T):
                raise ValueError(
                    f"Expected Hermitian matrices (5, 5) as fields; number {number} is none. Build it with "
                    "crystal_field, octahedral or trigonal."
                )
        direction = real_numbers("exchange", exchange, (3,), "Write for example (0, 0, 1).")
        length = np.linalg.norm(direction)
        if not length > 0:
            raise ValueError("Expected a direction of the exchange field; got (0, 0, 0). Write for example (0, 0, 1).")
        spin = np.tensordot(direction / length, SPIN, 1)

        one = [in_shell(np.kron(field, np.eye(2)), 2) for field in self.fields]
        one.append(in_shell(np.kron(np.eye(5), spin), 2))
        repulsion = [coulomb(2, "dd", "dd"), coulomb(4, "dd", "dd")]
        attraction = [coulomb(2, "dd", "pp"), coulomb(1, "dp", "pd"), coulomb(3, "dp", "pd")]
        ground, excited = Configuration(6, ion.n), Configuration(5, ion.n + 1)
        self._initial = _Levels(
            [
                ground.one_body(ion.zeta_d * spin_orbit(2)),
                ground.two_body(np.tensordot(ion.dd, repulsion, 1)),
                *map(ground.one_body, one),
            ]
        )
        self._final = _Levels(
            [
                excited.one_body(ion.zeta_d_excited * spin_orbit(2) + ion.zeta_p * spin_orbit(1)),
                excited.two_body(np.tensordot(ion.dd_excited, repulsion, 1)),
                excited.two_body(np.tensordot(ion.pd, attraction, 1)),
                *map(excited.one_body, one),
            ]
        )
        self._dipole = []
        for q in (-1, 0, 1):
            lifted = np.zeros((N_ORBITALS, N_ORBITALS))
            lifted[:N_D, N_D:] = np.kron(tensor(1, q)[:5, 5:], np.eye(2))
            self._dipole.append(ground.transition(excited, lifted))

    def levels(self, strengths: Sequence[float], *, beta_dd: float = 0.8, exchange_eV: float = 0.0) -> np.ndarray:
        """Return the energies (dim,) of 2p⁶ 3dⁿ in eV, increasing, relative to the configuration average."""
        return np.sort(self._initial([1.0, beta_dd, *self._strengths(strengths), exchange_eV])[0])

    def __call__(
        self,
        strengths: Sequence[float],
        *,
        beta_dd: float = 0.8,
        beta_pd: float = 0.8,
        exchange_eV: float = 0.0,
        temperature_K: float = 300.0,
        polarisation: Sequence[complex] | None = None,
    ) -> Lines:
        """Return all transitions from the thermally occupied initial states.

        Args:
            strengths: One factor per crystal field; of the octahedral field 10Dq in eV.
            beta_dd: Share of the Hartree–Fock value of F_dd.
            beta_pd: Share of the Hartree–Fock values of F_pd and G_pd.
            exchange_eV: Exchange field h in eV: h·S is added, in both configurations.
            temperature_K: Temperature of the initial states.
            polarisation: Electric field (x, y, z), complex for circular light; isotropic unless given.

        Raises:
            ValueError: Another number of strengths, a temperature that is not positive, no polarisation.
        """
        require_number(1e-3, 1e6, " K", temperature_K=temperature_K)
        fields = self._strengths(strengths)
        before, initial = self._initial([1.0, beta_dd, *fields, exchange_eV])
        after, final = self._final([1.0, beta_dd, beta_pd, *fields, exchange_eV])
        weights = np.exp((before.min() - before) / (BOLTZMANN_EV_K * temperature_K))
        kept = weights > LEAST_WEIGHT
        weights /= weights[kept].sum()
        bra, ket = final.conj().T, initial[:, kept]
        strength = sum(np.abs(bra @ (operator @ ket)) ** 2 for operator in self._operators(polarisation))
        energies = after[:, None] - before[kept]
        return Lines(energies.ravel(), (strength * weights[kept]).ravel(), self.ion.zeta_p / 4)

    def _strengths(self, strengths: Sequence[float]) -> np.ndarray:
        advice = "Pass one for each crystal field: of the octahedral field [10Dq]."
        return real_numbers("strengths", strengths, (len(self.fields),), advice)

    def _operators(self, polarisation: Sequence[complex] | None) -> list[np.ndarray]:
        """Return the dipole operators whose squares are added."""
        if polarisation is None:
            return [each / sqrt(3) for each in self._dipole]
        x, y, z = np.asarray(polarisation, dtype=complex)
        size = np.linalg.norm([x, y, z])
        if not size > 0:
            raise ValueError("Expected a polarisation (x, y, z) other than 0. Write for example (0, 0, 1).")
        minus, zero, plus = self._dipole
        return [((x + 1j * y) / sqrt(2) * minus + z * zero - (x - 1j * y) / sqrt(2) * plus) / size]


# -- line shapes -------------------------------------------------------------------------------------------------------

FINEST = 0.25
"""Lines are spread on a grid of this share of the Gaussian's standard deviation, or finer."""

PERIOD = 4
"""Convolutions are periodic: the period is so many times as long as the spectrum, since Lorentzians reach far."""

NOTHING = 1e-12
"""Where the transform of the Gaussian is smaller, it is taken as 0."""


class Broadening:
    """Voigt profiles on a fixed grid of energies, in two steps: `transform` of the lines once, then any `curve`.

    The lines are spread over a fine grid by cubic B-splines, whose transform is known and divided out; profiles are
    multiplied in Fourier space. This costs the same for ten lines and for ten thousand, and shifts are exact.

    Args:
        energies_eV: Energies (n,) in even steps, increasing.
        sigma_eV: Standard deviation of the Gaussian.

    Raises:
        ValueError: Energies that are not in even steps, a width that is not positive.
    """

    def __init__(self, energies_eV: np.ndarray, sigma_eV: float) -> None:
        energies = real_numbers("energies_eV", energies_eV, ("n",), "Pass for example numpy.arange(770, 800, 0.1).")
        steps = np.diff(energies)
        if len(energies) < 3 or steps[0] <= 0 or np.abs(steps - steps.mean()).max() > 1e-6 * steps.mean():
            raise ValueError(
                f"Expected three or more energies in even steps, increasing; got {energies!r:.60}. Compute on an even "
                "grid and interpolate."
            )
        require_number(1e-3, 100, " eV", sigma_eV=sigma_eV)
        self.energies_eV = energies
        self._finer = int(np.ceil(steps.mean() / (FINEST * sigma_eV)))
        self._step = steps.mean() / self._finer
        self.samples = next_fast_len(PERIOD * len(energies) * self._finer, real=True)
        frequency = np.fft.rfftfreq(self.samples, self._step)
        gauss = np.exp(-2 * (np.pi * sigma_eV * frequency) ** 2)
        kept = gauss > NOTHING
        self.turns = 2 * np.pi * frequency[kept]  # angular frequencies, in 1/eV
        self._gauss = gauss[kept] / np.sinc(frequency[kept] * self._step) ** 4 / self._step

    def transform(self, lines: Lines) -> np.ndarray:
        """Return the transform (2, frequencies) of the lines at the L3 and at the L2 edge.

        Lines farther from the grid than its length are left out.
        """
        span = self.energies_eV[-1] - self.energies_eV[0]
        place = lines.energy_eV - self.energies_eV[0]
        near = (place > -span) & (place < 2 * span) & (lines.intensity > 0)
        whole = np.floor(place / self._step).astype(int)
        t = place / self._step - whole
        spline = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
        early = lines.energy_eV < lines.boundary_eV
        found = []
        for edge in (near & early, near & ~early):
            weights = lines.intensity[edge] / 6
            spread = sum(
                np.bincount((whole[edge] + shift) % self.samples, weights * part[edge], self.samples)
                for shift, part in zip((-1, 0, 1, 2), spline, strict=True)
            )
            found.append(np.fft.rfft(spread)[: len(self.turns)] * self._gauss)
        return np.array(found)

    def curve(self, transformed: np.ndarray, half_width_eV: tuple[float, float], shift_eV: float = 0.0) -> np.ndarray:
        """Return the spectrum (n,), in intensity per eV.

        Args:
            transformed: As from `transform`.
            half_width_eV: Half width at half maximum of the Lorentzian at the L3 and at the L2 edge.
            shift_eV: Added to the energies of all lines.

        Raises:
            ValueError: A negative width.
        """
        for width in half_width_eV:
            require_number(0, 100, " eV", half_width_eV=width)
        total = sum(edge * np.exp(-width * self.turns) for edge, width in zip(transformed, half_width_eV, strict=True))
        curve = np.fft.irfft(total * np.exp(-1j * shift_eV * self.turns), self.samples)
        return curve[: len(self.energies_eV) * self._finer : self._finer]


def absorption(
    energies_eV: np.ndarray,
    lines: Lines,
    *,
    half_width_eV: tuple[float, float],
    sigma_eV: float,
    shift_eV: float = 0.0,
) -> np.ndarray:
    """Return the spectrum (n,), in intensity per eV: each line as a Voigt profile. See `Broadening`.

    Example:
        >>> one = Lines(np.array([0.3]), np.array([1.0]), boundary_eV=2.0)
        >>> grid = np.arange(-40, 40, 0.1)
        >>> y = absorption(grid, one, half_width_eV=(0.2, 0.4), sigma_eV=0.1)
        >>> round(float(grid[y.argmax()]), 6), round(float(y.sum() * 0.1), 2)
        (0.3, 1.0)
    """
    broadening = Broadening(energies_eV, sigma_eV)
    return broadening.curve(broadening.transform(lines), half_width_eV, shift_eV)
