"""Bayesian optimisation of alloy compositions along the feature gradient: a(g(e(c))).

A composition flows one way, and each package imports only those before it:
spaces → features → surrogates → acquisition → maximisers → campaigns → tables → plotting.
"""

__version__ = "0.1.0"
