"""Weights learnt from choices: of two alloys, which one would you take?

Who cannot say how many per cent of elongation are worth 100 MPa can often say which of two alloys is the better one.
Take the utility as a weighted sum u = w·z of outcomes z in units of their spread, and the answers as random,

    P(a before b) = 1/(1 + exp(−w·d)),   d = z_a − z_b,   w ~ N(0, τ² I).

The posterior of w is taken as normal about its maximum ŵ (Laplace), with the covariance

    C = [I/τ² + Σ p (1 − p) d dᵀ]⁻¹,   summed over the answers, p = P(answer).

The next question sets the alloy of largest expected utility against the one that promises most over it: the largest
E(w·d)₊, where w·d ~ N(ŵ·d, dᵀ C d).

Sources: Bradley and Terry, Biometrika 39 (1952) 324, for the answers; Chu and Ghahramani, ICML 2005, for Laplace's
approximation of preferences.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import numpy as np
import pandas as pd
from scipy.special import ndtr

from alloygrad.checks import explained, finite_cells, is_number, require_frame, shown
from alloygrad.objectives.single import Maximise, Objective

PRIOR = 3.0
"""τ. In the median of such weights, a difference of one spread in one outcome decides 88 % of the choices."""


@dataclass(frozen=True, eq=False)
class LearntWeights:
    """What choices say of the weights of m outcomes."""

    outcomes: pd.DataFrame  # (n, m): the alloys that may be asked of
    answers: np.ndarray  # (k, 2): row numbers of the better and the worse
    spread: np.ndarray  # (m,), in the outcomes' units
    mean: np.ndarray  # (m,): ŵ
    covariance: np.ndarray  # (m, m): C

    @property
    def objective(self) -> Objective:
        """The weighted sum to maximise. Raises ValueError while nothing was chosen."""
        if not len(self.answers):
            raise ValueError(
                "Expected at least one answer; got none. Answer `question()`, and learn the weights again."
            )
        return Maximise(dict(zip(self.outcomes, (self.mean / self.spread).tolist(), strict=True)))

    def utility(self, outcomes: pd.DataFrame) -> np.ndarray:
        """Return the expected utility (n,) of outcomes (n, m)."""
        return outcomes[list(self.outcomes)].to_numpy(dtype=float) / self.spread @ self.mean

    def question(self) -> tuple[int, int]:
        """Return the row numbers of the best alloy so far, and of the one to set against it, not asked before."""
        utility = self.utility(self.outcomes)
        best = int(utility.argmax())
        apart = (self.outcomes - self.outcomes.iloc[best]).to_numpy(dtype=float) / self.spread
        std = np.sqrt(np.einsum("ni,ij,nj->n", apart, self.covariance, apart))
        return best, most_promising(utility - utility[best], std, best, self.answers)


@explained("learn_weights(outcomes, [(0, 1), (2, 1)])")
def learn_weights(outcomes: pd.DataFrame, answers: Sequence[tuple[int, int]], *, prior: float = PRIOR) -> LearntWeights:
    """Learn the weights of outcomes from choices between alloys.

    Args:
        outcomes: The alloys between which was chosen, one row each, and others that may be asked of; one column for
            each outcome. An outcome that should be small gets a negative weight by itself.
        answers: (row number of the better, row number of the worse) of each choice.
        prior: τ; the larger, the more one choice says.

    Raises:
        ValueError: Row numbers that do not exist, an outcome that is the same everywhere, or a prior ≤ 0.

    Example:
        >>> alloys = pd.DataFrame({"strength": [500.0, 900.0, 700.0], "elongation": [40.0, 10.0, 30.0]})
        >>> learnt = learn_weights(alloys, [(0, 1), (2, 1)])
        >>> bool(learnt.mean[1] > 0 > learnt.mean[0])
        True
        >>> learnt.question()
        (0, 2)
    """
    from scipy.optimize import minimize  # late, since it is slow to import

    require_frame(outcomes, ["strength", "elongation"])
    z = finite_cells(outcomes, list(outcomes))
    pairs = np.asarray(answers if len(answers) else np.empty((0, 2), dtype=int))
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise ValueError(
            f"Expected answers as [(row of the better, row of the worse), …]; got {shown(answers)}. Write for example "
            "[(0, 1), (2, 1)]."
        )
    spread = z.std(0)
    if not is_number(prior) or prior <= 0:
        raise ValueError(f"Expected a prior > 0, the spread of weights; got {prior!r}. Leave it out to use {PRIOR:g}.")
    if ((pairs < 0) | (pairs >= len(z))).any():
        raise ValueError(
            f"Expected answers (better, worse) as row numbers from 0 to {len(z) - 1}; got "
            f"{pairs[(pairs < 0) | (pairs >= len(z))][0]}. Count rows from 0."
        )
    if not (np.isfinite(spread) & (spread > 0)).all():
        name = outcomes.columns[int(np.argmin(np.nan_to_num(spread)))]
        raise ValueError(f"Expected outcomes that differ and are finite; {name!r} does not. Leave this column out.")
    apart = (z[pairs[:, 0]] - z[pairs[:, 1]]) / spread

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        margin = apart @ w
        slope = -apart.T @ (1 / (1 + np.exp(margin))) + w / prior**2
        return np.logaddexp(0, -margin).sum() + 0.5 * w @ w / prior**2, slope

    mean = minimize(loss, np.zeros(z.shape[1]), jac=True, method="BFGS").x
    p = 1 / (1 + np.exp(-apart @ mean))
    curvature = np.eye(len(mean)) / prior**2 + (apart * (p * (1 - p))[:, None]).T @ apart
    return LearntWeights(outcomes, pairs, spread, mean, np.linalg.inv(curvature))


def most_promising(mean: np.ndarray, std: np.ndarray, best: int, answers: Sequence | np.ndarray) -> int:
    """Return the row of largest E(gain)₊ of normal gains (n,) over the row `best`, of those not compared with it.

    answers: pairs of row numbers. Where all were compared, the row is of all others.
    """
    found = expected_gain(mean, std)
    found[best] = -2.0
    for pair in answers:
        if best in pair:
            found[pair[0] + pair[1] - best] = -1.0
    return int(found.argmax())


def expected_gain(mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Return E(gain)₊ (n,) of normal gains with these means and standard deviations (n,)."""
    u = mean / np.maximum(std, 1e-12)
    return std * (np.exp(-0.5 * u * u) / np.sqrt(2 * pi) + u * ndtr(u))
