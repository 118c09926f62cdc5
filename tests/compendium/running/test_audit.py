"""What is tampered with in a record is found when its experiments are repeated."""

import numpy as np
import pandas as pd
import pytest
from toys import (
    ELEMENTS,
    FULL,
    TOY,
    changed,
    declare,
    edit,
    other_features,
    record_in_full,
    remove_working_files,
    tamper,
    working_file,
)

from alloygrad.features.selection import genetic
from compendium.running import audit, records, studies
from compendium.running.cells import declared


@pytest.mark.filterwarnings("error::UserWarning")  # regression: torch warned of the read-only columns of pandas
def test_audit_of_what_holds(working, capsys):
    records.record()
    table = audit.audit(states=8)
    assert len(table) == 8 and table["same_composition"].all() and set(table["cell"]) == {"toy"}
    assert table["compact"].all()
    assert table[["experiment", "seed"]].drop_duplicates().shape[0] > 3
    assert table[["same_start", "same_features"]].all(axis=None)
    assert (table[["log_posterior", "value"]] == 0).all(axis=None) and (table["merit"].abs() < 1e-7).all()
    assert (table["log_ei"].abs() < table["log_ei_bound"] / 3).all()
    pd.testing.assert_frame_equal(audit.audit(states=2), table[:2])
    audit.report_audit(states=3)
    assert "3 recorded experiments repeated: 100% identical suggestions." in capsys.readouterr().out


def test_both_files_of_a_record_are_audited(working):
    """The earlier one, with all columns, to the last digit."""
    record_in_full(working)
    studies.trajectories(TOY, 3, workers=1)
    assert records.record()["trajectories"].tolist() == [3]
    table = audit.audit(states=6)
    assert sorted(table["compact"]) == [False] * 3 + [True] * 3 and table["same_composition"].all()
    full = table[~table["compact"]]
    assert (full[["log_posterior", "merit", "value"]] == 0).all(axis=None) and (full["log_ei"].abs() < 1e-9).all()
    assert (full["log_ei_bound"] == 1e-6).all() and set(table.loc[table["compact"], "seed"]) == {2}
    audit.report_audit(states=2)


def test_audit_of_records_longer_than_the_cell(working):
    """Each state is repeatable, also those beyond the cell's own number of experiments."""
    studies.trajectories(TOY, 1, experiments=8, workers=1)
    working_file(TOY, 1).unlink()
    records.record()
    table = audit.audit(states=4)
    assert table["experiment"].max() >= TOY.settings.n_experiments and table["same_composition"].all()


def test_audit_of_nothing(working, capsys):
    audit.report_audit()
    assert "nothing is recorded" in capsys.readouterr().out


EDITS = {
    "merit": edit("merit", lambda m: m + 1e-4),
    "merit NaN": edit("merit", lambda m: m * np.nan),
    "log posterior": edit("log_posterior", lambda p: p + 0.01),
    "log EI up": edit("log_ei", lambda p: p + 0.01),
    "log EI down": edit("log_ei", lambda p: p - 0.01),
    "value": edit("value", lambda p: p + 0.01),
    "hyperparameters": edit("outputscale", lambda p: p * 1.01),
    "composition": edit(list(ELEMENTS), lambda c: np.full(c.shape, [8, 8, 4], np.int16)),  # another one of the space
    "features": edit("features", other_features),
    "initial merits": edit("merit", lambda m: m * 1.1, proposed=False),
    "initial counts": edit(["Ti", "Ni"], lambda counts: counts[["Ni", "Ti"]].to_numpy(), proposed=False),
}


@pytest.mark.parametrize("what", EDITS)
def test_audit_finds_what_was_changed(working, monkeypatch, what):
    """Regression: bounds on merit, log posterior and log EI each, not on the suggestion alone."""
    record_in_full(working)
    tamper(working, EDITS[what], FULL)
    begin_with_the_first_experiment(monkeypatch)
    with pytest.raises(SystemExit, match="Audit failed"):
        audit.report_audit(states=2)


COMPACT_EDITS = {what: EDITS[what] for what in ("merit", "merit NaN", "log posterior", "composition", "features")} | {
    "log EI up": edit("log_ei", lambda p: p + 0.1),
    "log EI down": edit("log_ei", lambda p: p - 0.1),
    "hyperparameters": edit("outputscale", lambda p: p * 1.5),
}


@pytest.mark.parametrize("what", COMPACT_EDITS)
def test_audit_finds_what_was_changed_in_a_compact_record(working, monkeypatch, what):
    """As far as its digits allow."""
    records.record()
    tamper(working, COMPACT_EDITS[what])
    begin_with_the_first_experiment(monkeypatch)
    with pytest.raises(SystemExit, match="Audit failed"):
        audit.report_audit(states=2)


@pytest.mark.parametrize("loss, sound", [(audit.LOWER * 2, False), (audit.LOWER / 2, True)])
def test_a_search_that_hangs_on_the_last_digits_is_told_from_a_worse_one(working, monkeypatch, capsys, loss, sound):
    """One that ends lower at every change of the last digits has become worse; one that does so at some has not."""
    record_in_full(working)
    real, changes = audit.trajectory, []

    def searched(settings, space, environment, seed, *, done):
        recorded = {row["merit"] for row in done} <= merits
        changes.append(recorded)
        row = next(real(settings, space, environment, seed, done=done))
        yield row | {"value": row["value"] - (2 * audit.LOWER if recorded else loss)}

    merits = set(pd.read_parquet(working / FULL)["merit"])
    monkeypatch.setattr(audit, "trajectory", searched)
    table = audit.audit(states=1)
    assert changes == [True] + [False] * (1 if sound else audit.VARIANTS)
    assert table["last_digits"].tolist() == [1 if sound else 0]
    assert (table["value"] >= -audit.LOWER).tolist() == [sound]
    if sound:
        audit.report_audit(states=1)
        assert "1 of them came out once" in capsys.readouterr().out
    else:
        with pytest.raises(SystemExit, match="Audit failed for 1"):
            audit.report_audit(states=1)


@pytest.mark.parametrize(("column", "what"), [("same_start", "initial counts"), ("same_features", "features")])
def test_start_and_features_are_recomputed_and_judged(working, monkeypatch, column, what):
    """Regression: both were taken from the record. Each alone fails the audit, whatever else still agrees."""
    record_in_full(working)
    sound = audit.audit(states=2)
    tamper(working, EDITS[what], FULL)
    found = audit.audit(states=3)
    assert not found[column].any()
    assert found[[*{"same_start", "same_features"} - {column}]].all(axis=None)
    monkeypatch.setattr(audit, "audit", lambda states: sound.assign(**{column: [True, False]}))
    with pytest.raises(SystemExit, match="Audit failed for 1 of them"):
        audit.report_audit()


def test_a_set_of_features_scores_what_it_scored_in_its_search():
    cell, rng = declared()["hea_n4_ascent"], np.random.default_rng(0)
    counts, merits = cell.space().sample(40, rng), rng.normal(size=40)
    start = cell.space().elements, cell.space().fractions(counts), merits
    found = genetic(*start, rng=audit.generator(3, audit.SELECTION), population=20, generations=3)
    assert audit._score(cell, found.features, counts, pd.Series(merits), 3) == pytest.approx(found.score)
    assert audit._score(cell, found.features, counts, pd.Series(merits), 4) != pytest.approx(found.score)


@pytest.mark.parametrize(("otherwise", "score", "sound"), [(2, -0.004, True), (2, -0.006, False), (3, 0.001, False)])
def test_few_sets_of_features_may_come_out_otherwise_if_they_score_as_well(
    working, monkeypatch, capsys, otherwise, score, sound
):
    """Regression: the 13th digit of a merit decides between candidates that are equal up to scale."""
    record_in_full(working)
    one = audit.audit(states=1)
    table = pd.concat([one] * 40, ignore_index=True)
    table.loc[: otherwise - 1, ["same_features", "score"]] = [False, score]
    monkeypatch.setattr(audit, "audit", lambda states: table)
    if sound:
        audit.report_audit()
        assert f"In {otherwise} of them other features come out" in capsys.readouterr().out
    else:
        with pytest.raises(SystemExit, match=f"Audit failed for {otherwise} of them"):
            audit.report_audit()


@pytest.mark.parametrize(
    "chosen, recorded, alike",
    [
        ("AN XP R", "R VEC XP", True),  # both by one from V to Fe, whatever the order
        ("AN VEC R", "AN R XP", False),
        ("AN R", "AN R XP", False),
        ("AN R", "AN XP", False),
    ],
)
def test_features_are_alike_that_are_one_up_to_scale(chosen, recorded, alike):
    """Regression: among such features another processor chooses another, and the audit failed."""
    cell = declared()["hea_n4_ascent"]  # V Cr Mn Fe
    counts = cell.space().sample(40, np.random.default_rng(0))
    named = [[f"mean:{symbol}" for symbol in symbols.split()] for symbols in (chosen, recorded)]
    assert audit._alike(cell, *named, counts) == alike


def begin_with_the_first_experiment(monkeypatch):
    """The audit's generator (of a plain seed) draws experiment 0, so that no tampered row is in its past."""
    real = np.random.default_rng

    class First:
        def permutation(self, values):
            return values

        def choice(self, values):
            return values[0]

        def integers(self, high, size=None):
            return 0 if size is None else np.zeros(size, dtype=np.int64)

    monkeypatch.setattr(np.random, "default_rng", lambda seed: First() if isinstance(seed, int) else real(seed))


def test_another_suggestion_of_slsqp_is_no_failure(working, monkeypatch):
    """It may end elsewhere on another processor: its value is shown, not judged."""
    cell = changed(maximiser="slsqp", options={"starts_per_element": 1})
    declare(monkeypatch, cell)
    remove_working_files(working)
    studies.trajectories(cell, 1, workers=1)
    record_in_full(working, cell)
    tamper(working, edit("value", lambda p: p + 5), FULL)
    begin_with_the_first_experiment(monkeypatch)
    audit.report_audit(states=1)
