"""`make lint` finds nothing. Among the tests it shares the processors with them."""

import subprocess

import pytest

from compendium import ROOT


@pytest.mark.early
def test_style_types_and_imports_are_clean():
    done = subprocess.run(["make", "lint"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
