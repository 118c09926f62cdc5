"""Synthetic images have the solution that they claim; columns of atoms are labelled as enumeration labels them."""

import warnings
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from alloygrad.inverse import information, recover
from alloygrad.inverse.simulators.multislice import Atom, Lens, Multislice
from compendium.inverse import columns, image_figures, images, race, reconstruction
from compendium.inverse.columns import FEWEST, MOST, Lattice, State
from compendium.inverse.reconstruction import Reconstruction

pytest.importorskip("gemmi")

SMALL = Lattice(3, 3)


@pytest.fixture(scope="module")
def twin():
    return race.case("hrtem_batio3", 0)


@pytest.fixture(scope="module")
def crystal():
    return columns.twin(0, SMALL)


@pytest.fixture(scope="module")
def search(crystal):
    return Reconstruction(SMALL, crystal.image, crystal.sigma)


# -- one cell of BaTiO3 ------------------------------------------------------------------------------------------------


def test_the_cell_holds_two_formula_units_and_its_columns_are_those_of_the_projection():
    atoms = images.titanate_atoms(0.1, images.B_ISO)
    names = [atom.element for atom in atoms]
    assert {name: names.count(name) for name in set(names)} == {"Ba": 2, "Ti": 2, "O": 6}
    titanium = [np.array(atom.xyz_A) for atom in atoms if atom.element == "Ti"]
    assert all(at[0] == pytest.approx(images.C_A / 2 + 0.1) for at in titanium)
    # Titanium is in the middle between barium columns: √2 a/2 away across, and at the height of the other's layer.
    side = images.SIDES_A[1]
    barium = {(round(at[1] / side, 6), round(at[2] / side, 6)) for at in (a.xyz_A for a in atoms if a.element == "Ba")}
    assert barium == {(0, 0), (0.5, 0.5)}
    assert {(round(at[1] / side, 6), round(at[2] / side, 6)) for at in titanium} == {(0, 0.5), (0.5, 0)}


def test_the_truth_explains_the_image_about_as_well_as_the_noise_allows(twin):
    fit = twin.problem.fit(twin.problem.run(twin.truth), "fine")
    assert twin.judge(twin.truth | fit.cheap, fit) == 0
    assert 0.85 < fit.misfit / len(twin.problem.measured) < 1.4


def test_the_image_is_found_and_another_thickness_fits_worse(twin):
    found = recover(twin.problem, budget=60, seed=0, progress=False)
    assert twin.judge(found.values, None) <= 1 and found.reduced < 1.2
    raw = twin.problem.run(found.values)
    misfits = [twin.problem.compare("fine", raw, {"thickness": float(n)}).misfit for n in range(3, 15)]
    assert 3 + int(np.argmin(misfits)) == twin.truth["thickness"]


def test_images_of_all_thicknesses_come_from_one_call(twin):
    raw = twin.problem.run(twin.truth)
    thin = images._grid(images.SHAPE, images.SLICES, images.ABSORPTION, 300.0)
    tilt = (twin.truth["tilt_x"], twin.truth["tilt_y"])
    beams = thin.beams(images.titanate_atoms(twin.truth["ti_shift"], images.B_ISO), 5, tilt_mrad=tilt)[-1]
    lens = Lens(
        twin.truth["C1"], (twin.truth["A1_x"], twin.truth["A1_y"]), image_spread_A=twin.truth["spread"], **images.LENS
    )
    assert raw[5 - images.THINNEST] == pytest.approx(thin.image(beams, lens), abs=1e-12)


def test_an_unknown_origin_hides_the_tilt_but_not_the_defocus(twin):
    free = images.problem(twin.problem.measured, placed=False)
    known, unknown = (information(each, twin.truth).table()["standard_error"] for each in (twin.problem, free))
    assert unknown["tilt_y"] > 3 * known["tilt_y"] and unknown["tilt_x"] > 3 * known["tilt_x"]
    assert unknown["C1"] < 1.5 * known["C1"]


def test_pixels_hold_the_mean_of_what_falls_on_them():
    grid = Multislice((4.0, 4.0), (40, 40), [1.0])
    x = np.arange(40)[:, None] / 40
    smooth = np.cos(2 * np.pi * 3 * x + 0.3) + np.zeros((1, 40))
    # The mean of a cosine over a pixel of width 1/20 of the period's cell.
    expected = np.sinc(3 / 20) * np.cos(2 * np.pi * 3 * x[::2] + 0.3)
    assert images.in_pixels(grid, smooth) == pytest.approx(expected + np.zeros((1, 20)))


def test_a_shifted_image_is_brought_back_to_parts_of_a_pixel(twin):
    image = twin.problem.run(twin.truth)[4]
    kx, ky = np.fft.fftfreq(40)[:, None], np.fft.fftfreq(56)[None]
    moved = np.fft.ifft2(np.fft.fft2(image) * np.exp(-2j * np.pi * (kx * 7.3 - ky * 12.6))).real
    assert np.abs(images.registered(moved, image) - image).max() < 0.02 * np.ptp(image)
    assert np.abs(images.registered(np.roll(image, (39, 3), (0, 1)), image) - image).max() < 1e-9


# -- an image of the reader's own --------------------------------------------------------------------------------------


def test_images_are_read_alike_from_all_formats_and_colours_are_refused(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    np.save(tmp_path / "a.npy", grey)
    for name in ("a.tif", "a.png"):
        Image.fromarray(grey).save(tmp_path / name)
    for name in ("a.npy", "a.tif", "a.png"):
        assert images.read(tmp_path / name).tolist() == grey.tolist()
    Image.fromarray(np.zeros((3, 4, 3), dtype=np.uint8)).save(tmp_path / "colour.png")
    with pytest.raises(ValueError, match=r"one grey image.*\(3, 4, 3\)"):
        images.read(tmp_path / "colour.png")


def test_a_picture_is_folded_to_its_cell_turned_or_not_and_a_small_one_is_refused():
    pixel, size = 0.1, 400
    rng = np.random.default_rng(0)

    def wave(x, y):
        return 1 + 0.3 * np.cos(2 * np.pi * x / images.SIDES_A[0]) + 0.2 * np.sin(2 * np.pi * y / images.SIDES_A[1])

    for degrees in (0.0, 7.0):
        turn = np.radians(degrees)
        down, across = pixel * np.indices((size, size))
        x, y = down * np.cos(turn) + across * np.sin(turn), across * np.cos(turn) - down * np.sin(turn)
        found = images.folded(wave(x, y) + 0.05 * rng.normal(size=(size, size)), pixel, degrees)
        at = np.indices(images.SHAPE) / np.reshape(images.SHAPE, (2, 1, 1)) * np.reshape(images.SIDES_A, (2, 1, 1))
        expected = wave(*at).ravel()
        pulls = (found.values / found.values.mean() - expected / expected.mean()) / found.sigma
        assert 0.8 < pulls.std() < 1.3
    with pytest.raises(ValueError, match="at least 4 pixels"):
        images.folded(np.ones((50, 50)), pixel)


# -- columns -----------------------------------------------------------------------------------------------------------


def test_columns_stand_where_gold_has_them():
    lattice = Lattice()
    at = lattice.places * columns.HALF_A
    gaps = np.sqrt(((at[:, None] - at) ** 2).sum(-1))[tuple(lattice.neighbours.T)]
    assert len(at) == 36 and np.unique(gaps.round(3)).tolist() == [2.497, 2.884]  # a √3/(2√2), a/√2
    for some in lattice.classes:
        apart = np.sqrt(((at[some][:, None] - at[some]) ** 2).sum(-1))
        assert apart[apart > 0].min() > 2 * reconstruction.REACH_A
    assert sorted(np.concatenate(lattice.classes)) == list(range(36))
    atoms = lattice.atoms(np.full(36, 3), np.zeros((36, 2)))
    xyz = np.array([atom.xyz_A for atom in atoms])
    distances = np.sqrt(((xyz[:, None] - xyz) ** 2).sum(-1))
    assert distances[distances > 0].min() == pytest.approx(columns.A_A / np.sqrt(2))


def test_the_surface_has_bounded_steps_and_the_twin_its_counts():
    lattice = Lattice()
    for seed in range(5):
        counts = columns.surface(lattice, np.random.default_rng(seed))
        assert counts.min() >= FEWEST and counts.max() <= MOST
        assert np.abs(np.diff(counts[lattice.neighbours], axis=1)).max() <= columns.STEP


def test_labels_are_those_of_enumeration_and_free_ones_the_cheapest():
    pairs = SMALL.neighbours
    kept = pairs[(pairs < 5).all(1)]
    for seed in range(5):
        costs = np.random.default_rng(seed).exponential(size=(5, 5))
        every = np.array(list(product(range(5), repeat=5)))
        for step in (1, 2):
            allowed = every[(np.abs(np.diff(every[:, kept], axis=2)) <= step).all((1, 2))]
            totals = costs[np.arange(5), allowed].sum(1)
            assert columns.label(costs, kept, step).tolist() == allowed[totals.argmin()].tolist()
        assert columns.label(costs, kept, None).tolist() == costs.argmin(1).tolist()


def test_the_slabs_of_the_library_are_crystals_of_that_count(search):
    """The beams behind n layers and vacuum are those of a slab that was computed with n atoms a column."""
    tilt, count = (2.0, -1.0), 4
    whole = Multislice(
        search.slab.sides_A, search.slab.shape, [columns.LAYER_A] * 2 * MOST, absorption=search.slab.absorption
    )
    middle = columns.HALF_A.tolist()
    atoms = [
        Atom("Au", (*at, (2 * k + odd) * columns.LAYER_A), columns.B_ISO)
        for odd, at in enumerate([(0.0, 0.0), middle])
        for k in range(count)
    ]
    expected = whole.beams(atoms, tilt_mrad=tilt)[0]
    assert search.slab_beams(tilt)[count - FEWEST] == pytest.approx(expected, abs=1e-10)


def test_columns_moved_together_have_the_slopes_of_columns_moved_alone(search, crystal):
    fit = search.fit(crystal.truth)
    slopes = search.slopes(fit, moving=True).T.reshape(-1, *crystal.image.shape)
    for number, axis in ((0, 0), (4, 1)):
        shifts = crystal.truth.shifts.copy()
        shifts[number, axis] += 1e-3
        alone = search.fit(State(crystal.truth.counts, shifts, crystal.truth.shared))
        expected = fit.state.factor * (alone.image - fit.image) / 1e-3 / crystal.sigma
        own = slopes[7 + 2 * number + axis]
        assert np.linalg.norm(own - expected) < 0.25 * np.linalg.norm(expected)  # what lies beyond the window


def test_wrong_columns_are_corrected_from_the_image(search, crystal):
    counts = crystal.truth.counts.copy()
    counts[[1, 7]] += np.where(counts[[1, 7]] < MOST, 1, -1)
    free = Reconstruction(SMALL, crystal.image, crystal.sigma, None)
    begun = free.fit(State(counts, crystal.truth.shifts, crystal.truth.shared))
    first = free.corrected(begun, False)
    assert first.misfit < begun.misfit
    # A neighbour may be changed in place of a wrong column; the next round sets it right.
    found = free.corrected(first, False)
    assert (found.state.counts == crystal.truth.counts).all()
    assert free.corrected(found, False) is found


@pytest.fixture
def kept(monkeypatch, tmp_path):
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path))
    monkeypatch.setattr(reconstruction, "RECORD", tmp_path / "record.csv")


def row(dose, constrained, seed):
    numbers = dict(
        exact=0.95, largest_error=1, library_exact=0.5, reduced=1.0, truth_reduced=1.1, passes=9, seconds=1.0
    )
    texts = dict(counts="2 3", true_counts="2 3", shared="{}", true_shared="{}", shift_error_A=0.1, code="1.0+a")
    return dict(dose=dose, constrained=constrained, seed=seed, **numbers, **texts, behaviour=reconstruction.BEHAVIOUR)


def test_a_run_is_kept_and_read_from_the_record(kept, monkeypatch):
    planned = [(20000.0, True, 2), (500.0, False, 1)]
    monkeypatch.setattr(reconstruction, "run", row)
    first = reconstruction.runs(planned)
    monkeypatch.setattr(reconstruction, "run", lambda *key: pytest.fail("computed again"))
    pd.testing.assert_frame_equal(reconstruction.runs(planned), first)
    assert len(reconstruction.runs([*planned, (1.0, True, 3)], compute=False)) == 3
    first.to_csv(reconstruction.RECORD, index=False)
    for path in reconstruction.folder().glob("*.json"):
        path.unlink()
    pd.testing.assert_frame_equal(reconstruction.runs(planned), first)


def test_the_summary_asks_for_every_column_within_one_and_nine_in_ten_exact():
    rows = [row(1.0, True, seed) for seed in range(3)]
    rows[0]["exact"], rows[1]["largest_error"] = 0.89, 2
    found = reconstruction.summary(pd.DataFrame(rows)).iloc[0]
    assert (found["seeds"], found["solved"], found["within one atom"]) == (3, 1, 2)


# -- figures -----------------------------------------------------------------------------------------------------------


def test_each_figure_draws_without_a_warning(twin, crystal):
    raw = twin.problem.run(twin.truth)[3]
    both = {"known": information(twin.problem, twin.truth), "unknown": information(twin.problem, twin.truth)}
    picture = images.picture(0)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = [
            image_figures.recovered(picture, raw, raw - raw.mean(), images.SIDES_A),
            image_figures.determined(both),
            image_figures.counted(SMALL, crystal.image, crystal.truth, crystal.truth),
            image_figures.arms(pd.DataFrame([row(2e4, True, 1), row(2e4, False, 1)])),
        ]
        for figure in drawn:
            figure.draw_without_rendering()
            assert round(float(figure.get_size_inches()[0]), 2) in {3.35, 6.9}
            plt.close(figure)
