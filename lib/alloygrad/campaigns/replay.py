"""A finished table as space and environment: campaigns are replayed on what somebody has already measured.

    space, environment = replay(elements, compositions, merits)
    rows = list(trajectory(Settings(n_initial=20, setting="safe"), space, environment, seed=0))

What was measured scatters, and the setting "safe" learns by how much. The setting "paper" takes every measurement as
exact: its model passes through them all, and improvement counts from the luckiest.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from alloygrad.checks import distinct_names, explained, numbers, require_fractions
from alloygrad.spaces.pool import Pool
from alloygrad.surrogates.gp import standardisation

RESOLUTION = 1e-6
"""Fractions of a table that differ by less are one composition."""


@explained("replay(['Ti', 'Ni'], compositions, merits)")
def replay(elements: Sequence[str], compositions: np.ndarray, merits: np.ndarray) -> tuple[Pool, Callable]:
    """Return (space, environment) of measured alloys.

    Args:
        elements: Names of the columns of `compositions`.
        compositions: Atomic fractions (n, n_elements).
        merits: (n,), the larger the better. Repeated compositions become one, with the mean of their merits.

    Returns:
        A pool of the compositions, and an environment that returns {"measured": as in the table, "merit": standardised
        over it} for compositions of the pool.

    Raises:
        ValueError: Shapes that do not match, values that are not finite, rows that are not fractions with a sum of 1.
    """
    elements = distinct_names(elements, "element symbols")
    compositions, merits = numbers(compositions, "compositions"), numbers(merits, "merits")
    if merits.ndim != 1 or compositions.shape != (len(merits), len(elements)):
        raise ValueError(
            f"Expected compositions (n, {len(elements)}) and merits (n,); got {compositions.shape} and {merits.shape}. "
            "Give one merit for each composition."
        )
    if not (np.isfinite(compositions).all() and np.isfinite(merits).all()):
        finite = np.isfinite(compositions).all(1) & np.isfinite(merits)
        raise ValueError(
            f"Expected finite compositions and merits; row {int(np.argmin(finite))} has another value. Leave it out."
        )
    require_fractions(compositions, RESOLUTION)
    counts, group = np.unique(np.rint(compositions / RESOLUTION).astype(np.int64), axis=0, return_inverse=True)
    means = np.bincount(group.ravel(), merits) / np.bincount(group.ravel())
    pool = Pool(pd.DataFrame(counts * RESOLUTION, columns=list(elements)), elements=elements)
    centre, spread = standardisation(means)
    row_of = {tuple(row): number for number, row in enumerate(counts.tolist())}

    def environment(asked: np.ndarray) -> dict[str, np.ndarray]:
        """Return {"measured", "merit"} (...) of fractions (..., n_elements) that are rows of the table."""
        asked = np.rint(np.asarray(asked, float) / RESOLUTION).astype(np.int64)
        keys = [tuple(row) for row in asked.reshape(-1, len(elements)).tolist()]
        if missing := [key for key in keys if key not in row_of]:
            raise ValueError(
                f"Expected compositions of the table; {[round(x * RESOLUTION, 6) for x in missing[0]]} is none. Ask "
                "for points of the pool."
            )
        rows = np.array([row_of[key] for key in keys], dtype=int).reshape(asked.shape[:-1])
        return {"measured": means[rows], "merit": (means[rows] - centre) / spread}

    known: Any = environment
    known.elements = tuple(elements)  # by which it is checked against the space
    return pool, environment
