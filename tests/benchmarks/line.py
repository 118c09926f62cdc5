"""How fast are the stations of the line? CPU seconds of one thread, and ratios to BoTorch within this one run.

    python tests/benchmarks/line.py

Every comparison states the same numbers on both sides: same kernel and hyperparameters, same compositions.
"""

import time

import numpy as np
import pandas as pd
import torch
from botorch.acquisition.analytic import LogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from gpytorch.mlls import ExactMarginalLogLikelihood

from alloygrad import environments
from alloygrad.acquisition import log_ei
from alloygrad.environments import SMA
from alloygrad.features import FeatureMap
from alloygrad.maximisers import maximise
from alloygrad.surrogate import fit, to_botorch
from alloygrad.threads import one_thread


def cpu_seconds(function, repeats: int = 3) -> float:
    """Median CPU seconds of `function()`."""
    spent = []
    for _ in range(repeats):
        started = time.process_time()
        function()
        spent.append(time.process_time() - started)
    return float(np.median(spent))


def main():
    space = SMA.space(4)
    environment = environments.load(SMA, space.elements)
    counts = space.sample(100, np.random.default_rng(0))
    compositions, merits = space.fractions(counts), environment(space.fractions(counts))["merit"]
    features = FeatureMap(space.elements, ["mean:VEC", "mean:XP", "mean:R", "mean:MT"])
    surrogate = fit(features, compositions, merits)
    ours, theirs = log_ei(surrogate, merits.max()), LogExpectedImprovement(to_botorch(surrogate), merits.max())

    many = space.fractions(space.sample(100_000, np.random.default_rng(1)))
    sample = torch.from_numpy(many)

    def botorch_enumeration():
        with torch.no_grad():
            return torch.cat([theirs(block[:, None]) for block in sample.split(2048)])

    def botorch_fit():
        model = to_botorch(fit(features, compositions, merits))
        model.train()
        model.covar_module.base_kernel.raw_lengthscale.data.zero_()
        model.covar_module.raw_outputscale.data.zero_()
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))

    with one_thread():
        assert torch.allclose(ours(sample[:4096]), theirs(sample[:4096, None]), rtol=1e-6)
        per_grid = space.size / len(many)
        mine = cpu_seconds(lambda: fit(features, compositions, merits))
        rows = {
            "environment, a million compositions": (10 * cpu_seconds(lambda: environment(many)), np.nan),
            "exhaustive log EI, 4 080 501 compositions": (
                cpu_seconds(lambda: maximise(ours, space, "enumeration", exclude=counts), 1),
                cpu_seconds(botorch_enumeration, 1) * per_grid,
            ),
            "fit, 100 points": (mine, cpu_seconds(botorch_fit) - mine),
        }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["here (s)", "BoTorch (s)"])
    print(table.assign(ratio=table["here (s)"] / table["BoTorch (s)"]).round(3).to_string())


if __name__ == "__main__":
    main()
