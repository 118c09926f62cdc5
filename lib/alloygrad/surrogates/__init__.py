"""Models of the measurements: Gaussian process, random forest, deep kernel."""
