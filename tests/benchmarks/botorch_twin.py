"""The library's Gaussian process and feature map as BoTorch's: the same numbers by another route."""

from collections.abc import Callable

import torch
from botorch.models import SingleTaskGP
from botorch.models.transforms.input import InputTransform
from gpytorch.constraints import GreaterThan
from gpytorch.kernels import MaternKernel, ScaleKernel
from gpytorch.likelihoods import GaussianLikelihood
from gpytorch.means import ConstantMean
from gpytorch.priors import GammaPrior
from torch import Tensor

from alloygrad.surrogates.evidence import LENGTHSCALE_PRIOR, NOISE_PRIOR, OUTPUTSCALE_PRIOR
from alloygrad.surrogates.gp import BOUNDS, GPModel


def as_input_transform(function: Callable[[Tensor], Tensor]) -> InputTransform:
    """Any compositions → features function as a BoTorch ``InputTransform``, for training and prediction."""

    class Transform(InputTransform):
        transform_on_train = transform_on_eval = transform_on_fantasize = True
        is_one_to_many = False

        def transform(self, X: Tensor) -> Tensor:
            return function(X)

    return Transform()


def to_botorch(surrogate: GPModel) -> SingleTaskGP:
    """The same GP, in eval mode, as a BoTorch ``SingleTaskGP`` on compositions (n, n_elements).

    It has the same kernel, priors and hyperparameters; the scaling of features is frozen at ``surrogate``'s.
    """

    # Doubles throughout: GPyTorch rounds plain floats to float32.
    def gamma(prior):
        return GammaPrior(*torch.tensor(prior, dtype=torch.float64))

    noise = torch.full_like(surrogate.targets[:, None], surrogate.noise + surrogate.jitter)
    likelihood = None
    if surrogate.noise_learned:
        bounds = GreaterThan(BOUNDS["noise"][0], transform=None)
        likelihood = GaussianLikelihood(noise_prior=gamma(NOISE_PRIOR), noise_constraint=bounds).double()
        likelihood.noise = noise[0]
    matern = MaternKernel(nu=2.5, ard_num_dims=len(surrogate.lengthscales), lengthscale_prior=gamma(LENGTHSCALE_PRIOR))
    model = SingleTaskGP(
        surrogate.coordinates,
        surrogate.targets[:, None],
        train_Yvar=None if surrogate.noise_learned else noise,
        likelihood=likelihood,
        covar_module=ScaleKernel(matern, outputscale_prior=gamma(OUTPUTSCALE_PRIOR)),
        mean_module=ConstantMean(),
        outcome_transform=None,
        input_transform=as_input_transform(lambda c: (surrogate.features(c) - surrogate.low) / surrogate.width),
    )
    model.covar_module.base_kernel.lengthscale = surrogate.lengthscales
    model.covar_module.outputscale = torch.tensor(surrogate.outputscale, dtype=torch.float64)
    model.mean_module.constant.data.fill_(surrogate.mean)
    return model.eval()
