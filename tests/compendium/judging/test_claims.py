"""What is declared in data/claims.toml, and the committed scoreboard against what the records give."""

import ast
import tomllib

import numpy as np
import pandas as pd
import pytest

from compendium import ROOT, bodies, store
from compendium.feature_gradient import question
from compendium.feature_gradient.results import gather
from compendium.judging import claims, verdicts

NAMED = {
    "nets-r2", "nets-mae", "nets-epochs", "parity", "bigger-better", "cost-enum", "cost-grad", "crossover", "entropy",
    "stability", "tsne", "features", "starts", "af", "formulas", "linear", "grid-sizes", "test-as-val", "n-rows",
    "similar-picks", "initial-data", "negligible-loss",
}  # fmt: skip
"""The claims that this compendium set out to judge; others may join them."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """What is recorded, without the working store, and its judgement."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ALLOYGRAD_STORE", raising=False)
        empty = tmp_path_factory.mktemp("store")
        patch.setattr(store, "working", lambda: empty)
        found = gather()
        yield found, claims.judged(found)


def test_every_claim_is_declared_once_with_its_criterion_and_without_a_verdict():
    declared = claims.load(None)
    names = [claim.id for claim in declared]
    assert NAMED <= set(names) and len(names) == len(set(names)) >= 20
    for claim in declared:
        assert claim.statement and claim.place and claim.criterion and claim.figure and claim.notebook, claim.id
        assert claim.figure[:2] == claim.notebook[:2], claim.id
        assert bool(claim.quantity) == bool(claim.measure), claim.id
        assert (ROOT / "notebooks" / f"{claim.notebook}.ipynb").exists(), claim.id
        assert (ROOT / "figures" / f"{claim.figure}.png").exists(), claim.id
        if claim.test:
            file, name = claim.test.split("::")
            tree = ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
            assert name in {node.name for node in tree if isinstance(node, ast.FunctionDef)}, claim.id
    entries = tomllib.loads((ROOT / "data" / "claims.toml").read_text(encoding="utf-8"))["claim"]
    assert not any("verdict" in entry for entry in entries)
    of_bodies = {name for name, measure in verdicts.MEASURES.items() if _body(measure) in bodies.BODIES}
    assert {claim.measure for claim in declared} - {""} == of_bodies


def _body(measure) -> str:
    """The body of work that a measurement belongs to; one that is not listed yet has no claims."""
    return measure.__module__.split(".")[1]


def test_a_claim_without_measurement_or_reason_is_refused(tmp_path, monkeypatch):
    entry = 'id = "x"\nstatement = "s"\nplace = "p"\npaper = ""\ncriterion = "c"\n'
    for more in ("", 'measure = "difference"\nreason = "r"', 'measure = "unheard of"'):
        (tmp_path / "claims.toml").write_text(f"[[claim]]\n{entry}{more}\n", encoding="utf-8")
        monkeypatch.setattr(claims, "FILE", tmp_path / "claims.toml")
        with pytest.raises(ValueError, match="'x'"):
            claims.load()


def test_numbers_of_a_criterion_are_those_that_the_measurement_uses():
    for claim in claims.load():
        for name, value in claim.numbers.items():
            if isinstance(value, float) and value not in (0, 1e10) and "{" + name not in claim.criterion:
                assert str(value) in claim.criterion or f"{value:.0%}" in claim.criterion, (claim.id, name)
        for entry in claim.compare:  # bounds name these numbers; a sign is all that stands there as a number
            bounds = [entry[bound] for bound in ("least", "most") if bound in entry]
            assert bounds and all(bound == 0 or isinstance(bound, str) for bound in bounds), claim.id


def test_an_amended_criterion_names_the_verdict_of_its_first_wording():
    for claim in claims.load(None):
        assert (claim.first in verdicts.VERDICTS) == bool(claim.amended), claim.id
    with pytest.raises(ValueError, match=r"'x'.*to end with 'by it: '"):
        _ = claims.Claim("x", "s", "p", "", "c", amended="first otherwise").first


def test_the_history_of_a_claim_has_its_first_verdict_and_those_of_other_margins(monkeypatch):
    """The number is 2 ± 1; it holds where the margin is below 1 and fails where it is above 3."""
    part = {"value": 2.0, "low": 1.0, "high": 3.0, "n": 999}
    monkeypatch.setitem(verdicts.MEASURES, "two", lambda results, margin: [verdicts.Part("x", **part, least=margin)])
    monkeypatch.setitem(verdicts.MEASURES, "one", lambda results: [verdicts.Part("x", 1.0, n=None, least=0)])
    about = dict(statement="s", place="p", paper="", criterion="c")
    made = [
        claims.Claim("a", **about, measure="two", numbers={"margin": 1.8}),
        claims.Claim("b", **about, measure="one", amended="first otherwise; by it: not reproduced"),
        claims.Claim("c", **about, measure="one", known=True),
    ]
    found = claims.history(None, claims.judged(None, made))
    assert found["criterion"].tolist() == ["untouched", "amended", "known"]
    assert found["first"].tolist() == ["inconclusive", "not reproduced", "reproduced"]
    assert found["verdict"].tolist() == ["inconclusive", "reproduced", "reproduced"]
    assert found["half the margin"].tolist() == ["reproduced", "", ""]
    assert found["twice the margin"].tolist() == ["not reproduced", "", ""]


def test_every_recorded_claim_is_judged_and_traced(recorded):
    _, found = recorded
    assert {own.verdict for own in found} <= set(verdicts.VERDICTS)
    numbers = claims.strips(found)
    assert (numbers["source"] != "").all()
    assert set(numbers["claim"]) == {own.claim.id for own in found if own.claim.measure}


def test_the_committed_scoreboard_is_what_the_records_give(recorded):
    board = claims.scoreboard(recorded[1])
    committed = pd.read_csv(ROOT / "figures" / "13_claims.csv", keep_default_na=False)
    assert list(committed) == list(board) == claims.COLUMNS
    for column in ("claim", "verdict", "statement", "place", "criterion", "figure", "test"):
        differ = committed.loc[committed[column] != board[column], ["claim", column]]
        assert differ.empty, f"committed {differ.to_dict('records')}: execute notebook 13 again at `paper`"


def test_the_committed_numbers_are_what_the_records_give(recorded):
    found, words = claims.strips(recorded[1]), ["claim", "verdict", "group", "name", "outcome", "source"]
    committed = pd.read_csv(ROOT / "figures" / "13_numbers.csv", keep_default_na=False, na_values=[""])
    assert committed[words].equals(found[words].reset_index(drop=True)), "execute notebook 13 again at `paper`"
    for column in ("value", "low", "high", "n", "least", "most"):
        given, made_now = (table[column].to_numpy(dtype=float) for table in (committed, found))
        np.testing.assert_allclose(given, made_now, rtol=1e-4, atol=1e-9, err_msg=column)


def test_readme_holds_the_answer_that_the_records_give(recorded):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert question.answer_in(text) == question.answer(recorded[0]), "write it: question.write_answer(gather())"
