"""The chosen features against leave-one-out by real refits, and features that must never be chosen."""

import numpy as np
import pytest
import torch

from alloygrad import selection
from alloygrad.features import FeatureMap, all_features
from alloygrad.selection import random_search
from alloygrad.surrogate import condition, fit

ELEMENTS = ("Ti", "Ni", "Cu", "Hf")


def problem(n: int = 12, seed: int = 0):
    """Compositions (n, 4) and targets (n,) that depend on the valence electron count alone."""
    compositions = np.random.default_rng(seed).dirichlet(np.ones(4), n)
    count = FeatureMap(ELEMENTS, ["mean:VEC"])(compositions)[:, 0].numpy()
    return compositions, np.sin(count)


def search(compositions, targets, seed: int = 0, **options):
    return random_search(ELEMENTS, compositions, targets, rng=np.random.default_rng(seed), **options)


def leave_one_out_error(subset, compositions, targets) -> float:
    """Mean squared error of predicting each point by a GP that never saw it, at the full fit's hyperparameters.

    The full fit's scaling of features is kept by folding it into the lengthscales.
    """
    features = FeatureMap(ELEMENTS, subset)
    whole = fit(features, compositions, targets)
    errors = []
    for i in range(len(targets)):
        kept = np.delete(np.arange(len(targets)), i)
        raw = features(compositions[kept])
        width = raw.amax(0) - raw.amin(0)
        part = condition(
            features,
            compositions[kept],
            targets[kept],
            whole.lengthscales * whole.width / width,
            whole.outputscale,
            whole.mean,
        )
        errors.append(part(compositions[[i]])[0].item() - targets[i])
    return float(np.mean(np.square(errors)))


def test_the_winner_is_no_worse_than_any_draw(monkeypatch):
    drawn, real = [], selection.FeatureMap

    def noted(elements, chosen):
        if len(chosen) == 2:
            drawn.append(chosen)
        return real(elements, chosen)

    monkeypatch.setattr(selection, "FeatureMap", noted)
    compositions, targets = problem()
    best = search(compositions, targets, n_features=2, draws=10, formulas=("mean", "mismatch"))
    monkeypatch.undo()
    errors = [leave_one_out_error(subset, compositions, targets) for subset in drawn]
    assert len(drawn) == 10 and len({str(subset) for subset in drawn}) > 5 and np.ptp(errors) > 0
    assert errors[drawn.index(best)] <= min(errors) * (1 + 1e-6)


def test_one_rng_one_choice():
    compositions, targets = problem()
    options = dict(n_features=3, draws=3)
    choices = [search(compositions, targets, seed, **options) for seed in (0, 0, 1, 2, 3)]
    assert choices[0] == choices[1] and any(choice != choices[0] for choice in choices[2:])
    for choice in choices:
        assert len(set(choice)) == 3 and set(choice) <= set(all_features(("mean",)))


def test_more_draws_continue_fewer():
    """The draws of one generator are a sequence: the error of the best never rises."""
    compositions, targets = problem()
    errors = []
    for draws in (1, 2, 4, 8):
        chosen = search(compositions, targets, n_features=2, draws=draws)
        mean, _ = fit(FeatureMap(ELEMENTS, chosen), compositions, targets).leave_one_out()
        errors.append(((mean - torch.tensor(targets)) ** 2).mean().item())
    assert errors == sorted(errors, reverse=True) and errors[-1] < errors[0]


def test_equal_draws_go_to_the_earlier(monkeypatch):
    class Level:
        def leave_one_out(self):
            return torch.zeros(12, dtype=torch.float64), None

    drawn = []
    monkeypatch.setattr(selection, "fit", lambda features, *_: drawn.append(features.names) or Level())
    compositions, targets = problem()
    chosen = search(compositions, targets, n_features=2, draws=5)
    assert FeatureMap(ELEMENTS, chosen).names == drawn[0] != drawn[1]


def test_features_without_variation_are_no_candidates():
    """Ti, Zr and Hf share group and valence electrons: such means vary by rounding at most (regression)."""
    group, compositions = ("Ti", "Zr", "Hf"), np.random.default_rng(1).dirichlet(np.ones(3), 12)
    values = FeatureMap(group, all_features(("mean",)))(compositions)
    spread = (values.amax(0) - values.amin(0)) / values.abs().amax(0)
    noise = {f for f, s in zip(all_features(("mean",)), spread.tolist(), strict=True) if s < 1e-12}
    by_rounding = (spread > 0) & (spread < 1e-12)
    assert ("mean", "VEC") in noise and by_rounding.any()
    varying = set(all_features(("mean",))) - noise

    def choose(n_features):
        rng = np.random.default_rng(0)
        return random_search(group, compositions, compositions[:, 0], rng=rng, n_features=n_features, draws=1)

    assert set(choose(len(varying))) == varying
    with pytest.raises(ValueError, match=f"{len(varying)} of 30 features vary.*; {len(varying) + 1} asked for"):
        choose(len(varying) + 1)


def test_errors():
    compositions, targets = problem()
    with pytest.raises(ValueError, match="0 of 30 features vary"):
        search(np.repeat(compositions[:1], 5, axis=0), targets[:5])
    with pytest.raises(ValueError, match="target nan"):
        search(compositions, np.where(targets == targets[3], np.nan, targets))
    with pytest.raises((ValueError, KeyError), match="median"):
        search(compositions, targets, formulas=("median",))
