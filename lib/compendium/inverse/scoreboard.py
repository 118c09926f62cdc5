"""Every searcher on every problem: the share of seeds solved against calls of the simulator."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from alloygrad.plotting.style import PAGE
from compendium.inverse.figures import SEARCHERS

TITLES = {
    "xrd_pbso4": "X-ray, PbSO₄ (measured)",
    "xrd_synthetic": "X-ray, PbTiO₃ (synthetic)",
    "xas_co": "X-ray absorption, Co²⁺ (synthetic)",
    "hrtem_batio3": "HRTEM, BaTiO₃ (synthetic)",
    "ins_crsbr": "Neutrons, CrSBr (synthetic)",
    "leed_ag100": "LEED, Ag(100) (measured)",
    "leed_cu100": "LEED, Cu(100) (synthetic)",
}
"""Problems in words."""

DASHES = {
    "secant": (6, 1.5), "least_squares": (4, 1.2, 1.2, 1.2), "least_squares_random": (2.5, 1.2),
    "trust_region": (6, 1.5), "scalar": (4, 1.2, 1.2, 1.2), "botorch": (2.5, 1.2), "random": (1, 1),
}  # fmt: skip
"""One pattern per searcher, so that colour is never the only difference; all others are solid."""


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
        for place, (method, look) in enumerate(SEARCHERS.items()):
            if not len(mine := own[own["method"] == method]):
                continue
            ends = np.sort(mine["solved_at"].dropna())
            share = 100 * np.arange(len(ends) + 1) / len(mine)
            calls = np.concatenate([[0], ends, [budget]])
            # Lines that coincide lie a little apart.
            height = np.append(share, share[-1]) + 0.35 * (place - 4)
            ours = dict(lw=2.4, zorder=3) if method == "hybrid" else {}
            line = dict(color=look["color"], label=look["label"], dashes=DASHES.get(method, (None, None))) | ours
            axis.step(calls, height, where="post", **line)
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
