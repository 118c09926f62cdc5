"""Which alloy of a front would somebody take? Learnt from few choices between two alloys at a time.

Invented persons judge the alloys of an exact front, with utilities scaled to 0 … 1 in each objective. Some weigh the
objectives (`weights`), some want enough of each (`desirability`, a geometric mean of ramps). They err: between alloys
that differ by `NOISE` of the range of their utility, one answer in four is wrong.

    linear     the library's weighted sum, and its next question (`alloygrad.objectives.choices`)
    at random  the same, but questions are drawn at random
    gp         BoTorch's Gaussian process of preferences, fitted after each answer, with the same rule for the question

After each answer the alloy of largest expected utility is what a method would recommend. Its regret is the utility that
the best alloy of the front has more, as a share of the range.

The criterion, set before any of these persons was asked: after 12 questions the mean regret of `linear` is at most 0.05
for persons who weigh, and for all persons it is not above that of `gp` by more than 0.02 (95 % interval).
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from alloygrad.objectives.choices import learn_weights, most_promising
from compendium import store
from compendium.judging import statistics
from compendium.pareto import peer
from compendium.pareto.landscapes import LANDSCAPES
from compendium.running.kept import Kept, spread

KINDS = ("weights", "desirability")
QUESTIONS, ALLOYS, NOISE = 12, 150, 0.05
"""Questions to each person, alloys of the front that it is asked of, and how far apart alloys must be to be told."""

PERSONS, FIRST_PERSON = 10, 100
"""Of each kind; numbers below 100 served to try the code."""

BEHAVIOUR = 1
"""Raised when a change of the code changes a row."""

KEYS = ("landscape", "kind", "person", "method", "behaviour")
KEPT = Kept("front_choices", KEYS, (*KEYS, "regret", "code"))
"""regret: after 0, 1, … questions."""

Answers = list[tuple[int, int]]
Question = tuple[int, int]


def person(kind: str, z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a person's utility (n,) of alloys with scaled utilities z (n, m), from 0 for the worst to 1."""
    if kind == "weights":
        u = z @ rng.dirichlet(np.ones(z.shape[1]))
    else:
        worst, best = rng.uniform(0, 0.4, z.shape[1]), rng.uniform(0.6, 1, z.shape[1])
        u = np.clip((z - worst) / (best - worst), 0, 1).prod(1) ** (1 / z.shape[1])
    return (u - u.min()) / (np.ptp(u) or 1.0)


def linear(z: pd.DataFrame, answers: Answers, rng: np.random.Generator) -> tuple[int, Question]:
    """Return what the library recommends, and asks next."""
    question = learn_weights(z, answers).question()
    return question[0], question


def at_random(z: pd.DataFrame, answers: Answers, rng: np.random.Generator) -> tuple[int, Question]:
    """Return what the library recommends; the next question is drawn."""
    one, other = rng.choice(len(z), 2, replace=False).tolist()
    return learn_weights(z, answers).question()[0], (one, other)


def gp(z: pd.DataFrame, answers: Answers, rng: np.random.Generator) -> tuple[int, Question]:
    """Return what BoTorch's process recommends, and asks next."""
    if not answers:
        return linear(z, answers, rng)
    mean, covariance = peer.preferences(z.to_numpy(), answers, seed=int(rng.integers(2**31)))
    best, own = int(mean.argmax()), covariance.diagonal()
    std = np.sqrt(np.maximum(own + own[best] - 2 * covariance[best], 0))
    return best, (best, most_promising(mean - mean[best], std, best, answers))


METHODS: dict[str, Callable[[pd.DataFrame, Answers, np.random.Generator], tuple[int, Question]]] = {
    "linear": linear,
    "at random": at_random,
    "gp": gp,
}


def ask(landscape: str, kind: str, number: int, method: str) -> list[float]:
    """Ask one person by one method; return the regret after 0, 1, … questions. All methods meet the same person."""
    rng = np.random.default_rng([number, KINDS.index(kind)])
    front = LANDSCAPES[landscape].front()
    z = LANDSCAPES[landscape].utilities({name: front[name].to_numpy() for name in front})
    z = z[rng.permutation(len(z))[:ALLOYS]]
    u, table = person(kind, z, rng), pd.DataFrame(z).add_prefix("z")
    answers, regret, luck = Answers(), [], np.random.default_rng([number, KINDS.index(kind), 1])
    for _ in range(QUESTIONS + 1):
        best, (one, other) = METHODS[method](table, answers, luck)
        regret.append(float(u.max() - u[best]))
        right = luck.random() < 1 / (1 + np.exp((u[other] - u[one]) / NOISE))
        answers.append((one, other) if right else (other, one))
    return regret


def compute(
    landscapes: Sequence[str] = ("hea_n5",), *, persons: int = PERSONS, compute_missing: bool = True
) -> pd.DataFrame:
    """Return the regret of all persons and methods, person by person, in columns 0, 1, … questions."""
    keys = [
        dict(zip(KEYS, (landscape, kind, FIRST_PERSON + number, method, BEHAVIOUR), strict=True))
        for landscape in landscapes
        for number in range(persons)
        for kind in KINDS
        for method in METHODS
    ]
    rows = KEPT.rows(keys, _row, compute_missing=compute_missing)
    return spread(rows, KEYS, "regret", QUESTIONS + 1)


def verdict(table: pd.DataFrame) -> pd.DataFrame:
    """Return both numbers of the criterion, with bounds and whether they hold: rows of `compute` in, a table out."""
    wide = table.pivot(index=["kind", "person"], columns="method", values=QUESTIONS).reindex(columns=list(METHODS))
    weigh = wide.loc[wide.index.get_level_values("kind") == "weights", "linear"].dropna()
    both = wide[["linear", "gp"]].dropna()
    more = statistics.mean_interval((both["linear"] - both["gp"]).to_numpy())
    rows = [
        ("regret of learnt weights, persons who weigh", weigh.mean(), np.nan, len(weigh), 0.05, weigh.mean() <= 0.05),
        ("regret more than that of the process", more[0], more[2], len(both), 0.02, more[2] <= 0.02),
    ]
    return pd.DataFrame(rows, columns=["", "mean", "high", "n", "at most", "holds"]).set_index("").round(4)


def _row(key: dict) -> dict:
    regret = ask(key["landscape"], key["kind"], key["person"], key["method"])
    return {"regret": " ".join(f"{value:.4f}" for value in regret), "code": store.code_version()}
