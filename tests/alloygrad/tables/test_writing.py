"""Suggestions with weights, the example table, and files that are never overwritten."""

import importlib.util

import numpy as np
import pandas as pd
import pytest

from alloygrad import Campaign, CompositionSpace, Maximise, read_table
from alloygrad.tables.measurements import to_atomic
from alloygrad.tables.writing import with_grams, with_weights, write_new
from compendium import DATA

LIMITS = {"Ti": (20, 55), "Ni": (20, 55), "Cu": (0, 20), "Hf": (0, 20)}
SPACE = CompositionSpace(LIMITS, step=0.1, groups=[(["Ti", "Hf"], 0, 55), (["Ni", "Cu"], 0, 55)])
EXAMPLE = DATA / "examples" / "sma_noisy.csv"


@pytest.fixture(scope="module")
def campaign():
    begun = Campaign(SPACE, Maximise("austenite_peak_C"), seed=0, generations=3, population=12)
    begun.tell(read_table(EXAMPLE, SPACE, unit="at.%", process={"annealing_K": 1273}))
    return begun


@pytest.fixture(scope="module")
def suggested(campaign):
    return campaign.suggest(3)


def test_a_suggestion_says_what_was_asked_for(campaign, suggested):
    assert suggested.index.tolist() == [1, 2, 3]
    c = SPACE.read(suggested)
    counts = SPACE.counts(c)
    assert SPACE.contains(counts).all()
    shares = suggested[[f"{e} at.%" for e in SPACE.names]].to_numpy()
    assert [[f"{x:.10g}" for x in row] for row in shares] == [
        [f"{n // 10}.{n % 10}".removesuffix(".0") for n in row] for row in counts.tolist()
    ]
    mean, std = campaign.posterior(c)
    np.testing.assert_allclose(suggested["predicted"], mean)
    np.testing.assert_allclose(suggested["std"], std)
    np.testing.assert_allclose(suggested["std_measurement"], np.sqrt(std**2 + campaign.noise_std**2))
    assert suggested["log_ei"].is_monotonic_decreasing
    for (_, row), alloy in zip(suggested.iterrows(), c, strict=True):
        apart = 50 * np.abs(campaign.coordinates - alloy).sum(1)
        assert row["distance"] == pytest.approx(apart.min())
        assert apart[campaign.rows.index(row["nearest_row"])] == pytest.approx(apart.min())


def test_what_was_added_since_has_no_row_in_the_table(campaign):
    later = campaign.subset(np.arange(len(campaign.values)))
    first = later.suggest()
    later.tell(first, [campaign.values.min()])
    again = later.suggest(3)
    told = 100 * SPACE.distance(SPACE.read(again), SPACE.read(first))
    assert (again["distance"] <= told + 1e-9).all()
    assert again.loc[np.isclose(again["distance"], told), "nearest_row"].isna().all()


def test_warnings_of_the_fit_stand_with_the_first_suggestion_alone(campaign):
    far = campaign.suggest(2, min_distance=60)["warning"].tolist()
    assert far[1] == "No point is 60 % away from what is under way or suggested."
    assert far[0] == " ".join([far[1], *campaign.warnings])  # a row of the table waits for its outcome


def test_weights_are_of_the_same_alloys(suggested):
    both = with_weights(suggested, SPACE)
    weights = both[[f"{e} wt.%" for e in SPACE.names]].to_numpy()
    np.testing.assert_allclose(to_atomic(weights, SPACE.names), SPACE.read(suggested), atol=2e-5)
    assert list(both.columns)[:5] == ["formula", *(f"{e} at.%" for e in SPACE.names)]


def test_nothing_is_overwritten(tmp_path, suggested, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "new" / "suggestions.csv"
    written, line = write_new(suggested, path)
    first = path.read_bytes()
    assert written == path and line == "Written to new/suggestions.csv."
    read_back = pd.read_csv(path, index_col="suggestion")
    np.testing.assert_allclose(read_back["predicted"], suggested["predicted"], rtol=1e-9)
    assert write_new(suggested, path) == (path, "new/suggestions.csv holds these suggestions already.")
    path.write_text("something of the user's\n")
    second, line = write_new(suggested, path)
    assert second == tmp_path / "new" / "suggestions-2.csv" and second.read_bytes() == first
    assert path.read_text() == "something of the user's\n" and "kept as they are" in line
    third, _ = write_new(suggested[:2], path)
    assert third.name == "suggestions-3.csv" and write_new(suggested, path)[0] == second
    assert sorted(p.name for p in path.parent.iterdir()) == ["suggestions-2.csv", "suggestions-3.csv", path.name]


@pytest.mark.parametrize("name", ["s.xlsx", "s", "csv", "s.csv.txt"])
def test_another_kind_of_file_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"\.csv"):
        write_new(pd.DataFrame({"a": [1]}), tmp_path / name)
    assert not any(tmp_path.iterdir())


def test_the_example_is_what_its_script_makes(tmp_path):
    """And none of its rows is in a published table: they are drawn here, and answered by our networks."""
    spec = importlib.util.spec_from_file_location("build", EXAMPLE.with_name("build_sma_noisy.py"))
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    build.table().to_csv(tmp_path / "again.csv", index=False)
    assert (tmp_path / "again.csv").read_bytes() == EXAMPLE.read_bytes()


def test_the_example_shows_each_kind_of_finding():
    space = CompositionSpace(LIMITS, step=0.5, groups=[(["Ti", "Hf"], 0, 55), (["Ni", "Cu"], 0, 55)])
    table = read_table(EXAMPLE, space, unit="at.%", process={"annealing_K": 1273})
    report = table.report(Maximise({"enthalpy_J_per_g": 0.03, "austenite_peak_C": 0.01}))
    assert report.loc[report["done"] == "set aside", "row"].tolist() == [10, 16, 19, 27, 38]
    assert report.loc[report["done"] != "set aside", "row"].tolist() == [0, 14, 32]


def test_grams_of_a_melt_add_up_and_are_its_shares_by_weight():
    """By hand: 100 g of Ti50Ni50 (at.%) hold 47.867/(47.867 + 58.6934) of titanium."""
    space = CompositionSpace({"Ti": (40, 60), "Ni": (40, 60)}, step=5)
    table = with_grams(space.table(np.array([[10, 10], [8, 12]])), space, 100)
    assert table["Ti g"].iloc[0] == pytest.approx(100 * 47.867 / (47.867 + 58.6934), abs=1e-3)
    assert (table["Ti g"] + table["Ni g"]).tolist() == pytest.approx([100, 100], abs=2e-3)
    for wrong in (0, -1, "50", None):
        with pytest.raises(ValueError, match="Expected the mass of a melt in grams"):
            with_grams(table, space, wrong)
