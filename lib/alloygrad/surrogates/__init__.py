"""Models of the measurements: Gaussian process, random forest, deep kernel."""

from alloygrad.surrogates.deep_kernel import DeepKernel
from alloygrad.surrogates.forest import RandomForest
from alloygrad.surrogates.gp import GaussianProcess

SURROGATES: dict[str, type[GaussianProcess] | type[RandomForest] | type[DeepKernel]] = {
    "gp": GaussianProcess,
    "forest": RandomForest,
    "deep_kernel": DeepKernel,
}
"""Surrogates by name: each is made of a map coordinates → features, and has `fit`."""

__all__ = ["SURROGATES", "DeepKernel", "GaussianProcess", "RandomForest"]
