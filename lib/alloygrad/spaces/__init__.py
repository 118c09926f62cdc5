"""What may be tried: compositions, a pool of candidates, a box of parameters, or a composition and a box."""

from alloygrad.spaces.box import Box
from alloygrad.spaces.composition import CompositionSpace, Group
from alloygrad.spaces.pool import Pool
from alloygrad.spaces.product import Product

__all__ = ["Box", "CompositionSpace", "Group", "Pool", "Product"]
