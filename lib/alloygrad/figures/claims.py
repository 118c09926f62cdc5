"""The scoreboard as a picture: where each measured number lies from the bound that its claim was given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.figures.style import PAGE, PALETTE

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
    """Every number of every claim, in half-widths of its 95 % interval from its bound: right of 0 the claim holds.

    claims: columns claim, verdict. parts: columns claim, group, x, x_low, x_high (±inf without chance, NaN without an
    interval). Claims stand by verdict, in two columns; numbers without an interval are not drawn.
    """
    order = {verdict: i for i, verdict in enumerate(VERDICTS)}
    claims = claims.sort_values("verdict", key=lambda column: column.map(order), kind="stable").reset_index(drop=True)
    half = -(-len(claims) // 2)
    figure, axes = plt.subplots(1, 2, figsize=(PAGE, 0.75 + 0.155 * half), sharex=True)
    for axis, own in zip(axes, (claims[:half], claims[half:]), strict=True):
        _column(axis, own.reset_index(drop=True), parts)
    counts = claims["verdict"].value_counts()
    handles = [plt.Line2D([], [], color=c, lw=4, label=f"{v} ({counts.get(v, 0)})") for v, c in VERDICTS.items()]
    for mark, filled, label in MARKS.values():
        face = "0.3" if filled else "w"
        handles.append(plt.Line2D([], [], ls="", marker=mark, ms=4, mfc=face, mec="0.3", label=label))
    figure.legend(handles=handles, loc="outside upper center", ncols=5, columnspacing=1.0, handlelength=1.2)
    figure.supxlabel("fails ←   half-widths of the 95 % interval from the bound   → holds", fontsize=8)
    return figure


def _column(axis, claims: pd.DataFrame, parts: pd.DataFrame) -> None:
    axis.axvspan(-1, 1, color="0.94", lw=0)
    axis.axvline(0, color="0.2", lw=0.8)
    for height, (name, verdict) in enumerate(claims[["claim", "verdict"]].itertuples(index=False)):
        own = parts[(parts["claim"] == name) & parts["x"].notna()]
        for place, row in enumerate(own.itertuples()):
            shift = 0.28 * (2 * (place + 0.5) / len(own) - 1)
            _number(axis, row, height + shift, VERDICTS[verdict])
    axis.set_xscale("symlog", linthresh=2, linscale=0.8)
    axis.set(xlim=(-2 * FAR, 2 * FAR), ylim=(len(claims) - 0.4, -0.6), xticks=[-FAR, -10, -1, 0, 1, 10, FAR])
    axis.set_xticklabels([f"≤ −{FAR}", "−10", "−1", "0", "1", "10", f"≥ {FAR}"])
    axis.set_yticks(range(len(claims)), claims["claim"])
    for label, verdict in zip(axis.get_yticklabels(), claims["verdict"], strict=True):
        label.set_bbox({"facecolor": VERDICTS[verdict], "alpha": 0.35, "lw": 0, "pad": 1.0})
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", which="minor", length=0)


def _number(axis, row, height: float, colour) -> None:
    mark, filled, _ = MARKS[row.group]
    low, x, high = np.clip([row.x_low, row.x, row.x_high], -FAR, FAR)
    axis.plot([low, high], [height] * 2, color=colour, lw=0.8)
    axis.plot(x, height, mark, ms=2.8, mfc=colour if filled else "w", mec=colour, mew=0.8)
