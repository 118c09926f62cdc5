"""A search in two stages, for a model of several learners on millions of candidates (`protocols.Screened`).

    screen    all candidates, roughly: by an ensemble's Gaussian processes alone and in single precision
    whole     those with the largest mean + 2 std, and some drawn at random, by the whole model

The screened list belongs to the fit. All picks of a batch share it: a fantasy lowers the variance and leaves the mean,
so no candidate comes to be worth more than it was. Spaces no larger than the list are evaluated in full. The screen
knows nothing of what an experiment costs: where cheap candidates are wanted, search by `enumeration`.
"""

from __future__ import annotations

import numpy as np
import torch

from alloygrad.maximisers.enumeration import enumeration, require_countable
from alloygrad.maximisers.options import CascadeOptions
from alloygrad.maximisers.suggestion import Suggestion, best_of
from alloygrad.protocols import Acquisition, OfModel, Screened
from alloygrad.spaces.composition import CompositionSpace
from alloygrad.spaces.pool import Pool


def cascade(
    acquire: Acquisition,
    space: CompositionSpace | Pool,
    *,
    exclude: np.ndarray,
    rng: np.random.Generator,
    options: CascadeOptions,
) -> Suggestion:
    """The best of the listed points; where all of them are measured, and for other models, that of `enumeration`.

    Raises ValueError for more points than `enumeration` takes.
    """
    require_countable(space)
    model = acquire.surrogate if isinstance(acquire, OfModel) else None
    if not isinstance(model, Screened):
        return enumeration(acquire, space, exclude=exclude)
    points = listed(model, space, rng, options)
    top, values = best_of(acquire, space, points, exclude)
    if top < 0:
        return enumeration(acquire, space, exclude=exclude)
    best = points[top]
    return Suggestion(best, space.coordinates(best), float(values[top]), evaluations=int(space.size))


def listed(
    model: Screened, space: CompositionSpace | Pool, rng: np.random.Generator, options: CascadeOptions
) -> np.ndarray:
    """Return the points (rows, d) that the whole model evaluates, in the order of the space; kept with the fit."""
    if space.size <= options.kept + options.drawn:
        return np.concatenate(list(space.enumerate()))
    memory, key = model.memory, ("listed", id(space), options)
    if key not in memory:
        memory[key] = space, screened(model, space, rng, options)  # with the space, so that its id stays taken
    return memory[key][1]


def screened(
    model: Screened, space: CompositionSpace | Pool, rng: np.random.Generator, options: CascadeOptions
) -> np.ndarray:
    """Return the `kept` best points by the screen, and `drawn` others at random."""
    values = []
    for points in space.enumerate(options.chunk):
        mean, std = model.screen(torch.from_numpy(space.coordinates(points)))
        values.append((mean + 2 * std).numpy())
    best = np.argpartition(-np.concatenate(values), options.kept)[: options.kept]
    ranks = np.union1d(best, rng.integers(int(space.size), size=options.drawn))
    return space.unrank(ranks)
