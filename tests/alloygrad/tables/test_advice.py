"""From a table to the next experiments, and files that are never overwritten."""

import copy
import dataclasses
import importlib.util

import numpy as np
import pandas as pd
import pytest

from alloygrad.campaigns.noisy import exchanged
from alloygrad.tables import advice
from alloygrad.tables import measurements as own
from compendium import DATA, ROOT

ELEMENTS = ("Ti", "Ni", "Cu", "Hf")
SPACE = own.declare(
    ELEMENTS,
    {"Ti": (20, 55), "Ni": (20, 55), "Cu": (0, 20), "Hf": (0, 20)},
    step=0.1,
    groups=[(["Ti", "Hf"], 0, 55), (["Ni", "Cu"], 0, 55)],
)
EXAMPLE = DATA / "examples" / "sma_noisy.csv"
QUICK = dict(generations=3, population=12)


def read(**options):
    return own.read(EXAMPLE, SPACE, unit="at.%", target="austenite_peak_C", process={"annealing_K": 1273}, **options)


@pytest.fixture(scope="module")
def asked():
    measured = read()
    campaign = advice.begin(measured, SPACE, rng=np.random.default_rng(0), **QUICK)
    return measured, campaign, advice.suggest(campaign, measured, q=3, rng=np.random.default_rng(1))


def test_the_table_says_what_was_asked_for(asked):
    measured, campaign, table = asked
    assert table.index.tolist() == [1, 2, 3]
    atomic = table[[f"{e} at.%" for e in ELEMENTS]].to_numpy()
    weight = table[[f"{e} wt.%" for e in ELEMENTS]].to_numpy()
    counts = SPACE.counts(atomic / 100)
    assert SPACE.contains(counts).all()
    assert [[f"{x:.10g}" for x in row] for row in atomic] == [
        [f"{n // 10}.{n % 10}".removesuffix(".0") for n in row] for row in counts.tolist()
    ]
    np.testing.assert_allclose(own.to_atomic(weight, ELEMENTS), atomic / 100, atol=2e-5)
    mean, std = campaign.predict(atomic / 100)
    np.testing.assert_allclose(table["predicted"], mean)
    np.testing.assert_allclose(table["std"], std)
    np.testing.assert_allclose(table["std_measurement"], np.sqrt(std**2 + campaign.noise_std() ** 2))
    assert table["log_ei"].is_monotonic_decreasing and (table["warning"] == "").all()
    for _, row in table.iterrows():
        own_row = np.flatnonzero(measured.rows == row["nearest_row"])[0]
        distances = [
            50 * abs(c - row[[f"{e} at.%" for e in ELEMENTS]].to_numpy(float) / 100).sum()
            for c in measured.compositions
        ]
        assert min(distances) == pytest.approx(row["distance"]) == distances[own_row]


def test_what_is_said_against_the_fit_stands_in_the_table_once(asked):
    measured, campaign, _ = asked
    doubted = copy.copy(campaign)
    doubted.surrogate = dataclasses.replace(campaign.fit(), diagnosis="stopped: ABNORMAL")
    table = advice.suggest(doubted, measured, q=3, rng=np.random.default_rng(1), apart=60)
    far = "No composition is 60 at.% from the earlier picks."
    assert table["warning"].tolist() == ["GP fit stopped: ABNORMAL.", far, far]


def test_smaller_is_better_when_asked():
    """The negated target, maximised, is the same campaign; predictions keep the unit and sign of the table."""
    one, other = read(), read(maximise=False)
    tables = []
    for measured in (one, other):
        rng = np.random.default_rng(0)
        campaign = advice.begin(measured, SPACE, rng=rng, **QUICK)
        tables.append(advice.suggest(campaign, measured, q=1, rng=rng))
        assert campaign.targets.tolist() == measured.merits.tolist()
        composition = tables[-1][[f"{e} at.%" for e in ELEMENTS]].to_numpy() / 100
        sign = 1 if measured.maximise else -1
        assert tables[-1]["predicted"].item() == pytest.approx(sign * campaign.predict(composition)[0].item())
        nearest = measured.targets[measured.rows == tables[-1]["nearest_row"].item()].item()
        assert abs(tables[-1]["predicted"].item() - nearest) < 60  # °C: not the merit of opposite sign
    assert tables[1]["predicted"].item() < np.median(one.targets) < tables[0]["predicted"].item()


@pytest.mark.parametrize("maximise", [True, False])
def test_what_is_told_later_is_in_the_tables_sense_and_counts_as_measured(maximise):
    measured = read(maximise=maximise)
    campaign = advice.begin(measured, SPACE, rng=np.random.default_rng(0), **QUICK)
    first = advice.suggest(campaign, measured, q=1, rng=np.random.default_rng(1))
    composition = first[[f"{e} at.%" for e in ELEMENTS]].to_numpy() / 100
    worst = measured.targets.min() if maximise else measured.targets.max()
    advice.tell(campaign, measured, composition, [worst], unit="fraction")
    assert campaign.targets[-1] == campaign.targets.min()  # a merit, and the worst
    again = advice.suggest(campaign, measured, q=3, rng=np.random.default_rng(2))
    told = exchanged(again[[f"{e} at.%" for e in ELEMENTS]].to_numpy() / 100, composition) * 100
    assert (again["distance"] <= told + 1e-9).all()
    nearer = told < first["distance"].item() / 2
    assert again.loc[nearer, "nearest_row"].isna().all() and again.loc[~nearer, "nearest_row"].notna().any()


@pytest.mark.parametrize("maximise", [True, False])
def test_acquisition_values_are_of_standardised_merits_whatever_the_table_says(maximise):
    """μ + 1.96 σ of the first row, whose prediction stands beside it in °C."""
    measured = read(maximise=maximise)
    campaign = advice.begin(measured, SPACE, rng=0, inputs="fractions", options={"acquisition": "ucb"})
    first = advice.suggest(campaign, measured, q=1, rng=1).iloc[0]
    centre, spread = measured.merits.mean(), measured.merits.std()
    merit = first["predicted"] if maximise else -first["predicted"]
    assert first["ucb"] == pytest.approx((merit - centre + 1.96 * first["std"]) / spread, rel=1e-6)


def test_the_same_alloy_told_in_each_unit_and_what_is_none_is_refused(asked):
    measured = asked[0]
    campaign = advice.begin(measured, SPACE, rng=np.random.default_rng(0), **QUICK)
    known, one = len(campaign.targets), measured.compositions[:1]
    for shares, unit in ((one, "fraction"), (100 * one, "at.%"), (100 * own.to_weight(one, ELEMENTS), "wt.%")):
        advice.tell(campaign, measured, shares, [1.0], unit=unit)
    assert campaign.compositions[known:] == pytest.approx(np.tile(one, (3, 1)), abs=1e-12)
    for shares, unit, said in (
        (one, "at.%", "sums to 1 in a table declared in at.%"),
        (100 * one, "fraction", "sums to 100 in a table declared in fraction"),
        (90 * one, "wt.%", "sums to 90"),
        (100 * one[:, :-1], "at.%", r"shape \(1, 3\); expected \(m, 4\)"),
        (one, "percent", "unit is 'percent'"),
        (np.full_like(one, np.nan), "fraction", "row 0"),
    ):
        with pytest.raises(ValueError, match=said):
            advice.tell(campaign, measured, shares, [1.0], unit=unit)
    assert len(campaign.targets) == known + 3


def test_a_table_read_for_another_order_of_elements_is_refused(asked):
    measured, campaign, _ = asked
    bounds = {e: (100 * low, 100 * high) for e, low, high in zip(ELEMENTS, SPACE.lower, SPACE.upper, strict=True)}
    other = own.declare(ELEMENTS[::-1], bounds, step=0.1)
    for ask in (
        lambda: advice.begin(measured, other, rng=np.random.default_rng(0), **QUICK),
        lambda: advice.suggest(campaign, dataclasses.replace(measured, elements=other.elements), q=1, rng=None),
        lambda: advice.tell(
            campaign, dataclasses.replace(measured, elements=other.elements), [[25.0] * 4], [1.0], unit="at.%"
        ),
    ):
        with pytest.raises(ValueError, match=r"read for .*, the space has .*: read the table with that space"):
            ask()


def test_suggestions_are_apart_by_at_percent(asked):
    measured, campaign, _ = asked
    table = advice.suggest(campaign, measured, q=3, rng=0, apart=7.5)
    fractions = table[[f"{e} at.%" for e in ELEMENTS]].to_numpy() / 100
    distances = 100 * exchanged(fractions[:, None], fractions[None])[np.triu_indices(3, 1)]
    assert distances.min() >= 7.5 - 1e-6 and (table["warning"] == "").all()


def test_a_seed_is_its_generator(asked):
    measured, _, table = asked
    campaign = advice.begin(measured, SPACE, rng=0, **QUICK)
    pd.testing.assert_frame_equal(advice.suggest(campaign, measured, q=3, rng=1), table)


def test_features_or_fractions():
    measured, rng = read(), np.random.default_rng(0)
    arguments = (ELEMENTS, measured.compositions, measured.merits)
    chosen = advice.choose(*arguments, rng=rng, n_features=2, **QUICK)
    assert len(chosen.names) == 2 and chosen(measured.compositions).shape == (len(measured.rows), 2)
    raw = advice.choose(*arguments, rng=rng, inputs="fractions")
    assert (
        raw.names == [f"fraction:{e}" for e in ELEMENTS]
        and raw(measured.compositions).tolist() == measured.compositions.tolist()
    )
    with pytest.raises(ValueError, match="inputs is 'both'; known are"):
        advice.choose(*arguments, rng=rng, inputs="both")


def test_features_of_many_rows_are_chosen_on_some(monkeypatch):
    measured, seen = read(), []
    monkeypatch.setattr(advice, "SELECTION_ROWS", 10)
    real = advice.genetic
    monkeypatch.setattr(advice, "genetic", lambda e, c, y, **k: seen.append((c, y)) or real(e, c, y, **k))
    advice.choose(ELEMENTS, measured.compositions, measured.merits, rng=np.random.default_rng(0), **QUICK)
    ((compositions, merits),) = seen
    rows = [np.flatnonzero((measured.compositions == c).all(1)) for c in compositions]
    assert len(merits) == 10 and all(y in measured.merits[row] for y, row in zip(merits, rows, strict=True))


def test_features_are_chosen_on_all_rows_where_those_drawn_have_one_composition(monkeypatch):
    monkeypatch.setattr(advice, "SELECTION_ROWS", 5)
    compositions = np.repeat([[0.5, 0.5, 0, 0], [0.4, 0.5, 0, 0.1]], [40, 1], axis=0)
    merits = np.random.default_rng(0).normal(size=41)
    assert len(advice.choose(ELEMENTS, compositions, merits, rng=np.random.default_rng(0), **QUICK).names) == 4
    with pytest.raises(ValueError, match=r"at least 31 features that vary .* of 30\."):
        advice.choose(ELEMENTS, compositions, merits, rng=np.random.default_rng(0), n_features=31, **QUICK)


def test_the_example_of_the_readme_runs():
    """And compares alloys of one anneal only."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Your own alloy")[2]
    ran = {}
    exec(text.partition("```python\n")[2].partition("```")[0], ran)
    assert ran["measured"].report["finding"].str.contains("held is 1273").any()
    assert len(ran["campaign"].targets) == len(ran["measured"].rows) + 1


def test_formula():
    assert advice.formula(ELEMENTS, [49.5, 50.5, 0, 0]) == "Ti49.5Ni50.5"
    space = own.declare(["Ti", "Ni"], {"Ti": (0, 100), "Ni": (0, 100)}, step=0.1)
    every = advice.at_percent(space, np.array([[n, 1000 - n] for n in range(1001)]))
    assert [advice.formula(["Ti"], row[:1]) for row in every[1:]] == [
        f"Ti{n // 10}" + (f".{n % 10}" if n % 10 else "") for n in range(1, 1001)
    ]


def test_nothing_is_overwritten(tmp_path, asked):
    table, path = asked[2], tmp_path / "new" / "suggestions.csv"
    written, line = advice.write_new(table, path)
    first = path.read_bytes()
    assert written == path and line == f"Written to {path}."
    read_back = pd.read_csv(path, index_col="suggestion")
    np.testing.assert_allclose(read_back["predicted"], table["predicted"], rtol=1e-9)
    assert read_back["Ti at.%"].tolist() == table["Ti at.%"].tolist()
    assert advice.write_new(table, path) == (path, f"{path} holds these suggestions already.")
    path.write_text("something of the user's\n")
    second, line = advice.write_new(table, path)
    assert second == tmp_path / "new" / "suggestions-2.csv" and second.read_bytes() == first
    assert path.read_text() == "something of the user's\n" and "kept as they are" in line
    third, _ = advice.write_new(table[:2], path)
    assert third.name == "suggestions-3.csv" and advice.write_new(table, path)[0] == second
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "suggestions-2.csv",
        "suggestions-3.csv",
        "suggestions.csv",
    ]


@pytest.mark.parametrize("name", ["s.xlsx", "s", "csv", "s.csv.txt"])
def test_another_kind_of_file_is_refused(tmp_path, name):
    """A spreadsheet program would call CSV in an .xlsx damaged."""
    with pytest.raises(ValueError, match=rf"The name is '{name}'; .*: let it end in \.csv"):
        advice.write_new(pd.DataFrame({"a": [1]}), tmp_path / name)
    assert not any(tmp_path.iterdir())
    assert advice.write_new(pd.DataFrame({"a": [1]}), tmp_path / "S.CSV")[0].is_file()


def test_a_tilde_is_the_users_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    path, _ = advice.write_new(pd.DataFrame({"a": [1]}), "~/new/s.csv")
    assert path == tmp_path / "home" / "new" / "s.csv" and path.is_file() and not (tmp_path / "~").exists()


def test_the_example_is_what_its_script_makes(tmp_path):
    """And none of its rows is in a published table: they are drawn here, and answered by our networks."""
    spec = importlib.util.spec_from_file_location("build", EXAMPLE.with_name("build_sma_noisy.py"))
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    build.table().to_csv(tmp_path / "again.csv", index=False)
    assert (tmp_path / "again.csv").read_bytes() == EXAMPLE.read_bytes()


def test_the_example_shows_each_kind_of_finding():
    space = dataclasses.replace(SPACE, step=0.005)
    target = {"enthalpy_J_per_g": 0.03, "austenite_peak_C": 0.01}
    report = own.read(EXAMPLE, space, unit="at.%", target=target, process={"annealing_K": 1273}).report
    assert report.loc[report["done"] == "set aside", "row"].tolist() == [10, 16, 19, 27, 38]
    assert report.loc[report["done"] != "set aside", "row"].tolist() == [0, 14, 32]


def test_exchanged():
    assert exchanged(np.array([0.5, 0.5, 0]), np.array([0.4, 0.4, 0.2])) == pytest.approx(0.2)
