"""Stores that a test may fill and break."""

import shutil

import pytest
from toys import PLAIN, TOY, declare, read_records

from compendium.running import clusters, studies


@pytest.fixture(autouse=True)
def fresh_store(monkeypatch, tmp_path):
    """An empty store in the test's folder, which is returned; records are not read."""
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path / "store"))
    monkeypatch.delenv(clusters.VARIABLE, raising=False)
    return tmp_path


def computed(folder, cell, n):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALLOYGRAD_STORE", str(folder / "runs"))
        return studies.trajectories(cell, n, workers=1)


@pytest.fixture(scope="session")
def two_seeds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two_seeds")
    computed(folder, TOY, 2)
    return folder


@pytest.fixture
def working(two_seeds, monkeypatch, tmp_path):
    """A working store with two seeds of one cell, results in an empty folder, records being read."""
    shutil.copytree(two_seeds, tmp_path, dirs_exist_ok=True)
    read_records(monkeypatch, tmp_path)
    declare(monkeypatch, TOY)
    return tmp_path


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """Three trajectories of `PLAIN` to which nothing happened."""
    return computed(tmp_path_factory.mktemp("undisturbed"), PLAIN, 3)
