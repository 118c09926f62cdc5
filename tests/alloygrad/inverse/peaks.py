"""A toy inverse problem with a known answer: two lines on a sloping background."""

import numpy as np

from alloygrad.inverse import InverseProblem, Measured, Parameter

X = np.linspace(0, 10, 150)
TRUTH = {"c1": 3.1, "w1": 0.5, "c2": 6.2, "w2": 0.9, "h": 0.6}
PARAMETERS = [
    Parameter("c1", "eV", 0, 10),
    Parameter("w1", "eV", 0.1, 2),
    Parameter("c2", "eV", 0, 10),
    Parameter("w2", "eV", 0.1, 2),
    Parameter("h", "", 0.1, 0.9),
]
SIGMA = 0.05
BACKGROUND = np.vander(X, 2)


def lines(c1, w1, c2, w2, h):
    return np.exp(-(((X - c1) / w1) ** 2)) + h * np.exp(-(((X - c2) / w2) ** 2))


def problem(seed: int = 0, scale: float = 3.0, **more) -> InverseProblem:
    rng = np.random.default_rng(seed)
    values = scale * lines(**TRUTH) + 1 + 0.1 * X + SIGMA * rng.normal(size=len(X))
    options = dict(scale=True, background=BACKGROUND) | more
    return InverseProblem(PARAMETERS, lines, Measured(values, SIGMA, X), **options)
