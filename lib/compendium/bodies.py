"""The bodies of work of the compendium, each a package of its own.

A body of work declares its study cells in a module `cells` and what its claims measure in a package `measurements`.
A new one is an entry here.
"""

from importlib import import_module
from types import ModuleType

BODIES = ("feature_gradient",)


def modules(name: str) -> list[ModuleType]:
    """The module of this name of every body of work."""
    return [import_module(f"compendium.{body}.{name}") for body in BODIES]
