"""Environments: merits by hand, elements by name, the optimum by brute force, files held against their card."""

import dataclasses
import itertools
import json
import shutil

import numpy as np
import pytest
import torch

from alloygrad.spaces.composition import CompositionSpace, Group
from compendium import store
from compendium.environments import datasets, networks, trained
from compendium.environments.alloys import ALLOYS, HEA, SMA, TI
from compendium.environments.trained import FOLDER, Environment
from compendium.running import landscapes


def random_models(alloy, seed=0):
    """Untrained networks, all weights and scalers at random, for each property of an alloy; eval mode, float64."""
    generator, models = torch.Generator().manual_seed(seed), {}
    for name in alloy.properties:
        net = networks.ResidualNetwork(torch.randn(len(alloy.inputs), 6), len(alloy.process), hidden=9)
        for key, value in net.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.randn(value.shape, generator=generator))
                if key.endswith(("std", "running_var")):
                    value.abs_().add_(0.1)
        models[name] = net.double().eval().requires_grad_(False)
    return models


def directly(alloy, models, composition):
    """Each property of {element: fraction} by one call of the whole network, slots filled by name."""
    full = torch.tensor([composition.get(element, 0.0) for element in alloy.inputs], dtype=torch.float64)
    process = torch.tensor(list(alloy.process.values()), dtype=torch.float64)
    return {name: model(full, process).item() for name, model in models.items()}


# -- declarations --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alloy", ALLOYS.values(), ids=ALLOYS)
def test_declarations_agree_with_the_datasets(alloy):
    assert set(alloy.order) == set(alloy.inputs) == set(alloy.bounds) and len(alloy.inputs) == len(alloy.order)
    assert all(set(group.elements) <= set(alloy.inputs) for group in alloy.groups)
    for name, source in alloy.properties.items():
        entry = datasets.REGISTRY[source]
        assert list(alloy.inputs) == entry["elements"]
        assert list(alloy.process) == [column["name"] for column in entry["process"]]
        assert name in [column["name"] for column in entry["targets"]]


@pytest.mark.parametrize(
    "alloy, sizes",
    [
        (SMA, {3: 861, 4: 35301, 5: 732301}),
        (TI, {3: 496, 4: 35836, 5: 1145016}),
        (HEA, {3: 1128, 4: 442726, 5: 39276886}),
    ],
    ids=ALLOYS,
)
def test_spaces_have_their_known_sizes(alloy, sizes):
    """Grid sizes at step 0.005, counted independently for the three alloys."""
    assert {n: alloy.space(n, step=0.005).size for n in sizes} == sizes


@pytest.mark.parametrize("alloy", ALLOYS.values(), ids=ALLOYS)
def test_spaces_take_the_first_elements_with_their_own_limits(alloy):
    for n in range(3, len(alloy.order) + 1):
        space = alloy.space(n)
        assert space.elements == alloy.order[:n] and space.step == 0.001
        limits = dict(zip(space.elements, zip(space.lower, space.upper, strict=True), strict=True))
        assert limits == {element: pytest.approx(alloy.bounds[element]) for element in space.elements}
    for n in (1, len(alloy.order) + 1):
        with pytest.raises(ValueError, match=f"{alloy.name} has 2 to {len(alloy.order)} elements; {n} asked for"):
            alloy.space(n)


def test_group_limits_apply_to_the_elements_present():
    assert SMA.space(4).groups == (Group(("Ti", "Hf"), 0.55), Group(("Ni", "Cu"), 0.55))
    assert SMA.space(6).groups == (Group(("Ti", "Hf", "Zr"), 0.55), Group(("Ni", "Cu", "Co"), 0.55))
    late = dataclasses.replace(SMA, groups=(Group(("Zr", "Fe"), 0.15), Group(("Ni", "Cu"), 0.55)))
    assert late.space(4).groups == (Group(("Ni", "Cu"), 0.55),)
    assert late.space(7).groups == (Group(("Zr", "Fe"), 0.15), Group(("Ni", "Cu"), 0.55))


# -- merits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "alloy, merit, properties, expected",
    [
        # (28/35 + 30/50 + (50 − 250)/50)/3 and, 300 K being 26.85 °C, (0.8 + 0.6 + (50 − 23.15)/50)/3
        (SMA, "300 degC", {"enthalpy": 28.0, "martensite_peak": 40.0, "austenite_peak": 60.0}, -2.6 / 3),
        (SMA, "300 K", {"enthalpy": 28.0, "martensite_peak": 40.0, "austenite_peak": 60.0}, 1.937 / 3),
        # (14/35 + 40/50 + (50 − 15)/50)/3: peaks in the other order, mean above the target
        (SMA, "300 degC", {"enthalpy": 14.0, "martensite_peak": 320.0, "austenite_peak": 310.0}, 1.9 / 3),
        (TI, "paper", {"yield_strength": 615.16, "ultimate_strength": 706.065, "hardness": 540.83}, 1.75 / 3),
        # ½ (1824.26 − 1027.29)/1593.94 + ½ · 0.5
        (TI, "code", {"yield_strength": 1027.29, "ultimate_strength": 1824.26, "hardness": 270.415}, 0.5),
        (TI, "code", {"yield_strength": 1230.32, "ultimate_strength": 0.0, "hardness": 0.0}, -615.16 / 1593.94),
        (HEA, "paper", {"yield_strength": 1508.4365, "ultimate_strength": 772.0075, "elongation": 71.23679}, 1.75 / 3),
    ],
)
def test_merits_by_hand(alloy, merit, properties, expected):
    found = alloy.merits[merit]({name: np.array([value, value]) for name, value in properties.items()})
    assert found == pytest.approx([expected, expected], rel=1e-12)


def test_an_environment_applies_the_merit_asked_for():
    models, composition = random_models(TI), np.array([0.7, 0.1, 0.1, 0.1])
    for name in ("paper", "code"):
        out = Environment(TI, ("Ti", "Mo", "V", "Ta"), models, name)(composition)
        assert out["merit"] == pytest.approx(TI.merits[name](out), rel=1e-12)
    assert Environment(TI, ("Ti", "Mo"), models).merit_name == "paper"


# -- elements by name ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("alloy", ALLOYS.values(), ids=ALLOYS)
@pytest.mark.parametrize("n", [3, 4, 10])
def test_compositions_are_placed_by_name(alloy, n):
    """The published code places them by position, which for titanium (Ti, Mo, V, Ta) means Ti, Al, Zr, Mo."""
    models, space = random_models(alloy, n), alloy.space(n)
    environment = Environment(alloy, space.elements, models)
    compositions = space.fractions(space.sample(5, np.random.default_rng(0)))
    out = environment(compositions)
    assert list(out) == [*alloy.properties, "merit"]
    for i, composition in enumerate(compositions):
        expected = directly(alloy, models, dict(zip(space.elements, composition, strict=True)))
        assert {name: out[name][i] for name in models} == pytest.approx(expected, rel=1e-10)


def test_order_of_columns_is_that_of_elements():
    models, order = random_models(SMA), [2, 0, 3, 1]
    elements = ("Ti", "Ni", "Cu", "Hf")
    compositions = np.random.default_rng(0).dirichlet(np.ones(4), 6)
    one = Environment(SMA, elements, models)(compositions)
    other = Environment(SMA, tuple(elements[i] for i in order), models)(compositions[:, order])
    np.testing.assert_allclose(one["merit"], other["merit"], rtol=1e-10)


def test_an_absent_element_and_one_at_zero_are_the_same():
    models, compositions = random_models(HEA), np.random.default_rng(0).dirichlet(np.ones(3), 6)
    three = Environment(HEA, ("V", "Cr", "Mn"), models)(compositions)
    five = Environment(HEA, ("V", "Cr", "Mn", "Al", "Cu"), models)(np.pad(compositions, ((0, 0), (0, 2))))
    np.testing.assert_allclose(three["merit"], five["merit"], rtol=1e-10)


# -- shapes and refusals -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def environment():
    return Environment(SMA, ("Ti", "Ni", "Cu", "Hf"), random_models(SMA))


@pytest.mark.parametrize("batch", [(), (0,), (1,), (7,), (2, 3), (2, 0)])
def test_batches_keep_their_shape(environment, batch):
    compositions = np.random.default_rng(0).dirichlet(np.ones(4), batch)
    out = environment(compositions)
    assert all(value.shape == batch and value.dtype == np.float64 for value in map(np.asarray, out.values()))
    singly = [environment(c)["merit"] for c in compositions.reshape(-1, 4)]
    np.testing.assert_allclose(np.ravel(out["merit"]), singly, rtol=1e-12)


def test_blocks_join_seamlessly(environment):
    compositions = np.random.default_rng(0).dirichlet(np.ones(4), 2 * 4096 + 3)
    out = environment(compositions)
    at = [0, 4095, 4096, 8191, 8192, 8194]
    np.testing.assert_allclose(out["enthalpy"][at], environment(compositions[at])["enthalpy"], rtol=1e-12)


@pytest.mark.filterwarnings("error")
def test_lists_and_read_only_arrays_are_taken(environment):
    compositions = np.random.default_rng(0).dirichlet(np.ones(4), 3)
    out = environment(compositions.tolist())["merit"]
    compositions.flags.writeable = False
    assert (environment(compositions)["merit"] == out).all()


@pytest.mark.parametrize(
    "compositions, message",
    [
        ([0.5, 0.5], r"\(..., 4\) with columns \['Ti', 'Ni', 'Cu', 'Hf'\], got shape \(2,\)"),
        (0.5, r"shape \(\)"),
        (np.full((3, 11), 1 / 11), r"shape \(3, 11\)"),
        ([50.0, 50.0, 0.0, 0.0], r"\(sum 100\). Divide percentages by 100"),
        ([[0.5, 0.5, 0, 0], [0.5, 0.4, 0, 0]], r"≥ 0 that sum to 1, got \[0.5, 0.4, 0.0, 0.0\]"),
        ([1.5, -0.5, 0, 0], "got .1.5, -0.5"),
        ([0.5, 0.5, np.nan, 0], "sum nan"),
    ],
)
def test_what_is_no_composition_is_refused(environment, compositions, message):
    with pytest.raises(ValueError, match=message):
        environment(compositions)


def test_unknown_elements_and_merits_are_refused():
    models = random_models(SMA)
    with pytest.raises(ValueError, match=r"do not know \['Xx', 'Al'\]; they know \['Ti', 'Ni'"):
        Environment(SMA, ("Ti", "Xx", "Al"), models)
    with pytest.raises(ValueError, match="named twice"):
        Environment(SMA, ("Ti", "Ni", "Ti"), models)
    with pytest.raises(ValueError, match=r"\['300 degC', '300 K', 'physical'\]; '300 F' asked for"):
        Environment(SMA, ("Ti", "Ni"), models, "300 F")


# -- the optimum ---------------------------------------------------------------------------------------------


def test_true_optimum_of_a_paraboloid():
    space = CompositionSpace.from_fractions(("A", "B", "C"), (0, 0, 0), (0.6, 1, 1), step=0.02)
    peak = np.array([0.7, 0.2, 0.1])  # outside: A is at its limit there
    best = landscapes.true_optimum(lambda c: {"merit": -((c - peak) ** 2).sum(-1)}, space, progress=False)
    brute = max(
        ((a, b, 50 - a - b) for a, b in itertools.product(range(31), range(51)) if a + b <= 50),
        key=lambda counts: -((np.array(counts) / 50 - peak) ** 2).sum(),
    )
    assert tuple(best.counts) == brute and best.compared == space.size
    assert best.merit == pytest.approx(-((np.array(brute) / 50 - peak) ** 2).sum())
    alone = landscapes.true_optimum(lambda c: -((c - peak) ** 2).sum(-1), space, progress=False)  # no mapping
    assert (alone.counts == best.counts).all() and alone.merit == best.merit


class Chunks:
    """Stands for a space whose grid comes in several chunks."""

    def __init__(self, *chunks):
        self.chunks, self.size, self.elements = [np.array(c)[:, None] for c in chunks], sum(map(len, chunks)), ("A",)

    def enumerate(self):
        return iter(self.chunks)

    def fractions(self, counts):
        return counts / 10


@pytest.mark.parametrize(
    "merits, winner",
    [
        ({0: 1, 1: 2, 2: 0, 3: 5, 4: 4}, 3),
        ({0: 1, 1: 5, 2: 0, 3: 5, 4: 5}, 1),
        ({0: -9, 1: -8, 2: -7, 3: -8, 4: -9}, 2),
    ],
)
def test_true_optimum_over_chunks_first_wins(merits, winner):
    space = Chunks([0, 1], [2, 3], [4])
    look_up = np.array([merits[i] for i in range(5)], dtype=float)
    best = landscapes.true_optimum(
        lambda c: {"merit": look_up[np.rint(c[:, 0] * 10).astype(int)]}, space, progress=False
    )
    assert (best.counts[0], best.merit, best.compared) == (winner, merits[winner], 5)


def test_true_optimum_refuses_an_environment_of_another_order():
    space = SMA.space(3, step=0.05)
    other = Environment(SMA, space.elements[::-1], random_models(SMA))
    with pytest.raises(ValueError, match="Ti Ni Cu, in this order; got one of Cu Ni Ti"):
        landscapes.true_optimum(other, space, progress=False)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_true_optimum_refuses_what_cannot_be_ranked(bad):
    space = Chunks([0, 1], [2, 3])
    with pytest.raises(ValueError, match=r"merit at \{'A': 0.3\} is (nan|inf)"):
        landscapes.true_optimum(lambda c: {"merit": np.where(c[:, 0] > 0.25, bad, 1.0)}, space, progress=False)


# -- the shipped weights -------------------------------------------------------------------------------------


def test_shipped_environment_and_its_optimum_by_brute_force():
    """SMA, N = 4, step 0.01: a grid from four loops, whole networks on eleven fractions, the merit written out."""
    space = SMA.space(4, step=0.01)
    environment = trained.load(SMA, space.elements)
    best = landscapes.true_optimum(environment, space, progress=False)
    grid = [
        (ti, ni, cu, 100 - ti - ni - cu)
        for ti, ni, cu in itertools.product(range(20, 56), range(20, 56), range(21))
        if 0 <= 100 - ti - ni - cu <= 20 and 100 - ni - cu <= 55 and ni + cu <= 55
    ]
    assert len(grid) == space.size == best.compared == 4851
    full = torch.zeros(len(grid), 11, dtype=torch.float64)
    full[:, :4] = torch.tensor(grid, dtype=torch.float64) / 100  # here the first four inputs are the four elements
    assert SMA.inputs[:4] == space.elements == ("Ti", "Ni", "Cu", "Hf")
    held = torch.tensor([0.0, 1273.0, 1.0], dtype=torch.float64)
    h, mp, ap = (
        networks.load(FOLDER / "SMA" / f"{name}.safetensors")(full, held).numpy()
        for name in ("enthalpy", "martensite_peak", "austenite_peak")
    )
    merit = (h / 35 + (50 - abs(ap - mp)) / 50 + (50 - abs(300 - (mp + ap) / 2)) / 50) / 3
    assert tuple(best.counts) == grid[int(merit.argmax())]
    assert best.merit == pytest.approx(merit.max(), rel=1e-10)
    np.testing.assert_allclose(environment(np.array(grid) / 100)["merit"], merit, rtol=1e-9)


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(FOLDER / "SMA", tmp_path / "SMA")


def answer(folder=None):
    return trained.load(SMA, ("Ti", "Ni"), folder=folder)(np.array([0.5, 0.5]))


def test_a_changed_weight_file_is_refused(copied):
    path = copied / "austenite_peak.safetensors"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"austenite_peak.safetensors has sha256 [0-9a-f]{64}; its card says"):
        answer(copied)


def test_a_folder_trained_anew_is_read_anew(copied):
    """One process may train twice into one folder; the first weights must not linger."""
    before = answer(copied)
    assert before == answer()  # of the shipped folder
    net = networks.load(copied / "enthalpy.safetensors").float()
    net.target_mean += 7
    path = networks.save(net, copied / "enthalpy.safetensors")
    card = json.loads((copied / "card.json").read_text(encoding="utf-8"))
    card["properties"]["enthalpy"]["weights_sha256"] = store.file_digest(path)
    (copied / "card.json").write_text(json.dumps(card), encoding="utf-8")
    assert answer(copied)["enthalpy"] - before["enthalpy"] == pytest.approx(7, abs=1e-5)


@pytest.mark.parametrize(
    "changes, what",
    [
        ({"inputs": ["Ni", "Ti", *SMA.inputs[2:]]}, "inputs"),
        ({"process": dict(reversed(SMA.process.items()))}, "process"),
        ({"properties": {}}, "properties"),
    ],
)
def test_a_card_of_another_declaration_is_refused(copied, changes, what):
    card = json.loads((copied / "card.json").read_text(encoding="utf-8"))
    (copied / "card.json").write_text(json.dumps(card | changes), encoding="utf-8")
    with pytest.raises(ValueError, match=f"{what} of .*; SMA declares"):
        answer(copied)


def test_no_networks_no_environment(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no trained networks \(no card.json\)"):
        answer(tmp_path)
