"""Inner loops on one front: what each proposes next, of the same state with the same models.

    ascent          log EHVI, its gradient followed from many starts: the library's default
    best_of_random  log EHVI, the best of `EVALUATIONS` random compositions
    annealing       log EHVI, Metropolis chains at a falling temperature, as many evaluations
    policy          log EHVI, a policy that builds a composition element by element and learns by REINFORCE, as many
    nsga2           the models' means, a genetic algorithm for fronts; of its last population the largest improvement
    scalarisation   a random scalarisation of the same models, ascent
    parego          one model of a random scalarisation of what was measured, log EI, ascent
    weighted_sum    one model of the published figure of merit, log EI, ascent: the first paper's way
    random          no model

Sources: Metropolis et al. 1953; Williams, Machine Learning 8 (1992) 229, for REINFORCE; Deb et al., IEEE Trans. Evol.
Comput. 6 (2002) 182, for NSGA-II; Knowles, IEEE Trans. Evol. Comput. 10 (2006) 50, for ParEGO.
"""

from collections.abc import Callable

import numpy as np
import torch

from alloygrad.acquisition.boxes import non_dominated_boxes
from alloygrad.campaigns.campaign import Campaign
from alloygrad.maximisers import maximise
from alloygrad.maximisers.suggestion import score
from alloygrad.objectives import Maximise
from alloygrad.spaces.composition import CompositionSpace
from compendium.pareto import genetic, policy
from compendium.pareto.landscapes import Landscape

CHAINS, STEPS = 64, 16
EVALUATIONS = CHAINS * STEPS
"""Acquisition values, or means, that an inner loop without gradients may ask for."""

HOT, COLD = 3.0, 0.03
"""Temperatures of the chains, in nats of log EHVI."""

AUGMENTATION = 0.05
"""Weight of the sum in ParEGO's scalarisation."""

Arm = Callable[[Landscape, Campaign, np.random.Generator], np.ndarray]


def ascent(landscape: Landscape, campaign: Campaign, rng: np.random.Generator) -> np.ndarray:
    """Return what the campaign itself suggests, as counts (n_elements,)."""
    return campaign.ask(rng=rng)[0].point


def best_of_random(landscape: Landscape, campaign: Campaign, rng: np.random.Generator) -> np.ndarray:
    """Return the best of random compositions."""
    found = maximise(
        campaign.acquire(),
        campaign.space,
        "random_search",
        exclude=campaign.points,
        rng=rng,
        options={"draws": EVALUATIONS},
    )
    return found.point


def annealing(landscape: Landscape, campaign: Campaign, rng: np.random.Generator) -> np.ndarray:
    """Return the best composition that chains visit; each step exchanges some steps of two elements."""
    space, acquire = campaign.space, campaign.acquire()
    counts = space.sample(CHAINS, rng)
    values = score(acquire, space, counts)
    visited, heights = [counts.copy()], [values.copy()]
    for temperature in np.geomspace(HOT, COLD, STEPS - 1):
        tried = genetic.exchanged(space, counts, rng)
        there = space.contains(tried)
        found = np.full(CHAINS, -np.inf)
        found[there] = score(acquire, space, tried[there])
        accepted = np.log(rng.random(CHAINS)) < (found - values) / temperature
        counts[accepted], values[accepted] = tried[accepted], found[accepted]
        visited.append(tried[there])
        heights.append(found[there])
    return best_new(np.concatenate(visited), np.concatenate(heights), campaign, rng)


def by_policy(landscape: Landscape, campaign: Campaign, rng: np.random.Generator) -> np.ndarray:
    """Return the best composition that a policy builds while it learns what log EHVI rewards."""
    space, acquire = campaign.space, campaign.acquire()
    visited, heights = policy.explore(
        space, lambda counts: score(acquire, space, counts), rng, batches=STEPS, batch=CHAINS
    )
    return best_new(visited, heights, campaign, rng)


def nsga2(landscape: Landscape, campaign: Campaign, rng: np.random.Generator) -> np.ndarray:
    """Return, of a population evolved on the models' means, the composition whose mean improves the front most."""
    space, beliefs = campaign.space, campaign.beliefs

    def utilities(counts: np.ndarray) -> np.ndarray:
        at = space.fractions(counts)
        with torch.no_grad():
            means = np.column_stack([model.posterior(at)[0].numpy() for model in beliefs.models])
        return beliefs.goals.utilities(means)

    known = beliefs.goals.utilities(beliefs.known)
    found = genetic.evolve(space, utilities, rng, population=CHAINS, generations=STEPS)
    front = utilities(found)
    reference = np.minimum(known, front.min(0)).min(0)
    lower, upper = non_dominated_boxes(known, reference)
    sides = np.clip(np.minimum(front[:, None], upper) - lower, 0, None)
    return best_new(found, sides.prod(-1).sum(-1), campaign, rng)


def scalarisation(landscape: Landscape, campaign: Campaign, rng: np.random.Generator) -> np.ndarray:
    """Return the maximum of the expected improvement of one random scalarisation of the models."""
    acquire = campaign.beliefs.acquisition("log_chebyshev", rng)
    return maximise(acquire, campaign.space, exclude=campaign.points, rng=rng, options=campaign.options).point


def parego(landscape: Landscape, campaign: Campaign, rng: np.random.Generator) -> np.ndarray:
    """Return what a campaign of one objective suggests, a random scalarisation of what was measured."""
    utilities = campaign.beliefs.goals.utilities(campaign.beliefs.known)
    scaled = (utilities - utilities.min(0)) / np.ptp(utilities, axis=0)
    weighted = rng.dirichlet(np.ones(scaled.shape[1])) * scaled
    return _of_one(campaign, weighted.min(1) + AUGMENTATION * weighted.sum(1), rng)


def weighted_sum(landscape: Landscape, campaign: Campaign, rng: np.random.Generator) -> np.ndarray:
    """Return what a campaign on the published figure of merit suggests."""
    return _of_one(campaign, landscape.measure(campaign.coordinates)["merit"], rng)


def random(landscape: Landscape, campaign: Campaign, rng: np.random.Generator) -> np.ndarray:
    """Return a random composition that was not measured."""
    return _unmeasured(campaign.space, campaign.points, rng)


ARMS: dict[str, Arm] = {
    "ascent": ascent,
    "best_of_random": best_of_random,
    "annealing": annealing,
    "policy": by_policy,
    "nsga2": nsga2,
    "scalarisation": scalarisation,
    "parego": parego,
    "weighted_sum": weighted_sum,
    "random": random,
}
"""All inner loops by name."""

DEFAULT = "ascent"
"""The inner loop that the library takes unless told otherwise."""


def best_new(counts: np.ndarray, values: np.ndarray, campaign: Campaign, rng: np.random.Generator) -> np.ndarray:
    """Return the counts (n_elements,) of largest value that are not measured; random ones where all are."""
    measured = set(map(tuple, campaign.points.tolist()))
    for row in np.argsort(-values, kind="stable"):
        if tuple(counts[row].tolist()) not in measured:
            return counts[row]
    return _unmeasured(campaign.space, campaign.points, rng)


def _of_one(campaign: Campaign, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    alone = Campaign(
        campaign.space, Maximise("value"), inputs="fractions", seed=campaign.seed, options=campaign.options
    )
    alone.tell(campaign.points, values)
    return alone.ask(rng=rng)[0].point


def _unmeasured(space: CompositionSpace, measured: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    while True:
        counts = space.sample(1, rng)[0]
        if not (measured == counts).all(1).any():
            return counts
