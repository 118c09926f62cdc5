"""The store of trajectories: nothing twice, nothing lost to SIGKILL, and names that change with what they name."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from alloygrad.campaigns import campaign
from alloygrad.campaigns.trajectory import SECONDS, Settings
from alloygrad.features import elements
from alloygrad.maximisers import maximise
from alloygrad.spaces.composition import CompositionSpace, Group
from compendium import ROOT, store
from compendium.environments import alloys, trained, training
from compendium.feature_gradient import cells
from compendium.feature_gradient.cells import Cell
from compendium.running import landscapes, studies
from compendium.running.threads import one_thread

ELEMENTS = ("Ti", "Ni", "Cu")


@dataclass(frozen=True)
class Toy(Cell):
    """A cell whose environment is a formula; it notes every measurement in a file, since workers are processes."""

    upper: float = 0.6
    element: str = "Cu"
    group: float = 0.9
    version: int = 1
    pause: float = 0.0

    def space(self):
        names = (*ELEMENTS[:2], self.element)
        return CompositionSpace(names, (0.1,) * 3, (self.upper,) * 3, self.step, (Group(names[:2], self.group),))

    def environment(self):
        def measure(c):
            time.sleep(self.pause)
            with open(store.working().parent / "measured", "a") as file:
                file.write(".")
            return {"a": np.sin(9 * c[..., 0]), "merit": np.sin(9 * c[..., 0]) + c[..., 1]}

        return measure

    def landscape(self):
        space = self.space()
        return {
            "elements": space.elements,
            "limits": [space.lower, space.upper, self.group],
            "step": space.step,
            "environment": f"toy {self.version}",
            "merit": self.merit or "plain",
        }


SETTINGS = Settings("enumeration", n_features=2, n_initial=6, n_experiments=3)
TOY = Toy("toy", "SMA", 3, 0.05, SETTINGS)


@pytest.fixture(autouse=True)
def fresh_store(monkeypatch, tmp_path):
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("ALLOYGRAD_CLUSTER", raising=False)
    cells._fixed.cache_clear()
    return tmp_path


def measured(tmp_path) -> int:
    file = tmp_path / "measured"
    return len(file.read_text()) if file.exists() else 0


def assert_same(one: pd.DataFrame, other: pd.DataFrame):
    drop = list(SECONDS)
    pd.testing.assert_frame_equal(one.drop(columns=drop), other.drop(columns=drop), check_exact=True)


def test_nothing_is_computed_twice_and_longer_runs_continue(fresh_store):
    first = studies.trajectories(TOY, 2, workers=1)
    assert measured(fresh_store) == 2 * 9 and len(first) == 2 * 9
    assert first.groupby("seed")["experiment"].apply(list).tolist() == [list(range(-6, 3))] * 2
    pd.testing.assert_frame_equal(studies.trajectories(TOY, 2, workers=1), first)
    assert len(studies.trajectories(TOY, 1, workers=1)) == 9
    assert measured(fresh_store) == 2 * 9
    files = sorted(studies.folder(TOY).iterdir())

    longer = studies.trajectories(TOY, 2, experiments=5, workers=1)
    assert measured(fresh_store) == 2 * 11 and sorted(studies.folder(TOY).iterdir()) == files
    assert_same(longer[longer["experiment"] < 3].reset_index(drop=True), first)
    pd.testing.assert_frame_equal(studies.trajectories(TOY, 2, workers=1), first.assign(**longer_seconds(longer)))
    assert studies.trajectories(TOY, 3, compute=False)["seed"].unique().tolist() == [0, 1]
    assert measured(fresh_store) == 2 * 11


def longer_seconds(longer) -> dict:
    return {column: longer.loc[longer["experiment"] < 3, column].to_numpy() for column in SECONDS}


def test_no_experiments_are_the_initial_data(fresh_store):
    assert studies.trajectories(TOY, 1, compute=False).empty
    initial = studies.trajectories(TOY, 2, experiments=0, workers=1)
    assert len(initial) == 12 and measured(fresh_store) == 12
    assert studies.trajectories(TOY, 2, experiments=0, workers=1).equals(initial) and measured(fresh_store) == 12
    one = studies.trajectories(TOY, 1, experiments=1, workers=1)
    assert measured(fresh_store) == 13 and one["merit"].tolist()[:6] == initial["merit"].tolist()[:6]


def test_workers_give_the_same_tables(monkeypatch, fresh_store):
    """Also from workers that were started under another store (loky keeps them)."""
    alone = studies.trajectories(TOY, 2, workers=1)
    for name in ("two", "three"):
        monkeypatch.setenv("ALLOYGRAD_STORE", str(fresh_store / name))
        together = studies.trajectories(TOY, 2, workers=2)
        assert len(list((fresh_store / name / "trajectories" / "toy").glob("*.parquet"))) == 2
        assert_same(together, alone)


KILLED = replace(TOY, settings=replace(SETTINGS, n_experiments=6))


def test_killed_and_started_again_it_is_the_undisturbed_run(monkeypatch, fresh_store):
    """SIGKILL to the whole process group in the middle, debris left lying; then the rest."""
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_studies import KILLED, replace, studies\n"
        "studies.trajectories(replace(KILLED, pause=0.2), 2, workers=1)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], start_new_session=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    path, deadline = studies._path(KILLED, 0), time.monotonic() + 120
    while not (path.exists() and pq.read_metadata(path).num_rows >= 8):
        assert process.poll() is None and time.monotonic() < deadline, "the run ended before it could be killed"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    begun = pq.read_metadata(path).num_rows
    assert 8 <= begun < 12, "killed too late to test anything"
    debris = path.parent / f".{path.name}.abc"
    debris.mkdir()
    (debris / path.name).write_bytes(b"PAR1 half a file")

    kept = path.read_bytes()
    assert studies.trajectories(KILLED, 1, compute=False).empty and path.read_bytes() == kept
    resumed = studies.trajectories(KILLED, 2, workers=1)
    monkeypatch.setenv("ALLOYGRAD_STORE", str(fresh_store / "undisturbed"))
    assert_same(resumed, studies.trajectories(KILLED, 2, workers=1))


def test_inner_loops_of_one_seed_share_initial_rows_and_features():
    other = replace(TOY, settings=replace(SETTINGS, maximiser="slsqp", options={"starts_per_element": 1}))
    one, two = (studies.trajectories(cell, 1, workers=1) for cell in (TOY, other))
    shared = ["experiment", *ELEMENTS, "a", "merit"]
    pd.testing.assert_frame_equal(one.loc[:5, shared], two.loc[:5, shared])
    assert one["features"].dropna().unique().tolist() == two["features"].dropna().unique().tolist()


# Names


def changed(**settings) -> Cell:
    return replace(TOY, settings=replace(SETTINGS, **settings))


DIFFERENT = [
    replace(TOY, step=0.1),
    replace(TOY, upper=0.7),
    replace(TOY, element="Hf"),
    replace(TOY, group=0.8),
    replace(TOY, version=2),
    replace(TOY, merit="another"),
    changed(maximiser="slsqp"),
    changed(acquisition="ei"),
    changed(formulas=("mean", "mismatch")),
    changed(n_features=3),
    changed(selection="random"),
    changed(n_initial=7),
    changed(options={"chunk": 5}),
    changed(surrogate="forest"),
]


def test_the_name_changes_with_all_that_makes_a_trajectory():
    names = [cell.trajectory_name(0) for cell in [TOY, *DIFFERENT]] + [TOY.trajectory_name(1)]
    assert len(set(names)) == len(names)
    varied = {
        field for cell in DIFFERENT for field, value in vars(cell.settings).items() if value != vars(SETTINGS)[field]
    }
    assert varied == set(vars(SETTINGS)) - {"n_experiments"}, "a new setting needs a case here"
    assert changed(n_experiments=99).trajectory_name(0) == TOY.trajectory_name(0)
    assert replace(TOY, name="renamed").trajectory_name(0) == TOY.trajectory_name(0)


def test_the_name_changes_with_behaviour_and_used_elements(monkeypatch):
    name = TOY.trajectory_name(0)
    monkeypatch.setattr(campaign, "BEHAVIOUR", campaign.BEHAVIOUR + 1)
    assert TOY.trajectory_name(0) != name
    monkeypatch.undo()

    table = elements.load()

    def with_value(element, factor):
        other = table.copy()
        other.loc[element, "VEC"] *= factor
        monkeypatch.setattr(elements, "load", lambda *a: other)
        cells._fixed.cache_clear()
        return TOY.trajectory_name(0)

    assert with_value("Ni", 1.0) == name
    assert with_value("Nb", 1.5) == name  # not in this space
    for element in ELEMENTS:
        assert with_value(element, 1.0 + 1e-15) != name


def test_the_name_of_a_real_cell(monkeypatch):
    cell = studies.CELLS["sma_n3_enumeration"]
    names = {cell.trajectory_name(0), replace(cell, merit="300 degC").trajectory_name(0)}
    assert len(names) == 1  # the default by its name
    varied = [replace(cell, merit="300 K"), replace(cell, step=0.005), studies.CELLS["sma_n3_slsqp_ei"]]
    names |= {other.trajectory_name(0) for other in varied}
    for attribute, value in (
        ("process", {**alloys.SMA.process, "cold_rolling": 10.0}),
        ("bounds", {**alloys.SMA.bounds, "Ti": (0.20, 0.54)}),
        ("groups", alloys.SMA.groups[:1]),
    ):
        monkeypatch.setitem(alloys.ALLOYS, "SMA", replace(alloys.SMA, **{attribute: value}))
        cells._fixed.cache_clear()
        names.add(cell.trajectory_name(0))
    monkeypatch.setitem(alloys.ALLOYS, "SMA", alloys.SMA)
    monkeypatch.setattr(trained, "digest", lambda alloy: "trained anew")  # while the process goes on
    names.add(cell.trajectory_name(0))
    assert len(names) == 1 + len(varied) + 4


def test_the_version_of_ascent_names_trajectories_of_many_elements_alone(monkeypatch):
    told = ("sma_n5_ascent", "sma_n6_slsqp_ei", "sma_n6_ascent", "sma_n10_ascent")
    before = [studies.CELLS[name].trajectory_name(0) for name in told]
    monkeypatch.setattr(cells, "ASCENT_VERSION", cells.ASCENT_VERSION + 1)
    after = [studies.CELLS[name].trajectory_name(0) for name in told]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False, False]


def test_declared_cells():
    plain = {name: cell for name, cell in studies.CELLS.items() if len(name.split("_")) == 3}
    for name, cell in studies.CELLS.items():
        alloy, n, *_ = name.split("_")
        assert (cell.name, cell.alloy.lower(), f"n{cell.n_elements}") == (name, alloy, n)
        assert len(cell.space().elements) == cell.n_elements and hash(replace(cell, settings=None))
        assert cell.step == 0.001 or name in plain or cell.trained
        if name in plain:  # the arms of one comparison share the landscape
            other = studies.CELLS[f"{alloy}_{n}_slsqp_ei"]
            bare = dict(settings=None, name="", planned=0)
            assert replace(other, **bare) == replace(cell, **bare)
    across = [cell for name, cell in studies.CELLS.items() if name.endswith("_ascent_fine")]
    assert {(cell.alloy, cell.n_elements) for cell in across} == set(cells.WORKING_STEP)
    sizes = {name: studies.CELLS[f"{name}_enumeration"].space().size for name in ("sma_n4", "ti_n4", "hea_n5")}
    assert sizes == {"sma_n4": 4080501, "ti_n4": 533026, "hea_n5": 2574295}  # the paper's grid and the working ones


def test_the_starts_of_the_ablations_are_those_asked_for():
    space = alloys.SMA.space(4, 0.01)
    for name, cell in studies.CELLS.items():
        if "_starts" in name:
            settings = cell.settings
            options = {**settings.options, **({"screen": 500} if settings.maximiser == "ascent" else {})}
            found = maximise(
                lambda c: -((c - 0.25) ** 2).sum(-1),
                space,
                settings.maximiser,
                rng=np.random.default_rng(0),
                **options,
            )
            assert found.starts == int(name.split("_starts")[1])


def test_planned_trajectories_are_computed_in_waves(monkeypatch, fresh_store):
    few = replace(TOY, name="few", planned=1)
    monkeypatch.setattr(studies, "CELLS", {"toy": TOY, "few": few})
    asked = []
    monkeypatch.setattr(studies, "trajectories", lambda cell, n, cluster: asked.append((cell.name, n)))
    studies.run_planned(wave=2, upto=3)
    assert asked == [("toy", 2), ("few", 2), ("toy", 3), ("few", 3)]
    monkeypatch.undo()


def test_a_pattern_that_fits_no_cell_is_refused():
    with pytest.raises(ValueError, match=r"no study cell fits 'tl_\*': names are .*, as sma_n3_ascent"):
        studies.run_planned("tl_*")
    with pytest.raises(ValueError, match="wave is 0"):
        studies.run_planned(wave=0)


def test_no_more_than_planned(fresh_store):
    rows = studies.trajectories(replace(TOY, planned=1), 5, workers=1)
    assert rows["seed"].unique().tolist() == [0] and measured(fresh_store) == 9


def test_cells_are_declared_up_to_the_elements_of_the_alloy(monkeypatch):
    def numbers():
        found = {}
        for cell in cells.declare():
            found.setdefault(cell.alloy, set()).add(cell.n_elements)
        return found

    orders = {name: alloy.order for name, alloy in alloys.ALLOYS.items()}
    assert numbers() == {name: set(range(3, min(10, len(order)) + 1)) for name, order in orders.items()}
    assert max(map(len, orders.values())) > 10 in numbers()["SMA"]
    short = replace(alloys.HEA, name="short", order=alloys.HEA.order[:6])
    monkeypatch.setitem(alloys.ALLOYS, "short", short)  # of which there is no second training
    assert numbers()["short"] == {3, 4, 5, 6} and numbers()["SMA"] == set(range(3, 11))


def test_cells_of_other_trainings_differ_from_their_twins_in_the_landscape_alone():
    others = {name: cell for name, cell in cells.CELLS.items() if cell.trained}
    assert {cell.trained for cell in others.values()} == set(training.OTHERS)
    for name, cell in others.items():
        ending = cell.trained.removeprefix(cell.alloy)
        assert name.endswith(ending) and training.OTHERS[cell.trained][0].name == cell.alloy
        twin = cells.CELLS[name.removesuffix(ending)]
        merit, trained = ("code", cell.trained) if ending == "_as_published" else (None, cell.trained)
        assert cell == replace(twin, name=name, merit=merit, trained=trained, planned=cell.planned)
        one, other = cell.landscape(), twin.landscape()
        assert {key for key in one if one[key] != other[key]} == {"environment"} | ({"merit"} if merit else set())
        assert cell.trajectory_name(0) != twin.trajectory_name(0)
        assert cell.environment().merit_name == one["merit"]


# Threads, optimum, store


def test_one_thread_and_back():
    """Regression: BLAS kept its threads, and sums split over threads round differently."""

    def threads():
        pools = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
        return torch.get_num_threads(), pools

    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threadpool_limits(2):  # also where the environment allows one only
            before = threads()
            with pytest.raises(RuntimeError), one_thread():
                inside = threads()
                raise RuntimeError
            assert inside[0] == 1 and set(inside[1].values()) == {1}
            assert threads() == before and 2 in before[1].values()
    finally:
        torch.set_num_threads(usual)


def test_trajectories_run_on_one_thread(monkeypatch):
    seen = []

    def noted(*args, **kwargs):
        seen.append({pool["num_threads"] for pool in threadpool_info()} | {torch.get_num_threads()})
        yield from campaign.trajectory(*args, **kwargs)

    monkeypatch.setattr(studies, "trajectory", noted)
    with threadpool_limits(2):
        studies.trajectories(TOY, 1, experiments=0, workers=1)
    assert seen == [{1}]


def test_optimum_is_computed_once(fresh_store, monkeypatch):
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


@pytest.mark.parametrize("merit", [lambda m: m + 1e-8, lambda m: m - 1e-8], ids=["up", "down"])
def test_a_tampered_optimum_is_computed_again(fresh_store, merit):
    best = landscapes.optimum(TOY)
    (path,) = (fresh_store / "store" / "optima").glob("*.json")
    kept = path.read_text()
    entry = json.loads(kept)
    store.write_json(path, {**entry, "merit": merit(entry["merit"])})
    again = landscapes.optimum(TOY)
    assert again.merit == best.merit and again.counts.tolist() == best.counts.tolist()
    assert measured(fresh_store) == 3 and path.read_text() == kept  # found out, enumerated, written anew
    store.write_json(path, {**entry, "counts": [8, 8, 4]})  # another composition under the optimum's merit
    assert landscapes.optimum(TOY).counts.tolist() == best.counts.tolist() and path.read_text() == kept


def test_a_tampered_record_of_an_optimum_is_computed_again(fresh_store, monkeypatch):
    monkeypatch.delenv("ALLOYGRAD_STORE")
    monkeypatch.setattr(store, "DATA", fresh_store)
    monkeypatch.setattr(store, "RESULTS", fresh_store / "results")
    best = landscapes.optimum(TOY)
    (path,) = (fresh_store / "runs" / "optima").glob("*.json")
    entry = json.loads(path.read_text())
    path.unlink()
    store.write_json(fresh_store / "results" / "optima" / path.name, {**entry, "merit": entry["merit"] + 0.1})
    assert landscapes.optimum(TOY).merit == best.merit and json.loads(path.read_text())["merit"] == best.merit


SMALL = Cell("small", "SMA", 4, 0.005, Settings())  # 35 301 compositions


def test_best_known_is_the_optimum_of_a_grid_that_can_be_enumerated(monkeypatch):
    best = landscapes.best_known(SMALL)
    assert best.exact and best.compared == SMALL.space().size
    monkeypatch.setattr(landscapes, "ENUMERABLE", 1000)
    again = landscapes.best_known(SMALL)  # kept
    assert again.exact and again.merit == best.merit


def test_long_ascents_find_the_optimum_of_an_enumerable_grid(monkeypatch, fresh_store):
    monkeypatch.setattr(landscapes, "ENUMERABLE", 1000)
    monkeypatch.setattr(landscapes, "SEARCH", {"screen": 4000, "starts_per_element": 20})
    monkeypatch.setattr(landscapes, "SEARCHES", 2)
    found = landscapes.best_known(SMALL)
    true = landscapes.true_optimum(SMALL.environment(), SMALL.space(), progress=False)
    assert found.counts.tolist() == true.counts.tolist() and found.merit == true.merit
    assert not found.exact and 2 * 4000 < found.compared < true.compared

    monkeypatch.setattr(landscapes, "maximise", None)  # kept, not searched again
    assert landscapes.best_known(SMALL).merit == found.merit
    assert not landscapes.best_known(SMALL).exact
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


def test_costs_are_sums_over_trajectories():
    rows = pd.DataFrame(
        {"seed": [0, 0, 1, 1], "experiment": [-1, 0, -1, 0], "cpu_seconds": [np.nan, 2.0, np.nan, 4.0],
         "seconds": [np.nan, 9, np.nan, 9]}
    )  # fmt: skip
    table = studies.costs({"sma_n4_ascent": rows, "sma_n4_slsqp_ei_starts10": pd.DataFrame()}).set_index("cell")
    one, none = table.loc["sma_n4_ascent"], table.loc["sma_n4_slsqp_ei_starts10"]
    assert (one["trajectories"], one["cpu_seconds"], one["arm"], one["alloy"]) == (2, 3, "ascent", "SMA")
    assert one["hours_done"] == pytest.approx(6 / 7200) and one["hours_full"] == pytest.approx(96 * 3 / 7200)
    assert none["trajectories"] == 0 and np.isnan(none["cpu_seconds"]) and none["arm"] == "slsqp_ei_starts10"
    walled = studies.costs({"sma_n4_ascent": rows.drop(columns="cpu_seconds")})  # older rows know the wall clock alone
    assert walled.loc[0, "cpu_seconds"] == 9


def test_the_environment_variable_names_the_store(monkeypatch, tmp_path):
    assert store.working() == tmp_path / "store"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALLOYGRAD_STORE", "some/store")
    assert store.working() == ROOT / "some" / "store"  # wherever a notebook or a shell stands
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ALLOYGRAD_STORE", "~/store")
    assert store.working() == tmp_path / "store"
    monkeypatch.delenv("ALLOYGRAD_STORE")
    assert store.working() == store.DATA / "runs"
