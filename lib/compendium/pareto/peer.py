"""BoTorch's inner loop for fronts, on the Gaussian processes of a campaign: qLogNEHVI maximised by `optimize_acqf`.

Its processes get the campaign's data, kernel and hyperparameters, so that posteriors are equal and only the acquisition
function and its search differ. The numbers are those of BoTorch's tutorial on several objectives.
"""

from collections.abc import Sequence

import numpy as np
import torch

from alloygrad.campaigns.beliefs import Beliefs, reference_point
from alloygrad.spaces.composition import CompositionSpace
from alloygrad.surrogates.gp import GPModel

RESTARTS, RAW, SAMPLES, MOST = 10, 512, 128, 200
"""Restarts of L-BFGS-B, raw samples to choose their starts from, Sobol samples of the posterior, iterations at most."""


def twin(model: GPModel):
    """Return BoTorch's model with the posterior of a Gaussian process on raw fractions."""
    from botorch.models import SingleTaskGP
    from gpytorch.kernels import MaternKernel, ScaleKernel
    from gpytorch.likelihoods import GaussianLikelihood
    from gpytorch.means import ConstantMean

    likelihood = GaussianLikelihood().double()
    kernel = ScaleKernel(MaternKernel(nu=2.5, ard_num_dims=model.inputs.shape[1])).double()
    made = SingleTaskGP(
        model.coordinates, model.targets[:, None], likelihood=likelihood, covar_module=kernel,
        mean_module=ConstantMean(), outcome_transform=None,
    )  # fmt: skip
    made.covar_module.base_kernel.lengthscale = model.lengthscales * model.width  # features are scaled fractions
    made.covar_module.outputscale, made.mean_module.constant.data = model.outputscale, torch.tensor(model.mean).double()
    made.likelihood.noise = model.noise + model.jitter
    return made.eval()


def suggest(beliefs: Beliefs, space: CompositionSpace, *, seed: int) -> np.ndarray:
    """Return the fractions (n_elements,) that maximise qLogNEHVI, for aims without limits."""
    from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
    from botorch.acquisition.multi_objective.objective import GenericMCMultiOutputObjective
    from botorch.models import ModelListGP
    from botorch.optim import optimize_acqf
    from botorch.sampling.normal import SobolQMCNormalSampler

    goals, models = beliefs.goals, [beliefs.models[i] for i in beliefs.goals.aims]
    reference = reference_point(goals.utilities(beliefs.known)) if goals.reference is None else goals.reference

    def utilities(samples: torch.Tensor, X: torch.Tensor | None = None) -> torch.Tensor:
        columns = [y if t is None else -(y - t).abs() for y, t in zip(samples.unbind(-1), goals.targets, strict=True)]
        return torch.stack(columns, -1)

    torch.manual_seed(seed)
    acquire = qLogNoisyExpectedHypervolumeImprovement(
        ModelListGP(*map(twin, models)),
        ref_point=torch.from_numpy(reference),
        X_baseline=models[0].coordinates,
        sampler=SobolQMCNormalSampler(torch.Size([SAMPLES]), seed=seed),
        objective=GenericMCMultiOutputObjective(utilities),
        prune_baseline=True,
    )
    limits, n = space.polytope(), len(space.elements)
    bounds = torch.from_numpy(np.stack([limits.lower, limits.upper]))
    whole, inequalities = (torch.arange(n), torch.ones(n).double(), 1.0), []
    for group in space.groups:
        rows, ones = torch.tensor([space.elements.index(name) for name in group.elements]), torch.ones(1).double()
        ones = ones.expand(len(rows))
        inequalities += [(rows, ones, group.lower), (rows, -ones, -group.upper)]
    found, _ = optimize_acqf(
        acquire, bounds=bounds, q=1, num_restarts=RESTARTS, raw_samples=RAW, equality_constraints=[whole],
        inequality_constraints=inequalities or None, options={"maxiter": MOST, "batch_limit": 5},
    )  # fmt: skip
    return found[0].numpy()


def preferences(z: np.ndarray, answers: Sequence[tuple[int, int]], *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean (n,) and covariance (n, n) of the utility of alloys z (n, m), after choices (better, worse).

    BoTorch's PairwiseGP, fitted as in its tutorial on preferences.
    """
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import PairwiseGP
    from botorch.models.pairwise_gp import PairwiseLaplaceMarginalLogLikelihood

    rows, numbered = np.unique(np.array(answers), return_inverse=True)
    torch.manual_seed(seed)
    model = PairwiseGP(torch.from_numpy(z[rows]), torch.from_numpy(numbered.reshape(-1, 2)))
    fit_gpytorch_mll(PairwiseLaplaceMarginalLogLikelihood(model.likelihood, model))
    with torch.no_grad():
        found = model.posterior(torch.from_numpy(z))
    return found.mean[:, 0].numpy(), found.mvn.covariance_matrix.numpy()
