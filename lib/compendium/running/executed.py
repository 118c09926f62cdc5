"""Put an executed notebook in its place, so that a repeated run leaves no trace in git.

    python -m compendium.running.executed data/runs/stamps/paper/05.ipynb papermill_runs/paper/05.ipynb

Times of cells, the patch version of Python, progress bars, addresses of objects and the kernel's names of cells go; all
else stays as it was. Where the copy that is there has the same sources, and other outputs in no more than their last
digits, it is left as it is; another processor gives such outputs. A copy with more pictures is kept too: without the
published datasets a run shows fewer. What else differs is said.
"""

import base64
import json
import re
import sys
from pathlib import Path
from typing import Any

from compendium import last_digits

BAR = re.compile(r"[^\n\r]*\d+%\|[^\n\r]*[\n\r]*|[^\n\r]*\b\d+it \[[^\n\r]*[\n\r]*")
ADDRESS = re.compile(r"(?<= at )0x[0-9a-f]+")
CELL = re.compile(r"\S*ipykernel_\d+/\d+\.py")
SOURCES = "its sources"


def stripped(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return an executed notebook (its JSON) without times, bars and addresses; the argument is changed."""
    notebook["metadata"].pop("papermill", None)
    notebook["metadata"].get("language_info", {}).pop("version", None)
    for cell in notebook["cells"]:
        for name in ("execution", "papermill"):
            cell["metadata"].pop(name, None)
        if cell["cell_type"] == "code":
            cell["outputs"] = [output for output in map(_stripped, cell["outputs"]) if output]
    return notebook


def _stripped(output: dict[str, Any]) -> dict[str, Any] | None:
    """Return an output without bars and addresses; None where nothing is left."""
    if output["output_type"] == "stream":
        text = CELL.sub("cell", ADDRESS.sub("0x…", "".join(output["text"])))
        text = BAR.sub("", text) if output["name"] == "stderr" else text
        return {**output, "text": text.splitlines(keepends=True)} if text.strip() else None
    for kind, content in output.get("data", {}).items():
        if kind in ("text/plain", "text/html"):
            output["data"][kind] = ADDRESS.sub("0x…", "".join(content)).splitlines(keepends=True)
    return output


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """What of two executed notebooks (JSON, stripped) differs by more than last digits: a text for each cell."""
    if [cell["source"] for cell in one["cells"]] != [cell["source"] for cell in other["cells"]]:
        return [SOURCES]
    found = []
    for number, cells in enumerate(zip(one["cells"], other["cells"], strict=True)):
        outputs = [cell.get("outputs", []) for cell in cells]
        if len(outputs[0]) != len(outputs[1]) or not all(map(_same_output, *outputs)):
            found.append(f"cell {number}")
    return found


def pictures(notebook: dict[str, Any]) -> int:
    """Count the pictures that an executed notebook (JSON) shows."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def _same_output(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two outputs of a cell are the same but for last digits."""
    if one["output_type"] != other["output_type"]:
        return False
    shown = [output.get("data", {"text/plain": output.get("text", "")}) for output in (one, other)]
    if set(shown[0]) != set(shown[1]):
        return False
    return all(_same_content(kind, shown[0][kind], shown[1][kind]) for kind in shown[0])


def _same_content(kind: str, one: Any, other: Any) -> bool:
    if kind == "image/png":
        return last_digits.same_picture(*(base64.b64decode("".join(content)) for content in (one, other)))
    if kind.startswith("text/"):
        return last_digits.same_text("".join(one), "".join(other))
    return one == other


def main(executed: str, place: str | None = None) -> None:
    """Strip the notebook `executed`, and put it at `place` (default: where it is).

    A notebook at `place` stays if it has the same sources, and differs in last digits alone or shows more pictures.
    """
    made, there = Path(executed), Path(place or executed)
    notebook = stripped(json.loads(made.read_text(encoding="utf-8")))
    if there != made and there.exists():
        old = json.loads(there.read_text(encoding="utf-8"))
        apart = differences(old, notebook)
        if not apart:
            if old != notebook:
                print(f"{there.stem}: only last digits differ from the copy, which is kept.")
            return made.unlink()
        if apart != [SOURCES] and (fewer := pictures(notebook)) < (more := pictures(old)):
            why = "Without the published datasets it shows less."
            print(f"{there.stem} shows {fewer} pictures, the copy {more}: the copy is kept. {why}")
            return made.unlink()
        print(f"{there.stem} is written anew; of the copy differ: {', '.join(apart)}.")
    made.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    made.replace(there)


if __name__ == "__main__":
    main(*sys.argv[1:])
