"""Who chooses a batch on a box: the ensemble with candidates of its own, and its peers.

    ensemble  the library's ensemble; log EI maximised by an evolution of candidates. Near picks change the best points
              in few coordinates; far picks lie in a trust region, at some distance from all that was measured; batch by
              fantasies
    turbo     BoTorch: TuRBO-1, Thompson sampling in a trust region whose sides follow the lengthscales
    log_ei    BoTorch: qLogEI on a `SingleTaskGP`, picks one by one
    cma_es    the package `cma`: CMA-ES within limits, from the best of the random points
    random    uniform points

    near_only, far_only, one_learner   the ensemble with one kind of picks, or with its Gaussian process alone

An arm is made of a random generator and the size of a batch. It is called with shares (n, d) of the box, 0 … 1, and
utilities (n,), the larger the better, and returns the shares of the next batch. It may keep what it learnt.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from alloygrad import log_ei
from alloygrad.protocols import Model
from alloygrad.surrogates import Ensemble
from alloygrad.surrogates.gp import standardisation
from compendium.fusion.arms import plain

Search = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(shares, utilities) → shares of the next batch."""


@dataclass
class Region:
    """A trust region: a cube of side `length` around the best point; it grows and shrinks with success.

    A batch is a success where it improves the best utility by more than a thousandth of it.
    """

    length: float = 0.8
    longest: float = 1.6
    shortest: float = 0.5**7
    grows: float = 2.0
    successes: int = 3  # in a row, before it grows
    failures: int = 3  # in a row, before it shrinks by half; at the shortest it begins again
    row: int = 0  # successes, or failures below 0, in a row
    best: float = -np.inf

    def learn(self, utilities: np.ndarray, batch: int) -> None:
        """Take note of utilities (n,), the last batch at their end."""
        before, self.best = self.best, float(utilities.max())
        if before == -np.inf:
            return
        success = utilities[-batch:].max() > before + 1e-3 * abs(before)
        self.row = max(self.row, 0) + 1 if success else min(self.row, 0) - 1
        if self.row >= self.successes:
            self.length, self.row = min(self.length * self.grows, self.longest), 0
        elif self.row <= -self.failures:
            self.length, self.row = self.length / 2, 0
        if self.length < self.shortest:
            self.length = type(self).length

    def limits(self, centre: np.ndarray, sides: np.ndarray | float = 1.0) -> np.ndarray:
        """Return the least and largest shares (2, d) within the region; sides (d,): in units of its length."""
        half = self.length * np.asarray(sides) / 2
        return np.clip(np.stack([centre - half, centre + half]), 0, 1)


def random(rng: np.random.Generator, batch: int) -> Search:
    """Choose uniform points."""
    return lambda shares, utilities: rng.random((batch, shares.shape[1]))


def turbo(rng: np.random.Generator, batch: int, candidates: int = 2000) -> Search:
    """Choose by Thompson sampling in a trust region (Eriksson et al., NeurIPS 2019), as BoTorch's tutorial sets it up.

    The region grows after three successes in a row, as in the paper; the tutorial's ten are out of reach in 25 batches.
    The model is fitted to all points, also where the region begins again. Its limits are the tutorial's: lengthscales
    of 0.005 … 4 of the box, noise of 1e-8 … 1e-3 of the variance. Every candidate moves all coordinates, as in the
    tutorial with 20 or fewer. There are half as many of them as in the tutorial.
    """
    from gpytorch.constraints import Interval
    from gpytorch.kernels import MaternKernel, ScaleKernel
    from gpytorch.likelihoods import GaussianLikelihood

    region = Region()

    def ask(shares: np.ndarray, utilities: np.ndarray) -> np.ndarray:
        region.learn(utilities, batch)
        torch.manual_seed(seed := int(rng.integers(2**31)))
        d = shares.shape[1]
        kernel = ScaleKernel(MaternKernel(2.5, ard_num_dims=d, lengthscale_constraint=Interval(0.005, 4.0)))
        options = {"covar_module": kernel, "likelihood": GaussianLikelihood(noise_constraint=Interval(1e-8, 1e-3))}
        model = fitted(shares, utilities, outcome_transform=None, **options)
        lengths = kernel.base_kernel.lengthscale.detach().numpy()[0]
        low, high = region.limits(shares[utilities.argmax()], lengths / np.exp(np.log(lengths).mean()))
        sobol = torch.quasirandom.SobolEngine(d, scramble=True, seed=seed).draw(candidates, dtype=torch.float64)
        points = torch.from_numpy(low) + sobol * torch.from_numpy(high - low)
        with torch.no_grad():
            samples = model.posterior(points).rsample(torch.Size([batch]))[..., 0].numpy()
        picks: list[int] = []
        for sample in samples:
            sample[picks] = -np.inf
            picks.append(int(sample.argmax()))
        return points[picks].numpy()

    return ask


def log_expected_improvement(rng: np.random.Generator, batch: int) -> Search:
    """Choose by BoTorch's qLogEI: 64 samples, picks one by one, each by L-BFGS-B from two of 64 points for 40 steps."""
    from botorch.acquisition.logei import qLogExpectedImprovement
    from botorch.optim import optimize_acqf
    from botorch.sampling.normal import SobolQMCNormalSampler

    def ask(shares: np.ndarray, utilities: np.ndarray) -> np.ndarray:
        torch.manual_seed(seed := int(rng.integers(2**31)))
        model = fitted(shares, utilities)
        acquire = qLogExpectedImprovement(
            model, standardised(utilities).max(), sampler=SobolQMCNormalSampler(torch.Size([64]), seed=seed)
        )
        bounds = torch.tensor([[0.0], [1.0]], dtype=torch.float64).expand(2, shares.shape[1])
        options = {"maxiter": 40}
        found, _ = optimize_acqf(
            acquire, bounds, q=batch, num_restarts=2, raw_samples=64, sequential=True, options=options
        )
        return found.numpy()

    return ask


def fitted(shares: np.ndarray, utilities: np.ndarray, **options):
    """Return BoTorch's model of standardised utilities (n,) at shares (n, d)."""
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood

    model = SingleTaskGP(torch.from_numpy(shares), standardised(utilities)[:, None], **options)
    fit_gpytorch_mll(
        ExactMarginalLogLikelihood(model.likelihood, model), optimizer_kwargs={"options": {"maxiter": 100}}
    )
    return model


def standardised(utilities: np.ndarray) -> torch.Tensor:
    """Return utilities (n,) of mean 0 and standard deviation 1."""
    centre, spread = standardisation(utilities)
    return torch.from_numpy((utilities - centre) / spread)


def cma_es(rng: np.random.Generator, batch: int) -> Search:
    """Choose by CMA-ES: a population of one batch, from the best random point, a step of a quarter of the box."""
    import cma

    strategy: cma.CMAEvolutionStrategy | None = None
    asked: list[np.ndarray] = []

    def ask(shares: np.ndarray, utilities: np.ndarray) -> np.ndarray:
        nonlocal strategy, asked
        if strategy is None:
            options = {"bounds": [0, 1], "popsize": batch, "seed": int(rng.integers(1, 2**31)), "verbose": -9}
            strategy = cma.CMAEvolutionStrategy(shares[utilities.argmax()], 0.25, options)
        else:
            strategy.tell(asked, (-utilities[-batch:]).tolist())
        asked = strategy.ask()
        return np.array(asked)

    return ask


MEMBERS = ("isotropic", "extra_trees")
"""Learners of this study. With 20 lengthscales "gp" pays for none of what its fit costs."""

ELITE = 10
"""Best points around which candidates begin."""

KEPT, PARENTS, OFFSPRING = 400, 24, 100
"""Candidates kept, those that have offspring, and offspring of a generation."""

GENERATIONS = {"near": 12, "far": 25}
"""Generations for the first pick of each kind."""

FURTHER = 3
"""Generations for each later one."""

APART = 0.3
"""Least distance of a far pick from all measured points, in sides of the trust region (at most that of the box)."""

LEAST = 2
"""Picks of each kind in a batch, at least."""

MEMORY = 0.7
"""Weight of the credit so far when a batch is added to it."""


@dataclass
class Credit:
    """How many picks of a batch are near ones: the more, the more these have improved the best lately.

    Near picks come first in a batch. The credit of a kind is a running mean of the improvement by its best pick, per
    pick.
    """

    near: int
    credit: np.ndarray = field(default_factory=lambda: np.full(2, 1e-9))

    def learn(self, utilities: np.ndarray, batch: int) -> None:
        """Take note of utilities (n,), the last batch at their end, begun by `near` near picks."""
        before, last = utilities[:-batch].max(), utilities[-batch:]
        parts = last[: self.near], last[self.near :]
        gained = [max(0.0, part.max() - before) / len(part) for part in parts]
        self.credit = MEMORY * self.credit + (1 - MEMORY) * np.array(gained)
        share = (self.credit[0] + 1e-9) / (self.credit.sum() + 2e-9)
        self.near = int(np.clip(round(batch * share), LEAST, batch - LEAST))


def ensemble(
    rng: np.random.Generator, batch: int, members: Sequence[str] = MEMBERS, near: float | None = None
) -> Search:
    """Choose by the ensemble, in two ways at once.

    near  few or many coordinates of the best points are changed, anywhere in the box and by steps of any size
    far   within a trust region, and at least `APART` of its side away from all that was measured

    Both maximise log EI. Without the distance, picks gather around the best point and the model learns its ripples.
    With it alone, narrow valleys are not entered. The way that improves the best gets more picks (`Credit`).

    Args:
        rng: For candidates.
        batch: Picks.
        members: Learners.
        near: Share of near picks; None: by credit.
    """
    region, credit = Region(longest=2.0, shortest=0.01, grows=1.5, successes=2), Credit(batch // 2)
    surrogate, started = Ensemble(plain, members=members), False

    def ask(shares: np.ndarray, utilities: np.ndarray) -> np.ndarray:
        nonlocal started
        region.learn(utilities, batch)
        if started:
            credit.learn(utilities, batch)
        started = True
        model = surrogate.fit(shares, standardised(utilities))
        elite = shares[np.argsort(-utilities, kind="stable")[:ELITE]]
        box = np.stack([np.zeros(shares.shape[1]), np.ones(shares.shape[1])])
        first = credit.near if near is None else round(near * batch)
        kinds = {"near": (first, box, 0.0)}
        kinds["far"] = batch - first, region.limits(elite[0]), APART * min(region.length, 1.0)
        known = shares
        for kind, (count, limits, apart) in kinds.items():
            model, known = picked(model, known, elite, count, limits, apart, GENERATIONS[kind], rng)
        return known[-batch:]

    return ask


def picked(
    model: Model, known: np.ndarray, elite: np.ndarray, count: int, limits: np.ndarray, apart: float,
    generations: int, rng: np.random.Generator,
) -> tuple[Model, np.ndarray]:  # fmt: skip
    """Return the model with `count` more fantasies, and the known points (n, d) with these picks at their end.

    limits (2, d): where candidates may lie; apart: how far from all known ones.
    """

    def begin() -> np.ndarray:
        drawn = limits[0] + (limits[1] - limits[0]) * rng.random((200, known.shape[1]))
        return np.concatenate([offspring(np.clip(elite, *limits), 200, limits, rng), drawn])

    best, candidates = model.posterior(known)[0].max().item(), begin()
    for pick in range(count):
        acquire = log_ei(model, best)

        def worth(points: np.ndarray, acquire=acquire, known=known) -> np.ndarray:
            value = acquire(torch.from_numpy(points)).numpy()
            return value - 1e3 * np.clip(1 - nearest(points, known) / apart, 0, None) if apart else value

        with torch.no_grad():
            candidates = evolved(candidates, worth, limits, FURTHER if pick else generations, rng)
            at = candidates[:1]
            mean = model.posterior(at)[0]
            model, best = model.condition(at, mean), max(best, mean.item())
        known = np.concatenate([known, at])
        candidates = candidates[nearest(candidates, at) > max(apart, 1e-3)]
        if len(candidates) < 2 * PARENTS:
            candidates = np.concatenate([candidates, begin()])
    return model, known


def nearest(points: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the distance (n,) of points (n, d) from the nearest of known ones (m, d)."""
    square = np.square(points).sum(1)[:, None] + np.square(known).sum(1) - 2 * points @ known.T
    return np.sqrt(square.min(1).clip(0))


def evolved(
    candidates: np.ndarray,
    worth: Callable[[np.ndarray], np.ndarray],
    limits: np.ndarray,
    generations: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return candidates (n, d), the best first, after some generations of offspring of the best."""
    values = worth(candidates)
    for _ in range(generations):
        order = np.argsort(-values, kind="stable")[:KEPT]
        new = offspring(candidates[order[:PARENTS]], OFFSPRING, limits, rng)
        candidates, values = np.concatenate([candidates[order], new]), np.concatenate([values[order], worth(new)])
    return candidates[np.argsort(-values, kind="stable")]


def offspring(parents: np.ndarray, n: int, limits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return n offspring (n, d) of parents (m, d) within limits (2, d), in one of four ways each.

    One to all coordinates take a normal step of 0.003 to 0.3; or a step along the difference of two other parents; or a
    step to or beyond a weighted mean of all; or each coordinate is taken from one of two parents.
    """
    m, d = parents.shape
    one, two, three = (parents[rng.integers(m, size=n)] for _ in range(3))
    moved = rng.random((n, d)) < rng.choice([1 / d, 2 / d, 0.2, 0.5, 1.0], size=(n, 1))
    moved[np.arange(n), rng.integers(d, size=n)] = True
    steps = np.where(moved, 10 ** rng.uniform(-2.5, -0.5, (n, 1)) * rng.normal(size=(n, d)), 0.0)
    weights = rng.exponential(size=(n, m))
    mean = weights / weights.sum(1, keepdims=True) @ parents
    ways = [
        one + steps,
        one + rng.uniform(0.2, 1.0, (n, 1)) * (two - three),
        mean + rng.uniform(0, 2, (n, 1)) * (mean - one),
        np.where(rng.random((n, d)) < 0.5, one, two),
    ]
    chosen = np.stack(ways)[rng.integers(len(ways), size=n), np.arange(n)]
    return np.clip(chosen, *limits)


ARMS: dict[str, Callable[..., Search]] = {
    "ensemble": ensemble,
    "turbo": turbo,
    "log_ei": log_expected_improvement,
    "cma_es": cma_es,
    "random": random,
    "near_only": partial(ensemble, near=1.0),
    "far_only": partial(ensemble, near=0.0),
    "one_learner": partial(ensemble, members=("isotropic",)),
}
"""Arms by name: (rng, batch) → a search."""
