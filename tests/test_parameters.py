"""Parameters that make no sense are refused by name, where they enter the library."""

import numpy as np
import pytest
from test_security import EXAMPLE

from alloygrad.campaigns.noisy import NoisyCampaign
from alloygrad.campaigns.replay import replay
from alloygrad.campaigns.trajectory import Settings
from alloygrad.maximisers import maximise
from alloygrad.surrogates.gp import condition
from alloygrad.tables import advice
from alloygrad.tables import measurements as own
from compendium import DATA
from compendium.environments import alloys, networks, trained, training
from compendium.feature_gradient import comparisons, figures
from compendium.feature_gradient.cells import CELLS
from compendium.running import studies


def begun() -> NoisyCampaign:
    measured = own.read(DATA / "examples" / "sma_noisy.csv", EXAMPLE, unit="at.%", target="enthalpy_J_per_g")
    return advice.begin(measured, EXAMPLE, rng=np.random.default_rng(0), inputs="fractions")


def on_rows() -> NoisyCampaign:
    measured = read_example()
    rows, _ = replay(EXAMPLE.elements, measured.compositions, measured.merits)
    return advice.begin(measured, rows, rng=0, inputs="fractions")


def suggest(**options):
    return advice.suggest(begun(), read_example(), q=2, rng=0, **options)


def tell(shares) -> None:
    advice.tell(begun(), read_example(), shares, [1.0], unit="at.%")


def declared(**options):
    return own.declare(["Ti", "Ni"], {"Ti": (0, 100), "Ni": (0, 100)}, **options)


def choose(**options):
    c = EXAMPLE.fractions(EXAMPLE.sample(8, np.random.default_rng(0)))
    return advice.choose(EXAMPLE.elements, c, c[:, 0], rng=np.random.default_rng(0), **options)


def searched(method, **options):
    return maximise(sum, EXAMPLE, method, rng=np.random.default_rng(0), **options)


def read_example(**options):
    return own.read(
        DATA / "examples" / "sma_noisy.csv", EXAMPLE, **{"unit": "at.%", "target": "enthalpy_J_per_g"} | options
    )


NONSENSE = {
    "profile": (lambda: figures.paths("06_x", "fast"), r"profile is 'fast'; it must be one of.*'quick'"),
    "profile as path": (lambda: figures.paths("06_x", "../../elsewhere"), "profile is '../../elsewhere'; it must"),
    "figure as path": (lambda: figures.paths("../x"), r"named '\.\./x'; expected a plain file name"),
    "alloy": (lambda: CELLS["xyz_n4_ascent"], "no study cell .xyz_n4_ascent. is"),
    "arm": (lambda: CELLS["sma_n4_ascend"], "no study cell 'sma_n4_ascend' is declared: is one of sma_n4_ascent"),
    "merit": (lambda: trained.load(alloys.SMA, ("Ti", "Ni"), merit="x"), "figures of merit .* 'x' asked"),
    "elements": (lambda: alloys.SMA.space(99), "SMA has 2 to 11 elements; 99 asked for"),
    "seeds": (lambda: studies.trajectories(CELLS["sma_n3_ascent"], -1), "n is -1; it must be a whole number"),
    "part of a seed": (lambda: studies.trajectories(CELLS["sma_n3_ascent"], 1.5), "n is 1.5; it must be"),
    "experiments": (lambda: studies.trajectories(CELLS["sma_n3_ascent"], 1, experiments=-5), "n_experiments is -5"),
    "n_features": (lambda: Settings(n_features=0), "n_features is 0; it must be a whole number from 1 on"),
    "n_initial": (lambda: Settings(n_initial=-1), "n_initial is -1; it must be a whole number from 1 on"),
    "epochs": (lambda: networks.Training(epochs=-1), "epochs is -1; it must be a whole number from 1 on"),
    "no whole epochs": (lambda: networks.Training(epochs=True), "epochs is True; it must be a whole number"),
    "folds": (lambda: networks.Training(folds=1), "folds is 1; it must be a whole number from 2 on"),
    "partitions": (lambda: training.partitions(alloys.TI, "hardness", networks.Training(), 0), "count is 0"),
    "draws": (lambda: comparisons.obtain(comparisons.COMPARISONS["SMA"], -1), "draws is -1; it must be"),
    "rows": (lambda: comparisons.Comparison("SMA", "enthalpy", rows=-1), "rows is -1; it must be"),
    "generations": (lambda: comparisons.Comparison("SMA", "enthalpy", generations=0), "generations is 0; it must be"),
    "dataset": (lambda: comparisons.obtain(comparisons.Comparison("x", "enthalpy"), 1), "'enthalpy' in dataset 'x'"),
    "target": (lambda: comparisons.obtain(comparisons.Comparison("SMA", "x"), 1), r"'x' in dataset 'SMA'; .*enthalpy"),
    "own n_features": (lambda: choose(n_features=-1), "n_features is -1; it must be a whole number from 1 on"),
    "own generations": (lambda: choose(generations=2.5), "generations is 2.5; it must be a whole number from 1 on"),
    "inputs": (lambda: choose(inputs="x"), "inputs is 'x'; known are"),
    "step": (lambda: declared(step="0.5"), "step is '0.5'; expected a number, in at.%"),
    "step of nothing": (lambda: declared(step=0), "step is 0.0; 1/step must be a whole number"),
    "q": (lambda: begun().ask_batch(-1), "q is -1; it must be a whole number from 1 on"),
    "q as text": (lambda: begun().ask_batch("4"), "q is '4'; it must be a whole number from 1 on"),
    "apart": (lambda: begun().ask_batch(2, apart=float("nan")), "apart is nan; expected a share of the alloy"),
    "apart in at.%": (lambda: begun().ask_batch(2, apart=10), "apart is 10; expected a share of the alloy"),
    "apart of suggestions": (lambda: suggest(apart=101), "apart is 101; expected at.%, from 0 to 100"),
    "list of rows": (on_rows, "The space is a list of rows, .*; expected one with limits: `own.declare`"),
    "composition as text": (lambda: tell("Ti50Ni50"), r"Shares are 'Ti50Ni50'; expected numbers \(m, 4\): Ti, Ni"),
    "compositions as texts": (lambda: tell(["Ti50Ni50"]), r"Shares are \['Ti50Ni50'\]; expected numbers"),
    "composition by name": (lambda: tell({"Ti": 50}), r"Shares are {'Ti': 50}; expected numbers"),
    "csv": (lambda: own.find(None), "The file is None; expected the path of a .csv or .xlsx table"),
    "maximise": (lambda: read_example(maximise="no"), "maximise is 'no'; expected True, or False"),
    "unit": (lambda: read_example(unit="percent"), "unit is 'percent'; declare"),
    "screen": (lambda: searched("ascent", screen=0), "screen is 0, .* positive"),
    "draws of a search": (lambda: searched("random_search", draws=0), "draws is 0; it must be a whole number"),
    "starts": (lambda: searched("slsqp_ei", starts_per_element=0.1), "starts_per_element is 0.1; of 4 elements"),
    "noise": (lambda: condition(abs, [[1.0]], [1.0], [1.0], 1.0, noise=None), "noise variance None: expected"),
}  # fmt: skip


@pytest.mark.parametrize("what", NONSENSE)
def test_a_parameter_that_makes_no_sense_is_refused_by_name(what):
    call, message = NONSENSE[what]
    with pytest.raises((ValueError, KeyError), match=message):
        call()
