"""The optimum of a landscape: computed once, measured again whenever it is read, and never believed unseen."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from toys import TOY, changed, measured, read_records

from alloygrad.campaigns.trajectory import Settings
from compendium import store
from compendium.running import landscapes
from compendium.running.cells import Cell


def test_optimum_is_computed_once(fresh_store):
    space, environment = TOY.space(), TOY.environment()
    merits = {tuple(c): environment(space.fractions(c))["merit"] for c in next(space.enumerate())}
    (fresh_store / "measured").unlink()
    best = landscapes.optimum(TOY)
    assert tuple(best.counts) == max(merits, key=merits.get) and best.merit == max(merits.values())
    assert best.compared == space.size and measured(fresh_store) == 1  # one block
    again = landscapes.optimum(changed(maximiser="slsqp"))  # the landscape is what counts
    assert measured(fresh_store) == 2  # the optimum itself is measured again
    assert (again.counts.tolist(), again.merit, again.compared) == (best.counts.tolist(), best.merit, best.compared)
    landscapes.optimum(replace(TOY, step=0.1))
    assert measured(fresh_store) == 3


@pytest.mark.parametrize("recorded", [False, True], ids=["stored", "recorded"])
@pytest.mark.parametrize(
    "tamper",
    [lambda e: {"merit": e["merit"] + 1e-8}, lambda e: {"merit": e["merit"] - 1e-8}, lambda e: {"counts": [8, 8, 4]}],
    ids=["higher", "lower", "elsewhere"],
)
def test_a_tampered_optimum_is_computed_again(fresh_store, monkeypatch, tamper, recorded):
    if recorded:
        read_records(monkeypatch, fresh_store)
    best = landscapes.optimum(TOY)
    (path,) = (store.working() / "optima").glob("*.json")
    entry = json.loads(kept := path.read_text())
    path.unlink()
    store.write_json(store.RESULTS / "optima" / path.name if recorded else path, entry | tamper(entry))
    again = landscapes.optimum(TOY)
    assert again.merit == best.merit and again.counts.tolist() == best.counts.tolist()
    assert measured(fresh_store) == 3 and path.read_text() == kept  # found out, enumerated, written again


SMALL = Cell("small", "SMA", 4, 0.005, Settings())  # 35 301 compositions


def test_long_ascents_find_the_optimum_of_an_enumerable_grid(monkeypatch, fresh_store):
    monkeypatch.setattr(landscapes, "ENUMERABLE", 1000)
    monkeypatch.setattr(landscapes, "SEARCH", {"screen": 4000, "starts_per_element": 20})
    monkeypatch.setattr(landscapes, "SEARCHES", 2)
    found = landscapes.best_known(SMALL)
    true = landscapes.true_optimum(SMALL.environment(), SMALL.space(), progress=False)
    assert found.counts.tolist() == true.counts.tolist() and found.merit == true.merit
    assert not found.exact and 2 * 4000 < found.compared < true.compared

    monkeypatch.setattr(landscapes, "maximise", None)  # kept, not searched again
    assert landscapes.best_known(SMALL).merit == found.merit and not landscapes.best_known(SMALL).exact
    rows = pd.DataFrame([[100, 80, 10, 10, found.merit + 0.5]] * 2, columns=[*SMALL.space().elements, "merit"])
    better = landscapes.best_known(SMALL, [pd.DataFrame(), rows, rows.assign(merit=0.0)])
    assert better.counts.tolist() == [100, 80, 10, 10] and better.merit == found.merit + 0.5 and not better.exact
    (path,) = (fresh_store / "store" / "optima").glob("*.json")  # what is kept is what the searches found
    assert json.loads(path.read_text())["merit"] == found.merit
    with monkeypatch.context() as patch, pytest.raises(TypeError):  # other searches have another name
        patch.setattr(landscapes, "SEARCHES", 3)
        landscapes.best_known(SMALL)
    landscapes.optimum(SMALL)
    assert landscapes.best_known(SMALL, [rows]).exact  # the true optimum, once known, goes before anything


def test_best_known_is_the_optimum_of_a_grid_that_can_be_enumerated():
    best = landscapes.best_known(SMALL)
    assert best.exact and best.compared == SMALL.space().size
