"""What is wanted of a measurement."""

from alloygrad.objectives.single import Maximise, Minimise, Objective

__all__ = ["Maximise", "Minimise", "Objective"]
