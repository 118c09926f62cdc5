"""Models of the measurements: Gaussian processes, trees, a deep kernel, and an ensemble of several."""

from alloygrad.surrogates.deep_kernel import DeepKernel
from alloygrad.surrogates.ensemble import Ensemble
from alloygrad.surrogates.forest import ExtraTrees, RandomForest
from alloygrad.surrogates.gp import GaussianProcess
from alloygrad.surrogates.isotropic import Isotropic

Kind = (
    type[GaussianProcess] | type[RandomForest] | type[ExtraTrees] | type[DeepKernel] | type[Isotropic] | type[Ensemble]
)

SURROGATES: dict[str, Kind] = {
    "gp": GaussianProcess,
    "isotropic": Isotropic,
    "forest": RandomForest,
    "extra_trees": ExtraTrees,
    "deep_kernel": DeepKernel,
    "ensemble": Ensemble,
}
"""Surrogates by name: each is made of a map coordinates → features, and has `fit`."""

__all__ = ["SURROGATES", "DeepKernel", "Ensemble", "ExtraTrees", "GaussianProcess", "Isotropic", "RandomForest"]
