"""The style of every figure: print at column width, 8 pt text, colour-blind safe colours.

    with style():
        figure = ternary_maps(...)

COLUMN (85 mm) and PAGE (175 mm) are the two widths of a journal, in inches.
"""

from contextlib import AbstractContextManager

import matplotlib as mpl

COLUMN, PAGE = 3.35, 6.9

PALETTE = [
    tuple(int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4))
    for colour in "0173b2 de8f05 029e73 d55e00 cc78bc ca9161 fbafe4 949494 ece133 56b4e9".split()
]
"""Ten colours that most colour-blind readers tell apart: seaborn's "colorblind"."""

STYLE = {
    "axes.axisbelow": True, "axes.edgecolor": ".15", "axes.labelcolor": ".15", "text.color": ".15",
    "xtick.color": ".15", "ytick.color": ".15", "font.family": ["sans-serif"],
    "font.sans-serif": ["Arial", "DejaVu Sans", "Liberation Sans", "Bitstream Vera Sans", "sans-serif"],
    "grid.color": ".8", "lines.solid_capstyle": "round", "patch.edgecolor": "w", "patch.force_edgecolor": True,
    "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "legend.fontsize": 7, "xtick.labelsize": 7,
    "ytick.labelsize": 7, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "lines.linewidth": 1.2, "legend.frameon": False,
    "figure.dpi": 120, "savefig.dpi": 300, "figure.constrained_layout.use": True, "pdf.fonttype": 42,
    "axes.prop_cycle": mpl.cycler(color=PALETTE), "image.cmap": "viridis",
}  # fmt: skip
"""Matplotlib's settings of the style."""


def style() -> AbstractContextManager[None]:
    """Return a context manager in which matplotlib draws in this style; nothing is changed outside it."""
    return mpl.rc_context(STYLE)
