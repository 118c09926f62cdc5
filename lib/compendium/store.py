"""Names and files of finished work: a digest of all that makes a result, and writes that are whole or not there.

A result's name is the SHA-256 of the canonical JSON of its configuration, so that equal configurations share one
file and a changed one never finds a stale result. A file is written in a hidden temporary folder beside its target
and renamed, which POSIX makes atomic: a killed process leaves the old file or the new one, never half of one (and
at worst the hidden folder, which no `*.parquet` pattern finds). A file that something else damaged is set aside as
`*.broken` when it is read, so that what it held is computed anew.
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

RESULTS = DATA / "results"
"""Recorded results: what is kept of finished work and committed."""

WRITTEN = ("figures", "papermill_runs", "data/results", "data/SHA256SUMS")
"""What runs of the code write: a change there makes it no other code."""

CHECKSUM = b"alloygrad:sha256"
"""Where a table's file holds its own SHA-256, taken while ``PLACEHOLDER`` stood there."""

PLACEHOLDER = hashlib.sha256(CHECKSUM).hexdigest().encode()
"""64 characters that no content has by chance."""


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
    """Make `folder` if there is none; raises PermissionError, which says what to do, where it cannot be written."""
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
    """`reader` of a file's bytes; None where there is none, or a broken one: it is set aside as `*.broken`, and told.

    The file is opened once, so that one which is replaced meanwhile is read whole, as it was. An error of the system
    (no permission, a disk that fails, memory that is used up) does not mean that the file is broken: it passes.
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
    warnings.warn(f"{path} is broken ({reason}): {where}; what it held is computed anew.", stacklevel=2)
    return None


def set_aside(path: Path) -> Path:
    """Where `read` puts a file that is broken."""
    return path.with_name(f"{path.name}.broken")


def write_parquet(path: Path, table: pd.DataFrame) -> Path:
    """`write` of a table, with a checksum of the whole file in it; floats byte by byte, which takes a sixth less."""
    floats = [name for name in table if pd.api.types.is_float_dtype(table[name])]
    others = [name for name in table if name not in floats]
    split = dict(use_dictionary=others, column_encoding=dict.fromkeys(floats, "BYTE_STREAM_SPLIT"))
    options = dict(compression="zstd", compression_level=19, write_page_checksum=True, **split)
    rows, buffer = pa.Table.from_pandas(table, preserve_index=False), io.BytesIO()
    with pq.ParquetWriter(buffer, rows.schema, **options) as writer:
        writer.write_table(rows)
        writer.add_key_value_metadata({CHECKSUM: PLACEHOLDER})
    content = buffer.getvalue()
    before, after = content.split(PLACEHOLDER)  # a ValueError here, not a file nobody can read, if it stood there twice
    return write(path, lambda p: p.write_bytes(before + _sha256(content) + after))


def read_parquet(path: Path) -> pd.DataFrame | None:
    """`read` of a table, its checksum verified.

    Most recorded tables were written before there was one, and `data/SHA256SUMS` seals them. Of these the checksums of
    the pages are verified, which cover neither counts of rows nor names of columns; the latter stand there twice.
    """

    def reader(content: bytes) -> pd.DataFrame:
        file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        found = (file.metadata.metadata or {}).get(CHECKSUM)
        if found is not None and found != _sha256(content.replace(found, PLACEHOLDER, 1)):
            raise ValueError("its checksum is not that of its content")
        table = file.read()
        if table.column_names != [column["name"] for column in table.schema.pandas_metadata["columns"]]:
            raise ValueError("its two lists of columns differ")
        return table.to_pandas()

    return read(path, reader)


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def write_json(path: Path, content: Mapping[str, Any]) -> Path:
    """`write` of indented JSON."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return write(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_json(path: Path) -> dict | None:
    """`read` of JSON."""
    return read(path, json.loads)


def code_version() -> str:
    """Version and commit of the code that runs, "-dirty" where a tracked file but a result differs; for records."""
    try:
        commit = _git("describe", "--always", "--abbrev=12", "--exclude=*")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", *(f":!{path}" for path in WRITTEN))
    except (OSError, subprocess.SubprocessError):
        return __version__
    return f"{__version__}+{commit}{'-dirty' if changed else ''}"


def _git(*command: str) -> str:
    full = ["git", "-C", str(ROOT), *command]
    return subprocess.run(full, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
