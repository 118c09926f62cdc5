"""The command and the request behind it: the same answer as Python, one message where something is wrong."""

import numpy as np
import pandas as pd
import pytest
import yaml

import alloygrad as ag
from alloygrad.tables import command, validation
from alloygrad.tables.request import Request
from alloygrad.tables.shares import to_weight

BOUNDS = {"Al": [80, 100], "Cu": [0, 10], "Mg": [0, 10]}
SPACE = ag.CompositionSpace({name: tuple(limits) for name, limits in BOUNDS.items()}, step=0.5)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    c = SPACE.sample(14, rng) / 2
    table = pd.DataFrame(c, columns=SPACE.elements).assign(HV=100 + 10 * c[:, 1] + 5 * c[:, 2], cost=10 + c[:, 1])
    table.to_csv(tmp_path / "my.csv", index=False)
    return tmp_path


def asked(folder, **more):
    said = dict(csv="my.csv", unit="at.%", bounds=BOUNDS, step=0.5, target="HV", q=2, selection_generations=2)
    said = {key: value for key, value in (said | more).items() if value != "leave out"}
    (folder / "my.yaml").write_text(yaml.safe_dump(said))
    return str(folder / "my.yaml")


def test_suggest_gives_what_five_lines_of_python_give(folder, capsys):
    assert command.main(["suggest", asked(folder, inputs="fractions")]) == 0
    shown = capsys.readouterr().out
    campaign = ag.Campaign(SPACE, ag.Maximise("HV"), inputs="fractions", seed=0)
    campaign.tell(ag.read_table(folder / "my.csv", SPACE, unit="at.%"))
    here = campaign.suggest(2)
    there = pd.read_csv(folder / "my_suggestions.csv", index_col=0)
    assert there["formula"].tolist() == here["formula"].tolist()
    assert "Inputs of the model: fractions (as asked)." in shown and "14 rows; used: 14 for HV" in shown
    assert "On rows it has not seen the model is" in shown and "Written to " in shown


def test_several_objectives_parameters_and_what_is_held(folder, capsys):
    table = pd.read_csv(folder / "my.csv").assign(T=lambda t: 700 + 10 * t.index, oven="A")
    table.to_csv(folder / "my.csv", index=False)
    wishes = [{"maximise": "HV"}, {"limit": "cost", "at_most": 18}]
    more = dict(parameters={"T": [700, 900, "K"]}, integers=["T"], process={"oven": "A"}, inputs="fractions")
    assert command.main(["suggest", asked(folder, objectives=wishes, target="leave out", **more)]) == 0
    found = pd.read_csv(folder / "my_suggestions.csv", index_col=0)
    assert {"HV predicted", "cost predicted", "feasible", "T", "Al wt.%"} <= set(found)
    space = Request.load(folder / "my.yaml").space()
    points = np.column_stack([2 * found[[f"{e} at.%" for e in SPACE.elements]], found["T"]])
    assert space.contains(points).all() and capsys.readouterr().err == ""


def test_check_reads_and_writes_nothing(folder, capsys):
    asked(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert command.main(["check", str(folder / "my.yaml")]) == command.main(["check", str(folder / "my.csv")]) == 0
    shown = capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert "write `objectives: [{minimise: cost}]` in place of `target`" in shown
    assert "Al: 14 numbers, 0 texts, 0 empty" in shown and "the rows sum to 100" in shown and "csv: my.csv" in shown


def test_rows_that_do_not_sum_to_the_total_give_no_bounds(folder, capsys):
    table = pd.read_csv(folder / "my.csv")
    sound = [f"{name}: [{table[name].min():.4g}, {table[name].max():.4g}]" for name in BOUNDS]
    table.loc[14], table.loc[15] = [0.9, 0.06, 0.04, 100, 10], [70, 20, 7, 100, 10]
    table.to_csv(folder / "my.csv", index=False)
    assert command.main(["check", str(folder / "my.csv")]) == 0
    shown = capsys.readouterr().out
    assert f"bounds: {{{', '.join(sound)}}}" in shown
    assert "# row 16 sums to 1, row 17 to 97: not used for the bounds" in shown


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"bounds": "leave out"}, "'bounds' is missing. Add it"),
        ({"xyz": "red"}, "got 'xyz'. Known are csv"),
        ({"targt": "HV"}, "got 'targt'. Is 'target' meant?"),
        ({"target": "leave out"}, "either `target` or `objectives`; got neither"),
        ({"target": "hv"}, "no column 'hv'; is 'HV' meant?"),
        ({"unit": "wt%"}, "one of ['at.%', 'wt.%', 'fraction']; got 'wt%'"),
        ({"target": "leave out", "objectives": [{"maximize": "HV"}]}, "Expected an objective such as {maximise"),
        ({"target": "leave out", "objectives": [{"target": "HV"}]}, "Expected an objective such as {target"),
        ({"csv": "other.csv"}, "there is no such file"),
        ({"bounds": {"Al": [0, 3], "Cu": [0, 3]}}, "or add the base element"),
        ({"elements": ["Al", "Cu", "Zn"]}, "got none for ['Zn']. Add them"),
        ({"q": 0}, "Expected q as a whole number"),
        (
            {"unit": "leave out"},
            "'wt.%', 'fraction']; got None. Write for example `unit: at.%`.",
        ),
        (
            {"bounds": ["Al", "Cu"]},
            "a mapping for the key 'bounds'; got ['Al', 'Cu']. Write for example `bounds: {Ti: [",
        ),
        ({"bounds": None}, "a mapping for the key 'bounds'; got nothing"),
        (
            {"bounds": {"Al": "80-100", "Cu": [0, 10]}},
            "my.yaml, bounds: Al: expected [least, most] in at.%; got '80-100'. Write Al: [80, 100].",
        ),
        (
            {"bounds": {"Al": [80], "Cu": [0, 10]}},
            "bounds: Al: expected [least, most] in at.%; got [80]. Write Al: [20",
        ),
        ({"weight_bounds": {"Cu": "0-2"}}, "my.yaml, weight_bounds: Cu: expected [least, most] in wt.%; got '0-2'. Wr"),
        ({"parameters": {"T": "700-900"}}, "got '700-900'. Write for example [700, 1100], without quotation marks"),
        ({"groups": ["Al"]}, "Expected a group as [elements, least, most] in at.%; got 'Al'. Write for example `gr"),
        ({"least": "x"}, "Write for example `least: 5`, or `least: {Al: 5}`."),
        ({"columns": {"HV": "hardness"}, "target": "hard"}, "my.csv: "),
        ({"inputs": "feature"}, "one of ['both', 'features', 'fractions']; got 'feature'. Is 'features' meant?"),
        (
            {"maximise": "maybe"},
            "true or false for the key 'maximise'; got 'maybe'. Write for example `maximise: true`",
        ),
        ({"maximise": None}, "true or false for the key 'maximise'; got nothing"),
        ({"elements": "Al"}, "a list for the key 'elements'; got 'Al'"),
        ({"csv": 3}, "a text for the key 'csv'; got 3. Write for example `csv: my.csv`"),
        ({"selection_generations": "x"}, "a number for the key 'selection_generations'; got 'x'"),
        ({"integers": ["T"]}, "Expected `parameters` next to `integers`"),
        ({"limits": [["mean:VEC", 5]]}, "limits as [[what, least, most], …]; got ['mean:VEC', 5]. Write for example"),
        ({"limits": [["mean:VEC", 50, 80]]}, "found: mean:VEC is 2."),
        ({"max_price": 1, "prices": {"Al": 2, "Cu": 9, "Mg": 3}}, "on the price, excludes all within the bounds"),
        ({"target": ["HV", "cost"]}, "got ['HV', 'cost']. Write `objectives: [{maximise: HV}, {maximise: cost}]`."),
        ({"objectives": [{"maximise": "cost"}]}, "either `target` or `objectives`; got both. Leave one out."),
        ({"n": 3}, "got 'n'. Is 'q' meant?"),
        ({"target": "minimise HV"}, "got 'minimise HV'. Write `objectives: [{minimise: HV}]` in its place."),
        ({"target": "-HV"}, "got '-HV'. Write `objectives: [{minimise: HV}]` in its place."),
        ({"target": "max HV"}, "got 'max HV'. Write `objectives: [{maximise: HV}]` in its place."),
        ({"target": {"minimize": "HV"}}, "Write `objectives: [{minimise: HV}]` in its place."),
        ({"goal": "HV"}, "got 'goal'. Is 'target' meant?"),
        ({"output": "my.csv"}, "Expected a folder to write to; got the file"),
    ],
)
def test_what_is_wrong_is_one_message(folder, capsys, more, what):
    assert command.main(["suggest", asked(folder, **{"inputs": "fractions"} | more)]) == 2
    said = capsys.readouterr().err
    assert what.replace("{folder}", str(folder)) in said and "Traceback" not in said


def test_what_is_no_request_is_refused(folder, capsys):
    (folder / "list.yaml").write_text("csv: [1\n")
    (folder / "empty.yaml").write_text("")
    for name, text in (
        ("list.yaml", "Expected YAML in list.yaml; got in line 2, column 1: expected ',' or ']'"),
        ("empty.yaml", "Expected `key: value` lines in empty.yaml; got an empty file. Start with `csv: my.csv`."),
        ("none.yaml", "none.yaml', which does not exist. Check the name, or write one."),
        ("my.csv", f"`alloygrad check {folder}/my.csv` prints a request to start from, for that table."),
    ):
        assert command.main(["suggest", str(folder / name)]) == 2
        assert text in capsys.readouterr().err


def test_inputs_are_chosen_by_held_out_errors():
    y = np.linspace(0, 1, 20)
    table = pd.DataFrame({"measured": y, "predicted": y + 0.1, "std": 0.1})
    better, same = table.assign(predicted=y + 0.01), table.assign(predicted=y + 0.1 - 1e-3 * (-1) ** np.arange(20))
    assert validation.best_of({"fractions": [table], "features": [better], "both": [same]}) == "features"
    assert validation.best_of({"fractions": [table], "features": [same], "both": [same]}) == "fractions"
    wide = pd.DataFrame({"measured": 1000 * y, "predicted": 1000 * y + 100, "std": 1.0})  # as far off, in its range
    assert validation.best_of({"fractions": [table, wide], "features": [better, wide]}) == "features"


def test_few_elements_and_bounds_by_weight(folder):
    request = Request.load(asked(folder, max_elements=2, least=2, weight_bounds={"Cu": [5, 12]}))
    space = request.space()
    shares = 100 * to_weight(space.fractions(space.sample(200, np.random.default_rng(0))), space.elements)
    assert ((shares > 0).sum(1) == 2).all() and shares[:, 1].min() >= 5 and shares[:, 1].max() <= 12
    every = np.concatenate(list(SPACE.enumerate()))
    weights = 100 * to_weight(SPACE.fractions(every), SPACE.elements)
    within = (weights[:, 1] >= 5) & (weights[:, 1] <= 12) & (every[:, 2] == 0) & (every[:, 1] >= 4)
    assert space.size == within.sum()
    with pytest.raises(ValueError, match=r"Expected bounds in wt\.% as"):
        Request.load(asked(folder, weight_bounds={"Zn": [0, 1]})).space()
    both = Request.load(asked(folder, max_elements=2, parameters={"T": [1, 2], "route": ["cast", "rolled"]})).space()
    drawn = both.sample(50, np.random.default_rng(0))
    assert both.contains(drawn).all() and ((drawn[:, :3] > 0).sum(axis=1) <= 2).all()
    assert set(both.table(drawn)["route"]) == {"cast", "rolled"}
