"""The line has one direction: every module imports only stations before it, and the import graph has no cycle."""

import ast

import pytest

from alloygrad import ROOT

PACKAGE = ROOT / "lib" / "alloygrad"

KNOWS = {
    "tables": set(),
    "store": set(),
    "threads": set(),
    "elements": set(),
    "counting": set(),
    "acquisition": {"surrogate"},
    "evidence": set(),
    "kernel": set(),
    "bounds": {"kernel"},
    "surrogate": {"bounds", "evidence", "features", "kernel"},
    "space": {"counting"},
    "datasets": {"store", "tables"},
    "features": {"elements"},
    "networks": {"store"},
    "maximisers": {"space"},
    "selection": {"elements", "features", "kernel"},
    "forest": {"features", "surrogate"},
    "deep_kernel": {"evidence", "kernel", "surrogate"},
    "campaign": {
        "acquisition",
        "deep_kernel",
        "features",
        "forest",
        "maximisers",
        "selection",
        "space",
        "surrogate",
    },
    "environments": {"networks", "space", "store"},
    "training": {"datasets", "elements", "environments", "networks", "store", "threads"},
    "findings": {"space", "tables"},
    "own": {"elements", "evidence", "findings", "space", "tables"},
    "noisy": {"acquisition", "campaign", "features", "kernel", "maximisers", "space", "surrogate"},
    "advice": {"features", "noisy", "own", "selection", "space", "store"},
    "validation": {"advice", "findings", "noisy", "selection", "space", "surrogate"},
    "replay": {"surrogate"},
    "sections": {"noisy", "space"},
    "cells": {"campaign", "elements", "environments", "features", "maximisers", "space", "store"},
    "clusters": set(),
    "studies": {"campaign", "cells", "clusters", "store", "threads"},
    "landscapes": {"cells", "environments", "maximisers", "store", "threads"},
    "comparisons": {"datasets", "elements", "features", "selection", "store", "surrogate", "threads"},
    "records": {
        "acquisition",
        "campaign",
        "cells",
        "comparisons",
        "features",
        "store",
        "studies",
        "surrogate",
        "threads",
    },
    "statistics": {"campaign"},
    "diversity": set(),
    "claims": {"cells", "comparisons", "datasets", "diversity", "environments", "statistics", "studies"},
    "figures": {"store"},
}
"""What each station may know of; a new import is a decision, taken here."""


def imports(module: str) -> set[str]:
    """Names of the package's modules that `module` imports anywhere, also inside functions."""
    path = PACKAGE / module
    files = sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    found = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))):
        if isinstance(node, ast.ImportFrom) and node.module == "alloygrad":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("alloygrad."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("alloygrad.")}
    return {name for name in found if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists()} - {module}


def test_every_module_is_a_declared_station():
    modules = {p.stem for p in PACKAGE.glob("*.py")} | {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    assert modules - {"__init__"} == set(KNOWS)


@pytest.mark.parametrize("module", KNOWS)
def test_a_module_imports_only_stations_before_it(module):
    assert imports(module) <= KNOWS[module]


def test_the_declared_order_has_no_cycle():
    placed, left = set(), dict(KNOWS)
    while left:
        ready = {module for module, known in left.items() if known <= placed}
        assert ready, f"cycle among {sorted(left)}"
        placed |= ready
        left = {module: known for module, known in left.items() if module not in ready}
