"""Simulators of characterisation methods: parameters in, curves or images out."""
