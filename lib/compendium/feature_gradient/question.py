"""Is the wider exploration of the gradient method a virtue of the gradient, or of not following it? In three sentences.

At four elements six arms differ in the inner loop alone. With Δ_a the state entropy of arm a less that of enumeration
(all points, as published, after the last experiment), the share of the published loop's wider search that a has too is

    s_a = Δ_a / Δ_published

Where the published loop is wider at all, by more than MARGIN, that is a virtue

    of not following the gradient   where s > ½ for `best_of_random`, which has none, and s < ½ for those that follow,
    of the gradient                 where s > ½ for one that follows, and s < ½ for `best_of_random`,

with their 95 % intervals; else it is undecided. `random` and the final merits say what a wide search is worth. Means
over the landscapes; seeds are resampled whole, so that what arms and landscapes of a seed share stays together.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from compendium import ROOT
from compendium.feature_gradient.results import ALLOYS, Results
from compendium.judging import statistics

MARGIN = 0.1
"""Nats: what counts as a difference."""

NEEDED = ("enumeration", "slsqp_ei", "ascent", "best_of_random", "random")
FOLLOW = ("ascent", "slsqp_log_ei")
SAID = {
    "slsqp_ei": "the published loop",
    "best_of_random": "the best of 80 random compositions (no gradient at all)",
    "ascent": "an ascent that reaches the maximum",
    "slsqp_log_ei": "the paper's loop on log EI (its starts do move)",
    "random": "random experiments",
}
BEGIN, END = "<!-- heart: written by question.write_answer -->", "<!-- /heart -->"


def table(results: Results, quantity: str, alloys: Sequence[str] = tuple(ALLOYS)) -> pd.DataFrame:
    """ "entropy" or "best" by seed: columns (alloy, arm) of the landscapes that have all the arms needed.

    SLSQP is there where every such landscape has it at least `statistics.MIN_PAIRS` times. Seeds that lack one are out.
    """
    number = getattr(results, quantity)
    found = {}
    for alloy in alloys:
        arms = {arm: number(f"{alloy}_n4_{arm}") for arm in (*NEEDED, "slsqp_log_ei")}
        if min(len(arms[arm]) for arm in NEEDED) >= statistics.MIN_PAIRS:
            found |= {(alloy, arm): values for arm, values in arms.items()}
    if not found:
        return pd.DataFrame()
    if min(len(found[key]) for key in found if key[1] == "slsqp_log_ei") < statistics.MIN_PAIRS:
        found = {key: values for key, values in found.items() if key[1] != "slsqp_log_ei"}
    return pd.concat(found, axis=1).dropna()


def against_enumeration(wide: pd.DataFrame, arm: str) -> tuple[float, float, float]:
    """(mean over landscapes of arm − enumeration, low, high)."""
    alloys = wide.columns.get_level_values(0).unique()
    values = np.column_stack([wide[alloy][arm] - wide[alloy]["enumeration"] for alloy in alloys])
    return statistics.interval(values, lambda v: v.mean(axis=(-2, -1)))


def share(wide: pd.DataFrame, arm: str, of: str = "slsqp_ei") -> tuple[float, float, float]:
    """(Δ_arm / Δ_of, low, high), over the landscapes of the table together."""
    alloys = wide.columns.get_level_values(0).unique()
    own = [np.column_stack([wide[a][which] - wide[a]["enumeration"] for a in alloys]) for which in (arm, of)]

    def ratio(values):
        one, other = np.split(values.mean(axis=-2), 2, axis=-1)
        return one.mean(axis=-1) / other.mean(axis=-1)

    return statistics.interval(np.concatenate(own, axis=1), ratio)


def virtue(wide: pd.DataFrame) -> str:
    """By the rule above: "not following", "the gradient", "undecided", or "nothing" where nothing is to explain."""
    if not against_enumeration(wide, "slsqp_ei")[1] > MARGIN:
        return "nothing"
    _, blind_low, blind_high = share(wide, "best_of_random")
    follow = [share(wide, arm) for arm in FOLLOW if arm in wide.columns.get_level_values(1)]
    if blind_low > 0.5 and max(high for *_, high in follow) < 0.5:
        return "not following"
    if blind_high < 0.5 and max(low for _, low, _ in follow) > 0.5:
        return "the gradient"
    return "undecided"


def heart(results: Results) -> str:
    """The answer: what follows, from what the arms add to the state entropy; and what they add to the final merit."""
    wide, merits = table(results, "entropy"), table(results, "best")
    if len(wide) < statistics.MIN_PAIRS:
        return f"Not answered: fewer than {statistics.MIN_PAIRS} trajectories of the arms at N = 4 are recorded."
    alloys = {ALLOYS[alloy]: merits[[alloy]] for alloy in wide.columns.get_level_values(0).unique()}
    finals = [f"{_shown(against_enumeration(own, 'slsqp_ei'), 4)} in {alloy}" for alloy, own in alloys.items()]
    losses = [_in_percent(share(own, "slsqp_ei", "random")) for own in alloys.values()]
    each = f"each of {_listed(list(alloys))}" if len(alloys) > 1 else next(iter(alloys))
    return (
        f"{_concluded(wide)} The published loop's final merit, less that of exact maximisation, is {_listed(finals)}: "
        f"{_listed(losses)} of what exact maximisation gains over random experiments. All this over {len(wide)} seeds "
        f"in {each} at four elements: means over alloys and seeds, 95 % intervals."
    )


def by_alloy(results: Results) -> str:
    """The numbers behind the answer, as a table in Markdown: one row an arm; empty where there is no answer."""
    wide, merits = table(results, "entropy"), table(results, "best")
    if len(wide) < statistics.MIN_PAIRS:
        return ""
    alloys = list(wide.columns.get_level_values(0).unique())
    head = ["less exact maximisation", "state entropy, nats", *(f"final merit, {ALLOYS[a]}" for a in alloys)]
    lines = [head, ["---"] * len(head)]
    for arm in (arm for arm in SAID if arm in wide.columns.get_level_values(1)):
        merit = [_shown(against_enumeration(merits[[alloy]], arm), 4) for alloy in alloys]
        lines.append([_name(arm), _shown(against_enumeration(wide, arm), 2), *merit])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def gained_and_lost(results: Results) -> pd.DataFrame:
    """Return what each arm gains in entropy and loses in merit against enumeration: one row per alloy and arm.

    Columns alloy, method, n; entropy, entropy_low, entropy_high in nats; merit, merit_low, merit_high in per cent of
    what enumeration gains over random experiments; intervals 95 %. Random experiments lose 100 % and are left out.
    """
    rows = []
    for alloy in ALLOYS:
        wide, merits = table(results, "entropy", [alloy]), table(results, "best", [alloy])
        for arm in (arm for arm in SAID if len(wide) and arm != "random" and (alloy, arm) in wide):
            numbers = (*against_enumeration(wide, arm), *(100 * part for part in share(merits, arm, "random")))
            rows.append((alloy, arm, len(wide), *numbers))
    measures = [f"{what}{end}" for what in ("entropy", "merit") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["alloy", "method", "n", *measures])


def answer(results: Results) -> str:
    """The three sentences, and the table where there is one."""
    return f"{heart(results)}\n\n{by_alloy(results)}".strip()


def _concluded(wide: pd.DataFrame) -> str:
    """The first sentence."""
    alloys = wide.columns.get_level_values(0).unique()
    of, more = virtue(wide), f"{_shown(against_enumeration(wide, 'slsqp_ei'), 2)} nats"
    each = {ALLOYS[alloy]: virtue(wide[[alloy]]) for alloy in alloys}
    arms = [arm for arm in ("best_of_random", *FOLLOW) if arm in wide.columns.get_level_values(1)]
    shares = [f"{SAID[arm]} has {_shares(wide, arm)}" for arm in arms]
    entropy = "state entropy (the mean log distance of a composition to its second nearest one)"
    numbers = f"of the {entropy} that the published loop has beyond exact maximisation, {more}, {_listed(shares)}"
    sentence = {
        "not following": f"Mostly of not following it: {numbers}",
        "the gradient": f"Mostly of the gradient: {numbers}",
        "undecided": f"Undecided: {numbers}",
        "nothing": f"There is no wider exploration to explain: the published loop has {more} beyond exact maximisation",
    }[of]
    others = [f"{alloy} alone: {other}" for alloy, other in each.items() if other != of]
    if others:
        return f"{sentence}; {'; '.join(others)}."
    return f"{sentence}; each alloy taken alone gives the same answer." if len(each) > 1 else f"{sentence}."


def _shares(wide: pd.DataFrame, arm: str) -> str:
    """The share of an arm, and that of each alloy alone."""
    alloys = wide.columns.get_level_values(0).unique()
    apart = [f"{ALLOYS[alloy]} {_percent(share(wide[[alloy]], arm)[0])}" for alloy in alloys]
    return _in_percent(share(wide, arm)) + (f" ({', '.join(apart)})" if len(apart) > 1 else "")


def _name(arm: str) -> str:
    """An arm as `SAID` has it, without what stands in brackets."""
    return SAID[arm].split(" (")[0]


def _shown(interval: tuple[float, float, float], digits: int) -> str:
    value, low, high = (_signed(x, digits) for x in interval)
    return f"{value} [{low}, {high}]"


def _in_percent(interval: tuple[float, float, float]) -> str:
    value, low, high = map(_percent, interval)
    return f"{value} % [{low}, {high}]"


def _percent(share: float) -> str:
    return f"{np.round(100 * share) + 0:.0f}".replace("-", "−")


def _signed(x: float, digits: int) -> str:
    return f"{round(x, digits) + 0.0:+.{digits}f}".replace("-", "−")  # no −0


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def answer_in(text: str) -> str:
    """What stands between the markers of a text."""
    return text.split(BEGIN)[1].split(END)[0].strip()


def write_answer(results: Results, path: Path = ROOT / "README.md") -> None:
    """Put the answer between the markers of README."""
    text = path.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n{answer(results)}\n{END}{after}", encoding="utf-8")
