"""Features or raw fractions: the same surrogate, on the same measurements, with different inputs.

One draw takes some rows of a table at random, without replacement, deals them into folds, and predicts each fold from
the others (``predictions``). Over all held-out rows of the draw

    MAE = mean |y − ŷ|,    MAPE = mean |y − ŷ| / y    with temperatures in K.

Inputs, all of them on the same rows and folds:
    fractions          atomic fractions of the elements that vary over the training rows
    features inside    features selected on the training rows of each fold
    features outside   features selected once, on all rows of the draw, those later held out included, as published
Rows come from any process, and the process is no input; or from one held process (``HELD``), and conditions that
still vary there are inputs of all kinds.

The scores of a draw with one kind of input are one file, named by all that makes them; rows are never stored. Draws of
one table share rows: see ``statistics.paired_test``.

Source: Xian et al. 2025, doi 10.1039/d5dd00080g, Figures 6 and S3, and its scripts.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from time import monotonic

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from alloygrad.checks import require_known, require_whole
from alloygrad.features import elements
from alloygrad.features.selection import deal_folds
from compendium import DATA, store
from compendium.environments import datasets
from compendium.feature_gradient.predictions import Draw, errors, predict, predict_as_published
from compendium.threads import one_thread

RECORD = DATA / "results" / "features_or_fractions.csv"
BEHAVIOUR = 2
"""Raised when a change here, in selection or surrogate changes the scores of a draw."""

COLUMNS = ["draw", "input", "mae", "mape", "name", "code"]
ROWS, FOLDS, SELECT = range(3)  # purposes of random numbers
DIGITS = 6
"""Significant ones of a recorded score."""


@dataclass(frozen=True)
class Held:
    """The rows of a dataset whose process is held: how many, and process conditions (n, k) → which, bool (n,)."""

    rows: int
    keep: Callable[[np.ndarray], np.ndarray]


def _unrecorded(process: np.ndarray) -> np.ndarray:
    """The most common entry of the titanium tables: no step done, or none recorded."""
    return (process == 0).all(axis=1)


def _worked(process: np.ndarray) -> np.ndarray:
    """Homogenised above 473 K, cold-rolled, annealed above 473 K for an hour at most."""
    homogenised, rolled, annealed, hours = process.T
    return (homogenised > 473) & (rolled > 0) & (annealed > 473) & (hours <= 1)


HELD = {
    "SMA": Held(158, lambda process: (process == (0, 1273, 1)).all(axis=1)),
    "Ti_yield": Held(96, _unrecorded),
    "Ti_ultimate": Held(129, _unrecorded),
    "Ti_hardness": Held(68, _unrecorded),
    "HEA": Held(300, _worked),
}
"""The process that the paper's scripts keep, by dataset; only for HEA do conditions vary among these rows."""


@dataclass(frozen=True)
class Comparison:
    """What is predicted from which rows, and how features are selected for it (arguments of ``selection.genetic``).

    process: of the rows, "any" or "held". restarts: of the paper's surrogate; 0: this library's surrogate.
    """

    dataset: str
    target: str
    process: str = "any"
    rows: int = 100  # per draw
    folds: int = 10
    n_features: int = 4
    formulas: tuple[str, ...] = ("mean",)
    population: int = 50
    generations: int = 50
    patience: int = 10
    restarts: int = 0

    def __post_init__(self):
        require_whole(2, rows=self.rows, folds=self.folds)
        require_whole(1, n_features=self.n_features, population=self.population, generations=self.generations)
        require_whole(0, restarts=self.restarts)
        require_known("a process", self.process, ["any", "held"])

    @property
    def of(self) -> int:
        """Rows that draws are taken from."""
        return HELD[self.dataset].rows if self.process == "held" else datasets.REGISTRY[self.dataset]["rows_used"]

    @property
    def unit(self) -> str:
        """Unit of the target."""
        return next(c["unit"] for c in datasets.REGISTRY[self.dataset]["targets"] if c["name"] == self.target)

    def about(self) -> dict:
        """Columns that tell its scores from those of other comparisons."""
        same = {key: getattr(self, key) for key in ("dataset", "target", "process", "restarts", "rows", "of")}
        return same | {"unit": self.unit}

    def name(self, draw: int, kind: str) -> str:
        """Digest of all that makes the scores of a draw with one kind of input."""
        return store.digest({**_fixed(self), "draw": draw, "input": kind})


@cache
def _fixed(comparison: Comparison) -> dict:
    """The part of a name that draw and input do not change: settings, data and their cleaning, properties."""
    entry = datasets.REGISTRY[comparison.dataset]
    data = {
        key: entry.get(key) for key in ("sha256", "elements", "composition_unit", "removed", "rows_used", "targets")
    }
    data["corrections"] = [[slip["row"], slip["column"], slip["used"]] for slip in entry.get("corrections", [])]
    symbols = elements.available(entry["elements"])
    table = {"symbols": symbols, "values": elements.matrix(entry["elements"], symbols).tolist()}
    tables = {"dataset_entry": store.digest(data), "elements_table": store.digest(table)}
    return {"behaviour": BEHAVIOUR, **tables, **asdict(comparison)}


def known_targets() -> dict[str, list[str]]:
    """Dataset → its measured properties."""
    return {name: [c["name"] for c in entry["targets"]] for name, entry in datasets.REGISTRY.items() if name in HELD}


def _rows(dataset: str, process: str) -> int:
    """Rows per draw: 100 as in the paper, of the smaller tables four fifths."""
    return min(100, int(0.8 * HELD[dataset].rows)) if process == "held" else 100


COMPARISONS = tuple(
    Comparison(dataset, target, process, _rows(dataset, process))
    for process in ("any", "held")
    for dataset, targets in known_targets().items()
    for target in targets
)
"""Nine measured properties, rows of any process and of the held one."""

RESTARTS = 5
PUBLISHED = {
    Comparison("SMA", "martensite_peak", "held", 100, restarts=RESTARTS): 32,
    Comparison("Ti_hardness", "hardness", "held", 68, restarts=RESTARTS): 32,
    Comparison("HEA", "yield_strength", "held", 299, restarts=RESTARTS): 32,
}
"""What the paper's scripts compare → draws. Reduced: 5 restarts for 100, one partition for 64, our search."""

THOROUGH = tuple(replace(comparison, restarts=100) for comparison in PUBLISHED)
"""The same with as many restarts as the scripts have, for one draw."""

DRAWS, INSIDE = 64, {"held": 64, "any": 12}
"""Draws, as many as in the paper; and by process those whose features are also selected inside the folds, which takes
ten times as long. Raise the numbers and run `compute` for more."""


def declared() -> dict[Comparison, dict[str, int]]:
    """All comparisons on record → draws by kind of input."""
    ours = {comparison: kinds(DRAWS, INSIDE[comparison.process]) for comparison in COMPARISONS}
    theirs = {comparison: kinds(draws, 0) for comparison, draws in PUBLISHED.items()}
    return ours | theirs | {comparison: kinds(1, 0) for comparison in THOROUGH}


def kinds(draws: int, inside: int) -> dict[str, int]:
    """Kind of input → draws."""
    return {"fractions": draws, "features inside": inside, "features outside": draws}


def _rng(comparison: Comparison, draw: int, *purpose: int) -> np.random.Generator:
    named = int(store.digest({"dataset": comparison.dataset, "target": comparison.target}), 16)
    return np.random.default_rng([named, draw, *purpose])


def draw_rows(comparison: Comparison, n: int, draw: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows of a table of n, fold number of each), both (comparison.rows,)."""
    if comparison.rows > n:
        raise ValueError(
            f"Expected at most {n} rows per draw, as many as {comparison.dataset} has of {comparison.process} process; "
            f"got {comparison.rows}. Ask for fewer."
        )
    rows = _rng(comparison, draw, ROWS).permutation(n)[: comparison.rows]
    return rows, deal_folds(len(rows), _rng(comparison, draw, FOLDS), n_folds=comparison.folds)[0]


def take(comparison: Comparison, draw: int) -> Draw:
    """The rows of a draw. Raises `datasets.DatasetUnavailable`."""
    data, held = _load(comparison.dataset), comparison.process == "held"
    table = data.table
    if held:
        table = table[HELD[comparison.dataset].keep(table[list(data.process)].to_numpy(float))]
        assert len(table) == comparison.of, f"{len(table)} rows of {comparison.dataset}, expected {comparison.of}"
    rows, folds = draw_rows(comparison, len(table), draw)
    table = table.iloc[rows]
    asked = ("formulas", "n_features", "population", "generations", "patience")
    return Draw(
        data.elements,
        table[list(data.elements)].to_numpy(float),
        table[list(data.process) if held else []].to_numpy(float),
        table[comparison.target].to_numpy(float),
        folds,
        lambda search: _rng(comparison, draw, SELECT, search),
        {key: getattr(comparison, key) for key in asked},
    )


@cache
def _load(dataset: str) -> datasets.Dataset:
    """The measurements, read once: a spreadsheet takes longer to read than a draw to predict."""
    return datasets.load(dataset)


def path_of(comparison: Comparison, draw: int, kind: str) -> Path:
    """Where the scores of a draw with one kind of input are stored."""
    return store.working() / "comparisons" / f"{comparison.name(draw, kind)}.json"


def run(comparison: Comparison, draw: int, kind: str) -> None:
    """Score one draw with one kind of input and store it. Raises `datasets.DatasetUnavailable`."""
    taken = take(comparison, draw)
    with one_thread():
        found = predict_as_published(taken, kind, comparison.restarts) if comparison.restarts else predict(taken, kind)
    scores = errors(taken.targets, found, comparison.unit)
    rounded = {key: value if value is None else float(f"{value:.{DIGITS}g}") for key, value in scores.items()}
    entry = {"comparison": asdict(comparison), "code": store.code_version(), "draw": draw, "input": kind, **rounded}
    store.write_json(path_of(comparison, draw, kind), entry)


def stored(comparison: Comparison, draws: Mapping[str, int], *, recorded: bool | None = None) -> pd.DataFrame:
    """What record (None: if the store is the default one) and store hold of so many draws by kind: ``COLUMNS``."""
    recorded = store.is_default() if recorded is None else recorded
    found = pd.read_csv(RECORD) if recorded and RECORD.exists() else pd.DataFrame(columns=COLUMNS)
    asked = {comparison.name(draw, kind): (draw, kind) for kind, n in draws.items() for draw in range(n)}
    tables = [found.loc[found["name"].isin(asked.keys()), COLUMNS]]
    rows = []
    for name in sorted(asked.keys() - set(tables[0]["name"])):
        if (entry := store.read_json(path_of(comparison, *asked[name]))) is not None:
            rows.append({**{key: entry[key] for key in COLUMNS if key != "name"}, "name": name})
    tables.append(pd.DataFrame(rows, columns=COLUMNS))
    table = pd.concat([table for table in tables if len(table)] or [found[COLUMNS][:0]], ignore_index=True)
    return table.sort_values(["draw", "input"], ignore_index=True)


def obtain(
    comparison: Comparison, draws: int, inside: int = 0, *, workers: int | None = None
) -> tuple[pd.DataFrame, str]:
    """(scores of draws 0 … draws − 1, one line on where they are from); what is missing is computed.

    inside: draws whose features are also selected inside the folds. One row per draw and input: `Comparison.about`,
    draw, input, mae, mape. Of a dataset that cannot be had, what is stored is returned, at the numbers asked for or
    else at the recorded ones.
    """
    require_whole(1, draws=draws)
    require_whole(0, inside=inside)
    known = known_targets()
    if comparison.target not in known.get(comparison.dataset, []):
        what = f"The comparison is of {comparison.target!r} in dataset {comparison.dataset!r}"
        raise ValueError(f"{what}; expected a target of one of {known}.")
    asked = kinds(draws, inside)
    table, line = stored(comparison, asked), "read, nothing computed"
    there = set(zip(table["draw"], table["input"], strict=True))
    if missing := [(d, kind) for kind, n in asked.items() for d in range(n) if (d, kind) not in there]:
        if datasets.available(comparison.dataset):
            jobs = [delayed(run)(comparison, *each) for each in missing]
            work = Parallel(n_jobs=min(workers or cpu_count(), len(jobs)), return_as="generator_unordered")(jobs)
            for _ in tqdm(work, total=len(jobs), desc=comparison.target):
                pass
            table, line = stored(comparison, asked), f"{len(missing)} scores computed"
        else:
            if table.empty:
                comparison = _recorded_like(comparison)
                table = stored(comparison, asked)
            what = f"the {table['draw'].nunique()} draws on record" if len(table) else "nothing"
            line = f"dataset cannot be had: {what} can be shown"
    table = table.drop(columns=["name", "code"]).assign(**comparison.about())
    where = f"{comparison.dataset}, {comparison.target}, {comparison.process} process"
    return table.astype({"draw": int, "mae": float, "mape": float}), f"{where}: {line}."


def _recorded_like(comparison: Comparison) -> Comparison:
    """The declared comparison of the same target, rows and surrogate."""
    key = ("dataset", "target", "process", "restarts")
    same = [each for each in declared() if all(getattr(each, name) == getattr(comparison, name) for name in key)]
    return same[0] if same else comparison


def compute(hours: float) -> int:
    """Run what is missing of the declared comparisons, draw after draw, for so long; returns how many scores are left.

    Started again, it goes on where it stopped.
    """
    stop, jobs = monotonic() + 3600 * hours, []
    for comparison, asked in declared().items():
        there = set(stored(comparison, asked)["name"])
        every = [(draw, kind) for kind, n in asked.items() for draw in range(n)]
        jobs += [(*each, comparison) for each in every if comparison.name(*each) not in there]
    jobs.sort(key=lambda job: job[0])
    while jobs and monotonic() < stop:
        draw, kind, comparison = jobs.pop(0)
        run(comparison, draw, kind)
    return len(jobs)


def scores(declared_: Mapping[Comparison, Mapping[str, int]] | None = None) -> pd.DataFrame:
    """What is recorded or stored of comparisons (None: all declared ones): ``COLUMNS`` and `Comparison.about`."""
    asked = declared() if declared_ is None else declared_
    return pd.concat([stored(each, n).assign(**each.about()) for each, n in asked.items()], ignore_index=True)


def record() -> pd.DataFrame:
    """Pack the scores of the declared comparisons that working store and record hold; returns how many of each.

    As for trajectories, only draws that the present code would name so are kept.
    """
    about = ["dataset", "target", "process", "restarts"]
    tables = [
        stored(each, asked, recorded=True).assign(**{key: each.about()[key] for key in about})
        for each, asked in declared().items()
    ]
    table = pd.concat(tables)[[*about, *COLUMNS]]
    if len(table):
        store.write(RECORD, lambda path: table.to_csv(path, index=False))
    counts = table.groupby([*about, "input"], sort=False)["draw"].nunique()
    return counts.rename("draws").reset_index()
