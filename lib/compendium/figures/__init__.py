"""Figures of the compendium: one style, and `save`, which writes a figure and the numbers that it plots."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

from compendium import ROOT, store
from compendium.figures import style
from compendium.figures.live import slider

__all__ = ["paths", "save", "slider", "style"]

PROFILES = ("paper", "quick", "smoke")


def save(figure: Figure, name: str, *, data: pd.DataFrame, profile: str = "paper") -> Figure:
    """Write `name`.pdf, .png and .csv (the numbers it plots): below figures/ for `paper`, else figures/<profile>/."""
    pdf, png, csv = paths(name, profile)
    undated = {"CreationDate": None}  # the same figure gives the same bytes
    if profile == "smoke":  # laid out once, and drawn once for each file; `savefig` draws twice
        store.write(pdf, lambda path: FigureCanvasPdf(figure).print_pdf(path, metadata=undated))
        figure.set_layout_engine("none")
        store.write(png, FigureCanvasAgg(figure).print_png)
    else:
        store.write(pdf, lambda path: figure.savefig(path, metadata=undated))
        store.write(png, figure.savefig)
    store.write(csv, lambda path: data.to_csv(path, index=False, float_format="%.6g"))
    plt.close(figure)
    return figure


def paths(name: str, profile: str = "paper") -> list[Path]:
    """The three files that `save` writes. Raises ValueError for an unknown profile and a name with folders in it."""
    if profile not in PROFILES:
        raise ValueError(f"profile is {profile!r}; it must be one of {list(PROFILES)}.")
    if Path(name).name != name:
        raise ValueError(f"A figure is named {name!r}; expected a plain file name without its suffix.")
    folder = ROOT / "figures" / ("" if profile == "paper" else profile)
    return [folder / f"{name}.{suffix}" for suffix in ("pdf", "png", "csv")]
