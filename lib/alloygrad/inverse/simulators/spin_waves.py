"""Linear spin waves of collinear magnets, and the neutrons that they scatter.

    H = Σ_bonds J S_i·S_j − D Σ_i (S_i·n)²,    each bond once, J < 0 ferromagnetic, D > 0 an easy axis n

Spins S_i point along ±n (σ_i = ±1). To first order in the deviations (Holstein and Primakoff 1940), the operators a of
the spins along +n and a† of those along −n obey one equation of motion, i ∂y/∂t = σ h y, with

    h_ij(q) = √(S_i S_j) J_ij(q) + δ_ij (2 D S_i − Σ_l σ_i σ_l S_l J_il(0)),    J_ij(q) = Σ_bonds J exp(iq·d)

where d is the full vector from spin to spin. The structure is stable where h has no negative eigenvalue. Then the
eigenvalues of σh are real, and their moduli are the energies. With h = KᴴK they are those of K σ Kᴴ (Colpa 1978). For
a ferromagnet σ = 1, and h is diagonalised as it is.

A mode t, normalised to tᴴ σ t = ±1, scatters unpolarised neutrons at T = 0 with

    I(Q) = ½ (1 + (Q·n)²/Q²) |Σ_i √S_i f_i(Q) t_i|²

per magnetic cell, where f is the magnetic form factor. With f = 1 and without the polarisation factor, I summed over
the modes and averaged over the zone is S/2 a spin for a ferromagnet. The prefactor (γr₀ g/2)² k′/k belongs to the
scale, which is fitted.
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np

from alloygrad.checks import is_number, real_numbers, require_known, require_whole

# ⟨j₀⟩ = A exp(−a s²) + B exp(−b s²) + C exp(−c s²) + D with s = Q/4π in Å⁻¹: (A, a, B, b, C, c, D) from P. J. Brown,
# International Tables for Crystallography C, section 4.4.5.
FORM_FACTORS = {
    "V2+": (0.4085, 23.8526, 0.6091, 8.2456, -0.1676, 0.0415, 0.1496),
    "Cr3+": (-0.3094, 0.0274, 0.3680, 17.0355, 0.6559, 6.5236, 0.2856),
    "Mn2+": (0.4220, 17.6840, 0.5948, 6.0050, 0.0043, -0.6090, -0.0219),
    "Fe2+": (0.0263, 34.9597, 0.3668, 15.9435, 0.6188, 5.5935, -0.0119),
    "Fe3+": (0.3972, 13.2442, 0.6295, 4.9034, -0.0314, 0.3496, 0.0044),
    "Co2+": (0.4332, 14.3553, 0.5857, 4.6077, -0.0382, 0.1338, 0.0179),
    "Ni2+": (0.0163, 35.8826, 0.3916, 13.2233, 0.6052, 4.3388, -0.0133),
    "Cu2+": (0.0232, 34.9686, 0.4023, 11.5640, 0.5882, 3.8428, -0.0137),
}
"""Magnetic form factors of spin-only ions."""

SOFTEST = 1e-9
"""h may have eigenvalues down to minus this share of its largest element (a Goldstone mode has 0), and of an
antiferromagnet as much is added to its diagonal, so that a Goldstone mode scatters a finite intensity."""

FWHM = 2 * np.sqrt(2 * np.log(2))


@dataclass(frozen=True)
class Spin:
    """A spin of the magnetic cell.

    Args:
        xyz: Fractional coordinates.
        spin: S along the axis, −S against it.
        ion: Name in `FORM_FACTORS`; None for a form factor of 1.
    """

    xyz: tuple[float, float, float]
    spin: float
    ion: str | None = None


@dataclass(frozen=True)
class Bond:
    """A pair of spins, each pair listed once for the cell.

    Args:
        coupling: Name of its exchange J; bonds of one name have the same J.
        first: Number of a spin.
        second: Number of the other spin.
        cells: How many cells further the other spin is, along each axis.
    """

    coupling: str
    first: int
    second: int
    cells: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True)
class Modes:
    """Modes of n spins at m wave vectors, for any number of sets of couplings.

    Args:
        energy: (..., m, n) in the unit of the couplings; NaN where the structure is not stable.
        intensity: (..., m, n) per magnetic cell; 0 there.
    """

    energy: np.ndarray
    intensity: np.ndarray

    def spectrum(self, energy: np.ndarray, fwhm: float | Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return the scattering with Gaussian lines of a given width, per unit of energy.

        Args:
            energy: Energy transfers (e,), or (m, e) where each wave vector has its own.
            fwhm: Resolution, full width at half maximum; or a function of the energy of a mode.

        Returns:
            (..., m, e)
        """
        known = np.nan_to_num(self.energy)[..., None, :]
        width = np.asarray(fwhm(known) if callable(fwhm) else fwhm) / FWHM
        shape = np.exp(-(((np.asarray(energy)[..., None] - known) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
        return (shape * self.intensity[..., None, :]).sum(-1)


class SpinWaves:
    """A collinear magnet whose spin waves at given wave vectors are computed for many couplings.

    h is linear in the couplings. Its coefficients are computed once.

    Args:
        cell: Lattice vectors (3, 3) of the magnetic cell in Å, one a row; or three lengths, for right angles.
        spins: The n spins of the magnetic cell.
        bonds: Pairs with an exchange, each once.
        hkl: Wave vectors (m, 3) in units of the reciprocal cell; the momentum transfers Q as well.
        axis: Cartesian direction n of the spins.

    Raises:
        ValueError: A cell without volume, a spin of 0 or an unknown ion, a bond of spins that are not there, wave
            vectors that are not finite.

    Example:
        >>> chain = SpinWaves((3, 9, 9), [Spin((0, 0, 0), 1)], [Bond("J", 0, 0, (1, 0, 0))], [[0, 0, 0], [0.5, 0, 0]])
        >>> chain.names
        ('J', 'D')
        >>> chain.modes([-1.0, 0.0]).energy.ravel().round(6).tolist()  # 2 |J| S (1 − cos qa)
        [0.0, 4.0]
    """

    def __init__(
        self,
        cell: Sequence[float] | np.ndarray,
        spins: Sequence[Spin],
        bonds: Sequence[Bond],
        hkl: Sequence[Sequence[float]] | np.ndarray,
        *,
        axis: Sequence[float] = (0, 0, 1),
    ) -> None:
        vectors = np.asarray(cell, dtype=float)
        vectors = np.diag(vectors) if vectors.ndim == 1 else vectors
        if vectors.shape != (3, 3) or not abs(np.linalg.det(vectors)) > 0:
            raise ValueError(f"Expected three lengths or lattice vectors (3, 3) with a volume; got {cell!r:.80}.")
        direction = real_numbers("axis", axis, (3,), "Write for example (0, 0, 1).")
        if not direction.any():
            raise ValueError(f"Expected an axis other than 0; got {axis}. Write for example (0, 0, 1).")
        for number, spin in enumerate(spins):
            if not (is_number(spin.spin) and spin.spin):
                raise ValueError(f"Expected spin {number} as S or −S; got {spin.spin!r}. Leave out what has no moment.")
            if spin.ion is not None:
                require_known(f"the ion of spin {number}", spin.ion, FORM_FACTORS)
        require_whole(1, spins=len(spins))
        for bond in bonds:
            if not (0 <= bond.first < len(spins) and 0 <= bond.second < len(spins)):
                raise ValueError(f"Expected bonds of spins 0 to {len(spins) - 1}; got {bond}. Correct the numbers.")
            if bond.first == bond.second and not any(bond.cells):
                raise ValueError(f"Expected bonds of two spins; {bond} joins a spin to itself. Set its cells.")
        self.hkl = real_numbers("hkl", hkl, ("m", 3), "Pass one wave vector a row.")
        self.spins = tuple(spins)
        self.names = (*dict.fromkeys(bond.coupling for bond in bonds), "D")
        if len(set(self.names)) < len(self.names):
            raise ValueError("Expected couplings with other names than D, the anisotropy. Rename that coupling.")

        sizes = np.array([abs(spin.spin) for spin in spins])
        self._signs = np.sign([spin.spin for spin in spins])
        self._parallel = bool((self._signs == self._signs[0]).all())
        self._slopes = np.zeros((len(self.names), len(self.hkl), len(spins), len(spins)), dtype=complex)
        place = np.array([spin.xyz for spin in spins], dtype=float)
        for bond in bonds:
            one, i, j = self._slopes[self.names.index(bond.coupling)], bond.first, bond.second
            phase = np.exp(2j * np.pi * self.hkl @ (place[j] + bond.cells - place[i]))
            one[:, i, j] += np.sqrt(sizes[i] * sizes[j]) * phase
            one[:, j, i] += np.sqrt(sizes[i] * sizes[j]) * phase.conj()
            one[:, i, i] -= self._signs[i] * self._signs[j] * sizes[j]
            one[:, j, j] -= self._signs[i] * self._signs[j] * sizes[i]
        self._slopes[-1, :] = np.diag(2 * sizes)

        Q = 2 * np.pi * self.hkl @ np.linalg.inv(vectors).T  # (m, 3) in Å⁻¹
        Q2 = (Q**2).sum(1)
        along = (Q @ direction) ** 2 / (direction @ direction)
        # At Q = 0 the direction of Q is not defined: the mean over all directions.
        polarisation = 1 + np.divide(along, Q2, out=np.full(len(Q), 1 / 3), where=Q2 > 0)
        form = np.array([np.ones(len(Q)) if spin.ion is None else form_factor(spin.ion, np.sqrt(Q2)) for spin in spins])
        self._amplitudes = np.sqrt(polarisation[:, None] / 2 * sizes) * form.T  # (m, n)

    def at(self, rows: np.ndarray) -> "SpinWaves":
        """Return the same magnet at some of the wave vectors, by their numbers: nothing is computed again."""
        some = copy(self)
        some.hkl, some._slopes, some._amplitudes = self.hkl[rows], self._slopes[:, rows], self._amplitudes[rows]
        return some

    def modes(self, couplings: Sequence[float] | np.ndarray) -> Modes:
        """Return energies and intensities of all modes.

        Args:
            couplings: In the order of `names`, the anisotropy D last: (c,), or (..., c) for many sets.

        Raises:
            ValueError: Another number of couplings.
        """
        h = self._matrices(couplings)
        lowest = -SOFTEST * np.abs(h).max((-1, -2))
        if self._parallel and len(self.spins) == 2:
            energy, intensity = _two_parallel(h, self._amplitudes)
        elif self._parallel:
            energy, vectors = np.linalg.eigh(h)
            intensity = np.abs(np.einsum("...mij,mi->...mj", vectors, self._amplitudes)) ** 2
        else:
            energy, intensity = self._antiparallel(h)
        unstable = ~(energy.min(-1) >= lowest)[..., None]  # true for NaN
        return Modes(np.where(unstable, np.nan, np.maximum(energy, 0)), np.where(unstable, 0, intensity))

    def stable(self, couplings: Sequence[float] | np.ndarray) -> np.ndarray:
        """Return whether the magnetic structure is stable at all wave vectors, (...) for couplings (..., c).

        Use it on a mesh of the whole zone, as `feasible` of a problem or of a prior.
        """
        h = self._matrices(couplings)
        lowest = _two_parallel(h, self._amplitudes)[0] if len(self.spins) == 2 else np.linalg.eigvalsh(h)
        return (lowest.min(-1) >= -SOFTEST * np.abs(h).max((-1, -2))).all(-1)

    def _matrices(self, couplings: Sequence[float] | np.ndarray) -> np.ndarray:
        values = np.asarray(couplings, dtype=float)
        if values.shape[-1:] != (len(self.names),):
            raise ValueError(
                f"Expected couplings {self.names} in this order, (..., {len(self.names)}); got shape {values.shape}. "
                "Pass D = 0 for no anisotropy."
            )
        return np.tensordot(values, self._slopes, 1)

    def _antiparallel(self, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = np.abs(h).max((-1, -2))[..., None]
        least = np.linalg.eigvalsh(h)[..., :1]
        stable = least >= -SOFTEST * size
        raised = (np.maximum(-least, 0) + SOFTEST * size)[..., None] * np.eye(len(self.spins))
        lower = np.linalg.cholesky(h + raised)  # h = KᴴK with K = lowerᴴ
        values, vectors = np.linalg.eigh(lower.conj().swapaxes(-1, -2) @ (self._signs[:, None] * lower))
        modes = self._signs[:, None] * (lower @ vectors) / np.sqrt(np.abs(values))[..., None, :]
        intensity = np.abs(np.einsum("...mij,mi->...mj", modes, self._amplitudes)) ** 2
        energy = np.abs(values)
        order = np.argsort(energy, axis=-1)
        energy, intensity = (np.take_along_axis(part, order, axis=-1) for part in (energy, intensity))
        return np.where(stable, energy, np.nan), intensity


def form_factor(ion: str, Q: np.ndarray) -> np.ndarray:
    """Return the magnetic form factor ⟨j₀⟩ of an ion at momentum transfers Q in Å⁻¹.

    Raises:
        ValueError: An ion that is not in `FORM_FACTORS`.

    Example:
        >>> form_factor("Cr3+", np.array([0.0, 3.0])).round(3).tolist()
        [1.0, 0.568]
    """
    require_known("ion", ion, FORM_FACTORS)
    *pairs, constant = FORM_FACTORS[ion]
    s2 = (np.asarray(Q) / (4 * np.pi)) ** 2
    return sum((a * np.exp(-b * s2) for a, b in zip(pairs[::2], pairs[1::2], strict=True)), np.full(s2.shape, constant))


def _two_parallel(h: np.ndarray, amplitudes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what `eigh` would, for 2 × 2 matrices (..., m, 2, 2): many times faster for a stack of them.

    The modes are m ± r, and ½ (1 ± (h − m)/r) projects on them.
    """
    mean = (h[..., 0, 0] + h[..., 1, 1]).real / 2
    half = (h[..., 0, 0] - h[..., 1, 1]).real / 2
    off = h[..., 0, 1]
    radius = np.sqrt(half**2 + off.real**2 + off.imag**2)
    first, second = amplitudes.T
    contrast = half * (first**2 - second**2) + 2 * first * second * off.real
    contrast = contrast / np.where(radius > 0, radius, 1)
    total = first**2 + second**2
    energy = np.stack([mean - radius, mean + radius], -1)
    return energy, np.stack([total - contrast, total + contrast], -1) / 2
