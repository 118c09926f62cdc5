"""A figure with sliders where somebody can move them, and nothing elsewhere."""

import os
from collections.abc import Callable, Iterable

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

SESSION = "JPY_SESSION_NAME"
"""Jupyter sets this variable for kernels that a person works with; papermill and nbconvert do not."""


def slider(draw: Callable[..., Figure], **values: Iterable) -> None:
    """Show `draw` with a slider for each of its arguments; do nothing in a kernel that nobody watches.

    A saved figure next to it is what a reader of an executed notebook or of a printed book sees.

    Args:
        draw: Keyword arguments → a figure.
        **values: The values that each argument can take, in order; the slider begins at the first.
    """
    if SESSION not in os.environ:
        return
    from ipywidgets import SelectionSlider, interact

    def shown(**chosen) -> Figure:
        figure = draw(**chosen)
        plt.close(figure)  # Jupyter would show it a second time
        return figure

    interact(shown, **{name: SelectionSlider(options=list(own), description=name) for name, own in values.items()})
