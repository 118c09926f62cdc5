"""The convolutional-residual network that maps a composition and a process to one property.

A composition enters as a matrix with one row per element: its standardised fraction, then the element's 30
standardised properties. A convolution whose 1 × 31 kernel spans a whole row is one linear map applied to every row, and
is written so (a test compares it with `Conv2d`):

    x₀ = [fraction | properties]                       (n_elements, 31)
    x₁ = ELU(BN(A₁ x₀)),  x₂ = ELU(BN(A₂ x₁))           row by row, α = 0.2
    y  = w₂ · dropout(ELU(W₁ [flatten(x₂ + x₀), process]))

No term before W₁ mixes two elements, so the 128 hidden inputs are a sum of one function per element. The published
code reshapes (31, n_elements) to (n_elements, 31) without a transpose after each convolution, which does mix them;
`mixing="published"` is that form. Source: Xian et al., Digital Discovery 2025, section 3.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, KFold
from torch import Tensor, nn

from alloygrad.checks import require_whole
from compendium import store

BEHAVIOUR = 1  # raise it when a change to this module changes what training gives: it enters the digest


@dataclass(frozen=True)
class Training:
    """How a network is trained. Defaults are the paper's; every field enters the digest of a training."""

    epochs: int = 500
    curve_epochs: int = 1000
    folds: int = 10
    batch: int = 16
    learning_rate: float = 5e-4
    hidden: int = 128
    dropout: float = 0.5
    mixing: str = "transposed"
    seed: int = 0

    def __post_init__(self):
        if self.mixing not in ("transposed", "published"):
            raise ValueError(f"mixing is {self.mixing!r}; it must be 'transposed' or 'published'.")
        for name, least in (("epochs", 1), ("curve_epochs", 1), ("folds", 2), ("batch", 1), ("hidden", 1)):
            require_whole(least, **{name: getattr(self, name)})


class ResidualNetwork(nn.Module):
    """Fractions (..., n_elements) and process values (..., n_process) → one property (...), in its own unit.

    The scalers are buffers: one weight file holds all that a prediction needs. Properties are standardised over the
    alloy's elements; fractions, process values and the target over the rows passed to `standardise`.
    """

    def __init__(
        self, properties: Tensor, n_process: int, *, hidden: int = 128, dropout: float = 0.5, mixing: str = "transposed"
    ):
        super().__init__()
        n_elements, width = properties.shape[0], properties.shape[1] + 1
        self.mixing = mixing
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.first_norm, self.second_norm = nn.BatchNorm1d(width), nn.BatchNorm1d(width)
        self.dense = nn.Linear(n_elements * width + n_process, hidden)
        self.out = nn.Linear(hidden, 1)
        self.dropout = nn.Dropout(dropout)
        spread = properties.std(0, unbiased=False)
        self.register_buffer("properties", (properties - properties.mean(0)) / torch.where(spread > 0, spread, 1.0))
        for name, size in (("fraction", n_elements), ("process", n_process), ("target", 1)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))

    def standardise(self, fractions: Tensor, process: Tensor, target: Tensor) -> None:
        """Set the scalers from training rows; a column that never varies is centred and not scaled."""
        for name, values in (("fraction", fractions), ("process", process), ("target", target[:, None])):
            spread = values.std(0, unbiased=False)
            getattr(self, f"{name}_mean").copy_(values.mean(0))
            getattr(self, f"{name}_std").copy_(torch.where(spread > 0, spread, 1.0))

    def forward(self, fractions: Tensor, process: Tensor) -> Tensor:
        """Return the property in its own unit; one process (n_process,) may serve all fractions."""
        return self.respond(*self.inputs(fractions, process)) * self.target_std[0] + self.target_mean[0]

    def inputs(self, fractions: Tensor, process: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the layers see: rows (..., n_elements, 1 + n_properties) and process (..., n_process)."""
        fraction = (fractions - self.fraction_mean) / self.fraction_std
        rows = torch.cat([fraction[..., None], self.properties.expand(*fraction.shape, -1)], -1)
        return rows, ((process - self.process_mean) / self.process_std).expand(*fractions.shape[:-1], -1)

    def respond(self, rows: Tensor, process: Tensor) -> Tensor:
        """Apply the layers: element rows and process → standardised property (...)."""
        flat = torch.cat([self._rows(rows).flatten(-2), process], -1)
        return self.out(self.dropout(_elu(self.dense(flat))))[..., 0]

    def restrict(self, present: list[int], process: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the network as a function of the `present` elements' fractions alone: (..., len(present)) → (...).

        The other elements are absent and `process` (n_process,) is held fixed. No layer before the dense one mixes
        elements, so absent elements and process contribute one constant vector. It is computed here from the present
        weights: the network must be in eval mode.
        """
        if self.training:
            raise ValueError("Expected a network in eval mode, got one in training mode: call .eval() first.")
        absent = [i for i in range(len(self.properties)) if i not in set(present)]
        inputs, held = self.inputs(self.fraction_mean.new_zeros(len(self.properties)), process)
        if self.mixing == "published":
            slots = torch.eye(len(inputs), dtype=inputs.dtype)[present]
            return lambda fractions: self(fractions @ slots, process)
        width = inputs.shape[-1]
        weight = self.dense.weight[:, : inputs.numel()].view(-1, *inputs.shape)  # (hidden, n_elements, width)
        constant = self.dense.bias + self.dense.weight[:, inputs.numel() :] @ held
        constant = constant + torch.einsum("hnw,nw->h", weight[:, absent], self._rows(inputs)[absent])
        weight = weight[:, present].flatten(1).T  # (len(present) * width, hidden)
        scale, shift = 1 / self.fraction_std[present], -(self.fraction_mean / self.fraction_std)[present]
        properties = self.properties[present]

        def respond(fractions: Tensor) -> Tensor:
            rows = torch.cat(
                [(fractions * scale + shift)[..., None], properties.expand(*fractions.shape, width - 1)], -1
            )
            hidden = self._rows(rows).flatten(-2) @ weight + constant
            return self.out(_elu(hidden))[..., 0] * self.target_std[0] + self.target_mean[0]

        return respond

    def _rows(self, rows: Tensor) -> Tensor:
        return self._convolve(self._convolve(rows, self.first, self.first_norm), self.second, self.second_norm) + rows

    def _convolve(self, rows: Tensor, linear: nn.Linear, norm: nn.BatchNorm1d) -> Tensor:
        out = _elu(norm(linear(rows).flatten(0, -2))).view(*rows.shape)
        if self.mixing == "published":
            out = out.transpose(-1, -2).reshape(rows.shape)
        return out


def _elu(x: Tensor) -> Tensor:
    return nn.functional.elu(x, alpha=0.2)


@dataclass(frozen=True, eq=False)
class Rows:
    """Training rows: fractions (n, n_elements), process (n, n_process), target (n,), composition labels (n,)."""

    fractions: np.ndarray
    process: np.ndarray
    target: np.ndarray
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.target)

    def tensors(self, index: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Return the chosen rows as float32 tensors."""
        return tuple(torch.tensor(v[index], dtype=torch.float32) for v in (self.fractions, self.process, self.target))


def train(rows: Rows, properties: np.ndarray, training: Training, *, index=None, epochs=None, seed=0, watch=None):
    """Train one network on `rows[index]` (default: all rows); the scalers see only these rows.

    properties: (n_elements, n_properties) in the element order of `rows.fractions`.
    watch: {name: row numbers} to score after every epoch. Returns the network in eval mode and a list of
    {"epoch", "train_mse", "<name>_r2" …}, MSE on standardised targets. The global random generator is not changed.
    """
    index = np.arange(len(rows)) if index is None else index
    fractions, process, target = rows.tensors(index)
    curve = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = ResidualNetwork(
            torch.tensor(properties, dtype=torch.float32),
            process.shape[1],
            hidden=training.hidden,
            dropout=training.dropout,
            mixing=training.mixing,
        )
        network.standardise(fractions, process, target)
        inputs, held = network.inputs(fractions, process)
        wanted = (target - network.target_mean) / network.target_std
        optimiser = torch.optim.Adam(network.parameters(), lr=training.learning_rate, fused=True)
        for epoch in range(1, (epochs or training.epochs) + 1):
            network.train()
            total = 0.0
            for chosen in torch.randperm(len(index)).split(training.batch):
                optimiser.zero_grad()
                loss = nn.functional.mse_loss(network.respond(inputs[chosen], held[chosen]), wanted[chosen])
                loss.backward()
                optimiser.step()
                total += loss.detach() * len(chosen)
            if watch:
                scores = {
                    f"{name}_r2": r2_score(rows.target[part], predict(network, rows, part))
                    for name, part in watch.items()
                }
                curve.append({"epoch": epoch, "train_mse": float(total) / len(index), **scores})
    return network.eval(), curve


def predict(network: ResidualNetwork, rows: Rows, index: np.ndarray) -> np.ndarray:
    """Return predictions (len(index),) in the target's unit; the network is put in eval mode."""
    network.eval()
    fractions, process, _ = rows.tensors(index)
    with torch.no_grad():
        return network(fractions, process).numpy().astype(float)


def folds(rows: Rows, training: Training, *, grouped: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (train, test) row numbers of each fold; `grouped` keeps all rows of one composition in one fold."""
    if grouped:
        splitter = GroupKFold(training.folds, shuffle=True, random_state=training.seed)
        return list(splitter.split(rows.target, groups=rows.groups))
    return list(KFold(training.folds, shuffle=True, random_state=training.seed).split(rows.target))


def split(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return row numbers of a random 70 / 15 / 15 split into training, validation and test."""
    order = np.random.default_rng(seed).permutation(n)
    return tuple(np.split(order, [round(0.70 * n), round(0.85 * n)]))


def save(network: ResidualNetwork, path: Path) -> Path:
    """Write weights and scalers as safetensors (no code, no pickle), without the dropout rate."""
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    return store.write(path, lambda temporary: save_file(state, temporary, metadata={"mixing": network.mixing}))


def load(path: Path) -> ResidualNetwork:
    """Read a network of the file's sizes and mixing: in eval mode, float64, without gradients of its weights."""
    with safe_open(path, framework="pt") as file:
        mixing, state = file.metadata()["mixing"], {name: file.get_tensor(name) for name in file.keys()}
    n_process, hidden = len(state["process_mean"]), len(state["dense.bias"])
    with torch.random.fork_rng(devices=[]):  # the first weights are random, and replaced at once
        network = ResidualNetwork(torch.zeros(state["properties"].shape), n_process, hidden=hidden, mixing=mixing)
    network.load_state_dict(state, assign=True)
    return network.double().eval().requires_grad_(False)


def describe(training: Training) -> dict:
    """Return the settings as plain values, for a card or a digest."""
    return {"behaviour": BEHAVIOUR, **asdict(training)}
