"""Cuts through a model of an alloy: how much each element matters, ternary sections, and lines of one element.

All cuts go through one composition c. Along the line of element i its fraction x runs at the cost of all others in
proportion, c_j (1 − x)/(1 − c_i) for j ≠ i, so that the mean μ changes with the slope

    dμ/dx = (∂μ/∂c_i − Σ_j c_j ∂μ/∂c_j) / (1 − c_i).

An element's relevance is the root mean square, over the space, of the slope of the mean along its line times the
width of its range: by how much the prediction changes from one end of the element's range to the other. In a ternary
section three elements share what they have in c, and all others stay as they are.
"""

from itertools import combinations, product
from typing import cast

import numpy as np
import pandas as pd
import torch

from alloygrad.campaigns.campaign import Campaign
from alloygrad.spaces.composition import CompositionSpace

MAPPED = 4
"""Elements whose ternary sections are drawn: with four of them there are four sections."""

SLACK = 1e-9
"""What a point of a section may break a limit by: rounding."""

NEAR = 0.02
"""A measured alloy is shown in a section if no more than this share of it, outside the section, is other than there."""


def _alloys(campaign: Campaign) -> CompositionSpace:
    """The space of a campaign of alloys, the only ones that are cut."""
    return cast(CompositionSpace, campaign.space)


def relevance(campaign: Campaign, rng: np.random.Generator, n: int = 512) -> pd.Series:
    """Element → root mean square change of the merit over the element's range, the largest first; 0 without a range."""
    space = _alloys(campaign)
    points = torch.from_numpy(space.fractions(space.sample(n, rng))).requires_grad_()
    (slopes,) = torch.autograd.grad(campaign.model.posterior(points)[0].sum(), points)
    points = points.detach()
    rest = (1 - points).clamp_min(space.step)
    along = (slopes - (slopes * points).sum(-1, keepdim=True)) / rest  # d mean/dc_i on the line of element i
    change = along.square().mean(0).sqrt().numpy() * np.subtract(space.upper, space.lower)
    return pd.Series(campaign.scale[1] * change, index=list(space.elements)).sort_values(ascending=False, kind="stable")


def triples(campaign: Campaign, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """The ternary sub-systems that matter: those of the `MAPPED` most relevant elements with a range; [] if under 3."""
    space = _alloys(campaign)
    free = {e for e, low, high in zip(space.elements, space.lower, space.upper, strict=True) if high > low}
    first = [element for element in relevance(campaign, rng).index if element in free][:MAPPED]
    return [tuple(sorted(three, key=space.elements.index)) for three in combinations(first, 3)]


def ternary(campaign: Campaign, three: tuple[str, ...], composition: np.ndarray, *, side: int = 60) -> pd.DataFrame:
    """The section of `three` elements through `composition` (n_elements,): feasible points and what the model says.

    Columns: the three elements (at.%), mean, std (unit of the objective), and the acquisition
    value by its name. Points are the section's corners and those of a triangular net of `side` meshes around it.
    """
    space = _alloys(campaign)
    slots = [space.elements.index(element) for element in three]
    corners = _corners(space, slots, composition)
    least = corners.min(0)
    net = np.array([(i, j, side - i - j) for i in range(side + 1) for j in range(side + 1 - i)]) / side
    shares = np.concatenate([corners, least + (composition[slots].sum() - least.sum()) * net])
    points = np.tile(composition, (len(shares), 1))
    points[:, slots] = shares
    points = points[space.polytope().holds(points, SLACK)]
    mean, std = campaign.posterior(points)
    with torch.no_grad():
        value = campaign.acquire()(torch.from_numpy(points)).numpy()
    table = pd.DataFrame(100 * points[:, slots], columns=list(three))
    return table.assign(mean=mean, std=std, **{campaign.acquisition: value})


def _corners(space: CompositionSpace, slots: list[int], composition: np.ndarray) -> np.ndarray:
    """Corners (m, 3) of a section: where two limits meet, and no other one is broken."""
    limits, held = space.polytope(), np.delete(np.arange(len(space.elements)), slots)
    normals = np.concatenate([np.eye(3), limits.masks[:, slots]])
    rest = np.append(np.zeros(3), limits.masks[:, held] @ composition[held])
    lower = np.append(limits.lower[slots], limits.group_lower) - rest
    upper = np.append(limits.upper[slots], limits.group_upper) - rest
    found = []
    for (i, j), *at in product(combinations(range(len(normals)), 2), (lower, upper), (lower, upper)):
        system = np.array([np.ones(3), normals[i], normals[j]])
        if abs(np.linalg.det(system)) > 1e-9:
            found.append(np.linalg.solve(system, [composition[slots].sum(), at[0][i], at[1][j]]))
    points = np.tile(composition, (len(found), 1))
    points[:, slots] = found
    return points[space.polytope().holds(points, SLACK)][:, slots]


def nearby(campaign: Campaign, three: tuple[str, ...], composition: np.ndarray) -> np.ndarray:
    """The measured alloys in, or nearly in, a section: (m, 3) in at.%, scaled into it."""
    compositions = campaign.coordinates
    slots = [campaign.space.elements.index(element) for element in three]
    others = np.delete(np.arange(compositions.shape[1]), slots)
    near = compositions[0.5 * np.abs(compositions[:, others] - composition[others]).sum(-1) <= NEAR / 2 + 1e-12][
        :, slots
    ]
    near = near[near.sum(1) > 0]  # an alloy without any of the three has no place among them
    return 100 * near / near.sum(1, keepdims=True) * composition[slots].sum()


def cut(campaign: Campaign, composition: np.ndarray, rng: np.random.Generator) -> tuple[dict, dict]:
    """(title → table of `ternary`, title → (composition (3,), measured (m, 3)) in at.%) for all of `triples`.

    Left out are sections that limits reduce to a line or a point.
    """
    space, tables, marks = _alloys(campaign), {}, {}
    for three in triples(campaign, rng):
        others = [f"{e} {100 * x:g}" for e, x in zip(space.elements, composition, strict=True) if e not in three]
        title = " ".join(three) + (f"\n{', '.join(others)} at.%" if others else "")
        table = ternary(campaign, three, composition)
        if np.linalg.matrix_rank(table[list(three)] - table[list(three)].mean(), tol=1e-6) < 2:
            continue
        tables[title] = table
        here = 100 * composition[[space.elements.index(element) for element in three]]
        marks[title] = here, nearby(campaign, three, composition)
    return tables, marks


def lines(campaign: Campaign, composition: np.ndarray, *, points: int = 61) -> pd.DataFrame:
    """Predictions along each element's line through `composition` (n_elements,), where it is feasible.

    Through a pure element there is none of its own: the others are in no proportion.
    Columns: element, at_percent, mean, std (unit of the target).
    """
    space, tables = _alloys(campaign), []
    for i, element in enumerate(space.elements):
        if composition[i] > 1 - SLACK:
            continue
        x = np.unique(np.append(np.linspace(space.lower[i], space.upper[i], points), composition[i]))
        path = np.outer((1 - x) / (1 - composition[i]), composition)
        path[:, i] = x
        keep = space.polytope().holds(path, SLACK)
        x, path = x[keep], path[keep]
        if len(x) > 1:
            mean, std = campaign.posterior(path)
            tables.append(pd.DataFrame({"element": element, "at_percent": 100 * x, "mean": mean, "std": std}))
    columns = ["element", "at_percent", "mean", "std"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
