"""How much is expected of a composition: expected improvement, confidence bounds, probabilities."""
