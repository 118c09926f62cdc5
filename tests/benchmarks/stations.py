"""The stations of the line other than the inner loop, each on one state against BoTorch: CPU seconds of one thread.

    fit          hyperparameters, from the same starts
    experiment   all that one experiment takes, against the published fit and inner loop alone
    enumeration  log EI of the whole grid

Every measurement gives (seconds here, seconds of the other, difference of what they find or None).
"""

import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from botorch.acquisition.analytic import ExpectedImprovement, LogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.optim.fit import fit_gpytorch_mll_torch
from botorch_twin import to_botorch
from gpytorch.mlls import ExactMarginalLogLikelihood
from states import State, kept

from alloygrad.acquisition.analytic import log_ei
from alloygrad.campaigns.trajectory import measure
from alloygrad.maximisers import maximise
from alloygrad.maximisers.options import SlsqpOptions
from alloygrad.maximisers.slsqp import slsqp
from alloygrad.surrogates.gp import STARTS, GPModel, fit_paper, with_hyperparameters
from compendium import store

ENUMERATED = (0, 30, 59)
"""Experiments of SMA, 4 elements, before which enumeration is timed."""


def cpu_seconds(function: Callable, repeats: int = 1):
    """(median CPU seconds of `function()`, what it returned last)."""
    spent = []
    for _ in range(repeats):
        started = time.process_time()
        result = function()
        spent.append(time.process_time() - started)
    return float(np.median(spent)), result


def time_fit(state: State, path: Path) -> tuple[float, float, float]:
    """`fit` against `fit_gpytorch_mll` from the same starts; difference of the log posteriors reached, ours − theirs.

    BoTorch gets ready features, and the construction of its model is not counted.
    """
    here, ours = cpu_seconds(lambda: fit_paper(*state.data()), 3)
    other, reached = 0.0, []
    for lengthscale, outputscale in STARTS:
        model = _model(ours, lengthscale, outputscale or state.merits.var())
        spent, _ = cpu_seconds(lambda m=model: fit_gpytorch_mll(ExactMarginalLogLikelihood(m.likelihood, m)))
        other += spent
        reached.append(_at(ours, model).log_posterior)
    return here, other, ours.log_posterior - max(reached)


def time_experiment(state: State, path: Path) -> tuple[float, float, None]:
    """Fit, ascent, measurement and record of one row against the published fit and inner loop alone.

    These are Adam as BoTorch runs it, from GPyTorch's initial values, and `slsqp` on EI through a BoTorch posterior.
    The two work with different hyperparameters, so their values do not compare: no difference.
    """
    features, compositions, merits = state.data()
    environment = state.walk.environment()

    def ours():
        acquire = log_ei(fit_paper(features, compositions, merits), merits.max())
        found = maximise(acquire, state.space, "ascent", exclude=state.counts, rng=state.rng())
        row = {**dict(zip(state.space.elements, found.counts.tolist(), strict=True))}
        row |= measure(environment, found.composition) | {"value": found.value}
        store.write(path.with_suffix(".parquet"), pd.DataFrame([row]).to_parquet)

    def theirs():
        model = _model(start, float(np.log(2)), float(np.log(2)))
        mll = ExactMarginalLogLikelihood(model.likelihood, model)
        fit_gpytorch_mll(mll, optimizer=fit_gpytorch_mll_torch)
        whole = to_botorch(_at(start, model, features, compositions))
        improvement = ExpectedImprovement(whole, torch.tensor(merits.max()))
        acquire = lambda c: improvement(c.reshape(-1, 1, c.shape[-1])).reshape(c.shape[:-1])  # noqa: E731
        slsqp(acquire, state.space, exclude=state.counts, rng=state.rng(), options=SlsqpOptions())

    start = fit_paper(features, compositions, merits)
    here, _ = cpu_seconds(ours, 3)
    path.with_suffix(".parquet").unlink()
    return here, cpu_seconds(theirs)[0], None


def time_enumeration(state: State, path: Path, rows: int = 100_000) -> tuple[float, float, float]:
    """The whole grid against BoTorch in chunks, timed on `rows` random compositions and scaled to the grid.

    Difference of the log EIs that both give at BoTorch's arg max of the sample minus at ours: 0 where they agree.
    """
    surrogate, best = fit_paper(*state.data()), state.merits.max()
    ours = log_ei(surrogate, best)
    theirs = LogExpectedImprovement(to_botorch(surrogate), torch.tensor(best))
    sample = torch.from_numpy(state.space.fractions(state.space.sample(rows, state.rng())))

    def chunked():
        with torch.no_grad():
            return torch.cat([theirs(block[:, None]) for block in sample.split(2048)])

    here, _ = cpu_seconds(lambda: maximise(ours, state.space, "enumeration", exclude=state.counts))
    other, values = cpu_seconds(chunked)
    with torch.no_grad():
        own = ours(sample)
    return here, other * state.space.size / rows, (own[values.argmax()] - own.max()).item()


def _model(surrogate: GPModel, lengthscale: float, outputscale: float):
    """BoTorch's model of the same data on features already scaled, at initial hyperparameters, ready to be fitted."""
    start = with_hyperparameters(
        lambda x: x, surrogate.inputs, surrogate.targets, [lengthscale] * surrogate.inputs.shape[1], outputscale
    )
    return to_botorch(start).train()


def _at(surrogate: GPModel, model, features=None, compositions=None) -> GPModel:
    """Our GP at a BoTorch model's hyperparameters, on scaled features unless others are given."""
    scales = model.covar_module.base_kernel.lengthscale.detach().numpy().ravel()
    outputscale, mean = model.covar_module.outputscale.item(), model.mean_module.constant.item()
    features, compositions = features or (lambda x: x), surrogate.inputs if compositions is None else compositions
    return with_hyperparameters(features, compositions, surrogate.targets, scales, outputscale, mean)


STATIONS = {"fit": time_fit, "experiment": time_experiment, "enumeration": time_enumeration}
"""Measurements by name, of signature (state, path) → (seconds here, seconds of the other, difference or None)."""


def asked(state: State) -> tuple[str, ...]:
    """The stations that are measured on a state."""
    walk = state.walk
    enumerated = walk.alloy == "SMA" and walk.n_elements == 4 and state.experiment in ENUMERATED
    return ("fit", *["experiment"] * (walk.n_elements == 4), *["enumeration"] * enumerated)


def station_rows(state: State, place: Path, names: tuple[str, ...], collect: bool) -> list[dict]:
    """One row for each station of `names`, read from `place` or measured; read only, if `collect`."""
    rows = []
    for name in names:
        path = state.path(place / "stations", name, {})
        if found := kept(path, partial(compared, state, name, path), collect):
            rows.append({"what": name, **state.columns(), **found})
    return rows


def compared(state: State, name: str, path: Path) -> dict:
    """What is kept of one station on one state."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        here, other, difference = STATIONS[name](state, path)
    return {"here_s": here, "other_s": other, "ratio": here / other, "difference": difference}
