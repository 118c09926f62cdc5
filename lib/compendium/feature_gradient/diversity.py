"""How widely a campaign searches: state entropy, distances between picks, flatness of distributions, t-SNE, stability.

Every measure is taken in composition space: x_i are fractions, distances Euclidean, and since fractions sum to 1 they
have q = N − 1 free dimensions. d_i is the distance of x_i to its k-th *other* point. The state entropy as plotted in
the paper, and the Kozachenko–Leonenko estimate of the differential entropy (nats) of which it is a part:

    simple:  (1/n) Σ log d_i
    full:    (q/n) Σ log d_i + log n + log V_q − ψ(k),        V_q = π^{q/2} / Γ(q/2 + 1)

The paper writes the second as (1/n) Σ log[n d_i^q V_q/k] + log k − ψ(k), the same. What `simple` drops, log n
above all, is what makes it fall for any sampler: among more points the next one is nearer. The published curves use
k = 3 with the point itself as the first, which is k = 2 here: the distance to the second other point.

Tables are trajectories (`campaign.trajectory`): columns seed, experiment (< 0: initial data), a count of steps per
element, merit. No two compositions of a trajectory coincide, so no distance is zero; where one is, that is an error.

Sources: Xian et al. 2025, section 4, doi 10.1039/d5dd00080g; Singh et al., Am. J. Math. Manag. Sci. 23 (2003) 301, for
the estimate from k-th neighbours.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from openTSNE import TSNE
from scipy.spatial import cKDTree
from scipy.special import gammaln, psi
from scipy.stats import DegenerateDataWarning, pearsonr

PUBLISHED_K, TRUE_K = 2, 3
"""Which other point: as the published code has it, where the point itself counts as one of three; the true third."""


def stack(rows: pd.DataFrame, elements: Sequence[str], step: float) -> np.ndarray:
    """Fractions (seeds, points, n_elements) of trajectories, by seed and experiment.

    Raises ValueError where they differ in length: cut them to the same experiments first.
    """
    lengths = rows.groupby("seed").size()
    if lengths.nunique() != 1:
        raise ValueError(f"Trajectories of {sorted(set(lengths))} points; expected one length: cut the longer ones.")
    counts = rows.sort_values(["seed", "experiment"])[list(elements)].to_numpy(float)
    return counts.reshape(len(lengths), -1, len(elements)) * step


def distances(points: np.ndarray) -> np.ndarray:
    """Distances (..., n, n) between points (..., n, n_elements), infinite on the diagonal.

    Raises ValueError where two points coincide, to 1e-9.
    """
    points = np.asarray(points, dtype=float)
    apart = np.linalg.norm(points[..., :, None, :] - points[..., None, :, :], axis=-1)
    n = points.shape[-2]
    apart[..., np.arange(n), np.arange(n)] = np.inf
    if (apart < 1e-9).any():
        i, j = np.argwhere(apart < 1e-9)[0][-2:]
        raise ValueError(f"Points {i} and {j} coincide, and log 0 is no number; measure a composition once.")
    return apart


def state_entropy(points: np.ndarray, k: int = PUBLISHED_K) -> np.ndarray:
    """(1/n) Σ log d_i of points (..., n, n_elements), the paper's simplification, (...); k counts other points."""
    if not 1 <= k < points.shape[-2]:
        raise ValueError(f"k is {k} with {points.shape[-2]} points; expected 1 ≤ k < their number.")
    return np.log(np.partition(distances(points), k - 1, axis=-1)[..., k - 1]).mean(axis=-1)


def running_entropy(points: np.ndarray, k: int = PUBLISHED_K) -> np.ndarray:
    """`state_entropy` of the first 1, 2, … n points (..., n, n_elements): (..., n), NaN for the first k."""
    apart = distances(points)
    nearest = np.full((*points.shape[:-1], k), np.inf)  # of each point, among those that have come so far
    curve = np.full(points.shape[:-1], np.nan)
    for new in range(points.shape[-2]):
        nearest = np.sort(np.concatenate([nearest, apart[..., new, None]], axis=-1), axis=-1)[..., :k]
        if new >= k:
            curve[..., new] = np.log(nearest[..., : new + 1, -1]).mean(axis=-1)
    return curve


def full_entropy(simple: np.ndarray, n: np.ndarray, n_elements: int, k: int = PUBLISHED_K) -> np.ndarray:
    """Kozachenko–Leonenko estimate in nats from `state_entropy` of n points, of the same k: q·simple + log n + …"""
    q = n_elements - 1
    return q * simple + np.log(n) + q / 2 * np.log(np.pi) - gammaln(q / 2 + 1) - psi(k)


def entropy_curves(
    rows: pd.DataFrame, elements: Sequence[str], step: float, *, k: int = PUBLISHED_K, new_only: bool = False
) -> pd.DataFrame:
    """State entropy as experiments are done: columns seed, done (0 = initial data alone), simple, full.

    new_only: of the proposed compositions alone; then NaN until k + 1 of them are done.
    """
    rows = rows[rows["experiment"] >= (0 if new_only else rows["experiment"].min())]
    simple = running_entropy(stack(rows, elements, step), k)
    full = full_entropy(simple, np.arange(1, simple.shape[1] + 1), len(elements), k)
    table = rows.sort_values(["seed", "experiment"])[["seed", "experiment"]].reset_index(drop=True)
    table = table.assign(done=table["experiment"] + 1, simple=simple.ravel(), full=full.ravel())
    return table[table["done"] >= 0].drop(columns="experiment").reset_index(drop=True)


def pick_distances(rows: pd.DataFrame, elements: Sequence[str], step: float) -> pd.DataFrame:
    """How far each proposed composition lies from what came before: columns seed, experiment, last, nearest, best.

    last: to the proposal before it (NaN for the first); nearest: to the nearest measured; best: to the
    incumbent, the best measured so far. Fractions; the least that a grid allows is step·√2, one exchange.
    """
    table = []
    for seed, own in rows.sort_values("experiment").groupby("seed"):
        points, number = stack(own, elements, step)[0], own["experiment"].to_numpy()
        apart, merits = distances(points), own["merit"].to_numpy()
        for new in np.flatnonzero(number >= 0):
            last = apart[new, new - 1] if number[new] > 0 else np.nan
            found = {"last": last, "nearest": apart[new, :new].min(), "best": apart[new, merits[:new].argmax()]}
            table.append({"seed": seed, "experiment": number[new], **found})
    return pd.DataFrame(table)


def mean_distance(points: np.ndarray) -> np.ndarray:
    """Mean distance between two of the points (..., n, n_elements): (...)."""
    apart = distances(points)
    return np.where(np.isinf(apart), 0, apart).sum(axis=(-2, -1)) / (apart.shape[-1] * (apart.shape[-1] - 1))


def coverage_gap(points: np.ndarray, reference: np.ndarray) -> float:
    """Mean distance of reference compositions (m, n_elements), spread over the space, to the nearest of the points.

    Small where the points (n, n_elements) are scattered over all of the space; clusters do not lessen it.
    """
    return cKDTree(points).query(reference)[0].mean()


def effective_bins(points: np.ndarray, width: float = 0.02) -> float:
    """How many bins of `width` (a fraction) the points (n, dimensions) fill evenly: exp(−Σ p log p), p a bin's share.

    1 where all lie in one bin, more the flatter their distribution. Give it one column for one element, two for a pair.
    """
    if np.ndim(points) != 2:
        raise ValueError(f"Points of shape {np.shape(points)}; expected (n, dimensions): one column per element.")
    # A grid value on an edge must not fall to either side by rounding.
    bins = np.floor(np.asarray(points) / width + 1e-6)
    _, times = np.unique(bins, axis=0, return_counts=True)
    share = times / times.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def scatter(rows: pd.DataFrame, elements: Sequence[str], step: float, reference: np.ndarray) -> pd.DataFrame:
    """How scattered the proposed compositions are, by seed: columns distance, third (exp simple), coverage_gap, bins.

    distance: mean between two; third: typical distance to the third other one; bins: effective ones of 2 at.%, mean
    over elements. reference: as in `coverage_gap`. No measure is taken on a map. Of three picks: the second other one.
    """
    rows = rows[rows["experiment"] >= 0]
    points = stack(rows, elements, step)
    table = {
        "distance": mean_distance(points),
        "third": np.exp(state_entropy(points, min(TRUE_K, points.shape[1] - 1))),
        "coverage_gap": [coverage_gap(own, reference) for own in points],
        "bins": [np.mean([effective_bins(own[:, [i]]) for i in range(len(elements))]) for own in points],
    }
    return pd.DataFrame(table, index=pd.Index(sorted(rows["seed"].unique()), name="seed"))


def median_pair(one: pd.DataFrame, other: pd.DataFrame) -> int:
    """The seed whose two trajectories end nearest the median final merits of their arms, in sum."""
    final = pd.concat([arm.groupby("seed")["merit"].max() for arm in (one, other)], axis=1, join="inner")
    if final.empty:
        raise ValueError("The two arms have no seed in common; a pair of trajectories needs one.")
    return int((final - final.median()).abs().sum(axis=1).idxmin())


def embed(points: np.ndarray, *, perplexity: float = 30, random_state: int = 0) -> np.ndarray:
    """t-SNE of points (n, n_elements) in the plane, (n, 2): neighbours stay neighbours, distances and densities do not.

    A perplexity above n/3 is lowered to it, as there are not more neighbours.
    """
    return np.asarray(
        TSNE(
            perplexity=min(perplexity, (len(points) - 1) / 3),
            initialization="pca",
            neighbors="exact",
            negative_gradient_method="bh",
            random_state=random_state,
            n_jobs=1,
        ).fit(np.asarray(points, dtype=float))
    )


def ends(rows: pd.DataFrame) -> pd.DataFrame:
    """By seed: the best merit of the initial data (`initial`) and of all (`final`)."""
    initial = rows[rows["experiment"] < 0].groupby("seed")["merit"].max()
    return pd.DataFrame({"initial": initial, "final": rows.groupby("seed")["merit"].max()})


def correlation(values: np.ndarray) -> np.ndarray:
    """Pearson's r of the two columns of values (..., n, 2): (...), NaN where one of them does not vary."""
    with warnings.catch_warnings(action="ignore", category=DegenerateDataWarning):
        return pearsonr(values[..., 0], values[..., 1], axis=-1).statistic


def slope(values: np.ndarray) -> np.ndarray:
    """Least-squares slope of the second column on the first of values (..., n, 2): (...).

    Of final on initial merit: how much of a better start is left at the end. 0 where all end alike, whatever r is then.
    """
    # scipy.stats.linregress takes twenty times as long for the 5000 resamples of an interval.
    apart = values - values.mean(axis=-2, keepdims=True)
    products, squares = apart.prod(axis=-1).sum(axis=-1), (apart[..., 0] ** 2).sum(axis=-1)
    return np.divide(products, squares, out=np.full_like(products, np.nan), where=squares > 1e-24)


def variance_components(values: np.ndarray) -> dict[str, float]:
    """Variance of final merits (seeds, arms) that arms of one seed share (`between`), and that they do not (`within`).

    Two-way layout without interaction: within = MS of the rest, between = (MS of seeds − MS of the rest)/arms, which
    may come out below 0; share = between/(between + within). Arms of a seed share their initial data and features.
    """
    seeds, arms = values.shape
    if min(seeds, arms) < 2:
        return {"between": np.nan, "within": np.nan, "share": np.nan}
    by_seed, by_arm = values.mean(axis=1, keepdims=True), values.mean(axis=0)
    rest = ((values - by_seed - by_arm + values.mean()) ** 2).sum() / ((seeds - 1) * (arms - 1))
    between = by_seed.var(ddof=1) - rest / arms
    return {"between": between, "within": rest, "share": between / (between + rest) if between + rest > 0 else np.nan}
