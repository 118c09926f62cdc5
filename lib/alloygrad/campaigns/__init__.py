"""Measure, model, suggest: campaigns on any space, and trajectories against an environment."""
