"""The kernel that starts at once gives each notebook a process of its own, and is one as the usual kernel is."""

import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
import warm_kernel
from nbformat.v4 import new_code_cell, new_notebook
from toys import wait_for

from compendium import ROOT

CELLS = (
    "profile = 'paper'",
    "import os, sys, numpy\nfresh = not hasattr(numpy, 'left_behind')\nnumpy.left_behind = True",
    "print(os.getpid(), os.getcwd(), profile, os.environ.get('MARK'), fresh)",
    "print([name for name in sys.modules if name.split('.')[0] in ('alloygrad', 'compendium')])",
    "import compendium\nif profile == 'broken': raise OSError('no licence left')",
)


@pytest.fixture
def notebook(tmp_path) -> Path:
    cells = [new_code_cell(source) for source in CELLS]
    cells[0].metadata["tags"] = ["parameters"]
    usual = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    nbformat.write(new_notebook(cells=cells, metadata=usual), tmp_path / "small.ipynb")
    return tmp_path / "small.ipynb"


def printed(executed) -> list[str]:
    return [output.text.strip() for cell in executed.cells for output in cell.get("outputs", []) if "text" in output]


@pytest.fixture
def run(notebook, kernels, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", kernels)

    def execute(profile, folder):
        names = dict(cwd=folder, kernel_name=warm_kernel.NAME, progress_bar=False)
        return printed(papermill.execute_notebook(notebook, None, {"profile": profile}, **names))

    return execute


def test_each_notebook_has_a_process_a_folder_and_an_environment_of_its_own(run, tmp_path, monkeypatch):
    monkeypatch.setenv("MARK", "one")
    (one, *first), own = run("smoke", tmp_path)[0].split(), run("smoke", tmp_path)[1]
    monkeypatch.setenv("MARK", "two")
    other, *second = run("quick", ROOT)[0].split()
    assert first == [str(tmp_path), "smoke", "one", "True"] and second == [str(ROOT), "quick", "two", "True"]
    assert one != other and own == "[]"
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in (one, other)))  # they end with their notebooks


def test_the_error_shown_is_the_notebooks_own(run, tmp_path):
    with pytest.raises(papermill.PapermillExecutionError, match="OSError: no licence left"):
        run("broken", tmp_path)


def test_the_command_of_the_makefile_runs_a_notebook_in_the_usual_kernel(notebook, tmp_path):
    profile, done = ROOT / "notebooks" / "profiles" / "smoke.yaml", tmp_path / "done.ipynb"
    options = ["--log-level", "ERROR", "--cwd", ROOT / "notebooks", "-f", profile]
    subprocess.run([sys.executable, "-m", "papermill", *options, notebook, done], check=True, capture_output=True)
    _, folder, name, *_ = printed(nbformat.read(done, as_version=4))[0].split()
    assert (folder, name) == (str(ROOT / "notebooks"), "smoke")
