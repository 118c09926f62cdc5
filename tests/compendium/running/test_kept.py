"""Rows that are computed once: found where they are, made where they are missing, and numbers out of their text."""

import pandas as pd

from compendium import store
from compendium.running.kept import Kept, by_seed, spread, unrolled

KEPT = Kept("squares", ("n", "seed"), ("n", "seed", "value"))
KEYS = [{"n": n, "seed": 0} for n in (3, 1, 2)]


def test_rows_are_made_once_and_come_in_the_order_of_their_keys(monkeypatch, tmp_path):
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path))
    made = []

    def make(key):
        made.append(key["n"])
        return {"value": key["n"] ** 2} if key["n"] < 3 else None  # 3 cannot be computed here

    assert KEPT.rows(KEYS, make, compute_missing=False) == [] and made == []
    assert [row["value"] for row in KEPT.rows(KEYS, make)] == [1, 4]
    assert [row["n"] for row in KEPT.rows(KEYS, make)] == [1, 2] and made == [3, 1, 2, 3]
    assert KEPT.find(n=3, seed=0) is None


def test_numbers_kept_as_text_are_columns():
    rows = [{"n": 1, "code": "x", "curve": "0.5 2"}, {"n": 2, "code": "x", "curve": "1 3e-2"}]
    expected = pd.DataFrame({"n": [1, 2], 0: [0.5, 1.0], 1: [2.0, 0.03]})
    pd.testing.assert_frame_equal(spread(rows, ("n",), "curve", 2), expected, check_column_type=False)


def test_rows_by_seed_are_paired_and_unroll_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "working", lambda: tmp_path)
    kept = Kept("by_seed", ("pool", "arm", "seed", "behaviour"), ("pool", "arm", "seed", "behaviour", "found"))

    def make(key):
        return {"found": f"0 {key['seed']}"} if key["pool"] != "absent" else None

    table = by_seed(kept, iter(["a", "absent"]), ["x", "y"], range(2), 7, make)
    assert table[["seed", "arm"]].to_numpy().tolist() == [[0, "x"], [0, "y"], [1, "x"], [1, "y"]]
    assert len(by_seed(kept, ["a"], ["x", "z"], range(3), 7, make, compute_missing=False)) == 2
    long = unrolled(table[2:3], ["arm", "seed"], "found", int)
    assert long.to_dict("list") == {"arm": ["x", "x"], "seed": [1, 1], "batch": [0, 1], "found": [0, 1]}
