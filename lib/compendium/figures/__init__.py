"""Figures of the compendium: one style, and `save`, which writes a figure and the numbers that it plots."""

import io
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

from compendium import ROOT, last_digits, store
from compendium.figures import style
from compendium.figures.live import slider

__all__ = ["paths", "save", "slider", "style"]

PROFILES = ("paper", "quick", "smoke")


def save(figure: Figure, name: str, *, data: pd.DataFrame, profile: str = "paper") -> Figure:
    """Write `name`.pdf, .png and .csv (the numbers it plots): below figures/ for `paper`, else figures/<profile>/.

    Where the files there differ in no more than their last digits, as on another processor, all three are left.
    """
    pdf, png, csv = paths(name, profile)
    undated, table = {"CreationDate": None}, data.to_csv(index=False, float_format="%.6g")  # no date: the same bytes
    if profile == "smoke":  # laid out once, and drawn once for each file; `savefig` draws twice
        store.write(pdf, lambda path: FigureCanvasPdf(figure).print_pdf(path, metadata=undated))
        figure.set_layout_engine("none")
        store.write(png, FigureCanvasAgg(figure).print_png)
        store.write(csv, lambda path: path.write_text(table, encoding="utf-8"))
    elif not _is_there(paths(name, profile), picture := _drawn(figure), table):
        store.write(pdf, lambda path: figure.savefig(path, metadata=undated))
        store.write(png, lambda path: path.write_bytes(picture))
        store.write(csv, lambda path: path.write_text(table, encoding="utf-8"))
    plt.close(figure)
    return figure


def _drawn(figure: Figure) -> bytes:
    """A figure as PNG. Layouts with legends outside settle at the second drawing."""
    figure.draw_without_rendering()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _is_there(files: list[Path], picture: bytes, table: str) -> bool:
    """Whether the three files of a figure hold this picture and this table (CSV), but for last digits."""
    if not all(path.exists() for path in files):
        return False
    _, png, csv = files
    same = last_digits.same_table(csv.read_text(encoding="utf-8"), table)
    return same and last_digits.same_picture(png.read_bytes(), picture)


def paths(name: str, profile: str = "paper") -> list[Path]:
    """The three files that `save` writes. Raises ValueError for an unknown profile and a name with folders in it."""
    if profile not in PROFILES:
        raise ValueError(f"profile is {profile!r}; it must be one of {list(PROFILES)}.")
    if Path(name).name != name:
        raise ValueError(f"A figure is named {name!r}; expected a plain file name without its suffix.")
    folder = ROOT / "figures" / ("" if profile == "paper" else profile)
    return [folder / f"{name}.{suffix}" for suffix in ("pdf", "png", "csv")]
