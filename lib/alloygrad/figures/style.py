"""The style of every figure: print at column width, 8 pt text, colour-blind safe colours that mean the same everywhere.

COLUMN (85 mm) and PAGE (175 mm) are the two widths of a journal, in inches.
"""

import matplotlib as mpl
import seaborn as sns

COLUMN, PAGE = 3.35, 6.9

PALETTE = sns.color_palette("colorblind")
COLOURS = {
    "enumeration": PALETTE[0], "published": PALETTE[1], "ascent": PALETTE[2], "random": PALETTE[7],
    "slsqp": PALETTE[3], "botorch_joint": PALETTE[5], "botorch_batched": PALETTE[4], "random_search": PALETTE[6],
    "cmaes": PALETTE[8], "box": PALETTE[9], "exhaustive": (0.55, 0.7, 0.9), "scored": (0.2, 0.13, 0.53),
    "published_log_ei": (0.45, 0.22, 0.0),
}  # fmt: skip
"""One colour per inner loop, in every figure."""

WIDE = {"enumeration": dict(lw=2.8, alpha=0.5)}
"""Lines that others lie on."""

SURROGATES = {"gp": COLOURS["ascent"], "forest": PALETTE[5], "deep_kernel": PALETTE[4]}
"""One colour per surrogate; the GP's is that of the loop it is run with."""

INPUTS = {"fractions": PALETTE[4], "features inside": PALETTE[9], "features outside": PALETTE[1]}
"""One colour per input of a comparison."""

LABELS = {
    "enthalpy": "enthalpy ΔH",
    "martensite_peak": "martensite peak Mp",
    "austenite_peak": "austenite peak Ap",
    "yield_strength": "yield strength",
    "ultimate_strength": "ultimate strength",
    "fractions": "raw\nfractions",
    "features inside": "features,\ninside",
    "features outside": "features,\noutside",
    "hardness": "Vickers hardness",
    "elongation": "elongation",
    "gp": "Gaussian process",
    "forest": "random forest",
    "deep_kernel": "deep kernel",
    "enumeration": "enumeration",
    "exhaustive": "exhaustive enumeration",
    "published": "published gradient loop",
    "published_log_ei": "published loop on log EI",
    "ascent": "ascent",
    "slsqp": "SLSQP on log EI",
    "scored": "best of 20 N random compositions",
    "random": "random experiments",
    "botorch_joint": "optimize_acqf",
    "botorch_batched": "optimize_acqf, batch_limit 5",
    "random_search": "random search and exchanges",
    "cmaes": "CMA-ES",
    "box": "map to a box, L-BFGS-B",
}

mpl.rcParams.update(
    {
        **sns.axes_style("ticks"),
        "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "legend.fontsize": 7, "xtick.labelsize": 7,
        "ytick.labelsize": 7, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
        "xtick.major.width": 0.6, "ytick.major.width": 0.6, "lines.linewidth": 1.2, "legend.frameon": False,
        "figure.dpi": 120, "savefig.dpi": 300, "figure.constrained_layout.use": True, "pdf.fonttype": 42,
        "axes.prop_cycle": mpl.cycler(color=PALETTE), "image.cmap": "viridis",
    }
)  # fmt: skip
