"""Calls of a simulator: each counted, kept, and never made twice."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc

from alloygrad.checks import require_kind
from alloygrad.inverse.problem import Fitted, InverseProblem, SimulationError, rounded

MOST_DRAWS = 200
"""A screen gives up where fewer than one point in as many is feasible."""


class BudgetSpent(Exception):
    """Every call that a search may make has been made."""


@dataclass(frozen=True, eq=False)
class Call:
    """One call of the simulator."""

    values: dict[str, float]  # the expensive parameters
    raw: object  # what the simulator returned
    seconds: float


class Calls:
    """The simulator of one recovery, as a search sees it: shares (d,) of the parameters' ranges → the number of a call.

    Args:
        problem: What is simulated.
        budget: The largest number of calls.
        done: Calls made earlier, which count but are not made again; new ones are appended.
        report: Called after each new call.

    Raises:
        TypeError: `done` is no list of calls.
        ValueError: Calls of other parameters.
    """

    def __init__(
        self, problem: InverseProblem, budget: int, done: list[Call] | None, report: Callable = lambda calls: None
    ) -> None:
        self.problem, self.budget, self.passed, self.report = problem, budget, done is not None, report
        self.done: list[Call] = [] if done is None else done
        names, advice = problem.box.names, "Pass done=[] at first, and that list again to go on."
        require_kind("done", self.done, list, advice)
        for number, call in enumerate(self.done):
            require_kind(f"entry {number} of done", call, Call, advice)
            if set(call.values) != set(names):
                raise ValueError(
                    f"Expected done with calls of the parameters {list(names)}; entry {number} has {list(call.values)}."
                    " Pass an empty list: calls of another problem cannot be used."
                )
        self.earlier = {tuple(call.values[name] for name in names): call for call in self.done}
        self.numbers: dict[tuple, int] = {}
        self.shares: list[np.ndarray] = []
        self.calls: list[Call] = []
        self.fine: list[Fitted] = []
        self.coarse: list[Fitted] = []
        self.stages: list[str] = []
        self.stage = "screen"
        self.integer = problem.box.whole
        self.d = len(problem.box.names)

    def __len__(self) -> int:
        return len(self.calls)

    def __call__(self, shares: np.ndarray) -> int:
        """Simulate where nothing is known yet; return the number of the call.

        Raises:
            BudgetSpent: Another call would be one too many.
            SimulationError: The simulator, `observe` or a misfit raised an error, or returned something else than a
                curve.
        """
        values = self.problem.values(np.clip(shares, 0, 1))
        key = tuple(values.values())
        if key in self.numbers:
            return self.numbers[key]
        if len(self.calls) >= self.budget:
            raise BudgetSpent
        with self.keeping(values, key in self.earlier):
            call = self.earlier.get(key) or self._simulate(values)
            coarse = self.problem.fit(call.raw, "coarse")
            fine = self.problem.fit(call.raw, "fine") if "coarse" in self.problem.misfits else coarse
        self.numbers[key] = len(self.calls)
        self.calls.append(call)
        self.shares.append(self.problem.shares(values))
        self.coarse.append(coarse)
        self.fine.append(fine)
        self.stages.append(self.stage)
        self.report(self)
        return len(self.calls) - 1

    def _simulate(self, values: dict[str, float]) -> Call:
        started = time.perf_counter()
        raw = self.problem.run(values)
        call = Call(values, raw, time.perf_counter() - started)
        if self.problem.observe is None:
            self.problem.curve(raw, {})  # a wrong one is not kept
        self.done.append(call)
        return call

    @contextmanager
    def keeping(self, values: Mapping[str, float] | None = None, earlier: bool = False) -> Iterator[None]:
        """Add to whatever stops the search the calls that were finished, to a SimulationError the parameters as well.

        Args:
            values: The parameters of the call that is made.
            earlier: Whether this call was passed in `done`.
        """
        try:
            yield
        except SimulationError as error:
            if error.calls is self.done:
                raise
            at = "" if values is None else f" The parameters were {rounded(values)}."
            kept = (
                " The simulator's result is from `done`: pass an empty list if data or simulator have changed since."
                if earlier
                else self._kept("error")
            )
            raise SimulationError(
                f"{error}{at}{kept}", self.done
            ) from error.__cause__  # None where the message says it all
        except BaseException as stop:  # an interrupt, or an error in a search or a report
            if getattr(stop, "calls", None) is not self.done and self.done:
                stop.calls = self.done  # type: ignore[attr-defined]
                stop.add_note(self._kept("exception").strip())
            raise

    def _kept(self, what: str) -> str:
        """Say where finished calls are; nothing where there are none."""
        if not self.done:
            return ""
        where = (
            "the list passed as `done`: pass it again"
            if self.passed
            else f"the list `calls` of this {what} (sys.last_value.calls in a notebook): pass it as `done`"
        )
        return f" The finished calls ({len(self.done)}) are in {where} to go on."

    def better_elsewhere(self) -> float | None:
        """Return the smallest fine misfit in `done` if no call of this search is as good."""
        box, found = self.problem.box, [self.fine[self.best].misfit]
        for key, call in self.earlier.items():
            within = all(low <= value <= high for low, value, high in zip(box.lower, key, box.upper, strict=True))
            if within and key not in self.numbers:
                with suppress(SimulationError):  # a result that does not fit these data
                    if self.problem.allows(self.problem.shares(call.values)):
                        found.append(self.problem.fit(call.raw, "fine").misfit)
        return min(found) if min(found) < found[0] else None

    @property
    def best(self) -> int:
        """The number of the call with the smallest fine misfit."""
        return int(np.argmin([fitted.misfit for fitted in self.fine]))

    def misfits(self, which: str) -> np.ndarray:
        """Return the misfits of all calls, (n,)."""
        return np.array([fitted.misfit for fitted in getattr(self, which)])

    def screen(self, n: int, seed: int) -> None:
        """Simulate n points that fill the box evenly (Sobol), physical ones only."""
        self.stage = "screen"
        for shares in feasible_points(self.problem, n, seed):
            self(shares)

    def restart(self, rng: np.random.Generator) -> None:
        """Simulate a random physical point that is not known yet. Raises BudgetSpent where none is found."""
        known = len(self)
        for _ in range(MOST_DRAWS):
            if self.problem.allows(shares := rng.random(self.d)) and self(shares) == known:
                return
        raise BudgetSpent


def feasible_points(problem: InverseProblem, n: int, seed: int) -> np.ndarray:
    """Return n physical points (n, d) of a scrambled Sobol sequence, as shares of the parameters' ranges.

    Raises:
        ValueError: Hardly any point of the box is feasible.
    """
    sequence = qmc.Sobol(len(problem.box.names), rng=np.random.default_rng(seed))
    found: list[np.ndarray] = []
    for number in range(MOST_DRAWS):
        found += [shares for shares in sequence.random_base2(max(n - 1, 1).bit_length()) if problem.allows(shares)]
        if len(found) >= n:
            return np.array(found[:n])
        sequence = qmc.Sobol(len(problem.box.names), rng=np.random.default_rng([seed, number]))
    raise ValueError(
        f"Expected {n} physical points in the box; {len(found)} were found in {MOST_DRAWS * n} draws. Narrow the box "
        "to where `feasible` holds."
    )
