"""The drawing of the fusion: every module that it names exists, and its texts stay within their boxes."""

from importlib import import_module

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

from compendium.figures import pipeline


def test_every_station_names_a_module_of_the_library():
    table = pipeline.table()
    assert next(iter(table["station"])) == "data" and len(table) == len(pipeline.STATIONS)
    for module in table["module"]:
        import_module(f"alloygrad.{module}")


def test_texts_lie_within_the_drawing_and_do_not_overlap():
    figure = pipeline.pipeline()
    figure.draw_without_rendering()
    (axis,) = figure.axes
    boxes = [text.get_window_extent() for text in axis.texts]
    assert all(figure.bbox.contains(*corner) for box in boxes for corner in (box.min, box.max))
    assert not [(i, j) for i, one in enumerate(boxes) for j, other in enumerate(boxes[:i]) if one.overlaps(other)]
    assert sum(isinstance(patch, FancyBboxPatch) for patch in axis.patches) == len(pipeline.STATIONS)
    plt.close(figure)
