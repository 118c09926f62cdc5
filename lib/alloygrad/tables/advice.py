"""From your measurements to the next experiments: a table of what to make, and why.

    measured = own.read("my.csv", space, unit="at.%", target="hardness_HV")
    campaign = begin(measured, space, rng=rng)                    # features chosen, noise learned
    table = suggest(campaign, measured, q=4, rng=rng)             # compositions, predictions, distances
    tell(campaign, measured, shares, targets, unit="at.%")        # once they are made; and suggest again
    path, line = write_new(table, "suggestions.csv")              # never over another table

Predictions are in the unit of the target. Two spreads stand beside each mean: `std` is how well the model knows the
alloy itself, `std_measurement` how far one measurement of it may lie off, noise included. Every acquisition value
counts the rows above it as measured (see `noisy`).
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from alloygrad.campaigns.noisy import NoisyCampaign, exchanged
from alloygrad.features.feature_map import FeatureMap, raw_fractions
from alloygrad.features.selection import genetic
from alloygrad.spaces.composition import ON_GRID, CompositionSpace
from alloygrad.tables.measurements import Measurements, atomic, to_weight

SELECTION_ROWS = 100
"""Features are chosen on so many rows at most, drawn at random: time grows with the cube of their number."""

INPUTS = ("features", "fractions")


def choose(elements, compositions, merits, *, rng, inputs: str = "features", **selection) -> FeatureMap:
    """What the model sees of a composition: features chosen on these rows, or the raw fractions.

    compositions (n, n_elements), merits (n,). selection: arguments of `selection.genetic`. Raises ValueError for other
    `inputs`, and where fewer features vary over the rows than are asked for.
    """
    if inputs not in INPUTS:
        raise ValueError(f"inputs is {inputs!r}; known are {list(INPUTS)}.")
    if inputs == "fractions":
        return raw_fractions(elements)
    rows = rng.permutation(len(merits))[:SELECTION_ROWS]
    if np.ptp(merits[rows]) == 0 or np.ptp(compositions[rows], axis=0).max() <= ON_GRID:
        rows = np.arange(len(merits))
    return FeatureMap(elements, genetic(elements, compositions[rows], merits[rows], rng=rng, **selection).features)


def begin(
    measured: Measurements,
    space: CompositionSpace,
    *,
    rng: np.random.Generator | int,
    inputs: str = "features",
    options: Mapping | None = None,
    **selection,
) -> NoisyCampaign:
    """A campaign that knows all usable rows. rng: or its seed; options: of `NoisyCampaign`; selection: of `choose`.

    Raises ValueError where the table was read for another space, and for a space of rows.
    """
    measured.require(space)
    rng = np.random.default_rng(rng)
    features = choose(space.elements, measured.compositions, measured.merits, rng=rng, inputs=inputs, **selection)
    campaign = NoisyCampaign(space, features, **(options or {}))
    campaign.tell_fractions(measured.compositions, measured.merits)
    return campaign


def tell(campaign: NoisyCampaign, measured: Measurements, shares, targets: np.ndarray, *, unit: str) -> None:
    """Add measurements made since, on the grid or off it: shares (m, n_elements), targets (m,) as in the table.

    unit: of the shares, as in `own.read`; never guessed. Smaller targets are better where the table's are. Raises
    ValueError as `own.atomic` and `NoisyCampaign.tell_fractions`, and where the table was read for another space;
    nothing is added then.
    """
    measured.require(campaign.space)
    compositions = atomic(shares, campaign.space.elements, unit=unit)
    campaign.tell_fractions(compositions, measured.sign * np.asarray(targets, dtype=float))


def suggest(
    campaign: NoisyCampaign,
    measured: Measurements,
    *,
    q: int,
    rng: np.random.Generator | int,
    apart: float | None = None,
) -> pd.DataFrame:
    """The next q experiments, one row each, numbered from 1; see the module's docstring. rng: or its seed.

    Columns: formula (at.%), each element in at.% and in wt.%, predicted, std, std_measurement, the acquisition value by
    its name, distance (share of the alloy to exchange for the nearest measured one, at.%), nearest_row (of the table;
    missing where the nearest was told since), and warning; what is to be said against the fit as a whole stands in the
    first row's alone. apart: as in `ask_batch`, but in at.%.

    Acquisition values are of standardised merits, not in the target's unit: larger is better even where smaller targets
    are, and `ucb` (κ = 1.96) counts standard deviations of the measured merits above their mean.
    """
    measured.require(campaign.space)
    if apart is not None and not 0 <= apart <= 100:  # true for NaN too
        raise ValueError(f"apart is {apart}; expected at.%, from 0 to 100.")
    space, sign, rng = campaign.space, measured.sign, np.random.default_rng(rng)
    picks = campaign.ask_batch(q, rng, apart=None if apart is None else apart / 100)
    fractions = np.array([pick.composition for pick in picks])
    mean, std = campaign.predict(fractions)
    known = np.concatenate([measured.compositions, campaign.compositions])  # a row of the table comes first
    rows = pd.array([*measured.rows.tolist(), *[None] * len(campaign.compositions)], dtype="Int64")
    distances = exchanged(fractions[:, None], known[None])
    atomic = at_percent(space, np.array([pick.counts for pick in picks]))
    weight = (100 * to_weight(fractions, space.elements)).round(3)
    table = pd.DataFrame({"formula": [formula(space.elements, row) for row in atomic]})
    table[[f"{element} at.%" for element in space.elements]] = atomic
    table[[f"{element} wt.%" for element in space.elements]] = weight
    table["predicted"], table["std"] = sign * mean, std
    table["std_measurement"] = np.hypot(std, campaign.noise_std())
    table[campaign.acquisition] = [pick.value for pick in picks]
    table["distance"] = 100 * distances.min(1)
    table["nearest_row"] = rows[distances.argmin(1)]
    first, *others = [pick.warning for pick in picks]
    table["warning"] = [first, *(text.removesuffix(campaign.doubts()).rstrip() for text in others)]
    return table.set_axis(pd.RangeIndex(1, q + 1, name="suggestion"))


def at_percent(space: CompositionSpace, counts: np.ndarray) -> np.ndarray:
    """Grid compositions (..., n_elements) in at.%, each the decimal number that is meant: 55.1, not 55.1000…01."""
    return np.round(100 * space.fractions(counts), 10)


def formula(elements: Sequence[str], atomic: Sequence[float]) -> str:
    """ "Ti49.5Ni50.5" of at.% (n_elements,); absent elements are left out."""
    return "".join(f"{e}{x:.10g}" for e, x in zip(elements, atomic, strict=True) if x > 0)


def write_new(table: pd.DataFrame, path) -> tuple[Path, str]:
    """Write a CSV where no other stands: (its path, one line on what was done, with the path from the working folder).

    An existing file of the same content is left alone; beside one of other content a number is put to the name. "~"
    is the user's folder. Raises ValueError for a name that ends otherwise than in .csv.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() != ".csv":
        raise ValueError(f"The name is {path.name!r}; suggestions are written as text: let it end in .csv.")
    content = table.to_csv(float_format="%.10g").encode()
    wanted, number = path, 1
    while path.exists() and path.read_bytes() != content:
        number += 1
        path = wanted.with_stem(f"{wanted.stem}-{number}")
    named = os.path.relpath(path)
    if path.exists():
        return path, f"{named} holds these suggestions already."
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:  # the file is whole or not there
        temporary = Path(folder, path.name)
        temporary.write_bytes(content)
        os.replace(temporary, path)
    line = f"Written to {named}."
    return path, line if path == wanted else f"{line} Earlier suggestions were kept as they are."
