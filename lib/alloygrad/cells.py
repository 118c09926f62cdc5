"""Every declared study cell: one curve of one figure, as an alloy, a space and the settings of its campaigns.

    {alloy}_n{N}_{arm}    sma_n4_published, ti_n7_ascent, …

Arms at N = 4, which differ in the inner loop alone and share initial data and features seed by seed:

    enumeration  the exact maximum of log EI            scored  the best of 20 N random compositions by log EI
    ascent       this library's, of log EI              random  a random composition: no model at all
    published    the paper's, of EI                     slsqp   the paper's, of log EI: the same starts, unstalled

and two at SMA, N = 4, with another surrogate than the GP:

    forest       a random forest, searched on the grid alone: it has no gradient
    deep_kernel  a GP behind a network, by `ascent`

and one without material features:

    fractions    `ascent`, with a GP of the raw fractions

The same arms in other landscapes, from other trainings of the networks (`training.OTHERS`):

    {arm}_retrained     trained from another seed
    {arm}_as_published  titanium with the wrong value it was published with, and the published code's figure of merit

and with another target of shape-memory alloys:

    {arm}_300K          a transformation at 300 K in place of 300 °C

``PLANNED`` says of which cells fewer trajectories than the paper's 96 are computed.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from alloygrad import elements, environments, store
from alloygrad.campaign import Settings
from alloygrad.features import FORMULAS
from alloygrad.maximisers.ascent import FEW
from alloygrad.maximisers.ascent import VERSION as ASCENT_VERSION
from alloygrad.space import CompositionSpace

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
    "published": Settings("published", "ei"),
}
"""Run for every alloy and N; enumeration up to five elements."""

OTHER_ARMS = {
    "slsqp": Settings("published"),
    "scored": Settings("random_search"),
    "random": Settings("random_search", options={"draws": 1}),
    "fractions": Settings(selection="fractions"),
}
"""Run beside them at N = 4, for every alloy."""

OTHER_SURROGATES = {
    "forest": Settings("grid_search", surrogate="forest"),
    "deep_kernel": Settings(surrogate="deep_kernel"),
}
"""Run at SMA, N = 4."""

RETRAINED = ("ascent", "enumeration", "published", "scored")
AS_PUBLISHED = ("ascent", "published", "scored")
"""Arms that are run in the landscapes of other trainings, too."""

N_ARMS = 4
"""Elements of the comparison of arms and of the ablations."""

STARTS = (10, 20, 40, 80)
"""Starts of the inner loop, in all, in the ablation of their number; 80 are the paper's 20 N."""


FULL = 96
"""The paper's number of trajectories."""

PLANNED = (
    ("sma_n4_enumeration_retrained", 0),
    ("*_n4_enumeration_retrained", 8),
    ("*_retrained", 32),
    ("*_as_published", 32),
    ("*_300K", FULL),
    ("sma_n4_forest", 32),
    ("sma_n4_deep_kernel", 32),
    ("sma_n4_*", FULL),
    *(
        (f"*_n4_{arm}", FULL)
        for arm in ("enumeration", "ascent", "published", "slsqp", "scored", "random", "fractions")
    ),
    ("*_n5_enumeration", 8),
    ("*_enumeration", 32),
    ("*_n[35]_published", 32),
    ("sma_n6_published", 32),
    ("*_published", 8),
    ("*_ascent_fine", 32),
)
"""(pattern of cells, trajectories): the first that fits. Fewer than 96 where time has not been spent yet: notebook 06
says what one costs. To have more, raise a number and run `make study`."""


@dataclass(frozen=True)
class Cell:
    """One curve: what is run, on which space, in which environment."""

    name: str
    alloy: str
    n_elements: int
    step: float
    settings: Settings
    merit: str | None = None  # a named figure of merit of the alloy; None is its default
    trained: str | None = None  # a folder of other trained networks below data/environments; None is the alloy's own
    planned: int = FULL  # trajectories; no part of a name

    def space(self) -> CompositionSpace:
        """The grid that is searched."""
        return environments.ALLOYS[self.alloy].space(self.n_elements, self.step)

    def environment(self) -> environments.Environment:
        """The simulated experiment: fractions (..., n_elements) → properties and merit, each (...)."""
        alloy = environments.ALLOYS[self.alloy]
        return environments.load(alloy, self.space().elements, merit=self.merit, folder=self._networks())

    def landscape(self) -> dict:
        """Plain values that fix the merit of every composition: the space and the environment."""
        alloy = environments.ALLOYS[self.alloy]
        return {
            **self.space().describe(),
            "environment": environments.digest(self._networks()),
            "process": dict(alloy.process),
            "merit": self.merit or next(iter(alloy.merits)),
        }

    def trajectory_name(self, seed: int) -> str:
        """Digest of all that makes the trajectory, plus its seed."""
        made_by = {**fixed(self), "settings": self.settings.describe(), "seed": seed}
        if self.settings.maximiser == "ascent" and self.n_elements > FEW:
            made_by["ascent"] = ASCENT_VERSION
        return store.digest(made_by)

    def _networks(self) -> Path:
        return environments.FOLDER / (self.trained or self.alloy)


def fixed(cell: Cell) -> dict:
    """The part of a trajectory's name that settings and seed do not change."""
    return _fixed(replace(cell, settings=None), environments.digest(cell._networks()))


@cache
def _fixed(cell: Cell, networks: str) -> dict:
    """`fixed` of a cell whose settings are None; networks: their digest, so that a training is not overlooked."""
    used = cell.space().elements
    table = {"elements": used, "symbols": elements.SYMBOLS, "values": elements.matrix(used).tolist()}
    return {**cell.landscape(), "elements_table": store.digest(table)}


def declare() -> Iterator[Cell]:
    """All cells: inner loops for N = 3 … 10, the other arms, comparisons across N, the ablations, the sensitivities."""
    for alloy, declared in environments.ALLOYS.items():
        for n in range(3, min(10, len(declared.order)) + 1):
            step = WORKING_STEP.get((alloy, n), 0.001)
            arms = INNER_LOOPS | (OTHER_ARMS if n == N_ARMS else {})
            for arm, settings in arms.items():
                if arm != "enumeration" or n <= 5:
                    yield Cell(f"{alloy.lower()}_n{n}_{arm}", alloy, n, step, settings)
            if step != 0.001:  # across N every curve needs the same grid
                yield Cell(f"{alloy.lower()}_n{n}_ascent_fine", alloy, n, 0.001, Settings())
    yield from _ablations()
    yield from _other_landscapes()


def _other_landscapes() -> Iterator[Cell]:
    """Of the further trainings that there are (no alloy needs one), and of another figure of merit."""
    others = [(alloy, RETRAINED, "retrained", None, f"{alloy}_retrained") for alloy in environments.ALLOYS]
    others.append(("Ti", AS_PUBLISHED, "as_published", "code", "Ti_as_published"))
    others.append(("SMA", AS_PUBLISHED, "300K", "300 K", None))
    for alloy, arms, ending, merit, trained in others:
        if not (environments.FOLDER / (trained or alloy)).exists():
            continue
        step = WORKING_STEP.get((alloy, N_ARMS), 0.001)
        for arm in arms:
            name, settings = f"{alloy.lower()}_n{N_ARMS}_{arm}_{ending}", (INNER_LOOPS | OTHER_ARMS)[arm]
            yield Cell(name, alloy, N_ARMS, step, settings, merit, trained)


def _ablations() -> Iterator[Cell]:
    base = Cell("", "SMA", N_ARMS, 0.001, Settings())
    varied: dict[str, Settings] = {}
    for starts in STARTS[:-1]:
        options = {"starts_per_element": starts / N_ARMS}
        varied[f"published_starts{starts}"] = Settings("published", "ei", options=options)
        varied[f"slsqp_starts{starts}"] = Settings("published", options=options)
    for starts in STARTS:
        varied[f"ascent_starts{starts}"] = Settings(options={"starts_per_element": starts / N_ARMS})
    for arm in ("published", "ascent"):
        raw = arm == "published"
        varied[f"{arm}_ucb"] = Settings(arm, "ucb")
        varied[f"{arm}_pi"] = Settings(arm, "pi" if raw else "log_pi")
        varied[f"{arm}_formulas8"] = Settings(arm, "ei" if raw else "log_ei", formulas=tuple(FORMULAS))
    for name, settings in (varied | OTHER_SURROGATES).items():
        yield replace(base, name=f"sma_n4_{name}", settings=settings)


def planned(name: str) -> int:
    """Trajectories of a cell that are computed."""
    return next((n for pattern, n in PLANNED if fnmatchcase(name, pattern)), FULL)


class _Cells(dict):
    def __missing__(self, name):
        near = difflib.get_close_matches(str(name), self, n=3)
        hint = f"is one of {', '.join(near)} meant?" if near else "names are {alloy}_n{N}_{arm}, see `cells.declare`."
        raise KeyError(f"no study cell {name!r} is declared: {hint}")


CELLS = _Cells({cell.name: replace(cell, planned=planned(cell.name)) for cell in declare()})
"""Every declared cell by name."""
