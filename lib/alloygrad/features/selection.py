"""Choice of the features that a campaign works with, once, from its initial data.

A set of features is as good as a GP over it predicts what it has not seen: R² of 10-fold cross-validation,

    R² = 1 − Σ r_i² / Σ (y_i − ȳ)²,   r_f = (P_ff)⁻¹ [P y]_f,   P = K⁻¹ − K⁻¹1 1ᵀK⁻¹ / 1ᵀK⁻¹1

with K = k(X, X) + σ² I over all rows. P is the upper left block of the inverse of K bordered by ones; so r_f, the
residuals of fold f, are those of the GP given the other rows alone, with its constant mean (the generalised
least-squares one) found from those rows too: one inverse instead of ten refits. A factor on K changes no r_f, so k
is a correlation: Matérn 5/2, with that (lengthscale, noise) of ``GRID`` which gives this set the largest R².

``genetic`` searches the sets. Parents are drawn by roulette on softmax(β z) of the population's standardised scores
z, so that the pressure does not depend on their scale. (The published code's is over scores divided by their
negative sum: no pressure.) A child keeps what both parents have, draws the rest from what one of them has, and loses
each feature to a random one with the mutation's probability. The best set always survives.

Source: Dubrule 1983, doi 10.1007/BF01033232, for the residuals; Xian et al. 2025, doi 10.1039/d5dd00080g, section 2
and its code, for population, generations, probabilities, and the forest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from alloygrad.checks import require_whole
from alloygrad.features.elements import available
from alloygrad.features.feature_map import Feature, FeatureMap, all_features, doubles, raw_fractions
from alloygrad.surrogates.kernel import matern52

GRID = ((0.5, 1e-2), (2.0, 1e-2))
"""(lengthscale on features scaled to 0 … 1, noise variance as a share of the signal's). Chosen by how well the GP of
``surrogate`` then predicts fresh compositions: with less noise, sets score higher and predict worse."""

PRESSURE = 1.0
"""β: a set one standard deviation better than another is e^β times as likely to be a parent. With 30 candidates,
where all sets can be scored, larger ones end more often beside the best set, smaller ones cost more generations."""

CHUNK = 16
"""Sets scored at once: their (CHUNK, n, n) matrices stay in cache."""


@dataclass(frozen=True)
class Selection:
    """Chosen features in the order of the candidates, their score, the best score of the first population and after
    each generation, and how many different sets were scored."""

    features: tuple[Feature, ...]
    score: float
    history: tuple[float, ...]
    evaluations: int


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
    fitness: str = "gp",
    folds: np.ndarray | None = None,
) -> Selection:
    """The best set of `n_features` features that a genetic search finds.

    compositions (n, n_elements), targets (n,) of any unit. It ends after `generations`, or once the best score has
    not risen for `patience` of them (None: never). folds: (repeats, n) fold numbers, dealt at random if None.
    Candidates are the features of all properties that every element has a value of, and that vary over the rows.
    Raises ValueError where those are fewer than `n_features`.
    """
    require_whole(1, n_features=n_features, population=population, generations=generations)
    candidates, rate, known = _prepare(elements, compositions, targets, rng, formulas, n_features, fitness, folds)

    def members(sets: np.ndarray) -> np.ndarray:
        """(len(sets), n_candidates): 1 for the members of each set, else 0."""
        found = np.zeros((len(sets), len(candidates)))
        np.put_along_axis(found, sets, 1, axis=1)
        return found

    def draw(rank: np.ndarray) -> np.ndarray:
        """(len(rank), n_features): the candidates of highest integer rank, at random among equals; none twice."""
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


def random_search(
    elements: Sequence[str],
    compositions: np.ndarray,
    targets: np.ndarray,
    *,
    rng: np.random.Generator,
    formulas: Sequence[str] = ("mean",),
    n_features: int = 4,
    draws: int = 1000,
    fitness: str = "gp",
    folds: np.ndarray | None = None,
) -> Selection:
    """The best of `draws` random sets; arguments and errors as of ``genetic``. Ties go to the earlier draw."""
    candidates, rate, known = _prepare(elements, compositions, targets, rng, formulas, n_features, fitness, folds)
    sets = rng.random((draws, len(candidates))).argsort(axis=1)[:, :n_features]
    scores = rate(sets)
    return _result(candidates, sets, scores, [scores.max()], known)


def fractions(elements: Sequence[str], compositions, targets, **_) -> Selection:
    """No choice: the fractions of all elements. For comparison; its score is not known (NaN)."""
    return Selection(raw_fractions(elements).selected, float("nan"), (), 0)


SELECTIONS = {"genetic": genetic, "random": random_search, "fractions": fractions}


def roulette(scores: np.ndarray) -> np.ndarray:
    """Chances of each set (population,) to be a parent: softmax(β z), equal where all scores are."""
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
    fitness: str = "gp",
) -> float:
    """Score of one set of features over compositions (n, n_elements), targets (n,) and folds (repeats, n)."""
    values = FeatureMap(elements, features)(compositions)
    evaluate = FITNESS[fitness](values, doubles(targets), np.asarray(folds))
    return float(evaluate(np.arange(len(features))[None])[0])


def deal_folds(n: int, rng: np.random.Generator, *, n_folds: int = 10, repeats: int = 1) -> np.ndarray:
    """(repeats, n) fold numbers: random partitions of n rows into folds whose sizes differ by one at most."""
    return np.stack([rng.permutation(n) % n_folds for _ in range(repeats)])


def closed_form(values: Tensor, targets: Tensor, folds: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """R² as the module's docstring has it, mean over repeats: sets (B, n_features) of columns of values → (B,).

    values (n, C), targets (n,), folds (repeats, n). Features are min–max scaled over all rows, those of the held-out
    fold included: no target enters that, and one inverse can serve all folds.
    """
    low = values.amin(0)
    width = values.amax(0) - low
    inputs = (values - low) / torch.where(width > 0, width, 1.0)
    total = len(folds) * (targets - targets.mean()).square().sum()
    rows = [np.flatnonzero(partition == fold) for partition in folds for fold in np.unique(partition)]
    sizes = sorted({len(fold) for fold in rows})
    blocks = [torch.tensor(np.stack([fold for fold in rows if len(fold) == size])) for size in sizes]

    def at(x: Tensor, lengthscale: float, noise: float) -> Tensor:
        """(B,) R² of x (B, n, n_features)."""
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


def forest(values: Tensor, targets: Tensor, folds: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The published fitness: −MAE (unit of the targets) of a random forest of 100 trees on robust-scaled features,
    mean over folds and repeats; arguments as of ``closed_form``. Seconds per set: for comparisons."""
    from sklearn.ensemble import RandomForestRegressor  # late: campaigns do without
    from sklearn.model_selection import PredefinedSplit, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import RobustScaler

    model = make_pipeline(RobustScaler(), RandomForestRegressor(n_estimators=100, random_state=0))

    def one(columns: np.ndarray) -> float:
        x, y = values[:, columns].numpy(), targets.numpy()
        splits = [PredefinedSplit(partition) for partition in folds]
        return np.mean([cross_val_score(model, x, y, cv=s, scoring="neg_mean_absolute_error") for s in splits])

    return lambda sets: np.array([one(columns) for columns in sets])


FITNESS = {"gp": closed_form, "forest": forest}
"""What a set is scored by; larger is better."""

REPEATS = {"gp": 1, "forest": 4}
"""Partitions into ten folds that each is averaged over where none are given."""


def _prepare(elements, compositions, targets, rng, formulas, n_features, fitness, folds):
    """Candidates, a function sets (B, n_features) → scores (B,) that scores no set twice, and what it knows."""
    targets = doubles(targets)
    n = len(compositions)
    if fitness not in FITNESS:
        raise ValueError(f"fitness {fitness!r}; expected one of {list(FITNESS)}.")
    if targets.shape != (n,):
        raise ValueError(f"{n} compositions came with targets of shape {tuple(targets.shape)}; expected one each.")
    for row in (~torch.isfinite(targets)).nonzero()[:1, 0].tolist():
        raise ValueError(f"The target of row {row} is {targets[row]}; expected finite ones: drop the row.")
    if len(targets.unique()) < 2:
        raise ValueError(f"All {n} targets are equal, so no set of features is better than another: measure others.")
    candidates = all_features(formulas, available(elements))
    values = FeatureMap(elements, candidates)(compositions)
    # A mean of equal properties differs by rounding; scaled to 0 … 1 that would be a feature of pure noise.
    varying = (values.amax(0) - values.amin(0) > 1e-9 * values.abs().amax(0)).nonzero()[:, 0]
    if len(varying) < n_features:
        raise ValueError(
            f"{len(varying)} of {len(candidates)} features vary over the measured set; {n_features} asked for."
        )
    folds = deal_folds(n, rng, repeats=REPEATS[fitness]) if folds is None else np.asarray(folds)
    if folds.ndim != 2 or folds.shape[1] != n:
        raise ValueError(f"folds have shape {folds.shape}; expected (repeats, {n}), see deal_folds.")
    evaluate, known = FITNESS[fitness](values[:, varying], targets, folds), {}

    def rate(sets: np.ndarray) -> np.ndarray:
        names = [tuple(sorted(columns)) for columns in sets.tolist()]
        if new := [name for name in dict.fromkeys(names) if name not in known]:
            known.update(zip(new, evaluate(np.array(new)).tolist(), strict=True))
        return np.array([known[name] for name in names])

    return [candidates[i] for i in varying.tolist()], rate, known


def _result(candidates, sets, scores, history, known) -> Selection:
    best = scores.argmax()
    features = tuple(candidates[i] for i in np.sort(sets[best]))
    return Selection(features, float(scores[best]), tuple(map(float, history)), len(known))
