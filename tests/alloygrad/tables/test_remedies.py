"""What is written in Python in a message is written in YAML for the reader of a request."""

import re

import pytest
import yaml

from alloygrad.tables.remedies import in_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Pass for example unit='at.%'.", {"unit": "at.%"}),
        ("Write for example groups=[(['Ti', 'Hf'], 0, 55)].", {"groups": [[["Ti", "Hf"], 0, 55]]}),
        ("Pass columns={'Ti': 'x'}.", {"columns": {"Ti": "x"}}),
        ("got q = 0. Pass for example q=1.", {"q": 1}),
        ("Shares are read with `read_table(…, unit='wt.%')`.", {"unit": "wt.%"}),
        ("Is unit='wt.%' meant?", {"unit": "wt.%"}),
    ],
)
def test_an_argument_becomes_a_line_of_the_request(text, value):
    found = in_yaml(text)
    (line,) = re.findall("`(.*?)`", found)
    assert yaml.safe_load(line) == value and "Pass" not in found and "read_table" not in found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Write for example {'anneal_K': (700, 1100)}.", {"anneal_K": [700, 1100]}),
        ("Write for example ({'Ti': 30.0}, None, 0.3).", [{"Ti": 30.0}, None, 0.3]),
        ("Write ag.Target('x', 60).", {"target": "x", "value": 60}),
        ("Write ag.Limit('h', at_most=10).", {"limit": "h", "at_most": 10}),
        ("Write ag.Maximise('HV').", {"maximise": "HV"}),
        ("Write for example (700, 1100).", [700, 1100]),
    ],
)
def test_a_value_becomes_one_of_yaml(text, value):
    found = in_yaml(text)
    assert yaml.safe_load(re.search(r"[\[{].*[\]}]", found)[0]) == value


def test_all_other_text_stays():
    for text in ("limits (A 60, B 50) sum to 110 at.%", "got '80-100' in row 4 (sum 3)", "MAE 3 (5 rows), z = 2"):
        assert in_yaml(text) == text
    said = "measure 1 more (`alloygrad.spaces.starting_design(space, 5)` proposes some)."
    assert in_yaml(said) == "measure 1 more (`alloygrad start` with `q: 5` proposes some)."
    for what in ("'Af (°C)'", "objective"):
        said = f"See `print(table.report({what}).to_string())`, with `table = ag.read_table(…)`."
        assert in_yaml(said) == "See `alloygrad check`."
