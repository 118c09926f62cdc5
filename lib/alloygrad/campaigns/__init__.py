"""Measure, model, suggest: campaigns on exact and on noisy data, and trajectories against an environment."""
