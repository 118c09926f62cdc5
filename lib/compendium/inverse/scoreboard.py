"""Every searcher on every problem: the share of seeds solved against calls of the simulator."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.plotting.style import PAGE, PALETTE

TITLES = {
    "xrd_pbso4": "X-ray, PbSO₄ (measured)",
    "xrd_synthetic": "X-ray, PbTiO₃ (synthetic)",
    "leed_ag100": "LEED, Ag(100) (measured)",
    "leed_cu100": "LEED, Cu(100) (synthetic)",
}
"""Problems in words."""

LINES = {
    "hybrid": ("hybrid (default)", PALETTE[0], (None, None), 2.4),
    "secant": ("least squares, secant", PALETTE[2], (6, 1.5), 1.2),
    "least_squares": ("least squares (SciPy)", PALETTE[1], (4, 1.2, 1.2, 1.2), 1.2),
    "least_squares_random": ("least squares, random starts", PALETTE[5], (2.5, 1.2), 1.2),
    "composite": ("composite BO alone", PALETTE[4], (None, None), 1.2),
    "trust_region": ("BO in a trust region (TuRBO)", PALETTE[3], (6, 1.5), 1.2),
    "scalar": ("BO of the misfit", PALETTE[9], (4, 1.2, 1.2, 1.2), 1.2),
    "botorch": ("BO of the misfit (BoTorch)", PALETTE[6], (2.5, 1.2), 1.2),
    "random": ("Sobol points", PALETTE[7], (1, 1), 1.2),
}
"""Label, colour, dashes and width of each searcher, in the order in which they are listed."""


def solved_against_calls(runs: pd.DataFrame) -> Figure:
    """Draw one panel per problem: the share of seeds solved after so many calls, one step line per searcher.

    runs: columns problem, method, seed, budget, solved_at (NaN where never).
    """
    problems = [name for name in TITLES if name in set(runs["problem"])]
    columns = 2 if len(problems) > 1 else 1
    rows = int(np.ceil(len(problems) / columns))
    figure, axes = plt.subplots(rows, columns, figsize=(PAGE, 2.1 * rows + 0.7), squeeze=False, sharey=True)
    for axis, problem in zip(axes.flat, problems, strict=False):
        own = runs[runs["problem"] == problem]
        budget = own["budget"].max()
        for place, (method, (label, colour, dashes, width)) in enumerate(LINES.items()):
            if not len(mine := own[own["method"] == method]):
                continue
            ends = np.sort(mine["solved_at"].dropna())
            share = 100 * np.arange(len(ends) + 1) / len(mine)
            calls = np.concatenate([[0], ends, [budget]])
            # Lines that coincide lie a little apart.
            height = np.append(share, share[-1]) + 0.7 * (place - 4)
            style = dict(color=colour, dashes=dashes, lw=width, label=label, zorder=3 if method == "hybrid" else 2)
            axis.step(calls, height, where="post", **style)
        seeds = own.groupby("method").size()
        said = f"{seeds.min()}–{seeds.max()}" if seeds.min() < seeds.max() else f"{seeds.max()}"
        axis.set(title=f"{TITLES[problem]}, {said} seeds", xlim=(0, budget), ylim=(-5, 105))
        axis.set_xlabel("calls of the simulator")
        axis.grid(axis="y", lw=0.4)
    for axis in axes[:, 0]:
        axis.set_ylabel("seeds solved (%)")
    for axis in axes.flat[len(problems) :]:
        axis.remove()
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure
