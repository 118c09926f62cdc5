"""Properties of all spaces and tables, checked on random ones: hundreds here, thousands in `make nightly`.

The right answers are worked out without the library: in exact fractions, by brute force, from the digits written.
Ordinary runs draw the same examples every time. Nightly runs draw new ones, from a seed that the record and every
failure name: `ALLOYGRAD_SEED=… pytest -m nightly tests/alloygrad/test_properties.py` repeats them.
"""

import json
import os
import random
import re
import tempfile
import time
import warnings
from datetime import date
from fractions import Fraction
from itertools import product
from math import ceil, floor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, note, seed, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from strategies import KNOWN, Problem, Sheet, limits, problems, sheets

from alloygrad.acquisition.analytic import ACQUISITIONS
from alloygrad.campaigns.campaign import Campaign
from alloygrad.features.feature_map import FeatureMap
from alloygrad.maximisers import maximise, names_for
from alloygrad.spaces import CompositionSpace
from alloygrad.surrogates.gp import with_hyperparameters
from alloygrad.tables.measurements import read_table
from alloygrad.tables.reading import TableError
from compendium import DATA, store

SEED = int(os.environ.get("ALLOYGRAD_SEED") or random.SystemRandom().randrange(10**9))

RECORD = DATA / "results" / "properties.json"

LEAST = 5000
"""Spaces, and tables, that have to have passed."""

ON_GRIDS = sorted(names_for(CompositionSpace({"A": (0, 100), "B": (0, 100)})))

HELD: list[str] = []
"""The checks of this file, by name."""

CHECKED: dict[str, dict] = {}
"""What nightly checks passed, by name: examples, seconds, and the digests of the spaces or tables they ran on."""


def held(ordinary: int, nightly: int, *strategies):
    """Turn a check of examples of `strategies` into a test with `ordinary` of them, and a nightly one with more.

    A check returns what its examples count as: ("space" or "table", digest), or None.
    """

    def register(check):
        HELD.append(name := check.__name__.removeprefix("test_"))
        many = pytest.param(nightly, marks=pytest.mark.nightly, id="nightly")

        @pytest.mark.parametrize("examples", [pytest.param(ordinary, id="ordinary"), many])
        def test(examples):
            passed, started, random_ones = [], time.perf_counter(), examples == nightly

            def body(drawn):
                if random_ones:
                    note(f"ALLOYGRAD_SEED={SEED}")
                passed.append(check(*drawn))

            body = given(st.tuples(*strategies))(body)
            body = seed(SEED)(body) if random_ones else body
            settings(
                max_examples=examples,
                derandomize=not random_ones,
                database=None,
                deadline=None,
                print_blob=False,
                suppress_health_check=list(HealthCheck),
            )(body)()
            if random_ones:
                seconds = time.perf_counter() - started
                CHECKED[name] = {"examples": len(passed), "seconds": round(seconds), "of": set(passed) - {None}}

        test.__name__ = test.__qualname__ = check.__name__
        test.__doc__ = check.__doc__
        return test

    return register


def known(problem: Problem) -> tuple[str, str]:
    return "space", store.digest(problem.space().describe())


def generator() -> st.SearchStrategy:
    return st.integers(0, 2**32).map(np.random.default_rng)


# What a space gives


@held(120, 5300, problems(), generator())
def test_what_a_space_gives_is_feasible_and_exact(problem, rng):
    """Samples, conversions, membership and the nearest composition, in spaces of any size."""
    space = problem.space()
    counts = space.sample(4, rng)
    assert counts.dtype == np.int64 and all(problem.holds(row) for row in counts)
    np.testing.assert_array_equal(space.counts(space.fractions(counts)), counts)
    assert space.contains(counts).all()

    continuous = space.sample_continuous(3, rng)
    tenths = np.rint(continuous * 10 * space.total)
    assert np.abs(continuous * 10 * space.total - tenths).max() < 1e-6
    assert all(problem.holds(row, finer=10) for row in tenths)

    spoilt = counts + rng.integers(-2, 3, size=counts.shape)
    assert space.contains(spoilt).tolist() == [problem.holds(row) for row in spoilt]

    np.testing.assert_array_equal(space.snap(space.fractions(counts)), counts)
    wild = rng.normal(1 / len(problem.elements), 10 ** rng.uniform(-4, 2), size=len(problem.elements))
    snapped, target = space.snap(wild), [Fraction(x) * problem.total for x in wild.tolist()]
    assert problem.holds(snapped)
    # Separable and convex over a tree of sums: what no exchange of one step improves is the nearest.
    least = _distance(snapped, target) - Fraction(1, 10**6) * (1 + max(map(abs, target)))
    assert all(_distance(row, target) >= least for row in problem.moves(snapped))
    return known(problem)


def _distance(counts, target) -> Fraction:
    return sum((int(n) - t) ** 2 for n, t in zip(counts, target, strict=True))


@held(80, 800, problems(sizes=(2, 12), totals=st.integers(1, 30)), generator())
def test_counts_equal_brute_force(problem, rng):
    """Size, enumeration, membership, nearest compositions, roundings, corners."""
    assume((rows := problem.all()) is not None)
    space, places, n = problem.space(), set(map(tuple, rows.tolist())), len(problem.elements)
    assert space.size == len(rows)
    found = np.concatenate(list(space.enumerate(chunk=int(rng.integers(1, 1 + 2 * len(rows))))))
    np.testing.assert_array_equal(found[np.lexsort(found.T[::-1])], rows)
    np.testing.assert_array_equal(space.unrank(np.arange(len(rows))), found)

    nearby = rows[rng.integers(len(rows), size=20)] + rng.integers(-1, 2, size=(20, n))
    inside = [tuple(row) in places for row in nearby.tolist()]
    assert space.contains(nearby).tolist() == inside
    fits = [fractions.max() <= 1 and not space.violations(fractions) for fractions in nearby / space.total]
    assert fits == inside

    targets = rng.normal(1 / n, 0.4, (3, n))
    snapped = space.snap(targets)
    distances = ((targets[:, None] - rows / space.total) ** 2).sum(-1).min(1)
    np.testing.assert_allclose(((targets - snapped / space.total) ** 2).sum(-1), distances, rtol=0, atol=1e-12)

    some = rows[rng.integers(len(rows), size=3)]
    steps = rng.dirichlet(np.ones(3)) @ some
    steps[0] = rng.choice([steps[0], np.rint(steps[0]) + rng.choice([-1e-10, 0, 1e-10])])
    exact = np.where(np.abs(steps - np.rint(steps)) < 1e-9, np.rint(steps), steps)
    corners = set(product(*({floor(s), ceil(s)} for s in exact)))
    assert sorted(map(tuple, space.roundings(steps / space.total).tolist())) == sorted(corners & places)

    lower, upper, masks, group_lower, group_upper = space.polytope()
    limits, bounds = np.concatenate([group_upper, -group_lower]), np.stack([lower, upper], 1)
    cost = rng.normal(size=n)
    best = linprog(cost, np.vstack([masks, -masks]), limits, np.ones((1, n)), [1], bounds)
    assert best.fun == pytest.approx((rows / space.total @ cost).min(), abs=1e-8)
    return known(problem)


@held(150, 1500, limits())
def test_limits_that_contradict_each_other_are_refused_and_no_others(problem):
    """By the space and by a declaration in at.%, with an error that says which limits."""
    names, rows = problem.elements, problem.all()

    def in_percent():
        limits = zip(problem.lower, problem.upper, strict=True)
        bounds = {name: (100 * float(a), 100 * float(b)) for name, (a, b) in zip(names, limits, strict=True)}
        sums = [([names[i] for i in columns], 100 * float(a), 100 * float(b)) for columns, a, b in problem.groups]
        return CompositionSpace(bounds, step=100 / problem.total, groups=sums)

    for declare in (problem.space, in_percent):
        if len(rows):
            assert declare().size == len(rows)
        else:
            with pytest.raises(ValueError, match=r"No feasible composition|empty space|look like fractions"):
                declare()


# What maximisers suggest

OPTIONS = {  # small enough for the searches to matter
    "ascent": {"screen": 16, "starts_per_element": 1, "patience": 2},
    "lattice": {"screen": 16},
    "slsqp": {"starts_per_element": 1},
    "random_search": {"draws": 8},
}


class Smooth:
    """A sum of waves over the fractions, differentiable; rounded to `digits` it has plateaus and many ties."""

    def __init__(self, n: int, rng, digits: int | None = None):
        self.waves = torch.from_numpy(rng.normal(size=(n, 3)) * 6)
        self.tilt, self.digits = torch.from_numpy(rng.normal(size=n)), digits

    def __call__(self, fractions):
        values = torch.sin(fractions @ self.waves).sum(-1) + fractions @ self.tilt
        return values if self.digits is None else torch.round(values, decimals=self.digits) + 0 * values


def _suggest(method, problem: Problem, exclude, rng, acquire):
    """One suggestion, checked to be in the space, new, and of the value that it reports."""
    found = maximise(acquire, problem.space(), method, exclude=exclude, rng=rng, options=OPTIONS.get(method))
    note(f"{method}: {found}")
    assert problem.holds(found.counts) and found.counts.dtype == np.int64
    assert [Fraction(int(n), problem.total) for n in found.counts] == [
        Fraction(x).limit_denominator(problem.total) for x in found.composition.tolist()
    ]
    assert np.abs(found.composition - found.counts / problem.total).max() < 1e-15
    assert tuple(found.counts.tolist()) not in set(map(tuple, exclude.tolist()))
    value = acquire(torch.from_numpy(found.counts / problem.total)).item()
    assert found.value == pytest.approx(value, rel=1e-12, abs=1e-12)
    return found


@held(50, 400, problems(), st.sampled_from(ON_GRIDS), generator())
def test_suggestions_are_feasible_exact_and_new(problem, method, rng):
    space = problem.space()
    assume(space.size > 1 and (method not in ("enumeration", "cascade") or space.size < 20_000))
    exclude = space.sample(int(rng.integers(0, 30)), rng)
    if len(np.unique(exclude, axis=0)) >= space.size:
        exclude = exclude[:1]
    acquire = Smooth(len(problem.elements), rng, rng.choice([None, 0]))
    for _ in range(3):
        exclude = np.concatenate([exclude, [_suggest(method, problem, exclude, rng, acquire).counts]])
        if len(np.unique(exclude, axis=0)) == space.size:
            break
    return known(problem)


@held(60, 500, problems(sizes=(2, 6), totals=st.integers(1, 20)), st.sampled_from(ON_GRIDS), generator())
def test_nothing_measured_is_suggested_though_nearly_all_is(problem, method, rng):
    """Down to the last one; and where none is left, an error says so."""
    rows = problem.all(most=600)
    assume(rows is not None)
    rows = rng.permutation(rows)
    left = int(rng.integers(1, 1 + min(3, len(rows))))
    exclude, free = rows[left:], rows[:left]
    acquire = Smooth(len(problem.elements), rng)
    found = _suggest(method, problem, exclude, rng, acquire)
    assert found.counts.tolist() in free.tolist()
    if method in ("enumeration", "ascent", "lattice") and len(rows) <= 16 + len(exclude):
        assert found.value == pytest.approx(acquire(torch.from_numpy(free / problem.total)).max().item(), abs=1e-12)
    with pytest.raises(ValueError, match=rf"all {len(rows)} of the space are"):
        maximise(acquire, problem.space(), method, exclude=rows, rng=rng)
    return known(problem)


# What the model makes of names, units and zeros

FORMULAS = ["mean:VEC", "mean:R", "mean:MT", "mismatch:R", "max:XP", "min:MT", "range:EA", "mean:XM"]
"""Not the weighted ones: of elements that share the extreme property the first counts there, by definition."""

DENSE = {"sizes": (2, 5), "totals": st.integers(4, 25), "names": KNOWN}


def _measured(space, rng, n=8):
    counts = np.unique(space.sample(n, rng), axis=0)
    return counts, rng.normal(size=len(counts)) * 10 ** rng.uniform(-1, 1)


@held(25, 300, problems(**DENSE), generator(), st.sampled_from(sorted(ACQUISITIONS)), st.data())
def test_permuting_elements_permutes_posterior_and_maximum(problem, rng, acquisition, data):
    space = problem.space()
    assume(2 < space.size < 5000)
    order = data.draw(st.permutations(range(len(problem.elements))))
    other, selected = problem.permuted(order), rng.choice(FORMULAS, size=2, replace=False)
    counts, targets = _measured(space, rng)
    assume(len(counts) < space.size)
    scales = rng.uniform(0.2, 2, size=2)
    models = [
        with_hyperparameters(FeatureMap(p.elements, selected), (rows / p.total), targets, scales, 1.5)
        for p, rows in ((problem, counts), (other, counts[:, order]))
    ]
    asked = space.sample_continuous(20, rng)
    for one, two in zip(models[0](asked), models[1](asked[:, order]), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-6)
    acquire = [ACQUISITIONS[acquisition](model, targets.max()) for model in models]
    first = maximise(acquire[0], space, "enumeration", exclude=counts)
    second = maximise(acquire[1], other.space(), "enumeration", exclude=counts[:, order])
    back = np.empty_like(second.counts)
    back[list(order)] = second.counts
    if back.tolist() != first.counts.tolist():  # a tie, up to rounding
        tied = acquire[0](space.fractions(back)).item()
        assert tied == pytest.approx(first.value, rel=1e-5, abs=1e-9)
    return known(problem)


@held(30, 200, problems(**DENSE), generator(), st.floats(-6, 6), st.floats(-1e3, 1e3))
def test_units_and_zeros_of_targets_leave_the_suggestions(problem, rng, power, shift):
    """Targets are standardised there: 10^power times them, plus a shift (in units of their spread)."""
    space = problem.space()
    assume(8 < space.size < 5000)
    counts, targets = _measured(space, rng)
    assume(len(counts) > 3 and len(counts) + 2 <= space.size)
    features = FeatureMap(problem.elements, rng.choice(FORMULAS, size=2, replace=False))
    campaigns = []
    for values in (targets, 10**power * (targets + shift * targets.std())):
        campaign = Campaign(space, "y", inputs=features, maximiser="enumeration")
        campaign.tell(counts, values)
        campaigns.append(campaign)
    first, second = (campaign.ask(2) for campaign in campaigns)
    for picks in (first, second):
        rows = {tuple(pick.point.tolist()) for pick in picks}
        assert len(rows) == 2 and not rows & set(map(tuple, counts.tolist())) and all(map(problem.holds, rows))
    if first[0].counts.tolist() != second[0].counts.tolist():  # a tie, up to where the fits stopped
        tied = campaigns[0].acquire()(second[0].composition).item()
        assert tied == pytest.approx(first[0].value, rel=1e-3, abs=1e-3)
    return known(problem)


# What is read from a table


def _read(sheet: Sheet, content: bytes, folder: str):
    """What is made of these bytes, a Measured or a TableError, and nothing else; the file stays."""
    path = Path(folder) / "t.csv"
    path.write_bytes(content)
    try:
        with warnings.catch_warnings(action="error"):
            warnings.filterwarnings("ignore", ".*set aside|.*lie outside the limits", UserWarning)
            return read_table(path, sheet.space, unit=sheet.unit).of(sheet.objective)
    except TableError as error:
        return error
    finally:
        assert path.read_bytes() == content and [p.name for p in path.parent.iterdir()] == ["t.csv"]


def _shape(error: TableError) -> tuple[int, str]:
    """The number of problems that an error announces, and its lines; each problem has a line, and a remedy follows."""
    text = str(error)
    announced, _, rest = text.partition("\n")
    number = int(re.fullmatch(r".*t\.csv: (\d+) problems?", announced)[1])
    found, _, remedies = rest.partition("\nWhat to do:\n")
    assert number >= 1 and len(found) > 5 and len(remedies) > 5
    return number, found


@held(100, 5400, sheets())
def test_a_table_is_read_exactly_or_refused_clearly(sheet):
    """Every row that can be used is what was written; every other is named by its number in a spreadsheet program."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = _read(sheet, sheet.content, folder)
    numbered = list(sheet.numbered())
    good, bad = [(k, r) for k, r in numbered if not r.fault], [k for k, r in numbered if r.fault]
    counted = "table", store.digest({"table": sheet.content.hex(), "unit": sheet.unit, **sheet.space.describe()})
    shares = np.array([list(map(float, row.shares)) for _, row in good]).reshape(-1, len(sheet.space.elements))
    targets = [row.target for _, row in good]
    if not good:
        assert isinstance(outcome, TableError)
        number, found = _shape(outcome)
        if numbered and number <= 20 and "holds no numbers" not in found:
            assert all(re.search(rf"^  row {k}[:,]", found, re.M) for k in bad), (bad, found)
        return counted
    if isinstance(outcome, TableError):  # most rows have the sum of another unit
        assert "the unit is probably not" in str(outcome) and len(bad) > len(good)
        return counted
    assert outcome.rows.tolist() == [k for k, _ in good] and outcome.values.tolist() == targets
    np.testing.assert_allclose(outcome.coordinates, shares, rtol=1e-12, atol=0)
    assert (outcome.coordinates >= 0).all() and np.abs(outcome.coordinates.sum(1) - 1).max() < 1e-12
    report = outcome.report
    aside = report[report["done"] == "set aside"]
    assert set(aside["row"]) == set(bad)
    assert all(re.match(rf"row {k}[:,]", what) for k, what in zip(aside["row"], aside["finding"], strict=True))
    assert (report["remedy"].str.len() > 0).all()

    limits = sheet.space.polytope()
    sums = shares @ limits.masks.T
    own = sheet.space.total * np.hstack([limits.lower - shares, shares - limits.upper]).max(1)
    groups = sheet.space.total * np.hstack([limits.group_lower - sums, sums - limits.group_upper])
    steps = np.maximum(own, groups.max(1, initial=-np.inf))
    said = set(report["row"][report["done"].str.startswith("used for the model")])  # half a step or more outside
    many = report["finding"].str.extract(r"^(\d+) of \d+ rows lie outside the limits")[0].dropna().tolist()
    if many:  # one line for all beyond the limits of an element, also where no outcome is measured
        assert int(many[0]) >= (own > 0.501).sum() and 0 in said
        steps = np.where(own > 0.499, np.nan, steps)
    assert set(outcome.rows[steps > 0.501]) <= said and not said & set(outcome.rows[steps < 0.499])
    return counted


@held(60, 500, sheets(), st.data())
def test_a_damaged_file_is_read_or_refused_clearly(sheet, data):
    """Any bytes at all, and sound files with some bytes cut out, put in or turned over."""
    content = bytearray(sheet.content)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        stop = min(len(content), start + data.draw(st.integers(0, 4)))
        content[start:stop] = data.draw(
            st.one_of(st.binary(max_size=4), st.sampled_from([b",", b'"', b"\n", b"\0", b"\r"]))
        )
    with tempfile.TemporaryDirectory() as folder:
        outcome = _read(sheet, bytes(content), folder)
    if isinstance(outcome, TableError):
        _shape(outcome)
    else:
        assert np.isfinite(outcome.values).all() and (outcome.coordinates >= 0).all()
        np.testing.assert_allclose(outcome.coordinates.sum(1), 1, rtol=1e-12)
    return "table", store.digest({"table": content.hex(), "unit": sheet.unit, **sheet.space.describe()})


# The record


@pytest.mark.nightly
def test_thousands_have_passed_and_the_working_store_says_so():
    """Last of the nightly tests of this file: makes `properties.json`, of which `data/results/` keeps a copy."""
    missing = set(HELD) - set(CHECKED)
    if missing:
        pytest.skip(f"these did not run, or not pass: {sorted(missing)}")
    tally = {
        kind: len({what for entry in CHECKED.values() for what in entry["of"] if what[0] == kind})
        for kind in ("space", "table")
    }
    content = {
        "seed": SEED,
        "date": date.today().isoformat(),
        "code": store.code_version(),
        "spaces": tally["space"],
        "tables": tally["table"],
        "seconds": sum(entry["seconds"] for entry in CHECKED.values()),
        "examples": {name: entry["examples"] for name, entry in CHECKED.items()},
    }
    store.write_json(store.working() / RECORD.name, content)
    assert min(tally.values()) >= LEAST, tally


def test_the_recorded_run_is_of_these_properties_and_large_enough():
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    assert min(record["spaces"], record["tables"]) >= LEAST
    assert set(record["examples"]) == set(HELD)
