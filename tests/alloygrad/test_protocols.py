"""One suite for every space, surrogate, objective and maximiser: a new one is an entry in the lists below."""

import numpy as np
import pandas as pd
import pytest
import torch

from alloygrad import protocols
from alloygrad.acquisition.analytic import ACQUISITIONS, log_ei
from alloygrad.campaigns.campaign import Campaign
from alloygrad.campaigns.inputs import choose_inputs
from alloygrad.maximisers import METHODS, maximise
from alloygrad.objectives import Desirability, Limit, Maximise, Merit, Minimise, Target
from alloygrad.spaces import Box, CompositionSpace, Pool, Product, Restricted
from alloygrad.surrogates import SURROGATES
from alloygrad.surrogates.model import Several

ALLOYS = CompositionSpace({"Ti": (40, 60), "Ni": (30, 60), "Cu": (0, 20)}, step=1, groups=[(("Ni", "Cu"), 0, 55)])
SHEET = Box({"anneal_K": (700, 1100, "K"), "passes": (1, 4)}, integers=["passes"])
CANDIDATES = pd.DataFrame(np.random.default_rng(0).random((60, 3)), columns=list("abc"))

SPACES = {
    "composition": ALLOYS,
    "pool": Pool(CANDIDATES),
    "pool of compositions": Pool(
        pd.DataFrame(
            ALLOYS.fractions(ALLOYS.sample(40, np.random.default_rng(1))), columns=ALLOYS.names
        ).drop_duplicates(),
        elements=ALLOYS.names,
    ),
    "box": SHEET,
    "product": Product(ALLOYS, SHEET),
    "restricted": Restricted(ALLOYS, max_elements=3),
}
OBJECTIVES = {
    "maximise": Maximise("y"),
    "minimise": Minimise("y"),
    "sum": Maximise({"y": 2.0, "z": -1.0}),
    "target": Target("y", 1.5),
    "limit": Limit("z", at_most=0.2),
    "desirability": Desirability({"y": (0, 4), "z": (1, 0)}),
    "merit": Merit(lambda p: p["y"] - abs(p["z"]), ["y", "z"]),
}


@pytest.fixture(params=SPACES)
def space(request):
    return SPACES[request.param]


def hill(space):
    """A smooth landscape over the coordinates, its top at a point of the space."""
    points = space.sample(4000, np.random.default_rng(3))
    width = np.ptp(space.coordinates(points), axis=0)
    top = space.coordinates(space.sample(1, np.random.default_rng(5)))[0]
    scale = np.where(width > 0, width, 1.0)

    def value(coordinates):
        return -(((np.asarray(coordinates) - top) / scale) ** 2).sum(-1)

    return value, top


# Spaces


def test_a_space_follows_its_protocol(space):
    assert isinstance(space, protocols.Space)
    points = space.sample(50, np.random.default_rng(0))
    again = space.sample(50, np.random.default_rng(0))
    assert points.shape == (50, len(space.keys)) and (points == again).all()
    assert space.contains(points).all() and not space.contains(points - 10_000).any()
    coordinates = space.coordinates(points)
    assert coordinates.shape == (50, len(space.names)) and coordinates.dtype == float
    assert (space.nearest(coordinates) == points).all() or isinstance(space, Pool)
    assert np.array_equal(space.coordinates(space.nearest(coordinates)), coordinates)
    assert space.covers(points, coordinates).all()
    assert tuple(space.elements) == tuple(space.names[: len(space.elements)])
    assert space.size >= len(np.unique(points, axis=0))


def test_a_table_of_points_reads_back_as_their_coordinates(space):
    points = space.sample(20, np.random.default_rng(0))
    np.testing.assert_allclose(space.read(space.table(points)), space.coordinates(points), atol=1e-12)
    with pytest.raises(ValueError, match="Expected"):
        space.read(pd.DataFrame({"nothing": [1]}))


def test_a_distance_is_symmetric_zero_at_home_and_at_most_one(space):
    one, other = (space.coordinates(space.sample(30, np.random.default_rng(s))) for s in (0, 1))
    apart = space.distance(one, other)
    np.testing.assert_allclose(apart, space.distance(other, one))
    assert (space.distance(one, one) == 0).all() and (apart >= 0).all() and (apart <= 1 + 1e-12).all()


def test_a_finite_space_is_enumerated_once_each(space):
    if not np.isfinite(space.size):
        pytest.skip("continuous")
    if not hasattr(space, "enumerate"):
        pytest.skip("offers no enumeration")
    points = np.concatenate(list(space.enumerate(7)))
    assert len(points) == space.size == len(np.unique(points, axis=0)) and space.contains(points).all()
    assert (space.unrank(np.arange(5)) == points[:5]).all()


# Surrogates


@pytest.mark.parametrize("name", SURROGATES)
def test_a_surrogate_follows_its_protocol_on_every_space(name, space):
    value, _ = hill(space)
    x = space.coordinates(space.sample(24, np.random.default_rng(0)))
    y = value(x) + 0.01 * np.random.default_rng(1).normal(size=len(x))
    surrogate = SURROGATES[name](choose_inputs(space, "fractions"))
    model = surrogate.fit(x, y, noise=1e-4)
    assert isinstance(surrogate, protocols.Surrogate) and isinstance(model, protocols.Model)
    asked = space.coordinates(space.sample(9, np.random.default_rng(2)))
    with torch.no_grad():
        mean, std = model.posterior(asked)
        rows, some, _ = model.posterior_where(asked, lambda mean, std: mean > -torch.inf)
        drawn = model.sample(asked, 4000, np.random.default_rng(3))
        left = model.leave_one_out()
    assert mean.shape == std.shape == (9,) and (std > 0).all() and model.noise >= 0
    assert len(rows) == 9 and torch.equal(some, mean)
    assert drawn.shape == (4000, 9) and all(part.shape == (24,) for part in left)
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.15, rtol=0.05)
    torch.testing.assert_close(drawn.std(0), std, atol=0.15, rtol=0.15)
    if model.differentiable:
        point = torch.tensor(asked, requires_grad=True)
        model.posterior(point)[0].sum().backward()
        assert torch.isfinite(point.grad).all()
    nearer = model.condition(asked[:1], mean[:1] + 0.1)
    with torch.no_grad():
        there, left_over = nearer.posterior(asked[:1])
    assert there.item() > mean[0].item() - 1e-9 and left_over.item() <= std[0].item() + 1e-9


@pytest.mark.parametrize("name", SURROGATES)
def test_several_targets_are_as_many_models(name):
    space = SPACES["box"]
    x = space.coordinates(space.sample(20, np.random.default_rng(0)))
    y = np.column_stack([hill(space)[0](x), x[:, 0] / 1000])
    inputs = choose_inputs(space, None)
    both = SURROGATES[name](inputs).fit(x, y, noise=1e-4)
    assert isinstance(both, Several) and isinstance(both, protocols.Model)
    with torch.no_grad():
        mean, std = both.posterior(x[:3])
        for column in range(2):
            one = SURROGATES[name](inputs).fit(x, y[:, column], noise=1e-4)
            torch.testing.assert_close(mean[:, column], one.posterior(x[:3])[0])
            torch.testing.assert_close(std[:, column], one.posterior(x[:3])[1])


# Objectives


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objective_follows_its_protocol(name):
    objective = OBJECTIVES[name]
    assert isinstance(objective, protocols.Objective)
    outcomes = {"y": np.array([1.0, 2.0]), "z": np.array([0.5, 0.0])}
    value = objective.value(outcomes)
    assert value.shape == (2,) and set(objective.outputs) <= set(outcomes)
    assert objective.name and objective.sign in (1, -1)
    utility = objective.utility(value)
    assert utility.shape == (2,)
    if name in ("maximise", "minimise", "sum", "desirability"):
        assert np.array_equal(utility, objective.sign * value)
    assert utility[0] == utility[1] or (utility[0] > utility[1]) == (name in ("minimise",))


# Maximisers


@pytest.mark.parametrize("name", METHODS)
def test_a_maximiser_follows_its_protocol_on_every_space_that_it_searches(name, space):
    method = METHODS[name]
    if not method.searches(space):
        with pytest.raises(ValueError, match="Expected"):
            maximise(lambda c: c.sum(-1), space, name, rng=np.random.default_rng(0))
        return
    value, _ = hill(space)
    points = space.sample(15, np.random.default_rng(0))
    x = space.coordinates(points)
    model = SURROGATES["gp"](choose_inputs(space, "fractions")).fit(x, value(x), noise=1e-4)
    acquire = log_ei(model, value(x).max())
    found, again = (maximise(acquire, space, name, exclude=points, rng=np.random.default_rng(1)) for _ in range(2))
    assert space.contains(found.point) and not (points == found.point).all(1).any()
    assert np.array_equal(found.point, again.point) and found.value == again.value
    assert found.value == pytest.approx(acquire(torch.from_numpy(space.coordinates(found.point))).item(), abs=1e-9)
    assert np.isnan(found.moved) or 0 <= found.moved <= 1
    drawn = space.coordinates(space.sample(20, np.random.default_rng(2)))
    with torch.no_grad():
        assert name == "random_search" or found.value >= acquire(torch.from_numpy(drawn)).median().item()


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_an_acquisition_function_follows_its_protocol(name):
    space = SPACES["box"]
    x = space.coordinates(space.sample(12, np.random.default_rng(0)))
    model = SURROGATES["gp"](choose_inputs(space, None)).fit(x, x[:, 0] / 400, noise=1e-4)
    acquire = ACQUISITIONS[name](model, 1.0)
    assert isinstance(acquire, protocols.Acquisition) and acquire.logarithmic == name.startswith("log")
    points = torch.from_numpy(x)
    with torch.no_grad():
        torch.testing.assert_close(acquire.exceeding(points, -torch.inf), acquire(points))


# Campaigns


def test_a_campaign_on_every_kind_of_space_finds_the_known_optimum(space, request):
    """Every other kind is minimised."""
    value, top = hill(space)
    sign = (-1) ** list(SPACES).index(request.node.callspec.params["space"])
    campaign = Campaign(space, (Maximise if sign > 0 else Minimise)("y"), inputs="fractions", seed=0)
    points = space.sample(8, np.random.default_rng(0))
    campaign.tell(points, sign * 100 * value(space.coordinates(points)))
    for _ in range(14):
        suggestion = campaign.suggest()
        campaign.tell(suggestion, sign * 100 * value(space.read(suggestion)))
    best = campaign.coordinates[np.argmax(sign * campaign.values)]
    if np.isfinite(space.size):
        assert value(best) == value(top) == pytest.approx(0, abs=1e-12)
    assert value(best) > -2e-3
