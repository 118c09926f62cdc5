"""Acquisition functions: expected improvement, confidence bounds, probability of improvement."""
