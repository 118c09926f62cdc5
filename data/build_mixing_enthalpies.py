# /// script
# requires-python = ">=3.11"
# dependencies = ["matminer==0.10.1"]
# ///
"""Build lib/alloygrad/features/mixing_enthalpies.csv from a file of matminer: `uv run data/build_mixing_enthalpies.py`.

The file tabulates the enthalpy of mixing of equimolar liquid pairs by Miedema's model, after Takeuchi and Inoue. Kept
are pairs of elements of our own table. No value is typed by hand. matminer is free under a modified BSD licence; its
notice stands in `mixing_enthalpies.LICENSE`.
"""

import hashlib
from importlib.metadata import files
from pathlib import Path

FEATURES = Path(__file__).parents[1] / "lib" / "alloygrad" / "features"
SHA256 = "5b461ab99d7605fb8b306bda9cfe047b266ffa3e67387cb4b0ffeccaf57a5f48"
HEAD = """\
# Enthalpy of mixing of equimolar liquid pairs in kJ/mol, Miedema's model; built by build_mixing_enthalpies.py.
# reference: Takeuchi and Inoue, Mater. Trans. 46, 2817 (2005), doi 10.2320/matertrans.46.2817
# read from: matminer 0.10.1, data_files/MiedemaLiquidDeltaHf.tsv (modified BSD licence, see mixing_enthalpies.LICENSE)
"""

(source,) = (file.locate() for file in files("matminer") if file.name == "MiedemaLiquidDeltaHf.tsv")
content = Path(source).read_bytes()
assert hashlib.sha256(content).hexdigest() == SHA256, "another file than the one declared"
table = (FEATURES / "elements.csv").read_text(encoding="utf-8").splitlines()
head, *rows = [line.split(",") for line in table if not line.startswith("#")]
known = {row[head.index("element")] for row in rows}
pairs = [line.split() for line in content.decode().splitlines()[1:]]
kept = [(*sorted(pair), value) for *pair, value in pairs if set(pair) <= known]
assert len(kept) == len({pair[:2] for pair in kept}), "a pair occurs twice"
lines = "".join(f"{a},{b},{float(value):g}\n" for a, b, value in sorted(kept))
(FEATURES / "mixing_enthalpies.csv").write_text(f"{HEAD}A,B,kJ_per_mol\n{lines}", encoding="utf-8")
print(f"{len(kept)} of {len(pairs)} pairs")
