"""Checks of arguments that several packages share."""

from numbers import Integral


def require_whole(least: int, **named) -> None:
    """Raise ValueError, by name, unless each value is a whole number ≥ `least`."""
    for name, value in named.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} is {value!r}; it must be a whole number from {least} on.")
