"""Nothing that is read can run: no pickle, no code in data; files are what they were sealed as; formulas stay text."""

import ast
import csv
import io
import json
import pickle
import shutil

import nbformat
import numpy as np
import openpyxl
import pandas as pd
import pytest
import torch

from alloygrad.features import elements
from alloygrad.spaces.composition import CompositionSpace
from alloygrad.tables import advice
from alloygrad.tables import measurements as own
from compendium import DATA, ROOT, store
from compendium.environments import alloys, trained, training
from compendium.feature_gradient import comparisons
from compendium.judging import claims
from compendium.running import records

FORBIDDEN = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve", "ctypes"}  # modules
CALLS = {"eval", "exec", "compile", "__import__", "read_pickle", "to_pickle", "system", "popen"}  # whoever's
OF_MODULES = {("joblib", "load"), ("joblib", "dump"), ("torch", "load"), ("torch", "save"), ("yaml", "load"),
              ("yaml", "unsafe_load"), ("yaml", "full_load"), ("pd", "eval")}  # fmt: skip


def sources() -> dict[str, str]:
    """Every line of Python of the project but the tests, by file; notebooks by their code cells."""
    files = [
        f for place in ("lib", "data", "notebooks", ".ci", "tests/benchmarks") for f in (ROOT / place).rglob("*.py")
    ]
    found = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        found[path.name] = "\n\n".join(cells)
    return found


def offences(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [module for module in modules if module.split(".")[0] in FORBIDDEN]
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            of = getattr(getattr(node.func, "value", None), "id", "")
            bare = isinstance(node.func, ast.Name) or name not in ("eval", "compile")  # module.eval() is torch's
            found += [name] * (name in CALLS and bare) + [f"{of}.{name}"] * ((of, name) in OF_MODULES)
            named = {keyword.arg: keyword.value for keyword in node.keywords}
            for option in ("allow_pickle", "shell", "trust_remote_code"):
                if option in named and not (isinstance(named[option], ast.Constant) and named[option].value is False):
                    found.append(option)
    return found


def test_no_source_unpickles_or_evaluates():
    scanned = sources()
    assert len(scanned) > 60
    assert {file: bad for file, source in scanned.items() if (bad := offences(source))} == {}


@pytest.mark.parametrize(
    "line",
    ["import pickle", "from dill import load", "torch.load(f)", "np.load(f, allow_pickle=True)", "eval(s)", "exec(s)",
     "yaml.load(f)", "pd.read_pickle(f)", "run(c, shell=True)", "os.system(c)", "__import__(n)"],
)  # fmt: skip
def test_the_scan_sees(line):
    assert offences(line)


def test_the_scan_lets_what_is_harmless_pass():
    assert not offences("network.eval(); yaml.safe_load(f); re.compile(p); run(c, shell=False); table.query(text)")


def read_everything() -> None:
    """Weights, cards, tables, trajectories, optima, scores, claims: all that notebooks load."""
    elements._wide.cache_clear()
    trained._read.cache_clear()
    for alloy in alloys.ALLOYS.values():
        space = alloy.space(3)
        trained.load(alloy, space.elements)(space.fractions(space.sample(2, np.random.default_rng(0))))
        assert len(training.recorded(alloy).parity)
    for path in store.RESULTS.glob("*.parquet"):
        assert len(store.read_parquet(path))
    for path in (store.RESULTS / "optima").glob("*.json"):
        assert store.read_json(path)["merit"]
    assert len(comparisons.stored(comparisons.COMPARISONS["SMA"], 2, recorded=True)) == 6
    assert len(own.read(DATA / "examples" / "sma_noisy.csv", EXAMPLE, unit="at.%", target="enthalpy_J_per_g").rows) > 20
    assert len(elements.load()) and len(claims.load()) and len(records.recorded_versions())


def test_everything_recorded_is_read_without_unpickling(monkeypatch):
    def forbidden(*arguments, **options):
        raise AssertionError("a load path unpickles")

    read_everything()  # once, so that torch has imported what it imports late and derives from Unpickler
    for name in ("load", "loads", "Unpickler", "_Unpickler"):
        monkeypatch.setattr(pickle, name, forbidden)
    monkeypatch.setattr(torch, "load", forbidden)
    monkeypatch.setattr(pd, "read_pickle", forbidden)
    read_everything()


EXAMPLE = own.declare(
    ["Ti", "Ni", "Cu", "Hf"], {"Ti": (20, 55), "Ni": (20, 55), "Cu": (0, 20), "Hf": (0, 20)}, step=0.5
)  # fmt: skip


# Seals


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The sealed files in a folder of their own."""
    for name in ("elements.csv", "SHA256SUMS"):
        shutil.copy(DATA / name, tmp_path / name)
    shutil.copytree(DATA / "environments", tmp_path / "environments")
    shutil.copytree(DATA / "results", tmp_path / "results")
    monkeypatch.setattr(records, "DATA", tmp_path)
    return tmp_path


def flip(path, place: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)


def test_all_data_is_as_it_was_sealed():
    assert records.broken_seals() == [], "restore these (git checkout), or seal them: make record"


@pytest.mark.parametrize(
    "name",
    ["elements.csv", "environments/Ti/hardness.safetensors", "environments/SMA/card.json",
     "environments/HEA/parity.csv", "results/sma_n4_ascent.parquet", "results/features_or_fractions.csv",
     "results/versions.csv"],
)  # fmt: skip
def test_one_flipped_bit_is_found_and_named(copied, name):
    assert records.broken_seals() == []
    flip(copied / name, -20)
    assert records.broken_seals() == [f"{name} (changed)"]
    with pytest.raises(SystemExit, match=rf"{name} \(changed\).*git checkout.*make record"):
        records.report_audit(1)
    records.seal()
    assert records.broken_seals() == []


def test_files_that_come_and_go_are_found(copied):
    (copied / "results" / "sma_n4_forest.parquet").unlink()
    (copied / "results" / "more.csv").write_text("a\n1\n")
    assert records.broken_seals() == ["results/sma_n4_forest.parquet (missing)", "results/more.csv (new)"]


@pytest.mark.parametrize("alloy", alloys.ALLOYS.values(), ids=alloys.ALLOYS)
def test_weights_that_are_not_the_cards_are_refused_when_loaded(copied, alloy):
    folder = copied / "environments" / alloy.name
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
        with pytest.raises(own.tables.TableError):
            own.read(tmp_path / name, EXAMPLE, unit="at.%", target="y")
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


def hostile_rows() -> list[list]:
    space, rng = CompositionSpace(("Ti", "Ni"), (0, 0), (1, 1), step=0.01), np.random.default_rng(0)
    rows = [[*map(int, counts), float(counts[0] % 17), ATTACKS[0]] for counts in space.sample(12, rng)]
    return rows + [[50, 50, attack, attack] for attack in ATTACKS] + [[attack, 50, 1.0, attack] for attack in ATTACKS]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_formulas_in_a_readers_table_are_text_and_none_is_written_on(tmp_path, kind):
    """Cells that hold one where a number belongs are set aside by row; suggestions hold numbers and our own words."""
    header, path = ["Ti", "Ni", "=1+1", "note"], tmp_path / f"t.{kind}"
    if kind == "csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header, *hostile_rows()])
    else:
        book = openpyxl.Workbook()
        for i, row in enumerate([header, *hostile_rows()], start=1):
            for j, value in enumerate(row, start=1):
                book.active.cell(i, j, value).data_type = "s" if isinstance(value, str) else "n"
        book.save(path)
    space = CompositionSpace(("Ti", "Ni"), (0, 0), (1, 1), step=0.01)
    measured = own.read(
        path, space, unit="at.%", target="=1+1", process={"note": ATTACKS[0]} if kind == "csv" else None
    )
    assert len(measured.rows) == 12
    set_aside = measured.report[measured.report["done"] == "set aside"]
    assert set(range(14, 24)) <= set(set_aside["row"])
    rng = np.random.default_rng(0)
    table = advice.suggest(advice.begin(measured, space, rng=rng, inputs="fractions"), measured, q=2, rng=rng)
    file, _ = advice.write_new(table, tmp_path / "suggestions.csv")
    cells = [cell for row in csv.reader(io.StringIO(file.read_text())) for cell in row]
    assert not [cell for cell in cells if cell[:1] in "=+-@\t\r" and cell and not is_number(cell)]


def is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False
