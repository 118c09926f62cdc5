"""Inverse problems: find the structure or the couplings behind a measured pattern, spectrum, image or map.

    problem = InverseProblem([Parameter("a", "Å", 3.8, 4.0), …], simulate, Measured(values, sigma))
    found = recover(problem, budget=80)
    found.table()

A simulator is a function of the parameters, by name, that returns a curve on the points of the data. `simulators` holds
some of them.
"""

from alloygrad.inverse.calls import Call
from alloygrad.inverse.identifiability import information, information_in_box
from alloygrad.inverse.misfits import blur, cumulative
from alloygrad.inverse.problem import InverseProblem, Measured, Parameter, SimulationError
from alloygrad.inverse.recovery import Recovery, profile, recover
from alloygrad.inverse.searchers import SEARCHERS

__all__ = [
    "SEARCHERS",
    "Call",
    "InverseProblem",
    "Measured",
    "Parameter",
    "Recovery",
    "SimulationError",
    "blur",
    "cumulative",
    "information",
    "information_in_box",
    "profile",
    "recover",
]
