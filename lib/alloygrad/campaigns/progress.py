"""A campaign over weeks: what each round was expected to give and gave, and whether another one is worth it.

progress(campaign, rounds=table["week"])
outlook(campaign)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from alloygrad.campaigns.campaign import Campaign
from alloygrad.checks import explained, shown

WORTH = 0.1
"""Another experiment is worth it where its expected gain is at least this share of what one measurement scatters by;
chosen: so small a gain takes hundreds of repeats to tell from none."""

COLUMNS = ("round", "experiments", "best", "gain", "predicted", "measured", "MAE", "std z")


@explained("progress(campaign, table['week'])")
def progress(campaign: Campaign, rounds: Sequence) -> pd.DataFrame:
    """Return what each round of a campaign of one objective brought.

    Args:
        campaign: Its measurements, in any order.
        rounds: (n,) The round of each measurement: numbers, dates or words that sort as they came.

    Returns:
        A row for each round: how many experiments; the best measured value so far, and what the round gained over the
        earlier best, in the objective's unit; the mean of what the model of all earlier rounds predicted for this one,
        and of what was measured; the mean absolute error of these predictions, and the standard deviation of their z
        (1 if the stated errors are right). NaN for the first round.

    Raises:
        ValueError: Another number of rounds than of measurements.

    Example:
        >>> import alloygrad as ag
        >>> campaign = ag.Campaign(ag.Box({"x": (0, 1)}), ag.Minimise("y"), seed=0)
        >>> campaign.tell([[0.0], [0.3], [0.6], [1.0], [0.5]], [0.25, 0.04, 0.01, 0.25, 0.0])
        >>> progress(campaign, [1, 1, 1, 1, 2])[["round", "best", "gain"]].round(2).values.tolist()
        [[1.0, 0.01, nan], [2.0, 0.0, 0.01]]
    """
    labels = pd.Series(list(rounds))
    if len(labels) != len(campaign.values) or labels.isna().any():
        raise ValueError(
            f"Expected a round for each of {len(campaign.values)} measurements; got {shown(rounds)}. Give one "
            "number or date for each, in the order in which they were told."
        )
    sign, found = campaign.objective.utility, []
    for label in sorted(labels.unique()):
        here, before = (labels == label).to_numpy(), (labels < label).to_numpy()
        upto = campaign.values[here | before]
        row: dict[str, object] = {"round": label, "experiments": int(here.sum()), "best": upto[np.argmax(sign(upto))]}
        if before.any():
            told = campaign.subset(before).predict(campaign.coordinates[here])
            measured, earlier = campaign.values[here], campaign.values[before]
            error = measured - told["predicted"].to_numpy()
            row |= {"predicted": told["predicted"].mean(), "measured": measured.mean(), "MAE": np.abs(error).mean()}
            row |= {"gain": max(sign(upto).max() - sign(earlier).max(), 0.0)}
            row |= {"std z": np.sqrt(((error / told["std_measurement"].to_numpy()) ** 2).mean())}
        found.append(row)
    return pd.DataFrame(found, columns=list(COLUMNS))


class Outlook(NamedTuple):
    """What another experiment promises."""

    expected_gain: float  # over the best that the model believes in, in the objective's unit
    noise_std: float  # of one measurement, in the same unit
    worth_it: bool
    advice: str


@explained("outlook(campaign)")
def outlook(campaign: Campaign) -> Outlook:
    """Return what the next experiment of a campaign of one objective is expected to gain, and whether to make it.

    The gain is the expected improvement of the best suggestion. It is worth it where it exceeds `WORTH` of the scatter
    of one measurement. Raises ValueError where the acquisition function is not "log_ei".
    """
    if campaign.acquisition != "log_ei":
        raise ValueError(
            f"Expected a campaign with the acquisition 'log_ei'; got {campaign.acquisition!r}. Leave `acquisition` out."
        )
    (pick,) = campaign.ask(1)
    gain, noise = float(campaign.scale[1] * np.exp(pick.value)), campaign.noise_std
    worth = gain >= WORTH * noise
    said = f"The next experiment is expected to gain {gain:.3g}; one measurement scatters by {noise:.3g}."
    advice = "Go on." if worth else "Stop, or widen the space: what is left to gain could not be told from scatter."
    return Outlook(gain, noise, worth, f"{said} {advice}")
