"""Reading tables: every fault is named by file, row, column and remedy; nothing is guessed or lost."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from alloygrad.tables.reading import Problems, TableError, fractions, numeric, read_table, require_columns


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.fixture
def alloys(tmp_path):
    return write(tmp_path / "alloys.csv", "name,Ti,Ni,Hf,Ap\na,50,50,0,71.5\nb,40,50,10,120\n")


def test_csv_and_workbook_give_the_same_table(tmp_path, alloys):
    from openpyxl import Workbook

    workbook = Workbook()
    workbook.create_sheet("other")
    for row in (["name", "Ti", "Ni", "Hf", "Ap"], ["a", 50, 50, 0, 71.5], ["b", 40, 50, 10, 120]):
        workbook["other"].append(row)
    workbook.save(tmp_path / "alloys.xlsx")

    a, b = read_table(alloys), read_table(tmp_path / "alloys.xlsx", sheet="other")
    assert list(a.columns) == list(b.columns) == ["name", "Ti", "Ni", "Hf", "Ap"]
    assert list(a.index) == list(b.index) == [2, 3]
    columns = ["Ti", "Ni", "Hf", "Ap"]
    np.testing.assert_array_equal(numeric(a, columns, alloys), numeric(b, columns, "alloys.xlsx"))
    with pytest.raises(TableError, match=r"no sheet 'absent'[\s\S]*Sheet, other"):
        read_table(tmp_path / "alloys.xlsx", sheet="absent")
    with pytest.raises(TableError, match=r"no column 'Cu'[\s\S]*Found: .*, Ap\. Or name another `sheet`: Sheet\.$"):
        require_columns(b, ["Cu"], "alloys.xlsx")
    with pytest.raises(TableError, match=r"no column 'Cu'[\s\S]*Found: name, .*, Ap\.$"):
        require_columns(a, ["Cu"], alloys)


def test_a_note_beside_a_workbooks_table_is_named_by_its_cell(tmp_path):
    from openpyxl import Workbook

    workbook = Workbook()
    for row in (["Ti", "Ni"], [50, 50, None, "see photo"], [40, 60, 7], [45, 55]):
        workbook.active.append(row)
    workbook.save(tmp_path / "notes.xlsx")
    with pytest.raises(TableError) as error:
        read_table(tmp_path / "notes.xlsx")
    assert str(error.value).splitlines()[1:] == [
        "  row 2: 'see photo' in cell D2, in a column without a name",
        "  row 3: 7 in cell C3, in a column without a name",
        "What to do:",
        "  Name column D in row 1, or clear its cells.",
        "  Name column C in row 1, or clear its cells.",
    ]
    workbook.active["C1"], workbook.active["D2"] = "note", None
    workbook.save(tmp_path / "notes.xlsx")
    assert read_table(tmp_path / "notes.xlsx")["note"].tolist() == [None, 7, None]


def write_either(path, rows):
    """As text or as a workbook, by the path's suffix."""
    if path.suffix == ".csv":
        return write(path, "".join(",".join(map(str, row)) + "\n" for row in rows))
    from openpyxl import Workbook

    workbook = Workbook()
    for row in rows:
        workbook.active.append(row)
    workbook.save(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_title_above_the_names_is_one_problem(tmp_path, kind):
    table = [["name", "Ti", "Ni"], *([f"A{i}", 50, 50] for i in range(30))]
    for above in ([["Alloys of May"]], [["Alloys of May"], []], [["Alloys", "May"], []]):
        with pytest.raises(TableError) as error:
            read_table(write_either(tmp_path / f"t.{kind}", [*above, *table]))
        assert str(error.value).splitlines()[1:] == [
            f"  row 1 is no row of column names: row {len(above) + 1} has more cells, and all of them are text",
            "What to do:",
            "  Take the lines above the column names out.",
        ]
    for sound in (table, [["name", "Ti", "Ni"], ["bad", "x", "y"], *table[1:]], [["", "Ti"], ["A1", 50]]):
        assert len(read_table(write_either(tmp_path / f"s.{kind}", sound))) == len(sound) - 1


def test_row_numbers_are_those_of_a_spreadsheet(tmp_path):
    """Units line skipped, byte-order mark and empty lines harmless, a cell with a line break is one row."""
    text = '\ufeffnote,Ti,Ni\n,at.%,at.%\n"two\nlines",50,50\n\n,,\nlast,49,51\n'
    table = read_table(write(tmp_path / "t.csv", text), header_rows=2)
    assert list(table.index) == [3, 6]
    assert list(table.columns) == ["note", "Ti", "Ni"]
    np.testing.assert_array_equal(numeric(table, ["Ti", "Ni"], "t.csv"), [[50, 50], [49, 51]])


def test_numbers_are_read_exactly(tmp_path):
    values = [0.1, 1 / 3, 2.0**-40, 1e-300, 123456.789012345678, -0.07]
    path = write(tmp_path / "n.csv", "x\n" + "\n".join(map(repr, values)))
    assert numeric(read_table(path), ["x"], path)[:, 0].tolist() == values


@pytest.mark.parametrize(
    ("text", "encoding", "message"),
    [
        ("a,b\n1,2\nä,3\n", "latin-1", r"row 3: not UTF-8[\s\S]*CSV UTF-8"),
        ("a,b\n1,2\n1,5,2,5\n", "utf-8", r"row 3: more cells than the 2 columns[\s\S]*12\.5 instead of 12,5"),
        ('a,b\n1,"2\n', "utf-8", r"row 2: unexpected end[\s\S]*quotation mark"),
        ("a,b\n", "utf-8", r"no row of data[\s\S]*Add at least one row"),
        ("", "utf-8", r"no column names[\s\S]*first row"),
    ],
)
def test_unreadable_csv(tmp_path, text, encoding, message):
    with pytest.raises(TableError, match=message) as error:
        read_table(write(tmp_path / "bad.csv", text, encoding))
    assert "bad.csv" in str(error.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_row_of_odd_bytes_is_that_of_a_spreadsheet(tmp_path, end):
    text = end.join(["a,b", '"two\nlines",1', "", "ä,3", ""])
    with pytest.raises(TableError, match="1 problem\n  row 4: not UTF-8 text"):
        read_table(write(tmp_path / "bad.csv", text, "latin-1"))


def test_unreadable_files(tmp_path):
    with pytest.raises(TableError, match=r"absent\.csv[\s\S]*no such file"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(TableError, match=r"\.xls'[\s\S]*Save it as"):
        read_table(write(tmp_path / "old.xls", "x"))
    with pytest.raises(TableError, match=r"not a readable workbook[\s\S]*Save it again"):
        read_table(write(tmp_path / "broken.xlsx", "no zip archive"))


def test_missing_column_names_a_near_one(alloys):
    table = read_table(alloys)
    assert require_columns(table, ["Ti", "Ap"], alloys)
    with pytest.raises(TableError, match=r"alloys\.csv: 2 problems") as error:
        require_columns(table, ["Ti", "TI", "Zr"], alloys)
    assert "no column 'TI'; is 'Ti' meant?" in str(error.value)
    assert "no column 'Zr'\n" in str(error.value)
    assert "Found: name, Ti, Ni, Hf, Ap." in str(error.value)


def test_wrong_separator_and_doubled_column(tmp_path):
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        path = write(tmp_path / "other.csv", f"Ti{separator}Ni\n50,5{separator}49,5\n")
        with pytest.raises(TableError, match=rf"1 problem\n  row 1: .*{name}[\s\S]*with commas"):
            read_table(path)
        for names in (f"Ti{separator}Ni", f'"Ti"{separator}"Ni"'):
            quoted = write(tmp_path / "quoted.csv", f'{names}\n"50,5"{separator}"49,5"\n')
            with pytest.raises(TableError, match=rf"1 problem\n  row 1: .*{name}[\s\S]*with commas"):
                read_table(quoted)
    path = write(tmp_path / "double.csv", "Ti,Ti\n50,50\n")
    with pytest.raises(TableError, match="'Ti' occurs twice"):
        numeric(read_table(path), ["Ti"], path)


@pytest.mark.parametrize("cell", ["12 MPa", "<5", "1_000", "n/a", "True", '"1,5"', "x" * 200])
def test_text_in_a_number_cell(tmp_path, cell):
    path = write(tmp_path / "t.csv", f"x,y\n1,2\n3,{cell}\n")
    with pytest.raises(TableError, match=r"row 3, column 'y': text '.*where a number belongs") as error:
        numeric(read_table(path), ["x", "y"], path)
    assert cell.strip('"')[:30] in str(error.value)
    assert len(str(error.value)) < len(str(path)) + 250


@pytest.mark.parametrize("cell", ["", "nan", "inf", "-inf"])
def test_missing_and_infinite_numbers(tmp_path, cell):
    path = write(tmp_path / "t.csv", f"x,y\n1,2\n3,{cell}\n")
    with pytest.raises(TableError, match=r"row 3, column 'y': .*number belongs[\s\S]*row out\.$"):
        numeric(read_table(path), ["x", "y"], path)
    with pytest.raises(TableError, match=r"row out; where an element is absent, write 0\.$"):
        numeric(read_table(path), ["x", "y"], path, shares=True)


def test_workbook_truth_value_and_date_are_no_numbers():
    import datetime

    table = pd.DataFrame({"x": [True, datetime.date(2025, 1, 2), 3]}, index=[2, 3, 4], dtype=object)
    with pytest.raises(TableError, match=r"2 problems\n  row 2.*True where[\s\S]*row 3.*the date 2025-01-02"):
        numeric(table, ["x"], "book.xlsx")


def frame(*rows):
    return pd.DataFrame(rows, columns=["Ti", "Ni"], index=range(2, len(rows) + 2))


@pytest.mark.parametrize(
    ("unit", "rows"),
    [
        ("fraction", [(0.5, 0.5), (0.501, 0.5)]),
        ("at.%", [(50, 50), (50.1, 50)]),
        ("mixed", [(50, 50), (0.501, 0.5)]),
    ],
)
def test_fractions_divide_by_the_sum(unit, rows):
    found = fractions(frame(*rows), ["Ti", "Ni"], unit, "t.csv")
    expected = np.array(rows) / np.array(rows).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-15)


def test_tolerance_of_the_sum():
    """0.2 % passes on either side, a little more does not; and the tolerance is the caller's."""
    for total in (0.998, 1.002, 99.8, 100.2):
        fractions(frame((0.4 * total, 0.6 * total)), ["Ti", "Ni"], "mixed", "t.csv")
    for total in (0.9979, 1.0021, 99.79, 100.21):
        with pytest.raises(TableError, match=r"expected 1 ± 0\.002 or 100 ± 0\.2"):
            fractions(frame((0.4 * total, 0.6 * total)), ["Ti", "Ni"], "mixed", "t.csv")
    fractions(frame((0.51, 0.51)), ["Ti", "Ni"], "fraction", "t.csv", tolerance=0.02)


@pytest.mark.parametrize(("unit", "rows"), [("at.%", [(50, 50), (0.4, 0.6)]), ("fraction", [(0.5, 0.5), (40, 60)])])
def test_fractions_mixed_with_percent(unit, rows):
    with pytest.raises(TableError, match=r"t\.csv: 1 problem\n  row 3: sums to .*mixed\n") as error:
        fractions(frame(*rows), ["Ti", "Ni"], unit, "t.csv")
    assert f"Write every row in {unit}" in str(error.value)


@pytest.mark.parametrize(
    ("unit", "rows", "remedy"),
    [
        ("at.%", [(0.5, 0.5), (0.4, 0.6)], "Pass unit='fraction' (atomic)."),
        ("wt.%", [(0.5, 0.5), (0.4, 0.6)], "Multiply all shares by 100: shares by weight are read in wt.% only."),
        ("fraction", [(50, 50), (40, 60)], "Pass unit='at.%', or unit='wt.%' if the shares are by weight."),
    ],
)
def test_where_most_rows_agree_the_unit_is_wrong_and_the_remedy_is_right(unit, rows, remedy):
    """Rows of zeros, and with faulty cells, are in neither unit."""
    for extra in ([], [(0, 0)], [("x", 1)]):
        with pytest.raises(TableError, match=rf"problem\n  2 of . rows sum to 1(00)?, and none .* '{unit}'\n") as error:
            fractions(frame(*rows, *extra), ["Ti", "Ni"], unit, "t.csv")
        assert f"  {remedy}" in str(error.value).splitlines() and "mixed" not in str(error.value)
    off = [(45, 45), (0.4, 0.3)][unit == "fraction"]  # in the declared unit, by the size of its sum
    with pytest.raises(TableError, match=r"2 of 3 rows sum to .* only row 4 to about [\s\S]* Then correct row 4"):
        fractions(frame(*rows, off), ["Ti", "Ni"], unit, "t.csv")


def test_unit_is_declared_never_guessed():
    with pytest.raises(ValueError, match=r"unknown unit 'percent'.*'fraction', 'at\.%', 'wt\.%', 'mixed'"):
        fractions(frame((50, 50)), ["Ti", "Ni"], "percent", "t.csv")


def test_negative_share_is_found_though_the_sum_is_right():
    with pytest.raises(TableError, match="1 problem\n  row 2, column 'Ni': negative share -1"):
        fractions(frame((101, -1)), ["Ti", "Ni"], "at.%", "t.csv")


def test_a_pure_zero_row_is_a_fault_and_no_warning():
    with pytest.raises(TableError, match="row 2: sums to 0, expected 100"):
        fractions(frame((0, 0)), ["Ti", "Ni"], "at.%", "t.csv")


def test_all_faults_come_in_one_error_by_row(tmp_path):
    text = "Ti,Ni,Ap\n50,50,1\n50,49,2\nx,50,3\n0.5,0.5,4\n50,,5\n60,40,hot\n"
    path = write(tmp_path / "many.csv", text)
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    table, problems = read_table(path), Problems(path)
    shares = fractions(table, ["Ti", "Ni"], "at.%", path, problems=problems)
    values = numeric(table, ["Ap"], path, problems=problems)
    require_columns(table, ["Mp"], path, problems=problems)
    np.testing.assert_array_equal(shares[[0, 5]], [[0.5, 0.5], [0.6, 0.4]])
    assert np.isnan(values[5, 0])
    with pytest.raises(TableError) as error:
        problems.check()
    lines = str(error.value).splitlines()
    assert lines[0] == f"{path}: 6 problems"
    assert [line.split(",")[0].split(":")[0].strip() for line in lines[1:7]] == [f"row {i}" for i in (1, 3, 4, 5, 6, 7)]
    assert lines[7] == "What to do:"
    assert len(lines[8:]) == len(set(lines[8:])) == 5  # text twice, one remedy
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_long_lists_are_cut():
    rows = [(50, 40)] * 57
    with pytest.raises(TableError, match="57 problems") as error:
        fractions(frame(*rows), ["Ti", "Ni"], "at.%", "t.csv")
    assert "… and 37 more" in str(error.value)
    assert str(error.value).count("sums to") == 20
