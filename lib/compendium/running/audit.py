"""The audit: recorded experiments repeated from the rows before them, and compared."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from tqdm import tqdm

from alloygrad.acquisition.analytic import log_ei
from alloygrad.campaigns.trajectory import (
    SELECTION,
    choose_features,
    generator,
    initial_measurements,
    measure,
    trajectory,
)
from alloygrad.features.feature_map import FeatureMap, parse_feature
from alloygrad.features.selection import deal_folds, score
from alloygrad.surrogates.gp import with_hyperparameters
from compendium.running import compact
from compendium.running.cells import Cell, declared
from compendium.running.records import broken_seals, other_versions
from compendium.threads import one_thread

ROUNDED = 5e-3
"""Of 1 + |log EI|: what three digits of the hyperparameters may change. In 150 recorded states it was below 1e-3."""

LOWER = 1e-3
"""How much lower than recorded a new maximum of the acquisition function, or a log posterior, may be."""

LAST_DIGITS, VARIANTS = 1e-13, 8
"""A search that ends lower is repeated so many times, each with the measured merits moved by one more such part."""

OTHERWISE, LESS = 0.05, 5e-3
"""Share of states whose features may come out otherwise, and how much lower than the recorded ones they may score (R²).

Many candidates are equal up to scale (the smallest share of an element, times one property or another), so that last
digits decide the way of the search for features, and a processor where it ends. A changed search ends otherwise in
nearly all states; one that has become worse ends lower."""


def audit(states: int = 6, seed: int = 0) -> pd.DataFrame:
    """Repeat recorded experiments from the rows before them: one at random of each recorded file, in random order.

    With more states than files, the order is repeated. Only cells with a Gaussian process are audited: what the fits of
    other surrogates give depends on the processor.

    Returns:
        One row per state. Do its trajectory's initial compositions come out the same, and its features (`_alike`)? Is
        the same composition suggested? Further the differences, now minus recorded: merit and log EI of the recorded
        composition, at the recorded hyperparameters; log posterior of a new fit; value of a new maximum of the
        acquisition function, as log EI where it is EI.

        Among six to ten elements a search can end on another ridge for a digit that only the processor decides. Where
        it ends lower than recorded by more than `LOWER`, it is repeated with the measured merits changed in their 13th
        digit. `last_digits` is the number of the first such repetition that ends as high, and the difference `value` is
        its own. A search that has become worse ends lower in all of them.

        Of a compact record, the initial compositions are those of the seed, and what was measured before is measured
        again. So `same_start` says nothing there, and a wrong merit is found at the experiment itself. Its
        hyperparameters have three digits. So log EI is held to a wider `log_ei_bound`; the log posterior of the new fit
        says whether they are the same.
    """
    rng, found = np.random.default_rng(seed), []
    recorded = {
        path: cell
        for cell in declared().values()
        for path in compact.files(cell)
        if cell.settings.surrogate == "gp" and path.exists()
    }
    order = [Path(path) for path in rng.permutation(sorted(map(str, recorded)))]
    for state in tqdm(range(states if recorded else 0), desc="audit", unit="state"):
        path = order[state % len(order)]
        cell, rows = recorded[path], pd.read_parquet(path)
        is_compact = path == compact.files(cell)[1]
        space, environment, elements = cell.space(), cell.environment(), list(cell.space().elements)
        then = int(rng.choice(rows["seed"].unique()))
        rows = rows[rows["seed"] == then]
        experiment = int(rng.integers(rows["experiment"].max() + 1))
        merit = float(rows.loc[rows["experiment"] == experiment, "merit"].iloc[0])
        rows = compact.unpack(cell, rows) if is_compact else rows
        before = rows[rows["experiment"] < experiment].to_dict("records")
        was = rows[rows["experiment"] == experiment].iloc[0]
        settings = replace(cell.settings, n_experiments=experiment + 1)  # a record may be longer than the cell asks
        with one_thread():
            start = pd.DataFrame(initial_measurements(settings, space, environment, then))
            counts = start[elements].to_numpy(np.int64)
            chosen = choose_features(settings, space, counts, start["merit"].to_numpy(), then)
            value = "log_ei" if settings.acquisition == "ei" else "value"
            enough = -np.inf if _ends_anywhere(cell) else was[value] - LOWER
            run = partial(trajectory, settings, space, environment, then)
            now, last_digits = _repeated(run, before, value, enough)
        composition = space.fractions(was[elements].to_numpy(np.int64))
        value = "log_ei" if settings.acquisition == "ei" else "value"
        kind = np.float32 if is_compact else float  # as it was recorded
        differences = {
            "merit": measure(environment, composition)["merit"] - merit,
            "log_ei": _log_ei(cell, before, was, composition) - was["log_ei"],
            "log_posterior": kind(now["log_posterior"]) - was["log_posterior"],
            "value": kind(now[value]) - was[value],
        }
        sets = chosen, was["features"].split()
        alike = _alike(cell, *sets, counts)
        scores = [0.0, 0.0] if alike else [_score(cell, one, counts, start["merit"], then) for one in sets]
        differences["score"] = scores[0] - scores[1]
        same = {
            "same_start": np.array_equal(counts, rows.loc[rows["experiment"] < 0, elements].to_numpy()),
            "same_features": alike,
            "same_composition": bool((was[elements] == pd.Series(now)[elements]).all()),
        }
        bound = ROUNDED * (1 + abs(was["log_ei"])) if is_compact else 1e-6
        about = {"cell": cell.name, "compact": is_compact, "seed": then, "experiment": experiment}
        about["last_digits"] = last_digits
        found.append({**about, **same, **differences, "log_ei_bound": bound})
    return pd.DataFrame(found)


def _repeated(run: Callable[..., Iterator[dict]], before: list[dict], value: str, enough: float) -> tuple[dict, int]:
    """The experiment after the rows `before` once more, and at which change of their last digits it came out.

    The change is 0 if `value` is at least `enough` as it is, or if no change makes it so.
    """

    def now(change: int) -> dict:
        return next(run(done=[{**row, "merit": row["merit"] * (1 + change * LAST_DIGITS)} for row in before]))

    if (first := now(0))[value] >= enough:
        return first, 0
    varied = ((now(change), change) for change in range(1, VARIANTS + 1))
    return next((found for found in varied if found[0][value] >= enough), (first, 0))


def _ends_anywhere(cell: Cell) -> bool:
    """Whether the search is the paper's: SLSQP ends elsewhere for a last digit, and is held to no value."""
    return cell.settings.maximiser == "slsqp"


def _alike(cell: Cell, chosen: Sequence, recorded: Sequence, counts: np.ndarray) -> bool:
    """Whether the features of two sets, paired off, give the same distances between `counts` (rows, n_elements).

    Among an alloy's elements two properties can be equal up to scale and sign: atomic number and valence electrons of
    V Cr Mn Fe. Sets that differ in these alone score the same but for rounding, so that the processor decides.
    """

    def distances(features: Sequence) -> np.ndarray:
        """(rows, rows, n_features), each feature scaled to 0 … 1."""
        values = FeatureMap(cell.space().elements, features)(cell.space().fractions(counts)).numpy()
        width = np.ptp(values, axis=0)
        values = values / np.where(width > 0, width, 1.0)
        return np.abs(values[:, None] - values)

    apart = np.abs(distances(chosen)[..., None] - distances(recorded)[..., None, :]).max((0, 1))
    equal = apart <= 1e-6  # (chosen, recorded)
    return len(chosen) == len(recorded) and bool(equal[linear_sum_assignment(equal, maximize=True)].all())


def _score(cell: Cell, features: Sequence, counts: np.ndarray, merits: pd.Series, seed: int) -> float:
    """R² of a set of features in a trajectory's search for them, on its initial `counts` (rows, n_elements)."""
    space, folds = cell.space(), deal_folds(len(counts), generator(seed, SELECTION))
    return score(space.elements, features, space.fractions(counts), merits.to_numpy(), folds=folds)


def _log_ei(cell: Cell, before: list[dict], was: pd.Series, composition: np.ndarray) -> float:
    """Log EI of `composition` (n_elements,) after the rows `before`, at the hyperparameters of the row `was`."""
    rows, space = pd.DataFrame(before), cell.space()
    features = FeatureMap(space.elements, [parse_feature(feature) for feature in was["features"].split()])
    lengthscales = was[[f"lengthscale_{i}" for i in range(len(features.names))]].to_numpy(float)
    measured, merits = space.fractions(rows[list(space.elements)].to_numpy(np.int64)), np.array(rows["merit"])
    surrogate = with_hyperparameters(features, measured, merits, lengthscales, was["outputscale"], was["mean"])
    return log_ei(surrogate, merits.max())(composition).item()


def report_audit(states: int = 50) -> None:
    """Print `audit`, and fail where a recorded result no longer comes out of the code.

    Bounds: the same initial compositions; features that are alike, or in a share `OTHERWISE` of the states at most,
    others that score no less by `LESS`; merit to 1e-6; log EI at recorded hyperparameters to 1e-6, or `ROUNDED` in a
    compact record; log posterior no worse by `LOWER`; value of the new maximum no lower by `LOWER`, if need be with
    other last digits; the paper's loop is held to none, as it ends elsewhere for such digits.

    Raises:
        SystemExit: A bound is exceeded, or a sealed file has changed.
    """
    if broken := broken_seals():
        raise SystemExit(
            f"Sealed files have changed: {', '.join(broken)}. Restore them by `git checkout`; "
            "if the change is meant, seal it: `make record`."
        )
    table = audit(states)
    if table.empty:
        print("Audit: nothing is recorded.")
        return
    print(table.to_string(index=False))
    otherwise = table.loc[~table["same_features"], "score"]
    few = len(otherwise) <= OTHERWISE * len(table)
    sound = table["same_start"] & (table["same_features"] | (few & (table["score"] >= -LESS)))
    sound &= (table["merit"].abs() <= 1e-6) & (table["log_ei"].abs() <= table["log_ei_bound"])  # false for NaN
    anywhere = table["cell"].map(lambda name: _ends_anywhere(declared()[name]))
    sound &= (table["log_posterior"] >= -LOWER) & (anywhere | (table["value"] >= -LOWER))
    print(f"{len(table)} recorded experiments repeated: {table['same_composition'].mean():.0%} identical suggestions.")
    if digits := int((table["last_digits"] > 0).sum()):
        print(f"{digits} of them came out once the merits' 13th digit had changed (last_digits): a processor decides.")
    if len(otherwise):
        least = f"{otherwise.min():+.4f}"
        print(
            f"In {len(otherwise)} of them other features come out; they score {least} or more against those recorded."
        )
    if others := other_versions():
        print(others)
    if not sound.all():
        raise SystemExit(f"Audit failed for {(~sound).sum()} of them: find the change, or recompute and record again.")
