"""Compositions written as one text: a formula or a designation.

    Al0.5CoCrFeNi, (Fe0.5Co0.5)75B25, La0.7Sr0.3MnO3    a formula: amounts after the symbols, 1 unless given
    Ti-6Al-4V, 18Cr-8Ni-Fe, Fe(bal.)-18wt.%Cr           a designation: per cent before symbols; the base has none

The amounts of a formula are ratios of atoms, those of a designation per cent. A unit behind it, as in "Ti-50Ni (at.%)",
says what they are; otherwise the unit declared for the table does.
"""

import re
from dataclasses import dataclass
from typing import Any

from alloygrad.symbols import CHEMICAL_SYMBOLS

SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
MARKUP = re.compile(r"</?sub>|[$_{}\s]|\\mathrm|\\rm")
DASHES = re.compile(r"[-–—‑−]")
UNIT = re.compile(r"[(\[,]?\s*(at|wt|mass|mol|weight|atomic)\.?\s*-?\s*(?:%|pct|percent)\s*[)\]]?$", re.IGNORECASE)
NOTE = re.compile(r"\s+\(\s*[a-z][a-z \-]*\)$|\s+[a-z][a-z\-]*$")
ATOMIC = ("at", "mol", "atomic")
AMOUNT = r"\d+\.?\d*|\.\d+"
TOKEN = re.compile(rf"([A-Z][a-z]?)|([(\[])|([)\]])|({AMOUNT})")
PERCENT = re.compile(rf"({AMOUNT})((?:at|wt|mass|mol)\.?(?=%))?%?([A-Z][a-z]?)")
BASE = re.compile(r"([A-Z][a-z]?)[(\[]?(?:bal|balance|base|rem|remainder|rest)\.?[)\]]?", re.IGNORECASE)
CLOSING = {"(": ")", "[": "]"}

REMEDY = "Write a formula such as Al0.5CoCrFeNi, or a designation such as Ti-6Al-4V; or give each element a column."


class DesignationError(ValueError):
    """A text that is no composition; says what is wrong with it."""


@dataclass(frozen=True)
class Designation:
    """Amounts of elements, as written: ratios (of a formula), or per cent that sum to 100."""

    amounts: dict[str, float]
    percent: bool
    unit: str = ""  # "at.%" or "wt.%" if the text says so


def parse(text: Any) -> Designation:
    """Read a formula or a designation.

    Raises:
        DesignationError: The text is neither.

    Example:
        >>> parse("(Fe0.5Co0.5)75B25").amounts
        {'Fe': 37.5, 'Co': 37.5, 'B': 25.0}
        >>> parse("Ti-6Al-4V").amounts
        {'Ti': 90.0, 'Al': 6.0, 'V': 4.0}
    """
    if not isinstance(text, str):
        raise DesignationError("a number" if isinstance(text, int | float) else "an empty cell")
    text, unit = text.strip(), ""
    if note := NOTE.search(text):
        raise DesignationError(f"the note {note[0].strip()!r} stands behind it; give it a column of its own")
    if re.search(r"\d,\d", text):
        raise DesignationError("a comma stands in place of the decimal point")
    if match := UNIT.search(text):
        text, unit = text[: match.start()], "at.%" if match[1].lower() in ATOMIC else "wt.%"
    text = MARKUP.sub("", text.translate(SUBSCRIPTS))
    parts = [part for part in DASHES.split(text) if part]
    if len(parts) > 1 and any(PERCENT.fullmatch(part) for part in parts):
        return Designation(_percents(parts), True, _unit_within(parts, unit))
    if len(parts) > 1 and not any(map(str.isupper, text)):
        raise DesignationError("symbols of elements begin with a capital letter, as in Ti-6Al-4V")
    if len(parts) > 1 and not all(re.fullmatch(rf"[A-Z][a-z]?({AMOUNT})", part) for part in parts):
        raise DesignationError("no amounts stand with these elements")
    amounts = _formula("".join(parts))
    if not sum(amounts.values()) > 0:
        raise DesignationError("it has no amounts above 0")
    return Designation(amounts, False, unit)


def looks_like_one(text: Any) -> bool:
    """Return whether a text is a composition of two elements or more."""
    try:
        return len(parse(text).amounts) > 1
    except DesignationError:
        return False


def _unit_within(parts: list[str], unit: str) -> str:
    """The unit that stands with the amounts, or the one `unit` behind the text. Raises where they differ."""
    words = [match[2] for part in parts if (match := PERCENT.fullmatch(part)) and match[2]]
    said = {"at.%" if word.rstrip(".") in ATOMIC else "wt.%" for word in words} | ({unit} if unit else set())
    if len(said) > 1:
        raise DesignationError(f"it has amounts in {' and in '.join(sorted(said))}")
    return next(iter(said), "")


def _percents(parts: list[str]) -> dict[str, float]:
    """Per cent of "6Al" …; one part may be the base, a symbol alone or with "bal.", which takes the rest."""
    amounts: dict[str, float] = {}
    base = ""
    for part in parts:
        marked = BASE.fullmatch(part)
        symbol = marked[1] if marked and _symbol(marked[1]) else part
        if _symbol(symbol) and not base:
            base = symbol
            amounts[base] = amounts.get(base, 0.0)
            continue
        match = PERCENT.fullmatch(part)
        if not match:
            raise DesignationError(f"{part!r} is no amount with an element, such as 6Al")
        _require_symbol(match[3])
        amounts[match[3]] = amounts.get(match[3], 0.0) + float(match[1])
    total = sum(amounts.values())
    if total > 100 + 0.2 or (not base and abs(total - 100) > 0.2):
        raise DesignationError(f"its amounts sum to {total:g}, {'at most' if base else 'expected'} 100")
    if base:
        amounts[base] += max(100 - total, 0.0)
    return amounts


def _formula(text: str) -> dict[str, float]:
    """Amounts of a formula with brackets; an amount behind a bracket multiplies what stands in it."""
    levels: list[tuple[str, dict[str, float]]] = [("", {})]
    last: dict[str, float] = {}  # what a number that follows belongs to
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise DesignationError(f"{text[at : at + 12]!r} cannot be read")
        symbol, opened, closed, amount = match.groups()
        if amount and not last:
            raise DesignationError(f"the number {amount!r} stands before all elements")
        if symbol or opened or closed:
            _add(levels[-1][1], last)
            last = {}
        if symbol:
            _require_symbol(symbol)
            last = {symbol: 1.0}
        elif opened:
            levels.append((CLOSING[opened], {}))
        elif closed:
            wanted, last = levels.pop()
            if closed != wanted:
                raise DesignationError(f"a bracket {closed!r} closes none")
        else:
            _add(levels[-1][1], {name: float(amount) * share for name, share in last.items()})
            last = {}
        at = match.end()
    _add(levels[-1][1], last)
    if len(levels) > 1:
        raise DesignationError(f"a bracket {levels[-1][0]!r} is missing")
    return levels[0][1]


def _add(amounts: dict[str, float], more: dict[str, float]) -> None:
    for name, amount in more.items():
        amounts[name] = amounts.get(name, 0.0) + amount


def _symbol(text: str) -> bool:
    return text in CHEMICAL_SYMBOLS


def _require_symbol(text: str) -> None:
    if not _symbol(text):
        raise DesignationError(f"{text!r} is no element symbol")
