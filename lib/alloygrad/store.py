"""Names and files of finished work: a digest of all that makes a result, and writes that are whole or not there.

A result's name is the SHA-256 of the canonical JSON of its configuration, so that equal configurations share one
file and a changed one never finds a stale result. A file is written under a temporary name beside its target and
renamed, which POSIX makes atomic: a killed process leaves the old file or the new one, never half of one.
"""

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from alloygrad import ROOT, __version__


def canonical(config: Mapping[str, Any]) -> str:
    """JSON text of `config`: sorted keys, no spaces, floats by their shortest exact form; NaN is refused."""
    return json.dumps(config, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(config: Mapping[str, Any]) -> str:
    """First 16 hexadecimal digits of the SHA-256 of `canonical(config)`."""
    return hashlib.sha256(canonical(config).encode()).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, all 64 hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def write(path: Path, writer: Callable[[Path], Any]) -> Path:
    """Let `writer` fill a temporary file, then rename it to `path`; on any failure `path` is left as it was."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        writer(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    path.chmod(0o644)  # mkstemp makes private files; a compendium's results are for reading
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
