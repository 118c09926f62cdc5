"""What a laboratory asks, as one set of plain values: a table, what may be made, what is wanted.

The command reads it from a YAML file, the notebook from its parameters; both then do the same.

    csv: my.csv
    unit: wt.%
    bounds: {Al: [85, 100], Cu: [0, 8], Mg: [0, 8]}      # at.%
    step: 0.1
    objectives: [{maximise: hardness_HV}, {limit: density, at_most: 2.8}]
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from alloygrad.campaigns.campaign import Campaign
from alloygrad.campaigns.progress import progress
from alloygrad.checks import is_number, nearest, require_known, require_number, require_whole, shown
from alloygrad.features import mixing
from alloygrad.features.feature_map import FeatureMap, parse_feature
from alloygrad.objectives import Limit, Maximise, Minimise, Target
from alloygrad.protocols import Objective
from alloygrad.spaces import Box, CompositionSpace, Pool, Product, Restricted, starting_design
from alloygrad.tables import reading, validation, writing
from alloygrad.tables.candidates import read_candidates
from alloygrad.tables.measurements import Measurements, read_table
from alloygrad.tables.shares import atomic_bounds, price_function, price_limit, weight_limits

SHORT = 25
"""Generations of the search for features in each fold; on the example of eight elements it found what 200 find."""

KINDS = {
    "maximise": "{maximise: hardness}",
    "minimise": "{minimise: cost}",
    "target": "{target: Af_C, value: 60}",
    "limit": "{limit: density, at_most: 8}",
}
"""Objectives as they are written, by their first word."""

FORMS: dict[str, Any] = {
    "csv": "my.csv",
    "bounds": {"Ti": [20, 55], "Ni": [45, 80]},
    "candidates": "drawer.csv",
    "maximise": True,
    "objectives": [{"maximise": "hardness"}, {"limit": "density", "at_most": 8}],
    "unit": "at.%",
    "columns": {"hardness": "HV (10 kg)"},
    "formula": "alloy",
    "balance": "Fe",
    "sites": [[["La", "Sr"], 1], [["O"], 3]],
    "uncertainty": {"hardness": "hardness_std"},
    "elements": ["Ti", "Ni"],
    "process": {"anneal_K": 900},
    "parameters": {"anneal_K": [700, 1100, "K"], "route": ["cast", "rolled"]},
    "integers": ["passes"],
    "step": 0.5,
    "groups": [[["Ti", "Ni"], 0, 55]],
    "weight_bounds": {"C": [0, 2]},
    "limits": [["mean:VEC", 5, 8], [{"Ti": 1.0}, None, 0.3]],
    "prices": {"Ti": 11.5, "Ni": 16},
    "max_price": 15,
    "per_price": True,
    "farthest": 10,
    "min_distance": 2.5,
    "melt_grams": 50,
    "round": "week",
    "output": "results",
    "n_features": 4,
    "selection_generations": 200,
}
"""An example of each key whose value has one form; others are checked where they are used."""

NEEDED = ("csv", "bounds", "maximise", "step", "n_features", "selection_generations")
"""Keys of these whose value may not be left empty."""

KINDS_OF_VALUE: dict[type, tuple[Any, str]] = {
    str: (str, "a text"),
    bool: (bool, "true or false"),
    dict: (Mapping, "a mapping"),
    list: (list | tuple, "a list"),
    float: (float, "a number"),
    int: (float, "a number"),
}
"""Type of an example → the class of values that have its form, and what it is called."""


@dataclass(frozen=True)
class Request:
    """A question; every field is a key of the YAML file.

    Args:
        csv: The table, .csv or .xlsx.
        bounds: {element: [least, most]}, at.%.
        candidates: In place of bounds, a table of the alloys to choose from: see `read_candidates`.
        target: The outcome to maximise, or {outcome: weight}; or use `objectives`.
        maximise: False: the smaller the target the better.
        objectives: Several, as in `KINDS`.
        unit, sheet, columns, formula, balance, sites, uncertainty: As of `read_table`.
        elements: Order of the columns; that of `bounds` unless given.
        process: {column: value} of conditions held fixed.
        parameters: Conditions to be chosen with the composition: {name: [least, most]}, [least, most, unit], or a list
            of words.
        integers: Parameters that take whole numbers only.
        step: Of the grid, at.%.
        groups: [[elements, least, most], …]: limits on sums, at.%.
        max_elements: So many elements may be present at once.
        least: Least amount of an element where it is present, at.%; or {element: amount}.
        weight_bounds: {element: [least, most]}, wt.%, next to `bounds`.
        bounds_unit: "wt.%" where `bounds` are by weight; the grid stays one of at.%.
        limits: [[what, least, most], …]; null for no limit. What is limited is {element: weight}, for Σ weight ×
            at.%/100, a feature such as "mean:VEC" or "mismatch:R" (δ), or "mixing_enthalpy" in kJ/mol.
        prices: {element: price per kg}, of all elements: shown with each suggestion.
        max_price: The largest price per kg of a suggestion.
        farthest: No suggestion is further, in at.%, from all alloys of the table.
        per_price: Whether the gain per price is maximised, not the gain.
        q: How many experiments to suggest.
        min_distance: Least distance of two suggestions, at.%; with `parameters`, % of the ranges.
        melt_grams: Mass of a melt: adds the grams of each element to weigh in, and writes a weighing sheet (.xlsx).
        round: The column that says in which round (week, date) a row was measured: progress is shown.
        inputs: "features", "fractions" or "both"; None: the best of them on held-out folds.
        n_features, selection_generations: Of the search for features.
        output: Folder of the suggestions; beside the request unless given.
        seed: Everything random follows from it.
        folder: From which paths are read.
    """

    csv: str
    bounds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    candidates: str | None = None
    target: str | Mapping[str, float] | None = None
    maximise: bool = True
    objectives: Sequence[Mapping[str, Any]] = ()
    unit: str | None = None
    sheet: str | int = 0
    columns: Mapping[str, str] | None = None
    formula: str | None = None
    balance: str | None = None
    sites: Sequence | None = None
    uncertainty: Mapping[str, str] | None = None
    elements: Sequence[str] = ()
    process: Mapping[str, float | str] | None = None
    parameters: Mapping[str, Sequence] = field(default_factory=dict)
    integers: Sequence[str] = ()
    step: float = 0.1
    groups: Sequence = ()
    max_elements: int | None = None
    least: float | Mapping[str, float] = 0.0
    weight_bounds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    bounds_unit: str = "at.%"
    limits: Sequence = ()
    prices: Mapping[str, float] | None = None
    max_price: float | None = None
    farthest: float | None = None
    per_price: bool = False
    q: int = 4
    min_distance: float | None = None
    melt_grams: float | None = None
    round: str | None = None
    inputs: str | None = None
    n_features: int = 4
    selection_generations: int = 200
    output: str | None = None
    seed: int = 0
    folder: Path = Path()

    def __post_init__(self) -> None:
        for name, example in FORMS.items():
            value, (kind, word) = getattr(self, name), KINDS_OF_VALUE[type(example)]
            fits = is_number(value) if kind is float else isinstance(value, kind)
            if not fits and (value is not None or name in NEEDED):
                raise ValueError(
                    f"Expected {word} for the key {name!r}; got {'nothing' if value is None else shown(value)}. Write "
                    f"for example `{name}: {_in_yaml(example)}`."
                )
        require_whole(1, q=self.q)
        require_whole(1, n_features=self.n_features, selection_generations=self.selection_generations)
        require_whole(0, seed=self.seed)
        if self.inputs is not None:
            require_known("inputs", self.inputs, ("features", "fractions", "both"))
        if self.min_distance is not None:
            require_number(0, 100, " at.%", min_distance=self.min_distance)
        if self.integers and not self.parameters:
            raise ValueError(f"Expected `parameters` next to `integers`; got {self.integers!r} alone. Declare them.")

    @classmethod
    def load(cls, path: str | Path) -> Request:
        """Read a request from a YAML file.

        Raises:
            ValueError: No such file, no mapping, or a key that is unknown or missing.
        """
        import yaml  # an extra of its own

        path = Path(path).expanduser()
        if path.suffix.lower() not in (".yaml", ".yml") or not path.is_file():
            there, mend = "" if path.exists() else ", which does not exist", "Check the name, or write one."
            if path.suffix.lower() in (".csv", ".xlsx"):
                mend = f"`alloygrad check {path}` prints a request to start from, for that table."
            raise ValueError(f"Expected a request, a file that ends in .yaml; got {str(path)!r}{there}. {mend}")
        try:
            said = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
            what = " ".join(str(getattr(error, "problem", None) or error).split())
            raise ValueError(
                f"Expected YAML in {path.name}; got in {where}{what}. Correct it there or in the line above: spaces "
                "instead of tabs, a space after each colon, every bracket closed."
            ) from None
        known = [one.name for one in fields(cls) if one.name != "folder"]
        if not isinstance(said, Mapping):
            got = "an empty file" if said is None else shown(said)
            raise ValueError(f"Expected `key: value` lines in {path.name}; got {got}. Start with `csv: my.csv`.")
        for key in said:
            if key not in known:
                hint = nearest(key, known) or f" Known are {', '.join(known)}."
                raise ValueError(f"Expected known keys in {path.name}; got {key!r}.{hint}")
        needed = ("csv",) if said.get("candidates") else ("csv", "bounds")
        if missing := [key for key in needed if key not in said]:
            raise ValueError(f"Expected the keys csv and bounds in {path.name}; {missing[0]!r} is missing. Add it.")
        return cls(**said, folder=path.parent)

    def _require_pairs(self) -> None:
        """Raise ValueError unless bounds are pairs of numbers, as they are written in YAML."""
        for key, unit in (("bounds", self.bounds_unit), ("weight_bounds", "wt.%")):
            for name, pair in getattr(self, key).items():
                if isinstance(pair, list | tuple) and len(pair) == 2 and all(map(is_number, pair)):
                    continue
                found = [float(text) for text in re.findall(r"\d+(?:\.\d+)?", str(pair))]
                low, high = sorted(found) if len(found) == 2 else FORMS[key].get(name, (20, 55))
                raise ValueError(
                    f"{key}: {name}: expected [least, most] in {unit}; got {shown(pair)}. Write {name}: "
                    f"[{low:g}, {high:g}]."
                )

    @property
    def file(self) -> Path:
        """Path of the table."""
        return self.folder / Path(self.csv).expanduser()

    def space(self, table: Measurements | None = None) -> CompositionSpace | Product | Restricted | Pool:
        """Return what may be tried; with a table, as near to it as asked. Raises ValueError as the spaces do."""
        if self.candidates is not None:
            if self.farthest is not None:
                raise ValueError("Expected `bounds` next to `farthest`; got `candidates`. Leave one of them out.")
            listed = self.folder / Path(self.candidates).expanduser()
            return read_candidates(listed, unit=self.unit, formula=self.formula)
        names = self.elements or list(self.bounds)
        if isinstance(self.bounds, Mapping) and (missing := [name for name in names if name not in self.bounds]):
            raise ValueError(f"Expected bounds for {list(names)}; got none for {missing}. Add them, in at.%.")
        require_known("bounds_unit", self.bounds_unit, ("at.%", "wt.%"))
        self._require_pairs()
        bounds: Any = {name: self.bounds[name] for name in names}  # checked there
        by_weight = dict(self.weight_bounds)
        if self.bounds_unit == "wt.%":
            by_weight, bounds = bounds | by_weight, atomic_bounds(bounds, self.step)
        alloys: Any = CompositionSpace(bounds, step=self.step, groups=self.groups)
        limits = [_limit(one, alloys.elements) for one in self.limits]
        limits += weight_limits(by_weight, alloys.elements)
        if self.max_price is not None:
            limits.append(price_limit(self.prices or {}, self.max_price, alloys.elements))
        near = None
        if table is not None and self.farthest is not None:
            made = table.coordinates[:, : len(names)]
            near = (made[np.isfinite(made).all(1)], self.farthest)
        if self.max_elements is not None or self.least or limits or near is not None:
            alloys = Restricted(alloys, max_elements=self.max_elements, least=self.least, limits=limits, near=near)
        if not self.parameters:
            return alloys
        return Product(alloys, Box(self.parameters, integers=self.integers))

    def wanted(self) -> list[Objective]:
        """Return the objectives. Raises ValueError for what is none."""
        if bool(self.objectives) == (self.target is not None):
            got, mend = ("both", "Leave one out") if self.objectives else ("neither", "Write `target: hardness_HV`")
            raise ValueError(f"Expected either `target` or `objectives`; got {got}. {mend}.")
        if isinstance(self.target, list):
            example = _in_yaml([{"maximise": str(name)} for name in self.target])
            raise ValueError(f"Expected one outcome as `target`; got {self.target}. Write `objectives: {example}`.")
        if hint := _directed(self.target):
            kind, name = hint
            headings = () if not self.file.is_file() else reading.read_table(self.file, sheet=self.sheet).columns
            if self.target not in [*headings, *(self.columns or {})]:
                example = _in_yaml([{kind: name}])
                raise ValueError(
                    f"Expected the name of an outcome as `target`; got {shown(self.target)}. Write `objectives: "
                    f"{example}` in its place."
                )
        if self.target is not None:
            return [(Maximise if self.maximise else Minimise)(self.target)]
        return [_objective(one) for one in self.objectives]

    def read(self) -> Measurements:
        """Read the table. Raises TableError."""
        return read_table(
            self.file, self.space(), unit=self.unit, process=self.process, sheet=self.sheet, columns=self.columns,
            formula=self.formula, balance=self.balance, sites=self.sites, uncertainty=self.uncertainty,
        )  # fmt: skip

    def report(self) -> pd.DataFrame:
        """Return what was found in the table, for all objectives; columns row, finding, done, remedy."""
        table = self.read()
        return pd.concat([table.report(one) for one in self.wanted()]).drop_duplicates(ignore_index=True)

    def campaign(self, inputs: str, *, generations: int | None = None) -> Campaign:
        """Return a campaign that has been told the table, with given inputs of its models."""
        wanted, table = self.wanted(), self.read()
        cost = price_function(self.prices or {}, table.space.elements) if self.per_price else None
        campaign = Campaign(
            self.space(table),
            wanted if len(wanted) > 1 else wanted[0],
            inputs=inputs,
            seed=self.seed,
            cost=cost,
            n_features=self.n_features,
            generations=generations or self.selection_generations,
        )
        campaign.tell(table)
        return campaign

    def held_out(self) -> dict[str, dict[str, pd.DataFrame]]:
        """Return predictions of held-out rows, {outcome: {inputs: table}}, by features after a short search."""
        campaign = self.campaign("features", generations=min(self.selection_generations, SHORT))
        return {
            one.name: validation.compared(campaign.only(one.name), rng=np.random.default_rng([self.seed, 1]))
            for one in campaign.objectives
        }

    def suggest(self, campaign: Campaign) -> tuple[pd.DataFrame, str]:
        """Return suggestions of a campaign with their wt.%, and one line on where they were written."""
        space = self.space()
        table = campaign.suggest(self.q, min_distance=self.min_distance)
        if not isinstance(space, Pool):
            table = writing.with_weights(table, space)
        if self.prices is not None:
            table = writing.with_price(table, space, self.prices)
        if self.melt_grams is not None:
            table = writing.with_grams(table, space, self.melt_grams)
        line = self._write(table, "suggestions")
        if self.melt_grams is not None and line.startswith("Written"):
            line += f" {writing.write_sheet(table, self._folder / f'{self.file.stem}_weighing.xlsx', space.elements)}"
        return table, line

    def start(self) -> tuple[pd.DataFrame, str]:
        """Return q experiments to begin with, as a table to fill in, and one line on where it was written."""
        space = self.space()
        table = starting_design(space, self.q, self.seed)
        outcomes = dict.fromkeys(name for one in self.wanted() for name in one.outputs)
        table = table.assign(**{name: "" for name in outcomes})
        if self.melt_grams is not None:
            table = writing.with_grams(table, space, self.melt_grams)
        return table, self._write(table, "start")

    def progress(self, campaign: Campaign) -> dict[str, pd.DataFrame]:
        """Return what each round brought, {outcome: table}, as `campaigns.progress` does; {} without `round`."""
        if self.round is None:
            return {}
        table = self.read().table
        reading.require_columns(table, [self.round], self.file)
        numbers = pd.to_numeric(table[self.round], errors="coerce")
        rounds = numbers if numbers.notna().all() else table[self.round].astype(str)
        parts = {one.name: campaign.only(one.name) for one in campaign.objectives}
        return {name: progress(one, rounds.loc[one.rows].tolist()) for name, one in parts.items()}

    @property
    def _folder(self) -> Path:
        return self.folder if self.output is None else self.folder / Path(self.output).expanduser()

    def _write(self, table: pd.DataFrame, what: str) -> str:
        return writing.write_new(table, self._folder / f"{self.file.stem}_{what}.csv")[1]


def _in_yaml(example: Any) -> str:
    """Return an example as it is written in YAML, on one line."""
    return json.dumps(example, ensure_ascii=False).replace('"', "")


def _directed(target: Any) -> tuple[str, str] | None:
    """(maximise or minimise, outcome) where a target says a direction as well: "minimise cost", "-cost"."""
    if isinstance(target, Mapping) and len(target) == 1:
        first, rest = next(iter(target.items()))
        target = f"{first} {rest}" if isinstance(rest, str) else ""
    match = re.fullmatch(r"(?:(max|min)(?:imi[sz]e)?[\s:]\s*|-\s*)(\S.*)", str(target).strip(), re.IGNORECASE)
    return match and ("maximise" if (match[1] or "").lower() == "max" else "minimise", match[2])


def _limit(said: Any, elements: Sequence[str]) -> Any:
    """A limit as `Restricted` takes it: a feature by its name becomes a map of fractions."""
    if not isinstance(said, list | tuple) or len(said) != 3:
        raise ValueError(
            f"Expected limits as [[what, least, most], …]; got {shown(said)}. Write for example `limits: "
            f"{_in_yaml(FORMS['limits'])}`, with null for no limit."
        )
    if said[0] == mixing.NAME:
        return (mixing.mixing_enthalpy(elements), *said[1:3], said[0])
    if isinstance(said[0], str):
        return (FeatureMap(tuple(elements), (parse_feature(said[0]),)), *said[1:3], said[0])
    return said


def _objective(said: Any) -> Objective:
    kinds = [kind for kind in KINDS if isinstance(said, Mapping) and kind in said]
    if len(kinds) != 1:
        raise ValueError(
            f"Expected an objective such as {', '.join(KINDS.values())}; got {said!r}. Write one of these."
        )
    kind, rest = kinds[0], {key: value for key, value in said.items() if key not in kinds}
    allowed = {"target": {"value"}, "limit": {"at_least", "at_most"}}.get(kind, set())
    if set(rest) - allowed or (kind == "target" and "value" not in rest):
        raise ValueError(
            f"Expected an objective such as {KINDS[kind]}; got {dict(said)!r}. Correct its keys; a limit is an entry "
            "of its own."
        )
    if kind == "target":
        return Target(said["target"], rest["value"])
    if kind == "limit":
        return Limit(said["limit"], **rest)
    return (Maximise if kind == "maximise" else Minimise)(said[kind])
