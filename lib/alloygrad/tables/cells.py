"""What one cell of a table says: a number, a number with its uncertainty, a range, a limit, the rest of an alloy.

    12.5           a number
    12.5 ± 0.3     12.5, with a standard deviation of 0.3
    12.5(3)        the same: digits in brackets count in the last place
    10–20          the middle, 15; a value that lies anywhere in the range scatters by its width/√12
    < 0.01         in a column of an element: half of the limit, 0.005; elsewhere it is no value
    bal.           in a column of an element: what the other elements leave

Whatever else is written is a fault, with a remedy. A comma is never taken for a decimal point, an empty cell never for
zero.
"""

import datetime
import math
import re
from dataclasses import dataclass
from typing import Any

from alloygrad.checks import comma

EMPTY = "Fill in the number or take the row out"
PLAIN = "Write plain numbers with a decimal point, such as 12.5, without units, signs like < or notes."
LIMIT = (
    "Write what was measured. A limit says on which side the value lies, not how large it is: leave the cell empty, or "
    "the row out."
)

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
WITH_ERROR = re.compile(rf"({NUMBER})\s*(?:±|\+/-|\+-)\s*({NUMBER})")
BRACKETED = re.compile(r"([+-]?\d+(?:\.(\d+))?)\((\d+)\)")
RANGE = re.compile(rf"({NUMBER})\s*(?:-|–|—|…|\.\.\.?|to)\s*({NUMBER})")
BELOW = re.compile(rf"[<≤]=?\s*({NUMBER})")
ABOVE = re.compile(rf"[>≥]=?\s*({NUMBER})")
REST = re.compile(r"(bal(ance)?|rem(ainder|aining)?|rest|base)\.?\*?", re.IGNORECASE)


class Unstored(str):
    """A formula of a workbook whose value was not stored with it."""


@dataclass(frozen=True)
class Content:
    """What a cell says; `fault` is empty if `value` is a finite number, `used` if it was written as one."""

    value: float = math.nan
    std: float = math.nan  # of the value, where the cell states one
    used: str = ""  # what was made of a cell that is no plain number
    fault: str = ""
    remedy: str = ""


def is_rest(cell: Any) -> bool:
    """Return whether a cell stands for what the other elements leave: "bal.", "Balance", "rem.", "rest"."""
    return isinstance(cell, str) and bool(REST.fullmatch(cell.strip()))


def plain(cell: Any) -> Content:
    """Read a cell that must hold one plain number."""
    if cell is None:
        return Content(fault="empty cell where a number belongs", remedy=EMPTY)
    if isinstance(cell, Unstored):
        remedy = "Open the workbook in a spreadsheet program and save it, which stores the values, or write numbers."
        return Content(fault=f"the formula {repr(str(cell))[:40]} without a stored value", remedy=remedy)
    if isinstance(cell, datetime.date | datetime.time):
        remedy = "Format the column as text or numbers, and type the cell again: the program took it for a date."
        return Content(fault=f"the date {cell} where a number belongs", remedy=remedy)
    try:
        if isinstance(cell, bool) or "_" in str(cell):
            raise ValueError  # float() would take both
        value = float(cell.replace("−", "-") if isinstance(cell, str) else cell)
    except (TypeError, ValueError):
        kind = "text " if isinstance(cell, str) else ""
        return Content(fault=f"{kind}{repr(cell)[:40]} where a number belongs{comma(cell)}", remedy=PLAIN)
    if not math.isfinite(value):
        return Content(fault=f"{cell} where a finite number belongs", remedy=EMPTY)
    return Content(value)


def read(cell: Any, *, share: bool = False) -> Content:
    """Read a cell that may also hold an uncertainty or a range, or, where it is an element's `share`, a limit.

    Example:
        >>> read("250 ± 5").std, read("10-20").value, read("<0.01", share=True).value
        (5.0, 15.0, 0.005)
    """
    found = plain(cell)
    if not found.fault or not isinstance(cell, str) or isinstance(cell, Unstored):
        return found
    text = cell.strip().replace("−", "-")
    if match := WITH_ERROR.fullmatch(text):
        value, std = map(float, match.groups())
        if math.isfinite(value) and 0 <= std < math.inf:
            return Content(value, std, f"used as {value:g} ± {std:g}")
    if match := BRACKETED.fullmatch(text):
        value, std = float(match[1]), float(match[3]) / 10 ** len(match[2] or "")
        return Content(value, std, f"used as {value:g} ± {std:g}")
    if match := RANGE.fullmatch(text):
        low, high = map(float, match.groups())
        if low < high < math.inf:
            value, std = (low + high) / 2, (high - low) / math.sqrt(12)
            return Content(value, std, f"used as {value:g} ± {std:.2g}, the middle")
    if match := BELOW.fullmatch(text):
        if share and 0 <= (limit := float(match[1])) < math.inf:
            return Content(limit / 2, limit / math.sqrt(12), f"used as {limit / 2:g}, half of the limit")
        return Content(fault=f"the limit {cell!r} where a number belongs", remedy=LIMIT)
    if ABOVE.fullmatch(text):
        return Content(fault=f"the limit {cell!r} where a number belongs", remedy=LIMIT)
    return found
