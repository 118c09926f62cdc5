"""Choose what to measure next: a posterior as particles, and the points that say most about it.

    particles = Particles.draw(Prior(parameters), predict)
    chosen = choose(particles.predict(candidates), sigma, q=10)
    particles = particles.update(candidates[chosen], values, errors)

`predict` is any vectorised simulator or emulator: (parameters (n, d), numbers of points (k,)) → predictions (n, k).

The particles follow a tempered sequential Monte Carlo (Del Moral, Doucet and Jasra 2006): new data enter by degrees; at
each degree the particles are resampled and then moved by Metropolis steps, which leave the posterior unchanged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from alloygrad.checks import explained, real_numbers, require_callable, require_kind, require_known, require_whole
from alloygrad.inverse.measured import standard_errors
from alloygrad.inverse.problem import Parameter

Predictor = Callable[[np.ndarray, np.ndarray], np.ndarray]

LEAST_EFFECTIVE = 0.5  # share of the particles to which their effective number may fall before they are resampled

STEP_SCALES = (1.0, 0.4, 0.15)
"""Metropolis steps take turns at these shares of the best scale for a Gaussian (2.38/√d), since a posterior need not be
one."""

MOST_DEGREES = 500  # of tempering, after which an update gives up
MOST_DRAWS = 500  # a prior gives up where fewer than one draw in as many is feasible


@explained("Prior([Parameter('J', 'meV', -4, 0)])")
@dataclass(frozen=True, eq=False)
class Prior:
    """What is known before anything is measured: a box, normal within it for some parameters.

    Args:
        parameters: What is sought; no whole numbers. An unknown scale factor or background of the data is one more
            parameter, with its own limits.
        normal: Parameter → (mean, standard deviation) of a normal distribution, cut off at the limits. All others are
            uniform between their limits.
        feasible: Parameters (n, d) → whether they are physical (n,). Others have the prior 0 and are never predicted.

    Raises:
        TypeError: An argument of another kind.
        ValueError: Names that occur twice or that no parameter has, whole numbers, or a standard deviation ≤ 0.

    Example:
        >>> prior = Prior([Parameter("J", "meV", -4, 0), Parameter("scale", "", 0.5, 2)], normal={"scale": (1, 0.1)})
        >>> prior.log_density(np.array([[-1.0, 1.0], [1.0, 1.0]])).tolist()
        [0.0, -inf]
    """

    parameters: Sequence[Parameter]
    normal: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    feasible: Callable[[np.ndarray], np.ndarray] | None = None

    def __post_init__(self) -> None:
        require_kind("parameters", self.parameters, Sequence, "Write for example [Parameter('J', 'meV', -4, 0)].")
        for number, each in enumerate(self.parameters):
            require_kind(f"entry {number} of parameters", each, Parameter, "Build it with Parameter(name, unit, …).")
        if not self.names or len(set(self.names)) < len(self.names):
            raise ValueError(f"Expected parameters with different names; got {self.names}. Rename one.")
        if whole := [each.name for each in self.parameters if each.integer]:
            raise ValueError(f"Expected no whole numbers; got {whole}. Compare one posterior for each of their values.")
        require_kind("normal", self.normal, Mapping, "Write for example {'J': (-1.9, 0.4)}.")
        for name, values in self.normal.items():
            require_known("a name in normal", name, self.names)
            _, spread = real_numbers(f"normal[{name!r}]", values, (2,), "Write (mean, standard deviation).")
            if spread <= 0:
                raise ValueError(
                    f"Expected a standard deviation above 0 for {name}; got {spread:g}. To fix a parameter, set its "
                    "limits equal."
                )
        if self.feasible is not None:
            require_callable("feasible", self.feasible, "a function of parameters (n, d), or leave it out")

    @property
    def names(self) -> list[str]:
        """Names of the d parameters."""
        return [each.name for each in self.parameters]

    @property
    def limits(self) -> np.ndarray:
        """Lower and upper limits (2, d)."""
        return np.array([[each.lower for each in self.parameters], [each.upper for each in self.parameters]])

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Return n draws (n, d). Raises ValueError where hardly any draw is feasible."""
        low, high = self.limits
        kept: list[np.ndarray] = []
        for _ in range(MOST_DRAWS):
            drawn = low + rng.random((n, len(low))) * (high - low)
            for name, (mean, spread) in self.normal.items():
                drawn[:, self.names.index(name)] = rng.normal(mean, spread, n)
            kept.extend(drawn[np.isfinite(self.log_density(drawn))])
            if len(kept) >= n:
                return np.array(kept[:n])
        raise ValueError(
            f"Expected {n} feasible draws; {len(kept)} were found among {MOST_DRAWS * n}. Narrow the limits to where "
            "`feasible` holds, or move the normal distributions into them."
        )

    def log_density(self, values: np.ndarray) -> np.ndarray:
        """Return the logarithm (n,) of the density at parameters (n, d), up to a constant; −∞ where it is 0."""
        low, high = self.limits
        allowed = ((values >= low) & (values <= high)).all(1)
        if self.feasible is not None and allowed.any():
            found = np.asarray(self.feasible(values[allowed]))
            if found.dtype != bool or found.shape != (allowed.sum(),):
                raise ValueError(
                    f"Expected feasible to return {allowed.sum()} values True or False; got {found.dtype} of shape "
                    f"{found.shape}. Let it compare whole columns, for example values[:, 0] < 0."
                )
            allowed[allowed] = found
        total = np.zeros(len(values))
        for name, (mean, spread) in self.normal.items():
            total -= ((values[:, self.names.index(name)] - mean) / spread) ** 2 / 2
        return np.where(allowed, total, -np.inf)


@dataclass(frozen=True, eq=False)
class Particles:
    """A posterior as equally probable sets of parameters. Begin with `draw`, then `update` with what was measured.

    Example:
        >>> x = np.linspace(0, 1, 11)
        >>> def line(values, points):
        ...     return values[:, :1] + values[:, 1:] * x[points]
        >>> prior = Prior([Parameter("start", "", -1, 1), Parameter("slope", "", -2, 2)])
        >>> particles = Particles.draw(prior, line, n=200, seed=1)
        >>> best = choose(particles.predict(np.arange(11)), np.full(11, 0.05), 2)
        >>> sorted(best.tolist())  # a line is measured at its ends
        [0, 10]
        >>> measured = 0.5 + x[best]
        >>> particles.update(best, measured, 0.05).table()["mean"].round(1).to_dict()
        {'start': 0.5, 'slope': 1.0}
    """

    prior: Prior
    predictor: Predictor
    values: np.ndarray  # (n, d)
    seed: int
    points: np.ndarray  # numbers (k,) of those measured so far
    measured: np.ndarray
    sigma: np.ndarray

    @classmethod
    def draw(cls, prior: Prior, predict: Predictor, *, n: int = 300, seed: int = 0) -> "Particles":
        """Draw from a prior.

        Args:
            prior: What is known.
            predict: (parameters (n, d), numbers of points (k,)) → predictions (n, k).
            n: Number of particles.
            seed: Names all random numbers, those of later updates as well.

        Raises:
            TypeError: An argument of another kind.
            ValueError: Fewer than 20 particles, or a prior of which hardly any draw is feasible.
        """
        require_kind("prior", prior, Prior, "Build it with Prior(parameters).")
        require_callable("predict", predict, "a function of (parameters (n, d), points (k,))")
        require_whole(20, 300, "fewer do not describe a distribution", n=n)
        require_whole(0, seed=seed)
        values = prior.draw(n, np.random.default_rng([seed, 0]))
        return cls(prior, predict, values, seed, np.empty(0, dtype=int), np.empty(0), np.empty(0))

    def predict(self, points: Sequence[int] | np.ndarray) -> np.ndarray:
        """Return the predictions (n, k) of all particles at points (k,). Raises ValueError unless they are finite."""
        return self._predict(self.values, np.asarray(points))

    def _predict(self, values: np.ndarray, points: np.ndarray) -> np.ndarray:
        advice = "Let it return one row per set of parameters, one column per point; `feasible` may exclude a region."
        return real_numbers("predictions", self.predictor(values, points), (len(values), len(points)), advice)

    def update(self, points: Sequence[int], values: Sequence[float], sigma: Sequence[float] | float) -> "Particles":
        """Return the particles of the posterior once further points are measured.

        Args:
            points: Numbers (k,) of the points.
            values: What was measured there (k,).
            sigma: Standard errors (k,), or one for all.

        Raises:
            ValueError: Values of another length or not finite, standard errors that are not positive, or data so far
                from all predictions that they cannot be reached by degrees.
        """
        points = np.asarray(points)
        if points.ndim != 1 or points.dtype.kind not in "iu" or not len(points):
            raise ValueError(f"Expected points as numbers (k,); got {points!r:.60}. Pass whole numbers.")
        new = real_numbers("measured values", values, points.shape, "Pass one value for each point.")
        errors = standard_errors(sigma if np.iterable(sigma) else [sigma] * len(new))
        if errors.shape != new.shape:
            raise ValueError(f"Expected {len(new)} standard errors; got {len(errors)}. Pass one for each value.")
        rng = np.random.default_rng([self.seed, 1 + len(self.points)])
        known = len(self.points)
        after = replace(
            self,
            points=np.concatenate([self.points, points]),
            measured=np.concatenate([self.measured, new]),
            sigma=np.concatenate([self.sigma, errors]),
        )
        return replace(after, values=after._tempered(known, rng))

    def _tempered(self, known: int, rng: np.random.Generator) -> np.ndarray:
        """Return particles (n, d) of the posterior of all data, from particles of that of the first `known`."""
        values, n = self.values, len(self.values)
        prior, old, new = self._terms(values, known)
        degree = 0.0
        for _ in range(MOST_DEGREES):
            rise = _rise(new, 1 - degree)
            degree = min(degree + rise, 1.0)
            weights = _weights(rise * new)
            spread = np.atleast_2d(np.cov(values.T, aweights=weights))
            # Systematic resampling: each particle is copied as often as it weighs, rounded up or down.
            places = (rng.random() + np.arange(n)) / n
            kept = np.minimum(np.searchsorted(np.cumsum(weights), places), n - 1)
            values, prior, old, new = values[kept], prior[kept], old[kept], new[kept]
            for scale in STEP_SCALES * 3:
                length = scale * 2.38 / np.sqrt(values.shape[1])
                steps = rng.multivariate_normal(np.zeros(values.shape[1]), spread, n, method="svd")
                moved = values + length * steps
                parts = self._terms(moved, known)
                gain = parts[0] - prior + parts[1] - old + degree * (parts[2] - new)
                accepted = np.log(rng.random(n)) < gain
                values = np.where(accepted[:, None], moved, values)
                prior, old, new = (
                    np.where(accepted, theirs, ours) for theirs, ours in zip(parts, (prior, old, new), strict=True)
                )
            if degree >= 1:
                return values
        raise ValueError(
            f"Expected data that the model can come near to; only a share {degree:.2g} of their weight could be taken "
            "in. Look for a wrong value, enlarge the standard errors, or widen the prior."
        )

    def _terms(self, values: np.ndarray, known: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return log prior, and log likelihood of the first `known` data and of the rest, (n,) each."""
        prior = self.prior.log_density(values)
        allowed = np.isfinite(prior)
        chi2 = np.zeros((len(values), 2))
        if allowed.any():
            off = ((self._predict(values[allowed], self.points) - self.measured) / self.sigma) ** 2
            chi2[allowed] = np.column_stack([off[:, :known].sum(1), off[:, known:].sum(1)])
        return prior, -chi2[:, 0] / 2, -chi2[:, 1] / 2

    @property
    def misfit(self) -> float:
        """Mean χ² per measured point: far above 1 where the particles are in a wrong place, or the model is wrong."""
        off = (self.predict(self.points) - self.measured) / self.sigma
        return float((off**2).mean())

    @property
    def mean(self) -> dict[str, float]:
        """Mean of each parameter."""
        return dict(zip(self.prior.names, self.values.mean(0).tolist(), strict=True))

    @property
    def standard_deviation(self) -> dict[str, float]:
        """Standard deviation of each parameter: how well it is known."""
        return dict(zip(self.prior.names, self.values.std(0, ddof=1).tolist(), strict=True))

    def table(self) -> pd.DataFrame:
        """Return one row per parameter: mean, standard deviation, the middle 95 % (low, high), unit."""
        low, high = np.quantile(self.values, [0.025, 0.975], axis=0)
        columns = {
            "mean": self.values.mean(0),
            "standard_deviation": self.values.std(0, ddof=1),
            "low": low,
            "high": high,
            "unit": [each.unit for each in self.prior.parameters],
        }
        return pd.DataFrame(columns, index=pd.Index(self.prior.names, name="parameter"))


def _weights(logs: np.ndarray) -> np.ndarray:
    weights = np.exp(logs - logs.max())
    return weights / weights.sum()


def _rise(logs: np.ndarray, most: float) -> float:
    """Return how far a degree may rise, `most` at most, before too few particles carry all the weight."""

    def effective(rise: float) -> float:
        return 1 / (_weights(rise * logs) ** 2).sum() / len(logs)

    if effective(most) >= LEAST_EFFECTIVE:
        return most
    low, high = 0.0, most
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if effective(middle) >= LEAST_EFFECTIVE else (low, middle)
    return high


# -- choosing points ---------------------------------------------------------------------------------------------------


@explained("choose(predictions, sigma, 3)")
def choose(
    predictions: np.ndarray, sigma: np.ndarray, q: int, cost: np.ndarray | None = None, *, seed: int = 0
) -> np.ndarray:
    """Choose the q candidates that together are expected to say most, one after the other.

    For a linear model with Gaussian noise a measurement with predictive variance v and noise σ² brings the information
    ½ log(1 + v/σ²). The candidate with the most of it for its cost is taken. The ensemble is then conditioned on it, as
    a Kalman filter would be, whatever the value will be: candidates that would say the same lose their variance. The
    greedy sum of information is at least 63 % of the best possible one (Nemhauser, Wolsey and Fisher 1978).

    Args:
        predictions: Of n particles at m candidates (n, m).
        sigma: Standard error (m,) that a measurement of each would have.
        q: How many to choose, m at most. Each is chosen once.
        cost: What each costs (m,), for example counting time plus the time to move there; all the same unless given.
        seed: Not used; the other ways to choose in `CHOOSERS` take it.

    Returns:
        Numbers (q,) of candidates in the order of choice.

    Raises:
        ValueError: Predictions that are not finite, standard errors or costs that are not positive, or q above m.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> level, slope = rng.normal(size=(2, 500, 1))
        >>> choose(level + slope * np.linspace(-1, 1, 5), np.full(5, 0.1), 2).tolist()
        [4, 0]
    """
    predictions, sigma, cost = _checked(predictions, sigma, q, cost)
    # Columns hold the deviations from the mean: their inner products are the predictive covariance.
    deviations = (predictions - predictions.mean(0)) / np.sqrt(len(predictions) - 1)
    chosen: list[int] = []
    for _ in range(q):
        variance = (deviations**2).sum(0)
        score = np.log1p(variance / sigma**2) / cost
        score[chosen] = -1.0
        best = int(score.argmax())
        chosen.append(best)
        total = variance[best] + sigma[best] ** 2
        own = deviations[:, best].copy()
        # The square root of the Kalman update (Potter): the new inner products are C − c cᵀ/(v + σ²).
        share = 1 / (1 + sigma[best] / np.sqrt(total))
        deviations -= np.outer(own, share / total * (own @ deviations))
    return np.array(chosen)


def choose_variance(
    predictions: np.ndarray, sigma: np.ndarray, q: int, cost: np.ndarray | None = None, *, seed: int = 0
) -> np.ndarray:
    """Choose the q candidates of largest predictive variance in units of the noise, as if each were the only one."""
    predictions, sigma, cost = _checked(predictions, sigma, q, cost)
    score = np.log1p(predictions.var(0, ddof=1) / sigma**2) / cost
    return np.argsort(-score, kind="stable")[:q]


def choose_uniform(
    predictions: np.ndarray, sigma: np.ndarray, q: int, cost: np.ndarray | None = None, *, seed: int = 0
) -> np.ndarray:
    """Choose q candidates at even distances in their order, both ends included."""
    count = _checked(predictions, sigma, q, cost)[0].shape[1]
    return np.linspace(0, count - 1, q).round().astype(int)


def choose_random(
    predictions: np.ndarray, sigma: np.ndarray, q: int, cost: np.ndarray | None = None, *, seed: int = 0
) -> np.ndarray:
    """Choose q different candidates at random."""
    count = _checked(predictions, sigma, q, cost)[0].shape[1]
    return np.random.default_rng(seed).permutation(count)[:q]


CHOOSERS: dict[str, Callable[..., np.ndarray]] = {
    "deflated": choose,
    "variance": choose_variance,
    "uniform": choose_uniform,
    "random": choose_random,
}
"""Ways to choose, all of the form (predictions, sigma, q, cost, seed=…) → numbers of candidates."""


def _checked(
    predictions: np.ndarray, sigma: np.ndarray, q: int, cost: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    advice = "Pass what Particles.predict returns: one row per particle, one column per candidate."
    predictions = real_numbers("predictions", predictions, ("n", "m"), advice)
    n, m = predictions.shape
    require_whole(1, q=q)
    if n < 2 or q > m:
        raise ValueError(f"Expected ≥ 2 particles and ≥ {q} candidates; got {n} and {m}. Lower q, or pass more.")
    sigma = standard_errors(sigma)
    cost = real_numbers("cost", np.ones(m) if cost is None else cost, (m,), "Pass one for each candidate.")
    if sigma.shape != (m,) or (cost <= 0).any():
        raise ValueError(
            f"Expected {m} standard errors, and costs above 0; got {len(sigma)} and a least cost of {cost.min():g}. "
            "Pass one of each for every candidate."
        )
    return predictions, sigma, cost
