"""A known function of several outcomes, each of which is modelled by itself.

    def merit(p):
        return p["enthalpy_J_per_g"] / 35 - abs(p["austenite_peak_C"] - 60) / 50

    Merit(merit, ["enthalpy_J_per_g", "austenite_peak_C"])

A merit is often less smooth than what it is made of: the distance from a wanted temperature has a kink where it is
best, and there a model of the merit itself sees a narrow ridge. Here each outcome has a model, and the function is
applied to samples of what the models expect.

Source: Astudillo and Frazier, Bayesian Optimization of Composite Functions, ICML 2019.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from alloygrad.checks import (
    distinct_names,
    explained,
    numbers,
    require_callable,
    require_number,
    require_outcomes,
    shown,
)

MARGIN = 0.03
"""Chosen on two landscapes, by seeds that nothing else uses (notebook 15)."""

RESERVED = "merit"
"""What predictions of the merit are called, beside those of its outcomes."""

DOMAIN = "Keep what is under a root, or below a fraction, in its domain, as in p['x'].clip(1e-9) ** 0.5."


@explained("ag.Merit(lambda p: p['hardness_HV'] / 500 - p['cost'] / 90, ['hardness_HV', 'cost'])")
@dataclass(frozen=True)
class Merit:
    """The objective "a known function of several outcomes as large as possible".

    Args:
        function: {outcome: values (...)} → merits (...), by what arrays and tensors have in common: +, −, *, /, **,
            abs() and .clip(…). It should be continuous, and finite for all outcomes.
        outcomes: Names of the outcomes that it needs; each becomes a property with a model of its own.
        margin: By how much every second suggestion has to beat the best, as a share of the height of the best above the
            median of all known merits; 0: no margin. Without it a campaign polishes one good alloy to the last digit,
            since the models are too sure of what lies elsewhere. "Second" counts the different points that are known.

    Raises:
        TypeError: `function` is none. ValueError: Names that are empty or repeated, a negative margin, or a function
            that does not return a number for each value, of arrays and of tensors alike.

    Example:
        >>> wish = Merit(lambda p: p["hardness_HV"] / 500 - abs(p["peak_C"] - 60) / 50, ["hardness_HV", "peak_C"])
        >>> wish.value({"hardness_HV": [250.0, 500.0], "peak_C": [60.0, 85.0]}).tolist()
        [0.5, 0.5]
    """

    function: Callable[[Mapping[str, Any]], Any]
    outcomes: Sequence[str]
    margin: float = MARGIN
    sign: ClassVar[int] = 1

    def __str__(self) -> str:
        """Return what is wanted, in words."""
        return f"maximise {self.name}"

    def __post_init__(self) -> None:
        require_number(0, 10, margin=self.margin)
        require_callable("function", self.function, "a function of {outcome: values (...)} → merits (...)")
        names = [self.outcomes] if isinstance(self.outcomes, str) else self.outcomes
        object.__setattr__(self, "outcomes", distinct_names(names, "names of outcomes", "['hardness_HV', 'cost']"))
        if RESERVED in self.outputs:
            raise ValueError(
                f"Expected names of outcomes other than {RESERVED!r}, which predictions of the merit are called; got "
                f"{list(self.outputs)}. Rename this one."
            )
        some = np.linspace(1, 2, 3)
        for kind, values in (("arrays", some), ("tensors", torch.from_numpy(some.copy()).requires_grad_())):
            try:
                with torch.enable_grad():
                    found = self.function(dict.fromkeys(self.outcomes, values))
            except KeyError as error:
                raise ValueError(
                    f"Expected a function of {{outcome: values}} that looks up {', '.join(self.outcomes)}; it asks for "
                    f"{error} as well. Name all that it needs."
                ) from error
            except (TypeError, ValueError, AttributeError, RuntimeError) as error:
                raise ValueError(
                    f"Expected a function that takes arrays and tensors; given {kind}, it fails: {error}. Write it "
                    "with +, −, *, /, **, abs() and .clip(…)."
                ) from error
            if not isinstance(found, type(values)) or found.shape != values.shape:
                raise ValueError(
                    f"Expected {kind} of merits, one for each value (3,); got {shown(found)}. Compute it from "
                    "p['name'] for each name, without float() or loops."
                )
            if isinstance(found, Tensor) and not found.requires_grad:
                raise ValueError(
                    "Expected a merit that changes with its outcomes, and of which torch knows the gradient; got one "
                    "without. Write it with +, −, *, /, **, abs() and .clip(…), not with functions of NumPy or steps."
                )

    @property
    def name(self) -> str:
        """What is optimised, in words."""
        return f"merit of {', '.join(self.outcomes)}"

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outcomes."""
        return tuple(self.outcomes)

    def value(self, outcomes: Mapping[str, ArrayLike]) -> np.ndarray:
        """Return the merits (...) of outcomes, each (...)."""
        require_outcomes(self.outputs, outcomes)
        return np.asarray(self.function({name: numbers(outcomes[name], name) for name in self.outputs}))

    def require_finite(self, values: np.ndarray, labels: Sequence[str]) -> None:
        """Raise ValueError where a measurement (n, m) of all outcomes, in their order, has no finite merit."""
        whole = np.flatnonzero(~np.isnan(values).any(1))
        with np.errstate(all="ignore"):
            merits = self.value(dict(zip(self.outputs, values[whole].T, strict=True)))
        for bad in whole[~np.isfinite(merits)][:1]:
            got = ", ".join(f"{name} = {value:g}" for name, value in zip(self.outputs, values[bad], strict=True))
            raise ValueError(
                f"Expected a finite merit of every measurement; got none for {got}, in {labels[bad]}. {DOMAIN}"
            )

    def of(self, values: Tensor) -> Tensor:
        """Return the merits (...) of outcomes (..., m) in their order. ValueError where one is not finite."""
        found = self.function({name: values[..., i] for i, name in enumerate(self.outputs)})
        if not torch.isfinite(found).all():
            raise ValueError(
                "Expected a merit that is finite for every outcome which the models hold possible; got another. "
                f"{DOMAIN}"
            )
        return found

    def utility(self, value: ArrayLike) -> np.ndarray:
        """Return the merit (...) as it is."""
        return np.asarray(value)
