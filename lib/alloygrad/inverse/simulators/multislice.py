"""High-resolution electron microscopy: multislice of a periodic cell, and the image that a lens makes of it.

A fast electron passes slices of thickness Δz. With the projected potential v of a slice (V Å):

    v(k) = h²/(2π m e A) · Σ_atoms o · f(s) · exp(−B s²) · exp(−2πi k·r),    s = k/2
    ψ    → F⁻¹ P F [exp(iσ (1 + iκ) v) · ψ],    P(k) = exp(−πi λ Δz k² + 2πi Δz k·tan τ)
    λ    = hc / √(E (2mc² + E)),    σ = 2π/(λE) · (mc² + E)/(2mc² + E)

A is the area of the cell, κ the absorption, τ the tilt of the crystal. The exponential and every product are cut at two
thirds of the highest frequency of the grid, so that they do not alias. The lens multiplies the beams ψ(k) behind the
last slice:

    χ(k) = πλ [(C₁ + A₁ₓ) kₓ² + (C₁ − A₁ₓ) k_y² + 2 A₁ᵧ kₓk_y + ½ C_s λ²k⁴ + ⅓ C₅ λ⁴k⁶]
    E(k) = exp(−½ (πλΔ k²)²) · exp(−(α/2λ)² |∇χ|²)
    I    = |F⁻¹[ψ exp(−iχ) E]|², blurred by a Gaussian

Δ is the standard deviation of the focus, α the angle at which the intensity of the source has fallen to 1/e. Envelopes
on the wave are right for the linear part of the image, and an approximation of the rest.

Sources: f International Tables for Crystallography C, section 4.3.2, as in gemmi; multislice and envelopes Kirkland
(2010), Advanced Computing in Electron Microscopy, 2nd edition.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import fft

from alloygrad.checks import require_number, require_whole
from alloygrad.inverse.simulators._gemmi import load_gemmi

REST_ENERGY_KEV = 510.99895  # mc² of the electron, CODATA 2018
HC_KEV_A = 12.398419843  # hc in keV Å, exact in the SI
POTENTIAL_V_A2 = 47.87765  # h²/(2π m e) in V Å², CODATA 2018
KEPT = 2 / 3
"""Share of the highest frequency that is kept: a product of two such waves does not alias into it."""

ON_A_BORDER_A = 1e-6
"""An atom that lies above a slice by less belongs to it, whatever the rounding of its height."""


def wavelength(energy_keV: float) -> float:
    """Return the relativistic wavelength λ in Å.

    Raises:
        ValueError: An energy outside 1 to 10 000 keV.

    Example:
        >>> round(wavelength(300), 6)
        0.019687
    """
    require_number(1, 1e4, " keV", energy_keV=energy_keV)
    return float(HC_KEV_A / np.sqrt(energy_keV * (2 * REST_ENERGY_KEV + energy_keV)))


def interaction(energy_keV: float) -> float:
    """Return the interaction constant σ in rad/(V Å).

    Raises:
        ValueError: An energy outside 1 to 10 000 keV.

    Example:
        >>> round(1e3 * interaction(300), 4)
        0.6526
    """
    share = (REST_ENERGY_KEV + energy_keV) / (2 * REST_ENERGY_KEV + energy_keV)
    return float(2 * np.pi / (wavelength(energy_keV) * 1e3 * energy_keV) * share)


@dataclass(frozen=True)
class Atom:
    """An atom of the cell.

    Args:
        element: Symbol of a neutral atom, like "Ba".
        xyz_A: Position in Å; z runs along the beam, from the entrance face.
        b_iso: Isotropic displacement parameter B = 8π²⟨u²⟩ in Å².
        occupancy: Share of the site that is occupied.
    """

    element: str
    xyz_A: tuple[float, float, float]
    b_iso: float = 0.5
    occupancy: float = 1.0


@dataclass(frozen=True)
class Lens:
    """What lies between the exit face and the image.

    Args:
        C1_nm: Defocus C₁; the plane in focus lies so far behind the exit face.
        A1_nm: Twofold astigmatism A₁: along the axes of the cell, and along its diagonals.
        Cs_um: Spherical aberration C_s (C₃) in µm.
        C5_mm: Spherical aberration of fifth order in mm.
        focal_spread_nm: Standard deviation Δ of the focus.
        convergence_mrad: Half-angle α of the illumination, where its intensity has fallen to 1/e.
        image_spread_A: Standard deviation of the blur of the image: vibration, stray fields, detector.
    """

    C1_nm: float = 0.0
    A1_nm: tuple[float, float] = (0.0, 0.0)
    Cs_um: float = 0.0
    C5_mm: float = 0.0
    focal_spread_nm: float = 0.0
    convergence_mrad: float = 0.0
    image_spread_A: float = 0.0


@dataclass(frozen=True, eq=False)
class Multislice:
    """A cell, periodic across the beam, whose exit waves and images are computed for many structures.

    Args:
        sides_A: Sides of the cell across the beam, (x, y), at right angles.
        shape: Points of the grid, (nx, ny).
        slices_A: Thickness of each slice, in the order in which the electron passes them.
        energy_keV: Energy of the electrons.
        absorption: Imaginary part κ of the potential as a share of the real one.
        single: Whether to compute in single precision: about twice as fast, and right to five digits.

    Raises:
        ValueError: Sides, points, thicknesses or energy that are not positive, or absorption below 0.

    Example:
        >>> cell = Multislice((4.08, 4.08), (40, 40), [2.04, 2.04])
        >>> gold = [Atom("Au", (x, y, z)) for x, y, z in [(0, 0, 0), (2.04, 2.04, 0), (2.04, 0, 2.04), (0, 2.04, 2.04)]]
        >>> beams = cell.beams(gold, repeats=5)
        >>> image = cell.image(beams[-1], Lens(C1_nm=6, Cs_um=-15, focal_spread_nm=2, image_spread_A=0.2))
        >>> image.shape, round(float(image.mean()), 3)
        ((40, 40), 0.85)
    """

    sides_A: tuple[float, float]
    shape: tuple[int, int]
    slices_A: Sequence[float]
    energy_keV: float = 300.0
    absorption: float = 0.0
    single: bool = False
    _forms: dict[tuple[str, float], np.ndarray] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        require_whole(4, 40, "fewer pixels hold no image", nx=self.shape[0], ny=self.shape[1])
        require_number(0.1, 1e4, " Å", side_x=self.sides_A[0], side_y=self.sides_A[1])
        if not len(self.slices_A):
            raise ValueError("Expected at least one slice; got none. Pass its thickness in Å.")
        for thickness in self.slices_A:
            require_number(1e-3, 1e3, " Å", thickness=float(thickness))
        require_number(0, 1, absorption=self.absorption)
        self.wavelength_A  # noqa: B018  says at once what is wrong with the energy

    @cached_property
    def wavelength_A(self) -> float:
        """Wavelength λ of the electrons in Å."""
        return wavelength(self.energy_keV)

    @cached_property
    def frequencies(self) -> tuple[np.ndarray, np.ndarray]:
        """The frequencies kₓ (nx, 1) and k_y (1, ny) in 1/Å, in the order of a fast Fourier transform."""
        x, y = (fft.fftfreq(n, side / n) for n, side in zip(self.shape, self.sides_A, strict=True))
        return x[:, None], y[None]

    @property
    def _kind(self) -> type:
        return np.complex64 if self.single else np.complex128

    @cached_property
    def _k2(self) -> np.ndarray:
        return self.frequencies[0] ** 2 + self.frequencies[1] ** 2

    @cached_property
    def kept(self) -> np.ndarray:
        """The beams (nx, ny) that are kept, True or False."""
        highest = min(n / side for n, side in zip(self.shape, self.sides_A, strict=True)) / 2
        return self._k2 < (KEPT * highest) ** 2

    # -- the crystal -----------------------------------------------------------------------------------------------

    def potentials(self, atoms: Sequence[Atom]) -> np.ndarray:
        """Return the projected potential of each slice, (slices, nx, ny), in V Å.

        Raises:
            ImportError: gemmi is not installed.
            ValueError: An unknown element, a position that is not finite, or one outside all slices.
        """
        found = np.zeros((len(self.slices_A), *self.shape))
        for number, potential in self._filled(atoms).items():
            found[number] = potential
        return found

    def _filled(self, atoms: Sequence[Atom]) -> dict[int, np.ndarray]:
        """Return the potential (nx, ny) of those slices that hold an atom, by their numbers."""
        groups = defaultdict(list)
        for number, atom in enumerate(atoms):
            groups[self._slice(number, atom), atom.element, float(atom.b_iso)].append((*atom.xyz_A[:2], atom.occupancy))
        half = slice(0, self.shape[1] // 2 + 1)  # the potential is real
        spectra: dict[int, np.ndarray] = defaultdict(lambda: np.zeros((self.shape[0], half.stop), self._kind))
        for (number, element, b_iso), rows in groups.items():
            x, y, occupancy = np.array(rows, dtype=float).T
            along_x = np.exp(-2j * np.pi * self.frequencies[0] * x) * occupancy
            along_y = np.exp(-2j * np.pi * y[:, None] * self.frequencies[1][:, half])
            spectra[number] += self._form(element, b_iso)[:, half] * (along_x @ along_y)
        factor = float(np.prod(self.shape) / np.prod(self.sides_A))
        return {number: fft.irfft2(spectrum, s=self.shape) * factor for number, spectrum in spectra.items()}

    def _transmission(self, potential: np.ndarray) -> np.ndarray:
        """Return what a slice multiplies the wave by, (nx, ny)."""
        phase = potential * potential.dtype.type(interaction(self.energy_keV))
        found = np.cos(phase) + 1j * np.sin(phase)  # faster than the exponential of a complex number
        if self.absorption:
            found *= np.exp(-phase * phase.dtype.type(self.absorption))
        # The potential may reach the corners of the grid; its exponential is cut, not the potential itself.
        return fft.ifft2(fft.fft2(found, overwrite_x=True) * self.kept, overwrite_x=True)

    def beams(
        self,
        atoms: Sequence[Atom],
        repeats: int = 1,
        *,
        tilt_mrad: tuple[float, float] = (0.0, 0.0),
        entering: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the beams behind 1, 2, …, `repeats` cells from one pass, (repeats, nx, ny).

        They are the Fourier coefficients of the exit wave, in the order of a fast Fourier transform; `waves` returns
        the wave itself.

        Args:
            atoms: The atoms of one cell.
            repeats: How many cells lie behind each other along the beam.
            tilt_mrad: Small tilt τ: in a crystal of depth z the wave drifts by −z tan τ, along x and along y.
            entering: Beams (nx, ny) that enter; one plane wave unless given.

        Raises:
            ImportError: gemmi is not installed.
            ValueError: An unknown element, or an atom outside all slices.
        """
        require_whole(1, 5, repeats=repeats)
        transmission = {number: self._transmission(potential) for number, potential in self._filled(atoms).items()}
        passed = {thickness: self._propagator(thickness, tilt_mrad) for thickness in set(self.slices_A)}
        begun = self.plane_wave() if entering is None else np.where(self.kept, entering, 0)
        beams: np.ndarray = begun.astype(self._kind)
        found: np.ndarray = np.empty((repeats, *self.shape), self._kind)
        for repeat in range(repeats):
            for number, slice_A in enumerate(self.slices_A):
                if number in transmission:
                    wave = fft.ifft2(beams)
                    wave *= transmission[number]
                    beams = fft.fft2(wave, overwrite_x=True)
                beams = beams * passed[slice_A]
            found[repeat] = beams
        return found

    def plane_wave(self) -> np.ndarray:
        """Return the beams (nx, ny) of an electron that enters along the beam axis."""
        beams = np.zeros(self.shape, dtype=complex)
        beams[0, 0] = 1
        return beams

    def waves(self, beams: np.ndarray) -> np.ndarray:
        """Return the wave (…, nx, ny) on the grid of beams (…, nx, ny); a plane wave has the modulus 1."""
        return fft.ifft2(beams, norm="forward")

    def _slice(self, number: int, atom: Atom) -> int:
        place = int(np.searchsorted(self._ends, atom.xyz_A[2] + ON_A_BORDER_A, side="right"))
        if not (np.isfinite(atom.xyz_A).all() and atom.xyz_A[2] > -ON_A_BORDER_A and place < len(self._ends)):
            raise ValueError(
                f"Expected atoms with finite x and y, and z from 0 to below {self._ends[-1]:g} Å; atom {number} is "
                f"{atom}. Move it by whole cells, or add slices."
            )
        return place

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum(self.slices_A)

    def _form(self, element: str, b_iso: float) -> np.ndarray:
        """Return the Fourier transform of the projected potential of an atom at the origin, (nx, ny), in V Å³."""
        if (element, b_iso) not in self._forms:
            kind = load_gemmi().Element(element)
            if kind.atomic_number == 0 or kind.name != element or kind.c4322 is None:
                raise ValueError(f'Expected the symbol of an element, like "Ba"; got {element!r}. Leave out charges.')
            s2 = self._k2 / 4
            terms = zip(kind.c4322.a, kind.c4322.b, strict=True)
            form = sum(a * np.exp(-(b + b_iso) * s2) for a, b in terms)
            for axis, n in enumerate(self.shape):
                if n % 2 == 0:  # the highest frequency has no partner of the other sign
                    form[(slice(None),) * axis + (n // 2,)] = 0
            self._forms[element, b_iso] = POTENTIAL_V_A2 * form
        return self._forms[element, b_iso]

    def _propagator(self, thickness_A: float, tilt_mrad: tuple[float, float]) -> np.ndarray:
        x, y = self.frequencies
        slope_x, slope_y = np.tan(1e-3 * np.asarray(tilt_mrad, dtype=float))
        turns = thickness_A * (x * slope_x + y * slope_y - self.wavelength_A * self._k2 / 2)
        return (np.exp(2j * np.pi * turns) * self.kept).astype(self._kind)

    # -- the lens --------------------------------------------------------------------------------------------------

    def transfer(self, lens: Lens) -> np.ndarray:
        """Return what the lens multiplies the beams by, exp(−iχ) E, (nx, ny)."""
        (x, y), k2, wave = self.frequencies, self._k2, self.wavelength_A
        C1, A1x, A1y = 10 * lens.C1_nm, 10 * lens.A1_nm[0], 10 * lens.A1_nm[1]
        third, fifth = 1e4 * lens.Cs_um * wave**2 * k2, 1e7 * lens.C5_mm * wave**4 * k2**2
        isotropic = C1 + third / 2 + fifth / 3
        chi = np.pi * wave * (isotropic * k2 + A1x * (x**2 - y**2) + 2 * A1y * x * y)
        damping = 0.5 * (10 * np.pi * wave * lens.focal_spread_nm * k2) ** 2
        if lens.convergence_mrad:
            slope = C1 + third + fifth
            slope2 = (slope * x + A1x * x + A1y * y) ** 2 + (slope * y - A1x * y + A1y * x) ** 2
            damping = damping + (1e-3 * np.pi * lens.convergence_mrad) ** 2 * slope2
        return np.exp(-1j * chi - damping)

    def image(self, beams: np.ndarray, lens: Lens) -> np.ndarray:
        """Return the image (…, nx, ny) that a lens makes of beams (…, nx, ny); without a specimen it is 1."""
        image = np.abs(fft.ifft2(beams * self.transfer(lens), norm="forward")) ** 2
        return self.blurred(image, lens.image_spread_A) if lens.image_spread_A else image

    def blurred(self, image: np.ndarray, spread_A: float) -> np.ndarray:
        """Return an image (…, nx, ny) convolved with a Gaussian of this standard deviation, over the cell's borders."""
        half = slice(0, self.shape[1] // 2 + 1)
        damping = np.exp(-2 * (np.pi * spread_A) ** 2 * self._k2[:, half])
        return fft.irfft2(fft.rfft2(image) * damping, s=self.shape)
