"""Run CLEED in a process of its own: it prints from C, leaks files and memory, and ends the process on an error.

The parent writes one line per calculation: a folder with `leed.inp` and the phase shifts it names. Each calculation
runs in a fork of this process, so that every one starts from the same state. It leaves `result.json` in the folder, or
CLEED's messages in `messages.txt`. The answer is one line with the fork's exit code.
"""

import json
import os
from collections.abc import Callable


def main() -> None:
    """Answer requests until the parent closes standard input."""
    requests = os.fdopen(os.dup(0), "r")
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # what C prints must not reach the answers or the user's terminal
        os.dup2(nothing, descriptor)
    try:
        from cleedpy.interface.cleed import call_cleed, get_cleed_lib

        get_cleed_lib()
    except Exception as error:  # the parent says it: no module, or no library for this platform
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), file=answers)
        return
    print(json.dumps({"ready": True}), file=answers)
    while line := requests.readline():
        process = os.fork()
        if process == 0:
            _calculate(json.loads(line), call_cleed)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        try:
            print(json.dumps({"exit": code}), file=answers)
        except BrokenPipeError:  # the parent is gone
            return


def _calculate(folder: str, call_cleed: Callable) -> None:
    code = 1
    try:
        os.chdir(folder)  # CLEED's buffers hold paths of 255 characters: short names fit
        os.dup2(os.open("messages.txt", os.O_WRONLY | os.O_CREAT), 2)
        result = call_cleed("leed.inp", "leed.inp", ".")
        n_beams, n = result.n_beams, result.n_energies
        beams = [result.beam_index1[:n_beams], result.beam_index2[:n_beams]]
        with open("result.json", "w") as file:
            json.dump({"beams": beams, "intensities": result.iv_curves[: n * n_beams], "n_energies": n}, file)
        code = 0
    except Exception as error:
        os.write(2, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(code)  # no clean-up of what belongs to the parent


if __name__ == "__main__":
    main()
