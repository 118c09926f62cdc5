"""The compact record of finished trajectories, at most 2.5 kB each, and the way back to their rows.

    kept              of each experiment: counts, evaluations, gradients, starts and how many of them moved, exactly;
                      merit, log EI, log posterior and, where it is not EI, the acquisition value as float32 (7 digits);
                      hyperparameters and CPU time as float16 (3 digits)
    computed again    initial rows, which the seed fixes; properties and merits, which counts and networks fix;
                      EI, from its logarithm
    left out          warnings, and all times but that of the CPU

Trajectories are recorded in this form below `data/results/compact/`. The files directly below `data/results/` hold
earlier ones with all their columns: they are read, and nothing is added to them.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from alloygrad.campaigns.trajectory import initial_measurements
from alloygrad.spaces.composition import CompositionSpace
from compendium import store
from compendium.running.cells import Cell

WHOLE = ("evaluations", "gradients", "starts")
SINGLE = ("merit", "log_ei", "log_posterior")
HALF = ("outputscale", "mean", "cpu_seconds")
TEXT = ("features", "code", "trajectory")


def files(cell: Cell) -> tuple[Path, Path]:
    """The two files of a cell's record: earlier trajectories with all their columns, and compact ones."""
    return store.RESULTS / f"{cell.name}.parquet", store.RESULTS / "compact" / f"{cell.name}.parquet"


def pack(cell: Cell, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the compact form of whole trajectories: a row for each experiment, with fewer columns and digits.

    Args:
        cell: What was run.
        rows: Rows of `trajectory`, the initial ones included, with the columns code and trajectory.
    """
    proposed = rows[rows["experiment"] >= 0]
    lengthscales = [name for name in proposed if name.startswith("lengthscale_")]
    single = SINGLE if _is_ei(cell) else ("value", *SINGLE)
    kinds: dict[str, type] = dict.fromkeys(["seed", "experiment", *cell.space().elements], np.int16)
    kinds |= dict.fromkeys(WHOLE, np.int32)
    kinds |= dict.fromkeys(single, np.float32) | dict.fromkeys([*lengthscales, *HALF], np.float16)
    moved = (proposed["moved"].fillna(0.0) * proposed["starts"]).round().astype(np.int16)
    return proposed[[*kinds, *TEXT]].astype(kinds).assign(moved=moved).reset_index(drop=True)


def unpack(cell: Cell, packed: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that `pack` took, without what is left out, sorted by seed and experiment."""
    space, elements = cell.space(), list(cell.space().elements)
    first = packed.drop_duplicates("seed").set_index("seed")[["code", "trajectory"]]
    start = pd.concat(_initial_counts(cell, space, seed) for seed in first.index.tolist()).join(first, on="seed")
    proposed = packed.astype(dict.fromkeys(packed.select_dtypes("floating"), float))
    if _is_ei(cell):
        proposed["value"] = np.exp(proposed["log_ei"]) if cell.settings.acquisition == "ei" else proposed["log_ei"]
    proposed["moved"] /= proposed["starts"].where(proposed["starts"] > 0)
    rows = pd.concat([start, proposed]).sort_values(["seed", "experiment"], ignore_index=True)
    rows = rows.astype(dict.fromkeys(["seed", "experiment", *elements], np.int64))
    return rows.assign(**cell.environment()(space.fractions(rows[elements].to_numpy())))


def _is_ei(cell: Cell) -> bool:
    """Whether the acquisition value is EI or its logarithm, so that log EI says it all."""
    return cell.settings.acquisition in ("ei", "log_ei")


def _initial_counts(cell: Cell, space: CompositionSpace, seed: int) -> pd.DataFrame:
    """Seed, experiment and counts of a trajectory's initial rows; nothing is measured."""
    unmeasured = initial_measurements(cell.settings, space, lambda composition: 0.0, seed)
    return pd.DataFrame(unmeasured).drop(columns="merit")
