"""Which alloys to compute next so that a surrogate of all becomes better: a learned policy, variance, or chance.

    suggestions.compute(seeds=20)     # computes what neither the record nor the working store holds, and returns all
    suggestions.KEPT.record()         # packs finished runs into data/results

A run begins with `INITIAL` random alloys (`quinaries`), the same for all arms of a seed, and adds `ADDED` more, `ROUND`
at a time. After each round the surrogate is fitted anew. What is kept is its error on the same `TESTED` alloys, in
units of the standard deviation of all.

    random      random alloys
    variance    of `CANDIDATES` random alloys the one of which the surrogate knows least
    reduction   the one that lowers the mean variance over `REFERENCE` other alloys most
    dqn         the same score, but alloys are proposed by a deep Q-network (`dqn`) that adds one metal after the other;
                it is trained in each round

A variance does not depend on what will be measured, so within a round each alloy is added before the next is chosen.
What the document rewards is not public; this score is what an improvement of the surrogate is expected to be.

The criterion, written before any run that is judged: after `ADDED` alloys and over 20 paired seeds, the error of `dqn`
is at least 5 % below that of `variance`, and of `random` (95 % intervals of the mean share). `reduction` tells what is
due to the score, and what to the network.
"""

from functools import cache

import numpy as np
import pandas as pd

from compendium import store
from compendium.learning import quinaries
from compendium.learning.dqn import DQN
from compendium.learning.predictor import Predictor, kernel, predictor
from compendium.running.kept import Kept, spread

INITIAL, ADDED, ROUND, SEEDS, FIRST_SEED = 50, 200, 10, 20, 100
TESTED, REFERENCE, CANDIDATES = 2000, 300, 2000
ARMS = ("random", "variance", "reduction", "dqn")
BATCHES, TRIED, EXPLORED = 20, 64, 0.1
"""Of the network: batches of episodes in a round, points proposed at once, and the share of random actions in them."""

BEHAVIOUR = 1
"""Raised when a change of the code changes what a run gives."""

KEYS = ("seed", "arm", "behaviour")
KEPT = Kept("learning_suggestions", KEYS, (*KEYS, "error", "code"))
"""error: after 0, 1, … rounds."""

TEST, START, CHOICE = range(3)  # purposes of random numbers


class Known:
    """What is known where: posterior covariances in units of the prior variance, of a model and further alloys.

    With k the kernel, λ the noise, and Z what was measured, c(x, r) = k(x, r) − k(x, Z) (K + λ I)⁻¹ k(Z, r).
    """

    def __init__(self, model: Predictor, reference: np.ndarray) -> None:
        self.model, self.noise = model, model.model.parts[0].noise
        self.inputs, self.inverse, self.reference = model.inputs, model.inverse, model.scaled(reference)

    def variance(self, features: np.ndarray) -> np.ndarray:
        """Return c(x, x) (n,) at features (n, F)."""
        near = kernel(self.model.scaled(features), self.inputs)
        return 1 - np.einsum("ij,ij->i", near @ self.inverse, near)

    def gain(self, features: np.ndarray) -> np.ndarray:
        """Return the mean of c(x, r)²/(c(x, x) + λ) (n,) over the reference: what a measurement at x takes away."""
        z = self.model.scaled(features)
        near = kernel(z, self.inputs)
        solved = near @ self.inverse
        covariance = kernel(z, self.reference) - solved @ kernel(self.inputs, self.reference)
        return (covariance**2).mean(1) / (1 - (solved * near).sum(1) + self.noise)

    def add(self, features: np.ndarray) -> None:
        """Count a point (F,) as measured: the inverse of the larger matrix, from that of the smaller one."""
        z = self.model.scaled(features)[None]
        column = self.inverse @ kernel(self.inputs, z)[:, 0]
        left = 1 + self.noise - kernel(z, self.inputs)[0] @ column
        row = np.append(column, -1.0)
        self.inverse = np.pad(self.inverse, (0, 1)) + np.outer(row, row) / left
        self.inputs = np.concatenate([self.inputs, z])


def run(arm: str, seed: int, *, added: int = ADDED) -> np.ndarray:
    """Return the error on the test set before the first round and after each: (added/ROUND + 1,)."""
    pool, test = quinaries.alloys(), _test()
    truth = quinaries.oracle(quinaries.shares(pool[test]))
    rng = np.random.default_rng([seed, START])
    left = pool[np.setdiff1d(np.arange(len(pool)), test)]
    reference = _features(left[rng.choice(len(left), REFERENCE, replace=False)])
    chosen = left[rng.choice(len(left), INITIAL, replace=False)]
    network, errors = DQN(quinaries.Choices(), seed), []
    for turn in range(added // ROUND + 1):
        values = quinaries.oracle(quinaries.shares(chosen))
        model = predictor(_features(chosen), values)
        predicted = model.shift + model.spread * model.mean(_features(pool[test]))
        errors.append(np.sqrt(((predicted - truth) ** 2).mean()) / truth.std())
        if turn < added // ROUND:
            rng = np.random.default_rng([seed, CHOICE, turn])
            chosen = _extended(arm, chosen, left, Known(model, reference), network, rng)
    return np.array(errors)


def _extended(
    arm: str, chosen: np.ndarray, pool: np.ndarray, known: Known, network: DQN, rng: np.random.Generator
) -> np.ndarray:
    """What is chosen after one more round: bool (n + ROUND, 30)."""
    candidates = pool[rng.choice(len(pool), CANDIDATES, replace=False)]
    if arm == "dqn":
        network.train(lambda at: np.log(known.gain(quinaries.features(at))), rng, batches=BATCHES)
    for _ in range(ROUND):
        if arm == "dqn":
            candidates = np.unique(network.propose(TRIED, EXPLORED, rng), axis=0)
        taken = np.concatenate([_names(chosen), _names(quinaries.alloys()[_test()])])
        fresh = candidates[~np.isin(_names(candidates), taken)]
        if not len(fresh):
            fresh = pool[rng.choice(len(pool), 1)]
        score = {"random": lambda at: rng.random(len(at)), "variance": known.variance}.get(arm, known.gain)
        features = _features(fresh)
        best = int(score(features).argmax())
        chosen = np.concatenate([chosen, fresh[best : best + 1]])
        known.add(features[best])
    return chosen


def compute(*, seeds: int = SEEDS, compute_missing: bool = True) -> pd.DataFrame:
    """Return the errors of all runs, seed by seed: the keys, and columns 0, 1, … rounds."""
    keys = [dict(zip(KEYS, (FIRST_SEED + seed, arm, BEHAVIOUR), strict=True)) for seed in range(seeds) for arm in ARMS]
    rows = KEPT.rows(keys, _row, compute_missing=compute_missing)
    return spread(rows, KEYS, "error", ADDED // ROUND + 1)


def _row(key: dict) -> dict:
    errors = run(key["arm"], key["seed"])
    return {"error": " ".join(f"{value:.5g}" for value in errors), "code": store.code_version()}


@cache
def _test() -> np.ndarray:
    """The rows of the pool that the error is taken on, the same in all runs."""
    return np.random.default_rng(TEST).choice(len(quinaries.alloys()), TESTED, replace=False)


def _names(present: np.ndarray) -> np.ndarray:
    """A number (n,) for each alloy, bool (n, 30)."""
    return present @ (1 << np.arange(present.shape[1]))


def _features(present: np.ndarray) -> np.ndarray:
    return quinaries.features(quinaries.shares(present))
