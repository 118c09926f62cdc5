"""The compendium's figures: the library's style, and colours, markers and names that mean the same everywhere."""

import re
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import pandas as pd

from alloygrad.plotting import models
from alloygrad.plotting.style import PALETTE, STYLE

MAPS = dict(zip(("mean", "std", "log_ei"), models.MAPS, strict=True))
"""One colour map for a model's mean, its standard deviation and log EI, in every figure; the library's own."""

COLOURS = {
    "enumeration": PALETTE[0], "slsqp_ei": PALETTE[1], "ascent": PALETTE[2], "random": PALETTE[7],
    "slsqp_log_ei": PALETTE[4], "botorch_joint": PALETTE[5], "botorch_batched": (0.45, 0.22, 0.0),
    "random_search": PALETTE[6],
    "cmaes": PALETTE[8], "box": PALETTE[9], "exhaustive": (0.55, 0.7, 0.9), "best_of_random": (0.2, 0.13, 0.53),
    "scipy_botorch": PALETTE[3],
}  # fmt: skip
"""One colour per inner loop, in every figure."""

MARKERS = {
    "enumeration": "s", "ascent": "o", "slsqp_ei": "^", "slsqp_log_ei": "v", "best_of_random": "D", "random": "X",
    "fractions": "P",
    "exhaustive": "p", "scipy_botorch": "<", "botorch_joint": "d", "botorch_batched": "D", "box": ">", "cmaes": "*",
    "random_search": "X", "gp": "o", "forest": "s", "deep_kernel": "D",
}  # fmt: skip
"""One marker per inner loop and surrogate: colour is never the only difference."""

DASHES = {
    "slsqp_ei": (6, 1.5), "slsqp_log_ei": (4, 1.2, 1.2, 1.2), "best_of_random": (2.5, 1.2), "random": (1, 1),
    "forest": (6, 1.5), "deep_kernel": (2.5, 1.2),
}  # fmt: skip
"""One pattern per inner loop of whole campaigns and per surrogate: on, off, in line widths. All others are solid."""

WIDE = {"enumeration": dict(lw=2.8, ms=5, mew=0.4, alpha=0.5)}
"""Lines that others may cover."""

SURROGATES = {"gp": COLOURS["ascent"], "forest": PALETTE[5], "deep_kernel": PALETTE[4]}
"""One colour per surrogate; the GP's is that of the loop it is run with."""

ALLOYS = {
    "SMA": dict(color="0.1", marker="o"), "Ti": dict(color="0.4", marker="s"), "HEA": dict(color="0.62", marker="D"),
}  # fmt: skip
"""Grey and marker of an alloy, where alloys are compared: colours belong to inner loops."""

INPUTS = {"fractions": PALETTE[4], "features inside": PALETTE[9], "features outside": PALETTE[1]}
"""One colour per input of a comparison."""

LABELS = {
    "enthalpy": "enthalpy ΔH",
    "martensite_peak": "martensite peak Mp",
    "austenite_peak": "austenite peak Ap",
    "yield_strength": "yield strength",
    "ultimate_strength": "ultimate strength",
    "fractions": "raw\nfractions",
    "features inside": "features,\ninside",
    "features outside": "features,\noutside",
    "hardness": "Vickers hardness",
    "elongation": "elongation",
    "gp": "Gaussian process",
    "forest": "random forest",
    "deep_kernel": "deep kernel",
    "enumeration": "enumeration",
    "exhaustive": "exhaustive enumeration",
    "slsqp_ei": "published gradient loop",
    "slsqp_log_ei": "published loop on log EI",
    "ascent": "ascent",
    "scipy_botorch": "SciPy SLSQP, BoTorch posterior",
    "best_of_random": "best of 20 N random compositions",
    "random": "random experiments",
    "botorch_joint": "optimize_acqf",
    "botorch_batched": "optimize_acqf, batch_limit 5",
    "random_search": "random search and exchanges",
    "cmaes": "CMA-ES",
    "box": "map to a box, L-BFGS-B",
}

TABLES = {name: label.replace("\n", " ") for name, label in LABELS.items()} | {"sma": "SMA", "ti": "Ti", "hea": "HEA"}
"""What tables say for a name: the label of figures, in one line."""

WORD = re.compile(r"(?<![\w/.-])\w+(?![\w/.-])")
"""A word that is not part of a path."""

mpl.rcParams.update(STYLE)


def worded(table: pd.DataFrame, words: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return a table that names loops, surrogates, properties and alloys in words, in index, columns and cells.

    Replaced are texts that are keys of `TABLES` or `words`, and keys with an underscore within longer texts.
    """
    known = TABLES | dict(words or {})

    def said(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return known.get(value) or WORD.sub(lambda m: known.get(m[0], m[0]) if "_" in m[0] else m[0], value)

    def renamed(labels: pd.Index) -> pd.Index:
        if isinstance(labels, pd.MultiIndex):
            return pd.MultiIndex.from_tuples([tuple(map(said, one)) for one in labels], names=map(said, labels.names))
        return pd.Index([said(one) for one in labels], name=said(labels.name))

    found = table.map(said)
    return found.set_axis(renamed(table.index)).set_axis(renamed(table.columns), axis=1)


def line_of(name: str, *, thin: bool = False) -> dict:
    """The style of the line of an inner loop or a surrogate, with its marker, as options of ``Axes.plot``.

    thin: it rests on fewer trajectories than others; half the width, open markers.
    """
    line = dict(color=(COLOURS | SURROGATES)[name], label=LABELS[name], marker=MARKERS[name], ms=3)
    line |= dict(dashes=DASHES.get(name, (None, None))) | WIDE.get(name, {})
    return line | dict(lw=line.get("lw", mpl.rcParams["lines.linewidth"]) / 2, mfc="w", mew=0.8) if thin else line


def curve_of(name: str, *, thin: bool = False) -> dict:
    """`line_of` where points are many: a marker now and then, no two lines' at the same places."""
    place = list(MARKERS).index(name) % 6
    return line_of(name, thin=thin) | dict(markevery=(0.03 * place, 0.18))
