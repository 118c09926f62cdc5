"""README's examples run as they are written, one after the other, next to the example table."""

import re
import shutil

import pandas as pd

from compendium import DATA, ROOT


def test_the_examples_of_the_readme_run(tmp_path, monkeypatch):
    shutil.copy(DATA / "examples" / "sma_noisy.csv", tmp_path / "my.csv")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    ran: dict = {}
    for block in blocks:
        *before, last = block.strip().splitlines()
        exec("\n".join(before), ran)
        shown = eval(last, ran)
        if last.startswith("campaign.suggest"):
            assert isinstance(shown, pd.DataFrame) and shown["predicted"].notna().all()
    assert len(blocks) == 2 and shown["candidate"].tolist()[0] in ("E", "F")
