"""Every notebook: stored without outputs, readable, with parameters the profiles know, and executed at `smoke`."""

import re
from functools import cache

import nbformat
import papermill
import pytest
import warm_kernel
import yaml

from compendium import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
PROFILES = {
    path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "notebooks" / "profiles").glob("[!c]*.yaml")
}

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@cache
def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def assert_ran_from_top_to_bottom(cells):
    """Each cell once, in the order written, without an error."""
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]


def test_the_index_links_every_notebook_and_nothing_else():
    index = "".join(cell.source for cell in read(ROOT / "notebooks" / "index.ipynb").cells)
    assert set(re.findall(r"\]\((\w+\.ipynb)\)", index)) == {path.name for path in NOTEBOOKS}


@each
def test_it_is_stored_without_outputs_in_short_cells(path):
    assert all(not cell.outputs and cell.execution_count is None for cell in code_cells(path))
    assert max(len(cell.source.splitlines()) for cell in code_cells(path)) <= 20


@each
def test_it_opens_with_question_and_answer_and_says_what_it_reads_and_costs(path):
    opening = read(path).cells[0].source
    promised = (
        "**Question.**",
        "**Answer.**",
        "| reads |",
        "| writes |",
        "`quick`",
        "`paper`",
        f"# {path.stem[:2]} · ",
    )
    assert not [part for part in promised if part not in opening]


@each
def test_its_first_code_cell_is_tagged_parameters_and_every_profile_fits(path):
    """Its defaults are the paper's. The parameters of a notebook for readers' own data are theirs."""
    tagged = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
    assert tagged == code_cells(path)[:1]
    parameters = {}
    exec(tagged[0].source, {}, parameters)
    assert all(PROFILES["paper"].get(name, value) == value for name, value in parameters.items())
    theirs = read(path).metadata.get("alloygrad", {}).get("parameters") == "the reader's"
    for profile in ("smoke", "quick", "paper"):
        assert PROFILES[profile]["profile"] == profile
        assert "profile" in parameters and (theirs or set(parameters) <= {*PROFILES[profile], "seed"})


@each
def test_its_recorded_run_went_from_top_to_bottom_and_shows_every_figure_it_saves(path):
    """A saved figure that is not a cell's value is seen by nobody; those named at the top have a picture each."""
    run = nbformat.read(ROOT / "papermill_runs" / "paper" / path.name, as_version=4)
    cells = [cell for cell in run.cells if cell.cell_type == "code"]
    assert_ran_from_top_to_bottom(cells)
    saving = [cell for cell in cells if "figures.save(" in cell.source]
    pictures = [sum("image/png" in output.get("data", {}) for output in cell.outputs) for cell in saving]
    assert not [cell.source for cell, shown in zip(saving, pictures, strict=True) if not shown]
    (named,) = re.findall(r"^The figures?:.*", read(path).cells[0].source, re.MULTILINE)
    assert sum(pictures) >= len(re.findall(r"`\d\d_\w+`", named))


@each
@pytest.mark.notebook
def test_it_runs_at_smoke(path, tmp_path, kernels, monkeypatch):
    """Through papermill; the error shown is the notebook's own."""
    monkeypatch.setenv("JUPYTER_PATH", kernels)
    where = dict(cwd=ROOT / "notebooks", kernel_name=warm_kernel.NAME, progress_bar=False)
    executed = papermill.execute_notebook(path, tmp_path / path.name, PROFILES["smoke"], **where)
    assert_ran_from_top_to_bottom([cell for cell in executed.cells if cell.cell_type == "code"])
