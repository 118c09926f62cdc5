"""A campaign: measure, model, ask for the next composition, measure it, tell.

campaign = Campaign(space, features)
campaign.tell(counts, merits)                # what is measured so far
suggestion = campaign.ask(rng)               # fit, acquire, maximise
campaign.tell(suggestion.counts, environment(suggestion.composition)["merit"])
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from alloygrad.acquisition.analytic import ACQUISITIONS
from alloygrad.features.feature_map import FeatureMap
from alloygrad.maximisers import METHODS, Suggestion, maximise
from alloygrad.maximisers.options import FEW, Options, build
from alloygrad.spaces.composition import CompositionSpace, require_elements
from alloygrad.surrogates import deep_kernel, forest, gp
from alloygrad.surrogates.gp import LARGEST

SURROGATES = {"gp": gp.fit, "forest": forest.fit, "deep_kernel": deep_kernel.fit}
"""What models the measurements: (features, compositions, targets) → a callable compositions → (mean, std)."""

WITHOUT_GRADIENT = ("forest",)
"""Surrogates that no gradient can be asked of."""

SPREADS = (0.01, 100.0)
"""Targets whose range lies beyond are warned of: noise and priors of the GP are made for about 1."""


def require_known(what: str, name: str, known: Mapping) -> None:
    """Raises ValueError where `name` is none of `known`."""
    if name not in list(known):
        raise ValueError(f"{what} is {name!r}; known are {sorted(known)}.")


def require_runnable(
    maximiser: str,
    acquisition: str,
    surrogate: str,
    options: Mapping | None,
    space: CompositionSpace | None = None,
) -> Options:
    """The options of the maximiser, built from a mapping.

    Raises ValueError for an unknown name, for a wrong option, and if the maximiser asks for gradients that the
    surrogate does not have: in `space` if that is given, otherwise in every space.
    """
    require_known("maximiser", maximiser, METHODS)
    require_known("acquisition", acquisition, ACQUISITIONS)
    require_known("surrogate", surrogate, SURROGATES)
    built = build(METHODS[maximiser].options, options)
    if surrogate in WITHOUT_GRADIENT and METHODS[maximiser].gradients(space, built):
        raise ValueError(
            f"maximiser {maximiser!r} follows gradients here, and surrogate {surrogate!r} has none: take "
            f"'random_search', on small grids 'enumeration', up to {FEW} elements 'lattice'."
        )
    return built


class Campaign:
    """The measured compositions of one space and the next suggestion; knows nothing of where targets come from.

    Targets are fitted as they are and should differ by about 1: megapascals are to be rescaled. `noisy.NoisyCampaign`
    does that itself. Raises ValueError for an unknown name or option, for a maximiser that follows gradients where the
    surrogate has none, and for features of other elements than the space's or of another order.
    """

    def __init__(
        self,
        space: CompositionSpace,
        features: FeatureMap,
        *,
        maximiser: str = "ascent",
        acquisition: str = "log_ei",
        options: Mapping | None = None,
        surrogate: str = "gp",
    ):
        self.options = require_runnable(maximiser, acquisition, surrogate, options, space)
        require_elements(space, features=features)
        self.space, self.features = space, features
        self.maximiser, self.acquisition = maximiser, acquisition
        self.counts = np.empty((0, len(space.elements)), dtype=np.int64)
        self.targets = np.empty(0)
        self.fit_surrogate = SURROGATES[surrogate]
        self.surrogate: Callable | None = None

    def tell(self, counts: np.ndarray, targets: np.ndarray) -> None:
        """Add measured compositions: counts (m, n_elements) with finite targets (m,), or one of each; larger is better.

        Raises ValueError for a target that is not finite and a composition outside the space; nothing is added then.
        """
        counts = np.atleast_2d(counts)
        targets = np.atleast_1d(np.asarray(targets, dtype=float))
        if counts.ndim != 2 or targets.shape != counts.shape[:1]:
            raise ValueError(
                f"Counts of shape {counts.shape} came with targets of shape {targets.shape}; "
                f"expected (m, {len(self.space.elements)}) and (m,)."
            )
        if not (sound := np.abs(targets) <= LARGEST).all():  # false for NaN too
            bad = int(np.flatnonzero(~sound)[0])
            where = dict(zip(self.space.elements, self.space.fractions(counts[bad]).tolist(), strict=True))
            raise ValueError(
                f"The target at {where} is {targets[bad]}; only finite ones, {LARGEST:.0e} at most, can be modelled. "
                "Leave it out, repeat it, or rescale all targets."
            )
        if not (inside := self.space.contains(counts)).all():
            bad = counts[np.flatnonzero(~inside)[0]] / self.space.total
            raise ValueError(
                f"{dict(zip(self.space.elements, bad.tolist(), strict=True))} is not in the space: "
                f"{'; '.join(self.space.violations(bad))}. Leave it out, or widen the limits."
            )
        self.counts = np.concatenate([self.counts, counts], dtype=np.int64)
        self.targets = np.concatenate([self.targets, targets])
        self.surrogate = None

    def fit(self) -> Callable:
        """The surrogate of all that is measured; fitted once per state. Raises ValueError where nothing is."""
        self.require_measured()
        if self.surrogate is None:
            self.surrogate = self.fit_surrogate(self.features, self.space.fractions(self.counts), self.targets)
        return self.surrogate

    def ask(self, rng: np.random.Generator | None = None) -> Suggestion:
        """The next composition; the campaign is left as it is until `tell`. Enumeration needs no rng.

        Raises ValueError where nothing has been told yet. What is to be said against the fit joins the warning.
        """
        model = self.fit()
        acquire = ACQUISITIONS[self.acquisition](model, self.targets.max())
        found = maximise(acquire, self.space, self.maximiser, exclude=self.counts, rng=rng, options=self.options)
        return replace(found, warning=" ".join(filter(None, [found.warning, self.doubts()])))

    def require_measured(self) -> None:
        """Raises ValueError where nothing has been told yet."""
        if not len(self.targets):
            raise ValueError("Nothing is measured yet; `tell` the campaign some compositions and their targets first.")

    def doubts(self) -> str:
        """What is to be said against the fit, or "": as `_of_fit`, and of targets that its priors do not expect."""
        said, spread = self._of_fit(), np.ptp(self.targets)
        if getattr(self.surrogate, "diagnosis", "") and spread and not SPREADS[0] <= spread <= SPREADS[1]:
            said.append(f"Targets differ by {spread:.3g}; the fit expects about 1: rescale them.")
        return " ".join(said)

    def _of_fit(self) -> list[str]:
        """A search that did not converge, a kernel singular in floats."""
        model = self.fit()
        diagnosis = getattr(model, "diagnosis", "")
        doubtful = getattr(model, "jitter", 0.0) or diagnosis.startswith("stopped")
        return [f"GP fit {diagnosis}."] if doubtful else []
