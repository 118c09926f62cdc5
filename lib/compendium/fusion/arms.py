"""Who chooses a batch: the ensemble and its peers, all on the library's models.

ensemble    log EI on the fused state, batch by fantasies
gp_ei       log EI on a Gaussian process with a lengthscale for each feature, batch by fantasies
pca_gp      the same on ten principal components of the pool
gp_ts       Thompson sampling: each pick is the best candidate of one joint sample on 1,000 of them
forest_ei   the eight candidates with the largest log EI on a random forest
mean        the eight with the largest plain mean of the ensemble's learners
query       the eight on which these learners disagree most
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor

from alloygrad import Pool, log_ei, maximise
from alloygrad.features.feature_map import doubles
from alloygrad.protocols import Model, Surrogate
from alloygrad.surrogates import Ensemble, GaussianProcess, RandomForest
from alloygrad.surrogates.ensemble import MEMBERS, EnsembleModel
from alloygrad.surrogates.gp import standardisation
from alloygrad.surrogates.process import expected
from compendium.fusion import learners  # noqa: F401  # adds "ridge" and "network" to the ensemble's learners

BATCH = 8
COMPONENTS = 10
JOINT = 1000
"""Candidates of a joint sample."""

AGAIN, CHUNK = 1024, 2048
"""Candidates that are scored anew, at least, and candidates that are predicted, at a time: so few stay in cache."""

ENTROPY_ROWS = 4096
"""Candidates among which the entropy of the best is taken; they are drawn anew for each batch."""


@dataclass(frozen=True)
class Chosen:
    """A batch: row numbers (8,), and of the ensemble the entropy of where the best is and the gains."""

    rows: np.ndarray
    entropy: float = float("nan")
    gains: Mapping[str, float] = field(default_factory=dict)


def plain(points: Tensor) -> Tensor:
    """Return features as they are."""
    return torch.as_tensor(points, dtype=torch.float64)


def fitted(surrogate: Surrogate, space: Pool, rows: np.ndarray, values: np.ndarray) -> Model:
    """Return the model of standardised values (n,) of candidates `rows`."""
    centre, spread = standardisation(values)
    return surrogate.fit(space.features[rows], (values - centre) / spread)


def believed(model: Model, space: Pool, rows: np.ndarray, method: str, rng: np.random.Generator) -> np.ndarray:
    """Return the batch by log EI, each pick fantasised before the next."""
    with torch.no_grad():
        best = model.posterior(space.features[rows])[0].max().item()
        taken = [int(row) for row in rows]
        for _ in range(BATCH):
            exclude = np.array(taken)[:, None]
            pick = maximise(log_ei(model, best), space, method, exclude=exclude, rng=rng).point
            taken.append(int(pick[0]))
            at = space.coordinates(pick)[None]
            mean = model.posterior(at)[0]
            model, best = model.condition(at, mean), max(best, mean.item())
    return np.array(taken[-BATCH:])


def enumerated(model: Model, space: Pool, rows: np.ndarray) -> np.ndarray:
    """Return what `believed` does by enumeration with a Gaussian process, without scoring all candidates every time.

    A Gaussian process that is told its own mean keeps its means, and its variances fall; the best so far rises or
    stays. So no score rises, and a score from before an earlier pick is a bound: only candidates whose bound is among
    the largest are scored anew, until the largest score is a new one.
    """
    picks: list[int] = []
    with torch.no_grad():
        best = model.posterior(space.features[rows])[0].max().item()
        scores = _scores(model, best, space.features)
        scores[rows] = -np.inf
        new, some = np.ones(space.size, dtype=bool), min(max(AGAIN, space.size // 256), space.size - 1)
        while True:
            while not new[top := int(scores.argmax())]:
                again = np.argpartition(-scores, some)[:some]
                again = again[~new[again] & np.isfinite(scores[again])]
                scores[again], new[again] = _scores(model, best, space.features[again]), True
            picks.append(top)
            if len(picks) == BATCH:
                return np.array(picks)
            at = doubles(space.features[[top]])
            mean = model.posterior(at)[0]
            model, best = model.condition(at, mean), max(best, mean.item())
            scores[top], new[:] = -np.inf, False


def _scores(model: Model, best: float, features: np.ndarray) -> np.ndarray:
    """Return log EI (n,) at features (n, D)."""
    return _in_parts(log_ei(model, best), features)


def _in_parts(function: Callable[[Tensor], Tensor], features: np.ndarray) -> np.ndarray:
    """Return what a function of features (n, D) gives (n,), a part of the rows at a time."""
    parts = np.split(features, range(CHUNK, len(features), CHUNK))
    return np.concatenate([function(doubles(part)).numpy() for part in parts])


def largest(scores: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the eight rows with the largest scores (n,) that are not measured."""
    scores = scores.copy()
    scores[rows] = -np.inf
    return np.argsort(-scores, kind="stable")[:BATCH]


def ensemble(space: Pool, rows: np.ndarray, values: np.ndarray, *, rng: np.random.Generator, **settings) -> Chosen:
    """Choose by the ensemble; settings: of `Ensemble`."""
    model = fitted(Ensemble(plain, **settings), space, rows, values)
    shown = space.features[rng.choice(space.size, min(ENTROPY_ROWS, space.size), replace=False)]
    entropy = model.entropy(shown, rng)
    return Chosen(believed(model, space, rows, "cascade", rng), entropy, gains_of(model))


def gains_of(model: EnsembleModel) -> dict[str, float]:
    """Return the gains of the learners by name."""
    return dict(zip(model.names, model.gains.weights.tolist(), strict=True))


def gp_ei(space: Pool, rows: np.ndarray, values: np.ndarray, *, rng: np.random.Generator) -> Chosen:
    """Choose by log EI on a Gaussian process."""
    return Chosen(enumerated(fitted(GaussianProcess(plain), space, rows, values), space, rows))


def pca_gp(space: Pool, rows: np.ndarray, values: np.ndarray, *, rng: np.random.Generator) -> Chosen:
    """Choose by log EI on a Gaussian process of the pool's principal components."""
    centre, spread = space.features.mean(0), space.features.std(0)
    standard = (space.features - centre) / spread
    axes = torch.from_numpy(np.linalg.eigh(standard.T @ standard)[1][:, ::-1][:, :COMPONENTS].copy())
    low, width = torch.from_numpy(centre), torch.from_numpy(spread)
    surrogate = GaussianProcess(lambda points: (plain(points) - low) / width @ axes)
    return Chosen(enumerated(fitted(surrogate, space, rows, values), space, rows))


def gp_ts(space: Pool, rows: np.ndarray, values: np.ndarray, *, rng: np.random.Generator) -> Chosen:
    """Choose by Thompson sampling on a Gaussian process."""
    model = fitted(GaussianProcess(plain), space, rows, values)
    left = np.setdiff1d(np.arange(space.size), rows)
    shown = rng.choice(left, min(JOINT, len(left)), replace=False)
    picks: list[int] = []
    for sample in model.sample(space.features[shown], BATCH, rng).numpy():
        sample[picks] = -np.inf
        picks.append(int(sample.argmax()))
    return Chosen(shown[picks])


def forest_ei(space: Pool, rows: np.ndarray, values: np.ndarray, *, rng: np.random.Generator) -> Chosen:
    """Choose the largest log EI on a random forest."""
    model = fitted(RandomForest(plain), space, rows, values)
    best = standardised_best(values)
    return Chosen(largest(_scores(model, best, space.features), rows))


def standardised_best(values: np.ndarray) -> float:
    """Return the largest of values (n,) after standardisation."""
    centre, spread = standardisation(values)
    return float((values.max() - centre) / spread)


def _predictions(space: Pool, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What each learner expects (C, n), without compression of the targets."""
    model = fitted(Ensemble(plain, compressed=False), space, rows, values)
    with torch.no_grad():
        return np.stack([_in_parts(partial(expected, one), space.features) for one in model.models])


def mean(space: Pool, rows: np.ndarray, values: np.ndarray, *, rng: np.random.Generator) -> Chosen:
    """Choose the largest plain mean of the learners."""
    return Chosen(largest(_predictions(space, rows, values).mean(0), rows))


def query(space: Pool, rows: np.ndarray, values: np.ndarray, *, rng: np.random.Generator) -> Chosen:
    """Choose where the learners disagree most."""
    return Chosen(largest(_predictions(space, rows, values).std(0), rows))


ARMS: dict[str, Callable[..., Chosen]] = {
    "ensemble": ensemble,
    "gp_ei": gp_ei,
    "gp_ts": gp_ts,
    "pca_gp": pca_gp,
    "forest_ei": forest_ei,
    "mean": mean,
    "query": query,
}
"""Arms by name: (space, rows, values, rng) → Chosen."""

ABLATED: dict[str, dict] = {
    "one_gp": {"members": ("isotropic",)},
    "without_isotropic": {"members": ("tanimoto", "gp", "extra_trees")},
    "without_tanimoto": {"members": ("isotropic", "gp", "extra_trees")},
    "without_gp": {"members": ("isotropic", "tanimoto", "extra_trees")},
    "without_extra_trees": {"members": ("isotropic", "tanimoto", "gp")},
    "with_forest": {"members": (*MEMBERS, "forest")},
    "with_ridge": {"members": (*MEMBERS, "ridge")},
    "with_network": {"members": (*MEMBERS, "network")},
    "equal_gains": {"equal": True},
    "raw_targets": {"compressed": False},
    "no_disagreement": {"disagreement": 0.0},
}
"""Settings of `Ensemble` by name: one learner alone, one learner or one term left out, a learner more."""

CHOOSERS = ARMS | {name: partial(ensemble, **settings) for name, settings in ABLATED.items()}
"""All arms by name."""
