"""Measurements on campaigns: claims of Figs. 3, 5, 7 and 8, and what sections 4 and 5 conclude from them.

Each compares study cells that share initial data and features seed by seed; `declared` says how a claim names them.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from compendium.feature_gradient import diversity
from compendium.feature_gradient.measurements.declared import measure_each
from compendium.feature_gradient.measurements.quantities import QUANTITIES
from compendium.feature_gradient.results import LAST, Results
from compendium.judging import statistics
from compendium.judging.verdicts import Part


@measure_each("difference")
def difference(
    results: Results, about: dict, cells: list[str], quantity: str, weights: Sequence[float] = (1, -1), **options
) -> Part:
    """Mean of Σ weight · quantity over cells, paired by seed: of one cell its mean, of two their difference."""
    measured = [QUANTITIES[quantity](results, cell, **options) for cell in cells]
    table = pd.concat(measured, axis=1, keys=cells).dropna()
    if table.empty:
        return Part(**about)
    weights = np.array(weights[: len(cells)], dtype=float)
    found = statistics.paired(table @ weights.clip(0), table @ (-weights).clip(0))
    interval = {"value": float(found["mean"]), "low": float(found["low"]), "high": float(found["high"])}
    return Part(**about, **interval, n=int(found["n"]))


def _deviation(values: np.ndarray) -> np.ndarray:
    return values[..., 0].std(axis=-1, ddof=1)


def _ratio_of_means(values: np.ndarray) -> np.ndarray:
    one, other = np.moveaxis(values.mean(axis=-2), -1, 0)
    return one / other


def _rise(results: Results, cell: str, done: int) -> list[pd.Series]:
    """Rise of the best merit in the first experiments, and in all."""
    return [results.best(cell, last) - results.best(cell, 0) for last in (done, LAST)]


STATISTICS: dict[str, tuple[Callable, Callable]] = {
    "spread": (lambda results, cell, done=LAST: [results.best(cell, done)], _deviation),
    "slope on start": (lambda results, cell: [results.best(cell, 0), results.best(cell)], diversity.slope),
    "share of rise": (_rise, _ratio_of_means),
}
"""Name → columns by seed of a cell, and the statistic (..., n, columns) → (...) of them."""


@measure_each("statistic")
def statistic(
    results: Results, about: dict, cells: list[str], statistic: str, room: float | None = None, **options
) -> Part:
    """A statistic over the trajectories of a cell, less that of a second cell; seeds are resampled whole.

    room: where the second cell's own statistic is below this, none can lie so far below it. The part then fails only if
    the first cell lies above by as much.
    """
    columns, of = STATISTICS[statistic]
    series = [column for cell in cells for column in columns(results, cell, **options)]
    values, k = pd.concat(series, axis=1).dropna().to_numpy(), len(series) // len(cells)
    about = about | {"source": ", ".join(cells), "n": len(values)}
    if len(values) < 2:
        return Part(**about)
    found = statistics.interval(values, lambda v: of(v[..., :k]) - (of(v[..., k:]) if len(cells) > 1 else 0))
    if room is not None and of(values[:, k:]) < room:
        about["slack"] = room - about["most"]
    return Part(**about, **dict(zip(("value", "low", "high"), found, strict=True)))
