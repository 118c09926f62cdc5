"""Checks of arguments that several packages share."""

import difflib
from collections.abc import Collection
from numbers import Integral


def require_whole(least: int, **named) -> None:
    """Raise ValueError, by name, unless each value is a whole number ≥ `least`."""
    for name, value in named.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} is {value!r}; it must be a whole number from {least} on.")


def require_known(what: str, name: str, known: Collection[str]) -> None:
    """Raise ValueError unless `name` is one of `known`, with the nearest of them."""
    if name not in list(known):
        near = difflib.get_close_matches(str(name), list(known), n=1)
        hint = f" Is {near[0]!r} meant?" if near else ""
        raise ValueError(f"Expected {what} to be one of {sorted(known)}; got {name!r}.{hint}")
