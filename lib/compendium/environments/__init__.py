"""The simulated laboratories: published measurements, networks trained on them, and the alloys they answer for."""
