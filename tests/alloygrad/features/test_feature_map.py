"""Formulas by two routes, their derivatives and kinks; the feature map as a whole."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch_twin import as_input_transform
from gpytorch.mlls import ExactMarginalLogLikelihood

from alloygrad.features import elements as elemental
from alloygrad.features.feature_map import FeatureMap, all_features, parse_feature
from alloygrad.features.formulas import FORMULAS, PRESENT

N = 5
ELEMENTS = ("Ti", "Ni", "Cu", "Hf", "Zr")


def by_definition(name: str, c: list[float], p: list[float]) -> float:
    """Plain Python over the elements present, one composition and one property."""
    pairs = [(ci, pi) for ci, pi in zip(c, p, strict=True) if ci > PRESENT]
    average = sum(ci * pi for ci, pi in pairs)
    c_high, high = max(pairs, key=lambda pair: pair[1])
    c_low, low = min(pairs, key=lambda pair: pair[1])
    return {
        "mean": average,
        "mismatch": math.sqrt(sum(ci * (1 - pi / average) ** 2 for ci, pi in pairs)),
        "max": high,
        "min": low,
        "range": high - low,
        "weighted_max": c_high * high / average,
        "weighted_min": c_low * low / average,
        "weighted_range": c_high * c_low * (high - low),
    }[name]


def compositions(n: int, seed: int = 0) -> torch.Tensor:
    """(n, N) on the 0.001 grid, with many absent elements."""
    rng = np.random.default_rng(seed)
    rows = [rng.multinomial(1000, rng.dirichlet(np.full(N, 0.4))) for _ in range(n)]
    return torch.cat([torch.tensor(np.array(rows) / 1000), torch.eye(N, dtype=torch.float64)])[-n:]


def properties(columns: int, seed: int = 1) -> torch.Tensor:
    return torch.tensor(np.random.default_rng(seed).uniform(1, 10, (N, columns)))


@pytest.mark.parametrize("name", FORMULAS)
def test_formula_equals_its_definition(name):
    c, p = compositions(200), properties(3)
    assert ((c > PRESENT).sum(-1) < N).any() and ((c > PRESENT).sum(-1) == 1).any()
    expected = [[by_definition(name, row, column) for column in p.T.tolist()] for row in c.tolist()]
    torch.testing.assert_close(FORMULAS[name](c, p), torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("name", FORMULAS)
def test_columns_are_properties_and_the_order_of_elements_does_not_matter(name):
    c, p = compositions(24).reshape(2, 3, 4, N), properties(3)
    table, order = FORMULAS[name](c, p), torch.tensor([3, 0, 4, 1, 2])
    assert table.shape == (2, 3, 4, 3)
    for j in range(3):
        torch.testing.assert_close(FORMULAS[name](c, p[:, [j]]), table[..., [j]])
    torch.testing.assert_close(FORMULAS[name](c[..., order], p[order]), table)


@pytest.mark.parametrize("name", FORMULAS)
def test_gradient_is_exact_inside_a_support(name):
    full = torch.tensor([[0.3, 0.25, 0.2, 0.15, 0.1], [0.1, 0.1, 0.5, 0.2, 0.1]], dtype=torch.float64)
    p = properties(3)
    assert torch.autograd.gradcheck(lambda c: FORMULAS[name](c, p), full.requires_grad_())
    support = [0, 2, 3]  # the others stay absent: the derivative in the fractions present is still exact

    def of_present(x):
        return FORMULAS[name](torch.zeros(2, N, dtype=torch.float64).index_copy(1, torch.tensor(support), x), p)

    x = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(of_present, x)


@pytest.mark.parametrize("name", FORMULAS)
def test_gradient_of_an_absent_element_keeps_the_support(name):
    """A finite difference too small to make the element present agrees with autograd."""
    p, step = properties(1), PRESENT / 4
    c = torch.tensor([0.5, 0.0, 0.3, 0.2, 0.0], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(FORMULAS[name](c, p), c)
    for slot in (1, 4):
        shift = step * torch.eye(N, dtype=torch.float64)[slot]
        difference = (FORMULAS[name](c + shift, p) - FORMULAS[name](c - shift, p)) / (2 * step)
        assert gradient[slot].item() == pytest.approx(difference.item(), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", FORMULAS)
def test_pure_elements_and_equal_properties_have_finite_gradients(name):
    for c, p in ((torch.eye(N), properties(2)), (compositions(20), torch.full((N, 2), 3.7))):
        c = c.to(torch.float64).requires_grad_()
        value = FORMULAS[name](c, p.to(torch.float64))
        (gradient,) = torch.autograd.grad(value.sum(), c)
        assert gradient.isfinite().all()
        if name == "mismatch":
            assert (value == 0).all() and (gradient == 0).all()


def test_first_element_wins_a_tie():
    p = torch.tensor([[2.0, 5.0, 5.0, 1.0, 1.0]], dtype=torch.float64).T
    c = torch.tensor([0.1, 0.2, 0.3, 0.15, 0.25], dtype=torch.float64)
    average = c @ p
    assert FORMULAS["weighted_max"](c, p) == 0.2 * 5 / average
    assert FORMULAS["weighted_min"](c, p) == 0.15 * 1 / average


def test_fractions_can_stand_among_the_features():
    c = compositions(20)
    chosen = FeatureMap(ELEMENTS, ["fraction:Cu", "mean:VEC", ("fraction", "Ti")])
    expected = torch.stack([c[:, 2], FeatureMap(ELEMENTS, ["mean:VEC"])(c)[:, 0], c[:, 0]], 1)
    torch.testing.assert_close(chosen(c), expected, rtol=0, atol=1e-15)
    assert chosen.names == ["fraction:Cu", "mean:VEC", "fraction:Ti"]
    assert all(name != "fraction" for name, _ in all_features())


def test_only_mean_and_mismatch_are_continuous_where_an_element_appears():
    p = torch.tensor([[3.0, 5.0, 4.0, 1.0, 9.0]], dtype=torch.float64).T
    bare = torch.tensor([0.5, 0.3, 0.2, 0.0, 0.0], dtype=torch.float64)
    trace = torch.tensor([0.5, 0.3, 0.2 - 4e-5, 2e-5, 2e-5], dtype=torch.float64)
    jumps = {name for name, f in FORMULAS.items() if abs(f(trace, p) - f(bare, p)) > 1e-2}
    assert jumps == set(FORMULAS) - {"mean", "mismatch"}


def test_map_keeps_the_order_of_selection():
    table = pd.DataFrame(properties(3).numpy(), index=ELEMENTS, columns=["a", "b", "d"])
    selected = ["max:b", ("mean", "a"), "max:a", "mismatch:d", "mean:b"]
    features = FeatureMap(ELEMENTS, selected, table)
    c = compositions(6).reshape(2, 3, N)
    expected = [FORMULAS[name](c, torch.tensor(table[[s]].to_numpy())) for name, s in map(parse_feature, selected)]
    torch.testing.assert_close(features(c), torch.cat(expected, -1))
    assert features.names == ["max:b", "mean:a", "max:a", "mismatch:d", "mean:b"]
    assert len(features.groups) == 3


def test_map_reads_own_table_by_element_name():
    selected = ["mean:VEC", "mean:MT", "range:XP"]
    c = compositions(7)
    reference = FeatureMap(ELEMENTS, selected)(c)
    np.testing.assert_allclose(reference[:, :2], c.numpy() @ elemental.matrix(ELEMENTS, ["VEC", "MT"]))
    order = [4, 2, 0, 1, 3]
    shuffled = FeatureMap([ELEMENTS[i] for i in order], selected)(c[:, order].numpy())
    assert shuffled.dtype == torch.float64
    torch.testing.assert_close(shuffled, reference)


def test_shapes_of_batches():
    features = FeatureMap(ELEMENTS, ["mean:VEC", "max:XP"])
    assert features(compositions(1)[0]).shape == (2,)
    assert features(compositions(6).reshape(1, 2, 3, N)).shape == (1, 2, 3, 2)
    assert features(torch.empty(0, N)).shape == (0, 2)


def test_candidates():
    assert len(all_features(["mean"])) == 30
    assert len(set(all_features())) == 240
    assert all_features(["max"], ["VEC"]) == [("max", "VEC")] == [parse_feature("max:VEC")]


def test_errors_name_what_was_expected_and_what_came():
    with pytest.raises(ValueError, match=r"Expected a feature 'formula:property'.*; got 'average:VEC'.*mean, mismatch"):
        parse_feature("average:VEC")
    with pytest.raises(ValueError, match=r"Expected a list of features; got the text 'mean:VEC'"):
        FeatureMap(ELEMENTS, "mean:VEC")
    with pytest.raises(ValueError, match="at least one feature; got none"):
        FeatureMap(ELEMENTS, [])
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 5\); got \(3, 4\).*Ti Ni Cu Hf Zr"):
        FeatureMap(ELEMENTS, ["mean:VEC"])(torch.ones(3, 4))
    with pytest.raises(ValueError, match=r"fractions of .*; got 'fraction:Pd'"):
        FeatureMap(ELEMENTS, ["fraction:Pd"])
    with pytest.raises(KeyError, match="got 'XYZ'"):
        FeatureMap(ELEMENTS, ["mean:XYZ"])


def test_botorch_fits_through_the_map():
    features = FeatureMap(ELEMENTS, ["mean:VEC", "mean:XP"])
    c = compositions(20)
    scaled = c.clone().requires_grad_()
    y = torch.sin(features(c)).sum(-1, keepdim=True)
    model = SingleTaskGP(c, y, torch.full_like(y, 1e-4), input_transform=as_input_transform(features))
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    mean = model.posterior(scaled).mean
    assert torch.autograd.grad(mean.sum(), scaled)[0].isfinite().all()
    assert (mean - y).abs().max() < 0.05
