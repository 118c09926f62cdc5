"""Selection of the features of a campaign, once, from its initial data.

The score of a set of features is the R² of a Gaussian process over it in 10-fold cross-validation,

    R² = 1 − Σ r_i² / Σ (y_i − ȳ)²,   r_f = (P_ff)⁻¹ [P y]_f,   P = K⁻¹ − K⁻¹1 1ᵀK⁻¹ / 1ᵀK⁻¹1

with K = k(X, X) + σ² I over all rows. P is the upper left block of the inverse of K bordered by ones. So r_f, the
residuals of fold f, are those of the Gaussian process given the other rows alone, whose constant mean (by generalised
least squares) is estimated from those rows too: one inverse replaces ten refits. A factor on K changes no r_f, so k is
a correlation: Matérn 5/2, with the (lengthscale, noise) of `GRID` that gives this set the largest R².

`genetic` searches the sets. Parents are drawn by roulette on softmax(β z) of the population's standardised scores z, so
the selection pressure does not depend on the scale of the scores. (The published code divides scores by their negative
sum, which leaves no pressure.) A child keeps the features that both parents share and draws the rest from those of one
parent. Each feature mutates to a random one with a given probability. The best set always survives.

Source: Dubrule 1983, doi 10.1007/BF01033232, for the residuals; Xian et al. 2025, doi 10.1039/d5dd00080g, section 2
and its code, for population, generations and probabilities.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alloygrad.checks import nearest, require_number, require_whole
from alloygrad.features.elements import available
from alloygrad.features.feature_map import Feature, FeatureMap, all_features, doubles, parse_feature, raw_fractions
from alloygrad.features.formulas import require_formulas
from alloygrad.kernel import matern52, scaling

GRID = ((0.5, 1e-2), (2.0, 1e-2))
"""(lengthscale on features scaled to 0 … 1, noise variance as a share of the signal's). Chosen by how well the selected
sets predict fresh compositions; with less noise, sets score higher and predict worse."""

PRESSURE = 1.0
"""β: a set one standard deviation better than another is e^β times as likely to be a parent. Tuned with 30 candidates,
where all sets can be scored: a larger β misses the best set more often, a smaller one takes more generations."""

CHUNK = 16
"""Sets scored at once; their (CHUNK, n, n) matrices then stay in cache."""

Fitness = Callable[[Tensor, Tensor, np.ndarray], Callable[[np.ndarray], np.ndarray]]
"""Features (n, C), targets (n,), folds (repeats, n) → a function that scores sets (B, n_features) of columns: (B,)."""

Known = dict[tuple[int, ...], float]
"""Scores by set, its columns in ascending order."""


@dataclass(frozen=True)
class Selection:
    """Selected features in the order of the candidates, and how they were found.

    `history` is the best score of the first population and after each generation; `evaluations` is the number of
    different sets scored.
    """

    features: tuple[Feature, ...]
    score: float
    history: tuple[float, ...]
    evaluations: int


def closed_form(values: Tensor, targets: Tensor, folds: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that scores sets (B, n_features) of columns of `values`: (B,) R², mean over repeats.

    values: features (n, C). targets: (n,). folds: (repeats, n). Features are min–max scaled over all rows, including
    the held-out fold. This uses no target and lets one inverse serve all folds.
    """
    low, width = scaling(values)
    inputs = (values - low) / width
    total = len(folds) * (targets - targets.mean()).square().sum()
    rows = [np.flatnonzero(partition == fold) for partition in folds for fold in np.unique(partition)]
    sizes = sorted({len(fold) for fold in rows})
    blocks = [torch.tensor(np.stack([fold for fold in rows if len(fold) == size])) for size in sizes]

    def at(x: Tensor, lengthscale: float, noise: float) -> Tensor:
        """Return R² (B,) of x (B, n, n_features)."""
        x = x / lengthscale
        *_, k = matern52(x, x)
        k.diagonal(dim1=-2, dim2=-1).add_(noise)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(k))
        sums = inverse.sum(-1, keepdim=True)
        p = inverse - sums * sums.mT / sums.sum(-2, keepdim=True)
        py = p @ targets
        squares = torch.zeros(len(x), dtype=torch.float64)
        for f in blocks:  # (number, size): rows of all folds of one size
            residuals = torch.linalg.solve(p[:, f[:, :, None], f[:, None, :]], py[:, f])
            squares += residuals.square().sum((1, 2))
        return 1 - squares / total

    def evaluate(sets: np.ndarray) -> np.ndarray:
        chunks = [inputs[:, chunk].movedim(1, 0) for chunk in torch.as_tensor(sets).split(CHUNK)]
        return torch.cat([torch.stack([at(x, *pair) for pair in GRID]).amax(0) for x in chunks]).numpy()

    return evaluate


def genetic(
    elements: Sequence[str],
    compositions: np.ndarray,
    targets: np.ndarray,
    *,
    rng: np.random.Generator,
    formulas: Sequence[str] = ("mean",),
    n_features: int = 4,
    population: int = 96,
    generations: int = 200,
    patience: int | None = 40,
    crossover: float = 0.8,
    mutation: float = 0.1,
    fitness: Fitness = closed_form,
    folds: np.ndarray | None = None,
) -> Selection:
    """Search the best set of `n_features` features with a genetic algorithm.

    The candidates are all features whose properties every element has and which vary over the measured set.

    Args:
        elements: the elements of the compositions, in order.
        compositions: atomic fractions (n, n_elements).
        targets: values (n,) in any unit.
        rng: the source of all random numbers.
        formulas: formulas of the candidates.
        n_features: size of a set.
        population: sets in a generation.
        generations: number of generations, at most.
        patience: stop after so many generations without a better set; None: never.
        crossover: probability that a child has two parents.
        mutation: probability that a feature of a child is replaced.
        fitness: (values, targets, folds) → a function that scores sets, as `closed_form`; larger is better.
        folds: fold numbers (repeats, n); None: dealt at random.

    Raises:
        ValueError: for wrong shapes, equal targets, or fewer candidates than `n_features`.
    """
    given: dict[str, Any] = {
        "n_features": n_features,
        "population": population,
        "generations": generations,
        "patience": patience,
    }
    require_options(formulas=formulas, crossover=crossover, mutation=mutation, **given)
    candidates, rate, known = _prepare(elements, compositions, targets, rng, formulas, n_features, fitness, folds)

    def members(sets: np.ndarray) -> np.ndarray:
        """Mark the members of each set: (len(sets), n_candidates), 1 or 0."""
        found = np.zeros((len(sets), len(candidates)))
        np.put_along_axis(found, sets, 1, axis=1)
        return found

    def draw(rank: np.ndarray) -> np.ndarray:
        """Draw the distinct candidates of highest integer rank, at random among equals: (len(rank), n_features)."""
        return np.argpartition(-rank - rng.random(rank.shape), n_features - 1, axis=1)[:, :n_features]

    sets = draw(np.zeros((population, len(candidates))))
    scores = rate(sets)
    history = [scores.max()]
    for _ in range(generations):
        one, other = rng.choice(population, (2, population - 1), p=roulette(scores))
        crossed = rng.random((population - 1, 1)) < crossover
        children = members(draw(members(sets[one]) + crossed * members(sets[other])))
        kept = children * (rng.random(children.shape) >= mutation)
        sets = np.concatenate([sets[[scores.argmax()]], draw(kept)])
        scores = rate(sets)
        history.append(scores.max())
        if patience and len(history) > patience and history[-1] <= history[-1 - patience]:
            break
    return _result(candidates, sets, scores, history, known)


OPTIONS = {name: one.default for name, one in signature(genetic).parameters.items() if one.default is not one.empty}
"""Arguments of `genetic` with a default, and that default."""


def require_options(*, who: str = "genetic", own: Collection[str] = (), **given: Any) -> None:
    """Raise ValueError for an argument that `genetic` does not know, or that makes no sense.

    Args:
        who: Whoever passes the arguments on.
        own: Its own arguments; one of them may be meant.
        given: The arguments.
    """
    for name in given:
        if name not in OPTIONS:
            raise ValueError(
                f"Expected an argument of {who}; there is no {name!r}.{nearest(name, [*own, *OPTIONS])} It takes "
                f"{', '.join(own)}; for the choice of features also {', '.join(OPTIONS)}."
            )
    options = OPTIONS | given
    require_formulas(options["formulas"])
    require_whole(1, **{name: options[name] for name in ("n_features", "population", "generations")})
    require_whole(0, patience=options["patience"] or 0)
    require_number(0, 1, crossover=options["crossover"], mutation=options["mutation"])


def random_search(
    elements: Sequence[str],
    compositions: np.ndarray,
    targets: np.ndarray,
    *,
    rng: np.random.Generator,
    formulas: Sequence[str] = ("mean",),
    n_features: int = 4,
    draws: int = 1000,
    fitness: Fitness = closed_form,
    folds: np.ndarray | None = None,
) -> Selection:
    """Return the best of `draws` random sets, the earliest one in a tie; arguments and errors as in `genetic`."""
    candidates, rate, known = _prepare(elements, compositions, targets, rng, formulas, n_features, fitness, folds)
    sets = rng.random((draws, len(candidates))).argsort(axis=1)[:, :n_features]
    scores = rate(sets)
    return _result(candidates, sets, scores, [scores.max()], known)


def fractions(elements: Sequence[str], compositions: np.ndarray, targets: np.ndarray, **_: Any) -> Selection:
    """Return the fractions of all elements, for comparison with material features; their score is NaN."""
    return Selection(raw_fractions(elements).selected, float("nan"), (), 0)


SELECTIONS: dict[str, Callable[..., Selection]] = {"genetic": genetic, "random": random_search, "fractions": fractions}


def roulette(scores: np.ndarray) -> np.ndarray:
    """Return the probability (population,) of each set to be a parent, softmax(β z), uniform if all are equal."""
    spread = scores.std()
    weights = np.exp(PRESSURE * (scores - scores.max()) / spread) if spread > 0 else np.ones(len(scores))
    return weights / weights.sum()


def score(
    elements: Sequence[str],
    features: Sequence[Feature | str],
    compositions: np.ndarray,
    targets: np.ndarray,
    *,
    folds: np.ndarray,
    fitness: Fitness = closed_form,
) -> float:
    """Score one set of features on compositions (n, n_elements), targets (n,) and folds (repeats, n)."""
    values = FeatureMap(tuple(elements), tuple(map(parse_feature, features)))(compositions)
    evaluate = fitness(values, doubles(targets), np.asarray(folds))
    return float(evaluate(np.arange(len(features))[None])[0])


def deal_folds(n: int, rng: np.random.Generator, *, n_folds: int = 10, repeats: int = 1) -> np.ndarray:
    """Deal n rows at random into folds whose sizes differ by at most one: (repeats, n) fold numbers."""
    return np.stack([rng.permutation(n) % n_folds for _ in range(repeats)])


def _prepare(
    elements: Sequence[str],
    compositions: np.ndarray,
    targets: np.ndarray,
    rng: np.random.Generator,
    formulas: Sequence[str],
    n_features: int,
    fitness: Fitness,
    folds: np.ndarray | None,
) -> tuple[list[Feature], Callable[[np.ndarray], np.ndarray], Known]:
    """Return the candidates, a function sets (B, n_features) → scores (B,), and the dict of scores so far."""
    targets = doubles(targets)
    n = len(compositions)
    if targets.shape != (n,):
        raise ValueError(
            f"Expected targets of shape ({n},); got {tuple(targets.shape)}. Give one value for each composition."
        )
    for row in (~torch.isfinite(targets)).nonzero()[:1, 0].tolist():
        raise ValueError(f"Expected finite targets; got {targets[row]} in row {row}. Drop the row.")
    if len(targets.unique()) < 2:
        raise ValueError(
            "Expected at least two different measured values to choose features by; got "
            f"{f'{n} equal ones' if n > 1 else n}. Measure more compositions, or take fractions as inputs until then."
        )
    candidates = all_features(formulas, available(elements))
    values = FeatureMap(tuple(elements), tuple(candidates))(compositions)
    # The mean of equal properties varies by rounding errors; scaled to 0 … 1 it would be pure noise.
    varying = (values.amax(0) - values.amin(0) > 1e-9 * values.abs().amax(0)).nonzero()[:, 0]
    if (most := len(varying)) < n_features:
        raise ValueError(
            f"Expected at least {n_features} features that differ among the measured compositions; got {most} "
            f"of {len(candidates)}. Measure other compositions{f', or pass n_features={most}' if most else ''}."
        )
    folds = deal_folds(n, rng) if folds is None else np.asarray(folds)
    if folds.ndim != 2 or folds.shape[1] != n:
        raise ValueError(f"Expected folds of shape (repeats, {n}); got {folds.shape}. Make them with `deal_folds`.")
    known: Known = {}
    evaluate = fitness(values[:, varying], targets, folds)

    def rate(sets: np.ndarray) -> np.ndarray:
        names = [tuple(sorted(columns)) for columns in sets.tolist()]
        if new := [name for name in dict.fromkeys(names) if name not in known]:
            known.update(zip(new, evaluate(np.array(new)).tolist(), strict=True))
        return np.array([known[name] for name in names])

    return [candidates[i] for i in varying.tolist()], rate, known


def _result(
    candidates: list[Feature], sets: np.ndarray, scores: np.ndarray, history: Sequence[float], known: Known
) -> Selection:
    best = scores.argmax()
    features = tuple(candidates[i] for i in np.sort(sets[best]))
    return Selection(features, float(scores[best]), tuple(map(float, history)), len(known))
