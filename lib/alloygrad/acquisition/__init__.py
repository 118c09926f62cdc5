"""Acquisition functions of one objective (`analytic`), and of several with limits (`several`)."""
