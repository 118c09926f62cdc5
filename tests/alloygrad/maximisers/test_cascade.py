"""The cascade finds what enumeration finds where its list is long enough, and lists once for a batch."""

from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from alloygrad import Campaign, CompositionSpace, Maximise, Pool, log_ei, maximise
from alloygrad.campaigns.inputs import choose_inputs
from alloygrad.features.feature_map import doubles
from alloygrad.maximisers.enumeration import LARGEST
from alloygrad.surrogates import SURROGATES, Ensemble

cascade = import_module("alloygrad.maximisers.cascade")  # the name alone is the function
RNG = np.random.default_rng(0)
SPACE = Pool(pd.DataFrame(RNG.random((3000, 3)), columns=list("abc")))
VALUES = -((SPACE.features - 0.6) ** 2).sum(1)
MEASURED = np.arange(30)[:, None]
SHORT = {"kept": 200, "drawn": 50, "chunk": 700}


@pytest.fixture(scope="module")
def model():
    return SURROGATES["ensemble"](choose_inputs(SPACE, None)).fit(SPACE.features[:30], VALUES[:30])


def test_the_best_of_the_list_is_the_best_of_all(model):
    acquire = log_ei(model, VALUES[:30].max())
    whole = maximise(acquire, SPACE, "enumeration", exclude=MEASURED)
    for options in ({}, SHORT):
        found = maximise(acquire, SPACE, "cascade", exclude=MEASURED, rng=np.random.default_rng(0), options=options)
        assert np.array_equal(found.point, whole.point) and found.value == pytest.approx(whole.value)


@pytest.mark.parametrize("surrogate", ["ensemble", Ensemble(doubles)], ids=["by name", "as an object"])
def test_a_batch_screens_once(surrogate, monkeypatch):
    calls = []
    plain = cascade.screened
    monkeypatch.setattr(cascade, "screened", lambda *given: calls.append(1) or plain(*given))
    campaign = Campaign(SPACE, Maximise("y"), surrogate=surrogate, options=SHORT)
    assert campaign.maximiser == "cascade"
    campaign.tell(MEASURED, VALUES[:30])
    rows = campaign.suggest(5)["candidate"]
    assert len(calls) == 1 and rows.is_unique and not rows.isin(range(30)).any()
    assert VALUES[rows].max() > VALUES[:30].max()


def test_other_surrogates_and_lists_that_are_all_measured_are_enumerated(model):
    gp = SURROGATES["gp"](choose_inputs(SPACE, None)).fit(SPACE.features[:30], VALUES[:30])
    acquire, rng = log_ei(gp, VALUES[:30].max()), np.random.default_rng(0)
    found = maximise(acquire, SPACE, "cascade", exclude=MEASURED, rng=rng)
    assert np.array_equal(found.point, maximise(acquire, SPACE, "enumeration", exclude=MEASURED).point)
    one = log_ei(model, VALUES[:30].max())
    tight = {"kept": 1, "drawn": 1}
    first = maximise(one, SPACE, "cascade", rng=rng, options=tight)
    taken = cascade.listed(model, SPACE, rng, cascade.CascadeOptions(**tight))
    second = maximise(one, SPACE, "cascade", exclude=taken, rng=rng, options=tight)
    assert len(taken) <= 2 and not np.array_equal(first.point, second.point)


def test_a_surrogate_is_searched_as_it_says_and_without_gradient_on_the_lattice():
    alloys = CompositionSpace({"Ti": (40, 60), "Ni": (40, 60), "Cu": (0, 20)}, step=1)
    found = {name: Campaign(alloys, "y", surrogate=name).maximiser for name in ("gp", "forest", "ensemble")}
    assert found == {"gp": "ascent", "forest": "lattice", "ensemble": "lattice"}
    assert Campaign(SPACE, "y", surrogate="forest").maximiser == "enumeration"


def test_more_points_than_are_enumerated_are_not_screened_either(model):
    elements = ("Ti", "Ni", "Cu", "Hf", "Zr", "Fe")
    alloys = CompositionSpace(dict.fromkeys(elements, (0, 100)), step=0.5)
    assert alloys.size > LARGEST
    for method in ("cascade", "enumeration"):
        with pytest.raises(ValueError, match="coarser step"):
            maximise(log_ei(model, 0.0), alloys, method, rng=np.random.default_rng(0))
