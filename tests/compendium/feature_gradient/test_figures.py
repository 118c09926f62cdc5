"""Every figure draws from a small table without a warning, and what it draws is what the table says."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from compendium import figures as saving
from compendium.feature_gradient import figures
from compendium.figures import style

RNG = np.random.default_rng(0)
PROPERTIES = ["enthalpy", "martensite_peak"]
LOOPS = ["enumeration", "ascent", "slsqp_ei"]


def cross(**columns) -> pd.DataFrame:
    """Every combination of the columns' values."""
    return pd.MultiIndex.from_product(columns.values(), names=columns).to_frame(index=False)


def campaigns(method=LOOPS, **columns) -> pd.DataFrame:
    """A curve of each inner loop, or of whatever `columns` say, that ends at 0.9; n = 8, 9, 9 by method."""
    table = cross(method=method, **columns, experiment=range(-1, 10)).assign(mean=lambda t: 0.1 * t["experiment"])
    numbers = dict(zip(LOOPS, (8, 9, 9), strict=True))
    return table.assign(low=table["mean"] - 0.05, high=table["mean"] + 0.05, n=table["method"].map(numbers))


def final(**columns) -> pd.DataFrame:
    return campaigns(**columns).query("experiment == 9").assign(mean=0.01, low=0.0, high=0.02)


def known(n=(3, 4, 5, 6, 7), **columns) -> pd.DataFrame:
    table = cross(**columns, n_elements=n).assign(step=0.001, merit=1.0, exact=lambda t: t["n_elements"] < 6)
    return table.assign(composition="Ti50 Ni50")


def variants(*names) -> pd.DataFrame:
    return campaigns(LOOPS[1:], variant=names or ["10 starts", "20 starts", "40 starts", "80 starts"])


def inputs() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Curves on features, a little better, and on fractions; and their differences."""
    one = campaigns(["ascent"], alloy=["sma", "ti"]).drop(columns="method")
    other = one.assign(mean=one["mean"] - 0.1)
    gaps = one.assign(mean=0.1, low=0.05, high=0.15)
    return pd.concat([one.assign(input="features"), other.assign(input="fractions")]), gaps


def trainings() -> pd.DataFrame:
    asked = dict(alloy=["sma", "hea"], training=["shipped", "again"], quantity=["final merit", "state entropy"])
    table = final(method=["enumeration", "slsqp_ei"], **asked)
    return table.query("alloy != 'sma' or training != 'again' or method != 'enumeration'")


def arms(*measures, **columns) -> pd.DataFrame:
    """One row per alloy, arm and measure: mean 1, 2, … and n 8, 9, … in the order of the arms."""
    table = cross(alloy=["sma", "hea"], method=figures.ARMS, measure=measures, **columns)
    i = table["method"].map(figures.ARMS.index)
    return table.assign(mean=i + 1.0, low=i + 0.5, high=i + 1.5, n=8 + i)


def finals() -> pd.DataFrame:
    return arms("final", seed=range(5)).assign(final=lambda t: t["seed"] / 10)


def places(*perplexity) -> pd.DataFrame:
    table = cross(perplexity=perplexity, method=["enumeration", "slsqp_ei"], experiment=range(-3, 6))
    x, y = RNG.normal(size=(2, len(table)))
    return table.assign(merit=0.1 * (7 * table["experiment"] % 5), x=x, y=y)


def picks() -> pd.DataFrame:
    table = pd.DataFrame(RNG.uniform(0, 30, (60, 3)), columns=["Ti", "Ni", "Cu"])
    return table.assign(method=["slsqp_ei", "enumeration"] * 30, seed=np.arange(60) // 12)


def curves(*properties) -> pd.DataFrame:
    table = cross(property=properties, epoch=range(1, 61))
    error = 1 / table["epoch"]
    return table.assign(train_mse=error, validation_r2=1 - error, test_r2=1 - 2 * error)


def histogram() -> pd.DataFrame:
    table = cross(property=PROPERTIES, scheme=["random", "grouped"], measured=np.linspace(-3, 3, 7))
    return table.assign(predicted=0.8 * table["measured"], count=1 + (5 - table["measured"].abs()).astype(int))


def metrics() -> pd.DataFrame:
    columns = pd.MultiIndex.from_product([("random", "grouped"), ("r2", "mae")])
    return pd.DataFrame(RNG.uniform(size=(2, 4)), index=PROPERTIES, columns=columns)


def merits() -> pd.DataFrame:
    return pd.DataFrame({"n_elements": np.repeat([3, 4], 50), "merit": RNG.normal(0.5, 0.1, 100)})


def gains(*processes: str) -> pd.DataFrame:
    protocols = ["inside", "outside", "published"]
    table = cross(dataset=["SMA", "Ti_yield"], process=processes, protocol=protocols).assign(target="enthalpy", n=9)
    return table.assign(mean=range(len(table)), low=lambda t: t["mean"] - 0.5, high=lambda t: t["mean"] + 1)


def landscape() -> tuple:
    grid = cross(Ti=range(20, 25), Ni=range(20, 24)).assign(log_ei=lambda t: -(t["Ti"] - t["Ni"]).abs())
    starts = pd.DataFrame(RNG.uniform(20, 24, (6, 4)), columns=["Ti", "Ni", "Ti_end", "Ni_end"])
    return grid, starts, pd.DataFrame({"method": LOOPS, "Ti": [21, 21, 22], "Ni": [21, 21, 23]}), "Ti", "Ni"


def states() -> pd.DataFrame:
    table = cross(experiment=[0, 5, 10], method=["enumeration", "slsqp_ei"])
    return table.assign(log_ei=-table["experiment"], moved=table["method"].map({"slsqp_ei": 0.1}))


def benchmark() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every maximiser of the benchmark where all find the reference, too few states at three elements."""
    names = [*LOOPS, "exhaustive", "slsqp_log_ei", "scipy_botorch", "botorch_joint", "botorch_batched", "box", "cmaes",
             "random_search"]  # fmt: skip
    table = cross(maximiser=names, n_elements=[3, 4, 15])
    n = table["n_elements"]
    table = table.assign(
        landscape=n > 10, cpu_s=n / 10, evaluations=100.0 * n, within=1.0, states=np.where(n > 3, 24, 4)
    )
    grids = pd.DataFrame({"alloy": "SMA", "n_elements": [3, 4], "seconds": [1.0, 1e3], "compositions": [1e4, 1e7]})
    return table, grids


SHOWN = {"gain": ("gain (nats)", 0.1), "share": ("share", 0.5)}


def several(count=2) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The statistics shown, of some landscapes of two alloys, and over them."""
    table = cross(alloy=["SMA", "Ti"], landscape=["shipped", "again"][:count], statistic=list(SHOWN))
    table = table.assign(value=range(len(table)), low=lambda t: t["value"] - 0.5, high=lambda t: t["value"] + 1)
    overall = cross(alloy=["all", "SMA"], statistic=list(SHOWN)).assign(value=9.0, low=8.5, high=9.5)
    return table, overall


def cuts() -> pd.DataFrame:
    table = cross(surrogate=["gp", "forest"], Hf=np.linspace(0, 20, 9))
    return table.assign(mean=np.sin(table["Hf"]), std=0.1, truth=np.cos(table["Hf"]), log_ei=-table["Hf"])


def accuracies() -> pd.DataFrame:
    table = cross(
        surrogate=["gp", "forest", "deep_kernel"], source=["random", "ascent"], n=[40, 80], metric=figures.METRICS
    )
    return table.assign(mean=1 / table["n"], low=0.9 / table["n"], high=1.2 / table["n"])


def board(*verdicts) -> pd.DataFrame:
    return pd.DataFrame({"topic": ["merit"] * 2 + ["cost"] * (len(verdicts) - 2), "verdict": verdicts})


NEEDED = [("a", 3, 10), ("a", 3, 20), ("a", 4, 382), ("a", 4, np.inf), ("b", 15, 50)]
OPTIMA = {"sma": 3.0, "ti": 4.0}
NONE = dict(low=np.nan, high=np.nan)
"""No intervals: too few trajectories."""

DRAWN = {
    "best_so_far": lambda: figures.best_so_far(campaigns(LOOPS[::2]), 25.0),
    "best_so_far at the optimum, without intervals": lambda: figures.best_so_far(campaigns().assign(**NONE), 0.9),
    "best_so_far_by_elements": lambda: figures.best_so_far_by_elements(
        campaigns(n_elements=[3, 4]), known([3, 4], alloy=["SMA"]), 0.005
    ),
    "more_elements": lambda: figures.more_elements(
        final(method=["ascent"], alloy=["sma", "ti"], n_elements=[3, 4], experiments=[50, 60]),
        known(alloy=["sma", "ti"]),
    ),
    "trajectory_costs": lambda: figures.trajectory_costs(
        cross(alloy=["SMA", "Ti"], arm=LOOPS, n_elements=[3, 4, 5]).assign(cpu_seconds=lambda t: t["n_elements"] ** 2.0)
    ),
    "arms": lambda: figures.arms(
        campaigns(alloy=["sma", "ti"]), OPTIMA, final(alloy=["sma", "ti"]), "best_of_random"
    ),
    "other_trainings": lambda: figures.other_trainings(trainings(), "ascent"),
    "other_trainings without intervals": lambda: figures.other_trainings(trainings().assign(**NONE), "ascent"),
    "variants": lambda: figures.variants(variants(), 1.0, campaigns(["enumeration"])),
    "variants of one, without intervals": lambda: figures.variants(variants("a").assign(**NONE), 1.0),
    "regret_by_starts": lambda: figures.regret_by_starts(final(starts=[10, 20, 40]), (1e-3, 0.0, 2e-3)),
    "searched_inputs": lambda: figures.searched_inputs(*inputs(), OPTIMA),
    "searched_inputs without intervals": lambda: figures.searched_inputs(*(t.assign(**NONE) for t in inputs()), OPTIMA),
    "moved_shares": lambda: figures.moved_shares(variants("EI")),
    "entropy_curves": lambda: figures.entropy_curves(arms("all points", "new picks", done=[0, 3, 6])),
    "entropy_curves of one trajectory": lambda: figures.entropy_curves(arms("all points", done=[0, 3]).assign(**NONE)),
    "entropy_differences": lambda: figures.entropy_differences(arms("all points", "new picks"), 0.1),
    "pick_distances": lambda: figures.pick_distances(
        arms("last", "nearest", "best", experiments=["1–5", "6–10"]), {"sma": 0.14, "hea": 0.7}
    ),
    "final_merits": lambda: figures.final_merits(finals(), arms("r").assign(mean=0.2, low=0, high=np.nan)),
    "scatter_measures": lambda: figures.scatter_measures(arms("one", "other")),
    "pair_of_maps": lambda: figures.pair_of_maps(places(30)),
    "perplexities": lambda: figures.perplexities(places(5, 30)),
    "pair_distributions": lambda: figures.pair_distributions(picks(), ["Ti", "Ni", "Cu"]),
    "learning_curves": lambda: figures.learning_curves(curves(*PROPERTIES), chosen_epochs=30),
    "learning_curves of one": lambda: figures.learning_curves(curves("enthalpy"), chosen_epochs=30),
    "parity": lambda: figures.parity(histogram(), metrics()),
    "merit_distributions": lambda: figures.merit_distributions(figures.densities(merits())),
    "inner_loop_map": lambda: figures.inner_loop_map(*landscape()),
    "inner_loop_values": lambda: figures.inner_loop_values(states()),
    "inner_loop_costs": lambda: figures.inner_loop_costs(*benchmark()),
    "starts_needed": lambda: figures.starts_needed(
        pd.DataFrame(NEEDED, columns=["landscape", "n_elements", "needed"])
    ),
    "verdicts_by_topic": lambda: figures.verdicts_by_topic(board("reproduced", "not tested", "reproduced")),
    "moved_by_fit": lambda: figures.moved_by_fit(fits()),
    "time_and_success": lambda: figures.time_and_success(successes()),
    "feature_gains": lambda: figures.feature_gains(gains("held", "any")),
    "feature_gains of few draws": lambda: figures.feature_gains(gains("held", "any").assign(**NONE)),
    "over_landscapes": lambda: figures.over_landscapes(*several(), SHOWN),
    "over_landscapes of one alone": lambda: figures.over_landscapes(*(t.assign(**NONE) for t in several(1)), SHOWN),
    "surrogate_cuts": lambda: figures.surrogate_cuts(cuts(), "Hf", 7.5),
    "surrogate_accuracy": lambda: figures.surrogate_accuracy(accuracies()),
    "surrogate_accuracy of one trajectory": lambda: figures.surrogate_accuracy(accuracies().assign(**NONE)),
}  # fmt: skip


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", DRAWN)
def test_each_figure_draws_without_a_warning(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = DRAWN[name]()
        figure.draw_without_rendering()  # lays out all text and every axis
    assert all(axis.has_data() for axis in figure.axes if axis.get_visible())
    widths = {round(figures.COLUMN, 2), round(figures.PAGE, 2)}
    assert round(float(figure.get_size_inches()[0]), 2) in widths


def markers(axis) -> list:
    """Lines of an axis that have a marker."""
    return [line for line in axis.lines if line.get_marker() != "None"]


def test_landscapes_stand_in_rows_and_their_mean_below():
    gain, share = DRAWN["over_landscapes"]().axes
    names = [label.get_text() for label in gain.get_yticklabels()]
    assert names == ["all landscapes", "Ti, again", "Ti, shipped", "SMA, again", "SMA, shipped"]
    dots = {int(line.get_ydata()[0]): float(line.get_xdata()[0]) for line in markers(share)}
    assert dots == {-1: 9.0, 3: 1.0, 2: 3.0, 1: 5.0, 0: 7.0}  # of the alloys together alone


# Campaigns.


def test_the_best_so_far_and_its_regret_are_those_of_the_table():
    left, right = DRAWN["best_so_far"]().axes
    for line, regret, (method, rows) in zip(
        left.lines[:2], right.lines, campaigns(LOOPS[::2]).groupby("method"), strict=True
    ):
        assert line.get_xdata().tolist() == list(range(11))  # experiments done: the table's −1 is 0 here
        assert line.get_ydata().tolist() == rows["mean"].tolist()
        assert regret.get_ydata().tolist() == (25 - rows["mean"]).tolist()
        assert line.get_color() == regret.get_color() == figures.COLOURS[method]
        assert line.get_label() == f"{figures.LABELS[method]} (n = {rows['n'].iloc[0]})"
    assert left.lines[2].get_ydata() == [25, 25]


def test_panels_that_lack_curves_say_so():
    for n_elements, numbers in (([3], 1), ([], 0)):
        figure = figures.best_so_far_by_elements(campaigns(n_elements=n_elements), known(alloy=["Ti"]), 0.005)
        assert figure.legends[0].get_title().get_text() == "titanium alloys"
        texts = [[text.get_text() for text in axis.texts] for axis in figure.axes]
        said = numbers * ["n = 8, 9, 9"] + (5 - numbers) * ["not yet computed"]
        assert texts == [["Ti50 Ni50", text] for text in said]
        dashes = [axis.lines[-1].get_linestyle() for axis in figure.axes]
        assert dashes == ["--"] * 3 + [":"] * 2  # true optimum, best known


def test_variants_draw_means_and_what_they_lack():
    figure = figures.variants(variants("a", "b"), 2.0)
    for top, bottom, arm in zip(figure.axes[:2], figure.axes[2:], LOOPS[1:], strict=True):
        assert top.get_title() == figures.LABELS[arm]
        for line, regret in zip(top.lines[:2], bottom.lines, strict=True):
            assert line.get_xdata()[0] == 0 and line.get_ydata() == pytest.approx(0.1 * np.arange(-1, 10))
            assert regret.get_ydata() == pytest.approx(2 - np.asarray(line.get_ydata()))
        assert len({line.get_color() for line in top.lines[:2]}) == 2
        assert [text.get_text() for text in top.get_legend().get_texts()] == ["a (n = 9)", "b (n = 9)"]


def test_inputs_show_what_they_lack_above_and_what_features_bring_below():
    figure = DRAWN["searched_inputs"]()
    assert [axis.get_title() for axis in figure.axes[:2]] == ["shape-memory alloys (n = 9)", "titanium alloys (n = 9)"]
    for top, bottom, optimum in zip(figure.axes[:2], figure.axes[2:], OPTIMA.values(), strict=True):
        assert [line.get_ydata()[-1] for line in top.lines] == pytest.approx([optimum - 0.9, optimum - 0.8])
        assert bottom.lines[1].get_ydata() == pytest.approx(0.1)


def test_arms_show_regret_above_and_differences_below():
    figure = DRAWN["arms"]()
    for top, optimum in zip(figure.axes[:2], OPTIMA.values(), strict=True):
        assert [line.get_ydata()[-1] for line in top.lines] == pytest.approx([optimum - 0.9] * 3)
    for bottom in figure.axes[2:]:
        assert [(dot.get_color(), dot.get_ydata()[0]) for dot in markers(bottom)] == [
            (figures.COLOURS[arm], height) for arm, height in zip(LOOPS, (2, 1, 0), strict=True)
        ]


def test_trainings_are_told_apart_and_an_arm_may_be_missing_on_one():
    table = trainings()
    for axis, (quantity, alloy) in zip(
        DRAWN["other_trainings"]().axes,
        cross(q=["final merit", "state entropy"], a=["sma", "hea"]).to_numpy(),
        strict=True,
    ):
        own = table[(table["alloy"] == alloy) & (table["quantity"] == quantity)]
        filled = [dot for dot in markers(axis) if dot.get_markerfacecolor() != "w"]
        assert quantity in axis.get_xlabel() and len(markers(axis)) == len(own)
        assert len(filled) == (own["training"] == "shipped").sum()


def test_means_over_fewer_trajectories_are_open_points():
    table = final(method=["ascent"], alloy=["sma"], n_elements=[3, 4], experiments=[60]).reset_index(drop=True)
    for sizes, hollow in (([96, 8], [[4]]), ([8, 8], [])):
        (axis,) = figures.more_elements(table.assign(n=sizes), known([3, 4], alloy=["sma"])).axes
        shown = [line.get_xdata().round().tolist() for line in axis.lines if line.get_markerfacecolor() == "w"]
        assert shown == hollow


def test_a_number_of_elements_far_below_is_written_not_drawn():
    table = final(method=["ascent"], alloy=["sma", "ti"], n_elements=[3, 4], experiments=[60])
    best = known(alloy=["sma", "ti"])
    for axis in figures.more_elements(table, best.assign(merit=[-1, 0.8, 0.85, 0.9, 0.9] * 2)).axes:
        assert axis.texts[0].get_text() == "N = 3: −1.000, off the scale"
        assert min(x for line in axis.lines for x in line.get_xdata()) > 3.5
    for axis in figures.more_elements(table, best.assign(merit=best["n_elements"] / 10)).axes:
        assert not axis.texts


# Diversity.


def test_arms_keep_their_order_their_colours_and_their_numbers():
    table = arms("all points", done=[0, 3]).sample(frac=1, random_state=0).sort_values("done", kind="stable")
    fewer = "; ".join(f"{figures.LABELS[arm]}: {8 + i}" for i, arm in enumerate(figures.ARMS[:-1]))
    panels = figures.entropy_curves(table).axes
    titles = [f"{name} alloys\n(n = 13; {fewer})" for name in ("shape-memory", "high-entropy")]
    assert [axis.get_title() for axis in panels] == titles
    for axis in panels:
        assert [line.get_color() for line in axis.lines] == [figures.COLOURS[arm] for arm in figures.ARMS]
        assert [line.get_ydata()[0] for line in axis.lines] == [1, 2, 3, 4, 5, 6]
    differences = figures.entropy_differences(arms("all points").query("method != 'enumeration'"), 0.1).axes[0]
    top_down = sorted(markers(differences), key=lambda dot: -dot.get_ydata()[0])
    assert [dot.get_markeredgecolor() for dot in top_down] == [figures.COLOURS[arm] for arm in figures.ARMS[1:]]
    assert [dot.get_xdata()[0] for dot in top_down] == [2, 3, 4, 5, 6]


def test_both_maps_of_a_pair_have_the_same_limits_and_their_own_picks():
    table = places(30)
    curves, *maps = figures.pair_of_maps(table).axes[:3]
    assert maps[0].get_xlim() == maps[1].get_xlim() and maps[0].get_ylim() == maps[1].get_ylim()
    for axis, (_, own) in zip(maps, table.groupby("method"), strict=True):
        rings, dots = axis.collections
        assert len(rings.get_offsets()) == 3
        expected = own.query("experiment >= 0").sort_values("merit")[["x", "y"]]
        np.testing.assert_allclose(dots.get_offsets(), expected)
    assert curves.lines[0].get_xdata().tolist() == [0, 1, 2, 3, 4, 5, 6]


# Networks, inputs and surrogates.


def successes() -> pd.DataFrame:
    table = cross(elements=["3–5", "6–10"], maximiser=["ascent", "box", "botorch_batched"])
    few = table["maximiser"] == "botorch_batched"
    table = table.assign(cpu_s=1.0 + table.index, within=0.9 + table.index / 100, states=np.where(few, 8, 24))
    return table.assign(low=table["within"] - 0.1, high=table["within"] + 0.02)


def fits() -> pd.DataFrame:
    table = cross(alloy=["sma", "hea"], experiment=[0, 4, 20])
    return table.assign(theirs=table.index / 10, ours=table.index / 20, **{"log EI": 0.9})


def test_shares_by_fit_are_percent_in_the_panel_of_their_alloy():
    for axis, (_, rows) in zip(figures.moved_by_fit(fits()).axes, fits().groupby("alloy", sort=False), strict=True):
        for line, name in zip(axis.lines, ["theirs", "ours", "log EI"], strict=True):
            assert line.get_xdata().tolist() == [0, 4, 20]
            assert line.get_ydata() == pytest.approx(100 * rows[name].to_numpy())


def test_time_and_success_are_drawn_with_open_marks_for_few_states():
    for axis, (_, rows) in zip(
        figures.time_and_success(successes()).axes, successes().groupby("elements", sort=False), strict=True
    ):
        drawn = [(line.get_xdata()[0], line.get_ydata()[0], line.get_markerfacecolor() == "w") for line in axis.lines]
        expected = [(row.cpu_s, 100 * row.within, row.states < 24) for row in rows.itertuples()]
        assert drawn == [pytest.approx(each) for each in expected]


def test_gains_stand_in_the_row_of_their_property_and_the_panel_of_their_rows():
    table = gains("held", "any")
    for axis, process in zip(figures.feature_gains(table).axes, ("held", "any"), strict=True):
        rows = table[table["process"] == process]
        marks = [line for line in axis.lines if line.get_marker() in ("o", "D")]
        assert [line.get_xdata()[0] for line in marks] == rows["mean"].tolist()
        heights = [round(line.get_ydata()[0]) for line in marks]
        assert heights == [1, 1, 1, 0, 0, 0]  # SMA above, three protocols each
    assert not any(axis.lines[1:] for axis in figures.feature_gains(table[:0]).axes)


def test_densities_have_integral_one_on_shared_bins():
    values = merits()
    values.loc[values["n_elements"] == 4, "merit"] += 0.3  # neither number of elements spans all bins
    table = figures.densities(values, bins=20)
    width = (values["merit"].max() - values["merit"].min()) / 20
    assert np.array_equal(*(rows["merit"].to_numpy() for _, rows in table.groupby("n_elements")))
    for n, rows in table.groupby("n_elements"):  # counted one by one
        own = values.loc[values["n_elements"] == n, "merit"].to_numpy()
        share = [(abs(own - centre) <= width / 2 * (1 + 1e-12)).mean() for centre in rows["merit"]]
        assert rows["density"].to_numpy() * width == pytest.approx(share) and sum(share) == pytest.approx(1)
    lines = figures.merit_distributions(table).axes[0].lines
    assert np.concatenate([line.get_ydata() for line in lines]).tolist() == table["density"].tolist()


def test_surrogates_are_drawn_as_their_tables_say():
    axes, table = DRAWN["surrogate_cuts"]().axes, cuts()[:9]
    assert [axis.get_title() for axis in axes[:2]] == ["Gaussian process", "random forest"]
    mean, truth, mark = axes[0].lines
    assert mean.get_ydata().tolist() == table["mean"].tolist() and truth.get_ydata().tolist() == table["truth"].tolist()
    assert mark.get_xdata() == [7.5, 7.5]
    low, high = axes[0].collections[0].get_paths()[0].get_extents().intervaly
    assert (low, high) == pytest.approx((table["mean"].min() - 0.196, table["mean"].max() + 0.196))
    axes = DRAWN["surrogate_accuracy"]().axes
    assert [axis.get_title() for axis in axes[:2]] == ["random experiments", "ascent"]
    for bars, bar in zip(axes[0].containers, axes[0].collections, strict=True):
        assert bars[0].get_ydata().tolist() == [1 / 40, 1 / 80]
        assert bar.get_segments()[1][:, 1].tolist() == pytest.approx([0.9 / 80, 1.2 / 80])


# Inner loops and claims.


def test_states_show_the_loops_and_the_tolerance_in_natural_logarithms():
    top, bottom = DRAWN["inner_loop_values"]().axes
    assert bottom.lines[0].get_ydata().tolist() == pytest.approx([10, 10, 10])
    assert [line.get_ydata().tolist() for line in top.lines[:2]] == [[0, -5, -10]] * 2
    assert np.exp(top.lines[2].get_ydata()[0]) == pytest.approx(1e-6)
    assert top.texts[0].get_text() == "SLSQP's tolerance" and top.get_ylabel() == "ln EI of the pick"
    axis, _ = DRAWN["inner_loop_map"]().axes
    assert len(axis.lines) == 6  # a line for each start


def test_the_costs_of_four_maximisers_are_drawn_with_their_numbers():
    figure = DRAWN["inner_loop_costs"]()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    shown = ["ascent", "box", "slsqp_ei", "exhaustive"]
    assert labels[:-1] == [figures.LABELS[name] for name in shown]
    colours = {line.get_color() for line in markers(figure.axes[0])}
    assert colours == {figures.COLOURS[name] for name in shown}
    own = [line for line in figure.axes[0].lines if line.get_color() == figures.COLOURS["slsqp_ei"]]
    assert {*zip(own[0].get_xdata(), own[0].get_ydata(), strict=True)} == {(3, 0.3), (4, 0.4)}


def test_starts_beyond_what_is_resolved_stand_at_the_top_their_medians_open():
    (axis,) = DRAWN["starts_needed"]().axes
    lines = [line for line in axis.lines if line.get_marker() == "o" and 3 <= min(line.get_xdata(), default=0) < 15]
    medians = {line.get_markerfacecolor() == "w": line for line in lines}
    assert medians[False].get_ydata()[0] == 15 and np.isnan(medians[False].get_ydata()[1])
    assert medians[True].get_xdata().tolist() == [4] and medians[True].get_ydata()[0] > 5 * 250
    assert "not\nresolved" in [label.get_text() for label in axis.get_yticklabels()]


def test_each_topic_has_a_bar_of_its_verdicts_with_their_numbers():
    verdicts = ["reproduced", "not reproduced", "reproduced", "only as published", "reproduced"]
    (axis,) = figures.verdicts_by_topic(board(*verdicts)).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["merit", "cost"]
    widths = {bars.get_label(): [bar.get_width() for bar in bars] for bars in axis.containers}
    assert widths == {"reproduced": [1, 2], "only as published": [0, 1], "not reproduced": [1, 0]}
    assert sorted(text.get_text() for text in axis.texts) == ["", "", "1", "1", "1", "2"]


# Style and files.


def test_no_arm_is_told_by_its_colour_alone():
    for names in (figures.ARMS, style.SURROGATES):
        lines = [style.line_of(name) for name in names]
        for part in ("color", "label", "marker"):
            assert len({line[part] for line in lines}) == len(names)


@pytest.mark.parametrize(("profile", "folder"), [("paper", "figures"), ("smoke", "figures/smoke")])
def test_save_writes_three_files_below_the_profile_the_same_bytes_each_time(profile, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "ROOT", tmp_path)
    table = pd.DataFrame({"x": [1, 2], "y": [0.123456789, np.nan]})
    written = []
    for _ in range(2):
        figure = figures.save(DRAWN["inner_loop_values"](), "06_test", data=table, profile=profile)
        files = sorted(path for path in (tmp_path / folder).iterdir() if path.is_file())
        assert [file.name for file in files] == ["06_test.csv", "06_test.pdf", "06_test.png"]
        assert set(figures.paths("06_test", profile)) == set(files) and not plt.fignum_exists(figure.number)
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]
    pd.testing.assert_frame_equal(pd.read_csv(files[0]), table, rtol=1e-5)
