"""The scoreboard as a picture: where each measured number lies from the bound that its claim was given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.plotting.style import PAGE, PALETTE

VERDICTS = {
    "stronger than claimed": PALETTE[9],
    "reproduced": PALETTE[2],
    "only as meant": (0.55, 0.29, 0.6),
    "only as published": PALETTE[1],
    "not reproduced": PALETTE[3],
    "inconclusive": PALETTE[7],
    "not tested": (0.8, 0.8, 0.8),
}
MARKS = {
    "meant": ("o", True, "as meant"),
    "published": ("o", False, "as published"),
    "stronger": ("^", True, "bound beyond the claim"),
}
FAR = 100  # half-widths; what lies further is drawn here


def verdict_strips(claims: pd.DataFrame, parts: pd.DataFrame) -> Figure:
    """Every number of every claim, in half-widths of its interval from its bound: right of 0 the claim holds.

    claims: columns claim, verdict. parts: columns claim, group, x, x_low, x_high (±inf without chance, NaN without an
    interval). Claims stand below their verdict and its count, in two columns; what has no interval is not drawn.
    """
    blocks = {name: claims[claims["verdict"] == name] for name in VERDICTS if (claims["verdict"] == name).any()}
    lines = [line for name, own in blocks.items() for line in (f"{name} ({len(own)})", *own["claim"])]
    ends = np.cumsum([1 + len(own) for own in blocks.values()])
    half = int(min(ends, key=lambda end: max(end, len(lines) - end)))
    longest = max(half, len(lines) - half)
    figure, axes = plt.subplots(1, 2, figsize=(PAGE, 0.75 + 0.155 * longest), sharex=True)
    colours = {claim: VERDICTS[name] for name, own in blocks.items() for claim in own["claim"]}
    for axis, own in zip(axes, (lines[:half], lines[half:]), strict=True):
        _column(axis, own, parts, colours, longest)
        axis.set_visible(bool(own))
    handles = []
    for mark, filled, label in MARKS.values():
        face = "0.3" if filled else "w"
        handles.append(plt.Line2D([], [], ls="", marker=mark, ms=4, mfc=face, mec="0.3", label=label))
    figure.legend(handles=handles, loc="outside upper center", ncols=3, handlelength=1.2)
    figure.supxlabel("fails ←   half-widths of the interval from the bound   → holds", fontsize=8)
    return figure


def _column(axis, lines: list[str], parts: pd.DataFrame, colours: dict, longest: int) -> None:
    """Claims from the top, each on its line; a line that is none of `colours` is a heading."""
    axis.axvspan(-1, 1, color="0.94", lw=0)
    axis.axvline(0, color="0.2", lw=0.8)
    for height, name in enumerate(lines):
        own = parts[(parts["claim"] == name) & parts["x"].notna()]
        for place, row in enumerate(own.itertuples()):
            shift = 0.28 * (2 * (place + 0.5) / len(own) - 1)
            _number(axis, row, height + shift, colours[name])
    axis.set_xscale("symlog", linthresh=2, linscale=0.8)
    axis.set(xlim=(-2 * FAR, 2 * FAR), ylim=(longest - 0.4, -0.6), xticks=[-FAR, -10, -1, 0, 1, 10, FAR])
    axis.set_xticklabels([f"≤ −{FAR}", "−10", "−1", "0", "1", "10", f"≥ {FAR}"])
    axis.set_yticks(range(len(lines)), lines)
    for label in axis.get_yticklabels():
        if label.get_text() not in colours:
            label.set_fontweight("bold")
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", which="minor", length=0)


def _number(axis, row, height: float, colour) -> None:
    mark, filled, _ = MARKS[row.group]
    low, x, high = np.clip([row.x_low, row.x, row.x_high], -FAR, FAR)
    axis.plot([low, high], [height] * 2, color=colour, lw=0.8)
    axis.plot(x, height, mark, ms=2.8, mfc=colour if filled else "w", mec=colour, mew=0.8)
