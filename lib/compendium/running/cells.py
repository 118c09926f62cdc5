"""A study cell: one curve of one figure, as an alloy, a space and the settings of its campaigns."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from alloygrad.campaigns.trajectory import Settings
from alloygrad.features import elements
from alloygrad.maximisers.options import FEW
from alloygrad.spaces.composition import CompositionSpace
from compendium import bodies, store
from compendium.environments import trained
from compendium.environments.alloys import ALLOYS
from compendium.running import description

FULL = 96
"""The paper's number of trajectories."""


@dataclass(frozen=True)
class Cell:
    """One curve: what is run, on which space, in which environment."""

    name: str
    alloy: str
    n_elements: int
    step: float
    settings: Settings
    merit: str | None = None  # a named figure of merit of the alloy; None is its default
    networks: str | None = None  # a folder of other trained networks below data/environments; None is the alloy's own
    planned: int = FULL  # trajectories; no part of a name

    def space(self) -> CompositionSpace:
        """The grid that is searched."""
        return ALLOYS[self.alloy].space(self.n_elements, self.step)

    def environment(self) -> trained.Environment:
        """The simulated experiment: fractions (..., n_elements) → properties and merit, each (...)."""
        alloy = ALLOYS[self.alloy]
        return trained.load(alloy, self.space().elements, merit=self.merit, folder=self._networks())

    def landscape(self) -> dict:
        """Plain values that fix the merit of every composition: the space and the environment."""
        alloy = ALLOYS[self.alloy]
        return {
            **description.of_space(self.space()),
            "environment": trained.digest(self._networks()),
            "process": dict(alloy.process),
            "merit": self.merit or next(iter(alloy.merits)),
        }

    def trajectory_name(self, seed: int) -> str:
        """Digest of all that makes the trajectory, plus its seed."""
        return self.trajectory_names([seed])[0]

    def trajectory_names(self, seeds: Iterable[int]) -> list[str]:
        """The names of the trajectories of several seeds."""
        made_by = {**fixed(self), "settings": description.of_settings(self.settings)}
        if self.settings.maximiser == "ascent" and self.n_elements > FEW:
            made_by["ascent"] = description.ASCENT_BEHAVIOUR
        return [store.digest({**made_by, "seed": seed}) for seed in seeds]

    def _networks(self) -> Path:
        return trained.FOLDER / (self.networks or self.alloy)


def fixed(cell: Cell) -> dict:
    """The part of a trajectory's name that settings and seed do not change."""
    return _fixed(replace(cell, settings=None), trained.digest(cell._networks()))


@cache
def _fixed(cell: Cell, networks: str) -> dict:
    """`fixed` of a cell whose settings are None; networks: their digest, so that a training is not overlooked."""
    used = cell.space().elements
    table = {"elements": used, "symbols": elements.SYMBOLS, "values": elements.matrix(used).tolist()}
    return {**cell.landscape(), "elements_table": store.digest(table)}


class Cells(dict):
    """Cells by name; an unknown name raises KeyError with the nearest ones."""

    def __missing__(self, name):
        near = difflib.get_close_matches(str(name), self, n=3)
        hint = f"is one of {', '.join(near)} meant?" if near else "names are {alloy}_n{N}_{arm}."
        raise KeyError(f"no study cell {name!r} is declared: {hint}")


@cache
def declared() -> Mapping[str, Cell]:
    """Every declared cell of every body of work, by name."""
    return Cells({name: cell for module in bodies.modules("cells") for name, cell in module.CELLS.items()})
