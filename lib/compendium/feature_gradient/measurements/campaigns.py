"""Measurements on campaigns: claims of Figs. 3 and 5, and what section 4 concludes from them.

Most compare a number per trajectory between two arms that share initial data and features seed by seed.
"""

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import pandas as pd

from compendium.feature_gradient import diversity
from compendium.feature_gradient.cells import N_ARMS
from compendium.feature_gradient.results import ALLOYS, LAST, Results
from compendium.judging import statistics
from compendium.judging.verdicts import Part, measure

FOLLOWED = {"slsqp_log_ei": "meant", "slsqp_ei": "published"}
"""The paper's loop on log EI, whose starts climb as the paper says, and as published. Run at N = 4."""
BOTH = {"ascent": "meant", "slsqp_ei": "published"}
"""Where the paper's loop on log EI has not been run: another loop that follows its gradient in its place."""


def difference(name: str, one: pd.Series, other: pd.Series, **options) -> Part:
    """Mean of `one` − `other`, paired by seed, as a part; an empty part where no seed is in both."""
    if not len(one.index.intersection(other.index)):
        return Part(name, **options)
    found = statistics.paired(one, other)
    return Part(name, *(float(found[key]) for key in ("mean", "low", "high")), int(found["n"]), **options)


def alone(name: str, values: pd.Series, **options) -> Part:
    """Mean of a number per trajectory as a part; no interval below ``statistics.MIN_PAIRS``."""
    zero = pd.Series(0.0, values.index)
    return difference(name, values, zero, **options)


def arms(
    quantity: Callable, alloys: Iterable[str], groups: dict[str, str], *, n: int = 4, than="enumeration", **bounds
):
    """`quantity`(cell) of each arm less that of another, alloy by alloy; `groups`: which group an arm belongs to."""
    parts = []
    for arm, group in groups.items():
        for alloy in alloys:
            cells = f"{alloy}_n{n}_{arm}", f"{alloy}_n{n}_{than}"
            name = f"{arm} {ALLOYS[alloy]} N={n}"
            parts.append(difference(name, *map(quantity, cells), group=group, source=" − ".join(cells), **bounds))
    return parts


@measure("ends_as_enumeration")
def ends_as_enumeration(results: Results, experiments: list[int], margin: float) -> list[Part]:
    """Best merit of the gradient loops − enumeration's, N = 3, 4, 5, within a margin."""
    parts = []
    for done in experiments:
        for n in (3, 4, 5):
            best = partial(results.best, done=done)
            groups = BOTH | FOLLOWED if n == N_ARMS else BOTH
            found = arms(best, ALLOYS, groups, n=n, least=-margin, most=margin)
            parts += [_renamed(part, f"{part.name} after {done}") for part in found]
    return parts


def wider(values: np.ndarray) -> np.ndarray:
    """Standard deviation of the first column of values (..., n, 2) less that of the second."""
    deviation = values.std(axis=-2, ddof=1)
    return deviation[..., 0] - deviation[..., 1]


def _renamed(part: Part, name: str) -> Part:
    return Part(**{**vars(part), "name": name})


@measure("loss_to_enumeration")
def loss_to_enumeration(results: Results, margin: float) -> list[Part]:
    """What the paper's loop loses to enumeration at N = 4 is at most a margin."""
    return arms(results.best, ALLOYS, FOLLOWED, least=-margin)


@measure("features_in_search")
def features_in_search(results: Results, least: float) -> list[Part]:
    """Best merit so far, mean over the experiments: `ascent` on material features − on raw fractions, N = 4."""

    def on_average(rows):
        best = rows.groupby("seed")["merit"].cummax()
        return best[rows["experiment"] >= 0].groupby(rows["seed"]).mean()

    found = partial(results.by_seed, quantity=on_average)
    return arms(found, ALLOYS, {"ascent": "meant"}, than="fractions", least=least)


@measure("more_elements")
def more_elements(results: Results, least: float) -> list[Part]:
    """Final merit with ten elements − with three, `ascent` on the grid of 0.1 at.%."""
    parts = []
    for alloy, name in ALLOYS.items():
        cells = f"{alloy}_n10_ascent", f"{alloy}_n3_ascent"
        parts.append(difference(name, *map(results.best, cells), least=least, source=" − ".join(cells)))
    return parts


@measure("titanium_gains_most")
def titanium_gains_most(results: Results, least: float) -> list[Part]:
    """Rise of the final merit from three to ten elements, titanium − another alloy; no ratio, for merits can be < 0."""
    gains = {}
    for alloy in ALLOYS:
        ten, three = results.best(f"{alloy}_n10_ascent"), results.best(f"{alloy}_n3_ascent")
        gains[alloy] = (ten - three).dropna()
    source = "{ti,sma,hea}_n{3,10}_ascent"
    others = [alloy for alloy in ALLOYS if alloy != "ti"]
    return [difference(f"Ti − {ALLOYS[a]}", gains["ti"], gains[a], least=least, source=source) for a in others]


@measure("entropy")
def entropy(results: Results, margin: float) -> list[Part]:
    """State entropy after the last experiment − enumeration's, in the published form."""
    return arms(results.entropy, ALLOYS, FOLLOWED, least=margin)


@measure("entropy_decay")
def entropy_decay(results: Results, half: int, margin: float) -> list[Part]:
    """Change of the state entropy over the second half of a campaign − enumeration's."""

    def change(cell):
        return results.entropy(cell, LAST) - results.entropy(cell, half)

    return arms(change, ALLOYS, FOLLOWED, least=margin)


@measure("spread")
def spread(results: Results, margin: float) -> list[Part]:
    """Standard deviation of final merits over trajectories − enumeration's over the same seeds."""
    return _against_enumeration(results, lambda v: v[..., 0].std(axis=-1, ddof=1), lambda c: [results.best(c)], margin)


@measure("slope_on_start")
def slope_on_start(results: Results, margin: float) -> list[Part]:
    """Slope of final merit on the best initial one − enumeration's over the same seeds."""
    return _against_enumeration(results, diversity.slope, lambda c: [results.best(c, 0), results.best(c)], margin)


def _against_enumeration(results: Results, statistic: Callable, columns: Callable, margin: float) -> list[Part]:
    """A statistic (..., n, k) → (...) of the `columns`(cell) of an arm, at least `margin` below enumeration's; seeds
    are resampled whole. Where enumeration's own is below the margin none can be so far below; such a part is open,
    unless it lies above by the margin.
    """
    parts = []
    for arm, group in FOLLOWED.items():
        for alloy, name in ALLOYS.items():
            cells = f"{alloy}_n4_{arm}", f"{alloy}_n4_enumeration"
            joined = pd.concat([column for cell in cells for column in columns(cell)], axis=1).dropna().to_numpy()
            options = {"group": group, "source": ", ".join(cells), "most": -margin}
            if len(joined) > 1:
                k = joined.shape[1] // 2
                found = statistics.interval(joined, lambda v, k=k: statistic(v[..., :k]) - statistic(v[..., k:]))
                if statistic(joined[:, k:]) < margin and not found[1] > margin:
                    options["told"] = ("open", 1.0)
                parts.append(Part(f"{arm} {name} N=4", *found, len(joined), **options))
            else:
                parts.append(Part(f"{arm} {name} N=4", n=len(joined), **options))
    return parts


@measure("scatter")
def scatter(results: Results, margin: float) -> list[Part]:
    """Log of the mean distance between two picks, and to the third other pick, − enumeration's (SMA)."""

    def far(points):
        return float(np.log(diversity.mean_distance(points)))

    def near(points):
        return float(diversity.state_entropy(points, diversity.TRUE_K))

    parts = []
    for name, measured in (("mean distance", far), ("third neighbour", near)):
        found = arms(lambda cell, m=measured: results.new_picks(cell, m), ["sma"], FOLLOWED, least=margin)
        parts += [_renamed(part, f"{part.name} {name}") for part in found]
    return parts


@measure("flatness")
def flatness(results: Results, width: float, margin: float) -> list[Part]:
    """Log effective number of bins that an element's fractions fill, mean over elements, − enumeration's (SMA)."""

    def bins(points):
        return float(np.mean([np.log(diversity.effective_bins(points[:, [i]], width)) for i in range(points.shape[1])]))

    return arms(lambda cell: results.new_picks(cell, bins), ["sma"], FOLLOWED, least=margin)


@measure("consecutive_picks")
def consecutive_picks(results: Results, share: float) -> list[Part]:
    """Log distance of a pick to the one before it, enumeration − random experiments, below the log of a share; and
    enumeration − the published loop."""

    def steps(points):
        return float(np.log(np.linalg.norm(np.diff(points, axis=0), axis=1)).mean())

    parts = []
    for than, group, most in (("random", "meant", float(np.log(share))), ("slsqp_ei", "published", 0.0)):
        found = arms(lambda cell: results.new_picks(cell, steps), ALLOYS, {"enumeration": group}, than=than, most=most)
        parts += [_renamed(part, f"{part.name} − {than}") for part in found]
    return parts
