"""A Jupyter kernel that starts at once: a process imports the packages that take seconds, and forks for each notebook.

    with warm_kernel.serving() as folder:  # with JUPYTER_PATH=folder there is a kernel called NAME
        ...

Each notebook has a process of its own, as with any kernel, and imports the project's modules itself.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

NAME = "warm"

PACKAGES = (
    *(
        "torch",
        "pandas",
        "pyarrow.parquet",
        "scipy.stats",
        "sklearn.ensemble",
        "sklearn.metrics",
        "ipykernel.kernelapp",
    ),
    *("matplotlib.pyplot", "matplotlib.backends.backend_agg"),
    *("matplotlib.backends.backend_pdf", "mpltern", "seaborn"),
)
"""Most notebooks import these. None starts a thread, which a fork would lose."""


@contextlib.contextmanager
def serving():
    """Start the process; yield a folder for JUPYTER_PATH."""
    with tempfile.TemporaryDirectory(prefix="warm") as folder:  # a socket's path has 107 characters at most
        path, spec = Path(folder) / "socket", Path(folder) / "kernels" / NAME / "kernel.json"
        argv = [sys.executable, "-I", "-S", __file__, "start", str(path), "{connection_file}"]
        spec.parent.mkdir(parents=True)
        spec.write_text(json.dumps({"argv": argv, "display_name": NAME, "language": "python"}))
        environment = {**os.environ, "MPLBACKEND": "agg"}
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with subprocess.Popen([sys.executable, __file__, "serve", path], env=environment, **pipes) as server:
            assert server.stdout.readline(), "the process that serves kernels ended"
            yield folder


def serve(path):
    """Import, then fork for each that connects; end when standard input is closed."""
    for name in PACKAGES:
        importlib.import_module(name)
    assert threading.active_count() == 1
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print(flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # kernels that have ended leave nothing behind
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        asking, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            become_kernel(asking)
        asking.close()


def become_kernel(asking):
    """Run a kernel in the folder and environment of the process that asks, as long as that process lives."""
    asked = json.loads(asking.makefile().readline())
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads the pipe that told of the server's start
    sys.argv, sys.path[0] = ["ipykernel_launcher", "-f", asked["connection"]], ""
    threading.Thread(target=leave_with, args=(asking,), daemon=True).start()
    from ipykernel import kernelapp

    kernelapp.launch_new_instance()
    os._exit(0)


def leave_with(asking):
    """End this process with the one at the other end of the socket."""
    asking.recv(1)
    os._exit(1)


def start(path, connection):
    """Ask for a kernel; live as long as it and the process that started this one."""
    parent = os.getppid()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        asked = {"folder": os.getcwd(), "environment": dict(os.environ), "connection": connection}
        server.sendall(json.dumps(asked).encode() + b"\n")
        while os.getppid() == parent and not select.select([server], [], [], 1)[0]:
            pass


if __name__ == "__main__":
    {"serve": serve, "start": start}[sys.argv[1]](*sys.argv[2:])
