"""Thousands of made-up tables, each with faults at known places: what is sound is read, what is not is named once.

A table is written as some laboratory would: units in headings or in a row of their own, a base left out, formulas,
ranges, a workbook. Then cells are spoilt. Every spoilt row must be set aside under its number and column, with a
remedy, and all others must give the composition they were written from.
"""

import warnings
from dataclasses import dataclass, field

import numpy as np
import pytest

from alloygrad.spaces import CompositionSpace
from alloygrad.tables.measurements import read_table, to_atomic

pytestmark = pytest.mark.filterwarnings("ignore:.*rows were set aside")

ELEMENTS = ("Fe", "Ni", "Cr", "Mo", "C")
SPACE = CompositionSpace({name: (0, 100) for name in ELEMENTS}, step=0.1)

SPOILT_SHARES = {  # what stands in the cell of an element → a part of the finding
    "text": ("n.d.", "text 'n.d.'"),
    "comma": ("12,5", "comma in place of the decimal point"),
    "negative": ("-3", "negative share -3"),
    "above": (">5", "the limit '>5'"),
    "note": ("4.5*", r"text '4.5*'"),
    "truth": ("yes", "text 'yes'"),
}
SPOILT_OUTCOMES = {
    "text": ("broke", "text 'broke'"),
    "limit": ("<200", "the limit '<200'"),
    "empty": ("", "empty cell"),
}
SPOILT_FORMULAS = {
    "symbol": ("FeNiXx2", "'Xx' is no element symbol"),
    "open": ("(FeNi2", "is missing"),
    "variable": ("FexNi", "cannot be read"),
    "foreign": ("FeNiPd", "has Pd, which the space does not have"),
    "name": ("Invar", "no composition"),
}


@dataclass
class Sheet:
    """Cells to write, the options to read them with, and what must come out."""

    header: list
    rows: list = field(default_factory=list)
    options: dict = field(default_factory=dict)
    truth: list = field(default_factory=list)  # composition of a row, None where it is spoilt
    spoilt: dict = field(default_factory=dict)  # row number → (column or "", part of the finding)


def made(rng) -> Sheet:
    kind = rng.choice(["plain", "heading", "balance", "word", "formula"])
    unit = str(rng.choice(["at.%", "wt.%"])) if kind != "formula" else "at.%"
    n, percent = int(rng.integers(4, 12)), None
    percent = rng.multinomial(1000, rng.dirichlet(np.ones(5)), size=n) / 10
    options = {} if kind == "formula" else {"unit": unit}
    header = list(ELEMENTS)
    if kind == "heading":
        form = str(rng.choice(["{} ({})", "{} / {}", "{} [{}]", "{}, {}"]))
        header = [form.format(name, unit) for name in ELEMENTS]
    elif kind == "formula":
        header, options["formula"] = ["alloy"], "alloy"
    elif kind == "balance":
        header, options["balance"] = list(ELEMENTS[1:]), "Fe"
    sheet = Sheet([*header, "HV"], options=options)
    first = 2
    if kind != "formula" and rng.random() < 0.3:
        sheet.rows.append([unit] * len(header) + ["HV"])
        first = 3
    for i, shares in enumerate(percent):
        cells = [f"{share:.1f}" for share in shares]
        if kind == "formula":
            cells = ["".join(f"{name}{cell}" for name, cell in zip(ELEMENTS, cells, strict=True) if float(cell))]
        elif kind == "balance":
            cells = cells[1:]
        elif kind == "word":
            cells[0] = str(rng.choice(["bal.", "Balance", "rem", "Rest"]))
        value = 100 + 10 * i
        outcome = rng.choice([f"{value}", f"{value} ± 3", f"{value - 5}-{value + 5}"])
        sheet.truth.append(to_atomic(shares, ELEMENTS) if unit == "wt.%" else shares / 100)
        sheet.rows.append([*cells, str(outcome)])
        if rng.random() < 0.25 and i > 1:
            spoil(rng, sheet, kind, first + i)
    return sheet


def spoil(rng, sheet, kind, number) -> None:
    """Spoil one cell of the last row, which has this number."""
    row = sheet.rows[-1]
    if rng.random() < 0.3:
        column, (cell, what) = len(row) - 1, SPOILT_OUTCOMES[rng.choice(list(SPOILT_OUTCOMES))]
    elif kind == "formula":
        column, (cell, what) = 0, SPOILT_FORMULAS[rng.choice(list(SPOILT_FORMULAS))]
    else:
        column, (cell, what) = (
            int(rng.integers(kind == "word", len(row) - 1)),
            SPOILT_SHARES[rng.choice(list(SPOILT_SHARES))],
        )
    row[column], sheet.truth[-1] = cell, None
    name = {0: "alloy"}.get(column) if kind == "formula" and column == 0 else sheet.header[column]
    sheet.spoilt[number] = (name.split(" ")[0].strip(",") if name != "HV" else "HV", what)


def written(path, sheet, rng):
    if path.suffix == ".csv":
        quoted = [[f'"{cell}"' if "," in cell else cell for cell in row] for row in [sheet.header, *sheet.rows]]
        path.write_text("\n".join(",".join(row) for row in quoted) + "\n", encoding="utf-8")
        return path
    from openpyxl import Workbook

    book = Workbook()
    for row in [sheet.header, *sheet.rows]:
        book.active.append([float(cell) if cell.replace(".", "", 1).isdigit() else cell or None for cell in row])
    book.save(path)
    return path


def checked(seed, folder) -> None:
    rng = np.random.default_rng([29, seed])
    sheet = made(rng)
    path = written(folder / f"t.{rng.choice(['csv', 'csv', 'xlsx'])}", sheet, rng)
    with warnings.catch_warnings(action="error", category=RuntimeWarning):
        table = read_table(path, SPACE, **sheet.options)
        report = table.report("HV")
        measured = table.of("HV")
    aside = report[report["done"] == "set aside"]
    assert sorted(aside["row"]) == sorted(sheet.spoilt), (sheet, aside)
    for row, finding, _, remedy in aside.itertuples(index=False):
        column, what = sheet.spoilt[row]
        assert f"row {row}, column '{column}" in finding and what in finding and remedy[:1].isupper(), (sheet, finding)
    truth = [one for one in sheet.truth if one is not None]
    np.testing.assert_allclose(measured.coordinates, truth, atol=3e-3)  # shares of one decimal sum to 100 ± 0.2
    first = len(sheet.rows) - len(sheet.truth) + 2
    sound = [i for i, one in enumerate(sheet.truth) if one is not None]
    assert measured.rows.tolist() == [first + i for i in sound]
    assert measured.values.tolist() == [100 + 10 * i for i in sound]


@pytest.mark.parametrize("block", range(4))
def test_generated_tables_are_read_and_their_faults_named(block, tmp_path):
    for seed in range(25 * block, 25 * block + 25):
        checked(seed, tmp_path)


@pytest.mark.nightly
def test_five_thousand_generated_tables(tmp_path):
    for seed in range(100, 5100):
        checked(seed, tmp_path)
