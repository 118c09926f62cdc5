"""All judged claims in one table: by topic, each with its verdict in colour and one line of evidence.

Topics follow from the figure that shows a claim, so a new claim finds its place by itself.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from html import escape

import pandas as pd

from compendium.judging.claims import Judgement, decisive
from compendium.judging.verdicts import AS_MEANT, AS_PUBLISHED, GROUPS, NOT_TESTED, Part

TOPICS = {
    "0[123]_*": "The simulated laboratories",
    "07_final_merits": "Merit: what campaigns find",
    "06_*": "Merit: what campaigns find",
    "1[567]_*": "Merit: what campaigns find",
    "0[78]_*": "Exploration: how widely campaigns search",
    "05_*": "The inner loop: cost and convergence",
    "12_*": "The inner loop: cost and convergence",
    "09_*": "Number of starts, acquisition functions",
    "10_*": "Number of starts, acquisition functions",
    "04_*": "Material features",
    "11_*": "Material features",
    "14_*": "Other surrogates",
    "3?_*": "Several objectives",
    "4?_*": "Pools of candidates",
    "5?_*": "Inverse problems",
}
"""Pattern of figures → topic; the first that fits."""

COLOURS = {
    "reproduced": "#029e73",
    "stronger than claimed": "#56b4e9",
    "only as meant": "#8c4a99",
    "only as published": "#de8f05",
    "not reproduced": "#d55e00",
    "inconclusive": "#8a8a8a",
    "not tested": "#c4c4c4",
}
"""One colour for each verdict, in tables and figures."""


def topic(figure: str) -> str:
    """Return the topic of a claim by the figure that shows it. Raises ValueError where no pattern fits."""
    found = next((name for pattern, name in TOPICS.items() if fnmatchcase(figure, pattern)), None)
    if found is None:
        raise ValueError(
            f"The figure {figure!r} belongs to no topic. Add a pattern for it to TOPICS in compendium.judging.board."
        )
    return found


def table(found: Sequence[Judgement], labels: Mapping[str, str]) -> pd.DataFrame:
    """Return one row per claim, ordered by topic: topic, claim (its statement), verdict, evidence.

    Args:
        found: The judged claims, of one document or of several.
        labels: Names of inner loops and properties in the records → as figures call them.
    """
    order = list(dict.fromkeys(TOPICS.values()))
    rows = [(topic(own.claim.figure), own.claim.statement, own.verdict, _plain(evidence(own), labels)) for own in found]
    board = pd.DataFrame(rows, columns=["topic", "claim", "verdict", "evidence"])
    return board.sort_values("topic", key=lambda names: names.map(order.index), kind="stable", ignore_index=True)


def evidence(own: Judgement) -> str:
    """Return one line: how many numbers hold in the groups that decide, and the number that they hang on."""
    if own.verdict == NOT_TESTED:
        return own.measured()
    asked = GROUPS[:2] if own.verdict in (AS_MEANT, AS_PUBLISHED) else GROUPS[:1]
    said = [_counted(group, [part for part in own.parts if part.group == group]) for group in asked]
    return f"{own.claim.quantity}: {'; '.join(part for part in said if part)}"


def _counted(group: str, parts: Sequence[Part]) -> str:
    if not parts:
        return ""
    head = {"meant": "", "published": "as published: "}[group]
    key = str(decisive(parts))
    if len(parts) == 1:
        return f"{head}{key}"
    holding = sum(part.outcome() == "holds" for part in parts)
    return f"{head}{holding} of {len(parts)} hold ({key})"


def _plain(text: str, labels: Mapping[str, str]) -> str:
    """Return a text with labels in place of names; longer names first, since some are parts of others."""
    for name in sorted((name for name in labels if "_" in name), key=len, reverse=True):
        text = text.replace(name, " ".join(labels[name].split()))
    return text


def html(board: pd.DataFrame) -> str:
    """Return the table of `table` as HTML: a heading for each topic, and a coloured mark at each verdict."""
    lines = ["<table><thead><tr><th>claim</th><th>verdict</th><th>evidence</th></tr></thead><tbody>"]
    for name, rows in board.groupby("topic", sort=False):
        lines.append(f'<tr><th colspan="3" style="text-align: left;">{escape(name)}</th></tr>')
        for row in rows.itertuples():
            mark = f'<span style="color: {COLOURS[row.verdict]};">■</span> {row.verdict}'
            cells = (escape(row.claim), mark, escape(row.evidence))
            lines.append("<tr>" + "".join(f'<td style="text-align: left;">{cell}</td>' for cell in cells) + "</tr>")
    return "\n".join([*lines, "</tbody></table>"])
