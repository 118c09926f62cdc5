"""Intensities of low-energy electron diffraction.

Electrons of 30 to 500 eV scatter several times in the topmost layers; the compiled code CLEED (through cleedpy) sums it
all up. `iv_curves` compares the result with an experiment.
"""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alloygrad.checks import real_numbers, require_kind, require_number, require_whole
from alloygrad.inverse.simulators._leed_process import LeedProcess
from alloygrad.inverse.simulators.iv_curves import IVCurves

_HARTREE_EV = 27.2113962  # CLEED's value
_LEAST_SPACING_A = 1.006  # CLEED adds atoms closer than this in z to one layer
_LEAST_L = 2  # with 1, CLEED ends with an error of its matrices
_MOST_L = 18  # CLEED reads lines of 255 characters
_LEAST_ENERGY_EV = 1.0  # chosen: smaller numbers are in keV


@dataclass(frozen=True)
class PhaseShifts:
    """Scattering phase shifts of one kind of atom.

    Args:
        energies_eV: Kinetic energies inside the solid (n,), ascending.
        values: Phase shifts (n, l_max + 1) in rad for l = 0, 1, ….
        inner_potential: Coefficients c0 … c3 (eV, eV, eV^1.5, eV) for `inner_potential`, where the file gives them.

    Raises:
        ValueError: Shapes that do not match, values that are not finite, or energies that do not ascend.

    Example:
        >>> PhaseShifts([20.0, 500.0], [[0.1, 0.0], [0.6, 0.2]]).l_max
        1
    """

    energies_eV: np.ndarray
    values: np.ndarray
    inner_potential: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        advice = "Pass one row of phase shifts in rad for each energy, or read a file with read_phase_shifts."
        energies = real_numbers("energies_eV", self.energies_eV, ("n",), advice)
        values = real_numbers("phase shifts", self.values, (len(energies), "l_max + 1"), advice)
        if len(energies) < 2 or not (np.diff(energies) > 0).all():
            raise ValueError(
                f"Expected phase shifts at two ascending energies or more; got {energies[:3].tolist()} …. Sort them, "
                "and leave out repeated ones."
            )
        object.__setattr__(self, "energies_eV", energies)
        object.__setattr__(self, "values", values)

    @property
    def l_max(self) -> int:
        """The largest angular momentum."""
        return self.values.shape[1] - 1


@dataclass(frozen=True)
class Atom:
    """An atom of a surface.

    Args:
        species: A key of the surface's phase shifts.
        position_A: x, y and z in Å; z points out of the crystal.
        vibration_A: Root-mean-square displacement √⟨x² + y² + z²⟩ in Å. CLEED doubles the Debye–Waller exponent, so
            fitted values come out smaller than physical ones by a factor of √2.

    Raises:
        TypeError: A species that is no text.
        ValueError: A position that is not three numbers, or a vibration that is not from 0 to 5 Å.
    """

    species: str
    position_A: tuple[float, float, float]
    vibration_A: float = 0.0

    def __post_init__(self) -> None:
        require_kind("species", self.species, str, "Write for example Atom('Ni', (0, 0, 2.0)).")
        real_numbers(f"position_A of {self.species}", self.position_A, (3,), "Write (x, y, z) in Å.")
        require_number(0, 5, " Å", vibration_A=self.vibration_A)


@dataclass(frozen=True)
class Surface:
    """A crystal that ends in a surface: overlayers above a bulk unit that repeats downwards.

    Args:
        a1: First lattice vector (x, y) of the bulk's surface cell in Å.
        a2: Second lattice vector in Å.
        bulk_repeat: Vector (x, y, z) in Å from one bulk unit to the next below it, z < 0.
        overlayers: Atoms that may differ from the bulk, at least one, all above the bulk.
        bulk: Atoms of one bulk unit.
        phase_shifts: Species → phase shifts.
        superstructure: Whole numbers m (2, 2): the overlayers' cell is b_i = Σ_j m_ij a_j.
        damping_eV: Imaginary part V_i of the inner potential, > 0.
        inner_potential_eV: Depth of the real part, constant in energy. `shift` corrects it afterwards.
        incidence_deg: Polar and azimuthal angle of the electron beam in degrees.

    Raises:
        TypeError: Atoms, phase shifts or their lists of another kind.
        ValueError: No atoms, a value that is not finite, an atom in the wrong place, an unknown species or a bad cell.

    Example:
        >>> hard = PhaseShifts([1.0, 500.0], [[-0.3, 0.0], [-3.0, -1.0]])
        >>> top, below = Atom("X", (0, 0, 2.0)), Atom("X", (1.4, 1.4, 0.0))
        >>> Surface((2.8, 0), (0, 2.8), (1.4, 1.4, -2.0), [top], [below], {"X": hard}).damping_eV
        4.0
    """

    a1: tuple[float, float]
    a2: tuple[float, float]
    bulk_repeat: tuple[float, float, float]
    overlayers: Sequence[Atom]
    bulk: Sequence[Atom]
    phase_shifts: Mapping[str, PhaseShifts]
    superstructure: tuple[tuple[int, int], tuple[int, int]] = ((1, 0), (0, 1))
    damping_eV: float = 4.0
    inner_potential_eV: float = 10.0
    incidence_deg: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        require_kind("phase_shifts", self.phase_shifts, Mapping, "Write {'Ni': read_phase_shifts(path)[0]}.")
        for name, shifts in self.phase_shifts.items():
            advice = "Write read_phase_shifts(path)[0]: it returns one entry for each kind of atom in the file."
            require_kind(f"phase_shifts[{name!r}]", shifts, PhaseShifts, advice)
        for name in ("overlayers", "bulk"):
            atoms = getattr(self, name)
            require_kind(name, atoms, Sequence, "Write for example [Atom('Ni', (0, 0, 2.0))].")
            if not atoms:
                raise ValueError(f"Expected at least one atom in {name}; got none. Move the topmost bulk layer there.")
            for number, atom in enumerate(atoms):
                require_kind(f"entry {number} of {name}", atom, Atom, "Write for example Atom('Ni', (0, 0, 2.0)).")
                if atom.species not in self.phase_shifts:
                    known = sorted(self.phase_shifts)
                    raise ValueError(
                        f"Expected a species among {known} in {name}; got {atom.species!r}. Add phase shifts."
                    )
        for name, advice in {
            "a1": "Write (x, y) in Å.",
            "a2": "Write (x, y) in Å.",
            "bulk_repeat": "Write (x, y, z) in Å, from one bulk unit to the next below it.",
            "incidence_deg": "Write (polar, azimuthal) angle of the beam in degrees.",
        }.items():
            real_numbers(name, getattr(self, name), (3 if name == "bulk_repeat" else 2,), advice)
        require_number(1e-3, 1e3, " eV", damping_eV=self.damping_eV)
        require_number(0, 100, " eV", inner_potential_eV=self.inner_potential_eV)
        if not 0 <= self.incidence_deg[0] < 90:
            raise ValueError(
                f"Expected a polar angle of incidence_deg from 0 (normal) to below 90°; got {self.incidence_deg[0]}. "
                "Turn the azimuth in place of a negative angle."
            )
        if abs(np.linalg.det([self.a1, self.a2])) < 1e-3 or self.bulk_repeat[2] >= 0:
            raise ValueError(
                f"Expected two different directions and a repeat with z < 0; got a1 = {self.a1}, a2 = {self.a2}, "
                f"bulk_repeat = {self.bulk_repeat}. z points out of the crystal."
            )
        advice = "Write for example ((2, 0), (0, 2)) for p(2 × 2)."
        matrix = real_numbers("superstructure", self.superstructure, (2, 2), advice)
        if (matrix != np.rint(matrix)).any() or abs(np.linalg.det(matrix)) < 0.5:
            raise ValueError(f"Expected 2 × 2 whole numbers that span a cell; got {self.superstructure}. {advice}")
        bulk, over = ([atom.position_A[2] for atom in atoms] for atoms in (self.bulk, self.overlayers))
        if max(bulk) - min(bulk) >= -self.bulk_repeat[2]:
            raise ValueError(
                f"Expected the bulk atoms within one repeat of {-self.bulk_repeat[2]:g} Å in z; got "
                f"{max(bulk) - min(bulk):g} Å. CLEED drops what lies below: remove repeated atoms."
            )
        if min(over) - max(bulk) < _LEAST_SPACING_A:
            raise ValueError(
                f"Expected the overlayers at least {_LEAST_SPACING_A} Å above the bulk, where layers can be stacked; "
                f"got {min(over) - max(bulk):g} Å. Add the uppermost bulk layers to the overlayers."
            )


class LeedCalculator:
    """Compute I(V) curves with CLEED in a separate process, which starts at the first call and is then kept.

    Threads and forked processes may share a calculator; calls from threads queue.

    Args:
        l_max: Largest angular momentum, from 2 to 18; about the muffin-tin radius times the wave number at the highest
            energy.
        tolerance: Relative amplitude below which CLEED neglects evanescent waves between layers.
        timeout_s: Longest duration of a call in seconds.

    Raises:
        ImportError: At the first call, where cleedpy is not installed.
        ValueError: A number outside its limits.

    Example:
        >>> with LeedCalculator(l_max=7) as calculator:  # doctest: +SKIP
        ...     curves = calculator(surface, np.arange(60.0, 250.0, 5.0))
    """

    def __init__(self, *, l_max: int = 7, tolerance: float = 1e-2, timeout_s: float = 300.0) -> None:
        require_whole(_LEAST_L, 7, "CLEED fails with fewer", l_max=l_max)
        require_number(_LEAST_L, _MOST_L, " (CLEED's limit)", l_max=l_max)
        require_number(1e-9, 0.999, tolerance=tolerance)
        require_number(1e-3, 1e9, " s", timeout_s=timeout_s)
        self.l_max, self.tolerance, self.timeout_s = int(l_max), float(tolerance), float(timeout_s)
        self._process = LeedProcess()

    def __enter__(self) -> "LeedCalculator":
        """Return the calculator, which closes at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End the separate process. A later call starts a new one."""
        self._process.close()

    def __call__(self, surface: Surface, energies_eV: Sequence[float] | np.ndarray) -> IVCurves:
        """Compute the intensities of all beams that leave the crystal.

        Args:
            surface: The structure.
            energies_eV: Ascending, evenly spaced energies (n,) in vacuum. Steps of 5 eV and `shift` usually suffice.

        Returns:
            Curves (n, n_beams), relative to the incident beam, zero where a beam does not leave the crystal.

        Raises:
            TypeError: No Surface.
            ValueError: Energies in the wrong order, or phase shifts that do not cover the energies or l_max.
            RuntimeError: CLEED failed or took too long. The next call starts afresh.
        """
        require_kind("surface", surface, Surface, "Build it with Surface(a1, a2, …), phase shifts included.")
        energies = _energies(energies_eV)
        self._check(surface, energies)
        with tempfile.TemporaryDirectory() as folder:
            turn = _write_input(Path(folder), surface, energies, self.l_max, self.tolerance)
            code = self._process.run(folder, self.timeout_s)
            if code:
                text = Path(folder, "messages.txt").read_text(errors="replace").strip()
                last = text[-400:] or "no message"
                raise RuntimeError(f"Expected CLEED to finish; it ended with code {code}: {last}. Check the structure.")
            result = json.loads(Path(folder, "result.json").read_text())
        if result["n_energies"] != len(energies):
            raise RuntimeError(
                f"Expected {len(energies)} energies from CLEED; got {result['n_energies']}. Pass others, or fewer."
            )
        beams = np.round(np.array(result["beams"]).T @ turn, 6) + 0.0  # no −0
        intensities = np.reshape(result["intensities"], (len(energies), len(beams)))
        return IVCurves(energies, [tuple(beam) for beam in beams.tolist()], intensities)

    def _check(self, surface: Surface, energies: np.ndarray) -> None:
        inside = energies[[0, -1]] + surface.inner_potential_eV
        for species in {atom.species for atom in (*surface.overlayers, *surface.bulk)}:
            shifts = surface.phase_shifts[species]
            low, high = shifts.energies_eV[[0, -1]]
            if not low < inside[0] or not inside[1] <= high:  # CLEED would end below and extrapolate above
                raise ValueError(
                    f"Expected phase shifts of {species!r} from {inside[0]:g} to {inside[1]:g} eV (energies plus inner "
                    f"potential); got {low:g} to {high:g} eV. Shorten the range of energies or extend the phase shifts."
                )
            if shifts.l_max < self.l_max:
                raise ValueError(
                    f"Expected phase shifts of {species!r} up to l_max = {self.l_max}; got {shifts.l_max}. "
                    "Lower l_max of the calculator."
                )


def read_phase_shifts(path: str | Path) -> tuple[PhaseShifts, ...]:
    """Read phase shifts from a file of CLEED (.phs, one kind of atom) or ViPErLEED (PHASESHIFTS, one entry per site).

    Args:
        path: The file. CLEED's energies are in Hartree unless its first line says eV or Ry; missing values at the end
            of a line are 0, as in CLEED.

    Returns:
        One entry per kind of atom or site.

    Raises:
        ValueError: The file has neither format, or is incomplete.
    """
    lines = [line.rstrip() for line in Path(path).read_text(errors="replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    try:
        head = lines[0].split()
        return (_cleed if head[1].isdigit() else _viperleed)(head, lines[1:])
    except (ValueError, IndexError) as error:
        raise ValueError(
            "Expected a file of phase shifts, with 'n_energies l_max' (CLEED) or 'n_sites c0 c1 c2 c3' (ViPErLEED) in "
            f"its first line and as many values as it says; got {str(path)!r} ({error}). Check the file."
        ) from None


def _cleed(head: list[str], lines: list[str]) -> tuple[PhaseShifts, ...]:
    n, l_max, unit = int(head[0]), int(head[1]), "".join(head[2:3])[:2].lower()
    scale = {"ev": 1.0, "ry": _HARTREE_EV / 2}.get(unit, _HARTREE_EV)
    if len(lines) < 2 * n:
        raise ValueError(f"{len(lines)} lines for {n} energies")
    rows = [_numbers(line)[: l_max + 1] for line in lines[1 : 2 * n : 2]]
    values = [row + [0.0] * (l_max + 1 - len(row)) for row in rows]
    energies = np.array([float(line.split()[0]) * scale for line in lines[: 2 * n : 2]])
    return (PhaseShifts(energies, np.array(values)),)


def _viperleed(head: list[str], lines: list[str]) -> tuple[PhaseShifts, ...]:
    n_sites, coefficients = int(head[0]), tuple(float(number) for number in head[1:5])
    full = [i for i, line in enumerate(lines) if len(line) == len(lines[1])]  # the first line of each site
    per_site = (full[n_sites] - full[0] - 1) // n_sites
    blocks = [lines[i : i + 1 + n_sites * per_site] for i in range(0, len(lines), 1 + n_sites * per_site)]
    sites = [[_numbers("".join(b[1 + s * per_site :][:per_site])) for b in blocks] for s in range(n_sites)]
    energies = np.array([float(block[0]) * _HARTREE_EV for block in blocks])
    return tuple(PhaseShifts(energies, np.array(values), coefficients) for values in sites)


def _numbers(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"[-+]?\d*\.\d{1,4}", line)]  # Fortran leaves no space before "-"


def _energies(energies_eV: Sequence[float] | np.ndarray) -> np.ndarray:
    energies = real_numbers("energies_eV", energies_eV, ("n",), "Pass for example numpy.arange(60, 250, 5).")
    steps = np.diff(energies)
    if energies[0] < _LEAST_ENERGY_EV:
        raise ValueError(
            f"Expected energies from {_LEAST_ENERGY_EV:g} eV; got {energies[0]:g}. Multiply those in keV by 1000."
        )
    if steps.size and (steps.min() <= 0 or np.ptp(steps) > 1e-6 * steps.mean()):
        raise ValueError(
            f"Expected ascending energies in equal steps; got steps from {steps.min():g} to {steps.max():g} eV. "
            "Use numpy.arange and interpolate with shift."
        )
    return energies


def _write_input(folder: Path, surface: Surface, energies: np.ndarray, l_max: int, tolerance: float) -> np.ndarray:
    """Write CLEED's files and return the matrix (2, 2) that turns its beam indices into those of a1 and a2."""
    cell, turn = np.array([surface.a1, surface.a2], dtype=float), np.eye(2)
    dot = cell[0] @ cell[1]
    if 0 < abs(dot) < 1e-9 * (cell[0] @ cell[0]):  # a right angle but for rounding: not left to CLEED's own rounding
        cell[1] -= (dot / (cell[0] @ cell[0]) + 1e-12) * cell[0]
    if cell[0] @ cell[1] > 0:  # CLEED wants an obtuse, right-handed cell
        turn[1, 1] = -1
    if np.linalg.det(turn @ cell) < 0:
        turn = turn[::-1]
    cell, matrix = turn @ cell, np.asarray(surface.superstructure) @ turn.T
    step = energies[1] - energies[0] if len(energies) > 1 else 1.0
    species = sorted({atom.species for atom in (*surface.overlayers, *surface.bulk)})
    lines = [f"a{i + 1}: {row[0]!r} {row[1]!r} 0.0" for i, row in enumerate(cell.tolist())]
    lines += ["a3: {!r} {!r} {!r}".format(*map(float, surface.bulk_repeat))]
    lines += [f"m{i + 1}: {row[0]:.1f} {row[1]:.1f}" for i, row in enumerate(matrix)]
    lines += [f"vr: {-float(surface.inner_potential_eV)!r}", f"vi: {float(surface.damping_eV)!r}"]
    for key, atoms in (("po", surface.overlayers), ("pb", surface.bulk)):
        for atom in atoms:
            x, y, z, vibration = map(float, (*atom.position_A, atom.vibration_A))
            lines.append(f"{key}: s{species.index(atom.species)} {x!r} {y!r} {z!r} dr1 {vibration!r}")
    lines += [f"ei: {energies[0]}", f"ef: {energies[-1] + step / 2}", f"es: {step}"]
    lines += [f"{key}: {float(angle)!r}" for key, angle in zip(("it", "ip"), surface.incidence_deg, strict=True)]
    lines += [f"ep: {tolerance!r}", f"lm: {l_max}", ""]
    (folder / "leed.inp").write_text("\n".join(lines))
    for number, name in enumerate(species):
        shifts = surface.phase_shifts[name]
        rows = [f"{len(shifts.energies_eV)} {l_max} Hartree"]
        for energy, values in zip(shifts.energies_eV, shifts.values[:, : l_max + 1], strict=True):
            rows += [f"{energy / _HARTREE_EV:.10f}", " ".join(f"{value:.8f}" for value in values)]
        (folder / f"s{number}.phs").write_text("\n".join([*rows, ""]))
    return turn
