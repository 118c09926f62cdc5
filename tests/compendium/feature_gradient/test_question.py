"""The one question, on arms made up to answer it in every way."""

import numpy as np
import pytest
from made_up import arms, results

from compendium.feature_gradient import question


@pytest.mark.parametrize(
    ("reaches", "virtue"),
    [
        (dict(ascent=4, slsqp_ei=0, best_of_random=0), "not following"),
        (dict(ascent=0, slsqp_ei=0, best_of_random=4), "the gradient"),
        (dict(ascent=4, slsqp_ei=4, best_of_random=0), "nothing"),
        (dict(ascent=0, slsqp_ei=0, best_of_random=0), "undecided"),
    ],
)
def test_wide_for_want_of_following_is_told_from_wide_by_the_gradient(reaches, virtue):
    assert question.virtue(question.table(arms(enumeration=4, random=0, **reaches), "entropy")) == virtue


def test_shares_and_differences_are_those_of_the_means():
    reaches = dict(enumeration=4, ascent=20, slsqp_log_ei=8, slsqp_ei=0, best_of_random=60, random=0)
    made = arms(("sma", "ti"), **reaches)
    wide = question.table(made, "entropy")
    means = wide.mean().unstack()
    for arm in ("ascent", "best_of_random", "slsqp_log_ei"):
        differences = (means[arm] - means["enumeration"]).mean(), (means["slsqp_ei"] - means["enumeration"]).mean()
        assert question.against_enumeration(wide, arm)[0] == pytest.approx(differences[0])
        assert question.share(wide, arm)[0] == pytest.approx(differences[0] / differences[1])
    best = question.table(made, "best").mean().unstack()
    missing = 100 * best.rsub(best["enumeration"], axis=0).div(best["enumeration"] - best["random"], axis=0)
    gained = {arm: question.against_enumeration(wide, arm)[0] for arm in ("slsqp_ei", "slsqp_log_ei")}
    answer = question.heart(made)
    for text in (
        "(12 seeds)",
        f"costs {missing['slsqp_ei']['sma']:.0f} and {missing['slsqp_ei']['ti']:.0f} % of what exact search gains",
        "in shape-memory alloys and titanium alloys;",
        f"random costs {missing['best_of_random']['sma']:.0f} and {missing['best_of_random']['ti']:.0f} % (",
        f"logarithm of its score, {gained['slsqp_log_ei']:.2f}.",
        f"lie {np.exp(gained['slsqp_ei']):.1f} times as far apart as",
        f"those of exact search (+{gained['slsqp_ei']:.2f} nats",
    ):
        assert text in answer.replace("−", "-")


def test_the_answer_waits_for_the_arms_and_does_without_log_ei():
    reaches = dict(enumeration=4, ascent=4, slsqp_ei=0, best_of_random=0, random=0)
    assert question.heart(arms(seeds=7, **reaches)).startswith("Not answered")
    assert question.heart(results({})).startswith("Not answered")
    assert "logarithm" not in question.heart(arms(**reaches))


def test_the_answer_is_put_between_the_markers_and_nowhere_else(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(f"before\n{question.BEGIN}\nold\n{question.END}\nafter\n", encoding="utf-8")
    made = arms(("sma", "ti"), enumeration=4, ascent=20, slsqp_ei=0, best_of_random=60, random=0)
    for given in (results({}), made):
        question.write_answer(given, path)
        text = path.read_text(encoding="utf-8")
        assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
        assert question.answer_in(text) == question.answer(given)
