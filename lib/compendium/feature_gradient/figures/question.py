"""The one question in one figure: what each inner loop gains in state entropy, and what it loses in merit."""

import pandas as pd
from matplotlib.figure import Figure

from compendium.feature_gradient.figures.panels import alloy_panels, arms_legend, arms_of, titled
from compendium.figures.style import COLOURS, LABELS, MARKERS


def entropy_against_merit(table: pd.DataFrame) -> Figure:
    """State entropy gained over exact maximisation, against final merit lost: means and 95 % intervals, by alloy.

    table: columns alloy, method, n, and entropy, merit, each with _low and _high: entropy in nats, merit in per cent of
    what exact maximisation gains over random experiments.
    """
    figure, axes = alloy_panels(table, 2.7, sharey=True)
    for alloy, axis in axes.items():
        rows = table[table["alloy"] == alloy]
        axis.axhline(0, color="0.75", lw=0.7, zorder=0)
        axis.axvline(0, color="0.75", lw=0.7, zorder=0)
        for arm, own in arms_of(rows):
            row, style = own.iloc[0], dict(color=COLOURS[arm])
            axis.plot([row["merit_low"], row["merit_high"]], [row["entropy"]] * 2, lw=1.2, **style)
            axis.plot([row["merit"]] * 2, [row["entropy_low"], row["entropy_high"]], lw=1.2, **style)
            axis.plot(row["merit"], row["entropy"], MARKERS[arm], ms=6, label=LABELS[arm], **style)
        axis.set(xlabel="merit lost (%)", title=titled(alloy, rows))
    for axis in list(axes.values())[:1]:
        axis.set_ylabel("state entropy gained (nats)")
    arms_legend(figure, axes.values())
    return figure
