"""Slips in sound measurements: each is named with its row and what to do, and common sound data draw no warning."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from alloygrad.campaigns.campaign import Campaign
from alloygrad.campaigns.cautions import slipped
from alloygrad.spaces import Box, CompositionSpace

SPACE = CompositionSpace({"Ti": (20, 55), "Ni": (20, 55), "Cu": (0, 20)}, step=0.5)
TABLE = SPACE.table(SPACE.sample(7, np.random.default_rng(0))).drop(columns="formula")
VALUES = [10, 12, 11, 9, 8, 13, 12.5]


def told(values=VALUES, **columns) -> Campaign:
    campaign = Campaign(SPACE, "H", inputs="fractions")
    campaign.tell(TABLE.assign(H=values, **columns))
    return campaign


@pytest.mark.parametrize(
    ("value", "meant"), [(1100, "11"), (110, "11"), (0.11, "11"), (11, None), (16, None), (40, None), (-20, None)]
)
def test_a_misplaced_decimal_point_is_found_among_few_rows(value, meant):
    found = [text for text in told([*VALUES[:2], value, *VALUES[3:]]).warnings if "decimal point" in text]
    if meant is None:
        assert not found
    else:
        lead = f"Measurement 3: H = {value:.4g}, all others lie in 8 … 13. Is the decimal point misplaced ({meant})?"
        assert len(found) == 1 and found[0].startswith(lead)


@pytest.mark.parametrize("mark", [99999, 136000, 1.36e6, -999, 0])
def test_a_mark_for_not_measured_is_found(mark):
    values = np.linspace(8.31, 16.3, 12)
    values[3] = mark
    found = f"R: H = {mark:.6g}, all others lie in 8.31 … 16.3. Is it a mark for 'not measured'? Leave the row out; "
    assert slipped(values, ["R"] * 12, "H") == [found + "otherwise check the number."]
    few = slipped(values[:5], ["R"] * 5, "H")
    assert bool(few) == (mark != 0)  # a 0 among few is not so clear
    assert not slipped(np.where(values == mark, mark, 5.0), ["R"] * 12, "H")  # nor anything among equal values


SMALL = [7, 8.5, 9, 10, 170, 11, 12.5, 15, 18, 19, 21, 23.5]


def test_a_gross_slip_in_a_small_table_is_said_when_it_is_told_and_once():
    """Its factor to the others is hardly larger than their own range, but by number it lies far above them."""
    table = SPACE.table(SPACE.sample(12, np.random.default_rng(0))).drop(columns="formula").assign(H=SMALL)
    campaign = Campaign(SPACE, "H", inputs="fractions")
    said = "Measurement 5: H = 170, all others lie in 7 … 23.5. Is the decimal point misplaced (17)? Correct"
    with pytest.warns(UserWarning, match=re.escape(said)):
        campaign.tell(table)
    assert sum(text.startswith(said) for text in campaign.warnings) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        campaign.tell(table.drop(index=4).head(3).assign(H=[7.5, 9.5, 12]))
    assert not slipped(np.array([17 if value == 170 else value for value in SMALL]), ["R"] * 12, "H")


def test_values_over_many_decades_draw_no_warning_of_a_slip():
    rng = np.random.default_rng(0)
    for decades in (1, 2, 4, 8):
        for n in (10, 12, 20, 40):
            found = sum(bool(slipped(10 ** (decades * rng.random(n)), ["x"] * n, "y")) for _ in range(300))
            assert found <= 300 * 0.01


def test_sound_values_draw_no_warning_of_a_slip():
    """Normal and exponential samples and a spread over decades: one in a hundred at most; uniform ones near 0: five."""
    rng = np.random.default_rng(0)
    uniform = rng.random
    for draw in (rng.normal, uniform, rng.exponential, lambda size: np.exp(rng.normal(size=size))):
        for n in (8, 12, 30):
            found = sum(bool(slipped(draw(size=n), ["x"] * n, "y")) for _ in range(300))
            assert found <= 300 * (0.05 if draw is uniform else 0.01)


def test_a_row_that_all_others_contradict_is_found_among_many():
    """A slip within the range of the values, which only a model sees."""
    x = np.linspace(0, 1, 40)
    y = 10 * x + 0.1 * np.random.default_rng(0).normal(size=40)
    y[20] += 4
    campaign = Campaign(Box({"x": (0, 1)}), "y")
    campaign.tell(pd.DataFrame({"x": x, "y": y}))
    (found,) = [text for text in campaign.warnings if "from all others" in text]
    assert found.startswith(f"Measurement 21: {y[20]:.4g}, from all others") and "check this number" in found


def test_a_column_named_like_an_element_is_ignored_and_said():
    (found,) = [text for text in told(Fe=5.0, C=0, W="wrought", V=-1).warnings if "ignored" in text]
    assert found.startswith("Column 'Fe' is ignored") and "7 of 7 rows" in found and "declare it" in found


def test_a_table_that_is_told_twice_is_said():
    campaign = told()
    assert not any("already" in text for text in campaign.warnings)
    campaign.tell(TABLE.assign(H=np.array(VALUES) + 1))  # repeats of the experiments
    assert not any("already" in text for text in campaign.warnings)
    campaign.tell(TABLE.assign(H=[*VALUES[:6], 1.0]))
    (found,) = [text for text in campaign.warnings if "already" in text]
    assert found.startswith("6 of 7 rows were in the campaign already, with the same values") and "only new" in found


def test_equal_outcomes_are_said():
    campaign, said = told([3.0] * 7), "All 7 values of 'H' are 3. Check the column: wrong one, or filled down?"
    assert campaign.warnings.count(said) == 1
    with pytest.warns(UserWarning, match=re.escape(said)):
        assert campaign.suggest()["warning"].item().startswith(said)


def test_a_value_in_another_unit_comes_first_and_most_suggestions_outside_are_said():
    """One suggestion outside is usual at first; of several, most are worth a warning."""
    box = Box({"T_K": (300, 900, "K"), "h": (1, 5)})
    rows = pd.DataFrame({"T_K": [400, 450, 420, 430, 410, 30], "h": [1, 1.2, 1.4, 1.1, 1.3, 1.5]})
    campaign = Campaign(box, "y")
    campaign.tell(rows.assign(y=rows["h"] + rows["T_K"] / 100))
    with pytest.warns(UserWarning) as said:
        found = campaign.suggest(3)["warning"]
    assert found.iloc[0].startswith("T_K was measured at 30 K, far outside its limits 300 … 900 K. Correct the value")
    outside = found.str.contains("Outside what was measured").sum()
    assert outside >= 2 and any(str(one.message).startswith(f"{outside} of 3 suggestions lie outside") for one in said)
    with pytest.warns(UserWarning) as alone:
        campaign.suggest()
    assert len(alone) == 1


def test_a_sound_campaign_warns_of_nothing():
    points = SPACE.sample(25, np.random.default_rng(0))
    campaign = Campaign(SPACE, "H", inputs="fractions")
    with warnings.catch_warnings(action="error"):
        campaign.tell(points, points @ [0.1, 0.2, 0.3])
        campaign.suggest(3)
