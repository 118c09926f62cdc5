"""Inverse problems: find the structure or the couplings behind a measured pattern, spectrum, image or map.

    problem = InverseProblem([Parameter("a", "Å", 3.8, 4.0), …], simulate, Measured(values, sigma))
    found = recover(problem, budget=80)
    found.table()

A simulator is a function of the parameters, by name, that returns a curve on the points of the data. `simulators` holds
some of them.
"""

from alloygrad.inverse.calls import Call
from alloygrad.inverse.identifiability import information, information_in_box
from alloygrad.inverse.measured import Measured
from alloygrad.inverse.measuring import CHOOSERS, Particles, Prior, choose
from alloygrad.inverse.misfits import blur, cumulative
from alloygrad.inverse.problem import InverseProblem, Parameter, SimulationError
from alloygrad.inverse.recovery import Recovery, profile, recover
from alloygrad.inverse.searchers import SEARCHERS

__all__ = [
    "CHOOSERS",
    "SEARCHERS",
    "Call",
    "InverseProblem",
    "Measured",
    "Parameter",
    "Particles",
    "Prior",
    "Recovery",
    "SimulationError",
    "blur",
    "choose",
    "cumulative",
    "information",
    "information_in_box",
    "profile",
    "recover",
]
