"""The library as others install it: a wheel that runs far from the checkout, and an import that changes nothing."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from compendium import ROOT

ALONE = """
import sys
site, checkout = sys.argv[1:]
sys.path[:] = [site] + [place for place in sys.path if place != checkout]
"""

IMPORT = """
import importlib, os, pkgutil, warnings
import numpy, pandas, scipy.optimize, scipy.special, scipy.stats, torch

def state():
    files = {"cwd": os.listdir(), "environment": dict(os.environ), "warnings": list(warnings.filters)}
    return files | {"numpy": numpy.geterr(), "torch": (torch.get_default_dtype(), torch.get_num_threads())}

before, known, opened = state(), set(sys.modules), []
sys.addaudithook(lambda event, details: opened.append(str(details[0])) if event == "open" else None)
import alloygrad
for module in pkgutil.walk_packages(alloygrad.__path__, "alloygrad."):
    if not module.name.startswith("alloygrad.plotting."):
        importlib.import_module(module.name)
print("changed", {name: (was, is_) for name, was in before.items() if (is_ := state()[name]) != was})
brought = {name.split(".")[0] for name in set(sys.modules) - known} - set(sys.stdlib_module_names)
print("brought", sorted(brought - {"alloygrad", "numpy", "pandas", "scipy", "torch"}))
print("opened", [file for file in opened if not file.endswith((".py", ".pyc", ".so"))])
"""

CAMPAIGN = """
import alloygrad as ag, numpy as np

assert ag.__file__.startswith(site)
space = ag.CompositionSpace({"Ti": (20, 60), "Ni": (20, 60), "Cu": (0, 20)}, step=1)
campaign = ag.Campaign(space, ag.Maximise("share_of_Ti"), seed=0)
measured = space.fractions(space.sample(8, np.random.default_rng(0)))
campaign.tell(pandas.DataFrame(measured * 100, columns=space.elements).assign(share_of_Ti=measured[:, 0]))
print(*campaign.suggest().filter(like="at.%").to_numpy().ravel())
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy: setuptools leaves its traces next to the sources."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "lib", source / "lib", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", built]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, source], check=True)
    (found,) = built.iterdir()
    return found


def test_the_wheel_holds_the_library_and_its_elements_and_no_study(wheel):
    files = set(zipfile.ZipFile(wheel).namelist())
    assert {file.split("/")[0].split("-")[0] for file in files} == {"alloygrad"}
    assert {f"alloygrad/features/{name}" for name in ("elements.csv", "mixing_enthalpies.csv")} <= files
    assert {str(path.relative_to(ROOT / "lib")) for path in (ROOT / "lib" / "alloygrad").rglob("*.py")} <= files


def test_from_an_empty_folder_importing_changes_nothing_and_a_campaign_runs(wheel, tmp_path):
    """The import of every module but the plots: no setting, file or variable changes; no other package is imported."""
    site, empty = tmp_path / "site", tmp_path / "empty"
    zipfile.ZipFile(wheel).extractall(site)
    empty.mkdir()
    command = [sys.executable, "-IB", "-c", ALONE + IMPORT + CAMPAIGN, site, ROOT / "lib"]
    done = subprocess.run(command, cwd=empty, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *imported, suggested = done.stdout.splitlines()
    assert imported == ["changed {}", "brought []", "opened []"]
    assert sum(map(float, suggested.split())) == pytest.approx(100, abs=1e-9)
    assert not list(empty.iterdir())
