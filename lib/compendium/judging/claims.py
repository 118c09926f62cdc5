"""Statement + measurement → verdict: what becomes of the papers' claims.

`data/claims.toml` holds each claim in our words, its place, the criterion with its numbers (whether these were known
when it was written, what was amended later, and why) and the name of its measurement; never the verdict. A measurement
is a function (results, numbers) → parts, in the package `measurements` of a body of work; `verdicts` judges the parts.

    found = judged(results)      # results: the recorded tables of a body of work, gathered once
    scoreboard(found)            # one row per claim
    strips(found)                # one row per number, with the cells or files that it is from
    history(results, found)      # first verdicts, and those with half and twice the margin
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from compendium import DATA, bodies
from compendium.judging.verdicts import GROUPS, MEASURES, NOT_TESTED, VERDICTS, Part, intervals, judge, standardised

FILE = DATA / "claims.toml"
COLUMNS = ["claim", "statement", "place", "criterion", "measured", "verdict", "figure", "test"]


@dataclass(frozen=True)
class Claim:
    """One claim of the paper. criterion: may name its `numbers` in braces; known: whether what it judges was recorded
    when it was written; amended: what was changed about it after first numbers were in, and why; reason: why it is not
    tested, if so."""

    id: str
    statement: str
    place: str
    paper: str  # the paper's number, "" where it gives none
    criterion: str
    measure: str = ""
    numbers: dict = field(default_factory=dict)
    compare: list = field(default_factory=list)  # what the measurement compares, where it is declared as data
    quantity: str = ""  # what is measured, with its unit
    figure: str = ""
    notebook: str = ""
    test: str = ""
    known: bool = False
    amended: str = ""
    reason: str = ""
    document: str = "feature_gradient"  # the body of work whose document makes it

    @property
    def first(self) -> str:
        """The verdict that the first wording had, "" where that stands. Raises ValueError where it is not named."""
        if not self.amended:
            return ""
        found = re.search(rf"by it: ({'|'.join(VERDICTS)})$", self.amended)
        if not found:
            raise ValueError(
                f"Claim {self.id!r}: expected its `amended` to end with 'by it: ' and a verdict; got {self.amended!r}. "
                f"Add the verdict of the first wording, one of {', '.join(VERDICTS)}."
            )
        return found[1]

    def with_margin(self, times: float) -> "Claim":
        """The claim with a margin so many times as large."""
        return replace(self, numbers={**self.numbers, "margin": times * self.numbers["margin"]})

    def parts(self, results: Any) -> list[Part]:
        """What is measured of it; nothing where it has no measurement."""
        declared = {"compare": self.compare} if self.compare else {}
        return MEASURES[self.measure](results, **declared, **self.numbers) if self.measure else []


def load(document: str | None = "feature_gradient") -> list[Claim]:
    """The declared claims of one document, or of all. Raises ValueError for one without measurement and reason."""
    bodies.modules("measurements")  # they register their measurements
    claims = [Claim(**entry) for entry in tomllib.loads(FILE.read_text(encoding="utf-8"))["claim"]]
    for claim in claims:
        if bool(claim.measure) == bool(claim.reason) or (claim.measure and claim.measure not in MEASURES):
            raise ValueError(
                f"Claim {claim.id!r}: measure is {claim.measure!r}, reason {claim.reason!r}; expected one of the two, "
                f"and a measure among {sorted(MEASURES)}."
            )
        claim.criterion.format(**claim.numbers)
    return [claim for claim in claims if document in (None, claim.document)]


@dataclass(frozen=True)
class Judgement:
    """A claim, what was measured, with intervals that hold all at once, and what follows."""

    claim: Claim
    parts: list[Part]
    verdict: str

    def measured(self) -> str:
        """One line: of each group how many parts hold, and the part that decides; or why nothing was measured."""
        if not self.parts:
            return self.claim.reason
        if all(part.n == 0 for part in self.parts):
            return "nothing recorded of " + ", ".join(sorted({part.source for part in self.parts})[:3])
        said = [
            _summary(group, own) for group in GROUPS if (own := [part for part in self.parts if part.group == group])
        ]
        return f"{self.claim.quantity}: {' | '.join(said)}"


def _summary(group: str, parts: Sequence[Part]) -> str:
    head = {"meant": "", "published": "as published: ", "stronger": "beyond: "}[group]
    if len(parts) <= 2:
        return head + "; ".join(map(str, parts))
    holding, missing = (sum(test(part) for part in parts) for test in (_holds, lambda part: part.n == 0))
    lacking = f" ({missing} not recorded)" if missing else ""
    return f"{head}{holding} of {len(parts)} hold{lacking}; {decisive(parts)}"


def _holds(part: Part) -> bool:
    return part.outcome() == "holds"


def decisive(parts: Sequence[Part]) -> Part:
    """The part that a group hangs on: the clearest failure, else the worst open one, else what holds least clearly."""
    for outcome in ("fails", "open", "holds"):
        if own := [part for part in parts if part.outcome() == outcome and part.n != 0]:
            return min(own, key=lambda part: standardised(part)[0])
    return parts[0]


def judged(results: Any, claims: Sequence[Claim] | None = None) -> list[Judgement]:
    """Judge claims (default: the first document's) together, by intervals that hold all at once."""
    claims = load() if claims is None else claims
    parts = [claim.parts(results) for claim in claims]
    m = intervals(part for own in parts for part in own)
    return [_judgement(claim, own, m) for claim, own in zip(claims, parts, strict=True)]


def _judgement(claim: Claim, parts: Sequence[Part], m: int) -> Judgement:
    """The verdict on a claim whose intervals are among m that hold the truth together."""
    wide = [part.widened(m) for part in parts]
    return Judgement(claim, wide, judge(wide) if wide else NOT_TESTED)


TIMES: Mapping[float, str] = {0.5: "half the margin", 2.0: "twice the margin"}


def history(results: Any, found: Sequence[Judgement]) -> pd.DataFrame:
    """The verdict of each claim's first wording, that of the present one, and those with other margins.

    Columns claim, criterion ("untouched", "known": what it judges was recorded when it was written, or "amended"),
    first, verdict, and `TIMES` ("" where the criterion has no margin).
    """
    m, rows = intervals(part for own in found for part in own.parts), []
    for own in found:
        claim = own.claim
        state = "amended" if claim.amended else "known" if claim.known else "untouched"
        row = {"claim": claim.id, "criterion": state, "first": claim.first or own.verdict, "verdict": own.verdict}
        others = dict.fromkeys(TIMES.values(), "")
        if "margin" in claim.numbers:
            scaled = {name: claim.with_margin(times) for times, name in TIMES.items()}
            others = {name: _judgement(each, each.parts(results), m).verdict for name, each in scaled.items()}
        rows.append(row | others)
    return pd.DataFrame(rows)


def scoreboard(found: Sequence[Judgement]) -> pd.DataFrame:
    """One row per claim: `COLUMNS`."""
    rows = [
        (
            own.claim.id,
            own.claim.statement,
            own.claim.place,
            own.claim.criterion.format(**own.claim.numbers),
            own.measured(),
            own.verdict,
            own.claim.figure,
            own.claim.test,
        )
        for own in found
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def strips(found: Sequence[Judgement]) -> pd.DataFrame:
    """Every part of every claim: its numbers, its source, and where it lies from its bound (see ``standardised``)."""
    rows = []
    for own in found:
        for part in own.parts:
            x, low, high = standardised(part)
            about = {"claim": own.claim.id, "verdict": own.verdict, "group": part.group}
            numbers = {key: getattr(part, key) for key in ("name", "value", "low", "high", "n", "least", "most")}
            drawn = {"outcome": part.outcome(), "x": x, "x_low": low, "x_high": high}
            rows.append({**about, **numbers, **drawn, "source": part.source})
    return pd.DataFrame(rows)
