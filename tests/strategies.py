"""Random spaces and tables for `test_properties`, with the right answers worked out without the library.

A `Problem` has limits in exact arithmetic (`fractions.Fraction`), on the grid or between two grid values. A `Sheet` is
drawn row by row; from the digits written, each row knows whether it can be used, and what it then means.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cached_property
from itertools import permutations
from math import ceil, floor

import numpy as np
from hypothesis import strategies as st

from alloygrad.features import elements
from alloygrad.objectives import Maximise, Objective
from alloygrad.spaces.composition import CompositionSpace, Group
from alloygrad.tables.declared import UNITS

KNOWN = elements.load().dropna().index.tolist()
"""Elements that have all properties."""

MASSES = {name: Fraction(float(mass)) for name, mass in elements.load()["RAM"].items()}

FINEST = 2000
"""Steps in a whole composition at most."""


@dataclass(frozen=True)
class Problem:
    """A space as declared, in exact fractions: lower, upper (n,), groups of (columns, lower, upper)."""

    elements: tuple[str, ...]
    total: int
    lower: tuple[Fraction, ...]
    upper: tuple[Fraction, ...]
    groups: tuple[tuple[tuple[int, ...], Fraction, Fraction], ...] = ()

    def space(self) -> CompositionSpace:
        groups = [Group([self.elements[i] for i in columns], float(u), float(v)) for columns, v, u in self.groups]
        lower, upper = (list(map(float, limits)) for limits in (self.lower, self.upper))
        return CompositionSpace.from_fractions(self.elements, lower, upper, 1 / self.total, groups)

    def permuted(self, order: Sequence[int]) -> "Problem":
        place = {old: new for new, old in enumerate(order)}
        groups = tuple((tuple(place[i] for i in columns), low, high) for columns, low, high in self.groups)
        elements, lower, upper = (tuple(v[i] for i in order) for v in (self.elements, self.lower, self.upper))
        return Problem(elements, self.total, lower, upper, groups)

    def holds(self, counts: Sequence[int], finer: int = 1) -> bool:
        """Whether these counts of a step `finer` times smaller lie within the limits, rounded to this grid."""
        counts = [int(n) for n in counts]
        within = all(
            finer * low <= sum(counts[i] for i in columns) <= finer * high for columns, low, high in self.in_steps
        )
        return within and sum(counts) == finer * self.total

    @cached_property
    def in_steps(self) -> list[tuple[tuple[int, ...], int, int]]:
        """All limits, of elements first, rounded inwards to whole steps."""
        box = [((i,), low, high) for i, (low, high) in enumerate(zip(self.lower, self.upper, strict=True))]
        return [
            (columns, ceil(low * self.total), floor(high * self.total)) for columns, low, high in (*box, *self.groups)
        ]

    def moves(self, counts: Sequence[int]) -> list[tuple[int, ...]]:
        """Every composition that one step from one element to another makes of `counts`, within the limits."""
        pairs = permutations(range(len(counts)), 2)
        moved = (tuple(int(c) + (k == take) - (k == give) for k, c in enumerate(counts)) for give, take in pairs)
        return [row for row in moved if self.holds(row)]

    def all(self, most: int = 20_000) -> np.ndarray | None:
        """Every composition, in lexicographic order, by trying all; None where more than `most` would be tried."""
        box = [(low, high) for _, low, high in self.in_steps[: len(self.elements)]]
        rows = np.empty((1, 0), dtype=int)
        for i, (low, high) in enumerate(box, start=1):
            values = np.arange(low, high + 1)
            rows = np.hstack([np.repeat(rows, len(values), axis=0), np.tile(values, len(rows))[:, None]])
            left, rest = self.total - rows.sum(1), np.sum(box[i:], axis=0) if box[i:] else (0, 0)
            rows = rows[(rest[0] <= left) & (left <= rest[1])]
            if len(rows) > most:
                return None
        for columns, low, high in self.in_steps:
            sums = rows[:, columns].sum(1)
            rows = rows[(low <= sums) & (sums <= high)]
        return rows


TOTALS = st.one_of(st.integers(1, 12), st.integers(13, 200), st.sampled_from([250, 400, 500, 1000, FINEST]))


@st.composite
def problems(draw, sizes=(2, 12), totals=TOTALS, names=None) -> Problem:
    """Feasible problems; `names` to draw elements from, else E0, E1, …"""
    n, total = draw(st.integers(*sizes)), draw(totals)
    some = st.lists(st.integers(0, total), min_size=n, max_size=n)
    cuts = sorted(draw(st.lists(st.integers(0, total), min_size=n - 1, max_size=n - 1)))
    inside = np.diff([0, *cuts, total]).tolist()
    below, above = draw(some), draw(some)
    tight = draw(st.sampled_from([1, 1, 1, 2, 10]))  # a tenth of the room, say
    off = st.integers(0, 3)  # quarters of a step between a limit and the grid value that it is rounded to
    box = [
        (_under(v - a // tight, draw(off), total), _over(v + b // tight, draw(off), total))
        for v, a, b in zip(inside, below, above, strict=True)
    ]
    groups = []
    for columns in draw(families(n)):
        held = sum(inside[i] for i in columns)
        low, high = held - draw(st.integers(0, total)), held + draw(st.integers(0, total)) // tight
        groups.append((columns, _under(low, draw(off), total), _over(high, draw(off), total)))
    elements = [f"E{i}" for i in range(n)]
    if names:
        elements = draw(st.lists(st.sampled_from(names), min_size=n, max_size=n, unique=True))
    return Problem(tuple(elements), total, *(tuple(v) for v in zip(*box, strict=True)), tuple(groups))


def _under(count: int, quarters: int, total: int) -> Fraction:
    return max(Fraction(0), Fraction(4 * count - quarters, 4 * total))


def _over(count: int, quarters: int, total: int) -> Fraction:
    return min(Fraction(1), Fraction(4 * count + quarters, 4 * total))


@st.composite
def families(draw, n: int) -> list[tuple[int, ...]]:
    """Sets of columns, disjoint or nested (or the same), in any order."""
    order = draw(st.permutations(range(n)))
    kept: list[tuple[int, int]] = []
    tries = draw(st.sampled_from([8, 4, 8, 0]))
    for a, b in draw(st.lists(st.tuples(st.integers(0, n), st.integers(0, n)), min_size=tries, max_size=tries)):
        a, b = min(a, b), max(a, b)
        if a < b and all(b <= c or d <= a or (c <= a and b <= d) or (a <= c and d <= b) for c, d in kept):
            kept.append((a, b))
    return [tuple(order[a:b]) for a, b in kept]


@st.composite
def limits(draw) -> Problem:
    """Limits of a small space, which may contradict each other."""
    if draw(st.booleans()):
        return draw(problems(sizes=(2, 4), totals=st.integers(1, 10), names=KNOWN))
    n, total = draw(st.integers(2, 4)), draw(st.integers(1, 10))
    quarter = st.integers(0, 4 * total).map(lambda k: Fraction(k, 4 * total))
    pair = st.tuples(quarter, quarter).map(sorted)
    lower, upper = zip(*(draw(pair) for _ in range(n)), strict=True)
    groups = tuple((columns, *draw(pair)) for columns in draw(families(n)))
    return Problem(tuple(KNOWN[:n]), total, lower, upper, groups)


@dataclass(frozen=True)
class Row:
    """A row as written (None: an empty line), whether it can be used, and, if so, atomic shares and the target."""

    cells: tuple[str, ...] | None
    fault: str = ""
    shares: tuple[Fraction, ...] = ()
    target: float = 0.0


@dataclass(frozen=True)
class Sheet:
    """A file of rows under a header."""

    space: CompositionSpace
    unit: str
    kind: str  # of objective: "column" or "sum"
    weight: float  # of the column in the objective
    rows: tuple[Row, ...]
    content: bytes

    @property
    def objective(self) -> Objective:
        return Maximise("HV" if self.kind == "column" else {"HV": self.weight})

    def numbered(self) -> Iterator[tuple[int, Row]]:
        """Rows that are not empty, with the number that a spreadsheet program shows."""
        for number, row in enumerate(self.rows, start=2):
            if row.cells is not None and any(cell.strip() for cell in row.cells):
                yield number, row


BAD_CELLS = ["", "  ", "n/a", "NaN", "nan", "inf", "-inf", "5 (nominal)", "<5", "1_0", "0x1F", "12,5", "-3", "-0.5",
             "1e400", "1e308", "TRUE", "#DIV/0!", "5%", "1.2.3", "--1", "bal."]  # fmt: skip
NOTES = ["", "as cast", "Härte 5 µm", 'so-called "good"', "two\nlines", "comma, in a note", "semi;colon", "日本"]
HARDNESSES = ["7", "1e3", "-0.25", "410.5", "300", " 301 ", "+302", "1e308", "-1e308", "1e50", "-9e40", "1e-320"]
WEIGHTS = [1.0, 2.0, -1e9]


@st.composite
def sheets(draw) -> Sheet:
    """Tables as spreadsheet programs write them, and as people fill them in."""
    problem = draw(problems(sizes=(2, 6), totals=st.sampled_from([20, 100, 200, 1000]), names=KNOWN))
    names, unit = list(problem.elements), draw(st.sampled_from(UNITS))
    digits = draw(st.integers(0, 4))
    kind, weight = draw(st.sampled_from(["column", "sum"])), draw(st.sampled_from(WEIGHTS))
    weight = 1.0 if kind == "column" else weight
    care = draw(st.sampled_from([40, 10, 40, 2]))
    few = draw(st.sampled_from([9, 5, 12, 7, 0]))
    rows = draw(st.lists(_rows(names, unit, digits, weight, care), min_size=few, max_size=few + 4))
    if rows and draw(st.booleans()):
        rows += draw(st.lists(st.sampled_from(rows), max_size=3))  # copies

    header = [*names, "HV", "note"]
    order = draw(st.permutations(range(len(header))))
    lines = [None if row.cells is None else [row.cells[i] for i in order] for row in rows]
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    all_quoted = draw(st.booleans()) or end == "\r"  # with that the writer would leave a line feed in a cell bare
    text = _written([[header[i] for i in order], *lines], end, csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL)
    text = text if draw(st.booleans()) else text.removesuffix(end)
    content = text.encode(draw(st.sampled_from(["utf-8", "utf-8-sig"])))
    return Sheet(problem.space(), unit, kind, weight, tuple(rows), content)


@st.composite
def _rows(draw, names: list[str], unit: str, digits: int, weight: float, care: int) -> Row:
    n, total = len(names), 1 if unit == "fraction" else 100
    if draw(st.integers(0, 2 * care)) == 1:
        return Row(draw(st.sampled_from([None, ("",) * (n + 2), (" ",) * (n + 2)])))
    digits += 2 if unit == "fraction" else 0
    parts = total * 10**digits
    cuts = sorted(draw(st.lists(st.integers(0, parts), min_size=n - 1, max_size=n - 1)))
    shares = [Decimal(v).scaleb(-digits) for v in np.diff([0, *cuts, parts]).tolist()]
    cells = [draw(_spellings(share)) for share in shares]
    cells += [draw(st.sampled_from(HARDNESSES)), draw(st.sampled_from(NOTES))]
    change = draw(st.sampled_from([*[""] * care, "cell", "negative", "target", "scaled", "huge"]))
    if change == "cell":
        cells[draw(st.integers(0, n - 1))] = draw(st.sampled_from(BAD_CELLS))
    if change == "negative":
        cells[0], cells[1] = f"{shares[0] + total}", f"{shares[1] - total}"
    if change == "target":
        cells[n] = draw(st.sampled_from(BAD_CELLS))
    if change == "huge":  # of which the sum is no float
        cells[:n] = ["1e308"] * n
    if change == "scaled":
        factor = draw(st.sampled_from(["0.5", "0.01", "100", "0.99", "1.01", "0.9985", "1.0015", "1e300", "0"]))
        cells[:n] = [f"{share * Decimal(factor)}" for share in shares]
    return judged(tuple(cells), names, unit, weight)


def _spellings(value: Decimal) -> st.SearchStrategy[str]:
    """Ways to write a number that is not negative."""
    return st.sampled_from([f"{value:f}", f"{value:f}", f" {value:f} ", f"+{value:f}", f"{value:f}0" if value % 1 else
                            f"{value:f}.0", f"{value:e}"])  # fmt: skip


def judged(cells: tuple[str, ...], names: list[str], unit: str, weight: float) -> Row:
    """A row and what is to become of it, worked out in whole numbers from the digits."""
    *shares, target = (_number(cell) for cell in cells[: len(names) + 1])
    total = 1 if unit == "fraction" else 100
    if "bal." in cells[: len(names)] and shares.count(None) == 1:  # takes what the others leave
        shares[shares.index(None)] = max(total - sum(share for share in shares if share is not None), Fraction(0))
    if target is None or None in shares or not abs(float(target) * weight) <= 1e50:
        return Row(cells, "no number")
    if min(shares) < 0:
        return Row(cells, "negative")
    if abs(sum(shares) / total - 1) > Fraction(2, 1000):
        return Row(cells, "sum")
    if unit == "wt.%":
        shares = [share / MASSES[name] for share, name in zip(shares, names, strict=True)]
    return Row(cells, "", tuple(share / sum(shares) for share in shares), float(target) * weight)


def _number(cell: str) -> Fraction | None:
    try:
        value = Decimal(cell.strip())
    except InvalidOperation:
        return None
    if "_" in cell or not value.is_finite() or abs(value) > Decimal("1.79e308"):
        return None
    return Fraction(value)


def _written(lines: Sequence[Sequence[str] | None], end: str, quoting: int) -> str:
    text = io.StringIO(newline="")
    for line in lines:
        if line:
            csv.writer(text, lineterminator=end, quoting=quoting).writerow(line)
        else:
            text.write(end)
    return text.getvalue()
