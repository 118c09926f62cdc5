"""The pools of candidates: every candidate is known, so that a campaign can be replayed and judged.

    task = load("crossed_barrel")
    campaign = ag.Campaign(ag.Pool(task.candidates), ag.Maximise("toughness"), surrogate="ensemble")

Files are declared in `data/registry.toml`, and so are the size of each pool and its targets. `load` asserts the size
after cleaning. Pools of alloys ("alloys_…") are computed from the shipped networks and need no download.

    repeats      of one experiment, or crystals of one formula: a candidate is the mean of their targets; of perovskites
                 and of "stability" the most stable crystal. Other pools keep the rows that are published
    composition  mean, average deviation, least and largest value of 22 Magpie properties over a formula, the number of
                 elements, the largest fraction and the entropy of mixing
    bits         Morgan fingerprints of radius 2 (needs RDKit)
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import xlogy

from compendium.environments import datasets
from compendium.fusion import alloy_pools


@dataclass(frozen=True, eq=False)
class Task:
    """Candidates with known targets.

    Args:
        name: In the registry.
        candidates: Features, one row per candidate.
        outcomes: Targets in their own units, one row per candidate.
        directions: 1 where more of a target is better, −1 where less is.
    """

    name: str
    candidates: pd.DataFrame
    outcomes: pd.DataFrame
    directions: tuple[int, ...]

    @property
    def utilities(self) -> np.ndarray:
        """The targets (n, m) in their larger-is-better form."""
        return self.outcomes.to_numpy(dtype=float) * np.array(self.directions)


DECLARED: dict[str, dict] = datasets.declared("pool")
"""The pools by name: size, number of features, files, targets and their directions."""

SEVERAL = tuple(name for name, entry in DECLARED.items() if len(entry["targets"]) > 1)


def load(name: str) -> Task:
    """Return a pool, cleaned.

    Raises:
        KeyError: No pool of this name is declared.
        datasets.DatasetUnavailable: A file that it needs cannot be had.
        ModuleNotFoundError: The pool has fingerprints, and RDKit is not installed.
    """
    if name not in DECLARED:
        raise KeyError(f"Expected one of {', '.join(DECLARED)} (data/registry.toml); got {name!r}.")
    entry = DECLARED[name]
    features, outcomes = LOADERS[name]()
    features = features.loc[:, features.nunique() > 1]
    assert features.shape == (entry["size"], entry["features"]), f"{name}: {features.shape} after cleaning"
    outcomes = outcomes.set_axis([target["name"] for target in entry["targets"]], axis=1)
    directions = tuple(target["direction"] for target in entry["targets"])
    number = pd.RangeIndex(len(features), name="candidate")
    return Task(name, features.set_index(number), outcomes.set_index(number), directions)


def available(name: str) -> bool:
    """Return whether all files of a pool can be had, and RDKit where it is needed."""
    entry = DECLARED[name]
    if not all(datasets.available(file) for file in entry["files"]):
        return False
    try:
        return entry.get("kind") != "bits" or bool(__import__("rdkit"))
    except ModuleNotFoundError:
        return False


def _csv(name: str, **options) -> pd.DataFrame:
    return pd.read_csv(datasets.fetch(name), **options)


def averaged(features: pd.DataFrame, outcomes: pd.DataFrame, how: str = "mean") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return distinct rows of features, in order of appearance, and the mean (or "min", "max") of their outcomes."""
    keys = list(features.columns)
    joined = pd.concat([features, outcomes], axis=1).groupby(keys, sort=False, as_index=False).agg(how)
    return joined[keys], joined[list(outcomes.columns)]


def _columns(name: str, count: int) -> Callable[[], tuple[pd.DataFrame, pd.DataFrame]]:
    """A file of `count` feature columns and one target, without a header."""

    def read() -> tuple[pd.DataFrame, pd.DataFrame]:
        table = _csv(name, header=None).rename(columns=lambda i: f"x{i}")
        return averaged(table.iloc[:, :count], table.iloc[:, count:])

    return read


def _blocks() -> tuple[pd.DataFrame, pd.DataFrame]:
    """mmli_opv: the descriptors of both blocks side by side; a gap is the column's mean."""
    table = _csv("mmli_opv", header=None, names=["DB_block", "A_block", "target"])
    described = _csv("mmli_opv_blocks", header=None, names=["block", "option", "descriptor", "value"])
    parts = []
    for block in ("DB_block", "A_block"):
        own = described[described["block"] == block].pivot_table(
            index="option", columns="descriptor", values="value", sort=False
        )
        parts.append(own.loc[table[block]].add_prefix(f"{block} ").reset_index(drop=True))
    features = pd.concat(parts, axis=1).astype(float)
    return features.fillna(features.mean()), table[["target"]]


def _nanoparticles() -> tuple[pd.DataFrame, pd.DataFrame]:
    names = ["drug", "lipid", "solid", "liquid", "surfactant", "loading", "encapsulation", "diameter"]
    table = _csv("lnp3", header=None, names=names)
    features = pd.get_dummies(table[names[:5]], columns=["lipid"], dtype=float)
    return features.astype(float), table[names[5:]]


def _dyes() -> tuple[pd.DataFrame, pd.DataFrame]:
    table = _csv("dye_lasers", header=None)
    return pd.get_dummies(table.iloc[:, :3].add_prefix("fragment "), dtype=float), table.iloc[:, 3:]


def _dispersants() -> tuple[pd.DataFrame, pd.DataFrame]:
    radii, barriers = _csv("dispersant_radii"), _csv("dispersant_barriers")
    adsorption = _csv("dispersant_adsorption")
    columns = [radii["Rg"], barriers["deltaGmax"], adsorption["deltaGmin"]]
    return _csv("dispersant_features").astype(float), pd.concat(columns, axis=1)


_PART = re.compile(r"([A-Z][a-z]?)([0-9.]*)")


def parse_formula(formula: str) -> dict[str, float]:
    """Return the atomic fractions of a formula such as "Hf2Si2Te2"."""
    parts = [(symbol, float(count or 1)) for symbol, count in _PART.findall(formula)]
    whole = sum(count for _, count in parts)
    found: dict[str, float] = {}
    for symbol, count in parts:
        found[symbol] = found.get(symbol, 0.0) + count / whole
    return found


def reduced(formula: str) -> str:
    """Return a formula by its fractions, elements in alphabetical order, so that As4 and As2 are the same."""
    return " ".join(f"{symbol}{fraction:.6f}" for symbol, fraction in sorted(parse_formula(formula).items()))


def composition_features(formulas: pd.Series) -> pd.DataFrame:
    """Return mean, average deviation, min and max of the Magpie properties, and three numbers of the formula itself."""
    table = _csv("magpie", index_col="element")
    table = table.fillna(table.mean())
    parsed = [parse_formula(formula) for formula in formulas]
    shape = (len(parsed), max(map(len, parsed)))
    c, element = np.zeros(shape), np.zeros(shape, dtype=int)
    for row, fractions in enumerate(parsed):
        c[row, : len(fractions)] = list(fractions.values())
        element[row, : len(fractions)] = table.index.get_indexer(list(fractions))
    present = (c > 0)[..., None]
    p = table.to_numpy()[element]  # (n, parts, 22)
    mean = (c[..., None] * p).sum(1)
    deviation = (c[..., None] * abs(p - mean[:, None])).sum(1)
    least, most = np.where(present, p, np.inf).min(1), np.where(present, p, -np.inf).max(1)
    own = np.column_stack([(c > 0).sum(1), c.max(1), -xlogy(c, c).sum(1)])
    names = [f"{how} {name}" for how in ("mean", "deviation", "min", "max") for name in table.columns]
    names += ["elements", "largest fraction", "entropy"]
    return pd.DataFrame(np.concatenate([mean, deviation, least, most, own], axis=1), columns=names)


def _formulas(*files: str, how: str) -> Callable[[], tuple[pd.DataFrame, pd.DataFrame]]:
    """Files of a formula and one target; equal formulas are one candidate."""

    def read() -> tuple[pd.DataFrame, pd.DataFrame]:
        table = pd.concat([_csv(file, keep_default_na=False) for file in files], ignore_index=True)
        table["formula"] = table["formula"].map(reduced)
        names, outcomes = averaged(table[["formula"]], table[["target"]].astype(float), how)
        return composition_features(names["formula"]), outcomes

    return read


def _elastic() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Shear modulus and the ratio of bulk to shear modulus, where the modulus is ≥ 1 GPa and the ratio below 20."""
    bulk, shear = _csv("bulk_moduli", keep_default_na=False), _csv("shear_moduli", keep_default_na=False)
    assert (bulk["formula"] == shear["formula"]).all()
    log_shear, log_bulk = shear["target"].astype(float), bulk["target"].astype(float)
    both = pd.DataFrame({"shear": 10**log_shear, "ratio": 10 ** (log_bulk - log_shear)})
    sound = (both["shear"] >= 1) & (both["ratio"] < 20)
    names, outcomes = averaged(bulk.loc[sound, ["formula"]].map(reduced), both[sound])
    return composition_features(names["formula"]), outcomes


def fingerprints(smiles: pd.Series, bits: int) -> pd.DataFrame:
    """Return Morgan fingerprints of radius 2 (ECFP4) of molecules, one column per bit."""
    from rdkit import Chem, RDLogger
    from rdkit.Chem import rdFingerprintGenerator

    RDLogger.DisableLog("rdApp.*")
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=bits)
    distinct = {text: generator.GetFingerprintAsNumPy(Chem.MolFromSmiles(text)) for text in smiles.unique()}
    return pd.DataFrame(np.stack([distinct[text] for text in smiles]).astype(float)).add_prefix("bit ")


def _solubility() -> tuple[pd.DataFrame, pd.DataFrame]:
    table = _csv("esol")
    return fingerprints(table["smiles"], 1024), table[["measured log solubility in mols per litre"]]


def _couplings() -> tuple[pd.DataFrame, pd.DataFrame]:
    table = _csv("buchwald")
    parts = [fingerprints(table[name], 256).add_prefix(f"{name} ") for name in table.columns[:4]]
    return pd.concat(parts, axis=1), table[["yield"]]


LOADERS: dict[str, Callable[[], tuple[pd.DataFrame, pd.DataFrame]]] = {
    "crossed_barrel": _columns("crossed_barrel", 4),
    "oer_plate_3496": _columns("oer_plate_3496", 6),
    "oer_plate_4098": _columns("oer_plate_4098", 6),
    "hplc": _columns("hplc", 6),
    "mmli_opv": _blocks,
    "jdft2d": _formulas("jdft2d", how="mean"),
    "dielectric": _formulas("dielectric", how="mean"),
    "perovskites": _formulas("perovskites", how="min"),
    "stability": _formulas("stability_train", "stability_val", "stability_test", how="min"),
    "esol": _solubility,
    "buchwald": _couplings,
    "lnp3": _nanoparticles,
    "dispersants": _dispersants,
    "dye_lasers": _dyes,
    "elastic": _elastic,
    **alloy_pools.LOADERS,
}
"""How each pool is made: features and targets, constant columns still among the features."""
