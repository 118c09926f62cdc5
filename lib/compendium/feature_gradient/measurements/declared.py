"""Comparisons that a claim declares as data: its entries of `compare` in data/claims.toml, one or several parts each.

    { name = "{arm} {alloy} N=4", over = { arm = ["slsqp_log_ei", "slsqp_ei"] },
      cells = ["{alloy}_n4_{arm}", "{alloy}_n4_enumeration"], quantity = "best", least = "-margin" }

Values of `over` are combined in the order written; alloys, where cells name {alloy}, are all three and come last. A
combination without a declared cell is left out. The group is "published" for the arm `slsqp_ei`, else "meant", unless
it is given. Bounds and options may name a value of `over` or a number of the claim: "-margin", "1 + margin",
"log share".
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np

from compendium.feature_gradient.cells import CELLS
from compendium.feature_gradient.results import ALLOYS, Results
from compendium.judging.verdicts import Part, measure

TEXTS = ("name", "group", "source", "over", "cells")
"""Keys of an entry in which nothing stands for a number."""


def measure_each(name: str) -> Callable:
    """Register a measurement that returns one part: (results, about the part, **options of the entry) → part."""

    def register(function: Callable) -> Callable:
        @measure(name)
        def each(results: Results, compare: list[dict], **numbers) -> list[Part]:
            rows = [list(expanded(entry, numbers)) for entry in compare]
            if not all(rows):
                entry = compare[rows.index([])]
                raise ValueError(f"None of the cells in {entry} is declared; expected names of cells.CELLS.")
            return [function(results, about, **options) for row in rows for about, options in row]

        return function

    return register


def expanded(entry: Mapping[str, Any], numbers: Mapping[str, Any]) -> Iterator[tuple[dict, dict]]:
    """(what a `Part` is given, options of the measurement) of every combination of an entry."""
    over, templates = dict(entry.get("over", {})), entry.get("cells", [])
    if any("{alloy}" in template for template in templates):
        over |= {"alloy": over.pop("alloy", list(ALLOYS))}
    for values in product(*over.values()):
        at = dict(zip(over, values, strict=True))
        cells = [template.format(**at) for template in templates]
        if not set(cells) <= set(CELLS):
            continue
        about = {"name": entry["name"].format(**at | {"alloy": ALLOYS.get(at.get("alloy"))})}
        about["group"] = entry.get("group", "published" if at.get("arm") == "slsqp_ei" else "meant")
        if source := entry.get("source", " − ".join(cells)):
            about["source"] = source.format(**at)
        options = {key: number(value, numbers | at) for key, value in entry.items() if key not in TEXTS}
        about |= {bound: options.pop(bound) for bound in ("least", "most") if bound in options}
        yield about, options | ({"cells": cells} if cells else {})


def number(value: Any, names: Mapping[str, Any]) -> Any:
    """What stands for a value: of "margin", "-margin", "1 - margin" or "log margin" what `names` holds for margin."""
    found = re.fullmatch(r"(?:(\d+) )?([+-]? ?)(log )?(\w+)", value) if isinstance(value, str) else None
    if not found or found[4] not in names:
        return value
    base, sign, log, name = found.groups()
    meant = float(np.log(names[name])) if log else names[name]
    return float(base or 0) + (-meant if "-" in sign else meant) if base or sign else meant
