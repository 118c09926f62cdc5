"""A cluster named by one word: what it may be, and that trajectories are the same on it as anywhere."""

import sys
from types import ModuleType

import pytest
import yaml
from distributed import LocalCluster
from toys import TOY, assert_same

from compendium import ROOT
from compendium.running import clusters, studies

SLURM = ROOT / "notebooks" / "profiles" / "cluster_slurm.yaml"


def in_one_process(**options) -> LocalCluster:
    return LocalCluster(processes=False, dashboard_address=":0", **options)


@pytest.fixture(autouse=True)
def no_clients(monkeypatch):
    monkeypatch.setattr(clusters, "_clients", known := {})
    yield
    for client in known.values():
        client.shutdown() if client.status == "running" else client.close()


def test_the_tables_are_those_of_one_process(monkeypatch, tmp_path):
    alone = studies.trajectories(TOY, 3, workers=1)
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path / "cluster"))
    assert_same(studies.trajectories(TOY, 3, workers=2, cluster="local"), alone)
    assert len(clusters.connect("local", 2).nthreads()) == 2 and len(clusters._clients) == 1  # kept


def test_an_address_in_the_environment_variable_is_enough(monkeypatch):
    with in_one_process(n_workers=1, threads_per_worker=1) as running:
        monkeypatch.setenv(clusters.VARIABLE, running.scheduler_address)
        rows = studies.trajectories(TOY, 1, experiments=0)
        (client,) = clusters._clients.values()
        assert client.scheduler.address == running.scheduler_address and len(rows) == 6
        client.close()


def test_a_lost_client_is_made_anew():
    first = clusters.connect("local", 1)
    first.shutdown()
    assert clusters.connect("local", 1) is not first


def test_workers_of_several_threads_are_refused():
    with in_one_process(n_workers=1, threads_per_worker=2) as running:
        with pytest.raises(ValueError, match=r"several threads: \{.*: 2\}.*--nthreads 1"):
            clusters.connect(running.scheduler_address)


@pytest.mark.parametrize("name", ["slurm", "smoke", ""])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="Expected 'local', the address of a scheduler"):
        clusters.connect(name)
    assert clusters.named(None) is None and clusters.named(name or None) == (name or None)


# Queues


@pytest.fixture
def queue(monkeypatch) -> dict:
    """A stand-in for dask-jobqueue that notes what is asked for."""
    asked, module = {}, ModuleType("dask_jobqueue")

    def make(**options):
        cluster = in_one_process(n_workers=0, threads_per_worker=2)
        asked.update(options)
        cluster.scale = lambda jobs: (asked.update(jobs=jobs), LocalCluster.scale(cluster, 1))
        return cluster

    module.SLURMCluster = make
    monkeypatch.setitem(sys.modules, "dask_jobqueue", module)
    return asked


def test_the_shipped_profile_asks_for_its_jobs_with_a_thread_for_each_worker(queue):
    content = yaml.safe_load(SLURM.read_text())
    with pytest.raises(ValueError, match="several threads"):  # the stand-in's worker has them all
        clusters.connect("notebooks/profiles/cluster_slurm.yaml")
    assert queue == {**content["options"], "processes": content["options"]["cores"], "jobs": content["jobs"]}


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: {**c, "cluster": "LocalCluster"}, "cluster is 'LocalCluster'; expected one of"),
        (lambda c: {**c, "cluster": "__builtins__"}, "expected one of"),
        (lambda c: {**c, "more": 1}, "expected exactly cluster, jobs and options"),
        (lambda c: [1], "expected exactly cluster, jobs and options"),
    ],
)
def test_a_profile_that_is_none_is_refused(queue, tmp_path, change, message):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(change(yaml.safe_load(SLURM.read_text()))))
    with pytest.raises(ValueError, match=message):
        clusters.connect(str(tmp_path / "mine.yaml"))
    assert queue == {}


@pytest.mark.parametrize(
    "module, cluster, package", [("dask_jobqueue", str(SLURM), "dask-jobqueue"), ("distributed", "local", "dask")]
)
def test_without_a_package_it_says_what_to_install_and_one_machine_works(monkeypatch, module, cluster, package):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError) as caught:
        clusters.connect(cluster)
    assert f"pip install {package}" in caught.value.__notes__[0]
    assert len(studies.trajectories(TOY, 1, experiments=0, workers=1)) == 6
