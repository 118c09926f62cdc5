"""The frame: one set of packages everywhere, the promised top level, nothing in the repository that does not belong."""

import ast
import json
import subprocess
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import alloygrad
from compendium import ROOT

ASKED_FOR = {"jupyterlab", "papermill", "torch", "botorch", "scipy", "seaborn", "pandas", "opentsne"}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def names(requirements: Iterable[str]) -> set[str]:
    """Of these packages; the project's own extras are left out."""
    return {canonicalize_name(Requirement(line).name) for line in requirements} - {"alloygrad"}


ORACLES = [
    line for name in ("atomistic", "molecules", "oracles") for line in EXTRAS.pop(name)
]  # used where installed, in no environment
DIRECT = names([*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)])


def tracked() -> list[str]:
    listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [file for file in listed.stdout.splitlines() if (ROOT / file).exists()]


def test_environment_and_project_name_the_same_packages_and_the_lock_pins_them_all():
    lines = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"][-1]["pip"]
    pins = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    assert "--constraint requirements.lock" in lines and all("==" in pin for pin in pins)
    assert names(line for line in lines if not line.startswith("--")) == DIRECT
    assert ASKED_FOR <= DIRECT <= names(pins)


def imported(files: Iterable[Path]) -> set[str]:
    """The packages from which these files import, anywhere in them."""
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    packages = packages_distributions()
    return {canonicalize_name(name) for module in modules for name in packages.get(module.split(".")[0], [])}


def test_what_is_imported_is_declared():
    library = imported((ROOT / "lib" / "alloygrad").rglob("*.py")) - {"alloygrad"}
    core = names(PROJECT["dependencies"])
    assert core == {"numpy", "pandas", "scikit-learn", "scipy", "torch"}
    late = ("plotting", "tables", "yaml", "inverse")
    assert core <= library <= core | names(line for extra in late for line in EXTRAS[extra])
    everything = imported(ROOT / file for file in tracked() if file.endswith(".py")) - {"alloygrad"}
    assert {"pyyaml"} <= everything <= DIRECT | names(ORACLES)


def test_there_is_one_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == alloygrad.__version__


def test_the_top_level_is_the_promised_one():
    folders = {file.split("/")[0] for file in tracked() if "/" in file}
    assert folders <= {".ci", "data", "figures", "lib", "notebooks", "papermill_runs", "tests"}


def test_figures_of_a_readers_own_table_stay_out_of_the_repository():
    """They hold its measurements; those of the example are tracked."""
    shown = [file for file in tracked() if file.startswith("figures/20_")]
    own = [f"figures/20_my_alloys_{kind}" for kind in ("trust.csv", "maps.png", "what_if.pdf")]
    command = ["git", "-C", ROOT, "check-ignore", "--no-index", *shown, *own]
    assert shown and subprocess.run(command, capture_output=True, text=True).stdout.splitlines() == own


def test_no_dataset_no_pickle_and_no_large_file_is_in_the_repository():
    declared = tomllib.loads((ROOT / "data" / "registry.toml").read_text())["dataset"].values()
    published = {entry["path"].rsplit("/")[-1] for entry in declared}
    for file in tracked():
        assert file.rsplit("/")[-1] not in published, file
        assert not file.endswith((".xlsx", ".xls", ".pkl", ".pickle", ".pth", ".joblib")), file
        assert (ROOT / file).stat().st_size < 4_000_000, file


def without_images(node):
    """A notebook's JSON without its images: their base64 holds any four characters by chance."""
    if isinstance(node, dict):
        return {key: without_images(value) for key, value in node.items() if not key.startswith("image/")}
    return [without_images(value) for value in node] if isinstance(node, list) else node


def test_executed_notebooks_hold_no_path_of_the_machine_that_ran_them():
    executed = [file for file in tracked() if file.startswith("papermill_runs/")]
    assert executed
    for file in executed:
        text = json.dumps(without_images(json.loads((ROOT / file).read_text())))
        for place in ("site-packages", str(ROOT), "/root", "/home", "/tmp"):
            assert place not in text, (file, text[max(0, text.index(place) - 100) :][:300])
