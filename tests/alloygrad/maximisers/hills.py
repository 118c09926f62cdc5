"""Spaces, surrogates and hills for the tests of the maximisers, and the whole grid by brute force."""

import numpy as np
import torch

from alloygrad.acquisition.analytic import log_ei
from alloygrad.features.feature_map import FeatureMap
from alloygrad.maximisers.exchange import distinct
from alloygrad.spaces.composition import CompositionSpace, Group
from alloygrad.surrogates.gp import fit_paper

METALS = ("Ti", "Ni", "Cu", "Hf", "Zr", "Nb", "Co", "Fe", "Al", "Cr", "V", "Mo")
BOX = dict(lower=(0.2, 0.2, 0, 0), upper=(0.55, 0.55, 0.2, 0.2))
GROUPS = (Group(("Ti", "Hf"), upper=0.55), Group(("Ni", "Cu"), upper=0.55, lower=0.3))
SPACE = CompositionSpace.from_fractions(METALS[:4], **BOX, step=0.01, groups=GROUPS)
SEVEN = CompositionSpace.from_fractions(
    METALS[:7], [0] * 7, [0.4] * 7, step=0.01, groups=(Group(("Ti", "Ni", "Cu"), 0.7, 0.2),)
)
TWELVE = CompositionSpace.from_fractions(METALS, [0] * 12, [0.5] * 12, step=0.001)
SMOOTH, JUMPING = ("mean:VEC", "mismatch:R", "mean:MT"), ("mean:VEC", "max:R", "min:MT", "weighted_range:XP")


def whole(n: int, step: float = 0.01, upper: float = 1.0) -> CompositionSpace:
    """`n` elements, each from 0 to `upper`."""
    return CompositionSpace.from_fractions(METALS[:n], [0] * n, [upper] * n, step=step)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def random_space(seed: int, n_elements: int, step: float) -> CompositionSpace:
    """Limits around a random composition, with two disjoint groups and one nested where there is room."""
    generator, total = rng(seed), round(1 / step)
    centre = generator.multinomial(total, generator.dirichlet(np.ones(n_elements))) / total
    below, above = generator.choice([0.05, 0.3, 1], size=(2, n_elements))
    names, groups = METALS[:n_elements], []
    for members in ([0, 1], [0, 1, 2], [3, 4, 5]):
        if members[-1] < n_elements - 1:
            share, (less, more) = centre[members].sum(), generator.choice([0.02, 0.1, 1], size=2)
            groups.append(Group([names[i] for i in members], upper=min(1, share + more), lower=max(0, share - less)))
    limits = np.maximum(0, centre - below), np.minimum(1, centre + above)
    return CompositionSpace.from_fractions(names, *limits, step=step, groups=tuple(groups))


def state(seed: int, space=SPACE, features=JUMPING, n: int | None = None):
    """Measured counts and a surrogate of random smooth targets over them."""
    generator = rng(seed)
    counts = distinct(space.sample(n or int(generator.integers(6, 40)), generator))
    targets = np.sin(space.fractions(counts) @ generator.normal(size=(len(space.elements), 3)) * 5).sum(1)
    return counts, fit_paper(FeatureMap(space.elements, features), space.fractions(counts), targets)


def log_ei_state(seed: int, space=SPACE, features=JUMPING, n: int | None = None):
    measured, surrogate = state(seed, space, features, n)
    return measured, log_ei(surrogate, surrogate.targets.max())


def peak(target, sharpness: float = 100.0, weights=1.0):
    """A separable concave function with its maximum, were there no limits, at `target`."""
    target, weights = (torch.as_tensor(np.asarray(given, float)) for given in (target, weights))
    return lambda c: -sharpness * (weights * (c - target) ** 2).sum(-1)


def on(support, n: int):
    """Whether exactly the elements of `support` are present: (...) of (..., n)."""
    wanted = torch.tensor([i in support for i in range(n)])
    return lambda c: ((c > 1e-5) == wanted).all(-1)


class Recorder:
    """Keeps all points that pass through an acquisition function, and counts those that asked for a gradient."""

    def __init__(self, acquire):
        self.acquire, self.batches, self.with_gradient = acquire, [], 0

    def __call__(self, c):
        rows = np.atleast_2d(c.detach().numpy().copy())
        self.batches.append(rows)
        self.with_gradient += len(rows) if c.requires_grad else 0
        return self.acquire(c)

    @property
    def points(self):
        return np.concatenate(self.batches)


def grid(space) -> np.ndarray:
    """All compositions by nested loops over the box, nothing of the space's own counting."""
    bounds = [np.rint(np.array(limit) * space.total).astype(int) for limit in (space.lower, space.upper)]
    ranges = [np.arange(low, high + 1) for low, high in zip(*bounds, strict=True)]
    counts = np.stack(np.meshgrid(*ranges[:-1], indexing="ij"), -1).reshape(-1, len(ranges) - 1)
    counts = np.column_stack([counts, space.total - counts.sum(1)])
    counts = counts[(counts[:, -1] >= bounds[0][-1]) & (counts[:, -1] <= bounds[1][-1])]
    for group in space.groups:
        share = counts[:, [space.elements.index(e) for e in group.elements]].sum(1)
        counts = counts[(share >= round(group.lower * space.total)) & (share <= round(group.upper * space.total))]
    return counts


def values(acquire, space, counts) -> np.ndarray:
    return acquire(torch.from_numpy(counts / space.total)).detach().numpy()


def descending(acquire, space) -> tuple[np.ndarray, np.ndarray]:
    """The whole grid and its values, best first."""
    counts = grid(space)
    heights = values(acquire, space, counts)
    order = np.argsort(-heights, kind="stable")
    return counts[order], heights[order]


def rows(counts) -> set[tuple[int, ...]]:
    return {tuple(row) for row in np.asarray(counts).tolist()}
