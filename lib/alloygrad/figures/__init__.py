"""Figures: tables in, matplotlib figures out, one style (`figures.style`), one file for each theme.

`save` writes a figure and the numbers it plots under one name.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from alloygrad import ROOT, store
from alloygrad.figures.campaigns import (
    arms,
    best_so_far,
    best_so_far_by_elements,
    difference_curves,
    more_elements,
    moved_shares,
    other_trainings,
    regret_by_elements,
    regret_by_starts,
    searched_inputs,
    trajectory_costs,
    variants,
)
from alloygrad.figures.claims import verdict_strips
from alloygrad.figures.diversity import (
    ARMS,
    entropy_curves,
    entropy_differences,
    final_merits,
    pick_distances,
    scatter_measures,
)
from alloygrad.figures.inner_loop import inner_loop_costs, inner_loop_map, inner_loop_values, starts_needed
from alloygrad.figures.maps import pair_distributions, pair_of_maps, perplexities
from alloygrad.figures.networks import densities, learning_curves, merit_distributions, paired_errors, parity
from alloygrad.figures.own import races, section_maps, trust, what_if
from alloygrad.figures.style import COLOURS, COLUMN, INPUTS, LABELS, PAGE, PALETTE
from alloygrad.figures.surrogates import METRICS, surrogate_accuracy, surrogate_cuts
from alloygrad.figures.ternary import ternary_maps
from alloygrad.figures.tour import acquisition_cut, ascent_paths, composition_space, line, ten_experiments

__all__ = [
    "ARMS",
    "COLOURS",
    "COLUMN",
    "INPUTS",
    "LABELS",
    "METRICS",
    "PAGE",
    "PALETTE",
    "acquisition_cut",
    "arms",
    "ascent_paths",
    "best_so_far",
    "best_so_far_by_elements",
    "composition_space",
    "densities",
    "difference_curves",
    "entropy_curves",
    "entropy_differences",
    "final_merits",
    "inner_loop_costs",
    "inner_loop_map",
    "inner_loop_values",
    "learning_curves",
    "line",
    "merit_distributions",
    "more_elements",
    "moved_shares",
    "other_trainings",
    "pair_distributions",
    "pair_of_maps",
    "paired_errors",
    "parity",
    "paths",
    "perplexities",
    "pick_distances",
    "races",
    "regret_by_elements",
    "regret_by_starts",
    "save",
    "scatter_measures",
    "searched_inputs",
    "section_maps",
    "starts_needed",
    "surrogate_accuracy",
    "surrogate_cuts",
    "ten_experiments",
    "ternary_maps",
    "trajectory_costs",
    "trust",
    "variants",
    "verdict_strips",
    "what_if",
]

PROFILES = ("paper", "quick", "smoke")


def save(figure: Figure, name: str, *, data: pd.DataFrame, profile: str = "paper") -> Figure:
    """Write `name`.pdf, .png and .csv (the numbers it plots): below figures/ for `paper`, else figures/<profile>/."""
    pdf, png, csv = paths(name, profile)
    # Without a creation date the same figure gives the same bytes.
    store.write(pdf, lambda path: figure.savefig(path, metadata={"CreationDate": None}))
    store.write(png, figure.savefig)
    store.write(csv, lambda path: data.to_csv(path, index=False, float_format="%.6g"))
    plt.close(figure)
    return figure


def paths(name: str, profile: str = "paper") -> list[Path]:
    """The three files that `save` writes. Raises ValueError for an unknown profile and a name with folders in it."""
    if profile not in PROFILES:
        raise ValueError(f"profile is {profile!r}; it must be one of {list(PROFILES)}.")
    if Path(name).name != name:
        raise ValueError(f"A figure is named {name!r}; expected a plain file name without its suffix.")
    folder = ROOT / "figures" / ("" if profile == "paper" else profile)
    return [folder / f"{name}.{suffix}" for suffix in ("pdf", "png", "csv")]
