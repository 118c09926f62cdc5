"""What looks like a slip in measurements that are sound one by one: said in a campaign's warnings, never acted on."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from alloygrad.checks import LEAST_ROWS
from alloygrad.symbols import CHEMICAL_SYMBOLS

if TYPE_CHECKING:
    from alloygrad.campaigns.campaign import Campaign

DOUBTFUL = 4.0
"""A measurement so many standard deviations from what all others say is to be checked. It widens the deviation by which
it is judged: z stays below about √n, so that among fewer than some twenty rows none is found."""

ISOLATED = 3.0
"""A value further from all others than so many of their ranges stands apart; chosen. This needs no model, and is judged
on logarithms where all values have one sign, since a decimal point shifts by a factor."""

FEW, ISOLATED_AMONG_FEW = 10, 10.0
"""Among fewer values than this, one that no shift of the decimal point brings back must be further away. Chosen: of
five uniform numbers from 0 to 1, one lies so far away in 6 % of samples by the rule above, in 1 % by this one."""

MOST_SAID = 3
"""So many measurements are named in one kind of warning."""


def left_out(campaign: "Campaign") -> pd.DataFrame:
    """Predict every measurement from all the others: columns measured, predicted, std, in the objective's unit."""
    centre, spread = campaign.scale
    with torch.no_grad():
        mean, std = campaign.model.leave_one_out()
    predicted = campaign.objective.utility(centre + spread * mean.numpy())
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
    least = ISOLATED if len(near) or len(values) >= FEW else ISOLATED_AMONG_FEW
    if gap <= least * spread or not (len(near) or spread):  # among equal values, any other stands apart
        return []
    guess = "Is it a mark for 'not measured'? Leave the row out; otherwise check the number."
    if len(near):
        guess = f"Is the decimal point misplaced ({near[0]:.4g})? Correct the number, or leave the row out."
    return [f"{labels[apart]}: {name} = {value:.6g}, all others lie in {low:.4g} … {high:.4g}. {guess}"]


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
