"""Take out of an executed notebook what differs from run to run, so that a repeated run leaves no trace in git.

    python -m compendium.running.executed papermill_runs/paper/*.ipynb

Times of cells, the patch version of Python, progress bars, addresses of objects and the kernel's names of cells go; all
else stays as it was.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

BAR = re.compile(r"[^\n\r]*\d+%\|[^\n\r]*[\n\r]*|[^\n\r]*\b\d+it \[[^\n\r]*[\n\r]*")
ADDRESS = re.compile(r"(?<= at )0x[0-9a-f]+")
CELL = re.compile(r"\S*ipykernel_\d+/\d+\.py")


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


def main(paths: list[str]) -> None:
    for path in map(Path, paths):
        notebook = stripped(json.loads(path.read_text(encoding="utf-8")))
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
