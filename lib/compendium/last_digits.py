"""Whether two outputs differ in no more than their last digits, as those of two processors do.

    numbers     whole ones are equal, others lie within one unit of the last digit shown, or within `NOTHING`
    texts       are equal but for such numbers, and for the blanks that line up columns
    tables      have the same columns and rows; a number lies within `SHARE` of the largest of its column
    pictures    have one size, and no colour of a pixel differs by more than `SHADE` of 255

A picture whose line has moved by a rounding error changes at its edges a little; one letter more changes them wholly.
"""

import io
import re

import numpy as np
import pandas as pd
from PIL import Image

NUMBER = re.compile(r"(?<![\w.])[-+−]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?![\w])")
BLANKS = re.compile(r"\s+")

NOTHING = 1e-9
"""Differences below are rounding errors of a zero."""

SHARE = 1e-4
"""Of the largest number of a column: what a search that ends a last digit elsewhere may change."""

SHADE = 48
"""Of 255; antialiased edges that have moved by a hundredth of a pixel change by less."""


def same_text(one: str, other: str) -> bool:
    """Whether two texts are the same but for last digits of numbers."""
    if one == other:
        return True
    apart = [BLANKS.sub(" ", NUMBER.sub("#", text)) for text in (one, other)]
    numbers = [NUMBER.findall(text) for text in (one, other)]
    return apart[0] == apart[1] and all(map(same_number, *numbers))


def same_number(one: str, other: str) -> bool:
    """Whether two numbers, as they are written, differ in no more than a unit of the last digit."""
    if one == other:
        return True
    if one.lstrip("-+−").isdigit() and other.lstrip("-+−").isdigit():
        return False
    values = [float(number.replace("−", "-")) for number in (one, other)]
    return abs(values[0] - values[1]) <= max(NOTHING, 1.001 * max(map(_unit, (one, other))))


def _unit(number: str) -> float:
    """What one more in the last digit of a number, as it is written, is worth."""
    mantissa, _, power = number.lower().partition("e")
    return 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))


def same_table(one: str, other: str) -> bool:
    """Whether two tables (CSV) are the same but for last digits."""
    if one == other:
        return True
    tables = [pd.read_csv(io.StringIO(text)) for text in (one, other)]
    if list(tables[0]) != list(tables[1]) or len(tables[0]) != len(tables[1]):
        return False
    return all(_same_column(tables[0][name], tables[1][name]) for name in tables[0])


def _same_column(one: pd.Series, other: pd.Series) -> bool:
    if not all(map(pd.api.types.is_numeric_dtype, (one, other))):
        return one.equals(other)
    values = np.array([one, other], dtype=float)
    finite = np.isfinite(values)
    room = SHARE * np.abs(values[finite]).max(initial=0) + NOTHING
    return bool((finite[0] == finite[1]).all() and (np.abs(np.diff(values, axis=0))[:, finite[0]] <= room).all())


def same_picture(one: bytes, other: bytes) -> bool:
    """Whether two pictures (bytes of PNG files) are the same but for shades of pixels."""
    if one == other:
        return True
    pixels = [np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"), dtype=np.int16) for content in (one, other)]
    return pixels[0].shape == pixels[1].shape and int(np.abs(pixels[0] - pixels[1]).max(initial=0)) <= SHADE
