"""What a batch costs against the number of candidates, and which covariance matrices can be factorised.

    costs.batches([5000, 4080501])      # what is neither recorded nor stored; each in a process of its own
    costs.factorisations()              # computed at once

A batch is eight suggestions of `ag.Campaign` with the surrogate "ensemble" after 92 measurements, as the last batch of
a campaign is: fit, screen of all candidates, choice with fantasies. The candidates are those of the pool `alloys_sma`,
all or some at random. A small batch goes before, so that what torch sets up once is not counted.
"""

import resource
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd
import torch

from alloygrad import Campaign, Maximise, Pool
from alloygrad.surrogates import GaussianProcess
from alloygrad.surrogates.isotropic import Isotropic
from alloygrad.surrogates.process import Process, process
from compendium import store
from compendium.environments.alloys import SMA
from compendium.fusion import alloy_pools
from compendium.fusion.arms import BATCH, plain
from compendium.running.kept import Kept
from compendium.threads import one_thread

MEASURED = 92
WARM = 1000
"""Candidates of the small batch that goes before."""

BEHAVIOUR = 1
"""Raised when a change of the code changes what a run gives."""

KEYS = ("candidates", "behaviour")
KEPT = Kept("fusion_costs", KEYS, (*KEYS, "seconds", "wall", "megabytes", "code"))
"""seconds: of processor time for a batch; wall: of the clock; megabytes: the largest memory of the process."""


def once(candidates: int) -> dict:
    """Measure one batch; the columns of its row beyond the keys. Memory is that of this process since it began."""
    for size in (WARM, candidates):
        seconds, wall = batch(*alloys(size, np.random.default_rng(0)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": round(seconds, 3), "wall": round(wall, 3), "megabytes": round(peak),
        "code": store.code_version(),
    }  # fmt: skip


def alloys(size: int, rng: np.random.Generator) -> tuple[Pool, np.ndarray, np.ndarray]:
    """Return so many candidates of the pool, the rows of those measured and their merits."""
    grid = SMA.space(4)
    chosen = np.arange(grid.size) if size >= grid.size else rng.choice(int(grid.size), size, replace=False)
    fractions = grid.fractions(grid.unrank(chosen))
    rows = rng.choice(len(fractions), MEASURED, replace=False)
    merits = alloy_pools.outcomes(SMA, grid, fractions[rows])["merit"].to_numpy()
    table = pd.DataFrame(fractions, columns=grid.elements).join(alloy_pools.descriptors(fractions, grid.elements))
    return Pool(table), rows, merits


def batch(space: Pool, rows: np.ndarray, merits: np.ndarray) -> tuple[float, float]:
    """Return seconds of the processor and of the clock for a batch, after `rows` (n,) of these merits (n,)."""
    campaign = Campaign(space, Maximise("merit"), surrogate="ensemble", seed=0)
    campaign.tell(rows[:, None], {"merit": merits})
    started, clock = time.process_time(), time.perf_counter()
    campaign.ask(BATCH, rng=np.random.default_rng(0))
    return time.process_time() - started, time.perf_counter() - clock


def _alone(candidates: int) -> dict:
    with one_thread():
        return once(candidates)


def batches(sizes: Iterable[int], *, compute_missing: bool = True) -> pd.DataFrame:
    """Return a row for each number of candidates, measuring what is missing in a new process each.

    Columns: as of `KEPT`.
    """

    def make(key: dict) -> dict:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
            return executor.submit(_alone, key["candidates"]).result()

    wanted = [{"candidates": size, "behaviour": BEHAVIOUR} for size in sizes]
    return pd.DataFrame(KEPT.rows(wanted, make, compute_missing=compute_missing), columns=list(KEPT.columns))


DIMENSIONS, POINTS = (2, 5, 10, 20, 50, 100), (50, 200)
CLOSE = 1e-3
"""Half the side of the cube around the best point; an alloy on a grid of 0.1 at.% has its neighbours as near."""


def gathered(n: int, dimensions: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return points (n, d) as a campaign leaves them and their targets (n,): half of them close to one another.

    The other half is uniform in the unit cube. The close ones lie up to a thousandth around the best of these.
    """
    points = rng.random((n, dimensions))
    values = target(points)
    half = n // 2
    best = points[values[:half].argmax()]
    points[half:] = np.clip(best + CLOSE * rng.uniform(-1, 1, (n - half, dimensions)), 0, 1)
    values = target(points)
    return points, (values - values.mean()) / values.std()


def target(points: np.ndarray) -> np.ndarray:
    """Return a smooth function (n,) of points (n, d)."""
    return -np.square(points - 0.4).mean(1)


@one_thread()
def factorisations(
    dimensions: Sequence[int] = DIMENSIONS, points: Sequence[int] = POINTS, seeds: int = 2
) -> pd.DataFrame:
    """Return one row per number of points and dimensions, seed and model: how its covariance matrix is conditioned.

    Columns: points, dimensions, seed, model ("fixed": a Gaussian process of noise 1e-6; "learned" and "isotropic": the
    ensemble's, with a lengthscale for each dimension and learned noise, and with one lengthscale), condition, jitter
    (added to the diagonal, in units of the scale; NaN of "isotropic", which adds none), single: whether the matrix can
    be factorised in single precision; bare: whether the kernel can be without its noise, in double precision.
    """
    rows = []
    for n in points:
        for d in dimensions:
            for seed in range(seeds):
                x, y = gathered(n, d, np.random.default_rng([n, d, seed]))
                fitted = {
                    "fixed": GaussianProcess(plain).fit(x, y, noise=1e-6),
                    "learned": GaussianProcess(plain).fit(x, y),
                    "isotropic": Isotropic(plain).fit(x, y),
                }
                for name, model in fitted.items():
                    own = process(model)
                    row = {"points": n, "dimensions": d, "seed": seed, "model": name} | _conditioned(own)
                    rows.append(row | {"jitter": getattr(model, "jitter", np.nan) / own.scale})
    return pd.DataFrame(rows)


def _conditioned(own: Process) -> dict:
    """The condition number of the factorised matrix, and what else can be factorised."""
    singular = torch.linalg.svdvals(own.cholesky)
    bare = own.prior(own.inputs, own.inputs)
    whole = (own.cholesky @ own.cholesky.mT / own.scale).float()
    return {
        "condition": float((singular[0] / singular[-1]) ** 2),
        "single": not int(torch.linalg.cholesky_ex(whole).info),
        "bare": not int(torch.linalg.cholesky_ex(bare).info),
    }


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """Return shares of matrices by model and what befell them (rows), and dimensions (columns).

    table: as `factorisations` returns it.
    """
    wide = pd.DataFrame({
        "model": table["model"], "dimensions": table["dimensions"],
        "needed jitter": (table["jitter"] > 0).astype(float).where(table["jitter"].notna()),
        "failed in single precision": ~table["single"],
        "kernel failed without noise": ~table["bare"],
    }).melt(["model", "dimensions"], var_name="matrices that")  # fmt: skip
    mean = wide.groupby(["model", "matrices that", "dimensions"], sort=False)["value"].mean()
    return mean.unstack("dimensions").reset_index()
