"""The frame: one lock for everyone, the promised top level, nothing in the repository that does not belong there."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from compendium import ROOT

ASKED_FOR = {"jupyterlab", "papermill", "torch", "botorch", "scipy", "seaborn", "pandas", "opentsne"}


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): pin for name, pin in pins}


def installed(name: str) -> str:
    try:
        return version(name).split("+")[0]
    except PackageNotFoundError:
        return "none"


def direct() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {
        canonicalize_name(name)
        for names in [project["dependencies"], *project["optional-dependencies"].values()]
        for name in names
    }


def tracked() -> list[str]:
    listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return listed.stdout.splitlines()


def test_environment_and_project_name_the_same_packages_and_the_lock_pins_them_all():
    lines = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"][-1]["pip"]
    named = {canonicalize_name(line) for line in lines if not line.startswith("--")}
    assert "--constraint requirements.lock" in lines
    assert named == direct()
    assert ASKED_FOR <= named <= set(locked())


def test_what_is_installed_is_what_is_locked():
    found = {name: installed(name) for name in locked()}
    different = {name: (found[name], pin) for name, pin in locked().items() if found[name] != pin}
    assert not different, f"installed, locked: {different}; run `make env` anew"


def needed() -> set[str]:
    """Direct dependencies and, by the metadata of what is installed, all that these need in turn."""
    found, left = set(), [(name, "") for name in sorted(direct())]
    while left:
        package = left.pop()
        if package in found or GPU.fullmatch(package[0]):
            continue
        found.add(package)
        for line in requires(package[0]) or []:
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": package[1], **LOCKED_ON}):
                left += [(canonicalize_name(wanted.name), extra) for extra in ("", *wanted.extras)]
    return {name for name, _ in found}


LOCKED_ON = {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"}
GPU = re.compile(r"triton|(nvidia|cuda)-.*")
"""Parts that a GPU build of torch brings; not locked."""


def test_the_lock_holds_what_the_direct_dependencies_need_and_nothing_else():
    brought = {"pip", "setuptools"}  # by every virtual environment
    assert set(locked()) == needed() - brought, "lacking or superfluous; run `make lock`"


def test_what_is_installed_fits_together():
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert not done.returncode, done.stdout


def test_what_is_imported_is_declared():
    packages, files = packages_distributions(), [ROOT / file for file in tracked() if file.endswith(".py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    used = {canonicalize_name(name) for module in modules for name in packages.get(module.split(".")[0], [])}
    assert {"torch", "pyyaml"} <= used
    assert used - {"alloygrad"} <= direct()


def test_the_top_level_is_the_promised_one():
    folders = {file.split("/")[0] for file in tracked() if "/" in file}
    assert folders <= {".ci", "data", "figures", "lib", "notebooks", "papermill_runs", "tests"}


def test_figures_of_a_readers_own_table_stay_out_of_the_repository():
    """They hold its measurements; those of the example are tracked."""
    shown = [file for file in tracked() if file.startswith("figures/20_")]
    own = [f"figures/20_my_alloys_{kind}" for kind in ("trust.csv", "maps.png", "what_if.pdf")]
    asked = subprocess.run(
        ["git", "-C", ROOT, "check-ignore", "--no-index", *shown, *own], capture_output=True, text=True
    )
    assert shown and asked.stdout.splitlines() == own


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
