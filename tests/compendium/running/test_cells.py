"""Names that change with what they name and with nothing else, and the cells that are declared."""

from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd
import pytest
from toys import ELEMENTS, SETTINGS, TOY, changed

from alloygrad.features import elements
from alloygrad.maximisers import maximise
from compendium import store
from compendium.environments import alloys, trained, training
from compendium.feature_gradient import cells as declarations
from compendium.running import cells, compact, description
from compendium.running.cells import declared

# Identity


@pytest.fixture(autouse=True)
def no_cache():
    """Tests change what is cached for a process."""
    cells._fixed.cache_clear()
    yield
    cells._fixed.cache_clear()


@pytest.mark.parametrize(
    "cell, seed, name",
    [
        ("sma_n4_ascent", 0, "d98e1de5fd2c35ae"),
        ("sma_n6_ascent", 0, "794577a6d32629aa"),  # more than five elements
        ("sma_n4_slsqp_ei_starts10", 95, "e8fc0a35f5188a08"),
        ("sma_n4_slsqp_ei_formulas8", 0, "3d863a787d1ce5a7"),
        ("sma_n4_best_of_random_retrained", 0, "e7d162505f05cadc"),
        ("ti_n4_slsqp_ei_as_published", 0, "eff74d63e52a1071"),
        ("sma_n4_ascent_300K", 0, "397c7edcbb45c2a2"),
        ("hea_n4_fractions", 0, "97a3b9171f8f7004"),
        ("sma_n4_forest", 0, "7bfdac1826305d6d"),
        ("sma_n4_deep_kernel", 0, "5e259a675d5483b7"),
        ("sma_n4_ascent_physical", 0, "6a7973105b0aab13"),
        ("ti_n4_slsqp_ei_physical", 0, "d24bbd44374a0fa4"),
        ("hea_n4_enumeration_physical", 0, "2b5408cbdcb519dc"),
        ("sma_n4_slsqp_log_pi", 0, "f1ed921590758e92"),
        ("sma_n4_slsqp_log_ei_formulas8", 0, "867b45e233922e64"),
        ("hea_n10_slsqp_log_ei", 0, "e6032b424ddd98ff"),
        ("ti_n4_random_retrained", 0, "74e0fbfe6dd3cc48"),
    ],
)
def test_a_name_once_given_is_given_for_ever(cell, seed, name):
    """Whatever the code calls things: by these names trajectories were recorded."""
    assert declared()[cell].trajectory_name(seed) == name


@pytest.mark.parametrize("cell", [cell for cell in declared().values() if cell.planned], ids=lambda cell: cell.name)
def test_what_is_planned_is_recorded_under_its_name(cell):
    """So that reading a notebook again computes nothing."""
    tables = [pd.read_parquet(path, columns=["seed", "trajectory"]) for path in compact.files(cell) if path.exists()]
    rows = pd.concat(tables).drop_duplicates()
    names = dict(zip(rows["seed"], rows["trajectory"], strict=True))
    assert set(range(cell.planned)) <= set(names)
    for seed in (min(names), max(names)):
        assert names[seed] == cell.trajectory_name(seed)


def test_every_record_is_that_of_a_cell():
    files = [*store.RESULTS.glob("*.parquet"), *store.RESULTS.glob("compact/*.parquet")]
    assert {path.stem for path in files} <= set(declared())


SETTINGS_VARIED = {
    "maximiser": "slsqp",
    "acquisition": "ei",
    "formulas": ("mean", "mismatch"),
    "n_features": 3,
    "selection": "random",
    "n_initial": 7,
    "options": {"chunk": 5},
    "surrogate": "forest",
    "setting": "safe",
}


def test_the_name_changes_with_all_settings_but_the_number_of_experiments():
    assert SETTINGS_VARIED.keys() == vars(SETTINGS).keys() - {"n_experiments"}, "a new setting needs a case here"
    cells = [TOY, *(changed(**{field: value}) for field, value in SETTINGS_VARIED.items())]
    names = [cell.trajectory_name(seed) for cell in cells for seed in (0, 1)]
    assert len(set(names)) == len(names)
    assert changed(n_experiments=99).trajectory_name(0) == TOY.trajectory_name(0)
    assert replace(TOY, name="renamed").trajectory_name(0) == TOY.trajectory_name(0)


def test_the_name_changes_with_behaviour_and_used_elements(monkeypatch):
    name = TOY.trajectory_name(0)
    with monkeypatch.context() as patch:
        patch.setattr(description, "BEHAVIOUR", description.BEHAVIOUR + 1)
        assert TOY.trajectory_name(0) != name
    table = elements.load()

    def with_value(element, factor):
        other = table.copy()
        other.loc[element, "VEC"] *= factor
        monkeypatch.setattr(elements, "load", lambda *a: other)
        cells._fixed.cache_clear()
        return TOY.trajectory_name(0)

    assert with_value("Ni", 1.0) == name
    assert with_value("Nb", 1.5) == name  # not in this space
    for element in ELEMENTS:
        assert with_value(element, 1.0 + 1e-15) != name


def test_the_name_of_a_real_cell(monkeypatch):
    cell = declared()["sma_n3_enumeration"]
    names = {cell.trajectory_name(0), replace(cell, merit="300 degC").trajectory_name(0)}
    assert len(names) == 1  # the default by its name
    varied = [replace(cell, **field) for field in ({"merit": "300 K"}, {"step": 0.005}, {"n_elements": 4})]
    names |= {other.trajectory_name(0) for other in varied}
    for attribute, value in (
        ("process", {**alloys.SMA.process, "cold_rolling": 10.0}),
        ("bounds", {**alloys.SMA.bounds, "Ti": (0.20, 0.54)}),
        ("order", ("Ti", "Ni", "Hf", *alloys.SMA.order[3:])),
        ("groups", alloys.SMA.groups[:1]),
    ):
        monkeypatch.setitem(alloys.ALLOYS, "SMA", replace(alloys.SMA, **{attribute: value}))
        cells._fixed.cache_clear()
        names.add(cell.trajectory_name(0))
    monkeypatch.setitem(alloys.ALLOYS, "SMA", alloys.SMA)
    monkeypatch.setattr(trained, "digest", lambda folder: "trained again")  # while the process goes on
    names.add(cell.trajectory_name(0))
    assert len(names) == 1 + len(varied) + 5


def test_the_version_of_ascent_names_trajectories_of_many_elements_alone(monkeypatch):
    named = [declared()[name] for name in ("sma_n5_ascent", "sma_n6_slsqp_ei", "sma_n6_ascent", "sma_n10_ascent")]
    before = [cell.trajectory_name(0) for cell in named]
    monkeypatch.setattr(description, "ASCENT_BEHAVIOUR", description.ASCENT_BEHAVIOUR + 1)
    after = [cell.trajectory_name(0) for cell in named]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False, False]


# Declared


def test_declared_cells():
    arms = declarations.INNER_LOOPS | declarations.OTHER_ARMS
    for name, cell in declared().items():
        alloy, n, arm = name.split("_", 2)
        assert (cell.name, cell.alloy.lower(), f"n{cell.n_elements}") == (name, alloy, n)
        assert len(cell.space().elements) == cell.n_elements
        if arm in arms:  # of one comparison: the same landscape
            twin = declared()[f"{alloy}_{n}_slsqp_ei"]
            assert cell == replace(twin, name=name, settings=arms[arm], planned=cell.planned)
        else:
            assert cell.step == 0.001 or cell.networks or cell.merit
    across = [cell for name, cell in declared().items() if name.endswith("_ascent_fine")]
    assert {(cell.alloy, cell.n_elements) for cell in across} == set(declarations.WORKING_STEP)
    sizes = {name: declared()[f"{name}_enumeration"].space().size for name in ("sma_n4", "ti_n4", "hea_n5")}
    assert sizes == {"sma_n4": 4080501, "ti_n4": 533026, "hea_n5": 2574295}  # the paper's grid and the working ones


def test_cells_of_other_merits_differ_from_their_twins_in_the_merit_alone():
    for ending, merit in (("_physical", "physical"), ("_300K", "300 K")):
        others = {name: cell for name, cell in declared().items() if name.endswith(ending)}
        assert others
        for name, cell in others.items():
            twin = declared()[name.removesuffix(ending)]
            assert cell == replace(twin, name=name, merit=merit, planned=cell.planned)
            assert {key for key in cell.landscape() if cell.landscape()[key] != twin.landscape()[key]} == {"merit"}


def test_the_papers_loop_as_meant_is_run_in_every_ablation():
    """SLSQP, the paper's starts and the logarithm of what the published arm maximises; else the published arm."""
    pairs = {"slsqp_pi": "slsqp_log_pi", "slsqp_ei_formulas8": "slsqp_log_ei_formulas8"}
    pairs = {f"sma_n4_{raw}": f"sma_n4_{log}" for raw, log in pairs.items()}
    pairs |= {f"{alloy}_n{n}_slsqp_ei": f"{alloy}_n{n}_slsqp_log_ei" for alloy in ("sma", "hea") for n in (4, 6, 8, 10)}
    for raw, log in pairs.items():
        one, other = declared()[raw], declared()[log]
        settings = replace(one.settings, acquisition=f"log_{one.settings.acquisition}")
        assert other == replace(one, name=log, settings=settings, planned=other.planned)


def test_what_is_computed_further_is_declared_and_more_than_planned():
    for pattern, n in declarations.FURTHER:
        cells = [cell for cell in declared().values() if fnmatchcase(cell.name, pattern)]
        assert cells and n <= declarations.FULL
    for name, cell in declared().items():
        assert cell.planned or any(fnmatchcase(name, pattern) for pattern, _ in declarations.FURTHER), name


def test_cells_are_declared_up_to_ten_elements_or_those_of_the_alloy(monkeypatch):
    short = replace(alloys.HEA, name="short", order=alloys.HEA.order[:6])  # of which there is no second training
    monkeypatch.setitem(alloys.ALLOYS, "short", short)
    numbers = {(cell.alloy, cell.n_elements) for cell in declarations.declare()}
    most = {"SMA": 10, "Ti": 10, "HEA": 10, "short": 6}
    assert numbers == {(alloy, n) for alloy, last in most.items() for n in range(3, last + 1)}


def test_cells_of_other_trainings_differ_from_their_twins_in_the_landscape_alone():
    others = {name: cell for name, cell in declared().items() if cell.networks}
    assert {cell.networks for cell in others.values()} == set(training.OTHERS)
    for name, cell in others.items():
        ending = cell.networks.removeprefix(cell.alloy)
        assert name.endswith(ending) and training.OTHERS[cell.networks][0].name == cell.alloy
        twin, merit = declared()[name.removesuffix(ending)], "code" if ending == "_as_published" else None
        assert cell == replace(twin, name=name, merit=merit, networks=cell.networks, planned=cell.planned)
        one, other = cell.landscape(), twin.landscape()
        assert {key for key in one if one[key] != other[key]} == {"environment"} | ({"merit"} if merit else set())
        assert cell.trajectory_name(0) != twin.trajectory_name(0)
        assert cell.environment().merit_name == one["merit"]


def test_the_starts_of_the_ablations_are_those_asked_for():
    space = alloys.SMA.space(4, 0.01)
    for name, cell in declared().items():
        if "_starts" in name:
            screen = {"screen": 500} if cell.settings.maximiser == "ascent" else {}
            found = maximise(
                lambda c: -((c - 0.25) ** 2).sum(-1),
                space,
                cell.settings.maximiser,
                rng=np.random.default_rng(0),
                options={**cell.settings.options, **screen},
            )
            assert found.starts == int(name.split("_starts")[1])
