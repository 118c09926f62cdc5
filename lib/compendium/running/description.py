"""What names a trajectory: a declared, versioned description of all that makes it.

A trajectory's file is named by the digest of its description. So what is hashed must not change when code is renamed.
This is description version 1: its words were the names in the code when the first trajectories were recorded, and they
are frozen. `WORDS` maps today's names to them.
"""

from alloygrad.campaigns.trajectory import Settings

BEHAVIOUR = 2
"""Raised when a change anywhere on the line changes what a trajectory gives: recorded ones then no longer match."""

ASCENT_BEHAVIOUR = 2
"""The same, of `ascent` among more than five elements."""

WORDS = {"slsqp": "published", "lattice": "grid_search"}
"""Maximiser in the code → its word in the description, where they differ."""


def of_settings(settings: Settings) -> dict:
    """Plain values that describe how a campaign is run.

    The number of experiments is left out: a longer run continues a shorter one. So is the surrogate where it is the
    Gaussian process, and the setting where it is the paper's: trajectories were recorded before there was another.
    """
    values = {
        "behaviour": BEHAVIOUR,
        "maximiser": WORDS.get(settings.maximiser, settings.maximiser),
        "acquisition": settings.acquisition,
        "formulas": list(settings.formulas),
        "n_features": settings.n_features,
        "selection": settings.selection,
        "n_initial": settings.n_initial,
        "options": dict(settings.options),
    }
    if settings.surrogate != "gp":
        values["surrogate"] = settings.surrogate
    if settings.setting != "paper":
        values["setting"] = settings.setting
    return values


def of_space(space) -> dict:
    """Plain values that describe a composition space: fractions, and groups as [elements, lower, upper]."""
    return {
        "elements": list(space.elements),
        "lower": list(space.lower),
        "upper": list(space.upper),
        "step": space.step,
        "groups": [[list(group.elements), group.lower, group.upper] for group in space.groups],
    }
