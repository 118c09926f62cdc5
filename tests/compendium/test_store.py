"""Digests that depend on content alone, and files that are complete or absent."""

import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alloygrad import __version__
from compendium import store


def test_digest_is_that_of_the_canonical_text():
    assert store.canonical({"b": 1, "a": {"d": [1.5, None], "c": "°C"}}) == '{"a":{"c":"°C","d":[1.5,null]},"b":1}'
    assert store.digest({"a": 0.1}) == hashlib.sha256(b'{"a":0.1}').hexdigest()[:16]


@pytest.mark.parametrize(
    "one, other",
    [
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}),  # order of keys
        ({"a": (1, 2)}, {"a": [1, 2]}),
        ({"a": MappingProxyType({"b": 1})}, {"a": {"b": 1}}),
        ({"a": [{"b": (0.0, 1.0)}]}, {"a": [{"b": (-0.0, 1.0)}]}),
        ({"a": np.float64(0.3)}, {"a": 0.3}),
        ({"a": np.array([0.1, -0.0]).tolist()}, {"a": [0.1, 0.0]}),
    ],
)
def test_equal_configurations_share_a_digest(one, other):
    assert store.digest(one) == store.digest(other)


def test_different_configurations_do_not():
    values = (0.3, 0.1 + 0.2, 1, 1.0, "1", True, None, [], {}, [[1], 2], [1, [2]], [1, 2], [2, 1])
    configs = [*({"a": value} for value in values), {}, {"b": 0.3}, {"a": 0.3, "b": None}]
    assert len({store.digest(config) for config in configs}) == len(configs)


@pytest.mark.parametrize(
    "error, values",
    [
        (ValueError, [float("nan"), float("inf"), [np.float64("nan")]]),
        (TypeError, [np.arange(2), np.int64(1), np.float32(1), {1, 2}, object()]),
    ],
)
def test_what_json_cannot_hold_is_refused(error, values):
    for value in values:
        with pytest.raises(error):
            store.digest({"a": value})


def test_floats_survive_the_canonical_text():
    values = np.random.default_rng(0).normal(size=1000) * 10.0 ** np.random.default_rng(1).integers(-300, 300, 1000)
    assert json.loads(store.canonical({"a": values.tolist()}))["a"] == values.tolist()


def test_file_digest(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # test vector of FIPS 180-4
    assert store.file_digest(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_write_makes_folders_and_replaces(tmp_path):
    path, plain = tmp_path / "new" / "folder" / "file.txt", tmp_path / "plain"
    for text in ("one", "two"):
        assert store.write(path, lambda temporary, text=text: temporary.write_text(text)) == path
        assert path.read_text() == text
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]
    plain.write_text("")
    assert path.stat().st_mode == plain.stat().st_mode  # as readable as any file


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, None])
@pytest.mark.parametrize("before", [None, "old"])
def test_a_failing_writer_leaves_what_was_there(tmp_path, before, error):
    path = tmp_path / "file.txt"
    if before:
        path.write_text(before)

    def writer(temporary):
        if error:
            temporary.write_text("half of the n")
            raise error

    with pytest.raises(error or FileNotFoundError):  # a writer that writes nothing fails, too
        store.write(path, writer)
    assert [p.read_text() for p in tmp_path.iterdir()] == ([before] if before else [])


def test_a_killed_writer_leaves_nothing_that_looks_like_a_result(tmp_path):
    """SIGKILL runs no cleaning: the old file is whole, and no pattern for results finds the half-written one."""
    (tmp_path / "a.parquet").write_text("old")
    code = (
        "import sys, time; from pathlib import Path; from compendium import store\n"
        "def half(path):\n    path.write_text('half'); print('begun', flush=True); time.sleep(60)\n"
        "store.write(Path(sys.argv[1]), half)"
    )
    run = [sys.executable, "-c", code, str(tmp_path / "a.parquet")]
    with subprocess.Popen(run, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        os.kill(process.pid, signal.SIGKILL)
    assert [p.read_text() for p in tmp_path.glob("*.parquet")] == ["old"]
    store.write(tmp_path / "a.parquet", lambda temporary: temporary.write_text("new"))
    assert [p.read_text() for p in tmp_path.glob("*.parquet")] == ["new"]


def test_json_is_read_as_it_was_written(tmp_path):
    content = {"ΔH": [1.5, -2], "nested": {"none": None}}
    path = store.write_json(tmp_path / "a.json", content)
    assert store.read_json(path) == content and "ΔH" in path.read_text(encoding="utf-8")
    with pytest.raises(ValueError):
        store.write_json(path, {"a": float("nan")})
    assert store.read_json(path) == content


def test_code_version_names_the_commit_and_needs_no_git(tmp_path, monkeypatch):
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # a hook's: the commit would go to its repository
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(store, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert store.code_version() == __version__  # no repository
    (tmp_path / "file").write_text("one")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for command in (["init"], ["add", "file"], ["commit", "-m", "one"], ["tag", "-a", "v9", "-m", "v9"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    found = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    assert store.code_version() == f"{__version__}+{found.stdout[:12]}"
    monkeypatch.setenv("PATH", "")
    assert store.code_version() == __version__


@pytest.mark.parametrize(
    "table",
    [
        {"n": [1, 2], "x": [0.1, None], "text": ["ΔH", None], "flag": [True, None]},
        {"n": [], "x": np.empty(0)},
        {"text": ["only"]},
    ],
)
def test_tables_are_read_as_they_were_written_with_and_without_checksum(tmp_path, table):
    table = pd.DataFrame(table)
    written, older = store.write_parquet(tmp_path / "a.parquet", table), tmp_path / "older.parquet"
    table.to_parquet(older, index=False)
    for path in (written, older):
        pd.testing.assert_frame_equal(store.read_parquet(path), pd.read_parquet(older))
        pd.testing.assert_frame_equal(pd.read_parquet(path), pd.read_parquet(older))


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_table_is_noticed_or_unharmed(tmp_path, damage):
    """Cut, or with one bit flipped, at a hundred places; what is noticed is set aside with a warning."""
    table = pd.DataFrame({"n": np.arange(20), "x": np.random.default_rng(0).normal(size=20), "text": ["ΔH", ""] * 10})
    path = store.write_parquet(tmp_path / "a.parquet", table)
    content, noticed = path.read_bytes(), []
    for place in np.linspace(0, len(content) - 1, 100).astype(int):
        flipped = content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]
        path.write_bytes(content[:place] if damage == "cut" else flipped)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = store.read_parquet(path)
        noticed.append(found is None)
        assert noticed[-1] or found.equals(table)
        assert ["a.parquet is broken" in str(w.message) for w in caught] == [True] * noticed[-1]
        assert [file.name for file in tmp_path.iterdir()] == ["a.parquet.broken" if noticed[-1] else "a.parquet"]
        store.set_aside(path).unlink(missing_ok=True)
    assert np.mean(noticed) > 0.95


def test_a_table_passed_on_by_another_program_is_no_broken_one(tmp_path):
    """Regression: it took the checksum of the file it came from along."""
    path = store.write_parquet(tmp_path / "a.parquet", pd.DataFrame({"n": [1, 2]}))
    pq.write_table(pq.read_table(path), tmp_path / "b.parquet")
    assert store.read_parquet(tmp_path / "b.parquet")["n"].tolist() == [1, 2]


def test_a_table_that_holds_the_placeholder_is_refused_and_not_written(tmp_path):
    with pytest.raises(ValueError):
        store.write_parquet(tmp_path / "a.parquet", pd.DataFrame({"text": [store.PLACEHOLDER.decode()]}))
    assert not list(tmp_path.iterdir())


def test_a_table_that_is_rewritten_all_the_time_is_always_read_whole(tmp_path):
    """Regression: opened twice, by name, it was one file at first and another then, and set aside as broken."""
    path, done = tmp_path / "table.parquet", threading.Event()

    def rewrite():
        for n in itertools.count():
            store.write_parquet(path, pd.DataFrame({"n": np.full(n % 50 + 1, n)}))
            if done.is_set():
                return

    store.write_parquet(path, pd.DataFrame({"n": [0]}))
    writer, seen, deadline = threading.Thread(target=rewrite), set(), time.monotonic() + 60
    writer.start()
    try:
        while len(seen) < 100:
            table = store.read_parquet(path)
            assert table["n"].nunique() == 1 and len(table) == table["n"].iloc[0] % 50 + 1
            seen.add(table["n"].iloc[0])
            assert time.monotonic() < deadline, f"{len(seen)} tables in a minute"
    finally:
        done.set()
        writer.join()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_broken_file_that_is_replaced_while_it_is_read_is_not_set_aside(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{")

    def reader(content):
        if content == b"{":
            path.write_text('{"whole": 1}')  # another process mends it
        return json.loads(content)

    assert store.read(path, reader) == {"whole": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("error", [PermissionError(13, "no"), MemoryError(), pa.ArrowMemoryError("full")])
def test_a_file_that_the_system_cannot_read_is_not_broken(tmp_path, error):
    path = tmp_path / "a.json"
    path.write_text("{}")

    def reader(content):
        raise error

    with pytest.raises(type(error)):
        store.read(path, reader)
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
