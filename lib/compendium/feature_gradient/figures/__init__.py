"""Figures of the first paper: tables in, matplotlib figures out, one file for each theme."""

from alloygrad.plotting.models import section_maps, trust, what_if
from alloygrad.plotting.style import COLUMN, PAGE, PALETTE
from alloygrad.plotting.ternary import ternary_maps
from compendium.feature_gradient.figures.ablations import (
    moved_shares,
    regret_by_starts,
    searched_inputs,
    variants,
)
from compendium.feature_gradient.figures.campaigns import (
    arms,
    best_so_far,
    best_so_far_by_elements,
    more_elements,
    other_trainings,
    races,
    trajectory_costs,
)
from compendium.feature_gradient.figures.claims import verdicts_by_topic
from compendium.feature_gradient.figures.diversity import (
    entropy_curves,
    entropy_differences,
    final_merits,
    pick_distances,
    scatter_measures,
)
from compendium.feature_gradient.figures.inner_loop import (
    inner_loop_costs,
    inner_loop_map,
    inner_loop_values,
    moved_by_fit,
    starts_needed,
    time_and_success,
)
from compendium.feature_gradient.figures.landscapes import over_landscapes
from compendium.feature_gradient.figures.maps import pair_distributions, pair_of_maps, perplexities
from compendium.feature_gradient.figures.networks import (
    densities,
    feature_gains,
    learning_curves,
    merit_distributions,
    parity,
)
from compendium.feature_gradient.figures.panels import ARMS
from compendium.feature_gradient.figures.surrogates import METRICS, surrogate_accuracy, surrogate_cuts
from compendium.feature_gradient.figures.tour import (
    acquisition_cut,
    ascent_paths,
    composition_space,
    line,
    ten_experiments,
)
from compendium.figures import paths, save, slider
from compendium.figures.style import COLOURS, INPUTS, LABELS, MAPS, TABLES, worded
