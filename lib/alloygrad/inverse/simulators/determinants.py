"""Operators of many electrons in the 2p and 3d shells of one ion, as matrices between Slater determinants.

Matrix elements of the Coulomb interaction follow from those of the tensors C^k_q = √(4π/(2k+1)) Y_kq between orbitals
(Condon and Shortley's phases):

    ⟨ij|1/r₁₂|kl⟩ = Σ_k R^k Σ_q (−1)^q ⟨i|C^k_q|k⟩ ⟨j|C^k_−q|l⟩

Between determinants, operators are products of annihilators c_j, which are sparse matrices of the entries ±1.
"""

from itertools import combinations
from math import factorial, sqrt

import numpy as np
from scipy.sparse import coo_array, csr_array, eye_array, kron

ORBITALS = [(2, m) for m in range(-2, 3)] + [(1, m) for m in range(-1, 2)]
"""(l, m) of the 3d, then of the 2p orbitals. Spin orbital 2·i has spin down, 2·i + 1 spin up."""

N_ORBITALS, N_D = 16, 10  # spin orbitals in all, and of the 3d shell


# -- matrix elements between orbitals ----------------------------------------------------------------------------------


def three_j(j1: int, j2: int, j3: int, m1: int, m2: int, m3: int) -> float:
    """Return Wigner's 3j symbol of whole numbers, by Racah's formula."""
    if m1 + m2 + m3 or not abs(j1 - j2) <= j3 <= j1 + j2 or abs(m1) > j1 or abs(m2) > j2 or abs(m3) > j3:
        return 0.0
    f = factorial
    triangle = f(j1 + j2 - j3) * f(j1 - j2 + j3) * f(-j1 + j2 + j3) / f(j1 + j2 + j3 + 1)
    norm = f(j1 + m1) * f(j1 - m1) * f(j2 + m2) * f(j2 - m2) * f(j3 + m3) * f(j3 - m3)
    total = 0.0
    for t in range(max(0, j2 - j3 - m1, j1 - j3 + m2), min(j1 + j2 - j3, j1 - m1, j2 + m2) + 1):
        below = f(t) * f(j3 - j2 + t + m1) * f(j3 - j1 + t - m2) * f(j1 + j2 - j3 - t)
        total += (-1) ** t / (below * f(j1 - t - m1) * f(j2 - t + m2))
    return (-1) ** (j1 - j2 - m3) * sqrt(triangle * norm) * total


def tensor(k: int, q: int) -> np.ndarray:
    """Return ⟨l m|C^k_q|l′ m′⟩ (8, 8) between the 3d and 2p orbitals."""
    found = np.zeros((8, 8))
    for i, (ell, m) in enumerate(ORBITALS):
        for j, (other, mm) in enumerate(ORBITALS):
            reduced = sqrt((2 * ell + 1) * (2 * other + 1)) * three_j(ell, k, other, 0, 0, 0)
            found[i, j] = (-1) ** m * reduced * three_j(ell, k, other, -m, q, mm)
    return found


def angular_momentum(ell: int) -> np.ndarray:
    """Return L_x, L_y, L_z (3, 2l + 1, 2l + 1) of one electron with l = `ell`."""
    m = np.arange(-ell, ell + 1)
    up = np.diag(np.sqrt(ell * (ell + 1) - m[:-1] * (m[:-1] + 1)), -1)
    return np.array([(up + up.T) / 2, (up - up.T) / 2j, np.diag(m)])


SPIN = np.array([[[0, 1], [1, 0]], [[0, 1j], [-1j, 0]], [[-1, 0], [0, 1]]]) / 2
"""S_x, S_y, S_z of one electron; spin down comes first."""


def in_shell(matrix: np.ndarray, ell: int) -> np.ndarray:
    """Return a matrix between the spin orbitals of one shell among all of them (16, 16)."""
    shell = slice(0, N_D) if ell == 2 else slice(N_D, N_ORBITALS)
    found = np.zeros((N_ORBITALS, N_ORBITALS), dtype=complex)
    found[shell, shell] = matrix
    return found


def spin_orbit(ell: int) -> np.ndarray:
    """Return l·s of one shell among all spin orbitals (16, 16)."""
    return in_shell(np.sum([np.kron(*pair) for pair in zip(angular_momentum(ell), SPIN, strict=True)], 0), ell)


def coulomb(k: int, left: str, right: str) -> np.ndarray:
    """Return ⟨ij|…|kl⟩ (256, 256) of one Slater integral: rows i, j, columns k, l.

    Args:
        k: Order of the integral.
        left: Shells of i and k: "dd" for F_dd and F_pd, "dp" for G_pd.
        right: Shells of j and l: "dd" for F_dd, "pp" for F_pd, "pd" for G_pd.
    """
    shells = {"d": slice(0, N_D), "p": slice(N_D, N_ORBITALS)}

    def part(q: int, pair: str) -> np.ndarray:
        whole, found = np.kron(tensor(k, q), np.eye(2)), np.zeros((N_ORBITALS, N_ORBITALS))
        block = shells[pair[0]], shells[pair[1]]
        found[block] = whole[block]
        return found

    pairs = {(left, right), (right, left)}  # either electron may be electron 1
    found = sum(
        (-1) ** q * np.einsum("ik,jl->ijkl", part(q, one), part(-q, other))
        for one, other in pairs
        for q in range(-k, k + 1)
    )
    return np.asarray(found).reshape(N_ORBITALS**2, N_ORBITALS**2)


# -- many electrons ----------------------------------------------------------------------------------------------------


class Configuration:
    """All determinants of 2p^p 3d^d, and operators between them.

    Args:
        p: Number of 2p electrons.
        d: Number of 3d electrons.

    Example:
        >>> len(Configuration(6, 7).states)  # 120 ways to place seven electrons in ten orbitals
        120
    """

    def __init__(self, p: int, d: int) -> None:
        def masks(first: int, last: int, count: int) -> list[int]:
            return [sum(1 << orbital for orbital in chosen) for chosen in combinations(range(first, last), count)]

        self.states = np.sort(np.add.outer(masks(0, N_D, d), masks(N_D, N_ORBITALS, p)).ravel())

    def one_body(self, matrix: np.ndarray) -> np.ndarray:
        """Return Σ matrix_ij c†_i c_j (dim, dim) for a matrix (16, 16)."""
        removed, _ = _annihilate(self.states)
        return _sandwich(removed, matrix, removed)

    def two_body(self, matrix: np.ndarray) -> np.ndarray:
        """Return ½ Σ ⟨ij|…|kl⟩ c†_i c†_j c_l c_k (dim, dim) for a matrix (256, 256), relative to its mean."""
        once, left = _annihilate(self.states)
        twice = kron(eye_array(N_ORBITALS), _annihilate(left)[0], format="csr") @ once
        # Each pair of orbitals stands in both orders, with opposite signs: i < j and k < l suffice.
        first, second = np.triu_indices(N_ORBITALS, 1)
        pairs, swapped = N_ORBITALS * first + second, N_ORBITALS * second + first
        antisymmetric = matrix[np.ix_(pairs, pairs)] - matrix[np.ix_(pairs, swapped)]
        kept = twice.reshape((N_ORBITALS**2, -1)).tocsr()[pairs].reshape((-1, len(self.states))).tocsr()
        found = _sandwich(kept, antisymmetric, kept)
        return found - np.eye(len(found)) * np.trace(found) / len(found)

    def transition(self, to: "Configuration", matrix: np.ndarray) -> np.ndarray:
        """Return Σ matrix_ij c†_i c_j between the determinants of two configurations, (dim of `to`, dim)."""
        common = np.intersect1d(_annihilate(self.states)[1], _annihilate(to.states)[1])
        return _sandwich(_annihilate(to.states, common)[0], matrix, _annihilate(self.states, common)[0])


def _annihilate(states: np.ndarray, keep: np.ndarray | None = None) -> tuple[csr_array, np.ndarray]:
    """Return all annihilators c_j on determinants, (16 · m, dim), and the m determinants with one electron less.

    A determinant is a whole number with one bit per spin orbital. The sign of c_j is − where an odd number of occupied
    orbitals comes before j. Row j · m + r leads to determinant r, among those in `keep`.
    """
    occupied = states[:, None] >> np.arange(N_ORBITALS) & 1
    signs = 1 - 2 * ((np.cumsum(occupied, 1) - occupied) % 2)
    column, orbital = np.nonzero(occupied)
    left = states[column] ^ (1 << orbital)
    remaining = np.unique(left) if keep is None else keep
    place = np.minimum(np.searchsorted(remaining, left), len(remaining) - 1)
    kept = remaining[place] == left
    rows, columns = (orbital * len(remaining) + place)[kept], column[kept]
    shape = (N_ORBITALS * len(remaining), len(states))
    return coo_array((signs[column, orbital][kept].astype(float), (rows, columns)), shape=shape).tocsr(), remaining


def _sandwich(left: csr_array, matrix: np.ndarray, right: csr_array) -> np.ndarray:
    """Return leftᵀ (matrix ⊗ 1) right as a dense array, real where it is real."""
    inner = csr_array(matrix) @ right.reshape((len(matrix), -1)).tocsr()
    found = (left.T @ inner.reshape(right.shape).tocsr()).toarray()
    return found.real if np.isrealobj(found) or not found.imag.any() else found
