"""How fast are the stations of the line that evaluate compositions? CPU seconds of one thread for a million of them.

    python tests/benchmarks/line.py

Fit, enumeration and a whole experiment are timed by `inner_loop.py`, against BoTorch.
"""

import numpy as np
import torch
from stations import cpu_seconds

from alloygrad.acquisition.analytic import log_ei
from alloygrad.features.feature_map import FeatureMap
from alloygrad.surrogates.gp import fit_paper
from compendium.environments import trained
from compendium.environments.alloys import SMA
from compendium.threads import one_thread


def main():
    space = SMA.space(4)
    environment = trained.load(SMA, space.elements)
    compositions = space.fractions(space.sample(100, np.random.default_rng(0)))
    merits = environment(compositions)["merit"]
    features = FeatureMap(space.elements, ["mean:VEC", "mean:XP", "mean:R", "mean:MT"])
    acquire = log_ei(fit_paper(features, compositions, merits), merits.max())
    many = space.fractions(space.sample(100_000, np.random.default_rng(1)))
    stations = {"environment": environment, "features": features, "log EI, 100 points measured": acquire}
    with one_thread(), torch.no_grad():
        for name, station in stations.items():
            seconds, _ = cpu_seconds(lambda station=station: station(many), 3)
            print(f"{name:28} {10 * seconds:.2f} s")


if __name__ == "__main__":
    main()
