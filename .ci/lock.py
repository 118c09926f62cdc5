"""Rebuild requirements.lock: the versions that pip chooses for the names in pyproject.toml, given the present pins.

    make lock                          add missing packages and drop unneeded ones; no pin moves
    make lock UPGRADE="pandas tqdm"    these may move to their newest versions; UPGRADE=all: all of them

Nothing is installed: pip resolves for this machine and reports. GPU parts of torch and its local version (+cpu) are
left out, so the lock fits either build.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
HEADER = "# Every version this compendium was computed with. Rebuild: make lock.\n"

HELD = ["torch==2.13.0", "scipy<1.18"]
"""Upper limits: recorded results depend on torch; BoTorch's batched L-BFGS-B needs SciPy below 1.18."""

LEFT_OUT = re.compile(r"alloygrad|pip|setuptools|wheel|triton|(nvidia|cuda)-.*")
"""Not locked: the package itself, packages that every virtual environment has, and packages that only a GPU needs."""


NOT_LOCKED = {"atomistic", "molecules", "oracles"}
"""Extras that are used where they are installed, and belong to no environment."""


def resolve(names: list[str], constraints: list[str]) -> list[str]:
    """Return the pins of all packages that pip would install for `names`, in alphabetical order."""
    with tempfile.TemporaryDirectory() as folder:
        constraint, report = Path(folder, "constraints.txt"), Path(folder, "report.json")
        constraint.write_text("\n".join(constraints))
        options = ["--dry-run", "--ignore-installed", "--quiet", "--constraint", constraint, "--report", report]
        done = subprocess.run([sys.executable, "-m", "pip", "install", *options, *names])
        if done.returncode:
            sys.exit("pip found no set of versions (see above). requirements.lock was not changed.")
        found = [entry["metadata"] for entry in json.loads(report.read_text())["install"]]
    found = sorted((each for each in found if not LEFT_OUT.fullmatch(canonicalize_name(each["name"]))), key=_lower_name)
    return [f"{each['name']}=={each['version'].split('+')[0]}" for each in found]


def _lower_name(entry: dict) -> str:
    return entry["name"].lower()


def main(upgraded: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {name: needed for name, needed in project["optional-dependencies"].items() if name not in NOT_LOCKED}
    groups = [project["dependencies"], *extras.values()]
    names = [name for group in groups for name in group if not name.startswith("alloygrad[")]  # extras of other extras
    before = [line for line in LOCK.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    locked = {canonicalize_name(pin.split("==")[0]): pin for pin in before}
    if unknown := {canonicalize_name(name) for name in upgraded} - set(locked) - {"all"}:
        sys.exit(f"Expected packages of requirements.lock, or 'all', in UPGRADE; got {sorted(unknown)}.")
    free = set(locked) if "all" in upgraded else {canonicalize_name(name) for name in upgraded}
    after = resolve(names, [*HELD, *(pin for name, pin in locked.items() if name not in free)])
    LOCK.write_text(HEADER + "\n".join(after) + "\n", encoding="utf-8")
    for sign, pins in (("-", set(before) - set(after)), ("+", set(after) - set(before))):
        print(*(f"{sign} {pin}" for pin in sorted(pins)), sep="\n", end="\n" if pins else "")
    print(f"requirements.lock: {len(after)} pins. Now `make env` and `make test`." if before != after else "No change.")


if __name__ == "__main__":
    main(sys.argv[1:])
