"""Keep the process that runs CLEED: start it late, ask it one folder at a time, replace it when it is lost."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import weakref
from pathlib import Path

_WORKER = Path(__file__).with_name("_leed_worker.py")
_LONGEST_START_S = 120.0


class LeedProcess:
    """A separate process that runs CLEED; threads queue, forked copies start their own.

    Raises:
        ImportError: At the first request, where cleedpy is not installed.
    """

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._lock, self._owner = threading.Lock(), os.getpid()
        self._process: subprocess.Popen[str] | None = None
        self._stop: weakref.finalize | None = None

    def __getstate__(self) -> dict:
        """Return nothing: a copy starts a process of its own."""
        return {}

    def __setstate__(self, state: dict) -> None:
        """Start again without a process."""
        self._reset()

    def close(self) -> None:
        """End the process. A later request starts a new one."""
        if self._stop is not None:
            self._stop()
        self._process = self._stop = None

    def run(self, folder: str, timeout_s: float) -> int:
        """Run CLEED on a folder's files.

        Args:
            folder: With `leed.inp` and phase shifts; `result.json` or `messages.txt` is added.
            timeout_s: Longest duration in seconds.

        Returns:
            The exit code of the calculation.

        Raises:
            RuntimeError: The process ended or took too long. The next request starts a new one.
        """
        if self._owner != os.getpid():  # the process answers to the parent
            self.close()
            self._reset()
        with self._lock:
            process = self._process
            if process is None or process.poll() is not None:
                self.close()
                process = self._start()
            with contextlib.suppress(BrokenPipeError):  # then the answer is missing too
                print(json.dumps(folder), file=process.stdin, flush=True)
            return self._answer(process, timeout_s)["exit"]

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # noqa: S603  no shell, and the script is the library's
            [sys.executable, "-P", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        self._process, self._stop = process, weakref.finalize(self, _end, process, self._owner)
        if "error" in (answer := self._answer(process, _LONGEST_START_S)):
            self.close()
            raise ImportError(
                f'Expected the package cleedpy; got {answer["error"]}. Install it: pip install "alloygrad[inverse]".'
            )
        return process

    def _answer(self, process: subprocess.Popen[str], timeout_s: float) -> dict:
        try:
            answers = process.stdout
            in_time = answers is not None and bool(select.select([answers], [], [], timeout_s)[0])
            if answers is not None and in_time and (line := answers.readline()):
                return json.loads(line)
        except BaseException:  # an interrupt: the late answer must not meet the next request
            self.close()
            raise
        self.close()
        got = f"the process ended (code {process.returncode})" if in_time else f"none within {timeout_s:g} s"
        raise RuntimeError(f"Expected an answer from CLEED; got {got}. Repeat the call: it starts a new process.")


def _end(process: subprocess.Popen, owner: int) -> None:
    """End a process with the calculation that it runs; in a forked copy, only close its pipes."""
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if pipe is not None:
                pipe.close()
    if owner != os.getpid():
        process.returncode = 0  # it is no child of this process
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
