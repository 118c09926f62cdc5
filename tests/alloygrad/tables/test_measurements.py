"""A user's own table: every fault is named and mended or survived, units are converted, nothing is overwritten."""

import hashlib
import re
import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from alloygrad.campaigns.campaign import Campaign
from alloygrad.objectives import Maximise, Minimise
from alloygrad.spaces import Box, CompositionSpace, Product
from alloygrad.tables import findings, measurements
from alloygrad.tables.measurements import read_table, to_atomic, to_weight
from alloygrad.tables.reading import TableError

pytestmark = pytest.mark.filterwarnings("ignore:.*rows were set aside")

ELEMENTS = ("Al", "Cu", "Mg")
BOUNDS = {"Al": (80, 100), "Cu": (0, 10), "Mg": (0, 10)}
SPACE = CompositionSpace(BOUNDS, step=0.5, groups=[(["Cu", "Mg"], 0, 15)])
GOOD = [(90, 5, 5, 100), (92, 4, 4, 110), (95, 2.5, 2.5, 90), (85, 10, 5, 130), (88, 3, 9, 120), (99, 0.5, 0.5, 60)]


def write(path, rows, header="Al,Cu,Mg,HV", encoding="utf-8"):
    lines = [header, *(row if isinstance(row, str) else ",".join(map(str, row)) for row in rows)]
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def read(path, unit="at.%", target="HV", **options):
    before = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
    try:
        return read_table(path, SPACE, unit=unit, **options).of(Maximise(target))
    finally:  # whatever happens, the file is as it was
        assert before is None or hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_a_sound_table_is_read_as_it_is_and_nothing_is_said(tmp_path):
    measured = read(write(tmp_path / "t.csv", GOOD))
    np.testing.assert_allclose(100 * measured.coordinates, [row[:3] for row in GOOD], rtol=1e-14)
    assert measured.values.tolist() == [row[3] for row in GOOD] and measured.rows.tolist() == [2, 3, 4, 5, 6, 7]
    assert measured.report.empty
    table = read_table(tmp_path / "t.csv", SPACE, unit="at.%")
    assert table.of(Minimise("HV")).values.tolist() == measured.values.tolist()
    with pytest.raises(ValueError, match="Read it again with the campaign's space"):
        table.measured(CompositionSpace({"Cu": (0, 10), "Al": (80, 100), "Mg": (0, 10)}), Maximise("HV"))


# Rows that are set aside: (the bad row, what is said, the remedy)
SET_ASIDE = {
    "text in a number": (("90", "5 (nominal)", 5, 100), r"row 8, column 'Cu': text '5 \(nominal\)'", "plain numbers"),
    "text for a target": ((90, 5, 5, "broken"), "row 8, column 'HV': text 'broken'", "plain numbers"),
    "decimal comma in quotes": ((90, '"5,5"', 4.5, 100), "row 8, column 'Cu': text '5,5'", "decimal point"),
    "empty cell": ((90, 5, "", 100), "row 8, column 'Mg': empty cell", "where an element is absent, write 0"),
    "NaN": ((90, 5, "NaN", 100), "row 8, column 'Mg': NaN", "Fill in the number"),
    "infinity": ((90, 5, 5, "inf"), "row 8, column 'HV': inf", "Fill in the number"),
    "not yet measured": ((90, 5, 5, ""), "row 8, column 'HV': empty cell", "Fill in the number"),
    "short row": ((90, 5, 5), "row 8, column 'HV': empty cell", "Fill in the number"),
    "negative fraction": ((101, -1, 0, 100), "row 8, column 'Cu': negative share -1", "zero or more"),
    "sum off": ((90, 5, 3, 100), r"row 8: sums to 98, expected 100 ± 0\.2", "add the element that is missing"),
    "fractions among percent": ((0.9, 0.05, 0.05, 100), "row 8: sums to 1 .* fractions and percent are mixed", "every"),
    "all zero": ((0, 0, 0, 100), "row 8: sums to 0", "Correct the shares"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SET_ASIDE)
@pytest.mark.parametrize("unit", ["at.%", "wt.%"])
def test_a_bad_row_is_named_and_set_aside_and_the_rest_is_used(tmp_path, kind, unit):
    bad, what, remedy = SET_ASIDE[kind]
    sound = read(write(tmp_path / "sound.csv", GOOD), unit=unit)
    measured = read(write(tmp_path / "t.csv", [*GOOD, bad]), unit=unit)
    assert measured.rows.tolist() == sound.rows.tolist()
    np.testing.assert_array_equal(measured.coordinates, sound.coordinates)
    said = measured.report[measured.report["row"] == 8]
    assert said["done"].tolist() == ["set aside"]
    assert said["finding"].str.contains(what).all() and said["remedy"].str.contains(remedy).all()


# Tables that cannot be used: (rows, header, options, what is said, the remedy)
REFUSED = {
    "missing element column": (GOOD, "Al,Cu,mg,HV", {}, r"no column 'Mg'; is 'mg' meant", "Rename the columns"),
    "missing target column": (GOOD, None, {"target": "hv"}, r"no column 'hv'; is 'HV' meant", "Found: Al, Cu, Mg, HV"),
    "missing column of a sum": (GOOD, None, {"target": {"HV": 1, "UTS": 2}}, "no column 'UTS'", "Found: "),
    "missing process column": (GOOD, None, {"process": {"T": 1}}, "no process column 'T'", r"`process` \({}"),
    "mistyped process column": (GOOD, "Al,Cu,Mg,HV,t", {"process": {"T": 1}}, "'T'; is 't' meant", "Name it as in"),
    "doubled column": (GOOD, "Al,Cu,Cu,HV", {}, "column 'Cu' occurs twice", "one column of each name"),
    "semicolons": ([";".join(map(str, r)) for r in GOOD], "Al;Cu;Mg;HV", {}, "with semicolons", "commas between"),
    "semicolons and decimal commas": (["90,5;5;4,5;100"] * 6, "Al;Cu;Mg;HV", {}, "with semicolons", "points in"),
    "tabs": (["90\t5\t5\t100"] * 6, "Al\tCu\tMg\tHV", {}, "with tabs", "commas between"),
    "decimal commas": ([*GOOD, "90,5,4,5,5,100"], None, {}, "row 8: more cells than the 4", "12.5 instead of 12,5"),
    "no row": ([], None, {}, "no row of data below", "Add at least one row"),
    "all bad": ([(90, 5, 3, 1)] * 6, None, {}, r"0 usable row[\s\S]*row 7: sums to 98", "Correct the shares"),
    "other unit": (GOOD, None, {"unit": "fraction"}, "1 problem\n  6 of 6 rows sum to 100", "Pass unit='at.%'"),
    "weight fractions": ([(0.9, 0.05, 0.05, 1)] * 6, None, {"unit": "wt.%"}, "rows sum to 1, and none", "Multiply all"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_a_table_that_cannot_be_used_gives_one_message_with_remedies(tmp_path, kind):
    rows, header, options, what, remedy = REFUSED[kind]
    path = write(tmp_path / "t.csv", rows, header or "Al,Cu,Mg,HV")
    with pytest.raises(TableError, match=rf"{what}[\s\S]*What to do:[\s\S]*{remedy}"):
        read(path, **options)


@pytest.mark.parametrize("n", [2, 6])
def test_an_element_that_is_not_declared_is_said_once(tmp_path, n):
    """What the sum of the others lacks follows from it; where many rows have it, one line says so, and comes first."""
    path = write(tmp_path / "t.csv", [(85 - i, 5 + i, 4, 6, 100) for i in range(n)], "Al,Cu,Mg,Zn,HV")
    what = "column 'Zn' (6 rows above 0) is an element that the space does not have: add 'Zn': (0, …) to it"
    what = what if n > 2 else "row 2, column 'Zn': 6, an element that is not declared"
    with pytest.raises(TableError) as error:
        read(path)
    assert error.match("2 problems" if n > 2 else "3 problems") and what in str(error.value)
    assert "sums to" not in str(error.value) and "Correct the shares" not in str(error.value)
    with pytest.warns(UserWarning, match=re.escape(f"{n} of {n} rows were set aside: {what}")):
        table = read_table(path, SPACE, unit="at.%")
    first = table.report("HV").iloc[0]
    assert first["finding"] == what and first["done"] == "set aside" and len(table.report("HV")) == (n if n < 4 else 1)


def test_too_many_different_rows_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(findings, "MOST_ROWS", 4)
    repeated = write(tmp_path / "r.csv", [*GOOD[:4], *GOOD[:4]])
    assert len(read(repeated).rows) == 8
    with pytest.raises(
        TableError, match=r"5 different points in 5 usable rows, expected 4 at most[\s\S]*Keep the rows"
    ):
        read(write(tmp_path / "t.csv", GOOD[:5]))


@pytest.mark.parametrize(
    ("header", "unit", "meant", "remedy"),
    [
        ("Al,Cu,M,H", "at.%", "", "Add a column 'Mg', with 0 where the element is absent."),
        ("Al,Cu,Mn,HV", "at.%", "", "Add a column 'Mg', with 0 where the element is absent."),
        ("Al,Cu,Mg_at,HV", "at.%", "; is 'Mg_at' meant?", "Rename 'Mg_at' to 'Mg'."),
        ("Al,Cu,mg (wt%),HV", "wt.%", "; is 'mg (wt%)' meant?", "Rename 'mg (wt%)' to 'Mg'."),
    ],
)
def test_no_measurement_is_proposed_for_an_element(tmp_path, header, unit, meant, remedy):
    with pytest.raises(TableError) as error:
        read(write(tmp_path / "t.csv", GOOD, header), unit=unit)
    lines = str(error.value).splitlines()
    assert (
        lines[1] == f"  row 1: no column 'Mg'{meant}"
        and f" {remedy} Found: {', '.join(header.split(','))}." in lines[3]
    )


@pytest.mark.parametrize("unit", ["at.%", "wt.%"])
def test_the_headers_of_suggestions_are_read(tmp_path, unit):
    """Also next to the other unit's columns, as in a file of suggestions with shares by weight."""
    header = ",".join(f"{element} {unit}" for element in ELEMENTS)
    other = {"at.%": "wt.%", "wt.%": "at.%"}[unit]
    plain = read(write(tmp_path / "plain.csv", GOOD), unit=unit)
    headed = read(write(tmp_path / "t.csv", [(*row, 1) for row in GOOD], f"{header},HV,Al {other}"), unit=unit)
    np.testing.assert_array_equal(headed.coordinates, plain.coordinates)
    doped = write(
        tmp_path / "doped.csv", [(*row, 0.3 * (i == 2)) for i, row in enumerate(GOOD)], f"{header},HV,Zr {unit}"
    )
    assert read(doped, unit=unit).rows.tolist() == [2, 3, 5, 6, 7]


def test_what_would_be_ignored_is_refused(tmp_path):
    both = write(tmp_path / "both.csv", [(*row, row[0] - 1) for row in GOOD], "Al,Cu,Mg,HV,Al at.%")
    with pytest.raises(ValueError, match=r"Expected one column for Al; got 'Al at\.%' as well, which differs"):
        read(both)
    path, box = write(tmp_path / "t.csv", GOOD), Box({"Al": (80, 100)})
    with pytest.raises(ValueError, match=r"Expected no sheet for a \.csv file; got 'Data'\. Leave it out"):
        read_table(path, SPACE, unit="at.%", sheet="Data")
    with pytest.raises(ValueError, match=r"Expected no unit for a Box without elements; got 'at\.%'\. Leave it out"):
        read_table(path, box, unit="at.%")


def test_the_report_lists_every_row_though_none_is_usable(tmp_path):
    table = read_table(write(tmp_path / "t.csv", [(*r[:2], r[2] + 5, 1) for r in 5 * GOOD]), SPACE, unit="at.%")
    with pytest.raises(
        TableError,
        match=r"0 usable rows[\s\S]*and 11 more: see `print\(table\.report\('HV'\)\.to_string\(\)\)`, with .*\n",
    ):
        table.of(Maximise("HV"))
    assert table.report(Maximise("HV"))["row"].tolist() == list(range(2, 32))
    assert repr(table) == "<Measurements: 30 rows of t.csv, Al Cu Mg in at.%>"


def test_a_few_rows_are_added_to_others_as_from_a_dataframe(tmp_path):
    campaign = Campaign(SPACE, "HV", inputs="fractions")
    campaign.tell(read_table(write(tmp_path / "t.csv", GOOD[:1]), SPACE, unit="at.%"))
    assert campaign.warnings[0].startswith("Only 1 alloy is measured; at least 5 are needed.")
    campaign.tell(read_table(write(tmp_path / "t.csv", GOOD[1:]), SPACE, unit="at.%"))
    assert len(campaign.values) == len(GOOD) and not any("are needed" in text for text in campaign.warnings)


@pytest.mark.parametrize(("value", "remedy"), [(450, "slip (another unit?)"), (599, "Nothing, or widen the limits.")])
def test_a_box_in_another_unit_is_said_in_the_report(tmp_path, value, remedy):
    box = Box({"T_K": (600, 900, "K"), "passes": (1, 5)}, integers=["passes"])
    rows = [(600 + 40 * i, 1 + i % 5, i) for i in range(6)] + [(value, 2.5, 9)]
    report = read_table(write(tmp_path / "t.csv", rows, "T_K,passes,HV"), box).report(Maximise("HV"))
    assert report["row"].tolist() == [8, 8] and remedy in report["remedy"][0]
    assert report["finding"][1] == "row 8: passes takes whole numbers but was measured at 2.5"


def test_no_element_is_proposed_for_a_condition(tmp_path):
    with pytest.raises(TableError, match="no process column 'M'\n"):
        read(write(tmp_path / "t.csv", GOOD), process={"M": 900})


def test_no_element_is_proposed_for_an_outcome(tmp_path):
    with pytest.raises(TableError, match="no column 'M'\n"):
        read(write(tmp_path / "t.csv", GOOD), target="M")


def test_rows_that_are_set_aside_are_counted_once_in_the_warnings(tmp_path):
    table = read_table(write(tmp_path / "t.csv", [*GOOD, (90, 5, 3, 100), (90, 5, 5, '"210,1"')]), SPACE, unit="at.%")
    assert "(with a comma" in table.report(Maximise("HV"))["finding"].iloc[-1]
    campaign = Campaign(SPACE, "HV", inputs="fractions")
    for _ in range(2):
        campaign.tell(table)
    said = "t.csv: 2 of 8 rows were set aside: row 8: sums to 98, expected 100 ± 0.2 (at.%); row 9, column 'HV': text "
    said += (
        "'210,1' where a number belongs (with a comma in place of the decimal point). See "
        "`print(table.report('HV').to_string())`, with `table = ag.read_table(…)`."
    )
    assert campaign.warnings.count(said) == campaign.suggest()["warning"].item().count(said) == 1
    sound = Campaign(SPACE, "HV", inputs="fractions")
    sound.tell(read_table(write(tmp_path / "sound.csv", GOOD), SPACE, unit="at.%"))
    assert not any("set aside" in text for text in sound.warnings)


def test_other_files(tmp_path, monkeypatch):
    with pytest.raises(TableError, match=r"this is a folder[^$]*Name a .csv or .xlsx file in it"):
        read_table(tmp_path, SPACE, unit="at.%")
    rows = [*GOOD, "90,5,5,100"]
    with pytest.raises(TableError, match=r"row 1: not UTF-8.*\nWhat to do:\n.*CSV UTF-8"):
        read(write(tmp_path / "latin.csv", rows, "Al,Cu,Mg,HV,Härte", encoding="latin-1"))
    with pytest.raises(TableError, match=r"no such file[^$]*looked for at"):
        read(tmp_path / "absent.csv")
    with pytest.raises(TableError, match=r"ends in '.ods'[^$]*Save it as .csv"):
        read(write(tmp_path / "t.ods", rows))
    monkeypatch.setattr(measurements, "MOST_BYTES", 50)
    with pytest.raises(TableError, match=r"the file has 0 MB[^$]*rows and columns that matter"):
        read(write(tmp_path / "huge.csv", rows))


def test_workbooks_are_read_too(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    for row in (["Al", "Cu", "Mg", "HV"], *GOOD, [90, 5, 5, None]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    measured = read(tmp_path / "t.xlsx")
    assert measured.values.tolist() == [row[3] for row in GOOD]
    assert measured.report["finding"].tolist() == ["row 8, column 'HV': empty cell where a number belongs"]


def test_what_is_unusual_is_used_and_said(tmp_path):
    rows = [*GOOD, (90, 5, 5, 140), (75, 15, 10, 80), (90.3, 4.7, 5, 100), (89.9, 5, 5, 90), (88, 3, 9, 120)]
    measured = read(write(tmp_path / "t.csv", rows))
    assert len(measured.rows) == len(rows) and np.allclose(measured.coordinates.sum(1), 1, atol=1e-15)
    said = measured.report.set_index("row")["finding"].groupby("row").agg("; ".join)
    assert said[0] == "2 of 11 compositions lie between the grid's, 0.5 at.% apart"
    assert said[2] == "rows 2, 8: one composition, measured 100, 140"
    assert said[6] == "rows 6, 12: one composition, measured 120, 120"
    assert "Al 75, limits 80 … 100 at.%; Cu 15, limits 0 … 10 at.%; group {Cu Mg} 25, limits 0 … 15 at.%" in said[9]
    assert said[11] == "row 11: shares sum to 99.9" and sorted(said.index) == [0, 2, 6, 9, 11]
    assert not measured.report["done"].str.contains("set aside").any()


@pytest.mark.parametrize(
    ("value", "guess"), [(-999, "a mark for"), (0, "a mark for"), (1100, "the decimal point misp")]
)
def test_a_value_that_stands_apart_is_said(tmp_path, value, guess):
    rows = [(90 + i / 2, 5, 5 - i / 2, 100 + 5 * i) for i in range(11)]
    rows[2] = (*rows[2][:3], value)
    report = read(write(tmp_path / "t.csv", rows)).report.set_index("row").loc[4]
    assert report["finding"].startswith(
        f"row 4: HV = {value}, all others lie in 100 … 150. Is it {guess}".replace("it the", "the")
    )
    assert report["finding"].endswith("?") and "eave the row out" in report["remedy"]
    assert report["done"] == "used as it is"


def test_rows_with_an_element_that_is_not_declared_are_set_aside(tmp_path):
    """A dopant beside the shares tells alloys apart that would else count as one; zeros throughout say nothing."""
    shares = ["0", "0.0", 0, "0", "0", "0", 0.5, "trace", ""]
    rows = [(*row, share, 0, "") for row, share in zip([*GOOD, *GOOD[:3]], shares, strict=True)]
    path = write(tmp_path / "t.csv", rows, "Al,Cu,Mg,HV,Zr,Fe,Ti")
    measured = read(path)
    assert measured.rows.tolist() == [2, 3, 4, 5, 6, 7]
    assert measured.report["finding"].tolist() == [
        "row 8, column 'Zr': 0.5, an element that is not declared",
        "row 9, column 'Zr': trace, an element that is not declared",
        "row 10, column 'Zr': empty cell, an element that is not declared",
    ]
    assert measured.report["remedy"].str.contains("declare it among the elements, hold it in `process`").all()
    held = read(path, process={"Zr": 0})
    assert held.rows.tolist() == [2, 3, 4, 5, 6, 7] and "held is 0" in held.report["finding"][0]
    assert read(write(tmp_path / "V.csv", GOOD, "Al,Cu,Mg,V"), target="V").values.tolist() == [r[3] for r in GOOD]
    every = write(tmp_path / "every.csv", [(*row, 0.1) for row in GOOD], "Al,Cu,Mg,HV,Zr")
    with pytest.raises(
        TableError, match=r"0 usable row[\s\S]*column 'Zr' \(6 rows above 0\)[\s\S]*Rename the column 'Zr' if"
    ):
        read(every)


@pytest.mark.parametrize("symbol", "H He N O F P S Se Te As Br I".split())
def test_a_non_metal_is_an_element_too(symbol, tmp_path):
    """Oxygen hardens titanium, and is no column to be ignored; helium has no properties here."""
    shares = [0, 0.18, 0, 0, 0.18, 0, 0.18, 0]
    rows = [(*row, share) for row, share in zip([*GOOD, *GOOD[:2]], shares, strict=True)]
    path = write(tmp_path / "t.csv", rows, f"Al,Cu,Mg,HV,{symbol}")
    measured = read(path)
    assert measured.rows.tolist() == [2, 4, 5, 7, 9]
    aside = measured.report[measured.report["done"] == "set aside"]
    assert aside["row"].tolist() == [3, 6, 8]
    assert set(aside["finding"].str.partition(": ")[2]) == {"0.18, an element that is not declared"}
    (remedy,) = set(aside["remedy"])
    way = "declare it among the elements," if symbol != "He" else "He cannot be declared"
    assert f"Otherwise {way}" in remedy and "hold it in `process`" in remedy
    assert read(path, process={symbol: 0}).rows.tolist() == [2, 4, 5, 7, 9]
    few = write(tmp_path / "few.csv", [(*row, 0.18) for row in GOOD], f"Al,Cu,Mg,HV,{symbol}")
    assert len(read(few, process={symbol: 0.18}).rows) == 6
    assert read(few, target={"HV": 1, symbol: 2}).values.tolist() == [row[3] + 0.36 for row in GOOD]
    with pytest.raises(TableError, match=f"column '{symbol}' \\(6 rows above 0\\)[\\s\\S]*Rename the column"):
        read(few)


@pytest.mark.parametrize("symbol", ["S", "W"])
def test_a_column_that_holds_words_is_no_element_s(symbol, tmp_path):
    """W for wrought, S for single-phase: yes or no, and what is no amount; an amount with a sign or a comma is one."""
    cells = ["yes", "no", "", "yes", "bcc + fcc", "n/a"]
    for held, used in ((cells, 6), ([*cells[:5], "<0.01"], 0), ([*cells[:5], '"0,2"'], 0)):
        rows = [(*row, cell) for row, cell in zip(GOOD, held, strict=True)]
        path = write(tmp_path / "t.csv", rows, f"Al,Cu,Mg,HV,{symbol}")
        if used:
            assert len(read(path).rows) == used and read(path).report.empty
        else:
            with pytest.raises(TableError, match="0 usable row"):
                read(path)


def test_a_running_number_is_no_nobelium(tmp_path):
    """No alloy holds what decays in days: headings such as No, Tc and Ra are something else."""
    rows = [(*row, i, 900, 0.3) for i, row in enumerate(GOOD, start=1)]
    measured = read(write(tmp_path / "t.csv", rows, "Al,Cu,Mg,HV,No,Tc,Ra"))
    assert len(measured.rows) == 6 and measured.report.empty


@pytest.mark.parametrize(("heading", "value", "used"), [("K", 873, 6), ("As", -20, 6), ("K", 99, 0), ("O", 1800, 0)])
def test_an_amount_that_no_alloy_has_is_none_unless_it_may_be_in_ppm(heading, value, used, tmp_path):
    """K for kelvin, As for the austenite's start; 1800 ppm of oxygen matter."""
    path = write(tmp_path / "t.csv", [(*row, value) for row in GOOD], f"Al,Cu,Mg,HV,{heading}")
    if used:
        assert len(read(path).rows) == used and read(path).report.empty
    else:
        with pytest.raises(TableError, match=f"column '{heading}' \\(6 rows above 0\\)"):
            read(path)


def test_repeats_that_differ_are_asked_after(tmp_path):
    """What scatters may be another condition; a copy is only a copy."""
    report = read(write(tmp_path / "t.csv", [*GOOD, (90, 5, 5, 140), GOOD[1]])).report
    assert "If another column (an anneal, a dopant) tells them apart, hold it in `process`." in report["remedy"][0]
    assert report["remedy"][1] == "Take copies out; true repeats may stay."


def test_what_is_no_float_is_set_aside_without_a_warning(tmp_path):
    """Shares of which the sum, and targets of which a multiple, exceeds the largest float."""
    path = write(tmp_path / "t.csv", [*GOOD, (1e308, 1e308, 0, 100), (90, 5, 5, 1e308), (90, 5, 5, -1e308)])
    for target, largest in (("HV", "1e+308"), ({"HV": 100.0}, "inf")):
        with warnings.catch_warnings(action="error", category=RuntimeWarning):
            measured = read(path, target=target)
        assert measured.rows.tolist() == [2, 3, 4, 5, 6, 7]
        assert measured.report["finding"].tolist() == [
            "row 8: sums to inf, expected 100 ± 0.2 (at.%)",
            f"row 9: the objective is {largest}, expected a finite number, 1e+50 at most",
            f"row 10: the objective is -{largest}, expected a finite number, 1e+50 at most",
        ]


def test_only_rows_of_the_held_process_are_used(tmp_path):
    rows = [(*row, 450, "T6") for row in GOOD] + [
        (90, 5, 5, 1, 500, "T6"),
        (90, 5, 5, 1, 450, "O"),
        (90, 5, 5, 1, "x", "T6"),
    ]
    path = write(tmp_path / "t.csv", rows, "Al,Cu,Mg,HV,T,temper")
    measured = read(path, process={"T": 450, "temper": "T6"})
    assert measured.rows.tolist() == [2, 3, 4, 5, 6, 7]
    assert measured.report["finding"].tolist() == [
        "row 8, column 'T': 500, held is 450",
        "row 9, column 'temper': O, held is T6",
        "row 10, column 'T': text 'x' where a number belongs",
    ]


@pytest.mark.parametrize(
    "process",
    [{"T": None}, {"T": [450, 460]}, {"T": np.nan}, {"T": True}, {"T": 10**60}, {450: "T"}, "T", ["T"], []],
    ids=str,
)
def test_what_holds_no_process_is_refused(tmp_path, process):
    path = write(tmp_path / "t.csv", [(*row, 450) for row in GOOD], "Al,Cu,Mg,HV,T")
    with pytest.raises(ValueError, match=r"^Expected process as \{column: value, …\}"):
        read(path, process=process)


@pytest.mark.parametrize("number", [np.int64, np.float32, Fraction])
def test_numbers_of_numpy_and_fractions_are_numbers(tmp_path, number):
    path = write(tmp_path / "t.csv", [(*row, 450) for row in GOOD] + [(90, 5, 5, 1, 460)], "Al,Cu,Mg,HV,T")
    measured = read(path, target={"HV": number(2)}, process={"T": number(450)})
    assert measured.values.tolist() == [2 * row[3] for row in GOOD] and measured.report["row"].tolist() == [8]


def test_a_weighted_sum_over_columns(tmp_path):
    rows = [(*row, i) for i, row in enumerate(GOOD)] + [(90, 5, 5, 100, "x")]
    path = write(tmp_path / "t.csv", rows, "Al,Cu,Mg,HV,A")
    one = read(path, target={"HV": 0.01, "A": -2})
    assert one.values == pytest.approx([0.01 * row[3] - 2 * i for i, row in enumerate(GOOD)], rel=1e-15)
    assert Maximise({"HV": 0.01, "A": -2}).name == "0.01 × HV − 2 × A" and one.report["row"].tolist() == [8]
    for wrong in (3, {}, {"HV": "1"}, {"HV": True}, {"HV": np.nan}, {1: 1}, ""):
        with pytest.raises(ValueError, match="Expected the name of an outcome"):
            Maximise(wrong)


def test_process_variables_are_columns_of_their_own(tmp_path):
    space = Product(SPACE, Box({"T_K": (600, 900)}))
    rows = [(*row, 700 + 10 * i) for i, row in enumerate(GOOD)] + [(90, 5, 5, 1, "hot")]
    measured = read_table(write(tmp_path / "t.csv", rows, "Al,Cu,Mg,HV,T_K"), space, unit="at.%").of(Maximise("HV"))
    assert measured.coordinates[:, 3].tolist() == [700 + 10 * i for i in range(6)]
    assert measured.report["finding"].tolist() == ["row 8, column 'T_K': text 'hot' where a number belongs"]


@pytest.mark.parametrize("alloy", [False, True])
def test_parameters_outside_their_limits_are_used_and_said(tmp_path, alloy):
    box = Box({"T_K": (600, 900, "K"), "hours": (1, 5)})
    rows = [(*row, 700, 2) for row in GOOD] + [(90, 4, 6, 80, 950, 0.5), (90, 6, 4, 90, 900, 5)]
    path = write(tmp_path / "t.csv", rows, "Al,Cu,Mg,HV,T_K,hours")
    table = read_table(path, Product(SPACE, box), unit="at.%") if alloy else read_table(path, box)
    report = table.report(Maximise("HV"))
    found = report[report["finding"].str.contains("outside")]
    assert found["finding"].tolist() == [
        "row 8: outside the limits: T_K 950, limits 600 … 900 K; hours 0.5, limits 1 … 5",
    ]
    assert found["done"].tolist() == ["used for the model, never suggested"]


@pytest.mark.parametrize("unit", ["%", "mixed", "at%", None])
def test_the_unit_is_never_guessed(tmp_path, unit):
    with pytest.raises(ValueError, match=r"one of \['at.%', 'wt.%', 'fraction'\]"):
        read(write(tmp_path / "t.csv", GOOD), unit=unit)


@pytest.mark.parametrize(("meant", "unit"), [("wt.%", "at.%"), ("at.%", "wt.%")])
def test_shares_that_fit_another_unit_better_are_said(tmp_path, meant, unit):
    """Zirconium is heavy, lithium light: 30 at.% of it are few wt.%."""
    space = CompositionSpace({"Zr": (50, 80), "Li": (20, 50)} if meant == "at.%" else {"Zr": (20, 50), "Li": (50, 80)})
    c = np.linspace(0.25, 0.45, 9)
    c = np.column_stack([c, 1 - c] if meant == "wt.%" else [1 - c, c])
    shares = 100 * (to_weight(c, ["Zr", "Li"]) if meant == "wt.%" else c)
    path = write(tmp_path / "t.csv", [(*row, i) for i, row in enumerate(shares.round(3).tolist())], "Zr,Li,HV")
    with pytest.warns(UserWarning) as said:
        table = read_table(path, space, unit=unit)
    text = str(said[0].message)
    assert (
        text.startswith("9 of 9 rows lie outside the limits (") and f" when read as {unit}. Read as {meant}, " in text
    )
    assert f"none does: is unit='{meant}' meant? If it is {unit}, widen the limits." in text
    report = table.report("HV")
    assert report["finding"].str.contains("outside the limits").sum() == 1  # not one for each row
    campaign = Campaign(space, "HV", inputs="fractions")
    campaign.tell(table)
    assert campaign.warnings[0] == text
    with warnings.catch_warnings(action="error"):
        assert not any("limits" in text for text in read_table(path, space, unit=meant).report("HV")["finding"])


def test_a_dataframe_by_weight_is_said_and_a_few_rows_outside_are_not():
    space = CompositionSpace({"Zr": (20, 50), "Li": (50, 80)})
    c = np.linspace(0.25, 0.45, 9)
    weights = pd.DataFrame(100 * to_weight(np.column_stack([c, 1 - c]), ["Zr", "Li"]), columns=["Zr", "Li"])
    atomic = pd.DataFrame({"Zr": 100 * c, "Li": 100 - 100 * c})
    atomic.loc[:2] = [90, 10]
    campaign = Campaign(space, "HV", inputs="fractions")
    with pytest.warns(UserWarning, match=r"Read as wt\.%, none does: is `read_table\(…, unit='wt\.%'\)` meant\?"):
        campaign.tell(weights.assign(HV=range(9)))
    with warnings.catch_warnings(action="error"):
        campaign.tell(atomic.assign(HV=range(9)))  # a third, no more
        campaign.tell(atomic[:2].assign(HV=3))  # two alone may be meant
    atomic.loc[3] = [90, 10]
    what = "4 of 9 rows lie outside the limits (Zr up to 90 at.%, limit 50). Check the unit and the limits; widen them"
    with pytest.warns(UserWarning, match=re.escape(what)):  # by weight, as many
        campaign.tell(atomic.assign(HV=range(9)))


def test_a_column_without_a_number_is_no_objective(tmp_path):
    path = write(tmp_path / "t.csv", [(*row, f"A{i}", "") for i, row in enumerate(GOOD)], "Al,Cu,Mg,HV,alloy,note")
    with pytest.raises(TableError) as error:
        read(path, target="alloy")
    assert error.match("1 problem\n") and "column 'alloy' holds no numbers (6 texts such as 'A0')" in str(error.value)
    assert "so it cannot be an objective" in str(error.value) and "Columns of numbers: HV. Name" in str(error.value)
    with pytest.raises(TableError, match="0 usable rows"):  # nothing is measured yet
        read(path, target="note")


def test_limits_that_enter_a_sum_are_said_and_what_to_write_for_no_amount(tmp_path):
    path = write(tmp_path / "t.csv", [*GOOD, "90,<0.1,5,100", "95,5,n.d.,100"])
    what = "row 8: sums to 95.05 ('<0.1' in Cu counted as 0.05), expected 100 ± 0.2 (at.%); row 9, column 'Mg': text "
    what += "'n.d.' where a number belongs: write 0 where an element is absent, a limit such as <0.01 for a trace. See"
    with pytest.warns(UserWarning, match=re.escape(what)):
        assert len(read(path).rows) == 6


def test_columns_the_wrong_way_round_are_said(tmp_path):
    path = write(tmp_path / "t.csv", GOOD)
    with pytest.raises(TableError, match=r"the wrong way round\nWhat to do:\n  Write columns=\{'hardness': 'HV'\}\."):
        read(path, target="hardness", columns={"HV": "hardness"})
    assert len(read(path, target="hardness", columns={"hardness": "HV"}).rows) == 6


def test_weight_and_atomic_shares():
    """By hand: 50 wt.% each of two elements are n_1 : n_2 = A_2 : A_1; and there and back."""
    al, cu = 26.9815, 63.546
    assert to_atomic([50, 50], ["Al", "Cu"]) == pytest.approx([cu / (al + cu), al / (al + cu)], rel=1e-5)
    weights = np.random.default_rng(0).dirichlet(np.ones(3), size=(4, 5))
    there = to_atomic(100 * weights, ELEMENTS)
    np.testing.assert_allclose(to_weight(there, ELEMENTS), weights, rtol=1e-13)
    np.testing.assert_allclose(there.sum(-1), 1, rtol=1e-15)
    assert to_atomic([0, 100, 0], ELEMENTS).tolist() == [0, 1, 0]


def test_a_table_by_weight_is_the_atomic_table(tmp_path):
    atomic = read(write(tmp_path / "a.csv", GOOD))
    weight = 100 * to_weight(atomic.coordinates, ELEMENTS)
    rows = [(*map(repr, w.tolist()), row[3]) for w, row in zip(weight, GOOD, strict=True)]
    measured = read(write(tmp_path / "w.csv", rows), unit="wt.%")
    np.testing.assert_allclose(measured.coordinates, atomic.coordinates, rtol=1e-12)
