"""What a user could take instead of `ascent`, as functions (acquire, space, *, exclude, rng, **options) → Suggestion.

    suggestion = PEERS["scipy_botorch"](acquire, space, exclude=measured, rng=np.random.default_rng(0))

    slsqp_ei         the paper's loop as the library keeps it: SLSQP on raw EI, its own roundings; its value is log EI
    slsqp_log_ei     the same on log EI
    scipy_botorch    SciPy's SLSQP from each of 20 N uniform starts, default tolerances, through a BoTorch posterior
    botorch_joint    `optimize_acqf`, its defaults: one SLSQP problem that holds all restarts
    botorch_batched  the same with options={"batch_limit": 5}: five restarts to a problem
    random_search    as many uniform random compositions as `ascent` evaluated
    cmaes            CMA-ES, restarted with twice as many offspring until it has evaluated as many as `ascent`
    box              from the starts of `ascent`: batched L-BFGS-B on a map of the limits to the unit box

`acquire` must be a log EI from `acquisition.analytic.log_ei`: the first five use its surrogate and best target. All but
the first two end as `ascent` does, with `finish`, from their rounded ends and the best compositions they evaluated.

Budgets are the paper's 20 N searches. Those of `botorch_joint` are capped (`JOINT`), since one takes minutes: its CPU
time is a lower bound. `optimize_acqf` does not draw its initial conditions itself: its sampler under constraints takes
2 s (4 elements) to 11 s (30). It receives uniform feasible compositions, 8 for a restart, and its own rule
(`initialize_q_batch`) selects among them.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.optim import optimize_acqf
from botorch.optim.batched_lbfgs_b import fmin_l_bfgs_b_batched
from botorch.optim.initializers import initialize_q_batch
from botorch_twin import to_botorch
from torch import Tensor

from alloygrad.acquisition.analytic import ei
from alloygrad.maximisers import METHODS, Suggestion
from alloygrad.maximisers.ascent import chosen, finish, screened
from alloygrad.maximisers.candidates import rounded, spread
from alloygrad.maximisers.options import DEFAULTS, AscentOptions, build
from alloygrad.maximisers.projection import Projection, support
from alloygrad.maximisers.slsqp import climb
from alloygrad.maximisers.spectral import evaluate
from alloygrad.maximisers.suggestion import score
from alloygrad.spaces.composition import CompositionSpace

VERSIONS = (1, 5)
"""Up to `FEW` elements, and above. Raised when a change changes what an inner loop gives or costs there: recorded rows
then no longer match."""

PER_ELEMENT = 20
"""The paper's number of starts per element."""

JOINT = ((4, 80), (5, 60), (10, 30), (20, 15), (99, 10))
"""(up to so many elements, restarts of `botorch_joint` at most): its step costs (restarts × elements)³."""

UPTO = {"slsqp_ei": 10, "slsqp_log_ei": 5}
"""Elements up to which these are run: every point has up to C(N, N/2) roundings, and on log EI the searches take as
long as those of `scipy_botorch`."""


def library(method: str, acquire, space: CompositionSpace, *, exclude, rng, **options) -> Suggestion:
    """A maximiser of the library."""
    method = METHODS[method]
    return method.run(acquire, space, exclude=exclude, rng=rng, options=build(method.options, options))


def slsqp_ei(acquire, space: CompositionSpace, *, exclude, rng, **options) -> Suggestion:
    """The paper's inner loop on raw EI."""
    found = library("slsqp", ei(acquire.surrogate, acquire.best), space, exclude=exclude, rng=rng, **options)
    return replace(found, value=float(score(acquire, space, found.counts[None])[0]))


def scipy_botorch(acquire, space: CompositionSpace, *, exclude, rng, restarts: int | None = None) -> Suggestion:
    """One SLSQP search from each start."""
    through = Through(acquire)
    starts = space.sample_continuous(restarts or _restarts("scipy_botorch", space), rng)
    ends = np.array([climb(lambda c: through(c[None, None])[0], space, start)[0] for start in starts])
    values = _values(acquire, starts)
    spent = dict(evaluations=through.evaluated + len(starts), gradients=through.evaluated)
    return _ended(acquire, space, exclude, rng, starts, values, starts=starts, ends=ends, **spent)


def botorch(
    name: str, options: dict, acquire, space: CompositionSpace, *, exclude, rng, restarts: int | None = None
) -> Suggestion:
    """`optimize_acqf`, bounds, sum and group limits as its linear constraints (Σ factor · c ≥ limit); all its ends."""
    restarts, limits, through = restarts or _restarts(name, space), space.polytope(), Through(acquire)
    rows = [(mask, limit) for mask, limit in zip(limits.masks, limits.group_lower, strict=True) if limit > 0]
    rows += [(-mask, -limit) for mask, limit in zip(limits.masks, limits.group_upper, strict=True)]
    raw = torch.from_numpy(space.sample_continuous(8 * restarts, rng))[:, None]
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where a search stopped shows in its end
        torch.manual_seed(int(rng.integers(2**31)))
        with torch.no_grad():
            values = through(raw)
        starts, _ = initialize_q_batch(raw, values, restarts)
        ends, _ = optimize_acqf(
            through,
            bounds=torch.from_numpy(np.array([limits.lower, limits.upper])),
            q=1,
            num_restarts=restarts,
            batch_initial_conditions=starts,
            equality_constraints=[_constraint(np.ones(len(space.elements)), 1.0)],
            inequality_constraints=[_constraint(*row) for row in rows] or None,
            return_best_only=False,
            options=options,
        )
    spent = dict(evaluations=through.evaluated, gradients=through.evaluated - len(raw))
    points, starts, ends = (c[:, 0].numpy() for c in (raw, starts, ends))
    return _ended(acquire, space, exclude, rng, points, values.numpy(), starts=starts, ends=ends, **spent)


def again(acquire, space: CompositionSpace, *, exclude, rng, times: int, **options) -> Suggestion:
    """The best of so many ascents, each with a generator of its own; evaluations of all."""
    found = [library("ascent", acquire, space, exclude=exclude, rng=own, **options) for own in rng.spawn(times)]
    spent = {what: sum(getattr(one, what) for one in found) for what in ("evaluations", "gradients")}
    return replace(max(found, key=lambda one: one.value), **spent)


def random_search(acquire, space: CompositionSpace, *, exclude, rng, evaluations: int) -> Suggestion:
    """Uniform random grid compositions; what `finish` evaluates comes on top."""
    points = space.fractions(space.sample(evaluations, rng))
    return _ended(acquire, space, exclude, rng, points, _values(acquire, points), evaluations=evaluations)


def cmaes(acquire, space: CompositionSpace, *, exclude, rng, evaluations: int) -> Suggestion:
    """CMA-ES in the plane of sum 1, offspring outside the limits moved to the nearest composition within.

    From random compositions, restarted with doubled λ when its steps are below a tenth of the grid's, until
    `evaluations` are spent; what `finish` evaluates comes on top.
    """
    points, values, offspring = [], [], 4 + int(3 * np.log(len(space.elements) - 1))
    while (left := evaluations - sum(map(len, values))) > 0:
        for point, value in evolve(acquire, space, offspring, left, rng):
            points.append(point)
            values.append(value)
        offspring *= 2
    return _ended(acquire, space, exclude, rng, np.vstack(points), np.concatenate(values), evaluations=evaluations)


def evolve(acquire, space: CompositionSpace, offspring: int, evaluations: int, rng):
    """Yield (fractions (λ, n_elements), values (λ,)) of each generation of one (μ/μ_w, λ)-CMA-ES.

    Constants as in N. Hansen, The CMA Evolution Strategy: A Tutorial (2016), arXiv 1604.00772, positive weights.
    """
    limits, n, project = space.polytope(), len(space.elements) - 1, Projection(space)
    plane = np.linalg.svd(np.ones((1, n + 1)))[2][1:]  # (n, n_elements): an orthonormal basis of sum 0
    weights = np.log((offspring + 1) / 2) - np.log(np.arange(1, offspring // 2 + 1))
    weights /= weights.sum()
    mass = 1 / (weights**2).sum()
    c_sigma, c_path = (mass + 2) / (n + mass + 5), (4 + mass / n) / (n + 4 + 2 * mass / n)
    damping = 1 + 2 * max(0, np.sqrt((mass - 1) / (n + 1)) - 1) + c_sigma
    c_one = 2 / ((n + 1.3) ** 2 + mass)
    c_mu = min(1 - c_one, 2 * (mass - 2 + 1 / mass) / ((n + 2) ** 2 + mass))
    length = np.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2))  # mean norm of a standard normal vector

    mean, sigma = space.sample_continuous(1, rng)[0], 0.3 * float(np.mean(limits.upper - limits.lower))
    covariance, path_sigma, path, generation = np.eye(n), np.zeros(n), np.zeros(n), 0
    while evaluations > 0:
        spread_, axes = np.linalg.eigh(covariance)
        spread_ = np.sqrt(np.maximum(spread_, 1e-20))
        if sigma * spread_.max() < space.step / 10:
            return
        size, generation = min(offspring, evaluations), generation + 1
        drawn = mean + sigma * (rng.normal(size=(size, n)) * spread_) @ axes.T @ plane
        points = project(drawn, *(np.broadcast_to(limit, drawn.shape) for limit in limits[:2]))
        values = _values(acquire, points)
        evaluations -= size
        yield points, values
        if size < offspring:
            return
        steps = (points[np.argsort(-values, kind="stable")[: len(weights)]] - mean) @ plane.T / sigma
        step = weights @ steps
        mean = mean + sigma * step @ plane
        path_sigma = (1 - c_sigma) * path_sigma
        path_sigma += np.sqrt(c_sigma * (2 - c_sigma) * mass) * axes @ ((axes.T @ step) / spread_)
        norm = np.linalg.norm(path_sigma)
        steady = norm / np.sqrt(1 - (1 - c_sigma) ** (2 * generation)) < (1.4 + 2 / (n + 1)) * length
        path = (1 - c_path) * path + steady * np.sqrt(c_path * (2 - c_path) * mass) * step
        kept = 1 - c_one - c_mu + (1 - steady) * c_one * c_path * (2 - c_path)
        covariance = kept * covariance + c_one * np.outer(path, path) + c_mu * (steps.T * weights) @ steps
        sigma *= np.exp(min(1.0, c_sigma / damping * (norm / length - 1)))


def box(acquire, space, *, exclude, rng, **options) -> Suggestion:
    """Screen, starts, supports and options of `ascent`, but L-BFGS-B through `Sticks` in place of projected gradients.

    BoTorch's L-BFGS-B, which advances all starts in each evaluation; default tolerances, at most 40 iterations.
    """
    project, limits = Projection(space), space.polytope()
    options = AscentOptions(**options).resolved(len(space.elements))
    candidates, _ = screened(acquire, space, project, exclude, rng, options)
    values = score(acquire, space, candidates)
    n_starts = max(options.least_starts, round(options.starts_per_element * len(space.elements)))
    counts = chosen(space, candidates, values, n_starts, rng, options)
    free, (lower, upper) = np.arange(len(counts))[:, None] % 2 == 0, support(space, counts)
    lower, upper = np.where(free, limits.lower, lower), np.where(free, limits.upper, upper)
    starts, gradients = space.fractions(counts), 0

    def negative(shares: np.ndarray, batch_indices: list[int]) -> tuple[np.ndarray, np.ndarray]:
        nonlocal gradients
        gradients += len(shares)
        sticks = Sticks(space, lower[batch_indices], upper[batch_indices])
        value, slope = evaluate(lambda z: acquire(sticks.fractions(z)), shares)
        return -value, -slope

    shares = Sticks(space, lower, upper).shares(torch.from_numpy(starts)).numpy()
    unit = [(0.0, 1.0)] * shares.shape[1]
    most = options.batches + options.best_batches
    ends, *_ = fmin_l_bfgs_b_batched(negative, shares, unit, maxiter=most, pass_batch_indices=True)
    ends = Sticks(space, lower, upper).fractions(torch.from_numpy(ends)).numpy()
    spent = dict(evaluations=len(candidates) + len(exclude) + gradients, gradients=gradients)
    points = space.fractions(candidates)
    return _ended(acquire, space, exclude, rng, points, values, starts=starts, ends=ends, **spent)


class Sticks:
    """An exact map between compositions within limits (rows, n_elements) and the unit box (rows, n_elements − 1).

    A stick of length 1 is broken along the tree of elements and groups. Each part in turn takes the share z of what
    lies between the least and the most it may take, given its limits and those of all parts still to come; the last
    takes the rest. So every z in the box is feasible, and every feasible composition has a z. Piecewise smooth.
    """

    def __init__(self, space: CompositionSpace, lower: np.ndarray, upper: np.ndarray):
        """lower, upper (rows, n_elements): bounds that may be tighter than the space's, but not empty."""
        self.root, self.range = space._tree, {}
        self._enclose(self.root, torch.tensor(lower), torch.tensor(upper), space.total)

    def _enclose(self, part, lower: Tensor, upper: Tensor, total: int) -> None:
        """Set `range[part]`: the least and the most, each (rows,), that a part can take."""
        for child in part.children:
            self._enclose(child, lower, upper, total)
        if part.children:
            least, most = (sum(self.range[child][side] for child in part.children) for side in (0, 1))
            self.range[part] = least.clamp_min(part.lower / total), most.clamp_max(part.upper / total)
        else:
            self.range[part] = lower[:, part.columns[0]], upper[:, part.columns[0]]

    def fractions(self, shares: Tensor) -> Tensor:
        """Compositions (rows, n_elements) of shares (rows, n_elements − 1), differentiable."""
        columns = iter(shares.unbind(-1))
        return self._break(lambda part, low, high: low + next(columns) * (high - low), shares)

    def shares(self, fractions: Tensor) -> Tensor:
        """Shares (rows, n_elements − 1) of compositions (rows, n_elements); ½ where there is no choice."""
        found = []

        def take(part, low: Tensor, high: Tensor) -> Tensor:
            amount, width = fractions[:, part.columns].sum(-1), high - low
            found.append(torch.where(width > 1e-12, (amount - low) / width.clamp_min(1e-12), 0.5).clamp(0, 1))
            return amount

        self._break(take, fractions)
        return torch.stack(found, -1)

    def _break(self, take: Callable, like: Tensor) -> Tensor:
        """Fractions (rows, n_elements) when each part but the last of its parent takes `take(part, least, most)`."""
        placed = {}

        def divide(part, amount: Tensor) -> None:
            for place, child in enumerate(part.children, start=1):
                own, later = amount, [self.range[other] for other in part.children[place:]]
                if later:
                    least, most = self.range[child]
                    least = torch.maximum(least, amount - sum(high for _, high in later))
                    own = take(child, least, torch.minimum(most, amount - sum(low for low, _ in later)))
                amount = amount - own
                divide(child, own)
            if not part.children:
                placed[part.columns[0]] = amount

        divide(self.root, torch.ones(len(like), dtype=torch.float64))
        return torch.stack([placed[column] for column in sorted(placed)], -1)


PEERS = {
    "slsqp_ei": slsqp_ei,
    "slsqp_log_ei": partial(library, "slsqp"),
    "scipy_botorch": scipy_botorch,
    "botorch_joint": partial(botorch, "botorch_joint", {}),
    "botorch_batched": partial(botorch, "botorch_batched", {"batch_limit": 5}),
    "random_search": random_search,
    "cmaes": cmaes,
    "box": box,
}
"""All peers by name; `random_search` and `cmaes` need the number of `evaluations` to spend."""


class Through(LogExpectedImprovement):
    """Log EI through a BoTorch posterior of the same GP; counts the compositions evaluated."""

    def __init__(self, acquire):
        super().__init__(to_botorch(acquire.surrogate), torch.tensor(acquire.best, dtype=torch.float64))
        self.evaluated = 0

    def forward(self, X: Tensor) -> Tensor:
        self.evaluated += X.shape[:-2].numel()
        return super().forward(X)


def _restarts(name: str, space: CompositionSpace) -> int:
    wanted = PER_ELEMENT * len(space.elements)
    if name != "botorch_joint":
        return wanted
    return min(wanted, next(most for elements, most in JOINT if len(space.elements) <= elements))


def _constraint(factors: np.ndarray, limit: float) -> tuple[Tensor, Tensor, float]:
    """As BoTorch wants it: columns, factors, right-hand side."""
    columns = np.flatnonzero(factors)
    return torch.from_numpy(columns), torch.from_numpy(factors[columns]), float(limit)


def _values(acquire, points: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return acquire(torch.from_numpy(points)).numpy()


def _ended(
    acquire,
    space: CompositionSpace,
    exclude: np.ndarray,
    rng,
    scored: np.ndarray,
    values: np.ndarray,
    *,
    evaluations: int,
    gradients: int = 0,
    starts: np.ndarray | None = None,
    ends: np.ndarray | None = None,
) -> Suggestion:
    """The end of `ascent`: climb from the rounded ends and the best scored points, which lie apart, with diagnosis."""
    options = DEFAULTS.resolved(len(space.elements))
    best = spread(scored, values, options.climbers, 2 * space.step)
    points = scored[best] if ends is None else np.concatenate([ends, scored[best]])
    found = finish(acquire, space, rounded(space, points), exclude, rng, options)
    found = replace(found, evaluations=found.evaluations + evaluations, gradients=found.gradients + gradients)
    if ends is None:
        return found
    moved = float((np.abs(ends - starts).max(1) > space.step / 2).mean())
    warning = "" if moved >= 0.5 else f"{1 - moved:.0%} of {len(starts)} starts did not move."
    return replace(found, starts=len(starts), moved=moved, warning=warning)
