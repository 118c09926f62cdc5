"""The table of all verdicts: every declared claim has a topic, and a row says what its verdict hangs on."""

import pytest

from compendium.figures.style import LABELS
from compendium.judging import board, claims
from compendium.judging.verdicts import VERDICTS, Part

PARTS = [
    Part("slsqp_log_ei SMA", 2.0, 1.0, 3.0, n=9, least=0),
    Part("slsqp_log_ei Ti", 9.0, 8.0, 9.5, n=9, least=0),
    Part("slsqp_ei SMA", -2.0, -3.0, -1.0, n=9, least=0, group="published"),
]


def judgement(figure="06_x", parts=PARTS, verdict="only as meant"):
    claim = claims.Claim("id", "A < B.", "p", "", "c", quantity="merit", figure=figure, reason="no fair test")
    return claims.Judgement(claim, list(parts), verdict)


def test_every_declared_claim_has_a_topic_and_every_verdict_a_colour():
    assert {board.topic(claim.figure) for claim in claims.load(None)} <= set(board.TOPICS.values())
    assert set(board.COLOURS) == set(VERDICTS) and len(set(board.COLOURS.values())) == len(VERDICTS)
    with pytest.raises(ValueError, match="'99_x' belongs to no topic"):
        board.topic("99_x")


def test_a_row_counts_what_holds_and_names_the_number_that_decides_in_the_words_of_figures():
    found = board.table([judgement("56_x"), judgement()], LABELS)
    assert found["topic"].tolist() == [board.topic("06_x"), board.topic("56_x")]
    expected = (
        "merit: 2 of 2 hold (published loop on log EI SMA 2 [1, 3], n = 9); "
        "as published: published gradient loop SMA -2 [-3, -1], n = 9"
    )
    assert found["evidence"][0] == expected
    untested = board.table([judgement(parts=[], verdict="not tested")], LABELS)
    assert untested["evidence"].tolist() == ["no fair test"]


def test_the_table_has_a_heading_for_each_topic_and_escapes_what_claims_say():
    shown = board.html(board.table([judgement(), judgement(), judgement("56_x")], LABELS))
    assert shown.count('<th colspan="3"') == 2 and shown.count("<tr>") == 1 + 2 + 3
    assert "A &lt; B." in shown and f'{board.COLOURS["only as meant"]};">■</span> only as meant' in shown
