"""Random spaces and random tables for `test_properties`, each with an account of itself that asks no code of ours.

A `Problem` is drawn around a composition that it holds, so it is never empty; its limits are fractions in the sense of
arithmetic (`fractions.Fraction`), on the grid or between two grid values. A `Sheet` is drawn row by row; each row knows
from the digits written whether it can be used, and what it then means.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cached_property
from math import ceil, floor

import numpy as np
from hypothesis import strategies as st

from alloygrad.features import elements
from alloygrad.spaces.composition import CompositionSpace, Group
from alloygrad.tables import measurements as own

KNOWN = elements.load().dropna().index.tolist()
"""Elements that have all properties."""

MASSES = {name: Fraction(float(mass)) for name, mass in elements.load()["RAM"].items()}

FINEST = 2000
"""Steps in a whole composition at most."""


@dataclass(frozen=True)
class Problem:
    """Limits of a space in exact fractions, as declared: lower, upper (n,), groups of (columns, lower, upper)."""

    elements: tuple[str, ...]
    total: int
    lower: tuple[Fraction, ...]
    upper: tuple[Fraction, ...]
    groups: tuple[tuple[tuple[int, ...], Fraction, Fraction], ...] = ()

    def space(self) -> CompositionSpace:
        groups = [Group([self.elements[i] for i in columns], float(u), float(v)) for columns, v, u in self.groups]
        return CompositionSpace(
            self.elements, [*map(float, self.lower)], [*map(float, self.upper)], 1 / self.total, groups
        )

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

    def moves(self, counts: Sequence[int]) -> set[tuple[int, ...]]:
        """All that one step from one element to another makes of `counts`, within the limits."""
        n, found = len(counts), set()
        for give, take in ((i, j) for i in range(n) for j in range(n) if i != j):
            moved = [int(c) + (k == take) - (k == give) for k, c in enumerate(counts)]
            if self.holds(moved):
                found.add(tuple(moved))
        return found

    def all(self, most: int = 20_000) -> list[tuple[int, ...]] | None:
        """Every composition by trying all, or None where more than `most` would be tried."""
        ranges = [range(low, high + 1) for _, low, high in self.in_steps[: len(self.elements)]]
        rows: list[tuple[int, ...]] = [()]
        for i, values in enumerate(ranges):
            rest = ranges[i + 1 :]
            if any(not r for r in ranges):
                return []
            least, most_left = sum(r[0] for r in rest), sum(r[-1] for r in rest)
            rows = [(*row, v) for row in rows for v in values if least <= self.total - sum(row) - v <= most_left]
            if len(rows) > most:
                return None
        return [row for row in rows if self.holds(row)]


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


@dataclass(frozen=True)
class Limits:
    """Any limits at all, as someone might type them: floats, not even numbers between 0 and 1."""

    step: float
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    groups: tuple[tuple[tuple[int, ...], float, float], ...]


@st.composite
def limits(draw) -> tuple[Problem | None, Limits]:
    """Limits, and the problem that they pose: None where a number or a group is out of the question."""
    if draw(st.booleans()):
        exact = draw(problems(sizes=(2, 4), totals=st.integers(1, 10)))
        sums = tuple((columns, float(low), float(high)) for columns, low, high in exact.groups)
        return exact, Limits(1 / exact.total, tuple(map(float, exact.lower)), tuple(map(float, exact.upper)), sums)
    n, total = draw(st.integers(2, 4)), draw(st.integers(1, 10))
    odd = draw(st.sampled_from(["", "", "", "value", "step", "overlap"]))
    quarter = st.integers(0, 4 * total).map(lambda k: Fraction(k, 4 * total))
    pair = st.tuples(quarter, quarter).map(sorted)
    box = [draw(pair) for _ in range(n)]
    sums = [(columns, *draw(pair)) for columns in draw(families(n))]
    if odd == "overlap":
        sums += [((0, 1), Fraction(0), Fraction(1)), ((1, 2 % n), Fraction(0), Fraction(1))]
    step, lower, upper = 1 / total, [float(a) for a, _ in box], [float(b) for _, b in box]
    if odd == "value":
        bad = draw(st.sampled_from([float("nan"), float("inf"), -0.25, 1.5, -float("inf"), "reversed"]))
        i = draw(st.integers(0, n - 1))
        if bad == "reversed":
            lower[i], upper[i] = 0.75, 0.25
        else:
            draw(st.sampled_from([lower, upper]))[i] = bad
    if odd == "step":
        step = draw(st.sampled_from([0.3, 0.0, -0.1, 2.0, 1e-9, float("nan"), float("inf")]))
    given = Limits(step, tuple(lower), tuple(upper), tuple((c, float(a), float(b)) for c, a, b in sums))
    if odd in ("value", "step") or (odd == "overlap" and n > 2):
        return None, given
    exact = Problem(  # of two elements the second group is the first again: no overlap
        tuple(f"E{i}" for i in range(n)), total, tuple(a for a, _ in box), tuple(b for _, b in box), tuple(sums)
    )
    return exact, given


@dataclass(frozen=True)
class Row:
    """A row as written (None: an empty line), whether it can be used, and, if so, atomic shares and the target."""

    cells: tuple[str, ...] | None
    fault: str = ""
    shares: tuple[Fraction, ...] = ()
    target: float = 0.0


@dataclass(frozen=True)
class Sheet:
    """A file of rows under a header. `refused` says why the whole must be refused; "" if only rows may be."""

    space: CompositionSpace
    unit: str
    kind: str  # of target: "column", "sum" or "function"
    weight: float  # of the column in the target
    rows: tuple[Row, ...]
    content: bytes
    refused: str
    culprit: int  # the row to be named where the whole is refused, 0 if that is not the point

    @property
    def target(self) -> own.Target:
        kinds = {"column": "HV", "sum": {"HV": self.weight}, "function": lambda columns: self.weight * columns["HV"]}
        return kinds[self.kind]

    def numbered(self) -> Iterator[tuple[int, Row]]:
        """Rows that are not empty, with the number that a spreadsheet program shows."""
        for number, row in enumerate(self.rows, start=2):
            if row.cells is not None and any(cell.strip() for cell in row.cells):
                yield number, row


BAD_CELLS = ["", "  ", "n/a", "NaN", "nan", "inf", "-inf", "5 (nominal)", "<5", "1_0", "0x1F", "12,5", "-3", "-0.5",
             "1e400", "1e308", "−4", "TRUE", "#DIV/0!", "5%", "1.2.3", "--1", "bal."]  # fmt: skip
NOTES = ["", "as cast", "Härte 5 µm", 'so-called "good"', "two\nlines", "comma, in a note", "semi;colon", "日本"]
HARDNESSES = ["7", "1e3", "-0.25", "410.5", "300", " 301 ", "+302", "1e308", "-1e308", "1e50", "-9e40", "1e-320"]
WEIGHTS = [1.0, 2.0, -1e9]
FAULTS = [*[""] * 20, "semicolons", "tabs", "missing", "renamed", "doubled", "latin-1", "utf-16", "quote",
          "long row", "no header", "nothing"]  # fmt: skip


@st.composite
def sheets(draw) -> Sheet:
    """Tables as spreadsheet programs write them, and as people fill them in."""
    problem = draw(problems(sizes=(2, 6), totals=st.sampled_from([20, 100, 200, 1000]), names=KNOWN))
    names, unit = list(problem.elements), draw(st.sampled_from(own.UNITS))
    digits = draw(st.integers(0, 4))
    fault = draw(st.sampled_from(FAULTS))
    kind, weight = draw(st.sampled_from(["column", "column", "sum", "function"])), draw(st.sampled_from(WEIGHTS))
    weight = 1.0 if kind == "column" else weight
    care = draw(st.sampled_from([40, 10, 40, 2]))
    few = draw(st.sampled_from([9, 5, 12, 7, 0]))
    rows = draw(st.lists(_rows(names, unit, digits, weight, care), min_size=few, max_size=few + 4))
    if rows and draw(st.booleans()):
        rows += draw(st.lists(st.sampled_from(rows), max_size=3))  # copies
    if fault == "nothing":
        rows = [Row(None) for _ in rows]

    header = [*names, "HV", "note"]
    order = draw(st.permutations(range(len(header))))
    if fault == "missing":
        order = [i for i in order if i != 0]
    lines = [None if row.cells is None else [row.cells[i] for i in order] for row in rows]
    titles = [header[i] for i in order]
    if fault == "renamed":
        titles[order.index(0)] = draw(st.sampled_from([names[0].lower(), f"{names[0]} at.%", "Unobtainium"]))
    if fault == "doubled":
        titles, lines = [*titles, "HV"], [None if line is None else [*line, "1"] for line in lines]
    culprit = 0 if fault in ("", "quote", "nothing") else 1
    if fault == "long row":
        if full := [i for i, line in enumerate(lines) if line is not None]:
            culprit = (i := draw(st.sampled_from(full))) + 2
            lines[i] = [*lines[i], "7"]
        else:
            fault = ""
    if fault in ("semicolons", "tabs"):
        lines = [None if line is None else [cell.replace(".", ",") for cell in line] for line in lines]
    if fault == "latin-1":
        if draw(st.booleans()):
            titles.append("Härte")
        odd = [
            k
            for k, line in enumerate([titles, *lines], start=1)
            if line and not "".join(line).replace("日本", "").isascii()
        ]
        fault, culprit = (fault, odd[0]) if odd else ("", 0)
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    all_quoted = draw(st.booleans()) or end == "\r"  # with that the writer would leave a line feed in a cell bare
    content = _written(
        [[] if fault == "no header" else titles, *lines],
        delimiter={"semicolons": ";", "tabs": "\t"}.get(fault, ","),
        end=end,
        quoting=csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL,
        last=draw(st.booleans()),
    )
    if fault == "quote":
        content += '\n"unclosed'
    encoding = {"latin-1": "latin-1", "utf-16": "utf-16"}.get(fault) or draw(st.sampled_from(["utf-8", "utf-8-sig"]))
    return Sheet(
        problem.space(), unit, kind, weight, tuple(rows), content.encode(encoding, "namereplace"), fault, culprit
    )


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
    if target is None or None in shares or not abs(float(target) * weight) <= 1e50:
        return Row(cells, "no number")
    if min(shares) < 0:
        return Row(cells, "negative")
    total = 1 if unit == "fraction" else 100
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


def _written(lines: Sequence[Sequence[str] | None], *, delimiter: str, end: str, quoting: int, last: bool) -> str:
    text = io.StringIO(newline="")
    for line in lines:
        if line:
            csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerow(line)
        else:
            text.write(end)
    return text.getvalue() if last else text.getvalue().removesuffix(end)
