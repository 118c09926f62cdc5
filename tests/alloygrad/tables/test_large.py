"""Time and memory of the command, on made-up tables of eight elements, two aims and a limit."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest
import yaml

import alloygrad as ag

ELEMENTS = ("Al", "Co", "Cr", "Cu", "Fe", "Mn", "Ni", "Ti")


def written(folder, n):
    space, rng = ag.CompositionSpace(dict.fromkeys(ELEMENTS, (0, 40)), step=0.5), np.random.default_rng(0)
    at = space.fractions(space.sample(n, rng))
    vec, mismatch = ag.FeatureMap(ELEMENTS, ["mean:VEC", "mismatch:R"])(at).numpy().T
    table = space.table(space.counts(at)).drop(columns="formula")
    table["strength"] = 600 + 3e4 * mismatch**1.5 + 800 * at[:, 0] + 40 * rng.normal(size=n)
    table["elongation"] = 40 - 2500 * mismatch**1.2 * at[:, 0] + 4 * np.cos(6 * vec) + 2 * rng.normal(size=n)
    table["density"] = 8.9 - 9 * at[:, 0] - 5 * at[:, 7] + 0.05 * rng.normal(size=n)
    table.to_csv(folder / "my.csv", index=False)
    wishes = [{"maximise": "strength"}, {"maximise": "elongation"}, {"limit": "density", "at_most": 7.5}]
    said = dict(csv="my.csv", unit="at.%", bounds={e: [0, 40] for e in ELEMENTS}, step=0.5, objectives=wishes, q=4)
    (folder / "my.yaml").write_text(yaml.safe_dump(said))
    return str(folder / "my.yaml")


@pytest.mark.nightly
@pytest.mark.parametrize(("n", "seconds"), [(150, 60), (5000, 300)])
def test_from_a_table_to_suggestions(tmp_path, n, seconds):
    """One thread: the processor's seconds are those of the clock on an idle machine. Memory: of the largest child."""
    command = [sys.executable, "-m", "alloygrad.tables.command", "suggest", written(tmp_path, n)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < seconds
    assert after.ru_maxrss < 2e6  # kB
    assert "Written to" in done.stdout and ("approximation" in done.stdout) == (n > 1000)
