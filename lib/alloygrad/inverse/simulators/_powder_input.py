"""What a powder pattern takes as cell, lines and angles, checked."""

from collections.abc import Sequence

import numpy as np

from alloygrad.checks import real_numbers

LEAST_ANGLE_DEG = 5.0  # of a cell, chosen: below it the angle is in radians

# What symmetry demands of a cell, by crystal system; monoclinic and unusual settings name other axes.
SYSTEMS = {
    "cubic": "a = b = c and α = β = γ = 90°",
    "tetragonal": "a = b and α = β = γ = 90°",
    "orthorhombic": "α = β = γ = 90°",
    "hexagonal": "a = b, α = β = 90° and γ = 120°",
    "trigonal": "a = b, α = β = 90° and γ = 120°, or a = b = c and α = β = γ in rhombohedral axes",
    "monoclinic": "two angles of 90°",
}


def lines_of(lines: Sequence[tuple[float, float]]) -> np.ndarray:
    """Return lines (n, 2): wavelengths and weights. Raises ValueError unless all are above 0."""
    advice = "Write for example [(1.5406, 1.0)]: a wavelength in Å and its weight for each line."
    found = real_numbers("lines", lines, ("n", 2), advice)
    if found.min() <= 0:
        raise ValueError(f"Expected wavelengths and weights above 0 in lines; got {found.tolist()}. {advice}")
    return found


def cell_of(cell: Sequence[float]) -> np.ndarray:
    """Return a, b, c in Å and α, β, γ in degrees (6,). Raises ValueError for a cell of another form."""
    form = "(a, b, c) or (a, b, c, α, β, γ), positive, in Å and degrees"
    found = real_numbers("cell", cell, ("n",), f"Pass {form}.")
    values = np.array([*found, 90.0, 90.0, 90.0]) if len(found) == 3 else found
    if len(values) != 6 or values.min() <= 0:
        raise ValueError(f"Expected a cell {form}; got {found.tolist()}. Pass three or six numbers above 0.")
    if values[3:].min() < LEAST_ANGLE_DEG:
        raise ValueError(
            f"Expected the cell's angles in degrees; got {values[3:].tolist()}. Multiply radians by 180/π."
        )
    return values


def lengths_and_angles(metric: np.ndarray) -> tuple[float, ...]:
    """Return a, b, c and α, β, γ in degrees, rounded, of a metric tensor (3, 3)."""
    lengths = np.sqrt(np.diag(metric))
    cosines = (metric / np.outer(lengths, lengths))[[1, 0, 0], [2, 2, 1]]
    return tuple(float(f"{value:.5g}") for value in (*lengths, *np.degrees(np.arccos(cosines))))


def angles_of(two_theta_deg: np.ndarray) -> np.ndarray:
    """Return angles 2θ (n,). Raises ValueError unless they increase within (0, 180)."""
    angles = real_numbers("angles 2θ", two_theta_deg, ("n",), "Pass for example numpy.arange(20, 60, 0.02).")
    for at in np.flatnonzero(angles[1:] <= angles[:-1])[:1]:
        got = f"{angles[at]:g} before {angles[at + 1]:g} at index {at}"
        raise ValueError(f"Expected angles 2θ in increasing order; got {got}. Sort them, and leave out repeated ones.")
    if angles[0] <= 0 or angles[-1] >= 180:
        got = f"{angles[0]:g} to {angles[-1]:g}"
        raise ValueError(f"Expected angles 2θ between 0 and 180°; got {got}. Leave out those beyond.")
    return angles
