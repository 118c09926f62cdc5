"""A campaign on real measurements: they scatter, lie off the grid, and several experiments are made at a time.

    campaign = NoisyCampaign(space, features)
    campaign.tell_fractions(compositions, merits)      # whatever has been made; or tell(counts, merits)
    suggestions = campaign.ask_batch(q, rng)

The surrogate's noise is learned, on targets standardised to mean 0 and standard deviation 1.

The best so far, over which acquisition functions count improvement, is no measurement: the largest of n noisy values is
large by luck as well, the more so the larger n. It is the largest posterior mean among the grid compositions nearest to
the measured ones. (So an alloy outside the limits, which cannot be made again, sets no mark either.)

A batch is put together one by one, each pick as if the earlier ones had been measured and had given what the model
expects (the kriging believer). Believing y* = μ(x*) leaves every posterior mean as it is and takes from the variance

    σ²(x) ← σ²(x) − k(x, x* | X)² / (σ²(x*) + σ_n²),

by which the next pick goes elsewhere; hyperparameters are kept. Picks are `apart` at least: this share of an alloy,
½ Σ_i |c_i − c'_i|, would have to be exchanged to make one from the other.

Source: Ginsbourger, Le Riche and Carraro 2010, doi 10.1007/978-3-642-10701-6_6, for the believer.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import torch
from torch import Tensor

from alloygrad.acquisition.analytic import ACQUISITIONS
from alloygrad.campaigns.campaign import Campaign
from alloygrad.campaigns.trajectory import (
    INNER_LOOP,
    Settings,
    choose_features,
    generator,
    initial_measurements,
    joined,
    measured_row,
)
from alloygrad.checks import require_whole
from alloygrad.features.feature_map import FeatureMap, doubles
from alloygrad.kernel import matern52
from alloygrad.maximisers import Suggestion, maximise
from alloygrad.spaces.composition import ON_GRID, CompositionSpace
from alloygrad.surrogates.gp import BOUNDS, LARGEST, Surrogate, fit, standardisation

PENALTY = 1e10
"""Taken from the acquisition value too near an earlier pick. No acquisition function spans as much: of n ≤ 1000
standardised targets, none is more than √n off the best, and σ² stays above the least noise, 1e-4, over n; so log EI,
about −u²/2, spans less than 5e9."""

APART = 0.1
"""Least distance of two picks unless given, as a share of the widest range of an element."""


HOPELESS = -20.0
"""Below this log acquisition value, some six standard deviations short, a suggestion promises nothing."""

LEAST_NOISE = BOUNDS["noise"][0] * (1 + 1e-9)
"""Learned noise that ended at its lower bound, with room for the rounding of its logarithm, is no more than this."""


class NoisyCampaign(Campaign):
    """As `Campaign`, with learned noise; targets of any unit, the larger the better."""

    def __init__(
        self,
        space: CompositionSpace,
        features: Callable[[Tensor], Tensor],
        *,
        maximiser: str = "ascent",
        acquisition: str = "log_ei",
        options: Mapping | None = None,
    ):
        super().__init__(space, features, maximiser=maximiser, acquisition=acquisition, options=options)
        self.compositions = np.empty((0, len(space.elements)))  # fractions as measured; `counts` are the nearest ones

    def tell(self, counts: np.ndarray, targets: np.ndarray) -> None:
        """As `Campaign.tell`."""
        super().tell(counts, targets)
        self.compositions = np.concatenate([self.compositions, self.space.fractions(np.atleast_2d(counts))])

    def tell_fractions(self, fractions: np.ndarray, targets: np.ndarray) -> None:
        """Add measurements (m, n_elements), (m,), on the grid or off it, within the limits or outside.

        Raises ValueError for what is no composition or not finite, and in a space of rows; nothing is added then.
        """
        if self.space.listed:
            what = "The space is a list of rows, between and beyond which nothing can be suggested"
            remedy = "expected one with limits: `own.declare`, or a `CompositionSpace`"
            raise ValueError(f"{what}; {remedy}. Rows of the list are told by their counts: `tell`.")
        fractions, targets = np.atleast_2d(np.asarray(fractions, float)), np.atleast_1d(np.asarray(targets, float))
        if fractions.shape != (len(targets), len(self.space.elements)) or targets.ndim != 1:
            raise ValueError(
                f"Fractions of shape {fractions.shape} came with targets of shape {targets.shape}; "
                f"expected (m, {len(self.space.elements)}) and (m,)."
            )
        sound = (np.abs(targets) <= LARGEST) & (fractions >= 0).all(1) & (np.abs(fractions.sum(1) - 1) < 1e-6)
        if not sound.all():
            bad = int(np.flatnonzero(~sound)[0])
            what = f"Row {bad}: {fractions[bad].tolist()} with target {targets[bad]}"
            wanted = f"fractions from 0 on with a sum of 1, and a finite target, {LARGEST:.0e} at most"
            raise ValueError(f"{what}; expected {wanted}. Leave the row out, or rescale all targets.")
        self.counts = np.concatenate([self.counts, self.space.snap(fractions)])
        self.compositions = np.concatenate([self.compositions, fractions])
        self.targets = np.concatenate([self.targets, targets])
        self.surrogate = None

    @property
    def scale(self) -> tuple[float, float]:
        """Centre and spread by which targets are standardised, in their unit."""
        return standardisation(self.targets)

    def fit(self) -> Surrogate:
        """The surrogate of standardised targets; `predict` gives their unit back. Raises ValueError without any."""
        self.require_measured()
        if self.surrogate is None:
            centre, spread = self.scale
            self.surrogate = fit(self.features, self.compositions, (self.targets - centre) / spread, noise=None)
        return self.surrogate

    def predict(self, fractions) -> tuple[np.ndarray, np.ndarray]:
        """(mean, std) of the merit itself, each (...), of (..., n_elements), in the unit of the targets."""
        centre, spread = self.scale
        with torch.no_grad():
            mean, std = self.fit()(fractions)
        return centre + spread * mean.numpy(), spread * std.numpy()

    def noise_std(self) -> float:
        """Learned standard deviation of one measurement about the merit itself, in the unit of the targets."""
        return self.scale[1] * sqrt(self.fit().noise)

    def doubts(self) -> str:
        """What is to be said against the fit, in one line: as of any, and noise at its bound; "" if nothing.

        That is the lower one: at the upper the prior falls faster than standardised targets let the likelihood rise.
        """
        said = self._of_fit()
        if self.fit().noise <= LEAST_NOISE:
            agree = f"The model believes that repeats agree to {self.noise_std():.2g} or better (its least noise)"
            said.append(f"{agree}; where they do not, expect larger errors than stated.")
        return " ".join(said)

    def best(self) -> float:
        """The best so far, see above; standardised."""
        with torch.no_grad():
            return self.fit()(self.space.fractions(self.counts))[0].max().item()

    def acquire(self):
        """The acquisition function of what is measured."""
        return ACQUISITIONS[self.acquisition](self.fit(), self.best())

    def ask(self, rng: np.random.Generator | None = None) -> Suggestion:
        return self.ask_batch(1, rng)[0]

    def ask_batch(self, q: int, rng: np.random.Generator | None = None, *, apart: float | None = None):
        """The next q compositions, distinct and none measured: a list of `Suggestion`.

        apart: least distance of two picks; None: `APART` of the widest range of an element. Where no composition is
        as far from the earlier picks, or a pick promises no improvement (below `HOPELESS`), its warning says so; what
        is to be said against the fit (`doubts`) joins all of them.
        Raises ValueError where fewer than q are left to suggest.
        """
        require_whole(1, q=q)
        left = self.space.size - len(np.unique(self.counts[self._measured()], axis=0))
        if q > left:
            raise ValueError(f"{q} experiments asked for; {left} compositions of the space are not measured yet.")
        if apart is None:
            apart = APART * np.max(np.subtract(self.space.upper, self.space.lower))
        if not 0 <= apart <= 1:  # true for NaN too
            raise ValueError(f"apart is {apart}; expected a share of the alloy, from 0 to 1.")
        surrogate, best, picks = self.fit(), self.best(), []
        for _ in range(q):
            taken = np.array([pick.counts for pick in picks], dtype=np.int64).reshape(-1, len(self.space.elements))
            exclude = np.concatenate([self.counts[self._measured()], taken])
            acquire = ACQUISITIONS[self.acquisition](surrogate, best)
            if picks:
                acquire = _Apart(acquire, torch.from_numpy(self.space.fractions(taken)), apart - ON_GRID)
            pick = maximise(acquire, self.space, self.maximiser, exclude=exclude, rng=rng, options=self.options)
            if picks and acquire.near(torch.from_numpy(pick.composition)):
                warning = f"{pick.warning} No composition is {100 * apart:.3g} at.% from the earlier picks.".strip()
                pick = replace(pick, value=acquire.acquire(pick.composition).item(), warning=warning)
            if self.acquisition.startswith("log_") and pick.value < HOPELESS:
                warning = f"{pick.warning} No improvement expected: ask for fewer, or stop.".strip()
                pick = replace(pick, warning=warning)
            picks.append(pick)
            believed = surrogate(pick.composition)[0].item()
            surrogate, best = believe(surrogate, pick.composition), max(best, believed)
        doubts = self.doubts()
        return [replace(pick, warning=f"{pick.warning} {doubts}".strip()) for pick in picks]

    def _measured(self) -> np.ndarray:
        """(n,): whether a measurement takes the nearest grid composition: less than a step away in each element."""
        off = np.abs(self.space.fractions(self.counts) - self.compositions).max(1, initial=0)
        return off < (1 - 1e-9) * self.space.step


def trajectory(settings: Settings, space: CompositionSpace, environment: Callable, seed: int) -> Iterator[dict]:
    """As `campaign.trajectory`, from the same compositions and with the same features, by a `NoisyCampaign`.

    Row: seed, experiment, counts per element, properties, merit; then, for proposed ones, value and warning. Raises
    ValueError for a surrogate other than the GP.
    """
    if settings.surrogate != "gp":
        raise ValueError(f"surrogate is {settings.surrogate!r}; expected 'gp', the one that learns noise.")
    rows = []
    for row in initial_measurements(settings, space, environment, seed):
        rows.append(row)
        yield row
    counts = np.array([[row[element] for element in space.elements] for row in rows])
    merits = np.array([row["merit"] for row in rows])
    features = FeatureMap(space.elements, choose_features(settings, space, counts, merits, seed))
    inner = {"maximiser": settings.maximiser, "acquisition": settings.acquisition, "options": settings.options}
    campaign = NoisyCampaign(space, features, **inner)
    campaign.tell(counts, merits)
    for experiment in range(settings.n_experiments):
        pick = campaign.ask(generator(seed, INNER_LOOP, experiment))
        row = measured_row(environment, space, pick.counts.tolist(), seed, experiment)
        campaign.tell(pick.counts, row["merit"])
        yield joined(row, {"value": pick.value, "warning": pick.warning})


def believe(surrogate: Surrogate, composition: np.ndarray) -> Surrogate:
    """`surrogate` as if `composition` (n_elements,) had been measured, and the mean found there.

    One more row of the Cholesky factor; the weights get a zero, since no residual is left at the new point.
    """
    composition = doubles(composition)[None]
    x = (surrogate.features(composition) - surrogate.low) / surrogate.width
    kernel = matern52(x / surrogate.lengthscales, surrogate.points, surrogate.outputscale)[2]
    row = torch.linalg.solve_triangular(surrogate.cholesky, kernel.mT, upper=False)
    corner = surrogate.outputscale + surrogate.noise + surrogate.jitter - row.square().sum()
    n = len(surrogate.targets)
    factor = torch.zeros((n + 1, n + 1), dtype=torch.float64)
    factor[:n, :n], factor[n, :n] = surrogate.cholesky, row[:, 0]
    factor[n, n] = corner.clamp_min(surrogate.noise).sqrt()
    with torch.no_grad():
        mean = surrogate(composition)[0]
    return replace(
        surrogate,
        compositions=torch.cat([surrogate.compositions, composition]),
        targets=torch.cat([surrogate.targets, mean]),
        inputs=torch.cat([surrogate.inputs, x]),
        cholesky=factor,
        weights=torch.cat([surrogate.weights, torch.zeros(1, dtype=torch.float64)]),
        log_posterior=float("nan"),
        diagnosis="one point believed, not measured",
    )


def exchanged(one, other):
    """½ Σ_i |c_i − c'_i| (...) of fractions (..., n_elements): the share of one alloy to exchange for the other."""
    return 0.5 * abs(one - other).sum(-1)


@dataclass(frozen=True)
class _Apart:
    """`acquire`, less `PENALTY` nearer than `distance` to one of `picks` (m, n_elements)."""

    acquire: Callable[[Tensor], Tensor]
    picks: Tensor
    distance: float

    def near(self, compositions: Tensor) -> Tensor:
        with torch.no_grad():
            return exchanged(compositions[..., None, :], self.picks).amin(-1) < self.distance

    def __call__(self, compositions: Tensor) -> Tensor:
        return self.acquire(compositions) - PENALTY * self.near(compositions)
