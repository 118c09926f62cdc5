"""Inverse problems of the second document: which crystals, which boxes, which data; how searchers compare on them."""
