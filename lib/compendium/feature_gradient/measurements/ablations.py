"""Measurements on variants of a campaign (SMA, N = 4) and on its inner loop: claims of Figs. 7 and 8, section 5."""

import numpy as np
import pandas as pd

from compendium.feature_gradient.cells import STARTS, variant
from compendium.feature_gradient.measurements.campaigns import ALLOYS, BOTH, FOLLOWED, alone, arms, difference, wider
from compendium.feature_gradient.results import LAST, Results
from compendium.judging import statistics
from compendium.judging.verdicts import Part, measure


def _by_starts(results: Results, arm: str) -> tuple[pd.DataFrame, str]:
    """Final merits (seeds, starts) of SMA, N = 4; 80 are the usual number of the paper's loop."""
    cells = {starts: f"sma_n4_{arm}_starts{starts}" for starts in STARTS[:-1]} | {STARTS[-1]: f"sma_n4_{arm}"}
    table = pd.concat({starts: results.best(cell) for starts, cell in cells.items()}, axis=1).dropna()
    return table, f"sma_n4_{arm}[_starts*]"


def _of_starts(results: Results, statistic, **bounds) -> list[Part]:
    parts = []
    for arm, group in FOLLOWED.items():
        table, source = _by_starts(results, arm)
        found = statistics.interval(table.to_numpy(), statistic) if len(table) > 1 else ()
        parts.append(Part(arm, *found, len(table), group=group, source=source, **bounds))
    return parts


@measure("starts_rise")
def starts_rise(results: Results, least: float) -> list[Part]:
    """Rise of the final merit per doubling of the starts from 10 to 80."""
    weights = np.linspace(-1, 1, len(STARTS)) * 1.5
    weights = weights / (weights**2).sum()
    return _of_starts(results, lambda values: values.mean(axis=-2) @ weights, least=least)


@measure("starts_saturate")
def starts_saturate(results: Results, least: float) -> list[Part]:
    """What the first doubling of the starts brings less what the last one does."""

    def less(values):
        mean = values.mean(axis=-2)
        return (mean[..., 1] - mean[..., 0]) - (mean[..., 3] - mean[..., 2])

    return _of_starts(results, less, least=least)


@measure("starts_suffice")
def starts_suffice(results: Results, margin: float) -> list[Part]:
    """Final merit with 80 starts − enumeration's, SMA, N = 4."""
    return arms(results.best, ["sma"], FOLLOWED, least=-margin, most=margin)


def _acquisitions(quantity, names: dict[str, str], **bounds) -> list[Part]:
    """`quantity`(cell) with another acquisition function − with EI, SMA, N = 4."""
    parts = []
    for arm, group in BOTH.items():
        for suffix, name in names.items():
            cells = f"sma_n4_{variant(arm, suffix)}", f"sma_n4_{arm}"
            options = {"group": group, "source": " − ".join(cells), **bounds}
            parts.append(difference(f"{arm} {name}", *map(quantity, cells), **options))
    return parts


@measure("acquisitions_end_alike")
def acquisitions_end_alike(results: Results, margin: float) -> list[Part]:
    """Final merit with UCB and PI − with EI, within a margin."""
    return _acquisitions(results.best, {"ucb": "UCB", "pi": "PI"}, least=-margin, most=margin)


@measure("ucb_early")
def ucb_early(results: Results, experiments: int, least: float) -> list[Part]:
    """Best merit after a few experiments, UCB − EI."""
    return _acquisitions(lambda cell: results.best(cell, experiments), {"ucb": "UCB"}, least=least)


@measure("pi_varies_early")
def pi_varies_early(results: Results, experiments: int, least: float) -> list[Part]:
    """Standard deviation over trajectories of the best merit after a few experiments, PI − EI."""
    parts = []
    for arm, group in BOTH.items():
        cells = f"sma_n4_{variant(arm, 'pi')}", f"sma_n4_{arm}"
        joined = pd.concat([results.best(cell, experiments) for cell in cells], axis=1).dropna().to_numpy()
        found = statistics.interval(joined, wider) if len(joined) > 1 else ()
        parts.append(Part(f"{arm} PI", *found, len(joined), least=least, group=group, source=", ".join(cells)))
    return parts


def _ratio(values):
    one, other = np.moveaxis(values.mean(axis=-2), -1, 0)
    return one / other


@measure("steep_start")
def steep_start(results: Results, experiments: int, least: float) -> list[Part]:
    """Share of the whole rise in best merit that the first experiments bring, for each acquisition function."""
    parts = []
    for arm, group in BOTH.items():
        for function in ("", "ucb", "pi"):
            cell = f"sma_n4_{variant(arm, function) if function else arm}"
            begun, early, final = (results.best(cell, done) for done in (0, experiments, LAST))
            joined = pd.concat([early - begun, final - begun], axis=1).dropna().to_numpy()
            found = statistics.interval(joined, _ratio) if len(joined) else ()
            name = f"{arm} {function.upper() or 'EI'}"
            parts.append(Part(name, *found, len(joined), least=least, group=group, source=cell))
    return parts


@measure("formulas_early")
def formulas_early(results: Results, experiments: int, least: float) -> list[Part]:
    """Best merit averaged over the first experiments, eight formulas − weighted averages."""

    def early(cell):
        return pd.concat([results.best(cell, done) for done in range(1, experiments + 1)], axis=1).mean(axis=1)

    parts = []
    for arm, group in BOTH.items():
        cells = f"sma_n4_{arm}_formulas8", f"sma_n4_{arm}"
        parts.append(difference(arm, *map(early, cells), least=least, group=group, source=" − ".join(cells)))
    return parts


@measure("largest_ei")
def largest_ei(results: Results, few: int, fall: float, most: float) -> list[Part]:
    """log10 of the EI of the picks, median over the last few experiments − over the first: of the exact maximum, and of
    the published loop; beyond: that of the exact maximum in the last."""

    def median(rows):
        return rows.groupby("seed")["log_ei"].median() / np.log(10)

    def late(rows):
        return median(rows[rows["experiment"] >= LAST - few])

    def change(rows):
        return late(rows) - median(rows[rows["experiment"].between(0, few - 1)])

    parts = []
    for arm, group in {"enumeration": "meant", "slsqp_ei": "published"}.items():
        for alloy, name in ALLOYS.items():
            cell = f"{alloy}_n4_{arm}"
            options = {"most": -fall, "group": group, "source": cell}
            parts.append(alone(f"{arm} {name}", results.by_seed(cell, change), **options))
    for alloy, name in ALLOYS.items():
        cell = f"{alloy}_n4_enumeration"
        options = {"most": most, "group": "stronger", "source": cell}
        parts.append(alone(f"enumeration {name} at last", results.by_seed(cell, late), **options))
    return parts


@measure("starts_move")
def starts_move(results: Results, after: int, least: float) -> list[Part]:
    """Share of the published loop's starts that moved, mean over the experiments from some number on."""

    def moved(rows):
        return rows[rows["experiment"] >= after].groupby("seed")["moved"].mean()

    cells = {f"{alloy}_n4_slsqp_ei": name for alloy, name in ALLOYS.items()}
    return [alone(name, results.by_seed(cell, moved), least=least, source=cell) for cell, name in cells.items()]


@measure("gradients_per_start")
def gradients_per_start(results: Results, least: float, most: float) -> list[Part]:
    """Gradients that one search of SLSQP took in the first experiment, with 40 compositions measured (SMA, N = 4)."""
    return _first_loop(results, lambda rows: rows["gradients"] / rows["starts"], least=least, most=most)


@measure("seconds_per_loop")
def seconds_per_loop(results: Results, most: float) -> list[Part]:
    """CPU seconds of the first experiment (SMA, N = 4): the inner loop and the fit before it; the loop takes less."""
    return _first_loop(results, lambda rows: rows["cpu_seconds"].dropna(), most=most)


def _first_loop(results: Results, number, **bounds) -> list[Part]:
    def first(rows):
        rows = rows[rows["experiment"] == 0].set_index("seed")
        return number(rows)

    return [
        alone(arm, results.by_seed(f"sma_n4_{arm}", first), group=group, source=f"sma_n4_{arm}", **bounds)
        for arm, group in FOLLOWED.items()
    ]
