"""The network against convolutions, its restriction against itself, training against one step worked out by hand."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score
from torch import nn

from compendium.environments import networks
from compendium.environments.networks import ResidualNetwork, Rows, Training

N_ELEMENTS, N_PROPERTIES, N_PROCESS, HIDDEN = 5, 4, 2, 7
MIXINGS = ("transposed", "published")
TINY = Training(epochs=3, curve_epochs=3, folds=3, batch=8, hidden=6)


def network(seed=0, mixing="transposed"):
    """A network with all weights, scalers and running statistics at random, in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    net = ResidualNetwork(torch.randn(N_ELEMENTS, N_PROPERTIES), N_PROCESS, hidden=HIDDEN, mixing=mixing)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.randn(value.shape, generator=generator))
                if name.endswith(("std", "running_var")):
                    value.abs_().add_(0.1)
    return net.double().eval().requires_grad_(False)


def inputs(seed, *batch):
    rng = np.random.default_rng(seed)
    fractions = torch.tensor(rng.dirichlet(np.ones(N_ELEMENTS), batch))
    return fractions, torch.tensor(rng.normal(size=(*batch, N_PROCESS)))


def rows(seed=0, n=30):
    """Made-up rows: three to a composition, the target linear in everything, far from 0 and 1."""
    rng = np.random.default_rng(seed)
    groups = np.arange(n) // 3
    fractions = rng.dirichlet(np.ones(N_ELEMENTS), n)[groups]
    process = rng.normal(size=(n, N_PROCESS)) * [10, 0.1] + [500, 2]
    target = 300 + 90 * fractions @ rng.normal(size=N_ELEMENTS) + 2 * process[:, 0]
    return Rows(fractions, process, target, groups)


def properties(seed=0):
    return np.random.default_rng(seed).normal(size=(N_ELEMENTS, N_PROPERTIES)) * [1, 10, 100, 1000]


class Convolutions(nn.Module):
    """The network as published: images (B, 1, n_elements, width), two convolutions with kernel 1 × width."""

    def __init__(self, net):
        super().__init__()
        self.net, width = net, N_PROPERTIES + 1
        self.steps = nn.ModuleList()
        for linear, norm in ((net.first, net.first_norm), (net.second, net.second_norm)):
            convolution, batch_norm = nn.Conv2d(1, width, (1, width)).double(), nn.BatchNorm2d(width).double()
            with torch.no_grad():
                convolution.weight.copy_(linear.weight[:, None, None, :])
                convolution.bias.copy_(linear.bias)
            batch_norm.load_state_dict(norm.state_dict())
            self.steps.append(nn.Sequential(convolution, batch_norm, nn.ELU(0.2)))

    def forward(self, fractions, process):
        net = self.net
        table = net.properties.expand(len(fractions), -1, -1)
        image = torch.cat([((fractions - net.fraction_mean) / net.fraction_std)[..., None], table], -1)[:, None]
        x = image
        for step in self.steps:
            x = step(x)  # (B, width, n_elements, 1)
            x = x.reshape(image.shape) if net.mixing == "published" else x.permute(0, 3, 2, 1)
        flat = torch.cat([(x + image).flatten(1), (process - net.process_mean) / net.process_std], 1)
        hidden = nn.functional.elu(net.dense(flat), 0.2)
        return net.out(hidden).squeeze(1) * net.target_std + net.target_mean


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("mixing", MIXINGS)
def test_row_by_row_is_a_convolution(mixing, mode):
    net = network(1, mixing)
    reference = Convolutions(net)
    fractions, process = inputs(0, 16)
    net.dropout.p = 0.0  # the one layer that draws
    for module in (net, reference):
        module.train(mode == "train")
    torch.testing.assert_close(net(fractions, process), reference(fractions, process), rtol=1e-12, atol=1e-12)
    if mode == "train":  # the same batch statistics were remembered
        for ours, theirs in zip((net.first_norm, net.second_norm), (s[1] for s in reference.steps), strict=True):
            torch.testing.assert_close(ours.running_mean, theirs.running_mean)
            torch.testing.assert_close(ours.running_var, theirs.running_var)


def test_layers_have_the_papers_sizes():
    net = ResidualNetwork(torch.randn(11, 30), 3)
    sizes = {name: tuple(value.shape) for name, value in net.named_parameters()}
    assert sizes["first.weight"] == sizes["second.weight"] == (31, 31)
    assert sizes["dense.weight"] == (128, 11 * 31 + 3) and sizes["out.weight"] == (1, 128)
    assert net.dropout.p == 0.5
    papers = {"epochs": 500, "curve_epochs": 1000, "folds": 10, "batch": 16, "learning_rate": 5e-4, "hidden": 128}
    assert papers.items() <= dataclasses.asdict(Training()).items()


@pytest.mark.parametrize("mixing", MIXINGS)
@pytest.mark.parametrize("batch", [(), (6,), (2, 3)])
def test_leading_dimensions_pass_through(mixing, batch):
    net = network(2, mixing)
    fractions, process = inputs(1, *batch)
    flat = fractions.reshape(-1, N_ELEMENTS), process.reshape(-1, N_PROCESS)
    one_by_one = torch.stack([net(f, p) for f, p in zip(*flat, strict=True)])
    torch.testing.assert_close(net(fractions, process), one_by_one.reshape(batch))
    held = flat[1][0]  # one process for all
    torch.testing.assert_close(net(fractions, held), net(fractions, held.expand(*batch, -1)))


@pytest.mark.parametrize("mixing", MIXINGS)
@pytest.mark.parametrize("present", [[0, 1, 2, 3, 4], [3, 1], [4, 0, 2], [2]])
def test_restriction_is_the_network_with_zeros_elsewhere(mixing, present):
    net = network(3, mixing)
    fractions = torch.tensor(np.random.default_rng(4).dirichlet(np.ones(len(present)), (4, 6)))
    process = torch.tensor([0.3, -1.0], dtype=torch.float64)
    full = torch.zeros(4, 6, N_ELEMENTS, dtype=torch.float64)
    for column, slot in enumerate(present):
        full[..., slot] = fractions[..., column]
    torch.testing.assert_close(net.restrict(present, process)(fractions), net(full, process), rtol=1e-12, atol=1e-12)


def test_restriction_wants_a_network_at_rest():
    with pytest.raises(ValueError, match=r"eval mode, got one in training mode"):
        network().train().restrict([0], torch.zeros(N_PROCESS))


def permuted(net, order):
    """The same network with its element slots in another order."""
    other = network(0, net.mixing)
    state = {name: value.clone() for name, value in net.state_dict().items()}
    for name in ("properties", "fraction_mean", "fraction_std"):
        state[name] = state[name][order]
    width = N_PROPERTIES + 1
    blocks = state["dense.weight"][:, : N_ELEMENTS * width].reshape(HIDDEN, N_ELEMENTS, width)[:, order]
    state["dense.weight"][:, : N_ELEMENTS * width] = blocks.flatten(1)
    other.load_state_dict(state)
    return other


def test_elements_have_names_not_positions():
    """Slots permuted in table, scalers and dense weights alike: no change, but with the published mixing."""
    order = [3, 0, 4, 1, 2]
    fractions, process = inputs(5, 8)
    net = network(6)
    torch.testing.assert_close(permuted(net, order)(fractions[:, order], process), net(fractions, process))
    net = network(6, "published")
    assert (permuted(net, order)(fractions[:, order], process) - net(fractions, process)).abs().max() > 1e-3


@pytest.mark.parametrize("mixing", MIXINGS)
def test_hidden_inputs_are_a_sum_over_elements(mixing):
    """h(a, b) − h(a, b') − h(a', b) + h(a', b') = 0 for two elements' fractions; only without mixing."""
    net, hidden = network(7, mixing), []
    net.dense.register_forward_hook(lambda module, given, out: hidden.append(out))
    fractions, process = inputs(8, 2)
    for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
        x = fractions[0].clone()
        x[1], x[3] = fractions[a, 1], fractions[b, 3]
        net(x, process[0])
    mixed = hidden[0] - hidden[1] - hidden[2] + hidden[3]
    assert (mixed.abs().max() < 1e-12) == (mixing == "transposed")
    assert (hidden[0] - hidden[1]).abs().max() > 1e-3  # it does depend on them


def test_standardising_by_hand():
    net = ResidualNetwork(torch.tensor(properties()), N_PROCESS).double()
    data = rows()
    net.standardise(*(torch.tensor(values) for values in (data.fractions, data.process, data.target)))
    seen, process = net.inputs(torch.tensor(data.fractions), torch.tensor(data.process))
    by_hand = (data.fractions - data.fractions.mean(0)) / data.fractions.std(0)
    np.testing.assert_allclose(seen[..., 0], by_hand, atol=1e-12)
    table = (properties() - properties().mean(0)) / properties().std(0)
    np.testing.assert_allclose(seen[7, :, 1:], table, atol=1e-12)
    np.testing.assert_allclose(process, (data.process - data.process.mean(0)) / data.process.std(0), atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e-30, 1e6])
def test_a_column_that_never_varies_is_only_centred(value):
    data = rows()
    data.process[:, 0] = value
    net, _ = networks.train(data, np.ones((N_ELEMENTS, N_PROPERTIES)), TINY)
    assert net.process_std[0] == 1 and net.process_std[1] != 1
    assert (net.properties == 0).all()
    assert np.isfinite(networks.predict(net, data, np.arange(30))).all()
    _, process = net.inputs(*data.tensors(np.arange(30))[:2])
    assert process[:, 0].abs().max() <= 1e-6 * max(value, 1)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_training_sees_its_rows_only():
    """Wild values in the rows held back change no weight and no scaler."""
    data, wild, kept = rows(), rows(), np.arange(5, 30)
    for values in (wild.fractions, wild.process, wild.target):
        values[:5] = 1e9
    one, _ = networks.train(data, properties(), TINY, index=kept)
    other, _ = networks.train(wild, properties(), TINY, index=kept)
    assert same(one, other)
    assert one.target_mean.item() == pytest.approx(data.target[kept].mean(), rel=1e-6)
    assert not same(one, networks.train(wild, properties(), TINY)[0])


def test_training_repeats_bit_for_bit_and_leaves_the_global_generator_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one, _ = networks.train(rows(), properties(), TINY, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    other, curve = networks.train(rows(), properties(), TINY, seed=5, watch={"test": np.arange(4)})
    assert same(one, other)  # watching changes nothing either
    assert [sorted(row) for row in curve] == [["epoch", "test_r2", "train_mse"]] * 3
    assert curve[-1]["test_r2"] == r2_score(rows().target[:4], networks.predict(other, rows(), np.arange(4)))
    assert not same(one, networks.train(rows(), properties(), TINY, seed=6)[0])
    assert not one.training


@pytest.mark.parametrize("mixing", MIXINGS)
def test_first_step_is_adams_on_the_standardised_squared_error(mixing):
    """From zero moments Adam moves every weight by −η g/(|g| + ε); g by differences of the convolutions above.

    Not by their autograd: torch 2.13's BatchNorm2d on CPU returns wrong gradients where the one it is given comes
    through a transpose of a width-1 image. Ours is a BatchNorm1d over rows and is right, as this shows.
    """
    data, settings = rows(), Training(epochs=1, batch=30, dropout=0.0, hidden=HIDDEN, mixing=mixing)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        start = ResidualNetwork(
            torch.tensor(properties(), dtype=torch.float32), N_PROCESS, hidden=HIDDEN, mixing=mixing
        )
    start.standardise(*data.tensors(np.arange(30)))
    start.double().requires_grad_(False)
    fractions, process, target = (torch.tensor(values) for values in (data.fractions, data.process, data.target))

    def loss():
        error = (Convolutions(start).train()(fractions, process) - target) / target.std(unbiased=False)
        return (error**2).mean().item()

    trained, curve = networks.train(data, properties(), settings, seed=3, watch={"all": np.arange(30)})
    assert curve[0]["train_mse"] == pytest.approx(loss(), rel=1e-5)
    after = dict(trained.named_parameters())
    for name in ("first.weight", "second_norm.weight", "dense.bias", "out.weight"):
        before = start.get_parameter(name)
        for index in np.ndindex(before.shape):
            kept = before[index].item()
            before[index] = kept + 1e-5
            up = loss()
            before[index] = kept - 1e-5
            gradient = (up - loss()) / 2e-5
            before[index] = kept
            if abs(gradient) > 1e-4:
                assert after[name][index].item() - kept == pytest.approx(-5e-4 * np.sign(gradient), abs=2e-6)


def test_training_learns():
    data = rows(2, n=90)
    train, test = np.arange(0, 75), np.arange(75, 90)
    net, curve = networks.train(data, properties(), Training(epochs=80, dropout=0.0), index=train, watch={"test": test})
    assert r2_score(data.target[test], networks.predict(net, data, test)) > 0.9
    assert curve[-1]["train_mse"] < 0.05 < 0.5 < curve[0]["train_mse"]


def test_dropout_acts_in_training_only():
    net, data = network(9), inputs(1, 8)
    assert torch.equal(net(*data), net(*data))
    net.dropout.train()
    assert not torch.equal(net(*data), net(*data))
    without = dataclasses.replace(TINY, dropout=0.0)
    assert not same(*(networks.train(rows(), properties(), settings)[0] for settings in (TINY, without)))


@pytest.mark.parametrize("mixing", MIXINGS)
def test_a_saved_network_comes_back(tmp_path, mixing):
    settings = dataclasses.replace(TINY, mixing=mixing)
    net, _ = networks.train(rows(), properties(), settings)
    path = networks.save(net, tmp_path / "a.safetensors")
    before = torch.get_rng_state()
    back = networks.load(path)
    assert torch.equal(torch.get_rng_state(), before)
    assert back.mixing == mixing and not back.training
    assert {value.dtype for value in back.parameters()} == {torch.float64}
    assert not any(value.requires_grad for value in back.parameters())
    for name, value in net.state_dict().items():
        assert torch.equal(back.state_dict()[name], value.to(back.state_dict()[name].dtype)), name
    everything = np.arange(30)
    predicted = networks.predict(net, rows(), everything)
    np.testing.assert_allclose(networks.predict(back, rows(), everything), predicted, rtol=1e-5)
    again = networks.save(back.float(), tmp_path / "b.safetensors")
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("grouped", [False, True])
def test_folds_cover_and_do_not_meet(grouped):
    data, settings = rows(n=31), Training(folds=5)
    parts = networks.folds(data, settings, grouped=grouped)
    assert len(parts) == 5
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(31))
    assert all(sorted([*train, *test]) == list(range(31)) for train, test in parts)
    assert any(set(data.groups[train]) & set(data.groups[test]) for train, test in parts) != grouped

    def held_out(seed):
        return [test.tolist() for _, test in networks.folds(data, Training(folds=5, seed=seed), grouped=grouped)]

    assert held_out(0) == held_out(0) != held_out(1)


def test_split_is_70_15_15():
    parts, again, other = (networks.split(291, seed) for seed in (0, 0, 1))
    assert [len(part) for part in parts] == [204, 43, 44]
    assert sorted(np.concatenate(parts)) == list(range(291))
    assert np.array_equal(np.concatenate(parts), np.concatenate(again))
    assert not np.array_equal(np.concatenate(parts), np.concatenate(other))


def test_impossible_settings_are_refused():
    for wrong in ({"mixing": "both"}, {"batch": 16.0}, {"hidden": -1}, {"curve_epochs": "9"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Training(**wrong)


def test_settings_are_described_in_full():
    described = networks.describe(TINY)
    assert described.pop("behaviour") == networks.BEHAVIOUR
    assert Training(**described) == TINY
