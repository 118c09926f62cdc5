"""What is under way, or failed, is not suggested again; what lies outside all measurements is said to be a guess."""

import numpy as np
import pandas as pd
import pytest

import alloygrad as ag
from alloygrad.campaigns import cautions
from alloygrad.campaigns.cautions import few, remote, unvaried

pytestmark = pytest.mark.filterwarnings("ignore:.*rows were set aside")

BOUNDS = {"Ni": (60, 90), "Cr": (10, 10), "Al": (0, 15), "Ti": (0, 15)}
SPACE = ag.CompositionSpace(BOUNDS, step=0.5)


def hardness(shares):
    return 150 + 25 * shares[..., 2] - 0.9 * (shares[..., 2] - 6) ** 2 + 12 * shares[..., 3]


def table(tmp_path, outcomes, n=10):
    shares = 100 * SPACE.fractions(SPACE.sample(n + len(outcomes), np.random.default_rng(3)))
    values = [*map(str, hardness(shares[:n]).round(1)), *outcomes]
    lines = [",".join(map(str, [*row, value])) for row, value in zip(shares.tolist(), values, strict=True)]
    path = tmp_path / "t.csv"
    path.write_text("Ni,Cr,Al,Ti,HV\n" + "\n".join(lines) + "\n")
    return ag.read_table(path, SPACE, unit="at.%"), SPACE.counts(shares[n:] / 100)


def begun(data):
    campaign = ag.Campaign(SPACE, "HV", inputs="fractions", seed=0)
    campaign.tell(data)
    return campaign


@pytest.mark.parametrize("outcomes", [["", ""], ["cracked", ""], ["in the furnace", "n/a", ""]])
def test_rows_without_an_outcome_wait_and_are_not_suggested(tmp_path, outcomes):
    data, waiting = table(tmp_path, outcomes)
    campaign = begun(data)
    assert len(campaign.values) == 10 and len(campaign.waiting) == len(outcomes)
    found = campaign.suggest(6, min_distance=0)
    made = SPACE.counts(SPACE.read(found))
    assert not (made[:, None] == waiting[None]).all(-1).any()
    told = begun(table(tmp_path, [])[0]).ask(2, pending=SPACE.table(waiting), rng=np.random.default_rng(0))
    own = campaign.ask(2, rng=np.random.default_rng(0))
    assert [one.point.tolist() for one in told] == [one.point.tolist() for one in own]


def test_an_outcome_that_comes_later_ends_the_waiting(tmp_path):
    data, waiting = table(tmp_path, ["", ""])
    campaign = begun(data)
    campaign.tell(data)  # told twice, it still waits once
    first = campaign.ask(1)[0].point
    campaign.tell(SPACE.table(waiting).assign(HV=hardness(100 * SPACE.fractions(waiting))))
    exact = ag.Campaign(SPACE, "HV", inputs="fractions", seed=0)
    exact.tell(data)
    assert exact.ask(1)[0].point.tolist() == first.tolist()
    from alloygrad.campaigns.telling import still_waiting

    assert len(still_waiting(SPACE, campaign.waiting, campaign._measured())) == 0
    assert len(still_waiting(SPACE, exact.waiting, exact._measured())) == 2


def test_four_single_suggestions_are_as_good_as_a_batch_of_four(tmp_path):
    """Each with the earlier ones pending: at the same distance, and of the same expected improvement within noise."""
    campaign = begun(table(tmp_path, [])[0])
    batch, pending = campaign.suggest(4), SPACE.table(SPACE.sample(1, np.random.default_rng(0)))[:0]
    for _ in range(4):
        pending = pd.concat([pending, campaign.suggest(1, pending=pending)], ignore_index=True)
    apart = 100 * SPACE.spacing - 1e-6
    for found in (batch, pending):
        at = SPACE.read(found)
        distance = 100 * SPACE.distance(at[:, None], at[None]) + 1e3 * np.eye(4)
        assert distance.min() >= apart
    np.testing.assert_allclose(batch["log_ei"], pending["log_ei"], atol=0.05)


ALLOYS = ag.CompositionSpace({"Ti": (40, 60), "Ni": (30, 60), "Cu": (0, 20)}, step=2)
SHEET = ag.Box({"anneal_K": (700, 1100, "K"), "passes": (1, 4)}, integers=["passes"])
KINDS = {
    "composition": ALLOYS,
    "restricted": ag.Restricted(ALLOYS, least=4.0),
    "box": SHEET,
    "product": ag.Product(ALLOYS, SHEET),
    "product of a restricted one": ag.Product(ag.Restricted(ALLOYS, least=4.0), SHEET),
    "words": ag.Box({"route": ["cast", "rolled", "printed"], "hours": (1, 9)}, integers=["hours"]),
    "pool": ag.Pool(pd.DataFrame(np.random.default_rng(0).random((40, 3)), columns=list("abc"))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_single_suggestions_with_pending_ones_are_as_good_as_a_batch_in_every_space(kind):
    """As far apart and of the same expected improvement; none is measured, pending or failed."""
    space, rng = KINDS[kind], np.random.default_rng(4)
    points = np.unique(space.sample(16, rng), axis=0)[:11]
    failed, known = points[:2], points[2:]
    at = space.coordinates(known)
    weights = np.arange(1, at.shape[1] + 1) / np.maximum(np.ptp(at, axis=0), 1e-9)
    campaign = ag.Campaign(space, "y", inputs="fractions", seed=0)
    campaign.tell(known, np.sin(2 * (at - at.min(0)) @ weights))
    batch, pending = campaign.ask(2, pending=failed), failed
    values = []
    for _ in range(2):
        (one,) = campaign.ask(1, pending=pending)
        pending, values = np.concatenate([pending, one.point[None]]), [*values, one.value]
    for made in (np.array([one.point for one in batch]), pending[2:]):
        assert space.contains(made).all()
        every = np.concatenate([points, made])
        assert len(np.unique(every, axis=0)) == len(every)
        where = space.coordinates(made)
        apart = space.distance(where[:, None], where[None])[~np.eye(2, dtype=bool)]
        assert apart.min() >= space.spacing - 1e-9
    np.testing.assert_allclose([one.value for one in batch], values, atol=0.05)


SPACES = {
    "absent": (ag.CompositionSpace({"Ni": (50, 90), "Cr": (5, 20), "Nb": (0, 8)}), "Nb", 0),
    "constant": (ag.CompositionSpace({"Ni": (50, 90), "Cr": (5, 20), "Nb": (0, 8)}), "Nb", 4),
    "constant but for rounding": (
        ag.CompositionSpace({"Ni": (50, 90), "Cr": (5, 20), "Nb": (0, 8)}, step=1),
        "Nb",
        4.2,
    ),
}


@pytest.mark.parametrize("kind", SPACES)
def test_an_element_that_never_varies_is_a_guess(kind):
    space, name, share = SPACES[kind]
    rng = np.random.default_rng(0)
    niobium = share + (rng.uniform(-0.2, 0.2, size=8) if "rounding" in kind else np.zeros(8))
    chromium = rng.uniform(5, 20, size=8)
    c = np.column_stack([100 - chromium - niobium, chromium, niobium]) / 100
    (said,) = unvaried(space, c)
    assert said.startswith(f"{name} is ") and "may vary from 0 to 8 at.%" in said and "Measure some, or fix it" in said
    campaign = ag.Campaign(space, "y", inputs="fractions")
    campaign.tell(pd.DataFrame(100 * c, columns=space.elements).assign(y=c[:, 1]))
    assert said in campaign.warnings
    beyond = remote(space, c, np.array([[0.8, 0.12, 0.08], c[0]]))
    assert "Nb 8 at.% (measured: " in beyond[0] and "guess" in beyond[0] and not beyond[1]


def test_a_parameter_that_never_varies_is_a_guess_too():
    space = ag.Product(ag.CompositionSpace({"Ni": (40, 60), "Ti": (40, 60)}), ag.Box({"anneal": (700, 1100, "K")}))
    c = np.column_stack([np.linspace(0.4, 0.6, 6), np.linspace(0.6, 0.4, 6), np.full(6, 900)])
    assert unvaried(space, c)[0].startswith("anneal is 900 in all measurements, and may vary from 700 to 1100 K")
    assert "anneal 1000 K (measured: 900)" in remote(space, c, np.array([[0.5, 0.5, 1000]]))[0]


@pytest.mark.parametrize("route", [["cast", "rolled"], ["cast"], ["rolled", "rolled", "cast"]])
def test_a_word_that_was_never_measured_is_said(route):
    space = ag.Box({"route": ["cast", "rolled", "printed"], "hours": (1, 9)}, integers=["hours"])
    rows = pd.DataFrame({"hours": np.arange(1, 9), "route": [route[i % len(route)] for i in range(8)]})
    campaign = ag.Campaign(space, "y", seed=0)
    campaign.tell(rows.assign(y=rows["hours"] * 2.0 + (rows["route"] == "cast")))
    said = [text for text in campaign.warnings if text.startswith("No measurement has")]
    missing = [word for word in ("cast", "rolled", "printed") if word not in route]
    assert [text.split(":")[0].rpartition(" = ")[2] for text in said] == missing
    assert all("Measure some, or leave the word out." in text for text in said)
    new = remote(space, space.read(rows), space.read(pd.DataFrame({"hours": [3.0], "route": ["printed"]})))
    assert "route = printed (never measured); take the prediction for a guess" in new[0] and "0 … 0" not in new[0]
    assert not remote(space, space.read(rows), space.read(rows[:1]))[0]


def test_a_point_far_from_all_others_is_said_and_one_between_is_not():
    space = ag.CompositionSpace({"Ni": (0, 100), "Ti": (0, 100)})
    c = np.array([[0.1, 0.9], [0.12, 0.88], [0.14, 0.86], [0.14, 0.86], [0.9, 0.1]])
    narrow = c[:4]
    assert "times as far" in remote(space, narrow, np.array([[0.5, 0.5]]))[0]
    assert not remote(space, c, np.array([[0.13, 0.87]]))[0] and not unvaried(space, c)


FEW = {"two alloys": [(73.1, 21.7, 5.2), (70, 25, 5)], "one alloy": [(70, 25, 5)], "four alloys": [
    (70, 25, 5), (72, 22, 6), (75, 20, 5), (66, 30, 4)]}  # fmt: skip


@pytest.mark.parametrize("kind", FEW)
def test_too_few_different_compositions_are_said_though_there_are_many_rows(kind):
    space = ag.CompositionSpace({"Fe": (60, 80), "Mn": (15, 35), "Si": (0, 15)})
    campaign = ag.Campaign(space, ag.Minimise("Af"), inputs="fractions")
    rows = pd.DataFrame(np.repeat(FEW[kind], 5, axis=0), columns=["Fe", "Mn", "Si"])
    campaign.tell(rows.assign(Af=np.arange(len(rows)) % 7 + 0.0))
    n = len(FEW[kind])
    said = f"Only {'1 alloy is' if n == 1 else f'{n} different alloys are'} measured; at least 5 are needed."
    with pytest.warns(UserWarning) as warned:
        found = campaign.suggest(2)["warning"].iloc[0]
    assert found.startswith(said) and campaign.warnings[0].startswith(said)
    assert [str(one.message).startswith(said) for one in warned] == [True] and warned[0].filename == __file__


@pytest.mark.parametrize(("n", "said"), [(3, "Only 1 different point is measured"), (1, "Only 1 point is measured")])
def test_one_point_measured_again_is_one_different_point(n, said):
    space = ag.Box({"T": (300, 900, "K")})
    assert few(space, np.full((n, 1), 400.0))[0].startswith(f"{said}; at least 5 are needed.")


@pytest.mark.parametrize("scatter", [0.0, 0.1, 0.2])
def test_a_column_that_is_constant_but_for_rounding_is_no_input(scatter):
    """Below half a step, 0.25 at.%, an element says nothing: scaled to 0 … 1 it would be noise. At 2 at.% it counts."""
    space, rng = (
        ag.CompositionSpace({"Ni": (55, 85), "Cr": (15, 25), "Al": (0, 10)}, step=0.5),
        np.random.default_rng(0),
    )
    al, cr = rng.uniform(0, 10, 12), 20 + rng.uniform(-scatter / 2, scatter / 2, 12)
    rows = pd.DataFrame({"Ni": 100 - al - cr, "Cr": cr, "Al": al, "HV": 200 + 10 * al})
    campaign = ag.Campaign(space, "HV", inputs="fractions")
    campaign.tell(rows)
    assert campaign.model.width[1] == 1 and campaign.model.width[2] > 0.05
    wide = ag.Campaign(space, "HV", inputs="fractions")
    wide.tell(rows.assign(Cr=20 + rng.uniform(-1, 1, 12)).assign(Ni=lambda t: 100 - t["Cr"] - t["Al"]))
    assert 0.01 < wide.model.width[1] < 0.02


def test_distances_are_those_of_all_rows_at_once(monkeypatch):
    space = ag.CompositionSpace({"Ni": (0, 100), "Ti": (0, 100), "Cu": (0, 100)}, step=1)
    rng = np.random.default_rng(0)
    c = space.fractions(space.sample(40, rng))
    c = np.concatenate([c, c[:5]])
    apart = space.distance(c[:, None], c[None])
    by_hand = np.where(apart > 0, apart, np.inf).min(1).max()
    monkeypatch.setattr(cautions, "ROWS_AT_ONCE", 7)
    assert cautions._usual_distance(space, c) == by_hand
    assert cautions._usual_distance(space, c[:1]) == 0


@pytest.mark.parametrize("pending", [["Al90Cu5Mg5"], "Al90Cu5Mg5", pd.Series(["Al90Cu5Mg5"])])
def test_formulas_are_no_pending_experiments(pending, tmp_path):
    said = "got the text 'Al90Cu5Mg5'. Pass rows of what `suggest` returned, pending=suggested, or a DataFrame with the"
    with pytest.raises(ValueError, match=said):
        begun(table(tmp_path, [])[0]).suggest(1, pending=pending)
