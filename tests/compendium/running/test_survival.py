"""A study on a cluster whose workers, and once its client, are killed again and again: `pytest -m nightly`."""

import json
import os
import random
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest
from toys import PLAIN, Faulty, elsewhere, lengths

from alloygrad.campaigns.trajectory import SECONDS
from compendium import store
from compendium.running import studies

TRAJECTORIES, KILLS = 32, 22


@dataclass(frozen=True)
class Watched(Faulty):
    """A toy whose processes note in the folder `switch` that they measure."""

    def environment(self):
        measure = super().environment()

        def watched(c):
            if self.switch:
                (Path(self.switch) / str(os.getpid())).touch()
            return measure(c)

        return watched


STUDY = Watched(**{**vars(PLAIN), "name": "survival", "settings": replace(PLAIN.settings, n_experiments=12)})

CLIENT = f"""
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_survival import STUDY, TRAJECTORIES
studies.trajectories(replace(STUDY, switch=sys.argv[1], pause=0.1), TRAJECTORIES, workers=2, cluster="local")
"""


def is_alive(pid: int) -> bool:
    """Whether a process of this test has that number, which the system may have given to another one since."""
    try:
        return str(store.working()).encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def contents(folder: Path) -> dict[str, object]:
    """Every file of a store without what differs from run to run: seconds and the version of the code."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        if path.suffix == ".json":
            found[name] = {key: value for key, value in json.loads(path.read_text()).items() if key != "code"}
        elif not path.parent.name.startswith("."):  # half a file of a killed writer
            found[name] = pd.read_parquet(path).drop(columns=[*SECONDS, "code"])
    return found


@pytest.mark.nightly
def test_a_study_survives_the_death_of_its_workers_and_of_its_client(tmp_path, monkeypatch):
    chance, deadline = random.Random(0), time.monotonic() + 3000
    (pids := tmp_path / "pids").mkdir()
    client, killed, clients = None, set(), 0

    def workers() -> list[int]:
        return [pid for pid in map(int, os.listdir(pids)) if pid not in killed and is_alive(pid)]

    def rows() -> int:
        return sum(lengths(STUDY, TRAJECTORIES))

    while client is None or client.poll() != 0:
        if client is None or client.poll() is not None:  # the first, or one that gave trajectories up
            client, clients = elsewhere(CLIENT, pids), clients + 1
        before = rows()
        while client.poll() is None and not (rows() > before and workers()):
            assert time.monotonic() < deadline, "it takes too long"
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 1))
        if len(killed) < KILLS and (alive := workers()):
            os.kill(pid := chance.choice(alive), signal.SIGKILL)
            killed.add(pid)
        if len(killed) == KILLS // 2 and clients == 1:
            client.kill()
            client.wait()
            client = None
    survived = contents(store.working())
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path / "undisturbed"))
    studies.trajectories(STUDY, TRAJECTORIES, workers=1)
    undisturbed = contents(store.working())
    assert len(killed) >= 20 and clients >= 2
    assert len(survived) == len(undisturbed) == 2 * TRAJECTORIES and survived.keys() == undisturbed.keys()
    for name, content in undisturbed.items():
        if isinstance(content, dict):
            assert survived[name] == content
        else:
            pd.testing.assert_frame_equal(survived[name], content, check_exact=True)
