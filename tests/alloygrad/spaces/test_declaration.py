"""A space declared in at.%: the same grid as in fractions, and contradictions named with the limit to change."""

import numpy as np
import pandas as pd
import pytest

from alloygrad.spaces import CompositionSpace, Group
from alloygrad.spaces.composition import formula

BOUNDS = {"Al": (80, 100), "Cu": (0, 10), "Mg": (0, 10)}
GROUPS = [(["Cu", "Mg"], 0, 15)]
SPACE = CompositionSpace(BOUNDS, step=0.5, groups=GROUPS)


def test_percent_and_fractions_declare_the_same_space():
    groups = (Group(("Cu", "Mg"), 0.15),)
    assert SPACE == CompositionSpace.from_fractions(("Al", "Cu", "Mg"), (0.8, 0, 0), (1, 0.1, 0.1), 0.005, groups)
    percent = "Al 80 … 100, Cu 0 … 10, Mg 0 … 10, group {Cu Mg} 0 … 15 at.%, step 0.5"
    assert repr(SPACE) == f"<CompositionSpace: {percent}>"
    assert CompositionSpace(BOUNDS, step=0.5, groups=None) == CompositionSpace(BOUNDS, step=0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bounds": {"Al": (0, 100)}}, "two elements or more"),
        ({"bounds": [(80, 100), (0, 10)]}, "two elements or more"),
        ({"bounds": {**BOUNDS, "Cu": (10, 5)}}, "the bounds of Cu; got 10 … 5"),
        ({"bounds": {**BOUNDS, "Cu": (-1, 5)}}, "the bounds of Cu; got -1 … 5"),
        ({"bounds": {**BOUNDS, "Cu": (0, float("nan"))}}, "the bounds of Cu; got 0 … nan"),
        ({"bounds": {**BOUNDS, "Cu": "0-5"}}, "two numbers for the bounds of Cu"),
        ({"bounds": {**BOUNDS, "Cu": 5}}, "two numbers for the bounds of Cu"),
        ({"bounds": {**BOUNDS, "Cu": ("0", "10")}}, r"bounds of Cu.*\('0', '10'\).*without quotation marks"),
        ({"groups": [(["Cu", "Mg"], "0", 15)]}, r"group of Cu Mg.*\('0', 15\).*without quotation marks"),
        ({"bounds": {"al": (80, 100), "Cu": (0, 20)}}, "'al' is no element symbol. Is 'Al' meant"),
        (
            {"groups": [(["Cu", "Mg"], 0, 0.15)], "bounds": {**BOUNDS, "Al": (80, 90)}},
            "{Cu Mg} 0.*90 at.*limits are in",
        ),
        ({"bounds": {**BOUNDS, "Cu": (9.1, 9.3)}}, "no multiple of 0.5 at.% within its limits 9.1 … 9.3 at.%"),
        (
            {"bounds": {"Al": (90, 100), "Cu": (8, 10), "Mg": (5, 10)}},
            "lower limits .* sum to 103 at.%.*must sum to 100",
        ),
        ({"bounds": {"Al": (50, 60), "Cu": (0, 10), "Mg": (0, 10)}}, "upper limits .* sum to 75 at.%.*must sum to 100"),
        ({"bounds": {"Al": (0.8, 0.9), "Cu": (0, 0), "Mg": (0, 0)}}, "Multiply them and the step by 100"),
        (
            {"bounds": {"Al": (0.2, 0.9), "Cu": (0, 0.3), "Mg": (0, 1)}},
            r"none above 1, which look like fractions. Multiply them and the step by 100, or write .*from_fractions",
        ),
        (
            {"bounds": {"Al": (0.2, 1.5), "Cu": (0, 0.3), "Mg": (0, 0.1)}},
            "sum to 1.5 at.%.*must sum to 100 at.%. Raise some of them, or add the base element",
        ),
        ({"groups": [(["Cu", "Mg"], 25, 30)]}, "sum to 20 at.%, but group {Cu Mg} must have at least 25"),
        ({"groups": [(["Al", "Mg"], 0, 70)]}, "sum to 80 at.%, but group {Al Mg} must have at most 70"),
        ({"groups": [(["Cu", "Mg"], 0, 5), (["Al", "Cu"], 0, 100)]}, "overlap in"),
        ({"groups": [(["Cu", "Zn"], 0, 15)]}, r"group of Cu Zn; got \['Zn'\]"),
        ({"groups": [("Cu Mg", 0, 15)]}, r"\(elements, least, most\)"),
        ({"groups": [(["Cu", "Mg"], 15)]}, r"\(elements, least, most\)"),
        ({"step": 0.3}, "got 0.3 at.%"),
        ({"step": 0}, "got 0 at.%"),
        ({"step": "0.5"}, "the step as a number"),
    ],
)
def test_a_space_that_cannot_be_declared_says_which_limit_to_change(change, message):
    arguments = {"bounds": BOUNDS, "step": 0.5, "groups": GROUPS} | change
    with pytest.raises(ValueError, match=message):
        CompositionSpace(arguments.pop("bounds"), **arguments)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"Al": [0.9], "Cu": [0.1], "Mg": [0.0]}, "sum 1.*Multiply fractions by 100"),
        ({"Al": [90], "Cu": [12], "Mg": [-2]}, "shares ≥ 0.*Correct the row"),
        ({"Al": [90, 90], "Cu": [10, 7], "Mg": [0, 0]}, "row 1 .*sum 97.*Correct the row"),
        ({"Al": [90], "Cu": [10], "Mg": [0], "Mg at.%": [1]}, "one column for Mg; got 'Mg at.%' as well"),
        ({"Al wt.%": [90], "Cu": [10], "Mg": [0]}, "Columns in wt.% are read from a file"),
        ({"Al": [90], "Cu": ["much"], "Mg": [0]}, "row 0"),
        ({"Al": [90], "Cu": [10]}, r"lacks \['Mg'\]"),
        ({"Al": [90, 90], "Cu": [10, 5], "Mg": [0, 0], "Zr": [0, 5]}, r"has \['Zr'\], with which row 1 sums to 100"),
        ({"Al": [90], "Cu": [2], "Mg": [0], "Zr": [5], "Hf": [3], "V": [12]}, r"has \['Zr', 'Hf'\], with which row 0"),
        ({"Al": [90], "Cu": [2], "Mg": [0], "Zr": [5]}, "row 0 is .* sum to 100|sum 92"),
    ],
)
def test_a_table_that_holds_no_compositions_says_what_it_lacks(rows, message):
    with pytest.raises(ValueError, match=message):
        SPACE.read(pd.DataFrame(rows))


def test_a_voltage_is_no_vanadium_where_the_row_is_whole_without_it():
    table = pd.DataFrame({"Al": [90, 85], "Cu": [10, 10], "Mg": [0, 5], "V": [10, 5], "H": [0.1, 0.2]})
    np.testing.assert_allclose(SPACE.read(table), [[0.9, 0.1, 0], [0.85, 0.1, 0.05]])


def test_a_formula_has_the_decimal_that_is_meant():
    assert formula(("Ti", "Ni", "Cu"), [49.5, 50.5, 0]) == "Ti49.5Ni50.5"
    space = CompositionSpace({"Ti": (0, 100), "Ni": (0, 100)}, step=0.1)
    every = space.table(np.array([[n, 1000 - n] for n in range(1, 1000)]))["formula"]
    assert [text.partition("Ni")[0] for text in every] == [
        f"Ti{n // 10}" + (f".{n % 10}" if n % 10 else "") for n in range(1, 1000)
    ]
