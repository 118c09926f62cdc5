"""Bayesian optimisation of alloy compositions along the feature gradient: a(g(e(c))).

A composition flows one way, and each module is one station that imports only stations before it:
composition → features → surrogate → acquisition → maximiser → environment → trajectory → figure.
"""

from numbers import Integral
from pathlib import Path

__version__ = "0.1.0"

ROOT = Path(__file__).resolve().parents[2]
"""The compendium's top folder: the package runs from its checkout (editable install)."""

DATA = ROOT / "data"


def require_whole(least: int, **named) -> None:
    """Raise ValueError, by name, unless each value is a whole number from `least` on."""
    for name, value in named.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} is {value!r}; it must be a whole number from {least} on.")
