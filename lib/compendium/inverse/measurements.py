"""What the claims on inverse problems measure, on the runs of the race: functions (runs, numbers) → parts."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from compendium.inverse import absorption_energies, magnons, prediction, reconstruction
from compendium.judging.verdicts import Part, measure

DEFAULT = "hybrid"
RUNS = "data/results/inverse_race.csv"


def solved(runs: pd.DataFrame, problem: str, method: str) -> pd.Series:
    """Return whether each seed was solved, by seed."""
    own = runs[(runs["problem"] == problem) & (runs["method"] == method)]
    return own.set_index("seed")["solved_at"].notna()


def mcnemar(one: pd.Series, other: pd.Series) -> float:
    """Return the exact two-sided p of McNemar's test of two series of successes, by the seeds that both have."""
    both = pd.concat([one, other], axis=1, join="inner").to_numpy(dtype=bool)
    first, second = int((both[:, 0] & ~both[:, 1]).sum()), int((~both[:, 0] & both[:, 1]).sum())
    return 1.0 if first + second == 0 else float(binomtest(first, first + second).pvalue)


@measure("solved_share")
def solved_share(runs: pd.DataFrame, problems: Sequence[str], least: Sequence[float]) -> list[Part]:
    """The share of seeds of each problem that the default solves: the counts of the criterion."""
    parts = []
    for problem, share in zip(problems, least, strict=True):
        own = solved(runs, problem, DEFAULT)
        parts.append(_counted(f"{problem} ({int(own.sum())} of {len(own)})", own, share))
    return parts


@measure("scalar_share")
def scalar_share(runs: pd.DataFrame, least: float) -> list[Part]:
    """The better of the two loops on the scalar misfit, on each problem where one has run."""
    parts = []
    for problem in sorted(runs["problem"].unique()):
        shares = [own for method in ("trust_region", "botorch") if len(own := solved(runs, problem, method))]
        if not shares:
            continue
        best = max(shares, key=lambda share: share.mean())
        parts.append(_counted(f"{problem} ({int(best.sum())} of {len(best)})", best, least))
    return parts


@measure("solved_more")
def solved_more(runs: pd.DataFrame, problems: Sequence[str], least: float) -> list[Part]:
    """How many more of the seeds the default solves than screened least squares."""
    parts = []
    for problem in problems:
        one, other = (solved(runs, problem, method) for method in (DEFAULT, "least_squares"))
        if len(one) and len(other):
            value = float(one.mean() - other.mean())
            parts.append(Part(f"{problem}, p = {mcnemar(one, other):.2g}", value, n=None, least=least, source=RUNS))
    return parts


@measure("held_out")
def held_out(runs: pd.DataFrame, most: Sequence[float]) -> list[Part]:
    """The median R factors of what the converged fits of Ag(100) predict."""
    table = prediction.KEPT.table()
    own, source = table[table["problem"] == "leed_ag100_converged"], f"data/results/{prediction.KEPT.path.name}"
    words = {"seven": "seven beams to 450 eV", "unseen": "all points that were not fitted"}
    return [
        Part(f"{text} ({len(own)} searches)", float(own[column].median()), n=None, most=bound, source=source)
        for (column, text), bound in zip(words.items(), most, strict=True)
    ]


@measure("columns")
def columns(runs: pd.DataFrame, dose: float, least: float, exact: float) -> list[Part]:
    """The share of images of which every column is right to one atom, and the share of columns that are exact."""
    table = reconstruction.recorded()
    own = table[(table["dose"] == dose) & table["constrained"].astype(bool)]
    within, source = own["largest_error"] <= 1, "data/results/hrtem_columns.csv"
    return [
        replace(
            _counted(f"every column within one atom ({int(within.sum())} of {len(own)})", within, least), source=source
        ),
        replace(_counted("columns exact", own["exact"], exact), source=source),
    ]


@measure("chosen_points")
def chosen_points(runs: pd.DataFrame, share: float, points: float, median: float, half: float) -> list[Part]:
    """Neutron counts from the informed prior: how many points the chosen and the even ones need."""
    table = magnons.recorded_points()
    own = table[table["prior"] == "informed"]
    chosen, even = (
        pd.Series({seed: magnons.reached(rows) for seed, rows in own[own["arm"] == arm].groupby("seed")}, dtype=float)
        for arm in ("deflated", "uniform")
    )
    chosen, even = chosen.fillna(np.inf), even.fillna(np.inf)
    source = "data/results/ins_points.csv"
    quick = chosen <= points
    return [
        replace(
            _counted(f"tolerance in {points:g} points ({int(quick.sum())} of {len(quick)})", quick, share),
            source=source,
        ),
        Part("median points", float(chosen.median()), n=None, most=median, source=source),
        Part("median, share of even points'", float(chosen.median() / even.median()), n=None, most=half, source=source),
    ]


@measure("chosen_energies")
def chosen_energies(runs: pd.DataFrame, half: float) -> list[Part]:
    """X-ray absorption: how many energies the chosen and the even scans need."""
    needed = absorption_energies.points_needed(absorption_energies.KEPT.table())
    chosen, even = (needed[needed["arm"] == arm] for arm in ("kalman", "uniform"))
    share = chosen["points"].median() / even["points"].median()
    name = f"median points, share of even scans' ({len(chosen)} campaigns)"
    return [Part(name, float(share), n=None, most=half, source="data/results/xas_energies.csv")]


def _counted(name: str, own: pd.Series, least: float) -> Part:
    """A share as the criterion counts it: without an interval, since the criterion names the seeds."""
    if not len(own):
        return Part(name, least=least, source=RUNS)
    return Part(name, float(own.mean()), n=None, least=least, source=RUNS)


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per problem and searcher: solved, seeds, median calls, seconds, p against the default.

    calls: the median over all seeds of the calls to the solution; unsolved seeds count as never, so it is NaN where
    more than half failed. seconds, simulator_seconds: the shortest of the runs, least disturbed by other work on the
    machine. better: whether the searcher solves significantly more seeds than the default (McNemar).
    """
    rows = []
    for (problem, method), own in runs.groupby(["problem", "method"], sort=False):
        ours = solved(runs, problem, DEFAULT)
        mine = solved(runs, problem, method)
        shared = mine.index.intersection(ours.index)
        p = mcnemar(mine, ours)
        calls = own["solved_at"].fillna(float("inf")).median()
        rows.append(
            {
                "problem": problem,
                "method": method,
                "solved": int(mine.sum()),
                "seeds": len(mine),
                "calls": calls if calls < float("inf") else float("nan"),
                "budget": int(own["budget"].iloc[0]),
                "seconds": own["seconds"].min(),
                "simulator_seconds": own["simulator_seconds"].min(),
                "p": p,
                "better": bool(p < 0.05 and mine[shared].mean() > ours[shared].mean()),
            }
        )
    return pd.DataFrame(rows)
