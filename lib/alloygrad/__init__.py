"""Bayesian optimisation of alloys, pools and processes, and of inverse problems in characterisation.

    import alloygrad as ag

    space = ag.CompositionSpace({"Ti": (20, 55), "Ni": (20, 55), "Cu": (0, 20), "Hf": (0, 20)}, step=0.5)  # at.%
    campaign = ag.Campaign(space, ag.Maximise("enthalpy_J_per_g"), seed=0)
    campaign.tell(ag.read_table("my.csv", space, unit="at.%"))
    campaign.suggest(q=4)

What may be tried       CompositionSpace, Restricted (further limits on it), Pool, Box, Product
What is wanted          Maximise, Minimise, Target, Limit, Desirability, Merit; several of them in a list
What was measured       read_table
What to do next         Campaign
By hand                 FeatureMap (material features), fit_gp (the model), log_ei (its score), maximise (the search)
What lies behind data   InverseProblem, Parameter, Measured, recover (more in `alloygrad.inverse`)

Each package imports only those before it: spaces, features, surrogates, objectives, acquisition, maximisers, campaigns
and inverse, tables, plotting. `alloygrad.protocols` says what each of them must offer.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from alloygrad.acquisition.analytic import log_ei
from alloygrad.campaigns.campaign import Campaign
from alloygrad.features.feature_map import FeatureMap
from alloygrad.maximisers import maximise
from alloygrad.objectives import Desirability, Limit, Maximise, Merit, Minimise, Target
from alloygrad.spaces import Box, CompositionSpace, Pool, Product, Restricted
from alloygrad.surrogates.gp import fit_gp
from alloygrad.tables.measurements import read_table

if TYPE_CHECKING:
    from alloygrad.inverse import InverseProblem, Measured, Parameter, recover

__version__ = "0.8.1"

__all__ = [
    "Box",
    "Campaign",
    "CompositionSpace",
    "Desirability",
    "FeatureMap",
    "InverseProblem",
    "Limit",
    "Maximise",
    "Measured",
    "Merit",
    "Minimise",
    "Parameter",
    "Pool",
    "Product",
    "Restricted",
    "Target",
    "fit_gp",
    "log_ei",
    "maximise",
    "read_table",
    "recover",
]


def __getattr__(name: str) -> Any:
    """Import what inverse problems need when it is first asked for: SciPy's parts take a second."""
    if name in ("InverseProblem", "Measured", "Parameter", "recover"):
        return getattr(import_module("alloygrad.inverse"), name)
    from alloygrad.checks import nearest  # no name of the library

    raise AttributeError(f"alloygrad has no {name!r}.{nearest(name, __all__)} help(alloygrad) says what it has.")


def __dir__() -> list[str]:
    """List those too, for completion and `help`."""
    return sorted({*globals(), *__all__})
