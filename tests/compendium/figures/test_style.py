"""Names in words: the same in tables as in figures."""

import pandas as pd

from compendium.figures import style


def test_tables_say_names_in_words_and_keep_everything_else():
    rows = pd.MultiIndex.from_tuples([("sma", "slsqp_ei UCB"), ("ti", "ascent")], names=["alloy", "method"])
    table = pd.DataFrame({"yield_strength": [1.5, None], "best": ["slsqp_ei / ascent", "random"]}, index=rows)
    found = style.worded(table, {"best": "the best"})
    assert list(found.columns) == ["yield strength", "the best"]
    assert list(found.index) == [("SMA", "published gradient loop UCB"), ("Ti", "ascent")]
    assert found["the best"].tolist() == ["published gradient loop / ascent", "random experiments"]
    assert found["yield strength"].isna().tolist() == [False, True] and found.index.names == ["alloy", "method"]
    path = pd.DataFrame({"file": ["data/runs-slsqp_ei-1.csv", "slsqp_ei, n = 8"]})
    assert style.worded(path)["file"].tolist() == ["data/runs-slsqp_ei-1.csv", "published gradient loop, n = 8"]
    plain = pd.DataFrame({"a_b": [1, 2]}, index=pd.RangeIndex(3, 5))
    pd.testing.assert_frame_equal(style.worded(plain), plain, check_index_type=False)
