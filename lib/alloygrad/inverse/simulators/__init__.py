"""Simulators of characterisation methods: parameters in, curves or images out.

Each method has a module of its own. What several of them have under one name, such as `low_energy.Atom`, is imported
from there.
"""

from alloygrad.inverse.simulators.iv_curves import r_pendry
from alloygrad.inverse.simulators.low_energy import LeedCalculator, PhaseShifts, Surface, read_phase_shifts
from alloygrad.inverse.simulators.powder import Powder, Site

__all__ = ["LeedCalculator", "PhaseShifts", "Powder", "Site", "Surface", "r_pendry", "read_phase_shifts"]
