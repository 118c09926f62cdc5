"""Parameters that make no sense are refused where they enter, by an error that names the parameter and its value."""

import numpy as np
import pandas as pd
import pytest
from test_security import EXAMPLE

from alloygrad.campaigns.campaign import Campaign
from alloygrad.campaigns.trajectory import Settings
from alloygrad.maximisers import maximise
from alloygrad.spaces import Box, CompositionSpace, Pool
from alloygrad.tables.measurements import read_table
from compendium import DATA
from compendium.environments import alloys, networks, trained
from compendium.feature_gradient import comparisons
from compendium.feature_gradient.cells import CELLS
from compendium.figures import paths
from compendium.running import studies

CELL = CELLS["sma_n3_ascent"]


def read(**options):
    return read_table(DATA / "examples" / "sma_noisy.csv", EXAMPLE, **({"unit": "at.%"} | options))


def begun(**options) -> Campaign:
    campaign = Campaign(EXAMPLE, "enthalpy_J_per_g", **({"inputs": "fractions"} | options))
    campaign.tell(read())
    return campaign


def declare(**options):
    return CompositionSpace({"Ti": (0, 100), "Ni": (0, 100)}, **options)


def search(method: str, **options):
    return maximise(sum, EXAMPLE, method, rng=np.random.default_rng(0), options=options)


LIBRARY = [
    (lambda: declare(step="0.5"), "step '0.5'"),
    (lambda: declare(step=0), "step 0"),
    (lambda: declare(groups=[("Ti Ni", 0, 50)]), "group 'Ti least"),
    (lambda: Box({"T": (900, 700)}), "'T' 900 700"),
    (lambda: Box({"T": (0.2, 0.8)}, integers=["T"]), "'T' whole"),
    (lambda: Pool(pd.DataFrame({"x": [1.0, np.nan]})), "'x' empty"),
    (lambda: read(unit="percent"), "unit 'percent' at.%"),
    (lambda: read(process={"T": None}), "process None"),
    (lambda: begun(inputs=None, n_features=-1).model, "n_features -1"),
    (lambda: begun(inputs=None, generations=2.5).model, "generations 2.5"),
    (lambda: begun(inputs="x"), "inputs 'x' fractions"),
    (lambda: begun().ask(-1), "q -1"),
    (lambda: begun().ask("4"), "q '4'"),
    (lambda: begun().suggest(2, min_distance=float("nan")), "min_distance nan"),
    (lambda: begun().suggest(2, min_distance=101), "min_distance 101"),
    (lambda: begun().predict(pd.DataFrame({"Ti": [50]})), "lacks 'Ni'"),
    (lambda: search("climb"), "'climb' ascent"),
    (lambda: search("multistart"), "'multistart' ascent"),
    (lambda: search("ascent", screen=0), "screen 0"),
    (lambda: search("random_search", draws=0), "draws 0"),
    (lambda: search("slsqp", starts_per_element=-1), "starts_per_element -1"),
    (lambda: Settings(n_features=0), "n_features 0"),
    (lambda: Settings(n_initial=True), "n_initial True"),
]

COMPENDIUM = [
    (lambda: paths("06_x", "../../elsewhere"), "profile '../../elsewhere' 'quick'"),
    (lambda: paths("../x"), "'../x'"),
    (lambda: CELLS["sma_n4_ascend"], "'sma_n4_ascend' sma_n4_ascent"),
    (lambda: trained.load(alloys.SMA, ("Ti", "Ni"), merit="x"), "merit 'x'"),
    (lambda: alloys.SMA.space(99), "SMA 11 99"),
    (lambda: studies.trajectories(CELL, -1), "n -1"),
    (lambda: studies.trajectories(CELL, 1.5), "n 1.5"),
    (lambda: studies.trajectories(CELL, 1, experiments=-5), "n_experiments -5"),
    (lambda: networks.Training(epochs=-1), "epochs -1"),
    (lambda: networks.Training(folds=1), "folds 1"),
    (lambda: comparisons.obtain(comparisons.COMPARISONS[0], -1), "draws -1"),
    (lambda: comparisons.obtain(comparisons.Comparison("x", "enthalpy"), 1), "'enthalpy' 'x'"),
    (lambda: comparisons.obtain(comparisons.Comparison("SMA", "x"), 1), "'x' 'SMA' enthalpy"),
    (lambda: comparisons.Comparison("SMA", "enthalpy", rows=-1), "rows -1"),
]


@pytest.mark.parametrize(("call", "named"), LIBRARY + COMPENDIUM, ids=[named for _, named in LIBRARY + COMPENDIUM])
def test_a_parameter_that_makes_no_sense_is_refused_by_name(call, named):
    with pytest.raises((ValueError, KeyError)) as refused:
        call()
    assert not [part for part in named.split() if part not in str(refused.value)]
