"""Mistakes at every public entry: the error says what was expected, what came, and what to do, and nothing is lost."""

import copy
import pickle
from inspect import signature

import numpy as np
import pandas as pd
import pytest
import torch

import alloygrad as ag
from alloygrad.acquisition.analytic import ucb
from alloygrad.campaigns.replay import replay
from alloygrad.campaigns.trajectory import Settings, trajectory
from alloygrad.features.elements import available, matrix
from alloygrad.features.feature_map import parse_feature, raw_fractions
from alloygrad.objectives import hypervolume, learn_weights
from alloygrad.spaces import starting_design
from alloygrad.tables.measurements import to_atomic

ALLOYS = ag.CompositionSpace({"Ti": (20, 80), "Ni": (20, 80), "Cu": (0, 20)}, step=1)
TYPO = ag.CompositionSpace({"Tii": (20, 80), "Ni": (20, 80)}, step=1)
HAFNIUM = ag.CompositionSpace({"Ti": (20, 60), "Ni": (20, 60), "Hf": (0, 20)}, step=1)
OVEN = ag.Box({"T": (300, 900, "K"), "passes": (1, 5)}, integers=["passes"])
MADE = ag.Product(ALLOYS, ag.Box({"T": (300, 900, "K")}))
ROUTED = ag.Box({"T": (300, 900, "K"), "route": ["cast", "rolled"]})
BINARY = ag.Restricted(ALLOYS, max_elements=2)
RICH = ag.Restricted(ALLOYS, least={"Cu": 5})
LEAN = ag.Restricted(ALLOYS, limits=[({"Ti": 1}, None, 0.5)])
NEAR = ag.Restricted(ALLOYS, near=([[0.5, 0.5, 0]], 10))
TABLE = pd.DataFrame({"gap": [1.0, 2, 3, 4], "mass": [3.0, 1, 2, 5]}, index=list("ABCD"))
POOL = ag.Pool(TABLE)
POOL_ROWS = [[0], [1], [2], [3]]
LINES = ag.Box({"n": (1, 5)})
FINE = ag.CompositionSpace({"Ti": (20, 80), "Ni": (20, 80), "Cu": (0, 20)}, step=0.5)
OTHERS = ag.CompositionSpace({"Fe": (20, 80), "Ni": (20, 80), "Cu": (0, 20)}, step=1)
POINTS = ALLOYS.sample(8, np.random.default_rng(0))
FRACTIONS = ALLOYS.fractions(POINTS)
FEATURES = ag.FeatureMap(ALLOYS.elements, ["mean:VEC"])
VALUES = np.arange(8.0)


def told(space=ALLOYS, **options) -> ag.Campaign:
    campaign = ag.Campaign(space, "y", **({"inputs": "fractions"} | options))
    points = space.sample(8, np.random.default_rng(0)) if space is not ALLOYS else POINTS
    campaign.tell(points, VALUES)
    return campaign


def new(**options) -> ag.Campaign:
    return ag.Campaign(ALLOYS, "y", **options)


def begun(n: int) -> ag.Campaign:
    campaign = new()
    campaign.tell(POINTS[:n], np.ones(n))
    return campaign


def alike() -> ag.Campaign:
    campaign = new()
    campaign.tell(POINTS[[0, 0, 0]], VALUES[:3])
    return campaign


def several() -> ag.Campaign:
    return ag.Campaign(ALLOYS, ["y", "z"])


def search(acquire=lambda points: points[..., 0], space=ALLOYS, method=None, **options):
    return ag.maximise(acquire, space, method, **({"rng": np.random.default_rng(0)} | options))


def fit(features=FEATURES, points=FRACTIONS, targets=VALUES, **options):
    return ag.fit_gp(features, points, targets, **options)


def pool(index=None, **columns) -> ag.Pool:
    options = {name: columns.pop(name) for name in ("features", "elements") if name in columns}
    return ag.Pool(pd.DataFrame(columns, index=index), **options)


def named(candidate: str) -> pd.DataFrame:
    return pd.DataFrame({"candidate": [candidate], "y": [1.0]})


def misspelt(name: str) -> ag.Campaign:
    return ag.Campaign(ag.CompositionSpace({name: (20, 80), "Mo": (20, 80)}, step=1), "y")


def labelled(**columns) -> pd.DataFrame:
    return pd.DataFrame({"Ti": [50, 50], "Ni": [45, 45], "Cu": [5, 5], "y": [1, 2]} | columns, index=["A", "B"])


def kept(campaign: ag.Campaign, data, outcomes=None, **more) -> None:
    """Tell what is refused; the campaign must have lost nothing."""
    try:
        campaign.tell(data, outcomes, **more)
    finally:
        assert len(campaign.points) == len(campaign.coordinates) == len(campaign.values) == len(campaign.rows) == 8


UNKNOWN = [
    (lambda: ag.Campaign(TYPO, "y"), "'Tii' is no element symbol. Is 'Ti' meant?"),
    (lambda: ag.Campaign(ag.CompositionSpace({"Tc": (0, 100), "Ni": (0, 100)}), "y"), "Of Tc no properties"),
    (lambda: misspelt("Nl"), "'Nl' is no element symbol. Is 'Ni' meant?"),
    (lambda: misspelt("ti"), "'ti' is no element symbol. Is 'Ti' meant?"),
    (lambda: misspelt("TI"), "'TI' is no element symbol. Is 'Ti' meant?"),
    (lambda: ag.FeatureMap(("Tii", "Ni"), ["mean:VEC"]), "'Tii' is no element symbol"),
    (lambda: ag.FeatureMap(("Ti", "Ni"), ["mean:VECC"]), "'VECC'. Is 'VEC' meant? PROPERTIES"),
    (lambda: ag.FeatureMap(("Ti", "Ni"), ["mean:Radius"]), "'Radius'. Is 'R' (metallic radius, pm) 'RPS' PROPERTIES"),
    (lambda: ag.FeatureMap(("Ti", "Ni"), ["meen:VEC"]), "'meen:VEC' Is 'mean' meant?"),
    (lambda: available(["Tii"]), "'Tii' is no element symbol"),
    (lambda: to_atomic([[1, 2]], ["Xx", "Ti"]), "'Xx' is no element symbol"),
    (lambda: new(maximizer="ascent"), "'maximizer' Is 'maximiser' meant?"),
    (lambda: new(nfeatures=3), "'nfeatures' Is 'n_features' meant?"),
    (lambda: new(rng=3), "'rng'. Is 'seed' meant? It takes space, objective, choice of features also formulas"),
    (
        lambda: search(options={"n_starts": 20}),
        "maximiser 'ascent' 'n_starts'. The nearest names, with defaults, are least_starts=None, "
        "starts_per_element=None All are starts_per_element, screen, certificate",
    ),
    (lambda: new(inputs=["mean:VEC"]), "['mean:VEC'] inputs=ag.FeatureMap(space.elements, ['mean:VEC'])"),
    (lambda: ag.Maximise("a").value({"A": 1.0}), "'a' among A. Is 'A' meant?"),
    (lambda: kept(told(), labelled().drop(columns="y")), "'y' among Cu. Add a column 'y' with what you measured."),
    (lambda: kept(told(), told().suggest(q=2).reset_index()), "warning. Add a column 'y' with what you measured."),
    (lambda: kept(told(OVEN), pd.DataFrame({"T": [400], "passes": [1]})), "passes. Add a column 'y'"),
    (lambda: kept(told(), labelled(z=1).drop(columns="y")), "z. Rename the column, as in ag.Maximise('z')."),
    (
        lambda: kept(told(POOL), pd.DataFrame({"candidate": ["b"], "y": [1]})),
        "'b' in row 0. Is 'B' meant?",
    ),
]

NUMBERS = [
    (lambda: told().suggest(min_distance="2"), "min_distance = '2'"),
    (lambda: told().suggest(min_distance=True), "min_distance = True"),
    (lambda: told().suggest(q="4"), "q = '4'"),
    (lambda: new(seed="a"), "seed = 'a'"),
    (lambda: new(n_features="3"), "n_features = '3'"),
    (lambda: new(crossover="a"), "crossover = 'a'"),
    (lambda: new(mutation=-1), "mutation = -1"),
    (lambda: new(patience="a"), "patience = 'a'"),
    (lambda: new(formulas="mean"), "'mean' For example"),
    (lambda: told().subset([0, 1], seed="a"), "seed = 'a'"),
    (lambda: next(trajectory(Settings(), ALLOYS, lambda c: 1.0, "a")), "seed = 'a'"),
    (lambda: ALLOYS.sample("a", np.random.default_rng(0)), "n = 'a'"),
    (lambda: OVEN.sample(-1, np.random.default_rng(0)), "n = -1"),
    (lambda: ag.log_ei(told().model, None), "best = None"),
    (lambda: ag.log_ei(told().model, [1, 2]), "best = [1, 2]"),
    (lambda: ucb(told().model, kappa="a"), "kappa = 'a'"),
    (lambda: fit(noise="a"), "'a' None to learn it"),
    (lambda: fit(noise=float("inf")), "inf None to learn it"),
    (lambda: fit(targets=["a"] * 8), "'targets' 'a' in row 0"),
    (lambda: fit(points=[["a"] * 3] * 8), "'points' 'a' in row 0"),
    (lambda: FEATURES("a"), "'coordinates' 'a'"),
    (lambda: told().posterior("a"), "'coordinates' 'a'"),
    (lambda: ALLOYS.counts(["a", "b", "c"]), "'fractions' 'a' in row 0"),
    (lambda: OVEN.contains([["a", 1]]), "'points' 'a' in row 0"),
    (lambda: kept(told(OVEN), [["a", 1]], [1]), "'points' 'a' in row 0"),
    (lambda: kept(told(OVEN), [[400, 1], [300]], [1, 2]), "'points' rows of 2, 1 numbers"),
    (lambda: kept(told(POOL), [["A"]], [1]), "'points' 'A' in row 0"),
    (lambda: kept(told(POOL), ["A", "B"], [1, 2]), "'A' in row 0 a DataFrame with the column 'candidate'"),
    (
        lambda: kept(told(OVEN), pd.DataFrame({"T": ["400,5"], "passes": [1]}), [1]),
        "'400,5' (with a comma 'T' in row 0",
    ),
    (lambda: kept(told(OVEN), [[400, 1]], ["210,1"]), "'y' '210,1' (with a comma in row 0"),
    (
        lambda: kept(told(), pd.DataFrame({"Ti": [50], "Ni": ["49,5"], "Cu": [0]}), [1]),
        "'Ni' row 0 '49,5' (with a comma",
    ),
    (lambda: kept(told(OVEN), [[400, 1]], ["1,100"]), "'1,100' decimal point, or between the thousands) in row 0"),
    (lambda: told(ag.Box({"x": (0, 1)})).posterior(0.5), "coordinates (..., 1); got one number. Write [[0.5]]."),
    (lambda: told(OVEN).model.posterior(0.5), "coordinates (..., 2); got one number. Give 2 numbers"),
    (lambda: ALLOYS.violations([70, 20, 10]), "at most 1; got Ti = 70. Divide percentages by 100."),
    (lambda: kept(told(), labelled(), "y"), "outcomes as numbers; the text 'y' The column 'y' leave outcomes out."),
    (lambda: kept(told(), labelled(y=[1, np.nan])), "nan for 'y' in row 1 ('B'). Leave"),
    (lambda: kept(told(), labelled(Ni=[45, np.nan])), "an empty cell. 'Ni' in row 1 ('B'); Correct"),
    (lambda: kept(told(), labelled(Ni=[45, 48])), "row 1 ('B') (sum 103). Correct"),
    (lambda: told().model.posterior([[50, 30, 20]]), "[50.0, 30.0, 20.0] (sum 100). Divide percentages by 100"),
    (lambda: FEATURES([[0.5, 0.3, 0.1]]), "(sum 0.9). Correct the row, or divide it by its sum."),
    (lambda: FEATURES([[0.5, 0.6, -0.1]]), "≥ 0 -0.1] Correct"),
    (lambda: FEATURES([[0.5, 0.5, np.nan]]), "nan] Correct the row"),
    (lambda: FEATURES(POINTS), "row 0 Divide percentages by 100"),
    (lambda: ALLOYS.snap([50, 30, 20]), "[50.0, 30.0, 20.0] (sum 100). Divide percentages by 100"),
    (lambda: ag.FeatureMap(("Ti",), ["mean:A"], pd.DataFrame({"A": ["1,0"]}, index=["Ti"])), "'1,0' A of Ti. decimal"),
    (lambda: OVEN.read(pd.DataFrame({"T": [np.nan], "passes": [1]})), "'T' in row 0; got an empty cell."),
    (lambda: pool(gap=[1, np.nan]), "'gap' of candidate 1 is an empty cell."),
    (lambda: told(OVEN).predict([[400, 1], [np.nan, 1]]), "finite 'T' in row 1 is nan."),
    (lambda: ALLOYS.counts([[0.5, 0.5, 0], [49, 51, 0]]), "at most 1 Ti = 49. Divide percentages by 100"),
    (lambda: search(space=OVEN, exclude=[["a", 1]]), "'exclude' 'a' in row 0"),
    (lambda: replay(["Ti", "Ni"], [["a", 1]], [1]), "'compositions' 'a' in row 0"),
    (lambda: ag.Maximise("a").value({"a": ["x"]}), "'a' 'x' in row 0"),
    (lambda: ag.CompositionSpace.from_fractions(("A", "B"), ("a", 0), (1, 1)), "'lower' 'a' in row 0"),
    (lambda: ag.CompositionSpace.from_fractions(("A", "B"), (0, 0), (1, 1), "a"), "'a' step=0.001"),
]

SHAPES = [
    (lambda: told(OVEN).suggest(pending=[[400]]), "`pending` shape (m, 2)"),
    (
        lambda: told(OVEN).suggest(pending=pd.DataFrame({"t": [400]})),
        "`pending` ['T', 'passes'] among ['t'] Is 't' meant? Rename it to 'T'. Add a column 'passes'.",
    ),
    (lambda: LINES.read(pd.DataFrame({"N": [1], "Ni": [50]})), "lacks ['n'] Add a column 'n'."),
    (lambda: told(OVEN).suggest(pending=[[400, 9]]), "`pending` in row 0, passes = 9 lies outside 1 … 5."),
    (lambda: told(OVEN).suggest(pending="x"), "`pending` 'x'"),
    (lambda: kept(told(OVEN), pd.DataFrame({"T": [], "passes": [], "y": []})), "at least one measurement without rows"),
    (lambda: told().subset([0, 99]), "from 0 to 7 row 99"),
    (lambda: told().subset(np.array([True, False])), "8 values True or False shape (2,)"),
    (lambda: told().subset([0.5]), "from 0 to 7 [0.5]"),
    (lambda: told().subset(None), "from 0 to 7 None"),
    (lambda: search(lambda points: points), "one value for each point shape (n, 3) Compute with torch"),
    (lambda: search(lambda points: points.sum()), "shape () Compute with torch"),
    (lambda: search(lambda points: points.numpy()[..., 0]), "ndarray Compute with torch"),
    (lambda: search(lambda points: None, OVEN), "NoneType Compute with torch"),
    (lambda: search(exclude=[[50, 30, 15]]), "exclude as whole steps sum to 100; row 0 sums to 95. a DataFrame"),
    (
        lambda: search(exclude=[[0.5, 0.3, 0.2]]),
        "row 0 sums to 1, as fractions do. `space.counts(fractions)`, DataFrame (at.%).",
    ),
    (lambda: search(exclude=pd.DataFrame({"Ti": [50], "Ni": [30], "Cu": [15]})), "(sum 95)"),
    (lambda: search(lambda points: points.mean(), POOL, "enumeration", exclude=POOL_ROWS), "all 4 Add candidates."),
    (lambda: search(lambda points: (points, points), OVEN), "shape (n,) a tuple. ag.log_ei(model, best)"),
    (lambda: search(fit()), "a tuple. wrap a model `ag.log_ei(model, best)`"),
    (lambda: search(lambda points: np.sum(points**2)), "acquire to take a torch tensor it raised Compute with torch"),
    (lambda: search(ag.log_ei(fit(), 1.0), OTHERS), "Fe Ni Cu, Ti Ni Cu. `space.elements`"),
    (lambda: fit(targets=VALUES[:, None]), "(8, 1). `targets.ravel()`"),
    (lambda: fit(torch.exp, FRACTIONS[:, 0]), "(8,). `points[:, None]`"),
    (lambda: fit(points=pd.DataFrame({"Ti": [0.5], "Ni at.%": [0.5]})), "lacks ['Ni', 'Cu'] `space.read(table)`"),
    (lambda: kept(told(POOL), [[9]], [1]), "row numbers from 0 to 3; got 9. 'candidate'"),
    (
        lambda: kept(told(OVEN), [[400, 1.5]], [1]),
        "in row 0, passes = 1.5 is no whole number. DataFrame with the columns T, passes, measured outside",
    ),
    (lambda: kept(told(POOL), pd.DataFrame({"y": [1]}, index=["A"])), "table.rename_axis('candidate').reset_index()"),
    (lambda: search(space=OVEN, exclude=[[1]]), "exclude of shape (m, 2), T, passes; got rows of 1. DataFrame"),
    (lambda: fit(lambda c: c[:, 0]), "shape (8, F) got shape (8,)"),
    (lambda: fit(lambda c: c.numpy()), "ndarray FeatureMap"),
    (lambda: fit(points=POINTS), "row 0 Divide percentages by 100"),
    (lambda: told().predict([[1.2, -0.2, 0]]), "[1.2, -0.2, 0.0] Correct"),
    (lambda: pool(Ti=[50, 20], Ni=[50, 80], elements=["Ti", "Ni"]), "[50.0, 50.0] Divide"),
    (lambda: ag.log_ei(lambda points: points, 1.0)(torch.zeros(1, 2)), "(mean, std) Tensor"),
    (lambda: new().scale, "none yet"),
    (lambda: new().features, "none yet"),
    (lambda: new(setting="paper").best, "none yet"),
]

NAMES = [
    (lambda: ag.FeatureMap("TiNi", ["mean:VEC"]), "'TiNi' ['Ti', 'Ni']"),
    (lambda: ag.FeatureMap(("Ti", "Ti"), ["mean:VEC"]), "distinct ('Ti', 'Ti')"),
    (lambda: ag.FeatureMap(("Ti", "Ni"), None), "list of features None"),
    (lambda: parse_feature(("mean",)), "('mean',) 'mean:VEC'"),
    (lambda: matrix("Ti"), "'Ti' ['Ti', 'Ni']"),
    (lambda: raw_fractions("TiNi"), "'TiNi' ['Ti', 'Ni']"),
    (lambda: replay("TiNi", [[0.5, 0.5]], [1]), "'TiNi' ['Ti', 'Ni']"),
    (lambda: ag.CompositionSpace({1: (0, 100), "Ni": (0, 100)}), "distinct {1:"),
    (lambda: ag.CompositionSpace({"Ti": (0, 100), "Ni": (0, 100)}, groups=[3]), "(elements, least, most) 3"),
    (lambda: ag.CompositionSpace({"Ti": (0, 100), "Ni": (0, 100)}, groups=5), "(elements, least, most) 5"),
    (lambda: ag.Box({1: (1, 5)}), "distinct {1: (1, 5)}"),
    (lambda: ag.Box({"T": "12"}), "(least, most) '12'"),
    (lambda: ag.Box({"T": ("700", "1100")}), "(least, most) ('700', '1100') without quotation marks"),
    (lambda: ag.Box({"T": {"low": 1}}), "(least, most) {'low': 1}"),
    (lambda: ag.Box({"T": (700, 1100, 1200)}), "a text as the unit of 'T'; got 1200. Write (700, 1100, 'K')."),
    (lambda: ag.FeatureMap(("Ti", "Ni"), ["mean:VEC", "mean:R", "mean:VEC"]), "'mean:VEC' occurs twice. Take one out."),
    (lambda: ag.read_table(TABLE, ALLOYS, unit="at.%"), "got a DataFrame. `Campaign.tell`"),
    (lambda: ag.Box({"T": (1, 2, "K", 4)}), "(least, most) (1, 2, 'K', 4)"),
    (lambda: ag.Box({"T": (1, 5)}, integers="T"), "'T' ['passes']"),
    (lambda: ag.Box({"T": (1, 5)}, integers=True), "True ['passes']"),
    (lambda: pool(ab=[1, 2], a=[1, 2], features="ab"), "'ab' ['ab']"),
    (lambda: pool(Ti=[0.5, 0.2], Ni=[0.5, 0.8], elements="Ti"), "'Ti' ['Ti', 'Ni']"),
    (lambda: pool(candidate=["a", "b"], x=[1, 2]), "the column 'candidate'. Call `table.set_index('candidate')`"),
    (lambda: pool(pd.Index(["a", "b"], name="x"), x=[1, 2]), "'x' rename"),
    (lambda: pool(name=["x", "y"], a=[1, 2]), "'name' 'x'. candidates.set_index('name')"),
    (lambda: pool(index=["x", None], a=[1, 2]), "an empty name"),
    (lambda: ag.Pool(pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"])), "['a'] more than once"),
    (lambda: kept(told(OVEN), pd.DataFrame([[400, 1, 2]], columns=["T", "T", "passes"]), [1]), "['T'] more than once"),
    (
        lambda: kept(told(), pd.DataFrame([[50, 50, 0, 0]], columns=["Ti", "Ni", "Cu", "Cu"]), [1]),
        "['Cu'] more than once",
    ),
    (lambda: HAFNIUM.read(pd.DataFrame(columns=["Ti", "Ni", "H"])), "['Hf'] Add a column 'Hf at.%', with 0"),
    (lambda: HAFNIUM.read(pd.DataFrame(columns=["Ti", "Ni", "Hf_at", "H"])), "Rename 'Hf_at' to 'Hf at.%'."),
    (lambda: kept(told(), {"Ti": [50]}), "a dict pd.DataFrame"),
    (lambda: kept(told(), None), "NoneType pd.DataFrame"),
    (lambda: told().predict({"Ti": [50]}), "a dict pd.DataFrame"),
    (lambda: ag.Maximise({"a": 0}), "not all 0 {'a': 0}"),
    (lambda: ag.Maximise({"": 1}), "{'': 1}"),
    (lambda: ag.Campaign(OVEN, "y", inputs="features"), "a Box 'fractions'"),
    (lambda: told().subset([0, 1], inputs="x"), "'x' 'fractions'"),
]

CALLS = [
    (lambda: ag.Parameter("a", 0, 1), "Parameter(name, unit, lower, upper 'upper' is missing. ag.Parameter('a', 'Å'"),
    (lambda: ag.Box(), "Box(parameters, integers); 'parameters' is missing. ag.Box("),
    (lambda: ag.Box({"T": (1, 2)}, ["T"]), "got 2 values without a name, 1 at most. ag.Box("),
    (lambda: ag.Box({"T": (1, 2)}, integer=["T"]), "no argument 'integer'. Is 'integers' meant? ag.Box("),
    (lambda: ag.Limit("a", 700), "(name, at_least=… or at_most=…); got 700 without a side. ag.Limit('a', at_most=700)"),
    (lambda: ag.Target("a"), "'wanted' is missing. ag.Target("),
    (lambda: ag.maximise(lambda c: c[..., 0]), "'space' is missing. ag.maximise("),
    (lambda: ag.log_ei(told().model), "'best' is missing. ag.log_ei("),
    (lambda: ag.fit_gp(FEATURES, FRACTIONS), "'targets' is missing. ag.fit_gp("),
    (lambda: ag.read_table("my.csv"), "'space' is missing. ag.read_table("),
    (lambda: ag.Limit("a"), "neither. For example: ag.Limit('hysteresis_K', at_most=10)."),
    (lambda: pool(a=[1, 2], features=3), "features as a list of columns; got 3. Write for example ['gap_eV']."),
    (
        lambda: ag.Restricted(ALLOYS, limits=3),
        "limits as [({element: weight}, least, most), …], elements among Ti, Ni, Cu; got 3.",
    ),
    (lambda: ag.Restricted(ALLOYS, near=5), "near as (compositions in fractions, distance in at.%); got 5."),
    (lambda: kept(told(), [[0.5, 0.3, 0.2]], [1]), "sum to 100; row 0 sums to 1, as fractions do. unit='fraction'"),
    (lambda: kept(told(), [[50, 30, 10]], [1]), "whole steps of 1 at.% that sum to 100; row 0 sums to 90. Correct"),
    (lambda: kept(told(FINE), [[50, 30, 20]], [1] * 1), "sum to 200; row 0 sums to 100, as at.% do. unit='at.%'"),
    (
        lambda: kept(told(), labelled(Ti=0.5, Ni=0.45, Cu=0.05)),
        "sum to 100 ± 0.2 (sum 1). Multiply fractions by 100, or read the file with unit='fraction'.",
    ),
    (lambda: kept(told(), labelled(HV_10=1).drop(columns="y").rename(columns={"HV_10": "y_10"})), "Is 'y_10' meant?"),
    (lambda: new(selection={"generations": 5}), "Expected an argument of Campaign; there is no 'selection'."),
    (lambda: kept(told(), POINTS[:1], [1], std=[-1]), "one std ≥ 0 for each of 1 outcomes 'y' [-1]"),
    (lambda: kept(told(), POINTS[:1], [1], std={"z": 1}), "std as {objective: numbers} of ['y'] {'z': 1}"),
]

KINDS = [
    (lambda: new(surrogate=3), "surrogate 3"),
    (lambda: new(surrogate=None), "surrogate None"),
    (lambda: ag.Campaign(ALLOYS, {"y": 1}), "objective {'y': 1}"),
    (lambda: ag.Campaign(TABLE, "y"), "got a DataFrame. Wrap it: ag.Pool(table)."),
    (lambda: search(3), "acquire 3 ag.log_ei"),
    (lambda: search(space=None), "space None"),
    (lambda: search(space=ag.CompositionSpace), "space CompositionSpace"),
    (lambda: search(rng=0), "rng 0 default_rng"),
    (lambda: told().ask(rng=np.random.RandomState(0)), "rng RandomState default_rng"),
    (lambda: ALLOYS.sample(3, 0), "rng 0 default_rng"),
    (lambda: ag.log_ei(None, 1.0), "model None"),
    (lambda: ag.log_ei(told(), 1.0), "Campaign `model`"),
    (lambda: fit("fractions"), "features 'fractions' FeatureMap"),
    (lambda: fit(None), "features None FeatureMap"),
    (lambda: ag.FeatureMap(("Ti", "Ni"), ["mean:VEC"], table="x"), "DataFrame 'x'"),
    (lambda: ALLOYS.read([[50, 50, 0]]), "DataFrame [[50, 50, 0]]"),
    (lambda: OVEN.read(None), "DataFrame None"),
    (lambda: ALLOYS.unrank([1.5]), "ranks [1.5]"),
    (lambda: ag.CompositionSpace.from_fractions(("A", "B"), (0, 0), (1, 1), groups=[("A", 0, 1)]), "Group ('A', 0, 1)"),
    (lambda: ag.read_table("my.csv", "space", unit="at.%"), "space 'space'"),
    (lambda: next(trajectory(None, ALLOYS, lambda c: 1.0, 0)), "Settings None"),
    (lambda: next(trajectory(Settings(), ALLOYS, 3, 0)), "environment 3"),
]

READER = [  # what a reader tried, and did not understand at first reading
    (lambda: new(model="gp"), "argument of Campaign; no 'model'. Is 'surrogate' meant? It takes space, objective"),
    (lambda: new(features=["mean:VEC"]), "no 'features'. Is 'inputs' meant?"),
    (lambda: new(random_state=1), "no 'random_state'. Is 'seed' meant?"),
    (lambda: told().suggest(n=4), "Campaign.suggest(q, pending, min_distance); no argument 'n'. Is 'q' meant?"),
    (lambda: told().suggest(2, 3), "got 2 values without a name, 1 at most. Name the others, as in pending=…."),
    (lambda: told().tell(POINTS, VALUES, 0.1), "got 3 values without a name, 2 at most. as in std=…."),
    (lambda: told().tell(POINTS, VALUES, error=1), "Campaign.tell(data, outcomes, std); Is 'std' meant?"),
    (lambda: told().predict(), "Campaign.predict(data); 'data' is missing. campaign.predict(table)."),
    (lambda: ALLOYS.sample(3), "sample(n, rng); 'rng' is missing. space.sample(3, np.random.default_rng(0))."),
    (lambda: begun(1).suggest(), "two measurements with different values of 'y', got 1. starting_design inputs="),
    (
        lambda: begun(3).suggest(),
        "different values of 'y', got 3 equal ones. All 3 values of 'y' are 1. Check the column",
    ),
    (lambda: new().suggest(), "none yet. Measure what `alloygrad.spaces.starting_design(space, 5)` proposes"),
    (lambda: begun(1).suggest(), "got 1. Measure what `alloygrad.spaces.starting_design(space, 5)` proposes, or"),
    (
        lambda: alike().suggest(),
        "measurements of at least 5 different alloys; all 3 are of one (Ti63Ni31Cu6). "
        "Measure 4 more (`alloygrad.spaces.starting_design(space, 5)` proposes some).",
    ),
    (
        lambda: ag.Target("x", (50, 70)),
        "got (50, 70) for 'x'. if anything from 50 to 70 will do, write ag.Limit('x', at_least=50, at_most=70) beside",
    ),
    (
        lambda: pool(route=["cast", "rolled", "cast"], a=[1, 2, 3]),
        "to use as `features`, or make it numbers: `pd.get_dummies(candidates, columns=['route'], dtype=float)`.",
    ),
    (
        lambda: ag.Campaign(ag.Pool(pd.DataFrame({"a": [1, 2]}, ["GaAs", "CdTe"])), "y").tell(named("GaAsP")),
        "candidates of this pool; got 'GaAsP' in row 0. Is 'GaAs' meant?",
    ),
    (
        lambda: ag.CompositionSpace({"Ti": (0.4, 0.6), "Ni": (0.4, 0.6)}, step=0.005),
        "`CompositionSpace.from_fractions(elements, lower=[…], upper=[…], step=0.005)`.",
    ),
    (
        lambda: ag.CompositionSpace({"Ti": (0.4, 0.6), "Ni": (0.4, 0.6)}),
        "`CompositionSpace.from_fractions(elements, lower=[…], upper=[…], step=0.001)`.",
    ),
    (lambda: kept(told(OVEN), [[400, 1], [1200, 2]], [1, 2]), "in row 1, T = 1200 K lies outside 300 … 900 K."),
    (lambda: kept(told(OVEN), [[400, 1], [500, 9]], [1, 2]), "in row 1, passes = 9 lies outside 1 … 5."),
    (lambda: kept(told(ALLOYS), [[90, 10, 0]], [1]), "in row 0, Ti = 90 at.% is above 80."),
    (lambda: kept(told(MADE), [[50, 50, 0, 1200]], [1]), "in row 0, T = 1200 K lies outside 300 … 900 K."),
    (lambda: kept(told(ROUTED), [[400, 1, 1]], [1]), "in row 0, route is none of cast, rolled (1 for the word"),
    (
        lambda: kept(told(ROUTED), [[400, "cast"]], [1]),
        "'cast' in row 0, column 1. DataFrame with the columns T, route",
    ),
    (lambda: kept(told(BINARY), [[50, 40, 10]], [1]), "in row 0, 3 elements are present, and at most 2 may be."),
    (lambda: kept(told(LEAN), [[60, 30, 10]], [1]), "in row 0, 1 × Ti = 0.6 breaks its limit, 0.5 at most."),
    (lambda: kept(told(NEAR), [[80, 20, 0]], [1]), "in row 0, it is 30 at.% from all of `near`, and may be 10"),
    (lambda: kept(told(RICH), [[58, 40, 2]], [1]), "in row 0, Cu = 2 at.% is below 5, its least where present."),
    (lambda: kept(told(), [[50.5, 49.5, 0]], [1]), "row 0 is [50.5, 49.5, 0.0], between two steps. DataFrame"),
    (lambda: kept(told(), [[50, 50]], [1]), "points of shape (m, 3), Ti, Ni, Cu; got rows of 2. DataFrame"),
    (lambda: kept(told(), POINTS, VALUES[:3]), "one outcome for each of 8 points; got 3."),
    (lambda: kept(told(POOL), pd.DataFrame({"candidate": [None], "y": [1]})), "got an empty cell in row 0. Correct"),
    (lambda: kept(told(), labelled().set_index("Ti")), "a column 'Ti'; it is the index `table.reset_index()`."),
    (lambda: POOL.coordinates([[9]]), "row numbers of this pool, from 0 to 3; got 9."),
    (lambda: OVEN.contains([[400]]), "shape (..., 2), one number for each of T, passes; got an array of shape (1, 1)."),
    (lambda: ALLOYS.coordinates("TiNi"), "one number for each of Ti, Ni, Cu; got 'TiNi'."),
    (lambda: ag.Restricted(ALLOYS, limits=[(lambda c: c, 0, 1)]), "one number for each composition (256, 3)"),
    (lambda: starting_design("TiNi", 3), "a space, as ag.CompositionSpace(…) 'TiNi'. Make one with ag."),
    (lambda: ag.Campaign(ALLOYS, ag.Maximise), "an objective, as ag.Maximise(…) got the function Maximise."),
    (lambda: ag.Campaign(ALLOYS, "y", reference={"y": 1}), "no reference, since 'y' is the only aim; Leave it out."),
    (lambda: new(inputs="mean:VEC"), "'mean:VEC'. inputs=ag.FeatureMap(space.elements, ['mean:VEC'])."),
    (lambda: ag.Maximise(["a", "b"]), "['a', 'b']. Write a list of objectives"),
    (lambda: ag.Limit("a", max=3), "no argument 'max'. Is 'at_most' meant?"),
    (lambda: ag.FeatureMap(("Ti", "Ni"), ["average:VEC"]), "'average:VEC'. Is 'mean' meant?"),
    (lambda: ag.FeatureMap(("Ti", "Ni"), ["fraction:Cu"]), "elements Ti, Ni; got 'fraction:Cu'. Take it out"),
    (lambda: ag.Measured("my.csv"), "numbers; got the text 'my.csv'. Measured.read(path,"),
    (lambda: fit().condition(FRACTIONS[:2], [1.0]), "one value for each of m points shapes (1,) and (2, 3)."),
    (lambda: learn_weights(TABLE, [0, 1, 2]), "[(row of the better, row of the worse), …]; got [0, 1, 2]."),
    (lambda: learn_weights(TABLE, []).objective, "at least one answer; got none. `question()`"),
    (lambda: hypervolume([[1, 2]]), "hypervolume(utilities, reference); 'reference' is missing."),
    (
        lambda: ag.CompositionSpace.from_fractions(["Ti"]),
        "from_fractions(elements, lower, upper, step, groups); 'lower'",
    ),
    (lambda: ag.Measured.read("my.csv"), "Measured.read(path, x, value, sigma); 'x' is missing."),
    (lambda: ag.Campaign(OVEN, "y", inputs=FEATURES), "a space with the elements Ti Ni Cu got a Box without any."),
    (lambda: ag.Pool("my.csv"), "got 'my.csv'. `alloygrad.tables.candidates.read_candidates` reads a file."),
    (lambda: pool(a=["1,5", "2,0"]), "'1,5' (with a comma in place of the decimal point). Fill it in"),
    (lambda: ag.Box({"route": "cast"}), "or a list of words for 'route'; got 'cast'. ['cast', 'rolled']."),
    (lambda: told(ROUTED).predict([[400, "cast"]]), "'cast' in row 0, column 1. DataFrame with the columns T, route."),
    (lambda: kept(told(), pd.DataFrame({"formula": ["TiNi"], "y": [1]})), "a column. `read_table(…, formula=…)`."),
    (lambda: ag.Measured([1, "a", 3]), "got 'a' at index 1."),
    (lambda: ag.read_table("my.csv", ALLOYS, unit="wt%"), "'wt%'. Is 'wt.%' meant?"),
    (
        lambda: ag.CompositionSpace({"Ti": {"least": 20}, "Ni": (0, 80)}),
        "got {'least': 20}. Write for example (20, 55).",
    ),
    (lambda: new(cost=lambda points: points), "one number above 0 for each point, (8,); got shape (8, 3)."),
    (
        lambda: new(cost=lambda points: points[..., 0] - 1),
        "cost number above 0 got -0 along the last axis, Ti, Ni, Cu",
    ),
    (lambda: new(cost=lambda points: points.numpy()[..., 0]), "cost to return a torch tensor got a ndarray."),
    (lambda: several().tell(POINTS, {"y": VALUES}), "outcome 'z' among the columns; got y. Add a column 'z'"),
    (lambda: kept(told(), labelled().rename(columns={"y": "Y"})), "'y' among the columns; Is 'Y' meant?"),
    (lambda: kept(told(), labelled(y="x", z=1)), "numbers for 'y'; 'x' None of its 2 values Columns of numbers: z."),
]

MISTAKES = [(call, parts, ValueError) for call, parts in UNKNOWN + NUMBERS + SHAPES + NAMES]
MISTAKES += [(call, parts, TypeError) for call, parts in KINDS]
MISTAKES += [(call, parts, (TypeError, ValueError)) for call, parts in CALLS + READER]


@pytest.mark.parametrize(("call", "parts", "kind"), MISTAKES, ids=[parts for _, parts, _ in MISTAKES])
def test_a_mistake_is_refused_with_what_was_expected_what_came_and_what_to_do(call, parts, kind):
    with pytest.raises(kind) as refused:
        call()
    message = str(refused.value)
    assert message.startswith("Expected ") and message[-1] in ".?" and message.count(". ") >= 1
    assert not [part for part in parts.split() if part not in message]


def test_a_table_is_reported_for_an_objective(tmp_path):
    file = tmp_path / "my.csv"
    file.write_text("\n".join(["Ti,Ni,Cu,y", *(f"{50 - i},{50 - i},{2 * i},{i}" for i in range(6))]))
    table, wanted = ag.read_table(file, ALLOYS, unit="at.%"), ag.Maximise("y")
    with pytest.raises(TypeError, match=r"Expected an objective, as ag\.Maximise\(…\) .*; got \['y'\]\. Make one"):
        table.report(["y"])
    pd.testing.assert_frame_equal(table.report("y"), table.report(wanted))  # a name, as for a campaign
    np.testing.assert_array_equal(table.of("y").values, table.of(wanted).values)
    for outcomes, got in ((range(8), "8 numbers"), ({"y": [1]}, "a mapping")):
        with pytest.raises(ValueError, match=f"its column 'y' is used; got {got}. Leave them out, or pass a DataFrame"):
            kept(told(), table, outcomes)


def test_rows_that_are_set_aside_are_said_where_the_user_looks(tmp_path):
    """A warning of `read_table` for its rows, one of `tell` for those without an outcome; at the user's own line."""
    file = tmp_path / "my.csv"
    rows = [*(f"{50 - i},{50 - i},{2 * i},{i}" for i in range(6)), "50,40,5,7", "40,40,20,cracked"]
    file.write_text("\n".join(["Ti,Ni,Cu,y", *rows]))
    with pytest.warns(UserWarning) as read:
        table = ag.read_table(file, ALLOYS, unit="at.%")
    with pytest.warns(UserWarning) as said:
        told().tell(table)
    (first,), (second,) = read, said
    assert str(first.message).startswith("my.csv: 1 of 8 rows were set aside: row 8: sums to 95")
    assert str(second.message).startswith("my.csv: 1 of 8 rows were set aside: row 9, column 'y': text 'cracked'")
    assert first.filename == second.filename == __file__


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: told().fit(), "Campaign has no 'fit'. Is 'tell' meant?"),
        (lambda: fit().predict(FRACTIONS), "GPModel has no 'predict'. Is 'posterior' meant?"),
        (lambda: told().sugest(), "Campaign has no 'sugest'. Is 'suggest' meant?"),
        (lambda: ALLOYS.elemnts, "CompositionSpace has no 'elemnts'. Is 'elements' meant?"),
    ],
)
def test_an_attribute_that_is_not_there_is_explained(call, text):
    with pytest.raises(AttributeError) as missing:
        call()
    assert str(missing.value).startswith(text) and "It has " in str(missing.value)
    assert pickle.loads(pickle.dumps(ALLOYS)) == copy.deepcopy(ALLOYS) == ALLOYS
    assert not hasattr(ALLOYS, "process") and getattr(OVEN, "composition", 3) == 3


def test_an_error_inside_a_property_is_not_covered(monkeypatch):
    monkeypatch.setattr("alloygrad.campaigns.properties.standardisation", lambda values: values.nothing)
    with pytest.raises(AttributeError, match="object has no attribute 'nothing'"):
        _ = told().scale


@pytest.mark.parametrize("name", ["measured", "waiting", "index", "T"])
def test_an_outcome_may_have_any_name(name):
    """Also one that a table of `read_table`, or a DataFrame, has as an attribute."""
    campaign = ag.Campaign(LINES, name)
    campaign.tell(pd.DataFrame({"n": [1, 2, 5], name: [3.0, 4.0, 5.0]}))
    assert campaign.values.tolist() == [3, 4, 5]


def test_the_unit_of_most_rows_is_named_where_another_is_declared(tmp_path):
    """One stray row changes nothing of it; where the stray rows are fewer, they are set aside."""
    file = tmp_path / "my.csv"
    rows = [f"{50 - i},{50 - i},{2 * i},{i}" for i in range(6)]
    file.write_text("\n".join(["Ti,Ni,Cu,y", *rows[:2], "0.5,0.5,0,7", *rows[2:]]))
    with pytest.raises(
        ValueError, match="6 of 7 rows sum to 100, and only row 4 to about 1: the unit is probably"
    ) as said:
        ag.read_table(file, ALLOYS, unit="fraction")
    assert str(said.value).endswith("Pass unit='at.%', or unit='wt.%' if the shares are by weight. Then correct row 4.")
    with pytest.warns(
        UserWarning, match="row 4: sums to 1 in a table declared in at.%: fractions and percent are mixed"
    ):
        assert len(ag.read_table(file, ALLOYS, unit="at.%").of("y").rows) == 6


def test_whole_steps_may_be_written_as_decimal_numbers():
    campaign = told()
    campaign.tell([[50.0, 49.99999999999999, 0.0]], [1])
    assert campaign.points[-1].tolist() == [50, 50, 0] and campaign.points.dtype == np.int64


def test_a_call_that_fits_is_left_alone():
    """An error inside a function is its own; arguments, name and documentation stay."""
    with pytest.raises(TypeError, match="unsupported operand"):
        ag.fit_gp(lambda c: c + "x", FRACTIONS, VALUES)
    assert list(signature(ag.Box).parameters) == ["parameters", "integers"] and ag.Box.__doc__.startswith("All values")


def test_nothing_pending_may_be_an_empty_list_or_table():
    expected = told().suggest()
    for pending in ([], (), pd.DataFrame()):
        pd.testing.assert_frame_equal(told().suggest(pending=pending), expected)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("maximize", "maximise"), ("Maximize", "Maximise"), ("Minimize", "Minimise"), ("campaign", "Campaign")],
)
def test_a_misspelt_name_of_the_library_says_which_is_meant(name, meant):
    with pytest.raises(AttributeError, match=f"alloygrad has no '{name}'. Is '{meant}' meant\\?"):
        getattr(ag, name)
    assert not hasattr(ag, "xyz")


def test_what_is_measured_is_excluded_as_a_table_too():
    """In at.%, also as a suggestion has its columns, and only where it takes the point of the grid."""
    best = search(lambda c: -((c - 0.3) ** 2).sum(-1))
    table = ALLOYS.table(best.point[None])
    for exclude in (best.point[None], table, table.rename(columns=lambda name: name.removesuffix(" at.%"))):
        assert not np.array_equal(search(lambda c: -((c - 0.3) ** 2).sum(-1), exclude=exclude).point, best.point)


def test_a_dataframe_is_read_by_the_names_of_its_columns():
    table = pd.DataFrame(FRACTIONS, columns=ALLOYS.elements)
    turned = table[["Cu", "Ti", "Ni"]].assign(note="x")
    model = fit(points=turned)
    assert torch.equal(FEATURES(turned), FEATURES(FRACTIONS)) and torch.equal(model.inputs, fit().inputs)
    assert torch.equal(model.posterior(turned)[0], model.posterior(FRACTIONS)[0])
    campaign = told()
    percent = (100 * table)[["Ni", "Cu", "Ti"]]
    np.testing.assert_allclose(campaign.posterior(percent)[0], campaign.posterior(FRACTIONS)[0])


def test_help_names_everything_public():
    assert set(ag.__all__) <= set(dir(ag))
    assert repr(told()) == "<Campaign: maximise y; in a CompositionSpace of Ti Ni Cu, 8 measurements>"
    aims = [ag.Minimise("a"), ag.Limit("b", at_least=3, at_most=8), ag.Limit("c", at_most=2), ag.Target("d", 60)]
    aims.append(ag.Desirability({"e": (90, 20)}))
    said = "minimise a; b ≥ 3 and ≤ 8; c ≤ 2; d near 60; maximise desirability (e 90 … 20)"
    assert repr(ag.Campaign(OVEN, aims)) == f"<Campaign: {said}; in a Box of T passes, 0 measurements>"
    assert repr(OVEN) == "Box({'T': (300, 900, 'K'), 'passes': (1, 5)}, integers=['passes'])"
