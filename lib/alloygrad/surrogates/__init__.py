"""Surrogates: Gaussian process, random forest, deep-kernel Gaussian process."""
