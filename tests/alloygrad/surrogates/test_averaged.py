"""Averaged models: weights against a loop, moments of a mixture, gradients, and the protocol."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from alloygrad import Campaign, CompositionSpace, FeatureMap, Maximise, protocols
from alloygrad.features.feature_map import doubles, raw_fractions
from alloygrad.surrogates import Ensemble, GaussianProcess
from alloygrad.surrogates.averaged import Averaged, predictive_weights

RNG = np.random.default_rng(0)
X = RNG.random((20, 2))
Y = np.sin(3 * X[:, 0])
MAPS = (doubles, lambda points: points[..., 1:])
ASKED = torch.from_numpy(RNG.random((6, 2)))


@pytest.fixture(scope="module")
def model():
    return Averaged([GaussianProcess(one) for one in MAPS]).fit(X, Y)


def test_weights_are_the_tempered_predictive_density():
    means, stds = RNG.normal(size=(2, 20)), RNG.uniform(0.5, 1, size=(2, 20))
    scores = [norm(mean, std).logpdf(Y).sum() / np.sqrt(20) for mean, std in zip(means, stds, strict=True)]
    pairs = [(torch.from_numpy(m), torch.from_numpy(s)) for m, s in zip(means, stds, strict=True)]
    found = predictive_weights(pairs, torch.from_numpy(Y)).numpy()
    np.testing.assert_allclose(found, np.exp(scores) / np.exp(scores).sum())


def test_inputs_that_say_nothing_get_little_weight(model):
    assert model.weights[0] > 0.9 and model.weights.sum() == pytest.approx(1)


def test_mean_and_std_are_those_of_many_samples_of_the_mixture(model):
    even = type(model)(model.models, torch.tensor([0.5, 0.5], dtype=torch.float64))
    mean, std = even.posterior(ASKED)
    drawn = even.sample(ASKED, 40000, np.random.default_rng(0))
    torch.testing.assert_close(drawn.mean(0), mean, atol=0.02, rtol=0.02)
    torch.testing.assert_close(drawn.std(0), std, atol=0.02, rtol=0.02)


def test_its_gradient_is_that_of_differences(model):
    assert model.differentiable
    points = ASKED.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: model.posterior(x)[0], (points,), atol=1e-5)


def test_it_follows_the_protocol_and_one_model_alone_is_itself(model):
    assert isinstance(model, protocols.Model) and isinstance(Averaged([GaussianProcess(doubles)]), protocols.Surrogate)
    alone, plain = Averaged([GaussianProcess(doubles)]).fit(X, Y), GaussianProcess(doubles).fit(X, Y)
    for mine, theirs in zip(alone.posterior(ASKED), plain.posterior(ASKED), strict=True):
        torch.testing.assert_close(mine, theirs)
    told = model.condition(ASKED[:1], model.posterior(ASKED[:1])[0])
    assert told.posterior(ASKED[:1])[1] <= model.posterior(ASKED[:1])[1]
    with pytest.raises(ValueError, match="at least one"):
        Averaged([])
    with pytest.raises(ValueError, match="as they are; got an Ensemble"):
        Averaged([GaussianProcess(doubles), Ensemble(doubles)])
    Averaged([GaussianProcess(doubles), Ensemble(doubles, compressed=False)])


def test_a_campaign_of_alloys_runs_on_features_and_fractions_together():
    space = CompositionSpace({"Ti": (40, 60), "Ni": (30, 60), "Cu": (0, 20)}, step=1)
    maps = raw_fractions(space.elements), FeatureMap(space.elements, ["mean:VEC", "mismatch:R"])
    campaign = Campaign(space, Maximise("y"), surrogate=Averaged([GaussianProcess(one) for one in maps]), seed=0)
    points = space.sample(12, np.random.default_rng(0))
    campaign.tell(points, -((space.fractions(points)[:, 0] - 0.5) ** 2))
    assert space.contains(space.nearest(space.read(campaign.suggest(2)))).all()
