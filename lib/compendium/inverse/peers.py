"""BoTorch as a searcher of inverse problems: log EI of the logarithm of the misfit, by its own model and maximiser."""

import numpy as np
import torch

from alloygrad.inverse.calls import Calls
from alloygrad.inverse.searchers import screen_size


def botorch(calls: Calls, seed: int) -> None:
    """Search with BoTorch's defaults: 4 restarts from 64 raw samples a step."""
    from botorch.acquisition import LogExpectedImprovement  # late: BoTorch takes seconds to import
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.models.transforms import Standardize
    from botorch.optim import optimize_acqf
    from gpytorch.mlls import ExactMarginalLogLikelihood

    calls.screen(screen_size(calls), seed)
    calls.stage = "botorch"
    torch.manual_seed(seed)
    bounds = torch.tensor([[0.0] * calls.d, [1.0] * calls.d], dtype=torch.float64)
    rng = np.random.default_rng([seed, 1])
    while True:
        x, y = torch.tensor(np.array(calls.shares)), -np.log(calls.misfits("coarse"))[:, None]
        model = SingleTaskGP(x, torch.tensor(y), outcome_transform=Standardize(1))
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        score = LogExpectedImprovement(model, best_f=float(y.max()))
        point, _ = optimize_acqf(score, bounds, q=1, num_restarts=4, raw_samples=64)
        known = len(calls)
        calls(point[0].numpy())
        if len(calls) == known:
            calls.restart(rng)
