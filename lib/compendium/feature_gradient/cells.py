"""Every declared study cell: one curve of one figure, as an alloy, a space and the settings of its campaigns.

    {alloy}_n{N}_{arm}    sma_n4_slsqp_ei, ti_n7_ascent, …

Arms at N = 4 differ in the inner loop alone. Those of one seed share initial data and, but for `fractions`, features:

    enumeration     the exact maximum of log EI
    ascent          this library's ascent, of log EI
    slsqp_ei        the paper's SLSQP, of EI
    slsqp_log_ei    the paper's SLSQP, of log EI: the same starts, and they move
    best_of_random  the best of 20 N random compositions by log EI
    random          a random composition: no model at all
    fractions       `ascent`, with a GP of the raw fractions in place of material features

Two more at SMA, N = 4, have another surrogate than the GP:

    forest       a random forest, searched on the grid alone: it has no gradient
    deep_kernel  a GP behind a network, by `ascent`

The same arms are run in other landscapes, from other trainings of the networks (`training.OTHERS`):

    {arm}_retrained     trained from another seed
    {arm}_as_published  titanium with the wrong value it was published with, and the published code's figure of merit

and with other figures of merit:

    {arm}_physical      unphysical answers are penalised (see `alloys`)
    {arm}_300K          shape-memory alloys that transform at 300 K in place of 300 °C

The paper's loop on log EI is also run at N = 6, 8 and 10, and, for SMA at N = 4, on log PI and with eight formulas. So
the loop whose starts move is the paper's own everywhere.

`PLANNED` lists the cells of which fewer trajectories than the paper's 96 are computed. `FURTHER` lists what is computed
beyond that.
"""

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from alloygrad.campaigns.trajectory import Settings
from alloygrad.features.formulas import FORMULAS
from compendium.environments import trained
from compendium.environments.alloys import ALLOYS
from compendium.running.cells import FULL, Cell, Cells

WORKING_STEP = {
    ("SMA", 5): 0.005,
    ("Ti", 4): 0.002,
    ("Ti", 5): 0.005,
    ("HEA", 4): 0.005,
    ("HEA", 5): 0.01,
}
"""Steps of the grids on which enumeration is compared with other inner loops, where 0.001 would be too many."""

INNER_LOOPS = {
    "ascent": Settings(),
    "enumeration": Settings("enumeration"),
    "slsqp_ei": Settings("slsqp", "ei"),
}
"""Run for every alloy and N; enumeration up to five elements."""

OTHER_ARMS = {
    "slsqp_log_ei": Settings("slsqp"),
    "best_of_random": Settings("random_search"),
    "random": Settings("random_search", options={"draws": 1}),
    "fractions": Settings(selection="fractions"),
}
"""Run next to them at N = 4, for every alloy."""

OTHER_SURROGATES = {
    "forest": Settings("lattice", surrogate="forest"),
    "deep_kernel": Settings(surrogate="deep_kernel"),
}
"""Run at SMA, N = 4."""

HEADLINE = ("enumeration", "ascent", "slsqp_ei", "slsqp_log_ei", "best_of_random", "random")
"""Arms of the headline comparison, also run with physical merits and in the landscapes of other trainings."""

AS_PUBLISHED = ("ascent", "slsqp_ei", "best_of_random")
"""Arms that are also run on titanium as published, and at 300 K."""

LARGE = {"SMA": (6, 8, 10), "HEA": (6, 8, 10)}
"""Alloy → N > 4 at which the paper's loop on log EI is also run."""

N_ARMS = 4
"""Elements of the comparison of arms and of the ablations."""

STARTS = (10, 20, 40, 80)
"""Total starts of the inner loop in the ablation of their number; 80 are the paper's 20 N."""

PLANNED = (
    ("sma_n4_enumeration_physical", 8),
    ("*_physical", 32),
    ("*_n4_slsqp_log_ei_retrained*", 0),
    ("*_n4_enumeration_retrained_?", 0),
    ("*_retrained_?", 16),
    ("sma_n4_enumeration_retrained", 0),
    ("*_n4_enumeration_retrained", 8),
    ("*_retrained", 32),
    ("*_as_published", 32),
    ("*_300K", FULL),
    ("sma_n4_forest", 32),
    ("sma_n4_deep_kernel", 32),
    ("sma_n4_slsqp_log_pi", 8),
    ("sma_n4_slsqp_log_ei_formulas8", 0),
    ("sma_n4_*", FULL),
    *(
        (f"*_n4_{arm}", FULL)
        for arm in ("enumeration", "ascent", "slsqp_ei", "slsqp_log_ei", "best_of_random", "random", "fractions")
    ),
    ("*_n5_enumeration", 8),
    ("*_enumeration", 32),
    ("*_n[35]_slsqp_ei", 32),
    ("*_n6_slsqp_log_ei", 0),
    ("*_n8_slsqp_log_ei", 0),
    ("*_n10_slsqp_log_ei", 0),
    ("sma_n6_slsqp_ei", 32),
    ("*_slsqp_ei", 8),
    ("*_ascent_fine", 32),
)
"""(pattern of cells, trajectories): the first that fits. Fewer than 96 save time: notebook 16 says what one costs.
For more, raise a number and run `make study`."""

FURTHER = (
    ("sma_n4_slsqp_log_pi", 32),
    ("sma_n4_slsqp_log_ei_formulas8", 32),
    ("*_n4_slsqp_log_ei_retrained*", 16),
    *((f"*_n{n}_slsqp_log_ei", 24) for n in (6, 8, 10)),
    ("*_n4_enumeration_retrained*", 16),
    ("sma_n4_enumeration_physical", 32),
    *((f"*_n{n}_slsqp_ei", FULL) for n in (6, 7, 8, 9, 10)),
    ("sma_n4_slsqp_log_pi", FULL),
    ("sma_n4_slsqp_log_ei_formulas8", FULL),
)
"""(pattern of cells, trajectories) beyond `PLANNED`, in the order in which `make study` computes them. Notebooks read
as many of these as there are, and compute none."""


def declare() -> Iterator[Cell]:
    """All cells: inner loops for N = 3 … 10, the other arms, comparisons across N, the ablations, the sensitivities."""
    for alloy, declared in ALLOYS.items():
        for n in range(3, min(10, len(declared.order)) + 1):
            step = WORKING_STEP.get((alloy, n), 0.001)
            arms = INNER_LOOPS | (OTHER_ARMS if n == N_ARMS else {})
            for arm, settings in arms.items():
                if arm != "enumeration" or n <= 5:
                    yield Cell(f"{alloy.lower()}_n{n}_{arm}", alloy, n, step, settings)
            if n in LARGE.get(alloy, ()):
                yield Cell(f"{alloy.lower()}_n{n}_slsqp_log_ei", alloy, n, step, OTHER_ARMS["slsqp_log_ei"])
            if step != 0.001:  # across N every curve needs the same grid
                yield Cell(f"{alloy.lower()}_n{n}_ascent_fine", alloy, n, 0.001, Settings())
    yield from _ablations()
    yield from _other_landscapes()


def _other_landscapes() -> Iterator[Cell]:
    """Cells on those further trainings that exist (no alloy needs one), and for other figures of merit."""
    others = [(alloy, HEADLINE, "physical", "physical", None) for alloy in ALLOYS]
    for ending in ("retrained", "retrained_2", "retrained_3", "retrained_4"):
        others += [(alloy, HEADLINE, ending, None, f"{alloy}_{ending}") for alloy in ALLOYS]
    others.append(("Ti", AS_PUBLISHED, "as_published", "code", "Ti_as_published"))
    others.append(("SMA", AS_PUBLISHED, "300K", "300 K", None))
    for alloy, arms, ending, merit, networks in others:
        if not (trained.FOLDER / (networks or alloy)).exists():
            continue
        step = WORKING_STEP.get((alloy, N_ARMS), 0.001)
        for arm in arms:
            name, settings = f"{alloy.lower()}_n{N_ARMS}_{arm}_{ending}", (INNER_LOOPS | OTHER_ARMS)[arm]
            yield Cell(name, alloy, N_ARMS, step, settings, merit, networks)


def _ablations() -> Iterator[Cell]:
    base = Cell("", "SMA", N_ARMS, 0.001, Settings())
    varied: dict[str, Settings] = {}
    for starts in STARTS[:-1]:
        options = {"starts_per_element": starts / N_ARMS}
        varied[f"slsqp_ei_starts{starts}"] = Settings("slsqp", "ei", options=options)
        varied[f"slsqp_log_ei_starts{starts}"] = Settings("slsqp", options=options)
    for starts in STARTS:
        varied[f"ascent_starts{starts}"] = Settings(options={"starts_per_element": starts / N_ARMS})
    for arm, maximiser in {"slsqp_ei": "slsqp", "slsqp_log_ei": "slsqp", "ascent": "ascent"}.items():
        raw = arm == "slsqp_ei"
        if arm != "slsqp_log_ei":  # UCB has no logarithm
            varied[variant(arm, "ucb")] = Settings(maximiser, "ucb")
        varied[variant(arm, "pi")] = Settings(maximiser, "pi" if raw else "log_pi")
        varied[variant(arm, "formulas8")] = Settings(maximiser, "ei" if raw else "log_ei", formulas=tuple(FORMULAS))
    for name, settings in (varied | OTHER_SURROGATES).items():
        yield replace(base, name=f"sma_n4_{name}", settings=settings)


def variant(arm: str, what: str) -> str:
    """Name of a variant of an arm: another acquisition function replaces EI in it, all else is appended."""
    return f"{arm.removesuffix('_ei') if what in ('ucb', 'pi') else arm}_{what}"


def planned(name: str) -> int:
    """Number of trajectories of a cell that are computed."""
    return next((n for pattern, n in PLANNED if fnmatchcase(name, pattern)), FULL)


CELLS = Cells({cell.name: replace(cell, planned=planned(cell.name)) for cell in declare()})
"""Every declared cell of this body of work, by name."""
