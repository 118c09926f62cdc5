"""The published gradient search tries more varied alloys than an exact one. Does the gradient do this?

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
from compendium.feature_gradient import headline
from compendium.feature_gradient.results import ALLOYS, WORDS, Results
from compendium.judging import statistics

MARGIN = 0.1
"""Nats: what counts as a difference."""

NEEDED = ("enumeration", "slsqp_ei", "ascent", "best_of_random", "random")
FOLLOW = ("ascent", "slsqp_log_ei")
SAID = ("slsqp_ei", "best_of_random", "ascent", "slsqp_log_ei", "random")
"""Arms that are compared with enumeration, in this order."""

LED = {
    "not following": "Mostly not: the search stalls.",
    "the gradient": "Yes, the gradient does.",
    "undecided": "The arms do not decide it.",
    "nothing": "Its alloys are not more varied.",
}
"""What the answer begins with."""

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
    """Return the answer in plain sentences: what the arms add to the state entropy, and what they lose in merit."""
    wide, merits = table(results, "entropy"), table(results, "best")
    if len(wide) < statistics.MIN_PAIRS:
        return f"Not answered: fewer than {statistics.MIN_PAIRS} trajectories of the arms at N = 4 are recorded."
    alloys = list(wide.columns.get_level_values(0).unique())
    gained = {arm: against_enumeration(wide, arm)[0] for arm in SAID if arm in wide.columns.get_level_values(1)}
    adds = {arm: f"{round(gain, 2) + 0.0:.2f}".replace("-", "−") for arm, gain in gained.items()}
    lost = {
        arm: [_percent(share(merits[[alloy]], arm, "random")[0]) for alloy in alloys]
        for arm in ("slsqp_ei", "best_of_random")
    }
    whole, alone = virtue(wide), {WORDS[a]: virtue(wide[[a]]) for a in alloys}
    log_ei = (
        f"; the published one on the logarithm of its score, {adds['slsqp_log_ei']}" if "slsqp_log_ei" in adds else ""
    )
    sentences = [
        f"{LED[whole]} Its alloys lie {np.exp(gained['slsqp_ei']):.1f} times as far apart as those of exact search "
        f"(+{adds['slsqp_ei']} nats of state entropy, a mean log distance, over three kinds of alloys). This counts "
        "the 40 initial alloys, which all searches share.",
        f"The best of 80 random compositions, which follows no gradient, adds {adds['best_of_random']} as well.",
        f"A gradient search that reaches the maximum adds {adds['ascent']}{log_ei}.",
        *(f"For {alloy} alone the answer is: {its}." for alloy, its in alone.items() if its != whole),
        f"The wider search costs {_listed(lost['slsqp_ei'])} % of what exact search gains over random experiments, in "
        f"{_listed([WORDS[a] for a in alloys])}; the best of random costs {_listed(lost['best_of_random'])} % "
        f"({len(wide)} seeds).",
    ]
    return " ".join(sentences)


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
    """Return what README says: the answer, and how it varies over trainings of the networks."""
    return f"{heart(results)} {headline.in_words(results)}".strip()


def _percent(share: float) -> str:
    return f"{np.round(100 * share) + 0:.0f}".replace("-", "−")


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
