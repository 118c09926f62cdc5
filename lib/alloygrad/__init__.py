"""Bayesian optimisation of alloy compositions along the feature gradient: a(g(e(c))).

A composition flows one way, and each module is one station that imports only stations before it:
composition → features → surrogate → acquisition → maximiser → environment → trajectory → figure.
"""

from pathlib import Path

__version__ = "0.1.0"

ROOT = Path(__file__).resolve().parents[2]
"""The compendium's top folder: the package runs from its checkout (editable install)."""

DATA = ROOT / "data"
