"""Where the calls of a study run in parallel: in processes of this machine (joblib), or on a Dask cluster.

A cluster is named by one word:
    local                   workers on this machine: to try it
    tcp://scheduler:8786    a running scheduler
    path/to/profile.yaml    jobs of a queue, by dask-jobqueue; as in notebooks/profiles/cluster_slurm.yaml

Workers need this checkout and the store under the same paths as here (a shared file system does), and one thread
each. The environment variable ALLOYGRAD_CLUSTER names a cluster for all studies of a process, notebooks included.

Calls are sent by Dask's own futures. Through joblib's Dask backend (joblib 1.6) a call that Dask gives up, since its
workers died, never returns: the study would hang.
"""

import os
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

from joblib import Parallel, cpu_count, delayed

from compendium import ROOT

VARIABLE = "ALLOYGRAD_CLUSTER"

QUEUES = ("HTCondorCluster", "LSFCluster", "OARCluster", "PBSCluster", "SGECluster", "SLURMCluster")
"""Classes of dask-jobqueue that a profile may name."""

REFILL_S = 30.0
"""After so many seconds without news, a cluster of ours is asked again for workers that it has dropped."""

_clients: dict[tuple, Any] = {}
_asked: dict[str, Callable[[], None] | None] = {}  # by client


class WorkersLost(RuntimeError):
    """All workers were lost; what they had finished is stored."""


def named(cluster: str | None = None) -> str | None:
    """The cluster asked for, by argument or else by ALLOYGRAD_CLUSTER; None for processes of this machine."""
    return cluster or os.environ.get(VARIABLE) or None


def connect(cluster: str, workers: int | None = None):
    """Return a `distributed.Client` of the named cluster. It is kept for the process; a lost one is replaced.

    Args:
        cluster: One of the three kinds of name above.
        workers: Number of workers of "local" (default: one per processor).

    Raises:
        ValueError: The name or the profile is not valid, or workers have several threads.
        ModuleNotFoundError: Dask or dask-jobqueue is not installed.
        OSError: No scheduler answers.
    """
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError as error:
        error.add_note("A cluster needs Dask: pip install dask distributed")
        raise
    key = (cluster, workers)
    if key in _clients and _clients[key].status == "running":
        return _clients[key]
    ask = None
    if cluster == "local":
        n = workers or cpu_count()
        place = LocalCluster(n_workers=n, threads_per_worker=1, memory_limit=None, dashboard_address=":0")
        ask = partial(place.scale, n)
    elif "://" in cluster:
        place = cluster
    elif cluster.endswith((".yaml", ".yml")):
        place, ask = _queue(ROOT / Path(cluster).expanduser())
        ask()
    else:
        raise ValueError(
            "Expected 'local', the address of a scheduler (tcp://host:8786), or a .yaml profile of a queue such as "
            f"notebooks/profiles/cluster_slurm.yaml; the cluster is {cluster!r}."
        )
    client = Client(place, set_as_default=False)
    _asked[client.id] = ask
    if not client.nthreads():
        print(f"Waiting for the first worker of {cluster} …", flush=True)
    client.wait_for_workers(1)
    if several := {worker: n for worker, n in client.nthreads().items() if n > 1}:
        client.close()
        raise ValueError(
            f"Expected workers of one thread; {cluster} has workers of several threads: {several}. Trajectories that "
            "share a process would disturb each other's arithmetic: `dask worker --nthreads 1 --nworkers …`."
        )
    _clients[key] = client
    return client


def _queue(profile: Path) -> tuple[Any, Callable[[], None]]:
    """(the cluster that a profile describes, what asks for its jobs)."""
    import yaml

    content = yaml.safe_load(profile.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or set(content) != {"cluster", "jobs", "options"}:
        raise ValueError(
            f"{profile}: expected exactly cluster, jobs and options, as in notebooks/profiles/cluster_slurm.yaml; it "
            f"holds {sorted(content) if isinstance(content, dict) else content!r}."
        )
    if content["cluster"] not in QUEUES:
        raise ValueError(f"{profile}: cluster is {content['cluster']!r}; expected one of {', '.join(QUEUES)}.")
    try:
        import dask_jobqueue
    except ModuleNotFoundError as error:
        error.add_note(f"{profile} asks for a {content['cluster']}: pip install dask-jobqueue")
        raise
    options = content["options"]
    cluster = getattr(dask_jobqueue, content["cluster"])(**options, processes=options["cores"])  # a thread each
    return cluster, partial(cluster.scale, jobs=content["jobs"])


def size(client) -> int:
    """Workers that a cluster has now; 0 once it is lost."""
    return client.scheduler_info(n_workers=0)["total_threads"] if client.status == "running" else 0


def outcomes(
    function: Callable, calls: Mapping[Hashable, tuple], done: Callable[[Hashable], int], *, workers: int, client=None
) -> Iterator[tuple[Hashable, Any]]:
    """Yield (key, function(*call)) for all calls as they end, run in `workers` processes or by a `client`.

    When a worker of a cluster dies, Dask sends its call to another. A call that Dask gives up after several deaths is
    sent again if done(key) has grown meanwhile; otherwise its outcome is a text that says so.

    Raises:
        WorkersLost: Nothing more can come.
        Exception: What a call raised.
    """
    if client is None:
        keyed = delayed(lambda key, call: (key, function(*call)))
        try:
            yield from Parallel(workers, return_as="generator_unordered")(keyed(*item) for item in calls.items())
        except BrokenProcessPool as error:
            raise WorkersLost(f"a worker process was killed (out of memory?): {type(error).__name__}") from error
        return
    from distributed import KilledWorker, as_completed

    before = {key: done(key) for key in calls}
    keys = {client.submit(function, *call, pure=False): key for key, call in calls.items()}
    ended = as_completed(list(keys), loop=client.loop)
    try:
        while keys:
            future = _next(ended, client)
            key = keys.pop(future)
            if future.cancelled():
                raise WorkersLost("the connection to the cluster's scheduler was lost")
            if not isinstance(error := future.exception(), KilledWorker):
                yield key, future.result()
            elif (now := done(key)) > before[key]:
                before[key] = now
                again = client.submit(function, *calls[key], pure=False)
                keys[again] = key
                ended.add(again)
            else:
                yield key, f"{error.allowed_failures + 1} workers in turn died of it (out of memory?); see their logs"
    finally:
        if keys and client.status == "running":  # interrupted: calls that have not begun are not wanted any more
            client.cancel(list(keys))


def _next(ended, client):
    """The next future that has ended. Dask drops a worker for good that was slow to restart: ask for it again."""
    asked = time.monotonic()
    while not ended.has_ready():
        time.sleep(0.02)
        if (ask := _asked.get(client.id)) and time.monotonic() > asked + REFILL_S:
            ask()
            asked = time.monotonic()
    return next(ended)
