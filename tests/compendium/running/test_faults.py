"""What goes wrong, with the real thing: nothing finished is lost, what is broken is named, a rerun completes the study.

SIGKILL to a whole process group is in test_studies, to a writer in test_store; broken downloads are in test_datasets,
hard inputs of a fit in test_stress.
"""

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
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import toys
from dask import config as dask_config
from toys import (
    PLAIN,
    WHOLE,
    Faulty,
    assert_recorded,
    assert_same,
    cut,
    declare,
    elsewhere,
    fails,
    flip,
    lengths,
    wait_for,
    working_file,
)

from compendium import ROOT, store
from compendium.running import clusters, landscapes, records, studies


@pytest.fixture
def faulty(undisturbed, tmp_path) -> Faulty:
    """A cell whose experiment 1 of seed 1 goes wrong as long as `switch` says so."""
    return at(undisturbed, tmp_path, seed=1, experiment=1)


def at(rows, folder, *, seed, experiment) -> Faulty:
    (row,) = rows[(rows["seed"] == seed) & (rows["experiment"] == experiment)].to_dict("records")
    space = PLAIN.space()
    composition = space.fractions([row[element] for element in space.elements])
    return replace(PLAIN, switch=str(folder / "switch"), at=tuple(composition.tolist()))


def fill_store(rows: pd.DataFrame) -> None:
    """The working files of finished trajectories of `PLAIN`."""
    for seed, own in rows.groupby("seed"):
        store.write_parquet(working_file(PLAIN, seed), own.reset_index(drop=True))


# The environment


@pytest.mark.parametrize(("fault", "reason"), [("raises", "OSError: the furnace is cold"), ("nan", "got nan")])
def test_a_failing_environment_fails_its_trajectory_alone(undisturbed, faulty, capfd, fault, reason):
    Path(faulty.switch).write_text(fault)
    message = fails(faulty, workers=1)
    assert "1 of 3 trajectories of plain are not finished" in message and "seed 1: " in message
    elements = {f"'{name}': {share}" for name, share in zip(PLAIN.space().elements, faulty.at, strict=True)}
    for part in (reason, "experiment 1.", "Cell plain, seed 1; last experiment finished: 0", *elements):
        assert part in message, message
    assert lengths() == [WHOLE, 7, WHOLE]
    bar = capfd.readouterr().err.split("\r")[-1]
    assert re.search(r"plain: .* 9/12 .*trajectories: 2 done, 0 running, 1 failed", bar), bar
    Path(faulty.switch).unlink()
    assert_same(studies.trajectories(faulty, 3, workers=1), undisturbed)


def test_it_may_fail_in_the_initial_data_and_nothing_of_it_is_kept(undisturbed, tmp_path):
    cell = at(undisturbed, tmp_path, seed=0, experiment=-2)
    Path(cell.switch).write_text("raises")
    message = fails(cell, 1, workers=1)
    assert "experiment -2. Cell plain, seed 0; last experiment finished: none" in message and lengths()[0] == 0


def test_a_failing_cell_does_not_stop_those_planned_after_it(monkeypatch, faulty):
    Path(faulty.switch).write_text("raises")
    good = replace(PLAIN, name="good", version=2, planned=1)
    declare(monkeypatch, replace(faulty, name="bad"), good)
    monkeypatch.setattr(studies, "cpu_count", lambda: 1)
    with pytest.raises(studies.StudyFailed, match="trajectories of bad are not finished"):
        studies.run_planned(wave=2, upto=2)
    assert lengths(good)[0] == WHOLE


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
    file, scheduling = tmp_path_factory.mktemp("dask") / "scheduler", "DASK_DISTRIBUTED__SCHEDULER__"
    path = f"{Path(toys.__file__).parent}:{os.environ.get('PYTHONPATH', '')}"
    # With a saturation of 1 no second call waits at a worker, to be blamed for its death.
    given_up = {f"{scheduling}ALLOWED_FAILURES": "0", f"{scheduling}WORKER_SATURATION": "1"}
    options = {"env": {**os.environ, **given_up, "PYTHONPATH": path}, "start_new_session": True, "cwd": file.parent}
    options |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    options |= {"preexec_fn": lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL)}  # PR_SET_PDEATHSIG: no orphans
    command, where = [sys.executable, "-m", "dask"], ["--scheduler-file", str(file), "--no-dashboard"]
    scheduler = subprocess.Popen([*command, "scheduler", "--host", "127.0.0.1", "--port", "0", *where], **options)
    wait_for(lambda: file.exists() and file.read_text().endswith("}"), scheduler)
    worker = subprocess.Popen([*command, "worker", *where, "--nthreads", "1"], **options)
    yield json.loads(file.read_text())["address"], scheduler
    for process in (worker, scheduler):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_worker_of_a_cluster_dies_and_its_trajectory_goes_on_elsewhere(undisturbed, faulty, dask):
    Path(faulty.switch).write_text("once")
    assert_same(studies.trajectories(faulty, 3, cluster=dask[0]), undisturbed)
    measured = len(Path(f"{faulty.switch}.measured").read_text())
    assert measured == 3 * WHOLE + 1, "the experiment in which it died is repeated, and no other"


@pytest.mark.nightly
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


@pytest.mark.nightly
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
    file = working_file(PLAIN, 0)
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
    path = working_file(PLAIN, 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size - 1000, hard))
    try:
        message = fails(PLAIN, workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "File too large" in message and f"{path} was not written; what stood there is as it was." in message
    assert_same(studies.trajectories(PLAIN, 1, experiments=1, compute=False), begun)
    assert_same(studies.trajectories(PLAIN, 3, workers=1), undisturbed)


DAMAGES = [cut, flip, lambda content: b"", lambda content: bytes(len(content))]


@pytest.mark.parametrize("damage", DAMAGES, ids=["cut", "flipped", "empty", "zeros"])
def test_a_broken_file_is_set_aside_and_computed_anew(undisturbed, damage):
    fill_store(undisturbed)
    path = working_file(PLAIN, 1)
    others = {seed: working_file(PLAIN, seed).stat().st_mtime_ns for seed in (0, 2)}
    path.write_bytes(content := damage(path.read_bytes()))
    with pytest.warns(UserWarning, match=f"{path.name} is broken .*: set aside as {path.name}.broken"):
        assert_same(studies.trajectories(PLAIN, 3, workers=1), undisturbed)
    assert path.with_name(f"{path.name}.broken").read_bytes() == content
    assert others == {seed: working_file(PLAIN, seed).stat().st_mtime_ns for seed in others}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(studies.trajectories(PLAIN, 3, workers=1), undisturbed)


def test_a_flipped_bit_anywhere_is_noticed_or_does_no_harm(tmp_path, undisturbed):
    path = store.write_parquet(tmp_path / "a.parquet", undisturbed)
    assert store.read_parquet(path).equals(undisturbed)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    anywhere, bits = rng.integers(len(content), size=400), rng.integers(8, size=400)
    noticed, counts = [], [i for i, byte in enumerate(content) if byte == 2 * len(undisturbed)]  # as Thrift writes them
    for place, bit in [*itertools.product(counts, range(8)), *zip(anywhere, bits, strict=True)]:
        path.write_bytes(flip(content, place, bit))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = store.read_parquet(path)
        noticed.append(rows is None)
        assert rows is None or rows.equals(undisturbed), (place, bit)
    assert len(counts) > 5 and np.mean(noticed) > 0.95


def test_a_file_that_breaks_while_its_trajectory_runs_is_written_whole(undisturbed, faulty, monkeypatch):
    path, measured = working_file(PLAIN, 1), Faulty.environment(PLAIN)

    def environment(self):
        def measure(c):
            if np.allclose(c, faulty.at):
                path.write_bytes(cut(path.read_bytes()))
            return measured(c)

        return measure

    monkeypatch.setattr(Faulty, "environment", environment)
    with pytest.warns(UserWarning, match=f"{path.name} is broken"):
        assert_same(studies.trajectories(faulty, 3, workers=1), undisturbed)


def test_a_file_that_breaks_once_its_trajectory_is_done_is_named_and_computed_anew(undisturbed, monkeypatch):
    path, run = working_file(PLAIN, 1), studies.run

    def run_and_break(cell, seed, *rest):
        run(cell, seed, *rest)
        if seed == 1:
            path.write_bytes(cut(path.read_bytes()))

    with monkeypatch.context() as patch:
        patch.setattr(studies, "run", run_and_break)
        with pytest.warns(UserWarning, match=f"{path.name} is broken"):
            assert "files cannot be read here: seeds [1]" in fails(PLAIN, workers=1)
    assert_same(studies.trajectories(PLAIN, 3, workers=1), undisturbed)


@pytest.fixture
def packed(undisturbed, monkeypatch, tmp_path) -> Path:
    """Three recorded trajectories and nothing else."""
    toys.read_records(monkeypatch, tmp_path)
    declare(monkeypatch, PLAIN)
    fill_store(undisturbed)
    records.record()
    shutil.rmtree(tmp_path / "runs")
    return tmp_path / "results" / "compact" / "plain.parquet"


@pytest.mark.parametrize("damage", DAMAGES[:2], ids=["cut", "flipped"])
def test_a_broken_record_is_set_aside_and_computed_anew(undisturbed, packed, damage):
    assert_recorded(studies.trajectories(PLAIN, 3, compute=False), undisturbed)
    packed.write_bytes(content := damage(packed.read_bytes()))
    with pytest.warns(UserWarning, match=r"plain.parquet is broken .* plain.parquet.broken"):
        assert_same(studies.trajectories(PLAIN, 3, workers=1), undisturbed)
    assert packed.with_name("plain.parquet.broken").read_bytes() == content and not packed.exists()
    packed.with_name("plain.parquet.broken").unlink()
    assert records.record()["trajectories"].tolist() == [3] and packed.exists()


def test_recording_passes_over_a_broken_working_file(packed):
    studies.trajectories(PLAIN, 3, experiments=5, workers=1)
    path = working_file(PLAIN, 2)
    path.write_bytes(cut(path.read_bytes()))
    with pytest.warns(UserWarning, match="is broken"):
        assert records.record()["trajectories"].tolist() == [3]
    lengths = pd.read_parquet(packed)["seed"].value_counts()
    assert lengths[0] == lengths[1] > lengths[2] > 0


def test_recording_refuses_to_replace_a_broken_record_by_what_is_left(packed):
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
def test_a_cut_json_file_is_set_aside_and_made_anew(kind):
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


# A checkout that cannot be written


def without_rights() -> None:
    """For a process of root: permissions hold for it too (CAP_DAC_OVERRIDE leaves what it executes)."""
    if ctypes.CDLL(None).prctl(24, 1, 0, 0, 0):  # PR_CAPBSET_DROP
        os._exit(77)


READ_ONLY = """
import os, sys
from dataclasses import replace
from alloygrad.campaigns.trajectory import Settings
from compendium import ROOT
from compendium.running import studies
cell = studies.declared()["sma_n4_enumeration"]
print(studies.trajectories(cell, 2, experiments=2)["seed"].nunique())
try:
    studies.trajectories(cell, 2, experiments=1000)
except PermissionError as error:
    print(error)
os.environ["ALLOYGRAD_STORE"] = sys.argv[1]
settings = Settings("random_search", selection="random", n_experiments=1)
print(len(studies.trajectories(replace(cell, settings=settings), 1, workers=1)), ROOT)
"""


def test_a_read_only_checkout(tmp_path):
    """Recorded results are read; computing says at once what to do; another store is all that it needs."""
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "lib", checkout / "lib", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copytree(ROOT / "data", checkout / "data", ignore=shutil.ignore_patterns("runs", "raw", "hea_*", "ti_*"))
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
