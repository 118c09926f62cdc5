"""From rows to answers: regrets against the best known, and whether the bounds are met that were set beforehand."""

import numpy as np
import pandas as pd
from states import KEY

ENUMERABLE = 5
"""Elements up to which the reference is enumeration."""


def table(found: pd.DataFrame) -> pd.DataFrame:
    """The tidy table: regret against the reference of each state, and times against those of ascent."""
    reference = found["maximiser"].eq("enumeration") | (found["n_elements"] > ENUMERABLE)
    best = found[reference].groupby(KEY)["log_value"].max().rename("reference")
    own = found[found["maximiser"] == "ascent"].set_index(KEY)["cpu_s"].rename("ascent_s")
    found = found.join(best, on=KEY).join(own, on=KEY)
    found["regret"] = found["reference"] - found["log_value"]
    found["ratio_to_ascent"] = found["cpu_s"] / found["ascent_s"]
    columns = ["maximiser", *KEY, "log_value", "regret", "moved", "evaluations", "cpu_s", "ratio_to_ascent"]
    return found[columns].sort_values(["n_elements", *KEY, "maximiser"], ignore_index=True)


def verdicts(found: pd.DataFrame, stations: pd.DataFrame) -> pd.DataFrame:
    """The lines of acceptance: what was measured, the bound, whether it is met. Medians are over states."""
    own, lines = found[found["maximiser"] == "ascent"], []
    few = own["n_elements"] <= ENUMERABLE

    def line(number: int, what: str, measured: float, bound: str, met: bool):
        lines.append({"line": number, "what": what, "measured": measured, "bound": bound, "met": bool(met)})

    for what, rows in (("3–5 elements", own[few]), ("6–30 elements", own[~few])):
        share = (rows["regret"] <= np.log(1.01)).mean()
        line(1, f"states with reference EI ≤ 1.01 × ascent's, {what} (n = {len(rows)})", share, "≥ .99", share >= 0.99)
    for name in ("scipy_botorch", "botorch_batched"):
        other = found[found["maximiser"] == name]
        ratio = (1 / other["ratio_to_ascent"]).median()
        line(2, f"CPU of ascent / {name}, median", ratio, "≤ 1/20", ratio <= 1 / 20)
        pair = other.merge(own, on=KEY)
        share = (pair["log_value_y"] >= pair["log_value_x"] - 1e-9).mean()
        line(2, f"ascent's value no less than {name}'s, share of states", share, "≥ .5", share >= 0.5)
    for what, bound, where in (("fit", 8, 3), ("experiment", 40, 3), ("enumeration", 5, 4)):
        rows = stations[stations["what"] == what]
        ratio = rows["ratio"].median()
        line(where, f"CPU of {what}, here / other, median (n = {len(rows)})", ratio, f"≤ 1/{bound}", ratio <= 1 / bound)
        if what == "fit":
            middle = rows["difference"].median()
            line(3, "log posterior of fit, here − other, median", middle, "≥ −.001", middle >= -1e-3)
            share, other = ((sign * rows["difference"] >= -1e-3).mean() for sign in (1, -1))
            line(3, f"states with our log posterior no worse by .001 (BoTorch's: {other:.3f})", share, "1", share == 1)
        if what == "enumeration":
            worst = rows["difference"].abs().max()
            line(4, "log EI at BoTorch's arg max − at ours, largest", worst, "0", worst == 0)
    times = own.groupby("n_elements")["cpu_s"].median()
    exponent = np.polyfit(np.log(times.index), np.log(times), 1)[0] if len(times) > 1 else np.nan
    line(
        5,
        f"exponent of ascent's CPU time, {times.index[0]}–{times.index[-1]} elements",
        exponent,
        "≤ 1.3",
        exponent <= 1.3,
    )
    return pd.DataFrame(lines)
