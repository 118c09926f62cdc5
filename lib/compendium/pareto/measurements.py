"""What the claims on several objectives measure: functions (results, numbers) → parts.

The criteria of the study of fronts, set before any of its runs (32 paired seeds, 50 initial and 100 further
experiments; the reference point a tenth of the front's range below its worst; seeds below 100 served to choose
defaults):

1. The default's median share after 100 experiments is at least 0.97 on HEA, 0.93 on Ti and 0.93 on SMA.
2. It is larger than that of the weighted sum and of random experiments, on each (95 % interval of the mean of paired
   differences above 0).
3. It is not smaller than that of annealed Monte Carlo, NSGA-II, ParEGO and the policy by more than 0.005, on any.

The same numbers with the far reference point are shown next to them, and are not judged. Fewer seeds than planned are
judged as they are: the intervals are then wider, and below eight there is none. The criteria on states, limits and
starts stand in their modules.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from compendium.judging import statistics
from compendium.judging.verdicts import Part, measure
from compendium.pareto import limits, runs, starts, states
from compendium.pareto.arms import DEFAULT

RUNS = "data/results/fronts/runs-{}-*.parquet"
STATES, PEER = "data/results/front_states.csv", "data/results/front_peer.csv"
LIMITS, STARTS = "data/results/front_limits.csv", "data/results/front_starts.csv"


def _empty(columns: Sequence) -> pd.DataFrame:
    return pd.DataFrame(columns=list(columns))


@dataclass(frozen=True)
class Results:
    """The tables that claims are judged by; those that are not given are empty.

    curves: the share of the true front's hypervolume after 0, 1, … experiments, as `runs.gather` returns it.
    """

    curves: pd.DataFrame = field(
        default_factory=lambda: _empty(["landscape", "arm", "seed", "below", *range(runs.EXPERIMENTS + 1)])
    )
    states: pd.DataFrame = field(default_factory=lambda: _empty([*states.KEPT.columns, "peer", "peer_seconds"]))
    limits: pd.DataFrame = field(default_factory=lambda: _empty(limits.KEPT.columns))
    starts: pd.DataFrame = field(default_factory=lambda: _empty([*starts.KEPT.columns, "short"]))


def gather() -> Results:
    """Return all that is recorded or stored; compute nothing that takes long."""
    kept = dict(compute_missing=False)
    return Results(runs.gather(), states.gaps(**kept), limits.compute(**kept), starts.compute(**kept))


def reached(curves: pd.DataFrame, landscape: str, arm: str, below: float, after: int) -> pd.Series:
    """Return the share that each seed of an inner loop has reached after some experiments, by seed."""
    own = (curves["landscape"] == landscape) & (curves["arm"] == arm) & (curves["below"] == below)
    return curves[own].set_index("seed")[after].dropna()


@measure("front_share")
def front_share(
    results: Results, landscapes: Sequence[str], least: Sequence[float], below: float, after: int
) -> list[Part]:
    """The median share of the front's hypervolume that the default reaches, on each landscape."""
    parts = []
    for landscape, bound in zip(landscapes, least, strict=True):
        values = reached(results.curves, landscape, DEFAULT, below, after).to_numpy()
        about = {"name": landscape, "least": bound, "source": RUNS.format(landscape)}
        if not len(values):
            parts.append(Part(**about))
            continue
        value, low, high = statistics.interval(values[:, None], lambda rows: np.median(rows[..., 0], axis=-1))
        parts.append(Part(value=value, low=low, high=high, n=len(values), **about))
    return parts


@measure("front_gain")
def front_gain(
    results: Results, landscapes: Sequence[str], others: Sequence[str], margin: float, below: float, after: int
) -> list[Part]:
    """The share of the default less that of each other inner loop, seed by seed; at least −margin."""
    parts = []
    for landscape in landscapes:
        ours = reached(results.curves, landscape, DEFAULT, below, after)
        for other in others:
            theirs = reached(results.curves, landscape, other, below, after)
            about = {"name": f"{landscape}, − {other}", "least": -margin, "source": RUNS.format(landscape)}
            if not len(ours.index.intersection(theirs.index)):
                parts.append(Part(**about))
                continue
            found = statistics.paired(ours, theirs)
            parts.append(Part(value=found["mean"], low=found["low"], high=found["high"], n=found["n"], **about))
    return parts


def _share(name: str, hits: pd.Series, least: float, planned: int, source: str) -> Part:
    """A share as the criterion counts it; with its interval (Wilson's) where there are fewer repeats than planned."""
    if not len(hits):
        return Part(name, least=least, source=source)
    name, share = f"{name} ({int(hits.sum())} of {len(hits)})", float(hits.mean())
    if len(hits) >= planned:
        return Part(name, share, n=None, least=least, source=source)
    low, high = statistics.share_interval(int(hits.sum()), len(hits))
    return Part(name, share, low, high, n=len(hits), least=least, source=source)


@measure("front_limits")
def front_limits(results: Results, landscapes: Sequence[str], least: float, within: int, seeds: int) -> list[Part]:
    """The share of seeds whose campaign arrives at the best alloy that keeps the limits, on each landscape."""
    table = results.limits
    own = {name: table.loc[table["landscape"] == name, "arrived"] for name in landscapes}
    return [_share(name, arrived <= within, least, seeds, LIMITS) for name, arrived in own.items()]


@measure("front_maximum")
def front_maximum(results: Results, least: float, near: float, states: int) -> list[Part]:
    """The share of states in which the default's pick has nearly the largest expected hypervolume improvement."""
    short = results.states["largest"] - results.states["log_ehvi"]
    return [_share("states", short <= -np.log(near), least, states, STATES)]


@measure("front_faster")
def front_faster(results: Results, times: float, least: float, near: float, states: int) -> list[Part]:
    """How many times faster the default is than BoTorch in the same states, and the share in which it is no worse."""
    own = results.states.dropna(subset=["peer"])
    source, names = PEER, ("median ratio of CPU times", "no worse")
    if not len(own):
        return [Part(name, source=source) for name in names]
    ratio = (own["peer_seconds"] / own["cpu_seconds"]).to_numpy(dtype=float)
    value, low, high = statistics.interval(ratio[:, None], lambda rows: np.median(rows[..., 0], axis=-1))
    theirs = own[["peer", "largest"]].min(axis=1)  # a composition that was measured already is no pick
    as_good = own["log_ehvi"] - theirs >= np.log(near)
    return [
        Part(names[0], value, low, high, n=len(own), least=times, source=source),
        _share(names[1], as_good, least, states, source),
    ]


@measure("starts_diverse")
def starts_diverse(results: Results, number: int) -> list[Part]:
    """The share of states missed from random starts, and from the library's, less that from diverse ones."""
    names = {"random": "random − diverse", "apart": "apart − diverse"}
    return [_fewer(results.starts, name, (kind, number), ("diverse", number), 0.0) for kind, name in names.items()]


@measure("starts_adaptive")
def starts_adaptive(results: Results, kinds: Sequence[str], number: int, margin: float) -> list[Part]:
    """Of an adaptive number against a fixed one: states missed beyond it, and CPU time saved."""
    parts = []
    for kind in kinds:
        parts.append(_fewer(results.starts, f"{kind}: missed, {number} − adaptive", (kind, number), (kind, 0), -margin))
        one, other = (starts.of(results.starts, kind, n)["cpu_seconds"] for n in (number, 0))
        parts.append(_mean(f"{kind}: CPU s, {number} − adaptive", one, other, 0.0))
    return parts


def _fewer(table: pd.DataFrame, name: str, one: tuple[str, int], other: tuple[str, int], least: float) -> Part:
    """The share of states that `one` misses less that `other` misses, paired by state."""
    return _mean(name, *((starts.of(table, *arm)["short"] > starts.SHORT).astype(float) for arm in (one, other)), least)


def _mean(name: str, one: pd.Series, other: pd.Series, least: float) -> Part:
    if not len(one.index.intersection(other.index)):
        return Part(name, least=least, source=STARTS)
    found = statistics.paired(one, other)
    return Part(name, found["mean"], found["low"], found["high"], n=found["n"], least=least, source=STARTS)
