"""Every figure draws from a small table without a warning; files come by three, equal bytes for equal figures."""

import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from compendium.feature_gradient import figures
from compendium.feature_gradient.figures import style

RNG = np.random.default_rng(0)
PROPERTIES = ["enthalpy", "martensite_peak"]


def curves():
    epochs = np.arange(1, 61)
    return pd.concat(
        [
            pd.DataFrame({"property": name, "epoch": epochs, "train_mse": 1 / epochs,
                          "validation_r2": 1 - 1 / epochs, "test_r2": 1 - 2 / epochs})
            for name in PROPERTIES
        ]
    )  # fmt: skip


def histogram():
    rows = [
        {"property": name, "scheme": scheme, "measured": x, "predicted": 0.8 * x, "count": 1 + int(5 - abs(x))}
        for name in PROPERTIES
        for scheme in ("random", "grouped")
        for x in np.linspace(-3, 3, 7)
    ]
    return pd.DataFrame(rows)


def metrics():
    columns = pd.MultiIndex.from_product([("random", "grouped"), ("r2", "mae")])
    return pd.DataFrame(RNG.uniform(size=(2, 4)), index=PROPERTIES, columns=columns)


def merits():
    return pd.DataFrame({"n_elements": np.repeat([3, 4], 50), "merit": RNG.normal(0.5, 0.1, 100)})


def progress():
    done = np.arange(-1, 10)
    return pd.concat(
        [
            pd.DataFrame({"method": m, "experiment": done, "mean": s * done, "low": s * done - 1, "high": s * done + 1,
                          "n": 4})
            for m, s in (("enumeration", 2.0), ("slsqp_ei", 1.0))
        ]
    )  # fmt: skip


def landscape():
    grid = pd.DataFrame(
        [{"Ti": x, "Ni": y, "log_ei": -abs(x - y)} for x in range(20, 25) for y in range(20, 25 - x % 2)]
    )
    starts = pd.DataFrame(RNG.uniform(20, 24, (6, 4)), columns=["Ti", "Ni", "Ti_end", "Ni_end"])
    picks = pd.DataFrame({"method": ["enumeration", "slsqp_ei", "ascent"], "Ti": [21, 22, 21], "Ni": [21, 23, 21]})
    return grid, starts, picks, "Ti", "Ni"


def states():
    return pd.DataFrame(
        [{"experiment": e, "method": m, "log_ei": -e, "moved": 0.1 if m == "slsqp_ei" else np.nan}
         for e in (0, 5, 10) for m in ("enumeration", "slsqp_ei")]
    )  # fmt: skip


def scores(draws: int = 5):
    return pd.DataFrame(
        [{"dataset": d, "target": "enthalpy", "unit": "J/g", "draw": k, "input": i, "mae": RNG.uniform(4, 5)}
         for d in ("SMA", "Ti_yield") for k in range(draws) for i in figures.INPUTS]
    )  # fmt: skip


def arms(measures, **columns):
    """One row per alloy, arm and measure, as the figures of diversity take them."""
    rows = [
        {
            "alloy": alloy,
            "method": arm,
            "measure": measure,
            "mean": i + 1.0,
            "low": i + 0.5,
            "high": i + 1.5,
            "n": 8 + i,
        }
        for alloy in ("sma", "hea")
        for i, arm in enumerate(figures.ARMS)
        for measure in measures
    ]
    return pd.DataFrame(rows).merge(pd.DataFrame(columns), how="cross") if columns else pd.DataFrame(rows)


def finals():
    table = arms(["final"]).drop(columns=["mean", "low", "high"])
    return table.merge(pd.DataFrame({"seed": range(5)}), how="cross").assign(final=lambda t: t["seed"] / 10)


def places(perplexity: float = 30):
    rows = [
        {
            "method": arm,
            "experiment": e,
            "merit": 0.1 * (7 * e % 5),
            "x": RNG.normal(),
            "y": RNG.normal(),
            "perplexity": perplexity,
        }
        for arm in ("enumeration", "slsqp_ei")
        for e in range(-3, 6)
    ]
    return pd.DataFrame(rows)


def picks():
    table = pd.DataFrame(RNG.uniform(0, 30, (60, 3)), columns=["Ti", "Ni", "Cu"])
    return table.assign(method=["slsqp_ei", "enumeration"] * 30, seed=np.arange(60) // 12)


def cuts():
    x = np.linspace(0, 20, 9)
    believed = {"mean": np.sin(x), "std": 0.1, "truth": np.cos(x), "log_ei": -x}
    return pd.concat([pd.DataFrame({"surrogate": name, "Hf": x, **believed}) for name in ("gp", "forest")])


def accuracies():
    return pd.DataFrame(
        [{"surrogate": s, "source": source, "n": n, "metric": m, "mean": 1 / n, "low": 0.9 / n, "high": 1.2 / n}
         for s in ("gp", "forest", "deep_kernel") for source in ("random", "ascent") for n in (40, 80)
         for m in figures.METRICS]
    )  # fmt: skip


def campaigns(**columns):
    """A curve of each arm of each alloy, or of whatever `columns` say, falling short of 1."""
    done = np.arange(-1, 10)
    curve = pd.DataFrame({"experiment": done, "mean": 0.1 * done, "low": 0.1 * done - 0.05, "high": 0.1 * done + 0.05})
    rows = pd.DataFrame({"method": ["enumeration", "ascent", "slsqp_ei"], "n": [8, 9, 9]}).merge(curve, how="cross")
    for name, values in columns.items():
        rows = rows.merge(pd.DataFrame({name: values}), how="cross")
    return rows


def known():
    return pd.DataFrame({"n_elements": [3, 4, 5, 6, 7], "step": 0.001, "merit": 1.0, "exact": [True] * 3 + [False] * 2})


def sweep():
    alloys = pd.DataFrame({"alloy": ["sma", "ti"]})
    return alloys, alloys.merge(known(), how="cross")


def final(**columns):
    table = campaigns(**columns).query("experiment == 9")
    return table.assign(mean=0.01, low=0.0, high=0.02)


def trainings():
    table = final(alloy=["sma", "hea"], training=["shipped", "again"], quantity=["final merit", "state entropy"])
    return table.query("method != 'ascent' and (alloy != 'sma' or training != 'again' or method != 'enumeration')")


def costs():
    table = final(alloy=["SMA", "Ti"], n_elements=[3, 4, 5]).rename(columns={"method": "arm"})
    return table.assign(cpu_seconds=table["n_elements"] ** 2.0)


def by_variant(names=("10 starts", "20 starts", "40 starts", "80 starts")):
    return campaigns(variant=list(names)).query("method != 'enumeration'")


def inputs():
    """Curves on features, a little better, and on fractions; and their differences."""
    one = campaigns(alloy=["sma", "ti"]).query("method == 'ascent'").drop(columns="method")
    other = one.assign(mean=one["mean"] - 0.1)
    gaps = one.assign(mean=0.1, low=0.05, high=0.15)
    return pd.concat([one.assign(input="features"), other.assign(input="fractions")]), gaps


DRAWN = {
    "best_so_far_by_elements": lambda: figures.best_so_far_by_elements(campaigns(n_elements=[3, 4]), known()[:2]),
    "regret_by_elements": lambda: figures.regret_by_elements(final(alloy=["sma", "hea"], n_elements=[3, 4])),
    "more_elements": lambda: figures.more_elements(
        final(alloy=["sma", "ti"], n_elements=[3, 4], experiments=[50, 60]).query("method == 'ascent'"), sweep()[1]
    ),
    "trajectory_costs": lambda: figures.trajectory_costs(costs()),
    "variants": lambda: figures.variants(by_variant(), 1.0, campaigns().query("method == 'enumeration'")),
    "variants of one, no intervals": lambda: figures.variants(by_variant(["a"]).assign(low=np.nan, high=np.nan), 1.0),
    "regret_by_starts": lambda: figures.regret_by_starts(final(starts=[10, 20, 40]), (1e-3, 0.0, 2e-3)),
    "difference_curves": lambda: figures.difference_curves(by_variant(["UCB − EI", "PI − EI"]), "Δ", early=3),
    "searched_inputs": lambda: figures.searched_inputs(*inputs(), {"sma": 1.0, "ti": 0.9}),
    "searched_inputs without intervals": lambda: figures.searched_inputs(
        *(table.assign(low=np.nan, high=np.nan) for table in inputs()), {"sma": 1.0, "ti": 0.9}
    ),
    "moved_shares": lambda: figures.moved_shares(by_variant(["EI"])),
    "other_trainings": lambda: figures.other_trainings(trainings(), "ascent"),
    "other_trainings without intervals": lambda: figures.other_trainings(
        trainings().assign(low=np.nan, high=np.nan), "ascent"
    ),
    "arms": lambda: figures.arms(
        campaigns(alloy=["sma", "ti"]), {"sma": 1.0, "ti": 0.9}, final(alloy=["sma", "ti"]), "best_of_random"
    ),
    "entropy_curves": lambda: figures.entropy_curves(arms(["all points", "new picks"], done=[0, 3, 6])),
    "entropy_curves of one trajectory": lambda: figures.entropy_curves(
        arms(["all points"], done=[0, 3]).assign(low=np.nan, high=np.nan)
    ),
    "entropy_differences": lambda: figures.entropy_differences(arms(["all points", "new picks"]), 0.1),
    "pick_distances": lambda: figures.pick_distances(
        arms(["last", "nearest", "best"], experiments=["1–5", "6–10"]), {"sma": 0.14, "hea": 0.7}
    ),
    "final_merits": lambda: figures.final_merits(finals(), arms(["r"]).assign(mean=0.2, low=0, high=np.nan)),
    "scatter_measures": lambda: figures.scatter_measures(arms(["one", "other"])),
    "pair_of_maps": lambda: figures.pair_of_maps(places()),
    "perplexities": lambda: figures.perplexities(pd.concat([places(5), places(30)])),
    "pair_distributions": lambda: figures.pair_distributions(picks(), ["Ti", "Ni", "Cu"]),
    "learning_curves": lambda: figures.learning_curves(curves(), chosen_epochs=30),
    "learning_curves of one": lambda: figures.learning_curves(
        curves().query("property == 'enthalpy'"), chosen_epochs=30
    ),
    "parity": lambda: figures.parity(histogram(), metrics()),
    "merit_distributions": lambda: figures.merit_distributions(figures.densities(merits())),
    "best_so_far": lambda: figures.best_so_far(progress(), 25.0),
    "best_so_far at the optimum": lambda: figures.best_so_far(progress(), progress()["mean"].max()),
    "best_so_far of one trajectory": lambda: figures.best_so_far(progress().assign(n=1, low=np.nan, high=np.nan), 25.0),
    "inner_loop_map": lambda: figures.inner_loop_map(*landscape()),
    "inner_loop_values": lambda: figures.inner_loop_values(states()),
    "inner_loop_costs": lambda: figures.inner_loop_costs(*benchmark()),
    "verdict_strips": lambda: figures.verdict_strips(*board(["reproduced", "not tested"])),
    "starts_needed": lambda: figures.starts_needed(
        pd.DataFrame({"landscape": [False, False, True], "n_elements": [3, 4, 15], "needed": [10, np.inf, 400]})
    ),
    "paired_errors": lambda: figures.paired_errors(scores()),
    "paired_errors of one draw": lambda: figures.paired_errors(scores(1)),
    "surrogate_cuts": lambda: figures.surrogate_cuts(cuts(), "Hf", 7.5),
    "surrogate_accuracy": lambda: figures.surrogate_accuracy(accuracies()),
    "surrogate_accuracy of one trajectory": lambda: figures.surrogate_accuracy(
        accuracies().assign(low=np.nan, high=np.nan)
    ),
}


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    yield
    plt.close("all")


@pytest.mark.parametrize("name", DRAWN)
def test_each_figure_draws_without_a_warning(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = DRAWN[name]()
        figure.draw_without_rendering()  # lays out all text and every axis
    assert all(axis.has_data() for axis in figure.axes)
    widths = {round(figures.COLUMN, 2), round(figures.PAGE, 2)}
    assert round(float(figure.get_size_inches()[0]), 2) in widths


def test_what_is_drawn_is_what_the_table_says():
    left, right = figures.best_so_far(progress(), 25.0).axes
    for line, regret, (method, rows) in zip(left.lines[:2], right.lines, progress().groupby("method"), strict=True):
        assert line.get_xdata().tolist() == list(range(11))  # experiments done: the table's −1 is 0 here
        assert line.get_ydata().tolist() == rows["mean"].tolist()
        assert regret.get_ydata().tolist() == (25 - rows["mean"]).tolist()
        assert line.get_color() == regret.get_color() == figures.COLOURS[method] and line.get_label().endswith(
            "(n = 4)"
        )
    assert left.lines[2].get_ydata() == [25, 25]

    top, bottom = figures.inner_loop_values(states()).axes
    assert bottom.lines[0].get_ydata().tolist() == pytest.approx([10, 10, 10])
    assert len(top.lines) == 3  # the last: the tolerance

    axis, _ = figures.inner_loop_map(*landscape()).axes
    _, starts, *_ = landscape()
    assert len(axis.lines) == len(starts)


def test_panels_that_lack_curves_say_so():
    figure = figures.best_so_far_by_elements(campaigns(n_elements=[3]), known())
    assert len(figure.axes) == 5
    for axis in figure.axes:
        texts = [text.get_text() for text in axis.texts]
        assert texts == (["n = 8, 9, 9"] if axis.get_title().startswith("N = 3") else ["not yet computed"])
    dashes = [axis.lines[-1].get_linestyle() for axis in figure.axes]
    assert dashes == ["--"] * 3 + [":"] * 2  # true optimum, best known
    nothing = figures.best_so_far_by_elements(campaigns(n_elements=[3])[:0], known())
    assert all(axis.texts[0].get_text() == "not yet computed" for axis in nothing.axes)


def test_variants_draw_means_and_what_they_lack():
    table = by_variant(["a", "b"])
    figure = figures.variants(table, 2.0)
    tops, bottoms = figure.axes[:2], figure.axes[2:]
    for top, bottom, arm in zip(tops, bottoms, ("ascent", "slsqp_ei"), strict=True):
        assert top.get_title() == figures.LABELS[arm]
        for line, regret in zip(top.lines[:2], bottom.lines, strict=True):
            assert regret.get_ydata() == pytest.approx(2 - np.asarray(line.get_ydata()))
            assert line.get_xdata()[0] == 0
        assert len({line.get_color() for line in top.lines[:2]}) == 2
        assert [text.get_text() for text in top.get_legend().get_texts()] == ["a (n = 9)", "b (n = 9)"]
    (one, _) = figures.difference_curves(by_variant(["a"]), "Δ").axes
    assert one.lines[1].get_color() == figures.COLOURS["ascent"]  # a single variant has the arm's own colour


def test_inputs_show_what_they_lack_above_and_what_features_bring_below():
    curves, gaps = inputs()
    figure = figures.searched_inputs(curves, gaps, {"sma": 3.0, "ti": 4.0})
    assert [axis.get_title() for axis in figure.axes[:2]] == [
        "shape-memory alloys (n = 9)",
        "titanium alloys (n = 9)",
    ]
    for top, bottom, optimum in zip(figure.axes[:2], figure.axes[2:], (3, 4), strict=True):
        for line, last in zip(top.lines, (0.9, 0.8), strict=True):
            assert line.get_ydata()[-1] == pytest.approx(optimum - last)
        assert bottom.lines[1].get_ydata() == pytest.approx(0.1)


def test_arms_show_regret_above_and_differences_below():
    figure = figures.arms(
        campaigns(alloy=["sma", "ti"]), {"sma": 3.0, "ti": 4.0}, final(alloy=["sma", "ti"]), "best_of_random"
    )
    for top, optimum in zip(figure.axes[:2], (3, 4), strict=True):
        for line in top.lines:
            assert line.get_ydata()[-1] == pytest.approx(optimum - 0.9)
    for bottom in figure.axes[2:]:
        dots = [line for line in bottom.lines if line.get_marker() != "None"]
        assert [(dot.get_color(), dot.get_marker()) for dot in dots] == [
            (figures.COLOURS[arm], style.MARKERS[arm]) for arm in ("enumeration", "ascent", "slsqp_ei")
        ]
        assert [dot.get_ydata()[0] for dot in dots] == [2, 1, 0]  # the exact one on top


def test_trainings_are_told_apart_and_an_arm_may_be_missing_on_one():
    table = trainings()
    figure = figures.other_trainings(table, "ascent")
    panels = [(alloy, quantity) for quantity in ("final merit", "state entropy") for alloy in ("sma", "hea")]
    for axis, panel in zip(figure.axes, panels, strict=True):
        own = table[(table["alloy"] == panel[0]) & (table["quantity"] == panel[1])]
        dots = [line for line in axis.lines if line.get_marker() != "None"]
        assert panel[1] in axis.get_xlabel() and len(dots) == len(own)
        filled = [dot for dot in dots if dot.get_markerfacecolor() != "w"]
        assert len(filled) == (own["training"] == "shipped").sum()
        assert all(dot.get_markeredgecolor() == dot.get_markerfacecolor() for dot in filled)


def test_means_over_fewer_trajectories_are_open_points():
    table = final(alloy=["sma"], n_elements=[3, 4]).query("method == 'ascent'").reset_index(drop=True)
    for sizes, hollow in (([96, 8], [[4]]), ([8, 8], [])):
        (axis,) = figures.regret_by_elements(table.assign(n=sizes)).axes
        shown = [line.get_xdata().round().tolist() for line in axis.lines if line.get_markerfacecolor() == "w"]
        assert shown == hollow


def test_starts_beyond_what_is_resolved_stand_at_the_top_their_medians_open():
    rows = [("a", 3, 10), ("a", 3, 20), ("a", 4, 382), ("a", 4, np.inf), ("b", 15, 50)]
    (axis,) = figures.starts_needed(pd.DataFrame(rows, columns=["landscape", "n_elements", "needed"])).axes
    lines = [line for line in axis.lines if line.get_marker() == "o" and 3 <= min(line.get_xdata(), default=0) < 15]
    medians = {line.get_markerfacecolor() == "w": line for line in lines}
    assert medians[False].get_ydata()[0] == 15 and np.isnan(medians[False].get_ydata()[1])
    top = medians[True].get_ydata()[0]
    assert medians[True].get_xdata().tolist() == [4] and top > 5 * 250
    assert "not\nresolved" in [label.get_text() for label in axis.get_yticklabels()]


def test_differences_keep_the_shades_that_their_variants_have_elsewhere():
    whole = figures.variants(by_variant(["EI", "UCB", "PI"]), 2.0).axes[0]
    gaps = figures.difference_curves(by_variant(["UCB − EI", "PI − EI"]), "Δ", shades_of=["EI", "UCB", "PI"]).axes[0]
    there = {line.get_label().split(" (")[0]: line.get_color() for line in whole.lines}
    here = {line.get_label().split(" − ")[0]: line.get_color() for line in gaps.lines}
    assert here["UCB"] == there["UCB"] and here["PI"] == there["PI"]


def test_a_number_of_elements_far_below_is_written_not_drawn():
    best = sweep()[1].assign(merit=[-1, 0.8, 0.85, 0.9, 0.9] * 2)
    table = final(alloy=["sma", "ti"], n_elements=[3, 4], experiments=[60]).query("method == 'ascent'")
    for axis in figures.more_elements(table, best).axes:
        assert axis.texts[0].get_text() == "N = 3: −1.000, off the scale"
        assert min(x for line in axis.lines for x in line.get_xdata()) > 3.5
    for axis in figures.more_elements(table, best.assign(merit=best["n_elements"] / 10)).axes:
        assert not axis.texts


def test_paired_errors_have_a_line_for_each_draw_and_a_panel_for_each_dataset():
    table = scores()
    drawn = figures.paired_errors(table).axes
    assert [axis.get_title() for axis in drawn] == ["SMA, enthalpy ΔH", "Ti, enthalpy ΔH"]
    for axis, (_, rows) in zip(drawn, table.groupby("dataset"), strict=True):
        for line, (_, draw) in zip(axis.lines[:5], rows.groupby("draw"), strict=True):
            assert line.get_ydata().tolist() == draw["mae"].tolist()
    (empty,) = figures.paired_errors(table[:0]).axes
    assert "no scores" in empty.texts[0].get_text()


def test_arms_keep_their_order_their_colours_and_their_numbers():
    table = arms(["all points"], done=[0, 3]).sample(frac=1, random_state=0).sort_values("done", kind="stable")
    one, other = figures.entropy_curves(table).axes
    fewer = "; ".join(f"{figures.LABELS[arm]}: {8 + i}" for i, arm in enumerate(figures.ARMS[:-1]))
    assert [one.get_title(), other.get_title()] == [
        f"shape-memory alloys\n(n = 13; {fewer})",
        f"high-entropy alloys\n(n = 13; {fewer})",
    ]
    widths = dict(zip(figures.ARMS, (line.get_linewidth() for line in one.lines), strict=True))
    assert widths["ascent"] == widths["slsqp_ei"] == widths["random"] / 2  # thin: fewer than the most, 13
    for axis in (one, other):
        assert [line.get_color() for line in axis.lines] == [figures.COLOURS[arm] for arm in figures.ARMS]
        assert [line.get_ydata()[0] for line in axis.lines] == [1, 2, 3, 4, 5, 6]
    differences = figures.entropy_differences(arms(["all points"]).query("method != 'enumeration'"), 0.1).axes[0]
    dots = [line for line in differences.lines if line.get_marker() != "None"]
    heights = {line.get_ydata()[0]: line.get_markeredgecolor() for line in dots}
    top_down = [heights[height] for height in sorted(heights, reverse=True)]
    assert top_down == [figures.COLOURS[arm] for arm in figures.ARMS[1:]]


def test_both_maps_of_a_pair_have_the_same_limits_and_their_own_picks():
    table = places()
    curves, *maps = figures.pair_of_maps(table).axes[:3]
    assert maps[0].get_xlim() == maps[1].get_xlim() and maps[0].get_ylim() == maps[1].get_ylim()
    for axis, (_, own) in zip(maps, table.groupby("method"), strict=True):
        rings, dots = axis.collections
        assert len(rings.get_offsets()) == 3
        expected = own.query("experiment >= 0").sort_values("merit")[["x", "y"]]
        np.testing.assert_allclose(dots.get_offsets(), expected)
    assert curves.lines[0].get_xdata().tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_surrogates_are_drawn_as_their_tables_say():
    axes = figures.surrogate_cuts(cuts(), "Hf", 7.5).axes
    assert [axis.get_title() for axis in axes[:2]] == ["Gaussian process", "random forest"]
    mean, truth, mark = axes[0].lines
    assert mean.get_ydata().tolist() == cuts()["mean"].tolist()[:9] and mark.get_xdata() == [7.5, 7.5]
    assert truth.get_ydata().tolist() == cuts()["truth"].tolist()[:9]
    low, high = axes[0].collections[0].get_paths()[0].get_extents().intervaly
    assert (low, high) == pytest.approx((np.sin(cuts()["Hf"]).min() - 0.196, np.sin(cuts()["Hf"]).max() + 0.196))
    axes = figures.surrogate_accuracy(accuracies()).axes
    assert len(axes) == 2 * len(figures.METRICS) and [a.get_title() for a in axes[:2]] == [
        "random experiments", "ascent",
    ]  # fmt: skip
    for bars, bar in zip(axes[0].containers, axes[0].collections, strict=True):
        assert bars[0].get_ydata().tolist() == [1 / 40, 1 / 80]
        assert bar.get_segments()[1][:, 1].tolist() == pytest.approx([0.9 / 80, 1.2 / 80])


def test_densities_have_integral_one_on_shared_bins():
    values = merits()
    values.loc[values["n_elements"] == 4, "merit"] += 0.3  # neither number of elements spans all bins
    table = figures.densities(values, bins=20)
    assert list(table.columns) == ["n_elements", "merit", "density"] and len(table) == 2 * 20
    centres = [rows["merit"].to_numpy() for _, rows in table.groupby("n_elements")]
    assert np.array_equal(*centres)
    width = (values["merit"].max() - values["merit"].min()) / 20
    assert np.diff(centres[0]) == pytest.approx(width)
    assert centres[0][[0, -1]] == pytest.approx([values["merit"].min() + width / 2, values["merit"].max() - width / 2])
    assert (table.groupby("n_elements")["density"].sum() * width).tolist() == pytest.approx([1, 1])
    for n, rows in table.groupby("n_elements"):  # counted one by one
        own = values.loc[values["n_elements"] == n, "merit"].to_numpy()
        share = [(abs(own - centre) <= width / 2 * (1 + 1e-12)).mean() for centre in rows["merit"]]
        assert rows["density"].to_numpy() * width == pytest.approx(share)
    lines = figures.merit_distributions(table).axes[0].lines
    assert [line.get_ydata().tolist() for line in lines] == [
        rows["density"].tolist() for _, rows in table.groupby("n_elements")
    ]


@pytest.mark.parametrize("profile, folder", [("paper", "figures"), ("smoke", "figures/smoke")])
def test_save_writes_three_files_below_the_profile(profile, folder, tmp_path):
    table = pd.DataFrame({"x": [1, 2], "y": [0.123456789, np.nan]})
    figure = figures.save(DRAWN["inner_loop_values"](), "06_test", data=table, profile=profile)
    assert sorted(p.name for p in (tmp_path / folder).iterdir() if p.is_file()) == [
        "06_test.csv", "06_test.pdf", "06_test.png",
    ]  # fmt: skip
    assert set(figures.paths("06_test", profile)) == set((tmp_path / folder).glob("06_test.*"))
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / folder / "06_test.csv"), table, rtol=1e-5)
    assert not plt.fignum_exists(figure.number)


def test_equal_figures_are_equal_bytes():
    files = []
    for name in ("one", "two"):
        figures.save(DRAWN["inner_loop_values"](), name, data=progress())
        files.append([path.read_bytes() for path in figures.paths(name)])
    assert files[0] == files[1]


def test_no_arm_is_told_by_its_colour_alone():
    lines = [style.line_of(arm) for arm in figures.ARMS]
    for part in ("color", "label", "marker"):
        assert len({line[part] for line in lines}) == len(figures.ARMS)
    assert len({(line["dashes"], line.get("lw")) for line in lines}) == len(figures.ARMS)
    surrogates = [style.line_of(name) for name in style.SURROGATES]
    for part in ("color", "label", "marker", "dashes"):
        assert len({line[part] for line in surrogates}) == len(style.SURROGATES)
    everything = [(figures.LABELS[name], *(style.line_of(name)[part] for part in ("color", "dashes", "marker")))
                  for name in figures.COLOURS]  # fmt: skip
    assert len(set(everything)) == len({label for label, *_ in everything}) == len(figures.COLOURS)
    assert style.line_of("ascent", thin=True)["mfc"] == "w" and "mfc" not in style.line_of("ascent")


@pytest.mark.parametrize("name", ["best_so_far", "entropy_curves", "pick_distances", "arms", "best_so_far_by_elements"])
def test_curves_and_legends_have_the_markers_and_dashes_of_their_arms(name):
    figure = DRAWN[name]()
    legends = [*figure.legends, *filter(None, (axis.get_legend() for axis in figure.axes))]
    drawn = [line for axis in figure.axes for line in axis.lines if line.get_label() in figures.LABELS.values()]
    shown = [handle for legend in legends for handle in legend.legend_handles]
    named = {label: arm for arm, label in figures.LABELS.items()}
    found = 0
    for line in (*drawn, *shown):
        if arm := named.get(line.get_label().split(" (n =")[0]):
            expected = mpl.lines.Line2D([], [], **{"lw": line.get_linewidth()} | style.line_of(arm))
            if line.get_markerfacecolor() == "w":
                expected = mpl.lines.Line2D([], [], **style.line_of(arm, thin=True))
            assert (line.get_color(), line.get_marker()) == (expected.get_color(), expected.get_marker())
            assert line.is_dashed() == expected.is_dashed() == (arm in style.DASHES)
            found += 1
    assert found >= 2


def benchmark():
    """Every maximiser of the benchmark where all find the reference, too few states at one number of elements."""
    names = ["ascent", "enumeration", "exhaustive", "slsqp_ei", "slsqp_log_ei", "slsqp_log_ei", "botorch_joint",
             "botorch_batched", "box", "cmaes", "random_search"]  # fmt: skip
    rows = [
        {"maximiser": name, "landscape": n > 10, "n_elements": n, "cpu_s": n / 10, "evaluations": 100.0 * n,
         "within": 1.0, "states": 24 if n > 3 else 4}
        for name in names for n in (3, 4, 15)
    ]  # fmt: skip
    grids = pd.DataFrame({"alloy": "SMA", "n_elements": [3, 4], "seconds": [1.0, 1e3], "compositions": [1e4, 1e7]})
    return pd.DataFrame(rows), grids


def test_one_loop_has_one_name_and_one_look_in_the_benchmark_and_in_campaigns():
    table, grids = benchmark()
    figure = figures.inner_loop_costs(table, grids)
    handles = {handle.get_label(): handle for handle in figure.legends[0].legend_handles}
    labels = dict(zip(table["maximiser"].unique(), handles, strict=False))
    assert labels["slsqp_log_ei"] == figures.LABELS["slsqp_log_ei"] == "published loop on log EI"
    assert labels["slsqp_log_ei"] == "SciPy SLSQP, BoTorch posterior"
    loop = handles[figures.LABELS["slsqp_log_ei"]]
    assert (loop.get_color(), loop.get_marker()) == (figures.COLOURS["slsqp_log_ei"], style.MARKERS["slsqp_log_ei"])
    looks = [(handles[label].get_marker(), handles[label].get_color()) for label in labels.values()]
    assert len({marker for marker, _ in looks}) == len({colour for _, colour in looks}) == len(labels) == 11


def test_at_one_value_no_maximiser_lies_hidden_behind_another():
    table, grids = benchmark()
    axes = figures.inner_loop_costs(table, grids).axes
    whole, peers = ({line.get_marker(): line for line in axis.lines[::-1]} for axis in (axes[2], axes[5]))
    behind = [whole[style.MARKERS[name]] for name in ("exhaustive", "enumeration", "ascent")]
    sizes = [line.get_markersize() for line in behind]
    assert sizes[0] > sizes[1] > sizes[2] and behind[0].zorder < behind[1].zorder < behind[2].zorder
    places = [tuple(line.get_xdata()) for marker, line in peers.items() if marker != style.MARKERS["ascent"]]
    assert len(set(places)) == len(places) == 6 and peers[style.MARKERS["ascent"]].get_alpha() == 0.5


def board(verdicts):
    claims = pd.DataFrame({"claim": [f"claim {i}" for i in range(len(verdicts))], "verdict": verdicts})
    parts = claims[["claim"]].assign(group="meant", x=2.0, x_low=1.0, x_high=3.0)
    return claims, parts


def test_each_verdict_heads_its_claims_in_words_and_an_empty_one_takes_no_room():
    verdicts = ["reproduced", "not reproduced", "reproduced", "only as published"]
    figure = figures.verdict_strips(*board(verdicts))
    columns = [[label.get_text() for label in axis.get_yticklabels()] for axis in figure.axes]
    assert columns == [
        ["reproduced (2)", "claim 0", "claim 2"],
        ["only as published (1)", "claim 3", "not reproduced (1)", "claim 1"],
    ]
    for axis in figure.axes:
        for label in axis.get_yticklabels():
            assert (label.get_fontweight() == "bold") == label.get_text().endswith(")")
    assert len(figure.legends[0].get_texts()) == 3  # what marks mean, no colours


def test_of_one_verdict_alone_there_is_one_column():
    first, second = figures.verdict_strips(*board(["inconclusive"] * 3)).axes
    assert len(first.get_yticklabels()) == 4 and not second.get_visible()


def test_the_tolerance_of_slsqp_stands_where_its_natural_logarithm_is():
    top = figures.inner_loop_values(states()).axes[0]
    (line,) = [line for line in top.lines if line.get_linestyle() == "--" and len(set(line.get_ydata())) == 1]
    assert np.exp(line.get_ydata()[0]) == pytest.approx(1e-6)
    assert top.texts[0].get_text() == "SLSQP's tolerance" and top.get_ylabel() == "ln EI of the pick"


def test_style():
    assert mpl.rcParams["font.size"] == 8 and mpl.rcParams["pdf.fonttype"] == 42
    assert len(set(figures.COLOURS.values())) == len(figures.COLOURS)
