"""The bodies of work of the compendium, each a package of its own.

A body of work declares its study cells in a module `cells`, where it has campaigns, and what its claims measure in
`measurements`. A new one is an entry here.
"""

from importlib import import_module
from types import ModuleType

BODIES = {
    "feature_gradient": ("cells", "measurements"),
    "fusion": ("measurements",),
    "inverse": ("measurements",),
    "learning": ("measurements",),
    "pareto": ("measurements",),
    "physics": ("measurements",),
}
"""Bodies of work, and which of the two modules each has."""


def modules(name: str) -> list[ModuleType]:
    """The module of this name of every body of work that has one."""
    return [import_module(f"compendium.{body}.{name}") for body, own in BODIES.items() if name in own]
