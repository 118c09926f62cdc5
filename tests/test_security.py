"""Nothing that is read can run: no pickle, no code in data; files are what they were sealed as; formulas stay text."""

import csv
import io
import json
import pickle
import shutil
import subprocess
import sys

import numpy as np
import openpyxl
import pandas as pd
import pytest
import torch

from alloygrad.campaigns.campaign import Campaign
from alloygrad.features import elements
from alloygrad.objectives import Maximise
from alloygrad.spaces.composition import CompositionSpace
from alloygrad.tables import reading
from alloygrad.tables.measurements import read_table
from alloygrad.tables.writing import write_new
from compendium import DATA, ROOT, store
from compendium.environments import alloys, trained, training
from compendium.feature_gradient import comparisons
from compendium.judging import claims
from compendium.running import audit, records

EXAMPLE = CompositionSpace({"Ti": (20, 55), "Ni": (20, 55), "Cu": (0, 20), "Hf": (0, 20)}, step=0.5)

UNSAFE = """import pickle
from dill import load
torch.load(f)
np.load(f, allow_pickle=True)
eval(s)
exec(s)
yaml.load(f)
pd.read_pickle(f)
subprocess.run(c, shell=True)
os.system(c)"""

SAFE = "network.eval()\nyaml.safe_load(f)\nre.compile(p)\nsubprocess.run(c, shell=False)\ntable.query(text)"


@pytest.mark.parametrize(("lines", "refused"), [(UNSAFE, True), (SAFE, False)], ids=["unsafe", "safe"])
def test_lint_refuses_to_unpickle_and_to_run_what_is_read(lines, refused):
    """`make lint` applies these rules to the library, the studies, the notebooks and all scripts."""
    imports = "import os, re, subprocess\nimport numpy as np\nimport pandas as pd\nimport torch\nimport yaml\n"
    options = ["--select=S,TID251", "--ignore=S404,S603,S607", "--output-format=json"]
    command = [sys.executable, "-m", "ruff", "check", *options, "--stdin-filename", "lib/alloygrad/x.py", "-"]
    done = subprocess.run(command, input=imports + lines, capture_output=True, text=True, cwd=ROOT)
    found = {problem["location"]["row"] - imports.count("\n") for problem in json.loads(done.stdout)}
    assert found == (set(range(1, 1 + len(lines.splitlines()))) if refused else set())


def read_everything() -> None:
    """Weights, cards, tables, trajectories, optima, scores, claims: all that notebooks load."""
    for function in (*vars(elements).values(), *vars(trained).values()):
        getattr(function, "cache_clear", int)()
    for alloy in alloys.ALLOYS.values():
        space = alloy.space(3)
        trained.load(alloy, space.elements)(space.fractions(space.sample(2, np.random.default_rng(0))))
        assert len(training.recorded(alloy).parity)
    for path in store.RESULTS.rglob("*.parquet"):
        assert len(store.read_parquet(path))
    for path in (store.RESULTS / "optima").glob("*.json"):
        assert store.read_json(path)["merit"]
    assert len(comparisons.stored(comparisons.COMPARISONS[0], comparisons.kinds(2, 2), recorded=True)) == 6
    table = DATA / "examples" / "sma_noisy.csv"
    assert len(read_table(table, EXAMPLE, unit="at.%").of(Maximise("enthalpy_J_per_g")).rows) > 20
    assert len(elements.load()) and len(claims.load()) and len(records.recorded_versions())


def test_everything_recorded_is_read_without_unpickling(monkeypatch):
    def forbidden(*arguments, **options):
        raise AssertionError("a load path unpickles")

    space = alloys.SMA.space(3)  # a network first: what torch imports late derives classes from Unpickler
    trained.load(alloys.SMA, space.elements)(space.fractions(space.sample(2, np.random.default_rng(0))))
    for name in ("load", "loads", "Unpickler", "_Unpickler"):
        monkeypatch.setattr(pickle, name, forbidden)
    monkeypatch.setattr(torch, "load", forbidden)
    monkeypatch.setattr(pd, "read_pickle", forbidden)
    read_everything()


# Seals


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The sealed files in a folder of their own."""
    for name in ("lib/alloygrad/features/elements.csv", "data/SHA256SUMS"):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("data/environments", "data/results"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.setattr(records, "ROOT", tmp_path)
    return tmp_path


def flip(path, place: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)


def test_all_data_is_as_it_was_sealed():
    assert records.broken_seals() == [], "restore these (git checkout), or seal them: make record"


def test_a_flipped_bit_a_missing_and_a_new_file_are_found_and_named(copied):
    assert records.broken_seals() == []
    changed = ["data/environments/SMA/card.json", "data/environments/Ti/hardness.safetensors",
               "data/results/sma_n4_ascent.parquet", "lib/alloygrad/features/elements.csv"]  # fmt: skip
    for name in changed:
        flip(copied / name, -20)
    (copied / "data/results/sma_n4_forest.parquet").unlink()
    (copied / "data/results/more.csv").write_text("a\n1\n")
    others = ["data/results/sma_n4_forest.parquet (missing)", "data/results/more.csv (new)"]
    assert sorted(records.broken_seals()) == sorted([*(f"{name} (changed)" for name in changed), *others])
    with pytest.raises(SystemExit, match=r"elements.csv \(changed\).*git checkout.*make record"):
        audit.report_audit(1)
    records.seal()
    assert records.broken_seals() == []


@pytest.mark.parametrize("alloy", alloys.ALLOYS.values(), ids=alloys.ALLOYS)
def test_weights_that_are_not_the_cards_are_refused_when_loaded(copied, alloy):
    folder = copied / "data" / "environments" / alloy.name
    for name in alloy.properties:
        flip(folder / f"{name}.safetensors", 1000)
        with pytest.raises(ValueError, match=rf"{name}.safetensors has sha256 .*; its card says .*Restore or retrain"):
            trained.load(alloy, alloy.order[:3], folder=folder)
        flip(folder / f"{name}.safetensors", 1000)
    trained.load(alloy, alloy.order[:3], folder=folder)


def test_a_pickle_in_the_place_of_data_is_no_data(tmp_path):
    """Wherever a name is trusted with content, a pickle that would run is a broken file, and does not run."""

    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    for name, reader in (("t.parquet", store.read_parquet), ("t.json", store.read_json)):
        (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
        with pytest.warns(UserWarning, match="is broken"):
            assert reader(tmp_path / name) is None
    for name in ("t.csv", "t.xlsx"):
        (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
        with pytest.raises(reading.TableError):
            read_table(tmp_path / name, EXAMPLE, unit="at.%")
    folder = shutil.copytree(DATA / "environments" / "SMA", tmp_path / "SMA")
    (folder / "enthalpy.safetensors").write_bytes(pickle.dumps(Bomb()))
    card = json.loads((folder / "card.json").read_text())
    card["properties"]["enthalpy"]["weights_sha256"] = store.file_digest(folder / "enthalpy.safetensors")
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(Exception, match=r"(?i)header"):
        trained.load(alloys.SMA, ("Ti", "Ni"), folder=folder)
    assert not (tmp_path / "ran").exists()


# Formulas in tables


ATTACKS = [
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    '=HYPERLINK("http://x")',
]


def write_hostile(path, space: CompositionSpace) -> None:
    """12 sound rows, each with an attack in a column that is not read, then ten with one in the place of a number."""
    drawn = space.sample(12, np.random.default_rng(0)).tolist()
    rows = [["Ti", "Ni", "=1+1", "note"], *([*counts, float(counts[0] % 17), ATTACKS[0]] for counts in drawn)]
    rows += [[50, 50, attack, attack] for attack in ATTACKS] + [[attack, 50, 1.0, attack] for attack in ATTACKS]
    if path.suffix == ".csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(rows)
        return
    book = openpyxl.Workbook()
    for i, row in enumerate(rows, start=1):
        for j, value in enumerate(row, start=1):
            book.active.cell(i, j, value).data_type = "s" if isinstance(value, str) else "n"
    book.save(path)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_formulas_in_a_readers_table_are_text_and_none_is_written_on(tmp_path, kind):
    """Cells that hold one where a number belongs are set aside by row; suggestions hold numbers and our own words."""
    space, path = CompositionSpace.from_fractions(("Ti", "Ni"), (0, 0), (1, 1), step=0.01), tmp_path / f"t.{kind}"
    write_hostile(path, space)
    process = {"note": ATTACKS[0]} if kind == "csv" else None
    table, objective = read_table(path, space, unit="at.%", process=process), Maximise("=1+1")
    measured = table.of(objective)
    assert len(measured.rows) == 12
    assert set(range(14, 24)) <= set(measured.report.loc[measured.report["done"] == "set aside", "row"])
    campaign = Campaign(space, objective, inputs="fractions")
    campaign.tell(table)
    file, _ = write_new(campaign.suggest(2), tmp_path / "suggestions.csv")
    cells = pd.Series([cell for row in csv.reader(io.StringIO(file.read_text())) for cell in row])
    numbers = np.isfinite(pd.to_numeric(cells, errors="coerce"))
    assert not cells[cells.str.match(r"[=+\-@\t\r]") & ~numbers].size
