"""Figures of inverse problems: tables and recoveries in, matplotlib figures out.

Measured values are drawn as pixels, also in a PDF: some of the data may be shown but not passed on.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from alloygrad.inverse import InverseProblem, Recovery
from alloygrad.inverse.identifiability import CANNOT_TELL, Information
from alloygrad.plotting.style import COLUMN, PAGE, PALETTE
from compendium.figures import paths, save, style

__all__ = ["LABELS", "SEARCHERS", "STAGES", "paths", "save", "style", "worded"]

SEARCHERS = {
    "hybrid": dict(color=PALETTE[0], marker="o", label="hybrid (default)"),
    "secant": dict(color=PALETTE[2], marker="D", label="least squares, screened, secant"),
    "least_squares": dict(color=PALETTE[1], marker="s", label="least squares, screened"),
    "least_squares_random": dict(color=PALETTE[5], marker="P", label="least squares, random starts"),
    "composite": dict(color=PALETTE[4], marker="v", label="model of the curve alone"),
    "trust_region": dict(color=PALETTE[3], marker="^", label="TuRBO"),
    "scalar": dict(color=PALETTE[9], marker="<", label="scalar Gaussian process"),
    "botorch": dict(color=PALETTE[6], marker="X", label="BoTorch, scalar"),
    "random": dict(color=PALETTE[7], marker="*", label="random (Sobol)"),
}
"""Colour, marker and label of a searcher, the same in every figure."""

STAGES = {
    "screen": dict(color=PALETTE[7], marker="D", label="screen of the box"),
    "composite": dict(color=PALETTE[4], marker="v", label="model of the curve"),
    "scalar": dict(color=PALETTE[5], marker="<", label="model of the misfit"),
    "trust region": dict(color=PALETTE[3], marker="^", label="trust region"),
    "least squares": dict(color=PALETTE[0], marker="s", label="least squares"),
    "botorch": dict(color=PALETTE[6], marker="X", label="BoTorch"),
    "standard errors": dict(color="0.15", marker="x", label="standard errors"),
}
"""Colour, marker and label of a stage of a search."""

DATA, FIT, TRUTH = "0.45", PALETTE[3], PALETTE[0]
"""Colours of measured values, of what was fitted to them, and of the truth or the literature."""

LABELS = {
    "z_Ti": "z(Ti)", "z_O1": "z(O1)", "z_O2": "z(O2)", "x_Pb": "x(Pb)", "z_Pb": "z(Pb)", "march": "texture r",
    "width": "peak width", "zero": "zero shift", "d12": "d₁₂", "d23": "d₂₃", "d34": "d₃₄", "u_surface": "u, surface",
    "u_bulk": "u, bulk", "V_i": "V_i (damping)", "delta_V0": "ΔV₀", "tilt_x": "tilt along c",
    "tilt_y": "tilt across c", "C1": "defocus C₁", "A1_x": "astigmatism A₁, axes",
    "A1_y": "astigmatism A₁, diagonals", "ti_shift": "Ti shift", "spread": "image spread",
    "coarse": "coarse misfit", "fine": "fine misfit",
    "ten_dq": "10Dq", "beta_dd": "β (3d–3d)", "beta_pd": "β (2p–3d)", "exchange": "exchange field h",
    "gamma": "width Γ", "shift": "shift",
}  # fmt: skip
"""Names of parameters in words."""


def worded(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with searchers, parameters and columns in words."""
    words = {name: str(look["label"]) for name, look in SEARCHERS.items()}
    return style.worded(table, words | LABELS | {"standard_error": "standard error"})


def label(name: str) -> str:
    """Return a parameter's name in words."""
    return LABELS.get(name, name)


# -- curves ------------------------------------------------------------------------------------------------------------


def fit(found: Recovery, axis: str, unit: str, *, zooms: tuple[tuple[float, float], ...] = ()) -> Figure:
    """Draw measured and recovered curve over each other, the residual in standard errors below; zooms to the right.

    Args:
        found: A recovery.
        axis: Label of x.
        unit: Of the data.
        zooms: Ranges of x, each drawn as a column of its own.
    """
    count = 1 + len(zooms)
    figure, axes = plt.subplots(
        2, count, figsize=(PAGE, 2.9), sharex="col", sharey="row" if count == 1 else False, squeeze=False,
        height_ratios=(2.6, 1), width_ratios=(2.2, *[1] * len(zooms)),
    )  # fmt: skip
    measured = found.problem.measured
    residual = (measured.values - found.curve) / measured.sigma
    for (top, bottom), limits in zip(axes.T, (None, *zooms), strict=True):
        inside = np.ones(len(measured), bool) if limits is None else _within(measured.x, limits)
        x, size = measured.x[inside], 2.0 if inside.sum() < 400 else 1.0
        top.plot(x, measured.values[inside], ".", ms=size, color=DATA, rasterized=True, label="measured")
        top.plot(x, found.curve[inside], color=FIT, lw=0.9, label="recovered")
        bottom.axhline(0, color="0.6", lw=0.6)
        bottom.plot(x, residual[inside], color=DATA, lw=0.6, rasterized=True)
        bottom.set_xlabel(axis)
        top.margins(x=0.01)
    axes[0, 0].set_ylabel(unit)
    axes[1, 0].set_ylabel("residual (σ)")
    axes[0, 0].legend(loc="best", markerscale=2.5)
    figure.align_ylabels(axes[:, 0])
    return figure


# -- what the data determine -------------------------------------------------------------------------------------------


def fisher(information: Information, box: pd.DataFrame | None = None) -> Figure:
    """Draw expected standard errors as shares of the box, alone and joint (left), and the worst direction (right).

    Args:
        information: At one point.
        box: As from `information_in_box`; the bar holds the middle 90 % of its points.
    """
    table = information.table()
    height = 1.0 + 0.24 * len(table)
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, max(height, 1.9)), sharey=True, width_ratios=(1.6, 1))
    places = np.arange(len(table))[::-1]
    if box is not None:
        shares = box.groupby("parameter")["share"]
        low, high = (shares.quantile(q).loc[table.index] for q in (0.05, 0.95))
        n = box["point"].nunique()
        left.hlines(places, low, high, color="0.85", lw=6, label=f"joint, middle 90 % of the box (n = {n})")
    width = table["standard_error"] / table["share"]
    left.plot(table["alone"] / width, places, "|", ms=9, mew=1.4, color=PALETTE[7], label="all others known")
    left.plot(table["share"], places, "o", ms=4.5, color=PALETTE[2], label="all unknown (joint)")
    left.axvline(
        CANNOT_TELL, color="0.4", lw=0.8, ls=":", label=f"not determined ({100 * CANNOT_TELL:.0f} % of the box)"
    )
    left.set(xscale="log", xlabel="expected standard error (share of the box)")
    left.set_yticks(places, [label(name) for name in table.index])
    left.set_ylim(-0.6, len(table) - 0.4)
    worst = information.directions().iloc[0]
    right.axvline(0, color="0.6", lw=0.6)
    right.barh(places, worst[table.index] * np.sign(worst[worst.abs().idxmax()]), height=0.55, color=PALETTE[4], lw=0)
    right.set(xlabel="worst-determined direction", xlim=(-1.05, 1.05))
    right.tick_params(left=False)
    figure.get_layout_engine().set(wspace=0.06)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def profile(table: pd.DataFrame, found: Recovery, name: str) -> Figure:
    """Draw how the misfit rises as one parameter is moved and all others are fitted anew.

    Args:
        table: As from `alloygrad.inverse.profile`.
        found: The recovery.
        name: The parameter.
    """
    figure, axis = plt.subplots(figsize=(COLUMN, 2.4))
    best, error = found.values[name], found.standard_errors[name]
    fine = np.linspace(table[name].min(), table[name].max(), 200)
    axis.plot(
        fine, ((fine - best) / error) ** 2, color=PALETTE[7], ls="--", lw=1, label="parabola of the standard error"
    )
    axis.plot(table[name], table["rise"], "o-", ms=4, color=PALETTE[2], label="all others fitted anew")
    axis.axhline(1, color="0.5", lw=0.7)
    axis.text(0.99, 1.05, "Δχ² = 1", ha="right", va="bottom", fontsize=7, transform=axis.get_yaxis_transform())
    axis.set(xlabel=_with_unit(found.problem, name), ylabel="rise of the misfit, Δχ²")
    axis.legend(loc="upper center")
    axis.set_ylim(top=1.25 * table["rise"].max())
    return figure


def coverage(table: pd.DataFrame) -> Figure:
    """Draw how often intervals hold the truth, with 95 % binomial intervals.

    Args:
        table: Columns parameter, sigmas (1 or 2), share, low, high.
    """
    figure, axis = plt.subplots(figsize=(COLUMN, 2.4))
    for sigmas, stated, colour, marker in ((1, 0.683, PALETTE[0], "o"), (2, 0.954, PALETTE[2], "s")):
        own = table[table["sigmas"] == sigmas]
        axis.axhline(stated, color=colour, lw=0.8, ls="--")
        places, bars = np.arange(len(own)), [own["share"] - own["low"], own["high"] - own["share"]]
        text = f"± {sigmas} standard error{'s' * (sigmas > 1)}"
        axis.errorbar(places, own["share"], bars, fmt=marker, ms=4, lw=1, color=colour, label=text)
        axis.set_xticks(np.arange(len(own)), [label(name) for name in own["parameter"]])
    axis.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f} %"))
    axis.set(ylabel="repeats that hold the truth", ylim=(min(0.4, table["low"].min() - 0.02), 1.02))
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def tied(searches: Mapping[str, Recovery], one: str, other: str) -> Figure:
    """Draw the calls and the results of some searches over two parameters, of which the data know √(one² + other²).

    Args:
        searches: Label → recovery; the calls are those of the first.
        one: The first parameter.
        other: The second.
    """
    figure, axis = plt.subplots(figsize=(COLUMN, 2.7))
    first = next(iter(searches.values()))
    table = first.trajectory
    excess = np.log10(np.maximum(table["fine"] - table["fine"].min(), 0.1))
    known, angles = np.hypot(first.values[one], first.values[other]), np.linspace(0, np.pi / 2, 100)
    axis.plot(known * np.cos(angles), known * np.sin(angles), color="0.8", lw=3, label="the same observed width")
    dots = axis.scatter(table[one], table[other], c=excess, s=10, cmap="viridis_r", lw=0, zorder=2)
    for (name, each), colour, marker in zip(searches.items(), PALETTE[3:], "XPD*s", strict=False):
        place = each.values[one], each.values[other]
        axis.plot(*place, marker, ls="", ms=7, mew=0.5, mec="w", color=colour, label=name)
    figure.colorbar(dots, label="log₁₀ (χ² − least χ²)")
    axis.set(xlabel=_with_unit(first.problem, one), ylabel=_with_unit(first.problem, other))
    figure.legend(loc="outside upper center", ncols=2, handletextpad=0.3)
    return figure


# -- searches ----------------------------------------------------------------------------------------------------------


def search(found: Recovery, scores: Sequence[float] | None = None, ylabel: str = "reduced χ²") -> Figure:
    """Draw how every call fits, coloured by the stage of the search, and the best so far.

    Args:
        found: A recovery.
        scores: One score per call, the smaller the better; the reduced χ² unless given.
        ylabel: What it is.
    """
    figure, axis = plt.subplots(figsize=(COLUMN, 2.5))
    table = found.trajectory.reset_index()
    table["score"] = table["fine"] * found.reduced / found.misfit if scores is None else scores
    for stage, rows in table.groupby("stage", sort=False):
        axis.plot(rows["call"] + 1, rows["score"], ls="", ms=2.6, mew=0.7, **STAGES[stage])
    axis.plot(table["call"] + 1, table["score"].cummin(), color="0.15", lw=0.9, drawstyle="steps-post")
    axis.set(yscale="log", xlabel="calls of the simulator", ylabel=ylabel)
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    figure.legend(loc="outside upper center", ncols=2, handletextpad=0.2)
    return figure


def solved(runs: pd.DataFrame) -> Figure:
    """Draw the share of runs that have solved a problem after so many calls, a step curve for each searcher.

    Args:
        runs: Rows of `race.race` of one problem.
    """
    figure, axis = plt.subplots(figsize=(COLUMN, 2.5))
    for method, rows in runs.groupby("method", sort=False):
        at, budget = np.sort(rows["solved_at"].dropna()), rows["budget"].max()
        x, y = np.concatenate([[0], at, [budget]]), np.concatenate([[0], np.arange(1, len(at) + 1), [len(at)]])
        look = SEARCHERS[method] | dict(label=f"{SEARCHERS[method]['label']} (n = {len(rows)})")
        axis.plot(x, 100 * y / len(rows), drawstyle="steps-post", lw=1.2, ms=3.5, markevery=(1, 3), **look)
    axis.set(xlabel="calls of the simulator", ylabel="solved (% of seeds)", ylim=(-3, 103), xlim=(0, None))
    figure.legend(loc="outside upper center", ncols=1)
    return figure


def misfits(
    tables: Mapping[str, pd.DataFrame], name: str, unit: str, reference: float, source: str = "literature"
) -> Figure:
    """Draw the coarse and the fine misfit along one parameter, a panel for each choice of the others.

    Args:
        tables: Title → table of `checks.misfits_along`.
        name: The parameter.
        unit: Its unit.
        reference: Its reference value.
        source: Where that comes from, "literature" or "truth".
    """
    figure, axes = plt.subplots(1, len(tables), figsize=(PAGE, 2.2), sharey=True, squeeze=False)
    for axis, (title, table) in zip(axes.flat, tables.items(), strict=True):
        axis.axvline(reference, color=TRUTH, lw=0.8, ls="--", label=source)
        axis.plot(table[name], table["fine"], color=PALETTE[3], lw=1, label=LABELS["fine"])
        axis.plot(table[name], table["coarse"], color=PALETTE[2], lw=1.6, label=LABELS["coarse"])
        axis.set(xlabel=f"{label(name)} ({unit})", title=title)
    axes[0, 0].set_ylabel("misfit (least 0, largest 1)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


# -- parameters --------------------------------------------------------------------------------------------------------


def parameters(table: pd.DataFrame, reference: str) -> Figure:
    """Draw recovered parameters with their errors about a reference, in tolerances, and write the numbers beside them.

    Args:
        table: Index parameter, columns value, standard_error, unit, reference, tolerance.
        reference: What the reference is: "truth" or "literature".
    """
    size = (PAGE, 0.9 + 0.25 * len(table))
    figure, (axis, words) = plt.subplots(1, 2, figsize=size, sharey=True, width_ratios=(1.3, 1))
    places = np.arange(len(table))[::-1]
    off, error = (
        (table["value"] - table["reference"]) / table["tolerance"],
        table["standard_error"] / table["tolerance"],
    )
    axis.axvspan(-1, 1, color="0.93", lw=0)
    axis.axvline(0, color=TRUTH, lw=0.9, ls="--")
    axis.errorbar(off, places, xerr=error, fmt="o", ms=4.5, lw=1.2, color=FIT)
    axis.set_yticks(places, [label(name) for name in table.index])
    reach = max(1.1, 1.1 * float((off.abs() + error).max()))
    axis.set(xlim=(-reach, reach), ylim=(-0.6, len(table)), xlabel=f"recovered − {reference} (tolerances)")
    texts = {"recovered": table.apply(plus_minus, axis=1), reference: table.apply(_reference, axis=1)}
    texts["tolerance"] = [f"± {tolerance:.3g}" for tolerance in table["tolerance"]]
    words.set_axis_off()
    for at, (title, column) in zip((0, 0.52, 0.82), texts.items(), strict=True):
        words.text(at, len(table) - 0.4, title, color="0.4", va="center", fontsize=7)
        for place, text in zip(places, column, strict=True):
            words.text(at, place, text, va="center", fontsize=7)
    return figure


def _within(x: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    return (x >= limits[0]) & (x <= limits[1])


def _with_unit(problem: InverseProblem, name: str) -> str:
    (which,) = (each for each in problem.parameters if each.name == name)
    return f"{label(name)} ({which.unit})" if which.unit else label(name)


def plus_minus(row: pd.Series) -> str:
    """Return a value with its standard error, rounded to two digits of the latter."""
    digits = max(0, 1 - int(np.floor(np.log10(row["standard_error"]))))
    return f"{row['value']:.{digits}f} ± {row['standard_error']:.{digits}f} {row['unit']}".rstrip().replace("-", "−")


def _reference(row: pd.Series) -> str:
    return f"{row['reference']:.4g} {row['unit']}".rstrip().replace("-", "−")
