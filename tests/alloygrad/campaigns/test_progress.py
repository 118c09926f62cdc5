"""What rounds brought, by the definitions; when to stop; and where to begin."""

import numpy as np
import pandas as pd
import pytest

import alloygrad as ag
from alloygrad.campaigns.progress import outlook, progress
from alloygrad.spaces import starting_design

BOX = ag.Box({"x": (0, 1), "z": (0, 1)})
ALLOYS = ag.CompositionSpace({"Ti": (20, 60), "Ni": (20, 60), "Cu": (0, 20)}, step=1)


def begun(rounds=(6, 3, 3), noise=0.01):
    rng = np.random.default_rng(0)
    points = np.concatenate([starting_design(BOX, rounds[0]).to_numpy(), BOX.sample(sum(rounds[1:]), rng)])
    campaign = ag.Campaign(BOX, ag.Minimise("y"), seed=0)
    campaign.tell(points, ((points - 0.4) ** 2).sum(1) + noise * rng.normal(size=len(points)))
    return campaign, np.repeat(np.arange(len(rounds)), rounds)


def test_a_round_is_judged_by_the_model_of_all_rounds_before_it():
    campaign, rounds = begun()
    shuffled = np.random.default_rng(1).permutation(len(rounds))
    table = progress(campaign.subset(shuffled), rounds[shuffled])
    assert table["experiments"].tolist() == [6, 3, 3] and table["round"].tolist() == [0, 1, 2]
    np.testing.assert_allclose(table["best"], [campaign.values[rounds <= k].min() for k in range(3)])
    np.testing.assert_allclose(table["gain"][1:], -np.diff(table["best"]))
    told, values = campaign.subset(rounds < 2).predict(campaign.coordinates[rounds == 2]), campaign.values[rounds == 2]
    np.testing.assert_allclose(table["MAE"].iloc[2], np.abs(told["predicted"] - values).mean(), rtol=1e-6)
    z = (values - told["predicted"]) / told["std_measurement"]
    np.testing.assert_allclose(table["std z"].iloc[2], np.sqrt((z**2).mean()), rtol=1e-6)
    assert table.loc[0, ["gain", "predicted", "MAE"]].isna().all()
    with pytest.raises(ValueError, match="Expected a round for each of 12 measurements"):
        progress(campaign, [1, 2])


def test_another_experiment_is_worth_it_until_scatter_hides_the_gain():
    """The gain is the expected improvement by its formula, in the objective's unit."""
    begin = outlook(begun(rounds=(6,), noise=0.0)[0])
    campaign, _ = begun(rounds=(10, 25), noise=0.2)
    late = outlook(campaign)
    assert begin.worth_it and begin.advice.endswith("Go on.") and begin.expected_gain > 0.1 * begin.noise_std
    row = campaign.suggest()
    assert late.expected_gain == pytest.approx(campaign.scale[1] * np.exp(row["log_ei"].item()))
    assert late.worth_it == (late.expected_gain >= 0.1 * late.noise_std)
    with pytest.raises(ValueError, match="acquisition 'log_ei'; got 'ucb'"):
        outlook(ag.Campaign(BOX, "y", acquisition="ucb"))


@pytest.mark.parametrize("space", [BOX, ALLOYS, ag.Product(ALLOYS, ag.Box({"route": ["cast", "rolled"]}))])
def test_a_starting_design_is_spread_wider_than_random_points(space):
    table = starting_design(space, 8, seed=3)
    assert list(table.index) == list(range(1, 9)) and space.contains(space.nearest(space.read(table))).all()

    def least(coordinates):
        apart = space.distance(coordinates[:, None], coordinates[None])
        return apart[np.triu_indices(8, 1)].min()

    random = [least(space.coordinates(space.sample(8, np.random.default_rng(s)))) for s in range(50)]
    assert least(space.read(table)) > max(random)
    pd.testing.assert_frame_equal(table, starting_design(space, 8, seed=3))


def test_a_small_space_cannot_begin_with_more_than_it_has():
    with pytest.raises(ValueError, match="at most 3 points of this space; got 4"):
        starting_design(ag.Box({"n": (1, 3)}, integers=["n"]), 4)
