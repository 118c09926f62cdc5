"""Campaigns on pools with several targets: 20 random candidates, then ten batches of eight; how much of the front?

    several.compute(["lnp3"], ["ensemble", "qlognehvi"], seeds=4)    # what is neither recorded nor stored
    several.KEPT.record()

    ensemble   `ag.Campaign`: an ensemble for each target, log EHVI (four targets: random scalarisations), batch by
               fantasies
    gp         the same with a Gaussian process for each target
    qlognehvi  BoTorch: `SingleTaskGP` on scaled features for each target, qLogNEHVI on the `CHOICES` candidates whose
               mean + std adds most hypervolume, picks one by one
    random     random candidates

Hypervolumes are shares of the pool's: utilities are scaled so that the pool's front spans 0 … 1 in each target, and the
reference point lies a tenth below. The library and BoTorch see neither; both infer their reference points from what was
measured.

The criterion, written before any judged run (20 paired seeds): the ensemble's mean share is not below that of qLogNEHVI
by more than 0.01, on all pools but one, and above it in the mean over pools. Nothing was tuned here.
"""

import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np
import pandas as pd
import torch

from alloygrad import Campaign, Maximise, Minimise, Pool
from alloygrad.objectives import hypervolume, non_dominated
from compendium import store
from compendium.fusion import pools
from compendium.judging.statistics import paired
from compendium.running.kept import Kept, by_seed, unrolled

INITIAL, BATCHES, BATCH = 20, 10, 8
SEEDS, FIRST_SEED = 20, 100
BELOW = 0.1
"""How far below the front's worst the reference point lies, in ranges of the front."""

SAMPLES, ITERATIONS = 32, 100
"""In BoTorch's arm: samples of the posterior, each of which cuts its own boxes, and iterations of a fit at most."""

CHOICES, TOGETHER = 256, 512
"""Candidates that BoTorch's arm chooses from (on all of them a batch takes minutes), and that it predicts at a time."""

BEHAVIOUR = 1
"""Raised when a change of the code changes what a run gives."""

KEYS = ("pool", "arm", "seed", "behaviour")
KEPT = Kept("fusion_several", KEYS, (*KEYS, "share", "seconds", "code"))
"""share: of the pool's hypervolume, after 0 … 10 batches; seconds: of processor time for a batch."""

Ask = Callable[[pools.Task, np.ndarray, np.random.Generator], np.ndarray]
"""(task, rows measured, rng) → the rows of the next batch."""


class Yardstick:
    """Shares of a pool's hypervolume; utilities (n, m): the larger the better."""

    def __init__(self, utilities: np.ndarray) -> None:
        front = utilities[non_dominated(utilities)]
        self.low, self.width = front.min(0), np.ptp(front, axis=0)
        self.whole = self.volume(front)

    def volume(self, utilities: np.ndarray) -> float:
        scaled = (utilities - self.low) / self.width
        return hypervolume(scaled[non_dominated(scaled)], np.full(scaled.shape[1], -BELOW))

    def share(self, utilities: np.ndarray) -> float:
        """Return the share of the hypervolume that these have."""
        return self.volume(utilities) / self.whole


def by_campaign(surrogate: str) -> Ask:
    """Return a chooser by the library's campaign with one of its surrogates."""

    def ask(task: pools.Task, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        aims = [
            (Maximise if direction > 0 else Minimise)(name)
            for name, direction in zip(task.outcomes, task.directions, strict=True)
        ]
        campaign = Campaign(_space(task.name), aims, surrogate=surrogate, seed=int(rng.integers(2**31)))
        known = task.outcomes.iloc[rows]
        campaign.tell(rows[:, None], {name: known[name].to_numpy() for name in known})
        return np.array([int(pick.point[0]) for pick in campaign.ask(BATCH, rng=rng)])

    return ask


def qlognehvi(task: pools.Task, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose by BoTorch."""
    from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
    from botorch.exceptions.warnings import OptimizationWarning
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import ModelListGP, SingleTaskGP
    from botorch.optim import optimize_acqf_discrete
    from botorch.sampling.normal import SobolQMCNormalSampler
    from botorch.utils.multi_objective.hypervolume import infer_reference_point
    from gpytorch.mlls import SumMarginalLogLikelihood

    seed = int(rng.integers(2**31))
    torch.manual_seed(seed)
    x = task.candidates.to_numpy(dtype=float)
    x = torch.from_numpy((x - x.min(0)) / np.ptp(x, axis=0))
    y = torch.from_numpy(task.utilities[rows])
    y = (y - y.mean(0)) / y.std(0)
    model = ModelListGP(*(SingleTaskGP(x[rows], column[:, None]) for column in y.mT))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizationWarning)  # a fit that stops at its last iteration
        fit_gpytorch_mll(
            SumMarginalLogLikelihood(model.likelihood, model),
            optimizer_kwargs={"options": {"maxiter": ITERATIONS}},
        )
    acquire = qLogNoisyExpectedHypervolumeImprovement(
        model, ref_point=infer_reference_point(y[torch.from_numpy(non_dominated(y.numpy()))]),
        X_baseline=x[rows], sampler=SobolQMCNormalSampler(torch.Size([SAMPLES]), seed=seed), prune_baseline=True,
    )  # fmt: skip
    left = np.setdiff1d(np.arange(len(x)), rows)
    with torch.no_grad():
        posteriors = [model.posterior(part) for part in x[left].split(TOGETHER)]  # no covariance of all candidates
        hoped = torch.cat([one.mean + one.variance.sqrt() for one in posteriors]).numpy()
        left = left[np.argsort(-gained(hoped, y.numpy()), kind="stable")[:CHOICES]]
        found, _ = optimize_acqf_discrete(acquire, q=BATCH, choices=x[left], max_batch_size=1024, unique=True)
    return left[[int((x[left] == one).all(1).nonzero()[0, 0]) for one in found]]


def gained(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the hypervolume (n,) that each of values (n, m) adds to known ones (k, m), above the worst of both."""
    from botorch.utils.multi_objective.box_decompositions import FastNondominatedPartitioning

    worst = torch.from_numpy(np.minimum(values.min(0), known.min(0)))
    lower, upper = FastNondominatedPartitioning(worst, torch.from_numpy(known)).get_hypercell_bounds().numpy()
    return np.concatenate([
        np.clip(np.minimum(part[:, None], upper) - lower, 0, None).prod(-1).sum(-1)
        for part in np.array_split(values, 1 + len(values) // 1000)
    ])  # fmt: skip


def at_random(task: pools.Task, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Choose at random."""
    return rng.choice(np.setdiff1d(np.arange(len(task.candidates)), rows), BATCH, replace=False)


ARMS: dict[str, Ask] = {
    "ensemble": by_campaign("ensemble"),
    "gp": by_campaign("gp"),
    "qlognehvi": qlognehvi,
    "random": at_random,
}
"""Who chooses, by name."""


@cache
def _task(pool: str) -> tuple[pools.Task, Yardstick]:
    task = pools.load(pool)
    return task, Yardstick(task.utilities)


@cache
def _space(pool: str) -> Pool:
    return Pool(_task(pool)[0].candidates)


def run(pool: str, arm: str, seed: int) -> dict:
    """Run one campaign; the columns of its row beyond the keys."""
    task, yardstick = _task(pool)
    rows = np.random.default_rng([1000, seed]).choice(len(task.candidates), INITIAL, replace=False)
    shares, started = [yardstick.share(task.utilities[rows])], time.process_time()
    for number in range(BATCHES):
        rows = np.concatenate([rows, ARMS[arm](task, rows, np.random.default_rng([seed, number]))])
        shares.append(yardstick.share(task.utilities[rows]))
    assert len(set(rows.tolist())) == INITIAL + BATCHES * BATCH, f"{arm} measured a candidate of {pool} twice"
    return {
        "share": " ".join(f"{share:.5f}" for share in shares),
        "seconds": round((time.process_time() - started) / BATCHES, 3),
        "code": store.code_version(),
    }


def compute(
    names: Iterable[str], arms: Sequence[str], *, seeds: int = SEEDS, compute_missing: bool = True
) -> pd.DataFrame:
    """Return the rows of all runs, seed by seed, computing what is missing where its files can be had.

    Args:
        names: Pools with several targets.
        arms: Names in `ARMS`.
        seeds: How many.
        compute_missing: Whether to compute; otherwise only what is recorded or stored is returned.
    """

    def make(key):
        return run(key["pool"], key["arm"], key["seed"]) if pools.available(key["pool"]) else None

    numbers = range(FIRST_SEED, FIRST_SEED + seeds)
    return by_seed(KEPT, names, arms, numbers, BEHAVIOUR, make, compute_missing=compute_missing)


def curves(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per pool, arm, seed and batch: the share of the pool's hypervolume."""
    return unrolled(runs, ["pool", "arm", "seed"], "share", float)


def leads(runs: pd.DataFrame, ours: str = "ensemble") -> pd.DataFrame:
    """Return by how much the final share of one arm exceeds that of each other one, paired by seed.

    Columns: pool, over (the other arm), n, mean, low and high (95 % interval).
    """
    table = curves(runs)
    last = table[table["batch"] == BATCHES].pivot(index=["pool", "seed"], columns="arm", values="share")
    rows = []
    for pool, own in last.groupby(level="pool", sort=False):
        for arm in (name for name in ARMS if name in own and name != ours and ours in own):
            if (own[ours] - own[arm]).notna().any():
                test = paired(own[ours], own[arm])
                rows.append({"pool": pool, "over": arm} | {name: test[name] for name in ("n", "mean", "low", "high")})
    return pd.DataFrame(rows, columns=["pool", "over", "n", "mean", "low", "high"])
