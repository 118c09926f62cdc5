"""Multi-start search where parameters are continuous: a Box, or a composition together with a Box.

    screen    random points, and points around the best measured ones
    climb     from the best of the screen: L-BFGS-B in the parameters (whole-number ones rounded, then held), and on the
              grid of compositions by exchanging steps between elements, in turn until neither improves

Where the acquisition function has no gradient, the climb tries random steps of falling size in place of L-BFGS-B.
"""

import numpy as np
import torch

from alloygrad.maximisers.options import MultistartOptions
from alloygrad.maximisers.suggestion import Suggestion, score
from alloygrad.protocols import Acquisition, Space
from alloygrad.spaces.box import Box
from alloygrad.spaces.product import Product


def multistart(
    acquire: Acquisition,
    space: Box | Product,
    *,
    exclude: np.ndarray,
    rng: np.random.Generator,
    options: MultistartOptions,
) -> Suggestion:
    """Return the best point that the climbs reach, never one of `exclude` (m, d)."""
    drawn = np.concatenate(
        [space.sample(options.screen, rng), _around(space, acquire, exclude, options.screen // 4, rng)]
    )
    drawn = drawn[~_among(drawn, exclude)]
    values = score(acquire, space, drawn)
    order = np.argsort(-values, kind="stable")[: options.starts]
    search = _Search(acquire, space, exclude, rng, options)
    ends = [search.climb(drawn[i], values[i]) for i in order]
    point, value = max(ends, key=lambda end: end[1])
    moved = np.mean([not np.array_equal(end, drawn[i]) for i, (end, _) in zip(order, ends, strict=True)])
    return Suggestion(
        point,
        space.coordinates(point),
        float(value),
        evaluations=len(drawn) + search.evaluations,
        gradients=search.gradients,
        starts=len(order),
        moved=float(moved),
    )


def _around(space: Space, acquire: Acquisition, exclude: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Points near the best five of `exclude`: some way from each towards random points."""
    if not len(exclude):
        return exclude
    best = exclude[np.argsort(-score(acquire, space, exclude), kind="stable")[:5]]
    here, there = space.coordinates(best[rng.integers(len(best), size=n)]), space.coordinates(space.sample(n, rng))
    return space.nearest(here + 10 ** rng.uniform(-3, -0.3, size=(n, 1)) * (there - here))


def _among(points: np.ndarray, exclude: np.ndarray) -> np.ndarray:
    """(n,): whether points (n, d) are rows of `exclude` (m, d)."""
    known = {tuple(row) for row in exclude.tolist()}
    return np.array([tuple(row) in known for row in points.tolist()], dtype=bool)


def _has_gradient(acquire: Acquisition, coordinates: np.ndarray) -> bool:
    """Return whether the acquisition function can be differentiated at coordinates (1, k)."""
    return acquire.differentiable and acquire(torch.tensor(coordinates, requires_grad=True)).requires_grad


class _Search:
    """Climbs of one search; counts what they evaluate."""

    def __init__(
        self,
        acquire: Acquisition,
        space: Box | Product,
        exclude: np.ndarray,
        rng: np.random.Generator,
        options: MultistartOptions,
    ) -> None:
        self.acquire, self.space, self.exclude, self.rng, self.options = acquire, space, exclude, rng, options
        self.box = space.process if isinstance(space, Product) else space
        self.first = len(space.names) - len(self.box.names)  # of the box's columns; those before are a composition's
        self.evaluations = self.gradients = 0
        self.follows = _has_gradient(acquire, space.coordinates(space.sample(1, np.random.default_rng(0))))

    def climb(self, point: np.ndarray, value: float) -> tuple[np.ndarray, float]:
        """The end of one climb and its value."""
        for _ in range(self.options.rounds):
            before = value
            point, value = self._in_box(point, value)
            if self.first:
                point, value = self._on_grid(point, value)
            if not value > before:
                break
        return point, value

    def _try(self, points: np.ndarray, point: np.ndarray, value: float) -> tuple[np.ndarray, float]:
        """The best of points (m, d) that belong to the space and are new, if it beats the one at hand."""
        points = points[self.space.contains(points)]
        points = points[~_among(points, self.exclude)]
        if len(points):
            values = score(self.acquire, self.space, points)
            self.evaluations += len(points)
            if values.max() > value:
                return points[values.argmax()], float(values.max())
        return point, value

    def _in_box(self, point: np.ndarray, value: float) -> tuple[np.ndarray, float]:
        box, width = self.box, self.box.upper - self.box.lower
        fixed = self.space.coordinates(point)
        for hold_whole in (False, True):
            free = (width > 0) & ~(box.whole & hold_whole)
            if not free.any():
                break
            end = self._ascend(fixed, point[self.first :], free)
            ends = end[None] if not box.whole.any() else np.concatenate([end[None], box.neighbours(end)])
            alloys = np.repeat(point[None, : self.first], len(ends), axis=0)
            point, value = self._try(np.concatenate([alloys, ends], axis=1), point, value)
        return point, value

    def _ascend(self, fixed: np.ndarray, start: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Values of the box's parameters where an ascent from `start` ends; only the free ones move."""
        from scipy.optimize import minimize  # late, since it is slow to import

        low, width = self.box.lower[free], (self.box.upper - self.box.lower)[free]

        def whole(share: np.ndarray) -> np.ndarray:
            values = start.copy()
            values[free] = low + share * width
            return np.concatenate([fixed[: self.first], values])

        def negative(share: np.ndarray) -> tuple[float, np.ndarray]:
            at = torch.tensor(whole(share), requires_grad=True)
            value = self.acquire(at[None])[0]
            (slope,) = torch.autograd.grad(value, at)
            self.gradients += 1
            return -value.item(), -slope.numpy()[self.first :][free] * width

        begun = np.clip((start[free] - low) / width, 0, 1)
        if self.follows:
            found = minimize(negative, begun, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * len(low))
            end = found.x if np.isfinite(found.x).all() else begun
        else:
            sizes = 10 ** self.rng.uniform(-3, -0.5, size=(self.options.tries, 1))
            shares = np.clip(begun + sizes * self.rng.normal(size=(self.options.tries, len(low))), 0, 1)
            with torch.no_grad():
                values = self.acquire(torch.from_numpy(np.array([whole(share) for share in shares]))).numpy()
            self.evaluations += len(shares)
            end = shares[int(np.argmax(values))]
        return np.clip(whole(end)[self.first :], self.box.lower, self.box.upper)

    def _on_grid(self, point: np.ndarray, value: float) -> tuple[np.ndarray, float]:
        for _ in range(10 * self.first):
            before, counts = value, np.rint(point[: self.first]).astype(np.int64)
            unit = np.eye(len(counts), dtype=np.int64)
            swaps = (unit[:, None] - unit).reshape(-1, len(counts))
            tried = np.concatenate([counts + size * swaps for size in (1, 2, 4, 8, 16)])
            points = np.concatenate([tried, np.repeat(point[None, self.first :], len(tried), axis=0)], axis=1)
            point, value = self._try(points, point, value)
            if not value > before:
                break
        return point, value
