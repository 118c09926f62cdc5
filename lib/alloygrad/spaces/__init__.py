"""What may be tried: compositions, also under further limits, a pool, a box of parameters, a composition and a box."""

from alloygrad.spaces.box import Box
from alloygrad.spaces.composition import CompositionSpace, Group
from alloygrad.spaces.points import starting_design
from alloygrad.spaces.pool import Pool
from alloygrad.spaces.product import Product
from alloygrad.spaces.restricted import Restricted

__all__ = ["Box", "CompositionSpace", "Group", "Pool", "Product", "Restricted", "starting_design"]
