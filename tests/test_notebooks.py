"""Every notebook: stored without outputs, readable, with parameters the profiles know, and executed at `smoke`."""

import os
import re
import subprocess
import sys
from functools import cache

import nbformat
import pytest
import yaml

from compendium import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROFILES = ("smoke", "quick", "paper")

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@cache
def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def parameters(path) -> dict:
    values = {}
    exec(code_cells(path)[0].source, {}, values)
    return values


def known_to_profiles(path) -> bool:
    """Whether the profiles set this notebook's parameters; those of a notebook for readers' own data are theirs."""
    return read(path).metadata.get("alloygrad", {}).get("parameters") != "the reader's"


def test_it_is_stored_without_outputs(path):
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(path))


def test_it_opens_with_question_and_answer_and_says_what_it_reads_and_costs(path):
    opening = read(path).cells[0].source
    for promised in (
        "**Question.**",
        "**Answer.**",
        "| reads |",
        "| writes |",
        "`quick`",
        "`paper`",
        f"# {path.stem[:2]} · ",
    ):
        assert promised in opening, promised


def test_its_first_code_cell_is_tagged_parameters_and_every_profile_fits(path):
    tagged = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
    assert tagged == code_cells(path)[:1]
    for profile in PROFILES:
        known = yaml.safe_load((ROOT / "notebooks" / "profiles" / f"{profile}.yaml").read_text())
        assert set(parameters(path)) <= set(known) | {"seed"} or not known_to_profiles(path), profile
        assert "profile" in parameters(path)
        assert known["profile"] == profile


def test_its_defaults_are_the_paper_profile(path):
    paper = yaml.safe_load((ROOT / "notebooks" / "profiles" / "paper.yaml").read_text())
    assert all(paper.get(name, value) == value for name, value in parameters(path).items())


def test_its_cells_are_short(path):
    assert max(len(cell.source.splitlines()) for cell in code_cells(path)) <= 20


def test_its_recorded_run_is_of_this_code_from_top_to_bottom(path):
    """No hidden state: papermill_runs/paper holds these cells and no others, each run once, in the order written."""
    run = nbformat.read(ROOT / "papermill_runs" / "paper" / path.name, as_version=4)
    cells = [cell for cell in run.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    written = [cell.source for cell in cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    assert written == [cell.source for cell in code_cells(path)], "edited since: make reproduce, and commit the run"


def test_its_recorded_run_shows_every_figure_it_saves(path):
    """A saved figure that is not a cell's value is seen by nobody; those named at the top have a picture each."""
    run = nbformat.read(ROOT / "papermill_runs" / "paper" / path.name, as_version=4)
    saving = [cell for cell in run.cells if cell.cell_type == "code" and "figures.save(" in cell.source]
    pictures = [sum("image/png" in output.get("data", {}) for output in cell.outputs) for cell in saving]
    assert not [cell.source for cell, shown in zip(saving, pictures, strict=True) if not shown]
    (named,) = re.findall(r"^The figures?:.*", read(path).cells[0].source, re.MULTILINE)
    assert sum(pictures) >= len(re.findall(r"`\d\d_\w+`", named))


@pytest.mark.notebook
def test_it_runs_at_smoke(path, tmp_path):
    """Through papermill, as the Makefile does it; the error shown is the notebook's own."""
    profile = ROOT / "notebooks" / "profiles" / "smoke.yaml"
    command = [
        sys.executable,
        "-m",
        "papermill",
        "--no-progress-bar",
        "--log-level",
        "ERROR",
        "--cwd",
        ROOT / "notebooks",
    ]
    done = subprocess.run(
        [*command, "-f", profile, path, tmp_path / path.name],
        capture_output=True,
        text=True,
        env={**os.environ, "MPLBACKEND": "agg"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    executed = nbformat.read(tmp_path / path.name, as_version=4)
    counts = [cell.execution_count for cell in executed.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))
