"""Bulk moduli from an interatomic potential: exact where the potential is made up, and CHGNet where it is installed."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from compendium.physics import atomistic, figures


def made_up(modulus: float, volume: float, cubic: float = 0.0) -> atomistic.Potential:
    """A potential of known bulk modulus (GPa) at a known volume."""

    def energies(sites, crystal, volumes):
        x = volumes / volume - 1
        return -3.0 + modulus / atomistic.GPA * volume * (x**2 / 2 + cubic * x**3)

    return energies


@pytest.mark.parametrize(("modulus", "volume", "cubic"), [(200.0, 16.0, 0.0), (160.0, 15.0, -0.4), (80.0, 17.2, -0.4)])
def test_the_modulus_and_the_volume_of_a_made_up_potential_are_found(modulus, volume, cubic):
    found = atomistic.bulk_modulus(["W"] * 16, potential=made_up(modulus, volume, cubic))
    assert found == pytest.approx((modulus, volume), rel=1e-6)


def test_gigapascals_are_electron_volts_by_cubic_angstrom():
    assert pytest.approx(160.2176634) == atomistic.GPA


def test_an_alloy_is_the_same_cells_whenever_it_is_asked_for():
    seen = []

    def potential(sites, crystal, volumes):
        seen.append(tuple(sites))
        return made_up(100.0, 16.0)(sites, crystal, volumes)

    counts = np.array([4, 3, 3, 3, 3])
    one, again = (atomistic.modulus_of(counts, potential=potential) for _ in range(2))
    half = len(seen) // 2
    assert one == again == pytest.approx(100.0) and seen[:half] == seen[half:]
    assert len(set(seen)) == atomistic.CELLS
    for sites in set(seen):
        assert [sites.count(metal) for metal in atomistic.REFRACTORY] == counts.tolist()


def test_the_density_of_a_metal_is_that_of_the_table():
    for i, expected in enumerate([10.22, 8.57, 16.65, 6.0, 19.25]):  # CRC Handbook, 95th ed.
        assert atomistic.density(np.eye(5)[i]) == pytest.approx(expected, rel=0.03)


def by_rule(counts: np.ndarray) -> float:
    return float(counts @ [2.6, 1.7, 1.9, 1.6, 3.1]) * 100 / 16


def test_runs_of_a_seed_begin_alike_and_keep_within_the_space(monkeypatch):
    found = {arm: atomistic.run(arm, 0, experiments=2, measure=by_rule) for arm in atomistic.ARMS}
    for counts, moduli in found.values():
        assert len(counts) == len(moduli) == atomistic.INITIAL + 2
        assert atomistic.space().contains(counts).all()
    one, other = (counts[: atomistic.INITIAL] for counts, _ in found.values())
    assert (one == other).all() and len(np.unique(one, axis=0)) == len(one)


def test_runs_and_metals_are_kept_and_read_again(monkeypatch, tmp_path):
    monkeypatch.setenv("ALLOYGRAD_STORE", str(tmp_path))
    monkeypatch.setattr(atomistic, "BEHAVIOUR", 0)  # not on record
    monkeypatch.setattr(atomistic, "METALS", {"W": "bcc"})
    monkeypatch.setattr(atomistic, "chgnet", lambda: made_up(300.0, 15.9))
    monkeypatch.setattr(atomistic, "run", lambda arm, seed: (np.full((9, 5), [4, 3, 3, 3, 3]), np.arange(9.0)))
    assert atomistic.parity()["modulus_GPa"].item() == pytest.approx(300, rel=1e-4)
    runs = atomistic.compute(seeds=2)
    assert len(runs) == 2 * 2 * 9 and runs["experiment"].min() == -atomistic.INITIAL
    assert (runs[list(atomistic.REFRACTORY)].sum(axis=1) == 100).all()
    pd.testing.assert_frame_equal(atomistic.compute(seeds=2, compute_missing=False), runs)


def test_the_best_so_far_keeps_the_limit_on_density():
    dense = atomistic.MOST_DENSE
    runs = pd.DataFrame(
        {
            "arm": "campaign",
            "seed": 0,
            "experiment": [-2, -1, 0, 1, 2],
            "modulus_GPa": [180.0, 200, 300, 190, 220],
            "density_g_per_cm3": [dense, dense - 1, dense + 1, dense, dense - 2],
        }
    )
    assert atomistic.best_so_far(runs)["best_GPa"].tolist() == [200, 200, 200, 220]


def test_metals_and_runs_are_drawn_also_where_there_are_none():
    metals = pd.DataFrame({"metal": ["W"], "crystal": ["bcc"], "modulus_GPa": [306.0], "handbook_GPa": [310.0]})
    best = pd.DataFrame({"arm": ["campaign", "random"], "seed": 0, "experiment": -1, "best_GPa": 200.0})
    left, right = figures.potential(metals, best).axes
    assert [text.get_text() for text in left.texts] == ["W"] and len(right.lines) == 2
    figures.potential(metals[:0], best[:0])
    plt.close("all")


@pytest.mark.filterwarnings("ignore")
def test_the_potential_gives_the_bulk_modulus_of_tungsten():
    pytest.importorskip("chgnet")
    modulus, volume = atomistic.bulk_modulus(["W"] * 16)
    assert modulus == pytest.approx(306, abs=3) and volume == pytest.approx(16.2, abs=0.05)
