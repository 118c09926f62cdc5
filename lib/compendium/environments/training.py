"""Training of one alloy's networks as a study: cross-validation, learning curves, weights, and a card that sums it up.

Each fit is one job. Its result is a file named by everything that determines it: a killed training continues where it
stopped, and nothing is trained twice. Only weights and aggregates leave the working folder: metrics, curves, and a
two-dimensional histogram of predicted against measured values. No measured row does.

`OTHERS` are further trainings of the same networks: weights and card, without cross-validation and curves.
"""

import json
import platform
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, cpu_count, delayed
from sklearn.metrics import mean_absolute_error, r2_score
from tqdm import tqdm

from alloygrad.checks import require_whole
from alloygrad.features import elements
from compendium import store
from compendium.environments import datasets, networks
from compendium.environments.alloys import ALLOYS, Alloy
from compendium.environments.trained import FOLDER, random_alloys
from compendium.threads import one_thread

SCHEMES = ("random", "grouped")
AS_PUBLISHED = "as_published"  # random folds on the published values, where the default corrects some of them

# Folder below data/environments → (alloy, seed, whether on the published values). The last one differs from the shipped
# training in the corrected values alone: its seed is the same.
OTHERS = {
    **{f"{name}_retrained": (alloy, 1, False) for name, alloy in ALLOYS.items()},
    **{f"{name}_retrained_{seed}": (alloy, seed, False) for seed in (2, 3, 4) for name, alloy in ALLOYS.items()},
    "Ti_as_published": (ALLOYS["Ti"], 0, True),
}

BINS = np.linspace(-4, 4, 33)  # edges of the parity histogram, in standard deviations of the measured property


@dataclass(frozen=True, eq=False)
class Record:
    """A finished training: `card` (settings, data, metrics), `curves` and `parity` tables, and their `folder`."""

    folder: Path
    card: dict
    curves: pd.DataFrame
    parity: pd.DataFrame

    def late_gain(self) -> pd.DataFrame:
        """Return median validation and test R² over the last fifth of the first half and of all epochs, by property."""
        table = {}
        for name, rows in self.curves.groupby("property", sort=False):
            for when, end in (("at half", rows["epoch"].max() / 2), ("at the end", rows["epoch"].max())):
                last = rows[(rows["epoch"] > 0.8 * end) & (rows["epoch"] <= end)]
                for part in ("validation", "test"):
                    table.setdefault(name, {})[(f"{part} R²", when)] = last[f"{part}_r2"].median()
        return pd.DataFrame.from_dict(table, orient="index")

    def metrics(self) -> pd.DataFrame:
        """Return cross-validated R² and standardised MAE: one row per property, columns (scheme, metric)."""
        rows = {
            name: {(scheme, metric): entry[scheme][metric] for scheme in SCHEMES for metric in ("r2", "mae")}
            for name, entry in self.card["properties"].items()
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    def parity_table(self) -> pd.DataFrame:
        """Return the parity histogram of both schemes with the R² and MAE that belong to each cell."""
        scores = self.metrics().stack(level=0, future_stack=True).rename_axis(["property", "scheme"]).reset_index()
        return self.parity[self.parity["scheme"].isin(SCHEMES)].merge(scores)

    def is_full(self) -> bool:
        """Return whether epochs, folds and all other settings are the paper's (the defaults)."""
        return self.card["training"] == networks.describe(networks.Training())


def read(folder: Path) -> Record:
    """Read a finished training; raise FileNotFoundError if there is none."""
    if not (folder / "card.json").exists():
        raise FileNotFoundError(
            f"{folder} holds no finished training (no card.json); `train` makes one from the datasets."
        )
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    return Record(folder, card, pd.read_csv(folder / "curves.csv"), pd.read_csv(folder / "parity.csv"))


def recorded(alloy: Alloy) -> Record:
    """Read the training whose weights are shipped; needs no dataset."""
    return read(FOLDER / alloy.name)


def train(
    alloy: Alloy, training: networks.Training, *, folder: Path | None = None, workers: int | None = None
) -> Record:
    """Train all networks of `alloy` from the published datasets, or read the result of an equal training.

    The result is written to `folder` (default: below `data/runs/`). With `workers=1` everything runs in this process.
    Raises `datasets.DatasetUnavailable`, unless the training is finished already.
    """
    return read(_train(alloy.name, alloy, training, configuration(alloy, training), folder, workers))


def train_other(
    name: str, training: networks.Training, *, folder: Path | None = None, workers: int | None = None
) -> Path:
    """Train the networks of one of `OTHERS`, and return the folder of weights and card.

    `training` gives all settings but the seed; for the rest see `train`.
    """
    alloy, seed, as_published = OTHERS[name]
    training = replace(training, seed=seed)
    config = {**configuration(alloy, training), "fits": ["final"], "as_published": as_published}
    return _train(name, alloy, training, config, folder, workers)


def partitions(
    alloy: Alloy, name: str, training: networks.Training, count: int, *, folder: Path | None = None, workers=None
) -> pd.DataFrame:
    """Return R² and MAE of one property for `count` ways to cut random folds, one row each.

    Partition p has the folds and initial weights of a training with seed p, whose finished fits are reused. The table
    is written to `partitions.csv` in `folder`, if given, with the code's version. Raises `datasets.DatasetUnavailable`.
    """
    require_whole(1, count=count)
    rows, properties = load_rows(alloy, name), elements.matrix(alloy.inputs)
    calls, found = [], []
    for seed in range(count):
        seeded = replace(training, seed=seed)
        working = store.working() / "training" / f"{alloy.name}-{store.digest(configuration(alloy, seeded))}"
        calls += [delayed(_run)(working, job, rows, properties, seeded) for job in _jobs(name, "random", seeded)]
        found.append(working)
    _side_by_side(calls, f"partitions of {name}", workers)
    scores = [_scores(working, name, "random", rows.target, training.folds)[1] for working in found]
    table = pd.DataFrame(scores, index=pd.RangeIndex(count, name="partition")).assign(property=name)
    if folder:
        coded = table.assign(code=store.code_version())
        store.write(folder / "partitions.csv", lambda path: coded.to_csv(path))
    return table


def recorded_partitions(alloy: Alloy) -> pd.DataFrame:
    """Read the shipped table of `partitions`; needs no dataset. Raises FileNotFoundError if the alloy has none."""
    return pd.read_csv(FOLDER / alloy.name / "partitions.csv", index_col="partition")


def load_rows(alloy: Alloy, name: str, *, as_published: bool = False) -> networks.Rows:
    """Return the training rows of one property, columns in the order of `alloy.inputs` and `alloy.process`."""
    dataset = datasets.load(alloy.properties[name], as_published=as_published)
    if tuple(alloy.process) != dataset.process:
        raise ValueError(
            f"{alloy.name} holds the process {list(alloy.process)}; dataset {dataset.name} has the columns "
            f"{list(dataset.process)}. Declare exactly these, in this order."
        )
    fractions, process, target = (
        dataset.table[columns].to_numpy(float) for columns in (list(alloy.inputs), list(alloy.process), name)
    )
    return networks.Rows(fractions, process, target, dataset.groups)


def configuration(alloy: Alloy, training: networks.Training) -> dict:
    """Return everything that determines a training: data, rows of the element table that the networks see, settings."""
    decisive = ("sha256", "removed", "rows_used", "corrections")
    used = {
        name: {key: datasets.REGISTRY[source].get(key) for key in decisive} for name, source in alloy.properties.items()
    }
    inputs = list(alloy.inputs)
    return {
        "alloy": alloy.name,
        "inputs": inputs,
        "elements": store.digest({"elements": inputs, "values": elements.matrix(alloy.inputs).tolist()}),
        "datasets": used,
        "training": networks.describe(training),
    }


def _kinds(alloy: Alloy, name: str) -> list[str]:
    """Return the fits of one property; the last kind only where a published value is corrected by default."""
    corrected = datasets.REGISTRY[alloy.properties[name]].get("corrections")
    return ["final", "curve", *SCHEMES] + ([AS_PUBLISHED] if corrected else [])


def _train(
    name: str,
    alloy: Alloy,
    training: networks.Training,
    config: dict,
    folder: Path | None,
    workers: int | None,
) -> Path:
    """Run all fits and gather them in a folder (the card last), unless it holds an equal training already."""
    digest = store.digest(config)
    folder = folder or store.working() / "environments" / f"{name}-{digest}"
    if (card := store.read_json(folder / "card.json")) and card["digest"] == digest:
        return folder
    rows = {
        (each, kind): load_rows(alloy, each, as_published=config.get("as_published", kind == AS_PUBLISHED))
        for each in alloy.properties
        for kind in config.get("fits", _kinds(alloy, each))
    }
    working, properties = store.working() / "training" / f"{name}-{digest}", elements.matrix(alloy.inputs)
    calls = [
        delayed(_run)(working, job, data, properties, training)
        for (each, kind), data in rows.items()
        for job in _jobs(each, kind, training)
    ]
    _side_by_side(calls, f"training {name}", workers)

    card = {
        "digest": digest,
        **config,
        "code": store.code_version(),
        "versions": {package: version(package) for package in ("numpy", "scikit-learn", "torch")},
        "python": platform.python_version(),
        "process": dict(alloy.process),
        "properties": {},
    }
    tables = {"curves": [], "parity": []}
    for (each, kind), data in rows.items():
        if kind == "final":
            weights = networks.load(working / f"{each}-final-0.safetensors").float()
            path = networks.save(weights, folder / f"{each}.safetensors")
            card["properties"][each] = {
                "dataset": alloy.properties[each],
                "rows": len(data),
                "weights_sha256": store.file_digest(path),
                "compositions": len(np.unique(data.groups)),
            }
        elif kind == "curve":
            tables["curves"].append(pd.read_csv(working / f"{each}-curve-0.csv").assign(property=each))
        else:
            predicted, scores = _scores(working, each, kind, data.target, training.folds)
            card["properties"][each][kind] = {**scores, "folds": training.folds}
            tables["parity"].append(_histogram(data.target, predicted).assign(property=each, scheme=kind))
    for file, parts in tables.items():
        if parts:
            table = pd.concat(parts, ignore_index=True)
            store.write(folder / f"{file}.csv", lambda p, t=table: t.to_csv(p, index=False, float_format="%.5g"))
    store.write_json(folder / "card.json", card)
    return folder


def _side_by_side(calls: list, what: str, workers: int | None) -> None:
    parallel = Parallel(n_jobs=workers or cpu_count(), return_as="generator_unordered")
    for _ in tqdm(parallel(calls), total=len(calls), desc=what, unit="fit"):
        pass


def _jobs(name: str, kind: str, training: networks.Training) -> list[dict]:
    folds = 1 if kind in ("final", "curve") else training.folds
    return [{"property": name, "kind": kind, "fold": fold} for fold in range(folds)]


@one_thread()
def _run(working: Path, job: dict, rows: networks.Rows, properties: np.ndarray, training: networks.Training) -> None:
    """Run one fit (final weights, a learning curve, or one fold's predictions) unless its file exists."""
    path = working / "{property}-{kind}-{fold}".format(**job)
    path = path.with_suffix(".safetensors" if job["kind"] == "final" else ".csv")
    if path.exists():
        return
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


def _scores(working: Path, name: str, kind: str, measured: np.ndarray, folds: int) -> tuple[np.ndarray, dict]:
    """Return each row's prediction (n,) by the fold that left it out, their R², and their MAE (of standardised values).

    R² is pooled over all rows. The MAE is divided by the standard deviation of the measured values, as in the paper.
    """
    found = pd.concat(pd.read_csv(working / f"{name}-{kind}-{fold}.csv") for fold in range(folds))
    predicted = found.set_index("index").sort_index()["predicted"].to_numpy()
    mae = mean_absolute_error(measured, predicted) / measured.std()
    return predicted, {"r2": r2_score(measured, predicted), "mae": mae}


def _histogram(measured: np.ndarray, predicted: np.ndarray) -> pd.DataFrame:
    """Count rows by cell of `BINS`, both axes in standard deviations of the measured; leave out empty cells."""
    scaled = [np.clip((v - measured.mean()) / measured.std(), BINS[0], BINS[-1]) for v in (measured, predicted)]
    counts, _, _ = np.histogram2d(*scaled, bins=BINS)
    centre = (BINS[1:] + BINS[:-1]) / 2
    x, y = np.nonzero(counts)
    return pd.DataFrame({"measured": centre[x], "predicted": centre[y], "count": counts[x, y].astype(int)})


def obtain(
    alloy: Alloy, training: networks.Training, *, retrain: bool, workers: int | None = None
) -> tuple[Record, str]:
    """Return a training and one line on its origin: trained now if wanted and possible, else recorded."""
    if not retrain:
        record = recorded(alloy)
        return record, f"Read from data/environments/{alloy.name}: trained with code {record.card['code']}."
    if missing := [name for name in sorted(set(alloy.properties.values())) if not datasets.available(name)]:
        line = f"Dataset {', '.join(missing)} cannot be had: shipped weights and recorded aggregates are used."
        return recorded(alloy), line
    record = train(alloy, training, workers=workers)
    return record, "Trained from the published dataset; what an equal training had left behind was reused."


def obtain_other(name: str, training: networks.Training, *, retrain: bool, workers: int | None = None) -> Path:
    """Return the folder of one of `OTHERS`: trained now if wanted and possible, else the shipped one."""
    if retrain and all(map(datasets.available, OTHERS[name][0].properties.values())):
        return train_other(name, training, workers=workers)
    return FOLDER / name


def reach(alloy: Alloy) -> pd.DataFrame:
    """Return the range that the measurements of each property cover: quantiles and unit, a row per property.

    The last columns are the share of measurements at the process that the environment holds fixed, and of those flagged
    as suspect. Raises `datasets.DatasetUnavailable`.
    """
    table, loaded = {}, {source: datasets.load(source) for source in set(alloy.properties.values())}
    for name, source in alloy.properties.items():
        data = loaded[source]
        held = (data.table[list(alloy.process)] == pd.Series(alloy.process)).all(axis=1)
        quantiles = data.table[name].quantile([0.05, 0.5, 0.95]).set_axis(["5 %", "median", "95 %"])
        shares = {"at the held process": held.mean(), "suspect": (data.table["suspect"] != "").mean()}
        table[name] = {"rows": len(data.table), **quantiles, "unit": data.units[name], **shares}
    return pd.DataFrame.from_dict(table, orient="index")


def counted(alloy: Alloy) -> pd.DataFrame:
    """Return the rows published, removed by each rule, and used: one row per property, from the registry alone."""
    table = {}
    for name, source in alloy.properties.items():
        entry = datasets.REGISTRY[source]
        table[name] = {"published": entry["rows_raw"], **entry["removed"], "used": entry["rows_used"]}
    return pd.DataFrame.from_dict(table, orient="index")


def difference(alloy: Alloy, folder: Path, n_elements: int = 4) -> pd.Series:
    """Return how far the networks in `folder` are from the shipped ones, by property, and the merit with them.

    RMS difference over random alloys of the first `n_elements`, in units of their spread.
    """
    shipped, other = random_alloys(alloy, n_elements), random_alloys(alloy, n_elements, folder=folder)
    return (((shipped - other) ** 2).mean() ** 0.5 / shipped.std()).rename("difference")
