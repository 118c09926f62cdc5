"""The studies of the compendium: what is run, recorded, judged and drawn on top of the library `alloygrad`."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The compendium's top folder: this package runs from its checkout (editable install)."""

DATA = ROOT / "data"


def find(path: str | Path) -> Path:
    """The file meant by an absolute path, or by one relative to the working folder or else to the compendium's."""
    path = Path(path).expanduser()
    return path if path.exists() or path.is_absolute() or not (ROOT / path).exists() else ROOT / path
