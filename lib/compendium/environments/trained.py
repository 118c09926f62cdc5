"""Simulated experiments: trained networks in place of the laboratory.

    environment(compositions (..., n_elements)) → {property: (...), "merit": (...)}

Any callable with this signature is an environment.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from compendium import DATA, store
from compendium.environments import networks
from compendium.environments.alloys import Alloy

FOLDER = DATA / "environments"


class Environment:
    """Compositions (..., n_elements) in the order of `elements` → each property (...) and "merit" (...), float64.

    Elements are placed by name among the networks' inputs, absent ones are zero, and the process is the alloy's fixed
    one. `models` come from `networks.load`. A million compositions take seconds: they are evaluated in blocks that stay
    in cache. Raises ValueError for compositions that are not fractions with a sum of 1.
    """

    def __init__(
        self,
        alloy: Alloy,
        elements: tuple[str, ...],
        models: Mapping[str, networks.ResidualNetwork],
        merit: str | None = None,
    ):
        if unknown := [element for element in elements if element not in alloy.inputs]:
            raise ValueError(f"The {alloy.name} networks do not know {unknown}; they know {list(alloy.inputs)}.")
        if len(set(elements)) < len(elements):
            raise ValueError(f"An element is named twice in {list(elements)}.")
        merit = merit or next(iter(alloy.merits))
        if merit not in alloy.merits:
            raise ValueError(f"{alloy.name} has the figures of merit {list(alloy.merits)}; {merit!r} asked for.")
        self.alloy, self.elements, self.merit_name = alloy, tuple(elements), merit
        self.merit = alloy.merits[merit]
        slots = [alloy.inputs.index(element) for element in elements]
        process = torch.tensor(list(alloy.process.values()), dtype=torch.float64)
        self._models = {name: model.restrict(slots, process) for name, model in models.items()}

    def __call__(self, compositions: np.ndarray) -> dict[str, np.ndarray]:
        compositions = torch.tensor(np.asarray(compositions, dtype=float))
        if compositions.shape[-1:] != (len(self.elements),):
            shape, names = tuple(compositions.shape), list(self.elements)
            raise ValueError(f"Expected compositions (..., {len(names)}) with columns {names}, got shape {shape}.")
        fine = ((compositions.sum(-1) - 1).abs() <= 1e-6) & (compositions >= -1e-9).all(-1)  # false for NaN
        if not fine.all():
            wrong = compositions[~fine][0].tolist()
            raise ValueError(
                f"Expected fractions ≥ 0 that sum to 1, got {wrong} (sum {sum(wrong):g}). Divide percentages by 100."
            )
        out = {name: values.numpy() for name, values in self._properties(compositions).items()}
        return {**out, "merit": self.merit(out)}

    def value(self, compositions: Tensor) -> Tensor:
        """Return the merit alone, (..., n_elements) → (...), differentiable and unchecked, for a maximiser to climb."""
        return self.merit(self._properties(compositions))

    def _properties(self, compositions: Tensor) -> dict[str, Tensor]:
        blocks = compositions.reshape(-1, len(self.elements)).split(4096)
        return {
            name: torch.cat([model(block) for block in blocks]).reshape(compositions.shape[:-1])
            for name, model in self._models.items()
        }


def load(
    alloy: Alloy, elements: tuple[str, ...], *, merit: str | None = None, folder: Path | None = None
) -> Environment:
    """Return the environment of the shipped weights, or of another trained `folder`, after checking it with its card.

    Raises FileNotFoundError for a folder without card; ValueError for weights that are not the card's, or a card that
    is not this alloy's.
    """
    folder = Path(folder or FOLDER / alloy.name)
    if not (folder / "card.json").exists():
        raise FileNotFoundError(
            f"{folder} holds no trained networks (no card.json). Restore them from the repository, or train them: "
            "see CONTRIBUTING.md, add an alloy."
        )
    card, models = _read(folder, store.file_digest(folder / "card.json"))
    for what in ("inputs", "process", "properties"):
        if (trained := list(card[what])) != (declared := list(getattr(alloy, what))):
            raise ValueError(
                f"{what} of {folder} are {trained}; {alloy.name} declares {declared}. Retrain or mend the declaration."
            )
    return Environment(alloy, elements, {name: models[name] for name in alloy.properties}, merit)


@cache
def _read(folder: Path, card_digest: str) -> tuple[dict, dict[str, networks.ResidualNetwork]]:
    """Read card and networks once; a folder that is trained again has another card, and is read again."""
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    models = {}
    for name, entry in card["properties"].items():
        path = folder / f"{name}.safetensors"
        if (found := store.file_digest(path)) != entry["weights_sha256"]:
            raise ValueError(
                f"{path} has sha256 {found}; its card says {entry['weights_sha256']}. Restore or retrain it."
            )
        models[name] = networks.load(path)
    return card, models


def digest(folder: Path) -> str:
    """Return a digest of what the networks in `folder` compute: how they were trained, and their weights."""
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    weights = {name: entry["weights_sha256"] for name, entry in card["properties"].items()}
    return store.digest({"training": card["digest"], "weights": weights})


def random_alloys(alloy: Alloy, n_elements: int, count: int = 5000, *, folder: Path | None = None) -> pd.DataFrame:
    """Return properties and merit of `count` random compositions of the first `n_elements`, always the same ones."""
    space = alloy.space(n_elements)
    counts = space.sample(count, np.random.default_rng(n_elements))
    return pd.DataFrame(load(alloy, space.elements, folder=folder)(space.fractions(counts)))
