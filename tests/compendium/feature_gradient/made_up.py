"""Results made up: trajectories of declared cells, and tables, with nothing else in them."""

import numpy as np
import pandas as pd

from compendium.feature_gradient.cells import CELLS
from compendium.feature_gradient.results import Results
from compendium.judging import statistics


def results(cells: dict[str, pd.DataFrame], **tables) -> Results:
    """Results that hold these trajectories and tables, and nothing else."""
    none = pd.DataFrame()
    about = dict(cards={}, curves={}, parity={}, partitions={}, datasets={}, benchmark=none, starts=none)
    about["grids"] = pd.DataFrame(columns=["alloy", "n_elements", "step", "compositions"])
    about["scores"] = pd.DataFrame(columns=[*statistics.COMPARED, "draw", "input", "mae", "rows", "of"])
    return Results(lambda name: cells.get(name, none), **about | tables)


def rows(cell: str, seeds: int, *, reach: int = 0, shift: float = 0.0, final=None) -> pd.DataFrame:
    """Trajectories of 8 + 12 compositions; the 12 lie within `reach` steps of a corner (0: anywhere)."""
    space, tables = CELLS[cell].space(), []
    for seed in range(seeds):
        rng = np.random.default_rng([seed, reach])
        counts = space.sample(8, np.random.default_rng(seed)).tolist()
        near = space.sample(1, np.random.default_rng([seed, 1]))[0]
        while len(counts) < 20:
            pick = space.sample(1, rng)[0] if not reach else _near(space, near, reach, rng)
            if pick.tolist() not in counts:
                counts.append(pick.tolist())
        table = pd.DataFrame(counts, columns=space.elements).assign(seed=seed, experiment=range(-8, 12))
        merit = np.random.default_rng([seed, 2]).normal(size=20) - 5
        merit[-1] = np.random.default_rng([seed, 3]).normal() + shift if final is None else final[seed]
        tables.append(table.assign(merit=merit))
    return pd.concat(tables, ignore_index=True)


def _near(space, corner, reach, rng):
    while True:
        pick = corner + rng.integers(-reach, reach + 1, len(corner))
        pick[-1] += space.total - pick.sum()
        if space.contains(pick[None])[0]:
            return pick


def arms(alloys=("sma",), seeds=12, **reaches) -> Results:
    """Arms at N = 4 whose proposed compositions lie within so many steps of a corner; two of them end lower."""
    lower = {"random": -2.0, "slsqp_ei": -0.5}
    cells = {f"{alloy}_n4_{arm}": (reach, lower.get(arm, 0.0)) for alloy in alloys for arm, reach in reaches.items()}
    return results({name: rows(name, seeds, reach=reach, shift=shift) for name, (reach, shift) in cells.items()})
