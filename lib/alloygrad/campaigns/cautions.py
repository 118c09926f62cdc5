"""What looks like a slip in measurements that are sound one by one: said in a campaign's warnings, never acted on."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import torch

from alloygrad.checks import LEAST_ROWS
from alloygrad.features import elements
from alloygrad.features.elements import to_atomic, to_weight
from alloygrad.objectives import Limit
from alloygrad.protocols import Objective, Space
from alloygrad.spaces import Box
from alloygrad.spaces.composition import composition_of, formula
from alloygrad.symbols import CHEMICAL_SYMBOLS

if TYPE_CHECKING:
    from alloygrad.campaigns.campaign import Campaign
    from alloygrad.campaigns.properties import Property

DOUBTFUL = 4.0
"""A measurement so many standard deviations from what all others say is to be checked. It widens the deviation by which
it is judged: z stays below about √n, so that among fewer than some twenty rows none is found."""

ISOLATED = 3.0
"""A value further from all others than so many of their ranges stands apart; chosen. This needs no model, and is judged
on logarithms where all values have one sign, since a decimal point shifts by a factor."""

FEW, ISOLATED_AMONG_FEW = 10, 10.0
"""Among fewer values than this, one that no shift of the decimal point brings back must be further away. Chosen: of
five uniform numbers from 0 to 1, one lies so far away in 6 % of samples by the rule above, in 1 % by this one."""

FAR_AMONG_FEW, FACTOR_AMONG_FEW = 5.0, 1.5
"""Among `FEW` values or more, a positive one further above all others than so many of their ranges, and by so many of
their ranges on logarithms, stands apart too where a shift of the decimal point brings it back. Chosen: of ten values
spread evenly over decades or log-normal, it finds one in 0.3 % of samples."""

MOST_SAID = 3
"""So many measurements are named in one kind of warning."""

REMOTE = 2.0
"""A suggestion further from the nearest measured point than so many times the largest such distance among measured
points is said to be far from all of them; chosen."""

ROWS_AT_ONCE = 256
"""Distances of so many points from all others are computed at once, for memory."""

MARGIN = 0.1
"""A suggestion outside the measured range by this share of what is allowed is said to be a guess; chosen."""


MANY_OUTSIDE, LEAST_OUTSIDE = 1 / 3, 3
"""Of measured rows more than this share, and so many at least, outside the limits are said: the unit may be wrong."""


def few(space: Space, coordinates: np.ndarray) -> list[str]:
    """A line where fewer than `LEAST_ROWS` different points are among those measured, coordinates (n, k)."""
    n = len(np.unique(coordinates, axis=0))
    if n >= LEAST_ROWS:
        return []
    one, many = ("alloy", "alloys") if tuple(space.names) == tuple(space.elements) else ("point", "points")
    different = n > 1 or (one == "point" and len(coordinates) > 1)
    return [
        f"Only {n} {'different ' * different}{many if n != 1 else one} {'are' if n != 1 else 'is'} measured; at least "
        f"{LEAST_ROWS} are needed. Until then predicted and std mean nothing: measure {LEAST_ROWS - n} more "
        f"(`alloygrad.spaces.starting_design(space, {LEAST_ROWS})` proposes some)."
    ]


def one_alloy(space: Space, coordinates: np.ndarray) -> list[str]:
    """A line where all n ≥ 2 measurements, coordinates (n, k), are of one composition: no feature differs then."""
    compositions = np.unique(coordinates[:, : len(space.elements)], axis=0)
    if len(compositions) != 1 or len(coordinates) < 2:
        return []
    alloy = formula(space.elements, np.round(100 * compositions[0], 4))
    both = "both" if len(coordinates) == 2 else f"all {len(coordinates)}"
    return [
        f"Expected measurements of at least {LEAST_ROWS} different alloys; {both} are of one ({alloy}). Measure "
        f"{LEAST_ROWS - 1} more (`alloygrad.spaces.starting_design(space, {LEAST_ROWS})` proposes some)."
    ]


def mostly_outside(space: Space, coordinates: np.ndarray, unit: str, remedy: str = "unit={!r}") -> list[str]:
    """A line where many measured rows, coordinates (n, k), lie outside the limits of a space.

    Args:
        space: The space.
        coordinates: What was measured.
        unit: In which the table was read; "" where no other one is possible.
        remedy: How another unit is declared.
    """
    outside = _outside(space, coordinates)
    n = int(outside.any(1).sum())
    if n < LEAST_OUTSIDE or n <= MANY_OUTSIDE * len(coordinates):
        return []
    what = f"{n} of {len(coordinates)} rows lie outside the limits ({_furthest(space, coordinates, outside)})"
    alloys = composition_of(space)
    if unit and alloys and set(alloys.elements) <= set(elements.load().index):
        names, k = alloys.elements, len(alloys.elements)
        other, convert = ("at.%", to_weight) if unit == "wt.%" else ("wt.%", to_atomic)
        turned = np.column_stack([convert(coordinates[:, :k], names), coordinates[:, k:]])
        m = int(_outside(space, turned).any(1).sum())
        if 2 * m < n:
            does = f"only {m} {'does' if m == 1 else 'do'}" if m else "none does"
            declared = "at.%" if unit == "fraction" else unit
            return [
                f"{what} when read as {declared}. Read as {other}, {does}: is {remedy.format(other)} meant? If it is "
                f"{declared}, widen the limits."
            ]
    return [f"{what}. Check the unit and the limits; widen them if such experiments may be suggested."]


def _outside(space: Space, coordinates: np.ndarray) -> np.ndarray:
    """Whether each of coordinates (n, k) lies outside its own limits, by more than rounding."""
    least, most, step, *_ = map(np.array, zip(*_limits(space), strict=True))
    slack = np.where(np.isfinite(step), step / 2, 0.0)
    return (coordinates < least - slack) | (coordinates > most + slack)


def _furthest(space: Space, coordinates: np.ndarray, outside: np.ndarray) -> str:
    """The coordinate that is most often `outside` (n, k), and how far."""
    i = int(outside.sum(0).argmax())
    limits, values = _limits(space)[i], coordinates[outside[:, i], i]
    up = values.max() - limits.most >= limits.least - values.min()
    value, limit = (values.max(), limits.most) if up else (values.min(), limits.least)
    word = "up" if up else "down"
    return f"{space.names[i]} {word} to {limits.shown(value)}{limits.unit}, limit {limits.shown(limit)}"


def equal(values: np.ndarray, name: str) -> list[str]:
    """A line where all of some values (n,) are one."""
    if len(values) < 2 or np.ptp(values):
        return []
    return [
        f"{'Both' if len(values) == 2 else f'All {len(values)}'} values of {name!r} are {values[0]:g}. Check the "
        "column: wrong one, or filled down?"
    ]


def left_out(campaign: "Campaign | Property") -> pd.DataFrame:
    """Predict every measurement from all the others: columns measured, predicted, std, in the objective's unit."""
    centre, spread = campaign.scale
    with torch.no_grad():
        mean, std = campaign.model.leave_one_out()
    predicted = campaign.objective.sign * (centre + spread * mean.numpy())
    return pd.DataFrame({"measured": campaign.values, "predicted": predicted, "std": spread * std.numpy()})


def doubtful(table: pd.DataFrame, rows: Sequence) -> list[str]:
    """A line for each |z| beyond `DOUBTFUL` in a table as of `left_out`; rows (n,): their numbers, or labels."""
    found = []
    for row, (measured, predicted, std) in zip(rows, table[["measured", "predicted", "std"]].to_numpy(), strict=True):
        if abs(measured - predicted) > DOUBTFUL * std:
            label = row if isinstance(row, str) else f"Row {row}"
            found.append(f"{label}: {measured:.4g}, from all others {predicted:.4g} ± {std:.3g}: check this number.")
    return found


def slipped(values: np.ndarray, labels: Sequence[str], name: str) -> list[str]:
    """A line for the one value (n,) that stands apart from all others: a misplaced decimal point, or a mark as -999."""
    if len(values) < LEAST_ROWS:
        return []
    one_sign = bool((values > 0).all() or (values < 0).all())
    scale = np.log(np.abs(values)) if one_sign else values
    apart = int(np.abs(scale - np.median(scale)).argmax())
    value, rest = values[apart], np.delete(values, apart)
    if value == 0 and ((rest > 0).all() or (rest < 0).all()):  # has no logarithm: judged as a tenth of the smallest
        scale = np.log(np.abs(np.where(values == 0, np.abs(rest).min() / 10, values)))
    others, low, high = np.delete(scale, apart), rest.min(), rest.max()
    gap, spread = max(others.min() - scale[apart], scale[apart] - others.max()), np.ptp(others)
    room = (high - low) / 2
    shifted = value * 10.0 ** np.array([-3, -2, -1, 1, 2, 3])
    near = shifted[(shifted >= low - room) & (shifted <= high + room)]
    near = near[np.abs(near - np.median(rest)).argsort()]  # the likeliest first
    least = ISOLATED if len(near) or len(values) >= FEW else ISOLATED_AMONG_FEW
    apart_by_factor = _far_above(value, rest, gap, spread) and bool(len(near))
    if (gap <= least * spread and not apart_by_factor) or not (len(near) or spread):  # any apart from equal values
        return []
    guess = "Is it a mark for 'not measured'? Leave the row out; otherwise check the number."
    if len(near):
        guess = f"Is the decimal point misplaced ({near[0]:.4g})? Correct the number, or leave the row out."
    return [f"{labels[apart]}: {name} = {value:.6g}, all others lie in {low:.4g} … {high:.4g}. {guess}"]


def _far_above(value: float, rest: np.ndarray, gap: float, spread: float) -> bool:
    """Whether a positive value lies far above all the rest (n,), by number and, as `gap` and `spread`, by factor."""
    if len(rest) + 1 < FEW or rest.min() <= 0:
        return False
    return bool(value - rest.max() > FAR_AMONG_FEW * np.ptp(rest) and gap > FACTOR_AMONG_FEW * spread)


def unvaried(space: Space, coordinates: np.ndarray) -> list[str]:
    """A line for each coordinate that a space lets vary, but that is the same in all measurements (n, k).

    A width below half a step is rounding.
    """
    if not len(coordinates):
        return []
    found = []
    for i, limits in enumerate(_limits(space)):
        low, high = coordinates[:, i].min(), coordinates[:, i].max()
        if limits.word:
            if not high:
                what = f"No measurement has {limits.word}: what the model says of it is a guess"
                found.append(f"{what}. Measure some, or leave the word out.")
        elif limits.most - limits.least > limits.step and high - low < limits.step / 2:
            what = f"{space.names[i]} is {limits.shown(low)} in all measurements"
            what += f", and may vary from {limits.shown(limits.least)} to {limits.shown(limits.most)}{limits.unit}"
            found.append(f"{what}: what the model says of other values is a guess. Measure some, or fix it.")
    return found


def unkept(objectives: Sequence[Objective], outcomes: np.ndarray) -> list[str]:
    """A text where no measurement keeps a limit, or none keeps all; outcomes: (n, m), NaN where one is missing."""
    limits = [(one, values) for one, values in zip(objectives, outcomes.T, strict=True) if isinstance(one, Limit)]
    if not len(outcomes) or not limits:
        return []
    kept = [one.kept(values) for one, values in limits]
    aim = "Until one does, suggestions aim at keeping the limits alone."
    for (one, values), fine in zip(limits, kept, strict=True):
        if not fine.any() and not np.isnan(values).all():
            nearest = values[np.nanargmax(one.utility(values))]
            return [f"No measurement keeps {one}; the nearest is {nearest:g}. {aim} Check the number and its unit."]
    if not np.logical_and.reduce(kept).any():
        return [f"No measurement keeps all limits: {', '.join(str(one) for one, _ in limits)}. {aim}"]
    return []


def remote(space: Space, measured: np.ndarray, new: np.ndarray) -> list[str]:
    """A text for each new point (m, k): what of it lies outside all measurements (n, k), and whether it is far away."""
    low, high = measured.min(0), measured.max(0)
    usual = _usual_distance(space, measured)
    found = []
    for point in new:
        beyond = [
            limits.outside(name, value, a, b)
            for name, limits, value, a, b in zip(space.names, _limits(space), point, low, high, strict=True)
            if max(a - value, value - b) > limits.slack(b - a) and (value or not limits.word)
        ]
        texts = [f"Outside what was measured: {', '.join(beyond)}; take the prediction for a guess."] if beyond else []
        away = space.distance(point, measured).min()
        if usual and away > REMOTE * usual:
            texts.append(
                f"{100 * away:.3g} % from the nearest measured point, {away / usual:.1f} times as far as any of these "
                "from its own neighbour: measure something in between first, or narrow the limits."
            )
        found.append(" ".join(texts))
    return found


def _usual_distance(space: Space, measured: np.ndarray) -> float:
    """The largest distance of one of measured points (n, k) from the nearest other one; repeats have none."""
    usual = 0.0
    for some in np.array_split(measured, 1 + len(measured) // ROWS_AT_ONCE):
        between = space.distance(some[:, None], measured[None])
        own = np.where(between > 0, between, np.inf).min(1)
        usual = max(usual, own[np.isfinite(own)].max(initial=0))
    return usual


class _Limits(NamedTuple):
    """Limits of one coordinate, and how it is written."""

    least: float
    most: float
    step: float  # a narrower range is rounding
    unit: str
    factor: float = 1.0
    word: str = ""  # where 1 stands for a word and 0 for all others

    def slack(self, width: float) -> float:
        """By how much a value may lie outside a measured range of some width before it is said."""
        constant = width < self.step / 2
        return self.step / 2 if constant else max(self.step / 2, MARGIN * (self.most - self.least))

    def shown(self, value: float) -> str:
        return f"{self.factor * value:.4g}"

    def outside(self, name: str, value: float, low: float, high: float) -> str:
        """A value outside a measured range."""
        if self.word:
            return f"{self.word} (never measured)"
        span = " … ".join(dict.fromkeys([self.shown(low), self.shown(high)]))  # one number where they are the same
        return f"{name} {self.shown(value)}{self.unit} (measured: {span})"


def _limits(space: Space) -> list[_Limits]:
    """Limits of each coordinate of a space; none of a pool's."""
    found: list[_Limits] = []
    if alloys := composition_of(space):
        each = zip(alloys.lower, alloys.upper, strict=True)
        found += [_Limits(low, high, alloys.step, " at.%", 100.0) for low, high in each]
    if isinstance(box := getattr(space, "process", space), Box):
        words = {column for columns in box.choices.values() for column in box.names[columns]}
        for name, low, high, whole, unit in zip(box.names, box.lower, box.upper, box.whole, box.units, strict=True):
            step = 1.0 if whole else 1e-9 * max(abs(low), abs(high))
            word = name.replace("=", " = ", 1) if name in words else ""
            found.append(_Limits(low, high, step, f" {unit}" if unit else "", word=word))
    return found or [_Limits(-np.inf, np.inf, np.inf, "") for _ in space.names]


def ignored(table: pd.DataFrame, names: Collection[str]) -> list[str]:
    """A line for each column of a table, beyond `names`, that may hold amounts of an element and is not read."""
    found = []
    for column in table.columns[~table.columns.duplicated(keep=False)]:
        if column in CHEMICAL_SYMBOLS and column not in names:
            amounts = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
            if (amounts > 0).any() and not (amounts < 0).any():
                found.append(
                    f"Column {column!r} is ignored, although it is named like an element and is not 0 in "
                    f"{(amounts > 0).sum()} of {len(table)} rows. If it is one, declare it in the space, or leave "
                    "these rows out; otherwise rename the column."
                )
    return found


def repeated(known: np.ndarray, new: np.ndarray) -> list[str]:
    """A line where rows of `new` (m, k) are rows of `known` (n, k), digit for digit: a table that was told before."""
    before = set(map(tuple, known.tolist()))
    again = sum(tuple(row) in before for row in new.tolist())
    if not again:
        return []
    return [
        f"{again} of {len(new)} rows were in the campaign already, with the same values: they now count twice. Tell "
        "only new rows, unless these are true repeats."
    ]
