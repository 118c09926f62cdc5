"""Training of one alloy's networks as a study: cross-validation, learning curves, weights, and the card of it all.

Each fit is one job. Its outcome is a file named by all that makes it, so a killed training continues where it stood
and nothing is trained twice. What leaves the working folder are weights and aggregates: metrics, curves, and a
two-dimensional histogram of predicted against measured values; never a measured row.

`OTHERS` are further trainings of the same networks, of which only those that answer for the laboratory are made.
"""

import json
import platform
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from alloygrad.checks import require_whole
from alloygrad.features import elements
from compendium import store
from compendium.environments import datasets, networks
from compendium.environments.alloys import ALLOYS, Alloy
from compendium.environments.trained import FOLDER, random_alloys
from compendium.running.threads import one_thread

SCHEMES = ("random", "grouped")
AS_PUBLISHED = "as_published"  # random folds on the values as published, where the default corrects some

OTHERS = {
    **{f"{name}_retrained": (alloy, 1, False) for name, alloy in ALLOYS.items()},
    "Ti_as_published": (ALLOYS["Ti"], 0, True),
}
"""Folder below data/environments → (alloy, seed, whether on the values as published).

The last differs from the shipped training in the corrected values alone: the seed is the same.
"""

BINS = np.linspace(-4, 4, 33)
"""Edges of the parity histogram, in standard deviations of the measured property."""


@dataclass(frozen=True, eq=False)
class Record:
    """A finished training: `card` (settings, data, metrics), `curves` and `parity` tables, and where they stand."""

    folder: Path
    card: dict
    curves: pd.DataFrame
    parity: pd.DataFrame

    def late_gain(self) -> pd.DataFrame:
        """Median validation and test R² over the last fifth of the first half and of all epochs, a row per property."""
        table = {}
        for name, rows in self.curves.groupby("property", sort=False):
            for when, end in (("at half", rows["epoch"].max() / 2), ("at the end", rows["epoch"].max())):
                last = rows[(rows["epoch"] > 0.8 * end) & (rows["epoch"] <= end)]
                for part in ("validation", "test"):
                    table.setdefault(name, {})[(f"{part} R²", when)] = last[f"{part}_r2"].median()
        return pd.DataFrame.from_dict(table, orient="index")

    def parity_table(self) -> pd.DataFrame:
        """The parity histogram of both schemes with R² and MAE beside each cell."""
        scores = self.metrics().stack(level=0, future_stack=True).rename_axis(["property", "scheme"]).reset_index()
        return self.parity[self.parity["scheme"].isin(SCHEMES)].merge(scores)

    def is_full(self) -> bool:
        """Whether it was trained at the paper's size: epochs, folds and all else at their defaults."""
        return self.card["training"] == networks.describe(networks.Training())

    def metrics(self) -> pd.DataFrame:
        """Cross-validated R² and standardised MAE: one row per property, columns (scheme, metric)."""
        rows = {
            name: {(scheme, metric): entry[scheme][metric] for scheme in SCHEMES for metric in ("r2", "mae")}
            for name, entry in self.card["properties"].items()
        }
        return pd.DataFrame.from_dict(rows, orient="index")


def read(folder: Path) -> Record:
    """Read a finished training; raises FileNotFoundError where there is none."""
    if not (folder / "card.json").exists():
        raise FileNotFoundError(
            f"{folder} holds no finished training (no card.json); `train` makes one from the datasets."
        )
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    return Record(folder, card, pd.read_csv(folder / "curves.csv"), pd.read_csv(folder / "parity.csv"))


def recorded(alloy: Alloy) -> Record:
    """The training whose weights are shipped; needs no dataset."""
    return read(FOLDER / alloy.name)


def train(
    alloy: Alloy, training: networks.Training, *, folder: Path | None = None, workers: int | None = None
) -> Record:
    """Train all networks of `alloy` from the published datasets, or read what an equal training left behind.

    The result stands in `folder` (default: below `data/runs/`). With `workers=1` all runs in this process. Raises
    `datasets.DatasetUnavailable`, unless the training is finished already.
    """
    config = configuration(alloy, training)
    digest = store.digest(config)
    folder = folder or store.working() / "environments" / f"{alloy.name}-{digest}"
    if (folder / "card.json").exists() and (record := read(folder)).card["digest"] == digest:
        return record
    rows = {
        (name, kind): load_rows(alloy, name, as_published=kind == AS_PUBLISHED)
        for name in alloy.properties
        for kind in _kinds(alloy, name)
    }
    working = store.working() / "training" / f"{alloy.name}-{digest}"
    _run_all(alloy, training, rows, working, workers, alloy.name)
    return _finish(alloy, training, config, rows, working, folder)


def train_other(
    name: str, training: networks.Training, *, folder: Path | None = None, workers: int | None = None
) -> Path:
    """Train the networks of one of `OTHERS`, without cross-validation and curves: the folder of weights and card.

    `training` gives all settings but the seed. What an equal training left behind is kept; else as for `train`.
    """
    alloy, seed, as_published = OTHERS[name]
    training = replace(training, seed=seed)
    config = {**configuration(alloy, training), "fits": ["final"], "as_published": as_published}
    digest = store.digest(config)
    folder = folder or store.working() / "environments" / f"{name}-{digest}"
    if (found := store.read_json(folder / "card.json")) and found["digest"] == digest:
        return folder
    rows = {(each, "final"): load_rows(alloy, each, as_published=as_published) for each in alloy.properties}
    working = store.working() / "training" / f"{name}-{digest}"
    _run_all(alloy, training, rows, working, workers, name)
    card = _about(alloy, config)
    for each in alloy.properties:
        card["properties"][each] = _ship(alloy, each, rows[each, "final"], working, folder)
    store.write_json(folder / "card.json", card)
    return folder


def _run_all(alloy: Alloy, training: networks.Training, rows: dict, working: Path, workers: int | None, name: str):
    """All fits of `rows`, by (property, kind), side by side."""
    properties = elements.matrix(alloy.inputs)
    jobs = [job for each, kind in rows for job in _jobs(each, kind, training)]
    calls = [delayed(_run)(working, job, rows[job["property"], job["kind"]], properties, training) for job in jobs]
    _side_by_side(calls, f"training {name}", workers)


def _side_by_side(calls: list, what: str, workers: int | None) -> None:
    parallel = Parallel(n_jobs=workers or cpu_count(), return_as="generator_unordered")
    for _ in tqdm(parallel(calls), total=len(calls), desc=what, unit="fit"):
        pass


def partitions(
    alloy: Alloy, name: str, training: networks.Training, count: int, *, folder: Path | None = None, workers=None
) -> pd.DataFrame:
    """How far R² and MAE of one property hang on where random folds happen to cut: `count` partitions, a row each.

    Partition p is cut, and its networks begin, as in a training with seed p; fits that such a training has left
    behind are reused. The table is written to `partitions.csv` in `folder`, if given, with the code's version. Raises
    `datasets.DatasetUnavailable`.
    """
    require_whole(1, count=count)
    rows, properties = load_rows(alloy, name), elements.matrix(alloy.inputs)
    calls, found = [], []
    for seed in range(count):
        seeded = replace(training, seed=seed)
        working = store.working() / "training" / f"{alloy.name}-{store.digest(configuration(alloy, seeded))}"
        jobs = _jobs(name, "random", seeded)
        calls += [delayed(_run)(working, job, rows, properties, seeded) for job in jobs]
        found.append(working)
    _side_by_side(calls, f"partitions of {name}", workers)
    scores = [_scores(working, name, "random", rows.target, training.folds)[1] for working in found]
    table = pd.DataFrame(scores, index=pd.RangeIndex(count, name="partition")).assign(property=name)
    if folder:
        coded = table.assign(code=store.code_version())
        store.write(folder / "partitions.csv", lambda path: coded.to_csv(path))
    return table


def recorded_partitions(alloy: Alloy) -> pd.DataFrame:
    """The shipped table of `partitions`; needs no dataset. Raises FileNotFoundError for an alloy that has none."""
    return pd.read_csv(FOLDER / alloy.name / "partitions.csv", index_col="partition")


def load_rows(alloy: Alloy, name: str, *, as_published: bool = False) -> networks.Rows:
    """Training rows of one property, columns in the order of `alloy.inputs` and `alloy.process`."""
    dataset = datasets.load(alloy.properties[name], as_published=as_published)
    if tuple(alloy.process) != dataset.process:
        raise ValueError(
            f"{alloy.name} holds the process {list(alloy.process)}; dataset {dataset.name} has the columns "
            f"{list(dataset.process)}. Declare exactly these, in this order."
        )
    table = dataset.table
    return networks.Rows(
        table[list(alloy.inputs)].to_numpy(float),
        dataset.process_values,
        table[name].to_numpy(float),
        dataset.groups,
    )


def configuration(alloy: Alloy, training: networks.Training) -> dict:
    """All that makes a training: data, element rows, settings."""
    decisive = ("sha256", "removed", "rows_used", "corrections")
    used = {
        name: {key: datasets.REGISTRY[source].get(key) for key in decisive} for name, source in alloy.properties.items()
    }
    return {
        "alloy": alloy.name,
        "inputs": list(alloy.inputs),
        "elements": elements_digest(alloy),
        "datasets": used,
        "training": networks.describe(training),
    }


def elements_digest(alloy: Alloy) -> str:
    """Digest of the rows of the element table that the networks see; rows of further elements do not change it."""
    return store.digest({"elements": list(alloy.inputs), "values": elements.matrix(alloy.inputs).tolist()})


def _kinds(alloy: Alloy, name: str) -> list[str]:
    """The fits of one property; the last kind only where a published value is corrected by default."""
    corrected = datasets.REGISTRY[alloy.properties[name]].get("corrections")
    return ["final", "curve", *SCHEMES] + ([AS_PUBLISHED] if corrected else [])


def _jobs(name: str, kind: str, training: networks.Training) -> list[dict]:
    folds = 1 if kind in ("final", "curve") else training.folds
    return [{"property": name, "kind": kind, "fold": fold} for fold in range(folds)]


def _run(working: Path, job: dict, rows: networks.Rows, properties: np.ndarray, training: networks.Training) -> None:
    """One fit: weights, a learning curve, or one fold's predictions; skipped if its file exists."""
    path = working / "{property}-{kind}-{fold}".format(**job)
    path = path.with_suffix(".safetensors" if job["kind"] == "final" else ".csv")
    if path.exists():
        return
    with one_thread():
        _fit(path, job, rows, properties, training)


def _fit(path: Path, job: dict, rows: networks.Rows, properties: np.ndarray, training: networks.Training) -> None:
    seed = int(store.digest({**job, "seed": training.seed}), 16) % 2**31
    if job["kind"] == "final":
        network, _ = networks.train(rows, properties, training, seed=seed)
        networks.save(network, path)
        return
    if job["kind"] == "curve":
        part, validation, test = networks.split(len(rows), training.seed)
        watch = {"validation": validation, "test": test}
        epochs = training.curve_epochs
        _, curve = networks.train(rows, properties, training, index=part, epochs=epochs, seed=seed, watch=watch)
        table = pd.DataFrame(curve)
    else:
        part, test = networks.folds(rows, training, grouped=job["kind"] == "grouped")[job["fold"]]
        network, _ = networks.train(rows, properties, training, index=part, seed=seed)
        table = pd.DataFrame({"index": test, "predicted": networks.predict(network, rows, test)})
    store.write(path, lambda p: table.to_csv(p, index=False))


def _about(alloy: Alloy, config: dict) -> dict:
    """A card without its properties: what was trained, by what."""
    return {
        "digest": store.digest(config),
        **config,
        "code": store.code_version(),
        "versions": {package: version(package) for package in ("numpy", "scikit-learn", "torch")},
        "python": platform.python_version(),
        "process": dict(alloy.process),
        "properties": {},
    }


def _ship(alloy: Alloy, name: str, data: networks.Rows, working: Path, folder: Path) -> dict:
    """Put the final weights of a property into `folder`; its entry of the card."""
    path = networks.save(networks.load(working / f"{name}-final-0.safetensors").float(), folder / f"{name}.safetensors")
    return {
        "dataset": alloy.properties[name],
        "rows": len(data),
        "weights_sha256": store.file_digest(path),
        "compositions": len(np.unique(data.groups)),
    }


def _finish(alloy: Alloy, training: networks.Training, config: dict, rows: dict, working: Path, folder: Path) -> Record:
    """Gather the fits of `working` into weights, aggregates and the card, which is written last."""
    card = _about(alloy, config)
    curves, parity = [], []
    for name in alloy.properties:
        curve = pd.read_csv(working / f"{name}-curve-0.csv")
        curves.append(curve.assign(property=name))
        entry = _ship(alloy, name, rows[name, "final"], working, folder)
        for scheme in _kinds(alloy, name)[2:]:
            measured = rows[name, scheme].target
            predicted, scores = _scores(working, name, scheme, measured, training.folds)
            entry[scheme] = {**scores, "folds": training.folds}
            parity.append(_histogram(measured, predicted).assign(property=name, scheme=scheme))
        card["properties"][name] = entry
    for file, tables in (("curves.csv", curves), ("parity.csv", parity)):
        table = pd.concat(tables, ignore_index=True)
        store.write(folder / file, lambda p, table=table: table.to_csv(p, index=False, float_format="%.5g"))
    store.write_json(folder / "card.json", card)
    return read(folder)


def _scores(working: Path, name: str, kind: str, measured: np.ndarray, folds: int) -> tuple[np.ndarray, dict]:
    """Predictions of the rows (n,), each by the fold that left it out, and their R² and MAE."""
    found = pd.concat(pd.read_csv(working / f"{name}-{kind}-{fold}.csv") for fold in range(folds))
    predicted = found.set_index("index").sort_index()["predicted"].to_numpy()
    return predicted, {"r2": networks.r2(measured, predicted), "mae": networks.scaled_mae(measured, predicted)}


def _histogram(measured: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Counts by cell of `BINS`, both axes in standard deviations of the measured; empty cells are left out."""
    scaled = [np.clip((v - measured.mean()) / measured.std(), BINS[0], BINS[-1]) for v in (measured, predicted)]
    counts, _, _ = np.histogram2d(*scaled, bins=BINS)
    centre = (BINS[1:] + BINS[:-1]) / 2
    x, y = np.nonzero(counts)
    return pd.DataFrame({"measured": centre[x], "predicted": centre[y], "count": counts[x, y].astype(int)})


def obtain(
    alloy: Alloy, training: networks.Training, *, retrain: bool, workers: int | None = None
) -> tuple[Record, str]:
    """(training, one line on where it is from): trained now if wanted and the datasets can be had, else recorded."""
    if not retrain:
        record = recorded(alloy)
        return record, f"Read from data/environments/{alloy.name}: trained with code {record.card['code']}."
    if missing := [name for name in sorted(set(alloy.properties.values())) if not datasets.available(name)]:
        line = f"Dataset {', '.join(missing)} cannot be had: shipped weights and recorded aggregates are used."
        return recorded(alloy), line
    record = train(alloy, training, workers=workers)
    return record, "Trained from the published dataset; what an equal training had left behind was reused."


def obtain_other(name: str, training: networks.Training, *, retrain: bool, workers: int | None = None) -> Path:
    """Folder of one of `OTHERS`: trained now if wanted and the datasets can be had, else the shipped one."""
    if retrain and all(map(datasets.available, OTHERS[name][0].properties.values())):
        return train_other(name, training, workers=workers)
    return FOLDER / name


def reach(alloy: Alloy) -> pd.DataFrame:
    """How far the measurements of each property reach: quantiles, unit, and what the environment asks beyond them.

    One row per property; the last columns are the share of measurements taken under the process that the environment
    holds fixed, and of those flagged as suspect. Raises `datasets.DatasetUnavailable`.
    """
    table = {}
    for name, source in alloy.properties.items():
        data = datasets.load(source)
        held = (data.table[list(alloy.process)] == pd.Series(alloy.process)).all(axis=1)
        quantiles = data.table[name].quantile([0.05, 0.5, 0.95]).set_axis(["5 %", "median", "95 %"])
        shares = {"at the held process": held.mean(), "suspect": (data.table["suspect"] != "").mean()}
        table[name] = {"rows": len(data.table), **quantiles, "unit": data.units[name], **shares}
    return pd.DataFrame.from_dict(table, orient="index")


def counted(alloy: Alloy) -> pd.DataFrame:
    """Rows published, removed by each rule, and used: one row per property, from the registry alone."""
    table = {}
    for name, source in alloy.properties.items():
        entry = datasets.REGISTRY[source]
        table[name] = {"published": entry["rows_raw"], **entry["removed"], "used": entry["rows_used"]}
    return pd.DataFrame.from_dict(table, orient="index")


def difference(alloy: Alloy, folder: Path, n_elements: int = 4) -> pd.Series:
    """How far the networks in `folder` are from the shipped ones, by property, and the merit with them.

    RMS difference over random alloys of the first `n_elements`, in units of their spread.
    """
    shipped, other = random_alloys(alloy, n_elements), random_alloys(alloy, n_elements, folder=folder)
    return (((shipped - other) ** 2).mean() ** 0.5 / shipped.std()).rename("difference")
