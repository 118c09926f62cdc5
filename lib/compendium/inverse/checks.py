"""What to look at beside the misfit: R factors, tolerances, parts of a pattern, and curves that were not fitted."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from alloygrad.inverse import InverseProblem, Measured, Recovery
from alloygrad.inverse.simulators.iv_curves import IVCurves, pendry_y
from compendium.inverse import surface
from compendium.inverse.case import Case, pendry_ratio
from compendium.inverse.surface import Experiment, Setup

# -- powder patterns ---------------------------------------------------------------------------------------------------


def against_reference(case: Case, found: Recovery) -> pd.DataFrame:
    """Return value, standard error, reference, tolerance and unit of each parameter that `Within` judges."""
    table = found.table()[["value", "standard_error", "unit"]]
    most = pd.Series(case.judge.tolerances)
    return table.loc[most.index].assign(reference=pd.Series(case.truth), tolerance=most).rename_axis("parameter")


def profile_r(found: Recovery) -> pd.Series:
    """Return R_wp, the value R_exp that noise alone would give, and the reduced χ² of a fitted pattern.

    R_wp² = Σ w (y − m)² / Σ w y² with weights w = 1/σ²; R_exp² = (n − p) / Σ w y².
    """
    measured = found.problem.measured
    power = ((measured.values / measured.sigma) ** 2).sum()
    expected = found.misfit / found.reduced / power
    return pd.Series({"R_wp": np.sqrt(found.misfit / power), "R_exp": np.sqrt(expected), "reduced χ²": found.reduced})


def part(found: Recovery, inside: np.ndarray, share: float = 0.1) -> InverseProblem:
    """Return the problem on some of its points (n,), in that part of the box that lies about what was found.

    Args:
        found: A recovery of the whole pattern.
        inside: Which points (n,) to keep.
        share: How far the new box reaches to each side, in ranges of the old one.
    """
    problem, measured, kept = found.problem, found.problem.measured, []
    for each in problem.parameters:
        at, reach = found.values[each.name], share * (each.upper - each.lower)
        kept.append(replace(each, lower=max(each.lower, at - reach), upper=min(each.upper, at + reach)))
    return replace(
        problem,
        parameters=kept,
        measured=Measured(measured.values[inside], measured.sigma[inside], measured.x[inside]),
        observe=lambda curve: curve[inside],
        background=np.asarray(problem.background)[inside],
        misfits={},
    )


def misfits_along(problem: InverseProblem, values: Mapping[str, float], name: str, points: np.ndarray) -> pd.DataFrame:
    """Return coarse and fine misfit along one parameter (n,), all others held: from 0, the least, to 1, the largest."""
    table = pd.DataFrame({name: points})
    curves = [problem.run({**values, name: float(point)}) for point in points]
    for which in ("coarse", "fine"):
        misfits = np.array([problem.compare(which, curve, {}).misfit for curve in curves])
        table[which] = (misfits - misfits.min()) / np.ptp(misfits)
    return table


def minima(values: np.ndarray) -> int:
    """Return the number of local minima of a sequence (n,), those at its ends included."""
    padded = np.concatenate([[np.inf], values, [np.inf]])
    return int(((padded[1:-1] < padded[:-2]) & (padded[1:-1] < padded[2:])).sum())


# -- low-energy electron diffraction -----------------------------------------------------------------------------------

MEASURED_BEAMS = ((1, 0), (1, 1), (2, 0), (2, 1), (2, 2), (3, 0), (3, 1), (3, 2), (4, 0), (4, 1))
"""Beams in the file of Ag(100)."""


def fitted_experiment(case: Case) -> Experiment:
    """Return the measured curves that a LEED case fits, one per beam."""
    low, high = surface.FITTED_EV
    if case.name == "leed_ag100":
        return surface.silver_experiment(surface.BEAMS, low, high)
    curves = case.problem.measured.values.reshape(len(surface.BEAMS), -1)  # of the twin every beam has every energy
    return Experiment(np.arange(low, high + 0.5), dict(zip(surface.BEAMS, curves, strict=True)))


def compared(setup: Setup, values: Mapping[str, float], experiment: Experiment) -> pd.DataFrame:
    """Return measured and computed curves of all beams at the measured energies.

    Columns: beam ("(h,k)"), energy_eV, measured and computed intensity, y_measured and y_computed, Pendry's Y times
    2 V_i. The intensities of a beam have the mean 1.
    """
    curves = _curves(setup, values, experiment)
    return _scaled(_compared(setup, curves, values["delta_V0"], experiment))


def _curves(setup: Setup, values: Mapping[str, float], experiment: Experiment) -> IVCurves:
    structure = {name: value for name, value in values.items() if name != "delta_V0"}
    return setup.curves(float(experiment.energies[-1]), **structure)


def _compared(setup: Setup, curves: IVCurves, delta_V0: float, experiment: Experiment) -> pd.DataFrame:
    computed = setup.at(curves, experiment.energies, list(experiment.intensities), delta_V0)
    parts = []
    for beam, measured in experiment.intensities.items():
        inside = np.isfinite(measured)
        energies, pair = experiment.energies[inside], np.array([measured[inside], computed[beam][inside]])
        y = 2 * surface.V0I_EV * pendry_y(energies, pair.T, surface.V0I_EV, smoothing_eV=surface.SMOOTHING_EV).T
        columns = dict(energy_eV=energies, measured=pair[0], computed=pair[1], y_measured=y[0], y_computed=y[1])
        parts.append(pd.DataFrame(columns).assign(beam="({},{})".format(*beam)))
    return pd.concat(parts, ignore_index=True)


def _scaled(table: pd.DataFrame) -> pd.DataFrame:
    intensities = table[["measured", "computed"]]
    return table.assign(**intensities / intensities.groupby(table["beam"]).transform("mean"))


def r_factors(table: pd.DataFrame) -> pd.DataFrame:
    """Return Pendry's R factor of each beam of a table of `compared`, and of "all" together.

    Columns: beam, low_eV, high_eV, r_p, points.
    """
    parts = {**dict(list(table.groupby("beam", sort=False))), "all": table}
    rows = []
    for beam, own in parts.items():
        low, high = own["energy_eV"].min(), own["energy_eV"].max()
        rows.append((beam, low, high, pendry_ratio(own["y_computed"], own["y_measured"]), len(own)))
    return pd.DataFrame(rows, columns=["beam", "low_eV", "high_eV", "r_p", "points"])


def silver_curves(
    values: Mapping[str, float], l_max: int = 10, step_eV: float = 4.0, most_eV: float = 450.0
) -> pd.DataFrame:
    """Return `compared` for every measured beam of Ag(100) from 60 eV on, and whether a point was fitted.

    Args:
        values: A structure with `delta_V0`, as recovered.
        l_max: Largest angular momentum: that of the fit (8) suffices up to its 250 eV.
        step_eV: Steps of the computed energies.
        most_eV: Largest energy.
    """
    setup = surface.silver_setup(l_max=l_max, step_eV=step_eV)
    low, high = surface.FITTED_EV
    whole = surface.silver_experiment(MEASURED_BEAMS, low, most_eV)
    seen, unseen = {}, {}
    for beam, measured in whole.intensities.items():
        fitted = (whole.energies <= high) & (beam in surface.BEAMS)
        for into, kept in ((seen, fitted), (unseen, ~fitted)):
            if np.isfinite(curve := np.where(kept, measured, np.nan)).sum() > 2:
                into[beam] = curve
    curves, delta = _curves(setup, values, whole), values["delta_V0"]
    parts = [
        _compared(setup, curves, delta, Experiment(whole.energies, of)).assign(fitted=of is seen)
        for of in (seen, unseen)
    ]
    return _scaled(pd.concat(parts, ignore_index=True))


def held_out(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the R factors of what was fitted and of what was not, for a table of `silver_curves`.

    Columns: fitted, and those of `r_factors`.
    """
    parts = [r_factors(own).assign(fitted=fitted) for fitted, own in curves.groupby("fitted", sort=False)]
    found = pd.concat(parts, ignore_index=True)
    return found[["fitted", *found.columns.drop("fitted")]]
