"""Ternary maps: elements in their corners, frames that are the limits, and what is drawn is what the tables say."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from alloygrad.plotting import ternary
from alloygrad.spaces.composition import CompositionSpace
from compendium.environments.alloys import SMA
from compendium.feature_gradient import figures
from compendium.feature_gradient.figures import tour

ELEMENTS = ["Ti", "Ni", "Cu"]
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def table(space: CompositionSpace) -> pd.DataFrame:
    """Every composition in at.%, with a value for each quantity that is drawn somewhere."""
    fractions = np.concatenate([space.fractions(counts) for counts in space.enumerate()])
    maps = pd.DataFrame((100 * fractions).round(9), columns=list(space.elements))
    merit = -np.square(fractions - fractions[len(fractions) // 2]).sum(1)
    return maps.assign(merit=merit, mean=merit, feature=fractions @ [4, 10, 11], log_ei=1000 * merit, ei=np.exp(merit))


MAPS = table(SMA.space(3, step=0.01))
MEASURED = MAPS.sample(4, random_state=0)
PICK, OPTIMUM = MAPS[100:101], MAPS[MAPS["merit"] == MAPS["merit"].max()]
PATHS = pd.concat([MAPS.sample(3, random_state=i).assign(start=range(3), step=i) for i in range(4)])


def axes(**options):
    return plt.figure().add_subplot(**ternary.AXES, **options)


def strip():
    return figures.line(
        MAPS,
        ELEMENTS,
        feature="feature",
        paths=PATHS,
        notes=list("abcdef"),
        measured=MEASURED,
        pick=PICK,
        optimum=OPTIMUM,
    )


def ten():
    progress = pd.DataFrame({name: range(5) for name in ("experiments", "campaign", "random", "measured")})
    rows = pd.concat([OPTIMUM, MAPS[:1], MAPS[-2:]])
    return figures.ten_experiments(MAPS, rows, progress.assign(optimum=9), ELEMENTS, measured=MEASURED, optimum=OPTIMUM)


DRAWN = {
    "ternary_maps": lambda: figures.ternary_maps(
        MAPS, ELEMENTS, {"merit": dict(title="t", label="l", lines=4), "log_ei": dict(vmin=-1)}, measured=MEASURED
    ),
    "composition_space": lambda: figures.composition_space(MAPS, MEASURED, ELEMENTS),
    "acquisition_cut": lambda: figures.acquisition_cut(MAPS, MAPS[MAPS["Cu"] == 5], ELEMENTS, least=1e-6, pick=PICK),
    "ascent_paths": lambda: figures.ascent_paths(MAPS, MAPS, PATHS, PATHS, ELEMENTS, pick=PICK),
    "ten_experiments": ten,
    "line": strip,
}


@pytest.mark.parametrize("name", DRAWN)
def test_each_figure_draws_without_a_warning_at_page_width(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = DRAWN[name]()
        figure.draw_without_rendering()
    assert figure.get_size_inches()[0] == pytest.approx(figures.PAGE)


def test_the_first_element_grows_to_the_right_the_second_to_the_left_the_last_upwards():
    pure = pd.DataFrame(100 * np.eye(3), columns=ELEMENTS)
    axis = ternary.window(axes(), pure, ELEMENTS, ticks=20)
    right, left, top = axis.transProjection.transform(np.column_stack(ternary.at(pure, ELEMENTS)))
    assert left[0] < top[0] < right[0] and left[1] == pytest.approx(right[1]) and top[1] > left[1]
    assert np.hypot(*(right - left)) == pytest.approx(np.hypot(*(top - left)))  # no direction is favoured
    named = {text.get_text(): np.array(text.xy) for text in axis.texts}
    assert named == {"Ti": pytest.approx([0.5, 0]), "Ni": pytest.approx([0.25, 0.5]), "Cu": pytest.approx([0.75, 0.5])}


def test_columns_are_found_by_name_and_other_numbers_of_elements_are_refused():
    shuffled = MAPS[["Cu", "merit", "Ti", "Ni"]]
    top, left, right = ternary.at(shuffled, ELEMENTS)
    assert (top == MAPS["Cu"]).all() and (left == MAPS["Ni"]).all() and (right == MAPS["Ti"]).all()
    with pytest.raises(ValueError, match="three elements; got"):
        ternary.at(MAPS, [*ELEMENTS, "Hf"])


@pytest.mark.parametrize(
    "limits, corners",
    [
        (dict(Ti=(0.0, 1.0), Ni=(0.0, 1.0), Cu=(0.0, 1.0)), 3),
        (dict(Ti=(0.45, 0.55), Ni=(0.2, 0.55), Cu=(0.0, 0.2)), 4),
        (dict(Ti=(0.3, 0.5), Ni=(0.3, 0.5), Cu=(0.1, 0.3)), 6),
    ],
)
def test_the_frame_is_the_space(limits, corners):
    """Every corner of the frame is a composition of the space, and none of the space is outside."""
    lower, upper = zip(*limits.values(), strict=True)
    space = CompositionSpace.from_fractions(tuple(limits), lower, upper, 0.05)
    maps = table(space)
    axis = ternary.window(axes(), maps, ELEMENTS)
    frame = np.unique(np.round(axis.patch.get_xy(), 9) + 0.0, axis=0)
    assert len(frame) == corners
    places = axis.transLimits.transform(axis.transProjection.transform(np.column_stack(ternary.at(maps, ELEMENTS))))
    distances = np.hypot(*(frame[:, None] - places).transpose(2, 0, 1))
    assert distances.min(1) == pytest.approx(0, abs=1e-6)
    inside = [axis.patch.get_path().contains_points(places, radius=r).all() for r in (1e-6, -1e-6)]
    assert any(inside)  # the sign of the margin depends on the sense in which the frame is drawn


def test_ticks_are_the_round_numbers_within_the_limits():
    axis = ternary.window(axes(), MAPS, ELEMENTS, ticks=5)
    ticks = [side.get_ticklocs().tolist() for side in (axis.taxis, axis.laxis, axis.raxis)]
    assert ticks == [[0, 5, 10, 15, 20], [25, 30, 35, 40, 45, 50, 55], [45, 50, 55]]
    assert not ternary.window(axes(), MAPS, ELEMENTS, ticks=None).texts


def test_titles_keep_clear_of_the_labels_of_ticks():
    figure = DRAWN["ternary_maps"]()
    figure.draw_without_rendering()
    for axis in (axis for axis in figure.axes if axis.name == "ternary"):
        labels = [label for side in (axis.taxis, axis.laxis, axis.raxis) for label in side.get_majorticklabels()]
        tops = [label.get_window_extent().y1 for label in labels if label.get_text()]
        assert axis.get_title() and len(tops) > 10 and axis.title.get_window_extent().y0 > max(tops)


def test_half_way_along_a_line():
    middle = ternary._middle(np.array([[0, 0], [0, 2], [1, 2], [1, 2]]))
    assert middle == pytest.approx([0, 1.5])


def test_a_way_leads_from_its_start_to_its_end():
    axis = ternary.window(axes(), MAPS, ELEMENTS)
    tour.ways(axis, PATHS, ELEMENTS)
    assert len(axis.lines) == 3
    begun, ended = (np.asarray(collection.get_offsets()) for collection in axis.collections)
    for line, start, end in zip(axis.lines, begun, ended, strict=True):
        way = np.column_stack(line.get_data())
        assert len(way) == 4 and way[0] == pytest.approx(start) and way[-1] == pytest.approx(end)
    first = np.column_stack(ternary.at(PATHS[PATHS["step"] == 0], ELEMENTS))
    assert begun == pytest.approx(axis.transProjection.transform(first))


def test_the_strip_has_a_map_and_a_note_for_each_station():
    drawn = strip().axes
    assert [axis.texts[0].get_text() for axis in drawn] == list(tour.STATIONS)
    assert [axis.texts[-1].get_text() for axis in drawn] == list("abcdef")
    for axis, column in zip(drawn[1:], ("feature", "mean", "log_ei", "log_ei", "merit"), strict=True):
        assert np.asarray(axis.collections[0].get_array()) == pytest.approx(MAPS[column].to_numpy())


def test_every_experiment_is_drawn_on_the_map_and_over_its_number():
    figure = ten()
    (curves,) = [axis for axis in figure.axes if axis.get_xlabel() == "experiments"]
    (dots,) = [line for line in curves.lines if line.get_label() == "each experiment"]
    assert dots.get_xdata().tolist() == dots.get_ydata().tolist() == list(range(5))
    assert len(figure.axes[0].collections[-1].get_offsets()) == 4
