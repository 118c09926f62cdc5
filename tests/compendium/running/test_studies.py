"""The store of trajectories: nothing is computed twice, and nothing is lost to SIGKILL."""

import json
import os
import signal
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits
from toys import (
    SETTINGS,
    TOY,
    assert_same,
    changed,
    declare,
    elsewhere,
    lengths,
    measured,
    wait_for,
    working_file,
)

from alloygrad.campaigns.trajectory import trajectory
from compendium import ROOT, store
from compendium.running import studies
from compendium.threads import one_thread


def test_nothing_is_computed_twice_and_longer_runs_continue(fresh_store):
    first = studies.trajectories(TOY, 2, workers=1)
    assert measured(fresh_store) == 2 * 9 and len(first) == 2 * 9
    assert first.groupby("seed")["experiment"].apply(list).tolist() == [list(range(-6, 3))] * 2
    pd.testing.assert_frame_equal(studies.trajectories(TOY, 2, workers=1), first)
    assert studies.trajectories(TOY, 3, compute=False)["seed"].unique().tolist() == [0, 1]
    assert measured(fresh_store) == 2 * 9
    files = sorted(studies.folder(TOY).iterdir())

    longer = studies.trajectories(TOY, 2, experiments=5, workers=1)
    assert measured(fresh_store) == 2 * 11 and sorted(studies.folder(TOY).iterdir()) == files
    assert_same(longer[longer["experiment"] < 3].reset_index(drop=True), first)
    assert_same(studies.trajectories(TOY, 2, workers=1), first)


def test_stopped_after_every_experiment_it_is_the_undisturbed_run(fresh_store, monkeypatch):
    """Also after the initial data, when there is no experiment yet."""
    assert studies.trajectories(TOY, 1, compute=False).empty
    for n in range(SETTINGS.n_experiments + 1):
        rows = studies.trajectories(TOY, 1, experiments=n, workers=1)
        assert len(rows) == measured(fresh_store) == 6 + n
    monkeypatch.setenv("ALLOYGRAD_STORE", str(fresh_store / "undisturbed"))
    assert_same(rows, studies.trajectories(TOY, 1, workers=1))


def test_workers_give_the_same_tables(monkeypatch, fresh_store):
    """Also from workers that were started under another store (loky keeps them)."""
    alone = studies.trajectories(TOY, 2, workers=1)
    for name in ("two", "three"):
        monkeypatch.setenv("ALLOYGRAD_STORE", str(fresh_store / name))
        together = studies.trajectories(TOY, 2, workers=2)
        assert len(list((fresh_store / name / "trajectories" / "toy").glob("*.parquet"))) == 2
        assert_same(together, alone)


def test_killed_and_started_again_it_is_the_undisturbed_run(monkeypatch, fresh_store):
    """SIGKILL to the whole process group in the middle, debris left lying; then the rest."""
    cell = changed(n_experiments=6)
    code = "studies.trajectories(replace(TOY, settings=replace(SETTINGS, n_experiments=6), pause=0.2), 2, workers=1)"
    process = elsewhere(code, start_new_session=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_for(lambda: lengths(cell)[0] >= 8, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert 8 <= lengths(cell)[0] < 12, "killed too late to test anything"
    path = working_file(cell, 0)
    debris = path.parent / f".{path.name}.abc"
    debris.mkdir()
    (debris / path.name).write_bytes(b"PAR1 half a file")

    kept = path.read_bytes()
    assert studies.trajectories(cell, 1, compute=False).empty and path.read_bytes() == kept
    resumed = studies.trajectories(cell, 2, workers=1)
    monkeypatch.setenv("ALLOYGRAD_STORE", str(fresh_store / "undisturbed"))
    assert_same(resumed, studies.trajectories(cell, 2, workers=1))


def test_arms_of_one_seed_share_a_stored_selection(fresh_store, monkeypatch):
    cells = TOY, changed(maximiser="slsqp", acquisition="ei", options={"starts_per_element": 1}, n_experiments=1)
    chosen, real = [], studies.choose_features
    monkeypatch.setattr(studies, "choose_features", lambda *data: chosen.append(real(*data)) or chosen[-1])
    for seeds in (1, 2):
        for cell in cells:
            studies.trajectories(cell, seeds, workers=1)
    files = list((fresh_store / "store" / "selections").iterdir())
    assert len(chosen) == 2 == len(files)  # one for each seed
    for entry in (json.loads(path.read_text()) for path in files):
        for cell in cells:
            with one_thread():
                alone = list(trajectory(cell.settings, cell.space(), cell.environment(), entry["seed"]))
            rows = studies.trajectories(cell, 2, compute=False)
            stored = rows[(rows["seed"] == entry["seed"]) & (rows["experiment"] == 0)].iloc[0]
            assert stored["features"] == alone[-1]["features"] == " ".join(entry["features"])


def test_planned_trajectories_are_computed_in_waves(monkeypatch):
    declare(monkeypatch, TOY, replace(TOY, name="few", planned=1))
    asked = []
    monkeypatch.setattr(studies, "trajectories", lambda cell, n, cluster: asked.append((cell.name, n)))
    studies.run_planned(wave=2, upto=3)
    assert asked == [("toy", 2), ("few", 2), ("toy", 3), ("few", 3)]


def test_no_more_than_planned_are_computed_and_all_that_are_there_returned(fresh_store):
    rows = studies.trajectories(replace(TOY, planned=1), 5, experiments=0, workers=1)
    assert rows["seed"].unique().tolist() == [0] and measured(fresh_store) == 6
    studies.trajectories(replace(TOY, planned=3), 5, experiments=0, workers=1)
    rows = studies.trajectories(replace(TOY, planned=1), 5, experiments=0, workers=1)
    assert rows["seed"].unique().tolist() == [0, 1, 2] and measured(fresh_store) == 3 * 6


def test_listed_trajectories_are_computed_beyond_the_plan_entry_by_entry(monkeypatch):
    declare(monkeypatch, TOY, replace(TOY, name="few", planned=1))
    asked = []
    monkeypatch.setattr(studies, "trajectories", lambda cell, n, cluster: asked.append((cell.name, n, cell.planned)))
    studies.run_listed([("few", 3), ("*", 1)], wave=2)
    assert asked == [("few", 2, 3), ("few", 3, 3), ("toy", 1, 1), ("few", 1, 1)]
    with pytest.raises(ValueError, match="'tl_' fits none"):
        studies.run_listed([("tl_", 1)])


@pytest.mark.parametrize(
    "how, message",
    [({"pattern": "tl_*"}, r"the name of study cells, or a pattern, as 'sma_n3_ascent'; 'tl_\*' fits none"),
     ({"wave": 0}, "wave = 0")],
)  # fmt: skip
def test_a_plan_that_asks_for_nothing_is_refused(how, message):
    with pytest.raises(ValueError, match=message):
        studies.run_planned(**how)


def test_trajectories_run_on_one_thread_and_give_the_others_back(monkeypatch):
    """Regression: BLAS kept its threads, and sums split over threads round differently."""
    seen, usual = [], torch.get_num_threads()

    def threads():
        return torch.get_num_threads(), {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}

    def noted(*args, **kwargs):
        seen.append(threads())
        yield from trajectory(*args, **kwargs)

    monkeypatch.setattr(studies, "trajectory", noted)
    torch.set_num_threads(2)
    try:
        with threadpool_limits(2):  # also where the environment allows one only
            before = threads()
            studies.trajectories(TOY, 1, experiments=0, workers=1)
            assert threads() == before and 2 in before[1].values()
    finally:
        torch.set_num_threads(usual)
    assert [{first, *pools.values()} for first, pools in seen] == [{1}]


def test_costs_are_sums_over_trajectories():
    rows = pd.DataFrame(
        {"seed": [0, 0, 1, 1], "experiment": [-1, 0, -1, 0], "cpu_seconds": [np.nan, 2.0, np.nan, np.nan],
         "seconds": [np.nan, 9.0, np.nan, 4.0]}  # the oldest rows know the wall clock alone
    )  # fmt: skip
    table = studies.costs({"sma_n4_ascent": rows, "sma_n4_slsqp_ei_starts10": pd.DataFrame()}).set_index("cell")
    one, none = table.loc["sma_n4_ascent"], table.loc["sma_n4_slsqp_ei_starts10"]
    assert (one["trajectories"], one["cpu_seconds"], one["arm"], one["alloy"]) == (2, 3, "ascent", "SMA")
    assert one["hours_done"] == pytest.approx(6 / 7200) and one["hours_full"] == pytest.approx(96 * 3 / 7200)
    assert none["trajectories"] == 0 and np.isnan(none["cpu_seconds"]) and none["arm"] == "slsqp_ei_starts10"
    compact = rows.drop(columns="seconds")  # newer records hold CPU seconds alone
    assert studies.costs({"sma_n4_ascent": compact})["cpu_seconds"].item() == 1


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
