"""What goes wrong, with the real thing: nothing finished is lost, what is broken is named, a rerun completes the study.

SIGKILL to a whole process group is in test_studies, to a writer in test_store; broken downloads and wrong checksums are
in test_datasets, hard inputs of a fit in test_surrogate.
"""

import contextlib
import ctypes
import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dask import config as dask_config
from test_datasets import TOY as TABLE
from test_datasets import TOY_ENTRY, answer, serve, toy  # noqa: F401
from test_studies import SETTINGS, Toy, assert_same, fresh_store  # noqa: F401

from alloygrad.campaigns import campaign
from compendium import ROOT, store
from compendium.environments import datasets
from compendium.running import clusters, landscapes, records, studies

WHOLE = 6 + 4
"""Rows of a finished trajectory here: initial ones and experiments."""


@dataclass(frozen=True)
class Faulty(Toy):
    """A toy that does what `switch` says when it measures the composition `at`; neither is part of its name."""

    switch: str = ""
    at: tuple[float, ...] = ()

    def environment(self):
        def measure(c):
            time.sleep(self.pause)
            switch = Path(self.switch)
            with open(f"{self.switch}.measured" if self.switch else os.devnull, "a") as file:
                file.write(".")
            fault = switch.read_text() if switch.is_file() and np.allclose(c, self.at) else ""
            if fault == "once":
                switch.unlink()
            while fault == "waits" and switch.exists():
                time.sleep(0.01)
            if fault in ("once", "killed"):
                os.kill(os.getpid(), signal.SIGKILL)
            if fault == "raises":
                raise OSError("the furnace is cold")
            merit = np.sin(9 * c[..., 0]) + c[..., 1]
            return {"a": np.sin(9 * c[..., 0]), "merit": float(fault) if fault in ("nan", "inf") else merit}

        return measure


PLAIN = Faulty("plain", "SMA", 3, 0.05, replace(SETTINGS, selection="random", n_experiments=4))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLOYGRAD_STORE", str(tmp_path_factory.mktemp("undisturbed")))
        return studies.trajectories(PLAIN, 3, workers=1)


@pytest.fixture
def faulty(undisturbed, tmp_path) -> Faulty:
    """A cell whose experiment 1 of seed 1 goes wrong as long as `switch` says so."""
    return at(undisturbed, tmp_path, seed=1, experiment=1)


def at(rows, folder, *, seed, experiment) -> Faulty:
    (row,) = rows[(rows["seed"] == seed) & (rows["experiment"] == experiment)].to_dict("records")
    space = PLAIN.space()
    composition = space.fractions([row[element] for element in space.elements])
    return replace(PLAIN, switch=str(folder / "switch"), at=tuple(composition.tolist()))


def lengths(cell=PLAIN) -> list[int]:
    """Rows that the store holds of seeds 0, 1, 2."""
    return [studies._count(studies._path(cell, seed)) for seed in range(3)]


def fails(cell, n=3, **how) -> str:
    with pytest.raises(studies.StudyFailed) as caught:
        studies.trajectories(cell, n, **how)
    return str(caught.value)


def elsewhere(code: str, *arguments, **options) -> subprocess.Popen:
    """A process that runs `code` with this module's names; it ends with the test."""
    prelude = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from test_faults import *\n"
    return subprocess.Popen([sys.executable, "-c", prelude + code, *map(str, arguments)], **options)


def wait_for(happened, process=None, seconds=300) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert process is None or process.poll() is None, "it ended too early"
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.01)


# The environment


@pytest.mark.parametrize(("fault", "reason"), [("raises", "OSError: the furnace is cold"), ("nan", "the merit nan")])
def test_a_failing_environment_fails_its_trajectory_alone(undisturbed, faulty, fault, reason):
    Path(faulty.switch).write_text(fault)
    message = fails(faulty, workers=1)
    assert "1 of 3 trajectories of plain are not finished" in message and "seed 1: " in message
    elements = {f"'{name}': {share}" for name, share in zip(PLAIN.space().elements, faulty.at, strict=True)}
    for part in (reason, "experiment 1.", "Cell plain, seed 1; last experiment finished: 0", *elements):
        assert part in message, message
    assert lengths() == [WHOLE, 7, WHOLE]
    Path(faulty.switch).unlink()
    assert_same(studies.trajectories(faulty, 3, workers=1), undisturbed)


@pytest.mark.parametrize("fault", ["raises", "inf"])
def test_it_may_fail_in_the_initial_data_and_nothing_of_it_is_kept(undisturbed, tmp_path, fault):
    cell = at(undisturbed, tmp_path, seed=0, experiment=-2)
    Path(cell.switch).write_text(fault)
    assert "experiment -2. Cell plain, seed 0; last experiment finished: none" in fails(cell, workers=1)
    assert lengths()[0] == 0
    Path(cell.switch).unlink()
    assert_same(studies.trajectories(cell, 3, workers=1), undisturbed)


def test_a_failing_cell_does_not_stop_those_planned_after_it(monkeypatch, faulty):
    Path(faulty.switch).write_text("raises")
    good = replace(PLAIN, name="good", version=2, planned=1)
    monkeypatch.setattr(studies, "CELLS", {"bad": replace(faulty, name="bad"), "good": good})
    monkeypatch.setattr(clusters, "cpu_count", lambda: 1)
    monkeypatch.setattr(studies, "cpu_count", lambda: 1)
    with pytest.raises(studies.StudyFailed, match="trajectories of bad are not finished"):
        studies.run_planned(wave=2, upto=2)
    assert lengths(good)[0] == WHOLE


def test_the_bar_counts_done_running_and_failed(faulty, capfd):
    Path(faulty.switch).write_text("raises")
    fails(faulty, workers=1)
    last = capfd.readouterr().err.split("\r")[-1]
    assert re.search(r"plain: .* 9/12 .*trajectories: 2 done, 0 running, 1 failed", last), last


# Workers, scheduler, client


def test_a_killed_worker_process_is_reported_and_the_study_goes_on_when_called_again(undisturbed, faulty):
    Path(faulty.switch).write_text("once")
    message = fails(faulty, workers=2)
    assert "seed 1: a worker process was killed (out of memory?): TerminatedWorkerError" in message
    assert lengths()[1] == 7, "the experiment before was finished"
    assert_same(studies.trajectories(faulty, 3, workers=1), undisturbed)


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """(address, process) of a scheduler that gives a task up at once when its worker, of which it has one, dies."""
    file, given_up = tmp_path_factory.mktemp("dask") / "scheduler", "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"
    path = f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}"
    options = {"env": {**os.environ, given_up: "0", SATURATION: "1", "PYTHONPATH": path}, "start_new_session": True}
    options |= {"cwd": file.parent, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    options |= {"preexec_fn": lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL)}  # PR_SET_PDEATHSIG: no orphans
    command, where = [sys.executable, "-m", "dask"], ["--scheduler-file", str(file), "--no-dashboard"]
    scheduler = subprocess.Popen([*command, "scheduler", "--host", "127.0.0.1", "--port", "0", *where], **options)
    wait_for(lambda: file.exists() and file.read_text().endswith("}"), scheduler)
    worker = subprocess.Popen([*command, "worker", *where, "--nthreads", "1"], **options)
    yield json.loads(file.read_text())["address"], scheduler
    for process in (worker, scheduler):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


SATURATION = "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION"
"""1: no second call waits at a worker, to be blamed for its death."""


def test_a_worker_of_a_cluster_dies_and_its_trajectory_goes_on_elsewhere(undisturbed, faulty, dask):
    Path(faulty.switch).write_text("once")
    assert_same(studies.trajectories(faulty, 3, cluster=dask[0]), undisturbed)
    measured = len(Path(f"{faulty.switch}.measured").read_text())
    assert measured == 3 * WHOLE + 1, "the experiment in which it died is repeated, and no other"


def test_a_trajectory_that_kills_its_workers_is_given_up_and_named(undisturbed, faulty, dask):
    Path(faulty.switch).write_text("killed")
    assert "seed 1: 1 workers in turn died" in fails(faulty, cluster=dask[0])
    assert lengths() == [WHOLE, 7, WHOLE]
    Path(faulty.switch).unlink()
    assert_same(studies.trajectories(faulty, 3, cluster=dask[0]), undisturbed)


def test_a_killed_client_loses_nothing(undisturbed, dask):
    slow = replace(PLAIN, pause=0.05)
    client = elsewhere(f"studies.trajectories(replace(PLAIN, pause=0.05), 3, cluster={dask[0]!r})")
    wait_for(lambda: lengths()[0] > 6, client)
    client.kill()
    client.wait()
    assert sum(lengths()) < 3 * WHOLE, "killed too late to test anything"
    assert_same(studies.trajectories(slow, 3, cluster=dask[0]), undisturbed)


def test_a_killed_scheduler_is_reported_and_the_study_goes_on_without(undisturbed, dask):
    address, scheduler = dask

    def kill():
        wait_for(lambda: lengths()[0] > 6)
        scheduler.kill()

    threading.Thread(target=kill, daemon=True).start()
    message = fails(replace(PLAIN, pause=0.1), cluster=address)
    assert "the connection to the cluster's scheduler was lost" in message and "seed 2: " in message
    clusters._clients.pop((address, None)).close()
    assert_same(studies.trajectories(PLAIN, 3, workers=1), undisturbed)


def test_a_worker_that_the_cluster_drops_is_asked_for_again(undisturbed, faulty, monkeypatch):
    """Dask drops a worker for good whose restart takes long; with the only one gone the study would wait for ever."""
    monkeypatch.setattr(clusters, "REFILL_S", 1.0)
    Path(faulty.switch).write_text("once")
    with dask_config.set({"distributed.deploy.lost-worker-timeout": "1ms"}):
        client = clusters.connect("local", 1)
        try:
            assert_same(studies.trajectories(faulty, 3, workers=1, cluster="local"), undisturbed)
        finally:
            client.shutdown()


def test_two_processes_compute_the_same_trajectory(undisturbed, tmp_path):
    """One is held up; the other overtakes it and is done. The file never shrinks, and is what one process gives."""
    slow = at(undisturbed, tmp_path, seed=0, experiment=1)
    Path(slow.switch).write_text("waits")
    code = "studies.trajectories(replace(PLAIN, switch=sys.argv[1], at=eval(sys.argv[2])), 1, workers=1)"
    process = elsewhere(code, slow.switch, slow.at)
    wait_for(lambda: lengths()[0] == 7, process)
    first = undisturbed[undisturbed["seed"] == 0]
    assert_same(studies.trajectories(PLAIN, 1, workers=1), first)
    file = studies._path(PLAIN, 0)
    finished = file.stat().st_mtime_ns, file.read_bytes()
    Path(slow.switch).unlink()
    assert process.wait(300) == 0
    assert len(Path(f"{slow.switch}.measured").read_text()) == WHOLE, "it went on to the end by itself"
    assert (file.stat().st_mtime_ns, file.read_bytes()) == finished
    assert_same(studies.trajectories(PLAIN, 1, compute=False), first)
    assert [path.suffix for path in studies.folder(PLAIN).iterdir()] == [".parquet"]


# Files


def test_a_full_disk(undisturbed):
    """A limit on the size of a file, as a quota is: what stood in the file still does."""
    begun = studies.trajectories(PLAIN, 1, experiments=1, workers=1)
    path = studies._path(PLAIN, 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size - 1000, hard))
    try:
        message = fails(PLAIN, workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "File too large" in message and f"{path} was not written; what stood there is as it was." in message
    assert_same(studies.trajectories(PLAIN, 1, experiments=1, compute=False), begun)
    assert_same(studies.trajectories(PLAIN, 3, workers=1), undisturbed)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flip(content: bytes) -> bytes:
    return content[:500] + bytes([content[500] ^ 1]) + content[501:]


DAMAGES = [cut, flip, lambda content: b"", lambda content: bytes(len(content))]


@pytest.mark.parametrize("damage", DAMAGES, ids=["cut", "flipped", "empty", "zeros"])
def test_a_broken_file_is_set_aside_and_computed_anew(undisturbed, damage):
    studies.trajectories(PLAIN, 3, workers=1)
    path = studies._path(PLAIN, 1)
    others = {seed: studies._path(PLAIN, seed).stat().st_mtime_ns for seed in (0, 2)}
    path.write_bytes(content := damage(path.read_bytes()))
    with pytest.warns(UserWarning, match=f"{path.name} is broken .*: set aside as {path.name}.broken"):
        assert_same(studies.trajectories(PLAIN, 3, workers=1), undisturbed)
    assert path.with_name(f"{path.name}.broken").read_bytes() == content
    assert others == {seed: studies._path(PLAIN, seed).stat().st_mtime_ns for seed in others}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(studies.trajectories(PLAIN, 3, workers=1), undisturbed)


def test_a_flipped_bit_anywhere_is_noticed_or_does_no_harm(tmp_path, undisturbed):
    path = store.write_parquet(tmp_path / "a.parquet", undisturbed)
    assert store.read_parquet(path).equals(undisturbed)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    counts = [i for i, byte in enumerate(content) if byte == 2 * len(undisturbed)]  # of rows, as Thrift writes them
    anywhere, bits = rng.integers(len(content), size=400), rng.integers(8, size=400)
    noticed = []
    for place, bit in [*itertools.product(counts, range(8)), *zip(anywhere, bits, strict=True)]:
        flipped = bytearray(content)
        flipped[place] ^= 1 << bit
        path.write_bytes(flipped)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = store.read_parquet(path)
        noticed.append(rows is None)
        assert rows is None or rows.equals(undisturbed), (place, bit)
    assert len(counts) > 5 and np.mean(noticed) > 0.95


def more_rows(content: bytes) -> bytes:
    """The same file with one bit flipped, that makes its end tell of more rows than it holds."""
    told = pq.read_metadata(pa.BufferReader(content)).num_rows
    for place, bit in itertools.product(range(content.rindex(b"PAR1") - 1, 0, -1), range(8)):
        flipped = content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]
        with contextlib.suppress(pa.ArrowException, OSError):
            if pq.read_metadata(pa.BufferReader(flipped)).num_rows > told:
                return flipped
    raise AssertionError("no bit counts rows")


@pytest.mark.parametrize("damage", [cut, more_rows])
def test_a_file_that_breaks_while_its_trajectory_runs_is_written_whole(undisturbed, faulty, monkeypatch, damage):
    path = studies._path(PLAIN, 1)
    measured = Faulty.environment(PLAIN)

    def environment(self):
        def measure(c):
            if np.allclose(c, faulty.at):
                path.write_bytes(damage(path.read_bytes()))
            return measured(c)

        return measure

    monkeypatch.setattr(Faulty, "environment", environment)
    with pytest.warns(UserWarning, match=f"{path.name} is broken"):
        assert_same(studies.trajectories(faulty, 3, workers=1), undisturbed)


def test_a_file_that_breaks_once_its_trajectory_is_done_is_named_and_computed_anew(undisturbed, monkeypatch):
    path, run = studies._path(PLAIN, 1), studies.run

    def run_and_break(cell, seed, *rest):
        run(cell, seed, *rest)
        if seed == 1:
            path.write_bytes(cut(path.read_bytes()))

    with monkeypatch.context() as patch:
        patch.setattr(studies, "run", run_and_break)
        with pytest.raises(studies.StudyFailed, match=r"files cannot be read here: seeds \[1\]"):
            with pytest.warns(UserWarning, match=f"{path.name} is broken"):
                studies.trajectories(PLAIN, 3, workers=1)
    assert_same(studies.trajectories(PLAIN, 3, workers=1), undisturbed)


@pytest.fixture
def packed(undisturbed, monkeypatch, tmp_path) -> Path:
    """Three recorded trajectories and nothing else."""
    monkeypatch.delenv("ALLOYGRAD_STORE")
    monkeypatch.setattr(store, "DATA", tmp_path)
    monkeypatch.setattr(store, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(studies, "CELLS", {"plain": PLAIN})
    studies.trajectories(PLAIN, 3, workers=1)
    records.record()
    shutil.rmtree(tmp_path / "runs")
    return tmp_path / "results" / "plain.parquet"


@pytest.mark.parametrize("damage", DAMAGES[:2], ids=["cut", "flipped"])
def test_a_broken_record_is_set_aside_and_computed_anew(undisturbed, packed, damage):
    assert_same(studies.trajectories(PLAIN, 3, compute=False), undisturbed)
    packed.write_bytes(content := damage(packed.read_bytes()))
    with pytest.warns(UserWarning, match=r"plain.parquet is broken .* plain.parquet.broken"):
        assert_same(studies.trajectories(PLAIN, 3, workers=1), undisturbed)
    assert packed.with_name("plain.parquet.broken").read_bytes() == content and not packed.exists()
    packed.with_name("plain.parquet.broken").unlink()
    assert records.record()["trajectories"].tolist() == [3] and packed.exists()


def test_recording_passes_over_a_broken_working_file(packed, undisturbed):
    studies.trajectories(PLAIN, 3, experiments=5, workers=1)
    path = studies._path(PLAIN, 2)
    path.write_bytes(cut(path.read_bytes()))
    with pytest.warns(UserWarning, match="is broken"):
        assert records.record()["trajectories"].tolist() == [3]
    lengths = pd.read_parquet(packed)["seed"].value_counts()
    assert lengths[0] == lengths[1] > lengths[2] > 0


def test_recording_refuses_to_replace_a_broken_record_by_what_is_left(packed, undisturbed):
    whole = packed.read_bytes()
    packed.write_bytes(flip(whole))
    with pytest.warns(UserWarning, match="is broken"):
        studies.trajectories(PLAIN, 1, workers=1)
    for _ in range(2):
        with pytest.raises(SystemExit, match=r"git checkout .*plain.parquet"):
            records.record()
        assert not packed.exists()
    packed.write_bytes(whole)
    packed.with_name("plain.parquet.broken").unlink()
    assert records.record()["trajectories"].tolist() == [3]


@pytest.mark.parametrize("kind", ["selections", "optima"])
def test_a_cut_json_file_is_set_aside_and_made_anew(kind, tmp_path):
    def computed():
        return studies.trajectories(PLAIN, 1, experiments=1, workers=1), landscapes.optimum(PLAIN).counts.tolist()

    rows, best = computed()
    (path,) = (store.working() / kind).glob("*.json")
    path.write_bytes(cut(content := path.read_bytes()))
    shutil.rmtree(studies.folder(PLAIN))
    with pytest.warns(UserWarning, match=f"{path.name} is broken"):
        again, same = computed()
    assert_same(again, rows)
    assert same == best and path.read_bytes() == content


def test_an_error_of_the_system_sets_nothing_aside(tmp_path):
    """A disk that fails, a folder where a file should be: the file may be whole."""
    (tmp_path / "a.json").mkdir()
    with pytest.raises(IsADirectoryError):
        store.read_json(tmp_path / "a.json")
    assert [path.name for path in tmp_path.glob("a*")] == ["a.json"]


# Fits


def repeated(scatter: float) -> tuple[campaign.Settings, list[dict]]:
    """Twelve compositions, each measured three times with results that scatter."""
    settings = replace(PLAIN.settings, maximiser="ascent", n_initial=12, n_experiments=1)
    once = campaign.initial_rows(settings, PLAIN.space(), PLAIN.environment(), 0)
    rng = np.random.default_rng(0)
    rows = [{**row, "merit": row["merit"] + scatter * rng.normal()} for row in once for _ in range(3)]
    return replace(settings, n_initial=len(rows)), rows


@pytest.mark.parametrize("scatter", [0.0, 1.0, 100.0, 1e4])
def test_repeated_compositions_and_fits_that_do_not_converge_are_got_over_and_said(scatter):
    """The kernel of repeated compositions is singular; results that clash drive its fit to where floats end."""
    settings, rows = repeated(scatter)
    row = next(campaign.trajectory(settings, PLAIN.space(), PLAIN.environment(), 0, done=rows))
    assert np.isfinite([row["value"], row["log_ei"], row["log_posterior"], row["merit"]]).all()
    known = {tuple(row[element] for element in PLAIN.space().elements) for row in rows}
    assert tuple(row[element] for element in PLAIN.space().elements) not in known
    said = re.fullmatch(
        r"GP fit stopped: .*; jitter .* on the diagonal\. Targets differ by .*: rescale them\.", row["warning"]
    )
    assert bool(said) == (scatter >= 100) and (said or row["warning"] == ""), row["warning"]


def test_a_fit_that_fails_is_a_failed_trajectory(undisturbed, monkeypatch):
    """Nothing is known to fail so any more; but if it does it must not take the other trajectories along."""
    fitted = campaign.SURROGATES["gp"]

    def fit(features, compositions, targets):
        if len(targets) == 8 and np.isclose(targets[0], undisturbed.loc[undisturbed["seed"] == 1, "merit"].iloc[0]):
            raise ValueError("covariance of 8 points is not positive definite")
        return fitted(features, compositions, targets)

    monkeypatch.setitem(campaign.SURROGATES, "gp", fit)
    message = fails(PLAIN, workers=1)
    assert "not positive definite Cell plain, seed 1; last experiment finished: 1." in message
    assert lengths() == [WHOLE, 8, WHOLE]
    monkeypatch.undo()


# Downloads


DOWNLOAD = f"""
import sys; sys.path[:0] = {PATHS!r}
from pathlib import Path
from test_datasets import TOY_ENTRY, datasets
datasets.REGISTRY, datasets.CACHE, datasets._failed = {{"toy": TOY_ENTRY}}, Path(sys.argv[1]), {{}}
datasets.UPSTREAM["base_url"] = sys.argv[2]
datasets.fetch("toy")
"""


def test_a_process_killed_in_a_download_leaves_nothing_that_is_taken_for_the_file(toy, serve):  # noqa: F811
    begun, over = threading.Event(), threading.Event()

    def half(handler):
        answer(TABLE[:100], length=len(TABLE))(handler)
        begun.set()
        over.wait(60)

    serve(half)
    process = subprocess.Popen([sys.executable, "-c", DOWNLOAD, datasets.CACHE, datasets.UPSTREAM["base_url"]])
    assert begun.wait(60)
    time.sleep(0.2)  # so that it has written what came
    process.kill()
    process.wait()
    over.set()
    assert not (datasets.CACHE / TOY_ENTRY["path"]).exists()
    serve(answer(TABLE))
    assert datasets.fetch("toy").read_bytes() == TABLE


# A checkout that cannot be written


def without_rights() -> None:
    """For a process of root: permissions hold for it too (CAP_DAC_OVERRIDE leaves what it executes)."""
    if ctypes.CDLL(None).prctl(24, 1, 0, 0, 0):  # PR_CAPBSET_DROP
        os._exit(77)


READ_ONLY = """
import os, sys
from dataclasses import replace
from alloygrad.campaigns import campaign
from compendium import store
from compendium.running import studies
cell = studies.CELLS["sma_n4_enumeration"]
print(studies.trajectories(cell, 2, experiments=2)["seed"].nunique())
try:
    studies.trajectories(cell, 2, experiments=1000)
except PermissionError as error:
    print(error)
os.environ["ALLOYGRAD_STORE"] = sys.argv[1]
settings = campaign.Settings("random_search", selection="random", n_experiments=1)
print(len(studies.trajectories(replace(cell, settings=settings), 1, workers=1)), store.ROOT)
"""


def test_a_read_only_checkout(tmp_path):
    """Recorded results are read; computing says at once what to do; another store is all that it needs."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "lib", checkout / "lib", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copytree(ROOT / "data", checkout / "data", ignore=shutil.ignore_patterns("runs", "raw"))
    for path in [checkout, *checkout.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    environ = {**os.environ, "PYTHONPATH": str(checkout / "lib")}
    del environ["ALLOYGRAD_STORE"]
    options = {"text": True, "capture_output": True, "preexec_fn": without_rights if os.geteuid() == 0 else None}
    try:
        found = subprocess.run([sys.executable, "-c", READ_ONLY, tmp_path / "store"], env=environ, **options)
    finally:
        for path in [checkout, *checkout.rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)  # so that it can be removed
    if found.returncode == 77:
        pytest.skip("root's rights cannot be dropped here")
    assert found.returncode == 0, found.stderr
    seeds, message, computed = found.stdout.splitlines()
    assert (seeds, computed) == ("2", f"41 {checkout}")
    assert f"{checkout / 'data' / 'runs'}" in message and "set ALLOYGRAD_STORE to a folder that can" in message
