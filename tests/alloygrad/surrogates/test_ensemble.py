"""The ensemble: gains against loops, the fused state as a Kalman filter, the compression, the entropy of the best."""

import numpy as np
import pytest
import torch

import alloygrad as ag
from alloygrad.features.feature_map import doubles
from alloygrad.surrogates.ensemble import Compression, Ensemble, calibration, compress, fitting
from alloygrad.surrogates.fusion import entropy_of_best, fuse, gains, top_weights

RNG = np.random.default_rng(0)
X = RNG.random((40, 2))
Y = np.sin(5 * X[:, 0]) + X[:, 1] + 0.05 * RNG.normal(size=40)
ASKED = torch.from_numpy(RNG.random((9, 2)))


@pytest.fixture(scope="module")
def model():
    return Ensemble(doubles).fit(X, Y)


# Gains


def test_gains_are_those_of_a_loop():
    rng = np.random.default_rng(1)
    y, p = rng.normal(size=12), rng.normal(size=(3, 12))
    p[0] = 0.8 * y + 0.1 * p[0]
    ranks = np.argsort(np.argsort(y)) / 11
    omega = (0.25 + ranks**2) / (0.25 + ranks**2).sum()
    variance = omega @ (y - omega @ y) ** 2
    raw = []
    for c in range(3):
        error = max(omega @ (p[c] - y) ** 2, 1e-3 * variance)
        information = max(0.5 * np.log(variance / error), 0.02)
        redundancy = 1.0
        for d in range(3):
            if d != c:
                cross = omega @ ((p[c] - y) * (p[d] - y))
                size = np.sqrt((omega @ (p[c] - y) ** 2) * (omega @ (p[d] - y) ** 2))
                redundancy += max(0, cross / size)
        raw.append(np.tanh(3 * information) / (error * redundancy))
    found = gains(torch.from_numpy(p), torch.from_numpy(y))
    np.testing.assert_allclose(found.weights.numpy(), np.array(raw) / sum(raw), rtol=1e-10)


def test_two_copies_of_a_predictor_share_one_gain():
    y = torch.linspace(0, 1, 20, dtype=torch.float64)
    rng = np.random.default_rng(2)
    one, other = (y + 0.2 * torch.from_numpy(rng.normal(size=20)) for _ in range(2))
    alone, thrice = gains(torch.stack([one, other]), y), gains(torch.stack([one, one, other]), y)
    assert thrice.weights[0] == thrice.weights[1]
    assert 2 * thrice.weights[0] == pytest.approx(alone.weights[0].item(), abs=0.12)


def test_a_predictor_that_is_right_near_the_top_outweighs_one_that_is_right_at_the_bottom():
    y = torch.linspace(0, 1, 20, dtype=torch.float64)
    wrong = 0.3 * torch.from_numpy(np.random.default_rng(3).choice([-1, 1], 20))
    above, below = torch.where(y > 0.5, y, y + wrong), torch.where(y < 0.5, y, y + wrong)
    weights = gains(torch.stack([above, below]), y).weights
    assert weights[0] > 2 * weights[1]


def test_weights_grow_with_the_rank_and_equal_targets_weigh_the_same():
    weights = top_weights(torch.tensor([3.0, 1.0, 1.0, 2.0], dtype=torch.float64))
    assert weights.sum() == pytest.approx(1) and weights[1] == weights[2] < weights[3] < weights[0]


def test_consensus_and_disagreement_are_mean_and_variance_over_learners():
    predictions, weights = torch.tensor([[1.0, 2.0], [3.0, 2.0]]), torch.tensor([0.25, 0.75])
    mean, differ = fuse(predictions, weights)
    assert mean.tolist() == [2.5, 2.0] and differ.tolist() == [0.75, 0.0]


# The state


def test_the_consensus_is_the_mean_of_the_learners_by_their_gains(model):
    whole = sum(gain * one.posterior(ASKED)[0] for gain, one in zip(model.gains.weights, model.models, strict=True))
    torch.testing.assert_close(model.posterior(ASKED)[0], whole)


def test_fantasies_condition_the_joint_gaussian(model):
    at, values = ASKED[:2], torch.tensor([0.3, 1.0], dtype=torch.float64)
    mean, std = model.posterior(ASKED)
    known = model.base.whitened(ASKED)
    covariance = model.base.covariance(known, known)
    spread = covariance.diagonal().sqrt()
    covariance = covariance / spread[:, None] / spread * std[:, None] * std
    gain = covariance[:, :2] @ torch.linalg.inv(covariance[:2, :2] + model.noise * torch.eye(2))
    told = model.condition(at, values)
    torch.testing.assert_close(told.posterior(ASKED)[0], mean + gain @ (values - mean[:2]), atol=1e-6, rtol=1e-6)
    left = covariance.diagonal() - (gain * covariance[:, :2]).sum(1)
    torch.testing.assert_close(told.posterior(ASKED)[1].square(), left, atol=1e-6, rtol=1e-5)
    in_turn = model.condition(at[:1], values[:1]).condition(at[1:], values[1:])
    torch.testing.assert_close(in_turn.posterior(ASKED)[0], told.posterior(ASKED)[0])


def test_a_believer_leaves_every_mean_and_lowers_every_std(model):
    mean, std = model.posterior(ASKED)
    told = model.condition(ASKED[:3], mean[:3]).posterior(ASKED)
    torch.testing.assert_close(told[0], mean)
    assert (told[1] <= std + 1e-9).all() and (told[1][:3] < 0.9 * std[:3]).all()


def test_fantasies_share_what_was_computed_and_the_fit_is_deterministic(model):
    assert model.condition(ASKED[:1], [0.0]).memory is model.memory
    again = Ensemble(doubles).fit(X, Y)
    assert torch.equal(again.posterior(ASKED)[0], model.posterior(ASKED)[0])
    assert again.hyperparameters() == model.hyperparameters()


def test_the_screen_is_near_the_posterior_of_the_gaussian_processes():
    smooth = Ensemble(doubles, members=("isotropic", "gp")).fit(X, Y)
    mean, std = smooth.posterior(ASKED)
    rough, spread = smooth.screen(ASKED)
    assert (rough - mean).abs().max() < 0.05 and (spread - std).abs().max() < 0.05


def test_the_screen_orders_candidates_as_the_posterior_does_where_noise_is_all_but_none():
    """The variance is a small difference of large numbers there; single precision must not drown it."""
    rng = np.random.default_rng(0)
    x, asked = rng.random((100, 3)), torch.from_numpy(rng.random((2000, 3)))
    y = np.sin(4 * x[:, 0]) - ((x[:, 1:] - 0.4) ** 2).sum(1)
    smooth = Ensemble(doubles, members=("isotropic", "gp"), compressed=False)
    found = smooth.fit(x, (y - y.mean()) / y.std(), noise=1e-6)
    mean, std = found.posterior(asked)
    rough, wide = found.screen(asked)
    assert (wide - std).abs().max() < 0.02
    ranks = [np.argsort(np.argsort(u)) for u in (mean + 2 * std, rough.double() + 2 * wide.double())]
    assert np.corrcoef(*ranks)[0, 1] > 0.999


def test_learners_that_do_not_suit_the_features_are_left_out():
    assert fitting(("isotropic", "tanimoto", "gp"), torch.rand(5, 3)) == ("isotropic", "gp")
    assert fitting(("tanimoto", "gp"), torch.ones(5, 200)) == ("tanimoto",)
    bits = (np.random.default_rng(0).random((30, 10)) < 0.5).astype(float)
    assert Ensemble(doubles).fit(bits, bits.sum(1)).names == ("isotropic", "tanimoto", "gp", "extra_trees")


def test_equal_gains_on_request_and_unknown_learners_are_refused():
    model = Ensemble(doubles, members=("isotropic", "extra_trees"), equal=True).fit(X, Y)
    assert model.gains.weights.tolist() == [0.5, 0.5]
    with pytest.raises(ValueError, match="extra_trees"):
        Ensemble(doubles, members=("extra_tree",))
    with pytest.raises(ValueError, match="disagreement"):
        Ensemble(doubles, disagreement=-1)


# Calibration


def test_the_variance_is_calibrated_by_squared_errors_over_expected_ones_near_the_top():
    y, p, expected = (torch.tensor(v, dtype=torch.float64) for v in ([0.0, 1, 2], [0.1, 0.7, 2.4], [0.04, 0.04, 0.09]))
    weights = (0.25 + np.array([0, 0.5, 1]) ** 2) / (0.75 + 1.25)
    by_hand = weights @ [0.01, 0.09, 0.16] / (weights @ [0.04, 0.04, 0.09])
    assert calibration(p, expected, y) == pytest.approx(by_hand)
    assert calibration(y + 9, expected, y) == 4 and calibration(y, expected, y) == 0.25  # its limits


def test_the_base_is_the_gaussian_process_with_the_least_error():
    rng = np.random.default_rng(0)
    x = rng.random((40, 6))
    y = np.sin(9 * x[:, 0])  # which one lengthscale for all six cannot say
    found = Ensemble(doubles).fit(x, y)
    errors = dict(zip(found.names, found.gains.error.tolist(), strict=True))
    assert errors["gp"] < 0.5 * errors["isotropic"]
    gp = found.models[found.names.index("gp")]
    assert found.base.scale == gp.outputscale and torch.equal(found.base.cholesky, gp.cholesky)


def test_errors_left_out_are_about_as_large_as_is_said():
    x = np.random.default_rng(2).random((60, 3))
    y = np.sin(6 * x[:, 0]) + x[:, 1] + np.random.default_rng(3).normal(0, 0.1, 60)
    mean, std = Ensemble(doubles, compressed=False).fit(x, y).leave_one_out()
    assert 0.7 < ((torch.from_numpy(y) - mean) / std).std() < 1.4


def test_trees_say_nothing_of_noise_that_they_have_not_seen():
    """With its own tree among the voters, a measurement would be known."""
    x, y = np.random.default_rng(4).random((60, 3)), np.random.default_rng(5).normal(size=60)
    found = Ensemble(doubles, members=("extra_trees",), compressed=False).fit(x, y)
    assert ((found.left_out[0] - torch.from_numpy(y)) ** 2).mean() > 0.8 * y.var()


def test_samples_know_of_fantasies(model):
    told = model.condition(ASKED[:2], torch.tensor([1.0, 0.5], dtype=torch.float64))
    drawn = told.sample(ASKED, 20000, np.random.default_rng(0))
    near = torch.cov(drawn.mT)
    _, std, solved = told._conditioned(ASKED)
    alone = model._fused(ASKED)[1:]
    expected = told._covariance(alone, alone) - solved.mT @ solved
    scale = std[:, None] * std
    off = ~torch.eye(len(ASKED), dtype=torch.bool)
    assert (near - expected).abs()[off].max() < 0.05 * scale.max()


# Compression


def test_the_compression_keeps_the_upper_half_and_is_undone_by_its_inverse():
    y = torch.tensor([-100.0, -1.0, 0.0, 1.0, 2.0, 3.0], dtype=torch.float64)
    found = compress(y)
    t = found(y)
    assert torch.equal(t[3:], y[3:]) and (t.diff() > 0).all() and t[0] > -10
    back, slope = found.inverse(t)
    torch.testing.assert_close(back, y)
    values = t.clone().requires_grad_()
    (grad,) = torch.autograd.grad(found.inverse(values)[0].sum(), values)
    torch.testing.assert_close(slope, grad)
    assert torch.equal(Compression(0.0, 0.0)(y), y)


def test_one_disaster_does_not_hide_what_the_good_ones_say():
    y = Y.copy()
    y[np.argmin(y)] = -100
    good = y > np.median(y)
    found = [Ensemble(doubles, compressed=compressed).fit(X, y).posterior(X)[0].numpy() for compressed in (True, False)]
    with_it, without = (np.corrcoef(mean[good], y[good])[0, 1] for mean in found)
    assert with_it > 0.9 > without


def told(objective, **options):
    """A campaign with the ensemble, told values from −55 to −1, most of them close to the top."""
    rng = np.random.default_rng(0)
    points = rng.random((40, 2))
    steep = -np.exp(4 * (1 - points[:, 0]))
    campaign = ag.Campaign(ag.Box({"x": (0, 1), "z": (0, 1)}), objective, surrogate="ensemble", seed=0, **options)
    campaign.tell(points, {"d": steep, "y": 100 * np.exp(3 * (points[:, 0] - 1))})
    return campaign


PLACES = np.array([[0.05, 0.5], [0.15, 0.5], [0.6, 0.5]])
TRUE = -np.exp(4 * (1 - PLACES[:, 0]))


def test_predictions_below_the_median_are_in_units_of_the_targets():
    """The model's scale is compressed there; its user's is not."""
    campaign = told(ag.Maximise("d"))
    found = campaign.predict(PLACES)
    np.testing.assert_allclose(found["predicted"], TRUE, rtol=0.1)
    modelled = campaign.model.posterior(PLACES)[0].numpy()
    assert campaign.properties[0].in_units(modelled)[0] > TRUE[0] / 2


def test_limits_targets_and_merits_are_asked_of_values_that_are_not_compressed():
    limited = told([ag.Maximise("y"), ag.Limit("d", at_most=-30)])
    np.testing.assert_allclose(limited.beliefs.feasibility(PLACES), [1, 0.5, 0], atol=0.5)
    assert limited.beliefs.feasibility(PLACES)[0] > 0.9 > 0.1 > limited.beliefs.feasibility(PLACES)[2]
    for wanted in (ag.Target("d", -30), ag.Merit(lambda p: -abs(p["d"] + 30), ["d"])):
        assert -np.exp(4 * (1 - told(wanted).suggest()["x"].iloc[0])) == pytest.approx(-30, abs=2)
    compressed = [one.model.compression.width > 0 for one in limited.properties]
    assert compressed == [True, False]
    both = [ag.Maximise("y"), ag.Maximise("d")]
    assert all(one.model.compression.width for one in told(both).properties)
    assert not any(one.model.compression.width for one in told(both, reference={"y": 1, "d": -50}).properties)


# Entropy


def test_the_entropy_of_the_best_is_that_of_the_shares_with_which_each_wins():
    samples = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert entropy_of_best(samples) == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))
    assert entropy_of_best(torch.tensor([[1.0, 0.0]] * 5)) == 0


def test_the_entropy_of_the_state_falls_when_the_best_is_measured(model):
    candidates = torch.from_numpy(np.random.default_rng(5).random((60, 2)))
    before = model.entropy(candidates, np.random.default_rng(0))
    best = candidates[model.posterior(candidates)[0].topk(12).indices]
    after = model.condition(best, model.posterior(best)[0]).entropy(candidates, np.random.default_rng(0))
    assert 0 < after < before < np.log(60)
