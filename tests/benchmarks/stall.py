"""Does the published loop stall on the paper's own fit, too? Shares of starts that move, on the same states.

    python tests/benchmarks/stall.py [--collect]

States are taken from recorded trajectories of the published loop, four elements, three alloys. In each, SLSQP climbs
from the same random starts on

    theirs    EI of BoTorch's model of the paper (``botorch_twin``), fitted by Adam as BoTorch ships it from GPyTorch's
              initial values, EI set to 0 where the standard deviation is 1e-6 or less
    ours      EI of this library's fit, a closed form
    log EI    the logarithm of the same

A start moves if its end lies farther away than half a step. Written is figures/12_fits.csv, one row for each state;
finished states stand in the working store's `stall` folder, and --collect writes those alone.
"""

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import torch
from botorch.optim.fit import fit_gpytorch_mll_torch
from botorch_twin import to_botorch
from gpytorch.mlls import ExactMarginalLogLikelihood
from states import kept
from torch import Tensor
from tqdm import tqdm

from alloygrad.acquisition.analytic import ei, expected_improvement, log_ei
from alloygrad.features.feature_map import FeatureMap
from alloygrad.maximisers.slsqp import climb
from alloygrad.spaces.composition import CompositionSpace
from alloygrad.surrogates.gp import fit_paper, with_hyperparameters
from compendium import ROOT, store
from compendium.feature_gradient.cells import CELLS
from compendium.running import studies

ALLOYS, SEEDS, EXPERIMENTS = ("sma", "ti", "hea"), (0,), (0, 2, 4, 6, 8, 10, 20, 40)
STARTS = {"sma": 40, "ti": 40, "hea": 10}
"""Fewer than the paper's 80: a search through a BoTorch posterior takes seconds where it moves, as in HEA."""

LEAST_STD = 1e-6
"""Below it the published EI is 0."""

INITIAL = float(np.log(2))
"""GPyTorch's initial value of a positive parameter."""

VERSION = 1


def known(cell: str, seed: int, experiment: int) -> tuple[FeatureMap, np.ndarray, np.ndarray]:
    """(features, compositions (n, N), merits (n,)) before an experiment of a recorded trajectory."""
    rows, space = studies.trajectories(CELLS[cell], max(SEEDS) + 1, compute=False), CELLS[cell].space()
    rows = rows[rows["seed"] == seed]
    features = FeatureMap(space.elements, rows["features"].dropna().iloc[0].split())
    before = rows[rows["experiment"] < experiment]
    counts = before[list(space.elements)].to_numpy(np.int64)
    return features, space.fractions(counts), before["merit"].to_numpy()


def fit_theirs(features: FeatureMap, compositions: np.ndarray, merits: np.ndarray):
    """The paper's model of the data, on compositions, fitted as published."""
    ours = fit_paper(features, compositions, merits)
    n_features = ours.inputs.shape[1]
    start = with_hyperparameters(features, compositions, merits, [INITIAL] * n_features, INITIAL, 0.0)
    model = to_botorch(start).train()
    fit_gpytorch_mll_torch(ExactMarginalLogLikelihood(model.likelihood, model))
    return model.eval()


def masked_ei(model, best: float) -> Callable[[Tensor], Tensor]:
    """Fractions (..., N) → EI (...) through a BoTorch posterior, 0 where its standard deviation is ≤ `LEAST_STD`."""

    def value(fractions: Tensor) -> Tensor:
        posterior = model.posterior(fractions.reshape(-1, 1, fractions.shape[-1]))
        mean, std = (x.reshape(fractions.shape[:-1]) for x in (posterior.mean, posterior.variance.sqrt()))
        return torch.where(std > LEAST_STD, expected_improvement(mean, std, best), 0.0)

    return value


def measured(cell: str, seed: int, experiment: int) -> dict:
    """Share of starts that move, by acquisition function."""
    space, data = CELLS[cell].space(), known(cell, seed, experiment)
    own, best = fit_paper(*data), data[2].max()
    starts = space.sample_continuous(STARTS[cell.split("_")[0]], np.random.default_rng([seed, experiment]))
    climbed = {"theirs": masked_ei(fit_theirs(*data), best), "ours": ei(own, best), "log EI": log_ei(own, best)}
    return {name: moved(acquire, space, starts) for name, acquire in climbed.items()}


def moved(acquire: Callable[[Tensor], Tensor], space: CompositionSpace, starts: np.ndarray) -> float:
    """Share of starts whose SLSQP search ends farther away than half a step."""
    ends = np.array([climb(acquire, space, start)[0] for start in starts])
    return float((np.abs(ends - starts).max(axis=1) > space.step / 2).mean())


def run(collect: bool = False) -> pd.DataFrame:
    """One row for each state: alloy, seed, experiment, starts, and the share that moves by acquisition function.

    collect: of finished states only.
    """
    folder, rows = store.working() / "stall", []
    states = [(alloy, seed, experiment) for experiment in EXPERIMENTS for seed in SEEDS for alloy in ALLOYS]
    for alloy, seed, experiment in tqdm(states, desc="states"):
        cell = f"{alloy}_n4_slsqp_ei"
        name = {"trajectory": CELLS[cell].trajectory_name(seed), "experiment": experiment}
        name |= {"starts": STARTS[alloy], "version": VERSION}
        if found := kept(folder / f"{store.digest(name)}.json", partial(measured, cell, seed, experiment), collect):
            rows.append({"alloy": alloy, "seed": seed, "experiment": experiment, "starts": STARTS[alloy], **found})
    return pd.DataFrame(rows).sort_values(["alloy", "seed", "experiment"], ignore_index=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--collect", action="store_true", help="write what is finished, compute nothing")
    table = run(parser.parse_args().collect).assign(code=store.code_version())
    store.write(ROOT / "figures" / "12_fits.csv", lambda path: table.to_csv(path, index=False, float_format="%.4g"))
    print(table.groupby(["alloy", "experiment"])[["theirs", "ours", "log EI"]].mean().round(3).to_string())


if __name__ == "__main__":
    main()
