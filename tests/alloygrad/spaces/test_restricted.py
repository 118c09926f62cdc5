"""Few elements, least amounts, linear limits and a farthest distance: counted, drawn and searched exactly."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch

import alloygrad as ag
from alloygrad.protocols import Space
from alloygrad.spaces import CompositionSpace, Restricted

BOUNDS = {name: (0, 60) for name in ("Co", "Cr", "Fe", "Ni", "Al")}
INNER = CompositionSpace(BOUNDS, step=10, groups=[(["Co", "Ni"], 10, 80)])
PRICE = {"Co": 30.0, "Ni": 14.0, "Cr": 9.0, "Fe": 1.0, "Al": 2.0}
SEEN = np.array([[0.2, 0.2, 0.2, 0.2, 0.2]])
KINDS = {
    "few": dict(max_elements=3),
    "least": dict(least=20),
    "least of one": dict(least={"Al": 30}, max_elements=4),
    "price": dict(limits=[(PRICE, None, 9.0)]),
    "both sides": dict(limits=[({"Co": 1, "Ni": -1}, 0, 0.2)], max_elements=4),
    "near": dict(near=(SEEN, 30)),
}


def by_hand(max_elements=5, least=0, limits=(), near=None):
    """All compositions that keep the limits, one by one from their meaning."""
    amounts = least if isinstance(least, dict) else dict.fromkeys(INNER.elements, least)
    found = []
    for counts in product(range(7), repeat=5):
        share = dict(zip(INNER.elements, (10 * n for n in counts), strict=True))
        sums = [sum(weights.get(e, 0) * share[e] / 100 for e in share) for weights, *_ in limits]
        ok = sum(counts) == 10 and 10 <= share["Co"] + share["Ni"] <= 80
        ok &= sum(n > 0 for n in counts) <= max_elements
        ok &= all(not x or x >= amounts.get(e, 0) for e, x in share.items())
        for total, (_, low, high) in zip(sums, limits, strict=True):
            ok &= (low is None or low - 1e-9 <= total) and (high is None or total <= high + 1e-9)
        if near is not None:
            ok &= 50 * np.abs(np.array(counts) / 10 - near[0][0]).sum() <= near[1] + 1e-9
        if ok:
            found.append(counts)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_space_is_counted_and_drawn_from_as_by_hand(kind):
    space, every = Restricted(INNER, **KINDS[kind]), by_hand(**KINDS[kind])
    assert isinstance(space, Space) and space.size == len(every) > 5
    grid = np.array([c for c in product(range(7), repeat=5) if sum(c) == 10])
    assert sorted(map(tuple, grid[space.contains(grid)].tolist())) == sorted(every)
    drawn = space.sample(40 * len(every), np.random.default_rng(0))
    counts = pd.Series(list(map(tuple, drawn.tolist()))).value_counts()
    assert set(counts.index) == set(every)  # each is drawn, about as often: a chi-square of n − 1 degrees
    assert ((counts - 40) ** 2 / 40).sum() < len(every) + 5 * np.sqrt(2 * len(every))
    near = space.nearest(np.random.default_rng(1).dirichlet(np.ones(5), size=8))
    assert space.contains(near).all() and (space.nearest(drawn[:9] / 10) == drawn[:9]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_search_finds_the_best_of_all(kind):
    space, every = Restricted(INNER, **KINDS[kind]), np.array(by_hand(**KINDS[kind]))
    for seed in range(3):
        w = np.random.default_rng(seed).normal(size=(2, 5))

        def worth(c, w=w):
            return c @ torch.from_numpy(w[0]) + 3 * torch.sin(8 * (c @ torch.from_numpy(w[1])))

        values = worth(torch.from_numpy(every / 10)).numpy()
        order = np.argsort(-values)
        found = ag.maximise(worth, space, rng=np.random.default_rng(0))
        assert found.value == pytest.approx(values.max()) and found.method == "exchange"
        second = ag.maximise(worth, space, rng=np.random.default_rng(0), exclude=every[order[:1]])
        assert second.value == pytest.approx(values[order[1]])


def test_a_campaign_suggests_within_the_limits_though_others_were_measured():
    space = Restricted(INNER, max_elements=3, least=20)
    c = INNER.sample(12, np.random.default_rng(0))
    rows = INNER.table(c).assign(HV=100 + 20.0 * c[:, 4] + 5.0 * c[:, 1])
    campaign = ag.Campaign(space, "HV", inputs="fractions")
    campaign.tell(rows)
    found = campaign.suggest(3)
    points = np.rint(10 * space.read(found)).astype(int)
    assert space.contains(points).all() and len(np.unique(points, axis=0)) == 3


def test_a_price_is_shown():
    space = Restricted(INNER, limits=[(PRICE, None, 9.0)])
    table = space.table(np.array([[1, 1, 6, 1, 1]]))
    assert table["limit 1"].item() == pytest.approx(0.1 * (30 + 9 + 14 + 2) + 0.6)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (dict(max_elements=0), "Expected max_elements as a whole number"),
        (dict(max_elements=1), "No feasible composition with at most 1 elements"),
        (dict(least=120), "Expected least amounts from 0 to 100 at.%"),
        (dict(least={"Zr": 5}), "of elements among"),
        (dict(limits=[({"Zr": 1}, 0, 1)]), "Expected limits as"),
        (dict(limits=[({"Co": 1}, 2, 1)]), "Expected numbers with least ≤ most"),
        (dict(limits=[(PRICE, 40, None)]), "found: 30 × Co .* is 2.9 … 21.6 .* should be 40 at least. Relax"),
    ],
)
def test_limits_that_cannot_be_kept_are_refused(options, what):
    with pytest.raises(ValueError, match=what):
        Restricted(INNER, **options)
