"""Names and files of finished work: a digest of the configuration, and writes that are complete or absent.

A result is named by the SHA-256 of the canonical JSON of its configuration: equal configurations share one file, and a
changed one never finds a stale result. A file is written in a hidden temporary folder next to its target and renamed,
which POSIX makes atomic: a killed process leaves the old file or the new one (and at worst the hidden folder, which no
`*.parquet` pattern finds). A working table holds a checksum of its own file; `data/SHA256SUMS` seals the recorded ones.
A file that is found damaged when it is read is set aside as `*.broken`, and its content is computed again.
"""

import hashlib
import io
import json
import os
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from alloygrad import __version__
from compendium import DATA, ROOT

RESULTS = DATA / "results"  # recorded results, which are committed
WRITTEN = ("figures", "papermill_runs", "data/results", "data/SHA256SUMS")  # by runs: a change there changes no code

CHECKSUM = b"alloygrad:sha256"  # key of a table's metadata under which its file holds its own SHA-256
PLACEHOLDER = hashlib.sha256(CHECKSUM).hexdigest().encode()  # held there while the SHA-256 is taken


def working() -> Path:
    """Return the folder of working files: ALLOYGRAD_STORE, relative to the top folder, or else `data/runs/`."""
    return ROOT / Path(os.environ.get("ALLOYGRAD_STORE") or DATA / "runs").expanduser()


def is_default() -> bool:
    """Return whether the working folder is the usual one; only then are recorded results read as well."""
    return not os.environ.get("ALLOYGRAD_STORE")


def canonical(config: Mapping[str, Any]) -> str:
    """Write `config` as JSON with sorted keys, no spaces, and floats in their shortest exact form.

    Tuples are written as lists and -0.0 as 0.0, which compare equal; 1 and 1.0 differ. Raises ValueError for NaN and
    infinity, TypeError for what JSON does not know (arrays: use `tolist()`).
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
    """Return the first 16 hexadecimal digits of the SHA-256 of `canonical(config)`."""
    return hashlib.sha256(canonical(config).encode()).hexdigest()[:16]


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, 64 hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def write(path: Path, writer: Callable[[Path], Any]) -> Path:
    """Let `writer(temporary)` write a file of the same name elsewhere, then rename it to `path`.

    Missing parents are created. If `writer` fails or writes no file, `path` stays as it was and the error is raised.
    """
    path = Path(path)
    require_writable(path.parent)
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
            temporary = Path(folder) / path.name
            writer(temporary)
            os.replace(temporary, path)
    except OSError as error:
        error.add_note(f"{path} was not written; what stood there is as it was.")
        raise
    return path


def require_writable(folder: Path) -> None:
    """Create `folder` if it is missing; raise PermissionError if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK) else "no permission"
    except OSError as error:
        reason = error.strerror
    if reason:
        raise PermissionError(
            f"{folder} cannot be written ({reason}). Recorded results can be read all the same; "
            "to compute, set ALLOYGRAD_STORE to a folder that can be written."
        )


def read(path: Path, reader: Callable[[bytes], Any]) -> Any:
    """Return `reader(bytes of the file)`, or None if the file is missing or broken.

    A broken file is set aside as `*.broken`, with a warning. The file is opened once: if another process replaces it
    meanwhile, the old content is read. Errors of the system (no permission, a failing disk, no memory) are raised: they
    do not mean that the file is broken.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        return reader(content)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, LookupError, OSError, pa.ArrowException) as error:
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno):
            raise
        reason = str(error).splitlines()[0]
    if path.exists() and path.read_bytes() != content:  # another process has put a new one there
        return read(path, reader)
    try:
        os.replace(path, set_aside(path))
        where = f"set aside as {set_aside(path).name}"
    except OSError as error:
        where = f"passed over (it cannot be renamed: {error.strerror})"
    warnings.warn(f"{path} is broken ({reason}): {where}; its content is computed again.", stacklevel=2)
    return None


def set_aside(path: Path) -> Path:
    """Return where `read` puts a broken file."""
    return path.with_name(f"{path.name}.broken")


def write_parquet(path: Path, table: pd.DataFrame, *, small: bool = False) -> Path:
    """`write` a table with the SHA-256 of its file in its metadata; floats split by byte take a sixth less space.

    `small` saves another 9 kB a file: no statistics, no description for pandas, no dictionaries of whole numbers.
    """
    floats = [name for name in table if pd.api.types.is_float_dtype(table[name])]
    plain = [name for name in table if small and pd.api.types.is_integer_dtype(table[name])]
    others = [name for name in table if name not in {*floats, *plain}]
    split = dict(use_dictionary=others, column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT"))
    split |= dict(compression="zstd", compression_level=19, write_statistics=not small, store_schema=not small)
    rows, buffer = pa.Table.from_pandas(table, preserve_index=False), io.BytesIO()
    rows = rows.replace_schema_metadata(None) if small else rows
    with pq.ParquetWriter(buffer, rows.schema, **split) as writer:
        writer.write_table(rows)
        writer.add_key_value_metadata({CHECKSUM: PLACEHOLDER})
    content = buffer.getvalue()
    before, after = content.split(PLACEHOLDER)  # fails now, and not on reading, if a table holds it
    return write(path, lambda p: p.write_bytes(before + _sha256(content) + after))


def read_parquet(path: Path) -> pd.DataFrame | None:
    """`read` a table and verify its checksum; most recorded tables hold none and are sealed by `data/SHA256SUMS`."""

    def reader(content: bytes) -> pd.DataFrame:
        file = pq.ParquetFile(pa.BufferReader(content))
        found = (file.metadata.metadata or {}).get(CHECKSUM)
        if found is not None and found != _sha256(content.replace(found, PLACEHOLDER, 1)):
            raise ValueError("its checksum is not that of its content")
        return file.read().to_pandas()

    return read(path, reader)


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    """`write` indented JSON."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return write(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_json(path: Path) -> dict | None:
    """`read` JSON."""
    return read(path, json.loads)


def code_version() -> str:
    """Return version and commit of the running code, with "-dirty" if a tracked file other than a result differs."""
    try:
        commit = _git("describe", "--always", "--abbrev=12", "--exclude=*")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", *(f":!{path}" for path in WRITTEN))
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__}+{commit}{'-dirty' if changed else ''}"


def _git(*command: str) -> str:
    full = ["git", "-C", str(ROOT), *command]
    return subprocess.run(full, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
