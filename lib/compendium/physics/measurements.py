"""What the claims on hard and soft alloys measure: functions (results, numbers) → parts."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from compendium.judging import statistics
from compendium.judging.verdicts import Part, measure
from compendium.physics import measured, runs

SOURCE = "data/results/physics/runs-*.parquet"


@dataclass(frozen=True)
class Results:
    """The tables that claims are judged by.

    strengths: of `measured.strengths`; curves: of `runs.gather`, empty where nothing is recorded.
    """

    strengths: pd.DataFrame = field(default_factory=measured.strengths)
    curves: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["arm", "seed", *range(runs.EXPERIMENTS + 1)])
    )


def gather() -> Results:
    """Return the comparison with measured alloys, and the runs that are recorded or stored."""
    return Results(curves=runs.gather())


def reached(curves: pd.DataFrame, arm: str, after: int) -> pd.Series:
    """Return the share of the front that each seed of an arm has reached after some experiments, by seed."""
    return curves[curves["arm"] == arm].set_index("seed")[after].astype(float)


@measure("oracle_strength")
def oracle_strength(results: Results, within: float, least: float) -> list[Part]:
    """The share of measured alloys whose friction stress the oracle gives within a relative deviation."""
    hits = results.strengths["deviation"].abs() <= within
    name = f"alloys ({int(hits.sum())} of {len(hits)})"
    return [Part(name, float(hits.mean()), n=None, least=least, source="compendium/physics/measured.py")]


@measure("oracle_front")
def oracle_front(results: Results, least: float, after: int, seeds: int) -> list[Part]:
    """The median share of the best known front that a campaign reaches; no interval before all seeds are in."""
    values = reached(results.curves, "campaign", after).to_numpy()
    about = {"name": "campaign", "least": least, "source": SOURCE}
    if len(values) < seeds:
        return [Part(value=float(np.median(values)) if len(values) else np.nan, n=len(values), **about)]
    value, low, high = statistics.interval(values[:, None], lambda rows: np.median(rows[..., 0], axis=-1))
    return [Part(value=value, low=low, high=high, n=len(values), **about)]


@measure("oracle_gain")
def oracle_gain(results: Results, margin: float, after: int, seeds: int) -> list[Part]:
    """The share that a campaign reaches less that of random alloys, seed by seed; no interval before all are in."""
    ours, theirs = (reached(results.curves, arm, after) for arm in runs.ARMS)
    gain, about = (ours - theirs).dropna(), {"name": "− random", "least": margin, "source": SOURCE}
    if len(gain) < seeds:
        return [Part(value=float(gain.mean()), n=len(gain), **about)]
    found = statistics.paired(ours, theirs)
    return [Part(value=found["mean"], low=found["low"], high=found["high"], n=found["n"], **about)]
