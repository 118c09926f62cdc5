"""What is taken out of executed notebooks, and that nothing else is."""

import copy
import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from compendium.running import executed

TABLE = {"text/plain": "<object at 0x7f00beef> 1", "text/html": "<b>1</b>", "image/png": "aGk="}


def run(started="2026", address="0x7f00beef", bar="100%|████| 4/4 [00:01<00:00, 3.2it/s]\n"):
    """A notebook as papermill leaves it."""
    outputs = [
        new_output("stream", name="stderr", text=bar),
        new_output(
            "stream",
            name="stderr",
            text=f"{bar}/tmp/ipykernel_{len(started)}{started}/7.py:1: RuntimeWarning: look here\n",
        ),
        new_output("stream", name="stdout", text="50 % of 3it\n"),
        new_output("execute_result", TABLE | {"text/plain": f"<object at {address}> 1"}, execution_count=1),
    ]
    cell = new_code_cell("x", outputs=outputs, execution_count=1)
    cell.metadata = {"tags": ["parameters"], "execution": {"shell": started}, "papermill": {"duration": 1.0}}
    about = {"papermill": {"start_time": started}, "language_info": {"name": "python", "version": started}}
    cells = [new_markdown_cell("Text.", id="a"), nbformat.from_dict({**cell, "id": "b"})]
    return json.loads(nbformat.writes(new_notebook(cells=cells, metadata=about)))


def test_two_runs_leave_the_same_bytes_and_keep_what_they_show(tmp_path):
    paths = [tmp_path / "one.ipynb", tmp_path / "other.ipynb"]
    runs = [run(), run("2027", "0x1234abcd", " 50%|██  | 2/4 [00:09<00:09]\r100%|████| 4/4 [00:19<00:00]\n")]
    for path, notebook in zip(paths, runs, strict=True):
        path.write_text(json.dumps(notebook), encoding="utf-8")
    for path in paths:
        executed.main(str(path))
    one, other = (path.read_text(encoding="utf-8") for path in paths)
    assert one == other
    read = nbformat.reads(one, as_version=4)
    nbformat.validate(read)
    warned, printed, shown = read.cells[1].outputs
    assert (warned.text, printed.text) == ("cell:1: RuntimeWarning: look here\n", "50 % of 3it\n")
    assert shown.data == TABLE | {"text/plain": "<object at 0x…> 1"} and read.cells[1].execution_count == 1
    assert read.cells[1].metadata == {"tags": ["parameters"]} and read.metadata == {"language_info": {"name": "python"}}


def test_a_stripped_notebook_stays_as_it_is():
    once = executed.stripped(run())
    assert executed.stripped(copy.deepcopy(once)) == once


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("50 % of 3it", "50 % of 3it"), ""),
        (("0.250 nats", "0.251 nats"), "only last digits differ"),
        (("0.250 nats", "0.260 nats"), "cell 1"),
        (("'x'", "'y'"), "its sources"),
    ],
)
def test_a_copy_that_differs_in_last_digits_is_kept_and_others_are_told(tmp_path, capsys, change, said):
    made, there = tmp_path / "made.ipynb", tmp_path / "there.ipynb"
    (old, new), kept = change, said in ("", "only last digits differ")

    def write(path, text):
        source = text if text.startswith("'") else "x"
        cell = new_code_cell(source, outputs=[new_output("stream", name="stdout", text=text)], id="b")
        path.write_text(nbformat.writes(new_notebook(cells=[new_markdown_cell("Text.", id="a"), cell])))

    write(made, old)
    executed.main(str(made), str(there))
    before = there.read_text(encoding="utf-8")
    write(made, new)
    executed.main(str(made), str(there))
    assert not made.exists() and (there.read_text(encoding="utf-8") == before) is kept
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("shown", "source", "kept"), [(1, "x", True), (2, "x", False), (3, "x", False), (1, "y", False)]
)
def test_a_copy_that_shows_more_pictures_is_kept_unless_its_sources_changed(tmp_path, capsys, shown, source, kept):
    made, there = tmp_path / "made.ipynb", tmp_path / "there.ipynb"

    def write(path, pictures, source, text):
        outputs = [new_output("display_data", {"image/png": "aGk="}) for _ in range(pictures)]
        outputs.append(new_output("stream", name="stdout", text=text))
        path.write_text(nbformat.writes(new_notebook(cells=[new_code_cell(source, outputs=outputs, id="b")])))

    write(there, 2, "x", "measured")
    write(made, shown, source, "synthetic")
    before = there.read_text(encoding="utf-8")
    executed.main(str(made), str(there))
    assert not made.exists() and (there.read_text(encoding="utf-8") == before) is kept
    assert ("shows 1 pictures, the copy 2: the copy is kept" in capsys.readouterr().out) is kept
