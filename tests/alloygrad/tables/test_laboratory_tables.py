"""Tables as laboratories keep them: formulas, a base left out, ranges, merged cells, units, repeats, sites."""

import numpy as np
import pytest

from alloygrad.campaigns.campaign import Campaign
from alloygrad.objectives import Maximise
from alloygrad.spaces import Box, CompositionSpace, Product
from alloygrad.tables import designations
from alloygrad.tables.cells import read as cell
from alloygrad.tables.headings import of_element
from alloygrad.tables.measurements import read_table, to_atomic
from alloygrad.tables.reading import TableError

pytestmark = pytest.mark.filterwarnings("ignore:.*rows were set aside")

HEA = CompositionSpace({name: (0, 40) for name in ("Al", "Co", "Cr", "Fe", "Mn", "Ni")}, step=0.5)
STEEL = CompositionSpace({"Fe": (85, 100), "C": (0, 5), "Mn": (0, 5), "Si": (0, 5)}, step=0.1)
TITANIUM = CompositionSpace({"Ti": (70, 100), "Al": (0, 15), "V": (0, 15)}, step=0.1)
NITINOL = CompositionSpace({"Ni": (40, 60), "Ti": (20, 60), "Hf": (0, 30)}, step=0.5)


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def book(path, rows, merged=()):
    from openpyxl import Workbook

    workbook = Workbook()
    for row in rows:
        workbook.active.append(row)
    for cells in merged:
        workbook.active.merge_cells(cells)
    workbook.save(path)
    return path


# -- compositions as a text -------------------------------------------------------------------------

FORMULAS = {  # at.%, by hand
    "Al0.5CoCrFeNi": {"Al": 100 / 9, "Co": 200 / 9, "Cr": 200 / 9, "Fe": 200 / 9, "Ni": 200 / 9},
    "CoCrFeMnNi": dict.fromkeys(("Co", "Cr", "Fe", "Mn", "Ni"), 20),
    "(FeCo)2(CrNi)3": {"Fe": 20, "Co": 20, "Cr": 30, "Ni": 30},
    "[(Fe0.5Co0.5)0.75Cr0.25]80Ni20": {"Fe": 30, "Co": 30, "Cr": 20, "Ni": 20},
    "Al₂₀Co₂₀Cr₂₀Fe₂₀Ni₂₀": dict.fromkeys(("Al", "Co", "Cr", "Fe", "Ni"), 20),
    "Al$_{20}$Co$_{20}$Cr$_{60}$": {"Al": 20, "Co": 20, "Cr": 60},
    "Fe-30Cr-20Ni (at.%)": {"Fe": 50, "Cr": 30, "Ni": 20},
    "Fe40-Cr30-Ni30": {"Fe": 40, "Cr": 30, "Ni": 30},
}


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_column_gives_the_composition(tmp_path, text):
    path = write(tmp_path / "t.csv", f'alloy,HV\n"{text}",247\nCoCrFeNi,160\n')
    measured = read_table(path, HEA, formula="alloy").of("HV")
    expected = [FORMULAS[text].get(name, 0) for name in HEA.elements]
    np.testing.assert_allclose(100 * measured.coordinates[0], expected, atol=1e-9)
    np.testing.assert_allclose(measured.coordinates[1], [0, 0.25, 0.25, 0.25, 0, 0.25], atol=1e-12)
    assert measured.report["done"].str.contains("set aside").sum() == 0


DESIGNATIONS = [
    *("Ti-6Al-4V", "Ti–6Al–4V", "Ti-6Al-4V (wt.%)", "6Al-4V-90Ti", "6Al-4V-Ti", "Ti(bal.)-6Al-4V", "Ti bal.-6Al-4V"),
    *("Ti-6%Al-4%V", "Ti–6wt.%Al–4wt.%V", "6 wt% Al-4 wt% V-Ti", "Ti-6mass%Al-4mass%V"),
]


@pytest.mark.parametrize("text", DESIGNATIONS)
def test_a_designation_counts_by_weight_where_it_is_declared_so(tmp_path, text):
    path = write(tmp_path / "t.csv", f"alloy,UTS\n{text},950\n")
    found = read_table(path, TITANIUM, unit="wt.%", formula="alloy").of("UTS").coordinates[0]
    np.testing.assert_allclose(found, to_atomic(np.array([90, 6, 4]), TITANIUM.elements), rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "options", "what"),
    [
        ("Ti-6Al-4V", {}, "by atoms or by weight"),
        ("ti-6al-4v", {"unit": "wt.%"}, "symbols of elements begin with a capital letter, as in Ti-6Al-4V"),
        ("Ti-6wt.%Al-4at.%V", {"unit": "wt.%"}, r"it has amounts in at.% and in wt.%"),
        ("Ti-6Al-V", {"unit": "wt.%"}, "'V' is no amount with an element"),
        ("Ti-6Al-4V-ELI", {"unit": "wt.%"}, "'ELI' is no amount with an element"),
        ("Al0.5CoCrFeNi", {"unit": "wt.%"}, r"sum to 4.5, expected 100 \(wt.%\)"),
        ("Al0.5CoCrXxNi", {}, "'Xx' is no element symbol"),
        ("AlxCoCrFeNi", {}, "'xCoCrFeNi' cannot be read"),
        ("(FeCo", {}, r"a bracket '\)' is missing"),
        ("Al-Co-Cr", {}, "no amounts stand with these elements"),
        ("", {}, "an empty cell"),
        ("Inconel 718", {}, "cannot be read"),
        ("Al0.3CoCrFeNi (as cast)", {}, r"the note '\(as cast\)' stands behind it; give it a column"),
        ("CoCrFeNi annealed", {}, "the note 'annealed' stands behind it"),
        ("Ti6Al4V", {"unit": "wt.%"}, r"sum to 11, expected 100 \(wt.%\). Write Ti-6Al-4V for per cent"),
        ("CoCrFeNiNb0.2", {}, "has Nb, which the space does not have"),
    ],
)
def test_a_text_that_is_no_composition_sets_its_row_aside(tmp_path, text, options, what):
    path = write(tmp_path / "t.csv", f"alloy,HV\nCo50Ni50,100\n{text},200\n")
    space = HEA if "ti" not in text.lower() else TITANIUM
    table = read_table(path, space, formula="alloy", **options)
    report = table.report("HV")
    one = report[(report["row"] == 3) & (report["done"] == "set aside")]
    assert len(one) == 1 and one["finding"].str.contains(what).all() and len(one["remedy"].iloc[0]) > 20


def test_the_error_for_missing_columns_names_the_column_of_formulas(tmp_path):
    path = write(tmp_path / "t.csv", "FORMULA,HV\nAl0.5CoCrFeNi,247\nCoCrFeNi,160\n")
    with pytest.raises(TableError) as caught:
        read_table(path, HEA, unit="at.%")
    fault = "row 1: no columns of elements, but column 'FORMULA' holds compositions as text"
    assert str(caught.value).splitlines()[1:] == [f"  {fault}", "What to do:", "  Pass formula='FORMULA'."]
    part = write(tmp_path / "p.csv", "FORMULA,Al,HV\nAl0.5CoCrFeNi,5,247\nCoCrFeNi,6,160\n")
    with pytest.raises(TableError, match=r"no column 'Co'[\s\S]*If 'FORMULA' holds .* pass formula='FORMULA'"):
        read_table(part, HEA, unit="at.%")


def test_amounts_of_a_formula_are_those_written_out():
    """Brackets against the product written out by hand, in any order."""
    assert designations.parse("(Fe0.5Co0.5)75B25").amounts == {"Fe": 37.5, "Co": 37.5, "B": 25}
    assert designations.parse("La0.7Sr0.3MnO3").amounts == designations.parse("O3Mn(La0.7Sr0.3)").amounts
    assert designations.parse("Fe62Ni18P13C7").amounts == {"Fe": 62, "Ni": 18, "P": 13, "C": 7}


# -- the base element -------------------------------------------------------------------------------

SHARES = [(0.19, 1.4, 0.1, 600), (0.33, 1.5, 0.2, 580), (0.39, 0.9, 0.2, 560)]


def test_a_base_may_be_named_in_its_heading(tmp_path):
    want = read_table(write(tmp_path / "f.csv", "Fe,C,Mn,Si,Bs\nbal.,0.2,1.4,0.1,600\n"), STEEL, unit="wt.%").of("Bs")
    for heading in ("Fe (bal.)", "Fe balance", "Fe [rem.]"):
        path = write(tmp_path / "h.csv", f"{heading},C,Mn,Si,Bs\n,0.2,1.4,0.1,600\n")
        assert read_table(path, STEEL, unit="wt.%").of("Bs").coordinates.tolist() == want.coordinates.tolist()


@pytest.mark.parametrize("cell", ["-", "–", "n.d.", "n.a.", "tr.", "trace", "nil"])
def test_what_is_no_amount_is_never_taken_for_zero_and_the_remedy_says_what_to_write(tmp_path, cell):
    path = write(tmp_path / "t.csv", f"Fe,C,Mn,Si,Bs\nbal.,0.2,1.4,0.1,600\nbal.,0.2,{cell},0.1,610\n")
    report = read_table(path, STEEL, unit="wt.%").report("Bs").set_index("row")
    assert report.loc[3, "done"] == "set aside"
    assert report.loc[3, "remedy"].startswith("Write 0 where an element is absent, a limit such as <0.01 for a trace")


def test_digits_in_brackets_count_in_the_last_place():
    assert cell("350(12)").std == 12 and cell("12.34(5)").std == pytest.approx(0.05)
    with pytest.raises(designations.DesignationError, match="a comma stands in place of the decimal point"):
        designations.parse("Al0,5CoCrFeNi")


def test_an_element_alone_is_the_whole_alloy(tmp_path):
    found = read_table(
        write(tmp_path / "t.csv", "alloy,UTS\nTi,500\nTi-6Al-4V,950\n"), TITANIUM, unit="wt.%", formula="alloy"
    )
    assert found.of("UTS").coordinates[0].tolist() == [1, 0, 0]


@pytest.mark.parametrize("word", ["Bal.", "bal*", "balance", "rem.", "Rest", ""])
@pytest.mark.parametrize("unit", ["wt.%", "at.%"])
def test_a_base_that_takes_the_rest(tmp_path, word, unit):
    full = "".join(f"{100 - c - mn - si!r},{c},{mn},{si},{y}\n" for c, mn, si, y in SHARES)
    rest = "".join(f"{word},{c},{mn},{si},{y}\n" for c, mn, si, y in SHARES)
    none = "".join(f"{c},{mn},{si},{y}\n" for c, mn, si, y in SHARES)
    want = read_table(write(tmp_path / "f.csv", "Fe,C,Mn,Si,Bs\n" + full), STEEL, unit=unit).of("Bs")
    options = {} if word else {"balance": "Fe"}
    found = read_table(write(tmp_path / "b.csv", "Fe,C,Mn,Si,Bs\n" + rest), STEEL, unit=unit, **options).of("Bs")
    np.testing.assert_allclose(found.coordinates, want.coordinates, rtol=1e-12)
    assert found.report["finding"].tolist()[:1] == ["Fe takes what the others leave in 3 rows"]
    without = read_table(write(tmp_path / "n.csv", "C,Mn,Si,Bs\n" + none), STEEL, unit=unit, balance="Fe").of("Bs")
    np.testing.assert_allclose(without.coordinates, want.coordinates, rtol=1e-12)


def test_what_is_wrong_with_a_base_is_said(tmp_path):
    path = write(tmp_path / "t.csv", "C,Mn,Si,Bs\n0.2,1.4,0.1,600\n")
    with pytest.raises(TableError, match=r"no column 'Fe'[\s\S]*base that takes the rest, pass balance='Fe'"):
        read_table(path, STEEL, unit="wt.%")
    text = "Fe,C,Mn,Si,Bs\nbal,0.2,1.4,0.1,600\nbal,60,50,1,500\nbal,bal,1,1,5\nbal,x,1,1,4\n,0.2,1,1,3\n"
    report = read_table(write(tmp_path / "w.csv", text), STEEL, unit="wt.%").report("Bs")
    aside = report[report["done"] == "set aside"]
    assert aside["row"].tolist() == [3, 4, 5, 6]
    assert "the other elements sum to 111, which leaves nothing for Fe" in aside["finding"].iloc[0]
    assert "Fe and C both take what is left" in aside["finding"].iloc[1]
    assert "column 'C': text 'x'" in aside["finding"].iloc[2] and "column 'Fe': empty" in aside["finding"].iloc[3]
    with pytest.raises(ValueError, match=r"Expected balance as one of \['Fe', 'C', 'Mn', 'Si'\].*got 'Ni'"):
        read_table(path, STEEL, unit="wt.%", balance="Ni")
    with pytest.raises(ValueError, match="or add the base element if it is missing"):
        CompositionSpace({"C": (0, 3), "Mn": (0, 3), "Si": (0, 2), "Cr": (0, 3)}, step=0.1)


# -- cells that hold more than a number -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "share", "value"),
    [
        ("<0.01", True, 0.005), ("≤ 0.2", True, 0.1), ("10-20", False, 15), ("10 – 20", False, 15), ("1 to 3", True, 2),
        ("250 ± 5", False, 250), ("350(12)", False, 350), ("12.5+/-0.3", True, 12.5),
        ("−12.5", False, -12.5), ("-5 – 5", False, 0),
    ],
)  # fmt: skip
def test_cells_are_read_and_said(text, share, value):
    found = cell(text, share=share)
    assert found.value == value and not found.fault and (found.used or text.startswith("−"))


@pytest.mark.parametrize(
    "text", ["<5", "> 60", "20-10", "5 (nominal)", "12,5", "1-2-3", "~12", "12*", "±3", "<x", "360 HV", "50%", "n.d."]
)
def test_cells_that_are_no_number_stay_faults(text):
    found = cell(text)
    assert np.isnan(found.value) and found.fault and found.remedy


def test_limits_and_ranges_in_a_table_are_used_and_listed(tmp_path):
    text = "Ni,Ti,Hf,Af\n50,50,<0.05,60\n50,47,3,95 ± 4\n50,44,6,130-140\n50,41,9,>160\n"
    measured = read_table(write(tmp_path / "t.csv", text), NITINOL, unit="at.%").of("Af")
    assert measured.values.tolist() == [60, 95, 135] and measured.rows.tolist() == [2, 3, 4]
    said = measured.report.set_index("row")
    assert said.loc[2, "done"] == "used as 0.025, half of the limit" and said.loc[3, "done"] == "used as 95 ± 4"
    assert "the limit '>160' where a number belongs" in said.loc[5, "finding"]
    assert said.loc[4, "finding"].startswith("row 4, column 'Af': '130-140'")


# -- workbooks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("cells", ["A2:A6", "A3:A4"])
def test_a_merged_cell_holds_for_all_its_rows(tmp_path, cells):
    first, last = (int(part[1:]) for part in cells.split(":"))
    rows = [["process", "Ni", "Ti", "Hf", "HV"], *(["cast", 50, 50 - i, i, 300 + i] for i in range(6))]
    path = book(tmp_path / "t.xlsx", rows, [cells])
    measured = read_table(path, NITINOL, unit="at.%", process={"process": "cast"}).of("HV")
    assert measured.rows.tolist() == [2, 3, 4, 5, 6, 7]
    found = f"rows {first + 1} to {last}, column 'process': merged with row {first}"
    table = read_table(path, NITINOL, unit="at.%", process={"process": "cast"})
    assert found in table.report("HV")["finding"].tolist()


def test_numbers_merged_over_rows_hold_for_all_of_them(tmp_path):
    rows = [["Ni", "Ti", "Hf", "HV"], *([50, 45, 5, 300 + i] for i in range(4))]
    measured = read_table(book(tmp_path / "t.xlsx", rows, ["A2:A5", "B2:B5", "C2:C5"]), NITINOL, unit="at.%").of("HV")
    assert measured.coordinates.tolist() == [[0.5, 0.45, 0.05]] * 4


def test_a_formula_without_a_stored_value_is_named(tmp_path):
    rows = [["Ni", "Ti", "Hf", "HV"], [50, "=100-A2-C2", 5, 300], [50, 44, 6, 310], [50, 43, 7, "=AVERAGE(D2:D3)"]]
    report = read_table(book(tmp_path / "t.xlsx", rows), NITINOL, unit="at.%").report("HV")
    assert report["finding"].tolist()[:2] == [
        "row 2, column 'Ti': the formula '=100-A2-C2' without a stored value",
        "row 4, column 'HV': the formula '=AVERAGE(D2:D3)' without a stored value",
    ]
    assert report["remedy"].str.contains("spreadsheet program and save it").all()


# -- names and units of columns ---------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{} (at.%)", "{} / at.%", "{}_at%", "at.% {}", "{} [mol%]", "{}, at. %"])
def test_headings_with_a_unit_are_read(tmp_path, form):
    header = ",".join(f'"{form.format(name)}"' for name in NITINOL.elements)
    path = write(tmp_path / "t.csv", f"{header},Af\n50,47,3,95\n50,44,6,130\n")
    assert read_table(path, NITINOL, unit="at.%").of("Af").coordinates[0].tolist() == [0.5, 0.47, 0.03]
    mapped = {name: form.format(name) for name in NITINOL.elements}
    for columns in (None, mapped):
        for unit in ("wt.%", "fraction"):
            with pytest.raises(TableError) as error:
                read_table(path, NITINOL, unit=unit, columns=columns)
            said = f"row 1: the column {form.format('Ni')!r} is in at.%, declared is {unit!r}"
            assert said in str(error.value) and str(error.value).endswith("Pass unit='at.%', or correct the headings.")


@pytest.mark.parametrize("form", ["{} wt.%", "{} (mass%)", "{} [weight percent]"])
@pytest.mark.parametrize("mapped", [False, True])
def test_headings_by_weight_under_at_percent_are_an_error(tmp_path, form, mapped):
    header = ",".join(f'"{form.format(name)}"' for name in NITINOL.elements)
    path = write(tmp_path / "t.csv", f"{header},Af\n50,47,3,95\n50,44,6,130\n")
    columns = {name: form.format(name) for name in NITINOL.elements} if mapped else None
    with pytest.raises(TableError) as error:
        read_table(path, NITINOL, unit="at.%", columns=columns)
    assert f"row 1: the column {form.format('Ti')!r} is in wt.%, declared is 'at.%'" in str(error.value)
    assert str(error.value).endswith("Pass unit='wt.%', or correct the headings.")
    assert len(read_table(path, NITINOL, unit="wt.%", columns=columns).of("Af").rows) == 2


def test_what_is_no_heading_of_an_element():
    assert [of_element(text) for text in ("Ni", "strain %", "Hf_x", "Xx at.%", "mat%", "HV (wt.%)")] == [("", "")] * 6


def test_columns_can_be_mapped(tmp_path):
    path = write(tmp_path / "t.csv", "nickel,titanium,x_Hf,Af / °C\n50,47,3,95\n50,44,6,130\n")
    names = {"Ni": "nickel", "Ti": "titanium", "Hf": "x_Hf", "Af": "Af / °C"}
    measured = read_table(path, NITINOL, unit="at.%", columns=names).of(Maximise("Af"))
    assert measured.values.tolist() == [95, 130]
    with pytest.raises(TableError, match=r"no column 'nickle', which `columns` gives for 'Ni'[\s\S]*Is 'nickel' meant"):
        read_table(path, NITINOL, unit="at.%", columns=names | {"Ni": "nickle"})
    with pytest.raises(ValueError, match="Expected columns as"):
        read_table(path, NITINOL, unit="at.%", columns=["Ni"])


@pytest.mark.parametrize("units", ["at.%,at.%,at.%,°C", "(at.%),(at.%),(at.%),(°C)", "%,%,%,K", "at%,at%,at%,-"])
def test_a_row_of_units_is_left_out_and_checked(tmp_path, units):
    path = write(tmp_path / "t.csv", f"Ni,Ti,Hf,Af\n{units}\n50,50,0,60\n50,47,3,95\n50,44,6,130\n")
    measured = read_table(path, NITINOL, unit="at.%").of("Af")
    assert measured.rows.tolist() == [3, 4, 5] and "a row of units" in measured.report["finding"].iloc[0]
    if "at" in units:
        with pytest.raises(TableError, match=r"row 2, column 'Ni': the unit .*, declared is 'wt.%'"):
            read_table(path, NITINOL, unit="wt.%")


def test_a_first_row_of_words_is_no_row_of_units(tmp_path):
    path = write(tmp_path / "t.csv", "Ni,Ti,Hf,Af\nlost,lost,lost,lost\n50,50,0,60\n50,47,3,95\n50,44,6,130\n")
    report = read_table(path, NITINOL, unit="at.%").report("Af")
    assert report["row"].tolist()[:4] == [2, 2, 2, 2] and report["done"].tolist()[0] == "set aside"


# -- long tables ------------------------------------------------------------------------------------


def test_a_thousand_repeats_of_ten_alloys_are_one_quick_model(tmp_path):
    rng = np.random.default_rng(0)
    lines = [f"50,{50 - i},{i},{60 + 20 * i + rng.normal():.3f}" for i in range(10) for _ in range(120)]
    table = read_table(write(tmp_path / "t.csv", "Ni,Ti,Hf,Af\n" + "\n".join(lines) + "\n"), NITINOL, unit="at.%")
    campaign = Campaign(NITINOL, "Af", inputs="fractions")
    campaign.tell(table)
    assert len(campaign.values) == 1200 and len(campaign.model.targets) == 10
    assert campaign.noise_std == pytest.approx(1, rel=0.1)
    report = table.report("Af")
    assert "Ni is 50 in all measurements" in report["finding"][0]
    report = report[report["row"] > 0]
    assert len(report) == 10 and report["finding"].str.contains(r"… \(120 in all\)").all()


@pytest.mark.parametrize("kind", ["a formula column", "unequal numbers", "a parameter of its own"])
def test_repeats_beyond_a_thousand_rows_are_merged_however_they_are_written(tmp_path, kind):
    rng = np.random.default_rng(1)
    numbers = rng.integers(1, 280, size=9) if kind == "unequal numbers" else np.full(9, 115)
    numbers[0] += 1005 - min(1005, numbers.sum())
    hafnium = np.repeat(np.arange(9), numbers)
    space, names, more = NITINOL, "Ni,Ti,Hf", {"unit": "at.%"}
    cells = [f"50,{50 - i},{i}" for i in hafnium]
    if kind == "a formula column":
        names, cells, more = "alloy", [f"Ni50Ti{50 - i}Hf{i}" if i else "NiTi" for i in hafnium], {"formula": "alloy"}
    if kind == "a parameter of its own":
        space, names = Product(NITINOL, Box({"anneal_K": (700, 1000)})), "Ni,Ti,Hf,anneal_K"
        cells = [f"{cell},{700 + 30 * i}" for cell, i in zip(cells, hafnium, strict=True)]
    lines = [f"{cell},{60 + 20 * i + rng.normal():.3f}" for cell, i in zip(cells, hafnium, strict=True)]
    table = read_table(write(tmp_path / "t.csv", f"{names},Af\n" + "\n".join(lines) + "\n"), space, **more)
    campaign = Campaign(space, "Af", inputs="fractions")
    campaign.tell(table)
    assert len(campaign.values) >= 1005 and len(campaign.model.targets) == 9
    assert campaign.noise_std == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("kind", ["absent", "constant", "constant but for rounding", "a parameter"])
def test_what_never_varies_is_a_line_of_the_report(tmp_path, kind):
    space, names, more = NITINOL, "Ni,Ti,Hf", ""
    hafnium = {"absent": 0, "constant": 5}.get(kind, 6)
    what = f"Hf is {hafnium} in all measurements, and may vary from 0 to 30 at.%"
    if kind == "a parameter":
        space, names, more = Product(NITINOL, Box({"anneal_K": (700, 1000, "K")})), "Ni,Ti,Hf,anneal_K", ",900"
        what = "anneal_K is 900 in all measurements, and may vary from 700 to 1000 K"
    shares = [hafnium + (0.1 * (i % 2) if "rounding" in kind else 3 * i * (kind == "a parameter")) for i in range(6)]
    lines = [f"{52 - i},{48 + i - h:.2f},{h:.2f}{more},{300 + i}" for i, h in enumerate(shares)]
    path = write(tmp_path / "t.csv", f"{names},HV\n" + "\n".join(lines) + "\n")
    report = read_table(path, space, unit="at.%").report("HV")
    (one,) = report[report["finding"].str.contains("in all measurements")].itertuples(index=False)
    assert one.row == 0 and one.finding.startswith(what) and one.remedy == "Measure some, or fix it."


@pytest.mark.parametrize("cells", [["", ""], ["", "cracked"], ["n.d.", ""]])
def test_a_row_without_an_outcome_is_to_be_kept(tmp_path, cells):
    """Taking it out, as an empty cell of an element asks for, would have the alloy suggested again."""
    lines = [f"50,{50 - i},{i},{300 + i}" for i in range(5)] + [f"50,30,20,{cells[0]}", f"50,25,25,{cells[1]}"]
    table = read_table(write(tmp_path / "t.csv", "Ni,Ti,Hf,HV\n" + "\n".join(lines) + "\n"), NITINOL, unit="at.%")
    report = table.report("HV").set_index("row")
    for row, written in zip((7, 8), cells, strict=True):
        if not written:
            assert report.loc[row, "remedy"].endswith("Leave it empty for an alloy under way or failed: then it is "
                                                      "not suggested again.")  # fmt: skip
    assert len(table.waiting(["HV"])) == 2


def test_more_than_a_thousand_different_alloys_are_used_and_the_approximation_is_said(tmp_path):
    grid = CompositionSpace(dict(zip(NITINOL.elements, [(45, 55), (30, 55), (0, 15)], strict=True)), step=0.25)
    points = np.unique(grid.sample(2000, np.random.default_rng(0)), axis=0)[:1050]
    at = 100 * grid.fractions(points)
    text = "".join(f"{a},{b},{c},{a + 0.1 * b * c:.4f}\n" for a, b, c in at)
    table = read_table(write(tmp_path / "t.csv", f"Ni,Ti,Hf,Af\n{text}"), NITINOL, unit="at.%")
    campaign = Campaign(NITINOL, "Af", inputs="fractions")
    campaign.tell(table)
    assert len(campaign.values) == 1050 and any("approximation" in text for text in campaign.warnings)
    truth = at[:, 0] + 0.1 * at[:, 1] * at[:, 2]
    assert np.abs(campaign.posterior(at / 100)[0] - truth).max() < 0.02 * np.ptp(truth)


# -- elements and sites -----------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["N", "O", "P", "S"])
def test_interstitials_are_elements_with_properties_of_their_atoms(tmp_path, symbol):
    space = CompositionSpace({"Ti": (90, 100), "Al": (0, 8), symbol: (0, 4)}, step=0.1)
    rows = "".join(f"{100 - a - o},{a},{o},{300 + 20 * a + 100 * o}\n" for a in range(4) for o in (0, 1, 2))
    table = read_table(write(tmp_path / "t.csv", f"Ti,Al,{symbol},HV\n{rows}"), space, unit="wt.%")
    assert len(table.of("HV").rows) == 12
    for inputs in ("fractions", "features"):
        campaign = Campaign(space, "HV", inputs=inputs, generations=5, n_features=2)
        campaign.tell(table)
        assert np.isfinite(campaign.suggest()["predicted"].item())


SITES = [(["La", "Sr"], 1), (["Mn", "Fe"], 1), (["O"], 3)]
PEROVSKITE = CompositionSpace(
    {"La": (0, 20), "Sr": (0, 20), "Mn": (0, 20), "Fe": (0, 20), "O": (60, 60)},
    step=0.2,
    groups=[(["La", "Sr"], 20, 20), (["Mn", "Fe"], 20, 20)],
)


def test_fractions_of_sites_sum_to_a_total_for_each(tmp_path):
    text = "La,Sr,Mn,Fe,Tc\n0.7,0.3,0.5,0.5,300\n1,0,1,0,100\n0.5,0.4,1,0,200\n"
    path = write(tmp_path / "t.csv", text.replace("Tc", "T_C"))
    measured = read_table(path, PEROVSKITE, sites=SITES).of("T_C")
    np.testing.assert_allclose(measured.coordinates[0], [0.14, 0.06, 0.1, 0.1, 0.6], rtol=1e-12)
    assert measured.rows.tolist() == [2, 3]
    assert "row 4: the site La Sr sums to 0.9, expected 1" in measured.report["finding"].tolist()
    assert PEROVSKITE.contains(PEROVSKITE.snap(measured.coordinates)).all()
    one = write(tmp_path / "f.csv", "formula,T_C\nLa0.7Sr0.3Mn0.5Fe0.5O3,300\n")
    np.testing.assert_allclose(
        read_table(one, PEROVSKITE, formula="formula").of("T_C").coordinates[0], measured.coordinates[0]
    )


def test_sites_that_do_not_hold_each_element_once_are_refused(tmp_path):
    path = write(tmp_path / "t.csv", "La,Sr,Mn,Fe,T_C\n0.7,0.3,0.5,0.5,300\n")
    for wrong in (SITES[:2], [*SITES, (["La"], 1)], "La", [(["La"], -1)]):
        with pytest.raises(ValueError, match="Expected sites"):
            read_table(path, PEROVSKITE, sites=wrong)
    with pytest.raises(ValueError, match="Expected no unit and no formula next to `sites`"):
        read_table(path, PEROVSKITE, sites=SITES, unit="wt.%")
