"""What is packed is what was computed, and only what the present code would name so."""

import re
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from toys import (
    COMPACT,
    FULL,
    TOY,
    assert_recorded,
    assert_same,
    changed,
    declare,
    edit,
    first_features,
    measured,
    other_features,
    packed,
    record_in_full,
    remove_working_files,
    tamper,
)

from compendium import store
from compendium.running import compact, description, landscapes, records, studies
from compendium.running.cells import declared


def test_a_reader_without_working_files_gets_the_same(working, monkeypatch):
    rows, best = studies.trajectories(TOY, 2, workers=1), landscapes.optimum(TOY)
    summary = records.record()
    assert summary[["cell", "trajectories", "new"]].to_numpy().tolist() == [["toy", 2, 2]]
    remove_working_files(working)
    before = measured(working)
    assert_recorded(studies.trajectories(TOY, 2, workers=1), rows)
    before += 1  # all rows at once
    again = landscapes.optimum(TOY)
    assert (again.counts.tolist(), again.merit, again.compared) == (best.counts.tolist(), best.merit, best.compared)
    assert measured(working) == before + 1  # a recorded optimum is measured again, no more
    assert packed(working).groupby("trajectory")["code"].nunique().tolist() == [1, 1]
    monkeypatch.setenv("ALLOYGRAD_STORE", str(working / "elsewhere"))  # for another store records are not read
    assert studies.trajectories(TOY, 2, compute=False).empty


def test_a_record_is_continued_and_packed_again(working):
    before = studies.trajectories(TOY, 2, workers=1)
    records.record()
    remove_working_files(working)
    longer = studies.trajectories(TOY, 2, experiments=4, workers=1)
    assert measured(working) >= 2 * 9 + 2 * 10  # from the beginning: a compact record has too few digits to go on
    assert_same(longer[longer["experiment"] < 3].reset_index(drop=True), before)
    assert records.record()["new"].tolist() == [0]
    assert packed(working)["experiment"].max() == 3
    remove_working_files(working)
    assert_recorded(studies.trajectories(TOY, 2, experiments=4, compute=False), longer)
    assert len(studies.trajectories(TOY, 2, compute=False)) == 2 * 9


def test_earlier_records_are_read_and_left_as_they_are(working):
    """What is new goes into a compact file next to them; one that is longer takes the place of the earlier one."""
    record_in_full(working)
    kept = (working / FULL).read_bytes()
    remove_working_files(working)
    both = studies.trajectories(TOY, 3, workers=1)
    assert records.record()[["trajectories", "new"]].to_numpy().tolist() == [[3, 1]]
    assert (working / FULL).read_bytes() == kept and packed(working)["seed"].unique().tolist() == [2]
    remove_working_files(working)
    again = studies.trajectories(TOY, 3, compute=False)
    assert_same(again[again["seed"] < 2], both[both["seed"] < 2])
    studies.trajectories(TOY, 1, experiments=4, workers=1)
    records.record()
    remove_working_files(working)
    assert studies.trajectories(TOY, 1, experiments=4, compute=False)["experiment"].max() == 3
    assert (working / FULL).read_bytes() == kept


@pytest.mark.parametrize("name", ["sma_n4_slsqp_pi", "hea_n10_ascent", "sma_n10_slsqp_ei", "ti_n4_random"])
def test_a_compact_record_takes_no_more_than_two_and_a_half_kB_a_trajectory(name, tmp_path):
    """Real trajectories, 24 of a cell where there are as many; the fixed part of a file is shared by them."""
    cell = declared()[name]
    rows = pd.read_parquet(store.RESULTS / f"{name}.parquet")
    rows = rows[rows["seed"] < 24]
    table = compact.pack(cell, rows)
    size = store.write_parquet(tmp_path / "table.parquet", table, small=True).stat().st_size
    assert size <= 2500 * max(rows["seed"].nunique(), 24)
    read = compact.unpack(cell, store.read_parquet(tmp_path / "table.parquet"))
    assert_recorded(read, rows.reset_index(drop=True))


def test_another_arm_takes_the_recorded_features(working, monkeypatch):
    """Regression: the arms of a seed differed where each had run on another processor, which decides between equals."""
    chosen = first_features(studies.trajectories(TOY, 2, workers=1))
    records.record()
    tamper(working, edit("features", other_features))
    arm = replace(changed(maximiser="random_search"), name="arm")
    fewer = replace(changed(n_features=1), name="fewer")  # chooses otherwise: nothing is taken
    declare(monkeypatch, TOY, arm, fewer)
    remove_working_files(working)
    taken, recorded = first_features(studies.trajectories(arm, 3, workers=1)), first_features(packed(working))
    assert set(taken) == {0, 1, 2} and all(taken[seed] == recorded[seed] != chosen[seed] for seed in (0, 1))
    assert len(first_features(studies.trajectories(fewer, 1, workers=1))[0].split()) == 1


def test_recording_again_changes_nothing_and_adds_what_is_new(working):
    records.record()

    def written():  # all that a writer changes; a reader changes the time of access
        stat = (working / COMPACT).stat()
        return stat.st_ino, stat.st_size, stat.st_mode, stat.st_mtime_ns, stat.st_ctime_ns

    kept = written()
    assert records.record()["new"].tolist() == [0]
    assert written() == kept
    remove_working_files(working)
    studies.trajectories(TOY, 3, workers=1)
    studies.trajectories(TOY, 4, experiments=2, workers=1)  # unfinished: not recorded
    assert records.record()[["trajectories", "new"]].to_numpy().tolist() == [[3, 1]]
    assert packed(working)["seed"].tolist() == sorted([0, 1, 2] * 3)


def test_trajectories_of_earlier_behaviour_go(working, monkeypatch):
    """Regression: stale names stayed next to the new ones. Where nothing is left, nor is the file."""
    records.record()
    monkeypatch.setattr(description, "BEHAVIOUR", description.BEHAVIOUR + 1)
    stale = set(packed(working)["trajectory"])
    studies.trajectories(TOY, 1, workers=1)
    summary = records.record()
    assert summary[["trajectories", "new"]].to_numpy().tolist() == [[1, 1]]
    assert set(packed(working)["trajectory"]) == {TOY.trajectory_name(0)} and TOY.trajectory_name(0) not in stale
    monkeypatch.setattr(description, "BEHAVIOUR", description.BEHAVIOUR + 2)
    assert records.record().empty and not (working / COMPACT).exists()


# Versions


def test_every_code_of_the_records_has_its_versions_and_keeps_them(working, monkeypatch):
    records.record()
    table = records.record_versions()
    codes = set(packed(working)["code"])
    assert set(table["code"]) == codes and table.iloc[0]["numpy"] == np.__version__
    monkeypatch.setattr(store, "code_version", lambda: "later")
    monkeypatch.setattr(records, "version", lambda name: "9.9")
    studies.trajectories(TOY, 3, workers=1)
    records.record()
    later = records.record_versions().set_index("code")
    assert set(later.index) == codes | {"later"} and later.loc["later", "torch"] == "9.9"
    pd.testing.assert_frame_equal(later.drop(index="later"), table.set_index("code"))
    pd.testing.assert_frame_equal(records.record_versions(), records.recorded_versions())
    assert re.search(rf"numpy {np.__version__} \(installed: 9.9\)", records.other_versions())
    assert "python" not in records.other_versions()
    (working / COMPACT).unlink()
    assert records.record_versions().empty


def test_recorded_versions_are_the_installed_ones_or_the_difference_is_told():
    """Of the repository's own records. An upgrade that `make audit` finds harmless is no failure, but not silent."""
    recorded = records.recorded_versions()
    assert set(recorded["code"]) == records.recorded_codes(), "a code version without a row: run `make record`"
    assert not recorded.isna().any(axis=None)
    equal = (recorded[list(records.installed_versions())] == records.installed_versions()).all(axis=None)
    assert equal == (records.other_versions() == "")
    if not equal:
        warnings.warn(f"{records.other_versions()} `make audit` says whether they still come out.", stacklevel=1)
