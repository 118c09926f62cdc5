"""Outputs of two processors are one; a digit that counts, a word or a line that has moved is not."""

import io

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from compendium import figures, last_digits


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("0.667 of 3", "0.668 of 3", True),
        ("0.667 of 3", "0.669 of 3", False),
        ("77 calls", "78 calls", False),
        ("−1.25e-03", "−1.26e-03", True),
        ("−1.25e-03", "−1.27e-03", False),
        ("0.85", "0.844", True),  # to the digits that both show
        ("0.85", "0.825", False),
        ("3.1e-17", "-2.0e-16", True),  # both are nothing
        ("a  1.50\n", "a 1.49\n", True),  # columns are lined up
        ("hea_n4 1.0", "hea_n5 1.0", False),
        ("1.0 2.0", "1.0", False),
        ("Ti 1.0", "Ni 1.0", False),
    ],
)
def test_a_unit_of_the_last_digit_is_allowed_and_no_more(one, other, same):
    assert last_digits.same_text(one, other) is same
    assert last_digits.same_text(other, one) is same


@pytest.mark.parametrize(
    ("column", "values", "same"),
    [
        ("x", [1.00005, 2.0, None], True),
        ("x", [1.001, 2.0, None], False),
        ("x", [1.0, 2.0, 3.0], False),
        ("name", ["a", "b", "d"], False),
        ("y", [1.0, 2.0, None], False),
        ("x", [1.0, 2.0], False),
    ],
)
def test_tables_agree_to_a_ten_thousandth_of_the_largest(column, values, same):
    table = pd.DataFrame({"x": [1.0, 2.0, None], "name": ["a", "b", "c"]})
    other = table[: len(values)].assign(**{column: values})
    assert last_digits.same_table(*(each.to_csv(index=False) for each in (table, other))) is same


def picture(shade: int, width: int = 4) -> bytes:
    image, buffer = Image.new("L", (width, 3), 100), io.BytesIO()
    image.putpixel((1, 2), shade)
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def test_pictures_agree_but_for_shades():
    assert last_digits.same_picture(picture(100), picture(100 + last_digits.SHADE))
    assert not last_digits.same_picture(picture(100), picture(101 + last_digits.SHADE))
    assert not last_digits.same_picture(picture(100), picture(100, width=5))


@pytest.mark.parametrize(("shift", "kept"), [(0.0, True), (1e-7, True), (0.05, False)])
def test_a_figure_that_is_drawn_again_is_written_where_it_has_changed(tmp_path, monkeypatch, shift, kept):
    monkeypatch.setattr(figures, "ROOT", tmp_path)

    def save(end: float) -> list[bytes]:
        figure: Figure = plt.figure(figsize=(2, 2))
        figure.add_subplot().plot([0.0, 1.0], [0.0, end])
        figures.save(figure, "07_line", data=pd.DataFrame({"end": [end]}))
        return [path.read_bytes() for path in figures.paths("07_line")]

    before = save(1.0)
    for path in figures.paths("07_line")[: int(kept)]:
        path.write_bytes(b"kept")  # a PDF holds digits that no picture shows
    assert (save(1.0 + shift) == [b"kept", *before[1:]]) is kept
