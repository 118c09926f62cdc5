"""What laboratories ask for in a request: a list to choose from, prices, features within limits, bounds by weight."""

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

import alloygrad as ag
from alloygrad.features.mixing import mixing_enthalpy
from alloygrad.tables import command
from alloygrad.tables.candidates import read_candidates
from alloygrad.tables.reading import TableError
from alloygrad.tables.request import Request
from alloygrad.tables.shares import atomic_bounds, price_of, to_weight

ALLOYS = ag.CompositionSpace({"Al": (0, 40), "Co": (5, 40), "Cr": (5, 40), "Ni": (5, 60)}, step=5)


def written(folder, rows, **said):
    rows.to_csv(folder / "my.csv", index=False)
    said = dict(csv="my.csv", unit="at.%", target="HV", q=2, inputs="fractions") | said
    (folder / "my.yaml").write_text(yaml.safe_dump(said, sort_keys=False))
    return Request.load(folder / "my.yaml")


def measured(n=12, seed=0):
    points = ALLOYS.sample(n, np.random.default_rng(seed))
    rows = ALLOYS.table(points).rename(columns=lambda name: name.removesuffix(" at.%")).drop(columns="formula")
    return rows.assign(HV=100 + 5 * rows["Al"] + 2 * rows["Cr"])


@pytest.mark.parametrize("form", ["columns", "formulas", "names"])
def test_one_of_a_list_is_chosen_and_never_one_that_is_measured(tmp_path, form):
    """Measured alloys may be on the list or not; they are known by their composition, or by name."""
    listed = measured(30, seed=5).drop(columns="HV").drop_duplicates().reset_index(drop=True)
    listed.insert(0, "alloy", [f"A{i}" for i in listed.index])
    rows, more = pd.concat([listed.iloc[:8].assign(HV=lambda t: 100 + 5 * t["Al"] + 2 * t["Cr"])]), {}
    if form == "columns":
        rows = pd.concat([rows.drop(columns="alloy"), measured(4)])
    elif form == "formulas":
        text = lambda t: "".join(f"{e}{t[e]:g}" for e in ALLOYS.elements if t[e])  # noqa: E731
        listed, rows = (
            pd.DataFrame({"alloy": t.apply(text, axis=1)} | dict(t[[*("HV",)]] if "HV" in t else {}))
            for t in (listed, rows)
        )
        more = {"formula": "alloy"}
    else:
        rows = rows[["alloy", "HV"]]
    listed.to_csv(tmp_path / "drawer.csv", index=False)
    request = written(tmp_path, rows, candidates="drawer.csv", **more)
    found, _ = request.suggest(request.campaign("fractions"))
    assert found["alloy"].isin(listed["alloy"]).all() and not found["alloy"].isin(listed["alloy"][:8]).any()
    pool = read_candidates(tmp_path / "drawer.csv", unit="at.%", **more)
    assert pool.elements == tuple(pool.names) and set(pool.names) == set(ALLOYS.elements) and pool.label == "alloy"


def test_a_list_with_faults_is_refused_and_a_wrong_name_sets_its_row_aside(tmp_path):
    (tmp_path / "list.csv").write_text("alloy,Ni,Ti\nA1,50,50\nA1,51,49\nA3,51,x\n")
    with pytest.raises(
        TableError, match=r"row 4, column 'Ti'[\s\S]*the name 'A1' occurs twice|'A1' occurs twice[\s\S]*row 4"
    ):
        read_candidates(tmp_path / "list.csv", unit="at.%")
    with pytest.raises(ValueError, match="Expected the unit of the element columns"):
        read_candidates(tmp_path / "list.csv")
    pool = ag.Pool(pd.DataFrame({"gap": [1.0, 2, 3]}, index=pd.Index(["Si", "GaAs", "GaN"], name="crystal")))
    (tmp_path / "my.csv").write_text("crystal,mobility\nSi,1\nGaAs,8\nGaSa,3\n")
    with pytest.warns(UserWarning, match=r"row 4, column 'crystal': 'GaSa', no candidate of the pool"):
        table = ag.read_table(tmp_path / "my.csv", pool)
    assert table.of("mobility").coordinates.tolist() == [[1.0], [2.0]]
    assert "Is 'GaAs' meant?" in table.report("mobility")["remedy"].iloc[-1]


def test_a_price_is_shown_and_kept(tmp_path):
    prices = {"Al": 2.5, "Co": 30.0, "Cr": 9.0, "Ni": 16.0}
    limits = {name: [5, 60] for name in ALLOYS.elements}
    request = written(tmp_path, measured(), bounds=limits, step=5, prices=prices, max_price=12.0)
    space, grid = request.space(), ag.CompositionSpace({n: (5, 60) for n in ALLOYS.elements}, step=5)
    every = np.concatenate(list(grid.enumerate()))
    by_hand = (to_weight(grid.fractions(every), grid.elements) * list(prices.values())).sum(-1)
    np.testing.assert_allclose(price_of(grid.fractions(every), prices, grid.elements), by_hand)
    assert (space.contains(every) == (by_hand <= 12 + 1e-9)).all() and 0 < space.size < len(every)
    found, _ = request.suggest(request.campaign("fractions"))
    assert (found["price per kg"] <= 12).all() and not any(name.startswith("limit") for name in found)
    with pytest.raises(ValueError, match=r"Expected prices as .* of all of"):
        written(tmp_path, measured(), bounds=limits, max_price=12.0, prices={"Al": 1}).space()


@pytest.mark.parametrize("parameters", [{}, {"anneal_K": [700, 900]}])
def test_no_suggestion_is_further_from_the_table_than_asked(tmp_path, parameters):
    rows = measured(8).assign(**({"anneal_K": np.linspace(700, 900, 8)} if parameters else {}))
    more = dict(bounds={name: [0, 60] for name in ALLOYS.elements}, step=1, parameters=parameters, q=1)
    near, free = (written(tmp_path, rows, **more, **own) for own in ({"farthest": 3}, {}))
    made = rows[list(ALLOYS.elements)].to_numpy()

    def away(request):
        found, _ = request.suggest(request.campaign("fractions"))
        at = found[[f"{name} at.%" for name in ALLOYS.elements]].to_numpy()
        return (np.abs(at[:, None] - made[None]).sum(-1) / 2).min(1).max()

    assert away(near) <= 3 + 1e-9 and away(free) > 3
    with pytest.raises(ValueError, match="Expected `bounds` next to `farthest`"):
        written(tmp_path, rows, candidates="list.csv", farthest=3).space()


def test_the_gain_per_price_is_what_is_maximised(tmp_path):
    """By enumeration; what is told stays the gain itself."""
    prices = {"Al": 300.0, "Co": 30.0, "Cr": 1.0, "Ni": 16.0}
    bounds = {name: [0, 60] for name in ALLOYS.elements}
    asked = dict(bounds=bounds, step=5, prices=prices, q=1)
    request = written(tmp_path, measured(), per_price=True, **asked)
    campaign, grid = request.campaign("fractions"), ag.CompositionSpace({n: (0, 60) for n in ALLOYS.elements}, step=5)
    every = np.concatenate(list(grid.enumerate()))
    every = every[~(every[:, None] == campaign.points[None]).all(-1).any(1)]
    gain = campaign.acquire()(torch.from_numpy(grid.fractions(every))).detach().numpy()
    best = int(np.argmax(gain - np.log(price_of(grid.fractions(every), prices, grid.elements))))
    found, _ = request.suggest(campaign)
    assert grid.counts(grid.read(found)).tolist() == [every[best].tolist()]
    assert found["log_ei"].item() == pytest.approx(gain[best], abs=1e-6)
    other, _ = written(tmp_path, measured(), **asked).suggest(
        written(tmp_path, measured(), **asked).campaign("fractions")
    )
    assert other["log_ei"].item() > found["log_ei"].item() and (found["price per kg"] < other["price per kg"]).all()
    with pytest.raises(ValueError, match="Expected prices above 0"):
        written(tmp_path, measured(), per_price=True, **asked | {"prices": {**prices, "Al": 0}}).campaign("fractions")
    with pytest.raises(ValueError, match="Expected prices as"):
        written(tmp_path, measured(), per_price=True, **asked | {"prices": None}).campaign("fractions")


@pytest.mark.parametrize("objective", ["HV", [ag.Maximise("HV"), ag.Minimise("density")]])
def test_a_cost_that_is_the_same_everywhere_changes_nothing(objective):
    rows = measured().assign(density=lambda t: 8 - 0.05 * t["Al"])
    found = []
    for cost in (None, lambda points: torch.full(points.shape[:-1], 7.0, dtype=torch.float64)):
        campaign = ag.Campaign(ALLOYS, objective, inputs="fractions", cost=cost)
        campaign.tell(rows)
        found.append(campaign.suggest(2)["formula"].tolist())
    assert found[0] == found[1]
    with pytest.raises(ValueError, match="Expected a logarithmic acquisition next to `cost`"):
        ag.Campaign(ALLOYS, "HV", acquisition="ei", cost=lambda points: points[..., 0])
    with pytest.raises(TypeError, match="Expected cost as a function"):
        ag.Campaign(ALLOYS, "HV", cost=3.0)


def test_features_stay_within_limits(tmp_path):
    limits = [["mean:VEC", 6.5, None], ["mismatch:R", None, 0.06], ["mixing_enthalpy", -12, 4]]
    request = written(tmp_path, measured(), bounds={n: [5, 60] for n in ALLOYS.elements}, step=5, limits=limits)
    space, grid = request.space(), ag.CompositionSpace({n: (5, 60) for n in ALLOYS.elements}, step=5)
    every = np.concatenate(list(grid.enumerate()))
    features = ag.FeatureMap(grid.elements, ["mean:VEC", "mismatch:R"])(grid.fractions(every)).numpy()
    enthalpy = mixing_enthalpy(grid.elements)(grid.fractions(every))
    inside = (features[:, 0] >= 6.5) & (features[:, 1] <= 0.06) & (enthalpy >= -12) & (enthalpy <= 4)
    assert (space.contains(every) == inside).all()
    assert 0 < space.size < len(every)
    found, _ = request.suggest(request.campaign("fractions"))
    assert (found["mean:VEC"] >= 6.5).all() and (found["mismatch:R"] <= 0.06).all()
    assert (found["mixing_enthalpy"] >= -12).all()


def test_bounds_by_weight_hold_for_every_composition_of_the_grid(tmp_path):
    bounds = {"Fe": [70, 100], "C": [0, 2], "Mn": [0, 20]}
    request = written(tmp_path, measured(), bounds=bounds, bounds_unit="wt.%", step=1)
    space = request.space()
    wide = ag.CompositionSpace({name: (0, 100) for name in bounds}, step=1)
    every = np.concatenate(list(wide.enumerate()))
    weights = 100 * to_weight(wide.fractions(every), wide.elements)
    inside = np.all(
        [
            (weights[:, i] >= low - 1e-9) & (weights[:, i] <= high + 1e-9)
            for i, (low, high) in enumerate(bounds.values())
        ],
        0,
    )
    assert (space.contains(every) == inside).all() and space.size == inside.sum() > 20
    assert atomic_bounds(bounds, 1)["C"] == (0, 9) and list(space.table(every[inside][:1])) == list(
        wide.table(every[:1])
    )


def test_from_an_empty_table_over_weeks_to_a_weighing_sheet(tmp_path, capsys):
    """`start` writes what to make; filled in, it is the table of `suggest`, which shows rounds and grams."""
    more = dict(
        bounds={n: [5, 60] for n in ALLOYS.elements}, step=5, q=6, melt_grams=50, round="week", selection_generations=1
    )
    request = written(tmp_path, pd.DataFrame(columns=["HV"]), csv="my_start.csv", **more)
    assert command.main(["start", str(tmp_path / "my.yaml")]) == 0
    table = pd.read_csv(tmp_path / "my_start_start.csv", index_col=0)
    assert len(table) == 6 and table["HV"].isna().all() and "Fill in what you measure" in capsys.readouterr().out
    np.testing.assert_allclose(table[[f"{name} g" for name in ALLOYS.elements]].sum(axis=1), 50, atol=0.01)
    filled = table.assign(HV=100 + 5 * table["Al at.%"], week=[1, 1, 1, 1, 2, 10])
    filled.to_csv(tmp_path / "my_start.csv", index=False)
    assert len(request.read().of("HV").rows) == 6
    assert command.main(["suggest", str(tmp_path / "my.yaml")]) == 0
    shown = capsys.readouterr().out
    assert "HV, round by round:" in shown and "The next experiment is expected to gain" in shown
    sheet = pd.read_excel(tmp_path / "my_start_weighing.xlsx")
    assert len(sheet) == 6 and (sheet["total g"] - 50).abs().max() < 0.01 and "weighed Ni g" in sheet
