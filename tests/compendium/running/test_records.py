"""What is packed is what was computed; what is tampered with is found."""

import re
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from test_studies import TOY, assert_same, changed

from alloygrad.campaigns import campaign
from compendium import store
from compendium.feature_gradient import cells
from compendium.running import landscapes, records, studies


@pytest.fixture
def working(monkeypatch, tmp_path):
    """A working store with two seeds of one cell, results in an empty folder, records being read."""
    monkeypatch.delenv("ALLOYGRAD_STORE", raising=False)
    monkeypatch.delenv("ALLOYGRAD_CLUSTER", raising=False)
    monkeypatch.setattr(store, "DATA", tmp_path)
    monkeypatch.setattr(store, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(studies, "CELLS", {"toy": TOY})
    cells._fixed.cache_clear()
    studies.trajectories(TOY, 2, workers=1)
    return tmp_path


def remove_working_files(folder):
    for path in folder.glob("runs/**/*.*"):
        path.unlink()


def packed(folder) -> pd.DataFrame:
    return pd.read_parquet(folder / "results" / "toy.parquet")


def test_a_reader_without_working_files_gets_the_same(working):
    rows, best = studies.trajectories(TOY, 2, workers=1), landscapes.optimum(TOY)
    summary = records.record()
    assert summary[["cell", "trajectories", "new"]].to_numpy().tolist() == [["toy", 2, 2]]
    remove_working_files(working)
    measured = len((working / "measured").read_text())
    pd.testing.assert_frame_equal(studies.trajectories(TOY, 2, workers=1), rows, check_exact=True)
    again = landscapes.optimum(TOY)
    assert (again.counts.tolist(), again.merit, again.compared) == (best.counts.tolist(), best.merit, best.compared)
    assert len((working / "measured").read_text()) == measured + 1  # a recorded optimum is measured again, no more
    assert packed(working).groupby("trajectory")["code"].nunique().tolist() == [1, 1]


def test_another_store_does_not_read_records(working, monkeypatch):
    records.record()
    monkeypatch.setenv("ALLOYGRAD_STORE", str(working / "elsewhere"))
    assert studies.trajectories(TOY, 2, compute=False).empty


def test_a_record_is_continued_and_packed_again(working):
    before = studies.trajectories(TOY, 2, workers=1)
    records.record()
    remove_working_files(working)
    longer = studies.trajectories(TOY, 2, experiments=4, workers=1)
    assert (working / "measured").read_text().count(".") == 2 * 9 + 2
    assert_same(longer[longer["experiment"] < 3].reset_index(drop=True), before)
    assert records.record()["new"].tolist() == [0]
    assert packed(working)["experiment"].max() == 3
    remove_working_files(working)
    assert_same(studies.trajectories(TOY, 2, experiments=4, compute=False), longer)
    assert len(studies.trajectories(TOY, 2, compute=False)) == 2 * 9


def test_another_arm_takes_the_recorded_features(working, monkeypatch):
    """Regression: the arms of a seed differed where each had run on another processor, which decides between equals."""
    chosen = first_features(studies.trajectories(TOY, 2, workers=1))
    records.record()
    tamper(working, set_proposed("features", other_features))
    arm = replace(changed(maximiser="random_search"), name="arm")
    fewer = replace(changed(n_features=1), name="fewer")  # chooses otherwise: nothing is taken
    monkeypatch.setattr(studies, "CELLS", {"toy": TOY, "arm": arm, "fewer": fewer})
    remove_working_files(working)
    taken, recorded = first_features(studies.trajectories(arm, 3, workers=1)), first_features(packed(working))
    assert set(taken) == {0, 1, 2} and all(taken[seed] == recorded[seed] != chosen[seed] for seed in (0, 1))
    assert len(first_features(studies.trajectories(fewer, 1, workers=1))[0].split()) == 1


def first_features(table) -> dict:
    return table.dropna(subset="features").groupby("seed")["features"].first().to_dict()


def test_recording_again_changes_nothing_and_adds_what_is_new(working):
    records.record()

    def written():  # all that a writer changes; a reader changes the time of access
        stat = (working / "results" / "toy.parquet").stat()
        return stat.st_ino, stat.st_size, stat.st_mode, stat.st_mtime_ns, stat.st_ctime_ns

    kept = written()
    assert records.record()["new"].tolist() == [0]
    assert written() == kept
    remove_working_files(working)
    studies.trajectories(TOY, 3, workers=1)
    assert records.record()[["trajectories", "new"]].to_numpy().tolist() == [[3, 1]]
    assert packed(working)["seed"].tolist() == sorted([0, 1, 2] * 9)


def test_unfinished_trajectories_are_not_recorded(working):
    remove_working_files(working)
    studies.trajectories(TOY, 1, experiments=2, workers=1)
    assert records.record().empty and not (working / "results" / "toy.parquet").exists()


def test_trajectories_of_earlier_behaviour_go(working, monkeypatch):
    """Regression: stale names stayed beside the new ones. Where nothing is left, nor is the file."""
    records.record()
    monkeypatch.setattr(campaign, "BEHAVIOUR", campaign.BEHAVIOUR + 1)
    stale = set(packed(working)["trajectory"])
    studies.trajectories(TOY, 1, workers=1)
    summary = records.record()
    assert summary[["trajectories", "new"]].to_numpy().tolist() == [[1, 1]]
    assert set(packed(working)["trajectory"]) == {TOY.trajectory_name(0)} and TOY.trajectory_name(0) not in stale
    monkeypatch.setattr(campaign, "BEHAVIOUR", campaign.BEHAVIOUR + 2)
    assert records.record().empty and not (working / "results" / "toy.parquet").exists()


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


@pytest.mark.parametrize("name", [name for name, cell in studies.CELLS.items() if cell.planned])
def test_what_is_planned_is_recorded(name):
    """So that reading a notebook again computes nothing."""
    packed = pd.read_parquet(store.RESULTS / f"{name}.parquet", columns=["seed"])
    assert set(range(studies.CELLS[name].planned)) <= set(packed["seed"])


def test_recorded_versions_are_the_installed_ones_or_the_difference_is_told():
    """Of the repository's own records. An upgrade that `make audit` finds harmless is no failure, but not silent."""
    recorded = records.recorded_versions()
    assert set(recorded["code"]) == records.recorded_codes(), "a code version without a row: run `make record`"
    assert not recorded.isna().any(axis=None)
    equal = (recorded[list(records.installed_versions())] == records.installed_versions()).all(axis=None)
    assert equal == (records.other_versions() == "")
    if not equal:
        warnings.warn(f"{records.other_versions()} `make audit` says whether they still come out.", stacklevel=1)


# Audit


def tamper(folder, edit):
    table = packed(folder)
    edit(table)
    table.to_parquet(folder / "results" / "toy.parquet", index=False)


@pytest.mark.filterwarnings("error::UserWarning")  # regression: torch warned of the read-only columns of pandas
def test_audit_of_what_holds(working, capsys):
    records.record()
    table = records.audit(states=8)
    assert len(table) == 8 and table["same_composition"].all() and set(table["cell"]) == {"toy"}
    assert table[["experiment", "seed"]].drop_duplicates().shape[0] > 3
    assert table[["same_start", "same_features"]].all(axis=None)
    assert (table[["log_posterior", "merit", "value"]] == 0).all(axis=None) and (table["log_ei"].abs() < 1e-9).all()
    pd.testing.assert_frame_equal(records.audit(states=8), table)
    records.report_audit(states=3)
    assert "3 recorded experiments repeated: 100% identical suggestions." in capsys.readouterr().out


def test_audit_of_records_longer_than_the_cell(working):
    """Each state is repeatable, also those beyond the cell's own number of experiments."""
    studies.trajectories(TOY, 1, experiments=8, workers=1)
    remove = TOY.trajectory_name(1)
    (studies.folder(TOY) / f"{remove}.parquet").unlink()
    records.record()
    table = records.audit(states=8)
    assert table["experiment"].max() >= TOY.settings.n_experiments and table["same_composition"].all()


def test_audit_of_nothing(working, capsys):
    records.report_audit()
    assert "nothing is recorded" in capsys.readouterr().out


def proposed(table):
    return table["experiment"] >= 0


def set_proposed(column, change):
    def edit(table):
        table.loc[proposed(table), column] = change(table.loc[proposed(table), column])

    return edit


def swap_compositions(table):
    """The recorded compositions of the proposed experiments become others of the space."""
    rows = proposed(table)
    table.loc[rows, ["Ti", "Ni", "Cu"]] = np.array([8, 8, 4])


def swap_initial_counts(table):
    """Ti and Ni change places in the initial data: still compositions of the space."""
    table.loc[~proposed(table), ["Ti", "Ni"]] = table.loc[~proposed(table), ["Ni", "Ti"]].to_numpy()


def other_features(text):
    """The first one gives way to one that is not among them."""
    names = text.iloc[0].split()
    other = next(name for name in ("mean:R", "mean:MT", "mean:AN", "mean:XP") if name not in names)
    return " ".join([other, *names[1:]])


@pytest.mark.parametrize(
    "edit",
    [
        set_proposed("merit", lambda m: m + 1e-4),
        set_proposed("merit", lambda m: m * np.nan),
        set_proposed("log_posterior", lambda p: p + 0.01),
        set_proposed("log_ei", lambda p: p + 0.01),
        set_proposed("log_ei", lambda p: p - 0.01),
        set_proposed("value", lambda p: p + 0.01),
        set_proposed("outputscale", lambda p: p * 1.01),
        swap_compositions,
        lambda table: table.__setitem__("merit", table["merit"].where(proposed(table), table["merit"] * 1.1)),
        swap_initial_counts,
        set_proposed("features", other_features),
    ],
    ids=[
        "merit", "merit NaN", "posterior", "log EI up", "log EI down", "value", "hyperparameters", "composition",
        "initial merits", "initial counts", "features",
    ],
)  # fmt: skip
def test_audit_finds_what_was_changed(working, monkeypatch, edit):
    """Regression: bounds on merit, log posterior and log EI each, not on the suggestion alone."""
    records.record()
    tamper(working, edit)
    monkeypatch.setattr(np.random, "default_rng", first_experiment(np.random.default_rng))
    with pytest.raises(SystemExit, match="Audit failed"):
        records.report_audit(states=2)


@pytest.mark.parametrize(
    "column, edit",
    [("same_start", swap_initial_counts), ("same_features", set_proposed("features", other_features))],
)
def test_start_and_features_are_recomputed_and_judged(working, monkeypatch, column, edit):
    """Regression: both were taken from the record. Each alone fails the audit, whatever else still agrees."""
    records.record()
    sound = records.audit(states=2)
    tamper(working, edit)
    found = records.audit(states=6)
    assert not found[column].any()
    other = {"same_start", "same_features"} - {column}
    assert found[[*other]].all(axis=None)
    monkeypatch.setattr(records, "audit", lambda states: sound.assign(**{column: [True, False]}))
    with pytest.raises(SystemExit, match="Audit failed for 1 of them"):
        records.report_audit()


@pytest.mark.parametrize(
    "chosen, recorded, alike",
    [
        ("AN XP R", "R VEC XP", True),  # both by one from V to Fe, whatever the order
        ("AN VEC R", "AN R XP", False),
        ("AN VEC R", "AN R R", False),  # each has its like, but not one each
        ("AN R", "AN R XP", False),
        ("AN R", "AN XP", False),
    ],
)
def test_features_are_alike_that_are_one_up_to_scale(chosen, recorded, alike):
    """Regression: among such features another processor chooses another, and the audit failed."""
    cell = studies.CELLS["hea_n4_ascent"]  # V Cr Mn Fe
    counts = cell.space().sample(40, np.random.default_rng(0))
    named = [[f"mean:{symbol}" for symbol in symbols.split()] for symbols in (chosen, recorded)]
    assert records._alike(cell, *named, counts) == alike


def first_experiment(real):
    """Generators of plain seeds (the audit's) draw experiment 0, so that no tampered row is in its past."""

    class First:
        def permutation(self, values):
            return values

        def choice(self, values):
            return values[0]

        def integers(self, high):
            return 0

    return lambda seed: First() if isinstance(seed, int) else real(seed)


def test_another_suggestion_of_the_published_loop_is_no_failure(working, monkeypatch):
    """Gradient searches may end elsewhere on another processor: its value is shown, not judged."""
    cell = changed(maximiser="slsqp", options={"starts_per_element": 1})
    monkeypatch.setattr(studies, "CELLS", {"toy": cell})
    remove_working_files(working)
    studies.trajectories(cell, 1, workers=1)
    records.record()
    tamper(working, set_proposed("value", lambda p: p + 5))
    monkeypatch.setattr(np.random, "default_rng", first_experiment(np.random.default_rng))
    records.report_audit(states=1)
