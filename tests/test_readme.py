"""README's examples run as they are written, one after the other, next to the example table."""

import re
import shutil

import pytest

from compendium import DATA, ROOT


@pytest.mark.filterwarnings("ignore:sma_noisy|my.csv")
def test_the_examples_of_the_readme_run_and_show_what_stands_there(tmp_path, monkeypatch):
    shutil.copy(DATA / "examples" / "sma_noisy.csv", tmp_path / "my.csv")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    ran: dict = {}
    own, candidates = (run(block, ran) for block in re.findall(r"```python\n(.*?)```", text, re.S))
    printed = re.search(r"```text\n(.*?)```", text, re.S)[1]
    assert own.to_string().split() == printed.split()
    assert candidates["candidate"].tolist()[0] in ("F", "G") and candidates["predicted"].notna().all()


def run(block: str, names: dict):
    """Execute a block of code, and return the value of its last line."""
    *before, last = block.strip().splitlines()
    exec("\n".join(before), names)
    return eval(last, names)
