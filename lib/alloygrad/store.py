"""Names and files of finished work: a digest of all that makes a result, and writes that are whole or not there.

A result's name is the SHA-256 of the canonical JSON of its configuration, so that equal configurations share one
file and a changed one never finds a stale result. A file is written in a hidden temporary folder beside its target
and renamed, which POSIX makes atomic: a killed process leaves the old file or the new one, never half of one (and
at worst the hidden folder, which no `*.parquet` pattern finds).
"""

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alloygrad import DATA, ROOT, __version__


def working() -> Path:
    """Folder of working files: `data/runs/`, or what ALLOYGRAD_STORE names, relative to the top folder."""
    return ROOT / Path(os.environ.get("ALLOYGRAD_STORE") or DATA / "runs").expanduser()


def is_default() -> bool:
    """Whether the working folder is the usual one; only then are recorded results read as well."""
    return not os.environ.get("ALLOYGRAD_STORE")


def canonical(config: Mapping[str, Any]) -> str:
    """JSON text of `config`: sorted keys, no spaces, floats by their shortest exact form.

    Tuples are lists and -0.0 is 0.0, as in comparisons; but 1 and 1.0 differ, a count is no measure. Raises
    ValueError for NaN and infinity, TypeError for what JSON does not know (arrays: use `tolist()`).
    """
    plain = _plain(config)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value + 0.0 if isinstance(value, float) else value  # -0.0 + 0.0 = 0.0


def digest(config: Mapping[str, Any]) -> str:
    """First 16 hexadecimal digits of the SHA-256 of `canonical(config)`."""
    return hashlib.sha256(canonical(config).encode()).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, all 64 hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def write(path: Path, writer: Callable[[Path], Any]) -> Path:
    """Let `writer(temporary)` make a file of the same name elsewhere, then rename it to `path`.

    Missing parents are made. If `writer` fails, or makes no file, `path` is left as it was and the error passes.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        temporary = Path(folder) / path.name
        writer(temporary)
        os.replace(temporary, path)
    return path


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    """`write` of indented JSON."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return write(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def code_version() -> str:
    """Version and commit of the code that runs, "-dirty" where a tracked file differs from it; for records."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        commit = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__}+{commit}"
