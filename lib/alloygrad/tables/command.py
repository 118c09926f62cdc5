"""The command `alloygrad`: from a table to suggestions without writing Python.

    alloygrad check my.csv        what the columns hold, and a request to start from
    alloygrad check my.yaml       what was found in the table, row by row
    alloygrad start my.yaml       the first experiments, where nothing is measured yet
    alloygrad suggest my.yaml     that, how far the model can be trusted, and the next experiments

Nothing but `start` and `suggest` writes, and they replace no file.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from alloygrad.campaigns.progress import outlook
from alloygrad.symbols import CHEMICAL_SYMBOLS
from alloygrad.tables import cells, designations, headings, reading, validation
from alloygrad.tables.findings import MOST_NAMED
from alloygrad.tables.reading import Problems
from alloygrad.tables.remedies import in_yaml
from alloygrad.tables.request import Request
from alloygrad.tables.shares import TOLERANCE

KINDS = ("fractions", "features", "both")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 where the table or the request has to be mended."""
    parser = argparse.ArgumentParser(
        prog="alloygrad", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "action", choices=("check", "start", "suggest"), help="check only reads; the others write a new file"
    )
    parser.add_argument("file", help="my.csv or my.xlsx (check), or my.yaml")
    said = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what they say is printed
            _answer(said.action, Path(said.file))
    except (ValueError, TypeError) as error:
        print(_in_request(error, Path(said.file)), file=sys.stderr)
        return 2
    return 0


def _in_request(error: Exception, file: Path) -> str:
    """Return what an error says with remedies in YAML, and the name of the request where it names no file."""
    if file.suffix.lower() not in (".yaml", ".yml"):
        return str(error)
    named = isinstance(error, reading.TableError) or file.name in str(error)
    keyed = re.match(r"[a-z_]+: ", str(error))  # a key of the request
    return in_yaml(f"{'' if named else f'{file.name}, ' if keyed else f'{file.name}: '}{error}")


def _answer(action: str, file: Path) -> None:
    """Print what was asked for."""
    if action == "check" and file.suffix.lower() in (".csv", ".xlsx"):
        print("\n".join(described(file)))
        return
    request = Request.load(file)
    if action == "start":
        table, written = request.start()
        print(f"{table.to_string()}\n\n{written} Fill in what you measure, then run `alloygrad suggest`.")
        return
    print("\n".join(found(request)))
    if action == "suggest":
        print("\n".join(answered(request)))


def found(request: Request) -> list[str]:
    """Lines on what was found in the table of a request."""
    report, table = request.report(), request.read()
    used = {one.name: len(table.of(one).rows) for one in request.wanted()}
    lines = [
        f"{table.file}: {len(table.table)} rows; used: " + ", ".join(f"{n} for {name}" for name, n in used.items())
    ]
    for row, finding, done, remedy in report.itertuples(index=False):
        lines.append(in_yaml(f"  {finding if row else f'table: {finding}'} → {done}. {remedy}"))
    return [*lines, ""]


def answered(request: Request) -> list[str]:
    """Lines on the model and the suggestions of a request."""
    tables = request.held_out()
    best = validation.best_of({kind: [one[kind] for one in tables.values()] for kind in KINDS})
    inputs = request.inputs or best
    other = best if best != inputs else "features" if inputs == "fractions" else "fractions"
    lines = [f"Inputs of the model: {inputs} ({'as asked' if request.inputs else 'the best on held-out folds'})."]
    campaign = request.campaign(inputs)
    for one in campaign.properties:
        held = tables[one.objective.name]
        said = validation.verdict(held[inputs], held[other], other, one.labels)
        lines.append(f"{one.objective.name}: {said}")
    for name, table in request.progress(campaign).items():
        lines += ["", f"{name}, round by round:", table.round(4).to_string(index=False)]
    suggested, written = request.suggest(campaign)
    shown = suggested.drop(columns=[*suggested.filter(regex=r" (wt\.%|g)$"), "warning"])
    with pd.option_context("display.width", 120, "display.max_columns", None, "display.precision", 4):
        lines += ["", shown.T.to_string(), ""]
    lines += [f"Suggestion {number}: {in_yaml(text)}" for number, text in suggested["warning"].items() if text]
    if request.round is not None and len(campaign.objectives) == 1 and campaign.acquisition == "log_ei":
        lines.append(outlook(campaign).advice)
    return [*lines, written]


def described(path: Path) -> list[str]:
    """Lines on the columns of a table, and a request to start from."""
    table = reading.read_table(path)
    table, _ = headings.renamed(table, None, Problems(path))
    table, remarks = headings.without_units(table, "at.%", Problems(path))
    lines = [f"{path}: {len(table)} rows, {table.shape[1]} columns", *(f"  {one[1]}, {one[2]}" for one in remarks)]
    elements, numbers, texts = [], [], []
    for j, name in enumerate(map(str, table.columns)):
        column = table.iloc[:, j].tolist()
        contents = [cells.read(cell, share=True) for cell in column if cell is not None]
        good = sum(not one.fault for one in contents)
        if name.partition(" ")[0] in CHEMICAL_SYMBOLS and 2 * good >= len(contents):
            elements.append(name.partition(" ")[0])
        elif sum(map(designations.looks_like_one, column)) * 2 > len(column):
            texts.append(name)
        elif 2 * good > len(contents):
            numbers.append(name)
        lines.append(f"  {name}: {good} numbers, {len(contents) - good} texts, {len(column) - len(contents)} empty")
    values = {name: [cells.read(cell, share=True).value for cell in table[name]] for name in numbers}
    return [*lines, "", *_draft(path, table, elements, texts, list(values))]


def _draft(path: Path, table: pd.DataFrame, elements: list[str], texts: list[str], numbers: list[str]) -> list[str]:
    """A request to complete."""
    lines = ["A request to start from (complete it, save it as my.yaml, run `alloygrad suggest my.yaml`):", ""]
    lines.append(f"csv: {path.name}")
    if elements:
        columns = [name for name in table.columns if str(name).partition(" ")[0] in elements]
        read = np.array([[cells.read(cell, share=True).value for cell in table[name]] for name in columns])
        sums = np.nansum(read, axis=0)
        total = np.nanmedian(sums)
        off = _off(sums, total)
        read = read[:, ~off]
        lines.append(f'unit:  # "at.%", "wt.%" or "fraction"; the rows sum to {total:.4g}')
        low, high = np.nanmin(read, axis=1), np.nanmax(read, axis=1)
        measured = [f"{name}: [{a:.4g}, {b:.4g}]" for name, a, b in zip(elements, low, high, strict=True)]
        lines.append(f"bounds: {{{', '.join(measured)}}}  # as measured; write least and most in at.%")
        if off.any():
            rows = [f"row {row} sums to {found:.4g}" for row, found in zip(table.index[off], sums[off], strict=True)]
            named = ", ".join([rows[0], *(one.replace(" sums", "", 1) for one in rows[1:MOST_NAMED])])
            lines.append(f"# {named}{', …' if len(rows) > MOST_NAMED else ''}: not used for the bounds")
    elif texts:
        lines += [f"formula: {texts[0]}", "bounds:  # {Al: [0, 10], Ni: [20, 80], …} in at.%, all elements"]
    last = numbers[-1] if numbers else ""
    lines.append(f"target: {last}  # one of: {', '.join(numbers)}")
    lines.append(f"# the smaller the better: write `objectives: [{{minimise: {last or 'cost'}}}]` in place of `target`")
    return lines


def _off(sums: np.ndarray, total: float) -> np.ndarray:
    """Which rows (n,) do not sum to 1 or 100 where their median, `total`, does: their unit is another, or wrong."""
    whole = 1.0 if total < 10 else 100.0
    off = np.abs(sums / whole - 1) > TOLERANCE + 1e-9
    return off if abs(total / whole - 1) <= TOLERANCE + 1e-9 else np.zeros(len(sums), dtype=bool)


if __name__ == "__main__":
    sys.exit(main())
