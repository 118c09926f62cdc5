"""X-ray powder patterns of a crystal: structure factors, texture, Lorentz–polarisation and pseudo-Voigt profiles.

A reflection (hkl) of the form {hkl} with m members lies at sin θ = λ/2d and has the intensity m · ⟨|F|²⟩ · ⟨W⟩:

    F(h)     = Σ_sites o · (f₀(s) + f′ + i f″) · exp(−B s²) · Σ_operations exp 2πi h·(Rx + t) / n,    s = sin θ / λ
    ⟨|F|²⟩   = ½ (|F(h)|² + |F(−h)|²) = |F with f₀ + f′ alone|² + |F with f″ alone|²
    W(α)     = (r² cos²α + sin²α / r)^(−3/2), α between h and the texture axis, mean over the form
    LP       = (1 + cos²2θ_m cos²2θ) / (sin²θ cos θ)
    FWHM²    = U tan²θ + V tan θ + W

n is the number of operations that leave the site where it is. The factor 1/V² of the cell's volume is left out: it
belongs to the scale, which is fitted.

Sources: f₀ International Tables for Crystallography C (1992), table 6.1.1.4, as in gemmi; f′, f″ Cromer and Liberman
(1970), J. Chem. Phys. 53, 1891, as in gemmi; W Dollase (1986), J. Appl. Cryst. 19, 267; FWHM Caglioti, Paoletti and
Ricci (1958), Nucl. Instrum. 3, 223.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from alloygrad.checks import real_numbers, require_kind, require_number
from alloygrad.inverse.simulators._gemmi import load_gemmi
from alloygrad.inverse.simulators._powder_input import SYSTEMS, angles_of, cell_of, lengths_and_angles, lines_of

# Kα₁ and Kα₂ (wavelength in Å, weight): Hölzer et al. (1997), Phys. Rev. A 56, 4554; weights 2 : 1 by degeneracy.
CU_K_ALPHA = ((1.5405929, 2 / 3), (1.5444274, 1 / 3))

SPECIAL_POSITION_TOLERANCE = 1e-3  # fractions of the cell: 0.333 still is 1/3
LEAST_FWHM_DEG = 0.001
PROFILE_REACH = 20  # FWHM on each side of a peak: there a Lorentzian has fallen to 1/1600 of its height
MOST_REFLECTIONS = 1_000_000
MOST_ZERO_DEG = 10.0  # chosen: zero errors are below 1°
SITES = "Write for example [Site('Na', (0, 0, 0)), Site('Cl', (0.5, 0.5, 0.5))]."


@dataclass(frozen=True)
class Site:
    """One site of the asymmetric unit.

    Args:
        element: Symbol of a neutral atom, like "Pb".
        xyz: Fractional coordinates.
        occupancy: Share of the site that is occupied.
        b_iso: Isotropic displacement parameter B = 8π²⟨u²⟩ in Å².

    Raises:
        ValueError: An argument of another kind, an occupancy outside 0 … 1, or b_iso < 0.
    """

    element: str
    xyz: tuple[float, float, float]
    occupancy: float = 1.0
    b_iso: float = 0.5

    def __post_init__(self) -> None:
        try:  # made in every call of a simulator: quick
            x, y, z = self.xyz
            sound = isfinite(x + y + z) and 0 <= self.occupancy <= 1 and 0 <= self.b_iso and isfinite(self.b_iso)
        except (TypeError, ValueError):
            sound = False
        if not (sound and isinstance(self.element, str)):
            raise ValueError(
                f"Expected Site(element, (x, y, z), occupancy, b_iso) with an occupancy from 0 to 1 and b_iso ≥ 0 Å²; "
                f"got {self}. Write for example Site('Pb', (0.19, 0.25, 0.17), 1.0, 0.5)."
            )


@dataclass(frozen=True)
class Reflections:
    """Reflections of a powder, one per form {hkl}, in order of decreasing d.

    Args:
        hkl: Miller indices (m, 3) of one member of each form.
        multiplicity: Number (m,) of members, Friedel mates included.
        d_A: Spacing (m,) in Å.
        intensity: multiplicity · |F|² · texture (m,) in squared electrons per cell, without Lorentz–polarisation.
    """

    hkl: np.ndarray
    multiplicity: np.ndarray
    d_A: np.ndarray
    intensity: np.ndarray


class Powder:
    """A crystal powder whose pattern is computed for many cells and coordinates.

    Symmetry, Miller indices and form factors are prepared once. The initial coordinates decide which sites are special
    positions. A site that later leaves its special position is split among the equivalent positions; the number of
    atoms in the cell does not change.

    Args:
        space_group: Any name that gemmi knows, like "P n m a" or "R -3 m:H".
        sites: The asymmetric unit.
        two_theta_deg: Angles 2θ (n,) of the pattern in degrees, increasing, within (0, 180).
        lines: Wavelengths in Å and their weights.
        anomalous: Whether to add f′ and f″, taken at the strongest line.
        texture_axis: Normal of the lattice planes (hkl) along which plates or needles align.

    Raises:
        ImportError: gemmi is not installed.
        TypeError: A space group that is no text, sites that are no list of `Site`.
        ValueError: Unknown space group or element, more than one atom in one place, lines or a texture axis of another
            form, angles out of order or range.

    Example:
        >>> sites = [Site("Na", (0, 0, 0)), Site("Cl", (0.5, 0.5, 0.5))]
        >>> salt = Powder("F m -3 m", sites, np.arange(20, 60, 0.02))
        >>> intensity = salt(cell=(5.64, 5.64, 5.64, 90, 90, 90), width=(0, 0, 0.01))
        >>> float(salt.two_theta_deg[intensity.argmax()].round(1))
        31.7
    """

    def __init__(
        self,
        space_group: str,
        sites: Sequence[Site],
        two_theta_deg: np.ndarray,
        *,
        lines: Sequence[tuple[float, float]] = CU_K_ALPHA,
        anomalous: bool = True,
        texture_axis: tuple[int, int, int] = (0, 0, 1),
    ) -> None:
        gemmi = load_gemmi()
        self.two_theta_deg = angles_of(two_theta_deg)
        self.lines = tuple(map(tuple, lines_of(lines).tolist()))
        self.texture_axis = real_numbers("texture_axis", texture_axis, (3,), "Write for example (0, 0, 1).")
        if not self.texture_axis.any():
            raise ValueError("Expected texture_axis with a direction; got (0, 0, 0). Write for example (0, 0, 1).")
        advice = 'Write the symbol, like "P n m a", or the number in quotation marks.'
        require_kind("space_group", space_group, str, advice)
        group = gemmi.find_spacegroup_by_name(space_group)
        if group is None:
            known = {each.xhm().replace(" ", ""): each.xhm() for each in gemmi.spacegroup_table()}
            near = difflib.get_close_matches(space_group.replace(" ", ""), known, 1)
            hint = f"Is {known[near[0]]!r} meant?" if near else "Check the symbol."
            raise ValueError(f'Expected a space group, like "P n m a"; got {space_group!r}. {hint}')
        self.space_group = group.xhm()
        operations = group.operations()
        seitz = np.array([operation.float_seitz() for operation in operations.sym_ops])
        self._rotations, self._translations = seitz[:, :3, :3], seitz[:, :3, 3]
        self._n_centring = len(operations.cen_ops)

        require_kind("sites", sites, Sequence, SITES)
        for number, site in enumerate(sites):
            require_kind(f"site {number}", site, Site, SITES)
        self.sites = tuple(sites)
        if not self.sites:
            raise ValueError("Expected at least one site; got none. Pass the asymmetric unit.")
        self._elements = [site.element for site in self.sites]
        xyz = self._parameters(self.sites)[0]
        every = np.array([operation.float_seitz() for operation in operations])  # with centring
        shifts = np.einsum("oij,sj->osi", every[:, :3, :3], xyz) + every[:, None, :3, 3] - xyz
        fixed = np.abs(shifts - np.rint(shifts)).max(-1) < SPECIAL_POSITION_TOLERANCE
        self._stabiliser_order = fixed.sum(0)
        self._require_room(every, xyz)

        energy_eV = gemmi.hc / max(self.lines, key=lambda line: line[1])[0]
        kinds = [gemmi.Element(name) for name in self._elements]
        for name, kind in zip(self._elements, kinds, strict=True):
            if kind.atomic_number == 0 or kind.name != name or kind.it92 is None:
                raise ValueError(
                    f'Expected a symbol from H to Cf, like "Pb"; got {name!r}. Leave out charges and site numbers.'
                )
        self._form = np.array([kind.it92.get_coefs() for kind in kinds])  # (sites, 9): a₁ … a₄, b₁ … b₄, c
        dispersion = [gemmi.cromer_liberman(kind.atomic_number, energy_eV) for kind in kinds]
        self._dispersion = np.array(dispersion).T * anomalous  # f′, f″
        self._limit = 0.0  # of 1/d² in Å⁻²: no Miller indices are listed yet

    def __call__(
        self,
        cell: Sequence[float],
        *,
        sites: Sequence[Site] | None = None,
        march: float = 1.0,
        width: tuple[float, float, float] = (0.0, 0.0, 0.02),
        mixing: float = 0.5,
        zero_deg: float = 0.0,
        monochromator_deg: float | None = None,
    ) -> np.ndarray:
        """Return the pattern (n,) at the angles, without background; see `reflections` and `pattern`."""
        _require_profile(width, mixing, zero_deg)
        fwhm = float(_fwhm(self.two_theta_deg[-1:], width)[0])
        end = self.two_theta_deg[-1] + max(PROFILE_REACH * fwhm - zero_deg, 0.0)  # tails reach in from beyond
        found = self.reflections(cell, sites=sites, march=march, two_theta_max_deg=end)
        return pattern(
            self.two_theta_deg,
            found,
            self.lines,
            width=width,
            mixing=mixing,
            zero_deg=zero_deg,
            monochromator_deg=monochromator_deg,
        )

    def reflections(
        self,
        cell: Sequence[float],
        *,
        sites: Sequence[Site] | None = None,
        march: float = 1.0,
        two_theta_max_deg: float | None = None,
    ) -> Reflections:
        """Return the reflections that are not systematically absent.

        Args:
            cell: a, b, c in Å and α, β, γ in degrees; a, b, c alone for right angles.
            sites: Sites in place of the initial ones: the same elements in the same order.
            march: March–Dollase r. Crystallites are plates for r < 1, have no texture at 1, are needles for r > 1.
            two_theta_max_deg: Largest 2θ, at the shortest wavelength; by default the last angle of the pattern.

        Raises:
            ValueError: A cell that is not positive, breaks the symmetry, is too large or so small that it has no
                reflection; other elements in `sites`; march outside 0.01 … 100.
        """
        require_number(0.01, 100, " (1 is no texture)", march=march)
        xyz, occupancy, b_iso = self._parameters(self.sites if sites is None else sites)
        cell = cell_of(cell)
        metric = self._metric(cell)
        end = self.two_theta_deg[-1] if two_theta_max_deg is None else two_theta_max_deg
        shortest = min(wavelength for wavelength, _ in self.lines)
        most = (2 * np.sin(np.radians(min(end, 180.0) / 2)) / shortest) ** 2  # of 1/d²
        self._list_indices(cell, metric, most)

        inverse_d2 = ((self._hkl @ metric) * self._hkl).sum(-1)
        order = np.argsort(inverse_d2)
        order = order[: np.searchsorted(inverse_d2[order], most, side="right")]
        if not len(order):
            raise ValueError(
                f"Expected reflections up to 2θ = {end:.4g}°; the cell {cell.tolist()} has none. Is the cell in Å, and "
                "are the angles of the pattern in degrees?"
            )
        inverse_d2, images = inverse_d2[order], self._images[:, order]
        s2 = inverse_d2[:, None] / 4

        turns = images @ xyz.T + self._turns[:, order, None]
        geometry = np.exp(2j * np.pi * turns).sum(0) * (self._n_centring / self._stabiliser_order)  # (m, sites)
        geometry *= occupancy * np.exp(-b_iso * s2)
        form = (self._form[:, :4] * np.exp(-self._form[:, 4:8] * s2[..., None])).sum(-1) + self._form[:, 8]
        real, imaginary = self._dispersion
        f2 = np.abs(((form + real) * geometry).sum(-1)) ** 2 + np.abs(geometry @ imaginary) ** 2

        if march != 1:
            axis = self.texture_axis
            cos2 = (images @ (metric @ axis)) ** 2 / (inverse_d2 * (axis @ metric @ axis))
            f2 = f2 * ((march**2 * cos2 + (1 - cos2) / march) ** -1.5).mean(0)
        multiplicity = self._multiplicity[order]
        return Reflections(self._hkl[order], multiplicity, inverse_d2**-0.5, multiplicity * f2)

    def _require_room(self, operations: np.ndarray, xyz: np.ndarray) -> None:
        """Raise ValueError where the atoms of several sites share a place and are more than one."""
        images = np.einsum("oij,sj->osi", operations[:, :3, :3], xyz) + operations[:, None, :3, 3]
        shifts = images[:, :, None] - xyz  # operation, site, other site
        meet = (np.abs(shifts - np.rint(shifts)).max(-1) < SPECIAL_POSITION_TOLERANCE).any(0)
        total = meet @ np.array([site.occupancy for site in self.sites])
        for number in np.flatnonzero(total > 1 + SPECIAL_POSITION_TOLERANCE)[:1]:
            there = [f"{i} ({self.sites[i].element})" for i in np.flatnonzero(meet[number])]
            raise ValueError(
                f"Expected at most one atom in one place; got occupancies that sum to {total[number]:g} at "
                f"{self.sites[number].xyz} from the sites {', '.join(there)}. Correct coordinates or occupancies."
            )

    def _parameters(self, sites: Sequence[Site]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        require_kind("sites", sites, Sequence, SITES)
        if (elements := [getattr(site, "element", site) for site in sites]) != self._elements:
            raise ValueError(
                f"Expected sites of {self._elements}, in this order; got {elements}. Make the new sites with "
                "dataclasses.replace of the initial ones."
            )
        values = np.array([(*site.xyz, site.occupancy, site.b_iso) for site in sites], dtype=float)
        return values[:, :3], values[:, 3], values[:, 4]

    def _metric(self, cell: np.ndarray) -> np.ndarray:
        """Return the reciprocal metric tensor (3, 3) in Å⁻²."""
        alpha, beta, gamma = np.cos(np.radians(cell[3:]))
        direct = np.outer(cell[:3], cell[:3]) * [[1, gamma, beta], [gamma, 1, alpha], [beta, alpha, 1]]
        if np.linalg.det(direct) <= 0:
            raise ValueError(
                f"Expected angles that three axes can have; got {cell[3:].tolist()}. Each must be smaller than the sum "
                "of the others."
            )
        metric = np.linalg.inv(direct)
        turned = self._rotations @ metric @ self._rotations.swapaxes(1, 2)
        if np.abs(turned - metric).max() > 1e-4 * metric.max():
            system = load_gemmi().find_spacegroup_by_name(self.space_group).crystal_system_str()
            raise ValueError(
                f"Expected a {system} cell ({SYSTEMS[system]}), since {self.space_group!r} is {system}; got "
                f"{cell.tolist()}. Pass for example {lengths_and_angles(np.linalg.inv(turned.mean(0)))}."
            )
        return metric

    def _list_indices(self, cell: np.ndarray, metric: np.ndarray, most: float) -> None:
        """List the Miller indices with 1/d² ≤ `most` in this cell, and more, for the cells that come next.

        The list holds all with 1/d₁² ≤ limit in the first cell. With the reciprocal metric tensors G₁ and G and the
        least eigenvalue λ of G₁⁻¹G, 1/d² ≥ λ/d₁². A limit of most/λ therefore suffices.
        """
        if not self._limit:
            self._reference_cell, self._reference_metric = cell, metric
        needed = most / np.linalg.eigvals(np.linalg.solve(self._reference_metric, metric)).real.min()
        if needed <= self._limit:
            return
        limit = 1.3 * needed  # room for cells that are 14 % longer
        number = 4 / 3 * np.pi * limit**1.5 / np.sqrt(np.linalg.det(self._reference_metric))
        if number > MOST_REFLECTIONS:
            raise ValueError(f"Expected at most {MOST_REFLECTIONS} reflections; got {number:.0f}. Is the cell in Å?")
        gemmi = load_gemmi()
        first = gemmi.UnitCell(*self._reference_cell)
        self._hkl = gemmi.make_miller_array(first, gemmi.SpaceGroup(self.space_group), limit**-0.5)
        self._images = self._hkl @ self._rotations  # (operations, m, 3): h·Rx = (hR)·x
        self._turns = self._translations @ self._hkl.T
        same = [(self._images == sign * self._hkl).all(-1).sum(0) for sign in (1, -1)]
        self._multiplicity = 2 * len(self._rotations) // np.add(*same)
        self._limit = limit


def pattern(
    two_theta_deg: np.ndarray,
    reflections: Reflections,
    lines: Sequence[tuple[float, float]] = CU_K_ALPHA,
    *,
    width: tuple[float, float, float] = (0.0, 0.0, 0.02),
    mixing: float = 0.5,
    zero_deg: float = 0.0,
    monochromator_deg: float | None = None,
) -> np.ndarray:
    """Return the powder pattern (n,), without background.

    A peak has the area weight · intensity · LP, in units of intensity times degrees.

    Args:
        two_theta_deg: Angles 2θ (n,) in degrees, increasing, within (0, 180).
        reflections: As from `Powder.reflections`.
        lines: Wavelengths in Å and their weights.
        width: Caglioti's U, V, W in deg². The FWHM is at least 0.001°.
        mixing: Share η of the Lorentzian in the pseudo-Voigt profile; the rest is Gaussian.
        zero_deg: Observed minus true 2θ, in degrees.
        monochromator_deg: 2θ_m of a crystal monochromator (graphite and Cu Kα: 26.6); None without one.

    Raises:
        ValueError: Angles out of order or range; a width that is not positive at any angle; a mixing outside 0 … 1, a
            zero_deg beyond ± 10°, or lines of another form.

    Example:
        >>> one = Reflections(np.array([[1, 1, 1]]), np.array([8]), np.array([3.0]), np.array([1.0]))
        >>> y = pattern(np.arange(20, 40, 0.01), one, [(1.5, 1.0)], width=(0, 0, 0.04))
        >>> round(float(y.sum() * 0.01), 2)  # LP at 2θ = 28.96°
        29.18
    """
    grid = angles_of(two_theta_deg)
    _require_profile(width, mixing, zero_deg)
    if (_fwhm(grid, width) <= LEAST_FWHM_DEG).all():
        raise ValueError(f"Expected width (U, V, W) with FWHM² > 0 at some angle; got {width}. Raise W.")
    if monochromator_deg is not None:
        require_number(0, 180, "°", monochromator_deg=monochromator_deg)
    wavelength, weight = lines_of(lines).T[..., None]
    sine = wavelength / (2 * reflections.d_A)
    visible = sine < 1
    theta = np.arcsin(sine[visible])
    fwhm = _fwhm(np.degrees(2 * theta), width)
    centre = np.degrees(2 * theta) + zero_deg
    polarisation = 1.0 if monochromator_deg is None else np.cos(np.radians(monochromator_deg)) ** 2
    lorentz_polarisation = (1 + polarisation * np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
    area = (weight * reflections.intensity)[visible] * lorentz_polarisation

    first, last = np.searchsorted(grid, centre + PROFILE_REACH * np.stack([-fwhm, fwhm]))
    counts = last - first
    peak = np.repeat(np.arange(len(centre)), counts)
    point = np.arange(counts.sum()) + np.repeat(first - np.cumsum(counts) + counts, counts)
    x2 = ((grid[point] - centre[peak]) / fwhm[peak]) ** 2
    # The Lorentzian less its value at the cut: without a step, so that finite differences are smooth.
    edge = 1 / (1 + 4 * PROFILE_REACH**2)
    lorentzian = (1 / (1 + 4 * x2) - edge) / (np.arctan(2 * PROFILE_REACH) - 2 * PROFILE_REACH * edge)
    gaussian = np.sqrt(4 * np.log(2) / np.pi) * np.exp(-4 * np.log(2) * x2)
    profile = mixing * lorentzian + (1 - mixing) * gaussian
    return np.bincount(point, weights=(area / fwhm)[peak] * profile, minlength=len(grid))


def _fwhm(two_theta_deg: np.ndarray, width: tuple[float, float, float]) -> np.ndarray:
    return np.sqrt(np.maximum(np.polyval(width, np.tan(np.radians(two_theta_deg / 2))), LEAST_FWHM_DEG**2))


def _require_profile(width: tuple[float, float, float], mixing: float, zero_deg: float) -> None:
    real_numbers("width", width, (3,), "Write (U, V, W) in deg²: (0, 0, 0.01) for a FWHM of 0.1°.")
    require_number(0, 1, " (the share of the Lorentzian)", mixing=mixing)
    require_number(-MOST_ZERO_DEG, MOST_ZERO_DEG, "°", zero_deg=zero_deg)
